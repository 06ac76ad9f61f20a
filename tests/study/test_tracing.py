"""A trace holds what the engine computed, under names that the formulas use."""

import re

import numpy as np
import pytest

from minigrad import Function, Tensor, errors, nn, study
from minigrad import functions as F
from minigrad.study.tracing import _statements
from tests.helpers import exactly, functions_below, leaf


def network(rng=0):
    return nn.Sequential(
        nn.Linear(3, 4, rng=rng, dtype=np.float64),
        nn.Residual(nn.Linear(4, 4, rng=rng, dtype=np.float64), nn.Tanh()),
        nn.Linear(4, 2, rng=rng, dtype=np.float64),
    )


def test_the_gradients_are_those_of_the_engine():
    model, loss = network(), nn.CrossEntropy()
    x, t = np.random.default_rng(1).random((5, 3)), np.array([0, 1, 1, 0, 1])
    trace = study.trace(lambda x: loss(model(x), t), [Tensor(x)], module=model)
    assert all(p.grad is None for p in model.parameters())
    y = loss(model(Tensor(x)), t)
    y.backward()
    assert trace.loss.name == "L" and trace.loss.data == y.data
    leaves = {leaf.name: leaf for leaf in trace.leaves}
    assert [*leaves] == ["x", "W1", "b1", "W2", "b2", "W3", "b3"]
    names = ("W1", "b1", "W2", "b2", "W3", "b3")
    for name, p in zip(names, model.parameters(), strict=True):
        np.testing.assert_array_equal(leaves[name].grad, p.grad)
        np.testing.assert_array_equal(leaves[name].data, p.data)
    assert not leaves["x"].needs


def test_every_term_is_a_gradient_times_a_derivative():
    """The derivatives are compared with differences of the operation alone."""
    a, b = np.array([[0.3, -0.2], [0.5, 0.9]]), np.array([1.5, 0.7])
    trace = study.trace(lambda a, b: F.softmax(a @ b) * b, [a, b])
    for step in trace.steps:
        for rule in step.rules:
            total = sum(term.gy * term.slope for term in rule.terms)
            assert total == pytest.approx(rule.g[rule.j], rel=1e-12)
            assert all(term.gy == step.y.grad[term.i] for term in rule.terms)
    (softmax,) = [step for step in trace.steps if step.op == "Softmax"]
    (rule,) = softmax.rules
    x, h = softmax.inputs[0].data, 1e-6
    moved = [x + h * s * np.eye(2)[rule.j[0]] for s in (1, -1)]
    slopes = np.subtract(*(F.softmax(m).data for m in moved)) / (2 * h)
    assert [t.slope for t in rule.terms] == pytest.approx(slopes[[t.i[0] for t in rule.terms]])


def test_formulas_have_the_names_of_the_graph():
    model = network()
    trace = study.trace(lambda x: F.sum(model(x)), [np.ones((1, 3))], module=model)
    formulas = [(step.formula[0], [rule.formula for rule in step.rules]) for step in trace.steps]
    assert formulas[:3] == [
        ("z1 = x W1ᵀ + b1", ["gx = gz1 W1", "gW1 = gz1ᵀ x", "gb1 = Σₙ gz1ₙ"]),
        ("z2 = z1 W2ᵀ + b2", ["gz1 = gz2 W2", "gW2 = gz2ᵀ z1", "gb2 = Σₙ gz2ₙ"]),
        ("h1 = tanh z2", ["gz2 = gh1 (1 − h1²)"]),
    ]
    assert [step.layer for step in trace.steps] == [
        "0", "1.0", "1.1", "1 Residual", "2", "",
    ]  # fmt: skip


def test_an_exponent_keeps_the_letter_of_the_source():
    (step, _) = study.trace(F.sigmoid, [np.ones(2)], names=["s"]).steps
    assert step.formula == ["h1 = 1 / (1 + e⁻ˣ)   with x = s"]
    assert step.rules[0].formula == "gs = gh1 h1 (1 − h1)"


def test_inputs_are_called_as_the_function_calls_them():
    trace = study.trace(lambda left, right: left * right, [np.array(2.0), np.array(3.0)])
    assert [x.name for x in trace.leaves] == ["left", "right"]
    trace = study.trace(lambda *xs: xs[0] * xs[1] * 2.0, [np.array(2.0), np.array(3.0)])
    assert [x.name for x in trace.leaves] == ["x0", "x1", "c1"]


def test_every_function_of_minigrad_has_a_rule_for_each_input():
    """Each docstring states the forward formula and a gradient for each input of forward."""
    for function in sorted(functions_below(), key=lambda f: f.__name__):
        lines = _statements(function)
        assert " = " in lines[0][0][0], function
        assert any(re.match(r"g\S+ = ", text) for line in lines for text, _ in line), function


def test_a_leaf_that_is_given_twice_has_one_name():
    x = leaf([1.0, 2.0])
    trace = study.trace(lambda x: x * x, [x])
    assert [v.name for v in trace.leaves] == ["x"] and len(trace.leaves[0].ways) == 2
    np.testing.assert_array_equal(trace.leaves[0].grad, [2, 4])


def test_the_source_of_an_operation():
    step = study.trace(F.relu, [np.ones(2)]).steps[0]
    place, text = step.source["backward"]
    assert re.fullmatch(r"minigrad/functions/activations\.py:\d+", place)
    assert text.startswith("def backward(self, gy):\n    return gy * (self.y != 0)")


def test_what_has_no_graph_is_refused():
    text = (
        "explain: no operation with a gradient made the output; 1 operation; return the loss "
        "itself, computed outside no_grad() and without detach()"
    )
    with pytest.raises(errors.ArgumentError, match=exactly(text)):
        study.trace(lambda x: F.exp(x).detach(), [np.ones(2)])


def test_nothing_of_the_users_changes():
    model = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Dropout(0.5, rng=1))
    state = model.state_dict()
    before = model.layers[1].rng.bit_generator.state
    study.trace(lambda x: F.sum(model(x)), [np.ones((3, 2))], module=model)
    assert model.layers[1].rng.bit_generator.state == before
    assert all((model.state_dict()[name] == a).all() for name, a in state.items())
    assert model.layers[0].weight.dtype == np.float32


class Short(Function):
    """y = a b, with a gradient of the wrong shape."""

    def forward(self, a, b):
        return a * b

    def backward(self, gy):
        return gy[:1], gy


def test_what_breaks_the_contract_is_named_by_the_engine():
    with pytest.raises(errors.ShapeError, match=r"Short\.backward"):
        study.trace(Short.apply, [np.ones(3), np.ones(3)])


def test_names_of_the_user_are_not_given_twice():
    trace = study.trace(lambda L, v1: F.sum(L * v1), [np.ones(2), np.ones(2)])
    names = [x.name for x in (*trace.leaves, *(step.y for step in trace.steps))]
    assert names == ["L", "v1", "v2", "L1"]


def test_an_image_has_no_units_to_shut():
    trace = study.trace(F.relu, [-np.ones((1, 2, 3, 3))])
    assert trace.steps[0].remarks == ([], [])
    trace = study.trace(F.relu, [np.array([-1.0, 2.0])])
    assert trace.steps[0].remarks[1] == ["unit 0 is shut: x[0] = -1; gh1[0] = 1 stops here"]
