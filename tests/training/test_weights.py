"""Weights of the classes: what is refused."""

import numpy as np
import pytest

from minigrad import data, training
from minigrad.errors import ArgumentError
from tests.helpers import exactly


def test_a_class_without_rows_has_no_balanced_weight():
    train = data.Dataset(np.zeros((2, 1)), np.array([0, 0]), ("a",), ("p", "q"))
    text = "balanced_weights: class 'q' has no rows; 2 rows; "
    text += "give it rows, or give the weights yourself"
    with pytest.raises(ArgumentError, match=exactly(text)):
        training.balanced_weights(train)
