"""Damaged files of every kind: each is refused in one line, or read as a sound data set."""

import gzip
import io
import struct

import numpy as np
import pytest

from minigrad import data
from minigrad.errors import ArgumentError, DataError

CELLS = ["", "?", "NA", "1e999", "-1", "0x10", "1_0", "1,5", '"', '""', '"a\nb"', "\r", "\u2028"]
CELLS += ["\x00", "é", "x" * 200, ";", "|", "\t", "nan", "²", "١", "\ufeff", " ", "1" * 400, "\x1a"]
BYTES = [
    b"\0",
    b"\xff",
    b"\xff\xfe",
    b"\n",
    b"\r",
    b'"',
    b",",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"\x93NUM",
]
# The first of each is the default, and comes more often than all the others.
OPTIONS = {
    "delimiter": [None, ",", ";", "tab"],
    "header": ["auto", "yes", "no"],
    "label": [None, 0, "kind", "nothing", -2],
    "one_hot": [(), ("colour",), ("none",), (0, 1), (-1,)],
    "drop": [(), ("colour",), (2,), ("kind", 0)],
    "missing": ["mean", "drop", "error"],
    "dtype": [np.float32, np.float64],
    "decimal": [None, None, ","],
    "thousands": [None, None, ",", "space"],
    "encoding": [None, None, "latin-1", "utf-16"],
    "skip": [None, None, 1],
    "na": [None, None, ["?"]],
    "classes": [False, True],
}


def choice(rng, values):
    return values[rng.integers(len(values))]


def table(rng):
    """Return a good CSV file."""
    delimiter = choice(rng, ",;\t|")
    rows = [["size", "width", "colour", "kind"]]
    for i in range(rng.integers(4, 40)):
        numbers = [f"{number:.4g}" for number in rng.standard_normal(2)]
        rows.append([*numbers, choice(rng, ["red", "blue"]), f"k{i % 2}"])
    if rng.random() < 0.4:  # a strange cell or two
        for _ in range(rng.integers(1, 4)):
            row = choice(rng, rows)
            row[rng.integers(len(row))] = choice(rng, CELLS)
    end = choice(rng, ["\n", "\r\n", "\r"])
    text = end.join(delimiter.join(row) for row in rows) + end
    content = (choice(rng, ["", "", "\ufeff"]) + text).encode(
        choice(rng, ["utf-8"] * 19 + ["utf-16"])
    )
    return gzip.compress(content, mtime=0) if rng.random() < 0.1 else content


def npz(rng):
    """Return a good NPZ file."""
    x, y = rng.standard_normal((8, 3)).astype(choice(rng, "fd")), np.arange(8) % 2
    buffer = io.BytesIO()
    save = choice(rng, [np.savez, np.savez_compressed])
    save(buffer, x=x, y=y.astype(choice(rng, ["i8", "f4", "U3", "?"])))
    return buffer.getvalue()


def idx(rng):
    """Return a good pair of IDX files: images and labels."""
    images = b"\0\0\x08\x03" + struct.pack(">3I", 8, 2, 3) + rng.bytes(48)
    return images, b"\0\0\x08\x01" + struct.pack(">I", 8) + bytes([0, 1] * 4)


def damage(rng, content):
    """Return the content with some bytes changed, left out, doubled or put in."""
    content = bytearray(content)
    for _ in range(choice(rng, [0, 0, 0, 0, 1, 2])):
        if not content:
            break
        start = int(rng.integers(len(content)))
        length = int(rng.integers(1, 1 + min(20, len(content) - start)))
        match rng.integers(6):
            case 0:
                content[start] ^= 1 << int(rng.integers(8))
            case 1:
                del content[start : start + length]
            case 2:
                del content[start:]
            case 3:
                content[start:start] = content[start : start + length]
            case 4:
                content[start:start] = choice(rng, BYTES)
            case 5:
                content[start : start + length] = rng.bytes(length)
    return bytes(content)


def sound(dataset, options):
    """Assert what every Dataset promises."""
    assert len(dataset) > 1 and len(dataset.class_names) > 1
    assert dataset.x.dtype == options.get("dtype", np.float32) and dataset.y.dtype == np.int64
    gaps = np.isnan(dataset.x)
    assert np.isfinite(dataset.x[~gaps]).all()
    assert not gaps.any() or options["missing"] == "mean"
    assert dataset.feature_names == dataset.schema.feature_names
    assert (np.bincount(dataset.y, minlength=len(dataset.class_names)) > 0).all()
    assert not any("\n" in note for note in dataset.notes)


def attempt(rng, folder):
    """Load one damaged file, and read it by the schema that it gives; return the outcome."""
    kind = choice(rng, ["table", "table", "npz", "npy", "idx"])
    options = {key: choice(rng, [v[0], v[0], choice(rng, v)]) for key, v in OPTIONS.items()}
    if kind != "table":
        options = {key: options[key] for key in ("missing", "dtype")}
    path = folder / "file"
    if kind == "table":
        path.write_bytes(damage(rng, table(rng)))
    elif kind == "npz":
        path.write_bytes(damage(rng, npz(rng)))
    elif kind == "npy":
        path = folder / "npy"
        path.mkdir(exist_ok=True)
        for name, array in (("x", rng.standard_normal((8, 3))), ("y", np.arange(8) % 2)):
            buffer = io.BytesIO()
            np.save(buffer, array)
            (path / f"{name}.npy").write_bytes(damage(rng, buffer.getvalue()))
    else:
        path = folder / "idx"
        path.mkdir(exist_ok=True)
        for name, content in zip(("images-idx3", "labels-idx1"), idx(rng), strict=True):
            (path / f"train-{name}-ubyte").write_bytes(damage(rng, content))
    try:
        dataset = data.load(path, **options)
    except (DataError, ArgumentError) as error:
        assert len(error.args) == 4 and len(str(error).splitlines()) == 1, str(error)
        return "refused"
    sound(dataset, options)
    header = "yes" if dataset.schema.by_name else "no"
    how = {"header": header, "delimiter": options.get("delimiter"), "dtype": options["dtype"]}
    blocks = list(data.read_rows(path, dataset.schema, labels=True, **how))
    np.testing.assert_array_equal(np.concatenate([block.x for block in blocks]), dataset.x)
    np.testing.assert_array_equal(np.concatenate([block.y for block in blocks]), dataset.y)
    return "read"


def run(folder, seeds):
    """Return how many of the files were read and how many refused."""
    counts = {"read": 0, "refused": 0}
    for seed in seeds:
        try:
            counts[attempt(np.random.default_rng(seed), folder)] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
    return counts


pytestmark = pytest.mark.filterwarnings("ignore::minigrad.errors.MinigradWarning")


def test_a_few_damaged_files(tmp_path):
    counts = run(tmp_path, range(60))
    assert min(counts.values()) >= 15


@pytest.mark.slow
def test_many_damaged_files(tmp_path, capsys):
    counts = run(tmp_path, range(1000, 4000))
    assert min(counts.values()) >= 500
    with capsys.disabled():
        print(f"\n{sum(counts.values())} damaged files: {counts}")
