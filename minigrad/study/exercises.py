"""The exercises: operations whose backward pass is to be written, and three parts of the engine.

What an operation's derivation and its usual mistakes are, its record says (checking/records.py).
Here are the code that is given, the lines that are missing, and the hints.
"""

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from ..checking.records import RECORDS, Record
from ..data.files import atomic_write, opened
from ..errors import ArgumentError, DataError
from ..text import did_you_mean


class Exercise(NamedTuple):
    """What a student gets, and what is kept back.

    Attributes:
        name: of the exercise; its file is `name`.py.
        title: what is to be written.
        task: the text above the code: what it does, and the derivation up to the last step.
        code: the file's code, with ⟨0⟩, ⟨1⟩ … where a line is missing.
        lines: these lines; in the student's file `...` stands for them.
        hints: three, each says more than the one before.
    """

    name: str
    title: str
    task: str
    code: str
    lines: tuple[str, ...]
    hints: tuple[str, str, str]

    @property
    def record(self) -> Record | None:
        """The operation's record; None for a part of the engine."""
        return RECORDS.get(self.name)

    @property
    def class_name(self) -> str:
        """The name of the class or function that the student writes."""
        (name,) = re.findall(r"^(?:class|def) (\w+)", self.code, re.MULTILINE)
        return name

    def text(self, solved: bool = False) -> str:
        """Return the file for the student, or with the solution."""
        code = self.code
        for i, line in enumerate(self.lines):
            code = code.replace(f"⟨{i}⟩", line if solved else "...")
        check = f"Write what `...` stands for, then:  minigrad exercise {self.name} --check"
        return f'"""{HEAD} {self.name}. {self.title}\n\n{self.task}\n\n{check}\n"""\n\n{code}'


HEAD = "Exercise"


def _of_record(
    name: str, title: str, code: str, lines: Sequence[str], hints: tuple[str, str, str]
) -> Exercise:
    """Return the exercise to write the backward pass of an operation that has a record."""
    record = RECORDS[name]
    steps = [f"{i}. {step}" for i, step in enumerate(record.steps[:-1], 1)]
    last = ", ".join(f"g{letter} = …" for letter in record.inputs)
    steps.append(f"{len(record.steps)}. {last}      this is left to you")
    task = "\n".join([f"    {record.formula}", f"    {record.shapes}", "", *steps])
    code = f"import numpy as np\n\nimport minigrad as mg\n\n\n{code.strip()}\n"
    return Exercise(name, title, task, code, tuple(lines), hints)


OPERATIONS = (
    _of_record(
        "square",
        "The square: one slope",
        """
class Square(mg.Function):
    def forward(self, x):
        self.x = x  # kept for backward
        return np.square(x)

    def backward(self, gy):
        gx = ⟨0⟩  # (N, C), from gy and self.x
        return gx
""",
        ["gy * 2 * self.x"],
        (
            "gx has two factors: how much L moves with y, and how much y moves with x.",
            "The first is gy, which is given. The second is the derivative of x².",
            "Multiply gy by 2x. x was kept as self.x.",
        ),
    ),
    _of_record(
        "add",
        "Add a row to every row: what is used many times gets the sum",
        """
class Add(mg.Function):
    def forward(self, a, b):
        return a + b  # a (N, C), b (C,): NumPy repeats b for every row

    def backward(self, gy):
        ga = ⟨0⟩  # (N, C)
        gb = ⟨1⟩  # (C,)
        return ga, gb
""",
        ["gy", "gy.sum(axis=0)"],
        (
            "Write out y for two rows: y₀ = a₀ + b, y₁ = a₁ + b. Where is b?",
            "b gets gy₀ + gy₁. A gradient has the shape of what it belongs to.",
            "ga is gy. gb is the sum of gy over the axis of the rows, axis 0.",
        ),
    ),
    _of_record(
        "relu",
        "The rectifier: where nothing passes",
        """
class ReLU(mg.Function):
    def forward(self, x):
        self.x = x
        return np.maximum(x, 0)

    def backward(self, gy):
        gx = ⟨0⟩  # (N, C)
        return gx
""",
        ["gy * (self.x > 0)"],
        (
            "Draw max(x, 0). What is its slope on the left of 0, and on the right?",
            "The slope is 1 or 0, and the sign of x says which.",
            "Multiply gy by (self.x > 0): NumPy counts True as 1.",
        ),
    ),
    _of_record(
        "linear",
        "A layer: which side is transposed",
        """
class Linear(mg.Function):
    def forward(self, x, W, b):
        self.x, self.W = x, W
        return x @ W.T + b

    def backward(self, gy):
        gx = ⟨0⟩  # (N, I)
        gW = ⟨1⟩  # (O, I)
        gb = ⟨2⟩  # (O,)
        return gx, gW, gb
""",
        ["gy @ self.W", "gy.T @ self.x", "gy.sum(axis=0)"],
        (
            "Write the shapes in a row: gy (N, O), x (N, I), W (O, I). Which products fit?",
            "gx sums over o and gW over n. In a product the summed index is the last of the first "
            "matrix and the first of the second one; transpose until it is.",
            "gx is gy times W, gW is gy transposed times x, gb is the sum of gy over the rows.",
        ),
    ),
    _of_record(
        "softmax",
        "Softmax: every input reaches every output",
        """
class Softmax(mg.Function):
    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))  # exp(−max) cancels, and none overflows
        self.y = e / e.sum(axis=1, keepdims=True)
        return self.y

    def backward(self, gy):
        y = self.y
        gx = ⟨0⟩  # (N, C)
        return gx
""",
        ["y * (gy - (gy * y).sum(axis=1, keepdims=True))"],
        (
            "Put both derivatives of step 2 into the sum of step 3: one term for j = i, and the "
            "others. Each of them has a factor yᵢ.",
            "gxᵢ = gyᵢ yᵢ − Σⱼ gyⱼ yⱼ yᵢ. The sum is one number for each row.",
            "Take yᵢ out: y times (gy minus the sum of gy y over axis 1). keepdims=True keeps the "
            "sums as a column (N, 1).",
        ),
    ),
    _of_record(
        "log_loss",
        "Cross-entropy of probabilities: one number out of each row",
        """
class LogLoss(mg.Function):
    def forward(self, p, t):
        self.p, self.t, self.rows = p, t, np.arange(len(t))
        return -np.log(p[self.rows, t]).mean()

    def backward(self, gL):
        gp = ⟨0⟩  # (N, C), from gL, self.p, self.rows, self.t
        return gp
""",
        [
            "np.zeros_like(self.p)  # (N, C)\n"
            "        gp[self.rows, self.t] = -gL / (len(self.t) * self.p[self.rows, self.t])"
        ],
        (
            "L = −1/N (ln p₀[t₀] + ln p₁[t₁] + …). Differentiate it by p₀[t₀].",
            "The slope of ln p is 1/p; −1/N and gL stay before it.",
            "Begin with np.zeros_like(self.p), and set its elements [rows, t] to −gL divided by N "
            "times p[rows, t]. N is len(self.t).",
        ),
    ),
    _of_record(
        "cross_entropy",
        "Softmax and cross-entropy in one: what cancels",
        """
class CrossEntropy(mg.Function):
    def forward(self, z, t):
        z = z - z.max(axis=1, keepdims=True)  # p stays the same, and no exponential overflows
        e, rows = np.exp(z), np.arange(len(t))
        self.p = e / e.sum(axis=1, keepdims=True)
        self.onehot = np.zeros_like(z)
        self.onehot[rows, t] = 1
        return (np.log(e.sum(axis=1)) - z[rows, t]).mean()

    def backward(self, gL):
        gz = ⟨0⟩  # (N, C), from gL, self.p, self.onehot
        return gz
""",
        ["gL * (self.p - self.onehot) / len(self.p)"],
        (
            "Steps 2 and 3 have the slopes of the two terms. Add them.",
            "For one row it is p − onehot(t). L is the mean of N rows, and gL comes from outside.",
            "gL times (p minus onehot), divided by N. N is len(self.p).",
        ),
    ),
    _of_record(
        "batch_norm",
        "Batch normalisation: three ways from x to the loss (hard)",
        """
class BatchNorm(mg.Function):
    def forward(self, x, W, b):
        self.s = np.sqrt(x.var(axis=0) + 1e-5)
        self.xhat = (x - x.mean(axis=0)) / self.s
        self.W = W
        return W * self.xhat + b

    def backward(self, gy):
        xhat, s, W, N = self.xhat, self.s, self.W, len(gy)
        gb = ⟨0⟩  # (C,)
        gW = ⟨1⟩  # (C,)
        gx = ⟨2⟩  # (N, C)
        return gx, gW, gb
""",
        ["gy.sum(axis=0)", "(gy * xhat).sum(axis=0)", "W / s * (gy - gb / N - xhat * gW / N)"],
        (
            "gb and gW first: both are sums over the rows. Then x: by its own x̂, by m, and by s.",
            "gx = gx̂/s + gm/N + gs x̂/N. Put in gm and gs, with Σ gx̂ = W gb and Σ gx̂ x̂ = W gW.",
            "Take W/s out of all three terms: W / s * (gy − gb/N − x̂ gW/N).",
        ),
    ),
)

ORDER = Exercise(
    "order",
    "The engine: in which order the nodes run",
    """A node is one operation. node.inputs are the Tensors that it was applied to, and x.node is
the node that made the Tensor x, or None if x is a leaf.

A backward pass may only run when its node has received the gradients of all its uses: every node
that uses its output has to run before it. Return the nodes in such an order, from `root` on: each
node that root depends on, once, and no leaves.

minigrad sorts by age (minigrad/engine.py), for a node is always younger than those it uses. Find
an order by a search through the graph instead.""",
    '''
def order(root):
    """Return the nodes that root depends on, root first, each after all that use its output."""
    nodes = ⟨0⟩
    return nodes
'''.lstrip(),
    (
        """[]
    seen, todo = set(), [(root, False)]  # a list, for recursion ends at 1,000 calls
    while todo:
        node, below_is_done = todo.pop()
        if below_is_done:
            nodes.append(node)
        elif node not in seen:
            seen.add(node)
            todo.append((node, True))
            todo += [(x.node, False) for x in node.inputs if x.node is not None]
    nodes.reverse()""",
    ),
    (
        "Depth first: go down through the inputs. When may a node be written down, before what is "
        "below it, or after?",
        "Written down after all that is below it, a node comes after what it depends on. Turn "
        "that list round.",
        "Keep the nodes still to do in a list of your own, and put each in twice: once to go below "
        "it, once to write it down. A set holds those seen.",
    ),
)

ACCUMULATE = Exercise(
    "accumulate",
    "The engine: what is used twice gets the sum",
    """A leaf, such as a weight, may be used several times, and a batch may come in parts. Each
use sends its gradient, and leaf.grad is the sum of all that came since it was last set to None.

    leaf.grad is None at first, then an array in the shape and the dtype of g.
    g is an array that others may hold and use later: do not write to it, and do not keep it.""",
    '''
import numpy as np


def accumulate(leaf, g):
    """Add the gradient g of one use to leaf.grad."""
    ⟨0⟩
'''.lstrip(),
    (
        """if leaf.grad is None:
        leaf.grad = g.copy()  # an array of its own
    else:
        leaf.grad += g""",
    ),
    (
        "There are two cases: the first gradient, and one that is added.",
        "After leaf.grad = g both names mean one array. What does leaf.grad += … do to g then?",
        "The first: leaf.grad = g.copy(). Later ones: leaf.grad += g.",
    ),
)

FREE = Exercise(
    "free",
    "The engine: freeing the graph",
    """The nodes hold every array that the forward pass saved. A sweep that frees each node as soon
as it has run needs that memory only once. After that the graph cannot be used again: a second sweep
has to say so, and not add a part of the gradients.

    vars(node).clear()   forgets all that a node holds; node.inputs is None then
    retain_graph=True    nothing is freed, and the sweep can be run again

`nodes` is in the order of the sweep. Two things are missing: the refusal, and the freeing. The
refusal is a RuntimeError.""",
    '''
def sweep(nodes, gradient, retain_graph=False):
    """Add the gradient of each leaf; nodes[0] gets `gradient`."""
    ⟨0⟩  # if a node was freed before: raise RuntimeError("…")
    pending = {nodes[0]: gradient}
    for node in nodes:
        gradients = node.backward(pending.pop(node))
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)
        for x, g in zip(node.inputs, gradients):
            if x.node is None:
                x.grad = g.copy() if x.grad is None else x.grad + g
            else:
                pending[x.node] = pending[x.node] + g if x.node in pending else g
        ⟨1⟩  # free this node
'''.lstrip(),
    (
        """if any(node.inputs is None for node in nodes):
        raise RuntimeError("this graph was freed; run the forward pass again")""",
        """if not retain_graph:
            vars(node).clear()""",
    ),
    (
        "A freed node has node.inputs None. When do you have to look, to add nothing in vain?",
        "Look at all nodes before the first one runs. Free a node at the end of its own turn.",
        "any(node.inputs is None for node in nodes) at the top; at the bottom vars(node).clear(), "
        "unless retain_graph.",
    ),
)

EXERCISES = {e.name: e for e in (*OPERATIONS, ORDER, ACCUMULATE, FREE)}


def find(name: str) -> tuple[Exercise, str]:
    """Return the exercise, and the path of its file, for "softmax", softmax.py or a/softmax.py.

    Raises:
        ArgumentError: if there is no such exercise.
    """
    path = name if name.endswith(".py") else f"{name}.py"
    stem = os.path.basename(path)[:-3]
    if stem not in EXERCISES:
        facts = f"the exercises are {', '.join(EXERCISES)}"
        remedy = did_you_mean(stem, EXERCISES, "`minigrad exercise` lists them")
        raise ArgumentError("exercise", f"no exercise is called {stem!r}", facts, remedy)
    return EXERCISES[stem], path


def begin(exercise: Exercise, path: str) -> None:
    """Write the student's file.

    Raises:
        DataError: if there is a file already: it is never overwritten.
    """
    if os.path.lexists(path):
        remedy = f"go on with it, or move it away; minigrad exercise {exercise.name} --check"
        raise DataError(path, "the file exists, and is kept as it is", exercise.title, remedy)
    atomic_write(path, exercise.text().encode(), overwrite=False)


def is_begun(exercise: Exercise, path: str) -> bool:
    """Return whether there is a file that `begin` wrote; another one of that name is not run."""
    try:
        with opened(path) as file:  # a pipe is none, and reading it would wait
            start = file.read(200).decode(errors="replace")
    except DataError:
        return False
    return start.startswith(f'"""{HEAD} {exercise.name}.')
