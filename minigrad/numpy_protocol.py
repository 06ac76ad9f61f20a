"""NumPy's own functions on Tensors: `np.exp(x) / np.sum(np.exp(x), axis=0)` is differentiable.

NumPy hands a call with a Tensor among its arguments to `call_ufunc` or `call_function`. Each looks
the function up in a table and calls ours. A function that no table has raises, so that no gradient
is ever dropped silently.
"""

import inspect
import math

import numpy as np

from . import engine
from . import functions as F
from .errors import UnsupportedError


def _dot(a, b):
    """Return np.dot: the product over the last axis of a and the last but one of b."""
    if engine.as_array(a).ndim == 0 or engine.as_array(b).ndim == 0:
        return F.mul(a, b)
    if engine.as_array(b).ndim <= 2:
        return F.matmul(a, b)
    *rest, k, n = engine.as_array(b).shape
    axes = (len(rest), *range(len(rest)), len(rest) + 1)
    columns = F.reshape(F.transpose(b, axes), (k, math.prod(rest) * n))
    return F.reshape(F.matmul(a, columns), (*engine.as_array(a).shape[:-1], *rest, n))


UFUNCS = {
    np.add: F.add,
    np.subtract: F.sub,
    np.multiply: F.mul,
    np.divide: F.div,
    np.negative: F.neg,
    np.positive: lambda x: x,
    np.power: F.pow,
    np.float_power: F.pow,
    np.square: lambda x: F.mul(x, x),
    np.matmul: F.matmul,
    np.exp: F.exp,
    np.log: F.log,
    np.log1p: F.log1p,
    np.sqrt: F.sqrt,
    np.absolute: F.abs,
    np.sin: F.sin,
    np.cos: F.cos,
    np.tanh: F.tanh,
    np.maximum: F.maximum,
    np.minimum: F.minimum,
}

# Our function, and NumPy's arguments in NumPy's order; those that ours does not take are refused.
FUNCTIONS = {
    np.sum: (F.sum, "x axis dtype out keepdims initial where"),
    np.mean: (F.mean, "x axis dtype out keepdims where"),
    np.max: (F.max, "x axis out keepdims initial where"),
    np.min: (F.min, "x axis out keepdims initial where"),
    np.amax: (F.max, "x axis out keepdims initial where"),
    np.amin: (F.min, "x axis out keepdims initial where"),
    np.prod: (F.prod, "x axis dtype out keepdims initial where"),
    np.var: (F.var, "x axis dtype out ddof keepdims"),
    np.std: (F.std, "x axis dtype out ddof keepdims"),
    np.where: (F.where, "condition a b"),
    np.clip: (F.clip, "x min max out"),
    np.reshape: (F.reshape, "x shape order"),
    np.transpose: (F.transpose, "x axes"),
    np.squeeze: (F.squeeze, "x axis"),
    np.expand_dims: (F.expand_dims, "x axis"),
    np.broadcast_to: (F.broadcast_to, "x shape subok"),
    np.concatenate: (F.concatenate, "xs axis out"),
    np.stack: (F.stack, "xs axis out"),
    np.dot: (_dot, "a b out"),
}

# NumPy's names of arguments that have another name here, and values that change nothing.
RENAMED = {
    "a": "x",
    "array": "x",
    "arrays": "xs",
    "a_min": "min",
    "a_max": "max",
    "newshape": "shape",
}
HARMLESS = {"dtype": None, "out": None, "order": "C", "subok": False}

# Functions without a gradient return NumPy's plain result.
PLAIN = {
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.isnan,
    np.isfinite, np.isinf, np.argmax, np.argmin, np.shape, np.ndim, np.size, np.zeros_like,
    np.ones_like, np.allclose, np.array_equal,
}  # fmt: skip

NEAREST = {
    "append": "np.concatenate",
    "average": "np.mean",
    "cbrt": "x ** (1 / 3) for x > 0",
    "column_stack": "np.stack(…, axis=1)",
    "copy": "x itself: nothing writes into a tensor",
    "cosh": "(np.exp(x) + np.exp(-x)) / 2",
    "cumsum": "a matrix product with np.tri(n)",
    "diff": "x[1:] - x[:-1]",
    "einsum": "np.matmul and np.sum",
    "exp2": "2.0 ** x",
    "expm1": "np.exp(x) - 1",
    "fabs": "np.abs",
    "flip": "x[::-1]",
    "hstack": "np.concatenate(…, axis=1)",
    "hypot": "np.sqrt(x * x + y * y)",
    "inner": "np.matmul",
    "log10": "np.log(x) / np.log(10)",
    "log2": "np.log(x) / np.log(2)",
    "logaddexp": "minigrad.functions.logsumexp(np.stack([x, y]), axis=0)",
    "moveaxis": "np.transpose(x, axes)",
    "norm": "np.sqrt(np.sum(x * x))",
    "outer": "x[:, None] * y[None, :]",
    "pad": "minigrad.functions.pad",
    "ptp": "np.max(x) - np.min(x)",
    "ravel": "np.reshape(x, -1)",
    "reciprocal": "1 / x",
    "repeat": "x[indices] with repeated indices",
    "sinh": "(np.exp(x) - np.exp(-x)) / 2",
    "sort": "x[np.argsort(x.data)]",
    "split": "x[start:stop]",
    "swapaxes": "np.transpose(x, axes)",
    "take": "x[indices]",
    "tan": "np.sin(x) / np.cos(x)",
    "tensordot": "np.matmul",
    "tile": "np.concatenate",
    "trace": "np.sum(x[i, i]) with i = np.arange(n)",
    "vdot": "np.sum(x * y)",
    "vstack": "np.concatenate(…, axis=0)",
}


def call_ufunc(ufunc, method: str, inputs: tuple, options: dict):
    """Run a ufunc on inputs, at least one of which is a Tensor.

    Raises:
        UnsupportedError: if there is no function of ours for it, or it is not a plain call.
    """
    name = f"np.{ufunc.__name__}"
    if method != "__call__":
        raise _unsupported(f"{name}.{method}", f"{name}(…) itself, or np.sum and its like")
    if options:
        raise _unsupported(f"{name}(…, {', '.join(f'{o}=' for o in options)})", f"{name}(…)")
    if ufunc in PLAIN:
        # np.float64(1) < x arrives as a 0-d array, whose [()] is the number again
        numbers = [x[()] if isinstance(x, np.ndarray) else x for x in inputs]
        return ufunc(*engine.as_arrays(*numbers))
    if ufunc not in UFUNCS:
        raise _unsupported(name)
    return UFUNCS[ufunc](*inputs)


def call_function(function, args: tuple, options: dict):
    """Run another NumPy function with a Tensor among its arguments.

    Raises:
        UnsupportedError: if there is no function of ours for it, or ours lacks an option.
    """
    name = f"{function.__module__}.{function.__name__}".replace("numpy", "np", 1)
    if function in PLAIN:
        plain = {key: _without_graph(value) for key, value in options.items()}
        return function(*map(_without_graph, args), **plain)
    if function not in FUNCTIONS:
        raise _unsupported(name)
    ours, order = FUNCTIONS[function]
    signature = inspect.signature(ours)
    takes = signature.parameters
    named = {key if key in takes else RENAMED.get(key, key): v for key, v in options.items()}
    given = {**dict(zip(order.split(), args, strict=False)), **named}
    given = {k: v for k, v in given.items() if k not in HARMLESS or v is not HARMLESS[k]}
    try:
        signature.bind(**given)
    except TypeError:
        refused = ", ".join(["…", *(f"{key}=" for key in given if key not in takes)])
        raise _unsupported(f"{name}({refused})", f"{name}({', '.join(takes)})") from None
    return ours(**given)


def _without_graph(x):
    return x.data if isinstance(x, engine.Tensor) else x


def _unsupported(call: str, nearest: str | None = None) -> UnsupportedError:
    nearest = nearest or NEAREST.get(call.split(".")[-1], "the functions in minigrad.functions")
    wrong = "has no backward pass for Tensors"
    remedy = "use that, or t.data for a plain result without gradient"
    return UnsupportedError(call, wrong, f"the nearest that works: {nearest}", remedy)
