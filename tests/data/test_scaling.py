"""Scaling: statistics in float64, constant columns, dtypes and what is refused."""

import dataclasses

import numpy as np
import pytest

from minigrad.data import Scaling, load
from minigrad.errors import DataError, ShapeError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fitted_data_gets_mean_0_and_deviation_1(dtype):
    x = (RNG.standard_normal((500, 3)) * [1, 10, 0.01] + [0, 5, -1]).astype(dtype)
    scaled = Scaling.fit(x).apply(x)
    assert scaled.dtype == dtype
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-4)


def test_statistics_are_computed_in_float64():
    x = (RNG.standard_normal((5000, 2)) + 1000).astype(np.float32)
    scaling = Scaling.fit(x)
    assert scaling.shift.dtype == scaling.scale.dtype == np.float64
    assert scaling.shift.shape == scaling.scale.shape == (2,)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(scaling.shift, exact.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(scaling.scale, exact.std(axis=0), rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 5.0, 0.1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_column_gets_scale_1(value, dtype):
    x = np.full((1000, 2), value, dtype)
    x[:, 0] = np.arange(1000)
    scaling = Scaling.fit(x)
    assert scaling.scale[1] == 1 and scaling.scale[0] > 288
    np.testing.assert_allclose(scaling.apply(x)[:, 1], 0, atol=1e-12)


def test_the_constant_column_is_one_that_rounding_makes_vary():
    assert 0 < np.full(1000, 0.1).std() < 1e-12  # Or the test above tests nothing.


def test_apply_uses_the_fitted_statistics():
    scaling = Scaling(shift=np.array([1.0, 2.0]), scale=np.array([2.0, 4.0]))
    x = np.array([[1, 2], [3, 10]], np.float32)
    np.testing.assert_array_equal(scaling.apply(x), [[0, 0], [1, 2]])
    np.testing.assert_array_equal(x, [[1, 2], [3, 10]])
    assert scaling.apply(x[:0]).shape == (0, 2)


def test_whole_numbers_become_float32():
    scaled = Scaling(np.array([0.5]), np.array([2.0])).apply(np.array([[1], [2]], np.uint8))
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled, [[0.25], [0.75]])


def test_apply_to_a_dataset():
    wine = load("wine")
    scaling = Scaling.fit(wine.x)
    scaled = scaling.apply(wine)
    np.testing.assert_array_equal(scaled.x, scaling.apply(wine.x))
    assert scaled.x.dtype == np.float32
    assert scaled.y is wine.y and scaled.name == "wine"
    assert (scaled.feature_names, scaled.class_names) == (wine.feature_names, wine.class_names)
    np.testing.assert_array_equal(wine.x, load("wine").x)


def test_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Scaling(np.zeros(1), np.ones(1)).shift = np.ones(1)


@pytest.mark.parametrize(
    ("x", "kind", "text"),
    [
        (
            np.zeros(3),
            ShapeError,
            "Scaling.fit: x is not a table of rows and features; x (3,); give x as (N, F)",
        ),
        (
            np.zeros((0, 3)),
            DataError,
            "Scaling.fit: x has no rows to take statistics of; x (0, 3); fit on the training part",
        ),
    ],
)
def test_fit_refuses(x, kind, text):
    with pytest.raises(kind) as error:
        Scaling.fit(x)
    assert str(error.value) == text


@pytest.mark.parametrize("shape", [(5, 3), (5, 1), (2,)])
def test_apply_refuses_other_features(shape):
    with pytest.raises(ShapeError) as error:
        Scaling(np.zeros(2), np.ones(2)).apply(np.zeros(shape))
    assert str(error.value) == (
        f"Scaling.apply: x does not have the 2 features that were fitted; x {shape}, shift (2,); "
        "give x as (N, 2)"
    )
