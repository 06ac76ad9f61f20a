"""minigrad: a mini autodiff training framework to read in an afternoon."""

from . import data, errors, functions, nn, optim, training
from .checking import gradcheck
from .debugging import debug
from .engine import Function, no_grad
from .tensor import Tensor

__version__ = "0.1.0"

__all__ = [
    "Function",
    "Tensor",
    "data",
    "debug",
    "errors",
    "functions",
    "gradcheck",
    "nn",
    "no_grad",
    "optim",
    "training",
]
