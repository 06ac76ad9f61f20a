"""The folder of `--to torch`, the state dict that comes back, and operations beside their twins."""

import csv
import importlib.util
import itertools
import json
import os
import runpy
import subprocess
import sys

import numpy as np
import pytest

from minigrad import Function, data, nn, optim, training
from minigrad import functions as F
from minigrad.errors import ArgumentError, DataError
from minigrad.training.architecture import BLOCKS, LAYERS, flat
from tests.bridges import networks
from tests.helpers import assert_same_arrays, exactly

torch = pytest.importorskip("torch", reason="PyTorch is not installed: there is no other side")
pytest.importorskip("safetensors", reason="safetensors is not installed")

from minigrad.bridges import torch as bridge  # noqa: E402
from minigrad.bridges.safetensors import load_weights  # noqa: E402

torch.set_num_threads(1)  # the arrays are small
DTYPES = (np.float32, np.float64)
NEAR = {np.float32: 1e-6, np.float64: 1e-12}
FILES = ["model.py", "check.py", "model.safetensors", "preprocessing.json", "check.safetensors"]


def imported(folder):
    """Return model.py of a folder as a module."""
    spec = importlib.util.spec_from_file_location("model", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checked(monkeypatch, capsys):
    """Run check.py of a folder in this process; return its exit code and its lines."""

    def run(folder):
        monkeypatch.delitem(sys.modules, "model", raising=False)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(folder)
            with pytest.raises(SystemExit) as ended:
                runpy.run_path(str(folder / "check.py"))
        sys.modules.pop("model")
        return ended.value.code, capsys.readouterr().out.splitlines()

    return run


# ---- every layer, there and back -----------------------------------------------------------------


def test_every_layer_has_a_network():
    found = {"Embedding"}  # takes integers: no classifier holds one; see below
    for name in networks.NAMES:
        model = networks.network(name)
        found |= {kind for _, kind, _ in flat(networks.classifier(model).architecture["layers"])}
        found |= {type(module).__name__ for _, module in model.named_modules()}
    assert found >= {*LAYERS, *BLOCKS}


@pytest.mark.parametrize("dtype", [*DTYPES, np.float16])
@pytest.mark.parametrize("name", networks.NAMES)
def test_a_layer_there_and_back(tmp_path, checked, name, dtype):
    classifier = networks.classifier(networks.network(name, dtype))
    bridge.write(classifier, tmp_path / "out")
    code, lines = checked(tmp_path / "out")
    names = [name for name, _ in classifier.model.named_parameters()]
    assert [line.split("  ")[-1] for line in lines[:-1]] == [
        "prepared x", "logits", "gradient of x", *[f"gradient of {name}" for name in names],
    ]  # fmt: skip
    assert (code, lines[-1]) == (0, f"{len(names) + 3} of {len(names) + 3} agree with minigrad")
    theirs = imported(tmp_path / "out").network
    assert {str(p.dtype) for p in theirs.parameters()} == {f"torch.{np.dtype(dtype)}"}
    assert not theirs.training
    other = networks.classifier(networks.network(name, dtype, seed=1))
    back = load_weights(tmp_path / "out", other)
    assert_same_arrays(back.model.state_dict(), classifier.model.state_dict())
    assert back.architecture == classifier.architecture and not back.model.training


@pytest.mark.slow
def test_random_networks(tmp_path, checked):
    rng, tried = np.random.default_rng(0), 0
    while tried < 300:
        dtype = DTYPES[tried % 2]
        pool = networks.layers(rng, dtype)
        inner = itertools.chain(*(pool[name] for name in rng.choice(networks.NAMES, 3)))
        try:
            classifier = networks.classifier(networks.closed(inner, rng, dtype))
        except ValueError:  # layers that do not fit each other
            continue
        tried += 1
        bridge.write(classifier, tmp_path / str(tried))
        code, lines = checked(tmp_path / str(tried))
        assert code == 0, f"{classifier.model}\n{lines}"


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_embedding(dtype):
    made = nn.Embedding(5, 3, rng=0, dtype=dtype)
    text = bridge.source([{"layer": "Embedding", **made.arguments()}])
    assert text == "nn.Sequential(\n    nn.Embedding(5, 3),\n)"
    theirs = eval(text, {"nn": torch.nn}).to(getattr(torch, np.dtype(dtype).name))
    model = nn.Sequential(made)
    theirs.load_state_dict({name: torch.tensor(a) for name, a in model.state_dict().items()})
    t = np.array([[4, 0, 4], [1, 2, 3]])
    np.testing.assert_array_equal(theirs(torch.tensor(t)).detach().numpy(), model(t).data)


def test_a_layer_is_written_as_one_would_by_hand():
    model = nn.Sequential(
        nn.Unflatten(1, (4, 6, 6)),
        nn.Conv2d(4, 8, 3, padding=1),
        nn.Conv2d(8, 8, (3, 1), stride=2, groups=4, bias=False),
        nn.BatchNorm2d(8),
        nn.MaxPool2d(2, stride=(1, 2)),
        nn.Residual(nn.ReLU(), nn.Sequential(nn.GELU("tanh"))),
        nn.GlobalAvgPool2d(),
        nn.LayerNorm(8, elementwise_affine=False),
        nn.LogSoftmax(),
    )
    assert bridge.source(training.architecture.describe(model)["layers"]) == (
        """nn.Sequential(
    nn.Unflatten(1, (4, 6, 6)),
    nn.Conv2d(4, 8, 3, padding=1),
    nn.Conv2d(8, 8, (3, 1), stride=2, groups=4, bias=False),
    nn.BatchNorm2d(8),
    nn.MaxPool2d(2, stride=(1, 2)),
    Residual(
        nn.ReLU(),
        nn.Sequential(
            nn.GELU(approximate='tanh'),
        ),
    ),
    nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    nn.LayerNorm(8, elementwise_affine=False),
    nn.LogSoftmax(dim=-1),
)"""
    )


# ---- a trained network ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    """Train a convolutional network with batch norm; return its classifier and the test rows."""
    options = {"arch": "cnn", "batch_norm": True, "dropout": 0.1, "epochs": 2, "no_save": True}
    experiment = training.Experiment("digits", **options)
    classifier = experiment.run().classifier
    test = experiment.test
    return classifier, test


def test_a_trained_cnn_and_back_predict_the_same(tmp_path, digits):
    classifier, test = digits
    bridge.write(classifier, tmp_path / "out")
    model = imported(tmp_path / "out")
    back = load_weights(tmp_path / "out", classifier)
    assert len(test) > 300
    expected, p = classifier.predict(test), classifier.predict_proba(test)
    for rows in (test.x, test.x.reshape(-1, 8, 8), test.x.reshape(-1, 1, 8, 8).tolist()):
        assert model.predict(rows) == expected.tolist()
        np.testing.assert_allclose(model.predict_proba(rows), p, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(back.predict_proba(test), p)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["BatchNorm1d", "BatchNorm2d"])
def test_one_step_of_training_there_is_one_step_here(tmp_path, name, dtype):
    """In training mode: batch norm takes the batch's statistics and moves its own."""
    classifier = networks.classifier(networks.network(name, dtype))
    bridge.write(classifier, tmp_path / "out")
    there = imported(tmp_path / "out")
    rng = np.random.default_rng(3)
    x, t = rng.normal(3, 2, (32, networks.F)), rng.integers(networks.C, size=32)

    from safetensors.torch import save_file  # as the docstring of model.py says

    there.network.train()
    steps = torch.optim.SGD(there.network.parameters(), lr=0.1, momentum=0.9)
    torch.nn.functional.cross_entropy(there.network(there.prepare(x)), torch.tensor(t)).backward()
    steps.step()
    save_file(there.network.state_dict(), tmp_path / "out" / "model.safetensors")
    back = load_weights(tmp_path / "out", classifier)

    model = classifier.model.train()
    steps = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    F.cross_entropy(model(classifier.scaling.apply(x.astype(dtype))), t).backward()
    steps.step()
    for name, ours in model.state_dict().items():
        theirs = back.model.state_dict()[name]
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=NEAR[dtype] * np.abs(ours).max())
    again = imported(tmp_path / "out")  # the folder goes on working
    np.testing.assert_allclose(
        again.predict_proba(x), back.predict_proba(x), rtol=0, atol=NEAR[dtype]
    )


# ---- what comes before the network ---------------------------------------------------------------

HOSTILE = ['"quoted"', "two\nlines", '"""', "}{$F", "\\", "π 🙂", "__import__('os')", "\u202e", ""]


def table(path, names, classes, count=120):
    """Write a table: two texts with gaps, large numbers and small ones; return its path."""
    rng = np.random.default_rng(0)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "class"])
        for i in range(count):
            text, other = rng.choice(["red", "blue", ""]), rng.choice([*classes])
            moment, size = 1.6e9 + 100 * rng.random(), rng.normal(i % len(classes), 0.5)
            size = "" if i % 10 == 3 else f"{size:.4f}"
            writer.writerow([text, other, f"{moment:.3f}", size, classes[i % len(classes)]])
    return path


@pytest.mark.filterwarnings("ignore::minigrad.errors.MinigradWarning")  # unscaled: saturated
@pytest.mark.parametrize("scale", ["asinh", "standard", "minmax", "none"])
def test_rows_by_column(tmp_path, scale):
    path = table(tmp_path / "a.csv", ["colour", "other", "time", "size"], ["x", "y", "z"])
    options = {"scale": scale, "activation": "tanh", "epochs": 3, "no_save": True}
    experiment = training.Experiment(str(path), **options)
    classifier = experiment.run().classifier
    assert classifier.schema.offsets.any() and classifier.schema.missing == "mean"
    bridge.write(classifier, tmp_path / "out")
    model = imported(tmp_path / "out")
    with open(path, newline="", encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    blocks = [*data.read_rows(str(path), classifier.schema)]
    expected = np.concatenate([classifier.predict_proba(block.x) for block in blocks])
    found = model.predict_proba(model.features(rows))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    names = [classifier.schema.class_names[i] for i in expected.argmax(axis=1)]
    assert model.predict(model.features(rows)) == names
    found = model.numbers("colour", "red"), model.numbers("colour", None)
    assert found == ([0.0, 1.0], [0.0, 0.0])
    with pytest.raises(ValueError, match=exactly("colour: 'green' is not one of ['blue', 'red']")):
        model.features([{**rows[0], "colour": "green"}])
    spaced = [{f" {name}": f" {cell} " for name, cell in row.items()} for row in rows]
    np.testing.assert_array_equal(model.features(spaced), model.features(rows))
    gaps = [{**rows[0], "size": text} for text in ("?", "NA", " ", float("nan"))]
    alone = model.features([{**rows[0], "size": None}])
    np.testing.assert_array_equal(model.features(gaps), alone.expand(4, -1))
    with pytest.raises(ValueError, match=exactly("size: '1,5' is not a number")):
        model.features([{**rows[0], "size": "1,5"}])
    with pytest.raises(ValueError, match=r"row 1 has no \['size'\]; it has \['colour', "):
        model.features([rows[0], {n: c for n, c in rows[0].items() if n != "size"}])
    with pytest.raises(ValueError, match=exactly("a value is missing, or too large")):
        model.predict(model.features([{**rows[0], "size": "1e39", "time": "1e39"}]))


def test_a_missing_value_that_training_did_not_have(tmp_path):
    classifier = networks.classifier(networks.network("ReLU"), missing="error")
    bridge.write(classifier, tmp_path / "out")
    model = imported(tmp_path / "out")
    x = np.zeros((2, networks.F))
    assert len(model.predict(x)) == 2
    x[1, 3] = np.nan
    with pytest.raises(ValueError, match=exactly("a value is missing, or too large")):
        model.predict(x)


def test_names_are_data(tmp_path, checked):
    path = table(tmp_path / "a.csv", [f"{name}." for name in HOSTILE[:4]], HOSTILE[4:8])
    classifier = training.Experiment(str(path), epochs=1, no_save=True).run().classifier
    assert {*classifier.schema.class_names} == {*HOSTILE[4:8]}
    bridge.write(classifier, tmp_path / "out")
    text = (tmp_path / "out" / "model.py").read_text("utf-8")
    assert not [name for name in HOSTILE[:8] if len(name) > 3 and name in text]
    assert checked(tmp_path / "out")[0] == 0
    model = imported(tmp_path / "out")
    assert [*classifier.schema.class_names] == model.CLASSES
    assert [*model.COLUMNS] == [column.name for column in classifier.schema.columns]
    with open(path, newline="", encoding="utf-8") as file:
        assert {*model.predict(model.features(csv.DictReader(file)))} <= {*HOSTILE[4:8]}


# ---- the check, as its reader runs it ------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Write a network of iris' size; return its folder."""
    bridge.write(networks.classifier(networks.network("Tanh")), tmp_path / "out")
    return tmp_path / "out"


def test_the_check_needs_nothing_of_ours(folder):
    """It runs from anywhere, with a minigrad that raises when it is imported."""
    (folder.parent / "minigrad.py").write_text("raise ImportError('minigrad was imported')")
    environment = {**os.environ, "PYTHONPATH": str(folder.parent)}
    command = [sys.executable, "-W", "error", folder / "check.py"]
    ended = subprocess.run(
        command, cwd="/", env=environment, capture_output=True, text=True, timeout=120
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1] == "7 of 7 agree with minigrad"


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("nn.Tanh()", "nn.Sigmoid()", 6),
        ("return torch.asinh(x)", "return x", 1),
        ("x.to(DTYPE) - SHIFT.to(DTYPE)", "x.to(DTYPE)", 1),
        ("torch.where(missing, (FILL - SHIFT)", "torch.where(missing, (0 * SHIFT - SHIFT)", 1),
    ],
)
def test_the_check_finds_a_mistake(folder, checked, old, new, wrong):
    text = (folder / "model.py").read_text("utf-8")
    assert text.count(old) == 1
    (folder / "model.py").write_text(text.replace(old, new), "utf-8")
    code, lines = checked(folder)
    assert (code, lines[-1]) == (1, f"{7 - wrong} of 7 agree with minigrad")
    assert sum(line.startswith("FAIL  ") for line in lines) == wrong


def test_the_check_finds_other_weights(folder, checked):
    from safetensors.numpy import load_file, save_file

    state = load_file(folder / "model.safetensors")
    state["0.weight"][3, 2] *= 1 + 1e-6
    save_file(state, folder / "model.safetensors")
    assert checked(folder)[0] == 1


# ---- the folder ----------------------------------------------------------------------------------


def test_equal_models_give_equal_bytes(tmp_path):
    paths = []
    for name in ("one", "other"):
        classifier = networks.classifier(networks.network("Residual"))
        paths.append(bridge.write(classifier, tmp_path / name))
    assert paths[0] == [str(tmp_path / "one" / name) for name in FILES]
    for one, other in zip(*paths, strict=True):
        with open(one, "rb") as a, open(other, "rb") as b:
            assert a.read() == b.read()
    facts = json.loads((tmp_path / "one" / "preprocessing.json").read_text("utf-8"))
    assert [*facts] == ["classes", "columns", "missing", "shift", "scale", "fill"]


def test_the_folder_is_replaced_only_with_overwrite(folder):
    classifier = networks.classifier(networks.network("ReLU"))
    before = (folder / "model.py").read_bytes()
    with pytest.raises(
        DataError,
        match=exactly(
            f'{folder}: it exists; "check.py", "check.safetensors", "model.py" and 2 more; '
            "choose another name, or pass overwrite=True"
        ),
    ):
        bridge.write(classifier, folder)
    assert (folder / "model.py").read_bytes() == before
    (folder / "__pycache__").mkdir()  # which a run of check.py leaves
    bridge.write(classifier, folder, overwrite=True)
    assert b"nn.ReLU()" in (folder / "model.py").read_bytes()
    assert sorted(os.listdir(folder)) == sorted(FILES)
    assert os.listdir(folder.parent) == [folder.name]


def test_other_files_stay(folder):
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(
        DataError,
        match=exactly(f'{folder}: it holds other files; "notes.txt"; choose another name'),
    ):
        bridge.write(networks.classifier(networks.network("ReLU")), folder, overwrite=True)
    assert (folder / "notes.txt").read_text() == "mine"


# ---- one operation -------------------------------------------------------------------------------


class Cube(Function):
    def forward(self, x):
        self.x = x
        return x**3

    def backward(self, gy):
        return gy * 3 * self.x**2


class Wrong(Cube):
    def backward(self, gy):
        return gy * 3 * self.x


def test_an_operation_by_its_name():
    verdict = bridge.check("softmax")
    assert verdict.ok and bool(verdict) and verdict.cases == 18
    assert [*verdict.distances] == ["value", "gradient of input 0"]
    assert str(verdict).startswith(
        "PASS softmax beside PyTorch, 18 cases: |ours − theirs| relative to the largest element\n"
        "value                "
    )
    assert bridge.check("Conv2d").name == "nn.Conv2d"


def test_a_function_finds_its_twin_by_what_it_computes():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 3))

    def softmax(x):
        return F.softmax(x, axis=0)

    assert bridge.check(F.softmax, [x]) and bridge.check(softmax, [x])
    assert bridge.check(F.linear, [x, x[:2], x[0, :2]])
    assert bridge.check(F.embedding, [[[0, 2], [2, 1]], x], lambda t, W: W[t])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_function_of_the_users_own(dtype):
    x = np.array([0.5, 1, 2], dtype)
    assert bridge.check(Cube, [x], lambda x: x**3)
    assert bridge.check(Cube.apply, [x], lambda x: x**3).tolerance == 64 * np.finfo(dtype).eps
    verdict = bridge.check(Wrong, [x], lambda x: x**3)
    assert not verdict and not verdict.ok
    assert str(verdict).splitlines()[0] == (
        "FAIL Wrong beside PyTorch, 1 case: |ours − theirs| relative to the largest element"
    )
    assert str(verdict).splitlines()[2].split() == [
        "gradient", "of", "input", "0", f"{verdict.distances['gradient of input 0']:.1e}", ">",
        f"{verdict.tolerance:.1e}",
    ]  # fmt: skip
    assert not bridge.check(Cube, [x], lambda x: x**2)  # the value alone
    assert not bridge.check(Cube, [x], lambda x: x[:2] ** 3)  # the shape


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ("nn.Linear", [[1.0]]),
            "check: inputs are compared with a function of Tensors; nn.Linear makes a module; "
            "leave the inputs out to compare its cases",
        ),
        (
            (Cube, [[1.0]]),
            "check: no twin of Cube in PyTorch is known; no row of the table of cases computes "
            "the same; give the inputs, and twin=…, a function of torch tensors",
        ),
        (
            (lambda x: 1, [[1.0]], lambda x: x),
            "check: <lambda> does not return a tensor; it returns an int; return one tensor",
        ),
        (
            (Cube, [[1.0]], lambda x: 1),
            "check: its twin does not return a tensor; it returns an int; return one tensor",
        ),
        (
            ("softmx",),
            "gradcheck: no function or module is called 'softmx'; there are 86 in the table of "
            "cases; did you mean 'softmax' or 'log_softmax' or 'nn.Softmax'?",
        ),
    ],
)
def test_what_cannot_be_compared(given, message):
    with pytest.raises(ArgumentError, match=exactly(message)):
        bridge.check(*given)
