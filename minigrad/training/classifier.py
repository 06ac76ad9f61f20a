"""Classifier: a trained network with all that it takes to use it, in one file."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest

import numpy as np

from .. import functions as F
from .. import nn
from ..data import Dataset, Scaling, Schema
from ..data.prepare import KINDS
from ..errors import ArgumentError, DataError, ShapeError
from ..tensor import Tensor
from . import archive
from .loop import Evaluation
from .metrics import confusion_matrix

BLOCK = 1024  # rows that go through the network at once


@dataclass(frozen=True, eq=False)
class Classifier:
    """A network, what goes into it and comes out of it, and how it was trained.

    model: maps scaled features (N, F) to logits (N, C); one that `nn.mlp` makes.
    schema: the columns that the F features come from, and the names of the C classes.
    scaling: what is done to the features first.
    training: how the model came about; anything that JSON can hold.

    Raises ArgumentError where the model is none that `nn.mlp` makes, ShapeError where model,
    schema and scaling do not agree on F and C.
    """

    model: nn.Sequential
    schema: Schema
    scaling: Scaling
    training: dict = field(default_factory=dict)

    def __post_init__(self):
        features, classes = len(self.schema.feature_names), len(self.schema.class_names)
        inputs, outputs = self.architecture["inputs"], self.architecture["outputs"]
        if (inputs, outputs) != (features, classes) or self.scaling.shift.shape != (features,):
            raise ShapeError(
                "Classifier",
                f"the parts do not agree on {features} features and {classes} classes",
                f"model {inputs} -> {outputs}, scaling {self.scaling.shift.shape}",
                "give the model, the schema and the scaling of one data set",
            )

    @property
    def architecture(self) -> dict:
        """The arguments for which `nn.mlp` makes such a model, and "type": "mlp"."""
        layers = self.model.layers if type(self.model) is nn.Sequential else ()
        linears = [layer for layer in layers if isinstance(layer, nn.Linear)]
        names = {kind: name for name, kind in nn.ACTIVATIONS.items()}
        activations = [names[type(layer)] for layer in layers if type(layer) in names]
        activation = activations[0] if activations else "relu"
        dropout = next((layer.p for layer in layers if isinstance(layer, nn.Dropout)), 0.0)
        twin = nn.mlp(1, [1] * len(linears[1:]), 1, activation=activation, dropout=dropout, rng=0)
        parameters = self.model.parameters()
        two_each = len(parameters) == 2 * len(linears)  # no layer without a bias, none twice
        if not two_each or list(map(_kind, layers)) != list(map(_kind, twin.layers)):
            raise ArgumentError(
                "Classifier",
                "only a network such as nn.mlp makes can be kept in a model file",
                f"this one is a {type(self.model).__name__} of {len(layers)} layers",
                "keep its parameters alone with np.savez(path, **model.state_dict())",
            )
        sizes = [linears[0].weight.shape[1], *(linear.weight.shape[0] for linear in linears)]
        return {
            "type": "mlp",
            "inputs": sizes[0],
            "hidden": sizes[1:-1],
            "outputs": sizes[-1],
            "activation": activation,
            "dropout": dropout,
            "dtype": str(parameters[0].dtype),
        }

    def save(self, path, *, sync: bool = True) -> None:
        """Write the classifier to one file; `load` gives it back. See `archive.write`.

        Raises:
            ArgumentError: the model is none that `nn.mlp` makes, or `training` is not JSON.
            DataError: the file cannot be written; what stood there is unchanged.
        """
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
        archive.write(path, header, {**self.model.state_dict(), **scaling}, sync=sync)

    def predict(self, rows) -> np.ndarray:
        """Return the name of the most probable class of each row, (N,). See `predict_log_proba`."""
        names = np.array(self.schema.class_names)
        return names[self.predict_log_proba(rows).argmax(axis=1)]

    def predict_proba(self, rows) -> np.ndarray:
        """Return the probability of each class, (N, C), float64. See `predict_log_proba`."""
        return np.exp(self.predict_log_proba(rows))

    def predict_log_proba(self, rows, numbers: Sequence[int] | None = None) -> np.ndarray:
        """Return the logarithm of the probability of each class, (N, C), float64.

        The result of a row does not depend on the other rows, to the bit.

        Args:
            rows: a Dataset, or its x (N, F), or one row (F,): unscaled features. A missing value
                is NaN or infinite, and filled where the schema says "mean".
            numbers: what an error calls the rows; they are counted from 0 without it.

        Raises:
            ShapeError: the rows have not F features.
            DataError: a value is missing and the schema does not say "mean", a Dataset's features
                have other names, or values are so large that a logit is not finite.
        """
        x = self._features(rows, numbers)
        log_p = np.empty((len(x), len(self.schema.class_names)))
        # Values too large end in the error below, without NumPy's warnings.
        with nn.evaluating(self.model), np.errstate(all="ignore"):
            for start in range(0, len(x), BLOCK):
                z = self._logits(x[start : start + BLOCK])
                log_p[start : start + BLOCK] = F.log_softmax(z.astype(np.float64)).data
        strange = ~np.isfinite(log_p).all(axis=1)
        if strange.any():
            row = int(strange.argmax())
            column = int(np.abs(np.nan_to_num(x[row]) / self.scaling.scale).argmax())
            raise DataError(
                "Classifier.predict",
                f"the logits of row {row if numbers is None else numbers[row]} are not finite",
                f"column {self.schema.feature_names[column]!r} holds {x[row, column]:g}",
                "give values in the units of the training data",
            )
        return log_p

    def evaluate(self, data: Dataset | Iterable) -> Evaluation:
        """Return log loss, accuracy and confusion matrix on labelled rows.

        Args:
            data: a Dataset, or blocks with x (n, F) and y (n,), such as `data.read_rows` yields.

        Raises:
            DataError: there are no rows, or as in `predict_log_proba`.
        """
        classes = len(self.schema.class_names)
        confusion, loss = np.zeros((classes, classes), np.int64), 0.0
        for block in [data] if isinstance(data, Dataset) else data:
            if block.y is None:
                raise DataError(
                    "Classifier.evaluate",
                    "the rows have no labels",
                    f"x {block.x.shape}, y None",
                    "read them with data.read_rows(…, labels=True)",
                )
            numbers = getattr(block, "numbers", None)
            log_p = self.predict_log_proba(block if block is data else block.x, numbers)
            loss -= float(log_p[np.arange(len(log_p)), block.y].sum())
            confusion += confusion_matrix(log_p.argmax(axis=1), block.y, classes)
        count = int(confusion.sum())
        if not count:
            raise DataError(
                "Classifier.evaluate", "there are no rows", "0 rows", "give at least one"
            )
        return Evaluation(loss / count, int(np.trace(confusion)) / count, confusion)

    def _logits(self, x: np.ndarray) -> np.ndarray:
        """Return what `model` gives, (n, C), with a matrix product of its own for each row.

        One product for all rows is 2.5 times as fast, but in what order BLAS adds up a row depends
        on how many there are and where it stands among them: OpenBLAS's sgemm has three orders.
        """
        y = Tensor(self.scaling.apply(x)[:, np.newaxis])
        for layer in self.model.layers:
            if isinstance(layer, nn.Linear):
                y = F.matmul(y, layer.weight.T) + layer.bias
            else:
                y = layer(y)
        return y.data[:, 0]

    def _features(self, rows, numbers) -> np.ndarray:
        """Return x (N, F) in the model's dtype; NaN only where the schema says "mean"."""
        names = self.schema.feature_names
        if isinstance(rows, Dataset):
            if (rows.feature_names, rows.class_names) != (names, self.schema.class_names):
                pairs = zip_longest(
                    [*rows.feature_names, None, *rows.class_names],
                    [*names, None, *self.schema.class_names],
                )
                theirs, ours = next(pair for pair in pairs if pair[0] != pair[1])
                raise DataError(
                    "Classifier.predict",
                    "the set has other features or classes than the model",
                    f"{theirs!r} where the model has {ours!r}",
                    "give a set of the same columns and classes, in the same order",
                )
            rows = rows.x
        # In C order: BLAS adds up strided rows in another order.
        try:
            with np.errstate(over="ignore"):
                x = np.atleast_2d(np.asarray(rows, self.model.parameters()[0].dtype, order="C"))
        except (TypeError, ValueError) as error:
            raise DataError(
                "Classifier.predict",
                "the rows are no numbers",
                str(error),
                f"give an array (N, {len(names)}); data.read_rows reads files by model.schema",
            ) from error
        if x.ndim != 2 or x.shape[1] != len(names):
            raise ShapeError(
                "Classifier.predict",
                f"the rows do not have the {len(names)} features of the model",
                f"rows {x.shape}, features {', '.join(names)}",
                f"give an array (N, {len(names)})",
            )
        gaps = ~np.isfinite(x)
        if not gaps.any():
            return x
        if self.schema.missing != "mean":
            row, column = (int(i) for i in np.argwhere(gaps)[0])
            number = row if numbers is None else numbers[row]
            raise DataError(
                "Classifier.predict",
                f"row {number}, column {names[column]!r}: {x[row, column]} is a missing value",
                f"{gaps.sum()} of {x.size} values are missing",
                "leave such rows out, or train with missing='mean'",
            )
        return np.where(gaps, np.nan, x)


def load(path) -> Classifier:
    """Return the Classifier that was saved to `path`, in eval mode.

    Args:
        path: a model file, or a run folder, of which best.npz is taken.

    Raises:
        DataError: the file cannot be read, is damaged, or holds no classifier.
    """
    path = os.path.join(path, "best.npz") if os.path.isdir(path) else path
    header, arrays = archive.read(path)
    if header.get("content") != "classifier":
        raise DataError(
            os.fspath(path),
            "it holds no classifier",
            f"content {header.get('content')!r:.80}",
            "give a model file, such as best.npz",
        )
    try:
        schema = Schema.from_dict(header["schema"])
        model = _build(header["architecture"], schema, arrays)
        parts = (arrays.get(f"scaling.{name}") for name in ("shift", "scale", "fill"))
        scaling = Scaling(*parts, kind=header["scaling"])
        if scaling.kind not in KINDS or not (scaling.scale > 0).all():
            raise ValueError(f"scaling {scaling.kind!r}, {scaling.scale}")
        return Classifier(model, schema, scaling, {**header["training"]})
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            os.fspath(path),
            "its header and its arrays do not make a classifier",
            f"{type(error).__name__}: {error}",
            "use an undamaged copy of it, or train again",
        ) from error


def _build(fields: dict, schema: Schema, arrays: dict[str, np.ndarray]) -> nn.Sequential:
    """Return the network with its parameters; ValueError where the arrays are not the right ones.

    The arrays are there already, so that sizes which fit them cannot be absurd.
    """
    sizes = [fields["inputs"], *fields["hidden"], fields["outputs"]]
    features = len(schema.feature_names)
    if fields["type"] != "mlp":
        raise ValueError(f"architecture {fields['type']!r}")
    dropout = float(fields["dropout"])
    layers = 3 if dropout else 2  # that each hidden width makes
    names = ("shift", "scale", *(["fill"] if "scaling.fill" in arrays else []))
    expected = {f"scaling.{name}": ((features,), "float64") for name in names}
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        expected[f"{i * layers}.weight"] = (outputs, inputs), fields["dtype"]
        expected[f"{i * layers}.bias"] = (outputs,), fields["dtype"]
    found = {name: (array.shape, str(array.dtype)) for name, array in arrays.items()}
    for name in {**expected, **found}:
        if found.get(name) != expected.get(name):
            raise ValueError(f"{name} is {found.get(name)}, not {expected.get(name)}")
    options = {"activation": fields["activation"], "dropout": dropout}
    model = nn.mlp(sizes[0], sizes[1:-1], sizes[-1], **options, rng=0, dtype=fields["dtype"])
    model.load_state_dict(
        {name: a for name, a in arrays.items() if not name.startswith("scaling.")}
    )
    return model.eval()


def _kind(layer: nn.Module) -> tuple:
    """Return what makes a layer the same as another, but for a Linear's sizes."""
    return type(layer), "" if isinstance(layer, nn.Linear) else layer.extra_repr()
