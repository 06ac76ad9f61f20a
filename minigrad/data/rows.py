"""The rows of a file block by block, as the features and labels that a schema describes."""

import os
from collections.abc import Iterator, Sequence
from itertools import starmap
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..text import listed, shown
from .arrays import array_blocks
from .builtin import BUILTIN, load_builtin
from .csv_file import Cells, Table, check_delimiter, check_header
from .dataset import Schema
from .files import name_of, open_text
from .labels import Codes, with_one_hot
from .problems import Problems, is_missing, is_number
from .source import check_dtype, read_arrays


class Block(NamedTuple):
    """Some rows of a file.

    x (n, F): the features, NaN where a value is missing and schema.missing is "mean".
    y (n,) int64: indices into schema.class_names; None where labels were not asked for.
    numbers: which row of the file each one is; n of them.
    skipped: how many of its rows were left out for a missing value; schema.missing is "drop".
    """

    x: np.ndarray
    y: np.ndarray | None
    numbers: Sequence[int]
    skipped: int


class Rows:
    """An iterator over the Blocks of a file, once through.

    extra: the names of the columns that are not used.
    """

    def __init__(self, blocks: Iterator[Block], extra: tuple[str, ...] = ()):
        self._blocks, self.extra = blocks, extra

    def __iter__(self):
        return self._blocks


def read_rows(
    source: str | os.PathLike,
    schema: Schema,
    *,
    labels: bool = False,
    dtype: np.dtype = np.float32,
    delimiter: str | None = None,
    header: str = "auto",
) -> Rows:
    """Return the Rows of whatever `load` reads, as features in the schema's order.

    A text is read in constant memory, gzip or not. Its columns are found by name. Where the file
    that the schema is from had no header they are found by place: a file may have the same
    columns as that one, or the features alone. Of a folder with a test set that one is read.

    labels: whether to read the labels too.
    delimiter, header: as in `load`.

    Raises DataError where columns are missing, and while iterating for a value that cannot be
    used: the rest of the file is looked through first, so that the error counts all of them.
    """
    check_header(header)
    dtype = check_dtype("read_rows", dtype)
    delimiter = check_delimiter(delimiter)
    where = name_of(source)
    if isinstance(source, str) and source in BUILTIN:
        return _builtin_rows(source, schema, labels, dtype)
    if (arrays := read_arrays(source, where, labels)) is not None:
        return Rows(starmap(Block, array_blocks(arrays[-1], schema, labels, dtype)))
    return _text_rows(open_text(source), where, schema, labels, dtype, delimiter, header)


def _builtin_rows(name, schema, labels, dtype):
    dataset = load_builtin(name, dtype)
    own = dataset.schema
    if own.columns != schema.columns or labels and own.class_names != schema.class_names:
        sizes = [(len(s.columns), len(s.class_names)) for s in (own, schema)]
        raise DataError(
            name,
            "the built-in set has other columns or classes than the schema",
            "{} and {}, the schema has {} and {}".format(*sizes[0], *sizes[1]),
            "give a file with the columns and classes of the training data",
        )
    numbers = range(1, len(dataset) + 1)
    return Rows(iter([Block(dataset.x, dataset.y if labels else None, numbers, 0)]))


def _text_rows(lines, where, schema, labels, dtype, delimiter, header):
    def has_header(rows):
        return _is_header(rows[0], schema) if header == "auto" else header == "yes"

    table = Table(lines, where, delimiter, has_header, schema.delimiter)
    places, y_place = _places(table, schema, labels)
    columns = dict(zip(places, schema.columns, strict=True))
    texts = {i: Codes(column.values) for i, column in columns.items() if column.values is not None}
    numbers = [i for i in places if i not in texts]
    hot = bool(texts)
    if y_place is not None:
        texts[y_place] = Codes(schema.class_names)
    problems = Problems(schema.missing, dtype, trained=True)
    cells = Cells(table, numbers, texts, y_place, problems)
    used = {*places, y_place}
    extra = [name or f"column_{i}" for i, name in enumerate(table.names) if i not in used]

    def blocks():
        for rows, row_numbers in table.blocks():
            dropped = cells.dropped
            x, codes, kept = cells.read(rows, row_numbers)
            if not problems:
                x = with_one_hot(x, columns, codes) if hot else x
                yield Block(x, codes.get(y_place), kept, cells.dropped - dropped)
        problems.check(where)

    return Rows(blocks(), tuple(extra))


def _is_header(first, schema):
    """Whether the first row of a file names its columns.

    It does where the training file's did. Else it does where no field of it is a value.
    """
    if schema.by_name:
        return True
    values = {value for column in schema.columns for value in column.values or ()}
    values.update(schema.class_names)
    return not any(is_number(c) or is_missing(c) or c.strip() in values for c in first)


def _places(table, schema, labels):
    """Return the positions of the schema's columns and of the label, None without labels."""
    names, where = table.names, table.where
    features = [column.name for column in schema.columns]
    wanted = [*features, schema.label] if labels and schema.label else features
    if not schema.by_name and not set(wanted) <= set(names):
        names = [f"column_{i}" for i in range(len(names))]
    place = {name: i for i, name in enumerate(names)}
    missing = [name for name in wanted if name not in place]
    if not missing and (schema.label or not labels):
        places = [place[name] for name in wanted]
        return places[: len(features)], places[-1] if labels else None
    if table.has_header and schema.by_name and missing:
        raise DataError(
            where,
            f"{len(missing)} of {len(wanted)} columns are missing",
            f"{listed(missing)}; row 1 has {listed(names)}",
            "name them in row 1"
            + (", or pass --header no for a file of the features alone, in order" * (not labels)),
        )
    # By place: the features alone, or where the label had no column of its own, behind them.
    places = list(range(len(features)))
    if len(names) == len(features) and not labels:
        return places, None
    if len(names) == len(features) + 1 and not schema.label:
        return places, len(features) if labels else None
    nameless = "" if table.has_header else " without names"
    raise DataError(
        where,
        f"has {len(names)} column{'s' * (len(names) != 1)}{nameless}",
        f"the schema has {len(features)} columns of features"
        + (f", and the label in {shown(schema.label)}" if schema.label else ""),
        "give the columns of the training file, or without labels the features alone",
    )
