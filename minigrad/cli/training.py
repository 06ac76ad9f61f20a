"""How `minigrad train` and `minigrad resume` report a run, and end it when a signal comes.

What is printed on stdout depends on the command and the seed alone, never on time or terminal.
"""

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator

import click
import numpy as np

from .. import __version__, nn, training
from ..text import counted, printable
from ..training import Epoch
from .options import as_text
from .results import result_fields, result_tables
from .shell import INTERRUPTED, end_now, event, handling, on_terminal, progress_bar, remark

# ---- the report: results on stdout, progress on stderr -------------------------------------------

BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
SCALED = {
    "standard": "standardised by the mean and deviation of the training rows",
    "minmax": "scaled from 0 to 1 by the range of the training rows",
    "none": "as they are",
}


class Report:
    """Writes a run for a person or, with --json, for a program."""

    def __init__(self, *, as_json: bool, quiet: bool, verbose: bool):
        self.as_json, self.quiet, self.verbose = as_json, quiet, verbose
        self._bar = None

    def start(self, experiment: training.Experiment) -> None:
        """Print the data, the split, the options and the model; start the bar, if there is one."""
        if self.verbose:
            python = sys.version.split()[0]
            remark(f"minigrad {__version__}, NumPy {np.__version__}, Python {python}")
        if not self.quiet:
            self._describe(experiment)
        self.epochs, done = experiment.options["epochs"], len(experiment.trainer.history)
        self._started = time.perf_counter()
        if not self.quiet and on_terminal():
            self._bar = progress_bar(total=self.epochs, initial=done, bar_format=BAR)

    def _describe(self, experiment: training.Experiment) -> None:
        dataset, model = experiment.dataset, experiment.trainer.model
        about = experiment.about["data"]
        options = {name: experiment.options[name] for name in experiment.about["options"]}
        if self.as_json:
            fields = {name: about[name] for name in ("rows", "features", "classes", "split")}
            parameters = sum(p.size for p in model.parameters())
            event("run", data=about["name"], **fields, options=options, parameters=parameters)
            return
        classes = ", ".join(map(printable, dataset.class_names))
        click.echo(
            f"{dataset.name}: {counted(len(dataset), 'row')}, "
            f"{counted(len(dataset.feature_names), 'feature')}, "
            f"{counted(len(dataset.class_names), 'class')} ({classes})"
        )
        sizes = ", ".join(f"{count} {part}" for part, count in about["split"].items())
        click.echo(f"split: {sizes} rows; stratified, seed {options['seed']}")
        for note in dataset.notes:
            click.echo(note)
        click.echo(f"features: {SCALED[options['scale']]}")
        click.echo(f"options: {', '.join(_option(*i) for i in options.items() if _shown(*i))}")
        if own := experiment.own_options:
            defaults = ", ".join(_option(*item) for item in own.items())
            click.echo(f"defaults for {dataset.name}: {defaults}")
        click.echo()
        click.echo(nn.summary(model, dataset.x.shape[1:]) + "\n")

    def epoch(self, epoch: Epoch) -> None:
        """Print an epoch, or move the bar."""
        if self.as_json and not self.quiet:
            # Not on the line of the bar.
            with self._bar.external_write_mode() if self._bar else contextlib.nullcontext():
                event("epoch", **epoch._asdict())
        line = f"epoch {epoch.epoch}/{self.epochs}  {_numbers(epoch)}"
        if self._bar:
            self._bar.set_postfix_str(_short(epoch), refresh=False)
            self._bar.update()
            if self.verbose:
                self._bar.write(line, file=sys.stderr)
        elif not self.quiet:
            remark(line)

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()

    def result(self, experiment: training.Experiment, result: training.Result) -> None:
        """Print how the model does on the test rows, and which epoch its weights are from."""
        if self.verbose:
            remark(f"trained in {time.perf_counter() - self._started:.2f} s")
        if result.folder is not None and not self.quiet:
            # On stderr, because the number in its name differs from run to run.
            remark(f"wrote {click.format_filename(result.folder)}")
        test, trained, best = result.test, len(result.history), experiment.trainer.best
        names = experiment.dataset.class_names
        if self.as_json:
            counts = {"epoch": result.epoch, "epochs": trained}
            fields = {**counts, **result_fields(names, test.confusion)}
            event("result", test_accuracy=test.accuracy, test_loss=test.loss, **fields)
            return
        hits, rows = np.trace(test.confusion), test.confusion.sum()
        click.echo(
            f"test accuracy {test.accuracy:.2%} ({hits} of {counted(rows, 'row')}), "
            f"loss {test.loss:.4f}, "
            f"epoch {result.epoch} of {trained}"
        )
        if self.quiet:
            return
        click.echo("\n" + result_tables(names, test.confusion))
        why = f"its validation loss, {best.val_loss:.4f}, is the lowest" if best else "the last"
        patience = experiment.options["patience"]
        stopped = "" if trained == self.epochs else f"; stopped by patience {patience}"
        click.echo(f"\nthe weights are those of epoch {result.epoch} of {trained}: {why}{stopped}")


# Not in the line of options: those printed elsewhere, and those that change nothing.
ELSEWHERE = ("seed", "scale", "header", "checkpoint_every")
NEUTRAL = {"schedule": "constant", "warmup": 0.0, "accumulate": 1, "missing": "error"}


def _shown(name: str, value) -> bool:
    """Return whether an option is printed."""
    unset = value is None or value is False or (value == () and name != "hidden")
    return not unset and name not in ELSEWHERE and value != NEUTRAL.get(name)


def _option(name: str, value) -> str:
    """Return "batch size 32" for ("batch_size", 32)."""
    name = name.replace("_", " ")
    return name if value is True else f"{name} {as_text(value)}"


def _numbers(epoch: Epoch) -> str:
    text = f"loss {epoch.train_loss:.4f}  accuracy {epoch.train_accuracy:.2%}"
    if epoch.val_loss is not None:
        text += f"  val loss {epoch.val_loss:.4f}  val accuracy {epoch.val_accuracy:.2%}"
    return text


def _short(epoch: Epoch) -> str:
    """Return the numbers of an epoch that fit beside a bar in 80 columns."""
    text = f"loss {epoch.train_loss:.4f}, train {epoch.train_accuracy:.2%}"
    return text if epoch.val_accuracy is None else f"{text}, val {epoch.val_accuracy:.2%}"


# ---- train and resume ----------------------------------------------------------------------------


def run(source: str, given: dict, origins: dict, **printing: bool) -> None:
    """Train from the start with the options that were given."""
    _train(training.Experiment(source, origins=origins, **given), Report(**printing))


def resume(folder: str, epochs: int | None, **printing: bool) -> None:
    """Continue a run from its last checkpoint to its end, or to `epochs`."""
    _train(training.Experiment.resume(folder, epochs), Report(**printing))


def _train(experiment: training.Experiment, report: Report) -> None:
    """Train to the end, or until a signal comes, and report it."""
    try:
        with interruptible() as asked, contextlib.closing(report):
            result = experiment.run(
                report.epoch, on_start=lambda: report.start(experiment), should_stop=asked
            )
    except training.Stopped:
        after = f"Interrupted after step {experiment.trainer.optimizer.steps}"
        if experiment.folder is None:
            remark(f"{after}; nothing was saved.")
        else:
            folder = click.format_filename(experiment.folder)
            remark(f"{after}. Continue with: minigrad resume {folder}")
        click.get_current_context().exit(INTERRUPTED)
    report.result(experiment, result)


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether Ctrl-C or SIGTERM came; a second one stops at once."""
    came = []
    numbers = (signal.SIGINT, signal.SIGTERM)

    def handle(number, frame) -> None:
        came.append(number)
        for again in numbers:
            if signal.getsignal(again) is handle:
                signal.signal(again, end_now)

    with handling(handle, *numbers):
        yield lambda: bool(came)
