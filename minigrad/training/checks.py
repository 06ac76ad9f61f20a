"""What a run checks: data, wiring and results that are almost surely not what was wanted."""

import math

import numpy as np

from ..data import Dataset
from ..errors import DivergedError, warn_once
from ..functions.activations import Softmax
from ..nn import CrossEntropy, Module, ReLU, evaluating, watching
from ..tensor import Tensor
from ..text import counted, shown
from .history import History
from .loop import evaluate, rows_at_once
from .metrics import Confusion

LOOK = 1024  # rows to look at
DEAD = 0.2  # share of a layer's ReLUs above which there is a warning
MAJORITY = 0.9  # share of the rows in one class above which there is a warning


def check_finite(part: Dataset, name: str) -> None:
    """Refuse features that would make every loss NaN, whatever the learning rate.

    Raises:
        DivergedError: if a feature is NaN or infinite.
    """
    count = 0
    for start in range(0, len(part), LOOK):
        x = part.x[start : start + LOOK]
        bad = ~np.isfinite(x)
        if bad.any() and not count:
            row, column = (int(i) for i in np.argwhere(bad)[0])
            wrong = f"the {name} rows hold {x[row, column]}"
            facts = f"row {start + row}, feature {shown(part.feature_names[column])}"
        count += np.count_nonzero(bad)
    if count:
        facts += f", {count} in all"
        raise DivergedError("train", wrong, facts, "remove or replace such values before training")


def warn_of_probabilities(model: Module, loss: Module, x: np.ndarray) -> None:
    """Warn if the logits of the first batch look like probabilities.

    The output of a Softmax is left to `cross_entropy`, which recognises it in the graph.
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
        wrong = "the model's outputs look like probabilities, and CrossEntropy takes logits"
        remedy = "remove the model's softmax, or use CrossEntropy(from_probabilities=True)"
        warn_once("fit", wrong, f"output {p.shape}, each row from 0 to 1 with sum 1", remedy)


def warn_of_majority(train: Dataset) -> None:
    """Warn if a classifier that always gives the same answer would look good."""
    if train.weights is not None:
        return  # whoever gave them knows the classes
    counts = np.bincount(train.y)
    share = counts.max() / len(train)
    if share > MAJORITY and len(train.class_names) > 1:
        name = train.class_names[counts.argmax()]
        wrong = f"{share:.1%} of the training rows are of one class, {shown(name)}"
        facts = f"{counts.max()} of {len(train)} rows; always guessing it is as accurate"
        remedy = "look at the recall of the other classes, or weight the classes"
        warn_once("fit", wrong, facts, remedy)


class Constant(Module):
    """Gives every row the same logits z (C,)."""

    def __init__(self, z: np.ndarray):
        self.z = z

    def forward(self, x: Tensor) -> Tensor:
        """x (N, …) -> (N, C)"""
        return Tensor(np.tile(self.z, (len(x), 1)))


def loss_of_no_learning(model: Module, loss: Module, train: Dataset) -> float:
    """Return the larger of the model's loss and that of giving every row the classes' shares.

    Both are taken in eval mode, of up to LOOK rows.
    """
    shares = np.bincount(train.y, minlength=len(train.class_names)) + 1.0
    shares /= shares.sum()
    from_probabilities = isinstance(loss, CrossEntropy) and loss.options["from_probabilities"]
    constant = Constant(shares if from_probabilities else np.log(shares))
    rows = train.take(slice(None, None, math.ceil(len(train) / LOOK)))
    return max(evaluate(each, rows, loss=loss).loss for each in (model, constant))


def warn_of_dead_relus(model: Module, x: np.ndarray) -> None:
    """Warn if many units of a ReLU layer give 0 for every row: no gradient can revive them.

    A filter of a convolution is one unit: its weights get the gradients of all places.
    """
    names = {module: name for name, module in model.named_modules() if isinstance(module, ReLU)}
    if not names:
        return
    alive: dict[str, np.ndarray] = {}
    filters = set()

    def watch(module: Module, y: Tensor) -> None:
        if name := names.get(module):
            images = y.ndim == 4
            filters.update([name] if images else [])
            found = (y.data > 0).any(axis=(0, 2, 3) if images else 0)
            alive[name] = found | alive.get(name, False)

    rows = rows_at_once(model, x)
    with evaluating(model), watching(watch), np.errstate(all="ignore"):
        for i in range(0, len(x), rows):
            model(Tensor(x[i : i + rows]))
    for name, units_alive in alive.items():
        dead, units = int((~units_alive).sum()), units_alive.size
        if dead > DEAD * units:
            unit, where = ("filter", " everywhere") if name in filters else ("unit", "")
            wrong = f"layer {name!r} has {counted(dead, f'dead {unit}')} of {units}: ReLU gives 0"
            wrong += f"{where} for each of {counted(len(x), 'training row')}"
            remedy = "try a smaller learning rate, or LeakyReLU"
            warn_once("fit", wrong, "no gradient reaches them", remedy)


def warn_of_the_first_epoch(history: History, lr: float) -> None:
    """Warn that no later epoch is as good as the first."""
    wrong = "the best epoch is the first: the validation loss has risen since"
    facts = f"{history[0].val_loss:.4g} in epoch 1, {history[-1].val_loss:.4g} in the last"
    remedy = f"try lr={lr / 10:g}, and ask whether the features can tell the classes apart"
    warn_once("train", wrong, facts, remedy)


def warn_of_one_answer(confusion: Confusion, class_names: tuple[str, ...]) -> None:
    """Warn if every row of a set with several classes was given the same one."""
    answers = np.flatnonzero(confusion.answers)
    if len(answers) == 1 and np.count_nonzero(confusion.support) > 1:
        wrong = f"the network predicts one class for every row, {shown(class_names[answers[0]])}"
        facts = f"{confusion.hits.sum()} of {confusion.count.sum()} rows are of it"
        remedy = "try class_weight='balanced', more epochs, or another learning rate"
        warn_once("train", wrong, facts, remedy)
