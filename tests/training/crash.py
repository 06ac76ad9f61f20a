"""Crash a run before and after each of its file-system calls in turn, and resume it.

    python -m tests.training.crash FOLDER 1        # at every step; 10: at every tenth one

For each step a process is forked that trains in a folder of its own and ends at that step: by
SIGKILL before, within or after the call, or because the call fails once with ENOSPC or EIO. Then
the run is resumed. Prints a line of JSON for each.
"""

import errno
import io
import json
import os
import shutil
import signal
import sys
from pathlib import Path

from minigrad import training
from minigrad.cli import main
from minigrad.data import files
from minigrad.training import headers, run_folder

KINDS = ("before", "half", "after", "ENOSPC", "EIO")
CALLS = ("mkdir", "open", "fsync", "replace", "link", "remove")
TRAIN = ("train", "iris", "--hidden", "4", "--epochs", "3", "-q", "--out", "run")
AGAIN = (*TRAIN, "--overwrite")
RESUME = ("resume", "run", "-q")
SAME = ("best.npz", "last.npz", "history.csv")


class Steps:
    """Counts file-system calls; ends the process, or lets the call fail, at one of them."""

    def __init__(self, kind=None, at=None):
        self.kind, self.at, self.names = kind, at, []

    def call(self, name, function, *args, **options):
        """Call a function of the system, unless this is the step."""
        here = len(self.names) == self.at
        self.names.append(name)
        if here and self.kind in ("ENOSPC", "EIO"):
            number = getattr(errno, self.kind)
            raise OSError(number, os.strerror(number))
        if here and self.kind == "half" and name == "write":
            function(args[0][: len(args[0]) // 2])
        if here and self.kind != "after":
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return function(*args, **options)
        finally:
            if here:
                os.kill(os.getpid(), signal.SIGKILL)

    def install(self):
        """Put itself between this process and the system."""
        steps = self

        class Raw(io.FileIO):
            def write(self, content):
                return steps.call("write", super().write, bytes(content))

        def opened(path, mode, opener):
            return (
                io.BufferedWriter(Raw(path, "x", opener=opener))
                if "x" in mode
                else unchanged(path, mode, opener=opener)
            )

        unchanged = open
        for name in CALLS:
            function = getattr(os, name)
            setattr(os, name, lambda *a, n=name, f=function, **k: steps.call(n, f, *a, **k))
        files.open = opened  # the writer's own, not everybody's


def run(folder, args, steps=None):
    """Run a command in a forked process: (its exit code or -signal, what it printed, its steps)."""
    out, noted = folder / "out.txt", folder / "steps.txt"
    if not (pid := os.fork()):
        code = 70  # a traceback
        try:
            os.chdir(folder)
            descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            run_folder.INTERVAL = 0  # a checkpoint after each epoch
            if steps:
                steps.install()
            main(list(args), prog_name="minigrad")
        except SystemExit as ended:
            code = ended.code
        finally:
            if steps and steps.at is None:
                Path(noted).write_text(" ".join(steps.names))
            sys.stdout.flush()
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code, out.read_text("utf-8"), noted.read_text().split() if noted.exists() else []


def whole_files(folder):
    """Return which of the run's files exist; one that is not whole raises."""
    names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if "best.npz" in names:
        training.load(folder)
    if "last.npz" in names:
        headers.read(folder / "last.npz", "run")
    if "run.json" in names:
        training.read_run(folder)  # and history.csv
    return names


def crash(base, kind, at, expected):
    """Crash at a step; return how that ended, and whether resuming gave the expected bytes."""
    folder = base / f"{kind}-{at}"
    folder.mkdir()
    code, text, _ = run(folder, TRAIN, Steps(kind, at))
    found = {"kind": kind, "step": at, "code": code, "text": text}
    there = whole_files(folder / "run")
    resumed, line, _ = run(folder, RESUME)
    found |= {"resumed": resumed, "line": line, "checkpoint": "last.npz" in there}
    if resumed:
        found["again"], line, _ = run(folder, AGAIN)
    found["same"] = {name: (folder / "run" / name).read_bytes() for name in SAME} == expected
    found["left"] = sorted({path.name for path in (folder / "run").iterdir()} - {*SAME, "run.json"})
    shutil.rmtree(folder)
    return found


def every_step(base, every):
    """Crash in each way at every so-many-th step; print what came out as JSON."""
    whole = base / "whole"
    whole.mkdir()
    code, _, names = run(whole, TRAIN, Steps())
    print(json.dumps({"code": code, "steps": names}), flush=True)
    expected = {name: (whole / "run" / name).read_bytes() for name in SAME}
    for number, kind in enumerate(KINDS):
        for at in range(number % every, len(names), every):
            if kind != "half" or names[at] == "write":
                print(json.dumps(crash(base, kind, at, expected)), flush=True)


if __name__ == "__main__":
    every_step(Path(sys.argv[1]), int(sys.argv[2]))
