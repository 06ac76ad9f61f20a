"""Training with a student's operation in place of minigrad's own."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np

from .. import functions as F
from ..checking.records import LOG_LOSS
from ..checking.user_code import in_file
from ..engine import Function
from ..errors import ArgumentError
from ..functions.activations import ReLU
from ..functions.linear import Linear
from ..functions.losses import CrossEntropy
from ..functions.normalisation import BatchNorm
from ..tensor import Tensor
from .exercises import find
from .grading import load, measure

Say = Callable[[str], None]


def _add(op: type[Function]) -> Callable:
    return lambda x, W, b: op.apply(F.matmul(x, F.transpose(W)), b)


def _loss(of: Callable[[type[Function], Tensor], Callable]) -> Callable:
    """Return what makes the mean cross-entropy of the logits z from a student's operation.

    of: takes the operation and z, and returns the loss as a function of the classes t.
    """

    def with_operation(op: type[Function]) -> Callable:
        def apply(z, t, w, smoothing, total):
            if np.ndim(w) or not total:
                wrong, remedy = "an exercise trains with the plain mean", "leave out class_weight"
                raise ArgumentError("exercise", wrong, "each row has a weight of its own", remedy)
            loss, classes = of(op, z), z.shape[1]
            value = loss(t)
            if smoothing:  # a share of the target goes to every class
                each = [loss(np.full_like(t, c)) for c in range(classes)]
                value = (1 - smoothing) * value + smoothing / classes * F.sum(F.stack(each))
            return value

        return apply

    return with_operation


def _through_softmax(op: type[Function], z: Tensor) -> Callable:
    p = op.apply(z)
    return lambda t: LOG_LOSS.apply(p, t)


def _after_softmax(op: type[Function], z: Tensor) -> Callable:
    p = F.softmax(z)
    return lambda t: op.apply(p, t=t)


def _batch_norm(op: type[Function]) -> Callable:
    def apply(x, W, b, eps):  # eps is that of the exercise, 1e-5, in every network here
        if x.ndim != 2:
            wrong = "batch_norm is written for rows x (N, C), and these are images"
            remedy = "train a network without convolutions"
            raise ArgumentError("exercise", wrong, f"x {x.shape}", remedy)
        return op.apply(x, W, b)

    return apply


PLACES = {  # the class of minigrad that gives way, and what takes its place
    "add": (Linear, _add),
    "relu": (ReLU, lambda op: op.apply),
    "linear": (Linear, lambda op: op.apply),
    "softmax": (CrossEntropy, _loss(_through_softmax)),
    "log_loss": (CrossEntropy, _loss(_after_softmax)),
    "cross_entropy": (CrossEntropy, _loss(lambda op, z: lambda t: op.apply(z, t=t))),
    "batch_norm": (BatchNorm, _batch_norm),
}


@contextlib.contextmanager
def practising(path: str, say: Say) -> Iterator[None]:
    """Use the operation in a student's file in place of minigrad's, inside the `with` block.

    A gradient that is not written yet is measured by differences, which takes its time.

    Args:
        path: the file, such as softmax.py.
        say: is given remarks: a gradient is not written, or the network has no such operation.

    Raises:
        ArgumentError: if no part of a network is this exercise.
        DataError: if the file raises, or does not define what it has to.
    """
    exercise, path = find(path)
    if exercise.name not in PLACES:
        wrong, facts = f"no network here has a part {exercise.name!r}", f"file {path}"
        raise ArgumentError("exercise", wrong, facts, f"train with one of {', '.join(PLACES)}")
    place, within = PLACES[exercise.name]
    operation = _with_differences(load(exercise, path), path, say)
    module, name = sys.modules[place.__module__], place.__name__
    setattr(module, name, SimpleNamespace(apply=within(operation)))
    try:
        yield
    finally:
        setattr(module, name, place)
    if not operation.runs:
        say(f"{path} was not used: this network, with these options, has no {exercise.name}")


def _with_differences(student: type[Function], path: str, say: Say) -> type:
    """Return the student's operation with measured gradients where none is written."""
    said: set[str] = set()

    class Student(student):  # type: ignore[valid-type]
        runs = 0

        def forward(self, *arrays, **options):
            Student.runs += 1
            self.given = arrays, options
            with in_file(path, "forward, in training"):
                return super().forward(*arrays, **options)

        def backward(self, gy):
            with in_file(path, "backward, in training"):
                found = super().backward(gy)
            found = found if isinstance(found, tuple) else (found,)
            return tuple(g if g is not ... else self.measured(gy, i) for i, g in enumerate(found))

        def measured(self, gy, i):
            arrays, options = self.given
            if not said:
                say(f"{path}: not all of backward is written; differences stand in for the rest")
            said.add(path)
            names = [str(n) for n in range(len(arrays))]
            wide = dict(zip(names, (a.astype(np.float64) for a in arrays), strict=True))
            forward = lambda **xs: student().forward(*xs.values(), **options)  # noqa: E731
            return measure(forward, gy, wide, names[i]).astype(gy.dtype)

    Student.__name__ = student.__name__
    return Student
