"""Weights of the classes in the loss, for data in which some classes are rare."""

import math

import numpy as np

from ..data import Dataset
from ..errors import ArgumentError


def balanced_weights(train: Dataset) -> np.ndarray:
    """Return N / (C n) for each of the C classes, with n of the N rows in it.

    Every class then has the same share in the loss. The definition is scikit-learn's "balanced".

    Raises:
        ArgumentError: a class has no rows.
    """
    counts = np.bincount(train.y, minlength=len(train.class_names))
    if not counts.all():
        raise ArgumentError(
            "balanced_weights",
            f"class {train.class_names[counts.argmin()]!r} has no rows",
            f"{len(train)} rows",
            "give it rows, or give the weights yourself",
        )
    return len(train) / (len(counts) * counts)


def named_weights(text: str, class_names: tuple[str, ...]) -> np.ndarray:
    """Return the weights (C,) that "name=w,name=w" gives; a class that is not named weighs 1.

    Raises:
        ArgumentError: a part is not the name of a class, an equals sign and a number from 0.
    """
    weights = dict.fromkeys(class_names, 1.0)
    for part in text.split(","):
        name, _, number = part.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if name not in weights or not 0 <= weight < math.inf:
            raise ArgumentError(
                "--class-weight",
                f"{part!r} is not NAME=W with the name of a class and a number from 0",
                f"the classes are {', '.join(class_names)}",
                "write it as in yes=2,no=0.5, or balanced",
            )
        weights[name] = weight
    return np.array(list(weights.values()))
