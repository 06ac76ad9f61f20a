"""Networks that are small enough to be read number by number."""

import numpy as np

from .. import nn
from ..typing import Rng

X = ((1.0, 2.0), (-1.0, 1.0), (2.0, -1.0))
T = (0, 2, 1)
W1, B1 = ((0.5, -0.75), (1, 0.5), (-0.5, 0.25), (0.25, 0.5)), (0.5, 0, 0.5, 0.25)
W2, B2 = ((1, 0.5, -0.5, 0), (-0.5, 1, 0.5, 0.5), (0.5, -1, 1, -0.5)), (0, 0.1, -0.1)


def fixed_network(activation: str) -> tuple[nn.Sequential, np.ndarray, np.ndarray]:
    """Return a 2-4-3 network with round weights, three rows x (3, 2), and their classes (3,).

    One of its units is negative for the first row: a ReLU shuts it.
    """
    model = nn.mlp(2, [4], 3, activation=activation, dtype=np.float64)
    for p, values in zip(model.parameters(), (W1, B1, W2, B2), strict=True):
        p.data[...] = values
    return model, np.array(X), np.array(T)


def random_network(
    sizes: tuple[int, ...], rows: int, activation: str, rng: Rng
) -> tuple[nn.Sequential, np.ndarray, np.ndarray]:
    """Return a network of these widths, from inputs to classes, random rows, and classes."""
    rng = np.random.default_rng(rng)
    inputs, *hidden, classes = sizes
    model = nn.mlp(inputs, hidden, classes, activation=activation, rng=rng, dtype=np.float64)
    return model, rng.standard_normal((rows, inputs)).round(2), np.arange(rows) % classes
