"""Modules: layers and losses with their parameters."""

from . import init
from .builder import ACTIVATIONS, mlp
from .layers import (
    ELU,
    GELU,
    Dropout,
    Flatten,
    LeakyReLU,
    Linear,
    LogSoftmax,
    ReLU,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from .losses import BCEWithLogitsLoss, CrossEntropy, MSELoss, NLLLoss
from .module import Module, Parameter, evaluating, summary, watching

__all__ = [
    "ACTIVATIONS", "ELU", "GELU", "BCEWithLogitsLoss", "CrossEntropy", "Dropout", "Flatten",
    "LeakyReLU", "Linear", "LogSoftmax", "MSELoss", "Module", "NLLLoss", "Parameter", "ReLU",
    "Sequential", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh", "evaluating", "mlp",
    "init", "summary", "watching",
]  # fmt: skip
