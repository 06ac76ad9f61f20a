"""A delimited text as a table: its columns by name, its rows in blocks, its cells as values."""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import compress

import numpy as np

from ..errors import DataError
from ..text import shown
from .cells import Codes, is_missing, parse_rows
from .dialect import find_delimiter, is_blank, rows_of, take_sample
from .findings import Problems
from .schema import Column

CELLS_IN_BLOCK = 16384


class Table:
    """The rows of a delimited text, and the names of its columns.

    A row's number is that of the line where it starts, counted from 1: what an editor shows.
    Without a header the names are column_0, column_1 … Blank lines are no rows.

    has_header: given the first rows, returns whether the first of them is a header.
    usual: the delimiter to take where two would do.

    Raises DataError where there is no row, or two columns have one name.
    """

    def __init__(
        self,
        lines: Iterator[str],
        where: str,
        delimiter: str | None,
        has_header: Callable[[list[list[str]]], bool],
        usual: str | None = None,
    ):
        sample, self._lines = take_sample(lines)
        self.where = where
        self.delimiter = delimiter or find_delimiter(sample, where, usual)
        rows = rows_of(sample, self.delimiter)
        if not rows:
            next(self._rows(sample), None)  # names the fault of the first row, if there is one
            raise DataError(where, "is empty", "there is no row in it", "give a CSV or TSV file")
        self.has_header = has_header(rows)
        if self.has_header:
            self.names = tuple(name.strip() for name in rows[0])
            self._check_names()
        else:
            self.names = tuple(f"column_{i}" for i in range(len(rows[0])))

    def _check_names(self):
        counts = Counter(self.names)
        for name in self.names:
            if counts[name] == 1 or not name:
                continue
            places = [str(i) for i, other in enumerate(self.names) if other == name]
            raise DataError(
                self.where,
                f"{len(places)} columns are called {shown(name)}",
                f"columns {', '.join(places)}, counted from 0, of row 1",
                "give each column a name of its own",
            )

    def blocks(self) -> Iterator[tuple[list[list[str]], list[int]]]:
        """Yield some rows below the header and their numbers, again and again, once through.

        Raises DataError for a row with more or fewer fields than the first, or with open quotes.
        """
        size = max(1, CELLS_IN_BLOCK // len(self.names))
        rows, numbers = [], []
        every = self._rows(self._lines)
        if self.has_header:
            next(every)
        for row, number in every:
            rows.append(row)
            numbers.append(number)
            if len(rows) == size:
                yield self._even(rows, numbers)
                rows, numbers = [], []
        if rows:
            yield self._even(rows, numbers)

    def _rows(self, lines: Iterable[str]):
        """Yield each row that is not blank, and its number."""
        reader = csv.reader(lines, delimiter=self.delimiter, skipinitialspace=True, strict=True)
        number = 1
        try:
            for row in reader:
                if len(row) > 1 or not is_blank(row):
                    yield row, number
                number = reader.line_num + 1
        except csv.Error as error:
            raise DataError(
                self.where,
                f"row {number} cannot be divided into fields",
                f"{error}; it goes on to line {reader.line_num}",
                'close each quote (") that opens a field, and double one inside a quoted field',
            ) from error

    def _even(self, rows, numbers):
        """Return a block whose rows all have one field for each name."""
        width = len(self.names)
        if set(map(len, rows)) != {width}:
            i = next(i for i, row in enumerate(rows) if len(row) != width)
            raise DataError(
                self.where,
                f"row {numbers[i]} has {_fields(len(rows[i]))}",
                f"the first row has {width}, divided by {shown(self.delimiter)}",
                "correct the row, or quote a field that holds the delimiter",
            )
        return rows, numbers


def _fields(count):
    return "1 field" if count == 1 else f"{count} fields"


class Cells:
    """Turns the cells of a table's blocks into values, and collects those that it cannot use.

    numbers: the positions of the columns of numbers, in the order of the features.
    texts: the codes of each column of words, by its position.
    label: which of `texts` is the label, None without one.
    """

    def __init__(
        self,
        table: Table,
        numbers: list[int],
        texts: dict[int, Codes],
        label: int | None,
        problems: Problems,
    ):
        self.table, self.numbers, self.texts, self.label = table, numbers, texts, label
        self.problems = problems
        self.rows = self.dropped = 0

    def read(
        self, rows: list[list[str]], row_numbers: list[int]
    ) -> tuple[np.ndarray, dict[int, np.ndarray], list[int]]:
        """Return values (N, F), the codes (N,) int64 of each column of words, and row numbers.

        A missing value is NaN and Codes.ABSENT; where they are dropped, its row is left out.
        """
        names, problems = self.table.names, self.problems
        wide = parse_rows(self._pick(rows), len(self.numbers))
        with np.errstate(over="ignore"):
            values = wide.astype(problems.dtype)
        complete = np.ones(len(rows), dtype=bool)
        for r, f in np.argwhere(~np.isfinite(values)):
            i = self.numbers[f]
            text = rows[r][i]
            if is_missing(text):
                problems.missing.add(row_numbers[r], names[i], text)
                values[r, f] = np.nan
                complete[r] = False
            else:
                kind = problems.not_numbers if np.isnan(wide[r, f]) else problems.too_large
                kind.add(row_numbers[r], names[i], text)
        codes = {}
        for i, known in self.texts.items():
            code = codes[i] = np.array([known[row[i]] for row in rows], dtype=np.int64)
            for r in np.flatnonzero(code == Codes.UNKNOWN):
                problems.unknown.add(row_numbers[r], names[i], rows[r][i].strip())
            for r in np.flatnonzero(code == Codes.ABSENT):
                kind = problems.unlabelled if i == self.label else problems.missing
                kind.add(row_numbers[r], names[i], rows[r][i])
                complete[r] = False
        self.rows += len(rows)
        if problems.missing_rule == "drop" and not complete.all():
            self.dropped += int(np.sum(~complete))
            values = values[complete]
            codes = {i: code[complete] for i, code in codes.items()}
            row_numbers = list(compress(row_numbers, complete))
        return values, codes, row_numbers

    def _pick(self, rows):
        """Return the fields of the columns of numbers."""
        first, last = (self.numbers[0], self.numbers[-1]) if self.numbers else (0, -1)
        if self.numbers == list(range(first, last + 1)):  # half the time of the line below
            return [row[first : last + 1] for row in rows]
        return [[row[i] for i in self.numbers] for row in rows]


def with_one_hot(
    values: np.ndarray, columns: dict[int, Column], codes: dict[int, np.ndarray]
) -> np.ndarray:
    """Return x (N, F): the numbers (N, …) and the one-hot features, in the order of the columns.

    codes (N,) of each one-hot position are indices into its Column.values; Codes.ABSENT gives NaN
    in all of its features.
    """
    parts, number = [], 0
    for i, column in columns.items():
        if column.values is None:
            parts.append(values[:, number : number + 1])
            number += 1
        else:
            part = np.equal(codes[i][:, None], np.arange(len(column.values))).astype(values.dtype)
            part[codes[i] == Codes.ABSENT] = np.nan
            parts.append(part)
    return np.concatenate(parts, axis=1)
