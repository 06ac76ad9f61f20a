"""Experiments on images: networks, optimizers, augmentation, and what does not go together."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from minigrad import data, nn, optim, training
from minigrad.errors import ArgumentError, DataError
from minigrad.training import Experiment, Stopped, archive
from tests.data.test_arrays import write_pair
from tests.helpers import exactly
from tests.training.hostile import edited

RNG = np.random.default_rng(0)
LABELS = np.repeat(np.arange(3, dtype=np.uint8), 20)
IMAGES = (
    RNG.integers(0, 60, (60, 6, 6)) + 90 * (LABELS[:, None, None] == np.arange(6) % 3)
).astype(np.uint8)
SMALL = {"arch": "cnn", "conv": [3, 4], "epochs": 3, "batch_size": 10}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Run every test beside a file of images and a table."""
    monkeypatch.chdir(tmp_path)
    np.savez("images.npz", x=IMAGES, y=LABELS)
    Path("table.csv").write_text(
        "a,b,kind\n" + "".join(f"{i % 5},{i % 7},{i % 3}\n" for i in range(60))
    )


def refused(error, message, call, *args, **options):
    with pytest.raises(error, match=exactly(message)):
        call(*args, **options)


# ---- the options make the network ---------------------------------------------------------------


def test_a_cnn_learns_and_is_used_on_images():
    result = Experiment("images.npz", **{**SMALL, "epochs": 40}, out="run").run()
    assert result.test.accuracy == 1
    classifier = training.load("run")
    assert [type(layer) for layer in classifier.model][:2] == [nn.Unflatten, nn.Conv2d]
    assert classifier.schema.image == (1, 6, 6)
    p = classifier.predict_proba(IMAGES)
    for images in (IMAGES.reshape(60, 36), IMAGES[:, None], data.load("images.npz")):
        np.testing.assert_array_equal(classifier.predict_proba(images), p)
    assert classifier.evaluate(data.load("images.npz")).accuracy == 1


def test_the_defaults_of_a_network():
    options = {"no_save": True, "epochs": 1}
    cnn = Experiment("images.npz", arch="cnn", **options)
    assert [cnn.options[n] for n in ("conv", "hidden", "scale")] == [(16, 32), (), "standard"]
    mlp = Experiment("images.npz", **options)
    assert [mlp.options[n] for n in ("conv", "hidden", "scale")] == [None, (128,), "minmax"]
    softmax = Experiment("table.csv", arch="softmax", **options)
    assert [type(layer) for layer in softmax.trainer.model] == [nn.Linear]
    assert (softmax.options["hidden"], softmax.options["scale"]) == ((), "asinh")
    assert Experiment("digits", **options).options["scale"] == "asinh"
    Path("idx").mkdir()
    write_pair(Path("idx"), images=IMAGES, labels=LABELS)
    assert Experiment("idx", **options).options["scale"] == "minmax"
    assert Experiment("idx", **options, scale="none").options["scale"] == "none"


@pytest.mark.parametrize(
    ("name", "kind", "lr", "more"),
    [
        ("sgd", optim.SGD, 0.03, {"momentum": 0.9, "weight_decay": 0.005}),
        ("adam", optim.Adam, 0.001, {"betas": (0.9, 0.999), "weight_decay": 0.005}),
        ("adamw", optim.AdamW, 0.001, {"weight_decay": 0.01}),
        ("rmsprop", optim.RMSprop, 0.001, {"momentum": 0.0, "alpha": 0.99}),
    ],
)
def test_an_optimizer_and_its_defaults(name, kind, lr, more):
    optimizer = Experiment("iris", optimizer=name, no_save=True).trainer.optimizer
    group = optimizer.param_groups[0]
    assert (type(optimizer), group["lr"]) == (kind, lr)
    assert {option: group[option] for option in more} == more
    given = {"lr": 0.5, "weight_decay": 0.25}
    if name in ("sgd", "rmsprop"):
        given["momentum"] = 0.125
    group = Experiment(
        "iris", optimizer=name, no_save=True, **given
    ).trainer.optimizer.param_groups[0]
    assert {option: group[option] for option in given} == given


def test_pixels_have_one_scale_where_they_have_to_look_alike():
    for options in ({"arch": "cnn"}, {"augment": "shift"}, {}):
        experiment = Experiment("images.npz", no_save=True, scale="standard", **options)
        shift = experiment._classifier.scaling.shift
        assert (len(np.unique(shift)) == 1) == bool(options)


# ---- augmentation -------------------------------------------------------------------------------


def test_only_what_is_trained_on_is_shifted(monkeypatch):
    seen = {"train": [], "other": []}
    forward = nn.Sequential.forward

    def watch(self, x):
        seen["train" if self.training else "other"].append(x.data.copy())
        return forward(self, x)

    monkeypatch.setattr(nn.Sequential, "forward", watch)
    experiment = Experiment("images.npz", **SMALL, augment="shift", no_save=True)
    experiment.run()
    held = {
        part: {row.tobytes() for row in getattr(experiment, part).x}
        for part in ("train", "val", "test")
    }
    everything = set.union(*held.values()) | {bytes(4 * 36)}  # of which the shapes are asked
    trained = [row.tobytes() for x in seen["train"] for row in x]
    assert len(set(trained) - everything) > len(trained) / 2
    assert all(row.tobytes() in everything for x in seen["other"] for row in x)


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "adam", "batch_norm": True, "dropout": 0.3, "hidden": [5]},
        {"optimizer": "rmsprop", "momentum": 0.5, "accumulate": 2},
        {"optimizer": "adamw", "folds": 2},
    ],
    ids=["adam", "rmsprop", "adamw"],
)
@pytest.mark.parametrize("stop", [1, 7])
def test_a_stopped_run_ends_in_the_same_bytes(options, stop):
    options = {**SMALL, **options, "augment": "shift", "checkpoint_every": 1}
    Experiment("images.npz", **options, out="whole").run()
    experiment = Experiment("images.npz", **options, out="parts")
    steps = []
    with pytest.raises(Stopped):
        experiment.run(
            should_stop=lambda: steps.append(1) or experiment.trainer.optimizer.steps == stop
        )
    Experiment.resume("parts").run()
    for name in ("best.npz", "last.npz", "history.csv"):
        assert Path("whole", name).read_bytes() == Path("parts", name).read_bytes()


def test_a_last_row_alone_joins_the_batch_before_it():
    """Batch norm in training cannot take one row; (60 - 12 - 6) % 41 is 1."""
    options = {"hidden": [4], "batch_norm": True, "batch_size": 41, "epochs": 2, "no_save": True}
    experiment = Experiment("images.npz", **options)
    assert len(experiment.train) == 42
    experiment.run()
    assert experiment.trainer.optimizer.steps == 2


# ---- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (
            "table.csv",
            {"arch": "cnn"},
            "train: arch='cnn' needs images, and the data is a table; table has 2 features; give "
            "IDX files, or an .npz file whose x is (N, H, W) or (N, C, H, W)",
        ),
        (
            "iris",
            {"augment": "shift"},
            "train: augment='shift' needs images, and the data is a table; iris has 4 features; "
            "give IDX files, or an .npz file whose x is (N, H, W) or (N, C, H, W)",
        ),
        (
            "iris",
            {"conv": [8]},
            "train: conv=[8] has no effect with arch='mlp'; it is for arch cnn; leave it out, or "
            "give arch='cnn'",
        ),
        (
            "iris",
            {"arch": "softmax", "hidden": [8]},
            "train: hidden=[8] has no effect with arch='softmax'; it is for arch mlp and cnn; "
            "leave it out, or give arch='mlp'",
        ),
        (
            "iris",
            {"optimizer": "adam", "momentum": 0.5},
            "train: momentum=0.5 has no effect with optimizer='adam'; it is for optimizer sgd and "
            "rmsprop; leave it out, or give optimizer='sgd'",
        ),
        (
            "iris",
            {"optimizer": "rmsprop", "nesterov": True},
            "train: nesterov=True has no effect with optimizer='rmsprop'; it is for optimizer sgd; "
            "leave it out, or give optimizer='sgd'",
        ),
        (
            "digits",
            {"arch": "cnn", "conv": []},
            "train: arch='cnn' has no convolutions; conv=[]; give conv=[16, 32], or arch='mlp'",
        ),
        (
            "iris",
            {"batch_norm": True, "hidden": []},
            "train: batch_norm=True has no layer to normalise; there are no hidden layers; give "
            "hidden=[128]",
        ),
        (
            "images.npz",
            {"arch": "cnn", "conv": [2, 2, 2]},
            "cnn: an image of 6 × 6 is too small for 3 convolutions; each is followed by a pooling "
            "that halves it; give at most 2 of them",
        ),
    ],
)
def test_what_makes_no_sense_together(source, options, message):
    refused(ArgumentError, message, Experiment, source, no_save=True, **options)


def test_defaults_that_are_given_are_not_refused():
    Experiment("iris", arch="softmax", hidden=[], activation="relu", dropout=0, no_save=True)
    Experiment("iris", optimizer="adam", nesterov=False, momentum=None, no_save=True)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (
            ("architecture", "layers", 2, "layer"),
            "Tanh",
            "run/last.npz: its network is not the one that its options and data make; "
            "architecture; use an undamaged copy of it, or train again",
        ),
        (
            ("options", "conv"),
            [3, 4000],
            "run/last.npz: its header is damaged; its architecture is not that of a network of the "
            "widths [3, 4000, 3] in float32; use an undamaged copy of it, or train again",
        ),
    ],
)
def test_a_checkpoint_of_another_network(place, value, message):
    Experiment("images.npz", **SMALL, out="run").run()
    header, arrays = archive.read("run/last.npz")
    archive.write("run/last.npz", edited(header, place, value), arrays)
    if place[0] == "options":
        run = json.loads(Path("run/run.json").read_text())
        Path("run/run.json").write_text(json.dumps(edited(run, place, value)))
    refused(DataError, message, Experiment.resume, "run")


@pytest.mark.parametrize(
    ("name", "spec", "facts"),
    [
        ("m/1.weight", ((3, 1, 3, 3), np.float64), None),
        ("t/1.weight", ((1,), np.int64), "array '1.weight' is (1,) int64, not () int64"),
        (
            "velocity/1.weight",
            ((3, 1, 3, 3), np.float32),
            "array 'velocity/1.weight' is not one of a run",
        ),
        ("v/0.weight", ((3, 1, 3, 3), np.float32), "array 'v/0.weight' belongs to no layer"),
    ],
)
def test_a_checkpoint_with_arrays_of_another_optimizer(name, spec, facts):
    Experiment("images.npz", **SMALL, optimizer="adam", out="run").run()
    header, arrays = archive.read("run/last.npz")
    archive.write("run/last.npz", header, {**arrays, name: np.zeros(*spec)})
    facts = facts or "array '1.weight' is (3, 1, 3, 3) float64, not (3, 1, 3, 3) float32"
    message = (
        f"run/last.npz: its header is damaged; {facts}; use an undamaged copy of it, or train again"
    )
    refused(DataError, message, Experiment.resume, "run")


# ---- a file that asks for more than it holds ----------------------------------------------------


def a_file_of_all_windows(path):
    """Write a classifier of images 2 × 4 × 6 with each layer that has windows."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Unflatten(1, (2, 4, 6)),
        nn.Conv2d(2, 4, (3, 2), padding=1, dilation=(1, 2), groups=2, rng=rng),
        nn.MaxPool2d(2, 1, 1),
        nn.AvgPool2d((2, 1), padding=(1, 0)),
        nn.GlobalAvgPool2d(),
        nn.LayerNorm(4, elementwise_affine=False, bias=False),
        nn.Linear(4, 3, rng=rng),
    )
    columns = tuple(data.Column(f"p{i}") for i in range(48))
    schema = data.Schema(columns, "kind", ("a", "b", "c"), image=(2, 4, 6))
    training.Classifier(model, schema, data.Scaling(np.zeros(48), np.ones(48))).save(path)


@pytest.mark.parametrize(
    ("layer", "changes", "facts"),
    [
        (
            1,
            {"padding": [3000, 3000]},
            "layer 1, Conv2d, has so much padding that some windows hold zeros alone, padding "
            "[3000, 3000], and a window reaches over [2, 2] more pixels",
        ),
        (
            1,
            {"padding": [0, 3000], "dilation": [1, 10**4]},
            "the parts do not agree on 48 features and 3 classes, model: the kernel, 3 × 10001, "
            "is larger than the padded image, 4 × 6006, scaling: (48,)",
        ),
        (
            1,
            {"padding": [2 * 10**6, 1], "dilation": [2 * 10**6, 2]},
            "layer 1, Conv2d, takes too much memory, 256 MB for a row, x (N, 2, 4, 6), and the "
            "most is 200 MB",
        ),
        (
            2,
            {"kernel_size": [10**6, 2], "padding": [5 * 10**5, 1]},
            "the windows of layer 2, MaxPool2d, and the poolings before it are too large, "
            "2,000,000 elements together, and the most is 131,072",
        ),
        (
            3,
            {"kernel_size": [10**9, 10**9], "padding": [5 * 10**8, 5 * 10**8]},
            "layer 3, AvgPool2d, takes too much memory, ",
        ),
        (
            5,
            {"normalized_shape": [10**9]},
            "the layers of the network do not fit each other, layer 5 takes rows (1000000000,), "
            "and gets (4,)",
        ),
        (1, {"stride": [2**62, 1]}, "layer 1.stride[0] is 4611686018427387904, not a whole number"),
    ],
    ids=["padding", "kernel", "dilation", "window", "large window", "norm", "stride"],
)
def test_a_field_that_asks_for_too_much_is_refused_by_arithmetic(layer, changes, facts):
    a_file_of_all_windows("model.npz")
    training.load("model.npz")
    header, arrays = archive.read("model.npz")
    for name, value in changes.items():
        header = edited(header, ("architecture", "layers", layer, name), value)
    archive.write("model.npz", header, arrays)
    tracemalloc.start()
    with pytest.raises(DataError) as error:
        training.load("model.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    start = f"model.npz: its header and its arrays do not make a classifier; {facts}"
    assert str(error.value).startswith(start) and peak < 10**7


def test_any_number_in_any_field_of_a_layer_gives_a_model_or_one_line():
    a_file_of_all_windows("model.npz")
    header, arrays = archive.read("model.npz")
    tried = 0
    for layer, entry in enumerate(header["architecture"]["layers"]):
        for name, value in entry.items():
            for n in (10**3, 10**4, 10**6, 10**9, -1, 0, 1.5, 1e300):
                new = [n] * len(value) if isinstance(value, list) else n
                place = "architecture", "layers", layer, name
                archive.write("changed.npz", edited(header, place, new), arrays, sync=False)
                try:
                    training.load("changed.npz").predict(
                        IMAGES[:2].repeat(2, 1)[:, :8, :].reshape(2, -1)[:, :48]
                    )
                except DataError:
                    tried += 1
    assert tried > 150
