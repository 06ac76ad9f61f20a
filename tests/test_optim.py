"""Optimizers: PyTorch's trajectories, the formulas in plain Python, arrays replaced, and errors."""

import itertools
import math
import re
import warnings

import numpy as np
import pytest

from minigrad import Tensor, nn, optim
from minigrad import functions as F
from minigrad.errors import ArgumentError, MinigradWarning
from minigrad.optim import SGD, Adam, AdamW, RMSprop, clip_grad_value
from tests.helpers import exactly, leaf

OPTIONS = [
    {"momentum": m, "dampening": d, "weight_decay": w, "nesterov": n}
    for m, d, w, n in itertools.product((0, 0.5, 0.9), (0, 0.3), (0, 0.05), (False, True))
    if not n or (m > 0 and d == 0)
]
ADAPTIVE = [
    *[
        (RMSprop, {"alpha": a, "eps": e, "weight_decay": w, "momentum": m, "centered": c})
        for a, e, w, m, c in itertools.product(
            (0.99, 0.7), (1e-8, 1e-2), (0, 0.05), (0, 0.9), (False, True)
        )
    ],
    *[
        (kind, {"betas": b, "eps": e, "weight_decay": w})
        for kind, b, e, w in itertools.product(
            (Adam, AdamW), ((0.9, 0.999), (0.5, 0.8), (0.0, 0.0)), (1e-8, 1e-2), (0, 0.05)
        )
    ],
]
each_adaptive = pytest.mark.parametrize(
    ("kind", "options"), ADAPTIVE, ids=lambda value: getattr(value, "__name__", str(value))
)
RNG = np.random.default_rng(0)
X, T = RNG.standard_normal((20, 3)), RNG.integers(0, 2, 20)


def network():
    rng = np.random.default_rng(1)
    return nn.Sequential(
        nn.Linear(3, 5, rng=rng, dtype=np.float64),
        nn.Tanh(),
        nn.Linear(5, 2, rng=rng, dtype=np.float64),
    )


def step(model, optimizer):
    loss = F.cross_entropy(model(X), T)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# ---- against PyTorch ---------------------------------------------------------------------------


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


def twins(torch):
    """Return our network and PyTorch's with the same weights, and a step of PyTorch's."""
    model = network()
    layers = torch.nn
    twin = layers.Sequential(layers.Linear(3, 5), layers.Tanh(), layers.Linear(5, 2)).double()
    twin.load_state_dict({n: torch.from_numpy(a) for n, a in model.state_dict().items()})

    def twin_step(optimizer):
        loss = torch.nn.functional.cross_entropy(twin(torch.from_numpy(X)), torch.from_numpy(T))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return model, twin, twin_step


def assert_equal_weights(model, twin):
    for (name, p), q in zip(model.named_parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(
            p.data, q.detach().numpy(), rtol=0, atol=1e-12, err_msg=name, strict=True
        )


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_50_steps_are_those_of_pytorch(torch, options):
    model, twin, twin_step = twins(torch)
    start = model.state_dict()
    ours = SGD(model.parameters(), lr=0.1, **options)
    theirs = torch.optim.SGD(twin.parameters(), lr=0.1, **options)
    for _ in range(50):
        step(model, ours)
        twin_step(theirs)
    assert_equal_weights(model, twin)
    assert np.abs(model[0].weight.data - start["0.weight"]).max() > 0.01


@each_adaptive
def test_50_adaptive_steps_are_those_of_pytorch(torch, kind, options):
    model, twin, twin_step = twins(torch)
    start = model.state_dict()
    ours = kind(model.parameters(), lr=0.01, **options)
    theirs = getattr(torch.optim, kind.__name__)(twin.parameters(), lr=0.01, **options)
    for _ in range(50):
        step(model, ours)
        twin_step(theirs)
    assert_equal_weights(model, twin)
    assert np.abs(model[0].weight.data - start["0.weight"]).max() > 0.01


@pytest.mark.parametrize("kind", [SGD, RMSprop, Adam, AdamW])
def test_the_defaults_are_those_of_pytorch(torch, kind):
    given = {"lr": 0.1} if kind is SGD else {}  # whose learning rate has no default here
    ours = kind([leaf([1.0])], **given).param_groups[0]
    theirs = getattr(torch.optim, kind.__name__)([torch.ones(1)], **given).param_groups[0]
    assert {name: theirs[name] for name in ours if name != "params"} == {
        name: value for name, value in ours.items() if name != "params"
    }


@pytest.mark.parametrize("kind", [RMSprop, Adam, AdamW])
def test_adaptive_groups_and_a_learning_rate_changed_midway(torch, kind):
    model, twin, twin_step = twins(torch)
    special = {"lr": 0.003, "weight_decay": 0.1, "eps": 1e-4}
    ours = kind(
        [{"params": model[0].parameters()}, {"params": model[2].parameters(), **special}], lr=0.02
    )
    theirs = getattr(torch.optim, kind.__name__)(
        [{"params": twin[0].parameters()}, {"params": twin[2].parameters(), **special}], lr=0.02
    )
    for i in range(50):
        if i == 20:
            ours.param_groups[0]["lr"] = theirs.param_groups[0]["lr"] = 0.001
        step(model, ours)
        twin_step(theirs)
    assert_equal_weights(model, twin)


def test_two_groups_and_a_learning_rate_changed_midway(torch):
    model, twin, twin_step = twins(torch)
    common = {"lr": 0.2, "momentum": 0.9, "weight_decay": 0.01}
    special = {"lr": 0.03, "momentum": 0.5, "weight_decay": 0, "nesterov": True}
    ours = SGD(
        [{"params": model[0].parameters()}, {"params": iter(model[2].parameters()), **special}],
        **common,
    )
    theirs = torch.optim.SGD(
        [{"params": twin[0].parameters()}, {"params": twin[2].parameters(), **special}], **common
    )
    for i in range(50):
        if i == 20:
            ours.param_groups[0]["lr"] = theirs.param_groups[0]["lr"] = 0.01
        if i == 30:
            ours.param_groups[1]["weight_decay"] = theirs.param_groups[1]["weight_decay"] = 0.1
        step(model, ours)
        twin_step(theirs)
    assert_equal_weights(model, twin)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
        (RMSprop, {"momentum": 0.9}),
        (Adam, {}),
        (AdamW, {}),
    ],
)
def test_a_parameter_whose_first_gradient_comes_late(torch, kind, options):
    p, q = leaf([1.0, 2.0]), torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    r, s = leaf([1.0]), torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    ours = kind([p, r], **options)
    theirs = getattr(torch.optim, kind.__name__)([q, s], **options)
    r.grad, s.grad = np.ones(1), torch.ones(1, dtype=torch.float64)
    for i in range(5):
        if i >= 2:
            p.grad, q.grad = np.ones(2), torch.ones(2, dtype=torch.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MinigradWarning)
            ours.step()
        theirs.step()
    np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=0, atol=1e-15)


# ---- against the formulas, without PyTorch -----------------------------------------------------


def plain_sgd(p, gradient, steps, lr, momentum, dampening, weight_decay, nesterov):
    """SGD for one number, as its docstring says it."""
    v = None
    for _ in range(steps):
        g = gradient(p) + weight_decay * p
        if momentum:
            v = g if v is None else momentum * v + (1 - dampening) * g
            g = g + momentum * v if nesterov else v
        p = p - lr * g
    return p


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_50_steps_are_those_of_the_formulas(options):
    start = [1.5, -0.5, 2.0]
    p = leaf(start)
    optimizer = SGD([p], lr=0.05, **options)
    for _ in range(50):
        optimizer.zero_grad()
        (p**4 - 3 * p**2 + p).sum().backward()
        optimizer.step()
    expected = [plain_sgd(x, lambda x: 4 * x**3 - 6 * x + 1, 50, 0.05, **options) for x in start]
    np.testing.assert_allclose(p.data, expected, rtol=0, atol=1e-12)


def plain_rmsprop(p, gradient, lr, alpha, eps, weight_decay, momentum, centered):
    """50 steps of RMSprop for one number, as its docstring says it."""
    v = m = b = 0.0
    for _ in range(50):
        g = gradient(p) + weight_decay * p
        v = alpha * v + (1 - alpha) * g**2
        m = alpha * m + (1 - alpha) * g
        u = g / (math.sqrt(v - m**2 if centered else v) + eps)
        b = momentum * b + u
        p = p - lr * b
    return p


def plain_adam(p, gradient, lr, betas, eps, weight_decay, decoupled=False):
    """50 steps of Adam for one number, as its docstring says it."""
    beta1, beta2 = betas
    m = v = 0.0
    for t in range(1, 51):
        g = gradient(p)
        if decoupled:
            p = p - lr * weight_decay * p
        else:
            g = g + weight_decay * p
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        p = p - lr * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)
    return p


@each_adaptive
def test_50_adaptive_steps_are_those_of_the_formulas(kind, options):
    start = [1.5, -0.5, 2.0]
    p = leaf(start)
    optimizer = kind([p], lr=0.002, **options)
    for _ in range(50):
        optimizer.zero_grad()
        (p**4 - 3 * p**2 + p).sum().backward()
        optimizer.step()
    plain = plain_rmsprop if kind is RMSprop else plain_adam
    more = {"decoupled": True} if kind is AdamW else {}
    expected = [plain(x, lambda x: 4 * x**3 - 6 * x + 1, 0.002, **options, **more) for x in start]
    np.testing.assert_allclose(p.data, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_the_first_step_of_adam_is_lr_whatever_the_scale(kind, scale):
    p = leaf([1.0, -2.0])
    optimizer = kind([p], lr=0.01, weight_decay=0)
    p.grad = scale * np.array([3.0, -0.1])
    optimizer.step()
    np.testing.assert_allclose(p.data, [0.99, -1.99], rtol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda params: SGD(params, lr=0.5, momentum=0.9),
        lambda params: RMSprop(params, lr=0.05),
        lambda params: Adam(params, lr=0.05),
        lambda params: AdamW(params, lr=0.05),
    ],
    ids=["SGD", "RMSprop", "Adam", "AdamW"],
)
def test_it_trains(make):
    model = network()
    optimizer = make(model.parameters())
    first = step(model, optimizer)
    for _ in range(200):
        last = step(model, optimizer)
    assert last < 0.05 < first
    assert optimizer.steps == 201


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_and_the_array_of_a_parameter_stay(dtype):
    for shape in ((), (3,)):
        p = Tensor(np.ones(shape, dtype), requires_grad=True)
        data = p.data
        lr = np.float64(0.1)
        for optimizer in (
            SGD([p], lr),
            SGD([p], lr, momentum=0.9, weight_decay=0.1, nesterov=True),
            RMSprop([p], lr, momentum=np.float64(0.9), centered=True, weight_decay=lr),
            Adam([p], lr, weight_decay=lr),
            AdamW([p], lr, weight_decay=lr),
        ):
            for _ in range(3):
                optimizer.zero_grad()
                (p * p).sum().backward()
                optimizer.step()
            assert all(a.dtype in (dtype, int) for a in optimizer.state.get(p, {}).values())
        assert p.data is data and p.dtype == dtype and p.node is None
        assert (p.data < 1).all()


def test_step_leaves_the_gradient_alone():
    p = leaf([1.0, 2.0])
    for kind, options in [*((SGD, options) for options in OPTIONS), *ADAPTIVE]:
        optimizer = kind([p], lr=0.1, **options)
        for _ in range(3):
            p.grad = np.array([3.0, 4.0])
            optimizer.step()
            assert p.grad.tolist() == [3, 4]


def test_gradients_add_up_until_zero_grad():
    p = leaf([1.0])
    optimizer = SGD(p, lr=0.1)  # a single tensor is accepted
    for _ in range(2):
        (p * 3).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(p.data, 1 - 0.1 * 6)
    optimizer.zero_grad()
    assert p.grad is None


# ---- arrays that were replaced -----------------------------------------------------------------


def test_a_replaced_data_array_is_honoured():
    p = leaf([1.0, 2.0])
    optimizer = SGD([p], lr=0.1, momentum=0.9, weight_decay=0.1)
    (p * 1).sum().backward()
    optimizer.step()
    old, p.data = p.data, np.array([10.0, 20.0])
    before = old.copy()
    p.grad = np.array([1.0, 1.0])
    optimizer.step()
    np.testing.assert_array_equal(old, before)
    v = 0.9 * (1 + 0.1 * np.array([1.0, 2.0])) + (1 + 0.1 * np.array([10.0, 20.0]))
    np.testing.assert_allclose(p.data, np.array([10.0, 20.0]) - 0.1 * v)


def test_a_replaced_gradient_array_is_honoured():
    p = leaf([1.0, 2.0])
    optimizer = SGD([p], lr=0.1, momentum=0.9)
    for g in (np.array([1.0, 0.0]), np.array([0.0, 1.0])):
        p.grad = g
        optimizer.step()
    np.testing.assert_allclose(p.data, [1 - 0.1 - 0.09, 2 - 0.1])
    p.grad = None
    before = p.data.copy()
    optimizer.step()
    np.testing.assert_array_equal(p.data, before)


def test_the_first_velocity_is_not_the_gradient_array():
    p = leaf([1.0])
    optimizer = SGD([p], lr=0.1, momentum=0.9)
    p.grad = np.array([1.0])
    optimizer.step()
    p.grad[:] = 100.0  # accumulated in place, as backward does
    optimizer.step()
    np.testing.assert_allclose(p.data, 1 - 0.1 - 0.1 * (0.9 + 100))


def test_a_parameter_loaded_in_place_is_moved_on_from_there():
    model = network()
    optimizer = SGD(model.parameters(), lr=0.1)
    step(model, optimizer)
    model.load_state_dict(network().state_dict())
    other = network()
    step(model, optimizer)
    step(other, SGD(other.parameters(), lr=0.1))
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)


# ---- parameters that never received a gradient -------------------------------------------------


def never(which):
    return exactly(
        f"SGD.step: parameters never received a gradient and will not be trained; {which}; "
        "call loss.backward() first, and use them in the model's forward"
    )


def test_parameters_without_a_gradient_are_named_once():
    class Net(nn.Module):
        """A model that forgets one of its layers."""

        def __init__(self):
            self.used = nn.Linear(2, 2, rng=0)
            self.forgotten = nn.Linear(2, 2, rng=0)

        def forward(self, x):
            return self.used(x)

    net = Net()
    optimizer = SGD(net.parameters(), lr=0.1)
    with pytest.warns(MinigradWarning) as caught:
        for _ in range(3):
            optimizer.zero_grad()
            net(np.ones((1, 2), np.float32)).sum().backward()
            optimizer.step()
    text = never("2 of 4: forgotten.weight, forgotten.bias")
    assert len(caught) == 1 and re.search(text, str(caught[0].message))
    assert caught[0].filename == __file__


def test_parameters_without_a_name_are_numbered():
    p, q, r = leaf([1.0]), leaf([1.0, 2.0]), nn.Parameter([[3.0]])
    p.grad = np.ones(1)
    with pytest.warns(MinigradWarning, match=never("2 of 3: number 1 (2,), number 2 (1, 1)")):
        SGD([p, q, r], lr=0.1).step()


def test_a_step_before_any_backward_warns():
    model = nn.Linear(1, 1, rng=0)
    before = model.state_dict()
    with pytest.warns(MinigradWarning, match=never("2 of 2: weight, bias")):
        SGD(model.parameters(), lr=0.1).step()
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_frozen_parameters_and_zero_gradients_do_not_warn():
    model = nn.Linear(2, 1, rng=0)
    model.weight.requires_grad = False
    optimizer = SGD(model.parameters(), lr=0.1, weight_decay=0.1)
    before = model.weight.data.copy()
    model(np.zeros((1, 2), np.float32)).sum().backward()
    optimizer.step()  # a warning would be an error here
    np.testing.assert_array_equal(model.weight.data, before)
    assert model.bias.grad is not None


# ---- arguments ---------------------------------------------------------------------------------

SETTINGS = "lr {}, momentum {}, dampening {}, weight_decay {}, nesterov {}"


@pytest.mark.parametrize(
    ("options", "faults", "values"),
    [
        ({"lr": -0.1}, "lr must be 0 or more, not -0.1", (-0.1, 0, 0, 0, False)),
        ({"lr": float("nan")}, "lr must be 0 or more, not nan", ("nan", 0, 0, 0, False)),
        ({"momentum": -1}, "momentum must be 0 or more, not -1", (0.1, -1, 0, 0, False)),
        ({"weight_decay": -1}, "weight_decay must be 0 or more, not -1", (0.1, 0, 0, -1, False)),
        ({"lr": "0.1"}, "lr must be a number, not a str", ("0.1", 0, 0, 0, False)),
        ({"dampening": None}, "dampening must be a number, not None", (0.1, 0, None, 0, False)),
        (
            {"nesterov": True},
            "nesterov needs momentum above 0 and dampening 0",
            (0.1, 0, 0, 0, True),
        ),
        (
            {"nesterov": True, "momentum": 0.9, "dampening": 0.1},
            "nesterov needs momentum above 0 and dampening 0",
            (0.1, 0.9, 0.1, 0, True),
        ),
        (
            {"lr": -1, "momentum": -2, "weight_decay": -3},
            "lr must be 0 or more, not -1; momentum must be 0 or more, not -2; "
            "weight_decay must be 0 or more, not -3",
            (-1, -2, 0, -3, False),
        ),
    ],
)
def test_options_outside_their_values(options, faults, values):
    text = exactly(f"SGD: {faults}; {SETTINGS.format(*values)}; see help(optim.SGD)")
    p = leaf([1.0])
    with pytest.raises(ArgumentError, match=text):
        SGD([p], **{"lr": 0.1, **options})
    with pytest.raises(ArgumentError, match=text):
        SGD([{"params": [p], **options}], lr=0.1)


@pytest.mark.parametrize(
    ("kind", "options", "faults", "values"),
    [
        (
            RMSprop,
            {"alpha": -1, "eps": -1, "momentum": -1},
            "momentum must be 0 or more, not -1; alpha must be 0 or more, not -1; "
            "eps must be 0 or more, not -1",
            "lr 0.01, alpha -1, eps -1, weight_decay 0, momentum -1, centered False",
        ),
        (
            Adam,
            {"betas": (0.9, 1)},
            "betas must be two numbers, each 0 or more and less than 1, not (0.9, 1)",
            "lr 0.001, betas (0.9, 1), eps 1e-08, weight_decay 0",
        ),
        (
            AdamW,
            {"betas": 0.9, "lr": None},
            "lr must be a number, not None; "
            "betas must be two numbers, each 0 or more and less than 1, not 0.9",
            "lr None, betas 0.9, eps 1e-08, weight_decay 0.01",
        ),
        (
            AdamW,
            {"betas": (0.9, "b")},
            "betas must be two numbers, each 0 or more and less than 1, not (0.9, 'b')",
            "lr 0.001, betas (0.9, 'b'), eps 1e-08, weight_decay 0.01",
        ),
    ],
)
def test_options_outside_their_values_of_the_others(kind, options, faults, values):
    name = kind.__name__
    text = exactly(f"{name}: {faults}; {values}; see help(optim.{name})")
    with pytest.raises(ArgumentError, match=text):
        kind([leaf([1.0])], **options)


def test_an_optimizer_without_a_move():
    p = leaf([1.0])
    p.grad = np.ones(1)
    with pytest.raises(NotImplementedError, match="Optimizer defines no move"):
        optim.Optimizer([p], lr=0.1).step()


def test_options_at_their_limits():
    SGD([leaf([1.0])], lr=0, momentum=0, weight_decay=0)
    SGD([leaf([1.0])], lr=10, momentum=1.5, dampening=-1)


DEFAULTS = SETTINGS.format(0.1, 0, 0, 0, False)


def test_unknown_options_of_a_group():
    text = exactly(f"SGD: beta is unknown; rate is unknown; {DEFAULTS}; see help(optim.SGD)")
    with pytest.raises(ArgumentError, match=text):
        SGD([{"params": [leaf([1.0])], "rate": 1, "beta": 2}], lr=0.1)


@pytest.mark.parametrize(
    ("params", "facts"),
    [
        (lambda p: [p * 2], "params[0] is a Tensor made by Mul"),
        (lambda p: [p.data], "params[0] is an ndarray"),
        (lambda p: [p, {"params": [p]}], "params[1] is a dict"),
        (lambda p: {"weight": p}, "params[0] is a str"),
        (lambda p: [{"params": p}], "params[0] is a Tensor made by Getitem"),
        (lambda p: nn.Sequential(nn.Linear(2, 3)), "params[0] is a Sequential"),
        (lambda p: nn.Linear(2, 3), "params[0] is a Linear"),
    ],
    ids=["intermediate", "array", "mixed", "names", "rows of a tensor", "layers", "a layer"],
)
def test_what_is_not_a_parameter(params, facts):
    text = exactly(f"SGD: params takes leaf Tensors only; {facts}; give model.parameters()")
    with pytest.raises(ArgumentError, match=text):
        SGD(params(leaf([1.0, 2.0])), lr=0.1)


def test_no_parameters_and_parameters_given_twice():
    p, q = leaf([1.0]), leaf([2.0])
    once = "give each parameter once"
    for nothing in ([], (), [{"params": []}], [{}]):
        text = exactly(f"SGD: there are no parameters; 0 parameters; {once}")
        with pytest.raises(ArgumentError, match=text):
            SGD(nothing, lr=0.1)
    for twice in ([p, q, p], [{"params": [p, q]}, {"params": [p]}]):
        text = exactly(f"SGD: a parameter is given twice; 3 parameters; {once}")
        with pytest.raises(ArgumentError, match=text):
            SGD(twice, lr=0.1)


def test_parameters_none_of_which_requires_a_gradient():
    p, q = Tensor([1.0]), Tensor([2.0])
    model = nn.Linear(2, 3, rng=0)
    for frozen in model.parameters():
        frozen.requires_grad = False
    text = (
        "SGD: no parameter requires a gradient; 2 parameters; create them with requires_grad=True"
    )
    for params in ([p, q], [{"params": [p]}, {"params": [q]}], model.parameters()):
        with pytest.raises(ArgumentError, match=exactly(text)):
            SGD(params, lr=0.1)
    SGD([p, leaf([1.0])], lr=0.1)  # a frozen one among others is right


def test_parameters_are_those_of_all_groups_in_order():
    p, q, r = (leaf([1.0]) for _ in range(3))
    optimizer = SGD([{"params": [p, q]}, {"params": [r]}], lr=0.1)
    assert [id(x) for x in optimizer.parameters] == [id(p), id(q), id(r)]
    optimizer.param_groups[0]["params"].remove(p)
    assert [id(x) for x in optimizer.parameters] == [id(q), id(r)]


def test_groups_are_dicts_with_all_options():
    p, q = leaf([1.0]), leaf([2.0])
    groups = [{"params": [p], "lr": 0.5}, {"params": (q,)}]
    optimizer = SGD(groups, lr=0.1, momentum=0.9)
    assert [g["lr"] for g in optimizer.param_groups] == [0.5, 0.1]
    assert [g["momentum"] for g in optimizer.param_groups] == [0.9, 0.9]
    assert optimizer.param_groups[1]["params"] == [q] and list(groups[1]) == ["params"]
    assert SGD(iter([p, q]), lr=0.1).param_groups[0]["params"] == [p, q]


# ---- clip_grad_value ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clip_grad_value_limits_every_element_in_place(dtype):
    p, q, unused = leaf([0.0] * 4, dtype), leaf(0.0, dtype), leaf([0.0], dtype)
    p.grad, q.grad = np.array([-3.0, 0.25, np.nan, np.inf], dtype), np.array(7.0, dtype)
    given = p.grad
    clip_grad_value([p, q, unused], 0.5)
    np.testing.assert_array_equal(p.grad, np.array([-0.5, 0.25, np.nan, 0.5], dtype))
    assert p.grad is given and q.grad == 0.5 and unused.grad is None
    clip_grad_value([p], 0)
    np.testing.assert_array_equal(p.grad, [0, 0, np.nan, 0])


@pytest.mark.parametrize("value", [-1, float("nan")])
def test_clip_grad_value_refuses_what_is_not_a_limit(value):
    text = f"clip_grad_value: clip_value is not a limit; clip_value {value}; give 0 or more"
    with pytest.raises(ArgumentError, match=exactly(text)):
        clip_grad_value([leaf([1.0])], value)


@pytest.mark.parametrize("clip", [clip_grad_value, optim.clip_grad_norm])
def test_a_gradient_that_is_read_only_is_not_clipped(clip):
    p, q = leaf([1.0]), leaf([1.0, 2.0])
    p.grad, q.grad = np.array([8.0]), np.array([3.0, 4.0])
    q.grad.flags.writeable = False
    text = (
        f"{clip.__name__}: a gradient is read-only; p.grad (2,); set p.grad to a copy, "
        "p.grad.copy()"
    )
    with pytest.raises(ArgumentError, match=exactly(text)):
        clip([p, q], 0.5)
    assert p.grad == 8


def test_clip_grad_value_is_that_of_pytorch(torch):
    g = np.random.default_rng(0).standard_normal((5, 3))
    p, q = leaf(np.zeros((5, 3))), torch.zeros((5, 3), dtype=torch.float64, requires_grad=True)
    p.grad, q.grad = g.copy(), torch.tensor(g)
    clip_grad_value([p], 0.7)
    torch.nn.utils.clip_grad_value_([q], 0.7)
    np.testing.assert_array_equal(p.grad, q.grad.numpy())
