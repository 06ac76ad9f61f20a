"""Mutate the source of the backward passes, and run each mutant's rows of the tests.

    python -m tests.mutate_source [NAME…]         such as Softmax, or logistic

A mutant is a backward pass, or a function that a backward pass calls, with one change in its
syntax tree: to an operator, a constant, an argument, an index, a name, a condition or a statement.
Its code replaces the original's, and the rows of the table that use its class run through the
gradient check, the comparison with PyTorch at ordinary points and at kinks, and the contract tests,
until one fails. The mutants that pass all of them are printed with their lines.
"""

import ast
import contextlib
import inspect
import sys
import textwrap
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

import minigrad
from minigrad import engine
from minigrad.checking.cases import CASES
from minigrad.checking.mutants import nodes_of, rows_by_function
from minigrad.engine import Function
from minigrad.functions.arithmetic import Add
from minigrad.functions.shapes import BroadcastTo
from tests import test_engine
from tests.functions import test_contract, test_gradients, test_torch

ROOT = Path(minigrad.__file__).parents[1]
JUDGES = ("gradcheck", "PyTorch", "kinks", "contract")

# ---- what is mutated ---------------------------------------------------------------------------


class Target(NamedTuple):
    """A function of the source, and the rows and kinks of the table that run it."""

    name: str
    function: types.FunctionType
    rows: list
    kinks: list


def targets() -> list[Target]:
    """Return every backward pass that the table runs, the functions they call, and unbroadcast."""
    rows, kinks = rows_by_function(CASES), kinks_by_function()
    used: dict[types.FunctionType, tuple[str, set]] = {}
    for cls in rows:
        for name, function in with_callees(cls, cls.backward, f"{cls.__name__}.backward"):
            used.setdefault(function, (name, set()))[1].add(cls)
    used[engine.unbroadcast] = "unbroadcast", {Add, BroadcastTo}
    return [
        Target(
            name,
            function,
            [row for cls in rows if cls in classes for row in rows[cls]],
            [kink for cls in kinks if cls in classes for kink in kinks[cls]],
        )
        for function, (name, classes) in used.items()
    ]


def kinks_by_function() -> dict[type[Function], list]:
    found: dict = {}
    for case in CASES:
        for arrays in case.kinks:
            for cls in set(map(type, nodes_of(case.f, arrays))):
                found.setdefault(cls, []).append((case, arrays))
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


# ---- the changes -------------------------------------------------------------------------------

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
            yield from arguments
            if isinstance(f, ast.Attribute):
                yield f.value
                for other in CALLS.get(f.attr, []):
                    yield ast.Call(ast.Attribute(f.value, other, f.ctx), arguments, keywords)
            for i in range(len(arguments) - 1):
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
        case ast.Return(value):
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


class Mutant(NamedTuple):
    """One change: where it is, the line before and after, and the code."""

    place: str
    before: str
    after: str
    code: types.CodeType


def mutants_of(function: types.FunctionType) -> list[Mutant]:
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
    for node, put in list(places(tree)):
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
                    found[text] = Mutant(f"{path}:{node.lineno}", before, after, code)
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


# ---- the judges --------------------------------------------------------------------------------


@contextlib.contextmanager
def planted(function: types.FunctionType, code: types.CodeType) -> Iterator[None]:
    """Let the function run other code inside the `with` block."""
    right = function.__code__
    function.__code__ = code
    try:
        yield
    finally:
        function.__code__ = right


def checks(target: Target) -> Iterator[tuple[str, Callable]]:
    """Yield the tests of the target's rows, each with the name of its judge."""
    for row in target.rows:
        yield "gradcheck", partial(test_gradients.test_gradients.check, *row)
    for row in target.rows:
        if row[0].twin is not None:
            for dtype in test_torch.TOLERANCE:
                yield "PyTorch", partial(test_torch.compare, *row, dtype)
    for kink in target.kinks:
        yield "kinks", partial(test_torch.test_points_without_a_derivative.check, *kink)
    if target.function is engine.unbroadcast:
        for pair in test_engine.REFUSED:
            refuses = test_engine.test_unbroadcast_refuses_shapes_that_do_not_broadcast
            yield "contract", partial(refuses, *pair)
    for row in target.rows:
        for test in (
            test_contract.test_nothing_is_written_to,
            test_contract.test_every_subset_of_the_inputs_may_need_gradients,
            test_contract.test_gradients_have_their_tensor_s_shape_and_dtype_and_are_its_own,
            test_contract.test_a_retained_graph_gives_the_same_again,
        ):
            yield "contract", partial(test.check, *row)


def judge(target: Target, mutant: Mutant) -> str:
    """Return which judge rejects the mutant, or "survived"."""
    with planted(target.function, mutant.code), warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*degrees of freedom is <= 0")
        for name, check in checks(target):
            try:
                check()
            except (Exception, pytest.fail.Exception):
                return name
    return "survived"


def run(chosen: list[Target]) -> Iterator[tuple[Target, Counter, list[Mutant]]]:
    """Yield how many mutants of each target each judge rejected, and those that survived."""
    for target in chosen:
        original = Mutant("", "", "", target.function.__code__)
        if (by := judge(target, original)) != "survived":  # then it rejects every mutant, too
            raise RuntimeError(f"{by} rejects {target.name} as it is")
        mutants = mutants_of(target.function)
        verdicts = [judge(target, mutant) for mutant in mutants]
        pairs = zip(mutants, verdicts, strict=True)
        yield target, Counter(verdicts), [mutant for mutant, by in pairs if by == "survived"]


def line(name: str, found: Counter) -> str:
    counts = [f"{found[by]:9}" for by in (*JUDGES, "survived")]
    return " ".join([f"{name:32}{found.total():8}", *counts])


def main(names: list[str]) -> None:
    chosen = [t for t in targets() if not names or set(names) & {t.name, *t.name.split(".")}]
    if not chosen:
        sys.exit(f"no backward pass, and no function that one calls, is named {' or '.join(names)}")
    total: Counter = Counter()
    survivors = []
    print(f"{'':32}{'mutants':>8}", *[f"{name:>9}" for name in (*JUDGES, "survived")])
    for target, found, survived in run(chosen):
        print(line(target.name, found), flush=True)
        total += found
        survivors += [f"{m.place}: {target.name}\n- {m.before}\n+ {m.after}" for m in survived]
    print(line("total", total))
    print(f"{total.total() - len(survivors)} of {total.total()} killed", *survivors, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
