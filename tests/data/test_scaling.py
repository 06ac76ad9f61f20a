"""Scaling: statistics in float64, constant columns, dtypes and what is refused."""

import dataclasses

import numpy as np
import pytest

from minigrad.data import Dataset, Scaling, load
from minigrad.errors import ArgumentError, DataError, ShapeError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fitted_data_gets_mean_0_and_deviation_1(dtype):
    x = (RNG.standard_normal((500, 3)) * [1, 10, 0.01] + [0, 5, -1]).astype(dtype)
    scaled = Scaling.fit(x).apply(x)
    assert scaled.dtype == dtype
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=tolerance)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=tolerance)


def test_statistics_are_computed_in_float64():
    x = (RNG.standard_normal((5000, 2)) + 1000).astype(np.float32)
    scaling = Scaling.fit(x)
    assert scaling.shift.dtype == scaling.scale.dtype == np.float64
    assert scaling.shift.shape == scaling.scale.shape == (2,)
    exact = x.astype(np.float64)
    np.testing.assert_array_equal(scaling.shift, exact.mean(axis=0))
    np.testing.assert_array_equal(scaling.scale, exact.std(axis=0))


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_minmax_goes_from_0_to_1(dtype):
    x = np.array([[1, 7], [3, 7], [5, 7]], dtype)
    scaling = Scaling.fit(x, "minmax")
    np.testing.assert_array_equal(scaling.apply(x), [[0, 0], [0.5, 0], [1, 0]])
    np.testing.assert_array_equal(scaling.apply(x + 4), [[1, 4], [1.5, 4], [2, 4]])
    assert (scaling.kind, scaling.apply(x).dtype) == ("minmax", dtype)


def test_none_leaves_x_as_it_is():
    x = load("wine").x
    assert Scaling.fit(x, "none").apply(x).tobytes() == x.tobytes()


@pytest.mark.parametrize("kind", ["standard", "minmax", "none"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_missing_value_becomes_the_mean_of_its_column(kind, dtype):
    x = RNG.standard_normal((50, 3)).astype(dtype)
    gaps = RNG.random((50, 3)) < 0.2
    gappy = np.where(gaps, dtype(np.nan), x)
    scaling = Scaling.fit(gappy, kind)
    mean = np.nanmean(gappy, axis=0, dtype=np.float64)
    np.testing.assert_allclose(scaling.fill, mean, rtol=1e-12)
    # As if the mean had stood there. It is within the range, but changes the deviation.
    filled = np.where(gaps, mean, x).astype(dtype)
    scaled = scaling.apply(gappy)
    np.testing.assert_allclose(scaled, scaling.apply(filled), atol=1e-6)
    assert scaled.dtype == dtype and np.isnan(gappy).any()
    if kind == "standard":
        np.testing.assert_allclose(np.where(gaps, np.nan, scaled).std(axis=0, where=~gaps), 1, 1e-5)
    new = np.full((1, 3), np.nan, dtype)
    np.testing.assert_allclose(scaling.apply(new), scaling.apply(mean[None].astype(dtype)), 1e-4)


def test_without_fill_a_missing_value_stays():
    assert np.isnan(Scaling(np.zeros(1), np.ones(1)).apply(np.array([[np.nan]]))).all()


def test_a_datasets_own_test_set_is_scaled_with_it():
    y = np.array([0, 1])
    test = Dataset(np.array([[4.0], [8.0]]), y, ("a",), ("p", "q"))
    whole = Dataset(np.array([[0.0], [2.0]]), y, ("a",), ("p", "q"), test=test)
    np.testing.assert_array_equal(Scaling.fit(whole).apply(whole).test.x, [[3], [7]])


def test_a_column_without_a_value_is_named():
    x = np.array([[1, np.nan], [2, np.nan]])
    named = Dataset(x, np.array([0, 1]), ("width", "height"), ("p", "q"))
    for data, name in ((x, "feature 1"), (named, "height")):
        with pytest.raises(DataError) as error:
            Scaling.fit(data)
        assert str(error.value) == (
            f"Scaling.fit: {name!r} has no value in the training rows to take a mean of; "
            "x (2, 2), all 2 of this column missing; leave the column out"
        )


def test_an_unknown_kind():
    with pytest.raises(ArgumentError) as error:
        Scaling.fit(np.ones((2, 1)), "robust")
    assert str(error.value) == (
        "Scaling.fit: kind 'robust' is unknown; there are standard, minmax, none; "
        "give kind='standard'"
    )


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


@pytest.mark.parametrize("kind", ["standard", "minmax", "none"])
@pytest.mark.parametrize(
    "dtype, low, high", [(np.float32, -3e38, 3e38), (np.float64, -1.7e308, 1.7e308)]
)
def test_values_too_large_to_calculate_with(kind, dtype, low, high):
    x = np.array([[1, 0], [1, low], [1, high]], dtype)
    y = np.zeros(3, np.int64)
    for data, name in ((x, "feature 1"), (Dataset(x, y, ("a", "b"), ("c",)), "b")):
        with pytest.raises(DataError) as error:
            Scaling.fit(data, kind)
        assert str(error.value) == (
            f"Scaling.fit: the values of {name!r} are too large to calculate with in {x.dtype}; "
            f"they lie from {low:g} to {high:g}; change the unit, or leave the column out"
        )


def test_a_deviation_too_large_for_float64():
    x = np.array([[1e200], [-1e200]])
    with pytest.raises(DataError, match="they lie from -1e\\+200 to 1e\\+200"):
        Scaling.fit(x)
    assert Scaling.fit(x, "minmax").apply(x).tolist() == [[1], [0]]
