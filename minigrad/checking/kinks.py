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
NEIGHBOURS = 8  # at which a slope is compared, to find kinks that no axis shows
GROUPS = 200  # that are looked at, drawn at random
BUDGET = 10_000  # evaluations of f, after which no more groups are looked at
FLOAT32 = (1e-4, 8)  # MOVE and SHRINK in float32 mode: a threshold, such as 0.1, is rounded
BLURRED = 1e-3  # the finest move; floats beyond 1e10 lie too far apart to tell a kink from a tanh
ROUNDS = 16  # of a search for neighbours that pull a hull towards a gradient outside of it
SEARCHED = 128  # neighbours in each, for each further member: half close to the best one so far
JITTER = 0.3  # of the moves along a direction: how far others step aside, so that no tie is left
TINY = 1e-300  # keeps 0 / 0 from being NaN
SIMILAR = 1e-3  # of a slope: how closely a neighbour's gradient has to give it
STEEP = 0.9  # of a change of slope from scale to scale: with less, the slope converges
ELSEWHERE = 10_000  # elements of a sampled leaf, up to which all of them may be partners
LEAST = 0.05  # of a move: no member stays where it was
SMALL = 1e-3  # of the moves of one leaf, those of the others where it outweighs them
EVERY = 6  # elements of a group, up to which every pattern of signs is tried
SEARCHABLE = 4  # elements of a group, up to which a search that finds no neighbour is trusted
MEMBERS = 24  # of a group that are moved one by one; of a larger one, mixtures are moved
MIXTURES = 8  # of all members, and as many single ones, along which a larger group is compared
TRIES = 32  # random patterns of signs, to see which elements make a tie that no axis shows
OUTPUTS = 32  # that are looked at for a group, drawn at random
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
        self.move, self.shrink = FLOAT32 if check.narrow else (MOVE, SHRINK)
        self.steep: dict[Line, list[float]] = {}
        self.looked, self.groups, self.evaluations = 0, 0, 0
        self.joint: set[Line] = set()
        self.jumps: set[Line] = set()
        lines = [line for line in lines if np.isfinite(line.analytic)]
        bent = {e for e in lines if self._bends(e)}
        rest = [e for e in lines if e not in bent and not (agree and e.verdict == "PASS")]
        self.flat = set(self._kinked_together(rest))
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

    def _kinked_together(self, lines: list[Line]) -> list[Line]:
        """Return elements whose slopes depend on where the others go, found by halving them."""
        if not lines or not self._neighbours_differ(lines):
            return []
        half = len(lines) // 2
        found = [
            e for part in (lines[:half], lines[half:]) if half for e in self._kinked_together(part)
        ]
        return found or lines  # no half alone does

    def _neighbours_differ(self, lines: list[Line]) -> bool:
        """Return whether the slope along a mixture of these depends on the neighbour, however near.

        In one direction it is the same at all scales, as that of a smooth f is in all directions.
        """
        check, shares = self.check, [self.move / self.shrink**n for n in range(3)]
        seeds = check.rng.integers(2**32, size=NEIGHBOURS)
        shares_of = check.rng.uniform(0.5, 1, len(lines)) * check.rng.choice([-1, 1], len(lines))
        mixture = dict(zip(lines, shares_of, strict=True))
        slopes = np.empty((len(shares), len(seeds)))
        for n, share in enumerate(shares):
            for j, seed in enumerate(seeds):
                with beside(check.subject, np.random.default_rng(seed), share):
                    slopes[n, j] = self._along(mixture, share * SHARE) @ check.u
            if not np.ptp(slopes[n]) > 10 * ANGLE * abs(slopes[n]).max():  # as is usual
                return False
        noise = float(abs(check.u) @ check.noise.y) / (shares[-1] * SHARE)
        same = np.ptp(slopes, axis=0).max() <= ALIKE * abs(slopes).max()
        return bool(same and np.ptp(slopes[0]) > 10 * noise)

    def _along(self, moves: dict[Line, float], share: float) -> np.ndarray:
        """Return the slope of each y if elements move by this share of their units."""
        self.evaluations += 2
        ys = []
        for t in (-share / self.move, share / self.move):
            with self._moved({e: t * move for e, move in moves.items()}):
                ys.append(self.check.subject.evaluate())
        return (ys[1] - ys[0]) / (2 * share)

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
        return rounds > self.check.tolerance.rtol * self.check.flow

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
        around = _Around(self, group)
        patterns = self._patterns(group)
        rows = np.array([around.rows(shares) for shares in patterns])  # neighbour, output, way
        some = np.unique(np.linspace(0, len(patterns) - 1, NEIGHBOURS).astype(int))
        nearer = np.array([around.rows(patterns[j] / 4, SHARE / 4) for j in some])
        curve = np.nanmax(abs(nearer - rows[some]), axis=(0, 2))  # of each output, on a part of it
        rows = rows[np.isfinite(rows).all(axis=(1, 2))]
        if not len(rows) or not np.isfinite(curve).all():
            return "UNDECIDED"
        if (curve > 10 * ANGLE * abs(rows).max()).any():  # f varies too fast
            return "UNDECIDED"
        ways, size = around.ways, abs(rows).max(axis=(0, 2))
        rounds = 2 * check.noise.y[:, None] / (SHARE * around.lengths)
        errors = 4 * curve[:, None] + rounds

        def hull(outputs, weights, g) -> _Hull:
            slack = abs(weights) @ errors[outputs] + check.tolerance.rounded * check.flow
            return _Hull(outputs, weights, g, slack + check.tolerance.rtol * abs(g))

        reached = np.flatnonzero(rows.any(axis=(0, 2)))
        total = ways @ [e.analytic for e in group]
        alone = ways @ self._analytic(group, np.isin(np.arange(len(check.u)), reached) * check.u)
        hulls = [hull(reached, check.u[reached], total)]
        # What the other outputs' upstream gradients add has to be 0.
        if (abs(total - alone) > hulls[0].slack).any():
            return "FAIL"
        for k in check.rng.permutation(reached)[:OUTPUTS]:
            g = ways @ self._analytic(group, np.arange(len(check.u)) == k)
            if (rounds[k] > 0.1 * max(size[k], abs(g).max(), ANGLE * check.flow)).any():
                return "UNDECIDED"
            hulls.append(hull(np.array([k]), np.ones(1), g))
            apart = abs(rows[:, k] - g) > hulls[-1].slack
            if n == 1 and group[0] in self.jumps and apart.all():  # one of the sides, not between
                return "FAIL"
        for each in hulls:
            word, rows = self._search(each, around, rows)
            if word != "KINK":
                return word
        return "KINK"

    def _search(self, hull: _Hull, around: _Around, rows: np.ndarray) -> tuple[str, np.ndarray]:
        """Return the verdict on a hull, and the rows with those of the neighbours that it took.

        As long as the gradient lies outside of the hull of the rows, neighbours are looked for that
        pull the hull towards it.
        """
        for _ in range(ROUNDS):
            d = hull.separating(rows)
            if d is None:
                return "KINK", rows
            shares, slopes = around.search(d, hull)
            highest = (slopes * hull.weights).max(axis=0).sum()
            if highest < d @ hull.g - abs(d) @ hull.slack:
                # Where f is convex or concave, the slope from here is the largest there is.
                here = (around.from_here(d)[:, hull.outputs] * hull.weights).max(axis=0).sum()
                largest = here >= highest - abs(d) @ hull.slack
                sure = largest or len(around.group) <= SEARCHABLE
                return "FAIL" if sure else "UNDECIDED", rows
            best = np.unique((slopes * hull.weights).argmax(axis=0))
            more = np.array([around.rows(shares[j]) for j in best])
            wanted = slopes[best]
            fits = abs(more[:, hull.outputs] @ d - wanted) <= SIMILAR * abs(wanted).max()
            more = more[fits.all(axis=1) & np.isfinite(more).all(axis=(1, 2))]
            if not len(more):
                break
            rows = np.concatenate([rows, more])
        return "UNDECIDED", rows

    def _patterns(self, group: list[Line]) -> np.ndarray:
        """Return by which shares of MOVE the members of a group go to each neighbour."""
        rng, n = self.check.rng, len(group)
        if n <= EVERY:
            signs = np.array([*itertools.product((-1, 1), repeat=n)])
        else:
            alone = 2 * np.eye(n)[:MEMBERS] - 1  # one goes up and the others down: it wins a tie
            ends = np.array([[1], [-1]]) * np.ones(n)  # or another one wins
            signs = np.vstack([ends, alone, -alone, rng.choice([-1, 1], (MEMBERS, n))])
        sizes = [rng.permutation(np.linspace(LEAST, 1, n)) for _ in signs]  # no two are equal
        patterns = [signs * np.array(sizes)]
        if n > 2:  # each takes each place in order once
            order = rng.permutation(np.linspace(-1, 1, n))
            order[abs(order) < LEAST] = LEAST
            patterns += [np.roll(order, j)[None] for j in range(min(n, MEMBERS))]
        return np.vstack([*patterns, *self._by_leaf(group)])

    def _by_leaf(self, group: list[Line]) -> Iterator[np.ndarray]:
        """Yield patterns in which the members of one leaf outweigh those of the others.

        A bias alone decides that way which units of relu are on, whatever zeros flow in.
        """
        leaves = np.array([e.i for e in group])
        for i in set(leaves) if len(set(leaves)) > 1 else ():
            for sign in (-1, 1):
                small = self.check.rng.uniform(-SMALL, SMALL, len(group))
                yield np.where(leaves == i, sign * np.linspace(0.5, 1, len(group)), small)

    def _analytic(self, group: list[Line], u: np.ndarray) -> np.ndarray:
        """Return the gradient of the group for another upstream gradient."""
        _, gradients = self.check.backward(u.astype(np.float64))
        return np.array([gradients[e.i][e.where] for e in group])


class _Around:
    """The neighbours of a group.

    Attributes:
        ways: directions along which the group is moved: each member, or mixtures of many.
        lengths: by how much a whole move goes along each.
    """

    def __init__(self, kinks: Kinks, group: list[Line]):
        self.kinks, self.group, self.rng = kinks, group, kinks.check.rng
        n = len(group)
        self.units = np.array([kinks._unit(e) for e in group])
        self.ways = np.eye(n)
        if n > MEMBERS:
            mixed = self.rng.choice([-1, 1], (MIXTURES, n))
            mixed[0] = 1
            self.ways = np.vstack([self.ways[:MIXTURES], mixed * self.units / self.units.max()])
        self.lengths = np.array([self._length(way) for way in self.ways])

    def _length(self, way: np.ndarray) -> float:
        """Return how far along a way no member moves by more than a whole move."""
        with np.errstate(divide="ignore"):
            return self.kinks.move * float((self.units / abs(way)).min())

    def at(self, shares: np.ndarray, way: np.ndarray, t: float) -> np.ndarray:
        """Return y at a neighbour, moved further by t along a way."""
        self.kinks.evaluations += 1
        shares = shares + t * way / (self.kinks.move * self.units)
        with self.kinks._moved(dict(zip(self.group, shares, strict=True))):
            return self.kinks.check.subject.evaluate()

    def slope(self, shares: np.ndarray, way: np.ndarray, share: float = SHARE) -> np.ndarray:
        """Return the derivative of each output along a way, at a neighbour."""
        h = share * self._length(way)
        return (self.at(shares, way, h) - self.at(shares, way, -h)) / (2 * h)

    def rows(self, shares: np.ndarray, share: float = SHARE) -> np.ndarray:
        """Return the derivative of each output along each way, at a neighbour."""
        return np.array([self.slope(shares, way, share) for way in self.ways]).T

    def from_here(self, d: np.ndarray) -> np.ndarray:
        """Return the slope of each output along d on both sides of the kink itself."""
        way = d @ self.ways
        h, here = self._length(way), np.zeros(len(way))
        y = self.at(here, way, 0)
        return np.array([(self.at(here, way, t) - y) / t for t in (h, -h)])

    def search(self, d: np.ndarray, hull: _Hull) -> tuple[np.ndarray, np.ndarray]:
        """Return neighbours where the slopes along d may be large, and these slopes.

        They are where a convex or a concave f has its largest slope; where the members stand in
        the order of d or in one shifted from it, as a median wants them; anywhere; and near the
        best one so far.
        """
        way, n = d @ self.ways, len(self.group)
        along = way / self.units
        along = along / abs(along).max()
        order = np.argsort(np.argsort(along))
        places = np.linspace(-1, 1, n) if n > 1 else np.ones(1)
        places[abs(places) < LEAST] = LEAST
        found, slopes, sums = [], [], []

        def look(shares: np.ndarray) -> None:
            found.append(shares)
            slopes.append(self.slope(shares, way)[hull.outputs])
            sums.append(np.nan_to_num(slopes[-1] @ hull.weights, nan=-np.inf))

        for sign in (1, -1):
            look(sign * along)
            for _ in range(4):
                aside = JITTER * self.rng.uniform(-1, 1, n)
                look(sign * along * (1 - JITTER) + aside)
        for j in range(min(n, MEMBERS)):
            look(places[(order + j) % n])
        for j in range(SEARCHED * min(n - 1, SEARCHABLE)):
            shares = self.rng.uniform(-1, 1, n)
            if j % 2:
                shares = np.where(self.rng.random(n) < 1.5 / n, shares, found[np.argmax(sums)])
            look(shares)
        return np.array(found), np.nan_to_num(np.array(slopes), nan=-np.inf)


class _Hull(NamedTuple):
    """Where a gradient may lie: in the sum of the hulls of some outputs.

    Attributes:
        outputs, weights: the outputs, and their upstream gradients.
        g: the gradient.
        slack: by how much it may lie outside, along each way.
    """

    outputs: np.ndarray
    weights: np.ndarray
    g: np.ndarray
    slack: np.ndarray

    def separating(self, rows: np.ndarray) -> np.ndarray | None:
        """Return a direction in which g lies outside of the hull of these rows, None if in none.

        It points from the nearest point of the hull to g, in units of the slack. Wolfe's algorithm
        (1976) finds that point as a mixture of few vertices: it adds the one that lies farthest
        towards g, and drops those whose share would be negative.
        """
        vertices = (rows[:, self.outputs] * self.weights[:, None]) / self.slack

        def farthest(d: np.ndarray) -> np.ndarray:
            best = (vertices @ d).argmax(axis=0)
            return self.g / self.slack - vertices[best, np.arange(len(best))].sum(axis=0)

        corral, shares = farthest(np.ones(len(self.g)))[None], np.ones(1)
        for _ in range(100 * len(self.g)):
            gap = shares @ corral
            if gap @ gap <= abs(gap).sum():
                return None
            new = farthest(gap)
            if gap @ new >= gap @ gap * (1 - SIMILAR):
                break
            corral, shares = np.vstack([corral, new]), np.append(shares, 0.0)
            while True:
                first, edges = corral[0], corral[1:] - corral[0]
                rest = np.linalg.lstsq(edges.T, -first, rcond=None)[0]
                wanted = np.append(1 - rest.sum(), rest)
                if (wanted > 0).all():
                    shares = wanted
                    break
                down = np.where(
                    wanted > 0, np.inf, shares / (shares - np.minimum(wanted, 0) + TINY)
                )
                shares = shares + min(1, down.min()) * (wanted - shares)
                shares[down.argmin()] = 0
                corral, shares = corral[shares > 0], shares[shares > 0]
        return gap / self.slack


def _alike(bends: Sequence[np.ndarray]) -> bool:
    """Return whether there is a bend, and it is the same at all scales."""
    size = abs(bends[-1]).sum()
    return size > 0 and all(abs(bend - bends[-1]).sum() <= ALIKE * size for bend in bends)


def _grows(slopes: np.ndarray) -> bool:
    """Return whether the slope to one side grows on and on at smaller and smaller scales."""
    first, second = np.diff(slopes) * np.sign(slopes[-1])
    return bool(second >= STEEP * first and first > ALIKE / 2 * abs(slopes[-1]))
