"""Every planted mistake is found, unless it is none; and a table that is too weak is found out."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from minigrad import Tensor, functions, gradcheck
from minigrad.checking import mutants
from minigrad.checking.cases import CASES, Case
from minigrad.checking.mutants import (
    DRAWS,
    MISTAKES,
    Mutant,
    draw_examples,
    judge,
    mutants_of,
    planted,
    rows_by_function,
    run_mutants,
)
from minigrad.functions.activations import Tanh
from minigrad.functions.arithmetic import Add
from minigrad.functions.elementwise import Exp
from minigrad.functions.linear import Linear
from minigrad.functions.shapes import Reshape
from tests.helpers import functions_below

PAGE = Path(__file__).parents[2] / "docs" / "mutants.md"
NEVER_RIGHT = {  # whatever the function, these are wrong somewhere
    "the sign is flipped",
    "it is doubled",
    "it is divided by the batch size",
    "only the first slice of gy counts",
    "each element has its neighbour's",
    "gy is ignored",
    "one element is 1 % off",
    "it is zero",
}


@pytest.fixture(scope="module")
def complete():
    """Return the outcomes of all mutants, and the reports that rejected them."""
    reports = []

    def recording(*args, **options):
        reports.append(gradcheck(*args, **options))
        return reports[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mutants, "gradcheck", recording)
        outcomes = list(run_mutants())
    return outcomes, [report for report in reports if not report]


@pytest.fixture
def outcomes(complete):
    return complete[0]


def test_no_mutant_of_any_function_survives(outcomes):
    assert [outcome for outcome in outcomes if outcome.status == "survived"] == []
    assert all(bool(outcome.by) == (outcome.status == "killed") for outcome in outcomes)


def test_it_is_the_values_that_are_rejected(complete):
    outcomes, rejecting = complete
    assert len(rejecting) == Counter(outcome.status for outcome in outcomes)["killed"]
    for report in rejecting:
        assert all(r.failing and r.verdict == "FAIL" for r in report.results if r.verdict != "PASS")


def test_the_page_states_the_score(outcomes):
    counts = Counter(outcome.status for outcome in outcomes)
    score = f"{len(outcomes)} mutants: {counts['killed']} killed, {counts['equivalent']} equivalent"
    assert score in PAGE.read_text("utf-8")


def test_every_function_class_is_mutated(outcomes):
    assert {c.__name__ for c in functions_below()} == {outcome.function for outcome in outcomes}


def test_what_is_wrong_for_every_function_is_never_called_equivalent(outcomes):
    assert set(MISTAKES) > NEVER_RIGHT
    checked = [o for o in outcomes if o.kind.partition(": ")[2] in NEVER_RIGHT]
    assert len(checked) > 400
    assert {o.status for o in checked} == {"killed"}


def table(f, *shapes, draw=None):
    return [Case("f", f, None, list(shapes), draw)]


def kinds(cases, status):
    return {outcome.kind for outcome in run_mutants(cases=cases) if outcome.status == status}


def test_a_symmetrical_gradient_may_be_transposed():
    total = table(functions.sum, [(3, 3)])
    unchanged = {"it is transposed where square", "each element has its neighbour's"}
    assert {f"gx: {kind}" for kind in unchanged} <= kinds(total, "equivalent")
    rows = table(lambda x: functions.sum(x, axis=0), [(3, 3)])
    assert {f"gx: {kind}" for kind in unchanged} <= kinds(rows, "killed")


def test_a_batch_of_one_may_be_divided_by():
    assert "gx: it is divided by the batch size" in kinds(
        table(functions.exp, [(1, 3)]), "equivalent"
    )
    assert "gx: it is divided by the batch size" in kinds(table(functions.exp, [(2, 3)]), "killed")


def test_the_sign_of_a_leaky_relu_s_output_is_that_of_its_input():
    outcomes = {o.kind: o.status for o in run_mutants(["leaky_relu"])}
    assert outcomes["x: y is saved in its place"] == "equivalent"
    assert outcomes["gx: it is doubled"] == "killed"


def test_a_table_without_a_square_lets_a_transposed_gradient_survive():
    assert kinds(table(functions.exp, [(3, 4)]), "survived") == {
        "gx: it is transposed where square"
    }
    assert not kinds(table(functions.exp, [(3, 4)], [(3, 3)]), "survived")


def test_a_table_with_one_shape_lets_a_missing_sum_survive():
    weak = [Case("add", functions.add, None, [[(2, 3), (2, 3)]], broadcasts=True)]
    sliced = "one slice replaces the sum over a broadcast axis"
    assert {f"ga: {sliced}", f"gb: {sliced}"} <= kinds(weak, "survived")


def test_names_choose_the_functions_and_not_the_rows():
    assert {o.function for o in run_mutants(["tanh"])} == {"Tanh"}
    assert {o.function for o in run_mutants(["matmul", "neg"])} == {"Matmul", "Neg"}
    assert list(run_mutants([])) == []


def test_a_gradient_and_what_is_saved_are_mutated_for_each_input():
    rows = rows_by_function(CASES)[Linear]
    kinds = {(m.method, m.kind.partition(":")[0]) for m in mutants_of(Linear, rows)}
    gradients = {("backward", "gx"), ("backward", "gW"), ("backward", "gb")}
    assert kinds == gradients | {("forward", "x"), ("forward", "W")}


def test_the_class_is_as_before_afterwards_whatever_happens():
    before = dict(vars(Tanh))
    mutant = Mutant(Tanh, "it raises", "backward", lambda self, gy: 1 / 0)
    with pytest.raises(ZeroDivisionError), planted(mutant):
        Tensor([0.5], requires_grad=True).tanh().backward()
    assert dict(vars(Tanh)) == before
    rows = rows_by_function(table(functions.tanh, [(2,)]))[Tanh]
    with pytest.raises(ZeroDivisionError):
        judge(mutant, rows, draw_examples(rows))
    assert dict(vars(Tanh)) == before
    assert next(run_mutants(["tanh"])).status == "killed"
    assert dict(vars(Tanh)) == before  # also where nobody asks for the rest of them


def test_a_mutant_that_differs_once_in_a_hundred_is_not_equivalent():
    rows = rows_by_function(table(functions.tanh, [(2,)]))[Tanh]
    draws = draw_examples(rows)
    right = Tanh.backward
    last = draws[-1].gy.tobytes()

    def backward(self, gy):
        return right(self, gy) * (2 if gy.tobytes() == last else 1)

    mutant = Mutant(Tanh, "it is doubled once", "backward", backward)
    assert len(draws) >= DRAWS
    assert judge(mutant, rows, draws).status == "survived"
    assert judge(mutant, rows, draws[:-1]).status == "equivalent"


def test_examples_are_drawn_in_other_shapes_and_scales_where_the_function_takes_them():
    free = draw_examples(rows_by_function(table(functions.exp, [(3, 4)]))[Exp])
    assert len({draw.inputs[0].shape for draw in free}) == 16
    sizes = [np.abs(draw.inputs[0]).max() for draw in free]
    assert min(sizes) < 0.2 and max(sizes) > 4
    bound = draw_examples(rows_by_function(table(lambda x: x.reshape(6), [(2, 3)]))[Reshape])
    assert {draw.inputs[0].shape for draw in bound} >= {(2, 3)}
    pairs = [Case("add", functions.add, None, [[(), ()]], broadcasts=True)]
    drawn = draw_examples(rows_by_function(pairs)[Add])
    assert len({tuple(np.shape(x) for x in draw.inputs) for draw in drawn}) > 30
