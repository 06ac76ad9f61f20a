"""What is wrong with the cells of a file: collected over the whole file, then one error."""

from ..errors import DataError
from .text import shown

SHOWN = 5


class Findings:
    """Cells that cannot be used: how many there are in each column, and the first ones.

    distinct: whether a text counts once in each column.
    """

    def __init__(self, distinct: bool = False):
        self.counts = {}
        self._first = {}
        self._distinct = distinct

    def __bool__(self):
        return bool(self.counts)

    def add(self, row: int, column: str, text: str) -> None:
        """Take note of a cell; the rows of one column come in order."""
        first = self._first.setdefault(column, [])
        if self._distinct and any(text == other for _, other in first):
            return
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
        cells = "cell" if self.total() == 1 else "cells"
        return DataError(
            where,
            f"row {row}, column {shown(column)}: {shown(text)} {what}",
            f"{self.total()} such {cells}: {self.places()}",
            remedy,
        )
