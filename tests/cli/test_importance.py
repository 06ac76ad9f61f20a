"""`minigrad importance`: what a model loses when a column says nothing."""

import csv
import re

import numpy as np
import pytest

from minigrad import training
from tests.cli.models import CLASSES, classifier, features, make_rows, write_csv

HEADER = ("width", "colour", "height", "kind")
QUOTED = ('"small, round"', '"a ""long"" one"', "größer")
ROWS = make_rows(400)


@pytest.fixture
def rows(tmp_path):
    """Rows with the labels that the model gives them, so that it is always right."""
    names = [CLASSES.index(name) for name in classifier().predict(features(ROWS))]
    labelled = [(*row, QUOTED[i]) for row, i in zip(ROWS, names, strict=True)]
    return write_csv(tmp_path / "rows.csv", labelled, HEADER)


def test_the_numbers_are_those_of_shuffled_columns(cli, model, rows):
    (found,) = cli("importance", model, rows, "--json").events
    assert (found["accuracy"], found["rows"], found["skipped"]) == (1, 400, 0)
    by_name = {one["column"]: one for one in found["importance"]}
    assert by_name.keys() == {"width", "colour", "height"}
    drops = [one["drop"] for one in found["importance"]]
    assert drops == sorted(drops, reverse=True) and drops[0] > 0.1
    # Colour is two features, which have to be shuffled together.
    x, rng = features(ROWS), np.random.default_rng(0)
    y = classifier().predict(x)
    for name, part in (("width", [0]), ("colour", [1, 2]), ("height", [3])):
        lost = []
        for _ in range(5):
            shuffled = x.copy()
            shuffled[:, part] = x[rng.permutation(400)][:, part]
            lost.append(np.mean(classifier().predict(shuffled) != y))
        assert by_name[name]["drop"] == pytest.approx(np.mean(lost))
        assert by_name[name]["spread"] == pytest.approx(np.std(lost))


def test_a_column_that_the_model_ignores_costs_nothing(cli, tmp_path, rows):
    model = classifier()
    model.model[0].weight.data[:, 0] = 0
    model.save(tmp_path / "m.npz")
    (found,) = cli("importance", tmp_path / "m.npz", rows, "--json").events
    (width,) = (one for one in found["importance"] if one["column"] == "width")
    assert (width["drop"], width["spread"]) == (0, 0)


@pytest.mark.parametrize("columns", [30, 60, 160])
def test_the_table_has_bars(cli, model, rows, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    (found,) = cli("importance", model, rows, "--json").events
    code, out, err = cli("importance", model, rows)
    first, _, header, *lines = out.splitlines()
    assert (code, err) == (0, "")
    assert first == "accuracy 100.00% on 400 rows; each column shuffled:"
    assert header.split() == ["column", "drop", "spread"]
    assert max(map(len, [header, *lines])) <= columns
    bars = []
    for line, one in zip(lines, found["importance"], strict=True):
        name, drop, spread, *bar = line.split()
        assert (name, drop) == (one["column"], f"{100 * one['drop']:.2f}")
        assert spread == f"{100 * one['spread']:.2f}"
        bars.append(len("".join(bar)))
    assert bars == sorted(bars, reverse=True)
    assert bars[0] == {30: 0, 60: 60 - len(header) - 2, 160: 40}[columns]
    assert cli("importance", model, rows, "-q").out == "\n".join([header, *lines]) + "\n"


def test_a_drop_of_nothing_has_no_sign(cli, model, rows, monkeypatch):
    found = [training.Importance("width", -1e-17, 0.0)]
    monkeypatch.setattr(training, "permutation_importance", lambda *args, **options: (1.0, found))
    assert cli("importance", model, rows, "-q").out.splitlines()[1].split() == [
        "width",
        "0.00",
        "0.00",
    ]


def test_it_reads_files_as_evaluate_does(cli, model, rows, folder):
    plain = cli("importance", model, rows)
    with open(rows, encoding="utf-8") as file, open("other.csv", "w", encoding="cp1252") as other:
        other.write("sizes\n")
        writer = csv.writer(other, delimiter=";")
        for width, colour, height, kind in csv.reader(file):
            writer.writerow([width.replace(".", ","), colour, height.replace(".", ","), kind])
    options = ("--skip", 1, "--encoding", "cp1252", "--decimal", ",", "--thousands", ".")
    assert cli("importance", model, "other.csv", *options, "--na", "-").out == plain.out


def test_the_seed_decides(cli, model, rows):
    one, again, other = (cli("importance", model, rows, "--seed", s).out for s in (0, 0, 1))
    assert one == again != other


def test_rows_that_cannot_be_used_are_left_out(cli, model, rows, tmp_path):
    with open(rows, "a") as file:
        file.write("1,pink,2,größer\n1,,2,größer\n")
    (found,) = cli("importance", model, rows, "--json").events
    assert (found["rows"], found["skipped"]) == (400, 2)
    empty = write_csv(tmp_path / "empty.csv", [], HEADER)
    assert cli("importance", model, empty) == (
        3,
        "",
        f"Error: {empty}: has no rows to judge by; 0 rows; "
        "give rows with the columns and labels of the training data\n",
    )


def test_the_library_has_it_too(rows):
    x = features(ROWS)
    y = np.array([CLASSES.index(name) for name in classifier().predict(x)])
    seen = []
    accuracy, found = training.permutation_importance(
        classifier(), x, y, shuffles=2, on_column=lambda: seen.append(1)
    )
    assert accuracy == 1 and len(found) == len(seen) == 3
    assert re.fullmatch(r"Importance\(column='\w+', drop=0\.\d+, spread=[\d.]+\)", repr(found[0]))
