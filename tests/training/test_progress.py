"""The bar of `fit` and `Experiment.run` with progress=True, outside of a notebook."""

import re

import numpy as np
import pytest

from minigrad import data, nn, optim, training

HIDDEN = {"hidden": [8], "activation": "tanh", "lr": 0.1}  # which learns without a warning
OPTIONS = {**HIDDEN, "epochs": 3, "no_save": True}


def parts():
    flowers = data.load("iris")
    train, val, _ = data.split(flowers, rng=0)
    model = nn.mlp(4, [8], 3, activation="tanh", rng=0)
    options = {"loss": nn.CrossEntropy(), "optimizer": optim.SGD(model.parameters(), lr=0.1)}
    return model, train, val, {**options, "epochs": 2, "batch_size": 32, "rng": 0}


def test_there_is_no_bar_unless_asked_for(capsys):
    model, train, val, options = parts()
    training.fit(model, train, val, **options)
    training.Experiment("iris", **OPTIONS).run()
    assert capsys.readouterr() == ("", "")


def test_a_bar_over_the_steps_of_fit(capsys):
    model, train, val, options = parts()
    calls = []
    history = training.fit(model, train, val, **options, progress=True, on_epoch=calls.append)
    out, err = capsys.readouterr()
    last = err.rstrip().split("\r")[-1]
    assert out == "" and calls == list(history)
    assert re.match(r"2/2: 100%\|█+\| 6/6 \[", last), last  # 90 rows: 3 steps an epoch
    numbers = f"loss {history[-1].train_loss:.4f}, train {history[-1].train_accuracy:.2%}, "
    assert f"{numbers}val {history[-1].val_accuracy:.2%}]" in last


def test_a_bar_without_validation_rows(capsys):
    model, train, _, options = parts()
    history = training.fit(model, train, **options, progress=True)
    assert f"train {history[-1].train_accuracy:.2%}]" in capsys.readouterr().err


def test_a_bar_changes_nothing_of_a_run(capsys):
    with_bar = training.Experiment("iris", **OPTIONS).run(progress=True)
    assert "3/3: 100%" in capsys.readouterr().err
    assert with_bar.history == training.Experiment("iris", **OPTIONS).run().history


def test_a_resumed_run_has_a_bar_from_where_it_was(capsys, tmp_path):
    training.Experiment("iris", **HIDDEN, epochs=2, out=tmp_path / "run").run()
    training.Experiment.resume(tmp_path / "run", epochs=3).run(progress=True)
    err = capsys.readouterr().err
    assert "2/3:  67%|" in err and " 8/12 [" in err and "3/3: 100%|" in err


def test_every_fold_has_a_bar(capsys):
    training.Experiment("iris", **OPTIONS, folds=2).run(progress=True)
    assert len(re.findall(r"3/3: 100%[^\r]*\n", capsys.readouterr().err)) == 3


@pytest.mark.parametrize(("rows", "size", "accumulate", "steps"), [
    (105, 32, 1, 4), (33, 32, 1, 1), (34, 32, 1, 2), (2, 32, 1, 1), (5, 1, 1, 5), (105, 32, 2, 2),
])  # fmt: skip
def test_the_number_of_steps_in_an_epoch(rows, size, accumulate, steps):
    train = data.load("iris").take(np.random.default_rng(0).permutation(150)[:rows])
    model, _, _, options = parts()
    options |= {"batch_size": size, "accumulate": accumulate, "epochs": 1}
    trainer, taken = training.Trainer(model, train, **options), []
    trainer.run(on_step=lambda: taken.append(1))
    assert trainer.steps == len(taken) == steps
