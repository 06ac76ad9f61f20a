"""The layers: what they compute, how they start, and their text."""

import math

import numpy as np
import pytest

from minigrad import Tensor, gradcheck, nn, no_grad
from minigrad import functions as F
from minigrad.errors import ArgumentError, MinigradWarning, ShapeError
from tests.helpers import exactly


def mlp(dtype=np.float32):
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Linear(3, 4, rng=rng, dtype=dtype), nn.ReLU(), nn.Linear(4, 2, rng=rng, dtype=dtype)
    )


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 500), (7, 500), (400, 500)])
def test_initial_weights_are_distributed_as_in_pytorch(inputs, outputs):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs, ours = torch.nn.Linear(inputs, outputs), nn.Linear(inputs, outputs, rng=0)
    for p, q in ((ours.weight, theirs.weight), (ours.bias, theirs.bias)):
        q = q.detach().numpy()
        assert p.shape == q.shape
        assert abs(p.data).max() == pytest.approx(abs(q).max(), rel=0.05)
        assert p.data.std() == pytest.approx(q.std(), rel=0.15)


# ---- Linear ------------------------------------------------------------------------------------


def test_linear_computes_x_times_W_transposed_plus_b():
    layer = nn.Linear(3, 2, rng=0, dtype=np.float64)
    W, b = layer.weight.data, layer.bias.data
    for shape in ((3,), (5, 3), (4, 5, 3), (0, 3)):
        x = np.random.default_rng(0).standard_normal(shape)
        y = layer(Tensor(x))
        np.testing.assert_allclose(y.data, x @ W.T + b, rtol=1e-14)
        assert gradcheck(layer, x)
    assert layer.weight.shape == (2, 3) and layer.bias.shape == (2,)
    assert nn.Linear(3, 2, bias=False, rng=0).bias is None


@pytest.mark.parametrize("inputs", [1, 4, 100])
def test_linear_starts_uniform_within_one_over_root_I(inputs):
    layer = nn.Linear(inputs, 2000, rng=0)
    bound = 1 / math.sqrt(inputs)
    for p in (layer.weight, layer.bias):
        assert bound * 0.99 < abs(p.data).max() <= bound
        assert p.data.min() < -0.9 * bound and p.data.max() > 0.9 * bound
        assert abs(p.data.mean()) < 0.05 * bound
        assert p.data.std() == pytest.approx(bound / math.sqrt(3), rel=0.05)


def test_float32_and_float64_start_with_the_same_draws():
    narrow, wide = nn.Linear(5, 4, rng=3), nn.Linear(5, 4, rng=3, dtype=np.float64)
    assert narrow.weight.dtype == np.float32 and wide.weight.dtype == np.float64
    for p, q in zip(narrow.parameters(), wide.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data.astype(np.float32))


def test_layers_share_a_generator_and_equal_seeds_start_identical():
    rng = np.random.default_rng(0)
    a, b = nn.Linear(3, 3, rng=rng), nn.Linear(3, 3, rng=rng)
    assert not np.array_equal(a.weight.data, b.weight.data)
    rng = np.random.default_rng(0)
    again = nn.Linear(3, 3, rng=rng), nn.Linear(3, 3, rng=rng)
    for layer, same in zip((a, b), again, strict=True):
        np.testing.assert_array_equal(layer.weight.data, same.weight.data)
        np.testing.assert_array_equal(layer.bias.data, same.bias.data)
    c, d = nn.Linear(3, 3, rng=7), nn.Linear(3, 3, rng=7)
    np.testing.assert_array_equal(c.weight.data, d.weight.data)
    e, f = nn.Linear(3, 3), nn.Linear(3, 3)
    assert not np.array_equal(e.weight.data, f.weight.data)


def test_no_global_generator_is_touched():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))(np.ones((2, 3), np.float32))
    np.testing.assert_array_equal(before, np.random.get_state()[1])


@pytest.mark.parametrize(
    ("inputs", "outputs", "at_fault"),
    [(0, 3, "in_features 0"), (3, 0, "out_features 0"), (-1, 2, "in_features -1")],
)
def test_linear_needs_an_input_and_an_output(inputs, outputs, at_fault):
    name = at_fault.split()[0]
    text = exactly(f"Linear: {name} is less than 1; {at_fault}; give 1 or more")
    with pytest.raises(ArgumentError, match=text):
        nn.Linear(inputs, outputs)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: nn.Linear(4.0, 3),
            "Linear: in_features is not a whole number: 4.0; type float; give it as 1 or more",
        ),
        (
            lambda: nn.Linear(4, "3"),
            "Linear: out_features is not a whole number: '3'; type str; give it as 1 or more",
        ),
        (
            lambda: nn.Dropout("a"),
            "Dropout: p is not a number from 0 to 1: 'a'; type str; give a number from 0 to 1",
        ),
        (
            lambda: nn.Dropout(-1),
            "Dropout: p is not a number from 0 to 1: -1; type int; give a number from 0 to 1",
        ),
        (
            lambda: nn.LeakyReLU(Tensor(0.5)),
            "LeakyReLU: negative_slope is not a finite number: Tensor(0.5); type Tensor; "
            "give a finite number",
        ),
        (
            lambda: nn.ELU(float("inf")),
            "ELU: alpha is not a finite number: inf; type float; give a finite number",
        ),
        (
            lambda: nn.GELU("foo"),
            "gelu: approximate='foo' is unknown; it can be 'none' or 'tanh'; choose one of them",
        ),
        (
            lambda: nn.CrossEntropy(label_smoothing=2),
            "CrossEntropy: label_smoothing is outside 0 … 1; label_smoothing 2; "
            "give a number from 0 to 1",
        ),
        *(
            (
                lambda kind=kind: kind(reduction="max"),
                f"{kind.__name__}: reduction='max' is unknown; it can be 'mean', 'sum' or 'none'; "
                "choose one of them",
            )
            for kind in (nn.CrossEntropy, nn.NLLLoss, nn.MSELoss, nn.BCEWithLogitsLoss)
        ),
    ],
    ids=lambda value: "" if callable(value) else value[:30],
)
def test_an_argument_is_refused_when_the_layer_is_made(make, message):
    with pytest.raises(ArgumentError, match=exactly(message)):
        make()


def test_a_wrong_number_of_features_names_the_remedy():
    text = exactly(
        "layer 0, linear: x has 5 features but W takes 3; x (32, 5), W (4, 3), b (4,); "
        "give nn.Linear in_features=5"
    )
    with pytest.raises(ShapeError, match=text):
        mlp()(np.ones((32, 5), np.float32))


# ---- Sequential --------------------------------------------------------------------------------


def test_sequential_runs_its_layers_in_a_row():
    model = mlp()
    x = np.ones((5, 3), np.float32)
    expected = model[2](model[1](model[0](x)))
    np.testing.assert_array_equal(model(x).data, expected.data)
    assert len(model) == 3 and isinstance(model[-1], nn.Linear)
    assert [type(layer).__name__ for layer in model] == ["Linear", "ReLU", "Linear"]
    y = Tensor([1.0])
    assert nn.Sequential()(y) is y
    assert gradcheck(mlp(), x)


@pytest.mark.parametrize(
    ("layers", "i", "what"),
    [
        ((nn.ReLU, F.relu), 0, "<class 'minigrad.nn.layers.ReLU'>"),
        ((nn.Tanh(), None), 1, "None"),
        (([nn.Tanh(), nn.ReLU()],), 0, "[Tanh(), ReLU()]"),
        ((nn.Tanh(), 5), 1, "5"),
    ],
    ids=["class", "None", "list", "number"],
)
def test_sequential_takes_modules_only(layers, i, what):
    text = exactly(
        f"Sequential: layer {i} is not a Module; it is {what}; "
        "give the layers one by one, as in Sequential(Linear(4, 3), ReLU())"
    )
    with pytest.raises(ArgumentError, match=text):
        nn.Sequential(*layers)


def test_sequential_takes_plain_functions():
    def double(x):
        return x * 2

    linear = nn.Linear(3, 4, rng=0)
    model = nn.Sequential(linear, F.relu, double, lambda x: x + 1)
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    np.testing.assert_array_equal(model(x).data, 2 * np.maximum(linear(x).data, 0) + 1)
    assert repr(model) == (
        "Sequential(\n  (0): Linear(3 -> 4)\n  (1): relu\n  (2): double\n  (3): <lambda>\n)"
    )
    assert nn.summary(model, (3,)) == (
        "layer             output  parameters\n"
        "0 Linear(3 -> 4)  (N, 4)          16\n"
        "1 relu            (N, 4)           0\n"
        "2 double          (N, 4)           0\n"
        "3 <lambda>        (N, 4)           0\n"
        "total                             16"
    )
    assert list(model.state_dict()) == ["0.weight", "0.bias"] and gradcheck(model, x)


def test_the_layer_that_cannot_take_its_input_is_named_by_its_number():
    inner = nn.Sequential(F.relu, nn.Residual(nn.Linear(4, 3, rng=0)))
    model = nn.Sequential(nn.Linear(3, 4, rng=0), inner)
    text = (
        "layer 1.1, Residual: the layers change the shape; x (2, 4), f(x) (2, 3); "
        "keep it, as Linear(4, 4) and Conv2d(8, 8, 3, padding=1) do"
    )
    with pytest.raises(ShapeError, match=exactly(text)):
        model(np.ones((2, 3), np.float32))
    inner[1].layers[0].weight = nn.Parameter(np.ones((3, 5)))
    with pytest.raises(
        ShapeError, match=r"\Alayer 1\.1\.0, linear: x has 4 features but W takes 5; "
    ):
        model(np.ones((2, 3), np.float32))


def test_residual_adds_its_input():
    x = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    f = nn.Sequential(nn.Linear(4, 4, rng=0), nn.Tanh())
    model = nn.Residual(*f)
    np.testing.assert_array_equal(model(x).data, x + f(x).data)
    assert repr(model) == "Residual(\n  (0): Linear(4 -> 4)\n  (1): Tanh()\n)"
    assert list(nn.Sequential(model).state_dict()) == ["0.0.weight", "0.0.bias"]
    with pytest.raises(ShapeError):  # (5, 1) would broadcast
        nn.Residual(nn.Linear(4, 1, rng=0))(x)


def test_embedding_takes_rows_and_refuses_what_is_none():
    layer = nn.Embedding(5, 3, rng=0)
    t = np.array([[0, 4, 4], [1, 0, 4]])
    y = layer(t)
    np.testing.assert_array_equal(y.data, layer.weight.data[t])
    y.sum().backward()
    np.testing.assert_array_equal(layer.weight.grad, np.repeat([[2], [1], [0], [0], [3]], 3, 1))
    assert repr(layer) == "Embedding(num_embeddings=5, embedding_dim=3)"
    many = nn.Embedding(1000, 50, rng=0).weight.data
    assert abs(many.mean()) < 0.02 and many.std() == pytest.approx(1, rel=0.02)


# ---- the other layers and the losses -----------------------------------------------------------

LAYERS = [
    (nn.ReLU(), F.relu, "ReLU()"),
    (nn.LeakyReLU(), F.leaky_relu, "LeakyReLU(negative_slope=0.01)"),
    (nn.LeakyReLU(0.3), lambda x: F.leaky_relu(x, 0.3), "LeakyReLU(negative_slope=0.3)"),
    (nn.ELU(), F.elu, "ELU(alpha=1.0)"),
    (nn.ELU(0.5), lambda x: F.elu(x, 0.5), "ELU(alpha=0.5)"),
    (nn.GELU(), F.gelu, "GELU(approximate='none')"),
    (nn.GELU("tanh"), lambda x: F.gelu(x, "tanh"), "GELU(approximate='tanh')"),
    (nn.SiLU(), F.silu, "SiLU()"),
    (nn.Softplus(), F.softplus, "Softplus()"),
    (nn.Sigmoid(), F.sigmoid, "Sigmoid()"),
    (nn.Tanh(), F.tanh, "Tanh()"),
    (nn.Softmax(), F.softmax, "Softmax(axis=-1)"),
    (nn.Softmax(axis=0), lambda x: F.softmax(x, 0), "Softmax(axis=0)"),
    (nn.LogSoftmax(), F.log_softmax, "LogSoftmax(axis=-1)"),
    (nn.LogSoftmax(axis=0), lambda x: F.log_softmax(x, 0), "LogSoftmax(axis=0)"),
    (nn.Flatten(), lambda x: F.reshape(x, (4, 6)), "Flatten()"),
    (nn.Dropout(0.0), lambda x: x, "Dropout(p=0.0)"),
]


@pytest.mark.parametrize(("layer", "f", "text"), LAYERS, ids=[text for *_, text in LAYERS])
def test_a_layer_is_its_function(layer, f, text):
    x = np.random.default_rng(0).standard_normal((4, 2, 3))
    y = layer(Tensor(x, requires_grad=True))
    assert y.requires_grad
    np.testing.assert_array_equal(y.data, f(Tensor(x)).data)
    np.testing.assert_array_equal(layer(x).data, y.data)  # an array works as input
    assert repr(layer) == text and layer.parameters() == []


def test_flatten_keeps_the_batch_axis():
    for shape, flat in (((5, 2, 3), (5, 6)), ((5,), (5, 1)), ((5, 4), (5, 4)), ((0, 2, 3), (0, 6))):
        assert nn.Flatten()(Tensor(np.zeros(shape))).shape == flat


def test_unflatten_is_the_inverse_of_flatten():
    x = np.arange(24.0).reshape(2, 3, 2, 2)
    layer = nn.Unflatten(1, (3, 2, 2))
    np.testing.assert_array_equal(layer(nn.Flatten()(Tensor(x))).data, x)
    np.testing.assert_array_equal(nn.Unflatten(-1, [2, 1])(Tensor(x)).data, x[..., None])
    assert repr(layer) == "Unflatten(1, 3 × 2 × 2)" and layer.parameters() == []
    assert layer.arguments() == {"axis": 1, "unflattened_size": [3, 2, 2]}


def test_unflatten_refuses_sizes_that_do_not_fit():
    sizes = "unflattened_size (3, 2, 2)"
    for axis in (1, -1):
        text = f"Unflatten: axis {axis} of x has the length 11, not 12; x (2, 11), {sizes}; "
        with pytest.raises(ShapeError, match=exactly(text + "give sizes whose product is 11")):
            nn.Unflatten(axis, (3, 2, 2))(Tensor(np.zeros((2, 11))))
    for axis in (2, -3):
        text = f"Unflatten: x has no axis {axis}; x (2, 12), {sizes}; "
        remedy = "choose an axis that exists; −1 is the last"
        with pytest.raises(ShapeError, match=exactly(text + remedy)):
            nn.Unflatten(axis, (3, 2, 2))(Tensor(np.zeros((2, 12))))
    with pytest.raises(ArgumentError, match="^Unflatten: unflattened_size is less than 1; "):
        nn.Unflatten(1, (3, 0))


def test_dropout_drops_while_training_only():
    layer = nn.Dropout(0.5, rng=0)
    x = Tensor(np.ones((100, 100), np.float32), requires_grad=True)
    y = layer(x)
    assert set(np.unique(y.data)) == {0.0, 2.0}
    assert y.data.mean() == pytest.approx(1, abs=0.05)
    assert not np.array_equal(y.data, layer(x).data)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.data)
    layer.eval()
    assert layer(x) is x
    layer.train()
    assert not np.array_equal(layer(x).data, x.data)


def test_dropout_draws_from_the_generator_it_is_given():
    x = np.ones(50, np.float32)
    a, b = nn.Dropout(0.5, rng=3), nn.Dropout(0.5, rng=np.random.default_rng(3))
    for _ in range(3):
        np.testing.assert_array_equal(a(x).data, b(x).data)
    rng = np.random.default_rng(3)
    c, d = nn.Dropout(0.5, rng=rng), nn.Dropout(0.5, rng=rng)
    assert not np.array_equal(c(x).data, d(x).data)


def test_predicting_in_training_mode_warns_and_eval_mode_does_not():
    model = nn.Sequential(nn.Dropout(0.25, rng=0))
    text = exactly(
        "dropout: predicting in training mode drops units at random; p 0.25, inside no_grad(); "
        "call model.eval() first"
    )
    with pytest.warns(MinigradWarning, match=text), no_grad():
        model(np.ones(5, np.float32))
    model.eval()
    with no_grad():
        model(np.ones(5, np.float32))
