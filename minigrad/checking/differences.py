"""Numeric derivatives, each with a bound on its own error.

L = Σ u y is what a backward pass with the upstream gradient u differentiates. A central
difference (L(x + h) − L(x − h)) / 2h is wrong by truncation, about h² L‴ / 6, and by rounding,
about ε |L| / h.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

EPS = np.finfo(np.float64).eps
STEP = 6e-6  # where the two errors of a central difference balance: the cube root of ε
WIDE = 1e-4  # for Richardson extrapolation, which removes the h² and h⁴ terms


class Estimate(NamedTuple):
    """A numeric derivative and a bound on its error."""

    value: float
    error: float


class Probe:
    """Evaluates L at points along one direction of one array, and puts the array back.

    Args:
        evaluate: returns y.
        x: the array that is perturbed, in place.
        u: the upstream gradient, of y's shape.
    """

    def __init__(self, evaluate: Callable[[], np.ndarray], x: np.ndarray, u: np.ndarray):
        self.evaluate, self.x, self.u = evaluate, x, u

    def at(self, index, value: float) -> tuple[np.ndarray, float]:
        """Return y with x[index] = value, and the value as it was stored."""
        before = self.x[index]
        self.x[index] = value
        try:
            return self.evaluate(), float(self.x[index])
        finally:
            self.x[index] = before

    def difference(self, index, a: float, b: float) -> Estimate:
        """Return the slope of L between x[index] = a and b, and its rounding error."""
        (y_a, a), (y_b, b) = self.at(index, a), self.at(index, b)
        return self._slope(y_a, y_b, b - a)

    def central(self, index, h: float) -> Estimate:
        """Return the central difference at x[index] with the step h."""
        value = float(self.x[index])
        return self.difference(index, value - h, value + h)

    def jacobian_row(self, index, h: float) -> np.ndarray:
        """Return dy / dx[index], of y's shape."""
        value = float(self.x[index])
        (above, a), (below, b) = self.at(index, value + h), self.at(index, value - h)
        return (above - below) / (a - b)

    def along(self, v: np.ndarray, h: float) -> Estimate:
        """Return the slope of L along v, by a central difference with the step h."""
        before = self.x.copy()
        try:
            self.x[...] = before + h * v
            above = self.evaluate()
            self.x[...] = before - h * v
            below = self.evaluate()
        finally:
            self.x[...] = before
        return self._slope(below, above, 2 * h)

    def _slope(self, y_a: np.ndarray, y_b: np.ndarray, step: float) -> Estimate:
        if step == 0:  # h is lost in the rounding of x: no estimate, which agrees with nothing
            return Estimate(float("nan"), 0.0)
        with np.errstate(all="ignore"):
            size = np.where(y_a == y_b, 0, abs(y_a) + abs(y_b))
            noise = EPS * float((abs(self.u) * size).sum()) / step
            return Estimate(float((self.u * (y_b - y_a)).sum()) / step, noise)

    def richardson(self, index, scale: float) -> Estimate:
        """Return the derivative extrapolated from three central differences to a step of 0.

        The widest step is 1e-4 · scale. The error is bounded by the last correction and by the
        rounding of the smallest step.
        """
        h = WIDE * scale
        d1, d2, d3 = (self.central(index, h / k) for k in (1, 2, 4))
        r1, r2 = (4 * d2.value - d1.value) / 3, (4 * d3.value - d2.value) / 3
        value = (16 * r2 - r1) / 15
        return Estimate(value, abs(value - r2) + 2 * d3.error)


def unit(value: float) -> float:
    """Return what a step is a share of: |x| up to 1, and 1 at 0."""
    return min(abs(value), 1.0) or 1.0
