"""Columns whose values are too close to each other for float32, such as timestamps.

Beside 1,700,000,000 a float32 has steps of 128: five seconds are nothing. Such a column is kept
minus an offset, which its Column holds.
"""

import numpy as np

from ..text import shown

LEVELS = 2**10  # different values that a column's spread has room for, at least


def offsets_of(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return what to subtract from each column of x (N, F) before it becomes `dtype`, (F,) float64.

    It is 0 unless `dtype` has fewer than LEVELS steps between the column's ends, and rounds there.
    What is not finite does not count. The rows may be the first of more: subtracting loses nothing.
    """
    offsets, rounding = np.zeros(x.shape[1]), np.finfo(dtype).eps
    if x.dtype.kind == "b" or x.dtype.itemsize <= np.dtype(dtype).itemsize and x.dtype.kind == "f":
        return offsets
    for f, column in enumerate(x.T):
        values = column[np.isfinite(column)].astype(np.float64)
        if not len(values):
            continue
        low, high = values.min(), values.max()
        reach = max(-low, high)
        if high - low < LEVELS * rounding * reach:
            with np.errstate(over="ignore"):
                rounded = (values.astype(dtype) != values).any()
            # A constant of that size: the rows to come may differ, and would be rounded.
            if (rounded and high > low) or reach * rounding > 1:
                offsets[f] = low
    return offsets


def note_of_offsets(names: list[str], offsets: np.ndarray, dtype: np.dtype) -> list[str]:
    """Return the note that says which columns are kept minus an offset, if any."""
    moved = [f"{shown(n)} - {o:.17g}" for n, o in zip(names, offsets, strict=True) if o]
    why = f"which {np.dtype(dtype)} would round away otherwise"
    return [f"kept as differences, {why}: {', '.join(moved)}"] if moved else []
