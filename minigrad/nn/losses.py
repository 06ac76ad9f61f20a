"""The losses as modules: the options are given once, then `loss(x, target)` is a scalar Tensor."""

import numpy as np

from .. import functions as F
from ..functions.targets import check_options
from ..tensor import Tensor
from ..typing import ArrayLike
from .module import Module


class _Loss(Module):
    """What the losses share: the options that `forward` passes on."""

    options: dict

    def mass(self, t: np.ndarray) -> float:
        """Return what the mean loss of the class indices t (N,) divides by.

        That is the number of rows that count or, with class weights, the sum of their weights.
        """
        weight, ignored = self.options.get("weight"), self.options.get("ignore_index")
        kept = t if ignored is None else t[t != ignored]
        if weight is None:
            return len(kept)
        return float(np.asarray(weight, dtype=float)[kept].sum())


class CrossEntropy(_Loss):
    """−ln softmax(logits)[target]; see `functions.cross_entropy` for the options.

    The model ends in logits, without a Softmax layer, or passes from_probabilities=True here.
    """

    def __init__(
        self,
        *,
        weight: ArrayLike | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        reduction: str = "mean",
        from_probabilities: bool = False,
    ):
        check_options("CrossEntropy", reduction, label_smoothing)
        self.options = {
            "weight": weight,
            "ignore_index": ignore_index,
            "label_smoothing": label_smoothing,
            "reduction": reduction,
            "from_probabilities": from_probabilities,
        }

    def forward(self, logits: Tensor, target: ArrayLike) -> Tensor:
        """logits (N, C, …), target (N, …) indices or (N, C, …) probabilities -> ()"""
        return F.cross_entropy(logits, target, **self.options)


class NLLLoss(_Loss):
    """−log_probs[target]; see `functions.nll_loss` for the options."""

    def __init__(
        self,
        *,
        weight: ArrayLike | None = None,
        ignore_index: int | None = None,
        reduction: str = "mean",
    ):
        check_options("NLLLoss", reduction)
        self.options = {"weight": weight, "ignore_index": ignore_index, "reduction": reduction}

    def forward(self, log_probs: Tensor, target: ArrayLike) -> Tensor:
        """log_probs (N, C, …), target (N, …) indices -> ()"""
        return F.nll_loss(log_probs, target, **self.options)


class MSELoss(_Loss):
    """(x − target)²; see `functions.mse_loss`."""

    def __init__(self, *, reduction: str = "mean"):
        check_options("MSELoss", reduction)
        self.options = {"reduction": reduction}

    def forward(self, x: Tensor, target: ArrayLike) -> Tensor:
        """x (…), target (…) -> ()"""
        return F.mse_loss(x, target, **self.options)


class BCEWithLogitsLoss(_Loss):
    """Two classes, one logit; see `functions.binary_cross_entropy_with_logits` for the options."""

    def __init__(
        self,
        *,
        weight: ArrayLike | None = None,
        pos_weight: ArrayLike | None = None,
        reduction: str = "mean",
    ):
        check_options("BCEWithLogitsLoss", reduction)
        self.options = {"weight": weight, "pos_weight": pos_weight, "reduction": reduction}

    def forward(self, logits: Tensor, target: ArrayLike) -> Tensor:
        """logits (…), target (…) from 0 to 1 -> ()"""
        return F.binary_cross_entropy_with_logits(logits, target, **self.options)
