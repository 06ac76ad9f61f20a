"""gradcheck: right code passes at every scale, planted errors are caught, nothing is changed."""

import contextlib
import re

import numpy as np
import pytest

import minigrad as mg
from minigrad import Function, Tensor, errors, gradcheck, nn
from minigrad import functions as F
from minigrad.checking import Report, Result
from minigrad.errors import ArgumentError, GradcheckError, MinigradError
from tests.helpers import exactly, leaf

RNG = np.random.default_rng(0)
NORMAL = RNG.standard_normal((3, 4))
POSITIVE = RNG.uniform(0.5, 2, (3, 4))


# ---- right code passes -------------------------------------------------------------------------

RIGHT = {
    "x": lambda x: x,
    "view": lambda x: x.reshape(-1)[::-1],
    "transposed view": lambda x: x.T,
    "broadcast view": lambda x: x.broadcast_to((2, *x.shape)),
    "x + x": lambda x: x + x,
    "x²": lambda x: x * x,
    "x³ − 2x": lambda x: x**3 - 2 * x,
    "1 / x": lambda x: 1 / x,
    "tanh": F.tanh,
    "sin": F.sin,
    "softmax": F.softmax,
    "log_softmax": lambda x: F.log_softmax(x, axis=0),
    "logsumexp": F.logsumexp,
    "sum": F.sum,
    "mean": lambda x: x.mean(axis=0),
    "var": lambda x: x.var(axis=1, ddof=1),
    "std": lambda x: x.std(),
    "max": lambda x: x.max(axis=1),
    "abs": F.abs,
    "relu": F.relu,
    "softplus": F.softplus,
    "matmul": lambda x: x @ x.T,
    "cross_entropy": lambda x: F.cross_entropy(x, np.array([0, 3, 1])),
    "padded": lambda x: F.pad(x, 2, value=5.0),
    "constant": lambda x: x * 0 + 3,
}


@pytest.mark.parametrize("scale", [1e-8, 1e-4, 0.1, 1, 10, 1e4])
@pytest.mark.parametrize("f", RIGHT.values(), ids=RIGHT)
def test_right_code_passes_at_every_scale(f, scale):
    report = gradcheck(f, NORMAL * scale)
    assert report and report.ok and isinstance(report, Report)


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1, 1e6])
@pytest.mark.parametrize("f", [F.log, F.sqrt, lambda x: x**-0.5, lambda x: x**2.5, F.log1p])
def test_right_code_passes_close_to_the_end_of_its_domain(f, scale):
    assert gradcheck(f, POSITIVE * scale)


@pytest.mark.parametrize("x", [1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 0.0, -1e-12, 1e9])
@pytest.mark.parametrize("offset", [0.0, 1.0, 1e4, -1e6])
def test_a_small_x_in_a_large_y_passes(x, offset):
    assert gradcheck(lambda x: x + offset, np.array([x]))
    assert gradcheck(lambda x: (x * 3).sum() + offset, np.array([x, 2.0]))


def test_exactness_in_one_dimension_of_many():
    assert gradcheck(lambda x, w: F.exp(x @ w), [NORMAL, NORMAL.T[:, :2]])
    assert gradcheck(lambda *xs: F.concatenate(xs).tanh(), [NORMAL, POSITIVE, NORMAL[:0]])


def test_a_model_and_its_parameters():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(4, 3, rng=rng), nn.Tanh(), nn.Linear(3, 2, rng=rng))
    names = [r.name for r in gradcheck(model, NORMAL).results]
    assert names == ["input 0", "0.weight", "0.bias", "2.weight", "2.bias"]

    loss = nn.CrossEntropy()
    report = gradcheck(lambda x: loss(model(x), np.array([0, 1, 1])), NORMAL, module=model)
    assert [r.name for r in report.results] == names
    report = gradcheck(lambda: model(NORMAL).sum(), module=model)  # no inputs at all
    assert [r.name for r in report.results] == names[1:]


def test_a_frozen_parameter_is_not_checked():
    model = nn.Linear(4, 2, rng=0)
    model.weight.requires_grad = False
    assert [r.name for r in gradcheck(model, NORMAL).results] == ["input 0", "bias"]
    assert not model.weight.requires_grad


# ---- wrong code is caught ----------------------------------------------------------------------


class Affine(Function):
    """y = 2 (x W) + b, with a backward pass that a test may spoil: `spoil(gx, gW, gb, gy)`."""

    def forward(self, x, W, b, spoil):
        self.x, self.W, self.spoil = x, W, spoil
        return 2 * (x @ W) + b

    def backward(self, gy):
        return self.spoil(2 * gy @ self.W.T, 2 * self.x.T @ gy, gy.sum(axis=0), gy)


SQUARE = [NORMAL[:, :3], POSITIVE[:, :3], NORMAL[0, :3]]
WRONG = {
    "sign": (0, lambda gx, gW, gb, gy: (-gx, gW, gb)),
    "twice": (1, lambda gx, gW, gb, gy: (gx, 2 * gW, gb)),
    "half": (2, lambda gx, gW, gb, gy: (gx, gW, gb / 2)),
    "1 % wrong": (0, lambda gx, gW, gb, gy: (1.01 * gx, gW, gb)),
    "1e-5 wrong": (0, lambda gx, gW, gb, gy: (gx * (1 + 1e-5), gW, gb)),
    "missing sum": (2, lambda gx, gW, gb, gy: (gx, gW, gy[0])),
    "mean for sum": (2, lambda gx, gW, gb, gy: (gx, gW, gy.mean(axis=0))),
    "transposed": (1, lambda gx, gW, gb, gy: (gx, gW.T, gb)),
    "other matrix": (0, lambda gx, gW, gb, gy: (gW, gW, gb)),
    "upstream ignored": (2, lambda gx, gW, gb, gy: (gx, gW, np.full(3, 3.0))),
    "upstream averaged": (2, lambda gx, gW, gb, gy: (gx, gW, np.full(3, gb.mean()))),
    "one element": (1, lambda gx, gW, gb, gy: (gx, gW + np.eye(3)[[2, 0, 0]] * [0, 0, 1], gb)),
    "zero": (0, lambda gx, gW, gb, gy: (0 * gx, gW, gb)),
    "NaN": (2, lambda gx, gW, gb, gy: (gx, gW, gb * np.nan)),
    "one NaN": (1, lambda gx, gW, gb, gy: (gx, np.where(np.eye(3), np.nan, gW), gb)),
    "infinite": (0, lambda gx, gW, gb, gy: (gx + np.inf, gW, gb)),
    "shuffled": (0, lambda gx, gW, gb, gy: (gx[::-1], gW, gb)),
}


def spoiled(spoil):
    return lambda x, W, b: Affine.apply(x, W, b, spoil=spoil)


@pytest.mark.parametrize("scale", [1e-3, 1, 100])
@pytest.mark.parametrize(("wrong", "spoil"), WRONG.values(), ids=WRONG)
def test_a_planted_error_is_caught_in_the_input_where_it_is(wrong, spoil, scale):
    inputs = [x * scale for x in SQUARE]
    assert gradcheck(spoiled(lambda gx, gW, gb, gy: (gx, gW, gb)), inputs)
    with pytest.raises(GradcheckError):
        gradcheck(spoiled(spoil), inputs)
    report = gradcheck(spoiled(spoil), inputs, raises=False)
    assert not report
    verdicts = [r.verdict for r in report.results]
    assert verdicts == ["FAIL" if i == wrong else "PASS" for i in range(3)]


def test_one_wrong_element_is_counted_and_located():
    spoil = WRONG["one element"][1]
    result = gradcheck(spoiled(spoil), SQUARE, raises=False).results[1]
    assert np.argwhere(result.failing).tolist() == [[0, 2]] and result.failing.shape == (3, 3)
    assert (result.checked, result.size, result.index) == (9, 9, (0, 2))
    assert result.analytic == pytest.approx(result.numeric + 1)
    assert abs(result.analytic - result.numeric) > result.tolerance > result.error


class Softmax(Function):
    """A softmax whose backward ignores the upstream gradient; with ones it would be right."""

    def forward(self, x):
        self.y = np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)
        return self.y

    def backward(self, gy):
        return 0 * gy


def test_an_error_that_an_upstream_gradient_of_ones_would_hide():
    assert not gradcheck(Softmax.apply, NORMAL, raises=False)


def test_no_gradient_at_all_is_caught():
    for f in (
        lambda x: Tensor(np.exp(x.data)),
        lambda x: x.exp().detach(),
        lambda x: x.detach() * x,
    ):
        with pytest.raises(GradcheckError):
            gradcheck(f, NORMAL)
    assert gradcheck(lambda x: Tensor([3.0]), NORMAL)  # a constant has none


def test_a_wrong_gradient_of_a_parameter_is_caught_and_named():
    class Wrong(nn.Module):
        """y = k x, whose k gets half of its gradient."""

        def __init__(self):
            self.k = nn.Parameter([2.0])

        def forward(self, x):
            return x * self.k * 0.5 + x * self.k.detach() * 0.5

    report = gradcheck(nn.Sequential(Wrong()), NORMAL, raises=False)
    assert [(r.name, r.verdict) for r in report.results] == [("input 0", "PASS"), ("0.k", "FAIL")]


def test_a_kink_between_the_points_of_the_difference_is_no_failure():
    assert gradcheck(F.relu, np.array([0.0])).results[0].verdict == "KINK"
    assert gradcheck(F.relu, np.array([1e-9, -1e-9]))  # the step shrinks with |x|


def test_a_result_that_is_not_finite_fails():
    for x in (np.nan, np.inf):
        report = gradcheck(lambda x: x * 2, np.array([1.0, x]), raises=False)
        assert report.results[0].verdict == "NONFINITE"
    assert gradcheck(lambda x: x * 2, np.array([1.0, 1e12]))
    assert not gradcheck(F.log, np.array([1.0, -1.0]), raises=False)


# ---- the report --------------------------------------------------------------------------------


class Triple(Function):
    """y = 3 x, with a gradient of 3.03 for the last element."""

    def forward(self, x):
        return 3 * x

    def backward(self, gy):
        g = 3 * gy
        g[..., -1] *= 1.01
        return g


# 2⁻¹⁷ makes every difference exact
TEXT = """\
gradcheck: 1 of 2 gradients is wrong; backward in float64, differences in float64; passes if \
|analytic − numeric| <= 0 + 1e-06·|numeric| + error
FAIL input 0: 2 of 4 elements fail at [0, 1], [1, 1]
    input 0[0, 1]: analytic A, numeric N ± E, |difference| D > T
PASS input 1
    input 1[1]: analytic A, numeric N ± E, |difference| D <= T"""


def test_the_text_of_a_failed_check():
    def f(x, w):
        return Triple.apply(x) + w * 1

    x, w = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.0, 1.0])
    with pytest.raises(GradcheckError) as caught:
        gradcheck(f, [x, w], eps=2**-17)
    report = gradcheck(f, [x, w], eps=2**-17, raises=False)
    assert str(caught.value) == str(report)
    text = TEXT
    for r in report.results:
        numbers = (f"{r.analytic:.12g}", f"{r.numeric:.12g}", f"{r.error:.2g}")
        difference = (f"{abs(r.analytic - r.numeric):.6g}", f"{r.tolerance:.6g}")
        for letter, number in zip("ANEDT", numbers + difference, strict=True):
            text = re.sub(rf"\b{letter}\b", number, text, count=1)
    assert str(report) == text
    assert isinstance(caught.value, AssertionError) and isinstance(caught.value, MinigradError)


def test_the_text_of_a_passed_check_and_of_no_elements():
    report = gradcheck(lambda x, w: x.sum() + w.sum(), [np.array([1.0]), np.zeros((0, 3))])
    head, first, numbers, second = str(report).splitlines()
    assert head.startswith("gradcheck: all gradients agree; backward in float64, ")
    assert (first, second) == ("PASS input 0", "PASS input 1")
    assert numbers.startswith("    input 0[0]: analytic -0.922")
    assert bool(report) and report.ok
    assert isinstance(report.results[0], Result)


def test_the_verdict_follows_from_the_numbers_in_the_report():
    for spoil in [s for _, s in WRONG.values()]:
        for r in gradcheck(spoiled(spoil), SQUARE, raises=False).results:
            passes = abs(r.analytic - r.numeric) <= r.tolerance
            assert (r.verdict == "PASS") == (not r.failing.any()) == passes
            assert r.tolerance == pytest.approx(1e-6 * abs(r.numeric) + r.error)


def test_looser_and_tighter_tolerances():
    slightly = spoiled(WRONG["1e-5 wrong"][1])
    assert gradcheck(slightly, SQUARE, rtol=1e-4)
    assert gradcheck(slightly, SQUARE, rtol=0, atol=1e-2)
    assert not gradcheck(slightly, SQUARE, raises=False)


# ---- how it is done ----------------------------------------------------------------------------


def test_every_element_is_stepped_both_ways_by_a_random_half_to_all_of_6e_6_and_less_for_small_x():
    x = np.array([0.0, 1e-3, -0.5, 1.0, 300.0])
    calls = []

    def f(t):
        calls.append(t.data.copy())
        return t * 2

    gradcheck(f, x)
    *before, last = [i for i, c in enumerate(calls) if np.array_equal(c, x)]
    rest = calls[last + 1 : last + 1 + 2 * x.size]  # what comes first; then some are refined
    for i, (below, above) in enumerate(zip(rest[::2], rest[1::2], strict=True)):
        step = 6e-6 * (min(100 * abs(x[i]), 1) or 1)
        moved = np.flatnonzero((above != x) | (below != x))
        assert moved.tolist() == [i]
        assert step / 2 <= above[i] - x[i] <= step
        assert x[i] - below[i] == pytest.approx(above[i] - x[i], rel=1e-6, abs=1e-13)


def test_the_upstream_gradient_is_random_and_seeded():
    seen = []

    class Spy(Function):
        """y = x"""

        def forward(self, x):
            return x + 0

        def backward(self, gy):
            seen.append(gy)
            return gy

    for seed in (0, 0, 1):
        assert gradcheck(Spy.apply, NORMAL, seed=seed)
    as_users_draw = np.random.default_rng(0).standard_normal((3, 4))
    assert not np.isclose(seen[0], as_users_draw).any()
    # Each check runs backward, and then again, with u and in other ways.
    each = len(seen) // 3
    np.testing.assert_array_equal(seen[:each], seen[each : 2 * each])
    np.testing.assert_array_equal(seen[0], seen[1])
    last = seen[2 * each]
    assert len(np.unique(last)) == 12 and not np.isclose(seen[0], last).any()


def test_it_computes_in_float64_whatever_it_is_given():
    dtypes = set()

    def f(x):
        dtypes.add(x.dtype)
        return F.exp(x)

    for x in (NORMAL.astype(np.float32), NORMAL.astype(np.float16), [1.0, 2.0]):
        assert gradcheck(lambda *xs: sum(map(f, xs)), x)
    for x in (leaf([1.0, 2.0], np.float32), leaf([1.0, 2.0], np.float16)):
        assert gradcheck(f, x)
    assert dtypes == {np.dtype(np.float64)}


# ---- inputs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "x",
    [
        NORMAL[::2, ::-1],
        NORMAL.T,
        np.asfortranarray(NORMAL),
        np.broadcast_to(NORMAL[0], (3, 4)),
        np.array(0.5),
        np.float64(0.5),
        0.5,
        NORMAL[:, :0],
        leaf(NORMAL),
        [NORMAL],
        (leaf(NORMAL),),
        [0.5],
    ],
    ids=lambda x: type(x).__name__,
)
def test_inputs_of_every_kind(x):
    assert gradcheck(lambda x: F.exp(x) * 2, x)


def test_read_only_inputs():
    x = NORMAL.copy()
    x.flags.writeable = False
    assert gradcheck(F.exp, x) and gradcheck(F.exp, Tensor(x, requires_grad=True))
    np.testing.assert_array_equal(x, NORMAL)


def test_what_is_not_floating_is_passed_through():
    index, mask, text = np.array([2, 0, 2]), NORMAL > 0, "tanh"

    def f(x, i, m, name, number):
        assert i is not index and i.tolist() == [2, 0, 2]  # a copy, for f may write to it
        assert (m == mask).all() and name is text and type(number) is int
        return F.where(m, x, 0)[i] * number

    report = gradcheck(f, [NORMAL, index, mask, text, 3])
    assert [r.name for r in report.results] == ["input 0"]


def test_several_inputs_are_numbered_as_they_are_given():
    report = gradcheck(lambda i, x, w: x[i] * w[i], [np.array([0, 1]), NORMAL, POSITIVE])
    assert [r.name for r in report.results] == ["input 1", "input 2"]


def test_one_array_given_twice():
    assert gradcheck(lambda a, b: a * b + a, [NORMAL, NORMAL])


# ---- nothing is changed ------------------------------------------------------------------------


def fails(*args):
    raise ZeroDivisionError


def fails_later():
    calls = iter(range(100))
    return lambda x: x * 2 if next(calls) < 3 else fails()


@pytest.mark.parametrize("fault", [None, "at once", "later", "wrong"])
def test_inputs_parameters_and_gradients_are_the_same_afterwards(fault):
    model = nn.Linear(4, 2, rng=0)
    x = Tensor(NORMAL.copy(), requires_grad=True)
    plain = NORMAL.astype(np.float32)
    x.grad, model.weight.grad = np.ones((3, 4)), np.full((2, 4), 5.0, np.float32)
    things = (x.data, x.grad, plain, model.weight.data, model.weight.grad, model.bias.data)
    before = [a.copy() for a in things]

    end = {None: lambda y: y, "at once": fails, "later": fails_later(), "wrong": Softmax.apply}
    end = end[fault]
    errors = (ZeroDivisionError, GradcheckError)
    with pytest.raises(errors) if fault else contextlib.nullcontext():
        gradcheck(lambda x, p: end(model(x * p)), [x, plain], module=model)
    now = (x.data, x.grad, plain, model.weight.data, model.weight.grad, model.bias.data)
    for array, same, copy in zip(now, things, before, strict=True):
        assert array is same
        np.testing.assert_array_equal(array, copy)
    assert model.bias.grad is None and x.node is None
    assert (x * 2).requires_grad  # recording goes on


# ---- wrong calls -------------------------------------------------------------------------------


@pytest.mark.parametrize("inputs", [(), [], [np.array([1, 2])], "text"], ids=repr)
def test_nothing_to_check(inputs):
    text = exactly(
        f"gradcheck: there is nothing to check; {len(inputs)} inputs, of which none is floating "
        "and requires a gradient, and no parameters; pass arrays of floats, Tensors with "
        "requires_grad=True, or module="
    )
    with pytest.raises(ArgumentError, match=text):
        gradcheck(lambda *args: Tensor(1.0), inputs)


@pytest.mark.parametrize(
    ("result", "name"),
    [
        (np.ones(2), "ndarray"),
        (1.5, "float"),
        (None, "NoneType"),
        ((), "tuple"),
        ((Tensor(1.0), 1.0), "a sequence that holds something else"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_function_that_returns_no_tensor(result, name):
    text = exactly(
        f"gradcheck: f did not return a Tensor; it returned {name}; return a Tensor or a tuple of "
        "Tensors"
    )
    with pytest.raises(ArgumentError, match=text):
        gradcheck(lambda x: result, NORMAL)


def test_it_is_a_public_name():
    assert mg.gradcheck is gradcheck


def test_the_backward_of_nothing_is_run_and_its_shape_checked():
    class Wrong(Function):
        def forward(self, x):
            return 2 * x

        def backward(self, gy):
            return np.zeros((5, 5))

    report = gradcheck(Wrong.apply, np.zeros((0, 3)), raises=False)
    assert report.results[0].verdict == "FAIL"
    assert "a gradient of shape (5, 5) for input 0" in report.results[0].diagnosis
    assert gradcheck(lambda x: x.mean(), np.zeros((0, 3)))
    assert gradcheck(lambda x: x.sum(), np.zeros((0, 3)))


# ---- options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "known"),
    [
        ({"eps": 0}, "None or a finite number above 0"),
        ({"eps": -1e-6}, "None or a finite number above 0"),
        ({"eps": float("nan")}, "None or a finite number above 0"),
        ({"eps": "a"}, "None or a finite number above 0"),
        ({"atol": -1}, "a finite number, 0 or more"),
        ({"atol": "1"}, "a finite number, 0 or more"),
        ({"rtol": float("inf")}, "a finite number, 0 or more"),
        ({"rtol": float("nan")}, "a finite number, 0 or more"),
        ({"seed": -1}, "an integer, 0 or more"),
        ({"seed": None}, "an integer, 0 or more"),
        ({"seed": 1.5}, "an integer, 0 or more"),
        ({"dtype": np.float32}, "float64 or float32"),
    ],
    ids=str,
)
def test_options_that_would_check_nothing(option, known):
    ((name, value),) = option.items()
    with pytest.raises(
        ArgumentError,
        match=exactly(
            f"gradcheck: {name}={value!r} is not valid; it can be {known}; choose one of them"
        ),
    ):
        gradcheck(F.sin, NORMAL, **option)


# ---- kinks and sizes ---------------------------------------------------------------------------


def function(forward, backward):
    """Return a function of one input with these two passes."""

    class Mine(Function):
        def forward(self, x):
            self.x = x
            return forward(x)

        def backward(self, gy):
            return backward(self.x, gy)

    return Mine.apply


@pytest.mark.parametrize("slope", [np.nan, np.inf, -0.1, 1.1, 5])
def test_a_gradient_outside_of_the_slopes_of_a_kink(slope):
    f = function(lambda x: np.maximum(x, 0), lambda x, gy: gy * np.where(x == 0, slope, x > 0))
    report = gradcheck(f, np.array([1.0, 0.0, -2.0]), raises=False)
    (result,) = report.results
    assert (result.verdict, result.index) == ("FAIL", (1,))
    assert result.failing.tolist() == [False, True, False]


@pytest.mark.parametrize("slope", [0, 0.3, 1])
def test_any_slope_between_those_of_a_kink_is_right(slope):
    f = function(lambda x: np.maximum(x, 0), lambda x, gy: gy * np.where(x == 0, slope, x > 0))
    assert gradcheck(f, np.array([1.0, 0.0, -2.0])).results[0].verdict == "KINK"


@pytest.mark.parametrize("tiny", [0.0, 1e-12, 1e-7, 1e-4])
def test_a_wrong_element_that_is_near_0_among_many(tiny):
    def wrong(x, gy):
        g = gy * (2 * x + 1)
        g[5] *= 1.5
        return g

    x = np.random.default_rng(0).standard_normal(2000)
    x[5] = tiny
    report = gradcheck(function(lambda x: x * x + x, wrong), x, raises=False)
    assert report.results[0].verdict == "FAIL" and report.results[0].index == (5,)


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1.0])
def test_a_wrong_element_among_many_small_gradients(scale):
    def wrong(x, gy):
        g = np.full(x.shape, 2 * gy / x.size) * x
        g[7] *= 2
        return g

    x = np.random.default_rng(0).standard_normal(100_000) * scale
    f = function(lambda x: (x * x).mean(), wrong)
    assert not gradcheck(f, x, atol=0, raises=False)


@pytest.mark.parametrize("f", [F.sin, F.cos, F.tanh])
@pytest.mark.parametrize("scale", [1e3, 1e5])
def test_a_projection_takes_a_smaller_step_where_f_varies_fast(f, scale):
    assert gradcheck(f, np.random.default_rng(0).standard_normal(2000) * scale)


def test_f_may_refuse_what_is_not_finite_and_what_is_far_away():
    x = np.array([1.0, 2.0, 3.0])

    def f(t):
        if not abs(t.data - x).max() < 1e-2:
            raise ValueError("not here")
        return F.sin(t * 1e6)

    assert gradcheck(f, x)


@pytest.mark.parametrize("x", [np.array([1.0]), np.array([0.5, 1.0, -3.0])])
@pytest.mark.parametrize("slope", [0, 5])
def test_a_jump_is_judged_by_its_neighbours(x, slope):
    f = function(np.floor, lambda x, gy: slope * gy)
    (result,) = gradcheck(f, x, raises=False).results
    assert result.verdict == ("FAIL" if slope else "KINK")


# ---- state -------------------------------------------------------------------------------------


class Running(nn.Module):
    """Divides by a mean that it keeps as it runs."""

    def __init__(self):
        self.count, self.mean, self.seen = 0, np.ones(3), []
        self.buffer = Tensor(np.zeros(2))

    def forward(self, x):
        self.count += 1
        self.mean *= 0.9
        self.mean += abs(x.data).mean(axis=0)
        self.buffer.data += 1
        self.new = self.count
        return x / Tensor(self.mean.copy())


def test_what_a_module_keeps_is_put_back_and_the_same_in_each_run():
    module = Running()

    x = np.random.default_rng(0).standard_normal((4, 3))
    assert gradcheck(lambda t: module(Tensor(x)) * t, x, module=module)
    assert (module.count, module.mean.tolist(), module.seen) == (0, [1, 1, 1], [])
    assert module.buffer.data.tolist() == [0, 0] and not hasattr(module, "new")


def test_an_integer_input_is_a_copy():
    def f(x, i):
        i[...] = 0
        return 2 * x

    i = np.arange(3)
    assert gradcheck(f, [NORMAL, i]) and i.tolist() == [0, 1, 2]


class Holder:
    """Holds a generator in one of the ways that programs do."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __call__(self, x):
        return F.dropout(x, rng=self.rng)

    def method(self, x):
        return self(x)


HOLDER = Holder()


def helper(x):
    return F.dropout(x, rng=HOLDER.rng)


@pytest.mark.parametrize(
    "f",
    [
        Holder(),
        Holder().method,
        lambda x: helper(x),
        lambda x: [helper(y) for y in [x]][0],
        lambda x, held=[np.random.default_rng(0)]: F.dropout(x, rng=held[0]),  # noqa: B006, B008
        nn.Sequential(nn.Sequential(nn.Dropout(0.5, rng=0))),
    ],
)
def test_generators_are_set_back_wherever_programs_hold_them(f):
    assert gradcheck(f, NORMAL)


def test_a_generator_that_is_an_input():
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state
    assert gradcheck(lambda x, rng: F.dropout(x, rng=rng), [NORMAL, rng])
    assert rng.bit_generator.state == state


def test_a_backward_that_writes_to_gy():
    def wrong(x, gy):
        gy *= 3
        return gy

    report = gradcheck(function(lambda x: 3 * x, wrong), NORMAL, raises=False)
    assert str(report.results[0]) == (
        "FAIL input 0: Mine.backward wrote to gy: gy * 3 makes a new array, gy *= 3 does not"
    )


# ---- arguments ---------------------------------------------------------------------------------


def test_a_class_of_function_and_single_numbers():
    class Double(Function):
        def forward(self, x):
            return 2 * x

        def backward(self, gy):
            return 2 * gy

    assert gradcheck(Double, np.float32(2)) and gradcheck(Double, 2.0)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            (None, NORMAL),
            "gradcheck: f is not callable; None; "
            "pass a function of Tensors, a Function, or an instance of a Module",
        ),
        (
            (nn.ReLU, NORMAL),
            f"gradcheck: f is a class; {nn.ReLU!r}; "
            "pass a function of Tensors, a Function, or an instance of a Module",
        ),
        (
            (F.sin, None),
            "gradcheck: inputs is not a sequence of arrays; NoneType; pass an array, or a list of "
            "them",
        ),
        (
            (F.sin, 3),
            "gradcheck: there is nothing to check; 1 inputs, of which none is floating and "
            "requires a gradient, and no parameters; pass arrays of floats, Tensors with "
            "requires_grad=True, or module=",
        ),
    ],
    ids=lambda v: "",
)
def test_arguments_that_cannot_be_checked(arguments, text):
    with pytest.raises(ArgumentError, match=exactly(text)):
        gradcheck(*arguments)


def test_a_module_that_is_none():
    with pytest.raises(
        ArgumentError, match=exactly("gradcheck: module is not a Module; 3; pass the model")
    ):
        gradcheck(F.sin, NORMAL, module=3)


def test_a_forward_that_raises_is_no_verdict():
    f = nn.Linear(3, 2, rng=0)
    with pytest.raises(errors.ShapeError, match=r"\Alinear: x has 4 features but W takes 3; "):
        gradcheck(f, NORMAL)


@pytest.mark.parametrize("f", [F.tanh, F.sigmoid, lambda x: F.softmax(x, axis=0)])
def test_a_whole_array_of_saturated_elements_passes(f):
    x = np.random.default_rng(0).standard_normal(2000) * 1e5
    assert gradcheck(f, x, mode="project").results[0].verdict == "PASS"


def test_inputs_that_are_not_one_sequence():
    text = exactly(
        "gradcheck: inputs is one sequence; 2 positional arguments after f; "
        "write gradcheck(f, [a, b])"
    )
    with pytest.raises(ArgumentError, match=text):
        gradcheck(lambda a, b: a * b, NORMAL, POSITIVE)


def test_a_tensor_that_requires_no_gradient_is_not_checked():
    a, b, count = leaf(NORMAL), Tensor(POSITIVE), 3
    report = gradcheck(lambda a, b, n: a * b.detach() * n, [a, b, count])
    assert [r.name for r in report.results] == ["input 0"]


def test_several_outputs():
    assert gradcheck(lambda x: (F.exp(x), x.sum(), F.sin(x[0])), NORMAL)
    wrong = function(np.sin, lambda x, gy: gy * np.sin(x))
    report = gradcheck(lambda x: (F.exp(x), wrong(x)), NORMAL, raises=False)
    assert report.results[0].verdict == "FAIL" and report.results[0].failing.all()
