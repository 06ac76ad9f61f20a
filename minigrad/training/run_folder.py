"""The run folder: everything that a training run writes, and what it is resumed from.

best.npz      the classifier, with the parameters of the best epoch so far
last.npz      the state of the run after its last checkpoint; `resume` continues from it
history.csv   a line for each epoch
run.json      what was asked for, where it came from, and what came out
"""

import contextlib
import csv
import io
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..data.files import atomic_write, check_path, check_target, read_whole, remove_left_over
from ..errors import DataError, DivergedError
from ..fields import check
from ..settings import checked
from ..text import counted, listed, printable
from . import archive, headers
from .architecture import describe
from .classifier import Classifier
from .headers import AGAIN, FORMAT, VERSION
from .history import Epoch, History
from .metrics import Confusion, unpacked
from .run_data import DIVIDING, READING
from .trainer import Trainer

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

BEST, LAST, HISTORY, RUN = FILES = ("best.npz", "last.npz", "history.csv", "run.json")
CONTENT = "run"  # of last.npz
INTERVAL = 1.0  # seconds between two checkpoints, at least
State = tuple[dict, dict[str, np.ndarray]]  # of a Trainer: for JSON, and its arrays


# ---- making and writing a run folder ------------------------------------------------------------


def create(folder: str | None, name: str) -> str:
    """Make the folder of a new run; return its path, `folder` or the next free runs/<name>-<n>.

    Raises:
        DataError: if it cannot be made.
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
            return path
        except OSError as error:
            raise _unusable(path, error.strerror) from error
        except RecursionError as error:
            raise _unusable(path, f"{path.count(os.sep)} folders inside each other") from error


def check_new(folder: str | None, overwrite: bool) -> None:
    """Refuse a folder for a new run that holds files, unless `overwrite` is True.

    Raises:
        DataError: if it does.
    """
    if folder is None or overwrite or not os.path.isdir(folder):
        return
    if there := sorted(os.listdir(folder)):
        remedy = "choose another folder as out=DIR, or pass overwrite=True"
        facts = f"it holds {listed(there, 4)}"
        raise DataError(folder, "the run folder is not empty", facts, remedy)


def _unusable(path: str, why: str) -> DataError:
    remedy = "choose a folder that you can write to as out=DIR, or pass no_save=True"
    return DataError(path, "the run folder cannot be created", why, remedy)


class Recorder:
    """Writes the files of a run while it trains; as a context it locks the folder.

    A file of the run that is a link is refused. Temporary files that a killed process left are
    removed once it is clear that the folder is this run's.

    An exception that leaves the context ends the run as "diverged" or "interrupted", with the last
    checkpoint that was taken.

    Args:
        path: the run folder, which exists.
        trainer: the run.
        best: returns the classifier of the best epoch so far, for best.npz.
        about: what last.npz and run.json hold besides the state: all that is needed to set up the
            run again.
        every: steps between two checkpoints; None takes one after each epoch. At most one a
            second is written; the last one is kept until then.

    Raises:
        DataError: if another process writes to the folder.
    """

    def __init__(
        self,
        path: str,
        trainer: Trainer,
        best: Callable[[], Classifier],
        about: dict,
        every: int | None,
    ):
        self.path, self.trainer, self.best = path, trainer, best
        self.about, self.every = about, every
        self.started = self.written = time.monotonic()
        self.known: str | None = None  # the state in last.npz, as JSON
        self._kept: State | None = None  # a checkpoint that was not written yet
        self._lock = contextlib.ExitStack()
        self._begun = False  # until then, the files are not this run's to change

    def __enter__(self):
        self._lock.enter_context(locked(self.path))
        return self

    def __exit__(self, kind, error, traceback) -> None:
        try:
            if error is not None and self._begun:
                status = "diverged" if isinstance(error, DivergedError) else "interrupted"
                with contextlib.suppress(DataError):  # `error` is the one to report
                    self._give_up(status)
        finally:
            self._lock.close()

    def start(self, overwrite: bool) -> None:
        """Write run.json and a first checkpoint; with `overwrite`, remove an older run's files.

        Raises:
            DataError: if the folder holds files and `overwrite` is False.
        """
        check_new(self.path, overwrite)
        if overwrite:
            _remove(self.path, FILES)
        self._begin()
        self.write_status("running")
        self.checkpoint(sync=False)

    def go_on(self, known: str | None) -> None:
        """Note in run.json that the run continues from a state, given as the JSON in last.npz.

        Raises:
            DataError: if another process has continued the run since that was read.
        """
        self.known = known
        if json.dumps(read_checkpoint(self.path)[0]["state"]) != known:
            wrong, facts = "another process has continued this run", "last.npz has changed"
            raise DataError(self.path, wrong, facts, "resume it again")
        self._begin()
        self.write_status("running")

    def _begin(self) -> None:
        remove_left_over(self.path, FILES)
        self._begun = True

    def on_step(self) -> None:
        """Take a checkpoint if one is due after this step."""
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
            self.checkpoint(self._kept)

    def checkpoint(self, state: State | None = None, *, best=True, sync=True) -> None:
        """Write history.csv, best.npz and last.npz, each of them whole or not at all.

        Args:
            state: what the trainer's `state` returned; None takes it now.
            best: False leaves best.npz as it is, for `finish` to write.
            sync: False leaves the flush to the disk to the operating system.
        """
        numbers, arrays = state or self.trainer.state()
        history = write_history(numbers["history"])
        atomic_write(os.path.join(self.path, HISTORY), history, sync=sync)
        if best and self.trainer.history:
            self.best().save(os.path.join(self.path, BEST), sync=sync)
        network = {"architecture": describe(self.trainer.model)}
        header = {"content": CONTENT, **self.about, **network, "state": numbers}
        archive.write(os.path.join(self.path, LAST), header, arrays, sync=sync)
        self.written, self._kept, self.known = time.monotonic(), None, json.dumps(numbers)

    def _give_up(self, status: str) -> None:
        """Write the last checkpoint that was taken; the state may have changed in part since.

        Only best.npz may be of a later epoch: that one was judged.
        """
        if self._kept:
            self.checkpoint(self._kept)
        self.write_status(status)

    def finish(self, classifier: Classifier) -> None:
        """Write the classifier with its results, and run.json, after the last checkpoint."""
        classifier.save(os.path.join(self.path, BEST))
        self.write_status("finished", results=classifier.training["results"])

    def write_status(self, status: str, **more: Any) -> None:
        """Write run.json, with what the run has reached once it has ended."""
        reached = {
            "epochs": len(self.trainer.history),
            "best_epoch": self.trainer.best.epoch if self.trainer.best else None,
            "steps": self.trainer.optimizer.steps,
        }
        facts = {
            "format": FORMAT,
            "version": VERSION,
            "status": status,
            **self.about,
            **({} if status == "running" else reached),
            "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seconds": round(time.monotonic() - self.started, 3),
            **more,
        }
        text = json.dumps(facts, indent=2) + "\n"
        atomic_write(os.path.join(self.path, RUN), text.encode(), sync=status != "running")


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """Lock a run folder for this process.

    Raises:
        DataError: if another process writes to the folder, or one of the run's files is not one.
    """
    if not os.path.isdir(path):
        raise _not_a_run(path, LAST)
    try:
        descriptor = None if fcntl is None else os.open(path, os.O_RDONLY)
    except OSError as error:
        raise _unusable(path, error.strerror) from error
    try:
        try:
            if descriptor is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            wrong, remedy = "another process is writing to this run", "wait, or stop the process"
            raise DataError(path, wrong, "it is locked", remedy) from error
        except OSError:
            pass  # a file system without locks
        for name in FILES:
            check_target(os.path.join(path, name), remedy="remove it, or use another folder")
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _remove(folder: str, names: Iterable[str]) -> None:
    for name in names:
        path = os.path.join(folder, name)
        try:
            os.remove(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise _unusable(path, error.strerror) from error


def write_history(history: Iterable[Epoch]) -> bytes:
    """Return history.csv: the fields of Epoch, numbers with all their digits, nothing for None."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Epoch._fields)
    writer.writerows(history)
    return text.getvalue().encode()


# ---- reading a run folder -----------------------------------------------------------------------


class Run(NamedTuple):
    """A run as its folder describes it, finished or not.

    Attributes:
        folder: its path.
        facts: what run.json holds.
        history: the epochs of history.csv.
        options, origins: the value of each option, and where it came from.
        classes, features: their names, made printable.
        status: running, finished, interrupted or diverged.
        best_epoch: the epoch whose weights are in best.npz; None without validation rows.
        test_accuracy: None before the run is finished.
        reading: the options by which the data was read and divided.
    """

    folder: str
    facts: dict
    history: History
    options: dict
    origins: dict[str, str]
    classes: tuple[str, ...]
    features: tuple[str, ...]
    status: str
    best_epoch: int | None
    test_accuracy: float | None
    reading: dict

    @property
    def confusion(self) -> np.ndarray | None:
        """The confusion matrix (C, C) of the test rows; None before the run is finished."""
        return self.counts and self.counts.matrix

    @property
    def counts(self) -> Confusion | None:
        """The same without its zeros."""
        results = self.facts.get("results")
        return results and unpacked(results["confusion"], len(self.classes))

    @property
    def state(self) -> str:
        """How far the run is, in a few words."""
        epochs = counted(len(self.history), "epoch")
        best = "" if self.best_epoch is None else f"best {self.best_epoch}"
        return ", ".join(filter(None, [self.status, epochs, best]))


def read_run(folder: str | os.PathLike) -> Run:
    """Return what run.json and history.csv of a run folder hold.

    Raises:
        DataError: if it is not a run folder, or one of the two files is damaged.
    """
    check_path("read_run", folder)
    if not os.fspath(folder):  # os.path.normpath makes it the current folder
        raise _not_a_run("", RUN)
    folder = os.path.normpath(folder)
    path = os.path.join(folder, RUN)
    if not os.path.lexists(path):
        if os.path.lexists(os.path.join(folder, LAST)):
            raise DataError(path, "it is missing", f"the {LAST} of the run is there", AGAIN)
        raise _not_a_run(folder, RUN)
    facts = headers.run_facts(path, read_whole(path))
    history = _read_history(os.path.join(folder, HISTORY))
    results = facts.get("results") or {}
    return Run(
        folder=folder,
        facts=facts,
        history=history,
        options={**facts["options"]},
        origins={**facts["origins"]},
        classes=tuple(map(printable, facts["data"]["classes"])),
        features=tuple(map(printable, facts["data"]["features"])),
        status=facts["status"],
        best_epoch=facts.get("best_epoch", history.best and history.best.epoch),
        test_accuracy=results.get("test_accuracy"),
        reading={name: checked(name, facts["options"][name]) for name in (*READING, *DIVIDING)},
    )


def _not_a_run(folder: str, name: str) -> DataError:
    facts = "there is no such folder" if folder else "the path is empty"
    remedy = "give a folder that minigrad train wrote, such as runs/digits-1"
    if os.path.isdir(folder):
        facts = f"there is no {name} in it"
    elif os.path.exists(folder):
        facts, remedy = "it is a file", "give the folder of the run, such as runs/digits-1"
    return DataError(folder or "''", "it is not a run folder", facts, remedy)


def _read_history(path: str) -> History:
    """Return the epochs of history.csv; none if there is no such file yet."""
    text = read_whole(path).decode(errors="replace") if os.path.lexists(path) else ""
    lines = io.StringIO(text, newline=None).readlines()
    header, history = ",".join(Epoch._fields), History()
    for number, line in enumerate(lines, 1):
        row = line.removesuffix("\n")
        wrong = line != f"{header}\n"
        if number > 1:
            epoch, *fields = row.split(",")
            try:
                numbers = [int(epoch), *(float(field) if field else None for field in fields)]
                check(numbers, headers.EPOCH)
                history.append(Epoch._make(numbers))
                wrong = row == line or history[-1].epoch != len(history)
            except ValueError:
                wrong = True
        if wrong:
            raise DataError(
                path,
                f"line {number} is not {'an epoch' if number > 1 else 'the header'}",
                f"{row[:60]!r}",
                f"the columns are {header}; {AGAIN}",
            )
    return history


def read_checkpoint(folder: str) -> tuple[dict, dict[str, np.ndarray]]:
    """Return the header of a run folder's last.npz, and its arrays.

    Raises:
        DataError: if there is no checkpoint, or it is damaged.
    """
    path = os.path.join(folder, LAST)
    if not os.path.lexists(path):
        if os.path.lexists(os.path.join(folder, BEST)):  # which is never written before it
            wrong, remedy = "it is missing", f"put it back, or start again with init_from={folder}"
            raise DataError(path, wrong, "a run cannot be resumed without it", remedy)
        if os.path.lexists(os.path.join(folder, RUN)):
            wrong, facts = "the run ended before its first checkpoint", f"there is no {LAST} in it"
            raise DataError(folder, wrong, facts, f"train again with out={folder}, overwrite=True")
        raise _not_a_run(folder, LAST)
    return headers.read(path, CONTENT)
