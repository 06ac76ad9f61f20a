"""The exercises: solutions pass, wrong answers get the sentence that says what is wrong."""

import contextlib

import numpy as np
import pytest

from minigrad import Tensor, nn, training
from minigrad.checking.records import RECORDS
from minigrad.errors import ArgumentError, DataError
from minigrad.study import exercises, grading
from minigrad.study.exercises import EXERCISES
from minigrad.study.practice import PLACES, practising
from tests.helpers import exactly

KEPT = "keepdims=True"
ROW_SUM = f"(gy * y).sum(axis=1, {KEPT})"
P_ROWS = "np.arange(len(self.t)), self.t"

# What is written in place of the missing lines, and what is said of it.
WRONG: dict[str, list[tuple]] = {
    "square": [
        ("2 * self.x", "those of 2x: the upstream gradient gy is missing"),
        ("gy * self.x", "gy · x: the factor 2 is missing"),
        ("gy * 2", "gy · 2: this is the slope of 2x"),
        ("gy", "those of gy: the slope ∂y/∂x is missing"),
        ("gy * self.x**2", "gy · x²: gy is multiplied by y"),
        ("2 * gy * self.x**2", "gy · 2x²: the 2 came down, and the exponent stayed"),
        ("gy + 2 * self.x", "gy + 2x: gy and the slope are added"),
        ("gy / (2 * self.x)", "gy is divided by the slope"),
        ("gy**2 * self.x", "it is gy that was differentiated"),
        ("gy * self.x**3 / 3", "this is the integral"),
        ("(gy * 2 * self.x).sum()", "gx has the shape (), and x has (1, 3)"),
        ("(gy * 2 * self.x).sum()", "the gradients of all elements are added"),
        ("-2 * gy * self.x", "the sign is flipped"),
        ("0 * gy", "it is zero"),
        ("3 * gy * self.x", "it is off by the constant factor 1.5"),
        ("gy * 2 * self.x + 0.01", "No usual mistake has these numbers. The smallest example:"),
        ("(gy * 2 * self.x).T", "gx has the shape (3, 1), and x has (1, 3)"),
        ("gy @ self.x", "line 24 raised ValueError: matmul"),
    ],
    "add": [
        ("gy", "gy", "gb has the shape (3, 2), and b has (2,)"),
        ("gy", "gy", "it is not summed over the rows"),
        ("gy", f"gy.sum(axis=0, {KEPT})", "one axis is too many"),
        ("gy", "gy.sum(axis=1)", "over the columns, not over the rows"),
        ("gy", "gy.mean(axis=0)", "the mean over the rows, not the sum"),
        ("gy", "gy.sum()", "summed over all axes"),
        ("gy", "gy.mean()", "gy.mean(): this is the mean over all axes"),
        ("gy", "gy[0]", "only the first row counts"),
        ("gy", "gy[-1]", "only the last row counts"),
        ("gy", "gy.max(axis=0)", "the largest of the rows"),
        ("gy", "np.ones(gy.shape[1])", "those of 1: the upstream gradient gy is missing"),
        ("gy", "np.full(gy.shape[1], len(gy))", "those of N: the upstream gradient gy is missing"),
        ("np.ones_like(gy)", "gy.sum(axis=0)", "the upstream gradient gy is missing"),
        ("gy.sum(axis=0)", "gy.sum(axis=0)", "summed over the rows, but a was not repeated"),
        ("-gy", "gy.sum(axis=0)", "the sign is flipped"),
        ("gy", "2 * gy.sum(axis=0)", "off by the constant factor 2"),
        ("gy", "...", "gb is not written yet"),
    ],
    "relu": [
        ("self.x > 0", "[x > 0]: the upstream gradient gy is missing"),
        ("gy", "nothing is shut where x < 0"),
        ("gy * np.maximum(self.x, 0)", "gy is multiplied by y"),
        ("gy * self.x", "gy is multiplied by x"),
        ("np.maximum(gy, 0)", "it is gy that is cut off at 0, not x"),
        ("np.maximum(gy, 0) * (self.x > 0)", "negative gradients are cut off as well"),
        ("gy * (self.x < 0)", "it passes where x < 0"),
        ("gy * np.sign(self.x)", "the gradient of |x|"),
        ("np.maximum(self.x, 0)", "this is the forward pass again"),
        ("np.where(self.x > 0, gy, 0.01 * gy)", "a leaky relu"),
        ("(gy * (self.x > 0)).sum()", "the gradients of all elements are added"),
        ("-gy * (self.x > 0)", "the sign is flipped"),
        ("gy * self.x > 0", "These are True and False: gy * x > 0 means (gy * x) > 0."),
        ("gy[self.x > 0]", "gx has a number for each of x, at its place."),
        ("gy if self.x > 0 else 0", "line 24 raised ValueError: The truth value"),
    ],
    "linear": [
        ("gy @ self.W.T", "gy.T @ self.x", "gy.sum(axis=0)", "W is transposed, as in the forward"),
        ("self.W @ gy", "gy.T @ self.x", "gy.sum(axis=0)", "the factors are exchanged"),
        ("(gy @ self.W).T", "gy.T @ self.x", "gy.sum(axis=0)", "(gy W)ᵀ: it is transposed"),
        ("np.ones_like(gy) @ self.W", "gy.T @ self.x", "gy.sum(axis=0)", "gradient gy is missing"),
        ("gy @ self.W", "self.x.T @ gy", "gy.sum(axis=0)", "gW has the shape (4, 2), and W has"),
        ("gy @ self.W", "self.x.T @ gy", "gy.sum(axis=0)", "xᵀ gy: it is transposed"),
        ("gy @ self.W", "gy @ self.x", "gy.sum(axis=0)", "gy is not transposed"),
        ("gy @ self.W", "self.x @ gy", "gy.sum()", "gW: this is x gy, whose shapes do not fit"),
        ("gy @ self.W", "gy.T @ self.x / len(gy)", "gy.sum(axis=0)", "the mean over the rows"),
        (
            "gy @ self.W",
            "np.outer(gy[0], self.x[0])",
            "gy.sum(axis=0)",
            "only the first row counts",
        ),
        ("gy @ self.W", "gy.T @ self.x", "gy", "it is not summed over the rows"),
        ("gy @ self.W", "gy.T @ self.x", "gy.mean(axis=0)", "the mean over the rows, not the sum"),
        ("gy @ self.W", "gy.T @ self.x", "gy.sum(axis=1)", "over the outputs, not over the rows"),
        ("gy @ self.W", "gy.T @ self.x", "gy.sum()", "summed over all axes"),
        ("gy @ self.W", "gy.T @ self.x", "gy.mean()", "this is the mean over all axes"),
        ("gy @ self.W", "gy.T @ self.x", f"gy.sum(axis=0, {KEPT})", "one axis is too many"),
        ("gy @ self.W", "...", "gy.sum(axis=0)", "gW is not written yet"),
    ],
    "softmax": [
        ("gy * y * (1 - y)", "gy·y·(1 − y): only ∂yᵢ/∂xᵢ was used"),
        ("gy * (y - y**2)", "gy·y·(1 − y): only ∂yᵢ/∂xᵢ was used"),
        ("gy * y", "the denominator was taken as a constant"),
        ("y * (1 - y)", "gy is missing, and only ∂yᵢ/∂xᵢ was used"),
        (f"y * (gy - gy.sum(axis=1, {KEPT}))", "gy is not weighted by y in the sum"),
        ("y * (gy - gy.sum())", "gy is not weighted by y, and the sum goes over all rows"),
        ("gy * y - (gy * y).sum()", "lacks its factor yᵢ, and the sum goes over all rows"),
        ("y * (gy - (gy * y).mean())", "this is the mean over all rows, not a row's sum"),
        ("y * (gy + (gy * y).sum())", "No usual mistake has these numbers. The smallest example"),
        (
            "gy - y * gy.sum()",
            "No usual mistake has these numbers. The smallest example:\n  x = [[",
        ),
        (f"y * (gy + {ROW_SUM})", "the sum has the wrong sign"),
        ("y * (gy - (gy * y).sum())", "the sum goes over all rows"),
        ("y * (gy - (gy * y).sum(axis=0))", "the sum goes over the rows of a class"),
        ("y * (gy - (gy * y).sum(axis=1))", "keepdims=True is missing"),
        (f"y * (gy - (gy * y).mean(axis=1, {KEPT}))", "the mean over the classes, not the sum"),
        (f"gy * y - {ROW_SUM}", "the second term lacks its factor yᵢ"),
        (f"gy - y * gy.sum(axis=1, {KEPT})", "this is the gradient of log-softmax"),
        ("y - gy", "this looks like p − t"),
        (f"(y - y * y) * gy - {ROW_SUM} * y", "i is counted twice"),
        (f"y * (gy - gy.sum(axis=1, {KEPT}) * y)", "a factor yᵢ outside"),
        (f"gy - {ROW_SUM} * y", "the first term lacks its factor yᵢ"),
        (f"gy * y - gy * y * (y * y).sum(axis=1, {KEPT})", "the sum has gyᵢ in it"),
        (f"gy * y - gy * y * y.sum(axis=1, {KEPT})", "it is zero. Is a factor 0, or do its terms"),
        ("gy @ (np.diag(y[0]) - np.outer(y[0], y[0]))", "right for one row, and wrong for several"),
        (f"(y * (gy - {ROW_SUM})).sum(axis=0) + 0 * y", "right for one row, and wrong for several"),
        (f"y * ({ROW_SUM} - gy)", "the sign is flipped"),
        (f"2 * y * (gy - {ROW_SUM})", "it is off by the constant factor 2"),
    ],
    "log_loss": [
        ("self.put(gL / (self.N * self.at))", "the sign is wrong"),
        ("self.put(-gL / self.at)", "the 1/N of the mean is missing"),
        ("self.put(-1 / self.at)", "gL and the 1/N of the mean are missing"),
        ("self.put(-gL / (self.C * self.at))", "the number of classes, not of rows"),
        ("self.put(-gL / (self.p.size * self.at))", "by all elements of p"),
        ("-gL / (self.N * self.p)", "every class got a gradient"),
        ("-gL / self.p", "every class got a gradient, and the 1/N of the mean is missing"),
        ("self.put(-gL / self.at) * 0.3 - 1", "one row, for L, and a column for each p"),
        ("self.put(-gL / self.at) * 0.3 - 1", "\n  gL = 3."),
        ("self.put(-gL / self.N)", "the slope of the logarithm is missing"),
        ("self.put(-gL * self.at / self.N)", "it is multiplied by p"),
        ("self.put(-gL * np.log(self.at) / self.N)", "this is the loss again"),
        ("self.put(-1 / (self.N * self.at))", "the upstream gradient gL is missing"),
        ("gL * (self.p - self.put(1)) / self.N", "the gradient for the logits, behind softmax"),
        ("self.wide(-gL / self.N / self.p)", "every row got the columns of all targets"),
        ("-gL / (self.N * self.at)", "gp has the shape (2,), and p has (2, 3)"),
        ("-gL / (self.N * self.at)", "only the targets' elements are returned"),
    ],
    "cross_entropy": [
        ("gL * (self.p - self.onehot)", "the 1/N of the mean is missing"),
        ("self.p - self.onehot", "p − onehot: gL and the 1/N of the mean are missing"),
        ("gL * (self.onehot - self.p) / self.N", "the sign is wrong"),
        ("gL * self.p / self.N", "onehot(t) is missing"),
        ("-gL * self.onehot / self.N", "p is missing"),
        ("gL * (self.p - 1) / self.N", "1 was subtracted from every class"),
        ("gL * self.p * (self.p - self.onehot) / self.N", "one factor p too many"),
        ("gL * (self.p - 1) * self.onehot / self.N", "only the target's logit got a gradient"),
        ("-gL * self.onehot / self.p / self.N", "softmax's step is missing"),
        ("gL * self.p * (1 - self.p) / self.N", "this is a sigmoid's slope"),
        (
            "gL * (self.p - self.onehot) * self.p * (1 - self.p) / self.N",
            "softmax's slope is in p − onehot already",
        ),
        ("(self.p - self.onehot) / self.N", "the upstream gradient gL is missing"),
        ("gL * (self.p - self.onehot) / self.p.shape[1]", "the number of classes, not of rows"),
        ("gL * (self.p - self.onehot) / self.p.size", "divided by all elements of z"),
        ("gL * (self.p - self.onehot.argmax(1)[:, None]) / self.N", "the number of the class"),
        (
            "gL * (self.p - self.onehot.any(axis=0)) / self.N",
            "1 was subtracted in the columns of all targets",
        ),
        ("gL * (self.p - self.onehot).mean()", "gz has the shape (), and z has (2, 3)"),
    ],
    "batch_norm": [
        ("W / s * gy", "the mean and the variance were taken as constants"),
        ("W / s * (gy - xhat * gW / N)", "the path through the mean is left out"),
        ("W / s * (gy - gb / N)", "the path through the variance is left out"),
        ("(gy - gb / N - xhat * gW / N) / s", "the scale W is missing"),
        ("W * (gy - gb / N - xhat * gW / N)", "the 1/s is missing"),
        ("W / s**2 * (gy - gb / N - xhat * gW / N)", "divided by the variance, not by s"),
        ("W / s * (gy - gb - xhat * gW)", "the 1/N of the mean and the variance is missing"),
        ("W / s * (gy - gb / N - gW / N)", "the last term lacks its factor x̂"),
        ("W / s * (gy + gb / N + xhat * gW / N)", "gm and gs have the wrong sign"),
        ("-W / s * (gy - gb / N - xhat * gW / N)", "the sign is flipped"),
        ("W / s * (gy - gb / N + xhat * gW / N)", "gs has the wrong sign"),
        ("W / s * (gy - gb / N - xhat * gW / N / s)", "gs is divided by s², not by s"),
        ("W / s * (gy - gb - xhat * gW / N)", "the 1/N of the mean is missing"),
        ("W / s * (gy - gy.sum() / N - xhat * (gy * xhat).sum() / N)", "over all channels"),
        ("W / s * (gy - gy.mean() - xhat * (gy * xhat).mean())", "the means go over all channels"),
        (
            f"W / s * (gy - gy.mean(1, {KEPT}) - xhat * (gy * xhat).mean(1, {KEPT}))",
            "the means go over the channels of a row",
        ),
        ("W / s * (gy - gb / N - xhat**3 * gW / N)", "\n  x = [[1.] [3.] [0.] [2.]]\n"),
        ("gy.sum()", "gy * xhat", "gb: your numbers are exactly those of gy.sum(): it is summed"),
        ("gy.sum(axis=1)", "...", "...", "gb: your numbers are exactly those of gy.sum(axis=1)"),
        ("gy.sum(axis=0)", "(gy * xhat).sum()", "(gy·x̂).sum(): it is summed over all axes"),
        ("gy.mean()", "gy * xhat", "gy.mean(): this is the mean over all axes"),
        ("gy.sum(axis=0)", "(gy * xhat).mean()", "(gy·x̂).mean(): this is the mean over all axes"),
        ("...", "(gy * xhat).sum(axis=1)", "...", "(gy·x̂).sum(axis=1): it is summed over the"),
        ("gy", "gy * xhat", "gb has the shape (4, 2), and b has (2,)"),
        ("gy.mean(axis=0)", "(gy * xhat).sum(axis=0)", "this is the mean over the rows"),
        ("gy.sum(axis=0)", "gy * xhat", "gy x̂: it is not summed over the rows"),
        ("gy.sum(axis=0)", "gy.sum(axis=0)", "this is gb: the slope x̂ is missing"),
        ("(gy * xhat).sum(axis=0)", "gy.sum(axis=0)", "this is gW: b has the slope 1"),
    ],
}
# `log_loss` and `cross_entropy` above may use these shorthands.
SHORT = {
    "log_loss": """
    N = property(lambda self: len(self.t))
    C = property(lambda self: self.p.shape[1])
    at = property(lambda self: self.p[self.rows, self.t])

    def put(self, values):
        gp = np.zeros_like(self.p)
        gp[self.rows, self.t] = values
        return gp

    def wide(self, values):
        return np.where(self.put(1).any(axis=0), values, 0)
""",
    "cross_entropy": "\n    N = property(lambda self: len(self.p))\n",
}

WRONG_ENGINE = {
    "order": [
        ("...", "order is not written yet"),
        ("None", "order returns None"),
        ("root", "order returns a "),
        ("[root]", "a is missing"),
        ("down(root)", "a comes 2 times"),
        ("once(root, [])", "runs before b, which uses it"),
        ("level(root)", "runs before"),
        ("after(root, [])", "that of the forward pass"),
        ("after(root, [])[-2::-1]", "The root runs too"),
        ("[*after(root, [])[::-1], None]", "there is None among the nodes"),
        ("list(root.inputs)", "there are Tensors among the nodes"),
        ("first(root)", "is missing"),
        ("after(root, [])[::-1]", "a chain of 3000 nodes: RecursionError"),
        ("after(root, [])[::-1] + [root]", "comes 2 times"),
        ("[1]", "something of type int among the nodes"),
        ("endless(root)", "raised RecursionError"),
    ],
    "accumulate": [
        ("...", "leaf.grad is still None"),
        ("return g if leaf.grad is None else leaf.grad + g", "leaf.grad is still None"),
        ("leaf.grad = g.copy()", "the last g alone"),
        ("leaf.grad = g.copy() if leaf.grad is None else leaf.grad", "the first g alone"),
        ("leaf.grad = g.copy() if leaf.grad is None else (leaf.grad + g) / 2", "the mean of them"),
        ("leaf.grad = g.copy() if leaf.grad is None else leaf.grad * g", "their product"),
        (
            "leaf.grad = g.copy() if leaf.grad is None else leaf.grad - g",
            "the first one minus the others",
        ),
        ("leaf.grad = np.zeros(2) if leaf.grad is None else leaf.grad + g", "the first one lost"),
        (
            "leaf.grad = leaf.grad if leaf.grad is not None else g.copy()\n    leaf.grad += g",
            "the first one twice",
        ),
        ("leaf.grad = g if leaf.grad is None else leaf.grad + g", "shares its memory with it"),
        (
            "if leaf.grad is None:\n        leaf.grad = g\n    else:\n        leaf.grad += g",
            "shares its memory with it",
        ),
        (
            "if leaf.grad is None:\n        leaf.grad = 0\n    leaf.grad = g.sum() + leaf.grad",
            "leaf.grad has the shape ()",
        ),
        ("leaf.data -= g", "leaf.data has changed"),
        ("g += 0 if leaf.grad is None else leaf.grad\n    leaf.grad = +g", "g was written to"),
        (
            "leaf.grad = np.zeros(2) + g if leaf.grad is None else leaf.grad + g",
            "leaf.grad became float64",
        ),
        (
            "KEPT.append(g.copy())\n    leaf.grad = sum(KEPT)",
            "another leaf did not begin with None",
        ),
        ("leaf.grad = [g]", "leaf.grad is a list"),
        ("leaf.grad += g", "line 17 raised TypeError: unsupported operand"),
    ],
    "free": [
        ("...", "...", "no node was freed"),
        (None, "...", "no node was freed"),
        (None, "vars(nodes[0]).clear()", "1 of 2 nodes were not freed"),
        (None, "vars(node).clear()", "with retain_graph=True nodes were freed"),
        (None, "if retain_graph:\n            vars(node).clear()", "no node was freed"),
        ("...", None, "a second sweep over freed nodes ends in "),
        ("if nodes[0].inputs is None:\n        return", None, "is not refused"),
        (
            "if nodes[0].inputs is None:\n        raise RuntimeError('freed')",
            None,
            "a sweep over freed nodes ends in",
        ),
        (None, "node.inputs = None if not retain_graph else node.inputs", "a node still holds"),
        (
            None,
            "if node is nodes[-1] and not retain_graph:\n            "
            "[vars(n).clear() for n in nodes]",
            "the first node was still held when the last one ran",
        ),
        (
            "if nodes[0].inputs is None or nodes[0] in SEEN:\n        raise RuntimeError\n"
            "    SEEN.append(nodes[0])",
            None,
            "with retain_graph=True the graph was refused",
        ),
        (
            None,
            "for x in node.inputs:\n            x.data = None\n        vars(node).clear()",
            "leaf.data is gone",
        ),
        (
            "if not nodes[0].inputs:\n        raise ValueError('freed')",
            None,
            "a second sweep over freed nodes ends in ValueError",
        ),
    ],
}
HELPERS = """

KEPT, SEEN = [], []


def below(node):
    return [x.node for x in node.inputs if x.node is not None]


def down(node):
    return [node] + [n for other in below(node) for n in down(other)]


def once(node, seen):
    if node not in seen:
        seen.append(node)
        for other in below(node):
            once(other, seen)
    return seen


def after(node, seen):
    if node not in seen:
        for other in below(node):
            after(other, seen)
        seen.append(node)
    return seen


def level(node):
    found = [node]
    for n in found:
        found += [other for other in below(n) if other not in found]
    return list(dict.fromkeys(found))


def first(node):
    return [node] + [n for other in below(node)[:1] for n in first(other)]


def endless(node):
    return endless(node)
"""


def write(exercise, lines, folder):
    """Write the student's file with these lines; None stands for the right one."""
    code = exercise.text()
    head, code = code.partition('"""\n\n')[0], exercise.code
    for i, line in enumerate(lines):
        right = exercise.lines[i]
        code = code.replace(f"⟨{i}⟩", right if line is None else line)
    path = folder / f"{exercise.name}.py"
    path.write_text(f'{head}"""\n\n{code}{SHORT.get(exercise.name, "")}{HELPERS}', "utf-8")
    return str(path)


def said(exercise, path):
    """Return what a student reads."""
    try:
        grade = grading.grade(exercise, path)
    except DataError as error:
        return str(error)
    assert not grade.passed
    return "\n".join(grade.lines)


TABLE = [(name, *row) for name, rows in {**WRONG, **WRONG_ENGINE}.items() for row in rows]


@pytest.mark.parametrize("row", TABLE, ids=[" ".join(map(str, row))[:60] for row in TABLE])
def test_a_wrong_answer_gets_its_sentence(row, tmp_path):
    name, *lines, sentence = row
    exercise = EXERCISES[name]
    if name == "batch_norm":  # gx alone, or gb and gW
        lines = [None, None, *lines] if len(lines) == 1 else [*lines, None][:3]
    text = said(exercise, write(exercise, lines, tmp_path))
    assert sentence in text
    assert "Traceback" not in text


def test_each_exercise_has_ten_wrong_answers():
    assert set(EXERCISES) == {*WRONG, *WRONG_ENGINE}
    for rows in ({**WRONG, **WRONG_ENGINE}).values():
        assert len({row[:-1] for row in rows}) >= 10


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_passes_and_the_file_as_it_is_written_does_not(name, tmp_path):
    exercise, path = exercises.find(str(tmp_path / f"{name}.py"))
    exercises.begin(exercise, path)
    assert exercises.is_begun(exercise, path)
    text = said(exercise, path)
    assert "is not written yet" in text or "is still None" in text or "no node was freed" in text
    (tmp_path / f"{name}.py").write_text(exercise.text(solved=True), "utf-8")
    assert grading.grade(exercise, path).passed


# ---- files that cannot be graded ---------------------------------------------------------------

SOFTMAX = "import minigrad as mg\n\n\nclass Softmax(mg.Function):\n"
FORWARD = """\
    def forward(self, x):
        e = np.exp(x)
        self.y = e / e.sum(axis=1, keepdims=True)
        return self.y

"""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "there is no Softmax in it; it defines nothing; write class Softmax(mg.Function)"),
        ("def softmax(x):\n    return x\n", "there is no Softmax in it; it defines softmax"),
        ("class Softmax:\n    pass\n", "Softmax is not class Softmax(mg.Function)"),
        (SOFTMAX + "    pass\n", "Softmax has no forward"),
        (SOFTMAX + "    def forward(self, x):\n        return x\n", "Softmax has no backward"),
        ("class Softmax(:\n", "line 1 raised SyntaxError: "),
        ("\n\nimport nunpy\n", "line 3 raised ModuleNotFoundError: No module named 'nunpy'"),
        ("raise SystemExit(3)\n", "line 1 raised SystemExit: 3"),
        ("def f():\n    return f()\n\n\nf()\n", "line 2 raised RecursionError"),
    ],
)
def test_a_file_that_cannot_be_graded(text, sentence, tmp_path):
    path = tmp_path / "softmax.py"
    path.write_text(text)
    assert sentence in said(EXERCISES["softmax"], str(path))


@pytest.mark.parametrize(
    ("backward", "sentence"),
    [
        ("return gy / 0 + self.z", "line 13 raised AttributeError: 'Softmax' object has no"),
        ("self.backward(gy)", "line 13 raised RecursionError"),
        ("gx = gy", "backward returns None. Does it end with `return gx`?"),
        ("return gy, gy", "backward returns 2 gradients, not 1: return gx"),
        ("return gy.tolist()", "gx is a list: return an array of shape (1, 3)"),
        ("return (None,)", "gx is None: return an array of shape (1, 3)"),
        ("return mg.Tensor(gy)", "gx is a Tensor: return an array of shape (1, 3)"),
        ("return gy.astype(str)", "gx holds <U32, not numbers"),
        ("return gy.astype(complex)", "gx holds complex128, not numbers"),
        (
            "gy *= self.y\n        return gy",
            "softmax: gy was written to, and others use it after you",
        ),
        ("return gy * np.nan", "gx shape ok   gx[0, 0]: yours nan, measured 0.511768"),
        ("raise SystemExit", "line 13 raised SystemExit"),
    ],
)
def test_a_backward_that_returns_no_gradient(backward, sentence, tmp_path):
    path = tmp_path / "softmax.py"
    code = (
        f"import numpy as np\n{SOFTMAX}{FORWARD}    def backward(self, gy):\n        {backward}\n"
    )
    path.write_text(code.replace("\n\n\nclass", "\n\n\n\nclass"))
    assert sentence in said(EXERCISES["softmax"], str(path))


def test_a_forward_that_was_changed_and_one_that_writes_to_its_input(tmp_path):
    square, path = EXERCISES["square"], tmp_path / "square.py"
    solved = square.text(solved=True)
    for other in ("x**3", "None", "[x]", "mg.Tensor(x)", "np.square(x).astype(object)"):
        path.write_text(solved.replace("np.square(x)", other), "utf-8")
        assert "forward does not return y any more" in said(square, str(path))
    changed = solved.replace("return np.square(x)", "y = x**2; x += 1; return y")
    path.write_text(changed.replace("self.x = x ", "self.x = x.copy() "), "utf-8")
    assert "square: x was written to, and others use it after you" in said(square, str(path))


def test_a_class_that_cannot_be_made_and_a_backward_that_fails_later(tmp_path):
    square, path = EXERCISES["square"], tmp_path / "square.py"
    solved = square.text(solved=True)
    made = solved.replace(
        "    def forward", "    def __init__(self, n):\n        pass\n\n    def forward"
    )
    path.write_text(made, "utf-8")
    assert "TypeError: Square.__init__() missing 1 required" in said(square, str(path))
    once = "gy * 2.5 * self.x if len(RUNS) < 3 or [][1] else RUNS; RUNS.append(1)"
    path.write_text(solved.replace("gy * 2 * self.x", once) + "\n\nRUNS = []\n", "utf-8")
    assert "raised IndexError: list index out of range; backward, under" in said(square, str(path))


def test_what_several_gradients_come_in(tmp_path):
    linear, path = EXERCISES["linear"], tmp_path / "linear.py"
    solved = linear.text(solved=True)
    for returned, sentence in (
        ("[gx, gW, gb]", "backward returns a list, and 3 gradients are wanted: return gx, gW, gb"),
        ("gx", "backward returns an array, and 3 gradients are wanted: return gx, gW, gb"),
        ("gx, gW", "backward returns 2 gradients, not 3: return gx, gW, gb"),
    ):
        path.write_text(solved.replace("return gx, gW, gb", f"return {returned}"), "utf-8")
        assert sentence in said(linear, str(path))


def test_no_file_and_no_exercise(tmp_path):
    with pytest.raises(DataError) as error:
        grading.grade(EXERCISES["relu"], str(tmp_path / "relu.py"))
    assert str(error.value).endswith("`minigrad exercise relu` writes it")
    with pytest.raises(ArgumentError) as error:
        exercises.find("softmx")
    assert str(error.value) == (
        "exercise: no exercise is called 'softmx'; the exercises are square, add, relu, linear, "
        "softmax, log_loss, cross_entropy, batch_norm, order, accumulate, free; did you mean "
        "'softmax'?"
    )


def test_a_file_is_never_overwritten(tmp_path):
    exercise, path = EXERCISES["relu"], tmp_path / "relu.py"
    path.write_text("mine\n")
    with pytest.raises(DataError) as error:
        exercises.begin(exercise, str(path))
    assert "the file exists, and is kept as it is" in str(error.value)
    assert path.read_text() == "mine\n"


def test_only_files_of_exercises_are_run_for_the_list(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "linear.py").write_text("raise SystemExit('mine')\n")
    exercises.begin(EXERCISES["relu"], "relu.py")
    (tmp_path / "square.py").write_text(EXERCISES["square"].text(solved=True), "utf-8")
    (tmp_path / "add.py").write_text(EXERCISES["add"].text() + "\nbroken(\n", "utf-8")
    states = {exercise.name: state for exercise, state in grading.progress()}
    assert {name: state for name, state in states.items() if state} == {
        "square": "done", "add": "begun", "relu": "begun",
    }  # fmt: skip


def test_an_exercise_gives_away_what_it_should_and_no_more():
    for exercise in EXERCISES.values():
        text = exercise.text()
        assert text.count("...") - text.count("`...`") == len(exercise.lines)
        if record := RECORDS.get(exercise.name):
            assert record.steps[-1] not in text
            assert all(step in text for step in record.steps[:-1])
        assert len(exercise.hints) == 3
        assert max(map(len, text.splitlines())) <= 120


# ---- training with it ----------------------------------------------------------------------------


def trained(**options):
    settings = {"epochs": 3, "hidden": [8], "dtype": "float64", "no_save": True, **options}
    return training.Experiment("iris", **settings).run().test.loss


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("solved", [True, False])
def test_training_with_ones_own_operation_ends_at_the_same_loss(name, solved, tmp_path):
    path, remarks = tmp_path / f"{name}.py", []
    path.write_text(EXERCISES[name].text(solved=solved), "utf-8")
    options = {"batch_norm": name == "batch_norm"}
    with practising(str(path), remarks.append):
        loss = trained(**options)
    assert loss == pytest.approx(trained(**options), abs=1e-6)
    banner = f"{path}: not all of backward is written; differences stand in for the rest"
    assert remarks == ([] if solved else [banner])


def test_the_layer_keeps_its_running_statistics(tmp_path):
    path, found = tmp_path / "batch_norm.py", []
    path.write_text(EXERCISES["batch_norm"].text(solved=True), "utf-8")
    x = np.random.default_rng(0).standard_normal((5, 3)) * 3 + 1
    for using in (contextlib.nullcontext(), practising(str(path), print)):
        layer = nn.BatchNorm1d(3, dtype=np.float64)
        with using:
            layer(Tensor(x)), layer(Tensor(x + 1))
            layer.eval()
            y = layer(Tensor(x)).data  # by the running statistics: not by the exercise
        found.append([layer.running_mean, layer.running_var, layer.num_batches_tracked, y])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)
    assert found[0][2] == 2


def test_training_in_float32_ends_at_the_same_loss(tmp_path):
    path = tmp_path / "softmax.py"
    path.write_text(EXERCISES["softmax"].text(solved=True), "utf-8")
    with practising(str(path), print):
        loss = trained(dtype="float32", epochs=20)
    assert loss == pytest.approx(trained(dtype="float32", epochs=20), abs=1e-6)


def test_a_wrong_backward_trains_to_another_loss(tmp_path):
    before, path = trained(), write(EXERCISES["softmax"], ["gy * y * (1 - y)"], tmp_path)
    with practising(path, print):
        assert abs(trained() - before) > 1e-3


IMAGES = (
    "exercise: batch_norm is written for rows x (N, C), and these are images; x (2, 3, 4, 4); "
    "train a network without convolutions"
)


def test_what_cannot_be_trained_with(tmp_path):
    path, remarks = tmp_path / "relu.py", []
    path.write_text(EXERCISES["relu"].text(solved=True), "utf-8")
    with practising(str(path), remarks.append):
        trained(activation="tanh")
    assert remarks == [f"{path} was not used: this network, with these options, has no relu"]
    path = tmp_path / "batch_norm.py"
    path.write_text(EXERCISES["batch_norm"].text(solved=True), "utf-8")
    with practising(str(path), remarks.append):
        trained()
    assert remarks[1:] == [
        f"{path} was not used: this network, with these options, has no batch_norm"
    ]
    unfit = pytest.raises(ArgumentError, match=exactly(IMAGES))
    with unfit, practising(str(path), print):
        nn.BatchNorm2d(3)(Tensor(np.ones((2, 3, 4, 4))))
    unfit = pytest.raises(ArgumentError, match="no network here has a part 'order'")
    with unfit, practising(str(tmp_path / "order.py"), print):
        raise AssertionError
    path = tmp_path / "softmax.py"
    path.write_text(EXERCISES["softmax"].text(solved=True), "utf-8")
    unfit = pytest.raises(ArgumentError, match="leave out class_weight")
    with unfit, practising(str(path), print):
        trained(class_weight="setosa=2", label_smoothing=0.0)
    path.write_text(EXERCISES["softmax"].text().replace("...", "gy + self.nothing"), "utf-8")
    raised = pytest.raises(DataError, match=r"line 27 raised AttributeError.*backward, in training")
    with raised, practising(str(path), print):
        trained()
    trained()  # minigrad's own is back in its place: this one would raise


def test_a_measured_gradient_is_the_gradient():
    rng = np.random.default_rng(0)
    for record in RECORDS.values():
        inputs = record.draw(rng, 4, 3, 2)
        gy = rng.standard_normal(record.apply(**inputs).shape)
        right = record.gradients(gy, inputs)
        for name in record.inputs:
            found = grading.measure(lambda r=record, **xs: r.apply(**xs).data, gy, inputs, name)
            np.testing.assert_allclose(found, right[f"g{name}"], rtol=1e-7, atol=1e-8)
