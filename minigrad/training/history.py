"""What a training run records, epoch by epoch."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import ArgumentError
from .pictures import drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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


NEAR = 0.05  # what a validation loss may be above the lowest, as a share of it


class History(list[Epoch]):
    """The epochs of a run, in order: `history[-1].val_accuracy` is the last one's."""

    @property
    def lowest(self) -> Epoch | None:
        """The first epoch with the lowest validation loss; None without validation rows."""
        judged = [(e.val_loss, e.epoch) for e in self if e.val_loss is not None]
        return self[min(judged)[1] - 1] if judged else None

    @property
    def best(self) -> Epoch | None:
        """The last epoch whose validation loss is within 5 % of the lowest; None without rows.

        Few validation rows make the lowest loss a matter of luck, while a later epoch, whose
        learning rate is smaller, is less so: docs/recipe.md has the numbers.
        """
        judged = [(e.val_loss, e) for e in self if e.val_loss is not None]
        lowest = min((loss for loss, _ in judged), default=0.0)
        most = lowest + NEAR * abs(lowest)
        return next((epoch for loss, epoch in reversed(judged) if loss <= most), None)

    def plot(self) -> "Figure":
        """Return the curves of losses, accuracies and learning rate as a figure of matplotlib.

        A notebook shows it below the cell; `figure.savefig("curves.png")` writes it.

        Raises:
            ArgumentError: if there are no epochs, or matplotlib is not installed.
        """
        if not self:
            raise ArgumentError(
                "History.plot", "there is nothing to plot", "0 epochs", "train first"
            )
        return drawing("History.plot").of_history(self)

    def column(self, name: str) -> np.ndarray:
        """Return one field of all epochs, (epochs,) floats; NaN for None."""
        return np.array([getattr(epoch, name) for epoch in self], dtype=float)
