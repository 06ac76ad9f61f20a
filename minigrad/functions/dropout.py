"""Dropout: training with a random part of the units switched off."""

import numpy as np

from ..engine import Function, as_tensor, is_recording
from ..errors import ArgumentError, warn_once
from ..typing import ArrayLike, Rng, Tensor


class Dropout(Function):
    """y = x m,   m = 0 with probability p, 1/(1 − p) otherwise

    gx = gy m      the units that were off get no gradient

    The factor 1/(1 − p) makes x the expected value of y, so that evaluation needs no factor.
    """

    def forward(self, x, p, rng):
        keep = rng.random(x.shape, dtype=np.float32) >= p  # the same draws for every dtype of x
        self.m = keep.astype(x.dtype)
        if p < 1:
            self.m /= 1 - p
        return x * self.m

    def backward(self, gy):
        return gy * self.m


def dropout(x: ArrayLike, p: float = 0.5, *, rng: Rng, training: bool = True) -> Tensor:
    """Return x with each element set to 0 with probability p, and the others divided by 1 − p.

    With training=False it returns x unchanged (Srivastava et al., 2014).

    Args:
        x: a Tensor of any shape.
        p: the probability of dropping an element, from 0 to 1.
        rng: a `numpy.random.Generator`, an int seed, or None for fresh entropy.
        training: False switches dropout off.

    Raises:
        ArgumentError: if p is not from 0 to 1.
    """
    if not 0 <= p <= 1:
        raise ArgumentError(
            "dropout", "p is not a probability", f"p {p}", "give a number from 0 to 1"
        )
    if not training:
        return as_tensor(x)
    if p > 0 and not is_recording():
        wrong = "predicting in training mode drops units at random"
        warn_once("dropout", wrong, f"p {p}, inside no_grad()", "call model.eval() first")
    return Dropout.apply(x, p=p, rng=np.random.default_rng(rng))
