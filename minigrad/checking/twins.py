"""An operation beside its twin in PyTorch: do the value and the gradients agree?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .. import functions as F
from ..engine import Function
from ..errors import ArgumentError
from ..tensor import Tensor
from ..text import counted, kind_of, table
from ..typing import ArrayLike
from .cases import Case
from .table import EXAMPLES, ROUNDINGS, distances, find


@dataclass(frozen=True)
class Verdict:
    """What `compare` found; true if the value and all gradients agree with PyTorch's.

    Attributes:
        name: the operation.
        cases: how many calls were compared.
        distances: the largest |ours − theirs| of "value" and of "gradient of input 0" and so on,
            each relative to the largest element.
        tolerance: how large they may be.
    """

    name: str
    cases: int
    distances: dict[str, float]
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the value and all gradients agree."""
        return all(apart <= self.tolerance for apart in self.distances.values())

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        head = f"{'PASS' if self.ok else 'FAIL'} {self.name} beside PyTorch, "
        head += f"{counted(self.cases, 'case')}: |ours − theirs| relative to the largest element"
        rows = [
            (
                name,
                f"{apart:.1e}",
                "<=" if apart <= self.tolerance else ">",
                f"{self.tolerance:.1e}",
            )
            for name, apart in self.distances.items()
        ]
        return f"{head}\n{table(rows)}"


def compare(
    function: str | Callable, inputs: Sequence[ArrayLike] | None, twin: Callable | None, torch: Any
) -> Verdict:
    """Compare an operation with PyTorch's; see `bridges.torch.check`, which passes `torch`."""
    name = getattr(function, "__name__", type(function).__name__)
    if isinstance(function, str):
        (name,) = find([function])
        function = getattr(F, name, None)
    elif isinstance(function, type) and issubclass(function, Function):
        function = function.apply
    cases = [(case, shapes) for case, shapes in EXAMPLES.get(name, ()) if case.twin]
    if inputs is None:
        calls: list[tuple] = [
            (case.f, partial(case.twin, torch), case.inputs(shapes)) for case, shapes in cases
        ]
    elif function is None:
        wrong, facts = "inputs are compared with a function of Tensors", f"{name} makes a module"
        remedy = "leave the inputs out to compare its cases"
        raise ArgumentError("check", wrong, facts, remedy)
    else:
        arrays = [np.asarray(x.data if isinstance(x, Tensor) else x) for x in inputs]
        twin = twin or _twin(function, [case for case, _ in cases], arrays, torch)
        calls = [(function, twin, arrays)] if twin else []
    if not calls:
        wrong = f"no twin of {name} in PyTorch is known"
        remedy = "give the inputs, and twin=…, a function of torch tensors"
        raise ArgumentError(
            "check", wrong, "no row of the table of cases computes the same", remedy
        )
    found: dict[str, float] = {}
    dtypes = [x.dtype for x in calls[0][2] if x.dtype.kind == "f"]
    for f, other, xs in calls:
        names = ["value"]
        names += [f"gradient of input {i}" for i, x in enumerate(xs) if x.dtype.kind == "f"]
        f, other = _returning(Tensor, f, name), _returning(torch.Tensor, other, "its twin")
        for what, apart in zip(names, distances(f, other, xs, torch), strict=True):
            found[what] = max(apart, found.get(what, 0.0))
    tolerance = ROUNDINGS * float(np.finfo(np.result_type(*dtypes or [float])).eps)
    return Verdict(name, len(calls), found, tolerance)


def _twin(
    function: Callable, cases: list[Case], arrays: list[np.ndarray], torch: Any
) -> Callable | None:
    """Return PyTorch's twin in the first case that computes the same as the function, if one does.

    The rows of a function differ in its options.
    """
    y = function(*map(Tensor, arrays)).data if cases else None
    for case in cases:
        try:
            if np.array_equal(case.f(*map(Tensor, arrays)).data, y, equal_nan=True):
                return partial(case.twin, torch)
        except Exception:  # it takes other inputs
            continue
    return None


def _returning(kind: type, f: Callable, name: str) -> Callable:
    """Return f, which refuses to return anything but such a tensor."""

    def call(*xs):
        if not isinstance(y := f(*xs), kind):
            wrong, facts = f"{name} does not return a tensor", f"it returns {kind_of(y)}"
            raise ArgumentError("check", wrong, facts, "return one tensor")
        return y

    return call
