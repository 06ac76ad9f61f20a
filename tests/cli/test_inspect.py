"""`minigrad inspect`: everything that a file or a run folder holds."""

import json
import os
import re

import numpy as np
import pytest

from minigrad import nn
from minigrad.training import Classifier, archive, load
from tests.cli.models import CLASSES, classifier, features, make_rows, write_csv
from tests.training.folders import HEADER, OPTIONS, write_run

HISTORY = HEADER + "1,1.25,0.5,1.5,0.4,0.1,2.5\n2,0.75,0.625,,,0.1,1.5\n"
ORIGINS = dict.fromkeys(OPTIONS, "default")


@pytest.fixture
def model(tmp_path):
    classifier("mean").save(tmp_path / "m.npz")
    return tmp_path / "m.npz"


@pytest.fixture
def run(tmp_path):
    origins = {"seed": "command line"}
    facts = {"options": {**OPTIONS, "seed": 3}, "origins": {**ORIGINS, **origins}, "results": None}
    folder = write_run(tmp_path / "run", HISTORY, **facts)
    classifier().save(folder / "best.npz")
    return folder


def test_a_model(cli, model):
    assert cli("inspect", model) == (
        0,
        f"{model}: classifier, format version 3, {os.path.getsize(model):,} bytes\n"
        "\n"
        'classes: small, round, a "long" one, größer\n'
        "label: kind\n"
        "columns: 3, found by name; delimiter ','\n"
        "missing values: the mean of the training rows; of a text, zeros in its features\n"
        "scaling: standard, (x - shift) / scale\n"
        "\n"
        "feature        shift    scale     fill\n"
        "width        2.90282  2.32481  2.90282\n"
        "colour=blue  3.14307  1.89906  3.14307\n"
        "colour=red   2.94636  1.81853  2.94636\n"
        "height       3.39103  1.85794  3.39103\n"
        "\n"
        "layer             output  parameters\n"
        "0 Linear(4 -> 8)  (N, 8)          40\n"
        "1 ReLU()          (N, 8)           0\n"
        "2 Linear(8 -> 3)  (N, 3)          27\n"
        "total                             67\n"
        "\n"
        "array           shape    dtype\n"
        "0.weight       (8, 4)  float32\n"
        "0.bias           (8,)  float32\n"
        "2.weight       (3, 8)  float32\n"
        "2.bias           (3,)  float32\n"
        "scaling.shift    (4,)  float64\n"
        "scaling.scale    (4,)  float64\n"
        "scaling.fill     (4,)  float64\n"
        "\n"
        "training\n"
        "  options\n"
        "    lr: 0.1\n"
        "  epoch: 7\n",
        "",
    )


def test_a_model_of_other_layers(cli, tmp_path):
    """It can be inspected, and used to predict."""
    parts = classifier()
    network = nn.Sequential(
        nn.Sequential(nn.Linear(4, 8, bias=False, rng=0), nn.GELU(approximate="tanh")),
        nn.Dropout(0.5),
        nn.Linear(8, 3, rng=1),
    )
    Classifier(network, parts.schema, parts.scaling).save(tmp_path / "m.npz")
    code, out, err = cli("inspect", tmp_path / "m.npz")
    assert (code, err) == (0, "")
    assert (
        "layer                           output  parameters\n"
        "0.0 Linear(4 -> 8, bias=False)  (N, 8)          32\n"
        "0.1 GELU(approximate='tanh')    (N, 8)           0\n"
        "1 Dropout(p=0.5)                (N, 8)           0\n"
        "2 Linear(8 -> 3)                (N, 3)          27\n"
        "total                                           59\n"
        "\n"
        "array           shape    dtype\n"
        "0.0.weight     (8, 4)  float32\n"
        "2.weight       (3, 8)  float32\n"
    ) in out
    rows = make_rows(50)
    found = cli("predict", tmp_path / "m.npz", write_csv(tmp_path / "rows.csv", rows), "--json")
    names = load(tmp_path / "m.npz").predict(features(rows))
    assert [event["class"] for event in found.events[:-1]] == names.tolist()


def test_a_model_as_json(cli, model):
    (found,) = cli("inspect", model, "--json").events
    header, arrays = archive.read(model)
    assert found == {
        "event": "file",
        "path": str(model),
        "bytes": os.path.getsize(model),
        "header": header,
        **{n: arrays[n].tolist() for n in ("scaling.shift", "scaling.scale", "scaling.fill")},
    }
    assert found["header"]["schema"]["class_names"] == [*CLASSES]


@pytest.mark.parametrize("content", [None, "state", ["run"], "\x1b[31mrun"], ids=repr)
def test_a_file_of_another_content(cli, tmp_path, content):
    path = tmp_path / "a.npz"
    archive.write(path, {"content": content, "state": {"step": 3}}, {"w": np.zeros(2)})
    assert cli("inspect", path) == (
        3,
        "",
        f"Error: {path}: it does not hold a model or a run; content {content!r}; give a model "
        "file, such as best.npz\n",
    )


def test_a_checkpoint(cli, tmp_path):
    cli("train", "iris", "--epochs", 1, "--hidden", 2, "--out", "run")
    path = tmp_path / "run" / "last.npz"
    code, out, err = cli("inspect", path)
    assert (code, err) == (0, "")
    assert out.startswith(f"{path}: run, format version 3, {path.stat().st_size:,} bytes\n\narray")
    assert "model/0.weight     (2, 4)  float32\n" in out
    assert "\nstate\n  steps: 4\n" in out


def test_the_header_of_a_hostile_file_cannot_colour_a_terminal(cli, tmp_path, model):
    path, red = tmp_path / "a.npz", "\x1b[31m"
    header, arrays = archive.read(model)
    archive.write(path, {**header, f"a\n{red}": {red + "b" * 99: red}}, arrays)
    code, out, err = cli("inspect", path)
    assert (code, err) == (0, "")
    red = r"\u001b[31m"
    assert out.endswith(rf"a\n{red}" + f"\n  {red}{'b' * 75}: {red}\n")


def test_a_run(cli, run):
    code, out, err = cli("inspect", run)
    assert (code, err) == (0, "")
    model, _, training = cli("inspect", run / "best.npz").out.partition("training\n")
    assert training  # run.json has it again
    rest = out.removeprefix(model)
    assert rest.startswith("run.json\n  format: minigrad run\n  version: 1\n  status: finished\n")
    assert "  options\n    arch: mlp (default)\n    conv: none (default)\n    hidden: " in rest
    assert "    seed: 3 (command line)\n" in rest and "origins" not in rest
    assert rest.endswith(
        "last line of history.csv\n"
        "  epoch: 2\n"
        "  train_loss: 0.75\n"
        "  train_accuracy: 0.625\n"
        "  val_loss: none\n"
        "  val_accuracy: none\n"
        "  lr: 0.1\n"
        "  grad_norm: 1.5\n"
    )


def test_a_run_as_json(cli, run):
    file, found = cli("inspect", run, "--json").events
    assert file == cli("inspect", run / "best.npz", "--json").events[0]
    assert found == {
        "event": "run",
        "path": str(run),
        "run": json.loads((run / "run.json").read_text()),
        "epochs": 2,
        "last_epoch": {
            "epoch": 2,
            "train_loss": 0.75,
            "train_accuracy": 0.625,
            "val_loss": None,
            "val_accuracy": None,
            "lr": 0.1,
            "grad_norm": 1.5,
        },
    }


def test_a_run_before_its_first_epoch_has_ended(cli, run):
    (run / "best.npz").unlink()
    (run / "history.csv").write_text(HEADER)
    code, out, err = cli("inspect", run)
    assert (code, err) == (0, "") and out.startswith("run.json\n")
    assert out.endswith("\nlast line of history.csv: none\n")
    (found,) = cli("inspect", run, "--json").events
    assert (found["epochs"], found["last_epoch"]) == (0, {})


def test_a_run_with_a_damaged_piece(cli, run):
    (run / "history.csv").write_text("epoch\n1\n")
    assert cli("inspect", run) == (
        3,
        "",
        f"Error: {run}/history.csv: line 1 is not the header; 'epoch'; the columns are "
        f"{HEADER.strip()}; resume the run, which writes it again\n",
    )


def test_a_damaged_model(cli, model):
    model.write_bytes(model.read_bytes()[:-1])
    code, out, err = cli("inspect", model)
    assert (code, out) == (3, "")
    assert err.startswith(f"Error: {model}: it is cut off, or something follows its end; ")


def test_no_such_file(cli, tmp_path):
    assert cli("inspect", tmp_path / "m.npz") == (
        3,
        "",
        f"Error: {tmp_path}/m.npz: cannot be read; No such file or directory; "
        "check the path and its rights\n",
    )


def test_names_cannot_break_a_line_or_colour_a_terminal(cli, tmp_path):
    """Names from a data file, wherever they are printed; a program gets them unchanged."""
    red, broken = "\x1b[31mred", "a\nb"
    rows = [f"{i},{i % 3},{red if i % 2 else 'x'}" for i in range(40)]
    (tmp_path / "names.csv").write_text("\n".join([f'"{broken}",{red},kind', *rows, ""]))
    train = ("train", "names.csv", "--header", "yes", "--epochs", 1, "--out", "run", "--overwrite")
    for ended in (cli(*train), cli("evaluate", "run", "names.csv"), cli("inspect", "run")):
        assert ended.code == 0 and r"\u001b[31mred" in ended.out
        assert "\x1b" not in ended.out and not re.search("^b", ended.out, re.MULTILINE)
    assert r"a\nb" in cli("inspect", "run").out
    assert cli(*train, "--json").events[0]["classes"] == [red, "x"]
    assert cli("inspect", "run", "--json").events[1]["run"]["data"]["features"] == [broken, red]
