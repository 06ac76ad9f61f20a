"""Two ways to run the program: `cli` in this process, `program` as a process of its own."""

import os
import subprocess

import pytest

from minigrad.cli import main
from tests.cli.models import classifier
from tests.cli.program import ENVIRONMENT, OURS, ROOT, TRAIN_PY, Result


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Run every test of the command line in an empty folder: `train` writes to runs/."""
    monkeypatch.chdir(tmp_path)
    for name in OURS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def model(tmp_path):
    """Save the classifier of tests/cli/models.py, and return its path."""
    classifier().save(tmp_path / "m.npz")
    return tmp_path / "m.npz"


@pytest.fixture
def cli(capsys):
    """Run `minigrad …` in this process, which costs no start-up.

    (Not Click's CliRunner: before Click 8.2 it mixes stderr into stdout.)
    """

    def run(*args) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*map(str, args)], prog_name="minigrad")
        return Result(ended.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def start():
    """Start `python train.py …`, or another command, with pipes; what still runs is killed."""
    running = []

    def popen(*args, command=TRAIN_PY, **options) -> subprocess.Popen:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        options = {**pipes, "env": ENVIRONMENT, **options}
        running.append(subprocess.Popen([*command, *args], **options))
        return running[-1]

    yield popen
    for process in running:
        with process:
            process.kill()


@pytest.fixture
def program(start):
    """Run `python train.py …`, or another command, and wait for its end."""

    def run(*args, **options) -> Result:
        process = start(*args, **options)
        # Bytes until here: text mode would turn a carriage return into a new line.
        out, err = (
            None if stream is None else stream.decode()
            for stream in process.communicate(timeout=60)
        )
        return Result(process.returncode, out, err)

    return run


@pytest.fixture(scope="session")
def no_torch(tmp_path_factory):
    """An environment in which PyTorch is installed and broken."""
    folder = tmp_path_factory.mktemp("broken")
    (folder / "torch.py").write_text("raise ImportError('libtorch.so:\\n cannot open')\n")
    return {**ENVIRONMENT, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
