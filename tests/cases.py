"""The table of cases: every function and module, inputs to try it on, and PyTorch's version of it.

Whoever adds a function adds a row to `CASES`. The rows drive the gradient check, the comparison
with PyTorch and the contract tests in tests/functions/. This file needs NumPy and minigrad only.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from minigrad import Tensor, nn
from minigrad import functions as F


def normal(rng, shape):
    """Return standard normal numbers; none is so near 0 that a finite difference crosses it."""
    return rng.standard_normal(shape)


def positive(rng, shape):
    """Return numbers from 0.5 to 2."""
    return rng.uniform(0.5, 2, shape)


def away_from_zero(rng, shape):
    """Return numbers of both signs, 0.5 to 2 in size."""
    return rng.choice([-1, 1], shape) * positive(rng, shape)


def two_zeros(rng, shape):
    """Return numbers away from zero, with zeros as the first and the last."""
    return one_zero(rng, shape, zeros=(0, -1))


def one_zero(rng, shape, zeros=(0,)):
    """Return numbers away from zero, with a zero as the first."""
    x = away_from_zero(rng, shape)
    x.ravel()[list(zeros)] = 0
    return x


def probabilities(rng, shape):
    """Return positive numbers that sum to 1 along axis 1."""
    x = positive(rng, shape)
    return x / x.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        name: the public name: `exp` of `minigrad.functions`, `nn.Linear` of `minigrad.nn`.
        f: takes the inputs as Tensors and returns one Tensor.
        twin: takes the torch module and the inputs as torch tensors; None where PyTorch has none.
        shapes: the examples, each a list with the shape of every input.
        draw: makes an input away from kinks and poles: `draw(rng, shape)`, one for all inputs or
            a list with one for each.
        kinks: examples as lists of arrays: points without a derivative, ties, zeros, NaN and
            infinities. There PyTorch is followed, and finite differences say nothing.
        broadcasts: the inputs broadcast against each other, whatever their shapes.
        note: what this row is about, where a function has several.
    """

    name: str
    f: Callable
    twin: Callable | None
    shapes: list
    draw: Callable | list = normal
    kinks: list = field(default_factory=list)
    broadcasts: bool = False
    note: str = ""

    def inputs(self, shapes, dtype=np.float64, seed=0) -> list[np.ndarray]:
        """Return arrays of these shapes, the same ones every time."""
        rng = np.random.default_rng(seed)
        draws = self.draw if isinstance(self.draw, list) else [self.draw] * len(shapes)
        return [
            np.asarray(draw(rng, shape), dtype=dtype)
            for draw, shape in zip(draws, shapes, strict=True)
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.note}".strip()


# ---- shapes ------------------------------------------------------------------------------------

ONE = [[(3, 4)], [()], [(5,)], [(2, 1, 3)], [(0, 3)]]
ROWS = [[(3, 4)], [(5,)], [(2, 3, 4)], [(3, 1)], [(0, 3)]]
PAIRS = [  # rank 0 to 4, axes of length 1 and of length 0 on either side
    [(), ()],
    [(3,), ()],
    [(), (2, 3)],
    [(2, 3), (2, 3)],
    [(2, 3), (3,)],
    [(1,), (2, 3)],
    [(2, 3), (2, 1)],
    [(1, 3), (2, 1)],
    [(4, 1), (2, 1, 3)],
    [(2, 3, 1, 2), (1, 3, 2, 1)],
    [(2, 1, 2), (3, 2, 2, 1)],
    [(0, 3), (3,)],
    [(1, 3), (0, 1)],
    [(2, 1), (2, 0)],
]
SQUARE = [[(2, 2)], [(3, 2, 2)]]
MATRICES = [
    [(3,), (3,)],
    [(2, 3), (3,)],
    [(3,), (3, 2)],
    [(2, 3), (3, 4)],
    [(1, 1), (1, 1)],
    [(5, 2, 3), (3, 4)],
    [(2, 3), (5, 3, 4)],
    [(5, 2, 3), (5, 3, 4)],
    [(5, 1, 2, 3), (4, 3, 2)],
    [(1, 2, 3), (4, 3, 2)],
    [(4, 2, 3), (3,)],
    [(3,), (4, 3, 2)],
    [(3,), (2, 1, 3, 2)],
    [(0,), (0,)],
    [(2, 0), (0, 3)],
    [(0, 3), (3, 2)],
    [(0, 2, 3), (3, 4)],
    [(3,), (3, 0)],
]

# ---- points without a derivative ---------------------------------------------------------------

SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 2.5, -2.5])
A, B = (a.ravel() for a in np.meshgrid(SPECIAL, SPECIAL))
TIES = [
    [np.array(row, dtype=float)]
    for row in (
        [1, 1, 0],
        [3, 3, 3],
        [-0.0, 0.0, -1],
        [np.nan, 1, 2],
        [np.nan, np.nan, 1],
        [np.inf, np.inf, 1],
        [-np.inf, -np.inf, 0],
        [-np.inf, -np.inf, -np.inf],
        [np.inf, -np.inf, 0],
    )
]


# ---- one row or a few for each function --------------------------------------------------------


def elementwise(name, f, twin, *, draw=normal, kinks=SPECIAL, note=""):
    """Return the row of a function of one element at a time."""
    return Case(name, f, twin, ONE, draw, [[kinks]], note=note)


def pair(name, f, twin, *, draw=normal, kinks=(A, B), note=""):
    """Return the row of a function of two tensors that broadcast."""
    return Case(name, f, twin, PAIRS, draw, [list(kinks)], broadcasts=True, note=note)


def arithmetic_cases():
    """Return the rows of add, sub, mul, div, neg, pow and matmul."""
    yield pair("add", F.add, lambda torch, a, b: a + b)
    yield pair("sub", F.sub, lambda torch, a, b: a - b)
    yield pair("mul", F.mul, lambda torch, a, b: a * b)
    yield pair("div", F.div, lambda torch, a, b: a / b, draw=[normal, away_from_zero])
    yield Case("mul", lambda x: F.mul(x, x), lambda torch, x: x * x, ONE, note="x x")
    yield Case("add", lambda x: F.add(x, x), lambda torch, x: x + x, ONE, note="x + x")
    yield Case("sub", lambda x: F.sub(1, x), lambda torch, x: 1 - x, ONE, note="1 - x")
    yield Case("div", lambda x: F.div(1, x), lambda torch, x: 1 / x, ONE, positive, note="1 / x")
    yield elementwise("neg", F.neg, lambda torch, x: -x)
    yield pair("pow", F.pow, lambda torch, a, b: a**b, draw=[positive, normal])
    for b in (3, 2, 1, 0, -1, -2.5, 0.5):
        # Like pow of tensors, this is IEEE's: √−0 = 0 and (−∞)^½ = ∞, where PyTorch takes a sqrt.
        kinks = SPECIAL[SPECIAL > 0] if b == 0.5 else SPECIAL
        yield elementwise(
            "pow",
            lambda x, b=b: F.pow(x, b),
            lambda torch, x, b=b: x**b,
            draw=positive,
            kinks=kinks,
            note=f"exponent {b}",
        )
    for a in (2.0, 0.0, -2.0):
        yield elementwise(
            "pow",
            lambda x, a=a: F.pow(a, x),
            lambda torch, x, a=a: torch.pow(torch.tensor(a, dtype=x.dtype), x),
            draw=positive,
            note=f"base {a}",
        ) if a > 0 else Case(
            "pow",
            lambda x, a=a: F.pow(a, x),
            lambda torch, x, a=a: torch.pow(torch.tensor(a, dtype=x.dtype), x),
            shapes=[],
            kinks=[[SPECIAL]],
            note=f"base {a}",
        )
    yield Case("matmul", F.matmul, lambda torch, a, b: a @ b, MATRICES)
    yield Case("matmul", lambda x: F.matmul(x, x), lambda torch, x: x @ x, SQUARE, note="x x")


