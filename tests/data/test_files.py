"""Files: written whole or not at all."""

import errno
import os
import stat
import subprocess
import sys

import pytest

from minigrad.data.files import atomic_write
from minigrad.errors import DataError
from tests.cli.program import ENVIRONMENT


def write_old(path):
    atomic_write(path, b"old")
    return path


def test_atomic_write_takes_bytes_or_a_function(tmp_path):
    path = tmp_path / "file"
    atomic_write(path, b"one")
    assert path.read_bytes() == b"one"
    atomic_write(path, lambda file: file.write(b"two"))
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["file"]


def test_the_new_file_has_the_mode_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    atomic_write(tmp_path / "file", b"")
    modes = {stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("plain", "file")}
    assert len(modes) == 1


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to("file")
    atomic_write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_bytes() == b"new"


def test_sync_flushes_file_and_folder_before_and_after_the_renaming(tmp_path, monkeypatch):
    steps, fsync, replace = [], os.fsync, os.replace

    def watched_fsync(descriptor):
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", lambda *args: steps.append("rename") or replace(*args))
    atomic_write(tmp_path / "file", b"")
    assert steps == ["file", "rename", "folder"]
    atomic_write(tmp_path / "file", b"", sync=False)
    assert steps == ["file", "rename", "folder", "rename"]


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "facts", "remedy"),
    [
        (errno.ENOSPC, "No space left on device", "free some space, or choose another disk"),
        (
            errno.EACCES,
            "Permission denied",
            "choose a folder that exists and that you can write to",
        ),
    ],
)
def test_a_failure_keeps_the_old_file(tmp_path, monkeypatch, call, number, facts, remedy):
    path = write_old(tmp_path / "file")

    def fail(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("builtins.open" if call == "open" else f"os.{call}", fail)
    with pytest.raises(DataError) as error:
        atomic_write(path, b"new")
    monkeypatch.undo()
    assert str(error.value) == f"{path}: cannot be written; {facts}; {remedy}"
    assert os.listdir(tmp_path) == ["file"] and path.read_bytes() == b"old"


def test_a_disk_that_fills_up_keeps_the_old_file(tmp_path):
    """A real one: the process may not write more than 4,096 bytes into a file."""
    path = write_old(tmp_path / "file")
    code = (
        "import resource, sys; from minigrad.data.files import DataError, atomic_write\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: atomic_write(sys.argv[1], bytes(10_000))\n"
        "except DataError as error: print(error)"
    )
    run = [sys.executable, "-c", code, path]
    out = subprocess.run(run, env=ENVIRONMENT, check=True, capture_output=True, text=True).stdout
    remedy = "free some space, or choose another disk"
    assert out == f"{path}: cannot be written; File too large; {remedy}\n"
    assert os.listdir(tmp_path) == ["file"] and path.read_bytes() == b"old"


def test_a_vanished_folder(tmp_path):
    path = tmp_path / "gone" / "file"
    with pytest.raises(DataError) as error:
        atomic_write(path, b"new")
    remedy = "choose a folder that exists and that you can write to"
    assert str(error.value) == f"{path}: cannot be written; No such file or directory; {remedy}"


def test_what_is_not_a_file_is_not_replaced(tmp_path):
    with pytest.raises(DataError) as error:
        atomic_write(tmp_path, b"new")
    assert str(error.value) == (
        f"{tmp_path}: cannot be written; it exists and is not a file; choose another name"
    )


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, DataError("a", "b", "c", "d")])
def test_an_interruption_leaves_nothing_behind(tmp_path, interruption):
    path = write_old(tmp_path / "file")

    def content(file):
        file.write(b"new")
        raise interruption

    with pytest.raises(type(interruption) if isinstance(interruption, DataError) else interruption):
        atomic_write(path, content)
    assert os.listdir(tmp_path) == ["file"] and path.read_bytes() == b"old"


def test_an_empty_path_has_a_name_in_messages():
    with pytest.raises(DataError) as error:
        atomic_write("", b"")
    assert str(error.value) == (
        "'': cannot be written; it exists and is not a file; choose another name"
    )
