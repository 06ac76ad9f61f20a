"""from_frame: a DataFrame is read as the file is that it came from; frames that no file makes."""

import re
import warnings
from dataclasses import replace

import numpy as np
import pytest

from minigrad import data, nn
from minigrad.data.builtin import IN_CLONE
from minigrad.errors import ArgumentError, DataError, DTypeError
from minigrad.training import Classifier
from tests.data.files import write

pd = pytest.importorskip("pandas")


def repeated(head, *rows, times=10):
    """Return a CSV file of these rows, each so often, with {} counting them in all."""
    lines = [row.replace("{}", str(i)) for i, row in enumerate(rows * times)]
    return "\n".join([head, *lines]) + "\n"


# What is read, and the options; pandas changes none of it.
TABLES = {
    "numbers": (repeated("x,y,class", "1.5,-2,a", "3e-2,7,b", ".25,0,a"), {}),
    "texts": (repeated("x,colour,k", "1,red,a", "2,blue,b", "3,dark  red,b", "4,red,a"), {}),
    "names": (repeated("name,x,k", "Mr {},1,a", "Ms {},2,b"), {}),
    "gaps": (repeated("x,colour,k", "1,,a", ",red,b", "NA,blue,a", "4,red,b"), {}),
    "gaps, dropped": (repeated("x,s,k", "1,,a", ",red,b", "2,red,b", "4,b,a"), {"missing": "drop"}),
    "whole numbers with gaps": (repeated("x,n,k", "1,3,a", "2,,b", "5,4,b"), {"one_hot": ["n"]}),
    "no values": (repeated("x,none,k", "1,,a", "2,,b"), {}),
    "truth": (repeated("x,ok,k", "1,True,a", "2,False,b", "3,True,b"), {}),
    "truth with gaps": (repeated("x,ok,k", "1,True,a", "2,,b", "3,False,b"), {}),
    "a true label": (repeated("x,ok", "1,True", "2,False"), {}),
    "other gaps": (repeated("x,n,k", "1,?,a", "2,8,b", "3,9,b"), {}),
    "words that mean gaps": (repeated("x,n,k", "-9,1,a", "2,8,b", "3,9,b"), {"na": ["-9,x"]}),
    "label first": (repeated("class,x", "a,1", "b,2"), {"label": "class"}),
    "numeric label": (repeated("x,k", "1,0", "2,10", "3,2"), {}),
    "label with gaps": (repeated("x,k", "1,0", "2,1", "3,"), {}),
    "spaces": (repeated("x , colour, k", "1, red ,a", "2,blue, b", "3, red,a"), {}),
    "dates": (repeated("x,day,k", "1,2020-01-01,a", "2,2020-02-01,b"), {}),
    "large": (repeated("t,k", "1700000000{},a", "1700000090{},b"), {}),
    "ids": (repeated("id,x,k", "{},1,a", "{},2,b"), {}),
    "settled": (repeated("x,copy,k", "1,u,a", "2,v,b", "2,u,a"), {"drop": [0]}),
    "decimal comma": (
        repeated("x;n;k", "1,5;2;a", "2,25;3;b", "1,5;3;a", "2,25;3;b", "1,5;2;b"),
        {"decimal": ","},
    ),
    "thousands": (repeated("x;n;k", "1,500;2;a", "12,250;3;b"), {"thousands": ","}),
    "quoted": (repeated("x,s,k", '1,"a, b",u', '2,"c\nd",v', '3,"a, b",v'), {}),
    "without a header": (repeated("1,2,a", "2,3,b", "1,4,a"), {}),
}
# The same decision in the same words, but for the number of the row.
REFUSED = {
    "a quantity": (repeated("x,k", "1,{}.5", times=60), {}),
    "one class": (repeated("x,k", "1,a"), {}),
    "many texts": (repeated("s,x,k", *[f"w{i},{i % 7},a" for i in range(300)], times=3), {}),
    "a word among numbers": (repeated("x,k", "1,a", "2,b", "low,b"), {}),
    "numbers of another form": (repeated("x;k", "1,5;a", "2,25;b"), {}),
    "a gap": (repeated("x,k", "1,a", ",b"), {"missing": "error"}),
    "no such column": (repeated("x,k", "1,a"), {"label": "kk"}),
    "two roles": (repeated("x,y,k", "1,2,a"), {"drop": ["k"], "label": "k"}),
    "texts, told not to": (repeated("x,s,k", "1,u,a", "2,v,b"), {"one_hot": ["none"]}),
    "no features": (repeated("s,k", "n{},a", "m{},b"), {}),
}


def heard(call, *args, **options):
    """Return what a call returned, and the warnings it gave, without where."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        result = call(*args, **options)
    return result, [str(warning.message).partition(": ")[2] for warning in found]


def read(path, dataset, **options):
    """Return the DataFrame of a file that `load` has read."""
    if not dataset.schema.by_name:
        options["header"] = None
    return pd.read_csv(path, sep=dataset.schema.form.delimiter, **options)


def assert_same(frame, dataset):
    assert frame.x.dtype == dataset.x.dtype
    np.testing.assert_array_equal(frame.x, dataset.x)
    np.testing.assert_array_equal(frame.y, dataset.y)
    form = replace(dataset.schema.form, delimiter=None)
    assert frame.schema == replace(dataset.schema, form=form)
    assert frame.notes == tuple(note for note in dataset.notes if "delimiter: " not in note)


WAYS = {"read": {}, "as texts": {"dtype": str, "keep_default_na": False}}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", TABLES)
def test_a_frame_is_read_as_its_file(name, way, tmp_path):
    text, options = TABLES[name]
    path = write(tmp_path / "t.csv", text)
    dataset, said = heard(data.load, path, **options)
    found, repeated = heard(data.from_frame, read(path, dataset, **WAYS[way]), **options)
    assert_same(found, dataset)
    assert repeated == said


def test_numbers_that_pandas_has_read_by_a_decimal_comma(tmp_path):
    text, options = TABLES["decimal comma"]
    path = write(tmp_path / "t.csv", text)
    dataset, _ = heard(data.load, path, **options)
    found, _ = heard(data.from_frame, read(path, dataset, decimal=","), **options)
    assert_same(found, dataset)


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer"])
def test_a_built_in_file_is_read_likewise(name):
    path = f"{IN_CLONE}/{name}.csv"
    dataset, said = heard(data.load, path)
    found, repeated = heard(data.from_frame, read(path, dataset), name=name)
    assert_same(found, dataset)
    assert (found.name, repeated) == (name, said)


@pytest.mark.parametrize("name", REFUSED)
def test_a_frame_is_refused_as_its_file(name, tmp_path):
    text, options = REFUSED[name]
    path = write(tmp_path / "t.csv", text)
    messages = []
    frame = pd.read_csv(path, sep=";" if ";" in text else ",")
    for call, source, where in ((data.load, path, path), (data.from_frame, frame, "from_frame")):
        with pytest.raises((DataError, ArgumentError)) as error:
            call(source, **options)
        message = str(error.value).removeprefix(f"{where}: ").removeprefix("load: ")
        first = 2 if call is data.load else 0
        message = re.sub(r"\brow (\d+)", lambda m, f=first: f"row {int(m[1]) - f}", message)
        messages.append((type(error.value), message.replace("give a file", "give a frame")))
    assert messages[0] == messages[1]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", TABLES)
def test_a_model_takes_the_frame_that_it_was_trained_on(name, way, tmp_path):
    text, options = TABLES[name]
    path = write(tmp_path / "t.csv", text)
    dataset, _ = heard(data.load, path, **options)
    frame = read(path, dataset, **WAYS[way])
    found, _ = heard(data.from_frame, frame, **options)
    if len(found) < len(frame):
        frame = frame[frame.notna().all(axis=1) & (frame != "").all(axis=1)]
        frame = frame[~frame.isin(["NA", "?"]).any(axis=1)]
    if not found.schema.by_name:
        frame = frame[[0, 1]].astype(float)
    model = nn.mlp(found.x.shape[1], [8], len(found.class_names), rng=0)
    model = Classifier(model, found.schema, data.Scaling.fit(found))
    np.testing.assert_array_equal(model.predict_proba(frame), model.predict_proba(found))


# ---- what pandas has changed before --------------------------------------------------------------


def both(path, **options):
    dataset = data.load(path, **options)
    return dataset, data.from_frame(read(path, dataset), **options)


def test_what_pandas_has_changed_stays_changed(tmp_path):
    """docs/bridges.md says so."""
    path = tmp_path / "t.csv"
    for words, names in ((("007", "12"), ("7", "12")), (("true", "false"), ("False", "True"))):
        write(path, repeated("x,k", f"1,{words[0]}", f"1,{words[1]}"))
        dataset, found = both(path)
        assert dataset.class_names == tuple(sorted(words)) and found.class_names == names
    write(path, repeated("x,n,k", "1,1.0,a", "1,2.0,b", "1,1.0,b", "1,2.0,a"))
    dataset, found = both(path, one_hot=["n"])
    assert dataset.schema.columns[1].values == ("1.0", "2.0")
    assert found.schema.columns[1].values == ("1", "2")


def test_numbers_have_no_points_that_may_separate_thousands(tmp_path):
    path = write(tmp_path / "t.csv", repeated("x,k", "743,a", "1.118,b", "743,b", "1.118,a"))
    with pytest.raises(DataError, match="may have a decimal point, or one that separates"):
        data.load(path)
    found = data.from_frame(pd.read_csv(path))
    np.testing.assert_array_equal(found.x[:2, 0], np.array([743, 1.118], np.float32))
    with pytest.raises(DataError, match="may have a decimal point, or one that separates"):
        data.from_frame(pd.read_csv(path, dtype=str))


# ---- frames that no file makes -------------------------------------------------------------------

FRAME = pd.DataFrame(
    {
        "x": [1.5, 2.0, 3.25, 4.0] * 5,
        "colour": ["red", "blue", "red", "blue"] * 5,
        "kind": [*"abbab"] * 4,
    }
)
PLAIN = data.from_frame(FRAME)


@pytest.mark.parametrize(
    "index",
    [
        FRAME["kind"],
        range(100, 80, -1),
        pd.date_range("2020", periods=20),
        pd.MultiIndex.from_product([range(4), range(5)]),
    ],
    ids=["repeated", "falling", "dates", "levels"],
)
def test_the_index_says_nothing(index):
    frame = FRAME.set_axis(index)
    assert_same(data.from_frame(frame), PLAIN)
    np.testing.assert_array_equal(frame.index, index)


@pytest.mark.parametrize(
    "types",
    [
        {"x": "float32", "colour": "category", "kind": "category"},
        {"x": "Float64", "colour": "string", "kind": "string"},
        {"x": object, "colour": object, "kind": object},
        {"x": "Sparse[float64]", "colour": "string[python]"},
        {"x": "double[pyarrow]", "colour": "string[pyarrow]", "kind": "string[pyarrow]"},
    ],
    ids=["category", "nullable", "object", "sparse", "pyarrow"],
)
def test_columns_of_other_types(types):
    if "pyarrow" in str(types):
        pytest.importorskip("pyarrow")
    assert_same(data.from_frame(FRAME.astype(types)), PLAIN)


@pytest.mark.parametrize(
    "dtype", ["Int64", "int8", "uint16", "float16", "object", "int64[pyarrow]"]
)
def test_whole_numbers_of_other_types(dtype):
    if "pyarrow" in dtype:
        pytest.importorskip("pyarrow")
    numbers = pd.Series([3, 1, 2, 7] * 5)
    expected = data.from_frame(FRAME.assign(x=numbers))
    assert_same(data.from_frame(FRAME.assign(x=numbers.astype(dtype))), expected)
    assert expected.x[:4, 0].tolist() == [3, 1, 2, 7]


@pytest.mark.parametrize("dtype", ["Int64", "Float32", "boolean", "string", "category", "object"])
def test_missing_values_of_every_type(dtype):
    values = [None, "red", "blue", "red"] if dtype in ("string", "category") else [None, 1, 0, 1]
    frame = FRAME.assign(new=pd.Series(values * 5, dtype=dtype))
    found = data.from_frame(frame, label="kind")
    assert 'missing values: 5 ("new" 5)' in found.notes[1]
    texts = ["" if pd.isna(value) else str(value) for value in frame["new"].tolist()]
    assert_same(found, data.from_frame(frame.assign(new=texts), label="kind"))


def test_a_column_of_categories_is_one_hot_whatever_they_look_like():
    codes = pd.Series([10, 20, 30, 10] * 5)
    assert data.from_frame(FRAME.assign(colour=codes)).feature_names == ("x", "colour")
    for values in (codes, codes.astype(float)):
        found = data.from_frame(FRAME.assign(colour=values.astype("category")))
        assert found.feature_names == ("x", "colour=10", "colour=20", "colour=30")
        assert found.notes[-2] == "one-hot: colour (3 values)"
    ids = pd.Series([f"n{i}" for i in range(20)], dtype="category")  # all different: still wanted
    assert data.from_frame(FRAME.assign(colour=ids)).x.shape == (20, 21)
    unwanted = data.from_frame(FRAME.astype({"colour": "category"}), drop=["colour"])
    assert unwanted.feature_names == ("x",)


def test_dates_are_texts_as_in_a_file():
    frame = FRAME.assign(day=pd.date_range("2020", periods=20))
    found = data.from_frame(frame, label="kind")
    assert found.notes[-2].endswith("left out: day (20 different texts in 20 rows)")
    found = data.from_frame(frame.assign(day=pd.to_datetime("2020-01-02")), label="kind")
    assert "day=2020-01-02 00:00:00" in found.feature_names


def test_columns_without_names():
    found = data.from_frame(FRAME.set_axis(range(3), axis=1))
    assert not found.schema.by_name
    assert found.feature_names == ("column_0", "column_1=blue", "column_1=red")
    np.testing.assert_array_equal(found.x, PLAIN.x)


LARGE = 9_007_199_254_740_993  # between two float64


def test_large_numbers_are_not_rounded_before_they_are_looked_at():
    frame = FRAME.assign(x=[LARGE + i for i in range(20)])
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        data.from_frame(frame)
    assert any("values too close to each other" in str(warning.message) for warning in found)


def test_a_zero_byte_ends_no_cell():
    frame = pd.DataFrame({"x": ["1\x002", "3", "4", "5"] * 5, "y": ["1,5"] * 20, "k": [*"ab"] * 10})
    with pytest.raises(DataError, match='row 0, column "x": "1\ufffd2" is not a number'):
        data.from_frame(frame, decimal=",")


def test_many_rows_and_columns_come_in_order():
    x = np.random.default_rng(0).normal(size=(2500, 30)).round(4)
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(30)]).assign(k=[*"ab"] * 1250)
    found = data.from_frame(frame, dtype="float64")
    np.testing.assert_array_equal(found.x, x)
    assert found.y.tolist() == [0, 1] * 1250


def test_from_frame_leaves_the_frame_as_it_is():
    frame = FRAME.astype({"colour": "category"})
    before = frame.copy()
    data.from_frame(frame)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("frame", "options", "error", "message"),
    [
        (
            [[1, 2]],
            {},
            ArgumentError,
            "frame is not a DataFrame of pandas; it is a list; data.load reads files",
        ),
        (
            FRAME["x"],
            {},
            ArgumentError,
            "frame is not a DataFrame of pandas; it is a Series; data.load reads files",
        ),
        (FRAME[:0], {}, DataError, "the frame is empty; 0 rows, 3 columns; give one with rows"),
        (FRAME[[]], {}, DataError, "the frame is empty; 20 rows, 0 columns; give one with rows"),
        (
            FRAME[["x"]],
            {},
            DataError,
            "has too few columns for a label and a feature; 1, 0 dropped; give a frame with "
            "features and the class",
        ),
        (
            FRAME,
            {"drop": ["x", "colour"]},
            DataError,
            "has too few columns for a label and a feature; 3, 2 dropped; drop fewer",
        ),
        (
            FRAME[["x", "x", "kind"]],
            {},
            DataError,
            '2 columns are called "x"; columns 0, 1, counted from 0; give each its own name, or '
            "pass drop=[1] to leave that one out",
        ),
        (
            FRAME.rename(columns={"x": " "}),
            {},
            DataError,
            'column 0 has no name; columns "", "colour", "kind", counted from 0; name it, or pass '
            "drop=[0] to leave it out",
        ),
        (
            FRAME.rename(columns={"x": "", "colour": " "}),
            {},
            DataError,
            '2 columns have no name; columns "", "", "kind", counted from 0; name them',
        ),
        (
            FRAME.rename(columns={"x": 7}),
            {},
            DataError,
            "the name of a column is not a text; 7; write df.columns = df.columns.map(str)",
        ),
        (
            FRAME.set_axis(pd.MultiIndex.from_tuples([("a", "x"), ("a", "c"), ("b", "k")]), axis=1),
            {},
            DataError,
            "the name of a column is not a text; ('a', 'x'), ('a', 'c'), ('b', 'k'); write "
            "df.columns = df.columns.map(str)",
        ),
        (
            FRAME,
            {"label": "colr"},
            ArgumentError,
            'label \'colr\' is not a column; columns "x", "colour", "kind", or 0 to 2; '
            "did you mean 'colour'?",
        ),
        (
            FRAME,
            {"missing": "median"},
            ArgumentError,
            "missing 'median' is unknown; it can be mean, drop, error; leave it out for 'mean'",
        ),
        (
            FRAME,
            {"decimal": "x"},
            ArgumentError,
            'decimal "x" is unknown; it can be . ,; leave it out for a point',
        ),
        (
            FRAME,
            {"dtype": int},
            DTypeError,
            "features are floating; dtype int64; give dtype=np.float32 or np.float64",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_frames_that_cannot_be_used(frame, options, error, message):
    with pytest.raises(error) as raised:
        data.from_frame(frame, **options)
    assert type(raised.value) is error and str(raised.value) == f"from_frame: {message}"


def test_duplicate_columns_can_be_dropped_by_place():
    assert data.from_frame(FRAME[["x", "x", "kind"]], drop=[1]).feature_names == ("x",)
