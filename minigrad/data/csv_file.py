"""A delimited text as a table: its columns by name, its rows in blocks, its cells as values.

The delimiter and the header are found in the first lines. Where they cannot be told there is an
error, not a guess.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, compress

import numpy as np

from ..errors import ArgumentError, DataError
from ..text import shown
from .labels import Codes
from .problems import DECIMAL_COMMA, Problems, is_missing, is_number, parse, whole

DELIMITERS = {",": ",", ";": ";", "\t": "tab", "|": "|"}
SAMPLE_LINES, SAMPLE_CHARACTERS = 100, 1 << 20
CELLS_IN_BLOCK = 16384


# ---- delimiter and header ------------------------------------------------------------------------


def take_sample(lines: Iterator[str]) -> tuple[list[str], Iterator[str]]:
    """Return the first lines, and an iterator over all of them."""
    sample, size = [], 0
    for line in lines:
        sample.append(line)
        size += len(line)
        if len(sample) == SAMPLE_LINES or size > SAMPLE_CHARACTERS:
            break
    return sample, chain(sample, lines)


def check_delimiter(delimiter: str | None) -> str | None:
    """Return the delimiter as one character, or None for the one that stands in the file.

    Raises ArgumentError for any but , ; tab |.
    """
    if delimiter is None:
        return None
    delimiter = "\t" if delimiter == "tab" else delimiter
    if delimiter not in DELIMITERS:
        raise ArgumentError(
            "load",
            f"{shown(delimiter)} is no delimiter",
            f"there are {' '.join(DELIMITERS.values())}",
            "leave it out, and it is found",
        )
    return delimiter


def check_header(header: str) -> None:
    """Raise ArgumentError for anything but yes, no and auto."""
    if header not in ("yes", "no", "auto"):
        raise ArgumentError(
            "load",
            f"header {header!r} is unknown",
            "there are yes, no, auto",
            "leave it out, and it is found",
        )


def find_delimiter(sample: list[str], where: str, usual: str | None = None) -> str:
    """Return the delimiter of the sample.

    It is the one by which the most rows have as many fields as the first; of several such ones
    that by which the most columns are numbers; of several such ones `usual`. Where none stands in
    the first row there is one column, and `usual` or a comma is as good as any.

    Raises DataError where two remain.
    """
    scores = {}
    for delimiter in DELIMITERS:
        first, *body = rows_of(sample, delimiter) or [[]]
        if len(first) > 1:
            even = [row for row in body if len(row) == len(first)]
            columns = sum(_is_numeric(column, delimiter) for column in zip(*even, strict=True))
            scores[delimiter] = len(even), columns, delimiter == usual
    if not scores:
        return usual or ","
    best = max(scores.values())
    winners = [delimiter for delimiter, score in scores.items() if score == best]
    if len(winners) > 1:
        names = " and ".join(shown(DELIMITERS[delimiter]) for delimiter in winners)
        raise DataError(
            where,
            "the delimiter cannot be told",
            f"{names} divide the first {len(sample)} lines equally well",
            f"pass --delimiter {shown(DELIMITERS[winners[0]])} or another",
        )
    return winners[0]


def rows_of(sample: list[str], delimiter: str) -> list[list[str]]:
    """Return the rows of a sample without blank ones; what the sample cuts off is left out."""
    rows = []
    try:
        for row in csv.reader(sample, delimiter=delimiter, skipinitialspace=True, strict=True):
            rows.append(row)
    except csv.Error:
        pass  # a quoted field that goes on below, or a fault that the reader of all rows will name
    return [row for row in rows if not is_blank(row)]


def is_blank(row: list[str]) -> bool:
    """Return whether a row comes from a line with nothing but spaces in it."""
    return len(row) < 2 and not "".join(row).strip()


def find_header(rows: list[list[str]], where: str) -> bool:
    """Return whether the first of the rows names the columns.

    It does where it has a text above numbers, and no number above others, but such as count the
    columns. It does not where all that stands above numbers is a number, and what stands above
    text comes again below. Alone, or with one column, it does if no number is in it.

    Raises DataError where neither is so, and where the numbers of the first row might count the
    columns.
    """
    first, *body = rows
    columns = list(zip(*(row for row in body if len(row) == len(first)), strict=True))
    if len(columns) < 2:
        return not any(map(is_number, first))
    above_numbers, new_texts, old_texts = [], [], []
    for cell, column in zip(first, columns, strict=False):
        if _is_numeric(column):
            above_numbers.append(cell)
        elif not is_missing(cell):
            (old_texts if cell in column else new_texts).append(cell)
    names = [cell for cell in above_numbers if not is_number(cell) and not is_missing(cell)]
    if names:
        numbers = [cell for cell in above_numbers if is_number(cell)]
        if not numbers or _count(numbers):
            return True
        facts = f"{shown(names[0])} would name a column, but so would {shown(numbers[0])}"
    elif old_texts:
        return False
    elif new_texts:
        facts = f"{shown(new_texts[0])} may be a name or a value"
    elif above_numbers and not _count(above_numbers):
        return False
    else:
        facts = f"{', '.join(map(shown, first[:4]))} … may be names or values"
    raise DataError(
        where,
        "it cannot be told whether row 1 is a header",
        facts,
        "pass --header yes or --header no",
    )


def _is_numeric(column, delimiter=None):
    """Whether a column holds numbers, and nothing else but missing values.

    Beside another delimiter than the comma, 1,5 counts: it is a number in many countries.
    """
    present = [cell for cell in column if not is_missing(cell)]
    comma = delimiter is not None and delimiter != ","
    return bool(present) and all(
        is_number(cell) or (comma and DECIMAL_COMMA.fullmatch(cell)) for cell in present
    )


def _count(cells):
    """Whether three or more whole numbers go up by one: 0, 1, 2 … or 2019, 2020, 2021."""
    numbers = list(map(whole, cells))
    start = numbers[0]
    return len(numbers) > 2 and start is not None and numbers == [*range(start, start + len(cells))]


# ---- rows ----------------------------------------------------------------------------------------


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


def parse_rows(rows: list[list[str]], width: int) -> np.ndarray:
    """Return rows of `width` cells as float64 (N, width), not finite where a cell is no number."""
    count = len(rows) * width
    try:
        if "_" in "".join(chain.from_iterable(rows)):
            raise ValueError
        values = np.fromiter(map(float, chain.from_iterable(rows)), np.float64, count)
    except ValueError:
        values = np.fromiter(map(parse, chain.from_iterable(rows)), np.float64, count)
    return values.reshape(len(rows), width)
