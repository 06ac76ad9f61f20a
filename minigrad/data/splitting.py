"""The stratified split into training, validation and test part."""

from dataclasses import replace

import numpy as np

from ..errors import ArgumentError, DataError
from .dataset import Dataset


def split(
    dataset: Dataset, *, test: float = 0.2, val: float = 0.2, rng=0
) -> tuple[Dataset, Dataset, Dataset]:
    """Return the parts (train, val, test), every class divided as the whole is.

    test and val are fractions of the whole set; 0 gives an empty part. Each class's rows in each
    part, and each part's rows in all, are less than 1 from the exact share. Every class has a row
    in every part whose fraction is above 0. The rows of a part are shuffled; the same seed gives
    the same parts. Where the set has a test set of its own, that is the test part, as it is, and
    all of the rows are divided into train and val.

    Raises ArgumentError for a fraction outside [0, 1) or nothing left to train on, DataError where
    a class has too few rows.
    """
    for name, fraction in (("test", test), ("val", val)):
        if not 0 <= fraction < 1:
            raise ArgumentError(
                "split",
                f"{name} is not a fraction of the rows",
                f"{name} {fraction}",
                f"give {name} in [0, 1), such as 0.2",
            )
    if test + val >= 1:
        raise ArgumentError(
            "split",
            "nothing is left to train on",
            f"test {test}, val {val}",
            "give fractions whose sum is below 1",
        )
    if dataset.test is not None:
        train, val, _ = split(replace(dataset, test=None), test=0, val=val, rng=rng)
        return train, val, dataset.test
    counts = np.bincount(dataset.y, minlength=len(dataset.class_names))
    table = _divide(counts, np.array([1 - (test + val), val, test]))
    if table is None:
        c = counts.argmin()
        raise DataError(
            dataset.name or "split",
            f"class {dataset.class_names[c]!r} has too few rows for its share of every part",
            f"{counts[c]} of {len(dataset)} rows, val {val}, test {test}",
            "add rows to it, drop it, or change the fractions",
        )
    rng = np.random.default_rng(rng)
    parts = [], [], []
    for c, division in enumerate(table):
        rows = rng.permutation(np.flatnonzero(dataset.y == c))
        for part, piece in zip(parts, np.split(rows, division.cumsum()[:2]), strict=True):
            part.append(piece)
    return tuple(dataset.take(rng.permutation(np.concatenate(part))) for part in parts)


def _divide(counts, fractions):
    """Return how many rows of each class go to each part, (C, 3), or None if a class is too small.

    Largest remainder, with a memory: each share is rounded down, and the rows left over, two at
    most, go to those of the rounded parts that are owed most by all classes so far. So no part is
    ever owed a whole row. A share below one row becomes one row; the smallest classes come first
    so that the larger ones make up for that.
    """
    table = np.zeros((len(counts), 3), dtype=np.int64)
    owed = np.zeros(3)
    tiny = 1e-9  # 0.29 * 100 is 28.999999999999996: a share this close to a whole number is one
    for c in np.argsort(counts, kind="stable"):
        exact = counts[c] * fractions
        table[c] = np.maximum(np.floor(exact + tiny), fractions > 0)
        left = counts[c] - table[c].sum()
        if left < 0:
            return None
        owed += exact - table[c]
        claims = np.where(exact - table[c] > tiny, owed, -np.inf)
        winners = np.argsort(-claims, kind="stable")[:left]
        table[c, winners] += 1
        owed[winners] -= 1
    return table if (np.abs(owed) < 1 - tiny).all() else None
