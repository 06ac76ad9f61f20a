"""Triage: what a cell says, which cells cannot be used, and what becomes of missing values.

Text and arrays both come through here, in blocks of rows. What cannot be used is collected over the
whole file; then there is one error, about the most serious kind of problem.
"""

import math
import re
from collections.abc import Callable, Sequence

import numpy as np

from ..errors import DataError
from ..text import counted, shown

MISSING_RULES = ("error", "drop", "mean")
UNSEEN_RULES = ("skip", "zero", "error")  # for a word that the training data did not have
MISSING = {"", "?", "na", "n/a", "#n/a", "<na>", "nan", "null"}
# A word like "none" may be a class. An infinity is missing too: no measurement gives one.
MISSING_NUMBER = MISSING | {"none", "+nan", "-nan"}
MISSING_NUMBER |= {sign + word for sign in ("", "+", "-") for word in ("inf", "infinity")}
ABSENT, UNKNOWN = -1, -2  # codes of a missing word, and of one that the training data did not have

DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")
SHOWN = 5  # cells in a message
MOST_COLUMNS = 20  # in a message
MOST_DISTINCT = 1000  # cells to remember if only different ones count


# ---- what a cell says --------------------------------------------------------------------------


def is_missing(cell: str, number: bool = True) -> bool:
    """Return whether a cell holds a missing value (of a number): empty, NA, NaN, ?, inf …

    Upper or lower case, with or without spaces around it.
    """
    return cell.strip().lower() in (MISSING_NUMBER if number else MISSING)


def parse(cell: str) -> float:
    """Return the number in a cell, NaN if there is none."""
    try:
        # float() would take 1_000, as Python's source does and no data file.
        return float(cell) if "_" not in cell else math.nan
    except ValueError:
        return math.nan


def whole(cell: str) -> int | None:
    """Return the whole number in a cell, written as 7, 007 or 7.0; None if there is none.

    From 2**53 on the answer is None too: there a float no longer has every whole number.
    """
    value = parse(cell)
    return int(value) if value.is_integer() and abs(value) < 2**53 else None


def is_number(cell: str) -> bool:
    """Return whether a cell holds a finite number."""
    return math.isfinite(parse(cell))


# ---- what is wrong with cells ------------------------------------------------------------------


class Findings:
    """Cells that cannot be used: how many each column has, and the first five.

    distinct: count each value once per column, and at most 1000 in all.
    """

    def __init__(self, distinct: bool = False):
        self.counts: dict[str, int] = {}
        self._first: dict[str, list[tuple[int, str]]] = {}
        self._known: set[tuple[str, str]] | None = set() if distinct else None

    def __bool__(self):
        return bool(self.counts)

    def add(self, row: int, column: str, cell: str) -> None:
        """Record a cell; the rows of one column come in order."""
        if self._known is not None:
            if (column, cell) in self._known or len(self._known) == MOST_DISTINCT:
                return
            self._known.add((column, cell))
        first = self._first.setdefault(column, [])
        self.counts[column] = self.counts.get(column, 0) + 1
        if len(first) < SHOWN:
            first.append((row, cell))

    def total(self) -> int:
        """Return how many cells were found."""
        return sum(self.counts.values())

    def first_of(self, column: str) -> tuple[int, str]:
        """Return the row and the text of the first cell of a column."""
        return self._first[column][0]

    def first(self) -> list[tuple[int, str, str]]:
        """Return the row, column and text of the first five cells."""
        cells = [(row, c, cell) for c, cells in self._first.items() for row, cell in cells]
        return sorted(cells, key=lambda cell: cell[0])[:SHOWN]

    def places(self) -> str:
        """Return where the first five cells are, and how many more there are."""
        places = [f"row {row} {shown(c)} {shown(cell)}" for row, c, cell in self.first()]
        more = self.total() - len(places)
        return ", ".join(places) + (f" and {more} more" if more else "")

    def error(self, where: str, what: str, remedy: str) -> DataError:
        """Return the error about the first cell; the facts are the first five and the total."""
        row, column, cell = self.first()[0]
        wrong = f"row {row}, column {shown(column)}: {shown(cell)} {what}"
        found = counted(self.total(), "such cell" if self._known is None else "such value")
        return DataError(where, wrong, f"{found}: {self.places()}", remedy)


class Problems:
    """The triage of the cells of one file: which rows are kept, and which cells are an error.

    where: the name of the file in messages.
    names: the names of its columns.
    numbers: the positions of the columns that hold numbers, in the order of the features.
    label: the position of the label's column, None without labels.
    missing_rule: one of MISSING_RULES.
    dtype: the dtype of the features.
    trained: whether a model reads the rows, so that it is too late to choose other options. A row
        with a missing value that is not filled, or with a missing label, is then left out.
    unseen: what happens to a word that `words` does not have: "error"; "skip" leaves its row out;
        "zero" keeps it, except for a label.
    """

    def __init__(
        self,
        where: str,
        names: Sequence[str],
        numbers: Sequence[int],
        label: int | None,
        missing_rule: str,
        dtype: np.dtype,
        trained: bool = False,
        unseen: str = "error",
    ):
        self.where, self.names, self.numbers, self.label = where, names, numbers, label
        self.missing_rule, self.dtype, self.trained = missing_rule, np.dtype(dtype), trained
        self.unseen = unseen
        self.not_numbers, self.too_large = Findings(), Findings()
        self.missing, self.unlabelled = Findings(), Findings()
        self.unknown = Findings(distinct=True)
        self.unusable = Findings()  # the cells for which rows are left out
        self.rows = self.dropped = 0

    def triage(
        self,
        x: np.ndarray,
        codes: dict[int, np.ndarray],
        rows: Sequence[int],
        cell: Callable[[int, int], str],
    ) -> np.ndarray:
        """Return which rows of a block are kept, (n,) bool, and record what cannot be used.

        x (n, F): the columns of numbers, not finite where a cell holds none.
        codes: the codes (n,) of each column of words, by position; see labels.Codes.
        rows: the number of each row in the file.
        cell: returns the text in row r of the block and column i of the file.
        """
        complete = np.ones(len(x), dtype=bool)

        def leave_out(r: int, i: int) -> None:
            complete[r] = False
            self.unusable.add(rows[r], self.names[i], cell(r, i))

        fills = self.missing_rule == "mean"
        with np.errstate(over="ignore"):
            finite = np.isfinite(x.astype(self.dtype, copy=False))
        for r, f in np.argwhere(~finite).tolist():
            i = self.numbers[f]
            text = cell(r, i)
            if is_missing(text):
                kind = self.missing
                if not fills:
                    leave_out(r, i)
            else:
                kind = self.not_numbers if np.isnan(x[r, f]) else self.too_large
            kind.add(rows[r], self.names[i], text)
        for i, code in codes.items():
            for r in np.flatnonzero(code == UNKNOWN).tolist():
                if self.unseen == "error":
                    self.unknown.add(rows[r], self.names[i], cell(r, i).strip())
                elif self.unseen == "skip" or i == self.label:
                    leave_out(r, i)
            for r in np.flatnonzero(code == ABSENT).tolist():
                kind = self.unlabelled if i == self.label else self.missing
                kind.add(rows[r], self.names[i], cell(r, i))
                if i == self.label or not fills:
                    leave_out(r, i)
        keeps = not self.trained and self.missing_rule != "drop"
        kept = np.ones_like(complete) if keeps else complete
        self.rows += len(kept)
        self.dropped += int(np.sum(~kept))
        return kept

    def features(self, x: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Return the kept rows of x (n, F) as `dtype`, with NaN for each missing value.

        It is x itself if nothing needs to change.
        """
        if not kept.all():
            x = x[kept]
        with np.errstate(over="ignore"):
            x = x.astype(self.dtype, copy=False)
        if self.missing_rule == "mean" and self.missing:
            x = np.where(np.isfinite(x), x, x.dtype.type(np.nan))
        return x

    def check(self) -> None:
        """Raise DataError if there is an error, or if no row is left to train on."""
        if error := self.error():
            raise error
        if self.rows == self.dropped and not self.trained:
            facts = (
                f"{counted(self.rows, 'row')}: {self.missing.places() or self.unlabelled.places()}"
            )
            remedy = "pass missing='mean', or leave out the columns without values"
            raise DataError(self.where, "every row has a missing value", facts, remedy)

    def error(self) -> DataError | None:
        """Return the error about the most serious kind of problem, None if there is none."""
        if self.not_numbers:
            return self._words() or self._not_numbers()
        if self.too_large:
            remedy = "change the unit"
            if self.dtype != np.float64:
                remedy += ", or train with dtype='float64'"
            return self.too_large.error(self.where, f"is too large for {self.dtype}", remedy)
        if self.unknown:
            what = "does not occur in the training data"
            return self.unknown.error(self.where, what, "leave its rows out, or train again")
        if self.trained:
            return None
        if self.missing and self.missing_rule == "error":
            remedy = "pass missing='drop' or missing='mean'"
            return self.missing.error(self.where, "is a missing value", remedy)
        if self.unlabelled and self.missing_rule != "drop":
            remedy = "write the label, or pass missing='drop'"
            return self.unlabelled.error(self.where, "is a missing label", remedy)
        return None

    def _not_numbers(self):
        comma = any(DECIMAL_COMMA.fullmatch(cell) for _, _, cell in self.not_numbers.first())
        remedy = "correct it, or leave the field empty if the value is missing"
        return self.not_numbers.error(
            self.where, "is not a number", "write 1.5 for 1,5" if comma else remedy
        )

    def _words(self):
        """Return the error about columns that hold words, mostly; None if there is none."""
        words = [
            (column, *self.not_numbers.first_of(column))
            for column, count in self.not_numbers.counts.items()
            if not self.trained and 2 * count > self.rows - self.missing.counts.get(column, 0)
        ]
        if not words:
            return None
        verb = "holds" if len(words) == 1 else "hold"
        wrong = f"{counted(len(words), 'column')} {verb} words, not numbers"
        listing = [f"{shown(c)} (row {row}: {shown(cell)})" for c, row, cell in words]
        more = len(words) - MOST_COLUMNS
        facts = ", ".join(listing[:MOST_COLUMNS]) + (f" and {more} more" if more > 0 else "")
        remedy = "pass one_hot=[COL] for each category, drop=[COL] for each to be left out"
        if DECIMAL_COMMA.fullmatch(words[0][2]):
            remedy = "write 1.5 for 1,5"
        return DataError(self.where, wrong, facts, remedy)

    def notes(self) -> list[str]:
        """Return what to say about the numbers of rows and of missing values."""
        out = f", {self.dropped} of them left out for a missing value" if self.dropped else ""
        notes = [f"rows: {self.rows}{out}"]
        if self.missing:
            counts = ", ".join(f"{shown(c)} {count}" for c, count in self.missing.counts.items())
            filled = "; the mean of the training rows takes their place" * (not self.dropped)
            notes.append(f"missing values: {self.missing.total()} ({counts}){filled}")
        return notes
