"""`minigrad train`: each option reaches its place, and a wrong value is one clear line."""

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from minigrad import data, nn, optim, training
from minigrad.errors import MinigradWarning
from minigrad.settings import by_size, with_defaults

IRIS = {
    "hidden": [256],
    "batch_norm": False,
    "activation": "relu",
    "dropout": 0.0,
    "epochs": 2,
    "batch_size": 32,
    "optimizer": "sgd",
    "lr": 0.03,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 0.005,
    "label_smoothing": 0.05,
    "schedule": "cosine",
    "warmup": 0.0,
    "clip_grad": 1.0,
    "accumulate": 1,
    "class_weight": None,
    "patience": None,
    "seed": 0,
    "dtype": "float32",
    "test_fraction": 0.2,
    "val_fraction": 0.1,
    "scale": "asinh",
}
# They do nothing for a built-in set; tests/cli/test_own_data.py and test_runs.py have them.
ELSEWHERE = {
    "init_from": None,
    "label": None,
    "delimiter": None,
    "header": "auto",
    "one_hot": [],
    "drop": [],
    "missing": "mean",
    "classes": False,
    "rare": "error",
    **dict.fromkeys(["decimal", "thousands", "encoding", "skip", "na"]),
    "checkpoint_every": None,
    "test": None,
    "folds": None,
    # tests/training/test_images.py has these
    "arch": "mlp",
    "conv": None,
    "augment": "none",
}


OPTIMIZERS = {
    "sgd": (optim.SGD, ("momentum", "nesterov")),
    "adam": (optim.Adam, ()),
    "adamw": (optim.AdamW, ()),
    "rmsprop": (optim.RMSprop, ("momentum",)),
}


def by_library(name, o):
    """Train with the library as the command with the options `o` should: (history, test)."""
    rng, dataset = np.random.default_rng(o["seed"]), data.load(name, dtype=o["dtype"])
    parts = data.split(dataset, test=o["test_fraction"], val=o["val_fraction"], rng=rng)
    scaling = data.Scaling.fit(parts[0].x, o["scale"])
    train, val, test = (scaling.apply(part) for part in parts)
    sizes = train.x.shape[1], o["hidden"], len(dataset.class_names)
    shape = {name: o[name] for name in ("activation", "dropout", "batch_norm")}
    model = nn.mlp(*sizes, **shape, rng=rng, dtype=o["dtype"])
    weight = training.balanced_weights(train) if o["class_weight"] == "balanced" else None
    if o["class_weight"] == "setosa=3":
        weight = [3.0, 1.0, 1.0]
    loss = nn.CrossEntropy(weight=weight, label_smoothing=o["label_smoothing"])
    kind, keys = OPTIMIZERS[o["optimizer"]]
    optimizer = kind(model.parameters(), **{key: o[key] for key in ("lr", "weight_decay", *keys)})
    how = {"optimizer": optimizer, "rng": rng, "loss": loss}
    names = ("epochs", "batch_size", "accumulate", "clip_grad", "schedule", "warmup", "patience")
    how |= {name: o[name] for name in names}
    with warnings.catch_warnings():  # some of these options kill units
        warnings.simplefilter("ignore", MinigradWarning)
        history = training.fit(model, train, val, **how)
    return history, training.evaluate(model, test, loss=loss)


def iris(cli, *args):
    result = cli("train", "iris", "--epochs", 2, "--json", "--no-save", *args)
    assert result.code == 0, result.err
    return result.events


@pytest.fixture(scope="module")
def unchanged():
    return by_library("iris", IRIS)


EFFECTS = [
    ("--hidden 8,5", {"hidden": [8, 5]}),
    ("--hidden=", {"hidden": []}),
    *((f"--activation {name}", {"activation": name}) for name in [*nn.ACTIVATIONS][1:]),
    ("--dropout 0.5", {"dropout": 0.5}),
    ("--epochs 3", {"epochs": 3}),
    ("--batch-size 7", {"batch_size": 7}),
    ("--batch-size 1000", {"batch_size": 1000}),
    ("--lr 0.01", {"lr": 0.01}),
    ("--batch-norm", {"batch_norm": True}),
    ("--optimizer adam", {"optimizer": "adam", "lr": 0.001, "momentum": None}),
    (
        "--optimizer adamw",
        {"optimizer": "adamw", "lr": 0.001, "momentum": None, "weight_decay": 0.01},
    ),
    ("--optimizer rmsprop", {"optimizer": "rmsprop", "lr": 0.001, "momentum": 0.0}),
    ("--momentum 0", {"momentum": 0.0}),
    ("--nesterov", {"nesterov": True}),
    ("--weight-decay 0", {"weight_decay": 0.0}),
    ("--label-smoothing 0.2", {"label_smoothing": 0.2}),
    ("--schedule step", {"schedule": "step"}),
    ("--schedule constant", {"schedule": "constant"}),
    ("--warmup 0.5", {"warmup": 0.5}),
    ("--clip-grad 0.1", {"clip_grad": 0.1}),
    ("--accumulate 2", {"accumulate": 2}),
    ("--class-weight setosa=3", {"class_weight": "setosa=3"}),
    ("--lr 3 --epochs 40 --patience 1", {"lr": 3.0, "epochs": 40, "patience": 1}),
    ("--scale standard", {"scale": "standard"}),
    ("--scale minmax", {"scale": "minmax"}),
    ("--scale none", {"scale": "none"}),
    ("--seed 1", {"seed": 1}),
    ("--dtype float64", {"dtype": "float64"}),
    ("--test-fraction 0.3", {"test_fraction": 0.3}),
    ("--val-fraction 0.2", {"val_fraction": 0.2}),
    ("--val-fraction 0", {"val_fraction": 0.0}),
]


@pytest.mark.parametrize("args, changed", [("", {}), *EFFECTS], ids=lambda x: str(x))
def test_an_option_does_what_the_library_does(cli, unchanged, args, changed):
    """The command prints the library's own numbers, and each option changes them."""
    options = {**IRIS, **changed}
    run, *epochs, result = iris(cli, *args.split())
    assert run["options"] == {**options, **ELSEWHERE}
    history, test = by_library("iris", options)
    assert ((history, test.loss) == (unchanged[0], unchanged[1].loss)) == (not changed)
    assert epochs == [{"event": "epoch", **epoch._asdict()} for epoch in history]
    assert (result["test_accuracy"], result["test_loss"]) == (test.accuracy, test.loss)
    assert result["confusion"] == test.confusion.tolist()


def test_the_option_table_is_complete(cli):
    assert {key for _, changed in EFFECTS for key in changed} == set(IRIS)
    assert iris(cli)[0]["options"] == {**IRIS, **ELSEWHERE}


def test_fractions_are_those_of_the_whole_set(cli):
    assert iris(cli)[0]["split"] == {"training": 105, "validation": 15, "test": 30}
    split = iris(cli, "--test-fraction", 0.4, "--val-fraction", 0)[0]["split"]
    assert split == {"training": 90, "validation": 0, "test": 60}


def test_the_order_of_the_options_changes_nothing(cli):
    one = cli("train", "iris", "--lr", 0.2, "--epochs", 2, "--val-fraction", 0.2, "--no-save")
    other = cli("train", "--no-save", "--val-fraction", 0.2, "--epochs", 2, "--lr", 0.2, "iris")
    assert one == other and one.code == 0


# ---- defaults that go by the size of the data


@pytest.mark.parametrize("name", data.BUILTIN)
def test_the_defaults_that_go_by_the_size_are_used_printed_and_recorded(cli, name):
    run, *_ = cli("train", name, "--json", "--patience", 1).events
    used = run["options"]
    by = by_size(run["split"]["training"], data.BUILTIN[name].features)
    defaults = {key: value for key, value in with_defaults({}).items() if key in used}
    by_data = {**by, "scale": "asinh"}
    assert used == json.loads(json.dumps({**defaults, **by_data, "patience": 1}))
    facts = json.loads(Path("runs", f"{name}-1", "run.json").read_text())
    assert facts["options"] == used and facts["origins"]["epochs"] == "default"

    out = cli("train", name, "--patience", 1).out
    by["hidden"] = by["hidden"][0]
    for option, value in by.items():
        assert f" {option.replace('_', ' ')} {value}," in out
    # Typed in full they give the same.
    typed = [f"--{k.replace('_', '-')}={v}" for k, v in by.items()]
    assert cli("train", name, "--patience", 1, *typed).out == out


def test_a_given_option_overrides_the_one_that_goes_by_the_size(cli):
    out = cli("train", "iris", "--weight-decay", 0, "--label-smoothing", 0, "--epochs", 1).out
    assert ", epochs 1, " in out and ", weight decay 0.0, label smoothing 0.0, " in out


# ---- wrong values

WIDTHS = (
    "is not a list of widths; write whole numbers from 1 to 1000000 separated by commas, "
    "such as 64,32, or '' for none"
)


@pytest.mark.parametrize(
    "args, line",
    [
        *(
            (f"--hidden {text}", f"Invalid value for '--hidden': '{text}' {WIDTHS}")
            for text in ("8,x", "0", "-3", "8,", "8,,8", "1.5", "9999999", "8;8")
        ),
        ("--activation foo", "Invalid value for '--activation': 'foo' is not one of 'relu', "),
        ("--dropout 1", "Invalid value for '--dropout': 1.0 is not in the range 0<=x<1."),
        ("--dropout -0.1", "Invalid value for '--dropout': -0.1 is not in the range 0<=x<1."),
        ("--dropout nan", "Invalid value for '--dropout': nan is not a finite number."),
        ("--epochs 0", "Invalid value for '--epochs': 0 is not in the range 1<=x<=1000000000."),
        ("--epochs 1.5", "Invalid value for '--epochs': '1.5' is not a valid whole number."),
        (
            "--batch-size 0",
            "Invalid value for '--batch-size': 0 is not in the range 1<=x<=1000000000.",
        ),
        ("--lr 0", "Invalid value for '--lr': 0.0 is not in the range x>0."),
        ("--lr -1", "Invalid value for '--lr': -1.0 is not in the range x>0."),
        ("--lr nan", "Invalid value for '--lr': nan is not a finite number."),
        ("--lr inf", "Invalid value for '--lr': inf is not a finite number."),
        ("--lr fast", "Invalid value for '--lr': 'fast' is not a valid number."),
        ("--momentum 1", "Invalid value for '--momentum': 1.0 is not in the range 0<=x<1."),
        ("--momentum nan", "Invalid value for '--momentum': nan is not a finite number."),
        ("--weight-decay -1", "Invalid value for '--weight-decay': -1.0 is not in the range x>=0."),
        ("--weight-decay inf", "Invalid value for '--weight-decay': inf is not a finite number."),
        (
            "--label-smoothing 1",
            "Invalid value for '--label-smoothing': 1.0 is not in the range 0<=x<1.",
        ),
        ("--seed -1", "Invalid value for '--seed': -1 is not in the range 0<=x<="),
        ("--dtype float16", "Invalid value for '--dtype': 'float16' is not one of 'float32', "),
        (
            "--test-fraction -0.1",
            "Invalid value for '--test-fraction': -0.1 is not in the range 0<=x<1.",
        ),
        (
            "--test-fraction 1",
            "Invalid value for '--test-fraction': 1.0 is not in the range 0<=x<1.",
        ),
        ("--val-fraction 1", "Invalid value for '--val-fraction': 1.0 is not in the range 0<=x<1."),
        ("--val-fraction nan", "Invalid value for '--val-fraction': nan is not a finite number."),
        (
            "--test-fraction 0.6 --val-fraction 0.4",
            "split: nothing is left to train on; test 0.6, val 0.4; "
            "give fractions whose sum is below 1",
        ),
        ("--nesterov --momentum 0", "SGD: nesterov needs momentum above 0 and dampening 0; "),
        ("-q -v", "-q and -v exclude each other; give one of them"),
        ("--lr", "Option '--lr' requires an argument."),
        ("wine", "Got unexpected extra argument (wine)"),
        ("wine digits", "Got unexpected extra arguments (wine digits)"),
    ],
)
def test_a_wrong_value_is_one_line_and_exit_2(cli, args, line):
    code, out, err = cli("train", "iris", *args.split())
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {line}") and err.count("\n") == 1


@pytest.mark.parametrize("typed, meant", [("--ephocs", "--epochs"), ("--hiden", "--hidden")])
def test_an_unknown_option_names_the_nearest(cli, typed, meant):
    code, out, err = cli("train", typed, 3)
    assert (code, out) == (2, "")
    assert typed in err.splitlines()[-1] and meant in err.splitlines()[-1]


NAMES = "digits, iris, wine, breast_cancer, moons, circles, blobs, spirals, xor"


@pytest.mark.parametrize(
    "name, remedy",
    [
        ("irsi", "did you mean 'iris'?"),
        ("Digits", "did you mean 'digits'?"),
        ("spiral", "did you mean 'spirals'?"),
        ("faces", "choose one, or check the path"),
        ("", "choose one, or check the path"),
    ],
)
def test_an_unknown_data_set_is_exit_3(cli, name, remedy):
    assert cli("train", name) == (
        3,
        "",
        f"Error: load: no built-in set and no file is called {name!r}; "
        f"built in are {NAMES}; {remedy}\n",
    )


def test_a_class_without_a_row_for_every_part_is_exit_3(cli):
    code, out, err = cli("train", "iris", "--test-fraction", 0.99, "--val-fraction", 0.005)
    assert (code, out) == (3, "")
    assert re.fullmatch("Error: iris: 3 classes have too few rows [^\n]*\n", err)


def test_divergence_is_exit_4(cli):
    code, out, err = cli("train", "--lr", "1e6", "--clip-grad", "1e9", "--no-save")
    assert code == 4
    assert "test accuracy" not in out
    assert err == (
        "Error: train: the loss is nan at step 6; learning rate 1e+06, first non-finite output: "
        "layer '2', Linear(128 -> 10); try a learning rate of 100000\n"
    )


def test_too_large_a_network_is_one_line(cli):
    code, out, err = cli("train", "iris", "--hidden", "1000000,1000000")
    assert (code, out) == (2, "")
    assert re.fullmatch(
        "Error: out of memory: [^\n]*; make the network, the batches or the inputs smaller\n", err
    )
