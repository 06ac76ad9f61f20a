"""Random graphs against a naive engine of single numbers.

The programs are plain NumPy. They run on Tensors, and on object arrays of `Scalar`, which leave
broadcasting, indexing and sums to NumPy and differentiate one addition or product at a time.
"""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import Tensor


class Scalar:
    """A number that knows what it was made from, and the slope along each of those."""

    def __init__(self, value, parents=()):
        self.value, self.parents, self.grad = value, parents, 0.0

    def __add__(self, other):
        if not isinstance(other, Scalar):
            return NotImplemented  # an object array, which does it element by element
        return Scalar(self.value + other.value, [(self, 1), (other, 1)])

    def __mul__(self, other):
        if not isinstance(other, Scalar):
            return NotImplemented
        return Scalar(self.value * other.value, [(self, other.value), (other, self.value)])

    def __neg__(self):
        return Scalar(-self.value, [(self, -1)])

    def __sub__(self, other):
        return self + -other

    def __truediv__(self, other):
        if not isinstance(other, Scalar):
            return NotImplemented
        return self * Scalar(1 / other.value, [(other, -1 / other.value**2)])

    def __ge__(self, other):
        return self.value >= other.value

    def __le__(self, other):
        return self.value <= other.value

    def exp(self):
        return Scalar(math.exp(self.value), [(self, math.exp(self.value))])

    def log(self):
        return Scalar(math.log(self.value), [(self, 1 / self.value)])

    def sqrt(self):
        return Scalar(math.sqrt(self.value), [(self, 0.5 / math.sqrt(self.value))])

    def sin(self):
        return Scalar(math.sin(self.value), [(self, math.cos(self.value))])

    def tanh(self):
        return Scalar(math.tanh(self.value), [(self, 1 - math.tanh(self.value) ** 2)])

    def backward(self):
        done, order = set(), []

        def visit(node):
            if node not in done:
                done.add(node)
                for parent, _ in node.parents:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            for parent, slope in node.parents:
                parent.grad += node.grad * slope


def scalars(array):
    """Return the numbers of a float array as an object array of `Scalar`."""
    return np.asarray(np.frompyfunc(Scalar, 1, 1)(array), dtype=object)


def read(array, attribute):
    """Return an attribute of every `Scalar` of an object array, as a float array."""
    return np.vectorize(lambda s: getattr(s, attribute), [float])(array)


UNARY = {
    "neg": lambda x: -x,
    "sin": np.sin,
    "tanh": np.tanh,
    "exp of tanh": lambda x: np.exp(np.tanh(x)),
    "log": lambda x: np.log(np.exp(np.tanh(x)) + np.exp(np.sin(x))),
    "sqrt": lambda x: np.sqrt(np.exp(np.sin(x))),
    "softmax": lambda x: np.exp(np.sin(x)) / np.sum(np.exp(np.sin(x))),
    "T": lambda x: x.T,
    "column": lambda x: x.reshape(-1, 1),
    "row": lambda x: np.reshape(x, (1, -1)),
    "flat": lambda x: np.reshape(x, -1),
    "new axis": lambda x: x[None],
    "last twice": lambda x: x.reshape(-1)[[-1, 0, -1]],
    "backwards": lambda x: x.reshape(-1)[::-1],
    "sum": np.sum,
    "sum of columns": lambda x: np.sum(x.reshape(len(np.shape(x)) and np.shape(x)[0], -1), axis=0),
    "sum of the last": lambda x: np.sum(x[None], axis=-1, keepdims=True),
}
BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / np.exp(np.tanh(b)),
    "maximum": np.maximum,
    "minimum": np.minimum,
    "same": lambda a, b: a * a + b * b,
    "where": lambda a, b: np.where(np.arange(np.shape(a)[-1] if np.ndim(a) else 1) % 2 == 0, a, b),
    "matmul": lambda a, b: a @ b,
    "dot": lambda a, b: np.dot(a.reshape(-1), a.reshape(-1)) * b,
    "concatenate": lambda a, b: np.concatenate((a.reshape(-1), b.reshape(-1), a.reshape(-1))),
    "stack": lambda a, b: np.stack((a, b, a)),
}
SHAPES = [(), (1,), (3,), (2, 3), (1, 3), (2, 1), (3, 2), (2, 1, 3)]


def run(program, leaves, wrap):
    """Run the steps of a program, each on earlier results; return the results."""
    found = list(leaves)
    for name, operands in program:
        f = UNARY.get(name) or BINARY[name]
        found.append(wrap(f(*(found[i] for i in operands))))
    return found


@st.composite
def graphs(draw):
    """Return float arrays as leaves, and a program that fits their shapes."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    leaves = [rng.standard_normal(shape) for shape in shapes]
    found, program = list(leaves), []
    for name in draw(st.lists(st.sampled_from([*UNARY, *BINARY]), min_size=1, max_size=9)):
        count = 1 if name in UNARY else 2
        # Mostly the latest results, so that graphs grow deep as well as wide.
        back = draw(st.lists(st.integers(1, 4), min_size=count, max_size=count))
        operands = [max(len(found) - k, 0) for k in back]
        f = UNARY.get(name) or BINARY[name]
        try:
            y = np.asarray(f(*(found[i] for i in operands)))
        except (ValueError, IndexError):  # the shapes do not fit: another step will
            continue
        if 0 < y.size <= 40 and np.abs(y).max() < 100:
            found.append(y)
            program.append((name, operands))
    upstream = [rng.standard_normal(y.shape) for y in found]
    return leaves, program, upstream


@settings(deadline=None, max_examples=800)
@given(graphs())
def test_values_and_gradients_of_random_graphs_are_those_of_the_naive_engine(graph):
    leaves, program, upstream = graph

    tensors = [Tensor(x, requires_grad=True) for x in leaves]
    results = run(program, tensors, lambda y: y)
    loss = sum((y * u).sum() for y, u in zip(results, upstream, strict=True))
    loss.backward()

    numbers = [scalars(x) for x in leaves]
    expected = run(program, numbers, lambda y: np.asarray(y, dtype=object))
    total = sum(
        (np.sum(y * scalars(u)) for y, u in zip(expected, upstream, strict=True)), Scalar(0.0)
    )
    total.backward()

    for y, z in zip(results, expected, strict=True):
        assert isinstance(y, Tensor) and y.requires_grad and y.dtype == np.float64
        np.testing.assert_allclose(y.data, read(z, "value"), rtol=1e-10, atol=1e-12)
    for x, z in zip(tensors, numbers, strict=True):
        np.testing.assert_allclose(x.grad, read(z, "grad"), rtol=1e-9, atol=1e-11)


def test_the_naive_engine_itself():
    a, b = Scalar(2.0), Scalar(3.0)
    y = (a * b - a / b).tanh() + (a * a).log()
    y.backward()
    slope = 1 - math.tanh(6 - 2 / 3) ** 2
    assert math.isclose(a.grad, slope * (3 - 1 / 3) + 1)
    assert math.isclose(b.grad, slope * (2 + 2 / 9))
