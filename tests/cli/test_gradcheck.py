"""`minigrad gradcheck`: the table, a user's file, a network, and arguments that do not fit."""

import re
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from minigrad.checking.table import EXAMPLES
from minigrad.functions.activations import ReLU
from minigrad.functions.elementwise import Exp
from minigrad.functions.linear import Linear
from tests.cli.program import ENVIRONMENT, MODULE

GRADCHECK = (*MODULE, "gradcheck")
HEADER = ["function", "cases", "elements", "error/tolerance", "verdict"]


@pytest.fixture(scope="module")
def whole_table(no_torch):
    """The command without an argument, run once: (exit code, stdout, stderr)."""
    ended = subprocess.run(GRADCHECK, env=no_torch, capture_output=True, encoding="utf-8")
    return ended.returncode, ended.stdout, ended.stderr


# ---- the table ---------------------------------------------------------------------------------


def test_every_function_and_module_gets_a_line_and_passes(whole_table):
    code, out, err = whole_table
    header, *lines, blank, summary = out.splitlines()
    assert (code, header.split(), blank) == (0, HEADER, "")
    rows = [line.split() for line in lines]
    assert [row[0] for row in rows] == list(EXAMPLES)
    assert [int(row[1]) for row in rows] == [len(examples) for examples in EXAMPLES.values()]
    assert all(float(row[3]) < 1 and row[4] == "PASS" for row in rows)
    cases, elements = (sum(int(row[i]) for row in rows) for i in (1, 2))
    assert summary == (f"{len(rows)} rows, {cases:,} cases, {elements:,} elements: all pass")


def test_the_lines_are_aligned_and_fit_a_narrow_terminal(whole_table):
    header, *lines = whole_table[1].splitlines()[:-2]
    assert max(map(len, [header, *lines])) <= 80
    at = [header.index(column) + len(column) for column in HEADER[1:4]]
    assert all(line[end - 1] != " " and line[end] == " " for line in lines for end in at)


def test_a_broken_pytorch_is_a_remark_and_no_column(whole_table):
    _, out, err = whole_table
    assert "PyTorch" not in out
    remark, timing = err.splitlines()
    assert remark == (
        "PyTorch does not work (libtorch.so: cannot open): nothing is compared with it"
    )
    assert re.fullmatch(r"checked in \d+\.\d s", timing)


def test_a_row_is_the_same_alone_and_in_the_whole_table(whole_table, program, no_torch):
    names = ["exp", "softmax", "nn.Linear"]
    out = program(*names, command=GRADCHECK, env=no_torch).out
    rows, table = ([line.split() for line in text.splitlines()] for text in (out, whole_table[1]))
    assert [row[0] for row in rows[1:4]] == names
    assert all(row in table for row in rows[:4])


@pytest.mark.slow
def test_the_same_bytes_from_run_to_run(whole_table, no_torch):
    again = subprocess.run(GRADCHECK, env=no_torch, capture_output=True, encoding="utf-8")
    assert again.stdout == whole_table[1]


def test_pytorch_gets_a_column_where_it_is_installed(cli):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    code, out, err = cli("gradcheck", "softmax", "exp")
    header, softmax, exp, _, _ = out.splitlines()
    assert header.split() == [*HEADER[:4], "PyTorch", "verdict"]
    assert 0 < float(softmax.split()[4]) < 1e-14
    assert float(exp.split()[4]) == 0
    assert code == 0 and re.fullmatch(r"checked in \d+\.\d s\n", err)


def test_without_pytorch(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    code, out, err = cli("gradcheck", "softmax")
    assert code == 0 and "PyTorch" not in out
    assert err.startswith("PyTorch is not installed: nothing is compared with it\n")


def test_names_choose_rows_once_each(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    code, out, _ = cli("gradcheck", "Linear", "softmax", "nn.Linear")
    _, *rows, _, summary = out.splitlines()
    assert [row.split()[0] for row in rows] == ["nn.Linear", "softmax"]
    cases, elements = (sum(int(row.split()[i]) for row in rows) for i in (1, 2))
    assert cases == len(EXAMPLES["nn.Linear"]) + len(EXAMPLES["softmax"])
    assert summary == f"2 rows, {cases} cases, {elements} elements: all pass"


def test_an_unknown_name_is_one_line(cli):
    assert cli("gradcheck", "softmax", "sofmax") == (
        2,
        "",
        "Error: gradcheck: no function or module is called 'sofmax'; there are "
        f"{len(EXAMPLES)} in the table of cases; "
        "did you mean 'softmax' or 'log_softmax' or 'max'?\n",
    )


@pytest.fixture
def wrong_exp(monkeypatch):
    for name in ("exp", "log"):
        case, _ = EXAMPLES[name][0]
        examples = [(case, [shape]) for shape in ((3, 4), (5,), (0, 3))]
        monkeypatch.setitem(EXAMPLES, name, examples)
    monkeypatch.setattr(Exp, "backward", lambda self, gy: 2 * gy * self.y)
    monkeypatch.setitem(sys.modules, "torch", None)


def test_a_wrong_backward_is_exit_1_with_its_report(cli, wrong_exp):
    code, out, err = cli("gradcheck", "exp", "log")
    table, report = out.split("\n\n", 1)
    assert code == 1
    assert [line.split()[-1] for line in table.splitlines()] == ["verdict", "FAIL", "PASS"]
    lines = report.splitlines()
    assert lines[0] == "exp: inputs (3, 4)"
    assert lines[1].startswith("gradcheck: 1 of 1 gradients is wrong; ")
    assert lines[2] == (
        "FAIL input 0: 12 of 12 elements fail at [0, 0], [0, 1], [0, 2], [0, 3], [1, 0], …: "
        "it is off by the constant factor 2"
    )
    assert lines[3].startswith("    input 0[") and " > " in lines[3]
    assert lines[4:] == [
        "… and 1 more of the 3 cases of exp",
        "",
        "2 rows, 6 cases, 34 elements: 1 FAIL: exp",
    ]
    assert "Error" not in err


def test_json(cli, wrong_exp):
    ended = cli("gradcheck", "exp", "log", "--json")
    exp, log, result = ended.events
    assert ended.code == 1
    assert [event["event"] for event in ended.events] == ["row", "row", "result"]
    assert (exp["name"], exp["verdict"], exp["cases"], exp["deviation"]) == ("exp", "FAIL", 3, None)
    assert len(exp["failures"]) == 2 and not log["failures"]
    first = exp["failures"][0]
    assert (first["example"], first["ok"]) == ("exp: inputs (3, 4)", False)
    assert first["results"][0]["diagnosis"] == "it is off by the constant factor 2"
    assert result == {
        "event": "result",
        "ok": False,
        "rows": 2,
        "cases": 6,
        "elements": 34,
        "failed": ["exp"],
    }


# ---- a user's file -----------------------------------------------------------------------------

OPS = '''\
import numpy as np

import minigrad as mg
from minigrad import nn


class Swish(mg.Function):
    """y = x s"""

    cases = [np.linspace(-3, 3, 7), (np.ones((2, 2)),)]

    def forward(self, x):
        print("forward")
        self.s = 1 / (1 + np.exp(-x))
        self.y = x * self.s
        return self.y

    def backward(self, gy):
        return gy * (self.s + self.y * (1 - self.s))


class Wrong(Swish):
    def backward(self, gy):
        return gy * self.s


class Net(nn.Module):
    def __init__(self):
        self.hidden = nn.Linear(3, 4, rng=0)

    def forward(self, x):
        return self.hidden(x).tanh()


class Sized(nn.Module):
    def __init__(self, n):
        pass


model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Dropout(0.5, rng=1))
three = 3


def product(x, W):
    return x @ W


def clumsy(x):
    raise ValueError("no\\n  good")


def plain_array(x):
    return x.data
'''


@pytest.fixture
def ops(tmp_path, monkeypatch):
    """The folder of ops.py, in which the command runs; sys is put back afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", sys.modules.copy())
    (tmp_path / "ops.py").write_text(OPS)
    return tmp_path


def test_a_users_function_with_its_cases(cli, ops):
    code, out, err = cli("gradcheck", "ops.py:Swish")
    assert code == 0
    first, second, summary = out.split("\n\n")
    assert first.splitlines()[0] == "Swish, case 0: inputs (7,)"
    assert first.splitlines()[1].startswith("gradcheck: all gradients agree; ")
    assert first.splitlines()[2] == "PASS input 0"
    assert second.splitlines()[0] == "Swish, case 1: inputs (2, 2)"
    assert summary == "Swish: 2 of 2 cases pass\n"
    # what the file prints is not a result
    assert err.startswith("running ops.py\nforward\n") and set(err.split("\n")[1:]) == {
        "forward",
        "",
    }
    assert [path.name for path in ops.iterdir()] == ["ops.py"]  # no byte code


def test_a_users_wrong_function_is_exit_1(cli, ops):
    code, out, _ = cli("gradcheck", "ops.py:Wrong")
    assert code == 1
    assert "\nFAIL input 0: 6 of 7 elements fail at [0], [1], [2], [4], [5], …\n    input 0[" in out
    assert out.endswith("\nWrong: 0 of 2 cases pass\n")


@pytest.mark.parametrize("verdict", ["NONDETERMINISTIC", "NONFINITE", "NO GRADIENT"])
def test_the_other_bad_verdicts_are_exit_1_too(cli, ops, verdict):
    body = {
        "NONDETERMINISTIC": "return x * float(np.random.default_rng().random())",
        "NONFINITE": "return x / 0",
        "NO GRADIENT": "return mg.Tensor(x.data)",
    }[verdict]
    code = f"import numpy as np, minigrad as mg\ndef f(x):\n    {body}\n"
    (ops / "bad.py").write_text(code)
    code, out, _ = cli("gradcheck", "bad.py:f", "--shape", "3")
    assert code == 1 and f"\n{verdict} input 0: " in out


def test_bisect_of_a_users_function(cli, ops):
    (ops / "chain.py").write_text(
        "import ops\ndef f(x):\n    y = ops.Swish.apply(x)\n    return ops.Wrong.apply(y).sum()\n"
    )
    ended = cli("gradcheck", "chain.py:f", "--shape", "4", "--bisect")
    assert ended.code == 1
    first, *lines = ended.out.splitlines()
    assert first == "f, case 0: inputs (4,)"
    assert lines[0] == "bisect: operation 1 of 3 is wrong: Wrong"
    assert lines[5:7] == ["made at chain.py:4", f"backward at {ops / 'ops.py'}:23"]
    assert lines[-1] == "f: 0 of 1 cases pass"
    of_one = cli("gradcheck", "ops.py:Wrong", "--shape", "4", "--bisect").out
    assert "backward at " in of_one and "made at " not in of_one  # the command itself made it
    bisection, result = cli("gradcheck", "chain.py:f", "--shape=4", "--bisect", "--json").events
    assert (bisection["event"], bisection["case"], bisection["found"]) == ("bisection", 0, 1)
    assert result == {"event": "result", "ok": False, "cases": 1, "failed": 1}


@pytest.mark.parametrize(
    "name, shapes, checked",
    [
        ("product", ["4,3", "3,2"], ["input 0", "input 1"]),
        ("Net", ["5,3"], ["input 0", "hidden.weight", "hidden.bias"]),
        ("model", ["5,3"], ["input 0", "0.weight", "0.bias"]),
        ("Swish", [""], ["input 0"]),
    ],
)
def test_shapes_on_the_command_line(cli, ops, name, shapes, checked):
    options = [part for shape in shapes for part in ("--shape", shape)]
    ended = cli("gradcheck", f"ops.py:{name}", *options, "--json")
    report, result = ended.events
    assert ended.code == 0
    assert (report["event"], report["name"], report["case"]) == ("report", name, 0)
    assert [r["name"] for r in report["results"]] == checked
    assert result == {"event": "result", "ok": True, "cases": 1, "failed": 0}


def test_the_seed_chooses_the_inputs(cli, ops):
    run = lambda *args: cli("gradcheck", "ops.py:product", "--shape=2,3", "--shape=3", *args).out  # noqa: E731
    assert run() == run("--seed", 0) != run("--seed", 1)


def test_with_cases_the_seed_chooses_the_upstream_gradient(cli, ops):
    run = lambda *args: cli("gradcheck", "ops.py:Swish", *args).out  # noqa: E731
    assert run() == run("--seed", 0) != run("--seed", 1)


@pytest.mark.parametrize(
    "cases",
    [
        "cases = [(np.ones(3),), [np.ones(2)], np.ones(1)]",
        "def cases():\n    return (np.ones(n) for n in (3, 2, 1))",
        "f.cases = ((np.ones(3),), (np.ones(2),), (np.ones(1),))\ncases = [4]",
    ],
)
def test_cases_of_the_file(cli, ops, cases):
    (ops / "f.py").write_text(f"import numpy as np\ndef f(x):\n    return x * x\n{cases}\n")
    _, out, _ = cli("gradcheck", "f.py:f")
    assert re.findall(r"^f, case (.*)$", out, re.M) == [
        "0: inputs (3,)",
        "1: inputs (2,)",
        "2: inputs (1,)",
    ]


LAYERS = """\
import numpy as np


def affine_forward(x, W, b):
    return x @ W + b, (x, W)


def affine_backward(dout, cache):
    x, W = cache
    return dout @ W.T, x.T @ dout, dout.sum(axis=0)


def relu_forward(x):
    return np.maximum(x, 0)


def relu_backward(dout, x):
    return dout * x


def half_forward(x):
    return x


def other_backward(dout):
    return dout


def hinge_loss(x, t):
    print("loss")
    margin = np.maximum(1 - t * x, 0)
    return margin.sum(), {"dx": -t * (margin > 0)}


def doubled_loss(x):
    return float(x.sum()), np.full(x.shape, 2.0)


class Layers:
    neg_forward = staticmethod(lambda x: -x)
    neg_backward = staticmethod(lambda dout, x: -dout)


affine_forward.cases = [(np.ones((4, 3)), np.ones((3, 2)), np.zeros(2))]
cases = [(np.linspace(-2, 3, 4),)]
hinge_loss.cases = [(np.linspace(-2, 2, 4), np.array([1, -1, 1, -1]))]
"""


@pytest.fixture
def layers(ops):
    """The folder of layers.py, which does not know minigrad."""
    (ops / "layers.py").write_text(LAYERS)
    return ops


@pytest.mark.parametrize(
    "name, given, verdicts",
    [
        ("affine", "inputs (4, 3), (3, 2), (2,)", ["PASS"] * 3),
        ("relu", "inputs (4,)", ["FAIL"]),
        ("Layers.neg", "inputs (4,)", ["PASS"]),
        ("hinge_loss", "inputs (4,), (4,)", ["PASS"]),
        ("doubled_loss", "inputs (4,)", ["FAIL"]),
    ],
)
def test_passes_written_without_minigrad(cli, layers, name, given, verdicts):
    code, out, err = cli("gradcheck", f"layers.py:{name}")
    assert re.findall(r"^(\w+) input ", out, re.M) == verdicts
    assert code == ("FAIL" in verdicts)
    assert out.splitlines()[0] == f"{name}, case 0: {given}"
    remark = f"{name} returns a loss and its gradients: these are checked\n"
    assert (remark in err) == name.endswith("loss")
    assert set(err.splitlines()[1:]) <= {"loss", remark.strip()}  # what it prints is not a result


def test_shapes_for_passes_written_without_minigrad(cli, layers):
    assert cli("gradcheck", "layers.py:affine", "--shape=5,3", "--shape=3,2", "--shape=2").code == 0
    ended = cli("gradcheck", "layers.py:affine", "--shape=5,3", "--shape=3,2", "--shape=5,2")
    assert ended.code == 1
    assert (
        "FAIL input 2: affine_backward: returned an array of shape (2,) for b; x (5, 3), W (3, 2), "
        "b (5, 2); return an array of shape (5, 2)\n"
    ) in ended.out


def test_a_function_of_tensors_with_two_outputs_is_not_a_loss(cli, ops):
    (ops / "two.py").write_text("def f(x):\n    return (x * x).sum().reshape(1), x.exp()\n")
    ended = cli("gradcheck", "two.py:f", "--shape", "3")
    assert (ended.code, ended.err) == (0, "running two.py\n")


def test_a_file_in_another_folder_finds_its_neighbours(program, ops, tmp_path):
    (ops / "sub").mkdir()
    (ops / "sub" / "mine.py").write_text("from neighbour import f\ncases = [[1.0, 2.0]]\n")
    (ops / "sub" / "neighbour.py").write_text("def f(x, y):\n    return x * y\n")
    ended = program("sub/mine.py:f", command=GRADCHECK, cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "running sub/mine.py\n")
    assert ended.out.startswith("f, case 0: inputs (), ()\n")


@pytest.mark.parametrize(
    "args, code, line",
    [
        (
            "no.py:f",
            3,
            "no.py: there is no such file; the current folder is {folder}; give the path of a "
            "Python file and a name in it, such as ops.py:Swish",
        ),
        (
            "ops.py:Swsh",
            3,
            "ops.py: it does not define 'Swsh'; it defines Swish, Wrong, Net, Sized, model, "
            "product, clumsy, plain_array; did you mean 'Swish'?",
        ),
        (
            "ops.py:quux",
            3,
            "ops.py: it does not define 'quux'; it defines Swish, Wrong, Net, Sized, model, "
            "product, clumsy, plain_array; give a name of the file",
        ),
        (
            "ops.py:Wrong.forwards",
            3,
            "ops.py: Wrong does not define 'forwards'; it defines backward; give a name of "
            "the file",
        ),
        (
            "ops.py:three.four",
            3,
            "ops.py: three does not define 'four'; it defines nothing to call; give a name "
            "of the file",
        ),
        (
            "ops.py:three",
            3,
            "ops.py: three cannot be checked; it is of type int; name a Function, a Module, or a "
            "function that returns one Tensor",
        ),
        (
            "ops.py:mg.Tensor",
            3,
            "ops.py: mg.Tensor cannot be checked; it is a class; name a Function, a Module, or a "
            "function that returns one Tensor",
        ),
        (
            "ops.py:Sized",
            3,
            "ops.py: TypeError: Sized.__init__() missing 1 required positional argument: 'n'; "
            "calling Sized(); name an instance, such as model = Sized(…)",
        ),
        (
            "ops.py:product",
            2,
            "gradcheck: there are no inputs to check product with; ops.py defines no cases, and no "
            "--shape was given; write cases = [(x, …), …] or product.cases = …, or pass --shape "
            "4,3 for each input",
        ),
        (
            "layers.py:half",
            3,
            "layers.py: it defines half_forward, but not half_backward; half is checked as a pair "
            "of the two; write half_backward(dout, cache)",
        ),
        (
            "layers.py:other",
            3,
            "layers.py: it defines other_backward, but not other_forward; other is checked as a "
            "pair of the two; write other_forward(*inputs)",
        ),
        (
            "layers.py:Layers.quux",
            3,
            "layers.py: Layers does not define 'quux'; it defines neg_forward, neg_backward; give "
            "a name of the file",
        ),
        (
            "bare.py:scale",
            2,
            "gradcheck: there are no inputs to check scale with; bare.py defines no cases, and no "
            "--shape was given; write cases = [(x, …), …] or scale_forward.cases = …, or pass "
            "--shape 4,3 for each input",
        ),
        (
            "ops.py:product --shape 4,3",
            3,
            "ops.py: TypeError: product() missing 1 required positional argument: 'W'; case 0, "
            "inputs (4, 3); correct it, or give inputs that it takes",
        ),
        (
            "ops.py:clumsy --shape 4",
            3,
            "ops.py: line 49 raised ValueError: no good; case 0, inputs (4,), at 'raise "
            'ValueError("no\\\\n  good")\'; correct it, or give inputs that it takes',
        ),
        (
            "ops.py:Net --shape 2,5",
            3,
            "ops.py: line 32 raised ShapeError: linear: x has 5 features but W takes 3; x (2, 5), "
            "W (4, 3), b (4,); give nn.Linear in_features=5; case 0, inputs (2, 5), at 'return "
            "self.hidden(x).tanh()'; correct it, or give inputs that it takes",
        ),
        (
            "ops.py:plain_array --shape 2",
            2,
            "gradcheck: f did not return a Tensor; it returned ndarray; return a Tensor or a tuple "
            "of Tensors",
        ),
        *[
            (
                f"layers.py:affine --shape {shapes}",
                2,
                f"gradcheck: there is nothing to check; inputs {inputs}; pass --shape with an axis "
                "longer than 0",
            )
            for shapes, inputs in (
                ("0", "(0,)"),
                ("4,0", "(4, 0)"),
                ("0 --shape 0,3", "(0,), (0, 3)"),
            )
        ],
        (
            "layers.py:affine_forward",
            2,
            "gradcheck: f did not return a Tensor; it returned a sequence that holds something "
            "else; check the pair of the two, layers.py:affine",
        ),
        (
            "layers.py:affine_forward --bisect",
            2,
            "bisect: f did not return a Tensor; it returned a sequence that holds something else; "
            "check the pair of the two, layers.py:affine",
        ),
        ("sub:f", 3, "sub: cannot be read; it is a folder; check the path and its rights"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(cli, layers, args, code, line):
    (layers / "sub").mkdir()
    (layers / "bare.py").write_text("scale_forward = scale_backward = lambda x: x\n")
    ended = cli("gradcheck", *args.split())
    assert (ended.code, ended.out) == (code, "")
    assert re.sub(r"\Arunning \w+\.py\n", "", ended.err) == f"Error: {line.format(folder=layers)}\n"


@pytest.mark.parametrize(
    "text, line",
    [
        (
            "x = 1\n\ny = 1 / 0\n",
            "line 3 raised ZeroDivisionError: division by zero; running the file, at 'y = 1 / 0'; "
            "correct it",
        ),
        (
            "def f(x):\n  pass pass\n",
            "line 2 raised SyntaxError: invalid syntax; running the file, at 'pass pass'; "
            "correct it",
        ),
        (
            "import quux\n",
            "line 1 raised ModuleNotFoundError: No module named 'quux'; running the file, at "
            "'import quux'; correct it",
        ),
        (
            "import sys\nsys.exit()\n",
            "line 2 raised SystemExit; running the file, at 'sys.exit()'; correct it",
        ),
        (
            "class Stop(BaseException): pass\nraise Stop('no')\n",
            "line 2 raised Stop: no; running the file, at \"raise Stop('no')\"; correct it",
        ),
        (
            "def f(x): raise GeneratorExit\ncases = [2.0]\n",
            "line 1 raised GeneratorExit; case 0, inputs (), at 'def f(x): raise GeneratorExit'; "
            "correct it, or give inputs that it takes",
        ),
        (
            "def f(x): return x\ndef cases():\n  return {}['a']\n",
            "line 3 raised KeyError: 'a'; calling cases, at \"return {}['a']\"; correct it",
        ),
        (
            "def f(x): return x\ndef cases():\n  yield 1 / 0\n",
            "line 3 raised ZeroDivisionError: division by zero; calling cases, at 'yield 1 / 0'; "
            "correct it",
        ),
        ("cases, f = [], abs\n", "cases is empty; there is nothing to check; add inputs to it"),
        (
            "cases, f = 3, abs\n",
            "cases is of type int; it has to be a list with the inputs of one case in each "
            "element; write cases = [(x, W), …]",
        ),
    ],
)
def test_a_file_that_cannot_be_run_is_one_line(cli, ops, text, line):
    (ops / "bad.py").write_text(text)
    ended = cli("gradcheck", "bad.py:f")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == f"running bad.py\nError: bad.py: {line}\n"


def test_a_file_is_read_again_each_time(cli, ops):
    """Python's byte code of the file would still be the old one within the same second."""
    for factor, code in ((2, 0), (3, 1)):
        (ops / "square.py").write_text(
            "import minigrad as mg\n"
            "class Square(mg.Function):\n"
            "    def forward(self, x):\n        self.x = x\n        return x * x\n"
            f"    def backward(self, gy):\n        return {factor} * self.x * gy\n"
        )
        assert cli("gradcheck", "square.py:Square", "--shape", 3).code == code


# ---- a network ---------------------------------------------------------------------------------


def test_a_network_on_its_first_batch(cli):
    code, out, err = cli("gradcheck", "--data", "digits", "--hidden", "64,32")
    assert (code, err) == (0, "")
    assert out.splitlines()[:3] == [
        "digits: a batch of 32 of 1258 training rows",
        "hidden 64,32, activation relu, dropout 0.0, batch size 32, label smoothing 0.02, seed 0, "
        "dtype float32, scale asinh",
        "",
    ]
    header, *rows = [line.split("  ") for line in out.splitlines()[3:-2]]
    cells = [[cell.strip() for cell in row if cell] for row in rows]
    assert [cell.strip() for cell in header if cell] == [
        "parameter", "shape", "elements", "checked", "error/tolerance", "verdict"
    ]  # fmt: skip
    assert [(name, shape, size) for name, shape, size, *_ in cells] == [
        ("0.weight", "(64, 64)", "4,096"),
        ("0.bias", "(64,)", "64"),
        ("2.weight", "(32, 64)", "2,048"),
        ("2.bias", "(32,)", "32"),
        ("4.weight", "(10, 32)", "320"),
        ("4.bias", "(10,)", "10"),
    ]
    assert [how for *_, how, _, _ in cells] == ["projected", "each"] * 2 + ["projected", "each"]
    assert {verdict for *_, verdict in cells} <= {"PASS", "KINK"}
    assert out.endswith("\n\n6 of 6 parameters pass\n")


def test_the_options_of_the_network_reach_it(cli):
    options = "--hidden= --batch-size 7 --dtype float64 --label-smoothing 0.2 --seed 3"
    ended = cli("gradcheck", "--data", "iris", *options.split(), "--json")
    network, report, result = ended.events
    assert ended.code == 0
    assert network == {
        "event": "network",
        "data": "iris",
        "options": {
            "arch": "mlp",
            "conv": None,
            "hidden": [],
            "batch_norm": False,
            "activation": "relu",
            "dropout": 0.0,
            "batch_size": 7,
            "label_smoothing": 0.2,
            "seed": 3,
            "dtype": "float64",
            "scale": "asinh",
        },
        "batch": [7, 4],
    }
    assert [r["name"] for r in report["results"]] == ["0.weight", "0.bias"]
    assert report["given"] == ["float64"]
    assert result == {"event": "result", "ok": True, "parameters": 2, "failed": 0}


def test_a_folder_of_images_is_scaled_as_train_scales_it(cli, tmp_path):
    """Twenty images of two pixels each."""
    x, y = np.arange(40, dtype=np.uint8), np.arange(20, dtype=np.uint8) % 2
    big = lambda *sizes: np.array(sizes, ">u4").tobytes()  # noqa: E731
    (tmp_path / "train-images-idx3-ubyte").write_bytes(big(0x803, 20, 1, 2) + x.tobytes())
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(big(0x801, 20) + y.tobytes())
    ended = cli("gradcheck", "--data", tmp_path, "--json")
    network, *_ = ended.events
    assert ended.code == 0
    assert network["options"]["scale"] == "minmax" and network["batch"] == [14, 2]


def test_dropout_can_be_checked(cli):
    options = ("--hidden", 8, "--dropout", 0.5, "--activation", "tanh")
    assert cli("gradcheck", "--data", "moons", *options).code == 0


def test_a_wrong_network_is_exit_1_with_the_element(cli, monkeypatch):
    right = Linear.backward

    def wrong(self, gy):
        gx, gW, gb = right(self, gy)
        gW[1, 2] *= 1.01
        return gx, gW, gb

    monkeypatch.setattr(Linear, "backward", wrong)
    code, out, _ = cli("gradcheck", "--data", "digits", "--activation", "tanh")
    assert code == 1
    table, *failures, summary = out.split("\n\n")[1:]
    assert [line.split()[-1] for line in table.splitlines()[1:]] == ["FAIL", "PASS"] * 2
    assert failures[0].startswith(
        "FAIL 0.weight: 1 of 256 sampled of 8192 elements fails at [1, 2]\n    0.weight[1, 2]: "
    )
    assert "\n    2.weight[1, 2]: analytic " in failures[1]
    assert summary == "2 of 4 parameters pass\n"


def test_an_unknown_data_set_is_exit_3(cli):
    code, out, err = cli("gradcheck", "--data", "irs")
    assert (code, out) == (3, "")
    assert err.startswith("Error: load: ") and err.endswith("; did you mean 'iris'?\n")


def test_bisect_names_the_layer(cli, monkeypatch):
    monkeypatch.setattr(ReLU, "backward", lambda self, gy: gy)
    code, out, err = cli("gradcheck", "--data", "digits", "--hidden", "16,8", "--bisect")
    assert (code, err) == (1, "")
    head, found = out.split("\n\n", 1)
    assert head.startswith("digits: a batch of 32 of 1258 training rows\n")
    lines = found.splitlines()
    assert lines[0] == "bisect: operation 1 of 6 is wrong: ReLU in layer 1 ReLU"
    assert lines[1].split() == ["op", "layer", "shapes", "verdict"]
    assert [line.split()[-1] for line in lines[2:8]] == ["PASS", "FAIL", "-", "-", "-", "-"]
    assert lines[8].startswith(f"backward at {__file__}:")
    assert lines[10].startswith("FAIL input 0: ")


def test_bisect_of_a_right_network(cli):
    ended = cli(
        "gradcheck", "--data", "iris", "--hidden=", "--label-smoothing=0", "--bisect", "--json"
    )
    network, bisection, result = ended.events
    assert ended.code == 0
    assert (network["event"], result) == ("network", {"event": "result", "ok": True})
    assert [step["op"] for step in bisection["steps"]] == ["Linear", "CrossEntropy"]


# ---- arguments that do not fit ------------------------------------------------------------------


@pytest.mark.parametrize(
    "args, line",
    [
        ("--data iris softmax", "--data and softmax exclude each other; give one of them"),
        ("--data iris a.py:f", "--data and a.py:f exclude each other; give one of them"),
        ("softmax a.py:f", "a.py:f and softmax exclude each other; give one of them"),
        ("a.py:f b.py:f", "a.py:f and b.py:f exclude each other; give one of them"),
        ("--shape 3", "--shape needs FILE.py:NAME"),
        ("--shape 3 exp", "--shape and exp exclude each other; --shape needs FILE.py:NAME"),
        (
            "--shape 3 --data iris",
            "--shape and --data exclude each other; --shape needs FILE.py:NAME",
        ),
        ("--seed 3", "--seed needs FILE.py:NAME or --data"),
        ("exp --seed 0", "--seed and exp exclude each other; --seed needs FILE.py:NAME or --data"),
        ("--hidden 3", "--hidden needs --data"),
        ("--hidden= exp", "--hidden and exp exclude each other; --hidden needs --data"),
        ("a.py:f --dropout 0.1", "--dropout and a.py:f exclude each other; --dropout needs --data"),
        ("--batch-size 3", "--batch-size needs --data"),
        ("--activation relu", "--activation needs --data"),
        ("--label-smoothing 0", "--label-smoothing needs --data"),
        ("--dtype float32", "--dtype needs --data"),
        ("--bisect", "--bisect needs FILE.py:NAME or --data"),
        (
            "--bisect exp",
            "--bisect and exp exclude each other; --bisect needs FILE.py:NAME or --data",
        ),
        *[
            (
                target,
                f"{target!r} does not say what in the file; write the file and a name in it, such "
                "as ops.py:Swish",
            )
            for target in (
                "ops.py",
                "ops.py:",
                "C:ops.py",
                "C:\\ops.py",
                "C:\\ops.py:a-b",
                ":f",
                "a.py:f.",
            )
        ],
        *[
            (
                f"a.py:f --shape {text}",
                f"Invalid value for '--shape': {text!r} is not a shape; write whole numbers from 0 "
                "separated by commas, such as 4,3, or '' for a single number",
            )
            for text in ("3x4", "3,", "-1", "2.5", "(3,)")
        ],
    ],
)
def test_arguments_that_do_not_fit_are_a_usage_error(cli, args, line):
    code, out, err = cli("gradcheck", *args.split())
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == f"Error: {line}"


def test_a_windows_path_keeps_its_colon(cli):
    code, _, err = cli("gradcheck", "C:\\ops.py:Swish")
    assert code == 3 and err.startswith("Error: C:\\ops.py: there is no such file; ")


# ---- pipes and signals ---------------------------------------------------------------------------


def test_a_reader_that_leaves_gives_no_traceback(no_torch):
    """As in `minigrad gradcheck | head -1`."""
    with subprocess.Popen(GRADCHECK, env=no_torch, stdout=-1, stderr=-1) as process:
        assert process.stdout.readline()
        process.stdout.close()
        (remark,) = process.stderr.read().splitlines()
    assert remark.startswith(b"PyTorch does not work")


def test_an_encoding_without_the_minus_sign_is_no_traceback(start, ops):
    """As that of a pipe on Windows."""
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "cp1252"}
    process = start("ops.py:Net", "--shape", "2,3", command=GRADCHECK, env=environment)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"passes if |analytic \\u2212 numeric| <= " in out


def test_interrupt(start, tmp_path):
    (tmp_path / "slow.py").write_text(
        "import sys, time\ndef f(x):\n    time.sleep(60)\nprint('here', flush=True)\n"
    )
    process = start("slow.py:f", "--shape", "3", command=GRADCHECK, cwd=tmp_path)
    assert process.stderr.readline() == b"running slow.py\n"
    assert process.stderr.readline() == b"here\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"Interrupted.\n")


def test_inputs_do_not_depend_on_what_ran_before(cli, ops):
    np.random.seed(0)
    first = cli("gradcheck", "ops.py:product", "--shape=2,3", "--shape=3").out
    np.random.seed(1)
    assert cli("gradcheck", "ops.py:product", "--shape=2,3", "--shape=3").out == first


RAISING = {
    "a property": """
        class Odd:
            def __call__(self, x): return x
            @property
            def cases(self): raise KeyError('gone')
        f = Odd()
    """,
    "a look-up": """
        class Odd:
            def __call__(self, x): return x
            def __getattr__(self, name): raise OSError(name)
        f = Odd()
    """,
    "a text": """
        class Bad(Exception):
            def __str__(self): raise ValueError
        def f(x): raise Bad
        f.cases = [(1.0,)]
    """,
    "a shape": """
        class Shape:
            def __array__(self, *a, **k): raise ZeroDivisionError
            shape = property(lambda self: 1 / 0)
        def f(x): return x
        f.cases = [(Shape(),)]
    """,
}
LINES = {
    "a property": "line 5 raised KeyError: 'gone'; looking up what it defines, at ",
    "a look-up": "line 4 raised OSError: cases; looking up what it defines, at ",
    "a text": "line 4 raised Bad: an exception whose text raises another one; case 0, inputs (), ",
    "a shape": "line 4 raised ZeroDivisionError: division by zero; looking at case 0, at ",
}


@pytest.mark.parametrize("kind", RAISING)
def test_a_file_in_which_everything_raises(cli, tmp_path, kind):
    path = tmp_path / "odd.py"
    path.write_text(textwrap.dedent(RAISING[kind]))
    code, _, err = cli("gradcheck", f"{path}:f")
    last = err.splitlines()[-1]
    assert code == 3 and last.startswith(f"Error: {path}: {LINES[kind]}"), last
