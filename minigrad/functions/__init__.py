"""Every differentiable function, each beside its hand-written backward pass.

`import minigrad.functions as F`, or `mg.functions`. Functions take Tensors, arrays, lists and
numbers, and return a Tensor.
"""

from .activations import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from .arithmetic import add, div, matmul, mul, neg, pow, sub
from .convolution import avg_pool2d, conv2d, global_avg_pool2d, max_pool2d
from .dropout import dropout
from .elementwise import abs, clip, cos, exp, log, log1p, maximum, minimum, sin, sqrt, where
from .linear import linear
from .losses import binary_cross_entropy_with_logits, cross_entropy, mse_loss, nll_loss
from .normalisation import batch_norm, layer_norm
from .reductions import logsumexp, max, mean, min, prod, std, sum, var
from .shapes import (
    broadcast_to,
    concatenate,
    embedding,
    expand_dims,
    getitem,
    pad,
    reshape,
    squeeze,
    stack,
    transpose,
)

__all__ = [
    "abs", "add", "avg_pool2d", "batch_norm", "binary_cross_entropy_with_logits", "broadcast_to",
    "clip", "concatenate", "conv2d", "cos", "cross_entropy", "div", "dropout", "elu", "embedding",
    "exp", "expand_dims", "gelu", "getitem", "global_avg_pool2d", "layer_norm", "leaky_relu",
    "linear", "log", "log1p", "log_softmax", "logsumexp", "matmul", "max", "max_pool2d", "maximum",
    "mean", "min", "minimum", "mse_loss", "mul", "neg", "nll_loss", "pad", "pow", "prod", "relu",
    "reshape", "sigmoid", "silu", "sin", "softmax", "softplus", "sqrt", "squeeze", "stack", "std",
    "sub", "sum", "tanh", "transpose", "var", "where",
]  # fmt: skip
