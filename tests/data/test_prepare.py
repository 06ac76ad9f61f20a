"""split, Scaling and batches."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.data import Dataset, Scaling, batches, drop_rare, load, split
from minigrad.errors import ArgumentError, DataError, ShapeError

# ---- split: stratified within one row, complete, shuffled, repeatable ----------------------------


FRACTIONS = st.sampled_from([0, 0.1, 0.15, 0.2, 0.25, 0.3, 1 / 3, 0.4])


def make(counts):
    """Return a set with counts[c] rows of class c, in mixed order; x is the number of the row."""
    y = np.repeat(np.arange(len(counts)), counts)
    y = np.random.default_rng(0).permutation(y)
    x = np.arange(len(y), dtype=np.float32)[:, None]
    return Dataset(x, y, ("row",), tuple(f"c{c}" for c in range(len(counts))), "counted")


def rows(part):
    return part.x[:, 0].astype(int)


def check(dataset, parts, test, val):
    """Assert everything that split's docstring promises about the division."""
    counts = np.bincount(dataset.y, minlength=len(dataset.class_names))
    for part, fraction in zip(parts, (1 - test - val, val, test), strict=True):
        got = np.bincount(part.y, minlength=len(counts))
        assert (np.abs(got - fraction * counts) < 1).all()
        assert abs(len(part) - fraction * len(dataset)) < 1
        assert (got >= 1).all() if fraction > 0 else len(part) == 0
        np.testing.assert_array_equal(part.y, dataset.y[rows(part)])
    assert sorted(np.concatenate([rows(part) for part in parts])) == [*range(len(dataset))]


@given(st.lists(st.integers(10, 60), min_size=1, max_size=12), FRACTIONS, FRACTIONS)
def test_every_class_is_divided_as_the_whole(counts, test, val):
    dataset = make(counts)
    check(dataset, split(dataset, test=test, val=val), test, val)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6), FRACTIONS, FRACTIONS)
def test_small_classes_are_divided_likewise_or_refused(counts, test, val):
    dataset = make(counts)
    try:
        parts = split(dataset, test=test, val=val)
    except DataError:
        smallest = min(counts)
        assert min(fraction * smallest for fraction in (1 - test - val, val, test)) < 1
    else:
        check(dataset, parts, test, val)


@pytest.mark.parametrize("counts", [[3], [12, 3], [3, 50], [4, 4], [5, 5, 5], [4, 4, 30]])
def test_a_class_of_three_rows_can_be_enough(counts):
    dataset = make(counts)
    check(dataset, split(dataset), 0.2, 0.2)


def test_its_own_test_set_is_the_test_part():
    own, dataset = make([2, 7]), make([50, 50])
    with_own = dataclasses.replace(dataset, test=own)
    train, val, test = split(with_own, test=0.5, val=0.2, rng=3)
    assert test is own
    expected = split(dataset, test=0, val=0.2, rng=3)
    assert [rows(part).tolist() for part in (train, val)] == [
        rows(p).tolist() for p in expected[:2]
    ]
    assert train.test is None and val.test is None and with_own.take(slice(5)).test is None


def test_whole_shares_are_exact():
    # In floating point 0.55 * 100 is 55.00000000000001.
    parts = split(make([59, 60, 100, 100]), test=0.06, val=0.55)
    assert [np.bincount(part.y)[2:].tolist() for part in parts] == [[39, 39], [55, 55], [6, 6]]


def test_defaults_on_digits():
    digits = load("digits")
    train, val, test = split(digits)
    assert [len(part) for part in (train, val, test)] == [1078, 360, 359]
    assert train.name == "digits" and train.class_names == digits.class_names
    assert train.feature_names == digits.feature_names


@pytest.mark.parametrize(
    ("test", "val", "sizes"), [(0, 0.2, [80, 20, 0]), (0.2, 0, [80, 0, 20]), (0, 0, [100, 0, 0])]
)
def test_a_fraction_of_0_gives_an_empty_part(test, val, sizes):
    parts = split(make([50, 50]), test=test, val=val)
    assert [len(part) for part in parts] == sizes
    assert [part.x.shape for part in parts] == [(size, 1) for size in sizes]


def test_rows_of_a_part_are_shuffled():
    dataset = make([40, 40, 40])
    for part in split(dataset):
        assert not np.array_equal(rows(part), np.sort(rows(part)))
        assert not np.array_equal(part.y, np.sort(part.y))
    # Which rows go to a part is drawn too, not taken from the top.
    train, _, test = split(dataset)
    assert rows(train).max() > 110
    assert rows(test).min() < 10


def test_rng_of_split():
    dataset = make([40, 40])

    def order(rng):
        return [rows(part).tolist() for part in split(dataset, rng=rng)]

    assert order(0) == [rows(part).tolist() for part in split(dataset)]
    assert order(3) == order(3) == order(np.random.default_rng(3))
    assert order(3) != order(4)
    assert order(None) != order(None)


@pytest.mark.parametrize(
    ("counts", "options", "text"),
    [
        (
            [50, 2],
            {},
            'counted: a class has too few rows to be in every part; "c1" 2 of 52 rows, val 0.2, '
            "test 0.2; add rows, pass rare='drop' to leave them out, or change the fractions",
        ),
        (
            [50, 50, 0],
            {"val": 0},
            'counted: a class has too few rows to be in every part; "c2" 0 of 100 rows, val 0, '
            "test 0.2; add rows, pass rare='drop' to leave them out, or change the fractions",
        ),
        (
            [50, 2, 50, 1],
            {},
            "counted: 2 classes have too few rows to be in every part; "
            '"c1" 2, "c3" 1 of 103 rows, val 0.2, test 0.2; '
            "add rows, pass rare='drop' to leave them out, or change the fractions",
        ),
        (
            [1] * 21,
            {},
            "counted: 21 classes have too few rows to be in every part; "
            + ", ".join(f'"c{i}" 1' for i in range(20))
            + " and 1 more of 21 rows, val 0.2, test 0.2; "
            "choose the column of the class, with label=COL",
        ),
        (  # One row of each in val and test would make each of them 10 rows of 40, not 8.
            [4] * 10,
            {},
            "counted: 10 classes are too many to have a row in every part; "
            "40 rows, val 0.2, test 0.2; add rows, or change the fractions",
        ),
    ],
)
def test_a_class_that_is_too_small(counts, options, text):
    with pytest.raises(DataError) as error:
        split(make(counts), **options)
    assert str(error.value) == text


def test_rare_classes_are_dropped():
    dataset = make([2, 20, 1, 30])
    left = drop_rare(dataset)
    assert left.class_names == ("c1", "c3") and np.bincount(left.y).tolist() == [20, 30]
    np.testing.assert_array_equal(left.x, dataset.x[np.isin(dataset.y, [1, 3])])
    assert left.notes == ('rare classes left out: "c0", "c2", 3 rows together',)
    split(left)
    assert drop_rare(dataset, val=0).class_names == ("c0", "c1", "c3")
    assert drop_rare(left) is left
    with_own = drop_rare(dataclasses.replace(dataset, test=make([1, 1, 1, 2])))
    assert with_own.class_names == ("c0", "c1", "c3") and sorted(with_own.test.y) == [0, 1, 2, 2]
    with pytest.raises(DataError) as error:
        drop_rare(make([20, 2, 2]))
    assert str(error.value) == (
        "counted: 1 class would be left without the rare ones; "
        "2 classes of 3 have too few rows to be split; choose another label"
    )


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"test": -0.1},
            "split: test is not a fraction of the rows; test -0.1; "
            "give test in [0, 1), such as 0.2",
        ),
        (
            {"test": 1},
            "split: test is not a fraction of the rows; test 1; give test in [0, 1), such as 0.2",
        ),
        (
            {"val": 20},
            "split: val is not a fraction of the rows; val 20; give val in [0, 1), such as 0.2",
        ),
        (
            {"val": float("nan")},
            "split: val is not a fraction of the rows; val nan; give val in [0, 1), such as 0.2",
        ),
        (
            {"test": 0.5, "val": 0.5},
            "split: nothing is left to train on; test 0.5, val 0.5; "
            "give fractions whose sum is below 1",
        ),
    ],
)
def test_fractions_out_of_range(options, text):
    with pytest.raises(ArgumentError) as error:
        split(make([50, 50]), **options)
    assert str(error.value) == text


# ---- Scaling: statistics in float64, constant columns, dtypes and what is refused ----------------


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
    assert 0 < np.full(1000, 0.1).std() < 1e-12  # otherwise the test above tests nothing


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
    # As if the mean were the value. It is within the range, but changes the deviation.
    filled = np.where(gaps, mean, x).astype(dtype)
    scaled = scaling.apply(gappy)
    np.testing.assert_allclose(scaled, scaling.apply(filled), atol=1e-6)
    assert scaled.dtype == dtype and np.isnan(gappy).any()
    if kind == "standard":
        np.testing.assert_allclose(np.where(gaps, np.nan, scaled).std(axis=0, where=~gaps), 1, 1e-5)
    new = np.full((1, 3), np.nan, dtype)
    np.testing.assert_allclose(scaling.apply(new), scaling.apply(mean[None].astype(dtype)), 1e-4)


@pytest.mark.parametrize("channels", [None, 2])
@pytest.mark.parametrize("kind", ["asinh", "standard", "minmax", "none"])
def test_a_weighted_row_is_scaled_as_a_repeated_one(kind, channels):
    counts = RNG.integers(0, 4, 30)
    x = np.where(RNG.random((30, 4)) < 0.1, np.nan, RNG.normal(3, 2, (30, 4)))
    x[0, 1], counts[0] = 100, 0  # the largest, and not there
    repeated = Scaling.fit(x.repeat(counts, axis=0), kind, channels=channels)
    names, y = tuple("abcd"), np.zeros(30, np.int64)
    for found in (
        Scaling.fit(x, kind, weights=counts, channels=channels),
        Scaling.fit(Dataset(x, y, names, ("p",), weights=counts), kind, channels=channels),
    ):
        for name in ("shift", "scale", "fill"):
            np.testing.assert_allclose(getattr(found, name), getattr(repeated, name), rtol=1e-12)


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
            f'Scaling.fit: "{name}" has no value in the training rows to take a mean of; '
            "x (2, 2), all 2 of this column missing; leave the column out"
        )


@pytest.mark.parametrize("kind", ["asinh", "standard"])
def test_zeros_and_ones_are_not_divided_by_their_deviation(kind):
    """Divided by its deviation, the one in column 0 would be 10."""
    x = np.zeros((100, 5))
    x[7, 0] = 1
    x[:50, 1] = 1
    x[:, 2] = np.arange(100) / 99  # from 0 to 1, with others between
    x[:30, 3] = np.nan
    x[40, 3] = 1
    x[:, 4] = np.arange(100) % 2 * 2  # two values, which are not 0 and 1
    scaling = Scaling.fit(x, kind)
    assert (scaling.shift[[0, 1, 3]] == 0).all() and (scaling.scale[[0, 1, 3]] == 1).all()
    np.testing.assert_allclose(scaling.shift[[2, 4]], x[:, [2, 4]].mean(axis=0))
    np.testing.assert_allclose(scaling.scale[[2, 4]], x[:, [2, 4]].std(axis=0))
    assert scaling.fill[3] == 1 / 70
    scaled = scaling.apply(x)
    assert scaled[7, 0] == (1 if kind == "standard" else np.arcsinh(1)) and scaled[8, 0] == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_asinh_brings_outliers_near(dtype):
    x = np.array([[0], [1], [2], [3], [1000]], dtype)
    standard, scaling = Scaling.fit(x, "standard"), Scaling.fit(x, "asinh")
    scaled = scaling.apply(x)
    assert scaled.dtype == (dtype if dtype != np.int64 else np.float32)
    np.testing.assert_allclose(scaled, np.arcsinh(standard.apply(x)))
    assert (np.diff(scaled[:, 0]) > 0).all()
    far = Scaling([0], [1], kind="asinh").apply(np.array([[1e30, -1e30]]).T)
    np.testing.assert_allclose(far[:, 0], [np.log(2e30), -np.log(2e30)])


def test_an_unknown_kind():
    with pytest.raises(ArgumentError) as error:
        Scaling.fit(np.ones((2, 1)), "robust")
    assert str(error.value) == (
        "Scaling.fit: kind 'robust' is unknown; it can be asinh, standard, minmax, none; "
        "give kind='standard'"
    )


def test_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Scaling(np.zeros(1), np.ones(1)).shift = np.ones(1)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"scale": [1, 0]},
            ArgumentError,
            "scale holds 0 for feature 1; it can be any finite number above 0; use Scaling.fit",
        ),
        (
            {"scale": [-2, 1]},
            ArgumentError,
            "scale holds -2 for feature 0; it can be any finite number above 0; use Scaling.fit",
        ),
        (
            {"shift": [1, np.inf]},
            ArgumentError,
            "shift holds inf for feature 1; it can be any finite number; use Scaling.fit",
        ),
        (
            {"fill": [np.nan, 1]},
            ArgumentError,
            "fill holds nan for feature 0; it can be any finite number; use Scaling.fit",
        ),
        (
            {"fill": [1]},
            ShapeError,
            "there is not one number for each feature; shift (2,), scale (2,), fill (1,); give "
            "each of them as (F,)",
        ),
        (
            {"shift": 0, "scale": 1},
            ShapeError,
            "there is not one number for each feature; shift (), scale (); give each of them as "
            "(F,)",
        ),
        (
            {"kind": "robust"},
            ArgumentError,
            "kind 'robust' is unknown; it can be asinh, standard, minmax, none; "
            "give kind='standard'",
        ),
    ],
    ids=str,
)
def test_a_scaling_made_by_hand(change, error, message):
    with pytest.raises(error) as caught:
        Scaling(**{"shift": [0, 0], "scale": [1, 1], **change})
    assert str(caught.value) == f"Scaling: {message}"


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
        f"Scaling.apply: x does not fit a scaling of 2 features; x {shape}, shift (2,); "
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
            f'Scaling.fit: the values of "{name}" are too large to calculate with in {x.dtype}; '
            f"they lie from {low:g} to {high:g}; change the unit, or leave the column out"
        )


def test_a_deviation_too_large_for_float64():
    x = np.array([[1e200], [-1e200]])
    with pytest.raises(DataError, match="they lie from -1e\\+200 to 1e\\+200"):
        Scaling.fit(x)
    assert Scaling.fit(x, "minmax").apply(x).tolist() == [[1], [0]]


# ---- batches: every row once, shuffled, and errors at the call -----------------------------------


X = np.arange(30, dtype=np.float32).reshape(10, 3)
Y = np.arange(10)


def epoch(rng, size=4):
    return [y.tolist() for _, y in batches(X, Y, size, rng=rng)]


@pytest.mark.parametrize(
    ("size", "sizes"), [(4, [4, 4, 2]), (5, [5, 5]), (1, [1] * 10), (10, [10]), (99, [10])]
)
def test_every_row_comes_once_beside_its_label(size, sizes):
    pairs = [*batches(X, Y, size, rng=0)]
    assert [len(x) for x, _ in pairs] == [len(y) for _, y in pairs] == sizes
    for x, y in pairs:
        np.testing.assert_array_equal(x, X[y])
    order = np.concatenate([y for _, y in pairs])
    assert sorted(order) == [*range(10)]
    assert order.tolist() != [*range(10)]


def test_batches_are_contiguous_copies():
    original = X.copy()
    for x, y in batches(X, Y, 4, rng=0):
        assert x.flags.c_contiguous and y.flags.c_contiguous
        x[:] = -1
    np.testing.assert_array_equal(X, original)


def test_images_and_no_rows():
    images = np.zeros((10, 1, 8, 8), np.float32)
    assert [x.shape for x, _ in batches(images, Y, 6, rng=0)] == [(6, 1, 8, 8), (4, 1, 8, 8)]
    assert [*batches(X[:0], Y[:0], 4, rng=0)] == []


def test_rng_of_batches():
    assert epoch(3) == epoch(3) == epoch(np.random.default_rng(3))
    assert epoch(3) != epoch(4)
    assert epoch(None, size=1) != epoch(None, size=1)
    rng = np.random.default_rng(3)
    assert epoch(rng) != epoch(rng)


def test_one_permutation_is_drawn_at_the_call():
    rng, twin = np.random.default_rng(3), np.random.default_rng(3)
    batches(X, Y, 4, rng=rng)
    twin.permutation(len(X))
    assert rng.bit_generator.state == twin.bit_generator.state


def test_errors_come_at_the_call():
    with pytest.raises(ShapeError) as error:
        batches(X, Y[:9], 4, rng=0)
    assert str(error.value) == (
        "batches: x has 10 rows but y has 9; x (10, 3), y (9,); give one label for each row of x"
    )
    for size in (0, -1):
        with pytest.raises(ArgumentError) as error:
            batches(X, Y, size, rng=0)
        assert str(error.value) == (f"batches: size must be 1 or more; size {size}; give size=32")
    with pytest.raises(TypeError):
        batches(X, Y, 2.5, rng=0)


@pytest.mark.parametrize("rows", [60, 100, 400])
def test_a_class_of_three_rows_is_rare_for_parts_of_a_tenth_and_a_fifth(rows):
    y = np.r_[np.zeros(3, int), np.ones(rows // 2, int), np.full(rows - 3 - rows // 2, 2)]
    dataset = Dataset(np.zeros((rows, 2), np.float32), y, ("a", "b"), ("fox", "cat", "dog"))
    with pytest.raises(DataError, match=f'a class has too few rows .* "fox" 3 of {rows} rows'):
        split(dataset, test=0.2, val=0.1)
    left = drop_rare(dataset, test=0.2, val=0.1)
    assert left.class_names == ("cat", "dog")
    split(left, test=0.2, val=0.1)


# ---- images: one scale for all pixels of a channel ----------------------------------------------


@pytest.mark.parametrize("kind", ["asinh", "standard", "minmax", "none"])
def test_the_pixels_of_a_channel_are_scaled_as_one_column(kind):
    x = np.random.default_rng(0).gamma(2.0, 3.0, (50, 2, 12)).astype(np.float32)
    x[:, 1] *= 100
    scaling = Scaling.fit(x.reshape(50, 24), kind, channels=2)
    for c in range(2):
        column = Scaling.fit(x[:, c].reshape(-1, 1), kind)
        part = slice(12 * c, 12 * c + 12)
        for name in ("shift", "scale", "fill"):
            of_all, alone = getattr(scaling, name)[part], getattr(column, name)[0]
            assert (of_all == of_all[0]).all() and of_all[0] == pytest.approx(alone, rel=1e-12)
    assert scaling.kind == kind and scaling.apply(x.reshape(50, 24)).shape == (50, 24)
