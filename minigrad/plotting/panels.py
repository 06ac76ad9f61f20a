"""The curves that a picture shows, in the terminal and in a file."""

import os
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..training import Run, run_folder

REMEDIES = {"running": "wait for the first epoch", "interrupted": "resume the run"}
WIDE = 20  # losses that differ by more than this factor get a logarithmic axis


class Curve(NamedTuple):
    """A line of a panel: its name in the legend, its column in the history, and a factor."""

    label: str
    column: str
    scale: float = 1.0

    def of(self, run: Run) -> np.ndarray:
        """Return the numbers of a run, (epochs,); NaN for a missing one."""
        return self.scale * run.history.column(self.column)


class Panel(NamedTuple):
    """What one pair of axes shows; the title has the unit."""

    title: str
    curves: tuple[Curve, ...]
    may_be_log: bool = False

    def numbers(self, runs: list[Run]) -> np.ndarray:
        """Return all numbers of the panel, from all runs, in one array."""
        everything = np.concatenate([curve.of(run) for curve in self.curves for run in runs])
        return everything[~np.isnan(everything)]

    def needs_log(self, runs: list[Run]) -> bool:
        """Return whether a linear axis would hide the small numbers beside the large ones."""
        numbers = self.numbers(runs)
        return bool(
            self.may_be_log
            and len(numbers)
            and numbers.min() > 0
            and numbers.max() > WIDE * numbers.min()
        )


PANELS = (
    Panel(
        "loss (nats)",
        (Curve("training", "train_loss"), Curve("validation", "val_loss")),
        may_be_log=True,
    ),
    Panel(
        "accuracy (%)",
        (Curve("training", "train_accuracy", 100), Curve("validation", "val_accuracy", 100)),
    ),
    Panel("learning rate", (Curve("learning rate", "lr"),)),
)


def epoch_range(runs: list[Run]) -> tuple[int, int]:
    """Return the first and the last epoch of all runs.

    Raises:
        DataError: if a run has no epochs.
    """
    for run in runs:
        if not run.history:
            path = os.path.join(run.folder, run_folder.HISTORY)
            facts = f"the run is {run.status}, and no epoch has ended"
            remedy = REMEDIES.get(run.status, "train again")
            raise DataError(path, "there is nothing to plot", facts, remedy)
    epochs = [epoch.epoch for run in runs for epoch in run.history]
    return min(epochs), max(epochs)
