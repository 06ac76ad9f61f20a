"""What one forward and one backward pass compute, operation by operation, as data.

`trace` runs f once and records every operation with the formulas of its docstring, its arrays and
its gradients. What the text and the page show of an operation's backward pass is the general rule,

    gxⱼ = Σᵢ gyᵢ ∂yᵢ/∂xⱼ

with its numbers, for one element of each input. The derivatives come from the operation itself: its
backward pass, given a gy that is 1 at i and 0 elsewhere, returns ∂yᵢ/∂xⱼ for every j.
"""

import contextlib
import inspect
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from .. import functions as F
from ..checking.bisection import naming
from ..checking.differences import BENT, ROUNDED, Probe
from ..checking.subject import Subject
from ..debugging import Watch, user_line, watched_by
from ..engine import Function, unbroadcast
from ..errors import COMMANDS, PACKAGE, ArgumentError
from ..functions.activations import ReLU, Softmax
from ..functions.losses import CrossEntropy
from ..nn import Module
from ..text import counted
from ..typing import ArrayLike

MOST = 20_000_000  # derivatives of an operation, up to which they are looked at one by one
STEPS = (1e-4, 1e-5, 1e-6)  # of the difference: a smaller one if there is a kink within it
LR = 0.01
LEAST = 1e-8  # of 1 − p, if p is written out: it takes a dozen digits

Index = tuple[int, ...]


class Term(NamedTuple):
    """One way by which xⱼ reaches L: the gradient of yᵢ times ∂yᵢ/∂xⱼ."""

    i: Index
    gy: float
    slope: float


@dataclass(eq=False)
class Value:
    """An array: an input, a parameter, a constant, or what a step made.

    Attributes:
        name: as it is called in all formulas; its gradient is "g" + name.
        data: the array.
        step: the number of the step that made it; None for a leaf.
        needs: whether a gradient is computed for it.
        ways: what each use of it sends back: the number of the step, and the gradient.
    """

    name: str
    data: np.ndarray
    step: int | None = None
    needs: bool = True
    ways: list[tuple[int, np.ndarray]] = field(default_factory=list)

    @property
    def grad(self) -> np.ndarray:
        """The sum of all ways."""
        return sum([g for _, g in self.ways], np.zeros_like(self.data))

    @property
    def worked(self) -> Index:
        """The element that is worked through: the one with the largest gradient."""
        return largest(self.grad)


class Rule(NamedTuple):
    """How a step computes the gradient of one of its inputs.

    Attributes:
        x: the input.
        formula, note: from the docstring, with the names of this graph.
        g: the gradient that this step sends to x.
        j, terms: one element of it, and the terms of its sum; None if there are too many elements.
        because: how the derivative in a single term comes about, where that is known.
    """

    x: Value
    formula: str
    note: str
    g: np.ndarray
    j: Index
    terms: list[Term] | None
    because: str = ""


class Step(NamedTuple):
    """One operation, forward and backward.

    Attributes:
        number: its place in the order of execution, from 1.
        op, layer: the name of its class, and the layer that ran it, if one did: its number, and its
            class if that has another name.
        made_at: file:line of the code that ran it, if that is not minigrad's own.
        formula: the statements of its docstring, with the names of this graph.
        inputs, y: what goes in, and what comes out.
        inside: arrays of the formula that are neither, by name.
        remarks: sentences about the forward and about the backward pass.
        rules: of the inputs that need a gradient.
        source: file:line and text of forward and of backward.
    """

    number: int
    op: str
    layer: str
    made_at: str
    formula: list[str]
    inputs: list[Value]
    y: Value
    inside: dict[str, np.ndarray]
    remarks: tuple[list[str], list[str]]
    rules: list[Rule]
    source: dict[str, tuple[str, str]]

    @property
    def completed(self) -> list[Value]:
        """The inputs that are used several times, whose gradient gets its last part here."""
        inputs = dict.fromkeys(rule.x for rule in self.rules)
        return [x for x in inputs if len(x.ways) > 1 and x.ways[-1][0] == self.number]


class Check(NamedTuple):
    """One element of a leaf, moved by h to both sides; verdict: agree, differ or undecided."""

    x: Value
    j: Index
    h: float
    below: float
    above: float
    slope: float
    verdict: str


class Move(NamedTuple):
    """One step of gradient descent: what the gradient predicts for L, and what L is then."""

    lr: float
    count: int
    squares: float
    predicted: float
    after: float


class Trace(NamedTuple):
    """A forward and a backward pass.

    Attributes:
        title: what was run.
        leaves: the inputs, parameters and constants, in the order in which they are first used.
        steps: the operations that a gradient passes through, in the order of execution.
        loss: what the last one made.
        check, move: how one element, and all of them, fare by the gradient.
    """

    title: str
    leaves: list[Value]
    steps: list[Step]
    loss: Value
    check: Check
    move: Move


def trace(
    f: Callable,
    inputs: ArrayLike | Sequence[Any] = (),
    *,
    module: Module | None = None,
    names: Sequence[str] = (),
    title: str = "",
) -> Trace:
    """Run f forward and backward in float64, and return what every operation did.

    Args:
        f: takes the inputs as Tensors and returns one, the loss; of several elements the sum is
            taken.
        inputs: as for `gradcheck`: floating arrays get a gradient, a Tensor that requires none
            does not.
        module: the Module that names the layers and the parameters, if f is a function that uses
            it.
        names: of the inputs; by default f's own names for them.
        title: what is said of it in the first line.

    Raises:
        ArgumentError: if f does not return a Tensor, or returns one that no operation with a
            gradient made.
    """
    with Subject(f, inputs, module, where="explain") as subject:
        recorder = _Recorder()
        with watched_by(recorder), naming(subject.modules, recorder.running):
            y = subject.run()
            if y.size != 1 and y.requires_grad:
                y = F.sum(y)
        if y.node is None:
            raise ArgumentError(
                "explain",
                "no operation with a gradient made the output",
                counted(len(recorder.calls), "operation"),
                "return the loss itself, computed outside no_grad() and without detach()",
            )
        with watched_by(recorder):
            subject.backward(y, np.ones(y.shape))
        calls = [call for call in recorder.calls.values() if "gy" in vars(call)]
        graph = _Graph(calls, _leaf_names(f, subject, module, names))
        steps = [graph.step(number, call) for number, call in enumerate(calls, 1)]
        for call, step in zip(reversed(calls), reversed(steps), strict=True):
            graph.backward(call, step, steps)
        ours = {id(tensor) for _, tensor in subject.leaves}
        leaves = [(graph.values[key], x) for key, x in graph.leaves.items() if key in ours]
        check, move = _check(subject, leaves), _move(subject, leaves, y.item())
        found = [graph.values[key] for key in graph.leaves]
        return Trace(title, found, steps, steps[-1].y, check, move)


class _Call:
    """A node while it runs: everything about it that the engine will have forgotten."""

    def __init__(self, node, layer: str, options: dict):
        self.node, self.options = node, options
        self.layer = layer.removesuffix(f" {type(node).__name__}")
        line = user_line()
        self.made_at = "" if layer or line.startswith((PACKAGE, COMMANDS)) else line


class _Recorder(Watch):
    """The watch that records every node, in the order of execution."""

    def __init__(self):
        self.calls: dict = {}
        self.running: list[str] = []

    def before_forward(self, node, arrays, options):
        """Record the node."""
        self.calls[node] = _Call(node, self.running[-1] if self.running else "", options)
        return arrays

    def after_forward(self, node, y):
        """Record what it made."""
        self.calls[node].y = y.copy()
        self.calls[node].saved = dict(vars(node))

    def backward(self, node, gy):
        """Record the gradients, and the derivatives for one element of each."""
        call = self.calls[node]
        call.gy, call.inputs, call.parents = gy.copy(), node.inputs, [x.node for x in node.inputs]
        gradients = node.backward(gy)
        try:
            call.g = _fitted(node, gradients)
        except (TypeError, ValueError):  # the engine says what is wrong with them
            return gradients
        call.j = [None if g is None else largest(g) for g in call.g]
        few = gy.size * sum(g.size for g in call.g if g is not None) <= MOST
        call.terms = [[] if few and g is not None else None for g in call.g]
        for i in np.ndindex(gy.shape) if few else ():
            one = np.zeros_like(gy)
            one[i] = 1
            for k, slopes in enumerate(_fitted(node, node.backward(one))):
                if slopes is not None and slopes[call.j[k]] != 0:
                    term = Term(i, float(gy[i]), float(slopes[call.j[k]]))
                    call.terms[k].append(term)
        return gradients


def _fitted(node, gradients) -> list:
    """Return copies of the gradients in the shapes of the inputs, None where none is needed."""
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    return [
        unbroadcast(np.array(g, dtype=x.dtype), x.shape) if needed and g is not None else None
        for g, x, needed in zip(gradients, node.inputs, node.needs, strict=False)
    ]


def largest(g: np.ndarray) -> Index:
    """Return the index of the element with the largest size; the first one if all are 0."""
    flat = int(np.nan_to_num(abs(g)).argmax())
    return tuple(int(i) for i in np.unravel_index(flat, g.shape))


# ---- names and formulas --------------------------------------------------------------------------

LETTERS = {"weight": "W", "bias": "b"}
EXPONENTS = {"x": "ˣ", "b": "ᵇ"}  # as which a formula may have a letter


def _leaf_names(f, subject: Subject, module, names: Sequence[str]) -> dict[int, str]:
    """Return the names of inputs and parameters, by the id of the Tensor: x, W1, b1, W2 …"""
    count = len(subject.arguments)
    if not names:
        op = getattr(f, "__self__", None)  # of Function.apply
        if isinstance(op, type) and issubclass(op, Function):
            names = _letters(op, count)
        else:
            with contextlib.suppress(TypeError, ValueError):  # what has no signature
                parameters = inspect.signature(getattr(f, "forward", f)).parameters.values()
                names = [p.name for p in parameters if p.kind < p.VAR_POSITIONAL]
    if len({*names}) < count:
        names = ["x"] if count == 1 else [f"x{i}" for i in range(count)]
    found = {id(x): name for x, name in zip(subject.arguments, names, strict=False)}
    module = module if module is not None else f if isinstance(f, Module) else None
    owners: list[str] = []
    for name, p in module.named_parameters() if module is not None else ():
        owner, _, last = name.rpartition(".")
        if owner not in owners:
            owners.append(owner)
        found[id(p)] = f"{LETTERS.get(last, last)}{len(owners)}"
    return found


def _letter(call: _Call, last: bool) -> str:
    """Return the letter for what an operation makes."""
    op = type(call.node)
    if last:
        return "L"
    if op.__name__ == "Linear":
        return "z"
    if op.__name__ == "Softmax":
        return "p"
    if op.__module__ == ReLU.__module__:
        return "h"
    return "v"


class _Graph:
    """The values of the recorded calls, and the steps made of them."""

    def __init__(self, calls: list[_Call], names: dict[int, str]):
        self.values: dict[int, Value] = {}  # by the id of the node that made it, or of the leaf
        self.leaves: dict[int, Any] = {}
        self.taken = {*names.values(), "L"}
        for call in calls:
            for x, parent in zip(call.inputs, call.parents, strict=True):
                if parent is None and id(x) not in self.leaves:
                    self.leaves[id(x)] = x
                    name = names.get(id(x)) or self._next("c")
                    self.values[id(x)] = Value(name, x.data.copy(), needs=x.requires_grad)
        for number, call in enumerate(calls, 1):
            last = call is calls[-1]
            name = "L" if last and "L" not in names.values() else self._next(_letter(call, last))
            self.values[id(call.node)] = Value(name, call.y, number)

    def _next(self, letter: str) -> str:
        """Return letter1, letter2 …, the first that is not taken."""
        number = 1
        while f"{letter}{number}" in self.taken:
            number += 1
        self.taken.add(f"{letter}{number}")
        return f"{letter}{number}"

    def step(self, number: int, call: _Call) -> Step:
        """Return the forward pass of a call."""
        op, y = type(call.node), self.values[id(call.node)]
        inputs = [
            self.values[id(x) if parent is None else id(parent)]
            for x, parent in zip(call.inputs, call.parents, strict=True)
        ]
        formula, inside, remarks = _formula(op, inputs, y), {}, []
        if op is CrossEntropy:
            rows = call.rows = _Rows(call, inputs[0], y)
            formula, inside, remarks = rows.formula or formula, rows.inside, rows.said
        source = {way: source_of(getattr(op, way)) for way in ("forward", "backward")}
        step = (number, op.__name__, call.layer, call.made_at, formula, inputs, y, inside)
        return Step(*step, (remarks, []), [], source)

    def backward(self, call: _Call, step: Step, steps: list[Step]) -> None:
        """Add the backward pass of a call to its step, and its gradients to its inputs."""
        op, remarks = type(call.node), step.remarks[1]
        if not step.y.ways:  # it made L
            step.y.ways.append((step.number, call.gy))
        for letter, x, g, j, terms in zip(
            _letters(op, len(step.inputs)), step.inputs, call.g, call.j, call.terms, strict=True
        ):
            if g is None:
                continue
            formula, note = _gradient(op, letter, step)
            if op is CrossEntropy:
                formula = call.rows.gradient or formula
            if terms == []:  # every derivative is 0
                i = j if g.shape == call.gy.shape else (0,) * call.gy.ndim
                terms = [Term(i, float(call.gy[i]), 0.0)]
            because = call.rows.because(j, terms) if op is CrossEntropy else ""
            step.rules.append(Rule(x, formula, note, g, j, terms, because))
            x.ways.append((step.number, g))
        if op is ReLU:
            remarks += _shut(step, steps)
        if op in (CrossEntropy, Softmax):
            remarks.append(f"each row of g{step.inputs[0].name} sums to 0")


def _letters(op: type, count: int) -> list[str]:
    """Return the letters of an operation's inputs: what its forward calls them."""
    _, *parameters = inspect.signature(op.forward).parameters.values()
    if parameters and parameters[0].kind is inspect.Parameter.VAR_POSITIONAL:
        return [parameters[0].name.removesuffix("s")] * count
    return [p.name for p in parameters[:count]]


def _statements(op: type) -> list[list[tuple[str, str]]]:
    """Return for each line of the docstring its statements, each with the note behind it."""
    found = []
    for line in inspect.getdoc(op).splitlines() if op.__doc__ else ():
        parts = (part.strip() for part in re.split(r"[,;]\s{2,}", line))
        pairs = (re.split(r"\s{3,}", part, maxsplit=1) for part in parts)
        found.append([(pair[0], pair[1] if pair[1:] else "") for pair in pairs])
    return found


def _renamed(text: str, op: type, inputs: list[Value], y: Value) -> str:
    """Return a formula of the docstring with the names of this graph instead of its letters."""
    letters = dict(zip(_letters(op, len(inputs)), [x.name for x in inputs], strict=True))
    letters["y"] = y.name
    longest = sorted(letters, key=len, reverse=True)
    pattern = rf"(?<![A-Za-z])(g?)({'|'.join(map(re.escape, longest))})(?![A-Za-z\u0302])"
    found = re.sub(pattern, lambda match: match[1] + letters[match[2]], text)
    above = [letter for letter in letters if letter in EXPONENTS and EXPONENTS[letter] in text]
    above = [f"{letter} = {letters[letter]}" for letter in above if letters[letter] != letter]
    return f"{found}   with {', '.join(above)}" if above else found


def _formula(op: type, inputs: list[Value], y: Value) -> list[str]:
    """Return the statements of the forward pass; without any, the name and its inputs."""
    lines = _statements(op)
    texts = [text for text, _ in lines[0]] if lines else []
    gradients = tuple(f"g{letter}" for letter in _letters(op, len(inputs)))
    texts = [text for text in texts if not text.startswith(gradients)]
    if not texts or " = " not in texts[0]:
        return [f"{y.name} = {op.__name__}({', '.join(x.name for x in inputs)})"]
    return [_renamed(text, op, inputs, y) for text in texts]


def _gradient(op: type, letter: str, step: Step) -> tuple[str, str]:
    """Return the docstring's formula of an input's gradient, and the note behind it."""
    pattern = rf"g{re.escape(letter)}(?![A-Za-z\u0302])\S* = "
    for text, note in (pair for line in _statements(op) for pair in line):
        if re.match(pattern, text):
            if "a" in _letters(op, len(step.inputs)) and "reaches" not in note:
                note = ""  # its "a" may be the article
            formula, note = (_renamed(part, op, step.inputs, step.y) for part in (text, note))
            return formula, note
    x = step.inputs[_letters(op, len(step.inputs)).index(letter)].name
    return f"g{x}ⱼ = Σᵢ g{step.y.name}ᵢ ∂{step.y.name}ᵢ/∂{x}ⱼ", ""


def source_of(method: Callable) -> tuple[str, str]:
    """Return file:line and the text of a method; empty if it cannot be read."""
    try:
        lines, first = inspect.getsourcelines(inspect.unwrap(method))
    except (OSError, TypeError):
        return "", ""
    path = inspect.unwrap(method).__code__.co_filename
    if path.startswith(PACKAGE):
        path = f"minigrad/{path.removeprefix(PACKAGE)}".replace(os.sep, "/")
    return f"{path}:{first}", inspect.cleandoc("\n" + "".join(lines))


# ---- what is said of some operations -------------------------------------------------------------


def number_text(value: float, digits: int = 4) -> str:
    """Return a number with four digits, as all numbers are shown that need no more."""
    return f"{value + 0.0:.{digits}g}"  # + 0.0: not -0


def label(value: Value | str, i: Index) -> str:
    """Return W1[0,2]; the name alone for a 0-d array."""
    name = value if isinstance(value, str) else value.name
    return f"{name}[{','.join(map(str, i))}]" if i else name


def product(factors: Sequence[float]) -> str:
    """Return 2·(-3)."""
    first, *rest = map(number_text, factors)
    return "·".join([first, *(f"({text})" if text[0] == "-" else text for text in rest)])


def added(texts: Sequence[str]) -> str:
    """Return 1 - 2 + 3."""
    joined = " + ".join(texts)
    return joined.replace("+ -", "- ")


def _worked(text: Callable, f: Callable, numbers: Sequence[float], result: float) -> str:
    """Return "text = result" with so many digits that f of the numbers printed is the result.

    Where two numbers are close, four digits of each are too few for their difference. Empty if
    13 are too few, too.
    """
    shown = number_text(result)
    for digits in range(4, 14):
        texts = [number_text(number, digits) for number in numbers]
        with np.errstate(all="ignore"):
            again = f(*(np.float64(t) for t in texts))
        if number_text(again) == shown:
            return f"{text(*texts)} = {shown}"
    return ""


class _Rows:
    """What a CrossEntropy computes for each row, in the simplest words that are true.

    Without label smoothing, and where all rows count alike, q is onehot(t) and w is 1/N or 1.

    Attributes:
        formula, gradient: in these words; empty if those of the docstring are needed.
        inside: the arrays that the formulas name.
        said: of the forward pass.
    """

    def __init__(self, call: _Call, x: Value, y: Value):
        self.p = p = (call.saved["e"] / call.saved["sums"]).T
        self.t, smoothing = call.options["t"], call.options["smoothing"]
        self.q = (1 - smoothing) * np.eye(p.shape[1])[self.t] + smoothing / p.shape[1]
        logp = x.data - x.data.max(axis=1, keepdims=True) - np.log(call.saved["sums"])[:, None]
        losses = -(self.q * logp).sum(axis=1)
        self.w = w = np.broadcast_to(np.asarray(call.options["w"], float), losses.shape)
        self.mean, self.sum = bool((w == 1 / max(len(w), 1)).all()), bool((w == 1).all())
        self.plain = not smoothing and (self.mean or self.sum)
        t = f"t = {', '.join(map(str, self.t[:8]))}{', …' * (len(self.t) > 8)}"
        e, at = call.saved["e"].T, np.eye(p.shape[1], dtype=bool)[self.t]
        with np.errstate(divide="ignore", invalid="ignore"):
            self.s = np.where(at, 0, e).sum(axis=1) / e[at]
            self.kept = call.saved["sums"] / e[at] - 1  # of s, in the sum with 1
        if self.plain:
            self._in_plain_words(x.name, y, losses, t)
        else:
            self.formula, self.gradient = [], ""
            self.inside = {"p": p, "q": self.q, "ℓ": losses, "w": w}
            self.said = [f"{t};  ε = {smoothing:g} is the label smoothing", *CROSS_ENTROPY_LETTERS]
        if not smoothing and (self.s < LEAST).any():
            s = f"s = Σⱼ exp({x.name}ⱼ − {x.name}[t]) over j ≠ t"
            self.said.append(f"p[t] = 1 / (1 + s) with {s}; float64 keeps 16 digits of 1 + s")
        if not y.data.ndim and 1 < len(losses) <= 8:
            ones = self.plain and self.sum
            pairs = lambda a: map("·".join, zip(a[::2], a[1::2], strict=True))  # noqa: E731
            text = lambda *a: added(a if ones else pairs(a))  # noqa: E731
            f = lambda *a: sum(a) if ones else np.dot(a[::2], a[1::2])  # noqa: E731
            numbers = losses if ones else np.stack([w, losses], axis=1).reshape(-1)
            self.said.append(
                f"{y.name} = {_worked(text, f, numbers, y.data) or number_text(y.data)}"
            )

    def _in_plain_words(self, x: str, y: Value, losses: np.ndarray, t: str) -> None:
        softmax, self.inside, self.said = f"p = softmax({x})", {"p": self.p}, [t]
        if y.data.ndim:
            self.formula = [softmax, f"{y.name}ₙ = −ln pₙ[tₙ]"]
            self.gradient = f"g{x}ₙ = g{y.name}ₙ (pₙ − onehot(tₙ))"
        elif len(losses) == 1:
            self.formula = [softmax, f"{y.name} = −ln p[t]"]
            self.gradient = f"g{x} = g{y.name} (p − onehot(t))"
            worked = _worked("−ln {}".format, lambda p: -np.log(p), self.p[0, self.t], y.data)
            if self.s[0] < LEAST:
                text, f = "ln(1 + {})".format, lambda s: np.log(1 + s)
                worked = _worked(text, f, self.s, y.data) or _worked(text, f, self.kept, y.data)
            self.said = [f"{t}, so {y.name} = {worked or number_text(y.data)}"]
        else:
            over = "1/N " if self.mean else ""
            self.formula = [softmax, "ℓₙ = −ln pₙ[tₙ]", f"{y.name} = {over}Σₙ ℓₙ"]
            self.gradient = f"g{x} = g{y.name} (p − onehot(t)){' / N' if self.mean else ''}"
            self.inside["ℓ"] = losses
            if self.mean:
                self.said.append(f"{y.name} is the mean of the losses of N rows: N = {len(losses)}")

    def because(self, j: Index, terms: list[Term] | None) -> str:
        """Return how the derivative for one logit comes about, with its numbers."""
        n, p, q, w = j[0], self.p[j], self.q[j], self.w[j[0]]
        slope = terms[0].slope if terms else w * (p - q)
        bare = self.plain and w == 1
        near = q == 1 and self.s[n] < LEAST
        names = f"w[{n}] ({label('p', j)} − {label('q', j)})"
        if self.plain:
            names = f"{label('p', j)} − {number_text(q)}"
            names = names if bare else f"({names}) / N"

        def text(w, a, q):
            difference = f"1/(1 + {a}) - {q}" if near else f"{a} - {q}"
            return difference if bare else f"{w}·({difference})"

        f = lambda w, a, q: w * ((1 / (1 + a) if near else a) - q)  # noqa: E731
        tried = (self.s[n], self.kept[n]) if near else (p,)
        worked = (_worked(text, f, [w, a, q], slope) for a in tried)
        return f"{names} = {next(filter(None, worked), number_text(slope))}"


CROSS_ENTROPY_LETTERS = [
    "C is the number of classes, and wₙ how much row n counts",
    "qₙ is what pₙ should be: onehot(t), of which the share ε is spread over all classes",
]


def _shut(step: Step, steps: list[Step]) -> list[str]:
    """Say which units a ReLU has shut in all rows, and what that costs."""
    (x,), y, gy = step.inputs, step.y, step.y.grad
    shut = y.data.reshape(-1, y.data.shape[-1] if y.data.ndim else 1) == 0
    units, rows = np.flatnonzero(shut.all(axis=0)), len(shut)
    if not units.size or y.data.ndim > 2:  # an image has no units
        return []
    unit = int(units[0])
    at = (0,) * (y.data.ndim - 1) + (unit,) if y.data.ndim else ()
    every = "" if rows == 1 else f" in all {rows} rows"
    head = f"unit {unit} is shut{every}"
    if units.size > 1:
        head = f"{units.size} of {shut.shape[1]} units are shut{every}, the first is unit {unit}"
    stops = f"g{label(y, at)} = {number_text(gy[at])} stops here"
    texts = [f"{head}: {label(x, at)} = {number_text(x.data[at])}; {stops}"]
    maker = steps[x.step - 1] if x.step else None
    if maker is not None and maker.op == "Linear":
        own = maker.inputs[1:]
        count = sum(p.data[unit].size for p in own)
        names = " and ".join(f"{p.name}[{unit}]" for p in own)
        texts.append(f"{names}, {count} numbers, get the gradient 0 and learn nothing")
    return texts


# ---- what the gradient is worth ------------------------------------------------------------------


def _check(subject: Subject, leaves: list) -> Check:
    """Compare one element's gradient with a difference of L."""
    x, tensor = next((leaf for leaf in leaves if leaf[0].grad.any()), leaves[0])
    j = x.worked
    probe = Probe(lambda: subject.evaluate().sum(keepdims=True), tensor.data, None, None)
    middle = float(probe.evaluate()[0])
    for h in STEPS:
        below, above = (float(probe.at(j, t)[0][0]) for t in (-h, h))
        bend, most = abs(above - 2 * middle + below), BENT * abs(above - below)
        if bend <= most:
            break  # no kink within h
    slope, g = (above - below) / (2 * h), float(x.grad[j])
    smooth = bend <= most + ROUNDED * abs(middle)
    close = abs(slope - g) <= 1e-5 * abs(g) + ROUNDED * abs(middle) / h
    verdict = "undecided" if not smooth else "agree" if close else "differ"
    return Check(x, j, h, below, above, slope, verdict)


def _move(subject: Subject, leaves: list, before: float) -> Move:
    """Take one step of gradient descent, and put everything back."""
    grads = [x.grad for x, _ in leaves]
    squares = float(sum(np.square(g).sum() for g in grads))
    kept = [tensor.data for _, tensor in leaves]
    for (_, tensor), g in zip(leaves, grads, strict=True):
        tensor.data = tensor.data - LR * g
    after = float(subject.evaluate().sum())
    for (_, tensor), data in zip(leaves, kept, strict=True):
        tensor.data = data
    return Move(LR, sum(g.size for g in grads), squares, before - LR * squares, after)
