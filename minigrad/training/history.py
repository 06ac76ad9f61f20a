"""What a training run records, epoch by epoch."""

from typing import NamedTuple


class Epoch(NamedTuple):
    """The numbers of one epoch; the losses are means per row, the accuracies shares of 1.

    The training numbers are averages over the epoch's batches, while the parameters moved. The
    validation numbers are taken at its end, in eval mode, and are None without validation rows.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float | None = None
    val_accuracy: float | None = None


class History(list[Epoch]):
    """The epochs of a run, in order: `history[-1].val_accuracy` is the last one's."""
