"""`minigrad evaluate`: the numbers are scikit-learn's, and its tables are those of `train`."""

import json
import re

import numpy as np
import pytest

from minigrad.training import archive
from tests.cli.models import CLASSES, classifier, features, make_rows, write_csv
from tests.cli.program import ROOT

ROWS = make_rows(300)
LABELS = np.random.default_rng(5).integers(3, size=300)
HEADER = ("width", "colour", "height", "kind")
QUOTED = ('"small, round"', '"a ""long"" one"', "größer")


def labelled(rows, labels=LABELS):
    return [(*row, QUOTED[y]) for row, y in zip(rows, labels, strict=True)]


@pytest.fixture
def rows(tmp_path):
    return write_csv(tmp_path / "rows.csv", labelled(ROWS), HEADER)


def test_all_numbers_are_those_of_scikit_learn(cli, model, rows):
    sklearn = pytest.importorskip("sklearn.metrics")
    code, out, err = result = cli("evaluate", model, rows, "--json")
    (found,) = result.events
    assert (code, err) == (0, "")
    predicted = classifier().predict(features(ROWS))
    true = np.array(CLASSES)[LABELS]
    p = classifier().predict_proba(features(ROWS))
    assert found["accuracy"] == sklearn.accuracy_score(true, predicted)
    assert found["log_loss"] == pytest.approx(sklearn.log_loss(LABELS, p), rel=1e-12)
    matrix = sklearn.confusion_matrix(true, predicted, labels=CLASSES)
    assert found["confusion"] == matrix.tolist()
    keys = ["precision", "recall", "f1", "support"]

    def theirs(average):
        return sklearn.precision_recall_fscore_support(
            true, predicted, labels=CLASSES, average=average, zero_division=0
        )

    ours = [[entry[key] for entry in found["classes"]] for key in keys]
    np.testing.assert_allclose(ours, theirs(None), rtol=1e-12)
    for average in ("macro", "micro"):
        assert [*found[average]] == keys[:3]
        np.testing.assert_allclose([*found[average].values()], theirs(average)[:3], rtol=1e-12)


def test_json_is_one_object(cli, model, rows):
    (found,) = cli("evaluate", model, rows, "--json").events
    assert [*found] == [
        "event", "accuracy", "log_loss", "rows", "skipped", "ignored", "trained_on", "classes",
        "macro", "micro", "confusion", "majority",
    ]  # fmt: skip
    assert [entry["name"] for entry in found["classes"]] == [*CLASSES]
    assert (found["event"], found["rows"], found["skipped"], found["ignored"]) == (
        "result", 300, 0, [],
    )  # fmt: skip


def test_the_tables_hold_the_same_numbers(cli, model, rows):
    (found,) = cli("evaluate", model, rows, "--json").events
    code, out, err = cli("evaluate", model, rows)
    assert (code, err) == (0, "")
    hits = sum(row[i] for i, row in enumerate(found["confusion"]))
    first, *_ = out.splitlines()
    most = np.bincount(LABELS).argmax()
    assert found["majority"] == {"class": CLASSES[most], "share": np.mean(most == LABELS)}
    assert first == (
        f"accuracy {found['accuracy']:.2%} ({hits} of 300 rows; always saying "
        f"{json.dumps(CLASSES[most])} gets {np.mean(most == LABELS):.2%}), "
        f"log loss {found['log_loss']:.4f}"
    )
    averages = [
        {"name": f"{kind} average", **found[kind], "support": 300} for kind in ("macro", "micro")
    ]
    for entry in [*found["classes"], *averages]:
        numbers = [f"{entry[key]:.3f}" for key in ("precision", "recall", "f1")]
        line = rf"^{re.escape(entry['name'])} +{' +'.join(numbers)} +{entry['support']}$"
        assert re.search(line, out, re.M)
    for name, counts in zip(CLASSES, found["confusion"], strict=True):
        assert re.search(rf"^{re.escape(name)} +{' +'.join(map(str, counts))}$", out, re.M)
    assert cli("evaluate", model, rows, "-q") == (0, first + "\n", "")


def test_the_label_is_found_by_its_name(cli, model, rows, tmp_path):
    turned = [(kind, h, c, "x", w) for w, c, h, kind in labelled(ROWS)]
    header = ("kind", "height", "colour", "id", "width")
    path = write_csv(tmp_path / "turned.csv", turned, header)
    again = cli("evaluate", model, path)
    assert again.out == cli("evaluate", model, rows).out
    assert again.err == 'ignored columns: "id"\n'


def test_a_missing_label_column(cli, model, tmp_path):
    code, out, err = cli("evaluate", model, write_csv(tmp_path / "rows.csv", ROWS))
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert ' lacks 1 of 4 columns; "kind"; ' in err


def test_an_unknown_class(cli, model, rows, tmp_path):
    path = write_csv(tmp_path / "more.csv", [*labelled(ROWS), (1, "red", 2, "tiny")], HEADER)
    first, *tables = cli("evaluate", model, rows).out.splitlines()
    code, out, err = cli("evaluate", model, path)
    assert (code, out.splitlines()) == (0, [f"{first}; 1 left out", *tables])
    assert err == (
        f"Warning: {path}: 1 of 301 rows left out; new labels: "
        'row 302 "kind" "tiny"; correct the labels, or train with the new ones\n'
    )
    assert cli("evaluate", model, path, "--unseen", "zero", "--json").events[0]["skipped"] == 1
    code, out, err = cli("evaluate", model, path, "--unseen", "error")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert 'row 302, column "kind": "tiny" does not occur in the training data; ' in err


def test_a_class_without_rows(cli, model, tmp_path):
    path = write_csv(tmp_path / "rows.csv", labelled(ROWS, LABELS % 2), HEADER)
    (found,) = cli("evaluate", model, path, "--json").events
    assert found["classes"][2]["support"] == 0
    assert found["classes"][2]["recall"] == found["classes"][2]["f1"] == 0


def test_rows_with_missing_values(cli, tmp_path):
    path = write_csv(tmp_path / "rows.csv", [*labelled(ROWS), ("", "red", 2, "größer")], HEADER)
    model = tmp_path / "m.npz"
    classifier("mean").save(model)
    assert cli("evaluate", model, path, "--json").events[0]["rows"] == 301
    for missing in ("drop", "error"):
        classifier(missing).save(model)
        dropped = cli("evaluate", model, path, "--json", "-q")
        assert (dropped.events[0]["rows"], dropped.events[0]["skipped"]) == (300, 1)
        assert dropped.err == (
            f"Warning: {path}: 1 of 301 rows left out; missing values: "
            'row 302 "width" ""; fill the missing values in\n'
        )


def test_rows_without_a_label(cli, tmp_path):
    path = write_csv(tmp_path / "rows.csv", [*labelled(ROWS), (1, "red", 2, "")], HEADER)
    for missing in ("error", "drop", "mean"):
        classifier(missing).save(tmp_path / "m.npz")
        (found,) = cli("evaluate", tmp_path / "m.npz", path, "--json").events
        assert (found["rows"], found["skipped"]) == (300, 1)


def test_no_rows_are_left(cli, tmp_path):
    classifier("drop").save(tmp_path / "m.npz")
    path = write_csv(tmp_path / "rows.csv", [("", "red", 2, "größer")], HEADER)
    code, out, err = cli("evaluate", tmp_path / "m.npz", path)
    assert (code, out) == (3, "")
    assert err == (
        f'Error: {path}: has no rows to judge by; missing values: row 2 "width" ""; give rows with '
        "the columns and labels of the training data\n"
    )


def test_a_built_in_set_by_its_name(cli, tmp_path):
    assert cli("train", "iris", "--epochs", 2, "-q", "--out", tmp_path / "run").code == 0
    found = cli("evaluate", tmp_path / "run", "iris")
    assert found.out == cli("evaluate", tmp_path / "run", ROOT / "datasets" / "iris.csv").out
    assert cli("evaluate", tmp_path / "run", "wine").code == 3


# ---- the rows of the run


@pytest.fixture
def run(cli, folder):
    """Train on a copy of iris.csv, which has one missing value; return what train said."""
    text = (ROOT / "datasets" / "iris.csv").read_text().replace("5.1,3.5", ",3.5", 1)
    (folder / "my.csv").write_text(text)
    return cli("train", "my.csv", "--missing", "mean", "--epochs", 2, "--out", "run", "--json")


def test_the_rows_that_a_run_held_out(cli, run):
    *_, trained = run.events
    code, out, err = cli("evaluate", "run", "--json")
    (found,) = map(json.loads, out.splitlines())
    assert (code, err) == (0, "")
    assert (found["rows"], found["trained_on"]) == (30, 0)
    assert found["accuracy"] == trained["test_accuracy"]
    assert found["confusion"] == trained["confusion"]
    assert cli("evaluate", "run").out.startswith(f"accuracy {found['accuracy']:.2%} (")


def test_rows_that_were_trained_on_are_counted(cli, run, folder):
    for path in ("my.csv", "copy.csv"):
        (folder / path).write_bytes((folder / "my.csv").read_bytes())
        code, out, err = cli("evaluate", "run", path, "-q")
        assert (code, out.count("\n")) == (0, 1)
        assert err == (
            f"Warning: {path}: 105 of the 150 rows were trained on and 15 chose the epoch; "
            "the accuracy says little about new rows; "
            "leave DATA out, with the run's folder, for the 30 held out\n"
        )
    assert cli("evaluate", "run", "my.csv", "--json").events[0]["trained_on"] == 105
    (folder / "other.csv").write_text((folder / "my.csv").read_text().replace("4.9,3,", "4.9,3.1,"))
    assert cli("evaluate", "run", "other.csv", "-q").err == ""
    assert cli("evaluate", "run", "other.csv", "--json").events[0]["trained_on"] == 0


@pytest.mark.parametrize("options", [(), ("--missing", "drop"), ("--dtype", "float64")])
def test_timestamps_that_were_trained_on_are_counted(cli, folder, options):
    """They are kept as differences from the first; so they have to be for the comparison."""
    row = lambda i: f"{1_700_000_000 + i},{'' if i % 9 else i},{'ab'[i % 2] if i % 11 else ''}"  # noqa: E731
    (folder / "my.csv").write_text("time,x,class\n" + "\n".join(map(row, range(300))) + "\n")
    trained = cli("train", "my.csv", "--epochs", 1, "--out", "run", *options, "--json").events[0]
    (found,) = cli("evaluate", "run", "my.csv", "--json").events
    assert found["trained_on"] == trained["split"]["training"] > 20


def test_without_data_the_file_has_to_be_as_it_was(cli, run, folder):
    before = (folder / "my.csv").read_text()
    (folder / "my.csv").write_text(before.replace("4.9,3,", "4.9,3.1,"))
    code, out, err = cli("evaluate", "run")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "my.csv: the data has changed since the run began; SHA-256 " in err
    (folder / "my.csv").unlink()
    code, out, err = cli("evaluate", "run")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert (
        err
        == f"Error: run: the data of the run cannot be found; {folder}/my.csv; put it back there\n"
    )


def test_a_run_without_test_rows_or_from_a_pipe(cli, run, program, folder):
    assert cli("train", "iris", "--test-fraction", 0, "--epochs", 1, "--out", "all").code == 0
    assert cli("evaluate", "all") == (
        3,
        "",
        "Error: all: the run held out no rows; test fraction 0; "
        "give the rows to judge it on as DATA\n",
    )
    with open(folder / "my.csv") as stdin:
        program("-", "--missing", "mean", "--epochs", "1", "--out", "pipe", stdin=stdin)
    assert cli("evaluate", "pipe") == (
        3,
        "",
        "Error: standard input: the data cannot be read again; it came from a pipe; "
        "train on a file\n",
    )


def test_without_data_it_takes_a_run_and_no_options_for_reading(cli, run):
    assert cli("evaluate", "run", "--delimiter", ";") == (
        2, "", "Error: --delimiter needs DATA\n",
    )  # fmt: skip
    code, _, err = cli("evaluate", "run/best.npz")
    assert (code, err) == (
        3,
        "Error: run/best.npz: it is not a run folder; it is a file; "
        "give the folder of the run, such as runs/digits-1\n",
    )


def test_a_split_that_is_not_one(cli, folder):
    """A header from elsewhere may hold anything under `training`: it is not recognised."""
    cli("train", "iris", "--epochs", "2", "--out", "run", "-q")
    header, arrays = archive.read("run/best.npz")
    assert cli("evaluate", "run/best.npz", "iris", "--json").events[0]["trained_on"] == 105
    about = header["training"]["data"]
    others = {"training": "a", "validation": 1, "test": 0}, {"training": 5}, {}
    for split in (None, [], "abc", 5, *others, "missing"):
        about["split"] = split
        if split == "missing":
            del about["split"]
        archive.write("other.npz", header, arrays)
        ended = cli("evaluate", "other.npz", "iris", "--json")
        assert (ended.code, ended.err, ended.events[0]["trained_on"]) == (0, "", 0)
