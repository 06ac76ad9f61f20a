"""Permutation importance: how much worse a classifier is when it cannot use a column.

Breiman 2001, Random Forests, section 10; scikit-learn's permutation_importance computes the same.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..typing import Rng
from .classifier import Classifier


class Importance(NamedTuple):
    """What a classifier loses without a column.

    column: its name.
    drop: the mean drop in accuracy over the shuffles.
    spread: their standard deviation.
    """

    column: str
    drop: float
    spread: float


def permutation_importance(
    classifier: Classifier,
    x: np.ndarray,
    y: np.ndarray,
    *,
    shuffles: int = 5,
    rng: Rng = 0,
    on_column: Callable[[], None] = lambda: None,
) -> tuple[float, list[Importance]]:
    """Return the accuracy on labelled rows, and the Importance of each column, largest drop first.

    A column's values are shuffled among the rows, all of its one-hot features together, so that
    they say nothing about a row any more. Of two columns that say the same, each may seem
    unimportant: the other one is still there.

    Args:
        x (N, F), y (N,): unscaled features and classes, such as a Dataset has.
        shuffles: how often each column is shuffled.
        on_column: called after each column.

    Raises:
        DataError: if there are no rows, or as `Classifier.predict_log_proba` does.
    """
    if not len(x):
        remedy = "give rows with labels"
        raise DataError("permutation_importance", "there are no rows", "0 rows", remedy)

    def accuracy(x: np.ndarray) -> float:
        return float(np.mean(classifier.predict_log_proba(x).argmax(axis=1) == y))

    rng, whole = np.random.default_rng(rng), accuracy(x)
    shuffled, first, found = x.copy(), 0, []
    for column in classifier.schema.columns:
        width = 1 if column.values is None else len(column.values)
        part = slice(first, first + width)
        drops = []
        for _ in range(shuffles):
            shuffled[:, part] = x[rng.permutation(len(x)), part]
            drops.append(whole - accuracy(shuffled))
        shuffled[:, part] = x[:, part]
        first += width
        found.append(Importance(column.name, float(np.mean(drops)), float(np.std(drops))))
        on_column()
    return whole, sorted(found, key=lambda one: -one.drop)
