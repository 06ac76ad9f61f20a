"""Networks as lists of layers: each comes back from a file as it was, and damage is refused."""

import inspect
import json

import numpy as np
import pytest

from minigrad import Tensor, data, nn
from minigrad import functions as F
from minigrad.errors import ArgumentError
from minigrad.training import Classifier, archive, load
from minigrad.training.architecture import DEEPEST, LAYERS, build, describe, difference
from tests.training.test_classifier import refused as refused_file

SHARED = nn.Tanh()
NETWORKS = {
    "softmax regression": lambda rng: [nn.Linear(4, 3, rng=rng)],
    "no bias": lambda rng: [nn.Linear(4, 3, bias=False, rng=rng)],
    "two Linears": lambda rng: [nn.Linear(4, 5, rng=rng), nn.Linear(5, 3, bias=False, rng=rng)],
    "several activations": lambda rng: [
        nn.ReLU(),
        nn.Linear(4, 6, rng=rng),
        nn.LeakyReLU(0.2),
        nn.ELU(2),
        nn.GELU(),
        nn.GELU("tanh"),
        nn.SiLU(),
        nn.Linear(6, 7, rng=rng),
        nn.Softplus(),
        nn.Sigmoid(),
        nn.Tanh(),
        nn.Linear(7, 3, rng=rng),
    ],
    "softmax inside": lambda rng: [
        nn.Linear(4, 17, rng=rng),
        nn.Softmax(),
        nn.Linear(17, 9, rng=rng),
        nn.LogSoftmax(axis=1),
        nn.Linear(9, 3, rng=rng),
    ],
    "nested": lambda rng: [
        nn.Sequential(nn.Linear(4, 6, rng=rng), nn.Sequential(nn.SiLU(), nn.Dropout(0.3))),
        nn.Sequential(),
        nn.Sequential(nn.Linear(6, 3, bias=False, rng=rng), nn.Tanh()),
    ],
    "dropout and flatten": lambda rng: [
        nn.Flatten(),
        nn.Dropout(0),
        nn.Linear(4, 8, rng=rng),
        nn.Dropout(1),
        nn.Linear(8, 3, rng=rng),
        nn.Flatten(),
    ],
    "norms and a residual": lambda rng: [
        nn.Linear(4, 6, rng=rng),
        nn.BatchNorm1d(6, momentum=None),
        nn.Residual(nn.Linear(6, 6, rng=rng), nn.BatchNorm1d(6, affine=False), nn.ReLU()),
        nn.LayerNorm(6, bias=False),
        nn.Linear(6, 3, rng=rng),
    ],
    "convolutions": lambda rng: [
        nn.Unflatten(1, (1, 2, 2)),
        nn.Conv2d(1, 2, 2, padding=1, rng=rng),
        nn.BatchNorm2d(2),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2, 3, rng=rng),
    ],
    "an activation used twice": lambda rng: [
        nn.Linear(4, 4, rng=rng),
        SHARED,
        nn.Linear(4, 3, rng=rng),
        SHARED,
    ],
}


def classifier(layers, dtype=np.float32):
    """Return a classifier of 4 features and 3 classes with these layers."""
    model = nn.Sequential(*layers)
    for p in model.parameters():
        p.data = p.data.astype(dtype)
    for layer in [m for _, m in model.named_modules() if isinstance(m, nn.BatchNorm1d)]:
        for i, name in enumerate(("running_mean", "running_var")):
            start = np.linspace(i, 1 + i, layer.num_features)
            setattr(layer, name, start.astype(dtype))
    schema = data.Schema(tuple(map(data.Column, "abcd")), "kind", ("x", "y", "z"))
    return Classifier(model, schema, data.Scaling(np.arange(4.0), np.arange(1.0, 5.0)))


def rows(count=60):
    return 3 * np.random.default_rng(1).normal(size=(count, 4))


each_network = pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)


@each_network
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_comes_back_from_a_file(tmp_path, layers, dtype):
    model = classifier(layers(0), dtype)
    model.save(tmp_path / "a.npz", sync=False)
    read = load(tmp_path / "a.npz")
    assert repr(read.model) == repr(model.model.eval())
    assert {p.dtype for p in read.model.parameters()} == {np.dtype(dtype)}
    assert read.predict_log_proba(rows()).tobytes() == model.predict_log_proba(rows()).tobytes()
    read.save(tmp_path / "b.npz", sync=False)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@each_network
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_alone_whatever_the_network(layers, dtype):
    model = classifier(layers(0), dtype)
    together = model.predict_log_proba(rows())
    alone = np.concatenate([model.predict_proba(row) for row in rows()])
    np.testing.assert_allclose(alone, np.exp(together), rtol=0, atol=1e-6)
    z = model.model.eval()(Tensor(model.scaling.apply(rows().astype(dtype)))).data
    np.testing.assert_allclose(
        np.exp(together), np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), rtol=2e-5, atol=1e-7
    )


@each_network
def test_a_summary_of_each_network(layers):
    text = nn.summary(nn.Sequential(*layers(0)), (4,))
    assert text.startswith("layer ") and text.count("(N, ") >= len(layers(0)) - 1


def test_every_layer_can_be_in_a_file_and_says_its_arguments():
    """Those that its constructor takes, without generator and dtype."""
    named = {name: kind for name, kind in vars(nn).items() if name in LAYERS}
    assert named == LAYERS
    others = {"Sequential", "Module", "Parameter", "CrossEntropy", "NLLLoss", "MSELoss"}
    others |= {"BCEWithLogitsLoss", "Residual"}
    assert {name for name, kind in vars(nn).items() if isinstance(kind, type)} == {*LAYERS} | others
    sizes = {nn.Linear: (2, 3), nn.Conv2d: (2, 3, 1), nn.Embedding: (2, 3), nn.LayerNorm: (2,)}
    sizes |= {
        nn.Unflatten: (1, (2, 3)),
        nn.MaxPool2d: (2,),
        nn.AvgPool2d: (2,),
        nn.BatchNorm1d: (2,),
        nn.BatchNorm2d: (2,),
    }
    for kind in LAYERS.values():
        layer = kind(*sizes.get(kind, ()))
        taken = [*inspect.signature(kind).parameters]
        assert [*layer.arguments()] == [name for name in taken if name not in ("rng", "dtype")]


def image_network():
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, (3, 2), stride=2, padding=(1, 0), rng=rng),
        nn.BatchNorm2d(4),
        nn.Residual(nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False, rng=rng), nn.ReLU()),
        nn.MaxPool2d(2, 1),
        nn.AvgPool2d((2, 1), padding=(1, 0)),
        nn.GlobalAvgPool2d(),
        nn.Linear(4, 3, rng=rng),
    )


def test_a_network_of_images_comes_back_from_its_description():
    model = image_network()
    x = np.random.default_rng(0).standard_normal((5, 1, 8, 9)).astype(np.float32)
    model(x)  # moves the running statistics
    description = json.loads(json.dumps(describe(model)))
    again = build(description, model.state_dict()).eval()
    assert repr(again) == repr(model.eval())
    np.testing.assert_array_equal(again(x).data, model(x).data)


def test_an_embedding_comes_back_and_is_looked_up_for_each_row():
    model = nn.Sequential(nn.Embedding(5, 2, rng=0), nn.Flatten(), nn.Linear(6, 3, rng=1))
    again = build(describe(model), model.state_dict())
    t = np.array([[0, 4, 4], [1, 2, 3]])
    np.testing.assert_array_equal(again(t).data, model(t).data)


CONV = describe(image_network())["layers"][0]


@pytest.mark.parametrize(
    "change",
    [
        {"groups": 0}, {"groups": -1}, {"groups": "1"}, {"in_channels": "1"}, {"kernel_size": 3},
        {"kernel_size": [3, 10**9]}, {"kernel_size": None}, {"out_channels": 10**12}, {"bias": 1},
        {"stride": 2}, {"padding": [1, -1]}, {"groups": None}, {"dilation": [1, 2, 3]},
    ],
    ids=str,
)  # fmt: skip
def test_damaged_arguments_of_a_convolution_are_a_value_error(change):
    model = nn.Sequential(*image_network().layers[:1])
    with pytest.raises(ValueError):
        build({"dtype": "float32", "layers": [{**CONV, **change}]}, model.state_dict())
    rest = {name: value for name, value in CONV.items() if name not in change}
    with pytest.raises(ValueError):
        build({"dtype": "float32", "layers": [rest]}, model.state_dict())


def test_a_plain_function_is_refused_by_name():
    model = nn.Sequential(nn.Linear(4, 3, rng=0), F.relu)
    with pytest.raises(ArgumentError) as error:
        describe(model)
    assert str(error.value).startswith(
        "Classifier: layer 1 is not one that a model file can hold; it is the function relu; "
    )


def test_buffers_have_to_be_those_of_the_layers():
    model = nn.Sequential(nn.BatchNorm1d(3))
    state = model.state_dict()
    for name, wrong in (
        ("0.running_mean", np.zeros(2, np.float32)),
        ("0.running_var", np.zeros(3)),
        ("0.num_batches_tracked", np.array(0, np.int32)),
    ):
        with pytest.raises(ValueError, match=f"array '{name}' is "):
            build(describe(model), {**state, name: wrong})


def test_the_description():
    model = nn.Sequential(
        nn.Linear(np.int64(4), 6, bias=False),
        nn.Sequential(nn.GELU("tanh"), nn.Dropout(np.float32(0.5))),
    )
    assert describe(model) == {
        "dtype": "float32",
        "layers": [
            {"layer": "Linear", "in_features": 4, "out_features": 6, "bias": False},
            {
                "layer": "Sequential",
                "layers": [
                    {"layer": "GELU", "approximate": "tanh"},
                    {"layer": "Dropout", "p": 0.5},
                ],
            },
        ],
    }


def test_the_arguments_are_pythons_own_numbers():
    half, one = np.float32(0.5), np.int64(1)
    layers = nn.Linear(one, one), nn.LeakyReLU(half), nn.ELU(half), nn.Softmax(one)
    layers += nn.LogSoftmax(one), nn.Dropout(half), nn.ELU(2), nn.GELU(np.str_("tanh"))
    assert [[*map(type, layer.arguments().values())] for layer in layers] == [
        [int, int, bool], [float], [float], [int], [int], [float], [float], [str],
    ]  # fmt: skip


def test_a_dtype_that_is_not_one_of_a_network():
    with pytest.raises(ValueError) as error:
        build({"dtype": "U1000000000", "layers": []}, {})
    assert str(error.value) == (
        "architecture.dtype is 'U1000000000', not one of 'float16', 'float32', 'float64'"
    )


def test_a_network_without_parameters():
    assert describe(nn.Sequential()) == {"dtype": "float32", "layers": []}
    assert repr(build(describe(nn.Sequential(nn.ELU(3))), {})) == repr(nn.Sequential(nn.ELU(3.0)))


def test_the_first_difference():
    def of(*layers):
        return describe(nn.Sequential(*layers))

    one = of(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Dropout(0.5)), nn.Linear(3, 2))
    other = of(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Dropout(0.1)), nn.Linear(3, 2))
    assert difference(one, one) is None and difference(one, other) is None
    two = of(nn.Linear(2, 3), nn.Sequential(nn.ELU(2), nn.Dropout(0.5)), nn.Linear(3, 2))
    assert difference(one, two) == ("layer 1.0 ReLU()", "layer 1.0 ELU(alpha=2.0)")
    flat = of(nn.Linear(2, 3), nn.ReLU(), nn.Dropout(0.5), nn.Linear(3, 2))
    assert difference(one, flat) is None
    without = of(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    assert difference(flat, without) is None
    ends = of(nn.Linear(2, 3), nn.Dropout(0.5), nn.Tanh(), nn.Linear(3, 2))
    assert difference(ends, without) == ("layer 2 Tanh()", "layer 1 ReLU()")
    shorter = of(nn.Linear(2, 3), nn.ReLU(), nn.Dropout(0.5))
    last = "layer 3 Linear(in_features=3, out_features=2, bias=True)"
    assert difference(shorter, flat) == ("no such layer", last)
    assert difference(flat, shorter) == (last, "no such layer")


# ---- damaged lists

LINEAR = {"layer": "Linear", "in_features": 4, "out_features": 3, "bias": True}
KNOWN = f"not one of {', '.join(LAYERS)}"
ABSURD = 10**9
DAMAGED = {
    "no list": ({}, "architecture.layers is a table, not a list"),
    "text": ("Linear", "architecture.layers is 'Linear', not a list"),
    "a number for a layer": ([LINEAR, 3], "architecture.layers[1] is 3, not a table"),
    "a name for a layer": ([LINEAR, "ReLU"], "architecture.layers[1] is 'ReLU', not a table"),
    "no name": ([LINEAR, {"p": 0.5}], f"layer 1 is {{'p': 0.5}}, {KNOWN}"),
    "an unknown name": (
        [LINEAR, {"layer": "Conv7d"}],
        f"layer 1 is {{'layer': 'Conv7d'}}, {KNOWN}",
    ),
    "another module of nn": (
        [LINEAR, {"layer": "CrossEntropy"}],
        f"layer 1 is {{'layer': 'CrossEntropy'}}, {KNOWN}",
    ),
    "a list for a name": ([LINEAR, {"layer": []}], f"layer 1 is {{'layer': []}}, {KNOWN}"),
    "a long name": ([LINEAR, {"layer": "x" * 999}], f"layer 1 is {{'layer': '{'x' * 69}, {KNOWN}"),
    "a Sequential without layers": (
        [LINEAR, {"layer": "Sequential"}],
        f"layer 1 is {{'layer': 'Sequential'}}, {KNOWN}",
    ),
    "a Sequential of nothing": (
        [LINEAR, {"layer": "Sequential", "layers": None}],
        "layers of layer 1 is None, not a list",
    ),
    "a Sequential with more": (
        [LINEAR, {"layer": "Sequential", "layers": [], "p": 1}],
        f"layer 1 is {{'layer': 'Sequential', 'layers': [], 'p': 1}}, {KNOWN}",
    ),
    "deeper by one": (
        [{"layer": "Sequential", "layers": [LINEAR]}],
        "array '0.0.weight' is missing",
    ),
    "one layer less": ([], "array '0.weight' belongs to no layer"),
    "one layer more": ([LINEAR, LINEAR], "array '1.weight' is missing"),
    "absurd sizes": (
        [{**LINEAR, "in_features": ABSURD, "out_features": ABSURD}],
        "array '0.weight' is (3, 4) float32, not (1000000000, 1000000000) float32",
    ),
    "a negative size": (
        [{**LINEAR, "in_features": -4}],
        "layer 0.in_features is -4, not a whole number from 0",
    ),
    "a size as text": (
        [{**LINEAR, "in_features": "4"}],
        "layer 0.in_features is '4', not a whole number from 0",
    ),
    "a size with a point": (
        [{**LINEAR, "in_features": 4.0}],
        "layer 0.in_features is 4.0, not a whole number from 0",
    ),
    "no size": (
        [{"layer": "Linear", "out_features": 3, "bias": True}],
        "layer 0.in_features is missing",
    ),
    "no bias": ([{**LINEAR, "bias": False}], "array '0.bias' belongs to no layer"),
    "a number for the bias": ([{**LINEAR, "bias": 1}], "layer 0.bias is 1, not true or false"),
    "a dtype of its own": (
        [{**LINEAR, "dtype": "float32"}],
        "layer 0, Linear, has the arguments in_features, out_features, bias, dtype",
    ),
    "a generator": (
        [LINEAR, {"layer": "Dropout", "p": 0.5, "rng": 0}],
        "layer 1, Dropout, has the arguments p, rng",
    ),
    "an argument missing": ([LINEAR, {"layer": "Dropout"}], "layer 1.p is missing"),
    "an unknown argument": (
        [LINEAR, {"layer": "ReLU", "x": 1}],
        "layer 1, ReLU, has the arguments x",
    ),
    "an argument as text": (
        [LINEAR, {"layer": "Dropout", "p": "0.5"}],
        "layer 1.p is '0.5', not a number from 0 to 1",
    ),
    "a list as an argument": (
        [LINEAR, {"layer": "ELU", "alpha": [1]}],
        "layer 1.alpha is a list of 1, not a finite number",
    ),
    "true as an argument": (
        [LINEAR, {"layer": "ELU", "alpha": True}],
        "layer 1.alpha is True, not a finite number",
    ),
}
WRONG_VALUES = {
    "p": ([LINEAR, {"layer": "Dropout", "p": 7.0}], "layer 1.p is 7.0, not a number from 0 to 1"),
    "approximate": (
        [LINEAR, {"layer": "GELU", "approximate": "x"}],
        "layer 1.approximate is 'x', not one of 'none', 'tanh'",
    ),
    "axis": ([LINEAR, {"layer": "LogSoftmax", "axis": 0}], "depend on the other rows"),
    "sizes": ([LINEAR, {"layer": "Softmax", "axis": -1}], "the network ends in Softmax"),
}


def refused(path, layers):
    """Return the facts of the line that refuses a file with these layers and LINEAR's arrays."""
    classifier([nn.Linear(4, 3, rng=0)]).save(path, sync=False)
    header, arrays = archive.read(path)
    assert header["architecture"]["layers"] == [LINEAR]
    header["architecture"]["layers"] = layers
    archive.write(path, header, arrays, sync=False)
    return refused_file(path)


@pytest.mark.parametrize(("layers", "why"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_list(tmp_path, layers, why):
    facts = refused(tmp_path / "a.npz", layers)
    assert facts.startswith(why[:300]) and "\n" not in facts  # so much is shown


def test_a_number_too_large_for_a_float(tmp_path):
    facts = refused(tmp_path / "a.npz", [LINEAR, {"layer": "ELU", "alpha": 10**400}])
    assert facts == f"layer 1.alpha is 1{'0' * 39}, not a finite number"


@pytest.mark.parametrize(("layers", "why"), WRONG_VALUES.values(), ids=WRONG_VALUES)
def test_an_argument_that_the_layer_refuses(tmp_path, layers, why):
    facts = refused(tmp_path / "a.npz", layers)
    assert why in facts and "\n" not in facts


def nested(count):
    model = nn.Sequential(nn.Linear(4, 3, rng=0))
    for _ in range(count):
        model = nn.Sequential(model)
    return model


def test_sequentials_inside_each_other(tmp_path):
    deepest = classifier([nested(DEEPEST - 1)])
    deepest.save(tmp_path / "a.npz")
    assert load(tmp_path / "a.npz").architecture == deepest.architecture
    header, arrays = archive.read(tmp_path / "a.npz")
    layers = header["architecture"]["layers"]
    header["architecture"]["layers"] = [{"layer": "Sequential", "layers": layers}]
    archive.write(tmp_path / "a.npz", header, arrays)
    text = f"more than {DEEPEST} Sequentials are inside each other"
    assert refused_file(tmp_path / "a.npz") == text
    itself = nn.Sequential(nn.Linear(4, 3))
    itself.layers = (*itself.layers, itself)
    for model in (nested(400), itself):
        with pytest.raises(ArgumentError, match=f"Classifier: {text}; layer 0.0.0.0.|; layer 1.1"):
            describe(model)
