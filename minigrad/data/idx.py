"""Folders of IDX files, the format of MNIST: images and labels, gzip or not.

Source: http://yann.lecun.com/exdb/mnist, "The IDX file format".
"""

import math
import os

import numpy as np

from ..errors import DataError
from .arrays import Arrays, read_bytes
from .text import opened, unzipped

UBYTE = 0x08
DIMENSIONS = {"images": 3, "labels": 1}


def is_idx_folder(names: list[str]) -> bool:
    """Return whether some of the file names are those of MNIST's parts."""
    return any(_find(names, part, kind) for part in ("train", "t10k") for kind in DIMENSIONS)


def read_idx_folder(
    folder: str | os.PathLike, names: list[str], where: str, need_y: bool
) -> list[Arrays]:
    """Return the train-… and the t10k-… pair of a folder, or the one of them that is there.

    x (N, R C) uint8, pixel_r_c for row r and column c; y (N,) uint8.

    Raises DataError for a damaged file, a pair that is not whole, and pairs that do not fit.
    """
    parts = [part for part in ("train", "t10k") if any(_find(names, part, k) for k in DIMENSIONS)]
    pairs = [_read_pair(folder, names, part, where, need_y) for part in parts]
    if len({pair.feature_names for pair in pairs}) > 1:
        raise DataError(
            where,
            "the train-… and t10k-… images differ in size",
            f"their last pixels are {' and '.join(pair.feature_names[-1] for pair in pairs)}",
            "give pairs of one set",
        )
    return pairs


def _find(names, part, kind):
    """Return the name of a file, None where it is not there; .gz only where the other is not."""
    for ending in ("", ".gz"):
        for dash in "-.":
            name = f"{part}-{kind}{dash}idx{DIMENSIONS[kind]}-ubyte{ending}"
            if name in names:
                return name
    return None


def _read_pair(folder, names, part, where, need_y):
    images, labels = (_find(names, part, kind) for kind in DIMENSIONS)
    if images is None or (labels is None and need_y):
        kind = "images" if images is None else "labels"
        raise DataError(
            where,
            f"has no {part}-{kind}-idx{DIMENSIONS[kind]}-ubyte",
            f"there is {images or labels}",
            "put the images and the labels into one folder",
        )
    x = _read_idx(os.path.join(folder, images), os.path.join(where, images), 3)
    y = None
    if labels is not None and need_y:
        y = _read_idx(os.path.join(folder, labels), os.path.join(where, labels), 1)
        if len(x) != len(y):
            raise DataError(
                where,
                f"{images} and {labels} differ in length",
                f"{len(x)} images, {len(y)} labels",
                "give the files of one set",
            )
    rows, columns = x.shape[1:]
    pixels = tuple(f"pixel_{r}_{c}" for r in range(rows) for c in range(columns))
    return Arrays(os.path.join(where, images), x.reshape(len(x), -1), y, pixels)


def _read_idx(path, where, dimensions):
    """Return the array in an IDX file of bytes with so many dimensions."""
    with opened(path) as file, unzipped(file, where) as plain:
        magic = plain.read(4)
        if magic != bytes([0, 0, UBYTE, dimensions]):
            raise DataError(
                where,
                "is no IDX file of bytes",
                f"it starts with {magic.hex(' ') or 'nothing'}, not 00 00 08 {dimensions:02x}",
                "copy or download it again",
            )
        sizes = plain.read(4 * dimensions)
        shape = tuple(np.frombuffer(sizes[: len(sizes) // 4 * 4], ">u4").tolist())
        if len(shape) < dimensions or 0 in shape:
            raise DataError(
                where,
                "holds nothing",
                f"its header declares shape {shape}",
                "copy or download it again",
            )
        size = math.prod(shape)
        data = read_bytes(plain, size, where, f"shape {shape}")
    return np.frombuffer(data, np.uint8).reshape(shape)
