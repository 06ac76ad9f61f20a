"""Batch norm and layer norm as layers: PyTorch's running statistics, state, modes and text."""

import numpy as np
import pytest

from minigrad import Tensor, debug, gradcheck, nn, no_grad
from minigrad.errors import ArgumentError, ShapeError
from tests.helpers import assert_same_arrays, exactly

SHAPES = {nn.BatchNorm1d: [(6, 3), (6, 3, 4)], nn.BatchNorm2d: [(5, 3, 4, 2)]}
EACH = [(kind, shape) for kind, shapes in SHAPES.items() for shape in shapes]
BUFFERS = ["running_mean", "running_var", "num_batches_tracked"]


def batches(shape, count=4):
    rng = np.random.default_rng(0)
    return [rng.normal(2, 3, shape) for _ in range(count)]


@pytest.mark.parametrize("recording", [True, False])
@pytest.mark.parametrize("momentum", [0.1, 0.7, 1.0, None])
@pytest.mark.parametrize(("kind", "shape"), EACH)
def test_running_statistics_are_those_of_pytorch(kind, shape, momentum, recording):
    torch = pytest.importorskip("torch")
    ours = kind(3, momentum=momentum, dtype=np.float64)
    theirs = getattr(torch.nn, kind.__name__)(3, momentum=momentum, dtype=torch.float64)
    for x in batches(shape):
        if recording:
            y = ours(Tensor(x, requires_grad=True))
        else:
            with no_grad():
                y = ours(x)
        expected = theirs(torch.tensor(x)).detach().numpy()
        np.testing.assert_allclose(y.data, expected, rtol=0, atol=1e-13)
        state = theirs.state_dict()
        assert list(ours.state_dict()) == list(state)
        for name, array in ours.state_dict().items():
            np.testing.assert_allclose(array, state[name].numpy(), rtol=1e-13, err_msg=name)
            assert array.dtype == state[name].numpy().dtype
    x = batches(shape)[0]
    np.testing.assert_allclose(
        ours.eval()(x).data, theirs.eval()(torch.tensor(x)).detach().numpy(), rtol=0, atol=1e-13
    )
    before = ours.state_dict()
    ours(x)
    assert_same_arrays(before, ours.state_dict())


def test_state_crosses_over_to_pytorch_and_back():
    torch = pytest.importorskip("torch")
    ours = nn.Sequential(nn.Conv2d(1, 3, 2, rng=0), nn.BatchNorm2d(3), nn.Flatten())
    layers = torch.nn
    theirs = layers.Sequential(layers.Conv2d(1, 3, 2), layers.BatchNorm2d(3), layers.Flatten())
    x = np.random.default_rng(0).standard_normal((4, 1, 5, 5)).astype(np.float32)
    for _ in range(3):
        theirs(torch.tensor(x))
    ours.load_state_dict(dict(theirs.state_dict()))
    assert ours[1].num_batches_tracked == 3 and set(ours.state_dict()) == set(theirs.state_dict())
    expected = theirs.eval()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(ours.eval()(x).data, expected, rtol=1e-5, atol=1e-6)
    ours.train()(x)
    theirs.load_state_dict({name: torch.from_numpy(a) for name, a in ours.state_dict().items()})
    expected = theirs.eval()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(ours.eval()(x).data, expected, rtol=1e-5, atol=1e-6)


def test_buffers_are_state_and_not_parameters():
    layer = nn.BatchNorm1d(3)
    model = nn.Sequential(nn.Linear(2, 3, rng=0), layer, nn.Sequential(layer))
    names = ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert [name for name, _ in model.named_parameters()] == names
    assert list(model.state_dict()) == [*names, *[f"1.{name}" for name in BUFFERS]]
    state = {**model.state_dict(), "2.0.running_mean": np.zeros(3)}  # its other name
    state["1.running_mean"], state["1.num_batches_tracked"] = np.arange(3.0), np.array(7)
    held = layer.running_mean
    model.load_state_dict(state)
    assert layer.running_mean is held and held.tolist() == [0, 1, 2]
    assert layer.num_batches_tracked == 7 and layer.num_batches_tracked.dtype == np.int64
    state["1.running_var"] = np.zeros(2)
    del state["1.num_batches_tracked"]
    with pytest.raises(ArgumentError) as error:
        model.load_state_dict(state)
    assert "missing 1.num_batches_tracked; 1.running_var is (2,) for (3,)" in str(error.value)
    assert not np.shares_memory(model.state_dict()["1.running_mean"], layer.running_mean)


@pytest.mark.parametrize("mode", [True, False])
def test_gradcheck_and_debug_leave_the_running_statistics_alone_or_know_them(mode):
    model = nn.Sequential(nn.Conv2d(2, 3, 2, rng=0), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten())
    x = np.random.default_rng(0).standard_normal((4, 2, 3, 3))
    model.train(mode)
    before = model.state_dict()
    assert gradcheck(model, x)
    assert_same_arrays(before, model.state_dict())
    with debug():
        model(x).sum().backward()
        model(x).sum().backward()
    assert model[1].num_batches_tracked == 2 * mode


def test_a_graph_in_eval_mode_outlives_a_batch_in_training():
    layer = nn.BatchNorm1d(3, dtype=np.float64)
    first, second = batches((6, 3), 2)
    x = Tensor(first, requires_grad=True)
    y = layer.eval()(x)
    layer.train()(second)
    with debug():
        y.sum().backward()
    np.testing.assert_allclose(x.grad, 1 / np.sqrt(1 + 1e-5), rtol=1e-14)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.bool_])
def test_integers_are_normalised_like_the_same_numbers_as_floats(dtype, affine):
    x = np.random.default_rng(0).integers(0, 200, (6, 3, 4, 4)).astype(dtype)
    one, two = nn.BatchNorm2d(3, affine=affine), nn.BatchNorm2d(3, affine=affine)
    for mode in (True, False):
        y, expected = one.train(mode)(x), two.train(mode)(x.astype(np.float32))
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y.data, expected.data)
        with no_grad():
            np.testing.assert_array_equal(one(x).data, two(x.astype(np.float32)).data)
    np.testing.assert_allclose(one.running_mean, two.running_mean, rtol=1e-6)
    np.testing.assert_allclose(one.running_var, two.running_var, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_of_the_state_stays(dtype):
    layer = nn.BatchNorm1d(3, dtype=dtype)
    for x in batches((6, 3)):
        layer(x)  # float64
    dtypes = {name: a.dtype for name, a in layer.state_dict().items()}
    assert dtypes.pop("num_batches_tracked") == np.int64
    assert set(dtypes.values()) == {np.dtype(dtype)}


def test_layer_norm_takes_each_row_by_itself():
    x = np.random.default_rng(0).normal(3, 2, (5, 4, 6))
    y = nn.LayerNorm([4, 6], dtype=np.float64)(x).data
    np.testing.assert_allclose(y.mean(axis=(1, 2)), 0, atol=1e-14)
    np.testing.assert_allclose(y.std(axis=(1, 2)), 1, rtol=1e-4)
    assert nn.LayerNorm(6, elementwise_affine=False).parameters() == []
    assert [name for name, _ in nn.LayerNorm(6, bias=False).named_parameters()] == ["weight"]


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.BatchNorm1d(4), "BatchNorm1d(4)"),
        (nn.BatchNorm2d(4, 1e-3, None, False),
         "BatchNorm2d(4, eps=0.001, momentum=None, affine=False)"),
        (nn.LayerNorm(4), "LayerNorm(4)"),
        (nn.LayerNorm((4, 2), bias=False), "LayerNorm(4, 2, bias=False)"),
        (nn.Conv2d(3, 8, 5), "Conv2d(3 -> 8, 5 × 5)"),
        (nn.Conv2d(4, 8, (3, 2), 2, (1, 0), groups=2, bias=False),
         "Conv2d(4 -> 8, 3 × 2, stride=2, padding=(1, 0), groups=2, bias=False)"),
        (nn.MaxPool2d(2), "MaxPool2d(2 × 2)"),
        (nn.AvgPool2d((3, 2), 1, 1), "AvgPool2d(3 × 2, stride=1, padding=1)"),
        (nn.GlobalAvgPool2d(), "GlobalAvgPool2d()"),
    ],
)  # fmt: skip
def test_text(layer, text):
    assert repr(layer) == text


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: nn.BatchNorm1d(3)(np.zeros((4, 3, 2, 2))), ShapeError,
         "BatchNorm1d: x does not have the axes (N, C) or (N, C, L); x (4, 3, 2, 2); "
         "give such an x, or use another BatchNorm"),
        (lambda: nn.BatchNorm2d(3)(np.zeros((4, 3))), ShapeError,
         "BatchNorm2d: x does not have the axes (N, C, H, W); x (4, 3); "
         "give such an x, or use another BatchNorm"),
        (lambda: nn.BatchNorm1d(0), ArgumentError,
         "BatchNorm1d: num_features is less than 1; num_features 0; give 1 or more"),
        (lambda: nn.BatchNorm2d(3, momentum=2), ArgumentError,
         "BatchNorm2d: momentum is not a number from 0 to 1: 2; type int; "
         "give a number from 0 to 1"),
        (lambda: nn.LayerNorm((3, 2.5)), ArgumentError,
         "LayerNorm: normalized_shape is not a whole number: 2.5; type float; "
         "give it as 1 or more"),
        (lambda: nn.LayerNorm(()), ArgumentError,
         "LayerNorm: a row has no axis; normalized_shape (); "
         "give the lengths of the last axes of x"),
        (lambda: nn.Conv2d(4, 6, 3, groups=4), ArgumentError,
         "Conv2d: groups=4 does not divide the channels; 4 in, 6 out; "
         "give a divisor of both, such as 1"),
        (lambda: nn.Conv2d(4, 6, 0), ArgumentError,
         "Conv2d: kernel_size is not a whole number from 1, or a pair of them; kernel_size 0; "
         "give one number, or (rows, columns)"),
        (lambda: nn.MaxPool2d(2, padding=2), ArgumentError,
         "MaxPool2d: padding is more than half of a window; (2, 2), of (2, 2); "
         "give less padding, or a larger kernel_size"),
    ],
)  # fmt: skip
def test_messages(call, error, text):
    with pytest.raises(error, match=exactly(text)):
        call()


def test_convolutions_start_as_in_pytorch():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    ours = nn.Conv2d(8, 100, (3, 5), groups=2, rng=0)
    theirs = torch.nn.Conv2d(8, 100, (3, 5), groups=2)
    for p, q in ((ours.weight, theirs.weight), (ours.bias, theirs.bias)):
        q = q.detach().numpy()
        assert p.shape == q.shape
        assert abs(p.data).max() == pytest.approx(abs(q).max(), rel=0.05)
        assert p.data.std() == pytest.approx(q.std(), rel=0.15)
