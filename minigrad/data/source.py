"""What a path leads to, and `load`: a built-in set by its name, or a file or folder by its path."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..errors import ArgumentError, DataError, DTypeError
from ..text import did_you_mean, listed
from .arrays import Arrays, is_idx_folder, read_idx_folder, read_npy_folder, read_npz, to_dataset
from .builtin import BUILTIN, load_builtin
from .cells import PLAIN
from .csv_load import load_delimited
from .dataset import Dataset
from .files import OnRead, check_path, list_folder, name_of, open_text, opened
from .problems import MISSING_RULES

SINGLE_FILES = {
    b"\x93NUM": ("is a single NumPy array", "put x.npy and y.npy into one folder and give that"),
    b"\x00\x00\x08\x01": ("is a single IDX file", "give its folder"),
    b"\x00\x00\x08\x03": ("is a single IDX file", "give its folder"),
}


def load(
    source: str | os.PathLike,
    *,
    dtype: DTypeLike = np.float32,
    delimiter: str | None = None,
    header: str = "auto",
    decimal: str | None = None,
    thousands: str | None = None,
    encoding: str | None = None,
    skip: int | None = None,
    na: Iterable[str] | None = None,
    label: str | int | None = None,
    one_hot: tuple[str | int, ...] = (),
    drop: tuple[str | int, ...] = (),
    missing: str = "mean",
    classes: bool = False,
    on_read: OnRead | None = None,
) -> Dataset:
    """Return a Dataset: x (N, F) of `dtype`, y (N,) int64, unscaled and in the file's order.

    source: the name of a built-in set (see BUILTIN), the path of a CSV or TSV file, gzip or not,
        "-" for one from standard input, the path of an NPZ file, or of a folder of NPY or IDX
        files. A name wins over a path: for a file called iris give "./iris". docs/data.md has the
        formats.

    For CSV and TSV files:

    delimiter: one of , ; tab | space; None finds it.
    header: whether row 1 names the columns: "yes", "no", or "auto" to find out.
    decimal: what separates the fraction of a number, "." or ","; None is ".".
    thousands: what separates groups of three digits: "," "." "space" "apostrophe" "none"; None is
        "none".
    encoding: the encoding of the text, as Python calls it; None is "utf-8".
    skip: how many lines to skip, above the header.
    na: the texts, or comma lists of these, that are missing values, in place of those that
        docs/data.md lists. An empty cell always is one.
    label: the name or the index of the label's column, negative from the end; None is the last.
    one_hot: columns of categories; each of their values becomes a feature, 1 in its rows. A text
        column with few values is one by itself; "none" makes that an error.
    drop: columns to leave out. Both take names, indices, and comma lists of these, and a column
        with that very name comes first.

    missing: what to do with a missing value: "mean" keeps it, as NaN for Scaling to fill, and as
        zeros in the features of a one-hot column; "drop" leaves its row out; "error". A row without
        a label is left out with "mean" and "drop".
    classes: whether numeric labels are classes however many they are.
    on_read: called while text is read with the bytes read so far and the size of the file.

    Raises DataError for a file that cannot be used, with the row and column, ArgumentError for an
    unknown option or column, DTypeError if dtype is not floating.
    """
    check_path("load", source)
    dtype = check_options("load", dtype, header)
    written: dict[str, Any] = {"delimiter": delimiter, "decimal": decimal, "thousands": thousands}
    written |= {"encoding": encoding, "skip": skip, "na": na}
    form = PLAIN.changed("load", **written)
    check_missing("load", missing)
    columns = {"label": label, "one_hot": tuple(one_hot), "drop": tuple(drop)}
    for_text = {**written, **columns}
    if source in BUILTIN:  # a Path is not
        _refuse("a built-in set", for_text, header)
        return _builtin(source, dtype, missing)
    where, name = name_of(source), _stem(source)
    _check_exists(source, where)
    if (arrays := read_arrays(source, where, True)) is not None:
        _refuse("a file of arrays", for_text, header)
        return to_dataset(arrays[0], name, dtype, missing, classes, *arrays[1:])

    def lines() -> Iterator[str]:
        return open_text(source, form.encoding, on_read)

    more = {"name": name, "dtype": dtype, "header": header, "missing": missing, "classes": classes}
    more |= {"ask": decimal is None and thousands is None}
    more |= {"again": source != "-" and os.path.isfile(source)}
    return load_delimited(lines, where, form=form, **columns, **more)


def _builtin(name, dtype, missing):
    """Return a built-in set, with a note where the folder has something of that name, too."""
    dataset = load_builtin(name, dtype, missing)
    if not os.path.exists(name):
        return dataset
    note = f"data: the built-in set {name}; for what this folder has give ./{name}"
    return replace(dataset, notes=(note,))


def _check_exists(source, where):
    """Raise DataError if a path leads to nothing."""
    if source != "-" and not os.path.lexists(source):
        wrong = f"no built-in set and no file is called {where!r}"
        remedy = did_you_mean(where, BUILTIN, "choose one, or check the path")
        raise DataError("load", wrong, f"built in are {', '.join(BUILTIN)}", remedy)


def check_options(where: str, dtype: DTypeLike, header: str) -> np.dtype:
    """Return dtype as a np.dtype.

    Raises DTypeError if it is not floating, ArgumentError for another header than yes, no and auto.
    """
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        wrong, remedy = "features are floating", "give dtype=np.float32 or np.float64"
        raise DTypeError(where, wrong, f"dtype {dtype}", remedy)
    if header not in ("yes", "no", "auto"):
        wrong, remedy = f"header {header!r} is unknown", "leave it out to have it found"
        raise ArgumentError(where, wrong, "it can be yes, no, auto", remedy)
    return dtype


def check_missing(where: str, missing: str) -> None:
    """Raise ArgumentError for what is not a rule for missing values."""
    if missing not in MISSING_RULES:
        wrong, facts = f"missing {missing!r} is unknown", f"it can be {', '.join(MISSING_RULES)}"
        raise ArgumentError(where, wrong, facts, "leave it out for 'mean'")


def _refuse(kind, options, header):
    """Raise ArgumentError if options are given that make sense for text only."""
    given = [name for name, value in options.items() if value not in (None, ())]
    given += [] if header == "auto" else ["header"]
    if given:
        remedy = "these are for CSV and TSV files: leave them out"
        wrong, facts = f"{kind} takes no {given[0]}", f"given: {', '.join(given)}"
        raise ArgumentError("load", wrong, facts, remedy)


def _stem(source):
    """Return the name of a data set: its file's name without folder and ending."""
    if source == "-":
        return "stdin"
    name = os.path.basename(os.path.abspath(source))
    return name if os.path.isdir(source) else os.path.splitext(name.removesuffix(".gz"))[0]


def read_arrays(source: str | os.PathLike, where: str, need_y: bool) -> list[Arrays] | None:
    """Return the arrays that a path leads to, two if it has a test set, None if it leads to text.

    Raises DataError for a folder of something else, and for a file that cannot be used.
    """
    if source == "-":  # standard input is text, even if a file has that name
        return None
    if os.path.isdir(source):
        names = list_folder(source, where)
        if "x.npy" in names or "y.npy" in names:
            return [read_npy_folder(source, names, where, need_y)]
        if is_idx_folder(names):
            return read_idx_folder(source, names, where, need_y)
        wrong = "is a folder without data that minigrad can read"
        facts = f"it holds {listed(names, 5) or 'nothing'}"
        remedy = "give a file, or a folder with x.npy and y.npy or with MNIST's IDX files"
        raise DataError(where, wrong, facts, remedy)
    if not os.path.isfile(source):  # a pipe, which can be read only once: text
        return None
    with opened(source) as file:
        start = file.peek(4)[:4]
    if start == b"PK\x03\x04":
        return [read_npz(source, where, need_y)]
    if start in SINGLE_FILES:
        what, remedy = SINGLE_FILES[start]
        raise DataError(where, what, "features and labels are two arrays", remedy)
    return None
