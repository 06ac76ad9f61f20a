"""read_rows: columns by name or by position, blocks, and what is refused."""

import gzip
import subprocess
import sys

import numpy as np
import pytest

from minigrad import data
from minigrad.data.rows import _is_header
from minigrad.errors import ArgumentError, DataError
from tests.data.files import ENVIRONMENT, refusal, write

FLOWERS = "size,colour,kind\n1,red,a\n2,blue,b\n3,green,a\n4,red,b\n"


def joined(rows):
    """Return x, y and the number of skipped rows of all blocks."""
    blocks = list(rows)
    y = None if blocks[0].y is None else np.concatenate([block.y for block in blocks]).tolist()
    return np.concatenate([b.x for b in blocks]).tolist(), y, sum(b.skipped for b in blocks)


@pytest.fixture
def flowers(tmp_path):
    """The schema of a training file with a number, a word and a label."""
    path = write(tmp_path / "flowers.csv", FLOWERS)
    return data.load(path, one_hot=["colour"], missing="error").schema


@pytest.fixture
def read(tmp_path):
    """Return a function that writes text and reads its rows."""

    def read(content, schema, **options):
        return data.read_rows(write(tmp_path / "new.csv", content), schema, **options)

    return read


@pytest.fixture
def refused(tmp_path):
    """Return a function that gives the message with which the rows of some text are refused."""

    def refused(content, schema, **options):
        path = write(tmp_path / "new.csv", content)
        return refusal(path, DataError, data.read_rows, schema=schema, **options)

    return refused


# ---- which columns -----------------------------------------------------------------------------


def test_the_training_file_gives_the_training_rows(flowers, tmp_path):
    path = tmp_path / "flowers.csv"
    dataset = data.load(path, one_hot=["colour"])
    rows = data.read_rows(path, flowers, labels=True)
    assert rows.extra == ()
    (block,) = rows
    np.testing.assert_array_equal(block.x, dataset.x)
    np.testing.assert_array_equal(block.y, dataset.y)
    assert (block.x.dtype, block.y.dtype) == (np.float64, np.int64)
    assert ([*block.numbers], block.skipped, block.kept) == ([2, 3, 4, 5], 0, ())
    (narrow,) = data.read_rows(path, flowers, dtype="float32")
    assert narrow.x.dtype == np.float32 and narrow.y is None


def test_columns_are_found_by_name(flowers, read):
    text = "id;kind;colour;size\n7;?;red;1.5\n8;c;blue;2\n"
    rows = read(text, flowers)
    assert rows.extra == ("id", "kind")
    assert joined(rows) == ([[1.5, 0, 0, 1], [2, 1, 0, 0]], None, 0)
    rows = read(text.replace("?", "b").replace("c;", "a;"), flowers, labels=True)
    assert rows.extra == ("id",)
    assert joined(rows) == ([[1.5, 0, 0, 1], [2, 1, 0, 0]], [1, 0], 0)


def test_other_ways_to_write_a_whole_label(tmp_path, read):
    schema = data.load(write(tmp_path / "a.csv", "a,kind\n1,2\n1,3\n1,2\n1,3\n")).schema
    assert joined(read("kind,a\n3.0,1\n 2,1\n03,1\n", schema, labels=True))[1] == [1, 0, 1]


def test_a_class_called_none_does_not_take_other_labels(tmp_path, read):
    schema = data.load(write(tmp_path / "a.csv", "a,kind\n" + "1,None\n1,mild\n" * 2)).schema
    assert schema.class_names == ("None", "mild")
    assert joined(read("a,kind\n1,None\n", schema, labels=True))[1] == [0]
    assert joined(read("a,kind\n1,grave\n", schema, labels=True)) == ([], [], 1)


NAMELESS = "1,5,x\n2,6,y\n1,7,x\n2,8,y\n"


@pytest.mark.parametrize(
    ("options", "text", "labels", "expected"),
    [
        ({}, "3,4\n", False, ([[3, 4]], None)),
        ({}, "3,4,y\n", False, ([[3, 4]], None)),
        ({}, "3,4,y\n5,6,x\n", True, ([[3, 4], [5, 6]], [1, 0])),
        ({}, "length,width\n3,4\n", False, ([[3, 4]], None)),
        ({}, "length,width,kind\n3,4,y\n", True, ([[3, 4]], [1])),
        ({}, "kind,column_1,column_0\ny,4,3\n", False, ([[3, 4]], None)),
        ({"label": 0}, "5,z\n", False, None),
        ({"label": 0, "drop": [2]}, "5\n6\n", False, ([[5], [6]], None)),
        ({"label": 0, "drop": [2]}, "2,7,z\n", True, ([[7]], [1])),
        ({"label": 0, "drop": [2]}, "2,7\n", True, None),
        ({"label": 0, "drop": [2]}, "5,z\n6,z\n", False, ([[5], [6]], None)),
    ],
)
def test_unnamed_columns_are_found_by_position(tmp_path, read, options, text, labels, expected):
    options = options or {"label": -1}
    drop = options.get("drop", ())
    one_hot = [] if drop or options["label"] == -1 else [2]
    training = write(tmp_path / "a.csv", NAMELESS)
    schema = data.load(training, label=options["label"], drop=drop, one_hot=one_hot).schema
    assert not schema.by_name
    if expected is None:  # the second column of two is not the third of three
        with pytest.raises(DataError):
            list(read(text, schema, labels=labels, unseen="error"))
        return
    assert joined(read(text, schema, labels=labels))[:2] == expected


def test_a_file_without_names_of_another_width(tmp_path, read):
    training = write(tmp_path / "a.csv", "x,1,5,0,z\ny,2,6,0,z\n" * 2)
    schema = data.load(training, label=0, drop=[3, 4]).schema
    for labels, text, facts in (
        (False, "1,2,3\n", "4 without the label, 2 columns of features alone"),
        (True, "x,1,2\n", 'the label is in "column_0"'),
    ):
        with pytest.raises(DataError) as error:
            read(text, schema, labels=labels)
        assert str(error.value) == (
            f"{tmp_path}/new.csv: has 3 columns, and the training file had 5, without names; "
            f"{facts}; give a file of one of these widths"
        )
    for text in ("1,5,0,z\n", "?,1,5,0,z\n", "1,5\n"):
        assert joined(read(text, schema))[0] == [[1, 5]]


def test_new_values_do_not_make_a_header(tmp_path):
    training = write(tmp_path / "a.csv", "red,a\ngreen,b\n" * 5 + "red,b\n")
    schema = data.load(training, one_hot=[0], header="no").schema
    assert not _is_header(["blue"], schema)


def test_rows_without_names_for_a_file_that_had_them(flowers, read, refused):
    assert joined(read("5,red\n", flowers, header="no"))[0] == [[5, 0, 0, 1]]
    assert refused("5,red\n", flowers) == (
        'lacks 2 of 2 columns; "size", "colour"; row 1 has "5", "red"; '
        "name them in row 1, or pass header='no' for a file of the features alone, in order"
    )


def test_missing_columns_are_listed(flowers, refused):
    assert refused("a,size\n1,2\n", flowers, labels=True) == (
        'lacks 2 of 3 columns; "colour", "kind"; row 1 has "a", "size"; name them in row 1'
    )
    assert refused("a,size\n1,2\n", flowers) == (
        'lacks 1 of 2 columns; "colour"; row 1 has "a", "size"; '
        "name them in row 1, or pass header='no' for a file of the features alone, in order"
    )


@pytest.mark.parametrize(
    ("text", "labels", "facts"),
    [
        ("5\n", False, "has 1 column without names"),
        ("5,red\n", True, "has 2 columns without names"),
        ("5,red,a,1\n", False, "has 4 columns without names"),
    ],
)
def test_another_number_of_columns(flowers, refused, text, labels, facts):
    assert refused(text, flowers, labels=labels, header="no") == (
        f'{facts}; the schema has 2 columns of features, and the label in "kind"; '
        "give the columns of the training file, or without labels the features alone"
    )


def test_a_generated_sets_columns(read):
    schema = data.load("moons").schema
    assert joined(read("x1,x0\n1,2\n", schema)) == ([[2, 1]], None, 0)
    assert joined(read("1,2,upper\n", schema, labels=True)) == ([[1, 2]], [0], 0)
    assert read("1,2,upper\n", schema).extra == ("column_2",)


def test_a_built_in_sets_file(tmp_path):
    iris = data.load("iris", dtype=np.float64)
    text = "sepal_length,sepal_width,petal_length,petal_width,species\n5.1,3.5,1.4,0.2,setosa\n"
    (block,) = data.read_rows(write(tmp_path / "a.csv", text), iris.schema, labels=True)
    assert block.x.tobytes() == iris.x[:1].tobytes() and block.y.tolist() == [0]


@pytest.mark.parametrize("name", ["iris", "moons"])
def test_a_built_in_set_by_its_name(name):
    dataset = data.load(name)
    x, y, skipped = joined(data.read_rows(name, dataset.schema, labels=True, dtype=np.float32))
    assert (x, y, skipped) == (dataset.x.tolist(), dataset.y.tolist(), 0)
    assert joined(data.read_rows(name, dataset.schema))[1] is None
    with pytest.raises(DataError) as error:
        data.read_rows("wine", dataset.schema)
    columns, classes = len(dataset.feature_names), len(dataset.class_names)
    assert str(error.value) == (
        "wine: the built-in set has other columns or classes than the schema; "
        f"13 and 3, the schema has {columns} and {classes}; "
        "give a file with the columns and classes of the training data"
    )


def test_one_row_and_one_column(tmp_path, read):
    schema = data.load(write(tmp_path / "a.csv", "a;kind\n1;x\n2;y\n1;x\n2;y\n")).schema
    assert joined(read("a\n7\n", schema))[0] == [[7]]
    with pytest.raises(DataError, match="is empty; it has no rows"):
        read("", schema)
    assert list(read("a\n", schema)) == []


def test_of_two_delimiters_the_one_of_the_training_file(tmp_path, read):
    text = "a,b;k\n1;x\n2;y\n1;x\n2;y\n"
    schema = data.load(write(tmp_path / "a.csv", text)).schema
    assert schema.form.delimiter == ";" and list(read("a,b;k\n", schema)) == []


# ---- which values ------------------------------------------------------------------------------


def test_unknown_values_and_labels_are_listed_once_each(flowers, refused):
    text = "size,colour,kind\n1,pink,a\n2,red,c\n" + "3,pink,c\n" * 9000 + "4,grey,b\n"
    assert refused(text, flowers, labels=True, unseen="error") == (
        'row 2, column "colour": "pink" does not occur in the training data; '
        '3 such values: row 2 "colour" "pink", row 3 "kind" "c", row 9004 "colour" "grey"; '
        "leave its rows out, or train again"
    )


def test_very_many_unknown_values(flowers, refused):
    text = "size,colour\n" + "".join(f"1,c{i}\n" for i in range(5000))
    assert "; 1000 such values: row 2 " in refused(text, flowers, unseen="error")


def test_what_becomes_of_unknown_values(flowers, read):
    text = "size,colour,kind\n1,pink,a\n2,red,c\n3,red,b\n"
    rows = read(text, flowers, labels=True)
    (block,) = rows
    assert block.usable.tolist() == [False, False, True] and block.numbers == [4]
    assert rows.unusable.places() == 'row 2 "colour" "pink", row 3 "kind" "c"'
    assert joined(read(text, flowers, labels=True)) == ([[3, 0, 0, 1]], [1], 2)
    assert joined(read(text, flowers)) == ([[2, 0, 0, 1], [3, 0, 0, 1]], None, 1)
    kept = [[1, 0, 0, 0], [2, 0, 0, 1], [3, 0, 0, 1]]
    assert joined(read(text, flowers, unseen="zero")) == (kept, None, 0)
    x, y, skipped = joined(read(text, flowers, unseen="zero", labels=True))
    assert (x, y, skipped) == ([kept[0], kept[2]], [0, 1], 1)
    with pytest.raises(ArgumentError) as error:
        read(text, flowers, unseen="ignore")
    assert str(error.value) == (
        "read_rows: unseen 'ignore' is unknown; it can be skip, zero, error; "
        "leave it out for 'skip'"
    )


def test_texts_of_columns_to_keep(flowers, read, tmp_path):
    text = 'id,size,colour,"a, b"\nx1,1,red,p\nx2,?,red,"q, r"\n'
    rows = read(text, flowers, keep=["a, b", "id,size", 2])
    (block,) = rows
    assert (rows.kept, rows.extra) == (("a, b", "id", "size", "colour"), ())
    assert block.kept == [("p", "x1", "1", "red"), ("q, r", "x2", "?", "red")]
    assert block.usable.tolist() == [True, False]
    with pytest.raises(ArgumentError) as error:
        read(text, flowers, keep=["ids"])
    assert str(error.value) == (
        "load: keep 'ids' is not a column; "
        'columns "id", "size", "colour", "a, b", or 0 to 3; did you mean \'id\'?'
    )
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 2)))
    for source in ("moons", str(tmp_path / "a.npz")):
        with pytest.raises(ArgumentError) as error:
            data.read_rows(source, data.load("moons").schema, keep=["x0"])
        assert str(error.value) == (
            f'{source}: only a file of text has columns to keep; keep "x0"; give a CSV or TSV file'
        )


def test_a_row_with_a_fault_comes_after_the_blocks_above_it(flowers, read):
    rows = iter(read("size,colour\n" + "1,red\n" * 20000 + "one,red\n", flowers))
    assert len(next(rows).x) > 1000
    with pytest.raises(DataError) as error:
        list(rows)
    rows = iter(read("size,colour\none,red\n" + "1,red\n" * 20000, flowers))
    with pytest.raises(DataError, match="row 2, "):
        next(rows)  # nothing of what is below the fault
    assert 'row 20002, column "size": "one" is not a number; 1 such cell' in str(error.value)


GAPS = "size,colour,kind\n1,red,a\n,blue,b\n3,?,a\n4,red,?\n5,blue,a\n"


def test_missing_values_are_treated_as_in_training(tmp_path, read):
    training = write(tmp_path / "flowers.csv", FLOWERS)

    def schema(missing):
        return data.load(training, one_hot=["colour"], missing=missing).schema

    full = [[1, 0, 0, 1], [4, 0, 0, 1], [5, 1, 0, 0]]
    for missing in ("error", "drop"):
        rows = read(GAPS, schema(missing))
        assert joined(rows) == (full, None, 2)
        assert rows.unusable.places() == 'row 3 "size" "", row 4 "colour" "?"'
        labelled = joined(read(GAPS, schema(missing), labels=True))
        assert labelled == ([full[0], full[2]], [0, 0], 3)
    x = np.array(joined(read(GAPS, schema("mean")))[0])
    assert np.argwhere(np.isnan(x)).tolist() == [[1, 0]]
    assert x[2, 1:].tolist() == [0, 0, 0]
    assert joined(read(GAPS, schema("mean"), labels=True))[1:] == ([0, 1, 0, 0], 1)


def test_blocks_know_their_rows_and_what_they_skip(flowers, tmp_path, read):
    schema = data.load(tmp_path / "flowers.csv", one_hot=["colour"], missing="drop").schema
    text = "size,colour\n" + "\n1,red\n,red\n" * 9000
    blocks = list(read(text, schema))
    assert len(blocks) > 1
    assert sum(len(block.x) for block in blocks) == sum(b.skipped for b in blocks) == 9000
    numbers = [number for block in blocks for number in block.numbers]
    assert numbers == list(range(3, 3 + 3 * 9000, 3))


# ---- arrays ------------------------------------------------------------------------------------


def test_arrays_come_in_blocks_too(tmp_path):
    x = np.random.default_rng(0).standard_normal((10000, 3))
    x[5000, 1] = np.nan
    y = np.arange(10000) % 2
    np.savez(tmp_path / "a.npz", x=x, y=y)
    for missing in ("drop", "mean"):
        dataset = data.load(tmp_path / "a.npz", missing=missing)
        options = {"labels": True, "dtype": np.float32}
        blocks = list(data.read_rows(tmp_path / "a.npz", dataset.schema, **options))
        assert [block.numbers[0] for block in blocks] == [0, 4096, 8192]
        numbers = np.concatenate([block.numbers for block in blocks])
        assert (5000 in numbers) is (missing == "mean") and len(numbers) == len(dataset)
        assert [block.skipped for block in blocks] == [0, int(missing == "drop"), 0]
        np.testing.assert_array_equal(np.concatenate([b.x for b in blocks]), dataset.x)
        np.testing.assert_array_equal(np.concatenate([b.y for b in blocks]), dataset.y)


def test_prediction_needs_no_labels(tmp_path):
    schema = data.load("moons").schema
    for y in (np.array([None, 1]), np.zeros(7)):
        np.savez(tmp_path / "a.npz", x=np.zeros((2, 2)), y=y)
        np.save(tmp_path / "x.npy", np.zeros((2, 2)))
        np.save(tmp_path / "y.npy", y)
        for path in (tmp_path / "a.npz", tmp_path):
            (block,) = data.read_rows(path, schema)
            assert block.x.shape == (2, 2) and block.y is None


def test_arrays_for_another_schema(tmp_path, flowers):
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 3)), y=np.array(["a", "q"]))
    assert refusal(tmp_path / "a.npz", DataError, data.read_rows, schema=flowers) == (
        'x holds numbers, and the schema has columns of words; columns "colour"; '
        "give a CSV or TSV file"
    )
    moons = data.load("moons").schema
    assert refusal(tmp_path / "a.npz", DataError, data.read_rows, schema=moons) == (
        "x does not fit a schema of 2 features; x (2, 3); "
        "give the features of the training data, in their order"
    )
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 2)), y=np.array(["upper", "q"]))
    path = tmp_path / "a.npz"
    options = {"schema": moons, "labels": True}
    assert refusal(path, DataError, data.read_rows, **options, unseen="error") == (
        'row 1, column "y": "q" does not occur in the training data; '
        '1 such value: row 1 "y" "q"; leave its rows out, or train again'
    )
    assert joined(data.read_rows(path, **options))[1:] == ([0], 1)
    (block,) = data.read_rows(path, moons)
    assert block.y is None


# ---- a stream ----------------------------------------------------------------------------------

# Not getrusage: its ru_maxrss starts from that of the process that started this one.
COUNT = """
import pathlib, sys
from minigrad import data
schema = data.load(sys.argv[1]).schema
rows = sum(len(block.x) for block in data.read_rows("-", schema))
print(rows, pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def count(training, text, **options):
    """Return how many rows a process reads from its standard input, and its peak memory in kB."""
    command = [sys.executable, "-c", COUNT, str(training)]
    options = {"input": text, "capture_output": True, "env": ENVIRONMENT, **options}
    run = subprocess.run(command, check=True, **options)
    return map(int, run.stdout.split())


def test_a_dash_is_standard_input_even_if_a_file_has_that_name(tmp_path):
    training = write(tmp_path / "a.csv", "a,b,kind\n" + "1,2,x\n3,4,y\n" * 2)
    (tmp_path / "-").write_text("")
    rows, _ = count(training, b"a,b,kind\n1,2,x\n", cwd=tmp_path)
    assert rows == 1


def test_standard_input_and_constant_memory(tmp_path):
    header, row = "a,b,kind\n", "1.25,2.5,x\n3.5,4.75,y\n"
    training = write(tmp_path / "a.csv", header + row * 2)
    few, small = count(training, (header + row * 10_000).encode())
    many, large = count(training, gzip.compress((header + row * 100_000).encode()))
    assert (few, many) == (20_000, 200_000)
    assert large < small + 2000  # KiB
