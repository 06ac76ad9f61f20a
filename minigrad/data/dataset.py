"""Dataset: features, labels and their names. Schema: how a file's columns become these."""

import contextlib
import math
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np

from ..errors import DataError, DTypeError
from ..fields import FLAG, TEXT, Maybe, check, number, one_of, whole
from ..text import counted
from .cells import FORM, PLAIN, Format
from .problems import MISSING_RULES


class Column(NamedTuple):
    """A column of the file: numbers, or words of which each becomes a feature.

    values: the words, sorted. They are one-hot: the feature of the word in the file is 1, the
        others are 0. None for a column of numbers.
    offset: what is subtracted from a number before it becomes float32, which cannot tell large
        numbers apart that are close to each other; 0 for most columns.
    """

    name: str
    values: tuple[str, ...] | None = None
    offset: float = 0.0


# The fields of a Schema as JSON.
SCHEMA = {
    "columns": [{"name": TEXT, "values": Maybe([TEXT]), "offset?": number()}],
    "label": TEXT,
    "class_names": [TEXT],
    "missing": one_of(*MISSING_RULES),
    "by_name": FLAG,
    "form": FORM,
    "left_out": [TEXT],
    "dropped": [whole()],
    "image?": (whole(1), whole(1), whole(1)),
}


@dataclass(frozen=True)
class Schema:
    """How the rows of a file become features and labels.

    columns: the columns that the features come from, in the order of the features.
    label: the name of the label's column, "" if the labels are not a column.
    class_names: the classes in label order.
    missing: what happens to a missing value. "error"; "drop": its row is left out; "mean": it is
        NaN, which Scaling fills with the mean of the training rows, or 0 in the features of a
        one-hot column.
    by_name: whether the file named its columns; if not, `column_3` is the fourth one.
    form: how the file was written.
    left_out: the names of the columns that could not be features.
    dropped: the places of those that were not wanted, counted from 0.
    image: (C, H, W) if a row's features are an image: its pixels, row by row, channel by channel.
    """

    columns: tuple[Column, ...]
    label: str
    class_names: tuple[str, ...]
    missing: str = "error"
    by_name: bool = True
    form: Format = PLAIN
    left_out: tuple[str, ...] = ()
    dropped: tuple[int, ...] = ()
    image: tuple[int, int, int] | None = None

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One name for each feature: the column's own, or name=value for a one-hot value."""
        return tuple(
            name
            for column, values, _ in self.columns
            for name in ([column] if values is None else [f"{column}={v}" for v in values])
        )

    @property
    def offsets(self) -> np.ndarray:
        """The offset of each feature, (F,) float64; a Dataset's x is the values minus these."""
        return np.repeat(
            [column.offset for column in self.columns],
            [1 if column.values is None else len(column.values) for column in self.columns],
        )

    def to_dict(self) -> dict:
        """Return the fields as values that JSON can hold."""
        columns = [column._asdict() for column in self.columns]
        fields = {**vars(self), "columns": columns, "form": asdict(self.form)}
        if self.image is None:  # as before there were any
            del fields["image"]
        return fields

    @classmethod
    def from_dict(cls, fields: dict) -> Self:
        """Return the Schema whose `to_dict` gave these fields, before or after JSON.

        Raises DataError if a field is absent, unknown or of another kind.
        """
        try:
            check(fields, SCHEMA)
        except ValueError as error:
            raise _damaged(str(error)) from error
        known = [name.removesuffix("?") for name in SCHEMA]
        if unknown := [name for name in fields if name not in known]:
            raise _damaged(f"{unknown[0]!r:.40} is not one of {', '.join(known)}")
        columns = tuple(
            Column(
                column["name"],
                column["values"] and tuple(column["values"]),
                column.get("offset", 0.0),
            )
            for column in fields["columns"]
        )
        classes, form = tuple(fields["class_names"]), fields["form"]
        names = [fields["label"], *(column.name for column in columns)]
        for what, values in (("columns", names), ("classes", classes)):
            if len(set(values)) < len(values):
                raise _damaged(f"two {what} have the same name")
        image = fields.get("image")
        features = sum(len(column.values or "1") for column in columns)
        if image is not None and math.prod(image) != features:
            raise _damaged(f"image is {image} for {counted(features, 'feature')}")
        na = None if form["na"] is None else tuple(form["na"])
        return cls(
            columns,
            fields["label"],
            classes,
            fields["missing"],
            fields["by_name"],
            Format(**{**{name: form[name] for name in FORM}, "na": na}),
            tuple(fields["left_out"]),
            tuple(fields["dropped"]),
            image and tuple(image),
        )


@dataclass(frozen=True, eq=False)
class Dataset:
    """A labelled table.

    x (N, F) floats, float32 unless asked otherwise; y (N,) int64, each an index into class_names.
    feature_names has F strings, class_names has C.
    schema: how a file's rows become these features, so that other files can be read likewise.
    test: the source's own test set, if it comes with one.
    notes: what was decided about the source, a sentence each, to be printed.
    weights (N,): how often each row counts in the scaling and in the loss; None counts each once.
    x and y may be pandas' or masked arrays: they go by position, and are kept as plain arrays.
    If the schema has offsets, x is the file's values minus these.
    x is finite, except that NaN is a missing value if schema.missing is "mean".

    Raises DataError if lengths disagree, a label has no class or a weight is not 0 or more,
    DTypeError if x is not floating or y is not int64.
    """

    x: np.ndarray
    y: np.ndarray
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    name: str = ""
    schema: Schema | None = None
    test: Self | None = None
    notes: tuple[str, ...] = ()
    weights: np.ndarray | None = None

    def __post_init__(self):
        for name in ("x", "y"):
            object.__setattr__(self, name, plain(getattr(self, name)))
        x, y, classes = self.x, self.y, len(self.class_names)
        check_pair("Dataset", x, y)
        if x.dtype.kind != "f" or y.dtype != np.int64:
            facts = f"x {x.dtype}, y {y.dtype}"
            remedy = "convert them with x.astype(np.float32) and y.astype(np.int64)"
            raise DTypeError("Dataset", "x must be floating and y int64", facts, remedy)
        if len(self.feature_names) != x.shape[1]:
            wrong = counted(len(self.feature_names), "feature name")
            wrong += f" for {counted(x.shape[1], 'feature')}"
            facts = f"x {x.shape}, feature_names {self.feature_names}"
            raise DataError("Dataset", wrong, facts, "give one name for each column of x")
        strangers = np.flatnonzero((y < 0) | (y >= classes))
        if len(strangers):
            row = strangers[0]
            wrong, facts = f"label {y[row]} at row {row} has no class name", self.class_names
            remedy = f"count the labels from 0 to {classes - 1}"
            raise DataError("Dataset", wrong, f"class_names {facts}", remedy)
        if self.weights is not None:
            w = np.asarray(self.weights, x.dtype)
            if w.shape != y.shape or not (np.isfinite(w) & (w >= 0)).all():
                wrong, facts = "weights are not one number of 0 or more a row", f"weights {w.shape}"
                facts += f" from {w.min():g} to {w.max():g}" if w.size else ""
                remedy = f"give {len(x)} numbers"
                raise DataError("Dataset", wrong, f"x {x.shape}, {facts}", remedy)
            object.__setattr__(self, "weights", w)

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        title = f"Dataset {self.name}".rstrip()
        rows, features = self.x.shape
        sizes = counted(rows, "row"), counted(features, "feature")
        return f"<{title}: {', '.join(sizes)}, {counted(len(self.class_names), 'class')}>"

    def take(self, rows: np.ndarray | slice) -> Self:
        """Return the same set with only `rows`: indices in the order wanted, a mask or a slice.

        The part has no `test`.
        """
        weights = None if self.weights is None else self.weights[rows]
        return replace(self, x=self.x[rows], y=self.y[rows], weights=weights, test=None)


def plain(values: Any) -> Any:
    """Return a pandas or a masked array as a plain array, and anything else as it is.

    A missing value, which a mask hides, is NaN. Rows that are masked arrays may be in a list.
    """
    if isinstance(values, (list, tuple)) and any(np.ma.isMA(row) for row in values):
        with contextlib.suppress(ValueError):  # rows of different lengths
            values = np.ma.array(values)
    if isinstance(values, np.ma.MaskedArray):
        if values.dtype.kind not in "fiub" or not np.ma.is_masked(values):
            return values.data
        return values.astype(np.result_type(values, np.float32)).filled(np.nan)
    if not hasattr(values, "to_numpy"):
        return values
    array = values.to_numpy()
    if array.dtype.kind == "O":  # of several types, or with missing values
        # By way of objects: as float64, pandas would count the nanoseconds of dates.
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            return values.to_numpy(dtype=object, na_value=np.nan).astype(np.float64)
    return array


def check_pair(where: str, x: np.ndarray, y: np.ndarray) -> None:
    """Raise DataError if x and y are not (N, F) and (N,)."""
    if x.ndim != 2 or y.shape != x.shape[:1]:
        wrong, facts = "x and y do not pair up as (N, F) and (N,)", f"x {x.shape}, y {y.shape}"
        raise DataError(where, wrong, facts, "give one label for each row of x")


def _damaged(facts):
    wrong = "these are not the fields of a schema"
    return DataError("Schema.from_dict", wrong, facts, "give what to_dict returned")
