"""The losses as modules: the options are given once, then `loss(x, target)` is a scalar Tensor."""

from .. import functions as F
from .module import Module


class CrossEntropy(Module):
    """−ln softmax(logits)[target]; see `functions.cross_entropy` for the options.

    The model ends in logits, without a Softmax layer, or passes from_probabilities=True here.
    """

    def __init__(
        self,
        *,
        weight=None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        reduction: str = "mean",
        from_probabilities: bool = False,
    ):
        self.options = {
            "weight": weight,
            "ignore_index": ignore_index,
            "label_smoothing": label_smoothing,
            "reduction": reduction,
            "from_probabilities": from_probabilities,
        }

    def forward(self, logits, target):
        """logits (N, C, …), target (N, …) indices or (N, C, …) probabilities -> ()"""
        return F.cross_entropy(logits, target, **self.options)


class NLLLoss(Module):
    """−log_probs[target]; see `functions.nll_loss` for the options."""

    def __init__(self, *, weight=None, ignore_index: int | None = None, reduction: str = "mean"):
        self.options = {"weight": weight, "ignore_index": ignore_index, "reduction": reduction}

    def forward(self, log_probs, target):
        """log_probs (N, C, …), target (N, …) indices -> ()"""
        return F.nll_loss(log_probs, target, **self.options)


class MSELoss(Module):
    """(x − target)²; see `functions.mse_loss`."""

    def __init__(self, *, reduction: str = "mean"):
        self.options = {"reduction": reduction}

    def forward(self, x, target):
        """x (…), target (…) -> ()"""
        return F.mse_loss(x, target, **self.options)


class BCEWithLogitsLoss(Module):
    """Two classes, one logit; see `functions.binary_cross_entropy_with_logits` for the options."""

    def __init__(self, *, weight=None, pos_weight=None, reduction: str = "mean"):
        self.options = {"weight": weight, "pos_weight": pos_weight, "reduction": reduction}

    def forward(self, logits, target):
        """logits (…), target (…) from 0 to 1 -> ()"""
        return F.binary_cross_entropy_with_logits(logits, target, **self.options)
