"""`explain` as text: every number that it prints is computed again, from those printed above it."""

import re

import numpy as np
import pytest

from minigrad import Function, Tensor, nn, study
from minigrad import functions as F
from minigrad.study import samples
from minigrad.study.explain_text import as_graph, as_text
from tests.study.printed import Interval, arrays, chains, close, cross_entropy_network, evaluate


def of_network(rows=1, activation="relu", sizes=(2, 4, 3), seed=0):
    if sizes == (2, 4, 3):
        model, x, t = samples.fixed_network(activation)
    else:
        model, x, t = samples.random_network(sizes, rows, activation, seed)
    loss = nn.CrossEntropy()
    f = lambda x: loss(model(x), t[:rows])  # noqa: E731
    return study.trace(f, [Tensor(x[:rows])], module=model)


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_every_array_is_that_of_plain_numpy(rows, columns):
    found = arrays(as_text(of_network(rows), columns))
    given = [found[name][0] for name in ("x", "W1", "b1", "W2", "b2")]
    exact = cross_entropy_network(given[0], np.array(samples.T[:rows]), *given[1:])
    assert found.keys() == exact.keys()
    for name, copies in found.items():
        assert all(close(a, exact[name]) for a in copies), name
    assert len(found["gz2"]) == len(found["gz1"]) == 2  # as what goes out, and as what comes in


def double(w, x):
    a = w * x
    return a * F.sigmoid(a) + w * w


def softmax(x):
    p = np.exp(x) / np.sum(np.exp(x), axis=0)
    return -np.log(p[0])


def softmax_rows(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def broadcast(x, b):
    return F.sum((x + b) * (x + b))


RANDOM = np.random.default_rng(3)
TRACES = {
    **{f"rows {n}": lambda n=n: of_network(n) for n in (1, 2, 3)},
    **{name: lambda name=name: of_network(2, name) for name in nn.ACTIVATIONS},
    "4-3": lambda: of_network(2, sizes=(4, 3)),
    "5-6-4-3": lambda: of_network(3, "tanh", (5, 6, 4, 3)),
    "double": lambda: study.trace(double, [RANDOM.random(3), RANDOM.random(3)]),
    "softmax": lambda: study.trace(softmax, [np.array([2.0, 1.0, 0.1])]),
    "broadcast": lambda: study.trace(broadcast, [RANDOM.random((2, 3)), RANDOM.random(3)]),
    "number": lambda: study.trace(lambda x: x * x * x, [np.array(3.0)]),
}


@pytest.mark.parametrize("name", TRACES)
def test_every_sum_that_is_written_out_has_the_value_beside_it(name):
    trace = TRACES[name]()
    text = as_text(trace, 10**4)  # as wide as it gets
    text = re.sub(r"\n {7}(?! )", " ", text)  # lines that were too long nevertheless
    body, check = text.split("\nCheck\n")
    found = list(chains(body))
    assert len(found) >= sum(len(step.rules) for step in trace.steps)
    for line, parts in found:
        assert all(a.meets(b) for a in parts for b in parts), line
    printed = arrays(body)
    elements = re.findall(r"\bg([^\W\d]\w*)(?:\[([\d,]+)\])? = (?:.* = )?(-?\d\S*)$", body, re.M)
    assert len(elements) >= len(found) / 2
    for variable, index, value in elements:
        index = tuple(map(int, index.split(","))) if index else ()
        copies = [a for key in (f"g{variable}", f"g{variable}, part") for a in printed.get(key, [])]
        assert any(a[index] == float(value) for a in copies), (variable, index, value)
    _check_and_step(check, trace)


def _check_and_step(text, trace):
    loss = float(trace.loss.data)
    h, below, above, slope = re.search(
        r"moved by -(\S+) and .*\n.* = (\S+) and (\S+)\n.* = (\S+)$", text, re.M
    ).groups()
    assert f"({above} - {below}) / {2 * float(h):g} = {slope}" in text
    again = (float(above) - float(below)) / (2 * float(h))
    assert again == pytest.approx(float(slope), rel=2e-5, abs=1e-6)
    g = float(re.search(r"^   g\S+ = (\S+): they agree", text, re.M)[1])
    assert g == pytest.approx(float(slope), rel=1e-5)
    before, lr, squares, predicted = re.search(
        r"= (\S+) - (\S+)·(\S+) = (\S+)$", text, re.M
    ).groups()
    assert float(before) == pytest.approx(loss, rel=1e-5)
    grads = [x.grad for x in trace.leaves if x.needs]
    assert float(squares) == pytest.approx(sum((g * g).sum() for g in grads), rel=1e-5)
    assert float(before) - float(lr) * float(squares) == pytest.approx(float(predicted), rel=1e-5)
    assert f"for all {sum(g.size for g in grads)} numbers" in text


def test_what_came_of_the_step_is_the_loss_after_it():
    model, x, t = samples.fixed_network("relu")
    loss = nn.CrossEntropy()
    text = as_text(of_network(), 80)
    loss(model(x[:1]), t[:1]).backward()
    for p in model.parameters():
        p.data -= 0.01 * p.grad
    after = loss(model(x[:1]), t[:1]).item()
    assert f"it is {after:.6g}; the rest is the curvature of L" in text
    assert float(re.search(r"it is ([\d.]+);", text)[1]) == 2.2498


def test_a_wrong_number_is_seen():
    assert not evaluate("2·(-3) + 1.5").meets(evaluate("4.5"))
    assert evaluate("2·(-3) + 1.5").meets(evaluate("-4.5"))
    assert evaluate("0.3333·3").meets(evaluate("1")) and not evaluate("0.33·3").meets(evaluate("1"))
    assert evaluate("W1 x + b1") is None
    assert not close(np.array([0.1235]), [0.1233]) and close(np.array([0.1235]), [0.12346])
    assert Interval.of("0") == (0, 0)


# ---- what is said --------------------------------------------------------------------------------


def test_the_default_network():
    text = as_text(of_network(), 80)
    for line in [
        "1  Linear   layer 0\n   z1 = x W1ᵀ + b1\n   z1  (1, 4)  -0.5  2  0.5  1.5\n",
        "   p = softmax(z2)\n   L = −ln p[t]\n   p  (1, 3)  0.08673  0.9094  0.003907\n",
        "   t = 0, so L = −ln 0.08673 = 2.445\n",
        "   gz2 = gL (p − onehot(t))\n     onehot(t) is 1 at t and 0 elsewhere\n"
        "   gz2[0,0] = gL ∂L/∂z2[0,0] = 1·(-0.9133) = -0.9133\n"
        "     ∂L/∂z2[0,0] = p[0,0] − 1 = 0.08673 - 1 = -0.9133\n",
        "   gh1[0,0] = Σᵢ gz2ᵢ ∂z2ᵢ/∂h1[0,0] = -0.9133·1 + 0.9094·(-0.5) + 0.003907·0.5 =\n"
        "       -1.366\n     h1[0,0] reaches z2 in 3 ways: i = [0,0], [0,1], [0,2]\n",
        "   unit 0 is shut: z1[0,0] = -0.5; gh1[0,0] = -1.366 stops here\n"
        "   W1[0] and b1[0], 3 numbers, get the gradient 0 and learn nothing\n",
    ]:
        assert line in text, line
    assert "1/N" not in text
    assert text.index("gz2 =") < text.index("gW2 =") < text.index("gz1 =") < text.index("gW1 =")


def test_two_rows_show_the_sum_over_rows_and_one_over_n():
    text = as_text(of_network(2), 80)
    assert "   p = softmax(z2)\n   ℓₙ = −ln pₙ[tₙ]\n   L = 1/N Σₙ ℓₙ\n" in text
    assert "   t = 0, 2\n   L is the mean of the losses of N rows: N = 2\n" in text
    assert "   gz2 = gL (p − onehot(t)) / N\n" in text
    assert "     ∂L/∂z2[0,0] = (p[0,0] − 1) / N = 0.5·(0.08673 - 1) = -0.4566\n" in text
    assert "   L = 0.5·2.445 + 0.5·0.831 = 1.638\n" in text
    assert "   gW1[2,1] = Σᵢ gz1ᵢ ∂z1ᵢ/∂W1[2,1] = 0.4576·2 - 0.1885·1 = 0.7267\n" in text
    assert "   gb2 = Σₙ gz2ₙ\n" in text
    assert "unit 0 is shut in all 2 rows" in text


def test_the_parts_of_a_value_that_is_used_twice():
    text = as_text(study.trace(double, [np.array([1.0, -2.0]), np.array([3.0, 0.5])]), 80)
    assert "   gv1 = gv2 h1   (part 1 of 2)\n" in text
    assert "   gv1 = gh1 h1 (1 − h1)   (part 2 of 2)\n" in text
    assert "   v1 was used 2 times; its gradient is the sum of the parts:\n" in text
    assert "   gv1[0] = 0.9526 (step 3) + 0.1355 (step 2) = 1.088\n" in text
    assert "   w was used 3 times; its gradient is the sum of the parts:\n" in text
    assert "   gw[0] = 1 (step 4) + 1 (step 4) + 3.264 (step 1) = 5.264\n" in text


Z, T = np.array([[0.5, 1.0, -2.0], [2.0, 0.0, 1.0]]), np.array([0, 2])
GENERAL = ["L = Σₙ wₙ ℓₙ", "gzₙ = gL wₙ (pₙ − qₙ)", "C is the number of classes"]


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ({}, ["L = 1/N Σₙ ℓₙ", "gz = gL (p − onehot(t)) / N"]),
        ({"reduction": "sum"}, ["L = Σₙ ℓₙ", "gz = gL (p − onehot(t))"]),
        ({"reduction": "none"}, ["v1ₙ = −ln pₙ[tₙ]", "gzₙ = gv1ₙ (pₙ − onehot(tₙ))"]),
        ({"label_smoothing": 0.1}, [*GENERAL, "ε = 0.1 is the label smoothing"]),
        ({"weight": np.array([1.0, 2.0, 3.0])}, GENERAL),
    ],
)
def test_a_cross_entropy_in_the_simplest_words_that_are_true(options, lines):
    trace = study.trace(lambda z: F.cross_entropy(z, T, **options), [Z])
    text, found = as_text(trace, 120), trace.steps[0].inside
    for line in lines:
        assert line in text
    p = softmax_rows(Z)
    gz, mean = p - np.eye(3)[T], 0.5 if not options else 1
    np.testing.assert_allclose(found["p"], p, rtol=1e-12)
    if lines[0] not in GENERAL:
        assert found.keys() <= {"p", "ℓ"} and "ε" not in text and " q" not in text
        np.testing.assert_allclose(trace.leaves[0].grad, gz * mean, rtol=1e-12)
    else:
        assert [*found] == ["p", "q", "ℓ", "w"]
        np.testing.assert_allclose(trace.leaves[0].grad, found["w"][:, None] * (p - found["q"]))
    for line, parts in chains(text.split("\nCheck\n")[0]):
        assert all(a.meets(b) for a in parts for b in parts), line


def test_the_logarithm_of_one_row_has_the_value_beside_it():
    p, loss = re.search(r"L = −ln (\S+) = (\S+)$", as_text(of_network(), 80), re.M).groups()
    assert float(loss) == pytest.approx(-np.log(float(p)), abs=1e-3)


class Wrong(Function):
    def forward(self, x):
        self.x = x
        return x * x

    def backward(self, gy):
        return gy * self.x


def test_a_wrong_backward_fails_the_check():
    trace = study.trace(Wrong.apply, [np.array([1.0, 2.0])])
    text = as_text(trace, 80)
    assert trace.check.verdict == "differ"
    assert "gx[1] = 2: they differ ✗: a gradient is wrong" in text
    assert re.search(r"it is \S+; the prediction is from a wrong gradient$", text)
    assert "curvature" not in text
    assert "   v1 = Wrong(x)\n" in text and "   gxⱼ = Σᵢ gv1ᵢ ∂v1ᵢ/∂xⱼ\n" in text


def test_at_a_kink_nothing_is_decided():
    trace = study.trace(lambda x: F.abs(x) * 1.0, [np.array(0.0)])
    assert trace.check.verdict == "undecided"
    trace = study.trace(F.log, [np.array(-1.0)])
    assert trace.check.verdict == "undecided" and "nan" in as_text(trace, 80)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_is_wider_and_a_large_layer_is_abbreviated(columns):
    trace = of_network(9, sizes=(30, 200, 10))
    text = as_text(trace, columns)
    assert max(map(len, text.split("\n"))) <= columns
    assert len(text.split("\n")) < 200 and "…" in text
    at = trace.leaves[1].worked
    assert f"gW1[{at[0]},{at[1]}] = " in text
    assert f"{trace.leaves[1].grad[at]:.4g}" in text.split("gW1 ")[-1]  # is among what is shown


def test_without_too_many_derivatives(monkeypatch):
    monkeypatch.setattr("minigrad.study.tracing.MOST", 10)
    text = as_text(of_network(), 80)
    assert "   gh1[0,0] = -1.366, a sum over the 3 elements of z2\n" in text


# ---- the graph -----------------------------------------------------------------------------------


def test_the_graph_of_a_network():
    assert as_graph(of_network()).split("\n") == [
        "●  1  Linear        z1 (1, 4)  from x, W1, b1",
        "●  2  ReLU          h1 (1, 4)  from z1",
        "●  3  Linear        z2 (1, 3)  from h1, W2, b2",
        "●  4  CrossEntropy  L  from z2",
    ]


def test_the_graph_of_a_residual_branch():
    trace = study.trace(double, [np.ones(2), np.ones(2)])
    assert as_graph(trace).split("\n") == [
        "●    1  Mul      v1 (2,)  from w, x",
        "├─┐",
        "│ ●  2  Sigmoid  h1 (2,)  from v1",
        "├─┘",
        "●    3  Mul      v2 (2,)  from v1, h1",
        "│ ●  4  Mul      v3 (2,)  from w, w",
        "├─┘",
        "●    5  Add      v4 (2,)  from v2, v3",
        "●    6  Sum      L  from v4",
    ]


def test_lanes_cross():
    def f(x):
        a = F.exp(x)
        b = F.exp(x)
        c = F.exp(x)
        return F.add(F.mul(a, c), b)

    assert as_graph(study.trace(f, [np.array(1.0)])).split("\n") == [
        "●      1  Exp  v1  from x",
        "│ ●    2  Exp  v2  from x",
        "│ │ ●  3  Exp  v3  from x",
        "├─│─┘",
        "● │    4  Mul  v4  from v1, v3",
        "├─┘",
        "●      5  Add  L  from v4, v2",
    ]


# ---- the lines of a cross-entropy ----------------------------------------------------------------


def margins():
    """Yield logits and classes, from a target that is nearly right to one that is far from it."""
    rng = np.random.default_rng(0)
    for margin in [-800, -30, -3, *np.linspace(0, 40, 81)]:
        for rows in (1, 2, 3):
            z = rng.standard_normal((rows, 3)).round(3)
            t = rng.integers(0, 3, rows)
            z[range(rows), t] += margin
            yield z, t


def again(text):
    """Return what a term of a cross-entropy's line is, computed from what is printed."""
    code = text.replace("−ln ", "-np.log(") + ")" * text.count("−ln ")
    return float(eval(code.replace("ln(", "np.log(").replace("np.np.", "np.").replace("·", "*")))


@pytest.mark.parametrize(
    "options",
    [{}, {"reduction": "sum"}, {"label_smoothing": 0.05}, {"weight": np.array([1.0, 2.0, 3.0])}],
    ids=["mean", "sum", "smoothing", "weights"],
)
def test_every_number_of_a_cross_entropy_is_computed_again_from_those_printed(options):
    forms, total, bare = set(), 0, 0
    for z, t in margins():
        text = as_text(study.trace(lambda z, t=t: F.cross_entropy(z, t, **options), [z]), 120)
        text = text.split("\nCheck\n")[0].replace("\n       ", " ")
        lines = re.findall(r"^ +(?:t = \d, so )?L = ([^ΣL]+) = (\S+)$", text, re.M)
        lines += re.findall(r"^ +∂L/∂z\S+ = .* − .* = (.+) = (\S+)$", text, re.M)
        rest = 1 - softmax_rows(z - z.max(axis=1, keepdims=True))[range(len(t)), t]
        expected = 1 if len(t) == 1 and "label_smoothing" in options else 2
        if len(lines) < expected:  # float64 has too few digits itself
            assert rest.min() < 1e-7 or rest.max() == 1
            bare += expected - len(lines)
        for term, printed in lines:
            assert f"{again(term) + 0.0:.4g}" == printed, (term, printed)
            forms |= {form for form in ("−ln", "ln(1 + ", "1/(1 + ") if form in term}
            assert all(len(n.strip("0.")) <= 13 for n in re.findall(r"[\d.]{5,}", term)), term
        total += expected
    assert bare < total / 30
    assert len(forms) == (0 if "label_smoothing" in options else 3)


@pytest.mark.parametrize(
    ("row", "lines"),
    [
        (
            [10.0, 20.0],
            [
                "   t = 1, so L = −ln 0.99999995755 = 4.245e-08\n",
                " = p[0,0] − 0 = 4.245e-08 - 0 = 4.245e-08\n",
            ],
        ),
        (
            [4.0, 8.0],
            [
                "   t = 1, so L = −ln 0.9992724 = 0.0007279\n",
                " = p[0,1] − 1 = 0.9992724 - 1 = -0.0007276\n",
            ],
        ),
        (
            [30.0, 30.0],
            [
                "   t = 1, so L = ln(1 + 1.757e-15) = 1.776e-15\n   p[t] = 1 / (1 + s) with s = "
                "Σⱼ exp(z2ⱼ − z2[t]) over j ≠ t; float64 keeps 16 digits of 1 + s\n",
                " = p[0,1] − 1 = 1/(1 + 1.757e-15) - 1 = -1.776e-15\n",
            ],
        ),
    ],
)
def test_a_row_that_is_nearly_right(row, lines):
    model, loss = samples.fixed_network("relu")[0], nn.CrossEntropy()
    f = lambda x: loss(model(x), np.array([1]))  # noqa: E731
    text = as_text(study.trace(f, [Tensor(np.array([row]))], module=model), 120)
    for line in lines:
        assert line in text
