"""`explain --html`: what is on the page; test_explain_page.py opens it in a browser."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from minigrad import Function, Tensor, nn, study
from minigrad import functions as F
from minigrad.study import samples
from minigrad.study.explain_html import as_html
from minigrad.study.mathml import mathml
from tests.study.printed import close, cross_entropy_network


def network_page(rows=1, title="A network", **more):
    model, x, t = samples.fixed_network("relu")
    loss = nn.CrossEntropy()
    f = lambda x: loss(model(x), t[:rows])  # noqa: E731
    return as_html(study.trace(f, [Tensor(x[:rows])], module=model, title=title))


class Reader(HTMLParser):
    """The tables of a page by name, its links and ids, and which tags do not match."""

    def __init__(self, page):
        super().__init__()
        self.tables, self.links, self.ids, self.open, self.unbalanced = [], [], [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.links += [attrs[name] for name in ("href", "src", "action") if name in attrs]
        self.ids += [attrs["id"]] if "id" in attrs else []
        if tag == "table":
            self.tables.append((attrs["data-name"], []))
        elif tag == "tr":
            self.tables[-1][1].append([])
        elif tag == "data":
            self.tables[-1][1][-1].append(float(attrs["value"]))
        if tag not in ("meta", "link", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def arrays(self):
        return [(name, np.array([row for row in rows if row])) for name, rows in self.tables]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_every_number_is_that_of_plain_numpy(rows):
    page = Reader(network_page(rows))
    model, x, t = samples.fixed_network("relu")
    exact = cross_entropy_network(x[:rows], t[:rows], *(p.data for p in model.parameters()))
    names = [name for name, _ in page.arrays()]
    assert {*names} == {*exact}
    for name, a in page.arrays():
        wanted = np.atleast_2d(exact[name])
        np.testing.assert_allclose(a, wanted, rtol=1e-12, atol=1e-15, err_msg=name)


def test_the_page_needs_nothing_else():
    text = network_page()
    page = Reader(text)
    assert not page.unbalanced and not page.open
    assert all(link.startswith("#") or link == "data:," for link in page.links)
    assert {link[1:] for link in page.links if link[0] == "#"} < {*page.ids}
    assert len(page.ids) == len({*page.ids})
    assert not re.search(r"https?:|url\(|@import|fetch|XMLHttp|import\(", text)
    assert "default-src 'none'" in text


def test_what_is_printed_is_shown_to_four_digits():
    cells = re.findall(r'<data value="([^"]+)">([^<]+)</data>', network_page(2))
    assert len(cells) > 100
    for exact, shown in cells:
        assert close(np.array(float(shown.replace("−", "-"))), float(exact))


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ([4.0, 8.0], "t = 1, so L = −ln 0.9992724 = 0.0007279"),
        ([4.0, 8.0], "p[0,1] − 1 = 0.9992724 - 1 = -0.0007276"),
        ([30.0, 30.0], "p[0,1] − 1 = 1/(1 + 1.757e-15) - 1 = -1.776e-15"),
    ],
)
def test_a_cross_entropy_has_as_many_digits_as_its_numbers_need(row, line):
    model, loss = samples.fixed_network("relu")[0], nn.CrossEntropy()
    f = lambda x: loss(model(x), np.array([1]))  # noqa: E731
    page = as_html(study.trace(f, [Tensor(np.array([row]))], module=model))
    page = re.sub(r"<[^>]+>", "", page)
    assert re.sub(r"\s", "", line.replace("-", "−")) in re.sub(r"\s", "", page)


def test_each_gradient_is_asked_for_before_it_is_shown():
    text = network_page()
    assert text.count('<form class="ask"') == text.count('<div class="answer">') == 7
    for name in ("gz2", "gh1", "gW2", "gb2", "gz1", "gW1", "gb1"):
        question, table = text.find(f"What is {name}["), text.find(f'data-name="{name}"')
        assert 0 < question < table, name


def test_the_parts_of_a_value_that_is_used_twice():
    def f(w, x):
        a = w * x
        return F.sum(a * F.sigmoid(a))

    page = as_html(study.trace(f, [np.array([1.0, -2.0]), np.array([3.0, 0.5])]))
    assert "(part 1 of 2)" in page and "What is gv1[0], all parts?" in page


class Named(Function):
    """y = <b>x</b>

    gx = gy      <script>alert(1)</script>
    """

    def forward(self, x):
        return x.copy()

    def backward(self, gy):
        return gy  # </pre><script>


def test_nothing_of_a_users_is_markup():
    hostile = "<script>alert(1)</script>\"'&"
    trace = study.trace(lambda x: F.sum(Named.apply(x)), [np.ones(2)], names=["<i>"], title=hostile)
    page = as_html(trace)
    assert page.count("<script>") == 1 and "<b>" not in page and "<i>" not in page
    assert not Reader(page).unbalanced


def test_a_large_network_is_abbreviated():
    model, x, t = samples.random_network((50, 300, 10), 4, "relu", 0)
    loss = nn.CrossEntropy()
    page = as_html(study.trace(lambda x: loss(model(x), t), [Tensor(x)], module=model))
    assert len(page) < 1_000_000
    assert all(a.size < 15 * 15 for _, a in Reader(page.replace("<td>…</td>", "")).arrays())


def test_arrays_of_any_shape():
    rng = np.random.default_rng(0)

    def f(x, b):
        return F.mean(F.transpose(x) * b)

    page = as_html(study.trace(f, [rng.random((2, 3, 2)), np.array(2.0)]))
    reader = Reader(page)
    assert not reader.unbalanced
    assert '<th scope="row">1,2</th>' in page and "x[1,2,1] = " in page
    assert "nan" in as_html(study.trace(lambda x: F.sum(F.log(x)), [np.array([-1.0, 1.0])]))


@pytest.mark.parametrize(
    ("text", "math"),
    [
        (
            "z1 = x W1ᵀ",
            "<math><msub><mi>z</mi><mn>1</mn></msub></math> <math><mo form=\"infix\">=</mo>"
            '<mi>x</mi><mspace width="0.25em"/><msubsup><mi>W</mi><mn>1</mn><mi>T</mi></msubsup>'
            "</math>",
        ),
        (
            "gz2ₙ",
            "<math><msub><mi>gz</mi><mrow><mn>2</mn><mi>n</mi></mrow></msub></math>",
        ),
        (
            "∂z2/∂x",
            "<math><mfrac><mrow><mi>∂</mi><msub><mi>z</mi><mn>2</mn></msub></mrow><mrow><mi>∂</mi>"
            "<mi>x</mi></mrow></mfrac></math>",
        ),
        (
            "-0.5·(-1 - 2)",
            '<math><mn>−0.5</mn><mo>·</mo><mo>(</mo><mn>−1</mn><mo>−</mo><mn>2</mn>'
            "<mo>)</mo></math>",
        ),
        ("gx where x", "<math><mi>gx</mi></math> where <math><mi>x</mi></math>"),
        (
            "gx = the elements of gz2, in order, 0 elsewhere",
            '<math><mi>gx</mi></math> <math><mo form="infix">=</mo></math> the elements of <math>'
            "<msub><mi>gz</mi><mn>2</mn></msub><mo>,</mo></math> in order, <math><mn>0</mn></math> "
            "elsewhere",
        ),
        (
            "slope = erf(x)",
            'slope <math><mo form="infix">=</mo><mi>erf</mi><mo>(</mo><mi>x</mi><mo>)</mo></math>',
        ),
        (
            "y = −pₙc",
            '<math><mi>y</mi></math> <math><mo form="infix">=</mo><mo form="prefix">−</mo><msub>'
            "<mi>p</mi><mi>nc</mi></msub></math>",
        ),
        ("a<b", "<math><mi>a</mi><mo>&lt;</mo><mi>b</mi></math>"),
        ("e⁻ˣ", "<math><msup><mi>e</mi><mi>−x</mi></msup></math>"),
    ],
)  # fmt: skip
def test_mathml(text, math):
    assert mathml(text, {"gx", "gz2"}) == math


def test_the_style_and_the_script_are_installed_with_the_package():
    folder = Path(study.__file__).parent
    assert {path.suffix for path in folder.glob("explain.*")} == {".css", ".js"}
