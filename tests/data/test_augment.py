"""shifted: each image moves as a whole, by what it drew, and its border is repeated."""

import numpy as np

from minigrad.data import shifted

IMAGE = (2, 5, 6)


def moved(image, down, across):
    """Return one image (C, H, W) moved, element by element."""
    channels, height, width = image.shape
    result = np.empty_like(image)
    for c, i, j in np.ndindex(channels, height, width):
        row = min(max(i - down, 0), height - 1)
        result[c, i, j] = image[c, row, min(max(j - across, 0), width - 1)]
    return result


def test_each_image_is_one_of_its_shifts_and_all_of_them_come():
    x = np.random.default_rng(0).standard_normal((500, 60)).astype(np.float32)
    given = x.copy()
    y = shifted(x, IMAGE, 2, rng=np.random.default_rng(1))
    assert (y.dtype, y.shape) == (x.dtype, x.shape)
    np.testing.assert_array_equal(x, given)
    seen = []
    for one, other in zip(x.reshape(500, *IMAGE), y.reshape(500, *IMAGE), strict=True):
        places = [
            (down, across)
            for down in range(-2, 3)
            for across in range(-2, 3)
            if np.array_equal(moved(one, down, across), other)
        ]
        assert len(places) == 1
        seen += places
    assert len(set(seen)) == 25 and max(map(seen.count, set(seen))) < 40  # of 20 each


def test_the_generator_decides():
    x = np.random.default_rng(0).standard_normal((9, 60))
    rng = np.random.default_rng(3)
    first, second = shifted(x, IMAGE, 1, rng=rng), shifted(x, IMAGE, 1, rng=rng)
    np.testing.assert_array_equal(first, shifted(x, IMAGE, 1, rng=3))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(shifted(x, IMAGE, 0, rng=3), x)
