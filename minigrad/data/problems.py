"""What a cell of a file says, and what is wrong with it: collected first, then one error."""

import math
import re

import numpy as np

from ..errors import DataError
from ..text import shown

MISSING_RULES = ("error", "drop", "mean")
MISSING = {"", "?", "na", "n/a", "#n/a", "<na>", "nan", "null"}
# A word like "none" may be a class. An infinity is missing too: no measurement gives one.
MISSING_NUMBER = MISSING | {"none", "+nan", "-nan"}
MISSING_NUMBER |= {sign + word for sign in ("", "+", "-") for word in ("inf", "infinity")}


DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")
SHOWN = 5
MOST_TEXTS = 1000  # that are told from each other, where only different ones count


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


class Findings:
    """Cells that cannot be used: how many there are in each column, and the first ones.

    distinct: whether a text counts once in each column, and only the first 1000 count.
    """

    def __init__(self, distinct: bool = False):
        self.counts = {}
        self._first = {}
        self._texts = set() if distinct else None

    def __bool__(self):
        return bool(self.counts)

    def add(self, row: int, column: str, text: str) -> None:
        """Take note of a cell; the rows of one column come in order."""
        if self._texts is not None:
            if (column, text) in self._texts or len(self._texts) == MOST_TEXTS:
                return
            self._texts.add((column, text))
        first = self._first.setdefault(column, [])
        self.counts[column] = self.counts.get(column, 0) + 1
        if len(first) < SHOWN:
            first.append((row, text))

    def total(self) -> int:
        """Return how many cells were found."""
        return sum(self.counts.values())

    def first_of(self, column: str) -> tuple[int, str]:
        """Return the row and the text of the first cell of a column."""
        return self._first[column][0]

    def first(self) -> list[tuple[int, str, str]]:
        """Return the row, column and text of the first five cells."""
        cells = [(row, c, text) for c, cells in self._first.items() for row, text in cells]
        return sorted(cells, key=lambda cell: cell[0])[:SHOWN]

    def places(self) -> str:
        """Return where the first five are, and how many more there are."""
        places = [f"row {row} {shown(c)} {shown(text)}" for row, c, text in self.first()]
        more = self.total() - len(places)
        return ", ".join(places) + (f" and {more} more" if more else "")

    def error(self, where: str, what: str, remedy: str) -> DataError:
        """Return the error about the first one, with the first five and the total as facts."""
        row, column, text = self.first()[0]
        noun = "cell" if self._texts is None else "value"
        cells = noun if self.total() == 1 else f"{noun}s"
        return DataError(
            where,
            f"row {row}, column {shown(column)}: {shown(text)} {what}",
            f"{self.total()} such {cells}: {self.places()}",
            remedy,
        )


class Problems:
    """The Findings of each kind; which of them are errors depends on Schema.missing.

    trained: whether a model reads the rows, for which it is too late to choose another way.
    """

    def __init__(self, missing_rule: str, dtype: np.dtype, trained: bool = False):
        self.missing_rule, self.dtype, self.trained = missing_rule, np.dtype(dtype), trained
        self.not_numbers, self.too_large = Findings(), Findings()
        self.missing, self.unlabelled = Findings(), Findings()
        self.unknown = Findings(distinct=True)

    def __bool__(self):
        missing = self.missing and self.missing_rule == "error"
        unlabelled = self.unlabelled and self.missing_rule != "drop"
        return bool(self.not_numbers or self.too_large or self.unknown or missing or unlabelled)

    def check(self, where: str) -> None:
        """Raise DataError where there is a problem that is an error, about the gravest kind."""
        if self.not_numbers:
            comma = any(DECIMAL_COMMA.fullmatch(text) for _, _, text in self.not_numbers.first())
            remedy = "correct it, or leave the field empty where the value is missing"
            raise self.not_numbers.error(
                where, "is not a number", "write 1.5 for 1,5" if comma else remedy
            )
        if self.too_large:
            remedy = "change the unit"
            if self.dtype != np.float64:
                remedy += ", or train with --dtype float64"
            raise self.too_large.error(where, f"is too large for {self.dtype}", remedy)
        if self.unknown:
            raise self.unknown.error(
                where, "did not stand in the training data", "leave its rows out, or train anew"
            )
        if self.missing and self.missing_rule == "error":
            remedy = "pass --missing drop or --missing mean"
            if self.trained:
                remedy = "fill it in, or train with --missing drop or --missing mean"
            raise self.missing.error(where, "is a missing value", remedy)
        if self.unlabelled and self.missing_rule != "drop":
            remedy = "leave the row out" if self.trained else "pass --missing drop"
            raise self.unlabelled.error(
                where, "is a missing label", f"write the label, or {remedy}"
            )

    def places(self) -> str:
        """Return where the first missing values or labels are."""
        return self.missing.places() or self.unlabelled.places()

    def notes(self, rows: int, dropped: int) -> list[str]:
        """Return what to tell about the number of rows and of missing values."""
        out = f", {dropped} of them left out for a missing value" if dropped else ""
        notes = [f"rows: {rows}{out}"]
        if self.missing:
            counts = ", ".join(f"{shown(c)} {count}" for c, count in self.missing.counts.items())
            filled = "; the mean of the training rows takes their place" * (not dropped)
            notes.append(f"missing values: {self.missing.total()} ({counts}){filled}")
        return notes
