"""What `minigrad train` and `minigrad resume` do, in order, and how it is reported."""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator

import click
import numpy as np

from .. import __version__, training
from ..data import BUILTIN
from ..errors import ArgumentError, DataError, DivergedError, message, warn_once
from ..training import runs
from .command import INTERRUPTED
from .output import remark
from .report import Report
from .setup import Setup, set_up

SAVING = ("out", "overwrite", "no_save")


def run(
    source: str,
    options: dict,
    origins: dict,
    own: dict,
    *,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Train from the start; `own` are the options that the data set chose."""
    report = Report(as_json, quiet, verbose)
    setup = set_up(source, options)
    if options["init_from"]:
        start_from(setup, options["init_from"])
    kept = {name: value for name, value in options.items() if name not in SAVING}
    if options["no_save"]:
        report.start(setup.dataset, setup.parts, kept, own, setup.trainer.model)
        finish(setup, None, report)
        return
    about = describe(source, setup, kept, origins)
    path = runs.create(options["out"], about["data"]["name"], options["overwrite"])
    every = options["checkpoint_every"]
    with runs.Recorder(path, setup.trainer, setup.classifier, about, every) as recorder:
        recorder.start(options["overwrite"])
        report.start(setup.dataset, setup.parts, kept, own, setup.trainer.model)
        finish(setup, recorder, report)


def resume(path: str, epochs: int | None, *, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Go on with a run from its last checkpoint, to its end or to `epochs`."""
    report = Report(as_json, quiet, verbose)
    header, arrays = runs.read_checkpoint(path)
    about = {name: header[name] for name in ("data", "options", "origins", "path", "versions")}
    check_versions(path, about["versions"])
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in about["options"].items()}
    check_run_json(path, about["options"])
    if epochs is not None:
        done = len(header["state"]["history"])
        check_epochs(path, options, done, epochs)
        options["epochs"] = epochs
        about["options"]["epochs"], about["origins"]["epochs"] = epochs, "resume"
    source = runs.find_data(about)
    if source is None:
        remedy = "put it back where it was, then resume"
        raise DataError(path, "the data of the run is gone", about["path"], remedy)
    setup = set_up(source, options)
    found = runs.fingerprint(setup.dataset)
    if found != about["data"]["sha256"]:
        raise DataError(
            path,
            f"the data of {source} has changed since the run began",
            f"SHA-256 {found[:12]}…, then {about['data']['sha256'][:12]}…",
            "bring back the data of then, or start anew with minigrad train --init-from",
        )
    setup.trainer.load_state(header["state"], arrays)
    every = options["checkpoint_every"]
    with runs.Recorder(path, setup.trainer, setup.classifier, about, every) as recorder:
        recorder.go_on()
        report.start(setup.dataset, setup.parts, options, {}, setup.trainer.model)
        finish(setup, recorder, report)


def check_run_json(path: str, options: dict) -> None:
    """Refuse to go on where somebody has changed the options in run.json: last.npz decides."""
    try:
        with open(os.path.join(path, runs.RUN), encoding="utf-8") as file:
            told = json.load(file)["options"]
    except (OSError, ValueError, LookupError, TypeError):
        return  # it is written anew
    # --epochs of an earlier resume may have come as far as here, and no checkpoint after it
    changed = [k for k in options if k != "epochs" and told.get(k) != options[k]]
    if changed:
        raise DataError(
            os.path.join(path, runs.RUN),
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
            "sha256": runs.fingerprint(dataset),
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
    saved, mine = training.load(path), setup.classifier
    there, here = (
        f"{a['inputs']} features, hidden {a['hidden']}, {a['outputs']} classes, {a['activation']}"
        for a in (saved.architecture, mine.architecture)
    )
    if there != here:
        raise ArgumentError(
            "--init-from",
            f"the network of {path} is another one",
            f"{there}; here {here}",
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


class Interrupted(Exception):
    """Leaves the training loop after a step."""


def finish(setup: Setup, recorder: runs.Recorder | None, report: Report) -> None:
    """Train to the end, keep the checkpoints, and report the test."""
    trainer = setup.trainer

    def on_step() -> None:
        if recorder:
            recorder.on_step()
        if asked():
            raise Interrupted

    def on_epoch(epoch: training.Epoch) -> None:
        progress(epoch)
        if recorder:
            recorder.on_epoch()

    with interruptible() as asked:
        try:
            with report.progress(trainer) as progress:
                trainer.run(on_epoch, on_step)
        except DivergedError as error:
            if recorder is None:
                raise
            recorder.diverged()
            *parts, remedy = error.args
            kept = f"the run up to there is in {click.format_filename(recorder.path)}"
            raise DivergedError(*parts, f"{remedy}; {kept}") from error
        except Interrupted:
            stop(trainer, recorder)
        except OSError:  # nobody reads what is printed
            if recorder:
                recorder.checkpoint()
                recorder.tell("interrupted")
            raise
        if recorder:
            recorder.checkpoint(best=False)
        trainer.use_best()
        test = training.evaluate(trainer.model, setup.parts[2], loss=trainer.loss)
        if recorder:
            results = {"test_loss": test.loss, "test_accuracy": test.accuracy}
            recorder.finish({**results, "confusion": test.confusion.tolist()})
            report.saved(recorder.path)
    report.result(setup.dataset.class_names, test, trainer)


def stop(trainer: training.Trainer, recorder: runs.Recorder | None) -> None:
    """End an interrupted run with its last checkpoint, and say how to go on."""
    after = f"Interrupted after step {trainer.optimizer.steps}"
    if recorder is None:
        remark(f"{after}; nothing was saved.")
    else:
        recorder.checkpoint()
        recorder.tell("interrupted")
        remark(f"{after}. Go on with: minigrad resume {click.format_filename(recorder.path)}")
    click.get_current_context().exit(INTERRUPTED)


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether Ctrl-C or SIGTERM came; a second one stops at once."""
    came = []
    numbers = (signal.SIGINT, signal.SIGTERM)

    def handle(number, frame) -> None:
        came.append(number)
        for again in numbers:
            signal.signal(again, signal.default_int_handler)

    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
