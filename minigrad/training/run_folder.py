"""A run folder: what a training run leaves behind, and from which it can be taken up again.

best.npz      the classifier, with the parameters of the best epoch so far
last.npz      the state of the run after its last checkpoint; a run goes on from it
history.csv   a line for each epoch
run.json      what was asked for, where it came from, and what came out
"""

import csv
import hashlib
import io
import json
import os
import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..data import Dataset
from ..errors import DataError
from ..text import printable
from . import archive
from .classifier import Classifier
from .history import Epoch
from .trainer import Trainer

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

BEST, LAST, HISTORY, RUN = FILES = ("best.npz", "last.npz", "history.csv", "run.json")
CONTENT = "run"  # what last.npz says that it holds
READING = ("dtype", "label", "delimiter", "header", "one_hot", "drop", "missing")  # of data.load
INTERVAL = 1.0  # seconds between two checkpoints, at least


def create(folder: str | None, name: str, overwrite: bool) -> str:
    """Make the folder of a new run; return its path, `folder` or the next free runs/<name>-<n>.

    Raises:
        DataError: it cannot be made, or holds files and `overwrite` is False.
    """
    number = 1
    while True:
        path = folder if folder is not None else os.path.join("runs", f"{name}-{number}")
        try:
            os.makedirs(path)
            return path
        except FileExistsError as error:
            number += 1
            if folder is None:
                continue
            if not os.path.isdir(path):
                raise _unusable(path, error.strerror) from error
            if not overwrite and (there := sorted(os.listdir(path))):
                raise DataError(
                    path,
                    "the folder of the run is not empty",
                    f"it holds {', '.join(there[:4])}",
                    "choose another --out, or pass --overwrite",
                ) from error
            return path
        except OSError as error:
            raise _unusable(path, error.strerror) from error


def _unusable(path: str, why: str) -> DataError:
    remedy = "choose a folder that you can write to with --out, or pass --no-save"
    return DataError(path, "the folder of the run cannot be made", why, remedy)


def _lock(path: str) -> int | None:
    """Lock the folder for this process, as long as it lives; where there is no flock, do nothing.

    Raises:
        DataError: another process has locked it.
    """
    if fcntl is None:
        return None
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise DataError(
            path, "another process writes this run", error.strerror, "wait for its end, or stop it"
        ) from error
    return descriptor


def fingerprint(dataset: Dataset) -> str:
    """Return the SHA-256 of all that a run takes from its data: numbers, labels and names."""
    digest = hashlib.sha256()
    for part in (dataset, dataset.test):
        if part is not None:
            names = [part.feature_names, part.class_names, part.x.shape, str(part.x.dtype)]
            digest.update(json.dumps(names).encode())
            for i in range(0, len(part), 4096):  # memory-mapped features stay on the disk
                digest.update(np.ascontiguousarray(part.x[i : i + 4096]))
            digest.update(np.ascontiguousarray(part.y))
    return digest.hexdigest()


def find_data(about: dict) -> str | None:
    """Return where a run's data is: where it was, or as it was called, from here; None: gone."""
    path, source = about["path"], about["data"]["source"]
    if path is None or os.path.exists(path):
        return path or source
    return source if os.path.exists(source) else None


class Recorder:
    """Writes the files of a run while it trains.

    Args:
        path: the run folder, which exists.
        trainer: the run.
        classifier: what best.npz holds; its model is another one than the trainer's.
        about: what last.npz tells besides the state: all that it takes to set the run up again.
        every: steps between two checkpoints; None takes one after each epoch. At most one a
            second is written; the last one is kept until then.

    Raises:
        DataError: another process writes to the folder.
    """

    def __init__(
        self, path: str, trainer: Trainer, classifier: Classifier, about: dict, every: int | None
    ):
        self.path, self.trainer, self.classifier = path, trainer, classifier
        self.about, self.every = about, every
        self.started = self.written = time.monotonic()
        self._kept: tuple[dict, dict] | None = None  # a checkpoint that was not written yet
        self._lock = _lock(path)

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        if self._lock is not None:
            os.close(self._lock)

    def start(self, overwrite: bool) -> None:
        """Write run.json and a first checkpoint; with `overwrite` an older run's files go."""
        if overwrite:
            self._remove(FILES)
        self.tell("running")
        self.checkpoint(sync=False)

    def go_on(self) -> None:
        """Note in run.json that the run goes on, and clear away what a kill left half written."""
        names = os.listdir(self.path)
        self._remove([n for n in names if n.endswith(".tmp") and n[1:].startswith(FILES)])
        self.tell("running")

    def _remove(self, names) -> None:
        for name in names:
            path = os.path.join(self.path, name)
            try:
                os.remove(path)
            except FileNotFoundError:
                pass
            except OSError as error:
                raise _unusable(path, error.strerror) from error

    def on_step(self) -> None:
        """Take a checkpoint where its turn has come."""
        if self.every and self.trainer.optimizer.steps % self.every == 0:
            self._take()

    def on_epoch(self) -> None:
        """Take a checkpoint, unless they are counted in steps."""
        if not self.every:
            self._take()

    def _take(self) -> None:
        numbers, arrays = self.trainer.state()
        if not all(np.isfinite(array).all() for array in arrays.values()):
            return  # the next loss will end the run
        self._kept = numbers, arrays
        if time.monotonic() - self.written >= INTERVAL:
            self._write(numbers, arrays)

    def checkpoint(self, *, best: bool = True, sync: bool = True) -> None:
        """Write history.csv, best.npz and last.npz, each of them whole or not at all.

        Args:
            best: False leaves best.npz as it is, for `finish` to write.
            sync: False leaves the flush to the disk to the operating system.
        """
        self._write(*self.trainer.state(), best=best, sync=sync)

    def _write(self, numbers: dict, arrays: dict, *, best: bool = True, sync: bool = True) -> None:
        history = write_history(numbers["history"])
        archive.atomic_write(os.path.join(self.path, HISTORY), history, sync=sync)
        if best and self.trainer.history:
            self.best().save(os.path.join(self.path, BEST), sync=sync)
        header = {"content": CONTENT, **self.about, "state": numbers}
        archive.write(os.path.join(self.path, LAST), header, arrays, sync=sync)
        self.written, self._kept = time.monotonic(), None

    def diverged(self) -> None:
        """Write the last checkpoint that was taken: what came after it is not to be trusted.

        But for best.npz, which may be of a later epoch: that one was judged.
        """
        if self._kept:
            self._write(*self._kept)
        self.tell("diverged")

    def best(self, results: dict | None = None) -> Classifier:
        """Return the classifier of the best epoch so far, or of the last without validation."""
        best, history = self.trainer.best, self.trainer.history
        self.classifier.model.load_state_dict(
            best.state if best else self.trainer.model.state_dict()
        )
        epoch = history[best.epoch - 1 if best else -1]
        told = {"epoch": epoch.epoch, "epochs": len(history), "val_loss": epoch.val_loss}
        about = {name: self.about[name] for name in ("options", "data", "versions")}
        return replace(self.classifier, training={**about, **told, "results": results})

    def finish(self, results: dict) -> None:
        """Write the model with its results, and run.json, after the last checkpoint."""
        self.best(results).save(os.path.join(self.path, BEST))
        self.tell("finished", results=results)

    def tell(self, status: str, **more) -> None:
        """Write run.json."""
        told = {
            "format": "minigrad run",
            "version": 1,
            "status": status,
            **self.about,
            "epochs": len(self.trainer.history),
            "best_epoch": self.trainer.best.epoch if self.trainer.best else None,
            "steps": self.trainer.optimizer.steps,
            "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seconds": round(time.monotonic() - self.started, 3),
            **more,
        }
        text = json.dumps(told, indent=2) + "\n"
        archive.atomic_write(os.path.join(self.path, RUN), text.encode(), sync=status != "running")


def write_history(history: list[Epoch]) -> bytes:
    """Return history.csv: the fields of Epoch, numbers with all their digits, nothing for None."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Epoch._fields)
    writer.writerows(history)
    return text.getvalue().encode()


def read_checkpoint(path: str) -> tuple[dict, dict[str, np.ndarray]]:
    """Return the header of a run folder's last.npz, and its arrays.

    Raises:
        DataError: there is none, or it is damaged or no checkpoint.
    """
    last = os.path.join(path, LAST)
    if not os.path.isdir(path):
        raise DataError(
            path,
            "it is no folder",
            f"a run is a folder with a {LAST}",
            "give the folder that minigrad train wrote, such as runs/iris-1",
        )
    if not os.path.exists(last):
        raise DataError(
            path,
            f"it holds no {LAST}",
            "a run is taken up from it",
            "give the folder of a run that was not trained with --no-save",
        )
    header, arrays = archive.read(last)
    if header.get("content") != CONTENT:
        raise DataError(
            last,
            "it is no checkpoint",
            f"its content is {header.get('content')!r:.80}",
            "give a run folder",
        )
    return header, arrays


# ---- what a run folder tells --------------------------------------------------------------------


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
        sha256: of its content, as `fingerprint` takes it.
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
    history = _history(os.path.join(folder, HISTORY))
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
            source=find_data(facts) or facts["path"],
            sha256=facts["data"]["sha256"],
            reading={name: _option(facts["options"][name]) for name in READING},
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            os.path.join(folder, RUN),
            "it does not describe a run",
            f"{type(error).__name__}: {error}",
            "train again, into another folder",
        ) from error


def _facts(folder):
    path = os.path.join(folder, RUN)
    try:
        with open(path, encoding="utf-8") as file:
            facts = json.load(file)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(
            folder,
            "it is not a run folder",
            f"there is no {RUN} in it" if os.path.isdir(folder) else "there is no such folder",
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
