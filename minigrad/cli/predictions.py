"""What `minigrad predict` and `minigrad evaluate` do: a model, rows of a file, and results."""

import csv
import io
import os
from collections.abc import Iterator

import click
import numpy as np

from .. import data as sets
from ..errors import DataError
from ..text import shown
from ..training import Classifier
from ..training.archive import atomic_write
from .output import event, json_line, remark
from .results import result_fields, result_tables


class Rows:
    """The blocks of a file, once through, with what is to be said of them on stderr.

    Attributes:
        used, skipped: how many rows were yielded, and left out for a missing value.
        ignored: the columns that are not used.
    """

    def __init__(
        self,
        classifier: Classifier,
        source: str,
        delimiter: str | None,
        header: str,
        quiet: bool,
        labels: bool = False,
    ):
        self._blocks = sets.read_rows(
            source,
            classifier.schema,
            labels=labels,
            dtype=np.dtype(classifier.architecture["dtype"]),
            delimiter=delimiter,
            header=header,
        )
        self.used = self.skipped = 0
        self.ignored, self.quiet = self._blocks.extra, quiet

    def __iter__(self) -> Iterator[sets.Block]:
        if self.ignored and not self.quiet:
            remark(f"ignored columns: {', '.join(map(shown, self.ignored))}")
        for block in self._blocks:
            self.used += len(block.x)
            self.skipped += block.skipped
            yield block
        if self.skipped and not self.quiet:
            remark(f"skipped rows: {self.skipped}, for a missing value, as in training")


# ---- predict -----------------------------------------------------------------------------------


def csv_lines(classifier: Classifier, rows: Rows, proba: bool) -> Iterator[str]:
    """Yield the lines of each block as one text: names, quoted where CSV asks for it."""
    names = [_csv([name]) for name in classifier.schema.class_names]
    if proba:
        yield _csv(["class", *classifier.schema.class_names]) + "\n"
    for block in rows:
        log_p = classifier.predict_log_proba(block.x, block.numbers)
        lines = [names[i] for i in log_p.argmax(axis=1)]
        if proba:
            numbers = (",".join([f"{p:.6g}" for p in row]) for row in np.exp(log_p).tolist())
            lines = [f"{name},{row}" for name, row in zip(lines, numbers, strict=True)]
        yield "".join([f"{line}\n" for line in lines])


def json_lines(classifier: Classifier, rows: Rows, proba: bool) -> Iterator[str]:
    """Yield the objects of each block as one text, and at the end one that counts them."""
    names = classifier.schema.class_names
    for block in rows:
        log_p = classifier.predict_log_proba(block.x, block.numbers)
        found = [{"class": names[i]} for i in log_p.argmax(axis=1)]
        if proba:
            for row, p in zip(found, np.exp(log_p).tolist(), strict=True):
                row["probabilities"] = dict(zip(names, p, strict=True))
        yield "".join([json_line("prediction", **row) for row in found])
    yield json_line("result", rows=rows.used, skipped=rows.skipped, ignored=rows.ignored)


def check_output(path: str | None, overwrite: bool) -> None:
    """Refuse a file that exists, unless it may be overwritten."""
    if path and os.path.exists(path) and not overwrite:
        size = f"{os.path.getsize(path)} bytes"
        raise DataError(path, "it exists", size, "choose another name, or pass --overwrite")


def write(texts: Iterator[str], path: str | None) -> None:
    """Write to stdout as the texts come, or to a file once all of them have come."""
    chunks = (text.encode() for text in texts)
    if path:
        atomic_write(path, lambda file: file.writelines(chunks))
        return
    for chunk in chunks:
        click.echo(chunk, nl=False)


def _csv(fields: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()


# ---- evaluate ----------------------------------------------------------------------------------


def report(classifier: Classifier, rows: Rows, as_json: bool, quiet: bool) -> None:
    """Print how the classifier does on labelled rows."""
    found, names = classifier.evaluate(rows), classifier.schema.class_names
    if as_json:
        counts = {"rows": rows.used, "skipped": rows.skipped, "ignored": rows.ignored}
        numbers = {"accuracy": found.accuracy, "log_loss": found.loss}
        event("result", **numbers, **counts, **result_fields(names, found.confusion))
        return
    hits = np.trace(found.confusion)
    click.echo(
        f"accuracy {found.accuracy:.2%} ({hits} of {rows.used} rows), log loss {found.loss:.4f}"
    )
    if not quiet:
        click.echo("\n" + result_tables(names, found.confusion))
