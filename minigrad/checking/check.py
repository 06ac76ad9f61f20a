"""gradcheck: is a backward pass the derivative of its forward pass?"""

import math
import numbers
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..debugging import watched_by
from ..errors import ArgumentError, GradcheckError, GraphError, ShapeError
from ..nn import Module
from .diagnosis import diagnose
from .differences import EPS, STEP, WIDE, Estimate, Probe, unit
from .report import Report, Result
from .subject import MANY_RUNS, RUNS, Narrowing, Subject

FULL = 1000  # elements in all, up to which `auto` perturbs every one
SMALL = 64  # elements of one input that are perturbed one by one in any case
SAMPLE = 256  # elements that are looked at where a projection fails
DIRECTIONS = 2
RELATIVE_STEP = 5e-6  # of a projection; a larger one crosses kinks
SMALLER = (1e-2, 1e-4)  # shares of it, where it disagrees
NEAR = 0.1  # of the typical element: one nearer to 0 is moved by so much, to be noticed at all
FLOOR = 1e-6  # of the norm of the terms: what a projection can tell apart
SETTLED = 1e-9  # of the largest element: what smooth functions agree to
FLOAT32 = (1e-3, 1e-4)  # of the element, of the largest element: what float32 rounding may do


def gradcheck(
    f: Callable,
    inputs=(),
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
    """Compare what the backward passes in f compute with finite differences.

    The output y is weighted by a random upstream gradient u, and the derivative of L = Σ u y with
    respect to each element is taken by a central difference with the step 6e-6 · min(|x|, 1). An
    element that it does not settle is refined by Richardson extrapolation, and looked at from both
    sides for a kink.

    Args:
        f: takes the inputs as Tensors and returns one Tensor; a Module's parameters are checked.
        inputs: a Tensor, an array or a sequence of them; floats are checked, the rest is passed
            through. They, the parameters and their generators are the same afterwards.
        module: whose parameters to check as well, where f is a function that uses it.
        mode: "full" perturbs every element. "project" compares derivatives along random
            directions, two forward passes each whatever the size, and looks at single elements
            only where they differ. "auto" is full up to 1,000 elements, and project above.
        dtype: of the backward pass, "float64" or "float32". The differences are always float64.
        eps: the factor of the central difference's step, in place of 6e-6.
        atol, rtol: an element passes if |analytic − numeric| ≤ atol + rtol · |numeric| + error.
            In float32, rtol is at least 1e-3, and the error has 1e-4 of the largest element.
        seed: of the upstream gradient, the directions and the samples.
        raises: False returns a failed report instead of raising it.

    Returns:
        A Report, true if every verdict is PASS or KINK.

    Raises:
        GradcheckError: the report is not true; its text is the report.
        ArgumentError: there is nothing to check, f returns no Tensor, or an option is unknown.
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
    """Refuse options that would make a check of nothing, or none at all."""

    def is_number(value) -> bool:
        return isinstance(value, numbers.Real) and 0 <= value < np.inf

    for name, value, good, known in (
        ("mode", mode, mode in ("auto", "full", "project"), "auto, full, project"),
        ("dtype", dtype, dtype in ("float64", "float32"), "float64, float32"),
        ("eps", eps, eps is None or (is_number(eps) and eps > 0), "None, or a number above 0"),
        ("atol", atol, is_number(atol), "a number from 0"),
        ("rtol", rtol, is_number(rtol), "a number from 0"),
        ("seed", seed, isinstance(seed, numbers.Integral) and seed >= 0, "a whole number from 0"),
    ):
        if not good:
            raise ArgumentError(
                "gradcheck",
                f"{name}={value!r} is unknown",
                f"it can be {known}",
                "choose one of them",
            )


class _Kink(NamedTuple):
    """Where f has no derivative: the sides to which it goes on, and the slopes between theirs."""

    sides: tuple[int, ...]
    low: float
    high: float


class _Check:
    """One run of gradcheck: the steps that share the subject, the tolerances and the generator."""

    def __init__(self, subject: Subject, dtype, eps, atol, rtol, seed):
        self.subject, self.dtype = subject, np.dtype(dtype)
        self.eps = STEP if eps is None else eps
        self.narrowed: dict[int, str] = {}
        self.atol, self.rtol, self.slack = atol, rtol, 0.0
        # A stream of its own: inputs drawn with the same seed must not come out equal to u.
        self.rng = np.random.default_rng([seed, 0x6772616463686B])
        if self.dtype == np.float32:
            self.rtol, self.slack = max(rtol, FLOAT32[0]), FLOAT32[1]
            # the numbers that a float32 backward sees
            for _, x in subject.leaves:
                x.data[...] = x.data.astype(np.float32)

    def whole(self) -> list[Result]:
        """Return the results where one verdict holds for all: f is random, or not finite …"""
        y, source = self.subject.evaluate_twice()
        empty = not any(x.size for _, x in self.subject.leaves)
        if source:
            return self._all("NONDETERMINISTIC", f"two evaluations differ, first in {source}")
        if not empty and not np.isfinite(y).all():  # the mean of nothing is NaN, rightly
            at = [int(i) for i in np.argwhere(~np.isfinite(y))[0]]
            source = self.subject.source_of_non_finite()
            return self._all("NONFINITE", f"output {at} is {y[tuple(at)]}; {source}")
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
            at = [int(n) for n in np.argwhere(~np.isfinite(x.data))[0]]
            why = f"{name}{at} is {x.data[tuple(at)]}: no difference can be taken there"
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
        """Measure how f rounds, once for each number of runs; return whether it is by far more."""
        if self.measured >= runs:
            return False
        before, self.measured = self.noise, runs
        self.noise = np.fmax(before, self.subject.rounding(self.y, runs))
        return bool((self.noise > 2 * before).any())

    def probe(self, x: np.ndarray) -> Probe:
        """Return what evaluates f with elements of x moved."""
        return Probe(self.subject.evaluate, x, self.u, self.noise)

    # ---- element by element ------------------------------------------------------------------

    def _elements(self, i: int, indices: list) -> Result:
        """Judge these elements of leaf i; the verdict is that of the worst."""
        name, x = self.subject.leaves[i]
        if not indices:
            return Result(name, "PASS")
        self._measures()
        analytic = np.array([self.analytic[i][k] for k in indices])
        probe = self.probe(x.data)
        e, largest = self._derivatives(probe, indices, analytic)
        kinks, failing, alone = {}, [], []
        agree = self._agree(analytic, e, largest)
        # little is known where f jumps, or varies too fast for floats
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
            verdict, diagnosis = "NONFINITE", "f is finite here, and not beside it on either side"
        elif kinks:
            verdict = "KINK"
            diagnosis = (
                f"{len(kinks)} of {len(indices)} elements sit on a kink, where the slopes to both "
                "sides differ, or at the end of the domain; moved off it, the gradient is right"
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
        """Return where a plain central difference is as good as any."""
        close = abs(analytic - e.value) <= SETTLED * largest + e.error
        settled = (e.error <= self.rtol * largest) & self._agree(analytic, e, largest)
        return settled & (close | (self.dtype == np.float32))

    def _refined(self, probe: Probe, k, analytic: float, first: Estimate, largest: float):
        """Return an extrapolated derivative, or one by the best of many steps.

        A gradient is wrong beyond doubt where differences of all widths agree with each other, and
        by far less with it. Elsewhere the step may not suit f: where x is tiny beside y it vanishes
        in the rounding of y, and where f varies faster it is too large.
        """
        value = float(probe.x[k])
        wide = probe.richardson(k, unit(value))
        if wide.error <= self.rtol * largest and self._agree(analytic, wide, largest):
            return wide
        gap = min(abs(analytic - wide.value), abs(wide.value))
        if max(wide.error, probe.rounding(WIDE * unit(value) / 4)) < gap / 1000:
            # the smallest step that can tell the two apart
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

        One of them at least is found wrong by the best of many steps.
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
        """Return the part of the analytic gradient that comes from y too large to show it."""
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
        """Return |analytic − numeric| / tolerance; 1 where nothing can be told, to be seen."""
        excess = abs(analytic - e.value) / np.maximum(self._tolerance(e, largest), 1e-300)
        return np.where(np.isinf(e.error), 1, np.where(np.isnan(excess), np.inf, excess))

    def _kink(self, probe: Probe, k) -> "_Kink | None":
        """Return the kink that x sits on, where the slopes to both sides differ at every step.

        None where f is smooth.
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
        for one, other in ((0, 1), (1, 0)):  # f jumps: it rises as far however small the step
            jumped = rises[:, one].min() > 0.9 * rises[:, one].max()
            if jumped and rises[-1, other] < 1e-3 * rises[-1, one]:
                return _Kink((-1, 1), -np.inf, np.inf)
        clear = [j for j in range(4) if jumps[j] > 20 * noises[j]]
        steady = [j for j in clear if jumps[j] > 0.5 * jumps[0]]  # a smooth one shrinks like h
        growth = [b / a for a, b in zip(jumps, jumps[1:], strict=False) if a > 0]
        noisy = any(g > 5 for g in growth)  # what is all noise grows like 1/h
        if not steady or steady[-1] != clear[-1] or noisy:
            return None
        j = steady[-1]
        slack = noises[j] + jumps[j] / 100
        return _Kink((-1, 1), min(slopes[j]) - slack, max(slopes[j]) + slack)

    def _passes_beside(self, i: int, kinks: dict) -> bool:
        """Move the elements off their kinks, each by its own distance, and check both sides."""
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
        """Judge leaf i by directional derivatives; look at elements only where they differ."""
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
            # The step may have crossed a kink, or f may vary faster than it: then smaller ones
            # agree, which would have told from nothing what the first one saw.
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
        share += np.copysign(0.5, share)  # in place, for x may be large
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
        return agrees, Result(
            name=name,
            verdict="PASS" if agrees else "FAIL",
            size=x.size,
            analytic=analytic,
            numeric=e.value,
            error=error,
            tolerance=error,
            diagnosis="" if agrees else "no single element was found",
        )

    def _locate(self, i: int, v: np.ndarray, support: np.ndarray) -> np.ndarray:
        """Return a few elements of `support` along which v still disagrees, by halving it."""
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


def _sizes(x: np.ndarray) -> np.ndarray:
    """Return by how much to move each element: by itself, or like the others if it is near 0."""
    typical = float(np.linalg.norm(x)) / math.sqrt(max(x.size, 1)) or 1.0
    sizes = x.copy()
    np.abs(sizes, out=sizes)
    return np.maximum(sizes, typical * NEAR, out=sizes)


def _arrays(estimates: list[Estimate]) -> Estimate:
    """Return the values and the errors of all of them."""
    return Estimate(*np.array(estimates).T)


def _largest(e: Estimate) -> float:
    """Return the size of the largest derivative; one beyond the end of the domain is NaN."""
    return float(abs(e.value).max(where=np.isfinite(e.value), initial=0))
