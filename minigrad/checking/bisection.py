"""bisect: which operation of a training step has the wrong backward pass?

One step is run, and every operation in it is recorded with the arrays that flowed through it. Each
one is then checked alone, in forward order: an operation whose backward pass is wrong spoils the
gradients of all that came before it, but not their own backward passes.
"""

import contextlib
import copy
import inspect
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ..debugging import Watch, all_finite, non_finite, user_line, watched_by
from ..errors import COMMANDS, ArgumentError, message
from ..nn import Module
from .check import gradcheck
from .report import GOOD
from .subject import Subject

UNCHECKED = "-"


class Step(NamedTuple):
    """One operation of the training step, and what was found for it.

    Attributes:
        op: the name of its class.
        layer: the dotted name and the class of the innermost module that ran it; empty outside.
        inputs, output: the shapes.
        made_at: file:line of the caller's code that ran it.
        backward_at: file:line of its backward pass.
        verdict: gradcheck's, the worst of its inputs; NONFINITE: it made the first NaN or infinity;
            "-": no gradient passes through it, what flowed into it is not finite, or it comes
            after the wrong one.
        why: gradcheck's report, or what is not finite; empty where nothing is wrong.
    """

    op: str
    layer: str
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    made_at: str
    backward_at: str
    verdict: str = UNCHECKED
    why: str = ""

    @property
    def wrong(self) -> bool:
        """Whether this is the operation that was looked for."""
        return self.verdict not in (*GOOD, UNCHECKED)

    def __str__(self) -> str:
        return f"{self.op} in layer {self.layer}" if self.layer else self.op


class Bisection(NamedTuple):
    """The operations of one training step in forward order; true where none of them is wrong."""

    steps: tuple[Step, ...]

    @property
    def found(self) -> int | None:
        """The number of the wrong operation; None where there is none."""
        return next((i for i, step in enumerate(self.steps) if step.wrong), None)

    @property
    def ok(self) -> bool:
        """Whether no operation is wrong."""
        return self.found is None

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        rows = [("", "op", "layer", "shapes", "verdict")]
        for i, s in enumerate(self.steps):
            shapes = f"{', '.join(map(str, s.inputs))} -> {s.output}"
            rows.append((str(i), s.op, s.layer, shapes, s.verdict))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        if self.ok:
            return "\n".join([f"bisect: none of {len(self.steps)} operations is wrong", *lines])
        step = self.steps[self.found]
        head = f"bisect: operation {self.found} of {len(self.steps)} is wrong: {step}"
        places = [f"made at {step.made_at}", f"backward at {step.backward_at}"]
        if step.made_at.startswith(COMMANDS):  # made by `minigrad gradcheck` itself
            del places[0]
        return "\n".join([head, *lines, *places, step.why])

    def to_dict(self) -> dict:
        """Return everything as dicts, lists, numbers and text."""
        steps = [
            {**s._asdict(), "inputs": list(map(list, s.inputs)), "output": list(s.output)}
            for s in self.steps
        ]
        return {"ok": self.ok, "found": self.found, "steps": steps}


def bisect(f: Callable, inputs=(), *, module: Module | None = None) -> Bisection:
    """Run f once, forward and backward, and find its first wrong operation.

    Every operation's backward pass is compared with finite differences on its own, by `gradcheck`
    in float64, on the arrays that reached it in f's own dtype. An operation that makes a NaN or an
    infinity from finite numbers is wrong as well, in the forward pass or in the backward pass.

    Args:
        f: takes the inputs as Tensors and returns one Tensor, the loss; a function or a Module.
        inputs: a Tensor, an array or a sequence of them, as `gradcheck` takes them.
        module: names the layers, where f is a function that uses it.

    Returns:
        A Bisection, true if no operation is wrong. The inputs, the parameters, their gradients and
        the generators are the same afterwards.

    Raises:
        ArgumentError: f returns no Tensor, or one that no operation with a gradient made.
    """
    recorder = _Recorder()
    with Subject(f, inputs, module, dtype=None, where="bisect") as subject:
        with watched_by(recorder), _naming(subject.modules, recorder.running):
            y = subject.run()
        if y.node is None:
            raise ArgumentError(
                "bisect",
                "no operation with a gradient made the output",
                f"{len(recorder.records)} operations ran",
                "return the loss itself, made outside of no_grad() and without detach()",
            )
        records = list(recorder.records.values())
        steps = [record.step for record in records]
        for i, record in enumerate(records):
            steps[i] = record.checked()
            if steps[i].wrong:
                return Bisection(tuple(steps))
        if all_finite([y.data]):
            u = np.random.default_rng(0).standard_normal(y.shape) if y.ndim else np.ones(())
            with watched_by(recorder):
                subject.backward(y, u)
            if recorder.spoiled:
                record, g = recorder.spoiled
                steps[records.index(record)] = record.blamed("backward", g)
        else:
            i = next(i for i, record in enumerate(records) if not all_finite(record.arrays))
            why = message(
                f"{steps[i].op}.forward",
                "its input was not finite before any operation ran",
                f"inputs {', '.join(map(str, steps[i].inputs))}; made at {steps[i].made_at}",
                "look at what is passed in",
            )
            steps[i] = steps[i]._replace(verdict="NONFINITE", why=why)
    return Bisection(tuple(steps))


class _Record:
    """A node, and what it takes to run it again."""

    def __init__(self, node, arrays: list[np.ndarray], options: dict, layer: str):
        self.node = node
        self.arrays = [a.copy() for a in arrays]
        self.options = _copied(options)
        code = inspect.unwrap(type(node).backward).__code__
        self.step = Step(
            op=type(node).__name__,
            layer=layer,
            inputs=tuple(a.shape for a in arrays),
            output=(),
            made_at=user_line(),
            backward_at=f"{code.co_filename}:{code.co_firstlineno}",
        )

    def ran(self, y: np.ndarray) -> None:
        """Note the output."""
        self.y = y.copy()
        self.step = self.step._replace(output=y.shape)

    def checked(self) -> Step:
        """Return the step with its verdict, on the forward pass first, then on the backward."""
        if not all_finite([self.y]):
            from_finite = all_finite([*self.arrays, *self.options.values()])
            return self.blamed("forward", self.y) if from_finite else self.step
        needed = [a for a, n in zip(self.arrays, self.node.needs, strict=True) if n]
        if self.node.inputs is None or not all_finite(needed):
            return self.step
        inputs = [a if n else None for a, n in zip(self.arrays, self.node.needs, strict=True)]
        report = gradcheck(self._run, inputs, raises=False)
        verdicts = [r.verdict for r in report.results]
        if report:
            return self.step._replace(verdict="KINK" if "KINK" in verdicts else "PASS")
        first = next(v for v in verdicts if v not in GOOD)
        return self.step._replace(verdict=first, why=str(report))

    def _run(self, *inputs):
        """Run the operation on these inputs; None stands for one that needs no gradient."""
        pairs = zip(inputs, self.arrays, strict=True)
        inputs = [a if x is None else x for x, a in pairs]
        return type(self.node).apply(*inputs, **_copied(self.options))

    def blamed(self, direction: str, a: np.ndarray) -> Step:
        """Return the step that made the NaN or infinity in `a` from finite numbers."""
        why = non_finite(f"{self.step.op}.{direction}", a, self.step.made_at)
        return self.step._replace(verdict="NONFINITE", why=why)


class _Recorder(Watch):
    """The watch that keeps every node, in forward order.

    Attributes:
        records: the record of each node.
        running: the layers whose forward is running, the innermost one last.
        spoiled: the record and the gradient of the first node whose backward made a NaN or an
            infinity from finite numbers.
    """

    def __init__(self):
        self.records: dict = {}
        self.running: list[str] = []
        self.spoiled = None

    def before_forward(self, node, arrays, options):
        """Keep what flows into the node, and its generators as they are before they are used."""
        layer = self.running[-1] if self.running else ""
        self.records[node] = _Record(node, arrays, options, layer)
        return arrays

    def after_forward(self, node, y):
        """Keep what comes out."""
        self.records[node].ran(y)

    def backward(self, node, gy):
        """Run the node's backward, and look at what it makes."""
        gradients = node.backward(gy)
        if self.spoiled is None and all_finite([gy]):
            parts = gradients if isinstance(gradients, tuple) else (gradients,)
            pairs = zip(parts, node.needs, strict=False)  # the engine counts them
            bad = [np.asarray(g) for g, needed in pairs if needed and not all_finite([g])]
            if bad:
                self.spoiled = self.records[node], bad[0]
        return gradients


def _copied(options: dict) -> dict:
    """Return the options with copies of the generators: each run draws the same numbers."""
    return {
        name: copy.deepcopy(value) if isinstance(value, np.random.Generator) else value
        for name, value in options.items()
    }


@contextlib.contextmanager
def _naming(modules: dict[Module, str], running: list[str]) -> Iterator[None]:
    """Keep the names of the modules whose forward is running, the innermost one last."""
    own = [(vars(m), vars(m).get("forward")) for m in modules]
    try:
        for m, name in modules.items():
            m.forward = _named(f"{name} {type(m).__name__}".strip(), m.forward, running)
        yield
    finally:
        for attributes, forward in own:
            attributes.pop("forward", None)
            if forward is not None:
                attributes["forward"] = forward


def _named(layer: str, forward: Callable, running: list[str]) -> Callable:
    """Return forward, with its layer on `running` while it runs."""

    def named(*inputs, **options):
        running.append(layer)
        try:
            return forward(*inputs, **options)
        finally:
            running.pop()

    return named
