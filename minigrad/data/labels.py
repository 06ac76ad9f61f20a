"""Words become codes; the labels among them become classes, the others one-hot features."""

import numpy as np

from ..errors import DataError
from ..text import counted, listed, shown
from .dataset import Column
from .problems import ABSENT, UNKNOWN, is_missing, is_number, parse, whole

OPTION = "(label=COL of a CSV file)"


class Codes(dict[str, int]):
    """From each cell of a column to its code, an index into `words`.

    A missing value has the code ABSENT. If no words are given, each new one gets the next code. If
    some are, any other is UNKNOWN, unless it is another way to write one of their whole numbers.
    """

    def __init__(self, words: tuple[str, ...] | None = None):
        self.grows = words is None
        self.index = {word: code for code, word in enumerate(words or ())}

    @property
    def words(self) -> list[str]:
        """The words, without spaces around them, in the order of their codes."""
        return list(self.index)

    def __missing__(self, cell):
        word = cell.strip()
        if word in self.index:
            code = self.index[word]
        elif is_missing(word, number=False):
            code = ABSENT
        elif self.grows:
            code = self.index[word] = len(self.index)
        else:
            number = whole(word)
            code = UNKNOWN if number is None else self.index.get(str(number), UNKNOWN)
        if code != UNKNOWN:  # there may be endlessly many of these
            self[cell] = code
        return code


def classes_of(labels: list[str], where: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the class names in label order, and the class (int64) of each of the labels.

    If all of them are whole numbers, 1 and 1.0 are one class and the order is that of the numbers.
    Otherwise every string is a class, in alphabetical order.

    Raises DataError if all are numbers and some are fractions: a quantity, not a class.
    """
    keys: list = [whole(label) for label in labels]
    if None in keys:
        fractions = [label for label in labels if is_number(label) and parse(label) % 1]
        if fractions and all(map(is_number, labels)):
            wrong = f"the label {shown(fractions[0])} is a quantity, not a class"
            facts = f"{len(labels)} different labels, all of them numbers"
            raise DataError(where, wrong, facts, f"choose labels that are classes {OPTION}")
        keys = labels
    names = sorted(set(keys))
    place = {name: i for i, name in enumerate(names)}
    return tuple(map(str, names)), np.array([place[key] for key in keys], dtype=np.int64)


def check_classes(y: np.ndarray, class_names: tuple[str, ...], where: str) -> None:
    """Raise DataError if there is only one class, or a class has only one row."""
    counts = np.bincount(y, minlength=len(class_names))
    if len(counts) == 1:
        wrong = f"there is only one class, {shown(class_names[0])}"
        remedy = f"add rows of another class, or choose other labels {OPTION}"
        raise DataError(where, wrong, counted(len(y), "row"), remedy)
    alone = [name for name, count in zip(class_names, counts, strict=True) if count == 1]
    if alone:
        one = len(alone) == 1
        wrong = (
            "a class has only one row" if one else f"{len(alone)} classes have only one row each"
        )
        wrong += f", too few to train and to test on: {listed(alone, 5)}"
        remedy = (
            f"add rows, leave {'this row' if one else 'these rows'} out, or choose other labels"
        )
        facts = f"{len(y)} rows, {len(counts)} classes"
        raise DataError(where, wrong, facts, f"{remedy} {OPTION}")


def with_one_hot(
    numbers: np.ndarray, columns: dict[int, Column], codes: dict[int, np.ndarray]
) -> np.ndarray:
    """Return x (n, F): the numbers (n, …) and the one-hot features, in the order of the columns.

    codes (n,) of each one-hot position are indices into its Column.values; ABSENT gives NaN in all
    of its features.
    """
    parts, number = [], 0
    for i, column in columns.items():
        if column.values is None:
            parts.append(numbers[:, number : number + 1])
            number += 1
        else:
            part = np.equal(codes[i][:, None], np.arange(len(column.values))).astype(numbers.dtype)
            part[codes[i] == ABSENT] = np.nan
            parts.append(part)
    return np.concatenate(parts, axis=1)
