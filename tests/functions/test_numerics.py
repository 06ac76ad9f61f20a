"""Extreme numbers: exact to rounding, NaN in and NaN out, and never a NumPy warning."""

import numpy as np
import pytest

from minigrad import Tensor
from minigrad.errors import DataError

EXTREME = [1e300, np.nan, np.inf, 0.0, -np.inf, -1e300, 1e-300, -0.0, 1e4, -1e4, 2.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_warns_whatever_the_numbers(example, dtype):
    case, shapes = example
    with np.errstate(all="ignore"):
        inputs = [np.resize(np.roll(EXTREME, i), s).astype(dtype) for i, s in enumerate(shapes)]
    with np.errstate(all="raise"):
        try:
            y = case.f(*[Tensor(x, requires_grad=True) for x in inputs])
        except DataError:  # from_probabilities refuses them
            return
        y.backward(np.ones(y.shape, dtype))
