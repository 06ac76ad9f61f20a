"""Planted mistakes, each of which the checks have to find.

    python -m tests.mutants [NAME…]       such as Softmax, lr_factor, or compositions

A mutant is one mistake. There are three kinds:

- in the source: one change in the syntax tree of a backward pass, of a function that one calls, or
  of another function listed in PLACES. The tests have to fail: the table's rows that run it in the
  gradient check, the comparison with PyTorch and the contract tests, or the tests of its place;
- in a gradient: a typical mistake in the gradient of one input of a Function, or in an array that
  forward saves. A row of the table has to get FAIL from gradcheck;
- in a random composition: a mistake in the gradient of one value on the way. gradcheck must not
  pass it.

A mutant that changes no gradient is no mistake: "equal". Those that survive are printed, and
docs/mutants.md has to explain each one.
"""

import ast
import contextlib
import inspect
import io
import math
import re
import signal
import sys
import textwrap
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import minigrad
from minigrad import Tensor, engine, gradcheck, optim, training
from minigrad import functions as F
from minigrad.checking import differences
from minigrad.checking.cases import CASES, Case
from minigrad.checking.report import GOOD
from minigrad.engine import Function
from minigrad.functions.arithmetic import Add
from minigrad.functions.convolution import AvgPool2d, Conv2d, MaxPool2d, Windows
from minigrad.functions.reductions import Std, Var
from minigrad.functions.shapes import BroadcastTo
from tests import test_engine
from tests.checking.compositions import Composition, compositions
from tests.functions import test_contract, test_gradients, test_numerics
from tests.helpers import nodes_below

ROOT = Path(minigrad.__file__).parents[1]
PAGE = ROOT / "docs" / "mutants.md"
JUDGES = ("gradcheck", "PyTorch", "kinks", "contract", "tests", "undecided", "equal", "survived")

Row = tuple[Case, list]  # a case, and the shapes of one of its examples


class Mutant(NamedTuple):
    """A mistake: the attribute of a class or function, and what replaces it.

    `before` and `place` are the line that is changed and where it is, for a change in the source.
    """

    change: str
    owner: Any
    attribute: str
    wrong: Any
    before: str = ""
    place: str = ""

    def __str__(self) -> str:
        return f"{self.place}\n- {self.before}\n+ {self.change}" if self.place else self.change


@contextlib.contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """Plant the mutant inside the `with` block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mutant.owner, mutant.attribute, mutant.wrong)
        yield


# ---- which rows of the table run a Function ----------------------------------------------------


def rows_by_function(cases: Iterable[Case] = CASES) -> dict[type[Function], list[Row]]:
    """Return the classes that the cases use, each with its rows, smallest inputs first."""
    rows = [(case, shapes) for case in cases for shapes in case.shapes]
    found: dict[type[Function], list[Row]] = {}
    for row in sorted(rows, key=lambda row: sum(map(math.prod, row[1]))):
        for function in dict.fromkeys(map(type, nodes_of(*row))):
            found.setdefault(function, []).append(row)
    return found


def kinks_by_function() -> dict[type[Function], list]:
    """Return the classes that the kinks of the table use, each with these kinks."""
    found: dict = {}
    for case in CASES:
        for arrays in case.kinks:
            for function in set(map(type, nodes_below(case.f(*leaves(arrays))))):
                found.setdefault(function, []).append((case, arrays))
    return found


def nodes_of(case: Case, shapes: list) -> list[Function]:
    """Return the nodes of the graph that a row of the table makes."""
    return nodes_below(case.f(*leaves(case.inputs(shapes))))


def leaves(arrays: list[np.ndarray]) -> list[Tensor]:
    return [Tensor(a, requires_grad=True) for a in arrays]


# ---- in the source: where ----------------------------------------------------------------------

STEPS = [
    f"test_optim.py::test_{what}"
    for what in (
        "50_steps_are_those_of_the_formulas",
        "50_adaptive_steps_are_those_of_the_formulas",
        "the_dtype_and_the_array_of_a_parameter_stay",
        "step_leaves_the_gradient_alone",
    )
]
# Functions outside the table, and the tests that have to fail when one is changed.
PLACES = {
    differences.unit: ["checking/test_differences.py"],
    differences.settled: ["checking/test_differences.py"],
    differences.verdict: ["checking/test_differences.py"],
    differences.bound: ["checking/test_differences.py"],
    optim.clip_grad_norm: ["training/test_trainer.py"],
    optim.clip_grad_value: [
        "test_optim.py::test_clip_grad_value_limits_every_element_in_place",
        "test_optim.py::test_clip_grad_value_refuses_what_is_not_a_limit",
    ],
    optim.with_decay: STEPS,
    optim.SGD.move: [*STEPS, "test_optim.py::test_the_first_velocity_is_not_the_gradient_array"],
    optim.RMSprop.move: STEPS,
    optim.Adam.move: STEPS,
    optim.AdamW.decayed: STEPS,
    training.lr_factor: ["training/test_trainer.py"],
    training.Trainer.done.fget: ["training/test_trainer.py"],
    training.Trainer._set_lr: ["training/test_trainer.py"],
    training.Trainer._end_epoch: ["training/test_trainer.py", "training/test_divergence.py"],
}
PATIENCE = 20  # seconds of computing for the tests of a place: a mutant may run forever


@dataclass
class Source:
    """A function, and the checks of which one has to fail when its source is changed.

    Attributes:
        name: of the function.
        function: the function itself.
        checks: each with the name of its judge.
    """

    name: str
    function: types.FunctionType
    checks: list[tuple[str, Callable]]

    def mutants(self) -> list[Mutant]:
        """Return every mutant; the unchanged function has to pass the checks first."""
        if (by := self.rejected_by()) != "survived":  # then it rejects every mutant, too
            raise RuntimeError(f"{by} rejects {self.name} as it is")
        return source_mutants(self.function)

    def judge(self, mutant: Mutant) -> str:
        """Return which judge rejects the mutant, or "survived"."""
        with planted(mutant):
            return self.rejected_by()

    def rejected_by(self) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", ".*degrees of freedom is <= 0")
            for name, check in self.checks:
                try:
                    check()
                except (Exception, pytest.fail.Exception):
                    return name
        return "survived"


def sources() -> list[Source]:
    """Return every function whose source is mutated: those that the table runs, and PLACES."""
    rows, kinks = rows_by_function(), kinks_by_function()
    used: dict[types.FunctionType, tuple[str, set]] = {}
    for cls in rows:
        for name, function in with_callees(cls, cls.backward, f"{cls.__name__}.backward"):
            used.setdefault(function, (name, set()))[1].add(cls)
    used[engine.unbroadcast] = "unbroadcast", {Add, BroadcastTo}
    used[Var.forward] = "Var.forward", {Var, Std}
    for function in (Windows.collected, Windows.slices, Windows.columns):
        used[function] = function.__qualname__, {Conv2d, MaxPool2d, AvgPool2d}
    found = []
    for function, (name, classes) in used.items():
        of_rows = [row for cls in rows if cls in classes for row in rows[cls]]
        of_kinks = [kink for cls in kinks if cls in classes for kink in kinks[cls]]
        found.append(Source(name, function, list(checks(function, of_rows, of_kinks))))
    for function, paths in PLACES.items():
        found.append(Source(function.__qualname__, function, [("tests", partial(tests_in, paths))]))
    return found


def with_callees(cls, function, name) -> Iterator[tuple[str, types.FunctionType]]:
    """Yield the function and those of minigrad.functions that it calls, directly or not."""
    yield name, function
    for node in ast.walk(tree_of(function)):
        callee = None
        match node:
            case ast.Call(ast.Name(called)):
                callee = function.__globals__.get(called)
            case ast.Call(ast.Attribute(ast.Name("self"), called)):
                callee = getattr(cls, called)
        if isinstance(callee, types.FunctionType):
            yield from with_callees(cls, callee, callee.__qualname__)


def tree_of(function: types.FunctionType) -> ast.FunctionDef:
    """Return the syntax tree of the function, with the line numbers of its file."""
    lines, start = inspect.getsourcelines(function)
    (tree,) = ast.parse(textwrap.dedent("".join(lines))).body
    return ast.increment_lineno(tree, start - 1)


def checks(function: types.FunctionType, rows: list, kinks: list) -> Iterator:
    """Yield the tests of the rows and kinks, each with the name of its judge."""
    from tests.functions import test_torch  # it skips what needs it where PyTorch is missing

    for row in rows:
        yield "gradcheck", partial(test_gradients.test_gradients.check, *row)
    for row in rows:
        if row[0].twin is not None:
            for dtype in test_torch.TOLERANCE:
                yield "PyTorch", partial(test_torch.compare, *row, dtype)
    for kink in kinks:
        yield "kinks", partial(test_torch.test_points_without_a_derivative.check, *kink)
    if function is engine.unbroadcast:
        for pair in test_engine.REFUSED:
            refuses = test_engine.test_unbroadcast_refuses_shapes_that_do_not_broadcast
            yield "contract", partial(refuses, *pair)
    if function is Var.forward:
        large = test_numerics.test_a_variance_with_ddof_of_n_or_more_divides_by_0_as_in_numpy
        yield "contract", partial(large, 3)
    for row in rows:
        for test in (
            test_contract.test_nothing_is_written_to,
            test_contract.test_every_subset_of_the_inputs_may_need_gradients,
            test_contract.test_gradients_have_their_tensor_s_shape_and_dtype_and_are_its_own,
            test_contract.test_a_retained_graph_gives_the_same_again,
        ):
            yield "contract", partial(test.check, *row)


def tests_in(paths: list[str]) -> None:
    """Raise an error if a test in the files fails, or all of them take longer than PATIENCE."""

    def give_up(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
    options = [
        "-x",
        "-n0",
        "--tb=no",
        "-p",
        "no:cacheprovider",
        "--assert=plain",
    ]  # nothing else to rewrite
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            failed = pytest.main([*[str(ROOT / "tests" / path) for path in paths], *options])
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    assert not failed


# ---- in the source: the changes ----------------------------------------------------------------

OPERATORS = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.Mod: [ast.FloorDiv],
    ast.FloorDiv: [ast.Mod],
    ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
}
COMMUTATIVE = (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr)
SYMMETRIC = ("max", "min", "maximum", "minimum")  # in their arguments
COMPARISONS = [ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq]
CALLS = {
    "sum": ["mean", "max"],
    "exp": ["expm1", "log"],
    "log": ["log1p", "exp"],
    "sin": ["cos"],
    "cos": ["sin"],
    "zeros": ["ones"],
    "ones_like": ["zeros_like"],
    "minimum": ["maximum"],
    "cumprod": ["cumsum"],
    "abs": ["negative"],
}


def expressions(node: ast.expr, names: set[str], attributes: set[str]) -> Iterator[ast.expr]:
    """Yield the possible replacements of an expression."""
    match node:
        case ast.BinOp(left, op, right):
            yield from (left, right)
            yield from (ast.BinOp(left, other(), right) for other in OPERATORS.get(type(op), []))
            if not isinstance(op, COMMUTATIVE):
                yield ast.BinOp(right, op, left)
        case ast.UnaryOp(_, operand):
            yield operand
        case ast.Compare(left, [op], right):
            if isinstance(op, (ast.Is, ast.IsNot)):
                others = [ast.IsNot if isinstance(op, ast.Is) else ast.Is]
            else:
                others = [other for other in COMPARISONS if not isinstance(op, other)]
            yield from (ast.Compare(left, [other()], right) for other in others)
        case ast.BoolOp(op, values):
            yield from values
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.IfExp(_, body, orelse):
            yield from (body, orelse)
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case ast.Attribute(ast.Name("self"), attr, ast.Load()) if attr in attributes:
            yield from (ast.Attribute(node.value, a, node.ctx) for a in sorted(attributes - {attr}))
        case ast.Attribute(value, "T"):
            yield value
        case ast.Name(name, ast.Load()) if name in names:
            yield from (ast.Name(other, node.ctx) for other in sorted(names - {name}))
        case ast.Subscript(value, index, ast.Load()):
            yield value
            if isinstance(index, ast.Tuple):
                for i in range(len(index.elts)):
                    rest = ast.Tuple(index.elts[:i] + index.elts[i + 1 :], index.ctx)
                    yield ast.Subscript(value, rest, node.ctx)
        case ast.Slice(lower, upper, step):
            for parts in ((None, upper, step), (lower, None, step), (lower, upper, None)):
                yield ast.Slice(*parts)
        case ast.Tuple(elements, ast.Load()):
            for i in range(len(elements) - 1):
                swapped = [*elements[:i], elements[i + 1], elements[i], *elements[i + 2 :]]
                yield ast.Tuple(swapped, node.ctx)
        case ast.Call(f, arguments, keywords):
            called = f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "")
            yield from arguments
            match node:  # where selects, and a product makes NaN of 0 · ∞
                case ast.Call(ast.Attribute(_, "where"), [chosen, value, ast.Constant(0)]):
                    yield ast.BinOp(chosen, ast.Mult(), value)
                case ast.Call(ast.Attribute(_, "where"), [chosen, ast.Constant(0), value]):
                    yield ast.BinOp(
                        ast.BinOp(ast.Constant(1), ast.Sub(), chosen), ast.Mult(), value
                    )
            if isinstance(f, ast.Attribute):
                yield f.value
                for other in CALLS.get(f.attr, []):
                    yield ast.Call(ast.Attribute(f.value, other, f.ctx), arguments, keywords)
            for i in range(0 if called in SYMMETRIC else len(arguments) - 1):
                swapped = [*arguments[:i], arguments[i + 1], arguments[i], *arguments[i + 2 :]]
                yield ast.Call(f, swapped, keywords)
            for i in range(len(keywords)):
                yield ast.Call(f, arguments, keywords[:i] + keywords[i + 1 :])


def statements(node: ast.stmt) -> Iterator[ast.stmt]:
    """Yield the possible replacements of a statement."""
    match node:
        case ast.Return(ast.Tuple(elements)):
            for i, element in enumerate(elements):
                negated = [*elements[:i], ast.UnaryOp(ast.USub(), element), *elements[i + 1 :]]
                yield ast.Return(ast.Tuple(negated, ast.Load()))
        case ast.Return(ast.expr() as value):
            yield ast.Return(ast.UnaryOp(ast.USub(), value))
        case ast.Assign(variables, value):
            yield ast.Pass()
            yield ast.Assign(variables, ast.UnaryOp(ast.USub(), value))
        case ast.Expr():
            yield ast.Pass()
        case ast.AugAssign(target, op, value):
            yield ast.Pass()
            yield ast.Assign([target], value)
            for other in OPERATORS.get(type(op), []):
                yield ast.AugAssign(target, other(), value)
        case ast.If(_, body, orelse):
            yield ast.If(ast.Constant(True), body, orelse)
            yield ast.If(ast.Constant(False), body, orelse)


def places(tree: ast.AST) -> Iterator[tuple[ast.AST, Callable]]:
    """Yield every node below the tree with a function that replaces it."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if isinstance(value, ast.AST):
                yield value, lambda new, parent=parent, field=field: setattr(parent, field, new)
            elif isinstance(value, list):
                for i, item in enumerate(value):
                    yield item, lambda new, value=value, i=i: value.__setitem__(i, new)


def source_mutants(function: types.FunctionType) -> list[Mutant]:
    """Return every mutant of the function."""
    tree = tree_of(function)
    if ast.get_docstring(tree):
        del tree.body[0]
    path = Path(inspect.getsourcefile(function)).relative_to(ROOT)
    names = {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    names |= {argument.arg for argument in tree.args.args} - {"self"}
    attributes = {
        n.attr
        for n in ast.walk(tree)
        if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "self"
    } - {"needs", "spread"}
    original = ast.unparse(tree)
    found: dict[str, Mutant] = {}
    for node, put in list(places(ast.Module(tree.body, []))):  # not its defaults
        if isinstance(node, ast.stmt):
            others = [ast.copy_location(new, node) for new in statements(node)]
        else:
            others = list(expressions(node, names, attributes))
        for other in others:
            put(other)
            text = ast.unparse(tree)
            if text != original and text not in found:
                pairs = zip(original.splitlines(), text.splitlines(), strict=False)
                before, after = next((a.strip(), b.strip()) for a, b in pairs if a != b)
                with contextlib.suppress(SyntaxError):  # code that does not compile is not a mutant
                    code = compiled(text, function)
                    place = f"{path}:{node.lineno}"
                    found[text] = Mutant(after, function, "__code__", code, before, place)
            put(node)
    return list(found.values())


def compiled(text: str, function: types.FunctionType) -> types.CodeType:
    """Return the code of the text, with the variables of the function's enclosing scope."""
    free = function.__code__.co_freevars
    text = text + "".join(f"\n    if 0: {name}" for name in free)
    module = compile(
        f"def scope({', '.join(free)}):\n{textwrap.indent(text, ' ')}", "<mutant>", "exec"
    )
    (scope,) = [c for c in module.co_consts if isinstance(c, types.CodeType)]
    (code,) = [c for c in scope.co_consts if isinstance(c, types.CodeType)]
    return code


# ---- in a gradient -----------------------------------------------------------------------------

DRAWS = 100  # how many, at least, have to agree before a mutant counts as equal
LONGEST = 4  # the longest axis of a drawn input
ROUNDING = 1e-12  # of the largest element: how far apart equal gradients may be


def one_element(change: float) -> Callable:
    """Return a function that multiplies the largest element of a gradient by `change`."""

    def wrong(g):
        g = np.array(g)
        if g.size:
            g.flat[np.abs(g).argmax()] *= change
        return g

    return wrong


def transposed(g):
    square = g.ndim > 1 and g.shape[-1] == g.shape[-2]
    return g.swapaxes(-1, -2) if square else g


# Each keeps the shape and raises nothing, so that the check has to reject the values.
WRONG: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "the sign is flipped": lambda g: -g,
    "it is doubled": lambda g: 2 * g,
    "it is zero": np.zeros_like,
    "it is 1 % off": lambda g: 1.01 * g,
    "it is 1e-5 off": lambda g: (1 + 1e-5) * g,
    "one element is 1 % off": one_element(1.01),
    "one element has the other sign": one_element(-1),
    "each element has its neighbour's": lambda g: np.roll(g, 1),
    "each element has the mean": lambda g: np.full_like(g, g.mean() if g.size else 0),
    "it is transposed where square": transposed,
}


class Gradient(NamedTuple):
    """The right gradient of one input, and what mistakes are made from."""

    g: np.ndarray
    all: list  # the right gradients of all inputs; None for an input that needs none
    x: np.ndarray  # the input
    gy: np.ndarray
    again: Callable  # returns g for another gy


def one_slice(of: Gradient) -> np.ndarray:
    if of.g.shape == of.x.shape or not of.g.size:
        return of.g
    first = of.g[(0,) * (of.g.ndim - of.x.ndim)]
    return first[tuple([slice(n) for n in of.x.shape])]


def first_of_gy(of: Gradient) -> np.ndarray:
    gy = np.zeros_like(of.gy)
    gy[:1] = of.gy[:1]
    return of.again(gy)


MISTAKES: dict[str, Callable[[Gradient], np.ndarray]] = {
    **{kind: lambda of, wrong=wrong: wrong(of.g) for kind, wrong in WRONG.items()},
    "it is divided by the batch size": lambda of: of.g / (len(of.x) if of.x.ndim else 1),
    "the mean is missing": lambda of: of.g * max(1, of.x.size // max(1, of.gy.size)),
    "one slice replaces the sum over a broadcast axis": one_slice,
    "only the first slice of gy counts": lambda of: first_of_gy(of) if of.gy.ndim else of.g,
    "gy is ignored": lambda of: of.again(np.ones_like(of.gy)),
}


def that_of(j: int) -> Callable[[Gradient], np.ndarray]:
    """Return the mistake of taking the gradient of input j, if that has the same shape."""

    def mistake(of: Gradient) -> np.ndarray:
        fits = j < len(of.all) and of.all[j] is not None and of.all[j].shape == of.g.shape
        return of.all[j] if fits else of.g

    return mistake


@dataclass
class Gradients:
    """A Function, and the rows of the table that have to reject mistakes in its gradients."""

    function: type[Function]
    rows: list[Row]

    def __post_init__(self):
        self.name = self.function.__name__
        self.draws: list[Draw] = []

    def mutants(self) -> list[Mutant]:
        """Return every mutant; the rows show how many inputs there are and what is saved."""
        for case, shapes in self.rows:
            if not gradcheck(case.f, case.inputs(shapes), raises=False):
                raise RuntimeError(f"gradcheck rejects {self.name} as it is")
        self.draws = draw_examples(self.rows)
        return gradient_mutants(self.function, self.rows)

    def judge(self, mutant: Mutant) -> str:
        """Return "gradcheck" if it reports FAIL for a row; "equal", "undecided" or "survived"."""
        verdicts = set()
        with planted(mutant):
            for case, shapes in self.rows:
                report = gradcheck(case.f, case.inputs(shapes), raises=False)
                verdicts |= {result.verdict for result in report.results}
                if "FAIL" in verdicts:
                    return "gradcheck"
            if all(map(gives_the_same, self.draws)):
                return "equal"
        return "survived" if verdicts <= set(GOOD) else "undecided"


def gradient_mutants(function: type[Function], rows: list[Row]) -> list[Mutant]:
    nodes = [node for row in rows for node in nodes_of(*row) if type(node) is function]
    names = input_names(function, max(len(node.inputs) for node in nodes))
    found = []
    for i, name in enumerate(names):
        others = {f"it is g{names[j]}": that_of(j) for j in range(len(names)) if j != i}
        for kind, mistake in (MISTAKES | others).items():
            wrong = wrong_backward(function, i, mistake)
            found.append(Mutant(f"g{name}: {kind}", function, "backward", wrong))
    saved = {k for node in nodes for k, value in vars(node).items() if is_floating(value)}
    for attribute in sorted(saved):
        for name in [*names, "y"]:
            if name != attribute:
                wrong = wrong_forward(function, attribute, name, names)
                kind = f"{attribute}: {name} is saved in its place"
                found.append(Mutant(kind, function, "forward", wrong))
    return found


def input_names(function: type[Function], count: int) -> list[str]:
    _, first, *rest = inspect.signature(function.forward).parameters.values()
    if first.kind is first.VAR_POSITIONAL:
        return [f"{first.name}[{i}]" for i in range(count)]
    return [first.name, *[p.name for p in rest]][:count]


def is_floating(value) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def wrong_backward(function: type[Function], i: int, mistake: Callable) -> Callable:
    """Return the backward of the class, with the mistake in the gradient of input i."""
    right = function.backward

    def backward(self, gy):
        def gradients(gy):
            returned = right(self, gy)
            return list(returned) if isinstance(returned, tuple) else [returned]

        found = gradients(gy)
        if i < len(found) and found[i] is not None:
            x = self.inputs[i].data
            of = Gradient(found[i], list(found), x, gy, lambda gy: gradients(gy)[i])
            found[i] = np.array(mistake(of))
        return tuple(found)

    return backward


def wrong_forward(function: type[Function], attribute: str, name: str, names: list) -> Callable:
    """Return the forward of the class, saving another array of the same shape instead."""
    right = function.forward

    def forward(self, *arrays, **options):
        y = right(self, *arrays, **options)
        others = {**dict(zip(names, arrays, strict=False)), "y": y}
        if name in others and np.shape(others[name]) == np.shape(getattr(self, attribute)):
            setattr(self, attribute, others[name])
        return y

    return forward


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
    return [draw_example(case, shapes, rng) for case, shapes in rows for _ in range(each)]


def draw_example(case: Case, shapes: list, rng: np.random.Generator) -> Draw:
    """Return a random example, in other shapes and another scale if the function takes them."""
    seed, scale = int(rng.integers(2**32)), 10 ** rng.uniform(-1, 0.5)
    for drawn, factor in (
        (other_shapes(case, shapes, rng), scale),
        (other_shapes(case, shapes, rng), 1),
        (shapes, scale),
    ):
        try:
            inputs = [factor * x for x in case.inputs(drawn, seed=seed)]
            return example(case.f, inputs, rng)
        except (ValueError, IndexError):  # outside its domain
            continue
    return example(case.f, case.inputs(shapes, seed=seed), rng)


def example(f: Callable, inputs: list, rng: np.random.Generator) -> Draw:
    gy = rng.standard_normal(f(*inputs).shape)
    right = gradients_of(f, inputs, gy)
    if not all(np.isfinite(g).all() for g in right):
        raise ValueError("a gradient that is not finite cannot be compared")
    return Draw(f, inputs, gy, right)


def other_shapes(case: Case, shapes: list, rng: np.random.Generator) -> list[tuple]:
    """Return other shapes that fit together: equal lengths stay equal, and 0 and 1 stay."""
    if case.broadcasts:
        full = rng.integers(1, LONGEST + 1, rng.integers(0, 4))
        shapes = [np.where(rng.random(len(full)) < 0.3, 1, full) for _ in shapes]
        return [tuple(s[rng.integers(0, len(full) + 1) :].tolist()) for s in shapes]
    lengths = {n: int(rng.integers(1, LONGEST + 1)) for n in sorted({n for s in shapes for n in s})}
    lengths |= {0: 0, 1: 1}
    return [tuple([lengths[n] for n in s]) for s in shapes]


def gradients_of(f: Callable, inputs: list, gy: np.ndarray) -> list[np.ndarray]:
    xs = leaves(inputs)
    f(*xs).backward(gy)
    return [x.grad for x in xs]


def gives_the_same(draw: Draw) -> bool:
    """Return whether the gradients are right up to rounding, with a mutant planted."""
    return all(map(equal, gradients_of(draw.f, draw.inputs, draw.gy), draw.right))


def equal(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((np.abs(a - b) <= ROUNDING * np.abs(b).max(initial=0)).all())


# ---- in a random composition -------------------------------------------------------------------


class Spoilt(NamedTuple):
    """A composition, the value in it whose gradient is wrong, and the mistake."""

    composition: Composition
    value: int
    mistake: str

    def options(self) -> dict:
        """Return what makes `composition.run` wrong."""
        return {"spoiled": self.value, "wrong": WRONG[self.mistake]}


@st.composite
def spoilt(draw) -> Spoilt:
    """Draw a composition and a mistake in it."""
    composition = draw(compositions())
    value = len(composition.inputs) + draw(st.integers(0, len(composition.steps) - 1))
    return Spoilt(composition, value, draw(st.sampled_from(list(WRONG))))


def weighted(y: Tensor) -> Tensor:
    """Return Σ w y for fixed weights: the upstream gradient of a scalar only scales the others."""
    return F.sum(y * np.random.default_rng(1).uniform(0.5, 1.5, y.shape))


def flowing(composition: Composition, **options) -> tuple[list[np.ndarray], float, float]:
    """Return the gradients of the inputs that backward computes, the largest that flows, and L."""
    largest = [1.0]

    def see(g):
        largest.append(float(np.abs(g).max(initial=0)))
        return g

    xs = leaves(composition.arrays())
    with np.errstate(all="ignore"):
        loss = weighted(composition.run(xs, seen=see, **options))
        loss.backward()
    gradients = [np.zeros(x.shape) if x.grad is None else x.grad for x in xs]
    return gradients, max(largest), float(loss.data)


@dataclass
class Compositions:
    """Random compositions, each with one mistake that gradcheck must not pass."""

    count: int
    name: str = "compositions"

    def mutants(self) -> list[Spoilt]:
        """Return `count` of them, the same in every run."""
        found = []

        @given(spoilt())
        @settings(NO_SHRINKING, max_examples=self.count, derandomize=True)
        def collect(mutant):
            found.append(mutant)

        collect()
        return found

    def judge(self, mutant: Spoilt) -> str:
        """Return "gradcheck" for a FAIL, "undecided", "equal", or "survived".

        The distance from the right gradient decides, and nothing that gradcheck computed. "equal"
        changes no gradient by 1e-3 of its largest element, nor an element by half of itself where
        floats tell, or only by less than 1e-7 of the largest gradient that flows. They tell a slope
        that moves the loss by more than ten roundings while x moves by a hundredth of itself.
        """
        composition, wrong = mutant.composition, mutant.options()
        report = gradcheck(
            lambda *xs: weighted(composition.run(xs, **wrong)),
            composition.arrays(),
            mode="full",
            raises=False,
        )
        if not report:
            failed = any(result.verdict == "FAIL" for result in report.results)
            return "gradcheck" if failed else "undecided"
        right, flow, loss = flowing(composition)
        found, _, _ = flowing(composition, **wrong)
        for x, g, h in zip(composition.arrays(), right, found, strict=True):
            effect = abs(h - g)
            moves = np.where(x == 0, 1, abs(x)) / 100
            told = effect * moves > 10 * np.finfo(x.dtype).eps * abs(loss)
            large = (effect > 1e-3 * abs(g).max(initial=0)) | (told & (effect > abs(g) / 2))
            if (large & (effect > 1e-7 * flow)).any():
                return "survived"
        return "equal"


NO_SHRINKING = settings(
    deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)

# ---- the command -------------------------------------------------------------------------------

COMPOSITIONS = 1000


def groups() -> dict[str, list]:
    """Return what is mutated, by the kind of the mutants."""
    return {
        "in the source": sources(),
        "in a gradient": [Gradients(*item) for item in rows_by_function().items()],
        "in a composition": [Compositions(COMPOSITIONS)],
    }


def run(targets: list) -> Iterator[tuple[Any, Counter, list]]:
    """Yield how many mutants of each target each judge rejected, and those that survived."""
    for target in targets:
        mutants = target.mutants()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a mutant may divide by zero
            verdicts = [target.judge(mutant) for mutant in mutants]
        pairs = zip(mutants, verdicts, strict=True)
        yield target, Counter(verdicts), [mutant for mutant, by in pairs if by == "survived"]


def explained() -> set[tuple[str, str]]:
    """Return the survivors that the page explains: the target's name, and the changed line."""
    return set(re.findall(r"^- `([\w.]+)`: `(.+)`$", PAGE.read_text("utf-8"), re.MULTILINE))


def line(name: str, found: Counter) -> str:
    counts = [f"{found[by]:9}" for by in JUDGES]
    return " ".join([f"{name:32}{found.total():8}", *counts]).rstrip()


def main(names: list[str]) -> None:
    """Run the mutants of these names, by default all; exit with 1 if one is not explained."""
    if find_spec("torch") is None:
        sys.exit("PyTorch is one of the judges: install it with pip install -e '.[test]'")
    chosen = {
        kind: [t for t in group if not names or set(names) & {t.name, *t.name.split(".")}]
        for kind, group in groups().items()
    }
    if not any(chosen.values()):
        sys.exit(f"nothing that is mutated is named {' or '.join(names)}")
    print(f"{'':32}{'mutants':>8}", *[f"{name:>9}" for name in JUDGES])
    totals = {kind: Counter() for kind, group in chosen.items() if group}
    fresh, known = 0, explained()
    for kind in totals:
        for target, found, survived in run(chosen[kind]):
            print(line(target.name, found), flush=True)
            totals[kind] += found
            for mutant in survived:
                if (target.name, mutant[0]) not in known:
                    fresh += 1
                    print(mutant, flush=True)
    for kind, found in totals.items():
        print(line(f"all {kind}", found))
    survived = sum(found["survived"] for found in totals.values())
    print(f"{survived} survived, {survived - fresh} of them explained in {PAGE.name}")
    sys.exit(1 if fresh else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
