"""Every row of the table against finite differences, in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from minigrad import Tensor, gradcheck, nn
from minigrad import functions as F
from minigrad.checking.cases import CASES
from tests.functions.rows import for_every_row

# gradcheck evaluates inside no_grad(), where dropout supposes that somebody predicts
pytestmark = pytest.mark.filterwarnings("ignore:dropout. predicting")


@for_every_row
def test_gradients(case, shapes):
    inputs = case.inputs(shapes)
    for x in inputs:
        x.flags.writeable = False
    assert gradcheck(case.f, inputs)


def values(f, arrays, view, gy):
    """Return f of views of the arrays, and the gradients with respect to the whole arrays."""
    xs = [Tensor(x, requires_grad=True) for x in arrays]
    y = f(*map(view, xs))
    y.backward(gy(y))
    return [y.data, *[x.grad for x in xs]]


@for_every_row
def test_transposed_reversed_and_strided_arrays_give_the_same_values_and_gradients(case, shapes):
    def strided(x):
        return x.T[::-1][..., ::2] if x.ndim else x

    def upstream(y):
        return np.random.default_rng(0).standard_normal(y.shape)

    inputs = case.inputs(shapes)
    larger = [x.repeat(2, axis=-1)[::-1].T.copy() if x.ndim else x for x in inputs]
    y, *gradients = values(case.f, inputs, lambda x: x, upstream)
    expected = [np.zeros_like(x) for x in larger]
    for x, g in zip(expected, gradients, strict=True):
        strided(x)[...] = g
    for layout in (in_fortrans_order, with_gaps):
        found = values(case.f, larger, strided, lambda y, layout=layout: layout(upstream(y)))
        for a, b in zip(found, [y, *expected], strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-14 * np.abs(b).max(initial=1))


def in_fortrans_order(gy):
    return np.array(gy, order="F")


def with_gaps(gy):
    """Return an array equal to gy that leaves out every second element of a larger one."""
    return gy.repeat(2, axis=-1)[..., ::2] if gy.ndim else gy


@pytest.mark.parametrize("case", [case for case in CASES if case.broadcasts], ids=str)
@given(shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=3))
@settings(max_examples=25, deadline=None)
def test_gradients_of_any_shapes_that_broadcast(case, shapes):
    assert gradcheck(case.f, case.inputs(shapes.input_shapes))


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_gradients_of_stacked_matrices(data):
    stacks = data.draw(mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3))
    m, k, n = (data.draw(st.integers(0, 3)) for _ in "mkn")
    a, b = stacks.input_shapes
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((*a, m, k)), rng.standard_normal((*b, k, n))
    assert gradcheck(F.matmul, inputs)


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Linear(3, 4, rng=0), (5, 3)),
        (nn.Linear(3, 4, bias=False, rng=0), (2, 5, 3)),
        (nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 2, rng=1)), (5, 3)),
    ],
)
def test_gradients_of_parameters(module, shape):
    report = gradcheck(module, np.random.default_rng(0).standard_normal(shape))
    names = [name for name, _ in module.named_parameters()]
    assert [result.name for result in report.results] == ["input 0", *names]


AXES = {
    (3,): [None, 0, -1, (0,), (-1,), [0], np.array([0]), np.int64(0)],
    (): [None, (), []],
    (2, 3): [None, (1, 0), (-1, 0), [1, -2], (0, 1), np.array([1, 0])],
    (2, 3, 4): [None, (1, 2, 0), (-1, 0, -2), [2, 0, 1]],
}


@pytest.mark.parametrize("shape", AXES, ids=str)
def test_transpose_takes_the_axes_that_numpy_takes(shape):
    x = np.random.default_rng(0).standard_normal(shape)
    for axes in AXES[shape]:
        np.testing.assert_array_equal(F.transpose(x, axes).data, np.transpose(x, axes))
        assert gradcheck(lambda x, axes=axes: F.transpose(x, axes), [x])


@pytest.mark.parametrize(
    "f", [F.sum, F.mean, F.max, F.min, F.prod, F.var, F.std, F.logsumexp, F.softmax, F.log_softmax]
)
def test_a_number_is_reduced_over_axis_0_as_in_numpy(f):
    for axis in (0, -1):
        x = Tensor(np.array(2.0), requires_grad=True)
        y = f(x, axis)
        y.backward(np.array(3.0))
        assert y.shape == x.grad.shape == ()
        assert x.grad == (3 if f in (F.sum, F.mean, F.max, F.min, F.prod, F.logsumexp) else 0)
