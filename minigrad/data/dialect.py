"""How a text becomes a table: which delimiter stands in it, and whether it has a header.

Both are found in the first lines. Where they cannot be told there is an error, not a guess.
"""

import csv
from collections.abc import Iterator
from itertools import chain

from ..errors import ArgumentError, DataError
from ..text import shown
from .cells import is_missing, is_number, whole
from .findings import DECIMAL_COMMA

DELIMITERS = {",": ",", ";": ";", "\t": "tab", "|": "|"}
SAMPLE_LINES, SAMPLE_CHARACTERS = 100, 1 << 20


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
