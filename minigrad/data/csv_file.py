"""Delimited text as a table: its columns by name, its rows in blocks."""

import contextlib
import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import accumulate, chain, compress, islice

from ..errors import DataError
from ..text import counted, listed, shown
from .cells import DELIMITERS, Format
from .csv_start import find_start, is_blank, rows_of, split, usual_width
from .tables import CELLS_IN_BLOCK, Table

SAMPLE_LINES, SAMPLE_CHARACTERS = 100, 1 << 20


class TextTable(Table):
    """The rows of delimited text, and the names of its columns.

    A row's number is that of the line on which it starts, counted from 1, as an editor shows it.
    Without a header the names are column_0, column_1 … Blank lines are not rows.

    form: how it is written; a delimiter of None is found.
    header: "yes", "no", or "auto" to ask `find_header`, which gets the first rows.
    usual: the delimiter to take if two fit equally well.

    Its `first_rows` are those of the first lines below the header; `notes` say what was decided
    about how it is written, and about the lines above.

    Raises DataError if there is no row.
    """

    def __init__(
        self,
        lines: Iterator[str],
        where: str,
        form: Format,
        header: str,
        find_header: Callable[[list[list[str]]], bool],
        usual: str | None = None,
    ):
        skipped = sum(1 for _ in islice(lines, form.skip))
        sample, count, size = [], 0, 0
        for line in lines:
            sample.append(line)
            count, size = count + (not line.startswith("#")), size + len(line)
            if count == SAMPLE_LINES or size > SAMPLE_CHARACTERS:
                break
        start = find_start(sample, where, form, header, usual)
        self.where, self._lines = where, chain(start.lines, lines)
        self._above, self.notes = form.skip + start.above, start.notes
        if form.skip:
            self.notes.insert(0, f"skipped: {counted(form.skip, 'line')}, as told")
        self.delimiter = start.delimiter
        self.form = replace(form, delimiter=self.delimiter)
        rows = rows_of(start.lines, self.delimiter)
        if not rows:
            next(self._rows(sample), None)  # names the fault of the first row, if there is one
            if form.skip:
                wrong, facts = "has no rows below the lines to skip", counted(skipped, "line")
                remedy = f"pass a smaller number than skip={form.skip}"
                raise DataError(where, wrong, facts, remedy)
            raise DataError(where, "is empty", "it has no rows", "give a CSV or TSV file")
        self._check_above(start.lines)
        found = start.commented or header == "auto" and find_header(rows)
        self.has_header = found if header == "auto" else header == "yes"
        if self.has_header:
            self.names = tuple(name.strip() for name in rows[0])
        else:
            self.names = tuple(f"column_{i}" for i in range(len(rows[0])))
        self._header = rows[0] if self.has_header else None
        self.first_rows = rows[1:] if self.has_header else rows
        how = ["found" if way else "given" for way in (form.delimiter is None, header == "auto")]
        first_row = next(self._rows(start.lines))[1]
        found = f"header: {f'row {first_row}' if self.has_header else 'none'} ({how[1]})"
        self.notes.insert(0, f"delimiter: {DELIMITERS[self.delimiter]} ({how[0]}); {found}")

    def _check_above(self, lines: list[str]) -> None:
        """Raise DataError if the first row seems to be above the table: most have other widths."""
        rows: list[tuple[list[str], int]] = []
        with contextlib.suppress(DataError):  # a fault further down, which reading will name
            rows.extend(self._rows(lines))
        width = usual_width(len(row) for row, _ in rows)
        if len(rows[0][0]) == width or width == 1:
            return
        begin = next(number for row, number in rows if len(row) == width)
        wrong = f"row {rows[0][1]} has {counted(len(rows[0][0]), 'field')}, and most rows have "
        wrong += f"{width}, separated by {shown(self.delimiter)}"
        remedy = f"pass skip={begin - 1} if the table begins in row {begin}, or correct the rows: "
        remedy += "a field that contains the delimiter needs quotes"
        raise DataError(self.where, wrong, f"it holds {listed(rows[0][0], 5)}", remedy)

    def _blocks(self):
        """Yield rows below the header, each with one field per column, and their numbers."""
        width, below = len(self.names), int(self.has_header)
        for rows, numbers in self._read(self._lines, max(1, CELLS_IN_BLOCK // width)):
            rows, numbers, below = rows[below:], numbers[below:], 0
            if {*map(len, rows)} != {width} or self._header in rows:
                self._check(rows, numbers)
            if rows:
                yield rows, numbers

    def _check(self, rows, numbers):
        """Raise DataError for a row of another width, or one that is the header."""
        width = len(self.names)
        for row, number in zip(rows, numbers, strict=True):
            if row == self._header:
                wrong = f"row {number} is the header again"
                remedy = "leave this row out; it may be two files in one"
                raise DataError(self.where, wrong, f"it holds {listed(row, 5)}", remedy)
            if len(row) != width:
                wrong = f"row {number} has {counted(len(row), 'field')}"
                facts = f"the first row has {width}, separated by {shown(self.delimiter)}"
                remedy = "correct the row, or quote a field that contains the delimiter"
                raise DataError(self.where, wrong, facts, remedy)

    def _rows(self, lines: Iterable[str]) -> Iterator[tuple[list[str], int]]:
        """Yield each row that is not blank, and its number."""
        for rows, numbers in self._read(lines, SAMPLE_LINES):
            yield from zip(rows, numbers, strict=True)

    def _read(self, lines, count):
        """Yield the rows that are not blank, up to so many at once, and their numbers.

        Raises DataError for a row that cannot be split, after those before it.
        """
        reader = split(lines, self.delimiter)
        number, fault = self._above + 1, None
        while fault is None:
            rows: list[list[str]] = []
            try:
                rows.extend(islice(reader, count))
            except csv.Error as error:
                fault = error
            if not rows and fault is None:
                return
            numbers = range(number, number + len(rows) + 1)
            if fault or self._above + reader.line_num + 1 != numbers[-1]:  # a line break in a field
                numbers = [*accumulate(map(_lines_of, rows), initial=number)]
            number = numbers[-1]
            if min(map(len, rows), default=2) < 2:
                filled = [not is_blank(row) for row in rows]
                rows, numbers = [*compress(rows, filled)], [*compress(numbers, filled), number]
            if rows:
                yield rows, numbers[:-1]
        wrong = f"row {number} cannot be split into fields"
        facts = f"{fault}; it goes on to line {self._above + reader.line_num}"
        remedy = 'close each quote (") that opens a field, and double one inside a quoted field'
        raise DataError(self.where, wrong, facts, remedy) from fault


def _lines_of(row):
    r"""Return how many lines a row takes; \r\n is one line end."""
    text = "\0".join(row)
    return 1 + text.count("\n") + text.count("\r") - text.count("\r\n")
