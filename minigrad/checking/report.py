"""What a check found, for people (`str`) and programs (`to_dict`)."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

GOOD = ("PASS", "KINK")
WORST_FIRST = ("FAIL", "NONDETERMINISTIC", "NO GRADIENT", "UNDECIDED", "NONFINITE", "KINK", "PASS")
LISTED = 5  # failing elements


def worst(verdicts: Iterable[str]) -> str:
    """Return the verdict that counts for the whole; PASS if there is none."""
    return min(verdicts, key=WORST_FIRST.index, default="PASS")


class Result(NamedTuple):
    """What was found for one input or parameter.

    The numbers are those of its worst element. An element passes if
    |analytic − numeric| ≤ atol + rtol · |numeric| + error. The right side is `tolerance`.

    Attributes:
        name: `input 0`, or a parameter's dotted name.
        verdict: PASS; FAIL; UNDECIDED: the differences are too inaccurate to tell; KINK: f has no
            derivative, and the gradient lies between those of the neighbours; NONDETERMINISTIC: two
            evaluations differ; NONFINITE: f is NaN or infinite; NO GRADIENT: f depends on the
            input, but the graph does not reach it.
        failing: which elements fail, a boolean array of the input's shape; None if elements were
            not looked at one by one.
        checked, size: the number of elements that were checked, and in all.
        index: the worst element; None if a random direction or the whole input was judged.
        analytic: the gradient that backward computed.
        numeric: the finite difference.
        error: a bound on the error of `numeric`, and on float32's rounding in that mode.
        tolerance: the right side of the inequality.
        diagnosis: the mistake that explains the numbers; empty if none does.
    """

    name: str
    verdict: str
    failing: np.ndarray | None = None
    checked: int = 0
    size: int = 0
    index: tuple[int, ...] | None = None
    analytic: float = math.nan
    numeric: float = math.nan
    error: float = math.nan
    tolerance: float = math.nan
    diagnosis: str = ""

    @property
    def good(self) -> bool:
        """Whether the verdict is PASS or KINK."""
        return self.verdict in GOOD

    def __str__(self) -> str:
        line = f"{self.verdict} {self.name}"
        if self.verdict == "FAIL" and self.failing is not None:
            count = np.count_nonzero(self.failing)
            sample = "" if self.checked == self.size else f" sampled of {self.size}"
            fail = "fails" if count == 1 else "fail"
            line += f": {count} of {self.checked}{sample} elements {fail}{self._places(count)}"
        if self.diagnosis:
            line += f": {self.diagnosis}"
        if not math.isnan(self.tolerance):
            line += "\n    " + self.inequality()
        return line

    def _places(self, count: int) -> str:
        """Return " at [0, 1], [2, 1]", the first failing elements; "" for a single number."""
        if not self.failing.ndim:
            return ""
        places = [f"[{', '.join(map(str, k))}]" for k in np.argwhere(self.failing)[:LISTED]]
        return f" at {', '.join(places)}" + (", …" if count > LISTED else "")

    def inequality(self) -> str:
        """Return the inequality that decided, with its numbers."""
        where = "along a random direction"
        if self.index is not None:
            where = f"{self.name}[{', '.join(map(str, self.index))}]"
        difference = abs(self.analytic - self.numeric)
        sign = "<=" if difference <= self.tolerance else ">"
        return (
            f"{where}: analytic {self.analytic:.12g}, numeric {self.numeric:.12g} "
            f"± {self.error:.2g}, |difference| {difference:.6g} {sign} {self.tolerance:.6g}"
        )


class Report(NamedTuple):
    """The results for all inputs and parameters; true if each one is PASS or KINK."""

    results: tuple[Result, ...]
    mode: str
    dtype: str
    given: tuple[str, ...]
    atol: float
    rtol: float

    @property
    def ok(self) -> bool:
        """Whether every verdict is PASS or KINK."""
        return all(result.verdict in GOOD for result in self.results)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        undecided = sum(result.verdict == "UNDECIDED" for result in self.results)
        wrong = sum(result.verdict not in GOOD for result in self.results) - undecided
        found = ", ".join(
            f"{count} of {len(self.results)} gradients {'is' if count == 1 else 'are'} {what}"
            for count, what in ((wrong, "wrong"), (undecided, "undecided"))
            if count
        )
        given = "" if self.given == (self.dtype,) else f", given as {' and '.join(self.given)}"
        head = (
            f"gradcheck: {found or 'all gradients agree'}; backward in {self.dtype}, differences "
            f"in float64{given}; passes if |analytic − numeric| <= {self.atol:g} + "
            f"{self.rtol:g}·|numeric| + error"
        )
        return "\n".join([head, *map(str, self.results)])

    def to_dict(self) -> dict:
        """Return everything as dicts, lists, numbers and strings."""
        results = [
            {
                **r._asdict(),
                "index": None if r.index is None else list(r.index),
                "failing": None if r.failing is None else np.argwhere(r.failing).tolist(),
            }
            for r in self.results
        ]
        return {**self._asdict(), "ok": self.ok, "given": list(self.given), "results": results}
