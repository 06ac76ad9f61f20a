"""`explain softmax`: what is printed of a record, and that its numbers are right."""

import re

import numpy as np
import pytest

from minigrad.checking.records import RECORDS
from minigrad.study import record_text
from tests.study.printed import arrays, close


def numeric(record, name):
    """Return the gradient of Σ gy y for one input, by differences."""
    inputs = {key: np.array(a) for key, a in record.example.items()}
    x, gy = inputs[name], np.asarray(record.gy, float)
    found = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        sides = []
        for h in (1e-5, -1e-5):
            before, x[i] = x[i], x[i] + h
            sides.append(float((gy * record.apply(**inputs).data).sum()))
            x[i] = before
        found[i] = (sides[0] - sides[1]) / 2e-5
    return found


@pytest.mark.parametrize("name", RECORDS)
def test_every_number_of_the_example(name):
    record = RECORDS[name]
    text = record_text(record, 100)
    found = arrays(text[text.index("\nExample\n") : text.index("\nCheck")])
    for letter, a in record.example.items():
        assert close(found[letter][0], a)
    assert close(found["y"][0], record.apply(**record.example).data)
    assert close(found["gy"][0], np.asarray(record.gy, float))
    for letter in record.inputs:
        slopes = numeric(record, letter)
        np.testing.assert_allclose(found[f"g{letter}"][0], slopes, rtol=6e-4, atol=1e-7)
    assert "they agree ✓" in text


@pytest.mark.parametrize("name", RECORDS)
def test_every_mistake_with_what_it_makes_of_the_example(name):
    record = RECORDS[name]
    text = " ".join(record_text(record, 120).split("\nUsual mistakes\n")[1].split())
    right = record.gradients(record.gy, record.example)
    given = record.arrays(record.gy, record.example)
    for mistake in record.mistakes:
        start = text.index(" ".join(f"{mistake.of} = {mistake.formula} {mistake.says}".split()))
        here = text[start + len(mistake.of) + 3 + len(mistake.formula) :]
        said = re.match(r".*?in the example: (.*?)(?= g\w+ = |$)", here)[1]
        wrong = mistake.gradient(given)
        if numbers := re.match(r"g\w+(?:\[([\d,]+)\])? = (\S+), and (\S+) is right", said):
            j = tuple(map(int, numbers[1].split(","))) if numbers[1] else ()
            assert close(np.array(float(numbers[2])), wrong[j])
            assert close(np.array(float(numbers[3])), right[mistake.of][j])
            assert numbers[2] != numbers[3]
        elif said.startswith("an array of shape"):
            assert str(wrong.shape) in said and wrong.shape != right[mistake.of].shape
        elif said.startswith("the same numbers"):
            assert np.allclose(wrong, right[mistake.of])
        else:
            assert said == "the shapes do not fit" and wrong is None


def test_softmax():
    text = record_text(RECORDS["softmax"], 80)
    assert text.startswith(
        "softmax: probabilities out of any numbers\n\n   yᵢ = exp(xᵢ) / Σⱼ exp(xⱼ)"
    )
    derivation, source = text.index("\nDerivation\n   1. "), text.index("\nSource\n")
    assert derivation < source < text.index("def forward(self, x, axis):") < text.index("\nExample")
    assert "   gx = gy·y·(1 − y)\n      only ∂yᵢ/∂xᵢ was used" in text


@pytest.mark.parametrize("columns", [60, 120])
def test_the_width(columns):
    for record in RECORDS.values():
        lines = record_text(record, columns).split("\n")
        source = lines.index("Source"), lines.index("Example")
        text = lines[: source[0]] + lines[source[1] :]
        assert max(map(len, text)) <= columns
