"""Schema: feature names, the way through JSON, and what is refused."""

import json

import pytest

from minigrad import data
from minigrad.data import Column, Schema
from minigrad.errors import DataError

SCHEMA = Schema(
    columns=(Column("width"), Column("colour", ("blue", "red")), Column("height")),
    label="kind",
    class_names=("a", "b"),
    missing="mean",
    by_name=False,
    delimiter=";",
)


def test_a_one_hot_column_gives_a_feature_for_each_value():
    assert SCHEMA.feature_names == ("width", "colour=blue", "colour=red", "height")


@pytest.mark.parametrize("schema", [SCHEMA, Schema((), "", ())])
def test_there_and_back_through_json(schema):
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema


FIELDS = SCHEMA.to_dict()
WITHOUT_LABEL = {key: value for key, value in FIELDS.items() if key != "label"}


@pytest.mark.parametrize(
    ("fields", "facts"),
    [
        ({**FIELDS, "missing": "zero"}, "missing 'zero', by_name False"),
        ({**FIELDS, "by_name": 1}, "missing 'mean', by_name 1"),
        ({**FIELDS, "delimiter": 3}, "delimiter 3"),
        ({**FIELDS, "label": None}, "a name is no text"),
        ({**FIELDS, "class_names": None}, "a name is no text"),
        ({**FIELDS, "class_names": "ab"}, "ValueError: 'ab' is no list of texts"),
        ({**FIELDS, "columns": [{"name": 1, "values": None}]}, "a name is no text"),
        (
            {**FIELDS, "columns": [{"name": "a", "values": [1]}]},
            "ValueError: [1] is no list of texts",
        ),
        ({**FIELDS, "columns": [{"name": "a"}]}, "KeyError: 'values'"),
        ({**FIELDS, "label": "width"}, "two columns have one name"),
        ({**FIELDS, "columns": FIELDS["columns"] * 2}, "two columns have one name"),
        ({**FIELDS, "columns": None}, "TypeError: 'NoneType' object is not iterable"),
        ([], "TypeError: list indices must be integers or slices, not str"),
        ({**FIELDS, "more": 1}, "TypeError: Schema.__init__() got an unexpected keyword argument"),
        (WITHOUT_LABEL, "TypeError: Schema.__init__() missing 1 required positional argument"),
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
    assert schema.by_name == (schema.delimiter == ",") == (name[0] in "diw" or "_" in name)
    assert data.load("iris").schema.label == "species"
