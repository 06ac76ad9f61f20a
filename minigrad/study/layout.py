"""Where the steps of a graph are drawn: each in a row of its own, in a lane."""

from collections.abc import Sequence
from typing import NamedTuple

from .tracing import Step, Value


class Placed(NamedTuple):
    """A step in its lane.

    Attributes:
        step, lane: which step, and where it is.
        before, after: the values that the lanes hold above it and below it, None for a free lane.
        into: the lanes that lead to it.
    """

    step: Step
    lane: int
    before: list[Value | None]
    after: list[Value | None]
    into: list[int]


def placed(steps: Sequence[Step]) -> list[Placed]:
    """Return the steps in lanes: a value stays in its lane until it was used for the last time."""
    last = {x: step.number for step in steps for x in step.inputs}
    lanes: list[Value | None] = []
    found = []
    for step in steps:
        into = [i for i, x in enumerate(lanes) if x is not None and x in step.inputs]
        ending = [i for i in into if last[lanes[i]] == step.number]
        free = [i for i, x in enumerate(lanes) if x is None] + [len(lanes)]
        lane = ending[0] if ending else free[0]
        after = [None if i in ending else x for i, x in enumerate(lanes)]
        after += [None] * (lane + 1 - len(after))
        after[lane] = step.y
        found.append(Placed(step, lane, lanes, after, into))
        lanes = after
    return found
