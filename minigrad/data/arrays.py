"""Tables that are arrays already, in NumPy's own files: an NPZ, or a folder of NPY files."""

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
from .cells import Codes
from .dataset import Dataset
from .findings import Problems
from .labels import check_classes, classes_of
from .schema import Column, Schema
from .text import opened

ROWS_AT_ONCE = 4096
MAPPED_FROM = 1 << 26  # bytes; what is smaller is read into memory
CHUNK = 1 << 20  # bytes
HEADER_ERRORS = (ValueError, TypeError, SyntaxError, tokenize.TokenError, RecursionError)
# RuntimeError: encrypted, or another compression; ValueError and OSError: offsets beyond the file.
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError)
ZIP_ERRORS += (KeyError, ValueError, OSError)


class Arrays(NamedTuple):
    """x (N, F) numbers, y (N,) labels or None, F names, and the file's name for messages.

    A row's number is its index, counted from 0.
    """

    where: str
    x: np.ndarray
    y: np.ndarray | None
    feature_names: tuple[str, ...]


# ---- files -------------------------------------------------------------------------------------


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
