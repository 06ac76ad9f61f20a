"""Tables of pandas, and NumPy's masked arrays, as plain arrays.

A Series goes by the position of its values, whatever its index says; the columns of a DataFrame go
by their names; what a mask hides is a missing value, NaN.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..errors import DataError
from ..text import counted, listed, reason, shown
from .dataset import Column, Schema, plain
from .labels import Codes, with_one_hot
from .problems import ABSENT, UNKNOWN


def features_of(where: str, table: Any, schema: Schema) -> Any:
    """Return the features of a table (N, F) in the order of a schema, and anything else as `plain`.

    A table with named columns has those of the schema, or a column for each feature.

    Raises:
        DataError: if a column is missing or there twice, or a value of a one-hot column is unknown.
    """
    names = _names(table)
    if names is None or not schema.by_name:
        return plain(table)
    features = schema.feature_names
    if set(features) <= set(names):
        return plain(select(where, table, features))
    columns = dict(enumerate(schema.columns))
    table = select(where, table, [column.name for column in schema.columns])
    codes = {
        i: _codes(where, plain(table[column.name]), column, schema)
        for i, column in columns.items()
        if column.values is not None
    }
    numbers = [column.name for column in schema.columns if column.values is None]
    x = as_floats(where, plain(table[numbers]), np.float64, len(numbers))
    x = with_one_hot(x, columns, codes)
    if schema.missing != "mean":  # with zeros it would be used
        first = np.cumsum([0, *(len(column.values or "1") for column in schema.columns)])
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
    """Return a table with these columns, in this order; one without names as it is.

    Raises:
        DataError: if a column is missing or there twice.
    """
    names = _names(table)
    if names is None:
        return table
    if missing := [name for name in wanted if names.count(name) != 1]:
        wrong = f"the table does not have each of {counted(len(wanted), 'column')} once"
        facts = f"{listed(missing)}; it has {listed(names)}"
        raise DataError(where, wrong, facts, "give the columns of the training data")
    return table[list(wanted)]


def _names(table: Any) -> list[str] | None:
    """Return the names of a table's columns, None if it has none: numbers are none."""
    names = list(getattr(table, "columns", ()))
    return names if names and all(isinstance(name, str) for name in names) else None


def _codes(where: str, words: np.ndarray, column: Column, schema: Schema) -> np.ndarray:
    known = Codes(column.values, schema.form)
    codes = np.array([known["" if word is None else str(word)] for word in words], np.int64)
    if (codes == UNKNOWN).any():
        row = int((codes == UNKNOWN).argmax())
        wrong = (
            f"row {row}, column {shown(column.name)}: {shown(str(words[row]))} does not occur in "
        )
        wrong += "the training data"
        facts = f"{int((codes == UNKNOWN).sum())} such values"
        raise DataError(where, wrong, facts, "leave its rows out, or train again")
    return codes
