"""What the text in a cell says: a number, a missing value or a word; and how a file writes them."""

import codecs
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Self

import numpy as np

from ..errors import ArgumentError
from ..fields import TEXT, Maybe, one_of, whole
from ..text import shown

DELIMITERS = {",": ",", ";": ";", "\t": "tab", "|": "|", " ": "space"}
DECIMALS = (".", ",")
THOUSANDS = {",": ",", ".": ".", "space": " \u00a0\u202f", "apostrophe": "'\u2019"}

MISSING = {"", "?", "na", "n/a", "#n/a", "<na>", "nan", "null"}
# A word like "none" may be a class. An infinity is missing too: no measurement gives one.
MISSING_NUMBER = MISSING | {"none", "+nan", "-nan"}
MISSING_NUMBER |= {sign + word for sign in ("", "+", "-") for word in ("inf", "infinity")}

# "#" separates the thousands; 12,34,567 is how India writes it.
GROUPED = re.compile(r"([-+]?\d{1,3}(?:#\d{2,3})*#\d{3})(?!\d)([^#]*)")
# What may be a number with a decimal comma or with separated thousands.
SEPARATED = re.compile(r"\s*[-+]?\d*[\d.,'\u2019\s]*(?:[eE][-+]?\d+)?\s*")

FORM = {  # the fields of a Format as JSON
    "delimiter": Maybe(one_of(*DELIMITERS)),
    "decimal": one_of(*DECIMALS),
    "thousands": Maybe(one_of(*THOUSANDS)),
    "encoding": TEXT,
    "skip": whole(),
    "na": Maybe([TEXT]),
}


def parse(cell: str) -> float:
    """Return the number in a cell, NaN if there is none."""
    try:
        # float() would take 1_000, as Python's source does and no data file.
        return float(cell) if "_" not in cell else math.nan
    except ValueError:
        return math.nan


@dataclass(frozen=True)
class Format:
    """How a file of text is written. A model keeps it, so that other files are read by it.

    delimiter: what separates the columns, a key of DELIMITERS; None if the file is not text.
    decimal: what separates the fraction of a number, one of DECIMALS.
    thousands: what separates its groups of three digits, a key of THOUSANDS, or None.
    encoding: the encoding of the text, by its name in Python.
    skip: how many lines stand above the table.
    na: the texts that are missing values, exactly so; an empty cell is one, too. None: those of
        MISSING, in a column of numbers those of MISSING_NUMBER, in upper or lower case.
    """

    delimiter: str | None = None
    decimal: str = "."
    thousands: str | None = None
    encoding: str = "utf-8"
    skip: int = 0
    na: tuple[str, ...] | None = None

    def changed(self, where: str, **options: Any) -> Self:
        """Return the Format with these options of `load`, those that are None left as they are.

        Raises ArgumentError, about `where`, for a value that an option cannot have.
        """
        given = {name: value for name, value in options.items() if value is not None}
        form = replace(self, **{name: CHECKS[name](where, given[name]) for name in given})
        if form.thousands == form.decimal:
            wrong = f"decimal and thousands are both {shown(form.decimal)}"
            remedy = "give decimal=',' with thousands='.', or the other way round"
            raise ArgumentError(where, wrong, "a number cannot have both", remedy)
        return form

    @property
    def missing(self) -> list[str]:
        """The texts that are missing values in a column of numbers; if `na` is None, lowered."""
        return sorted(MISSING_NUMBER) if self.na is None else ["", *self.na]

    def is_missing(self, cell: str, number: bool = True) -> bool:
        """Return whether a cell holds a missing value (of a number): empty, NA, NaN, ?, inf …

        Spaces around it do not count.
        """
        text = cell.strip()
        if self.na is not None:
            return not text or text in self.na
        return text.lower() in (MISSING_NUMBER if number else MISSING)

    def number(self, cell: str) -> float:
        """Return the number in a cell, NaN if there is none."""
        text = cell.strip()
        for separator in THOUSANDS.get(self.thousands or "", ""):
            if separator in text:
                grouped = GROUPED.fullmatch(text.replace("#", "?").replace(separator, "#"))
                if not grouped:
                    return math.nan
                text = grouped[1].replace("#", "") + grouped[2]
        if self.decimal == ",":
            if "." in text:
                return math.nan
            text = text.replace(",", ".")
        return parse(text)

    def is_number(self, cell: str) -> bool:
        """Return whether a cell holds a finite number."""
        return math.isfinite(self.number(cell))

    def numbers(self, columns: Sequence[Sequence[str]]) -> np.ndarray:
        """Return F columns of n cells as float64 (n, F), not finite where one is no number."""
        text = "\0".join(chain.from_iterable(columns))  # which no cell contains
        separators = THOUSANDS.get(self.thousands or "", "") + ("." if self.decimal == "," else "")
        cells, count = chain.from_iterable(columns), sum(map(len, columns))
        try:
            if any(character in text for character in "_" + separators):
                raise ValueError
            if self.decimal == ",":
                cells = iter(text.replace(",", ".").split("\0"))
            values = np.fromiter(map(float, cells), float, count)
        except ValueError:
            values = np.fromiter(map(self.number, chain.from_iterable(columns)), float, count)
        if any(map(self.is_number, self.na or ())):  # such as -999
            missing = map(self.is_missing, chain.from_iterable(columns))
            values[np.fromiter(missing, bool, count)] = np.nan
        return np.ascontiguousarray(values.reshape(len(columns), -1).T)


# ---- the options of `load` -----------------------------------------------------------------------


def _delimiter(where, value):
    found = {"tab": "\t", "space": " "}.get(value, value)
    if found not in DELIMITERS:
        remedy = "leave it out to have it found"
        raise _unknown(where, "delimiter", value, DELIMITERS.values(), remedy)
    return found


def _decimal(where, value):
    if value not in DECIMALS:
        raise _unknown(where, "decimal", value, DECIMALS, "leave it out for a point")
    return value


def _thousands(where, value):
    if value not in (*THOUSANDS, "none"):
        raise _unknown(where, "thousands", value, (*THOUSANDS, "none"), "leave it out for none")
    return None if value == "none" else value


def _encoding(where, value):
    try:
        "a".encode(value)  # refuses those that do not make text, such as base64
        return codecs.lookup(value).name
    except (LookupError, ValueError) as error:
        wrong, remedy = (
            f"encoding {value!r:.40} is unknown",
            "give utf-8, cp1252, utf-16 or another",
        )
        raise ArgumentError(where, wrong, str(error), remedy) from error


def _skip(where, value):
    if type(value) is not int or value < 0:
        facts = f"skip {value!r:.40}"
        raise ArgumentError(where, "skip is not a number of lines", facts, "give 0 or more")
    return value


def _na(where, value):
    return tuple(dict.fromkeys(text.strip() for texts in value for text in texts.split(",")))


CHECKS = {
    "delimiter": _delimiter,
    "decimal": _decimal,
    "thousands": _thousands,
    "encoding": _encoding,
    "skip": _skip,
    "na": _na,
}


def _unknown(where, name, value, choices, remedy):
    facts = f"it can be {' '.join(choices)}"
    return ArgumentError(where, f"{name} {shown(value)} is unknown", facts, remedy)


# ---- numbers in all formats ----------------------------------------------------------------------

PLAIN = Format()
# How numbers are written, the likelier first.
FORMATS = [
    Format(decimal=decimal, thousands=thousands)
    for decimal, thousands in (
        (".", None),
        (",", None),
        (".", ","),
        (",", "."),
        (".", "space"),
        (",", "space"),
        (".", "apostrophe"),
        (",", "apostrophe"),
    )
]


def looks_like_number(cell: str) -> bool:
    """Return whether a cell holds a number, with a decimal comma or separated thousands, too."""
    # Each look saves time where it can: most cells are plain numbers, or words.
    return PLAIN.is_number(cell) or (
        bool(SEPARATED.fullmatch(cell)) and any(form.is_number(cell) for form in FORMATS)
    )


def formats_of(cells: Sequence[str], now: Format) -> dict[float, Format]:
    """Return the formats in which all of the cells hold numbers, by what the first would be.

    now: the format in which they do not; of two that say the same, the one nearer to it is taken.
    """
    found: dict[float, Format] = {}

    def changes(form: Format) -> int:
        return (form.decimal != now.decimal) + (form.thousands != now.thousands)

    for form in sorted(FORMATS, key=changes):
        if all(map(form.is_number, cells)):
            found.setdefault(form.number(cells[0]), form)
    return found
