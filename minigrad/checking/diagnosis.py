"""Which mistake explains a wrong gradient, from its numbers alone.

A hypothesis is the gradient that backward would have returned if it had made one mistake. It is
named if it explains every element that was looked at (up to 1,000, drawn at random), the right
ones included, each to a hundred-thousandth of itself. If several do, all are named.

The true gradient is Nᵢ = Σₖ uₖ Jᵢₖ, with the Jacobian Jᵢₖ = ∂yₖ / ∂xᵢ from differences. Most
mistakes are the same sum with another u or with a part of J, or are N moved or scaled.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..tensor import Tensor
from .differences import ROUNDED, STEP, Line, Probe, direction, step
from .records import RECORDS, Arrays, Record, same
from .watches import EPS

if TYPE_CHECKING:
    from .check import _Check

ROWS = 1000  # of the Jacobian at most, one for each element that is drawn
CELLS = 2**22  # of the Jacobian at most: 32 MB
CLOSE = 1e-5  # of an element: how closely a hypothesis has to fit it
FLOAT32_EPS = float(np.finfo(np.float32).eps)
RECORDED = "these are the numbers of"  # a record's mistake
LINE = 16  # elements along an axis, moved to see whether a y sums over more than two of them

Hypotheses = Iterator[tuple[str, np.ndarray]]  # what is said, and the gradient that it would give


def diagnose(check: _Check, i: int, failing: list[Line], looked: list[Line]) -> str:
    """Return the mistakes that explain leaf i's gradient, or "".

    Args:
        check: the check that found the failing elements.
        i: the index of the leaf.
        failing: the elements that failed.
        looked: all elements that were checked and are on no kink.
    """
    case = Case(check, i, set(failing), looked)
    if not case.wrong.any():
        return ""
    if (abs(case.A) <= ROUNDED * abs(case.N)).all():
        return "it is zero"
    for hypotheses in (_recorded, _hypotheses):
        fitting = {text: None for text, gradient in hypotheses(case) if case.fits(gradient)}
        if fitting:
            return ", or ".join(fitting)
    if case.fits(_one_use(case, 0)) or case.fits(_one_use(case, -1)):
        return (
            "overwritten instead of accumulated: an element that is used several times gets the "
            "gradient of one use"
        )
    near = abs(case.A - case.N) <= CLOSE * abs(case.N) + FLOAT32_EPS * abs(case.N).max()
    if not check.narrow and near.all() and (np.float32(case.A) == case.A).all():
        return "correct but float32: it was not computed in float64"
    return rounds_to_float32(check, i)


def rounds_to_float32(check: _Check, i: int) -> str:
    """Return that f rounds to float32, if what leaf i moves in y has 24 bits, and not 20."""
    probe = check.probe(i)
    y, _ = probe.at(direction(probe.x, check.rng), 1e-3)
    y = y[y != check.y]
    bits = np.frexp(y)[0] * 2**20
    if (np.float32(y) == y).all() and (bits != np.round(bits)).any():
        return "f itself rounds to float32, which hides its slopes: make it compute in float64"
    return ""


class Case:
    """The numbers of one leaf, for some elements: drawn at random, half of them wrong if possible.

    Attributes:
        x, y, u: the leaf, the output and the upstream gradient, as arrays.
        numbers: each element's place in the flattened x.
        indices, flat: of the elements that were drawn, and their numbers.
        A, N, error, wrong: their analytic and numeric gradients, how far N may be off, and whether
            they failed. A hypothesis gives such a vector, NaN where it says nothing.
        J: the derivatives of all outputs, a row for each element.
    """

    def __init__(self, check: _Check, i: int, failing: set[Line], looked: list[Line]):
        self.check, self.i, self.probe = check, i, check.probe(i)
        shape = check.subject.shape
        self.x, self.y, self.u = self.probe.x, check.y.reshape(shape), check.u.reshape(shape)
        looked = [looked[j] for j in check.rng.permutation(len(looked))]
        looked = [e for e in looked if np.isfinite([e.analytic, e.numeric]).all()]
        wrong, right = ([e for e in looked if (e in failing) == bad] for bad in (True, False))
        count = max(2, min(ROWS, CELLS // max(1, self.y.size)))
        drawn = [*right[: count // 2], *wrong, *right[count // 2 :]][:count]
        rows = {e: _row(self.probe, e.where, e.step) for e in drawn}
        drawn = [e for e in drawn if np.isfinite(rows[e]).all()]
        self.J = np.array([rows[e] for e in drawn]).reshape(-1, self.y.size)
        self.indices = [e.where for e in drawn]
        self.numbers = np.arange(self.x.size).reshape(self.x.shape)
        self.flat = np.array([self.numbers[k] for k in self.indices], dtype=int)
        self.A = np.array([e.analytic for e in drawn])
        self.N = np.array([e.numeric for e in drawn])
        self.wrong = np.array([e in failing for e in drawn])
        steps = np.array([e.step for e in drawn])
        rounding = 4 * EPS * ((self.J != 0) @ abs(check.u * check.y)) / steps
        self.error = rounding + [e.error for e in drawn]

    def fits(self, gradient: np.ndarray) -> bool:
        """Return whether it explains A, and is not the true gradient where that failed."""
        known = ~np.isnan(gradient)
        limit = CLOSE * abs(gradient) + self.error
        explains = np.isfinite(gradient) & (abs(self.A - gradient) <= limit)
        differs = known & self.wrong & (abs(gradient - self.N) > limit)
        return bool(explains[known].all() and differs.any() and 2 * known.sum() >= len(known))


def _row(probe: Probe, k: tuple, h: float) -> np.ndarray:
    """Return ∂y / ∂x[k] for each y, from a step h to either side."""
    left, right = probe.slopes(k, h)
    return (left + right) / 2


def _measured(probe: Probe, indices: list) -> np.ndarray:
    """Return the numeric gradient of these elements."""
    return np.array([probe.sides(k, step(float(probe.x[k]))).mean for k in indices])


# ---- the hypotheses ----------------------------------------------------------------------------


def _hypotheses(c: Case) -> Hypotheses:
    yield "the sign is flipped", -c.N
    yield "the upstream gradient is ignored", c.J.sum(axis=1)
    yield from _constant_factor(c)
    yield from _saved_factor(c)
    if c.x.ndim >= 2 and c.x.shape[-1] == c.x.shape[-2]:
        swapped = [(*k[:-2], k[-1], k[-2]) for k in c.indices]
        yield "it is transposed", _measured(c.probe, swapped)
    yield from _wrong_sum(c)
    if c.u.shape == c.x.shape:
        diagonal = c.J[np.arange(len(c.J)), c.flat] * c.u.reshape(-1)[c.flat]
        yield "only the diagonal of its Jacobian was used", diagonal
        h = STEP * min(1, abs(c.x[c.x != 0]).min(initial=1) / abs(c.u).max())
        forward = sum(c.probe.slopes(c.u, h))[c.flat] / 2
        yield "its Jacobian is transposed, as by gy @ W.T for gy @ W of a square W", forward
        if np.count_nonzero(c.J, axis=1).max() > 1:
            yield from _normalised(c)
    for j, (name, other) in enumerate(c.check.subject.leaves):
        if j != c.i and other.shape == c.x.shape:
            yield f"it is the gradient of {name}", _measured(c.check.probe(j), c.indices)


def _constant_factor(c: Case) -> Hypotheses:
    at = np.argmax(abs(c.N))
    factor = float(c.A[at] / c.N[at]) if c.N[at] else 0.0
    other = factor == 0 or abs(factor - 1) < 1e-3 or abs(factor + 1) < CLOSE
    if other or not c.fits(factor * c.N):
        return
    names = {2.0: "2", 1 / 2: "½", -2.0: "−2", -1 / 2: "−½"}
    if np.count_nonzero(c.N) > 1:  # any two numbers differ by a factor
        names[factor] = names.get(factor, f"{factor:.6g}")
        for n, axes in _summed_over(c).items():
            names[n] = f"{n}: the mean over {axes} is missing"
            names[1 / n] = f"1/{n}: divided by the size of {axes} once too often"
    fitting = [name for known, name in names.items() if abs(factor / known - 1) < CLOSE]
    if fitting:
        yield f"it is off by the constant factor {fitting[-1]}", factor * c.N


def _summed_over(c: Case) -> dict[int, str]:
    """Return what f sums over, by its size from 3: axes of an input that y lacks."""
    found, rng = {}, c.check.rng
    for x in c.check.subject.arguments:
        if not isinstance(x, Tensor) or x.dtype.kind != "f" or not x.size:
            continue
        probe = Probe(c.probe.evaluate, x.data, c.check.u, c.check.y)
        for axes in _subsets(x.ndim):
            if np.delete(x.shape, axes).tolist() != list(c.u.shape):
                continue
            lengths = [x.shape[d] for d in axes]
            line = np.tile(rng.integers(x.shape), (LINE, 1))
            line[:, axes] = rng.integers(lengths, size=(LINE, len(axes)))
            places = [tuple(k) for k in np.unique(line, axis=0)]
            rows = [_row(probe, k, step(float(probe.x[k]))) for k in places]
            if np.count_nonzero(rows, axis=0).max() > 2:
                found |= {x.shape[d]: "the batch" if d == 0 else f"axis {d}" for d in axes[::-1]}
                found.setdefault(int(np.prod(lengths)), f"axes {' and '.join(map(str, axes))}")
    return {n: axes for n, axes in found.items() if n > 2}


def _subsets(ndim: int) -> list[list[int]]:
    return [list(s) for n in range(1, ndim + 1) for s in itertools.combinations(range(ndim), n)]


def _saved_factor(c: Case) -> Hypotheses:
    for name, a in [("its output", c.y), *((n, x.data) for n, x in c.check.subject.leaves)]:
        if a.shape == c.x.shape or a.size == 1:
            a = np.resize(a, c.x.size)[c.flat]
            yield f"it is multiplied by {name} once too often", c.N * a
            yield f"{name} is missing as a factor", c.N / a


def _wrong_sum(c: Case) -> Hypotheses:
    used = (c.J != 0).reshape(len(c.J), *c.u.shape)
    for axis, n in enumerate(c.u.shape):
        if used.sum(axis=axis + 1).max() < 2:  # no element reaches several y along it
            continue
        for k, which in ((0, "first"), (n - 1, "last")):
            one = np.where(np.arange(n) == k, c.u.swapaxes(axis, -1), 0).swapaxes(axis, -1)
            text = (
                f"it is not summed over axis {axis} of the output: only the {which} of {n} counts"
            )
            yield text, c.J @ one.reshape(-1)
        for other in range(c.u.ndim):
            if other != axis and c.u.shape[other] == n:
                a, b = sorted((axis, other))
                text = f"axes {a} and {b} of the output are swapped"
                swapped = c.J @ c.u.swapaxes(a, b).reshape(-1)
                yield f"it is summed over the wrong axis: {text}", swapped


def _one_use(c: Case, which: int) -> np.ndarray:
    """Return the gradient if only the first or the last use of each element counts."""
    uses = [np.flatnonzero(row)[[which]] if row.any() else [0] for row in c.J]
    u, pairs = c.u.reshape(-1), zip(c.J, uses, strict=True)
    return np.array([row[k] @ u[k] for row, k in pairs])


def _normalised(c: Case) -> Hypotheses:
    """Yield what is left of a normalisation's gradient if its statistics are constants."""
    y = c.y.reshape(-1)
    for axes in _subsets(c.x.ndim):
        first = c.numbers[tuple(slice(0, 1 if d in axes else None) for d in range(c.x.ndim))]
        group = np.broadcast_to(first, c.x.shape).reshape(-1)
        centred = (c.x - c.x.mean(axis=tuple(axes), keepdims=True)).reshape(-1)
        for others in ([np.ones(c.x.size), centred], [y], [np.exp(y - y.max())]):
            parts = _parts(c, group, others)
            if parts is None:
                continue
            own, *through = parts
            sizes = [abs(part).max(where=~np.isnan(part), initial=0) for part in parts]
            if len(sizes) == 3 and min(sizes) > CLOSE * max(sizes):
                yield "the path through the mean is left out", own + through[1]
                yield "the path through the variance is left out", own + through[0]
            yield "what it normalises by, such as a mean or a sum, is taken as a constant", own


def _parts(c: Case, group: np.ndarray, others: list[np.ndarray]) -> np.ndarray | None:
    """Return the gradient in parts, or None if f does not normalise within these groups.

    If it does, column k of J is a share of δᵢₖ, and shares of vectors that have an element for each
    xᵢ of yₖ's group: 1, through the mean, and xᵢ − mean, through the variance; or yᵢ, in softmax,
    or exp(yᵢ), in log-softmax.
    """
    mine, u = group[c.flat], c.u.reshape(-1)
    if c.J[mine[:, None] != group].any():  # an element reaches other groups
        return None
    parts = np.zeros((1 + len(others), len(c.flat)))
    for k in np.flatnonzero(np.isin(group, mine)):
        rows = np.flatnonzero(mine == group[k])
        at, column = c.flat[rows], c.J[rows, k]
        basis = np.array([at == k, *(vector[at] for vector in others)], dtype=float)
        if len(rows) <= len(basis):  # anything would fit
            parts[:, rows] = np.nan
            continue
        shares = np.linalg.lstsq(basis.T, column, rcond=None)[0]
        if abs(shares @ basis - column).max() > CLOSE * abs(column).max():
            return None
        parts[:, rows] += u[k] * shares[:, None] * basis
    return parts


def _recorded(c: Case) -> Hypotheses:
    """Yield the usual mistakes of the operation that f is, if it computes what a record says."""
    subject = c.check.subject
    given = [x for x in subject.arguments if isinstance(x, Tensor) and x.dtype.kind == "f"]
    leaves = [x for _, x in subject.leaves]
    xs = list({id(x): x for x in [*given, *leaves]}.values())
    place = next(k for k, x in enumerate(xs) if x is leaves[c.i])
    for record in RECORDS.values():
        if len(xs) != len(record.inputs):
            continue
        inputs = {name: x.data for name, x in zip(record.inputs, xs, strict=True)}
        try:
            found = _losses(c, record) if "t" in record.example else [record.arrays(c.u, inputs)]
        except (ValueError, TypeError):  # that operation does not take such arrays
            continue
        for arrays in found:
            if arrays["y"].shape != c.y.shape or not same(arrays["y"], c.y):
                continue
            of = f"g{record.inputs[place]}"
            for mistake, wrong in record.mistaken(of, arrays, c.x.shape):
                yield f"{RECORDED} {mistake}", wrong.reshape(-1)[c.flat]


def _losses(c: Case, record: Record) -> list[Arrays]:
    """Return the arrays of a mean loss, of a sum, and of one loss for each row."""
    if c.x.ndim != 2 or len(c.N) < c.x.size:
        return []
    N, u = c.N[np.argsort(c.flat)].reshape(c.x.shape), c.u.reshape(-1, 1)
    t = np.argmin(np.sign(u) * N, axis=1)  # to raise the target lowers the loss most

    def arrays(rows: slice) -> Arrays:
        return record.arrays(c.u, {record.inputs[0]: c.x[rows], "t": t[rows]})

    mean = arrays(slice(None))
    each = np.array([arrays(slice(n, n + 1))["y"] for n in range(len(t))])
    return [mean, {**mean, "N": 1, "y": each.sum()}, {**mean, "N": 1, "y": each, "gy": u}]
