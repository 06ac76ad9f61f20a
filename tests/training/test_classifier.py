"""Classifier: prediction from raw rows, the same to the bit in any company, and the file."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from minigrad import Tensor, data, nn, optim, training
from minigrad.errors import ArgumentError, DataError, ShapeError
from minigrad.training import Classifier, archive, load


def classifier(sizes=(4, 8, 3), *, missing="error", dtype=np.float32, **options):
    """Return an untrained classifier of given sizes: features, hidden widths, classes."""
    rng = np.random.default_rng(0)
    inputs, *hidden, outputs = sizes
    model = nn.mlp(inputs, hidden, outputs, rng=rng, dtype=dtype, **options)
    columns = tuple(data.Column(f"c{i}") for i in range(inputs))
    schema = data.Schema(columns, "kind", tuple("abcdefghij"[:outputs]), missing=missing)
    scaling = data.Scaling.fit(5 + 3 * rng.normal(size=(50, inputs)))
    return Classifier(model, schema, scaling, {"seed": 0})


def rows(model, count=300, dtype=np.float32):
    features = len(model.schema.feature_names)
    return (5 + 3 * np.random.default_rng(1).normal(size=(count, features))).astype(dtype)


@pytest.fixture(scope="module")
def iris():
    """A classifier of iris that has learned something, and its test rows, unscaled."""
    train, _, test = data.split(data.load("iris"), val=0, rng=0)
    scaling = data.Scaling.fit(train.x)
    model = nn.mlp(4, [8], 3, rng=0)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    options = {"loss": nn.CrossEntropy(), "optimizer": optimizer, "epochs": 5, "batch_size": 16}
    training.fit(model, scaling.apply(train), **options, rng=0)
    return Classifier(model, train.schema, scaling), test


# ---- prediction


def test_names_and_probabilities_are_those_of_the_model(iris):
    model, test = iris
    z = model.model(Tensor(model.scaling.apply(test.x))).data
    p = model.predict_proba(test)
    assert p.shape == (len(test), 3) and p.dtype == np.float64
    np.testing.assert_allclose(p, np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_array_equal(np.exp(model.predict_log_proba(test)), p)
    names = model.predict(test)
    assert names.tolist() == [test.class_names[i] for i in z.argmax(axis=1)]
    assert np.mean(names == np.array(test.class_names)[test.y]) > 0.8


def test_rows_come_as_a_set_an_array_a_list_or_one_alone(iris):
    model, test = iris
    p = model.predict_proba(test)
    np.testing.assert_array_equal(model.predict_proba(test.x), p)
    np.testing.assert_array_equal(model.predict_proba(test.x.tolist()), p)
    np.testing.assert_array_equal(model.predict_proba(test.x[3]), p[3:4])
    assert model.predict(test.x[3]).tolist() == [model.predict(test)[3]]
    assert model.predict(test.x[:0]).shape == (0,) and model.predict_proba(test.x[:0]).shape == (
        0,
        3,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "sizes",
    [(1, 2), (2, 1, 2), (3, 5, 3), (4, 17, 6, 5), (13, 64, 33, 3), (64, 128, 10), (784, 100, 10)],
    ids=str,
)
def test_a_row_alone_is_the_row_among_a_thousand_to_the_bit(sizes, dtype):
    model = classifier(sizes, activation="tanh", dtype=dtype)
    x = rows(model, 1300, dtype)
    together = model.predict_log_proba(x)
    assert np.unique(together, axis=0).shape[0] > 1000
    for row in [0, 1, 7, 191, 1023, 1024, *range(300, 320), 1299]:
        assert model.predict_log_proba(x[row]).tobytes() == together[row].tobytes(), row
    for start in (1, 6, 500, 1024, 1100):  # every row in another place, and another memory
        assert model.predict_log_proba(x[start:]).tobytes() == together[start:].tobytes()
        copy = np.empty(x.size + start, dtype)[start:].reshape(x.shape)
        copy[:] = x
        assert model.predict_log_proba(copy).tobytes() == together.tobytes()
    assert model.predict_log_proba(np.asfortranarray(x)).tobytes() == together.tobytes()


@pytest.mark.parametrize("activation", nn.ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_alone_whatever_the_activation(activation, dtype):
    model = classifier((5, 11, 7, 3), activation=activation, dropout=0.5, dtype=dtype)
    x = rows(model, 100, dtype)
    together = model.predict_log_proba(x)
    alone = np.concatenate([model.predict_log_proba(row) for row in x])
    assert alone.tobytes() == together.tobytes()


def test_predicting_drops_nothing_and_leaves_the_mode():
    model = classifier(dropout=0.5)
    assert model.model.training
    x = rows(model)
    np.testing.assert_array_equal(model.predict_proba(x), model.predict_proba(x))
    assert model.model.training


@pytest.mark.parametrize("gap", [np.nan, np.inf, -np.inf])
def test_a_gap_is_filled_with_the_mean_where_the_schema_says_so(gap):
    model = classifier(missing="mean")
    x = rows(model)
    holes, filled = x.copy(), x.copy()
    holes[3, 1] = gap
    filled[3, 1] = model.scaling.fill[1]
    np.testing.assert_array_equal(model.predict_proba(holes), model.predict_proba(filled))


@pytest.mark.parametrize("missing", ["error", "drop"])
def test_a_gap_is_refused_elsewhere(missing):
    model = classifier(missing=missing)
    x = rows(model)
    x[3, 1], x[4, 0] = np.nan, np.inf
    with pytest.raises(DataError) as error:
        model.predict(x)
    assert str(error.value) == (
        "Classifier.predict: row 3, column 'c1': nan is a missing value; "
        "2 of 1200 values are missing; leave such rows out, or train with missing='mean'"
    )


def test_errors_name_the_rows_of_the_file(tmp_path):
    """Dropped rows, and blank lines, count in the numbers of those that are kept."""
    columns = data.Column("a"), data.Column("b")
    schema = data.Schema(columns, "", ("p", "q"), missing="drop")
    model = replace(classifier((2, 8, 2)), schema=schema)
    model.model[0].weight.data *= 100
    path = tmp_path / "p.csv"
    path.write_text("a,b\n1,2\nNA,2\n\n4,5\n3e38,3e38\n")
    (block,) = data.read_rows(path, model.schema)
    with pytest.raises(DataError, match="^Classifier.predict: the logits of row 6 are not finite"):
        model.predict_log_proba(block.x, block.numbers)
    with pytest.raises(DataError, match="^Classifier.predict: row 6, column 'b': nan is a missing"):
        model.predict_log_proba([[1, 2], [4, 5], [6, np.nan]], block.numbers)


def test_values_too_large():
    model = classifier()
    x = rows(model)
    x[7, 2] = 3e38
    model.model[0].weight.data *= 100
    with pytest.raises(DataError) as error:
        model.predict(x)
    assert str(error.value) == (
        "Classifier.predict: the logits of row 7 are not finite; "
        "column 'c2' holds 3e+38; give values in the units of the training data"
    )


@pytest.mark.parametrize("shape", [(2, 3), (5,), (2, 4, 1), (0,)], ids=str)
def test_rows_of_another_shape(shape):
    with pytest.raises(ShapeError) as error:
        classifier().predict(np.zeros(shape))
    seen = shape if len(shape) > 1 else (1, *shape)
    assert str(error.value) == (
        "Classifier.predict: the rows do not have the 4 features of the model; "
        f"rows {seen}, features c0, c1, c2, c3; give an array (N, 4)"
    )


def test_a_set_of_other_columns_or_classes(iris):
    model, test = iris
    for change, facts in [
        (
            {"feature_names": test.feature_names[::-1]},
            "'petal_width' where the model has 'sepal_length'",
        ),
        ({"class_names": (*test.class_names, "rose")}, "'rose' where the model has None"),
    ]:
        with pytest.raises(DataError) as error:
            model.predict(data.Dataset(**{**vars(test), **change}))
        assert str(error.value) == (
            f"Classifier.predict: the set has other features or classes than the model; {facts}; "
            "give a set of the same columns and classes, in the same order"
        )


# ---- evaluation


def test_evaluation_is_that_of_the_loop(iris):
    model, test = iris
    scaled = model.scaling.apply(test)
    ours, loops = (
        model.evaluate(test),
        training.evaluate(model.model, scaled, loss=nn.CrossEntropy()),
    )
    assert ours.loss == pytest.approx(loops.loss, rel=1e-5)
    assert ours.accuracy == loops.accuracy
    assert ours.confusion.tolist() == loops.confusion.tolist()


def test_evaluation_in_blocks_is_that_of_the_whole(iris):
    model, test = iris
    whole, parts = (
        model.evaluate(test),
        model.evaluate(test.take(slice(i, i + 7)) for i in range(0, 30, 7)),
    )
    assert parts.loss == pytest.approx(whole.loss, rel=1e-14)
    assert parts.confusion.tolist() == whole.confusion.tolist()


def test_evaluation_of_rows_without_labels(iris):
    model, _ = iris
    with pytest.raises(DataError) as error:
        model.evaluate(data.read_rows("iris", model.schema))
    assert str(error.value) == (
        "Classifier.evaluate: the rows have no labels; x (150, 4), y None; "
        "read them with data.read_rows(…, labels=True)"
    )


def test_the_log_loss_is_that_of_scikit_learn(iris):
    sklearn = pytest.importorskip("sklearn.metrics")
    model, test = iris
    theirs = sklearn.log_loss(test.y, model.predict_proba(test), labels=[0, 1, 2])
    assert model.evaluate(test).loss == pytest.approx(theirs, rel=1e-12)


def test_an_impossible_class_has_a_finite_log_loss():
    model = classifier((1, 2))
    model.model[0].weight.data[:] = [[1e4], [-1e4]]
    x, y = np.full((1, 1), 100.0, np.float32), np.array([1])
    block = data.Dataset(x, y, model.schema.feature_names, model.schema.class_names)
    assert 1e5 < model.evaluate(block).loss < 1e8


def test_evaluation_of_no_rows(iris):
    model, test = iris
    for nothing in ([], test.take(slice(0))):
        with pytest.raises(DataError) as error:
            model.evaluate(nothing)
        assert str(error.value) == (
            "Classifier.evaluate: there are no rows; 0 rows; give at least one"
        )


# ---- what can be a classifier

ARCHITECTURES = [
    {"inputs": 4, "hidden": [], "outputs": 2},
    {"inputs": 4, "hidden": [3], "outputs": 2, "dropout": 0.5},
    {"inputs": 1, "hidden": [3, 1, 2], "outputs": 10, "activation": "gelu", "dtype": "float64"},
    *({"inputs": 2, "hidden": [3], "outputs": 2, "activation": a} for a in nn.ACTIVATIONS),
]


@pytest.mark.parametrize("options", ARCHITECTURES, ids=str)
def test_the_architecture_is_what_the_network_was_made_from(options, tmp_path):
    options = {"activation": "relu", "dropout": 0.0, "dtype": "float32", **options}
    sizes = options["inputs"], *options["hidden"], options["outputs"]
    kinds = {key: options[key] for key in ("activation", "dropout", "dtype")}
    model = classifier(sizes, **kinds)
    if not options["hidden"]:  # then they mean nothing
        options |= {"activation": "relu", "dropout": 0.0}
    assert model.architecture == {"type": "mlp", **options}
    model.save(tmp_path / "a.npz")
    read = load(tmp_path / "a.npz")
    assert read.architecture == model.architecture
    assert repr(read.model) == repr(model.model.eval())


def test_a_network_by_hand_that_is_such_a_one_will_do():
    parts = classifier((2, 3, 2))
    by_hand = nn.Sequential(nn.Linear(2, 3), nn.GELU(), nn.Linear(3, 2))
    assert Classifier(by_hand, parts.schema, parts.scaling).architecture["activation"] == "gelu"


SHARED = nn.Linear(2, 2)


@pytest.mark.parametrize(
    "model",
    [
        nn.Linear(2, 2),
        nn.Sequential(),
        nn.Sequential(nn.ReLU(), nn.Linear(2, 2)),
        nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2)),
        nn.Sequential(nn.Linear(2, 2), nn.Softmax()),
        nn.Sequential(nn.Linear(2, 2, bias=False)),
        nn.Sequential(nn.Linear(2, 3), nn.LeakyReLU(0.2), nn.Linear(3, 2)),
        nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 2)),
        nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Dropout(0.0), nn.Linear(3, 2)),
        nn.Sequential(SHARED, nn.ReLU(), SHARED),
    ],
    ids=lambda model: " ".join(repr(model).split()),
)
def test_a_network_that_no_file_can_hold(model):
    parts = classifier((2, 3, 2))
    with pytest.raises(ArgumentError) as error:
        Classifier(model, parts.schema, parts.scaling)
    layers = len(model) if isinstance(model, nn.Sequential) else 0
    assert str(error.value) == (
        "Classifier: only a network such as nn.mlp makes can be kept in a model file; "
        f"this one is a {type(model).__name__} of {layers} layers; "
        "keep its parameters alone with np.savez(path, **model.state_dict())"
    )


@pytest.mark.parametrize("sizes", [(3, 8, 3), (4, 8, 2)], ids=str)
def test_parts_that_do_not_fit(sizes):
    parts = classifier()
    with pytest.raises(ShapeError) as error:
        Classifier(classifier(sizes).model, parts.schema, parts.scaling)
    assert str(error.value) == (
        "Classifier: the parts do not agree on 4 features and 3 classes; "
        f"model {sizes[0]} -> {sizes[-1]}, scaling (4,); "
        "give the model, the schema and the scaling of one data set"
    )
    with pytest.raises(ShapeError, match=r"model 4 -> 3, scaling \(3,\); "):
        Classifier(parts.model, parts.schema, classifier((3, 2)).scaling)


# ---- the file


@pytest.mark.parametrize("fill", [True, False], ids=["fill", "no fill"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_saved_classifier_predicts_the_same_to_the_bit(tmp_path, dtype, fill):
    model = classifier(dtype=dtype, dropout=0.1, missing="mean")
    if not fill:
        scaling = data.Scaling(model.scaling.shift, model.scaling.scale, kind="none")
        model = Classifier(model.model, model.schema, scaling, model.training)
    model.save(tmp_path / "a.npz")
    read = load(tmp_path / "a.npz")
    x = rows(model)
    assert read.predict_log_proba(x).tobytes() == model.predict_log_proba(x).tobytes()
    assert (read.schema, read.training) == (model.schema, model.training)
    assert read.scaling.kind == model.scaling.kind
    assert not read.model.training
    assert model.scaling.fill is not None or read.scaling.fill is None


def test_the_same_classifier_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        classifier().save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    load(tmp_path / "a").save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_arrays_have_the_names_of_the_state_dict(tmp_path):
    model = classifier()
    model.save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        assert [*file] == [
            "header.json", "0.weight", "0.bias", "2.weight", "2.bias",
            "scaling.shift", "scaling.scale", "scaling.fill",
        ]  # fmt: skip
        assert json.loads(file["header.json"])["content"] == "classifier"


def test_a_file_of_something_else(tmp_path):
    archive.write(tmp_path / "a.npz", {"content": "state"}, {})
    with pytest.raises(DataError) as error:
        load(tmp_path / "a.npz")
    assert str(error.value) == (
        f"{tmp_path}/a.npz: it holds no classifier; content 'state'; "
        "give a model file, such as best.npz"
    )


ABSURD = 10**12
HOSTILE = [
    ("architecture", None),
    ("architecture", {}),
    ("architecture", {"type": "cnn"}),
    *(
        ("architecture", {key: value})
        for key, values in {
            "inputs": [3, ABSURD, "4", None],
            "hidden": [[], [8, 8], [ABSURD], [-8], ["8"], [8.5], 8, None],
            "outputs": [2, ABSURD],
            "activation": ["softmax", None, []],
            "dropout": [0.5, "none", None, []],
            "dtype": ["float64", "object", "U1000000000", None],
        }.items()
        for value in values
    ),
    ("schema", None),
    ("schema", {"columns": []}),
    ("schema", {"class_names": ["a", "b"]}),
    ("schema", {"class_names": "abc"}),
    ("schema", {"missing": "ignore"}),
    ("training", None),
    ("training", []),
]


@pytest.mark.parametrize(("key", "value"), HOSTILE, ids=str)
def test_a_header_that_does_not_fit_the_arrays(tmp_path, key, value):
    classifier().save(tmp_path / "a.npz")
    header, arrays = archive.read(tmp_path / "a.npz")
    if isinstance(value, dict) and value:
        value = {**header[key], **value}
    archive.write(tmp_path / "a.npz", {**header, key: value}, arrays)
    with pytest.raises(DataError) as error:
        load(tmp_path / "a.npz")
    text = str(error.value)
    assert text.startswith(
        f"{tmp_path}/a.npz: its header and its arrays do not make a classifier; "
    )
    assert text.endswith("; use an undamaged copy of it, or train again") and "\n" not in text


CHANGES = list(
    itertools.product(["0.weight", "2.bias", "scaling.shift", "extra"], ["shape", "dtype"])
)


@pytest.mark.parametrize(
    ("name", "change"), [*CHANGES, ("0.weight", "missing"), ("scaling.scale", "missing")]
)
def test_arrays_that_do_not_fit_the_header(tmp_path, name, change):
    classifier().save(tmp_path / "a.npz")
    header, arrays = archive.read(tmp_path / "a.npz")
    if change == "missing":
        del arrays[name]
    elif change == "shape":
        arrays[name] = np.append(arrays.get(name, []), 1.0)
    else:
        arrays[name] = arrays.get(name, np.zeros(3)).astype(np.float16)
    archive.write(tmp_path / "a.npz", header, arrays)
    with pytest.raises(DataError, match=f"ValueError: {name} is "):
        load(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([["a", "b", "c", "d"]], "could not convert string to float: 'a'"),
        ({"x": 1}, "float() argument must be a string or a real number, not 'dict'"),
    ],
)
def test_rows_that_are_no_numbers(rows, why):
    with pytest.raises(DataError) as error:
        classifier().predict(rows)
    assert str(error.value) == (
        f"Classifier.predict: the rows are no numbers; {why}; "
        "give an array (N, 4); data.read_rows reads files by model.schema"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"scaling": "x"},
        {"schema": {"class_names": ["a", "a", "b"]}},
        {"schema": {"delimiter": "xx"}},
    ],
    ids=str,
)
def test_a_whole_file_with_a_header_that_makes_no_sense(tmp_path, change):
    classifier().save(tmp_path / "m.npz")
    header, arrays = archive.read(tmp_path / "m.npz")
    for name, value in change.items():
        header[name] = {**header[name], **value} if isinstance(value, dict) else value
    archive.write(tmp_path / "m.npz", header, arrays)
    with pytest.raises(DataError, match="its header and its arrays do not make a classifier"):
        load(tmp_path / "m.npz")


def test_a_scale_of_zero(tmp_path):
    classifier().save(tmp_path / "m.npz")
    header, arrays = archive.read(tmp_path / "m.npz")
    archive.write(tmp_path / "m.npz", header, {**arrays, "scaling.scale": np.zeros(4)})
    with pytest.raises(DataError, match="do not make a classifier; ValueError: scaling 'standard'"):
        load(tmp_path / "m.npz")
