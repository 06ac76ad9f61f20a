"""Starting values for parameters, written into them in place, under PyTorch's names.

A layer's fan-in is how many inputs each of its outputs sums up, its fan-out how many outputs each
input reaches: I and O for a Linear weight (O, I), C kh kw and O kh kw for a Conv2d weight
(O, C, kh, kw). If the inputs have the variance 1 and the weights the variance 1 / fan-in, the
outputs have the variance 1 too, and a deep network neither explodes nor fades in its forward pass.
1 / fan-out does the same for the gradients.
"""

import math

import numpy as np

from ..errors import ArgumentError, DTypeError, ShapeError
from ..tensor import Tensor
from ..text import kind_of
from ..typing import Rng
from .layers import number

__all__ = [
    "calculate_gain", "kaiming_normal_", "kaiming_uniform_", "orthogonal_", "xavier_normal_",
    "xavier_uniform_",
]  # fmt: skip


def calculate_gain(nonlinearity: str, param: float = 0.01) -> float:
    """Return the factor that makes up for what an activation takes from the deviation.

    1 for "linear" and "sigmoid", 5/3 for "tanh", √2 for "relu" (which sets half of the variance to
    0), √(2 / (1 + param²)) for "leaky_relu" with the negative slope `param`. As in PyTorch.

    Raises:
        ArgumentError: if the name is another one, or param is not a finite number.
    """
    gains = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2)}
    param = number("calculate_gain", "param", param)
    gains["leaky_relu"] = math.sqrt(2 / (1 + param**2))
    if nonlinearity not in gains:
        wrong, facts = f"nonlinearity={nonlinearity!r} is unknown", f"there are {', '.join(gains)}"
        raise ArgumentError("calculate_gain", wrong, facts, "choose one of them")
    return gains[nonlinearity]


def xavier_uniform_(p: Tensor, gain: float = 1.0, *, rng: Rng = None) -> Tensor:
    """Fill p uniformly from ±gain √(6 / (fan-in + fan-out)) and return it (Glorot, 2010).

    The variance, 2 / (fan-in + fan-out), is between those that keep outputs and gradients as they
    are; a uniform number from ±a has the variance a² / 3.
    """
    return _uniform(p, _xavier("xavier_uniform_", p, gain), rng)


def xavier_normal_(p: Tensor, gain: float = 1.0, *, rng: Rng = None) -> Tensor:
    """Fill p from a normal distribution of deviation gain √(2 / (fan-in + fan-out)); see above."""
    return _normal(p, _xavier("xavier_normal_", p, gain), rng)


def kaiming_uniform_(
    p: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    rng: Rng = None,
) -> Tensor:
    """Fill p uniformly from ±gain √(3 / fan), and return it (He et al., 2015).

    The gain is that of the activation which follows, so that half of the variance, which a ReLU
    takes, is there in advance.

    Args:
        p: a weight with two or more axes.
        a: the negative slope, for "leaky_relu"; 0 is that of "relu".
        mode: "fan_in" keeps the variance of the outputs, "fan_out" that of the gradients.
        nonlinearity: a name that `calculate_gain` knows.
        rng: a `numpy.random.Generator`, an int seed, or None for fresh entropy.

    Raises:
        ShapeError: if p has less than two axes.
        ArgumentError: if mode or nonlinearity is unknown.
    """
    return _uniform(p, _kaiming("kaiming_uniform_", p, a, mode, nonlinearity), rng)


def kaiming_normal_(
    p: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    rng: Rng = None,
) -> Tensor:
    """Fill p from a normal distribution of deviation gain / √fan; see `kaiming_uniform_`."""
    return _normal(p, _kaiming("kaiming_normal_", p, a, mode, nonlinearity), rng)


def orthogonal_(p: Tensor, gain: float = 1.0, *, rng: Rng = None) -> Tensor:
    """Fill p, as a matrix with the first axis as its rows, with orthonormal rows times the gain.

    If it has more rows than columns, the columns are orthonormal. Such a matrix keeps the length of
    what it multiplies (Saxe et al., 2014). It is Q in A = Q R for a normal A; with the signs of R's
    diagonal, every such matrix is equally likely (Mezzadri, 2007).

    Raises:
        ShapeError: if p has less than two axes.
    """
    _fans("orthogonal_", p)
    gain = number("orthogonal_", "gain", gain)
    rows, columns = p.shape[0], p.size // p.shape[0]
    A = np.random.default_rng(rng).standard_normal((max(rows, columns), min(rows, columns)))
    Q, R = np.linalg.qr(A)
    Q *= np.sign(np.diag(R))
    p.data[...] = gain * (Q if rows >= columns else Q.T).reshape(p.shape)
    return p


def _xavier(where: str, p: Tensor, gain: float) -> float:
    """Return the deviation gain √(2 / (fan-in + fan-out))."""
    return number(where, "gain", gain) * math.sqrt(2 / sum(_fans(where, p)))


def _kaiming(where: str, p: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    """Return the deviation gain / √fan."""
    fans = dict(zip(("fan_in", "fan_out"), _fans(where, p), strict=True))
    if mode not in fans:
        wrong, facts = f"mode={mode!r} is unknown", "it can be 'fan_in' or 'fan_out'"
        raise ArgumentError(where, wrong, facts, "choose one of them")
    return calculate_gain(nonlinearity, number(where, "a", a)) / math.sqrt(fans[mode])


def _fans(where: str, p: Tensor) -> tuple[int, int]:
    if not isinstance(p, Tensor) or p.dtype.kind != "f":
        facts = f"p {p.shape} {p.dtype}" if isinstance(p, Tensor) else f"p is {kind_of(p)}"
        raise DTypeError(
            where, "p is not a Tensor of floats", facts, "give a parameter, such as layer.weight"
        )
    if p.ndim < 2 or not p.size:
        wrong, remedy = "p is not a weight with inputs and outputs", "give one of (O, I, …)"
        raise ShapeError(where, wrong, f"p {p.shape}", remedy)
    return p.size // p.shape[0], p.size // p.shape[1]


def _uniform(p: Tensor, deviation: float, rng: Rng) -> Tensor:
    bound = math.sqrt(3) * deviation
    p.data[...] = np.random.default_rng(rng).uniform(-bound, bound, p.shape)
    return p


def _normal(p: Tensor, deviation: float, rng: Rng) -> Tensor:
    p.data[...] = deviation * np.random.default_rng(rng).standard_normal(p.shape)
    return p
