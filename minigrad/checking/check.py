"""gradcheck: is a backward pass the derivative of its forward pass?"""

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..debugging import watched_by
from ..errors import ArgumentError, GradcheckError, GraphError, ShapeError
from ..nn import Module
from ..typing import ArrayLike
from .diagnosis import diagnose
from .differences import (
    NEGLIGIBLE,
    ROUNDED,
    RTOL,
    STEP,
    Probe,
    Slope,
    bound,
    direction,
    settled,
    unit,
    verdict,
)
from .harder import Ladder, Noise, locate, moved, rounding, rounding_of_gradients
from .kinks import Kinks
from .report import GOOD, Report, Result
from .subject import Subject
from .watches import EPS, Contract, Record, close

FULL = 1000  # elements in all, up to which `auto` moves every one
SMALL = 64  # elements of one input that are moved one by one in any case
SAMPLE = 256  # elements that are looked at where a projection fails
BESIDE = 1e-3  # of |x|: where a projection looks if it meets kinks
SAME = 1e-10  # of the largest element: two runs, whose arrays may lie elsewhere in memory
END_OF_DOMAIN = "f ends here, and its slope grows without a bound"
FLOAT32 = {"same": 1e-5, "rtol": 1e-3, "slack": 1e-4}  # what float32 rounding may do


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
    respect to each element is taken by a central difference with the step 6e-6 · min(|x|, 1). An
    element that it does not settle gets a derivative with a bound on its error, from forward
    passes alone; where that error could hide a wrong gradient, the verdict is UNDECIDED.

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
            In float32, rtol is at least 1e-3, and 1e-4 of the largest element is added to atol.
        seed: of the upstream gradient, the directions and the samples.
        raises: False returns a failed report instead of raising it.

    Returns:
        A Report, true if every verdict is PASS or KINK.

    Raises:
        GradcheckError: the report is not true; its text is the report.
        ArgumentError: there is nothing to check, f returns no Tensor, or an option is unknown.
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
    report = Report(tuple(results), mode, dtype, tuple(subject.given), atol, check.rtol)
    if raises and not report:
        raise GradcheckError(str(report))
    return report


def _check_options(mode, dtype, eps, atol, rtol, seed) -> None:
    """Raise ArgumentError for options with which nothing would be checked, such as rtol=inf."""

    def is_number(value) -> bool:
        return isinstance(value, numbers.Real) and 0 <= value < np.inf

    for name, value, good, known in (
        ("mode", mode, mode in ("auto", "full", "project"), "auto, full or project"),
        ("dtype", dtype, dtype in ("float64", "float32"), "float64 or float32"),
        (
            "eps",
            eps,
            eps is None or (is_number(eps) and eps > 0),
            "None or a finite number above 0",
        ),
        ("atol", atol, is_number(atol), "a finite number, 0 or more"),
        ("rtol", rtol, is_number(rtol), "a finite number, 0 or more"),
        ("seed", seed, isinstance(seed, numbers.Integral) and seed >= 0, "an integer, 0 or more"),
    ):
        if not good:
            raise ArgumentError(
                "gradcheck",
                f"{name}={value!r} is not valid",
                f"it can be {known}",
                "choose one of them",
            )


Point = tuple[np.ndarray, list]  # the value of f somewhere, and the gradients of the leaves


class Element:
    """An element that is looked at: of leaf i, at index k."""

    __slots__ = ("analytic", "error", "i", "index", "ladder", "largest", "numeric", "verdict")

    def __init__(self, i, index, analytic, numeric):
        self.i, self.index, self.analytic, self.numeric = i, index, analytic, numeric
        self.error, self.verdict, self.ladder, self.largest = 0.0, "PASS", None, 0.0


class _Check:
    """One run of gradcheck: the steps that share the subject, the tolerances and the generator."""

    def __init__(self, subject: Subject, dtype, eps, atol, rtol, seed):
        self.subject, self.dtype = subject, np.dtype(dtype)
        self.step = STEP if eps is None else eps
        self.narrow = self.dtype == np.float32
        self.rtol, self.atol = rtol, atol
        # A stream of its own: inputs drawn with the same seed must not come out equal to u.
        self.rng = np.random.default_rng([seed, 0x6772616463686B])
        if self.narrow:
            self.rtol = max(rtol, FLOAT32["rtol"])
            for _, x in subject.leaves:  # the numbers that a float32 backward sees
                x.data[...] = x.data.astype(np.float32)

    # ---- the whole -----------------------------------------------------------------------------

    def whole(self) -> list[Result]:
        """Return the results if one verdict holds for all: f is random, breaks a promise …"""
        subject, watch = self.subject, Contract(self.subject.generators)
        try:
            with watched_by(watch):  # first: it notes the generators as they are before any use
                y, self.analytic = subject.gradients(self._draw, self.dtype)
            same_y, again = subject.gradients(self._upstream, self.dtype)
        except (ShapeError, GraphError) as error:
            subject.evaluate()  # raises it again if the forward pass did
            return self._all("FAIL", str(error))
        if watch.fault:
            return self._all("FAIL", watch.fault)
        self.y = subject.evaluate()
        same = FLOAT32["same"] if self.narrow else SAME
        if not (close(y, same_y, same) and close(self.y, subject.evaluate(), SAME)):
            return self._all("NONDETERMINISTIC", self._what_differs("forward"))
        for a, b in zip(self.analytic, again, strict=True):
            if (a is None) != (b is None) or (a is not None and not close(a, b, same)):
                return self._all("NONDETERMINISTIC", self._what_differs("backward"))
        empty = not any(x.size for _, x in subject.leaves)
        if not empty and not np.isfinite(self.y).all():  # the mean of nothing is NaN, rightly
            at = int(np.argmin(np.isfinite(self.y)))
            source = subject.source_of_non_finite()
            return self._all("NONFINITE", f"element {at} of the output is {self.y[at]}; {source}")
        self.watch, self._noise, self._gradient_noise = watch, None, None
        self.flow = max(watch.flow, float(abs(self.u).max(initial=0)))
        return self._all("PASS", "") if empty else []

    def _draw(self, size: int) -> np.ndarray:
        self.u = self.rng.standard_normal(size)
        return self.u

    def _upstream(self, size: int) -> np.ndarray:
        return self.u

    def _what_differs(self, method: str) -> str:
        """Return which operation differs between two runs."""
        records = [Record(), Record()]
        for record in records:
            with watched_by(record):
                self.subject.gradients(self._upstream, self.dtype)
        source = "f itself"
        for (name, which, a), (_, _, b) in zip(records[0].seen, records[1].seen, strict=False):
            if len(a) != len(b) or not all(map(lambda x, y: close(x, y, SAME), a, b)):
                source = f"{name}.{which}"
                break
        text = f"two {method} passes differ, first in {source}"
        if method == "forward":
            text += "; if a layer is random or keeps a state, pass module=model"
        return text

    def _all(self, word: str, why: str) -> list[Result]:
        return [Result(name, word, size=x.size, diagnosis=why) for name, x in self.subject.leaves]

    @property
    def noise(self) -> Noise:
        """How f rounds; measured once, when it is first needed."""
        if self._noise is None:
            self._noise = rounding(self.subject, self.y, self.rng)
        return self._noise

    @property
    def gradient_noise(self) -> list[np.ndarray]:
        """How the gradients of the leaves round; measured once, when one is about to fail."""
        if self._gradient_noise is None:
            self._gradient_noise = rounding_of_gradients(
                self.subject, self._upstream, self.dtype, self.rng
            )
        return self._gradient_noise

    def probe(self, i: int) -> Probe:
        """Return what takes the slopes along leaf i."""
        return Probe(self.subject.evaluate, self.subject.leaves[i][1].data, self.u, self.y)

    # ---- the inputs ----------------------------------------------------------------------------

    def results(self, mode: str) -> list[Result]:
        """Return the result for each leaf."""
        leaves = self.subject.leaves
        total = sum(x.size for _, x in leaves)
        full = mode == "full" or (mode == "auto" and total <= FULL)
        found: dict[int, Result] = {}
        along: dict[int, Result] = {}
        looked: dict[int, list[tuple]] = {}
        for i, (name, x) in enumerate(leaves):
            if not np.isfinite(x.data).all():
                at = [int(n) for n in np.argwhere(~np.isfinite(x.data))[0]]
                why = f"{name}{at} is {x.data[tuple(at)]}: no difference can be taken there"
                found[i] = Result(name, "NONFINITE", size=x.size, diagnosis=why)
            elif self.analytic[i] is None:
                found[i] = self._without_gradient(i)
            elif full or (mode == "auto" and x.size <= SMALL):
                looked[i] = list(np.ndindex(x.shape))
            else:
                v = direction(x.data, self.rng)
                found[i] = along[i] = self._along(i, v)
                if along[i].verdict != "PASS":
                    looked[i] = self._sample(i, v, along[i])
        for i, result in self._elements(looked).items():
            whole = i not in along or len(looked[i]) == result.size
            if whole or result.verdict not in GOOD:
                found[i] = result  # else some other element disagrees, or there are only kinks
            elif result.verdict == "KINK" and self._passes_beside(i):
                found[i] = result
        for i, (name, x) in enumerate(leaves):
            if found[i].verdict == "PASS" and id(x) in self.watch.narrowed:
                why = self.watch.narrowed[id(x)]
                found[i] = Result(name, "FAIL", size=x.size, diagnosis=why)
        return [found[i] for i in range(len(leaves))]

    def _without_gradient(self, i: int) -> Result:
        name, x = self.subject.leaves[i]
        if x.size and self.probe(i).sides(direction(x.data, self.rng), self.step).mean:
            why = "the graph does not reach it, but the output depends on it"
            return Result(name, "NO GRADIENT", size=x.size, diagnosis=why)
        return Result(name, "PASS", size=x.size)  # f does not depend on it

    def _slack(self, largest: float) -> float:
        return self.atol + (FLOAT32["slack"] * largest if self.narrow else 0.0)

    # ---- element by element --------------------------------------------------------------------

    def _elements(self, looked: dict[int, list[tuple]]) -> dict[int, Result]:
        """Judge these elements of the leaves; the verdict on a leaf is that of its worst."""
        elements: dict[int, list[Element]] = {}
        bent: list[Element] = []
        for i, indices in looked.items():
            elements[i], bends = self._differences(i, indices)
            bent += bends
        unsettled = [
            e
            for group in elements.values()
            for e in group
            if e.verdict != "PASS" and np.isfinite(e.analytic)
        ]
        kinks = Kinks(self, bent, unsettled) if bent or unsettled else None
        return {i: self._result(i, group, kinks) for i, group in elements.items()}

    def _differences(self, i: int, indices: list) -> tuple[list[Element], list[Element]]:
        """Return the elements with their verdicts, and those at which the slopes bend."""
        probe, data = self.probe(i), self.subject.leaves[i][1].data
        steps = self.step * np.array([unit(float(data[k])) for k in indices])
        sides = [probe.sides(k, h) for k, h in zip(indices, steps, strict=True)]
        left, right = np.array(sides, dtype=float).reshape(-1, 2).T
        analytic = np.array([self.analytic[i][k] for k in indices])
        numeric = (left + right) / 2
        largest = float(abs(numeric).max(where=np.isfinite(numeric), initial=0))
        resolution = float(abs(self.u) @ abs(self.y)) * EPS / steps
        good = settled(analytic, numeric, self.rtol, resolution, self.flow)
        elements = [
            Element(i, k, float(a), float(n))
            for k, a, n in zip(indices, analytic, numeric, strict=True)
        ]
        for j in np.flatnonzero(~good):
            self._refine(probe, elements[j], largest)
        bends = abs(right - left) > 1e-3 * (abs(right) + abs(left))
        return elements, [elements[j] for j in np.flatnonzero(bends & np.isfinite(analytic))]

    def _refine(self, probe: Probe, e: Element, largest: float) -> None:
        """Judge an element by slopes at more steps."""
        ends = self._ends(probe, e)
        if ends == 2:
            e.verdict = "NONFINITE"
            return
        e.ladder = ladder = Ladder(probe, e.index, self.noise, self.flow, ends)
        for more in (ladder.few, ladder.all):
            more()
            slopes = ladder.slopes()
            e.numeric, e.error = slopes[0]
            e.verdict = self._verdict(e, slopes, ladder, max(largest, abs(e.numeric)))
            if e.verdict == "PASS":
                break
        e.largest = max(largest, abs(e.numeric)) if np.isfinite(e.numeric) else largest
        if np.isinf(e.analytic) and ends and ladder.grows(np.sign(e.analytic)):
            e.verdict = "KINK"

    def _verdict(self, e: Element, slopes: list[Slope], ladder: Ladder, largest: float) -> str:
        if ladder.flat:  # constant, or flat in floats like a saturated loss
            scale = float(abs(self.u) @ abs(self.y)) + self.flow * unit(ladder.value)
            seen = EPS * scale / ladder.flat  # a larger slope would show
            if max(abs(e.analytic), seen) <= NEGLIGIBLE * self.flow:
                return "PASS"
        word = verdict(e.analytic, slopes, largest, self.flow, self.rtol, self._slack(largest))
        return self._sober(word, e.i, e.analytic, slopes[0].value, ladder)

    def _sober(self, word: str, i: int, analytic: float, numeric: float, ladder: Ladder) -> str:
        """Return UNDECIDED in place of a verdict where f is too rough for one."""
        if ladder.scrambled():
            return "UNDECIDED"
        if word != "FAIL":
            return word
        if self.noise.lost or (not ladder.is_flat and ladder.staircase(analytic, numeric)):
            return "UNDECIDED"
        off, where = self.gradient_noise[i], ladder.where
        off = off[where] if isinstance(where, tuple) else np.vdot(off, abs(where))
        return "UNDECIDED" if abs(analytic - numeric) <= off else word

    def _ends(self, probe: Probe, e: Element) -> int:
        """Return 0, the side on which f is finite if it is not on both, or 2 if on neither."""
        if np.isfinite(e.numeric):
            return 0
        h = self.step * unit(float(probe.x[e.index]))
        left, right = (np.isfinite(probe.at(e.index, t)[0]).all() for t in (-h, h))
        return 0 if left and right else -1 if left else 1 if right else 2

    def _result(self, i: int, elements: list[Element], kinks: Kinks | None) -> Result:
        name, x = self.subject.leaves[i]
        if not elements:
            return Result(name, "PASS")
        words = [kinks.verdicts.get(e, e.verdict) if kinks else e.verdict for e in elements]
        alone = [j for j, word in enumerate(words) if word == "NONFINITE"]
        failing = [j for j, word in enumerate(words) if word == "FAIL"]
        undecided = [j for j, word in enumerate(words) if word == "UNDECIDED"]
        kinked = [j for j, word in enumerate(words) if word == "KINK"]
        mask = np.zeros(x.shape, dtype=bool)
        for j in failing:
            mask[elements[j].index] = True
        if failing:
            word = "FAIL"
            why = self._why(i, [elements[j] for j in failing], elements, kinks)
        elif undecided:
            word, why = "UNDECIDED", self._undecided([elements[j] for j in undecided])
        elif alone:
            word, why = "NONFINITE", "f is finite here, but not on either side"
        elif kinked:
            word, why = "KINK", kinks.text(len(kinked), len(elements)) if kinks else END_OF_DOMAIN
        else:
            word, why = "PASS", ""

        def excess(j: int) -> float:
            e = elements[j]
            return abs(e.analytic - e.numeric) / (self._bound(e) or 1.0)

        chosen = failing or undecided or alone or kinked or range(len(elements))
        worst = elements[max(chosen, key=excess)]
        return Result(
            name=name,
            verdict=word,
            failing=mask,
            checked=len(elements),
            size=x.size,
            index=tuple(int(n) for n in worst.index),
            analytic=worst.analytic,
            numeric=worst.numeric,
            error=worst.error + ROUNDED * worst.largest,
            tolerance=self._bound(worst),
            diagnosis=why,
        )

    def _bound(self, e: Element) -> float:
        slope = Slope(e.numeric, e.error)
        return bound(slope, e.largest, self.rtol, self._slack(e.largest))

    def _why(self, i: int, failing, elements, kinks) -> str:
        bad = [e for e in failing if not np.isfinite(e.analytic)]
        if bad:
            value = "NaN" if np.isnan(bad[0].analytic) else "infinite"
            return f"the gradient is {value}, made by {self.watch.non_finite or 'f itself'}"
        if kinks and (text := kinks.why(failing)):
            return text
        if all(
            e.ladder is not None and e.ladder.flat > 1e-6 * unit(e.ladder.value) for e in failing
        ):
            return (
                "f is piecewise constant here, and its derivative is 0; a straight-through "
                "estimator is not a derivative: check the function that it stands for"
            )
        return diagnose(self, i, failing, elements)

    def _undecided(self, elements: list[Element]) -> str:
        worst = max(elements, key=lambda e: e.error)
        noise = float(self.noise.y.max(initial=0))
        return (
            f"f rounds by {noise:.1g}, its differences by {worst.error:.1g}: check it where its "
            "output is smaller, or scale it"
        )

    # ---- along random directions ---------------------------------------------------------------

    def _along(self, i: int, v: np.ndarray, point: Point | None = None) -> Result:
        """Compare the slope along v with Σ v g, here or at another point."""
        name, x = self.subject.leaves[i]
        y, gradients = point or (self.y, self.analytic)
        probe = Probe(self.subject.evaluate, x.data, self.u, y)
        analytic = float(np.vdot(gradients[i], v))
        slope, word = Slope(probe.sides(v, self.step).mean, 0.0), "PASS"
        flow = self.flow * float(abs(v).min())  # what it comes to along v, in a single element
        resolution = float(abs(self.u) @ abs(y)) * EPS / self.step
        if not settled(analytic, slope.value, self.rtol, resolution, flow):
            ladder = Ladder(probe, v, self.noise, self.flow)
            for more in (ladder.few, ladder.all):
                more()
                slopes = ladder.slopes()
                slope = slopes[0]
                word = verdict(analytic, slopes, abs(slope.value), flow, self.rtol, self.atol)
                word = self._sober(word, i, analytic, slope.value, ladder)
                if word == "PASS":
                    break
        return Result(
            name=name,
            verdict=word,
            size=x.size,
            analytic=analytic,
            numeric=slope.value,
            error=slope.error + ROUNDED * abs(slope.value),
            tolerance=bound(slope, abs(slope.value), self.rtol, self.atol),
            diagnosis="" if word == "PASS" else "no single element was found",
        )

    def _sample(self, i: int, v: np.ndarray, along: Result) -> list[tuple]:
        """Return elements to look at one by one: those found along v, and others."""
        x = self.subject.leaves[i][1]
        probe = self.probe(i)

        def disagrees(part: np.ndarray) -> bool:
            gap = float(np.vdot(self.analytic[i], part)) - probe.sides(part, self.step).mean
            return abs(gap) > abs(along.analytic - along.numeric) / 4

        found = locate(disagrees, v, SAMPLE, self.rng)
        rest = self.rng.permutation(np.setdiff1d(np.arange(x.size), found))
        sample = np.sort(np.concatenate([found, rest[: SAMPLE - len(found)]]))
        return [tuple(int(n) for n in np.unravel_index(k, x.shape)) for k in sample]

    def _passes_beside(self, i: int) -> bool:
        """Return whether leaf i passes along a direction at a point beside the kinks."""
        leaves = self.subject.leaves
        before = [x.data.copy() for _, x in leaves]
        try:
            for (_, x), data in zip(leaves, before, strict=True):
                x.data[...] = moved(data, BESIDE, self.rng)
            point = self.subject.gradients(self._upstream, self.dtype)
            v = direction(leaves[i][1].data, self.rng)
            return self._along(i, v * (BESIDE / 10), point).verdict == "PASS"
        finally:
            for (_, x), data in zip(leaves, before, strict=True):
                x.data[...] = data
