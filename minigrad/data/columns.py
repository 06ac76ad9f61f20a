"""What becomes of the columns of a table: numbers, one-hot features, or nothing.

A column most of whose cells are numbers is one of numbers. Texts with few values become one-hot;
texts that are nearly all different are names, dates or the like, and are left out; what lies
between is refused.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ..errors import ArgumentError, DataError, warn_once
from ..text import counted, did_you_mean, listed, printable, shown
from .cells import Format, looks_like_number
from .dataset import Column
from .labels import Codes
from .tables import Table

MOST_VALUES = 1000  # of a column that --one-hot names
MOST_BY_ITSELF = 250  # of a column that becomes one-hot by itself
STRICT = "none"  # in place of a one-hot column: no column becomes one-hot or is left out by itself
MOST_LISTED = 20  # columns in a message
FEWEST_IDS = 10  # numbers that tell an id from chance
ID = re.compile(r"(.*[^a-zA-Z])?(id|Id|ID|index)|.*[a-z](Id|ID)")  # the name of a column of ids


class Roles(NamedTuple):
    """The positions of the columns by what they are for.

    free: those that no option names, which are features if they can be.
    """

    label: int
    one_hot: tuple[int, ...]
    free: tuple[int, ...]
    dropped: tuple[int, ...]
    strict: bool


# ---- what the options say ------------------------------------------------------------------------


def choose_roles(
    table: Table, label: str | int | None, one_hot: Iterable[str | int], drop: Iterable[str | int]
) -> Roles:
    """Return the Roles of the columns that the options of `load` give them.

    Raises DataError if too few columns are left or one of them has no name, ArgumentError for a
    column that does not exist or has two roles.
    """
    names, where = table.names, table.where
    dropped = {*positions_of(names, drop, "drop", table.call)}
    strict = STRICT in one_hot and STRICT not in names
    given = [column for column in one_hot if not (strict and column == STRICT)]
    hot = {*positions_of(names, given, "one-hot", table.call)}
    left = [i for i in range(len(names)) if i not in dropped]
    if len(left) < 2:
        wrong = "has too few columns for a label and a feature"
        facts, delimiter = f"{len(names)}, {len(dropped)} dropped", table.form.delimiter
        remedy = "drop fewer" if dropped else f"give a {table.kind} with features and the class"
        if delimiter is not None:
            facts = f"{len(names)} in row 1, separated by {shown(delimiter)}, "
            facts += f"{len(dropped)} dropped"
            remedy += ", or pass delimiter=CHAR if another one separates them"
        raise DataError(where, wrong, facts, remedy)
    table.check_names(left)
    y = left[-1] if label is None else _position(names, label, "label", table.call)
    hot |= {*table.categories} - dropped - {y}
    for chosen, other, options in (
        ({y}, dropped, "label and drop"),
        ({y}, hot, "label and one-hot"),
        (hot, dropped, "one-hot and drop"),
    ):
        for i in sorted(chosen & other):
            wrong = f"{options} both name column {shown(names[i])}"
            raise ArgumentError(
                table.call, wrong, f"columns {listed(names)}", "name it in one of them"
            )
    if nameless := [i for i in left if not names[i]]:
        wrong = f"column {nameless[0]} has no name"
        facts = f"columns {listed(names)}, counted from 0"
        place = " in row 1" if table.kind == "file" else ""
        remedy = f"name it{place}, or pass drop=[{nameless[0]}] to leave it out"
        if len(nameless) > 1:
            wrong, remedy = f"{len(nameless)} columns have no name", "name them"
            if place:
                remedy += ", or pass skip=LINES if the table begins further down"
        raise DataError(where, wrong, facts, remedy)
    free = tuple(i for i in left if i != y and i not in hot)
    return Roles(y, tuple(sorted(hot)), free, tuple(sorted(dropped)), strict)


def positions_of(
    names: Sequence[str], columns: Iterable[str | int], option: str, call: str = "load"
) -> list[int]:
    """Return the positions of columns that are given one by one or as comma lists.

    Raises ArgumentError if there is no such column; `option` of the function `call` named it.
    """
    found = []
    for column in columns:
        single = column in names or not isinstance(column, str)
        for part in [column] if single else column.split(","):
            found.append(_position(names, part, option, call))
    return found


def _position(names, column, option, call):
    """Return the position of a column given by name or by index, from the end if negative."""
    if (count := names.count(column)) == 1:
        return names.index(column)
    if count:
        places = ", ".join(str(i) for i, name in enumerate(names) if name == column)
        wrong, facts = f"{option} {column!r} is the name of {count} columns", f"columns {places}"
        raise ArgumentError(call, wrong, facts, "give the place of one, counted from 0")
    try:
        return range(len(names))[int(column)]
    except (ValueError, IndexError):
        wrong = f"{option} {column!r} is not a column"
        facts = f"columns {listed(names)}, or 0 to {len(names) - 1}"
        remedy = did_you_mean(str(column), names, "choose one of these")
        raise ArgumentError(call, wrong, facts, remedy) from None


# ---- what the cells say --------------------------------------------------------------------------


def looks_numeric(cells: Iterable[str], form: Format) -> bool:
    """Return whether most of the cells that hold something look like numbers."""
    present = [cell for cell in cells if not form.is_missing(cell)]
    return 2 * sum(map(looks_like_number, present)) >= len(present)


def is_numeric(known: Codes, counts: np.ndarray) -> bool:
    """Return whether most cells of a column of texts look like numbers; counts: rows per word."""
    rows = [
        (looks_like_number(word), count)
        for word, count in zip(known.words, counts.tolist(), strict=True)
        if not known.form.is_missing(word)
    ]
    numbers = known.other_numbers + sum(count for number, count in rows if number)
    present = known.other_rows + sum(count for _, count in rows)
    return present > 0 and 2 * numbers >= present


class Text(NamedTuple):
    """A column of texts in the whole file: its name, its different values, rows that have one."""

    name: str
    values: int
    rows: int

    @property
    def fate(self) -> str:
        """What becomes of it by itself: "one-hot", "left out", or "refused"."""
        if 2 * self.values > self.rows or not self.rows:
            return "left out"
        return "one-hot" if self.values <= MOST_BY_ITSELF else "refused"


def check_texts(texts: Sequence[Text], where: str, strict: bool) -> None:
    """Raise DataError for columns of texts for which an option has to decide."""
    refused = [text for text in texts if strict or text.fate == "refused"]
    if not refused:
        return
    one = len(refused) == 1
    wrong = f"{counted(len(refused), 'column')} {'holds' if one else 'hold'} texts"
    wrong += ", not numbers" if strict else ", too many for one-hot and too few to be names"
    facts = ", ".join(
        f"{shown(text.name)} ({counted(text.values, 'value')} in {counted(text.rows, 'row')})"
        for text in refused[:MOST_LISTED]
    )
    more = len(refused) - MOST_LISTED
    facts += f" and {more} more" if more > 0 else ""
    hot = [text.name for text in refused if text.fate != "left out"]
    out = [text.name for text in refused if text.fate != "one-hot"]
    ways = [as_option("one_hot", hot), as_option("drop", out)]
    between = " or " if hot == out else ", "
    raise DataError(where, wrong, facts, f"pass {between.join(filter(None, ways))}")


def as_option(option: str, names: Sequence[str]) -> str:
    """Return an option that names columns, as it is given in Python; "" for no column."""
    plain = [name for name in names if not {*name} & {*",'\"[]\\"} and name.isprintable()]
    some = plain[:MOST_LISTED]
    if not names:
        return ""
    return f"{option}=['{','.join(some)}']" if some == [*names] else f"{option}=[COL] for each"


def note_of(columns: Iterable[Column], left_out: dict[str, str]) -> list[str]:
    """Return the line that says which columns are one-hot, and which are left out, and why."""
    sizes = [(column.name, len(column.values)) for column in columns if column.values is not None]
    # The first says what is counted.
    hot = [f"{printable(c)} ({n if i else counted(n, 'value')})" for i, (c, n) in enumerate(sizes)]
    out = [f"{printable(name)} ({why})" for name, why in left_out.items()]
    parts = [f"one-hot: {', '.join(hot)}"] * bool(hot) + [f"left out: {', '.join(out)}"] * bool(out)
    return ["; ".join(parts)] if parts else []


def warn_of_settled(
    columns: dict[int, Column], values: dict[int, np.ndarray], y: np.ndarray, where: str
) -> None:
    """Warn of columns whose value alone settles the class in every row.

    values: the numbers or codes (N,) of each column. A column whose values hardly ever come again
    settles nothing.
    """
    settled = []
    for i, column in columns.items():
        v = values[i]
        some = slice(None, None, max(1, len(v) // 2000))  # nearly always enough to see that not
        if _settles(v[some], y[some]) and _settles(v, y):
            settled.append(column.name)
    if settled:
        one = len(settled) == 1
        wrong = f"the value of {listed(settled, 5)} alone settles the class in every row"
        what = "it may be" if one else "they may be"
        facts = f"{what} another form of the label, which new rows will not have"
        remedy = f"pass {as_option('drop', settled)} if so"
        warn_once(where, wrong, facts, remedy)


def warn_of_ids(columns: dict[int, Column], values: dict[int, np.ndarray], where: str) -> None:
    """Warn of columns of numbers that seem to number the rows, or to be their ids.

    values: the numbers (N,) of each column.
    """
    found = [
        column.name
        for i, column in columns.items()
        if column.values is None and _is_id(column.name, values[i])
    ]
    if found:
        wrong = f"{listed(found, 5)} has another whole number in every row, as ids and counters do"
        facts = "it is used as a feature, and says nothing about new rows"
        warn_once(where, wrong, facts, f"pass {as_option('drop', found)} if it is one")


def _is_id(name, v):
    """Whether numbers go up by about one from row to row, or are all different and called id."""
    if len(v) < FEWEST_IDS or not (v % 1 == 0).all():
        return False
    steps = np.diff(v)
    in_order = (steps > 0).all() and steps.mean() < 2  # rows may have been left out
    return bool(in_order or ID.fullmatch(name) and len(np.unique(v)) == len(v))


def _settles(v, y):
    """Whether rows of equal value have the same class, and values come five times on average."""
    found, index = np.unique(v, return_inverse=True)
    if len(found) > MOST_BY_ITSELF or 5 * len(found) > len(v):
        return False
    low, high = np.full(len(found), y.max()), np.zeros(len(found), y.dtype)
    np.minimum.at(low, index, y)
    np.maximum.at(high, index, y)
    return bool((low == high).all())
