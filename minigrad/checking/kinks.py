"""Points where f has no derivative: relu at 0, a tie of max, a sort of equal numbers, a jump.

f is smooth beside such a point, but its slopes depend on the side. The gradients at the
neighbours are the vertices of what a backward pass may return at the point itself: their convex
hull is Clarke's generalised gradient (1983). The hull holds relu'(0) = 0 and the equal shares of
a tie. It does not hold the whole gradient for each of two ties, which is right along each axis
and wrong along both.

Elements that bend f together form a group, such as the two of a tie; two zeros of relu do not. To
see whether they do, the others are moved: then the slopes on the sides of an element change at
once.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .differences import Line, Probe, unit
from .harder import KEPT, beside

if TYPE_CHECKING:
    from .check import _Check

MOVE = 1e-6  # of |x|, from the kink to a neighbour: f's curvature shows in the sixth digit
SHARE = 1 / 64  # of it, the step of the slopes there: it crosses no kink, for 8 members
SHRINK = 64  # by which a step is made smaller, twice, to see whether a bend stays
ALIKE = 0.1  # of a bend: by how much it may differ between two scales
ANGLE = 1e-3  # of the slopes: the smallest bend that counts, far above the curvature's
SOME = 64  # elements, drawn at random, that are looked at for kinks that no axis shows
GROUPS = 200  # that are looked at, drawn at random
BUDGET = 10_000  # evaluations of f, after which no more groups are looked at
HULL = 1e-5  # of the slopes: by how much a gradient may lie outside of the hull
FLOAT32 = (1e-4, 8, 1e-3)  # these three in float32 mode: a threshold, such as 0.1, is rounded
BLURRED = 1e-3  # the finest move; floats beyond 1e10 lie too far apart to tell a kink from a tanh
GROWN = 8  # times what the last of them added to the hull: it is still growing
MORE = 200  # neighbours anywhere around, twice, before a gradient lies outside
STEEP = 0.9  # of a change of slope from scale to scale: with less, the slope converges
ELSEWHERE = 10_000  # elements of a sampled leaf, up to which all of them may be partners
SMALL = 1e-3  # of the moves of one leaf, those of the others where it outweighs them
ORDERS = 64  # more patterns, so that each of up to 8 elements takes each place in order
EVERY = 6  # elements of a group, up to which every pattern of signs is tried
MEMBERS = 8  # of a group that are moved one by one; a larger one is also moved as a whole
TRIES = 32  # random patterns of signs, to see which elements make a tie that no axis shows
OUTPUTS = 32  # that are looked at for a group, drawn at random
DIRECTIONS = 32  # along which the hull is compared
NO_BOUND = "the slope of f grows without a bound here"


class Kinks:
    """The kinks among the elements that were looked at, of all leaves together.

    Args:
        check: the check.
        lines: the elements.
        agree: whether those that pass do so along a common direction as well.

    Attributes:
        verdicts: KINK, FAIL or UNDECIDED for each element that sits on a kink.
    """

    def __init__(self, check: _Check, lines: list[Line], agree: bool):
        self.check, self.lines, self.verdicts = check, lines, {}
        self.move, self.shrink, self.hull = FLOAT32 if check.narrow else (MOVE, SHRINK, HULL)
        self.steep: dict[Line, list[float]] = {}
        self.looked, self.groups, self.evaluations = 0, 0, 0
        self.joint: set[Line] = set()
        self.jumps: set[Line] = set()
        lines = [line for line in lines if np.isfinite(line.analytic)]
        bent = {e for e in lines if self._bends(e)}
        rest = [e for e in lines if e not in bent and not (agree and e.verdict == "PASS")]
        rest = [rest[i] for i in check.rng.permutation(len(rest))]
        self.flat = {e for e in rest[:SOME] if self._neighbours_differ(e)}
        if self.flat:  # of many wrong elements, some are enough to see that there are none
            self.flat |= {e for e in rest[SOME:] if self._neighbours_differ(e)}
        self._judge([e for e in lines if e in self.flat or e in bent])

    def text(self, kinked: int, checked: int, size: int) -> str:
        """Return what is said of a leaf whose elements are all right or on a kink."""
        if not self.groups:
            return NO_BOUND
        text = (
            f"{kinked} of {checked}{'' if checked == size else f' sampled of {size}'} elements sit "
            "on a kink, where the slopes to both sides differ, or on a jump; their gradient lies "
            "between those of the neighbours"
        )
        return text + self._of_how_many()

    def _not_sampled(self) -> list[Line]:
        """Return the elements of sampled leaves that were not drawn: kinks may need them."""
        check, rest = self.check, []
        for i in {e.i for e in self.lines if e.is_element}:
            drawn = {e.where for e in self.lines if e.i == i}
            x, g = check.subject.leaves[i][1].data, check.gradients[i]
            for where in np.ndindex(x.shape) if len(drawn) < x.size <= ELSEWHERE else ():
                if where not in drawn:
                    line = Line(i, where, check.flow)
                    line.unit, line.analytic = unit(float(x[where])), float(g[where])
                    rest.append(line)
        return rest

    def why(self, failing: list[Line]) -> str:
        """Return why elements on a kink fail; "" if others fail as well."""
        if not all(self.verdicts.get(e) == "FAIL" for e in failing):
            return ""
        text = "on a kink, and not between the gradients of the neighbours"
        if self.joint.intersection(failing):
            text = (
                "on a kink that several elements make together: right along each axis, and not "
                "between the gradients of the neighbours along all of them"
            )
        return text + self._of_how_many()

    def doubt(self, e: Line) -> str:
        """Return why an element on a kink is UNDECIDED; "" if it is on none."""
        if self.verdicts.get(e) != "UNDECIDED" or self.check.noise.lost:
            return ""
        return (
            "x sits where f has several derivatives, and they cannot all be compared with the "
            "gradient: check it beside this point"
        )

    def _of_how_many(self) -> str:
        if self.looked == self.groups:
            return ""
        return f"; {self.looked} of {self.groups} groups of such elements were looked at"

    # ---- which elements ------------------------------------------------------------------------

    def _bends(self, e: Line) -> bool:
        """Return whether the slopes to the two sides differ alike at all scales, or f jumps."""
        if not e.bends and e.verdict == "PASS":
            return False
        bends, slopes = zip(
            *(self._bend(e, self.move / self.shrink**n) for n in range(3)), strict=True
        )
        if _alike(bends):
            return True
        sides = np.sum(slopes, axis=2).T
        steep = [_grows(side) for side in sides]
        if sum(steep) == 1 and np.ptp(sides[steep.index(False)]) <= ALIKE * abs(sides).max():
            ends = sides[:, -1] * np.where(steep, np.inf, 1)
            self.steep[e] = sorted(map(float, ends))
            return True
        if _alike([slope / SHRINK**n for n, slope in enumerate(slopes)]):
            self.jumps.add(e)
        return e in self.jumps

    def _bend(self, e: Line, share: float) -> tuple[np.ndarray, np.ndarray]:
        """Return by how much the slopes of each term of L differ, and the slopes.

        What may be rounding is 0.
        """
        left, right = np.nan_to_num(self._slopes(e, share)) * self.check.u
        bend, size, slopes = right - left, abs(left) + abs(right), np.array([left, right])
        rounds = 10 * self.check.noise.y * abs(self.check.u) / (share * self._unit(e))
        bend[abs(bend) <= ANGLE * size + rounds] = 0
        slopes[abs(slopes) <= rounds] = 0
        return bend * (abs(bend).sum() > ANGLE * size.sum()), slopes

    def _neighbours_differ(self, e: Line) -> bool:
        """Return whether the slope along e depends on where the others go, however near.

        In one direction it is the same at all scales, as that of a smooth f is in all directions.
        """
        u, shares = self.check.u, [self.move / self.shrink**n for n in range(3)]
        seeds = self.check.rng.integers(2**32, size=4)
        slopes = np.empty((len(shares), len(seeds)))
        for n, share in enumerate(shares):
            for j, seed in enumerate(seeds):
                with beside(self.check.subject, np.random.default_rng(seed), share):
                    slopes[n, j] = self._slopes(e, share * SHARE).mean(axis=0) @ u
            if not np.ptp(slopes[n]) > 10 * ANGLE * abs(slopes[n]).max():  # as is usual
                return False
        noise = float(abs(u) @ self.check.noise.y) / (shares[-1] * SHARE * self._unit(e))
        same = np.ptp(slopes, axis=0).max() <= ALIKE * abs(slopes).max()
        return bool(same and np.ptp(slopes[0]) > 10 * noise)

    def _slopes(self, e: Line, share: float) -> np.ndarray:
        """Return the slopes of each y to the left and right of e, (2, outputs), as f is now."""
        self.evaluations += 3
        evaluate, x = self.check.subject.evaluate, self.check.subject.leaves[e.i][1].data
        probe = Probe(evaluate, x, self.check.u, evaluate())
        return np.array(probe.slopes(e.where, share * self._unit(e)))

    def _unit(self, e: Line) -> float:
        """Return what a move of e is a share of."""
        return max(e.unit, KEPT * abs(float(self.check.subject.leaves[e.i][1].data[e.where])))

    @contextlib.contextmanager
    def _moved(self, moves: dict[Line, float]) -> Iterator[None]:
        """Move elements by shares of a move, and put them back."""
        leaves = self.check.subject.leaves
        before = [(leaves[e.i][1].data, e.where, leaves[e.i][1].data[e.where]) for e in moves]
        try:
            for (x, where, value), (e, share) in zip(before, moves.items(), strict=True):
                x[where] = value + share * self.move * self._unit(e)
            yield
        finally:
            for x, where, value in before:
                x[where] = value

    # ---- which of them belong together ---------------------------------------------------------

    def _judge(self, kinked: list[Line]) -> None:
        """Judge the groups of these elements, or of 200 of them."""
        order = [kinked[i] for i in self.check.rng.permutation(len(kinked))]
        elsewhere = self._not_sampled() if kinked else []
        seen: set[Line] = set()
        self.evaluations = 0
        for e in order:
            if e in seen:
                continue
            self.groups += 1
            if self.looked == GROUPS or self.evaluations > BUDGET:
                continue
            self.looked += 1
            # A tie that no axis shows is made with elements that seem to pass.
            others = elsewhere + (self.lines if e in self.flat else order)
            others = [o for o in others if o is not e]
            tries = TRIES if e in self.flat else 1
            group = [e, *self._partners(e, others, tries)]
            if len(group) > 1:  # and their partners: a bias meets the others through the inputs
                others = [o for o in others if o not in set(group)]
                group += self._partners(group[1], others, tries)
            seen.update(group)
            word = self._verdict(group)
            if word == "FAIL" and self._too_rough(group):
                word = "UNDECIDED"
            if word == "FAIL" and len(group) > 1:
                self.joint.update(group)
            for member in group:
                if self.verdicts.get(member, "KINK") == "KINK":
                    self.verdicts[member] = word
        for e in order:  # those that were not looked at
            self.verdicts.setdefault(e, "KINK")

    def _too_rough(self, group: list[Line]) -> bool:
        """Return whether floats are too coarse around a group to say that its gradient is wrong."""
        finest = self.move / self.shrink**2 * max(self._unit(e) for e in group)
        if self.check.noise.lost or finest > BLURRED:
            return True
        rounds = max(float(self.check.gradient_noise[e.i].all[e.where]) for e in group)
        return rounds > self.hull * self.check.flow

    def _partners(self, e: Line, others: list[Line], tries: int) -> list[Line]:
        """Return which of the others change the slopes to the sides of e, by halving them."""
        if not others or not self._interact(e, others, tries):
            return []
        if len(others) == 1:
            return others
        half = len(others) // 2
        found = [
            o for part in (others[:half], others[half:]) for o in self._partners(e, part, tries)
        ]
        return found or others  # no half alone does

    def _interact(self, e: Line, others: list[Line], tries: int) -> bool:
        u, n = abs(self.check.u), len(others)
        alone = np.nan_to_num(self._slopes(e, self.move * SHARE) * u)
        for signs in (np.ones(n), -np.ones(n), *self.check.rng.choice([-1, 1], (tries, n))):
            with self._moved(dict(zip(others, signs, strict=True))):
                together = np.nan_to_num(self._slopes(e, self.move * SHARE) * u)
            if abs(together - alone).sum() > 10 * ANGLE * abs(alone).sum():
                return True
        return False

    # ---- the hull ------------------------------------------------------------------------------

    def _verdict(self, group: list[Line]) -> str:
        """Return whether the gradient of the group lies in the hull of those at its neighbours."""
        check, n = self.check, len(group)
        if n == 1 and group[0] in self.steep:
            low, high = self.steep[group[0]]
            return "KINK" if low <= group[0].analytic <= high else "FAIL"
        units = np.array([self._unit(e) for e in group])
        axes, patterns = np.eye(n)[:MEMBERS], self._patterns(group)
        ways = axes if n <= MEMBERS else np.vstack([axes, units / units.max()])
        rows = self._neighbours(group, patterns, units, ways)
        if not len(rows):
            return "UNDECIDED"
        nearer = self._rows(group, patterns[0] / 4, units, ways, SHARE / 4)
        curve = abs(nearer - rows[0]).max(axis=1)  # of each output, over a part of the way
        if (curve > 10 * ANGLE * abs(rows).max()).any():  # f varies too fast
            return "UNDECIDED"
        mixed = np.eye(len(ways))
        if n <= MEMBERS:
            mixed = np.vstack([mixed, np.ones(n), check.rng.standard_normal((DIRECTIONS, n))])
        along = mixed @ ways
        size = abs(rows[:, :, : len(axes)]).max(axis=(0, 2))
        rounds = 2 * check.noise.y[:, None] / (self.move * SHARE * units)
        slack = (self.hull * size + 4 * curve)[:, None] * abs(along).sum(axis=1)
        slack += rounds @ abs(along).T
        reached = np.flatnonzero(rows.any(axis=(0, 2)))
        total = np.array([e.analytic for e in group])
        alone = self._analytic(group, np.isin(np.arange(len(check.u)), reached) * check.u)
        # What the other outputs' upstream gradients add has to be 0.
        gap = abs(along @ (total - alone)) - self.hull * abs(along @ alone)
        if (gap > abs(check.u) @ slack).any():
            return "FAIL"
        chosen, gradients = check.rng.permutation(reached)[:OUTPUTS], [along @ total]
        for k in chosen:
            g = self._analytic(group, np.arange(len(check.u)) == k)
            if (rounds[k] > 0.1 * max(size[k], abs(g).max(), ANGLE * check.flow)).any():
                return "UNDECIDED"
            gradients.append(along @ g)
            apart = (abs(rows[:, k] @ mixed.T - along @ g) > slack[k]).all(axis=0)
            if n == 1 and group[0] in self.jumps and apart.any():  # one of the sides, not between
                return "FAIL"

        hull = _Hull(mixed, slack, check.u, chosen)
        # The gradient for u lies in the sum of the hulls of all outputs; that of each in its own.
        low, high = hull.ends(rows)
        outside = np.fmax(low - gradients, gradients - high)
        if n > 1 and (outside > 0).any():  # in a thin sector between the patterns, or on an arc?
            for _ in range(2):
                before = low, high
                anywhere = check.rng.standard_normal((MORE, n))
                anywhere /= abs(anywhere).max(axis=1, keepdims=True)
                more = self._neighbours(group, anywhere, units, ways)
                rows = np.concatenate([rows, more])
                low, high = hull.ends(rows)
            grown = np.fmax(before[0] - low, high - before[1])
            outside = np.fmax(low - gradients, gradients - high)
            if 0 < outside.max() <= GROWN * grown.max():
                return "UNDECIDED"
        if not (outside > 0).any():
            return "KINK"
        # Of a large group not all neighbours were seen, but the last way moves all of it at once.
        return "FAIL" if n <= MEMBERS or (outside[:, -1] > 0).any() else "UNDECIDED"

    def _neighbours(self, group, patterns, units, ways) -> np.ndarray:
        """Return the rows at several neighbours, without those where f is not finite."""
        rows = np.array([self._rows(group, shares, units, ways) for shares in patterns])
        return rows[np.isfinite(rows).all(axis=(1, 2))]  # neighbour, output, way

    def _patterns(self, group: list[Line]) -> np.ndarray:
        """Return by which shares of MOVE the members of a group go to each neighbour."""
        rng, n = self.check.rng, len(group)
        if n <= EVERY:
            signs = np.array([*itertools.product((-1, 1), repeat=n)])
        else:
            alone = 2 * np.eye(n)[:MEMBERS] - 1  # one goes up and the others down: it wins a tie
            ends = np.array([[1], [-1]]) * np.ones(n)  # or another one wins
            some = rng.choice([-1, 1], (4 * MEMBERS, n))
            signs = np.vstack([ends, alone, -alone, some])
        if 2 < n <= MEMBERS:
            signs = np.vstack([signs, rng.choice([-1, 1], (ORDERS, n))])
        sizes = [rng.permutation(np.linspace(0.5, 1, n)) for _ in signs]  # no two are equal
        return np.vstack([signs * np.array(sizes), *self._by_leaf(group)])

    def _by_leaf(self, group: list[Line]) -> Iterator[np.ndarray]:
        """Yield patterns in which the members of one leaf outweigh those of the others.

        A bias alone decides that way which units of relu are on, whatever zeros flow in.
        """
        leaves = np.array([e.i for e in group])
        for i in set(leaves) if len(set(leaves)) > 1 else ():
            for sign in (-1, 1):
                small = self.check.rng.uniform(-SMALL, SMALL, len(group))
                yield np.where(leaves == i, sign * np.linspace(0.5, 1, len(group)), small)

    def _rows(self, group, shares, units, ways, share=SHARE) -> np.ndarray:
        """Return the derivative of each output along some ways of the group, at a neighbour."""
        rows = []
        for way in ways:
            h = self.move * share * float((units[way != 0] / way[way != 0]).min())
            ys = []
            for t in (-h, h):
                self.evaluations += 1
                with self._moved(
                    dict(zip(group, shares + t * way / (self.move * units), strict=True))
                ):
                    ys.append(self.check.subject.evaluate())
            rows.append((ys[1] - ys[0]) / (2 * h))
        return np.array(rows).T

    def _analytic(self, group: list[Line], u: np.ndarray) -> np.ndarray:
        """Return the gradient of the group for another upstream gradient."""
        _, gradients = self.check.backward(u.astype(np.float64))
        return np.array([gradients[e.i][e.where] for e in group])


class _Hull(NamedTuple):
    """The hulls of the gradients at the neighbours of a group, as seen along some directions.

    Attributes:
        mixed: the directions, as mixtures of the ways that the group was moved.
        slack: by how much a gradient may lie outside, for each output and direction.
        u, chosen: the upstream gradient, and the outputs that are looked at one by one.
    """

    mixed: np.ndarray
    slack: np.ndarray
    u: np.ndarray
    chosen: np.ndarray

    def ends(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where the hulls end, of L first and then of the chosen outputs."""
        ends, u = rows @ self.mixed.T, self.u[:, None]  # neighbour, output, direction
        low, high = ends.min(axis=0) - self.slack, ends.max(axis=0) + self.slack
        least, most = np.minimum(u * low, u * high), np.maximum(u * low, u * high)
        lowest = np.vstack([least.sum(axis=0), low[self.chosen]])
        return lowest, np.vstack([most.sum(axis=0), high[self.chosen]])


def _alike(bends: Sequence[np.ndarray]) -> bool:
    """Return whether there is a bend, and it is the same at all scales."""
    size = abs(bends[-1]).sum()
    return size > 0 and all(abs(bend - bends[-1]).sum() <= ALIKE * size for bend in bends)


def _grows(slopes: np.ndarray) -> bool:
    """Return whether the slope to one side grows on and on at smaller and smaller scales."""
    first, second = np.diff(slopes) * np.sign(slopes[-1])
    return bool(second >= STEEP * first and first > ALIKE / 2 * abs(slopes[-1]))
