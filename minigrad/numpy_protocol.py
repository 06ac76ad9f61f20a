"""NumPy's own functions on Tensors: `np.exp(x) / np.sum(np.exp(x), axis=0)` is differentiable.

NumPy hands a call with a Tensor among its arguments to `call_ufunc` or `call_function`. Each looks
the function up in one table, and calls ours; what is in no table raises, so that no gradient is
ever dropped in silence.
"""

import difflib

import numpy as np

from . import functions as F
from .engine import to_array
from .errors import UnsupportedError, message


def _dot(a, b):
    """Return np.dot: the product over the last axis of a and the last but one of b."""
    if to_array(a).ndim == 0 or to_array(b).ndim == 0:
        return F.mul(a, b)
    if to_array(b).ndim <= 2:
        return F.matmul(a, b)
    *rest, k, n = to_array(b).shape
    axes = (len(rest), *range(len(rest)), len(rest) + 1)
    columns = F.reshape(F.transpose(b, axes), (k, -1))
    return F.reshape(F.matmul(a, columns), (*to_array(a).shape[:-1], *rest, n))


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

FUNCTIONS = {
    np.sum: F.sum,
    np.mean: F.mean,
    np.max: F.max,
    np.min: F.min,
    np.amax: F.max,
    np.amin: F.min,
    np.prod: F.prod,
    np.var: F.var,
    np.std: F.std,
    np.where: F.where,
    np.clip: F.clip,
    np.reshape: F.reshape,
    np.transpose: F.transpose,
    np.squeeze: F.squeeze,
    np.expand_dims: F.expand_dims,
    np.broadcast_to: F.broadcast_to,
    np.concatenate: F.concatenate,
    np.stack: F.stack,
    np.dot: _dot,
}

# What has no gradient to lose gives NumPy's plain result.
PLAIN = {
    np.equal,
    np.not_equal,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
    np.isnan,
    np.isfinite,
    np.isinf,
    np.argmax,
    np.argmin,
    np.shape,
    np.ndim,
    np.size,
    np.zeros_like,
    np.ones_like,
    np.allclose,
    np.array_equal,
}

# NumPy's names of arguments, where ours differ.
RENAMED = {"a": "x", "a_min": "min", "a_max": "max", "newshape": "shape"}

NEAREST = {
    "append": "np.concatenate",
    "average": "np.mean",
    "cumsum": "a matrix product with np.tri(n)",
    "diff": "x[1:] - x[:-1]",
    "einsum": "np.matmul and np.sum",
    "exp2": "2.0 ** x",
    "expm1": "np.exp(x) - 1",
    "hstack": "np.concatenate(…, axis=1)",
    "log10": "np.log(x) / np.log(10)",
    "log2": "np.log(x) / np.log(2)",
    "norm": "np.sqrt(np.sum(x * x))",
    "outer": "x[:, None] * y[None, :]",
    "ravel": "np.reshape(x, -1)",
    "reciprocal": "1 / x",
    "tan": "np.sin(x) / np.cos(x)",
    "vstack": "np.concatenate(…, axis=0)",
}


def call_ufunc(ufunc, method: str, inputs: tuple, options: dict):
    """Run a ufunc on inputs of which at least one is a Tensor.

    Raises:
        UnsupportedError: another method than a plain call, an option, or no function of ours.
    """
    name = ufunc.__name__
    if method != "__call__":
        raise _unsupported(f"{name}.{method}", f"np.{name}(…) itself, or np.sum and its like")
    if options:
        raise _unsupported(f"{name}(…, {', '.join(f'{o}=' for o in options)})", f"np.{name}(…)")
    if ufunc in PLAIN:
        return ufunc(*map(to_array, inputs))
    if ufunc not in UFUNCS:
        raise _unsupported(name, _nearest(name))
    return UFUNCS[ufunc](*inputs)


def call_function(function, args: tuple, options: dict):
    """Run another NumPy function with a Tensor among its arguments.

    Raises:
        UnsupportedError: an option that ours does not take, or no function of ours.
    """
    name = function.__name__
    if function in PLAIN:
        return function(*map(to_array, args), **options)
    if function not in FUNCTIONS:
        raise _unsupported(name, _nearest(name))
    given = {key: value for key, value in options.items() if key != "out" or value is not None}
    ours = {RENAMED.get(key, key): value for key, value in given.items()}
    try:
        return FUNCTIONS[function](*args, **ours)
    except TypeError as error:
        if "argument" not in str(error) or isinstance(error, UnsupportedError):
            raise
        raise _unsupported(
            f"{name}(…, {', '.join(f'{o}=' for o in given)})", f"np.{name}(…)"
        ) from None


def _nearest(name: str) -> str:
    known = sorted({f.__name__ for f in (*UFUNCS, *FUNCTIONS)})
    close = difflib.get_close_matches(name, known, n=1)
    return NEAREST.get(name) or (
        f"np.{close[0]}" if close else "the functions in minigrad.functions"
    )


def _unsupported(call: str, nearest: str) -> UnsupportedError:
    return UnsupportedError(
        message(
            f"np.{call}",
            "has no backward pass for Tensors",
            f"the nearest that works: {nearest}",
            "use that, or t.data for a plain result without gradient",
        )
    )
