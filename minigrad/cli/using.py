"""What `minigrad predict`, `evaluate`, `inspect` and `plot` do with a model, or with a run."""

import csv
import io
import itertools
import logging
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import click
import numpy as np

from .. import data as sets
from .. import nn, plotting, training
from ..data.files import atomic_write, check_target, name_of
from ..errors import ArgumentError, DataError, message
from ..text import counted, printable, shortened, shown, table
from ..training import Classifier, headers, pictures, run_data, run_folder
from .results import as_loss, result_fields, result_tables, share_of_hits
from .shell import as_typed, event, json_line, on_terminal, progress_bar, remark

BAR, LONGEST_BAR, SHORTEST_BAR = "#", 40, 8  # of the columns' importance

WIDEST = 1000  # columns of a plot in the terminal

REMEDIES = {  # for rows that cannot be used
    "missing values": "fill the missing values in",
    "new values": "pass --unseen zero to use the rows with new values",
    "missing labels": "write the missing labels",
    "new labels": "correct the labels, or train with the new ones",
}


class Rows:
    """The blocks of a file, to iterate over once; remarks about them go to stderr.

    fate: what the rows that cannot be used are, such as "left out".
    options: those of `data.read_rows`.

    Attributes:
        used: how many rows can be used.
        skipped: how many cannot.
        ignored: the columns that the model does not use.
        kept: the columns whose texts are carried through.
    """

    def __init__(self, source: str, classifier: Classifier, quiet: bool, fate: str, **options: Any):
        dtype, schema = classifier.architecture["dtype"], classifier.schema
        self._blocks = sets.read_rows(source, schema, dtype=dtype, **options)
        self._source, self._fate, self.used, self.skipped = source, fate, 0, 0
        pixels = schema.image is not None and not schema.offsets.any()
        self._judged = options.get("labels", False)
        self._typical, self._largest = classifier.scaling.typical if pixels else 0.0, 0.0
        self.ignored, self.kept, self.quiet = self._blocks.extra, self._blocks.kept, quiet

    def __iter__(self) -> Iterator[sets.Block]:
        if self.ignored and not self.quiet:
            remark(f"ignored columns: {', '.join(map(shown, self.ignored))}")
        for block in self._blocks:
            self.used += len(block.x)
            self.skipped += block.skipped
            if self._typical and len(block.x):
                self._largest = np.nanmax(np.abs(block.x), initial=self._largest)
            yield block
        if self._judged and not self.used:
            facts = self._blocks.unusable.reason() if self.skipped else "0 rows"
            remedy = "give rows with the columns and labels of the training data"
            raise DataError(name_of(self._source), "has no rows to judge by", facts, remedy)
        run_data.warn_of_range(name_of(self._source), self._largest, self._typical, "about ")
        if self.skipped:  # with -q too, for it changes the result
            wrong = f"{self.skipped} of {counted(self.used + self.skipped, 'row')} {self._fate}"
            unusable, where = self._blocks.unusable, name_of(self._source)
            remedy = ", ".join(REMEDIES[kind] for kind in unusable.kinds)
            remark(f"Warning: {message(where, wrong, unusable.reason(), remedy)}")


# ---- predict -----------------------------------------------------------------------------------


def predict(model, data, proba, output, overwrite, as_json, quiet, **reading: Any) -> None:
    """Print the class of each row of `data`, or write it to the file `output`."""
    if output is not None:
        check_output(output, (data, model, os.path.join(model, run_folder.BEST)))
        check_target(output, overwrite)
    classifier = training.load(model)
    rows = Rows(data, classifier, quiet, "without a class", **reading)
    write((json_lines if as_json else csv_lines)(classifier, rows, proba), output, overwrite)


def check_output(output: str, inputs: tuple[str, ...], stdout: bool = True) -> None:
    """Refuse to write over what is read, and to a file called -.

    stdout: whether stdout is written to without --output.
    """
    if output == "-":
        remedy = "leave --output out for stdout, or " * stdout + "write ./- for a file of that name"
        raise ArgumentError("--output", "- does not name a file", "FILE -", remedy)
    refuse_inputs("--output", output, inputs)


def refuse_inputs(where: str, output: str, inputs: tuple[str, ...]) -> None:
    """Raise ArgumentError about `where` if a file to be written is one that is read."""
    for path in inputs:
        if os.path.exists(output) and os.path.exists(path) and os.path.samefile(output, path):
            wrong, facts = "it would replace what it is made from", f"FILE {output}, and {path}"
            raise ArgumentError(where, wrong, facts, "choose another name")


def csv_lines(classifier: Classifier, rows: Rows, proba: bool) -> Iterator[str]:
    """Yield the lines of each block as one string; the fields are quoted if CSV requires it.

    A row that cannot be used has an empty class.
    """
    names = [_csv([name]) for name in classifier.schema.class_names]
    none = '""' + proba * len(names) * ","
    if proba or rows.kept:
        title = "predicted" if "class" in rows.kept else "class"
        header = [*rows.kept, title, *(classifier.schema.class_names if proba else ())]
        yield _csv(header) + "\n"
    for block in rows:
        log_p = classifier.predict_log_proba(block.x, block.numbers)
        lines = [names[i] for i in log_p.argmax(axis=1)]
        if proba:
            numbers = (",".join([f"{p:.6g}" for p in row]) for row in np.exp(log_p).tolist())
            lines = [f"{name},{row}" for name, row in zip(lines, numbers, strict=True)]
        lines = _for_each(block.usable, lines, none)
        if block.kept:
            lines = [f"{_csv(kept)},{row}" for kept, row in zip(block.kept, lines, strict=True)]
        yield "".join([f"{line}\n" for line in lines])


def json_lines(classifier: Classifier, rows: Rows, proba: bool) -> Iterator[str]:
    """Yield the objects of each block as one string, and a last object that counts the rows."""
    names = classifier.schema.class_names
    none = {"class": None, **({"probabilities": None} if proba else {})}
    for block in rows:
        log_p = classifier.predict_log_proba(block.x, block.numbers)
        found: list[dict] = [{"class": names[i]} for i in log_p.argmax(axis=1)]
        if proba:
            for row, p in zip(found, np.exp(log_p).tolist(), strict=True):
                row["probabilities"] = dict(zip(names, p, strict=True))
        found = _for_each(block.usable, found, none)
        for i, texts in enumerate(block.kept):
            found[i] = {"kept": dict(zip(rows.kept, texts, strict=True)), **found[i]}
        yield "".join([json_line("prediction", **row) for row in found])
    yield json_line("result", rows=rows.used, skipped=rows.skipped, ignored=rows.ignored)


def _for_each(usable: np.ndarray, found: list, none) -> list:
    """Return what was found for each usable row, and `none` for each of the others."""
    if usable.all():
        return found
    left = iter(found)
    return [next(left) if can else none for can in usable.tolist()]


def write(strings: Iterator[str], path: str | None, overwrite: bool) -> None:
    """Write strings to stdout as they come, or to a file once all of them have come."""
    if path is not None:
        chunks = (string.encode() for string in strings)
        atomic_write(path, lambda file: file.writelines(chunks), overwrite=overwrite)
        return
    to_terminal = sys.stdout is not None and sys.stdout.isatty()  # which shows it printable
    for string in strings:
        click.echo(string if to_terminal else string.encode(), nl=False)


def _csv(fields: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(fields)  # it quotes what its end contains
    return line.getvalue().removesuffix("\r\n")


# ---- evaluate ----------------------------------------------------------------------------------


def evaluate(model, data, as_json, quiet, **reading: Any) -> None:
    """Print how good a model is on the labelled rows of `data`."""
    classifier = training.load(model)
    rows = Rows(data, classifier, quiet, "left out", labels=True, **reading)
    recognition = run_data.Recognition(classifier)
    found = classifier.evaluate(recognition.watch(rows))
    if split := recognition.split:
        seen = f"{split['training']} of the {counted(rows.used, 'row')} were trained on"
        if split["validation"]:
            seen += f" and {split['validation']} chose the epoch"
        facts = "the accuracy says little about new rows"
        remedy = "give other rows"
        if split["test"]:
            remedy = f"leave DATA out, with the run's folder, for the {split['test']} held out"
        remark(f"Warning: {message(name_of(data), seen, facts, remedy)}")
    counts = {"rows": rows.used, "skipped": rows.skipped, "ignored": rows.ignored}
    counts["trained_on"] = recognition.split.get("training", 0)
    _print_evaluation(found, classifier, counts, as_json, quiet)


def evaluate_held_out(folder, as_json, quiet) -> None:
    """Print how good the model of a run is on the rows that the run held out."""
    run = training.read_run(folder)
    classifier, rows = training.load(folder), training.held_out(run)
    counts = {"rows": len(rows), "skipped": 0, "ignored": (), "trained_on": 0}
    _print_evaluation(classifier.evaluate(rows), classifier, counts, as_json, quiet)


def _print_evaluation(found, classifier, counts, as_json, quiet):
    names = classifier.schema.class_names
    if as_json:
        numbers = {"accuracy": found.accuracy, "log_loss": found.loss}
        event("result", **numbers, **counts, **result_fields(names, found.counts))
        return
    out = f"; {counts['skipped']} left out" if counts["skipped"] else ""
    share = share_of_hits(names, found.counts)
    click.echo(f"accuracy {share}, log loss {as_loss(found.loss)}{out}")
    if not quiet:
        click.echo("\n" + result_tables(names, found.counts))


# ---- importance ----------------------------------------------------------------------------------


def importance(model, data, seed, as_json, quiet, **reading: Any) -> None:
    """Print the permutation importance of each column on the labelled rows of `data`."""
    classifier = training.load(model)
    rows = Rows(data, classifier, quiet, "left out", labels=True, **reading)
    blocks = [(block.x, block.y) for block in rows]
    x, y = map(np.concatenate, zip(*blocks, strict=True))
    columns = len(classifier.schema.columns)
    with progress_bar(columns, leave=False, disable=quiet or not on_terminal()) as bar:
        options = {"rng": seed, "on_column": bar.update}
        accuracy, found = training.permutation_importance(classifier, x, y, **options)
    if as_json:
        listing = [one._asdict() for one in found]
        counts = {"rows": rows.used, "skipped": rows.skipped, "ignored": rows.ignored}
        event("result", accuracy=accuracy, **counts, importance=listing)
        return
    if not quiet:
        click.echo(
            f"accuracy {accuracy:.2%} on {counted(rows.used, 'row')}; each column shuffled:\n"
        )
    cells = [
        (shortened(printable(one.column), 40), f"{100 * one.drop:z.2f}", f"{100 * one.spread:.2f}")
        for one in found
    ]
    lines = table([("column", "drop", "spread"), *cells]).splitlines()
    room = shutil.get_terminal_size().columns - max(map(len, lines)) - 2
    room = room if room >= SHORTEST_BAR else 0
    largest = max(found[0].drop, 1e-12)
    for line, drop in zip(lines, [0.0, *(one.drop for one in found)], strict=True):
        bar = BAR * round(max(drop, 0) / largest * min(room, LONGEST_BAR))
        click.echo(f"{line}  {bar}".rstrip())


# ---- inspect -------------------------------------------------------------------------------------

MISSING = {
    "error": "refused",
    "drop": "their rows are left out",
    "mean": "the mean of the training rows; of a text, zeros in its features",
}


def inspect_path(path: str, as_json: bool) -> None:
    """Print what a file that minigrad wrote holds, or a run folder."""
    if not os.path.isdir(path):
        _inspect_file(path, as_json)
        return
    run = training.read_run(path)
    best = os.path.join(path, run_folder.BEST)
    if os.path.exists(best):  # from the end of the first epoch on
        _inspect_file(best, as_json, of_a_run=True)
    _inspect_run(run, as_json)


def _inspect_file(path: str, as_json: bool, of_a_run: bool = False) -> None:
    header, arrays = headers.read(path)
    size, content = os.path.getsize(path), header["content"]
    classifier = training.load(path) if content == "classifier" else None
    if as_json:
        scaling = {name: array.tolist() for name, array in arrays.items() if "scaling." in name}
        event("file", path=path, bytes=size, header=header, **scaling)
        return
    click.echo(
        f"{printable(path)}: {content}, format version {header['version']}, {size:,} bytes\n"
    )
    if classifier:
        click.echo(_classifier(classifier) + "\n")
    rows = [(printable(name[:80]), str(a.shape), str(a.dtype)) for name, a in arrays.items()]
    click.echo(table([("array", "shape", "dtype"), *rows]) + "\n")
    printed = {"format", "version", "arrays", "content"}
    if classifier:
        printed |= {"architecture", "schema", "scaling"}
    if of_a_run:  # run.json comes next and repeats it
        printed |= {"training"}
    if more := {key: header[key] for key in header if key not in printed}:
        click.echo("\n".join(_tree(more)))


def _classifier(classifier: Classifier) -> str:
    """Return the classes, columns, scaling and layers of a classifier."""
    schema, scaling = classifier.schema, classifier.scaling
    by = "by name" if schema.by_name else "by place"
    usual = asdict(sets.Format())
    written = ", ".join(
        f"{name} {value!r}"
        for name, value in asdict(schema.form).items()
        if name == "delimiter" or value != usual[name]
    )
    formula = "(x - shift) / scale"
    if scaling.kind == "asinh":
        formula = f"asinh({formula})"
    lines = [
        f"classes: {', '.join(map(printable, schema.class_names))}",
        f"label: {printable(schema.label or 'no column')}",
        f"columns: {len(schema.columns)}, found {by}; {written}",
        *(["images: {} × {} × {}".format(*schema.image)] if schema.image else []),
        *([f"left out: {', '.join(map(printable, schema.left_out))}"] * bool(schema.left_out)),
        f"missing values: {MISSING[schema.missing]}",
        f"scaling: {scaling.kind}, {formula}",
        "",
    ]
    arrays = {"shift": scaling.shift, "scale": scaling.scale, "fill": scaling.fill}
    if schema.offsets.any():
        arrays = {"offset": schema.offsets, **arrays}
    columns = {name: values for name, values in arrays.items() if values is not None}
    rows = [("feature", *columns)]
    for i, name in _scaled(schema, columns):
        rows.append((name, *(f"{values[i]:.6g}" for values in columns.values())))
    layers = nn.summary(classifier.model.train(), (len(schema.feature_names),))
    return "\n".join([*lines, table(rows), "", layers])


def _scaled(schema: sets.Schema, columns: dict[str, np.ndarray]) -> Iterator[tuple[int, str]]:
    """Yield the number and the name of each feature; of pixels that are scaled alike, once."""
    channels = schema.image[0] if schema.image else 0
    parts = [values.reshape(channels or len(values), -1) for values in columns.values()]
    if all((part == part[:, :1]).all() for part in parts) and channels:
        for c in range(channels):
            of = f" of channel {c}" if channels > 1 else ""
            yield c * parts[0].shape[1], f"each pixel{of}"
    else:
        yield from enumerate(map(printable, schema.feature_names))


def _inspect_run(run: training.Run, as_json: bool) -> None:
    """Print run.json and the last line of history.csv."""
    last = run.history[-1]._asdict() if run.history else {}
    if as_json:
        counts = {"epochs": len(run.history), "last_epoch": last}
        event("run", path=run.folder, run=run.facts, **counts)
        return
    facts = {name: value for name, value in run.facts.items() if name != "origins"}
    facts["options"] = {
        name: f"{_text(value)} ({run.origins.get(name, 'unknown')})"
        for name, value in run.options.items()
    }
    tree = {run_folder.RUN: facts, f"last line of {run_folder.HISTORY}": last}
    click.echo("\n".join(_tree(tree)))


def _tree(value: dict, indent: str = "") -> Iterator[str]:
    """Yield a line for each entry, and the entries of a dict indented below its name."""
    for key, part in value.items():
        key = printable(key[:80])
        if isinstance(part, dict) and part:
            yield f"{indent}{key}"
            yield from _tree(part, indent + "  ")
        else:
            yield f"{indent}{key}: {_text(part)}"


def _text(value) -> str:
    if isinstance(value, list):
        return printable(", ".join(map(str, value))) or "none"
    return "none" if value in (None, {}) else printable(str(value))


# ---- plot ----------------------------------------------------------------------------------------


def draw(runs, output, overwrite, only_ascii) -> None:
    """Draw the runs into the terminal, or into a file."""
    save = None if output is None else _writer(output, overwrite)
    found = [training.read_run(folder) for folder in runs]
    planes, remarks = zip(*map(plotting.read_plane, found), strict=True)
    galleries, more = zip(*map(plotting.read_gallery, found), strict=True)
    for text in itertools.chain.from_iterable(remarks + more):
        remark(as_typed(text))
    if save is not None:
        save(found, planes, galleries)
        click.echo(f"wrote {printable(output)}")
        return
    encoding = "ascii" if only_ascii else getattr(sys.stdout, "encoding", "ascii")
    style = plotting.style_for(encoding)
    columns = min(shutil.get_terminal_size().columns, WIDEST)  # COLUMNS may say anything
    click.echo(plotting.draw(found, planes, columns, style, galleries))


def _writer(path, overwrite):
    """Return what writes the picture. Refuse a file that cannot be written before any reading."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in (".png", ".svg"):
        wrong = "only .png and .svg pictures can be drawn"
        raise ArgumentError("--output", wrong, f"FILE {path}", "end its name in one of them")
    check_target(path, overwrite)
    logging.getLogger("matplotlib").setLevel(logging.CRITICAL)  # of settings that do not count here
    remedy = "pip install 'minigrad[plot]', or leave --output out to draw in the terminal"
    figure = pictures.drawing("--output", remedy)
    return lambda *content: atomic_write(
        path, lambda file: figure.save(file, suffix[1:], *content), overwrite=overwrite
    )
