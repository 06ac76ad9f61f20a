"""A multilayer perceptron, or a convolutional network, from its sizes."""

from collections.abc import Sequence

import numpy as np

from ..errors import ArgumentError
from ..typing import DTypeLike, Rng
from .images import Conv2d, MaxPool2d
from .layers import (
    ELU,
    GELU,
    Dropout,
    Flatten,
    LeakyReLU,
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
    Unflatten,
)
from .module import Module
from .norms import BatchNorm1d, BatchNorm2d

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
    batch_norm: bool = False,
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
        batch_norm: whether a BatchNorm1d precedes each activation.
        rng: a `numpy.random.Generator`, an int seed, or None for fresh entropy.
        dtype: the parameters' dtype.

    Raises:
        ArgumentError: if the activation is unknown, or a size is below 1.
    """
    _check_activation("mlp", activation)
    rng = np.random.default_rng(rng)
    layers: list[Module] = []
    for width in hidden:
        layers.append(Linear(inputs, width, rng=rng, dtype=dtype))
        layers += [BatchNorm1d(width, dtype=dtype)] if batch_norm else []
        layers.append(ACTIVATIONS[activation]())
        layers += [Dropout(dropout, rng=rng)] if dropout else []
        inputs = width
    return Sequential(*layers, Linear(inputs, outputs, rng=rng, dtype=dtype))


def cnn(
    image: Sequence[int],
    conv: Sequence[int],
    hidden: Sequence[int],
    outputs: int,
    *,
    activation: str = "relu",
    dropout: float = 0.0,
    batch_norm: bool = False,
    rng: Rng = None,
    dtype: DTypeLike = np.float32,
) -> Sequential:
    """Return a convolution, an activation and a pooling for each of `conv`, then an mlp.

    The convolutions are 3 × 3 and keep the size of the image; each MaxPool2d(2) halves it.

    Args:
        image: (C, H, W). The network takes rows of C · H · W features, which Unflatten turns into
            images.
        conv: the number of filters of each convolution.
        hidden, outputs, activation, rng, dtype: as for `mlp`, which follows.
        dropout: the probability of dropping an input or a hidden unit of the mlp.
        batch_norm: whether a batch norm precedes each activation.

    Raises:
        ArgumentError: as `mlp` does, or if the image is too small for so many poolings.
    """
    _check_activation("cnn", activation)
    rng, (channels, *size) = np.random.default_rng(rng), image
    layers: list[Module] = [Unflatten(1, image)]
    for filters in conv:
        layers.append(Conv2d(channels, filters, 3, padding=1, rng=rng, dtype=dtype))
        layers += [BatchNorm2d(filters, dtype=dtype)] if batch_norm else []
        layers += [ACTIVATIONS[activation](), MaxPool2d(2)]
        channels, size = filters, [n // 2 for n in size]
    if 0 in size:
        wrong = f"an image of {image[1]} × {image[2]} is too small for {len(conv)} convolutions"
        most = min(image[1:]).bit_length() - 1
        remedy = f"give at most {most} of them" if most else "give arch='mlp', which has none"
        raise ArgumentError("cnn", wrong, "each is followed by a pooling that halves it", remedy)
    layers += [Flatten(), *([Dropout(dropout, rng=rng)] if dropout else [])]
    options = {"activation": activation, "dropout": dropout, "batch_norm": batch_norm}
    inputs = channels * size[0] * size[1]
    return Sequential(*layers, *mlp(inputs, hidden, outputs, **options, rng=rng, dtype=dtype))


def _check_activation(where: str, activation: str) -> None:
    if activation not in ACTIVATIONS:
        wrong, remedy = f"activation={activation!r} is unknown", "choose one of them"
        raise ArgumentError(where, wrong, f"there are {', '.join(ACTIVATIONS)}", remedy)
