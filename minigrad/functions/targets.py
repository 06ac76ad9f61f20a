"""What a classifier's loss may be given, and the errors for everything else.

A target for logits (N, C) holds either class indices (N,), integers from 0 to C − 1, or rows of
probabilities (N, C), such as one-hot rows.
"""

import numpy as np

from ..engine import constant
from ..errors import ArgumentError, DataError, DTypeError, ShapeError, warn_once
from ..text import counted
from ..typing import ArrayLike, DTypeLike
from .activations import Softmax


def check_target(
    where: str, name: str, logits: tuple, target: ArrayLike, ignore_index: int | None
) -> np.ndarray:
    """Return the target as an array: class indices (N, d…) or rows (N, C, d…).

    The two differ in their number of axes. `logits` is the shape (N, C, d…) of the input `name`.

    Raises:
        ShapeError, DTypeError, DataError: if it is neither; the message says how to make it one.
    """
    t = constant(where, "target", target)
    wrong, indices = None, t.shape == logits[:1] + logits[2:]
    if len(logits) < 2:
        wrong = ShapeError, f"{name} need the axes (N, C)", f"add one: {name}.reshape(1, -1)"
    elif t.dtype.kind not in "iufb":
        remedy = "map class names to indices first: names.index(label)"
        wrong = DTypeError, "the target does not hold numbers", remedy
    elif indices:
        wrong = _wrong_indices(t, logits[1], ignore_index)
    elif t.shape == logits:
        wrong = _wrong_rows(t, ignore_index)
    else:
        wrong = ShapeError, *_wrong_shape(name, logits, t.shape)
    if wrong is not None:
        error, what, remedy = wrong
        facts = f"{name} {logits}, target {t.shape} {t.dtype}"
        raise error(where, what, facts, remedy)
    return t.astype(np.intp, copy=False) if indices else t


def check_weight(
    where: str, weight: ArrayLike | None, classes: int, dtype: DTypeLike
) -> np.ndarray | None:
    """Return the class weights as an array (C,), or None; raise if they are not C numbers."""
    if weight is None:
        return None
    w = constant(where, "weight", weight)
    if w.shape != (classes,):
        facts, remedy = (
            f"weight {w.shape}, {counted(classes, 'class')}",
            f"give weight as ({classes},)",
        )
        raise ShapeError(where, "weight needs one number for each class", facts, remedy)
    return w.astype(dtype)


def check_options(where: str, reduction: str, label_smoothing: float = 0.0) -> None:
    """Raise ArgumentError unless `reduction` is mean, sum or none, and smoothing from 0 to 1."""
    if reduction not in ("mean", "sum", "none"):
        wrong, facts = f"reduction={reduction!r} is unknown", "it can be 'mean', 'sum' or 'none'"
        raise ArgumentError(where, wrong, facts, "choose one of them")
    if not 0 <= label_smoothing <= 1:
        wrong, facts = "label_smoothing is outside 0 … 1", f"label_smoothing {label_smoothing}"
        raise ArgumentError(where, wrong, facts, "give a number from 0 to 1")


def check_logits(where: str, logits: ArrayLike, from_probabilities: bool) -> None:
    """Warn if the logits are what Softmax made.

    Raises:
        DataError: if `from_probabilities` is set and a row is not one of probabilities.
    """
    if not from_probabilities:
        if isinstance(logits.node, Softmax):
            wrong = "the logits are the output of Softmax, and cross_entropy applies softmax itself"
            remedy = "remove the Softmax layer, or pass from_probabilities=True"
            warn_once(where, wrong, f"{logits.shape[1]} classes", remedy)
        return
    p = logits.data
    if np.isnan(p).any():
        return  # what a softmax of NaN gives: NaN in, NaN out
    if (bad := first_bad_row(p)) is not None:
        row, why = bad
        wrong = f"row {row} is not a row of probabilities: it {why}"
        remedy = "leave from_probabilities out for logits"
        raise DataError(where, wrong, f"probabilities {p.shape}", remedy)


@np.errstate(all="ignore")
def first_bad_row(rows: np.ndarray) -> tuple[int, str] | None:
    """Return the first row of (N, C, d…) that is not probabilities, and why; None if all are."""
    sums = rows.sum(axis=1)
    negative = (rows < 0).any(axis=1)
    bad = ~(np.abs(sums - 1) <= 1e-3) | negative  # written so that NaN is bad
    if not bad.any():
        return None
    at = tuple(int(i) for i in np.argwhere(bad)[0])
    return at[0], "has negative numbers" if negative[at] else f"sums to {sums[at]:.6g}"


def _wrong_indices(t, classes, ignore_index):
    if t.dtype.kind == "f" and t.size:
        remedy = "convert them with target.astype(int), or give rows of C probabilities"
        return DTypeError, "class indices have to be integers", remedy
    used = t if ignore_index is None else t[t != ignore_index]
    if not used.size or used.astype(np.uintp).max() < classes:  # below 0 it wraps to a huge one
        return None
    bad = (t < 0) | (t >= classes)
    if ignore_index is not None:
        bad &= t != ignore_index
    at = tuple(int(i) for i in np.argwhere(bad)[0])
    place = f"row {at[0]}" if len(at) == 1 else f"position {at}"
    remedy = "the model needs one logit for each class"
    if used.min() < 0:
        remedy = f"pass ignore_index={t[at]} to leave such rows out"
    elif used.min() >= 1 and used.max() == classes:
        remedy = "are the labels counted from 1?"
    return DataError, f"target {t[at]} at {place} is outside 0 … {classes - 1}", remedy


def _wrong_rows(q, ignore_index):
    if ignore_index is not None:
        wrong = "ignore_index is for class indices, not for rows of probabilities"
        return ArgumentError, wrong, "leave it out, or give class indices"
    if (bad := first_bad_row(q)) is None:
        return None
    row, why = bad
    wrong = f"target row {row} is not a row of probabilities: it {why}"
    return DataError, wrong, "give class indices (N,), or rows (N, C) that sum to 1"


def _wrong_shape(name, logits, t):
    n, c, *rest = logits
    if t == (n, 1, *rest):
        shape = "-1" if not rest else str((n, *rest))
        return "the target has an axis of length 1 too many", f"pass target.reshape({shape})"
    if len(t) == len(logits) and t[:1] + t[2:] == (n, *rest):
        wrong = f"the target's rows have {counted(t[1], 'class')}, {name} have {c}"
        return wrong, "make the last layer as wide as there are classes"
    if rest and t == logits[:-1]:
        wrong = f"the classes seem to be the last axis of {name}, and belong on axis 1"
        return wrong, f"transpose {name} to (N, C, d1 … dk)"
    if len(t) == len(logits) - 1 and not rest:
        wrong = f"{name} have {counted(n, 'row')} but the target has {t[0]}"
        transposed = f"did you transpose {name}? They are (N, C)"
        return wrong, transposed if t == (c,) else "give one target for each row"
    remedy = f"give class indices {(n, *rest)}, or probabilities {logits}"
    return f"the target's axes do not fit those of {name}", remedy
