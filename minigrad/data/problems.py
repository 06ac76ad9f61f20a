"""Triage: which cells cannot be used, and what becomes of missing values.

Text and arrays both come through here, in blocks of rows. What cannot be used is collected over the
whole file; then there is one error, about the most serious kind of problem.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ..errors import DataError
from ..text import counted, shown
from .cells import PLAIN, Format, formats_of, looks_like_number
from .precision import offsets_of, warn_of_lost

MISSING_RULES = ("mean", "drop", "error")
UNSEEN_RULES = ("skip", "zero", "error")  # for a word that the training data did not have
# Codes of a missing word, one that the training data did not have, and one that is only counted.
ABSENT, UNKNOWN, OTHER = -1, -2, -3

SHOWN = 5  # cells in a message
MOST_DISTINCT = 1000  # cells to remember if only different ones count
MOST_ELSEWHERE = 10_000  # cells with numbers written in another way; then reading ends


# ---- what is wrong with cells ------------------------------------------------------------------


class Findings:
    """Cells that cannot be used: how many each column has, and the first five.

    distinct: count each value once per column, and at most 1000 in all.

    Its `kinds` are what the cells are, such as "missing values", as `add` was told.
    """

    def __init__(self, distinct: bool = False):
        self.counts: dict[str, int] = {}
        self.kinds: dict[str, None] = {}  # an ordered set
        self._first: dict[str, list[tuple[int, str]]] = {}
        self._known: set[tuple[str, str]] | None = set() if distinct else None

    def __bool__(self):
        return bool(self.counts)

    def add(self, row: int, column: str, cell: str, kind: str = "") -> None:
        """Record a cell; the rows of one column come in order."""
        self.kinds[kind] = None
        if self._known is not None:
            if (column, cell) in self._known or len(self._known) == MOST_DISTINCT:
                return
            self._known.add((column, cell))
        first = self._first.setdefault(column, [])
        self.counts[column] = self.counts.get(column, 0) + 1
        if len(first) < SHOWN:
            first.append((row, cell))

    def forget(self, column: str) -> None:
        """Forget the cells of a column."""
        self.counts.pop(column, None)
        self._first.pop(column, None)

    def total(self) -> int:
        """Return how many cells were found."""
        return sum(self.counts.values())

    def texts_of(self, column: str) -> list[str]:
        """Return the first five cells of a column."""
        return [cell for _, cell in self._first[column]]

    def first(self) -> list[tuple[int, str, str]]:
        """Return the row, column and text of the first five cells."""
        cells = [(row, c, cell) for c, cells in self._first.items() for row, cell in cells]
        return sorted(cells, key=lambda cell: cell[0])[:SHOWN]

    def places(self) -> str:
        """Return where the first five cells are, and how many more there are."""
        places = [f"row {row} {shown(c)} {shown(cell)}" for row, c, cell in self.first()]
        more = self.total() - len(places)
        return ", ".join(places) + (f" and {more} more" if more else "")

    def reason(self) -> str:
        """Return what the cells are and where: 'missing values, new labels: row 3 "kind" "x"'."""
        return f"{', '.join(self.kinds)}: {self.places()}"

    def error(self, where: str, what: str, remedy: str, so_far: bool = False) -> DataError:
        """Return the error about the first cell; the facts are the first five and the total.

        so_far: whether the rest of the file was not read.
        """
        row, column, cell = self.first()[0]
        wrong = f"row {row}, column {shown(column)}: {shown(cell)} {what}"
        found = counted(self.total(), "such cell" if self._known is None else "such value")
        found += " so far" * so_far
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
    form: how the cells are written.
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
        form: Format = PLAIN,
    ):
        self.where, self.names, self.numbers, self.label = where, names, numbers, label
        self.missing_rule, self.dtype, self.trained = missing_rule, np.dtype(dtype), trained
        self.unseen, self.form = unseen, form
        # How many cells in each column of numbers hold words.
        self.words = dict.fromkeys((names[i] for i in numbers), 0)
        self.read: list[str] | None = None  # the first rows' numbers that are not plain digits
        self.not_numbers, self.too_large = Findings(), Findings()
        self.missing, self.unlabelled = Findings(), Findings()
        self.unknown = Findings(distinct=True)
        self.unusable = Findings()  # the cells for which rows are left out
        self.rows = self.dropped = 0
        self.offsets: np.ndarray | None = None  # of the numbers; found in the first rows
        self.lost: set[str] = set()  # the columns that lose values all the same

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

        def leave_out(r: int, i: int, how: str) -> None:
            complete[r] = False
            kind = f"{how} {'labels' if i == self.label else 'values'}"
            self.unusable.add(rows[r], self.names[i], cell(r, i), kind)

        fills = self.missing_rule == "mean"
        if self.offsets is None and not self.trained:
            self.offsets = offsets_of(x, self.dtype)
            names = [self.names[i] for i in self.numbers]
            given = lambda r, f: cell(r, self.numbers[f])  # noqa: E731
            self.lost = warn_of_lost(self.where, names, x, self.offsets, self.dtype, given)
        with np.errstate(over="ignore"):
            finite = np.isfinite(x.astype(self.dtype, copy=False))
        if self.read is None:
            cells = [cell(r, self.numbers[f]) for r, f in np.argwhere(finite[:SHOWN]).tolist()]
            self.read = [text for text in cells if not text.strip().isdecimal()]
        for r, f in np.argwhere(~finite).tolist():
            i = self.numbers[f]
            text = cell(r, i)
            if self.form.is_missing(text):
                kind = self.missing
                if not fills:
                    leave_out(r, i, "missing")
            elif np.isnan(x[r, f]) or "inf" in text.lower():
                kind = self.not_numbers
                self.words[self.names[i]] += not looks_like_number(text)
            else:
                kind = self.too_large
            kind.add(rows[r], self.names[i], text)
        for i, code in codes.items():
            for r in np.flatnonzero(code == UNKNOWN).tolist():
                if self.unseen == "error":
                    self.unknown.add(rows[r], self.names[i], cell(r, i).strip())
                elif self.unseen == "skip" or i == self.label:
                    leave_out(r, i, "new")
            for r in np.flatnonzero(code == ABSENT).tolist():
                kind = self.unlabelled if i == self.label else self.missing
                kind.add(rows[r], self.names[i], cell(r, i))
                if i == self.label or not fills:
                    leave_out(r, i, "missing")
        keeps = not self.trained and self.missing_rule == "error"
        kept = np.ones_like(complete) if keeps else complete
        self.rows += len(kept)
        self.dropped += int(np.sum(~kept))
        return kept

    @property
    def enough(self) -> bool:
        """Whether so many numbers are written in another way that the rest need not be read."""
        return self.not_numbers.total() - sum(self.words.values()) > MOST_ELSEWHERE

    def features(self, x: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Return the kept rows of x (n, F), minus the offsets, as `dtype`; NaN is a missing value.

        It is x itself if nothing needs to change.
        """
        if not kept.all():
            x = x[kept]
        if self.offsets is not None and self.offsets.any():
            x = x - self.offsets
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
            found, wrong = self.missing, "every row has a missing value"
            remedy = "pass missing='mean', or leave out the columns without values"
            if self.unlabelled.total() == self.rows:
                found, wrong = self.unlabelled, "no row has a label"
                remedy = "choose another column with label=COL"
            facts = f"{counted(self.rows, 'row')}: {found.places()}"
            raise DataError(self.where, wrong, facts, remedy)

    def error(self) -> DataError | None:
        """Return the error about the most serious kind of problem, None if there is none."""
        if self.not_numbers:
            return self._not_numbers()
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
        if self.unlabelled and self.missing_rule == "error":
            remedy = "write the label, or pass missing='mean' to leave the row out"
            return self.unlabelled.error(self.where, "is a missing label", remedy)
        return None

    def _not_numbers(self):
        column = self.not_numbers.first()[0][1]
        texts = self.not_numbers.texts_of(column)
        others = [t for name in self.not_numbers.counts for t in self.not_numbers.texts_of(name)]
        remedy = self._other_format(texts, others)
        texts = [*dict.fromkeys(cell.strip() for cell in (*texts, *others))]
        if remedy is None and all(
            len(text) < 20 and text.isprintable() and not set(text) & set("0123456789,'\"[]")
            for text in texts
        ):
            listing = ",".join([*texts, *self._missing_texts()])
            remedy = f"correct it, or pass na=['{listing}'] if it means a missing value"
        remedy = remedy or "correct it, or leave the field empty if the value is missing"
        return self.not_numbers.error(self.where, "is not a number", remedy, self.enough)

    def _missing_texts(self):
        """Return the texts that are missing values here, which na=… would have to name again."""
        if self.form.na is not None:
            return [text for text in self.form.na if text]
        found = [t.strip() for name in self.missing.counts for t in self.missing.texts_of(name)]
        return [text for text in dict.fromkeys(found) if text]

    def _other_format(self, texts, others):
        """Return the options that read the numbers in `texts`, None if these are no numbers.

        They have to read the numbers that were read, too, and if possible those in `others`.
        """
        read = self.read or []
        every = formats_of([*texts, *others, *read], self.form)
        if forms := every or formats_of([*texts, *read], self.form):
            ways = {value: self._as_options(form) for value, form in forms.items()}
            if len(ways) == 1:
                return f"pass {[*ways.values()][0]}"
            either = (f"{way} if it is {value:.10g}" for value, way in ways.items())
            return f"pass {' or '.join(either)}"
        if not read or not formats_of(texts, self.form):
            return None
        other = next((cell for cell in read if not formats_of([*texts, cell], self.form)), read[0])
        return f"write it as the others are written, such as {shown(other.strip())}"

    def _as_options(self, form):
        options = []
        if form.decimal != self.form.decimal:
            options.append(f"decimal={form.decimal!r}")
        if form.thousands != self.form.thousands:
            options.append(f"thousands={form.thousands or 'none'!r}")
        return " and ".join(options)

    def notes(self) -> list[str]:
        """Return what to say about the numbers of rows and of missing values."""
        label = self.unlabelled.total()
        what = "value" if label < self.dropped else "label"
        out = f", {self.dropped} of them left out for a missing {what}" if self.dropped else ""
        notes = [f"rows: {self.rows}{out}"]
        if self.missing:
            counts = ", ".join(f"{shown(c)} {count}" for c, count in self.missing.counts.items())
            notes.append(f"missing values: {self.missing.total()} ({counts}){self._filled()}")
        return notes

    def _filled(self):
        """Return what takes the place of the missing values."""
        numbers = {self.names[i] for i in self.numbers} & self.missing.counts.keys()
        texts = self.missing.counts.keys() - numbers
        filled = ["a number becomes the mean of the training rows"] * bool(numbers)
        filled += ["a text has zeros in its features"] * bool(texts)
        return f"; {', '.join(filled)}" if self.missing_rule == "mean" else ""
