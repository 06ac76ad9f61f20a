"""A model file and rows that fit it, for the commands that use a model."""

import numpy as np

from minigrad import data, nn
from minigrad.training import Classifier

CLASSES = ("small, round", 'a "long" one', "größer")  # what CSV quotes, and what is not ASCII


def classifier(missing="error", by_name=True, dtype=np.float32):
    """Return a classifier of two numbers and a colour; it has learned nothing."""
    rng = np.random.default_rng(4)
    columns = (data.Column("width"), data.Column("colour", ("blue", "red")), data.Column("height"))
    schema = data.Schema(columns, "kind", CLASSES, missing, by_name, data.Format(","))
    scaling = data.Scaling.fit(rng.normal(3, 2, (50, 4)))
    model = nn.mlp(4, [8], 3, rng=rng, dtype=dtype)
    return Classifier(model, schema, scaling, {"options": {"lr": 0.1}, "epoch": 7})


def features(rows):
    """Return x (N, 4) of rows (width, colour, height)."""
    return np.array([(w, c == "blue", c == "red", h) for w, c, h in rows], np.float32)


def make_rows(count, seed=1):
    """Return rows (width, colour, height)."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(3, 2, (count, 2)).round(3)
    colours = rng.choice(["blue", "red"], count)
    return [(w, c, h) for (w, h), c in zip(numbers.tolist(), colours.tolist(), strict=True)]


def write_csv(path, rows, header=("width", "colour", "height")):
    """Write a CSV file, quoting nothing."""
    lines = [header, *rows] if header else rows
    path.write_text("".join(",".join(map(str, line)) + "\n" for line in lines), "utf-8")
    return path
