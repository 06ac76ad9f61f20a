"""IDX folders, the format of MNIST: pairs, names, the set's own test set, and what is refused."""

import gzip
import struct

import numpy as np
import pytest

from minigrad import data
from minigrad.errors import DataError
from tests.data.files import refusal, write

IMAGES = np.arange(6 * 2 * 3, dtype=np.uint8).reshape(6, 2, 3) * 7
LABELS = np.array([3, 9, 3, 9, 3, 9], dtype=np.uint8)


def idx(array):
    """Return the bytes of an IDX file."""
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def write_pair(folder, part="train", images=IMAGES, labels=LABELS, dash="-", zipped=False):
    """Write the two files of a part as MNIST names them."""
    for name, array in ((f"images{dash}idx3", images), (f"labels{dash}idx1", labels)):
        content = gzip.compress(idx(array)) if zipped else idx(array)
        write(folder / f"{part}-{name}-ubyte{'.gz' if zipped else ''}", content)
    return folder


@pytest.mark.parametrize("part", ["train", "t10k"])
@pytest.mark.parametrize("dash", ["-", "."])
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_a_single_pair(tmp_path, part, dash, zipped):
    path = write_pair(tmp_path, part, dash=dash, zipped=zipped)
    dataset = data.load(path)
    np.testing.assert_array_equal(dataset.x, IMAGES.reshape(6, 6))
    assert dataset.y.tolist() == [0, 1] * 3 and dataset.class_names == ("3", "9")
    assert (dataset.x.dtype, dataset.y.dtype) == (np.float32, np.int64)
    pixels = ("pixel_0_0", "pixel_0_1", "pixel_0_2", "pixel_1_0", "pixel_1_1", "pixel_1_2")
    assert dataset.feature_names == pixels == dataset.schema.feature_names
    assert dataset.test is None and dataset.name == path.name
    assert dataset.notes == ("rows: 6", "label: 2 classes")
    (block,) = data.read_rows(path, dataset.schema, labels=True)
    np.testing.assert_array_equal(block.x, dataset.x)
    np.testing.assert_array_equal(block.y, dataset.y)


def test_two_pairs_are_a_set_and_its_own_test_set(tmp_path):
    write_pair(tmp_path)
    path = write_pair(tmp_path, "t10k", IMAGES[:2] + 1, LABELS[[1, 0]], zipped=True)
    dataset = data.load(path, dtype="float64")
    assert len(dataset) == 6 and dataset.test.y.tolist() == [1, 0]
    np.testing.assert_array_equal(dataset.test.x, (IMAGES[:2] + 1).reshape(2, 6))
    assert dataset.test.x.dtype == np.float64
    assert dataset.test.class_names == dataset.class_names
    assert dataset.notes[-1] == (
        f"test set: 2 rows of its own, from {tmp_path}/t10k-images-idx3-ubyte.gz"
    )
    train, val, test = data.split(dataset, test=0.2, val=1 / 3)
    assert (len(train), len(val)) == (4, 2) and test is dataset.test
    (block,) = data.read_rows(path, dataset.schema, labels=True)
    assert block.y.tolist() == [1, 0]


def test_labels_of_the_test_set_that_the_training_set_does_not_have(tmp_path):
    path = write_pair(write_pair(tmp_path), "t10k", labels=LABELS + 1)
    assert refusal(path, DataError).removeprefix(f"{path}/") == (
        't10k-images-idx3-ubyte: row 0, column "y": "4" did not stand in the training data; '
        '2 such values: row 0 "y" "4", row 1 "y" "10"; leave its rows out, or train anew'
    )


def test_prediction_needs_no_labels(tmp_path):
    schema = data.load(write_pair(tmp_path)).schema
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    (block,) = data.read_rows(tmp_path, schema)
    assert block.y is None and len(block.x) == 6
    assert refusal(tmp_path, DataError, data.read_rows, schema=schema, labels=True) == (
        "has no train-labels-idx1-ubyte; there is train-images-idx3-ubyte; "
        "put the images and the labels into one folder"
    )


SIZE = "does not have the size that its header declares"
PIXELS = "shape (6, 2, 3): 36 bytes"


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        (
            "images-idx3",
            idx(IMAGES)[:-1],
            f"{SIZE}; {PIXELS}, but there are 35 bytes; copy or write it again",
        ),
        (
            "images-idx3",
            idx(IMAGES) + b"1",
            f"{SIZE}; {PIXELS}, but there are more; copy or write it again",
        ),
        (
            "images-idx3",
            b"\0\0\x08\x03" + b"\xff" * 12 + bytes(36),
            f"{SIZE}; shape (4294967295, 4294967295, 4294967295): "
            "79228162458924105385300197375 bytes, but there are 36 bytes; copy or write it again",
        ),
        (
            "images-idx3",
            idx(LABELS),
            "is no IDX file of bytes; it starts with 00 00 08 01, not 00 00 08 03; "
            "copy or download it again",
        ),
        (
            "labels-idx1",
            b"\0\0\x0d\x01" + bytes(8),
            "is no IDX file of bytes; it starts with 00 00 0d 01, not 00 00 08 01; "
            "copy or download it again",
        ),
        (
            "labels-idx1",
            b"",
            "is no IDX file of bytes; it starts with nothing, not 00 00 08 01; "
            "copy or download it again",
        ),
        (
            "labels-idx1",
            b"\0\0\x08\x01\0\0",
            "holds nothing; its header declares shape (); copy or download it again",
        ),
        (
            "images-idx3",
            idx(IMAGES[:0]),
            "holds nothing; its header declares shape (0, 2, 3); copy or download it again",
        ),
        (
            "images-idx3",
            gzip.compress(idx(IMAGES))[:-12],
            "its gzip data is damaged or cut off; "
            "EOFError: Compressed file ended before the end-of-stream marker was reached; "
            "copy or download it again",
        ),
    ],
    ids=["short", "long", "huge", "magic", "type", "empty", "header", "zero", "gzip"],
)
def test_a_damaged_file_is_one_line(tmp_path, name, content, text):
    write(write_pair(tmp_path) / f"train-{name}-ubyte", content)
    with pytest.raises(DataError) as error:
        data.load(tmp_path)
    assert str(error.value) == f"{tmp_path}/train-{name}-ubyte: {text}"


def test_files_that_do_not_belong_together(tmp_path):
    write_pair(tmp_path, labels=LABELS[:5])
    assert refusal(tmp_path, DataError) == (
        "train-images-idx3-ubyte and train-labels-idx1-ubyte differ in length; "
        "6 images, 5 labels; give the files of one set"
    )
    write_pair(write_pair(tmp_path), "t10k", images=IMAGES.reshape(6, 3, 2))
    assert refusal(tmp_path, DataError) == (
        "the train-… and t10k-… images differ in size; "
        "their last pixels are pixel_1_2 and pixel_2_1; give pairs of one set"
    )
    (tmp_path / "train-images-idx3-ubyte").unlink()
    assert refusal(tmp_path, DataError) == (
        "has no train-images-idx3-ubyte; there is train-labels-idx1-ubyte; "
        "put the images and the labels into one folder"
    )


def test_one_class_only(tmp_path):
    assert refusal(write_pair(tmp_path, labels=LABELS * 0), DataError).endswith(
        'there is one class only, "0"; 6 rows; '
        "add rows of another class, or take other labels (--label of a CSV file)"
    )
