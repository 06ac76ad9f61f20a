"""The layers of images x (N, C, H, W): convolution and pooling."""

import math

import numpy as np

from .. import functions as F
from ..functions.convolution import Pair, check_groups, pair, pool_options
from ..tensor import Tensor
from ..typing import DTypeLike, Rng
from .layers import changed, count, uniform
from .module import Module, Spec


class Conv2d(Module):
    """Convolution with the filters `weight` (O, C / groups, kh, kw), and `bias` (O,) or None.

    Both start uniform in ±1/√I, as in PyTorch, with I = C kh kw / groups inputs for each output.
    See `functions.conv2d`.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: (kh, kw), or one number for both.
        stride: the step from a window to the next.
        padding: how many zeros to put at each border.
        dilation: the step from an element of a window to the next.
        groups: how many parts the channels are cut into.
        bias: False leaves the bias out.
        rng: a `numpy.random.Generator`, an int seed, or None for fresh entropy.
        dtype: the parameters' dtype.

    Raises:
        ArgumentError: if an argument is not one or two whole numbers, or `groups` does not divide
            the channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        rng: Rng = None,
        dtype: DTypeLike = np.float32,
    ):
        self.in_channels = count("Conv2d", "in_channels", in_channels)
        self.out_channels = count("Conv2d", "out_channels", out_channels)
        self.kernel_size = pair("Conv2d", "kernel_size", kernel_size, 1)
        self.stride = pair("Conv2d", "stride", stride, 1)
        self.padding = pair("Conv2d", "padding", padding, 0)
        self.dilation = pair("Conv2d", "dilation", dilation, 1)
        check_groups("Conv2d", groups, in_channels, out_channels)
        self.groups, rng = int(groups), np.random.default_rng(rng)
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        inputs = math.prod(shape[1:])
        self.weight = uniform(shape, inputs, rng, dtype)
        self.bias = uniform((out_channels,), inputs, rng, dtype) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) -> y (N, O, Ho, Wo)"""
        places = self.stride, self.padding, self.dilation
        return F.conv2d(x, self.weight, self.bias, *places, self.groups)

    def arguments(self) -> dict:
        """Return the sizes, and whether there is a bias."""
        found = {"in_channels": self.in_channels, "out_channels": self.out_channels}
        for name in ("kernel_size", "stride", "padding", "dilation"):
            found[name] = list(getattr(self, name))
        return {**found, "groups": self.groups, "bias": self.bias is not None}

    @classmethod
    def specs(cls, arguments: dict, dtype: str) -> dict[str, Spec]:
        """Return the shapes and dtypes of weight and bias."""
        inputs, outputs, groups = [arguments[n] for n in ("in_channels", "out_channels", "groups")]
        check_groups("Conv2d", groups, inputs, outputs)
        found = {"weight": ((outputs, inputs // groups, *arguments["kernel_size"]), dtype)}
        return {**found, "bias": ((outputs,), dtype)} if arguments["bias"] else found

    def extra_repr(self) -> str:
        """Return the sizes in short, and the options that are not the usual ones."""
        sizes = f"{self.in_channels} -> {self.out_channels}", "{} × {}".format(*self.kernel_size)
        return changed(self, *sizes)


class _Pool(Module):
    """What the poolings share: kernel_size, stride and padding; see `functions.max_pool2d`."""

    def __init__(self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0):
        options = pool_options(type(self).__name__, kernel_size, stride, padding)
        self.kernel_size, self.padding = options["kernel"], options["padding"]
        self.stride = None if stride is None else options["stride"]

    def arguments(self) -> dict:
        """Return kernel_size, stride and padding."""
        stride = None if self.stride is None else list(self.stride)
        kernel_size, padding = list(self.kernel_size), list(self.padding)
        return {"kernel_size": kernel_size, "stride": stride, "padding": padding}

    def extra_repr(self) -> str:
        """Return kernel_size, and the options that are not the usual ones."""
        return changed(self, "{} × {}".format(*self.kernel_size))


class MaxPool2d(_Pool):
    """The largest number of each window; `stride` is `kernel_size` if it is left out."""

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) -> y (N, C, Ho, Wo)"""
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding)


class AvgPool2d(_Pool):
    """The mean of each window; `stride` is `kernel_size` if it is left out."""

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) -> y (N, C, Ho, Wo)"""
        return F.avg_pool2d(x, self.kernel_size, self.stride, self.padding)


class GlobalAvgPool2d(Module):
    """The mean of each channel of each image."""

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) -> y (N, C)"""
        return F.global_avg_pool2d(x)
