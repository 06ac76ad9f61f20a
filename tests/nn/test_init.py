"""Starting values: PyTorch's gains, deviations and ends, what they are for, and their errors."""

import math
from itertools import product

import numpy as np
import pytest

from minigrad import Tensor, nn
from minigrad.errors import ArgumentError, DTypeError, ShapeError
from minigrad.nn import init
from tests.helpers import exactly

RANDOM = {
    "xavier_uniform_": {"gain": 1.7},
    "xavier_normal_": {"gain": 1.7},
    "kaiming_uniform_": {"a": 0.3, "mode": "fan_out", "nonlinearity": "leaky_relu"},
    "kaiming_normal_": {"mode": "fan_in", "nonlinearity": "tanh"},
}


def parameter(*shape, dtype=np.float64):
    return nn.Parameter(np.zeros(shape), dtype=dtype)


@pytest.mark.parametrize("name", ["linear", "sigmoid", "tanh", "relu", "leaky_relu"])
def test_gains_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name), 1e-15)
    if name == "leaky_relu":
        expected = torch.nn.init.calculate_gain(name, 0.4)
        assert init.calculate_gain(name, 0.4) == pytest.approx(expected, 1e-15)


@pytest.mark.parametrize(("name", "shape"), [*product(RANDOM, [(80, 200), (40, 15, 3, 5)])])
def test_numbers_are_distributed_as_in_pytorch(name, shape):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = torch.empty(shape)
    getattr(torch.nn.init, name)(theirs, **RANDOM[name])
    p = parameter(*shape)
    assert getattr(init, name)(p, rng=0, **RANDOM[name]) is p
    theirs = theirs.numpy()
    assert p.data.std() == pytest.approx(theirs.std(), rel=0.03)
    assert abs(p.data.mean()) < 0.05 * p.data.std()
    if "uniform" in name:
        assert abs(p.data).max() == pytest.approx(abs(theirs).max(), rel=0.01)
    else:
        assert abs(p.data).max() > 3 * p.data.std()


def test_kaiming_keeps_the_size_of_the_outputs_of_a_deep_network():
    x = np.random.default_rng(0).standard_normal((500, 100))
    for i in range(20):
        W = init.kaiming_normal_(parameter(100, 100), rng=i).data
        x = np.maximum(x @ W.T, 0)
    assert 0.3 < np.square(x).mean() < 3


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (4, 2, 3, 3)])
def test_orthogonal_rows_or_columns(shape):
    p = init.orthogonal_(parameter(*shape), gain=2.0, rng=0)
    W = p.data.reshape(shape[0], -1) / 2
    product = W @ W.T if W.shape[0] <= W.shape[1] else W.T @ W
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-14)


def test_orthogonal_matrices_have_no_preferred_sign():
    signs = [init.orthogonal_(parameter(2, 2), rng=i).data[0, 0] > 0 for i in range(400)]
    assert 150 < sum(signs) < 250


@pytest.mark.parametrize("name", [*RANDOM, "orthogonal_"])
def test_they_write_in_place_in_the_dtype_and_draw_from_the_generator(name):
    fill, rng = getattr(init, name), np.random.default_rng(5)
    p, q, r = parameter(3, 4, dtype=np.float32), parameter(3, 4), parameter(3, 4)
    data = p.data
    for _ in range(2):
        fill(p, rng=rng)
    fill(q, rng=5)
    assert p.data is data and p.dtype == np.float32
    assert not np.array_equal(p.data, q.data.astype(np.float32))
    fill(r, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(q.data, r.data)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: init.xavier_normal_(parameter(3)), ShapeError,
         "xavier_normal_: p is not a weight with inputs and outputs; p (3,); "
         "give one of (O, I, …)"),
        (lambda: init.xavier_uniform_(np.zeros((3, 4))), DTypeError,
         "xavier_uniform_: p is not a Tensor of floats; p is an ndarray; "
         "give a parameter, such as layer.weight"),
        (lambda: init.orthogonal_(Tensor(np.ones((3, 4), int))), DTypeError,
         "orthogonal_: p is not a Tensor of floats; p (3, 4) int64; "
         "give a parameter, such as layer.weight"),
        (lambda: init.xavier_normal_(parameter(3, 4), "a"), ArgumentError,
         "xavier_normal_: gain is not a finite number: 'a'; type str; give a finite number"),
        (lambda: init.orthogonal_(parameter(3, 4), math.inf), ArgumentError,
         "orthogonal_: gain is not a finite number: inf; type float; give a finite number"),
        (lambda: init.kaiming_normal_(parameter(3, 4), math.nan), ArgumentError,
         "kaiming_normal_: a is not a finite number: nan; type float; give a finite number"),
        (lambda: init.calculate_gain("leaky_relu", "a"), ArgumentError,
         "calculate_gain: param is not a finite number: 'a'; type str; give a finite number"),
        (lambda: init.orthogonal_(Tensor(np.zeros((0, 3)))), ShapeError,
         "orthogonal_: p is not a weight with inputs and outputs; p (0, 3); give one of (O, I, …)"),
        (lambda: init.kaiming_uniform_(parameter(3, 4), mode="fan"), ArgumentError,
         "kaiming_uniform_: mode='fan' is unknown; it can be 'fan_in' or 'fan_out'; "
         "choose one of them"),
        (lambda: init.kaiming_normal_(parameter(3, 4), nonlinearity="gelu"), ArgumentError,
         "calculate_gain: nonlinearity='gelu' is unknown; there are linear, sigmoid, tanh, relu, "
         "leaky_relu; choose one of them"),
    ],
)  # fmt: skip
def test_errors(call, error, text):
    with pytest.raises(error, match=exactly(text)):
        call()


def test_relu_halves_the_variance_that_its_gain_makes_up_for():
    x = np.random.default_rng(0).standard_normal(100_000)
    assert init.calculate_gain("relu") ** 2 * np.square(np.maximum(x, 0)).mean() == pytest.approx(
        1, abs=0.02
    )
    assert init.calculate_gain("relu") == math.sqrt(2)
