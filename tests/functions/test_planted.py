"""Wrong backward passes, planted into every Function: the gradient check has to catch each one."""

import itertools
import re

import numpy as np
import pytest

from minigrad import Tensor, gradcheck
from minigrad.checking.cases import CASES
from minigrad.errors import GradcheckError
from minigrad.functions.arithmetic import Add, Matmul
from minigrad.functions.linear import Linear
from minigrad.functions.losses import CrossEntropy
from minigrad.functions.shapes import Transpose
from tests.helpers import one_element, planted


def largest(case):
    """Return the row's inputs with the most elements."""
    return max(
        (case.inputs(shapes) for shapes in case.shapes), key=lambda xs: sum(map(np.size, xs))
    )


ROWS = {}  # for each Function, the first row whose output it makes
for case in CASES:
    if case.shapes:
        y = case.f(*[Tensor(x, requires_grad=True) for x in largest(case)])
        ROWS.setdefault(type(y.node), case)


WRONG = {
    "sign": lambda g: -g,
    "factor 2": lambda g: 2 * g,
    "1 %": lambda g: 1.01 * g,
    "zero": lambda g: 0 * g,
    "one element": one_element(1.01),
}


def caught(f, inputs):
    """Return the failing lines of gradcheck's error, each as a match of its parts."""
    with pytest.raises(GradcheckError) as error:
        gradcheck(f, inputs)
    head, *lines = str(error.value).splitlines()
    assert re.match(r"gradcheck: \d of \d gradients (is|are) wrong; backward in float64", head)
    failing = [
        re.fullmatch(
            r"    input (?P<input>\d)\[(?P<index>[\d, ]*)\]: analytic (?P<analytic>\S+), "
            r"numeric (?P<numeric>\S+) ± \S+, \|difference\| (?P<error>\S+) > (?P<tolerance>\S+)",
            worst,
        )
        for line, worst in itertools.pairwise(lines)
        if re.match(r"FAIL input \d: [1-9]\d* of \d+ elements fails?\b", line)
    ]
    for part in failing:
        analytic, numeric = float(part["analytic"]), float(part["numeric"])
        assert float(part["error"]) == pytest.approx(abs(analytic - numeric), rel=1e-2)
        assert float(part["error"]) > 100 * float(part["tolerance"])
    return failing


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("function", ROWS, ids=lambda c: c.__name__)
def test_a_wrong_gradient_is_caught(function, wrong, monkeypatch):
    f, inputs, right = ROWS[function].f, largest(ROWS[function]), function.backward

    def backward(self, gy):
        g = right(self, gy)
        return tuple(map(WRONG[wrong], g)) if isinstance(g, tuple) else WRONG[wrong](g)

    monkeypatch.setattr(function, "backward", backward)
    assert len(caught(f, inputs)) == len(inputs)


@pytest.mark.parametrize("function", ROWS, ids=lambda c: c.__name__)
def test_an_ignored_upstream_gradient_is_caught(function, monkeypatch):
    f, inputs, right = ROWS[function].f, largest(ROWS[function]), function.backward
    monkeypatch.setattr(function, "backward", lambda self, gy: right(self, np.ones_like(gy)))
    assert len(caught(f, inputs)) == len(inputs)


def normal(*shapes, seed=1):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


@pytest.mark.parametrize(
    ("function", "wrong", "shapes", "failing"),
    [
        (Linear, lambda gy, g: (g[0], g[1], gy[0]), [(5, 3), (4, 3), (4,)], "2"),
        (Linear, lambda gy, g: (g[0], g[1], gy.mean(axis=0)), [(5, 3), (4, 3), (4,)], "2"),
        (Linear, lambda gy, g: (g[0], g[1].T, g[2]), [(5, 3), (3, 3), (3,)], "1"),
        (Linear, lambda gy, g: (g[0].T, g[1], g[2]), [(3, 3), (3, 3), (3,)], "0"),
        (Matmul, lambda gy, g: (g[1], g[0]), [(3, 3), (3, 3)], "01"),
        (Matmul, lambda gy, g: (g[0], g[1][0]), [(5, 2, 3), (3, 4)], "1"),
        (Add, lambda gy, g: (gy, gy[0]), [(5, 3), (3,)], "1"),
        (Add, lambda gy, g: (gy, gy[:, :1]), [(5, 3), (5, 1)], "1"),
    ],
    ids=[
        "gb not summed over the batch",
        "gb is the mean over the batch",
        "gW transposed",
        "gx transposed",
        "ga and gb exchanged",
        "gb not summed over the stack",
        "gb not summed over the rows",
        "gb not summed over the columns",
    ],
)
def test_a_gradient_of_the_right_shape_is_caught(function, wrong, shapes, failing):
    found = caught(planted(function, wrong).apply, normal(*shapes))
    assert "".join(part["input"] for part in found) == failing


def test_inputs_drawn_like_the_upstream_gradient_hide_nothing():
    transposed = planted(Linear, lambda gy, g: (g[0], g[1].T, g[2]))  # u = x would make gW = xᵀ x
    assert caught(transposed.apply, normal((5, 3), (3, 3), (3,), seed=0))


def test_a_transpose_that_is_not_undone_is_caught():
    cyclic = planted(Transpose, lambda gy, g: gy.transpose(1, 2, 0))
    assert caught(lambda x: cyclic.apply(x, axes=(1, 2, 0)), normal((2, 2, 2)))


def test_a_cross_entropy_that_forgets_to_divide_is_caught():
    right = {"t": np.array([0, 2, 1]), "w": 1 / 3, "total": True}
    forgetful = planted(CrossEntropy, lambda gy, g: 3 * g)
    assert gradcheck(lambda z: CrossEntropy.apply(z, **right), normal((3, 3)))
    assert caught(lambda z: forgetful.apply(z, **right), normal((3, 3)))


def test_the_worst_element_is_named_with_both_values(monkeypatch):
    right = Matmul.backward

    def backward(self, gy):
        ga, gb = right(self, gy)
        gb = gb.copy()
        gb[2, 1] += 0.5
        return ga, gb

    monkeypatch.setattr(Matmul, "backward", backward)
    a, b = normal((2, 3), (3, 4))
    (part,) = caught(Matmul.apply, [a, b])
    assert (part["input"], part["index"]) == ("1", "2, 1")
    assert float(part["analytic"]) - float(part["numeric"]) == pytest.approx(0.5, abs=1e-8)
