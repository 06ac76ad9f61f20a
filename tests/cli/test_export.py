"""`minigrad export`: what all targets share. What is written is tested in tests/bridges."""

import sys

import pytest

from minigrad import bridges
from tests.cli.models import make_rows, write_csv


def test_the_files_are_named(cli, model, tmp_path):
    assert cli("export", model, "--to", "numpy", "out.py") == (
        0,
        "wrote out.py\nwrote out.npz\n",
        "",
    )
    assert (tmp_path / "out.py").exists() and (tmp_path / "out.npz").exists()


def test_equal_models_give_equal_bytes(cli, model, tmp_path):
    for _ in range(2):
        assert cli("export", model, "--to", "numpy", "out.py", "--overwrite").code == 0
        files = [(tmp_path / name).read_bytes() for name in ("out.py", "out.npz")]
    (tmp_path / "other").mkdir()
    assert cli("export", model, "--to", "numpy", "other/out.py").code == 0
    assert files == [(tmp_path / "other" / n).read_bytes() for n in ("out.py", "out.npz")]


def test_the_program_prints_what_predict_prints(cli, program, model, tmp_path):
    write_csv(tmp_path / "rows.csv", make_rows(100))
    cli("export", model, "--to", "numpy", "out.py")
    found = program("out.py", "rows.csv", command=[sys.executable])
    assert found == cli("predict", model, "rows.csv") and found.out.count("\n") == 100


@pytest.mark.parametrize("there", ["out.py", "out.npz"])
def test_nothing_is_replaced_or_written(cli, model, tmp_path, there):
    (tmp_path / there).write_text("mine")
    before = {*tmp_path.iterdir()}
    assert cli("export", model, "--to", "numpy", "out.py") == (
        3,
        "",
        f"Error: {there}: it exists; 4 bytes; choose another name, or pass --overwrite\n",
    )
    assert {*tmp_path.iterdir()} == before and (tmp_path / there).read_text() == "mine"
    assert cli("export", model, "--to", "numpy", "out.py", "--overwrite").code == 0
    assert (tmp_path / there).read_bytes() != b"mine"


def test_the_model_is_not_replaced(cli, model):
    before = model.read_bytes()
    assert cli("export", model, "--to", "numpy", "m.py", "--overwrite") == (
        2,
        "",
        f"Error: export: it would replace what it is made from; FILE m.npz, and {model}; "
        "choose another name\n",
    )
    assert model.read_bytes() == before


def test_an_unknown_target(cli, model):
    code, out, err = cli("export", model, "--to", "nompy", "out.py")
    assert (code, out) == (2, "") and "Invalid value for '--to': 'nompy' is not" in err


@pytest.fixture
def bridge(tmp_path, monkeypatch):
    """Put a file of this text in the place of the bridge to NumPy."""
    (tmp_path / "bridges").mkdir()
    monkeypatch.setattr(bridges, "__path__", [str(tmp_path / "bridges")])
    monkeypatch.delitem(sys.modules, "minigrad.bridges.numpy", raising=False)
    yield (tmp_path / "bridges" / "numpy.py").write_text
    sys.modules.pop("minigrad.bridges.numpy", None)


def test_a_package_that_is_not_installed(cli, bridge, model):
    bridge("import no_such_package.part")
    assert cli("export", model, "--to", "numpy", "out.py") == (
        2,
        "",
        "Error: --to numpy: it needs no_such_package; No module named 'no_such_package'; "
        "pip install 'minigrad[numpy]'\n",
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("raise ImportError('libonnx.so:\\n cannot open')", "libonnx.so: cannot open"),
        ("import json.absent", "No module named 'json.absent'"),
        ("raise TypeError('Descriptors')", "Descriptors"),
    ],
)
def test_a_package_that_does_not_start(cli, bridge, model, text, reason):
    bridge(text)
    assert cli("export", model, "--to", "numpy", "out.py") == (
        2,
        "",
        f"Error: --to numpy: a package that it needs does not start; {reason}; "
        "install that package again\n",
    )
