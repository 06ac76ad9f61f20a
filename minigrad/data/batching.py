"""Shuffled mini-batches."""

from collections.abc import Iterator

import numpy as np

from ..errors import ArgumentError, ShapeError


def batches(
    x: np.ndarray, y: np.ndarray, size: int, *, rng
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Return an iterator over one epoch: every row once, shuffled, as (x[rows], y[rows]).

    x (N, …), y (N, …) -> pairs of copies with `size` rows; the last pair has what is left.
    One permutation is drawn per call, at the call. Give the same Generator for every epoch: an int
    seed would repeat the order.

    Raises ShapeError where x and y differ in length, ArgumentError for size < 1.
    """
    if len(x) != len(y):
        raise ShapeError(
            "batches",
            f"x has {len(x)} rows but y has {len(y)}",
            f"x {x.shape}, y {y.shape}",
            "give one label for each row of x",
        )
    if size < 1:
        raise ArgumentError("batches", "size must be 1 or more", f"size {size}", "give size=32")
    order = np.random.default_rng(rng).permutation(len(x))
    # Not a generator function: that would check its arguments only at the first next().
    cuts = (order[start : start + size] for start in range(0, len(x), size))
    return ((x[rows], y[rows]) for rows in cuts)
