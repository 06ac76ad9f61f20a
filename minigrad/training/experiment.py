"""What the options of a run describe: its data, its network and its Trainer."""

import json
import os
import sys
from typing import NamedTuple

import numpy as np

from .. import __version__, nn, optim
from .. import data as sets
from ..data import BUILTIN
from ..errors import ArgumentError, DataError, message, warn_once
from . import run_folder
from .architecture import difference
from .classifier import Classifier, load
from .run_folder import READING
from .trainer import Trainer
from .weights import balanced_weights, named_weights


class Setup(NamedTuple):
    """What the options describe, before the first step."""

    dataset: sets.Dataset
    parts: tuple[sets.Dataset, sets.Dataset, sets.Dataset]
    trainer: Trainer
    classifier: Classifier


def set_up(source: str, options: dict) -> Setup:
    """Load, split and scale the data, and build the network and its Trainer."""
    rng = np.random.default_rng(options["seed"])
    dataset = sets.load(source, **{name: options[name] for name in READING})
    parts = sets.split(dataset, test=options["test_fraction"], val=options["val_fraction"], rng=rng)
    scaling = sets.Scaling.fit(parts[0], options["scale"])
    train, val, test = (scaling.apply(part) for part in parts)
    model, loss = network(train, options, rng)
    optimizer = optim.SGD(
        model.parameters(),
        lr=options["lr"],
        momentum=options["momentum"],
        weight_decay=options["weight_decay"],
        nesterov=options["nesterov"],
    )
    names = ("epochs", "batch_size", "accumulate", "clip_grad", "schedule", "warmup", "patience")
    settings = {name: options[name] for name in names}
    trainer = Trainer(model, train, val, loss=loss, optimizer=optimizer, rng=rng, **settings)
    copy = network(train, options, np.random.default_rng(0))[0]
    classifier = Classifier(copy, dataset.schema, scaling)
    return Setup(dataset, (train, val, test), trainer, classifier)


def network(train: sets.Dataset, options: dict, rng: np.random.Generator):
    """Return the model and the loss that the options describe, for the columns of `train`."""
    model = nn.mlp(
        train.x.shape[1],
        options["hidden"],
        len(train.class_names),
        activation=options["activation"],
        dropout=options["dropout"],
        rng=rng,
        dtype=np.dtype(options["dtype"]),
    )
    weight = options.get("class_weight")  # `gradcheck --data` has no such option
    if weight == "balanced":
        weight = balanced_weights(train)
    elif weight is not None:
        weight = named_weights(weight, train.class_names)
    return model, nn.CrossEntropy(weight=weight, label_smoothing=options["label_smoothing"])


def check_run_json(path: str, options: dict) -> None:
    """Refuse to go on where somebody has changed the options in run.json: last.npz decides."""
    try:
        with open(os.path.join(path, run_folder.RUN), encoding="utf-8") as file:
            told = json.load(file)["options"]
    except (OSError, ValueError, LookupError, TypeError):
        return  # it is written anew
    # --epochs of an earlier resume may have come as far as here, and no checkpoint after it
    changed = [k for k in options if k != "epochs" and told.get(k) != options[k]]
    if changed:
        raise DataError(
            os.path.join(path, run_folder.RUN),
            "the options are not those that the run began with",
            ", ".join(f"{k} {told.get(k)!r}, then {options[k]!r}" for k in changed),
            "put them back, or start anew with minigrad train --init-from",
        )


def describe(source: str, setup: Setup, options: dict, origins: dict) -> dict:
    """Return what a run folder tells of its data, options and versions."""
    dataset, sizes = setup.dataset, map(len, setup.parts)
    in_a_file = source not in (*BUILTIN, "-") and os.path.exists(source)
    return {
        "data": {
            "source": source,
            "name": dataset.name,
            "sha256": run_folder.fingerprint(dataset),
            "rows": len(dataset),
            "features": list(dataset.feature_names),
            "classes": list(dataset.class_names),
            "split": dict(zip(("training", "validation", "test"), sizes, strict=True)),
        },
        "options": options,
        "origins": {name: origins[name] for name in options},
        "path": os.path.abspath(source) if in_a_file else None,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Return the versions that a run's bytes depend on, and Python's."""
    python = ".".join(map(str, sys.version_info[:3]))
    return {"minigrad": __version__, "numpy": np.__version__, "python": python}


def check_versions(path: str, then: dict) -> None:
    """Refuse to go on with a run under another minigrad or NumPy: its bytes would differ."""
    now = versions()
    for name in ("minigrad", "numpy"):
        if then[name] != now[name]:
            raise DataError(
                path,
                f"the run began with another version of {name}",
                f"{then[name]}, now {now[name]}",
                f"install {name}=={then[name]}, or start anew with minigrad train --init-from",
            )


def check_epochs(path: str, options: dict, done: int, epochs: int) -> None:
    """Refuse a number of epochs that the run cannot have had from the start."""
    if epochs < done:
        raise ArgumentError(
            path,
            f"--epochs {epochs} is less than the run has already trained",
            f"{done} epochs are done",
            "give more",
        )
    if options["schedule"] != "constant" and epochs != options["epochs"]:
        raise ArgumentError(
            path,
            f"--epochs would change the {options['schedule']} schedule behind the steps taken",
            f"it was laid out for {options['epochs']} epochs",
            "resume without --epochs, or start anew with minigrad train --init-from",
        )


def start_from(setup: Setup, path: str) -> None:
    """Give the model the parameters of a saved one of the same network."""
    saved, mine = load(path), setup.classifier
    if other := difference(saved.architecture, mine.architecture):
        raise ArgumentError(
            "--init-from",
            f"the network of {path} is another one",
            "layer {}, here {}".format(*other),
            "give the same --hidden and --activation, for data of as many features and classes",
        )
    names = [c.schema.feature_names + c.schema.class_names for c in (saved, mine)]
    other = next(((a, b) for a, b in zip(*names, strict=True) if a != b), None)
    if other:
        warn_once(
            message(
                "--init-from",
                f"the weights of {path} were trained on other columns or classes",
                f"{other[0]!r} there is {other[1]!r} here",
                "go on if that is meant",
            )
        )
    setup.trainer.model.load_state_dict(saved.model.state_dict())
