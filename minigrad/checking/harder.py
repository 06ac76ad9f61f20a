"""What a plain central difference does not settle: errors of differences, and single elements.

The error of a slope comes from forward passes alone. One at a step h is wrong by f's rounding over
h, which `rounding` measures, and by truncation. A derivative is what slopes come to as the step
goes to 0, so a slope has to explain those at all smaller steps: what it is off from them, by more
than their own rounding, is added to its error. A wide step over an oscillation, whose slope looks
like a good 0, gets a large error in this way.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..debugging import watched_by
from .differences import DENORMAL, NEGLIGIBLE, Probe, Slope, Where, unit
from .watches import EPS, Rounding

RATIO = 8.0  # between two steps of a ladder: half of them would do for a smooth f
FINEST = 32 * EPS  # of x: a smaller step keeps fewer than 5 bits
ROUGH = 1000  # roundings of y itself; beyond that, those of larger numbers show in it
WIDE = 1000  # times the roundings of the operations: f follows them, or it is bounded
LOST = 1e-6  # of its largest output: an operation that rounds by more has lost its slopes
RUNS = 8  # that measure rounding: the largest of 8 is exceeded once in 9 times, by little
NEAR = 1e-6  # of |x|: beside ties and thresholds, and as f is at x


class Noise(NamedTuple):
    """How f rounds.

    Attributes:
        y: a bound on the rounding error of each element of y, which is at least ε |y|.
        hidden: which elements of y do not follow larger roundings: sums of numbers that cancel do,
            and cos(1e20 x), whose slopes no float can show, does not.
        lost: the first operation whose output is like that; empty if there is none.
    """

    y: np.ndarray
    hidden: np.ndarray
    lost: str


def rounding(subject, y: np.ndarray, rng: np.random.Generator) -> Noise:
    """Measure how f rounds: beside x, where no tie and no threshold sits, or at x."""
    arrays = [(x.data, x.data.copy()) for _, x in subject.leaves]
    try:
        for data, before in arrays:
            data[...] = moved(before, NEAR, rng)
        beside = subject.evaluate()
        if not np.isfinite(beside).all():
            for data, before in arrays:
                data[...] = before
            beside = subject.evaluate()
        exact, _ = _rounded(subject, rng, 0)
        spreads = []
        for times in (1, WIDE):
            runs = [_rounded(subject, rng, times) for _ in range(RUNS)]
            fits = [outputs for outputs, _ in runs if _alike(outputs, exact)]
            inner = [
                np.fmax.reduce([abs(outputs[i][1] - a) for outputs in fits])
                for i, (_, a) in enumerate(exact)
                if fits
            ]
            spreads.append((np.fmax.reduce([abs(end - beside) for _, end in runs]), inner))
        (near, inner), (wide, inner_wide) = spreads
        lost = ""
        for (name, a), b, c in zip(exact, inner, inner_wide, strict=False):
            if a.size and ((b > LOST * abs(a).max()) & (c < WIDE / 4 * b)).any():
                lost = name
                break
        noise = np.fmax(EPS * abs(y), near)
        return Noise(noise, (near > ROUGH * EPS * abs(y)) & (wide < WIDE / 4 * near), lost)
    finally:
        for data, before in arrays:
            data[...] = before


def _rounded(subject, rng: np.random.Generator, times: float):
    """Return what the operations of f and f itself return where the operations round more."""
    watch = Rounding(rng, times)
    with watched_by(watch):
        y = subject.evaluate()
    return watch.outputs, y


def _alike(a: list, b: list) -> bool:
    """Return whether f took the same way twice."""
    return [(name, y.shape) for name, y in a] == [(name, y.shape) for name, y in b]


def moved(x: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return x with each element moved up or down, by half to all of a share of its unit."""
    sizes = np.where(abs(x) > DENORMAL, np.minimum(abs(x), 1), 1)
    return x + share * sizes * rng.uniform(0.5, 1, x.shape) * rng.choice([-1, 1], x.shape)


class Ladder:
    """The slopes of L along a line at more and more steps, and what they say of the derivative.

    Args:
        probe, where: the line.
        noise: how f rounds.
        flow: the largest gradient that flows anywhere.
        side: −1 or 1 takes the slopes to that side alone, where f ends at x.
    """

    def __init__(self, probe: Probe, where: Where, noise: Noise, flow: float, side: int = 0):
        self.probe, self.where, self.flow, self.side = probe, where, flow, side
        self.noise, self.hidden = abs(probe.u) * noise.y, noise.hidden
        self.value = float(probe.x[where]) if isinstance(where, tuple) else 1.0
        self.top = max(1.0, abs(self.value))
        self.rungs: dict[float, tuple[np.ndarray, float]] = {}  # by step: change of y, length

    def add(self, steps) -> None:
        """Take the slopes at these steps; none where f refuses or is not finite."""
        for h in steps:
            around = ((-h, h), (0.0, h), (-h, 0.0))[self.side]
            try:
                (y_a, a), (y_b, b) = [self.probe.at(self.where, t) for t in around]
            except (ValueError, ArithmeticError, LookupError):  # far from x, f may refuse
                continue
            change = y_b - y_a
            if a != b and np.isfinite(change).all():
                self.rungs[h] = change, b - a

    def few(self) -> None:
        """Take slopes at steps decades apart, enough for a smooth f, and at the widest."""
        shares = (2.0**-27, 2.0**-17, 2.0**-10)
        self.add([*(unit(self.value) * share for share in shares), self.top])

    def all(self) -> None:
        """Take slopes from the finest step that floats know to the widest, |x| or 1."""
        bottom = FINEST * max(unit(self.value), abs(self.value))
        count = int(np.log(self.top / bottom) / np.log(RATIO)) + 1
        self.add(self.top * RATIO**-k for k in range(1, count + 1))

    @property
    def flat(self) -> bool:
        """Whether f does not move at small steps: it is constant, or flat in floats."""
        small = [change for h, (change, _) in self.rungs.items() if h < 1e-5 * unit(self.value)]
        return not np.any(small)

    def slopes(self) -> list[Slope]:
        """Return an estimate of the derivative for each step, the most accurate first.

        The rounding of a y that never moved does not count, for x does not reach it. One that
        moved at a wide step alone counts at all of them: its floats hide how it moves.
        """
        if len(self.rungs) < 2:
            return [Slope(np.nan, np.inf)]
        changes, lengths = map(
            np.array, zip(*(self.rungs[h] for h in sorted(self.rungs)), strict=True)
        )
        slopes = changes @ self.probe.u / lengths
        reached = changes.any(axis=0)
        noise = self._noise(abs(changes))
        rounds = 2 * float(noise @ reached if reached.any() else noise.sum()) / lengths
        found = []
        for j in range(1, len(slopes)):
            off = abs(slopes[:j] - slopes[j])
            unexplained = max(off[-1], (off - rounds[:j]).max())
            found.append(Slope(float(slopes[j]), 2 * float(rounds[j] + unexplained)))
        return sorted(found, key=lambda slope: slope.error)

    def _noise(self, sizes: np.ndarray) -> np.ndarray:
        """Return the rounding error of each term of L, which is at least what y resolves.

        ln(1 + z) of a small z moves by steps of ε: a y that stayed, and then moved, can show no
        less. If it is much, f is a staircase.
        """
        moved = sizes > 0
        first = moved.argmax(axis=0)
        step = np.where(first > 0, np.take_along_axis(sizes, first[None], axis=0)[0], 0)
        step *= abs(self.probe.u)
        return np.maximum(self.noise, np.where(step <= NEGLIGIBLE * self.flow, step, 0))

    def rough(self) -> np.ndarray:
        """Return which y are nothing but rounding: they never move by much more than that.

        And they round by far more than floats of their size do, like Σ (x − mean(x)).
        """
        most = abs(np.array([change for change, _ in self.rungs.values()])).max(axis=0, initial=0)
        noise, u = self.noise, abs(self.probe.u)
        rough = noise > np.maximum(ROUGH * EPS * u * abs(self.probe.y), u * most / 20)
        return rough & (most > 0)

    def covers(self, gap: float) -> bool:
        """Return whether y that are nothing but rounding can hide a slope so large.

        Where numbers cancel so far, the gradient of a right backward pass is rounding as well.
        """
        rough = self.rough()
        noise = float(self.noise[rough].sum())
        unknown = bool((rough & self.hidden).any())
        return unknown or gap <= noise / (EPS * max(abs(self.value), unit(self.value)))


def locate(agrees: Callable[[np.ndarray], bool], v: np.ndarray, sample: int, rng) -> np.ndarray:
    """Return a few elements along which a gradient still disagrees, found by halving v.

    Args:
        agrees: whether the gradient agrees along a direction.
        v: a direction along which it does not.
        sample: how many elements to return at most.
        rng: draws them where no half alone disagrees.
    """
    support = np.arange(v.size)
    while len(support) > 4:
        for half in np.array_split(support, 2):
            part = np.zeros(v.size)
            part[half] = v.reshape(-1)[half]
            if not agrees(part.reshape(v.shape)):
                support = half
                break
        else:
            return rng.permutation(support)[:sample]
    return support
