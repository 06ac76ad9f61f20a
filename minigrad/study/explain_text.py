"""A trace as text for a terminal, and its graph as lines."""

import textwrap
from collections.abc import Iterator

import numpy as np

from ..text import table
from .layout import Placed, placed
from .tracing import Rule, Step, Trace, Value, added, label, largest, number_text, product

ROWS = 6  # of an array, from which on its middle rows are left out
TERMS = 6  # of a sum
NARROWEST, WIDEST = 60, 120
INDENT = "   "
VERDICTS = {
    "agree": "they agree ✓",
    "differ": "they differ ✗: a gradient is wrong",
    "undecided": "undecided, for there is a kink within the difference, or a number is not finite",
}
UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
LINES = {
    DOWN | LEFT: "┐", UP | LEFT: "┘", DOWN | RIGHT: "┌", UP | RIGHT: "└", LEFT | RIGHT: "─",
    UP | DOWN: "│", UP | DOWN | LEFT: "┤", UP | DOWN | RIGHT: "├", DOWN | LEFT | RIGHT: "┬",
    UP | LEFT | RIGHT: "┴", UP | DOWN | LEFT | RIGHT: "┼",
}  # fmt: skip


def as_text(trace: Trace, columns: int = 80) -> str:
    """Return the trace as lines of at most so many columns, 60 to 120."""
    columns = clamped(columns)
    lines = [*wrapped(trace.title, columns), *[""] * bool(trace.title), "Given"]
    lines += array_lines([(leaf.name, leaf.data) for leaf in trace.leaves], columns)
    lines += ["", "Forward ↓"]
    for step in trace.steps:
        lines += _forward(step, columns)
    loss = trace.loss.name
    begin = f"gv is ∂{loss}/∂v, in the shape of v; it begins with g{loss} = 1"
    lines += ["", *wrapped(f"Backward ↑   {begin}", columns)]
    for step in reversed(trace.steps):
        lines += _backward(step, columns)
    lines += ["", "Check", *paragraphs(check_text(trace), columns)]
    lines += ["", "Step", *paragraphs(move_text(trace), columns)]
    return "\n".join(line.rstrip() for line in lines)


def clamped(columns: int) -> int:
    """Return how many columns are used of those that there are."""
    return min(max(columns, NARROWEST), WIDEST)


def wrapped(text: str, columns: int, indent: str = "") -> list[str]:
    """Return the text in lines; those after the first are indented further."""
    options = {"initial_indent": indent, "subsequent_indent": f"{INDENT}    "}
    return textwrap.wrap(text, columns, **options, break_on_hyphens=False)


def paragraphs(texts: list[str], columns: int) -> list[str]:
    """Return the texts in lines, indented."""
    return [line for text in texts for line in wrapped(text, columns, INDENT)]


def _head(step: Step) -> str:
    layer = f"   layer {step.layer}" if step.layer else ""
    place = f"   {step.made_at}" if step.made_at else ""
    return f"{step.number}  {step.op}{layer}{place}"


def _forward(step: Step, columns: int) -> Iterator[str]:
    yield from wrapped(_head(step), columns)
    yield from paragraphs(step.formula, columns)
    yield from array_lines([*step.inside.items(), (step.y.name, step.y.data)], columns)
    yield from paragraphs(step.remarks[0], columns)


def _backward(step: Step, columns: int) -> Iterator[str]:
    yield from wrapped(_head(step), columns)
    yield from array_lines([(f"g{step.y.name}", step.y.grad)], columns)
    for rule in step.rules:
        part = part_text(rule)
        yield from paragraphs([f"{rule.formula}{part and f'   {part}'}"], columns)
        yield from paragraphs([f"  {rule.note}"] if rule.note else [], columns)
        yield from paragraphs(rule_text(rule, step.y), columns)
        yield from array_lines([(f"g{rule.x.name}{part and ', part'}", rule.g)], columns)
    yield from paragraphs(step.remarks[1], columns)
    for x in step.completed:
        yield from paragraphs(ways_text(x), columns)
        yield from array_lines([(f"g{x.name}", x.grad)], columns)


# ---- sentences with numbers ----------------------------------------------------------------------


def rule_text(rule: Rule, y: Value) -> list[str]:
    """Return one element of a gradient as its sum of products, then what is worth saying of it."""
    name, total = f"g{label(rule.x, rule.j)}", number_text(rule.g[rule.j])
    if rule.terms is None:
        return [f"{name} = {total}, a sum over the {y.data.size:,} elements of {y.name}"]
    texts = [product((term.gy, term.slope)) for term in rule.terms]
    if len(texts) > TERMS:
        texts = [*texts[: TERMS - 1], f"… ({len(rule.terms)} terms)"]
    x, numbers = label(rule.x, rule.j), f"{added(texts)} = {total}"
    if len(rule.terms) > 1:
        ways = [label("", term.i) for term in rule.terms]
        ways = [*ways[: TERMS - 1], "…"] if len(ways) > TERMS else ways
        return [
            f"{name} = Σᵢ g{y.name}ᵢ ∂{y.name}ᵢ/∂{x} = {numbers}",
            f"  {x} reaches {y.name} in {len(rule.terms)} ways: i = {', '.join(ways)}",
        ]
    slope = f"∂{label(y, rule.terms[0].i)}/∂{x}"
    because = [f"  {slope} = {rule.because}"] if rule.because else []
    return [f"{name} = g{label(y, rule.terms[0].i)} {slope} = {numbers}", *because]


def part_text(rule: Rule) -> str:
    """Return which part of its input's gradient a rule gives; empty if it gives all of it."""
    parts = rule.x.ways
    number = next(i for i, (_, g) in enumerate(parts, 1) if g is rule.g)
    return f"(part {number} of {len(parts)})" if len(parts) > 1 else ""


def ways_text(x: Value) -> list[str]:
    """Return the sum of what the uses of a value send back, for one element."""
    j = x.worked
    parts = [f"{number_text(g[j])} (step {number})" for number, g in x.ways]
    total = f"g{label(x, j)} = {added(parts)} = {number_text(x.grad[j])}"
    return [f"{x.name} was used {len(x.ways)} times; its gradient is the sum of the parts:", total]


def check_text(trace: Trace) -> list[str]:
    """Return how one element was moved, and whether L changed as its gradient says."""
    c, loss = trace.check, trace.loss.name
    name, g = label(c.x, c.j), c.x.grad[c.j]
    verdict = VERDICTS[c.verdict]
    return [
        f"moved by -{c.h:g} and +{c.h:g}: {name} = {number_text(c.x.data[c.j])}",
        f"{loss} = {c.below:.12g} and {c.above:.12g}",
        f"slope ({c.above:.12g} - {c.below:.12g}) / {2 * c.h:g} = {c.slope:.6g}",
        f"g{name} = {g:.6g}: {verdict}",
    ]


def move_text(trace: Trace) -> list[str]:
    """Return what a step against the gradient was predicted to do to L, and what it did."""
    m, loss = trace.move, trace.loss.name
    before = float(trace.loss.data.item())
    wrong = trace.check.verdict == "differ"
    rest = (
        "the prediction is from a wrong gradient"
        if wrong
        else f"the rest is the curvature of {loss}"
    )
    return [
        f"v ← v − lr gv for all {m.count} numbers, lr {m.lr:g}",
        f"the gradient predicts {loss} − lr Σ gv² = {before:.6g} - {m.lr:g}·{m.squares:.6g} = "
        f"{m.predicted:.6g}",
        f"it is {m.after:.6g}; {rest}",
    ]


# ---- arrays --------------------------------------------------------------------------------------


def array_lines(pairs: list[tuple[str, np.ndarray]], columns: int) -> Iterator[str]:
    """Yield arrays with their names and shapes, below each other."""
    heads = table([(name, str(a.shape) if a.ndim else "") for name, a in pairs], "<").split("\n")
    start = max(map(len, heads)) + 2
    for head, (_, a) in zip(heads, pairs, strict=True):
        for i, line in enumerate(_rows(a, columns - len(INDENT) - start)):
            yield INDENT + (head if i == 0 else "").ljust(start) + line


def _rows(a: np.ndarray, width: int) -> list[str]:
    """Return the rows of an array as aligned numbers.

    Of a large one the first rows and columns are shown, those of the largest number, and the last.
    """
    if not a.size:
        return ["no elements"]
    a = a.reshape(-1, a.shape[-1]) if a.ndim else a.reshape(1, 1)
    at = largest(a)
    rows = some(len(a), ROWS, at[0])
    cell = 2 + max(len(number_text(v)) for i in rows if i is not None for v in a[i])
    columns = some(a.shape[1], max(width // cell, 3), at[1])
    texts = [["…" if None in (i, j) else number_text(a[i, j]) for j in columns] for i in rows]
    cells = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return ["  ".join(t.rjust(n) for t, n in zip(row, cells, strict=True)) for row in texts]


def some(count: int, most: int, at: int) -> list[int | None]:
    """Return at most so many of the indices below count, `at` among them; None is a gap."""
    if count <= most:
        return [*range(count)]
    if at < most - 2 or at == count - 1:
        return [*range(most - 2), None, count - 1]
    if at == count - 2:
        return [*range(most - 3), None, at, count - 1]
    return [*range(most - 4), None, at, None, count - 1] if most > 3 else [None, at, None]


# ---- the graph -----------------------------------------------------------------------------------


def as_graph(trace: Trace) -> str:
    """Return the graph as text: a line for each step, and lines that lead from value to value.

    Leaves are named where they are used.
    """
    rows = []
    for row in placed(trace.steps):
        step = row.step
        if row.into and (len(row.into) > 1 or row.lane not in row.into):
            rows.append((_joined(row), "", ""))
        lanes = enumerate(row.after)
        marks = ["●" if i == row.lane else "│" if x is not None else " " for i, x in lanes]
        made = f"{step.y.name} {step.y.data.shape}" if step.y.data.ndim else step.y.name
        inputs = ", ".join(x.name for x in step.inputs)
        rows.append((" ".join(marks), f"{step.number}  {step.op}", f"{made}  from {inputs}"))
    return table(rows, "<")


def _joined(row: Placed) -> str:
    """Return the line on which the lanes that lead to a step meet at its own."""
    ends = [*row.into, row.lane]
    found = ""
    for i, below in enumerate(row.after):
        above = i < len(row.before) and row.before[i] is not None
        inside = min(ends) <= i < max(ends)
        if i in ends:
            way = UP * above | DOWN * (below is not None)
            found += LINES[way | LEFT * (i > min(ends)) | RIGHT * (i < max(ends))]
        else:
            found += "│" if above else "─" if inside else " "
        found += "─" if inside else " "
    return found.rstrip()
