"""What a check found, for people (`str`) and programs (`to_dict`)."""

import math
from typing import NamedTuple

import numpy as np

GOOD = ("PASS", "KINK")
LISTED = 5  # failing elements


class Result(NamedTuple):
    """What was found for one input or parameter.

    The numbers are those of its worst element. An element passes where
    |analytic − numeric| ≤ atol + rtol · |numeric| + error, which is `tolerance`.

    Attributes:
        name: `input 0`, or a parameter's dotted name.
        verdict: PASS; FAIL; KINK: the slopes to both sides differ, and a smooth neighbour passes;
            NONDETERMINISTIC: two evaluations differ; NONFINITE: f is NaN or infinite; NO GRADIENT:
            f depends on the input, and no graph reaches it.
        failing, checked, size: how many elements fail, of how many looked at, of how many in all.
        index: the worst element; None where a random direction or the whole input was judged.
        analytic: what backward computed.
        numeric, error: the finite difference, and a bound on its error; with the rounding of the
            analytic side, where that counts.
        tolerance: the right side of the inequality; along a direction, the error alone.
        diagnosis: what kind of mistake the numbers fit; empty where there is none.
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

    def __str__(self) -> str:
        line = f"{self.verdict} {self.name}"
        if self.failing is not None:
            sample = "" if self.checked == self.size else f" sampled of {self.size}"
            at = [", ".join(map(str, index)) for index in np.argwhere(self.failing)[:LISTED]]
            more = "" if self.failing.sum() <= LISTED else ", …"
            where = "" if not self.failing.ndim else f" at [{'], ['.join(at)}]{more}"
            line += f": {self.failing.sum()} of {self.checked}{sample} elements fail{where}"
        if self.diagnosis:
            line += f": {self.diagnosis}"
        if not math.isnan(self.tolerance):
            line += "\n    " + self.inequality()
        return line

    def inequality(self) -> str:
        """Return the inequality that was evaluated, with its numbers."""
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
    """The results for all inputs and parameters; true where each one is PASS or KINK."""

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
        bad = sum(result.verdict not in GOOD for result in self.results)
        found = (
            f"{bad} of {len(self.results)} gradients are wrong" if bad else "all gradients agree"
        )
        given = "" if self.given == (self.dtype,) else f", given as {' and '.join(self.given)}"
        sums = [r for r in self.results if r.index is None and not math.isnan(r.tolerance)]
        along = ", along a direction where it is <= error" if sums else ""
        head = (
            f"gradcheck: {found}; backward in {self.dtype}, differences in float64{given}; passes "
            f"where |analytic − numeric| <= {self.atol:g} + {self.rtol:g}·|numeric| + error{along}"
        )
        return "\n".join([head, *map(str, self.results)])

    def to_dict(self) -> dict:
        """Return everything as dicts, lists, numbers and text."""
        results = [
            {
                **r._asdict(),
                "index": None if r.index is None else list(r.index),
                "failing": None if r.failing is None else np.argwhere(r.failing).tolist(),
            }
            for r in self.results
        ]
        return {**self._asdict(), "ok": self.ok, "given": list(self.given), "results": results}
