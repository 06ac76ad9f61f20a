"""The errors of the engine: which operation broke its contract, and how."""

import inspect
import re

import numpy as np

from .errors import DTypeError, GraphError, GraphFreedError, ShapeError, UnsupportedError
from .text import counted, kind_of

REMEDIES = {  # by what NumPy's message contains
    "broadcast": "make the shapes fit; axes broadcast if they are equal or one of them is 1",
    "out of bounds": "choose an axis that exists; −1 is the last",
    "duplicate value": "name each axis once",
    "zero-size": "give at least one element",
    "negative values": "give 0 or more",
}
# What NumPy says of an index that is a float: x[t], np.take(x, t), range(n).
FLOAT_INDEX = re.compile(r"integer|to dtype\('u?int")


def clearer(function: type, arrays: list, error: Exception) -> ShapeError | DTypeError | None:
    """Say more than NumPy about an error in forward: in one of ours, or of a floating index."""
    ours = function.__module__.startswith(f"{__package__}.")
    if isinstance(error, ValueError):
        return shape_error(function, arrays, error) if ours else None
    if ours or not FLOAT_INDEX.search(str(error)):
        return None
    return DTypeError(
        f"{function.__name__}.forward",
        f"an index is not an integer ({error})",
        f"all inputs of an operation are {arrays[0].dtype}",
        f"pass indices as an option, {function.__name__}.apply(x, index=index)",
    )


def shape_error(function: type, arrays: list, error: ValueError) -> ShapeError:
    """Add the operation and its inputs' names and shapes to what NumPy says is wrong."""
    name = re.sub("(?<=[a-z])(?=[A-Z])", "_", function.__name__).lower()
    _, first, *rest = inspect.signature(function.forward).parameters.values()
    names = [first.name, *(p.name for p in rest)]
    if first.kind is first.VAR_POSITIONAL:
        names = [f"{first.name}[{i}]" for i in range(len(arrays))]
    shapes = ", ".join(f"{n} {a.shape}" for n, a in zip(names, arrays, strict=False))
    wrong, otherwise = str(error).strip(), f"see help(minigrad.functions.{name})"
    remedy = next((text for word, text in REMEDIES.items() if word in wrong), otherwise)
    return ShapeError(name, wrong, shapes, remedy)


def not_numbers(node, arrays: list, y) -> DTypeError:
    """Name what a forward returned instead of an array of numbers."""
    of = f" of {y.dtype}" if isinstance(y, np.ndarray) else ""
    what = f"{kind_of(y)}{of}, not {'real ' if of else ''}numbers"
    return wrong(DTypeError, node, "forward", what, arrays, "return the array of y")


def wrong_count(node, gradients: tuple) -> GraphError:
    """Name how many gradients a backward returned, and for how many inputs."""
    count = len(gradients)
    what = kind_of(*gradients) if count == 1 else counted(count, "gradient")
    what += f" for {counted(len(node.inputs), 'input')}"
    remedy = "return a tuple of one for each input, None where self.needs is False"
    return wrong(GraphError, node, "backward", what, node.inputs, remedy)


def wrong_gradient(node, i: int, g) -> ShapeError:
    """Say that the gradient g that a backward returned does not fit input i."""
    if g is None:
        what = f"None for input {i}, which needs a gradient"
    elif isinstance(g, np.ndarray):
        dtype = "" if g.dtype.kind in "fiub" else f" and dtype {g.dtype}"
        what = f"a gradient of shape {g.shape}{dtype} for input {i}"
    else:
        what = f"{kind_of(g)} for input {i}"
    remedy = f"return an array of shape {node.inputs[i].shape}"
    return wrong(ShapeError, node, "backward", what, node.inputs, remedy)


def wrong(error: type, node, method: str, what: str, inputs, remedy: str):
    """Return the error for a method of a Function that returned something wrong."""
    shapes = ", ".join(str(x.shape) for x in inputs)
    where = f"{type(node).__name__}.{method}"
    return error(where, f"returned {what}", f"inputs {shapes}", remedy)


def freed(node) -> GraphFreedError:
    """Say that an earlier sweep used the graph up."""
    wrong = "this graph was used before, and an earlier backward freed it"
    remedy = "run the forward pass again, or pass retain_graph=True to the earlier one"
    return GraphFreedError("backward", wrong, f"at the node of {type(node).__name__}", remedy)


def lost_gradient(where: str, name: str, x) -> UnsupportedError:
    """Say that the argument `name` takes no part in differentiation."""
    wrong = f"{name} gets no gradient here, but it requires one"
    return UnsupportedError(where, wrong, f"{name} {x.shape}", f"pass {name}.detach()")


def not_called(function: type) -> UnsupportedError:
    """Say that an operation runs through `apply`."""
    forward = inspect.signature(function.forward)
    arguments = str(forward.replace(parameters=list(forward.parameters.values())[1:]))
    arguments = arguments.replace("*, ", "")  # before options that are keywords alone
    facts, remedy = f"forward takes {arguments}", f"write {function.__name__}.apply{arguments}"
    return UnsupportedError(function.__name__, "an operation is applied, not called", facts, remedy)
