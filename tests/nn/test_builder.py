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


def test_batch_norm_stands_between_the_layer_and_its_activation():
    model = nn.mlp(4, (8,), 3, batch_norm=True, dropout=0.5, rng=0)
    kinds = [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Dropout, nn.Linear]
    assert [type(layer) for layer in model] == kinds and model[1].num_features == 8


# ---- cnn -----------------------------------------------------------------------------------------


def test_a_cnn_is_convolutions_and_poolings_and_an_mlp():
    model = nn.cnn((2, 9, 12), (4, 6), (5,), 3, batch_norm=True, dropout=0.25, rng=0)
    block = [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d]
    rest = [nn.Flatten, nn.Dropout, nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Dropout, nn.Linear]
    assert [type(layer) for layer in model] == [nn.Unflatten, *block, *block, *rest]
    assert shapes(model)["1.weight"] == (4, 2, 3, 3) and shapes(model)["5.weight"] == (6, 4, 3, 3)
    assert model[11].in_features == 6 * 2 * 3  # 9 × 12, 4 × 6, 2 × 3
    assert model(Tensor(np.zeros((7, 2 * 9 * 12), np.float32))).shape == (7, 3)
    plain = [type(layer) for layer in nn.cnn((1, 2, 2), (3,), (), 3, activation="tanh", rng=0)]
    assert plain == [nn.Unflatten, nn.Conv2d, nn.Tanh, nn.MaxPool2d, nn.Flatten, nn.Linear]


def test_dtype_and_generator_of_a_cnn():
    def arrays(rng, dtype):
        model = nn.cnn((1, 4, 4), (2,), (3,), 2, batch_norm=True, rng=rng, dtype=dtype)
        return [a for name, a in model.named_arrays().items() if "num_" not in name]

    assert {a.dtype for a in arrays(0, np.float64)} == {np.dtype(np.float64)}
    one, same, other = (arrays(rng, np.float32)[0] for rng in (1, np.random.default_rng(1), 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_an_image_too_small_for_a_cnn():
    nn.cnn((1, 9, 8), (2, 2, 2), (), 3)
    with pytest.raises(ArgumentError) as error:
        nn.cnn((1, 9, 8), (2, 2, 2, 2), (), 3)
    assert str(error.value) == (
        "cnn: an image of 9 × 8 is too small for 4 convolutions; each is followed by a pooling "
        "that halves it; give at most 3 of them"
    )
    with pytest.raises(ArgumentError, match="^cnn: activation='relu6' is unknown; "):
        nn.cnn((1, 9, 8), (2,), (), 3, activation="relu6")
