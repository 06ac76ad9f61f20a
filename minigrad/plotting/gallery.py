"""What a classifier of images gets wrong, and what its first layer looks for."""

import os
from typing import NamedTuple

import numpy as np

from .. import nn
from ..data import Dataset
from ..errors import ArgumentError, DataError
from ..text import counted
from ..training import Classifier, Run, load, run_data, run_folder

MOST = 24  # mistakes that are kept


class Mistake(NamedTuple):
    """An image (C, H, W) that was not recognised, its classes, and the predicted one's probability.

    The classes are indices.
    """

    image: np.ndarray
    true: int
    predicted: int
    probability: float


class Gallery(NamedTuple):
    """The images that a picture of a run shows.

    Attributes:
        mistakes: those of the held-out rows in which the model was most confident, the most
            confident one first.
        wrong, rows: how many mistakes there are, in how many held-out rows; 0 rows if they are
            gone.
        filters: the weights (O, C, h, w) of the first layer: filters of a convolution, or of each
            hidden unit one weight for each pixel.
    """

    mistakes: list[Mistake]
    wrong: int
    rows: int
    filters: np.ndarray


def read_gallery(run: Run) -> tuple[Gallery | None, tuple[str, ...]]:
    """Return the gallery of a run, None unless it was trained on images, and remarks.

    The data is read again. If it is gone or has changed since, the gallery has no mistakes, and a
    remark says why.

    Raises:
        DataError: if the model's file is damaged.
    """
    image, path = run.facts["data"].get("image"), os.path.join(run.folder, run_folder.BEST)
    if image is None or not os.path.exists(path):
        return None, ()
    classifier = load(path)
    try:
        return gallery_of(classifier, run_data.held_out(run)), ()
    except (ArgumentError, DataError, OSError) as error:
        remark = f"{run.folder}: no mistakes to show: {error}"
        return gallery_of(classifier, None), (remark,)


def gallery_of(classifier: Classifier, held_out: Dataset | None) -> Gallery:
    """Return the gallery of a classifier of images and of rows to test it on."""
    image = classifier.schema.image
    filters = _first_weights(classifier, image)
    if held_out is None:
        return Gallery([], 0, 0, filters)
    p = classifier.predict_proba(held_out)
    predicted, probability = p.argmax(axis=1), p.max(axis=1)
    wrong = np.flatnonzero(predicted != held_out.y)
    first = wrong[np.argsort(-probability[wrong], kind="stable")][:MOST]
    images = (held_out.x + classifier.schema.offsets).reshape(-1, *image)
    mistakes = [
        Mistake(images[row], int(held_out.y[row]), int(predicted[row]), float(probability[row]))
        for row in first
    ]
    return Gallery(mistakes, len(wrong), len(held_out), filters)


def _first_weights(classifier: Classifier, image: list[int]) -> np.ndarray:
    """Return the weights (O, C, h, w) of the first Conv2d or Linear."""
    layers = [module for _, module in classifier.model.named_modules()]
    first = next(layer for layer in layers if isinstance(layer, (nn.Conv2d, nn.Linear)))
    weight = first.weight.data
    return weight.reshape(-1, *image) if isinstance(first, nn.Linear) else weight


def part_of(shown: int, all: int, noun: str) -> str:
    """Return "2 of 7 mistakes", or "7 mistakes" if all are shown."""
    return f"{shown} of {counted(all, noun)}" if shown < all else counted(all, noun)


def mean_of_channels(filters: np.ndarray) -> list[str]:
    """Return what to say of the filters (O, C, h, w) that `grey` draws, nothing if C is 1."""
    return [f"the mean of {filters.shape[1]} channels"] if filters.shape[1] > 1 else []


def grey(image: np.ndarray) -> np.ndarray:
    """Return the mean (H, W) of the channels of an image (C, H, W)."""
    return image.mean(axis=0)
