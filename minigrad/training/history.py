"""What a training run records, epoch by epoch."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Epoch:
    """The numbers of one epoch; the losses are means per row, the accuracies shares of 1.

    The training numbers are averages over the epoch's batches, while the parameters moved. The
    validation numbers are taken at its end, in eval mode, and are None without validation rows.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float | None = None
    val_accuracy: float | None = None


@dataclass
class History:
    """The epochs of a run, in order."""

    epochs: list[Epoch] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.epochs)

    def __getitem__(self, i: int) -> Epoch:
        return self.epochs[i]
