"""The op contract for every row of the table: what a function writes to, and what it returns."""

import inspect
import itertools
import re
import sys

import numpy as np
import pytest

from minigrad import Function, Tensor, nn
from minigrad import functions as F
from minigrad.checking.cases import CASES
from minigrad.functions.arithmetic import Div
from minigrad.functions.losses import MSELoss
from tests.functions.rows import for_every_row
from tests.helpers import functions_below, nodes_below

DTYPES = [np.float32, np.float64]
NUMPY_1 = np.__version__.startswith("1.")  # makes float64 of a 0-d float32 and a Python number
PASSING = {Div, MSELoss}  # the first gradient is a factor of the second, and is there anyway


def tensors(arrays, needs=None):
    needs = needs or [True] * len(arrays)
    return [Tensor(x, requires_grad=need) for x, need in zip(arrays, needs, strict=True)]


def upstream(y, seed=0):
    return np.asarray(np.random.default_rng(seed).standard_normal(y.shape), dtype=y.dtype)


def saved(node):
    """Return the arrays that a node holds: its inputs, and what forward saved."""
    values = [x.data for x in node.inputs]
    for value in vars(node).values():
        values += value if isinstance(value, (tuple, list)) else [value]
    return [a for a in values if isinstance(a, np.ndarray)]


def check_backward(node):
    """Let the node's backward check what it writes to and what it returns, when it runs."""
    backward = node.backward

    def checked(gy):
        arrays = [gy, *saved(node)]
        before = [a.tobytes() for a in arrays]
        returned = backward(gy)
        assert [a.tobytes() for a in arrays] == before, "backward wrote to an array not its own"
        gradients = returned if isinstance(returned, tuple) else (returned,)
        for i, (need, g) in enumerate(zip(node.needs, gradients, strict=True)):
            widened = NUMPY_1 and not gy.ndim
            assert g is None or widened or g.dtype == gy.dtype, "computed in another dtype"
            if not need:
                free = g is None or not g.size or np.shares_memory(g, gy)
                passing = i == 0 and type(node) in PASSING
                assert free or passing, "computed a gradient that nobody needs"
        if node.fresh:
            others = [g for g in gradients if g is not None] + arrays
            for g, h in itertools.combinations(others, 2):
                if any(g is own for own in gradients):
                    assert not np.shares_memory(g, h), "a fresh gradient shares memory"
        return returned

    node.backward = checked


@for_every_row
def test_gradients_have_their_tensor_s_shape_and_dtype_and_are_its_own(case, shapes):
    for dtype in DTYPES:
        check_gradients(case, shapes, dtype)


def check_gradients(case, shapes, dtype):
    xs = tensors(case.inputs(shapes, dtype))
    y = case.f(*xs)
    assert type(y.data) is np.ndarray and y.dtype == dtype
    gy = upstream(y)
    held = [gy, y.data, *[a for node in nodes_below(y) for a in saved(node)]]
    for node in nodes_below(y):
        check_backward(node)
    y.backward(gy)
    for x in xs:
        assert type(x.grad) is np.ndarray and x.grad.flags.writeable
        assert (x.grad.shape, x.grad.dtype) == (x.shape, dtype)
        others = [*held, *[other.grad for other in xs if other is not x]]
        assert not any(np.shares_memory(x.grad, a) for a in others)


@pytest.mark.parametrize("case", [c for c in CASES if c.shapes and len(c.shapes[0]) > 1], ids=str)
def test_dtypes_mix(case):
    shapes = case.shapes[0]
    inputs = [a.astype(DTYPES[i % 2]) for i, a in enumerate(case.inputs(shapes))]
    xs = tensors(inputs)
    y = case.f(*xs)
    assert y.dtype == np.float64
    y.backward(upstream(y))
    assert [x.grad.dtype for x in xs] == [x.dtype for x in xs]


@for_every_row
def test_nothing_is_written_to(case, shapes):
    inputs = case.inputs(shapes)
    for x in inputs:
        x.flags.writeable = False
    y = case.f(*tensors(inputs))
    for node in nodes_below(y):
        check_backward(node)
    gy = upstream(y)
    gy.flags.writeable = False
    value = y.data.tobytes()
    y.backward(gy)
    assert y.data.tobytes() == value


@for_every_row
def test_every_subset_of_the_inputs_may_need_gradients(case, shapes):
    inputs = case.inputs(shapes)
    everything = tensors(inputs)
    y = case.f(*everything)
    y.backward(upstream(y))
    for needs in itertools.product([True, False], repeat=len(inputs)):
        xs = tensors(inputs, needs)
        y = case.f(*xs)
        if not any(needs):
            assert y.node is None and not y.requires_grad
            continue
        for node in nodes_below(y):
            check_backward(node)
        y.backward(upstream(y))
        for x, need, full in zip(xs, needs, everything, strict=True):
            assert x.grad is None if not need else x.grad.tobytes() == full.grad.tobytes()


@for_every_row
def test_a_retained_graph_gives_the_same_again(case, shapes):
    xs = tensors(case.inputs(shapes))
    y = case.f(*xs)
    y.backward(upstream(y), retain_graph=True)
    first = [x.grad.copy() for x in xs]
    y.backward(upstream(y, seed=1), retain_graph=True)
    for x in xs:
        x.grad = None
    y.backward(upstream(y))
    assert [x.grad.tobytes() for x in xs] == [g.tobytes() for g in first]


# ---- nothing is forgotten ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def applied():
    """Run the whole table, and return how many inputs each Function was applied to, at most."""
    counts, apply = {}, Function.apply.__func__

    def counting(cls, *inputs, **options):
        counts[cls] = max(counts.get(cls, 0), len(inputs))
        return apply(cls, *inputs, **options)

    Function.apply = classmethod(counting)
    try:
        for case in CASES:
            for shapes in case.shapes:
                case.f(*tensors(case.inputs(shapes)))
    finally:
        Function.apply = classmethod(apply)
    return counts


def test_every_function_class_has_a_row(applied):
    assert functions_below() == set(applied)


def test_every_public_name_has_a_row():
    modules = [name for name in nn.__all__ if inspect.isclass(getattr(nn, name))]
    computing = {
        f"nn.{name}"
        for name in modules
        if getattr(getattr(nn, name), "forward", nn.Module.forward) is not nn.Module.forward
    }
    assert {case.name for case in CASES} == set(F.__all__) | computing


def test_every_public_function_is_exported():
    public = {
        name
        for path, module in sys.modules.items()
        if path.startswith("minigrad.functions.")
        for name, f in vars(module).items()
        if inspect.isfunction(f) and f.__module__ == path and not name.startswith("_")
    }
    helpers = {"logistic", "shifted", "first_bad_row", "moments", "pair", "places", "pool_options"}
    helpers |= {n for n in public if n.startswith("check_")}
    assert public - helpers == set(F.__all__)


@pytest.mark.parametrize("function", sorted(functions_below(), key=lambda c: c.__name__))
def test_docstring_has_one_line_for_each_gradient(function, applied):
    names = [*inspect.signature(function.forward).parameters][1 : applied[function] + 1]
    for name in ["x"] if names[0] == "xs" else names:
        assert re.search(rf"^ +g{name}\w* = ", function.__doc__, re.MULTILINE), name
    assert re.match(r"(y|ℓ)\w* = ", function.__doc__)


@pytest.mark.parametrize("name", F.__all__)
def test_public_function_has_a_docstring(name):
    assert (getattr(F, name).__doc__ or "").startswith("Return ")
