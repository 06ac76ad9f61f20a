"""Toy sets drawn from formulas, with two features each, to look at and to learn on.

Every generator draws its labels first, already shuffled, and then one point for each label.
The same seed gives the same bytes with every NumPy from 1.26 on.
"""

import math

import numpy as np

from ..errors import ArgumentError
from ..typing import DTypeLike, Rng
from .dataset import Dataset


def moons(
    n: int = 1000, *, noise: float = 0.1, rng: Rng = 0, dtype: DTypeLike = np.float32
) -> Dataset:
    """Return two interleaving half circles.

    With t uniform in [0, π):

        upper   (cos t, sin t)
        lower   (1 - cos t, 1/2 - sin t)

    noise: standard deviation of the normal error on each coordinate; the radius is 1.
    x (n, 2) of `dtype`, y (n,) int64; shuffled, class sizes at most 1 apart.

    Raises ArgumentError for n < 2 or a negative noise.
    Source: the two curves of scikit-learn's make_moons.
    """
    rng, y = _draw_labels("moons", n, 2, noise, rng)
    t = rng.uniform(0, np.pi, n)
    upper = np.cos(t), np.sin(t)
    lower = 1 - np.cos(t), 0.5 - np.sin(t)
    x = np.stack(np.where(y == 0, upper, lower), axis=1)
    x += noise * rng.standard_normal((n, 2))
    return _dataset("moons", x, y, ("upper", "lower"), dtype)


def circles(
    n: int = 1000, *, noise: float = 0.08, rng: Rng = 0, dtype: DTypeLike = np.float32
) -> Dataset:
    """Return a circle inside another.

    With t uniform in [0, 2π):

        outer   (cos t, sin t)
        inner   (cos t, sin t) / 2

    noise: standard deviation of the normal error on each coordinate; the outer radius is 1.
    x (n, 2) of `dtype`, y (n,) int64; shuffled, class sizes at most 1 apart.

    Raises ArgumentError for n < 2 or a negative noise.
    Source: scikit-learn's make_circles, with the radii 1 and 1/2.
    """
    rng, y = _draw_labels("circles", n, 2, noise, rng)
    t = rng.uniform(0, 2 * np.pi, n)
    radius = np.where(y == 0, 1, 0.5)
    x = np.stack([radius * np.cos(t), radius * np.sin(t)], axis=1)
    x += noise * rng.standard_normal((n, 2))
    return _dataset("circles", x, y, ("outer", "inner"), dtype)


def blobs(
    n: int = 1000,
    *,
    classes: int = 3,
    noise: float = 0.25,
    rng: Rng = 0,
    dtype: DTypeLike = np.float32,
) -> Dataset:
    """Return one round cloud per class, the centres evenly spaced on the unit circle.

        centre of class c   (cos t, sin t),   t = 2π c / classes

    noise: standard deviation of a cloud on each coordinate; neighbouring centres lie
    2 sin(π / classes) apart, so many classes need less of it.
    x (n, 2) of `dtype`, y (n,) int64; shuffled, class sizes at most 1 apart.

    Raises ArgumentError for classes < 2, n < classes or a negative noise.
    """
    rng, y = _draw_labels("blobs", n, classes, noise, rng)
    t = 2 * np.pi * y / classes
    x = np.stack([np.cos(t), np.sin(t)], axis=1)
    x += noise * rng.standard_normal((n, 2))
    return _dataset("blobs", x, y, tuple(f"blob_{c}" for c in range(classes)), dtype)


def spirals(
    n: int = 1000,
    *,
    classes: int = 3,
    noise: float = 0.2,
    rng: Rng = 0,
    dtype: DTypeLike = np.float32,
) -> Dataset:
    """Return one spiral arm per class, evenly spaced in angle.

    With the radius t uniform in [0.1, 1):

        arm c   t (cos a, sin a),   a = 4 t + 2π c / classes + noise · N(0, 1)

    noise: standard deviation of the angle in radians, so that the arms stay apart near the centre;
    they are 2π / classes apart, so many classes need less of it.
    x (n, 2) of `dtype`, y (n,) int64; shuffled, class sizes at most 1 apart.

    Raises ArgumentError for classes < 2, n < classes or a negative noise.
    Source: the spirals of Stanford's course CS231n, "Putting it together: minimal neural network
    case study", which start at radius 0, where the classes meet.
    """
    rng, y = _draw_labels("spirals", n, classes, noise, rng)
    t = rng.uniform(0.1, 1, n)
    angle = 4 * t + 2 * np.pi * y / classes + noise * rng.standard_normal(n)
    x = np.stack([t * np.cos(angle), t * np.sin(angle)], axis=1)
    return _dataset("spirals", x, y, tuple(f"arm_{c}" for c in range(classes)), dtype)


def xor(
    n: int = 1000, *, noise: float = 0.3, rng: Rng = 0, dtype: DTypeLike = np.float32
) -> Dataset:
    """Return a cloud at each corner of a square; the class says whether the signs differ.

    With a and b each -1 or 1:

        same        (a, b),   a = b
        different   (a, b),   a = -b

    noise: standard deviation of a cloud on each coordinate; the square's sides are 2.
    x (n, 2) of `dtype`, y (n,) int64; shuffled, class sizes at most 1 apart.

    Raises ArgumentError for n < 2 or a negative noise.
    Source: Minsky and Papert, "Perceptrons", 1969: what no linear classifier can learn.
    """
    rng, y = _draw_labels("xor", n, 2, noise, rng)
    a = rng.choice([-1.0, 1.0], n)
    x = np.stack([a, np.where(y == 0, a, -a)], axis=1)
    x += noise * rng.standard_normal((n, 2))
    return _dataset("xor", x, y, ("same", "different"), dtype)


def _draw_labels(where, n, classes, noise, rng):
    """Check the arguments; return the Generator and n shuffled labels, evenly divided."""
    if classes < 2:
        raise ArgumentError(
            where, "fewer than 2 classes", f"classes {classes}", "give classes=2 or more"
        )
    if n < classes:
        facts, remedy = f"n {n}, classes {classes}", f"give n={classes} or more"
        raise ArgumentError(where, "fewer rows than classes", facts, remedy)
    if not 0 <= noise < math.inf:
        wrong = "noise must be a finite number, 0 or more"
        raise ArgumentError(where, wrong, f"noise {noise}", "give noise=0 for points without error")
    rng = np.random.default_rng(rng)
    return rng, rng.permutation(np.arange(n, dtype=np.int64) % classes)


def _dataset(name, x, y, class_names, dtype):
    # float32 first, whatever the dtype: it drops the last bits of sin and cos, which need not be
    # the same in every NumPy.
    x = x.astype(np.float32).astype(dtype)
    return Dataset(x, y, ("x0", "x1"), class_names, name)
