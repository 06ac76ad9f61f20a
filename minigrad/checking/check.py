"""gradcheck: is a backward pass the derivative of its forward pass?"""

import contextlib
import functools
import numbers
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..debugging import watched_by
from ..errors import ArgumentError, GradcheckError, GraphError, ShapeError
from ..nn import Module
from ..typing import ArrayLike
from .diagnosis import diagnose, rounds_to_float32
from .differences import (
    DENORMAL,
    NEGLIGIBLE,
    ROUNDED,
    RTOL,
    STEP,
    VISIBLE,
    Line,
    Probe,
    Slope,
    Tolerance,
    Where,
    bound,
    direction,
    settled,
    step,
    unit,
    verdict,
)
from .harder import (
    APART,
    KEPT,
    NEAR,
    ROUGH,
    Ladder,
    Moves,
    Noise,
    beside,
    locate,
    rounding,
    rounding_of_gradients,
)
from .kinks import NO_BOUND, Kinks
from .report import Report, Result, worst
from .subject import Subject
from .watches import EPS, Contract, Operations, Record, close, rounded_share, same_share

FULL = 1000  # elements in all, up to which `auto` moves every one
SMALL = 64  # elements of one input that are moved one by one in any case
ENOUGH = 8  # elements of a leaf that fail by slopes at many steps; for the others a few will do
SAMPLE = 256  # elements that are looked at where a projection fails
SURELY = 4  # times the smallest slope that floats show: what backward returns beside a flat f
SHORTEST = 0.5  # of the plain difference's step: a rounding to 1e-6 must not meet one of 6e-6
BESIDE = 1e-3  # of |x|: where a projection looks if it meets kinks
LOOKED_BESIDE = 8  # failing elements
RTOL_32 = 1e-3  # at least, of a gradient in float32


def gradcheck(
    f: Callable,
    inputs: ArrayLike | Sequence[Any] = (),
    *more: ArrayLike,
    module: Module | None = None,
    mode: str = "auto",
    dtype: str = "float64",
    eps: float | None = None,
    atol: float = 0.0,
    rtol: float = RTOL,
    seed: int = 0,
    raises: bool = True,
) -> Report:
    """Compare what the backward passes in f compute with finite differences.

    The output y is weighted by a random upstream gradient u, and the derivative of L = Σ u y with
    respect to each element is taken by a central difference with a step of a random half to all of
    6e-6 · min(100 |x|, 1). An element that it does not settle gets a derivative with a bound on its
    error, from forward passes alone; where that error could hide a wrong gradient, the verdict is
    UNDECIDED.

    Args:
        f: takes the inputs as Tensors and returns a Tensor or a tuple of them; a Module's
            parameters are checked as well.
        inputs: a Tensor, an array or a sequence of them. Floats are checked, except Tensors with
            requires_grad=False; the rest is passed on. All are the same afterwards.
        module: the Module whose parameters, generators and buffers f uses.
        mode: "full" moves every element. "project" compares the slopes along random directions,
            two forward passes for an input whatever its size, and looks at single elements only
            if they differ. "auto" is full up to 1,000 elements, and project above.
        dtype: of the backward pass, "float64" or "float32". The differences are always float64.
        eps: the factor of the central difference's step, in place of 6e-6.
        atol, rtol: an element passes if |analytic − numeric| ≤ atol + rtol · |numeric| + error.
            In float32, rtol is at least 1e-3, and error is at least 1e-4 of the largest element.
        seed: of the upstream gradient, the directions and the samples.
        raises: False returns a failed report instead of raising it.

    Returns:
        A Report, true if every verdict is PASS or KINK.

    Raises:
        GradcheckError: the report is not true; its text is the report.
        ArgumentError: there is nothing to check, f returns no Tensor, or an option is unknown.
        What f raises at the inputs. Where it raises at points beside them, it counts as NaN.
    """
    if more:
        raise ArgumentError(
            "gradcheck",
            "inputs is one sequence",
            f"{1 + len(more)} positional arguments after f",
            "write gradcheck(f, [a, b])",
        )
    _check_options(mode, dtype, eps, atol, rtol, seed)
    with Subject(f, inputs, module) as subject:
        check = _Check(subject, dtype, eps, atol, rtol, seed)
        results = check.whole() or check.results(mode)
    report = Report(tuple(results), mode, dtype, tuple(subject.given), atol, check.tolerance.rtol)
    if raises and not report:
        raise GradcheckError(str(report))
    return report


def _check_options(mode, dtype, eps, atol, rtol, seed) -> None:
    """Raise ArgumentError for options with which nothing would be checked, such as rtol=inf."""

    def is_number(value) -> bool:
        return isinstance(value, numbers.Real) and 0 <= value < np.inf

    is_seed = isinstance(seed, numbers.Integral) and seed >= 0
    is_step = eps is None or (is_number(eps) and eps > 0)
    for name, value, good, known in (
        ("mode", mode, mode in ("auto", "full", "project"), "auto, full or project"),
        ("dtype", dtype, dtype in ("float64", "float32"), "float64 or float32"),
        ("eps", eps, is_step, "None or a finite number above 0"),
        ("atol", atol, is_number(atol), "a finite number, 0 or more"),
        ("rtol", rtol, is_number(rtol), "a finite number, 0 or more"),
        ("seed", seed, is_seed, "an integer, 0 or more"),
    ):
        if not good:
            wrong, facts = f"{name}={value!r} is not valid", f"it can be {known}"
            raise ArgumentError("gradcheck", wrong, facts, "choose one of them")


class _Check:
    """One run of gradcheck: the steps that share the subject, the tolerances and the generator."""

    def __init__(self, subject: Subject, dtype, eps, atol, rtol, seed):
        self.subject, self.dtype = subject, np.dtype(dtype)
        self.step = STEP if eps is None else eps
        self.narrow = self.dtype == np.float32
        rtol = max(rtol, RTOL_32) if self.narrow else rtol
        self.tolerance = Tolerance(rtol, atol, rounded_share(self.dtype))
        # A stream of its own: inputs drawn with the same seed must not come out equal to u.
        self.rng = np.random.default_rng([seed, 0x6772616463686B])
        if self.narrow:
            for _, x in subject.leaves:  # the numbers that a float32 backward sees
                x.data[...] = x.data.astype(np.float32)

    # ---- the whole -----------------------------------------------------------------------------

    def whole(self) -> list[Result]:
        """Return the results if one verdict holds for all: f is random, breaks a promise …"""
        subject, watch = self.subject, Contract(self.subject.generators)
        try:
            with watched_by(watch):  # first: it notes the generators as they are before any use
                y, self.gradients = subject.gradients(self.rng.standard_normal, self.dtype)
                self.u, self.watch = subject.upstream, watch
                watch.otherwise = True
                y_again, again = self.backward()
        except (ShapeError, GraphError) as error:
            subject.evaluate()  # raises it again if the forward pass did
            return self._all("FAIL", str(error))
        if watch.fault:
            return self._all("FAIL", watch.fault)
        self.y = subject.evaluate() if self.narrow else y
        same = same_share(self.dtype)
        if not close(y, y_again, same):
            return self._all("NONDETERMINISTIC", self._what_differs("forward"))
        if watch.unstable:
            why = f"two backward passes differ, first in {watch.unstable}"
            return self._all("NONDETERMINISTIC", why)
        for a, b in zip(self.gradients, again, strict=True):
            # What cancels to 0 is rounding, and depends on where the arrays lie.
            least = self.tolerance.rounded * watch.flow
            if (a is None) != (b is None) or (a is not None and not close(a, b, same, least)):
                return self._all("NONDETERMINISTIC", self._what_differs("backward"))
        empty = not any(x.size for _, x in subject.leaves)
        if not empty and not np.isfinite(self.y).all():  # the mean of nothing is NaN, rightly
            at = int(np.argmin(np.isfinite(self.y)))
            source = subject.source_of_non_finite()
            return self._all("NONFINITE", f"element {at} of the output is {self.y[at]}; {source}")
        self.flow = max(watch.flow, float(abs(self.u).max(initial=0)))
        subject.may_refuse = True
        return self._all("PASS", "") if empty else []

    def backward(self, u: np.ndarray | None = None) -> tuple[np.ndarray, list]:
        """Return y and the gradients of the leaves where they are now, for u or another one."""
        return self.subject.gradients(lambda size: self.u if u is None else u, self.dtype)

    def _what_differs(self, method: str) -> str:
        """Return which operation differs between two runs."""
        records = [Record(), Record()]
        for record in records:
            with watched_by(record):
                self.backward()
        source, same = "f itself", same_share(self.dtype)
        for (name, which, a), (_, _, b) in zip(records[0].seen, records[1].seen, strict=False):
            if len(a) != len(b) or not all(map(lambda x, y: close(x, y, same), a, b)):
                source = f"{name}.{which}"
                break
        if method == "backward" and source == "f itself":
            return "two backward passes differ, and two later ones did not"
        text = f"two {method} passes differ, first in {source}"
        if method == "forward":
            text += "; if a layer is random or keeps a state, pass module=model"
        return text

    def _all(self, word: str, why: str) -> list[Result]:
        return [Result(name, word, size=x.size, diagnosis=why) for name, x in self.subject.leaves]

    @functools.cached_property
    def noise(self) -> Noise:
        """How f rounds; measured when it is first needed."""
        return rounding(self.subject, self.y, self.rng)

    @functools.cached_property
    def gradient_noise(self) -> list[Moves]:
        """How the gradients round; measured when one is about to fail."""
        apart = NEAR if self.narrow else APART
        return rounding_of_gradients(self.subject, self.backward, self.rng, apart)

    @functools.cached_property
    def alone(self) -> list[Report]:
        """What is said of each operation alone, on the arrays that reach it; not if it is one."""
        watch = Operations()
        with watched_by(watch):
            self.subject.run()
        seen = [op for op in watch.seen if op.node.inputs is not None]
        return [gradcheck(op.run, op.inputs, raises=False) for op in seen if len(seen) > 1]

    def probe(self, i: int) -> Probe:
        """Return what takes the slopes along leaf i."""
        return Probe(self.subject.evaluate, self.subject.leaves[i][1].data, self.u, self.y)

    # ---- the inputs ----------------------------------------------------------------------------

    def results(self, mode: str) -> list[Result]:
        """Return the result for each leaf."""
        leaves = self.subject.leaves
        full = mode == "full" or (mode == "auto" and sum(x.size for _, x in leaves) <= FULL)
        found: dict[int, Result] = {}
        lines: dict[int, list[Line]] = {}
        for i, (name, x) in enumerate(leaves):
            if not np.isfinite(x.data).all():
                at = [int(n) for n in np.argwhere(~np.isfinite(x.data))[0]]
                why = f"{name}{at} is {x.data[tuple(at)]}: no difference can be taken there"
                found[i] = Result(name, "NONFINITE", size=x.size, diagnosis=why)
            elif self.gradients[i] is None:
                found[i] = self._without_gradient(i)
            elif full or (mode == "auto" and x.size <= SMALL) or not x.size:
                lines[i] = self._lines(i, list(np.ndindex(x.shape)))
            else:
                (along,) = self._lines(i, [direction(x.data, self.rng)])
                if along.verdict == "NONFINITE":  # as of √x, if some x are moved beyond 0
                    (along,) = self._lines(i, [direction(x.data, self.rng, 0.0)])
                found[i] = self._along(along)
                if along.verdict != "PASS" or self._may_hide_one(along):
                    lines[i] = self._lines(i, self._sample(along))
        every = [line for group in lines.values() for line in group]
        kinks = Kinks(self, every, self._agree_together(every))
        for i, group in lines.items():
            result = self._result(i, group, kinks)
            whole = i not in found or result.checked == result.size
            # In a sample, some other element may disagree, unless there are kinks alone.
            if whole or not result.good or (result.verdict == "KINK" and self._smooth_beside(i)):
                found[i] = result
        for i, (name, x) in enumerate(leaves):
            if found[i].verdict == "PASS" and id(x) in self.watch.narrowed:
                why = self.watch.narrowed[id(x)]
                found[i] = Result(name, "FAIL", size=x.size, diagnosis=why)
        if self.watch.inconsistent and all(result.good for result in found.values()):
            return self._all("FAIL", self.watch.inconsistent)
        passed = [i for i, result in found.items() if result.verdict == "PASS" and i in lines]
        if len(passed) == len(leaves):  # two backward passes at x may share what the first one kept
            found |= self._wrong_beside(passed)
        return [found[i] for i in range(len(leaves))]

    def _without_gradient(self, i: int) -> Result:
        name, x = self.subject.leaves[i]
        if x.size and self.probe(i).sides(direction(x.data, self.rng), self.step).mean:
            why = "the graph does not reach it, but the output depends on it"
            return Result(name, "NO GRADIENT", size=x.size, diagnosis=why)
        return Result(name, "PASS", size=x.size)  # f does not depend on it

    # ---- along lines ---------------------------------------------------------------------------

    def _lines(self, i: int, places: list[Where]) -> list[Line]:
        """Return what is found along these lines of leaf i: its elements, or a direction."""
        probe, g = self.probe(i), self.gradients[i]
        resolution = max(float(abs(self.u) @ abs(self.y)), self.flow) * EPS
        lines = []
        for where in places:
            line = Line(i, where, self.flow)
            if line.is_element:
                value, line.analytic = float(probe.x[where]), float(g[where])
            else:
                value, line.analytic = 1.0, float(np.vdot(g, where))
                line.flow *= float(abs(where).min())  # what it comes to in a single element
            line.unit = unit(value)
            line.step = step(value, self.step) * self.rng.uniform(SHORTEST, 1)
            line.sides = probe.sides(where, line.step)
            line.numeric = line.sides.mean
            good = settled(
                line.analytic, line.numeric, self.tolerance.rtol, resolution / line.step, line.flow
            )
            line.verdict = "PASS" if good else "UNDECIDED"
            lines.append(line)
        # Those that did not settle may be jumps, and their differences no slopes.
        largest = max((abs(line.numeric) for line in lines if line.verdict == "PASS"), default=0)
        failed = 0
        for line in lines:
            line.largest = largest
            if line.verdict != "PASS":
                self._refine(probe, line, thorough=failed < ENOUGH)
                failed += line.verdict == "FAIL"
        return lines

    def _refine(self, probe: Probe, line: Line, thorough: bool) -> None:
        """Judge a line by slopes at more steps; at many, if it does not pass and `thorough`."""
        ends = 0 if np.isfinite(line.numeric) else self._ends(probe, line)
        if ends is None:
            line.verdict = "NONFINITE"
            return
        line.ladder = ladder = Ladder(probe, line.where, self.noise, self.flow, ends)
        ladder.few()
        self._judge(line)
        # Where f does not move, only steps close together show how coarse its floats are.
        if ladder.flat if line.verdict == "PASS" else thorough:
            ladder.all()
            self._judge(line)
        if line.verdict != "PASS" and abs(line.numeric) <= ROUNDED * self.flow:  # is it rounding?
            ladder.look_far(self.subject)
            self._judge(line)
        if np.isinf(line.analytic) and ladder.grows(np.sign(line.analytic)):
            line.verdict = "KINK"

    def _may_hide_one(self, along: Line) -> bool:
        """Return whether a direction that passes is off by more than n right elements would be.

        Each may be off by rtol, at random to either side, and so their sum by rtol / √n.
        """
        if self.narrow:  # the roundings of a float32 pass all lean to one side
            return False
        less = self.tolerance._replace(rtol=self.tolerance.rtol / along.where.size**0.5)
        gap = abs(along.analytic - along.numeric)
        if not along.ladder and gap > bound(Slope(along.numeric, 0.0), along.largest, less):
            self._refine(self.probe(along.i), along, thorough=False)
            gap = abs(along.analytic - along.numeric)
        return gap > bound(Slope(along.numeric, along.error), along.largest, less)

    def _ends(self, probe: Probe, line: Line) -> int | None:
        """Return the side on which f is finite, −1 or 1; 0 if it is on both, None on neither."""
        sides = (-line.step, line.step)
        left, right = (np.isfinite(probe.at(line.where, t)[0]).all() for t in sides)
        return int(right) - int(left) if left or right else None

    def _judge(self, line: Line) -> None:
        """Judge a line by the slopes on its ladder."""
        slopes = line.ladder.slopes()
        line.numeric, line.error = slopes[0]
        if line.error <= abs(line.numeric):
            line.largest = max(line.largest, abs(line.numeric))
        line.verdict = self._verdict(line, slopes)
        gap = abs(line.analytic - line.numeric)
        if line.verdict == "PASS" and gap > self._bound(line):
            line.error = gap  # both are 0 but for the rounding: the error shows it

    def _verdict(self, line: Line, slopes: list[Slope]) -> str:
        """Return the verdict; UNDECIDED, and why, in place of one where f is too rough for it."""
        ladder, analytic, line.doubt = line.ladder, line.analytic, ""
        word = verdict(analytic, slopes, line.largest, line.flow, self.tolerance)
        if word != "PASS" and ladder.flat:  # constant, or in floats, like a saturated loss
            rounds = ladder.resolution() + EPS * line.flow * unit(ladder.value)
            seen = rounds / ladder.flat  # a larger slope would show
            if seen <= NEGLIGIBLE * line.flow and abs(analytic) <= SURELY * seen:
                return "PASS"
        if ladder.scrambled() and word != "UNDECIDED":
            return self._undecided(line, self._lost())
        if word != "FAIL" or not np.isfinite(analytic):
            return word
        if 0 < abs(ladder.value) <= DENORMAL and ladder.grows(np.sign(analytic)):
            return "UNDECIDED"  # all steps are far wider than x
        if self.noise.lost:
            return self._undecided(line, self._lost())
        if ladder.staircase(analytic) and (
            ladder.moves_by_roundings or rounds_to_float32(self, line.i)
        ):
            return "UNDECIDED"
        gap, noise = abs(analytic - line.numeric), self.gradient_noise[line.i]
        rounds, spread = (
            float(a[line.where]) if line.is_element else float(np.vdot(a, abs(line.where)))
            for a in (noise.rounds, noise.spread)
        )
        # A gradient that jumps by roundings may be wrong on one side; then an operation is, too.
        if gap <= rounds or (gap <= spread and self._each_passes_alone()):
            off = rounds if gap <= rounds else spread
            why = f"rounding moves the gradient by up to {off:.1g}, as where numbers cancel"
            return self._undecided(line, f"{why}: check it where they do not")
        return word if ladder.sees(gap) else "UNDECIDED"

    def _undecided(self, line: Line, why: str) -> str:
        line.doubt = why
        return "UNDECIDED"

    def _lost(self) -> str:
        within = "within some hundred roundings of what flows in"
        return f"{self.noise.lost} bends {within}: check it at smaller numbers"

    def _agree_together(self, lines: list[Line]) -> bool:
        """Return whether elements without a bend agree, and along a common direction as well.

        A median of three equal numbers moves along no axis, and along all together.
        """
        lines = [line for line in lines if np.isfinite(line.analytic) and not line.bends]
        if not all(line.verdict == "PASS" for line in lines):
            return False
        if not lines:
            return True
        data = [x.data for _, x in self.subject.leaves]
        moves = self.rng.uniform(0.5, 1, len(lines)) * self.rng.choice([-1, 1], len(lines))
        moves *= [line.unit for line in lines]
        ys = []
        before = [x.copy() for x in data]
        for t in (-self.step, self.step):
            for line, move in zip(lines, moves, strict=True):
                data[line.i][line.where] += t * move
            try:
                ys.append(self.subject.evaluate())
            finally:
                for x, old in zip(data, before, strict=True):
                    x[...] = old
        along = moves * [line.analytic for line in lines]
        gap = abs(along.sum() - float(self.u @ (ys[1] - ys[0])) / (2 * self.step))
        rounds = float(abs(self.u) @ abs(self.y)) * EPS / self.step
        return not gap > VISIBLE * float(np.linalg.norm(along)) + ROUGH * rounds

    def _sample(self, along: Line) -> list[tuple]:
        """Return elements to look at one by one: those found along the direction, and others."""
        g, probe = self.gradients[along.i], self.probe(along.i)

        def disagrees(part: np.ndarray) -> bool:
            gap = float(np.vdot(g, part)) - probe.sides(part, self.step).mean
            return abs(gap) > abs(along.analytic - along.numeric) / 4

        found = np.flatnonzero(~np.isfinite(g))[:SAMPLE]
        if not found.size:
            found = locate(disagrees, along.where, SAMPLE, self.rng)
        rest = self.rng.permutation(np.setdiff1d(np.arange(g.size), found))
        sample = np.sort(np.concatenate([found, rest[: SAMPLE - len(found)]]))
        return [tuple(int(n) for n in np.unravel_index(k, g.shape)) for k in sample]

    def _smooth_beside(self, i: int) -> bool:
        """Return whether leaf i passes along a direction at a point beside the kinks."""
        v = direction(self.subject.leaves[i][1].data, self.rng)
        return self._passes_beside(i, [v * (BESIDE / 10)])

    def _wrong_beside(self, leaves: list[int]) -> dict[int, Result]:
        """Return the results for the leaves whose gradient is wrong at two points beside x."""
        why = "it is wrong at points beside x: backward may keep something from an earlier call"
        found = {}
        for _ in range(2):
            if not leaves:
                break
            with self._beside(1.0):
                data = {i: self.subject.leaves[i][1].data for i in leaves}
                lines = {  # each element moves by a share of itself, and crosses no kink at 0
                    i: self._lines(i, [direction(x, self.rng, 0.0)])[0]
                    for i, x in data.items()
                    if x.size and self.gradients[i] is not None
                }
            leaves = [i for i, line in lines.items() if line.verdict == "FAIL"]
            found = {i: self._along(lines[i])._replace(diagnosis=why) for i in leaves}
        return found

    @contextlib.contextmanager
    def _beside(self, kept: float = KEPT) -> Iterator[None]:
        """Move the leaves, and take f and its gradients there."""
        here = self.y, self.gradients
        with beside(self.subject, self.rng, BESIDE, kept):
            self.y, self.gradients = self.backward()
            vars(self).pop("alone", None)  # it is about other arrays
            try:
                yield
            finally:
                self.y, self.gradients = here
                vars(self).pop("alone", None)

    def _passes_beside(self, i: int, places: list[Where]) -> bool:
        """Return whether leaf i passes along these lines at a point beside the kinks."""
        with self._beside():
            return all(line.verdict == "PASS" for line in self._lines(i, places))

    def _composition_is_to_blame(self, i: int, failing: list[Line]) -> bool:
        """Return whether each operation alone is right, and leaf i is where all have moved."""
        some = [failing[j].where for j in self.rng.permutation(len(failing))[:LOOKED_BESIDE]]
        return self._passes_beside(i, some) and bool(self.alone) and all(self.alone)

    def _each_passes_alone(self) -> bool:
        """Return whether f is several operations, and each is smooth here, and right."""
        smooth = all(r.verdict == "PASS" for report in self.alone for r in report.results)
        return smooth and bool(self.alone)

    # ---- results -------------------------------------------------------------------------------

    def _along(self, line: Line) -> Result:
        name, x = self.subject.leaves[line.i]
        why = "" if line.verdict == "PASS" else "no single element was found"
        return Result(name, line.verdict, size=x.size, diagnosis=why, **self._numbers(line))

    def _result(self, i: int, lines: list[Line], kinks: Kinks) -> Result:
        """Return the result for a leaf: the worst verdict on its elements."""
        name, x = self.subject.leaves[i]
        if not lines:
            return Result(name, "PASS")
        words = [kinks.verdicts.get(line, line.verdict) for line in lines]
        word = worst(words)
        chosen = [line for line, other in zip(lines, words, strict=True) if other == word]
        chosen.sort(key=lambda e: -abs(e.analytic - e.numeric) / (self._bound(e) or 1.0))
        shown = chosen[0]
        failing = np.zeros(x.shape, dtype=bool)
        for line in chosen if word == "FAIL" else ():
            failing[line.where] = True
        return Result(
            name,
            word,
            failing=failing,
            checked=len(lines),
            size=x.size,
            index=tuple(int(n) for n in shown.where),
            diagnosis=self._why(word, i, chosen, lines, kinks),
            **self._numbers(shown),
        )

    def _numbers(self, line: Line) -> dict[str, float]:
        error = line.error + self.tolerance.rounded * line.largest if line.ladder else 0.0
        return {
            "analytic": line.analytic,
            "numeric": line.numeric,
            "error": error,
            "tolerance": self._bound(line),
        }

    def _bound(self, line: Line) -> float:
        largest = line.largest if line.ladder else 0.0
        return bound(Slope(line.numeric, line.error), largest, self.tolerance)

    def _why(self, word: str, i: int, chosen: list[Line], lines: list[Line], kinks: Kinks) -> str:
        if word == "UNDECIDED":
            if text := rounds_to_float32(self, i):
                return text
            if text := kinks.doubt(chosen[0]) or chosen[0].doubt:
                return text
            ladder = chosen[0].ladder
            if ladder and any(map(ladder.grows, (-1, 1))):
                return f"{NO_BOUND}: check it beside this point"
            noise, error = self.noise.y.max(initial=0), max(line.error for line in chosen)
            return (
                f"f rounds by {noise:.1g}, its differences by {error:.1g}: check it where its "
                "output is smaller, or scale it"
            )
        if word == "NONFINITE":
            refuses = f", where it raises {self.subject.refusal}" if self.subject.refusal else ""
            return f"f is finite here, but not on either side{refuses}"
        if word == "KINK":
            return kinks.text(len(chosen), len(lines), self.subject.leaves[i][1].size)
        if word == "PASS":
            return ""
        bad = [line for line in chosen if not np.isfinite(line.analytic)]
        if bad:
            value = "NaN" if np.isnan(bad[0].analytic) else "infinite"
            return f"the gradient is {value}, made by {self.watch.non_finite or 'f itself'}"
        smooth = [line for line in lines if line not in kinks.verdicts]
        flat = any(e.ladder and e.ladder.is_flat for e in chosen)
        if flat and all(e.sides == (0, 0) or e in kinks.jumps for e in lines):
            return (
                rounds_to_float32(self, i)
                or diagnose(self, i, chosen, smooth)
                or (
                    "f is piecewise constant here, and its derivative is 0; if backward is a "
                    "straight-through estimator, check the function that it stands for"
                )
            )
        if self._composition_is_to_blame(i, chosen):
            return (
                "every operation alone is PASS or KINK, and beside this point the gradient is "
                "right: no single backward is to blame, but how they are composed at a kink"
            )
        return kinks.why(chosen) or diagnose(self, i, chosen, smooth)
