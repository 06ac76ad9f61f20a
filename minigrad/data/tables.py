"""A table: the names of its columns, its rows of texts in blocks, and its cells as values."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np

from ..errors import DataError
from ..text import shown
from .cells import Format
from .problems import Problems

CELLS_IN_BLOCK = 16384


class Table:
    """What delimited text and a DataFrame have in common; `_blocks` yields the rows.

    Attributes:
        where: what messages call it.
        names: the names of its columns.
        form: how its cells are written; its `delimiter` is None where nothing separates them.
        has_header: whether it names its columns itself.
        first_rows: rows to judge the columns by.
        notes: what was decided so far.
        call: the function whose options they are.
        kind: what it is: "file" or "frame".
        numbers: the positions of columns that held numbers before they became texts.
        categories: the positions of columns that are one-hot whatever their texts look like.
    """

    where: str
    names: tuple[str, ...]
    form: Format
    has_header: bool
    first_rows: Sequence[Sequence[str]]
    notes: list[str]
    call, kind = "load", "file"
    numbers: Collection[int] = ()
    categories: Collection[int] = ()

    def check_names(self, used: Iterable[int]) -> None:
        """Raise DataError if two of the columns at these positions have the same name."""
        places: dict[str, list[int]] = {}
        for i in used:
            places.setdefault(self.names[i], []).append(i)
        for name, found in places.items():
            if len(found) > 1 and name:
                wrong = f"{len(found)} columns are called {shown(name)}"
                facts = f"columns {', '.join(map(str, found))}, counted from 0"
                facts += ", of row 1" if self.kind == "file" else ""
                remedy = f"give each its own name, or pass drop=[{found[-1]}] to leave that one out"
                raise DataError(self.where, wrong, facts, remedy)

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
        for x, codes, rows, row_numbers in self.cells(problems.numbers, words):
            kept = problems.triage(x, codes, row_numbers, lambda r, i, rows=rows: rows[r][i])
            x = problems.features(x, kept)
            codes = {i: code[kept] for i, code in codes.items()}
            yield x, codes, kept, rows, row_numbers

    def cells(
        self, numbers: list[int], words: Mapping[int, dict[str, int]]
    ) -> Iterator[tuple[np.ndarray, dict[int, np.ndarray], tuple, tuple]]:
        """Yield blocks of rows: numbers (n, …), codes (n,) by position, the fields, row numbers."""
        for rows, row_numbers in self._blocks():
            columns = [*zip(*rows, strict=True)]
            x = np.empty((len(rows), 0))
            if numbers:
                x = self.form.numbers([columns[i] for i in numbers])
            codes = {
                i: np.array([known[cell] for cell in columns[i]], dtype=np.int64)
                for i, known in words.items()
            }
            yield x, codes, rows, row_numbers

    def _blocks(self) -> Iterator[tuple[Sequence[Sequence[str]], Sequence[int]]]:
        """Yield rows, each with one text per column, and their numbers."""
        raise NotImplementedError
