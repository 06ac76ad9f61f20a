"""Thousands of hostile files and options: each is refused in one line, or gives a result."""

import json
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from minigrad import training
from minigrad.training import archive
from tests.cli.program import ENVIRONMENT, ROOT, SCRIPT
from tests.training.hostile import edited, write_npz


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "least"), [("headers", 8000), ("arrays", 2000), ("options", 800)], ids=str
)
def test_hostile(tmp_path, capsys, kind, least):
    command = [sys.executable, "-m", "tests.training.hostile", kind, tmp_path]
    environment = {**ENVIRONMENT, "PYTHONWARNINGS": ""}
    out = subprocess.run(
        command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    found = json.loads(out)
    with capsys.disabled():
        print(f"\n{kind}: {found}")
    assert not found["bad"] and found["tried"] >= least and found["megabytes"] < 300


WRITER = """
import sys
from minigrad import data, nn, training
iris = data.load("iris")
model = nn.mlp(4, [64], 3, rng=int(sys.argv[1]))
classifier = training.Classifier(model, iris.schema, data.Scaling.fit(iris.x))
for _ in range(30):
    classifier.save("shared.npz", sync=False)
"""


@pytest.mark.slow
def test_twenty_processes_write_one_file(tmp_path, capsys):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(i)], env=ENVIRONMENT, cwd=tmp_path)
        for i in range(20)
    ]
    reads, found, path = 0, set(), tmp_path / "shared.npz"
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            found.add(training.load(path).model[0].weight.data.tobytes())
            reads += 1
        time.sleep(0.001)
    assert not any(writer.returncode for writer in writers)
    assert [path.name for path in tmp_path.iterdir()] == ["shared.npz"]
    with capsys.disabled():
        print(f"\n20 writers, {reads} files read whole, {len(found)} different ones")


# ---- each kind once, through the command


@pytest.fixture
def run(tmp_path):
    """Train a run of two epochs in the folder `run`."""
    training.Experiment("iris", hidden=[8], epochs=2, out=str(tmp_path / "run")).run()
    return tmp_path / "run"


def refused(*args):
    """Return the one line that a command ends in, with exit code 3."""
    ended = subprocess.run(
        [*SCRIPT, *map(str, args)], env=ENVIRONMENT, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (3, "", 1)
    return ended.stderr.removeprefix("Error: ").rstrip()


@pytest.mark.parametrize(
    ("name", "place", "value", "args", "line"),
    [
        (
            "last.npz", ("options", "hidden"), [100_000, 3500], ("resume", "{}"),
            "{}/last.npz: its header is damaged; its architecture is not that of a network of "
            "the widths [100000, 3500, 3] in float32; use an undamaged copy of it, or train again",
        ),
        (
            "best.npz", ("schema", "class_names"), ["a", "\udc80", "c"], ("inspect", "{}/best.npz"),
            "{}/best.npz: its header and its arrays do not make a classifier; these are not the "
            "fields of a schema, class_names[1] is '\\udc80', not valid Unicode text; use an "
            "undamaged copy of it, or train again",
        ),
        (
            "run.json", ("data", "classes"), None, ("plot", "{}"),
            "{}/run.json: it does not describe a run; data.classes is None, not a list; resume "
            "the run, which writes it again",
        ),
        (
            "run.json", ("status",), "lost", ("inspect", "{}"),
            "{}/run.json: it does not describe a run; status is 'lost', not one of 'running', "
            "'interrupted', 'diverged', 'finished'; resume the run, which writes it again",
        ),
    ],
    ids=["a size", "a name", "a list", "a word"],
)  # fmt: skip
def test_a_damaged_header(run, name, place, value, args, line):
    path = run / name
    if path.suffix == ".npz":
        header, _ = archive.read(path)
        with zipfile.ZipFile(path) as file:
            members = {n: file.read(n) for n in file.namelist() if n != "header.json"}
        write_npz(path, edited(header, place, value), members)
    else:
        path.write_text(json.dumps(edited(json.loads(path.read_text()), place, value)))
    assert refused(*(arg.format(run) for arg in args)) == line.replace("{}", str(run))


def test_a_history_beyond_all_range(run):
    """As ../shared/cases had it: the range of the axis was infinite."""
    header = (run / "history.csv").read_text().splitlines()[0]
    (run / "history.csv").write_text(f"{header}\n1,1e308,1,-1e308,1,1,1\n")
    assert refused("plot", run) == (
        f"{run}/history.csv: line 2 is not an epoch; '1,1e308,1,-1e308,1,1,1'; the columns are "
        f"{header}; resume the run, which writes it again"
    )


@pytest.mark.parametrize(
    ("name", "head", "facts"),
    [
        (
            "x",
            "'<f8', 'fortran_order': False, 'shape': (0, 1180591620717411303424)",
            "sizes 0, a n",
        ),
        ("y", f"'<f8', 'fortran_order': False, 'shape': ({'1,' * 70})", "sizes 1, 1, 1, 1 …"),
        ("x", "'<f8', 'fortran_order': False, 'shape': (True, True)", "sizes True, True"),
        ("y", "'<U1', 'fortran_order': False, 'shape': (20,)", "code point 0x110000"),
    ],
    ids=["huge", "70 axes", "true", "code point"],
)
def test_a_hostile_npy_file(tmp_path, name, head, facts):
    np.save(tmp_path / "x.npy", np.zeros((20, 2)))
    np.save(tmp_path / "y.npy", np.arange(20) % 2)
    text = f"{{'descr': {head}, }}\n".encode()
    content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    Path(tmp_path, f"{name}.npy").write_bytes(content + b"\0\0\x11\0" * 20)
    assert facts in refused("train", tmp_path, "--no-save")


def test_a_bzip2_member(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_BZIP2) as file:
        file.writestr("x.npy", bytes(1 << 24))
    assert "is compressed in another way" in refused("train", tmp_path / "a.npz", "--no-save")
    assert "no header.json at byte 0" in refused("inspect", tmp_path / "a.npz")


def test_a_link_to_the_outside(run, tmp_path):
    (tmp_path / "victim").write_text("precious")
    (run / "best.npz").unlink()
    (run / "best.npz").symlink_to(tmp_path / "victim")
    assert refused("resume", run, "--epochs", "3") == (
        f"{run}/best.npz: cannot be written; it is a link; remove it, or use another folder"
    )
    assert (tmp_path / "victim").read_text() == "precious"
    shutil.rmtree(run)
