"""Files and lines of text, from a path or standard input, plain or gzip."""

import contextlib
import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from ..errors import DataError

LONGEST_LINE = 1 << 24  # characters
UTF8_BOM = b"\xef\xbb\xbf"


@contextlib.contextmanager
def opened(source: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a path, or standard input for "-", to read bytes from; `peek` looks ahead.

    Raises DataError where the file cannot be opened or read.
    """
    where = name_of(source)
    try:
        if source == "-":
            if sys.stdin is None:
                raise OSError("it is closed")
            stdin = io.BufferedReader(sys.stdin.buffer)
            try:
                yield stdin
            finally:
                stdin.detach()  # else it would close the one below
        else:
            with open(source, "rb") as file:
                yield file
    except OSError as error:
        raise unreadable(where, error) from error


def unreadable(where: str, error: OSError) -> DataError:
    """Return the error about a file or folder that the system does not give."""
    facts = error.strerror or str(error)
    return DataError(where, "cannot be read", facts, "check the path and its rights")


def open_text(source: str | os.PathLike) -> Iterator[str]:
    """Yield the lines of a file, see read_lines; it is closed after the last one.

    Raises DataError where the file cannot be opened or read.
    """
    with opened(source) as file:
        yield from read_lines(file, name_of(source))


def name_of(source: str | os.PathLike) -> str:
    """Return what messages call a source: its path as it was given."""
    return "standard input" if source == "-" else os.fspath(source)


@contextlib.contextmanager
def unzipped(file: BinaryIO, where: str) -> Iterator[BinaryIO]:
    """Read from `file`, through gzip where it starts as gzip data does; leaves `file` open.

    Raises DataError for damaged gzip data.
    """
    if file.peek(2)[:2] != b"\x1f\x8b":
        yield file
        return
    try:
        with io.BufferedReader(gzip.GzipFile(fileobj=file)) as inner:
            yield inner
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            where,
            "its gzip data is damaged or cut off",
            f"{type(error).__name__}: {error}",
            "copy or download it again",
        ) from error


def read_lines(file: BinaryIO, where: str) -> Iterator[str]:
    r"""Yield the lines of a UTF-8 text, gzip or not, with their ends: \n, \r\n or \r.

    A byte order mark is left out. Needs the memory of one line.

    Raises DataError for damaged gzip data, another encoding, a NUL byte, an absurdly long line.
    """
    with unzipped(file, where) as plain:
        start = plain.peek(3)[:3]
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise DataError(
                where, "is UTF-16 text", "it starts with a UTF-16 mark", "save it as UTF-8"
            )
        if start == UTF8_BOM:
            plain.read(3)
        # An undecodable byte becomes a surrogate, which tells its line; "strict" would not.
        text = io.TextIOWrapper(plain, "utf-8", errors="surrogateescape", newline="")
        try:
            number = 0
            while line := text.readline(LONGEST_LINE):
                number += 1
                if "\0" in line or not line.isascii() or len(line) == LONGEST_LINE:
                    _check_line(line, number, where)
                yield line
        finally:
            text.detach()  # else it would close what others opened


def _check_line(line, number, where):
    """Raise DataError where a line is no text, or endless."""
    if "\0" in line:
        raise DataError(
            where, "is no text", f"row {number} holds a NUL byte", "give a CSV or TSV file in UTF-8"
        )
    if len(line) == LONGEST_LINE:
        raise DataError(
            where,
            f"row {number} is too long to be a row",
            f"it goes on after {LONGEST_LINE:,} characters",
            "give a text file with one row in a line",
        )
    try:
        line.encode()
    except UnicodeEncodeError as error:  # a surrogate, which stands for an undecodable byte
        raise DataError(
            where,
            "is not UTF-8",
            f"row {number} holds the byte 0x{ord(line[error.start]) - 0xDC00:02x}",
            "save it as UTF-8; it may be Latin-1 or Windows-1252 now",
        ) from None


def list_folder(folder: str | os.PathLike, where: str) -> list[str]:
    """Return the names of the files in a folder.

    Raises DataError where it cannot be read.
    """
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise unreadable(where, error) from error
