"""How a file is written: options, what is found by itself, and that a model keeps all of it."""

import re

import numpy as np
import pytest

from minigrad import data
from minigrad.errors import ArgumentError, DataError
from tests.data.files import GOOD, refusal, write

TABLE = "a;b;kind\n1,5;2;x\n2,5;3;y\n-4,25;1.234,5;x\n1e1;7;y\n"


def read(path, schema, content, **options):
    """Return x and y of new rows."""
    blocks = [*data.read_rows(write(path, content), schema, labels=True, **options)]
    return np.concatenate([b.x for b in blocks]).tolist(), np.concatenate([b.y for b in blocks])


# ---- numbers -------------------------------------------------------------------------------------


def test_decimal_commas_and_separated_thousands(load, tmp_path):
    dataset = load(TABLE, decimal=",", thousands=".")
    assert dataset.x.tolist() == [[1.5, 2], [2.5, 3], [-4.25, 1234.5], [10, 7]]
    assert dataset.schema.form == data.Format(";", ",", ".")
    schema = data.Schema.from_dict(dataset.schema.to_dict())
    x, y = read(tmp_path / "new.csv", schema, "kind;b;a\ny;12.345;0,5\n")
    assert x == [[0.5, 12345]] and y.tolist() == [1]
    x, _ = read(
        tmp_path / "new.csv", schema, "kind;b;a\ny;12.345;0.5\n", decimal=".", thousands="none"
    )
    assert x == [[0.5, 12.345]]


@pytest.mark.parametrize(
    ("separator", "cell"),
    [
        (",", "12,345.5"),
        ("space", "12 345.5"),
        ("space", "12\u00a0345.5"),
        ("space", "12\u202f345.5"),
        ("apostrophe", "12'345.5"),
        ("apostrophe", "12\u2019345.5"),
        (",", "12345.5"),
        (",", "+12,345.5e0"),
    ],
)
def test_each_separator_of_thousands(load, separator, cell):
    text = f'a,kind\n1,x\n"{cell}",y\n"1",x\n2,y\n'
    assert load(text, thousands=separator).x[1, 0] == 12345.5


def test_groups_as_in_india(load):
    text = 'a,kind\n1,x\n"12,34,567",y\n1,x\n2,y\n'
    assert load(text, thousands=",").x[1, 0] == 1234567


# ---- numbers written in several ways -------------------------------------------------------------


def in_order(load, text):
    """Follow the advice of the errors until the text is read; return the options given."""
    options = {}
    while True:
        try:
            return options, load(text, **options)
        except DataError as error:
            found = dict(re.findall(r"(decimal|thousands)='([^']*)'", error.args[3]))
            assert found.keys() - options.keys(), str(error)  # not in a circle
            options |= found


@pytest.mark.parametrize("cells", [("1 011", "1,5"), ("1,5", "1 011"), ("1'011", "1,5")])
def test_the_advice_does_not_go_in_a_circle(load, cells):
    first, second = cells
    rows = [f"{first};{i};x\n{first};{i};y\n" for i in range(5)]
    rows += [f"{second};{i};x\n{second};{i};y\n" for i in range(5)]
    options, dataset = in_order(load, "a;b;kind\n" + "".join(rows))
    assert options["decimal"] == "," and {*dataset.x[:, 0].tolist()} == {1011, 1.5}


def test_one_cell_written_in_another_way(refused):
    text = "a;b;kind\n1.5;2;x\n2.5;3;y\n1,5;2;x\n2.5;3;y\n"
    assert refused(text) == (
        'row 4, column "a": "1,5" is not a number; 1 such cell: row 4 "a" "1,5"; '
        'write it as the others are written, such as "1.5"'
    )


def test_points_that_may_separate_thousands(load, refused):
    text = "a;b;kind\n743;0.5;x\n1.118;1.5;y\n12.500;2.5;x\n95;3.5;y\n"
    ways = "decimal='.' if it is 1.118 or decimal=',' and thousands='.' if it is 1118"
    assert refused(text) == (
        'row 3, column "a": "1.118" may have a decimal point, or one that separates thousands; '
        f'each number with a point has 3 digits behind it, and row 2 holds "743"; pass {ways}'
    )
    assert load(text, decimal=".").x[1, 0] == np.float32(1.118)
    assert load(text, thousands="none").x[1, 0] == np.float32(1.118)
    text = text.replace(".5", ",5")
    assert load(text, decimal=",", thousands=".").x.tolist()[1] == [1118, 1.5]


@pytest.mark.parametrize(
    "cells",
    [
        "1.118 2.250 9.125",  # no whole number
        "743 1118 95",  # no point
        "743 1.118 2.5",  # another number of digits
        "743 1.118 0.125",  # 0 thousands
        "743 1.118 1200",  # a thousand that is not separated
        "743 1.118 1e38",
        "1 2 1.333 2.667",  # whole numbers no larger than the others
        "743 1.118 2.5e0",
        "743 1.118 1.0625",
    ],
)
def test_points_that_do_not_separate_thousands(load, cells):
    assert len(load("a;kind\n1e307;x\n1e306;y\n", dtype="float64")) == 2  # without overflow
    rows = "".join(f"{cell};x\n{cell};y\n" for cell in cells.split())
    assert len(load(f"a;kind\n{rows}")) == 2 * len(cells.split())


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        ("1,5", {"thousands": ","}),
        ("1,2345", {"thousands": ","}),
        ("1234,567", {"thousands": ","}),
        (",123", {"thousands": ","}),
        ("1,234,56", {"thousands": ","}),
        ("1,2,345", {"thousands": ","}),
        ("1.5,234", {"thousands": ","}),
        ("1.5", {"decimal": ","}),
        ("1,5,5", {"decimal": ","}),
        ("1_5", {"decimal": ","}),
        ("1#234", {"thousands": ","}),
    ],
)
def test_what_is_no_number_in_a_format(refused, cell, options):
    text = f'a,kind\n1,x\n"{cell}",y\n1,x\n2,y\n'
    assert refused(text, **options).startswith(f'row 3, column "a": "{cell}" is not a number; ')


def test_a_format_reads_what_floats_read(load):
    """The fast way through all cells and the slow one, which a single cell takes all through."""
    values = np.random.default_rng(0).standard_normal(999)
    for form, change in ((data.Format(), str), (data.Format(decimal=","), comma)):
        fast = form.numbers([[change(v) for v in values.tolist()]])
        slow = form.numbers([[change(v) for v in values.tolist()] + ["1_0"]])
        np.testing.assert_array_equal(fast[:, 0], values)
        np.testing.assert_array_equal(slow[:-1, 0], values)
        assert np.isnan(slow[-1])


def comma(value):
    return str(value).replace(".", ",")


def test_labels_with_decimal_commas(load, tmp_path):
    dataset = load("a;kind\n1;0,5\n2;1\n3;0,50\n4;1,0\n", decimal=",")
    assert dataset.class_names == ("0.5", "1") and dataset.y.tolist() == [0, 1, 0, 1]
    assert read(tmp_path / "new.csv", dataset.schema, "a;kind\n1;0,5\n2;1,00\n")[1].tolist() == [
        0,
        1,
    ]


def test_a_long_file_in_another_format_is_not_read_to_its_end(refused, load, tmp_path):
    text = "a;b;kind\n" + "1,5;2,5;x\n2,5;3;y\n1,5;2,5;y\n" * 7000
    message = (
        'row 2, column "a": "1,5" is not a number; 18202 such cells so far: row 2 "a" "1,5", '
        'row 2 "b" "2,5", row 3 "a" "2,5", row 4 "a" "1,5", row 4 "b" "2,5" and 18197 more; '
        "pass decimal=','"
    )
    assert refused(text) == message
    schema = load(text, decimal=",").schema
    path = write(tmp_path / "new.csv", text)
    with pytest.raises(DataError, match="such cells so far: "):
        list(data.read_rows(path, schema, decimal="."))


# ---- missing values ------------------------------------------------------------------------------


def test_other_texts_can_be_missing_values(load, refused, tmp_path):
    text = "a,kind\n" + "".join(f"{i},{'pq'[i % 2]}\n" for i in range(20))
    text = text.replace("\n3,", "\n-,").replace("\n5,", "\nn.a.,").replace("\n7,", "\n,")
    assert refused(text).endswith("; correct it, or pass na=['-,n.a.'] if it means a missing value")
    dataset = load(text, na=["-,n.a."])
    assert np.flatnonzero(np.isnan(dataset.x[:, 0])).tolist() == [3, 5, 7]
    assert load(text, na=["-", "n.a."]).schema.form.na == ("-", "n.a.") == dataset.schema.form.na
    x, _ = read(tmp_path / "new.csv", dataset.schema, "a,kind\n-,p\n1,q\n")
    assert np.isnan(x[0][0]) and x[1] == [1]
    with pytest.raises(DataError, match='"-" is not a number'):
        read(tmp_path / "new.csv", dataset.schema, "a,kind\n-,p\n", na=["?"])


def test_a_number_can_be_a_missing_value(load, tmp_path):
    dataset = load("a,b,kind\n1,2,p\n-999,3,q\n2, -999 ,p\n-999.0,5,q\n", na=["-999"])
    assert np.isnan(dataset.x).tolist() == [
        [False, False],
        [True, False],
        [False, True],
        [False] * 2,
    ]
    x, _ = read(tmp_path / "new.csv", dataset.schema, "a,b,kind\n-999,7,p\n")
    assert np.isnan(x[0][0]) and x[0][1] == 7


def test_na_can_be_a_value(load, tmp_path):
    text = "a,place,kind\n" + "".join(
        f"{i},{['NA', 'DE', 'NG'][i % 3]},NA\n{i},?,nan\n" for i in range(9)
    )
    dataset = load(text, na=[""])
    assert dataset.class_names == ("NA", "nan")
    assert dataset.schema.columns[1].values == ("?", "DE", "NA", "NG")
    assert read(tmp_path / "new.csv", dataset.schema, "a,place,kind\n1,NA,nan\n")[1].tolist() == [1]
    assert load(text.replace("nan", "x"), na=[]).class_names == ("NA", "x")


@pytest.mark.parametrize("cell", ["nan", "inf", "-Infinity"])
def test_what_is_not_listed_is_not_missing(refused, cell):
    text = f"a,kind\n1,x\n{cell},y\n1,x\n2,y\n"
    assert refused(text, na=["-"]).startswith(f'row 3, column "a": "{cell}" is not a number; ')


# ---- lines above the table -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("above", "notes"),
    [
        (
            "# by LabTool 3\n# 2024-01-01\n",
            ("skipped: 2 lines above the table, which start with #",),
        ),
        ("# by LabTool 3\n\n", ("skipped: 1 line above the table, which start with #",)),
        ("# notes\n" * 200, ("skipped: 200 lines above the table, which start with #",)),
        ("# one, two, three\n", ("skipped: 1 line above the table, which start with #",)),
        ("sep=,\n", ("row 1 says sep=,",)),
        (
            '"SEP=,"\n#x\n',
            ("row 1 says sep=,", "skipped: 1 line above the table, which start with #"),
        ),
        ("\ufeffsep=,\n", ("row 1 says sep=,",)),
    ],
)
def test_lines_above_the_table(load, refused, tmp_path, above, notes):
    dataset = load(above + GOOD)
    assert dataset.x.tolist() == load(GOOD).x.tolist()
    row = above.count("\n") + 1
    assert dataset.notes[:-2] == (f"delimiter: , (found); header: row {row} (found)", *notes)
    assert refused(above + GOOD.replace("7", "seven")).startswith(f'row {row + 4}, column "a"')
    assert read(tmp_path / "n", dataset.schema, above + GOOD)[0] == dataset.x.tolist()
    assert read(tmp_path / "n", dataset.schema, GOOD)[0] == dataset.x.tolist()


@pytest.mark.parametrize("hash", ["#", "# ", "## "])
@pytest.mark.parametrize("above", ["", "# by LabTool 3\n"])
def test_a_header_after_a_hash(load, refused, tmp_path, hash, above):
    """numpy.savetxt writes it so."""
    text = above + hash + GOOD
    dataset = load(text)
    assert dataset.feature_names == ("a", "b") and dataset.x.tolist() == load(GOOD).x.tolist()
    assert read(tmp_path / "n", dataset.schema, text)[0] == dataset.x.tolist()
    row = above.count("\n") + 1
    assert refused(text.replace("7", "seven")).startswith(f'row {row + 4}, column "a"')
    assert load(text, header="no").schema.by_name is False


def test_a_hash_below_the_first_row_is_data(load, refused):
    rows = "".join(f"#{i % 3},{i % 7},{'xy'[i % 2]}\n" for i in range(30))
    assert load("id,a,kind\n" + rows).feature_names[:3] == ("id=#0", "id=#1", "id=#2")
    assert load(rows, header="no", one_hot=[0]).feature_names[:2] == ("column_0=#0", "column_0=#1")
    assert refused(GOOD + "# the end\n").startswith("row 6 has 1 field; ")


def test_lines_to_skip(load, refused, tmp_path):
    above = "Table 3: widths\nof 4 leaves, in mm\n"
    dataset = load(above + GOOD, skip=2)
    assert dataset.notes[:2] == (
        "delimiter: , (found); header: row 3 (found)",
        "skipped: 2 lines, as told",
    )
    assert refused(above + GOOD.replace("7", "seven"), skip=2).startswith('row 7, column "a"')
    assert refused(GOOD, skip=1000) == (
        "has no rows below the lines to skip; 5 lines; pass a smaller number than skip=1000"
    )
    assert read(tmp_path / "n", dataset.schema, above + GOOD)[0] == dataset.x.tolist()
    assert read(tmp_path / "n", dataset.schema, GOOD, skip=0)[0] == dataset.x.tolist()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "  "])
@pytest.mark.parametrize(
    ("title", "fields", "skip"),
    [
        ("Leaves", 1, 1),
        ("Leaves\nby John and Jane and the others\n", 1, 3),
        ("Leaves\n# 2024", 1, 2),
    ],
)
def test_a_title_above_the_table(load, refused, delimiter, title, fields, skip):
    text = f"{title}\n{GOOD.replace(',', delimiter)}"
    error = refused(text)
    assert error.startswith("row 1 has 1 field, and most rows have 3, separated by ")
    assert error.endswith(
        f'; it holds "Leaves"; pass skip={skip} if the table begins in row {skip + 1}, '
        "or correct the rows: a field that contains the delimiter needs quotes"
    )
    assert load(text, skip=skip).x.tolist() == load(GOOD).x.tolist()


def test_a_title_that_contains_the_delimiter(refused):
    assert refused("Leaves, in mm\n\n" + GOOD).endswith(
        'it holds "Leaves", "in mm"; pass skip=2 if the table begins in row 3, '
        "or correct the rows: a field that contains the delimiter needs quotes"
    )


def test_a_repeated_header_is_named_with_its_row(load, refused, tmp_path):
    text = GOOD + GOOD
    message = 'row 6 is the header again; it holds "a", "b", "kind"; '
    message += "leave this row out; it may be two files in one"
    assert refused(text) == message
    path = write(tmp_path / "new.csv", text)
    assert refusal(path, DataError, data.read_rows, schema=load(GOOD).schema) == message


# ---- delimiter and encoding ----------------------------------------------------------------------

BLANKS = "x  y   class\n" + "   0.35\t 0.8  p\n  -1.30   0.91 q  \n 1 2    p\n\n 1 3 'q' \n" * 2


def test_runs_of_blanks_divide_where_nothing_else_does(load, tmp_path):
    dataset = load(BLANKS)
    assert dataset.notes[0] == "delimiter: space (found); header: row 1 (found)"
    assert dataset.feature_names == ("x", "y") and dataset.class_names == ("'q'", "p", "q")
    assert dataset.x[:2].tolist() == np.float32([[0.35, 0.8], [-1.3, 0.91]]).tolist()
    assert load(BLANKS, delimiter="space").x.tobytes() == dataset.x.tobytes()
    assert read(tmp_path / "n", dataset.schema, "class x    y\np 1  2\n")[0] == [[1, 2]]
    assert read(tmp_path / "n", dataset.schema, "class,x,y\np,1,2\n")[0] == [[1, 2]]
    quoted = load('x kind\n1 "New  York"\n2 Rome\n1 "New  York"\n2 Rome\n')
    assert quoted.class_names == ("New  York", "Rome")


def test_blanks_divide_new_files_only_if_they_did_in_training(load, tmp_path):
    text = "full name,kind\n" + "".join(f"{i % 3},{'pq'[i % 2]}\n" for i in range(30))
    rows = data.read_rows(write(tmp_path / "n", "full name\n1\n2\n"), load(text).schema)
    assert np.concatenate([block.x for block in rows]).tolist() == [[1], [2]]


def test_uneven_blanks_do_not_divide(refused):
    assert refused("some words here\nand some more here\n").startswith("has too few columns ")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "cp037"])
def test_other_encodings(load, tmp_path, encoding):
    text = "größe,kind\n" + "1,ä\n2,ö\n" * 2
    dataset = load(text.encode(encoding), encoding=encoding.upper())
    assert dataset.feature_names == ("größe",) and dataset.class_names == ("ä", "ö")
    x, y = read(tmp_path / "n", dataset.schema, text.encode(encoding))
    assert x == dataset.x.tolist() and y.tolist() == [0, 1, 0, 1]
    assert read(tmp_path / "n", dataset.schema, text, encoding="utf-8")[0] == x


@pytest.mark.parametrize(
    ("content", "encoding", "text"),
    [
        (
            b"a,kind\n1,x\n2,\x81\n",
            "cp1252",
            "is not cp1252; row 3 contains the byte 0x81; "
            "pass encoding='cp1252' if it is from Windows, or save it as UTF-8",
        ),
        (
            GOOD.encode("utf-16")[:-1],
            "utf-16",
            "is not utf-16 text; row 1 or a later one: 'utf-16-le' codec can't decode byte 0x0a in "
            "position 0: truncated data; pass another encoding",
        ),
    ],
)
def test_a_wrong_encoding(refused, content, encoding, text):
    assert refused(content, encoding=encoding) == text


# ---- columns of the same name --------------------------------------------------------------------


def test_of_columns_of_the_same_name_one_can_be_dropped_by_place(load, refused, tmp_path):
    text = "x,x,kind\n1,5,p\n2,6,q\n3,7,p\n4,8,q\n"
    message = '2 columns are called "x"; columns 0, 1, counted from 0, of row 1; '
    message += "give each its own name, or pass drop=[1] to leave that one out"
    assert refused(text) == message
    for drop, column in ((1, [1, 2, 3, 4]), (0, [5, 6, 7, 8])):
        dataset = load(text, drop=[drop])
        assert dataset.x[:, 0].tolist() == column and dataset.schema.dropped == (drop,)
        assert read(tmp_path / "n", dataset.schema, text)[0] == dataset.x.tolist()
    assert read(tmp_path / "n", dataset.schema, "x,kind\n9,p\n")[0] == [[9]]
    single = load("x,kind\n1,p\n2,q\n3,p\n4,q\n").schema
    path = write(tmp_path / "n", text)
    assert refusal(path, DataError, data.read_rows, schema=single) == message
    assert refused(text, ArgumentError, drop=["x"]) == (
        "load: drop 'x' is the name of 2 columns; columns 0, 1; "
        "give the place of one, counted from 0"
    )


# ---- options that cannot be ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"decimal": ";"}, 'decimal ";" is unknown; it can be . ,; leave it out for a point'),
        (
            {"thousands": "-"},
            'thousands "-" is unknown; it can be , . space apostrophe none; leave it out for none',
        ),
        (
            {"decimal": ",", "thousands": ","},
            'decimal and thousands are both ","; a number cannot have both; '
            "give decimal=',' with thousands='.', or the other way round",
        ),
        (
            {"encoding": "klingon"},
            "encoding 'klingon' is unknown; unknown encoding: klingon; "
            "give utf-8, cp1252, utf-16 or another",
        ),
        (
            {"encoding": "base64"},
            "encoding 'base64' is unknown; 'base64' is not a text encoding; use codecs.encode() to "
            "handle arbitrary codecs; give utf-8, cp1252, utf-16 or another",
        ),
        ({"skip": -1}, "skip is not a number of lines; skip -1; give 0 or more"),
        ({"skip": 1.0}, "skip is not a number of lines; skip 1.0; give 0 or more"),
    ],
)
def test_options_that_cannot_be(tmp_path, options, text):
    path = write(tmp_path / "a.csv", GOOD)
    assert refusal(path, ArgumentError, **options) == f"load: {text}"
    schema = data.load(path).schema
    found = refusal(path, ArgumentError, data.read_rows, schema=schema, **options)
    assert found == f"read_rows: {text}"


def test_arrays_take_no_format(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.eye(4), y=[0, 1, 0, 1])
    for source in ("iris", tmp_path / "a.npz"):
        with pytest.raises(ArgumentError, match="takes no decimal"):
            data.load(source, decimal=",", na=[""])
