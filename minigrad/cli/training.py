"""What `minigrad train` and `minigrad resume` do, in order, and how it is reported.

What stands on stdout depends on the command and the seed alone, never on time or terminal.
"""

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator

import click
import numpy as np

from .. import __version__, nn, training
from ..data import Dataset
from ..errors import DataError, DivergedError
from ..text import printable
from ..training import Epoch, Evaluation, Trainer, run_folder
from ..training.experiment import (
    Setup,
    check_epochs,
    check_run_json,
    check_versions,
    describe,
    set_up,
    start_from,
)
from .results import result_fields, result_tables
from .shell import INTERRUPTED, event, on_terminal, remark

# ---- the report: results on stdout, progress on stderr -------------------------------------------

BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
SCALED = {
    "standard": "standardised by the mean and deviation of the training rows",
    "minmax": "from 0 to 1 between the ends of the training rows",
    "none": "as they are",
}


class Report:
    """Writes a run for a person or, with --json, for a program."""

    def __init__(self, as_json: bool, quiet: bool, verbose: bool):
        self.as_json, self.quiet, self.verbose = as_json, quiet, verbose

    def start(
        self, dataset: Dataset, parts: tuple, options: dict, own: dict, model: nn.Module
    ) -> None:
        """Tell the data, the split, the options, which of them are the data's own, the model."""
        sizes = dict(zip(("training", "validation", "test"), map(len, parts), strict=True))
        if self.verbose:
            python = sys.version.split()[0]
            remark(f"minigrad {__version__}, NumPy {np.__version__}, Python {python}")
        if self.quiet:
            return
        if self.as_json:
            event(
                "run",
                data=dataset.name,
                rows=len(dataset),
                features=list(dataset.feature_names),
                classes=list(dataset.class_names),
                split=sizes,
                options=options,
                parameters=sum(p.size for p in model.parameters()),
            )
            return
        classes = ", ".join(map(printable, dataset.class_names))
        click.echo(
            f"{dataset.name}: {len(dataset)} rows, {len(dataset.feature_names)} features, "
            f"{len(dataset.class_names)} classes ({classes})"
        )
        split = ", ".join(f"{count} {part}" for part, count in sizes.items())
        click.echo(f"split: {split} rows; stratified, seed {options['seed']}")
        for note in dataset.notes:
            click.echo(note)
        click.echo(f"features: {SCALED[options['scale']]}")
        click.echo(f"options: {', '.join(_option(*i) for i in options.items() if _told(*i))}")
        if own:
            defaults = ", ".join(_option(*item) for item in own.items())
            click.echo(f"of these, own defaults of {dataset.name}: {defaults}")
        click.echo()
        click.echo(nn.summary(model, parts[0].x.shape[1:]) + "\n")

    @contextlib.contextmanager
    def progress(self, trainer: Trainer) -> Iterator[Callable[[Epoch], None]]:
        """Yield what to call after each epoch: it moves a bar or, without a terminal, prints."""
        epochs, done = trainer.epochs, len(trainer.history)
        bar = not self.quiet and on_terminal()
        started = time.perf_counter()
        shown, aside = contextlib.nullcontext(), contextlib.nullcontext
        if bar:
            from tqdm import tqdm  # no bar, no tqdm: an interrupt cannot meet it half made

            aside = tqdm.external_write_mode
            shown = tqdm(total=epochs, initial=done, bar_format=BAR, dynamic_ncols=True)
        with shown as meter:

            def on_epoch(epoch: Epoch) -> None:
                if self.as_json and not self.quiet:
                    with aside():  # not onto the bar's own line
                        event("epoch", **epoch._asdict())
                line = f"epoch {epoch.epoch}/{epochs}  {_numbers(epoch)}"
                if bar:
                    meter.set_postfix_str(_short(epoch), refresh=False)
                    meter.update()
                    if self.verbose:
                        meter.write(line, file=sys.stderr)
                elif not self.quiet:
                    remark(line)

            yield on_epoch
        if self.verbose:
            remark(f"trained in {time.perf_counter() - started:.2f} s")

    def saved(self, folder: str) -> None:
        """Tell where the run was written: on stderr, for its number differs from run to run."""
        if not self.quiet:
            remark(f"wrote {click.format_filename(folder)}")

    def result(self, names: tuple[str, ...], test: Evaluation, trainer: Trainer) -> None:
        """Tell how the model does on the test rows, and from which epoch its weights are."""
        trained, best = len(trainer.history), trainer.best
        epoch = best.epoch if best else trained
        if self.as_json:
            fields = {"epoch": epoch, "epochs": trained, **result_fields(names, test.confusion)}
            event("result", test_accuracy=test.accuracy, test_loss=test.loss, **fields)
            return
        hits, rows = np.trace(test.confusion), test.confusion.sum()
        click.echo(
            f"test accuracy {test.accuracy:.2%} ({hits} of {rows} rows), loss {test.loss:.4f}, "
            f"epoch {epoch} of {trained}"
        )
        if self.quiet:
            return
        click.echo("\n" + result_tables(names, test.confusion))
        why = f"its validation loss, {best.val_loss:.4f}, is the lowest" if best else "the last"
        stopped = "" if trained == trainer.epochs else f"; stopped by patience {trainer.patience}"
        click.echo(f"\nthe weights are those of epoch {epoch} of {trained}: {why}{stopped}")


# Not told: what is told elsewhere, and what is as if it were not there.
ELSEWHERE = ("seed", "scale", "header", "checkpoint_every")
NEUTRAL = {"schedule": "constant", "warmup": 0.0, "accumulate": 1, "missing": "error"}


def _told(name: str, value) -> bool:
    """Return whether an option is told."""
    unset = value is None or value is False or (value == () and name != "hidden")
    return not unset and name not in ELSEWHERE and value != NEUTRAL.get(name)


def _option(name: str, value) -> str:
    """Return "batch size 32" for ("batch_size", 32)."""
    text = ",".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)
    return name.replace("_", " ") if value is True else f"{name.replace('_', ' ')} {text}"


def _numbers(epoch: Epoch) -> str:
    text = f"loss {epoch.train_loss:.4f}  accuracy {epoch.train_accuracy:.2%}"
    if epoch.val_loss is not None:
        text += f"  val loss {epoch.val_loss:.4f}  val accuracy {epoch.val_accuracy:.2%}"
    return text


def _short(epoch: Epoch) -> str:
    """Return what still fits beside a bar of 80 columns."""
    text = f"loss {epoch.train_loss:.4f}, train {epoch.train_accuracy:.2%}"
    return text if epoch.val_accuracy is None else f"{text}, val {epoch.val_accuracy:.2%}"


# ---- train and resume ----------------------------------------------------------------------------

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
    path = run_folder.create(options["out"], about["data"]["name"], options["overwrite"])
    every = options["checkpoint_every"]
    with run_folder.Recorder(path, setup.trainer, setup.classifier, about, every) as recorder:
        recorder.start(options["overwrite"])
        report.start(setup.dataset, setup.parts, kept, own, setup.trainer.model)
        finish(setup, recorder, report)


def resume(path: str, epochs: int | None, *, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Go on with a run from its last checkpoint, to its end or to `epochs`."""
    report = Report(as_json, quiet, verbose)
    header, arrays = run_folder.read_checkpoint(path)
    about = {name: header[name] for name in ("data", "options", "origins", "path", "versions")}
    check_versions(path, about["versions"])
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in about["options"].items()}
    check_run_json(path, about["options"])
    if epochs is not None:
        done = len(header["state"]["history"])
        check_epochs(path, options, done, epochs)
        options["epochs"] = epochs
        about["options"]["epochs"], about["origins"]["epochs"] = epochs, "resume"
    source = run_folder.find_data(about)
    if source is None:
        remedy = "put it back where it was, then resume"
        raise DataError(path, "the data of the run is gone", about["path"], remedy)
    setup = set_up(source, options)
    found = run_folder.fingerprint(setup.dataset)
    if found != about["data"]["sha256"]:
        raise DataError(
            path,
            f"the data of {source} has changed since the run began",
            f"SHA-256 {found[:12]}…, then {about['data']['sha256'][:12]}…",
            "bring back the data of then, or start anew with minigrad train --init-from",
        )
    setup.trainer.load_state(header["state"], arrays)
    every = options["checkpoint_every"]
    with run_folder.Recorder(path, setup.trainer, setup.classifier, about, every) as recorder:
        recorder.go_on()
        report.start(setup.dataset, setup.parts, options, {}, setup.trainer.model)
        finish(setup, recorder, report)


class Interrupted(Exception):
    """Leaves the training loop after a step."""


def finish(setup: Setup, recorder: run_folder.Recorder | None, report: Report) -> None:
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


def stop(trainer: training.Trainer, recorder: run_folder.Recorder | None) -> None:
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
