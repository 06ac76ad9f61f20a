"""Files, folders and lines of text, from a path or standard input; files written whole."""

import contextlib
import errno
import gzip
import io
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from ..errors import DataError
from ..typing import Path

LONGEST_LINE = 1 << 24  # characters
UTF8_BOM = b"\xef\xbb\xbf"


def name_of(source: str | os.PathLike) -> str:
    """Return the name of a source in messages: its path as it was given."""
    return "standard input" if source == "-" else os.fspath(source)


@contextlib.contextmanager
def opened(source: str | os.PathLike) -> Iterator[io.BufferedReader]:
    """Open a path, or standard input for "-", to read bytes from; `peek` looks ahead.

    Raises DataError if the file cannot be opened or read.
    """
    with _named(name_of(source)):
        if source == "-":
            if sys.stdin is None:
                raise OSError("it is closed")
            stdin = io.BufferedReader(sys.stdin.buffer)
            try:
                yield stdin
            finally:
                stdin.detach()  # otherwise it would close the one below
        else:
            with open(source, "rb") as file:
                yield file


def list_folder(folder: str | os.PathLike, where: str) -> list[str]:
    """Return the names of the files in a folder.

    Raises DataError if it cannot be read.
    """
    with _named(where):
        return sorted(os.listdir(folder))


@contextlib.contextmanager
def _named(where):
    """Raise a DataError about a file or folder in place of an OSError."""
    try:
        yield
    except OSError as error:
        facts = error.strerror or str(error)
        raise DataError(where, "cannot be read", facts, "check the path and its rights") from error


@contextlib.contextmanager
def unzipped(file: io.BufferedReader, where: str) -> Iterator[io.BufferedReader]:
    """Read from `file`, through gzip if it starts as gzip data does; leaves `file` open.

    Raises DataError for damaged gzip data.
    """
    if file.peek(2)[:2] != b"\x1f\x8b":
        yield file
        return
    try:
        with io.BufferedReader(gzip.GzipFile(fileobj=file)) as inner:
            yield inner
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        wrong, facts = "its gzip data is damaged or cut off", f"{type(error).__name__}: {error}"
        raise DataError(where, wrong, facts, "copy or download it again") from error


def open_text(source: str | os.PathLike) -> Iterator[str]:
    r"""Yield the lines of UTF-8 text, gzip or not, with their ends: \n, \r\n or \r.

    A byte order mark is left out. Needs the memory of one line. The file is closed after the last.

    Raises DataError if the file cannot be read, for damaged gzip data, another encoding, a NUL
    byte, an absurdly long line.
    """
    where = name_of(source)
    with opened(source) as file, unzipped(file, where) as plain:
        start = plain.peek(3)[:3]
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            facts = "it starts with a UTF-16 mark"
            raise DataError(where, "is UTF-16 text", facts, "save it as UTF-8")
        if start == UTF8_BOM:
            plain.read(3)
        # An undecodable byte becomes a surrogate, which shows its line; "strict" would not.
        text = io.TextIOWrapper(plain, "utf-8", errors="surrogateescape", newline="")
        try:
            number = 0
            while line := text.readline(LONGEST_LINE):
                number += 1
                if "\0" in line or not line.isascii() or len(line) == LONGEST_LINE:
                    _check_line(line, number, where)
                yield line
        finally:
            text.detach()  # otherwise it would close what others opened


def _check_line(line, number, where):
    """Raise DataError if a line is not text, or endless."""
    if "\0" in line:
        remedy = "give a CSV or TSV file in UTF-8"
        raise DataError(where, "is not text", f"row {number} contains a NUL byte", remedy)
    if len(line) == LONGEST_LINE:
        wrong = f"row {number} is too long to be a row"
        facts = f"it goes on after {LONGEST_LINE:,} characters"
        raise DataError(where, wrong, facts, "give a text file with one row per line")
    try:
        line.encode()
    except UnicodeEncodeError as error:  # a surrogate, in place of an undecodable byte
        facts = f"row {number} contains the byte 0x{ord(line[error.start]) - 0xDC00:02x}"
        remedy = "save it as UTF-8; it may be Latin-1 or Windows-1252 now"
        raise DataError(where, "is not UTF-8", facts, remedy) from None


def atomic_write(
    path: Path, content: bytes | Callable[[BinaryIO], None], *, sync: bool = True
) -> None:
    """Write a file whole or not at all: to a temporary name beside it, flushed, then renamed.

    Args:
        path: the file; an existing one is replaced.
        content: the bytes, or a function that writes them to an open binary file.
        sync: False leaves the flush to the disk to the operating system.

    Raises:
        DataError: if the file cannot be written; an existing one is unchanged.
    """
    where, path = os.fspath(path) or "''", os.path.realpath(path)  # a link stays a link
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    if os.path.exists(path) and not os.path.isfile(path):
        raise DataError(
            where, "cannot be written", "it exists and is not a file", "choose another name"
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
        raise DataError(where, "cannot be written", error.strerror or "", remedy) from error
