"""CSV and TSV files: values, labels, columns of words, missing values, and what is refused."""

import gzip

import numpy as np
import pytest

from minigrad import data
from minigrad.errors import ArgumentError
from tests.data.files import COLOURS, GOOD, write

# ---- what is read ------------------------------------------------------------------------------


def test_everything_about_a_plain_file(load):
    dataset = load(GOOD)
    assert dataset.x.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert dataset.y.tolist() == [0, 1, 0, 1]
    assert (dataset.x.dtype, dataset.y.dtype) == (np.float32, np.int64)
    assert dataset.x.flags.c_contiguous and dataset.x.flags.writeable
    assert dataset.name == "my" and dataset.test is None
    assert dataset.feature_names == ("a", "b") and dataset.class_names == ("x", "y")
    columns = (data.Column("a"), data.Column("b"))
    assert dataset.schema == data.Schema(columns, "kind", ("x", "y"), "mean", form=data.Format(","))
    assert dataset.notes == (
        "delimiter: , (found); header: row 1 (found)",
        "rows: 4",
        'label: column "kind", the last one; 2 classes',
    )


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.rstrip("\n"),
        "\ufeff" + GOOD,
        gzip.compress(GOOD.encode()),
        gzip.compress(("\ufeff" + GOOD).encode()),
        "\n\n" + GOOD.replace("3", "\n\n3") + "\n \n",
        '"a", "b","kind"\n' + GOOD.partition("\n")[2],
        GOOD.replace("1", " 1 ").replace("x", " x ").replace("4", '"4"'),
        GOOD.replace("1", "+1.0e0").replace("8", "0.8E1"),
    ],
    ids=["crlf", "cr", "no end", "bom", "gzip", "gzip bom", "blank", "quotes", "spaces", "floats"],
)
def test_other_ways_to_write_the_same(load, content):
    dataset, good = load(content), load(GOOD)
    assert dataset.x.tobytes() == good.x.tobytes() and dataset.y.tobytes() == good.y.tobytes()
    assert dataset.feature_names == good.feature_names
    assert dataset.class_names == good.class_names
    first = "row 3" if isinstance(content, str) and content.startswith("\n") else "row 1"
    assert dataset.notes == tuple(note.replace("row 1", first) for note in good.notes)
    assert dataset.schema == good.schema


def test_quoted_fields_hold_anything(load):
    text = 'a,"b, ""c""\nd",kind\n1,2,"x,\n1"\n3,4,"y ""2"""\n1,2,"x,\n1"\n3,4,"y ""2"""\n'
    dataset = load(text)
    assert dataset.feature_names == ("a", 'b, "c"\nd')
    assert dataset.class_names == ("x,\n1", 'y "2"')


@pytest.mark.parametrize("rows", [1, 700, 5461, 5462, 20000])
def test_any_number_of_rows(load, rows):
    x = np.random.default_rng(0).standard_normal((rows, 2)).astype(np.float32)
    lines = [f"{a!r},{b!r},c{i % 2}" for i, (a, b) in enumerate(x.tolist() * 2)]
    dataset = load("a,b,kind\n" + "\n".join(lines * 2))
    assert dataset.x.tobytes() == np.tile(x, (4, 1)).tobytes()
    np.testing.assert_array_equal(dataset.y, np.arange(4 * rows) % 2 if rows > 1 else [0, 1, 0, 1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_are_read_exactly_and_cast_once(load, dtype):
    texts = ["0.1", "16777217", "1e-45", "-0.0", "3.4028235e38", "5e-324", ".5", "7.", "0.30000001"]
    text = "a,kind\n" + "".join(f"{text},{i % 2}\n" for i, text in enumerate(texts))
    expected = np.array([float(text) for text in texts]).astype(dtype)
    assert load(text, dtype=dtype).x[:, 0].tobytes() == expected.tobytes()


def test_the_name_is_that_of_the_file(tmp_path):
    for file in ("flowers.csv", "flowers.csv.gz", "flowers"):
        assert data.load(write(tmp_path / file, GOOD)).name == "flowers"


# ---- labels ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "classes", "y"),
    [
        (["x", "y", "x", "y"], ("x", "y"), [0, 1, 0, 1]),
        (["10", "9", "9", "10"], ("9", "10"), [1, 0, 0, 1]),
        (["-1", "1", "1", "-1"], ("-1", "1"), [0, 1, 1, 0]),
        (["1.0", "1", "2", "2.00e+00"], ("1", "2"), [0, 0, 1, 1]),
        (["0.5", "5", "5.0", ".5"], ("0.5", "5"), [0, 1, 1, 0]),
        (["1E5", "2E5", "100000", "1E5"] * 2, ("100000", "1E5", "2E5"), [1, 2, 0, 1] * 2),
        (["1E5", "2E5", "2e+05", "1E5"], ("100000", "200000"), [0, 1, 1, 0]),
        (["007", "7", "12", "7.0"], ("007", "12", "7", "7.0"), [0, 2, 1, 3]),
        (["01234", "90210", "90210", "01234"], ("01234", "90210"), [0, 1, 1, 0]),
        (["True", "False", "True", "False"], ("False", "True"), [1, 0, 1, 0]),
        (["1.0", "b", "1.0", "b"], ("1.0", "b"), [0, 1, 0, 1]),
        (["None", "mild", "None", "mild"], ("None", "mild"), [0, 1, 0, 1]),
        (["é", "\u2028", "é", "\u2028"], ("é", ""), None),
        (
            ["9007199254740993", "9007199254740992"] * 2,
            ("9007199254740992", "9007199254740993"),
            [1, 0, 1, 0],
        ),
    ],
)
def test_kinds_of_labels(load, refused, labels, classes, y):
    text = "a,kind\n" + "".join(f"{i},{label}\n" for i, label in enumerate(labels))
    if y is None:
        text = refused(text, missing="error")
        assert text.startswith('row 3, column "kind": "\\u2028" is a missing label')
        return
    dataset = load(text)
    assert dataset.class_names == classes and dataset.y.tolist() == y


@pytest.mark.parametrize("label", ["b", 1, "1", -2, "-2"])
def test_the_label_by_name_or_index(load, label):
    dataset = load(GOOD.replace("6", "2").replace("8", "4"), label=label, drop=["kind"])
    assert dataset.class_names == ("2", "4") and dataset.feature_names == ("a",)
    assert dataset.schema.label == "b"
    assert dataset.notes[-1] == 'label: column "b"; 2 classes'


def test_a_name_comes_before_an_index(load):
    dataset = load("1,0,k\n5,6,x\n5,6,y\n5,6,x\n5,7,y\n5,7,y\n", label="0", drop=[2], header="yes")
    assert dataset.schema.label == "0" and dataset.class_names == ("6", "7")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"label": "knd"},
            """load: label 'knd' is not a column; columns "a", "b", "kind", or 0 to 2; """
            "did you mean 'kind'?",
        ),
        (
            {"drop": ["a", 3]},
            'load: drop 3 is not a column; columns "a", "b", "kind", or 0 to 2; '
            "choose one of these",
        ),
        (
            {"one_hot": ["-4"]},
            """load: one-hot '-4' is not a column; columns "a", "b", "kind", or 0 to 2; """
            "choose one of these",
        ),
        (
            {"label": "a", "drop": [0]},
            'load: label and drop both name column "a"; columns "a", "b", "kind"; '
            "name it in one of them",
        ),
        (
            {"label": "a", "one_hot": [0]},
            'load: label and one-hot both name column "a"; columns "a", "b", "kind"; '
            "name it in one of them",
        ),
        (
            {"drop": ["a"], "one_hot": [0]},
            'load: one-hot and drop both name column "a"; columns "a", "b", "kind"; '
            "name it in one of them",
        ),
        (
            {"missing": "median"},
            "load: missing 'median' is unknown; it can be mean, drop, error; "
            "leave it out for 'mean'",
        ),
    ],
)
def test_options_that_cannot_be(refused, options, text):
    assert refused(GOOD, ArgumentError, **options) == text


# ---- columns of words --------------------------------------------------------------------------


def test_one_hot_and_drop(load):
    dataset = load(COLOURS, one_hot=["shape", 1])
    assert dataset.feature_names == (
        *("size", "colour=blue", "colour=green", "colour=red"),
        *("shape=flat", "shape=round"),
    )
    assert dataset.x.tolist() == [
        [1, 0, 0, 1, 0, 1],
        [2, 1, 0, 0, 1, 0],
        [3, 0, 0, 1, 1, 0],
        [4, 0, 1, 0, 0, 1],
    ]
    assert dataset.schema.columns == (
        data.Column("size"),
        data.Column("colour", ("blue", "green", "red")),
        data.Column("shape", ("flat", "round")),
    )
    words_only = load(COLOURS, drop=["size", -2], one_hot=["colour"], dtype=np.float64)
    assert words_only.x.tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert words_only.x.dtype == np.float64
    numbers_only = load(COLOURS, drop=["colour", "shape"])
    assert numbers_only.feature_names == ("size",) and numbers_only.schema.label == "kind"


def test_dropping_the_last_column_makes_the_one_before_it_the_label(load):
    dataset = load(COLOURS, drop=["kind", "colour"])
    assert dataset.schema.label == "shape" and dataset.class_names == ("flat", "round")


def test_one_hot_has_a_limit(refused):
    text = "id,kind\n" + "".join(f"p{i},{i % 2}\n" for i in range(1001))
    assert refused(text, one_hot=["id"]) == (
        'column "id" has too many values for one-hot; '
        "1001 different ones, and at most 1000 are taken; pass drop=['id']"
    )


# ---- bad files ---------------------------------------------------------------------------------

BAD = {
    "ragged, short": (
        GOOD + "1,2\n",
        'row 6 has 2 fields; the first row has 3, separated by ","; '
        "correct the row, or quote a field that contains the delimiter",
    ),
    "ragged, one field": (
        GOOD + "1\n",
        'row 6 has 1 field; the first row has 3, separated by ","; '
        "correct the row, or quote a field that contains the delimiter",
    ),
    "a header without a name for the row names": (
        "a,b,kind\n1,2,3,x\n1,2,3,y\n",
        'row 1 has 3 fields, and most rows have 4, separated by ","; it holds "a", "b", "kind"; '
        "pass skip=1 if the table begins in row 2, "
        "or correct the rows: a field that contains the delimiter needs quotes",
    ),
    "ragged, far below": (
        GOOD + "1,2,x\n\n" * 9000 + "1,2,3,x\n",
        'row 18006 has 4 fields; the first row has 3, separated by ","; '
        "correct the row, or quote a field that contains the delimiter",
    ),
    "after a row of two lines": (
        GOOD + '1,2,"x\n"\n1,2\n',
        'row 8 has 2 fields; the first row has 3, separated by ","; '
        "correct the row, or quote a field that contains the delimiter",
    ),
    "header only": (
        "a,b,kind\n",
        "has only one row; there is nothing to learn from, whether row 1 holds names or values; "
        "give a file with rows below its header",
    ),
    "one class": (
        GOOD.replace("y", "x"),
        'there is only one class, "x"; 4 rows; '
        "add rows of another class, or choose other labels (label=COL of a CSV file)",
    ),
    "two names": (
        "a,b,a\n1,2,x\n3,4,y\n",
        '2 columns are called "a"; columns 0, 2, counted from 0, of row 1; '
        "give each its own name, or pass drop=[2] to leave that one out",
    ),
    "no name": (
        ",a,kind\n0,1,x\n1,2,y\n2,1,x\n3,2,y\n",
        'column 0 has no name; columns "", "a", "kind", counted from 0; '
        "name it in row 1, or pass drop=[0] to leave it out",
    ),
    "no names": (
        "Sales 2024,,\n,,\nx,y,kind\n1,2,x\n3,4,y\n1,2,x\n3,4,y\n",
        '2 columns have no name; columns "Sales 2024", "", "", counted from 0; '
        "name them, or pass skip=LINES if the table begins further down",
    ),
    "one column": (
        "kind\n1\n2\n",
        'has too few columns for a label and a feature; 1 in row 1, separated by ",", 0 dropped; '
        "give a file with features and the class, or pass delimiter=CHAR if another one separates "
        "them",
    ),
    "quantity": (
        "a,b,price\n" + "".join(f"{i % 2},{i},{i / 4}\n" for i in range(60)),
        'the label "price" is a quantity, not a class; 60 different numbers in 60 rows; '
        "choose the column of the class, such as label='a', or pass classes=True",
    ),
    "quantity of whole numbers": (
        "a,price\n" + "".join(f"{i / 7},{i % 21}\n" for i in range(200)),
        'the label "price" is a quantity, not a class; 21 different numbers in 200 rows; '
        "choose the column of the class, with label=COL, or pass classes=True",
    ),
    "quantity beside a first column of the label": (
        "Target,price\n" + "".join(f"{i / 7},{i}\n" for i in range(200)),
        'the label "price" is a quantity, not a class; 200 different numbers in 200 rows; '
        "choose the column of the class, such as label='Target', or pass classes=True",
    ),
    "not a number": (
        GOOD.replace("3", "three"),
        'row 3, column "a": "three" is not a number; 1 such cell: row 3 "a" "three"; '
        "correct it, or pass na=['three'] if it means a missing value",
    ),
    "underscore": (
        GOOD.replace("3", "1_000"),
        'row 3, column "a": "1_000" is not a number; 1 such cell: row 3 "a" "1_000"; '
        "correct it, or leave the field empty if the value is missing",
    ),
    "long and strange": (
        GOOD.replace("3", '"\t' + "z" * 50 + '"'),
        f'row 3, column "a": "\\t{"z" * 39}…" is not a number; 1 such cell: '
        f'row 3 "a" "\\t{"z" * 39}…"; '
        "correct it, or leave the field empty if the value is missing",
    ),
    "too large": (
        GOOD.replace("3", "1e39"),
        'row 3, column "a": "1e39" is too large for float32; 1 such cell: row 3 "a" "1e39"; '
        "change the unit, or train with dtype='float64'",
    ),
    "too large for any": (
        GOOD.replace("3", "1e999"),
        'row 3, column "a": "1e999" is too large for float32; 1 such cell: row 3 "a" "1e999"; '
        "change the unit, or train with dtype='float64'",
    ),
    "open quote": (
        GOOD + '1,"2,x\n3,4,y\n',
        "row 6 cannot be split into fields; unexpected end of data; it goes on to line 7; "
        'close each quote (") that opens a field, and double one inside a quoted field',
    ),
    "open quote, far below": (
        GOOD + "1,2,x\n" * 20000 + '1,"2,x\n' + "3,4,y\n" * 30000,
        "row 20006 cannot be split into fields; field larger than field limit (131072); "
        "it goes on to line 41851; "
        'close each quote (") that opens a field, and double one inside a quoted field',
    ),
    "open quote in row 1": (
        '"a,b,kind\n1,2,x\n',
        "row 1 cannot be split into fields; unexpected end of data; it goes on to line 2; "
        'close each quote (") that opens a field, and double one inside a quoted field',
    ),
    "half quoted": (
        GOOD + '"1"0,2,x\n',
        "row 6 cannot be split into fields; ',' expected after '\"'; it goes on to line 6; "
        'close each quote (") that opens a field, and double one inside a quoted field',
    ),
    "long field": (
        GOOD + f"1,2,{'x' * 140000}\n",
        "row 6 cannot be split into fields; field larger than field limit (131072); "
        "it goes on to line 6; "
        'close each quote (") that opens a field, and double one inside a quoted field',
    ),
    "empty": ("", "is empty; it has no rows; give a CSV or TSV file"),
    "blank": ("\n\r\n\n", "is empty; it has no rows; give a CSV or TSV file"),
    "empty gzip": (gzip.compress(b""), "is empty; it has no rows; give a CSV or TSV file"),
    "Latin-1": (
        (GOOD + "1,2,é\n").encode("latin-1"),
        "is not UTF-8; row 6 contains the byte 0xe9; "
        "pass encoding='cp1252' if it is from Windows, or save it as UTF-8",
    ),
    "UTF-16": (
        GOOD.encode("utf-16"),
        "is UTF-16 text; it starts with a UTF-16 mark; pass encoding='utf-16'",
    ),
    "PNG": (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        "is not UTF-8; row 1 contains the byte 0x89; "
        "pass encoding='cp1252' if it is from Windows, or save it as UTF-8",
    ),
    "NUL": (
        GOOD + "1,\0,x\n",
        "is not text; row 6 contains a NUL byte; give a CSV or TSV file in UTF-8",
    ),
    "truncated gzip": (
        gzip.compress(GOOD.encode())[:-9],
        "its gzip data is damaged or cut off; "
        "Compressed file ended before the end-of-stream marker was reached; "
        "copy or download it again",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_one_line(refused, case):
    content, text = BAD[case]
    assert refused(content) == text


def test_damaged_gzip_data(refused):
    whole = gzip.compress(GOOD.encode() * 100)
    for damaged in (whole[:-4] + b"oops", whole[:-8] + b"oops" + whole[-4:], whole + b"oops"):
        assert refused(damaged).startswith("its gzip data is damaged or cut off; ")
    assert refused(whole[:40] + b"oops" + whole[44:]).startswith("its gzip data is damaged or cut")


def test_an_endless_line(refused):
    text = "a" * (1 << 24) + ",b\n1,2\n"
    assert refused(gzip.compress(text.encode())) == (
        "row 1 is too long to be a row; it goes on after 524,288 characters; "
        "give a text file with one row per line"
    )
