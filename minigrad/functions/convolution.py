"""Convolution and pooling: functions of the windows of an image.

Images are (N, C, H, W). Inside, the arrays are in the order (C, H, W, N), and y leaves as a view of
such an array. Windows are then copied in runs of N numbers or more, which for the first layer of
LeNet is six times as fast as in runs of a kernel's width.

Images of integers become floats, of the dtype of the weights or else float64.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral

import numpy as np

from ..engine import Function, as_float, as_tensors
from ..errors import ArgumentError, ShapeError
from ..text import counted
from ..typing import ArrayLike, Tensor
from .reductions import mean

Pair = int | Sequence[int]  # one number stands for two: (rows, columns)
INSIDE, OUTSIDE = (1, 2, 3, 0), (3, 0, 1, 2)  # the axes that put N last, and back to the front

# The C library returns freed arrays above a limit to the system, and waits for new pages when it
# makes the next one: more than half of a step of LeNet. glibc raises its limit to the largest array
# that was freed, up to 32 MB.
np.empty(31 << 20, np.uint8)


def places(size, kernel, stride, dilation) -> tuple[int, ...]:
    """Return at how many places along each axis a kernel fits into padded images of this size."""
    pairs = zip(size, kernel, stride, dilation, strict=True)
    return tuple([(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in pairs])


class Windows:
    """The places of a kernel on padded images x (C, H, W, N).

    Attributes:
        shape, dtype: of the images.
        kernel, stride, padding, dilation: (rows, columns) each.
        places: how many places there are, (Ho, Wo).
        padded_shape: of the images with their borders.
        inner: where the images are in them.
    """

    def __init__(self, x, kernel, stride, padding, dilation=(1, 1)):
        self.shape, self.dtype = x.shape, x.dtype
        self.kernel, self.stride, self.dilation = kernel, stride, dilation
        (C, H, W, N), (p, q) = x.shape, padding
        self.padded_shape = _, *sizes, _ = C, H + 2 * p, W + 2 * q, N
        self.inner = slice(None), slice(p, p + H), slice(q, q + W)
        self.places = places(sizes, kernel, stride, dilation)

    def first_inside(self) -> np.ndarray:
        """Return the number of a window's first element that is not of the border: (Ho, Wo).

        The elements of a window are numbered from 0, row by row, as in `slices`.
        """
        (_, rows, columns), (s, t), (Ho, Wo) = self.inner, self.stride, self.places
        i = np.maximum(rows.start - s * np.arange(Ho), 0)
        j = np.maximum(columns.start - t * np.arange(Wo), 0)
        return i[:, None] * self.kernel[1] + j

    def padded(self, x: np.ndarray, value: float = 0.0) -> np.ndarray:
        """Return the images with a border of this value."""
        if self.padded_shape == self.shape:
            return np.ascontiguousarray(x)
        whole = np.full(self.padded_shape, value, x.dtype)
        whole[self.inner] = x
        return whole

    def slices(self) -> Iterator[tuple[slice, ...]]:
        """Yield what of the padded images meets each element of the kernel: (C, Ho, Wo, N)."""
        (d, e), (s, t), (Ho, Wo) = self.dilation, self.stride, self.places
        for i in range(self.kernel[0]):
            rows = slice(i * d, i * d + s * (Ho - 1) + 1, s)
            for j in range(self.kernel[1]):
                yield slice(None), rows, slice(j * e, j * e + t * (Wo - 1) + 1, t)

    def columns(self, x: np.ndarray) -> np.ndarray:
        """Return the windows of padded images as the columns of a matrix (C kh kw, Ho Wo N).

        The view has axes for the elements of a kernel and for its places, both with the strides of
        the image. Where numbers are in several windows, making a matrix of it copies them.
        """
        (d, e), (s, t), (c, h, w, n) = self.dilation, self.stride, x.strides
        shape = (len(x), *self.kernel, *self.places, x.shape[3])
        strides = (c, d * h, e * w, s * h, t * w, n)
        view = np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False)
        return view.reshape(math.prod(shape[:3]), math.prod(shape[3:]))

    def collected(self, parts: Iterable[np.ndarray]) -> np.ndarray:
        """Return the gradient of the images from those of the slices, which overlap and add up."""
        whole = np.zeros(self.padded_shape, self.dtype)
        for place, part in zip(self.slices(), parts, strict=True):
            whole[place] += part
        return whole[self.inner]


class Conv2d(Function):
    """y = W * x + b,   y[n,o,h,w] = Σ W[o,c,i,j] x[n,c,h+i,w+j] + b[o]   over c, i, j

    x (N, C, H, W)   W (O, C, kh, kw)   b (O,)   ->   y (N, O, Ho, Wo)

    Write k for (c, i, j), a number of a window, and m for (h, w, n), a window. With the windows as
    the columns of a matrix P, P_km = x[n,c,h+i,w+j], the sum is one matrix product:

        Y = W P + b      W (O, K)   P (K, M)   Y (O, M)      Y_om = Σ_k W_ok P_km + b_o

    gW = gY Pᵀ           W_ok reaches Y_om for every window m, by P_km
    gP = Wᵀ gY           P_km reaches Y_om for every filter o, by W_ok
    gx = Σ gP            over the windows that an element of x is in: P holds copies of it
    gb = Σₘ gYₘ          b_o reaches Y_om for every window m, by 1

    The forward sum runs over k, the second index of W and the first of P. The sum of gW runs over
    m, and that of gP over o: over the other index of P and W. So these two are transposed.

    Stride and padding choose the windows, dilation the elements of x in a window. With g groups,
    the channels and the filters are cut into g parts, with a product for each.
    """

    fresh = True

    def forward(self, x, W, b=None, *, stride, padding, dilation, groups):
        x = x.transpose(INSIDE)
        self.windows = at = Windows(x, W.shape[2:], stride, padding, dilation)
        P = at.columns(at.padded(x))
        self.P, self.W, self.groups = self.cut(P, groups), W, groups
        Y = self.cut(W.reshape(len(W), -1), groups) @ self.P
        if b is not None:
            Y += b.reshape(groups, -1, 1)
        return Y.reshape(len(W), *at.places, x.shape[3]).transpose(OUTSIDE)

    def backward(self, gy):
        W, at = self.W, self.windows
        gY = self.cut(gy.transpose(INSIDE).reshape(len(W), self.P.shape[2]), self.groups)
        gx = gW = None
        if self.needs[0]:
            gP = self.cut(W.reshape(len(W), -1), self.groups).swapaxes(1, 2) @ gY
            gP = gP.reshape(at.shape[0], math.prod(at.kernel), *at.places, at.shape[3])
            gx = at.collected(gP.swapaxes(0, 1)).transpose(OUTSIDE)
        if self.needs[1]:
            gW = (gY @ self.P.swapaxes(1, 2)).reshape(W.shape)
        if len(self.needs) == 2:
            return gx, gW
        return gx, gW, gY.sum(axis=2).reshape(-1) if self.needs[2] else None

    def cut(self, matrix, groups):
        """Return the rows of a matrix in as many groups, as a stack of matrices."""
        return matrix.reshape(groups, len(matrix) // groups, matrix.shape[1])


class MaxPool2d(Function):
    """y = the largest number of each window

    gx = gy at the place of that number, 0 elsewhere; the sum where windows overlap

    Of equal numbers the first one gets it, row by row, as in PyTorch. The border, −∞, never does.
    """

    def forward(self, x, kernel, stride, padding):
        x = x.transpose(INSIDE)
        self.windows = at = Windows(x, kernel, stride, padding)
        x = at.padded(x, -np.inf)
        first, *others = [x[place] for place in at.slices()]
        number_type = np.uint16 if len(others) < 1 << 16 else np.uint32
        y, self.winner = first, np.zeros(first.shape, number_type)
        if at.padded_shape != at.shape:  # the border does not win, even if all is −∞
            self.winner += at.first_inside()[..., None].astype(number_type)
        for number, part in enumerate(others, 1):
            wins = (part > y) | (part != part)  # not >=: the first of equals stays; a NaN wins
            # A later winner has a larger number, and np.where would branch.
            self.winner = np.maximum(self.winner, wins * number_type(number))
            y = np.maximum(y, part)
        return y.transpose(OUTSIDE)

    def backward(self, gy):
        at, gy = self.windows, gy.transpose(INSIDE)
        parts = (gy * (self.winner == number) for number, _ in enumerate(at.slices()))
        return at.collected(parts).transpose(OUTSIDE)


class AvgPool2d(Function):
    """y = 1/n Σ x over the n numbers of each window, the zeros of the border among them

    gx = gy / n      the sum where windows overlap
    """

    fresh = True

    def forward(self, x, kernel, stride, padding):
        x = x.transpose(INSIDE)
        self.windows = at = Windows(x, kernel, stride, padding)
        x, self.n = at.padded(x), kernel[0] * kernel[1]
        y = sum(x[place] for place in at.slices()) / x.dtype.type(self.n)
        return y.transpose(OUTSIDE)

    def backward(self, gy):
        parts = [gy.transpose(INSIDE) / self.n] * self.n
        return self.windows.collected(parts).transpose(OUTSIDE)


def conv2d(
    x: ArrayLike,
    W: ArrayLike,
    b: ArrayLike | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tensor:
    """Return the images x convolved with the filters W, which are not flipped, as in PyTorch.

    Args:
        x: (N, C, H, W).
        W: (O, C / groups, kh, kw), a filter for each channel of the output.
        b: (O,), or None.
        stride: the step from a window to the next; one number, or (rows, columns).
        padding: how many zeros to put at each border.
        dilation: the step from an element of a window to the next.
        groups: how many parts the channels are cut into; each has O / groups filters.

    Returns:
        (N, O, Ho, Wo) with Ho = ⌊(H + 2 padding − dilation (kh − 1) − 1) / stride⌋ + 1.

    Raises:
        ShapeError: if the shapes do not match, or the kernel is larger than the padded image.
        ArgumentError: if an option is not one or two whole numbers, or `groups` does not divide the
            channels.
    """
    inputs = as_tensors(x, W) if b is None else as_tensors(x, W, b)
    x_shape, W_shape = inputs[0].shape, inputs[1].shape
    facts = ", ".join(f"{name} {a.shape}" for name, a in zip("xWb", inputs, strict=False))
    inputs = as_float(*inputs), *inputs[1:]
    options = {
        "stride": pair("conv2d", "stride", stride, 1),
        "padding": pair("conv2d", "padding", padding, 0),
        "dilation": pair("conv2d", "dilation", dilation, 1),
    }
    if len(W_shape) != 4 or not all(W_shape):
        raise ShapeError("conv2d", "W has no filters", facts, "give W as (O, C, kh, kw)")
    _check_images("conv2d", x_shape, W_shape[2:], facts, options["padding"], options["dilation"])
    check_groups("conv2d", groups, x_shape[1], W_shape[0])
    if x_shape[1] != W_shape[1] * groups:
        wrong = f"x has {counted(x_shape[1], 'channel')} but W takes {W_shape[1] * groups}"
        raise ShapeError("conv2d", wrong, facts, f"give nn.Conv2d in_channels={x_shape[1]}")
    if b is not None and inputs[2].shape != W_shape[:1]:
        wrong = f"b needs {counted(W_shape[0], 'number')}, one for each filter"
        raise ShapeError("conv2d", wrong, facts, f"give b as ({W_shape[0]},)")
    return Conv2d.apply(*inputs, groups=groups, **options)


def max_pool2d(
    x: ArrayLike, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0
) -> Tensor:
    """Return the largest number of each window of the images x.

    As in PyTorch, the first of equal numbers gets the gradient.

    Args:
        x: (N, C, H, W).
        kernel_size: of a window; one number, or (rows, columns).
        stride: the step from a window to the next; None puts them side by side.
        padding: how many −∞ to put at each border, at most half of a window.

    Returns:
        (N, C, Ho, Wo) with Ho = ⌊(H + 2 padding − kernel_size) / stride⌋ + 1.

    Raises:
        ShapeError: if x is not images, or a window is larger than the padded image.
        ArgumentError: if an option is not one or two whole numbers, or there is too much padding.
    """
    return _pool(MaxPool2d, "max_pool2d", x, kernel_size, stride, padding)


def avg_pool2d(
    x: ArrayLike, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0
) -> Tensor:
    """Return the mean of each window of the images x; padding puts zeros, which count.

    Arguments, shapes and errors are those of `max_pool2d`.
    """
    return _pool(AvgPool2d, "avg_pool2d", x, kernel_size, stride, padding)


def global_avg_pool2d(x: ArrayLike) -> Tensor:
    """Return the mean of each channel of x: (N, C, H, W) -> (N, C) (Lin et al., 2013).

    Raises:
        ShapeError: if x is not images.
    """
    x = as_float(x)
    _check_images("global_avg_pool2d", x.shape, (1, 1), f"x {x.shape}")
    return mean(x, axis=(2, 3))


def _pool(function, where: str, x: ArrayLike, kernel_size, stride, padding) -> Tensor:
    x = as_float(x)
    options = pool_options(where, kernel_size, stride, padding)
    _check_images(where, x.shape, options["kernel"], f"x {x.shape}", options["padding"])
    return function.apply(x, **options)


def pool_options(where: str, kernel_size: Pair, stride: Pair | None, padding: Pair) -> dict:
    """Return the options of a pooling as pairs; raise ArgumentError if they are not usable."""
    kernel, padding = pair(where, "kernel_size", kernel_size, 1), pair(where, "padding", padding, 0)
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        wrong, facts = "padding is more than half of a window", f"{padding}, of {kernel}"
        raise ArgumentError(where, wrong, facts, "give less padding, or a larger kernel_size")
    stride = kernel if stride is None else pair(where, "stride", stride, 1)
    return {"kernel": kernel, "stride": stride, "padding": padding}


def pair(where: str, name: str, value: Pair, low: int) -> tuple[int, int]:
    """Return an option as (rows, columns).

    Raises:
        ArgumentError: if it is not a whole number from `low`, or two of them.
    """
    values = [value, value] if isinstance(value, Integral) else value
    if isinstance(values, (list, tuple)) and len(values) == 2:
        numbers = [int(v) for v in values if isinstance(v, Integral) and v >= low]
        if len(numbers) == 2:
            return numbers[0], numbers[1]
    wrong = f"{name} is not a whole number from {low}, or a pair of them"
    remedy = "give one number, or (rows, columns)"
    raise ArgumentError(where, wrong, f"{name} {value!r:.40}", remedy)


def check_groups(where: str, groups: int, inputs: int, outputs: int) -> None:
    """Raise ArgumentError unless `groups` is a whole number that divides both of the others."""
    if not isinstance(groups, Integral) or groups < 1 or inputs % groups or outputs % groups:
        wrong = f"groups={groups!r:.40} does not divide the channels"
        facts, remedy = f"{inputs} in, {outputs} out", "give a divisor of both, such as 1"
        raise ArgumentError(where, wrong, facts, remedy)


def _check_images(where, shape, kernel, facts, padding=(0, 0), dilation=(1, 1)) -> None:
    """Raise ShapeError unless the shape is (N, C, H, W), with room for the kernel."""
    if len(shape) != 4:
        wrong, remedy = "x does not have the axes (N, C, H, W)", "reshape it to images"
        if len(shape) == 3:
            remedy = "give grey images as x[:, None], and a single image as x[None]"
        raise ShapeError(where, wrong, facts, remedy)
    size = [n + 2 * p for n, p in zip(shape[2:], padding, strict=True)]
    needed = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if any(n > m for n, m in zip(needed, size, strict=True)):
        wrong = "the kernel, {} × {}, is larger than the padded image, {} × {}"
        remedy = "give a smaller kernel_size, more padding, or fewer layers that shrink the image"
        raise ShapeError(where, wrong.format(*needed, *size), facts, remedy)
