"""Normalising layers, and the running statistics of batch norm."""

from collections.abc import Sequence

import numpy as np

from .. import functions as F
from ..engine import as_array
from ..errors import ArgumentError, ShapeError
from ..functions.normalisation import BatchNorm, moments
from ..tensor import Tensor
from ..typing import DTypeLike
from .layers import changed, count, number
from .module import Module, Parameter, Spec


class BatchNorm1d(Module):
    """Batch norm of x (N, C) or (N, C, L): each channel gets the mean 0 and the variance 1.

    In training each batch is normalised by its own mean and variance, and moves the running ones
    towards them; in eval mode the running ones are used. See `functions.batch_norm`.

        running_mean = (1 − momentum) · running_mean + momentum · mean of the batch

    and the same for `running_var` with the batch's unbiased variance (divisor n − 1), as in
    PyTorch.

    Args:
        num_features: C.
        eps: is added to the variance.
        momentum: the weight of a batch in the running statistics; None for the mean of all batches.
        affine: whether there are a scale `weight` (C,) and a shift `bias` (C,), 1 and 0 at first.
        dtype: that of the parameters and the running statistics.

    Raises:
        ArgumentError: if an argument is not a number in its range.
    """

    buffers = ("running_mean", "running_var", "num_batches_tracked")
    axes = "(N, C)", "(N, C, L)"  # that x may have

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ):
        name = type(self).__name__
        self.num_features = count(name, "num_features", num_features)
        self.eps = number(name, "eps", eps, 0)
        self.momentum = None if momentum is None else number(name, "momentum", momentum, 0, 1)
        self.weight = Parameter(np.ones(num_features), dtype=dtype) if affine else None
        self.bias = Parameter(np.zeros(num_features), dtype=dtype) if affine else None
        self.running_mean = np.zeros(num_features, dtype)
        self.running_var = np.ones(num_features, dtype)
        self.num_batches_tracked = np.array(0)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, …) -> y (N, C, …)"""
        if all(as_array(x).ndim != len(axes.split(",")) for axes in self.axes):
            wrong = f"x does not have the axes {' or '.join(self.axes)}"
            facts, remedy = f"x {as_array(x).shape}", "give such an x, or use another BatchNorm"
            raise ShapeError(type(self).__name__, wrong, facts, remedy)
        statistics = self.running_mean, self.running_var
        training, eps = self.training, self.eps
        y = F.batch_norm(x, *statistics, self.weight, self.bias, training=training, eps=eps)
        if training:
            self._follow(x, y)
        return y

    def _follow(self, x, y: Tensor) -> None:
        """Move the running statistics towards those of the batch x."""
        if isinstance(y.node, BatchNorm):  # otherwise there is no graph to look into
            m, v = y.node.m, y.node.v
        else:
            x = as_array(x).astype(y.dtype, copy=False)
            m, v = moments(x, (0, *range(2, x.ndim)))
        n = y.size // self.num_features
        self.num_batches_tracked = np.asarray(self.num_batches_tracked + 1)
        k = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        for name, new in ("running_mean", m), ("running_var", v * (n / (n - 1))):
            old = getattr(self, name)
            with np.errstate(all="ignore"):
                mixed = ((1 - k) * old + k * new.reshape(old.shape)).astype(old.dtype)
            setattr(self, name, mixed)  # a new array: a graph may hold the old one

    def arguments(self) -> dict:
        """Return the size, eps, momentum, and whether there are parameters."""
        numbers = {"num_features": self.num_features, "eps": self.eps, "momentum": self.momentum}
        return {**numbers, "affine": self.weight is not None}

    def extra_repr(self) -> str:
        """Return the size, and the options that are not the usual ones."""
        return changed(self, str(self.num_features))

    @classmethod
    def specs(cls, arguments: dict, dtype: str) -> dict[str, Spec]:
        """Return the shapes and dtypes of the parameters and the running statistics."""
        names = ["running_mean", "running_var"]
        if arguments["affine"]:
            names = ["weight", "bias", *names]
        each = (arguments["num_features"],), dtype
        return {**dict.fromkeys(names, each), "num_batches_tracked": ((), "int64")}


class BatchNorm2d(BatchNorm1d):
    """Batch norm of images x (N, C, H, W); arguments and state are those of `BatchNorm1d`."""

    axes = ("(N, C, H, W)",)


class LayerNorm(Module):
    """Each row of x gets the mean 0 and the variance 1, then a scale and a shift for each element.

    Args:
        normalized_shape: the shape of a row, the last axes of x; D stands for (D,).
        eps: is added to the variance.
        elementwise_affine: whether there are a scale `weight`, and the shift.
        bias: False leaves the shift `bias` out.
        dtype: the parameters' dtype.

    Raises:
        ArgumentError: if an argument is not a number in its range, or normalized_shape is empty.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ):
        given = normalized_shape
        row = list(given) if isinstance(given, (list, tuple)) else [given]
        if not row:
            facts, remedy = f"normalized_shape {given}", "give the lengths of the last axes of x"
            raise ArgumentError("LayerNorm", "a row has no axis", facts, remedy)
        self.normalized_shape = [count("LayerNorm", "normalized_shape", n) for n in row]
        self.eps = number("LayerNorm", "eps", eps, 0)
        shifted = elementwise_affine and bias
        self.weight = Parameter(np.ones(row), dtype=dtype) if elementwise_affine else None
        self.bias = Parameter(np.zeros(row), dtype=dtype) if shifted else None

    def forward(self, x: Tensor) -> Tensor:
        """x (…, D) -> y (…, D)"""
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def arguments(self) -> dict:
        """Return the shape, eps, and which parameters there are."""
        shape = {"normalized_shape": self.normalized_shape, "eps": self.eps}
        there = {"elementwise_affine": self.weight is not None, "bias": self.bias is not None}
        return {**shape, **there}

    def extra_repr(self) -> str:
        """Return the shape, and the options that are not the usual ones."""
        return changed(self, ", ".join(map(str, self.normalized_shape)))

    @classmethod
    def specs(cls, arguments: dict, dtype: str) -> dict[str, Spec]:
        """Return the shapes and dtypes of weight and bias."""
        each = tuple(arguments["normalized_shape"]), dtype
        names = {"weight": arguments["elementwise_affine"], "bias": arguments["bias"]}
        return {name: each for name, there in names.items() if there}
