"""Delimited text as a table: its columns by name, its rows in blocks, its cells as values.

The first lines decide which delimiter separates the columns and whether the text has a header. If
they leave that open there is an error, not a guess.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice

import numpy as np

from ..errors import DataError
from ..text import counted, shown
from .problems import DECIMAL_COMMA, Problems, is_missing, is_number, parse, whole

DELIMITERS = {",": ",", ";": ";", "\t": "tab", "|": "|"}
SAMPLE_LINES, SAMPLE_CHARACTERS = 100, 1 << 20
CELLS_IN_BLOCK = 16384


# ---- delimiter and header ----------------------------------------------------------------------


def find_delimiter(sample: list[str], where: str, usual: str | None = None) -> str:
    """Return the delimiter of the first lines.

    It is the one with which the most rows have as many fields as the first; of several, the one
    with which the most columns hold numbers; of several, `usual`. If the first row contains no
    delimiter there is one column, and `usual` or a comma is as good as any.

    Raises DataError if two remain.
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
        facts = f"{names} separate the first {counted(len(sample), 'line')} equally well"
        remedy = f"pass delimiter={DELIMITERS[winners[0]]!r} or another"
        raise DataError(where, "cannot tell which delimiter separates its columns", facts, remedy)
    return winners[0]


def rows_of(sample: list[str], delimiter: str) -> list[list[str]]:
    """Return the rows of the first lines, without blank ones and without one that is cut off."""
    rows = []
    try:
        for row in csv.reader(sample, delimiter=delimiter, skipinitialspace=True, strict=True):
            rows.append(row)
    except csv.Error:
        pass  # a quoted field that goes on below, or a fault that the reader of all rows will name
    return [row for row in rows if not is_blank(row)]


def is_blank(row: list[str]) -> bool:
    """Return whether a row comes from a line that holds nothing but spaces."""
    return len(row) < 2 and not "".join(row).strip()


def find_header(rows: list[list[str]], where: str) -> bool:
    """Return whether the first of the rows names the columns.

    It does if it has a word above a column of numbers, and no number above another, unless such
    numbers count the columns. It does not if everything that it has above numbers is a number, and
    what it has above words occurs again below. Alone, or with one column, it is a header if it
    holds no number.

    Raises DataError if neither is so, or if the numbers of the first row might count the columns.
    """
    first, *body = rows
    columns = list(zip(*(row for row in body if len(row) == len(first)), strict=True))
    if len(columns) < 2:
        return not any(map(is_number, first))
    above_numbers, new_words, old_words = [], [], []
    for cell, column in zip(first, columns, strict=False):
        if _is_numeric(column):
            above_numbers.append(cell)
        elif not is_missing(cell):
            (old_words if cell in column else new_words).append(cell)
    names = [cell for cell in above_numbers if not is_number(cell) and not is_missing(cell)]
    if names:
        numbers = [cell for cell in above_numbers if is_number(cell)]
        if not numbers or _count(numbers):
            return True
        facts = f"{shown(names[0])} would name a column, but so would {shown(numbers[0])}"
    elif old_words:
        return False
    elif new_words:
        facts = f"{shown(new_words[0])} may be a name or a value"
    elif above_numbers and not _count(above_numbers):
        return False
    else:
        facts = f"{', '.join(map(shown, first[:4]))} … may be names or values"
    raise DataError(
        where, "cannot tell whether row 1 is a header", facts, "pass header='yes' or header='no'"
    )


def _is_numeric(column, delimiter=None):
    """Whether a column holds numbers and missing values only.

    With a delimiter other than the comma, 1,5 counts too: many countries write numbers so.
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


# ---- rows and values ---------------------------------------------------------------------------


class Table:
    """The rows of delimited text, and the names of its columns.

    A row's number is that of the line on which it starts, counted from 1, as an editor shows it.
    Without a header the names are column_0, column_1 … Blank lines are not rows.

    header: "yes", "no", or "auto" to ask `find_header`, which gets the first rows.
    usual: the delimiter to take if two fit equally well.

    Raises DataError if there is no row, or two columns have the same name.
    """

    def __init__(
        self,
        lines: Iterator[str],
        where: str,
        delimiter: str | None,
        header: str,
        find_header: Callable[[list[list[str]]], bool],
        usual: str | None = None,
    ):
        sample, size = [], 0
        for line in lines:
            sample.append(line)
            size += len(line)
            if len(sample) == SAMPLE_LINES or size > SAMPLE_CHARACTERS:
                break
        self.where, self._lines = where, chain(sample, lines)
        self.delimiter = delimiter or find_delimiter(sample, where, usual)
        rows = rows_of(sample, self.delimiter)
        if not rows:
            next(self._rows(sample), None)  # names the fault of the first row, if there is one
            raise DataError(where, "is empty", "it has no rows", "give a CSV or TSV file")
        self.has_header = find_header(rows) if header == "auto" else header == "yes"
        if self.has_header:
            self.names = tuple(name.strip() for name in rows[0])
            self._check_names()
        else:
            self.names = tuple(f"column_{i}" for i in range(len(rows[0])))

    def _check_names(self):
        for name, count in Counter(self.names).items():
            if count > 1 and name:
                places = [str(i) for i, other in enumerate(self.names) if other == name]
                wrong = f"{count} columns are called {shown(name)}"
                facts = f"columns {', '.join(places)}, counted from 0, of row 1"
                raise DataError(self.where, wrong, facts, "give each column its own name")

    def values(
        self, words: Mapping[int, dict[str, int]], problems: Problems
    ) -> Iterator[tuple[np.ndarray, dict[int, np.ndarray], np.ndarray, tuple, tuple]]:
        """Yield blocks of rows: numbers (n, …), codes (n,) by position, and which rows they are.

        That is kept (m,) bool, True in n rows of the block; then the fields of all m, and their
        numbers.

        words: the labels.Codes of each column of words, by position.
        problems: names the columns of numbers, and does the triage.

        Raises DataError for a row with more or fewer fields than the first, or with open quotes.
        """
        numbers = problems.numbers
        for rows, row_numbers in self._blocks():
            x = _parse(_pick(rows, numbers), len(numbers))
            codes = {
                i: np.array([known[row[i]] for row in rows], dtype=np.int64)
                for i, known in words.items()
            }
            kept = problems.triage(x, codes, row_numbers, lambda r, i, rows=rows: rows[r][i])
            x = problems.features(x, kept)
            codes = {i: code[kept] for i, code in codes.items()}
            yield x, codes, kept, rows, row_numbers

    def _blocks(self):
        """Yield rows below the header, each with one field per column, and their numbers."""
        width = len(self.names)
        every = self._rows(self._lines)
        if self.has_header:
            next(every)
        while block := list(islice(every, max(1, CELLS_IN_BLOCK // width))):
            for row, number in block:
                if len(row) != width:
                    wrong = f"row {number} has {counted(len(row), 'field')}"
                    facts = f"the first row has {width}, separated by {shown(self.delimiter)}"
                    remedy = "correct the row, or quote a field that contains the delimiter"
                    raise DataError(self.where, wrong, facts, remedy)
            yield zip(*block, strict=True)

    def _rows(self, lines: Iterable[str]):
        """Yield each row that is not blank, and its number."""
        reader = csv.reader(lines, delimiter=self.delimiter, skipinitialspace=True, strict=True)
        number = 1
        try:
            for row in reader:
                if not is_blank(row):
                    yield row, number
                number = reader.line_num + 1
        except csv.Error as error:
            wrong = f"row {number} cannot be split into fields"
            facts = f"{error}; it goes on to line {reader.line_num}"
            remedy = 'close each quote (") that opens a field, and double one inside a quoted field'
            raise DataError(self.where, wrong, facts, remedy) from error


def _pick(rows, columns):
    """Return the fields of some columns."""
    first, last = (columns[0], columns[-1]) if columns else (0, -1)
    if columns == list(range(first, last + 1)):  # half the time of the line below
        return [row[first : last + 1] for row in rows]
    return [[row[i] for i in columns] for row in rows]


def _parse(rows, width):
    """Return rows of `width` cells as float64 (n, width), not finite if a cell is not a number."""
    count = len(rows) * width
    try:
        if "_" in "".join(chain.from_iterable(rows)):
            raise ValueError
        values = np.fromiter(map(float, chain.from_iterable(rows)), np.float64, count)
    except ValueError:
        values = np.fromiter(map(parse, chain.from_iterable(rows)), np.float64, count)
    return values.reshape(len(rows), width)
