"""gradcheck's diagnoses: each planted mistake gets its own, right code gets none."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Function

RNG = np.random.default_rng(5)
X, Y = RNG.standard_normal((4, 4)), RNG.standard_normal((4, 4))
B = RNG.standard_normal(4)
TWICE = np.array([0, 1, 1, 2, 0])


def op(forward, backward):
    """Return a user's own operation: backward takes gy and the inputs."""

    class Op(Function):
        def forward(self, *arrays):
            self.arrays = arrays
            return forward(*arrays)

        def backward(self, gy):
            return backward(gy, *self.arrays)

    return Op.apply


def taken(gy, x):
    gx = np.zeros_like(x)
    gx[TWICE] = gy  # the sum of the uses would be np.add.at
    return gx


def one_element(gy, x):
    gx = gy * np.cos(x)
    gx[1, 2] *= 1.01
    return gx


def affine(backward):
    return op(lambda x, b: x + b, backward)


MISTAKES = {
    "the sign is flipped": (op(np.sin, lambda g, x: -g * np.cos(x)), [X]),
    "it is zero": (op(np.sin, lambda g, x: 0 * g), [X]),
    "it is off by the constant factor 2": (op(np.sin, lambda g, x: 2 * g * np.cos(x)), [X]),
    "it is off by the constant factor ½": (op(np.square, lambda g, x: g * x), [X]),
    "it is off by the constant factor 1.01": (op(np.sin, lambda g, x: 1.01 * g * np.cos(x)), [X]),
    "it is off by the constant factor 16: the mean over the batch is missing": (
        op(lambda x: np.square(x).mean(), lambda g, x: g * 2 * x),
        [X],
    ),
    "it is off by the constant factor 1/4: divided by the batch size once too often": (
        op(lambda x: np.square(x).mean(axis=0), lambda g, x: g * 2 * x / 16),
        [X],
    ),
    "it is transposed": (op(np.sin, lambda g, x: (g * np.cos(x)).T), [X]),
    "the upstream gradient is ignored": (op(np.sin, lambda g, x: np.cos(x)), [X]),
    "it is not summed over axis 0 of the output: only the first of 4 counts": (
        affine(lambda g, x, b: (g, g[0])),
        [X, B],
    ),
    "it is not summed over axis 0 of the output: only the last of 4 counts": (
        affine(lambda g, x, b: (g, g[-1])),
        [X, B],
    ),
    "it is summed over the wrong axis: axes 0 and 1 of the output are swapped": (
        affine(lambda g, x, b: (g, g.sum(axis=1))),
        [X, B],
    ),
    "overwritten instead of accumulated: an element that is used several times gets the gradient "
    "of one use": (op(lambda x: x[TWICE], taken), [B]),
    "it is the gradient of input 1": (
        op(lambda x, y: x * np.sin(y), lambda g, x, y: (g * x * np.cos(y), g * x * np.cos(y))),
        [X, Y],
    ),
    "it is multiplied by input 0 once too often, or it is the gradient of input 1": (
        op(lambda x, y: x * np.exp(y), lambda g, x, y: (g * x * np.exp(y), g * x * np.exp(y))),
        [X, Y],
    ),
    "correct but float32: it was not computed in float64": (
        op(lambda x: 100 + np.sin(x), lambda g, x: np.float32(g) * np.float32(np.cos(x))),
        [X],
    ),
    "": (op(np.sin, one_element), [X]),
}


@pytest.mark.parametrize("diagnosis", MISTAKES, ids=lambda text: text[:50] or "one element")
def test_each_mistake_gets_its_diagnosis(diagnosis):
    f, inputs = MISTAKES[diagnosis]
    options = {"rtol": 1e-9, "atol": 1e-12} if "float32" in diagnosis else {}
    report = mg.gradcheck(f, inputs, raises=False, **options)
    (failed,) = [result for result in report.results if result.verdict == "FAIL"]
    assert failed.diagnosis == diagnosis
    assert not report and failed.failing.any()


def test_a_forward_that_rounds_to_float32():
    class Rounded(Function):
        def forward(self, x, factor):
            self.factor = factor
            self.y = np.tanh(x.astype(np.float32)).astype(x.dtype)
            return self.y

        def backward(self, gy):
            return self.factor * gy * (1 - self.y**2)

    x = np.array([0.5, 1.0, 2.0])
    assert mg.gradcheck(lambda x: Rounded.apply(x, factor=1), x)
    (result,) = mg.gradcheck(lambda x: Rounded.apply(x, factor=2), x, raises=False).results
    assert result.diagnosis == (
        "f itself rounds to float32, which hides its slopes: make it compute in float64"
    )


def test_an_elementwise_function_sums_over_no_axis():
    class Leaky(Function):
        def forward(self, x):
            self.x = x
            return np.where(x > 0, x, 0.1 * x)

        def backward(self, gy):
            return gy * (self.x > 0)

    (result,) = mg.gradcheck(Leaky.apply, np.array([-1.0, -2.0, 3.0]), raises=False).results
    assert (result.verdict, result.diagnosis) == ("FAIL", "")


def test_a_forgotten_3_is_no_mean_over_a_batch_of_3():
    class Cube(Function):
        def forward(self, x):
            self.x = x
            return x**3

        def backward(self, gy):
            return gy * self.x**2

    (result,) = mg.gradcheck(Cube.apply, np.array([0.3, 1.2, 2.0]), raises=False).results
    assert result.diagnosis == "it is off by the constant factor 0.333333"
