"""batches: every row once, shuffled, and errors at the call."""

import numpy as np
import pytest

from minigrad.data import batches
from minigrad.errors import ArgumentError, ShapeError

X = np.arange(30, dtype=np.float32).reshape(10, 3)
Y = np.arange(10)


def epoch(rng, size=4):
    return [y.tolist() for _, y in batches(X, Y, size, rng=rng)]


@pytest.mark.parametrize(
    ("size", "sizes"), [(4, [4, 4, 2]), (5, [5, 5]), (1, [1] * 10), (10, [10]), (99, [10])]
)
def test_every_row_comes_once_beside_its_label(size, sizes):
    pairs = [*batches(X, Y, size, rng=0)]
    assert [len(x) for x, _ in pairs] == [len(y) for _, y in pairs] == sizes
    for x, y in pairs:
        np.testing.assert_array_equal(x, X[y])
    order = np.concatenate([y for _, y in pairs])
    assert sorted(order) == [*range(10)]
    assert order.tolist() != [*range(10)]


def test_batches_are_contiguous_copies():
    original = X.copy()
    for x, y in batches(X, Y, 4, rng=0):
        assert x.flags.c_contiguous and y.flags.c_contiguous
        x[:] = -1
    np.testing.assert_array_equal(X, original)


def test_images_and_no_rows():
    images = np.zeros((10, 1, 8, 8), np.float32)
    assert [x.shape for x, _ in batches(images, Y, 6, rng=0)] == [(6, 1, 8, 8), (4, 1, 8, 8)]
    assert [*batches(X[:0], Y[:0], 4, rng=0)] == []


def test_rng():
    assert epoch(3) == epoch(3) == epoch(np.random.default_rng(3))
    assert epoch(3) != epoch(4)
    assert epoch(None, size=1) != epoch(None, size=1)
    rng = np.random.default_rng(3)
    assert epoch(rng) != epoch(rng)


def test_one_permutation_is_drawn_at_the_call():
    rng, twin = np.random.default_rng(3), np.random.default_rng(3)
    batches(X, Y, 4, rng=rng)
    twin.permutation(len(X))
    assert rng.bit_generator.state == twin.bit_generator.state


def test_errors_come_at_the_call():
    with pytest.raises(ShapeError) as error:
        batches(X, Y[:9], 4, rng=0)
    assert str(error.value) == (
        "batches: x has 10 rows but y has 9; x (10, 3), y (9,); give one label for each row of x"
    )
    for size in (0, -1):
        with pytest.raises(ArgumentError) as error:
            batches(X, Y, size, rng=0)
        assert str(error.value) == (f"batches: size must be 1 or more; size {size}; give size=32")
    with pytest.raises(TypeError):
        batches(X, Y, 2.5, rng=0)
