"""gradcheck on random compositions: right code never fails, and a planted mistake is found."""

import collections

import numpy as np
import pytest
from hypothesis import given, settings

from minigrad import gradcheck
from tests.checking.compositions import Composition, compositions
from tests.mutants import NO_SHRINKING, Compositions, Spoilt, spoilt

SLOW = settings(NO_SHRINKING, max_examples=10_000)
QUICK = settings(NO_SHRINKING, max_examples=60, derandomize=True)


# ---- right code never fails ---------------------------------------------------------------------


def verdicts_of(composition):
    """Return the verdicts on a right composition, element by element and along directions."""
    found = set()
    for mode in ("full", "project"):
        report = gradcheck(composition, composition.arrays(), mode=mode, raises=False)
        found |= {r.verdict for r in report.results}
        # At 1e17 a cosine is above 0, and its neighbours may not be: a power of it is NaN there.
        allowed = {"PASS", "KINK", "NONFINITE", "UNDECIDED"}
        assert found <= allowed, f"{composition}\n{report}"
    return found


@given(compositions())
@QUICK
def test_right_code_never_fails(composition):
    verdicts_of(composition)


HARDLY_RESOLVED = {
    # x vanishes in x − e¹⁸¹, and the path through it is seen by the backward pass alone
    "a lost path": Composition(
        1699,
        (((3, 3), 440.0), ((1, 3), 440.0), ((1, 3), 440.0)),
        (
            ("exp", (2,)),
            ("sub", (0, 3)),
            ("log_softmax", (4,)),
            ("add", (0, 5)),
            ("linear", (1, 6)),
        ),
    ),
    # one element has the phase 1e11, the others are noise beside it
    "beside noise": Composition(
        19041,
        (((), 24.0), ((3, 3), 24.0), ((1, 3), 24.0)),
        (("pow", (0, 2)), ("sin", (3,)), ("sub", (4, 2)), ("total", (5,))),
    ),
    # the mean of 1e10 + x rounds, and the sum of what is left, 0, becomes the gradient of the 1e10
    "a mean that rounds": Composition(
        39587,
        (((1,), 0.0032), ((3,), 110000.0), ((3,), 1.0)),
        (("mse", (1, 2)), ("add", (3, 2)), ("var", (4,))),
    ),
    "nothing but noise": Composition(
        2149,
        (((2, 3), 140.0), ((2, 3), 140.0)),
        (("exp", (1,)), ("mul", (1, 2)), ("cos", (3,)), ("mse", (0, 4))),
    ),
    # upstream gradients from 1e-10 to 1: that for an equal part of them cancels to what is small
    "gradients far apart": Composition(
        73550810, (((1, 3), 5.7),), (("sigmoid", (0,)), ("power", (1,)), ("power", (2,)))
    ),
    # smooth over all steps but the smallest ten, where it has another slope
    "a ripple on a slope": Composition(
        2170,
        (((3, 3), 900000.0), ((3, 3), 900000.0)),
        (("linear", (1, 0)), ("cos", (2,)), ("root", (3,)), ("mse", (2, 4)), ("silu", (5,))),
    ),
    "a ripple of 20 eps": Composition(
        12382,
        (((1, 3), 540.0), ((3, 3), 540.0), ((1, 3), 540.0)),
        (
            ("mul", (1, 2)),
            ("linear", (3, 3)),
            ("sin", (4,)),
            ("mul", (0, 5)),
            ("sin", (6,)),
            ("sub", (4, 7)),
        ),
    ),
    "a bend beside x": Composition(
        4210,
        (((2, 3), 1e-06), ((1, 3), 1e-06), ((3,), 55.0)),
        (("cube", (2,)), ("add", (3, 0)), ("cube", (4,)), ("flat", (5,)), ("log_softmax", (6,))),
    ),
}


@pytest.mark.parametrize("name", HARDLY_RESOLVED)
def test_what_floats_hardly_resolve_does_not_fail(name):
    verdicts_of(HARDLY_RESOLVED[name])


@pytest.mark.parametrize(
    "mutant",
    [
        Spoilt(  # smooth; the smallest steps show rounding alone
            Composition(5612, (((3,), 1.0), ((1,), 1.0)), (("silu", (1,)), ("sigmoid", (2,)))),
            2,
            "it is 1 % off",
        ),
        Spoilt(  # the cosine of 1e5 is as good as any, but not by steps of 15
            Composition(
                44099,
                (((1,), 150000.0), ((1,), 150000.0), ((1,), 150000.0)),
                (("cos", (2,)), ("pow", (1, 3)), ("sin", (4,))),
            ),
            3,
            "it is zero",
        ),
        Spoilt(  # x² / x rounds twice, and is x
            Composition(
                1, (((3,), 250000.0),), (("mul", (0, 0)), ("mul", (0, 1)), ("div", (2, 1)))
            ),
            2,
            "it is 1e-5 off",
        ),
    ],
)
def test_a_mistake_in_what_hardly_resolves_does_not_pass(mutant):
    assert Compositions(0).judge(mutant) in ("gradcheck", "undecided")


def judge(mutant):
    """Return what became of the mutant, which must not survive."""
    by = Compositions(0).judge(mutant)
    assert by != "survived"
    return by


def test_a_planted_mistake_is_found():
    verdicts = collections.Counter()

    @given(spoilt())
    @QUICK
    def check(mutant):
        verdicts[judge(mutant)] += 1

    check()
    assert verdicts["gradcheck"] > 30


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::minigrad.errors.MinigradWarning")
def test_ten_thousand_compositions_never_fail(capsys):
    undecided = []

    @given(compositions())
    @SLOW
    def check(composition):
        undecided.append("UNDECIDED" in verdicts_of(composition))

    check()
    assert np.mean(undecided) <= 0.01
    with capsys.disabled():
        print(f"\n{len(undecided)} compositions: none failed, {sum(undecided)} are undecided")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::minigrad.errors.MinigradWarning")
def test_ten_thousand_planted_mistakes_do_not_pass(capsys):
    verdicts = collections.Counter()

    @given(spoilt())
    @SLOW
    def check(mutant):
        verdicts[judge(mutant)] += 1

    check()
    assert verdicts["gradcheck"] > 5000
    with capsys.disabled():
        print(f"\n{sum(verdicts.values())} mutants: {dict(verdicts)}")
