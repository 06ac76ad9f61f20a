"""`load`: a built-in set by its name, or a file or folder by its path."""

import os
from dataclasses import replace

import numpy as np

from ..errors import ArgumentError, DataError
from ..text import did_you_mean
from .arrays import to_dataset
from .builtin import BUILTIN, load_builtin
from .dataset import Dataset
from .delimited import load_delimited
from .dialect import check_delimiter, check_header
from .findings import check_dtype
from .kinds import read_arrays
from .schema import MISSING_RULES
from .text import name_of, open_text


def load(
    source: str | os.PathLike,
    *,
    dtype: np.dtype = np.float32,
    delimiter: str | None = None,
    header: str = "auto",
    label: str | int | None = None,
    one_hot: tuple[str | int, ...] = (),
    drop: tuple[str | int, ...] = (),
    missing: str = "error",
) -> Dataset:
    """Return a Dataset: x (N, F) of `dtype`, y (N,) int64, unscaled and in the file's order.

    source: the name of a built-in set (see BUILTIN), the path of a CSV or TSV file, gzip or not,
        "-" for one from standard input, the path of an NPZ file, or of a folder of NPY or IDX
        files. A name wins over a path: for a file called iris give "./iris". docs/data.md has the
        formats.

    For CSV and TSV files:

    delimiter: one of , ; tab |, found if None.
    header: whether row 1 names the columns: "yes", "no", or "auto" to find out.
    label: the name or the index of the label's column, negative from the end; None is the last.
    one_hot: columns of categories, each value of which becomes a feature, 1 where it stands.
    drop: columns to leave out.

    missing: what to do with a missing value: "error"; "drop" leaves its row out; "mean" keeps it,
        as NaN, for Scaling to fill.

    Raises DataError for a file that cannot be used, with the row and column, ArgumentError for an
    option outside of what it can be.
    """
    check_header(header)
    delimiter = check_delimiter(delimiter)
    dtype = check_dtype("load", dtype)
    if missing not in MISSING_RULES:
        raise ArgumentError(
            "load",
            f"missing {missing!r} is unknown",
            f"there are {', '.join(MISSING_RULES)}",
            "leave it out, and a missing value is an error",
        )
    of_text = {"delimiter": delimiter, "label": label, "one_hot": one_hot, "drop": drop}
    if source in BUILTIN:  # a Path is not
        _refuse("a built-in set", of_text, header)
        dataset = load_builtin(source, dtype, missing)
        if os.path.exists(source):
            note = f"data: the built-in set {source}; ./{source} would be what is in this folder"
            dataset = replace(dataset, notes=(note,))
        return dataset
    where = name_of(source)
    if source != "-" and not os.path.lexists(source):
        raise _not_found(where)
    name = _stem(source)
    if (arrays := read_arrays(source, where, True)) is not None:
        _refuse("a file of arrays", of_text, header)
        return to_dataset(arrays[0], name, dtype, missing, *arrays[1:])
    return load_delimited(
        open_text(source),
        where,
        name=name,
        dtype=dtype,
        delimiter=delimiter,
        header=header,
        label=label,
        one_hot=tuple(one_hot),
        drop=tuple(drop),
        missing=missing,
    )


def _refuse(kind, options, header):
    """Raise ArgumentError where options are given that only a text has a use for."""
    given = [name for name, value in options.items() if value not in (None, ())]
    given += [] if header == "auto" else ["header"]
    if given:
        raise ArgumentError(
            "load",
            f"{kind} takes no {given[0]}",
            f"given: {', '.join(given)}",
            "these are for CSV and TSV files: leave them out",
        )


def _not_found(where):
    return DataError(
        "load",
        f"no built-in set and no file is called {where!r}",
        f"built in are {', '.join(BUILTIN)}",
        did_you_mean(where, BUILTIN, "choose one, or check the path"),
    )


def _stem(source):
    """Return what a set is called: its file's name without folder and ending."""
    if source == "-":
        return "stdin"
    name = os.path.basename(os.path.abspath(source))
    return name if os.path.isdir(source) else os.path.splitext(name.removesuffix(".gz"))[0]
