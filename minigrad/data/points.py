"""Points that may separate thousands: 743 beside 1.118, which may be 1118."""

import re
from collections.abc import Callable, Sequence

import numpy as np

from ..errors import DataError
from ..text import shown

GROUPS = re.compile(r"\s*[-+]?[1-9]\d{0,2}\.\d{3}\s*")
LARGER = 2  # times as large have the numbers without a point to be, on average


class Points:
    """Looks for columns of numbers in which the points may separate thousands.

    They may where each number with a point has one to three digits before it and three behind it,
    each number without one is below 1000, and those without are the larger ones: whether a decimal
    number happens to be whole has little to do with its size.

    names: the names of the columns.
    asked: the positions of those that are texts in the source, the only ones of which it is a
        question.
    """

    def __init__(self, where: str, names: Sequence[str], asked: Sequence[int]):
        self.where, self.names = where, names
        self._left = np.array(asked, dtype=int)  # the columns of which it may still be so
        # Without and with a point: how many numbers of each column, and their sum without signs.
        self._counts, self._sums = np.zeros((2, 2, len(names)))
        self._first: dict[tuple[int, int], tuple[int, str]] = {}  # the first of each: row and cell

    def look(self, x: np.ndarray, rows: Sequence[int], cell: Callable[[int, int], str]) -> None:
        """Look at a block of the numbers x (n, F), not finite where a cell holds none.

        rows: the number of each row in the file.
        cell: returns the text in row r of the block and column f of x.
        """
        size = np.minimum(np.abs(x[:, self._left]), 1000)  # larger ones would overflow below
        size[~np.isfinite(x[:, self._left])] = 0
        pointed = size % 1 > 0
        fit = ((size < 1000) & (~pointed | _is_whole(1000 * size) & (size >= 1))).all(axis=0)
        for r, k in np.argwhere(pointed & fit & _is_whole(100 * size)).tolist():  # 2.500, or 2.5
            fit[k] = fit[k] and GROUPS.fullmatch(cell(r, self._left[k])) is not None
        self._left, size, pointed = self._left[fit], size[:, fit], pointed[:, fit]
        for kind, those in enumerate((~pointed & (size > 0), pointed)):
            self._counts[kind, self._left] += those.sum(axis=0)
            self._sums[kind, self._left] += np.where(those, size, 0).sum(axis=0)
            for k in np.flatnonzero(those.any(axis=0)).tolist():
                f, r = int(self._left[k]), int(those[:, k].argmax())
                self._first.setdefault((kind, f), (rows[r], cell(r, f)))

    def check(self) -> None:
        """Raise DataError if there is such a column, with the options for either reading."""
        for f in self._left[self._counts[:, self._left].all(axis=0)].tolist():
            plain, pointed = self._sums[:, f] / self._counts[:, f]
            if plain > LARGER * pointed:
                (beside, whole), (row, cell) = self._first[0, f], self._first[1, f]
                column, cell = shown(self.names[f]), cell.strip()
                wrong = f"row {row}, column {column}: {shown(cell)} may have a decimal point, or "
                wrong += "one that separates thousands"
                facts = f"each number with a point has 3 digits behind it, and row {beside} holds "
                facts += shown(whole.strip())
                remedy = f"pass decimal='.' if it is {cell} or decimal=',' and thousands='.' if it "
                remedy += f"is {cell.replace('.', '')}"
                raise DataError(self.where, wrong, facts, remedy)


def _is_whole(numbers):
    return np.abs(numbers - np.rint(numbers)) < 1e-6
