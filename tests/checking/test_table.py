"""The whole table of cases as rows: what passes, what fails, and how the failure reads."""

import math
import types

import numpy as np
import pytest

from minigrad import functions as F
from minigrad.checking.cases import CASES, Case
from minigrad.checking.report import Report, Result
from minigrad.checking.table import EXAMPLES, check_row, find, relative_error
from minigrad.errors import ArgumentError, GradcheckError
from minigrad.functions.elementwise import Exp
from tests.helpers import exactly


def test_every_row_of_the_table_is_in_the_order_of_the_table():
    assert sum(map(len, EXAMPLES.values())) == sum(len(case.shapes) for case in CASES)
    assert find([]) == list(dict.fromkeys(case.name for case in CASES))


def test_each_row_passes_and_counts_what_it_checked():
    for name in ("exp", "maximum", "nn.Linear", "nn.CrossEntropy", "logsumexp", "layer_norm"):
        row = check_row(name)
        assert row.ok and row.verdict == "PASS" and row.failures == ()
        assert 0 <= row.error < 1
        assert row.error > 0 or name == "maximum"  # whose slopes floats hold exactly
        assert row.deviation is None
    row = check_row("neg")
    shapes = [shape for _, (shape,) in EXAMPLES["neg"]]
    assert (row.cases, row.elements) == (len(shapes), sum(map(math.prod, shapes)))


def test_names_are_found_with_and_without_the_prefix_of_modules():
    assert find(["linear", "Linear", "nn.Linear", "exp", "linear"]) == [
        "linear",
        "nn.Linear",
        "exp",
    ]


@pytest.mark.parametrize(
    "name, remedy",
    [
        ("sofmax", "did you mean 'softmax' or 'log_softmax' or 'max'?"),
        ("nn.Linaer", "did you mean 'nn.Linear' or 'nn.LayerNorm'?"),
        ("quux", "`minigrad gradcheck` without a name lists them all"),
    ],
)
def test_an_unknown_name_gets_the_nearest(name, remedy):
    with pytest.raises(ArgumentError) as caught:
        find(["softmax", name])
    assert str(caught.value) == (
        f"gradcheck: no function or module is called {name!r}; "
        f"there are {len(EXAMPLES)} in the table of cases; {remedy}"
    )


def test_a_wrong_backward_fails_its_row_and_is_shown(monkeypatch):
    monkeypatch.setattr(Exp, "backward", lambda self, gy: -gy * self.y)
    row = check_row("exp")
    assert (row.ok, row.verdict) == (False, "FAIL")
    assert len(row.failures) == row.cases - 1  # there is nothing wrong with no element at all
    assert row.error > 1e5
    first = str(row.failures[0])
    assert first.startswith("exp: inputs (3, 4)\ngradcheck: 1 of 1 gradients is wrong; ")
    assert "\nFAIL input 0: 12 of 12 elements fail at [0, 0], [0, 1], [0, 2], " in first
    assert "[0, 3], [1, 0], …: the sign is flipped\n" in first
    details = row.to_dict()["failures"][0]
    assert (details["example"], details["ok"]) == ("exp: inputs (3, 4)", False)
    assert details["results"][0]["diagnosis"] == "the sign is flipped"


def test_a_backward_that_raises_is_named_in_one_line(monkeypatch):
    def backward(self, gy):
        raise ZeroDivisionError("of\nnothing")

    monkeypatch.setattr(Exp, "backward", backward)
    text = (
        "exp: raised ZeroDivisionError: of nothing; inputs (3, 4); correct its forward or backward"
    )
    with pytest.raises(GradcheckError, match=exactly(text)):
        check_row("exp")


def one_row(monkeypatch, f, twin=None, shape=(3,)):
    monkeypatch.setitem(EXAMPLES, "mine", [(Case("mine", f, twin, [[shape]]), [shape])])
    return "mine"


def test_a_row_has_the_worst_verdict_of_its_cases(monkeypatch):
    zero = Case("mine", F.relu, None, [[(3,)]], draw=lambda rng, shape: np.zeros(shape))
    smooth = Case("mine", F.exp, None, [[(3,)]])
    monkeypatch.setitem(EXAMPLES, "mine", [(zero, [(3,)]), (smooth, [(3,)])])
    assert (check_row("mine").verdict, check_row("mine").ok) == ("KINK", True)
    infinite = Case("mine", lambda x: F.exp(x * 1e6), None, [[(3,)]])
    monkeypatch.setitem(EXAMPLES, "mine", [(zero, [(3,)]), (infinite, [(3,)])])
    assert (check_row("mine").verdict, check_row("mine").ok) == ("NONFINITE", False)


def test_what_was_not_compared_has_no_error():
    assert relative_error(Result("x", "PASS")) == 0
    assert relative_error(Result("x", "FAIL", analytic=3.0, numeric=1.0, tolerance=0.5)) == 4
    assert relative_error(Result("x", "FAIL", analytic=np.nan, numeric=1, tolerance=1)) == np.inf


# ---- against PyTorch ---------------------------------------------------------------------------


@pytest.fixture
def torch() -> types.ModuleType:
    return pytest.importorskip("torch", reason="PyTorch is not installed")


def test_the_deviation_from_pytorch_is_rounding(torch):
    for name in ("softmax", "mean", "logsumexp", "nn.CrossEntropy", "std"):
        row = check_row(name, torch)
        assert row.ok and 0 < row.deviation < 64 * 2.3e-16


def test_another_value_than_pytorchs_fails_though_the_gradient_is_right(torch, monkeypatch):
    name = one_row(monkeypatch, F.sin, lambda torch, x: x.sin() + 1e-9)
    row = check_row(name, torch)
    assert (row.ok, row.verdict) == (False, "FAIL")
    (failure,) = row.failures
    assert failure.report.ok and isinstance(failure.report, Report)
    share = rf"{row.deviation:.2g}"
    assert str(failure).endswith(
        f"\nFAIL against PyTorch: |ours − theirs| is {share} of the largest element, "
        "more than 1.4e-14"
    )
    assert check_row(name).ok


def test_another_gradient_or_shape_or_a_nan_is_a_deviation(torch, monkeypatch):
    same = one_row(monkeypatch, F.exp, lambda torch, x: x.exp())
    assert check_row(same, torch).deviation == 0
    detached = one_row(monkeypatch, F.exp, lambda torch, x: x.exp().detach() + x - x.detach())
    assert check_row(detached, torch).deviation > 0.1
    wider = one_row(monkeypatch, F.exp, lambda torch, x: x.exp().reshape(3, 1))
    assert check_row(wider, torch).deviation == np.inf
    nan = one_row(monkeypatch, F.exp, lambda torch, x: x.exp() * float("nan"))
    assert check_row(nan, torch).deviation == np.inf


def test_a_deviation_is_relative_to_the_largest_element(torch, monkeypatch):
    large = one_row(monkeypatch, lambda x: F.exp(x) * 1e9, lambda torch, x: x.exp() * (1e9 + 1e-5))
    assert 1e-16 < check_row(large, torch).deviation < 1.3e-14


def test_a_backward_that_raises_is_not_compared(torch, monkeypatch):
    monkeypatch.setattr(Exp, "backward", lambda self, gy: gy.ravel()[:1])
    row = check_row("exp", torch)
    assert row.verdict == "FAIL"
    assert "returned a gradient of shape (1,) for input 0" in str(row.failures[0])
    assert all(f.deviation is None for f in row.failures)
    assert [f for f in row.failures if "(0, 3)" in f.example]  # of nothing, too


def test_without_a_twin_nothing_is_compared(torch, monkeypatch):
    assert check_row(one_row(monkeypatch, F.exp), torch).deviation is None
