"""`minigrad exercise`, and `minigrad train --exercise`."""

import os
import re

import pytest

from minigrad.study.exercises import EXERCISES


def test_from_the_file_to_done(cli, folder):
    code, out, err = cli("exercise", "softmax")
    assert (code, err) == (0, "")
    assert out == (
        "wrote softmax.py: Softmax: every input reaches every output\n"
        "write what `...` stands for, then: minigrad exercise softmax --check\n"
    )
    path = folder / "softmax.py"
    assert path.read_text("utf-8") == EXERCISES["softmax"].text()
    assert cli("exercise", "softmax", "--check") == (
        1, "gx is not written yet\nnext: minigrad exercise softmax --hint\n", "",
    )  # fmt: skip
    path.write_text(path.read_text("utf-8").replace("= ...", "= gy * y * (1 - y)"), "utf-8")
    assert cli("exercise", "softmax", "--check") == (
        1,
        "gx shape ok   gx[0, 0]: yours 0.224719, measured 0.511768\n"
        "Your numbers are exactly those of gy·y·(1 − y): only ∂yᵢ/∂xᵢ was used, as for a sigmoid.\n"
        "x₀ also lowers y₁ and y₂. Write ∂yⱼ/∂xᵢ for j ≠ i, then Σⱼ gyⱼ ∂yⱼ/∂xᵢ.\n"
        "next: minigrad exercise softmax --hint\n",
        "",
    )
    assert "softmax        begun" in cli("exercise").out
    solved = cli("exercise", "softmax", "--solution")
    assert (solved.code, solved.err) == (0, "")
    path.write_text(solved.out, "utf-8")
    assert cli("exercise", "softmax", "--check") == (
        0, "gx ok\nsoftmax is done; next: minigrad exercise log_loss\n", "",
    )  # fmt: skip
    assert "softmax        done" in cli("exercise").out


def test_the_hints_come_one_after_the_other(cli):
    for given, number, then in ((), 1, "--hint 2"), ((2,), 2, "--hint 3"), ((3,), 3, "--solution"):
        hint = EXERCISES["free"].hints[number - 1]
        expected = (0, f"{hint}\nnext: minigrad exercise free {then}\n", "")
        assert cli("exercise", "free", "--hint", *given) == expected


def test_all_are_done(cli, folder):
    for name, exercise in EXERCISES.items():
        (folder / f"{name}.py").write_text(exercise.text(solved=True), "utf-8")
    code, out, err = cli("exercise")
    assert (code, err) == (0, "")
    assert len(re.findall("^\\w+ +done ", out, re.M)) == len(EXERCISES)
    assert out.endswith("\n\nall are done\n")
    assert cli("exercise", "free", "--check").out == "sweep ok\nfree is done\n"


def test_a_file_elsewhere(cli, folder):
    (folder / "mine").mkdir()
    assert "minigrad exercise mine/add.py --check" in cli("exercise", "mine/add.py").out
    assert cli("exercise", "mine/add.py", "--check").code == 1


@pytest.mark.parametrize(
    ("args", "code", "line"),
    [
        (["--check"], 2, "--check needs the exercise's NAME"),
        (["relu", "--check", "--solution"], 2, "--check and --solution exclude each other; give"),
        (["relu", "--hint", "4"], 2, "Invalid value for '--hint': 4 is not in the range 1<=x<=3."),
        (["reul"], 2, "exercise: no exercise is called 'reul'; the exercises are square, add"),
        (["relu", "--check"], 3, "relu.py: there is no such file; the current folder is "),
        (["there/relu"], 3, "there/relu.py: "),
    ],
)
def test_what_cannot_be_done(cli, args, code, line):
    ended = cli("exercise", *args)
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith(f"Error: {line}")
    assert ended.err.count("\n") == 1


def test_a_file_is_kept(cli, folder):
    (folder / "relu.py").write_text("mine\n")
    code, out, err = cli("exercise", "relu")
    assert (code, out) == (3, "")
    assert err.startswith("Error: relu.py: the file exists, and is kept as it is; ")
    assert (folder / "relu.py").read_text() == "mine\n"


def test_training_with_an_exercise(cli, folder):
    command = ("train", "iris", "--epochs", 4, "--hidden", "8", "--no-save", "-q")
    plain = cli(*command)
    cli("exercise", "cross_entropy")
    with_it = cli(*command, "--exercise", "cross_entropy.py")
    assert with_it == (
        0,
        plain.out,
        "cross_entropy.py: not all of backward is written; differences stand in for the rest\n",
    )
    (folder / "cross_entropy.py").write_text("class CrossEntropy(:\n")
    ended = cli(*command, "--exercise", "cross_entropy.py")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("Error: cross_entropy.py: line 1 raised SyntaxError: ")
    assert cli(*command, "--exercise", "free.py").code == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_the_list_does_not_wait_for_a_pipe(cli, folder):
    os.mkfifo(folder / "softmax.py")
    assert "\nsoftmax          Softmax" in cli("exercise").out
