"""What a training run records, epoch by epoch."""

from typing import NamedTuple

import numpy as np


class Epoch(NamedTuple):
    """The numbers of one epoch; the losses are means per row, the accuracies shares of 1.

    The training numbers are averages over the epoch's steps, while the parameters moved. The
    validation numbers are taken at its end, in eval mode, and are None without validation rows.

    lr is the learning rate of the last step; grad_norm is the mean over the steps of the norm of
    all gradients together, before clipping.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    lr: float
    grad_norm: float


class History(list[Epoch]):
    """The epochs of a run, in order: `history[-1].val_accuracy` is the last one's."""

    def column(self, name: str) -> np.ndarray:
        """Return one field of all epochs, (epochs,) floats; NaN for None."""
        return np.array([getattr(epoch, name) for epoch in self], dtype=float)
