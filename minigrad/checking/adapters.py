"""Backward passes written without minigrad, as courses and SciPy write them, as Functions."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine import Function, as_array
from ..errors import ArgumentError, GraphError, ShapeError
from ..tensor import Tensor
from .subject import dtype_of

FORMS = "it can be out or (out, cache), or without a backward (one number, gradients)"


def from_numpy(forward: Callable, backward: Callable | None = None) -> type[Function]:
    """Return a Function that runs a forward pass on plain arrays, and its backward pass.

    Three forms are understood:

        forward(*inputs) -> (out, cache)         backward(dout, cache) -> gradients
        forward(*inputs) -> out                  backward(dout, *inputs) -> gradients
        forward(*inputs) -> (loss, gradients)    no backward; the loss is one number

    Floating inputs take part in differentiation. Anything else, such as integer labels, a dict of
    settings or None, reaches forward as it is. `dout` has the shape of out.

    `gradients` is a tuple or a list with one for each input, for each floating one, or for each
    that needs one; for one input also the array itself; or a dict with the names of forward's
    parameters as keys, `W` or `dW`. Each gradient has the shape of its input: nothing
    sums it over broadcast axes, as is done for other Functions.

        mg.gradcheck(checking.from_numpy(affine_forward, affine_backward), [x, W, b])

    Raises:
        ArgumentError: in a forward pass, if forward does not return one of these forms.
        GraphError: in a backward pass, if there are too few or too many gradients, or if one that
            is needed is None or missing.
        ShapeError: in a backward pass, if a gradient does not have the shape of its input.
    """
    module = getattr(forward, "__module__", __name__)  # what it raises is the user's own error
    attributes = {"passes": (forward, backward), "__module__": module}
    return type(_name(forward, "forward").removesuffix("_forward"), (_Pair,), attributes)


def from_gradient(f: Callable, gradient: Callable, *args: Any) -> type[Function]:
    """Return a Function that runs f, and as its backward pass the gradient of f.

    `f(x, *args)` returns one number, and `gradient(x, *args)` an array of x's shape, as
    `scipy.optimize.check_grad` takes them.

        mg.gradcheck(checking.from_gradient(rosen, rosen_der), x)

    Raises:
        ArgumentError: in a forward pass, if f does not return one number.
        GraphError: in a backward pass, if the gradient is None.
        ShapeError: in a backward pass, if the gradient does not have x's shape.
    """

    @functools.wraps(f)
    def forward(x):
        return f(x, *args), lambda: (gradient(x, *args),)

    return from_numpy(forward)


class _Pair(Function):
    """The Function of `passes`, a forward pass and a backward pass or None."""

    passes: tuple[Callable, Callable | None]

    @classmethod
    def apply(cls, *inputs, others: dict[int, Any] | None = None) -> Tensor:
        """Run the two passes on Tensors, arrays and anything else.

        Args:
            inputs: the arguments of forward.
            others: those that take no part in differentiation, by position, if `inputs` holds the
                floating ones alone.
        """
        if others is None:
            plain = {i: x for i, x in enumerate(inputs) if dtype_of(x).kind != "f"}
            inputs = [x for i, x in enumerate(inputs) if i not in plain]
            others = {i: as_array(x) if isinstance(x, Tensor) else x for i, x in plain.items()}
        return super().apply(*inputs, others=others)

    def forward(self, *arrays, others):
        forward, backward = self.passes
        arguments = list(arrays)
        for i in sorted(others):
            arguments.insert(i, others[i])
        self.others, y = tuple(others), forward(*arguments)
        pair = isinstance(y, tuple) and len(y) == 2
        number = pair and dtype_of(y[0]).kind in "fiub" and np.size(y[0]) == 1
        if not (number if backward is None else pair or not isinstance(y, tuple)):
            what = f"({', '.join(map(_what, y))})" if isinstance(y, tuple) else _what(y)
            remedy = "return one of these; several outputs are checked one at a time"
            raise ArgumentError(_name(forward, "forward"), f"returned {what}", FORMS, remedy)
        if pair:
            y, self.cache = y
        else:
            self.arguments = arguments
        return np.reshape(y, ()) if backward is None else y

    def backward(self, gy):
        _, backward = self.passes
        if backward is None:
            found = self.cache() if callable(self.cache) else self.cache
        elif "cache" in vars(self):
            found = backward(gy, self.cache)
        else:
            found = backward(gy, *self.arguments)
        gradients = [self._checked(i, g) for i, g in enumerate(self._in_order(found))]
        if backward is None:  # a Python number keeps the dtype of g
            gradients = [None if g is None else g * float(gy) for g in gradients]
        return tuple(gradients)

    def _in_order(self, found) -> list:
        """Return what was found for each floating input."""
        if isinstance(found, dict):
            return [found.get(f"d{name}", found.get(name)) for name in self._names()]
        parts = list(found) if isinstance(found, (tuple, list)) else [found]
        count, needed = len(self.inputs), sum(self.needs)
        if len(parts) == count + len(self.others):
            return [g for i, g in enumerate(parts) if i not in self.others]
        if len(parts) == count:
            return parts
        if len(parts) == needed:
            return [parts.pop(0) if needs else None for needs in self.needs]
        what = "1 gradient" if len(parts) == 1 else f"{len(parts)} gradients"
        what += f" for {count} input{'s' * (count != 1)}"
        remedy = "return one for each, in forward's order, or pass what needs none as mg.Tensor(x)"
        raise self._wrong(GraphError, what, remedy)

    def _checked(self, i: int, g) -> np.ndarray | None:
        """Return the gradient of floating input i as an array, None if it is not needed."""
        if not self.needs[i]:
            return None
        name, shape = self._names()[i], self.inputs[i].shape
        remedy = f"return an array of shape {shape}"
        if g is None:
            remedy += f", in a dict as {name} or d{name}"
            raise self._wrong(GraphError, f"no gradient for {name}, which needs one", remedy)
        if dtype_of(g).kind not in "fiub" or np.shape(g) != shape:
            raise self._wrong(ShapeError, f"{_what(g)} for {name}", remedy)
        return as_array(g)

    def _names(self) -> list[str]:
        """Return the names of the floating inputs, as forward calls them."""
        count = len(self.inputs) + len(self.others)
        try:
            parameters = inspect.signature(self.passes[0]).parameters.values()
        except ValueError:  # a ufunc has none
            parameters = []
        names = [p.name for p in parameters if p.kind < p.VAR_POSITIONAL]
        names += [f"input {i}" for i in range(len(names), count)]
        return [name for i, name in enumerate(names[:count]) if i not in self.others]

    def _wrong(self, error: type, what: str, remedy: str) -> Exception:
        forward, backward = self.passes
        where = _name(forward, "forward") if backward is None else _name(backward, "backward")
        pairs = zip(self._names(), self.inputs, strict=True)
        shapes = ", ".join(f"{name} {x.shape}" for name, x in pairs)
        return error(where, f"returned {what}", shapes, remedy)


def _name(f: Callable, otherwise: str) -> str:
    name = getattr(f, "__name__", "")
    return name if name.isidentifier() else otherwise


def _what(x) -> str:
    """Return "an array of shape (2,)", or the type of what is not numbers."""
    if dtype_of(x).kind in "fiub":
        return f"an array of shape {np.shape(x)}"
    return "None" if x is None else f"a {type(x).__name__}"
