"""`minigrad explain`: what it runs, and what it refuses."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.program import SCRIPT
from tests.study.printed import arrays, close

OPS = '''
import numpy as np
from minigrad import Function, functions as F

class Square(Function):
    """y = x²,   gx = gy 2x"""

    def forward(self, x):
        self.x = x
        return x**2

    def backward(self, gy):
        return gy * 2 * self.x

class Wrong(Square):
    def backward(self, gy):
        return gy * self.x

def squares(w):
    return F.sum(Square.apply(w) * w)

def broken(x):
    return x[5]

cases = [np.array([1.0, -2.0])]
'''


@pytest.fixture
def ops(tmp_path):
    (tmp_path / "ops.py").write_text(OPS, "utf-8")


def test_the_default_network(cli):
    ended = cli("explain")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("Network 2-4-3 with fixed weights; row 0, class 0\n\nGiven\n")
    assert "gz2  (1, 3)  -0.9133  0.9094  0.003907" in ended.out
    assert ended.out.endswith("it is 2.2498; the rest is the curvature of L\n")
    assert "\x1b" not in ended.out
    assert cli("explain") == ended


def test_rows_that_are_typed(cli):
    ended = cli("explain", "2-4-3", "--x", "1,2", "--x", "-1,1", "--class", 0, "--class", 2)
    two = cli("explain", "--rows", 2)
    assert ended.code == two.code == 0 and ended.out == two.out
    assert "rows 0 to 1, classes 0, 2" in two.out


def test_another_network(cli):
    ended = cli(
        "explain", "3-5-2", "--activation", "tanh", "--seed", 4, "--x", "1,0,2", "--class", 1
    )
    assert ended.code == 0 and "Network 3-5-2 with random weights, seed 4; row 0" in ended.out
    assert "h1 = tanh z1" in ended.out
    assert "Softplus" in cli("explain", "--activation", "softplus").out


@pytest.mark.parametrize("columns", [60, 120])
def test_the_width(cli, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    for args in [(), ("--data", "digits", "--hidden", "100", "--row", 3, "--rows", 20)]:
        lines = cli("explain", *args).out.splitlines()
        assert max(map(len, lines)) <= columns and len(lines) < 200


def test_a_row_of_a_data_set(cli):
    from minigrad.training import Experiment

    ended = cli("explain", "--data", "iris", "--hidden", 4, "--row", 3)
    assert ended.code == 0
    title = "Network 4-4-3 before its training on iris; row 3, class setosa\n"
    assert ended.out.startswith(title)
    found = arrays(ended.out)
    experiment = Experiment("iris", hidden=[4], dtype="float64", no_save=True)
    x = experiment.scaling.apply(experiment.dataset.x[3:4])
    assert close(found["x"][0], x)
    assert close(found["W1"][0], experiment.trainer.model.parameters()[0].data)


def test_a_model_on_a_row_of_its_data(cli):
    assert cli("train", "iris", "--epochs", 1, "--hidden", 3, "--out", "run", "-q").code == 0
    from_set = cli("explain", "run", "--data", "iris", "--row", 60)
    assert from_set.code == 0 and from_set.out.startswith("Model run; row 60, class versicolor\n")
    typed = cli("explain", "run/best.npz", "--x", "5.0,2.0,3.5,1.0", "--class", "versicolor")
    numbers = [re.split(r"\n\nGiven", ended.out)[1] for ended in (from_set, typed)]
    assert numbers[0] == numbers[1]
    from minigrad import training

    log_p = training.load("run").predict_log_proba([[5.0, 2.0, 3.5, 1.0]])
    assert close(arrays(typed.out)["p"][0], np.exp(log_p))


def test_rows_are_found_across_the_blocks_of_a_file(cli):
    lines = ["a,b,kind"] + [f"{i},{i % 7},{'uv'[i % 2]}" for i in range(3000)]
    with open("long.csv", "w") as file:
        file.write("\n".join(lines) + "\n")
    assert cli("train", "long.csv", "--epochs", 1, "--hidden", 2, "--out", "run", "-q").code == 0
    ended = cli("explain", "run", "--data", "long.csv", "--row", 1022, "--rows", 4)
    assert "rows 1022 to 1025, classes u, v, u, v" in ended.out
    ended = cli("explain", "run", "--data", "long.csv", "--row", 2999, "--rows", 2)
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == (
        "Error: long.csv: has too few rows; rows 2999 to 3000 of 3000, which are counted from 0; "
        "give a smaller --row\n"
    )


def test_a_function_in_a_file(cli, ops):
    ended = cli("explain", "ops.py:squares")
    assert (ended.code, ended.err) == (0, "running ops.py\n")
    assert ended.out.startswith("squares in ops.py, case 0\n\nGiven\n   w  (2,)  1  -2\n")
    assert "1  Square   ops.py:20\n   v1 = w²\n" in ended.out
    assert "   gw = gv1 2w   (part 2 of 2)\n" in ended.out


def test_a_wrong_backward_pass_fails(cli, ops):
    ended = cli("explain", "ops.py:Wrong")
    assert ended.code == 1
    assert "they differ ✗: a gradient is wrong\n" in ended.out
    last = "the operation that is wrong: minigrad gradcheck ops.py:Wrong --bisect\n"
    assert ended.out.endswith(f"the prediction is from a wrong gradient\n{last}")
    named = cli(*last.strip().partition(": minigrad ")[2].split())
    assert named.code == 1 and "Wrong" in named.out
    assert cli("explain", "ops.py:Square").code == 0


def test_the_graph_alone(cli):
    ended = cli("explain", "--graph")
    assert ended.out.splitlines()[0] == "●  1  Linear        z1 (1, 4)  from x, W1, b1"
    assert len(ended.out.splitlines()) == 4


def test_a_page(cli):
    ended = cli("explain", "--rows", 2, "--html", "page.html")
    assert (ended.code, ended.out, ended.err) == (0, "wrote page.html\n", "")
    page = Path("page.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>") and "Network 2-4-3 with fixed weights" in page
    ended = cli("explain", "--html", "page.html")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == (
        f"Error: page.html: it exists; {len(page.encode())} bytes; choose another name, or pass "
        "--overwrite\n"
    )
    assert Path("page.html").read_text("utf-8") == page
    assert cli("explain", "--html", "page.html", "--overwrite").code == 0
    assert Path("page.html").read_text("utf-8") != page


def test_the_page_of_a_data_set_replaces_another_and_nothing_runs_before_a_refusal(cli, ops):
    for options in ([], ["--overwrite"]):
        ended = cli("explain", "--data", "iris", "--hidden", 3, "--html", "page.html", *options)
        assert (ended.code, ended.out, ended.err) == (0, "wrote page.html\n", "")
    ended = cli("explain", "ops.py:Wrong", "--html", "page.html")
    assert ended.code == 3 and "running" not in ended.err


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_a_page_is_never_written_through_a_link(cli, overwrite):
    Path("kept.html").write_text("kept")
    Path("link.html").symlink_to("kept.html")
    ended = cli("explain", "--html", "link.html", *overwrite)
    assert ended.code == 3 and ended.err.startswith(
        "Error: link.html: cannot be written; it is a l"
    )
    assert Path("kept.html").read_text() == "kept"


def test_the_page_of_a_wrong_backward_pass_is_written_and_fails(cli, ops):
    ended = cli("explain", "ops.py:Wrong", "--html", "page.html")
    finds = "the operation that is wrong: minigrad gradcheck ops.py:Wrong --bisect\n"
    assert (ended.code, ended.out) == (1, f"wrote page.html\n{finds}")
    assert "they differ ✗" in Path("page.html").read_text("utf-8")


def test_an_operation(cli):
    ended = cli("explain", "softmax")
    assert (ended.code, ended.err) == (0, "")
    assert (
        ended.out.startswith("softmax: probabilities out of any numbers\n")
        and "\nUsual mistakes\n" in ended.out
    )


def test_the_start_of_the_program_does_not_wait_for_it(program):
    code = "import sys, minigrad.cli; print([m for m in sys.modules if '.study' in m])"
    assert program(command=(sys.executable, "-c", code)).out == "[]\n"


def test_in_a_pipe_without_colours(program):
    ended = program("explain", command=SCRIPT)
    assert ended.code == 0 and "\x1b" not in ended.out and "\r" not in ended.out


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (
            ["--x", "1,2,3", "--class", "0"], 2,
            "--x '1,2,3' is not a row; write 2 numbers separated by commas, such as 1,2.5",
        ),
        (
            ["--x", "1,nan", "--class", "0"], 2,
            "--x '1,nan' is not a row; write 2 numbers separated by commas, such as 1,2.5",
        ),
        (["--x", "1,2"], 2, "each --x needs a --class; give them in the same order"),
        (["--class", "1"], 2, "--class needs --x"),
        (
            ["--x", "1,2", "--class", "3"], 2,
            '--class "3" is unknown; there are "0", "1", "2"; give one of these',
        ),
        (
            ["--x", "1,2", "--class", "0", "--rows", "2"], 2,
            "--x and --rows exclude each other; give --x once for each row",
        ),
        (
            ["--rows", "4"], 2,
            "explain: the network has too few rows; rows 4, of which there are 3; give rows by --x "
            "and --class",
        ),
        (["--hidden", "4"], 2, "--hidden does not go with a network; it needs --data"),
        (["--row", "1"], 2, "--row does not go with a network; it needs --data or a MODEL"),
        (
            ["--data", "iris", "--x", "1"], 2,
            "--x does not go with --data; it needs a network or a MODEL",
        ),
        (
            ["--data", "iris", "--row", "150"], 3,
            "iris: has too few rows; rows 150 to 150 of 150, which are counted from 0; give a "
            "smaller --row",
        ),
        (
            ["2-4-3", "--data", "iris"], 2,
            "--data does not go with a network; it needs a MODEL, or no NETWORK",
        ),
        (["."], 2, "'.' needs rows; give --data and --row, or --x and --class"),
        (
            ["sofmax"], 2,
            'explain: there is no "sofmax"; the operations are square, add, mul, matmul, relu, '
            "linear, softmax, log_softmax, log_loss, cross_entropy, batch_norm; did you mean "
            "'softmax'?",
        ),
        (
            ["softmax", "--graph"], 2,
            "--graph does not go with an OPERATION; it needs a network, --data, a MODEL or "
            "FILE.py:NAME",
        ),
        (["--overwrite"], 2, "--overwrite needs --html"),
        (
            ["--graph", "--html", "page.html"], 2,
            "--graph and --html exclude each other; give one of them",
        ),
        (
            ["--html", "nowhere/page.html"], 3,
            "nowhere/page.html: cannot be written; No such file or directory; choose a folder that "
            "exists and that you can write to",
        ),
        (
            ["ops.py"], 2,
            "'ops.py' does not say what in the file; write the file and a name in it, such as "
            "ops.py:Swish",
        ),
        (
            ["ops.py:loss", "--rows", "2"], 2,
            "--rows does not go with FILE.py:NAME; it needs a network, --data or a MODEL",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_explained(cli, args, code, text):
    ended = cli("explain", *args)
    assert (ended.code, ended.out, ended.err) == (code, "", f"Error: {text}\n")


def test_a_file_without_cases_and_one_that_raises(cli, ops, tmp_path):
    (tmp_path / "bare.py").write_text("def f(x):\n    return x\n", "utf-8")
    ended = cli("explain", "bare.py:f")
    assert (ended.code, ended.err.splitlines()[-1]) == (
        2,
        "Error: explain: there are no inputs to run f with; bare.py defines no cases; write "
        "f.cases = [(x, …)]",
    )
    ended = cli("explain", "ops.py:broken")
    assert ended.code == 3
    assert "Error: ops.py: line 23 raised " in ended.err and "running broken on case 0" in ended.err


def test_a_file_that_raises_when_it_is_asked_for_its_cases(cli, tmp_path):
    (tmp_path / "odd.py").write_text(
        "def f(x): return x\ndef __getattr__(name): raise ValueError\n"
    )
    code, out, err = cli("explain", f"{tmp_path}/odd.py:f")
    assert (code, out) == (3, "")
    assert "odd.py: line 2 raised ValueError; looking up what it defines, at " in err


def test_what_is_not_a_model(cli, tmp_path):
    (tmp_path / "m.npz").write_text("no archive")
    ended = cli("explain", "m.npz", "--data", "iris")
    assert ended.code == 3 and ended.err.startswith("Error: m.npz: ") and ended.out == ""
