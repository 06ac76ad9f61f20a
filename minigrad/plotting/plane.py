"""The decision regions of a classifier of two numbers, and the rows that it was made from."""

from typing import NamedTuple

import numpy as np

from ..training import Classifier


class Plane(NamedTuple):
    """Two features, and what a classifier makes of them.

    Attributes:
        classifier: the model with its scaling.
        names: of the features, the one across first.
        low, high (2,): the corners of what is shown, in the units of the features.
        points (N, 2), labels (N,): the rows and their classes; N is 0 where the rows are gone.
    """

    classifier: Classifier
    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    points: np.ndarray
    labels: np.ndarray

    def regions(self, rows: int, columns: int) -> np.ndarray:
        """Return the class (rows, columns) that is predicted in the middle of each cell.

        The first row is the upper one, at the largest values of the second feature.
        """
        across, up = (
            low + (np.arange(n) + 0.5) / n * (high - low)
            for low, high, n in zip(self.low, self.high, (columns, rows), strict=True)
        )
        cells = np.stack(np.meshgrid(across, up[::-1]), axis=-1)
        return self.classifier.predict_proba(cells.reshape(-1, 2)).argmax(1).reshape(rows, columns)
