"""`minigrad import`: a state dict becomes a model file, or one line says why it does not."""

import sys

import numpy as np
import pytest

from minigrad import bridges, nn, training
from tests.cli.models import classifier, make_rows, write_csv
from tests.helpers import assert_same_arrays

pytest.importorskip("safetensors", reason="safetensors is not installed")

from safetensors.numpy import save_file  # noqa: E402


@pytest.fixture
def weights(tmp_path):
    """Write the state dict of another network with the layers of the model."""
    model = nn.mlp(4, [8], 3, rng=9)
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    return model


def test_weights_become_a_model(cli, model, weights, tmp_path):
    assert cli("import", "w.safetensors", "--like", model, "--output", "new.npz") == (
        0, "wrote new.npz\n", "",
    )  # fmt: skip
    new = training.load(tmp_path / "new.npz")
    assert_same_arrays(new.model.state_dict(), weights.state_dict())
    assert new.schema == classifier().schema
    write_csv(tmp_path / "rows.csv", make_rows(5))
    assert cli("predict", "new.npz", "rows.csv").code == 0


def test_an_export_comes_back_without_a_model(cli, model, tmp_path):
    cli("export", model, "--to", "safetensors", "m.safetensors")
    assert cli("import", "m.safetensors", "--output", "new.npz").code == 0
    assert (tmp_path / "new.npz").read_bytes() == model.read_bytes()


def test_a_folder_of_pytorch_comes_back(cli, model, tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    found = cli("export", model, "--to", "torch", "out")
    assert found.out == "".join(
        f"wrote out/{name}\n"
        for name in (
            "model.py", "check.py", "model.safetensors", "preprocessing.json", "check.safetensors",
        )
    )  # fmt: skip
    assert cli("import", "out", "--like", model, "--output", "new.npz").code == 0
    back = training.load(tmp_path / "new.npz")
    assert_same_arrays(back.model.state_dict(), classifier().model.state_dict())


@pytest.mark.parametrize(
    ("state", "facts"),
    [
        ({"0.weight": np.zeros((8, 4), np.float32)}, "missing 0.bias, 2.weight, 2.bias"),
        ({}, "missing 0.weight, 0.bias, 2.weight, 2.bias"),
    ],
)
def test_other_names_write_nothing(cli, model, tmp_path, state, facts):
    save_file(state, tmp_path / "w.safetensors")
    assert cli("import", "w.safetensors", "--like", model, "--output", "new.npz") == (
        3,
        "",
        f"Error: w.safetensors: its arrays are not those of the model; {facts}; "
        "give a state dict of the same layers and sizes\n",
    )
    assert not (tmp_path / "new.npz").exists()


def test_nothing_is_replaced(cli, model, weights, tmp_path):
    (tmp_path / "new.npz").write_text("mine")
    given = "import", "w.safetensors", "--like", model, "--output"
    assert cli(*given, "new.npz") == (
        3, "", "Error: new.npz: it exists; 4 bytes; choose another name, or pass --overwrite\n",
    )  # fmt: skip
    assert cli(*given, "new.npz", "--overwrite").code == 0
    before = model.read_bytes()
    assert cli(*given, model, "--overwrite") == (
        2,
        "",
        f"Error: --output: it would replace what it is made from; FILE {model}, and {model}; "
        "choose another name\n",
    )
    assert cli(*given, "-").err == (
        "Error: --output: - does not name a file; FILE -; write ./- for a file of that name\n"
    )
    assert model.read_bytes() == before


def test_the_package_is_not_installed(cli, model, weights, tmp_path, monkeypatch):
    (tmp_path / "bridges").mkdir()
    (tmp_path / "bridges" / "safetensors.py").write_text("import no_such_package")
    monkeypatch.setattr(bridges, "__path__", [str(tmp_path / "bridges")])
    monkeypatch.delitem(sys.modules, "minigrad.bridges.safetensors", raising=False)
    assert cli("import", "w.safetensors", "--like", model, "--output", "new.npz") == (
        2,
        "",
        "Error: import: it needs no_such_package; No module named 'no_such_package'; "
        "pip install 'minigrad[safetensors]'\n",
    )
