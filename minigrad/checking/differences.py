"""The idea of gradcheck: central differences, projections, and the verdict on an element.

y = f(x) is weighted by a random upstream gradient u, and L = Σ u y is what a backward pass with
this u differentiates. The same derivative comes from forward passes alone. Move one element of x
by a small step h to either side: the slopes on its left and on its right are

    (L(x) − L(x − h)) / h        (L(x + h) − L(x)) / h

and their mean is the central difference (L(x + h) − L(x − h)) / 2h. On a smooth f it is wrong

    by truncation, about h² L‴ / 6, because f is not a parabola, and
    by rounding, about ε |L| / h, because L is a float and the numerator a difference of two.

The sum is smallest near h = ∛ε = 6e-6, where both are about ε^⅔ = 4e-11 of L and L‴. A small x
gets a smaller step, 6e-4 |x|, for ln x and 1/x bend over a distance of |x|. So nearly every element
of a right gradient agrees to 1e-6 of itself, and has passed; a wrong one is off by far more. A
large array is checked as a whole instead: all of its elements move at once, along a random
direction v, and Σ v ∂L/∂x has to be the slope. One direction is enough: a wrong gradient whose
error is at right angles to a random v has probability 0.

What does not settle at once goes to harder.py, which returns slopes with a bound on their error.
`verdict` then decides, and never says PASS where the error could hide a wrong gradient.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

STEP = 6e-6  # the cube root of ε
CLOSER = 0.01  # an x nearer to 0 gets a smaller step: h² L‴ / 6 is 4e-7 of the slope of 1/x
RTOL = 1e-6
VISIBLE = 1e-4  # of the largest gradient of the input: a larger error could hide too much
NEGLIGIBLE = 1e-8  # of the largest gradient that flows: half of the digits of a float
BENT = 1e-3  # of the slopes: a plain difference whose sides differ by more may meet a kink
ROUNDED = 1e-12  # of the largest gradient: what some thousand roundings of ε add up to
ROUNDED_32 = 1e-4  # in float32: a thousand of its ε
DENORMAL = 1e-290  # an x nearer to 0 has no steps of its own, and is stepped like 0

Where = tuple | np.ndarray  # the index of one element, or a direction for the whole array


class Slope(NamedTuple):
    """A derivative of L taken from differences, and a bound on its error."""

    value: float
    error: float


class Tolerance(NamedTuple):
    """What is allowed beside the error of a slope.

    Attributes:
        rtol: as a share of the slope.
        atol: as a number.
        rounded: as a share of the largest gradient, for the roundings of the backward pass.
    """

    rtol: float
    atol: float
    rounded: float


class Sides(NamedTuple):
    """The slopes of L to the left and to the right of x."""

    left: float
    right: float

    @property
    def mean(self) -> float:
        """The central difference."""
        return (self.left + self.right) / 2


class Line:
    """A line along which a gradient is judged: through one element of leaf i, or a direction.

    Attributes:
        unit: what its steps are a share of.
        step: that of the plain difference.
        analytic: the gradient along it that backward computed.
        sides: the slopes of a plain difference.
        numeric, error: the slope, and a bound on its error.
        flow: the largest gradient that flows anywhere, as it shows along this line.
        largest: the largest numeric gradient of the leaf.
        ladder: the slopes at more steps, if the plain difference did not settle it.
        verdict: what came out.
        doubt: why it is UNDECIDED, if not for the error of the slope.
    """

    def __init__(self, i: int, where: Where, flow: float):
        self.i, self.where, self.flow = i, where, flow
        self.is_element = isinstance(where, tuple)
        self.error, self.ladder, self.doubt = 0.0, None, ""

    @property
    def bends(self) -> bool:
        """Whether the slopes to the two sides differ, as they do at a kink."""
        left, right = self.sides
        return not abs(right - left) <= BENT * (abs(right) + abs(left))


class Probe:
    """The slopes of L along one array, which is moved in place and put back.

    Args:
        evaluate: returns y, a vector.
        x: the array.
        u: the upstream gradient, of y's length.
        y: the value of f at x.
    """

    def __init__(self, evaluate: Callable[[], np.ndarray], x: np.ndarray, u, y):
        self.evaluate, self.x, self.u, self.y = evaluate, x, u, y

    def at(self, where: Where, t: float) -> tuple[np.ndarray, float]:
        """Return y with x moved by t along `where`, and by how much it really moved."""
        if isinstance(where, tuple):
            place, before = where, self.x[where]
            self.x[where] = before + t
            t = float(self.x[where] - before)
        else:
            place, before = ..., self.x.copy()
            np.multiply(where, t, out=self.x)
            self.x += before
        try:
            return self.evaluate(), t
        finally:
            self.x[place] = before

    def slopes(self, where: Where, h: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the slopes of each y between x − h, x and x + h.

        They are NaN if h is lost in the rounding of x.
        """
        (below, a), (above, b) = self.at(where, -h), self.at(where, h)
        a, b = (a, b) if a and b else (np.nan, np.nan)
        return (below - self.y) / a, (above - self.y) / b

    def sides(self, where: Where, h: float) -> Sides:
        """Return the slopes of L between x − h, x and x + h."""
        left, right = self.slopes(where, h)
        return Sides(float(self.u @ left), float(self.u @ right))


def step(value: float, share: float = STEP) -> float:
    """Return the step of a plain difference at x: a share of 1, or of 100 |x| if that is less."""
    return share * min(unit(value) / CLOSER, 1.0)


def unit(value: float) -> float:
    """Return what a step is a share of: |x| up to 1, and 1 at 0."""
    size = abs(value)
    return min(size, 1.0) if size > DENORMAL else 1.0


def direction(x: np.ndarray, rng: np.random.Generator, least: float = 0.1) -> np.ndarray:
    """Return a random direction: each element by ±½ to ±1 of itself, or of a share of the typical.

    An element near 0 moves like a tenth of the others, or a wrong gradient of it would not show.
    """
    typical = float(np.linalg.norm(x)) / max(x.size, 1) ** 0.5 or 1.0
    share = rng.random(x.shape, dtype=np.float32) - np.float32(0.5)
    share += np.copysign(np.float32(0.5), share)
    return np.maximum(abs(x), typical * least) * share


def settled(analytic, numeric, rtol: float, resolution: float, flow: float):
    """Return whether a gradient agrees with a plain central difference, with no allowance.

    Two zeros agree only if f is fine enough to show a gradient of any size.

    Args:
        analytic, numeric: numbers or arrays.
        rtol: the tolerance, as a share of the numeric gradient.
        resolution: the smallest slope that the floats of y show over the step.
        flow: the largest gradient that flows anywhere.
    """
    agree = abs(analytic - numeric) <= rtol * abs(numeric)
    return agree & ((numeric != 0) | (resolution <= NEGLIGIBLE * flow))


def verdict(
    analytic: float, slopes: list[Slope], largest: float, flow: float, tolerance: Tolerance
) -> str:
    """Return PASS, FAIL or UNDECIDED for an element, or for a direction.

    PASS: |analytic − numeric| is within `bound`, and the error is too small to hide a wrong
    gradient. FAIL: the gap is larger, the slopes of two different steps agree about that, and it is
    more than the rounding of the backward pass. Otherwise UNDECIDED.

    Args:
        analytic: what backward computed.
        slopes: estimates from different steps, the most accurate first.
        largest: the largest numeric gradient of this input.
        flow: the largest gradient that flows anywhere.
        tolerance: what is allowed beside the errors of the slopes.
    """
    best, rounded = slopes[0], tolerance.rounded * flow
    if not np.isfinite(analytic):
        return "FAIL" if np.isfinite(best.value) else "UNDECIDED"
    # What cancels to 0 leaves the roundings of both passes behind, and they differ.
    zeros = abs(analytic) <= rounded and abs(best.value) <= 4 * best.error
    if zeros or abs(analytic - best.value) <= bound(best, largest, tolerance):
        visible = max(tolerance.atol, VISIBLE * largest, NEGLIGIBLE * flow)
        return "PASS" if best.error <= visible else "UNDECIDED"
    gaps = [(abs(analytic - s.value), bound(s, largest, tolerance)) for s in slopes[:2]]
    sure = len(gaps) == 2 and all(gap > max(limit, rounded) for gap, limit in gaps)
    return "FAIL" if sure else "UNDECIDED"


def bound(slope: Slope, largest: float, tolerance: Tolerance) -> float:
    """Return the largest |analytic − numeric| that passes.

    It is atol + rtol · |numeric| + error + 1e-12 · largest.
    """
    rtol, atol, rounded = tolerance
    return atol + rtol * abs(slope.value) + slope.error + rounded * largest
