"""scikit-learn: a classifier of minigrad as an estimator, for pipelines, searches and pickles.

    MinigradClassifier(hidden_layer_sizes=(64,), random_state=0).fit(X, y).predict(X)

It prepares rows and options, and leaves the training to `training.Trainer`.
"""

import copy
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from .. import nn
from ..data import Column, Dataset, Scaling, Schema, split
from ..data.precision import offsets_of, warn_of_lost
from ..errors import ArgumentError, DataError
from ..settings import WITHOUT_EFFECT, by_size, checked, with_defaults
from ..text import counted, listed, shown
from ..training import Classifier, Epoch, History, Trainer, balanced_weights
from ..training.experiment import OF_TRAINER, make_optimizer
from ..training.loop import BLOCK
from . import needing

with needing("sklearn"):
    from scipy.sparse import issparse
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils import check_array, check_random_state
    from sklearn.utils.class_weight import compute_class_weight
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data

WHERE = "MinigradClassifier"
# The parameters, and what `minigrad.settings` calls them.
OPTIONS = {
    "hidden_layer_sizes": "hidden",
    "solver": "optimizer",
    "alpha": "weight_decay",
    "learning_rate": "schedule",
    "learning_rate_init": "lr",
    "nesterovs_momentum": "nesterov",
    "max_iter": "epochs",
    "validation_fraction": "val_fraction",
    "n_iter_no_change": "patience",
}
SAME = ("activation", "batch_size", "momentum", "label_smoothing", "warmup", "clip_grad", "scale")
OPTIONS |= {name: name for name in (*SAME, "dropout", "batch_norm", "dtype")}
# What MLPClassifier takes for them, and what it is here; None is the default.
ALIASES = {("activation", "logistic"): "sigmoid", ("batch_size", "auto"): None}
# What scikit-learn's check of X lets through: numbers with NaN, dense or sparse.
FLOATS = [np.float64, np.float32]
TAKES = {"accept_sparse": "csr", "dtype": FLOATS, "ensure_all_finite": "allow-nan"}
MOST = 1 << 23  # numbers of a sparse matrix that are dense at once where its columns are scaled


class MinigradClassifier(ClassifierMixin, BaseEstimator):
    """A multilayer perceptron for scikit-learn, trained as `minigrad train` trains it.

    The features are scaled first, so that no StandardScaler is needed; a missing number, NaN, is
    filled with the mean of its column, and a column of nothing but NaN is refused. X may be sparse:
    its rows become dense batch by batch. None for a parameter is its default, and a default of None
    the recipe of `minigrad train`, which goes by the rows and the features (docs/recipe.md).

    Args:
        hidden_layer_sizes: the widths of the hidden layers; one may be a number.
        activation: of the hidden layers: relu, leaky_relu, elu, gelu, silu, softplus, tanh, or
            sigmoid, which scikit-learn calls logistic.
        solver: the optimizer: sgd, adam, adamw or rmsprop.
        alpha: the L2 penalty is alpha / 2 · Σ W² / N, as in scikit-learn, with N the number of rows
            or the sum of their weights; biases count. For adamw, the rate of decay.
        batch_size: rows in a batch; "auto" is the default, too.
        learning_rate: constant, step or cosine: how the learning rate changes in a fit.
        learning_rate_init: the learning rate at the start.
        momentum, nesterovs_momentum: for sgd, the first for rmsprop too; others ignore them.
        max_iter: epochs.
        early_stopping: whether to hold out rows for validation, to stop where their loss has not
            become lower for n_iter_no_change epochs, and to keep the weights of the best epoch.
        validation_fraction: of the rows, for early stopping.
        warm_start: whether another fit goes on with the network and the scaling of the last.
        random_state: as everywhere in scikit-learn; the same int gives the same bytes.
        verbose: whether each epoch prints a line.
        class_weight: {class: weight}, or "balanced"; they multiply the weights of the rows.
        dropout, batch_norm, label_smoothing, warmup, clip_grad, scale: as in `minigrad.settings`.
        dtype: float64, or float32, which is faster; NumPy's dtypes are taken, too. With float64,
            rows with weights and repeated rows give the same network, as long as one batch holds
            all rows. For float32, an offset is first subtracted from columns that it would round
            away, such as timestamps; not in sparse rows, for which there is a warning.

    Attributes:
        classes_: the classes, sorted, in the order of the columns of `predict_proba`.
        n_features_in_, feature_names_in_: the features; the names if X had names.
        classifier_: the `training.Classifier` in use; `to_classifier` returns a copy.
        n_iter_: epochs trained, those of earlier calls too, if this one went on.
        loss_curve_: the training loss of each of these epochs.
        history_: the epochs with all that was recorded, such as the validation loss.
    """

    classes_: np.ndarray
    classifier_: Classifier
    history_: History

    def __init__(
        self,
        hidden_layer_sizes: Iterable[int] | int | None = None,
        activation: str = "relu",
        *,
        solver: str = "sgd",
        alpha: float | None = None,
        batch_size: int | str = 32,
        learning_rate: str = "cosine",
        learning_rate_init: float | None = None,
        momentum: float | None = None,
        nesterovs_momentum: bool = False,
        max_iter: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: bool = False,
        class_weight: dict | str | None = None,
        dropout: float = 0.0,
        batch_norm: bool = False,
        label_smoothing: float | None = None,
        warmup: float = 0.0,
        clip_grad: float = 1.0,
        scale: str = "asinh",
        dtype: DTypeLike = "float64",
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.class_weight = class_weight
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.label_smoothing = label_smoothing
        self.warmup = warmup
        self.clip_grad = clip_grad
        self.scale = scale
        self.dtype = dtype

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.input_tags.allow_nan = True
        return tags

    # ---- training ------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on the rows X (N, F), an array, a data frame or a sparse matrix, and y (N,).

        sample_weight (N,): how often each row counts, in the scaling and in the loss; None counts
            each once. Rows of weight 0 are left out.

        Raises:
            ValueError: if the rows, the labels, the weights or a parameter cannot be used.
            DivergedError: if the loss diverges.
        """
        options = self._options()
        if not self.early_stopping:
            options |= {"val_fraction": 0.0, "patience": None}
        goes_on = self.warm_start and hasattr(self, "classifier_")
        return self._train(f"{WHERE}.fit", options, goes_on, X, y, sample_weight)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch on these rows, and keep the optimizer for the next call.

        The learning rate stays as it is, and no rows are held out. The first call chooses the
        scaling, and the offsets for float32, by its rows.

        classes: all classes that any call will have; needed in the first call only.

        Raises:
            ValueError: as `fit`; or if classes are not given at first, or differ later.
            DivergedError: if the loss diverges.
        """
        where, goes_on = f"{WHERE}.partial_fit", hasattr(self, "classifier_")
        options = self._options() | {"epochs": 1, "schedule": "constant", "warmup": 0.0}
        options |= {"val_fraction": 0.0, "patience": None}
        if classes is None and not goes_on:
            wrong, facts = "the first call needs all classes", "classes None"
            raise ArgumentError(where, wrong, facts, "give classes=np.unique(y) of all rows")
        if classes is not None and goes_on and {*classes} != {*self.classes_}:
            facts = f"{listed(self.classes_.astype(str))} at first, "
            facts += f"{listed(np.unique(classes).astype(str))} now"
            remedy = "leave classes out, or fit a new estimator"
            raise ArgumentError(where, "the classes differ", facts, remedy)
        optimizer = getattr(self, "_optimizer", None)
        return self._train(where, options, goes_on, X, y, sample_weight, classes, optimizer)

    def _options(self) -> dict[str, Any]:
        """Return the options of a run by the names of `settings`; None goes by the data."""
        given = {OPTIONS[name]: value for name, value in self._parameters().items()}
        for option in WITHOUT_EFFECT["optimizer"][given["optimizer"]]:
            given.pop(option, None)
        return with_defaults(given)

    def _parameters(self) -> dict[str, Any]:
        """Return the parameters of OPTIONS as plain values, without those that are None."""
        given, defaults = {}, inspect.signature(type(self)).parameters
        for name, option in OPTIONS.items():
            value, default = getattr(self, name), defaults[name].default
            if isinstance(value, np.generic):  # of an array of values to try
                value = value.item()
            if name == "hidden_layer_sizes" and isinstance(value, int):
                value = [value]
            if name == "dtype" and value in FLOATS:
                value = np.dtype(value).name
            if isinstance(value, str):
                value = ALIASES.get((name, value), value)
            value = default if value is None else value
            if value is not None:
                usual = None if default is None else repr(default)
                given[name] = checked(option, value, WHERE, usual, name)
        return given

    def _train(
        self, where: str, options: dict, goes_on, X, y, sample_weight, classes=None, optimizer=None
    ) -> Self:
        """Train a new network, or go on with the one there is; then set the attributes."""
        label = getattr(y, "name", None)  # of a column of a data frame
        X, y = validate_data(self, X, y, reset=not goes_on, **TAKES)
        check_classification_targets(y)
        classes = self.classes_ if goes_on else np.unique(y if classes is None else classes)
        if len(strange := np.setdiff1d(y, classes)):
            facts = f"{listed(strange.astype(str))}; the classes are {listed(classes.astype(str))}"
            remedy = "leave such rows out, or fit a new estimator"
            raise DataError(where, "y holds classes that are not known", facts, remedy)
        y = np.searchsorted(classes, y)
        X, y, w, products = self._weighted(where, X, y, sample_weight, classes)
        dtype = np.dtype(self.classifier_.architecture["dtype"] if goes_on else options["dtype"])
        schema = self.classifier_.schema if goes_on else self._schema(X, classes, label, dtype)
        rows = _dataset(where, X, y, w, schema, dtype)
        self._choose(options, rows)
        rng = getattr(self, "_rng", None) if goes_on else None
        rng = rng or np.random.default_rng(check_random_state(self.random_state).randint(2**31 - 1))
        classifier = self.classifier_ if goes_on else _start(options, rows, schema, rng)
        optimizer = optimizer or make_optimizer(classifier.model, options)
        for group in optimizer.param_groups:
            group["lr"] = options["lr"]  # a schedule may have lowered it
        parts = _divided(where, replace(rows, weights=products), options["val_fraction"], rng)
        train, val = (_scaled(part, classifier.scaling) for part in parts)
        reduction = "mean" if products is None else "none"
        loss = nn.CrossEntropy(label_smoothing=options["label_smoothing"], reduction=reduction)
        run = {name: options[name] for name in OF_TRAINER}
        trainer = Trainer(
            classifier.model, train, val, loss=loss, optimizer=optimizer, rng=rng, **run
        )
        before = self.history_ if goes_on else History()
        trainer.run(lambda epoch: self._report(epoch, len(before)))
        trainer.use_best()
        later = [epoch._replace(epoch=len(before) + epoch.epoch) for epoch in trainer.history]
        self.history_ = History([*before, *later])
        self.n_iter_ = len(self.history_)
        self.loss_curve_ = [epoch.train_loss for epoch in self.history_]
        about = {"parameters": self._parameters(), "epochs": self.n_iter_}
        self.classifier_ = replace(classifier, training={**about, "classes": classes.tolist()})
        self.classes_, self._rng, self._optimizer = classes, rng, optimizer
        return self

    def _schema(self, X: Any, classes: np.ndarray, label: Any, dtype: np.dtype) -> Schema:
        """Return the schema of the features, with the offsets of X; it warns of what is lost.

        Sparse rows have no offsets, which would make them dense.
        """
        named = hasattr(self, "feature_names_in_")
        names = [*self.feature_names_in_] if named else [f"column_{i}" for i in range(X.shape[1])]
        offsets = np.zeros(len(names)) if issparse(X) else offsets_of(X, dtype)
        for part, x in () if np.can_cast(X.dtype, dtype) else _blocks(X):
            warn_of_lost(WHERE, names[part], x, offsets[part], dtype, x.item)
        columns = tuple(Column(n, None, o) for n, o in zip(names, offsets.tolist(), strict=True))
        label = label if isinstance(label, str) and label not in names else ""
        return Schema(columns, label, tuple(map(str, classes)), missing="mean", by_name=named)

    def _weighted(self, where: str, X, y, sample_weight, classes) -> tuple:
        """Return X and y of the rows that count, how often they do, and that times class weights.

        The mean of these products is 1, as the mean loss of a batch needs it.
        """
        if sample_weight is None and self.class_weight is None:
            return X, y, None, None
        w = np.ones(len(y)) if sample_weight is None else sample_weight
        w = check_array(w, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
        if w.shape != y.shape or (w < 0).any():
            facts = f"sample_weight {w.shape}, the lowest {w.min():g}; {counted(len(y), 'row')}"
            wrong = "sample_weight is not one number of 0 or more for each row"
            raise DataError(where, wrong, facts, f"give it as ({len(y)},)")
        if self.class_weight == "balanced":
            names = tuple(map(str, classes))
            of_class = balanced_weights(Dataset(np.empty((len(y), 0)), y, (), names, weights=w))
        else:
            of_class = compute_class_weight(self.class_weight, classes=classes, y=classes)
        facts = f"class_weight {self.class_weight}"
        if not all(0 <= weight < np.inf for weight in of_class):
            wrong = "class_weight holds what is not a number of 0 or more"
            raise ArgumentError(where, wrong, facts, "give finite numbers of 0 or more")
        products = w * of_class[y]
        used = products != 0
        if not used.any():
            facts = f"{counted(len(y), 'row')}, {facts}"
            raise DataError(where, "all weights are zero", facts, "give one of them more")
        return X[used], y[used], w[used], products[used] / products[used].mean()

    def _choose(self, options: dict[str, Any], rows: Dataset) -> None:
        """Set what goes by the size of the data; alpha counts for all rows together."""
        count, features = rows.x.shape
        mass = count if rows.weights is None else float(rows.weights.sum())
        if self.alpha is not None and options["optimizer"] != "adamw":
            options["weight_decay"] /= mass
        chosen = by_size(mass, features) | {"epochs": by_size(count, features)["epochs"]}
        options |= {name: chosen[name] for name in chosen if options[name] is None}

    def _report(self, epoch: Epoch, before: int) -> None:
        if self.verbose:
            val = "" if epoch.val_loss is None else f", validation loss {epoch.val_loss:.4f}"
            print(f"epoch {before + epoch.epoch}: loss {epoch.train_loss:.4f}{val}")

    # ---- using ---------------------------------------------------------------------------------

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row, (N,)."""
        places = self.predict_log_proba(X).argmax(axis=1)
        return self.classes_[places]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, (N, C), in the order of `classes_`."""
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithm of the probability of each class, (N, C)."""
        check_is_fitted(self, "classifier_")
        X = validate_data(self, X, reset=False, **TAKES)
        of = self.classifier_.predict_log_proba
        if not issparse(X):
            return of(X)
        starts = range(0, X.shape[0], BLOCK)
        return np.concatenate([of(X[i : i + BLOCK].toarray()) for i in starts])

    # ---- there and back ------------------------------------------------------------------------

    def to_classifier(self) -> Classifier:
        """Return a copy of the network with all that is needed to use it, to be saved in a file."""
        check_is_fitted(self, "classifier_")
        return replace(self.classifier_, model=copy.deepcopy(self.classifier_.model))

    @classmethod
    def from_classifier(cls, classifier: Classifier) -> Self:
        """Return an estimator that predicts as this classifier, of whatever network, does.

        Its classes are those that were given to `fit` if `to_classifier` returned the classifier,
        whether or not it was in a file since. The classes of any other model, such as one of
        `minigrad train`, are texts, even if they are numbers. Its parameters are those of the run;
        `alpha` keeps its default. `partial_fit`, and `fit` with `warm_start`, go on with the
        network; otherwise, `fit` trains a new multilayer perceptron.
        """
        names, training = classifier.schema.class_names, classifier.training
        tables = {name: value for name, value in training.items() if isinstance(value, dict)}
        options = tables.get("options", {})  # of `minigrad train`
        found = {name: options.get(option) for name, option in OPTIONS.items() if name != "alpha"}
        found |= tables.get("parameters", {})
        found |= {"scale": classifier.scaling.kind, "dtype": classifier.architecture["dtype"]}
        estimator = cls(**{name: found[name] for name in OPTIONS if found.get(name) is not None})
        labels = training.get("classes")
        same = isinstance(labels, list) and tuple(map(str, labels)) == names
        estimator.classes_ = np.array(labels if same else names)
        estimator.classifier_ = replace(classifier, model=copy.deepcopy(classifier.model))
        estimator.n_features_in_ = len(classifier.schema.feature_names)
        if classifier.schema.by_name:
            estimator.feature_names_in_ = np.array(classifier.schema.feature_names, dtype=object)
        estimator.history_, estimator.n_iter_, estimator.loss_curve_ = History(), 0, []
        return estimator


class _Sparse:
    """Sparse rows (N, F), which become dense, and scaled, where they are indexed."""

    ndim = 2

    def __init__(self, rows: Any, scaling: Scaling):
        self.rows, self.scaling = rows, scaling
        self.shape, self.dtype = rows.shape, rows.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, places: np.ndarray | slice) -> np.ndarray:
        return self.scaling.apply(self.rows[places].toarray())


def _dataset(where: str, X, y, w, schema: Schema, dtype: np.dtype) -> Dataset:
    """Return the rows, dense or sparse, less the offsets of the schema, in a dtype."""
    if (offsets := schema.offsets).any():
        X = (X.toarray() if issparse(X) else X) - offsets
    rows, columns = (abs(X) > np.finfo(dtype).max).nonzero()
    if len(rows):
        column, value = shown(schema.feature_names[columns[0]]), X[rows[0], columns[0]]
        wrong = f"column {column} holds {value:g}, which is too large for {dtype}"
        remedy = "change the unit, or fit with dtype='float64'"
        raise DataError(where, wrong, counted(len(rows), "such value"), remedy)
    x = X.astype(dtype, copy=False)
    return Dataset(x, y, schema.feature_names, schema.class_names, weights=w)


def _start(options: dict, rows: Dataset, schema: Schema, rng: np.random.Generator) -> Classifier:
    """Return a new network, with the scaling of these rows."""
    scaling = _scaling(rows, options["scale"])
    network = {name: options[name] for name in ("activation", "dropout", "batch_norm", "dtype")}
    sizes = len(scaling.shift), options["hidden"], len(schema.class_names)
    return Classifier(nn.mlp(*sizes, **network, rng=rng), schema, scaling)


def _scaling(rows: Dataset, kind: str) -> Scaling:
    """Return the scaling of the rows."""
    found = []
    for part, x in _blocks(rows.x):
        block = replace(rows, x=x, feature_names=rows.feature_names[part])
        found.append(Scaling.fit(block, kind))
    arrays = ([getattr(one, name) for one in found] for name in ("shift", "scale", "fill"))
    return Scaling(*map(np.concatenate, arrays), kind)


def _blocks(X: Any) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the columns of X in dense blocks, and which they are; dense rows are one block."""
    if not issparse(X):
        yield slice(None), X
    else:
        columns, step = X.tocsc(), max(1, MOST // X.shape[0])
        for start in range(0, X.shape[1], step):
            part = slice(start, start + step)
            yield part, columns[:, part].toarray()


def _scaled(rows: Dataset, scaling: Scaling) -> Dataset:
    return replace(rows, x=_Sparse(rows.x, scaling)) if issparse(rows.x) else scaling.apply(rows)


def _divided(where: str, rows: Dataset, fraction: float, rng: Any) -> tuple[Dataset, ...]:
    """Return the rows to train on, and those to validate on."""
    if not fraction:
        return rows, rows.take(slice(0))
    numbers = np.arange(len(rows), dtype=np.float64)[:, None]  # `split` has no use for sparse rows
    numbered = replace(rows, x=numbers, feature_names=("row",))
    try:
        parts = split(numbered, test=0, val=fraction, rng=rng)
    except DataError as error:
        remedy = "add rows, or give early_stopping=False"
        raise DataError(where, *error.args[1:3], remedy) from error
    return tuple(rows.take(part.x[:, 0].astype(int)) for part in parts[:2])
