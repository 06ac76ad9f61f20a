"""How good a classifier is, from the classes that it predicted and the true ones."""

from typing import NamedTuple

import numpy as np

DENSE = 50  # classes from which a confusion matrix is stored without its zeros


class Confusion(NamedTuple):
    """A confusion matrix without its zeros: that of 10,000 classes would take 800 MB.

    true, predicted (P,): the pairs of classes that occur, in the order of the matrix.
    count (P,): in how many rows they do.
    classes: C.
    """

    true: np.ndarray
    predicted: np.ndarray
    count: np.ndarray
    classes: int

    @classmethod
    def of(cls, matrix: "np.ndarray | Confusion") -> "Confusion":
        """Return the Confusion that a matrix (C, C) holds; a Confusion as it is."""
        if isinstance(matrix, Confusion):
            return matrix
        true, predicted = np.nonzero(matrix)
        return cls(true, predicted, matrix[true, predicted], len(matrix))

    @property
    def matrix(self) -> np.ndarray:
        """The counts (C, C): row i, column j holds the rows of class i predicted as class j."""
        matrix = np.zeros((self.classes, self.classes), dtype=np.int64)
        matrix[self.true, self.predicted] = self.count
        return matrix

    @property
    def hits(self) -> np.ndarray:
        """How many rows of each class were predicted as it, (C,)."""
        right = self.true == self.predicted
        return self._sums(self.true[right], self.count[right])

    @property
    def support(self) -> np.ndarray:
        """How many rows belong to each class, (C,)."""
        return self._sums(self.true, self.count)

    @property
    def answers(self) -> np.ndarray:
        """How many rows were predicted as each class, (C,)."""
        return self._sums(self.predicted, self.count)

    def _sums(self, classes, count):
        sums = np.zeros(self.classes, dtype=np.int64)
        np.add.at(sums, classes, count)
        return sums


def confusion_of(predicted: np.ndarray, true: np.ndarray, classes: int) -> Confusion:
    """Return the Confusion of the predicted and the true classes of rows, (N,) each."""
    places, count = np.unique(true * classes + predicted, return_counts=True)
    return Confusion(*np.divmod(places, classes), count, classes)


def confusion_matrix(predicted: np.ndarray, true: np.ndarray, classes: int) -> np.ndarray:
    """Return the counts (C, C): row i, column j holds the rows of class i predicted as class j."""
    return confusion_of(predicted, true, classes).matrix


def classification_report(confusion: np.ndarray | Confusion) -> dict[str, np.ndarray]:
    """Return precision, recall, f1 and support (C,) of each class, from a confusion matrix.

        precision  of the rows predicted as the class, the share that belongs to it
        recall     of the rows that belong to the class, the share predicted as it
        f1         2 · precision · recall / (precision + recall)
        support    the number of rows of the class

    A share of no rows is 0, as in scikit-learn.
    """
    confusion = Confusion.of(confusion)
    hits = confusion.hits.astype(float)
    support, predicted = confusion.support, confusion.answers
    return {
        "precision": hits / np.maximum(predicted, 1),
        "recall": hits / np.maximum(support, 1),
        "f1": 2 * hits / np.maximum(support + predicted, 1),
        "support": support,
    }


def packed(confusion: Confusion) -> list | dict[str, list[int]]:
    """Return a confusion matrix for JSON: its rows or, from 50 classes on, where it is not 0."""
    if confusion.classes < DENSE:
        return confusion.matrix.tolist()
    return {name: getattr(confusion, name).tolist() for name in ("true", "predicted", "count")}


def unpacked(stored: list | dict[str, list[int]], classes: int) -> Confusion:
    """Return the Confusion that `packed` stored."""
    if isinstance(stored, list):
        return Confusion.of(np.array(stored, dtype=np.int64))
    pairs = (np.array(stored[name], np.int64) for name in ("true", "predicted", "count"))
    return Confusion(*pairs, classes)


def averages(confusion: np.ndarray | Confusion) -> dict[str, dict[str, float]]:
    """Return precision, recall and f1 over all classes, from a confusion matrix.

    macro  the mean over the classes, each counting the same
    micro  from the counts of all classes together; each row has one class and is predicted as
           one, so all three are the accuracy
    """
    confusion = Confusion.of(confusion)
    shares = {k: v for k, v in classification_report(confusion).items() if k != "support"}
    accuracy = float(confusion.hits.sum() / max(confusion.count.sum(), 1))
    return {
        "macro": {name: float(values.mean()) for name, values in shares.items()},
        "micro": dict.fromkeys(shares, accuracy),
    }
