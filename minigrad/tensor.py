"""Tensor: an array that remembers how it was made.

Every operator and method calls a function of `minigrad.functions`; none of them does maths.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from . import engine, numpy_protocol
from . import functions as F
from .errors import DTypeError, GraphError, ShapeError, UnsupportedError, warn_once
from .typing import ArrayLike, Axis, DTypeLike


class Tensor:
    """An array, its gradient, and the node of the graph that made it.

    Args:
        data: lists and Python numbers become float32; arrays and NumPy scalars keep their dtype,
            and an array is shared, not copied.
        requires_grad: collect the gradient of this tensor in `grad`; floating dtypes only.
        dtype: convert the data to this dtype.

    Attributes:
        data: the values, a plain array.
        grad: for a leaf that requires a gradient, an array of the same shape and dtype once a
            backward pass has reached it; gradients add up until it is set to None. The gradient
            of an intermediate result is not kept: its `grad` is None, and reading it warns.
        node: the Function that made this tensor; None for a leaf.

    Raises:
        DTypeError: if the data is not boolean, integer or floating, or integers are to have a
            gradient.
    """

    __slots__ = ("__weakref__", "_grad", "_requires_grad", "data", "node")
    data: np.ndarray
    node: engine.Function | None

    def __init__(
        self, data: ArrayLike, requires_grad: bool = False, dtype: DTypeLike | None = None
    ):
        if type(data) is not np.ndarray or dtype is not None:
            data = _as_array(data, dtype)
        if data.dtype.kind not in "fiub":
            wrong, facts = f"dtype {data.dtype} is not supported", f"shape {data.shape}"
            raise DTypeError("Tensor", wrong, facts, "give boolean, integer or floating data")
        self.data = data
        self._grad: np.ndarray | None = None
        self.node = None
        self._requires_grad = False
        if requires_grad:
            self.requires_grad = True

    @property
    def requires_grad(self) -> bool:
        """Whether a backward pass computes a gradient for this tensor."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self.node is not None:
            facts = f"this tensor was made by {type(self.node).__name__}"
            remedy = "use .detach() for a leaf with the same data"
            raise GraphError("requires_grad", "only a leaf can change it", facts, remedy)
        if value and self.data.dtype.kind != "f":
            facts = f"dtype {self.dtype}, shape {self.shape}"
            remedy = "write 1.0 for 1, or pass dtype=np.float32"
            raise DTypeError("requires_grad", "integers have no gradient", facts, remedy)
        self._requires_grad = bool(value)

    @property
    def grad(self) -> np.ndarray | None:
        """The gradient of a leaf: see the class."""
        if self._grad is None and self.node is not None:
            made = f"{type(self.node).__name__} made this tensor"
            wrong = f"{made}, so it is not a leaf and keeps no gradient"
            remedy = "to update a leaf w, write w.data -= lr * w.grad, not w = w - lr * w.grad"
            warn_once("Tensor.grad", wrong, f"shape {self.shape}", remedy)
        return self._grad

    @grad.setter
    def grad(self, value: np.ndarray | None) -> None:
        self._grad = value

    # ---- the array inside ------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.data.size

    @property
    def dtype(self) -> np.dtype:
        """The type of the elements; the gradient has it too."""
        return self.data.dtype

    @property
    def T(self) -> "Tensor":
        """The tensor with its axes in reverse order."""
        return F.transpose(self)

    def item(self) -> float:
        """Return the one element as a Python number; ShapeError for more than one."""
        if self.size != 1:
            raise _not_one_element("item", self)
        return self.data.item()

    def detach(self) -> "Tensor":
        """Return a leaf that shares this tensor's data and requires no gradient."""
        return Tensor(self.data)

    def backward(self, gradient: ArrayLike | None = None, retain_graph: bool = False) -> None:
        """Add the gradient of this tensor with respect to every leaf to the leaf's `grad`.

        Args:
            gradient: the gradient of the loss with respect to this tensor, of its shape; for a
                tensor of one element it may be left out, and is 1 then.
            retain_graph: keep the graph for another backward pass instead of freeing it.

        Raises:
            GraphError: if nothing that made this tensor requires a gradient.
            GraphFreedError: if an earlier backward pass freed the graph.
            ShapeError: if `gradient` is missing, or does not have the shape of this tensor.
        """
        if not self.requires_grad:
            wrong = "nothing that this tensor was made from requires a gradient"
            remedy = "create a leaf with requires_grad=True, and run outside no_grad()"
            raise GraphError("backward", wrong, f"shape {self.shape}", remedy)
        if gradient is None:
            if self.size != 1:
                wrong = "a tensor of several elements needs the gradient of the loss"
                remedy = "reduce it to a loss with .sum() or .mean(), or pass gradient="
                raise ShapeError("backward", wrong, f"shape {self.shape}", remedy)
            gradient = np.array(1, self.dtype, ndmin=self.ndim)
        else:
            gradient = np.asarray(gradient, dtype=self.dtype)
        if gradient.shape != self.shape:
            wrong = "the gradient does not have the shape of the tensor"
            facts = f"gradient {gradient.shape}, tensor {self.shape}"
            raise ShapeError("backward", wrong, facts, "pass one number for each element")
        engine.backward(self, gradient, retain_graph)

    # ---- operators -------------------------------------------------------------------------

    def __neg__(self) -> "Tensor":
        return F.neg(self)

    def __pos__(self) -> "Tensor":
        return self

    def __abs__(self) -> "Tensor":
        return F.abs(self)

    def __add__(self, other: ArrayLike) -> "Tensor":
        return F.add(self, other)

    def __radd__(self, other: ArrayLike) -> "Tensor":
        return F.add(other, self)

    def __sub__(self, other: ArrayLike) -> "Tensor":
        return F.sub(self, other)

    def __rsub__(self, other: ArrayLike) -> "Tensor":
        return F.sub(other, self)

    def __mul__(self, other: ArrayLike) -> "Tensor":
        return F.mul(self, other)

    def __rmul__(self, other: ArrayLike) -> "Tensor":
        return F.mul(other, self)

    def __truediv__(self, other: ArrayLike) -> "Tensor":
        return F.div(self, other)

    def __rtruediv__(self, other: ArrayLike) -> "Tensor":
        return F.div(other, self)

    def __pow__(self, other: ArrayLike) -> "Tensor":
        return F.pow(self, other)

    def __rpow__(self, other: ArrayLike) -> "Tensor":
        return F.pow(other, self)

    def __matmul__(self, other: ArrayLike) -> "Tensor":
        return F.matmul(self, other)

    def __rmatmul__(self, other: ArrayLike) -> "Tensor":
        return F.matmul(other, self)

    def __getitem__(self, index: Any) -> "Tensor":
        return F.getitem(self, index)

    # Comparisons have no gradient: they give plain boolean arrays.

    def __eq__(self, other: object) -> np.ndarray:  # type: ignore[override]
        return _compare(np.equal, self, other)

    def __ne__(self, other: object) -> np.ndarray:  # type: ignore[override]
        return _compare(np.not_equal, self, other)

    def __lt__(self, other: ArrayLike) -> np.ndarray:
        return _compare(np.less, self, other)

    def __le__(self, other: ArrayLike) -> np.ndarray:
        return _compare(np.less_equal, self, other)

    def __gt__(self, other: ArrayLike) -> np.ndarray:
        return _compare(np.greater, self, other)

    def __ge__(self, other: ArrayLike) -> np.ndarray:
        return _compare(np.greater_equal, self, other)

    __hash__ = object.__hash__

    # ---- methods: each one is the function of the same name ----------------------------------

    def exp(self) -> "Tensor":
        """See `functions.exp`."""
        return F.exp(self)

    def log(self) -> "Tensor":
        """See `functions.log`."""
        return F.log(self)

    def log1p(self) -> "Tensor":
        """See `functions.log1p`."""
        return F.log1p(self)

    def sqrt(self) -> "Tensor":
        """See `functions.sqrt`."""
        return F.sqrt(self)

    def abs(self) -> "Tensor":
        """See `functions.abs`."""
        return F.abs(self)

    def sin(self) -> "Tensor":
        """See `functions.sin`."""
        return F.sin(self)

    def cos(self) -> "Tensor":
        """See `functions.cos`."""
        return F.cos(self)

    def relu(self) -> "Tensor":
        """See `functions.relu`."""
        return F.relu(self)

    def silu(self) -> "Tensor":
        """See `functions.silu`."""
        return F.silu(self)

    def softplus(self) -> "Tensor":
        """See `functions.softplus`."""
        return F.softplus(self)

    def sigmoid(self) -> "Tensor":
        """See `functions.sigmoid`."""
        return F.sigmoid(self)

    def tanh(self) -> "Tensor":
        """See `functions.tanh`."""
        return F.tanh(self)

    def clip(self, min: ArrayLike | None = None, max: ArrayLike | None = None) -> "Tensor":
        """See `functions.clip`."""
        return F.clip(self, min, max)

    def sum(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """See `functions.sum`."""
        return F.sum(self, axis, keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """See `functions.mean`."""
        return F.mean(self, axis, keepdims)

    def max(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """See `functions.max`."""
        return F.max(self, axis, keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """See `functions.min`."""
        return F.min(self, axis, keepdims)

    def prod(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """See `functions.prod`."""
        return F.prod(self, axis, keepdims)

    def logsumexp(self, axis: Axis = None, keepdims: bool = False) -> "Tensor":
        """See `functions.logsumexp`."""
        return F.logsumexp(self, axis, keepdims)

    def var(self, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> "Tensor":
        """See `functions.var`."""
        return F.var(self, axis, ddof, keepdims)

    def std(self, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> "Tensor":
        """See `functions.std`."""
        return F.std(self, axis, ddof, keepdims)

    def reshape(self, *shape: int | Sequence[int]) -> "Tensor":
        """See `functions.reshape`; the shape may be given as one tuple or as several numbers."""
        return F.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: int | Sequence[int]) -> "Tensor":
        """See `functions.transpose`; the axes may be given as one tuple or as several numbers."""
        return F.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    def expand_dims(self, axis: Axis) -> "Tensor":
        """See `functions.expand_dims`."""
        return F.expand_dims(self, axis)

    def squeeze(self, axis: Axis = None) -> "Tensor":
        """See `functions.squeeze`."""
        return F.squeeze(self, axis)

    def broadcast_to(self, shape: int | Sequence[int]) -> "Tensor":
        """See `functions.broadcast_to`."""
        return F.broadcast_to(self, shape)

    def pad(self, pad_width: ArrayLike, value: float = 0) -> "Tensor":
        """See `functions.pad`."""
        return F.pad(self, pad_width, value)

    def leaky_relu(self, negative_slope: float = 0.01) -> "Tensor":
        """See `functions.leaky_relu`."""
        return F.leaky_relu(self, negative_slope)

    def elu(self, alpha: float = 1.0) -> "Tensor":
        """See `functions.elu`."""
        return F.elu(self, alpha)

    def gelu(self, approximate: str = "none") -> "Tensor":
        """See `functions.gelu`."""
        return F.gelu(self, approximate)

    def softmax(self, axis: int = -1) -> "Tensor":
        """See `functions.softmax`."""
        return F.softmax(self, axis)

    def log_softmax(self, axis: int = -1) -> "Tensor":
        """See `functions.log_softmax`."""
        return F.log_softmax(self, axis)

    # ---- Python's protocols ------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> "Iterator[Tensor]":
        return (self[i] for i in range(len(self)))

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise _not_one_element("bool", self)
        return bool(self.data.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __repr__(self) -> str:
        text = np.array2string(self.data, separator=", ", prefix="Tensor(")
        dtype = "" if self.dtype == np.float32 else f", dtype={self.dtype}"
        shape = "" if self.size else f", shape={self.shape}"
        made = f", made by {type(self.node).__name__}" if self.node is not None else ""
        leaf = ", requires_grad=True" if self._requires_grad and not made else ""
        return f"Tensor({text}{dtype}{shape}{leaf}{made})"

    def __setitem__(self, index, value):
        wrong = "an element of a tensor cannot be assigned: the graph may need the old value"
        remedy = "write y = F.where(mask, value, x) for a new tensor, or x.data[i] = v on a leaf"
        raise UnsupportedError("Tensor", wrong, f"shape {self.shape}", remedy)

    # ---- NumPy's protocols: numpy_protocol.py says which function becomes which ---------------

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if self.requires_grad:
            wrong = "a plain array would lose the gradient of this tensor"
            facts = f"shape {self.shape}, requires_grad=True"
            remedy = "use t.data for the values alone, or F.stack to join tensors"
            raise UnsupportedError("np.asarray", wrong, facts, remedy)
        return np.array(self.data, dtype=dtype) if copy else np.asarray(self.data, dtype=dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return numpy_protocol.call_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function, types, args, options):
        return numpy_protocol.call_function(function, args, options)


def _as_array(data, dtype) -> np.ndarray:
    try:
        array = np.asarray(data)
    except ValueError as error:
        wrong = "the nested lists do not make a rectangular array of numbers"
        raise ShapeError("Tensor", wrong, str(error), "give every row the same length") from error
    if array.dtype.kind not in "fiub":  # Tensor refuses it; NumPy would make nan of None
        return array
    if dtype is None:
        keeps = isinstance(data, (np.ndarray, np.generic, Tensor))
        dtype = array.dtype if keeps else np.float32
    return array.astype(dtype, copy=False)


def _compare(ufunc, x: Tensor, other):
    try:
        return ufunc(*engine.as_arrays(x, other))
    except DTypeError:  # not numbers: Python's own answer, for example False for x == None
        return NotImplemented


def _not_one_element(where: str, x: Tensor) -> ShapeError:
    facts, remedy = f"shape {x.shape}", "use .sum(), .mean() or t[i] first, or t.data for the array"
    return ShapeError(where, "only a tensor of one element has a single value", facts, remedy)


engine.Tensor = Tensor  # closes the one circle: see the top of engine.py
