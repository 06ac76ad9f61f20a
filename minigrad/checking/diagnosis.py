"""Which mistake explains a wrong gradient, from its numbers alone.

A diagnosis is a hypothesis: what the backward pass would have returned if it had made that mistake.
It is reported only if it explains all elements that were checked, including the right ones. To
test it, rows of the Jacobian J are measured, J[i, k] = ∂yₖ / ∂xᵢ. The true gradient is Σₖ uₖ Jᵢₖ.
Most mistakes amount to the same sum with another upstream gradient, or to another gradient moved or
scaled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .differences import STEP, Line, Probe, unit

if TYPE_CHECKING:
    from .check import _Check

ROWS = 64  # how many rows of the Jacobian are measured
ODD = 1.23456789e-5, -9.87654321e-6  # an f in float64 does not give float32 numbers at both
CLOSE = 1e-5  # of the largest element: how closely a hypothesis has to fit


def diagnose(check: _Check, i: int, failing: list[Line], looked: list[Line]) -> str:
    """Return the mistake that explains leaf i's gradient, or "".

    Args:
        check: the check that found the failing elements.
        i: the index of the leaf.
        failing: the elements that failed.
        looked: all elements that were checked.
    """
    _, x = check.subject.leaves[i]
    wrong = set(failing)
    ordered = [*failing, *(e for e in looked if e not in wrong)]
    chosen = [e.where for e in ordered[:ROWS]]
    probe = check.probe(i)
    J = np.stack([_row(probe, k) for k in chosen])
    u = check.u.reshape(check.subject.shape)
    at = tuple(np.array(chosen).T) if x.ndim else ()
    A = np.atleast_1d(check.gradients[i][at])
    N = J @ u.reshape(-1)
    scale = float(np.abs(N).max())

    def fits(hypothesis: np.ndarray) -> bool:
        """Return whether it explains A and is not the true gradient itself."""
        limit = CLOSE * max(scale, float(np.abs(hypothesis).max()))
        explains = bool((np.abs(A - hypothesis) <= limit).all())
        return explains and bool(np.abs(hypothesis - N).max() > limit)

    if fits(np.zeros_like(N)):
        return "it is zero"
    if fits(-N):
        return "the sign is flipped"
    if fits(J.sum(axis=1)):
        return "the upstream gradient is ignored"
    sizes = check.subject.batch_sizes() if u.size < x.size else []  # otherwise y is not a mean
    if text := _factor(A, N, sizes, fits):
        return text
    if x.ndim >= 2 and x.shape[-1] == x.shape[-2]:
        swapped = [(*k[:-2], k[-1], k[-2]) for k in chosen]
        if fits(_measure(probe, x, swapped)):
            return "it is transposed"
    used = (J != 0).reshape(len(J), *u.shape)
    for axis in range(u.ndim):
        summed = used.sum(axis=axis + 1).max() > 1  # an element reaches several y along it
        if summed and (text := _axis(J, u, axis, fits)):
            return text
    for a in range(u.ndim):
        for b in range(a + 1, u.ndim):
            if u.shape[a] == u.shape[b] and fits(J @ u.swapaxes(a, b).reshape(-1)):
                return (
                    f"it is summed over the wrong axis: axes {a} and {b} of the output are swapped"
                )
    if fits(_one_use(J, u, last=True)) or fits(_one_use(J, u, last=False)):
        return (
            "overwritten instead of accumulated: an element that is used several times gets the "
            "gradient of one use"
        )
    for j, (name, other) in enumerate(check.subject.leaves):
        beside = j != i and other.shape == x.shape
        if beside and fits(_measure(check.probe(j), other, chosen)):
            return f"it is the gradient of {name}"
    if bool((np.float32(A) == A).all() and (np.abs(A - N) <= 1e-5 * scale).all()):
        return "correct but float32: it was not computed in float64"
    value = float(x.data[chosen[0]])
    (above, _), (below, _) = (probe.at(chosen[0], h * unit(value)) for h in ODD)
    narrow = bool((np.float32(above) == above).all() and (np.float32(below) == below).all())
    if narrow and (above != below).any():
        return "f itself rounds to float32, which hides its slopes: make it compute in float64"
    return ""


def _measure(probe: Probe, x, indices: list) -> np.ndarray:
    """Return the numeric gradient of these elements."""
    return np.array([probe.sides(k, STEP * unit(float(x.data[k]))).mean for k in indices])


def _row(probe: Probe, k) -> np.ndarray:
    """Return ∂y / ∂x[k] for each y."""
    h = STEP * unit(float(probe.x[k]))
    (below, a), (above, b) = (probe.at(k, t) for t in (-h, h))
    return (above - below) / (b - a)


def _factor(A, N, sizes: list[int], fits) -> str:
    """Return by which constant A differs from N, and what that usually means; or ""."""
    factor = float(A @ N / (N @ N)) if (N @ N) > 0 else 0.0
    if not factor or not fits(factor * N):
        return ""

    def is_(value: float) -> bool:
        return abs(factor / value - 1) < CLOSE

    for value, name in ((2, "2"), (1 / 2, "½"), (-2, "−2"), (-1 / 2, "−½")):
        if is_(value):
            return f"it is off by the constant factor {name}"
    if len(A) < 2 or abs(factor - 1) < 1e-3:  # any two numbers differ by a factor
        return ""
    for n in sizes:
        if is_(n):
            return f"it is off by the constant factor {n}: the mean over the batch is missing"
        if is_(1 / n):
            return (
                f"it is off by the constant factor 1/{n}: divided by the batch size once too often"
            )
    return f"it is off by the constant factor {factor:.6g}"


def _axis(J, u, axis: int, fits) -> str:
    """Return whether one index along an axis of the output replaces the sum over it; or ""."""
    n = u.shape[axis]
    if n < 2:
        return ""
    for k, which in ((0, "first"), (n - 1, "last")):
        one = np.zeros_like(u)
        place = (slice(None),) * axis + (k,)
        one[place] = u[place]
        if fits(J @ one.reshape(-1)):
            return (
                f"it is not summed over axis {axis} of the output: only the {which} of {n} counts"
            )
    return ""


def _one_use(J, u, last: bool) -> np.ndarray:
    """Return the gradient if only the first or the last use of each element counts."""
    used = J != 0
    columns = used.shape[1] - 1 - used[:, ::-1].argmax(axis=1) if last else used.argmax(axis=1)
    rows = np.arange(len(J))
    return J[rows, columns] * u.reshape(-1)[columns]
