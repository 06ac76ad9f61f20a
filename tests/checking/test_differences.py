"""The bounds of gradcheck's verdicts, each from both of its sides."""

import numpy as np
import pytest

from minigrad.checking.differences import ROUNDED, Slope, Tolerance, settled, unit, verdict

JUST = 1 + 1e-3


def judged(analytic, *slopes, largest=1.0, flow=1.0, rtol=1e-6, atol=0.0):
    """Return the verdict; a slope is (numeric, error)."""
    tolerance = Tolerance(rtol, atol, ROUNDED)
    return verdict(analytic, [Slope(*slope) for slope in slopes], largest, flow, tolerance)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_plain_difference_settles_what_agrees_to_a_millionth_of_it(sign):
    numeric = sign * 2.0
    for side in (1, -1):
        assert settled(numeric + side * 2e-6 / JUST, numeric, 1e-6, 0.0, 1.0)
        assert not settled(numeric + side * 2e-6 * JUST, numeric, 1e-6, 0.0, 1.0)
    assert settled(numeric, numeric, 1e-6, np.inf, 0.0)  # however coarse f is
    assert not settled(0.0, numeric, 1e-6, 0.0, 1.0)
    assert not settled(2 * numeric, numeric, 0.5, 0.0, 1.0)  # half of it, not of the analytic one
    assert not settled(np.nan, numeric, 1e-6, 0.0, 1.0)


def test_two_zeros_settle_nothing_if_f_is_too_coarse_to_show_a_slope():
    assert settled(0.0, 0.0, 1e-6, 1e-8 * 3.0, 3.0)
    assert not settled(0.0, 0.0, 1e-6, 3e-8 * JUST, 3.0)
    assert not settled(1e-30, 0.0, 1e-6, 0.0, 3.0)
    arrays = np.array([0.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0])
    assert settled(*arrays, 1e-6, 0.0, 1.0).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("slope", "gap", "options"),
    [
        ((2.0, 0.0), 2e-6, {"largest": 0.0}),  # rtol · |numeric|
        ((-2.0, 0.0), 2e-6, {"largest": 0.0}),
        ((2.0, 1e-5), 1e-5, {"rtol": 0.0}),  # the error
        ((0.0, 0.0), 5e-9, {"atol": 5e-9, "largest": 0.0, "flow": 0.0}),
        ((0.0, 0.0), 3e-9, {"largest": 3e3, "flow": 0.0}),  # 1e-12 of the largest
        ((2.0, 1e-5), 2e-6 + 1e-5 + 3e-6 + 7e-6, {"largest": 3e6, "atol": 7e-6}),  # their sum
    ],
)
def test_a_gap_within_the_bound_passes_and_one_above_it_fails(slope, gap, options):
    for side in (1, -1):
        assert judged(slope[0] + side * gap / JUST, slope, slope, **options) == "PASS"
        assert judged(slope[0] + side * gap * JUST, slope, slope, **options) == "FAIL"


@pytest.mark.parametrize(
    ("visible", "options"),
    [
        (5e-4, {"largest": 5.0, "flow": 0.0}),  # 1e-4 of the largest gradient of the input
        (5e-4, {"largest": 0.0, "flow": 5e4}),  # 1e-8 of the largest that flows
        (5e-4, {"largest": 0.0, "flow": 0.0, "atol": 5e-4}),
    ],
)
def test_an_error_that_could_hide_a_wrong_gradient_is_undecided(visible, options):
    assert judged(1.0, (1.0, visible / JUST), **options) == "PASS"
    assert judged(1.0, (1.0, visible * JUST), **options) == "UNDECIDED"
    assert judged(1.0, (1.0, 0.0)) == "PASS"
    assert judged(1.0, (1.0, np.inf)) == "UNDECIDED"


def test_a_gap_fails_only_if_two_steps_agree_about_it():
    assert judged(1.0, (2.0, 0.1), (2.1, 0.2), (1.0, 0.0)) == "FAIL"  # a third one is worse
    assert judged(1.0, (2.0, 0.1)) == "UNDECIDED"
    assert judged(1.0, (2.0, 0.1), (1.0, 0.1)) == "UNDECIDED"
    assert judged(1.0, (2.0, 0.1), (2.0, 1.1)) == "UNDECIDED"
    assert judged(1.0, (2.0, 0.1), (np.nan, 0.1)) == "UNDECIDED"


def test_the_bound_of_the_second_step_counts_too():
    for second, gap in (((0.0, 0.0), 3e-9), ((0.0, 2e-9), 5e-9), ((2.0, 0.0), 2e-6 + 3e-9)):
        options = {"largest": 3e3, "flow": 7e2}
        near = [second[0] + gap / JUST, (10.0, 0.0), second]
        assert judged(*near, **options) == "UNDECIDED"
        assert judged(near[0] + gap * JUST - gap / JUST, *near[1:], **options) == "FAIL"


def test_a_gap_on_a_bound_is_within_it():
    options = {"rtol": 0.0, "largest": 0.0, "atol": 0.5}
    assert judged(1.5, (1.0, 0.0), **options) == "PASS"
    assert judged(1.0, (1.0, 0.5), **options) == "PASS"  # so is an error
    assert judged(1.5, (9.0, 0.0), (1.0, 0.0), **options) == "UNDECIDED"


def test_a_gap_that_the_backward_pass_itself_rounds_by_is_undecided():
    slope = (1e-20, 0.0)
    options = {"largest": 0.0, "flow": 4.0}
    assert judged(4e-12 / JUST, slope, slope, **options) == "UNDECIDED"
    assert judged(4e-12 * JUST, slope, slope, **options) == "FAIL"


def test_two_zeros_agree_whatever_their_roundings():
    options = {"largest": 0.0, "flow": 4.0}
    slope = (4e-17 / JUST, 1e-17)  # 0, as far as its error tells
    assert judged(4e-12 / JUST, slope, slope, **options) == "PASS"
    assert judged(4e-12 * JUST, slope, slope, **options) == "FAIL"
    slope = (4e-17 * JUST, 1e-17)
    assert judged(4e-12 / JUST, slope, slope, **options) == "UNDECIDED"
    slope = (0.0, 4e-8 * JUST)
    assert judged(0.0, slope, slope, **options) == "UNDECIDED"


@pytest.mark.parametrize("analytic", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_is_wrong_if_f_has_a_slope(analytic):
    assert judged(analytic, (1.0, 0.1)) == "FAIL"
    assert judged(analytic, (np.inf, 0.1), (np.inf, 0.1)) == "UNDECIDED"
    assert judged(analytic, (np.nan, np.nan)) == "UNDECIDED"


@pytest.mark.parametrize(
    ("x", "step"),
    [(0.25, 0.25), (-0.25, 0.25), (1.0, 1.0), (7.0, 1.0), (-7.0, 1.0), (0.0, 1.0), (-0.0, 1.0)]
    + [(2e-290, 2e-290), (1e-290, 1.0), (5e-324, 1.0)],
)
def test_a_step_is_a_share_of_x_up_to_1_and_of_1_near_0(x, step):
    assert unit(x) == step
