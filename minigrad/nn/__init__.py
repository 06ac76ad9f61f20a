"""Modules: layers and losses with their parameters."""

from . import init
from .builder import ACTIVATIONS, cnn, mlp
from .images import AvgPool2d, Conv2d, GlobalAvgPool2d, MaxPool2d
from .layers import (
    ELU,
    GELU,
    Dropout,
    Embedding,
    Flatten,
    LeakyReLU,
    Linear,
    LogSoftmax,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Unflatten,
)
from .losses import BCEWithLogitsLoss, CrossEntropy, MSELoss, NLLLoss
from .module import Module, Parameter, evaluating, summary, watching
from .norms import BatchNorm1d, BatchNorm2d, LayerNorm

__all__ = [
    "ACTIVATIONS", "ELU", "GELU", "AvgPool2d", "BCEWithLogitsLoss", "BatchNorm1d", "BatchNorm2d",
    "Conv2d", "CrossEntropy", "Dropout", "Embedding", "Flatten", "GlobalAvgPool2d", "LayerNorm",
    "LeakyReLU", "Linear", "LogSoftmax", "MSELoss", "MaxPool2d", "Module", "NLLLoss", "Parameter",
    "ReLU", "Residual", "Sequential", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh",
    "Unflatten", "cnn", "evaluating", "init", "mlp", "summary", "watching",
]  # fmt: skip
