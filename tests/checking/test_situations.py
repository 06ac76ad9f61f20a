"""What gradcheck says of wrong and of right backward passes, kind by kind.

Each kind began as a bug report about a backward pass written by hand that a check let through, or
about a right one that it refused.
"""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Function, gradcheck, nn
from minigrad import functions as F
from tests.helpers import leaf

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 4))
KINK = (
    "1 of {n} elements sit on a kink, where the slopes to both sides differ, or on a jump; their "
    "gradient lies between those of the neighbours"
)
ALONE = "on a kink, and not between the gradients of the neighbours"
TOGETHER = (
    "on a kink that several elements make together: right along each axis, and not between the "
    "gradients of the neighbours along all of them"
)


def op(forward, backward, fresh=False):
    """Return the function whose passes are forward(*xs) and backward(gy, *xs)."""

    class Op(Function):
        def forward(self, *xs):
            self.xs = xs
            return np.asarray(forward(*xs))

        def backward(self, gy):
            return backward(gy, *self.xs)

    Op.fresh = fresh
    return Op.apply


def curve(forward, slope):
    """Return the function that applies forward to each element, with this derivative."""
    return op(forward, lambda gy, x: gy * slope(x))


def check(f, *inputs, **options):
    """Return the verdicts on the inputs, and what is said of the first that is not right."""
    results = gradcheck(f, list(inputs), raises=False, **options).results
    why = [r.diagnosis for r in results if r.verdict not in ("PASS", "KINK")]
    return [r.verdict for r in results], why[0] if why else ""


def verdict(f, *inputs, **options):
    """Return the worst verdict on the inputs."""
    verdicts, _ = check(f, *inputs, **options)
    bad = [word for word in verdicts if word not in ("PASS", "KINK")]
    return bad[0] if bad else "KINK" if "KINK" in verdicts else "PASS"


# ---- determinism -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_a_random_backward(seed):
    rng = np.random.default_rng(seed)
    f = curve(np.square, lambda x: 3 * rng.standard_normal(x.shape))
    assert check(f, np.array([0.5, -1, 2, 0.3])) == (
        ["NONDETERMINISTIC"],
        "two backward passes differ, first in Op.backward",
    )


def test_a_random_forward():
    rng = np.random.default_rng(0)
    f = op(lambda x: x * rng.random(), lambda gy, x: gy)
    assert check(f, np.ones(3)) == (
        ["NONDETERMINISTIC"],
        "two forward passes differ, first in Op.forward; if a layer is random or keeps a state, "
        "pass module=model",
    )


def test_a_random_layer_is_set_back_if_its_module_is_known():
    class Noisy(nn.Module):
        def __init__(self):
            self.rng, self.calls = np.random.default_rng(0), np.zeros(1)

        def forward(self, x):
            self.calls += 1
            return x * self.rng.random() * self.calls[0]

    model = Noisy()
    why = "if a layer is random or keeps a state, pass module=model"
    assert check(lambda x: model(x), np.ones(3))[1].endswith(why)
    assert verdict(lambda x: model(x), np.ones(3), module=model) == verdict(model, X) == "PASS"


class KeepsABuffer(Function):
    """y = x², whose backward adds into an array that lives as long as the class."""

    buffer = np.zeros(3)

    def forward(self, x):
        self.x = x
        return x**2

    def backward(self, gy):
        KeepsABuffer.buffer += gy * 2 * self.x
        return KeepsABuffer.buffer.copy()


def test_a_buffer_that_gradients_are_added_to():
    kept = np.zeros(3)

    def into_closure(gy, x):
        nonlocal kept
        kept = kept + gy * 2 * x
        return kept

    for f in (KeepsABuffer.apply, op(np.square, into_closure)):
        assert verdict(f, np.array([1.0, 2, 3])) == "NONDETERMINISTIC"


@pytest.mark.parametrize("wrong", [1, 2, 3, 4])
def test_a_backward_that_is_wrong_at_one_call(wrong):
    calls = 0

    def backward(gy, x):
        nonlocal calls
        calls += 1
        return gy * np.cos(x) * (2 if calls == wrong else 1)

    assert verdict(op(np.sin, backward), X) == "NONDETERMINISTIC"


# ---- the contract ------------------------------------------------------------------------------


FRESH = (
    "Op.backward the gradient of input 0 is an array that something else holds, and `fresh = True` "
    "promises a new one"
)
BUFFER = np.zeros((4, 4))


def writes(gy, x):
    gy *= 2
    return gy * x


def writes_to_saved(gy, x):
    x *= 2
    return gy * x


def forward_writes(x):
    x *= 2
    return x


def into_buffer(gy, x):
    BUFFER[...] = gy * 2 * x
    return BUFFER


@pytest.mark.parametrize(
    ("f", "why"),
    [
        (
            op(forward_writes, lambda gy, x: 2 * gy),
            "Op.forward wrote to its input 0: make a new array instead",
        ),
        (
            op(np.square, writes),
            "Op.backward wrote to gy: gy * 3 makes a new array, gy *= 3 does not",
        ),
        (op(np.copy, lambda gy, x: gy, fresh=True), FRESH),
        (op(np.copy, lambda gy, x: gy[:], fresh=True), FRESH),
        (op(lambda x: x * x / 2, lambda gy, x: x, fresh=True), FRESH),
        (op(np.square, into_buffer, fresh=True), FRESH),
        (
            op(np.square, lambda gy, x: (2 * gy * x).astype(np.float32)),
            "Op.backward returned float32 for an input of float64",
        ),
    ],
)
def test_a_broken_contract_is_named(f, why):
    assert check(f, X) == (["FAIL"], why)


def test_a_backward_that_writes_to_what_forward_saved():
    class Saves(Function):
        def forward(self, x):
            self.twice = 2 * x
            return x**2

        def backward(self, gy):
            self.twice *= gy
            return self.twice

    assert check(Saves.apply, X) == (
        ["FAIL"],
        "Saves.backward wrote to self.twice, which forward saved: make a new array instead",
    )


def test_one_array_for_two_inputs_is_not_fresh():
    f = op(np.add, lambda gy, a, b: (gy, gy), fresh=True)
    assert check(f, X, X + 1) == (["FAIL", "FAIL"], FRESH)
    twice = op(np.add, lambda gy, a, b: (g := gy.copy(), g), fresh=True)
    assert check(twice, X, X + 1)[1] == FRESH.replace("input 0", "input 1")
    assert verdict(op(np.add, lambda gy, a, b: (gy, gy)), X, X + 1) == "PASS"


def test_two_parts_of_one_new_array_are_fresh():
    f = op(np.add, lambda gy, a, b: tuple(np.stack([gy, gy])), fresh=True)
    assert verdict(lambda a, b: f(f(a, b), a), X, X + 1) == "PASS"


def test_a_wrong_shape_names_its_input():
    f = op(np.add, lambda gy, a, b: (gy, gy[:1]))
    assert check(lambda x: f(x, x), X) == (
        ["FAIL"],
        "Op.backward: returned a gradient of shape (1, 4) for input 1; inputs (4, 4), (4, 4); "
        "return an array of shape (4, 4)",
    )


# ---- ties --------------------------------------------------------------------------------------


def equal(tied):
    return tied / tied.sum()


def first(tied):
    return np.arange(tied.size) == tied.argmax()


def last(tied):
    return first(tied[::-1])[::-1]


def one_is_right(share):
    """Return weights that are right without a tie, and share(tied) at one."""
    return lambda tied: tied if tied.sum() == 1 else share(tied)


WEIGHTS = {
    "equal shares": (equal, "KINK"),
    "the first": (first, "KINK"),
    "the last": (last, "KINK"),
    "the whole to each": (lambda tied: 1.0 * tied, "FAIL"),
    "nothing": (one_is_right(lambda tied: 0.0 * tied), "FAIL"),
    "half too little": (one_is_right(lambda tied: equal(tied) / 2), "FAIL"),
    "another sign": (one_is_right(lambda tied: -equal(tied)), "FAIL"),
    "−7 to each": (one_is_right(lambda tied: -7.0 * tied), "FAIL"),
}


@pytest.mark.parametrize("reduce", [np.max, np.min])
@pytest.mark.parametrize("scale", [1e-6, 1, 1e6])
@pytest.mark.parametrize("n", [2, 3, 7, 20])
@pytest.mark.parametrize(("weights", "expected"), WEIGHTS.values(), ids=WEIGHTS)
def test_ties_of_max_and_min(weights, expected, n, scale, reduce):
    sign = 1 if reduce is np.max else -1
    x = RNG.permutation(np.r_[np.ones(n), 0.3, -2]) * sign * scale
    f = op(reduce, lambda gy, x: gy * weights(x == reduce(x)))
    assert check(f, x) == ([expected], TOGETHER if expected == "FAIL" else "")


@pytest.mark.parametrize(("weights", "expected"), WEIGHTS.values(), ids=WEIGHTS)
def test_ties_of_a_median_which_no_axis_shows(weights, expected):
    x = np.array([1.0, 2, 2, 2, 5])
    f = op(np.median, lambda gy, x: gy * weights(x == np.median(x)))
    assert verdict(f, x) == expected
    assert verdict(f, np.array([1.0, 2, 5])) == "PASS"


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (0.5, 0.5, "KINK"),
        (1, 0, "KINK"),
        (0, 1, "KINK"),
        (0.3, 0.7, "KINK"),
        (1, 1, "FAIL"),
        (0, 0, "FAIL"),
        (0.5, 0.6, "FAIL"),
        (2, -1, "FAIL"),
    ],
)
def test_ties_of_two_inputs(a, b, expected):
    def backward(gy, x, y):
        return gy * np.where(x == y, a, x > y), gy * np.where(x == y, b, x < y)

    f = op(np.maximum, backward)
    assert verdict(f, np.array([1.0, 2, 3]), np.array([1.0, 2, 0])) == expected
    assert verdict(f, 1.0, 1.0) == expected
    assert verdict(f, np.ones((4, 10)), np.ones((4, 10))) == expected


def test_ties_of_three_inputs():
    three = [np.ones(2)] * 3
    assert verdict(lambda a, b, c: F.maximum(F.maximum(a, b), c), *three) == "KINK"
    assert verdict(lambda a, b, c: F.max(F.stack([a, b, c]), axis=0), *three) == "KINK"
    whole = op(
        lambda *xs: np.max(xs, axis=0), lambda gy, *xs: [gy * (x == np.max(xs, 0)) for x in xs]
    )
    assert verdict(lambda *xs: whole(*xs), *three) == "FAIL"


def rows_of_a_sort(order):
    def backward(gy, x):
        g = np.empty_like(x)
        g[order(x)] = gy
        return g

    return op(np.sort, backward)


def test_a_sort_of_equal_numbers():
    x = np.array([3.0, 1, 1, 2, 1, 3])
    assert verdict(rows_of_a_sort(lambda x: np.argsort(x, kind="stable")), x) == "KINK"
    assert verdict(rows_of_a_sort(lambda x: np.lexsort((-np.arange(6), x))), x) == "KINK"
    assert verdict(rows_of_a_sort(lambda x: np.argsort(-x, kind="stable")), x) == "FAIL"
    shares = op(np.sort, lambda gy, x: np.array([gy[np.sort(x) == v].mean() for v in x]))
    assert verdict(shares, x) == "KINK"
    whole = op(np.sort, lambda gy, x: np.array([gy[np.sort(x) == v].sum() for v in x]))
    assert verdict(whole, x) == "FAIL"


def test_pooling_after_relu():
    def f(x):
        return F.max(F.relu(x).reshape(4, 4), axis=1)

    x = RNG.standard_normal(16)
    x[:8] = [0, 0, -1, 0, -1, -2, -3, -1]  # a tie at 0, and a row below it
    assert verdict(f, x) == "KINK"
    assert verdict(f, np.zeros(16)) == "KINK"
    assert verdict(f, x - 5) == "PASS"  # nothing moves


# ---- kinks of one element ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slope", "expected"),
    [(0, "KINK"), (0.5, "KINK"), (1, "KINK"), (-0.01, "FAIL"), (1.01, "FAIL"), (5, "FAIL")],
)
@pytest.mark.parametrize("at", [0.0, 1.0, -1.0, 1e-8, 1e3, -1e6, 1e9])
def test_a_threshold(at, slope, expected):
    f = curve(lambda x: np.maximum(x - at, 0), lambda x: np.where(x == at, slope, x > at))
    for x in (np.array(at), np.array([at, at + 3, at - 2, at])):
        assert check(f, x) == ([expected], ALONE if expected == "FAIL" else "")
    assert verdict(lambda x: f(x).sum(), np.full(5, at)) == expected


@pytest.mark.parametrize(
    ("slope", "expected"), [(0, "KINK"), (-1, "KINK"), (1, "KINK"), (1.01, "FAIL"), (-2, "FAIL")]
)
def test_abs_at_0(slope, expected):
    f = curve(np.abs, lambda x: np.where(x == 0, slope, np.sign(x)))
    assert verdict(f, np.array([0.0, 1, -1])) == expected


@pytest.mark.parametrize(("slope", "expected"), [(0, "KINK"), (2, "FAIL")])
@pytest.mark.parametrize("shape", [(1010,), (3, 5)])
def test_many_zeros_of_relu_are_as_many_kinks(shape, slope, expected):
    f = curve(lambda x: np.maximum(x, 0), lambda x: np.where(x == 0, slope, x > 0))
    x = np.zeros(shape)
    assert verdict(f, x) == expected
    assert verdict(lambda x: f(x).sum(), x) == expected


def test_a_kink_says_how_many_elements_and_groups_it_saw():
    result = gradcheck(F.relu, np.array([0.0, 1, -1])).results[0]
    assert result.diagnosis == KINK.format(n=3)
    result = gradcheck(F.relu, np.zeros(210)).results[0]
    assert result.diagnosis == KINK.replace("1 of {n}", "210 of 210") + (
        "; 200 of 210 groups of such elements were looked at"
    )


def test_what_each_convention_makes_right_alone_and_wrong_together():
    verdicts, why = check(lambda x: F.relu(x) - F.relu(-x), np.array([0.0, 1]))
    assert verdicts == ["FAIL"]  # it is x, and its slope is 1
    assert why == (
        "every operation alone is PASS or KINK, and beside this point the gradient is right: no "
        "single backward is to blame, but how they are composed at a kink"
    )


# ---- jumps, and functions that are constant ----------------------------------------------------


@pytest.mark.parametrize(("slope", "expected"), [(0, "KINK"), (1, "FAIL"), (1e-3, "FAIL")])
@pytest.mark.parametrize("f", [np.floor, np.ceil, lambda x: 1.0 * (x > 1), lambda x: 3.0 * (x > 1)])
def test_a_jump_has_the_slope_of_one_side(f, slope, expected):
    f = curve(f, lambda x: slope)
    x = np.array([1.0, 2.5, -3.5])
    assert verdict(f, x) == expected
    assert verdict(lambda x: f(x).sum(), x) == expected


@pytest.mark.parametrize(
    ("slope", "expected"), [(2, "KINK"), (0, "FAIL"), (1, "FAIL"), (7, "FAIL")]
)
def test_a_jump_between_slopes(slope, expected):
    assert verdict(curve(lambda x: 2 * x - np.floor(x), lambda x: slope), np.array([1.0, -3])) == (
        expected
    )
    f = op(lambda x: (x**2).sum() + 100 * (x >= 0.5).sum(), lambda gy, x: gy * slope * x)
    assert verdict(f, np.array([0.5, 1, 2])) == expected


def test_integer_codes_in_a_column_of_floats():
    def f(x, table):
        return (table[x.data[:, 0].astype(int)] * x[:, 1:]).sum()

    codes, table = np.array([[0, 0.5], [2, -1.0]]), np.array([[1.0], [2], [3]])
    assert check(f, codes, table) == (["KINK", "PASS"], "")


CONSTANT = (
    "f is piecewise constant here, and its derivative is 0; if backward is a straight-through "
    "estimator, check the function that it stands for"
)


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (np.round, lambda x: 1.0),
        (np.sign, lambda x: abs(x) < 1),
        (lambda x: 1.0 * (x > 0.5), lambda x: 1e-3),
        (lambda x: np.round(x * 256) / 256, lambda x: 1.0),
        (lambda x: np.eye(4)[x.argmax(axis=-1)], lambda x: 1.0),
    ],
)
def test_a_straight_through_estimator(f, slope):
    x = np.array([[0.2, 1.7, -0.3, 0.9]])
    assert check(curve(f, slope), x) == (["FAIL"], CONSTANT)
    assert verdict(curve(f, lambda x: 0.0), x) == "PASS"


# ---- sizes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e6, 1e-3, 1e-9])
def test_a_gradient_of_any_size_is_seen(size):
    x = np.array([1.0, 2])
    assert verdict(curve(lambda x: size * x, lambda x: size), x) == "PASS"
    assert verdict(curve(lambda x: size * x, lambda x: 0.0), x) == "FAIL"
    assert verdict(curve(lambda x: size * np.sin(x), lambda x: size * np.cos(x)), x) == "PASS"
    assert verdict(curve(lambda x: size * np.sin(x), lambda x: size * np.cos(x) / 2), x) == "FAIL"


@pytest.mark.parametrize("size", [1e-30, 1e-100, 1e-200])
def test_a_gradient_far_below_what_flows_does_not_pass_if_it_is_wrong(size):
    x = np.array([1.0, 2])
    assert verdict(curve(lambda x: size * x, lambda x: size), x) == "PASS"
    assert verdict(curve(lambda x: size * x, lambda x: 0.0), x) in ("FAIL", "UNDECIDED")


@pytest.mark.parametrize(("small", "expected"), [(0, "FAIL"), (1, "PASS"), (2, "FAIL")])
@pytest.mark.parametrize("x", [[1.0, 1.0], [0.3, 0.7]])
def test_a_small_gradient_beside_a_large_one(x, small, expected):
    size = np.array([1e9, 1])
    f = op(lambda x: size * x, lambda gy, x: gy * [1e9, small])
    total = op(lambda x: (size * x).sum(), lambda gy, x: gy * [1e9, small])
    assert verdict(f, np.array(x)) == verdict(total, np.array(x)) == expected


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1, 1e6])
def test_a_gradient_that_cancels_to_zero_passes(seed, scale):
    x = np.random.default_rng(seed).standard_normal(10) * scale
    assert verdict(lambda x: (x - x.mean()).sum(), x) == "PASS"
    assert verdict(lambda x: ((x - x.mean()) / x.std()).sum(), x) == "PASS"
    assert verdict(lambda x: F.softmax(x).sum(), x) == "PASS"


@pytest.mark.parametrize("x", [5e-324, -5e-324, 1e-310, -1e-310, 1e-200])
def test_denormals(x):
    for f in (F.relu, F.abs):
        assert verdict(f, np.array([x, 1.0])) in ("KINK", "PASS")
    assert verdict(F.exp, np.array([x])) == "PASS"


# ---- saturation --------------------------------------------------------------------------------


LOGITS = np.array([[100.0, 0, -50], [800, 0, 0]])
FAR = np.array([60.0, -60, 800, -800, 37, -37])


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (F.softmax, LOGITS),
        (F.log_softmax, LOGITS),
        (lambda z: F.cross_entropy(z, np.array([0, 0])), LOGITS),
        (lambda z: F.cross_entropy(z, np.array([1, 2])), LOGITS),
        (F.sigmoid, FAR),
        (F.tanh, FAR),
        (F.softplus, FAR),
        (F.gelu, FAR),
        (lambda z: F.binary_cross_entropy_with_logits(z, np.array([1.0, 0, 1, 0, 1, 0])), FAR),
    ],
)
def test_right_gradients_of_saturated_functions_pass(f, x):
    assert verdict(f, x) == "PASS"


@pytest.mark.parametrize("wrong", [1e-1, 1e-4, 1e-7])
def test_visible_gradients_of_saturated_functions_do_not_pass(wrong):
    assert verdict(curve(np.tanh, lambda x: wrong), np.array([60.0, -60])) in ("FAIL", "UNDECIDED")
    f = op(
        lambda z: np.logaddexp.reduce(z) - z[0],
        lambda gy, z: gy * (np.exp(z - z.max()) - [1, -wrong, 0]),
    )
    assert verdict(f, np.array([100.0, 0, -50])) in ("FAIL", "UNDECIDED")


# ---- what is not finite ------------------------------------------------------------------------


def test_values_that_are_not_finite_on_the_way_are_allowed():
    x = np.array([-1.0, 2])
    assert verdict(lambda x: F.where(x.data > 0, F.log(x), 0), x) == "PASS"
    right = curve(lambda x: np.where(x > 0, np.log(x), 0), lambda x: np.where(x > 0, 1 / x, 0))
    assert verdict(right, x) == "PASS"


@pytest.mark.parametrize(("value", "name"), [(np.nan, "NaN"), (np.inf, "infinite")])
def test_a_gradient_that_is_not_finite_names_its_operation(value, name):
    f = curve(np.sin, lambda x: np.where(x > 0, value, np.cos(x)))
    assert check(lambda x: F.exp(f(x * 2)), np.array([1.0, -1])) == (
        ["FAIL"],
        f"the gradient is {name}, made by Op.backward",
    )


def test_the_norm_of_nothing():
    def f(x):
        return x / F.maximum(F.sqrt(F.sum(x * x)), 1e-12)

    assert check(f, np.zeros(2)) == (["FAIL"], "the gradient is NaN, made by Sqrt.backward")


# ---- functions that raise ----------------------------------------------------------------------


def test_a_function_that_refuses_what_is_far_away():
    def f(x):
        if not abs(x.data - 1).max() < 1e-3:
            raise ValueError("too far")
        return F.sin(x) * F.exp(x)

    x = np.ones(3)
    assert verdict(f, x) == "PASS"
    assert verdict(lambda x: f(x) * F.abs(x - 1), x) == "KINK"
    wrong = op(lambda x: x + 0, lambda gy, x: 1.1 * gy)
    assert verdict(lambda x: f(wrong(x)), x) == "FAIL"


# ---- small differences in what is called --------------------------------------------------------


def test_a_sibling_that_needs_no_gradient():
    class Product(Function):
        """a b, whose gradient is wrong if b needs none."""

        def forward(self, a, b):
            self.a, self.b = a, b
            return a * b

        def backward(self, gy):
            return gy * self.b * (1 if self.needs[1] else 2), gy * self.a

    why = "Product.backward returns another gradient for input 0 if another needs none"
    a, b = leaf(X), leaf(X + 1)
    assert check(Product.apply, a, b) == (["FAIL", "FAIL"], why)
    b.requires_grad = False
    assert verdict(Product.apply, a, b) == "FAIL"


def flat(gy, x):
    return (gy.ravel("K") * np.cos(x).ravel()).reshape(x.shape)


@pytest.mark.parametrize(
    ("backward", "why"),
    [
        (flat, "returns another gradient if gy is not contiguous"),
        (
            lambda gy, x: gy * np.cos(x) * (1 if gy.sum() > 0 else 2),
            "is not linear in gy: compare it for gy and -1048576 gy",
        ),
        (
            lambda gy, x: np.clip(gy, -10, 10) * np.cos(x),
            "is not linear in gy: compare it for gy and -1048576 gy",
        ),
    ],
)
def test_what_depends_on_how_backward_is_called(backward, why):
    assert check(op(np.sin, backward), X) == (["FAIL"], f"Op.backward {why}")
    assert check(lambda x: F.exp(op(np.sin, backward)(x)) * 2, X)[0] == ["FAIL"]


def test_a_backward_that_can_run_once_is_no_failure():
    class Once(Function):
        def forward(self, x):
            self.x = x
            return x**2

        def backward(self, gy):
            g = gy * 2 * self.x
            del self.x
            return g

    assert verdict(lambda x: Once.apply(Once.apply(x)), X) == "PASS"


def test_transpose_by_an_integer():
    assert verdict(lambda x: F.transpose(x, 0), np.ones(3)) == "PASS"
    assert mg.gradcheck(lambda x: F.transpose(x, 0), np.ones(3))
