"""bisect: which operation of a training step has the wrong backward pass?

`bisect` runs one step and records every operation in it with the arrays that flowed through it.
Then it checks each operation alone, in forward order: a wrong backward pass spoils the gradients of
all earlier operations, but not their own backward passes.
"""

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..debugging import Watch, all_finite, non_finite, user_line, watched_by
from ..errors import COMMANDS, ArgumentError, message
from ..nn import Module
from ..text import table
from ..typing import ArrayLike
from .check import gradcheck
from .report import GOOD, worst
from .subject import Subject
from .watches import Operation, note_generators

UNCHECKED = "-"


class Step(NamedTuple):
    """One operation of the training step, and what was found for it.

    Attributes:
        op: the name of its class.
        layer: the dotted name and the class of the innermost module that ran it; empty if no
            module did.
        inputs, output: the shapes.
        made_at: file:line of the caller's code that ran it.
        backward_at: file:line of its backward pass.
        verdict: gradcheck's verdict for the worst of its inputs; NONFINITE if it made the first NaN
            or infinity; "-" if no gradient passes through it, its inputs are not finite, or it
            comes after the wrong operation.
        why: gradcheck's report, or what is not finite; empty if nothing is wrong.
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
        """Whether this is the wrong operation."""
        return self.verdict not in (*GOOD, UNCHECKED)

    def __str__(self) -> str:
        return f"{self.op} in layer {self.layer}" if self.layer else self.op


class Bisection(NamedTuple):
    """The operations of one training step in forward order; true if none of them is wrong."""

    steps: tuple[Step, ...]

    @property
    def found(self) -> int | None:
        """The index of the wrong operation; None if there is none."""
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
        lines = table(rows, align="<")
        if self.ok:
            return f"bisect: none of {len(self.steps)} operations is wrong\n{lines}"
        step = self.steps[self.found]
        head = f"bisect: operation {self.found} of {len(self.steps)} is wrong: {step}"
        places = [f"made at {step.made_at}", f"backward at {step.backward_at}"]
        if step.made_at.startswith(COMMANDS):  # made by `minigrad gradcheck` itself
            del places[0]
        return "\n".join([head, lines, *places, step.why])

    def to_dict(self) -> dict:
        """Return everything as dicts, lists, numbers and strings."""
        steps = [
            {**s._asdict(), "inputs": list(map(list, s.inputs)), "output": list(s.output)}
            for s in self.steps
        ]
        return {"ok": self.ok, "found": self.found, "steps": steps}


def bisect(
    f: Callable, inputs: ArrayLike | Sequence[Any] = (), *, module: Module | None = None
) -> Bisection:
    """Run f once, forward and backward, and find its first wrong operation.

    `gradcheck` compares each operation's backward pass alone with finite differences in float64, on
    the arrays that reached the operation in f's own dtype. An operation is also wrong if it makes a
    NaN or an infinity from finite numbers, in the forward pass or in the backward pass.

    Args:
        f: takes the inputs as Tensors and returns one Tensor, the loss; a function or a Module.
        inputs: a Tensor, an array or a sequence of them, as in `gradcheck`.
        module: the Module that names the layers, if f is a function that uses it.

    Returns:
        A Bisection, true if no operation is wrong. The inputs, the parameters, their gradients and
        the generators are the same afterwards.

    Raises:
        ArgumentError: if f does not return a Tensor, or returns one that no operation with a
            gradient made.
    """
    with Subject(f, inputs, module, dtype=None, where="bisect") as subject:
        recorder = _Recorder(subject.generators)
        with watched_by(recorder), naming(subject.modules, recorder.running):
            y = subject.run()
        if y.node is None:
            raise ArgumentError(
                "bisect",
                "no operation with a gradient made the output",
                f"{len(recorder.records)} operations ran",
                "return the loss itself, computed outside no_grad() and without detach()",
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


class _Record(Operation):
    """An operation with its step."""

    def __init__(self, node, arrays: list[np.ndarray], options: dict, layer: str):
        super().__init__(node, arrays, options)
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
        """Record the output."""
        self.y = y.copy()
        self.step = self.step._replace(output=y.shape)

    def checked(self) -> Step:
        """Return the step with its verdict: the forward pass is judged first, then the backward."""
        if not all_finite([self.y]):
            from_finite = all_finite([*self.arrays, *self.options.values()])
            return self.blamed("forward", self.y) if from_finite else self.step
        needed = [a for a in self.inputs if a is not None]
        if self.node.inputs is None or not all_finite(needed):
            return self.step
        report = gradcheck(self.run, self.inputs, raises=False)
        verdict = worst(result.verdict for result in report.results)
        return self.step._replace(verdict=verdict, why="" if report else str(report))

    def blamed(self, direction: str, a: np.ndarray) -> Step:
        """Return the step that made the NaN or infinity in `a` from finite numbers."""
        why = non_finite(f"{self.step.op}.{direction}", a, self.step.made_at)
        return self.step._replace(verdict="NONFINITE", why=why)


class _Recorder(Watch):
    """The watch that records every node, in forward order.

    Args:
        generators: gets the state of every generator that an operation gets.

    Attributes:
        records: the record of each node.
        running: the layers whose forward is running, innermost last.
        spoiled: the record and the gradient of the first node whose backward made a NaN or an
            infinity from finite numbers.
    """

    def __init__(self, generators: dict):
        self.generators = generators
        self.records: dict = {}
        self.running: list[str] = []
        self.spoiled = None

    def before_forward(self, node, arrays, options):
        """Record the inputs of the node, and its generators before they are used."""
        note_generators(options, self.generators)
        layer = self.running[-1] if self.running else ""
        self.records[node] = _Record(node, arrays, options, layer)
        return arrays

    def after_forward(self, node, y):
        """Record the output."""
        self.records[node].ran(y)

    def backward(self, node, gy):
        """Run the node's backward, and look for a NaN or an infinity in its gradients."""
        gradients = node.backward(gy)
        if self.spoiled is None and all_finite([gy]):
            parts = gradients if isinstance(gradients, tuple) else (gradients,)
            pairs = zip(parts, node.needs, strict=False)  # the engine counts them
            bad = [np.asarray(g) for g, needed in pairs if needed and not all_finite([g])]
            if bad:
                self.spoiled = self.records[node], bad[0]
        return gradients


@contextlib.contextmanager
def naming(modules: dict[Module, str], running: list[str]) -> Iterator[None]:
    """Keep in `running` the names of the modules whose forward is running, innermost last."""
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
    """Return forward, wrapped so that its layer is in `running` while it runs."""

    def named(*inputs, **options):
        running.append(layer)
        try:
            return forward(*inputs, **options)
        finally:
            running.pop()

    return named
