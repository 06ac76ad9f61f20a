"""Weights of the classes."""

from dataclasses import replace

import numpy as np
import pytest

from minigrad import data, training
from minigrad.errors import ArgumentError
from tests.helpers import exactly


def test_balanced_weights_count_rows_by_their_weights():
    x, y = np.zeros((4, 1), np.float32), np.array([0, 0, 0, 1])
    train = data.Dataset(x, y, ("f",), ("p", "q"), weights=[1, 0, 2, 9])
    assert training.balanced_weights(train).tolist() == [12 / (2 * 3), 12 / (2 * 9)]
    repeated = train.take(np.repeat(np.arange(4), [1, 0, 2, 9]))
    repeated = replace(repeated, weights=None)
    assert training.balanced_weights(repeated).tolist() == [12 / (2 * 3), 12 / (2 * 9)]


def test_a_class_without_rows_has_no_balanced_weight():
    train = data.Dataset(np.zeros((2, 1)), np.array([0, 0]), ("a",), ("p", "q"))
    text = 'balanced_weights: class "q" has no rows; 2 rows; '
    text += "give it rows, or give the weights yourself"
    with pytest.raises(ArgumentError, match=exactly(text)):
        training.balanced_weights(train)


SPECIES = ("setosa", "versicolor", "virginica")


def test_a_class_that_is_not_named_weighs_1():
    assert training.named_weights("setosa=0,virginica=2.5", SPECIES).tolist() == [0, 1, 2.5]


@pytest.mark.parametrize(
    "part",
    ["rose=2", "setosa", "setosa=x", "setosa=-1", "setosa=nan", "setosa=1e300", "virginica=2", ""],
)
def test_weights_that_make_no_sense(part):
    text = (
        f"class_weight: {part!r} is not NAME=W, where NAME is a class not named before "
        "and W is a number from 0 to 1,000,000; the classes are "
        '"setosa", "versicolor", "virginica"; '
        "write it as in yes=2,no=0.5, or balanced"
    )
    with pytest.raises(ArgumentError, match=exactly(text)):
        training.named_weights(f"virginica=1,{part}", SPECIES)


def test_names_with_commas_and_equals_signs():
    names = ("a", "a, b", "a=1", "b")
    weights = training.named_weights("a, b=2,a=1=3,b=0.5", names)
    assert weights.tolist() == [1, 2, 3, 0.5]
    with pytest.raises(ArgumentError, match="class_weight: '' is not NAME=W, "):
        training.named_weights("a, b=2,", names)


def test_weights_of_nothing():
    zero = "setosa=0,versicolor=0,virginica=0"
    text = f"class_weight: no class has any weight; {zero}; give one of them a number above 0"
    with pytest.raises(ArgumentError, match=exactly(text)):
        training.named_weights(zero, SPECIES)
