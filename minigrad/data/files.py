"""Files, folders and lines of text, from a path or standard input; files written whole."""

import contextlib
import errno
import gzip
import io
import os
import re
import secrets
import shutil
import stat
import sys
import zlib
from collections.abc import Callable, Collection, Iterator
from typing import BinaryIO

from ..errors import ArgumentError, DataError
from ..text import counted, kind_of, listed, reason
from ..typing import Path

LONGEST_LINE = 1 << 24  # characters
LONGEST_ZIPPED = 1 << 19  # of gzip data, of which a kilobyte can grow to a megabyte
MOST_TEXT = 1 << 26  # bytes
CHARACTERS_AT_ONCE = 1 << 16
UTF8_BOM = b"\xef\xbb\xbf"
OnRead = Callable[[int, int], None]


def check_path(where: str, path: object) -> None:
    """Raise ArgumentError if a path is not a string or a path object."""
    if not isinstance(path, (str, os.PathLike)):
        wrong, remedy = "the path is not a path", "give a string or a pathlib.Path"
        raise ArgumentError(where, wrong, f"it is {kind_of(path)}", remedy)


def name_of(source: str | os.PathLike) -> str:
    """Return the name of a source in messages: its path as it was given."""
    return "standard input" if source == "-" else os.fspath(source)


@contextlib.contextmanager
def opened(source: str | os.PathLike, stream: bool = False) -> Iterator[io.BufferedReader]:
    """Open a file to read bytes from; `peek` looks ahead.

    stream: whether it may be a pipe, or "-" for standard input.

    Raises DataError if the file cannot be opened or read, and for a folder or a device.
    """
    with _named(name_of(source) if stream else os.fspath(source) or "''"):
        if stream and source == "-":
            if sys.stdin is None:
                raise OSError("it is closed")
            stdin = io.BufferedReader(sys.stdin.buffer)
            try:
                yield stdin
            finally:
                stdin.detach()  # otherwise it would close the one below
        else:
            with _open(source, _open_stream if stream else _open_file) as file:
                yield file


def read_whole(path: str | os.PathLike) -> bytes:
    """Return the bytes of a file of at most MOST_TEXT bytes.

    Raises DataError as `opened` does, and for a larger file.
    """
    with opened(path) as file:
        content = file.read(MOST_TEXT + 1)
    if len(content) > MOST_TEXT:
        facts = f"it has more than {MOST_TEXT:,} bytes"
        raise DataError(os.fspath(path), "is too large to be text of a run", facts, "delete it")
    return content


def _open(source, opener):
    try:
        return open(source, "rb", opener=opener)
    except ValueError as error:  # a NUL in the path
        raise OSError(str(error)) from error


def _open_file(path: str, flags: int) -> int:
    """Open a regular file. A pipe would block without the flag, and a device never ends."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise OSError(f"it is {kind_of_file(status)}")
    return descriptor


def _open_stream(path: str, flags: int) -> int:
    """Open a regular file, or a pipe."""
    pipe = stat.S_ISFIFO(os.stat(path).st_mode)
    return os.open(path, flags) if pipe else _open_file(path, flags)


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
        wrong = "its gzip data is damaged or cut off"
        raise DataError(where, wrong, reason(error), "copy or download it again") from error


def open_text(
    source: str | os.PathLike, encoding: str = "utf-8", on_read: OnRead | None = None
) -> Iterator[str]:
    r"""Yield the lines of text, gzip or not, with their ends: \n, \r\n or \r.

    A byte order mark is left out. Needs the memory of one line. The file is closed after the last.
    on_read is called now and then with the number of bytes read, of the file as it is stored, and
    with its size; not for a pipe.

    Raises DataError if the file cannot be read, for damaged gzip data, another encoding, a NUL
    byte, an absurdly long line.
    """
    where = name_of(source)
    with opened(source, stream=True) as file, unzipped(file, where) as plain:
        start = plain.peek(3)[:3]
        if encoding == "utf-8" and start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            facts, remedy = "it starts with a UTF-16 mark", "pass encoding='utf-16'"
            raise DataError(where, "is UTF-16 text", facts, remedy)
        if encoding == "utf-8" and start == UTF8_BOM:
            plain.read(3)
        # An undecodable byte becomes a surrogate, which shows its line; "strict" would not.
        text = io.TextIOWrapper(plain, encoding, errors="surrogateescape", newline="")
        try:
            number, rest = 0, ""
            most = LONGEST_LINE if plain is file else LONGEST_ZIPPED
            while chunk := text.read(CHARACTERS_AT_ONCE):
                # A fifth of the time of text.readline(). The last line may go on.
                *lines, rest = io.StringIO(rest + chunk, newline="")
                if on_read and file.seekable():
                    on_read(file.tell(), os.fstat(file.fileno()).st_size)
                if "\0" in chunk or not chunk.isascii() or len(rest) >= most:
                    for i, line in enumerate([*lines, rest], number + 1):
                        _check_line(line, i, where, encoding, most)
                yield from lines
                number += len(lines)
            if rest:
                yield rest
        except UnicodeError as error:  # of an encoding that has no surrogates
            facts, remedy = f"row {number + 1} or a later one: {error}", "pass another encoding"
            raise DataError(where, f"is not {encoding} text", facts, remedy) from error
        finally:
            text.detach()  # otherwise it would close what others opened


def _check_line(line, number, where, encoding, most):
    """Raise DataError if a line is not text, or endless."""
    if "\0" in line:
        remedy = "give a CSV or TSV file in UTF-8"
        raise DataError(where, "is not text", f"row {number} contains a NUL byte", remedy)
    if len(line) >= most:
        wrong = f"row {number} is too long to be a row"
        facts = f"it goes on after {most:,} characters"
        raise DataError(where, wrong, facts, "give a text file with one row per line")
    try:
        line.encode()
    except UnicodeEncodeError as error:  # a surrogate, in place of an undecodable byte
        facts = f"row {number} contains the byte 0x{ord(line[error.start]) - 0xDC00:02x}"
        remedy = "pass encoding='cp1252' if it is from Windows, or save it as UTF-8"
        name = "UTF-8" if encoding == "utf-8" else encoding
        raise DataError(where, f"is not {name}", facts, remedy) from None


# ---- writing -------------------------------------------------------------------------------------

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK, errno.EINVAL)
_unfinished: set[str] = set()  # the temporary files of this process
TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{16}\.tmp", re.DOTALL)


def check_target(path: Path, overwrite: bool = True, remedy: str = "choose another name") -> None:
    """Refuse to write to what is not a file, or exists and may not be replaced.

    A link is not a file: what it leads to is never written to.

    Raises:
        DataError: as `atomic_write` does before it writes.
    """
    where = os.fspath(path) or "''"
    if not os.path.basename(path):
        raise DataError(where, "cannot be written", "the path names no file", remedy)
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unwritten(where, error) from error
    if not stat.S_ISREG(status.st_mode):
        raise DataError(where, "cannot be written", f"it is {kind_of_file(status)}", remedy)
    if not overwrite:
        raise _exists(where, status.st_size)


def kind_of_file(status: os.stat_result) -> str:
    """Return "a folder", "a link", "a pipe" … for what is not a regular file."""
    return FILE_KINDS.get(stat.S_IFMT(status.st_mode), "a device")


FILE_KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link", stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket", stat.S_IFREG: "a file",
}  # fmt: skip


def atomic_write(
    path: Path,
    content: bytes | Callable[[BinaryIO], None],
    *,
    overwrite: bool = True,
    sync: bool = True,
) -> None:
    """Write a file whole or not at all: to a temporary name beside it, flushed, then renamed.

    The temporary name is a new one each time, so that threads and processes may write to one path:
    a reader finds one of the files, whole.

    Args:
        path: the file.
        content: the bytes, or a function that writes them to an open binary file.
        overwrite: whether an existing file is replaced; False refuses one that appears while this
            one is written, too.
        sync: False leaves the flush to the disk to the operating system.

    Raises:
        DataError: if the path leads to a link or to what is not a file, it exists and `overwrite`
            is False, or the file cannot be written; an existing one is unchanged.
    """
    where, path = os.fspath(path) or "''", os.fspath(path)
    check_target(path, overwrite)
    folder, name = os.path.split(path)
    folder = folder or os.curdir
    temporary = _temporary(folder, name)
    _unfinished.add(temporary)
    try:
        with open(temporary, "xb", opener=_no_link) as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        if overwrite:
            os.replace(temporary, path)
        elif not _named_anew(temporary, path):
            raise _exists(where, os.lstat(path).st_size)
        if sync:
            _sync_names(folder)
    except OSError as error:
        raise _unwritten(where, error) from error
    finally:
        with contextlib.suppress(OSError):
            os.remove(temporary)
        _unfinished.discard(temporary)


def check_folder(path: Path, names: Collection[str], overwrite: bool = False) -> None:
    """Refuse to write a folder over what is not one, is not empty, or holds other files.

    An empty folder is written to; one that holds files of these names alone only with `overwrite`.
    A link is not a folder.

    Raises:
        DataError: as `atomic_folder` does before it writes.
    """
    where, remedy = os.fspath(path) or "''", "choose another name"
    if not os.fspath(path):
        raise DataError(where, "cannot be written", "the path names no folder", remedy)
    try:
        if not stat.S_ISDIR((status := os.lstat(path)).st_mode):
            raise DataError(where, "cannot be written", f"it is {kind_of_file(status)}", remedy)
        found = sorted(os.listdir(path))
        others = [n for n in found if n not in names or not os.path.isfile(os.path.join(path, n))]
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unwritten(where, error) from error
    if others := [name for name in others if name != "__pycache__"]:
        raise DataError(where, "it holds other files", listed(others, 3), remedy)
    if found and not overwrite:
        raise DataError(where, "it exists", listed(found, 3), f"{remedy}, or pass overwrite=True")


def atomic_folder(path: Path, files: dict[str, bytes], *, overwrite: bool = False) -> None:
    """Write a folder of files whole or not at all: under a temporary name, flushed, then renamed.

    Args:
        path: the folder.
        files: the content of each file by name.
        overwrite: whether a folder with files of these names is replaced.

    Raises:
        DataError: as `check_folder` does, and if it cannot be written; what was there is unchanged.
    """
    where = os.fspath(path) or "''"
    check_folder(path, files, overwrite)
    parent, name = os.path.split(os.path.abspath(path))
    temporary, old = _temporary(parent, name), _temporary(parent, name)
    _unfinished.add(temporary)
    try:
        os.mkdir(temporary)
        for file_name, content in files.items():
            with open(os.path.join(temporary, file_name), "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        if os.path.lexists(path) and os.listdir(path):
            os.rename(path, old)
            try:
                os.rename(temporary, path)
            except OSError:
                os.rename(old, path)
                raise
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.rename(temporary, path)
        _sync_names(parent)
    except OSError as error:
        raise _unwritten(where, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        _unfinished.discard(temporary)


def _temporary(folder: str, name: str) -> str:
    """Return a new temporary path beside a file or folder of this name; see TEMPORARY."""
    # A short part of the name: a long one has no room for more.
    return os.path.join(folder, f".{name[:40]}.{secrets.token_hex(8)}.tmp")


def _sync_names(folder: str) -> None:
    """Flush the names of the files in a folder to the disk."""
    if os.name == "posix":  # elsewhere a folder cannot be opened
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


def _named_anew(temporary: str, path: str) -> bool:
    """Give a file its name and return True, or False if that name exists by now."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if os.path.lexists(path):  # without hard links, looking first is all that is left
            return False
        os.replace(temporary, path)
    return True


def remove_unfinished() -> None:
    """Remove the temporary files of this process, which ends in the middle of a write."""
    for temporary in [*_unfinished]:
        shutil.rmtree(temporary, ignore_errors=True)  # a folder, which atomic_folder writes
        with contextlib.suppress(OSError):
            os.remove(temporary)


def remove_left_over(folder: str, names: Collection[str]) -> None:
    """Remove the temporary files that a killed process left while it wrote files of these names.

    Nothing else: the name has its random part, and leads to a regular file.

    Raises:
        DataError: if one cannot be removed.
    """
    for name in os.listdir(folder):
        found, path = TEMPORARY.fullmatch(name), os.path.join(folder, name)
        try:
            if found and found[1] in names and stat.S_ISREG(os.lstat(path).st_mode):
                os.remove(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise _unwritten(path, error) from error


def _exists(where: str, size: int) -> DataError:
    facts, remedy = counted(size, "byte"), "choose another name, or pass overwrite=True"
    return DataError(where, "it exists", facts, remedy)


def _unwritten(where: str, error: OSError) -> DataError:
    remedy = "choose a folder that exists and that you can write to"
    if error.errno in NO_ROOM:
        remedy = "free some space, or choose another disk"
    return DataError(where, "cannot be written", error.strerror or "", remedy)
