"""Normalisation: outputs of mean 0 and variance 1, then a learned scale and shift.

With the means and variances of the batch, an element reaches the outputs of all elements that it is
averaged with: docs/batch_norm.md goes through that in nine steps.

An x of integers becomes floats, of the dtype of the scale and of the running mean, or else float64.
"""

from collections.abc import Sequence

import numpy as np

from ..engine import Function, as_array, as_float, constant
from ..errors import ArgumentError, ShapeError
from ..text import counted
from ..typing import ArrayLike, Tensor
from .arithmetic import add, div, mul, sub
from .shapes import reshape


class BatchNorm(Function):
    """y = W x̂ + b,   x̂ = (x − m) / s,   s = √(v + eps),   m, v: the mean and variance of a channel

    x (N, C, …)   W, b (C,)   ->   y (N, C, …)

    gx = W/s (gy − gb/n − x̂ gW/n)      n elements of x in each channel
    gW = Σ gy x̂                        over the n elements: W, b, m and s are the same for all
    gb = Σ gy

    Let gx̂ = gy W. An element x reaches its own x̂ by 1/s, and those of the whole channel through
    m and s. Since x̂ = (x − m) / s, they get gm = −Σ gx̂ / s and gs = −Σ gx̂ x̂ / s. And

        ∂m/∂x = 1/n
        ∂s/∂x = ∂v/∂x / 2s = 2 (x − m)/n / 2s = x̂/n        (that m moves too adds nothing to v:
                                                            Σ (x − m) = 0)

    so that gx = gx̂/s + gm/n + gs x̂/n = (gx̂ − Σ gx̂/n − x̂ Σ gx̂ x̂/n) / s, with Σ gx̂ = W gb and
    Σ gx̂ x̂ = W gW. What is taken from gy are its mean and its part along x̂: to move a whole channel,
    or to stretch it, changes nothing in x̂.
    """

    fresh = True

    def forward(self, x, W, b, eps):
        self.axes = (0, *range(2, x.ndim))  # all but that of the channels
        self.m, self.v = moments(x, self.axes)
        self.s, self.W = np.sqrt(self.v + eps), W.reshape(self.m.shape)
        self.xhat = (x - self.m) / self.s
        return self.xhat * self.W + b.reshape(self.m.shape)

    def backward(self, gy):
        gb = gy.sum(axis=self.axes, keepdims=True)
        gW = (gy * self.xhat).sum(axis=self.axes, keepdims=True)
        gx = None
        if self.needs[0]:
            n = gy.size // gb.size
            gx = self.xhat * (-gW / n)
            gx += gy
            gx -= gb / n
            gx *= self.W / self.s
        gW = gW.reshape(-1) if self.needs[1] else None
        return gx, gW, gb.reshape(-1) if self.needs[2] else None


class LayerNorm(Function):
    """y = W x̂ + b,   x̂ = (x − m) / s,   s = √(v + eps),   m, v: the mean and variance of a row

    x (…, D)   W, b (D,)   ->   y (…, D)      D may be several axes

    gx = (gx̂ − Σ gx̂/D − x̂ Σ gx̂ x̂/D) / s,   gx̂ = gy W
    gW = Σ gy x̂                        over the rows
    gb = Σ gy

    As `BatchNorm`, but the sums of gx go over the elements of a row, each with its own weight.
    """

    def forward(self, x, W, b, eps):
        self.axes = tuple(range(x.ndim - W.ndim, x.ndim))
        m, v = moments(x, self.axes)
        self.s, self.W = np.sqrt(v + eps), W
        self.xhat = (x - m) / self.s
        return self.xhat * W + b

    def backward(self, gy):
        gx = gW = None
        if self.needs[0]:
            gxhat = gy * self.W
            along = (gxhat * self.xhat).mean(axis=self.axes, keepdims=True)
            gx = (gxhat - gxhat.mean(axis=self.axes, keepdims=True) - self.xhat * along) / self.s
        if self.needs[1]:
            gW = gy * self.xhat  # the engine does the sum, also of gb
        return gx, gW, gy


def moments(x: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the variance of x over the axes, which stay with length 1."""
    m = x.mean(axis=axes, keepdims=True)
    return m, np.square(x - m).mean(axis=axes, keepdims=True)


def batch_norm(
    x: ArrayLike,
    running_mean: ArrayLike | None = None,
    running_var: ArrayLike | None = None,
    W: ArrayLike | None = None,
    b: ArrayLike | None = None,
    *,
    training: bool = False,
    eps: float = 1e-5,
) -> Tensor:
    """Return x with the mean 0 and the variance 1 in each channel, times W plus b.

    In training, mean and variance are those of the batch (Ioffe and Szegedy, 2015), the variance
    with the divisor n; otherwise they are the running ones, which `nn.BatchNorm1d` and
    `nn.BatchNorm2d` keep.

    Args:
        x: (N, C) or (N, C, d1 … dk); a channel has n = N · d1 · … · dk elements.
        running_mean, running_var: (C,), not used in training.
        W, b: (C,), the scale and the shift; None leaves them out.
        training: whether to use the mean and the variance of the batch.
        eps: is added to the variance.

    Raises:
        ShapeError: if the shapes do not match or, in training, n is 1.
    """
    given = {"running_mean": running_mean, "running_var": running_var, "W": W, "b": b}
    x = as_float(x, *given.values())
    if x.ndim < 2:
        facts, remedy = f"x {x.shape}", "give x (N, C) or (N, C, H, W)"
        raise ShapeError("batch_norm", "x has no axis of channels", facts, remedy)
    channels = x.shape[1]
    for name, a in given.items():
        shape = (channels,) if a is None else as_array(a).shape
        if shape != (channels,):
            wrong = f"x has {counted(channels, 'channel')} but {name} has {as_array(a).size}"
            remedy = f"give nn.BatchNorm num_features={channels}"
            if len(shape) != 1:
                wrong, remedy = f"{name} does not have one axis", f"give {name} as ({channels},)"
            raise ShapeError("batch_norm", wrong, f"x {x.shape}, {name} {shape}", remedy)
    W = np.ones(channels, x.dtype) if W is None else W
    b = np.zeros(channels, x.dtype) if b is None else b
    if training:
        if x.size <= channels:
            wrong = f"a channel has {counted(x.size // (channels or 1), 'value')}, and no variance"
            remedy = "train on batches of 2 rows or more, and call model.eval() to predict"
            raise ShapeError("batch_norm", wrong, f"x {x.shape}", remedy)
        return BatchNorm.apply(x, W, b, eps=eps)
    if running_mean is None or running_var is None:
        wrong, facts = "there is no mean or no variance to use", f"x {x.shape}, training False"
        remedy = "give running_mean and running_var, or pass training=True"
        raise ArgumentError("batch_norm", wrong, facts, remedy)
    column = (channels, *(1,) * (x.ndim - 2))
    mean, var = [
        constant("batch_norm", name, given[name]).astype(x.dtype).reshape(column)
        for name in ("running_mean", "running_var")
    ]
    scale = div(reshape(W, column), np.sqrt(var + eps))
    return add(mul(sub(x, mean), scale), reshape(b, column))


def layer_norm(
    x: ArrayLike,
    normalized_shape: int | Sequence[int],
    W: ArrayLike | None = None,
    b: ArrayLike | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return x with the mean 0 and the variance 1 in each row, times W plus b (Ba et al., 2016).

    Args:
        x: (…, *normalized_shape).
        normalized_shape: the shape of a row, the last axes of x; D stands for (D,).
        W, b: of this shape, the scale and the shift; None leaves them out.
        eps: is added to the variance.

    Raises:
        ShapeError: if the shapes do not match, or a row has no elements.
    """
    x = as_float(x, W, b)
    row = tuple(int(n) for n in np.atleast_1d(normalized_shape))
    W = np.ones(row, x.dtype) if W is None else W
    b = np.zeros(row, x.dtype) if b is None else b
    shapes = as_array(W).shape, as_array(b).shape
    if x.shape[-len(row) :] != row or shapes != (row, row):
        wrong = f"x, W and b have to end in the shape of a row, {row}"
        facts = f"x {x.shape}, W {shapes[0]}, b {shapes[1]}"
        remedy = f"give nn.LayerNorm normalized_shape={x.shape[-len(row) :]}"
        if x.ndim <= len(row) and x.shape != row:  # without an axis of rows
            remedy = f"give x the axes (…, {', '.join(map(str, row))})"
        raise ShapeError("layer_norm", wrong, facts, remedy)
    if 0 in row:
        wrong, remedy = "a row has no elements, and no mean", "give rows of 1 element or more"
        raise ShapeError("layer_norm", wrong, f"x {x.shape}", remedy)
    return LayerNorm.apply(x, W, b, eps=eps)
