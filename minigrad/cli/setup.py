"""What the options of `minigrad train` describe: the data, the network, and the run."""

from typing import NamedTuple

import numpy as np

from .. import data as sets
from .. import nn, optim, training
from ..training.runs import READING


class Setup(NamedTuple):
    """What the options describe, before the first step."""

    dataset: sets.Dataset
    parts: tuple[sets.Dataset, sets.Dataset, sets.Dataset]
    trainer: training.Trainer
    classifier: training.Classifier


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
    trainer = training.Trainer(
        model, train, val, loss=loss, optimizer=optimizer, rng=rng, **settings
    )
    copy = network(train, options, np.random.default_rng(0))[0]
    classifier = training.Classifier(copy, dataset.schema, scaling)
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
        weight = training.balanced_weights(train)
    elif weight is not None:
        weight = training.named_weights(weight, train.class_names)
    return model, nn.CrossEntropy(weight=weight, label_smoothing=options["label_smoothing"])
