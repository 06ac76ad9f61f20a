"""`minigrad plot`: what it prints and writes, and what it refuses."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from tests.cli.program import ENVIRONMENT, MODULE
from tests.training.folders import history, write_run

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Run in an empty folder, 80 columns wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


def plot(*args, **environment):
    """Run the command as a process: (exit code, stdout, stderr), both as bytes."""
    ended = subprocess.run(
        [*MODULE, "plot", *args], env={**ENVIRONMENT, **environment}, capture_output=True
    )
    return ended.returncode, ended.stdout, ended.stderr


# ---- in the terminal ---------------------------------------------------------------------------


def test_curves_in_a_pipe():
    write_run("runs/some-1")
    code, out, err = plot("runs/some-1", PYTHONIOENCODING="utf-8")
    assert (code, err) == (0, b"")
    text = out.decode()
    assert text.startswith(f"runs{os.sep}some-1\nfinished, 30 epochs, best 12\n")
    assert "\n⠤⠤ training  o validation  ▲ best epoch  ⠤⠤ training  o validation  ▲ best" in text
    assert "learning rate" in text and "\x1b" not in text and "\r" not in text
    assert plot("runs/some-1", PYTHONIOENCODING="utf-8")[1] == out


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_if_stdout_is_not_utf8_it_is_ascii(encoding):
    write_run("run")
    code, out, err = plot("run", PYTHONIOENCODING=encoding)
    assert (code, err) == (0, b"")
    assert out.isascii() and b".. training" in out


def test_a_name_that_stdout_cannot_write():
    write_run("山")
    code, out, err = plot("山", PYTHONIOENCODING="latin-1")
    assert (code, err) == (0, b"") and out.startswith(rb"\u5c71")


def test_ascii_on_demand(cli):
    write_run("run")
    ended = cli("plot", "run", "--ascii")
    assert ended.code == 0 and ended.out.isascii()
    assert "⠤⠤" in cli("plot", "run").out


@pytest.mark.parametrize("columns", [60, 140])
def test_the_width_of_the_terminal(cli, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    write_run("run")
    widest = max(map(len, cli("plot", "run").out.splitlines()))
    assert columns - 3 <= widest <= columns


def test_regions_of_a_trained_model(cli):
    assert cli("train", "moons", "--epochs", 2, "--out", "run", "-q").code == 0
    ended = cli("plot", "run")
    assert (ended.code, ended.err) == (0, "")
    assert ". A upper  + B lower" in ended.out and "x0" in ended.out
    assert ended == cli("plot", "run")


def test_regions_without_the_rows(cli, tmp_path):
    (tmp_path / "points.csv").write_text("a,b,class\n" + "1,2,x\n2,1,y\n3,3,x\n4,5,y\n" * 8)
    assert cli("train", "points.csv", "--epochs", 2, "--out", "run", "-q").code == 0
    assert cli("plot", "run").err == ""
    (tmp_path / "points.csv").unlink()
    ended = cli("plot", "run")
    assert ended.code == 0 and "b\n" in ended.out
    assert ended.err.startswith("run: decision regions without the rows: run: the data of the run ")


def test_data_that_was_moved_together_with_its_run(cli, tmp_path, monkeypatch):
    """Like `resume`, `plot` finds it under the name that was given."""
    place = tmp_path / "before"
    place.mkdir()
    monkeypatch.chdir(place)
    (place / "points.csv").write_text("a,b,class\n" + "1,2,x\n2,1,y\n3,3,x\n4,5,y\n" * 8)
    assert cli("train", "points.csv", "--epochs", 2, "--out", "run", "-q").code == 0
    before = cli("plot", "run")
    place.rename(tmp_path / "after")
    monkeypatch.chdir(tmp_path / "after")
    assert cli("plot", "run") == before and before.err == ""


def test_a_built_in_set_beside_a_folder_of_its_name(cli, tmp_path):
    (tmp_path / "moons").mkdir()
    assert cli("train", "moons", "--epochs", 1, "--out", "run", "-q").code == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["path"] is None
    assert cli("resume", "run", "--epochs", 2, "-q").code == 0
    assert cli("plot", "run").err == ""


def test_several_runs(cli):
    write_run("one")
    write_run("other", history(12))
    lines = cli("plot", "one", "other").out.splitlines()
    assert lines[0].split() == ["one", "other"]
    assert lines[1].split("  ")[0] == "finished, 30 epochs, best 12"
    assert lines[1].rstrip().endswith("finished, 12 epochs, best 12")


# ---- into a file -------------------------------------------------------------------------------


def test_a_png_of_two_runs(cli, tmp_path):
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    write_run("one")
    write_run("other", history(3))
    assert cli("plot", "one", "other", "--output", "a.PNG") == (0, "wrote a.PNG\n", "")
    assert (tmp_path / "a.PNG").read_bytes().startswith(b"\x89PNG\r\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.PNG", "one", "other"]


def test_an_svg_of_a_trained_model(cli, tmp_path):
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    assert cli("train", "moons", "--epochs", 2, "--out", "run", "-q").code == 0
    assert cli("plot", "run", "--output", "a.svg") == (0, "wrote a.svg\n", "")
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    assert root.tag == f"{SVG}svg"
    assert len([*root.iter(f"{SVG}image")]) >= 2  # the matrix and the regions


def test_nothing_is_overwritten_unless_asked(cli, tmp_path):
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    write_run("run")
    (tmp_path / "a.png").write_text("mine")
    assert cli("plot", "run", "-o", "a.png") == (
        3,
        "",
        "Error: a.png: it exists; 4 bytes; choose another name, or pass --overwrite\n",
    )
    assert (tmp_path / "a.png").read_text() == "mine"
    assert cli("plot", "run", "-o", "a.png", "--overwrite").code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_another_kind_of_file(cli):
    write_run("run")
    for name in ("curves.pdf", "curves", "png"):
        assert cli("plot", "run", "--output", name) == (
            2,
            "",
            f"Error: --output: only .png and .svg pictures can be drawn; FILE {name}; end its name "
            "in one of them\n",
        )


def test_a_folder_that_is_not_there(cli):
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    write_run("run")
    name = os.path.join("nowhere", "a.png")
    assert cli("plot", "run", "-o", name) == (
        3,
        "",
        f"Error: {name}: cannot be written; No such file or directory; choose a folder that "
        "exists and that you can write to\n",
    )


def test_without_matplotlib(cli, monkeypatch):
    write_run("run")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "minigrad.plotting.figure", raising=False)
    monkeypatch.delattr("minigrad.plotting.figure", raising=False)
    code, out, err = cli("plot", "run", "--output", "a.png")
    assert (code, out) == (2, "")
    assert err == (
        "Error: --output: a picture needs matplotlib; import of matplotlib halted; None in "
        "sys.modules; pip install 'minigrad[plot]', or leave --output out to draw in the terminal\n"
    )
    assert cli("plot", "run").code == 0


# ---- what is refused ---------------------------------------------------------------------------


def test_no_run_at_all(cli):
    code, out, err = cli("plot")
    assert (code, out) == (2, "") and "Missing argument 'RUN...'" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--overwrite"], "--overwrite needs --output"),
        (["--ascii", "-o", "a.png"], "--ascii and --output exclude each other; give one of them"),
    ],
)
def test_options_that_do_not_go_together(cli, options, message):
    write_run("run")
    code, out, err = cli("plot", "run", *options)
    assert (code, out) == (2, "") and err.endswith(f"Error: {message}\n")


def test_a_folder_that_is_not_a_run(cli):
    write_run("run")
    assert cli("plot", "run", "runs/nothing-1") == (
        3,
        "",
        "Error: runs/nothing-1: it is not a run folder; there is no such folder; give a folder "
        "that minigrad train wrote, such as runs/digits-1\n",
    )


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        ("running", "wait for the first epoch"),
        ("interrupted", "resume the run"),
        ("diverged", "train again"),
        ("finished", "train again"),
    ],
)
def test_a_run_without_a_history(cli, status, remedy):
    write_run("run", "", status=status)
    assert cli("plot", "run") == (
        3,
        "",
        f"Error: {os.path.join('run', 'history.csv')}: there is nothing to plot; the run is "
        f"{status}, and no epoch has ended; {remedy}\n",
    )


def test_help_and_curves_do_not_import_matplotlib():
    write_run("run")
    for args in (["plot", "--help"], ["plot", "run"]):
        code = f"import sys; from minigrad.cli import main\ntry: main({args})\nexcept SystemExit: "
        code += "print('matplotlib' in sys.modules)"
        out = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True)
        assert out.stdout.decode(errors="replace").splitlines()[-1] == "False"


@pytest.mark.parametrize("how", ["backend", "not UTF-8", "unknown setting", "home"])
def test_settings_of_matplotlib_that_it_cannot_take(tmp_path, how):
    pytest.importorskip("matplotlib")
    write_run("run")
    environment = {"backend": {"MPLBACKEND": "junk"}, "home": {"HOME": "/proc/nowhere"}}
    if how in ("not UTF-8", "unknown setting"):
        content = b"\xff\xfe\0junk" if how == "not UTF-8" else b"axes.linewidth: abc\nfoo: bar\n"
        (tmp_path / "matplotlibrc").write_bytes(content)
    code, out, err = plot("run", "-o", "a.png", **environment.get(how, {}))
    if how in ("unknown setting", "home"):
        assert (code, out, err) == (0, b"wrote a.png\n", b"")
        return
    assert (code, out, err.count(b"\n")) == (2, b"", 1)
    assert err.startswith(b"Error: matplotlib: it does not start; ")
    assert err.endswith(b"; correct or unset MPLBACKEND and matplotlibrc\n")
