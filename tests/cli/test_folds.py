"""`--folds`, `--test` and `--test-fraction 0`: what a model is judged on."""

import json
import os
import re
import signal

import numpy as np
import pytest

from tests.cli.program import ROOT

SHORT = ("--epochs", "2", "--hidden", "8")
HEADER, *ROWS = (ROOT / "datasets" / "iris.csv").read_text().splitlines()


@pytest.fixture
def files(folder):
    """Write two files of flowers."""
    others = [row for i, row in enumerate(ROWS) if i % 10 in (1, 3)]
    for name, rows in (("train.csv", ROWS[::2]), ("test.csv", others)):
        (folder / name).write_text("\n".join([HEADER, *rows]) + "\n")


# ---- --folds


def test_folds_come_before_the_run(cli):
    code, out, err = cli("train", "iris", *SHORT, "--folds", 3)
    plain = cli("train", "iris", *SHORT)
    assert code == 0
    before, line, after = re.split(r"^(3 folds: .*)\n", out, flags=re.M)
    assert before.replace(", folds 3", "") + after == plain.out
    number = r"\d+\.\d\d"
    loss = r"log loss \d\.\d{4}"
    assert re.fullmatch(
        rf"3 folds: accuracy {number}% ± {number}, {loss} ± \d\.\d{{4}} "
        r"\(mean ± standard deviation\)",
        line,
    )
    folds = err.splitlines()[:3]
    for i, text in enumerate(folds, 1):
        assert re.fullmatch(rf"fold {i}/3  accuracy {number}%  {loss}", text)
    quiet = cli("train", "iris", *SHORT, "--folds", 3, "-q")
    assert (quiet.err, quiet.out.splitlines()[0]) == ("", line)
    assert len(quiet.out.splitlines()) == 2


def test_a_class_with_fewer_rows_than_folds_is_a_warning_with_quiet_too(cli, folder):
    lines = [f"{i}.5,{i * 7 % 10},{'rare' if i % 20 == 0 else 'ab'[i % 2]}" for i in range(80)]
    (folder / "t.csv").write_text("\n".join(["x,y,class", *lines]))
    assert cli("train", "t.csv", *SHORT, "--folds", 5, "--no-save", "-q").err.startswith(
        'Warning: cross_validate: 1 class with fewer rows than folds: "rare"; some folds have no '
        "row of them; give fewer folds, or add rows\n"
    )


def test_json_holds_the_folds(cli):
    run, *folds, over_all, _, _, result = cli(
        "train", "iris", *SHORT, "--folds", 3, "--json"
    ).events
    assert run["options"]["folds"] == 3
    assert [(fold["event"], fold.pop("fold")) for fold in folds] == [("fold", i) for i in (1, 2, 3)]
    assert [fold.pop("event") for fold in folds] == ["fold"] * 3
    assert over_all["event"] == "folds"
    assert over_all["folds"] == folds == result["folds"]
    for name in ("accuracy", "log_loss"):
        values = [fold[name] for fold in folds]
        assert over_all["mean"][name] == pytest.approx(np.mean(values))
        assert over_all["deviation"][name] == pytest.approx(np.std(values, ddof=1))
    with open("runs/iris-1/run.json") as file:
        assert json.load(file)["folds"] == folds


def test_a_used_folder_is_refused_before_the_folds(cli, folder):
    (folder / "used").mkdir()
    (folder / "used" / "file").touch()
    code, _, err = cli("train", "iris", *SHORT, "--folds", 3, "--out", "used", "-q")
    assert (code, err) == (
        3,
        'Error: used: the run folder is not empty; it holds "file"; '
        "choose another folder as --out DIR, or pass --overwrite\n",
    )


def test_an_interrupt_during_the_folds_leaves_nothing(start, folder):
    process = start("digits", "--epochs", "1000", "--folds", "3")
    while not process.stdout.readline().startswith(b"total"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"Interrupted in fold 1 of 3; nothing was saved.\n")
    assert os.listdir(folder) == []


# ---- --test


def test_the_test_rows_can_come_from_a_file(cli, files):
    code, out, _ = cli("train", "train.csv", *SHORT, "--test", "test.csv")
    assert code == 0
    assert "split: 68 training, 7 validation, 30 test rows; " in out
    assert "\ntest set: 30 rows from test.csv\n" in out
    assert "test test.csv" in out and "test fraction" not in out
    printed = re.search(r"test accuracy .*\n", out)[0]
    # As evaluate judges the same file.
    accuracy = cli("evaluate", "runs/train-1", "test.csv").out.partition(", log loss")[0]
    assert printed.startswith(f"test {accuracy}, loss ")
    assert cli("evaluate", "runs/train-1").out.startswith(accuracy)
    trained_on = cli("evaluate", "runs/train-1", "train.csv", "--json").events[0]["trained_on"]
    assert trained_on == 68


def test_a_run_with_a_test_file_resumes(cli, files, folder, monkeypatch):
    constant = ("--schedule", "constant", "--test", "test.csv")
    assert cli("train", "train.csv", *SHORT, *constant, "--out", "run").code == 0
    whole = ("--epochs", "4", "--hidden", "8")
    assert cli("train", "train.csv", *whole, *constant, "--out", "whole").code == 0
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    assert cli("resume", "../run", "--epochs", 4).code == 0
    for name in ("best.npz", "history.csv"):
        assert (folder / "run" / name).read_bytes() == (folder / "whole" / name).read_bytes()
    (folder / "test.csv").unlink()
    assert cli("resume", "../run", "--epochs", 5) == (
        3,
        "",
        f"Error: ../run: the test file of the run cannot be found; {folder}/test.csv; "
        "put it back there\n",
    )


def test_a_test_file_that_has_changed_is_named(cli, files, folder):
    assert cli("train", "train.csv", *SHORT, "--test", "test.csv", "--out", "run").code == 0
    before = (folder / "test.csv").read_text()
    commands = (("evaluate", "run"), ("resume", "run", "--epochs", 3))
    (folder / "test.csv").write_text(before.replace("virginica", "setosa"))
    for command in commands:
        code, out, err = cli(*command)
        assert (code, out, err.count("\n")) == (3, "", 1)
        assert f"{folder}/test.csv: the test file has changed since the run began; SHA-256 " in err
    (folder / "test.csv").unlink()
    for command in commands:
        gone = "Error: run: the test file of the run cannot be found; "
        assert cli(*command) == (3, "", f"{gone}{folder}/test.csv; put it back there\n")
    (folder / "test.csv").write_text(before)
    (folder / "train.csv").rename(folder / "moved.csv")
    for command in commands:
        gone = "Error: run: the data of the run cannot be found; "
        assert cli(*command) == (3, "", f"{gone}{folder}/train.csv; put it back there\n")


def test_timestamps_in_a_test_file(cli, folder):
    """Training keeps them as differences from the first; so has the test set to be."""
    for name, of in (("train.csv", range(100)), ("test.csv", range(0, 100, 7))):
        lines = [f"{1_700_000_000 + i},{'early' if i < 50 else 'late'}" for i in of]
        (folder / name).write_text("\n".join(["time,class", *lines]) + "\n")
    options = ("--test", "test.csv", "--label-smoothing", 0, "--json", "-q")
    (found,) = cli("train", "train.csv", *options).events
    assert found["test_accuracy"] > 0.9
    assert cli("evaluate", "runs/train-1", "test.csv", "--json").events[0]["log_loss"] == (
        pytest.approx(found["test_loss"], rel=1e-5)
    )


def test_test_rows_that_are_training_rows(cli, files, folder):
    warning = (
        "Warning: {0}: {1} of {1} test rows are also rows to train on; the 75 rows of train "
        "hold them with the same label; give other rows, or leave --test FILE out to have some "
        "held out\n"
    )
    (folder / "part.csv").write_text("\n".join([HEADER, *ROWS[::10]]))
    for name, rows in (("train.csv", 75), ("part.csv", 15)):
        ended = cli("train", "train.csv", *SHORT, "--test", name, "-q")
        assert ended.code == 0 and warning.format(name, rows) in ended.err
    assert "to train on" not in cli("train", "train.csv", *SHORT, "--test", "test.csv").err


def test_equal_rows_of_a_table_with_few_values_are_no_warning(cli, folder):
    for name, rows in (("train.csv", 80), ("test.csv", 20)):
        lines = [f"{i % 2},{i % 3},{'ab'[i % 2]}" for i in range(rows)]
        (folder / name).write_text("\n".join(["x,y,class", *lines]))
    assert "to train on" not in cli("train", "train.csv", *SHORT, "--test", "test.csv", "-q").err


def test_rows_of_a_test_file_that_cannot_be_used(cli, files, folder):
    with open(folder / "test.csv", "a") as file:
        file.write("5.1,3.5,1.4,0.2,tulip\n5.1,3.5,1.4,0.2,\n")
    _, out, err = cli("train", "train.csv", *SHORT, "--test", "test.csv")
    assert "\ntest set: 30 rows from test.csv; 2 of 32 rows left out\n" in out
    warning = (
        "Warning: test.csv: 2 of 32 rows left out; new labels, missing labels: "
        'row 32 "species" "tulip", row 33 "species" ""; complete or correct them\n'
    )
    assert err.startswith(warning)
    assert cli("train", "train.csv", *SHORT, "--test", "test.csv", "-q").err == warning
    (folder / "test.csv").write_text(f"{HEADER}\n5.1,3.5,1.4,0.2,tulip\n")
    assert cli("train", "train.csv", *SHORT, "--test", "test.csv") == (
        3,
        "",
        "Error: test.csv: has no row to test on; 1 of 1 row left out; new labels: "
        'row 2 "species" "tulip"; give rows with a label\n',
    )


def test_a_test_file_and_a_fraction_exclude_each_other(cli, files):
    options = ("--test", "test.csv", "--test-fraction", 0.3)
    assert cli("train", "train.csv", *options) == (
        2,
        "",
        "Error: train: test and test_fraction exclude each other; "
        "--test test.csv, --test-fraction 0.3; give one of them\n",
    )


# ---- --test-fraction 0


def test_without_test_rows_the_validation_rows_are_reported(cli):
    *_, last, result = cli("train", "iris", *SHORT, "--test-fraction", 0, "--json").events
    assert result == {
        "event": "result", "test_accuracy": None, "test_loss": None, "epoch": 2, "epochs": 2,
        "validation_accuracy": last["val_accuracy"], "validation_loss": last["val_loss"],
    }  # fmt: skip
    out = cli("train", "iris", *SHORT, "--test-fraction", 0).out
    line = (
        f"no test rows; validation accuracy {last['val_accuracy']:.2%}, "
        f"loss {last['val_loss']:.4f}, epoch 2 of 2\n"
    )
    assert line in out and "confusion" not in out
    assert "split: 135 training, 15 validation, 0 test rows; " in out
    assert cli("train", "iris", *SHORT, "--test-fraction", 0, "-q").out == line
    assert cli("plot", "runs/iris-1").code == cli("inspect", "runs/iris-1").code == 0
    neither = cli("train", "iris", *SHORT, "--test-fraction", 0, "--val-fraction", 0, "-q").out
    assert neither.startswith("no test rows; training accuracy ")


# ---- the majority


def test_the_share_of_the_majority_stands_beside_the_accuracy(cli, folder):
    """The case imbalanced: 97.5 % is what always saying ok would get, and -q says so."""
    rng = np.random.default_rng(0)
    labels = np.where(np.arange(1000) % 40 == 0, "fraud", "ok")
    rows = (
        f"{a:.3f},{b:.3f},{y}" for (a, b), y in zip(rng.normal(size=(1000, 2)), labels, strict=True)
    )
    (folder / "imbalanced.csv").write_text("a,b,label\n" + "\n".join(rows) + "\n")
    code, out, _ = cli("train", "imbalanced.csv", "-q")
    assert code == 0
    assert re.match(
        r'test accuracy \d+\.\d\d% \(\d+ of 200 rows; always saying "ok" gets 97\.50%\), loss ', out
    )
    described = cli("train", "imbalanced.csv").out.splitlines()[1]
    assert described == 'classes: fraud 25, ok 975; always saying "ok" gets 97.50%'


def test_of_many_classes_the_first_are_counted(cli, folder):
    rows = "".join(f"{i % 9},{i % 7},class {i % 30}\n" for i in range(900))
    (folder / "many.csv").write_text("a,b,kind\n" + rows)
    line = cli("train", "many.csv", *SHORT).out.splitlines()[1]
    assert line.startswith("classes: class 0 30, class 1 30, ")
    assert line.endswith(' 30 and 10 more; always saying "class 0" gets 3.33%')
