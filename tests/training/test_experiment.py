"""`training.Experiment`: one call trains, records and resumes, without the command line."""

import json
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from minigrad import data, nn, settings, training
from minigrad.data.prepare import KINDS
from minigrad.data.problems import MISSING_RULES
from minigrad.errors import ArgumentError, DataError, DivergedError, MinigradWarning
from minigrad.training import Experiment, archive, experiment
from tests.helpers import exactly

IRIS = {"hidden": [6], "epochs": 4}
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Run every test in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def same(one, other, names=("best.npz", "last.npz", "history.csv")):
    return all(Path(one, n).read_bytes() == Path(other, n).read_bytes() for n in names)


def refused(error, message, call, *args, **options):
    with pytest.raises(error, match=exactly(message)):
        call(*args, **options)


# ---- one call -----------------------------------------------------------------------------------


def test_one_call_trains_records_and_tests(folder):
    result = Experiment("iris", **IRIS).run()
    assert result.folder == str(Path("runs", "iris-1"))
    assert sorted(path.name for path in Path(result.folder).iterdir()) == [
        "best.npz", "history.csv", "last.npz", "run.json",
    ]  # fmt: skip
    assert len(result.history) == 4 and result.test.confusion.sum() == 30
    run = training.read_run(result.folder)
    assert (run.status, run.history) == ("finished", result.history)
    assert (run.best_epoch, run.test_accuracy) == (result.epoch, result.test.accuracy)
    assert run.origins["hidden"] == "given" and run.origins["lr"] == "default"
    saved = training.load(result.folder)
    iris = data.load("iris")
    np.testing.assert_array_equal(saved.predict_proba(iris), result.classifier.predict_proba(iris))
    assert saved.training == json.loads(json.dumps(result.classifier.training))


def test_the_same_options_give_the_same_bytes_as_the_command(folder):
    from minigrad.cli import main

    Experiment("iris", **IRIS, seed=3, lr=1, out="library").run()
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "train",
                "iris",
                "--hidden=6",
                "--epochs=4",
                "--seed=3",
                "--lr=1",
                "--out=command",
                "-q",
            ]
        )
    assert ended.value.code == 0
    assert same("library", "command", ("history.csv",))
    header, arrays = archive.read("library/last.npz")
    other, others = archive.read("command/last.npz")
    assert {**header, "origins": 0} == {**other, "origins": 0}
    np.testing.assert_equal(arrays, others)


def test_without_saving_nothing_is_written(folder):
    result = Experiment("iris", **IRIS, no_save=True).run()
    assert result.folder is None and [*folder.iterdir()] == []


def test_a_path_is_never_a_built_in_set(folder):
    shutil.copy(ROOT / "datasets" / "wine.csv", "iris")
    assert Experiment(Path("iris"), no_save=True).dataset.x.shape == (178, 13)


def test_run_json_does_not_say_what_a_run_has_reached_before_its_end(folder):
    seen = []
    experiment = Experiment("iris", **IRIS, out="run", checkpoint_every=1)
    experiment.run(lambda epoch: seen.append(training.read_run("run")))
    assert not {"epochs", "steps", "best_epoch"} & {*seen[0].facts}
    assert (seen[0].status, seen[0].best_epoch) == ("running", None)
    facts = training.read_run("run").facts
    assert (facts["epochs"], facts["steps"]) == (4, experiment.trainer.optimizer.steps)


def test_callbacks(folder):
    seen = []
    Experiment("iris", **IRIS, out="run").run(
        lambda epoch: seen.append(epoch.epoch),
        on_start=lambda: seen.append(sorted(path.name for path in Path("run").iterdir())),
    )
    assert seen == [["history.csv", "last.npz", "run.json"], 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("rows", "features", "hidden", "epochs", "weight_decay", "label_smoothing"),
    [
        (1, 1, 256, 200, 0.005, 0.05),
        (300, 32, 256, 200, 0.005, 0.05),
        (500, 33, 128, 120, 0.005, 0.05),
        (1000, 2, 256, 60, 0.0025, 0.025),
        (1258, 64, 128, 60, 0.002, 0.02),
        (20_000, 22, 256, 60, 0.00013, 0.0013),
        (40_000, 784, 128, 30, 6.3e-05, 0.00063),
        (1_000_000, 4, 256, 10, 2.5e-06, 2.5e-05),
    ],
)
def test_the_defaults_that_go_by_the_size_of_the_data(
    rows, features, hidden, epochs, weight_decay, label_smoothing
):
    assert settings.by_size(rows, features) == {
        "hidden": (hidden,),
        "epochs": epochs,
        "weight_decay": weight_decay,
        "label_smoothing": label_smoothing,
    }
    for name in settings.by_size(rows, features):
        assert settings.SETTINGS[name].default is None


# ---- options ------------------------------------------------------------------------------------


def test_the_choices_are_those_of_the_library():
    choices = {name: setting.choices for name, setting in settings.SETTINGS.items()}
    assert choices["activation"] == tuple(nn.ACTIVATIONS)
    assert choices["schedule"] == training.SCHEDULES
    assert choices["scale"] == KINDS
    assert choices["missing"] == MISSING_RULES


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"learning_rate": 1},
            "there is no option 'learning_rate'; its value is 1; minigrad train --help lists them",
        ),
        ({"epoch": 3}, "there is no option 'epoch'; its value is 3; did you mean 'epochs'?"),
        (
            {"lr": -1},
            "lr=-1 is out of range; 0 < lr; leave it out for the default, "
            "0.03 for sgd, 0.001 for adam, adamw and rmsprop",
        ),
        (
            {"momentum": 1},
            "momentum=1 is out of range; 0 <= momentum < 1; leave it out for the default, "
            "0.9 for sgd, 0 for rmsprop",
        ),
        (
            {"lr": float("nan")},
            "lr=nan is not a finite number; type float; leave it out for the default, "
            "0.03 for sgd, 0.001 for adam, adamw and rmsprop",
        ),
        (
            {"epochs": 2.5},
            "epochs=2.5 is not a whole number; type float; leave it out for the "
            "default, 60,000 / training rows, but 60 to 200; over 20,000 rows 1,200,000 / rows, "
            "10 or more",
        ),
        (
            {"patience": True},
            "patience=True is not a whole number; type bool; leave it out for the default, none",
        ),
        (
            {"nesterov": 1},
            "nesterov=1 is not True or False; type int; leave it out for the default, False",
        ),
        (
            {"hidden": 64},
            "hidden=64 is not a list; each part is a whole number; give a list, such as "
            "hidden=[64]",
        ),
        (
            {"hidden": "8,16"},
            "hidden='8,16' is not a list; each part is a whole number; give a list, such as "
            "hidden=[8,16]",
        ),
        (
            {"hidden": "none"},
            "hidden='none' is not a list; each part is a whole number; give a list, such as "
            "hidden=[64, 32]",
        ),
        (
            {"lr": 10**400},
            f"lr=1{'0' * 39} is not a finite number; type int; leave it out for the default, "
            "0.03 for sgd, 0.001 for adam, adamw and rmsprop",
        ),
        (
            {"init_from": ""},
            "init_from='' is empty; a path has a name; leave it out for the default, fresh weights",
        ),
        (
            {"drop": "colour"},
            "drop='colour' is not a list; each part is the name or the index of a column; give a "
            "list, such as drop=['colour']",
        ),
        (
            {"hidden": [64, 0]},
            "hidden=0 is out of range; 1 <= hidden <= 1000000; leave it out for the default, "
            "256 for mlp, over 32 features 128; none for cnn",
        ),
        (
            {"scale": "mean"},
            "scale='mean' is unknown; it can be 'asinh', 'standard', 'minmax', 'none'; leave it "
            "out for the default, asinh; standard for cnn, minmax for the images of a file",
        ),
        (
            {"label": 1.5},
            "label=1.5 is not the name or the index of a column; type float; leave it out for the "
            "default, the last",
        ),
        (
            {"class_weight": {"setosa": 2}},
            "class_weight={'setosa': 2} is not text; type dict; leave it out for the default, none",
        ),
        (
            {"out": 3},
            "out=3 is not a path; type int; leave it out for the default, runs/<data>-<n>",
        ),
    ],
)
def test_a_wrong_option_is_one_line(options, message):
    refused(ArgumentError, f"Experiment: {message}", Experiment, "iris", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"no_save": True, "out": "x"},
            "no_save=True and out='x' exclude each other; both are given; give one of them",
        ),
        (
            {"no_save": True, "checkpoint_every": 5},
            "no_save=True and checkpoint_every=5 exclude each other; both are given; give one of "
            "them",
        ),
        (
            {"overwrite": True},
            "overwrite=True needs the folder to overwrite; out is not given; give it as out=DIR",
        ),
    ],
)
def test_options_that_exclude_each_other(options, message):
    refused(ArgumentError, f"train: {message}", Experiment, "iris", **options)


def test_numbers_of_numpy_are_recorded_as_plain_ones(folder):
    options = {"hidden": np.array([6]), "epochs": np.int64(4), "lr": np.float32(0.5)}
    Experiment("iris", **options, out="numpy").run()
    Experiment("iris", hidden=(6,), epochs=4, lr=0.5, out="plain").run()
    assert same("numpy", "plain")


# ---- stopping and going on ----------------------------------------------------------------------

LONGER = {"hidden": [6], "epochs": 12, "dropout": 0.3, "warmup": 1, "batch_size": 16}
LONGER["schedule"] = "constant"


@pytest.fixture
def whole(folder):
    """The folder of LONGER, trained without a break."""
    Experiment("iris", **LONGER, out="whole").run()
    return "whole"


@pytest.mark.parametrize("every", [None, 5])
@pytest.mark.parametrize("steps", [1, 7, 40])
def test_a_stopped_run_resumes_to_the_same_bytes(whole, every, steps):
    """Steps are 7 an epoch: in the middle of one, at the end of one."""
    left = iter(range(steps))
    experiment = Experiment("iris", **LONGER, out="run", checkpoint_every=every)
    with pytest.raises(training.Stopped):
        experiment.run(should_stop=lambda: next(left, None) is None)
    assert experiment.trainer.optimizer.steps == steps + 1
    assert training.read_run("run").status == "interrupted"
    result = Experiment.resume("run").run()
    assert result.folder == "run" and training.read_run("run").status == "finished"
    if every is None:
        assert same("run", whole)
    else:
        assert same("run", whole, ("history.csv",))  # the other files hold the option


def test_a_stopped_run_goes_on_in_the_same_process(whole):
    experiment = Experiment("iris", **LONGER, out="run")
    with pytest.raises(training.Stopped):
        experiment.run(should_stop=lambda: True)
    first = experiment.run()
    assert same("run", whole)
    again = experiment.run()  # nothing is left to do
    assert same("run", whole) and again.test.loss == first.test.loss


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_after_an_exception_the_run_resumes_to_the_same_bytes(whole, error):
    def fail(epoch):
        if epoch.epoch == 5:
            raise error

    with pytest.raises(error):
        Experiment("iris", **LONGER, out="run").run(fail)
    run = training.read_run("run")
    assert run.status == "interrupted" and len(run.history) == 4
    Experiment.resume("run").run()
    assert same("run", whole)


def test_a_longer_run_is_the_one_of_as_many_epochs(whole):
    Experiment("iris", **{**LONGER, "epochs": 5}, out="run").run()
    Experiment.resume(Path("run"), epochs=12).run()
    assert same("run", whole, ("history.csv",))
    assert training.read_run("run").origins["epochs"] == "resume"
    one, other = (archive.read(Path(name, "last.npz")) for name in ("run", whole))
    assert one[0]["state"] == other[0]["state"]
    np.testing.assert_equal(one[1], other[1])


# It diverges in its third epoch, while the learning rate still rises.
RISING = {"lr": 2, "warmup": 8, "epochs": 60, "clip_grad": 1e9, "scale": "standard"}


@pytest.mark.parametrize("every", [None, 1])
def test_a_run_that_diverges_keeps_its_last_checkpoint(folder, every):
    """It diverges within the first second, in which no checkpoint is flushed."""
    experiment = Experiment("digits", **RISING, out="bad", checkpoint_every=every)
    with pytest.raises(
        DivergedError,
        match=r"^train: the training loss of epoch 3 is [^;]*; learning rate 2; "
        r"try a learning rate of 0\.2; the run up to there is in bad$",
    ):
        experiment.run()
    run, (header, arrays) = training.read_run("bad"), archive.read("bad/last.npz")
    assert run.status == "diverged" and run.history
    assert all(np.isfinite(a).all() for a in arrays.values())
    assert len(header["state"]["history"]) == run.facts["epochs"] == len(run.history)
    assert header["state"]["steps"] == (run.facts["steps"] if every else 40 * len(run.history))
    assert training.load("bad").training["epoch"] == run.best_epoch


def test_a_checkpoint_that_is_not_finite_is_not_taken(folder):
    """The first step makes it so, and the loss of the second one shows it."""
    with pytest.raises(DivergedError):
        Experiment("iris", **IRIS, lr=1e39, out="bad", checkpoint_every=1).run()
    header, arrays = archive.read("bad/last.npz")
    assert header["state"]["steps"] == 0 and all(np.isfinite(a).all() for a in arrays.values())


def test_after_a_divergence_the_files_are_of_one_checkpoint(folder):
    """Every 75 steps: an epoch of 40 steps ended after the last one that was taken."""
    with pytest.raises(DivergedError):
        Experiment("digits", **RISING, out="bad", checkpoint_every=75).run()
    run, (header, _) = training.read_run("bad"), archive.read("bad/last.npz")
    assert header["state"]["steps"] == 75
    assert len(header["state"]["history"]) == len(run.history) < run.facts["epochs"]


# ---- what is refused ----------------------------------------------------------------------------


def test_nothing_is_overwritten_unless_asked(folder):
    Path("run").mkdir()
    Path("run", "best.npz").write_text("mine")
    experiment = Experiment("iris", **IRIS, out="run")
    refused(
        DataError,
        'run: the run folder is not empty; it holds "best.npz"; choose another folder '
        "as out=DIR, or pass overwrite=True",
        experiment.run,
    )
    assert Path("run", "best.npz").read_text() == "mine"
    Experiment("iris", **IRIS, out="run", overwrite=True).run()
    Experiment("iris", **IRIS, out="fresh").run()
    assert same("run", "fresh")


def test_overwriting_removes_the_older_run_at_the_start(folder):
    Experiment("iris", **IRIS, out="run").run()
    Path("run", "notes.txt").write_text("mine")
    with pytest.raises(training.Stopped):
        Experiment("iris", **IRIS, out="run", overwrite=True).run(should_stop=lambda: True)
    assert not Path("run", "best.npz").exists()  # it belongs to no epoch of this run
    assert Path("run", "notes.txt").read_text() == "mine"


def changed(run, **fields):
    """Rewrite last.npz with other fields in its header."""
    header, arrays = archive.read(run / "last.npz")
    archive.write(run / "last.npz", {**header, **fields}, arrays)


@pytest.fixture
def run(folder):
    """A finished run on my.csv."""
    shutil.copy(ROOT / "datasets" / "iris.csv", "my.csv")
    Experiment("my.csv", **IRIS, out="run").run()
    return folder / "run"


def test_data_that_has_changed_or_is_gone(run):
    path = run.parent / "my.csv"
    then = training.read_run("run").facts["data"]["sha256"][:12]
    path.write_text(path.read_text().replace("5.1", "5.2", 1))
    with pytest.raises(DataError) as caught:
        Experiment.resume("run")
    where, wrong, facts, remedy = caught.value.args
    assert (where, wrong) == (str(path), "the data has changed since the run began")
    assert facts.startswith(f"SHA-256 {then}… at the start, ") and facts.endswith("… now")
    assert remedy == "restore it, or start again with init_from=RUN"
    path.unlink()
    message = f"run: the data of the run cannot be found; {path}; put it back there"
    refused(DataError, message, Experiment.resume, "run")


def test_data_that_was_moved_with_its_run(run, monkeypatch):
    place = run.parent.rename(run.parent.with_name("moved"))
    monkeypatch.chdir(place)
    assert len(Experiment.resume("run", epochs=5).run().history) == 5


@pytest.mark.parametrize(("name", "old"), [("minigrad", "0.0.1"), ("numpy", "1.0.0")])
def test_another_version(run, name, old):
    header, _ = archive.read(run / "last.npz")
    now = header["versions"][name]
    changed(run, versions={**header["versions"], name: old})
    refused(
        DataError,
        f"run: the run began with another version of {name}; {old} at the start, {now} now; "
        f"install {name}=={old}, or start again with init_from=RUN",
        Experiment.resume,
        "run",
    )


def test_options_changed_in_run_json(run):
    facts = json.loads((run / "run.json").read_text())
    facts["options"]["lr"] = 0.7
    (run / "run.json").write_text(json.dumps(facts))
    refused(
        DataError,
        f"{Path('run', 'run.json')}: the options are not those that the run began with; lr 0.03 "
        "at the start, 0.7 now; put them back, or start again with init_from=RUN",
        Experiment.resume,
        "run",
    )
    (run / "run.json").write_text("{")  # it is written again
    Experiment.resume("run").run()
    assert training.read_run("run").options["lr"] == 0.03


def test_fewer_epochs_than_were_trained(run):
    message = "run: epochs=2 is less than the run has already trained; 4 epochs; give "
    refused(ArgumentError, message + "more", Experiment.resume, "run", epochs=2)
    message = (
        "Experiment: epochs=0 is out of range; 1 <= epochs <= 1000000000; leave it out for the "
    )
    message += "default, as many as at first"
    refused(ArgumentError, message, Experiment.resume, "run", epochs=0)


@pytest.mark.parametrize("schedule", training.SCHEDULES)
def test_a_longer_run_goes_on_with_the_learning_rates_of_as_many_epochs(folder, schedule):
    for name, epochs in (("run", 4), ("whole", 8)):
        Experiment("iris", **IRIS | {"epochs": epochs}, schedule=schedule, out=name).run()
    result = Experiment.resume("run", epochs=8).run()
    lrs = training.read_run("whole").history.column("lr")
    assert result.history.column("lr")[4:].tolist() == lrs[4:].tolist()
    assert same("run", "whole", ("history.csv",)) == (schedule == "constant")
    assert len(Experiment.resume("run", epochs=8).run().history) == 8


def test_what_is_not_a_checkpoint(run):
    shutil.copy(run / "best.npz", run / "last.npz")
    refused(
        DataError,
        "run/last.npz: it does not hold a run; content 'classifier'; give a run folder",
        Experiment.resume,
        "run",
    )
    (run / "last.npz").unlink()
    refused(
        DataError,
        "run/last.npz: it is missing; a run cannot be resumed without it; put it back, or start "
        "again with init_from=run",
        Experiment.resume,
        "run",
    )
    (run / "best.npz").unlink()
    refused(
        DataError,
        "run: the run ended before its first checkpoint; there is no last.npz in it; train again "
        "with out=run, overwrite=True",
        Experiment.resume,
        "run",
    )
    (run / "run.json").unlink()
    remedy = "give a folder that minigrad train wrote, such as runs/digits-1"
    for name, why in (("run", "there is no last.npz in it"), ("no", "there is no such folder")):
        message = f"{name}: it is not a run folder; {why}; {remedy}"
        refused(DataError, message, Experiment.resume, name)
    remedy = "give the folder of the run, such as runs/digits-1"
    for name in ("my.csv", "run/history.csv"):
        message = f"{name}: it is not a run folder; it is a file; {remedy}"
        refused(DataError, message, Experiment.resume, name)


def test_an_empty_path(run, monkeypatch):
    monkeypatch.chdir(run)
    message = "'': it is not a run folder; the path is empty; give a folder that minigrad train "
    refused(DataError, f"{message}wrote, such as runs/digits-1", Experiment.resume, "")
    message = "'': cannot be read; No such file or directory; check the path and its rights"
    refused(DataError, message, training.load, "")


@pytest.mark.parametrize(("path", "kind"), [(None, "None"), (5, "an int"), (b"run", "a bytes")])
def test_a_path_that_is_not_a_path(path, kind):
    classifier = Experiment("iris", epochs=1, no_save=True).run().classifier
    for where, call in [
        ("resume", Experiment.resume), ("training.load", training.load),
        ("read_run", training.read_run), ("load", data.load), ("save", classifier.save),
        ("read_rows", lambda path: data.read_rows(path, classifier.schema)),
    ]:  # fmt: skip
        message = f"{where}: the path is not a path; it is {kind}; give a string or a pathlib.Path"
        refused(ArgumentError, message, call, path)


def test_a_callback_that_is_not_one():
    experiment = Experiment("iris", epochs=1, no_save=True)
    for name in ("on_epoch", "on_start", "should_stop"):
        refused(
            ArgumentError,
            f"Experiment.run: {name} is not a function; it is an int; give a function",
            lambda name=name: experiment.run(**{name: 5}),
        )


@pytest.mark.parametrize(
    ("given", "kind"), [(5, "an int"), (None, "None"), (data.load("iris"), "a Dataset")], ids=str
)
def test_data_that_is_not_a_path(given, kind):
    message = f"Experiment: data is not a name or a path; it is {kind}; give the "
    message += "name of a built-in set, or the path of a file or folder"
    refused(ArgumentError, message, Experiment, given)


@pytest.mark.parametrize("change", [("species", "kind"), (",", ";")], ids=["label", "delimiter"])
def test_data_that_would_give_another_schema(run, change):
    """best.npz holds the name of the label and the delimiter."""
    path = run.parent / "my.csv"
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(DataError) as caught:
        Experiment.resume("run")
    assert caught.value.args[:2] == (str(path), "the data has changed since the run began")


# ---- a model to start from ----------------------------------------------------------------------


def test_init_from(run):
    for path in (run, run / "best.npz"):
        start = Experiment("my.csv", **IRIS, init_from=path)
        models = start.trainer.model, training.load(run).model
        for p, q in zip(*(model.parameters() for model in models), strict=True):
            np.testing.assert_array_equal(p.data, q.data)


@pytest.mark.parametrize(("before", "after"), [(0.3, 0.0), (0.0, 0.3), (0.3, 0.5)])
def test_init_from_a_network_with_another_dropout(folder, before, after):
    """Without dropout there are no Dropout layers, and the others have other numbers."""
    Experiment("iris", **IRIS, dropout=before, out="run").run()
    start = Experiment("iris", **IRIS, dropout=after, init_from="run")
    models = start.trainer.model, training.load("run").model
    for p, q in zip(*(model.parameters() for model in models), strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_a_resumed_run_needs_no_model_to_start_from(run):
    Experiment("iris", **IRIS, init_from="run", out="two", lr=0.001).run()
    shutil.rmtree(run)
    again = Experiment.resume("two", epochs=6)
    again.run()
    assert again.options["init_from"] == training.read_run("two").options["init_from"] == "run"


def test_init_from_another_network(run):
    refused(
        ArgumentError,
        "init_from: the network of run differs from that of this run; layer 0 "
        "Linear(in_features=4, out_features=6, bias=True) there, layer 0 Linear(in_features=4, "
        "out_features=7, bias=True) here; give "
        "the same network, for data of as many features and classes",
        Experiment,
        "iris",
        hidden=[7],
        init_from="run",
    )


def test_init_from_a_model_of_other_columns_is_a_warning(run):
    rows = Path("my.csv").read_text().replace("virginica", "zzz")
    Path("other.csv").write_text(rows)
    text = (
        "init_from: the weights of run were trained on other columns or classes; 'virginica' "
        "there is 'zzz' here; continue if that is intended"
    )
    with pytest.warns(MinigradWarning, match=exactly(text)):
        Experiment("other.csv", **IRIS, init_from="run")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Experiment("my.csv", **IRIS, init_from="run")


# ---- results that are not to be trusted ----------------------------------------------------------


@pytest.fixture
def reverse(folder):
    """200 rows of two classes, which the validation rows have the other way round."""
    y = np.arange(200) % 2
    index = data.Dataset(np.arange(200.0)[:, None], y, ("row",), ("0", "1"))
    _, val, _ = data.split(index, test=0.2, val=0.1, rng=np.random.default_rng(0))
    x = 2.0 * y[:, None] - 1 + np.random.default_rng(0).normal(0, 0.1, (200, 3))
    x[val.x[:, 0].astype(int)] *= -1
    np.savez("reverse.npz", x=x, y=y)
    return "reverse.npz"


@pytest.fixture
def rare(folder):
    """200 rows, every tenth of the class 1."""
    rng = np.random.default_rng(0)
    np.savez("rare.npz", x=rng.standard_normal((200, 5)), y=(np.arange(200) % 10 == 0) * 1)
    return "rare.npz"


def caught(*args, **options):
    """Train, and return the warnings about the result."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        result = Experiment(*args, no_save=True, **options).run()
    return result, [str(w.message) for w in found if str(w.message).startswith("train: ")]


def test_the_best_epoch_is_the_first(reverse):
    result, texts = caught(reverse, epochs=5, lr=0.05)
    first, last = result.history[0].val_loss, result.history[-1].val_loss
    assert (
        result.epoch == 1
        and first < last
        and texts
        == [
            "train: the best epoch is the first: the validation loss has risen since; "
            f"{first:.4g} in epoch 1, {last:.4g} in the last; try lr=0.005, and ask whether the "
            "features can tell the classes apart"
        ]
    )


def test_the_first_of_one_epoch_is_not_remarkable(reverse):
    assert caught(reverse, epochs=1)[1] == []


def test_a_run_that_starts_from_good_weights_may_be_best_at_once(reverse):
    Experiment(reverse, epochs=1, out="first").run()
    result, texts = caught(reverse, epochs=5, init_from="first")
    assert result.epoch == 1 and texts == []


def test_one_class_for_every_row(rare):
    result, texts = caught(rare, lr=1e-2, epochs=5)
    assert result.test.confusion.tolist() == [[36, 0], [4, 0]]
    assert texts == [
        'train: the network predicts one class for every row, "0"; 36 of 40 rows are of it; try '
        "class_weight='balanced', more epochs, or another learning rate"
    ]


def test_both_classes_are_not_remarkable(rare):
    result, texts = caught(rare, lr=1e-2, epochs=5, class_weight="balanced")
    assert (result.test.confusion.sum(axis=0) > 0).all() and texts == []


def test_another_kernel_is_named(run, monkeypatch):
    about = json.loads((run / "run.json").read_text())["kernel"]
    assert set(about) == {"sha256", "name"} and about == archive.read(run / "last.npz")[0]["kernel"]
    monkeypatch.setattr(experiment, "_kernel", lambda: {"sha256": "f" * 64, "name": "Other"})
    then = about["name"] or f"SHA-256 {about['sha256'][:12]}…"
    message = (
        "run: float32 products round in another way here than where the run began; kernel "
        f"{then} then, Other now; the bytes may differ from those of a run that stayed there"
    )
    with pytest.warns(MinigradWarning, match=exactly(message)):
        Experiment.resume("run")


# ---- damaged headers


def edited(path, name, value):
    """Set a field of the header of an .npz or of a JSON file, by its dotted name."""
    if path.suffix == ".npz":
        header, arrays = archive.read(path)
    else:
        header = json.loads(path.read_text())
    *outer, last = [int(part) if part.isdecimal() else part for part in name.split(".")]
    inner = header
    for part in outer:
        inner = inner[part]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    if path.suffix == ".npz":
        archive.write(path, header, arrays, sync=False)
    else:
        path.write_text(json.dumps(header))


COPY = "use an undamaged copy of it, or train again"


@pytest.mark.parametrize(
    ("name", "value", "facts"),
    [
        ("data", ..., "data is missing"),
        ("data.classes", None, "data.classes is None, not a list"),
        ("data.classes.1", "\udc80", "data.classes[1] is '\\udc80', not valid Unicode text"),
        ("data.split.training", 0, "data.split.training is 0, not a whole number from 1"),
        ("options.lr", "fast", "options.lr is 'fast', not a value that lr can have"),
        ("options.lr", ..., "options.lr is missing"),
        ("options.hidden", 3, "options.hidden is 3, not a value that hidden can have"),
        (
            "options.hidden",
            None,
            "its architecture is not that of a network of the widths [3] in float32",
        ),
        (
            "options.hidden",
            [100_000, 3500],
            "its architecture is not that of a network of the widths [100000, 3500, 3] in float32",
        ),
        (
            "options.dtype",
            "float64",
            "its architecture is not that of a network of the widths [6, 3] in float64",
        ),
        ("architecture", ..., "architecture is missing"),
        ("versions.numpy", 2, "versions.numpy is 2, not valid Unicode text"),
        ("state.steps", True, "state.steps is True, not a whole number from 0"),
        ("state.lrs", [], "state.lrs is a list of 0, not a list of 1"),
        ("state.lrs.0", 1e301, "state.lrs[0] is 1e+301, not a number from 0"),
        ("state.sums.rows", 3, "state.sums.rows is 3, which does not fit state.order_from"),
        (
            "state.generators.0.bit_generator",
            "MT19937",
            "state.generators[0].bit_generator is 'MT19937', not one of 'PCG64'",
        ),
        (
            "state.generators.0.state.state",
            2**128,
            f"state.generators[0].state.state is {2**128}, not a whole number from 0 to "
            f"{2**128 - 1}",
        ),
        ("state.history.0", [1, 2], "state.history[0] is a list of 2, not a list of 7"),
        ("state.history.1.0", 7, "state.history does not count its epochs from 1"),
        ("state.best.epoch", 99, "state.best.epoch is 99 of 4"),
        ("state.best", None, "its best/ arrays are not those of the network at state.best"),
    ],
    ids=str,
)
def test_a_damaged_checkpoint(run, name, value, facts):
    edited(run / "last.npz", name, value)
    message = f"run/last.npz: its header is damaged; {facts}; {COPY}"
    refused(DataError, message, Experiment.resume, "run")


@pytest.mark.parametrize("name", ["last.npz", "run.json", "history.csv"])
@pytest.mark.parametrize("kind", ["a pipe", "a device", "a folder"])
def test_what_is_no_file_of_a_run(run, name, kind):
    (run / name).unlink()
    if kind == "a pipe":
        os.mkfifo(run / name)
    elif kind == "a folder":
        (run / name).mkdir()
    else:
        (run / name).symlink_to("/dev/zero")
    message = f"run/{name}: cannot be written; it is {'a link' if kind == 'a device' else kind}; "
    refused(DataError, f"{message}remove it, or use another folder", Experiment.resume, "run")
    if name != "last.npz":
        message = f"run/{name}: cannot be read; it is {kind}; check the path and its rights"
        refused(DataError, message, training.read_run, "run")


def test_a_confusion_matrix_of_many_classes_is_stored_without_its_zeros(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(2000), 10)
    np.savez("many.npz", x=rng.normal(size=(len(y), 2)), y=y)
    result = Experiment("many.npz", hidden=[], epochs=1, classes=True, out="run").run()
    for name in ("run/run.json", "run/best.npz", "run/last.npz"):
        assert os.path.getsize(name) < 2_000_000
    run = training.read_run("run")
    np.testing.assert_array_equal(run.confusion, result.test.confusion)
    assert (
        run.facts["results"]["confusion"] == training.load("run").training["results"]["confusion"]
    )
