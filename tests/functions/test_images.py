"""Convolution and pooling by their definitions, in plain Python, and what their messages say."""

import itertools

import numpy as np
import pytest

from minigrad import Tensor, gradcheck
from minigrad import functions as F
from minigrad.engine import as_array
from minigrad.errors import ArgumentError, DataError, DTypeError, ShapeError
from tests.helpers import exactly, leaf


def zeros(*shape):
    return np.zeros(shape)


def convolved(x, W, b, stride, padding, dilation, groups):
    """Return the sum of the definition, one output at a time."""
    (s, t), (p, q), (d, e) = stride, padding, dilation
    x = np.pad(x, ((0, 0), (0, 0), (p, p), (q, q)))
    N, _, H, width = x.shape
    filters, channels, kh, kw = W.shape
    rows, columns = (H - d * (kh - 1) - 1) // s + 1, (width - e * (kw - 1) - 1) // t + 1
    y = np.empty((N, filters, rows, columns))
    for n, o, h, w in itertools.product(*map(range, y.shape)):
        first = o // (filters // groups) * channels
        window = x[n, first : first + channels, h * s :: d, w * t :: e][:, :kh, :kw]
        y[n, o, h, w] = (window * W[o]).sum() + b[o]
    return y


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("dilation", [(1, 1), (1, 2)])
@pytest.mark.parametrize("padding", [(0, 0), (2, 1)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
def test_convolution_is_its_definition(stride, padding, dilation, groups):
    rng = np.random.default_rng(0)
    x, b = rng.standard_normal((2, 4, 6, 7)), rng.standard_normal(6)
    W = rng.standard_normal((6, 4 // groups, 3, 2))
    options = stride, padding, dilation, groups
    np.testing.assert_allclose(
        F.conv2d(x, W, b, *options).data, convolved(x, W, b, *options), rtol=0, atol=1e-13
    )


def test_a_filter_is_not_flipped():
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    W = np.array([[1.0, 10.0], [100.0, 1000.0]]).reshape(1, 1, 2, 2)
    y = F.conv2d(x, W).data
    assert y[0, 0].tolist() == [[4310, 5421], [7643, 8754]]


@pytest.mark.parametrize(("f", "reduce"), [(F.max_pool2d, np.max), (F.avg_pool2d, np.mean)])
@pytest.mark.parametrize("stride", [None, 1, (1, 3)])
def test_pooling_is_its_definition(f, reduce, stride):
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 8))
    y = f(x, (2, 3), stride).data
    s, t = {None: (2, 3), 1: (1, 1)}.get(stride, stride)
    for h, w in itertools.product(*map(range, y.shape[2:])):
        window = x[:, :, h * s : h * s + 2, w * t : w * t + 3]
        np.testing.assert_allclose(y[:, :, h, w], reduce(window, axis=(2, 3)), rtol=1e-14)


def test_the_border_is_below_every_number_for_the_maximum_and_zero_for_the_mean():
    x = np.full((1, 1, 2, 2), -4.0)
    assert F.max_pool2d(x, 2, padding=1).data.tolist() == [[[[-4, -4], [-4, -4]]]]
    assert F.avg_pool2d(x, 2, padding=1).data.tolist() == [[[[-1, -1], [-1, -1]]]]


def test_the_first_of_equal_numbers_gets_the_gradient():
    x = leaf(np.array([[1.0, 2.0, 2.0], [2.0, 2.0, 2.0]]).reshape(1, 1, 2, 3))
    F.max_pool2d(x, 2, 1).backward(np.array([[[[10.0, 1.0]]]]))
    assert x.grad[0, 0].tolist() == [[0, 11, 0], [0, 0, 0]]


def test_a_window_may_have_more_elements_than_16_bits_can_count():
    x = leaf(zeros(1, 1, 257, 256))
    x.data[0, 0, 256, 7] = 1  # number 65,543 of the window
    y = F.max_pool2d(x, (257, 256))
    y.backward(np.full(y.shape, 3.0))
    assert y.data.tolist() == [[[[1]]]]
    assert np.argwhere(x.grad).tolist() == [[0, 0, 256, 7]] and x.grad.sum() == 3


INTEGERS = [np.uint8, np.int8, np.uint16, np.int64, np.uint64, np.bool_]
W8 = np.random.default_rng(1).integers(0, 100, (4, 3, 3, 3))
OF_IMAGES = {
    "conv2d": lambda x: F.conv2d(x, W8.astype(as_array(x).dtype)),
    "max_pool2d": lambda x: F.max_pool2d(x, 3, padding=1),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 3, padding=1),
    "avg_pool2d, 16 × 16": lambda x: F.avg_pool2d(x, 16),
    "global_avg_pool2d": F.global_avg_pool2d,
    "batch_norm": lambda x: F.batch_norm(x, np.full(3, 0.5), np.full(3, 2.5)),
    "batch_norm, training": lambda x: F.batch_norm(x, training=True),
    "layer_norm": lambda x: F.layer_norm(x, (16, 16)),
}


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", OF_IMAGES)
def test_integers_alone_are_computed_in_float64(name, dtype):
    f = OF_IMAGES[name]
    x = np.random.default_rng(0).integers(0, 128, (2, 3, 16, 16)).astype(dtype)
    if name == "conv2d" and dtype is np.bool_:
        expected = F.conv2d(x.astype(float), (W8 != 0).astype(float))
    else:
        expected = f(x.astype(float))
    for given in (x, Tensor(x)):
        y = f(given)
        assert y.dtype == np.float64
        np.testing.assert_allclose(y.data, expected.data, rtol=1e-14)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_take_the_dtype_of_the_floats_beside_them(dtype):
    x = np.random.default_rng(0).integers(0, 128, (2, 3, 16, 16)).astype(dtype)
    ones, half = np.ones(3, np.float32), np.full(3, 0.5, np.float32)
    for f in (
        lambda x: F.conv2d(x, W8.astype(np.float32)),
        lambda x: F.batch_norm(x, half, ones),
        lambda x: F.batch_norm(x, half, half, ones, half),
        lambda x: F.batch_norm(x, W=ones, training=True),
        lambda x: F.layer_norm(x, 16, b=np.zeros(16, np.float32)),
    ):
        for given in (x, Tensor(x)):
            y = f(given)
            assert y.dtype == np.float32
            np.testing.assert_array_equal(y.data, f(x.astype(np.float32)).data)


def test_overlapping_windows_add_up():
    x = leaf(zeros(1, 1, 3, 3))
    F.conv2d(x, np.ones((1, 1, 2, 2))).sum().backward()
    assert x.grad[0, 0].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]


def test_images_of_any_order_in_memory_give_the_same():
    """The output of a convolution is a view whose last axis in memory is that of the images."""
    rng = np.random.default_rng(0)
    x, W = rng.standard_normal((3, 2, 6, 6)), rng.standard_normal((4, 2, 3, 3))
    y = F.conv2d(x, W)
    assert y.data.strides[0] == y.data.itemsize
    again = rng.standard_normal((2, 4, 2, 2))
    for order in (np.ascontiguousarray, np.asfortranarray):
        np.testing.assert_array_equal(F.conv2d(order(y.data), again).data, F.conv2d(y, again).data)
    assert gradcheck(lambda x, W: F.max_pool2d(F.relu(F.conv2d(x, W)), 2), [x, W])


def test_an_input_that_needs_no_gradient_costs_none(monkeypatch):
    x, W = Tensor(zeros(2, 1, 5, 5)), leaf(np.ones((3, 1, 2, 2)))
    y = F.conv2d(x, W)
    monkeypatch.setattr("minigrad.functions.convolution.Windows.collected", None)
    y.sum().backward()
    assert W.grad.shape == W.shape


GREY = "give grey images as x[:, None], and a single image as x[None]"
SMALLER = "give a smaller kernel_size, more padding, or fewer layers that shrink the image"


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: F.conv2d(zeros(64, 28, 28), zeros(8, 1, 5, 5)), ShapeError,
         "conv2d: x does not have the axes (N, C, H, W); x (64, 28, 28), W (8, 1, 5, 5); " + GREY),
        (lambda: F.conv2d(zeros(64, 784), zeros(8, 1, 5, 5), zeros(8)), ShapeError,
         "conv2d: x does not have the axes (N, C, H, W); x (64, 784), W (8, 1, 5, 5), b (8,); "
         "reshape it to images"),
        (lambda: F.conv2d(zeros(2, 3, 9, 9), zeros(8, 1, 5, 5)), ShapeError,
         "conv2d: x has 3 channels but W takes 1; x (2, 3, 9, 9), W (8, 1, 5, 5); "
         "give nn.Conv2d in_channels=3"),
        (lambda: F.conv2d(zeros(2, 1, 4, 4), zeros(8, 1, 5, 3)), ShapeError,
         "conv2d: the kernel, 5 × 3, is larger than the padded image, 4 × 4; x (2, 1, 4, 4), "
         "W (8, 1, 5, 3); " + SMALLER),
        (lambda: F.conv2d(zeros(2, 1, 4, 4), zeros(8, 1, 3, 3), padding=1, dilation=3), ShapeError,
         "conv2d: the kernel, 7 × 7, is larger than the padded image, 6 × 6; x (2, 1, 4, 4), "
         "W (8, 1, 3, 3); " + SMALLER),
        (lambda: F.conv2d(zeros(2, 1, 4, 4), zeros(8, 5)), ShapeError,
         "conv2d: W has no filters; x (2, 1, 4, 4), W (8, 5); give W as (O, C, kh, kw)"),
        (lambda: F.conv2d(zeros(1, 2, 3, 3), zeros(0, 2, 1, 2)), ShapeError,
         "conv2d: W has no filters; x (1, 2, 3, 3), W (0, 2, 1, 2); give W as (O, C, kh, kw)"),
        (lambda: F.conv2d(zeros(2, 1, 4, 4), zeros(8, 1, 3, 3), zeros(1)), ShapeError,
         "conv2d: b needs 8 numbers, one for each filter; x (2, 1, 4, 4), W (8, 1, 3, 3), b (1,); "
         "give b as (8,)"),
        (lambda: F.conv2d(zeros(2, 4, 4, 4), zeros(8, 2, 3, 3), groups=3), ArgumentError,
         "conv2d: groups=3 does not divide the channels; 4 in, 8 out; "
         "give a divisor of both, such as 1"),
        (lambda: F.conv2d(zeros(2, 4, 4, 4), zeros(8, 2, 3, 3), stride=0), ArgumentError,
         "conv2d: stride is not a whole number from 1, or a pair of them; stride 0; "
         "give one number, or (rows, columns)"),
        (lambda: F.conv2d(zeros(2, 4, 4, 4), zeros(8, 2, 3, 3), padding="same"), ArgumentError,
         "conv2d: padding is not a whole number from 0, or a pair of them; padding 'same'; "
         "give one number, or (rows, columns)"),
        (lambda: F.conv2d(zeros(2, 4, 4, 4), zeros(8, 2, 3, 3), dilation=(1, 2, 3)), ArgumentError,
         "conv2d: dilation is not a whole number from 1, or a pair of them; dilation (1, 2, 3); "
         "give one number, or (rows, columns)"),
        (lambda: F.max_pool2d(zeros(2, 1, 4, 4), (2, 1.5)), ArgumentError,
         "max_pool2d: kernel_size is not a whole number from 1, or a pair of them; "
         "kernel_size (2, 1.5); give one number, or (rows, columns)"),
        (lambda: F.max_pool2d(zeros(2, 1, 4, 4), 3, padding=2), ArgumentError,
         "max_pool2d: padding is more than half of a window; (2, 2), of (3, 3); "
         "give less padding, or a larger kernel_size"),
        (lambda: F.avg_pool2d(zeros(2, 1, 4, 4), 5), ShapeError,
         "avg_pool2d: the kernel, 5 × 5, is larger than the padded image, 4 × 4; x (2, 1, 4, 4); "
         + SMALLER),
        (lambda: F.global_avg_pool2d(zeros(2, 4, 4)), ShapeError,
         "global_avg_pool2d: x does not have the axes (N, C, H, W); x (2, 4, 4); " + GREY),
        (lambda: F.linear(zeros(64, 16, 4, 4), zeros(10, 256)), ShapeError,
         "linear: x has 4 features but W takes 256; x (64, 16, 4, 4), W (10, 256); "
         "put nn.Flatten() before nn.Linear, with in_features=256"),
        (lambda: F.batch_norm(zeros(1, 4), training=True), ShapeError,
         "batch_norm: a channel has 1 value, and no variance; x (1, 4); "
         "train on batches of 2 rows or more, and call model.eval() to predict"),
        (lambda: F.batch_norm(zeros(5), training=True), ShapeError,
         "batch_norm: x has no axis of channels; x (5,); give x (N, C) or (N, C, H, W)"),
        (lambda: F.batch_norm(zeros(5, 4), zeros(3), zeros(4)), ShapeError,
         "batch_norm: x has 4 channels but running_mean has 3; x (5, 4), running_mean (3,); "
         "give nn.BatchNorm num_features=4"),
        (lambda: F.batch_norm(zeros(3, 4), zeros(4), zeros(4), zeros(1, 4)), ShapeError,
         "batch_norm: W does not have one axis; x (3, 4), W (1, 4); give W as (4,)"),
        (lambda: F.batch_norm(zeros(5, 4), W=zeros(4)), ArgumentError,
         "batch_norm: there is no mean or no variance to use; x (5, 4), training False; "
         "give running_mean and running_var, or pass training=True"),
        (lambda: F.layer_norm(zeros(5, 4), 3), ShapeError,
         "layer_norm: x, W and b have to end in the shape of a row, (3,); x (5, 4), W (3,), b (3,);"
         " give nn.LayerNorm normalized_shape=(4,)"),
        (lambda: F.layer_norm(zeros(2, 4), (3, 4)), ShapeError,
         "layer_norm: x, W and b have to end in the shape of a row, (3, 4); x (2, 4), W (3, 4), "
         "b (3, 4); give x the axes (…, 3, 4)"),
        (lambda: F.layer_norm(1.0, 4), ShapeError,
         "layer_norm: x, W and b have to end in the shape of a row, (4,); x (), W (4,), b (4,); "
         "give x the axes (…, 4)"),
        (lambda: F.layer_norm(zeros(3, 0), 0), ShapeError,
         "layer_norm: a row has no elements, and no mean; x (3, 0); "
         "give rows of 1 element or more"),
        (lambda: F.embedding([0.5], zeros(3, 2)), DTypeError,
         "embedding: t does not hold integers; t (1,) float64, W (3, 2); "
         "convert it with t.astype(int)"),
        (lambda: F.embedding([[0, 1], [2, -1]], zeros(3, 2)), DataError,
         "embedding: -1 at (1, 1) is outside 0 … 2; t (2, 2) int64, W (3, 2); "
         "give nn.Embedding as many num_embeddings as there are numbers"),
        (lambda: F.embedding([0], zeros(3)), ShapeError,
         "embedding: W is not a matrix; t (1,) int64, W (3,); give W as (V, D)"),
    ],
)  # fmt: skip
def test_messages(call, error, text):
    with pytest.raises(error, match=exactly(text)):
        call()
