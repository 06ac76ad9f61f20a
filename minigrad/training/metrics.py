"""How good a classifier is, from the classes that it predicted and the true ones."""

import numpy as np

DENSE = 50  # classes from which a confusion matrix is stored without its zeros


def confusion_matrix(predicted: np.ndarray, true: np.ndarray, classes: int) -> np.ndarray:
    """Return the counts (C, C): row i, column j holds the rows of class i predicted as class j."""
    matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (true, predicted), 1)
    return matrix


def classification_report(matrix: np.ndarray) -> dict[str, np.ndarray]:
    """Return precision, recall, f1 and support (C,) of each class, from a confusion matrix.

        precision  of the rows predicted as the class, the share that belongs to it
        recall     of the rows that belong to the class, the share predicted as it
        f1         2 · precision · recall / (precision + recall)
        support    the number of rows of the class

    A share of no rows is 0, as in scikit-learn.
    """
    hits = np.diag(matrix).astype(float)
    support, predicted = matrix.sum(axis=1), matrix.sum(axis=0)
    return {
        "precision": hits / np.maximum(predicted, 1),
        "recall": hits / np.maximum(support, 1),
        "f1": 2 * hits / np.maximum(support + predicted, 1),
        "support": support,
    }


def packed(matrix: np.ndarray) -> list | dict[str, list[int]]:
    """Return a confusion matrix for JSON: its rows or, from 50 classes on, where it is not 0.

    Most of a large matrix is 0: that of 2,000 classes has 4 million elements.
    """
    if len(matrix) < DENSE:
        return matrix.tolist()
    true, predicted = np.nonzero(matrix)
    counts = matrix[true, predicted]
    found = {"true": true, "predicted": predicted, "count": counts}
    return {name: values.tolist() for name, values in found.items()}


def unpacked(stored: list | dict[str, list[int]], classes: int) -> np.ndarray:
    """Return the confusion matrix (C, C) that `packed` stored."""
    if isinstance(stored, list):
        return np.array(stored, dtype=np.int64)
    matrix = np.zeros((classes, classes), dtype=np.int64)
    matrix[stored["true"], stored["predicted"]] = stored["count"]
    return matrix


def averages(matrix: np.ndarray) -> dict[str, dict[str, float]]:
    """Return precision, recall and f1 over all classes, from a confusion matrix.

    macro  the mean over the classes, each counting the same
    micro  from the counts of all classes together; each row has one class and is predicted as
           one, so all three are the accuracy
    """
    shares = {k: v for k, v in classification_report(matrix).items() if k != "support"}
    accuracy = float(np.trace(matrix) / max(matrix.sum(), 1))
    return {
        "macro": {name: float(values.mean()) for name, values in shares.items()},
        "micro": dict.fromkeys(shares, accuracy),
    }
