"""The generators: their curves, their noise, and the same bytes every time."""

import hashlib

import numpy as np
import pytest

from minigrad.data import blobs, circles, moons, spirals, xor
from minigrad.errors import ArgumentError, DTypeError

GENERATORS = {"moons": moons, "circles": circles, "blobs": blobs, "spirals": spirals, "xor": xor}
TWO_CLASSES = {"moons": moons, "circles": circles, "xor": xor}

every = pytest.mark.parametrize("name", GENERATORS)


def digest(dataset):
    return hashlib.sha256(dataset.x.tobytes() + dataset.y.tobytes()).hexdigest()


def angle(x):
    return np.arctan2(x[:, 1], x[:, 0])


def turned(radians):
    """Return the angles moved into [-π, π)."""
    return (radians + np.pi) % (2 * np.pi) - np.pi


@every
def test_shapes_names_and_defaults(name):
    dataset = GENERATORS[name]()
    assert dataset.x.shape == (1000, 2) and dataset.x.dtype == np.float32
    assert dataset.y.shape == (1000,) and dataset.y.dtype == np.int64
    assert dataset.x.flags.c_contiguous
    assert dataset.name == name
    assert dataset.feature_names == ("x0", "x1")


@every
@pytest.mark.parametrize("n", [3, 10, 11, 100])
def test_class_sizes_differ_by_at_most_one(name, n):
    dataset = GENERATORS[name](n)
    counts = np.bincount(dataset.y, minlength=len(dataset.class_names))
    assert counts.sum() == n
    assert counts.max() - counts.min() <= 1


@every
def test_rows_are_shuffled(name):
    y = GENERATORS[name](100).y
    classes = y.max() + 1
    assert not np.array_equal(y, np.sort(y))
    assert not np.array_equal(y, np.arange(100) % classes)


@every
def test_rng(name):
    generate = GENERATORS[name]
    assert digest(generate(50)) == digest(generate(50, rng=0))
    assert digest(generate(50, rng=7)) == digest(generate(50, rng=7))
    assert digest(generate(50, rng=7)) == digest(generate(50, rng=np.random.default_rng(7)))
    assert digest(generate(50, rng=7)) != digest(generate(50, rng=8))
    assert digest(generate(50, rng=None)) != digest(generate(50, rng=None))
    rng = np.random.default_rng(7)
    assert digest(generate(50, rng=rng)) != digest(generate(50, rng=rng))


@every
def test_float64_holds_the_same_values(name):
    wide = GENERATORS[name](dtype=np.float64)
    assert wide.x.dtype == np.float64
    np.testing.assert_array_equal(wide.x, GENERATORS[name]().x)
    with pytest.raises(DTypeError):
        GENERATORS[name](dtype=np.int64)


@pytest.mark.parametrize(
    ("name", "sha256"),
    [
        ("moons", "44a62400c6528f3590d600e595fd605ec3e9167177fb4660117a9c8c29528303"),
        ("circles", "89c867825e0634f99594200e84b72f99af8437ba92c22e2d1fbb9f9959a8c345"),
        ("blobs", "44005907f92ae9c0c231e06a313d2f88bbf97b7cbd683935ab6a68134c21008e"),
        ("spirals", "9397ca096a3103b788aa2e3f95388a3cabffcfec43647e01bfbd0f44f6cbc075"),
        ("xor", "97107442028ce92992b4f2a1a673f47e66e0ed07a0fb6f022408a4aac357a71a"),
    ],
)
def test_bytes_are_those_of_every_other_numpy(name, sha256):
    assert digest(GENERATORS[name](12, rng=1)) == sha256


def test_moons_curves():
    dataset = moons(noise=0)
    assert dataset.class_names == ("upper", "lower")
    upper, lower = dataset.x[dataset.y == 0], dataset.x[dataset.y == 1]
    for t in (angle(upper), angle([1, 0.5] - lower)):
        assert -1e-6 < t.min() < 0.05 and np.pi - 0.05 < t.max() < np.pi + 1e-6
    np.testing.assert_allclose(np.hypot(*upper.T), 1, rtol=1e-6)
    np.testing.assert_allclose(np.hypot(*(lower - [1, 0.5]).T), 1, rtol=1e-6)


def test_circles_curves():
    dataset = circles(noise=0)
    assert dataset.class_names == ("outer", "inner")
    radius = np.where(dataset.y == 0, 1, 0.5)
    np.testing.assert_allclose(np.hypot(*dataset.x.T), radius, rtol=1e-6)
    for label in (0, 1):
        quarters = np.floor(angle(dataset.x[dataset.y == label]) / (np.pi / 2)).astype(int) + 2
        assert np.bincount(quarters, minlength=4).min() > 80


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_blobs_centres(classes):
    dataset = blobs(100, classes=classes, noise=0)
    assert dataset.class_names == tuple(f"blob_{c}" for c in range(classes))
    t = 2 * np.pi * dataset.y / classes
    np.testing.assert_allclose(dataset.x, np.stack([np.cos(t), np.sin(t)], axis=1), atol=1e-7)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_spirals_curves(classes):
    dataset = spirals(classes=classes, noise=0)
    assert dataset.class_names == tuple(f"arm_{c}" for c in range(classes))
    t = np.hypot(*dataset.x.T)
    assert 0.1 <= t.min() + 1e-6 < 0.11 and 0.99 < t.max() < 1 + 1e-6
    expected = 4 * t + 2 * np.pi * dataset.y / classes
    np.testing.assert_allclose(turned(angle(dataset.x) - expected), 0, atol=1e-5)


def test_xor_corners():
    dataset = xor(noise=0)
    assert dataset.class_names == ("same", "different")
    np.testing.assert_array_equal(np.abs(dataset.x), 1)
    np.testing.assert_array_equal(dataset.x[:, 0] != dataset.x[:, 1], dataset.y == 1)
    corners, counts = np.unique(dataset.x, axis=0, return_counts=True)
    assert len(corners) == 4 and counts.min() > 200


@pytest.mark.parametrize("name", ["moons", "circles", "blobs", "xor"])
def test_noise_is_the_standard_deviation_of_each_coordinate(name):
    generate = GENERATORS[name]
    error = generate(4000, noise=0.5).x - generate(4000, noise=0).x
    np.testing.assert_allclose(error.std(axis=0), 0.5, rtol=0.05)
    np.testing.assert_allclose(error.mean(axis=0), 0, atol=0.05)
    assert abs(np.corrcoef(error.T)[0, 1]) < 0.05


def test_noise_of_spirals_is_the_standard_deviation_of_the_angle():
    noisy, exact = spirals(4000, noise=0.5).x, spirals(4000, noise=0).x
    error = turned(angle(noisy) - angle(exact))
    np.testing.assert_allclose(error.std(), 0.5, rtol=0.05)
    np.testing.assert_allclose(np.hypot(*noisy.T), np.hypot(*exact.T), rtol=1e-5)


@every
def test_defaults_can_be_learnt(name):
    # Each point by the vote of its five nearest others: what a good classifier reaches at least.
    dataset = GENERATORS[name]()
    distance = ((dataset.x[:, None] - dataset.x) ** 2).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    votes = dataset.y[np.argsort(distance, axis=1)[:, :5]]
    predicted = [np.bincount(vote).argmax() for vote in votes]
    assert np.mean(predicted == dataset.y) >= 0.98


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("moons", {"n": 1}, "fewer rows than classes; n 1, classes 2; give n=2 or more"),
        ("circles", {"n": 0}, "fewer rows than classes; n 0, classes 2; give n=2 or more"),
        ("xor", {"n": 1}, "fewer rows than classes; n 1, classes 2; give n=2 or more"),
        ("blobs", {"n": 2}, "fewer rows than classes; n 2, classes 3; give n=3 or more"),
        (
            "spirals",
            {"n": 4, "classes": 5},
            "fewer rows than classes; n 4, classes 5; give n=5 or more",
        ),
        ("blobs", {"classes": 1}, "fewer than 2 classes; classes 1; give classes=2 or more"),
        ("spirals", {"classes": 0}, "fewer than 2 classes; classes 0; give classes=2 or more"),
    ],
)
def test_too_few_rows_or_classes(name, options, text):
    with pytest.raises(ArgumentError) as error:
        GENERATORS[name](**options)
    assert str(error.value) == f"{name}: {text}"


@pytest.mark.parametrize("name", TWO_CLASSES)
def test_as_few_rows_as_classes(name):
    assert len(TWO_CLASSES[name](2)) == 2


@every
@pytest.mark.parametrize("noise", [-0.1, float("nan"), float("inf")])
def test_noise_out_of_range(name, noise):
    with pytest.raises(ArgumentError) as error:
        GENERATORS[name](noise=noise)
    assert str(error.value) == (
        f"{name}: noise must be a finite number, 0 or more; noise {noise}; "
        "give noise=0 for points without error"
    )
