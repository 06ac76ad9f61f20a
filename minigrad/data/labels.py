"""From the words that a file holds to codes, and from the labels among them to classes."""

import numpy as np

from ..errors import DataError
from ..text import listed, shown
from .dataset import Column
from .problems import is_missing, is_number, parse, whole


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


def classes_of(texts: list[str], where: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the class names in label order, and for each of the texts its class (int64).

    Where all are whole numbers, 1 and 1.0 are one class and the order is that of the numbers; else
    every text is a class, in the order of the alphabet.

    Raises DataError where all are numbers and some are fractions: a quantity, not a class.
    """
    numbers = [whole(text) for text in texts]
    if None not in numbers:
        names = sorted(set(numbers))
        place = {number: i for i, number in enumerate(names)}
        index = [place[number] for number in numbers]
        return tuple(map(str, names)), np.array(index, dtype=np.int64)
    fractions = [text for text in texts if is_number(text) and not parse(text).is_integer()]
    if fractions and all(map(is_number, texts)):
        raise DataError(
            where,
            f"the label {shown(fractions[0])} is a quantity, not a class",
            f"{len(texts)} different labels, all of them numbers",
            "take labels that are classes (--label of a CSV file)",
        )
    names = sorted(texts)
    place = {text: i for i, text in enumerate(names)}
    return tuple(names), np.array([place[text] for text in texts], dtype=np.int64)


def check_classes(y: np.ndarray, class_names: tuple[str, ...], where: str) -> None:
    """Raise DataError where there is one class only, or a class has one row only."""
    counts = np.bincount(y, minlength=len(class_names))
    if len(counts) == 1:
        raise DataError(
            where,
            f"there is one class only, {shown(class_names[0])}",
            f"{len(y)} rows",
            "add rows of another class, or take other labels (--label of a CSV file)",
        )
    alone = [name for name, count in zip(class_names, counts, strict=True) if count == 1]
    if alone:
        raise DataError(
            where,
            f"{'a class has' if len(alone) == 1 else f'{len(alone)} classes have'} 1 row, "
            f"too few to train and to test on: {listed(alone, 5)}",
            f"{len(y)} rows, {len(counts)} classes",
            "add rows of it, leave its row out, or take other labels (--label of a CSV file)",
        )


def with_one_hot(
    values: np.ndarray, columns: dict[int, Column], codes: dict[int, np.ndarray]
) -> np.ndarray:
    """Return x (N, F): the numbers (N, …) and the one-hot features, in the order of the columns.

    codes (N,) of each one-hot position are indices into its Column.values; Codes.ABSENT gives NaN
    in all of its features.
    """
    parts, number = [], 0
    for i, column in columns.items():
        if column.values is None:
            parts.append(values[:, number : number + 1])
            number += 1
        else:
            part = np.equal(codes[i][:, None], np.arange(len(column.values))).astype(values.dtype)
            part[codes[i] == Codes.ABSENT] = np.nan
            parts.append(part)
    return np.concatenate(parts, axis=1)
