"""Scaling: every feature with mean 0 and deviation 1, or from 0 to 1, and missing values filled."""

from dataclasses import dataclass, replace
from typing import Self, TypeVar

import numpy as np

from ..errors import ArgumentError, DataError, ShapeError
from .dataset import Dataset

Data = TypeVar("Data", Dataset, np.ndarray)
KINDS = ("standard", "minmax", "none")


@dataclass(frozen=True, eq=False)
class Scaling:
    """x -> (x - shift) / scale, with shift (F,) and scale (F,) in the units of the features.

    fill (F,) takes the place of NaN, a missing value; None leaves NaN as it is.
    kind: "standard", "minmax" or "none", how shift and scale were chosen.

    Fit it on the training part only, and apply that one to all parts and to whatever is predicted
    later. Statistics of the whole set would tell the model about the test rows, and the measured
    accuracy would no longer be one on unseen data.
    """

    shift: np.ndarray
    scale: np.ndarray
    fill: np.ndarray | None = None
    kind: str = "standard"

    @classmethod
    @np.errstate(over="ignore", invalid="ignore")  # of values too large, which are refused
    def fit(cls, data: Data, kind: str = "standard") -> Self:
        """Return the scaling of a Dataset or its x (N, F), computed in float64 and without NaN.

        standard    mean 0 and standard deviation 1 in each column; the deviation is the
                    population's (divided by N, as scikit-learn's StandardScaler does)
        minmax      each column from 0 to 1
        none        x stays as it is, but for missing values

        A constant column has nothing to scale: it gets scale 1. A missing value, NaN, will be
        filled with the mean of its column.

        Raises ArgumentError for another kind, ShapeError where x is not (N, F), DataError where it
        has no rows or a column has no values.
        """
        if kind not in KINDS:
            raise ArgumentError(
                "Scaling.fit",
                f"kind {kind!r} is unknown",
                f"there are {', '.join(KINDS)}",
                "give kind='standard'",
            )
        x = data.x if isinstance(data, Dataset) else data
        if x.ndim != 2:
            raise ShapeError(
                "Scaling.fit",
                "x is not a table of rows and features",
                f"x {x.shape}",
                "give x as (N, F)",
            )
        if len(x) == 0:
            raise DataError(
                "Scaling.fit",
                "x has no rows to take statistics of",
                f"x {x.shape}",
                "fit on the training part",
            )
        gaps = np.isnan(x)
        for f in np.flatnonzero(gaps.all(axis=0)):
            raise DataError(
                "Scaling.fit",
                f"{_name(data, f)!r} has no value in the training rows to take a mean of",
                f"x {x.shape}, all {len(x)} of this column missing",
                "leave the column out",
            )
        # NumPy's own functions where there are no gaps: the others make copies.
        gappy = gaps.any()
        smallest, largest = (np.nanmin, np.nanmax) if gappy else (np.min, np.max)
        mean, deviation = (np.nanmean, np.nanstd) if gappy else (np.mean, np.std)
        low, high = smallest(x, axis=0), largest(x, axis=0)
        fill = mean(x, axis=0, dtype=np.float64)
        shift, scale = np.zeros_like(fill), np.ones_like(fill)
        varies = high > low  # not `std > 0`: rounding gives a constant column of 0.1 about 1e-17
        if kind == "standard":
            shift = fill
            scale = np.where(varies, deviation(x, axis=0, dtype=np.float64), 1.0)
        elif kind == "minmax":
            shift = low.astype(np.float64)
            scale = np.where(varies, high - shift, 1.0)
        reach = np.maximum(np.abs(low), np.abs(high), dtype=np.float64)
        limit = np.finfo(x.dtype if x.dtype.kind == "f" else np.float32).max / 4
        for f in np.flatnonzero((reach > limit) | ~np.isfinite(scale)):
            raise DataError(
                "Scaling.fit",
                f"the values of {_name(data, f)!r} are too large to calculate with in {x.dtype}",
                f"they lie from {low[f]:g} to {high[f]:g}",
                "change the unit, or leave the column out",
            )
        return cls(shift, scale, fill, kind)

    def apply(self, data: Data) -> Data:
        """Return `data`, a Dataset or its x (N, F), scaled: a new array of x's own dtype.

        Whole numbers become float32. A Dataset's own test set is scaled with it.

        Raises ShapeError where x is not (N, F) with the F that the scaling was fitted on.
        """
        if isinstance(data, Dataset):
            test = None if data.test is None else self.apply(data.test)
            return replace(data, x=self.apply(data.x), test=test)
        if data.ndim != 2 or data.shape[1] != len(self.shift):
            raise ShapeError(
                "Scaling.apply",
                f"x does not have the {len(self.shift)} features that were fitted",
                f"x {data.shape}, shift {self.shift.shape}",
                f"give x as (N, {len(self.shift)})",
            )
        dtype = data.dtype if data.dtype.kind == "f" else np.float32
        scaled = np.subtract(data, self.shift, dtype=dtype)
        if self.fill is not None:
            np.copyto(scaled, self.fill - self.shift, where=np.isnan(data), casting="same_kind")
        scaled /= self.scale
        return scaled


def _name(data: Data, feature: int) -> str:
    return data.feature_names[feature] if isinstance(data, Dataset) else f"feature {feature}"
