"""Completion at TAB: what is offered, and that bash, zsh and fish show it with README's lines."""

import os
import re
import select
import shutil
import sys
import time

import pytest
from click.shell_completion import ShellComplete

from minigrad.cli import main
from minigrad.data import BUILTIN
from tests.cli.program import ENVIRONMENT, ROOT


def offered(*words):
    """Return what is offered for the last of the words, and of which type, as Click hands it on."""
    asked = ShellComplete(main, {}, "minigrad", "_MINIGRAD_COMPLETE")
    return [(item.value, item.type) for item in asked.get_completions([*words[:-1]], words[-1])]


def plain(*names):
    return [(name, "plain") for name in names]


def make_run(path):
    path.mkdir(parents=True)
    (path / "run.json").write_text("{}")


def test_commands_options_and_choices():
    assert offered("da") == plain("datasets")
    assert offered("train", "--la") == plain("--label-smoothing", "--label")
    assert offered("train", "--optimizer", "ada") == plain("adam", "adamw")
    assert offered("train", "--config", "m") == [("m", "file")]


@pytest.mark.parametrize(
    "words",
    [
        ("train",),
        ("gradcheck", "--data"),
        ("explain", "--data"),
        ("predict", "m.npz"),
        ("evaluate", "m.npz"),
        ("importance", "m.npz"),
    ],
    ids=" ".join,
)
def test_data_is_a_built_in_set_or_a_file(words, folder):
    assert offered(*words, "") == plain(*BUILTIN)
    assert offered(*words, "my") == [("my", "file")]
    for name in ("irises.csv", "iris folder", ".iris"):  # bash would take the second as two
        (folder / name).write_text("")
    (folder / "irisdata").mkdir()
    assert offered(*words, "iris") == plain("iris", "irisdata/", "irises.csv")
    assert offered(*words, "./iris") == [("./iris", "file")]


@pytest.mark.parametrize("command", ["predict", "evaluate", "importance", "inspect", "explain"])
def test_a_model_is_a_run_folder_or_a_file(command, folder):
    assert offered(command, "") == [("", "file")]
    for name in ("runs/iris-1", "runs/my-1", "other"):
        make_run(folder / name)
    (folder / "runs" / "empty").mkdir()
    (folder / "m.npz").write_text("")
    assert offered(command, "") == plain("runs/iris-1", "runs/my-1", "other", "m.npz", "runs/")
    assert offered(command, "runs/") == plain("runs/iris-1", "runs/my-1", "runs/empty/")
    assert offered(command, "m") == [("m", "file")]
    assert offered(command, "no such folder/") == [("no such folder/", "file")]


@pytest.mark.parametrize("command", ["resume", "plot"])
def test_a_run_is_a_run_folder(command, folder):
    assert offered(command, "") == [("", "dir")]
    for name in ("runs/iris-1", "runs/my-1", "other"):
        make_run(folder / name)
    (folder / "m.npz").write_text("")
    assert offered(command, "") == plain("runs/iris-1", "runs/my-1", "other")
    assert offered(command, "runs/m") == plain("runs/my-1")
    assert offered("plot", "other", "o") == plain("other")


# ---- in a real shell -----------------------------------------------------------------------------

SHELLS = {
    "bash": ("--norc", "--noprofile", "-i"),
    "zsh": ("-f", "-i"),
    "fish": (
        "--no-config",
        "-i",
        "--init-command",
        "set -g fish_greeting; function fish_prompt; end",
    ),
}
FIRST = {"zsh": "autoload -U compinit && compinit -u -d zcompdump\n"}


def line_of(shell):
    """Return the line that README gives for a shell."""
    lines = re.findall(r"`([^`]*_MINIGRAD_COMPLETE=\w+_source minigrad[^`]*)`", readme())
    (line,) = [line for line in lines if f"{shell}_source" in line]
    return line


def readme():
    return (ROOT / "README.md").read_text("utf-8")


class Screen:
    """A shell on a terminal."""

    def __init__(self, shell, folder):
        pty = pytest.importorskip("pty", reason="a system without pseudo-terminals")
        self.text = ""
        self.pid, self.end = pty.fork()
        if not self.pid:
            os.chdir(folder)
            path = f"{folder / 'bin'}{os.pathsep}{ENVIRONMENT['PATH']}"
            environment = {**ENVIRONMENT, "PATH": path, "TERM": "dumb", "HOME": str(folder)}
            os.execvpe(shell, [shell, *SHELLS[shell]], environment)

    def type(self, text, expected):
        """Type a text and wait for what it makes the shell show."""
        self.text = ""
        os.write(self.end, text.encode())
        stop = time.monotonic() + 60
        while not re.search(expected, self.text) and time.monotonic() < stop:
            if select.select([self.end], [], [], 1)[0]:
                try:
                    self.text += os.read(self.end, 65536).decode(errors="replace")
                except OSError:  # the shell has ended
                    break
        assert re.search(expected, self.text), self.text

    def close(self):
        os.close(self.end)
        os.waitpid(self.pid, 0)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_real_shell_completes(shell, folder):
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    (folder / "bin").mkdir()
    program = folder / "bin" / "minigrad"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/minigrad_main.py" "$@"\n')
    program.chmod(0o755)
    make_run(folder / "runs" / "spirals-1")
    screen = Screen(shell, folder)
    try:
        screen.type(f"{FIRST.get(shell, '')}{line_of(shell)}; echo re''ady\n", "ready")
        screen.type("minigrad dat\t", r"datasets")
        screen.type("\x15minigrad train breast\t", r"breast_cancer")
        screen.type("\x15minigrad train iris --optimizer rms\t", r"rmsprop")
        screen.type("\x15minigrad plot runs/sp\t", r"spirals-1")
    finally:
        screen.close()
