"""Data that is arrays already: an NPZ file, or a folder of NPY or of IDX files (MNIST's format).

Source of IDX: http://yann.lecun.com/exdb/mnist, "The IDX file format".
"""

import math
import os
import sys
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import IO, Any, NamedTuple, Self

import numpy as np

from ..errors import DataError, warn_once
from ..text import counted, listed, reason, shown
from .cells import PLAIN
from .dataset import Column, Dataset, Schema, check_pair
from .files import opened, unzipped
from .labels import Codes, classes_of
from .precision import note_of_offsets
from .problems import Problems

ROWS_AT_ONCE = 4096
MAPPED_FROM = 1 << 26  # bytes; what is smaller is read into memory
CHUNK = 1 << 20  # bytes
MOST_FEATURES = 1 << 16
MOST_AXES, LARGEST = 32, 2**62  # bytes
HEADER_ERRORS = (ValueError, TypeError, SyntaxError, tokenize.TokenError, RecursionError)
# RuntimeError: encrypted, or another compression; ValueError and OSError: offsets beyond the file.
ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, EOFError),
    *(RuntimeError, KeyError, ValueError, OSError),
)
UBYTE = 0x08  # IDX's code of the dtype
DIMENSIONS = {"images": 3, "labels": 1}
FEW = (1, 3, 4)  # channels that most images have


class Arrays(NamedTuple):
    """x (N, F) numbers, y (N,) labels or None, F names, and the file's name for messages.

    A row's number is its index, counted from 0.
    image: (C, H, W) if the rows are images.
    """

    where: str
    x: np.ndarray
    y: np.ndarray | None
    feature_names: tuple[str, ...]
    image: tuple[int, int, int] | None = None

    @classmethod
    def of_images(cls, where: str, x: np.ndarray, y: np.ndarray | None) -> Self:
        """Return the Arrays of images (N, H, W) or (N, C, H, W), with a name for each pixel.

        Warns of images whose channels seem to come last.
        """
        channels, height, width = image = x.shape[1:] if x.ndim == 4 else (1, *x.shape[1:])
        if width in FEW and channels not in FEW:
            wrong = f"x is taken as images of {height} × {width} with {channels} channels"
            remedy = "if the channels come last, save np.moveaxis(x, -1, 1)"
            warn_once(where, wrong, f"x {x.shape} as (N, C, H, W)", remedy)
        places = ["_".join(map(str, at)) for at in np.ndindex(image if channels > 1 else image[1:])]
        pixels = tuple(f"pixel_{place}" for place in places)
        return cls(where, x.reshape(len(x), -1), y, pixels, image)


# ---- NPZ and NPY -------------------------------------------------------------------------------


def read_npz(path: str | os.PathLike, where: str, need_y: bool) -> Arrays:
    """Return the arrays x and y of an NPZ file; no pickle.

    Raises DataError for a damaged file, and for arrays of another name, shape or dtype.
    """
    with opened(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                _check_members(archive, where)

                def read(name: str) -> np.ndarray:
                    with archive.open(name) as member:
                        place = f"{where}: {name.removesuffix('.npy')}"
                        return read_array(member, place, widest=MOST_FEATURES)

                return _read_pair(archive.namelist(), read, where, need_y)
        except DataError:
            raise
        except ZIP_ERRORS as error:
            remedy = "write it again with np.savez(path, x=x, y=y)"
            raise DataError(where, "is a damaged NPZ file", reason(error), remedy) from error


def _check_members(archive: zipfile.ZipFile, where: str) -> None:
    """Refuse two members of one name, and a compression that NumPy does not write."""
    remedy, names = "write it again with np.savez(path, x=x, y=y)", set()
    for member in archive.infolist():
        if member.filename in names:
            wrong = "two of its arrays have one name"
            raise DataError(where, wrong, shown(member.filename), remedy)
        names.add(member.filename)
        # A small member of the others can grow without bounds before its first byte is read.
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            wrong = "is compressed in another way than by np.savez_compressed"
            raise DataError(where, wrong, f"{shown(member.filename)}", remedy)


def read_npy_folder(
    folder: str | os.PathLike, names: list[str], where: str, need_y: bool
) -> Arrays:
    """Return the arrays of x.npy and y.npy in a folder; large ones are mapped, not read.

    Raises DataError as read_npz does.
    """

    def read(name: str) -> np.ndarray:
        path = os.path.join(folder, name)
        with opened(path) as file:
            return read_array(file, os.path.join(where, name), path, MOST_FEATURES)

    return _read_pair(names, read, where, need_y)


def _read_pair(
    names: list[str], read: Callable[[str], np.ndarray], where: str, need_y: bool
) -> Arrays:
    """Return the Arrays of x.npy and y.npy among the names, checked against each other."""
    wanted = ("x", "y") if need_y else ("x",)
    found = {name: read(f"{name}.npy") for name in wanted if f"{name}.npy" in names}
    if absent := [name for name in wanted if name not in found]:
        wrong = f"has no array {' and no array '.join(absent)}"
        facts = f"it holds {listed(names) or 'nothing'}"
        raise DataError(where, wrong, facts, "save the features as x and the labels as y")
    x, y = found["x"], found.get("y")
    if x.ndim not in (2, 3, 4) or x.dtype.kind == "U" or 0 in x.shape:
        facts = f"x {x.shape} {x.dtype}"
        remedy = "save x as (N, F), or images as (N, H, W) or (N, C, H, W)"
        raise DataError(where, "x is not a table of numbers, or images", facts, remedy)
    if y is not None:
        check_pair(where, x.reshape(len(x), -1), y)
    if x.ndim > 2:
        return Arrays.of_images(where, x, y)
    return Arrays(where, x, y, tuple(f"x{i}" for i in range(x.shape[1])))


def read_array(
    file: IO[bytes], where: str, path: str | None = None, widest: float = math.inf
) -> np.ndarray:
    """Return the array in an NPY file, from a stream; with a `path`, a large one is mapped.

    widest: how many elements a row of it can have.

    Memory is taken as the bytes come, so that a header cannot ask for more than there is.

    Raises DataError for a damaged file, and for one that does not hold numbers or strings.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a header that Python 2 wrote
            version = np.lib.format.read_magic(file)
            if version not in ((1, 0), (2, 0)):
                raise ValueError(f"format version {version}")
            read_header = np.lib.format.read_array_header_1_0
            if version == (2, 0):
                read_header = np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read_header(file)
    except HEADER_ERRORS as error:
        remedy = "write it with np.save"
        raise DataError(where, "is not an NPY file", reason(error), remedy) from error
    remedy = "save numbers in x, and numbers or strings in y"
    whole = all(type(n) is int and n >= 0 for n in shape) and len(shape) <= MOST_AXES
    if not whole or math.prod(n or 1 for n in shape) * dtype.itemsize > LARGEST:
        sizes = [str(n) if n < LARGEST else "a number over 2**62" for n in shape]
        facts = f"sizes {', '.join(sizes[:4])}{' …' * (len(sizes) > 4)}"
        raise DataError(where, "has a shape that no array has", facts, "write it with np.save")
    if dtype.kind not in "biufU" or not dtype.itemsize:
        facts = f"shape {shape}, dtype {shown(str(dtype))}"
        raise DataError(where, "is not an array of numbers or strings", facts, remedy)
    if math.prod(shape[1:]) > widest:
        raise _too_wide(where, math.prod(shape[1:]))
    size = math.prod(shape) * dtype.itemsize
    order = "F" if fortran else "C"
    if path is not None and size >= MAPPED_FROM and os.path.getsize(path) == file.tell() + size:
        array = np.asarray(np.memmap(path, dtype, "r", file.tell(), shape, order))
    else:
        data = read_bytes(file, size, where, f"shape {shape}, dtype {dtype}")
        array = np.frombuffer(data, dtype).reshape(shape, order=order)
    _check_elements(where, array, remedy)
    return array


def _too_wide(where, width):
    """Return the error about rows of so many features: a small zipped file can declare millions."""
    wrong, remedy = f"has rows of {width} features", "choose some of them, or make images smaller"
    return DataError(where, wrong, f"a row can have at most {MOST_FEATURES:,}", remedy)


def _check_elements(where, array, remedy):
    """Raise DataError for bytes that are no boolean or no character, which NumPy lets pass."""
    if array.dtype.kind == "U":
        points = np.ascontiguousarray(array).view(array.dtype.byteorder + "u4")
        bad = points[(points > sys.maxunicode) | ((points >= 0xD800) & (points <= 0xDFFF))]
        facts = "code point"
    elif array.dtype.kind == "b":
        bad, facts = array.view(np.uint8), "byte"
        bad = bad[bad > 1]
    else:
        return
    if bad.size:
        wrong = "holds what is not a character or a boolean"
        raise DataError(where, wrong, f"{facts} {bad[0]:#x}", remedy)


def read_bytes(file: IO[bytes], size: int, where: str, declared: str) -> bytearray:
    """Return the rest of a file, which has `size` bytes as `declared` in its header.

    Raises DataError if it has more or fewer.
    """
    data = bytearray()
    while len(data) < size and (chunk := file.read(min(CHUNK, size - len(data)))):
        data += chunk
    if len(data) < size or file.read(1):
        got = counted(len(data), "byte") if len(data) < size else "more"
        wrong = "does not have the size that its header declares"
        facts = f"{declared}: {size} bytes, but there are {got}"
        raise DataError(where, wrong, facts, "copy or write it again")
    return data


# ---- IDX ---------------------------------------------------------------------------------------


def is_idx_folder(names: list[str]) -> bool:
    """Return whether some of the file names are those of MNIST's parts."""
    return bool(_parts(names))


def read_idx_folder(
    folder: str | os.PathLike, names: list[str], where: str, need_y: bool
) -> list[Arrays]:
    """Return the train-… and the t10k-… pair of a folder, or the only one of them.

    x (N, H W) uint8, pixel_r_c for row r and column c; y (N,) uint8.

    Raises DataError for a damaged file, an incomplete pair, and pairs that do not fit.
    """
    pairs = [_read_part(folder, names, part, where, need_y) for part in _parts(names)]
    if len({pair.feature_names for pair in pairs}) > 1:
        wrong = "the train-… and t10k-… images differ in size"
        last = " and ".join(pair.feature_names[-1] for pair in pairs)
        raise DataError(where, wrong, f"their last pixels are {last}", "give pairs of the same set")
    return pairs


def _parts(names):
    return [part for part in ("train", "t10k") if any(_find(names, part, k) for k in DIMENSIONS)]


def _find(names, part, kind):
    """Return the name of a file, None if it is absent; .gz only if there is no plain one."""
    for ending in ("", ".gz"):
        for dash in "-.":
            name = f"{part}-{kind}{dash}idx{DIMENSIONS[kind]}-ubyte{ending}"
            if name in names:
                return name
    return None


def _read_part(folder, names, part, where, need_y):
    images, labels = (_find(names, part, kind) for kind in DIMENSIONS)
    if images is None or (labels is None and need_y):
        kind = "images" if images is None else "labels"
        wrong = f"has no {part}-{kind}-idx{DIMENSIONS[kind]}-ubyte"
        remedy = "put the images and the labels into one folder"
        raise DataError(where, wrong, f"it holds {images or labels}", remedy)
    x, y = _read_idx(folder, images, where, 3), None
    if need_y:
        y = _read_idx(folder, labels, where, 1)
        if len(x) != len(y):
            wrong = f"{images} and {labels} differ in length"
            facts = f"{counted(len(x), 'image')}, {counted(len(y), 'label')}"
            raise DataError(where, wrong, facts, "give the files of the same set")
    return Arrays.of_images(os.path.join(where, images), x, y)


def _read_idx(folder, name, where, dimensions):
    """Return the array in an IDX file of bytes with so many dimensions."""
    where = os.path.join(where, name)
    remedy = "copy or download it again"
    with opened(os.path.join(folder, name)) as file, unzipped(file, where) as plain:
        magic = plain.read(4)
        if magic != bytes([0, 0, UBYTE, dimensions]):
            start = magic.hex(" ") or "nothing"
            facts = f"it starts with {start}, not 00 00 08 {dimensions:02x}"
            raise DataError(where, "is not an IDX file of bytes", facts, remedy)
        sizes = plain.read(4 * dimensions)
        shape = tuple(np.frombuffer(sizes[: len(sizes) // 4 * 4], ">u4").tolist())
        if len(shape) < dimensions or 0 in shape:
            raise DataError(where, "is empty", f"its header declares shape {shape}", remedy)
        if math.prod(shape[1:]) > MOST_FEATURES:
            raise _too_wide(where, math.prod(shape[1:]))
        data = read_bytes(plain, math.prod(shape), where, f"shape {shape}")
    return np.frombuffer(data, np.uint8).reshape(shape)


# ---- values ------------------------------------------------------------------------------------


def to_dataset(
    arrays: Arrays,
    name: str,
    dtype: np.dtype,
    missing: str,
    classes: bool = False,
    test: Arrays | None = None,
) -> Dataset:
    """Return a Dataset of arrays, and of its own test set if there is one.

    Raises DataError for values and labels that cannot be used, see `load`.
    """
    known = Codes()
    kept, codes, problems = sort_out(arrays, known, missing, dtype)
    class_names, index = classes_of(
        known.words,
        arrays.where,
        rows=int(kept.sum()),
        form=PLAIN,
        are_classes=classes,
        column="y",
        remedy=lambda: "save the classes as y, or pass classes=True",
    )
    y = index[codes[kept]]
    x = problems.features(arrays.x, kept)
    offsets, lost = problems.offsets, problems.lost
    columns = tuple(
        Column(name, offset=offset)
        for name, offset in zip(arrays.feature_names, offsets.tolist(), strict=True)
    )
    schema = Schema(columns, "", class_names, missing, by_name=False, image=arrays.image)
    dataset = Dataset(x, y, schema.feature_names, class_names, name, schema)
    notes = (*problems.notes(), f"label: {counted(len(class_names), 'class')}")
    notes += tuple(note_of_offsets(schema.feature_names, offsets, dtype, lost))
    if test is None:
        return replace(dataset, notes=notes)
    kept, y, problems = sort_out(test, Codes(class_names), "error", dtype)
    problems.offsets = offsets
    test_set = replace(dataset, x=problems.features(test.x, kept), y=y)
    note = f"test set: {counted(len(test.x), 'row')} from {test.where}"
    return replace(dataset, test=test_set, notes=(*notes, note))


def sort_out(
    arrays: Arrays, known: Codes | None, missing: str, dtype: np.dtype, **rules: Any
) -> tuple[np.ndarray, np.ndarray | None, Problems]:
    """Return which rows are kept, (N,) bool, the codes of the labels, (N,) int64, and the triage.

    known: the Codes of the labels, None to leave these unread.
    rules: trained and unseen, see Problems.

    Raises DataError for values and labels that cannot be used.
    """
    x, y = arrays.x, arrays.y
    label = x.shape[1]  # the position behind the features
    names = (*arrays.feature_names, "y")
    problems = Problems(arrays.where, names, range(label), label, missing, dtype, **rules)
    codes = None if known is None else _codes(y, known)
    kept = []
    for start in range(0, len(x), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        words = {} if codes is None else {label: codes[part]}

        def cell(r: int, i: int, part: slice = part) -> str:
            return str(y[part][r] if i == label else x[part][r, i])

        kept.append(problems.triage(x[part], words, range(len(x))[part], cell))
    problems.check()
    return np.concatenate(kept), codes, problems


def _codes(y, known):
    """Return the code of each label, (N,) int64."""
    if y.dtype.kind == "f":
        y = np.where(np.isfinite(y), y, np.nan)
    values, index = np.unique(y, return_inverse=True)
    return np.array([known[str(value)] for value in values.tolist()], dtype=np.int64)[index]
