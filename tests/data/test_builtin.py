"""The built-in sets: the files, the catalogue and load."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad import data
from minigrad.data import builtin
from minigrad.errors import DataError, DTypeError

FILES = Path(__file__).parents[2] / "datasets"

# name: (rows of each class, in label order; last column; sha256 of the file)
CSV = {
    "digits": (
        dict(zip("0123456789", (178, 182, 177, 183, 181, 182, 181, 179, 174, 180), strict=True)),
        "label",
        "7a93e51f73dadeb4429b4fc0718b334d12864332b906bdf44f9da7599a7e0e01",
    ),
    "iris": (
        {"setosa": 50, "versicolor": 50, "virginica": 50},
        "species",
        "91eb642c3adbc7bad8e99c930c11fa3a5cc8a07262c7a753b4e6ecf405f2e05e",
    ),
    "wine": (
        {"class_0": 59, "class_1": 71, "class_2": 48},
        "cultivar",
        "0b1878a85c7319cb85c8f5eed4731bac48b130b99bb19169c8ac7f55fbc984f7",
    ),
    "breast_cancer": (
        {"malignant": 212, "benign": 357},
        "diagnosis",
        "518936fa92ca3d8a78c420aee22030c4e519ffcba3be15dd23e83f2fc22e20e5",
    ),
}


@pytest.mark.parametrize("name", CSV)
def test_csv_file(name):
    counts, last, sha256 = CSV[name]
    raw = (FILES / f"{name}.csv").read_bytes()
    assert hashlib.sha256(raw).hexdigest() == sha256
    assert b"\r" not in raw and raw.endswith(b"\n")
    assert raw.split(b"\n", 1)[0].decode().rpartition(",")[2] == last
    dataset = data.load(name)
    assert dataset.class_names == tuple(counts)
    assert np.bincount(dataset.y).tolist() == [*counts.values()]


@pytest.mark.parametrize("name", builtin.BUILTIN)
def test_load_agrees_with_the_catalogue(name):
    dataset, info = data.load(name), data.BUILTIN[name]
    assert dataset.x.shape == (info.rows, info.features)
    assert dataset.class_names == info.classes
    assert set(dataset.y) == set(range(len(info.classes)))
    assert dataset.name == name
    assert (dataset.x.dtype, dataset.y.dtype) == (np.float32, np.int64)
    assert dataset.x.flags.c_contiguous
    assert info.source and "\n" not in info.source


def test_catalogue_lists_four_files_and_five_generators():
    assert [*data.BUILTIN] == [*CSV, "moons", "circles", "blobs", "spirals", "xor"]


def test_values_and_labels_are_those_of_the_file():
    iris = data.load("iris", dtype=np.float64)
    assert iris.feature_names == ("sepal_length", "sepal_width", "petal_length", "petal_width")
    for row in (0, 34, 75, 149):
        *numbers, species = (FILES / "iris.csv").read_text().splitlines()[row + 1].split(",")
        assert [float(number) for number in numbers] == iris.x[row].tolist()
        assert species == iris.class_names[iris.y[row]]
    digits = data.load("digits")
    assert digits.feature_names[:9] == (*(f"pixel_0_{i}" for i in range(8)), "pixel_1_0")
    assert digits.class_names == tuple("0123456789")
    assert (digits.x.min(), digits.x.max()) == (0, 16)


@pytest.mark.parametrize("name", ["digits", "iris", "moons"])
def test_load_dtype(name):
    wide = data.load(name, dtype=np.float64)
    assert wide.x.dtype == np.float64
    np.testing.assert_array_equal(wide.x.astype(np.float32), data.load(name).x)
    with pytest.raises(DTypeError):
        data.load(name, dtype=np.int64)


def test_generated_sets_have_their_generators_defaults():
    np.testing.assert_array_equal(data.load("spirals").x, data.spirals().x)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("breast-cancer", "did you mean 'breast_cancer'?"),
        ("spiral", "did you mean 'spirals'?"),
        ("imagenet.csv", "choose one, or check the path"),
    ],
)
def test_unknown_name(name, remedy):
    with pytest.raises(DataError) as error:
        data.load(name)
    assert str(error.value) == (
        f"load: no built-in set and no file is called '{name}'; built in are digits, iris, wine, "
        f"breast_cancer, moons, circles, blobs, spirals, xor; {remedy}"
    )


def test_places_of_the_files():
    package = Path(minigrad.__file__).parent
    assert str(package / "data" / "csv") == builtin.IN_WHEEL
    assert str(package.parent / "datasets") == builtin.IN_CLONE


def test_the_wheels_place_comes_before_the_clones(tmp_path, monkeypatch):
    # Rows in reverse: labels must not depend on which class comes first in the file.
    header, *rows = (FILES / "iris.csv").read_text().splitlines()
    (tmp_path / "iris.csv").write_text("\n".join([header, *rows[::-1]]) + "\n")
    in_clone = data.load("iris")
    monkeypatch.setattr(builtin, "IN_WHEEL", tmp_path)
    in_wheel = data.load("iris")
    np.testing.assert_array_equal(in_wheel.x, in_clone.x[::-1])
    np.testing.assert_array_equal(in_wheel.y, in_clone.y[::-1])
    assert in_wheel.class_names == in_clone.class_names
    monkeypatch.setattr(builtin, "IN_WHEEL", tmp_path / "absent")
    np.testing.assert_array_equal(data.load("iris").x, in_clone.x)
