"""Which curves a picture shows, in the terminal as in a file."""

from typing import NamedTuple

import numpy as np

from .run import Run

WIDE = 20  # losses further apart than this factor get a logarithmic axis


class Curve(NamedTuple):
    """A line of a panel: its name in the legend, its column in the history, and its unit's size."""

    label: str
    column: str
    scale: float = 1.0

    def of(self, run: Run) -> np.ndarray:
        """Return the numbers of a run (epochs,), NaN for those that are not finite."""
        numbers = run.history[self.column]
        return np.where(np.isfinite(numbers), self.scale * numbers, np.nan)

    def note(self, run: Run) -> str:
        """Return a line on the epochs that cannot be drawn; empty where there is nothing to say."""
        numbers = run.history[self.column]
        bad = np.flatnonzero(~np.isfinite(numbers))
        if len(bad) == 0 or np.isnan(numbers).all():  # all of them: there are no validation rows
            return ""
        where = f"epoch {run.history['epoch'][bad[0]]:.0f}"
        return f"{self.label}: not finite in {where if len(bad) == 1 else f'{len(bad)} epochs'}"


class Panel(NamedTuple):
    """What one pair of axes shows, with its unit."""

    title: str
    curves: tuple[Curve, ...]
    may_be_log: bool = False

    def numbers(self, runs: list[Run]) -> np.ndarray:
        """Return every finite number of the panel, of all runs, in one array."""
        everything = np.concatenate([curve.of(run) for curve in self.curves for run in runs])
        return everything[np.isfinite(everything)]

    def needs_log(self, runs: list[Run]) -> bool:
        """Return whether numbers lie so far apart that a linear axis would hide the small ones."""
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
