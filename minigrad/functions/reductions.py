"""Reductions: sum, mean, max, min, prod, var, std and logsumexp.

`axis` is None for all axes, one axis, or a tuple of axes; `keepdims` leaves the reduced axes in
place with length 1. The maths is written for one reduced axis of length n.
"""

import numpy as np

from ..engine import Function
from ..typing import ArrayLike, Axis, Tensor


class Reduction(Function):
    """What the reductions share: they compute with keepdims, so that y and gy broadcast to x."""

    def finish(self, y, axis, keepdims):
        """Return y, computed with keepdims, in the shape that was asked for."""
        self.kept = y.shape
        return y if keepdims else np.squeeze(y, axis)

    def spread(self, gy):
        """Return gy in the shape that y has with keepdims."""
        return gy.reshape(self.kept)


class Sum(Reduction):
    """y = Σᵢ xᵢ

    gxᵢ = gy      every element counts once
    """

    def forward(self, x, axis, keepdims):
        self.shape = x.shape
        return self.finish(x.sum(axis=axis, keepdims=True), axis, keepdims)

    def backward(self, gy):
        return np.broadcast_to(self.spread(gy), self.shape)


class Mean(Reduction):
    """y = 1/n Σᵢ xᵢ

    gxᵢ = gy / n
    """

    def forward(self, x, axis, keepdims):
        self.shape = x.shape
        y = x.sum(axis=axis, keepdims=True)
        self.n = _count(x, y)
        return self.finish(y / self.n, axis, keepdims)

    def backward(self, gy):
        return np.broadcast_to(self.spread(gy / self.n), self.shape)


class Max(Reduction):
    """y = maxᵢ xᵢ

    gxᵢ = gy / k where xᵢ = y, 0 elsewhere      k elements share a tie; NaN where y is NaN
    """

    def forward(self, x, axis, keepdims):
        y = x.max(axis=axis, keepdims=True)
        self.hit = x == y
        self.k = self.hit.sum(axis=axis, keepdims=True)
        return self.finish(y, axis, keepdims)

    def backward(self, gy):
        return self.spread(gy) * self.hit / self.k.astype(gy.dtype)


class Min(Reduction):
    """y = minᵢ xᵢ

    gxᵢ = gy / k where xᵢ = y, 0 elsewhere      k elements share a tie; NaN where y is NaN
    """

    def forward(self, x, axis, keepdims):
        y = x.min(axis=axis, keepdims=True)
        self.hit = x == y
        self.k = self.hit.sum(axis=axis, keepdims=True)
        return self.finish(y, axis, keepdims)

    def backward(self, gy):
        return self.spread(gy) * self.hit / self.k.astype(gy.dtype)


class Prod(Reduction):
    """y = Πᵢ xᵢ

    gxᵢ = gy Π_{j≠i} xⱼ      not gy y / xᵢ, which fails at xᵢ = 0

    The product of all others is that of the elements before xᵢ, times that of those after it.
    """

    def forward(self, x, axis, keepdims):
        self.x = x
        every = axis is None or x.ndim == 0  # NumPy reduces a 0-d array over axis 0 or −1 too
        self.axes = tuple(range(x.ndim)) if every else tuple(np.atleast_1d(axis))
        return self.finish(x.prod(axis=axis, keepdims=True), axis, keepdims)

    def backward(self, gy):
        last = range(-len(self.axes), 0)
        x = np.moveaxis(self.x, self.axes, last)
        rows = x.reshape(*x.shape[: x.ndim - len(last)], -1) if x.size else x
        others = (_product_before(rows) * _product_before(rows[..., ::-1])[..., ::-1]).reshape(
            x.shape
        )
        return self.spread(gy) * np.moveaxis(others, last, self.axes)


class Var(Reduction):
    """y = 1/(n − ddof) Σᵢ (xᵢ − m)²,   m = 1/n Σᵢ xᵢ

    gxᵢ = gy 2 (xᵢ − m) / (n − ddof)      the path through m adds nothing: Σᵢ (xᵢ − m) = 0
    """

    def forward(self, x, axis, ddof, keepdims):
        total = x.sum(axis=axis, keepdims=True)
        n = _count(x, total)
        self.centred = x - total / n
        self.dof = total.dtype.type(np.maximum(float(n) - ddof, 0))
        y = np.square(self.centred).sum(axis=axis, keepdims=True) / self.dof
        return self.finish(y, axis, keepdims)

    def backward(self, gy):
        return self.spread(gy) * 2 * self.centred / self.dof


class Std(Var):
    """y = √v,   v = 1/(n − ddof) Σᵢ (xᵢ − m)²,   m = 1/n Σᵢ xᵢ

    gxᵢ = gv 2 (xᵢ − m) / (n − ddof),   gv = gy / 2y      0 where y = 0
    """

    def forward(self, x, axis, ddof, keepdims):
        self.y = np.sqrt(super().forward(x, axis, ddof, keepdims))
        return self.y

    def backward(self, gy):
        return super().backward(np.where(self.y == 0, 0, gy / (2 * self.y)))


class Logsumexp(Reduction):
    """y = ln Σᵢ exp(xᵢ) = m + ln Σᵢ exp(xᵢ − m),   m = maxᵢ xᵢ

    gxᵢ = gy pᵢ,   p = exp(x − y) = exp(xᵢ − m) / Σⱼ exp(xⱼ − m)

    Taking m out leaves y as it is and keeps every exponent at 0 or below, so nothing overflows.
    p is computed without y, whose rounding is that of m: 1 % of it at m = 10⁵ in float32.
    """

    def forward(self, x, axis, keepdims):
        x = x if x.dtype.kind == "f" else x.astype(np.float64)
        m = x.max(axis=axis, keepdims=True, initial=-np.inf)
        m = np.where(np.isfinite(m), m, 0)
        e = np.exp(x - m)
        total = e.sum(axis=axis, keepdims=True)
        self.p = e / total
        return self.finish(m + np.log(total), axis, keepdims)

    def backward(self, gy):
        return self.spread(gy) * self.p


def _count(x, y):
    """Return how many elements of x went into each element of y, as a number of y's dtype.

    y is their sum, which NumPy computes in 64 bits for integers: 256 is no number of eight bits.
    """
    return y.dtype.type(x.size // (y.size or 1))


def _product_before(rows):
    """Return the product of the elements before each one, along the last axis."""
    shifted = np.ones_like(rows)
    shifted[..., 1:] = rows[..., :-1]
    return np.cumprod(shifted, axis=-1)


def sum(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the sum over `axis`; 0 for no elements."""
    return Sum.apply(x, axis=axis, keepdims=keepdims)


def mean(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the mean over `axis`; NaN for no elements."""
    return Mean.apply(x, axis=axis, keepdims=keepdims)


def max(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the largest value over `axis`; NaN if there is one.

    As in `torch.amax`, elements that tie share the gradient equally.

    Raises:
        ShapeError: if there are no elements.
    """
    return Max.apply(x, axis=axis, keepdims=keepdims)


def min(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the smallest value over `axis`; NaN if there is one.

    As in `torch.amin`, elements that tie share the gradient equally.

    Raises:
        ShapeError: if there are no elements.
    """
    return Min.apply(x, axis=axis, keepdims=keepdims)


def prod(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the product over `axis`; 1 for no elements. The gradient is exact at zeros too."""
    return Prod.apply(x, axis=axis, keepdims=keepdims)


def var(x: ArrayLike, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
    """Return the variance over `axis`, with the divisor n − ddof as in NumPy.

    PyTorch's default is ddof=1. NaN for n = 0.
    """
    return Var.apply(x, axis=axis, ddof=ddof, keepdims=keepdims)


def std(x: ArrayLike, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
    """Return the standard deviation over `axis`, the square root of `var`.

    As in PyTorch the gradient is 0 where the standard deviation is 0.
    """
    return Std.apply(x, axis=axis, ddof=ddof, keepdims=keepdims)


def logsumexp(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return ln Σ exp(x) over `axis`, without overflow; −∞ for no elements."""
    return Logsumexp.apply(x, axis=axis, keepdims=keepdims)
