"""What is known of an operation: how its gradient is derived, and how people get it wrong.

One record for each operation that a student meets. gradcheck names the mistakes, the tests plant
them, `minigrad explain` prints the records, and where there is an exercise, `minigrad exercise`
grades with them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import functions as F
from ..engine import Function
from ..functions.activations import LogSoftmax, ReLU, Softmax
from ..functions.arithmetic import Add, Matmul, Mul, Pow
from ..functions.linear import Linear
from ..functions.losses import CrossEntropy, ProbabilityCrossEntropy
from ..functions.normalisation import BatchNorm
from ..tensor import Tensor

SIZES = [(4, 3, 2), (3, 3, 3)]  # where W is square, a mistake of shape shows in its numbers
Arrays = dict[str, Any]  # the arrays of an operation under their letters: x, W, t, y, gy …


class Mistake(NamedTuple):
    """A wrong gradient that people write.

    Attributes:
        of: the gradient that is wrong, such as "gx".
        formula: what is computed instead.
        says: what is wrong with it.
        hint: what to think about next.
        wrong: the wrong backward pass; its arguments are letters of `Record.arrays`.
    """

    of: str
    formula: str
    says: str
    hint: str
    wrong: Callable[..., np.ndarray]

    def gradient(self, arrays: Arrays) -> np.ndarray | None:
        """Return the wrong gradient, None if NumPy cannot compute it in these shapes."""
        letters = inspect.signature(self.wrong).parameters
        try:
            with np.errstate(all="ignore"):
                return np.asarray(self.wrong(*[arrays[name] for name in letters]))
        except (ValueError, IndexError):
            return None

    def __str__(self) -> str:
        return f"{self.formula}: {self.says}"


class Record(NamedTuple):
    """An operation, the derivation of its gradient, an example, and the usual mistakes.

    Attributes:
        name: as `minigrad explain` and `minigrad exercise` call it.
        title: what it is called in a sentence.
        function: the class in `minigrad.functions` that computes it.
        apply: the operation on its arrays, by their letters; returns a Tensor.
        formula, shapes: what it computes, and the shapes of x, y and the gradients.
        steps: the derivation; the last step is the result.
        gy: the upstream gradient of the example.
        example: small arrays under their letters, floats if they get a gradient.
        draw: (rng, n, m, k) -> larger arrays, with sizes chosen among n, m and k.
        mistakes: what people write instead.
        saved: what else is needed for the formulas, such as p = softmax(z), from the other arrays.
    """

    name: str
    title: str
    function: type[Function]
    apply: Callable[..., Tensor]
    formula: str
    shapes: str
    steps: tuple[str, ...]
    gy: Any
    example: Arrays
    draw: Callable[[np.random.Generator, int, int, int], Arrays]
    mistakes: tuple[Mistake, ...]
    saved: Callable[..., Arrays] = dict

    @property
    def inputs(self) -> list[str]:
        """The letters of what gets a gradient; the others, such as the target t, get none."""
        return [name for name, a in self.example.items() if np.asarray(a).dtype.kind == "f"]

    def arrays(self, gy: Any, inputs: Arrays) -> Arrays:
        """Return gy and the inputs with y and what else the formulas need."""
        y = self.apply(**inputs).data
        return {"gy": np.asarray(gy, float), "y": y, **inputs, **self.saved(**inputs)}

    def gradients(self, gy: Any, inputs: Arrays) -> dict[str, np.ndarray]:
        """Return the right gradients, by the engine: {"gx": …}."""
        leaves = {name: Tensor(inputs[name], requires_grad=True) for name in self.inputs}
        self.apply(**{**inputs, **leaves}).backward(gy)
        return {f"g{name}": leaf.grad for name, leaf in leaves.items()}

    def named(self, of: str, gradient: np.ndarray, gy: Any, inputs: Arrays) -> Iterator[Mistake]:
        """Yield the mistakes that explain the gradient `of`, such as "gx", in shape and numbers."""
        for mistake, wrong in self.mistaken(of, self.arrays(gy, inputs), np.shape(gradient)):
            if same(gradient, wrong):
                yield mistake

    def mistaken(
        self, of: str, arrays: Arrays, shape: tuple[int, ...]
    ) -> Iterator[tuple[Mistake, np.ndarray]]:
        """Yield the mistakes of the gradient `of` that have this shape, and their numbers."""
        for mistake in self.mistakes:
            wrong = mistake.gradient(arrays) if mistake.of == of else None
            if wrong is not None and wrong.shape == shape:
                yield mistake, wrong

    def cases(self) -> list[tuple[np.ndarray, Arrays]]:
        """Return upstream gradients and inputs: the example's, and drawn ones."""
        rng = np.random.default_rng(0)
        found = [(np.array(self.gy, dtype=float), self.example)]
        for sizes in SIZES:
            inputs = self.draw(rng, *sizes)
            shape = self.apply(**inputs).shape
            found.append((np.asarray(rng.standard_normal(shape)), inputs))
        return found


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Return whether a is b, up to what float64 and a difference quotient round."""
    return bool(np.allclose(a, b, rtol=1e-6, atol=1e-8 * np.abs(b).max(initial=0)))


def _onehot(t: np.ndarray, classes: int) -> np.ndarray:
    return np.eye(classes)[t]


def _rows(a: np.ndarray) -> np.ndarray:
    """Return the sums of the rows, (…, 1)."""
    return a.sum(axis=-1, keepdims=True)


def _at_column(g: np.ndarray, t: np.ndarray, value: Any) -> np.ndarray:
    """Return g after `g[:, t] += value`, where each row's own column was meant."""
    g = g.copy()
    g[:, t] += value
    return g


# ---- element by element ------------------------------------------------------------------------

SQUARE = Record(
    "square",
    "the square",
    Pow,
    lambda x: F.pow(x, 2),
    "y = x²",
    "x (N, C) -> y (N, C)      gy, gx (N, C)",
    (
        "xₙ reaches the loss by yₙ alone: gxₙ = gyₙ · ∂yₙ/∂xₙ.",
        "The slope of x² is 2x.",
        "gx = gy · 2x",
    ),
    [[1.0, 0.5, -2.0]],
    {"x": np.array([[3.0, -1.0, 0.5]])},
    lambda rng, n, m, k: {"x": rng.standard_normal((n, m)) + 0.1},
    (
        Mistake(
            "gx", "2x", "the upstream gradient gy is missing",
            "2x is ∂y/∂x. How much does the loss move if y moves by 1?",
            lambda x: 2 * x,
        ),
        Mistake(
            "gx", "gy · x", "the factor 2 is missing",
            "Differentiate x · x: each of the two factors counts.",
            lambda gy, x: gy * x,
        ),
        Mistake(
            "gx", "gy · 2", "this is the slope of 2x, not of x²",
            "The slope of x² is not the same everywhere: it grows with x.",
            lambda gy: gy * 2,
        ),
        Mistake(
            "gx", "gy", "the slope ∂y/∂x is missing",
            "gy is ∂L/∂y. The chain rule multiplies it by ∂y/∂x.",
            lambda gy: gy,
        ),
        Mistake(
            "gx", "gy · x²", "gy is multiplied by y, not by the slope of y",
            "Differentiate x² first, then multiply by gy.",
            lambda gy, y: gy * y,
        ),
        Mistake(
            "gx", "gy · 2x²", "the 2 came down, and the exponent stayed",
            "The slope of xⁿ is n xⁿ⁻¹. What is it for n = 2?",
            lambda gy, y: gy * 2 * y,
        ),
        Mistake(
            "gx", "gy + 2x", "gy and the slope are added",
            "The chain rule multiplies slopes. Sums come in where there are several ways to L.",
            lambda gy, x: gy + 2 * x,
        ),
        Mistake(
            "gx", "gy / 2x", "gy is divided by the slope",
            "∂L/∂x = ∂L/∂y · ∂y/∂x: write it as fractions, and see what cancels.",
            lambda gy, x: gy / (2 * x),
        ),
        Mistake(
            "gx", "gy² · x", "it is gy that was differentiated",
            "gy is a number that is given. x is what is squared.",
            lambda gy, x: gy**2 * x,
        ),
        Mistake(
            "gx", "gy · x³ / 3", "this is the integral of x²",
            "Backward needs the derivative: how much y moves if x moves.",
            lambda gy, x: gy * x**3 / 3,
        ),
        Mistake(
            "gx", "Σ gy · 2x", "the gradients of all elements are added",
            "Each element of x has a gradient of its own: gx has the shape of x.",
            lambda gy, x: (gy * 2 * x).sum(),
        ),
    ),
)  # fmt: skip

RELU = Record(
    "relu",
    "the rectifier",
    ReLU,
    lambda x: F.relu(x),
    "y = max(x, 0)",
    "x (N, C) -> y (N, C)      gy, gx (N, C)",
    (
        "xₙ reaches the loss by yₙ alone: gxₙ = gyₙ · ∂yₙ/∂xₙ.",
        "Where x > 0, y is x: the slope is 1. Where x < 0, y is 0 whatever x is: the slope is 0.",
        "gx = gy where x > 0, and 0 elsewhere",
    ),
    [[1.0, 2.0, -3.0, -4.0]],
    {"x": np.array([[2.0, -1.0, 0.5, -3.0]])},
    lambda rng, n, m, k: {"x": rng.standard_normal((n, m))},
    (
        Mistake(
            "gx", "[x > 0]", "the upstream gradient gy is missing",
            "1 and 0 are ∂y/∂x. How much does the loss move if y moves by 1?",
            lambda x: (x > 0) * 1.0,
        ),
        Mistake(
            "gx", "gy", "nothing is shut where x < 0",
            "If x is −1 and becomes −0.9, what happens to y?",
            lambda gy: gy,
        ),
        Mistake(
            "gx", "gy · y", "gy is multiplied by y, not by the slope of y",
            "Where x > 0, y = x. What is the slope of x?",
            lambda gy, y: gy * y,
        ),
        Mistake(
            "gx", "gy · x", "gy is multiplied by x, not by the slope of y",
            "The slope of max(x, 0) is 1 or 0.",
            lambda gy, x: gy * x,
        ),
        Mistake(
            "gx", "max(gy, 0)", "it is gy that is cut off at 0, not x",
            "The sign of x decides which gradients pass. gy may have any sign.",
            lambda gy: np.maximum(gy, 0),
        ),
        Mistake(
            "gx", "max(gy, 0) · [x > 0]", "negative gradients are cut off as well",
            "A negative gy says that L falls if y grows: it has to reach x too.",
            lambda gy, x: np.maximum(gy, 0) * (x > 0),
        ),
        Mistake(
            "gx", "gy · [x < 0]", "it passes where x < 0, and is shut where x > 0",
            "Where is y = x?",
            lambda gy, x: gy * (x < 0),
        ),
        Mistake(
            "gx", "gy · sign(x)", "this is the gradient of |x|",
            "Where x < 0, y is 0, not −x.",
            lambda gy, x: gy * np.sign(x),
        ),
        Mistake(
            "gx", "y", "this is the forward pass again",
            "Backward returns slopes of the loss, and they come from gy.",
            lambda y: y,
        ),
        Mistake(
            "gx", "gy where x > 0, 0.01 gy elsewhere", "this is the gradient of a leaky relu",
            "Where x < 0, y does not move at all.",
            lambda gy, x: np.where(x > 0, gy, 0.01 * gy),
        ),
        Mistake(
            "gx", "Σ gy · [x > 0]", "the gradients of all elements are added",
            "Each element of x has a gradient of its own: gx has the shape of x.",
            lambda gy, x: (gy * (x > 0)).sum(),
        ),
    ),
)  # fmt: skip

ADD = Record(
    "add",
    "the sum, with broadcasting",
    Add,
    lambda a, b: F.add(a, b),
    "yₙ = aₙ + b for each row n",
    "a (N, C), b (C,) -> y (N, C)      gy, ga (N, C)   gb (C,)",
    (
        "aₙ is in yₙ alone, with the slope 1: ga = gy.",
        "b is in every row of y, with the slope 1: each row n sends it gyₙ.",
        "What is used N times gets the sum of what comes back: gb = Σₙ gyₙ",
    ),
    [[1.0, 2.0], [3.0, 5.0], [-1.0, 0.5]],
    {"a": np.array([[1.0, 2.0], [0.0, -1.0], [4.0, 3.0]]), "b": np.array([10.0, 20.0])},
    lambda rng, n, m, k: {"a": rng.standard_normal((n, m)), "b": rng.standard_normal(m)},
    (
        Mistake(
            "gb", "gy", "it is not summed over the rows",
            "b has the shape (C,), and so has gb. Every row of gy wants to move the same b.",
            lambda gy: gy,
        ),
        Mistake(
            "gb", "gy.sum(axis=0, keepdims=True)", "one axis is too many",
            "The sum is right. gb has exactly the shape of b, (C,).",
            lambda gy: gy.sum(axis=0, keepdims=True),
        ),
        Mistake(
            "gb", "gy.sum(axis=1)", "it is summed over the columns, not over the rows",
            "b was repeated for each row. Which axis of gy counts the rows?",
            lambda gy: gy.sum(axis=1),
        ),
        Mistake(
            "gb", "gy.mean(axis=0)", "this is the mean over the rows, not the sum",
            "Every row adds its own part to L. If a mean is wanted, the loss divides by N.",
            lambda gy: gy.mean(axis=0),
        ),
        Mistake(
            "gb", "gy.sum()", "it is summed over all axes",
            "b was repeated along the rows only: b[0] is in the first column alone.",
            lambda gy: gy.sum(),
        ),
        Mistake(
            "gb", "gy[0]", "only the first row counts",
            "b is in every row of y.",
            lambda gy: gy[0],
        ),
        Mistake(
            "gb", "gy.mean()", "this is the mean over all axes",
            "b was repeated along the rows only, and what comes back along several ways is added.",
            lambda gy: gy.mean(),
        ),
        Mistake(
            "gb", "gy[-1]", "only the last row counts",
            "b is in every row of y: add up what they send, and overwrite nothing.",
            lambda gy: gy[-1],
        ),
        Mistake(
            "gb", "gy.max(axis=0)", "the largest of the rows was taken",
            "What comes back along several ways is added.",
            lambda gy: gy.max(axis=0),
        ),
        Mistake(
            "gb", "Σₙ gyₙ aₙ", "this is the gradient of a product",
            "How much does a + b move if b moves by 1?",
            lambda gy, a: (gy * a).sum(axis=0),
        ),
        Mistake(
            "gb", "1", "the upstream gradient gy is missing",
            "1 is ∂y/∂b for one row. How much does the loss move if y moves by 1?",
            lambda b: np.ones_like(b),
        ),
        Mistake(
            "gb", "N", "the upstream gradient gy is missing",
            "The slopes are 1 in each of N rows. Each of them is multiplied by its gy.",
            lambda b, gy: np.full_like(b, len(gy)),
        ),
        Mistake(
            "ga", "1", "the upstream gradient gy is missing",
            "1 is ∂y/∂a. How much does the loss move if y moves by 1?",
            lambda a: np.ones_like(a),
        ),
        Mistake(
            "ga", "gy · b", "this is the gradient of a product",
            "How much does a + b move if a moves by 1?",
            lambda gy, b: gy * b,
        ),
        Mistake(
            "ga", "gy · a", "gy is multiplied by a, not by the slope of y",
            "How much does a + b move if a moves by 1?",
            lambda gy, a: gy * a,
        ),
        Mistake(
            "ga", "gy.sum(axis=0)", "it is summed over the rows, but a was not repeated",
            "Each element of a is in one element of y. ga has the shape of a.",
            lambda gy: gy.sum(axis=0),
        ),
    ),
)  # fmt: skip

MUL = Record(
    "mul",
    "the product, element by element",
    Mul,
    lambda a, b: F.mul(a, b),
    "y = a b",
    "a, b (N, C) -> y (N, C)      gy, ga, gb (N, C)",
    (
        "aₙ reaches the loss by yₙ = aₙ bₙ alone: gaₙ = gyₙ · ∂yₙ/∂aₙ.",
        "If a moves by 1, a b moves by b: each factor is the slope that the other one sees.",
        "ga = gy b      gb = gy a",
    ),
    [[1.0, 0.5, -2.0]],
    {"a": np.array([[3.0, -1.0, 0.5]]), "b": np.array([[2.0, 4.0, -5.0]])},
    lambda rng, n, m, k: {"a": rng.standard_normal((n, m)), "b": rng.standard_normal((n, m))},
    (
        Mistake(
            "ga", "gy · a", "it is multiplied by a, and the slope is the other factor",
            "Hold b fixed: y = b a is a line in a. What is its slope?",
            lambda gy, a: gy * a,
        ),
        Mistake(
            "gb", "gy · b", "it is multiplied by b, and the slope is the other factor",
            "Hold a fixed: y = a b is a line in b. What is its slope?",
            lambda gy, b: gy * b,
        ),
        Mistake(
            "ga", "b", "the upstream gradient gy is missing",
            "b is ∂y/∂a. How much does the loss move if y moves by 1?",
            lambda b: b,
        ),
        Mistake(
            "gb", "a", "the upstream gradient gy is missing",
            "a is ∂y/∂b. How much does the loss move if y moves by 1?",
            lambda a: a,
        ),
        Mistake(
            "ga", "gy", "this is the gradient of a sum",
            "If a moves by 1, does y move by 1?",
            lambda gy: gy,
        ),
        Mistake(
            "gb", "gy", "this is the gradient of a sum",
            "If b moves by 1, does y move by 1?",
            lambda gy: gy,
        ),
        Mistake(
            "ga", "gy · a b", "gy is multiplied by y, not by the slope of y",
            "Differentiate a b by a: one of the factors stays.",
            lambda gy, y: gy * y,
        ),
        Mistake(
            "gb", "gy · a b", "gy is multiplied by y, not by the slope of y",
            "Differentiate a b by b: one of the factors stays.",
            lambda gy, y: gy * y,
        ),
        Mistake(
            "ga", "(gy·b).sum()", "the gradients of all elements are added",
            "Each element of a has a gradient of its own: ga has the shape of a.",
            lambda gy, b: (gy * b).sum(),
        ),
        Mistake(
            "gb", "(gy·a).sum()", "the gradients of all elements are added",
            "Each element of b has a gradient of its own: gb has the shape of b.",
            lambda gy, a: (gy * a).sum(),
        ),
        Mistake(
            "ga", "gy / b", "gy is divided by the slope",
            "∂L/∂a = ∂L/∂y · ∂y/∂a: the chain rule multiplies.",
            lambda gy, b: gy / b,
        ),
        Mistake(
            "gb", "gy / a", "gy is divided by the slope",
            "∂L/∂b = ∂L/∂y · ∂y/∂b: the chain rule multiplies.",
            lambda gy, a: gy / a,
        ),
    ),
)  # fmt: skip

# ---- matrices ----------------------------------------------------------------------------------

MATMUL = Record(
    "matmul",
    "the matrix product",
    Matmul,
    lambda a, b: F.matmul(a, b),
    "y_mn = Σ_k a_mk b_kn, which is y = a b",
    "a (M, K), b (K, N) -> y (M, N)      gy (M, N)   ga (M, K)   gb (K, N)",
    (
        "a_mk reaches y_mn for every n, by b_kn: ga_mk = Σ_n gy_mn b_kn.",
        "b_kn reaches y_mn for every m, by a_mk: gb_kn = Σ_m a_mk gy_mn.",
        "The index that is summed has to be inside: ga = gy bᵀ      gb = aᵀ gy",
    ),
    [[1.0, -1.0], [0.5, 2.0]],
    {
        "a": np.array([[1.0, 2.0, 0.0], [-1.0, 0.5, 3.0]]),
        "b": np.array([[2.0, 1.0], [0.0, -1.0], [4.0, 0.5]]),
    },
    lambda rng, n, m, k: {"a": rng.standard_normal((n, m)), "b": rng.standard_normal((m, k))},
    (
        Mistake(
            "ga", "gy b", "b is not transposed",
            "ga_mk = Σ_n gy_mn b_kn sums over b's last index. A product sums over its first.",
            lambda gy, b: gy @ b,
        ),
        Mistake(
            "gb", "a gy", "a is not transposed",
            "gb_kn = Σ_m a_mk gy_mn sums over a's first index. A product sums over its last.",
            lambda gy, a: a @ gy,
        ),
        Mistake(
            "ga", "bᵀ gy", "the factors are exchanged",
            "Write down the shapes: (M, N) and (N, K) give (M, K).",
            lambda gy, b: b.T @ gy,
        ),
        Mistake(
            "gb", "gy aᵀ", "the factors are exchanged",
            "Write down the shapes: (K, M) and (M, N) give (K, N).",
            lambda gy, a: gy @ a.T,
        ),
        Mistake(
            "ga", "(gy bᵀ)ᵀ", "it is transposed",
            "ga has the shape of a, (M, K), and ga_mk belongs to a_mk.",
            lambda gy, b: (gy @ b.T).T,
        ),
        Mistake(
            "gb", "(aᵀ gy)ᵀ", "it is transposed",
            "gb has the shape of b, (K, N), and gb_kn belongs to b_kn.",
            lambda gy, a: (a.T @ gy).T,
        ),
        Mistake(
            "ga", "1 bᵀ", "the upstream gradient gy is missing",
            "a_mk moves y_mn by b_kn. How much does the loss move if y_mn moves by 1?",
            lambda gy, b: np.ones_like(gy) @ b.T,
        ),
        Mistake(
            "gb", "aᵀ 1", "the upstream gradient gy is missing",
            "b_kn moves y_mn by a_mk. How much does the loss move if y_mn moves by 1?",
            lambda gy, a: a.T @ np.ones_like(gy),
        ),
        Mistake(
            "ga", "gy ∘ b", "the product is taken element by element",
            "a_mk reaches a whole row of y: there is a sum over n.",
            lambda gy, b: gy * b,
        ),
        Mistake(
            "gb", "gy ∘ a", "the product is taken element by element",
            "b_kn reaches a whole column of y: there is a sum over m.",
            lambda gy, a: gy * a,
        ),
    ),
)  # fmt: skip

LINEAR = Record(
    "linear",
    "the affine map of a layer",
    Linear,
    lambda x, W, b: F.linear(x, W, b),
    "y_no = Σ_i x_ni W_oi + b_o, which is y = x Wᵀ + b",
    "x (N, I), W (O, I), b (O,) -> y (N, O)      gy (N, O)   gx (N, I)   gW (O, I)   gb (O,)",
    (
        "x_ni reaches y_no for every output o, by W_oi: gx_ni = Σ_o gy_no W_oi.",
        "W_oi reaches y_no for every row n, by x_ni: gW_oi = Σ_n gy_no x_ni.",
        "b_o reaches y_no for every row n, by 1: gb_o = Σ_n gy_no.",
        "As matrices, with the summed index inside: gx = gy W      gW = gyᵀ x      gb = Σₙ gyₙ",
    ),
    [[1.0, -1.0], [0.5, 2.0], [2.0, 1.0]],
    {
        "x": np.array([[1.0, 2.0, 0.0, -1.0], [0.5, -1.0, 3.0, 2.0], [2.0, 0.0, 1.0, 1.0]]),
        "W": np.array([[2.0, 1.0, 0.0, 3.0], [-1.0, 4.0, 0.5, 1.0]]),
        "b": np.array([0.5, -0.5]),
    },
    lambda rng, n, m, k: {
        "x": rng.standard_normal((n, m)),
        "W": rng.standard_normal((k, m)),
        "b": rng.standard_normal(k),
    },
    (
        Mistake(
            "gx", "gy Wᵀ", "W is transposed, as in the forward pass",
            "gx_ni = Σ_o gy_no W_oi sums over W's first index, and y over its second.",
            lambda gy, W: gy @ W.T,
        ),
        Mistake(
            "gx", "W gy", "the factors are exchanged",
            "Write down the shapes: (N, O) and (O, I) give (N, I).",
            lambda gy, W: W @ gy,
        ),
        Mistake(
            "gx", "(gy W)ᵀ", "it is transposed",
            "gx has the shape of x, (N, I), and gx_ni belongs to x_ni.",
            lambda gy, W: (gy @ W).T,
        ),
        Mistake(
            "gx", "1 W", "the upstream gradient gy is missing",
            "x_ni moves y_no by W_oi. How much does the loss move if y_no moves by 1?",
            lambda gy, W: np.ones_like(gy) @ W,
        ),
        Mistake(
            "gW", "xᵀ gy", "it is transposed",
            "gW has the shape of W, (O, I), and gW_oi belongs to W_oi.",
            lambda gy, x: x.T @ gy,
        ),
        Mistake(
            "gW", "gy x", "gy is not transposed",
            "gW_oi = Σ_n gy_no x_ni sums over gy's first index. A product sums over its last.",
            lambda gy, x: gy @ x,
        ),
        Mistake(
            "gW", "x gy", "x is not transposed, and the factors are exchanged",
            "gW_oi = Σ_n gy_no x_ni sums over n, the first index of both. Which one is transposed?",
            lambda gy, x: x @ gy,
        ),
        Mistake(
            "gW", "gyᵀ x / N", "this is the mean over the rows, not the sum",
            "The 1/N of a mean loss is in gy already.",
            lambda gy, x: gy.T @ x / len(x),
        ),
        Mistake(
            "gW", "outer(gy₀, x₀)", "only the first row counts",
            "W is used by every row: add up what they send.",
            lambda gy, x: np.outer(gy[0], x[0]),
        ),
        Mistake(
            "gW", "1ᵀ x", "the upstream gradient gy is missing",
            "W_oi moves y_no by x_ni. How much does the loss move if y_no moves by 1?",
            lambda gy, x: np.ones_like(gy).T @ x,
        ),
        Mistake(
            "gb", "gy", "it is not summed over the rows",
            "b has the shape (O,), and so has gb. Every row of gy wants to move the same b.",
            lambda gy: gy,
        ),
        Mistake(
            "gb", "gy.sum(axis=0, keepdims=True)", "one axis is too many",
            "The sum is right. gb has exactly the shape of b, (O,).",
            lambda gy: gy.sum(axis=0, keepdims=True),
        ),
        Mistake(
            "gb", "gy.mean(axis=0)", "this is the mean over the rows, not the sum",
            "The 1/N of a mean loss is in gy already.",
            lambda gy: gy.mean(axis=0),
        ),
        Mistake(
            "gb", "gy.sum(axis=1)", "it is summed over the outputs, not over the rows",
            "b was repeated for each row. Which axis of gy counts the rows?",
            lambda gy: gy.sum(axis=1),
        ),
        Mistake(
            "gb", "gy.sum()", "it is summed over all axes",
            "b_o is in column o of y alone.",
            lambda gy: gy.sum(),
        ),
        Mistake(
            "gb", "gy.mean()", "this is the mean over all axes",
            "b_o is in column o of y alone, and the 1/N of a mean loss is in gy already.",
            lambda gy: gy.mean(),
        ),
        Mistake(
            "gb", "gy[0]", "only the first row counts",
            "b is used by every row: add up what they send.",
            lambda gy: gy[0],
        ),
        Mistake(
            "gb", "1", "the upstream gradient gy is missing",
            "b_o moves y_no by 1. How much does the loss move if y_no moves by 1?",
            lambda b: np.ones_like(b),
        ),
    ),
)  # fmt: skip

# ---- from numbers to classes -------------------------------------------------------------------

SOFTMAX = Record(
    "softmax",
    "probabilities out of any numbers",
    Softmax,
    lambda x: F.softmax(x),
    "yᵢ = exp(xᵢ) / Σⱼ exp(xⱼ) in each row",
    "x (N, C) -> y (N, C)      gy, gx (N, C)      the sums are over the C classes of a row",
    (
        "xᵢ is in the numerator of yᵢ, and in the denominator of every yⱼ of its row.",
        "∂yᵢ/∂xᵢ = yᵢ − yᵢ yᵢ      ∂yⱼ/∂xᵢ = −yⱼ yᵢ for j ≠ i",
        "xᵢ reaches the loss by every yⱼ: gxᵢ = Σⱼ gyⱼ ∂yⱼ/∂xᵢ.",
        "gxᵢ = gyᵢ yᵢ − Σⱼ gyⱼ yⱼ yᵢ = yᵢ (gyᵢ − Σⱼ gyⱼ yⱼ)",
    ),
    [[1.0, -2.0, 0.5]],
    {"x": np.array([[2.0, 1.0, 0.1]])},
    lambda rng, n, m, k: {"x": rng.standard_normal((n, m))},
    (
        Mistake(
            "gx", "gy·y·(1 − y)", "only ∂yᵢ/∂xᵢ was used, as for a sigmoid",
            "x₀ also lowers y₁ and y₂. Write ∂yⱼ/∂xᵢ for j ≠ i, then Σⱼ gyⱼ ∂yⱼ/∂xᵢ.",
            lambda gy, y: gy * y * (1 - y),
        ),
        Mistake(
            "gx", "gy·y", "the denominator was taken as a constant",
            "exp(xᵢ) is in the sum Σⱼ exp(xⱼ) as well: the quotient rule has a second term.",
            lambda gy, y: gy * y,
        ),
        Mistake(
            "gx", "y·(1 − y)", "gy is missing, and only ∂yᵢ/∂xᵢ was used",
            "How much does the loss move if y moves by 1? And x₀ also lowers y₁ and y₂.",
            lambda y: y * (1 - y),
        ),
        Mistake(
            "gx", "y·(gy − Σ gy)", "gy is not weighted by y in the sum",
            "Each term of the sum is gyⱼ ∂yⱼ/∂xᵢ. Which yⱼ is in it?",
            lambda gy, y: y * (gy - _rows(gy)),
        ),
        Mistake(
            "gx", "y·(gy − gy.sum())", "gy is not weighted by y, and the sum goes over all rows",
            "Each term of the sum is gyⱼ ∂yⱼ/∂xᵢ, and j goes over the classes of a row.",
            lambda gy, y: y * (gy - gy.sum()),
        ),
        Mistake(
            "gx", "y·(gy + Σ gy·y)", "the sum has the wrong sign",
            "If xᵢ grows, do the other yⱼ grow or fall?",
            lambda gy, y: y * (gy + _rows(gy * y)),
        ),
        Mistake(
            "gx", "y·(gy − (gy·y).sum())", "the sum goes over all rows",
            "Each row is a softmax of its own: the sum goes over the classes of a row.",
            lambda gy, y: y * (gy - (gy * y).sum()),
        ),
        Mistake(
            "gx", "y·(gy − (gy·y).mean())", "this is the mean over all rows, not a row's sum",
            "y are the weights of an average already: those of a row add up to 1.",
            lambda gy, y: y * (gy - (gy * y).mean()),
        ),
        Mistake(
            "gx", "gy·y − (gy·y).sum()",
            "the second term lacks its factor yᵢ, and the sum goes over all rows",
            "∂yⱼ/∂xᵢ = −yⱼ yᵢ has two factors, and j goes over the classes of a row.",
            lambda gy, y: gy * y - (gy * y).sum(),
        ),
        Mistake(
            "gx", "y·(gy − (gy·y).sum(axis=0))", "the sum goes over the rows of a class",
            "Which axis holds the numbers that add up to 1?",
            lambda gy, y: y * (gy - (gy * y).sum(axis=0)),
        ),
        Mistake(
            "gx", "y·(gy − (gy·y).sum(axis=1))", "keepdims=True is missing",
            "The sums are a row (N,), and NumPy puts them beside each row of gy. They belong in a "
            "column (N, 1).",
            lambda gy, y: y * (gy - (gy * y).sum(axis=-1)),
        ),
        Mistake(
            "gx", "y·(gy − mean of gy·y)", "this is the mean over the classes, not the sum",
            "y are the weights of an average already: they add up to 1.",
            lambda gy, y: y * (gy - (gy * y).mean(axis=-1, keepdims=True)),
        ),
        Mistake(
            "gx", "gy·y − Σ gy·y", "the second term lacks its factor yᵢ",
            "∂yⱼ/∂xᵢ = −yⱼ yᵢ has two factors. One can be taken out of the sum over j.",
            lambda gy, y: gy * y - _rows(gy * y),
        ),
        Mistake(
            "gx", "gy − y·Σ gy", "this is the gradient of log-softmax",
            "Without the logarithm there is another factor y in each term.",
            lambda gy, y: gy - y * _rows(gy),
        ),
        Mistake(
            "gx", "x·(gy − Σ gy·x)", "x stands where y belongs",
            "The derivative of the exponential is the exponential itself: y, not x.",
            lambda gy, x: x * (gy - _rows(gy * x)),
        ),
        Mistake(
            "gx", "gy·exp(x)", "this is the gradient of exp alone",
            "y is a quotient, and xᵢ is in both of its parts.",
            lambda gy, x: gy * np.exp(x),
        ),
        Mistake(
            "gx", "y·(1 − y)·gy − y·Σ gy·y", "i is counted twice",
            "y (1 − y) has the term −yᵢ yᵢ, and the sum over all j has it again.",
            lambda gy, y: (y - y * y) * gy - y * _rows(gy * y),
        ),
        Mistake(
            "gx", "y·(gy − y·Σ gy)", "the sum has a factor yᵢ outside, where yⱼ belongs inside",
            "Σⱼ gyⱼ yⱼ yᵢ: which y is the same in all terms, and which one changes with j?",
            lambda gy, y: y * (gy - _rows(gy) * y),
        ),
        Mistake(
            "gx", "gy − y·Σ gy·y", "the first term lacks its factor yᵢ",
            "∂yᵢ/∂xᵢ = yᵢ − yᵢ yᵢ has a factor yᵢ in both of its terms.",
            lambda gy, y: gy - y * _rows(gy * y),
        ),
        Mistake(
            "gx", "gy·y − gy·y·Σ y·y", "the sum has gyᵢ in it, not each gyⱼ",
            "Each yⱼ sends its own gyⱼ: gy stays inside the sum, beside yⱼ.",
            lambda gy, y: gy * y - gy * y * _rows(y * y),
        ),
        Mistake(
            "gx", "y − gy", "this looks like p − t, which softmax has only together with a loss",
            "gy is not a target here. It may hold any numbers.",
            lambda gy, y: y - gy,
        ),
    ),
)  # fmt: skip

LOG_SOFTMAX = Record(
    "log_softmax",
    "the logarithm of softmax",
    LogSoftmax,
    lambda x: F.log_softmax(x),
    "yᵢ = xᵢ − ln Σⱼ exp(xⱼ) in each row,   p = exp(y) = softmax(x)",
    "x (N, C) -> y (N, C)      gy, gx (N, C)      the sums are over the C classes of a row",
    (
        "xᵢ raises yᵢ by 1, and it is in the logarithm, which every yⱼ of its row has.",
        "The slope of ln Σⱼ exp(xⱼ) is exp(xᵢ) / Σⱼ exp(xⱼ) = pᵢ.",
        "∂yᵢ/∂xᵢ = 1 − pᵢ      ∂yⱼ/∂xᵢ = −pᵢ for j ≠ i",
        "gxᵢ = Σⱼ gyⱼ ∂yⱼ/∂xᵢ = gyᵢ − pᵢ Σⱼ gyⱼ",
    ),
    [[1.0, -2.0, 0.5]],
    {"x": np.array([[2.0, 1.0, 0.1]])},
    lambda rng, n, m, k: {"x": rng.standard_normal((n, m))},
    (
        Mistake(
            "gx", "gy − p", "the factor Σ gy is missing",
            "Each yⱼ sends its own gyⱼ through the logarithm. What if they do not add up to 1?",
            lambda gy, p: gy - p,
        ),
        Mistake(
            "gx", "gy", "the logarithm of the sum was taken as a constant",
            "xᵢ is in Σⱼ exp(xⱼ) as well: if it grows, every yⱼ falls.",
            lambda gy: gy,
        ),
        Mistake(
            "gx", "gy·(1 − p)", "only ∂yᵢ/∂xᵢ was used",
            "x₀ also lowers y₁ and y₂. Write ∂yⱼ/∂xᵢ for j ≠ i, then Σⱼ gyⱼ ∂yⱼ/∂xᵢ.",
            lambda gy, p: gy * (1 - p),
        ),
        Mistake(
            "gx", "1 − p", "gy is missing, and only ∂yᵢ/∂xᵢ was used",
            "How much does the loss move if y moves by 1? And x₀ also lowers y₁ and y₂.",
            lambda p: 1 - p,
        ),
        Mistake(
            "gx", "p − gy", "the factor Σ gy is missing, and the sign is wrong",
            "If xᵢ grows, does yᵢ grow or fall?",
            lambda gy, p: p - gy,
        ),
        Mistake(
            "gx", "gy + p·Σ gy", "the sum has the wrong sign",
            "If xᵢ grows, do the other yⱼ grow or fall?",
            lambda gy, p: gy + p * _rows(gy),
        ),
        Mistake(
            "gx", "p·(gy − Σ gy·p)", "this is the gradient of softmax",
            "The logarithm takes a factor p out of each term: ∂yⱼ/∂xᵢ has none of pⱼ.",
            lambda gy, p: p * (gy - _rows(gy * p)),
        ),
        Mistake(
            "gx", "gy − Σ gy", "the second term lacks its factor pᵢ",
            "What is the slope of ln Σⱼ exp(xⱼ), seen from xᵢ?",
            lambda gy: gy - _rows(gy),
        ),
        Mistake(
            "gx", "gy − Σ gy·p", "the factor p belongs to xᵢ, outside of the sum",
            "∂yⱼ/∂xᵢ = −pᵢ is the same for all j: it can be taken out of the sum over j.",
            lambda gy, p: gy - _rows(gy * p),
        ),
        Mistake(
            "gx", "gy − y·Σ gy", "y stands where p belongs",
            "Here y is the logarithm of p: p = exp(y).",
            lambda gy, y: gy - y * _rows(gy),
        ),
        Mistake(
            "gx", "gy − exp(x)·Σ gy", "the exponentials are not divided by their sum",
            "The slope of ln s is 1/s.",
            lambda gy, x: gy - np.exp(x) * _rows(gy),
        ),
        Mistake(
            "gx", "gy − p·gy.sum()", "the sum goes over all rows",
            "Each row has a logarithm of its own: the sum goes over the classes of a row.",
            lambda gy, p: gy - p * gy.sum(),
        ),
        Mistake(
            "gx", "gy − p·gy.sum(axis=0)", "the sum goes over the rows of a class",
            "Which axis holds the numbers p that add up to 1?",
            lambda gy, p: gy - p * gy.sum(axis=0),
        ),
        Mistake(
            "gx", "gy − p·gy.sum(axis=1)", "keepdims=True is missing",
            "The sums are a row (N,), and NumPy puts them beside each row of p. They belong in a "
            "column (N, 1).",
            lambda gy, p: gy - p * gy.sum(axis=-1),
        ),
        Mistake(
            "gx", "gy − p·mean of gy", "this is the mean over the classes, not the sum",
            "Each yⱼ sends its own gyⱼ back: what comes along several ways is added.",
            lambda gy, p: gy - p * gy.mean(axis=-1, keepdims=True),
        ),
    ),
    lambda x: {"p": _softmax(x)},
)  # fmt: skip


def _log_loss(p: Any, t: np.ndarray) -> Tensor:
    q = _onehot(t, p.shape[-1]) / len(t)
    return ProbabilityCrossEntropy.apply(p, q=q, total=True)


def _drawn_probabilities(rng: np.random.Generator, n: int, m: int, k: int) -> Arrays:
    p = rng.random((n, m)) + 0.2
    return {"p": p / p.sum(axis=1, keepdims=True), "t": np.arange(n) % (m - 1)}


LOG_LOSS = Record(
    "log_loss",
    "the cross-entropy of probabilities",
    ProbabilityCrossEntropy,
    _log_loss,
    "L = −1/N Σₙ ln pₙ[tₙ]",
    "p (N, C) rows of probabilities, t (N,) classes -> L ()      gL ()   gp (N, C)",
    (
        "Of row n only pₙ[tₙ] is in L: the gradients of the others are 0.",
        "The slope of −ln p is −1/p, and the mean has 1/N before it.",
        "gpₙ[tₙ] = −gL / (N pₙ[tₙ]), and 0 elsewhere",
    ),
    3.0,
    {"p": np.array([[0.5, 0.25, 0.25], [0.2, 0.7, 0.1]]), "t": np.array([0, 2])},
    _drawn_probabilities,
    (
        Mistake(
            "gp", "gL / (N p[t])", "the sign is wrong",
            "If the probability of the right class grows, does the loss grow or fall?",
            lambda gy, p, onehot, N: gy * onehot / p / N,
        ),
        Mistake(
            "gp", "−gL / p[t]", "the 1/N of the mean is missing",
            "L is the mean of N rows: each row's loss has the slope 1/N.",
            lambda gy, p, onehot: -gy * onehot / p,
        ),
        Mistake(
            "gp", "−gL / p", "every class got a gradient, and the 1/N of the mean is missing",
            "Which of the C probabilities of a row are in L? And L is the mean of N rows.",
            lambda gy, p: -gy / p,
        ),
        Mistake(
            "gp", "−1 / p[t]", "gL and the 1/N of the mean are missing",
            "That is the slope of one row's loss. L is the mean of N rows, and gL is given.",
            lambda p, onehot: -onehot / p,
        ),
        Mistake(
            "gp", "−gL / (C p[t])", "it is divided by the number of classes, not of rows",
            "The mean goes over the rows.",
            lambda gy, p, onehot: -gy * onehot / p / p.shape[1],
        ),
        Mistake(
            "gp", "−gL / (N C p[t])", "it is divided by all elements of p",
            "The mean goes over the N rows: one number of each row is in it.",
            lambda gy, p, onehot: -gy * onehot / p / p.size,
        ),
        Mistake(
            "gp", "−gL / (N p)", "every class got a gradient, as if it were the target",
            "Which of the C probabilities of a row are in L?",
            lambda gy, p, N: -gy / p / N,
        ),
        Mistake(
            "gp", "−gL / N at t", "the slope of the logarithm is missing",
            "This is the gradient of −p[t]. What is the slope of ln p?",
            lambda gy, onehot, N: -gy * onehot / N,
        ),
        Mistake(
            "gp", "−gL p[t] / N", "it is multiplied by p, and the slope of ln p is 1/p",
            "Small probabilities have the steepest loss: −ln p rises without bound.",
            lambda gy, p, onehot, N: -gy * onehot * p / N,
        ),
        Mistake(
            "gp", "−gL ln p[t] / N", "this is the loss again, not its slope",
            "Differentiate −ln p.",
            lambda gy, p, onehot, N: -gy * onehot * np.log(p) / N,
        ),
        Mistake(
            "gp", "−1 / (N p[t])", "the upstream gradient gL is missing",
            "L may be one part of a larger loss: gL says how much it counts.",
            lambda p, onehot, N: -onehot / p / N,
        ),
        Mistake(
            "gp", "gL (p − onehot(t)) / N", "this is the gradient for the logits, behind softmax",
            "Here p is the input itself: nothing is normalised.",
            lambda gy, p, onehot, N: gy * (p - onehot) / N,
        ),
        Mistake(
            "gp", "gp[:, t] = …", "every row got the columns of all targets",
            "gp[np.arange(N), t] pairs row n with tₙ. gp[:, t] pairs every row with every t.",
            lambda gy, p, t, N: np.where(np.isin(np.arange(p.shape[1]), t), -gy / p / N, 0),
        ),
        Mistake(
            "gp", "−gL / (N p[t]) as (N,)", "only the targets' elements are returned",
            "gp has the shape of p: zeros, with one number in each row.",
            lambda gy, p, t, N: -gy / p[np.arange(len(t)), t] / N,
        ),
    ),
    lambda p, t: {"onehot": _onehot(t, p.shape[1]), "N": len(t)},
)  # fmt: skip


def _softmax(z: np.ndarray, axis: int | None = -1) -> np.ndarray:
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


CROSS_ENTROPY = Record(
    "cross_entropy",
    "softmax and cross-entropy, fused",
    CrossEntropy,
    lambda z, t: F.cross_entropy(z, t),
    "L = −1/N Σₙ ln pₙ[tₙ],   p = softmax(z)",
    "z (N, C) logits, t (N,) classes -> L ()      gL ()   gz (N, C)",
    (
        "−ln p[t] = ln Σⱼ exp(zⱼ) − z[t]: the logarithm turns the quotient into a difference.",
        "The first term has the slope exp(z_c) / Σⱼ exp(zⱼ) = p_c for every class c.",
        "The second has −1 for c = t, and 0 elsewhere: −onehot(t). The mean has 1/N before it.",
        "gz = gL (p − onehot(t)) / N",
    ),
    3.0,
    {"z": np.array([[2.0, 1.0, 0.1], [0.5, -1.0, 1.5]]), "t": np.array([0, 2])},
    lambda rng, n, m, k: {"z": rng.standard_normal((n, m)), "t": np.arange(n) % (m - 1)},
    (
        Mistake(
            "gz", "gL (p − onehot)", "the 1/N of the mean is missing",
            "L is the mean of N rows: each row's loss has the slope 1/N.",
            lambda gy, p, onehot: gy * (p - onehot),
        ),
        Mistake(
            "gz", "p − onehot", "gL and the 1/N of the mean are missing",
            "That is the gradient of one row's loss. L is the mean of N rows, and gL is given.",
            lambda p, onehot: p - onehot,
        ),
        Mistake(
            "gz", "gL (onehot − p) / N", "the sign is wrong",
            "If the logit of the right class grows, does the loss grow or fall?",
            lambda gy, p, onehot, N: gy * (onehot - p) / N,
        ),
        Mistake(
            "gz", "gL p / N", "onehot(t) is missing: the target's own logit was forgotten",
            "−ln p[t] = ln Σⱼ exp(zⱼ) − z[t] has two terms.",
            lambda gy, p, N: gy * p / N,
        ),
        Mistake(
            "gz", "−gL onehot / N", "p is missing: the denominator was taken as a constant",
            "−ln p[t] = ln Σⱼ exp(zⱼ) − z[t] has two terms.",
            lambda gy, onehot, N: -gy * onehot / N,
        ),
        Mistake(
            "gz", "gL (p − 1) / N at t, 0 elsewhere", "only the target's logit got a gradient",
            "The other logits are in Σⱼ exp(zⱼ): if one grows, p[t] falls.",
            lambda gy, p, onehot, N: gy * (p - 1) * onehot / N,
        ),
        Mistake(
            "gz", "gL (p − 1) / N", "1 was subtracted from every class, not from the target alone",
            "−z[t] moves with one logit of a row. The 1 is at t, and 0 elsewhere: onehot(t).",
            lambda gy, p, N: gy * (p - 1) / N,
        ),
        Mistake(
            "gz", "gL p (p − onehot) / N", "there is one factor p too many",
            "p − onehot(t) is the gradient for the logits. Nothing is left to multiply.",
            lambda gy, p, onehot, N: gy * p * (p - onehot) / N,
        ),
        Mistake(
            "gz", "−gL onehot / (N p)", "this is the gradient for p: softmax's step is missing",
            "It still has to go back through softmax: gzᵢ = pᵢ (gpᵢ − Σⱼ gpⱼ pⱼ).",
            lambda gy, p, onehot, N: -gy * onehot / p / N,
        ),
        Mistake(
            "gz", "gL (z − onehot) / N", "the logits stand where their softmax belongs",
            "The slope of ln Σⱼ exp(zⱼ) is exp(z_c) / Σⱼ exp(zⱼ).",
            lambda gy, z, onehot, N: gy * (z - onehot) / N,
        ),
        Mistake(
            "gz", "gL (exp(z) − onehot) / N", "the exponentials are not divided by their sum",
            "The slope of ln s is 1/s.",
            lambda gy, z, onehot, N: gy * (np.exp(z) - onehot) / N,
        ),
        Mistake(
            "gz", "gL (softmax(z, axis=0) − onehot) / N", "softmax was taken over the rows",
            "The C classes of one row add up to 1.",
            lambda gy, z, onehot, N: gy * (_softmax(z, 0) - onehot) / N,
        ),
        Mistake(
            "gz", "gL (exp(z) / exp(z).sum() − onehot) / N", "softmax was taken over all rows",
            "The C classes of one row add up to 1: axis=1.",
            lambda gy, z, onehot, N: gy * (_softmax(z, None) - onehot) / N,
        ),
        Mistake(
            "gz", "gL p (1 − p) / N", "this is a sigmoid's slope: there is no target in it",
            "−ln p[t] = ln Σⱼ exp(zⱼ) − z[t]: differentiate the two terms.",
            lambda gy, p, N: gy * p * (1 - p) / N,
        ),
        Mistake(
            "gz", "gL (p − onehot) p (1 − p) / N", "softmax's slope is in p − onehot already",
            "p − onehot(t) is the gradient for the logits. Nothing is left to multiply.",
            lambda gy, p, onehot, N: gy * (p - onehot) * p * (1 - p) / N,
        ),
        Mistake(
            "gz", "(p − onehot) / N", "the upstream gradient gL is missing",
            "L may be one part of a larger loss: gL says how much it counts.",
            lambda p, onehot, N: (p - onehot) / N,
        ),
        Mistake(
            "gz", "gL (p − onehot) / C", "it is divided by the number of classes, not of rows",
            "The mean goes over the rows.",
            lambda gy, p, onehot: gy * (p - onehot) / p.shape[1],
        ),
        Mistake(
            "gz", "gL (p − onehot) / (N C)", "it is divided by all elements of z",
            "The mean goes over the N rows: each of them has one loss.",
            lambda gy, p, onehot: gy * (p - onehot) / p.size,
        ),
        Mistake(
            "gz", "gL (p − t) / N", "the number of the class was subtracted, not its onehot",
            "t says where the 1 is: 1 in column t, 0 in the others.",
            lambda gy, p, t, N: gy * (p - t[:, None]) / N,
        ),
        Mistake(
            "gz", "p[:, t] −= 1", "1 was subtracted in the columns of all targets",
            "p[np.arange(N), t] pairs row n with tₙ. p[:, t] pairs every row with every t.",
            lambda gy, p, t, N: gy * _at_column(p, t, -1) / N,
        ),
    ),
    lambda z, t: {"p": _softmax(z), "onehot": _onehot(t, z.shape[1]), "N": len(t)},
)  # fmt: skip

# ---- normalisation -----------------------------------------------------------------------------


def _normalised(x: np.ndarray, **_: Any) -> Arrays:
    s = np.sqrt(x.var(axis=0) + 1e-5)
    return {"xhat": (x - x.mean(axis=0)) / s, "s": s, "N": len(x)}


BATCH_NORM = Record(
    "batch_norm",
    "batch normalisation",
    BatchNorm,
    lambda x, W, b: F.batch_norm(x, W=W, b=b, training=True),
    "y = W x̂ + b,   x̂ = (x − m) / s,   m = Σₙ xₙ / N,   s = √(Σₙ (xₙ − m)² / N + 1e-5)",
    "x (N, C), W (C,), b (C,) -> y (N, C)      gy, gx (N, C)   gW, gb (C,)      the sums are over "
    "the N rows",
    (
        "b is in every row with the slope 1, W with the slope x̂: gb = Σ gy and gW = Σ gy x̂.",
        "x reaches its own x̂ by 1/s, and those of all rows through m and s. With gx̂ = gy W:",
        "gm = −Σ gx̂ / s and gs = −Σ gx̂ x̂ / s, since x̂ = (x − m) / s. m is also in s, and that way "
        "adds 0: Σ (x − m) = 0.",
        "∂m/∂x = 1/N, and ∂s/∂x = x̂/N for m held fixed.",
        "gx = W/s (gy − gb/N − x̂ gW/N)      gW = Σ gy x̂      gb = Σ gy",
    ),
    [[1.0, -1.0], [0.5, 2.0], [-2.0, 0.0], [1.0, 1.5]],
    {
        "x": np.array([[1.0, 2.0], [3.0, -1.0], [0.0, 0.5], [2.0, 4.0]]),
        "W": np.array([2.0, -0.5]),
        "b": np.array([0.5, 1.0]),
    },
    lambda rng, n, m, k: {
        "x": 2 * rng.standard_normal((n + 1, m)) + 1,
        "W": rng.standard_normal(m),
        "b": rng.standard_normal(m),
    },
    (
        Mistake(
            "gx", "W/s · gy", "the mean and the variance were taken as constants",
            "x is in m and in s too: it reaches the outputs of all rows through them.",
            lambda gy, W, s: W / s * gy,
        ),
        Mistake(
            "gx", "W/s (gy − x̂ Σ gy x̂ / N)", "the path through the mean is left out",
            "To move all x of a column by the same amount changes no x̂. What do the gx add up to?",
            lambda gy, W, s, xhat: W / s * (gy - xhat * (gy * xhat).mean(axis=0)),
        ),
        Mistake(
            "gx", "W/s (gy − Σ gy / N)", "the path through the variance is left out",
            "x also moves s, and with it the x̂ of all rows: gs = −Σ gx̂ x̂ / s.",
            lambda gy, W, s: W / s * (gy - gy.mean(axis=0)),
        ),
        Mistake(
            "gx", "1/s (gy − Σ gy / N − x̂ Σ gy x̂ / N)", "the scale W is missing",
            "y = W x̂ + b: on the way back from y to x̂ there is a factor.",
            lambda gy, s, xhat: (gy - gy.mean(0) - xhat * (gy * xhat).mean(0)) / s,
        ),
        Mistake(
            "gx", "W (gy − Σ gy / N − x̂ Σ gy x̂ / N)", "the 1/s is missing",
            "x̂ = (x − m) / s: how much does x̂ move if x moves by 1?",
            lambda gy, W, xhat: W * (gy - gy.mean(0) - xhat * (gy * xhat).mean(0)),
        ),
        Mistake(
            "gx", "W/s² (gy − Σ gy / N − x̂ Σ gy x̂ / N)", "it is divided by the variance, not by s",
            "x̂ = (x − m) / s: how much does x̂ move if x moves by 1?",
            lambda gy, W, s, xhat: W / s**2 * (gy - gy.mean(0) - xhat * (gy * xhat).mean(0)),
        ),
        Mistake(
            "gx", "W/s (gy − Σ gy − x̂ Σ gy x̂)", "the 1/N of the mean and the variance is missing",
            "One x moves the mean of N by 1/N.",
            lambda gy, W, s, xhat: W / s * (gy - gy.sum(0) - xhat * (gy * xhat).sum(0)),
        ),
        Mistake(
            "gx", "W/s (gy − Σ gy / N − Σ gy x̂ / N)", "the last term lacks its factor x̂",
            "∂s/∂x = x̂/N: an element far from the mean moves s more.",
            lambda gy, W, s, xhat: W / s * (gy - gy.mean(0) - (gy * xhat).mean(0)),
        ),
        Mistake(
            "gx", "W/s (gy + Σ gy / N + x̂ Σ gy x̂ / N)", "gm and gs have the wrong sign",
            "x̂ = (x − m) / s: if m grows, does x̂ grow or fall?",
            lambda gy, W, s, xhat: W / s * (gy + gy.mean(0) + xhat * (gy * xhat).mean(0)),
        ),
        Mistake(
            "gx", "W/s (gy − Σ gy / N + x̂ Σ gy x̂ / N)", "gs has the wrong sign",
            "x̂ = (x − m) / s: if s grows, does x̂ grow or fall?",
            lambda gy, W, s, xhat: W / s * (gy - gy.mean(0) + xhat * (gy * xhat).mean(0)),
        ),
        Mistake(
            "gx", "W/s (gy − Σ gy / N) − W/s² x̂ Σ gy x̂ / N", "gs is divided by s², not by s",
            "∂x̂/∂s = −(x − m) / s²: how much of it is x̂?",
            lambda gy, W, s, xhat: W / s * (gy - gy.mean(0) - xhat * (gy * xhat).mean(0) / s),
        ),
        Mistake(
            "gx", "W/s (gy − Σ gy − x̂ Σ gy x̂ / N)", "the 1/N of the mean is missing",
            "One x moves the mean of N by 1/N.",
            lambda gy, W, s, xhat: W / s * (gy - gy.sum(0) - xhat * (gy * xhat).mean(0)),
        ),
        Mistake(
            "gx", "W/s (gy − gy.sum() / N − x̂ (gy·x̂).sum() / N)", "the sums go over all channels",
            "Each channel has a mean and a variance of its own: sum over axis 0 alone.",
            lambda gy, W, s, xhat, N: W / s * (gy - gy.sum() / N - xhat * (gy * xhat).sum() / N),
        ),
        Mistake(
            "gx", "W/s (gy − gy.mean() − x̂ (gy·x̂).mean())", "the means go over all channels",
            "Each channel has a mean and a variance of its own: axis=0.",
            lambda gy, W, s, xhat: W / s * (gy - gy.mean() - xhat * (gy * xhat).mean()),
        ),
        Mistake(
            "gx", "W/s (gy − Σ gy / C − x̂ Σ gy x̂ / C), axis=1",
            "the means go over the channels of a row",
            "The mean and the variance are those of a channel: its rows are along axis 0.",
            lambda gy, W, s, xhat: (
                W / s * (gy - gy.mean(1, keepdims=True) - xhat * _rows(gy * xhat) / len(W))
            ),
        ),
        Mistake(
            "gb", "gy.sum()", "it is summed over all axes",
            "b has the shape (C,): each channel has its own.",
            lambda gy: gy.sum(),
        ),
        Mistake(
            "gW", "(gy·x̂).sum()", "it is summed over all axes",
            "W has the shape (C,): each channel has its own.",
            lambda gy, xhat: (gy * xhat).sum(),
        ),
        Mistake(
            "gb", "gy.mean()", "this is the mean over all axes",
            "b has the shape (C,): each channel has its own, and its rows are added.",
            lambda gy: gy.mean(),
        ),
        Mistake(
            "gW", "(gy·x̂).mean()", "this is the mean over all axes",
            "W has the shape (C,): each channel has its own, and its rows are added.",
            lambda gy, xhat: (gy * xhat).mean(),
        ),
        Mistake(
            "gb", "gy.sum(axis=1)", "it is summed over the channels, not over the rows",
            "b is in every row of its channel. Which axis of gy counts the rows?",
            lambda gy: gy.sum(axis=1),
        ),
        Mistake(
            "gW", "(gy·x̂).sum(axis=1)", "it is summed over the channels, not over the rows",
            "W is in every row of its channel. Which axis of gy counts the rows?",
            lambda gy, xhat: (gy * xhat).sum(axis=1),
        ),
        Mistake(
            "gW", "Σ gy x", "x stands where x̂ belongs",
            "W multiplies x̂: y = W x̂ + b.",
            lambda gy, x: (gy * x).sum(axis=0),
        ),
        Mistake(
            "gW", "gy x̂", "it is not summed over the rows",
            "W has the shape (C,), and so has gW. Every row wants to move the same W.",
            lambda gy, xhat: gy * xhat,
        ),
        Mistake(
            "gW", "Σ gy x̂ / N", "this is the mean over the rows, not the sum",
            "The 1/N of a mean loss is in gy already.",
            lambda gy, xhat: (gy * xhat).mean(axis=0),
        ),
        Mistake(
            "gW", "Σ gy", "this is gb: the slope x̂ is missing",
            "If W moves by 1, y moves by x̂.",
            lambda gy: gy.sum(axis=0),
        ),
        Mistake(
            "gW", "Σ gy y", "y stands where x̂ belongs",
            "If W moves by 1, y moves by x̂.",
            lambda gy, y: (gy * y).sum(axis=0),
        ),
        Mistake(
            "gb", "gy", "it is not summed over the rows",
            "b has the shape (C,), and so has gb. Every row wants to move the same b.",
            lambda gy: gy,
        ),
        Mistake(
            "gb", "Σ gy / N", "this is the mean over the rows, not the sum",
            "The 1/N of a mean loss is in gy already.",
            lambda gy: gy.mean(axis=0),
        ),
        Mistake(
            "gb", "Σ gy x̂", "this is gW: b has the slope 1",
            "If b moves by 1, y moves by 1.",
            lambda gy, xhat: (gy * xhat).sum(axis=0),
        ),
    ),
    _normalised,
)  # fmt: skip

RECORDS = {
    record.name: record
    for record in (
        SQUARE, ADD, MUL, MATMUL, RELU, LINEAR, SOFTMAX, LOG_SOFTMAX, LOG_LOSS, CROSS_ENTROPY,
        BATCH_NORM,
    )
}  # fmt: skip
