"""Every row of the table against PyTorch: values, gradients, dtypes, and the special points."""

import numpy as np
import pytest

from minigrad import Tensor
from minigrad import functions as F
from minigrad.checking.cases import torch_options
from minigrad.errors import ArgumentError, MinigradWarning
from tests.functions.rows import for_every_kink, for_every_row

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
torch.set_num_threads(1)  # the arrays are small

# Both sides round each of a few dozen operations to ε/2, and sum in another order: at worst that
# adds up to some tens of ε of the largest element. (ε is 2.2e-16 in float64, 1.2e-7 in float32.)
TOLERANCE = {dtype: 64 * np.finfo(dtype).eps for dtype in (np.float64, np.float32)}

# PyTorch's remark on a variance of one element with ddof=1
pytestmark = pytest.mark.filterwarnings("ignore:.*degrees of freedom is <= 0")


def ours(f, inputs, gy):
    """Return the value of f, and the gradients of its inputs for the upstream gradient gy(y)."""
    xs = [Tensor(x, requires_grad=True) for x in inputs]
    y = f(*xs)
    y.backward(gy(y))
    return [y.data, *[x.grad for x in xs]]


def theirs(f, inputs, gy):
    """Return the same from PyTorch."""
    xs = [torch.tensor(x, requires_grad=True) for x in inputs]
    y = f(torch, *xs)
    y.backward(torch.tensor(gy(y)))
    return [a.detach().numpy() for a in (y, *[x.grad for x in xs])]


def random(dtype):
    """Return what makes a random upstream gradient in the shape of y."""
    return lambda y: np.asarray(np.random.default_rng(0).standard_normal(tuple(y.shape)), dtype)


def reversed_columns(x):
    """Return an array equal to x, in Fortran's order and with a negative stride."""
    return np.asfortranarray(x[::-1])[::-1] if x.ndim else x


def every_second(x):
    """Return an array equal to x that leaves out every second element of a larger one."""
    return x.repeat(2, axis=-1)[..., ::2] if x.ndim else x


@for_every_row
def test_values_and_gradients(case, shapes):
    for dtype in TOLERANCE if case.twin else ():
        compare(case, shapes, dtype)


def compare(case, shapes, dtype):
    inputs = case.inputs(shapes, dtype)
    expected = theirs(case.twin, inputs, random(dtype))
    for layout in (np.array, reversed_columns, every_second):
        found = ours(case.f, [layout(x) for x in inputs], random(dtype))
        for a, b in zip(found, expected, strict=True):
            assert a.dtype == b.dtype == dtype
            scale = np.abs(b, where=np.isfinite(b), out=np.zeros_like(b)).max(initial=1e-30)
            np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE[dtype] * scale)


@for_every_kink
def test_points_without_a_derivative(case, inputs):
    for upstream in (1.5, 0.0):
        gy = lambda y, upstream=upstream: np.full(tuple(y.shape), upstream)  # noqa: E731
        for a, b in zip(ours(case.f, inputs, gy), theirs(case.twin, inputs, gy), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-14, atol=1e-16)


# ---- cross_entropy at its edges ----------------------------------------------------------------

INF, NAN = np.inf, np.nan
EDGES = {  # the logits of targets 0, 1, 0, 2
    "huge": [[1e4, -1e4, 0], [-1e4, -1e4, -1e4], [1e300, 0, 0], [0, 0, -1e300]],
    "-inf": [[0, -INF, 1], [0, 1, -INF], [1, -INF, -INF], [0, 0, 0]],
    "-inf target": [[-INF, 0, 1], [0, 1, 2], [0, 0, 0], [0, 0, 0]],
    "nothing but -inf": [[0, 1, 2], [-INF, -INF, -INF], [0, 0, 0], [0, 0, 0]],
    "inf": [[0, 1, INF], [0, INF, 1], [INF, INF, 0], [0, 0, 0]],
    "nan": [[NAN, 0, 1], [0, 1, 2], [0, 0, 0], [0, 0, NAN]],
}


def cross_entropies(z, t, **options):
    """Return value and gradient of our cross-entropy, and of PyTorch's."""
    if options.get("ignore_index") is None:
        options.pop("ignore_index", None)
    theirs_options = torch_options(torch, torch.tensor(z), options)
    t2 = torch.from_numpy(t).to(torch.float64) if t.ndim == z.ndim else torch.from_numpy(t)
    return (
        ours(lambda x: F.cross_entropy(x, t, **options), [z], random(np.float64)),
        theirs(
            lambda _, x: torch.nn.functional.cross_entropy(x, t2, **theirs_options),
            [z],
            random(np.float64),
        ),
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("ignore_index", [None, 0, 1])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weight", [None, [0.5, 2.0, 1.25]])
@pytest.mark.parametrize("logits", EDGES.values(), ids=EDGES)
def test_cross_entropy_of_extreme_logits(logits, weight, smoothing, ignore_index, reduction):
    t = np.array([0, 1, 0, 2])
    (y, gz), (y2, gz2) = cross_entropies(
        np.array(logits),
        t,
        weight=weight,
        label_smoothing=smoothing,
        ignore_index=ignore_index,
        reduction=reduction,
    )
    np.testing.assert_allclose(y, y2, rtol=1e-14, atol=1e-15)
    ignored = np.equal(t, ignore_index)
    np.testing.assert_allclose(gz[~ignored], gz2[~ignored], rtol=1e-14, atol=1e-15)
    assert not gz[ignored].any()  # nothing of it is left; PyTorch keeps a NaN here


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weight", [None, [0.5, 2.0, 1.25]])
@pytest.mark.parametrize(
    ("shape", "t", "ignore_index"),
    [
        ((4, 3), np.full(4, 1), 1),
        ((2, 3, 2), np.full((2, 2), -100), -100),
        ((0, 3), np.zeros(0, int), None),
        ((0, 3), np.zeros((0, 3)), None),
        ((2, 3, 0), np.zeros((2, 0), int), None),
    ],
    ids=["all ignored", "all ignored, d", "empty", "empty rows", "empty, d"],
)
def test_the_mean_of_no_rows_is_nan_and_warns(shape, t, ignore_index, weight, smoothing):
    z = np.random.default_rng(0).standard_normal(shape)
    options = {"weight": weight, "label_smoothing": smoothing, "ignore_index": ignore_index}
    with pytest.warns(MinigradWarning, match="cross_entropy: the mean of no rows is NaN; "):
        (y, gz), (y2, gz2) = cross_entropies(z, t, **options)
    assert np.isnan(y) and np.isnan(y2)
    np.testing.assert_array_equal(gz, gz2)
    for reduction in ("sum", "none"):
        (y, gz), (y2, gz2) = cross_entropies(z, t, reduction=reduction, **options)
        np.testing.assert_array_equal(y, y2)
        np.testing.assert_array_equal(gz, gz2)


def test_the_mean_of_a_single_row_forgets_its_weight():
    (y, gz), (y2, gz2) = cross_entropies(np.array([[1.0, 2, 3]]), np.array([1]), weight=[1, 7, 1])
    np.testing.assert_allclose(y, y2, rtol=1e-15)
    np.testing.assert_allclose(gz, gz2, rtol=1e-15)
    assert y == F.cross_entropy(np.array([[1.0, 2, 3]]), [1]).item()


def test_a_zero_in_a_row_times_an_infinite_logit_counts_0():
    z, q = np.array([[0.0, 1.0, -np.inf]]), np.array([[0.25, 0.75, 0.0]])
    (y, gz), (y2, gz2) = cross_entropies(z, q)
    assert np.isnan(y2)  # the one difference from PyTorch
    assert y == pytest.approx(F.cross_entropy(z[:, :2], q[:, :2]).item(), rel=1e-15)
    np.testing.assert_allclose(gz, gz2, rtol=0, atol=1e-16)  # p − q, both below 1


@pytest.mark.parametrize("ignore_index", [0, -100])
def test_ignore_index_with_rows_is_an_error_there_too(ignore_index):
    z, q = np.zeros((2, 3)), np.full((2, 3), 1 / 3)
    if ignore_index >= 0:
        with pytest.raises(RuntimeError, match="ignore_index is not supported"):
            torch.nn.functional.cross_entropy(
                torch.tensor(z), torch.tensor(q), ignore_index=ignore_index
            )
    with pytest.raises(ArgumentError):
        F.cross_entropy(z, q, ignore_index=ignore_index)


@pytest.mark.parametrize("name", ["mse_loss", "binary_cross_entropy_with_logits", "nll_loss"])
def test_the_mean_of_nothing_is_nan_for_the_other_losses(name):
    shape = (0, 3) if name == "nll_loss" else (0,)
    t = np.zeros(0, int if name == "nll_loss" else float)
    with pytest.warns(MinigradWarning, match=f"{name}: the mean of no rows is NaN; "):
        y, gx = ours(lambda x: getattr(F, name)(x, t), [np.zeros(shape)], random(np.float64))
    twin = getattr(torch.nn.functional, name)
    assert np.isnan(y) and twin(torch.zeros(shape), torch.from_numpy(t)).isnan()
    assert gx.shape == shape


def test_binary_cross_entropy_of_extreme_logits():
    x, t = (a.ravel() for a in np.meshgrid([-1e4, -800, -1e-9, 0, 1e-9, 800, 1e4], [0, 0.3, 1]))
    for k in (None, np.full(21, 2.5)):
        y, gx = ours(
            lambda x, k=k: F.binary_cross_entropy_with_logits(x, t, pos_weight=k, reduction="sum"),
            [x],
            random(np.float64),
        )
        y2, gx2 = theirs(
            lambda _, x, k=k: torch.nn.functional.binary_cross_entropy_with_logits(
                x, torch.tensor(t), pos_weight=k if k is None else torch.tensor(k), reduction="sum"
            ),
            [x],
            random(np.float64),
        )
        np.testing.assert_allclose(y, y2, rtol=1e-14)
        np.testing.assert_allclose(gx, gx2, rtol=1e-13, atol=1e-16)
