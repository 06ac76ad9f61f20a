"""bisect: the operation that is wrong is named, with its layer and its lines; all is put back."""

import contextlib
import inspect
import json
import re

import numpy as np
import pytest

import minigrad as mg
from minigrad import Function, Tensor, debugging, functions, nn
from minigrad import functions as F
from minigrad.checking import Bisection, bisect
from minigrad.errors import ArgumentError
from minigrad.functions.activations import Tanh
from minigrad.functions.arithmetic import Mul
from minigrad.functions.dropout import Dropout
from minigrad.functions.linear import Linear
from minigrad.functions.normalisation import BatchNorm
from tests.helpers import assert_same_arrays, exactly

# ---- a model of twelve operations, each on a line of its own -------------------------------------


class Gate(nn.Module):
    def forward(self, x):
        gate = F.sigmoid(x)  # Sigmoid
        return x * gate  # Mul


class Norm(nn.Module):
    def __init__(self):
        self.scale = nn.Parameter([1.5])

    def forward(self, x):
        deviation = x.std(axis=1, keepdims=True)  # Std
        shifted = x - 0.1  # Sub
        y = shifted / deviation  # Div
        return F.exp(y) ** self.scale  # Exp Pow


class Head(nn.Module):
    def __init__(self):
        self.gate = Gate()
        self.mix = nn.Parameter(np.random.default_rng(3).standard_normal((4, 3)), dtype=np.float32)

    def forward(self, x):
        x = self.gate(x)
        x = x @ self.mix  # Matmul
        return F.tanh(x)  # Tanh


def loss_of(model, t):
    """Return the function that a training step differentiates."""

    def loss(x):
        z = model(x)
        log_p = F.log_softmax(z)  # LogSoftmax
        picked = log_p[np.arange(len(t)), t]  # Getitem
        return -picked.mean()  # Mean Neg

    return loss


MODEL = nn.Sequential(nn.Linear(5, 4, rng=0), Norm(), Head())
X = np.random.default_rng(1).standard_normal((6, 5)).astype(np.float32)
T = np.array([0, 2, 1, 1, 0, 2])
OPS = {  # in forward order: the op and its layer
    "Linear": "0 Linear",
    "Std": "1 Norm",
    "Sub": "1 Norm",
    "Div": "1 Norm",
    "Exp": "1 Norm",
    "Pow": "1 Norm",
    "Sigmoid": "2.gate Gate",
    "Mul": "2.gate Gate",
    "Matmul": "2 Head",
    "Tanh": "2 Head",
    "LogSoftmax": "",
    "Getitem": "",
    "Mean": "",
    "Neg": "",
}
PLANTED = {"sign": lambda g: -g, "scale": lambda g: 1.01 * g, "zero": lambda g: 0 * g}


def find_class(name):
    """Return the Function class of this name."""
    todo = [Function]
    while todo:
        cls = todo.pop()
        if cls.__name__ == name and cls.__module__.startswith(functions.__name__):
            return cls
        todo += cls.__subclasses__()
    raise LookupError(name)


def plant(monkeypatch, cls, wrong, where=lambda node: True):
    """Make the gradients of the nodes of this class wrong; return the place of the new backward."""
    right = cls.backward

    def backward(self, gy):
        gradients = right(self, gy)
        if not where(self):
            return gradients
        several = isinstance(gradients, tuple)
        spoiled = [g if g is None else wrong(g) for g in (gradients if several else [gradients])]
        return tuple(spoiled) if several else spoiled[0]

    monkeypatch.setattr(cls, "backward", backward)
    return f"{__file__}:{backward.__code__.co_firstlineno}"


def line_of(op):
    """Return the place in this file where the op is made: the line that names it in a comment."""
    lines = inspect.getsource(inspect.getmodule(line_of)).splitlines()
    found = [i for i, line in enumerate(lines, 1) if re.search(rf"  # [\w ]*\b{op}\b", line)]
    return f"{__file__}:{found[0]}" if found else ""


def step(x=X, model=MODEL):
    return bisect(loss_of(model, T), x, module=model)


def test_right_code_passes_and_every_operation_is_listed():
    found = step()
    assert found and found.ok and found.found is None and isinstance(found, Bisection)
    assert [(s.op, s.layer) for s in found.steps] == list(OPS.items())
    assert {s.verdict for s in found.steps} == {"PASS"}
    assert found.steps[0].inputs == ((6, 5), (4, 5), (4,)) and found.steps[0].output == (6, 4)


@pytest.mark.parametrize("wrong", PLANTED)
@pytest.mark.parametrize("op", OPS)
def test_the_operation_with_the_planted_mistake_is_named(op, wrong, monkeypatch):
    backward_at = plant(monkeypatch, find_class(op), PLANTED[wrong])
    found = step()
    assert not found and not found.ok
    bad = found.steps[found.found]
    assert (bad.op, bad.layer, bad.verdict) == (op, OPS[op], "FAIL")
    assert bad.backward_at == backward_at
    if op != "Linear":  # its line is inside the package
        assert bad.made_at == line_of(op)
    at = list(OPS).index(op)
    assert [s.verdict for s in found.steps] == ["PASS"] * at + ["FAIL"] + ["-"] * (13 - at)


def test_only_one_of_several_equal_operations_is_wrong(monkeypatch):
    model = nn.mlp(5, [4, 4, 4], 3, rng=0, activation="tanh")
    runs = iter(range(100))

    class Third(Tanh):
        """The tanh of the third layer, with another backward pass."""

        def backward(self, gy):
            return 1.5 * super().backward(gy)

    right = F.tanh
    monkeypatch.setattr(F, "tanh", lambda x: (Third.apply if next(runs) == 2 else right)(x))
    found = bisect(lambda x: F.cross_entropy(model(x), T), X, module=model)
    assert (found.found, found.steps[5].layer) == (5, "5 Tanh")
    assert "it is off by the constant factor 1.5" in found.steps[5].why


def test_a_class_that_is_wrong_for_some_arrays_only(monkeypatch):
    model = nn.mlp(5, [4, 3], 3, rng=0)
    plant(monkeypatch, Linear, PLANTED["scale"], lambda node: node.W.shape == (3, 4))
    found = bisect(lambda x: F.cross_entropy(model(x), T), X, module=model)
    assert (found.found, found.steps[2].layer) == (2, "2 Linear")


def test_a_shared_layer_has_its_first_name_at_both_uses(monkeypatch):
    shared = nn.Linear(5, 5, rng=0)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    found = bisect(model, X)
    assert [s.layer for s in found.steps] == ["0 Linear", "1 ReLU", "0 Linear"] and found
    uses = []
    plant(monkeypatch, Linear, PLANTED["sign"], lambda node: node.x.min() >= 0 and uses.append(0))
    assert bisect(model, X)
    plant(monkeypatch, Linear, PLANTED["sign"], lambda node: node.x.min() >= 0)
    assert bisect(model, X).found == 2  # after the relu


# ---- what flows through it -----------------------------------------------------------------------


def test_each_operation_is_checked_on_the_arrays_that_reached_it():
    class Clamp(Function):
        """y = max(x, 0), with a wrong gradient below −1."""

        def forward(self, x):
            self.x = x
            return np.maximum(x, 0)

        def backward(self, gy):
            return gy * ((self.x > 0) | (self.x < -1))

    assert bisect(lambda x: Clamp.apply(x * 1).sum(), np.float32([[0.5, -0.5]]))

    def f(x):
        y = x * 1
        loss = Clamp.apply(y).sum()
        y.data[...] = 0  # too late to hide what flowed through
        return loss

    found = bisect(f, np.float32([[0.5, -1.5]]))
    assert found.steps[found.found].op == "Clamp"


def test_inputs_without_a_gradient_and_options_are_passed_on():
    class Weighted(Function):
        """y = s x w, with no gradient for w."""

        def forward(self, x, w, s):
            self.w, self.s = w, s
            return s * x * w

        def backward(self, gy):
            return gy * self.s * self.w, None

    w = np.arange(1.0, 6.0)
    found = bisect(lambda x: Weighted.apply(x, w, s=2.0).sum(), X)
    assert [s.verdict for s in found.steps] == ["PASS", "PASS"]


def test_what_takes_no_part_in_the_gradient_is_listed_and_not_judged(monkeypatch):
    plant(monkeypatch, Mul, PLANTED["zero"])

    def f(x):
        with mg.no_grad():
            weight = x * x
        return (x + weight + Tensor([2.0]) * 3.0).sum()

    found = bisect(f, X)
    assert [(s.op, s.verdict) for s in found.steps] == [
        ("Mul", "-"), ("Add", "PASS"), ("Mul", "-"), ("Add", "PASS"), ("Sum", "PASS"),
    ]  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1])
def test_dropout_is_run_again_with_the_same_draws(seed, monkeypatch):
    model = nn.mlp(5, [8, 8], 3, dropout=0.5, rng=seed)
    loss = nn.CrossEntropy()
    rng = np.random.default_rng(seed)
    state = rng.bit_generator.state

    def f(x):
        return loss(model(F.dropout(x, 0.2, rng=rng)), T)

    found = bisect(f, X, module=model)
    assert found and [s.op for s in found.steps].count("Dropout") == 3
    assert rng.bit_generator.state == state
    plant(monkeypatch, Dropout, PLANTED["scale"], lambda node: node.m.shape == (6, 8))
    found = bisect(f, X, module=model)
    assert found.steps[found.found].layer == "2 Dropout"


def test_a_batch_norm_that_takes_its_mean_for_a_constant_is_found(monkeypatch):
    model = nn.Sequential(nn.Linear(4, 5, rng=0), nn.BatchNorm1d(5), nn.Linear(5, 3, rng=1))
    x = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    before = model.state_dict()
    assert bisect(model, x)
    right = BatchNorm.backward
    wrong = lambda self, gy: (gy * self.W / self.s, *right(self, gy)[1:])  # noqa: E731
    monkeypatch.setattr(BatchNorm, "backward", wrong)
    found = bisect(model, x)
    assert found.found == 1 and found.steps[1].layer == "1 BatchNorm1d"
    assert_same_arrays(before, model.state_dict())


def test_a_kink_is_no_mistake():
    found = bisect(lambda x: F.relu(x).sum(), np.array([-1.0, 0.0, 2.0]))
    assert found and [s.verdict for s in found.steps] == ["KINK", "PASS"]


def test_a_mask_of_minus_infinity_is_no_mistake():
    mask = np.arange(5) > 2
    found = bisect(lambda x: F.softmax(F.where(mask, -np.inf, x * 2))[:, :2].sum(), X)
    assert found and [s.verdict for s in found.steps] == ["PASS", "-", "-", "PASS", "PASS"]


# ---- NaN and infinity ----------------------------------------------------------------------------


def test_the_first_infinity_of_the_forward_pass_is_named():
    big = X.copy()
    big[2, 3] = 100.0  # its exp is too large for float32

    def f(x):
        return F.log(F.exp(x)).mean()

    found = bisect(f, big)
    bad = found.steps[found.found]
    assert (found.found, bad.op, bad.verdict) == (0, "Exp", "NONFINITE")
    assert bad.why == (
        "Exp.forward: made inf from finite numbers; element (2, 3) of (6, 5), 1 in all; the node "
        f"was made at {bad.made_at}; look at what that line computes"
    )
    assert bisect(f, big.astype(np.float64))


def test_an_infinite_slope_is_named():
    found = bisect(lambda x: F.sqrt(x * 1).sum(), np.array([4.0, 0.0, 1.0]))
    assert found.steps[found.found].op == "Sqrt"


class Spread(Function):
    """y = x, whose gradient overflows where gy is large, and is right elsewhere."""

    def forward(self, x):
        return x + 0

    def backward(self, gy):
        return np.where(abs(gy) > 100, np.inf, gy)


def test_an_infinity_that_only_the_real_gradients_bring_about_is_named():
    model = nn.Sequential(nn.Linear(5, 4, rng=0), nn.Tanh())
    found = bisect(lambda x: (Spread.apply(model(x) * 2) * 1e4).sum(), X, module=model)
    bad = found.steps[found.found]
    assert (bad.op, bad.layer, bad.verdict) == ("Spread", "", "NONFINITE")
    assert bad.why.startswith("Spread.backward: made inf from finite numbers; element (0, 0) of ")
    assert [s.verdict for s in found.steps] == ["PASS"] * 3 + ["NONFINITE"] + ["PASS"] * 2


def test_a_nan_that_comes_in_is_not_blamed_on_an_operation():
    x = X.copy()
    x[1, 1] = np.nan
    found = bisect(lambda x: (x + 1).sum(), x)
    bad = found.steps[0]
    assert (found.found, bad.verdict) == (0, "NONFINITE")
    assert bad.why == (
        "Add.forward: its input was not finite before any operation ran; inputs (6, 5), (); made "
        f"at {bad.made_at}; look at what is passed in"
    )


# ---- nothing is changed --------------------------------------------------------------------------


def contents(model):
    """Return everything that bisect could change: what the attributes hold, and the arrays."""
    attributes = [list(vars(m).items()) for _, m in model.named_modules()]
    return attributes, [(p.data, p.data.tobytes(), p.grad) for _, p in model.named_parameters()]


class Fails(nn.Module):
    def forward(self, x):
        raise ZeroDivisionError


@pytest.mark.parametrize("end", [nn.Tanh(), Fails()], ids=["to the end", "raises"])
def test_everything_is_as_before_also_when_f_raises(end):
    model = nn.Sequential(nn.Linear(5, 4, rng=0), nn.Dropout(0.5, rng=1), end)
    other = Tensor(np.ones((6, 4), np.float32), requires_grad=True)
    other.grad = np.full((6, 4), 7.0, np.float32)
    kept, model[0].weight.grad = other.grad, np.ones((4, 5), np.float32)
    model[2].forward = own = model[2].forward
    x, before, state = X.copy(), contents(model), model[1].rng.bit_generator.state
    fails = isinstance(end, Fails)
    with pytest.raises(ZeroDivisionError) if fails else contextlib.nullcontext():
        bisect(lambda x: (model(x) * other).sum(), x, module=model)
    after = contents(model)
    assert str(after) == str(before) and "forward" not in vars(model[0])
    assert all(a[0] is b[0] and a[2] is b[2] for a, b in zip(after[1], before[1], strict=True))
    assert model[2].forward is own
    assert other.grad is kept and kept.tolist() == np.full((6, 4), 7.0).tolist()
    assert x.tobytes() == X.tobytes() and model[1].rng.bit_generator.state == state
    assert debugging.active.watch is None
    vars(model[2]).pop("forward")


def test_a_training_step_is_the_same_after_it():
    def train(look):
        model = nn.mlp(5, [4], 3, dropout=0.3, rng=0)
        optimizer = mg.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            if look:
                assert bisect(lambda x: F.cross_entropy(model(x), T), X, module=model)
            optimizer.zero_grad()
            F.cross_entropy(model(Tensor(X)), T).backward()
            optimizer.step()
        return [p.data.tobytes() for p in model.parameters()]

    assert train(look=True) == train(look=False)


# ---- the report ----------------------------------------------------------------------------------

TEXT = """\
bisect: operation 1 of 3 is wrong: Tanh in layer 1 Tanh
   op      layer     shapes                          verdict
0  Linear  0 Linear  (6, 5), (4, 5), (4,) -> (6, 4)  PASS
1  Tanh    1 Tanh    (6, 4) -> (6, 4)                FAIL
2  Mean              (6, 4) -> ()                    -
made at {made_at}
backward at {backward_at}
gradcheck: 1 of 1 gradients is wrong; backward in float64, differences in float64, given as \
float32; passes if |analytic − numeric| <= 0 + 1e-06·|numeric| + error
FAIL input 0: 24 of 24 elements fail at [0, 0], [0, 1], [0, 2], [0, 3], [1, 0], …: the sign is \
flipped
    input 0["""


def test_the_text(monkeypatch):
    backward_at = plant(monkeypatch, Tanh, PLANTED["sign"])
    model = nn.Sequential(nn.Linear(5, 4, rng=0), nn.Tanh())

    def f(x):
        return model(x).mean()

    found = bisect(f, X, module=model)
    made_at = f"{__file__}:{f.__code__.co_firstlineno + 1}"
    assert str(found).startswith(TEXT.format(made_at=made_at, backward_at=backward_at))
    monkeypatch.undo()
    assert str(bisect(f, X, module=model)).startswith(
        "bisect: none of 3 operations is wrong\n   op "
    )


def test_as_a_dict(monkeypatch):
    plant(monkeypatch, find_class("Exp"), PLANTED["zero"])
    found = json.loads(json.dumps(step().to_dict()))
    assert (found["ok"], found["found"], len(found["steps"])) == (False, 4, 14)
    assert found["steps"][0]["inputs"] == [[6, 5], [4, 5], [4]]
    assert found["steps"][4]["op"] == "Exp" and "it is zero" in found["steps"][4]["why"]


# ---- wrong calls ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("f", "count"), [(lambda x: (x * 2).detach(), 1), (lambda x: x, 0)])
def test_an_output_without_a_graph(f, count):
    text = exactly(
        f"bisect: no operation with a gradient made the output; {count} operations ran; return "
        "the loss itself, computed outside no_grad() and without detach()"
    )
    with pytest.raises(ArgumentError, match=text):
        bisect(f, X)


def test_the_errors_name_bisect():
    with pytest.raises(ArgumentError, match=r"\Abisect: there is nothing to check; 0 inputs, "):
        bisect(lambda: Tensor(1.0))
    with pytest.raises(
        ArgumentError, match=r"\Abisect: f did not return a Tensor; it returned int; return a "
    ):
        bisect(lambda x: 1, X)
