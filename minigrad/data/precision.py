"""Columns whose values are too close to each other for float32, such as timestamps.

Beside 1,700,000,000 a float32 has steps of 128: five seconds are nothing. Such a column is kept
minus an offset, which its Column holds.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ..errors import warn_once
from ..text import shown

LEVELS = 2**10  # different values that a column's spread has room for, at least
EXACT = 2.0**53  # from here on a float64 does not hold every whole number
FEW, MOST = 0.25, 0.9  # of the different values of a column
LOOK = 1000  # rows to look at


def offsets_of(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return what to subtract from each column of x (N, F) before it becomes `dtype`, (F,) float64.

    It is 0 unless `dtype` has fewer than LEVELS steps between the column's ends, and rounds there.
    What is not finite does not count. The rows may be the first of more: subtracting loses nothing.
    """
    offsets, rounding = np.zeros(x.shape[1]), np.finfo(dtype).eps
    if _fits(x.dtype, dtype) or x.dtype.kind == "f" and np.can_cast(x.dtype, dtype):
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


def warn_of_lost(
    where: str,
    names: Sequence[str],
    x: np.ndarray,
    offsets: np.ndarray,
    dtype: np.dtype,
    text: Callable[[int, int], str],
) -> set[str]:
    """Warn of the columns of x (N, F) of whose different values few are left; return their names.

    Ids beyond EXACT have to stay apart; the last digits of measurements are no loss.

    text: returns the text in row r and column f: x may have lost what it says.
    """
    lost: set[str] = set()
    if _fits(x.dtype, dtype):
        return lost
    for f, (name, offset) in enumerate(zip(names, offsets.tolist(), strict=True)):
        rows = np.flatnonzero(np.isfinite(x[:LOOK, f]))
        values = x[rows, f]
        large = bool((np.abs(values.astype(np.float64)) >= EXACT).any())
        large = large and bool((values == np.rint(values)).all())
        with np.errstate(over="ignore"):
            cast = (values - offset).astype(dtype)
        if not np.isfinite(cast).all():  # refused as too large
            continue
        left = len(np.unique(cast))
        given = len({text(r, f) for r in rows.tolist()} if large else np.unique(values))
        if left < given * (MOST if large else FEW):
            lost.add(name)
            wrong = f"column {shown(name)} has values too close to each other for their size"
            facts = f"{left} of {given} different ones are left in the first {len(rows)} rows"
            remedy = "subtract a constant from it, change its unit, or leave it out"
            if not large and dtype != np.float64:
                remedy += "; dtype='float64' keeps them apart"
            warn_once(where, wrong, facts, remedy)
    return lost


def _fits(given: np.dtype, dtype: np.dtype) -> bool:
    """Return whether all whole numbers of a dtype are among the floats of another."""
    return given.kind in "biu" and given.itemsize < np.dtype(dtype).itemsize


def note_of_offsets(
    names: Sequence[str], offsets: np.ndarray, dtype: np.dtype, lost: set[str]
) -> list[str]:
    """Return the note that says which columns are kept minus an offset, but not those `lost`."""
    pairs = zip(names, offsets, strict=True)
    moved = [f"{shown(name)} - {o:.17g}" for name, o in pairs if o and name not in lost]
    why = f"which {np.dtype(dtype)} would round away otherwise"
    return [f"kept as differences, {why}: {', '.join(moved)}"] if moved else []
