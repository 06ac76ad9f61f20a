"""A training run from the first step to the last, which can be stopped and resumed at any step."""

import inspect
import math
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..data import Dataset
from ..engine import quiet
from ..errors import ArgumentError
from ..nn import Module
from ..optim import Optimizer
from ..settings import checked
from ..typing import Rng
from .checks import (
    LOOK,
    check_finite,
    loss_of_no_learning,
    warn_of_dead_relus,
    warn_of_majority,
    warn_of_probabilities,
)
from .history import Epoch, History
from .loop import Sums, diverged, evaluate, train_step
from .progress import watched
from .schedules import lr_factor

FAR = 10.0  # times the loss of a model that has learned nothing: a loss above that has diverged


Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Best(NamedTuple):
    """The best epoch so far, see `History.best`, and a copy of its parameters."""

    epoch: int
    val_loss: float
    state: dict[str, np.ndarray]


class Stopped(Exception):
    """A run that was asked to stop; it holds where, if that says more than the number of steps."""


class Trainer:
    """Trains a classifier on shuffled batches.

    Args:
        model: maps x (N, …) to logits (N, C); it is left in training mode.
        train: the rows to learn from; if they have weights, see `loop.mean_loss`.
        val: the rows to validate each epoch on, in eval mode; nothing is learned from them.
        loss: takes logits (N, C) and class indices (N,) and returns their mean.
        optimizer: holds the model's parameters.
        epochs: passes over the training rows.
        batch_size: rows that go through the model at once. An epoch's last batch may be shorter; a
            last row alone joins the batch before it, since a batch norm cannot take it.
        rng: a `numpy.random.Generator`, an int seed, or None for fresh entropy; it shuffles.
        accumulate: batches whose gradients make one step: the gradient of the mean over all their
            rows.
        clip_grad: the largest norm of all gradients together; larger gradients are scaled down.
        schedule: how the learning rate changes: constant, step or cosine; see `lr_factor`.
        warmup: epochs, such as 2 or 0.5, in which the learning rate rises linearly.
        patience: stop after this many epochs without a lower validation loss.
        augment: called with the rows of each batch that is trained on, and with the generator that
            shuffles; returns the rows to train on in their place.

    Attributes:
        history: the epochs so far.
        best: the best epoch so far; None without validation rows.

    Raises:
        ArgumentError: if there are no epochs or rows, or options exclude each other.
    """

    def __init__(
        self,
        model: Module,
        train: Dataset,
        val: Dataset | None = None,
        *,
        loss: Module,
        optimizer: Optimizer,
        epochs: int,
        batch_size: int,
        rng: Rng,
        accumulate: int = 1,
        clip_grad: float | None = None,
        schedule: str = "constant",
        warmup: float = 0.0,
        patience: int | None = None,
        augment: Augment | None = None,
    ):
        if min(epochs, batch_size, accumulate, len(train)) < 1:
            facts = f"epochs {epochs}, batch size {batch_size}, accumulate {accumulate}, "
            facts += f"training rows {len(train)}"
            raise ArgumentError("fit", "there is nothing to do", facts, "give at least one of each")
        options = {"clip_grad": clip_grad, "schedule": schedule, "warmup": warmup}
        for name, value in {**options, "patience": patience}.items():
            default = inspect.signature(Trainer).parameters[name].default
            checked(name, value, "fit", repr(default) if default is not None else "none")
        val = val if val is not None and len(val) else None
        if patience is not None and val is None:
            wrong = "patience needs a validation loss, and there are no validation rows"
            facts = f"patience {patience}"
            raise ArgumentError("fit", wrong, facts, "give some rows as val, or leave patience out")
        self.model, self.train, self.val = model, train, val
        self.loss, self.optimizer = loss, optimizer
        self.epochs, self.batch_size, self.accumulate = epochs, batch_size, accumulate
        self.clip_grad = math.inf if clip_grad is None else clip_grad
        self.schedule, self.warmup, self.patience = schedule, warmup, patience
        self.augment, self.rng = augment, np.random.default_rng(rng)
        self.history = History()
        self.best: Best | None = None
        self.sums = Sums()  # of the current epoch
        self.order: np.ndarray | None = None  # of its rows
        self.order_from: dict | None = None  # the state of the generator that drew it
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]  # as PyTorch's schedules call it
        self.most: float | None = None  # training loss that an epoch may have; set by `run`

    # ---- training ------------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        """Whether all epochs were trained, or patience has run out."""
        lowest = self.history.lowest if self.patience is not None else None
        out_of_patience = lowest and len(self.history) - lowest.epoch >= self.patience
        return len(self.history) >= self.epochs or bool(out_of_patience)

    @property
    def steps(self) -> int:
        """The number of steps in an epoch."""
        joins = self.batch_size > 1 and len(self.train) > 1  # a last row alone; see `_step`
        return math.ceil((len(self.train) - joins) / (self.batch_size * self.accumulate))

    def run(
        self,
        on_epoch: Callable[[Epoch], None] = lambda epoch: None,
        on_step: Callable[[], None] = lambda: None,
        *,
        progress: bool = False,
    ) -> History:
        """Train to the end; the model then has its last parameters, see `use_best`.

        on_step is called after each step and on_epoch after each epoch. Either may raise an
        exception to stop the run: the state is then complete, and `run` continues from it.
        progress shows a bar, see `training.progress`.

        Raises:
            DivergedError: if a loss or a gradient is not finite, and that step is not taken; or if
                the training loss of an epoch is far above that of a model that has learned nothing.
        """
        if progress:
            with watched(self, on_epoch, on_step) as hooks:
                return self.run(*hooks)
        check_finite(self.train, "training")
        if self.val is not None:
            check_finite(self.val, "validation")
        warn_of_majority(self.train)
        if not self.optimizer.steps:
            warn_of_probabilities(self.model, self.loss, self.train.x[: self.batch_size])
        if self.most is None:
            self.most = FAR * loss_of_no_learning(self.model, self.loss, self.train)
        self.model.train()
        while not self.done:
            if self.order is None:
                self.order_from = self.rng.bit_generator.state
                self.order = self.rng.permutation(len(self.train))
            # An overflow ends in one DivergedError, without NumPy's warnings.
            with quiet():
                while self.sums.rows < len(self.train):
                    self._step()
                    on_step()
            on_epoch(self._end_epoch())
        if self.val is None:  # then nothing has evaluated the last step yet
            x = self.train.x[: self.batch_size]
            last = evaluate(self.model, self.train.take(slice(self.batch_size)), loss=self.loss)
            if not math.isfinite(last.loss):
                steps = self.optimizer.steps
                wrong = f"the loss is {last.loss} after the last step, number {steps}"
                raise diverged(wrong, self.model, self.optimizer, x)
        warn_of_dead_relus(self.model, self.train.x[:LOOK])
        return self.history

    def use_best(self) -> None:
        """Give the model the parameters of the best epoch; the run cannot continue from them."""
        if self.best:
            self.model.load_state_dict(self.best.state)

    def _step(self) -> None:
        left, size = self.order[self.sums.rows :], self.batch_size
        rows = left[: size * self.accumulate + 1]
        ends = [*range(size, len(rows), size), len(rows)]
        if len(rows) == len(left) and len(rows) % size == 1 and len(ends) > 1:
            ends.pop(-2)  # the last row would be alone
        batches = [rows[start:end] for start, end in pairwise([0, *ends[: self.accumulate]])]
        parts = [self._part(batch) for batch in batches]
        self._set_lr()
        sums = replace(self.sums)
        train_step(self.model, self.loss, self.optimizer, parts, sums, self.clip_grad)
        self.sums = sums  # only now: a step that raised has left nothing

    def _part(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return x and t of these rows, and their weights if they have them."""
        x, t, weights = self.train.x[batch], self.train.y[batch], self.train.weights
        x = x if self.augment is None else self.augment(x, self.rng)
        return (x, t) if weights is None else (x, t, weights[batch])

    def _set_lr(self) -> None:
        if self.schedule == "constant" and not self.warmup:
            return
        steps = self.steps
        done = steps * len(self.history) + self.sums.steps
        factor = lr_factor(self.schedule, done, steps * self.epochs, round(steps * self.warmup))
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor

    def _end_epoch(self) -> Epoch:
        sums, judged, number = self.sums, None, len(self.history) + 1
        if sums.mean_loss > self.most:
            wrong = f"the training loss of epoch {number} is {sums.mean_loss:.3g}, and was "
            wrong += f"{self.most / FAR:.3g} before it had learned anything"
            x = self.train.x[:]  # an array, also of rows that are sparse until they are indexed
            raise diverged(wrong, self.model, self.optimizer, x, finite=True)
        if self.val is not None:
            judged = evaluate(self.model, self.val, loss=self.loss)
            if not math.isfinite(judged.loss):
                wrong = f"the validation loss is {judged.loss} after step {self.optimizer.steps}"
                raise diverged(wrong, self.model, self.optimizer, self.val.x)
        epoch = Epoch(
            epoch=number,
            train_loss=sums.mean_loss,
            train_accuracy=sums.hits / sums.rows,
            val_loss=judged and judged.loss,
            val_accuracy=judged and judged.accuracy,
            lr=self.optimizer.param_groups[0]["lr"],
            grad_norm=sums.grad_norm / sums.steps,
        )
        self.history.append(epoch)
        if judged and self.history.best is epoch:
            self.best = Best(epoch.epoch, judged.loss, self.model.state_dict())
        self.sums, self.order = Sums(), None
        return epoch

    # ---- state ---------------------------------------------------------------------------------

    def state(self) -> tuple[dict, dict[str, np.ndarray]]:
        """Return copies of everything that the rest of the run depends on, as JSON and arrays."""
        names = {p: name for name, p in self.model.named_parameters()}
        numbers = {
            "steps": self.optimizer.steps,
            "lrs": [group["lr"] for group in self.optimizer.param_groups],
            "sums": asdict(self.sums),
            "most": self.most,
            "order_from": None if self.order is None else self.order_from,
            "generators": [g.bit_generator.state for g in self._generators()],
            "history": list(self.history),  # JSON writes an Epoch as a list
            "best": self.best and {"epoch": self.best.epoch, "val_loss": self.best.val_loss},
        }
        arrays = {f"model/{name}": a for name, a in self.model.state_dict().items()}
        for p, kept in self.optimizer.state.items():
            arrays |= {f"{kind}/{names[p]}": array.copy() for kind, array in kept.items()}
        if self.best:
            arrays |= {f"best/{name}": a for name, a in self.best.state.items()}
        return numbers, arrays

    def load_state(self, numbers: dict, arrays: dict[str, np.ndarray]) -> None:
        """Continue from what `state` returned, in a Trainer that was built in the same way.

        Raises:
            ArgumentError: if the arrays do not fit the model.
        """
        parts: dict[str, dict] = {"model": {}, "best": {}}
        parameters = dict(self.model.named_parameters())
        self.optimizer.state = {}
        for name, array in arrays.items():
            part, _, parameter = name.partition("/")
            if part in parts:
                parts[part][parameter] = array
            else:  # of the optimizer, such as "velocity"
                kept = self.optimizer.state.setdefault(parameters[parameter], {})
                kept[part] = array.copy()
        self.model.load_state_dict(parts["model"])
        self.optimizer.steps = numbers["steps"]
        for group, lr in zip(self.optimizer.param_groups, numbers["lrs"], strict=True):
            group["lr"] = lr
        self.history = History(Epoch(*epoch) for epoch in numbers["history"])
        self.best = numbers["best"] and Best(**numbers["best"], state=parts["best"])
        self.sums, self.order, self.most = Sums(**numbers["sums"]), None, numbers["most"]
        if numbers["order_from"] is not None:
            self.order_from = self.rng.bit_generator.state = numbers["order_from"]
            self.order = self.rng.permutation(len(self.train))
        for generator, state in zip(self._generators(), numbers["generators"], strict=True):
            generator.bit_generator.state = state

    def _generators(self) -> list[np.random.Generator]:
        """Return the generator that shuffles and the generators of the layers, each once."""
        held = [self.rng]
        for _, module in self.model.named_modules():
            held += [g for g in vars(module).values() if isinstance(g, np.random.Generator)]
        return list(dict.fromkeys(held))


def fit(
    model: Module,
    train: Dataset,
    val: Dataset | None = None,
    *,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    progress: bool = False,
    **options: Any,
) -> History:
    """Train a classifier, and return its epochs.

    The model ends with the parameters of the best epoch, see `History.best`, or, without validation
    rows, with the last ones.

    Args:
        model, train, val: see Trainer.
        on_epoch: called with each Epoch at its end.
        progress: whether to show a bar over the steps, in a notebook as a widget.
        options: loss, optimizer, epochs, batch_size and rng, and the others of Trainer.

    Raises:
        DivergedError: as `Trainer.run`.
        ArgumentError: if there is nothing to do, or options exclude each other.
    """
    trainer = Trainer(model, train, val, **options)
    history = trainer.run(on_epoch, progress=progress)
    trainer.use_best()
    return history
