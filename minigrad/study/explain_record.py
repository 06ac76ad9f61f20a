"""A record as text: how an operation's gradient comes about, and how people get it wrong."""

import numpy as np

from .. import functions as F
from ..checking.records import Mistake, Record, same
from ..typing import Tensor
from .explain_text import INDENT, array_lines, check_text, clamped, paragraphs, wrapped
from .tracing import label, largest, number_text, source_of, trace


def record_text(record: Record, columns: int = 80) -> str:
    """Return what is known of an operation as lines of at most so many columns, 60 to 120."""
    columns = clamped(columns)
    arrays = record.arrays(record.gy, record.example)
    gradients = record.gradients(record.gy, record.example)
    steps = [f"{number}. {step}" for number, step in enumerate(record.steps, 1)]
    shown = [*record.example, "y", "gy"]
    lines = [f"{record.name}: {record.title}", ""]
    lines += [*paragraphs([record.formula, record.shapes], columns)]
    lines += ["", "Derivation", *paragraphs(steps, columns), "", "Source"]
    for way in ("forward", "backward"):
        place, text = source_of(getattr(record.function, way))
        lines += [f"{INDENT}{place}", *(f"{INDENT}  {line}" for line in text.split("\n"))]
    lines += ["", "Example"]
    lines += array_lines([(name, np.asarray(arrays[name])) for name in shown], columns)
    lines += array_lines([*gradients.items()], columns)
    lines += ["", "Check   of L = Σ gy y", *paragraphs(_check(record), columns), ""]
    lines.append("Usual mistakes")
    for mistake in record.mistakes:
        lines += paragraphs([f"{mistake.of} = {mistake.formula}"], columns)
        lines += wrapped(mistake.says, columns, f"{INDENT}   ")
        lines += wrapped(_here(mistake, gradients[mistake.of], arrays), columns, f"{INDENT}   ")
    return "\n".join(line.rstrip() for line in lines)


def _check(record: Record) -> list[str]:
    """Return how one element of the example was moved, and what the loss did."""
    others = {name: a for name, a in record.example.items() if name not in record.inputs}

    def loss(*arrays: Tensor) -> Tensor:
        inputs = dict(zip(record.inputs, arrays, strict=True))
        return F.sum(F.mul(record.apply(**inputs, **others), np.asarray(record.gy, float)))

    inputs = [record.example[name] for name in record.inputs]
    return check_text(trace(loss, inputs, names=record.inputs))


def _here(mistake: Mistake, right: np.ndarray, arrays: dict) -> str:
    """Return what the mistake makes of the example."""
    wrong = mistake.gradient(arrays)
    if wrong is None:
        return "in the example: the shapes do not fit"
    if wrong.shape != right.shape:
        return f"in the example: an array of shape {wrong.shape}, for one of {right.shape}"
    if same(wrong, right):
        return "in the example: the same numbers; with more rows they differ"
    j = largest(wrong - right)
    is_wrong, is_right = number_text(wrong[j]), number_text(right[j])
    return f"in the example: {label(mistake.of, j)} = {is_wrong}, and {is_right} is right"
