"""JSON from files: read with care, and compared with a description of what it has to hold.

    PERSON = {"name": TEXT, "born": whole(1800, 2100), "died?": Maybe(whole(1800, 2100))}
    check(read_json(text), PERSON)

A dict describes a dict: a key with a question mark may be absent, and further keys are let pass. A
list describes a list of any length whose parts are alike, a tuple a list of as many parts.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LARGEST = 1e300  # a few such numbers have a finite sum
DEEPEST = 60  # brackets inside each other
INT64 = 2**63 - 1


@dataclass(frozen=True)
class Kind:
    """What a single value can be: how a message calls it, and whether a value fits."""

    called: str
    fits: Callable[[Any], bool]


@dataclass(frozen=True)
class Maybe:
    """What is None, or fits a description."""

    described: Any


def whole(least: int = 0, most: int = INT64) -> Kind:
    """Return the Kind of the whole numbers in a range, the ends included."""
    called = f"a whole number from {least}" + f" to {most}" * (most != INT64)
    return Kind(called, lambda value: type(value) is int and least <= value <= most)


def number(least: float = -LARGEST, most: float = LARGEST) -> Kind:
    """Return the Kind of the finite numbers in a range, the ends included."""
    called = (
        f"a number from {least:g}" if most == LARGEST else f"a number from {least:g} to {most:g}"
    )
    if least == -LARGEST:
        called = "a finite number"
    # NaN is in no range.
    return Kind(called, lambda value: type(value) in (int, float) and least <= value <= most)


def one_of(*choices: str) -> Kind:
    """Return the Kind of some strings."""
    called = f"one of {', '.join(map(repr, choices))}"
    return Kind(called, lambda value: isinstance(value, str) and value in choices)


def _is_text(value: Any) -> bool:
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:  # half of a surrogate pair, which no file can hold
        return False


TEXT = Kind("valid Unicode text", _is_text)
PATH = Kind("text", lambda value: isinstance(value, str))  # the name of a file is any bytes
FLAG = Kind("true or false", lambda value: type(value) is bool)
TABLE = Kind("a table", lambda value: isinstance(value, dict))


def check(value: Any, described: Any, place: str = "") -> None:
    """Raise ValueError for the first part of a value that is not as described, with its place."""
    if isinstance(described, Maybe):
        if value is not None:
            check(value, described.described, place)
    elif isinstance(described, dict):
        check(value, TABLE, place)
        for name, part in described.items():
            key = name.removesuffix("?")
            inside = f"{place}.{key}" if place else key
            if key in value:
                check(value[key], part, inside)
            elif key == name:
                raise ValueError(f"{inside} is missing")
    elif isinstance(described, (list, tuple)):
        count = len(described) if isinstance(described, tuple) else None
        if not isinstance(value, (list, tuple)) or count not in (None, len(value)):
            called = "a list" if count is None else f"a list of {count}"
            raise ValueError(f"{place or 'it'} is {_shown(value)}, not {called}")
        parts = described if count is not None else described * len(value)
        for i, (one, part) in enumerate(zip(value, parts, strict=True)):
            check(one, part, f"{place}[{i}]")
    elif not described.fits(value):
        raise ValueError(f"{place or 'it'} is {_shown(value)}, not {described.called}")


def _shown(value):
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    return "a table" if isinstance(value, dict) else f"{value!r:.40}"


def read_json(content: str | bytes) -> Any:
    """Return what JSON text holds.

    Raises ValueError if it is not JSON, holds NaN or an infinity, which JSON does not have, or
    nests more than DEEPEST brackets.
    """
    try:
        value = json.loads(content, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError(f"more than {DEEPEST} brackets inside each other") from error
    level = [value]
    for _ in range(DEEPEST):
        level = [
            part
            for one in level
            if isinstance(one, (list, dict))
            for part in (one.values() if isinstance(one, dict) else one)
        ]
    if level:
        raise ValueError(f"more than {DEEPEST} brackets inside each other")
    return value


def _refuse(constant):
    raise ValueError(f"{constant} is not a number of JSON")
