"""The layers of a classifier; `minigrad.functions` holds the maths."""

import math
import sys
from numbers import Integral, Real

import numpy as np

from .. import functions as F
from ..errors import ArgumentError
from ..tensor import Tensor
from ..typing import DTypeLike, Rng
from .module import Module, Parameter

LARGEST = sys.float_info.max


def _number(
    layer: str, name: str, value: float, low: float = -LARGEST, high: float = LARGEST
) -> float:
    """Return an argument of a layer as a float; raise ArgumentError if it is not in the range."""
    try:
        number = float(value) if isinstance(value, Real) else math.nan
    except OverflowError:  # 10**400
        number = math.inf
    if not low <= number <= high:
        called = "a finite number" if high == LARGEST else f"a number from {low} to {high}"
        wrong, facts = f"{name} is not {called}", f"type {type(value).__name__}"
        raise ArgumentError(layer, f"{wrong}: {value!r:.40}", facts, f"give {called}")
    return number


class Linear(Module):
    """y = x Wᵀ + b for x (…, I); `weight` is W (O, I), `bias` is b (O,) or None.

    Both start uniform in ±1/√I, as in PyTorch: the outputs then have about a third of the
    inputs' variance, whatever I is.

    Args:
        in_features: I.
        out_features: O.
        bias: False leaves b out.
        rng: a `numpy.random.Generator`, an int seed, or None for fresh entropy. Give the layers
            of one model the same Generator: two layers with the same int start identical.
        dtype: the parameters' dtype.

    Raises:
        ArgumentError: if a size is not a whole number from 1.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: Rng = None,
        dtype: DTypeLike = np.float32,
    ):
        for name, size in ("in_features", in_features), ("out_features", out_features):
            if not isinstance(size, Integral):
                wrong, facts = f"{name} is not a whole number: {size!r:.40}", type(size).__name__
                raise ArgumentError("Linear", wrong, f"type {facts}", "give it as 1 or more")
        if in_features < 1 or out_features < 1:
            wrong = "a layer needs at least one input and one output"
            facts = f"in_features {in_features}, out_features {out_features}"
            raise ArgumentError("Linear", wrong, facts, "give both as 1 or more")
        self.in_features, self.out_features = int(in_features), int(out_features)
        rng = np.random.default_rng(rng)
        bound = 1 / math.sqrt(in_features)
        shape = (out_features, in_features)
        self.weight = Parameter(rng.uniform(-bound, bound, shape), dtype=dtype)
        self.bias = (
            Parameter(rng.uniform(-bound, bound, out_features), dtype=dtype) if bias else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """x (…, I) -> y (…, O)"""
        return F.linear(x, self.weight, self.bias)

    def arguments(self) -> dict:
        """Return the sizes, and whether there is a bias."""
        sizes = {"in_features": self.in_features, "out_features": self.out_features}
        return {**sizes, "bias": self.bias is not None}

    def extra_repr(self) -> str:
        """Return the sizes in short."""
        sizes = f"{self.in_features} -> {self.out_features}"
        return sizes if self.bias is not None else f"{sizes}, bias=False"


class Sequential(Module):
    """The layers one after the other: the output of each is the input of the next.

    Their names are "0", "1", …

    Raises:
        ArgumentError: if a layer is not a Module.
    """

    def __init__(self, *layers: Module):
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                wrong = f"layer {i} is not a Module"
                remedy = "give the layers one by one, as in Sequential(Linear(4, 3), ReLU())"
                raise ArgumentError("Sequential", wrong, f"it is {layer!r}", remedy)
        self.layers = layers

    def children(self) -> list[tuple[str, "Module | Parameter"]]:
        """Return the layers by number: their parameters are `0.weight`, `0.bias`, …"""
        return [(name.removeprefix("layers."), child) for name, child in super().children()]

    def forward(self, x: Tensor) -> Tensor:
        """Return the last layer's output."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, i: int) -> Module:
        return self.layers[i]


class ReLU(Module):
    """max(x, 0)"""

    def forward(self, x: Tensor) -> Tensor:
        """x (…) -> y (…)"""
        return F.relu(x)


class LeakyReLU(Module):
    """x for x > 0, `negative_slope` · x otherwise"""

    def __init__(self, negative_slope: float = 0.01):
        self.negative_slope = _number("LeakyReLU", "negative_slope", negative_slope)

    def forward(self, x: Tensor) -> Tensor:
        """x (…) -> y (…)"""
        return F.leaky_relu(x, self.negative_slope)

    def arguments(self) -> dict:
        """Return the slope."""
        return {"negative_slope": float(self.negative_slope)}


class ELU(Module):
    """x for x > 0, `alpha` (eˣ − 1) otherwise"""

    def __init__(self, alpha: float = 1.0):
        self.alpha = _number("ELU", "alpha", alpha)

    def forward(self, x: Tensor) -> Tensor:
        """x (…) -> y (…)"""
        return F.elu(x, self.alpha)

    def arguments(self) -> dict:
        """Return alpha."""
        return {"alpha": float(self.alpha)}


class GELU(Module):
    """x Φ(x); `approximate` is "none" or "tanh" """

    def __init__(self, approximate: str = "none"):
        F.gelu(0.0, approximate)  # refuses an unknown one
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        """x (…) -> y (…)"""
        return F.gelu(x, self.approximate)

    def arguments(self) -> dict:
        """Return the approximation."""
        return {"approximate": str(self.approximate)}


class SiLU(Module):
    """x / (1 + e⁻ˣ)"""

    def forward(self, x: Tensor) -> Tensor:
        """x (…) -> y (…)"""
        return F.silu(x)


class Softplus(Module):
    """ln(1 + eˣ)"""

    def forward(self, x: Tensor) -> Tensor:
        """x (…) -> y (…)"""
        return F.softplus(x)


class Sigmoid(Module):
    """1 / (1 + e⁻ˣ)"""

    def forward(self, x: Tensor) -> Tensor:
        """x (…) -> y (…)"""
        return F.sigmoid(x)


class Tanh(Module):
    """tanh x"""

    def forward(self, x: Tensor) -> Tensor:
        """x (…) -> y (…)"""
        return F.tanh(x)


class Softmax(Module):
    """eˣ / Σ eˣ along `axis`; leave it out before CrossEntropy, which takes logits"""

    def __init__(self, axis: int = -1):
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        """x (…) -> y (…), positive, with sum 1 along the axis"""
        return F.softmax(x, self.axis)

    def arguments(self) -> dict:
        """Return the axis."""
        return {"axis": int(self.axis)}


class LogSoftmax(Module):
    """ln softmax(x) along `axis`"""

    def __init__(self, axis: int = -1):
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        """x (…) -> y (…)"""
        return F.log_softmax(x, self.axis)

    def arguments(self) -> dict:
        """Return the axis."""
        return {"axis": int(self.axis)}


class Dropout(Module):
    """Each element is 0 with probability `p` while training; the identity in eval mode.

    Args:
        p: the probability of dropping an element.
        rng: a `numpy.random.Generator`, an int seed, or None for fresh entropy.

    Raises:
        ArgumentError: if p is not from 0 to 1.
    """

    def __init__(self, p: float = 0.5, *, rng: Rng = None):
        self.p = _number("Dropout", "p", p, 0, 1)
        self.rng = np.random.default_rng(rng)

    def forward(self, x: Tensor) -> Tensor:
        """x (…) -> y (…)"""
        return F.dropout(x, self.p, rng=self.rng, training=self.training)

    def arguments(self) -> dict:
        """Return the probability."""
        return {"p": float(self.p)}


class Flatten(Module):
    """x (N, d1 … dk) -> y (N, d1 · … · dk)"""

    def forward(self, x: Tensor) -> Tensor:
        """x (N, d1 … dk) -> y (N, d1 · … · dk)"""
        return F.reshape(x, (len(x), math.prod(x.shape[1:])))
