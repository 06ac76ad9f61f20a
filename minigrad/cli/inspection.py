"""What `minigrad inspect` prints, for a person or, with --json, for a program."""

import csv
import json
import os
from collections.abc import Iterator

import click

from .. import nn, training
from ..errors import DataError
from ..text import printable
from ..training import Classifier, archive, runs
from .output import event
from .results import table

MISSING = {
    "error": "refused",
    "drop": "their rows are left out",
    "mean": "filled with the mean of the training rows",
}


def inspect_path(path: str, as_json: bool) -> None:
    """Print what a file of minigrad holds, or a run folder."""
    if not os.path.isdir(path):
        _inspect_file(path, as_json)
        return
    best = os.path.join(path, runs.BEST)
    if os.path.exists(best):  # from the end of the first epoch on
        _inspect_file(best, as_json, of_a_run=True)
    _inspect_run(path, as_json)


def _inspect_file(path: str, as_json: bool, of_a_run: bool = False) -> None:
    header, arrays = archive.read(path)
    size, content = os.path.getsize(path), header.get("content")
    classifier = training.load(path) if content == "classifier" else None
    if as_json:
        scaling = {name: array.tolist() for name, array in arrays.items() if "scaling." in name}
        event("file", path=path, bytes=size, header=header, **scaling)
        return
    click.echo(f"{path}: {content}, format version {header['version']}, {size:,} bytes\n")
    if classifier:
        click.echo(_classifier(classifier) + "\n")
    rows = [(name, str(array.shape), str(array.dtype)) for name, array in arrays.items()]
    click.echo(table([("array", "shape", "dtype"), *rows]) + "\n")
    told = {"format", "version", "arrays", "content"}
    if classifier:
        told |= {"architecture", "schema", "scaling"}
    if of_a_run:  # run.json comes next, and says it all again
        told |= {"training"}
    if more := {key: header[key] for key in header if key not in told}:
        click.echo("\n".join(_tree(more)))


def _classifier(classifier: Classifier) -> str:
    """Return what a classifier takes, what it gives, and its layers."""
    schema, scaling = classifier.schema, classifier.scaling
    by = "by name" if schema.by_name else "by place"
    lines = [
        f"classes: {', '.join(map(printable, schema.class_names))}",
        f"label: {printable(schema.label or 'no column')}",
        f"columns: {len(schema.columns)}, found {by}; delimiter {schema.delimiter!r}",
        f"missing values: {MISSING[schema.missing]}",
        f"scaling: {scaling.kind}, (x - shift) / scale",
        "",
    ]
    columns = {"shift": scaling.shift, "scale": scaling.scale, "fill": scaling.fill}
    columns = {name: values for name, values in columns.items() if values is not None}
    rows = [("feature", *columns)]
    for i, name in enumerate(schema.feature_names):
        rows.append((printable(name), *(f"{values[i]:.6g}" for values in columns.values())))
    layers = nn.summary(classifier.model.train(), (len(schema.feature_names),))
    return "\n".join([*lines, table(rows), "", layers])


def _inspect_run(folder: str, as_json: bool) -> None:
    """Print run.json and the last line of history.csv."""
    path = os.path.join(folder, runs.RUN)
    try:
        with open(path, encoding="utf-8") as file:
            run = {**json.load(file)}
        path = os.path.join(folder, runs.HISTORY)
        with open(path, encoding="utf-8", newline="") as file:
            epochs = list(csv.DictReader(file))
        last = {k: json.loads(v) if v else None for k, v in (epochs or [{}])[-1].items()}
    except (ValueError, TypeError, RecursionError, csv.Error) as error:
        facts = f"{type(error).__name__}: {error}"
        raise DataError(path, "it is damaged", facts, f"inspect {runs.BEST} alone") from error
    except OSError as error:
        remedy = "give the folder of a run, or a model file"
        raise DataError(path, "it cannot be read", error.strerror, remedy) from error
    if as_json:
        event("run", path=folder, run=run, epochs=len(epochs), last_epoch=last)
        return
    options, origins = run.get("options"), run.pop("origins", None)
    if isinstance(options, dict) and isinstance(origins, dict):
        run["options"] = {
            name: f"{_text(value)} ({origins.get(name, 'unknown')})"
            for name, value in options.items()
        }
    click.echo("\n".join(_tree({runs.RUN: run, f"last line of {runs.HISTORY}": last})))


def _tree(value: dict, indent: str = "") -> Iterator[str]:
    """Yield a line for each entry, and the entries of a dict indented below its name."""
    for key, part in value.items():
        if isinstance(part, dict) and part:
            yield f"{indent}{key}"
            yield from _tree(part, indent + "  ")
        else:
            yield f"{indent}{key}: {_text(part)}"


def _text(value) -> str:
    if isinstance(value, list):
        return printable(", ".join(map(str, value))) or "none"
    return "none" if value in (None, {}) else printable(str(value))
