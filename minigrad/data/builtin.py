"""The built-in sets, by name: four CSV files and five generators."""

import os
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from .cells import Format
from .dataset import Column, Dataset, Schema
from .generators import blobs, circles, moons, spirals, xor


class Info(NamedTuple):
    """What a built-in set holds: counts, the class names in label order, and where it is from."""

    rows: int
    features: int
    classes: tuple[str, ...]
    source: str


BUILTIN: dict[str, Info] = {
    "digits": Info(
        1797, 64, tuple("0123456789"), "8x8 handwritten digits; Alpaydin and Kaynak 1998, UCI"
    ),
    "iris": Info(
        150, 4, ("setosa", "versicolor", "virginica"), "flowers of three species; Fisher 1936, UCI"
    ),
    "wine": Info(
        178,
        13,
        ("class_0", "class_1", "class_2"),
        "analyses of wines of three cultivars; Aeberhard and Forina 1992, UCI",
    ),
    "breast_cancer": Info(
        569,
        30,
        ("malignant", "benign"),
        "cell nuclei of breast tumours; Wolberg, Mangasarian, Street and Street 1993, UCI",
    ),
    "moons": Info(1000, 2, ("upper", "lower"), "generated: two half circles"),
    "circles": Info(1000, 2, ("outer", "inner"), "generated: a circle inside another"),
    "blobs": Info(1000, 2, ("blob_0", "blob_1", "blob_2"), "generated: three round clouds"),
    "spirals": Info(1000, 2, ("arm_0", "arm_1", "arm_2"), "generated: three spiral arms"),
    "xor": Info(1000, 2, ("same", "different"), "generated: a cloud at each corner of a square"),
}

IMAGES = {"digits": (1, 8, 8)}  # (C, H, W)

GENERATORS = {"moons": moons, "circles": circles, "blobs": blobs, "spirals": spirals, "xor": xor}

# A wheel carries the CSV files inside the package, a clone at its top level. The wheel's place
# comes first: beside an installed minigrad, `datasets` is a folder of another project.
HERE = os.path.dirname(os.path.abspath(__file__))
IN_WHEEL = os.path.join(HERE, "csv")
IN_CLONE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "datasets")


def load_builtin(name: str, dtype: np.dtype, missing: str = "error") -> Dataset:
    """Return a built-in set: x (N, F) of `dtype`, y (N,) int64; see BUILTIN for N, F and classes.

    A CSV set comes in the order of its file, unscaled, in the units that datasets/README.md gives;
    a generated one with its generator's defaults and seed 0. `missing` is for files that are read
    by its schema: the set itself is complete.
    """
    if name in GENERATORS:
        drawn = GENERATORS[name](dtype=dtype)
        columns = tuple(map(Column, drawn.feature_names))
        schema = Schema(columns, "", drawn.class_names, missing, by_name=False)
        return replace(drawn, schema=schema)
    folder = IN_WHEEL if os.path.isdir(IN_WHEEL) else IN_CLONE
    return _read(name, os.path.join(folder, f"{name}.csv"), dtype, missing)


def _read(name, path, dtype, missing):
    """Read one of our own files: a header, numbers, and the class name in the last column."""
    classes = BUILTIN[name].classes
    index = {name: i for i, name in enumerate(classes)}
    with open(path, encoding="utf-8") as file:
        *features, label = next(file).rstrip().split(",")
        # One pass of NumPy's own parser, 3 ms for digits; csv.reader and float() take 11 ms.
        table = np.loadtxt(
            file, delimiter=",", converters={len(features): index.__getitem__}, encoding=None
        )
    columns, image = tuple(map(Column, features)), IMAGES.get(name)
    schema = Schema(columns, label, classes, missing, form=Format(","), image=image)
    x, y = table[:, :-1].astype(dtype), table[:, -1].astype(np.int64)
    return Dataset(x, y, schema.feature_names, classes, name, schema)
