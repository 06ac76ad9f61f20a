"""Hostile files and options, and what becomes of each: one line, or a result; nothing else.

    python -m tests.training.hostile headers FOLDER        # or arrays, or options

Everything happens in this process, so that thousands take minutes; it ends with a line of JSON: how
many were tried, how many of them were refused, what else was raised, the longest time in seconds,
and the megabytes that the process grew by at most.
"""

import contextlib
import copy
import io
import json
import os
import re
import shutil
import signal
import sys
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np

from minigrad import data, training
from minigrad.cli import main
from minigrad.errors import MinigradError
from minigrad.settings import SETTINGS
from minigrad.training import archive

LONGEST = 10  # seconds
MISSING = object()
DEEP = [[[[[]]]]]
for _ in range(90):
    DEEP = [DEEP]
VALUES = (
    MISSING, None, True, False, -1, 0, 1, 1.5, 2**70, 10**300, -1e308, 1e308, float("nan"),
    float("inf"), "", "x", "\x1b[31m", "\udc80", "y" * 100_000, [], {}, [[]], {"a": [None]}, DEEP,
    [100_000, 3500], [None] * 1000,
)  # fmt: skip


def most_memory():
    """Return the most kilobytes that this process has had, not those of the one it came from."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])


class Results:
    """Tries things, each within a time, and counts how they end."""

    def __init__(self):
        self.tried = self.refused = 0
        self.bad, self.longest = [], 0.0
        self.before = most_memory()
        signal.signal(signal.SIGALRM, self._too_long)

    def _too_long(self, number, frame):
        raise TimeoutError

    def attempt(self, name, call):
        """Call a function; a MinigradError of one line is a refusal, anything else is bad."""
        self.tried += 1
        started = time.monotonic()
        signal.alarm(LONGEST)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call()
        except MinigradError as error:
            self.refused += 1
            if "\n" in str(error) or "Error:" in str(error):
                self.bad.append((name, str(error)))
        except (Exception, SystemExit) as error:
            self.bad.append((name, f"{type(error).__name__}: {error}"[:200]))
        finally:
            signal.alarm(0)
            self.longest = max(self.longest, time.monotonic() - started)

    def print(self):
        """Print the counts."""
        fields = {"tried": self.tried, "refused": self.refused, "bad": self.bad[:20]}
        grown = (most_memory() - self.before) // 1024
        print(json.dumps({**fields, "longest": self.longest, "megabytes": grown}))


# ---- headers


def places(value, place=()):
    """Yield the place of each part of a JSON value; of a list's parts, the first and the last."""
    if isinstance(value, dict):
        keys = [*value]
    elif isinstance(value, list):
        keys = [*{0, len(value) - 1}] if value else []
    else:
        return
    for key in keys:
        yield (*place, key)
        yield from places(value[key], (*place, key))


def edited(header, place, value):
    """Return a copy of a header with another value at a place."""
    header = copy.deepcopy(header)
    inner = header
    for key in place[:-1]:
        inner = inner[key]
    if value is MISSING:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return header


def write_npz(path, header, members):
    """Write a model or a run file whose header is whatever it is."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("header.json", json.dumps(header))
        for name, content in members.items():
            file.writestr(name, content)


def resumed():
    """Resume a run, and go on with it if that is possible."""
    training.Experiment.resume("run", epochs=3).run()


def try_headers(results):
    """Give each field of the headers of last.npz, best.npz and run.json each of the values."""
    options = {"hidden": [3], "dropout": 0.2, "epochs": 2, "out": "whole", "momentum": 0.5}
    training.Experiment("iris", **options).run()
    calls = {
        "last.npz": resumed,
        "best.npz": lambda: training.load("run").predict(np.zeros((2, 4))),
        "run.json": lambda: training.read_run("run").confusion,
    }
    for name, call in calls.items():
        path = Path("whole", name)
        if path.suffix == ".npz":
            header, _ = archive.read(path)
            with zipfile.ZipFile(path) as file:
                members = {n: file.read(n) for n in file.namelist() if n != "header.json"}
        else:
            header = json.loads(path.read_text())
        for place in places(header):
            for value in VALUES:
                shutil.rmtree("run", ignore_errors=True)
                shutil.copytree("whole", "run")
                other = edited(header, place, value)
                if path.suffix == ".npz":
                    write_npz(Path("run", name), other, members)
                else:
                    Path("run", name).write_text(json.dumps(other))
                shown = "missing" if value is MISSING else repr(value)[:40]
                results.attempt(f"{name} {place} {shown}", call)


# ---- arrays


def hostile_npy(rng, content):
    """Yield what NPY files can be damaged into, without end."""
    descrs = (
        "<f8",
        "<f4",
        "|b1",
        "<U3",
        ">U1",
        "<U99999999",
        "|O",
        "<c16",
        "<m8[s]",
        "|V8",
        "f8,i4",
    )
    sizes = (0, 1, -1, 2, 10, True, 2**31, 2**62, 2**80, 10**30)
    while True:
        data_ = bytearray(content)
        at = int(rng.integers(len(data_)))
        data_[at] ^= 1 << int(rng.integers(8))
        yield bytes(data_)
        yield content[:at]
        length = int(rng.integers(1, 40))
        yield content[:at] + rng.bytes(length) + content[at + length :]
        shape = tuple(sizes[i] for i in rng.integers(len(sizes), size=int(rng.integers(0, 5))))
        shape = shape * (30 if rng.random() < 0.1 else 1)
        descr = descrs[int(rng.integers(len(descrs)))]
        order = ("True", "False", "1", "None")[int(rng.integers(4))]
        text = f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape!r}, }}\n"
        head = text.encode()
        version = bytes([int(rng.integers(1, 4)), int(rng.integers(2))])
        yield b"\x93NUMPY" + version + len(head).to_bytes(2, "little") + head + content[-80:]


def try_arrays(results):
    """Damage x.npy, y.npy and both in a .npz in every way that is known, 2,400 times."""
    rng = np.random.default_rng(0)
    x, y = io.BytesIO(), io.BytesIO()
    np.save(x, rng.normal(size=(20, 2)))
    np.save(y, np.array(["no", "yes"])[np.arange(20) % 2])
    good = {"x.npy": x.getvalue(), "y.npy": y.getvalue()}
    os.mkdir("folder")
    damaged = {name: hostile_npy(rng, content) for name, content in good.items()}
    for i in range(1200):
        name = ("x.npy", "y.npy")[i % 2]
        content = next(damaged[name])
        members = {**good, name: content}
        for other, bytes_ in members.items():
            Path("folder", other).write_bytes(bytes_)
        results.attempt(f"folder {i}", lambda: data.load("folder"))
        method = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)[i % 3]
        with zipfile.ZipFile("both.npz", "w", method) as file:
            for other, bytes_ in members.items():
                file.writestr(other, bytes_)
        if i % 4 == 3:  # the zip itself
            whole = bytearray(Path("both.npz").read_bytes())
            whole[int(rng.integers(len(whole)))] ^= 1 << int(rng.integers(8))
            Path("both.npz").write_bytes(whole)
        results.attempt(f"npz {i}", lambda: data.load("both.npz"))


# ---- options and the environment

TEXTS = (
    "", " ", "-1", "0", "1e308", "-1e308", "1e-320", "nan", "inf", "9" * 30, "9" * 5000, "x",
    "1_0", "٣", "\udcff", "\x1b[31m", "0x10", "a=b", "[1]",
)  # fmt: skip
NAMES = ("COLUMNS", "LINES", "TERM", "NO_COLOR", "MINIGRAD_DEBUG", "TQDM_NCOLS", "LC_ALL")


def command(args):
    """Return a function that runs a command here, which may end with a code of the list only."""

    def call():
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main(args, prog_name="minigrad")
            except SystemExit as ended:
                code = ended.code
        if code not in (0, 2, 3, 4) or "Traceback" in err.getvalue():
            raise AssertionError(f"{code} {err.getvalue()[-200:]}")
        if code in (2, 3) and err.getvalue().splitlines()[-1][:6] != "Error:":
            raise AssertionError(f"{code} {err.getvalue()[-200:]}")

    return call


def try_options(results):
    """Give each option each of the texts, on the command line or in the environment."""
    train = ["train", "iris", "--epochs", "1", "--no-save", "-q"]
    skipped = ("overwrite", "no_save", "nesterov")
    for i, name in enumerate(name for name in SETTINGS if name not in skipped):
        for j, text in enumerate(TEXTS):
            os.environ.pop(variable := f"MINIGRAD_TRAIN_{name.upper()}", None)
            args = [a for a in train if a not in ("--epochs", "1") or name != "epochs"]
            if (i + j) % 4:
                args += [f"--{name.replace('_', '-')}", text]
            else:
                os.environ[variable] = text
            results.attempt(f"{name} {text[:20]!r}", command(args))
            os.environ.pop(variable, None)
    for name in NAMES:
        before = os.environ.get(name)
        for text in TEXTS:
            os.environ[name] = text
            for args in (["--help"], train):
                results.attempt(f"{name} {text[:20]!r}", command(args))
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


if __name__ == "__main__":
    os.chdir(sys.argv[2])
    results = Results()
    {"headers": try_headers, "arrays": try_arrays, "options": try_options}[sys.argv[1]](results)
    results.print()
