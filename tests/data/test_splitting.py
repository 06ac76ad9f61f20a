"""split: stratified within one row, complete, shuffled, repeatable."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.data import Dataset, load, split
from minigrad.errors import ArgumentError, DataError

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
def test_small_classes_are_divided_so_too_or_refused(counts, test, val):
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


def test_a_test_set_of_its_own_is_the_test_part():
    own, dataset = make([2, 7]), make([50, 50])
    with_own = replace(dataset, test=own)
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


def test_rows_are_shuffled():
    dataset = make([40, 40, 40])
    for part in split(dataset):
        assert not np.array_equal(rows(part), np.sort(rows(part)))
        assert not np.array_equal(part.y, np.sort(part.y))
    # Which rows go to a part is drawn too, not taken from the top.
    train, _, test = split(dataset)
    assert rows(train).max() > 110
    assert rows(test).min() < 10


def test_rng():
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
            "counted: class 'c1' has too few rows for its share of every part; "
            "2 of 52 rows, val 0.2, test 0.2; "
            "add rows to it, drop it, or change the fractions",
        ),
        (
            [50, 50, 0],
            {"val": 0},
            "counted: class 'c2' has too few rows for its share of every part; "
            "0 of 100 rows, val 0, test 0.2; "
            "add rows to it, drop it, or change the fractions",
        ),
        (  # One row of each in val and test would make each of them 10 rows of 40, not 8.
            [4] * 10,
            {},
            "counted: class 'c0' has too few rows for its share of every part; "
            "4 of 40 rows, val 0.2, test 0.2; "
            "add rows to it, drop it, or change the fractions",
        ),
    ],
)
def test_a_class_that_is_too_small(counts, options, text):
    with pytest.raises(DataError) as error:
        split(make(counts), **options)
    assert str(error.value) == text


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
