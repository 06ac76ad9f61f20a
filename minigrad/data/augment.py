"""What is done to training images at random, so that a network sees more of them."""

from collections.abc import Sequence

import numpy as np

from ..typing import Rng


def shifted(x: np.ndarray, image: Sequence[int], most: int, *, rng: Rng) -> np.ndarray:
    """Return rows of pixels (N, C · H · W), each image moved by up to `most` pixels on both axes.

    Each image is moved by whole numbers of its own, uniform from -most to most. What would come
    from outside is the nearest pixel of the border.

    image: (C, H, W).
    rng: a `numpy.random.Generator`, an int seed, or None for fresh entropy.
    """
    rng = np.random.default_rng(rng)
    _, height, width = image
    down, across = rng.integers(-most, most + 1, (2, len(x), 1))
    rows = np.clip(np.arange(height) - down, 0, height - 1)  # (N, H): where each comes from
    columns = np.clip(np.arange(width) - across, 0, width - 1)
    n = np.arange(len(x))[:, None, None]
    # Indices beside a slice put its axis last: (N, H, W, C).
    moved = x.reshape(len(x), *image)[n, :, rows[:, :, None], columns[:, None, :]]
    return np.moveaxis(moved, 3, 1).reshape(x.shape)
