"""What gradcheck can be given: outputs, shapes, layouts and dtypes of every kind."""

import numpy as np
import pytest

from minigrad import Function, Tensor, gradcheck, nn
from minigrad import functions as F
from minigrad.errors import ArgumentError, DTypeError
from tests.helpers import Spoiled, exactly

RNG = np.random.default_rng(0)
MODES = pytest.mark.parametrize("mode", ["full", "project"])


def verdicts(f, inputs, **options):
    return [result.verdict for result in gradcheck(f, inputs, raises=False, **options).results]


def doubled(x):
    return Spoiled.apply(x, wrong=lambda gy: 2 * gy)


# ---- outputs -----------------------------------------------------------------------------------


@MODES
@pytest.mark.parametrize("kind", [tuple, list])
def test_several_outputs_of_several_shapes(kind, mode):
    def f(x, y):
        return kind([x * y, (x * x).sum(), y.reshape(-1)[:0], F.exp(y.T)])

    x, y = RNG.standard_normal((2, 3, 2))
    assert verdicts(f, [x, y], mode=mode) == ["PASS", "PASS"]
    for wrong in range(4):
        g = lambda x, y: kind([doubled(t) if i == wrong else t for i, t in enumerate(f(x, y))])  # noqa: B023, E731
        expected = {0: ["FAIL", "FAIL"], 1: ["FAIL", "PASS"], 2: ["PASS", "PASS"]}
        assert verdicts(g, [x, y], mode=mode) == expected.get(wrong, ["PASS", "FAIL"])


def test_an_output_that_is_an_input_and_one_that_no_input_reaches():
    x = RNG.standard_normal(3)
    assert verdicts(lambda x: (x, Tensor(np.ones(2))), x) == ["PASS"]


# ---- shapes and layouts ------------------------------------------------------------------------


@MODES
@pytest.mark.parametrize(
    "shape", [(), (1,), (3,), (0,), (2, 0, 3), (2, 3), (2, 1, 3), (2, 1, 3, 1, 2)]
)
def test_any_number_of_axes(shape, mode):
    x = RNG.standard_normal(shape)
    assert verdicts(lambda x: F.sin(x) * x, x, mode=mode) == ["PASS"]
    wrong = "FAIL" if x.size else "PASS"
    assert verdicts(lambda x: doubled(F.sin(x) * x), x, mode=mode) == [wrong]


BASE = RNG.standard_normal((4, 6, 2))
LAYOUTS = {
    "fortran": np.asfortranarray(BASE),
    "transposed": BASE.T,
    "strided": BASE[::2, ::-3],
    "one row again and again": np.broadcast_to(BASE[0], BASE.shape),
    "big-endian": BASE.astype(">f8"),
}


@MODES
@pytest.mark.parametrize("x", LAYOUTS.values(), ids=LAYOUTS)
def test_any_layout_and_read_only(x, mode):
    x = x[...]
    x.flags.writeable = False
    before = x.tobytes()
    for given in (x, [x], Tensor(np.asarray(x), requires_grad=True)):
        assert verdicts(lambda x: F.tanh(x).sum(axis=0), given, mode=mode) == ["PASS"]
        assert verdicts(lambda x: doubled(F.tanh(x)), given, mode=mode) == ["FAIL"]
    assert x.tobytes() == before


@MODES
def test_denormal_numbers(mode):
    for x in (5e-324, -5e-324, 1e-310, np.array([5e-324, 1.0, -1e-320])):
        assert set(verdicts(F.relu, x, mode=mode)) <= {"PASS", "KINK"}
        assert verdicts(lambda x: 3 * x, x, mode=mode) == ["PASS"]
        assert verdicts(lambda x: doubled(3 * x), x, mode=mode) == ["FAIL"]


def test_an_output_of_complex_numbers_is_refused_by_its_dtype():
    class Turn(Function):
        def forward(self, x):
            return x * 1j

    with pytest.raises(DTypeError, match=r"returned an ndarray of complex128, not real numbers"):
        gradcheck(Turn, np.ones(2))


# ---- functions that refuse numbers -------------------------------------------------------------


class RefusesNaN(Function):
    """y = √x, and an error where NumPy would return NaN."""

    def forward(self, x):
        if not np.isfinite(x).all() or (x <= 0).any():
            raise ValueError("x has to be finite and positive")
        self.y = np.sqrt(x)
        return self.y

    def backward(self, gy):
        if not np.isfinite(gy).all():
            raise ValueError("gy has to be finite")
        return gy / (2 * self.y)


@MODES
@pytest.mark.parametrize("scale", [1e-100, 1e-12, 1, 1e12])
def test_a_function_that_refuses_nan_never_gets_one(scale, mode):
    x = scale * RNG.uniform(0.5, 2, (3, 4))
    assert verdicts(RefusesNaN, x, mode=mode) == ["PASS"]
    assert verdicts(lambda x: doubled(RefusesNaN.apply(x)), x, mode=mode) == ["FAIL"]


def log_determinant(a):
    return np.asarray(2 * np.log(np.diag(np.linalg.cholesky((a + a.T) / 2))).sum())


def with_eigenvalues(values, seed):
    a = np.random.default_rng(seed).standard_normal((len(values), len(values)))
    q = np.linalg.qr(a)[0]
    return q @ np.diag(values) @ q.T


def root(x):
    if (x < 0).any():
        raise ValueError("x has to be 0 or more")
    return x**1.5


class Plain(Function):
    """y = forward(x), and a backward pass of a test."""

    def forward(self, x, forward, backward):
        self.x, self.of = x, backward
        return forward(x)

    def backward(self, gy):
        return self.of(gy, self.x)


def plain(forward, backward, factor=1):
    backwards = lambda gy, x: factor * backward(gy, x)  # noqa: E731
    return lambda x: Plain.apply(x, forward=forward, backward=backwards)


REFUSING = {
    "beyond 0": (root, lambda gy, x: gy * 1.5 * x**0.5, np.array([0.0, 1.0])),
    "beyond 0, one of many": (
        root,
        lambda gy, x: gy * 1.5 * x**0.5,
        np.r_[0, np.random.default_rng(0).random(1200)],
    ),
    "a matrix that is hardly positive definite": (
        log_determinant,
        lambda gy, a: gy * np.linalg.inv((a + a.T) / 2),
        with_eigenvalues([1, 2, 3, 1e-6], 0),
    ),
    "one that is a little more so": (
        log_determinant,
        lambda gy, a: gy * np.linalg.inv((a + a.T) / 2),
        with_eigenvalues([1, 2, 3, 1e-4], 1),
    ),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("forward", "backward", "x"), REFUSING.values(), ids=REFUSING)
def test_a_function_that_refuses_points_beside_x_is_not_finite_there(forward, backward, x, seed):
    right, wrong = plain(forward, backward), plain(forward, backward, 2)
    assert verdicts(right, x, seed=seed)[0] in ("PASS", "UNDECIDED")
    assert verdicts(wrong, x, seed=seed)[0] in ("FAIL", "UNDECIDED")
    if x.ndim == 1:
        assert verdicts(right, x, seed=seed) == ["PASS"]
        assert verdicts(wrong, x, seed=seed) == ["FAIL"]


@pytest.mark.parametrize("seed", range(3))
def test_a_function_that_refuses_all_points_beside_x(seed):
    def entropy(p):
        if abs(p.sum() - 1) > 1e-6:
            raise ValueError("the sum of p\nis not 1")
        return -(p * np.log(p)).sum(keepdims=True)

    f = plain(entropy, lambda gy, p: -gy * (np.log(p) + 1))
    (result,) = gradcheck(f, np.array([0.2, 0.3, 0.5]), seed=seed, raises=False).results
    assert (result.verdict, result.diagnosis) == (
        "NONFINITE",
        "f is finite here, but not on either side, where it raises ValueError: the sum of p is "
        "not 1",
    )
    with pytest.raises(ValueError, match="is not 1"):
        gradcheck(f, np.array([0.2, 0.3, 0.6]))


# ---- what is not checked -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        3,
        True,
        np.int8(3),
        np.array([0, 2]),
        np.array([True, False, True]),
        np.uint8([[1]]),
        Tensor(np.array([0, 2])),
        None,
        "text",
        {"axis": 0},
        [1, 2],
    ],
    ids=repr,
)
def test_what_is_not_floating_reaches_f_as_it_is(given):
    seen = []

    def f(x, other):
        seen.append(other)
        return x * 2

    (result,) = gradcheck(f, [np.ones(3), given]).results
    assert result.name == "input 0"
    for other in seen:
        assert type(other) is type(given)
        assert getattr(other, "dtype", None) == getattr(given, "dtype", None)
        assert np.array_equal(np.asarray(other), np.asarray(given))


def test_integers_are_indices_exponents_and_masks():
    x = RNG.uniform(1, 2, (3, 3))
    assert gradcheck(lambda x, k: x**k, [x, 3])
    assert gradcheck(lambda x, t: x[t], [x, np.array([2, 0, 0])])
    assert gradcheck(lambda x, t: x[t], [x, np.array([[True, False, True]] * 3)])
    assert gradcheck(lambda x, t: F.cross_entropy(x, t), [x, np.array([2, 0, 1])])
    assert gradcheck(lambda x, axis, keep: F.sum(x, axis, keep), [x, 1, True])


class Pick(Function):
    """y = x[t]"""

    def forward(self, x, t=None, *, index=None):
        self.shape, self.index = x.shape, t if index is None else index
        return x[self.index]

    def backward(self, gy):
        gx = np.zeros(self.shape)
        np.add.at(gx, self.index, gy)
        return gx


class Take(Pick):
    """y = x[t], as np.take finds it."""

    def forward(self, x, t):
        return np.take(x, t)


class First(Pick):
    """y = the first t elements of x"""

    def forward(self, x, t):
        return x[: t[0]]


@pytest.mark.parametrize(
    ("op", "reason"),
    [
        (Pick, "arrays used as indices must be of integer (or boolean) type"),
        (Take, "Cannot cast array data from dtype('float64') to dtype('int64') according to the "),
        (First, "slice indices must be integers or None or have an __index__ method"),
    ],
)
def test_an_operation_that_indexes_with_an_input_says_to_pass_an_option(op, reason):
    with pytest.raises(DTypeError) as raised:
        gradcheck(op, [RNG.standard_normal(3), np.array([2, 0])])
    where, wrong, facts, remedy = raised.value.args
    assert where == f"{op.__name__}.forward"
    assert wrong.startswith(f"an index is not an integer ({reason}")
    assert facts == "all inputs of an operation are float64"
    assert remedy == f"pass indices as an option, {op.__name__}.apply(x, index=index)"
    t = np.array([2, 0, 0])
    assert gradcheck(lambda x, t: Pick.apply(x, index=t), [RNG.standard_normal(3), t])


def test_a_tensor_without_requires_grad_is_not_checked_and_its_gradient_may_be_none():
    class Scale(Function):
        def forward(self, x, k):
            self.k = k
            return x * k

        def backward(self, gy):
            return gy * self.k, None

    x, k = RNG.standard_normal((2, 3))
    (result,) = gradcheck(Scale, [x, Tensor(k)]).results
    assert (result.name, result.verdict) == ("input 0", "PASS")
    results = gradcheck(Scale, [x, k], raises=False).results
    assert [r.diagnosis for r in results] == [
        "Scale.backward: returned None for input 1, which needs a gradient; inputs (3,), (3,); "
        "return an array of shape (3,)"
    ] * 2


def test_floating_numbers_and_lists_are_checked():
    assert verdicts(lambda x, k: x * k, [[1.0, 2.0], 3.0]) == ["PASS", "PASS"]
    assert verdicts(lambda x, k: doubled(x * k), [np.float32(2), 3.0]) == ["FAIL", "FAIL"]


@pytest.mark.parametrize(
    ("inputs", "count"),
    [([3], 1), ([np.array([1, 2]), True], 2), ([Tensor(np.ones(3))], 1), ((), 0)],
    ids=str,
)
def test_nothing_left_to_check(inputs, count):
    text = (
        f"gradcheck: there is nothing to check; {count} inputs, of which none is floating and "
        "requires a gradient, and no parameters; pass arrays of floats, Tensors with "
        "requires_grad=True, or module="
    )
    with pytest.raises(ArgumentError, match=exactly(text)):
        gradcheck(lambda *xs: xs[0] * 1.0, inputs)
    model = nn.Linear(3, 2, rng=0)
    assert gradcheck(lambda: model(np.ones((2, 3))).sum(), module=model)
