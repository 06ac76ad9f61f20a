"""The script that mutates the source: its changes, its judges, and the mutants that survive."""

import re
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: it is one of the judges")

from minigrad.functions.activations import Tanh  # noqa: E402
from minigrad.functions.reductions import Std, Var  # noqa: E402
from tests.functions import test_contract  # noqa: E402
from tests.helpers import functions_below  # noqa: E402
from tests.mutate_source import Target, main, mutants_of, planted, run, targets  # noqa: E402

PAGE = Path(__file__).parents[1] / "docs" / "mutants.md"


def target(name):
    (found,) = [t for t in targets() if t.name == name]
    return found


def test_every_backward_and_what_it_calls_is_mutated():
    names = {t.name for t in targets()}
    helpers = {"Reduction.spread", "_product_before", "logistic", "unbroadcast"}
    assert names == {f"{c.__name__}.backward" for c in functions_below()} | helpers


def test_one_change_at_a_time():
    lines = {m.after for m in mutants_of(Tanh.backward)}
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
    (before,) = {m.before for m in mutants_of(Tanh.backward)}
    assert before == "return gy * (1 - self.y * self.y)"


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("Tanh.backward", {"gradcheck": 12}),
        ("logistic", {"gradcheck": 38, "survived": 1}),
        ("Sub.backward", {"gradcheck": 7, "contract": 2}),
        ("Clip.backward", {"gradcheck": 9}),
        ("LeakyReLU.backward", {"gradcheck": 18, "kinks": 1}),
    ],
)
def test_each_judge_has_its_share(name, counts):
    ((_, found, _),) = run([target(name)])
    assert found == Counter(counts)


def test_without_rows_everything_survives():
    ((_, found, survived),) = run([Target("", Tanh.backward, [], [])])
    assert found == {"survived": 12} and len(survived) == 12


def test_judges_that_reject_the_original_prove_nothing(monkeypatch):
    monkeypatch.setattr(test_contract.test_nothing_is_written_to, "check", lambda *row: 1 / 0)
    with pytest.raises(RuntimeError, match=r"\Acontract rejects Tanh\.backward as it is\Z"):
        next(run([target("Tanh.backward")]))


def test_the_code_is_put_back_whatever_happens():
    for function in (Tanh.backward, Std.backward, Var.backward):  # Std's calls super()
        code = function.__code__
        for mutant in mutants_of(function)[:2]:
            with pytest.raises(ZeroDivisionError), planted(function, mutant.code):
                assert function.__code__ is mutant.code
                1 / 0  # noqa: B018
            assert function.__code__ is code


def test_names_choose_and_survivors_are_printed_with_their_line(capsys):
    main(["logistic"])
    printed = capsys.readouterr().out
    assert re.search(r"^logistic +39 +38 +0 +0 +0 +1$", printed, re.MULTILINE)
    assert "\n38 of 39 killed\nminigrad/functions/activations.py:" in printed
    assert printed.endswith(
        ": logistic\n"
        "- return np.where(x >= 0, 1, e) / (1 + e)\n"
        "+ return np.where(x > 0, 1, e) / (1 + e)\n"
    )
    with pytest.raises(SystemExit) as stopped:
        main(["sigmiod"])
    assert (
        str(stopped.value) == "no backward pass, and no function that one calls, is named sigmiod"
    )


@pytest.mark.slow
def test_what_survives_is_explained():
    total, survivors = Counter(), set()
    for t, found, survived in run(targets()):
        total += found
        survivors |= {(t.name, mutant.after) for mutant in survived}
    text = PAGE.read_text("utf-8")
    assert survivors == set(re.findall(r"^- `([\w.]+)`: `(.+)`$", text, re.MULTILINE))
    assert f"{total.total() - total['survived']} of {total.total()} killed" in text
