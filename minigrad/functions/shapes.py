"""Functions that move elements and compute nothing: reshape, transpose, getitem, concatenate …

Each backward pass moves the gradient of an element back to the place that the element came from.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine import Function, as_array, as_tensors, constant
from ..errors import ArgumentError, DataError, DTypeError, ShapeError
from ..text import counted
from ..typing import ArrayLike, Axis, Tensor


class Reshape(Function):
    """y = the elements of x, in the same order, in another shape

    gx = gy in the shape of x
    """

    def forward(self, x, shape):
        self.shape = x.shape
        try:
            return x.reshape(shape)
        except ValueError as error:
            wrong = f"x has {counted(x.size, 'element')}, which do not fill the shape {shape}"
            remedy = f"choose lengths whose product is {x.size}; one may be −1"
            raise ShapeError("reshape", wrong, f"x {x.shape}", remedy) from error

    def backward(self, gy):
        return gy.reshape(self.shape)


class Transpose(Function):
    """y = x with axis axes[i] of x as axis i

    gx = gy with the axes put back: argsort(axes) is the inverse permutation
    """

    def forward(self, x, axes):
        try:
            y = x.transpose(axes)
        except ValueError as error:
            wrong = f"axes {axes} does not name each axis of x once"
            remedy = f"give {tuple(range(x.ndim))} in the order that you want"
            raise ShapeError("transpose", wrong, f"x {x.shape}", remedy) from error
        order = range(x.ndim)[::-1] if axes is None else np.atleast_1d(axes)
        self.inverse = np.argsort([axis % x.ndim for axis in order])
        return y

    def backward(self, gy):
        return gy.transpose(self.inverse)


class BroadcastTo(Function):
    """y = x repeated along new axes and along axes of length 1

    gx = Σ gy over the repeats: the engine's own sum, see `unbroadcast`
    """

    def forward(self, x, shape):
        return np.broadcast_to(x, shape)

    def backward(self, gy):
        return gy


class Getitem(Function):
    """y = x[index]

    gx = 0, and gy added at index: an element that was taken twice gets the sum of both
    """

    def forward(self, x, index):
        self.shape, self.index = x.shape, index
        return x[index]

    def backward(self, gy):
        gx = np.zeros(self.shape, dtype=gy.dtype)
        np.add.at(gx, self.index, gy)
        return gx


class Concatenate(Function):
    """y = the inputs, one behind the other along the axis

    gxᵢ = the part of gy that came from xᵢ
    """

    def forward(self, *xs, axis):
        try:
            y = np.concatenate(xs, axis=axis)
        except np.exceptions.AxisError:
            raise  # the engine names the axes that there are
        except ValueError as error:
            shapes = ", ".join(f"xs[{i}] {x.shape}" for i, x in enumerate(xs))
            wrong = f"the shapes differ on other axes than {axis}"
            remedy = "make these lengths equal"
            if len({x.ndim for x in xs}) > 1:
                wrong = "the shapes have different numbers of axes"
                remedy = "add axes with expand_dims"
            elif xs[0].ndim == 0:
                wrong, remedy = "a number has no axis to join along", "use stack for numbers"
            raise ShapeError("concatenate", wrong, shapes, remedy) from error
        self.axis, self.ends = axis, np.cumsum([x.shape[axis] for x in xs])[:-1]
        return y

    def backward(self, gy):
        return tuple(np.split(gy, self.ends, axis=self.axis))


class Pad(Function):
    """y = x with a constant border

    gx = the inner part of gy
    """

    def forward(self, x, pad_width, value):
        pairs = np.broadcast_to(pad_width, (x.ndim, 2))
        self.inner = tuple(slice(a, a + n) for (a, _), n in zip(pairs, x.shape, strict=True))
        return np.pad(x, pairs, constant_values=value)

    def backward(self, gy):
        return gy[self.inner]


def reshape(x: ArrayLike, shape: int | Sequence[int]) -> Tensor:
    """Return the elements of x in another shape of the same size; one length may be −1."""
    return Reshape.apply(x, shape=shape)


def transpose(x: ArrayLike, axes: Sequence[int] | None = None) -> Tensor:
    """Return x with its axes in the order `axes`; in reverse order for None."""
    return Transpose.apply(x, axes=axes)


def expand_dims(x: ArrayLike, axis: int | Sequence[int]) -> Tensor:
    """Return x with axes of length 1 inserted at the positions `axis` (int or tuple) of the result.

    A reshape: gx is gy in the shape of x.

    Raises:
        ShapeError: if an axis is out of bounds.
    """
    return reshape(x, _shape_of(np.expand_dims, x, axis, "count the axes of the result"))


def squeeze(x: ArrayLike, axis: Axis = None) -> Tensor:
    """Return x without the axes of length 1, or only without those in `axis`.

    A reshape: gx is gy in the shape of x.

    Raises:
        ShapeError: if an axis is longer than 1.
    """
    return reshape(x, _shape_of(np.squeeze, x, axis, "name axes of length 1 only"))


def _shape_of(function, x, axis, remedy: str) -> tuple[int, ...]:
    x = as_array(x)
    try:
        return function(x, axis).shape
    except ValueError as error:
        facts = f"x {x.shape}, axis {axis}"
        raise ShapeError(function.__name__, str(error), facts, remedy) from error


def broadcast_to(x: ArrayLike, shape: int | Sequence[int]) -> Tensor:
    """Return x repeated to `shape` by NumPy's rules of broadcasting."""
    return BroadcastTo.apply(x, shape=shape)


def getitem(x: ArrayLike, index: Any) -> Tensor:
    """Return x[index] for slices, integers, None, ..., lists, integer arrays and masks.

    Integer indices may repeat. An index may be a Tensor of integers or booleans.
    """
    parts = index if isinstance(index, tuple) else (index,)
    plain = tuple(_plain_index(part) for part in parts)
    return Getitem.apply(x, index=plain if isinstance(index, tuple) else plain[0])


def _plain_index(part):
    if isinstance(part, (int, slice, type(None), type(Ellipsis))):
        return part
    part = constant("getitem", "index", part)
    return part if part.size or part.dtype.kind in "iub" else part.astype(int)  # [] is float


def embedding(t: ArrayLike, W: ArrayLike) -> Tensor:
    """Return the rows of W (V, D) that the integers t (…) name, as (…, D).

    This is W[t]: the gradient of a row is the sum of those of all places that it went to.

    Raises:
        ShapeError: if W is not a matrix.
        DTypeError, DataError: if t does not hold integers from 0 to V − 1.
    """
    t, W = constant("embedding", "t", t), as_tensors(W)[0]
    facts = f"t {t.shape} {t.dtype}, W {W.shape}"
    if W.ndim != 2:
        raise ShapeError("embedding", "W is not a matrix", facts, "give W as (V, D)")
    if t.dtype.kind not in "iu":
        wrong, remedy = "t does not hold integers", "convert it with t.astype(int)"
        raise DTypeError("embedding", wrong, facts, remedy)
    bad = (t < 0) | (t >= len(W))
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        wrong = f"{t[at]} at {at} is outside 0 … {len(W) - 1}"
        remedy = "give nn.Embedding as many num_embeddings as there are numbers"
        raise DataError("embedding", wrong, facts, remedy)
    return Getitem.apply(W, index=t)


def concatenate(xs: Sequence[ArrayLike], axis: int = 0) -> Tensor:
    """Return the tensors of the sequence one behind the other along an existing axis."""
    xs = tuple(xs)
    if not xs:
        raise ArgumentError(
            "concatenate", "there is nothing to join", "0 tensors", "give one or more"
        )
    return Concatenate.apply(*xs, axis=axis)


def stack(xs: Sequence[ArrayLike], axis: int = 0) -> Tensor:
    """Return the tensors of the sequence, all of one shape, joined along a new axis.

    Each one gets the new axis, of length 1, and then they are concatenated.
    """
    xs = as_tensors(*xs)
    shapes = {x.shape for x in xs}
    if len(shapes) != 1:
        wrong = "needs tensors of one shape, and at least one"
        tensors = counted(len(xs), "tensor")
        facts = f"{tensors} of shapes {', '.join(map(str, sorted(shapes))) or 'none'}"
        raise ShapeError("stack", wrong, facts, "use concatenate to join along an existing axis")
    return concatenate([expand_dims(x, axis) for x in xs], axis)


def pad(x: ArrayLike, pad_width: ArrayLike, value: float = 0) -> Tensor:
    """Return x with a border of the constant `value`.

    `pad_width` is an integer for every side, (before, after) for every axis, or one such pair
    for each axis.
    """
    return Pad.apply(x, pad_width=pad_width, value=constant("pad", "value", value))
