"""The curves that a picture shows, in the terminal and in a file."""

import os
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..training import Run, headers, run_folder

REMEDIES = {"running": "wait for the first epoch", "interrupted": "resume the run"}
WIDE = 20  # losses that differ by more than this factor get a logarithmic axis

LONGER = 10  # runs that differ in length by more than this factor have axes of their own


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

    def constant(self, runs: list[Run]) -> bool:
        """Return whether all numbers of each run are the same: a line of text tells as much."""
        return all(len({*self.numbers([run]).tolist()}) <= 1 for run in runs)

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
)
RATE = Panel("learning rate", (Curve("learning rate", "lr"),))


def panels(runs: list[Run]) -> tuple[Panel, ...]:
    """Return the panels of these runs: the learning rate has one only if it changes."""
    return PANELS if RATE.constant(runs) else (*PANELS, RATE)


def constant_rate(run: Run, runs: list[Run]) -> list[str]:
    """Return the line about the learning rate of a run, if it has no panel."""
    rates = RATE.numbers([run])
    return [f"learning rate {rates[0]:g}"] if RATE.constant(runs) and len(rates) else []


def epoch_range(run: Run, runs: list[Run]) -> tuple[int, int]:
    """Return the first and the last epoch on the axis of a run: of all runs, if it stays readable.

    Raises:
        DataError: if a run has no epochs.
    """
    for one in runs:
        if not one.history:
            path = os.path.join(one.folder, run_folder.HISTORY)
            facts = f"the run is {one.status}, and no epoch has ended"
            remedy = REMEDIES.get(one.status, "train again")
            if one.facts.get("epochs"):
                facts, remedy = "the file is missing or empty", headers.AGAIN
            raise DataError(path, "there is nothing to plot", facts, remedy)
    lengths = [len(one.history) for one in runs]
    shown = [run] if max(lengths) > LONGER * min(lengths) else runs
    epochs = [epoch.epoch for one in shown for epoch in one.history]
    return min(epochs), max(epochs)
