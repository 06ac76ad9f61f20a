"""Classifier: prediction from raw rows, alone or among others, and the file."""

import itertools
import json
import re
from concurrent.futures import ThreadPoolExecutor
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
    np.testing.assert_allclose(model.predict_proba(test.x[3]), p[3:4], atol=1e-6)
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
def test_a_row_alone_is_the_row_among_a_thousand(sizes, dtype):
    model = classifier(sizes, activation="tanh", dtype=dtype)
    x = rows(model, 1300, dtype)
    together = model.predict_proba(x)
    assert np.unique(together, axis=0).shape[0] > 1000
    assert model.predict_proba(x).tobytes() == together.tobytes()
    tolerance = 1e-6 if dtype == np.float32 else 1e-14
    alone = np.concatenate([model.predict_proba(row) for row in x])
    np.testing.assert_allclose(alone, together, rtol=0, atol=tolerance)
    for start in (1, 6, 500, 1024, 1100):  # every row in another place
        part = model.predict_proba(x[start:])
        np.testing.assert_allclose(part, together[start:], rtol=0, atol=tolerance)
    turned = model.predict_proba(np.asfortranarray(x))
    np.testing.assert_allclose(turned, together, rtol=0, atol=tolerance)


@pytest.mark.parametrize("activation", nn.ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_alone_whatever_the_activation(activation, dtype):
    model = classifier((5, 11, 7, 3), activation=activation, dropout=0.5, dtype=dtype)
    x = rows(model, 100, dtype)
    together = model.predict_proba(x)
    alone = np.concatenate([model.predict_proba(row) for row in x])
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-6)


def test_predicting_drops_nothing_and_leaves_the_mode():
    model = classifier(dropout=0.5)
    assert model.model.training
    x = rows(model)
    np.testing.assert_array_equal(model.predict_proba(x), model.predict_proba(x))
    assert model.model.training


@pytest.mark.parametrize("gap", [np.nan, np.inf, -np.inf])
def test_a_gap_is_filled_with_the_mean_if_the_schema_says_so(gap):
    model = classifier(missing="mean")
    x = rows(model)
    holes, filled = x.copy(), x.copy()
    holes[3, 1] = gap
    filled[3, 1] = model.scaling.fill[1]
    np.testing.assert_array_equal(model.predict_proba(holes), model.predict_proba(filled))


@pytest.mark.parametrize("missing", ["error", "drop"])
def test_a_gap_is_refused_otherwise(missing):
    model = classifier(missing=missing)
    x = rows(model)
    x[3, 1], x[4, 0] = np.nan, np.inf
    with pytest.raises(DataError) as error:
        model.predict(x)
    assert str(error.value) == (
        'Classifier.predict: row 3, column "c1": nan is a missing value; '
        "values missing: 2 of 1200; leave such rows out, or train with missing='mean'"
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
    with pytest.raises(DataError, match='^Classifier.predict: row 6, column "b": nan is a missing'):
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
        'column "c2" holds 3e+38; give values in the units of the training data'
    )


@pytest.mark.parametrize("missing", ["error", "mean"])
@pytest.mark.parametrize("value", [1e300, -(10**50)])
def test_values_too_large_for_the_dtype(missing, value):
    """An infinity that the conversion made is not a missing value."""
    with pytest.raises(DataError) as error:
        classifier(missing=missing).predict([[1, 2, 3, 4], [1, np.nan, value, value]])
    assert str(error.value) == (
        f'Classifier.predict: row 1, column "c2": {value:g} is too large for float32; '
        "values too large: 2 of 8; give values in the units of the training data"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_parameters_that_are_not_finite(tmp_path, value):
    model = classifier()
    model.model[2].weight.data[1, 3] = value
    model.save(tmp_path / "a.npz")
    with pytest.raises(DataError) as error:
        load(tmp_path / "a.npz").predict([1, 2, 3.5, 4])
    assert str(error.value) == (
        "Classifier.predict: the parameters of the model are not finite; "
        f"'2.weight' holds {value}; train it again, with a smaller learning rate"
    )


@pytest.mark.parametrize("shape", [(2, 3), (5,), (2, 4, 1), (0,)], ids=str)
def test_rows_of_another_shape(shape):
    with pytest.raises(ShapeError) as error:
        classifier().predict(np.zeros(shape))
    seen = shape if len(shape) > 1 else (1, *shape)
    assert str(error.value) == (
        "Classifier.predict: the rows do not fit a model of 4 features; "
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
    with pytest.raises(DataError) as error:
        model.evaluate("iris")
    assert str(error.value) == (
        "Classifier.evaluate: the rows have no labels; it is a str; "
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


class Scale(nn.Module):
    """A user's own layer."""

    def forward(self, x):
        return 2 * x


def exchanged(name, parameter):
    model = nn.mlp(2, (), 2)
    setattr(model[0], name, parameter)
    return model


SHARED = nn.Linear(2, 2)
LAYERS = (
    "use the layers of minigrad.nn in an nn.Sequential, or keep the parameters alone with "
    "np.savez(path, **model.state_dict())"
)
UNKNOWN = "is not one that a model file can hold; it is a Scale"
EXCHANGED = "the parameters are not those that the layers were made with"


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (nn.Linear(2, 2), "the network is not an nn.Sequential; it is a Linear"),
        (Scale(), "the network is not an nn.Sequential; it is a Scale"),
        (nn.Sequential(nn.Linear(2, 2), Scale()), f"layer 1 {UNKNOWN}"),
        (nn.Sequential(nn.Linear(2, 2), nn.Sequential(Scale())), f"layer 1.0 {UNKNOWN}"),
        (
            nn.Sequential(type("Linear", (nn.Linear,), {})(2, 2)),
            "layer 0 is not one that a model file can hold; it is a Linear",
        ),
        (
            nn.Sequential(type("Net", (nn.Sequential,), {})(nn.Linear(2, 2))),
            "layer 0 is not one that a model file can hold; it is a Net",
        ),
        (
            nn.Sequential(SHARED, nn.ReLU(), SHARED),
            "two layers share a parameter; '2.weight' is the same as '0.weight'",
        ),
        (
            exchanged("weight", nn.Parameter([[1.0, 2.0]])),
            f"{EXCHANGED}; array '0.weight' is (1, 2) float32, not (2, 2) float32",
        ),
        (
            exchanged("bias", nn.Parameter([1.0, 2.0], dtype=np.float64)),
            f"{EXCHANGED}; array '0.bias' is (2,) float64, not (2,) float32",
        ),
        (exchanged("more", nn.Parameter(1.0)), f"{EXCHANGED}; array '0.more' belongs to no layer"),
    ],
    ids=lambda value: "" if isinstance(value, nn.Module) else value,
)
def test_a_network_that_no_file_can_hold(model, why):
    parts = classifier((2, 3, 2))
    with pytest.raises(ArgumentError) as error:
        Classifier(model, parts.schema, parts.scaling)
    assert str(error.value) == f"Classifier: {why}; {LAYERS}"


@pytest.mark.parametrize(("dtype", "name"), [(">f4", ">f4"), (np.longdouble, "float128")])
def test_a_dtype_that_no_file_can_hold(dtype, name):
    if name == "float128" and np.dtype(dtype).name != name:
        pytest.skip("another long double")
    with pytest.raises(ArgumentError) as error:
        classifier(dtype=dtype)
    assert str(error.value) == (
        f"Classifier: a file cannot hold parameters of this dtype; dtype {name}, not one of "
        "float16, float32, float64; make the layers with dtype=np.float32"
    )


def test_training_that_is_not_a_dict():
    for value, kind in ([1], "a list"), ("hello", "a str"), (None, "None"):
        with pytest.raises(ArgumentError) as error:
            replace(classifier(), training=value)
        assert str(error.value) == (
            f"Classifier: training is not a dict; it is {kind}; give a dict, such as {{'lr': 0.1}}"
        )


def test_a_schema_that_no_file_can_hold():
    model = classifier()
    with pytest.raises(ArgumentError) as error:
        replace(model, schema=replace(model.schema, class_names=("a", "b", "a")))
    assert str(error.value) == (
        "Classifier: these are not the fields of a schema; two classes have the same name; "
        "use the schema of a data set"
    )


def test_layers_that_do_not_fit_each_other():
    parts = classifier()
    inner = nn.Sequential(nn.ReLU(), nn.Linear(8, 8))
    model = nn.Sequential(nn.Linear(4, 8), inner, nn.ReLU(), nn.Linear(5, 3))
    with pytest.raises(ShapeError) as error:
        Classifier(model, parts.schema, parts.scaling)
    assert str(error.value) == (
        "Classifier: the layers of the network do not fit each other; layer 1.1 gives 8 features, "
        "layer 3 takes 5; give layer 3 in_features=8"
    )


def test_a_network_that_has_changed_since_is_not_saved(tmp_path):
    model = classifier()
    model.model.layers = (*model.model.layers, Scale())
    with pytest.raises(ArgumentError) as error:
        model.save(tmp_path / "a.npz")
    assert str(error.value) == f"Classifier: layer 3 {UNKNOWN}; {LAYERS}"
    model.model.layers = (*model.model.layers[:-1], nn.Softmax())
    with pytest.raises(ArgumentError, match="^Classifier: the network ends in Softmax"):
        model.save(tmp_path / "a.npz")
    assert not any(tmp_path.iterdir())


def test_making_a_classifier_leaves_the_network_as_it_is():
    rng = np.random.default_rng(0)
    parts = classifier((2, 2))
    model = nn.Sequential(nn.Dropout(0.5, rng=rng), *parts.model.layers)
    before = rng.bit_generator.state
    Classifier(model, parts.schema, parts.scaling)
    assert rng.bit_generator.state == before
    assert model.training and model[0].training


LOGITS = "leave it out: predict_proba applies it"
MIXED = "makes a row's result depend on the other rows"


@pytest.mark.parametrize(
    ("last", "why"),
    [
        (
            [nn.Softmax()],
            f"the network ends in Softmax, and a classifier takes logits; layer 1; {LOGITS}",
        ),
        (
            [nn.Sequential(nn.Tanh(), nn.Softmax(1))],
            f"the network ends in Softmax, and a classifier takes logits; layer 1.1; {LOGITS}",
        ),
        *(
            (
                [nn.Softmax(), layer, nn.Flatten()],
                f"the network ends in Softmax, and a classifier takes logits; layer 1; {LOGITS}",
            )
            for layer in (nn.Flatten(), nn.Dropout(), nn.ReLU(), nn.LeakyReLU(), nn.ELU())
        ),
        ([nn.Softmax(0), nn.Tanh()], f"layer 1, Softmax, {MIXED}; axis 0 of (N, F); give axis=-1"),
        ([nn.LogSoftmax(-2)], f"layer 1, LogSoftmax, {MIXED}; axis -2 of (N, F); give axis=-1"),
    ],
    ids=str,
)
def test_a_network_that_does_not_give_the_logits_of_each_row(last, why):
    parts = classifier((2, 3, 2))
    with pytest.raises(ArgumentError) as error:
        Classifier(nn.Sequential(nn.Linear(2, 2), *last), parts.schema, parts.scaling)
    assert str(error.value) == f"Classifier: {why}"


def test_logarithms_of_probabilities_are_logits():
    """Log-softmax leaves them as they are."""
    parts = classifier((2, 2))
    model = nn.Sequential(*parts.model.layers, nn.LogSoftmax())
    twin = Classifier(model, parts.schema, parts.scaling)
    x = rows(parts)
    np.testing.assert_allclose(twin.predict_proba(x), parts.predict_proba(x), rtol=1e-5)


@pytest.mark.parametrize(
    ("sizes", "gives"),
    [((3, 8, 3), "x has 4 features but W takes 3"), ((4, 8, 2), "4 -> 2")],
    ids=str,
)
def test_parts_that_do_not_fit(sizes, gives):
    parts = classifier()
    with pytest.raises(ShapeError) as error:
        Classifier(classifier(sizes).model, parts.schema, parts.scaling)
    assert str(error.value) == (
        "Classifier: the parts do not agree on 4 features and 3 classes; "
        f"model: {gives}, scaling: (4,); "
        "give the model, the schema and the scaling of one data set"
    )
    with pytest.raises(ShapeError, match=r"model: 4 -> 3, scaling: \(3,\); "):
        Classifier(parts.model, parts.schema, classifier((3, 2)).scaling)


def test_a_linear_on_images_before_flatten():
    parts = classifier((4, 3))
    layers = [
        nn.Unflatten(1, (1, 2, 2)),
        nn.Linear(2, 5, rng=0),
        nn.Flatten(),
        nn.Linear(10, 3, rng=0),
    ]
    model = nn.Sequential(*layers)
    assert Classifier(model, parts.schema, parts.scaling).predict_proba(rows(parts)).shape[1] == 3


def test_many_threads_predict_the_same_with_a_model_in_train_mode():
    model = classifier(dropout=0.5)
    model.model.train()
    x = rows(model)
    expected = model.predict_proba(x)

    def predict(_):
        return [model.predict_proba(x).tobytes() for _ in range(20)]

    with ThreadPoolExecutor(4) as pool:
        assert {p for found in pool.map(predict, range(4)) for p in found} == {expected.tobytes()}
    assert model.model.training and all(m.training for _, m in model.model.named_modules())


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
        f"{tmp_path}/a.npz: it does not hold a classifier; content 'state'; "
        "give a model file, such as best.npz"
    )


HOSTILE = [
    ("architecture", None),
    ("architecture", {}),
    ("architecture", {"layers": []}),
    ("architecture", {"dtype": "float64"}),
    ("architecture", {"dtype": "U1000000000"}),
    ("schema", None),
    ("schema", {"columns": []}),
    ("schema", {"class_names": ["a", "b"]}),
    ("schema", {"class_names": ["a", "a", "b"]}),
    ("schema", {"class_names": "abc"}),
    ("schema", {"missing": "ignore"}),
    ("schema", {"form": {"delimiter": "xx"}}),
    ("scaling", "x"),
    ("training", None),
    ("training", []),
]


def refused(path):
    """Return the facts of the line that refuses a file."""
    with pytest.raises(DataError) as error:
        load(path)
    where, wrong, facts, remedy = error.value.args
    assert (where, remedy) == (str(path), "use an undamaged copy of it, or train again")
    assert wrong in ("its header is damaged", "its header and its arrays do not make a classifier")
    assert not re.search("[a-z](Error|Exception)", facts)  # Python's words are not the user's
    assert "\n" not in facts and len(facts) < 400
    return facts


@pytest.mark.parametrize(("key", "value"), HOSTILE, ids=str)
def test_a_header_that_does_not_fit_the_arrays(tmp_path, key, value):
    classifier().save(tmp_path / "a.npz")
    header, arrays = archive.read(tmp_path / "a.npz")
    if isinstance(value, dict) and value:
        value = {**header[key], **value}
    archive.write(tmp_path / "a.npz", {**header, key: value}, arrays)
    assert refused(tmp_path / "a.npz")


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
    wrong = "belongs to no layer" if name == "extra" else "is "
    assert refused(tmp_path / "a.npz").startswith(f"array '{name}' {wrong}")


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([["a", "b", "c", "d"]], "could not convert string to float: 'a'"),
        ({"x": 1}, "float() argument must be a string or a real number, not 'dict'"),
    ],
)
def test_rows_that_are_not_numbers(rows, why):
    with pytest.raises(DataError) as error:
        classifier().predict(rows)
    assert str(error.value) == (
        f"Classifier.predict: the rows are not numbers; {why}; "
        "give an array (N, 4); data.read_rows reads files by model.schema"
    )


def test_a_scale_of_zero(tmp_path):
    classifier().save(tmp_path / "m.npz")
    header, arrays = archive.read(tmp_path / "m.npz")
    archive.write(tmp_path / "m.npz", header, {**arrays, "scaling.scale": np.zeros(4)})
    assert refused(tmp_path / "m.npz") == (
        "scale holds 0 for feature 0, it can be any finite number above 0"
    )


def test_a_scale_that_float32_rounds_to_zero(tmp_path):
    """Without a warning of NumPy's, which is an error here."""
    model = replace(classifier(), scaling=data.Scaling(np.zeros(4), np.full(4, 1e-320)))
    model.save(tmp_path / "m.npz")
    with pytest.raises(DataError, match="^Classifier.predict: the logits of row 0 are not finite"):
        training.load(tmp_path / "m.npz").predict(np.ones((2, 4)))


@pytest.mark.parametrize("name", ["shift", "scale", "fill"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_scaling_that_is_not_finite(tmp_path, name, value):
    classifier().save(tmp_path / "m.npz")
    header, arrays = archive.read(tmp_path / "m.npz")
    arrays[f"scaling.{name}"][2] = value
    archive.write(tmp_path / "m.npz", header, arrays)
    above = " above 0" if name == "scale" else ""
    assert refused(tmp_path / "m.npz") == (
        f"{name} holds {value} for feature 2, it can be any finite number{above}"
    )
