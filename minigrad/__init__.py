"""minigrad: a mini autodiff training framework to read in an afternoon."""

import importlib
from typing import TYPE_CHECKING

from . import errors, functions, nn, optim
from .debugging import debug
from .engine import Function, no_grad
from .tensor import Tensor

if TYPE_CHECKING:
    from . import data, training
    from .checking import gradcheck

__version__ = "0.1.0"

__all__ = [
    "Function", "Tensor", "data", "debug", "errors", "functions", "gradcheck", "nn", "no_grad",
    "optim", "training",
]  # fmt: skip

# What a graph does not need is loaded when it is first used: `minigrad --help` would spend a
# quarter of its own time on it.
_LATER = {"data": "data", "gradcheck": "checking", "training": "training"}


def __getattr__(name: str):
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f".{_LATER[name]}", __name__)
    value = globals()[name] = getattr(module, name, module)
    return value
