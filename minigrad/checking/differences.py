"""Numeric derivatives, each with a bound on its own error.

L = Σ u y is what a backward pass with the upstream gradient u differentiates. A central
difference (L(x + h) − L(x − h)) / 2h is wrong by truncation, about h² L‴ / 6, and by rounding,
about ε |L| / h. How much f really rounds is measured: the intermediate results of f may be far
larger than L, and cancel.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

EPS = np.finfo(np.float64).eps
STEP = 6e-6  # where the two errors of a central difference balance: the cube root of ε
WIDE = 1e-4  # for Richardson extrapolation, which removes the h² and h⁴ terms
TRIED = 40  # steps, where nothing else settles it
CLOSE = 1e-2  # of x: steps within which no kink lies, as a rule
PARTS = 1000  # elements of y that are looked at one by one then


class Estimate(NamedTuple):
    """A numeric derivative and a bound on its error."""

    value: float
    error: float


class Rounding:
    """A watch that moves what flows into each operation by some units of ε, up or down.

    By how much f moves then is how far its rounding may put it off.
    """

    def __init__(self, seed: int, units: float):
        self.rng, self.units = np.random.default_rng(seed), units

    def before_forward(self, node, arrays: list[np.ndarray], options: dict) -> list[np.ndarray]:
        """Return the arrays, those moved that depend on what is checked; an exponent stays 3."""
        return [self._moved(a) if n else a for a, n in zip(arrays, node.needs, strict=True)]

    def after_forward(self, node, y: np.ndarray) -> None:
        """Leave the output as it is: it is moved where it goes in next."""

    def backward(self, node, gy: np.ndarray):
        """Run the node's backward."""
        return node.backward(gy)

    def _moved(self, a: np.ndarray) -> np.ndarray:
        share = 2 * self.rng.random(a.shape, dtype=np.float32) - 1
        share *= self.units * np.finfo(a.dtype).eps
        return np.asarray(a + a * share, dtype=a.dtype)


class Probe:
    """Evaluates L at points along one direction of one array, and puts the array back.

    Args:
        evaluate: returns y.
        x: the array that is perturbed, in place.
        u: the upstream gradient, of y's shape.
        noise: the rounding error of each element of y.
    """

    def __init__(self, evaluate: Callable[[], np.ndarray], x, u: np.ndarray, noise: np.ndarray):
        self.evaluate, self.x, self.u = evaluate, x, u
        self.noise = abs(u) * noise

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

    def rounding(self, h: float, of=...) -> float:
        """Return the rounding error of a central difference with the step h, of some of the y."""
        return float(self.noise[of].sum()) / h

    def still(self, index, h: float) -> np.ndarray:
        """Return which y stay the same when x[index] moves by h to either side."""
        value = float(self.x[index])
        return self.at(index, value - h)[0] == self.at(index, value + h)[0]

    def _slope(self, y_a: np.ndarray, y_b: np.ndarray, step: float) -> Estimate:
        """Return the slope; its rounding error is that of the elements of y that moved."""
        if step == 0:  # h is lost in the rounding of x: no estimate, which agrees with nothing
            return Estimate(float("nan"), 0.0)
        change = y_b - y_a
        # where none moved they may all have, by less than y can show
        noise = np.vdot(self.noise, change != 0) or self.rounding(1.0)
        return Estimate(float(np.vdot(self.u, change)) / step, 2 * float(noise) / step)

    def richardson(self, index, scale: float) -> Estimate:
        """Return the derivative extrapolated from three central differences to a step of 0.

        The widest step is 1e-4 · scale. The error is bounded by the last correction and by the
        rounding of the smallest step.
        """
        h = WIDE * scale
        d1, d2, d3 = (self.central(index, h / k) for k in (1, 2, 4))
        r1, r2 = (4 * d2.value - d1.value) / 3, (4 * d3.value - d2.value) / 3
        value = (16 * r2 - r1) / 15
        return Estimate(value, abs(r2 - r1) + 2 * d3.error)

    def search(self, index) -> Estimate:
        """Return the central difference with the step that suits f best, found by trying many.

        From the smallest step upwards the rounding error falls, until truncation sets in. What two
        neighbouring steps differ by bounds both. The error is infinite where f varies faster than
        floats can tell apart.
        """
        value = float(self.x[index])
        steps = np.geomspace(2 * EPS * max(abs(value), EPS), max(1.0, abs(value)), TRIED)
        changes, spans, moved = [], [], np.zeros(self.u.shape, dtype=bool)
        for h in steps:
            try:
                (y_a, a), (y_b, b) = self.at(index, value - h), self.at(index, value + h)
            except (ValueError, ArithmeticError):  # f may refuse what is far from x
                break
            changes.append(_parts(self.u * (y_b - y_a)))
            spans.append([b - a])
            moved |= y_a != y_b
        if not changes:
            return Estimate(float("nan"), np.inf)
        noise = _parts(np.where(moved | ~moved.any(), self.noise, 0))
        noise = np.maximum(noise, _resolution(changes, int((steps <= CLOSE * abs(value)).sum())))
        large = _parts(abs(self.u) * EPS * np.maximum(1000 * abs(y_a), 1))
        return _best(np.array(changes), np.array(spans), noise, large)


def _best(changes, spans, noise, large) -> Estimate:
    """Return the slope at the step with the smallest error.

    Args:
        changes: of each term of L, for each step.
        spans: from the left end to the right end of each step.
        noise: the rounding error of each term.
        large: what is too much of it for rounding alone.
    """
    seen = np.abs(changes).max(axis=0, where=np.isfinite(changes), initial=0) / 2
    slopes, noises = changes / spans, 2 * noise / spans
    best, jump = Estimate(float(slopes[0].sum()), np.inf), 0.0
    if ((noise > large) & (seen / 10 < noise) & (noise < 10 * seen)).any():
        return best
    for i, h in enumerate(spans[:-1, 0] / 2):
        gap = abs(slopes[i + 1] - slopes[i])
        allowed = [4 * (noises[i] + noises[i + 1]), abs(slopes[i]) / 2, seen / 10 / h]
        if not (gap <= np.max(allowed, axis=0)).all():
            break  # f ends, or varies faster: what larger steps agree on is chance
        jump = np.maximum(jump, gap * h)
        error = 2 * float((2 * jump / h + noises[i]).sum())
        if error < best.error:
            best = Estimate(float(slopes[i].sum()), error)
        elif not error < 2 * best.error:
            break
    return best


def _parts(terms: np.ndarray) -> np.ndarray:
    """Return the terms of L, or their sum where they are many."""
    return terms.reshape(-1) if terms.size <= PARTS else terms.sum().reshape(1)


def _resolution(changes: list, close: int) -> np.ndarray:
    """Return by how much each term changed first, where smaller steps did not change it.

    So does ln(1 + z) for a small z, which resolves no less than ε. What changes first after the
    `close` smallest steps was flat before.
    """
    changes = np.array(changes)
    first = (changes != 0).argmax(axis=0)
    change = abs(np.take_along_axis(changes, first[None], axis=0)[0])
    return np.where((first > 0) & (first < close), change, 0)


def unit(value: float) -> float:
    """Return what a step is a share of: |x| up to 1, and 1 at 0."""
    return min(abs(value), 1.0) or 1.0
