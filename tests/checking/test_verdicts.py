"""gradcheck's verdicts: what passes, what fails, and what the report says of it."""

import re

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, nn
from minigrad import functions as F
from minigrad.checking import check
from minigrad.checking.differences import VISIBLE
from minigrad.errors import GradcheckError
from tests.checking.compositions import Composition
from tests.checking.test_diagnosis import MISTAKES, X, Y, op

SMOOTH = [F.exp, F.sin, F.tanh, F.softmax, F.log_softmax, F.gelu, F.sigmoid, F.logsumexp, F.var]


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 10.0])
@pytest.mark.parametrize("f", SMOOTH, ids=lambda f: f.__name__)
def test_right_code_passes_without_a_diagnosis(f, scale):
    (result,) = mg.gradcheck(f, X * scale).results
    assert (result.verdict, result.diagnosis) == ("PASS", "")
    assert abs(result.analytic - result.numeric) <= 1e-6 * abs(result.numeric) + result.error
    assert result.error <= VISIBLE * max(1, abs(result.analytic))


def test_the_verdict_can_be_recomputed_from_what_is_printed():
    for f, inputs in MISTAKES.values():
        report = mg.gradcheck(f, inputs, raises=False)
        for r in report.results:
            if r.index is None:  # its dtype alone is wrong
                continue
            tolerance = report.atol + report.rtol * abs(r.numeric) + r.error
            assert r.tolerance == pytest.approx(tolerance)
            assert (abs(r.analytic - r.numeric) <= r.tolerance) == (r.verdict == "PASS")
            assert f"{r.analytic:.12g}" in str(report) and f"{r.numeric:.12g}" in str(report)


@pytest.mark.parametrize("seed", range(3))
def test_a_pass_is_one_by_the_inequality_that_is_printed(seed):
    x = np.random.default_rng(seed).standard_normal((4, 3)) * 1e-3
    report = mg.gradcheck(lambda x: (((x - x.mean(0)) / x.std(0)) ** 2).sum(), x)  # it is constant
    (r,) = report.results
    assert abs(r.analytic - r.numeric) <= r.tolerance
    assert "<=" in str(report)


def test_a_sum_that_cancels_may_round_otherwise_in_the_second_pass():
    inputs = (((1, 3), 1.7e-06), ((2, 3), 1.0), ((), 1.7e-06))
    steps = (("sub", (1, 2)), ("sum", (3,)), ("softmax", (4,)), ("flat", (5,)), ("pow", (6, 0)))
    composition = Composition(seed=17591, inputs=inputs, steps=steps)
    assert mg.gradcheck(composition, composition.arrays())


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("rows", [4, 7, 16, 33])
def test_a_bias_before_a_normalisation_has_the_gradient_0(rows, outputs):
    rng = np.random.default_rng(rows)
    arrays = [rng.standard_normal(shape) for shape in ((rows, 5), (outputs, 5), outputs)]

    def normalised(x, W, b):
        y = F.linear(x, W, b)
        return (y - y.mean(axis=0)) / F.std(y, axis=0)

    for seed in range(5):  # gy adds up to 0, and what is left is rounding: another for each layout
        assert mg.gradcheck(normalised, arrays, seed=seed)


SHARES = {  # of which each has a gradient that cancels to 0
    "softmax of centred": lambda x, b: F.softmax(x + b - F.mean(x + b, axis=0, keepdims=True)),
    "sum of softmax": lambda x, b: F.sum(F.softmax(x)) + F.sum(b),
    "log_softmax of shifted": lambda x, b: F.log_softmax(x + F.sum(b)),
}


@pytest.mark.parametrize("mode", ["full", "project"])
@pytest.mark.parametrize("name", SHARES)
def test_what_cancels_to_0_in_float32_passes_and_a_gradient_in_its_place_does_not(name, mode):
    rng = np.random.default_rng(7)
    x, b = rng.standard_normal((8, 5)), rng.standard_normal(5)
    for seed in range(5):
        assert mg.gradcheck(SHARES[name], [x, b], dtype="float32", mode=mode, seed=seed)

    class Passes(mg.Function):
        """y = x, and 1 % of the upstream gradient goes where none should."""

        def forward(self, y, x):
            return y.copy()

        def backward(self, gy):
            return gy, np.full(self.inputs[1].shape, 0.01 * abs(gy).max())

    def wrong(x, b):
        return Passes.apply(SHARES[name](x, b), x)

    report = mg.gradcheck(wrong, [x, b], dtype="float32", mode=mode, raises=False)
    assert report.results[0].verdict == "FAIL"


def test_a_kink_is_named():
    report = mg.gradcheck(F.relu, np.array([-1.0, 0.0, 2.0]))
    (result,) = report.results
    assert (result.verdict, result.index, report.ok) == ("KINK", (1,), True)
    assert result.diagnosis == (
        "1 of 3 elements sit on a kink, where the slopes to both sides differ, or on a jump; their "
        "gradient lies between those of the neighbours"
    )


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (F.relu, [-1.0, 0.0, 2.0, 1e-9, -1e-12]),
        (F.abs, [0.0, 1.0]),
        (lambda x: F.maximum(x, 1.0), [1.0, 1.0 + 1e-7, 1.0 - 1e-7, 3.0]),
        (lambda x: F.clip(x, -1, 1), [-1.0, 1.0, 0.5, 1.0 + 1e-8]),
        (lambda x: F.max(x, axis=-1), [[1.0, 1.0, 0.0], [1.0, 2.0, 3.0]]),
    ],
)
def test_kinks_are_no_failures(f, x):
    (result,) = mg.gradcheck(f, np.array(x)).results
    assert result.verdict in ("KINK", "PASS")


def test_a_wrong_gradient_beside_a_kink_fails():
    wrong = op(lambda x: np.maximum(x, 0), lambda g, x: -g * (x > 0))
    (result,) = mg.gradcheck(wrong, np.array([-1.0, 0.0, 2.0]), raises=False).results
    assert result.verdict == "FAIL"
    assert mg.gradcheck(wrong, np.zeros(3)).results[0].verdict == "KINK"  # 0 is right at 0
    wrong = op(lambda x: np.maximum(x, 0), lambda g, x: -g * (x >= 0))
    (result,) = mg.gradcheck(wrong, np.zeros(3), raises=False).results
    assert result.verdict == "FAIL" and result.failing.all()


class Noisy(nn.Module):
    def forward(self, x):
        return x * np.random.default_rng().uniform(1, 2)


def test_nondeterministic_code_is_named():
    model = nn.Sequential(nn.Linear(4, 4, rng=0), Noisy())
    why = "; if a layer is random or keeps a state, pass module=model"
    text = f"NONDETERMINISTIC input 0: two forward passes differ, first in Mul.forward{why}"
    with pytest.raises(GradcheckError, match=text):
        mg.gradcheck(model, X)
    loose = mg.gradcheck(lambda x: F.dropout(x, rng=None), X, raises=False)
    assert loose.results[0].diagnosis == f"two forward passes differ, first in Dropout.forward{why}"


@pytest.mark.parametrize("seed", [0, 1])
def test_dropout_is_rewound(seed):
    layer = nn.Dropout(0.5, rng=seed)
    state = layer.rng.bit_generator.state
    assert mg.gradcheck(layer, X)
    rng = np.random.default_rng(seed)
    assert mg.gradcheck(lambda x: F.dropout(x, rng=rng), X)
    assert layer.rng.bit_generator.state == state == rng.bit_generator.state


def test_a_non_finite_output_is_named_with_its_op():
    (result,) = mg.gradcheck(F.log, np.array([1.0, 0.0]), raises=False).results
    assert result.verdict == "NONFINITE"
    assert result.diagnosis.startswith(
        "element 1 of the output is -inf; Log.forward: made -inf from finite"
    )


def test_a_gradient_that_does_not_arrive_is_named():
    report = mg.gradcheck(lambda x, y: x * 2 + y.data, [X, Y], raises=False)
    verdicts = [(r.verdict, r.diagnosis) for r in report.results]
    why = "the graph does not reach it, but the output depends on it"
    assert verdicts == [("PASS", ""), ("NO GRADIENT", why)]
    unused = mg.gradcheck(lambda x, y: x * 2, [X, Y])
    assert [r.verdict for r in unused.results] == ["PASS", "PASS"]


def test_a_backward_that_raises_is_a_failure():
    broken = op(np.sin, lambda g, x: g[0])
    (result,) = mg.gradcheck(broken, np.ones((1, 3)), raises=False).results
    assert result.verdict == "FAIL"
    assert "Op.backward: returned a gradient of shape (3,) for input 0" in result.diagnosis


def test_float32_backward_is_compared_with_float64_differences():
    for f in SMOOTH:
        assert mg.gradcheck(f, X.astype(np.float32), dtype="float32")
    wrong, inputs = MISTAKES["it is off by the constant factor 1.01"]
    assert not mg.gradcheck(wrong, inputs, dtype="float32", raises=False)


def test_everything_is_put_back():
    model = nn.mlp(4, [5], 3, dropout=0.5, rng=0)
    x = X.astype(np.float32)
    arrays = {name: (p.data, p.data.copy()) for name, p in model.named_parameters()}
    state = model[2].rng.bit_generator.state
    mg.gradcheck(model, x)
    with pytest.raises(ZeroDivisionError):
        mg.gradcheck(lambda x: 1 / 0, x, module=model)
    assert x.tobytes() == X.astype(np.float32).tobytes()
    for name, p in model.named_parameters():
        assert p.data is arrays[name][0] and p.grad is None
        assert p.data.tobytes() == arrays[name][1].tobytes()
    assert model[2].rng.bit_generator.state == state


@pytest.fixture
def network():
    model, loss = nn.mlp(784, [256], 10, rng=0), nn.CrossEntropy()
    x = np.random.default_rng(1).standard_normal((32, 784)).astype(np.float32)
    t = np.random.default_rng(2).integers(0, 10, 32)
    return model, lambda x: loss(model(x), t), x


def test_a_whole_network_is_checked_along_directions(network):
    model, f, x = network
    report = mg.gradcheck(f, x, module=model)
    assert [r.verdict for r in report.results] == ["PASS"] * 5
    names = ["input 0", "0.weight", "0.bias", "2.weight", "2.bias"]
    assert [r.name for r in report.results] == names


@pytest.mark.parametrize("index", [(0, 0), (100, 300), (255, 783)])
def test_one_wrong_weight_of_200_000_is_located(network, monkeypatch, index):
    from minigrad.functions.linear import Linear

    model, f, x = network
    right = Linear.backward

    def wrong(self, gy):
        gx, gW, gb = right(self, gy)
        if gW.shape == (256, 784):
            gW[index] += 1e-3
        return gx, gW, gb

    monkeypatch.setattr(Linear, "backward", wrong)
    report = mg.gradcheck(f, x, module=model, raises=False)
    (failed,) = [r for r in report.results if r.verdict == "FAIL"]
    assert (failed.name, failed.index) == ("0.weight", index)
    assert np.argwhere(failed.failing).tolist() == [[*index]] and failed.size == 200704
    place = ", ".join(map(str, index))
    text = f"1 of {failed.checked} sampled of 200704 elements fails at [{place}]"
    assert text in str(report) and failed.checked <= 256


def test_modes():
    wrong, inputs = MISTAKES["the sign is flipped"]
    for mode in ("auto", "full", "project"):
        assert mg.gradcheck(F.softmax, X, mode=mode)
        report = mg.gradcheck(wrong, inputs, mode=mode, raises=False)
        assert report.results[0].diagnosis == "the sign is flipped"
    text = (
        "gradcheck: mode='fast' is not valid; it can be auto, full or project; choose one of them"
    )
    with pytest.raises(mg.errors.ArgumentError, match=text):
        mg.gradcheck(F.exp, X, mode="fast")


def test_the_report_as_a_dict_and_as_an_assertion():
    report = mg.gradcheck(F.exp, [X, Tensor(np.arange(3))][:1])
    found = report.to_dict()
    assert found["ok"] is True and found["dtype"] == "float64"
    assert found["results"][0]["verdict"] == "PASS"
    wrong, inputs = MISTAKES["it is zero"]
    with pytest.raises(AssertionError, match=r"FAIL input 0: 16 of 16 .*: it is zero"):
        assert mg.gradcheck(wrong, inputs)


@pytest.mark.parametrize("given", [np.float32, np.float64])
def test_a_gradient_of_a_narrower_dtype_is_named(given):
    narrow = op(np.sin, lambda g, x: (g * np.cos(x)).astype(np.float32))
    report = mg.gradcheck(lambda x, y: narrow(x * 1) * y, [X.astype(given), Y], raises=False)
    why = "Op.backward returned float32 for an input of float64"
    assert [(r.verdict, r.diagnosis) for r in report.results] == [("FAIL", why), ("PASS", "")]
    assert f"FAIL input 0: {why}\nPASS input 1\n" in str(report)
    assert mg.gradcheck(narrow, X, dtype="float32")


def test_the_verdict_of_a_projection_can_be_recomputed_from_what_is_printed():
    for dtype in ("float64", "float32"):
        report = mg.gradcheck(lambda x: (x @ x.T).sum(), X, mode="project", dtype=dtype)
        (r,) = report.results
        assert r.index is None
        assert r.tolerance == pytest.approx(report.rtol * abs(r.numeric) + r.error)
        numbers = f"along a random direction: analytic {r.analytic:.12g}, numeric {r.numeric:.12g} "
        assert numbers in str(report)
        assert f"passes if |analytic − numeric| <= 0 + {report.rtol:g}·|numeric| + error\n" in (
            str(report)
        )


def test_the_verdict_in_float32_can_be_recomputed_from_what_is_printed():
    for f, inputs in MISTAKES.values():
        report = mg.gradcheck(f, inputs, raises=False, dtype="float32")
        assert "<= 0 + 0.001·|numeric| + error" in str(report)
        for r in report.results:
            assert r.tolerance == pytest.approx(1e-3 * abs(r.numeric) + r.error)
            assert (abs(r.analytic - r.numeric) <= r.tolerance) == (r.verdict == "PASS")


def test_the_end_of_a_domain_is_no_failure_of_right_code_and_hides_no_mistake():
    (result,) = mg.gradcheck(F.sqrt, np.array([4.0, 0.0, 1.0])).results
    assert (result.verdict, result.index) == ("KINK", (1,))
    assert result.diagnosis == "the slope of f grows without a bound here"
    (result,) = mg.gradcheck(lambda x: x**1.5, np.array([4.0, 0.0, 1.0])).results
    assert (result.verdict, result.index) == ("PASS", (1,))  # 0, from the right
    wrong = op(lambda x: x**1.5, lambda g, x: g * x**0.5)
    (result,) = mg.gradcheck(wrong, np.array([4.0, 0.0]), raises=False).results
    assert result.verdict == "FAIL" and result.failing.tolist() == [True, False]
    for slope in (1e-3, np.inf, np.nan):
        wrong = op(lambda x: x**1.5, lambda g, x, slope=slope: g * np.where(x, 1.5 * x**0.5, slope))
        (result,) = mg.gradcheck(wrong, np.array([4.0, 0.0]), raises=False).results
        assert result.verdict == "FAIL" and result.failing.tolist() == [False, True]


def test_an_input_that_is_not_finite_is_named():
    (result,) = mg.gradcheck(F.softmax, np.array([0.0, 1.0, -np.inf]), raises=False).results
    assert (result.verdict, result.index) == ("NONFINITE", None)
    assert result.diagnosis == "input 0[2] is -inf: no difference can be taken there"


def test_a_function_that_is_finite_at_the_input_alone():
    report = mg.gradcheck(lambda x: F.where(x.data == 1, x, np.nan), np.ones(2), raises=False)
    (result,) = report.results
    assert result.verdict == "NONFINITE"
    assert result.diagnosis == "f is finite here, but not on either side"


def test_a_projection_fails_though_no_element_that_was_looked_at_does(monkeypatch):
    monkeypatch.setattr(check, "SAMPLE", 1)
    monkeypatch.setattr(check, "locate", lambda *args: np.array([3]))
    wrong = op(np.sin, lambda g, x: g * np.cos(x) * np.where(x == x[0, 3], 1, 1.01))
    x = np.random.default_rng(0).standard_normal((40, 40))
    (result,) = mg.gradcheck(wrong, x, mode="project", raises=False).results
    assert (result.verdict, result.index) == ("FAIL", None)
    assert result.diagnosis == "no single element was found"


def test_a_dropout_of_a_model_that_only_the_closure_holds_is_rewound():
    model = nn.mlp(4, [8], 3, dropout=0.5, rng=0)
    state = model[2].rng.bit_generator.state
    assert mg.gradcheck(lambda x: model(x), X)
    assert model[2].rng.bit_generator.state == state
    assert all(p.grad is None for p in model.parameters())


def wave(k):
    return lambda x: F.sin(x * k)


@pytest.mark.parametrize("k", [1e3, 1e6, 1e9, 1e12, 1e15, 1e18])
def test_what_varies_too_fast_is_undecided_and_the_report_says_how_little_it_knows(k):
    x = np.array([0.7, 1.1, 2.3])
    (right,) = mg.gradcheck(wave(k), x, raises=False).results
    assert right.verdict == ("PASS" if k <= 1e6 else "UNDECIDED")
    (wrong,) = mg.gradcheck(lambda x: wave(k)(x * 0.9 + x.detach() * 0.1), x, raises=False).results
    assert wrong.verdict == ("FAIL" if k <= 1e9 else "UNDECIDED")
    if k > 1e6:
        reason = (
            r"f rounds by \S+, its differences by \S+: check it where its output is smaller, or "
            "scale it"
        )
        if k > 1e12:
            reason = (
                "Sin bends within some hundred roundings of what flows in: check it at smaller "
            )
            reason += "numbers"
        assert re.fullmatch(reason, right.diagnosis)
        with pytest.raises(GradcheckError, match=f"UNDECIDED input 0: {reason}"):
            mg.gradcheck(wave(k), x)


@pytest.mark.parametrize("k", [1e8, 1e16, 1e20])
def test_what_cancels_passes_only_if_its_slope_shows(k):
    (result,) = mg.gradcheck(lambda x: (x + k) - k, np.array([0.7, 1.1]), raises=False).results
    assert result.verdict == ("PASS" if k == 1e8 else "UNDECIDED")
    assert result.error > abs(result.analytic - result.numeric)
    assert not mg.gradcheck(op(lambda x: (x + 1e8) - 1e8, lambda g, x: 1.1 * g), X, raises=False)
