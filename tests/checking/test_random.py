"""gradcheck on random compositions: right code never fails, and a planted mistake is found."""

import collections
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from minigrad import Tensor, gradcheck
from minigrad import functions as F
from tests.helpers import Spoiled, one_element

# ---- compositions of smooth functions ----------------------------------------------------------


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


SLOW = settings(
    max_examples=10_000,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
QUICK = settings(SLOW, max_examples=60, derandomize=True)

# ---- right code never fails ---------------------------------------------------------------------


def verdicts_of(composition):
    """Return the verdicts on a right composition, element by element and along directions."""
    found = set()
    for mode in ("full", "project"):
        report = gradcheck(composition, composition.arrays(), mode=mode, raises=False)
        found |= {r.verdict for r in report.results}
        # At 1e17 a cosine is above 0, and its neighbours may not be: a power of it is NaN there.
        allowed = {"PASS", "KINK", "NONFINITE", "UNDECIDED"}
        assert found <= allowed, f"{composition}\n{report}"
    return found


# ---- a planted mistake does not pass -------------------------------------------------------------


MUTANTS = {
    "sign": lambda g: -g,
    "zero": lambda g: 0 * g,
    "twice": lambda g: 2 * g,
    "1 %": lambda g: 1.01 * g,
    "1e-5": lambda g: (1 + 1e-5) * g,
    "reversed": lambda g: np.ascontiguousarray(g[::-1]) if g.ndim else -g,
    "mean": lambda g: np.full_like(g, g.mean()) if g.size > 1 else 0 * g,
    "one element": one_element(1.01),
    "one sign": one_element(-1),
}


def gradients(composition, **options):
    """Return the gradients of the inputs that backward computes, and the largest that flows."""
    largest = [1.0]

    def see(g):
        largest.append(float(np.abs(g).max(initial=0)))
        return g

    xs = [Tensor(x, requires_grad=True) for x in composition.arrays()]
    with np.errstate(all="ignore"):
        weighted(composition.run(xs, seen=see, **options)).backward()
    return [np.zeros(x.shape) if x.grad is None else x.grad for x in xs], max(largest)


def weighted(y):
    """Return Σ w y for fixed weights: the upstream gradient of a scalar only scales the others."""
    return F.sum(y * np.random.default_rng(1).uniform(0.5, 1.5, y.shape))


def judge(composition, spoiled, mutant):
    """Return what became of a planted mistake; one that passes has to be too small to matter.

    Too small is what changes no gradient by 1e-3 of its largest element, nor any element by half
    of itself, or by less than 1e-7 of the largest gradient that flows: "small". "equal" changes
    none at all.
    """
    planted = {"spoiled": spoiled, "wrong": MUTANTS[mutant]}
    report = gradcheck(
        lambda *xs: weighted(composition.run(xs, **planted)), composition.arrays(), mode="full",
        raises=False,
    )  # fmt: skip
    if not report:
        return "found" if any(r.verdict == "FAIL" for r in report.results) else "undecided"
    right, flow = gradients(composition)
    wrong, _ = gradients(composition, **planted)
    effects = [abs(w - g) for g, w in zip(right, wrong, strict=True)]
    if not any(effect.any() for effect in effects):
        return "equal"
    for i, (g, effect) in enumerate(zip(right, effects, strict=True)):
        large = (effect > 1e-3 * abs(g).max(initial=0)) | (effect > abs(g) / 2)
        missed = large & (effect > 1e-7 * flow)
        place = f"{mutant} at value {spoiled} of {composition}: input {i}"
        assert not missed.any(), f"{place}\n{report}"
    return "small"


@given(compositions())
@QUICK
def test_right_code_never_fails(composition):
    verdicts_of(composition)


HARDLY_RESOLVED = {
    # x vanishes in x − e¹⁸¹, and the path through it is seen by the backward pass alone
    "a lost path": Composition(
        1699,
        (((3, 3), 440.0), ((1, 3), 440.0), ((1, 3), 440.0)),
        (
            ("exp", (2,)),
            ("sub", (0, 3)),
            ("log_softmax", (4,)),
            ("add", (0, 5)),
            ("linear", (1, 6)),
        ),
    ),
    # one element has the phase 1e11, the others are noise beside it
    "beside noise": Composition(
        19041,
        (((), 24.0), ((3, 3), 24.0), ((1, 3), 24.0)),
        (("pow", (0, 2)), ("sin", (3,)), ("sub", (4, 2)), ("total", (5,))),
    ),
    "nothing but noise": Composition(
        2149,
        (((2, 3), 140.0), ((2, 3), 140.0)),
        (("exp", (1,)), ("mul", (1, 2)), ("cos", (3,)), ("mse", (0, 4))),
    ),
    # smooth over all steps but the smallest ten, where it has another slope
    "a ripple on a slope": Composition(
        2170,
        (((3, 3), 900000.0), ((3, 3), 900000.0)),
        (("linear", (1, 0)), ("cos", (2,)), ("root", (3,)), ("mse", (2, 4)), ("silu", (5,))),
    ),
    "a ripple of 20 eps": Composition(
        12382,
        (((1, 3), 540.0), ((3, 3), 540.0), ((1, 3), 540.0)),
        (
            ("mul", (1, 2)),
            ("linear", (3, 3)),
            ("sin", (4,)),
            ("mul", (0, 5)),
            ("sin", (6,)),
            ("sub", (4, 7)),
        ),
    ),
    "a bend beside x": Composition(
        4210,
        (((2, 3), 1e-06), ((1, 3), 1e-06), ((3,), 55.0)),
        (("cube", (2,)), ("add", (3, 0)), ("cube", (4,)), ("flat", (5,)), ("log_softmax", (6,))),
    ),
}


@pytest.mark.parametrize("name", HARDLY_RESOLVED)
def test_what_floats_hardly_resolve_does_not_fail(name):
    verdicts_of(HARDLY_RESOLVED[name])


@pytest.mark.parametrize(
    ("composition", "spoiled", "mutant"),
    [
        (  # smooth; the smallest steps show rounding alone
            Composition(5612, (((3,), 1.0), ((1,), 1.0)), (("silu", (1,)), ("sigmoid", (2,)))),
            2,
            "1 %",
        ),
        (  # the cosine of 1e5 is as good as any, but not by steps of 15
            Composition(
                44099,
                (((1,), 150000.0), ((1,), 150000.0), ((1,), 150000.0)),
                (("cos", (2,)), ("pow", (1, 3)), ("sin", (4,))),
            ),
            3,
            "zero",
        ),
        (  # x² / x rounds twice, and is x
            Composition(
                1, (((3,), 250000.0),), (("mul", (0, 0)), ("mul", (0, 1)), ("div", (2, 1)))
            ),
            2,
            "1e-5",
        ),
    ],
)
def test_a_mistake_in_what_hardly_resolves_does_not_pass(composition, spoiled, mutant):
    assert judge(composition, spoiled, mutant) in ("found", "undecided")


def judge_one(composition, data):
    spoiled = len(composition.inputs) + data.draw(st.integers(0, len(composition.steps) - 1))
    return judge(composition, spoiled, data.draw(st.sampled_from(sorted(MUTANTS))))


def test_a_planted_mistake_is_found():
    verdicts = collections.Counter()

    @given(compositions(), st.data())
    @QUICK
    def check(composition, data):
        verdicts[judge_one(composition, data)] += 1

    check()
    assert verdicts["found"] > 30


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::minigrad.errors.MinigradWarning")
def test_ten_thousand_compositions_never_fail(capsys):
    undecided = []

    @given(compositions())
    @SLOW
    def check(composition):
        undecided.append("UNDECIDED" in verdicts_of(composition))

    check()
    assert np.mean(undecided) <= 0.01
    with capsys.disabled():
        print(f"\n{len(undecided)} compositions: none failed, {sum(undecided)} are undecided")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::minigrad.errors.MinigradWarning")
def test_ten_thousand_planted_mistakes_do_not_pass(capsys):
    verdicts = collections.Counter()

    @given(compositions(), st.data())
    @SLOW
    def check(composition, data):
        verdicts[judge_one(composition, data)] += 1

    check()
    assert verdicts["found"] > 5000
    with capsys.disabled():
        print(f"\n{sum(verdicts.values())} mutants: {dict(verdicts)}")
