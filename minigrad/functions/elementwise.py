"""Functions of one element at a time: exp, log, sqrt, abs, sin, maximum, where, clip …

At points without a derivative they follow PyTorch; each docstring says what that is.
"""

import numpy as np

from ..engine import Function, as_array, constant
from ..errors import ArgumentError
from ..typing import ArrayLike, Tensor


class Exp(Function):
    """y = eˣ

    gx = gy y      the exponential is its own slope
    """

    def forward(self, x):
        self.y = np.exp(x)
        return self.y

    def backward(self, gy):
        return gy * self.y


class Log(Function):
    """y = ln x

    gx = gy / x      infinite at 0; for x < 0 y is NaN and gx still gy / x
    """

    def forward(self, x):
        self.x = x
        return np.log(x)

    def backward(self, gy):
        return gy / self.x


class Log1p(Function):
    """y = ln(1 + x)

    gx = gy / (1 + x)
    """

    def forward(self, x):
        self.x = x
        return np.log1p(x)

    def backward(self, gy):
        return gy / (1 + self.x)


class Sqrt(Function):
    """y = √x

    gx = gy / 2y      infinite at 0 (NaN where gy = 0 too), NaN for x < 0
    """

    def forward(self, x):
        self.y = np.sqrt(x)
        return self.y

    def backward(self, gy):
        return gy / (2 * self.y)


class Abs(Function):
    """y = |x|

    gx = gy sign x      0 at 0 and at NaN
    """

    def forward(self, x):
        self.x = x
        return np.abs(x)

    def backward(self, gy):
        return np.where(self.x > 0, gy, np.where(self.x < 0, -gy, 0))


class Sin(Function):
    """y = sin x

    gx = gy cos x
    """

    def forward(self, x):
        self.x = x
        return np.sin(x)

    def backward(self, gy):
        return gy * np.cos(self.x)


class Cos(Function):
    """y = cos x

    gx = −gy sin x
    """

    def forward(self, x):
        self.x = x
        return np.cos(x)

    def backward(self, gy):
        return -gy * np.sin(self.x)


class Maximum(Function):
    """y = max(a, b)

    ga = gy where a > b, gy / 2 where a = b, 0 where a < b      a tie shares the gradient equally
    gb = gy − ga                                                (next to a NaN both get all of gy)
    """

    def forward(self, a, b):
        self.a, self.b = a, b
        return np.maximum(a, b)

    def backward(self, gy):
        share = np.where(self.a == self.b, gy / 2, gy)
        ga = np.where(self.a < self.b, 0, share) if self.needs[0] else None
        gb = np.where(self.b < self.a, 0, share) if self.needs[1] else None
        return ga, gb


class Minimum(Function):
    """y = min(a, b)

    ga = gy where a < b, gy / 2 where a = b, 0 where a > b      a tie shares the gradient equally
    gb = gy − ga                                                (next to a NaN both get all of gy)
    """

    def forward(self, a, b):
        self.a, self.b = a, b
        return np.minimum(a, b)

    def backward(self, gy):
        share = np.where(self.a == self.b, gy / 2, gy)
        ga = np.where(self.a > self.b, 0, share) if self.needs[0] else None
        gb = np.where(self.b > self.a, 0, share) if self.needs[1] else None
        return ga, gb


class Where(Function):
    """y = a where the condition holds, b elsewhere

    ga = gy where the condition holds, 0 elsewhere      selected, not multiplied: 0 · ∞ is NaN
    gb = 0 where the condition holds, gy elsewhere
    """

    def forward(self, a, b, condition):
        self.condition = condition
        return np.where(condition, a, b)

    def backward(self, gy):
        ga = np.where(self.condition, gy, 0) if self.needs[0] else None
        gb = np.where(self.condition, 0, gy) if self.needs[1] else None
        return ga, gb


class Clip(Function):
    """y = min(max(x, lo), hi)

    gx = gy where lo ≤ x ≤ hi, 0 elsewhere and at NaN
    """

    def forward(self, x, lo, hi):
        above = True if lo is None else x >= lo
        below = True if hi is None else x <= hi
        self.inside = np.logical_and(above, below)
        return np.clip(x, lo, hi)

    def backward(self, gy):
        return np.where(self.inside, gy, 0)


def exp(x: ArrayLike) -> Tensor:
    """Return eˣ for each element."""
    return Exp.apply(x)


def log(x: ArrayLike) -> Tensor:
    """Return the natural logarithm of each element: −∞ at 0, NaN below.

    As in PyTorch the gradient is infinite at 0. See `where` for how to leave such points out.
    """
    return Log.apply(x)


def log1p(x: ArrayLike) -> Tensor:
    """Return ln(1 + x) for each element, exact for small x too."""
    return Log1p.apply(x)


def sqrt(x: ArrayLike) -> Tensor:
    """Return √x for each element: NaN for x < 0; as in PyTorch the gradient is infinite at 0."""
    return Sqrt.apply(x)


def abs(x: ArrayLike) -> Tensor:
    """Return |x| for each element; as in PyTorch the gradient is 0 at 0."""
    return Abs.apply(x)


def sin(x: ArrayLike) -> Tensor:
    """Return sin x for each element, x in radians."""
    return Sin.apply(x)


def cos(x: ArrayLike) -> Tensor:
    """Return cos x for each element, x in radians."""
    return Cos.apply(x)


def maximum(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Return the larger of a and b for each element; the shapes broadcast, NaN wins.

    As in `torch.maximum` a tie gives half of the gradient to each.
    """
    return Maximum.apply(a, b)


def minimum(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Return the smaller of a and b for each element; the shapes broadcast, NaN wins.

    As in `torch.minimum` a tie gives half of the gradient to each.
    """
    return Minimum.apply(a, b)


def where(condition: ArrayLike, a: ArrayLike, b: ArrayLike) -> Tensor:
    """Return a where the condition holds and b elsewhere; the shapes broadcast.

    The branch that is not chosen gets a gradient of exactly 0. If the function in that branch has
    an infinite slope, the result is still NaN, because 0 · ∞ is NaN: at x = 0,
    `where(x > 0, log(x), 0)` has the gradient NaN, as in PyTorch. The remedy is to keep the bad
    values away from the function as well:

        where(x > 0, log(where(x > 0, x, 1)), 0)
    """
    return Where.apply(a, b, condition=as_array(condition).astype(bool, copy=False))


def clip(x: ArrayLike, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Tensor:
    """Return x limited to [min, max]; None means no limit.

    The limits are numbers or arrays that broadcast to x, and get no gradient. As in `torch.clamp`
    the gradient passes on the limits themselves, and is 0 outside them and at NaN.
    """
    if min is None and max is None:
        raise ArgumentError(
            "clip", "there is no limit", "min None, max None", "give min, max or both"
        )
    lo = None if min is None else constant("clip", "min", min)
    hi = None if max is None else constant("clip", "max", max)
    return Clip.apply(x, lo=lo, hi=hi)
