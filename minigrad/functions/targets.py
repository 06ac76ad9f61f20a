"""What a classifier's targets may be, and the errors for what they may not be.

A target for logits (N, C) holds either class indices (N,), integers from 0 to C − 1, or rows of
probabilities (N, C), of which a one-hot row is one.
"""

import numpy as np

from ..engine import constant
from ..errors import ArgumentError, DataError, DTypeError, ShapeError, message


def check_target(where: str, logits: tuple, target, ignore_index) -> np.ndarray:
    """Return the target as an array: class indices (N, d…) or rows (N, C, d…).

    The two differ in their number of axes. `logits` is the shape (N, C, d…).

    Raises:
        ShapeError, DTypeError, DataError: the target is neither; the text says how to make it one.
    """
    t = constant(where, "target", target)
    facts = f"logits {logits}, target {t.shape} {t.dtype}"
    if len(logits) < 2:
        raise _error(
            ShapeError,
            where,
            "the logits need the axes (N, C)",
            facts,
            "add the batch axis: logits.reshape(1, -1)",
        )
    if t.dtype.kind not in "fiub":
        raise _error(
            DTypeError,
            where,
            "the target does not hold numbers",
            facts,
            "map class names to indices first: names.index(label)",
        )
    if t.shape == logits:
        _check_rows(where, t, facts, ignore_index)
    elif t.shape == logits[:1] + logits[2:]:
        _check_indices(where, t, logits[1], facts, ignore_index)
    else:
        raise _shape_error(where, logits, t.shape, facts)
    return t


def check_weight(where: str, weight, classes: int, dtype) -> np.ndarray | None:
    """Return the class weights as an array (C,), or None; ShapeError where they are not C."""
    if weight is None:
        return None
    w = constant(where, "weight", weight)
    if w.shape != (classes,):
        raise _error(
            ShapeError,
            where,
            "weight needs one number for each class",
            f"weight {w.shape}, {classes} classes",
            f"give weight as ({classes},)",
        )
    return w.astype(dtype)


def check_reduction(where: str, reduction: str) -> None:
    """Raise ArgumentError unless `reduction` is mean, sum or none."""
    if reduction not in ("mean", "sum", "none"):
        raise _error(
            ArgumentError,
            where,
            f"reduction={reduction!r} is unknown",
            "it can be 'mean', 'sum' or 'none'",
            "choose one of them",
        )


def _error(kind, *parts):
    return kind(message(*parts))


def _check_indices(where, t, classes, facts, ignore_index):
    if t.dtype.kind == "f":
        raise _error(
            DTypeError,
            where,
            "class indices have to be integers",
            facts,
            "convert them with target.astype(int), or give rows of C probabilities",
        )
    used = t if ignore_index is None else t[t != ignore_index]
    if used.size and (used.min() < 0 or used.max() >= classes):
        bad = (t < 0) | (t >= classes)
        if ignore_index is not None:
            bad &= t != ignore_index
        row = tuple(int(i) for i in np.argwhere(bad)[0])
        at = f"row {row[0]}" if len(row) == 1 else f"position {row}"
        remedy = "give class indices from 0, and as many logits as classes"
        if used.min() < 0:
            remedy = f"pass ignore_index={t[row]} to leave such rows out"
        elif used.min() >= 1 and used.max() == classes:
            remedy = "are the labels counted from 1?"
        raise _error(
            DataError, where, f"target {t[row]} at {at} is outside 0 … {classes - 1}", facts, remedy
        )


def _check_rows(where, q, facts, ignore_index):
    if ignore_index is not None:
        raise _error(
            ArgumentError,
            where,
            "ignore_index is for class indices, not for rows",
            facts,
            "leave it out, or give class indices",
        )
    total = q.sum(axis=1)
    bad = ~((abs(total - 1) <= 1e-3) & (q >= 0).all(axis=1))
    if bad.any():
        row = tuple(int(i) for i in np.argwhere(bad)[0])
        wrong = f"target row {row[0]} is not a row of probabilities: it sums to {total[row]:.6g}"
        if not (q >= 0).all():
            wrong = f"target row {row[0]} is not a row of probabilities: it has negative numbers"
        raise _error(
            DataError, where, wrong, facts, "give class indices (N,), or rows (N, C) that sum to 1"
        )


def _shape_error(where, logits, t, facts):
    n, c, *rest = logits
    if t == (n, 1, *rest):
        return _error(
            ShapeError,
            where,
            "the target has an axis of length 1 too many",
            facts,
            f"pass target.reshape{(n, *rest)!r}".replace(",)", ")"),
        )
    if len(t) == len(logits) and t[:1] + t[2:] == (n, *rest):
        return _error(
            ShapeError,
            where,
            f"the target's rows have {t[1]} classes, the logits {c}",
            facts,
            "make the last layer as wide as there are classes",
        )
    if len(logits) == 2 and t == (c,):
        return _error(
            ShapeError,
            where,
            f"there are {n} rows of logits and {c} targets",
            facts,
            "did you transpose the logits? They are (N, C)",
        )
    if len(t) == len(logits) - 1:
        return _error(
            ShapeError,
            where,
            f"there are {n} rows of logits and {t[0]} targets",
            facts,
            "give one target for each row",
        )
    return _error(
        ShapeError,
        where,
        "the target's axes do not fit those of the logits",
        facts,
        f"give class indices {(n, *rest)}, or probabilities {logits}",
    )
