"""gradcheck: is a backward pass the derivative of its forward pass?"""

import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..debugging import watched_by
from ..errors import ArgumentError, GradcheckError, GraphError, ShapeError
from ..nn import Module
from ..typing import ArrayLike
from .diagnosis import diagnose
from .differences import EPS, STEP, WIDE, Estimate, Probe, unit
from .report import Report, Result
from .subject import MANY_RUNS, RUNS, Narrowing, Subject

FULL = 1000  # elements in all, up to which `auto` perturbs every one
SMALL = 64  # elements of one input, up to which `auto` always perturbs every one
SAMPLE = 256  # elements that are checked if a projection fails
DIRECTIONS = 2
RELATIVE_STEP = 5e-6  # of a projection; a larger one crosses kinks
SMALLER = (1e-2, 1e-4)  # fractions of it, to try if it disagrees
NEAR = 0.1  # of the typical element: the least by which a direction moves an element
FLOOR = 1e-6  # of the norm of the terms: the least that a projection resolves
SETTLED = 1e-9  # of the largest element: how closely smooth functions agree
FLOAT32 = (1e-3, 1e-4)  # of the element, of the largest element: the effect of float32 rounding


def gradcheck(
    f: Callable,
    inputs: ArrayLike | Sequence[Any] = (),
    *,
    module: Module | None = None,
    mode: str = "auto",
    dtype: str = "float64",
    eps: float | None = None,
    atol: float = 1e-8,
    rtol: float = 1e-6,
    seed: int = 0,
    raises: bool = True,
) -> Report:
    """Compare the gradients that the backward passes in f compute with finite differences.

    A random upstream gradient u weights the output y. The derivative of L = Σ u y with respect to
    each element is estimated by a central difference with the step 6e-6 · min(|x|, 1). If that does
    not settle an element, Richardson extrapolation refines it, and one-sided differences look for a
    kink.

    Args:
        f: takes the inputs as Tensors and returns one Tensor. If f is a Module, its parameters are
            checked too.
        inputs: a Tensor, an array or a sequence of them. Floating-point inputs are checked, others
            are passed through. The inputs, parameters and generators are the same afterwards.
        module: a Module whose parameters to check as well, if f is a function that uses it.
        mode: "full" perturbs every element. "project" compares derivatives along random
            directions, at two forward passes each whatever the size, and checks single elements
            only if they differ. "auto" is "full" up to 1,000 elements, and "project" above.
        dtype: the dtype of the backward pass, "float64" or "float32". Differences are always taken
            in float64.
        eps: the factor of the central difference's step, instead of 6e-6.
        atol, rtol: an element passes if |analytic − numeric| ≤ atol + rtol · |numeric| + error.
            In float32, rtol is at least 1e-3, and 1e-4 of the largest element is added to error.
        seed: the seed for the upstream gradient, the directions and the samples.
        raises: whether to raise GradcheckError if the check fails, instead of returning the report.

    Returns:
        A Report, true if every verdict is PASS or KINK.

    Raises:
        GradcheckError: if the report is not true; the message is the report.
        ArgumentError: if there is nothing to check, f does not return a Tensor, or an option is not
            valid.
    """
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


class _Kink(NamedTuple):
    """A point without a derivative: the sides on which f is defined, and the range of slopes."""

    sides: tuple[int, ...]
    low: float
    high: float


class _Check:
    """One run of gradcheck: the subject, the tolerances and the generator that its steps share."""

    def __init__(self, subject: Subject, dtype, eps, atol, rtol, seed):
        self.subject, self.dtype = subject, np.dtype(dtype)
        self.eps = STEP if eps is None else eps
        self.narrowed: dict[int, str] = {}
        self.atol, self.rtol, self.slack = atol, rtol, 0.0
        # A separate stream: inputs drawn with the same seed must not equal u.
        self.rng = np.random.default_rng([seed, 0x6772616463686B])
        if self.dtype == np.float32:
            self.rtol, self.slack = max(rtol, FLOAT32[0]), FLOAT32[1]
            # the numbers that a float32 backward pass sees
            for _, x in subject.leaves:
                x.data[...] = x.data.astype(np.float32)

    def whole(self) -> list[Result]:
        """Return the results if all leaves have one verdict, such as NONFINITE; otherwise []."""
        y, source = self.subject.evaluate_twice()
        empty = not any(x.size for _, x in self.subject.leaves)
        if source:
            return self._all("NONDETERMINISTIC", f"two evaluations differ, first in {source}")
        if not empty and not np.isfinite(y).all():  # the mean of nothing is NaN, rightly
            source = self.subject.source_of_non_finite()
            return self._all("NONFINITE", f"output {_first_non_finite(y)}; {source}")
        self.u = self.rng.standard_normal(y.shape)
        self.y, self.noise, self.measured = y, EPS * abs(y), 0
        try:
            with watched_by(Narrowing(self.narrowed)):
                self.analytic = self.subject.gradients(self.u, self.dtype)
        except (ShapeError, GraphError) as error:
            return self._all("FAIL", str(error))
        return self._all("PASS", "") if empty else []

    def _all(self, verdict: str, why: str) -> list[Result]:
        return [
            Result(name, verdict, size=x.size, diagnosis=why) for name, x in self.subject.leaves
        ]

    def results(self, mode: str) -> list[Result]:
        """Return the result for each leaf."""
        found = [self._result(i, mode) for i in range(len(self.subject.leaves))]
        for i, (name, x) in enumerate(self.subject.leaves):
            if found[i].verdict == "PASS" and id(x) in self.narrowed:
                found[i] = Result(name, "FAIL", size=x.size, diagnosis=self.narrowed[id(x)])
        return found

    def _result(self, i: int, mode: str) -> Result:
        total = sum(x.size for _, x in self.subject.leaves)
        full = mode == "full" or (mode == "auto" and total <= FULL)
        name, x = self.subject.leaves[i]
        if not np.isfinite(x.data).all():
            why = f"{name}{_first_non_finite(x.data)}: a difference cannot be taken there"
            return Result(name, "NONFINITE", size=x.size, diagnosis=why)
        if self.analytic[i] is None:
            if self.probe(x.data).along(self._direction(_sizes(x.data)), RELATIVE_STEP).value:
                why = "the graph does not reach it, but the output depends on it"
                return Result(name, "NO GRADIENT", size=x.size, diagnosis=why)
            return Result(name, "PASS", size=x.size)  # f does not depend on it
        if full or (mode == "auto" and x.size <= SMALL):
            return self._elements(i, list(np.ndindex(x.shape)))
        return self._projected(i)

    def _measures(self, runs: int = RUNS) -> bool:
        """Measure the rounding of f, once per number of runs; return whether it grew a lot."""
        if self.measured >= runs:
            return False
        before, self.measured = self.noise, runs
        self.noise = np.fmax(before, self.subject.rounding(self.y, runs))
        return bool((self.noise > 2 * before).any())

    def probe(self, x: np.ndarray) -> Probe:
        """Return a Probe, which evaluates f with elements of x moved."""
        return Probe(self.subject.evaluate, x, self.u, self.noise)

    # ---- element by element ------------------------------------------------------------------

    def _elements(self, i: int, indices: list) -> Result:
        """Judge these elements of leaf i; the result has the verdict of the worst."""
        name, x = self.subject.leaves[i]
        if not indices:
            return Result(name, "PASS")
        self._measures()
        analytic = np.array([self.analytic[i][k] for k in indices])
        probe = self.probe(x.data)
        e, largest = self._derivatives(probe, indices, analytic)
        kinks, failing, alone = {}, [], []
        agree = self._agree(analytic, e, largest)
        # the difference says little if f jumps, or varies too fast for floats
        unknown = e.error > np.maximum(abs(e.value), self.rtol * largest)
        for j in np.flatnonzero(unknown | ~agree):
            kink = self._kink(probe, indices[j])
            if agree[j] and not (kink and np.isinf(kink.low)):  # only a jump, or the end of f
                continue
            if kink and kink.low <= analytic[j] <= kink.high:
                kinks[j] = kink.sides
            elif kink or np.isfinite(e.value[j]):
                failing.append(j)
            else:
                alone.append(j)
        if failing:
            failing = self._beyond_rounding(i, indices, failing, e, largest)
        if kinks and not self._passes_beside(i, {indices[j]: kinks[j] for j in kinks}):
            kinks, failing = {}, sorted([*kinks, *failing])
        verdict, diagnosis = "PASS", ""
        if failing:
            verdict, diagnosis = "FAIL", diagnose(self, i, [indices[j] for j in failing], indices)
        elif alone:
            verdict, diagnosis = "NONFINITE", "f is finite here, but not on either side"
        elif kinks:
            verdict = "KINK"
            diagnosis = (
                f"at {len(kinks)} of {len(indices)} elements the slopes on the two sides differ, "
                "or the domain of f ends; beside it, the gradient is right"
            )
        excess = self._excess(analytic, e, largest)
        worst = max(failing or alone or list(kinks) or [excess.argmax()], key=excess.__getitem__)
        e = Estimate(float(e.value[worst]), float(e.error[worst]))
        return Result(
            name=name,
            verdict=verdict,
            failing=len(failing),
            checked=len(indices),
            size=x.size,
            index=tuple(int(n) for n in indices[worst]),
            analytic=float(analytic[worst]),
            numeric=e.value,
            error=self._error(e, largest),
            tolerance=self._tolerance(e, largest),
            diagnosis=diagnosis,
        )

    def _derivatives(self, probe: Probe, indices: list, analytic) -> tuple[Estimate, float]:
        """Return numeric derivatives and their errors, as arrays, and the largest derivative."""
        e = _arrays([probe.central(k, self.eps * unit(float(probe.x[k]))) for k in indices])
        largest = _largest(e)
        for j in np.flatnonzero(~self._settles(analytic, e, largest)):
            first = Estimate(e.value[j], e.error[j])
            refined = self._refined(probe, indices[j], analytic[j], first, largest)
            e.value[j], e.error[j] = refined
        return e, _largest(e)

    def _settles(self, analytic: np.ndarray, e: Estimate, largest: float) -> np.ndarray:
        """Return for which elements a plain central difference is good enough."""
        close = abs(analytic - e.value) <= SETTLED * largest + e.error
        settled = (e.error <= self.rtol * largest) & self._agree(analytic, e, largest)
        return settled & (close | (self.dtype == np.float32))

    def _refined(self, probe: Probe, k, analytic: float, first: Estimate, largest: float):
        """Return an extrapolated derivative, or one by the best of many steps.

        A gradient is wrong beyond doubt if differences of all widths agree with each other, and far
        less with it. Otherwise the step may not suit f: if x is tiny compared with y, the step
        vanishes in the rounding of y; if f varies faster than that, it is too large.
        """
        value = float(probe.x[k])
        wide = probe.richardson(k, unit(value))
        if wide.error <= self.rtol * largest and self._agree(analytic, wide, largest):
            return wide
        gap = min(abs(analytic - wide.value), abs(wide.value))
        if max(wide.error, probe.rounding(WIDE * unit(value) / 4)) < gap / 1000:
            # the smallest step that resolves the gap
            near = probe.central(k, max(10 * probe.rounding(gap), 2 * EPS * abs(value)))
            if max(abs(first.value - wide.value), abs(near.value - wide.value)) < gap / 4:
                return wide
        if abs(value) < 1:
            wider = probe.richardson(k, 1.0)  # a step that does not shrink with x
            if wider.error <= self.rtol * largest and self._agree(analytic, wider, largest):
                return wider
        return self._searched(probe, k)

    def _searched(self, probe: Probe, k) -> Estimate:
        """Return the derivative by the best of many steps."""
        y, reached = self.subject.evaluate(), self.subject.reached_by(probe.x, k)
        return probe.search(k, y, self.subject.rounding(y, self.measured, reached))

    def _beyond_rounding(self, i: int, indices, failing, e: Estimate, largest) -> list[int]:
        """Return which elements fail by more than the rounding of the analytic gradient.

        At least one of them also fails against the best of many steps.
        """
        self._measures(MANY_RUNS)
        noise = self.subject.gradient_rounding(i, self.analytic[i], self.u, self.dtype)
        probe, still = self.probe(self.subject.leaves[i][1].data), []
        for j in failing:
            k = indices[j]
            if not still:
                e.value[j], e.error[j] = self._searched(probe, k)
            one = Estimate(e.value[j], e.error[j] + noise[k])
            hidden = self._hidden(i, k, e.value[j])
            if self._agree(self.analytic[i][k] - hidden, one, largest):
                e.error[j] = one.error + abs(hidden)
            else:
                still.append(j)
        return still

    def _hidden(self, i: int, k, numeric: float) -> float:
        """Return the part of the analytic gradient from those y that are too large to show it."""
        _, x = self.subject.leaves[i]
        probe, reach = self.probe(x.data), max(1.0, abs(float(x.data[k])))
        if not abs(self.analytic[i][k] - numeric) <= probe.rounding(reach):
            return 0.0
        still = probe.still(k, reach)
        part = float(self.subject.gradients(np.where(still, self.u, 0), self.dtype)[i][k])
        return part if abs(part) <= probe.rounding(reach, still) else 0.0

    # The next four take numbers or arrays.

    def _error(self, e: Estimate, largest: float):
        """Return the bound on the error of e and, in float32, on that of the analytic gradient."""
        return e.error + self.slack * largest

    def _tolerance(self, e: Estimate, largest: float):
        return self.atol + self.rtol * abs(e.value) + self._error(e, largest)

    def _agree(self, analytic, e: Estimate, largest: float):
        return abs(analytic - e.value) <= self._tolerance(e, largest)  # False for NaN

    def _excess(self, analytic, e: Estimate, largest: float):
        """Return |analytic − numeric| / tolerance; 1, to be noticed, if the error is infinite."""
        excess = abs(analytic - e.value) / np.maximum(self._tolerance(e, largest), 1e-300)
        return np.where(np.isinf(e.error), 1, np.where(np.isnan(excess), np.inf, excess))

    def _kink(self, probe: Probe, k) -> "_Kink | None":
        """Return the kink at x, if the slopes on its two sides differ at every step.

        None if f is smooth there.
        """
        value = float(probe.x[k])
        jumps, noises, ends, slopes = [], [], [], []
        steps = np.array([1e-4, 1e-5, 1e-6, 1e-7]) * unit(value)
        for h in steps:
            left = probe.difference(k, value - h, value)
            right = probe.difference(k, value, value + h)
            jumps.append(abs(right.value - left.value))
            noises.append(left.error + right.error)
            slopes.append((left.value, right.value))
            ends.append(tuple(s for s, e in ((-1, left), (1, right)) if np.isfinite(e.value)))
        if len(ends[0]) < 2:
            one = ends[0] and len(set(ends)) == 1
            return _Kink(ends[0], -np.inf, np.inf) if one else None
        rises = np.abs(np.array(slopes) * steps[:, None])
        for one, other in ((0, 1), (1, 0)):  # a jump: f rises as far however small the step
            jumped = rises[:, one].min() > 0.9 * rises[:, one].max()
            if jumped and rises[-1, other] < 1e-3 * rises[-1, one]:
                return _Kink((-1, 1), -np.inf, np.inf)
        clear = [j for j in range(4) if jumps[j] > 20 * noises[j]]
        steady = [j for j in clear if jumps[j] > 0.5 * jumps[0]]  # for a smooth f it shrinks like h
        growth = [b / a for a, b in zip(jumps, jumps[1:], strict=False) if a > 0]
        noisy = any(g > 5 for g in growth)  # pure noise grows like 1/h
        if not steady or steady[-1] != clear[-1] or noisy:
            return None
        j = steady[-1]
        slack = noises[j] + jumps[j] / 100
        return _Kink((-1, 1), min(slopes[j]) - slack, max(slopes[j]) + slack)

    def _passes_beside(self, i: int, kinks: dict) -> bool:
        """Return whether the gradient is right on both sides, at a distance drawn for each kink."""
        _, x = self.subject.leaves[i]
        before = x.data.copy()
        shifts = self.rng.choice([-1, 1], len(kinks)) * self.rng.uniform(0.01, 0.02, len(kinks))
        try:
            for side in (1, -1):
                for (k, sides), shift in zip(kinks.items(), shifts, strict=True):
                    way = side * np.sign(shift) if len(sides) == 2 else sides[0]
                    x.data[k] = before[k] + way * abs(shift) * unit(float(before[k]))
                analytic = self.subject.gradients(self.u, self.dtype)[i]
                probe = self.probe(x.data)
                e = _arrays([probe.richardson(k, unit(float(x.data[k]))) for k in kinks])
                largest = _largest(e)
                agree = self._agree([analytic[k] for k in kinks], e, largest)
                if agree.all():
                    continue
                noise = self.subject.gradient_rounding(i, analytic, self.u, self.dtype)
                for k, agrees in zip(kinks, agree, strict=True):
                    if agrees:
                        continue
                    value, error = self._searched(probe, k)
                    if not self._agree(analytic[k], Estimate(value, error + noise[k]), largest):
                        return False
            return True
        finally:
            x.data[...] = before

    # ---- along random directions ---------------------------------------------------------------

    def _projected(self, i: int) -> Result:
        """Judge leaf i by directional derivatives; check single elements only if they differ."""
        _, x = self.subject.leaves[i]
        sizes = _sizes(x.data)
        for _ in range(DIRECTIONS):
            v = self._direction(sizes)
            agrees, judged = self._agrees_along(i, v)
            for runs in (RUNS, MANY_RUNS):
                if not agrees and self._measures(runs):
                    agrees, judged = self._agrees_along(i, v)
            if agrees:
                continue
            # The step may have crossed a kink, or be too large for how fast f varies. Then smaller
            # steps agree, and they count if they resolve the gap that the first one found.
            gap = abs(judged.analytic - judged.numeric)
            closer = [(share, *self._agrees_along(i, v * share)) for share in SMALLER]
            right = [(share, result) for share, agrees, result in closer if agrees]
            if any(gap * share > result.tolerance for share, result in right):
                judged = right[0][1]
                continue
            found = self._locate(i, v, np.arange(x.size))
            others = np.ones(x.size, dtype=bool)
            others[found] = False
            rest = self.rng.permutation(np.flatnonzero(others))[: SAMPLE - len(found)]
            sample = np.sort(np.concatenate([found, rest]))
            result = self._elements(i, [np.unravel_index(int(n), x.shape) for n in sample])
            if result.verdict != "PASS" or len(sample) == x.size:
                return result
            if not right:
                return judged
            judged = right[0][1]
        return judged

    def _direction(self, sizes: np.ndarray) -> np.ndarray:
        """Return a random step, ±½ to ±1 of these sizes."""
        share = self.rng.random(sizes.shape, dtype=np.float32)
        share -= 0.5
        share += np.copysign(0.5, share)  # in place, because x may be large
        return sizes * share

    def _agrees_along(self, i: int, v: np.ndarray) -> tuple[bool, Result]:
        """Compare the derivative along v with the analytic gradient."""
        name, x = self.subject.leaves[i]
        e = self.probe(x.data).along(v, RELATIVE_STEP)
        terms = self.analytic[i] * v
        norm, analytic = float(np.linalg.norm(terms)), float(terms.sum())
        share = FLOAT32[0] if self.dtype == np.float32 else FLOOR
        error = share * norm + 8 * e.error
        agrees = bool(abs(analytic - e.value) <= error)
        why = "it is wrong along a random direction, but no single wrong element was found"
        return agrees, Result(
            name=name,
            verdict="PASS" if agrees else "FAIL",
            size=x.size,
            analytic=analytic,
            numeric=e.value,
            error=error,
            tolerance=error,
            diagnosis="" if agrees else why,
        )

    def _locate(self, i: int, v: np.ndarray, support: np.ndarray) -> np.ndarray:
        """Return a few elements of `support` along which v still disagrees, by halving."""
        while len(support) > 4:
            for half in np.array_split(support, 2):
                part = np.zeros(v.size)
                part[half] = v.reshape(-1)[half]
                if not self._agrees_along(i, part.reshape(v.shape))[0]:
                    support = half
                    break
            else:
                return self.rng.permutation(support)[:SAMPLE]
        return support


def _first_non_finite(a: np.ndarray) -> str:
    """Return where the first NaN or infinity is and which, such as "[2, 0] is -inf"."""
    at = [int(n) for n in np.argwhere(~np.isfinite(a))[0]]
    return f"{at} is {a[tuple(at)]}"


def _sizes(x: np.ndarray) -> np.ndarray:
    """Return by how much to move each element: its own size, but not far below the typical one."""
    typical = float(np.linalg.norm(x)) / math.sqrt(max(x.size, 1)) or 1.0
    sizes = x.copy()
    np.abs(sizes, out=sizes)
    return np.maximum(sizes, typical * NEAR, out=sizes)


def _arrays(estimates: list[Estimate]) -> Estimate:
    """Return the values and the errors of all of them."""
    return Estimate(*np.array(estimates).T)


def _largest(e: Estimate) -> float:
    """Return the largest |derivative| of those that are finite; f may not be defined beside x."""
    return float(abs(e.value).max(where=np.isfinite(e.value), initial=0))
