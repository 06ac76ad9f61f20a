"""Arithmetic: add, sub, mul, div, neg, pow and matmul.

The gradients are written as if both operands had the shape of the result. If one was broadcast, the
engine sums its gradient over the broadcast axes.
"""

import numpy as np

from ..engine import Function, as_tensors
from ..errors import ShapeError
from ..text import counted
from ..typing import ArrayLike, Tensor


class Add(Function):
    """y = a + b

    ga = gy      one more in a is one more in y
    gb = gy
    """

    def forward(self, a, b):
        return a + b

    def backward(self, gy):
        return gy, gy


class Sub(Function):
    """y = a − b

    ga = gy
    gb = −gy
    """

    def forward(self, a, b):
        return a - b

    def backward(self, gy):
        return gy, -gy if self.needs[1] else None


class Mul(Function):
    """y = a b

    ga = gy b      each factor is the slope that the other one sees
    gb = gy a
    """

    def forward(self, a, b):
        self.a, self.b = a, b
        return a * b

    def backward(self, gy):
        ga = gy * self.b if self.needs[0] else None
        gb = gy * self.a if self.needs[1] else None
        return ga, gb


class Div(Function):
    """y = a / b

    ga = gy / b
    gb = −gy a / b² = −gy y / b
    """

    def forward(self, a, b):
        self.b = b
        self.y = a / b
        return self.y

    def backward(self, gy):
        ga = gy / self.b
        gb = -ga * self.y if self.needs[1] else None
        return ga, gb


class Neg(Function):
    """y = −x

    gx = −gy
    """

    def forward(self, x):
        return -x

    def backward(self, gy):
        return -gy


class Pow(Function):
    """y = aᵇ

    ga = gy b aᵇ⁻¹      0 where b = 0, whatever a is
    gb = gy y ln a      aᵇ = exp(b ln a); 0 where a = 0 and b ≥ 0, NaN where a < 0
    """

    def forward(self, a, b):
        self.a, self.b = a, b
        self.y = a**b
        return self.y

    def backward(self, gy):
        a, b = self.a, self.b
        ga = gb = None
        if self.needs[0]:
            ga = np.where(b == 0, 0, gy * b * a ** (b - 1))
        if self.needs[1]:
            gb = np.where((a == 0) & (b >= 0), 0, gy * self.y * np.log(a))
        return ga, gb


class Matmul(Function):
    """y = a b      a (…, M, K)   b (…, K, N)   ->   y (…, M, N)

    ga = gy bᵀ      y_mn = Σ_k a_mk b_kn:  a_mk reaches y_mn for every n, by b_kn
    gb = aᵀ gy                             b_kn reaches y_mn for every m, by a_mk

    The leading axes broadcast. As in NumPy, a 1-D `a` is a row (1, K), a 1-D `b` is a column
    (K, 1), and the added axis of length 1 is removed from y.
    """

    def forward(self, a, b):
        self.a, self.b = a, b
        return a @ b

    def backward(self, gy):
        a, b = self.a, self.b
        if b.ndim == 1:
            gy, b = gy[..., None], b[:, None]
        if a.ndim == 1:
            gy, a = gy[..., None, :], a[None]
        ga = gy @ b.swapaxes(-1, -2) if self.needs[0] else None
        gb = a.swapaxes(-1, -2) @ gy if self.needs[1] else None
        if gb is not None and self.b.ndim == 1:
            gb = gb[..., 0]
        return ga, gb


def add(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Return a + b; the shapes broadcast."""
    return Add.apply(a, b)


def sub(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Return a − b; the shapes broadcast."""
    return Sub.apply(a, b)


def mul(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Return the elementwise product a b; the shapes broadcast."""
    return Mul.apply(a, b)


def div(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Return a / b; the shapes broadcast."""
    return Div.apply(a, b)


def neg(x: ArrayLike) -> Tensor:
    """Return −x."""
    return Neg.apply(x)


def pow(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Return aᵇ; the shapes broadcast, and both base and exponent may be Tensors.

    The gradients at 0 and for negative bases are PyTorch's: see `Pow`.
    """
    return Pow.apply(a, b)


def matmul(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Return the matrix product of a (…, M, K) and b (…, K, N), as `numpy.matmul` does.

    Raises:
        ShapeError: if the two sizes K differ, or the leading axes do not broadcast.
    """
    a, b = as_tensors(a, b)
    try:
        return Matmul.apply(a, b)
    except ShapeError as error:
        raise _matmul_error(a.shape, b.shape) from error


def _matmul_error(a: tuple, b: tuple) -> ShapeError:
    facts = f"a {a}, b {b}"
    if not a or not b:
        return ShapeError("matmul", "a number is not a matrix", facts, "write a * b")
    columns, rows = a[-1], b[-2:][0]
    if columns == rows:
        wrong = "the axes before the last two do not broadcast"
        return ShapeError("matmul", wrong, facts, "make each pair of them equal, or one of them 1")
    wrong = f"a has {counted(columns, 'column' if a[1:] else 'element')}"
    wrong += f" but b has {counted(rows, 'row' if b[1:] else 'element')}"
    transposed = {"b": b[1:] and b[-1] == columns, "a": a[1:] and a[-2] == rows}
    fits = " or ".join(name for name, fit in transposed.items() if fit)
    remedy = f"transpose {fits}" if fits else "make these two sizes equal"
    return ShapeError("matmul", wrong, facts, remedy)
