"""Mistakes in single functions that gradcheck has to find, in the input where they are.

Those that people make are in the records, and planted by checking/test_records.py.
"""

import numpy as np
import pytest

from minigrad import gradcheck
from minigrad.functions.arithmetic import Add, Matmul
from minigrad.functions.linear import Linear
from minigrad.functions.losses import CrossEntropy
from minigrad.functions.shapes import Transpose
from tests.mutants import Mutant, planted


def failing(function, wrong, shapes, seed=1, **options):
    """Return the results that fail if backward returns wrong(gy, what the right one returns)."""
    right, rng = function.backward, np.random.default_rng(seed)
    backward = lambda self, gy: wrong(gy, right(self, gy))  # noqa: E731
    inputs = [rng.standard_normal(shape) for shape in shapes]
    f = lambda *xs: function.apply(*xs, **options)  # noqa: E731
    assert gradcheck(f, inputs)
    with planted(Mutant("", function, "backward", backward)):
        report = gradcheck(f, inputs, raises=False)
    assert {result.verdict for result in report.results} <= {"PASS", "FAIL"}
    return [result for result in report.results if result.verdict == "FAIL"]


@pytest.mark.parametrize(
    ("function", "wrong", "shapes", "inputs"),
    [
        (Matmul, lambda gy, g: (g[1], g[0]), [(3, 3), (3, 3)], "01"),
        (Matmul, lambda gy, g: (g[0], g[1][0]), [(5, 2, 3), (3, 4)], "1"),
        (Add, lambda gy, g: (gy, gy[:, :1]), [(5, 3), (5, 1)], "1"),
    ],
    ids=["ga and gb exchanged", "gb not summed over the stack", "gb not summed over the columns"],
)
def test_a_gradient_of_the_right_shape_is_caught(function, wrong, shapes, inputs):
    found = failing(function, wrong, shapes)
    assert [result.name for result in found] == [f"input {i}" for i in inputs]
    for result in found:
        assert abs(result.analytic - result.numeric) > 100 * result.tolerance


def test_inputs_drawn_like_the_upstream_gradient_hide_nothing():
    transposed = lambda gy, g: (g[0], g[1].T, g[2])  # noqa: E731  # u = x would make gW = xᵀ x
    assert failing(Linear, transposed, [(5, 3), (3, 3), (3,)], seed=0)


def test_a_transpose_that_is_not_undone_is_caught():
    assert failing(Transpose, lambda gy, g: gy.transpose(1, 2, 0), [(2, 2, 2)], axes=(1, 2, 0))


def test_a_cross_entropy_that_forgets_to_divide_is_caught():
    right = {"t": np.array([0, 2, 1]), "w": 1 / 3, "smoothing": 0.0, "total": True}
    assert failing(CrossEntropy, lambda gy, g: 3 * g, [(3, 3)], **right)


def test_the_worst_element_is_named_with_both_values():
    def wrong(gy, g):
        ga, gb = g
        gb = gb.copy()
        gb[2, 1] += 0.5
        return ga, gb

    (result,) = failing(Matmul, wrong, [(2, 3), (3, 4)])
    assert (result.name, result.index) == ("input 1", (2, 1))
    assert np.argwhere(result.failing).tolist() == [[2, 1]]
    assert result.analytic - result.numeric == pytest.approx(0.5, abs=1e-8)
