"""What a run folder tells: the epochs of its history.csv, the facts of its run.json."""

import json
import os
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..text import printable
from ..training import Epoch, runs


class Run(NamedTuple):
    """A run, finished or not.

    Attributes:
        name: the folder, as it was given.
        history: each column of history.csv, (epochs,) floats; NaN where a field is empty.
        classes, features: their names.
        status: running, finished, interrupted or diverged.
        best_epoch: the epoch whose weights are in best.npz; None before there is one.
        test_accuracy, confusion (C, C): None before the run is finished.
        source: the data set or file that the rows come from.
        sha256: of its content, as `training.runs.fingerprint` takes it.
        reading: how `data.load` read them, as keywords.
    """

    name: str
    history: dict[str, np.ndarray]
    classes: tuple[str, ...]
    features: tuple[str, ...]
    status: str
    best_epoch: int | None
    test_accuracy: float | None
    confusion: np.ndarray | None
    source: str
    sha256: str
    reading: dict

    @property
    def epochs(self) -> int:
        """How many epochs the history has."""
        return len(self.history["epoch"])

    @property
    def state(self) -> str:
        """How far the run is, in a few words."""
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        best = "" if self.best_epoch is None else f", best {self.best_epoch}"
        return f"{self.status}, {epochs}{best}"


def read_run(folder: str) -> Run:
    """Return the run in `folder`.

    Raises DataError where it is no run folder, a file is damaged, or no epoch has ended yet.
    """
    facts = _facts(folder)
    history = _history(os.path.join(folder, runs.HISTORY))
    try:
        results = facts.get("results") or {}
        classes = facts["data"]["classes"]
        confusion = results.get("confusion")
        if confusion is not None:
            confusion = np.array(confusion, dtype=np.int64).reshape(len(classes), len(classes))
        return Run(
            name=os.path.normpath(folder),
            history=history,
            classes=tuple(map(printable, classes)),
            features=tuple(map(printable, facts["data"]["features"])),
            status=str(facts["status"]),
            best_epoch=_number(facts.get("best_epoch")),
            test_accuracy=_number(results.get("test_accuracy")),
            confusion=confusion,
            source=runs.find_data(facts) or facts["path"],
            sha256=facts["data"]["sha256"],
            reading={name: _option(facts["options"][name]) for name in runs.READING},
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            os.path.join(folder, runs.RUN),
            "it does not describe a run",
            f"{type(error).__name__}: {error}",
            "train again, into another folder",
        ) from error


def _facts(folder):
    path = os.path.join(folder, runs.RUN)
    try:
        with open(path, encoding="utf-8") as file:
            facts = json.load(file)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(
            folder,
            "it is not a run folder",
            f"there is no {runs.RUN} in it" if os.path.isdir(folder) else "there is no such folder",
            "give a folder that minigrad train wrote, such as runs/digits-1",
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(
            path, "it is not JSON", " ".join(str(error).split()), "train again, into another folder"
        ) from error
    is_run = isinstance(facts, dict) and facts.get("format") == "minigrad run"
    if not is_run or facts.get("version") != 1:
        version = facts.get("version") if is_run else None
        raise DataError(
            path,
            f"it is version {version!r} of a run" if is_run else "it does not describe a run",
            "this minigrad reads version 1",
            "use the minigrad that wrote it" if is_run else "give a folder of minigrad train",
        )
    return facts


def _history(path):
    """Return the columns."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
    except FileNotFoundError:
        lines = []
    if len(lines) < 2:
        raise DataError(
            path, "there is nothing to plot yet", "no epoch has ended", "wait for the first epoch"
        )
    rows = []
    for number, line in enumerate(lines[1:], 2):
        text = line.removesuffix("\n")
        epoch, *fields = text.split(",")
        try:
            rows.append([float(int(epoch)), *(float(field or "nan") for field in fields)])
            wrong = text == line or len(rows[-1]) != len(Epoch._fields) or np.isinf(rows[-1]).any()
        except (ValueError, OverflowError):
            wrong = True
        if wrong:
            raise DataError(
                path,
                f"line {number} is not an epoch",
                f"{text[:60]!r}",
                f"the columns are {','.join(Epoch._fields)}; train again, into another folder",
            )
    return dict(zip(Epoch._fields, np.array(rows).T, strict=True))


def _option(value):
    return tuple(value) if isinstance(value, list) else value


def _number(value):
    if value is not None and not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is not a number")
    return value
