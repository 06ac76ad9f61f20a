"""What is read from a run folder, whole or not."""

import json
import math

import numpy as np
import pytest

from minigrad.errors import DataError
from minigrad.plotting import read_run
from tests.plotting.folders import HEADER, history, write_run


def test_a_run(tmp_path):
    run = read_run(str(write_run(tmp_path / "run")))
    assert run.name == str(tmp_path / "run")
    assert (run.epochs, run.best_epoch, run.test_accuracy) == (30, 12, 0.9)
    assert (run.classes, run.features) == (("no", "yes"), ("a", "b", "c"))
    assert run.state == "finished, 30 epochs, best 12"
    assert [*run.history] == HEADER.strip().split(",")
    assert run.history["epoch"].tolist() == [*range(1, 31)]
    assert run.history["train_loss"][29] == math.exp(-3)
    assert run.confusion.tolist() == [[9, 2], [1, 9]]


def test_a_run_without_validation_or_results(tmp_path):
    facts = {"results": None, "best_epoch": None, "status": "running"}
    run = read_run(str(write_run(tmp_path / "run", history(1, val=False), **facts)))
    assert np.isnan(run.history["val_loss"]).all() and np.isfinite(run.history["lr"]).all()
    assert run.confusion is run.test_accuracy is None
    assert run.state == "running, 1 epoch"


def test_names_cannot_break_a_line_or_colour_a_terminal(tmp_path):
    run = read_run(str(write_run(tmp_path / "run", classes=("a\nb", "\x1b[31mred", "läßt ja"))))
    assert run.classes == ("a?b", "?[31mred", "läßt ja")


def refused(folder):
    with pytest.raises(DataError) as caught:
        read_run(str(folder))
    return str(caught.value)


def test_no_run_folder(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    remedy = "give a folder that minigrad train wrote, such as runs/digits-1"
    for name, why in [
        ("nothing", "there is no such folder"),
        ("file", "there is no such folder"),
        ("folder", "there is no run.json in it"),
    ]:
        path = tmp_path / name
        assert refused(path) == f"{path}: it is not a run folder; {why}; {remedy}"


@pytest.mark.parametrize("text", [None, "", HEADER])
def test_no_epoch_yet(tmp_path, text):
    path = write_run(tmp_path / "run", text or "") / "history.csv"
    if text is None:
        path.unlink()
    assert refused(path.parent) == (
        f"{path}: there is nothing to plot yet; no epoch has ended; wait for the first epoch"
    )


@pytest.mark.parametrize(
    "line", ["1,2,3", "1,2,3,4,5,6,7,8", "1,x,3,4,5,6,7", ",2,3,4,5,6,7", "", "1,inf,3,4,5,6,7"]
)
def test_a_damaged_history(tmp_path, line):
    path = write_run(tmp_path / "run", history(2) + line + "\n") / "history.csv"
    assert refused(path.parent) == (
        f"{path}: line 4 is not an epoch; {line!r}; the columns are "
        "epoch,train_loss,train_accuracy,val_loss,val_accuracy,lr,grad_norm; train again, into "
        "another folder"
    )


@pytest.mark.parametrize("left", [1, 7, 40, -1])
def test_a_line_that_was_cut_off(tmp_path, left):
    """Even where only the end of the line is missing: its last number may lack digits."""
    *whole, last = history(3).splitlines(keepends=True)
    path = write_run(tmp_path / "run", "".join(whole) + last[:left]) / "history.csv"
    assert refused(path.parent).startswith(f"{path}: line 4 is not an epoch; ")


@pytest.mark.parametrize(
    "text, expected",
    [
        (
            "{",
            "it is not JSON; Expecting property name enclosed in double quotes: line 1 column 2 "
            "(char 1); train again, into another folder",
        ),
        (
            "[]",
            "it does not describe a run; this minigrad reads version 1; give a folder of minigrad "
            "train",
        ),
        (
            '{"format": "minigrad run", "version": 2}',
            "it is version 2 of a run; this minigrad reads version 1; use the minigrad that wrote "
            "it",
        ),
        (
            '{"format": "minigrad run", "version": 1}',
            "it does not describe a run; KeyError: 'data'; train again, into another folder",
        ),
    ],
)
def test_a_damaged_run_json(tmp_path, text, expected):
    path = write_run(tmp_path / "run") / "run.json"
    path.write_text(text)
    assert refused(path.parent) == f"{path}: {expected}"


@pytest.mark.parametrize(
    "change",
    [
        {"data": None},
        {"data": {"classes": 3}},
        {"options": 3},
        {"options": {"dtype": "float32"}},
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
