"""Classifier: a trained network with everything that is needed to use it, in one file."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from .. import functions as F
from .. import nn
from ..data import Dataset, Scaling, Schema
from ..data.files import check_path
from ..data.frames import as_floats, features_of, indexed, is_frame
from ..errors import ArgumentError, DataError, MinigradError, ShapeError
from ..tensor import Tensor
from ..text import counted, kind_of, listed, shown
from ..typing import ArrayLike, Frame, Path
from . import archive, headers
from .architecture import build, check_arrays, check_memory, check_sizes, describe, flat
from .loop import Evaluation, rows_at_once
from .metrics import confusion_of
from .pictures import drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_LOGITS = 1 << 21  # that come out of the network at once

# Layers that leave the probabilities of a Softmax as they are, in eval mode.
KEEPING = ("Flatten", "Dropout", "ReLU", "LeakyReLU", "ELU")


@dataclass(frozen=True, eq=False)
class Classifier:
    """A network, what goes into it and comes out of it, and how it was trained.

    model: an `nn.Sequential` of layers of `minigrad.nn`, which may be Sequentials in turn. It maps
        scaled features (N, F) to logits (N, C), each row by itself.
    schema: the columns that the F features come from, and the names of the C classes.
    scaling: what is done to the features first.
    training: how the model came about; a dict that JSON can hold.

    Raises:
        ArgumentError: if the model cannot be kept in a file, ends in Softmax, or has a Softmax or
            LogSoftmax along the axis of the rows, the fields of the schema are not those of a
            schema, or `training` is not a dict.
        ShapeError: if the model's layers do not fit each other, one takes too much memory for a row
            (see `architecture.check_memory`), or model, schema and scaling do not agree on F and C.
    """

    model: nn.Sequential
    schema: Schema
    scaling: Scaling
    training: dict = field(default_factory=dict)

    def __post_init__(self):
        features, classes = len(self.schema.feature_names), len(self.schema.class_names)
        if not isinstance(self.training, dict):
            facts = f"it is {kind_of(self.training)}"
            remedy = "give a dict, such as {'lr': 0.1}"
            raise ArgumentError("Classifier", "training is not a dict", facts, remedy)
        try:
            Schema.from_dict(self.schema.to_dict())
        except DataError as error:
            remedy = "use the schema of a data set"
            raise ArgumentError("Classifier", *error.args[1:3], remedy) from error
        architecture = self.architecture
        check_sizes(architecture)
        layers = [*flat(architecture["layers"])]
        for name, kind, arguments in layers:
            if "axis" in arguments and arguments["axis"] not in (1, -1):
                wrong = f"layer {name}, {kind}, makes a row's result depend on the other rows"
                facts = f"axis {arguments['axis']} of (N, F)"
                raise ArgumentError("Classifier", wrong, facts, "give axis=-1")
        last = next((layer for layer in reversed(layers) if layer[1] not in KEEPING), None)
        if last and last[1] == "Softmax":
            wrong = "the network ends in Softmax, and a classifier takes logits"
            remedy = "leave it out: predict_proba applies it"
            raise ArgumentError("Classifier", wrong, f"layer {last[0]}", remedy)
        check_memory(architecture, features)
        x = np.zeros((1, features), architecture["dtype"])
        try:
            with nn.evaluating(self.model), np.errstate(all="ignore"):
                outputs = self.model(Tensor(x)).shape[1]
            gives = f"{features} -> {outputs}"
        except ShapeError as error:
            outputs, gives = None, error.args[1]
        if outputs != classes or self.scaling.shift.shape != (features,):
            wrong = f"the parts do not agree on {counted(features, 'feature')} and "
            wrong += counted(classes, "class")
            facts = f"model: {gives}, scaling: {self.scaling.shift.shape}"
            remedy = "give the model, the schema and the scaling of one data set"
            raise ShapeError("Classifier", wrong, facts, remedy)

    def __repr__(self) -> str:
        features = counted(len(self.schema.feature_names), "feature")
        classes = counted(len(self.schema.class_names), "class")
        names = listed(self.schema.class_names, 5)
        parameters = counted(sum(p.size for p in self.model.parameters()), "parameter")
        results = self.training.get("results") or {}
        accuracy = results.get("test_accuracy")
        tested = "" if accuracy is None else f", test accuracy {accuracy:.2%}"
        return f"<Classifier: {features}, {classes} ({names}), {parameters}{tested}>"

    @property
    def architecture(self) -> dict:
        """The model's "layers" with their arguments, and their "dtype", as the file holds them."""
        return describe(self.model)

    def save(self, path: Path, *, sync: bool = True) -> None:
        """Write the classifier to one file, which `load` reads. See `archive.write`.

        Raises:
            ArgumentError, ShapeError: if the model has changed into one that `load` would refuse.
            ArgumentError: if `training` is not JSON.
            DataError: if the file cannot be written; an existing one is unchanged.
        """
        check_path("save", path)
        archive.write(path, *self.content(), sync=sync)

    def content(self) -> tuple[dict, dict[str, np.ndarray]]:
        """Return the header and the arrays that a file holds, of which `restored` makes it again.

        The arrays are the network's state dict and, in float64, those of the scaling.

        Raises:
            ArgumentError, ShapeError: if the model has changed into one that cannot be kept.
        """
        self.__post_init__()  # the network may have changed
        scaling = {
            f"scaling.{name}": np.asarray(values, np.float64)
            for name in ("shift", "scale", "fill")
            if (values := getattr(self.scaling, name)) is not None
        }
        header = {
            "content": "classifier",
            "architecture": self.architecture,
            "schema": self.schema.to_dict(),
            "scaling": self.scaling.kind,
            "training": self.training,
        }
        return header, {**self.model.state_dict(), **scaling}

    @overload
    def predict(self, rows: Frame) -> Any: ...
    @overload
    def predict(self, rows: Dataset | ArrayLike) -> np.ndarray: ...
    def predict(self, rows: Dataset | ArrayLike | Frame) -> Any:
        """Return the name of the most probable class of each row, (N,). See `predict_log_proba`.

        Of a DataFrame it is a Series with its index, called "class".
        """
        names = np.array(self.schema.class_names)
        found = names[self._log_proba(rows).argmax(axis=1)]
        return indexed(rows, {"class": found})["class"] if is_frame(rows) else found

    @overload
    def predict_proba(self, rows: Frame) -> Any: ...
    @overload
    def predict_proba(self, rows: Dataset | ArrayLike) -> np.ndarray: ...
    def predict_proba(self, rows: Dataset | ArrayLike | Frame) -> Any:
        """Return the probability of each class, (N, C), float64. See `predict_log_proba`."""
        return self._by_class(rows, np.exp(self._log_proba(rows)))

    @overload
    def predict_log_proba(self, rows: Frame, numbers: Sequence[int] | None = None) -> Any: ...
    @overload
    def predict_log_proba(
        self, rows: Dataset | ArrayLike, numbers: Sequence[int] | None = None
    ) -> np.ndarray: ...
    def predict_log_proba(
        self, rows: Dataset | ArrayLike | Frame, numbers: Sequence[int] | None = None
    ) -> Any:
        """Return the logarithm of the probability of each class, (N, C), float64.

        Of a DataFrame it is a DataFrame with its index, and a column for each class.

        The rows go through the network in blocks. BLAS may add up a row in another order beside
        other rows, so that its float32 result may differ in the seventh digit.

        Args:
            rows: a Dataset, its x (N, F), or one row (F,): unscaled features. A missing value is
                NaN or infinite, or masked; if the schema says "mean", it is filled. Or a DataFrame,
                whose columns are found by name; or images (N, C, H, W), or (N, H, W) of one
                channel, of the shape that the schema names.
            numbers: how errors number the rows; None counts them from 0.

        Raises:
            ShapeError: if the rows do not have F features.
            DataError: if a value is missing and the schema does not say "mean", a Dataset's
                features have other names, values are so large that they or a logit are not finite,
                a DataFrame lacks a column or has a value that cannot be used, or the parameters are
                not finite.
        """
        return self._by_class(rows, self._log_proba(rows, numbers))

    def _by_class(self, rows, numbers: np.ndarray) -> Any:
        """Return numbers (N, C), of a DataFrame's rows as a DataFrame."""
        columns = dict(zip(self.schema.class_names, numbers.T, strict=True))
        return indexed(rows, columns) if is_frame(rows) else numbers

    def _log_proba(self, rows, numbers=None) -> np.ndarray:
        x = self._features(rows, numbers)
        log_p = np.empty((len(x), len(self.schema.class_names)))
        # Values too large raise the error below, without NumPy's warnings.
        with nn.evaluating(self.model), np.errstate(all="ignore"):
            rows = rows_at_once(self.model, self.scaling.apply(x[:2]))
            rows = max(1, min(rows, MOST_LOGITS // log_p.shape[1]))
            for start in range(0, len(x), rows):
                z = self.model(Tensor(self.scaling.apply(x[start : start + rows]))).data
                # As (C, n), which NumPy reduces in a third of the time: 22 µs, not 78, at C = 5.
                log_q = F.log_softmax(z.T.astype(np.float64, order="C"), axis=0).data
                log_p[start : start + rows] = log_q.T
        if not np.isfinite(log_p).all():
            self._check_parameters()
            row = int(np.argwhere(~np.isfinite(log_p))[0, 0])
            with np.errstate(over="ignore"):
                column = int(np.abs(np.nan_to_num(x[row]) / self.scaling.scale).argmax())
            wrong = f"the logits of row {row if numbers is None else numbers[row]} are not finite"
            facts = f"column {shown(self.schema.feature_names[column])} holds {x[row, column]:g}"
            remedy = "give values in the units of the training data"
            raise DataError("Classifier.predict", wrong, facts, remedy)
        return log_p

    def _check_parameters(self) -> None:
        for name, array in self.model.named_arrays().items():
            if not np.isfinite(array).all():
                wrong = "the parameters of the model are not finite"
                value = array[~np.isfinite(array)][0]
                remedy = "train it again, with a smaller learning rate"
                raise DataError("Classifier.predict", wrong, f"{name!r} holds {value}", remedy)

    def evaluate(self, data: Dataset | Iterable) -> Evaluation:
        """Return log loss, accuracy and confusion matrix on labelled rows.

        Args:
            data: a Dataset, or blocks with x (n, F) and y (n,), such as `data.read_rows` yields.

        Raises:
            DataError: if there are no rows, or as `predict_log_proba` does.
        """
        predicted, true, loss = [], [], 0.0
        for block in [data] if isinstance(data, Dataset) else data:
            if getattr(block, "y", None) is None:
                wrong = "the rows have no labels"
                facts = f"it is {kind_of(data)}"
                if hasattr(block, "x"):
                    facts = f"x {block.x.shape}, y None"
                remedy = "read them with data.read_rows(…, labels=True)"
                raise DataError("Classifier.evaluate", wrong, facts, remedy)
            numbers = getattr(block, "numbers", None)
            log_p = self._log_proba(block if block is data else block.x, numbers)
            loss -= float(log_p[np.arange(len(log_p)), block.y].sum())
            predicted.append(log_p.argmax(axis=1))
            true.append(block.y)
        if not (count := sum(map(len, true))):
            raise DataError(
                "Classifier.evaluate", "there are no rows", "0 rows", "give at least one"
            )
        classes = len(self.schema.class_names)
        counts = confusion_of(np.concatenate(predicted), np.concatenate(true), classes)
        return Evaluation(loss / count, int(counts.hits.sum()) / count, counts)

    def plot(self, test: Dataset | None = None) -> "Figure":
        """Return a figure of matplotlib that shows what the classifier gets right and wrong.

        It has the confusion matrix; of two features that are numbers, the decision regions; of
        images, the mistakes of which it was most confident, and the filters of its first layer.
        `minigrad plot` draws the same for a run. A notebook shows the figure below the cell.

        Args:
            test: labelled rows to test it on, unscaled; None for the results that it was saved
                with, and no rows.

        Raises:
            ArgumentError: if there is nothing to plot, or matplotlib is not installed.
            DataError: as `evaluate`.
        """
        return drawing("Classifier.plot").of_classifier(self, test)

    def _features(self, rows, numbers) -> np.ndarray:
        """Return x (N, F) in the model's dtype; NaN only if the schema says "mean"."""
        names = self.schema.feature_names
        if isinstance(rows, Dataset):
            if (rows.feature_names, rows.class_names) != (names, self.schema.class_names):
                pairs = zip_longest(
                    [*rows.feature_names, None, *rows.class_names],
                    [*names, None, *self.schema.class_names],
                )
                theirs, ours = next(pair for pair in pairs if pair[0] != pair[1])
                wrong = "the set has other features or classes than the model"
                facts = f"{theirs!r} where the model has {ours!r}"
                remedy = "give a set of the same columns and classes, in the same order"
                raise DataError("Classifier.predict", wrong, facts, remedy)
            theirs = rows.schema.offsets if rows.schema else 0.0
            rows, moved = rows.x, self.schema.offsets - theirs
        else:
            rows = features_of("Classifier.predict", rows, self.schema)
            moved = self.schema.offsets
        dtype = self.architecture["dtype"]
        wide = np.float64 if moved.any() else dtype
        x = np.atleast_2d(as_floats("Classifier.predict", rows, wide, len(names)))
        if self.schema.image in (x.shape[1:], (1, *x.shape[1:])):
            x = x.reshape(len(x), len(names))
        if x.ndim != 2 or x.shape[1] != len(names):
            wrong = f"the rows do not fit a model of {counted(len(names), 'feature')}"
            facts = f"rows {x.shape}, features {', '.join(names)}"
            raise ShapeError("Classifier.predict", wrong, facts, f"give an array (N, {len(names)})")
        if moved.any():
            with np.errstate(over="ignore"):
                x = (x - moved).astype(dtype)
        gaps = ~np.isfinite(x)
        if not gaps.any():
            return x
        given = np.asarray(rows, np.float64).reshape(x.shape)
        found, what, are = gaps & np.isfinite(given), f"is too large for {dtype}", "too large"
        remedy = "give values in the units of the training data"
        if not found.any():
            found, what, are = gaps, "is a missing value", "missing"
            remedy = "leave such rows out, or train with missing='mean'"
        if are == "too large" or self.schema.missing != "mean":
            row, column = (int(i) for i in np.argwhere(found)[0])
            number = row if numbers is None else numbers[row]
            wrong = f"row {number}, column {shown(names[column])}: {given[row, column]:g} {what}"
            facts = f"values {are}: {found.sum()} of {x.size}"
            raise DataError("Classifier.predict", wrong, facts, remedy)
        return np.where(gaps, np.nan, x)


def load(path: Path) -> Classifier:
    """Return the Classifier that was saved to `path`, in eval mode.

    Args:
        path: a model file, or a run folder, whose best.npz is read.

    Raises:
        DataError: if the file cannot be read, is damaged, or does not hold a classifier.
    """
    check_path("training.load", path)
    path = os.path.join(path, "best.npz") if os.path.isdir(path) else path
    return restored(os.fspath(path), *headers.read(path, "classifier"))


def restored(where: str, header: dict, arrays: dict[str, np.ndarray]) -> Classifier:
    """Return the Classifier whose `content` was kept in a file, in eval mode.

    Args:
        where: the file.
        header: one that `headers.check_content` took.
        arrays: by name.

    Raises:
        DataError: if header and arrays do not make a classifier.
    """
    try:
        return _classifier(header, arrays)
    except (ValueError, MinigradError) as error:
        wrong = "its header and its arrays do not make a classifier"
        facts = error.args[1:3] if isinstance(error, MinigradError) else [f"{error!s:.300}"]
        raise DataError(where, wrong, ", ".join(facts), headers.COPY) from error


def _classifier(header: dict, arrays: dict[str, np.ndarray]) -> Classifier:
    """Return the classifier of a file's content; ValueError and others if it does not make one."""
    schema = Schema.from_dict(header["schema"])
    parameters = {name: a for name, a in arrays.items() if not name.startswith("scaling.")}
    model = build(header["architecture"], parameters)
    model.eval()
    scales = {name: a for name, a in arrays.items() if name.startswith("scaling.")}
    names = ("shift", "scale", "fill") if "scaling.fill" in scales else ("shift", "scale")
    spec = (len(schema.feature_names),), "float64"
    check_arrays({f"scaling.{name}": spec for name in names}, scales)
    scaling = Scaling(
        scales["scaling.shift"],
        scales["scaling.scale"],
        scales.get("scaling.fill"),
        kind=header["scaling"],
    )
    return Classifier(model, schema, scaling, header["training"])
