"""Dropout: the mask, its expectation, the ends of p, and the mode."""

import warnings

import numpy as np
import pytest

from minigrad import Tensor, nn, no_grad
from minigrad import functions as F
from minigrad.errors import MinigradWarning


def test_the_same_seed_gives_the_same_mask_whatever_the_dtype():
    masks = [F.dropout(np.ones((50, 7), d), 0.3, rng=5).data != 0 for d in (np.float32, np.float64)]
    np.testing.assert_array_equal(*masks)
    assert not np.array_equal(masks[0], F.dropout(np.ones((50, 7)), 0.3, rng=6).data != 0)


def test_a_generator_goes_on_and_a_seed_starts_again():
    rng, x = np.random.default_rng(0), np.ones(100)
    first, second = (F.dropout(x, rng=rng).data for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, F.dropout(x, rng=0).data)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_expected_value_is_x(p):
    y = F.dropout(np.full(200_000, 3.0), p, rng=0).data
    sigma = 3 * np.sqrt(p / (1 - p) / y.size)
    assert abs(y.mean() - 3) < 5 * sigma
    assert abs((y == 0).mean() - p) < 5 * np.sqrt(p * (1 - p) / y.size)
    np.testing.assert_allclose(np.unique(y), [0, 3 / (1 - p)], rtol=1e-15)


def test_gradient_is_the_mask():
    x = Tensor(np.full((4, 5), 2.0), requires_grad=True)
    y = F.dropout(x, 0.4, rng=1)
    y.backward(np.full((4, 5), 3.0))
    np.testing.assert_array_equal(x.grad, y.data * 1.5)


def test_the_ends_of_p():
    x = Tensor([1.0, -2.0, 3.0], requires_grad=True)
    np.testing.assert_array_equal(F.dropout(x, 0, rng=0).data, x.data)
    y = F.dropout(x, 1, rng=0)
    y.sum().backward()
    assert not y.data.any() and not x.grad.any()


def test_outside_training_it_is_x_itself():
    x = Tensor([1.0, 2.0])
    assert F.dropout(x, 0.5, rng=0, training=False) is x
    layer = nn.Dropout(0.5, rng=0).eval()
    assert layer(x) is x
    assert not np.array_equal(layer.train()(np.ones(100)).data, np.ones(100))


def test_an_array_becomes_a_tensor_outside_training_too():
    assert isinstance(F.dropout(np.ones(3), rng=0, training=False), Tensor)


def test_predicting_in_training_mode_warns_once():
    with warnings.catch_warnings(record=True) as caught, no_grad():
        warnings.simplefilter("always")
        for _ in range(3):
            F.dropout([1.0, 2.0], 0.5, rng=0)
    assert [(w.category, str(w.message)) for w in caught] == [
        (
            MinigradWarning,
            "dropout: predicting in training mode drops units at random; p 0.5, inside no_grad(); "
            "call model.eval() first",
        )
    ]


def test_no_warning_where_nothing_is_dropped():
    with no_grad():
        F.dropout([1.0], 0, rng=0)
        F.dropout([1.0], 0.5, rng=0, training=False)
    F.dropout([1.0], 0.5, rng=0)


def test_layers_that_share_a_generator_differ_and_layers_with_one_seed_do_not():
    x, rng = np.ones(100), np.random.default_rng(0)
    a, b = nn.Dropout(rng=rng), nn.Dropout(rng=rng)
    assert not np.array_equal(a(x).data, b(x).data)
    np.testing.assert_array_equal(nn.Dropout(rng=3)(x).data, nn.Dropout(rng=3)(x).data)
