"""The start of delimited text: lines above the table, its delimiter, its header.

The first lines decide. If they leave it open there is an error, not a guess.
"""

import contextlib
import csv
import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from ..errors import DataError
from ..text import counted, shown
from .cells import DELIMITERS, Format, looks_like_number, parse

SINGLE = [delimiter for delimiter in DELIMITERS if delimiter != " "]
SEP = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # Excel's line above the table


# ---- lines above the table -----------------------------------------------------------------------


class Start(NamedTuple):
    """Where the table begins.

    lines: the first lines from there on, as csv should read them.
    above: how many lines there are above them.
    delimiter: what separates the columns.
    commented: whether the first line names the columns, after a #.
    notes: what was decided, a sentence each.
    """

    lines: list[str]
    above: int
    delimiter: str
    commented: bool
    notes: list[str]


def find_start(
    sample: list[str], where: str, form: Format, header: str, usual: str | None = None
) -> Start:
    """Return where the table begins in the first lines.

    Above it may be a line that says sep=; as Excel writes it, and lines that start with #. If the
    last of these has as many fields as the row below, and that is not a header, it is the header,
    as numpy.savetxt writes it. (Not if `header` is "no".)

    Raises DataError as find_delimiter does.
    """
    delimiter, notes, above = form.delimiter, [], 0
    if sample and (named := SEP.fullmatch(sample[0])) and named[1] in DELIMITERS:
        delimiter, above = delimiter or named[1], 1
        notes = [f"row {form.skip + 1} says sep={named[1]}"]
    first = next((i for i, line in enumerate(sample) if i >= above and _is_data(line)), above)
    hashes = [i for i in range(above, first) if sample[i].startswith("#")]
    delimiter = delimiter or find_delimiter(sample[first:], where, form, usual)
    if not hashes:
        return Start(sample[above:], above, delimiter, False, notes)
    line = sample[hashes[-1]].lstrip("# \t")
    below = rows_of(sample[first:], delimiter)
    names = next(iter(rows_of([line], delimiter)), [])
    commented = header != "no" and bool(below) and len(names) == len(below[0])
    commented = commented and not _has_names(below, where, form)
    lines, above = sample[first:], first
    if commented:
        lines, above = [line, *sample[hashes[-1] + 1 :]], hashes[-1]
    if skipped := len(hashes) - commented:
        notes.append(f"skipped: {counted(skipped, 'line')} above the table, which start with #")
    return Start(lines, above, delimiter, commented, notes)


def _is_data(line):
    return bool(line.strip()) and not line.startswith("#")


def _has_names(rows, where, form):
    try:
        return find_header(rows, where, form)
    except DataError:
        return False


# ---- delimiter -----------------------------------------------------------------------------------


def find_delimiter(sample: list[str], where: str, form: Format, usual: str | None = None) -> str:
    """Return the delimiter of the first lines.

    It is the one with which the most rows have the same number of fields, over one; of several, the
    one with which the most columns hold numbers; of several, `usual`. If no row contains any of
    them, runs of blanks divide if they divide all rows evenly, but for some at the top. Otherwise
    there is one column, and `usual` or a comma is as good as any.

    Raises DataError if two remain.
    """
    scores = {}
    for delimiter in SINGLE:
        rows = rows_of(sample, delimiter)
        if (width := usual_width(map(len, rows))) > 1:
            even = [row for row in rows if len(row) == width]
            columns = sum(_is_numeric(column, form) for column in zip(*even[1:], strict=True))
            scores[delimiter] = len(even), columns, delimiter == usual
    if not scores:
        widths = [len(row) for row in rows_of(sample, " ")] or [1]
        above = widths.index(usual_width(widths))
        even = {*widths[above:]} == {widths[above]} != {1} and len(widths) > 2 * above
        return usual or (" " if even else ",")
    best = max(scores.values())
    winners = [delimiter for delimiter, score in scores.items() if score == best]
    if len(winners) > 1:
        names = " and ".join(shown(DELIMITERS[delimiter]) for delimiter in winners)
        facts = f"{names} separate the first {counted(len(sample), 'line')} equally well"
        remedy = f"pass delimiter={DELIMITERS[winners[0]]!r} or another"
        raise DataError(where, "cannot tell which delimiter separates its columns", facts, remedy)
    return winners[0]


def usual_width(widths: Iterable[int]) -> int:
    """Return the number of fields that the most rows have; of several, that of the first row."""
    return max(Counter(widths).items(), key=lambda width: width[1], default=(0, 0))[0]


def rows_of(sample: list[str], delimiter: str) -> list[list[str]]:
    """Return the rows of the first lines, without blank ones and without one that is cut off."""
    rows: list[list[str]] = []
    # A quoted field that goes on below, or a fault that the reader of all rows will name.
    with contextlib.suppress(csv.Error):
        rows.extend(split(sample, delimiter))
    return [row for row in rows if not is_blank(row)]


def split(lines: Iterable[str], delimiter: str):
    """Return the csv.reader of lines. With a space for delimiter, runs of blanks divide."""
    if delimiter == " ":
        lines = (line.strip().replace("\t", " ") + "\n" for line in lines)
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)


def is_blank(row: list[str]) -> bool:
    """Return whether a row comes from a line that holds nothing but spaces."""
    return len(row) < 2 and not "".join(row).strip()


# ---- header --------------------------------------------------------------------------------------


def find_header(rows: list[list[str]], where: str, form: Format) -> bool:
    """Return whether the first of the rows names the columns.

    It does if it has a word above a column of numbers, or one without digits above a column that
    has digits in every cell, as dates and amounts do, and no number above another, unless such
    numbers count the columns. It does not if everything that it has above numbers is a number, and
    what it has above words occurs again below. What occurs again below, or is neither a letter nor
    a digit, such as -, is no name. Alone, or with one column, it is a header if it holds no number.

    Raises DataError if neither is so, or if the numbers of the first row might count the columns.
    """
    first, *body = rows
    body = [row for row in body if len(row) == len(first)]
    columns = list(zip(*body, strict=True))
    if len(columns) < 2:
        return not any(map(looks_like_number, first))
    others = [{row[i] for row in body if row != first} for i in range(len(first))]
    above_numbers, new_words, old_words = [], [], []
    for cell, column, other in zip(first, columns, others, strict=True):
        numeric = _is_numeric(column, form)
        if numeric or _has_digits(column, form) and not _has_digits([cell], form):
            again = cell in other and not looks_like_number(cell) and not form.is_missing(cell)
            (old_words if again else above_numbers).append(cell)
        elif not form.is_missing(cell):
            (old_words if cell in column else new_words).append(cell)
    numbers = [cell for cell in above_numbers if looks_like_number(cell)]
    names = [
        cell
        for cell in above_numbers
        if not looks_like_number(cell) and not form.is_missing(cell) and any(map(str.isalnum, cell))
    ]
    if names:
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


def _is_numeric(column, form):
    """Whether most cells of a column that hold something look like numbers."""
    present = [cell for cell in column if not form.is_missing(cell)]
    return 2 * sum(map(looks_like_number, present)) > len(present)


def _has_digits(column, form):
    """Whether every cell that holds something has a digit in it."""
    present = [cell for cell in column if not form.is_missing(cell)]
    return bool(present) and all(any(map(str.isdigit, cell)) for cell in present)


def _count(cells):
    """Whether three or more whole numbers go up by one: 0, 1, 2 … or 2019, 2020, 2021."""
    numbers = list(map(parse, cells))
    start = numbers[0]
    counted_up = [start + i for i in range(len(numbers))]
    return len(numbers) > 2 and start.is_integer() and numbers == counted_up
