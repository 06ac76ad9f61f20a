"""NPZ files, folders of NPY or IDX files: values, labels, memory, and what is refused."""

import gzip
import io
import itertools
import json
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from minigrad import data
from minigrad.data import arrays
from minigrad.errors import ArgumentError, DataError, MinigradWarning
from tests.data.files import refusal, write
from tests.helpers import exactly

X = np.arange(12.0).reshape(6, 2)
Y = np.array([0, 1, 0, 1, 0, 1])


@pytest.fixture(params=["npz"])
def save(request, tmp_path):
    """Return a function that saves x and y in one of three ways and returns the path."""

    def save(x=X, y=Y):
        if request.param == "npy":
            np.save(tmp_path / "x.npy", x)
            np.save(tmp_path / "y.npy", y)
            return tmp_path
        function = np.savez if request.param == "npz" else np.savez_compressed
        function(tmp_path / "my.npz", x=x, y=y)
        return tmp_path / "my.npz"

    return save


in_each_way = pytest.mark.parametrize("save", ["npz", "compressed", "npy"], indirect=True)


@in_each_way
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_everything_about_a_plain_file(save, dtype):
    path = save()
    dataset = data.load(path, dtype=dtype)
    np.testing.assert_array_equal(dataset.x, X)
    assert dataset.x.dtype == dtype
    np.testing.assert_array_equal(dataset.y, Y)
    assert dataset.y.dtype == np.int64
    assert dataset.name == path.stem and dataset.class_names == ("0", "1")
    assert dataset.feature_names == ("x0", "x1")
    columns = (data.Column("x0"), data.Column("x1"))
    assert dataset.schema == data.Schema(columns, "", ("0", "1"), "mean", by_name=False)
    assert dataset.notes == ("rows: 6", "label: 2 classes")


@pytest.mark.parametrize("dtype", [*"bBhHiIqQ", "?", "e", "f", "d", ">f4", ">i8", "g"])
@pytest.mark.parametrize("order", "CF")
def test_dtypes_of_x(save, dtype, order):
    x = np.asarray(X % 2 if dtype == "?" else X, dtype, order=order)
    dataset = data.load(save(x=x))
    np.testing.assert_array_equal(dataset.x, x)
    assert dataset.x.dtype == np.float32 and dataset.x.dtype.isnative


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        *((Y.astype(dtype) * 9 + 1, ("1", "10")) for dtype in [*"bBhHiIqQefd", ">i4"]),
        (Y > 0, ("False", "True")),
        (np.array(["no", "yes"])[Y], ("no", "yes")),
        (np.array(["10", "9"])[1 - Y], ("9", "10")),
    ],
    ids=str,
)
def test_dtypes_of_y(save, y, classes):
    path = save(y=y)
    dataset = data.load(path)
    assert dataset.class_names == classes and dataset.y.tolist() == Y.tolist()
    (block,) = data.read_rows(path, dataset.schema, labels=True)
    assert block.y.tolist() == Y.tolist()


def test_a_large_npy_is_mapped(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MAPPED_FROM", X.nbytes // 2)
    np.save(tmp_path / "x.npy", X.astype(np.float32))
    np.save(tmp_path / "y.npy", Y)
    dataset = data.load(tmp_path)
    assert isinstance(dataset.x.base, np.memmap) and type(dataset.x) is np.ndarray
    np.testing.assert_array_equal(dataset.x, X)
    part = dataset.take(np.array([5, 0]))
    assert not isinstance(part.x.base, np.memmap)
    with open(tmp_path / "x.npy", "ab") as file:
        file.write(b"1234")
    assert refusal(tmp_path, DataError).endswith(
        "48 bytes, but there are more; copy or write it again"
    )


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"x": X[0]},
            "x is not a table of numbers, or images; x (2,) float64; "
            "save x as (N, F), or images as (N, H, W) or (N, C, H, W)",
        ),
        (
            {"x": X[:0]},
            "x is not a table of numbers, or images; x (0, 2) float64; "
            "save x as (N, F), or images as (N, H, W) or (N, C, H, W)",
        ),
        (
            {"x": X.astype(str)},
            "x is not a table of numbers, or images; x (6, 2) <U32; "
            "save x as (N, F), or images as (N, H, W) or (N, C, H, W)",
        ),
        (
            {"y": Y[:5]},
            "x and y do not pair up as (N, F) and (N,); x (6, 2), y (5,); "
            "give one label for each row of x",
        ),
        (
            {"y": Y[:, None]},
            "x and y do not pair up as (N, F) and (N,); x (6, 2), y (6, 1); "
            "give one label for each row of x",
        ),
        (
            {"x": np.zeros((60, 2)), "y": np.arange(60) / 3},
            'the label "y" is a quantity, not a class; 60 different numbers in 60 rows; '
            "save the classes as y, or pass classes=True",
        ),
    ],
)
def test_arrays_that_do_not_fit(save, change, text):
    assert refusal(save(**change), DataError) == text


@in_each_way
@pytest.mark.parametrize(
    ("y", "facts"),
    [
        (np.array([None, 1] * 3), 'shape (6,), dtype "object"'),
        (Y.astype(complex), 'shape (6,), dtype "complex128"'),
        (Y.astype("S1"), 'shape (6,), dtype "|S1"'),
        (Y.astype("M8[s]"), 'shape (6,), dtype "datetime64[s]"'),
        (np.zeros(6, [("a", int)]), "shape (6,), dtype \"[('a', '<i8')]\""),
    ],
    ids=["object", "complex", "bytes", "dates", "structured"],
)
def test_no_pickle_and_no_other_kinds_of_arrays(save, y, facts):
    path = save(y=y)
    where = f"{path}/y.npy" if path.is_dir() else "y"
    assert refusal(path, DataError) == (
        f"{where}: is not an array of numbers or strings; {facts}; "
        "save numbers in x, and numbers or strings in y"
    )


def test_a_pickle_in_an_npz_is_never_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "proof"),)

    np.savez(tmp_path / "my.npz", x=np.array([[Evil()]], dtype=object), y=Y[:1])
    assert "is not an array of numbers or strings" in refusal(tmp_path / "my.npz", DataError)
    with zipfile.ZipFile(tmp_path / "my.npz", "w") as archive:
        archive.writestr("x.npy", pickle.dumps(Evil()))
    assert "x: is not an NPY file; the magic string is not correct" in refusal(
        tmp_path / "my.npz", DataError
    )
    assert not (tmp_path / "proof").exists()


# ---- damaged files -----------------------------------------------------------------------------


def npz(**members):
    """Return the bytes of a zip with these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return buffer.getvalue()


def npy(array=X, shape=None):
    """Return the bytes of an NPY file; `shape` is what its header claims."""
    buffer = io.BytesIO()
    if shape is None:
        np.save(buffer, array)
        return buffer.getvalue()
    header = {"descr": array.dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + array.tobytes()


WIDEST = "a row can have at most 65,536; choose some of them, or make images smaller"
SIZE = "does not have the size that its header declares"
AGAIN = "copy or write it again"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            npz(a_npy=npy(), header_json="{}"),
            'has no array x and no array y; it holds "a.npy", "header.json"; '
            "save the features as x and the labels as y",
        ),
        (
            npz(x_npy=npy()),
            'has no array y; it holds "x.npy"; save the features as x and the labels as y',
        ),
        (
            npz(x_npy=npy(shape=(10**12, 2)), y_npy=npy(Y)),
            f"x: {SIZE}; shape (1000000000000, 2), dtype float64: 16000000000000 bytes, "
            f"but there are 96 bytes; {AGAIN}",
        ),
        (
            npz(x_npy=npy(shape=(5, 2)), y_npy=npy(Y)),
            f"x: {SIZE}; shape (5, 2), dtype float64: 80 bytes, but there are more; {AGAIN}",
        ),
        (
            npz(x_npy=npy(shape=(-1, 2)), y_npy=npy(Y)),
            "x: has a shape that no array has; sizes -1, 2; write it with np.save",
        ),
        (
            npz(x_npy=npy().replace(b"NUMPY\x01", b"NUMPY\x03"), y_npy=npy(Y)),
            "x: is not an NPY file; format version (3, 0); write it with np.save",
        ),
    ],
    ids=["names", "no y", "huge", "longer", "negative", "version"],
)
def test_a_strange_npz_is_one_line(tmp_path, content, text):
    path = write(tmp_path / "my.npz", content)
    assert refusal(path, DataError) == text


def header(shape, descr="<f8"):
    """Return the head of an NPY file that says so, in whatever words."""
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-len(text) - 11 & 63) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


NO_SHAPE = "has a shape that no array has; sizes"
NO_ELEMENTS = "holds what is not a character or a boolean;"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (header("(0, 1180591620717411303424)"), f"{NO_SHAPE} 0, a number over 2**62"),
        (header(f"(0x{'f' * 8000}, 1)"), f"{NO_SHAPE} a number over 2**62, 1"),
        (header(f"({'1,' * 70})"), f"{NO_SHAPE} 1, 1, 1, 1 …"),
        (header("(0, 4611686018427387903, 4611686018427387903)"), f"{NO_SHAPE} 0, 4611686018427"),
        (header("(True, True)") + bytes(8), f"{NO_SHAPE} True, True"),
        (header("(-1, 2)"), f"{NO_SHAPE} -1, 2"),
        (header("(2,)", "<U1") + b"a\0\0\0\0\0\x11\0", f"{NO_ELEMENTS} code point 0x110000"),
        (header("(2,)", ">U1") + b"\0\0\0a\0\0\xd8\0", f"{NO_ELEMENTS} code point 0xd800"),
        (header("(2, 2)", "|b1") + b"\0\1\2\0", f"{NO_ELEMENTS} byte 0x2"),
    ],
    ids=["huge", "hex", "70 axes", "product", "true", "negative", "beyond", "surrogate", "boolean"],
)  # fmt: skip
def test_a_hostile_npy_header(tmp_path, content, text):
    (tmp_path / "x.npy").write_bytes(content)
    (tmp_path / "y.npy").write_bytes(npy(Y))
    assert refusal(tmp_path, DataError).startswith(f"{tmp_path}/x.npy: {text}")


def test_a_small_member_that_would_grow(tmp_path):
    with zipfile.ZipFile(tmp_path / "my.npz", "w", zipfile.ZIP_BZIP2) as file:
        file.writestr("x.npy", npy() + bytes(1 << 20))
    assert refusal(tmp_path / "my.npz", DataError) == (
        'is compressed in another way than by np.savez_compressed; "x.npy"; write it again with '
        "np.savez(path, x=x, y=y)"
    )


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_one_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "my.npz", "w") as file:
        for _ in range(30_000):
            file.writestr("x.npy", b"")
    text = 'two of its arrays have one name; "x.npy"; write it again with np.savez(path, x=x, y=y)'
    assert refusal(tmp_path / "my.npz", DataError) == text


@pytest.mark.parametrize("name", ["x.npy", "y.npy"])
def test_a_pipe_instead_of_an_array(tmp_path, name):
    for other in ("x.npy", "y.npy"):
        (tmp_path / other).write_bytes(npy(X if other == "x.npy" else Y))
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    text = "cannot be read; it is a pipe; check the path and its rights"
    assert refusal(tmp_path, DataError).endswith(f"/{name}: {text}")


def test_a_damaged_npz(tmp_path):
    whole = npz(x_npy=npy(), y_npy=npy(Y))
    keys = npz(x_npy=npy().replace(b"descr", b"descx"), y_npy=npy(Y))
    text = refusal(write(tmp_path / "my.npz", keys), DataError)
    assert text.startswith("x: is not an NPY file; Header does not contain the correct keys")
    for content in (whole[:-10], whole[: len(whole) // 2], b"PK\x03\x04rubbish"):
        assert refusal(write(tmp_path / "my.npz", content), DataError) == (
            "is a damaged NPZ file; File is not a zip file; "
            "write it again with np.savez(path, x=x, y=y)"
        )
    flipped = bytearray(whole)
    flipped[struct.unpack("<HH", whole[26:30])[0] + 80] ^= 255
    assert refusal(write(tmp_path / "my.npz", bytes(flipped)), DataError).startswith(
        "is a damaged NPZ file; "
    )


@pytest.mark.parametrize(
    ("files", "text"),
    [
        (
            {},
            "is a folder without data that minigrad can read; it holds nothing; "
            "give a file, or a folder with x.npy and y.npy or with MNIST's IDX files",
        ),
        (
            {"a.csv": b"", "b.csv": b""},
            'is a folder without data that minigrad can read; it holds "a.csv", "b.csv"; '
            "give a file, or a folder with x.npy and y.npy or with MNIST's IDX files",
        ),
        (
            {"x.npy": npy()},
            'has no array y; it holds "x.npy"; save the features as x and the labels as y',
        ),
        (
            {"y.npy": npy(Y), "a.txt": b""},
            'has no array x; it holds "a.txt", "y.npy"; save the features as x and the labels as y',
        ),
    ],
)
def test_folders(tmp_path, files, text):
    for name, content in files.items():
        write(tmp_path / name, content)
    assert refusal(tmp_path, DataError) == text


def test_the_faults_of_an_npy_name_the_file(tmp_path):
    np.save(tmp_path / "y.npy", Y)
    for content, text in (
        (
            npy()[:-1],
            f"{SIZE}; shape (6, 2), dtype float64: 96 bytes, but there are 95 bytes; {AGAIN}",
        ),
        (b"", "is not an NPY file; EOF: reading magic string, expected 8 bytes got 0"),
    ):
        write(tmp_path / "x.npy", content)
        assert refusal(tmp_path, DataError).startswith(f"{tmp_path}/x.npy: {text}")


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (
            npy(),
            "is a single NumPy array; features and labels are two arrays; "
            "put x.npy and y.npy into one folder and give that",
        ),
        (
            b"\0\0\x08\x03\0\0\0\1",
            "is a single IDX file; features and labels are two arrays; give its folder",
        ),
    ],
)
def test_single_files(tmp_path, start, text):
    assert refusal(write(tmp_path / "my.bin", start), DataError) == text


@pytest.mark.parametrize(
    ("options", "name", "given"),
    [
        ({"label": -1}, "label", "label"),
        ({"header": "no", "one_hot": ["x0"], "drop": [0]}, "one_hot", "one_hot, drop, header"),
        ({"delimiter": ","}, "delimiter", "delimiter"),
    ],
)
def test_arrays_and_built_in_sets_take_no_options_of_text(save, options, name, given):
    remedy = "these are for CSV and TSV files: leave them out"
    for source, kind in ((save(), "a file of arrays"), ("iris", "a built-in set")):
        with pytest.raises(ArgumentError) as error:
            data.load(source, **options)
        assert str(error.value) == f"load: {kind} takes no {name}; given: {given}; {remedy}"


# ---- IDX, the format of MNIST --------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("kind", "channels"),  # IDX has no channels
    [*itertools.product(("npz", "npy"), (None, 1, 3)), ("idx", None)],
)
def test_images_keep_their_shape_in_the_schema(tmp_path, kind, channels):
    x = IMAGES if channels is None else np.stack([IMAGES] * channels, axis=1) + 1
    if kind == "npz":
        np.savez(path := tmp_path / "images.npz", x=x, y=LABELS)
    elif kind == "npy":
        np.save(tmp_path / "x.npy", np.asfortranarray(x))
        np.save(tmp_path / "y.npy", LABELS)
        path = tmp_path
    else:
        path = write_pair(tmp_path)
    dataset = data.load(path)
    np.testing.assert_array_equal(dataset.x, x.reshape(6, -1))
    assert dataset.schema.image == (channels or 1, 2, 3)
    place = "pixel_1_0_2" if channels == 3 else "pixel_0_2"
    assert dataset.feature_names[8 if channels == 3 else 2] == place
    assert data.Schema.from_dict(json.loads(json.dumps(dataset.schema.to_dict()))) == dataset.schema
    (block,) = data.read_rows(path, dataset.schema, labels=True)
    np.testing.assert_array_equal(block.x, dataset.x)


def test_images_of_another_shape_and_rows_of_pixels(tmp_path):
    np.savez(tmp_path / "images.npz", x=IMAGES, y=LABELS)
    schema = data.load(tmp_path / "images.npz").schema
    np.savez(tmp_path / "rows.npz", x=IMAGES.reshape(6, 6), y=LABELS)
    (block,) = data.read_rows(tmp_path / "rows.npz", schema)
    np.testing.assert_array_equal(block.x, IMAGES.reshape(6, 6))
    for shape in ((3, 2), (2, 2)):
        np.savez(path := tmp_path / "turned.npz", x=np.zeros((6, *shape)), y=LABELS)
        with pytest.raises(DataError) as error:
            data.read_rows(path, schema)
        assert str(error.value) == (
            f"{path}: the images do not have the shape of the training data's; 1 × {shape[0]} × "
            f"{shape[1]}, not 1 × 2 × 3; give images of the same channels, height and width"
        )


def test_images_whose_channels_seem_to_come_last(tmp_path):
    np.savez(path := tmp_path / "last.npz", x=np.zeros((6, 8, 9, 3)), y=LABELS)
    text = (
        f"{path}: x is taken as images of 9 × 3 with 8 channels; x (6, 8, 9, 3) as (N, C, H, W); "
        "if the channels come last, save np.moveaxis(x, -1, 1)"
    )
    with pytest.warns(MinigradWarning, match=exactly(text)):
        data.load(path)
    np.savez(path, x=np.zeros((6, 3, 9, 8)), y=LABELS)
    data.load(path)


def test_two_pairs_are_a_set_and_its_own_test_set(tmp_path):
    write_pair(tmp_path)
    path = write_pair(tmp_path, "t10k", IMAGES[:2] + 1, LABELS[[1, 0]], zipped=True)
    dataset = data.load(path, dtype="float64")
    assert len(dataset) == 6 and dataset.test.y.tolist() == [1, 0]
    np.testing.assert_array_equal(dataset.test.x, (IMAGES[:2] + 1).reshape(2, 6))
    assert dataset.test.x.dtype == np.float64
    assert dataset.test.class_names == dataset.class_names
    assert dataset.notes[-1] == (f"test set: 2 rows from {tmp_path}/t10k-images-idx3-ubyte.gz")
    train, val, test = data.split(dataset, test=0.2, val=1 / 3)
    assert (len(train), len(val)) == (4, 2) and test is dataset.test
    (block,) = data.read_rows(path, dataset.schema, labels=True)
    assert block.y.tolist() == [1, 0]


def test_labels_of_the_test_set_that_the_training_set_does_not_have(tmp_path):
    path = write_pair(write_pair(tmp_path), "t10k", labels=LABELS + 1)
    assert refusal(path, DataError).removeprefix(f"{path}/") == (
        't10k-images-idx3-ubyte: row 0, column "y": "4" does not occur in the training data; '
        '2 such values: row 0 "y" "4", row 1 "y" "10"; leave its rows out, or train again'
    )


def test_prediction_needs_no_labels_of_images(tmp_path):
    schema = data.load(write_pair(tmp_path)).schema
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    (block,) = data.read_rows(tmp_path, schema)
    assert block.y is None and len(block.x) == 6
    assert refusal(tmp_path, DataError, data.read_rows, schema=schema, labels=True) == (
        "has no train-labels-idx1-ubyte; it holds train-images-idx3-ubyte; "
        "put the images and the labels into one folder"
    )


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
            f"has rows of 18446744065119617025 features; {WIDEST}",
        ),
        (
            "images-idx3",
            idx(LABELS),
            "is not an IDX file of bytes; it starts with 00 00 08 01, not 00 00 08 03; "
            "copy or download it again",
        ),
        (
            "labels-idx1",
            b"\0\0\x0d\x01" + bytes(8),
            "is not an IDX file of bytes; it starts with 00 00 0d 01, not 00 00 08 01; "
            "copy or download it again",
        ),
        (
            "labels-idx1",
            b"",
            "is not an IDX file of bytes; it starts with nothing, not 00 00 08 01; "
            "copy or download it again",
        ),
        (
            "labels-idx1",
            b"\0\0\x08\x01\0\0",
            "is empty; its header declares shape (); copy or download it again",
        ),
        (
            "images-idx3",
            idx(IMAGES[:0]),
            "is empty; its header declares shape (0, 2, 3); copy or download it again",
        ),
        (
            "images-idx3",
            gzip.compress(idx(IMAGES))[:-12],
            "its gzip data is damaged or cut off; "
            "Compressed file ended before the end-of-stream marker was reached; "
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
        "6 images, 5 labels; give the files of the same set"
    )
    write_pair(write_pair(tmp_path), "t10k", images=IMAGES.reshape(6, 3, 2))
    assert refusal(tmp_path, DataError) == (
        "the train-… and t10k-… images differ in size; "
        "their last pixels are pixel_1_2 and pixel_2_1; give pairs of the same set"
    )
    (tmp_path / "train-images-idx3-ubyte").unlink()
    assert refusal(tmp_path, DataError) == (
        "has no train-images-idx3-ubyte; it holds train-labels-idx1-ubyte; "
        "put the images and the labels into one folder"
    )


def test_one_class_only(tmp_path):
    assert refusal(write_pair(tmp_path, labels=LABELS * 0), DataError).endswith(
        'there is only one class, "0"; 6 rows; '
        "add rows of another class, or choose other labels (label=COL of a CSV file)"
    )


@pytest.mark.parametrize("kind", ["npz", "npy", "idx.gz"])
def test_a_small_file_does_not_become_millions_of_features(tmp_path, kind):
    """18 kB of zeros, zipped."""
    x = np.zeros((6, 70_000), np.uint8)
    if kind == "npz":
        path, where = tmp_path / "a.npz", "a.npz: x"
        np.savez_compressed(path, x=x, y=LABELS[:6])
    elif kind == "npy":
        path, where = tmp_path, f"{tmp_path.name}/x.npy"
        np.save(path / "x.npy", x), np.save(path / "y.npy", LABELS[:6])
    else:
        path, where = tmp_path, f"{tmp_path.name}/train-images-idx3-ubyte.gz"
        write(path / "train-images-idx3-ubyte.gz", gzip.compress(idx(x.reshape(6, 700, 100))))
        write(path / "train-labels-idx1-ubyte", idx(LABELS[:6]))
    with pytest.raises(DataError) as error:
        data.load(path)
    assert str(error.value).endswith(f"{where}: has rows of 70000 features; {WIDEST}")
    with pytest.raises(DataError):
        data.read_rows(path, data.load("iris").schema)
