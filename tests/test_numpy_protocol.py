"""NumPy's own functions on Tensors: a graph, a plain result where that is due, or a TypeError."""

import re
import types
import warnings

import numpy as np
import pytest

import minigrad
from minigrad import Tensor, gradcheck, numpy_protocol
from minigrad import functions as F
from minigrad.errors import ArgumentError, ShapeError, UnsupportedError
from tests.helpers import exactly, leaf

NUMPY_2 = np.lib.NumpyVersion(np.__version__) >= "2.1.0"


def refused(call, nearest):
    return exactly(
        f"{call}: has no backward pass for Tensors; the nearest that works: {nearest}; "
        "use that, or t.data for a plain result without gradient"
    )


# ---- a line of NumPy, pasted unchanged, is differentiable --------------------------------------


def softmax(x):
    return np.exp(x) / np.sum(np.exp(x), axis=0)


def test_softmax_in_numpy_is_differentiable_softmax():
    x = leaf([2.0, 1.0, 0.1])
    p = softmax(x)
    assert type(p) is Tensor and p.requires_grad
    np.testing.assert_allclose(p.data, [0.65900114, 0.24243297, 0.09856589], atol=5e-9, rtol=0)
    u = np.array([1.0, -2.0, 0.5])
    p.backward(u)
    ours = leaf([2.0, 1.0, 0.1])
    F.softmax(ours).backward(u)
    np.testing.assert_allclose(x.grad, ours.grad, rtol=1e-14)
    assert gradcheck(softmax, x)
    assert softmax([2.0, 1.0, 0.1]).sum() == pytest.approx(1)  # still NumPy on plain lists


def test_a_network_written_for_arrays():
    def loss(x, W, b, t):
        h = np.maximum(np.dot(x, W) + b, 0)
        p = np.exp(h - np.max(h, axis=1, keepdims=True))
        p = p / np.sum(p, axis=1, keepdims=True)
        return -np.mean(np.log(p[np.arange(len(x)), t]))

    rng = np.random.default_rng(0)
    x, W, b = rng.standard_normal((4, 3)), rng.standard_normal((3, 5)), rng.standard_normal(5)
    t = np.array([0, 4, 2, 2])
    y = loss(leaf(x), leaf(W), leaf(b), t)
    assert isinstance(y, Tensor) and y.item() == pytest.approx(loss(x, W, b, t), rel=1e-14)
    assert gradcheck(lambda x, W, b: loss(x, W, b, t), [x, W, b])


# ---- what is supported, against NumPy and against our function ---------------------------------

# NumPy's call, and ours; both take x (2, 3), positive, and w (2, 3).
SUPPORTED = {
    "add": (lambda x, w: np.add(x, w), F.add),
    "subtract": (lambda x, w: np.subtract(x, w), F.sub),
    "multiply": (lambda x, w: np.multiply(x, w), F.mul),
    "divide": (lambda x, w: np.divide(w, x), lambda x, w: F.div(w, x)),
    "true_divide": (lambda x, w: np.true_divide(w, x), lambda x, w: F.div(w, x)),
    "negative": (lambda x, w: np.negative(x), lambda x, w: F.neg(x)),
    "positive": (lambda x, w: np.positive(x), lambda x, w: F.mul(x, 1)),
    "power": (lambda x, w: np.power(x, w), F.pow),
    "float_power": (lambda x, w: np.float_power(x, w), F.pow),
    "square": (lambda x, w: np.square(x), lambda x, w: F.mul(x, x)),
    "matmul": (lambda x, w: np.matmul(x, w.T), lambda x, w: F.matmul(x, w.T)),
    "exp": (lambda x, w: np.exp(x), lambda x, w: F.exp(x)),
    "log": (lambda x, w: np.log(x), lambda x, w: F.log(x)),
    "log1p": (lambda x, w: np.log1p(x), lambda x, w: F.log1p(x)),
    "sqrt": (lambda x, w: np.sqrt(x), lambda x, w: F.sqrt(x)),
    "abs": (lambda x, w: np.abs(w), lambda x, w: F.abs(w)),
    "absolute": (lambda x, w: np.absolute(w), lambda x, w: F.abs(w)),
    "sin": (lambda x, w: np.sin(x), lambda x, w: F.sin(x)),
    "cos": (lambda x, w: np.cos(x), lambda x, w: F.cos(x)),
    "tanh": (lambda x, w: np.tanh(x), lambda x, w: F.tanh(x)),
    "maximum": (lambda x, w: np.maximum(x, w), F.maximum),
    "minimum": (lambda x, w: np.minimum(x, w), F.minimum),
    "sum": (lambda x, w: np.sum(x, axis=0), lambda x, w: F.sum(x, 0)),
    "mean": (lambda x, w: np.mean(x, 1), lambda x, w: F.mean(x, 1)),
    "max": (lambda x, w: np.max(x, axis=1), lambda x, w: F.max(x, 1)),
    "min": (lambda x, w: np.min(x), lambda x, w: F.min(x)),
    "amax": (lambda x, w: np.amax(x, axis=(0, 1)), lambda x, w: F.max(x, (0, 1))),
    "amin": (lambda x, w: np.amin(x, axis=-1), lambda x, w: F.min(x, -1)),
    "prod": (lambda x, w: np.prod(x, axis=1), lambda x, w: F.prod(x, 1)),
    "var": (lambda x, w: np.var(x, axis=1), lambda x, w: F.var(x, 1)),
    "std": (lambda x, w: np.std(x, ddof=1), lambda x, w: F.std(x, ddof=1)),
    "where": (lambda x, w: np.where(MASK, x, w), lambda x, w: F.where(MASK, x, w)),
    "clip": (lambda x, w: np.clip(x, 0.6, 1.4), lambda x, w: F.clip(x, 0.6, 1.4)),
    "reshape": (lambda x, w: np.reshape(x, (3, 2)), lambda x, w: F.reshape(x, (3, 2))),
    "transpose": (lambda x, w: np.transpose(x), lambda x, w: F.transpose(x)),
    "squeeze": (lambda x, w: np.squeeze(x[:1]), lambda x, w: F.squeeze(x[:1])),
    "expand_dims": (lambda x, w: np.expand_dims(x, 1), lambda x, w: F.expand_dims(x, 1)),
    "broadcast_to": (
        lambda x, w: np.broadcast_to(x, (2, 2, 3)),
        lambda x, w: F.broadcast_to(x, (2, 2, 3)),
    ),
    "concatenate": (lambda x, w: np.concatenate((x, w), 1), lambda x, w: F.concatenate([x, w], 1)),
    "stack": (lambda x, w: np.stack([x, w], axis=1), lambda x, w: F.stack([x, w], 1)),
    "dot": (lambda x, w: np.dot(x, w.T), lambda x, w: F.matmul(x, w.T)),
}
MASK = np.array([[True, False, True], [False, False, True]])
X = np.array([[0.5, 1.25, 2.0], [1.5, 0.75, 0.9]])
W = np.array([[0.7, -1.0, 0.4], [-0.3, 1.1, 2.2]])


def test_the_table_holds_everything_that_is_supported():
    supported = {*numpy_protocol.UFUNCS, *numpy_protocol.FUNCTIONS}
    assert {getattr(np, name) for name in SUPPORTED} == supported


@pytest.mark.parametrize(("theirs", "ours"), SUPPORTED.values(), ids=SUPPORTED)
def test_a_numpy_function_has_numpys_value_and_our_gradient(theirs, ours):
    x, w = leaf(X), leaf(W)
    y = theirs(x, w)
    assert type(y) is Tensor and y.requires_grad and y.dtype == np.float64
    np.testing.assert_allclose(y.data, theirs(X, W), rtol=1e-15)

    u = np.random.default_rng(0).standard_normal(y.shape)
    y.backward(u)
    x2, w2 = leaf(X), leaf(W)
    ours(x2, w2).backward(u)
    for a, b in ((x, x2), (w, w2)):
        assert (a.grad is None) == (b.grad is None)
        if a.grad is not None:
            np.testing.assert_allclose(a.grad, b.grad, rtol=1e-14)
    assert gradcheck(theirs, [X, W])


@pytest.mark.parametrize(("theirs", "ours"), SUPPORTED.values(), ids=SUPPORTED)
def test_a_numpy_function_of_plain_tensors_and_of_mixtures_gives_tensors(theirs, ours):
    for x, w in ((Tensor(X), Tensor(W)), (leaf(X), W), (X, leaf(W))):
        try:
            y = theirs(x, w)
        except AttributeError:
            pytest.fail("an array in place of a Tensor")
        if isinstance(y, Tensor):
            np.testing.assert_allclose(y.data, theirs(X, W), rtol=1e-15)
        else:  # the call used the array only
            assert type(y) in (np.ndarray, np.float64)


def test_float32_stays_float32():
    for name, (theirs, _) in SUPPORTED.items():
        y = theirs(leaf(X, np.float32), leaf(W, np.float32))
        assert y.dtype == np.float32, name


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((), ()),
        ((), (2, 3)),
        ((2, 3), ()),
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((2, 3), (3, 4)),
        ((2, 2, 3), (3, 2)),
        ((2, 3), (4, 3, 2)),
        ((3,), (4, 3, 2)),
        ((2, 2, 3), (2, 4, 3, 2)),
        ((2, 0), (3, 0, 2)),
    ],
)
def test_dot_of_every_rank(a, b):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(a), rng.standard_normal(b)
    y = np.dot(leaf(a), leaf(b))
    assert y.requires_grad
    np.testing.assert_allclose(y.data, np.dot(a, b), rtol=1e-13)
    assert gradcheck(np.dot, [a, b])


# ---- plain results -----------------------------------------------------------------------------

PLAIN = {
    "argmax": lambda x: np.argmax(x, axis=1),
    "argmax by keyword": lambda x: np.argmax(a=x),
    "argmin": lambda x: np.argmin(x),
    "shape": np.shape,
    "ndim": np.ndim,
    "size": np.size,
    "size of an axis": lambda x: np.size(x, 1),
    "isnan": np.isnan,
    "isfinite": np.isfinite,
    "isinf": np.isinf,
    "zeros_like": np.zeros_like,
    "ones_like": lambda x: np.ones_like(x, dtype=np.float32),
    "allclose": lambda x: np.allclose(x, X),
    "array_equal": lambda x: np.array_equal(X, x),
    "equal": lambda x: np.equal(x, 0.5),
    "not_equal": lambda x: np.not_equal(0.5, x),
    "less": lambda x: np.less(x, X[0]),
    "less_equal": lambda x: np.less_equal(x, x),
    "greater": lambda x: np.greater(1, x),
    "greater_equal": lambda x: np.greater_equal(x, [1, 1, 1]),
}


@pytest.mark.parametrize("f", PLAIN.values(), ids=PLAIN)
def test_what_has_no_gradient_gives_numpys_plain_result(f):
    for x in (leaf(X), Tensor(X), leaf(X) * 1):
        result, expected = f(x), f(X)
        assert type(result) is type(expected)
        assert getattr(result, "dtype", None) == getattr(expected, "dtype", None)
        np.testing.assert_array_equal(result, expected)


def test_the_list_of_plain_results_is_complete():
    assert {f.__name__ for f in numpy_protocol.PLAIN} == {name.split()[0] for name in PLAIN}


# ---- keywords and positions --------------------------------------------------------------------


def test_arguments_by_keyword_and_by_position():
    x = leaf(X)
    for y, expected in (
        (np.sum(a=x), X.sum()),
        (np.sum(x, 0), X.sum(0)),
        (np.sum(x, axis=1, keepdims=True), X.sum(1, keepdims=True)),
        (np.sum(x, 1, None, None, True), X.sum(1, keepdims=True)),
        (np.sum(x, dtype=None, out=None), X.sum()),
        (np.mean(x, axis=(0, 1), keepdims=True), X.mean(keepdims=True)),
        (np.max(x, 1, None, True), X.max(1, keepdims=True)),
        (np.var(x, 1, None, None, 1), X.var(1, ddof=1)),
        (np.std(a=x, axis=0, ddof=1, keepdims=True), X.std(0, ddof=1, keepdims=True)),
        (np.clip(x, a_min=0.7, a_max=None), X.clip(0.7)),
        (np.clip(a=x, a_min=None, a_max=1.1), X.clip(max=1.1)),
        (np.clip(x, 0.7, a_max=1.1, out=None), X.clip(0.7, 1.1)),
        (np.reshape(x, -1), X.reshape(-1)),
        (np.reshape(x, (3, 2), "C"), X.reshape(3, 2)),
        (np.reshape(x, (3, 2), order="C"), X.reshape(3, 2)),
        (np.transpose(a=x, axes=(1, 0)), X.T),
        (np.squeeze(a=x[None], axis=0), X),
        (np.expand_dims(a=x, axis=(0, -1)), X[None, ..., None]),
        (np.broadcast_to(array=x, shape=(1, 2, 3), subok=False), X[None]),
        (np.stack(arrays=[x, x], axis=-1), np.stack([X, X], -1)),
        (np.concatenate((x, X), axis=-1), np.concatenate((X, X), -1)),
        (np.where(x > 1, x, 0), np.where(X > 1, X, 0)),
        (np.where(MASK, 1.0, x), np.where(MASK, 1.0, X)),
    ):
        assert type(y) is Tensor and y.requires_grad
        np.testing.assert_allclose(y.data, expected, rtol=1e-15)


def test_arguments_that_only_one_numpy_has():
    x = leaf(X)
    if NUMPY_2:
        pairs = (
            (np.clip(x, min=0.7, max=1.1), X.clip(0.7, 1.1)),
            (np.reshape(x, shape=(3, 2)), X.reshape(3, 2)),
        )
    else:
        pairs = ((np.reshape(x, newshape=(3, 2)), X.reshape(3, 2)),)
    for y, expected in pairs:
        assert y.requires_grad
        np.testing.assert_array_equal(y.data, expected)


def test_a_limit_that_requires_a_gradient_is_refused():
    text = exactly(
        "clip: min gets no gradient here, but it requires one; min (); pass min.detach()"
    )
    with pytest.raises(UnsupportedError, match=text):
        np.clip(X, leaf(1.0), 2.0)
    with pytest.raises(ArgumentError, match=r"\Aclip: there is no limit; "):
        np.clip(leaf(X), None, None)


def test_shape_errors_are_ours():
    with pytest.raises(ShapeError, match=r"\Aadd: .*; a \(2, 3\), b \(4,\); "):
        np.add(leaf(X), np.ones(4))


# ---- what is refused ---------------------------------------------------------------------------

REFUSED = {
    "out of a ufunc": (lambda x: np.exp(x, out=np.empty((2, 3))), "np.exp(…, out=)", "np.exp(…)"),
    "out of two": (lambda x: np.add(x, x, np.empty((2, 3))), "np.add(…, out=)", "np.add(…)"),
    "an array as out": (lambda x: np.add(X, X, out=x), "np.add(…, out=)", "np.add(…)"),
    "where of a ufunc": (lambda x: np.log(x, where=MASK), "np.log(…, where=)", "np.log(…)"),
    "dtype of a ufunc": (
        lambda x: np.add(x, 1, dtype=np.float32, casting="unsafe"),
        "np.add(…, dtype=, casting=)",
        "np.add(…)",
    ),
    "plain with out": (
        lambda x: np.isnan(x, out=np.empty((2, 3), bool)),
        "np.isnan(…, out=)",
        "np.isnan(…)",
    ),
    "reduce": (
        lambda x: np.add.reduce(x),
        "np.add.reduce",
        "np.add(…) itself, or np.sum and its like",
    ),
    "accumulate": (
        lambda x: np.multiply.accumulate(x),
        "np.multiply.accumulate",
        "np.multiply(…) itself, or np.sum and its like",
    ),
    "outer": (
        lambda x: np.multiply.outer(x, X),
        "np.multiply.outer",
        "np.multiply(…) itself, or np.sum and its like",
    ),
    "at": (
        lambda x: np.add.at(np.zeros(3), [0], x),
        "np.add.at",
        "np.add(…) itself, or np.sum and its like",
    ),
    "reduceat": (
        lambda x: np.add.reduceat(x, [0, 1]),
        "np.add.reduceat",
        "np.add(…) itself, or np.sum and its like",
    ),
    "in place": (lambda x: np.ones((2, 3)).__iadd__(x), "np.add(…, out=)", "np.add(…)"),
    "out of a function": (
        lambda x: np.sum(x, out=np.empty(())),
        "np.sum(…, out=)",
        "np.sum(x, axis, keepdims)",
    ),
    "dtype of a function": (
        lambda x: np.mean(x, dtype=np.float32),
        "np.mean(…, dtype=)",
        "np.mean(x, axis, keepdims)",
    ),
    "dtype by position": (
        lambda x: np.sum(x, 0, np.float32),
        "np.sum(…, dtype=)",
        "np.sum(x, axis, keepdims)",
    ),
    "dtype of var by position": (
        lambda x: np.var(x, 0, np.float32),
        "np.var(…, dtype=)",
        "np.var(x, axis, ddof, keepdims)",
    ),
    "where and initial": (
        lambda x: np.max(x, initial=0, where=MASK),
        "np.max(…, initial=, where=)",
        "np.max(x, axis, keepdims)",
    ),
    "out by position": (
        lambda x: np.max(x, 0, np.empty(3)),
        "np.max(…, out=)",
        "np.max(x, axis, keepdims)",
    ),
    "order": (
        lambda x: np.reshape(x, (3, 2), order="F"),
        "np.reshape(…, order=)",
        "np.reshape(x, shape)",
    ),
    "order by position": (
        lambda x: np.reshape(x, (3, 2), "F"),
        "np.reshape(…, order=)",
        "np.reshape(x, shape)",
    ),
    "subok": (
        lambda x: np.broadcast_to(x, (2, 2, 3), subok=True),
        "np.broadcast_to(…, subok=)",
        "np.broadcast_to(x, shape)",
    ),
    "dtype of stack": (
        lambda x: np.stack([x, x], dtype=np.float32),
        "np.stack(…, dtype=)",
        "np.stack(xs, axis)",
    ),
    "out of dot": (lambda x: np.dot(x, X.T, np.empty((2, 2))), "np.dot(…, out=)", "np.dot(a, b)"),
    "one argument of where": (lambda x: np.where(x), "np.where(…)", "np.where(condition, a, b)"),
    "norm": (lambda x: np.linalg.norm(x), "np.linalg.norm", "np.sqrt(np.sum(x * x))"),
    "einsum": (lambda x: np.einsum("ij->j", x), "np.einsum", "np.matmul and np.sum"),
    "cumsum": (lambda x: np.cumsum(x), "np.cumsum", "a matrix product with np.tri(n)"),
    "tan": (lambda x: np.tan(x), "np.tan", "np.sin(x) / np.cos(x)"),
    "sort": (lambda x: np.sort(x), "np.sort", "x[np.argsort(x.data)]"),
    "vstack": (lambda x: np.vstack([x, x]), "np.vstack", "np.concatenate(…, axis=0)"),
    "pad": (lambda x: np.pad(x, 1), "np.pad", "minigrad.functions.pad"),
    "outer product": (lambda x: np.outer(x, x), "np.outer", "x[:, None] * y[None, :]"),
    "nothing near": (lambda x: np.arctan(x), "np.arctan", "the functions in minigrad.functions"),
    "another module": (
        lambda x: np.fft.fft(x),
        "np.fft.fft",
        "the functions in minigrad.functions",
    ),
    "mod": (lambda x: np.mod(x, 2), "np.remainder", "the functions in minigrad.functions"),
    "sign": (lambda x: np.sign(x), "np.sign", "the functions in minigrad.functions"),
    "copyto": (
        lambda x: np.copyto(np.empty((2, 3)), x),
        "np.copyto",
        "the functions in minigrad.functions",
    ),
    "save": (lambda x: np.save("nowhere.npy", x), "np.save", "the functions in minigrad.functions"),
}


@pytest.mark.parametrize(("f", "call", "nearest"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_supported_raises_and_names_it_and_the_nearest_that_works(f, call, nearest):
    for x in (leaf(X), leaf(X) * 1, Tensor(X)):
        with pytest.raises(UnsupportedError, match=refused(call, nearest)) as caught:
            f(x)
        assert isinstance(caught.value, TypeError)


def test_concatenate_refuses_out():
    x = leaf(X)
    text = refused("np.concatenate(…, out=)", "np.concatenate(xs, axis)")
    with pytest.raises(UnsupportedError, match=text):
        np.concatenate((x, x), axis=0, out=np.empty((4, 3)))


def test_an_array_is_not_changed_by_what_is_refused():
    array = np.zeros((2, 3))
    for refuse in (
        lambda: np.add(array, leaf(X), out=array),
        lambda: array.__imul__(leaf(X)),
        lambda: np.copyto(array, leaf(X)),
        lambda: np.add.at(array, 0, leaf(X)[0]),
        lambda: array.__setitem__(slice(None), leaf(X)),
    ):
        with pytest.raises(TypeError):
            refuse()
        assert not array.any()


# The advice that is an expression of x (and y) has to be right.
ADVICE = {
    "cosh": 1,
    "diff": 1,
    "exp2": 1,
    "expm1": 1,
    "flip": 1,
    "hypot": 2,
    "log10": 1,
    "log2": 1,
    "logaddexp": 2,
    "outer": 2,
    "ptp": 1,
    "ravel": 1,
    "reciprocal": 1,
    "sinh": 1,
    "sort": 1,
    "tan": 1,
    "vdot": 2,
}


@pytest.mark.parametrize(("name", "count"), ADVICE.items(), ids=ADVICE)
def test_the_advice_computes_the_same_and_is_differentiable(name, count):
    values = {"x": np.array([0.5, 1.5, 0.25]), "y": np.array([2.0, 0.75, 1.0])}
    tensors = {key: leaf(value) for key, value in values.items()}
    y = eval(numpy_protocol.NEAREST[name], {"np": np, "minigrad": minigrad, **tensors})
    assert y.requires_grad
    expected = getattr(np, name)(*[*values.values()][:count])
    np.testing.assert_allclose(y.data, expected, rtol=1e-14)


def test_the_advice_for_norm():
    y = eval(numpy_protocol.NEAREST["norm"], {"np": np, "x": leaf(X)})
    np.testing.assert_allclose(y.data, np.linalg.norm(X), rtol=1e-14)


def test_there_is_no_advice_for_what_works():
    works = {f.__name__ for f in (*numpy_protocol.UFUNCS, *numpy_protocol.FUNCTIONS)}
    works |= {f.__name__ for f in numpy_protocol.PLAIN}
    assert not works & set(numpy_protocol.NEAREST)


# ---- nothing drops the graph -------------------------------------------------------------------


def test_lists_of_tensors_do_not_become_arrays():
    x = leaf([1.0, 2.0])
    for f in (np.sum, np.exp, np.array, np.mean, np.sort, np.max, np.shape):
        with pytest.raises(UnsupportedError, match=r"\Anp.asarray: a plain array would lose"):
            f([x, x * 2])
    assert np.concatenate([x, x]).requires_grad and np.stack([x, np.ones(2)]).requires_grad
    assert np.concatenate([np.ones(2), x]).requires_grad


def test_methods_of_arrays_do_not_drop_the_graph():
    x, array = leaf(X), np.ones((2, 3))
    for f in (
        lambda: array.dot(x.T),
        lambda: array.clip(x, 2),
        lambda: array.fill(x),
        lambda: array.put([0], x),
        lambda: array.searchsorted(x),
        lambda: array.__setitem__(0, x[0]),
    ):
        with pytest.raises((TypeError, ValueError)):
            f()
    assert (array @ x.T).requires_grad


# They change NumPy's settings, print, read files or search the documentation.
LEFT_OUT = re.compile("^(set|get|show|add_|lookfor|info|source|who|disp|deprecate|byte_bounds)")
# They take a size, for which int(t) will do.
SIZES = {"tri", "tril_indices", "triu_indices"}
# NumPy asks no protocol before they fail, or the call is wrong for our function: clip(x).
OTHER_ERRORS = {"bmat", "clip", "from_dlpack", "frombuffer", "fromstring", "isfortran"}
OTHER_ERRORS |= {"zeros_like", "ones_like"}  # (x, x): the second is the dtype


def public_functions():
    kinds = (types.FunctionType, types.BuiltinFunctionType, np.ufunc, type(np.sum))
    for module in (np, np.linalg, np.fft, np.emath):
        for name in dir(module):
            if name.startswith("_") or LEFT_OUT.match(name) or name in SIZES:
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # deprecated names
                function = getattr(module, name, None)
            if isinstance(function, kinds):
                yield f"{module.__name__}.{name}", function


def attempt(form, f, x):
    """Return the result of a call, or the exception that it raised."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return eval(form, {"f": f, "x": x})
        except Exception as error:
            return error


def parts_of(result):
    """Yield what is in a result, looking into tuples and lists."""
    if isinstance(result, (tuple, list)):
        for part in result:
            yield from parts_of(part)
    else:
        yield result


@pytest.mark.parametrize("form", ["f(x)", "f(x, x)", "f([x, x])", "f(x, 2)"])
@pytest.mark.parametrize("shape", [(3, 3), (3,), (1,), ()], ids=str)
def test_no_function_of_numpy_drops_the_graph_or_makes_an_object_array(form, shape):
    array = np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape) / 10
    graphs, plains, refusals = set(), set(), set()
    for name, f in public_functions():
        if isinstance(attempt(form, f, array), Exception):
            continue
        x = Tensor(array, requires_grad=True)
        result = attempt(form, f, x)
        if isinstance(result, Exception):
            assert isinstance(result, UnsupportedError) or f.__name__ in OTHER_ERRORS, name
            refusals.add(f.__name__)
        for part in parts_of(result):
            if isinstance(part, Tensor):
                assert part.requires_grad, name
                graphs.add(f.__name__)
            elif isinstance(part, (np.ndarray, np.number, float)):
                assert part.dtype.kind != "O", name
                plains.add(f.__name__)
    assert plains <= {f.__name__ for f in numpy_protocol.PLAIN}
    assert len(refusals) > 30
    if form == "f(x)":
        assert {"exp", "sum", "mean", "transpose", "squeeze", "square"} <= graphs
        assert {"sort", "cumsum", "tan"} & refusals and {"argmax", "zeros_like"} <= plains


def test_numpy_testing_works_on_plain_tensors_and_refuses_the_others():
    np.testing.assert_allclose(Tensor(X), X)
    with pytest.raises(TypeError):
        np.testing.assert_allclose(leaf(X), X)
