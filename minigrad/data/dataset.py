"""Dataset: features, labels and the names of both, in one value."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ..errors import DataError, DTypeError
from .schema import Schema


@dataclass(frozen=True, eq=False)
class Dataset:
    """A labelled table.

    x (N, F) floats, float32 unless asked otherwise; y (N,) int64, each an index into class_names.
    feature_names has F strings, class_names has C.
    schema: how a file's rows become these features, so that other files can be read likewise.
    test: the source's own test set, where it comes with one.
    notes: what was decided about the source, a sentence each, to be printed.
    x is finite, but for NaN where a value is missing and schema.missing is "mean".

    Raises DataError where lengths disagree or a label has no class, DTypeError where x is not
    floating or y is not int64.
    """

    x: np.ndarray
    y: np.ndarray
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    name: str = ""
    schema: Schema | None = None
    test: Self | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        x, y, classes = self.x, self.y, len(self.class_names)
        if x.ndim != 2 or y.shape != x.shape[:1]:
            raise DataError(
                "Dataset",
                "x and y do not pair up as (N, F) and (N,)",
                f"x {x.shape}, y {y.shape}",
                "give one row of x for each label",
            )
        if x.dtype.kind != "f" or y.dtype != np.int64:
            raise DTypeError(
                "Dataset",
                "x must be floating and y int64",
                f"x {x.dtype}, y {y.dtype}",
                "convert them with x.astype(np.float32) and y.astype(np.int64)",
            )
        if len(self.feature_names) != x.shape[1]:
            raise DataError(
                "Dataset",
                f"{len(self.feature_names)} feature names for {x.shape[1]} features",
                f"x {x.shape}, feature_names {self.feature_names}",
                "give one name for each column of x",
            )
        strangers = np.flatnonzero((y < 0) | (y >= classes))
        if len(strangers):
            row = strangers[0]
            raise DataError(
                "Dataset",
                f"label {y[row]} at row {row} has no class name",
                f"class_names {self.class_names}",
                f"count the labels from 0 to {classes - 1}",
            )

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        title = f"Dataset {self.name}".rstrip()
        rows, features = self.x.shape
        return f"<{title}: {rows} rows, {features} features, {len(self.class_names)} classes>"

    def take(self, rows: np.ndarray | slice) -> Self:
        """Return the same set with only `rows`: indices in the order wanted, a mask or a slice.

        A test set of its own stays with the whole.
        """
        return replace(self, x=self.x[rows], y=self.y[rows], test=None)
