"""Delimited text as a Dataset: which column is the label, and what becomes of the others."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ..errors import ArgumentError, DataError
from ..text import did_you_mean, listed, shown
from .csv_file import DELIMITERS, Table, find_header
from .dataset import Column, Dataset, Schema
from .labels import Codes, check_classes, classes_of, with_one_hot
from .problems import ABSENT, Problems

MOST_VALUES = 1000  # of a one-hot column; more are names or numbers, not categories


def load_delimited(
    lines: Iterator[str],
    where: str,
    *,
    name: str,
    dtype: np.dtype,
    delimiter: str | None,
    header: str,
    label: str | int | None,
    one_hot: tuple[str | int, ...],
    drop: tuple[str | int, ...],
    missing: str,
) -> Dataset:
    """Return the Dataset in the lines of delimited text; see `load` for the options."""
    table = Table(lines, where, delimiter, header, lambda rows: find_header(rows, where))
    numbers, hot, y_column = _choose(table, label, one_hot, drop)
    words = {i: Codes() for i in (*hot, y_column)}
    problems = Problems(where, table.names, numbers, y_column, missing, dtype)
    # Growing buffers: a list of blocks would need the memory twice when it is joined.
    buffer, buffers = bytearray(), {i: bytearray() for i in words}
    for x, codes, *_ in table.values(words, problems):
        buffer += x.data
        for i, code in codes.items():
            buffers[i] += code.data
    if problems.rows == 0:
        facts = "there is nothing to learn from, whether row 1 holds names or values"
        raise DataError(where, "has only one row", facts, "give a file with rows below its header")
    problems.check()
    codes = {i: np.frombuffer(code, np.int64) for i, code in buffers.items()}
    class_names, index = classes_of(words[y_column].words, where)
    y = index[codes[y_column]]
    check_classes(y, class_names, where)
    columns = _columns(table, numbers, hot, words)
    x = np.frombuffer(buffer, dtype).reshape(len(y), len(numbers))
    if hot:
        x = with_one_hot(x, columns, {i: _sorted(codes[i], words[i]) for i in hot})
    y_name, by_name = table.names[y_column], table.has_header
    columns = tuple(columns.values())
    schema = Schema(columns, y_name, class_names, missing, by_name, table.delimiter)
    notes = (
        f"delimiter: {DELIMITERS[table.delimiter]} ({'found' if delimiter is None else 'given'}); "
        f"header: {'row 1' if by_name else 'none'} ({'found' if header == 'auto' else 'given'})",
        *problems.notes(),
        f"label: column {shown(y_name)}{', the last one' if label is None else ''}; "
        f"{len(class_names)} classes",
    )
    return Dataset(x, y, schema.feature_names, class_names, name, schema, notes=notes)


def _choose(table, label, one_hot, drop):
    """Return the positions of the columns of numbers, of the one-hot ones and of the label."""
    where, names = table.where, table.names
    dropped = {*positions_of(names, drop, "drop")}
    hot = {*positions_of(names, one_hot, "one-hot")}
    left = [i for i in range(len(names)) if i not in dropped]
    if len(left) < 2:
        wrong = "has too few columns for a label and a feature"
        facts = f"{len(names)} in row 1, separated by {shown(table.delimiter)}, "
        facts += f"{len(dropped)} dropped"
        remedy = "drop fewer, or pass delimiter=CHAR if another one separates them"
        raise DataError(where, wrong, facts, remedy)
    y_column = left[-1] if label is None else _position(names, label, "label")
    for chosen, other, options in (
        ({y_column}, dropped, "label and drop"),
        ({y_column}, hot, "label and one-hot"),
        (hot, dropped, "one-hot and drop"),
    ):
        for i in sorted(chosen & other):
            wrong = f"{options} both name column {shown(names[i])}"
            raise ArgumentError("load", wrong, f"columns {listed(names)}", "name it in one of them")
    for i in left:
        if not names[i]:
            facts = f"columns {listed(names)}, counted from 0"
            remedy = f"name it in row 1, or pass drop=[{i}] if it only numbers the rows"
            raise DataError(where, f"column {i} has no name", facts, remedy)
    numbers = [i for i in left if i != y_column and i not in hot]
    return numbers, sorted(hot), y_column


def positions_of(names: Sequence[str], columns: Iterable[str | int], option: str) -> list[int]:
    """Return the positions of columns that are given one by one or as comma lists.

    Raises ArgumentError if there is no such column; `option` is what named it.
    """
    found = []
    for column in columns:
        single = column in names or not isinstance(column, str)
        for part in [column] if single else column.split(","):
            found.append(_position(names, part, option))
    return found


def _position(names, column, option):
    """Return the position of a column given by name or by index, from the end if negative."""
    if column in names:
        return names.index(column)
    try:
        return range(len(names))[int(column)]
    except (ValueError, IndexError):
        wrong = f"{option} {column!r} is not a column"
        facts = f"columns {listed(names)}, or 0 to {len(names) - 1}"
        remedy = did_you_mean(str(column), names, "choose one of these")
        raise ArgumentError("load", wrong, facts, remedy) from None


def _columns(table, numbers, hot, words):
    """Return the Column of each position that gives features, in the order of the file."""
    columns = {}
    for i in sorted((*numbers, *hot)):
        name, values = table.names[i], tuple(sorted(words[i].words)) if i in hot else None
        if values is not None and len(values) > MOST_VALUES:
            wrong = f"column {shown(name)} has too many values for one-hot"
            facts = f"{len(values)} different ones, and at most {MOST_VALUES} are taken"
            raise DataError(table.where, wrong, facts, f"pass drop=[{name!r}]")
        columns[i] = Column(name, values)
    return columns


def _sorted(codes, known):
    """Return the codes as indices into the sorted values, ABSENT unchanged."""
    place = {value: i for i, value in enumerate(sorted(known.words))}
    index = np.array([*(place[value] for value in known.words), ABSENT])
    return index[codes]  # ABSENT is -1, and so finds the last one
