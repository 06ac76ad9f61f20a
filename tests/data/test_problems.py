"""Cells that cannot be used, in text and in arrays: missing values, and the order of errors."""

import numpy as np
import pytest

from minigrad import data
from minigrad.errors import DataError
from tests.data.files import COLOURS, GOOD, refusal, write


def test_numbers_written_elsewhere_are_refused_with_the_option_that_reads_them(refused):
    text = "a;b;kind\n1,5;2;x\n2,5;3;y\n1,5;2;x\n2,5;3;y\n"
    cells = '4 such cells: row 2 "a" "1,5", row 3 "a" "2,5", row 4 "a" "1,5", row 5 "a" "2,5"'
    assert refused(text) == f'row 2, column "a": "1,5" is not a number; {cells}; pass decimal=\',\''
    assert refused(text.replace("1,5", "1").replace("2,5;3;y\n1", "1;3;y\n1")) == (
        'row 5, column "a": "2,5" is not a number; 1 such cell: row 5 "a" "2,5"; pass decimal=\',\''
    )
    ways = {
        "1,5": "decimal=','",
        "8,037": "decimal=',' if it is 8.037 or thousands=',' if it is 8037",
        "1,234,567": "thousands=','",
        "1,234.5": "thousands=','",
        "1.234,5": "decimal=',' and thousands='.'",
        "1.234.567": "decimal=',' and thousands='.'",
        "12 345": "thousands='space'",
        "12 345,25": "decimal=',' and thousands='space'",
        "12'345.5": "thousands='apostrophe'",
    }
    for cell, way in ways.items():
        assert refused(text.replace("1,5", cell).replace("2,5", cell)).endswith(f"; pass {way}")


TOKENS = ["", " ", "NA", "na", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-nan", "null", "NULL"]
TOKENS += ["?", " ? ", "None", "inf", "-inf", "Inf", "+Infinity"]


@pytest.mark.parametrize("token", TOKENS)
def test_each_missing_value(load, refused, token):
    text = GOOD.replace("3", token)
    shown = f'"{token.lstrip()}"'
    assert refused(text, missing="error") == (
        f'row 3, column "a": {shown} is a missing value; 1 such cell: row 3 "a" {shown}; '
        "pass missing='drop' or missing='mean'"
    )
    text += "9,9,y\n"
    dropped = load(text, missing="drop")
    assert dropped.x.tolist() == [[1, 2], [5, 6], [7, 8], [9, 9]]
    assert dropped.y.tolist() == [0, 0, 1, 1] and dropped.schema.missing == "drop"
    assert dropped.notes[1:3] == (
        "rows: 5, 1 of them left out for a missing value",
        'missing values: 1 ("a" 1)',
    )
    kept = load(text, missing="mean")
    assert np.isnan(kept.x).tolist() == [[False] * 2, [True, False]] + [[False] * 2] * 3
    assert kept.y.tolist() == [0, 1, 0, 1, 1] and kept.schema.missing == "mean"
    assert kept.notes[2] == (
        'missing values: 1 ("a" 1); a number becomes the mean of the training rows'
    )
    assert data.Scaling.fit(kept).fill.tolist() == [5.5, 5.8]


def test_the_first_five_missing_values_and_the_total(refused):
    text = "a,b,colour,kind\n" + "1,,red,x\n?,2,,y\n1,2,blue,x\n" * 1000
    assert refused(text, one_hot=["colour"], missing="error") == (
        'row 2, column "b": "" is a missing value; 3000 such cells: row 2 "b" "", row 3 "a" "?", '
        'row 3 "colour" "", row 5 "b" "", row 6 "a" "?" and 2995 more; '
        "pass missing='drop' or missing='mean'"
    )


def test_missing_one_hot_values(load):
    text = COLOURS.replace("blue", "?")
    kept = load(text, one_hot=["colour"], drop=["shape"], missing="mean")
    assert kept.feature_names == ("size", "colour=green", "colour=red")
    np.testing.assert_array_equal(kept.x, [[1, 0, 1], [2, 0, 0], [3, 0, 1], [4, 1, 0]])
    assert kept.notes[2] == 'missing values: 1 ("colour" 1); a text has zeros in its features'
    text += "5,red,flat,y\n"
    dropped = load(text, one_hot=["colour"], drop=["shape"], missing="drop")
    assert dropped.x[:, 0].tolist() == [1, 3, 4, 5] and dropped.y.tolist() == [0, 0, 1, 1]


def test_rows_without_a_label_are_left_out(load, refused):
    text = GOOD + "9,9,?\n1,1,\n"
    assert refused(text, missing="error") == (
        'row 6, column "kind": "?" is a missing label; '
        '2 such cells: row 6 "kind" "?", row 7 "kind" ""; '
        "write the label, or pass missing='mean' to leave the row out"
    )
    for missing in ("mean", "drop"):
        dataset = load(text, missing=missing)
        assert dataset.x.tobytes() == load(GOOD).x.tobytes()
        assert dataset.notes[1] == "rows: 6, 2 of them left out for a missing label"


def test_nothing_is_left(refused):
    assert refused("a,b,kind\n1,,x\n,2,y\n", missing="drop") == (
        'every row has a missing value; 2 rows: row 2 "b" "", row 3 "a" ""; '
        "pass missing='mean', or leave out the columns without values"
    )


def test_no_row_has_a_label(refused):
    assert refused("a,kind\n1,\n2,?\n") == (
        'no row has a label; 2 rows: row 2 "kind" "", row 3 "kind" "?"; '
        "choose another column with label=COL"
    )


# ---- arrays --------------------------------------------------------------------------------------

X = np.arange(12.0).reshape(6, 2)
Y = np.array([0, 1, 0, 1, 0, 1])


@pytest.fixture
def save(tmp_path):
    """Return a function that saves x and y as an NPZ file and returns its path."""

    def save(x=X, y=Y):
        np.savez(tmp_path / "my.npz", x=x, y=y)
        return tmp_path / "my.npz"

    return save


def test_missing_values_in_arrays(save):
    x = X.copy()
    x[1, 0], x[3, 1] = np.nan, -np.inf
    path = save(x=x)
    assert refusal(path, DataError, missing="error") == (
        'row 1, column "x0": "nan" is a missing value; '
        '2 such cells: row 1 "x0" "nan", row 3 "x1" "-inf"; '
        "pass missing='drop' or missing='mean'"
    )
    kept = data.load(path, missing="mean")
    assert np.argwhere(np.isnan(kept.x)).tolist() == [[1, 0], [3, 1]]
    assert np.isfinite(data.Scaling.fit(kept).apply(kept).x).all()
    path = save(x=np.tile(x, (2, 1)), y=np.array([0, 0, 1, 0, 0, 1] * 2))
    dropped = data.load(path, missing="drop")
    np.testing.assert_array_equal(dropped.x, np.tile(X[[0, 2, 4, 5]], (2, 1)))
    assert dropped.y.tolist() == [0, 1, 0, 1] * 2
    assert dropped.notes[0] == "rows: 12, 4 of them left out for a missing value"


def test_missing_labels_in_arrays(save):
    path = save(y=np.array([0, 1, np.nan, 1, 0, np.inf]))
    assert refusal(path, DataError, missing="error") == (
        'row 2, column "y": "nan" is a missing label; '
        '2 such cells: row 2 "y" "nan", row 5 "y" "inf"; '
        "write the label, or pass missing='mean' to leave the row out"
    )
    for missing in ("mean", "drop"):
        dataset = data.load(path, missing=missing)
        np.testing.assert_array_equal(dataset.x, X[[0, 1, 3, 4]])
        assert dataset.y.tolist() == [0, 1, 1, 0]


def test_nothing_is_left_of_arrays(save):
    assert refusal(save(x=X * np.nan), DataError, missing="drop") == (
        'every row has a missing value; 6 rows: row 0 "x0" "nan", row 0 "x1" "nan", '
        'row 1 "x0" "nan", row 1 "x1" "nan", row 2 "x0" "nan" and 7 more; '
        "pass missing='mean', or leave out the columns without values"
    )


def test_a_value_too_large_in_an_array(save):
    path = save(x=X * 1e40)
    assert refusal(path, DataError).startswith('row 0, column "x1": "1e+40" is too large for float')
    assert data.load(path, dtype="float64").x.max() == 1.1e41


# ---- both --------------------------------------------------------------------------------------


def test_the_gravest_problem_is_the_error(refused):
    rows = ["a,b,c,d,e,kind", *["1,1,1,1,1,x", "1,1,1,1,1,y"] * 3]
    problems = [
        ('"one" is not a number', "one,1,1,1,1,x"),
        ('"1e999" is too large for float32', "1,1e999,1,1,1,x"),
        ('"" is a missing value', "1,1,,1,1,x"),
        ('"" is a missing label', "1,1,1,1,1,"),
    ]
    while problems:
        text = "\n".join([*rows, *(row for _, row in problems[::-1])])
        assert f": {problems.pop(0)[0]}; " in refused(text, missing="error")


@pytest.mark.parametrize("missing", ["drop", "mean"])
def test_text_and_arrays_become_the_same(tmp_path, missing):
    x = np.random.default_rng(0).standard_normal((9000, 3))
    x[::7, 0], x[4095:4097, 1], x[-1, 2] = np.nan, np.inf, -np.inf
    y = np.arange(9000.0) % 2
    y[::11] = np.nan
    lines = [",".join(map(repr, row)) for row in np.column_stack([x, y]).tolist()]
    text = write(tmp_path / "a.csv", "\n".join(["x0,x1,x2,kind", *lines]))
    np.savez(tmp_path / "a.npz", x=x, y=y)
    one, other = (data.load(path, missing=missing) for path in (text, tmp_path / "a.npz"))
    np.testing.assert_array_equal(one.x, other.x)
    np.testing.assert_array_equal(one.y, other.y)
    assert one.class_names == other.class_names == ("0", "1")
    assert one.notes[1:-1] == other.notes[:-1]
