"""The engine: what an operation is, and the sweep that runs a graph of them backwards.

A backward pass computes ∂L/∂v for the arrays v from which a number L, usually a loss, was computed.
This is the gradient of v, written gv; it has v's shape. The rule is gxⱼ = Σᵢ gyᵢ ∂yᵢ/∂xⱼ for an
operation from x to y, because xⱼ reaches L by every yᵢ (see docs/backprop.md).

A `Function` is one operation. Applying it makes one node of the graph, which holds everything that
its backward pass needs. An array that no operation made, such as a parameter, is a leaf: gradients
are kept at leaves alone. `backward` visits the nodes in reverse order of creation. A node is always
younger than the nodes that made its inputs, so each one has received the gradients of all its uses
when its own turn comes:

    a = Tensor(1.0, requires_grad=True)
    b = a + a            node 0
    c = b + b            node 1
    c.backward()         node 1 sends 1 + 1 to b, then node 0 sends 2 + 2 to a:  a.grad = 4

Plain recursion, which follows each use at once, goes wrong here: node 0 would run when b had
received 1, and again when it had received 1 + 1, and a.grad would end at 2 + 4 = 6.
"""

import contextlib
import itertools
import operator
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import debugging, engine_errors
from .errors import MinigradError
from .typing import ArrayLike

if TYPE_CHECKING:
    from .tensor import Tensor
else:
    # The one circle: a Tensor's operators call functions, and a function makes Tensors.
    # tensor.py imports the functions, and puts its class here when it is loaded.
    Tensor = None


class Function:
    """A differentiable operation; an instance is one node of the graph.

    A subclass writes two methods on plain arrays. They write only to arrays that they made: never
    to an input, a saved array or `gy`.

        forward(self, *arrays, **options) -> array
            Computes y, and saves on `self` what backward will read. The engine gives y the
            floating dtype of the inputs.
        backward(self, gy) -> a gradient for each input (a tuple, or the array itself for one)
            `gy` is ∂L/∂y, in y's shape and dtype. A gradient has its input's shape or, if the input
            was broadcast, the shape that it was broadcast to: the engine does the sum. An input
            whose `self.needs` is False gets None.

    Attributes:
        inputs: the Tensors that the operation was applied to; None after the graph was freed.
        needs: for each input, whether it needs a gradient.
        fresh: a promise that the gradients are new arrays that nothing else holds: a leaf then
            takes them without a copy.
    """

    inputs = None
    fresh = False

    def __init__(self, *inputs: Any, **options: Any):
        if inputs or options:
            raise engine_errors.not_called(type(self))

    def forward(self, *arrays, **options):
        """Compute the output array from the input arrays."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    def backward(self, gy):
        """Compute the gradient of each input from the gradient of the output."""
        raise NotImplementedError(f"{type(self).__name__} defines no backward")

    @classmethod
    def apply(cls, *inputs: Any, **options: Any) -> "Tensor":
        """Run the operation on Tensors, arrays and numbers, and record it in the graph.

        `options` reach `forward` as keywords and take no part in differentiation.

        Raises:
            ShapeError: if the shapes of the inputs do not match.
        """
        inputs, arrays = _operands(inputs)
        node = cls()
        node.needs = tuple([x._requires_grad for x in inputs])
        run = _watched if debugging.active.watch else _here.run
        y = Tensor(run(node, arrays, options))
        if _here.recording and True in node.needs:
            node.inputs, node._order = inputs, next(_clock)
            y.node, y._requires_grad = node, True
        return y


# ---- what happens around a forward pass --------------------------------------------------------


def _forward(node: Function, arrays: list[np.ndarray], options: dict) -> np.ndarray:
    """Return the node's y as an array, in the dtype of its inputs if that is floating.

    NumPy makes a scalar of a 0-d array, and NumPy 1 gives it float64 beside a Python number.
    """
    try:
        y = node.forward(*arrays, **options)
    except (ValueError, IndexError, TypeError) as error:
        clearer = engine_errors.clearer(type(node), arrays, error)
        if clearer is None or isinstance(error, MinigradError):
            raise
        raise clearer from error
    dtype = arrays[0].dtype
    if type(y) is np.ndarray and y.dtype is dtype:
        return y
    array = np.asarray(y)
    if array.dtype.kind not in "fiub" or isinstance(y, tuple):
        raise engine_errors.not_numbers(node, arrays, y)
    return array.astype(dtype, copy=False) if dtype.kind == "f" else array


def _watched(node: Function, arrays: list[np.ndarray], options: dict) -> np.ndarray:
    """Return the node's y, and show the watch what goes in and what comes out."""
    watch = debugging.active.watch
    y = _here.run(node, watch.before_forward(node, arrays, options), options)
    watch.after_forward(node, y)
    return y


class _Quiet(np.errstate):
    """The decorator np.errstate, for a function that may run inside itself.

    NumPy 1 keeps one state for all calls of the function. A `with` in each call would be right too,
    but takes 0.35 µs longer: together 3 % of a training step of a small network.
    """

    def _recreate_cm(self):
        return np.errstate(all="ignore")


class _Here(threading.local):
    """What holds in this thread alone.

    Attributes:
        recording: whether operations are recorded in a graph.
        run: runs a forward pass without NumPy's warnings: debug() finds what makes NaN and infinity
    """

    recording = True
    run = staticmethod(_Quiet(all="ignore")(_forward))


_here = _Here()
_clock = itertools.count()


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Record no graph inside the `with` block: evaluation needs none, and is faster without it."""
    before = _here.recording
    _here.recording = False
    try:
        yield
    finally:
        _here.recording = before


def is_recording() -> bool:
    """Return False inside `no_grad()`."""
    return _here.recording


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Turn NumPy's warnings off once for all operations inside the `with` block, not in each.

    That is 1 to 4 % of a training step of a small network.
    """
    before = _here.run
    with np.errstate(all="ignore"):
        _here.run = _forward
        try:
            yield
        finally:
            _here.run = before


# ---- from what a user passes to Tensors and arrays -----------------------------------------------


def as_tensor(x: ArrayLike) -> "Tensor":
    """Return x itself if it is a Tensor, and otherwise a new leaf without gradient."""
    return x if isinstance(x, Tensor) else Tensor(x)


def as_array(x: ArrayLike) -> np.ndarray:
    """Return the plain array of a Tensor, or of anything that NumPy can make an array of."""
    return x.data if isinstance(x, Tensor) else np.asarray(x)


def as_tensors(*inputs: Any) -> tuple:
    """Return the inputs of one operation as Tensors, each in the dtype that it gets there."""
    return _operands(inputs)[0]


def as_float(x: ArrayLike, *beside: Any) -> "Tensor":
    """Return x as a Tensor of floats, for an operation whose result is not a whole number.

    Integers and booleans get the dtype that they have beside the others, and alone float64: in
    their own dtype, 200 + 100 is 44 in eight bits, and a mean is cut off. An input may be None.
    """
    x = as_tensor(x)
    if x.data.dtype.kind == "f":
        return x
    dtype = as_arrays(x, *[other for other in beside if other is not None])[0].dtype
    return Tensor(x.data.astype(dtype if dtype.kind == "f" else np.float64))


def as_arrays(*inputs: Any) -> list[np.ndarray]:
    """Return the inputs of one operation as arrays of their common dtype."""
    return _operands(inputs)[1]


def _operands(inputs: tuple) -> tuple[tuple, list[np.ndarray]]:
    """Return the inputs of one operation as Tensors, and as arrays of one dtype.

    Float Tensors and float arrays decide the dtype, the wider one wins; numbers, lists, integers
    and booleans follow. NumPy's own rule is not used: it changed between NumPy 1 and 2.
    """
    arrays = []
    for x in inputs:
        if not isinstance(x, Tensor):
            break
        arrays.append(x.data)
        if x.data.dtype is not arrays[0].dtype:
            break
    else:
        return inputs, arrays
    dtypes = [x.dtype for x in inputs if isinstance(x, (Tensor, np.ndarray))]
    floats = [dtype for dtype in dtypes if dtype.kind == "f"]
    if dtypes and not floats:  # a whole number beside integers stays whole
        inputs = [np.asarray(x) if isinstance(x, int) else x for x in inputs]
    dtype = np.result_type(*floats) if floats else None
    tensors = tuple([x if isinstance(x, Tensor) else Tensor(x, dtype=dtype) for x in inputs])
    common = np.result_type(*[x.dtype for x in tensors]) if dtype is None else dtype
    return tensors, [x.data.astype(common, copy=False) for x in tensors]


def constant(where: str, name: str, x: ArrayLike) -> np.ndarray:
    """Return the plain array of an argument that takes no part in differentiation.

    Raises:
        UnsupportedError: if it is a Tensor that requires a gradient, which would be lost.
    """
    if isinstance(x, Tensor) and x.requires_grad:
        raise engine_errors.lost_gradient(where, name, x)
    return as_array(x)


# ---- the backward sweep ------------------------------------------------------------------------


def backward(root: "Tensor", gradient: np.ndarray, retain_graph: bool) -> None:
    """Add the gradient of `root` with respect to every leaf, times `gradient`, to the leaf's grad.

    Raises:
        GraphFreedError: if an earlier sweep freed a node that this one would visit.
    """
    if root.node is None:
        root._grad = _sum(root._grad, gradient.copy())
        return
    arrived = {root.node: gradient}  # for each node whose turn is to come, the sum up to now
    with np.errstate(all="ignore"):
        for node in _youngest_first(root.node):
            gy = arrived.pop(node)
            for x, gx in _gradients(node, gy):
                if x.node is None:
                    x._grad = _sum(x._grad, gx)
                else:
                    arrived[x.node] = _sum(arrived.get(x.node), gx)
            if not retain_graph:
                vars(node).clear()


def _sum(g: np.ndarray | None, gx: np.ndarray) -> np.ndarray:
    """Return g + gx as a new array, because an operation may need what it lent; gx if g is None."""
    return gx if g is None else np.asarray(g + gx)  # NumPy makes a scalar of a sum of 0-d arrays


def _youngest_first(root: Function) -> list[Function]:
    """Return the nodes that `root` depends on, and itself, in reverse order of creation."""
    nodes, found = [root], {root}
    for node in nodes:  # which grows meanwhile
        if node.inputs is None:
            raise engine_errors.freed(node)
        for x in node.inputs:
            if x.node is not None and x.node not in found:
                found.add(x.node)
                nodes.append(x.node)
    nodes.sort(key=operator.attrgetter("_order"), reverse=True)
    return nodes


def _gradients(node: Function, gy: np.ndarray) -> Iterator[tuple["Tensor", np.ndarray]]:
    """Run a node's backward pass; yield each input that needs a gradient, and its gradient.

    The gradient has the input's shape and dtype. One that a leaf will keep belongs to nothing else.
    """
    watch = debugging.active.watch
    gradients = watch.backward(node, gy) if watch else node.backward(gy)
    if type(gradients) is not tuple:
        gradients = (gradients,)
    if len(gradients) != len(node.inputs):
        raise engine_errors.wrong_count(node, gradients)
    for i, g in enumerate(gradients):
        if node.needs[i]:
            x = node.inputs[i]
            data = x.data
            if type(g) is not np.ndarray or g.shape != data.shape or g.dtype is not data.dtype:
                g = _fit(node, i, g)
            elif x.node is None and x._grad is None and not node.fresh:
                g = g.copy()
            yield x, g


def _fit(node: Function, i: int, g) -> np.ndarray:
    """Return the gradient g of input i as a new array of that input's shape and dtype."""
    x = node.inputs[i]
    try:
        if g is not None and np.asarray(g).dtype.kind in "fiub":
            return unbroadcast(np.array(g, dtype=x.dtype), x.shape)
    except (TypeError, ValueError):
        pass
    raise engine_errors.wrong_gradient(node, i, g)


def unbroadcast(g: np.ndarray, shape: tuple) -> np.ndarray:
    """Sum `g` over the axes along which an array of `shape` was broadcast.

    An element that was copied k times reaches the loss in k ways, and its gradient is their sum.

    Raises:
        ValueError: if `shape` does not broadcast to `g.shape`.
    """
    lead = g.ndim - len(shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, g.shape[lead:], strict=True)):
        raise ValueError(f"{shape} does not broadcast to {g.shape}")
    grown = [lead + i for i, n in enumerate(shape) if n != g.shape[lead + i]]
    return np.asarray(g.sum(axis=(*range(lead), *grown))).reshape(shape)
