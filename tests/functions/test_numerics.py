"""Extreme numbers: exact to rounding, NaN in and NaN out, and never a NumPy warning."""

import decimal
import warnings
from decimal import Decimal

import numpy as np
import pytest

from minigrad import Tensor, nn
from minigrad import functions as F
from minigrad.errors import DataError, MinigradWarning
from tests.functions.rows import for_every_row

DTYPES = [np.float32, np.float64]
EXTREME = [1e300, np.nan, np.inf, 0.0, -np.inf, -1e300, 1e-300, -0.0, 1e4, -1e4, 2.0]


@pytest.fixture(autouse=True)
def strict():
    """Every floating point event is an error here, underflow included."""
    with np.errstate(all="raise"):
        yield


@for_every_row
def test_nothing_warns_whatever_the_numbers(case, shapes):
    for dtype in DTYPES:
        with np.errstate(all="ignore"):
            inputs = [np.resize(np.roll(EXTREME, i), s).astype(dtype) for i, s in enumerate(shapes)]
        try:
            y = case.f(*[Tensor(x, requires_grad=True) for x in inputs])
        except DataError:  # from_probabilities refuses them
            continue
        y.backward(np.ones(y.shape, dtype))


# ---- exact to rounding: the reference has 60 digits --------------------------------------------

ROWS = {
    "plain": [2.0, 1.0, 0.1],
    "±1e4": [1e4, -1e4, 9999.5, 0.0],
    "all -1e4": [-1e4, -1e4, -1e4],
    "all 1e4": [1e4, 1e4],
    "wide": [-700.0, 0.0, 700.0, -30.0, 30.0],
    "near": [1e-8, -1e-8, 0.0],
    "-inf": [-np.inf, 1.0, -np.inf, 2.5],
    "one class": [1e4],
    "one class, negative": [-1e4],
}
POINTS = np.array([0, 1e-8, 1e-3, 0.5, 1, 5, 20, 40, 88, 100, 700, 750, 1e4, np.inf])
POINTS = np.concatenate([-POINTS[::-1], POINTS])


def exact(x):
    """Return the softmax, its logarithm and the logsumexp of a row."""
    x = [Decimal(float(a)) for a in x]
    total = sum(a.exp() for a in x)
    return [a.exp() / total for a in x], [a - total.ln() for a in x], total.ln()


def log1p(e):
    return e if e < Decimal("1e-40") else (1 + e).ln()


@pytest.fixture(autouse=True)
def digits():
    with decimal.localcontext(decimal.Context(prec=60, Emin=-999999, Emax=999999)):
        yield


def assert_rounded(ours, reference, scale, dtype):
    """Check that the error is below 4 ε · scale, or below the smallest number."""
    ours = np.asarray(ours)
    assert ours.dtype == dtype
    eps, tiny = np.finfo(dtype).eps, np.finfo(dtype).smallest_subnormal
    for a, b, s in zip(ours.ravel(), reference, np.broadcast_to(scale, ours.size), strict=True):
        if b.is_infinite():
            assert a == float(b)
        else:
            error = abs(Decimal(float(a)) - b)
            assert error <= 4 * Decimal(float(eps)) * Decimal(float(s)) + Decimal(float(tiny))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_softmax_and_its_logarithm_and_cross_entropy(row, dtype):
    x = np.array(row, dtype=dtype)
    softmax, logs, total = exact(x)
    size = np.abs(x[np.isfinite(x)]).max()
    # x − m is rounded to ε/2 |x − m|, and that becomes a relative error of eˣ⁻ᵐ
    distance = np.where(np.isfinite(x), np.abs(x - x.max()), 0).astype(np.float64)
    scale = [float(p) * (1 + d) for p, d in zip(softmax, distance, strict=True)]
    with np.errstate(under="ignore"):
        scale = np.array(scale)
    assert_rounded(F.softmax(x).data, softmax, scale, dtype)
    assert_rounded(F.log_softmax(x).data, logs, 1 + distance, dtype)
    assert_rounded(F.logsumexp(x).data, [total], 1 + size, dtype)
    for t, log in enumerate(logs):
        z = Tensor(x[None], requires_grad=True)
        loss = F.cross_entropy(z, [t])
        assert_rounded(loss.data, [-log], 1 + distance[t], dtype)
        if np.isfinite(loss.data):
            loss.backward()
            expected = [p - (i == t) for i, p in enumerate(softmax)]
            assert_rounded(z.grad, expected, np.where(np.arange(x.size) == t, 1, scale), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid_and_softplus(dtype):
    x = POINTS.astype(dtype)
    powers = [(-abs(Decimal(float(a)))).exp() for a in x]
    sigmoid = [(1 if a >= 0 else e) / (1 + e) for a, e in zip(x, powers, strict=True)]
    softplus = [Decimal(float(max(a, 0))) + log1p(e) for a, e in zip(x, powers, strict=True)]
    with np.errstate(under="ignore"):
        size = np.array([float(s) for s in sigmoid])
        large = np.array([float(s) for s in softplus])
    assert_rounded(F.sigmoid(x).data, sigmoid, size, dtype)
    assert_rounded(F.softplus(x).data, softplus, large, dtype)
    leaf = Tensor(x, requires_grad=True)
    F.softplus(leaf).backward(np.ones_like(x))
    assert_rounded(leaf.grad, sigmoid, size, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("f", [F.softmax, F.log_softmax, F.logsumexp, F.sigmoid, F.softplus])
def test_nan_in_nan_out(f, dtype):
    x = Tensor(np.array([1.0, np.nan, 2.0], dtype), requires_grad=True)
    y = f(x)
    rowwise = f not in (F.sigmoid, F.softplus)
    nan = [rowwise, True, rowwise]
    np.testing.assert_array_equal(np.isnan(y.data), True if f is F.logsumexp else nan)
    y.backward(np.ones(y.shape, dtype))
    np.testing.assert_array_equal(np.isnan(x.grad), nan)


@pytest.mark.parametrize("from_probabilities", [False, True])
@pytest.mark.parametrize("target", [[0, 1], np.array([[1.0, 0.0], [0.5, 0.5]])])
def test_cross_entropy_of_nan_is_nan(target, from_probabilities):
    z = np.array([[np.nan, 1.0], [0.5, 0.5]])
    loss = F.cross_entropy(z, target, reduction="none", from_probabilities=from_probabilities)
    np.testing.assert_array_equal(np.isnan(loss.data), [True, False])


def test_softmax_of_nothing_but_minus_infinity_is_nan():
    x = np.full(3, -np.inf)
    assert np.isnan(F.softmax(x).data).all() and np.isnan(F.log_softmax(x).data).all()
    assert F.logsumexp(x).item() == -np.inf
    assert F.logsumexp(np.zeros(0)).item() == -np.inf


# ---- softmax and cross-entropy, in two layers and in one ---------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_two_layers_and_the_fused_one_agree(seed):
    rng = np.random.default_rng(seed)
    n, c = rng.integers(1, 8, 2)
    logits, t = rng.uniform(-300, 300, (n, c)), rng.integers(c, size=n)
    for target in (t, np.eye(c)[t]):
        one, two = (Tensor(logits, requires_grad=True) for _ in range(2))
        fused = nn.CrossEntropy()(one, target)
        separate = nn.CrossEntropy(from_probabilities=True)(nn.Softmax()(two), target)
        fused.backward()
        separate.backward()
        np.testing.assert_allclose(separate.data, fused.data, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(two.grad, one.grad, rtol=0, atol=1e-12)


def test_the_numbers_of_the_reference_notebook():
    p = F.softmax(np.array([2.0, 1.0, 0.1])).data
    np.testing.assert_allclose(p, [0.65900114, 0.24243297, 0.09856589], rtol=0, atol=5e-9)
    p = F.softmax([2.0, 1.0, 0.1])
    assert p.dtype == np.float32
    np.testing.assert_allclose(p.data, [0.6590, 0.2424, 0.0986], rtol=0, atol=5e-5)


def test_cross_entropy_and_its_gradient_as_the_notebook_writes_them():
    rng = np.random.default_rng(0)
    z, y = Tensor(rng.standard_normal((5, 3)), requires_grad=True), np.eye(3)[[0, 2, 1, 1, 0]]
    p = np.exp(z.data) / np.exp(z.data).sum(axis=1, keepdims=True)
    loss = F.cross_entropy(z, y)
    loss.backward()
    np.testing.assert_allclose(loss.item(), -(y * np.log(p)).sum() / 5, rtol=1e-14)
    np.testing.assert_allclose(z.grad, (p - y) / 5, rtol=0, atol=1e-16)


# ---- whole numbers of eight bits ----------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.bool_, np.uint64])
@pytest.mark.parametrize("f", [F.mean, F.var, F.std, F.sigmoid, F.silu])
def test_a_mean_or_a_sigmoid_of_small_integers_is_that_of_floats(f, dtype):
    x = np.random.default_rng(0).integers(0, 128, (300, 2)).astype(dtype)
    y = f(x)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y.data, f(x.astype(float)).data, rtol=1e-13)


@pytest.mark.parametrize("f", [F.var, F.std])
def test_a_variance_of_unsigned_integers_may_have_more_ddof_than_elements(f):
    with np.errstate(all="ignore"):
        assert f(np.array([1, 4], np.uint8), ddof=3).item() == np.inf


# ---- the divisor n − ddof, which is never negative ----------------------------------------------


@pytest.mark.parametrize("ddof", [2, 3, 7])
def test_a_variance_with_ddof_of_n_or_more_divides_by_0_as_in_numpy(ddof):
    x = Tensor(np.array([[1.0, 3.0], [2.0, 2.0]]), requires_grad=True)
    with np.errstate(all="ignore"):
        y = F.var(x, axis=1, ddof=ddof)
        y.backward([1.0, 1.0])
        std = F.std(x, axis=1, ddof=ddof).data
    np.testing.assert_array_equal(y.data, [np.inf, np.nan])
    np.testing.assert_array_equal(std, [np.inf, np.nan])
    np.testing.assert_array_equal(x.grad, [[-np.inf, np.inf], [np.nan, np.nan]])


# ---- the remedy that where's docstring shows ---------------------------------------------------


def test_where_needs_the_remedy_at_0():
    wrong, right = (Tensor(np.array([0.0, 2.0]), requires_grad=True) for _ in range(2))
    F.where(wrong > 0, F.log(wrong), 0).sum().backward()
    np.testing.assert_array_equal(wrong.grad, [np.nan, 0.5])
    F.where(right > 0, F.log(F.where(right > 0, right, 1)), 0).sum().backward()
    np.testing.assert_array_equal(right.grad, [0.0, 0.5])
    assert "where(x > 0, log(where(x > 0, x, 1)), 0)" in F.where.__doc__


# ---- softmax twice -----------------------------------------------------------------------------

TWICE = (
    "cross_entropy: the logits are the output of Softmax, and cross_entropy applies softmax "
    "itself; 3 classes; remove the Softmax layer, or pass from_probabilities=True"
)


def test_softmax_before_cross_entropy_warns_once_and_names_the_fix():
    p = [F.softmax(Tensor([[1.0, 2.0, 3.0]], requires_grad=True)) for _ in range(3)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        losses = [F.cross_entropy(x, [0]) for x in p] + [nn.CrossEntropy()(p[0], [0])]
    assert [str(w.message) for w in caught] == [TWICE]
    assert caught[0].category is MinigradWarning
    assert caught[0].filename == __file__
    assert len({loss.item() for loss in losses}) == 1
    corrected = F.cross_entropy(p[0], [0], from_probabilities=True).item()
    assert losses[0].item() != corrected  # nothing is corrected behind the user's back


def test_no_warning_where_nothing_is_wrong():
    x = Tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    F.cross_entropy(F.softmax(x), [0], from_probabilities=True)
    F.cross_entropy(F.log_softmax(x), [0])
    F.nll_loss(F.log_softmax(x), [0])
    nn.CrossEntropy(from_probabilities=True)(nn.Softmax()(x), [0])


def test_log_softmax_before_cross_entropy_changes_nothing():
    x = np.random.default_rng(0).standard_normal((4, 3))
    once, twice = F.cross_entropy(x, [0, 1, 2, 0]), F.cross_entropy(F.log_softmax(x), [0, 1, 2, 0])
    np.testing.assert_allclose(once.item(), twice.item(), rtol=1e-14)


@pytest.mark.parametrize("offset", [0, 1e3, 1e5])
def test_the_gradient_of_logsumexp_is_a_softmax_however_large_x_is(offset):
    x = Tensor(np.float32([offset, offset - 1, offset - 3]), requires_grad=True)
    F.logsumexp(x).backward()
    assert x.grad.sum() == pytest.approx(1, rel=1e-6)
    np.testing.assert_allclose(x.grad, F.softmax(x).data, rtol=1e-6)
