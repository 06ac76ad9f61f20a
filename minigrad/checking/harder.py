"""What a plain central difference does not settle: errors of differences, and single elements.

The error of a slope comes from forward passes alone. A slope with a step h is wrong by f's
rounding over h, which `rounding` measures, and by truncation. A derivative is the limit of the
slopes as the step goes to 0, so a slope has to explain those at all smaller steps: the part of
their difference that is not their rounding is added to its error. A wide step over an
oscillation, which gives a slope near 0, gets a large error that way.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ..debugging import watched_by
from .differences import DENORMAL, NEGLIGIBLE, STEP, Probe, Slope, Where, unit
from .watches import EPS, Rounding

RATIO = 7.0  # between two steps of a ladder; by a power of 2, all of them would round alike
FINEST = 32 * EPS  # of x: a smaller step keeps fewer than 5 bits
ROUGH = 1000  # roundings of y itself; beyond that, those of larger numbers show in it
COARSE = 64  # roundings of y, or of what flows: a first move of y by more is f's own
WIDE = 256  # times the roundings of the operations: what they spoil follows no more by then
LOST = 1e-6  # of an output: one that rounds by less still shows its slopes
PLATEAU = 4  # steps, each eight times the one before
RUNS = 8  # that measure rounding
LARGEST = 10.0  # times the largest of 8 runs, which alone is exceeded once in 9 times
KEPT = 2.0**-12  # of |x|, the smallest unit of a move: the finest one keeps six bits of x
NEAR = 1e-6  # of |x|: beside ties and thresholds, and as f is at x
APART = 1e-12  # of |x|: beside ties; a matrix that is nearly singular at x still is there


class Noise(NamedTuple):
    """How f rounds.

    Attributes:
        y: a bound on the rounding error of each element of y, which is at least ε |y|.
        lost: the first operation that does not follow the roundings of its inputs, for they are
            larger than its scale: cos(1e20). A sum of numbers that cancel does follow them.
        scrambled: which elements of y do not follow them.
    """

    y: np.ndarray
    lost: str
    scrambled: np.ndarray


class Moves(NamedTuple):
    """By how much roundings move the gradient of each element of a leaf.

    Attributes:
        all: in any way, by jumps as well.
        rounds: the more, the larger the roundings are; 0 where it jumps.
        spread: from one set of roundings to another, by jumps as well.
    """

    all: np.ndarray
    rounds: np.ndarray
    spread: np.ndarray


def rounding(subject, y: np.ndarray, rng: np.random.Generator) -> Noise:
    """Measure how f rounds: beside x, where no tie and no threshold sits, or at x."""
    with beside(subject, rng):
        exact = _rounded(subject, 0, 0)
        noise = np.fmax(EPS * abs(y), _spread(subject))
        moves, apart = ([np.zeros(a.shape) for _, a in exact] for _ in range(2))
        for run in range(RUNS // 2):
            up, down = (_rounded(subject, run, times) for times in (WIDE, -WIDE))
            for k, ((name, a), (other, b), (third, c)) in enumerate(
                zip(exact, up, down, strict=False)
            ):
                if not name == other == third or not a.shape == b.shape == c.shape:
                    break  # f took another way
                moves[k] = np.fmax(moves[k], np.fmax(abs(b - a), abs(c - a)))
                apart[k] = np.fmax(apart[k], abs(b + c - 2 * a))
        lost, wild = "", np.zeros(len(y), dtype=bool)
        for (name, a), move, off in zip(exact, moves, apart, strict=True):
            wild = (off > move / 16) & (move > LOST * abs(a))
            wild &= move > ROUGH * EPS * abs(a).max(initial=0)
            if wild.any():
                lost = lost or name
        return Noise(noise, lost, wild)  # those of the last, which is f itself


def rounding_of_gradients(subject, backward: Callable, rng, apart: float) -> list[Moves]:
    """Return by how much the gradients of the leaves move if the operations round differently.

    Where numbers cancel, as in the variance of nearly equal ones, a right backward pass is off by
    so much: a gap within it is not called wrong. Nothing passes for it. It is measured at a share
    `apart` of |x| from x, where no tie sits.
    """
    with beside(subject, rng, apart, 1):
        _, exact = backward()

        def moves(times: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
            """Return the lowest and the highest move of the gradient of each leaf."""
            low, high = (
                [np.full(x.shape, end) for _, x in subject.leaves] for end in (np.inf, -np.inf)
            )
            for run in range(RUNS):
                with watched_by(Rounding(np.random.default_rng(run), times)):
                    _, gradients = backward()
                for a, b, least, most in zip(exact, gradients, low, high, strict=True):
                    if a is not None and b is not None:
                        np.fmin(least, b - a, out=least)
                        np.fmax(most, b - a, out=most)
            return zip(low, high, strict=True)

        found = []
        for (low, high), (lower, higher) in zip(moves(1), moves(WIDE), strict=True):
            few, many = np.fmax(0, np.fmax(high, -low)), np.fmax(0, np.fmax(higher, -lower))
            # What a larger rounding moves no further is a jump, and only f can say whether it may.
            rounds = np.where(many > 16 * few, few, 0)
            found.append(Moves(LARGEST * few, LARGEST * rounds, LARGEST * (high - low)))
        return found


@contextlib.contextmanager
def beside(
    subject, rng: np.random.Generator, share: float = NEAR, kept: float = KEPT
) -> Iterator[None]:
    """Move the leaves by a share of their units, if f is finite there, and put them back."""
    arrays = [(x.data, x.data.copy()) for _, x in subject.leaves]
    try:
        for data, before in arrays:
            data[...] = moved(before, share, rng, kept)
        if not np.isfinite(subject.evaluate()).all():
            for data, before in arrays:
                data[...] = before
        yield
    finally:
        for data, before in arrays:
            data[...] = before


def _spread(subject) -> np.ndarray:
    """Return by how much y moves if the operations round differently."""
    y = subject.evaluate()
    moves = [abs(_rounded(subject, run, 1)[-1][1] - y) for run in range(RUNS)]
    return 2 * functools.reduce(np.fmax, moves, EPS * abs(y))  # the runs miss the largest


END = "f"  # what the last of the outputs below is called


def _rounded(subject, seed: int, times: float) -> list[tuple[str, np.ndarray]]:
    """Return what each operation of f, and f itself, returns if the operations round more."""
    watch = Rounding(np.random.default_rng(seed), times)
    with watched_by(watch):
        y = subject.evaluate()
    return [*watch.outputs, (END, y)]


def moved(x: np.ndarray, share: float, rng: np.random.Generator, kept: float) -> np.ndarray:
    """Return x with each element moved up or down, by half to all of a share of its unit."""
    sizes = np.where(abs(x) > DENORMAL, np.maximum(np.minimum(abs(x), 1), kept * abs(x)), 1)
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
        self.noise_of, self.noise = noise, abs(probe.u) * noise.y
        self.value = float(probe.x[where]) if isinstance(where, tuple) else 1.0
        self.top = max(1.0, abs(self.value))
        self.far = np.zeros(())  # by how much y rounds more at the widest step
        self.rungs: dict[float, tuple[np.ndarray, float]] = {}  # by step: change of y, length

    def add(self, steps) -> None:
        """Take the slopes at these steps; none where f is not finite."""
        for h in steps:
            around = ((-h, h), (0.0, h), (-h, 0.0))[self.side]
            (y_a, a), (y_b, b) = [self.probe.at(self.where, t) for t in around]
            change = y_b - y_a
            if a != b and np.isfinite(change).all():
                self.rungs[h] = change, b - a

    def look_far(self, subject) -> None:
        """Measure how f rounds at the widest step, where its numbers may be much larger."""
        spread = Probe(lambda: _spread(subject), self.probe.x, self.probe.u, self.probe.y)
        self.far = abs(self.probe.u) * np.nan_to_num(spread.at(self.where, self.top)[0])

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
    def flat(self) -> float:
        """The widest step below which f does not move at all; 0 if it moves at the finest."""
        widest = 0.0
        for h, (change, _) in sorted(self.rungs.items()):
            if change.any():
                break
            widest = h
        return widest

    @property
    def is_flat(self) -> bool:
        """Whether f is constant over the step of a plain central difference."""
        return self.flat > STEP * unit(self.value)

    def grows(self, sign: float) -> bool:
        """Return whether the slope has this sign and grows without a bound, as of √x at 0."""
        slopes = [sign * change @ self.probe.u / b for _, (change, b) in sorted(self.rungs.items())]
        finest = slopes[:6]
        grow = all(fine > 1.5 * wide > 0 for fine, wide in zip(finest, finest[1:], strict=False))
        return grow and len(finest) > 2

    def slopes(self) -> list[Slope]:
        """Return an estimate of the derivative for each step, the most accurate first.

        Only the rounding of those y counts that x reaches.
        """
        if len(self.rungs) < 2:
            return [Slope(np.nan, np.inf)]
        slopes, rounds = self._rounded()
        found = []
        for j in range(1, len(slopes)):
            off = abs(slopes[:j] - slopes[j])
            unexplained = max(off[-1], (off - rounds[:j]).max())
            found.append(Slope(float(slopes[j]), 2 * float(rounds[j] + unexplained)))
        return sorted(found, key=lambda slope: slope.error)

    def _rounded(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the slopes, from the finest step on, and how far rounding may put them off."""
        steps = sorted(self.rungs)
        changes, lengths = (np.array([self.rungs[h][k] for h in steps]) for k in (0, 1))
        far = float(np.sum(self.far * self.reached()))
        rounds = self.resolution() + far * np.array(steps) / self.top
        return changes @ self.probe.u / lengths, 2 * rounds / lengths

    def resolution(self) -> float:
        """Return the rounding error of L, which is at least what the floats of y resolve.

        ln(1 + z) of a small z moves by steps of ε: a y that stayed, and then moved, can show no
        less. If it is far more than rounding, f is a staircase.
        """
        step = self._first_moves()
        noise = np.maximum(self.noise, np.where(step <= COARSE * EPS * self.flow, step, 0))
        reached = self.reached()
        return float(noise @ reached if reached.any() else noise.sum())

    def _first_moves(self) -> np.ndarray:
        """Return by how much each term of L moves at the first step that moves it, after others."""
        sizes = np.array([abs(self.rungs[h][0]) for h in sorted(self.rungs)])
        first = (sizes > 0).argmax(axis=0)
        moves = np.where(first > 0, np.take_along_axis(sizes, first[None], axis=0)[0], 0)
        return moves * abs(self.probe.u)

    @property
    def moves_by_roundings(self) -> bool:
        """Whether the steps of a staircase are no larger than roundings of what flows."""
        return bool((self._first_moves() <= COARSE * EPS * self.flow).all())

    def scrambled(self) -> bool:
        """Return whether x reaches a y that does not follow the roundings of f's operations.

        It does not matter if they are too small to hide a slope.
        """
        matters = self.noise > NEGLIGIBLE * self.flow * unit(self.value)
        return bool((self.noise_of.scrambled & matters & self.reached()).any())

    def sees(self, gap: float) -> bool:
        """Return whether a slope within |x|, or 1, is accurate enough to show such a gap.

        Further away f may have bent: softmax(1e16 x) does so within rounding.
        """
        _, rounds = self._rounded()
        near = np.array(sorted(self.rungs)) <= unit(self.value)
        return bool((near & (rounds <= gap / 2)).any())

    def staircase(self, analytic: float) -> bool:
        """Return whether the slopes at other steps are what backward says, and no accident.

        A saturated ln(1 + z) goes up in steps of ε: beside x it is flat, and its slope is seen
        from further away alone.
        """
        slopes, rounds = self._rounded()
        numeric = self.slopes()[0].value
        if abs(analytic) < abs(numeric):  # further away, a bounded f is flatter
            return False
        so = abs(slopes - analytic) < abs(numeric - analytic) / 10
        so &= abs(slopes - numeric) > rounds  # the others do not contradict it
        return int(np.count_nonzero(so)) >= PLATEAU

    def reached(self) -> np.ndarray:
        """Return which y depend on x: those that are NaN where x is, or moved at any step.

        A y that moves by less than its floats show has no slope, and its rounding counts.
        """
        return self._nan | np.any([change for change, _ in self.rungs.values()], axis=0)

    @functools.cached_property
    def _nan(self) -> np.ndarray:
        return np.isnan(self.probe.at(self.where, np.nan)[0])


def locate(disagrees: Callable[[np.ndarray], bool], v: np.ndarray, sample: int, rng) -> np.ndarray:
    """Return a few elements along which a gradient disagrees as along v, found by halving v.

    Args:
        disagrees: whether the gradient disagrees along a direction by as much as along v.
        v: a direction along which it does.
        sample: how many elements to return at most.
        rng: draws them if neither half alone disagrees.
    """
    support = np.arange(v.size)
    while len(support) > 4:
        for half in np.array_split(support, 2):
            part = np.zeros(v.size)
            part[half] = v.reshape(-1)[half]
            if disagrees(part.reshape(v.shape)):
                support = half
                break
        else:
            return rng.permutation(support)[:sample]
    return support
