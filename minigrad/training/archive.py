"""minigrad's files: arrays and a JSON header in one .npz, written whole or not at all.

An .npz is a zip whose members are .npy files, and `np.load` opens ours like any other. The first
member of ours is `header.json`: what the writer had to say and, under "arrays", the name, shape,
dtype and CRC-32 of every array. Nothing is pickled. Nothing is compressed either: what a member
declares can be held against the size of the file before anything is allocated.

A zip protects the bytes of its members, each by a CRC-32, but not which name they go by. The list
in the header does, so that damage is found wherever it matters.
"""

import contextlib
import errno
import io
import json
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import BinaryIO

import numpy as np

from ..errors import ArgumentError, DataError

FORMAT, VERSION = "minigrad", 1
HEADER = "header.json"
DTYPES = [np.dtype(code).newbyteorder("<").str for code in "?bBhHiIqQefd"]
MOST_AXES = 32  # as many as the oldest NumPy takes

# What zipfile, json and struct raise on bytes that make no sense.
_NONSENSE = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OverflowError,
    LookupError, struct.error,
)  # fmt: skip


def write(path, header: dict, arrays: dict[str, np.ndarray], *, sync: bool = True) -> None:
    """Write a header and arrays to `path`, as `atomic_write` does; equal content, equal bytes.

    Args:
        path: the file; what stood there is replaced.
        header: JSON's types only; "format", "version" and "arrays" are added to it.
        arrays: booleans, integers of at most 8 bytes, or floats of 2, 4 or 8 bytes, by name.
        sync: False leaves the flush to the disk to the operating system.

    Raises:
        ArgumentError: the header is not JSON, or an array has another dtype.
        DataError: the file cannot be written; what stood there is unchanged.
    """
    listed, members = [], []
    for name, array in arrays.items():
        array = np.asarray(array)
        array = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
        if array.dtype.str not in DTYPES:
            raise ArgumentError(
                "archive.write",
                f"array {name!r} has a dtype that cannot be stored",
                f"dtype {array.dtype}",
                "convert it to numbers with array.astype(np.float64)",
            )
        head = _npy_head(array.dtype, array.shape)
        body = array.reshape(-1).view(np.uint8)
        entry = {"name": name, "shape": list(array.shape), "dtype": array.dtype.str}
        listed.append({**entry, "crc32": zlib.crc32(body, zlib.crc32(head))})
        members.append((f"{name}.npy", [head, body]))
    full = {**header, "format": FORMAT, "version": VERSION, "arrays": listed}
    try:
        text = json.dumps(full, allow_nan=False, indent=1)
    except (TypeError, ValueError, RecursionError) as error:
        remedy = "give texts, whole and finite numbers, booleans, None, lists and dicts"
        raise ArgumentError(
            "archive.write", "the header cannot be written as JSON", str(error), remedy
        ) from error

    def write_zip(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            for name, parts in [(HEADER, [text.encode()]), *members]:
                member = zipfile.ZipInfo(name)  # dated 1980
                member.create_system, member.external_attr = 3, 0o644 << 16  # on every system
                member.file_size = sum(map(len, parts))  # tells zipfile whether it needs zip64
                with archive.open(member, "w") as out:
                    for part in parts:
                        out.write(part)

    atomic_write(path, write_zip, sync=sync)


def read(path) -> tuple[dict, dict[str, np.ndarray]]:
    """Return the header and the arrays of a file that `write` made.

    A damaged file raises, or, where only bytes without meaning are hit, gives the same content to
    the bit. Nothing larger than the file is allocated.

    Raises:
        DataError: it cannot be read, is no such file, is of an unknown version, or is damaged.
    """
    where = os.fspath(path)
    try:
        with open(path, "rb") as file:
            return _read(where, file)
    except DataError:
        raise
    except OSError as error:
        facts, remedy = error.strerror or str(error), "give the path of a file that minigrad wrote"
        raise DataError(where, "it cannot be read", facts, remedy) from error
    except _NONSENSE as error:
        raise _damaged(where, "it is damaged", f"{type(error).__name__}: {error}") from error


def atomic_write(path, content: bytes | Callable[[BinaryIO], None], *, sync: bool = True) -> None:
    """Write a file whole or not at all: to a temporary name beside it, flushed, then renamed.

    Args:
        path: the file; what stood there is replaced.
        content: the bytes, or a function that writes them to an open binary file.
        sync: False leaves the flush to the disk to the operating system.

    Raises:
        DataError: the file cannot be written; what stood there is unchanged.
    """
    where, path = os.fspath(path), os.path.realpath(path)  # a link stays a link
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    if os.path.exists(path) and not os.path.isfile(path):
        raise DataError(
            where, "it cannot be written", "it exists and is no file", "choose another name"
        )
    try:
        with open(temporary, "wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if sync and os.name == "posix":  # elsewhere a folder cannot be opened
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.remove(temporary)
        if not isinstance(error, OSError):
            raise
        remedy = "choose a folder that exists and that you can write to"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            remedy = "free some space, or choose another disk"
        raise DataError(where, "it cannot be written", error.strerror or "", remedy) from error


def _read(where: str, file: BinaryIO) -> tuple[dict, dict[str, np.ndarray]]:
    size = os.fstat(file.fileno()).st_size  # 0 for a pipe or a device
    start = file.read(4) if size else b""
    if start != b"PK\3\4":
        remedy = "give a file that minigrad wrote, such as best.npz"
        raise DataError(where, "it is no .npz file", f"{size} bytes, the first {start!r}", remedy)
    file.seek(-min(size, 22), os.SEEK_END)
    end = file.read()  # a zip's end record, where no comment follows it
    if end[:4] != b"PK\5\6" or end[20:] != b"\0\0":
        raise _damaged(where, "it is cut off, or something stands behind its end", f"{size} bytes")
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        _check_members(where, members, size)
        header = json.loads(archive.read(HEADER))
        listed = _check_header(where, header, [member.filename for member in members])
        arrays = {}
        for entry, member in zip(listed, members[1:], strict=True):
            arrays[entry["name"]] = _read_array(where, archive, entry, member)
    return header, arrays


def _check_members(where: str, members: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse a zip that `write` cannot have made, before any member is read."""
    names = [member.filename for member in members]
    if names[:1] != [HEADER]:
        remedy = "give a file that minigrad wrote, such as best.npz"
        facts = f"it starts with {names[0]!r}" if names else "it is empty"
        raise DataError(where, f"it is no file of minigrad: {HEADER} is missing", facts, remedy)
    if members[0].header_offset:
        facts = f"{members[0].header_offset} bytes"
        raise _damaged(where, "something stands before its start", facts)
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise _damaged(where, "it holds members of the same name", ", ".join(map(repr, twice)))
    for member in members:
        stored = member.compress_type == zipfile.ZIP_STORED and not member.flag_bits & 1
        if not stored or member.compress_size != member.file_size:
            facts = f"{member.compress_size} bytes for {member.file_size}"
            raise _damaged(where, f"{member.filename!r} is compressed or encrypted", facts)
    if sum(member.file_size for member in members) > size:
        largest = max(members, key=lambda member: member.file_size)
        facts = f"{largest.filename!r} {largest.file_size} of {size} bytes"
        raise _damaged(where, "its members are larger than the file", facts)


def _check_header(where: str, header, names: list[str]) -> list[dict]:
    """Return the header's list of arrays, which has to name the members that there are."""
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        remedy = "give a file that minigrad wrote, such as best.npz"
        found = header.get("format") if isinstance(header, dict) else header
        raise DataError(
            where, f"it is no file of minigrad: {HEADER} says so", f"format {found!r:.80}", remedy
        )
    if type(header.get("version")) is not int or header["version"] != VERSION:
        raise DataError(
            where,
            f"version {header.get('version')!r:.80} of the format is unknown",
            f"this minigrad reads version {VERSION}",
            "use the minigrad that wrote it, or a newer one",
        )
    listed = header.get("arrays")
    if not isinstance(listed, list) or not all(map(_is_entry, listed)):
        raise _damaged(where, f"{HEADER} does not list the arrays as it should", f"{listed!r:.80}")
    wanted = [f"{entry['name']}.npy" for entry in listed]
    if wanted != names[1:]:
        missing = [name for name in wanted if name not in names]
        strange = [name for name in names[1:] if name not in wanted]
        facts = f"missing {missing!r:.80}, unknown {strange!r:.80}"
        raise _damaged(where, f"its members are not those that {HEADER} lists", facts)
    return listed


def _is_entry(entry) -> bool:
    shape = entry.get("shape") if isinstance(entry, dict) else None
    return (
        isinstance(shape, list)
        and len(shape) <= MOST_AXES
        and all(type(n) is int and 0 <= n < 2**63 for n in shape)
        and isinstance(entry.get("name"), str)
        and entry.get("dtype") in DTYPES
        and type(entry.get("crc32")) is int
    )


def _read_array(
    where: str, archive: zipfile.ZipFile, entry: dict, member: zipfile.ZipInfo
) -> np.ndarray:
    dtype, shape = np.dtype(entry["dtype"]), tuple(entry["shape"])
    count = math.prod(shape) * dtype.itemsize
    if count > member.file_size:
        facts = f"shape {shape}, dtype {dtype}, {member.file_size} bytes"
        raise _damaged(where, f"array {entry['name']!r} is larger than its member", facts)
    if entry["crc32"] != member.CRC:
        facts = f"CRC-32 {member.CRC:08x}, in the header {entry['crc32']:08x}"
        raise _damaged(where, f"array {entry['name']!r} is not the one that was written", facts)
    content = archive.read(member)
    start = len(content) - count
    # Compared, not parsed: what stands before the numbers was written as Python source.
    head, expected = content[:start], _npy_head(dtype, shape)
    lengths_fit = int.from_bytes(head[8:10], "little") == start - 10
    same = head[:8] == expected[:8] and head[10:].split() == expected[10:].split()
    if not (lengths_fit and same):
        facts = f"shape {shape}, dtype {dtype} in {HEADER}, {head[10:].strip()!r:.80} before it"
        raise _damaged(where, f"array {entry['name']!r} is not what the header lists", facts)
    array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def _npy_head(dtype: np.dtype, shape: tuple[int, ...]) -> bytes:
    """Return what stands before the numbers in an .npy file: magic, length and description."""
    head = io.BytesIO()
    description = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, description)
    return head.getvalue()


def _damaged(where: str, wrong: str, facts: str) -> DataError:
    return DataError(where, wrong, facts, "use an undamaged copy of it, or train again")
