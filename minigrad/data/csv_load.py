"""A delimited text as a Dataset: which column is the label, and what becomes of the others."""

from collections.abc import Iterator

import numpy as np

from ..errors import ArgumentError, DataError
from ..text import did_you_mean, listed, shown
from .csv_file import DELIMITERS, Cells, Table, find_header
from .dataset import Column, Dataset, Schema
from .labels import Codes, check_classes, classes_of, with_one_hot
from .problems import DECIMAL_COMMA, Problems

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
    """Return the Dataset in the lines of a delimited text; see `load` for the options."""

    def has_header(rows):
        return find_header(rows, where) if header == "auto" else header == "yes"

    table = Table(lines, where, delimiter, has_header)
    numbers, hot, y_column = _choose(table, label, one_hot, drop)
    texts = {i: Codes() for i in (*hot, y_column)}
    problems = Problems(missing, dtype)
    cells = Cells(table, numbers, texts, y_column, problems)
    # Growing buffers: a list of blocks would need the memory twice when it is joined.
    buffer, codes = bytearray(), {i: bytearray() for i in texts}
    for rows, row_numbers in table.blocks():
        values, block_codes, _ = cells.read(rows, row_numbers)
        buffer += values.data
        for i, code in block_codes.items():
            codes[i] += code.data
    if cells.rows == 0:
        raise _no_rows(where)
    _check_columns(cells)
    problems.check(where)
    if cells.rows == cells.dropped:
        raise DataError(
            where,
            "every row has a missing value",
            f"{cells.rows} rows: {problems.places()}",
            "pass --missing mean, or --drop COL for a column without values",
        )
    class_names, index = classes_of(texts[y_column].values, where)
    y = index[np.frombuffer(codes[y_column], np.int64)]
    check_classes(y, class_names, where)
    columns = _columns(table, numbers, hot, texts)
    x = np.frombuffer(buffer, dtype).reshape(len(y), len(numbers))
    if hot:
        x = with_one_hot(x, columns, {i: _sorted_codes(codes[i], texts[i]) for i in hot})
    schema = Schema(
        tuple(columns.values()),
        table.names[y_column],
        class_names,
        missing,
        table.has_header,
        table.delimiter,
    )
    notes = [_how_divided(table, delimiter, header), *problems.notes(cells.rows, cells.dropped)]
    last = ", the last one" if label is None else ""
    notes.append(f"label: column {shown(schema.label)}{last}; {len(class_names)} classes")
    return Dataset(x, y, schema.feature_names, class_names, name, schema, notes=tuple(notes))


def _no_rows(where):
    return DataError(
        where,
        "has no rows but the first",
        "row 1 alone, names or values, is nothing to learn from",
        "give a file with rows below its header",
    )


# ---- the columns -------------------------------------------------------------------------------


def _choose(table, label, one_hot, drop):
    """Return the positions of the columns of numbers, the one-hot ones and the label."""
    where, names = table.where, table.names
    dropped = {_position(names, column, "drop") for column in drop}
    hot = {_position(names, column, "one-hot") for column in one_hot}
    left = [i for i in range(len(names)) if i not in dropped]
    if len(left) < 2:
        raise DataError(
            where,
            "has too few columns for a label and a feature",
            f"{len(names)} in row 1, divided by {shown(table.delimiter)}, {len(dropped)} dropped",
            "drop fewer, or pass --delimiter where another one divides them",
        )
    y_column = left[-1] if label is None else _position(names, label, "label")
    for chosen, other, options in (
        ({y_column}, dropped, "label and drop"),
        ({y_column}, hot, "label and one-hot"),
        (hot, dropped, "one-hot and drop"),
    ):
        for i in sorted(chosen & other):
            raise ArgumentError(
                "load",
                f"{options} both name column {shown(names[i])}",
                f"columns {listed(names)}",
                "name it in one of them",
            )
    for i in left:
        if not names[i]:
            raise DataError(
                where,
                f"column {i} has no name",
                f"columns {listed(names)}, counted from 0",
                f"name it in row 1, or pass --drop {i} if it only numbers the rows",
            )
    numbers = [i for i in left if i != y_column and i not in hot]
    return numbers, sorted(hot), y_column


def _position(names, column, option):
    """Return the position of a column given by name or by index, from the end if negative."""
    if column in names:
        return names.index(column)
    try:
        index = int(column)
    except ValueError:
        index = len(names)
    if -len(names) <= index < len(names):
        return index % len(names)
    raise ArgumentError(
        "load",
        f"{option} names no column: {column!r}",
        f"columns {listed(names)}, or 0 to {len(names) - 1}",
        did_you_mean(str(column), names, "choose one of these"),
    )


def _check_columns(cells):
    """Raise DataError where columns that should be numbers hold words, all of them named."""
    words = []
    for column, count in cells.problems.not_numbers.counts.items():
        if 2 * count > cells.rows - cells.problems.missing.counts.get(column, 0):
            words.append((column, *cells.problems.not_numbers.first_of(column)))
    if words:
        listing = ", ".join(f"{shown(c)} (row {r}: {shown(text)})" for c, r, text in words[:20])
        listing += f" and {len(words) - 20} more" if len(words) > 20 else ""
        remedy = "pass --one-hot COL for each category, --drop COL for each to be left out"
        raise DataError(
            cells.table.where,
            f"{len(words)} column{' holds' if len(words) == 1 else 's hold'} words, not numbers",
            listing,
            "write 1.5 for 1,5" if DECIMAL_COMMA.fullmatch(words[0][2]) else remedy,
        )


def _columns(table, numbers, hot, texts):
    """Return the Column of each position that gives features, in the order of the file."""
    columns = {}
    for i in sorted((*numbers, *hot)):
        values = tuple(sorted(texts[i].values)) if i in hot else None
        if values is not None and len(values) > MOST_VALUES:
            raise DataError(
                table.where,
                f"column {shown(table.names[i])} has too many values for one-hot",
                f"{len(values)} different ones, and {MOST_VALUES} at most",
                f"pass --drop {table.names[i]}",
            )
        columns[i] = Column(table.names[i], values)
    return columns


def _sorted_codes(codes, known):
    """Return the codes as indices into the sorted values, with ABSENT as it is."""
    place = {value: i for i, value in enumerate(sorted(known.values))}
    index = np.array([*(place[value] for value in known.values), Codes.ABSENT])
    return index[np.frombuffer(codes, np.int64)]  # ABSENT is -1, and so finds the last one


# ---- what is told ------------------------------------------------------------------------------


def _how_divided(table, delimiter, header):
    how = "found" if delimiter is None else "given"
    text = f"delimiter: {DELIMITERS[table.delimiter]} ({how}); "
    how = "found" if header == "auto" else "given"
    return text + (f"header: row 1 ({how})" if table.has_header else f"header: none ({how})")
