"""What `minigrad train` and `minigrad resume` do, in order, and how it is reported.

What stands on stdout depends on the command and the seed alone, never on time or terminal.
"""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import click
import numpy as np

from .. import __version__, nn, optim, training
from .. import data as sets
from ..data import BUILTIN, Dataset
from ..errors import ArgumentError, DataError, DivergedError, message, warn_once
from ..text import printable
from ..training import Epoch, Evaluation, Trainer, runs
from ..training.architecture import difference
from ..training.runs import READING
from .results import result_fields, result_tables
from .shell import INTERRUPTED, event, on_terminal, remark

# ---- the data, the network and the run that the options describe ---------------------------------


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
    if other := difference(saved.architecture, mine.architecture):
        raise ArgumentError(
            "--init-from",
            f"the network of {path} is another one",
            "layer {}, here {}".format(*other),
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
