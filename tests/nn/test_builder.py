"""nn.mlp: the layers that it builds, their names and shapes, and what it refuses."""

import numpy as np
import pytest

from minigrad import Tensor, nn
from minigrad.errors import ArgumentError

LAYERS = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
}


def shapes(model):
    return {name: p.shape for name, p in model.named_parameters()}


def test_layers_names_and_shapes():
    model = nn.mlp(4, (8, 5), 3, rng=0)
    kinds = [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert [type(layer) for layer in model] == kinds
    assert shapes(model) == {
        "0.weight": (8, 4),
        "0.bias": (8,),
        "2.weight": (5, 8),
        "2.bias": (5,),
        "4.weight": (3, 5),
        "4.bias": (3,),
    }
    assert model(Tensor(np.zeros((7, 4), dtype=np.float32))).shape == (7, 3)


def test_no_hidden_layer_is_softmax_regression():
    model = nn.mlp(4, (), 3, activation="tanh", dropout=0.5, rng=0)
    assert shapes(model) == {"0.weight": (3, 4), "0.bias": (3,)}
    assert len(model) == 1


def test_dropout_follows_each_activation_and_not_the_logits():
    model = nn.mlp(4, (8, 5), 3, dropout=0.25, rng=0)
    block = [nn.Linear, nn.ReLU, nn.Dropout]
    assert [type(layer) for layer in model] == [*block, *block, nn.Linear]
    assert (model[2].p, model[5].p) == (0.25, 0.25)
    assert model[2].rng is model[5].rng


@pytest.mark.parametrize("name", nn.ACTIVATIONS)
def test_every_activation(name):
    assert type(nn.mlp(2, (3,), 2, activation=name, rng=0)[1]) is LAYERS[name]


def test_there_are_no_other_activations():
    assert [*nn.ACTIVATIONS] == [*LAYERS]


def test_the_last_layer_gives_logits():
    z = nn.mlp(4, (8,), 3, rng=0)(Tensor(np.ones((5, 4), dtype=np.float32))).data
    assert not np.allclose(z.sum(axis=1), 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, "float64"])
def test_dtype(dtype):
    assert {p.dtype for p in nn.mlp(2, (3,), 2, rng=0, dtype=dtype).parameters()} == {
        np.dtype(dtype)
    }


def test_the_seed_decides_and_layers_of_one_size_differ():
    def weights(rng):
        return [p.data.tobytes() for p in nn.mlp(4, (4, 4), 4, rng=rng).parameters()]

    assert weights(0) == weights(0) == weights(np.random.default_rng(0))
    assert len({*weights(0), *weights(1)}) == 12
    assert weights(None) != weights(None)


def test_unknown_activation():
    with pytest.raises(ArgumentError) as error:
        nn.mlp(4, (8,), 3, activation="relu6")
    assert str(error.value) == (
        "mlp: activation='relu6' is unknown; there are relu, leaky_relu, elu, gelu, silu, "
        "softplus, sigmoid, tanh; choose one of them"
    )


@pytest.mark.parametrize(
    "sizes, at_fault",
    [
        ((0, (8,), 3), "in_features 0"),
        ((4, (8, 0), 3), "out_features 0"),
        ((4, (-1,), 3), "out_features -1"),
        ((4, (), 0), "out_features 0"),
    ],
)
def test_a_size_below_one(sizes, at_fault):
    with pytest.raises(ArgumentError) as error:
        nn.mlp(*sizes)
    name = at_fault.split()[0]
    assert str(error.value) == f"Linear: {name} is less than 1; {at_fault}; give 1 or more"
