"""What `minigrad train` does, in order, and how it is reported."""

import numpy as np

from .. import data as sets
from .. import nn, optim, training
from .report import Report


def run(name: str, options: dict, own: dict, *, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Load, split, scale, train and test; `own` are the options that the data set chose."""
    report = Report(as_json, quiet, verbose)
    dtype = np.dtype(options["dtype"])
    dataset = sets.load(name, dtype=dtype)
    rng = np.random.default_rng(options["seed"])
    parts = sets.split(dataset, test=options["test_fraction"], val=options["val_fraction"], rng=rng)
    scaling = sets.Scaling.fit(parts[0].x)
    train, val, test = (scaling.apply(part) for part in parts)
    model, loss = network(train, options, rng)
    optimizer = optim.SGD(
        model.parameters(),
        lr=options["lr"],
        momentum=options["momentum"],
        weight_decay=options["weight_decay"],
        nesterov=options["nesterov"],
    )
    report.start(dataset, (train, val, test), options, own, model)
    with report.progress(options["epochs"]) as on_epoch:
        training.fit(
            model,
            train,
            val,
            loss=loss,
            optimizer=optimizer,
            epochs=options["epochs"],
            batch_size=options["batch_size"],
            rng=rng,
            on_epoch=on_epoch,
        )
    report.result(dataset.class_names, training.evaluate(model, test, loss=loss))


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
    return model, nn.CrossEntropy(label_smoothing=options["label_smoothing"])
