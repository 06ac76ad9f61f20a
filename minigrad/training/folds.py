"""Cross-validation: a run for each fold of the data, tested on the rows of that fold."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..data import Dataset
from ..errors import ArgumentError, DivergedError, MinigradWarning, warn_once
from ..text import counted, listed
from .trainer import Stopped

if TYPE_CHECKING:
    from .experiment import Experiment


def cross_validate(
    experiment: "Experiment",
    on_fold: Callable[[dict[str, float]], None],
    should_stop: Callable[[], bool],
    progress: bool,
) -> list[dict[str, float]]:
    """Return the accuracy and the log loss of each fold, in order; see `Experiment.run`.

    Raises:
        ArgumentError: if there are more folds than rows, or no rows left to train on.
        DivergedError: if the run of a fold diverges.
        Stopped: if `should_stop` returned True after a step.
    """
    count, seed = experiment.options["folds"], experiment.options["seed"]
    rng = np.random.default_rng([seed, count])  # not that of the run, which stays as it is
    found = []
    for parts in fold_parts(experiment.dataset, count, experiment.options["val_fraction"], rng):
        where = f"fold {len(found) + 1} of {count}"

        def step(where: str = where) -> None:
            if should_stop():
                raise Stopped(f"in {where}")

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MinigradWarning)  # the run on all rows gives them
            run = experiment.on_parts(parts, rng)
            try:
                run.trainer.run(on_step=step, progress=progress)
            except DivergedError as error:
                raise DivergedError(where, *error.args[1:]) from error
            test = run.best().evaluate(parts[2])
        found.append({"accuracy": test.accuracy, "log_loss": test.loss})
        on_fold(found[-1])
    return found


def fold_parts(
    dataset: Dataset, folds: int, val: float, rng: np.random.Generator
) -> Iterator[tuple[Dataset, Dataset, Dataset]]:
    """Yield the parts (train, val, test) of each fold; every row is in one test part.

    The rows of each class are dealt to the folds in turn, so that a fold has as many rows of it as
    any other, give or take one. Every training part has a row of each class.

    Args:
        dataset: all rows; its own test set is left out.
        val: the fraction of all rows to validate on.

    Raises:
        ArgumentError: if there are more folds than rows, or no rows left to train on.
    """
    dataset, count = replace(dataset, test=None), len(dataset)
    facts = f"folds={folds}, val_fraction={val}, {counted(count, 'row')}"
    if folds > count:
        wrong = "there are more folds than rows"
        raise ArgumentError("cross_validate", wrong, facts, "give fewer folds")
    share = val * folds / (folds - 1)  # of the rows beside a fold
    if share >= 1:
        wrong, remedy = "nothing is left to train on", "give more folds, or a smaller val_fraction"
        raise ArgumentError("cross_validate", wrong, facts, remedy)
    sizes = np.bincount(dataset.y, minlength=len(dataset.class_names))
    if few := [dataset.class_names[c] for c in np.flatnonzero(sizes < folds)]:
        wrong = f"{counted(len(few), 'class')} with fewer rows than folds: {listed(few, 5)}"
        remedy = "give fewer folds, or add rows"
        warn_once("cross_validate", wrong, "some folds have no row of them", remedy)
    classes = [rng.permutation(np.flatnonzero(dataset.y == c)) for c in range(len(sizes))]
    order = np.concatenate(classes)
    fold = np.arange(count) % folds
    for k in range(folds):
        rest = order[fold != k]
        y, place = dataset.y[rest], np.arange(len(rest))
        validates = np.floor((place + 1) * share) > np.floor(place * share)
        validates[np.unique(y, return_index=True)[1]] = False
        rows = rest[~validates], rest[validates], order[fold == k]
        train, validation, test = (dataset.take(rng.permutation(part)) for part in rows)
        yield train, validation, test
