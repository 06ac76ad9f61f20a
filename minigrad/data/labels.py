"""From the labels that stand in a file to classes."""

import numpy as np

from ..errors import DataError
from ..text import listed, shown
from .cells import is_number, parse, whole


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
