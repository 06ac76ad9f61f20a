"""The whole table of cases, checked: one row for each function and module.

A row says how its gradients compare with finite differences and, if PyTorch is available, how far
its values and gradients are from PyTorch's.
"""

import warnings
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ..errors import ArgumentError, GradcheckError, MinigradError
from ..tensor import Tensor
from ..text import did_you_mean
from .cases import CASES, Case
from .check import gradcheck
from .report import Report, Result, worst
from .user_code import described

# A few dozen operations, each rounded to ε/2 and summed in a different order, stay below this
# fraction of the largest element.
ROUNDINGS = 64
ROUNDING = ROUNDINGS * float(np.finfo(np.float64).eps)

EXAMPLES = {  # by name, in the table's order
    name: [(case, shapes) for case in CASES if case.name == name for shapes in case.shapes]
    for name in dict.fromkeys(case.name for case in CASES)
}


class Failure(NamedTuple):
    """An example that did not pass.

    Attributes:
        example: the case and the shapes of its inputs.
        report: gradcheck's report.
        deviation: from PyTorch, as in `Row`.
    """

    example: str
    report: Report
    deviation: float | None

    def __str__(self) -> str:
        text = f"{self.example}\n{self.report}"
        if _deviates(self.deviation):
            text += (
                f"\nFAIL against PyTorch: |ours − theirs| is {self.deviation:.2g} of the largest "
                f"element, more than {ROUNDING:.2g}"
            )
        return text

    def to_dict(self) -> dict:
        """Return everything as dicts, lists, numbers and strings."""
        report = self.report.to_dict()
        return {"example": self.example, **report, "deviation": self.deviation}


class Row(NamedTuple):
    """What was found for one function or module.

    Attributes:
        name: as in the table of cases.
        cases, elements: the number of examples, and of elements in their inputs.
        error: the worst |analytic − numeric| relative to its tolerance; up to 1 passes.
        deviation: the worst |ours − theirs| of values and gradients relative to the largest
            element; None without PyTorch, or if it has no such function.
        verdict: the worst verdict of the examples; FAIL also if PyTorch's numbers differ.
        failures: the examples that did not pass.
    """

    name: str
    cases: int
    elements: int
    error: float
    deviation: float | None
    verdict: str
    failures: tuple[Failure, ...]

    @property
    def ok(self) -> bool:
        """Whether every example passed."""
        return not self.failures

    def to_dict(self) -> dict:
        """Return everything as dicts, lists, numbers and strings."""
        return {**self._asdict(), "failures": [failure.to_dict() for failure in self.failures]}


def find(names: Iterable[str]) -> list[str]:
    """Return the names as they are spelled in the table, each once, in the given order.

    `Linear` is accepted for `nn.Linear`. Without a name, all names are returned.

    Raises:
        ArgumentError: if a name is not in the table.
    """
    found = []
    for name in names:
        known = name if name in EXAMPLES else f"nn.{name}"
        if known not in EXAMPLES:
            remedy = "`minigrad gradcheck` without a name lists them all"
            raise ArgumentError(
                "gradcheck",
                f"no function or module is called {name!r}",
                f"there are {len(EXAMPLES)} in the table of cases",
                did_you_mean(name, EXAMPLES, remedy, most=3),
            )
        found.append(known)
    return list(dict.fromkeys(found or EXAMPLES))


def check_row(name: str, torch=None) -> Row:
    """Check all examples of one function or module.

    Args:
        name: as in the table of cases.
        torch: the `torch` module to compare with; None skips the comparison.

    Raises:
        GradcheckError: if the function raises an exception that is not minigrad's.
    """
    elements, error, deviation, verdicts, failures = 0, 0.0, None, [], []
    for case, shapes in EXAMPLES[name]:
        inputs = case.inputs(shapes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the table provokes some on purpose
            report = _checked(case, shapes, inputs)
            compare = torch is not None and case.twin is not None and report.ok
            apart = _apart(case, inputs, torch) if compare else None
        elements += sum(result.size for result in report.results)
        error = max([error, *map(relative_error, report.results)])
        if apart is not None:
            deviation = max(apart, deviation or 0.0)
        verdicts += [result.verdict for result in report.results]
        if not report or _deviates(apart):
            verdicts += ["FAIL"] if report else []
            example = f"{case}: inputs {', '.join(map(str, shapes))}"
            failures.append(Failure(example, report, apart))
    cases, verdict = len(EXAMPLES[name]), worst(verdicts)
    return Row(name, cases, elements, error, deviation, verdict, tuple(failures))


def _checked(case: Case, shapes: list, inputs: list[np.ndarray]) -> Report:
    """Return gradcheck's report, with one line for what a pass raises."""
    try:
        return gradcheck(case.f, inputs, raises=False)
    except (MinigradError, MemoryError):
        raise
    except Exception as error:
        facts, remedy = f"inputs {', '.join(map(str, shapes))}", "correct its forward or backward"
        raise GradcheckError(str(case), f"raised {described(error)}", facts, remedy) from error


def relative_error(result: Result) -> float:
    """Return |analytic − numeric| / tolerance of a result; 0 if nothing was compared."""
    if np.isnan(result.tolerance):
        return 0.0
    gap = float(abs(result.analytic - result.numeric))
    if gap == 0:
        return 0.0
    return np.inf if np.isnan(gap) or not result.tolerance else gap / result.tolerance


def _deviates(deviation: float | None) -> bool:
    return deviation is not None and deviation > ROUNDING


def _apart(case: Case, inputs: list[np.ndarray], torch) -> float:
    """Return the worst |ours − theirs| relative to the largest element."""
    try:
        return max(distances(case.f, lambda *ts: case.twin(torch, *ts), inputs, torch))
    except MinigradError:  # an empty input, about which gradcheck says nothing
        return np.inf


def distances(f: Callable, twin: Callable, inputs: list[np.ndarray], torch: Any) -> list[float]:
    """Return |ours − theirs| of the value and of the gradient of each input.

    Each relative to the largest element; infinite where the shapes differ. The gradients are those
    for a random upstream gradient.

    Args:
        f: takes the inputs as Tensors and returns one Tensor.
        twin: takes them as torch tensors.
        inputs: arrays; those that do not hold floats get no gradient.
        torch: the `torch` module.
    """
    floats = [x.dtype.kind == "f" for x in inputs]
    xs = [Tensor(x, requires_grad=needs) for x, needs in zip(inputs, floats, strict=True)]
    ts = [torch.tensor(x, requires_grad=needs) for x, needs in zip(inputs, floats, strict=True)]
    y, z = f(*xs), twin(*ts)
    if tuple(z.shape) != y.shape:
        return [np.inf] * (1 + sum(floats))
    gy = np.asarray(np.random.default_rng(0).standard_normal(y.shape), y.dtype)
    y.backward(gy)
    z.backward(torch.tensor(gy, dtype=z.dtype))
    pairs = [(y.data, z.detach())]
    pairs += [(x.grad, t.grad) for x, t, needs in zip(xs, ts, floats, strict=True) if needs]
    # None, of an input that the value does not depend on, is a gradient of zeros.
    return [
        _distance(np.float64(0) if a is None else a, np.zeros(1) if b is None else b.numpy())
        for a, b in pairs
    ]


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest |a − b| relative to the largest finite |b|; equal NaNs are equal."""
    with np.errstate(invalid="ignore"):
        difference = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    largest = np.abs(b[np.isfinite(b)]).max(initial=0.0) or 1.0
    distance = float(difference.max(initial=0.0) / largest)
    return np.inf if np.isnan(distance) else distance
