"""Points where f has no derivative: relu at 0, a tie of max, a sort of equal numbers, a jump.

Beside such a point f is smooth, but its slopes depend on the side, and the gradients at the
neighbours are the vertices of what may be returned at the point itself: their hull, Clarke's
generalised gradient (1983). It holds relu'(0) = 0 and the equal shares of a tie, and not the
whole gradient to each of two ties, which is right along each axis and wrong along both.

Elements that bend f together form a group: the two of a tie, but not two zeros of relu. Whether
they do is seen by moving the others: the slopes to the sides of an element change at once.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from .differences import unit
from .harder import moved

if TYPE_CHECKING:
    from .check import Element, _Check

MOVE = 1e-6  # of |x|, from the kink to a neighbour: f's curvature shows in the sixth digit
SHARE = 1 / 64  # of it, the step of the slopes there: it crosses no kink, for 8 members
SHRINK = 16  # by which a step is made smaller to see whether a bend stays
ALIKE = 0.1  # of a bend: by how much it may differ between two scales
ANGLE = 1e-3  # of the slopes: the smallest bend that counts, far above the curvature's
GROUPS = 200  # that are looked at, drawn at random
BUDGET = 10_000  # evaluations of f, after which no more groups are looked at
EVERY = 6  # elements of a group, up to which every pattern of signs is tried
MEMBERS = 8  # of a group that are looked at; the rest stays where it is
OUTPUTS = 8  # that are looked at for a group, drawn at random
DIRECTIONS = 32  # along which the hull is compared


class Kinks:
    """The kinks among the elements that were looked at.

    Args:
        check: the check.
        bent: elements at which the slopes to the left and to the right differ.
        unsettled: elements whose gradient disagrees with the central difference.

    Attributes:
        verdicts: KINK, FAIL or UNDECIDED for each element that sits on a kink.
    """

    def __init__(self, check: _Check, bent: list[Element], unsettled: list[Element]):
        self.check, self.verdicts = check, {}
        self.looked, self.groups, self.evaluations = 0, 0, 0
        self.joint: list[Element] = []
        self.jumps: set[Element] = set()
        kinked = [e for e in bent if self._bends(e)]
        known = set(kinked)
        kinked += [e for e in unsettled if e not in known and self._neighbours_differ(e)]
        self._judge(kinked)

    def text(self, kinked: int, checked: int) -> str:
        """Return what is said of a leaf whose elements are all right or on a kink."""
        text = (
            f"{kinked} of {checked} elements sit on a kink, where the slopes to both sides differ, "
            "or on a jump; their gradient lies between those of the neighbours"
        )
        return text + self._of_how_many()

    def why(self, failing: list[Element]) -> str:
        """Return why elements on a kink fail; "" if others fail as well."""
        if not all(self.verdicts.get(e) == "FAIL" for e in failing):
            return ""
        text = "on a kink, and not between the gradients of the neighbours"
        if any(e in self.joint for e in failing):
            text = (
                "on a kink that several elements make together: right along each axis, and not "
                "between the gradients of the neighbours along all of them"
            )
        return text + self._of_how_many()

    def _of_how_many(self) -> str:
        if self.looked == self.groups:
            return ""
        return f"; {self.looked} of {self.groups} groups of such elements were looked at"

    # ---- which elements ------------------------------------------------------------------------

    def _bends(self, e: Element) -> bool:
        """Return whether the slopes to the two sides differ alike at all scales, or f jumps."""
        bends = [self._bend(e, MOVE / SHRINK**n) for n in range(3)]
        if _alike(bends):
            return True
        heights = [bend / SHRINK**n for n, bend in enumerate(bends)]
        if _alike(heights):
            self.jumps.add(e)
            return True
        return False

    def _bend(self, e: Element, share: float) -> np.ndarray:
        """Return by how much the slopes of each term of L differ, where that is not rounding."""
        check = self.check
        h = share * unit(self._value(e))
        (below, a), (above, b) = (check.probe(e.i).at(e.index, t) for t in (-h, h))
        if a == 0 or b == 0:
            return np.zeros(len(check.y))
        left, right = (below - check.y) / a, (above - check.y) / b
        bend = np.where(np.isfinite(right - left), right - left, 0)
        small = ANGLE * (abs(left) + abs(right)) + 10 * check.noise.y / h
        return np.where(abs(bend) > small, check.u * bend, 0)

    def _neighbours_differ(self, e: Element) -> bool:
        """Return whether the slope along e depends on where the others go, however near.

        In one direction it is the same at all scales, as that of a smooth f is in all directions.
        """
        seeds = self.check.rng.integers(2**32, size=4)
        slopes = np.array(
            [[self._slope_beside(e, MOVE / SHRINK**n, seed) for seed in seeds] for n in range(3)]
        )
        if not np.isfinite(slopes).all():
            return False
        h = MOVE / SHRINK**2 * SHARE * unit(self._value(e))
        noise = float(abs(self.check.u) @ self.check.noise.y) / h
        size = abs(slopes).max()
        same = np.ptp(slopes, axis=0).max() <= ALIKE * size
        return same and np.ptp(slopes[0]) > max(10 * ANGLE * size, 10 * noise)

    def _slope_beside(self, e: Element, share: float, seed: int) -> float:
        leaves, rng = self.check.subject.leaves, np.random.default_rng(seed)
        before = [x.data.copy() for _, x in leaves]
        try:
            for (_, x), data in zip(leaves, before, strict=True):
                x.data[...] = moved(data, share, rng)
            h = share * SHARE * unit(self._value(e))
            (below, a), (above, b) = (self.check.probe(e.i).at(e.index, t) for t in (-h, h))
            return float(self.check.u @ (above - below)) / (b - a) if b != a else np.nan
        finally:
            for (_, x), data in zip(leaves, before, strict=True):
                x.data[...] = data

    def _value(self, e: Element) -> float:
        return float(self.check.subject.leaves[e.i][1].data[e.index])

    # ---- which of them belong together -----------------------------------------------------------

    def _judge(self, kinked: list[Element]) -> None:
        """Judge the groups of these elements, or of 200 of them."""
        order = [kinked[i] for i in self.check.rng.permutation(len(kinked))]
        seen: set[Element] = set()
        for e in order:
            if e in seen:
                continue
            self.groups += 1
            if self.looked == GROUPS or self.evaluations > BUDGET:
                seen.add(e)
                continue
            self.looked += 1
            others = [o for o in order if o is not e]
            partners = self._partners(e, others) if others else []
            group = [e, *partners[: MEMBERS - 1]]
            seen.update(group)
            word = self._verdict(group)
            for member in group:
                if self.verdicts.get(member, "KINK") == "KINK":
                    self.verdicts[member] = word
            if word == "FAIL" and self.check.noise.lost:
                word = "UNDECIDED"
            if len(group) > 1 and word == "FAIL":
                self.joint += group
        for e in order:  # those that were not drawn
            self.verdicts.setdefault(e, "KINK")

    def _partners(self, e: Element, others: list[Element]) -> list[Element]:
        """Return which of the others change the slopes to the sides of e, by halving them."""
        if not self._interact(e, others):
            return []
        if len(others) == 1:
            return others
        half = len(others) // 2
        found = self._partners(e, others[:half])
        if len(found) < MEMBERS:
            found = found + self._partners(e, others[half:])
        return found or others[:MEMBERS]  # no half alone does

    def _interact(self, e: Element, others: list[Element]) -> bool:
        alone = self._sides({}, e)
        size = abs(alone).sum()
        for signs in (1, -1, self.check.rng.choice([-1, 1], len(others))):
            moves = dict(zip(others, np.broadcast_to(signs, len(others)), strict=True))
            if abs(self._sides(moves, e) - alone).sum() > 1e-2 * size:
                return True
        return False

    def _sides(self, moves: dict[Element, float], e: Element) -> np.ndarray:
        """Return the slopes of every output to the left and right of e, where others have moved."""
        h = MOVE * SHARE * unit(self._value(e))
        middle = self._evaluate(moves)
        below, above = (self._evaluate(moves, e, t) for t in (-h, h))
        slopes = np.array([middle - below, above - middle]) / h
        return np.nan_to_num(slopes * abs(self.check.u))

    def _evaluate(self, moves: dict[Element, float], e=None, t: float = 0.0) -> np.ndarray:
        """Return y where elements have moved by their shares of MOVE, and e by t."""
        self.evaluations += 1
        leaves = self.check.subject.leaves
        before = [(o, leaves[o.i][1].data[o.index]) for o in {*moves, *([] if e is None else [e])}]
        try:
            for o, share in moves.items():
                leaves[o.i][1].data[o.index] += share * MOVE * unit(self._value(o))
            if e is not None:
                leaves[e.i][1].data[e.index] += t
            return self.check.subject.evaluate()
        finally:
            for o, value in before:
                leaves[o.i][1].data[o.index] = value

    # ---- the hull ------------------------------------------------------------------------------

    def _verdict(self, group: list[Element]) -> str:
        """Return whether the gradient of the group lies in the hull of those at its neighbours."""
        rng, check = self.check.rng, self.check
        patterns = self._patterns(len(group))
        rows = np.array([self._rows(group, shares) for shares in patterns])
        rows = rows[np.isfinite(rows).all(axis=(1, 2))]  # neighbour, output, element
        if not len(rows):
            return "UNDECIDED"
        nearer = self._rows(group, patterns[0] / 4, SHARE / 4)
        if (abs(nearer - rows[0]) > 10 * ANGLE * abs(rows).max()).any():  # f varies too fast
            return "UNDECIDED"
        reached = np.flatnonzero(abs(rows).max(axis=(0, 2)) > 0)
        analytic = np.array([e.analytic for e in group])
        if len(check.y) == 1:
            cases = [(rows[:, 0] * check.u[0], analytic, 0)]
        else:
            chosen = rng.permutation(reached)[:OUTPUTS]
            cases = [(rows[:, k], self._analytic(group, k), k) for k in chosen]
            if not len(reached):
                cases = [(rows[:, 0] * 0, analytic, 0)]
        along = np.vstack(
            [np.eye(len(group)), np.ones(len(group)), rng.standard_normal((DIRECTIONS, len(group)))]
        )
        steps = np.array([MOVE * SHARE * unit(self._value(e)) for e in group])
        for hull, g, k in cases:
            scale = abs(check.u[k]) if len(check.y) == 1 else 1.0
            size = abs(hull).max()
            rounds = 2 * scale * check.noise.y[k] / steps
            if (rounds > 0.1 * max(size, abs(g).max(), ANGLE * check.flow)).any():
                return "UNDECIDED"
            slack = abs(along) @ (ANGLE * size + rounds)
            ends, here = hull @ along.T, along @ g
            if len(group) == 1 and group[0] in self.jumps:
                apart = abs(ends - here) > slack
                if apart.any(axis=1).all():
                    return "FAIL"
            elif not (
                (ends.min(axis=0) - slack <= here) & (here <= ends.max(axis=0) + slack)
            ).all():
                return "FAIL"
        return "KINK"

    def _patterns(self, n: int) -> np.ndarray:
        """Return by which shares of MOVE the members of a group go to each neighbour."""
        rng = self.check.rng
        if n <= EVERY:
            signs = np.array([*itertools.product((-1, 1), repeat=n)])
        else:
            alone = 2 * np.eye(n) - 1  # one goes up and the others down, so that it wins each tie
            ends = np.array([[1], [-1]]) * np.ones(n)  # or ties that do not move win
            signs = np.vstack([ends, alone, -alone, rng.choice([-1, 1], (2 * n, n))])
        sizes = [rng.permutation(np.linspace(0.5, 1, n)) for _ in signs]  # no two are equal
        return signs * np.array(sizes)

    def _rows(self, group: list[Element], shares: np.ndarray, share=SHARE) -> np.ndarray:
        """Return the derivative of each output with respect to each member, at a neighbour."""
        moves, columns = dict(zip(group, shares, strict=True)), []
        for e in group:
            h = MOVE * share * unit(self._value(e))
            below, above = (self._evaluate(moves, e, t) for t in (-h, h))
            columns.append((above - below) / (2 * h))
        return np.array(columns).T

    def _analytic(self, group: list[Element], k: int) -> np.ndarray:
        """Return the gradient of output k alone."""
        one = np.zeros(len(self.check.y))
        one[k] = 1
        _, gradients = self.check.subject.gradients(lambda size: one, self.check.dtype)
        return np.array([gradients[e.i][e.index] for e in group])


def _alike(bends: list[np.ndarray]) -> bool:
    """Return whether there is a bend, and it is the same at all scales."""
    size = abs(bends[-1]).sum()
    return size > 0 and all(abs(bend - bends[-1]).sum() <= ALIKE * size for bend in bends)
