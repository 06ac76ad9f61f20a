"""Schedules: how the learning rate changes during a run."""

import math

from ..errors import ArgumentError
from ..settings import SETTINGS

SCHEDULES = SETTINGS["schedule"].choices


def lr_factor(kind: str, step: int, total: int, warmup: int = 0) -> float:
    """Return the factor of the learning rate in step 0 … total − 1.

        warmup    (step + 1) / warmup, in the first `warmup` steps; after them, with s from 0 to 1,
        constant  1
        step      0.1 after a third of the way, 0.01 after two thirds
        cosine    (1 + cos π s) / 2                          (Loshchilov and Hutter, 2017)

    Args:
        kind: constant, step or cosine.
        step: the steps taken before this one.
        total: the steps of the whole run.
        warmup: the steps of a linear rise.

    Raises:
        ArgumentError: if the kind is unknown.
    """
    if kind not in SCHEDULES:
        facts = f"it can be {', '.join(map(repr, SCHEDULES))}"
        raise ArgumentError("schedule", f"{kind!r} is unknown", facts, "choose one of them")
    if step < warmup:
        return (step + 1) / warmup
    s = (step - warmup) / (total - warmup)
    if kind == "cosine":
        return (1 + math.cos(math.pi * s)) / 2
    return 0.1 ** int(3 * s) if kind == "step" else 1.0
