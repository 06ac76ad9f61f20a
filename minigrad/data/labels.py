"""Words become codes; the labels among them become classes, the others one-hot features."""

import math
import re
from collections.abc import Callable

import numpy as np

from ..errors import DataError, warn_once
from ..text import counted, listed, shown
from .cells import PLAIN, Format, looks_like_number
from .dataset import Column
from .problems import ABSENT, OTHER, UNKNOWN

OPTION = "(label=COL of a CSV file)"
PADDED = re.compile(r"\s*[-+]?0\d")
EXPONENT = re.compile(r"\d+[eE]\d+")


class Codes(dict[str, int]):
    """From each cell of a column to its code, an index into `words`.

    A missing value has the code ABSENT. If no words are given, each new one gets the next code;
    once there are `most`, the others have the code OTHER and are only counted. If some are given,
    any other is UNKNOWN, unless it is another way to write one of their numbers.
    """

    def __init__(
        self, words: tuple[str, ...] | None = None, form: Format = PLAIN, most: int | None = None
    ):
        self.grows, self.form, self.most = words is None, form, most
        self.index = {word: code for code, word in enumerate(words or ())}
        self._others: set[int] = set()  # hashes, which take less memory than long texts
        self.other_rows = self.other_numbers = 0  # with the code OTHER, and those like numbers
        # Numbers have a point in the names of classes, whatever the file has.
        numbers = [word for word in words or () if PLAIN.is_number(word)]
        self._numeric = bool(numbers) and as_numbers(numbers, PLAIN) is not None

    @property
    def words(self) -> list[str]:
        """The words, without spaces around them, in the order of their codes."""
        return list(self.index)

    @property
    def distinct(self) -> int:
        """How many different words there are, those that are only counted included."""
        return len(self.index) + len(self._others)

    def __missing__(self, cell):
        word = cell.strip()
        if word in self.index:
            code = self.index[word]
        elif self.form.is_missing(word, number=False):
            code = ABSENT
        elif not self.grows:
            value = self.form.number(word) if self._numeric else math.nan
            name = number_name(value) if math.isfinite(value) else ""
            code = self.index.get(name, UNKNOWN)
        elif self.most is None or len(self.index) < self.most:
            code = self.index[word] = len(self.index)
        else:
            self._others.add(hash(word))
            self.other_rows += 1
            self.other_numbers += looks_like_number(word)
            return OTHER
        if code != UNKNOWN:  # there may be endlessly many of these
            self[cell] = code
        return code


# ---- labels --------------------------------------------------------------------------------------


def as_numbers(labels: list[str], form: Format = PLAIN) -> list[float] | None:
    """Return the labels as numbers, None if they are texts.

    They are texts if one is not a number, starts with a zero as 007 does, or is too large for a
    float to tell it from the next one; and if 1E5, which may be the name of something, occurs
    beside whole numbers.
    """
    numbers = [form.number(label) for label in labels]
    if not all(abs(number) < 2**53 for number in numbers) or any(map(PADDED.match, labels)):
        return None
    if any(map(str.isdecimal, labels)) and any(map(EXPONENT.fullmatch, labels)):
        return None
    return numbers


def number_name(value: float) -> str:
    """Return the name of the class of a numeric label: 1 for 1.0, and 0.5."""
    return str(int(value)) if value.is_integer() else repr(value)


def classes_of(
    labels: list[str],
    where: str,
    *,
    rows: int,
    form: Format,
    are_classes: bool,
    column: str,
    remedy: Callable[[], str],
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the class names in label order, and the class (int64) of each of the labels.

    If the labels are numbers, 1 and 1.0 are one class, and the order is that of the numbers.
    Otherwise every text is a class, in alphabetical order.

    labels: the different labels of so many rows.
    are_classes: False to refuse numbers that are too many for classes; `remedy` says what to do.

    Raises DataError for a quantity, or if there is only one class.
    """
    numbers = as_numbers(labels, form)
    keys: list = labels if numbers is None else numbers
    names = sorted(set(keys))
    many = len(names) > 50 or len(names) > 20 and len(names) > rows / 10
    if numbers is not None and many and not are_classes:
        wrong = f"the label {shown(column)} is a quantity, not a class"
        facts = f"{len(names)} different numbers in {counted(rows, 'row')}"
        raise DataError(where, wrong, facts, remedy())
    place = {name: i for i, name in enumerate(names)}
    index = np.array([place[key] for key in keys], dtype=np.int64)
    class_names = tuple(names if numbers is None else map(number_name, names))
    if len(names) == 1:
        wrong = f"there is only one class, {shown(class_names[0])}"
        remedy_text = f"add rows of another class, or choose other labels {OPTION}"
        raise DataError(where, wrong, counted(rows, "row"), remedy_text)
    _warn_of_likes(class_names, where)
    return class_names, index


def _warn_of_likes(class_names, where):
    """Warn of classes whose names differ in upper and lower case or in spaces only."""
    alike: dict[str, list[str]] = {}
    for name in class_names:
        alike.setdefault("".join(name.casefold().split()), []).append(name)
    likes = [name for names in alike.values() if len(names) > 1 for name in names]
    if likes:
        wrong = f"{len(likes)} classes differ only in upper and lower case or in spaces"
        remedy = "if they mean the same, write them the same"
        warn_once(where, wrong, listed(likes, 8), remedy)


def with_one_hot(
    numbers: np.ndarray, columns: dict[int, Column], codes: dict[int, np.ndarray]
) -> np.ndarray:
    """Return x (n, F): the numbers (n, …) and the one-hot features, in the order of the columns.

    codes (n,) of each one-hot position are indices into its Column.values; any other code, such as
    ABSENT, gives 0 in all of its features.
    """
    parts, number = [], 0
    for i, column in columns.items():
        if column.values is None:
            parts.append(numbers[:, number : number + 1])
            number += 1
        else:
            part = np.equal(codes[i][:, None], np.arange(len(column.values)))
            parts.append(part.astype(numbers.dtype))
    return np.concatenate(parts, axis=1)
