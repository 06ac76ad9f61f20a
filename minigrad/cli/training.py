"""How `minigrad train` and `minigrad resume` report a run, and end it when a signal comes.

What is printed on stdout depends on the command and the seed alone, never on time; only tables that
are wider than a terminal depend on its width.
"""

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice

import click
import numpy as np

from .. import __version__, nn, training
from ..data.files import OnRead
from ..text import counted, printable
from ..training import Epoch
from .options import as_text
from .results import (
    as_loss,
    constant_answer,
    constant_fields,
    result_fields,
    result_tables,
    share_of_hits,
)
from .shell import (
    INTERRUPTED,
    as_typed,
    end_now,
    event,
    handling,
    on_terminal,
    progress_bar,
    remark,
)

# ---- the report: results on stdout, progress on stderr -------------------------------------------

BAR = "{percentage:3.0f}%|{bar}| {desc}[{elapsed}<{remaining}{postfix}]"
DELAY = 0.5  # seconds, after which reading a file shows a bar
NARROWEST = len("100%| | [00:00<00:00, ]")  # columns of a bar without its numbers
MOST_CLASSES = 20  # in the line that counts them
SCALED = {
    "asinh": "standardised by the mean and deviation of the training rows, then asinh",
    "standard": "standardised by the mean and deviation of the training rows",
    "minmax": "scaled from 0 to 1 by the range of the training rows",
    "none": "as they are",
}


class Report:
    """Writes a run for a person or, with --json, for a program."""

    def __init__(self, *, as_json: bool, quiet: bool, verbose: bool):
        self.as_json, self.quiet, self.verbose = as_json, quiet, verbose
        self._bar = None
        self._started = 0.0

    @contextlib.contextmanager
    def reading(self) -> Iterator[OnRead | None]:
        """Yield what shows a bar while a large file is read, None if nothing shall be shown."""
        if self.quiet or not on_terminal():
            yield None
            return
        options = {"unit": "B", "unit_scale": True, "delay": DELAY, "leave": False}
        bar = progress_bar(0, desc="reading", **options)

        def show(done: int, size: int) -> None:
            bar.total = max(size, done)
            bar.update(done - bar.n)

        with contextlib.closing(bar):
            yield show

    def describe(self, experiment: training.Experiment) -> None:
        """Print the data, the split, the options and the model."""
        if self.verbose:
            python = sys.version.split()[0]
            remark(f"minigrad {__version__}, NumPy {np.__version__}, Python {python}")
        if not self.quiet:
            self._describe(experiment)

    def start(self, experiment: training.Experiment) -> None:
        """Start the bar over the steps, if there is one."""
        trainer = experiment.trainer
        self.epochs, done = experiment.options["epochs"], len(trainer.history)
        self._started = time.perf_counter()
        if not self.quiet and on_terminal():
            taken = trainer.steps * done + trainer.sums.steps
            text = f"{done}/{self.epochs} "
            self._bar = progress_bar(
                trainer.steps * self.epochs, initial=taken, bar_format=BAR, desc=text
            )

    # ---- the folds of a cross-validation

    def start_folds(self, experiment: training.Experiment) -> None:
        """Start the bar over the folds, if there is one."""
        self._folds = 0, experiment.options["folds"]
        if not self.quiet and on_terminal():
            self._bar = progress_bar(self._folds[1], unit="fold", desc="folds")

    def fold(self, fold: dict[str, float]) -> None:
        """Print a fold, or move the bar."""
        number, count = self._folds = self._folds[0] + 1, self._folds[1]
        if self.as_json and not self.quiet:
            with self._above_the_bar():
                event("fold", fold=number, **fold)
        if self._bar:
            self._bar.update()
        elif not self.quiet:
            numbers = f"accuracy {fold['accuracy']:.2%}  log loss {as_loss(fold['log_loss'])}"
            remark(f"fold {number}/{count}  {numbers}")

    def end_folds(self, experiment: training.Experiment) -> None:
        """End the bar, and print the mean and the standard deviation over the folds."""
        self.close()
        folds = experiment.about["folds"]
        columns = {name: [fold[name] for fold in folds] for name in folds[0]}
        mean = {name: float(np.mean(column)) for name, column in columns.items()}
        deviation = {name: float(np.std(column, ddof=1)) for name, column in columns.items()}
        if self.as_json:
            event("folds", folds=folds, mean=mean, deviation=deviation)
            return
        accuracy = f"accuracy {mean['accuracy']:.2%} ± {100 * deviation['accuracy']:.2f}"
        loss = f"log loss {as_loss(mean['log_loss'])} ± {as_loss(deviation['log_loss'])}"
        click.echo(f"{len(folds)} folds: {accuracy}, {loss} (mean ± standard deviation)")

    # ---- the run

    def _describe(self, experiment: training.Experiment) -> None:
        dataset, model = experiment.dataset, experiment.trainer.model
        about, classes = experiment.about["data"], dataset.class_names
        counts = np.bincount(dataset.y, minlength=len(classes))
        options = {name: experiment.options[name] for name in experiment.about["options"]}
        if options["test"] is not None:
            del options["test_fraction"]
        if self.as_json:
            fields = {name: about[name] for name in ("rows", "features", "classes", "split")}
            fields |= {"counts": counts.tolist(), **constant_fields(classes, counts)}
            parameters = sum(p.size for p in model.parameters())
            event("run", data=about["name"], **fields, options=options, parameters=parameters)
            return
        click.echo(
            f"{dataset.name}: {counted(len(dataset), 'row')}, "
            f"{counted(len(dataset.feature_names), 'feature')}, "
            f"{counted(len(classes), 'class')}"
        )
        pairs = zip(map(printable, classes), counts, strict=True)
        listing = ", ".join(f"{name} {count}" for name, count in islice(pairs, MOST_CLASSES))
        more = len(counts) - MOST_CLASSES
        listing += f" and {more} more" if more > 0 else ""
        click.echo(f"classes: {listing}; {constant_answer(classes, counts)}")
        sizes = ", ".join(f"{count} {part}" for part, count in about["split"].items())
        click.echo(f"split: {sizes} rows; stratified, seed {options['seed']}")
        for note in dataset.notes:
            click.echo(as_typed(note))
        alike = ", all pixels alike" if experiment.treats_pixels_alike else ""
        click.echo(f"features: {SCALED[options['scale']]}{alike}")
        click.echo(f"options: {', '.join(as_option(*i) for i in options.items() if _shown(*i))}")
        click.echo()
        click.echo(nn.summary(model, dataset.x.shape[1:]) + "\n")

    def epoch(self, epoch: Epoch) -> None:
        """Print an epoch, or move the bar."""
        if self.as_json and not self.quiet:
            with self._above_the_bar():
                event("epoch", **epoch._asdict())
        line = f"epoch {epoch.epoch}/{self.epochs}  {_numbers(epoch)}"
        if self._bar:
            done = f"{epoch.epoch}/{self.epochs} "
            room = self._bar.dynamic_ncols()[0] - len(done) - NARROWEST
            self._bar.set_description_str(done, refresh=False)
            self._bar.set_postfix_str(_short(epoch, room), refresh=False)
            if self.verbose:
                self._bar.write(line, file=sys.stderr)
        elif not self.quiet:
            remark(line)

    def step(self) -> None:
        """Move the bar over the steps."""
        if self._bar and self._started:
            self._bar.update()

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()

    def _above_the_bar(self) -> contextlib.AbstractContextManager:
        """Return a context in which stdout does not write on the line of the bar."""
        return self._bar.external_write_mode() if self._bar else contextlib.nullcontext()

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
            fields = {**counts, **(result_fields(names, test.counts) if test else {})}
            accuracy, loss = (test.accuracy, test.loss) if test else (None, None)
            if not test:
                kind, *numbers = _best_known(result)
                fields |= {f"{kind}_accuracy": numbers[0], f"{kind}_loss": numbers[1]}
            fields |= {"folds": result.folds} if result.folds else {}
            event("result", test_accuracy=accuracy, test_loss=loss, **fields)
            return
        of = f"epoch {result.epoch} of {trained}"
        if test:
            share = share_of_hits(names, test.counts)
            click.echo(f"test accuracy {share}, loss {as_loss(test.loss)}, {of}")
        else:
            kind, accuracy, loss = _best_known(result)
            click.echo(f"no test rows; {kind} accuracy {accuracy:.2%}, loss {as_loss(loss)}, {of}")
        if self.quiet:
            return
        if test:
            click.echo("\n" + result_tables(names, test.counts))
        why = "the last"
        if best:
            lowest = result.history.lowest.val_loss
            why = f"its validation loss, {as_loss(best.val_loss)}, is the lowest"
            if best.val_loss > lowest:
                why = f"the last whose validation loss, {as_loss(best.val_loss)}, is within 5 % of "
                why += f"the lowest, {as_loss(lowest)}"
        patience = experiment.options["patience"]
        stopped = "" if trained == self.epochs else f"; stopped by patience {patience}"
        click.echo(f"\nthe weights are those of epoch {result.epoch} of {trained}: {why}{stopped}")


# Not in the line of options: those printed elsewhere, and those that change nothing.
ELSEWHERE = ("seed", "scale", "header", "checkpoint_every")
NEUTRAL = {
    **{"arch": "mlp", "optimizer": "sgd", "augment": "none"},
    **{"warmup": 0.0, "accumulate": 1, "missing": "mean", "rare": "error"},
}


def _shown(name: str, value) -> bool:
    """Return whether an option is printed in the line of options."""
    return is_told(name, value) and name not in ELSEWHERE


def is_told(name: str, value) -> bool:
    """Return whether an option is set to more than what changes nothing."""
    unset = value is None or value is False or (value == () and name != "hidden")
    return not unset and value != NEUTRAL.get(name)


def as_option(name: str, value) -> str:
    """Return "batch size 32" for ("batch_size", 32)."""
    name = name.replace("_", " ")
    return name if value is True else f"{name} {as_text(value)}"


def _numbers(epoch: Epoch) -> str:
    text = f"loss {as_loss(epoch.train_loss)}  accuracy {epoch.train_accuracy:.2%}"
    if epoch.val_loss is not None:
        text += f"  val loss {as_loss(epoch.val_loss)}  val accuracy {epoch.val_accuracy:.2%}"
    return text


def _best_known(result: training.Result) -> tuple[str, float, float]:
    """Return "validation" or "training", and accuracy and loss on these rows; there was no test."""
    epoch = result.history[result.epoch - 1]
    if epoch.val_accuracy is None or epoch.val_loss is None:
        return "training", epoch.train_accuracy, epoch.train_loss
    return "validation", epoch.val_accuracy, epoch.val_loss


def _short(epoch: Epoch, room: int) -> str:
    """Return the numbers of an epoch that fit into so many columns beside a bar."""
    parts = [f"loss {as_loss(epoch.train_loss)}", f"train {epoch.train_accuracy:.2%}"]
    parts += [] if epoch.val_accuracy is None else [f"val {epoch.val_accuracy:.2%}"]
    texts = ", ".join(parts), f"{parts[0]}, {parts[-1]}", parts[0]
    # A time above an hour needs two columns more than NARROWEST has for it.
    return next((text for text in texts if len(text) <= room - 2 * ("," in text)), "")


# ---- train and resume ----------------------------------------------------------------------------


def run(source: str, given: dict, origins: dict, **printing: bool) -> None:
    """Train from the start with the options that were given."""
    report = Report(**printing)
    with report.reading() as on_read:
        experiment = training.Experiment(source, origins=origins, on_read=on_read, **given)
    _train(experiment, report)


def resume(folder: str, epochs: int | None, **printing: bool) -> None:
    """Continue a run from its last checkpoint to its end, or to `epochs`."""
    report = Report(**printing)
    with report.reading() as on_read:
        experiment = training.Experiment.resume(folder, epochs, on_read)
    _train(experiment, report)


def _train(experiment: training.Experiment, report: Report) -> None:
    """Train to the end, or until a signal comes, and report it."""
    folds = experiment.options["folds"] and experiment.folder is None

    def on_start() -> None:
        (report.end_folds if folds else report.describe)(experiment)
        report.start(experiment)

    try:
        with interruptible() as asked, contextlib.closing(report):

            def should_stop() -> bool:
                report.step()
                return asked()

            if folds:
                report.describe(experiment)
                report.start_folds(experiment)
            hooks = {"on_start": on_start, "on_fold": report.fold, "should_stop": should_stop}
            result = experiment.run(report.epoch, **hooks)
    except training.Stopped as stopped:
        where = stopped.args[0] if stopped.args else None
        after = f"Interrupted {where or f'after step {experiment.trainer.optimizer.steps}'}"
        if experiment.folder is None:
            remark(f"{after}; nothing was saved.")
        else:
            folder = click.format_filename(experiment.folder)
            again = " < FILE" if "-" in (experiment.source, experiment.options["test"]) else ""
            remark(f"{after}. Continue with: minigrad resume {folder}{again}")
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
