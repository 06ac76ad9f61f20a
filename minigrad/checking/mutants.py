"""Proof that gradcheck can fail: wrong backward passes, planted one by one, that it has to reject.

A mutant is a Function class with one typical mistake in the gradient of one input, or in an array
that forward saves for backward. It is

- equivalent if it gives the same gradients as the original on 100 or more random inputs and
  upstream gradients, drawn independently of the table of cases, in other shapes and scales;
- killed if it is not equivalent and gradcheck rejects a row of the table that uses the class;
- survived otherwise: a mistake that the checks would let pass.
"""

import contextlib
import inspect
import math
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ..engine import Function
from ..tensor import Tensor
from .cases import CASES, Case
from .check import gradcheck

DRAWS = 100  # how many, at least, have to agree before a mutant counts as equivalent
LONGEST = 4  # the longest axis of a drawn input
ROUNDING = 1e-12  # of the largest element: how far apart equal gradients may be

Row = tuple[Case, list]  # a case, and the shapes of one of its examples


class Mutant(NamedTuple):
    """A Function class, and the wrong method that replaces its own."""

    function: type[Function]
    kind: str
    method: str
    wrong: Callable


class Outcome(NamedTuple):
    """The outcome for one mutant.

    Attributes:
        function: the name of the class.
        kind: the gradient or the saved array, and the mistake.
        status: killed, equivalent or survived.
        by: the row of the table that rejected it; empty unless it was killed.
    """

    function: str
    kind: str
    status: str
    by: str = ""


def run_mutants(names: Collection[str] | None = None, cases=CASES) -> Iterator[Outcome]:
    """Plant each mistake in each class that the cases use, and yield the outcome.

    Args:
        names: the names of the cases, such as `softmax`, whose classes to take; None for all.
        cases: the rows that have to reject the mutants.
    """
    for function, rows in rows_by_function(cases).items():
        if names is None or {case.name for case, _ in rows} & set(names):
            draws = draw_examples(rows)
            for mutant in mutants_of(function, rows):
                yield judge(mutant, rows, draws)


def judge(mutant: Mutant, rows: list[Row], draws: list["Draw"]) -> Outcome:
    """Plant the mutant, and return the outcome."""
    function, kind = mutant.function.__name__, mutant.kind
    with planted(mutant):
        if all(map(_gives_the_same, draws)):
            return Outcome(function, kind, "equivalent")
        for case, shapes in rows:
            if not gradcheck(case.f, case.inputs(shapes), raises=False):
                return Outcome(function, kind, "killed", f"{case}: {' '.join(map(str, shapes))}")
    return Outcome(function, kind, "survived")


@contextlib.contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """Replace the method of the class by the wrong one inside the `with` block."""
    right = vars(mutant.function)[mutant.method]
    setattr(mutant.function, mutant.method, mutant.wrong)
    try:
        yield
    finally:
        setattr(mutant.function, mutant.method, right)


# ---- which rows use a class --------------------------------------------------------------------


def rows_by_function(cases: Iterable[Case]) -> dict[type[Function], list[Row]]:
    """Return the classes that the cases use, each with its rows, smallest inputs first."""
    rows = [(case, shapes) for case in cases for shapes in case.shapes]
    found: dict[type[Function], list[Row]] = {}
    for row in sorted(rows, key=lambda row: sum(map(math.prod, row[1]))):
        for function in dict.fromkeys(map(type, _nodes(row))):
            found.setdefault(function, []).append(row)
    return found


def _nodes(row: Row) -> list[Function]:
    case, shapes = row
    return nodes_of(case.f, case.inputs(shapes))


def nodes_of(f: Callable, inputs: list[np.ndarray]) -> list[Function]:
    """Return the nodes of the graph that f makes from the inputs."""
    found: list[Function] = []
    todo = [f(*_leaves(inputs))]
    while todo:
        node = todo.pop().node
        if node is not None and node not in found:
            found.append(node)
            todo += node.inputs
    return found


def _leaves(arrays: list[np.ndarray]) -> list[Tensor]:
    return [Tensor(a, requires_grad=True) for a in arrays]


# ---- the mistakes ------------------------------------------------------------------------------


class _Gradient(NamedTuple):
    """The right gradient of one input, and what mistakes are made from."""

    g: np.ndarray
    all: list  # the right gradients of all inputs; None for an input that needs none
    x: np.ndarray  # the input
    gy: np.ndarray
    again: Callable  # returns g for another gy


def _one_slice(of: _Gradient) -> np.ndarray:
    if of.g.shape == of.x.shape or not of.g.size:
        return of.g
    first = of.g[(0,) * (of.g.ndim - of.x.ndim)]
    return first[tuple([slice(n) for n in of.x.shape])]


def _first_of_gy(of: _Gradient) -> np.ndarray:
    gy = np.zeros_like(of.gy)
    gy[:1] = of.gy[:1]
    return of.again(gy)


def _transposed(of: _Gradient) -> np.ndarray:
    square = of.g.ndim > 1 and of.g.shape[-1] == of.g.shape[-2]
    return of.g.swapaxes(-1, -2) if square else of.g


def _one_element(of: _Gradient) -> np.ndarray:
    g = np.array(of.g)
    if g.size:
        g.flat[np.abs(g).argmax()] *= 1.01
    return g


# Each keeps the shape and raises nothing, so that the check has to reject the values.
MISTAKES: dict[str, Callable[[_Gradient], np.ndarray]] = {
    "the sign is flipped": lambda of: -of.g,
    "it is doubled": lambda of: 2 * of.g,
    "it is divided by the batch size": lambda of: of.g / (len(of.x) if of.x.ndim else 1),
    "the mean is missing": lambda of: of.g * max(1, of.x.size // max(1, of.gy.size)),
    "one slice replaces the sum over a broadcast axis": _one_slice,
    "only the first slice of gy counts": lambda of: _first_of_gy(of) if of.gy.ndim else of.g,
    "it is transposed where square": _transposed,
    "each element has its neighbour's": lambda of: np.roll(of.g, 1),
    "gy is ignored": lambda of: of.again(np.ones_like(of.gy)),
    "one element is 1 % off": _one_element,
    "it is zero": lambda of: np.zeros_like(of.g),
}


def _that_of(j: int) -> Callable[[_Gradient], np.ndarray]:
    """Return the mistake of taking the gradient of input j, if that has the same shape."""

    def mistake(of: _Gradient) -> np.ndarray:
        fits = j < len(of.all) and of.all[j] is not None and of.all[j].shape == of.g.shape
        return of.all[j] if fits else of.g

    return mistake


def mutants_of(function: type[Function], rows: list[Row]) -> Iterator[Mutant]:
    """Yield every mutant of the class; the rows show how many inputs it has and what it saves."""
    nodes = [node for row in rows for node in _nodes(row) if type(node) is function]
    names = _input_names(function, max(len(node.inputs) for node in nodes))
    for i, name in enumerate(names):
        others = {f"it is g{names[j]}": _that_of(j) for j in range(len(names)) if j != i}
        for kind, mistake in (MISTAKES | others).items():
            wrong = _wrong_backward(function, i, mistake)
            yield Mutant(function, f"g{name}: {kind}", "backward", wrong)
    saved = {k for node in nodes for k, value in vars(node).items() if _is_floating(value)}
    for attribute in sorted(saved):
        for name in [*names, "y"]:
            if name != attribute:
                wrong = _wrong_forward(function, attribute, name, names)
                yield Mutant(
                    function, f"{attribute}: {name} is saved in its place", "forward", wrong
                )


def _input_names(function: type[Function], count: int) -> list[str]:
    _, first, *rest = inspect.signature(function.forward).parameters.values()
    if first.kind is first.VAR_POSITIONAL:
        return [f"{first.name}[{i}]" for i in range(count)]
    return [first.name, *[p.name for p in rest]][:count]


def _is_floating(value) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _wrong_backward(function: type[Function], i: int, mistake: Callable) -> Callable:
    """Return the backward of the class, with the mistake in the gradient of input i."""
    right = function.backward

    def backward(self, gy):
        def gradients(gy):
            returned = right(self, gy)
            return list(returned) if isinstance(returned, tuple) else [returned]

        found = gradients(gy)
        if i < len(found) and found[i] is not None:
            x = self.inputs[i].data
            of = _Gradient(found[i], list(found), x, gy, lambda gy: gradients(gy)[i])
            found[i] = np.array(mistake(of))
        return tuple(found)

    return backward


def _wrong_forward(function: type[Function], attribute: str, name: str, names: list) -> Callable:
    """Return the forward of the class, saving another array of the same shape instead."""
    right = function.forward

    def forward(self, *arrays, **options):
        y = right(self, *arrays, **options)
        others = {**dict(zip(names, arrays, strict=False)), "y": y}
        if name in others and np.shape(others[name]) == np.shape(getattr(self, attribute)):
            setattr(self, attribute, others[name])
        return y

    return forward


# ---- random examples ---------------------------------------------------------------------------


class Draw(NamedTuple):
    """A random example: inputs, an upstream gradient, and the right gradients of the inputs."""

    f: Callable
    inputs: list[np.ndarray]
    gy: np.ndarray
    right: list[np.ndarray]


def draw_examples(rows: list[Row]) -> list[Draw]:
    """Return random examples of each row, 100 or more in all."""
    rng = np.random.default_rng(0)
    each = math.ceil(DRAWS / len(rows))
    return [_draw(case, shapes, rng) for case, shapes in rows for _ in range(each)]


def _draw(case: Case, shapes: list, rng: np.random.Generator) -> Draw:
    """Return a random example, in other shapes and another scale if the function takes them."""
    seed, scale = int(rng.integers(2**32)), 10 ** rng.uniform(-1, 0.5)
    for drawn, factor in (
        (_other_shapes(case, shapes, rng), scale),
        (_other_shapes(case, shapes, rng), 1),
        (shapes, scale),
    ):
        try:
            inputs = [factor * x for x in case.inputs(drawn, seed=seed)]
            return _example(case.f, inputs, rng)
        except (ValueError, IndexError):  # outside its domain
            continue
    return _example(case.f, case.inputs(shapes, seed=seed), rng)


def _example(f: Callable, inputs: list, rng: np.random.Generator) -> Draw:
    gy = rng.standard_normal(f(*inputs).shape)
    right = _gradients(f, inputs, gy)
    if not all(np.isfinite(g).all() for g in right):
        raise ValueError("a gradient that is not finite cannot be compared")
    return Draw(f, inputs, gy, right)


def _other_shapes(case: Case, shapes: list, rng: np.random.Generator) -> list[tuple]:
    """Return other shapes that fit together: equal lengths stay equal, and 0 and 1 stay."""
    if case.broadcasts:
        full = rng.integers(1, LONGEST + 1, rng.integers(0, 4))
        shapes = [np.where(rng.random(len(full)) < 0.3, 1, full) for _ in shapes]
        return [tuple(s[rng.integers(0, len(full) + 1) :].tolist()) for s in shapes]
    lengths = {n: int(rng.integers(1, LONGEST + 1)) for n in sorted({n for s in shapes for n in s})}
    lengths |= {0: 0, 1: 1}
    return [tuple([lengths[n] for n in s]) for s in shapes]


def _gradients(f: Callable, inputs: list, gy: np.ndarray) -> list[np.ndarray]:
    xs = _leaves(inputs)
    f(*xs).backward(gy)
    return [x.grad for x in xs]


def _gives_the_same(draw: Draw) -> bool:
    """Return whether the gradients are right up to rounding, with a mutant planted."""
    return all(map(_equal, _gradients(draw.f, draw.inputs, draw.gy), draw.right))


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((np.abs(a - b) <= ROUNDING * np.abs(b).max(initial=0)).all())
