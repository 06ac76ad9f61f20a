"""What outsiders got past the check, or had refused, and neighbours of it."""

import numpy as np
import pytest

from minigrad import Function, Tensor, gradcheck, nn
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


# ---- floats that are coarser than f shows ------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: np.exp(x) - 1, [1e-12]),
        (lambda x: np.exp(x) - 1, [1e-14]),
        (lambda x: (x + 1) - 1, [1e-15, 1.0]),
        (lambda x: 1 - np.cos(x), [1e-7]),
        (lambda x: np.asarray((x * x).mean() - x.mean() ** 2), [1e9, 1e9 + 1, 1e9 + 3]),
    ],
    ids=["exp − 1", "exp − 1 nearer to 0", "1 taken away again", "1 − cos", "a naive variance"],
)
def test_a_backward_of_zeros_does_not_pass_where_f_hardly_moves(f, x):
    for seed in range(3):
        (result,) = gradcheck(
            operation(f, lambda gy, x: 0 * x), np.array(x), seed=seed, raises=False
        ).results
        assert result.verdict in ("FAIL", "UNDECIDED")


@pytest.mark.parametrize("x", [1e-12, 1e-15])
def test_the_right_backward_there_does_not_fail(x):
    right = operation(lambda x: np.exp(x) - 1, lambda gy, x: gy * np.exp(x))
    assert gradcheck(right, np.array([x]), raises=False).results[0].verdict != "FAIL"


@pytest.mark.parametrize("x", [999.3, 1000.2])
def test_a_slope_that_a_bounded_function_has_here_alone_is_seen(x):
    bell = operation(lambda x: np.exp(-((x - 1e3) ** 2)), lambda gy, x: 0 * x)
    assert gradcheck(bell, np.array([x]), raises=False).results[0].verdict == "FAIL"


@pytest.mark.parametrize("x", [1e-120, 1e-150, 1e-200, 1e-280])
@pytest.mark.parametrize("f", [F.sqrt, lambda x: x**0.25, F.log, lambda x: x * F.log(x)])
def test_a_slope_that_grows_towards_0_at_a_tiny_number(f, x):
    assert gradcheck(f, np.array([x]))


@pytest.mark.parametrize("x", [5e-324, 1e-310])
def test_a_slope_that_grows_towards_0_at_a_denormal_is_not_called_wrong(x):
    assert gradcheck(F.sqrt, np.array([x]), raises=False).results[0].verdict != "FAIL"


# ---- what a known step would meet --------------------------------------------------------------

H = float(np.finfo(float).eps) ** (1 / 3)  # the step that textbooks give
NUMBERS = np.array([0.3, -1.2, 0.7, 2.1])


@pytest.mark.parametrize("q", [1e-5, 6e-6, 2e-6, 1e-6, 1e-8, 1e-9])
def test_a_rounding_finer_than_the_step_is_no_straight_line(q):
    rounds = operation(lambda x: np.round(x / q) * q, lambda gy, x: gy)
    assert gradcheck(rounds, NUMBERS, raises=False).results[0].verdict == "FAIL"


def test_a_ripple_of_the_period_of_the_step():
    ripple = operation(lambda x: x + 1e-6 * np.sin(2e6 * np.pi * x), lambda gy, x: gy)
    assert gradcheck(ripple, NUMBERS, raises=False).results[0].verdict == "FAIL"


@pytest.mark.parametrize(("w", "h"), [(2500, H), (1e5, 6e-6), (1e5, 3e-6)])
def test_a_backward_that_is_a_central_difference_itself(w, h):
    def backward(gy, x):
        return gy * (np.cos(w * (x + h)) - np.cos(w * (x - h))) / (2 * h)

    wrong = operation(lambda x: np.cos(w * x), backward)
    assert gradcheck(wrong, NUMBERS, raises=False).results[0].verdict == "FAIL"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("scale", [1e-4, 1e-5])
def test_a_wrong_row_whose_feature_is_on_another_scale(scale, seed):
    x = np.random.default_rng(0).standard_normal((20, 100))
    x[:, 3] *= scale

    def backward(gy, w):
        g = x.T @ (gy * (1 - np.tanh(x @ w) ** 2))
        g[3] *= -1
        return g

    w = 0.1 * np.random.default_rng(1).standard_normal((100, 50))
    wrong = operation(lambda w: np.tanh(x @ w), backward)
    assert gradcheck(wrong, w, seed=seed, raises=False).results[0].verdict == "FAIL"


@pytest.mark.parametrize("factor", [1e-8, 1e-9])
def test_a_gradient_beside_a_function_that_is_zero(factor):
    wrong = operation(lambda x: 0 * x, lambda gy, x: factor * gy)
    assert gradcheck(wrong, NUMBERS, raises=False).results[0].verdict == "FAIL"


# ---- why it is undecided -----------------------------------------------------------------------


def singular_values(gy, a):
    u, _, v = np.linalg.svd(a)
    return u @ np.diag(gy) @ v


def spectral(gy, a):
    u, _, v = np.linalg.svd(a)
    return gy * np.outer(u[:, 0], v[0])


def eigenvalues(gy, a):
    _, v = np.linalg.eigh(a)
    g = v @ np.diag(gy) @ v.T
    return np.tril(g) + np.tril(g, -1)


VALUES = operation(lambda a: np.linalg.svd(a, compute_uv=False), singular_values)
SPECTRAL = operation(lambda a: np.asarray(np.linalg.norm(a, 2)), spectral)
EIGENVALUES = operation(np.linalg.eigvalsh, eigenvalues)
SEVERAL = {
    "singular values of I": (VALUES, np.eye(3)),
    "the spectral norm of I": (SPECTRAL, np.eye(3)),
    "the spectral norm of a smaller I": (SPECTRAL, np.eye(2)),
    "eigenvalues of I": (EIGENVALUES, np.eye(3)),
    "eigenvalues of 0": (EIGENVALUES, np.zeros((2, 2))),
    "two equal eigenvalues": (EIGENVALUES, np.diag([1.0, 1.0, 2.0])),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("f", "x"), SEVERAL.values(), ids=SEVERAL)
def test_where_f_has_several_derivatives_the_reason_says_so(f, x, seed):
    (result,) = gradcheck(f, x, seed=seed, raises=False).results
    assert result.verdict == "KINK" or (result.verdict, result.diagnosis) == (
        "UNDECIDED",
        "x sits where f has several derivatives, and they cannot all be compared with the "
        "gradient: check it beside this point",
    )
    x = x + np.random.default_rng(seed).standard_normal(x.shape)
    assert gradcheck(f, (x + x.T) / 2, seed=seed)


@pytest.mark.parametrize("seed", range(3))
def test_where_slopes_grow_without_a_bound_the_reason_says_so(seed):
    def f(x):
        return F.where(x.data > 0, F.log(F.where(x.data > 0, x, 1.0)), 0)

    (result,) = gradcheck(f, np.array([0.0, 0.5]), seed=seed, raises=False).results
    reason = "the slope of f grows without a bound here: check it beside this point"
    assert result.verdict == "KINK" or (result.verdict, result.diagnosis) == ("UNDECIDED", reason)


def test_an_operation_that_follows_no_rounding_is_named():
    (result,) = gradcheck(F.sin, np.array([1e17]), raises=False).results
    assert (result.verdict, result.diagnosis) == (
        "UNDECIDED",
        "Sin bends within some hundred roundings of what flows in: check it at smaller numbers",
    )


# ---- large numbers, and matrices that are nearly singular --------------------------------------


@pytest.mark.parametrize("c", [1e13, 1e14, 1e15, 1e30])
@pytest.mark.parametrize(
    "f", [lambda x, c: F.tanh(x - c), lambda x, c: F.softmax(x, axis=-1)], ids=["tanh", "softmax"]
)
def test_where_floats_lie_too_far_apart_nothing_is_called_a_kink(f, c):
    (result,) = gradcheck(lambda x: f(x, c), np.full(3, c), raises=False).results
    assert result.verdict in ("UNDECIDED", "PASS")


@pytest.mark.parametrize("smallest", [1e-8, 1e-11, 1e-12])
@pytest.mark.parametrize("seed", range(3))
def test_a_nearly_singular_matrix(smallest, seed):
    rng = np.random.default_rng(seed)
    u, v = (np.linalg.qr(rng.standard_normal((5, 5)))[0] for _ in range(2))
    a, b = u @ np.diag([1, 1, 1, 1, smallest]) @ v, rng.standard_normal(5)

    def solved(gy, a):
        return -np.outer(np.linalg.solve(a.T, gy), np.linalg.solve(a, b))

    def inverted(gy, a):
        return -np.linalg.inv(a).T @ gy @ np.linalg.inv(a).T

    for right in (
        operation(lambda a: np.linalg.solve(a, b), solved),
        operation(np.linalg.inv, inverted),
    ):
        assert gradcheck(right, a, raises=False).results[0].verdict != "FAIL"


def test_a_slope_without_a_bound_on_both_sides():
    with np.errstate(divide="ignore"):
        root = operation(np.cbrt, lambda gy, x: gy / (3 * np.cbrt(x) ** 2))
        (result,) = gradcheck(root, np.zeros(1)).results
    assert result.verdict == "KINK"


@pytest.mark.parametrize("shift", [0, 1e3])
def test_a_function_that_rounds_to_float32_is_not_called_wrong(shift):
    def forward(x):
        return np.tanh(x.astype(np.float32)) + np.float32(shift)

    rounds = operation(forward, lambda gy, x: gy * (1 - np.tanh(x) ** 2))
    (result,) = gradcheck(rounds, NUMBERS, raises=False).results
    assert (result.verdict, "float32" in result.diagnosis) == ("UNDECIDED", True)


# ---- how arrays lie in memory ------------------------------------------------------------------

LAYOUTS = {
    "gaps": np.arange(1.0, 9.0)[::2],
    "backwards": np.arange(1.0, 9.0)[::-1],
    "Fortran": np.asfortranarray(np.arange(1.0, 13.0).reshape(3, 4)),
    "transposed": np.arange(1.0, 25.0).reshape(2, 3, 4).transpose(2, 0, 1),
}


@pytest.mark.parametrize("x", LAYOUTS.values(), ids=LAYOUTS)
def test_inputs_are_checked_as_they_lie_in_memory(x):
    seen = []

    def backward(gy, x):
        seen.append(np.sign(x.strides).tolist() + [x.flags.c_contiguous, x.flags.f_contiguous])
        return 2 * gy * x * (1 if x.flags.c_contiguous else 3)

    (result,) = gradcheck(operation(np.square, backward), x, raises=False).results
    assert result.verdict == "FAIL"
    assert seen[0] == np.sign(x.strides).tolist() + [x.flags.c_contiguous, x.flags.f_contiguous]


# ---- how a backward is called ------------------------------------------------------------------

RNG = np.random.default_rng(0)
MATRIX = RNG.standard_normal((3, 4))


def of_raveled(gy, x, order="C"):
    return (gy.ravel(order) * 2 * x.ravel()).reshape(x.shape)


def in_place(gy, x):
    gy = gy.view()
    gy.shape = (-1,)  # raises if this needs a copy
    return of_raveled(gy, x)


BUFFER = np.empty((3, 4))
CALLS = {
    "raises if gy is not contiguous": (in_place, "raises AttributeError if gy is not contiguous"),
    "reads gy as it lies in memory": (
        lambda gy, x: of_raveled(gy, x, "A"),
        "returns another gradient if gy is in Fortran order",
    ),
    "divides by gy": (
        lambda gy, x: 2 * x * gy * gy / gy,
        "is not linear in gy: compare it for gy, for equal numbers and for the rest of gy",
    ),
    "drops what is small": (
        lambda gy, x: 2 * x * np.where(abs(gy) < 1e-3, 0, gy),
        "is not linear in gy: compare it for gy and gy / 1048576",
    ),
    "clips what is large": (
        lambda gy, x: 2 * x * np.clip(gy, -5, 5),
        "is not linear in gy: compare it for gy and -1048576 gy",
    ),
    "is wrong for equal numbers, as a sum sends them": (
        lambda gy, x: (1 + (gy == gy.flat[0]).all()) * 2 * x * gy,
        "is not linear in gy: compare it for gy, for equal numbers and for the rest of gy",
    ),
    "is wrong for a single element, as f(x)[0] sends it": (
        lambda gy, x: (1 + (np.count_nonzero(gy) == 1)) * 2 * x * gy,
        "is not linear in gy: compare it for gy, for a single element and for the rest of gy",
    ),
    "is wrong for a row alone": (
        lambda gy, x: (1 + (np.count_nonzero(gy.any(axis=1)) == 1)) * 2 * x * gy,
        "is not linear in gy: compare it for gy, for a single element and for the rest of gy",
    ),
    "is wrong from the end to the start": (
        lambda gy, x: (1 + (gy.strides[-1] < 0)) * 2 * x * gy,
        "returns another gradient if gy is not contiguous",
    ),
    "drops what is tiny": (
        lambda gy, x: 2 * x * np.where(abs(gy) < 1e-5, 0, gy),
        "is not linear in gy: compare it for gy and gy / 1048576",
    ),
    "returns its buffer": (
        lambda gy, x: np.multiply(gy, 2 * x, out=BUFFER),
        "returned an array that its next call writes to: make a new one",
    ),
}


@pytest.mark.parametrize(("backward", "text"), CALLS.values(), ids=CALLS)
def test_a_backward_that_depends_on_how_it_is_called(backward, text):
    (result,) = gradcheck(operation(np.square, backward), MATRIX, raises=False).results
    assert (result.verdict, result.diagnosis) == ("FAIL", f"Mine.backward {text}")


def test_a_loss_that_is_wrong_for_the_one_that_backward_sends():
    wrong = operation(lambda x: (x * x).sum(), lambda gy, x: (1 if gy == 1 else 2) * gy * x)
    (result,) = gradcheck(wrong, MATRIX, raises=False).results
    assert "is not linear in gy" in result.diagnosis


def affine(needed):
    """Return x W + b, whose backward returns zeros unless needed(self.needs)."""

    class Affine(Function):
        def forward(self, x, W, b):
            self.x, self.W = x, W
            return x @ W + b

        def backward(self, gy):
            gradients = gy @ self.W.T, self.x.T @ gy, gy.sum(axis=0)
            right = all(self.needs) or not needed(self.needs)
            return gradients if right else tuple(0 * g for g in gradients)

    return Affine.apply


@pytest.mark.parametrize(
    "needs", [n for n in np.ndindex(2, 2, 2) if 0 < sum(n) < 3], ids=lambda n: str(n)
)
def test_a_mistake_for_one_choice_of_the_inputs_that_need_a_gradient(needs):
    inputs = [RNG.standard_normal(shape) for shape in ((4, 3), (3, 2), 2)]
    report = gradcheck(affine(lambda now: now == tuple(map(bool, needs))), inputs, raises=False)
    text = (
        f"Affine.backward returns another gradient for input {needs.index(1)} if another needs none"
    )
    assert {r.diagnosis for r in report.results} == {text}


@pytest.mark.parametrize("needs", [(0, 1), (2, 3), (0, 2, 3), (1, 3, 4), (1, 2, 3, 4)], ids=str)
@pytest.mark.parametrize("count", [4, 5])
def test_a_mistake_for_one_choice_of_four_or_five_inputs(count, needs):
    class Product(Function):
        def forward(self, *xs):
            self.xs = xs
            return np.prod(xs, axis=0)

        def backward(self, gy):
            wrong = tuple(np.flatnonzero(self.needs)) == needs
            others = [np.prod(self.xs[:i] + self.xs[i + 1 :], axis=0) for i in range(count)]
            return tuple(gy * (1 + wrong) * other for other in others)

    report = gradcheck(Product.apply, list(RNG.uniform(1, 2, (count, 3))), raises=False)
    reached = max(needs) < count and len(needs) < count
    assert report.ok != reached
    assert all("if another needs none" in r.diagnosis for r in report.results) == reached


STACKED = {
    "an axis in front": (MATRIX, lambda g: np.stack([g / 2, g / 2])),
    "an axis in front of no other": (MATRIX[:1, :1], lambda g: np.stack([g / 2, g / 2])),
    "an axis of 1 made longer": (MATRIX[:1, :1], lambda g: np.concatenate([g / 2, g / 2])),
}


@pytest.mark.parametrize(("x", "stack"), STACKED.values(), ids=STACKED)
def test_a_gradient_of_a_shape_that_the_input_was_not_broadcast_to(x, stack):
    f = operation(np.square, lambda gy, x: stack(2 * x * gy))
    (result,) = gradcheck(f, x, raises=False).results
    shape = stack(x).shape
    assert (result.verdict, result.diagnosis) == (
        "FAIL",
        f"Mine.backward returned a gradient of shape {shape} for input 0, which has shape "
        f"{x.shape} and was not broadcast to that",
    )


@pytest.mark.parametrize("shape", [(), (1,), (4,), (1, 4), (3, 1), (1, 1)], ids=str)
def test_a_gradient_of_the_shape_that_an_input_was_broadcast_to(shape):
    class Times(Function):
        def forward(self, a, b):
            self.a, self.b = a, b
            return a * b

        def backward(self, gy):
            return gy * self.b, gy * self.a

    assert gradcheck(Times.apply, [RNG.standard_normal(shape), MATRIX])


def test_stacked_matrices_as_many_as_the_summed_axis_is_long():
    a, b = RNG.standard_normal((3, 2)), RNG.standard_normal((2, 2, 4))
    assert gradcheck(F.matmul, [a, b])


def test_none_if_a_sibling_needs_no_gradient():
    class Affine(Function):
        def forward(self, x, W):
            self.x, self.W = x, W
            return x @ W

        def backward(self, gy):
            if not self.needs[0]:
                return None, None
            return gy @ self.W.T, self.x.T @ gy

    assert not gradcheck(Affine.apply, [MATRIX, MATRIX.T], raises=False)


def test_what_is_saved_on_the_class():
    class Shared(Function):
        def forward(self, x):
            Shared.x = x
            return x * x

        def backward(self, gy):
            return 2 * Shared.x * gy

    (result,) = gradcheck(Shared.apply, MATRIX, raises=False).results
    assert result.diagnosis == (
        "Shared.forward saved x on its class, where the next call overwrites it: save it on self"
    )


class Product(Function):
    """a b or a @ b, with a wrong gradient if the two are alike, by `alike(a, b)`."""

    def forward(self, a, b, alike, matmul=False):
        self.a, self.b, self.alike, self.matmul = a, b, alike(a, b), matmul
        return a @ b if matmul else a * b

    def backward(self, gy):
        ga = gy @ self.b.T if self.matmul else gy * self.b
        return ga * (1 + self.alike), self.a.T @ gy if self.matmul else gy * self.a


@pytest.mark.parametrize("seed", range(3))
def test_a_mistake_if_the_two_inputs_are_one_array(seed):
    def same(a, b):
        return a is b

    x = RNG.standard_normal((4, 3))
    for f in (
        lambda x: Product.apply(x, x, alike=same),
        lambda x: F.sin(Product.apply(x, x, alike=same)).sum(axis=0),
        lambda x: Product.apply(x, x.T, alike=np.shares_memory, matmul=True),
        lambda x: Product.apply(x[:2], x[1:3], alike=np.shares_memory),
    ):
        (result,) = gradcheck(f, x, seed=seed, raises=False).results
        assert result.verdict == "FAIL"
    assert gradcheck(lambda x: Product.apply(x, x, alike=lambda a, b: False), x, seed=seed)


class Remembering(Function):
    """y = x², whose backward multiplies by what a dict holds, or a list at its start."""

    memo: dict = {}  # noqa: RUF012
    first: list = []  # noqa: RUF012

    def forward(self, x, how):
        if how == "a dict":
            self.k = self.memo.setdefault(x.shape, 2 * x)
        elif how == "a list":
            self.first.append(2 * x)
            self.k = self.first[0]
        else:
            self.k = BY_SHAPE.setdefault(x.shape, 2 * x)
        return x * x

    def backward(self, gy):
        return gy * self.k


BY_SHAPE: dict = {}
AGAIN = "it is wrong at points beside x: backward may keep something from an earlier call"


@pytest.mark.parametrize("scale", [1e-5, 1, 1e5])
@pytest.mark.parametrize("how", ["a dict", "a list", "a dict of the module"])
def test_what_an_earlier_call_left_behind_is_seen_at_a_second_point(how, scale):
    for seed in range(3):
        for memory in (Remembering.memo, Remembering.first, BY_SHAPE):
            memory.clear()
        f = lambda x: F.sin(Remembering.apply(x / scale, how=how))  # noqa: E731
        (result,) = gradcheck(f, scale * MATRIX, seed=seed, raises=False).results
        assert (result.verdict, result.diagnosis) == ("FAIL", AGAIN)


@pytest.mark.parametrize("smallest", [1e-300, 1e-200, 1e-30, 1e-9, -1e-6, 1e-4])
@pytest.mark.parametrize("f", [F.relu, F.abs, F.sqrt, lambda x: F.max(x * x)])
def test_a_second_point_lies_on_no_kink_beside_tiny_numbers(f, smallest):
    for seed in range(5):
        x = np.array([abs(smallest) if f is F.sqrt else smallest, 1.0, 0.5])
        results = gradcheck(lambda x, y: f(F.concatenate([x, y])), [x, x[:0]], seed=seed).results
        assert [r.verdict for r in results] in (["PASS", "PASS"], ["KINK", "PASS"])


@pytest.mark.parametrize("seed", range(3))
def test_a_constant_that_is_kept_by_shape_is_no_mistake(seed):
    kept = {}

    class Window(Function):
        def forward(self, x):
            self.w = kept.setdefault(x.shape, np.cos(np.arange(x.size)).reshape(x.shape))
            return x * self.w

        def backward(self, gy):
            return gy * self.w

    assert gradcheck(lambda x: F.relu(Window.apply(x)), MATRIX, seed=seed)


@pytest.mark.parametrize("returned", [Tensor(MATRIX, requires_grad=True), {"x": MATRIX}, "gx"])
def test_what_is_no_gradient_is_said_without_a_traceback(returned):
    (result,) = gradcheck(operation(np.sin, lambda gy, x: returned), MATRIX, raises=False).results
    assert result.verdict == "FAIL" and result.diagnosis.startswith("Mine.backward: returned a")


# ---- large arrays ------------------------------------------------------------------------------


def test_a_direction_does_not_leave_the_domain():
    z = RNG.standard_normal((120, 10)) * 5
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    t = np.arange(120) % 10
    for seed in range(3):
        assert gradcheck(F.log, RNG.random(1100) ** 3, seed=seed)
        assert gradcheck(lambda p: -F.log(p[np.arange(120), t]).mean(), p, seed=seed)


def test_the_partner_of_a_tie_may_be_outside_of_the_sample():
    def backward(gy, x):
        return gy[:, None] * (x == x.max(axis=1)[:, None])  # the whole to each

    x = np.random.default_rng(0).standard_normal((110, 10))
    x[7, (x[7].argmax() + 1) % 10] = x[7].max()
    wrong = operation(lambda x: x.max(axis=1), backward)
    for seed in range(6):
        assert gradcheck(wrong, x, seed=seed, raises=False).results[0].verdict == "FAIL"


def test_a_sort_of_many_numbers_with_ties():
    class Sort(Function):
        def forward(self, x):
            self.order = np.argsort(x, kind="stable")
            return x[self.order]

        def backward(self, gy):
            return gy[np.argsort(self.order)]

    (result,) = gradcheck(Sort.apply, RNG.standard_normal(1100).round(2), raises=False).results
    assert result.verdict in ("KINK", "UNDECIDED")


def test_a_gradient_with_nan_in_one_of_many_rows_is_located():
    def backward(gy, x):
        g = 2 * x * gy
        g[3] = np.nan
        return g

    (result,) = gradcheck(
        operation(np.square, backward), RNG.standard_normal((120, 10)), raises=False
    ).results
    assert (result.verdict, result.index[0]) == ("FAIL", 3)
    assert result.diagnosis == "the gradient is NaN, made by Mine.backward"


# ---- kinks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [4, 6])
def test_weights_of_zero_before_relu(rows):
    A = Tensor(np.random.default_rng(rows).standard_normal((rows, 2)))
    for seed in range(10):
        report = gradcheck(lambda W: F.relu(A @ W).sum(), np.zeros((2, 1)), seed=seed, raises=False)
        assert report.results[0].verdict in ("KINK", "UNDECIDED")


@pytest.mark.parametrize("v", [(0.5, 0.5), (1, 0), (0.6, 0.8), (0, 0)])
def test_a_norm_at_0_may_have_any_gradient_of_the_unit_ball(v):
    def backward(gy, x):
        return gy * (x / np.sqrt(x @ x) if x.any() else np.array(v))

    norm = operation(lambda x: np.asarray(np.sqrt(x @ x)), backward)
    for seed in range(3):
        result = gradcheck(norm, np.zeros(2), seed=seed, raises=False).results[0]
        assert result.verdict in ("KINK", "UNDECIDED")


def test_a_norm_at_0_may_not_have_a_gradient_outside_of_it():
    far = operation(lambda x: np.asarray(np.sqrt(x @ x)), lambda gy, x: gy * np.array([3.0, 0.0]))
    assert gradcheck(far, np.zeros(2), raises=False).results[0].verdict == "FAIL"


def test_a_slope_without_bound_on_one_side():
    def entropy(p):
        return F.where(p > 0, p * F.log(F.where(p > 0, p, 1)), 0).sum()

    for seed in range(3):
        assert gradcheck(entropy, np.array([0.0, 0.5, 0.5]), seed=seed)


@pytest.mark.parametrize("at", [0.1, 0.2, 0.3, 0.7])
def test_a_threshold_that_float32_rounds(at):
    x = np.array([at, 1.5])
    for seed in range(3):
        assert gradcheck(lambda x: F.relu(x - at), x, dtype="float32", seed=seed)
    wrong = operation(lambda x: relu(x - at), lambda gy, x: 2 * gy * (x > at))
    assert not gradcheck(wrong, x, dtype="float32", raises=False)


WIDTH = 1e-9
SHARP = {
    "relu, wrong beside its kink": (
        operation(lambda x: relu(x - 1), lambda gy, x: gy * (x > 1 - 3 * WIDTH)),
        [1 - WIDTH, 0.5, 2.0],
    ),
    "smooth, and half of its slope on one side": (
        operation(lambda x: np.sqrt((x - 1) ** 2 + WIDTH**2), lambda gy, x: 0.5 * gy),
        [1.0],
    ),
}


@pytest.mark.parametrize(("f", "x"), SHARP.values(), ids=SHARP)
def test_a_mistake_a_billionth_beside_a_kink_is_none_at_a_kink(f, x):
    for seed in range(3):
        assert gradcheck(f, np.array(x), seed=seed, raises=False).results[0].verdict == "FAIL"


def test_a_function_that_refuses_what_is_far_away_where_its_slope_is_rounding():
    def centred(x):
        if abs(x.data).max() > 0.5:
            raise ValueError("too large")
        return (x - x.mean()).sum() / 3

    for seed in range(5):
        x = np.random.default_rng(seed).standard_normal(10) * 1e-6
        assert gradcheck(centred, x, seed=seed, raises=False).results[0].verdict != "FAIL"


# ---- jumps, and hulls to the last digit ---------------------------------------------------------

AWAY = {
    "a hard threshold without its mask": (
        operation(lambda x: x * (abs(x) >= 1), lambda gy, x: gy),
        [0.5, 1.0, -2.0, 0.2],
        [0, 3],
    ),
    "the same, on the other side": (
        operation(lambda x: x * (abs(x) >= 1), lambda gy, x: gy),
        [0.5, -1.0],
        [0],
    ),
    "a square above 1": (
        operation(lambda x: x * x * (x >= 1), lambda gy, x: 2 * gy * x),
        [0.5, 1.0, 2.5],
        [0],
    ),
    "floor, wrong where it is flat": (
        operation(np.floor, lambda gy, x: gy * (x != 1)),
        [0.5, 1.0],
        [0],
    ),
    "floor, a thousandth": (
        operation(np.floor, lambda gy, x: gy * np.where(x == 0.5, 1e-3, 0)),
        [0.5, 1.0],
        [0],
    ),
    "floor and relu": (
        operation(
            lambda x: np.floor(x) + relu(x - 1.5),
            lambda gy, x: gy * np.where(x == 0.5, 0.1, x > 1.5),
        ),
        [0.5, 1.0],
        [0],
    ),
    "round": (
        operation(np.round, lambda gy, x: gy * (np.round(2 * x) % 2 == 0)),
        [0.5, 2.0, 1.5, 0.3],
        [1],
    ),
    "a sign": (operation(np.sign, lambda gy, x: gy * np.where(x == 0, 0, 1e-3)), [0.0, 0.5], [1]),
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("f", "x", "wrong"), AWAY.values(), ids=AWAY)
def test_a_jump_of_one_element_hides_no_mistake_in_another(f, x, wrong, seed):
    (result,) = gradcheck(f, np.array(x), seed=seed, raises=False).results
    assert result.verdict == "FAIL" and result.failing[wrong].all()
    assert not gradcheck(f, np.array(x), mode="project", seed=seed, raises=False)


def test_floor_at_a_jump_and_beside_it():
    floor = operation(np.floor, lambda gy, x: gy)
    (result,) = gradcheck(floor, np.array([0.5, 1.0]), raises=False).results
    assert result.failing.all() and "piecewise constant" in result.diagnosis


def test_a_maximum_without_its_mask_is_not_called_constant():
    wrong = operation(lambda x: np.asarray(x.max()), lambda gy, x: gy * np.ones(3))
    (result,) = gradcheck(wrong, np.array([1.0, 2, 3]), raises=False).results
    assert result.verdict == "FAIL" and "constant" not in result.diagnosis


def maximum(factor):
    def backward(gy, x):
        ties = abs(x) == abs(x).max()
        return gy * np.sign(x) * ties / ties.sum() * factor

    return operation(lambda x: np.asarray(abs(x).max()), backward)


@pytest.mark.parametrize("n", [2, 5, 6, 8, 20])
@pytest.mark.parametrize("seed", range(2))
def test_shares_of_a_tie_that_do_not_sum_to_1(n, seed):
    x = np.r_[np.ones(n - 1), -1, 0, 0.5]
    assert gradcheck(maximum(1), x, seed=seed)
    for factor in (1.00001, 0.99999, 1.1):
        report = gradcheck(maximum(factor), x, seed=seed, raises=False)
        assert report.results[0].verdict == "FAIL"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("slope", [1.00001, -1e-5])
def test_a_slope_a_hundred_thousandth_outside_of_a_kink(slope, seed):
    for forward, low, high in ((relu, 0, 1), (np.abs, -1, 1), (lambda x: relu(1 - x), -1, 0)):
        at = 1.0 if (low, high) == (-1, 0) else 0.0
        outside = low + slope * (high - low)

        def backward(gy, x, forward=forward, at=at, outside=outside):
            h = 0.25
            return gy * np.where(x == at, outside, (forward(x + h) - forward(x - h)) / (2 * h))

        f = operation(forward, backward)
        (result,) = gradcheck(f, np.array([-1.5, at, 2.5]), seed=seed, raises=False).results
        assert result.verdict == "FAIL" and result.failing.tolist() == [False, True, False]


def middle(gy, x):
    """Return the gradient of a median whose ties are in the order of a stable sort."""
    order, n, g = np.argsort(x, kind="stable"), len(x), np.zeros(len(x))
    g[order[n // 2]] += gy / 2
    g[order[(n - 1) // 2]] += gy / 2
    return g


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("x", [np.ones(3), np.ones(6), np.ones(7), np.r_[np.ones(5), 0, 2]])
def test_a_median_of_equal_numbers(x, seed):
    median = operation(lambda x: np.asarray(np.median(x)), middle)
    assert gradcheck(median, x, seed=seed).results[0].verdict == "KINK"


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("k", [2, 4])
def test_the_sum_of_the_largest_of_equal_numbers(k, seed):
    def backward(factor):
        def first(gy, x):
            g = np.zeros(len(x))
            g[np.argsort(-x, kind="stable")[:k]] = gy * factor
            return g

        return first

    x = np.array([1.0, 1, 1, 0, 1, 1, 3])
    top = lambda x: np.asarray(np.sort(x)[-k:].sum())  # noqa: E731
    assert gradcheck(operation(top, backward(1)), x, seed=seed)
    assert not gradcheck(operation(top, backward(1.0001)), x, seed=seed, raises=False)


@pytest.mark.parametrize("seed", range(2))
def test_a_tie_between_two_inputs(seed):
    class Maximum(Function):
        def forward(self, a, b):
            self.a, self.b = a, b
            return np.maximum(a, b)

        def backward(self, gy):
            equal = 0.6 * (self.a == self.b)
            return gy * ((self.a > self.b) + equal), gy * ((self.b > self.a) + equal)

    a, b = np.array([1.0, 2, 3]), np.array([1.0, 0, 3])
    assert not gradcheck(Maximum.apply, [a, b], seed=seed, raises=False)
    assert gradcheck(F.maximum, [a, b], seed=seed)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n", [5, 6])
def test_a_gradient_inside_of_a_hull_of_thin_sectors_is_not_called_wrong(n, seed):
    rng = np.random.default_rng(seed)
    A, w = rng.standard_normal((n + 2, n)), rng.standard_normal(n + 2)
    gates = np.concatenate([A @ v > 0 for v in rng.standard_normal((40, n))]).reshape(40, -1)
    inside = gates.mean(axis=0) * w @ A  # a mixture of the gradients of 40 neighbours

    def backward(gy, x):
        return gy * (inside if not x.any() else w * (A @ x > 0) @ A)

    f = operation(lambda x: np.asarray(w @ relu(A @ x)), backward)
    (result,) = gradcheck(f, np.zeros(n), seed=seed, raises=False).results
    assert result.verdict in ("KINK", "UNDECIDED")
