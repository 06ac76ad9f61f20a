"""The layers of a classifier; `minigrad.functions` holds the maths."""

import inspect
import math
import sys
from collections.abc import Callable, Sequence
from numbers import Integral, Real

import numpy as np

from .. import functions as F
from ..engine import as_array
from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor
from ..typing import ArrayLike, DTypeLike, Rng
from .module import Module, Parameter, Spec

LARGEST = sys.float_info.max


def number(
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


def count(layer: str, name: str, value: int) -> int:
    """Return an argument of a layer as an int; raise ArgumentError if it is not 1 or more."""
    if not isinstance(value, Integral):
        wrong, facts = f"{name} is not a whole number: {value!r:.40}", type(value).__name__
        raise ArgumentError(layer, wrong, f"type {facts}", "give it as 1 or more")
    if value < 1:
        raise ArgumentError(layer, f"{name} is less than 1", f"{name} {value}", "give 1 or more")
    return int(value)


def changed(layer: Module, *first: str) -> str:
    """Return `first` and the arguments of a layer that are not the defaults, for its repr."""
    defaults = {name: p.default for name, p in inspect.signature(type(layer)).parameters.items()}
    pairs = ((name, _short(value)) for name, value in layer.arguments().items())
    given = [
        f"{n}={v}"
        for n, v in pairs
        if defaults[n] is not inspect.Parameter.empty and v != _short(defaults[n])
    ]
    return ", ".join([*first, *given])


def _short(value) -> str:
    """Return a pair as one number if both are the same."""
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    return repr(values[0] if len(set(values)) == 1 else tuple(values))


def uniform(shape: tuple, inputs: int, rng: "np.random.Generator", dtype: DTypeLike) -> Parameter:
    """Return a Parameter that is uniform in ±1/√inputs."""
    bound = 1 / math.sqrt(inputs)
    return Parameter(rng.uniform(-bound, bound, shape), dtype=dtype)


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
        self.in_features = count("Linear", "in_features", in_features)
        self.out_features = count("Linear", "out_features", out_features)
        rng = np.random.default_rng(rng)
        self.weight = uniform((out_features, in_features), in_features, rng, dtype)
        self.bias = uniform((out_features,), in_features, rng, dtype) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """x (…, I) -> y (…, O)"""
        return F.linear(x, self.weight, self.bias)

    def arguments(self) -> dict:
        """Return the sizes, and whether there is a bias."""
        sizes = {"in_features": self.in_features, "out_features": self.out_features}
        return {**sizes, "bias": self.bias is not None}

    @classmethod
    def specs(cls, arguments: dict, dtype: str) -> dict[str, Spec]:
        """Return the shapes and dtypes of weight and bias."""
        inputs, outputs = arguments["in_features"], arguments["out_features"]
        found: dict[str, Spec] = {"weight": ((outputs, inputs), dtype)}
        return {**found, "bias": ((outputs,), dtype)} if arguments["bias"] else found

    def extra_repr(self) -> str:
        """Return the sizes in short."""
        sizes = f"{self.in_features} -> {self.out_features}"
        return sizes if self.bias is not None else f"{sizes}, bias=False"


class Embedding(Module):
    """The row of `weight` (V, D) for each integer from 0 to V − 1; normal numbers at first.

    Args:
        num_embeddings: V.
        embedding_dim: D.
        rng: a `numpy.random.Generator`, an int seed, or None for fresh entropy.
        dtype: the parameter's dtype.

    Raises:
        ArgumentError: if a size is not a whole number from 1.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        rng: Rng = None,
        dtype: DTypeLike = np.float32,
    ):
        self.num_embeddings = count("Embedding", "num_embeddings", num_embeddings)
        self.embedding_dim = count("Embedding", "embedding_dim", embedding_dim)
        rng, shape = np.random.default_rng(rng), (num_embeddings, embedding_dim)
        self.weight = Parameter(rng.standard_normal(shape), dtype=dtype)

    def forward(self, t: ArrayLike) -> Tensor:
        """t (…) integers -> y (…, D)"""
        return F.embedding(t, self.weight)

    def arguments(self) -> dict:
        """Return the sizes."""
        return {"num_embeddings": self.num_embeddings, "embedding_dim": self.embedding_dim}

    @classmethod
    def specs(cls, arguments: dict, dtype: str) -> dict[str, Spec]:
        """Return the shape and dtype of weight."""
        shape = arguments["num_embeddings"], arguments["embedding_dim"]
        return {"weight": (shape, dtype)}


class Plain(Module):
    """A plain function as a layer of a Sequential; a model file cannot hold it."""

    def __init__(self, function: Callable[[Tensor], Tensor]):
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)

    def forward(self, x: Tensor) -> Tensor:
        """Return function(x)."""
        return self.function(x)

    def _describe(self, inner: str = "") -> str:
        return self.name


class Sequential(Module):
    """The layers one after the other: the output of each is the input of the next.

    Their names are "0", "1", … A layer may be a plain function, such as `F.relu` or a lambda.

    Raises:
        ArgumentError: if a layer is neither a Module nor a function.
        ShapeError: when it is called, if a layer cannot take what the one before it gives.
    """

    def __init__(self, *layers: Module | Callable[[Tensor], Tensor]):
        made: list[Module] = []
        for i, layer in enumerate(layers):
            if isinstance(layer, type) or not callable(layer):
                wrong = f"layer {i} is not a Module"
                remedy = "give the layers one by one, as in Sequential(Linear(4, 3), ReLU())"
                raise ArgumentError("Sequential", wrong, f"it is {layer!r}", remedy)
            made.append(layer if isinstance(layer, Module) else Plain(layer))
        self.layers = tuple(made)

    def children(self) -> list[tuple[str, "Module | Parameter"]]:
        """Return the layers by number: their parameters are `0.weight`, `0.bias`, …"""
        return [(name.removeprefix("layers."), child) for name, child in super().children()]

    def forward(self, x: Tensor) -> Tensor:
        """Return the last layer's output."""
        for i, layer in enumerate(self.layers):
            try:
                x = layer(x)
            except ShapeError as error:
                where, *rest = error.args
                inside = where.removeprefix("layer ")  # of a Sequential in this one
                dot = ", " if inside == where else "."
                error.args = (f"layer {i}{dot}{inside}", *rest)
                raise
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, i: int) -> Module:
        return self.layers[i]


class Residual(Sequential):
    """y = x + f(x), with f the layers one after the other (He et al., 2016).

    The gradient of x is gy plus what f sends back, and so it does not fade in a deep network.

    Raises:
        ShapeError: when it is called, if f(x) does not have the shape of x.
    """

    def forward(self, x: Tensor) -> Tensor:
        """x (…) -> y (…)"""
        y = super().forward(x)
        if y.shape != as_array(x).shape:
            wrong, facts = "the layers change the shape", f"x {as_array(x).shape}, f(x) {y.shape}"
            remedy = "keep it, as Linear(4, 4) and Conv2d(8, 8, 3, padding=1) do"
            raise ShapeError("Residual", wrong, facts, remedy)
        return F.add(x, y)


class ReLU(Module):
    """max(x, 0)"""

    def forward(self, x: Tensor) -> Tensor:
        """x (…) -> y (…)"""
        return F.relu(x)


class LeakyReLU(Module):
    """x for x > 0, `negative_slope` · x otherwise"""

    def __init__(self, negative_slope: float = 0.01):
        self.negative_slope = number("LeakyReLU", "negative_slope", negative_slope)

    def forward(self, x: Tensor) -> Tensor:
        """x (…) -> y (…)"""
        return F.leaky_relu(x, self.negative_slope)

    def arguments(self) -> dict:
        """Return the slope."""
        return {"negative_slope": float(self.negative_slope)}


class ELU(Module):
    """x for x > 0, `alpha` (eˣ − 1) otherwise"""

    def __init__(self, alpha: float = 1.0):
        self.alpha = number("ELU", "alpha", alpha)

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
        self.p = number("Dropout", "p", p, 0, 1)
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


class Unflatten(Module):
    """One axis of x becomes several, x (N, C · H · W) -> y (N, C, H, W): what Flatten undoes.

    Args:
        axis: the axis that is cut up; 1 for the features.
        unflattened_size: the sizes of the new axes.

    Raises:
        ArgumentError: if a size is not a whole number from 1.
        ShapeError: when it is called, if x has no such axis, or one of another length.
    """

    def __init__(self, axis: int, unflattened_size: Sequence[int]):
        self.axis = axis
        name = "unflattened_size"
        self.unflattened_size = tuple(count("Unflatten", name, n) for n in unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C · H · W) -> y (N, C, H, W)"""
        shape, sizes, axis = list(x.shape), self.unflattened_size, self.axis
        facts = f"x {x.shape}, unflattened_size {sizes}"
        if not -len(shape) <= axis < len(shape):
            remedy = "choose an axis that exists; −1 is the last"
            raise ShapeError("Unflatten", f"x has no axis {axis}", facts, remedy)
        if shape[axis] != math.prod(sizes):
            wrong = f"axis {axis} of x has the length {shape[axis]}, not {math.prod(sizes)}"
            remedy = f"give sizes whose product is {shape[axis]}"
            raise ShapeError("Unflatten", wrong, facts, remedy)
        shape[axis : axis + 1 or None] = sizes
        return F.reshape(x, shape)

    def arguments(self) -> dict:
        """Return the axis and the sizes."""
        return {"axis": int(self.axis), "unflattened_size": list(self.unflattened_size)}

    def extra_repr(self) -> str:
        """Return the axis and the sizes in short."""
        return f"{self.axis}, {' × '.join(map(str, self.unflattened_size))}"
