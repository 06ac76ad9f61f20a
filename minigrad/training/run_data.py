"""The data of a run: read as its options say, divided, and recognised when it is read again."""

import hashlib
import json
import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..data import Block, Dataset, drop_rare, load, read_rows, split
from ..data.files import OnRead
from ..errors import DataError, MinigradWarning
from ..text import counted
from ..typing import Rng
from .classifier import Classifier

if TYPE_CHECKING:
    from .run_folder import Run

READING = (  # of data.load
    *("dtype", "label", "classes", "one_hot", "drop", "missing"),
    *("header", "delimiter", "decimal", "thousands", "encoding", "skip", "na"),
)
DIVIDING = ("rare", "test", "test_fraction", "val_fraction", "seed")


def read_data(source: str, options: dict, on_read: OnRead | None = None) -> Dataset:
    """Return the data of a run. With the option `test` its own test set is the rows of that file.

    on_read: see `data.load`.

    Raises:
        DataError: if the data cannot be used, or the file has no row to test on.
    """
    dataset = load(source, **{name: options[name] for name in READING}, on_read=on_read)
    path = options["test"]
    if options["rare"] == "drop":
        fraction = 0 if path else options["test_fraction"]
        dataset = drop_rare(dataset, test=fraction, val=options["val_fraction"])
    if path is None:
        return dataset
    rows = read_rows(path, dataset.schema, labels=True, dtype=dataset.x.dtype)
    blocks = list(rows)
    test = sum(len(block.x) for block in blocks)
    skipped = sum(block.skipped for block in blocks)
    out = f"{skipped} left out for values that are missing, or new: {rows.unusable.places()}"
    if not test:
        facts = out if skipped else "it has no rows"
        raise DataError(path, "has no row to test on", facts, "give rows with a label")
    x, y = (np.concatenate(part) for part in zip(*((b.x, b.y) for b in blocks), strict=True))
    note = f"test set: {counted(test, 'row')} from {path}" + f"; {out}" * (skipped > 0)
    test_set = replace(dataset, x=x, y=y, test=None, notes=())
    return replace(dataset, test=test_set, notes=(*dataset.notes, note))


def divide(dataset: Dataset, options: dict, rng: Rng) -> tuple[Dataset, Dataset, Dataset]:
    """Return the training, validation and test rows of a run, unscaled."""
    return split(dataset, test=options["test_fraction"], val=options["val_fraction"], rng=rng)


def held_out(run: "Run") -> Dataset:
    """Return the test rows of a run, unscaled, from the data that it was trained on.

    Raises:
        DataError: if the data is gone, has changed or came from standard input, or if the run held
            out no rows.
    """
    dataset = read_again(run)
    test = divide(dataset, run.reading, np.random.default_rng(run.reading["seed"]))[2]
    if not len(test):
        remedy = "give the rows to judge it on as DATA"
        raise DataError(run.folder, "the run held out no rows", "test fraction 0", remedy)
    return test


def read_again(run: "Run") -> Dataset:
    """Return the data of a run as it was.

    Raises:
        DataError: if it is gone, has changed or came from standard input.
    """
    if run.source == "-":
        wrong = "the data cannot be read again"
        raise DataError("standard input", wrong, "it came from a pipe", "train on a file")
    with warnings.catch_warnings():  # the run has given them
        warnings.simplefilter("ignore", MinigradWarning)
        dataset = read_data(run.source, run.reading)
    check_data(run.source, fingerprint(dataset), run.sha256)
    return dataset


def find_data(about: dict) -> str | None:
    """Return the old path of a run's data, or the name that was given; None if it is gone."""
    return _find(about["path"], about["data"]["source"])


def find_test(about: dict) -> str | None:
    """Return the same for the file of the option `test`; None if there is no such option, too."""
    path = about["data"].get("test_path")
    return path and _find(path, about["options"]["test"])


def _find(path, source):
    if path is None or os.path.exists(path):
        return path or source
    return source if os.path.exists(source) else None


# ---- is it the same data? -----------------------------------------------------------------------


def fingerprint(dataset: Dataset) -> str:
    """Return the SHA-256 of all that a run takes from its data: numbers, labels and schema."""
    digest = hashlib.sha256()
    for part in (dataset, dataset.test):
        if part is not None:
            names = part.feature_names, part.class_names
            digest.update(_head(*names, part.x.shape, part.x.dtype, part.schema))
            for i in range(0, len(part), 4096):  # memory-mapped features stay on the disk
                digest.update(np.ascontiguousarray(part.x[i : i + 4096]))
            digest.update(np.ascontiguousarray(part.y))
    return digest.hexdigest()


def _head(feature_names, class_names, shape, dtype, schema):
    """Return what a fingerprint says of the rows before them."""
    names = [feature_names, class_names, shape, str(dtype)]
    return json.dumps([*names, schema and schema.to_dict()]).encode()  # best.npz holds the schema


class Recognition:
    """Looks whether labelled rows that pass by are those that a model was trained on.

    Attributes:
        split: after the last row, how many of the rows the training divided into which parts; empty
            if they are other rows.
    """

    def __init__(self, classifier: Classifier):
        schema, about = classifier.schema, classifier.training.get("data")
        self._about = about if isinstance(about, dict) else {}
        names = schema.feature_names, schema.class_names
        shape = self._about.get("rows"), len(schema.feature_names)
        head = _head(*names, shape, classifier.architecture["dtype"], schema)
        self._digest, self.split = hashlib.sha256(head), {}

    def watch(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Yield the blocks."""
        labels = []
        for block in blocks:
            self._digest.update(np.ascontiguousarray(block.x))
            labels.append(block.y)
            yield block
        for y in labels:
            self._digest.update(y)
        own = self._about.get("rows_sha256", self._about.get("sha256"))
        if self._digest.hexdigest() == own:
            self.split = self._about["split"]


def check_data(source: str, now: str, then: str) -> None:
    """Refuse data whose fingerprint is not the one that the run began with.

    Raises:
        DataError: if the two differ.
    """
    if now != then:
        wrong = "the data has changed since the run began"
        remedy = "restore it, or start again with init_from=RUN"
        raise DataError(
            source, wrong, f"SHA-256 {then[:12]}… at the start, {now[:12]}… now", remedy
        )
