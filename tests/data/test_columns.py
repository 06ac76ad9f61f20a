"""Columns by themselves: numbers, one-hot, left out, refused, and what options say instead."""

import pytest

from minigrad import data
from minigrad.errors import ArgumentError, MinigradWarning
from tests.data.files import write


def table(columns, rows, label="xy"):
    """Return CSV text; columns: a function of the row's number for each name."""
    lines = [",".join([*columns, "kind"])]
    for i in range(rows):
        lines.append(",".join([*(str(of(i)) for of in columns.values()), label[i % len(label)]]))
    return "\n".join(lines) + "\n"


def number(i):
    return (i * 37 % 101) / 8


def test_texts_become_one_hot_or_are_left_out(load):
    columns = {
        "id": "p{}".format,
        "size": number,
        "colour": lambda i: ("red", "", "blue", "red", "green")[i % 5],
        "flag": lambda i: ("True", "False")[i % 3 == 0],
        "empty": lambda i: "",
    }
    dataset = load(table(columns, 40))
    assert dataset.feature_names == (
        *("size", "colour=blue", "colour=green", "colour=red", "flag=False", "flag=True"),
    )
    assert dataset.schema.left_out == ("id", "empty")
    assert dataset.x[0].tolist() == [0, 0, 0, 1, 1, 0] and dataset.x[1, 1:4].tolist() == [0, 0, 0]
    assert dataset.notes[1:] == (
        "rows: 40",
        'missing values: 8 ("colour" 8); a text has zeros in its features',
        "one-hot: colour (3 values), flag (2); "
        "left out: id (40 different texts in 40 rows), empty (no values)",
        'label: column "kind", the last one; 2 classes',
    )


@pytest.mark.parametrize(
    ("values", "rows", "becomes"),
    [
        (1, 40, "one-hot"),
        (20, 40, "one-hot"),
        (21, 40, "left out"),
        (250, 500, "one-hot"),
        (250, 499, "left out"),
        (251, 502, "refused"),
        (251, 501, "left out"),
        (1500, 4000, "refused"),
        (2500, 4000, "left out"),
    ],
)
def test_how_many_values_a_text_may_have(load, refused, values, rows, becomes):
    text = table({"a": number, "word": lambda i: f"w{i % values}"}, rows)
    if becomes == "refused":
        assert refused(text) == (
            "1 column holds texts, too many for one-hot and too few to be names; "
            f"\"word\" ({values} values in {rows} rows); pass one_hot=['word'] or drop=['word']"
        )
        return
    left_out = load(text).schema.left_out
    assert left_out == (("word",) if becomes == "left out" else ())


def test_one_hot_none_leaves_no_column_to_decide_by_itself(load, refused):
    columns = {"name": "p{}".format, "a": number, "colour": lambda i: "rgb"[i % 3]}
    text = table(columns, 600)
    assert refused(text, one_hot=["none"]) == (
        "2 columns hold texts, not numbers; "
        '"name" (600 values in 600 rows), "colour" (3 values in 600 rows); '
        "pass one_hot=['colour'], drop=['name']"
    )
    dataset = load(text, one_hot=["none", "colour"], drop=["name"])
    assert dataset.feature_names == ("a", "colour=b", "colour=g", "colour=r")
    text = table({"none": lambda i: i % 3, "a": number}, 60)
    assert load(text, one_hot=["none"]).feature_names == ("none=0", "none=1", "none=2", "a")


def test_options_take_lists_and_an_exact_name_comes_first(load, refused):
    columns = {"a": number, "b": lambda i: i % 3, "c": number}
    text = table(columns, 60)
    assert load(text, one_hot=["b"], drop=["a,2"]).feature_names == ("b=0", "b=1", "b=2")
    assert load(text, drop="a", one_hot=["b,c"]).feature_names[:3] == ("b=0", "b=1", "b=2")
    exact = load(text.replace("a,b,c", 'a,b,"a,b"'), drop=["a,b"])
    assert exact.feature_names == ("a", "b")
    assert refused(text, ArgumentError, drop=["a,d"]).startswith("load: drop 'd' is not a column; ")


def test_nothing_is_left(refused):
    text = table({"name": "p{}".format, "price": "${}.5".format}, 40)
    assert refused(text) == (
        "no column can be a feature; left out: "
        '"name" (40 different texts in 40 rows), "price" (40 different texts in 40 rows); '
        "give a file with columns of numbers or of categories"
    )


def test_of_many_columns_that_are_left_out_the_first_are_named(refused):
    text = table({f"n{i}": "p{}".format for i in range(30)}, 60)
    listing = ", ".join(f'"n{i}" (60 different texts in 60 rows)' for i in range(20))
    assert refused(text, header="yes") == (
        f"no column can be a feature; left out: {listing} and 10 more; give a file with columns of "
        "numbers or of categories"
    )


# ---- what a column is, the whole file says -------------------------------------------------------


def late(first, then, rows=500):
    """Return a table with a column that holds something else from row 150 on."""
    return table({"a": number, "late": lambda i: (first if i < 150 else then)(i)}, rows)


def test_a_column_whose_first_rows_mislead(load, refused):
    words = load(late(lambda i: i % 3, lambda i: "pqr"[i % 3]))
    assert words.schema.columns[1].values == ("0", "1", "2", "p", "q", "r")
    numbers = late("n{}".format, number)
    assert refused(numbers).startswith('row 2, column "late": "n0" is not a number; 150 such cells')
    assert load(late(lambda i: "", number)).feature_names == ("a", "late")
    assert load(late(lambda i: "", "p{}".format)).schema.left_out == ("late",)
    assert load(late(lambda i: "none", number), missing="mean").feature_names == ("a", "late")


def test_what_can_be_read_only_once_is_refused_if_it_misleads(load, tmp_path, monkeypatch):
    path = write(tmp_path / "my.csv", late(lambda i: i % 3, lambda i: "pqr"[i % 3]))
    with open(path, "rb") as file:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": file}))
        with pytest.raises(data.source.DataError) as error:
            data.load("-")
    assert str(error.value) == (
        'standard input: the first rows of column "late" hold numbers and the others texts, or the '
        "other way round; it can be read only once; "
        "save it to a file, or pass drop=['late']"
    )


def test_a_few_words_among_numbers_are_refused(refused):
    text = table({"a": number, "b": lambda i: "-" if i % 9 == 0 else number(i)}, 60)
    assert refused(text).startswith('row 2, column "b": "-" is not a number; 7 such cells: ')
    text = table({"a": lambda i: i % 7, "b": lambda i: '"17,779"' if i % 2 else '"1,5"'}, 60)
    assert refused(text).endswith("; pass decimal=','")


def test_rows_are_dropped_for_the_columns_that_are_used(load):
    columns = {
        "cabin": lambda i: f"c{i}" if i % 4 == 0 else "",
        "a": lambda i: "" if i == 3 else number(i),
        "colour": lambda i: "" if i == 7 else "rg"[i % 5 > 2],
    }
    dataset = load(table(columns, 40), missing="drop")
    assert dataset.notes[1:3] == (
        "rows: 40, 2 of them left out for a missing value",
        'missing values: 2 ("a" 1, "colour" 1)',
    )
    assert dataset.schema.left_out == ("cabin",) and dataset.y.tolist().count(1) == 18
    assert dataset.x[3:7, 0].tolist() == [number(i) for i in (4, 5, 6, 8)]


# ---- a column that gives the label away ----------------------------------------------------------


@pytest.mark.parametrize("code", [lambda i: "yn"[i % 2], lambda i: i % 2, lambda i: i % 4])
def test_a_column_that_settles_the_class_gets_a_warning(tmp_path, code):
    path = write(tmp_path / "my.csv", table({"a": number, "alive": code}, 60))
    with pytest.warns(MinigradWarning) as warned:
        data.load(path)
    assert [str(warning.message) for warning in warned] == [
        f'{path}: the value of "alive" alone settles the class in every row; '
        "it may be another form of the label, which new rows will not have; "
        "pass drop=['alive'] if so"
    ]


def test_a_column_that_nearly_settles_the_class_gets_none(load):
    load(table({"a": number, "alive": lambda i: (i + (i == 41)) % 2}, 3000))
    load(
        table({"x": lambda i: i * 7 % 60, "few": lambda i: i // 4}, 60)
    )  # values hardly come again


# ---- ids -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", lambda i: i + 1),
        ("stamp", lambda i: 1_700_000_000 + i),
        ("PassengerId", lambda i: i * 7 % 60 + 100),
        ("user_id", lambda i: i * 7 % 60),
        ("ID", lambda i: i**2 * 1000),
    ],
)
def test_a_column_that_numbers_the_rows_gets_a_warning(load, name, value):
    with pytest.warns(MinigradWarning) as found:
        load(table({"a": number, name: value}, 60))
    assert str(found[0].message).endswith(
        f'my.csv: "{name}" has another whole number in every row, as ids and counters do; it is '
        f"used as a feature, and says nothing about new rows; pass drop=['{name}'] if it is one"
    )


def test_a_counter_with_gaps_for_rows_that_are_left_out(load):
    with pytest.warns(MinigradWarning, match="as ids and counters do"):
        load(
            "n,a,kind\n" + "".join(f"{i},{number(i)},{('x', 'y', '')[i % 3]}\n" for i in range(60))
        )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", lambda i: i // 2),  # not all different
        ("id", lambda i: i / 2),  # not whole
        ("grid", lambda i: i * 7 % 60),  # not called id
        ("year", lambda i: 2000 + i * i),  # steps
        ("n", lambda i: i if i % 7 else ""),  # gaps
    ],
)
def test_a_column_that_does_not_number_the_rows_gets_none(load, name, value):
    load(table({"a": number, name: value}, 60))


# ---- the label -----------------------------------------------------------------------------------


def test_a_first_column_with_the_name_of_a_label_is_remarked(load):
    text = table({"Class": lambda i: "pqr"[i % 3], "a": number}, 60)
    assert load(text).notes[-1] == (
        "label: column \"kind\", the last one (pass label='Class' if it is the first one); "
        "2 classes"
    )
    assert load(text, label=-1).notes[-1] == 'label: column "kind"; 2 classes'


@pytest.mark.parametrize(
    ("values", "rows", "quantity"),
    [(20, 40, False), (21, 209, True), (21, 210, False), (50, 500, False), (51, 5000, True)],
)
def test_a_label_of_many_numbers_is_a_quantity(load, refused, values, rows, quantity):
    text = table({"a": number}, rows, [str(i / 2) for i in range(values)])
    if quantity:
        assert f"; {values} different numbers in {rows} rows; " in refused(text)
    dataset = load(text, classes=True)
    assert (
        dataset.class_names[:4] == ("0", "0.5", "1", "1.5") and len(dataset.class_names) == values
    )


def test_labels_that_differ_in_case_or_spaces_get_a_warning(tmp_path):
    labels = ["Yes", "no", "Yes ", " YES", "No", "yes", "New York", "new  york", "maybe"]
    path = write(tmp_path / "my.csv", table({"a": number}, 90, labels))
    with pytest.warns(MinigradWarning) as warned:
        dataset = data.load(path)
    assert len(dataset.class_names) == 8
    assert [str(warning.message) for warning in warned] == [
        f"{path}: 7 classes differ only in upper and lower case or in spaces; "
        '"New York", "new  york", "No", "no", "YES", "Yes", "yes"; '
        "if they mean the same, write them the same"
    ]
