"""Modules: finding parameters, names, modes, state, initialisation, text and PyTorch's weights."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minigrad import Tensor, gradcheck, nn, optim
from minigrad.errors import ArgumentError, UnsupportedError
from tests.helpers import exactly


def mlp(dtype=np.float32):
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Linear(3, 4, rng=rng, dtype=dtype), nn.ReLU(), nn.Linear(4, 2, rng=rng, dtype=dtype)
    )


class Block(nn.Module):
    """Parameters and modules in every kind of attribute, out of alphabetical order."""

    def __init__(self):
        self.zeta = nn.Parameter([1.0])
        self.number = 3
        self.nothing = None
        self.tensor = Tensor([1.0], requires_grad=True)  # not a Parameter: not trained
        self.layers = [nn.Linear(1, 2, rng=0), "text", nn.ReLU(), nn.Linear(2, 1, bias=False)]
        self.pair = (nn.Parameter([2.0]), [nn.Parameter([3.0])])
        self.by_name = {"left": nn.Parameter([4.0]), "deep": {"right": nn.Linear(1, 1, rng=0)}}
        self.alpha = nn.Parameter([5.0])

    def forward(self, x):
        return x * self.zeta


NAMES = [
    "zeta",
    "layers.0.weight",
    "layers.0.bias",
    "layers.3.weight",
    "pair.0",
    "pair.1.0",
    "by_name.left",
    "by_name.deep.right.weight",
    "by_name.deep.right.bias",
    "alpha",
]


# ---- finding parameters ------------------------------------------------------------------------


def test_parameters_are_found_in_the_order_of_definition_with_dotted_names():
    block = Block()
    named = block.named_parameters()
    assert [name for name, _ in named] == NAMES
    parameters = block.parameters()
    assert type(named) is list and type(parameters) is list
    assert [id(p) for _, p in named] == [id(p) for p in parameters]
    assert parameters[0] is block.zeta and parameters[-1] is block.alpha
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in parameters)


def test_named_modules():
    block = Block()
    assert [(name, type(m).__name__) for name, m in block.named_modules()] == [
        ("", "Block"),
        ("layers.0", "Linear"),
        ("layers.2", "ReLU"),
        ("layers.3", "Linear"),
        ("by_name.deep.right", "Linear"),
    ]
    assert [name for name, _ in nn.Sequential(mlp(), nn.ReLU()).named_modules()] == [
        "",
        "0",
        "0.0",
        "0.1",
        "0.2",
        "1",
    ]


def test_a_parameter_assigned_later_comes_last_and_a_replaced_one_keeps_its_place():
    model = nn.Linear(2, 1, rng=0)
    model.extra = nn.Parameter([1.0])
    model.weight = nn.Parameter([[7.0, 7.0]])
    assert [name for name, _ in model.named_parameters()] == ["weight", "bias", "extra"]
    assert model.parameters()[0].data.tolist() == [[7, 7]]
    del model.extra
    model.bias = None
    assert [name for name, _ in model.named_parameters()] == ["weight"]


def test_a_shared_module_or_parameter_is_found_once_by_its_first_name():
    shared = nn.Linear(2, 2, rng=0)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "0.bias"]
    assert [name for name, _ in model.named_modules()] == ["", "0", "1"]

    tied = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Linear(2, 2, rng=1))
    tied[1].weight = tied[0].weight
    assert [name for name, _ in tied.named_parameters()] == ["0.weight", "0.bias", "1.bias"]


def test_a_shared_parameter_gets_the_gradient_of_every_use_and_is_stepped_once():
    shared = nn.Linear(2, 2, bias=False, rng=0, dtype=np.float64)
    model = nn.Sequential(shared, shared)
    before = shared.weight.data.copy()
    x = np.array([[1.0, 2.0]])
    model(x).sum().backward()
    assert gradcheck(model, x)
    optim.SGD(model.parameters(), lr=1.0).step()
    np.testing.assert_allclose(shared.weight.data, before - shared.weight.grad)


def test_a_module_that_refers_to_itself_is_walked_once():
    model = nn.Linear(2, 1, rng=0)
    model.me = model
    model.child = nn.Linear(1, 1, rng=0)
    model.child.parent = model
    names = [name for name, _ in model.named_parameters()]
    assert names == ["weight", "bias", "child.weight", "child.bias"]


def test_parameters_writes_the_names_into_the_parameters():
    block = Block()
    assert block.alpha.name == "" and block.layers[0].weight.name == ""
    assert [p.name for p in block.parameters()] == NAMES
    inner = nn.Linear(1, 1, rng=0)
    assert [p.name for p in inner.parameters()] == ["weight", "bias"]
    assert [p.name for p in nn.Sequential(inner).parameters()] == ["0.weight", "0.bias"]


def test_a_parameter_is_a_leaf_tensor_that_requires_a_gradient():
    p = nn.Parameter([1.0, 2.0], dtype=np.float64, name="p")
    assert isinstance(p, Tensor) and p.requires_grad and p.node is None and p.name == "p"
    assert p.dtype == np.float64 and type(p * 2) is Tensor
    assert not nn.Parameter([1.0], requires_grad=False).requires_grad


def test_a_subclass_of_sequential_keeps_what_it_adds():
    class Net(nn.Sequential):
        """A Sequential times a factor."""

        def __init__(self):
            super().__init__(nn.Linear(2, 2, rng=0))
            self.scale = nn.Parameter([2.0])

    net = Net()
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias", "scale"]


# ---- modes and gradients -----------------------------------------------------------------------


def test_train_and_eval_reach_every_module_and_return_the_module():
    model = nn.Sequential(mlp(), nn.Dropout(0.5), Block())
    modules = [m for _, m in model.named_modules()]
    assert all(m.training for m in modules)
    assert model.eval() is model and not any(m.training for m in modules)
    assert model.train() is model and all(m.training for m in modules)
    assert model.train(False) is model and not any(m.training for m in modules)
    model[1].train()
    assert model[1].training and not model[0].training


def test_evaluating_and_watching_hold_for_their_own_thread_only():
    model, seen = nn.Sequential(nn.Dropout(0.5, rng=0)), []
    with nn.evaluating(model), nn.watching(lambda module, y: seen.append(module)):
        assert not model.training and not model[0].training
        with ThreadPoolExecutor(1) as other:
            assert other.submit(lambda: (model.training, model[0].training)).result() == (
                True,
                True,
            )
            assert (other.submit(model, Tensor(np.ones(99))).result().data == 0).any()
        assert not seen and (model(Tensor(np.ones(99))).data == 1).all() and len(seen) == 2
    assert model.training and model[0].training


def test_evaluating_puts_back_each_modules_mode_even_after_an_error():
    model = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5))
    model[1].eval()
    x = Tensor([1.0], requires_grad=True)
    with pytest.raises(ZeroDivisionError), nn.evaluating(model):
        assert not model[0].training and not model(x * 2).requires_grad
        raise ZeroDivisionError
    assert model.training and model[0].training and not model[1].training
    assert (x * 2).requires_grad


def test_zero_grad_forgets_all_gradients():
    model = nn.Sequential(mlp(), nn.Linear(2, 1, rng=0))
    model(np.ones((1, 3), np.float32)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_a_module_is_called_with_inputs_and_options():
    class Power(nn.Module):
        """x ** k + y"""

        def forward(self, x, y=0, *, k=2):
            return x**k + y

    power = Power()
    x = Tensor([3.0])
    assert power(x).item() == 9 and power(x, 1).item() == 10 and power(x, y=1, k=3).item() == 28


def test_a_module_without_forward_says_so():
    class Half(nn.Module):
        """Nothing."""

    with pytest.raises(NotImplementedError, match=exactly("Half defines no forward")):
        Half()(1)


def test_watching_sees_every_module_in_the_order_of_their_results():
    model = nn.Sequential(mlp(), nn.Softmax())
    seen = []
    with nn.watching(lambda module, y: seen.append((type(module).__name__, y.shape))):
        model(np.ones((5, 3), np.float32))
    inside = [("Linear", (5, 4)), ("ReLU", (5, 4)), ("Linear", (5, 2)), ("Sequential", (5, 2))]
    assert seen == [*inside, ("Softmax", (5, 2)), ("Sequential", (5, 2))]
    model(np.ones((5, 3), np.float32))
    assert len(seen) == 6


# ---- state -------------------------------------------------------------------------------------


def test_state_dict_is_a_dict_of_copies():
    model = mlp()
    state = model.state_dict()
    assert type(state) is dict and list(state) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    for name, p in model.named_parameters():
        assert type(state[name]) is np.ndarray and state[name].dtype == np.float32
        np.testing.assert_array_equal(state[name], p.data)
        assert not np.shares_memory(state[name], p.data)
    state["0.weight"][:] = 0
    assert model[0].weight.data.all()


def test_load_state_dict_writes_in_place():
    model, other = mlp(), nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    arrays = [p.data for p in other.parameters()]
    assert other.load_state_dict(model.state_dict()) is None
    for p, q, array in zip(model.parameters(), other.parameters(), arrays, strict=True):
        np.testing.assert_array_equal(p.data, q.data)
        assert q.data is array and not np.shares_memory(p.data, q.data)


def test_load_state_dict_converts_to_the_dtype_of_the_parameters():
    model = mlp()
    state = {name: a.astype(np.float64).tolist() for name, a in model.state_dict().items()}
    other = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    other.load_state_dict(state)
    assert other[0].weight.dtype == np.float32
    np.testing.assert_array_equal(other[0].weight.data, model[0].weight.data)


def misfit(faults):
    return exactly(
        f"load_state_dict: the state does not fit the model; {faults}; "
        "load it into a model of the same layers and sizes"
    )


def test_load_state_dict_lists_all_that_is_wrong_and_writes_nothing():
    model = mlp()
    before = model.state_dict()
    state = {name: np.zeros_like(a) for name, a in before.items()}
    del state["0.bias"], state["2.weight"]
    state["0.weight"] = np.zeros((3, 4))
    state["3.weight"] = state["head"] = np.zeros(2)
    faults = "missing 0.bias, 2.weight; unexpected 3.weight, head; 0.weight is (3, 4) for (4, 3)"
    with pytest.raises(ArgumentError, match=misfit(faults)):
        model.load_state_dict(state)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        (lambda state: state.pop("2.bias"), "missing 2.bias"),
        (lambda state: state.update(extra=np.zeros(1)), "unexpected extra"),
        (lambda state: state.update({"2.bias": 0.0}), "2.bias is () for (2,)"),
        (lambda state: state.update({"2.bias": [1.0, 2.0, 3.0]}), "2.bias is (3,) for (2,)"),
        (lambda state: state.update({"2.bias": ["a", "b"]}), "2.bias holds <U1, not numbers"),
        (lambda state: state.update({"2.bias": [1j, 2]}), "2.bias holds complex128, not numbers"),
        (lambda state: state.clear(), "missing 0.weight, 0.bias, 2.weight, 2.bias"),
    ],
)
def test_each_fault_alone(change, faults):
    model = mlp()
    before = model.state_dict()
    state = {name: np.zeros_like(a) for name, a in before.items()}
    change(state)
    with pytest.raises(ArgumentError, match=misfit(faults)):
        model.load_state_dict(state)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_tensor_that_requires_a_gradient_is_no_state_and_nothing_is_written():
    model = mlp()
    state = {name: np.zeros_like(a) for name, a in model.state_dict().items()}
    state["2.bias"] = model[2].bias
    with pytest.raises(UnsupportedError, match="use t.data"):
        model.load_state_dict(state)
    assert model[0].weight.data.all()


def test_without_strict_names_may_be_missing_or_unexpected_but_shapes_have_to_fit():
    model = mlp()
    before = model.state_dict()
    model.load_state_dict({"0.bias": np.full(4, 9.0), "other": np.zeros(1)}, strict=False)
    assert model[0].bias.data.tolist() == [9, 9, 9, 9]
    np.testing.assert_array_equal(model[0].weight.data, before["0.weight"])
    state = {"2.bias": np.ones(2), "0.bias": np.zeros(3)}
    with pytest.raises(ArgumentError, match=misfit("0.bias is (3,) for (4,)")):
        model.load_state_dict(state, strict=False)
    np.testing.assert_array_equal(model[2].bias.data, before["2.bias"])


def test_the_second_name_of_a_shared_parameter_is_not_unexpected():
    model = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Linear(2, 2, rng=1))
    model[1].weight = model[0].weight
    state = model.state_dict()
    model.load_state_dict(state | {"1.weight": state["0.weight"]})


# ---- PyTorch -----------------------------------------------------------------------------------


def torch_twin(torch):
    layers = torch.nn
    return layers.Sequential(
        layers.Linear(3, 4),
        layers.ReLU(),
        layers.Sequential(layers.Linear(4, 4, bias=False), layers.Tanh()),
        layers.Linear(4, 2),
    )


def our_twin(rng=0):
    rng = np.random.default_rng(rng)
    return nn.Sequential(
        nn.Linear(3, 4, rng=rng),
        nn.ReLU(),
        nn.Sequential(nn.Linear(4, 4, bias=False, rng=rng), nn.Tanh()),
        nn.Linear(4, 2, rng=rng),
    )


def test_weights_cross_over_to_pytorch_and_back_without_a_transpose():
    torch = pytest.importorskip("torch")
    ours, theirs = our_twin(), torch_twin(torch)
    x = np.random.default_rng(1).standard_normal((5, 3)).astype(np.float32)
    assert list(ours.state_dict()) == list(theirs.state_dict())

    theirs.load_state_dict({n: torch.from_numpy(a) for n, a in ours.state_dict().items()})
    logits = theirs(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours(x).data, logits, rtol=1e-5, atol=1e-6)

    torch.manual_seed(0)
    theirs, ours = torch_twin(torch), our_twin(rng=5)
    ours.load_state_dict({name: tensor.numpy() for name, tensor in theirs.state_dict().items()})
    logits = theirs(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours(x).data, logits, rtol=1e-5, atol=1e-6)
    ours.load_state_dict(dict(theirs.state_dict()))  # torch's own tensors work too
    np.testing.assert_allclose(ours(x).data, logits, rtol=1e-5, atol=1e-6)


# ---- text --------------------------------------------------------------------------------------


def test_repr_of_a_model():
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Linear(64, 32, rng=rng),
        nn.Sequential(nn.LeakyReLU(), nn.Dropout(0.2)),
        nn.Linear(32, 10, bias=False, rng=rng),
    )
    assert repr(model) == (
        "Sequential(\n"
        "  (0): Linear(64 -> 32)\n"
        "  (1): Sequential(\n"
        "    (0): LeakyReLU(negative_slope=0.01)\n"
        "    (1): Dropout(p=0.2)\n"
        "  )\n"
        "  (2): Linear(32 -> 10, bias=False)\n"
        ")"
    )
    assert repr(model[0].eval()) == "Linear(64 -> 32, eval)"
    assert repr(nn.Sequential(nn.ReLU()).eval()) == "Sequential(eval\n  (0): ReLU(eval)\n)"
    assert repr(nn.Sequential()) == "Sequential()"


def test_repr_of_a_module_of_ones_own():
    assert repr(Block()) == (
        "Block(\n"
        "  (layers.0): Linear(1 -> 2)\n"
        "  (layers.2): ReLU()\n"
        "  (layers.3): Linear(2 -> 1, bias=False)\n"
        "  (by_name.deep.right): Linear(1 -> 1)\n"
        ")"
    )


def test_summary():
    model = nn.Sequential(nn.Linear(64, 32, rng=0), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 10))
    assert nn.summary(model, (64,)) == (
        "layer               output   parameters\n"
        "0 Linear(64 -> 32)  (N, 32)       2,080\n"
        "1 ReLU()            (N, 32)           0\n"
        "2 Dropout(p=0.5)    (N, 32)           0\n"
        "3 Linear(32 -> 10)  (N, 10)         330\n"
        "total                             2,410"
    )


def test_summary_of_nested_and_shared_modules():
    shared = nn.Linear(6, 6, rng=0)
    model = nn.Sequential(nn.Flatten(), nn.Sequential(shared, nn.Tanh()), shared)
    assert nn.summary(model, (2, 3)) == (
        "layer               output  parameters\n"
        "0 Flatten()         (N, 6)           0\n"
        "1.0 Linear(6 -> 6)  (N, 6)          42\n"
        "1.1 Tanh()          (N, 6)           0\n"
        "total                               42"
    )


def test_summary_of_a_module_with_parameters_and_modules_of_its_own():
    class Scaled(nn.Module):
        """A model times a factor, and a layer that is never used."""

        def __init__(self):
            self.model = mlp()
            self.scale = nn.Parameter([2.0])
            self.unused = nn.Linear(2, 2, rng=0)

        def forward(self, x):
            return self.model(x) * self.scale

    assert nn.summary(Scaled(), (3,)) == (
        "layer                   output  parameters\n"
        "Scaled()                (N, 2)           1\n"
        "model.0 Linear(3 -> 4)  (N, 4)          16\n"
        "model.1 ReLU()          (N, 4)           0\n"
        "model.2 Linear(4 -> 2)  (N, 2)          10\n"
        "unused Linear(2 -> 2)   -                6\n"
        "total                                   33"
    )


def test_summary_changes_nothing():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(2, 2, rng=0, dtype=np.float64), nn.Dropout(0.5, rng=rng))
    before = rng.bit_generator.state
    model[1].train(False)
    nn.summary(model, (2,))
    assert model.training and not model[1].training
    assert rng.bit_generator.state == before
    assert all(p.grad is None for p in model.parameters())
    assert "(N, 3)" in nn.summary(nn.ReLU(), (3,))
