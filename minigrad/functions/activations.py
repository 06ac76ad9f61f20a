"""Activations: relu and its relatives, sigmoid, tanh, softmax and log_softmax."""

import math

import numpy as np

from ..engine import Function, as_float
from ..errors import ArgumentError
from ..typing import ArrayLike, Axis, Tensor


class ReLU(Function):
    """y = max(x, 0)

    gx = gy where x > 0, 0 elsewhere

    So relu'(0) = 0, as in PyTorch. y ≠ 0 is the same, but that NaN passes.
    """

    def forward(self, x):
        self.y = np.maximum(x, 0)
        return self.y

    def backward(self, gy):
        return gy * (self.y != 0)  # np.where is 17 × slower on 512 × 1024: it branches


class LeakyReLU(Function):
    """y = x where x > 0, a x elsewhere      a: the slope for negative x

    gx = gy where x > 0, a gy elsewhere
    """

    def forward(self, x, negative_slope):
        self.x, self.a = x, negative_slope
        return np.where(x > 0, x, x * self.a)

    def backward(self, gy):
        return np.where(self.x > 0, gy, gy * self.a)


class ELU(Function):
    """y = x where x > 0, a (eˣ − 1) elsewhere

    gx = gy where x > 0, gy a eˣ elsewhere      and gy at NaN
    """

    def forward(self, x, alpha):
        self.x, self.a = x, alpha
        return np.where(x > 0, x, self.a * np.expm1(np.minimum(x, 0)))

    def backward(self, gy):
        return np.where(self.x <= 0, gy * self.a * np.exp(self.x), gy)


class GELU(Function):
    """y = x Φ(x)      Φ, φ: the distribution and the density of the standard normal

    gx = gy (Φ(x) + x φ(x)),   Φ' = φ
    """

    def forward(self, x):
        self.x = x
        self.cdf = np.asarray(_erfc(x * -math.sqrt(0.5)), dtype=x.dtype) / 2
        return x * self.cdf

    def backward(self, gy):
        density = np.exp(-self.x * self.x / 2) / math.sqrt(2 * math.pi)
        return gy * (self.cdf + self.x * density)


class GELUTanh(Function):
    """y = x s(x),   s = (1 + tanh u) / 2,   u = √(2/π) (x + 0.044715 x³)

    gx = gy (s + x s'),   s' = (1 − tanh² u) / 2 · u',   u' = √(2/π) (1 + 3 · 0.044715 x²)
    """

    def forward(self, x):
        self.x = x
        self.tanh = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))
        return x * (1 + self.tanh) / 2

    def backward(self, gy):
        x, tanh = self.x, self.tanh
        slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
        return gy * ((1 + tanh) + x * (1 - tanh * tanh) * slope) / 2


class SiLU(Function):
    """y = x s      s = 1 / (1 + e⁻ˣ)

    gx = gy (s + x s (1 − s)),   s' = s (1 − s)
    """

    def forward(self, x):
        self.x, self.s = x, logistic(x)
        return x * self.s

    def backward(self, gy):
        return gy * self.s * (1 + self.x * (1 - self.s))


class Softplus(Function):
    """y = ln(1 + eˣ)

    gx = gy / (1 + e⁻ˣ)
    """

    def forward(self, x):
        self.x = x
        return np.logaddexp(x, 0)

    def backward(self, gy):
        return gy * logistic(self.x)


class Sigmoid(Function):
    """y = 1 / (1 + e⁻ˣ)

    gx = gy y (1 − y)
    """

    def forward(self, x):
        self.y = logistic(x)
        return self.y

    def backward(self, gy):
        return gy * self.y * (1 - self.y)


class Tanh(Function):
    """y = tanh x

    gx = gy (1 − y²)
    """

    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, gy):
        return gy * (1 - self.y * self.y)


class Softmax(Function):
    """yᵢ = exp(xᵢ) / Σⱼ exp(xⱼ)

    gxᵢ = yᵢ (gyᵢ − Σⱼ gyⱼ yⱼ)

    xᵢ is in the numerator of yᵢ and in the denominator of every yⱼ:

        ∂yᵢ/∂xᵢ = yᵢ − yᵢ yᵢ      ∂yⱼ/∂xᵢ = −yⱼ yᵢ for j ≠ i

    So gxᵢ = Σⱼ gyⱼ ∂yⱼ/∂xᵢ = gyᵢ yᵢ − Σⱼ gyⱼ yⱼ yᵢ.
    """

    def forward(self, x, axis):
        self.axis = axis
        self.y = np.exp(shifted(x, axis))
        self.y /= self.y.sum(axis=axis, keepdims=True)
        return self.y

    def backward(self, gy):
        total = (gy * self.y).sum(axis=self.axis, keepdims=True)
        return self.y * (gy - total)


class LogSoftmax(Function):
    """yᵢ = xᵢ − ln Σⱼ exp(xⱼ)

    gxᵢ = gyᵢ − pᵢ Σⱼ gyⱼ,   p = exp(y) = softmax(x)

    xᵢ raises yᵢ by 1, and the logarithm in every yⱼ by pᵢ: ∂yⱼ/∂xᵢ is 1 − pᵢ for j = i, or −pᵢ.
    """

    def forward(self, x, axis):
        self.axis = axis
        y = shifted(x, axis)
        y -= np.log(np.exp(y).sum(axis=axis, keepdims=True))
        self.y = y
        return y

    def backward(self, gy):
        return gy - np.exp(self.y) * gy.sum(axis=self.axis, keepdims=True)


def logistic(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + e⁻ˣ); e^−|x| cannot overflow, and keeps small results exact."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def shifted(x: np.ndarray, axis: Axis) -> np.ndarray:
    """Return x minus its maximum: the softmax is the same, and no exponential overflows.

    exp(xᵢ − m) / Σⱼ exp(xⱼ − m) = exp(xᵢ) / Σⱼ exp(xⱼ): exp(−m) cancels. The largest exponent is 0.
    """
    if x.dtype.kind != "f":
        x = x.astype(np.float64)  # as np.exp does with integers
    return x - x.max(axis=axis, keepdims=True, initial=-np.inf)


_erfc = np.frompyfunc(math.erfc, 1, 1)


def relu(x: ArrayLike) -> Tensor:
    """Return max(x, 0); as in PyTorch the gradient at 0 is 0."""
    return ReLU.apply(x)


def leaky_relu(x: ArrayLike, negative_slope: float = 0.01) -> Tensor:
    """Return x for x > 0 and `negative_slope` · x elsewhere, which is its gradient at 0 too."""
    return LeakyReLU.apply(x, negative_slope=negative_slope)


def elu(x: ArrayLike, alpha: float = 1.0) -> Tensor:
    """Return x for x > 0 and alpha (eˣ − 1) elsewhere (Clevert et al., 2015)."""
    return ELU.apply(x, alpha=alpha)


def gelu(x: ArrayLike, approximate: str = "none") -> Tensor:
    """Return x Φ(x), Φ the standard normal distribution (Hendrycks and Gimpel, 2016).

    `approximate="tanh"` uses their approximation by tanh, which is several times faster here: NumPy
    has no error function, and Python's takes one element at a time.
    """
    if approximate not in ("none", "tanh"):
        wrong, facts = f"approximate={approximate!r} is unknown", "it can be 'none' or 'tanh'"
        raise ArgumentError("gelu", wrong, facts, "choose one of them")
    return GELU.apply(x) if approximate == "none" else GELUTanh.apply(x)


def silu(x: ArrayLike) -> Tensor:
    """Return x / (1 + e⁻ˣ), also known as swish."""
    return SiLU.apply(as_float(x))


def softplus(x: ArrayLike) -> Tensor:
    """Return ln(1 + eˣ), exact for large |x| (PyTorch switches to x above 20)."""
    return Softplus.apply(x)


def sigmoid(x: ArrayLike) -> Tensor:
    """Return 1 / (1 + e⁻ˣ)."""
    return Sigmoid.apply(as_float(x))


def tanh(x: ArrayLike) -> Tensor:
    """Return the hyperbolic tangent of x."""
    return Tanh.apply(x)


def softmax(x: ArrayLike, axis: int = -1) -> Tensor:
    """Return eˣ divided by its sum along `axis`: positive numbers that sum to 1.

    −∞ gives 0; NaN, +∞ or nothing but −∞ makes the row NaN. To train a classifier, give the
    logits to `cross_entropy`, which stays exact when softmax underflows.
    """
    return Softmax.apply(x, axis=axis)


def log_softmax(x: ArrayLike, axis: int = -1) -> Tensor:
    """Return the logarithm of `softmax(x, axis)`, without its underflow."""
    return LogSoftmax.apply(x, axis=axis)
