"""The records: their mistakes are wrong, each in its own way, and gradcheck names them."""

import inspect

import numpy as np
import pytest

import minigrad as mg
from minigrad.checking.records import RECORDS, same
from minigrad.engine import unbroadcast
from tests.mutants import Mutant, planted

each_record = pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
MISTAKES = [(record, mistake) for record in RECORDS.values() for mistake in record.mistakes]


@each_record
def test_a_record_says_what_the_function_does(record):
    for gy, inputs in record.cases():
        tensors = [mg.Tensor(inputs[name], requires_grad=True) for name in record.inputs]
        y = record.apply(**{**inputs, **dict(zip(record.inputs, tensors, strict=True))})
        assert isinstance(y.node, record.function)
        assert gy.shape == y.shape
    assert len(record.steps) >= 3 and len(record.mistakes) >= 10
    assert {mistake.of for mistake in record.mistakes} <= {f"g{name}" for name in record.inputs}
    texts = [part for m in record.mistakes for part in (m.says, m.hint)]
    assert not [text for text in texts if len(text) > 120]


@each_record
def test_every_mistake_is_wrong_in_its_own_way(record):
    for mistake in record.mistakes:
        wrong, seen = False, set(record.mistakes)
        for gy, inputs in record.cases():
            gradient = mistake.gradient(record.arrays(gy, inputs))
            if gradient is not None:
                right = record.gradients(gy, inputs)[mistake.of]
                wrong |= gradient.shape != right.shape or not same(gradient, right)
                seen &= {*record.named(mistake.of, gradient, gy, inputs)}
        assert wrong and seen == {mistake}, mistake


@pytest.mark.parametrize(
    ("record", "mistake"), MISTAKES, ids=[f"{r.name} {m}"[:60] for r, m in MISTAKES]
)
def test_gradcheck_rejects_every_mistake_and_names_it(record, mistake):
    correct, i = record.function.backward, record.inputs.index(mistake.of[1:])

    def apply(*xs):
        return record.apply(**{**inputs, **dict(zip(record.inputs, xs, strict=True))})

    def backward(self, gy):
        found = correct(self, gy)
        found = list(found) if isinstance(found, tuple) else [found]
        given = {name: x.data for name, x in zip(record.inputs, self.inputs, strict=False)}
        found[i] = np.array(mistake.gradient(record.arrays(gy, {**inputs, **given})))
        return tuple(found)

    for gy, inputs in reversed(record.cases()):
        right = record.gradients(gy, inputs)[mistake.of]
        wrong = mistake.gradient(record.arrays(gy, inputs))
        if wrong is not None and (wrong.shape != right.shape or not same(wrong, right)):
            break  # the others may be shapes for which NumPy computes no such thing
    checked = record.inputs[i]  # the other inputs are given, and need no check
    leaves = [mg.Tensor(inputs[name], name == checked) for name in record.inputs]
    with planted(Mutant("", record.function, "backward", backward)):
        (result,) = mg.gradcheck(apply, leaves, raises=False).results
    if wrong.shape == right.shape:
        assert result.verdict == "FAIL"
        assert f"these are the numbers of {mistake}" in result.diagnosis
    elif same(engine_sum(wrong, right.shape), right):
        assert result.verdict == "PASS"  # right for a library; only the exercise is strict
    else:
        assert result.verdict == "FAIL"
        assert f"returned a gradient of shape {wrong.shape} for input {i}" in result.diagnosis


def engine_sum(gradient, shape):
    """Return the gradient as the engine would sum it, or NaN if it would refuse to."""
    try:
        return unbroadcast(gradient, shape)
    except ValueError:
        return np.full(shape, np.nan)


# ---- what gradcheck makes of a loss whose target it does not see ---------------------------------

X, T = np.random.default_rng(1).standard_normal((3, 6)), np.array([2, 0, 5])
HOT = np.eye(6)[T]
LOSSES = {
    "mean": (np.mean, lambda g: g / 3),
    "sum": (np.sum, lambda g: g),
    "each": (lambda losses: losses, lambda g: g[:, None]),
}


def softmax(x):
    e = np.exp(x)
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("reduction", "wrong", "text"),
    [
        ("mean", lambda p: (p - 1) * HOT, "gL (p − 1) / N at t, 0 elsewhere: only the target's"),
        ("sum", lambda p: -HOT, "−gL onehot / N: p is missing"),
        ("each", lambda p: -HOT / p, "−gL onehot / (N p): this is the gradient for p"),
        ("each", lambda p: p, "gL p / N: onehot(t) is missing"),
        ("sum", lambda p: HOT - p, "gL (onehot − p) / N: the sign is wrong"),
        ("mean", lambda p: -2 * HOT, ""),
        ("each", lambda p: p - HOT / 2, ""),
    ],
)
def test_a_cross_entropy_of_ones_own(reduction, wrong, text):
    reduce, scaled = LOSSES[reduction]

    class Loss(mg.Function):
        def forward(self, x):
            self.x = x
            return reduce(-np.log(softmax(x)[range(3), T]))

        def backward(self, gy):
            return scaled(gy) * wrong(softmax(self.x))

    (result,) = mg.gradcheck(Loss.apply, X, raises=False).results
    said = f"these are the numbers of {text}" if text else ""
    assert result.verdict == "FAIL"
    assert result.diagnosis.startswith(said) and bool(result.diagnosis) == bool(text)


def test_another_loss_of_the_target_alone_is_no_cross_entropy():
    class Square(mg.Function):
        def forward(self, x):
            self.x = x
            return ((softmax(x) - HOT) ** 2).sum()

        def backward(self, gy):
            return gy * 2 * (softmax(self.x) - 1) * HOT

    (result,) = mg.gradcheck(Square.apply, X, raises=False).results
    assert (result.verdict, result.diagnosis) == ("FAIL", "")


def test_the_letters_of_a_mistake_are_those_of_its_record():
    for record, mistake in MISTAKES:
        known = record.arrays(record.gy, record.example)
        assert set(inspect.signature(mistake.wrong).parameters) <= set(known)
