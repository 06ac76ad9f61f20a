"""Dataset: what it accepts, what it refuses, and its rows. Schema: names, JSON, what is refused."""

import dataclasses
import json

import numpy as np
import pytest

from minigrad import data
from minigrad.data import Column, Dataset, Format, Schema
from minigrad.errors import DataError, DTypeError

X = np.arange(10, dtype=np.float32).reshape(5, 2)
Y = np.array([0, 1, 2, 1, 0])


def make(x=X, y=Y, features=("width", "height"), classes=("a", "b", "c"), name="toy"):
    return Dataset(x, y, features, classes, name)


def test_fields_length_and_repr():
    dataset = make()
    assert dataset.x is X and dataset.y is Y
    assert (dataset.feature_names, dataset.class_names) == (("width", "height"), ("a", "b", "c"))
    assert len(dataset) == 5
    assert repr(dataset) == "<Dataset toy: 5 rows, 2 features, 3 classes>"
    nameless = Dataset(X, Y, ("width", "height"), ("a", "b", "c"))
    assert repr(nameless) == "<Dataset: 5 rows, 2 features, 3 classes>"


def test_is_frozen_and_compares_by_identity():
    dataset = make()
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.x = X
    assert dataset in {dataset}
    assert dataset != make()


@pytest.mark.parametrize(
    "rows",
    [
        np.array([4, 0, 0]),
        np.array([True, False, True, False, False]),
        slice(1, 3),
        np.array([], int),
    ],
)
def test_take_selects_rows_and_keeps_the_rest(rows):
    taken = make().take(rows)
    np.testing.assert_array_equal(taken.x, X[rows])
    np.testing.assert_array_equal(taken.y, Y[rows])
    assert repr(taken) == f"<Dataset toy: {len(X[rows])} rows, 2 features, 3 classes>"
    assert (taken.feature_names, taken.class_names) == (("width", "height"), ("a", "b", "c"))


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        (
            {"y": Y[:4]},
            DataError,
            "Dataset: x and y do not pair up as (N, F) and (N,); x (5, 2), y (4,); "
            "give one label for each row of x",
        ),
        (
            {"x": X[:, 0]},
            DataError,
            "Dataset: x and y do not pair up as (N, F) and (N,); x (5,), y (5,); "
            "give one label for each row of x",
        ),
        (
            {"y": Y[:, None]},
            DataError,
            "Dataset: x and y do not pair up as (N, F) and (N,); x (5, 2), y (5, 1); "
            "give one label for each row of x",
        ),
        (
            {"x": X.astype(np.int32)},
            DTypeError,
            "Dataset: x must be floating and y int64; x int32, y int64; "
            "convert them with x.astype(np.float32) and y.astype(np.int64)",
        ),
        (
            {"y": Y.astype(np.float32)},
            DTypeError,
            "Dataset: x must be floating and y int64; x float32, y float32; "
            "convert them with x.astype(np.float32) and y.astype(np.int64)",
        ),
        (
            {"features": ("width",)},
            DataError,
            "Dataset: 1 feature name for 2 features; x (5, 2), feature_names ('width',); "
            "give one name for each column of x",
        ),
        (
            {"classes": ("a", "b")},
            DataError,
            "Dataset: label 2 at row 2 has no class name; class_names ('a', 'b'); "
            "count the labels from 0 to 1",
        ),
        (
            {"y": Y - 1},
            DataError,
            "Dataset: label -1 at row 0 has no class name; class_names ('a', 'b', 'c'); "
            "count the labels from 0 to 2",
        ),
    ],
)
def test_refuses_what_does_not_fit(change, kind, text):
    with pytest.raises(kind) as error:
        make(**change)
    assert str(error.value) == text


# ---- Schema --------------------------------------------------------------------------------------


SCHEMA = Schema(
    columns=(Column("width"), Column("colour", ("blue", "red")), Column("height")),
    label="kind",
    class_names=("a", "b"),
    missing="mean",
    by_name=False,
    form=Format(";", decimal=",", na=("-",)),
    left_out=("name",),
)


def test_a_one_hot_column_gives_a_feature_for_each_value():
    assert SCHEMA.feature_names == ("width", "colour=blue", "colour=red", "height")


@pytest.mark.parametrize("schema", [SCHEMA, Schema((), "", ())])
def test_to_dict_and_back_through_json(schema):
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema


FIELDS = SCHEMA.to_dict()
FORM = FIELDS["form"]
WITHOUT_LABEL = {key: value for key, value in FIELDS.items() if key != "label"}


@pytest.mark.parametrize(
    ("fields", "facts"),
    [
        ({**FIELDS, "missing": "zero"}, "missing is 'zero', not one of "),
        ({**FIELDS, "by_name": 1}, "by_name is 1, not true or false"),
        ({**FIELDS, "form": {**FORM, "delimiter": 3}}, "form.delimiter is 3, not one of "),
        ({**FIELDS, "form": {**FORM, "thousands": "-"}}, "form.thousands is '-', not one of "),
        ({**FIELDS, "form": {**FORM, "skip": -1}}, "form.skip is -1, not a whole number from 0"),
        ({**FIELDS, "form": {**FORM, "na": [1]}}, "form.na[0] is 1, not valid Unicode text"),
        ({**FIELDS, "form": {}}, "form.delimiter is missing"),
        ({**FIELDS, "form": None}, "form is None, not a table"),
        ({**FIELDS, "left_out": "a"}, "left_out is 'a', not a list"),
        ({**FIELDS, "dropped": ["a"]}, "dropped[0] is 'a', not a whole number from 0"),
        ({**FIELDS, "label": None}, "label is None, not valid Unicode text"),
        ({**FIELDS, "class_names": None}, "class_names is None, not a list"),
        ({**FIELDS, "class_names": "ab"}, "class_names is 'ab', not a list"),
        ({**FIELDS, "columns": [{"name": 1, "values": None}]}, "columns[0].name is 1, not valid"),
        (
            {**FIELDS, "columns": [{"name": "a", "values": [1]}]},
            "columns[0].values[0] is 1, not valid Unicode text",
        ),
        ({**FIELDS, "columns": [{"name": "a"}]}, "columns[0].values is missing"),
        ({**FIELDS, "label": "width"}, "two columns have the same name"),
        ({**FIELDS, "image": [1, 2]}, "image is a list of 2, not a list of 3"),
        ({**FIELDS, "image": [1, 2, 3]}, "image is [1, 2, 3] for 4 features"),
        ({**FIELDS, "columns": FIELDS["columns"] * 2}, "two columns have the same name"),
        ({**FIELDS, "columns": None}, "columns is None, not a list"),
        ([], "it is a list of 0, not a table"),
        ({**FIELDS, "more": 1}, "'more' is not one of columns, label"),
        (WITHOUT_LABEL, "label is missing"),
    ],
)
def test_from_dict_refuses(fields, facts):
    with pytest.raises(DataError) as error:
        Schema.from_dict(fields)
    text = str(error.value)
    assert text.startswith(
        f"Schema.from_dict: these are not the fields of a schema; {facts}"
    ) and text.endswith("; give what to_dict returned")


@pytest.mark.parametrize("name", data.BUILTIN)
def test_a_built_in_set_has_a_schema(name):
    dataset = data.load(name)
    schema = dataset.schema
    assert schema.feature_names == dataset.feature_names
    assert schema.class_names == dataset.class_names
    assert schema.by_name == (schema.form.delimiter == ",") == (name[0] in "diw" or "_" in name)
    assert data.load("iris").schema.label == "species"


def test_weights_are_kept_with_their_rows():
    dataset = dataclasses.replace(make(), weights=[1, 0, 2, 3, 0.5])
    assert dataset.weights.dtype == X.dtype
    np.testing.assert_array_equal(dataset.take([4, 2]).weights, [0.5, 2])
    assert make().take([4, 2]).weights is None
    train, val, _ = data.split(dataclasses.replace(data.load("iris"), weights=range(150)), val=0.2)
    iris = data.load("iris").x
    for part in (train, val):
        np.testing.assert_array_equal(iris[part.weights.astype(int)], part.x)


@pytest.mark.parametrize(
    ("weights", "facts"),
    [
        ([1, 2, 3], "(3,) from 1 to 3"),
        ([1, 1, 1, 1, -1], "(5,) from -1 to 1"),
        ([1, 1, 1, 1, np.inf], "(5,) from 1 to inf"),
        ([1, 1, 1, 1, np.nan], "(5,) from nan to nan"),
        ([], "(0,)"),
    ],
)
def test_refuses_weights_that_are_none(weights, facts):
    message = (
        "Dataset: weights are not one number of 0 or more a row; "
        f"x (5, 2), weights {facts}; give 5 numbers"
    )
    with pytest.raises(DataError) as error:
        dataclasses.replace(make(), weights=weights)
    assert str(error.value) == message
