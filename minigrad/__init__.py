"""minigrad: a mini autodiff training framework to read in an afternoon."""

from . import errors, functions, nn, optim
from .debugging import debug
from .engine import Function, no_grad
from .tensor import Tensor

__all__ = ["Function", "Tensor", "debug", "errors", "functions", "nn", "no_grad", "optim"]
