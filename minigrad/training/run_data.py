"""The data of a run: read as its options say, divided, and recognised when it is read again."""

import hashlib
import json
import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..data import BUILTIN, Block, Dataset, Schema, drop_rare, load, read_rows, split
from ..data.files import OnRead, kind_of_file, name_of
from ..errors import DataError, MinigradWarning, warn_once
from ..fields import check
from ..text import counted
from ..typing import Rng
from . import headers
from .classifier import Classifier

if TYPE_CHECKING:
    from .run_folder import Run

READING = (  # of data.load
    *("dtype", "label", "classes", "one_hot", "drop", "missing"),
    *("header", "delimiter", "decimal", "thousands", "encoding", "skip", "na"),
)
FARTHEST = 50  # as often as large
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
    where, out = name_of(path), f"{skipped} of {counted(test + skipped, 'row')} left out"
    if not test:
        facts = f"{out}; {rows.unusable.reason()}" if skipped else "it has no rows"
        raise DataError(where, "has no row to test on", facts, "give rows with a label")
    if skipped:
        remedy = "complete or correct them"
        warn_once(where, out, rows.unusable.reason(), remedy)
    x = np.concatenate([as_in_a_dataset(b.x, dataset.schema, dataset.x.dtype) for b in blocks])
    y = np.concatenate([block.y for block in blocks])
    note = f"test set: {counted(test, 'row')} from {where}" + f"; {out}" * (skipped > 0)
    test_set = replace(dataset, x=x, y=y, test=None, notes=())
    _warn_of_known_rows(dataset, test_set, where)
    sizes = [float(np.nanmax(np.abs(part))) for part in (x, dataset.x)]
    if dataset.schema.image:
        warn_of_range(where, *sizes)
    return replace(dataset, test=test_set, notes=(*dataset.notes, note))


def warn_of_range(where: str, largest: float, typical: float, about: str = "") -> None:
    """Warn if the pixels of images cannot have the range of those of the training data.

    A photograph in the dark is not fifty times as dark as a typical one, and 0 … 1 is not 0 … 255.

    Args:
        where: the file with the images.
        largest: of its pixels.
        typical: of those of the training data, or `about` that.
    """
    black = not largest or not typical
    if not black and not typical / FARTHEST <= largest <= typical * FARTHEST:
        wrong = "the pixels have another range than those of the training data"
        facts = f"the largest is {largest:.3g}, and there {about}{typical:.3g}"
        warn_once(where, wrong, facts, "multiply them, or divide them")


def as_in_a_dataset(x: np.ndarray, schema: Schema, dtype: np.dtype) -> np.ndarray:
    """Return the features x (n, F) of a Block as a Dataset has them: minus the offsets."""
    return (x - schema.offsets).astype(dtype) if schema.offsets.any() else x


def _warn_of_known_rows(train: Dataset, test: Dataset, where: str) -> None:
    """Warn if most test rows are in `train`, unless its own rows come again as often."""
    known = {*_rows(train)}
    found, again = sum(row in known for row in _rows(test)), len(train) - len(known)
    if found / len(test) > 0.5 + again / len(train):
        wrong = f"{found} of {len(test)} test rows are also rows to train on"
        facts = f"the {counted(len(train), 'row')} of {train.name} hold them with the same label"
        remedy = "give other rows, or leave test=FILE out to have some held out"
        warn_once(where, wrong, facts, remedy)


def _rows(dataset):
    """Yield a hash of each row and its label."""
    for x, y in zip(np.ascontiguousarray(dataset.x), dataset.y.tolist(), strict=True):
        yield hash((x.tobytes(), y))


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
    source, test = find(run.facts, run.folder)
    if "-" in (source, test):
        wrong = "the data cannot be read again"
        raise DataError("standard input", wrong, "it came from a pipe", "train on a file")
    with warnings.catch_warnings():  # the run has given them
        warnings.simplefilter("ignore", MinigradWarning)
        dataset = read_data(source, {**run.reading, "test": test})
    check_data(source, test, fingerprints(dataset), run.facts["data"])
    return dataset


def find(about: dict, folder: str) -> tuple[str, str | None]:
    """Return where the data of a run is, and the file of its option `test` if it has one.

    That is the old path or, in case the project was moved, the name that was given.

    Raises:
        DataError: about `folder`, if one of the two is gone, or about what has taken its place.
    """
    data, found = about["data"], []
    named = about["path"], data["source"], "data"
    tests = data.get("test_path"), about["options"]["test"], "test file"
    for path, given, what in (named, tests):
        places = [place for place in (path, given) if place and os.path.exists(place)]
        if path and not places:
            wrong = f"the {what} of the run cannot be found"
            raise DataError(folder, wrong, path, "put it back there")
        found.append(place := places[0] if path else given)
        if place in (None, "-", *BUILTIN) or not os.path.exists(place):
            continue
        if not (os.path.isfile(place) or os.path.isdir(place)):
            wrong, facts = f"the {what} of the run is not a file", kind_of_file(os.stat(place))
            raise DataError(place, wrong, f"it is {facts}", "put the file back there")
    return found[0], found[1]


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


def fingerprints(dataset: Dataset) -> dict[str, str]:
    """Return the fingerprint of a run's data and, if it has a test set, of the other rows alone."""
    found = {"sha256": fingerprint(dataset)}
    if dataset.test is not None:
        found["rows_sha256"] = fingerprint(replace(dataset, test=None))
    return found


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
        schema, self._about = classifier.schema, classifier.training.get("data")
        try:
            check(self._about, headers.ABOUT["data"])
        except ValueError:  # another writer's, who may put anything there
            self._about = {}
        self._schema, self._dtype = schema, classifier.architecture["dtype"]
        names = schema.feature_names, schema.class_names
        shape = self._about.get("rows"), len(schema.feature_names)
        head = _head(*names, shape, self._dtype, schema)
        self._digest, self.split = hashlib.sha256(head), {}

    def watch(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Yield the blocks."""
        labels = []
        for block in blocks:
            x = as_in_a_dataset(block.x, self._schema, self._dtype)
            self._digest.update(np.ascontiguousarray(x))
            labels.append(block.y)
            yield block
        for y in labels:
            self._digest.update(y)
        own = self._about.get("rows_sha256", self._about.get("sha256"))
        if self._digest.hexdigest() == own:
            self.split = self._about["split"]


def check_data(source: str, test: str | None, now: dict[str, str], then: dict[str, str]) -> None:
    """Refuse data whose `fingerprints` are not those that the run began with.

    test: the file of the test rows, if there is one; the error is about it if only these changed.

    Raises:
        DataError: if the two differ.
    """
    if now["sha256"] == then["sha256"]:
        return
    what, name = "data", source
    if test is not None and now["rows_sha256"] == then.get("rows_sha256"):
        what, name = "test file", test
    wrong = f"the {what} has changed since the run began"
    facts = f"SHA-256 {then['sha256'][:12]}… at the start, {now['sha256'][:12]}… now"
    raise DataError(name_of(name), wrong, facts, "restore it, or start again with init_from=RUN")
