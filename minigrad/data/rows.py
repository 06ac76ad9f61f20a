"""The rows of a file block by block, as the features and labels that a schema describes."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from ..errors import ArgumentError, DataError
from ..text import counted, listed, shown
from .arrays import ROWS_AT_ONCE, sort_out
from .builtin import BUILTIN, load_builtin
from .columns import positions_of
from .csv_file import TextTable
from .dataset import Schema
from .files import check_path, name_of, open_text
from .labels import Codes, with_one_hot
from .problems import UNSEEN_RULES, Findings, Problems
from .source import check_options, read_arrays


class Block(NamedTuple):
    """Some rows of a file, m of them, of which n can be used.

    x (n, F): the features; NaN is a missing value, if schema.missing is "mean".
    y (n,) int64: indices into schema.class_names; None if labels were not asked for.
    numbers: the number of each of the n rows in the file.
    usable (m,) bool: which rows of the block these are. The others have a missing value that is not
        filled, a missing label, or a word that the training data did not have.
    kept: the texts of the columns that were asked for, for each of the m rows.
    """

    x: np.ndarray
    y: np.ndarray | None
    numbers: Sequence[int]
    usable: np.ndarray
    kept: Sequence[tuple[str, ...]] = ()

    @property
    def skipped(self) -> int:
        """How many rows cannot be used."""
        return int(np.sum(~self.usable))


class Rows:
    """An iterator over the Blocks of a file, once through.

    extra: the names of the columns that are not used.
    kept: the names of the columns whose texts each Block has.
    unusable: the first cells for which the rows so far cannot be used, and their number.
    """

    def __init__(
        self,
        blocks: Iterator[Block],
        unusable: Findings,
        extra: tuple[str, ...] = (),
        kept: tuple[str, ...] = (),
    ):
        self._blocks, self.unusable, self.extra, self.kept = blocks, unusable, extra, kept

    def __iter__(self):
        return self._blocks


def read_rows(
    source: str | os.PathLike,
    schema: Schema,
    *,
    labels: bool = False,
    dtype: DTypeLike = np.float64,
    header: str = "auto",
    unseen: str = "skip",
    keep: Sequence[str | int] = (),
    **written: Any,
) -> Rows:
    """Return the Rows of whatever `load` reads, as features in the schema's order.

    Text is read in constant memory, gzip or not. Its columns are found by name. If the schema's own
    file had no header they are found by position: a file may have the same columns as that one, or
    the features alone. If a folder has a test set, that is read.

    labels: whether to read the labels too.
    dtype: of x, float64 or float32; a classifier converts it to its own.
    header: as in `load`.
    unseen: what becomes of a row with a word that its one-hot column did not have in training:
        "skip": it cannot be used, like one with a missing value that is not filled; "zero": all of
        the column's features are 0; "error". A row with another label can never be used.
    keep: columns of a text file whose texts are wanted for each row: names, indices, or comma
        lists of these.
    written: the options of `load` that say how the text is written: delimiter, decimal, thousands,
        encoding, skip, na. What is not given is as in training; a delimiter is found.

    Raises DataError if columns are missing, and while iterating for a value that is neither used
    nor missing, such as a word in a column of numbers: the rest of the file is read first, so that
    the error counts all such values. Raises ArgumentError for an unknown option or column to keep.
    """
    check_path("read_rows", source)
    if unseen not in UNSEEN_RULES:
        wrong, facts = f"unseen {unseen!r} is unknown", f"it can be {', '.join(UNSEEN_RULES)}"
        raise ArgumentError("read_rows", wrong, facts, "leave it out for 'skip'")
    dtype = check_options("read_rows", dtype, header)
    form = replace(schema.form, delimiter=None).changed("read_rows", **written)
    if schema.offsets.any():
        dtype = np.dtype(np.float64)  # until the model has subtracted them
    where = name_of(source)
    builtin = isinstance(source, str) and source in BUILTIN
    arrays = None if builtin else read_arrays(source, where, labels)
    if keep and (builtin or arrays):
        wrong = "only a file of text has columns to keep"
        facts = f"keep {listed([*map(str, keep)])}"
        raise ArgumentError(where, wrong, facts, "give a CSV or TSV file")
    if builtin:
        return _builtin_rows(source, schema, labels, dtype)
    if arrays:
        return _array_rows(arrays[-1], schema, labels, dtype, unseen)
    lines = open_text(source, form.encoding)
    return _text_rows(lines, where, schema, labels, dtype, form, header, unseen, keep)


def _builtin_rows(name, schema, labels, dtype):
    dataset = load_builtin(name, dtype)
    own = dataset.schema
    if own.columns != schema.columns or labels and own.class_names != schema.class_names:
        sizes = [f"{len(s.columns)} and {len(s.class_names)}" for s in (own, schema)]
        wrong = "the built-in set has other columns or classes than the schema"
        remedy = "give a file with the columns and classes of the training data"
        raise DataError(name, wrong, f"{sizes[0]}, the schema has {sizes[1]}", remedy)
    numbers = range(1, len(dataset) + 1)
    block = Block(dataset.x, dataset.y if labels else None, numbers, np.ones(len(dataset), bool))
    return Rows(iter([block]), Findings())


def _array_rows(arrays, schema, labels, dtype, unseen):
    where, x = arrays.where, arrays.x
    words = [column.name for column in schema.columns if column.values is not None]
    if words:
        wrong = "x holds numbers, and the schema has columns of words"
        raise DataError(where, wrong, f"columns {listed(words)}", "give a CSV or TSV file")
    if arrays.image not in (None, schema.image or arrays.image):
        wrong = "the images do not have the shape of the training data's"
        facts = "{} × {} × {}, not {} × {} × {}".format(*arrays.image, *schema.image)
        raise DataError(where, wrong, facts, "give images of the same channels, height and width")
    if x.shape[1] != len(schema.columns):
        wrong = f"x does not fit a schema of {counted(len(schema.columns), 'feature')}"
        remedy = "give the features of the training data, in their order"
        if schema.image and schema.image[0] == 1 and x.shape == schema.image[1:]:
            remedy = "save a single image as x[None]"
        raise DataError(where, wrong, f"x {x.shape}", remedy)
    known = Codes(schema.class_names) if labels else None
    rules = {"trained": True, "unseen": unseen}
    kept, codes, problems = sort_out(arrays, known, schema.missing, dtype, **rules)

    def blocks():
        for start in range(0, len(x), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            y = codes[part][kept[part]] if labels else None
            numbers = start + np.flatnonzero(kept[part])
            yield Block(problems.features(x[part], kept[part]), y, numbers, kept[part])

    return Rows(blocks(), problems.unusable)


def _text_rows(lines, where, schema, labels, dtype, form, header, unseen, keep):
    def find_header(rows):
        return _is_header(rows[0], schema)

    table = TextTable(lines, where, form, header, find_header, schema.form.delimiter)
    places, y_place = _places(table, schema, labels)
    columns = dict(zip(places, schema.columns, strict=True))
    words = {
        i: Codes(column.values, form) for i, column in columns.items() if column.values is not None
    }
    numbers = [i for i in places if i not in words]
    hot = bool(words)
    if y_place is not None:
        words[y_place] = Codes(schema.class_names, form)
    rules = {"trained": True, "unseen": unseen, "form": form}
    problems = Problems(where, table.names, numbers, y_place, schema.missing, dtype, **rules)
    carried = positions_of(table.names, keep, "keep")
    if twice := [i for i in carried if carried.count(i) > 1]:
        wrong, facts = (
            f"keep names column {shown(table.names[twice[0]])} twice",
            f"keep {listed([*map(str, keep)])}",
        )
        raise ArgumentError(where, wrong, facts, "name it once")

    def blocks():
        for x, codes, usable, rows, row_numbers in table.values(words, problems):
            if not problems.error():
                x = with_one_hot(x, columns, codes) if hot else x
                kept = [tuple(row[i] for i in carried) for row in rows] if carried else ()
                if not usable.all():
                    row_numbers = list(compress(row_numbers, usable))
                yield Block(x, codes.get(y_place), row_numbers, usable, kept)
            elif problems.enough:
                break
        problems.check()

    names = [name or f"column_{i}" for i, name in enumerate(table.names)]
    used = {*places, y_place, *carried}
    extra = tuple(name for i, name in enumerate(names) if i not in used)
    return Rows(blocks(), problems.unusable, extra, tuple(names[i] for i in carried))


def _is_header(first, schema):
    """Whether the first row of a file names its columns.

    It does if the training file's did. Otherwise it does if there are columns of numbers, and none
    of its fields is a value; where all columns hold words, a word may always be a new value.
    """
    if schema.by_name or all(column.values is not None for column in schema.columns):
        return schema.by_name
    values = {value for column in schema.columns for value in column.values or ()}
    values.update(schema.class_names)
    form = schema.form
    return not any(form.is_number(c) or form.is_missing(c) or c.strip() in values for c in first)


def _places(table, schema, labels):
    """Return the positions of the schema's columns and of the label, None without labels."""
    names, where = table.names, table.where
    features = [column.name for column in schema.columns]
    wanted = [*features, schema.label] if labels and schema.label else features
    by_name = schema.by_name or (table.has_header and set(wanted) <= set(names))
    numbered = all(place_of(name) is not None for name in (*features, schema.label))
    if numbered and not by_name:
        return _places_without_names(table, schema, labels)
    place = {name: i for i, name in enumerate(names)}
    if len(place) < len(names):  # of two with the same name, training may have dropped one
        left = [i for i in range(len(names)) if i not in schema.dropped]
        table.check_names(i for i in left if names[i] in wanted)
        place |= {names[i]: i for i in left}
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


def _places_without_names(table, schema, labels):
    """Return the same for a schema whose file had no names: the number of columns tells them apart.

    They are those of the training file, all of these but the label, or the features alone.
    """
    width, count = len(table.names), len(schema.columns)
    places = [place_of(column.name) for column in schema.columns]
    label = place_of(schema.label)
    whole = 1 + count + len(schema.dropped) + len(schema.left_out)
    if width == whole and max(*places, label) < whole:
        return places, label if labels else None
    if width == whole - 1 and max(*places, label) < whole and not labels:
        return [place - (place > label) for place in places], None
    if width == count and not labels:
        return list(range(count)), None
    wrong = f"has {counted(width, 'column')}, and the training file had {whole}, without names"
    facts = f"{whole - 1} without the label, {counted(count, 'column')} of features alone"
    if labels:
        facts = f"the label is in {shown(schema.label)}"
    raise DataError(table.where, wrong, facts, "give a file of one of these widths")


def place_of(name: str) -> int | None:
    """Return 3 for "column_3", and None for another name."""
    number = name.removeprefix("column_")
    return int(number) if number.isdecimal() and number != name else None
