"""Files: written whole or not at all."""

import errno
import gzip
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from minigrad.data.files import atomic_folder, atomic_write, open_text, opened
from minigrad.errors import DataError
from tests.cli.program import ENVIRONMENT
from tests.helpers import exactly


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


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("leads_to", ["file", "nowhere"])
def test_a_link_is_refused_and_what_it_leads_to_is_left_alone(tmp_path, overwrite, leads_to):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(leads_to)
    with pytest.raises(DataError) as error:
        atomic_write(tmp_path / "link", b"new", overwrite=overwrite)
    assert str(error.value) == (
        f"{tmp_path}/link: cannot be written; it is a link; choose another name"
    )
    assert sorted(os.listdir(tmp_path)) == ["file", "link"]
    assert (tmp_path / "file").read_text() == "mine"


def test_a_link_that_appears_during_the_write_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "file").write_text("mine")
    atomic_write(tmp_path / "new", lambda file: (tmp_path / "new").symlink_to("file"))
    assert (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "new").is_symlink() and (tmp_path / "new").read_bytes() == b""


def test_a_folder_that_is_a_link_is_followed(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    atomic_write(tmp_path / "link" / "file", b"new")
    assert (tmp_path / "folder" / "file").read_bytes() == b"new"


def test_a_planted_temporary_name_is_not_followed(tmp_path, monkeypatch):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / f".file.{'0' * 16}.tmp").symlink_to("victim")
    monkeypatch.setattr("secrets.token_hex", lambda count: "0" * 2 * count)
    with pytest.raises(DataError, match="cannot be written; File exists; "):
        atomic_write(tmp_path / "file", b"new")
    assert (tmp_path / "victim").read_text() == "mine"


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_during_the_write_stays(tmp_path, monkeypatch, links):
    path = tmp_path / "file"
    if not links:
        monkeypatch.setattr("os.link", lambda *args: no_links())

    def no_links():
        raise OSError(errno.EPERM, "Operation not permitted")

    with pytest.raises(DataError) as error:
        atomic_write(path, lambda file: path.write_text("mine"), overwrite=False)
    assert str(error.value) == (
        f"{path}: it exists; 4 bytes; choose another name, or pass overwrite=True"
    )
    assert os.listdir(tmp_path) == ["file"] and path.read_text() == "mine"
    path.unlink()
    atomic_write(path, b"new", overwrite=False)
    assert os.listdir(tmp_path) == ["file"] and path.read_bytes() == b"new"


def test_threads_write_to_one_path_and_a_reader_finds_whole_files(tmp_path):
    path, found = write_old(tmp_path / "file"), set()
    contents = [bytes([i]) * 100_000 for i in range(4)]

    def write(content):
        for _ in range(25):
            atomic_write(path, content, sync=False)

    with ThreadPoolExecutor() as pool:
        writers = [pool.submit(write, content) for content in contents]
        while not all(writer.done() for writer in writers):
            found.add(path.read_bytes())
        for writer in writers:
            writer.result()
    assert found <= {b"old", *contents} and os.listdir(tmp_path) == ["file"]


def test_a_name_as_long_as_a_name_can_be(tmp_path):
    path = tmp_path / ("ä" * 120 + "x" * 15)  # 255 bytes
    atomic_write(path, b"new")
    assert os.listdir(tmp_path) == [path.name]


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

    def fail(*args, **options):
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
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, kind in (("pipe", "a pipe"), ("folder", "a folder")):
        with pytest.raises(DataError) as error:
            atomic_write(tmp_path / name, b"new")
        assert str(error.value) == (
            f"{tmp_path}/{name}: cannot be written; it is {kind}; choose another name"
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


@pytest.mark.parametrize("path", ["", "folder/"])
def test_a_path_without_a_name(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as error:
        atomic_write(path, b"")
    assert str(error.value) == (
        f"{path or repr('')}: cannot be written; the path names no file; choose another name"
    )
    assert os.listdir(tmp_path) == []


# ---- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_not_a_file_is_not_opened(tmp_path, stream):
    os.mkfifo(tmp_path / "pipe")
    paths = {tmp_path: "it is a folder", os.devnull: "it is a device"}
    if not stream:
        paths[tmp_path / "pipe"] = "it is a pipe"
    for path, facts in paths.items():
        with pytest.raises(DataError) as error, opened(path, stream=stream):
            pass
        assert str(error.value) == f"{path}: cannot be read; {facts}; check the path and its rights"


def test_a_nul_in_a_path():
    with pytest.raises(DataError, match="cannot be read; embedded null byte; "), opened("a\0b"):
        pass


def test_a_line_of_gzip_data_may_not_grow_without_end(tmp_path):
    """A kilobyte of it can be a megabyte of columns."""
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"1," * (1 << 22)))
    with pytest.raises(DataError) as error:
        list(open_text(path))
    assert str(error.value) == (
        f"{path}: row 1 is too long to be a row; it goes on after 524,288 characters; give a text "
        "file with one row per line"
    )


# ---- folders, whole or not at all ----------------------------------------------------------------

PARTS = {"a.txt": b"one", "b.txt": b"two"}


def contents(folder):
    """Return the files of a folder with their contents."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_folder_is_written(tmp_path):
    atomic_folder(tmp_path / "new", PARTS)
    assert contents(tmp_path / "new") == PARTS
    (tmp_path / "empty").mkdir()
    atomic_folder(tmp_path / "empty", PARTS)
    assert contents(tmp_path / "empty") == PARTS
    assert sorted(os.listdir(tmp_path)) == ["empty", "new"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    atomic_folder(tmp_path / "new", {**PARTS, "c.txt": b"three"})
    other = dict.fromkeys([*PARTS, "c.txt"], b"other")
    with pytest.raises(
        DataError,
        match=exactly(
            f'{tmp_path}/new: it exists; "a.txt", "b.txt", "c.txt"; choose another name, or pass '
            "overwrite=True"
        ),
    ):
        atomic_folder(tmp_path / "new", other)
    atomic_folder(tmp_path / "new", other, overwrite=True)
    assert contents(tmp_path / "new") == other and os.listdir(tmp_path) == ["new"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_with_other_files_stays(tmp_path, overwrite):
    atomic_folder(tmp_path / "new", PARTS)
    (tmp_path / "new" / "mine").mkdir()
    with pytest.raises(
        DataError,
        match=exactly(f'{tmp_path}/new: it holds other files; "mine"; choose another name'),
    ):
        atomic_folder(tmp_path / "new", PARTS, overwrite=overwrite)


def test_a_link_is_not_a_folder(tmp_path):
    (tmp_path / "victim").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    (tmp_path / "file").write_text("mine")
    for name, kind in (("link", "it is a link"), ("file", "it is a file")):
        with pytest.raises(
            DataError,
            match=exactly(f"{tmp_path}/{name}: cannot be written; {kind}; choose another name"),
        ):
            atomic_folder(tmp_path / name, PARTS, overwrite=True)
    assert not os.listdir(tmp_path / "victim")


@pytest.mark.parametrize("failing", ["fsync", "first rename", "second rename"])
def test_a_folder_that_cannot_be_written_leaves_what_was_there(tmp_path, monkeypatch, failing):
    """The first rename is that of the old folder, the second that of the new one."""
    atomic_folder(tmp_path / "new", PARTS)
    rename, renamed = os.rename, []

    def failing_rename(source, target):
        renamed.append(target)
        if len(renamed) == ["first rename", "second rename"].index(failing) + 1:
            raise OSError(errno.EACCES, "Permission denied")
        rename(source, target)

    def failing_fsync(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    if failing == "fsync":
        monkeypatch.setattr(os, "fsync", failing_fsync)
    else:
        monkeypatch.setattr(os, "rename", failing_rename)
    with pytest.raises(DataError, match=f"{tmp_path}/new: cannot be written; "):
        atomic_folder(tmp_path / "new", dict.fromkeys(PARTS, b"other"), overwrite=True)
    assert contents(tmp_path / "new") == PARTS and os.listdir(tmp_path) == ["new"]


def test_a_folder_without_a_name():
    with pytest.raises(
        DataError,
        match=exactly("'': cannot be written; the path names no folder; choose another name"),
    ):
        atomic_folder("", PARTS)


def test_a_folder_inside_nothing(tmp_path):
    with pytest.raises(
        DataError,
        match=exactly(
            f"{tmp_path}/no/new: cannot be written; No such file or directory; "
            "choose a folder that exists and that you can write to"
        ),
    ):
        atomic_folder(tmp_path / "no" / "new", PARTS)
