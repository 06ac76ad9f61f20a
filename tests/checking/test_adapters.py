"""Backward passes written without minigrad: pairs as courses teach them, and SciPy's gradients."""

import numpy as np
import pytest

from minigrad import Tensor, checking, gradcheck
from minigrad.checking import from_gradient, from_numpy
from minigrad.errors import ArgumentError, GraphError, ShapeError
from tests.helpers import exactly, leaf

RNG = np.random.default_rng(0)
X, W, B = RNG.standard_normal((4, 3)), RNG.standard_normal((3, 2)), RNG.standard_normal(2)
LABELS = np.array([0, 2, 1, 0])


def verdicts(f, inputs):
    return [result.verdict for result in gradcheck(f, inputs, raises=False).results]


def affine_forward(x, W, b):
    return x @ W + b, (x, W, b)


def affine_backward(dout, cache):
    x, W, b = cache
    return dout @ W.T, x.T @ dout, dout.sum(axis=0)


def softmax_loss(x, y):
    p = np.exp(x - x.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    rows = np.arange(len(x))
    loss = -np.log(p[rows, y]).mean()
    p[rows, y] -= 1
    return loss, p / len(x)


# ---- the forms ---------------------------------------------------------------------------------


def test_a_pair_with_a_cache():
    affine = from_numpy(affine_forward, affine_backward)
    assert affine.__name__ == "affine"
    assert verdicts(affine, [X, W, B]) == ["PASS"] * 3
    y = affine.apply(leaf(X), W, B)
    assert y.node.needs == (True, False, False) and (y.data == X @ W + B).all()


@pytest.mark.parametrize(
    "found",
    [
        lambda dx, dW, db: [dx, dW, db],
        lambda dx, dW, db: {"x": dx, "W": dW, "b": db, "loss": 3},
        lambda dx, dW, db: {"db": db, "dW": dW, "dx": dx},
    ],
    ids=["list", "names", "dnames"],
)
def test_gradients_as_a_list_or_a_dict(found):
    pair = from_numpy(affine_forward, lambda dout, cache: found(*affine_backward(dout, cache)))
    assert verdicts(pair, [X, W, B]) == ["PASS"] * 3
    pair = from_numpy(affine_forward, lambda dout, cache: found(*affine_backward(2 * dout, cache)))
    assert verdicts(pair, [X, W, B]) == ["FAIL"] * 3


def test_a_pair_without_a_cache_and_a_single_array():
    relu = from_numpy(lambda x: np.maximum(x, 0), lambda dout, x: dout * (x > 0))
    assert verdicts(relu, X) == ["PASS"]
    assert verdicts(from_numpy(np.sin, lambda dout, x: dout * np.cos(x)), X) == ["PASS"]
    assert verdicts(from_numpy(np.sin, lambda dout, x: dout * np.sin(x)), X) == ["FAIL"]


def test_a_loss_that_returns_its_gradient():
    assert verdicts(from_numpy(softmax_loss), [X, LABELS]) == ["PASS"]
    wrong = from_numpy(lambda x, y: (softmax_loss(x, y)[0], 4 * softmax_loss(x, y)[1]))
    assert verdicts(wrong, [X, LABELS]) == ["FAIL"]


def test_a_loss_that_returns_a_dict_of_gradients():
    def loss(x, W):
        return ((x @ W) ** 2).sum(), {"dW": 2 * x.T @ x @ W, "dx": 2 * x @ W @ W.T}

    assert verdicts(from_numpy(loss), [X, W]) == ["PASS", "PASS"]
    assert verdicts(from_numpy(loss), [Tensor(X), W]) == ["PASS"]


def test_a_gradient_keeps_its_dtype():
    """The float32 of a float64 input is a mistake; whole numbers are not."""
    single = from_numpy(lambda x: (x.sum(), np.ones(x.shape, np.float32)))
    (result,) = gradcheck(single, X, raises=False).results
    assert result.diagnosis == "forward.backward returned float32 for an input of float64"
    assert verdicts(from_numpy(lambda x: (x.sum(), np.ones(x.shape, int))), X) == ["PASS"]


def test_an_upstream_gradient_reaches_a_loss():
    x = leaf(X)
    (3 * from_numpy(softmax_loss).apply(x, LABELS)).backward()
    assert np.allclose(x.grad, 3 * softmax_loss(X, LABELS)[1], rtol=1e-14)


# ---- what takes no part ------------------------------------------------------------------------


def scaled(x, labels, settings, W, shift):
    assert labels.dtype.kind == "i" and shift == 2 and type(shift) is int
    return settings["scale"] * x[labels] @ W + shift


def scaled_backward(dout, x, labels, settings, W, shift):
    dx = np.zeros_like(x)
    np.add.at(dx, labels, settings["scale"] * dout @ W.T)
    return dx, settings["scale"] * x[labels].T @ dout


@pytest.mark.parametrize("labels", [LABELS, Tensor(LABELS), np.array([], int)], ids=str)
def test_what_is_not_floating_reaches_both_passes_as_it_is(labels):
    inputs = [X, labels, {"scale": 3}, W, 2]
    assert verdicts(from_numpy(scaled, scaled_backward), inputs) == ["PASS", "PASS"]


def test_a_gradient_for_each_input_none_where_there_is_nothing_to_differentiate():
    def backward(dout, *inputs):
        dx, dW = scaled_backward(dout, *inputs)
        return dx, None, None, dW, None

    inputs = [X, LABELS, {"scale": 3}, W, 2]
    assert verdicts(from_numpy(scaled, backward), inputs) == ["PASS", "PASS"]


def test_gradients_for_what_needs_one_alone():
    """A regularised loss returns the gradient of its weights, and not of the data."""

    def ridge(W, x, strength):
        return ((x @ W) ** 2).sum() + strength * (W**2).sum(), 2 * x.T @ x @ W + 2 * strength * W

    inputs = [W, Tensor(X), Tensor(np.array(0.5))]
    assert verdicts(from_numpy(ridge), inputs) == ["PASS"]


# ---- one clear line ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "error", "text"),
    [
        (
            lambda dx, dW, db: (dx, dW),
            GraphError,
            "backward: returned 2 gradients for 3 inputs; x (4, 3), W (3, 2), b (2,); return one "
            "for each, in forward's order, or pass what needs none as mg.Tensor(x)",
        ),
        (
            lambda dx, dW, db: dx,
            GraphError,
            "backward: returned 1 gradient for 3 inputs; x (4, 3), W (3, 2), b (2,); return one "
            "for each, in forward's order, or pass what needs none as mg.Tensor(x)",
        ),
        (
            lambda dx, dW, db: (dx, None, db),
            GraphError,
            "backward: returned no gradient for W, which needs one; x (4, 3), W (3, 2), b (2,); "
            "return an array of shape (3, 2), in a dict as W or dW",
        ),
        (
            lambda dx, dW, db: {"dx": dx, "dw": dW, "db": db},
            GraphError,
            "backward: returned no gradient for W, which needs one; x (4, 3), W (3, 2), b (2,); "
            "return an array of shape (3, 2), in a dict as W or dW",
        ),
        (
            lambda dx, dW, db: (dx, dW.T, db),
            ShapeError,
            "backward: returned an array of shape (2, 3) for W; x (4, 3), W (3, 2), b (2,); return "
            "an array of shape (3, 2)",
        ),
        (
            lambda dx, dW, db: (dx, dW, "db"),
            ShapeError,
            "backward: returned a str for b; x (4, 3), W (3, 2), b (2,); return an array of shape "
            "(2,)",
        ),
    ],
)
def test_gradients_that_do_not_fit(found, error, text):
    pair = from_numpy(affine_forward, lambda dout, cache: found(*affine_backward(dout, cache)))
    with pytest.raises(error, match=exactly(text)):
        pair.apply(leaf(X), leaf(W), leaf(B)).backward(np.ones((4, 2)))
    results = gradcheck(pair, [X, W, B], raises=False).results
    assert [(r.verdict, r.diagnosis) for r in results] == [("FAIL", text)] * 3


def test_a_gradient_that_is_not_summed_over_the_rows_is_wrong():
    """A Function's gradient may have the broadcast shape; without minigrad, nothing sums it."""

    def affine_backward(dout, cache):
        x, W, b = cache
        return dout @ W.T, x.T @ dout, dout

    result = gradcheck(from_numpy(affine_forward, affine_backward), [X, W, B], raises=False)
    assert result.results[2].diagnosis == (
        "affine_backward: returned an array of shape (4, 2) for b; x (4, 3), W (3, 2), b (2,); "
        "return an array of shape (2,)"
    )


def test_names_where_forward_gives_none():
    pair = from_numpy(lambda *xs: xs[0] + xs[1], lambda dout, *xs: (dout, dout[:1]))
    with pytest.raises(ShapeError, match=r"for input 1; input 0 \(4, 3\), input 1 \(4, 3\); "):
        pair.apply(leaf(X), leaf(X)).backward(X)
    with pytest.raises(ShapeError, match=r"for input 0; input 0 \(4, 3\); |for x; x \(4, 3\); "):
        from_numpy(np.sin, lambda dout, x: dout[:1]).apply(leaf(X)).backward(X)


@pytest.mark.parametrize(
    ("passes", "where", "what"),
    [
        (
            (lambda x: (x, x, 3), affine_backward),
            "forward",
            "(an array of shape (4, 3), an array of shape (4, 3), an array of shape ())",
        ),
        ((np.sum,), "sum", "an array of shape ()"),
        ((lambda x: (x, x),), "forward", "(an array of shape (4, 3), an array of shape (4, 3))"),
        ((lambda x: ({"dx": x}, 1.0),), "forward", "(a dict, an array of shape ())"),
        ((lambda x: (1.0, x, x),), "forward", None),
        ((lambda x: None,), "forward", "None"),
    ],
)
def test_a_forward_of_another_form(passes, where, what):
    what = what or "(an array of shape (), an array of shape (4, 3), an array of shape (4, 3))"
    text = (
        f"{where}: returned {what}; it can be out or (out, cache), or without a backward (one "
        "number, gradients); return one of these; several outputs are checked one at a time"
    )
    with pytest.raises(ArgumentError, match=exactly(text)):
        gradcheck(from_numpy(*passes), X)


def test_an_error_in_a_pass_is_the_users_own():
    def forward(x):
        raise ValueError("a mistake")

    with pytest.raises(ValueError, match=exactly("a mistake")):
        gradcheck(from_numpy(forward, forward), X)


# ---- the contract ------------------------------------------------------------------------------


def writes_to_its_input_forward(x):
    x *= 2
    return x, None


def test_a_forward_that_writes_to_its_input():
    pair = from_numpy(writes_to_its_input_forward, lambda dout, cache: 2 * dout)
    (result,) = gradcheck(pair, X, raises=False).results
    assert result.diagnosis == (
        "writes_to_its_input.forward wrote to its input 0: make a new array instead"
    )


@pytest.mark.parametrize(
    ("cache", "where"),
    [
        (lambda x: x, "self.cache"),
        (lambda x: (1, x), "self.cache[1]"),
        (lambda x: {"x": x}, "self.cache['x']"),
        (lambda x: ([x], {}), "self.cache[0][0]"),
    ],
)
def test_a_backward_that_writes_to_its_cache(cache, where):
    saved = []

    def forward(x):
        saved.append(x + 0)
        return 2 * x, cache(saved[-1])

    def backward(dout, cache):
        saved[-1][...] = 0
        return 2 * dout

    (result,) = gradcheck(from_numpy(forward, backward), X, raises=False).results
    assert result.diagnosis == (
        f"forward.backward wrote to {where}, which forward saved: make a new array instead"
    )


def test_a_backward_that_writes_to_dout():
    def relu_backward(dout, x):
        dout[x < 0] = 0
        return dout

    pair = from_numpy(lambda x: np.maximum(x, 0), relu_backward)
    (result,) = gradcheck(pair, X, raises=False).results
    assert result.diagnosis.startswith("forward.backward wrote to gy: ")


def test_a_random_pass_is_nondeterministic():
    rng = np.random.default_rng(0)

    def dropout_forward(x):
        mask = rng.random(x.shape) < 0.5
        return x * mask, mask

    pair = from_numpy(dropout_forward, lambda dout, mask: dout * mask)
    (result,) = gradcheck(pair, X, raises=False).results
    assert result.verdict == "NONDETERMINISTIC"
    assert result.diagnosis.startswith("two forward passes differ, first in dropout.forward; ")


def test_bisect_finds_a_wrong_pair():
    affine = from_numpy(affine_forward, affine_backward)
    wrong = from_numpy(scaled, lambda *inputs: [2 * g for g in scaled_backward(*inputs)])
    f = lambda x: wrong.apply(affine.apply(x, W, B), LABELS, {"scale": 3}, W.T, 2).sum()  # noqa: E731
    found = checking.bisect(f, X)
    assert [(step.op, step.verdict) for step in found.steps] == [
        ("affine", "PASS"),
        ("scaled", "FAIL"),
        ("Sum", "-"),
    ]


# ---- scipy.optimize.check_grad -----------------------------------------------------------------


def rosen(x):
    return sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosen_der(x):
    der = np.zeros_like(x)
    der[:-1] = -400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1])
    der[1:] += 200 * (x[1:] - x[:-1] ** 2)
    return der


def test_a_function_and_its_gradient():
    assert verdicts(from_gradient(rosen, rosen_der), X[0]) == ["PASS"]
    assert verdicts(from_gradient(rosen, lambda x: rosen_der(x)[::-1]), X[0]) == ["FAIL"]


def test_more_arguments_of_both():
    f = from_gradient(lambda x, a, b: a * x @ x + b, lambda x, a, b: list(2 * a * x), 3.0, 1e-3)
    assert verdicts(f, X[0]) == ["PASS"]


def test_a_function_that_does_not_return_a_number():
    text = r"\Aforward: returned \(an array of shape \(3,\), a function\); it can be out or "
    with pytest.raises(ArgumentError, match=text):
        gradcheck(from_gradient(lambda x: 2 * x, rosen_der), X[0])


@pytest.mark.parametrize(
    ("wrong", "what"),
    [(None, "no gradient for x, which needs one"), (X, "an array of shape (4, 3) for x")],
)
def test_a_gradient_that_is_none_or_of_another_shape(wrong, what):
    (result,) = gradcheck(from_gradient(rosen, lambda x: wrong), X[0], raises=False).results
    assert result.verdict == "FAIL"
    assert result.diagnosis.startswith(f"rosen: returned {what}; x (3,); return an array of")
