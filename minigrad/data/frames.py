"""DataFrames of pandas, and NumPy's masked arrays, as plain arrays.

`from_frame` reads a frame as if it were a file: its cells become texts, and these go the way of a
file's. A model finds the columns of a frame by their names. A Series goes by the position of its
values, whatever its index says; what a mask hides is a missing value, NaN.

pandas is not imported: what a frame can do, its own methods do.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..errors import ArgumentError, DataError
from ..text import counted, kind_of, listed, reason, shown
from .cells import PLAIN, Format
from .csv_load import dataset_of
from .dataset import Column, Dataset, Schema, plain
from .labels import Codes, number_name, with_one_hot
from .problems import ABSENT, UNKNOWN, Findings
from .source import check_missing, check_options
from .tables import CELLS_IN_BLOCK, Table

FIRST_ROWS = 100  # to judge the columns by
FEWEST_ROWS = 1000  # that become texts at once: each part of a column costs as much as 100 rows


def is_frame(table: Any) -> bool:
    """Return whether a table is a DataFrame of pandas, or of a class made from it."""
    return any(
        kind.__name__ == "DataFrame" and kind.__module__.partition(".")[0] == "pandas"
        for kind in type(table).__mro__
    )


def indexed(frame: Any, columns: dict[str, np.ndarray]) -> Any:
    """Return columns (N,) by name as a DataFrame with the index of one of N rows."""
    return type(frame)(columns, index=frame.index)


# ---- a frame to learn from -----------------------------------------------------------------------


def from_frame(
    frame: Any,
    *,
    name: str = "frame",
    dtype: DTypeLike = np.float32,
    label: str | int | None = None,
    one_hot: Sequence[str | int] = (),
    drop: Sequence[str | int] = (),
    missing: str = "mean",
    classes: bool = False,
    decimal: str | None = None,
    thousands: str | None = None,
    na: Sequence[str] | None = None,
) -> Dataset:
    """Return the Dataset that `load` would read from a file of this DataFrame of pandas.

    The options are those of `load`, and so are the decisions and the notes: which columns are
    numbers, one-hot or left out, what is missing, what is refused. The index is not a column.

    A column of numbers is one whatever its numbers look like, and one of categories is one-hot.
    Errors count the rows from 0, as `frame.iloc` does. If the columns have no names but 0, 1, 2 …,
    they are called column_0, column_1 … as in a file without a header. What pandas has already
    changed when it read a file stays changed: docs/bridges.md.

    name: of the data set.
    decimal, thousands, na: how cells that are texts are written.

    Raises DataError for a frame that cannot be used, ArgumentError for an unknown option or column
    or what is not a DataFrame, DTypeError if dtype is not floating.
    """
    if not is_frame(frame):
        wrong, facts = "frame is not a DataFrame of pandas", f"it is {kind_of(frame)}"
        raise ArgumentError("from_frame", wrong, facts, "data.load reads files")
    dtype = check_options("from_frame", dtype, "auto")
    check_missing("from_frame", missing)
    form = PLAIN.changed("from_frame", decimal=decimal, thousands=thousands, na=na)
    return dataset_of(
        lambda: FrameTable(frame, form),
        name=name,
        dtype=dtype,
        label=label,
        one_hot=tuple(one_hot),
        drop=tuple(drop),
        missing=missing,
        classes=classes,
        ask=decimal is None and thousands is None,
    )


class FrameTable(Table):
    """The rows of a DataFrame as texts; a row's number is its position."""

    where = call = "from_frame"
    kind = "frame"

    def __init__(self, frame: Any, form: Format):
        if not all(frame.shape):
            facts = f"{counted(frame.shape[0], 'row')}, {counted(frame.shape[1], 'column')}"
            raise DataError(self.where, "the frame is empty", facts, "give one with rows")
        names = _names(frame)
        if strange := [name for name in names or () if not isinstance(name, str)]:
            wrong = "the name of a column is not a text"
            facts = ", ".join(map(repr, strange[:5]))
            remedy = "write df.columns = df.columns.map(str)"
            raise DataError(self.where, wrong, facts, remedy)
        self.has_header, self.form, self.notes = names is not None, form, []
        self.names = tuple(names or (f"column_{i}" for i in range(frame.shape[1])))
        kinds = [*enumerate(frame.dtypes)]
        self.numbers = {i for i, dtype in kinds if dtype.kind in "iuf"}
        self.categories = {i for i, dtype in kinds if dtype.name == "category"}
        self._frame = frame
        self.first_rows = _rows(frame.iloc[:FIRST_ROWS], form)

    def _blocks(self) -> Iterator[tuple[Sequence[Sequence[str]], Sequence[int]]]:
        rows = max(FEWEST_ROWS, CELLS_IN_BLOCK // len(self.names))
        for start in range(0, len(self._frame), rows):
            block = _rows(self._frame.iloc[start : start + rows], self.form)
            yield block, range(start, start + len(block))


def _rows(frame: Any, form: Format) -> list[tuple[str, ...]]:
    columns = [_texts(frame.iloc[:, i], form) for i in range(frame.shape[1])]
    return [*zip(*columns, strict=True)]


def _texts(column: Any, form: Format) -> list[str]:
    """Return the values of a column as the texts that a file of this form would have."""
    values = column.tolist() if hasattr(column, "tolist") else list(column)
    absent = column.isna() if hasattr(column, "isna") else [value is None for value in values]
    return [
        "" if missing else _text(value, form) for value, missing in zip(values, absent, strict=True)
    ]


def _text(value: Any, form: Format) -> str:
    """Return 1 for 1.0: pandas makes floats of whole numbers where one is missing."""
    if isinstance(value, float):
        value = float(value)  # of a number of NumPy, whose repr has its type
        text = number_name(value) if abs(value) < 2**53 else repr(value)
        return text.replace(".", form.decimal)
    return str(value).replace("\0", "\ufffd")  # a file of text has none, and `Format` relies on it


# ---- rows for a model ----------------------------------------------------------------------------


def features_of(where: str, table: Any, schema: Schema) -> Any:
    """Return the features of a table (N, F) in the order of a schema, and anything else as `plain`.

    A table with named columns has those of the schema, or a column for each feature.

    Raises:
        DataError: if a column is missing or there twice, a value of a one-hot column is unknown, or
            one of a column of numbers is neither a number nor missing.
    """
    names = _names(table)
    if names is None or not schema.by_name:
        return plain(table)
    columns, features = schema.columns, schema.feature_names
    if set(features) <= set(names):
        columns = tuple(map(Column, features))
    table = select(where, table, [column.name for column in columns])
    codes = {
        i: _codes(where, table[column.name], column, schema)
        for i, column in enumerate(columns)
        if column.values is not None
    }
    numbers = [column.name for column in columns if column.values is None]
    x = _numbers(where, table[numbers], schema.form)
    if codes:
        x = with_one_hot(x, dict(enumerate(columns)), codes)
    if schema.missing != "mean":  # with zeros it would be used
        first = np.cumsum([0, *(len(column.values or "1") for column in columns)])
        for i, code in codes.items():
            x[code == ABSENT, first[i]] = np.nan
    return x


def as_floats(where: str, rows: Any, dtype: DTypeLike, width: int) -> np.ndarray:
    """Return rows of `width` values as an array of a floating dtype; too large is infinite.

    Raises:
        DataError: if they are not numbers: dates and complex numbers are not.
    """
    try:
        array = np.asarray(rows)
        if array.dtype.kind not in "biufOSU":
            raise TypeError(f"they are {array.dtype}")
        with np.errstate(over="ignore"):
            return np.asarray(rows if array.dtype.kind in "SU" else array, dtype)
    except (TypeError, ValueError, OverflowError) as error:
        remedy = f"give an array (N, {width}); data.read_rows reads files by model.schema"
        raise DataError(where, "the rows are not numbers", reason(error), remedy) from error


def select(where: str, table: Any, wanted: Sequence[str]) -> Any:
    """Return a table with these columns, in this order, and called so; one without names as it is.

    Raises:
        DataError: if a column is missing or there twice.
    """
    names = _names(table)
    if names is None:
        return table
    if missing := [name for name in wanted if names.count(name) != 1]:
        wrong = f"the table does not have each of {counted(len(wanted), 'column')} once"
        facts = f"{listed(missing)}; it has {listed([*map(str, names)])}"
        raise DataError(where, wrong, facts, "give the columns of the training data")
    given = dict(zip(names, table.columns, strict=True))
    table = table[[given[name] for name in wanted]]
    spaced = {given[name]: name for name in wanted if given[name] != name}
    return table.rename(columns=spaced) if spaced else table


def _names(table: Any) -> list | None:
    """Return the names of a table's columns, without spaces around them; None if they count.

    That is, if there are none, or 0, 1, 2 … in their place.
    """
    names = list(getattr(table, "columns", ()))
    if names == [*range(len(names))]:
        return None
    return [name.strip() if isinstance(name, str) else name for name in names]


def _numbers(where: str, table: Any, form: Format) -> np.ndarray:
    """Return columns of numbers (n, …) as floats; texts are read as those of a file are."""
    array = plain(table)
    numeric = array.dtype.kind in "biuf" and not any(map(form.is_number, form.na or ()))  # -999
    if numeric or not is_frame(table):
        return as_floats(where, array, np.float64, table.shape[1])
    texts = [_texts(table[name], form) for name in table.columns]
    x, not_numbers, too_large = form.numbers(texts), Findings(), Findings()
    for row, f in np.argwhere(~np.isfinite(x)).tolist():
        if not form.is_missing(texts[f][row]):
            found = not_numbers if np.isnan(x[row, f]) else too_large
            found.add(row, table.columns[f], texts[f][row])
    for found, what in ((not_numbers, "is not a number"), (too_large, "is too large for float64")):
        if found:
            raise found.error(where, what, "correct it, or leave its row out")
    return x


def _codes(where: str, words: Any, column: Column, schema: Schema) -> np.ndarray:
    known = Codes(column.values, schema.form)
    texts = _texts(words, schema.form)
    codes = np.array([known[text] for text in texts], np.int64)
    if (codes == UNKNOWN).any():
        row = int((codes == UNKNOWN).argmax())
        wrong = f"row {row}, column {shown(column.name)}: {shown(texts[row])} does not occur in "
        wrong += "the training data"
        facts = f"{int((codes == UNKNOWN).sum())} such values"
        raise DataError(where, wrong, facts, "leave its rows out, or train again")
    return codes
