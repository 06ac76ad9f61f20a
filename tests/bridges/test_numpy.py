"""The program of `--to numpy`: its predictions are those of the classifier."""

import ast
import csv
import importlib.util
import io
import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from minigrad import data, nn, training
from minigrad.bridges import numpy as bridge
from minigrad.data import Column, Format, Schema
from minigrad.errors import ArgumentError, DataError
from minigrad.training import Classifier
from minigrad.training.architecture import LAYERS
from tests.helpers import exactly

TOLERANCE = {np.float32: 1e-6, np.float64: 1e-12}
dtypes = pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda dtype: dtype.__name__)


def made(classifier, folder, name="program"):
    """Write the program of a classifier, and return it as a module."""
    bridge.write(classifier, folder / f"{name}.py", overwrite=True)
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def classifier_of(model, features, classes, rng, kind="standard", image=None, dtype=np.float32):
    """Return a classifier of random scaling; its columns have no words."""
    columns = tuple(Column(f"x{i}") for i in range(features))
    names = tuple(f"c{i}" for i in range(classes))
    schema = Schema(columns, "y", names, "mean", image=image)
    x = rng.normal(rng.normal(0, 3), 1 + rng.random(), (50, features)).astype(dtype)
    return Classifier(model, schema, data.Scaling.fit(x, kind)), x


def differs(module, classifier, x):
    p = module.predict_proba(x)
    assert p.dtype == np.float64 and p.shape == (len(x), len(classifier.schema.class_names))
    return np.abs(p - classifier.predict_proba(x)).max()


# ---- layers ------------------------------------------------------------------------------------

C = 4  # channels; the images are 6 × 5
IMAGES = [
    nn.Conv2d(C, C, 3, padding=1),
    nn.Conv2d(C, 8, (3, 2), stride=(2, 1), padding=(2, 1), dilation=(2, 1), groups=2, bias=False),
    nn.Conv2d(C, 12, 1, groups=4),
    nn.MaxPool2d(2),
    nn.MaxPool2d((3, 2), stride=(1, 2), padding=(1, 0)),
    nn.AvgPool2d(2),
    nn.AvgPool2d((2, 3), stride=1, padding=(0, 1)),
    nn.BatchNorm2d(C),
    nn.BatchNorm2d(C, eps=0.01, momentum=None, affine=False),
    nn.LayerNorm((6, 5)),
    nn.LayerNorm((C, 6, 5), eps=0.1, bias=False),
    nn.Softmax(axis=-1),
    nn.Residual(nn.Conv2d(C, C, 3, padding=1), nn.ReLU(), nn.Residual(nn.Tanh(), nn.Sigmoid())),
    nn.Sequential(nn.Unflatten(-1, (5, 1)), nn.Flatten(), nn.Unflatten(1, (C, 6, 5))),
]
ROWS = [
    *(nn.ReLU(), nn.LeakyReLU(), nn.LeakyReLU(-0.3), nn.ELU(), nn.ELU(0.2), nn.GELU()),
    *(nn.GELU("tanh"), nn.SiLU(), nn.Softplus(), nn.Sigmoid(), nn.Tanh(), nn.Dropout(0.3)),
    *(nn.Softmax(), nn.Softmax(axis=1), nn.LogSoftmax(), nn.BatchNorm1d(12), nn.LayerNorm(12)),
    *(nn.BatchNorm1d(12, affine=False), nn.LayerNorm(12, elementwise_affine=False)),
    *(nn.Linear(12, 12), nn.Linear(12, 12, bias=False)),
    nn.Residual(nn.Linear(12, 12), nn.Sequential(nn.Sequential(nn.Residual(nn.Tanh())), nn.ReLU())),
    nn.Sequential(nn.Unflatten(1, (3, 4)), nn.BatchNorm1d(3), nn.LayerNorm(4), nn.Flatten()),
    nn.Sequential(nn.Unflatten(1, (12, 1, 1)), nn.Linear(1, 1), nn.GlobalAvgPool2d()),
    nn.Sequential(),
]


def random_state(model, rng):
    """Give the parameters and the running statistics of a network numbers that matter."""
    for name, array in model.named_arrays().items():
        if name.endswith("running_var"):
            array[...] = rng.uniform(0.2, 3, array.shape)
        elif array.ndim:
            array[...] += 0.3 * rng.normal(size=array.shape)


def rebuilt(layer, dtype):
    """Return a new layer of the same arguments in another dtype."""
    entry = training.architecture.describe(nn.Sequential(layer))["layers"]
    return training.architecture._sequential(entry, np.dtype(dtype).name)[0]


def test_the_layers_here_are_all_that_a_classifier_can_have():
    text = " ".join(map(repr, [*IMAGES, *ROWS, nn.GlobalAvgPool2d()]))
    assert {*re.findall(r"\w+(?=\()", text)} >= {*LAYERS} - {"Embedding"}
    with pytest.raises(TypeError, match="embedding: t does not hold integers"):
        layers = nn.Embedding(9, 3, rng=0), nn.Flatten(), nn.Linear(12, 3, rng=0)
        classifier_of(nn.Sequential(*layers), 4, 3, np.random.default_rng(0))


@dtypes
@pytest.mark.parametrize("layer", ROWS, ids=repr)
def test_each_layer_of_rows(tmp_path, layer, dtype):
    rng = np.random.default_rng(1)
    layers = nn.Linear(7, 12, rng=0, dtype=dtype), rebuilt(layer, dtype)
    model = nn.Sequential(*layers, nn.Linear(12, 5, rng=1, dtype=dtype))
    random_state(model, rng)
    classifier, x = classifier_of(model, 7, 5, rng, dtype=dtype)
    assert differs(made(classifier, tmp_path), classifier, x) < TOLERANCE[dtype]


@dtypes
@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("layer", IMAGES, ids=repr)
def test_each_layer_of_images(tmp_path, layer, dtype, pool):
    rng = np.random.default_rng(2)
    front = nn.Sequential(nn.Unflatten(1, (C, 6, 5)), rebuilt(layer, dtype))
    front = nn.Sequential(*front.layers, nn.GlobalAvgPool2d() if pool else nn.Flatten())
    with nn.evaluating(front):
        width = front(np.zeros((1, C * 30), dtype)).shape[1]
    model = nn.Sequential(*front.layers, nn.Linear(width, 5, rng=1, dtype=dtype))
    random_state(model, rng)
    classifier, x = classifier_of(model, C * 30, 5, rng, image=(C, 6, 5), dtype=dtype)
    program = made(classifier, tmp_path)
    assert differs(program, classifier, x) < TOLERANCE[dtype]
    assert program.logits(program.scaled(x)).dtype == dtype
    images = x.reshape(-1, C, 6, 5)
    assert np.array_equal(program.predict_proba(images), program.predict_proba(x))


def random_network(rng, dtype):
    """Return a network of up to eight layers that fit each other, and its number of features."""
    shape = (int(rng.integers(1, 9)),)
    layers, features = [], shape[0]
    if rng.random() < 0.6:
        shape = tuple(int(n) for n in rng.integers((1, 2, 2), (4, 9, 9)))
        features = int(np.prod(shape))
        layers.append(nn.Unflatten(int(rng.choice([1, -1])), shape))
    for _ in range(rng.integers(1, 8)):
        layers.append(random_layer(rng, shape, dtype))
        shape = after(nn.Sequential(*layers), features, dtype)
    if len(shape) > 1:
        layers.append(nn.Flatten())
    width = after(nn.Sequential(*layers), features, dtype)[0]
    return nn.Sequential(*layers, nn.Linear(width, 3, rng=rng, dtype=dtype)), features


def after(model, features, dtype):
    with nn.evaluating(model):
        return model(np.zeros((1, features), dtype)).shape[1:]


def random_layer(rng, shape, dtype, depth=0):
    options = {"rng": rng, "dtype": dtype}
    flag = bool(rng.random() < 0.5)
    anywhere = [
        *(nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SiLU, nn.Softplus, nn.Sigmoid, nn.Tanh, nn.Dropout),
        *(nn.Softmax, nn.LogSoftmax, nn.Flatten, lambda: nn.GELU("tanh" if flag else "none")),
        lambda: nn.LayerNorm(shape[-1:] if flag else shape, bias=flag, dtype=dtype),
    ]
    if depth < 3:
        kept = [nn.Tanh(), nn.Dropout(0.2), nn.LayerNorm(shape[-1], dtype=dtype)]
        anywhere.append(lambda: nn.Residual(*rng.permutation(kept)))
        inner = random_layer(rng, shape, dtype, depth + 1)
        anywhere += [lambda: nn.Sequential(inner), nn.Sequential]
    if len(shape) == 1:
        anywhere.append(lambda: nn.BatchNorm1d(shape[0], affine=flag, dtype=dtype))
        anywhere.append(lambda: nn.Linear(shape[0], int(rng.integers(1, 9)), flag, **options))
    if len(shape) == 3:
        kernel = [int(rng.integers(1, n + 1)) for n in shape[1:]]
        padding = [int(rng.integers(0, k // 2 + 1)) for k in kernel]
        pool = kernel, int(rng.integers(1, 3)) if flag else None, padding
        groups = shape[0] if flag else 1
        convolution = shape[0], 2 * shape[0], kernel, 1 + flag, padding, 1, groups, flag
        pick = [lambda: nn.Conv2d(*convolution, **options), lambda: nn.MaxPool2d(*pool)]
        pick += [lambda: nn.AvgPool2d(*pool), nn.GlobalAvgPool2d]
        pick += [lambda: nn.BatchNorm2d(shape[0], affine=flag, dtype=dtype)]
        anywhere += 3 * pick
    return anywhere[rng.integers(len(anywhere))]()


def in_double_precision(classifier):
    """Return the classifier of the same network, computed in float64."""
    architecture = {**classifier.architecture, "dtype": "float64"}
    state = classifier.model.state_dict()
    state = {name: a.astype(float) if a.dtype.kind == "f" else a for name, a in state.items()}
    model = training.architecture.build(architecture, state)
    return Classifier(model, classifier.schema, classifier.scaling)


@dtypes
@pytest.mark.parametrize("seed", range(60))
def test_random_networks(tmp_path, seed, dtype):
    rng = np.random.default_rng(seed)
    model, features = random_network(rng, dtype)
    random_state(model, rng)
    kind = str(rng.choice(data.prepare.KINDS))
    classifier, x = classifier_of(model, features, 3, rng, kind, dtype=dtype)
    x[rng.random(x.shape) < 0.05] = np.nan
    difference = differs(made(classifier, tmp_path), classifier, x)
    # A normalisation of nearly equal numbers enlarges the roundings, those of both programs.
    exact = in_double_precision(classifier).predict_proba(x)
    rounding = np.abs(classifier.predict_proba(x) - exact).max()
    assert difference < max(TOLERANCE[dtype], 2 * rounding)


# ---- trained models ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The folder of a run that trained a convolutional network on the digits."""
    folder = tmp_path_factory.mktemp("digits") / "run"
    options = {"arch": "cnn", "conv": [8, 16], "batch_norm": True, "dropout": 0.1, "epochs": 4}
    training.Experiment("digits", **options, out=folder).run()
    return folder


def test_the_digits_of_a_trained_network(tmp_path, digits):
    classifier, test = training.load(digits), training.held_out(training.read_run(digits))
    program = made(classifier, tmp_path)
    assert differs(program, classifier, test.x) < 1e-6
    assert program.predict(test.x).tolist() == classifier.predict(test).tolist()
    assert program.predict(test.x.reshape(-1, 8, 8)).tolist() == program.predict(test.x).tolist()
    assert classifier.evaluate(test).accuracy > 0.95 and len(test) == 359


def run(folder, *args):
    """Run the program, from another folder, and return what it prints."""
    command = [sys.executable, "-W", "error", folder / "program.py", *args]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    found = subprocess.run(command, cwd=folder.parent, capture_output=True, env=environment)
    return found.returncode, found.stdout.decode(), found.stderr.decode()


def as_predict_prints(classifier, path):
    """Return what `minigrad predict --unseen zero` prints."""
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\n")
    for block in data.read_rows(path, classifier.schema, unseen="zero"):
        found = iter(classifier.predict(block.x))
        writer.writerows([next(found) if usable else ""] for usable in block.usable)
    return lines.getvalue()


def test_the_rows_of_a_file(tmp_path, digits):
    classifier, x = training.load(digits), data.load("digits").x[:300]
    names = ",".join(classifier.schema.feature_names)
    np.savetxt(tmp_path / "x.csv", x, "%d", ",", header=names, comments="")
    made(classifier, tmp_path)
    expected = "".join(f"{name}\n" for name in classifier.predict(x))
    assert run(tmp_path, tmp_path / "x.csv") == (0, expected, "")


TABLE = """\
island,bill,sex,mass,kind,note
Biscoe,39.1,male,3750,adelie,a
"Dream, east",39.5,,3800,adelie,b
None,?,female,3250,adelie,c
Biscoe,46.1,female,4500,gentoo,d
Biscoe,50,male,5700,gentoo,e
"Dream, east",48.7,NA,n/a,gentoo,f
None,47.6,male,5400,gentoo,g
"Dream, east",37.3,female,3000,adelie,h
"""


def trained_on(folder, text, missing="mean", dtype=np.float32, **options):
    """Return a classifier of a table's columns, and its file."""
    path = folder / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    rows = data.load(path, missing=missing, dtype=dtype, **options)
    network = {"activation": "tanh", "rng": 3, "dtype": dtype}  # which makes an infinity finite
    model = nn.mlp(rows.x.shape[1], [8], len(rows.class_names), **network)
    return Classifier(model, rows.schema, data.Scaling.fit(rows)), path


@dtypes
@pytest.mark.parametrize("missing", ["mean", "drop"])
def test_a_table_of_texts_with_gaps(tmp_path, missing, dtype):
    options = {"label": "kind", "drop": ["note"], "one_hot": ["island", "sex"], "dtype": dtype}
    classifier, path = trained_on(tmp_path, TABLE, missing, **options)
    program = made(classifier, tmp_path)
    assert run(tmp_path, path) == (0, as_predict_prints(classifier, path), "")
    assert run(tmp_path, path)[1].count('""\n') == (0 if missing == "mean" else 3)
    (block,) = data.read_rows(path, classifier.schema, dtype=dtype)
    x = program.read_csv(path)
    assert np.array_equal(x.astype(dtype)[block.usable], block.x, equal_nan=True)
    assert differs(program, classifier, block.x) < TOLERANCE[dtype]
    x = np.where(x == 3750, np.inf, x)
    gaps = np.isnan(program.predict_proba(x)).all(axis=1)
    assert (gaps == (~np.isfinite(x).all(axis=1) & (missing == "drop"))).all()
    path.write_text("mass,sex,note,bill,island\n5000,male,,48,Elsewhere\n4000,?,,40,Biscoe\n\n")
    assert run(tmp_path, path) == (0, as_predict_prints(classifier, path), "")


LATIN = "größe,b,c\n1,2,ä\n2,3,ö\n5,4,ä\n6,5,ö\n".encode("latin-1")
FILES = {
    "commas": (
        "a;b;c\n1,5;2;x\n2,5;;y\n1.000,25;3;x\n-1,25;4;y\n",
        {"decimal": ",", "thousands": "."},
    ),
    "tabs": ("a\tb\tc\n1'000\t2\tx\n2\t3\ty\n5\t5\tx\n", {"thousands": "apostrophe"}),
    "spaces": (" a   b c\n1 2   x \n2  3 y\n 5 7 x\n9\t5 y\n", {}),
    "latin": (LATIN, {"encoding": "latin-1"}),
    "below": ("made by hand\n\na,b,c\n1,2,x\n2,3,y\n4,5,x\n4,4,y\n", {"skip": 2}),
    "marked": ("\ufeffa,b,c\n1,2,x\n2,? ,y\n4,5,x\n4,4,y\n", {}),
    "own gaps": ("a,b,c\n1,2,x\nNo,-9,y\n-9,5,x\n7,,y\n4,5,x\n", {"na": ["-9", "No"]}),
    "words": ("a,b,c\nu,v,x\nw,v,y\nu,x,x\nw,x,y\n", {"one_hot": ["a", "b"], "header": "yes"}),
    "one column": ('a,c\n1,x\n2,y\n,x\n3,"x"\n4,y\n', {}),
    "large": ("a,b,c\n1700000000,2,x\n1700000005,3,y\n1700000010,5,x\n1700000003,,y\n", {}),
    "nameless": ("1,x,2\n2,y,3\n4,x,5\n4,y,\n", {"label": 1, "header": "no"}),
    "dropped": ("1,x,2,u\n2,y,3,\n4,x,5,v\n4,y,6,w\n", {"label": 1, "header": "no", "drop": [3]}),
}


@pytest.mark.parametrize(("text", "options"), FILES.values(), ids=[*FILES])
def test_files_of_other_formats(tmp_path, text, options):
    classifier, path = trained_on(tmp_path, text, **{"label": "c", **options})
    program = made(classifier, tmp_path)
    assert run(tmp_path, path) == (0, as_predict_prints(classifier, path), "")
    x, read = program.read_csv(path), data.read_rows(path, classifier.schema)
    assert np.array_equal(x, np.concatenate([block.x for block in read]), equal_nan=True)
    assert differs(program, classifier, x) < 1e-6


def test_rows_in_another_form(tmp_path):
    iris, path = data.load("iris"), tmp_path / "x.csv"
    scaling = data.Scaling.fit(iris)
    program = made(Classifier(nn.mlp(4, [5], 3, rng=0), iris.schema, scaling), tmp_path)
    path.write_text("5.1,3.5,1.4,0.2\n\n,,,\n  \n5.9,3.0,5.1,?\n")
    expected = [[5.1, 3.5, 1.4, 0.2], [np.nan] * 4, [5.9, 3, 5.1, np.nan]]
    assert np.array_equal(program.read_csv(path), expected, equal_nan=True)
    path.write_text("sepal_length,sepal_width,petal_length\n5.1,3.5,1.4\n")
    with pytest.raises(ValueError, match="'petal_width' is not in list"):
        program.read_csv(path)
    with pytest.raises(ValueError, match="cannot reshape"):
        program.predict_proba(np.ones((10, 3)))
    assert program.predict_proba(np.ones((0, 4))).shape == (0, 3)
    assert program.predict([5.1, 3.5, 1.4, 0.2]).shape == (1,)
    code, out, err = run(tmp_path)
    assert (code, out) == (1, "") and err.startswith("usage: python ")


# ---- what the file is --------------------------------------------------------------------------

NAMES = ['"', "'", '"""', "'''", "a\nb", "\r\n", "\\", "\\N{BULLET}", "{x}", "$name", "%s", "🙂"]
NAMES += ["größer", "\u2028", "\u202e", "#", "#? words", "\n\n\ndef predict(x):\n    boom"]
NAMES += ["__import__('os')", "gelu(math.pi)", "", " ", '"); boom("', "x" * 300]


def test_names_are_never_code(tmp_path):
    """The code is the same as for other names; only two comments differ."""
    texts = []
    for names in (NAMES, [f"n{i}" for i in range(len(NAMES))]):
        columns = (*map(Column, names), Column("word", tuple(names)))
        form = Format(",", na=('"); boom("', *names))
        schema = Schema(columns, "label", tuple(names), "mean", form=form)
        rng = np.random.default_rng(0)
        x = rng.normal(size=(40, 2 * len(names))).astype(np.float32)
        model = nn.mlp(2 * len(names), [9], len(names), rng=0)
        classifier = Classifier(model, schema, data.Scaling.fit(x))
        program = made(classifier, tmp_path)
        assert program.predict(x).tolist() == classifier.predict(x).tolist()
        assert [name for name, _ in program.NAMES["columns"]] == [*names, "word"]
        texts.append((tmp_path / "program.py").read_bytes().decode())
    assert texts[0] != texts[1]
    assert len({ast.dump(ast.parse(text)) for text in texts}) == 1
    assert all(len(line) <= 88 for line in texts[0].splitlines())


def test_an_encoding_is_not_code(tmp_path):
    hostile = '") or boom("'
    iris = data.load("iris")
    schema = replace(iris.schema, form=Format(",", encoding=hostile))
    classifier = Classifier(nn.mlp(4, [], 3, rng=0), schema, data.Scaling.fit(iris))
    with pytest.raises(LookupError, match="unknown encoding"):
        made(classifier, tmp_path).read_csv(tmp_path / "program.py")


@pytest.mark.parametrize("activation", nn.builder.ACTIVATIONS)
def test_the_program_of_an_mlp_is_short_and_holds_nothing_more(tmp_path, activation):
    """Tables of all kinds: texts, gaps, offsets, another format."""
    text = "a;b;c\n1700000000,0;u;x\n1700000005,0;;y\n1700000010,0;v;x\n1700000003,0;u;y\n"
    options = {"decimal": ",", "thousands": ".", "label": "c", "one_hot": ["b"]}
    classifier, path = trained_on(tmp_path, text, **options)
    F = len(classifier.schema.feature_names)
    network = {"batch_norm": True, "dropout": 0.5, "activation": activation}
    model = nn.mlp(F, [8] * 3, 2, **network, rng=0)
    made(Classifier(model, classifier.schema, classifier.scaling), tmp_path)
    text = (tmp_path / "program.py").read_text("utf-8")
    assert text.count("\n") <= 150 and all(len(line) <= 88 for line in text.split("\n"))
    assert "$" not in text and "#?" not in text and "\t" not in text
    tree = ast.parse(text)
    defined = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    imported = [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    for name in {*defined, *imported} - {"numpy"}:
        assert len(re.findall(rf"\b{name}\b", text.split('"""', 2)[2])) > 1, name


def test_it_needs_numpy_only(tmp_path, digits):
    made(training.load(digits), tmp_path)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import program; import numpy as np\n"
    code += "print(program.predict(np.zeros((2, 64))).shape)\n"
    code += "print({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)"
    command = [sys.executable, "-c", code, str(tmp_path)]
    found = subprocess.run(command, cwd=tmp_path.parent, capture_output=True, encoding="utf-8")
    shape, modules = found.stdout.splitlines()
    assert shape == "(2,)" and "numpy" in modules and "minigrad" not in modules


def test_ruff_finds_nothing(tmp_path, digits):
    pytest.importorskip("ruff", reason="needs minigrad[dev]")
    made(training.load(digits), tmp_path)
    for command in (["check", "--select", "E,F,I,UP,B,SIM,D1"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *command, "--isolated", tmp_path / "program.py"]
        found = subprocess.run(command, capture_output=True, encoding="utf-8")
        assert found.returncode == 0, found.stdout


def test_equal_models_give_equal_bytes(tmp_path):
    written = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "program.py"
        found = bridge.write(trained_on(tmp_path, TABLE, label="kind")[0], path)
        assert found == [str(path), str(path.with_suffix(".npz"))]
        written.append([path.read_bytes(), path.with_suffix(".npz").read_bytes()])
    assert written[0] == written[1]


# ---- what cannot be written --------------------------------------------------------------------


@pytest.fixture
def classifier():
    iris = data.load("iris")
    return Classifier(nn.mlp(4, [], 3, rng=0), iris.schema, data.Scaling.fit(iris))


NAMELESS = ["program", "program.txt", ".py", "my-model.py", "1.py", "a.b.py", "class.py"]


@pytest.mark.parametrize("name", [*NAMELESS, "numpy.py", "csv.py", "random.py", "a\nb.py"])
def test_the_name_is_that_of_a_new_module(classifier, tmp_path, name):
    text = "export: the file cannot be imported under its name; PATH {}; end it in .py, and give "
    text += "it a name of letters, digits and _ that is not a module's"
    shown = f"{tmp_path}/{name}".replace("\n", "\\n")
    with pytest.raises(ArgumentError, match=exactly(text.format(shown))):
        bridge.write(classifier, tmp_path / name)
    assert not [*tmp_path.iterdir()]


def test_what_is_no_path(classifier):
    text = "export: the path is not a path; it is an int; give a string or a pathlib.Path"
    with pytest.raises(ArgumentError, match=exactly(text)):
        bridge.write(classifier, 3)


@pytest.mark.parametrize("kind", ["a link", "a folder"])
@pytest.mark.parametrize("name", ["program.py", "program.npz"])
def test_a_link_or_a_folder_is_left_alone(classifier, tmp_path, monkeypatch, name, kind):
    monkeypatch.setattr(bridge, "program", None)  # before any work
    path = tmp_path / name
    path.mkdir() if kind == "a folder" else path.symlink_to(tmp_path / "elsewhere")
    text = f"{path}: cannot be written; it is {kind}; choose another name"
    with pytest.raises(DataError, match=exactly(text)):
        bridge.write(classifier, tmp_path / "program.py", overwrite=True)
    assert [*tmp_path.iterdir()] == [path]


def test_both_files_or_none(classifier, tmp_path, monkeypatch):
    """The program appears while its numbers are being written."""
    write = bridge.atomic_write

    def late(path, content, **options):
        if str(path).endswith(".py"):
            (tmp_path / "program.py").write_text("mine")
        write(path, content, **options)

    monkeypatch.setattr(bridge, "atomic_write", late)
    with pytest.raises(DataError, match="program.py: it exists; 4 bytes"):
        bridge.write(classifier, tmp_path / "program.py")
    assert [path.name for path in tmp_path.iterdir()] == ["program.py"]
    assert (tmp_path / "program.py").read_text() == "mine"
