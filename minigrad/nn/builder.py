"""A multilayer perceptron from its sizes."""

from collections.abc import Sequence

import numpy as np

from ..errors import ArgumentError
from ..typing import DTypeLike, Rng
from .layers import (
    ELU,
    GELU,
    Dropout,
    LeakyReLU,
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)

ACTIVATIONS = {
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "gelu": GELU,
    "silu": SiLU,
    "softplus": Softplus,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
}


def mlp(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    *,
    activation: str = "relu",
    dropout: float = 0.0,
    rng: Rng = None,
    dtype: DTypeLike = np.float32,
) -> Sequential:
    """Return Linear, activation and Dropout for each hidden size, then Linear to the logits.

    Args:
        inputs: the number of features.
        hidden: the width of each hidden layer; none gives softmax regression.
        outputs: the number of classes.
        activation: a name in ACTIVATIONS.
        dropout: the probability of dropping a hidden unit; 0 leaves the Dropout layers out.
        rng: a `numpy.random.Generator`, an int seed, or None for fresh entropy.
        dtype: the parameters' dtype.

    Raises:
        ArgumentError: if the activation is unknown, or a size is below 1.
    """
    if activation not in ACTIVATIONS:
        wrong, remedy = f"activation={activation!r} is unknown", "choose one of them"
        raise ArgumentError("mlp", wrong, f"there are {', '.join(ACTIVATIONS)}", remedy)
    rng = np.random.default_rng(rng)
    layers = []
    for width in hidden:
        layers += [Linear(inputs, width, rng=rng, dtype=dtype), ACTIVATIONS[activation]()]
        if dropout:
            layers.append(Dropout(dropout, rng=rng))
        inputs = width
    return Sequential(*layers, Linear(inputs, outputs, rng=rng, dtype=dtype))
