"""What `read_run` returns from a run folder, and one message for each damage."""

import json
import math

import numpy as np
import pytest

from minigrad import settings
from minigrad.errors import DataError
from minigrad.training import Epoch, read_run
from minigrad.training.run_data import READING
from tests.training.folders import HEADER, history, write_run


def test_a_run(tmp_path):
    run = read_run(write_run(tmp_path / "run"))
    assert run.folder == str(tmp_path / "run")
    assert (run.status, run.best_epoch, run.test_accuracy) == ("finished", 12, 0.9)
    assert (run.classes, run.features) == (("no", "yes"), ("a", "b", "c"))
    assert run.state == "finished, 30 epochs, best 12"
    assert [epoch.epoch for epoch in run.history] == [*range(1, 31)]
    assert all(type(epoch) is Epoch for epoch in run.history)
    assert run.history[29].train_loss == math.exp(-3)
    assert run.confusion.tolist() == [[9, 2], [1, 9]]
    assert run.facts == json.loads((tmp_path / "run" / "run.json").read_text())
    assert run.reading["one_hot"] == () and run.options["one_hot"] == []


def test_a_run_without_validation_or_results(tmp_path):
    facts = {"results": None, "best_epoch": None, "status": "running"}
    run = read_run(write_run(tmp_path / "run", history(1, val=False), **facts))
    assert run.history[0].val_loss is None
    assert np.isnan(run.history.column("val_loss")).all() and run.history.column("lr") == [0.05]
    assert run.confusion is run.test_accuracy is None
    assert run.state == "running, 1 epoch"


def test_the_best_epoch_of_a_run_that_has_not_ended_is_that_of_its_history(tmp_path):
    folder = write_run(tmp_path / "run", history(9, changes=[(4, "val_loss", "0.001")]))
    facts = json.loads((folder / "run.json").read_text())
    del facts["best_epoch"]
    (folder / "run.json").write_text(json.dumps({**facts, "status": "running"}))
    assert read_run(folder).state == "running, 9 epochs, best 4"
    (folder / "history.csv").write_text(history(9, val=False))
    assert read_run(folder).best_epoch is None


@pytest.mark.parametrize("text", [None, "", HEADER])
def test_a_run_before_its_first_epoch_has_ended(tmp_path, text):
    folder = write_run(tmp_path / "run", text or "")
    if text is None:
        (folder / "history.csv").unlink()
    assert read_run(folder).history == []


def test_names_cannot_break_a_line_or_colour_a_terminal(tmp_path):
    run = read_run(write_run(tmp_path / "run", classes=("a\nb", "\x1b[31mred", "läßt ja")))
    assert run.classes == (r"a\nb", r"\u001b[31mred", "läßt ja")


OPTIONS = {name: settings.SETTINGS[name].default for name in READING}

# ---- damages ------------------------------------------------------------------------------------

AGAIN = "resume the run, which writes it again"
COLUMNS = f"the columns are {HEADER.strip()}; {AGAIN}"


def refused(folder):
    with pytest.raises(DataError) as caught:
        read_run(folder)
    return str(caught.value)


def test_not_a_run_folder(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    remedy = "give a folder that minigrad train wrote, such as runs/digits-1"
    for name, why in [
        ("nothing", "there is no such folder"),
        ("folder", "there is no run.json in it"),
    ]:
        path = tmp_path / name
        assert refused(path) == f"{path}: it is not a run folder; {why}; {remedy}"
    path = tmp_path / "file"
    assert refused(path) == (
        f"{path}: it is not a run folder; it is a file; give the folder of the run, such as "
        "runs/digits-1"
    )


def test_an_empty_path_is_not_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(write_run(tmp_path / "run"))
    assert refused("") == (
        "'': it is not a run folder; the path is empty; give a folder that minigrad train wrote, "
        "such as runs/digits-1"
    )


def test_a_run_json_that_cannot_be_read(tmp_path):
    (tmp_path / "run.json").mkdir()
    assert refused(tmp_path) == (
        f"{tmp_path}/run.json: cannot be read; it is a folder; check the path and its rights"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            b"{",
            "it is not JSON; Expecting property name enclosed in double quotes: line 1 column 2 "
            f"(char 1); {AGAIN}",
        ),
        (
            b"\xff",
            "it is not JSON; 'utf-8' codec can't decode byte 0xff in position 0: invalid start "
            f"byte; {AGAIN}",
        ),
        (
            b"[]",
            "it does not describe a run in version 1; format None, version None; use the minigrad "
            "that wrote it",
        ),
        (
            b'{"format": "minigrad run", "version": 2}',
            "it does not describe a run in version 1; format 'minigrad run', version 2; use the "
            "minigrad that wrote it",
        ),
        (
            b'{"format": "minigrad run", "version": 1}',
            f"it does not describe a run; data is missing; {AGAIN}",
        ),
    ],
)
def test_a_damaged_run_json(tmp_path, text, message):
    path = write_run(tmp_path / "run") / "run.json"
    path.write_bytes(text)
    assert refused(path.parent) == f"{path}: {message}"


def test_brackets_without_end(tmp_path):
    path = write_run(tmp_path / "run") / "run.json"
    path.write_text("[" * 100_000)
    assert refused(path.parent).startswith(f"{path}: it is not JSON; ")


@pytest.mark.parametrize(
    "change",
    [
        {"data": None},
        {"data": {"classes": 3}},
        {"options": 3},
        {"options": {"dtype": "float32"}},
        {"options": {**OPTIONS, "header": 3}},
        {"origins": None},
        {"best_epoch": "3"},
        {"results": 3},
        {"results": {"confusion": [[1, 2, 3]]}},
        {"results": {"confusion": [["a"] * 2] * 2}},
        {"results": {"test_accuracy": []}},
    ],
    ids=json.dumps,
)
def test_facts_of_another_kind(tmp_path, change):
    path = write_run(tmp_path / "run") / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert refused(path.parent).startswith(f"{path}: it does not describe a run; ")


@pytest.mark.parametrize(
    "line",
    [
        "1,2,3", "1,2,3,4,5,6,7,8", "1,x,3,4,5,6,7", ",2,3,4,5,6,7", "", "1,inf,3,4,5,6,7",
        f"1{'0' * 400},2,3,4,5,6,7",
    ],
)  # fmt: skip
def test_a_damaged_history(tmp_path, line):
    path = write_run(tmp_path / "run", history(2) + line + "\n") / "history.csv"
    assert refused(path.parent) == f"{path}: line 4 is not an epoch; {line[:60]!r}; {COLUMNS}"


def test_a_history_of_other_columns(tmp_path):
    path = write_run(tmp_path / "run", "epoch,loss\n1,2\n") / "history.csv"
    assert refused(path.parent) == f"{path}: line 1 is not the header; 'epoch,loss'; {COLUMNS}"


@pytest.mark.parametrize("left", [1, 7, 40, -1])
def test_a_line_that_was_cut_off(tmp_path, left):
    """Even where only the end of the line is missing: its last number may lack digits."""
    *whole, last = history(3).splitlines(keepends=True)
    path = write_run(tmp_path / "run", "".join(whole) + last[:left]) / "history.csv"
    assert refused(path.parent).startswith(f"{path}: line 4 is not an epoch; ")
