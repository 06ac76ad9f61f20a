"""Numeric derivatives, each with a bound on its own error.

A backward pass with the upstream gradient u differentiates L = Σ u y. A central difference
(L(x + h) − L(x − h)) / 2h has a truncation error of about h² L‴ / 6 and a rounding error of about
ε |L| / h. The rounding of f is measured, because intermediate results of f may be far larger than L
and cancel.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..debugging import Watch

EPS = np.finfo(np.float64).eps
STEP = 6e-6  # where the two errors of a central difference balance: the cube root of ε
WIDE = 1e-4  # for Richardson extrapolation, which removes the h² and h⁴ terms
TRIED = 40  # steps, if nothing else settles it
CLOSE = 1e-2  # times x: smaller steps rarely cross a kink
PARTS = 1000  # elements of y up to which `search` treats each one separately


class Estimate(NamedTuple):
    """A numeric derivative and a bound on its error."""

    value: float
    error: float


class Reach(Watch):
    """A watch that records which elements of the inputs of each operation are NaN.

    NaN propagates wherever a value does, so an element set to NaN shows what it reaches.
    """

    def __init__(self):
        self.seen: list[list[np.ndarray]] = []

    def before_forward(self, node, arrays, options):
        """Record which elements are NaN, and return the arrays."""
        self.seen.append([np.isnan(a) for a in arrays])
        return arrays


class Rounding(Watch):
    """A watch that moves the inputs of each operation by some units of ε, up or down.

    How far f moves then is a measure of its rounding error.

    Args:
        seed: the seed for how far each number moves, up or down.
        units: the most that a number is moved, in ε.
        reached: the elements to move, for each input of each operation; all of them if not given.
    """

    def __init__(self, seed: int, units: float, reached: list[list[np.ndarray]] = ()):
        self.rng, self.units, self.reached = np.random.default_rng(seed), units, iter(reached)

    def before_forward(self, node, arrays, options):
        """Return the arrays, moved where they need a gradient; a constant exponent stays 3."""
        reached = next(self.reached, [])
        if [r.shape for r in reached] != [a.shape for a in arrays]:  # f took another branch for NaN
            reached = [True] * len(arrays)
        return [
            self._moved(a, r) if n else a
            for a, n, r in zip(arrays, node.needs, reached, strict=True)
        ]

    def _moved(self, a: np.ndarray, reached) -> np.ndarray:
        share = 2 * self.rng.random(a.shape, dtype=np.float32) - 1
        share *= self.units * np.finfo(a.dtype).eps
        return np.asarray(a + np.where(reached, a * share, 0), dtype=a.dtype)


class Probe:
    """Evaluates L at points along one direction of one array, and restores the array.

    Args:
        evaluate: returns y.
        x: the array to perturb, in place.
        u: the upstream gradient, shaped as y.
        noise: the rounding error of each element of y.
    """

    def __init__(self, evaluate: Callable[[], np.ndarray], x, u: np.ndarray, noise: np.ndarray):
        self.evaluate, self.x, self.u = evaluate, x, u
        self.noise = abs(u) * noise
        self.all_noise = float(self.noise.sum())

    def at(self, index, value: float) -> tuple[np.ndarray, float]:
        """Return y with x[index] = value, and the value as stored."""
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
        """Return dy / dx[index], shaped as y."""
        value = float(self.x[index])
        (above, a), (below, b) = self.at(index, value + h), self.at(index, value - h)
        return (above - below) / (a - b)

    def along(self, v: np.ndarray, h: float) -> Estimate:
        """Return the slope of L along v, by a central difference with the step h."""
        before, values = self.x.copy(), []
        try:
            for step in (-h, h):
                np.multiply(v, step, out=self.x)
                self.x += before
                values.append(self.evaluate())
        finally:
            self.x[...] = before
        return self._slope(*values, 2 * h)

    def rounding(self, h: float, of=...) -> float:
        """Return the rounding error of a central difference with step h, from elements `of` y."""
        return float(self.noise[of].sum()) / h

    def still(self, index, h: float) -> np.ndarray:
        """Return which y do not change, or overflow, when x[index] moves by h to either side."""
        value = float(self.x[index])
        change = self.at(index, value + h)[0] - self.at(index, value - h)[0]
        return ~(abs(change) > 0) | np.isinf(change)

    def _slope(self, y_a: np.ndarray, y_b: np.ndarray, step: float) -> Estimate:
        """Return the slope of L and its rounding error, that of the elements of y that moved."""
        if step == 0:  # h is lost in the rounding of x: NaN agrees with nothing
            return Estimate(float("nan"), 0.0)
        change = y_b - y_a
        noise = self.all_noise  # if none moved, all may have, by less than y resolves
        if 0 < np.count_nonzero(change) < change.size:
            noise = float(np.vdot(self.noise, change != 0)) or noise
        return Estimate(float(np.vdot(self.u, change)) / step, 2 * noise / step)

    def richardson(self, index, scale: float) -> Estimate:
        """Return the derivative extrapolated from three central differences to a step of 0.

        The widest step is 1e-4 · scale. The error is bounded by the last correction plus the
        rounding of the smallest step.
        """
        h = WIDE * scale
        d1, d2, d3 = (self.central(index, h / k) for k in (1, 2, 4))
        r1, r2 = (4 * d2.value - d1.value) / 3, (4 * d3.value - d2.value) / 3
        value = (16 * r2 - r1) / 15
        return Estimate(value, abs(r2 - r1) + 2 * d3.error)

    def search(self, index, y: np.ndarray, noise: np.ndarray) -> Estimate:
        """Return the central difference with the step that suits f best, found by trying many.

        The error is infinite if f varies faster than floats can resolve.

        Args:
            index: the index of the element.
            y: the value of f here.
            noise: the rounding error of each element of y, only from what this element reaches:
                the rest rounds the same way at each step.
        """
        value = float(self.x[index])
        steps = np.geomspace(2 * EPS * max(abs(value), EPS), max(1.0, abs(value)), TRIED)
        changes, spans, most = [], [], np.zeros(self.u.shape)
        for h in steps:
            try:
                (y_a, a), (y_b, b) = self.at(index, value - h), self.at(index, value + h)
            except (ValueError, ArithmeticError):  # f may refuse values far from x
                break
            changes.append(_parts(self.u * (y_b - y_a)))
            spans.append([b - a])
            np.maximum(most, abs(y_b - y_a), where=np.isfinite(y_b - y_a), out=most)
        if not changes:
            return Estimate(float("nan"), np.inf)
        if self._is_blurred(index, y, noise, most):
            return Estimate(float(changes[0].sum() / spans[0][0]), np.inf)
        noise = _parts(np.where((most > 0) | ~most.any(), abs(self.u) * noise, 0))
        noise = np.maximum(noise, _resolution(changes, int((steps <= CLOSE * abs(value)).sum())))
        return _best(np.array(changes), np.array(spans), noise)

    def _is_blurred(self, index, y: np.ndarray, noise: np.ndarray, most: np.ndarray) -> bool:
        """Return whether the rounding of some y is far beyond ε |y|, and hides how f varies.

        Args:
            index, y, noise: as in `search`.
            most: the largest change of each y over all steps. If an element never changed, either f
                is flat, or x is lost in a sum with something larger; a far larger x tells which.
        """
        rough = noise > EPS * np.maximum(1000 * abs(y), 1)
        if not rough.any():
            return False
        try:
            far, _ = self.at(index, max(abs(float(self.x[index])), 1) / EPS)
        except (ValueError, ArithmeticError):  # f may refuse it
            return True
        return bool((rough & np.where(most > 0, noise > most / 20, far != y)).any())


def _best(changes, spans, noise) -> Estimate:
    """Return the slope at the step with the smallest error.

    A derivative is the limit of the slopes as the step goes to 0. So the slope at one step has to
    explain those at all smaller steps: the amount by which it differs from them beyond their
    rounding is added to its error.

    Args:
        changes: the change of each term of L, for each step.
        spans: the distance from the left end to the right end of each step.
        noise: the rounding error of each term.
    """
    slopes, noises = changes / spans, 2 * noise / spans
    best = Estimate(float(slopes[0].sum()), np.inf)
    for j in range(1, len(slopes)):
        off = abs(slopes[:j] - slopes[j])
        beyond = np.maximum(off[-1], (off - noises[:j]).max(axis=0))
        error = 5 * float((noises[j] + beyond).sum())
        if error < best.error:
            best = Estimate(float(slopes[j].sum()), error)
    return best


def _parts(terms: np.ndarray) -> np.ndarray:
    """Return the terms of L, or their sum if there are many."""
    return terms.reshape(-1) if terms.size <= PARTS else terms.sum().reshape(1)


def _resolution(changes: list, close: int) -> np.ndarray:
    """Return the first change of each term that the smallest step did not change.

    ln(1 + z) of a small z, for example, resolves nothing below ε. A term that first changes after
    the `close` smallest steps was flat before, and counts as 0.
    """
    size = abs(np.array(changes[:close]))
    return np.where(size[:-1].cumsum(axis=0) == 0, size[1:], 0).max(axis=0, initial=0)


def unit(value: float) -> float:
    """Return the unit of a step: |x| but at most 1, and 1 at 0."""
    return min(abs(value), 1.0) or 1.0
