"""The planted mistakes: what is planted, who finds it, and that a check that is too weak shows."""

import re
from collections import Counter
from importlib.util import find_spec

import numpy as np
import pytest

from minigrad import Tensor, functions, gradcheck, training
from minigrad.checking.cases import Case
from minigrad.functions.activations import Tanh
from minigrad.functions.arithmetic import Add
from minigrad.functions.elementwise import Exp
from minigrad.functions.linear import Linear
from minigrad.functions.reductions import Std, Var
from minigrad.functions.shapes import Reshape
from tests import mutants
from tests.functions import test_contract
from tests.helpers import functions_below
from tests.mutants import (
    DRAWS,
    MISTAKES,
    PAGE,
    WRONG,
    Gradients,
    Mutant,
    Source,
    draw_examples,
    explained,
    gradient_mutants,
    main,
    planted,
    rows_by_function,
    run,
    source_mutants,
    sources,
)

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is one of the judges")

# ---- in the source -----------------------------------------------------------------------------


def source(name):
    (found,) = [s for s in sources() if s.name == name]
    return found


def test_every_backward_and_what_it_calls_is_mutated():
    names = {s.name for s in sources()}
    helpers = {"Reduction.spread", "_product_before", "logistic", "unbroadcast", "Var.forward"}
    helpers |= {"Conv2d.cut", *[f"Windows.{name}" for name in ("collected", "slices", "columns")]}
    trainer = {f"Trainer.{name}" for name in ("done", "_set_lr", "_end_epoch")}
    verdicts = {"unit", "settled", "verdict", "bound"}
    optimizers = {"SGD.move", "RMSprop.move", "Adam.move", "AdamW.decayed", "with_decay"}
    optimizers |= {"clip_grad_norm", "clip_grad_value"}
    elsewhere = {"lr_factor"} | optimizers | trainer | verdicts
    assert names == {f"{c.__name__}.backward" for c in functions_below()} | helpers | elsewhere


def test_one_change_at_a_time():
    lines = {m.change for m in source_mutants(Tanh.backward)}
    assert lines == {
        "return -(gy * (1 - self.y * self.y))",
        "return gy",
        "return 1 - self.y * self.y",
        "return gy / (1 - self.y * self.y)",
        "return gy * 1",
        "return gy * (self.y * self.y)",
        "return gy * (1 + self.y * self.y)",
        "return gy * (self.y * self.y - 1)",
        "return gy * (2 - self.y * self.y)",
        "return gy * (0 - self.y * self.y)",
        "return gy * (1 - self.y)",
        "return gy * (1 - self.y / self.y)",
    }
    (before,) = {m.before for m in source_mutants(Tanh.backward)}
    assert before == "return gy * (1 - self.y * self.y)"


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("Tanh.backward", {"gradcheck": 12}),
        ("logistic", {"gradcheck": 38, "survived": 1}),
        ("Sub.backward", {"gradcheck": 7, "contract": 2}),
        ("Clip.backward", {"gradcheck": 9, "kinks": 1}),
        ("LeakyReLU.backward", {"gradcheck": 18, "kinks": 1}),
    ],
)
def test_each_judge_has_its_share(name, counts):
    ((_, found, _),) = run([source(name)])
    assert found == Counter(counts)


def test_the_tests_of_a_place_reject_a_change_in_it(monkeypatch):
    place = source("lr_factor")
    changed = [m for m in source_mutants(training.lr_factor) if m.change == "return step / warmup"]
    monkeypatch.setattr(mutants, "source_mutants", lambda function: changed)
    ((_, found, _),) = run([place])
    assert found == {"tests": 1}


def test_without_checks_everything_survives():
    ((_, found, survived),) = run([Source("", Tanh.backward, [])])
    assert found == {"survived": 12} and len(survived) == 12


def test_judges_that_reject_the_original_prove_nothing(monkeypatch):
    monkeypatch.setattr(test_contract.test_nothing_is_written_to, "check", lambda *row: 1 / 0)
    with pytest.raises(RuntimeError, match=r"\Acontract rejects Tanh\.backward as it is\Z"):
        next(run([source("Tanh.backward")]))
    wrong = Mutant("it is zero", Tanh, "backward", lambda self, gy: 0 * gy)
    rows = rows_by_function(table(functions.tanh, [(2,)]))[Tanh]
    with planted(wrong), pytest.raises(RuntimeError, match=r"\Agradcheck rejects Tanh as it is\Z"):
        next(run([Gradients(Tanh, rows)]))


def test_the_code_is_put_back_whatever_happens():
    for function in (Tanh.backward, Std.backward, Var.backward):  # Std's calls super()
        code = function.__code__
        for mutant in source_mutants(function)[:2]:
            with pytest.raises(ZeroDivisionError), planted(mutant):
                assert function.__code__ is mutant.wrong
                1 / 0  # noqa: B018
            assert function.__code__ is code


# ---- in a gradient -----------------------------------------------------------------------------

NEVER_RIGHT = {  # whatever the function, these are wrong somewhere
    "the sign is flipped",
    "it is doubled",
    "it is zero",
    "it is 1 % off",
    "it is 1e-5 off",
    "one element is 1 % off",
    "one element has the other sign",
    "each element has its neighbour's",
    "it is divided by the batch size",
    "only the first slice of gy counts",
    "gy is ignored",
}


@pytest.fixture(scope="module")
def complete():
    """Return the verdict on each mutant of every Function, and the reports with a FAIL."""
    reports = []

    def recording(*args, **options):
        reports.append(gradcheck(*args, **options))
        return reports[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mutants, "gradcheck", recording)
        verdicts = verdicts_of(rows_by_function())
    failed = [r for r in reports if "FAIL" in {result.verdict for result in r.results}]
    return verdicts, failed


def verdicts_of(rows):
    """Return who rejected each mutant, by the name of the Function and the mistake."""
    found = {}
    for function, of_function in rows.items():
        target = Gradients(function, of_function)
        found |= {(target.name, mutant.change): target.judge(mutant) for mutant in target.mutants()}
    return found


def test_no_wrong_gradient_of_any_function_survives(complete):
    verdicts, rejecting = complete
    assert set(verdicts.values()) == {"gradcheck", "equal"}
    assert {name for name, _ in verdicts} == {c.__name__ for c in functions_below()}
    assert len(rejecting) == Counter(verdicts.values())["gradcheck"]


def test_the_wrong_elements_are_listed_with_their_values(complete):
    for report in complete[1]:
        for result in report.results:
            if result.verdict == "FAIL":
                assert result.failing[result.index]
                assert not abs(result.analytic - result.numeric) <= result.tolerance


def test_what_is_wrong_for_every_function_is_never_called_equal(complete):
    assert set(MISTAKES) > NEVER_RIGHT and set(MISTAKES) > set(WRONG)
    checked = [by for (_, kind), by in complete[0].items() if kind.split(": ")[1] in NEVER_RIGHT]
    assert len(checked) > 600
    assert set(checked) == {"gradcheck"}


def table(f, *shapes, draw=None):
    return [Case("f", f, None, list(shapes), draw)]


def kinds(cases, verdict):
    return {kind for (_, kind), by in verdicts_of(rows_by_function(cases)).items() if by == verdict}


def test_a_symmetrical_gradient_may_be_transposed():
    total = table(functions.sum, [(3, 3)])
    unchanged = {"gx: it is transposed where square", "gx: each element has its neighbour's"}
    assert unchanged <= kinds(total, "equal")
    rows = table(lambda x: functions.sum(x, axis=0), [(3, 3)])
    assert unchanged <= kinds(rows, "gradcheck")


def test_a_batch_of_one_may_be_divided_by():
    kind = "gx: it is divided by the batch size"
    assert kind in kinds(table(functions.exp, [(1, 3)]), "equal")
    assert kind in kinds(table(functions.exp, [(2, 3)]), "gradcheck")


def test_the_sign_of_a_leaky_relu_s_output_is_that_of_its_input(complete):
    verdicts = complete[0]
    assert verdicts["LeakyReLU", "x: y is saved in its place"] == "equal"
    assert verdicts["LeakyReLU", "gx: it is doubled"] == "gradcheck"


def test_a_table_without_a_square_lets_a_transposed_gradient_survive():
    kind = "gx: it is transposed where square"
    assert kinds(table(functions.exp, [(3, 4)]), "survived") == {kind}
    assert not kinds(table(functions.exp, [(3, 4)], [(3, 3)]), "survived")


def test_a_table_with_one_shape_lets_a_missing_sum_survive():
    weak = [Case("add", functions.add, None, [[(2, 3), (2, 3)]], broadcasts=True)]
    sliced = "one slice replaces the sum over a broadcast axis"
    assert {f"ga: {sliced}", f"gb: {sliced}"} <= kinds(weak, "survived")


def test_a_gradient_and_what_is_saved_are_mutated_for_each_input():
    rows = rows_by_function()[Linear]
    found = {(m.attribute, m.change.partition(":")[0]) for m in gradient_mutants(Linear, rows)}
    gradients = {("backward", "gx"), ("backward", "gW"), ("backward", "gb")}
    assert found == gradients | {("forward", "x"), ("forward", "W")}


def test_the_class_is_as_before_afterwards_whatever_happens():
    before = dict(vars(Tanh))
    mutant = Mutant("it raises", Tanh, "backward", lambda self, gy: 1 / 0)
    with pytest.raises(ZeroDivisionError), planted(mutant):
        Tensor([0.5], requires_grad=True).tanh().backward()
    assert dict(vars(Tanh)) == before
    rows = rows_by_function(table(functions.tanh, [(2,)]))[Tanh]
    with pytest.raises(ZeroDivisionError):
        Gradients(Tanh, rows).judge(mutant)
    assert dict(vars(Tanh)) == before


def test_a_mutant_that_differs_once_in_a_hundred_is_not_equal():
    target = Gradients(Tanh, rows_by_function(table(functions.tanh, [(2,)]))[Tanh])
    target.mutants()
    right = Tanh.backward
    last = target.draws[-1].gy.tobytes()

    def backward(self, gy):
        return right(self, gy) * (2 if gy.tobytes() == last else 1)

    mutant = Mutant("it is doubled once", Tanh, "backward", backward)
    assert len(target.draws) >= DRAWS
    assert target.judge(mutant) == "survived"
    target.draws.pop()
    assert target.judge(mutant) == "equal"


def test_a_mutant_that_gradcheck_cannot_judge_is_undecided(monkeypatch):
    target = Gradients(Tanh, rows_by_function(table(functions.tanh, [(2,)]))[Tanh])
    doubled = next(m for m in target.mutants() if m.change == "gx: it is doubled")

    def unable(*args, **options):
        report = gradcheck(*args, **options)
        return report._replace(results=[r._replace(verdict="UNDECIDED") for r in report.results])

    monkeypatch.setattr(mutants, "gradcheck", unable)
    assert target.judge(doubled) == "undecided"


def test_examples_are_drawn_in_other_shapes_and_scales_if_the_function_takes_them():
    free = draw_examples(rows_by_function(table(functions.exp, [(3, 4)]))[Exp])
    assert len({draw.inputs[0].shape for draw in free}) == 16
    sizes = [np.abs(draw.inputs[0]).max() for draw in free]
    assert min(sizes) < 0.2 and max(sizes) > 4
    bound = draw_examples(rows_by_function(table(lambda x: x.reshape(6), [(2, 3)]))[Reshape])
    assert {draw.inputs[0].shape for draw in bound} >= {(2, 3)}
    pairs = [Case("add", functions.add, None, [[(), ()]], broadcasts=True)]
    drawn = draw_examples(rows_by_function(pairs)[Add])
    assert len({tuple(np.shape(x) for x in draw.inputs) for draw in drawn}) > 30


# ---- the command -------------------------------------------------------------------------------


def ended(capsys, *names):
    """Return the exit status of the command and what it printed."""
    with pytest.raises(SystemExit) as stopped:
        main(list(names))
    return stopped.value.code, capsys.readouterr().out


def test_names_choose_and_survivors_are_printed_with_their_line(capsys, monkeypatch):
    code, printed = ended(capsys, "logistic", "Neg")
    assert code == 0
    assert re.search(r"^logistic +39 +38( +0){6} +1$", printed, re.MULTILINE)
    assert re.search(r"^Neg +\d+ +\d+( +0){5} +\d+ +0$", printed, re.MULTILINE)
    assert "\nNeg.backward " in printed
    assert "\nall in the source " in printed and "\nall in a gradient " in printed
    assert printed.endswith("\n1 survived, 1 of them explained in mutants.md\n")
    monkeypatch.setattr(mutants, "explained", lambda: set())
    code, printed = ended(capsys, "logistic")
    assert code == 1
    assert re.search(
        r"\nlogistic .* 1\nminigrad/functions/activations\.py:\d+\n"
        r"- return np\.where\(x >= 0, 1, e\) / \(1 \+ e\)\n"
        r"\+ return np\.where\(x > 0, 1, e\) / \(1 \+ e\)\nall in the source ",
        printed,
    )
    assert printed.endswith("\n1 survived, 0 of them explained in mutants.md\n")


def test_compositions_are_mutated_too(capsys, monkeypatch):
    monkeypatch.setattr(mutants, "COMPOSITIONS", 20)
    code, printed = ended(capsys, "compositions")
    assert code == 0
    assert re.search(r"^compositions +20 +1\d( +\d+){6} +0$", printed, re.MULTILINE)


def test_an_unknown_name(capsys):
    assert ended(capsys, "sigmiod") == ("nothing that is mutated is named sigmiod", "")


@pytest.mark.slow
def test_the_page_shows_what_the_command_prints(capsys):
    code, printed = ended(capsys)
    assert code == 0
    text = PAGE.read_text("utf-8")
    for line in [line for line in printed.splitlines() if line.startswith("all in")]:
        assert line in text
    assert f"\n{len(explained())} survived, {len(explained())} of them explained" in printed
