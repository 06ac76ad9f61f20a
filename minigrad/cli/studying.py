"""What `minigrad explain` runs, and how it shows that."""

import os
import shutil
from collections.abc import Callable, Sequence

import click
import numpy as np

from .. import Tensor, nn, study, training
from .. import data as sets
from ..checking.records import RECORDS
from ..checking.user_code import in_file
from ..data.files import atomic_write, check_target, name_of
from ..errors import ArgumentError, DataError
from ..study import samples
from ..text import did_you_mean, listed, printable, shown
from .checking import load_user_code

Rows = tuple[np.ndarray, np.ndarray]  # x (N, F) as the network gets it, and t (N,)


def show(
    make: Callable[[], study.Trace], own: str | None, graph: bool, html: str | None, overwrite: bool
) -> bool:
    """Print a trace or its graph, or write its page; return whether its check passed.

    Of `own`, a user's FILE.py:NAME, say which command finds the gradient that is wrong.
    """
    if html is not None:
        check_target(html, overwrite)
    trace = make()
    if html is not None:
        atomic_write(html, study.as_html(trace).encode(), overwrite=overwrite)
        click.echo(f"wrote {printable(html)}")
    elif graph:
        click.echo(study.as_graph(trace))
    else:
        click.echo(study.as_text(trace, shutil.get_terminal_size().columns))
    if own and not graph and trace.check.verdict == "differ":
        click.echo(f"the operation that is wrong: minigrad gradcheck {printable(own)} --bisect")
    return graph or trace.check.verdict == "agree"


def show_record(name: str) -> None:
    """Print what is known of an operation."""
    click.echo(study.record_text(RECORDS[name], shutil.get_terminal_size().columns))


def is_operation(what: str) -> bool:
    """Return whether there is a record of this name; refuse what names nothing at all."""
    if what not in RECORDS and not os.path.exists(what):
        facts = f"the operations are {', '.join(RECORDS)}"
        remedy = did_you_mean(what, RECORDS, "give one of them, widths such as 4-8-3, or a path")
        raise ArgumentError("explain", f"there is no {shown(what)}", facts, remedy)
    return what in RECORDS


def of_network(
    network: str | None, xs: Sequence[str], classes: Sequence[str], rows: int, **options
) -> study.Trace:
    """Return the trace of a network "4-8-3", or of the one with fixed weights."""
    sizes = tuple(map(int, network.split("-"))) if network else (2, 4, 3)
    activation, seed = options["activation"], options["seed"]
    if sizes == (2, 4, 3) and seed == 0:
        model, x, t = samples.fixed_network(activation)
        kind = "with fixed weights"
    else:
        model, x, t = samples.random_network(sizes, rows, activation, seed)
        kind = f"with random weights, seed {seed}"
    names = [str(i) for i in range(sizes[-1])]
    if xs:
        x, t = _typed(xs, classes, sizes[0], names)
    elif rows > len(x):
        facts, remedy = f"rows {rows}, of which there are {len(x)}", "give rows by --x and --class"
        raise ArgumentError("explain", "the network has too few rows", facts, remedy)
    else:
        x, t = x[:rows], t[:rows]
    name = "-".join(map(str, sizes))
    return _of_model(model, (x, t), f"network {name} {kind}", names)


def of_data(data: str, row: int, rows: int, given: dict) -> study.Trace:
    """Return the trace of the network that `train` would begin with, on rows of a data set."""
    fixed = {"dtype": "float64", "label_smoothing": 0.0, "no_save": True}
    experiment = training.Experiment(data, **given, **fixed)
    dataset = experiment.dataset
    x, t = _picked([(dataset.x, dataset.y)], row, rows, data)
    widths = (x.shape[1], *experiment.options["hidden"], len(dataset.class_names))
    title = f"network {'-'.join(map(str, widths))} before its training on {dataset.name}"
    model = experiment.trainer.model
    return _of_model(model, (experiment.scaling.apply(x), t), title, dataset.class_names, row)


def of_model(
    path: str, data: str | None, row: int, rows: int, xs: Sequence[str], classes: Sequence[str]
) -> study.Trace:
    """Return the trace of a trained model on typed rows, or on rows of a data set."""
    classifier = training.load(path)
    schema = classifier.schema
    names = schema.class_names
    if data is None:
        x, t = _typed(xs, classes, len(schema.feature_names), names)
    else:
        found = sets.read_rows(data, schema, labels=True, dtype=np.float64)
        x, t = _picked(((block.x, block.y) for block in found), row, rows, data)
    x = classifier.scaling.apply(x - schema.offsets)
    return _of_model(classifier.model, (x, t), f"model {path}", names, row)


def of_file(path: str, name: str) -> study.Trace:
    """Return the trace of what `name` is in a user's file, on its first case."""
    with in_file(path, "looking up what it defines"):  # a property may raise anything
        f, cases = load_user_code(path, name)
    if cases is None:
        wrong, facts = f"there are no inputs to run {name} with", f"{path} defines no cases"
        raise ArgumentError("explain", wrong, facts, f"write {name}.cases = [(x, …)]")
    with in_file(path, f"running {name} on case 0"):
        return study.trace(f, cases[0], title=f"{name} in {path}, case 0")


def _of_model(model: nn.Module, rows: Rows, title: str, names: Sequence[str], row=0) -> study.Trace:
    x, t = rows
    loss = nn.CrossEntropy()
    if len(x) == 1:
        which = f"row {row}, class {names[t[0]]}"
    else:
        which = f"rows {row} to {row + len(x) - 1}, classes {', '.join(names[i] for i in t)}"
    step = lambda x: loss(model(x), t)  # noqa: E731
    title = f"{title[0].upper()}{title[1:]}; {which}"
    return study.trace(step, [Tensor(x)], module=model, title=title)


def _picked(blocks, row: int, rows: int, source: str) -> Rows:
    """Return some rows of a data set, counted from 0."""
    found: list[Rows] = []
    count = 0
    for x, t in blocks:
        part = slice(max(row - count, 0), row + rows - count)
        found.append((x[part], t[part]))
        count += len(x)
        if count >= row + rows:
            break
    else:
        facts = f"rows {row} to {row + rows - 1} of {count}, which are counted from 0"
        raise DataError(name_of(source), "has too few rows", facts, "give a smaller --row")
    return np.concatenate([x for x, _ in found]), np.concatenate([t for _, t in found])


def _typed(xs: Sequence[str], classes: Sequence[str], features: int, names: Sequence[str]) -> Rows:
    """Return rows and classes from the texts of --x and --class."""
    if len(xs) != len(classes):
        raise click.UsageError("each --x needs a --class; give them in the same order")
    rows = []
    for text in xs:
        try:
            rows.append([float(part) for part in text.split(",")])
        except ValueError:
            rows.append([])
        if len(rows[-1]) != features or not np.isfinite(rows[-1]).all():
            raise click.UsageError(
                f"--x {text!r} is not a row; write {features} numbers separated by commas, such as "
                + ",".join(["1", "2.5"][i % 2] for i in range(min(features, 4)))
            )
    for name in classes:
        if name not in names:
            remedy = did_you_mean(name, names, "give one of these")
            known = f"there are {listed(names)}"
            raise click.UsageError(f"--class {shown(name)} is unknown; {known}; {remedy}")
    return np.array(rows), np.array([names.index(name) for name in classes])
