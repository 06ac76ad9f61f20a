"""The cells of a table: which text is a number, which one stands for a missing value."""

import math
from itertools import chain

import numpy as np

MISSING = {"", "?", "na", "n/a", "#n/a", "<na>", "nan", "null"}
# A word like "none" may be a class. An infinity is missing too: no measurement gives one.
MISSING_NUMBER = MISSING | {"none", "+nan", "-nan"}
MISSING_NUMBER |= {sign + word for sign in ("", "+", "-") for word in ("inf", "infinity")}


def is_missing(text: str, number: bool = True) -> bool:
    """Return whether a text stands for a missing value (of a number): empty, NA, NaN, ?, inf …

    Upper or lower case, with or without spaces around it.
    """
    return text.strip().lower() in (MISSING_NUMBER if number else MISSING)


def parse(text: str) -> float:
    """Return the number that a text says, NaN where it says none."""
    try:
        # float() would take 1_000, as Python's source does and no data file.
        return float(text) if "_" not in text else math.nan
    except ValueError:
        return math.nan


def whole(text: str) -> int | None:
    """Return the whole number that a text says, as 7, 007 or 7.0, None where it says none.

    Nor is it one where a float would not tell it from its neighbour.
    """
    value = parse(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else None


def is_number(text: str) -> bool:
    """Return whether a text says a finite number."""
    return math.isfinite(parse(text))


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


class Codes(dict):
    """From each text of a column to its code, an index into `values`.

    A missing value has the code ABSENT. With `values` given, any other text is UNKNOWN, but for
    another way to write a whole number; else each new text gets the next code.
    """

    ABSENT, UNKNOWN = -1, -2

    def __init__(self, values: tuple[str, ...] | None = None):
        self.grows = values is None
        self.index = {value: code for code, value in enumerate(values or ())}

    @property
    def values(self) -> list[str]:
        """The texts, without spaces around them, in the order of their codes."""
        return list(self.index)

    def __missing__(self, text):
        stripped = text.strip()
        if stripped in self.index:
            code = self.index[stripped]
        elif is_missing(stripped, number=False):
            code = self.ABSENT
        elif self.grows:
            code = self.index[stripped] = len(self.index)
        else:
            number = whole(stripped)
            code = self.UNKNOWN if number is None else self.index.get(str(number), self.UNKNOWN)
        if code != self.UNKNOWN:  # there may be endlessly many of them
            self[text] = code
        return code
