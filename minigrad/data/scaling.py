"""Standardisation: every feature with mean 0 and standard deviation 1."""

from dataclasses import dataclass, replace
from typing import Self, TypeVar

import numpy as np

from ..errors import DataError, ShapeError
from .dataset import Dataset

Data = TypeVar("Data", Dataset, np.ndarray)


@dataclass(frozen=True, eq=False)
class Scaling:
    """x -> (x - shift) / scale, with shift (F,) and scale (F,) in the units of the features.

    Fit it on the training part only, and apply that one to all parts and to whatever is predicted
    later. Statistics of the whole set would tell the model about the test rows, and the measured
    accuracy would no longer be one on unseen data.
    """

    shift: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, x: np.ndarray) -> Self:
        """Return the scaling that gives each column of x (N, F) mean 0 and standard deviation 1.

        Computed in float64, with the standard deviation of the population (divided by N, as
        scikit-learn's StandardScaler does). A constant column has nothing to scale: it gets 1.

        Raises ShapeError where x is not (N, F), DataError where it has no rows.
        """
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
        # Not `std > 0`: rounding gives a constant column of 0.1 a deviation of about 1e-17.
        varies = x.max(axis=0) > x.min(axis=0)
        scale = np.where(varies, x.std(axis=0, dtype=np.float64), 1.0)
        return cls(shift=x.mean(axis=0, dtype=np.float64), scale=scale)

    def apply(self, data: Data) -> Data:
        """Return `data`, a Dataset or its x (N, F), scaled: a new array of x's own dtype.

        Whole numbers become float32.

        Raises ShapeError where x is not (N, F) with the F that the scaling was fitted on.
        """
        if isinstance(data, Dataset):
            return replace(data, x=self.apply(data.x))
        if data.ndim != 2 or data.shape[1] != len(self.shift):
            raise ShapeError(
                "Scaling.apply",
                f"x does not have the {len(self.shift)} features that were fitted",
                f"x {data.shape}, shift {self.shift.shape}",
                f"give x as (N, {len(self.shift)})",
            )
        dtype = data.dtype if data.dtype.kind == "f" else np.float32
        scaled = np.subtract(data, self.shift, dtype=dtype)
        scaled /= self.scale
        return scaled
