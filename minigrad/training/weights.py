"""Weights of the classes in the loss, for data with rare classes."""

import math
import re

import numpy as np

from ..data import Dataset
from ..errors import ArgumentError
from ..text import counted, listed, shown

HEAVIEST = 1e6


def balanced_weights(train: Dataset) -> np.ndarray:
    """Return N / (C n) for each of the C classes, with n of the N rows in it.

    Every class then has the same share in the loss. scikit-learn calls this "balanced". If the rows
    have weights, N and n are sums of them.

    Raises:
        ArgumentError: if a class has no rows.
    """
    counts = np.bincount(train.y, train.weights, minlength=len(train.class_names))
    if not counts.all():
        wrong = f"class {shown(train.class_names[counts.argmin()])} has no rows"
        remedy = "give it rows, or give the weights yourself"
        raise ArgumentError("balanced_weights", wrong, counted(len(train), "row"), remedy)
    return counts.sum() / (len(counts) * counts)


def named_weights(text: str, class_names: tuple[str, ...]) -> np.ndarray:
    """Return the weights (C,) for "name=w,name=w"; a class that is not named gets 1.

    Names may contain commas and equals signs.

    Raises:
        ArgumentError: if a part is not the name of a class, an equals sign and a number from 0 to
            a million, if a class is named twice, or if all weights are 0.
    """
    given: dict[str, float] = {}
    longest_first = sorted(class_names, key=len, reverse=True)
    entry = re.compile(f"({'|'.join(map(re.escape, longest_first))})=([^,]*)")
    start = 0
    while start <= len(text):
        found = entry.match(text, start)
        name, number = found.groups() if found else ("", "")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if name in given or not 0 <= weight <= HEAVIEST:
            part = text[start:].partition(",")[0]
            raise ArgumentError(
                "class_weight",
                f"{part!r} is not NAME=W, where NAME is a class not named before and W is a number "
                f"from 0 to {HEAVIEST:,.0f}",
                f"the classes are {listed(class_names)}",
                "write it as in yes=2,no=0.5, or balanced",
            )
        given[name], start = weight, found.end() + 1
    weights = np.array([given.get(name, 1.0) for name in class_names])
    if not weights.any():
        raise ArgumentError(
            "class_weight", "no class has any weight", text, "give one of them a number above 0"
        )
    return weights
