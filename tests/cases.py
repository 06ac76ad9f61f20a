"""The table of cases: every function and module, inputs to try it on, and PyTorch's version of it.

Whoever adds a function adds a row to `CASES`. The rows drive the gradient check, the comparison
with PyTorch and the contract tests in tests/functions/. This file needs NumPy and minigrad only.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minigrad import Tensor, nn
from minigrad import functions as F


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        name: the public name: `exp` of `minigrad.functions`, `nn.Linear` of `minigrad`.
        f: takes the inputs as Tensors and returns one Tensor.
        twin: takes the torch module and the inputs as torch tensors; None where PyTorch has none.
        shapes: the examples, each a list with the shape of every input.
        draw: makes an input, away from kinks and poles: `draw(rng, shape)` for all inputs, or a
            list with one for each.
        kinks: more examples, as lists of arrays: points without a derivative, ties, NaN and
            infinities. PyTorch is followed there, and finite differences say nothing.
        broadcasts: inputs of any shapes that broadcast will do.
        note: what the row is about, where a function has several.
    """

    name: str
    f: Callable
    twin: Callable | None
    shapes: list
    draw: Callable | list | None = None
    kinks: list | tuple = ()
    broadcasts: bool = False
    note: str = ""

    def inputs(self, shapes, dtype=np.float64) -> list[np.ndarray]:
        """Return arrays of these shapes, the same ones every time."""
        rng = np.random.default_rng(1)
        draws = self.draw if isinstance(self.draw, list) else [self.draw or normal] * len(shapes)
        return [np.asarray(d(rng, s), dtype=dtype) for d, s in zip(draws, shapes, strict=True)]

    def __str__(self) -> str:
        return f"{self.name} {self.note}".strip()


# ---- inputs ------------------------------------------------------------------------------------


def normal(rng, shape):
    """Return standard normal numbers; a finite difference never crosses 0, its step shrinks."""
    return rng.standard_normal(shape)


def positive(rng, shape):
    """Return numbers from 0.5 to 2."""
    return rng.uniform(0.5, 2, shape)


def nonzero(rng, shape):
    """Return numbers of both signs, 0.5 to 2 in size."""
    return rng.choice([-1, 1], shape) * positive(rng, shape)


def one_zero(rng, shape):
    """Return numbers away from zero, and a zero as the first one."""
    x = nonzero(rng, shape)
    x.flat[:1] = 0
    return x


def two_zeros(rng, shape):
    """Return numbers away from zero, and zeros as the first two."""
    x = nonzero(rng, shape)
    x.flat[:2] = 0
    return x


def probabilities(rng, shape):
    """Return positive numbers that sum to 1 along axis 1."""
    x = positive(rng, shape)
    return x / x.sum(axis=1, keepdims=True)


def shares(rng, shape):
    """Return numbers from 0 to 1, some of which are 0 or 1."""
    return np.clip(rng.uniform(-0.5, 1.5, shape), 0, 1)


ANY = [[(3, 4)], [()], [(5,)], [(2, 1, 3)], [(0, 3)]]
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
MATRICES = [  # both 1-D, one 1-D, plain, stacked, stacks that broadcast, and nothing to multiply
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
    [(2, 1, 2, 3), (3,)],
    [(3,), (4, 3, 2)],
    [(3,), (2, 1, 3, 2)],
    [(0,), (0,)],
    [(2, 0), (0, 3)],
    [(0, 3), (3, 2)],
    [(0, 2, 3), (3, 4)],
    [(3,), (3, 0)],
]

SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 2.5, -2.5])
FINITE = SPECIAL[np.isfinite(SPECIAL)]
PAIRED = [a.ravel() for a in np.meshgrid(SPECIAL, SPECIAL)]  # each one with each one
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


# ---- the rows, one file of minigrad/functions after the other ----------------------------------


def unary(name, f, twin, draw=None, kinks=SPECIAL, note=""):
    """Return the row of a function of one element at a time."""
    return Case(name, f, twin, ANY, draw, [[kinks]], note=note)


def binary(name, f, twin, draw=None):
    """Return the row of a function of two tensors that broadcast."""
    return Case(name, f, twin, PAIRS, draw, [PAIRED], broadcasts=True)


def number(torch, a, x):
    """Return the number `a` as a torch tensor that suits x."""
    return torch.tensor(a, dtype=x.dtype)


ARITHMETIC = [
    binary("add", F.add, lambda torch, a, b: a + b),
    binary("sub", F.sub, lambda torch, a, b: a - b),
    binary("mul", F.mul, lambda torch, a, b: a * b),
    binary("div", F.div, lambda torch, a, b: a / b, draw=[normal, nonzero]),
    binary("pow", F.pow, lambda torch, a, b: a**b, draw=[positive, normal]),
    unary("neg", F.neg, lambda torch, x: -x),
    unary("add", lambda x: F.add(x, x), lambda torch, x: x + x, note="x + x"),
    unary("sub", lambda x: F.sub(x, x), lambda torch, x: x - x, note="x - x"),
    unary("mul", lambda x: F.mul(x, x), lambda torch, x: x * x, note="x x"),
    unary("sub", lambda x: F.sub(1, x), lambda torch, x: 1 - x, note="1 - x"),
    unary("div", lambda x: F.div(1, x), lambda torch, x: 1 / x, positive, note="1 / x"),
    unary("pow", lambda x: F.pow(x, x), lambda torch, x: x**x, positive, note="x ^ x"),
    *[
        unary(
            "pow",
            lambda x, b=b: F.pow(x, b),
            lambda torch, x, b=b: x ** number(torch, b, x),
            positive if b != int(b) else None,
            note=f"x ^ {b}",
        )
        for b in (3.0, 2.0, 1.0, 0.0, -1.0, 0.5, -2.5)
    ],
    *[
        Case(
            "pow",
            lambda x, a=a: F.pow(a, x),
            lambda torch, x, a=a: number(torch, a, x) ** x,
            shapes=ANY if a > 0 else [],
            kinks=[[SPECIAL]],
            note=f"{a} ^ x",
        )
        for a in (2.0, 0.0, -2.0)
    ],
    Case("matmul", F.matmul, lambda torch, a, b: a @ b, MATRICES),
    Case("matmul", lambda x: F.matmul(x, x), lambda torch, x: x @ x, [[(2, 2)], [(3, 2, 2)]]),
]


def condition(*xs):
    """Return an alternating condition of the shape that the inputs broadcast to."""
    shape = np.broadcast_shapes(*[tuple(x.shape) for x in xs])
    return np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2 == 0


TALL = np.array([True, False, True]).reshape(3, 1, 1)  # a condition that broadcasts the branches
LIMITS = np.array([[-0.5], [0.0]]), np.array([0.2, 0.4, np.inf])  # they broadcast to (2, 3)

ELEMENTWISE = [
    unary("exp", F.exp, lambda torch, x: x.exp()),
    unary("log", F.log, lambda torch, x: x.log(), positive),
    unary("log1p", F.log1p, lambda torch, x: x.log1p(), positive),
    unary("sqrt", F.sqrt, lambda torch, x: x.sqrt(), positive),
    unary("abs", F.abs, lambda torch, x: x.abs()),
    unary("sin", F.sin, lambda torch, x: x.sin()),
    unary("cos", F.cos, lambda torch, x: x.cos()),
    binary("maximum", F.maximum, lambda torch, a, b: torch.maximum(a, b)),
    binary("minimum", F.minimum, lambda torch, a, b: torch.minimum(a, b)),
    unary("maximum", lambda x: F.maximum(x, x), lambda torch, x: torch.maximum(x, x), note="x x"),
    binary(
        "where",
        lambda a, b: F.where(condition(a, b), a, b),
        lambda torch, a, b: torch.where(torch.from_numpy(condition(a, b)), a, b),
    ),
    Case(
        "where",
        lambda a, b: F.where(TALL, a, b),
        lambda torch, a, b: torch.where(torch.from_numpy(TALL), a, b),
        [[(2, 1), (2,)], [(), ()]],
        note="condition broadcasts",
    ),
    unary(
        "where",
        lambda x: F.where(x > 0, F.log(x), 0),
        lambda torch, x: torch.where(x > 0, x.log(), 0),
        positive,
        note="NaN behind it",
    ),
    unary(
        "where",
        lambda x: F.where(x > 0, F.log(F.where(x > 0, x, 1)), 0),
        lambda torch, x: torch.where(x > 0, torch.where(x > 0, x, 1).log(), 0),
        note="remedy",
    ),
    unary("clip", lambda x: F.clip(x, -1, 1), lambda torch, x: x.clamp(-1, 1)),
    unary("clip", lambda x: F.clip(x, min=-1), lambda torch, x: x.clamp(min=-1), note="min"),
    unary("clip", lambda x: F.clip(x, max=1), lambda torch, x: x.clamp(max=1), note="max"),
    Case(
        "clip",
        lambda x: F.clip(x, *LIMITS),
        lambda torch, x: x.clamp(*[torch.tensor(a, dtype=x.dtype) for a in LIMITS]),
        [[(2, 3)], [(3,)], [(2, 1)], [()]],
        note="arrays",
    ),
]


def axes(x, axis):
    """Return NumPy's `axis` as the tuple of axes that PyTorch wants."""
    return tuple(range(x.ndim)) if axis is None else axis


def torch_prod(torch, x, axis, keepdims):
    """Return the product over several axes; PyTorch takes one at a time."""
    for i in sorted(np.atleast_1d(axes(x, axis)) % max(x.ndim, 1), reverse=True):
        x = x.prod(int(i), keepdim=keepdims)
    return x


def reduction_rows(name, f, twin, draw=None, kinks=TIES, note=""):
    """Return the rows of a reduction: all axes, one, the last, several, none; keepdims or not.

    f(x, axis=, keepdims=) is ours; twin(torch, x, axis, keepdims) gets a tuple or one axis.
    """
    yield Case(name, f, lambda torch, x: twin(torch, x, axes(x, None), False), ANY[:-1], draw,
               kinks, note=note)  # fmt: skip
    for axis, keepdims in (
        (None, True),
        (0, False),
        (-1, False),
        (1, True),
        ((0, -1), False),
        ((-1, 1), True),
        ((2, 0, 1), False),
    ):
        yield Case(
            name,
            lambda x, o=(axis, keepdims): f(x, axis=o[0], keepdims=o[1]),
            lambda torch, x, o=(axis, keepdims): twin(torch, x, axes(x, o[0]), o[1]),
            [[(3, 2, 4)], [(3, 1, 2)]],
            draw,
            note=f"{note} axis={axis} keepdims={keepdims}".strip(),
        )


REDUCTIONS = [
    *reduction_rows("sum", F.sum, lambda torch, x, axis, keep: x.sum(axis, keep)),
    *reduction_rows("mean", F.mean, lambda torch, x, axis, keep: x.mean(axis, keep)),
    *reduction_rows("max", F.max, lambda torch, x, axis, keep: x.amax(axis, keep)),
    *reduction_rows("min", F.min, lambda torch, x, axis, keep: x.amin(axis, keep)),
    *reduction_rows("prod", F.prod, torch_prod, nonzero, kinks=()),
    *reduction_rows("prod", F.prod, torch_prod, one_zero, kinks=(), note="one zero"),
    *reduction_rows("prod", F.prod, torch_prod, two_zeros, kinks=(), note="two zeros"),
    *reduction_rows(
        "logsumexp", F.logsumexp, lambda torch, x, axis, keep: x.logsumexp(axis, keep)
    ),
]
