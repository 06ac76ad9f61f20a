"""read_rows: columns by name or by place, blocks, and what is refused."""

import numpy as np
import pytest

from minigrad import data
from minigrad.errors import DataError


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def joined(rows):
    blocks = list(rows)
    return np.concatenate([block.x for block in blocks]), blocks


@pytest.fixture
def flowers(tmp_path):
    """A training file with a number, a word and a label, and its schema."""
    text = "size,colour,kind\n" + "1,red,a\n2,blue,b\n3,green,a\n4,red,b\n"
    return data.load(write(tmp_path / "flowers.csv", text), one_hot=["colour"])


def test_the_training_file_gives_the_training_rows(flowers, tmp_path):
    rows = data.read_rows(tmp_path / "flowers.csv", flowers.schema, labels=True)
    assert rows.extra == ()
    x, (block,) = joined(rows)
    np.testing.assert_array_equal(x, flowers.x)
    np.testing.assert_array_equal(block.y, flowers.y)
    assert (x.dtype, block.y.dtype) == (np.float32, np.int64)
    assert (block.first_row, block.skipped) == (2, 0)


def test_columns_are_found_by_name(flowers, tmp_path):
    text = "id;kind;colour;size\n7;?;red;1.5\n"
    rows = data.read_rows(write(tmp_path / "new.csv", text), flowers.schema)
    assert rows.extra == ("id", "kind")
    x, (block,) = joined(rows)
    np.testing.assert_array_equal(x, [[1.5, 0, 0, 1]])
    assert block.y is None


def test_unknown_values_and_labels_are_listed_once_each(flowers, tmp_path):
    text = "size,colour,kind\n1,pink,a\n2,red,c\n3,pink,c\n4,grey,b\n"
    with pytest.raises(DataError) as error:
        list(data.read_rows(write(tmp_path / "new.csv", text), flowers.schema, labels=True))
    assert str(error.value) == (
        f'{tmp_path}/new.csv: row 2, column "colour": "pink" did not stand in the training data; '
        '3 such values: row 2 "colour" "pink", row 3 "kind" "c", row 5 "colour" "grey"; '
        "leave its rows out, or train anew"
    )


def test_missing_columns_are_listed(flowers, tmp_path):
    with pytest.raises(DataError) as error:
        data.read_rows(write(tmp_path / "new.csv", "a,size\n1,2\n"), flowers.schema, labels=True)
    assert str(error.value) == (
        f"{tmp_path}/new.csv: 2 of 3 columns are missing; "
        '"colour", "kind"; row 1 has "a", "size"; '
        "name them in row 1, or pass --header no for a file of the features alone, in order"
    )
