"""What gradcheck promises and no other test holds it to, sentence by sentence."""

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minigrad import Function, Tensor, errors, gradcheck, nn
from minigrad import functions as F
from minigrad.checking import Result
from minigrad.checking.cases import CASES
from tests.helpers import Spoiled

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(3)


class Sine(Function):
    """y = sin x, with a backward pass that a test may spoil: `spoil(gx)`."""

    def forward(self, x, spoil):
        self.x, self.spoil = x, spoil
        return np.sin(x)

    def backward(self, gy):
        return self.spoil(gy * np.cos(self.x))


def sine(spoil):
    return lambda x: Sine.apply(x, spoil=spoil)


def examples():
    """Return an example of several elements for each row of the table that has one."""
    found = {}
    for case in CASES:
        for shapes in case.shapes:
            if min(map(np.prod, shapes)) > 1:
                found.setdefault(case.name, (case, shapes))
    return [pytest.param(*example, id=name) for name, example in found.items()]


every_row = pytest.mark.parametrize(("case", "shapes"), examples())


# ---- the call and the report -------------------------------------------------------------------


def test_the_signature():
    parameters = [
        p.replace(annotation=p.empty) for p in inspect.signature(gradcheck).parameters.values()
    ]
    assert str(inspect.Signature(parameters)) == (
        "(f, inputs=(), *more, module=None, mode='auto', dtype='float64', eps=None, atol=0.0, "
        "rtol=1e-06, seed=0, raises=True)"
    )
    fields = {"name", "verdict", "index", "analytic", "numeric", "error", "diagnosis"}
    assert fields <= set(Result._fields)


def test_the_report_says_what_it_computed_in():
    model = nn.Linear(3, 2, rng=0)  # float32
    head = str(gradcheck(model, RNG.standard_normal((4, 3)))).partition(";")[2]
    assert head.startswith(
        " backward in float64, differences in float64, given as float32 and float64; passes if"
    )
    assert model.weight.dtype == np.float32


def test_the_report_as_json():
    report = gradcheck(sine(lambda g: -g), RNG.standard_normal(4), raises=False)
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found["results"][0]["diagnosis"] == "the sign is flipped"
    assert found["results"][0]["analytic"] == report.results[0].analytic


def test_in_pytest_the_report_is_the_message(tmp_path):
    page = (ROOT / "docs" / "gradcheck.md").read_text("utf-8")
    example = re.search(r"^```python\n(.*?)^```$", page, re.S | re.M)[1]
    assert len(example.splitlines()) < 25  # from the class to the green test
    right = example.replace("test_swish()\n\n", "")
    wrong = right.replace("return gy * (", "return -gy * (")
    assert wrong != right
    for name, text in (("right", right), ("wrong", wrong.removesuffix("test_swish()\n"))):
        (tmp_path / f"test_{name}.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=60)
    assert "1 failed, 1 passed" in done.stdout
    message = [line.removeprefix("E").strip() for line in done.stdout.splitlines()]
    head = "minigrad.errors.GradcheckError: gradcheck: 1 of 1 gradients is wrong; backward in "
    assert any(line.startswith(head) for line in message)
    assert (
        "FAIL input 0: 7 of 7 elements fail at [0], [1], [2], [3], [4], …: the sign is flipped"
        in message
    )


PRINTED = re.compile(
    r"^(\w+) (?P<name>[^:\n]+).*\n    (?P=name)\[[\d, ]*\]: analytic (\S+), numeric (\S+) ± (\S+), "
    r"\|difference\| (\S+) (<=|>) (\S+)$",
    re.M,
)


@pytest.mark.parametrize("options", [{}, {"atol": 0, "rtol": 0}], ids=str)
@pytest.mark.parametrize("wrong", [0, 1e-9, 1e-5, -2, np.nan])
def test_the_verdict_can_be_recomputed_from_the_printed_line(wrong, options):
    f = sine(lambda g: g * (1 + wrong))
    inputs = list(np.random.default_rng(0).standard_normal((2, 3)))
    report = gradcheck(lambda x, w: f(x) + w, inputs, raises=False, **options)
    text = str(report)
    atol, rtol = re.search(r"<= (\S+) \+ (\S+)·\|numeric\| \+ error$", text, re.M).groups()
    lines = PRINTED.findall(text)
    assert len(lines) == len(report.results) == 2
    for verdict, _, *numbers, sign, limit in lines:
        analytic, numeric, error, difference = map(float, numbers)
        tolerance = float(atol) + float(rtol) * abs(numeric) + error
        passes = abs(analytic - numeric) <= tolerance
        assert (verdict, sign) == (("PASS", "<=") if passes else ("FAIL", ">"))
        assert float(limit) == pytest.approx(tolerance, rel=0.05)  # ± is printed with two digits
        assert difference == pytest.approx(
            abs(analytic - numeric), rel=1e-5, abs=1e-11, nan_ok=True
        )


# ---- the numbers -------------------------------------------------------------------------------


@every_row
@pytest.mark.filterwarnings("ignore::UserWarning")  # the table provokes some on purpose
def test_a_smooth_function_agrees_to_1e_9_and_gets_no_diagnosis(case, shapes):
    inputs = case.inputs(shapes)
    for result in gradcheck(case.f, inputs).results:
        assert (result.verdict, result.diagnosis) == ("PASS", "") and not result.failing.any()
    upstream = []

    def keep(gy):
        upstream.append(gy)
        return gy

    def f(*xs):
        return Spoiled.apply(case.f(*xs), wrong=keep)

    report = gradcheck(f, inputs, atol=0, rtol=0, raises=False)
    xs = [Tensor(x, requires_grad=True) for x in inputs]
    case.f(*xs).backward(upstream[0])
    for x, result in zip(xs, report.results, strict=True):
        largest = np.abs(x.grad).max()
        assert abs(result.analytic - result.numeric) <= 1e-9 * largest + result.error
        assert result.error <= 1e-7 * largest  # which is not much to hide behind


@every_row
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_float32_passes_right_code_and_fails_what_is_1_percent_wrong(case, shapes):
    inputs = case.inputs(shapes, np.float32)
    report = gradcheck(case.f, inputs, dtype="float32")
    assert "backward in float32, differences in float64" in str(report)

    def f(*xs):
        return Spoiled.apply(case.f(*xs), wrong=lambda gy: 1.01 * gy)

    report = gradcheck(f, inputs, dtype="float32", raises=False)
    assert [r.verdict for r in report.results] == ["FAIL"] * len(report.results)


def test_what_a_central_difference_does_not_settle_gets_more_steps_and_a_bound_on_the_error():
    steps = set()

    def f(x):
        steps.update(abs(x.data - 0.5) / 0.5)
        return F.sin(1e4 * x)

    (result,) = gradcheck(f, np.array([0.5])).results
    assert any(6e-6 < step < 12e-6 for step in steps)
    for share in (2.0**-27, 2.0**-17, 2.0**-10):
        assert any(abs(step / share - 1) < 1e-6 for step in steps)
    assert 0 < abs(result.analytic - result.numeric) <= result.error
    assert result.error < 1e-4 * abs(result.analytic)


def test_what_a_central_difference_settles_costs_two_evaluations_and_gets_no_error():
    calls = 0

    def f(x):
        nonlocal calls
        calls += 1
        return F.sin(x) * F.exp(x)

    x = RNG.uniform(-0.5, 2, 100)
    (result,) = gradcheck(f, x).results
    # Twice with a graph; all together at last; and along a direction at a second point.
    assert calls == 2 + 2 * x.size + 2 + 4
    assert result.error == 0


def test_a_wrong_shape_is_said_and_no_value_compared():
    wrong = sine(lambda g: g[:, :2])
    (result,) = gradcheck(wrong, np.ones((3, 3)), raises=False).results
    assert (result.verdict, result.checked, result.index) == ("FAIL", 0, None)
    assert "Sine.backward: returned a gradient of shape (3, 2) for input 0" in result.diagnosis


@pytest.mark.parametrize("layout", [lambda x: x[::2, ::-1], lambda x: x.T, np.asfortranarray])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("mode", ["full", "project"])
def test_strided_read_only_inputs_are_unchanged_to_the_bit(layout, dtype, mode):
    x = RNG.standard_normal((6, 6)).astype(dtype)
    bits = x.tobytes()
    x.flags.writeable = False
    assert gradcheck(lambda x: F.softmax(x) @ x.T, layout(x), mode=mode, dtype=dtype)
    with pytest.raises(errors.GradcheckError):
        gradcheck(sine(lambda g: -g), layout(x), mode=mode, dtype=dtype)
    assert x.tobytes() == bits


@pytest.mark.parametrize("mode", ["full", "project"])
@pytest.mark.parametrize(
    ("last", "error"), [(1, ZeroDivisionError), (5, KeyboardInterrupt), (8, MemoryError)]
)
def test_all_is_put_back_when_f_raises(last, error, mode):
    model, calls = nn.Sequential(nn.Linear(3, 2, rng=0), nn.Dropout(0.5, rng=1)), []
    weight, grad = model[0].weight, np.ones((2, 3), np.float32)
    weight.grad, array, bits = grad, weight.data, weight.data.tobytes()
    state = model[1].rng.bit_generator.state

    def f(x):
        calls.append(x)
        y = model(x)
        if len(calls) == last:
            raise error
        return y

    with pytest.raises(error):
        gradcheck(f, RNG.standard_normal((4, 3)), module=model, mode=mode)
    assert len(calls) == last
    assert weight.data is array and weight.data.tobytes() == bits
    assert weight.grad is grad and (grad == 1).all() and model[0].bias.grad is None
    assert model[1].rng.bit_generator.state == state


# ---- the modes ---------------------------------------------------------------------------------


def checked(report):
    return [result.checked for result in report.results]


def test_auto_is_full_up_to_1000_elements_in_all():
    xs = [np.ones(65), np.ones(935), np.ones(937), np.ones(64)]
    assert checked(gradcheck(lambda a, b: F.concatenate([a, b]), xs[:2])) == [65, 935]
    assert checked(gradcheck(lambda a, b: F.concatenate([a, b]), xs[:3:2])) == [0, 0]  # projected
    assert checked(gradcheck(lambda a, b: F.concatenate([a, b]), xs[2:])) == [0, 64]
    assert checked(gradcheck(F.sum, np.ones(1500), mode="full")) == [1500]


@pytest.mark.parametrize("size", [1_001, 100_000])
def test_a_projection_takes_a_few_forward_passes_with_a_small_step_whatever_the_size(size):
    x, points = RNG.standard_normal(size), []

    def f(t):
        points.append(t.data.copy())
        return F.sin(t).sum()

    assert gradcheck(f, x)
    unit = np.maximum(abs(x), 0.1 * np.sqrt(np.mean(x * x)))  # of an element near 0, the others'
    moved = [abs(p - x) / unit for p in points if np.count_nonzero(p != x) == size]
    moved = [m for m in moved if 1e-7 < m.max() < 1e-4]  # the rest measures rounding
    assert len(moved) == 2
    for m in moved:
        assert m.min() >= 1e-6 and m.max() <= 1e-5
    assert len(points) < 20


def test_a_projection_tells_1e_5_of_the_norm_and_not_1e_8():
    x = RNG.standard_normal(2_000)
    signs = RNG.choice([-1, 1], 2_000)
    assert not gradcheck(sine(lambda g: g * (1 + 1e-4 * signs)), x, raises=False)
    assert gradcheck(sine(lambda g: g * (1 + 1e-8 * signs)), x)


class Total(Function):
    """y = Σ x, whose gradient is wrong for one element."""

    def forward(self, x):
        self.shape = x.shape
        return x.sum()

    def backward(self, gy):
        gx = np.full(self.shape, gy)
        gx[123, 456] += 0.1
        return gx


def test_one_wrong_element_of_a_million_is_located_in_few_forward_passes():
    x, calls = RNG.standard_normal((1000, 1000)), 0

    def f(x):
        nonlocal calls
        calls += 1
        return Total.apply(x)

    (result,) = gradcheck(f, x, raises=False).results
    assert (result.verdict, result.index) == ("FAIL", (123, 456))
    assert np.argwhere(result.failing).tolist() == [[123, 456]]
    assert result.analytic - result.numeric == pytest.approx(0.1)
    assert result.checked <= 256
    assert f"1 of {result.checked} sampled of 1000000 elements fails" in str(result)
    assert calls < 2000


def one_weight_wrong(fault):
    """Return gradcheck's report on a 784-256-10 network, one weight's gradient times `fault`."""
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((32, 784)), rng.integers(0, 10, 32)
    W, b, V, c = (rng.uniform(-0.05, 0.05, s) for s in ((256, 784), 256, (10, 256), 10))

    def wrong(gy):
        g = gy.copy()
        g[100, 300] *= fault
        return g

    calls = 0

    def f(x, W, b, V, c):
        nonlocal calls
        calls += 1
        W = Spoiled.apply(W, wrong=wrong)
        return F.cross_entropy(F.linear(F.relu(F.linear(x, W, b)), V, c), t)

    return gradcheck(f, [x, W, b, V, c], raises=False), calls


def test_a_network_of_200_000_weights_takes_few_forward_passes():
    report, calls = one_weight_wrong(1.0)
    assert report and calls < 62
    report, calls = one_weight_wrong(1.5)
    assert [r.verdict for r in report.results] == ["PASS", "FAIL", "PASS", "PASS", "PASS"]
    assert report.results[1].index == (100, 300) and calls < 2000
