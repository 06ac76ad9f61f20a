"""The decision regions of a classifier with two features, and the rows that it was made from."""

import os
from typing import NamedTuple

import numpy as np

from ..errors import ArgumentError, DataError
from ..text import printable
from ..training import Classifier, Run, load, run_data, run_folder

MARGIN = 0.05  # of the rows' range, on each side
MOST_CLASSES = 200
SPREAD = 2.5  # standard deviations on each side of the mean, if the rows are gone


class Plane(NamedTuple):
    """Two features, and what a classifier predicts for them.

    Attributes:
        classifier: the model with its scaling.
        names: the names of the features; the first one is across.
        low, high (2,): the corners of the picture, in the units of the features.
        points (N, 2), labels (N,): the rows and their classes; N is 0 if the rows are gone.
    """

    classifier: Classifier
    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    points: np.ndarray
    labels: np.ndarray

    def regions(self, rows: int, columns: int) -> np.ndarray:
        """Return the class predicted at the middle of each cell, (rows, columns).

        The first row is at the top, at the largest values of the second feature.
        """
        across, up = (
            low + (np.arange(n) + 0.5) / n * (high - low)
            for low, high, n in zip(self.low, self.high, (columns, rows), strict=True)
        )
        cells = np.stack(np.meshgrid(across, up[::-1]), axis=-1)
        return self.classifier.predict_proba(cells.reshape(-1, 2)).argmax(1).reshape(rows, columns)


def read_plane(run: Run) -> tuple[Plane | None, tuple[str, ...]]:
    """Return the plane of a run, None unless its features are two numbers, and remarks.

    The data is read again. If it is gone or has changed since, the plane has no points, and a
    remark says why.

    Raises:
        DataError: if the model's file is damaged.
    """
    if len(run.features) != 2:
        return None, ()
    if len(run.classes) > MOST_CLASSES:
        why = f"{len(run.classes)} classes are too many to tell apart"
        return None, (f"{run.folder}: no decision regions: {why}",)
    path = os.path.join(run.folder, run_folder.BEST)
    if not os.path.exists(path):
        yet = " yet" if run.status == "running" else ""
        return None, (f"{run.folder}: no decision regions: there is no {run_folder.BEST}{yet}",)
    classifier = load(path)
    if not has_plane(classifier):
        return None, ()  # two values of a text column: there is nothing between them
    try:
        return plane_of(classifier, *_rows(run)), ()
    except (ArgumentError, DataError, OSError) as error:
        return _without_rows(run, classifier, error)


def has_plane(classifier: Classifier) -> bool:
    """Return whether a classifier has two features, both numbers."""
    columns = classifier.schema.columns
    return len(columns) == 2 and all(column.values is None for column in columns)


def plane_of(classifier: Classifier, points: np.ndarray, labels: np.ndarray) -> Plane:
    """Return the plane around rows (N, 2), in the units of the features, and their labels (N,)."""
    fill = classifier.scaling.fill + classifier.schema.offsets
    points = np.where(np.isnan(points), fill, points)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, MARGIN * (high - low), np.maximum(MARGIN * np.abs(high), 1.0))
    names = tuple(map(printable, classifier.schema.feature_names))
    return Plane(classifier, names, low - margin, high + margin, points, labels)


def _rows(run):
    """Return the rows (N, 2) and the labels (N,) that a run was trained and tested on."""
    dataset = run_data.read_again(run)
    parts = [dataset] if dataset.test is None else [dataset, dataset.test]
    offsets = dataset.schema.offsets
    points = np.concatenate([part.x for part in parts])
    if offsets.any():
        points = points + offsets
    return points, np.concatenate([part.y for part in parts])


def _without_rows(run, classifier, error):
    """Return the plane without the rows, and the remark."""
    plane = plane_without_rows(classifier)
    if plane is None:
        return None, (f"{run.folder}: no decision regions without rows or scaling: {error}",)
    return plane, (f"{run.folder}: decision regions without the rows: {error}",)


def plane_without_rows(classifier: Classifier) -> Plane | None:
    """Return the plane where the training rows were, as the scaling shows; None if it does not."""
    scaling = classifier.scaling
    if scaling.kind == "none":
        return None
    shift = scaling.shift + classifier.schema.offsets
    low, high = shift - SPREAD * scaling.scale, shift + SPREAD * scaling.scale
    if scaling.kind == "minmax":
        low, high = shift, shift + scaling.scale
    empty = np.empty((0, 2)), np.empty(0, dtype=np.int64)
    names = tuple(map(printable, classifier.schema.feature_names))
    return Plane(classifier, names, low, high, *empty)
