"""The training step and the evaluation, the same for the library and the command line."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..data import Dataset
from ..engine import quiet
from ..errors import ArgumentError, DivergedError
from ..nn import Conv2d, Module, evaluating, watching
from ..optim import Optimizer, clip_grad_norm
from ..tensor import Tensor
from .metrics import Confusion, confusion_of

BLOCK = 1024  # rows that go through a network at once, where no gradient is wanted
MOST_BYTES = 64 << 20  # of an array of such a block, as long as it has several rows
LARGE = 1e5  # a feature so large makes the first gradients large, whatever the learning rate


@dataclass
class Sums:
    """What the steps of an epoch add up.

    Attributes:
        rows, hits: how many rows were seen, and how many of them classified correctly.
        loss, mass: Σ mean · mass over the batches, and Σ mass, which their mean divides by.
        steps, grad_norm: how many steps were taken, and the sum of their gradients' norms.
    """

    rows: int = 0
    hits: int = 0
    loss: float = 0.0
    mass: float = 0.0
    steps: int = 0
    grad_norm: float = 0.0

    def add(self, value: float, mass: float, z: np.ndarray, t: np.ndarray) -> None:
        """Add a mean loss, its mass, and the hits of the logits z (N, C) on the classes t (N,)."""
        self.rows += len(t)
        self.hits += int(np.count_nonzero(z.argmax(axis=1) == t))
        self.loss += value * mass
        self.mass += mass

    @property
    def mean_loss(self) -> float:
        """The mean loss of the rows; 0 if they all weigh nothing."""
        return self.loss / self.mass if self.mass else 0.0


def train_step(
    model: Module,
    loss: Module,
    optimizer: Optimizer,
    parts: Sequence[tuple[np.ndarray, ...]],
    sums: Sums,
    clip_grad: float = math.inf,
) -> None:
    """Take one step on a batch, and add what it saw to `sums`.

    Args:
        model: maps x (N, …) to logits (N, C).
        loss: takes logits (N, C) and class indices t (N,) and returns their mean.
        optimizer: holds the model's parameters.
        parts: the batch as one pair (x, t), or as several whose gradients add up to that of the
            whole batch; or (x, t, w), with the weights w (N,) of the rows, see `mean_loss`.
        sums: what the epoch adds up.
        clip_grad: the largest norm of all gradients together.

    Raises:
        DivergedError: if the loss or the gradient is not finite; the step is not taken.
    """
    masses = [_mass(loss, t) for _, t, *_ in parts]
    optimizer.zero_grad()  # gradients add up until they are set back
    for (x, t, *w), mass in zip(parts, masses, strict=True):
        z = model(Tensor(x))  # forward
        mean = 0.0
        if mass:  # otherwise the mean is 0 / 0, and there is nothing to learn
            value = mean_loss(loss, z, t, mass, *w)
            mean = _finite("loss", value.item(), model, optimizer, x)
            value.backward(mass / sum(masses))  # backward: 1, or the part's share of the mean
        sums.add(mean, mass, z.data, t)
    norm = clip_grad_norm(optimizer.parameters, clip_grad)
    sums.grad_norm += _finite("gradient", norm, model, optimizer, x)
    sums.steps += 1
    if any(masses):
        optimizer.step()  # update


def mean_loss(
    loss: Module, z: Tensor, t: np.ndarray, mass: float, w: np.ndarray | None = None
) -> Tensor:
    """Return the mean loss of the logits z (N, C), where the loss of row n counts w[n] times.

    Args:
        loss: takes z and the classes t (N,). With w, it returns the loss of each row.
        mass: what the mean divides by: N if the loss has no weights of the classes.
        w: (N,), numbers whose mean over all rows, not over these, is about 1; None counts each
            row once.

    Raises:
        ArgumentError: if there are weights, and the loss does not return one number for each row.
    """
    losses = loss(z, t)
    if w is None:
        return losses
    if losses.shape != w.shape:
        wrong = "the rows have weights, and the loss does not return one number for each row"
        facts = f"loss {losses.shape}, weights {w.shape}"
        raise ArgumentError("train", wrong, facts, "give nn.CrossEntropy(reduction='none')")
    return (losses * w).sum() / mass


def _mass(loss: Module, t: np.ndarray) -> float:
    """Return what the mean loss divides by: for a loss that does not say, the number of rows."""
    return loss.mass(t) if hasattr(loss, "mass") else len(t)


def _finite(what: str, value: float, model: Module, optimizer: Optimizer, x: np.ndarray) -> float:
    if not math.isfinite(value):
        wrong = f"the {what} is {value} at step {optimizer.steps + 1}"
        raise diverged(wrong, model, optimizer, x)
    return value


def train_epoch(
    model: Module, loss: Module, optimizer: Optimizer, batches: Iterable
) -> tuple[float, float]:
    """Take one step for each batch (x, t); return the mean loss and the accuracy of the rows.

    Raises:
        DivergedError: if a loss or a gradient is not finite; that step is not taken.
        ArgumentError: if there are no batches.
    """
    sums = Sums()
    with quiet():  # an overflow raises the error above, without NumPy's warnings
        for batch in batches:
            train_step(model, loss, optimizer, [batch], sums)
    if not sums.rows:
        remedy = "make new ones with data.batches for every epoch"
        raise ArgumentError("train_epoch", "there are no batches", "0 rows", remedy)
    return sums.mean_loss, sums.hits / sums.rows


class Evaluation(NamedTuple):
    """How a classifier does on a set: mean loss, accuracy, and which class is taken for which."""

    loss: float
    accuracy: float
    counts: Confusion

    @property
    def confusion(self) -> np.ndarray:
        """The confusion matrix (C, C): row i, column j holds the rows of i predicted as j."""
        return self.counts.matrix


def rows_at_once(model: Module, x: np.ndarray) -> int:
    """Return how many of the rows x (N, …) to take through a model at once, at most BLOCK.

    With a convolution there are fewer if an array would take more than MOST_BYTES: one row goes
    through the model first, and shows how large the arrays are. The largest is an output, or the
    windows that a convolution copies.
    """
    largest = [1]

    def watch(module: Module, y: Tensor) -> None:
        copied = 0
        if isinstance(module, Conv2d):
            filters = len(module.weight.data)
            copied = y.data.nbytes // filters * module.weight.data[0].size * module.groups
        largest.append(max(y.data.nbytes, copied))

    if len(x) > 1 and any(isinstance(module, Conv2d) for _, module in model.named_modules()):
        with evaluating(model), quiet(), watching(watch):
            model(Tensor(x[:1]))
    return min(BLOCK, max(1, MOST_BYTES // max(largest)))


def evaluate(model: Module, dataset: Dataset, *, loss: Module) -> Evaluation:
    """Evaluate a classifier in eval mode, without a graph; its modes are restored afterwards.

    The rows go through the model in blocks, see `rows_at_once`. If they have weights, their losses
    count so often, see `mean_loss`.

    Raises:
        ArgumentError: if the set has no rows.
    """
    if not len(dataset):
        raise ArgumentError(
            "evaluate", "the set has no rows", repr(dataset), "give at least one row"
        )
    sums, predicted = Sums(), []
    with evaluating(model), quiet():
        rows = rows_at_once(model, dataset.x)
        for i in range(0, len(dataset), rows):
            t = dataset.y[i : i + rows]
            z = model(Tensor(dataset.x[i : i + rows]))
            mass = _mass(loss, t)
            w = None if dataset.weights is None else dataset.weights[i : i + rows]
            sums.add(mean_loss(loss, z, t, mass, w).item() if mass else 0.0, mass, z.data, t)
            predicted.append(z.data.argmax(axis=1))
    counts = confusion_of(np.concatenate(predicted), dataset.y, z.shape[1])
    return Evaluation(sums.mean_loss, sums.hits / sums.rows, counts)


def diverged(
    wrong: str, model: Module, optimizer: Optimizer, x: np.ndarray, *, finite: bool = False
) -> DivergedError:
    """Return the error that names the cause: the data, or the learning rate and a layer.

    x: the batch whose loss is not finite or, with `finite`, the rows of an epoch whose loss is far
    too high.
    """
    of = "the training rows" if finite else "the batch"
    if not np.isfinite(x).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(x.reshape(len(x), -1)))[0])
        wrong += f", because the data holds {x[row].flat[column]}"
        facts = f"row {row} of {of}, feature {column}"
        return DivergedError("train", wrong, facts, "remove or replace such values before training")
    largest = np.abs(x).argmax()
    if abs(x.flat[largest]) > LARGE:
        row, column = divmod(int(largest), x.size // len(x))
        wrong += f", and the data holds {x.flat[largest]:g}"
        facts = f"row {row} of {of}, feature {column}"
        remedy = "scale the features, or change their unit; then look at the learning rate"
        return DivergedError("train", wrong, facts, remedy)
    group = optimizer.param_groups[0]
    lr = group.get("initial_lr", group["lr"])  # not what a schedule has made of it
    facts = f"learning rate {lr:g}"
    if not finite:
        facts += f", first non-finite output: {_first_bad_layer(model, x)}"
    return DivergedError("train", wrong, facts, f"try a learning rate of {lr / 10:g}")


def _first_bad_layer(model: Module, x: np.ndarray) -> str:
    names = {module: name for name, module in model.named_modules()}
    bad: list[Module] = []
    watch = watching(lambda m, y: np.isfinite(y.data).all() or bad.append(m))
    with evaluating(model), watch, np.errstate(all="ignore"):
        model(Tensor(x))
    return f"layer {names.get(bad[0], '')!r}, {bad[0]!r}" if bad else "none, the loss alone"
