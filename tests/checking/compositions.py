"""Random compositions of smooth functions, whose gradients are those of right code."""

from typing import NamedTuple

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from minigrad import Tensor
from minigrad import functions as F
from tests.helpers import Spoiled

UNARY = {
    "neg": F.neg,
    "exp": F.exp,
    "sin": F.sin,
    "cos": F.cos,
    "tanh": F.tanh,
    "sigmoid": F.sigmoid,
    "softplus": F.softplus,
    "gelu": F.gelu,
    "silu": F.silu,
    "square": lambda x: x**2,
    "cube": lambda x: x**3,
    "root": lambda x: F.sqrt(x * x + 1),
    "log": F.log,
    "sqrt": F.sqrt,
    "power": lambda x: x**-1.5,
    "softmax": F.softmax,
    "log_softmax": lambda x: F.log_softmax(x, axis=0),
    "logsumexp": lambda x: F.logsumexp(x, axis=-1),
    "sum": lambda x: x.sum(axis=0),
    "mean": lambda x: x.mean(axis=-1, keepdims=True),
    "var": lambda x: x.var(axis=-1),
    "total": F.sum,
    "transpose": F.transpose,
    "reverse": lambda x: x[::-1],
    "twice": lambda x: F.concatenate([x, x]),
    "flat": lambda x: x.reshape(-1),
    "cross_entropy": lambda x: F.cross_entropy(x, np.arange(len(x)) % x.shape[1]),
}
BINARY = {
    "add": F.add,
    "sub": F.sub,
    "mul": F.mul,
    "div": F.div,
    "matmul": F.matmul,
    "linear": F.linear,
    "mse": F.mse_loss,
    "pow": F.pow,
}
POSITIVE = ("log", "sqrt", "power", "pow")
SHAPES = [(), (1,), (3,), (2, 3), (3, 3), (2, 1), (1, 3), (2, 2, 3)]


class Composition(NamedTuple):
    """Inputs by shape and scale, and operations on the values so far, by number."""

    seed: int
    inputs: tuple[tuple[tuple[int, ...], float], ...]
    steps: tuple[tuple[str, tuple[int, ...]], ...] = ()

    def arrays(self):
        rng = np.random.default_rng(self.seed)
        return [scale * rng.standard_normal(shape) for shape, scale in self.inputs]

    def run(self, inputs, spoiled=-1, wrong=None, seen=None):
        """Return the last value.

        The gradient of the value `spoiled` goes through `wrong`, and those of all values to `seen`.
        """
        values = list(inputs)
        for name, operands in self.steps:
            y = apply(name, *[values[i] for i in operands])
            if len(values) == spoiled:
                y = Spoiled.apply(y, wrong=wrong)
            values.append(y if seen is None else Spoiled.apply(y, wrong=seen))
        return values[-1]

    def __call__(self, *inputs):
        return self.run(inputs)


def apply(name, *operands):
    return (UNARY.get(name) or BINARY[name])(*operands)


def fits(name, operands):
    """Return the value of one more operation; None where it is not defined or not finite."""
    x = operands[0].data if name in POSITIVE else abs(operands[-1].data)
    if name in (*POSITIVE, "div") and not (x > 1e-9 * max(1, abs(x).max())).all():
        return None  # at a pole, or at the end of the domain
    with np.errstate(all="ignore"):
        try:
            y = apply(name, *operands)
        except (ValueError, TypeError, IndexError):  # the shapes do not fit
            return None
    return y if y.size <= 40 and np.abs(y.data).max() < 1e100 else None


@st.composite
def compositions(draw):
    """Draw a composition of one to six operations that is finite at its inputs."""
    scales = st.floats(-6, 6).map(lambda e: float(f"{10**e:.2g}"))
    inputs = draw(st.lists(st.tuples(st.sampled_from(SHAPES), scales), min_size=1, max_size=3))
    drawn = Composition(draw(st.integers(0, 2**32 - 1)), tuple(inputs))
    values, steps = [Tensor(x) for x in drawn.arrays()], []
    for _ in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from([*UNARY, *BINARY, *BINARY, *BINARY]))
        operands = [len(values) - 1]  # the newest one, so that they hang together
        if name in BINARY:
            operands.insert(draw(st.integers(0, 1)), draw(st.integers(0, len(values) - 1)))
        y = fits(name, [values[i] for i in operands])
        if y is not None:
            steps.append((name, tuple(operands)))
            values.append(y)
    assume(steps)
    return drawn._replace(steps=tuple(steps))
