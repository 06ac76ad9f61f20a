"""What outsiders got past the check, or had refused, and neighbours of it."""

import numpy as np
import pytest

from minigrad import Function, gradcheck, nn
from minigrad import functions as F


def operation(forward, backward):
    """Return a function of one input with these two passes, `backward(gy, x)`."""

    class Mine(Function):
        def forward(self, x):
            self.x = x
            return forward(x)

        def backward(self, gy):
            return backward(gy, self.x)

    return Mine.apply


def relu(x):
    return np.maximum(x, 0)


ZERO = np.array([-1.0, 0.0, 2.0])
WRONG = {
    "another upstream gradient at a kink": (
        operation(relu, lambda gy, x: gy * (x > 0) + np.where(x == 0, 100 * gy[2], 0)),
        ZERO,
    ),
    "a neighbour's upstream gradient at a kink": (
        operation(relu, lambda gy, x: np.where(x == 0, np.roll(gy, 1), gy * (x > 0))),
        ZERO,
    ),
    "a jump of another element than the first": (
        operation(np.floor, lambda gy, x: 1e6 * gy * (np.arange(3) > 0)),
        np.array([1.0, 2.0, 3.0]),
    ),
    "a slope of 1.001 at a kink": (
        operation(relu, lambda gy, x: gy * np.where(x == 0, 1.001, x > 0)),
        ZERO,
    ),
    "shares of a tie that sum to 1.001": (
        operation(lambda x: np.asarray(x.max()), lambda gy, x: gy * np.full(x.shape, 1.001 / 3)),
        np.ones(3),
    ),
    "wrong at exactly 1": (
        operation(np.square, lambda gy, x: gy * np.where(x == 1, 7, 2 * x)),
        np.array([0.5, 1.0, 3.0]),
    ),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("f", "x"), WRONG.values(), ids=WRONG)
def test_a_wrong_backward_does_not_hide_at_a_point(f, x, seed):
    (result,) = gradcheck(f, x, seed=seed, raises=False).results
    assert result.verdict == "FAIL"


RIGHT = {
    "a sort of equal numbers": (operation(np.sort, lambda gy, x: gy), np.ones(6)),
    "sign at 0": (operation(np.sign, lambda gy, x: 0 * gy), ZERO),
    "a step of a half at 0": (
        operation(lambda x: np.heaviside(x, 0.5), lambda gy, x: 0 * gy),
        ZERO,
    ),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("f", "x"), RIGHT.values(), ids=RIGHT)
def test_a_right_backward_at_a_point_without_a_derivative(f, x, seed):
    (result,) = gradcheck(f, x, seed=seed).results
    assert result.verdict == "KINK"


@pytest.mark.parametrize("n", [12, 30])
@pytest.mark.parametrize("seed", range(3))
def test_a_sort_of_many_equal_numbers_is_not_called_wrong(n, seed):
    sort = operation(np.sort, lambda gy, x: gy)
    (result,) = gradcheck(sort, np.ones(n), seed=seed, raises=False).results
    assert result.verdict in ("KINK", "UNDECIDED")


@pytest.mark.parametrize("hidden", [3, 5, 8])
@pytest.mark.parametrize("seed", range(3))
def test_a_relu_network_at_zeros_is_not_called_wrong(hidden, seed):
    model = nn.mlp(4, [hidden], 3, rng=0)
    model.layers[0].bias.data[:] = 0
    report = gradcheck(model, np.zeros((1, 4)), seed=seed, raises=False)
    assert {r.verdict for r in report.results} <= {"PASS", "KINK", "UNDECIDED"}


@pytest.mark.parametrize(
    ("forward", "x"),
    [(np.abs, 0.0), (np.square, 0.0), (np.cos, 0.0), (np.square, 1.0)],
    ids=["abs", "square", "cos", "square of 1"],
)
def test_what_is_smooth_or_even_is_not_called_constant(forward, x):
    wrong = operation(forward, lambda gy, x: gy * 5.0)
    (result,) = gradcheck(wrong, np.array([x]), raises=False).results
    assert result.verdict == "FAIL" and "constant here" not in result.diagnosis


def test_a_sample_of_kinks_is_said_to_be_one():
    x = np.random.default_rng(0).standard_normal(2000)
    x[:400] = 0
    (result,) = gradcheck(F.relu, x).results
    assert result.verdict == "KINK" and " of 256 sampled of 2000 elements sit on a kink" in (
        result.diagnosis
    )
