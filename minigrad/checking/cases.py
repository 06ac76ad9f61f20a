"""The table of cases: every function and module, inputs to try it on, and PyTorch's version of it.

Whoever adds a function adds a row to `CASES`. The rows drive the gradient check, the comparison
with PyTorch, `minigrad gradcheck` and the contract tests. PyTorch is not imported here: the twins
get it as an argument.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import functions as F
from .. import nn
from ..tensor import Tensor


@dataclass(frozen=True, repr=False)
class Case:
    """One row of the table.

    Attributes:
        name: the public name: `exp` of `minigrad.functions`, `nn.Linear` of `minigrad`.
        f: takes the inputs as Tensors and returns one Tensor.
        twin: takes the torch module and the inputs as torch tensors; None if PyTorch has no such
            function.
        shapes: the examples, each a list with the shape of every input.
        draw: draws an input away from kinks and poles: `draw(rng, shape)` for all inputs, or a list
            with one function for each.
        kinks: more examples, as lists of arrays: points without a derivative, ties, NaN and
            infinities. There minigrad follows PyTorch, and finite differences say nothing.
        broadcasts: whether the function takes inputs of any shapes that broadcast.
        note: what the row is about, if a function has several.
    """

    name: str
    f: Callable
    twin: Callable | None
    shapes: list
    draw: Callable | list | None = None
    kinks: list | tuple = ()
    broadcasts: bool = False
    note: str = ""

    def inputs(self, shapes, dtype=np.float64, seed: int = 1) -> list[np.ndarray]:
        """Return arrays of these shapes, the same for the same seed."""
        rng = np.random.default_rng(seed)
        draws = self.draw if isinstance(self.draw, list) else [self.draw or normal] * len(shapes)
        return [np.asarray(d(rng, s), dtype=dtype) for d, s in zip(draws, shapes, strict=True)]

    def __repr__(self) -> str:
        return f"{self.name} {self.note}".strip()


# ---- inputs ------------------------------------------------------------------------------------


def normal(rng, shape):
    """Return standard normal numbers; no difference crosses 0, because its step shrinks."""
    return rng.standard_normal(shape)


def positive(rng, shape):
    """Return numbers from 0.5 to 2."""
    return rng.uniform(0.5, 2, shape)


def nonzero(rng, shape):
    """Return numbers of both signs, 0.5 to 2 in size."""
    return rng.choice([-1, 1], shape) * positive(rng, shape)


def one_zero(rng, shape):
    """Return numbers away from zero, except that the first is zero."""
    x = nonzero(rng, shape)
    x.flat[:1] = 0
    return x


def two_zeros(rng, shape):
    """Return numbers away from zero, except that the first two are zero."""
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


# Each list has a square, for which a transposed gradient still has the right shape.
ANY = [[(3, 4)], [()], [(5,)], [(2, 1, 3)], [(3, 3)], [(0, 3)]]
ROWS = [[(3, 4)], [(5,)], [(2, 3, 4)], [(3, 1)], [(3, 3)], [(0, 3)]]
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
# without −0 and −∞, where the slope of √x is IEEE's pow(x, −½) here, 1 / sqrt(x) in PyTorch
HALF = np.array([np.nan, np.inf, 0.0, 1.0, -1.0, 2.5, -2.5])
PAIRED = [a.ravel() for a in np.meshgrid(SPECIAL, SPECIAL)]  # all pairs
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


# ---- the rows, one file of minigrad/functions after another ------------------------------------


def unary(name, f, twin, draw=None, kinks=SPECIAL, note=""):
    """Return the row of an elementwise function."""
    return Case(name, f, twin, ANY, draw, [[kinks]], note=note)


def binary(name, f, twin, draw=None):
    """Return the row of a function of two tensors that broadcast."""
    return Case(name, f, twin, PAIRS, draw, [PAIRED], broadcasts=True)


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
            lambda torch, x, b=b: x**b,
            positive if b != int(b) else None,
            kinks=HALF if b == 0.5 else SPECIAL,
            note=f"x ^ {b}",
        )
        for b in (3.0, 2.0, 1.0, 0.0, -1.0, -2.5, 0.5)
    ],
    *[
        Case(
            "pow",
            lambda x, a=a: F.pow(a, x),
            lambda torch, x, a=a: torch.full_like(x, a) ** x,
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
    return np.asarray(np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2 == 0)


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
    # 0 · ∞: gy is infinite where a gradient of 0 is selected
    Case(
        "abs",
        lambda x: F.log(F.abs(x)),
        lambda torch, x: torch.log(torch.where(x == 0, 0, x.abs())),  # its abs alone makes a NaN
        [],
        kinks=[[np.array([0.0, -0.0, 2.0])]],
        note="0 · ∞",
    ),
    Case(
        "clip",
        lambda x: F.log(F.clip(x, 0, 1)),
        lambda torch, x: torch.log(x.clamp(0, 1)),
        [],
        kinks=[[np.array([-1.0, 0.0, 0.5, 2.0])]],
        note="0 · ∞",
    ),
    Case(
        "where",
        lambda a, b: F.log(F.where(condition(a, b), a, b)),
        lambda torch, a, b: torch.log(torch.where(torch.from_numpy(condition(a, b)), a, b)),
        [],
        kinks=[[np.array([1.0, 0.0, 0.0, 2.0]), np.array([0.0, 3.0, 0.0, 0.0])]],
        note="0 · ∞",
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
        lambda torch, x: x.broadcast_to(2, 3).clamp(
            *[torch.tensor(a, dtype=x.dtype) for a in LIMITS]
        ),
        [[(2, 3)], [(3,)], [(2, 1)], [()]],
        note="arrays",
    ),
]


def over(reduce, axis, keepdims):
    """Return the twin x -> reduce(torch, x, axis, keepdims); None becomes a tuple of all axes."""
    return lambda torch, x: reduce(
        torch, x, tuple(range(x.ndim)) if axis is None else axis, keepdims
    )


def torch_prod(torch, x, axis, keepdims):
    """Return the product over several axes; PyTorch takes one axis at a time."""
    for i in sorted(np.atleast_1d(axis) % max(x.ndim, 1), reverse=True):
        x = x.prod(int(i), keepdim=keepdims)
    return x


CUBES = [[(3, 2, 4)], [(3, 1, 2)], [(2, 2, 2)]]
REDUCED = [  # the shapes, the axis, keepdims
    (ANY[:-1], None, False),
    (CUBES, None, True),
    (CUBES, 0, False),
    (CUBES, 1, True),
    (CUBES, (0, -1), False),
    (CUBES, (-1, 1), True),
    ([[(2, 3)], [(0, 3)], [(4, 1)]], -1, False),
]
EMPTY = [([[(0, 3)], [(2, 0)]], None, True), ([[(0, 3)], [(0, 2)]], 0, False)]
SEVERAL = [  # with more than one element, for ddof=1
    ([[(3, 4)], [(5,)]], None, False),
    (CUBES, (0, -1), False),
    (CUBES, (-1, 1), True),
    ([[(2, 3)], [(0, 3)]], -1, False),
]


def reduction(name, f, twin, draw=None, kinks=TIES, rows=REDUCED, note=""):
    """Return the rows of a reduction f(x, axis, keepdims) and its twin."""
    return [
        Case(
            name,
            lambda x, axis=axis, keepdims=keepdims: f(x, axis=axis, keepdims=keepdims),
            over(twin, axis, keepdims),
            shapes,
            draw,
            kinks if (axis, keepdims) == (None, False) else (),
            note=f"{note} axis={axis} keepdims={keepdims}".strip(),
        )
        for shapes, axis, keepdims in rows
    ]


def spread(name, f, ddof, rows=REDUCED):
    """Return the rows of var or std."""
    return reduction(
        name,
        lambda x, axis, keepdims: f(x, axis, ddof, keepdims),
        lambda torch, x, axis, keepdims: getattr(x, name)(axis, correction=ddof, keepdim=keepdims),
        kinks=[*TIES, [np.array([2.0])]],
        rows=rows,
        note=f"ddof={ddof}",
    )


REDUCTIONS = [
    *reduction(
        "sum", F.sum, lambda torch, x, axis, keep: x.sum(axis, keep), rows=[*REDUCED, *EMPTY]
    ),
    *reduction(
        "mean", F.mean, lambda torch, x, axis, keep: x.mean(axis, keep), rows=[*REDUCED, *EMPTY]
    ),
    *reduction("max", F.max, lambda torch, x, axis, keep: x.amax(axis, keep)),
    *reduction("min", F.min, lambda torch, x, axis, keep: x.amin(axis, keep)),
    *reduction("prod", F.prod, torch_prod, nonzero, TIES[:3], [*REDUCED, *EMPTY]),
    *reduction("prod", F.prod, torch_prod, one_zero, kinks=(), note="one zero"),
    *reduction("prod", F.prod, torch_prod, two_zeros, kinks=(), note="two zeros"),
    *reduction(
        "logsumexp",
        F.logsumexp,
        lambda torch, x, axis, keep: x.logsumexp(axis, keep),
        rows=[*REDUCED, *EMPTY],
    ),
    *spread("var", F.var, 0),
    *spread("var", F.var, 1, SEVERAL),
    *spread("std", F.std, 0),
    *spread("std", F.std, 1, SEVERAL),
    *[  # PyTorch takes the negative divisor of ddof > n in the gradient, and 0 in the value
        Case(
            f.__name__,
            lambda x, f=f: f(x, axis=1, ddof=3),
            lambda torch, x, f=f: getattr(torch, f.__name__)(x, dim=1, correction=3),
            [],
            kinks=[[np.array([[1.0, 2.0, 4.0], [2.0, 2.0, 2.0]])]],
            note="ddof=3",
        )
        for f in (F.var, F.std)
    ],
    *[  # axis=() reduces nothing, as in NumPy; in PyTorch it means all axes
        Case(
            f.__name__,
            lambda x, f=f: f(x, axis=()),
            lambda torch, x: +x,
            [[(2, 3)]],
            note="axis=()",
        )
        for f in (F.sum, F.mean, F.max, F.min, F.prod, F.logsumexp)
    ],
]


def index_twin(index):
    """Return the twin x -> x[index], by positions, because PyTorch has no negative steps."""

    def twin(torch, x):
        positions = np.arange(x.numel()).reshape(tuple(x.shape))[index]
        return x.reshape(-1)[torch.from_numpy(np.array(positions))]

    return twin


MASK = np.arange(24).reshape(2, 3, 4) % 5 < 2
INDICES = [
    0,
    -1,
    np.int64(1),
    None,
    ...,
    (),
    slice(None),
    slice(1, None),
    slice(None, None, -1),
    (slice(None), slice(None, 0, -2)),
    (..., slice(None, None, 2)),
    (..., None, 1),
    (1, 2, 3),
    (0, slice(1, 3), -1),
    slice(2, 2),
    [1, 0, 1],
    [],
    [[0, 1], [1, 1]],
    [True, False],
    range(2),
    np.array([0, 0, -1, 1]),
    np.array(1),
    np.array([1, 0], dtype=np.uint8),
    (slice(None), np.array([2, 2, 0])),
    (np.array([0, 1, 0]), np.array([1, 1, 1])),
    (np.array([[0], [1]]), np.array([2, 2])),
    (np.array([0, 1, 1]), slice(None), np.array([3, 0, 3])),
    (0, [1, 1, 2]),
    (None, [1, 1], ..., 0),
    MASK,
    MASK[0, 0, :2],
    (1, MASK[0]),
    (..., MASK[0, 0]),
    np.zeros((2, 3, 4), dtype=bool),
    True,
    False,
    np.True_,
]
PADDINGS = [  # pad_width, and PyTorch's: flat, last axis first
    (1, (1, 1, 1, 1)),
    (0, (0, 0, 0, 0)),
    ((2, 1), (2, 1, 2, 1)),
    ([[0, 1], [2, 0]], (2, 0, 0, 1)),
    (((1, 2), (3, 0)), (3, 0, 1, 2)),
]

SHAPES = [
    *[
        Case(
            "reshape",
            lambda x, shape=shape: F.reshape(x, shape),
            lambda torch, x, shape=shape: x.reshape(shape),
            [[before]],
            note=f"to {shape}",
        )
        for before, shape in [
            ((2, 3, 4), (4, 6)),
            ((2, 3, 4), (3, -1)),
            ((2, 3), (-1,)),
            ((), (1, 1)),
            ((1,), ()),
            ((0, 3), (3, 0, 2)),
        ]
    ],
    Case("transpose", F.transpose, lambda torch, x: x.permute(tuple(range(x.ndim))[::-1]), ANY),
    *[
        Case(
            "transpose",
            lambda x, axes=axes: F.transpose(x, axes),
            lambda torch, x, axes=axes: x.permute(axes),
            CUBES,
            note=f"axes={axes}",
        )
        for axes in [(0, 1, 2), (1, 2, 0), (2, 0, 1), (-1, 0, -2), (1, 0, -1)]
    ],
    *[
        Case(
            "expand_dims",
            lambda x, axis=axis: F.expand_dims(x, axis),
            lambda torch, x, shape=shape: x.reshape(shape),
            [[(2, 3)]],
            note=f"axis={axis}",
        )
        for axis, shape in [
            (0, (1, 2, 3)),
            (-1, (2, 3, 1)),
            (1, (2, 1, 3)),
            ((0, -1), (1, 2, 3, 1)),
        ]
    ],
    *[
        Case(
            "squeeze",
            lambda x, axis=axis: F.squeeze(x, axis),
            lambda torch, x, shape=shape: x.reshape(shape),
            [[(1, 3, 1)]],
            note=f"axis={axis}",
        )
        for axis, shape in [(None, (3,)), (0, (3, 1)), (-1, (1, 3)), ((0, 2), (3,))]
    ],
    *[
        Case(
            "broadcast_to",
            lambda x, shape=shape: F.broadcast_to(x, shape),
            lambda torch, x, shape=shape: x.broadcast_to(shape),
            [[before]],
            note=f"{before} to {shape}",
        )
        for before, shape in [
            ((), (2, 3)),
            ((3,), (2, 3)),
            ((2, 1), (2, 3)),
            ((2, 1, 1), (4, 2, 3, 1)),
            ((1, 3), (0, 3)),
            ((2, 3), (2, 3)),
            ((3,), (3, 3)),
        ]
    ],
    *[
        Case(
            "getitem",
            lambda x, index=index: F.getitem(x, index),
            index_twin(index),
            [[(2, 3, 4)]],
            note=f"[{index!r}]".replace("\n", ""),
        )
        for index in INDICES
    ],
    Case("getitem", lambda x: F.getitem(x, ()), lambda torch, x: x.clone(), [[()]], note="of 0-d"),
    Case(
        "getitem",
        lambda x: F.getitem(x, [2, 0, 0]),
        index_twin([2, 0, 0]),
        [[(3, 3)]],
        note="of a square",
    ),
    Case(
        "getitem",
        lambda x: F.getitem(x, (Tensor(np.array([1, 1])), Tensor(MASK[0, :, 0]))),
        index_twin((np.array([1, 1]), MASK[0, :, 0])),
        [[(2, 3, 4)]],
        note="Tensors",
    ),
    *[
        Case(
            "concatenate",
            lambda *xs, axis=axis: F.concatenate(xs, axis),
            lambda torch, *xs, axis=axis: torch.cat(xs, axis),
            [shapes],
            note=f"axis={axis}",
        )
        for axis, shapes in [
            (0, [(2, 3), (1, 3), (4, 3)]),
            (0, [(2, 2), (2, 2), (2, 2)]),
            (1, [(2, 3), (2, 1)]),
            (-1, [(2, 1, 2), (2, 1, 0), (2, 1, 3)]),
            (-2, [(2, 1, 2), (2, 2, 2)]),
            (0, [(3,)]),
            (0, [(0,), (2,)]),
        ]
    ],
    Case(
        "concatenate",
        lambda x: F.concatenate([x, x]),
        lambda torch, x: torch.cat([x, x]),
        [[(2, 3)]],
        note="x x",
    ),
    *[
        Case(
            "stack",
            lambda *xs, axis=axis: F.stack(xs, axis),
            lambda torch, *xs, axis=axis: torch.stack(xs, axis),
            [[(2, 3)] * 3, [(0, 2)] * 2, [(2, 1)]],
            note=f"axis={axis}",
        )
        for axis in (0, 1, 2, -1, -2)
    ],
    Case("stack", lambda *xs: F.stack(xs), lambda torch, *xs: torch.stack(xs), [[(), ()]]),
    *[
        Case(
            "pad",
            lambda x, width=width: F.pad(x, width, value=0.5),
            lambda torch, x, flat=flat: torch.nn.functional.pad(x, flat, value=0.5),
            [[(2, 3)], [(2, 2)], [(1, 0)]],
            note=f"pad_width={width}",
        )
        for width, flat in PADDINGS
    ],
    Case(
        "pad", lambda x: F.pad(x, 2), lambda torch, x: torch.nn.functional.pad(x, (2, 2)), [[(3,)]]
    ),
]


def functional(name, kinks=SPECIAL, **options):
    """Return the row of an activation that torch.nn.functional has under the same name."""
    return unary(
        name,
        lambda x: getattr(F, name)(x, **options),
        lambda torch, x: getattr(torch.nn.functional, name)(x, **options),
        kinks=kinks,
        note=" ".join(f"{k}={v}" for k, v in options.items()),
    )


def softmax(name, axis):
    """Return the row of softmax or log_softmax along an axis."""
    return Case(
        name,
        lambda x: getattr(F, name)(x, axis=axis),
        lambda torch, x: getattr(torch, name)(x, axis),
        ROWS if axis == -1 else [*CUBES, [(2, 3)], [(0, 3)], [(3, 0)]],
        kinks=TIES if axis == -1 else (),
        note=f"axis={axis}",
    )


ACTIVATIONS = [
    functional("relu"),
    functional("leaky_relu"),
    functional("leaky_relu", negative_slope=0.2),
    # PyTorch's gradient at NaN is gy or NaN, depending on the processor.
    functional("elu", SPECIAL[1:]),
    functional("elu", SPECIAL[1:], alpha=1.7),
    functional("gelu"),
    functional("gelu", approximate="tanh"),
    functional("silu"),
    functional("softplus"),
    functional("sigmoid"),
    functional("tanh"),
    *[softmax(name, axis) for name in ("softmax", "log_softmax") for axis in (-1, 0, 1)],
]

LINEAR = [
    Case(
        "linear",
        F.linear,
        lambda torch, x, W, b: torch.nn.functional.linear(x, W, b),
        [
            [(5, 3), (4, 3), (4,)],
            [(3, 3), (3, 3), (3,)],
            [(3,), (4, 3), (4,)],
            [(2, 5, 3), (4, 3), (4,)],
            [(2, 1, 2, 3), (1, 3), (1,)],
            [(0, 3), (4, 3), (4,)],
            [(2, 0, 3), (4, 3), (4,)],
        ],
    ),
    Case(
        "linear",
        F.linear,
        lambda torch, x, W: torch.nn.functional.linear(x, W),
        [[(5, 3), (4, 3)], [(3,), (4, 3)], [(2, 5, 3), (4, 3)], [(0, 3), (4, 3)]],
        note="without b",
    ),
]


def same_mask(torch, x, p):
    """Return x times the mask that dropout draws from seed 7; PyTorch would draw another."""
    mask = F.dropout(np.ones(tuple(x.shape)), p, rng=7).data
    return x * torch.tensor(mask, dtype=x.dtype)


DROPOUT = [
    Case(
        "dropout",
        lambda x, p=p: F.dropout(x, p, rng=7),
        lambda torch, x, p=p: same_mask(torch, x, p),
        ANY,
        note=f"p={p}",
    )
    for p in (0, 0.3, 1)
]

# ---- losses: every combination of their options ------------------------------------------------

N, C = 4, 3
WEIGHT = [0.5, 2.0, 1.25]  # one for each class
REST = [(), (3,), (2, 1)]  # the axes d1 … dk of logits (N, C, d1 … dk)
REDUCTION = ("mean", "sum", "none")


def one_hot(t):
    """Return the rows (N, C, d…) of the indices (N, d…)."""
    return np.moveaxis(np.eye(C, dtype=int)[t], -1, 1)


def targets(rest, n=N):
    """Return a target of each kind for logits (n, C, *rest)."""
    rng = np.random.default_rng(3)
    t = rng.integers(C, size=(n, *rest))
    q = probabilities(rng, (n, C, *rest))
    return {"indices": t, "one-hot": one_hot(t), "probabilities": q}


def torch_options(torch, x, options):
    """Return the options as PyTorch takes them."""
    ours = dict(options)
    for name in ("weight", "pos_weight"):
        if ours.get(name) is not None:
            ours[name] = torch.tensor(ours[name], dtype=x.dtype)
    if "ignore_index" in ours and ours["ignore_index"] is None:
        ours["ignore_index"] = -100  # PyTorch's default
    return ours


def torch_cross_entropy(torch, z, t, from_probabilities, **options):
    """Return PyTorch's cross-entropy; for probabilities the formula, which PyTorch lacks.

    ℓₙ = −Σ_c w_c q_c ln p_c, and the mean divides by Σₙ w[tₙ] for indices and by N for rows.
    """
    t, rows = torch.from_numpy(t), t.ndim == z.ndim
    options = torch_options(torch, z, options)
    if not from_probabilities:
        return torch.nn.functional.cross_entropy(z, t.to(z.dtype) if rows else t, **options)
    q = (t if rows else torch.nn.functional.one_hot(t, C).movedim(-1, 1)).to(z.dtype)
    q = (1 - options["label_smoothing"]) * q + options["label_smoothing"] / C
    w = torch.ones(C, dtype=z.dtype) if options["weight"] is None else options["weight"]
    losses = -(q * w.reshape(C, *[1] * (z.ndim - 2)) * z.log()).sum(1)
    counts = torch.ones_like(losses) if rows else w[t] * (t != options["ignore_index"])
    if not rows:
        losses = losses * (t != options["ignore_index"])
    mean = losses.sum() / counts.sum()
    return {"none": losses, "sum": losses.sum(), "mean": mean}[options["reduction"]]


def loss(name, f, twin, t, shape, options, draw=None, note=""):
    """Return the row of a loss f(x, t, **options) for one x of this shape."""
    given = [f"{k}={v}" for k, v in options.items() if v]
    return Case(
        name,
        lambda x: f(x, t, **options),
        lambda torch, x: twin(torch, x, t, **options),
        [[shape]],
        draw,
        note=" ".join([note, *given]).strip(),
    )


def combinations(**options):
    """Yield a dict for every combination of the options' values."""
    for values in itertools.product(*options.values()):
        yield dict(zip(options, values, strict=True))


CROSS_ENTROPY = [
    loss(
        "cross_entropy",
        F.cross_entropy,
        torch_cross_entropy,
        targets(rest)[kind],
        (N, C, *rest),
        options,
        probabilities if options["from_probabilities"] else normal,
        note=kind,
    )
    for rest in REST
    for kind in ("indices", "one-hot", "probabilities")
    for options in combinations(
        weight=(None, WEIGHT),
        ignore_index=(None, 1) if kind == "indices" else (None,),
        label_smoothing=(0.0, 0.2),
        reduction=REDUCTION,
        from_probabilities=(False, True),
    )
]
SQUARE = targets((), n=C)  # as many rows as classes
SIGNED = [2.0, -1.0, 0.5]  # PyTorch takes negative weights too
CROSS_ENTROPY += [
    loss(
        "cross_entropy",
        F.cross_entropy,
        torch_cross_entropy,
        SQUARE[kind],
        (C, C),
        options,
        probabilities if options["from_probabilities"] else normal,
        note=f"{kind} square",
    )
    for kind in SQUARE
    for options in combinations(
        weight=(None, SIGNED),
        ignore_index=(None,),
        label_smoothing=(0.0,),
        reduction=("mean",),
        from_probabilities=(False, True),
    )
]
CROSS_ENTROPY += [  # a class without weight in the target may have the probability 0
    Case(
        "cross_entropy",
        lambda p, t=t: F.cross_entropy(p, t, from_probabilities=True),
        lambda torch, p: -p.diagonal().log().mean(),
        shapes=[],
        kinks=[[np.eye(C)], [np.eye(C)[[2, 1, 0]]]],
        note=f"certain of the diagonal, t {t.shape}",
    )
    for t in (np.arange(C), np.eye(C))
]


def torch_nll(torch, x, t, **options):
    """Return PyTorch's negative log-likelihood."""
    options = torch_options(torch, x, options)
    return torch.nn.functional.nll_loss(x, torch.from_numpy(t), **options)


NLL = [
    loss("nll_loss", F.nll_loss, torch_nll, targets(rest)["indices"], (N, C, *rest), options)
    for rest in REST
    for options in combinations(weight=(None, WEIGHT), ignore_index=(None, 1), reduction=REDUCTION)
]
NLL += [loss("nll_loss", F.nll_loss, torch_nll, SQUARE["indices"], (C, C), {}, note="square")]


def torch_bce(torch, x, t, **options):
    """Return PyTorch's binary cross-entropy with logits."""
    options = torch_options(torch, x, options)
    t = torch.tensor(t, dtype=x.dtype)
    return torch.nn.functional.binary_cross_entropy_with_logits(x, t, **options)


BINARY = [
    loss(
        "binary_cross_entropy_with_logits",
        F.binary_cross_entropy_with_logits,
        torch_bce,
        shares(np.random.default_rng(4), shape),
        shape,
        options,
    )
    for shape in [(N, C), (C,), (2, N, C), (C, C)]
    for options in combinations(
        weight=(None, WEIGHT, 3.0), pos_weight=(None, WEIGHT, 0.5), reduction=REDUCTION
    )
]

MSE = [
    Case(
        "mse_loss",
        lambda x, t, how=how: F.mse_loss(x, t, reduction=how),
        lambda torch, x, t, how=how: torch.nn.functional.mse_loss(x, t, reduction=how),
        [
            [(3, 4)] * 2,
            [(3, 3)] * 2,
            [()] * 2,
            [(2, 1, 3)] * 2,
            *([[(0, 3)] * 2] if how != "mean" else []),
        ],
        note=how,
    )
    for how in REDUCTION
]
# ---- images, normalisation ---------------------------------------------------------------------

CONVOLUTIONS = [  # shapes of x, W and b; stride, padding, dilation, groups
    ([(2, 3, 5, 6), (4, 3, 3, 2), (4,)], (1, 0, 1, 1)),
    ([(3, 2, 3, 3), (3, 2, 3, 3), (3,)], (1, 1, 1, 1)),
    ([(2, 1, 7, 6), (2, 1, 3, 2), (2,)], (2, 1, 1, 1)),
    ([(1, 2, 6, 7), (2, 2, 2, 3), (2,)], ((1, 3), (2, 0), 1, 1)),
    ([(2, 2, 7, 8), (3, 2, 2, 3), (3,)], (1, 0, (3, 2), 1)),
    ([(2, 4, 4, 5), (6, 2, 2, 2), (6,)], (1, 0, 1, 2)),
    ([(2, 3, 4, 4), (3, 1, 3, 3), (3,)], (2, 1, 1, 3)),
    ([(2, 3, 2, 2), (2, 3, 1, 1), (2,)], (1, 0, 1, 1)),
    ([(0, 2, 4, 4), (3, 2, 2, 2), (3,)], (1, 0, 1, 1)),
    ([(2, 2, 3, 3), (2, 2, 2, 2), (2,)], (1, 0, 1, 1)),  # y has the shape of W
    ([(1, 2, 3, 2), (2, 2, 3, 2), (2,)], (1, 0, 1, 1)),  # y is smaller than W
]


def convolution(shapes, options, note=""):
    """Return the row of conv2d with these options, with b if there is a third shape."""
    return Case(
        "conv2d",
        lambda x, W, b=None: F.conv2d(x, W, b, *options),
        lambda torch, x, W, b=None: torch.nn.functional.conv2d(x, W, b, *options),
        [shapes],
        note="stride={} padding={} dilation={} groups={}".format(*options) + note,
    )


def spaced(rng, shape):
    """Return numbers of which any two are at least 0.1 apart: no difference changes their order."""
    return rng.permutation(np.prod(shape, dtype=int)).reshape(shape) / 10


def pooling(name, options, kinks=()):
    """Return the row of a pooling with these options."""
    return Case(
        name,
        lambda x: getattr(F, name)(x, *options),
        lambda torch, x: getattr(torch.nn.functional, name)(x, *options),
        [[(2, 3, 5, 6)], [(3, 3, 3, 3)], [(0, 2, 4, 4)]],
        spaced,
        kinks,
        note="kernel_size={} stride={} padding={}".format(*options),
    )


POOLINGS = [
    (2, None, 0), (3, 1, 0), (3, 2, 1), ((2, 3), None, (1, 0)), (1, None, 0), (1, 2, 0),
    ((3, 2), (1, 2), (0, 1)),
]  # fmt: skip
NO_ORDER = np.array([[1, 1, 0, 0], [1, 1, 0, -0.0], [np.nan, 1, 2, np.inf], [2, np.nan, np.inf, 2]])
IMAGE_KINKS = [[NO_ORDER[None, None]], [np.full((1, 2, 4, 4), -np.inf)]]

IMAGES = [
    *[convolution(shapes, options) for shapes, options in CONVOLUTIONS],
    *[convolution(shapes[:2], options, " without b") for shapes, options in CONVOLUTIONS[::3]],
    *[pooling("max_pool2d", options) for options in POOLINGS],
    pooling("max_pool2d", (2, 1, 0), IMAGE_KINKS),
    pooling("max_pool2d", (3, 1, 1), IMAGE_KINKS),
    pooling("max_pool2d", ((4, 5), (3, 2), (2, 1)), IMAGE_KINKS),
    *[pooling("avg_pool2d", options) for options in POOLINGS],
    Case(
        "global_avg_pool2d",
        F.global_avg_pool2d,
        lambda torch, x: torch.nn.functional.adaptive_avg_pool2d(x, 1).flatten(1),
        [[(2, 3, 4, 5)], [(3, 3, 3, 3)], [(1, 1, 1, 1)], [(0, 2, 3, 3)]],
    ),
]

CHANNELS = [[(5, 3)], [(3, 3)], [(4, 2, 3)], [(2, 3, 4, 2)], [(5, 1)]]
MEANS, VARIANCES = np.array([0.5, -1.0, 0.25]), np.array([2.0, 0.5, 1.25])


def statistics(x):
    """Return a running mean and a running variance for the channels of x."""
    return MEANS[: x.shape[1]], VARIANCES[: x.shape[1]]


def torch_batch_norm(torch, x, W=None, b=None, training=True, eps=1e-5):
    """Return PyTorch's batch norm, with the `statistics` in eval mode."""
    mean, var = [torch.tensor(a, dtype=x.dtype) for a in statistics(x)]
    if training:
        mean = var = None
    return torch.nn.functional.batch_norm(x, mean, var, W, b, training=training, eps=eps)


def our_batch_norm(x, *Wb, training=True, eps=1e-5):
    """Return batch_norm, with the `statistics` in eval mode, in the dtype of x."""
    both = (None, None) if training else [a.astype(x.dtype) for a in statistics(x)]
    return F.batch_norm(x, *both, *Wb, training=training, eps=eps)


def with_parameters(rows):
    """Return the shapes (x, W, b) for the shapes of x (N, C, …)."""
    return [[x, (x[1],), (x[1],)] for (x,) in rows]


ROW = (2, 3)  # of layer_norm
NORMALISATION = [
    *[
        Case(
            "batch_norm",
            lambda *xs, options=options: our_batch_norm(*xs, **options),
            lambda torch, *xs, options=options: torch_batch_norm(torch, *xs, **options),
            shapes,
            note=" ".join(f"{k}={v}" for k, v in options.items()),
        )
        for options in ({"training": True}, {"training": False}, {"training": True, "eps": 0.5})
        for shapes in (with_parameters(CHANNELS), CHANNELS[2:])
    ],
    Case(
        "layer_norm",
        lambda x, W, b: F.layer_norm(x, W.shape, W, b),
        lambda torch, x, W, b: torch.nn.functional.layer_norm(x, tuple(W.shape), W, b),
        [
            [(5, 3), (3,), (3,)],
            [(3, 3), (3,), (3,)],
            [(4, *ROW), ROW, ROW],
            [(2, 3, 2, 3), ROW, ROW],
            [(4,), (4,), (4,)],
            [(0, 3), (3,), (3,)],
        ],
    ),
    Case(
        "layer_norm",
        lambda x: F.layer_norm(x, 3, eps=0.1),
        lambda torch, x: torch.nn.functional.layer_norm(x, (3,), eps=0.1),
        [[(5, 3)], [(2, 4, 3)]],
        note="without W and b",
    ),
]

WORDS = np.array([[0, 2, 2], [1, 2, 0]])  # row 3 is not used
EMBEDDING = [
    Case(
        "embedding",
        lambda W, t=t: F.embedding(t, W),
        lambda torch, W, t=t: torch.nn.functional.embedding(torch.from_numpy(t), W),
        [[(4, 3)], [(3, 3)]],
        note=f"t {t.shape}",
    )
    for t in (WORDS, WORDS[0], np.array(1), WORDS.astype(np.int32)[:, :0])
]

# ---- modules -----------------------------------------------------------------------------------


def torch_linear(torch, x, W, b=None):
    """Return the output of torch.nn.Linear with these parameters."""
    layer = torch.nn.Linear(3, 4, bias=b is not None, dtype=x.dtype)
    parameters = {"weight": W} if b is None else {"weight": W, "bias": b}
    return torch.func.functional_call(layer, parameters, (x,))


def linear(x, W, b=None):
    """Return the output of nn.Linear with these parameters."""
    layer = nn.Linear(3, 4, bias=b is not None)
    layer.weight, layer.bias = W, b
    return layer(x)


def network(x, W, b):
    """Return the output of a Sequential: Linear, Tanh."""
    layer = nn.Linear(3, 4)
    layer.weight, layer.bias = W, b
    return nn.Sequential(layer, nn.Tanh())(x)


def activation(name, shapes=ANY, **options):
    """Return the row of a module without parameters that torch.nn has under the same name."""
    ours = {"axis" if k == "dim" else k: v for k, v in options.items()}
    return Case(
        f"nn.{name}",
        lambda x: getattr(nn, name)(**ours)(x),
        lambda torch, x: getattr(torch.nn, name)(**options)(x),
        shapes,
        note=" ".join(f"{k}={v}" for k, v in ours.items()),
    )


def loss_module(name, twin, t, **options):
    """Return the row of a loss module; `twin` is its name in torch.nn."""
    return loss(
        f"nn.{name}",
        lambda x, t, **options: getattr(nn, name)(**options)(x, t),
        lambda torch, x, t, **options: getattr(torch.nn, twin)(**torch_options(torch, x, options))(
            x, torch.tensor(t) if t.dtype.kind == "i" else torch.tensor(t, dtype=x.dtype)
        ),
        t,
        (N, C),
        {"reduction": "mean", **options},
    )


CLASSES, SHARES = targets(())["indices"], targets(())["probabilities"]

MODULES = [
    Case("nn.Linear", linear, torch_linear, [[(5, 3), (4, 3), (4,)], [(5, 3), (4, 3)]]),
    Case(
        "nn.Sequential",
        network,
        lambda torch, *xs: torch_linear(torch, *xs).tanh(),
        [[(5, 3), (4, 3), (4,)]],
    ),
    activation("ReLU"),
    activation("LeakyReLU"),
    activation("LeakyReLU", negative_slope=0.3),
    activation("ELU"),
    activation("ELU", alpha=0.5),
    activation("GELU"),
    activation("GELU", approximate="tanh"),
    activation("SiLU"),
    activation("Softplus"),
    activation("Sigmoid"),
    activation("Tanh"),
    activation("Softmax", ROWS, dim=-1),
    activation("Softmax", CUBES, dim=1),
    activation("LogSoftmax", ROWS, dim=-1),
    activation("LogSoftmax", CUBES, dim=0),
    activation("Flatten", [[(5, 3)], [(2, 3, 4)], [(2, 1, 2, 2)], [(0, 3)]]),
    activation("Unflatten", [[(2, 12)], [(0, 12)]], dim=1, unflattened_size=(2, 3, 2)),
    activation("Unflatten", [[(2, 3, 4)]], dim=-1, unflattened_size=(2, 2)),
    Case(
        "nn.Dropout",
        lambda x: nn.Dropout(0.3, rng=7)(x),
        lambda torch, x: same_mask(torch, x, 0.3),
        ANY,
    ),
    loss_module("CrossEntropy", "CrossEntropyLoss", CLASSES),
    loss_module(
        "CrossEntropy",
        "CrossEntropyLoss",
        CLASSES,
        weight=WEIGHT,
        ignore_index=1,
        label_smoothing=0.1,
    ),
    loss_module("CrossEntropy", "CrossEntropyLoss", SHARES, weight=WEIGHT, reduction="none"),
    Case(
        "nn.CrossEntropy",
        lambda p: nn.CrossEntropy(from_probabilities=True)(p, CLASSES),
        lambda torch, p: torch.nn.functional.nll_loss(p.log(), torch.from_numpy(CLASSES)),
        [[(N, C)]],
        probabilities,
        note="from_probabilities",
    ),
    loss_module("NLLLoss", "NLLLoss", CLASSES),
    loss_module("NLLLoss", "NLLLoss", CLASSES, weight=WEIGHT, ignore_index=1, reduction="sum"),
    *[
        Case(
            "nn.MSELoss",
            lambda x, t, how=how: nn.MSELoss(reduction=how)(x, t),
            lambda torch, x, t, how=how: torch.nn.MSELoss(reduction=how)(x, t),
            [[(3, 4)] * 2],
            note=how,
        )
        for how in REDUCTION
    ],
    loss_module("BCEWithLogitsLoss", "BCEWithLogitsLoss", SHARES),
    loss_module(
        "BCEWithLogitsLoss",
        "BCEWithLogitsLoss",
        SHARES,
        weight=WEIGHT,
        pos_weight=WEIGHT,
        reduction="sum",
    ),
]


def layer(name, arguments, shapes, training=True, **options):
    """Return the row of a layer that torch.nn has too; its parameters are the inputs after x."""

    def ours(x, *parameters):
        made = getattr(nn, name)(*arguments, **options).train(training)
        for (attribute, _), p in zip(made.named_parameters(), parameters, strict=True):
            setattr(made, attribute, p)
        return made(x)

    def twin(torch, x, *parameters):
        made = getattr(torch.nn, name)(*arguments, **options, dtype=x.dtype).train(training)
        names = [attribute for attribute, _ in made.named_parameters()]
        return torch.func.functional_call(made, dict(zip(names, parameters, strict=True)), (x,))

    given = [f"{k}={v}" for k, v in options.items()]
    note = " ".join(given if training else ["eval", *given])
    return Case(f"nn.{name}", ours, twin, [shapes], note=note)


def pool(name, *options):
    """Return the row of a pooling layer."""
    return Case(
        f"nn.{name}",
        lambda x: getattr(nn, name)(*options)(x),
        lambda torch, x: getattr(torch.nn, name)(*options)(x),
        [[(2, 3, 5, 6)]],
        spaced,
        note=str(options),
    )


def residual(x, W, b):
    """Return the output of a Residual: Linear, Tanh."""
    linear = nn.Linear(3, 3)
    linear.weight, linear.bias = W, b
    return nn.Residual(linear, F.tanh)(x)


def embedding(W):
    """Return the rows of an nn.Embedding for WORDS."""
    made = nn.Embedding(4, 3)
    made.weight = W
    return made(WORDS)


LAYERS = [
    layer("Conv2d", (3, 4, 3), [(2, 3, 5, 6), (4, 3, 3, 3), (4,)]),
    layer(
        "Conv2d",
        (4, 6, (3, 2)),
        [(2, 4, 7, 6), (6, 2, 3, 2)],
        stride=2,
        padding=(1, 0),
        dilation=(1, 2),
        groups=2,
        bias=False,
    ),
    pool("MaxPool2d", 2),
    pool("MaxPool2d", 3, (1, 2), 1),
    pool("AvgPool2d", 2),
    pool("AvgPool2d", (3, 2), 1, (1, 0)),
    Case(
        "nn.GlobalAvgPool2d",
        lambda x: nn.GlobalAvgPool2d()(x),
        lambda torch, x: torch.nn.AdaptiveAvgPool2d(1)(x).flatten(1),
        [[(2, 3, 5, 6)]],
    ),
    *[
        layer(name, (3,), [shape, *parameters], training, affine=bool(parameters), **options)
        for name, shape in [
            ("BatchNorm1d", (4, 3)), ("BatchNorm1d", (4, 3, 2)), ("BatchNorm2d", (4, 3, 2, 5)),
        ]
        for parameters in ([(3,), (3,)], [])
        for training, options in [(True, {}), (False, {}), (True, {"eps": 0.1, "momentum": None})]
    ],
    layer("LayerNorm", (3,), [(5, 3), (3,), (3,)]),
    layer("LayerNorm", ([2, 3],), [(4, 2, 3), (2, 3)], eps=0.1, bias=False),
    layer("LayerNorm", (3,), [(4, 2, 3)], elementwise_affine=False),
    Case(
        "nn.Embedding",
        embedding,
        lambda torch, W: torch.nn.functional.embedding(torch.from_numpy(WORDS), W),
        [[(4, 3)]],
    ),
    Case(
        "nn.Residual",
        residual,
        lambda torch, x, W, b: x + torch.nn.functional.linear(x, W, b).tanh(),
        [[(5, 3), (3, 3), (3,)], [(2, 4, 3), (3, 3), (3,)]],
    ),
]  # fmt: skip

CASES = [
    *ARITHMETIC,
    *ELEMENTWISE,
    *REDUCTIONS,
    *SHAPES,
    *ACTIVATIONS,
    *LINEAR,
    *DROPOUT,
    *CROSS_ENTROPY,
    *NLL,
    *BINARY,
    *MSE,
    *IMAGES,
    *NORMALISATION,
    *EMBEDDING,
    *MODULES,
    *LAYERS,
]
