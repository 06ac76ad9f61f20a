"""The rows of a file block by block, as the features and labels that a schema describes."""

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from ..errors import DataError
from ..text import counted, listed, shown
from .arrays import ROWS_AT_ONCE, sort_out
from .builtin import BUILTIN, load_builtin
from .csv_file import Table
from .dataset import Schema
from .files import check_path, name_of, open_text
from .labels import Codes, with_one_hot
from .problems import Problems, is_missing, is_number
from .source import check_options, read_arrays


class Block(NamedTuple):
    """Some rows of a file.

    x (n, F): the features; NaN is a missing value, if schema.missing is "mean".
    y (n,) int64: indices into schema.class_names; None if labels were not asked for.
    numbers: the number of each row in the file; n of them.
    skipped: how many rows were left out for a missing value, if schema.missing is "drop".
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
    dtype: DTypeLike = np.float32,
    delimiter: str | None = None,
    header: str = "auto",
) -> Rows:
    """Return the Rows of whatever `load` reads, as features in the schema's order.

    Text is read in constant memory, gzip or not. Its columns are found by name. If the schema's own
    file had no header they are found by position: a file may have the same columns as that one, or
    the features alone. If a folder has a test set, that is read.

    labels: whether to read the labels too.
    delimiter, header: as in `load`.

    Raises DataError if columns are missing, and while iterating for a value that cannot be used:
    the rest of the file is read first, so that the error counts all such values.
    """
    check_path("read_rows", source)
    dtype, delimiter = check_options("read_rows", dtype, delimiter, header)
    where = name_of(source)
    if isinstance(source, str) and source in BUILTIN:
        return _builtin_rows(source, schema, labels, dtype)
    if (arrays := read_arrays(source, where, labels)) is not None:
        return _array_rows(arrays[-1], schema, labels, dtype)
    return _text_rows(open_text(source), where, schema, labels, dtype, delimiter, header)


def _builtin_rows(name, schema, labels, dtype):
    dataset = load_builtin(name, dtype)
    own = dataset.schema
    if own.columns != schema.columns or labels and own.class_names != schema.class_names:
        sizes = [f"{len(s.columns)} and {len(s.class_names)}" for s in (own, schema)]
        wrong = "the built-in set has other columns or classes than the schema"
        remedy = "give a file with the columns and classes of the training data"
        raise DataError(name, wrong, f"{sizes[0]}, the schema has {sizes[1]}", remedy)
    numbers = range(1, len(dataset) + 1)
    return Rows(iter([Block(dataset.x, dataset.y if labels else None, numbers, 0)]))


def _array_rows(arrays, schema, labels, dtype):
    where, x = arrays.where, arrays.x
    words = [column.name for column in schema.columns if column.values is not None]
    if words:
        wrong = "x holds numbers, and the schema has columns of words"
        raise DataError(where, wrong, f"columns {listed(words)}", "give a CSV or TSV file")
    if x.shape[1] != len(schema.columns):
        wrong = f"x does not fit a schema of {counted(len(schema.columns), 'feature')}"
        remedy = "give the features of the training data, in their order"
        raise DataError(where, wrong, f"x {x.shape}", remedy)
    known = Codes(schema.class_names) if labels else None
    kept, codes, problems = sort_out(arrays, known, schema.missing, dtype, trained=True)

    def blocks():
        for start in range(0, len(x), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            y = codes[part][kept[part]] if labels else None
            numbers = start + np.flatnonzero(kept[part])
            skipped = int(np.sum(~kept[part]))
            yield Block(problems.features(x[part], kept[part]), y, numbers, skipped)

    return Rows(blocks())


def _text_rows(lines, where, schema, labels, dtype, delimiter, header):
    def find_header(rows):
        return _is_header(rows[0], schema)

    table = Table(lines, where, delimiter, header, find_header, schema.delimiter)
    places, y_place = _places(table, schema, labels)
    columns = dict(zip(places, schema.columns, strict=True))
    words = {i: Codes(column.values) for i, column in columns.items() if column.values is not None}
    numbers = [i for i in places if i not in words]
    hot = bool(words)
    if y_place is not None:
        words[y_place] = Codes(schema.class_names)
    problems = Problems(where, table.names, numbers, y_place, schema.missing, dtype, trained=True)

    def blocks():
        for x, codes, row_numbers, skipped in table.values(words, problems):
            if not problems.error():
                x = with_one_hot(x, columns, codes) if hot else x
                yield Block(x, codes.get(y_place), row_numbers, skipped)
        problems.check()

    used = {*places, y_place}
    extra = [name or f"column_{i}" for i, name in enumerate(table.names) if i not in used]
    return Rows(blocks(), tuple(extra))


def _is_header(first, schema):
    """Whether the first row of a file names its columns.

    It does if the training file's did. Otherwise it does if none of its fields is a value.
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
        remedy = "name them in row 1"
        if not labels:
            remedy += ", or pass header='no' for a file of the features alone, in order"
        wrong = f"lacks {len(missing)} of {counted(len(wanted), 'column')}"
        facts = f"{listed(missing)}; row 1 has {listed(names)}"
        raise DataError(where, wrong, facts, remedy)
    # By position: the features alone, or with the labels behind them if these had no column.
    places = list(range(len(features)))
    if len(names) == len(features) and not labels:
        return places, None
    if len(names) == len(features) + 1 and not schema.label:
        return places, len(features) if labels else None
    nameless = "" if table.has_header else " without names"
    label = f", and the label in {shown(schema.label)}" if schema.label else ""
    wrong = f"has {counted(len(names), 'column')}{nameless}"
    facts = f"the schema has {counted(len(features), 'column')} of features{label}"
    remedy = "give the columns of the training file, or without labels the features alone"
    raise DataError(where, wrong, facts, remedy)
