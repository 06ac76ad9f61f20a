"""A trace as one page of HTML: self-contained, to be stepped through or read from top to bottom."""

import re
from collections.abc import Iterable, Iterator
from html import escape
from importlib.resources import files

import numpy as np

from ..text import shortened
from .explain_text import check_text, move_text, part_text, rule_text, some, ways_text
from .layout import placed
from .mathml import mathml
from .tracing import Rule, Step, Trace, Value, label, largest, number_text

MOST = 14  # rows and columns of an array that are shown
ROW, LANE, RADIUS = 52, 34, 13  # of the drawing, in pixels
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def as_html(trace: Trace) -> str:
    """Return the trace as a page that needs no other file, and no network.

    Without JavaScript everything is there to be read. With it the steps are shown one at a time,
    and the page asks for an element of each gradient before it shows it.
    """
    page = _Page(trace)
    title = escape(trace.title or "One pass")
    style, script = (
        files(__package__).joinpath(f"explain.{kind}").read_text("utf-8") for kind in ("css", "js")
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p>{page.about}</p>
</header>
<div class="columns">
<div class="graph">
{page.graph()}
</div>
<main>
<nav aria-label="Steps">
<button id="back">← Back</button>
<button id="next">Next →</button>
<output id="where"></output>
</nav>
{"".join(page.sections())}
</main>
</div>
<script>
{script}</script>
</body>
</html>
"""


class _Page:
    """The parts of the page, with the names that are variables in all formulas."""

    def __init__(self, trace: Trace):
        self.trace = trace
        values = [*trace.leaves, *(step.y for step in trace.steps)]
        self.names = {name for v in values for name in (v.name, f"g{v.name}")}
        self.names |= {name for step in trace.steps for name in step.inside} | {"lr", "gv"}
        loss = trace.loss.name
        self.about = (
            "Every number of one forward and one backward pass, computed in float64. "
            f"gv is ∂{loss}/∂v, the gradient of v: it has the shape of v."
        )

    def sections(self) -> Iterator[str]:
        """Yield what is given, each operation forward, each one backward, the check, and a step."""
        trace = self.trace
        given = self.arrays((leaf.name, leaf.data) for leaf in trace.leaves)
        yield _section("given", "Given", given)
        for step in trace.steps:
            yield _section(f"f{step.number}", f"Forward {_title(step)}", self.forward(step))
        for step in reversed(trace.steps):
            yield _section(f"b{step.number}", f"Backward {_title(step)}", self.backward(step))
        yield _section("check", "Check: one weight, moved a little", self.lines(check_text(trace)))
        yield _section("step", "A step against the gradient", self.lines(move_text(trace)))

    def forward(self, step: Step) -> str:
        """Return the formula, the numbers, and the source."""
        arrays = [*step.inside.items(), (step.y.name, step.y.data)]
        return (
            self.lines(step.formula)
            + self.arrays(arrays)
            + self.lines(step.remarks[0])
            + _details("What goes in", self.arrays((x.name, x.data) for x in step.inputs))
            + _source(step, "forward")
        )

    def backward(self, step: Step) -> str:
        """Return the incoming gradient, the rules with their questions, and the source."""
        y = step.y
        arrays = [*step.inside.items(), *((x.name, x.data) for x in step.inputs), (y.name, y.data)]
        parts = [
            self.array(f"g{y.name}", y.grad, note="comes in"),
            _details("What is known from the forward pass", self.arrays(dict(arrays).items())),
            *(self.rule(rule, y) for rule in step.rules),
        ]
        parts += [self.total(x) for x in step.completed]
        return "".join([*parts, self.lines(step.remarks[1]), _source(step, "backward")])

    def rule(self, rule: Rule, y: Value) -> str:
        """Return a rule, a question about one element, and the answer."""
        name, part = f"g{rule.x.name}", part_text(rule)
        head = f"{self.math(rule.formula)} <span class='quiet'>{escape(part)}</span>"
        note = re.sub(r"(\w+)_(\w+)", r"\1<sub>\2</sub>", escape(rule.note))
        note = f'<p class="quiet">{note}</p>' if note else ""
        answer = self.lines(rule_text(rule, y)) + self.array(name, rule.g, rule.j, part)
        asked = self.ask(f"g{label(rule.x, rule.j)}", rule.g[rule.j], answer)
        return f'<h3 class="formula">{head}</h3>{note}{asked}'

    def total(self, x: Value) -> str:
        """Return a question about the sum of the parts of a gradient, and the answer."""
        says, numbers = ways_text(x)
        answer = self.lines([numbers]) + self.array(f"g{x.name}", x.grad, x.worked)
        asked = self.ask(f"g{label(x, x.worked)}, all parts", x.grad[x.worked], answer)
        return f"<h3>{escape(says)}</h3>{asked}"

    def ask(self, name: str, value: float, answer: str) -> str:
        """Return the question for a number, which the page shows after an answer only."""
        return (
            f'<form class="ask" data-answer="{float(value)!r}"><label>What is {escape(name)}? '
            '<input inputmode="decimal" autocomplete="off"></label> <button>Check</button> '
            '<button type="button">Show</button> <output></output></form>'
            f'<div class="answer">{answer}</div>'
        )

    def math(self, text: str) -> str:
        """Return a formula as MathML; what stands behind three spaces is said in words."""
        formula, _, words = text.partition("   ")
        return mathml(formula, self.names) + (f" {escape(words)}" if words else "")

    def lines(self, texts: list[str]) -> str:
        """Return each text in a line of its own, as a formula if it is one."""
        found = []
        for text in texts:
            head, colon, tail = text.strip().partition(": ")
            formula = self.math(text) if " = " in text and not colon else None
            if colon and " = " in head and " = " not in tail:
                formula = f"{self.math(head)}: {escape(tail)}"
            if formula:
                found.append(f'<p class="formula">{formula}</p>')
            else:
                found.append(f"<p>{escape(text.strip())}</p>")
        return "".join(found)

    def arrays(self, pairs: Iterable[tuple[str, np.ndarray]]) -> str:
        """Return arrays beside each other, as far as there is room."""
        return f'<div class="arrays">{"".join(self.array(*pair) for pair in pairs)}</div>'

    def array(self, name: str, a: np.ndarray, at: tuple | None = None, note: str = "") -> str:
        """Return an array as a table, coloured by sign and size, and its exact values."""
        shape = f' <span class="quiet">{a.shape}</span>' if a.ndim else ""
        note = f' <span class="quiet">{escape(note)}</span>' if note else ""
        caption = f"<figcaption>{escape(name)}{shape}{note}</figcaption>"
        if not a.size:
            return f"<figure>{caption}no elements</figure>"
        flat = a.reshape(-1, a.shape[-1]) if a.ndim else a.reshape(1, 1)
        top = largest(flat)
        rows, columns = (some(n, MOST, i) for n, i in zip(flat.shape, top, strict=True))
        most = float(np.nan_to_num(abs(flat[top]))) or 1.0
        worked = None if at is None else int(np.ravel_multi_index(at, a.shape)) if at else 0
        body = "".join(
            f"<tr>{_heads([i], a.shape[:-1], 'row') if a.ndim > 1 else ''}"
            f"{''.join(_cell(flat, i, j, most, worked) for j in columns)}</tr>"
            for i in rows
        )
        if a.ndim:
            corner = "<td></td>" if a.ndim > 1 else ""
            body = f"<tr>{corner}{_heads(columns, a.shape[-1:], 'col')}</tr>{body}"
        exact = "\n".join(
            f"{label(name, np.unravel_index(i * flat.shape[1] + j, a.shape))} = {flat[i, j].item()}"
            for i in rows
            for j in columns
            if None not in (i, j)
        )
        text = escape(f"{name}, shape {a.shape}")
        return (
            f'<figure>{caption}<div class="scroll" tabindex="0" role="region" aria-label="{text}">'
            f'<table data-name="{escape(name)}">{body}</table></div>'
            f"{_details('exact values', f'<pre>{escape(exact)}</pre>')}</figure>"
        )

    def graph(self) -> str:
        """Return the graph as SVG: a row for each step, with links to its forward and backward."""
        rows = placed(self.trace.steps)
        lanes = max(len(row.after) for row in rows)
        left = lanes * LANE + 8
        width, height = left + 245, len(rows) * ROW
        centre = {row.step.y: (row.lane * LANE + 20, i * ROW + 26) for i, row in enumerate(rows)}
        paths, nodes, says = [], [], []
        for row in rows:
            step = row.step
            x, y = centre[step.y]
            for value in dict.fromkeys(v for v in step.inputs if v in centre):
                a, b = centre[value]
                paths.append(f'<path d="M{a} {b} V{y - ROW / 2} H{x} V{y}"/>')
            inputs = escape(shortened(", ".join(v.name for v in step.inputs), 24))
            made = escape(f"{step.y.name} {step.y.data.shape if step.y.data.ndim else ''}")
            op, number, gradient = escape(step.op), step.number, escape(f"g{step.y.name}")
            nodes.append(
                f'<g><circle cx="{x}" cy="{y}" r="{RADIUS}"/><text x="{x}" y="{y + 5}" '
                f'text-anchor="middle">{number}</text>'
                f'<a href="#f{number}" aria-label="Step {number}, {op}, forward">'
                f'<text x="{left}" y="{y}">{op}</text></a>'
                f'<a href="#b{number}" aria-label="Step {number}, {op}, backward">'
                f'<text x="{width - 10}" y="{y}" text-anchor="end">{gradient}</text></a>'
                f'<text class="quiet" x="{left}" y="{y + 16}">{made} from {inputs}</text></g>'
            )
            says.append(f"{number}: {op} makes {made} from {inputs}.")
        return (
            f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'role="group" aria-labelledby="graph-title graph-text"><title id="graph-title">The '
            f'graph of operations</title><desc id="graph-text">{" ".join(says)}</desc>'
            f"{''.join(paths)}{''.join(nodes)}</svg>"
        )


def _section(name: str, title: str, body: str) -> str:
    head = f'<h2 id="{name}-title">{title}</h2>'
    return f'<section id="{name}" aria-labelledby="{name}-title">{head}{body}</section>\n'


def _details(summary: str, body: str, is_open: str = "") -> str:
    return f"<details{is_open}><summary>{escape(summary)}</summary>{body}</details>"


def _title(step: Step) -> str:
    layer = f' <span class="quiet">layer {escape(step.layer)}</span>' if step.layer else ""
    place = f' <span class="quiet">{escape(step.made_at)}</span>' if step.made_at else ""
    return f"{step.number}: {escape(step.op)}{layer}{place}"


def _source(step: Step, way: str) -> str:
    place, text = step.source[way]
    if not text:
        return ""
    code = f"<pre><code>{escape(text)}</code></pre>"
    return _details(f"Source: {place}", code, " open")


def _heads(numbers: list[int | None], shape: tuple[int, ...], scope: str) -> str:
    """Return the indices of rows or columns."""
    texts = ["…" if i is None else label("", np.unravel_index(i, shape))[1:-1] for i in numbers]
    return "".join(f'<th scope="{scope}">{text}</th>' for text in texts)


def _cell(a: np.ndarray, i: int | None, j: int | None, most: float, worked: int | None) -> str:
    """Return one number of an array, coloured by its sign and size."""
    if None in (i, j):
        return "<td>…</td>"
    value = float(a[i, j])
    kind, size = ("minus" if value < 0 else "plus"), abs(value) / most
    if not 0 < size < np.inf:
        kind, size = "", 0.0
    if worked == i * a.shape[1] + j:
        kind += " at"
    style = f' class="{kind.strip()}" style="--size:{size:.2f}"' if kind else ""
    text = number_text(value).replace("-", "−")
    return f'<td{style}><data value="{value!r}">{text}</data></td>'
