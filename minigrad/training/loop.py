"""The training loop, the same one for the library, the command line and the README."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from ..data import Dataset, batches
from ..errors import ArgumentError, DivergedError, message, warn_once
from ..functions.activations import Softmax
from ..nn import CrossEntropy, Module, evaluating, watching
from ..optim import SGD
from ..tensor import Tensor
from .history import Epoch, History
from .metrics import confusion_matrix

BLOCK = 1024  # rows that `evaluate` takes at once


def train_epoch(
    model: Module, loss: Module, optimizer: SGD, batches: Iterable
) -> tuple[float, float]:
    """Take one step for each batch (x, t); return the mean loss and the accuracy of the rows.

    Raises:
        DivergedError: a loss is not finite; that step is not taken.
        ArgumentError: there are no batches.
    """
    rows, loss_sum, hits = 0, 0.0, 0
    # An overflow ends in the one error below, without NumPy's warnings. Not as a decorator: its
    # frame, outside this package, would pass for the user's line in our own warnings.
    with np.errstate(all="ignore"):
        for x, t in batches:
            z = model(Tensor(x))  # forward
            value = loss(z, t)
            if not math.isfinite(value.item()):
                wrong = f"the loss is {value.item()} at step {optimizer.steps + 1}"
                raise _diverged(wrong, model, optimizer, x, "the batch")
            optimizer.zero_grad()  # gradients add up until they are set back
            value.backward()  # backward
            optimizer.step()  # update
            rows += len(t)
            loss_sum += value.item() * len(t)
            hits += int(np.count_nonzero(z.data.argmax(axis=1) == t))
    if not rows:
        remedy = "make new ones with data.batches for every epoch"
        raise ArgumentError("train_epoch", "there are no batches", "0 rows", remedy)
    return loss_sum / rows, hits / rows


def fit(
    model: Module,
    train: Dataset,
    val: Dataset | None = None,
    *,
    loss: Module,
    optimizer: SGD,
    epochs: int,
    batch_size: int,
    rng,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> History:
    """Train a classifier for some epochs over shuffled batches, and return what happened.

    Args:
        model: maps x (N, …) to logits (N, C); it is left in training mode.
        train: the rows to learn from.
        val: the rows to judge each epoch by, in eval mode; nothing is learned from them.
        loss: takes logits (N, C) and class indices (N,).
        optimizer: holds the model's parameters.
        epochs: how often to go through the training rows.
        batch_size: rows in a step; the last batch of an epoch may be shorter.
        rng: a `numpy.random.Generator`, an int seed, or None for fresh entropy; it shuffles.
        on_epoch: called with each Epoch when it ends.

    Raises:
        DivergedError: a training or validation loss is not finite.
        ArgumentError: there are no epochs, or no rows in the set or a batch.
    """
    if min(epochs, batch_size, len(train)) < 1:
        raise ArgumentError(
            "fit",
            "there is nothing to do",
            f"epochs {epochs}, batch size {batch_size}, training rows {len(train)}",
            "give at least one of each",
        )
    rng = np.random.default_rng(rng)
    _warn_of_probabilities(model, loss, train.x[:batch_size])
    model.train()
    history = History()
    for number in range(1, epochs + 1):
        shuffled = batches(train.x, train.y, batch_size, rng=rng)
        train_loss, train_accuracy = train_epoch(model, loss, optimizer, shuffled)
        epoch = Epoch(number, train_loss, train_accuracy)
        if val is not None and len(val):
            judged = evaluate(model, val, loss=loss)
            epoch = Epoch(number, train_loss, train_accuracy, judged.loss, judged.accuracy)
            if not math.isfinite(judged.loss):
                wrong = f"the validation loss is {judged.loss} after step {optimizer.steps}"
                raise _diverged(wrong, model, optimizer, val.x, "the validation set")
        history.append(epoch)
        on_epoch(epoch)
    if val is None or not len(val):  # then nothing has judged the last step yet
        last = evaluate(model, train.take(slice(batch_size)), loss=loss)
        if not math.isfinite(last.loss):
            wrong = f"the loss is {last.loss} after the last step, number {optimizer.steps}"
            raise _diverged(wrong, model, optimizer, train.x[:batch_size], "the training set")
    return history


class Evaluation(NamedTuple):
    """How a classifier does on a set: mean loss, accuracy, and the confusion matrix (C, C)."""

    loss: float
    accuracy: float
    confusion: np.ndarray


def evaluate(model: Module, dataset: Dataset, *, loss: Module) -> Evaluation:
    """Judge a classifier in eval mode, without a graph; its modes are put back afterwards.

    Raises:
        ArgumentError: the set has no rows.
    """
    if not len(dataset):
        raise ArgumentError(
            "evaluate", "the set has no rows", repr(dataset), "give at least one row"
        )
    loss_sum, predicted = 0.0, []
    with evaluating(model), np.errstate(all="ignore"):
        for i in range(0, len(dataset), BLOCK):
            t = dataset.y[i : i + BLOCK]
            z = model(Tensor(dataset.x[i : i + BLOCK]))
            loss_sum += loss(z, t).item() * len(t)
            predicted.append(z.data.argmax(axis=1))
    matrix = confusion_matrix(np.concatenate(predicted), dataset.y, z.shape[1])
    return Evaluation(loss_sum / len(dataset), int(np.trace(matrix)) / len(dataset), matrix)


def _diverged(
    wrong: str, model: Module, optimizer: SGD, x: np.ndarray, source: str
) -> DivergedError:
    """Say where the first non-finite number is: in the data, in a layer, or in the loss alone."""
    if not np.isfinite(x).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(x.reshape(len(x), -1)))[0])
        return DivergedError(
            "train",
            f"{wrong}, because the data holds {x[row].flat[column]}",
            f"row {row} of {source}, feature {column}",
            "remove or replace such values before training",
        )
    names = {module: name for name, module in model.named_modules()}
    bad, lr = [], optimizer.param_groups[0]["lr"]
    watch = watching(lambda m, y: np.isfinite(y.data).all() or bad.append(m))
    with evaluating(model), watch, np.errstate(all="ignore"):
        model(Tensor(x))
    layer = f"layer {names.get(bad[0], '')!r}, {bad[0]!r}" if bad else "none, the loss alone"
    return DivergedError(
        "train",
        wrong,
        f"learning rate {lr:g}, first non-finite output: {layer}",
        f"try a learning rate of {lr / 10:g}",
    )


def _warn_of_probabilities(model: Module, loss: Module, x: np.ndarray) -> None:
    """Warn where the logits of the first batch look like probabilities.

    What Softmax made is left to `cross_entropy`, which knows it from the graph.
    """
    if not isinstance(loss, CrossEntropy) or loss.options["from_probabilities"]:
        return
    model.eval()
    try:
        with np.errstate(all="ignore"):
            z = model(Tensor(x))
            p = z.data
            probable = (p >= 0).all() and np.allclose(p.sum(axis=1), 1)
    finally:
        model.train()
    if probable and not isinstance(z.node, Softmax):
        warn_once(
            message(
                "fit",
                "the model's outputs look like probabilities, and CrossEntropy takes logits",
                f"output {p.shape}, each row from 0 to 1 with sum 1",
                "remove the model's softmax, or use CrossEntropy(from_probabilities=True)",
            )
        )
