"""minigrad's files: arrays and a JSON header in one .npz, written whole or not at all.

An .npz is a zip whose members are .npy files, and `np.load` opens ours like any other. The first
member of ours is `header.json`: what the writer had to say and, under "arrays", the CRC-32 of every
array by its name, in the order of the members. Nothing is pickled. Nothing is compressed either: a
member that claims to be larger than the file is refused before anything is allocated.

A zip protects the bytes of each member by a CRC-32, but not the name that they go by. The header's
list protects the names, and the header's own CRC-32 protects the list.
"""

import io
import json
import os
import struct
import zipfile
import zlib
from itertools import zip_longest
from typing import Any, BinaryIO

import numpy as np

from ..data.arrays import read_array
from ..data.files import atomic_write, opened
from ..errors import ArgumentError, DataError
from ..fields import TABLE, check, read_json
from ..text import counted, reason
from ..typing import Path

FORMAT = "minigrad"
VERSION = 3  # whoever changes what is in a model file or in last.npz counts it up
HEADER = "header.json"
OURS = "give a file that minigrad wrote, such as best.npz"

# What zipfile, json, struct and NumPy raise on bytes that make no sense.
_NONSENSE = (
    zipfile.BadZipFile, RuntimeError, EOFError, ValueError, OverflowError, LookupError,
    AttributeError, struct.error,
)  # fmt: skip


def write(path: Path, header: dict, arrays: dict[str, np.ndarray], *, sync: bool = True) -> None:
    """Write a header and arrays to `path`, as `atomic_write` does; equal content, equal bytes.

    Args:
        path: the file; an existing one is replaced.
        header: JSON's types only; "format", "version" and "arrays" are added to it.
        arrays: booleans, integers of at most 8 bytes, or floats of 2, 4 or 8 bytes, by name.
        sync: False leaves the flush to the disk to the operating system.

    Raises:
        ArgumentError: if the header is not JSON, or an array has another dtype.
        DataError: if the file cannot be written; an existing one is unchanged.
    """
    members = {name: npy(name, np.asarray(array)) for name, array in arrays.items()}
    checksums = {name: zlib.crc32(content) for name, content in members.items()}
    files = {HEADER: header_text(header, arrays=checksums)}
    files |= {f"{name}.npy": content for name, content in members.items()}
    atomic_write(path, lambda file: write_zip(file, files), sync=sync)


def header_text(header: dict, **more: Any) -> bytes:
    """Return a header as JSON, with "format", "version" and more added.

    Raises:
        ArgumentError: if it is not JSON.
    """
    try:
        full = {**header, "format": FORMAT, "version": VERSION, **more}
        text = json.dumps(full, allow_nan=False, indent=1)
        read_json(text)  # not nested deeper than can be read again
    except (TypeError, ValueError, RecursionError) as error:
        remedy = "give strings, integers, finite floats, booleans, None, lists and dicts"
        raise ArgumentError(
            "archive.write", "the header cannot be written as JSON", str(error), remedy
        ) from error
    return text.encode()


def check_version(where: str, header: dict) -> None:
    """Raise DataError if a header is not one that this minigrad wrote or can read."""
    found = header.get("format"), header.get("version")
    if repr(found) != repr((FORMAT, VERSION)):  # as text, since True == 1 == 1.0
        wrong = "its format is {!r:.40}, version {!r:.40}".format(*found)
        facts = f"this minigrad reads {FORMAT!r}, version {VERSION}"
        raise DataError(where, wrong, facts, "use the minigrad that wrote it, or train again")


def write_zip(file: BinaryIO, members: dict[str, bytes]) -> None:
    """Write a zip of these members, by name; equal members, equal bytes."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(_member(name), content)


def npy(name: str, array: np.ndarray) -> bytes:
    """Return an array as an .npy file, little-endian and in C order.

    Raises:
        ArgumentError: if its dtype is not one that `write` takes.
    """
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        wrong = f"array {name!r} has a dtype that cannot be stored"
        remedy = "convert it to numbers with array.astype(np.float64)"
        raise ArgumentError("archive.write", wrong, f"dtype {array.dtype}", remedy)
    file = io.BytesIO()
    np.save(file, np.asarray(array, array.dtype.newbyteorder("<"), order="C"), allow_pickle=False)
    return file.getvalue()


def _member(name: str) -> zipfile.ZipInfo:
    """Return a member that depends on nothing but its name: dated 1980, made on Unix."""
    member = zipfile.ZipInfo(name)
    member.create_system, member.external_attr = 3, 0o644 << 16
    return member


def read(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Return the header and the arrays of a file that `write` made.

    A damaged file raises or, if the damage hits only bytes without meaning, gives the same content
    to the bit. Nothing larger than the file is allocated.

    Raises:
        DataError: if the file cannot be read, is not one of minigrad's, is of another version of
            the format, or is damaged.
    """
    where = os.fspath(path) or "''"
    with opened(path) as file:
        try:
            return _read(where, file)
        except (DataError, OSError):
            raise
        except _NONSENSE as error:
            raise _damaged(where, "it is damaged", reason(error)) from error


def _read(where: str, file: BinaryIO) -> tuple[dict, dict[str, np.ndarray]]:
    size = os.fstat(file.fileno()).st_size
    start = file.read(4)
    if start != b"PK\3\4":
        raise DataError(
            where, "not an .npz file", f"{counted(size, 'byte')}, the first {start!r}", OURS
        )
    file.seek(-min(size, 22), os.SEEK_END)
    end = file.read()  # a zip's end record, if no comment follows it
    if end[:4] != b"PK\5\6" or end[20:] != b"\0\0":
        raise _damaged(where, "it is cut off, or something follows its end", counted(size, "byte"))
    with zipfile.ZipFile(file) as archive:
        first, *others = members = archive.infolist()
        if first.filename != HEADER or first.header_offset:
            facts = f"it starts with {first.filename!r:.80} at byte {first.header_offset}"
            raise DataError(where, f"not a file of minigrad: no {HEADER} at byte 0", facts, OURS)
        stored = all(m.compress_type == 0 and m.compress_size == m.file_size for m in members)
        total = sum(member.file_size for member in members)
        if not stored or total > size:
            facts = f"members of {total} bytes in a file of {size}"
            raise _damaged(where, "its members are compressed, or larger than the file", facts)
        header = read_json(archive.read(first))
        check(header, {}, HEADER)
        check_version(where, header)
        check(header, {"arrays": TABLE})
        listed = [(f"{name}.npy", checksum) for name, checksum in header["arrays"].items()]
        for pair, other in zip_longest(listed, [(m.filename, m.CRC) for m in others]):
            if pair != other:
                facts = f"{pair!r:.80} is listed, {other!r:.80} is there"
                raise _damaged(where, f"its arrays are not those that {HEADER} lists", facts)
        arrays = {}
        for name, member in zip(header["arrays"], others, strict=True):
            content = io.BytesIO(archive.read(member))  # whole: its CRC-32 is checked first
            try:
                array = read_array(content, f"{where}: {name!r:.80}")
            except DataError as error:  # its remedy is about a file of the user's own
                raise _damaged(*error.args[:3]) from error
            arrays[name] = np.array(array, array.dtype.newbyteorder("="))
    return header, arrays


def _damaged(where: str, wrong: str, facts: str) -> DataError:
    return DataError(where, wrong, facts, "use an undamaged copy of it, or train again")
