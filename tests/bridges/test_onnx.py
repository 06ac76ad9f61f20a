"""The file of `--to onnx`: onnxruntime's probabilities are those of the classifier, to 1e-6."""

import json
import sys

import numpy as np
import pytest

import minigrad
from minigrad import Tensor, data, nn, training
from minigrad.cli import main
from minigrad.data import Column, Scaling, Schema
from minigrad.errors import ArgumentError, DataError
from minigrad.training import Classifier, architecture
from tests.helpers import exactly

pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

import onnx  # noqa: E402

from minigrad.bridges import onnx as bridge  # noqa: E402

TOLERANCE = 1e-6
IN_FLOAT64 = 1e-7  # an option of a node, such as a slope, is a float32


def session(classifier, tmp_path):
    """Write a classifier, and open the file with onnxruntime."""
    path = tmp_path / "m.onnx"
    assert bridge.write(classifier, path, overwrite=True) == [str(path)]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run(runtime, x):
    """Return label and probabilities for x: rows (N, F) of numbers, or images (N, C, H, W)."""
    inputs = runtime.get_inputs()
    if x.ndim == 4:
        return runtime.run(None, {"x": x})
    return runtime.run(
        None, {put.name: x[:, [f]].astype(np.float64) for f, put in enumerate(inputs)}
    )


def assert_same(classifier, tmp_path, x):
    """Assert that onnxruntime finds the probabilities, and the labels of all rows not tied."""
    label, p = run(session(classifier, tmp_path), x)
    expected = classifier.predict_proba(x)
    assert p.dtype == np.float64 and p.shape == expected.shape
    double = classifier.architecture["dtype"] == "float64"
    assert np.abs(p - expected).max() <= (IN_FLOAT64 if double else TOLERANCE)
    second, first = np.sort(expected, axis=1)[:, -2:].T
    clear = first - second > TOLERANCE
    assert label[clear].tolist() == classifier.predict(x)[clear].tolist()


def made(model, features, classes=3, *, scaling=None, missing="mean", image=None, offset=0.0):
    """Return a classifier of numbers, or of images."""
    columns = tuple(Column(f"c{i}", None, offset) for i in range(features))
    schema = Schema(columns, "kind", tuple("abcdef"[:classes]), missing, image=image)
    scaling = scaling or Scaling(np.zeros(features), np.ones(features))
    return Classifier(model, schema, scaling)


def settled(model, rng):
    """Give the normalising layers numbers as after training, instead of ones and zeros."""
    for name, p in model.named_parameters():
        if p.data.ndim == 1 and name.endswith(".weight"):  # not of a Linear or a Conv2d
            p.data = rng.uniform(0.5, 1.5, p.shape).astype(p.dtype)
    for _, layer in nn.module.walk(model):
        if isinstance(layer, nn.BatchNorm1d):
            for name, low, high in ("running_mean", -1, 1), ("running_var", 0.3, 2):
                values = rng.uniform(low, high, layer.num_features)
                setattr(layer, name, values.astype(getattr(layer, name).dtype))
    return model


# ---- what the command line trains ----------------------------------------------------------------

TRAINED = [
    *[("iris", {"activation": name}) for name in nn.ACTIVATIONS],
    *[("wine", {"scale": kind}) for kind in ("asinh", "standard", "minmax")],
    ("moons", {"hidden": []}),
    ("spirals", {"hidden": [16, 16], "batch_norm": True, "dropout": 0.2}),
    ("breast_cancer", {"dtype": "float64", "activation": "silu", "batch_norm": True}),
    *[("iris", {"dtype": "float64", "activation": name}) for name in nn.ACTIVATIONS],
    ("digits", {}),
    ("digits", {"dtype": "float64"}),
    *[("digits", {"arch": "cnn", "activation": name, "conv": [4]}) for name in ("relu", "elu")],
]


@pytest.mark.filterwarnings("ignore::minigrad.errors.MinigradWarning")  # two epochs are few
@pytest.mark.parametrize(("name", "options"), TRAINED, ids=str)
def test_built_in_sets(tmp_path, name, options):
    training.Experiment(name, epochs=2, out=tmp_path / "run", **options).run()
    classifier, rows = training.load(tmp_path / "run"), data.load(name)
    if options.get("dtype") == "float64" and options.get("activation") == "gelu":
        message = "export: onnxruntime cannot compute layer 1, GELU, in float64; "
        message += "the network is float64; train with dtype='float32'"
        with pytest.raises(ArgumentError, match=exactly(message)):
            bridge.write(classifier, tmp_path / "m.onnx")
        assert not (tmp_path / "m.onnx").exists()
        return
    image = classifier.schema.image
    dtype = classifier.architecture["dtype"]
    x = rows.x.astype(dtype)
    assert_same(classifier, tmp_path, x.reshape(-1, *image) if image else x)


def test_a_trained_cnn_predicts_the_same_on_all_rows(tmp_path):
    options = {"arch": "cnn", "batch_norm": True, "dropout": 0.1, "epochs": 4}
    result = training.Experiment("digits", **options, out=tmp_path / "run").run()
    assert result.test.accuracy > 0.95
    classifier, digits = training.load(tmp_path / "run"), data.load("digits")
    label, p = run(session(classifier, tmp_path), digits.x.reshape(-1, 1, 8, 8))
    assert label.tolist() == classifier.predict(digits).tolist()
    assert np.abs(p - classifier.predict_proba(digits)).max() <= TOLERANCE


# ---- tables --------------------------------------------------------------------------------------

HOSTILE = ("label", "probabilities", "1.Relu", "scaling.IsNaN", "a b", 'q"é☃', "N", "{}", "%s", "x")


def table(path, rows=200):
    """Write a table of numbers, texts and timestamps, with gaps; return its rows of cells."""
    rng = np.random.default_rng(0)
    lines = [("when", "bill", "island", "sex", *HOSTILE, "species")]
    for _ in range(rows):
        kind = rng.choice(["adelie", "gentoo, big"])
        bill = f"{rng.normal(39 if kind == 'adelie' else 47, 3):.1f}"
        island = rng.choice(["Biscoe", "Dream", "Île 3"])
        numbers = [f"{n:.3f}" for n in rng.normal(0, 9, len(HOSTILE))]
        cells = [1.7e9 + int(rng.integers(60)), bill, island, rng.choice(["f", "m"]), *numbers]
        cells = [*map(str, cells)]
        for i in np.flatnonzero(rng.random(len(cells)) < 0.08):
            cells[i] = ""
        lines.append((*cells, kind))
    quoted = [[f'"{cell}"'.replace('"é', '""é') for cell in line] for line in lines]
    path.write_text("".join(",".join(line) + "\n" for line in quoted), "utf-8")
    return lines[1:]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_table_with_texts_timestamps_and_missing_values(tmp_path, dtype):
    lines = table(tmp_path / "birds.csv")
    options = {"epochs": 5, "out": tmp_path / "run", "dtype": dtype, "label": "species"}
    training.Experiment(tmp_path / "birds.csv", **options).run()
    classifier = training.load(tmp_path / "run")
    assert (classifier.schema.offsets[0] > 1e9) == (dtype == "float32")
    runtime = session(classifier, tmp_path)
    names = json.loads(runtime.get_modelmeta().custom_metadata_map["columns"])
    assert names == {
        **{name: name for name in ("when", "bill", "island", "sex", *HOSTILE[2:])},
        "label_2": "label",
        "probabilities_2": "probabilities",
    }
    header = ["when", "bill", "island", "sex", *HOSTILE]
    feeds = {}
    for put in runtime.get_inputs():
        cells = [line[header.index(names[put.name])] for line in lines]
        if put.type == "tensor(string)":
            feeds[put.name] = np.array(cells)[:, None]
        else:
            assert put.type == "tensor(double)" and put.shape == ["N", 1]
            feeds[put.name] = np.array([float(cell or "nan") for cell in cells])[:, None]
    label, p = runtime.run(None, feeds)
    rows = data.load(tmp_path / "birds.csv", label="species", dtype=dtype)
    expected = classifier.predict_proba(rows)
    assert expected.min() < 0.1 and np.abs(p - expected).max() <= TOLERANCE
    assert label.tolist() == classifier.predict(rows).tolist()


def texts(missing):
    """Return a classifier of a number and a text."""
    columns = Column("n"), Column("text", ("a", "b\n", "ü"))
    scaling = Scaling(np.array([2.0, 0, 0, 0]), np.ones(4), np.array([3.0, 0, 0, 0]))
    model = nn.Sequential(nn.Linear(4, 8, rng=0), nn.ReLU(), nn.Linear(8, 2, rng=1))
    return Classifier(model, Schema(columns, "kind", ("x", "y"), missing), scaling)


def test_an_unknown_text_gives_zeros_and_the_schema_says_what_is_filled(tmp_path):
    n = np.array([[1.0], [1], [1], [1], [np.nan], [np.inf]])
    text = np.array([["ü"], ["b\n"], ["other"], [""], ["a"], ["a"]])
    x = np.hstack([n, text == ["a", "b\n", "ü"]])
    label, p = session(texts("mean"), tmp_path).run(None, {"n": n, "text": text})
    assert np.abs(p - texts("mean").predict_proba(x)).max() <= TOLERANCE
    assert label.tolist() == texts("mean").predict(x).tolist()
    for missing in ("error", "drop"):
        label, p = session(texts(missing), tmp_path).run(None, {"n": n, "text": text})
        assert np.abs(p[:3] - texts(missing).predict_proba(x[:3])).max() <= TOLERANCE
        assert np.isnan(p[3:]).all() and label[3:].tolist() == ["", "", ""]


@pytest.mark.parametrize("missing", ["mean", "drop"])
def test_what_na_names_is_missing(tmp_path, missing):
    options = {"na": ["-999", "1", "unknown"], "missing": missing, "label": "kind"}
    rng, path = np.random.default_rng(0), tmp_path / "t.csv"
    cells = [(f"{n:.1f}", rng.choice(["a", "b"])) for n in rng.normal(0, 9, 60)]
    cells += [("-999", "a"), ("1", "b"), ("3", "unknown"), ("2", "a"), ("", "a"), ("4", "")]
    lines = [f"{n},{text},{'xy'[i % 2]}\n" for i, (n, text) in enumerate(cells)]
    path.write_text("n,text,kind\n" + "".join(lines))
    training.Experiment(path, **options, epochs=2, out=tmp_path / "run").run()
    classifier = training.load(tmp_path / "run")
    n = np.array([[float(n or "nan")] for n, _ in cells])
    label, p = session(classifier, tmp_path).run(
        None, {"n": n, "text": np.array([[text] for _, text in cells])}
    )
    rows = data.load(path, **options)
    usable = ~np.isnan(p[:, 0])
    assert (len(cells) - usable.sum()) == (0 if missing == "mean" else 5)
    assert np.abs(p[usable] - classifier.predict_proba(rows)).max() <= TOLERANCE
    assert label[usable].tolist() == classifier.predict(rows).tolist()


def test_a_value_too_large_makes_a_row_unusable_behind_a_relu_too(tmp_path):
    model = nn.Sequential(nn.Linear(2, 1, rng=0), nn.ReLU(), nn.Linear(1, 3, rng=1))
    model[0].weight.data = np.array([[-1.0, 1.0]], np.float32)
    runtime = session(made(model, 2), tmp_path)
    x = np.array([[1.0, 1], [1e39, 1], [1, -1e39]])
    label, p = run(runtime, x)
    assert label[1:].tolist() == ["", ""] and np.isnan(p[1:]).all() and label[0]
    label, p = run(runtime, x[:0])
    assert label.shape == (0,) and p.shape == (0, 3)


def test_names_may_hold_anything(tmp_path):
    names = ("label", "label_2", "", "column", "0.Gemm", "features.Concat", "a\0b", "\n", "🎉")
    classes = ("", "a\nb", '"')
    schema = Schema((*map(Column, names), Column("no texts", ())), "kind", classes)
    F = len(names)
    classifier = Classifier(nn.mlp(F, [], 3, rng=0), schema, Scaling(np.zeros(F), np.ones(F)))
    runtime = session(classifier, tmp_path)
    found = [put.name for put in runtime.get_inputs()]
    assert found == ["label_2", "label_2_2", "column", "column_2", *names[4:], "no texts"]
    metadata = runtime.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["columns"]) == dict(zip(found, [*names, "no texts"], strict=True))
    assert '"🎉": "🎉"' in metadata["columns"]
    assert json.loads(metadata["classes"]) == [*classes]
    x = np.random.default_rng(0).normal(size=(20, F))
    feeds = {name: x[:, [f]] for f, name in enumerate(found[:-1])}
    label, p = runtime.run(None, {**feeds, "no texts": np.full((20, 1), "text")})
    assert label.tolist() == classifier.predict(x).tolist()
    assert np.abs(p - classifier.predict_proba(x)).max() <= TOLERANCE


# ---- layers --------------------------------------------------------------------------------------


def on_images(keys):
    """Return lists of layers for images (2, 6, 7)."""
    return [
        [nn.Conv2d(2, 4, (3, 2), (2, 1), (1, 0), (1, 2), 2, **keys), nn.Flatten()],
        [nn.Conv2d(2, 3, 3, padding=2, dilation=2, bias=False, **keys), nn.SiLU(), nn.Flatten()],
        [nn.AvgPool2d(3, (1, 2), 1), nn.ELU(1.3), nn.Flatten()],
        [nn.Residual(nn.Conv2d(2, 2, 3, padding=1, **keys), nn.Tanh()), nn.GlobalAvgPool2d()],
    ]


def on_images_in_both_dtypes(keys):
    """Return lists of layers for images (2, 6, 7) that onnxruntime has in float64, too."""
    dtype = {"dtype": keys["dtype"]}
    return [
        [nn.MaxPool2d((3, 2), 2, (1, 1)), nn.LeakyReLU(0.3), nn.Flatten()],
        [nn.Linear(7, 4, **keys), nn.LayerNorm([6, 4], **dtype), nn.SiLU(), nn.GlobalAvgPool2d()],
        [nn.MaxPool2d(2), nn.Linear(3, 4, False, **keys), nn.GELU("tanh"), nn.GlobalAvgPool2d()],
        [nn.BatchNorm2d(2, **dtype), nn.Softmax(1), nn.Flatten()],
        [nn.GlobalAvgPool2d(), nn.BatchNorm1d(2, affine=False, **dtype), nn.Softplus()],
    ]


def on_rows(keys):
    """Return lists of layers for rows of 6 features."""
    dtype = {"dtype": keys["dtype"]}
    return [
        [nn.Linear(6, 8, **keys), nn.LogSoftmax(1), nn.LayerNorm(8, bias=False, **dtype)],
        [nn.LayerNorm(6, elementwise_affine=False, **dtype), nn.Sigmoid(), nn.Dropout(0.5)],
        [nn.Unflatten(-1, (2, 3)), nn.BatchNorm1d(2, **dtype), nn.Softmax(-1), nn.Flatten()],
        [nn.Residual(nn.Linear(6, 6, **keys), nn.Residual(nn.Tanh()), nn.Sequential(nn.SiLU()))],
        [nn.Linear(6, 5, bias=False, **keys), nn.ELU(0.7), nn.ReLU(), nn.Sequential()],
    ]


def networks(dtype):
    """Return pairs of layers and the shape of an image, None for rows of 6 features."""
    keys = {"rng": np.random.default_rng(0), "dtype": dtype}
    images = on_images_in_both_dtypes(keys)
    images += on_images(keys) if dtype == "float32" else []
    rows = on_rows(keys) + ([[nn.GELU()]] if dtype == "float32" else [])
    return [*((layers, (2, 6, 7)) for layers in images), *((layers, None) for layers in rows)]


def kinds_in(layers):
    for entry in layers:
        yield entry["layer"]
        yield from kinds_in(entry.get("layers", []))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_layer(tmp_path, dtype):
    rng, kinds = np.random.default_rng(1), set()
    for layers, image in networks(dtype):
        features = np.prod(image) if image else 6
        first = [nn.Unflatten(1, image)] if image else []
        body = nn.Sequential(*first, *layers).eval()
        outputs = body(Tensor(np.zeros((1, features), dtype))).shape[1]
        model = settled(nn.Sequential(*body.layers, nn.Linear(outputs, 3, rng=2, dtype=dtype)), rng)
        scaling = Scaling(rng.normal(size=features), rng.uniform(0.5, 2, features), kind="asinh")
        classifier = made(model, features, scaling=scaling, image=image)
        x = rng.normal(0, 2, (50, features)).astype(dtype)
        assert_same(classifier, tmp_path, x.reshape(-1, *image) if image else x)
        kinds |= {*kinds_in(classifier.architecture["layers"])}
    known = {*architecture.LAYERS, *architecture.BLOCKS} - {"Embedding"}  # which takes integers
    if dtype == "float64":
        known -= {"Conv2d", "AvgPool2d"}
    assert kinds == known


def random_network(rng, dtype):
    """Return up to a dozen layers for rows of 6 features."""
    keys, width, layers = {"rng": rng, "dtype": dtype}, 6, []
    activations = [layer for name, layer in nn.ACTIVATIONS.items() if name != "gelu"]
    activations += [nn.Softmax, nn.LogSoftmax, nn.Dropout, lambda: nn.GELU("tanh")]
    for _ in range(rng.integers(4)):
        outputs = int(rng.integers(1, 20))
        layers.append(nn.Linear(width, outputs, bool(rng.random() < 0.8), **keys))
        width = outputs
        if rng.random() < 0.4:
            layers.append(nn.BatchNorm1d(width, affine=bool(rng.random() < 0.7), dtype=dtype))
        if width > 1 and rng.random() < 0.4:
            layers.append(nn.LayerNorm(width, bias=bool(rng.random() < 0.7), dtype=dtype))
        layers.append(activations[rng.integers(len(activations))]())
        if rng.random() < 0.4:
            inner = activations[rng.integers(len(activations))]()
            layers.append(nn.Residual(nn.Linear(width, width, **keys), inner))
    return nn.Sequential(*layers, nn.Linear(width, 3, **keys))


@pytest.mark.parametrize("seed", range(8))
def test_random_networks(tmp_path, seed):
    rng = np.random.default_rng(seed)
    for _ in range(5):
        dtype = str(rng.choice(["float32", "float64"]))
        kind = str(rng.choice(["asinh", "standard"]))
        numbers = rng.normal(size=6), rng.uniform(0.5, 2, 6), rng.normal(size=6)
        offset = float(rng.choice([0, 2.0**30]))
        model = settled(random_network(rng, dtype), rng)
        classifier = made(model, 6, scaling=Scaling(*numbers, kind), offset=offset)
        x = rng.normal(0, 2, (30, 6)) + offset
        x[rng.random(x.shape) < 0.1] = np.nan
        assert_same(classifier, tmp_path, x)


# ---- the file ------------------------------------------------------------------------------------


def test_the_file_says_what_goes_in_and_comes_out(tmp_path):
    bridge.write(texts("mean"), tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, model.producer_name) == (8, "minigrad")
    assert model.producer_version == minigrad.__version__
    assert {(opset.domain, opset.version) for opset in model.opset_import} == {
        ("", 17),
        ("ai.onnx.ml", 3),
    }
    runtime = session(texts("mean"), tmp_path)
    assert [(put.name, put.type, put.shape) for put in runtime.get_inputs()] == [
        ("n", "tensor(double)", ["N", 1]),
        ("text", "tensor(string)", ["N", 1]),
    ]
    assert [(put.name, put.type, put.shape) for put in runtime.get_outputs()] == [
        ("label", "tensor(string)", ["N"]),
        ("probabilities", "tensor(double)", ["N", 2]),
    ]
    assert runtime.get_modelmeta().custom_metadata_map["classes"] == '["x", "y"]'
    weights = {array.name for array in model.graph.initializer}
    assert weights >= {"0.weight", "0.bias", "2.weight", "2.bias"}


def test_images_are_one_array(tmp_path):
    model = nn.cnn((1, 4, 6), [2], [], 3, rng=0)
    runtime = session(made(model, 24, image=(1, 4, 6)), tmp_path)
    assert [(put.name, put.type, put.shape) for put in runtime.get_inputs()] == [
        ("x", "tensor(float)", ["N", 1, 4, 6])
    ]


def test_equal_models_give_equal_bytes(tmp_path):
    for name in "ab":
        bridge.write(texts("error"), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_existing_files_and_links_stay(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_text("mine")
    message = f"{path}: it exists; 4 bytes; choose another name, or pass overwrite=True"
    with pytest.raises(DataError, match=exactly(message)):
        bridge.write(texts("mean"), path)
    (tmp_path / "link").symlink_to(path)
    message = f"{tmp_path / 'link'}: cannot be written; it is a link; choose another name"
    with pytest.raises(DataError, match=exactly(message)):
        bridge.write(texts("mean"), tmp_path / "link", overwrite=True)
    assert path.read_text() == "mine"


def test_a_file_is_refused_before_any_work_and_when_it_comes_meanwhile(tmp_path, monkeypatch):
    path, calls = tmp_path / "m.onnx", []

    def meanwhile(classifier):
        calls.append(path.write_text("mine"))
        return made_model

    made_model = bridge.to_model(texts("mean"))
    monkeypatch.setattr(bridge, "to_model", meanwhile)
    message = f"{path}: it exists; 4 bytes; choose another name, or pass overwrite=True"
    for _ in range(2):
        with pytest.raises(DataError, match=exactly(message)):
            bridge.write(texts("mean"), path)
    assert len(calls) == 1 and path.read_text() == "mine"


def test_a_network_in_training_mode_is_written_in_eval_mode_and_stays_so(tmp_path):
    options = {"batch_norm": True, "dropout": 0.5, "rng": 0}
    classifier = made(nn.mlp(3, [4], 3, **options), 3)
    classifier.model.train()
    x = np.random.default_rng(0).normal(size=(20, 3))
    _, p = run(session(classifier, tmp_path), x)
    assert classifier.model.training and not classifier.model[1].running_mean.any()
    assert np.abs(p - classifier.predict_proba(x)).max() <= TOLERANCE


def test_what_the_checker_refuses_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(bridge, "OPSETS", {"": 17})  # without that of OneHotEncoder
    with pytest.raises(onnx.checker.ValidationError):
        bridge.write(texts("mean"), tmp_path / "m.onnx")
    assert not [*tmp_path.iterdir()]


class Odd(nn.Module):
    """A layer that ONNX does not have."""

    def forward(self, x):
        return x


def small(dtype="float32", layer=None):
    layers = [] if layer is None else [layer]
    model = nn.Sequential(*layers, nn.Linear(2, 2, rng=0, dtype=dtype))
    schema = Schema((Column("c0"), Column("c1")), "kind", tuple("ab"))
    return Classifier(model, schema, Scaling(np.zeros(2), np.ones(2)))


def test_what_cannot_be_exported_is_one_line_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(architecture.LAYERS, "Odd", Odd)
    conv = nn.cnn((1, 4, 6), [2], [], 3, rng=0, dtype="float64")
    pooled = nn.Sequential(nn.Unflatten(1, (1, 1, 2)), nn.AvgPool2d(1), nn.Flatten())
    cases = [
        (
            small("float16"),
            "a network of float16 cannot be exported; onnxruntime would compute it in float32, "
            "with other results; train with dtype='float32'",
        ),
        (
            made(conv, 24, image=(1, 4, 6)),
            "onnxruntime cannot compute layer 1, Conv2d, in float64; the network is float64; "
            "train with dtype='float32'",
        ),
        (
            small("float64", pooled),
            "onnxruntime cannot compute layer 0.1, AvgPool2d, in float64; the network is float64; "
            "train with dtype='float32'",
        ),
        (
            small(layer=Odd()),
            "layer 0, Odd, has no counterpart in ONNX; opset 17; "
            "leave it out, or export to another format",
        ),
    ]
    for classifier, message in cases:
        with pytest.raises(ArgumentError, match=exactly(f"export: {message}")):
            bridge.write(classifier, tmp_path / "m.onnx")
    monkeypatch.setattr(bridge, "MOST_BYTES", 20)
    message = "export: the network is too large for an ONNX file; 24 bytes, and the most is 20; "
    with pytest.raises(ArgumentError, match=exactly(message + "make it smaller")):
        bridge.write(small(), tmp_path / "m.onnx")
    assert not [*tmp_path.iterdir()]


# ---- the command line ----------------------------------------------------------------------------


@pytest.fixture
def export(tmp_path, capsys):
    """Run `minigrad export` for a small model, in this process."""
    small().save(tmp_path / "m.npz")

    def run_it(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["export", str(tmp_path / "m.npz"), "--to", "onnx", *arguments])
        return (ended.value.code or 0, *capsys.readouterr())

    return run_it


def test_the_command_line(export, tmp_path):
    path = str(tmp_path / "m.onnx")
    assert export(path) == (0, f"wrote {path}\n", "")
    bridge.write(small(), tmp_path / "other.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == (tmp_path / "other.onnx").read_bytes()
    error = f"Error: {path}: it exists; {(tmp_path / 'm.onnx').stat().st_size} bytes; "
    assert export(path) == (3, "", error + "choose another name, or pass --overwrite\n")
    assert export(path, "--overwrite")[0] == 0


def test_without_the_package_a_line_says_what_to_install(export, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "minigrad.bridges.onnx")
    code, out, error = export(str(tmp_path / "m.onnx"))
    assert (code, out) == (2, "") and error.endswith("; pip install 'minigrad[onnx]'\n")
    assert error.startswith("Error: --to onnx: it needs onnx; ") and error.count("\n") == 1
    assert not (tmp_path / "m.onnx").exists()
