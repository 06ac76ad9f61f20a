"""Tables that are arrays already: an NPZ file, or a folder of NPY or of IDX files (MNIST's format).

Source of IDX: http://yann.lecun.com/exdb/mnist, "The IDX file format".
"""

import lzma
import math
import os
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from ..errors import DataError
from ..text import listed, shown
from .dataset import Column, Dataset, Schema
from .files import opened, unzipped
from .labels import Codes, check_classes, classes_of
from .problems import Problems

ROWS_AT_ONCE = 4096
MAPPED_FROM = 1 << 26  # bytes; what is smaller is read into memory
CHUNK = 1 << 20  # bytes
HEADER_ERRORS = (ValueError, TypeError, SyntaxError, tokenize.TokenError, RecursionError)
# RuntimeError: encrypted, or another compression; ValueError and OSError: offsets beyond the file.
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError)
ZIP_ERRORS += (KeyError, ValueError, OSError)


UBYTE = 0x08
DIMENSIONS = {"images": 3, "labels": 1}


class Arrays(NamedTuple):
    """x (N, F) numbers, y (N,) labels or None, F names, and the file's name for messages.

    A row's number is its index, counted from 0.
    """

    where: str
    x: np.ndarray
    y: np.ndarray | None
    feature_names: tuple[str, ...]


# ---- NPZ and NPY ---------------------------------------------------------------------------------


def read_npz(path: str | os.PathLike, where: str, need_y: bool) -> Arrays:
    """Return the arrays x and y of an NPZ file; no pickle.

    Raises DataError for a damaged file, and for arrays of another name, shape or dtype.
    """
    found = {}
    with opened(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                names = [name.removesuffix(".npy") for name in archive.namelist()]
                for name in ("x", "y") if need_y else ("x",):
                    if name in names:
                        with archive.open(f"{name}.npy") as member:
                            found[name] = read_array(member, f"{where}: {name}")
        except DataError:
            raise
        except ZIP_ERRORS as error:
            raise DataError(
                where,
                "is a damaged NPZ file",
                f"{type(error).__name__}: {error}",
                "write it again with np.savez(path, x=x, y=y)",
            ) from error
    return _pair(where, found, names, need_y)


def read_npy_folder(
    folder: str | os.PathLike, names: list[str], where: str, need_y: bool
) -> Arrays:
    """Return the arrays of x.npy and y.npy in a folder, large ones mapped instead of read.

    Raises DataError as read_npz does.
    """
    found = {}
    for name in ("x", "y") if need_y else ("x",):
        if f"{name}.npy" in names:
            path = os.path.join(folder, f"{name}.npy")
            with opened(path) as file:
                found[name] = read_array(file, os.path.join(where, f"{name}.npy"), path)
    return _pair(where, found, names, need_y)


def read_array(file: BinaryIO, where: str, path: str | None = None) -> np.ndarray:
    """Return the array in an NPY file, from a stream; with a `path`, a large one is mapped.

    The memory is taken as the bytes come, so that a header cannot ask for more than there is.

    Raises DataError for a damaged file, and for one that does not hold numbers or texts.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a header as Python 2 wrote it
            version = np.lib.format.read_magic(file)
            if version not in ((1, 0), (2, 0)):
                raise ValueError(f"format version {version}")
            read_header = np.lib.format.read_array_header_1_0
            if version == (2, 0):
                read_header = np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read_header(file)
    except HEADER_ERRORS as error:
        first = str(error).partition("\n")[0]
        raise DataError(
            where, "is no NPY file", f"{type(error).__name__}: {first}", "write it with np.save"
        ) from error
    if dtype.kind not in "biufU" or not dtype.itemsize or min(shape, default=0) < 0:
        raise DataError(
            where,
            "is no array of numbers or texts",
            f"shape {shape}, dtype {shown(str(dtype))}",
            "save numbers in x, and numbers or texts in y",
        )
    size = math.prod(shape) * dtype.itemsize
    order = "F" if fortran else "C"
    if path is not None and size >= MAPPED_FROM and os.path.getsize(path) == file.tell() + size:
        return np.asarray(np.memmap(path, dtype, "r", file.tell(), shape, order))
    data = read_bytes(file, size, where, f"shape {shape}, dtype {dtype}")
    return np.frombuffer(data, dtype).reshape(shape, order=order)


def read_bytes(file: BinaryIO, size: int, where: str, declared: str) -> bytearray:
    """Return the rest of a file, which has `size` bytes as `declared` in its header.

    Raises DataError where it has more or fewer.
    """
    data = bytearray()
    while len(data) < size and (chunk := file.read(min(CHUNK, size - len(data)))):
        data += chunk
    if len(data) < size or file.read(1):
        got = f"{len(data)} bytes" if len(data) < size else "more"
        raise DataError(
            where,
            "does not have the size that its header declares",
            f"{declared}: {size} bytes, but there are {got}",
            "copy or write it again",
        )
    return data


def _pair(where, found, names, need_y):
    """Return the Arrays of x and y, checked against each other."""
    absent = [name for name in ("x", "y") if name not in found and (name == "x" or need_y)]
    if absent:
        raise DataError(
            where,
            f"has no array {' and no array '.join(absent)}",
            f"there is {listed(names) or 'nothing'}",
            "save the features as x and the labels as y",
        )
    x, y = found["x"], found.get("y")
    if x.ndim != 2 or x.dtype.kind == "U" or 0 in x.shape:
        raise DataError(
            where,
            "x is no table of numbers",
            f"x {x.shape} {x.dtype}",
            "save x as (N, F); x.reshape(len(x), -1) makes images rows",
        )
    if y is not None and y.shape != x.shape[:1]:
        raise DataError(
            where,
            "x and y do not pair up as (N, F) and (N,)",
            f"x {x.shape}, y {y.shape}",
            "save one label for each row of x",
        )
    return Arrays(where, x, y, tuple(f"x{i}" for i in range(x.shape[1])))


# ---- IDX -----------------------------------------------------------------------------------------


def is_idx_folder(names: list[str]) -> bool:
    """Return whether some of the file names are those of MNIST's parts."""
    return any(_find(names, part, kind) for part in ("train", "t10k") for kind in DIMENSIONS)


def read_idx_folder(
    folder: str | os.PathLike, names: list[str], where: str, need_y: bool
) -> list[Arrays]:
    """Return the train-… and the t10k-… pair of a folder, or the one of them that is there.

    x (N, R C) uint8, pixel_r_c for row r and column c; y (N,) uint8.

    Raises DataError for a damaged file, a pair that is not whole, and pairs that do not fit.
    """
    parts = [part for part in ("train", "t10k") if any(_find(names, part, k) for k in DIMENSIONS)]
    pairs = [_read_pair(folder, names, part, where, need_y) for part in parts]
    if len({pair.feature_names for pair in pairs}) > 1:
        raise DataError(
            where,
            "the train-… and t10k-… images differ in size",
            f"their last pixels are {' and '.join(pair.feature_names[-1] for pair in pairs)}",
            "give pairs of one set",
        )
    return pairs


def _find(names, part, kind):
    """Return the name of a file, None where it is not there; .gz only where the other is not."""
    for ending in ("", ".gz"):
        for dash in "-.":
            name = f"{part}-{kind}{dash}idx{DIMENSIONS[kind]}-ubyte{ending}"
            if name in names:
                return name
    return None


def _read_pair(folder, names, part, where, need_y):
    images, labels = (_find(names, part, kind) for kind in DIMENSIONS)
    if images is None or (labels is None and need_y):
        kind = "images" if images is None else "labels"
        raise DataError(
            where,
            f"has no {part}-{kind}-idx{DIMENSIONS[kind]}-ubyte",
            f"there is {images or labels}",
            "put the images and the labels into one folder",
        )
    x = _read_idx(os.path.join(folder, images), os.path.join(where, images), 3)
    y = None
    if labels is not None and need_y:
        y = _read_idx(os.path.join(folder, labels), os.path.join(where, labels), 1)
        if len(x) != len(y):
            raise DataError(
                where,
                f"{images} and {labels} differ in length",
                f"{len(x)} images, {len(y)} labels",
                "give the files of one set",
            )
    rows, columns = x.shape[1:]
    pixels = tuple(f"pixel_{r}_{c}" for r in range(rows) for c in range(columns))
    return Arrays(os.path.join(where, images), x.reshape(len(x), -1), y, pixels)


def _read_idx(path, where, dimensions):
    """Return the array in an IDX file of bytes with so many dimensions."""
    with opened(path) as file, unzipped(file, where) as plain:
        magic = plain.read(4)
        if magic != bytes([0, 0, UBYTE, dimensions]):
            raise DataError(
                where,
                "is no IDX file of bytes",
                f"it starts with {magic.hex(' ') or 'nothing'}, not 00 00 08 {dimensions:02x}",
                "copy or download it again",
            )
        sizes = plain.read(4 * dimensions)
        shape = tuple(np.frombuffer(sizes[: len(sizes) // 4 * 4], ">u4").tolist())
        if len(shape) < dimensions or 0 in shape:
            raise DataError(
                where,
                "holds nothing",
                f"its header declares shape {shape}",
                "copy or download it again",
            )
        size = math.prod(shape)
        data = read_bytes(plain, size, where, f"shape {shape}")
    return np.frombuffer(data, np.uint8).reshape(shape)


# ---- values ------------------------------------------------------------------------------------


def to_dataset(
    arrays: Arrays, name: str, dtype: np.dtype, missing: str, test: Arrays | None = None
) -> Dataset:
    """Return a Dataset of arrays, and of its own test set where there is one.

    Raises DataError for values and labels that cannot be used, see `load`.
    """
    problems, known = Problems(missing, dtype), Codes()
    codes = _codes(arrays.y, known)
    complete = find_complete(arrays, codes, problems)
    problems.check(arrays.where)
    if not complete.any() and missing == "drop":
        raise DataError(
            arrays.where,
            "every row has a missing value",
            f"{len(complete)} rows: {problems.places()}",
            "pass --missing mean, or leave out what has no values",
        )
    class_names, index = classes_of(known.values, arrays.where)
    y = index[codes[complete] if missing == "drop" else codes]
    check_classes(y, class_names, arrays.where)
    x = finish(arrays.x, complete, problems)
    columns = tuple(map(Column, arrays.feature_names))
    schema = Schema(columns, "", class_names, missing, by_name=False)
    notes = [*problems.notes(len(complete), len(complete) - len(y))]
    notes.append(f"label: {len(class_names)} classes")
    if test is not None:
        notes.append(f"test set: {len(test.x)} rows of its own, from {test.where}")
        problems = Problems("error", dtype)
        test_y = _codes(test.y, Codes(class_names))
        complete = find_complete(test, test_y, problems)
        problems.check(test.where)
        test_x = finish(test.x, complete, problems)
        test = Dataset(test_x, test_y, schema.feature_names, class_names, name, schema)
    return Dataset(x, y, schema.feature_names, class_names, name, schema, test, tuple(notes))


def find_complete(arrays: Arrays, codes: np.ndarray | None, problems: Problems) -> np.ndarray:
    """Return which rows have all of their values, (N,) bool, and add what is wrong to `problems`.

    codes (N,): those of the labels, see Codes; None without labels.
    """
    x, names = arrays.x, arrays.feature_names
    complete = np.ones(len(x), dtype=bool)
    for start in range(0, len(x), ROWS_AT_ONCE):
        values = x[start : start + ROWS_AT_ONCE]
        with np.errstate(over="ignore"):
            cast = values.astype(problems.dtype)
        for r, f in np.argwhere(~np.isfinite(cast)):
            large = np.isfinite(values[r, f])
            kind = problems.too_large if large else problems.missing
            kind.add(start + int(r), names[f], str(values[r, f]))
            complete[start + r] = large
    if codes is not None:
        for r in np.flatnonzero(codes == Codes.UNKNOWN):
            problems.unknown.add(int(r), "y", str(arrays.y[r]))
        for r in np.flatnonzero(codes == Codes.ABSENT):
            problems.unlabelled.add(int(r), "y", str(arrays.y[r]))
            complete[r] = False
    return complete


def finish(x: np.ndarray, complete: np.ndarray, problems: Problems) -> np.ndarray:
    """Return x as `problems.dtype`, without its incomplete rows or with NaN where it is not finite.

    Where nothing needs to change it is x itself.
    """
    if problems.missing_rule == "drop" and not complete.all():
        x = x[complete]
    x = x.astype(problems.dtype, copy=False)
    if problems.missing_rule == "mean" and problems.missing:
        x = np.where(np.isfinite(x), x, x.dtype.type(np.nan))
    return x


def _codes(y, known):
    """Return the code of each label, (N,) int64."""
    if y.dtype.kind == "f":
        y = np.where(np.isfinite(y), y, np.nan)
    values, index = np.unique(y, return_inverse=True)
    return np.array([known[str(value)] for value in values.tolist()], dtype=np.int64)[index]


def array_blocks(
    arrays: Arrays, schema: Schema, labels: bool, dtype: np.dtype
) -> Iterator[tuple[np.ndarray, np.ndarray | None, np.ndarray, int]]:
    """Return what the fields of Blocks are, see read_rows.

    Raises DataError where x has other features than the schema, and for values and labels that
    cannot be used.
    """
    where, x = arrays.where, arrays.x
    words = [column.name for column in schema.columns if column.values is not None]
    if words:
        raise DataError(
            where,
            "x holds numbers, and the schema has columns of words",
            f"columns {listed(words)}",
            "give a CSV or TSV file",
        )
    if x.shape[1] != len(schema.columns):
        raise DataError(
            where,
            f"x does not have the {len(schema.columns)} features of the schema",
            f"x {x.shape}",
            "give the features of the training data, in their order",
        )
    problems = Problems(schema.missing, dtype, trained=True)
    codes = _codes(arrays.y, Codes(schema.class_names)) if labels else None
    complete = find_complete(arrays, codes, problems)
    problems.check(where)

    def blocks():
        for start in range(0, len(x), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            kept = complete[part] if schema.missing == "drop" else np.ones(len(x[part]), bool)
            y = None if codes is None else codes[part][kept]
            numbers = start + np.flatnonzero(kept)
            yield finish(x[part], complete[part], problems), y, numbers, int(np.sum(~kept))

    return blocks()
