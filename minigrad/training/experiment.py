"""One call to train a classifier on a data set and record the run, and one to resume it.

`minigrad train` and `minigrad resume` add a terminal to it.
"""

import contextlib
import copy
import hashlib
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np

from .. import __version__, nn, optim
from ..data import BUILTIN, Dataset, Scaling, shifted
from ..data.files import OnRead, check_path
from ..errors import ArgumentError, DataError, DivergedError, warn_once
from ..settings import SETTINGS, WITHOUT_EFFECT, by_size, checked, with_defaults
from ..text import counted, kind_of, printable
from . import headers, run_data, run_folder
from .architecture import describe, difference
from .checks import warn_of_one_answer, warn_of_the_first_epoch
from .classifier import Classifier
from .classifier import load as load_model
from .folds import cross_validate
from .headers import SAVING
from .history import Epoch, History
from .loop import Evaluation, evaluate
from .metrics import Confusion, packed
from .run_folder import Recorder
from .trainer import Augment, Stopped, Trainer
from .weights import balanced_weights, named_weights

OF_TRAINER = ("epochs", "batch_size", "accumulate", "clip_grad", "schedule", "warmup", "patience")
OPTIMIZERS: dict[str, type[optim.Optimizer]] = {
    "sgd": optim.SGD,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "rmsprop": optim.RMSprop,
}
OF_OPTIMIZER = {"lr", "weight_decay", "momentum", "nesterov"}
LARGE_IMAGE = 16  # pixels


class Result(NamedTuple):
    """What came out of a run.

    Attributes:
        test: loss, accuracy and confusion matrix on the test rows; None if there are none.
        epoch: the epoch that the weights are from: the best one, or the last without validation.
        history: the epochs of the run.
        classifier: the model with these weights, as best.npz holds it.
        folder: the run folder; None if nothing was saved.
        folds: what each fold gave, with the option `folds`: its accuracy and log loss.
    """

    test: Evaluation | None
    epoch: int
    history: History
    classifier: Classifier
    folder: str | None
    folds: list[dict[str, float]] | None = None


def choose_options(
    given: dict, origins: dict[str, str] | None = None
) -> tuple[dict, dict[str, str]]:
    """Return the options of a run: the given ones, and the defaults that go with them.

    Args:
        given: options by name, see `minigrad.settings`; None is as if it were not given.
        origins: where the given options come from, if not from a call.

    Returns:
        the value of every option, None for a default that goes by the data; every option's origin.

    Raises:
        ArgumentError: if an option is unknown, has a value that it cannot have, or two options
            exclude each other.
    """
    given = {name: checked(name, value) for name, value in given.items() if value is not None}
    values = with_defaults(given)
    if values["arch"] == "cnn" and not values["conv"]:
        wrong = "arch='cnn' has no convolutions"
        raise ArgumentError("train", wrong, "conv=[]", "give conv=[16, 32], or arch='mlp'")
    if values["batch_norm"] and not values["conv"] and values["hidden"] == ():
        wrong, remedy = "batch_norm=True has no layer to normalise", "give hidden=[128]"
        raise ArgumentError("train", wrong, "there are no hidden layers", remedy)
    if values["batch_norm"] and values["hidden"] != () and values["batch_size"] == 1:
        wrong, facts = "batch_norm=True has nothing to compare a row with", "batch_size=1"
        raise ArgumentError("train", wrong, facts, "give batch_size=32")
    for name in ("out", "checkpoint_every"):
        if values["no_save"] and values[name] is not None:
            wrong = f"no_save=True and {name}={values[name]!r} exclude each other"
            raise ArgumentError("train", wrong, "both are given", "give one of them")
    if values["test"] is not None and values["test_fraction"] != SETTINGS["test_fraction"].default:
        wrong = "test and test_fraction exclude each other"
        facts = f"test={values['test']!r}, test_fraction={values['test_fraction']}"
        raise ArgumentError("train", wrong, facts, "give one of them")
    if values["overwrite"] and values["out"] is None:
        wrong = "overwrite=True needs the folder to overwrite"
        raise ArgumentError("train", wrong, "out is not given", "give it as out=DIR")
    found = dict.fromkeys(SETTINGS, "default")
    found |= {name: (origins or {}).get(name, "given") for name in given}
    return values, found


def make_optimizer(model: nn.Module, options: dict[str, Any]) -> optim.Optimizer:
    """Return the optimizer that the options of a run choose, with those of them that it takes."""
    name = options["optimizer"]
    names = OF_OPTIMIZER.difference(WITHOUT_EFFECT["optimizer"][name])
    return OPTIMIZERS[name](model.parameters(), **{name: options[name] for name in names})


class Experiment:
    """A training run on one data set: everything before the first step, and `run`.

        Experiment("my.csv", hidden=[64], epochs=30, out="runs/flowers").run()
        Experiment.resume("runs/flowers", epochs=60).run()

    It loads the data, splits off validation and test rows, scales by the training rows, and builds
    the network, its loss and its Trainer. The same options give the same bytes.

    Args:
        data: the name of a built-in set or the path of a file or folder, as for `data.load`.
        origins: where the given options come from, for run.json.
        on_read: called while a file of text is read, see `data.load`.
        options: those of `minigrad train`, under the same names and with the same defaults: see
            `minigrad.settings.SETTINGS`. None is as if it were not given.

    Attributes:
        source: the name or path of the data.
        options: the value of every option.
        dataset: the data, unscaled and not split.
        train, val, test: its parts, scaled.
        scaling: what was done to their features.
        trainer: the run, with its model, loss, optimizer and history.
        about: what the files say of the run's data, options and versions.
        folder: the run folder, once `run` has made it.

    Raises:
        ArgumentError: if an option is unknown, has a value that it cannot have, or does not go
            with another one.
        DataError: if the data, or the model to start from, cannot be used.
    """

    def __init__(
        self,
        data: str | os.PathLike = "digits",
        *,
        origins: dict[str, str] | None = None,
        on_read: OnRead | None = None,
        **options: Any,
    ):
        if not isinstance(data, (str, os.PathLike)):
            wrong, facts = "data is not a name or a path", f"it is {kind_of(data)}"
            remedy = "give the name of a built-in set, or the path of a file or folder"
            raise ArgumentError("Experiment", wrong, facts, remedy)
        # A path is never the name of a built-in set.
        source = data if isinstance(data, str) else os.path.join(os.curdir, data)
        self.source = source
        self.options, where = choose_options(options, origins)
        rng = np.random.default_rng(self.options["seed"])
        self.dataset = run_data.read_data(source, self.options, on_read)
        self._check_image()
        if self.options["scale"] is None:
            of_a_file = self.image is not None and source not in BUILTIN
            self.options["scale"] = "minmax" if of_a_file else "asinh"
        self._prepare(run_data.divide(self.dataset, self.options, rng), rng)
        if self.options["init_from"]:
            self._init_from(self.options["init_from"])
        self.about = self._describe(source, where)
        self.folder: str | None = None
        self._known: str | None = None  # the state in last.npz

    def _prepare(self, parts: tuple[Dataset, Dataset, Dataset], rng: np.random.Generator) -> None:
        """Set up all that a run on these parts of the data needs, from the scaling on."""
        for name, value in by_size(len(parts[0]), parts[0].x.shape[1]).items():
            if self.options[name] is None:
                self.options[name] = value
        alike = self.image[0] if self.treats_pixels_alike else None
        self.scaling = Scaling.fit(parts[0], self.options["scale"], channels=alike)
        self.train, self.val, self.test = map(self.scaling.apply, parts)
        model, loss = self._network(rng)
        self.trainer = Trainer(
            model,
            self.train,
            self.val,
            loss=loss,
            optimizer=make_optimizer(model, self.options),
            augment=self._augment(),
            rng=rng,
            **self._only(OF_TRAINER),
        )
        # Its model is a copy: the trainer keeps training its own.
        self._classifier = Classifier(copy.deepcopy(model), self.dataset.schema, self.scaling)

    def on_parts(self, parts: tuple[Dataset, Dataset, Dataset], rng: np.random.Generator) -> Self:
        """Return the same experiment on other parts of the data, unscaled; it is not recorded."""
        other = copy.copy(self)
        other.options = {**self.options, "no_save": True, "folds": None}
        other._prepare(parts, rng)
        if self.options["init_from"]:
            other._init_from(self.options["init_from"])
        return other

    @classmethod
    def resume(
        cls, folder: str | os.PathLike, epochs: int | None = None, on_read: OnRead | None = None
    ) -> Self:
        """Return the experiment of a run folder at its last checkpoint; `run` continues from there.

        It ends in the same bytes as a run that was never stopped. With another number of epochs,
        the steps to come have the learning rates of a run of that many epochs. It looks for the
        data at its old path, then under the name that was given.

        Args:
            folder: the run folder.
            epochs: train until there are this many epochs in all; None keeps their number.
            on_read: called while a file of text is read, see `data.load`.

        Raises:
            DataError: if the folder is not a run or is damaged, the data is gone or has changed, or
                the run began with another version of minigrad or NumPy, or other options.
            ArgumentError: if the run has trained more epochs than that.
        """
        check_path("resume", folder)
        folder = os.fspath(folder)
        with run_folder.locked(folder):
            header, arrays = run_folder.read_checkpoint(folder)
        names = [name.removesuffix("?") for name in headers.ABOUT]
        about = {name: header[name] for name in names if name in header}
        _check_versions(folder, about["versions"])
        _check_kernel(folder, about.get("kernel"))
        _check_options(folder, about["options"])
        if epochs is not None:
            epochs = checked("epochs", epochs, default="as many as at first")
            done = len(header["state"]["history"])
            if epochs < done:
                wrong = f"epochs={epochs} is less than the run has already trained"
                raise ArgumentError(folder, wrong, counted(done, "epoch"), "give more")
            about["options"]["epochs"], about["origins"]["epochs"] = epochs, "resume"
        source, test = run_data.find(about, folder)
        options = {**about["options"], "init_from": None, "test": test}
        piped = "-" in (source, test)
        if piped and sys.stdin is not None and sys.stdin.isatty():
            raise _not_piped(folder, "is a terminal")
        try:
            experiment = cls(source, on_read=on_read, **options)
        except DataError as error:
            if not piped:
                raise
            raise _not_piped(folder, error.args[1]) from error
        run_data.check_data(source, test, experiment.about["data"], about["data"])
        experiment.options |= {name: about["options"].get(name) for name in ("init_from", "test")}
        experiment.about, experiment.folder = about, folder
        experiment._known = json.dumps(header["state"])
        if header["architecture"] != describe(experiment.trainer.model):
            wrong = "its network is not the one that its options and data make"
            remedy = headers.COPY
            raise DataError(os.path.join(folder, run_folder.LAST), wrong, "architecture", remedy)
        experiment.trainer.load_state(header["state"], arrays)
        return experiment

    def run(
        self,
        on_epoch: Callable[[Epoch], None] = lambda epoch: None,
        *,
        on_start: Callable[[], None] = lambda: None,
        on_fold: Callable[[dict[str, float]], None] = lambda fold: None,
        should_stop: Callable[[], bool] = lambda: False,
        progress: bool = False,
    ) -> Result:
        """Train to the end, record the run, test the best weights and return the Result.

        With the option `folds`, the data is cross-validated first, before anything is saved. After
        an exception, such as the one of Ctrl-C, the run can be resumed.

        Args:
            on_epoch: called with each Epoch at its end.
            on_start: called before the first step, when the folder exists.
            on_fold: called with the accuracy and the log loss of each fold at its end.
            should_stop: called after each step; if it returns True, the run stops.
            progress: whether to show a bar over the steps, in a notebook as a widget.

        Raises:
            ArgumentError: if one of the functions is not one.
            DataError: if the folder cannot be made, is not empty, or a file cannot be written.
            DivergedError: as `Trainer.run`.
            Stopped: if `should_stop` returned True.
        """
        hooks = {"on_epoch": on_epoch, "on_start": on_start, "on_fold": on_fold}
        _check_functions(hooks | {"should_stop": should_stop})
        if self.options["folds"] and self.folder is None:
            if not self.options["no_save"]:
                run_folder.check_new(self.options["out"], self.options["overwrite"])
            self.about["folds"] = cross_validate(self, on_fold, should_stop, progress)
        with self._recorder() as recorder:
            on_start()
            self._train(recorder, on_epoch, should_stop, progress)
            if recorder:
                recorder.checkpoint(best=False)
            return self._finish(recorder)

    def _train(
        self,
        recorder: run_folder.Recorder | None,
        on_epoch: Callable[[Epoch], None],
        should_stop: Callable[[], bool],
        progress: bool,
    ) -> None:
        """Run the trainer to its end, with a checkpoint now and then."""

        def step() -> None:
            if recorder:
                recorder.on_step()
            if should_stop():
                raise Stopped

        def epoch(epoch: Epoch) -> None:
            on_epoch(epoch)
            if recorder:
                recorder.on_epoch()

        try:
            self.trainer.run(epoch, step, progress=progress)
        except Stopped:
            if recorder:
                recorder.checkpoint()
            raise
        except DivergedError as error:
            if self.folder is None:
                raise
            *parts, remedy = error.args
            kept = f"the run up to there is in {printable(self.folder)}"
            raise DivergedError(*parts, f"{remedy}; {kept}") from error

    def _finish(self, recorder: run_folder.Recorder | None) -> Result:
        """Test the best weights, and record what was found."""
        classifier = self.best()
        rows = next(part for part in (self.test, self.val, self.train) if len(part))
        found = evaluate(classifier.model, rows, loss=self.trainer.loss)
        self._warn(found.counts)
        test = found if len(self.test) else None
        if test:
            classifier.training["results"] = {
                "test_loss": test.loss,
                "test_accuracy": test.accuracy,
                "confusion": packed(test.counts),
            }
        if recorder:
            recorder.finish(classifier)
        epoch, history = classifier.training["epoch"], self.trainer.history
        return Result(test, epoch, history, classifier, self.folder, self.about.get("folds"))

    def _warn(self, confusion: Confusion) -> None:
        """Warn if the run has learned nothing that lasts."""
        best, history = self.trainer.best, self.trainer.history
        fresh = self.options["init_from"] is None
        if fresh and best is not None and best.epoch == 1 < len(history):
            warn_of_the_first_epoch(history, self.options["lr"])
        warn_of_one_answer(confusion, self.dataset.class_names)

    def best(self) -> Classifier:
        """Return the classifier of the best epoch so far, or of the last one without validation.

        Every call returns the same model, with its weights set again.
        """
        best, history = self.trainer.best, self.trainer.history
        state = best.state if best else self.trainer.model.state_dict()
        self._classifier.model.load_state_dict(state)
        epoch = history[best.epoch - 1 if best else -1]
        names = ("options", "data", "versions", "folds")
        training = {name: self.about[name] for name in names if name in self.about}
        training |= {"epoch": epoch.epoch, "epochs": len(history), "val_loss": epoch.val_loss}
        return replace(self._classifier, training={**training, "results": None})

    @property
    def image(self) -> tuple[int, int, int] | None:
        """The shape (C, H, W) of the images; None if the data is a table."""
        return self.dataset.schema.image if self.dataset.schema else None

    @property
    def treats_pixels_alike(self) -> bool:
        """Whether a pixel must mean the same at every place, so that all have one scale."""
        return self.options["arch"] == "cnn" or self.options["augment"] != "none"

    def _check_image(self) -> None:
        """Refuse options for images where the data is a table."""
        if self.image is None and self.treats_pixels_alike:
            name = "arch" if self.options["arch"] == "cnn" else "augment"
            wrong = f"{name}={self.options[name]!r} needs images, and the data is a table"
            facts = f"{self.dataset.name} has {counted(len(self.dataset.feature_names), 'feature')}"
            remedy = "give IDX files, or an .npz file whose x is (N, H, W) or (N, C, H, W)"
            raise ArgumentError("train", wrong, facts, remedy)

    def _augment(self) -> Augment | None:
        """Return what changes each batch that is trained on."""
        if self.options["augment"] == "none":
            return None
        most = 2 if min(self.image[1:]) >= LARGE_IMAGE else 1
        return lambda x, rng: shifted(x, self.image, most, rng=rng)

    def _only(self, names: Iterable[str]) -> dict:
        return {name: self.options[name] for name in names}

    def _network(self, rng: np.random.Generator) -> tuple[nn.Sequential, nn.CrossEntropy]:
        """Return a model and its loss for the columns and classes of the data."""
        features, classes = self.train.x.shape[1], len(self.train.class_names)
        options = {**self._only(("activation", "dropout", "batch_norm", "dtype")), "rng": rng}
        hidden, conv = self.options["hidden"], self.options["conv"]
        if conv:
            model = nn.cnn(self.image, conv, hidden, classes, **options)
        else:
            model = nn.mlp(features, hidden, classes, **options)
        weight = self.options["class_weight"]
        if weight == "balanced":
            weight = balanced_weights(self.train)
        elif weight is not None:
            weight = named_weights(weight, self.train.class_names)
        smoothing = self.options["label_smoothing"]
        return model, nn.CrossEntropy(weight=weight, label_smoothing=smoothing)

    def _init_from(self, path: str) -> None:
        """Give the model the parameters of a saved model with the same network."""
        saved, mine = load_model(path), self._classifier
        if other := difference(saved.architecture, mine.architecture):
            raise ArgumentError(
                "init_from",
                f"the network of {path} differs from that of this run",
                "{} there, {} here".format(*other),
                "give the same network, for data of as many features and classes",
            )
        names = [c.schema.feature_names + c.schema.class_names for c in (saved, mine)]
        other = next(((a, b) for a, b in zip(*names, strict=True) if a != b), None)
        if other:
            wrong = f"the weights of {path} were trained on other columns or classes"
            facts = f"{other[0]!r} there is {other[1]!r} here"
            warn_once("init_from", wrong, facts, "continue if that is intended")
        # Not by name: Dropout layers, which have no parameters, may shift the numbers.
        models = self.trainer.model, saved.model
        for a, b in zip(*[m.named_arrays().values() for m in models], strict=True):
            a[...] = b

    def _describe(self, source: str, origins: dict[str, str]) -> dict:
        """Return what the files of a run say of its data, options and versions."""
        dataset, test = self.dataset, self.options["test"]
        test_path = test and _path(test)
        options = {name: value for name, value in self.options.items() if name not in SAVING}
        return {
            "data": {
                "source": source,
                "name": dataset.name,
                **run_data.fingerprints(dataset),
                **({"test_path": test_path} if test_path else {}),
                "rows": len(dataset),
                "features": list(dataset.feature_names),
                "classes": list(dataset.class_names),
                **({"image": list(self.image)} if self.image else {}),
                "split": {
                    "training": len(self.train),
                    "validation": len(self.val),
                    "test": len(self.test),
                },
            },
            "options": options,
            "origins": {name: origins[name] for name in options},
            "path": _path(source),
            "versions": _versions(),
            "kernel": _kernel(),
        }

    @contextlib.contextmanager
    def _recorder(self):
        """Yield the Recorder of the run folder, which is made if it is new; None without saving."""
        if self.options["no_save"]:
            yield None
            return
        new = self.folder is None
        if new:
            name = self.about["data"]["name"]
            self.folder = run_folder.create(self.options["out"], name)
        every = self.options["checkpoint_every"]
        recorder = Recorder(self.folder, self.trainer, self.best, self.about, every)
        try:
            with recorder:
                if new:
                    recorder.start(self.options["overwrite"])
                else:
                    recorder.go_on(self._known)
                yield recorder
        finally:
            self._known = recorder.known


def _check_functions(calls: dict[str, Any]) -> None:
    for name, call in calls.items():
        if not callable(call):
            wrong, facts = f"{name} is not a function", f"it is {kind_of(call)}"
            raise ArgumentError("Experiment.run", wrong, facts, "give a function")


# ---- what a run needs to be resumed -------------------------------------------------------------


def _path(source: str) -> str | None:
    """Return the whole path of a file or folder, None for a built-in set and standard input."""
    return None if source in (*BUILTIN, "-") else os.path.abspath(source)


def _not_piped(folder: str, why: str) -> DataError:
    wrong = "data of the run came from standard input, where it is not now"
    remedy = f"pipe it there again: minigrad resume {folder} < FILE"
    return DataError(folder, wrong, f"standard input {why}", remedy)


def _versions() -> dict[str, str]:
    """Return the versions that a run's bytes depend on, and Python's."""
    python = ".".join(map(str, sys.version_info[:3]))
    return {"minigrad": __version__, "numpy": np.__version__, "python": python}


def _kernel() -> dict[str, str | None]:
    """Return a hash of how float32 products round here, and the names of BLAS's kernels if known.

    NumPy tells only what it was built for: OpenBLAS chooses its kernel by the processor.
    """
    x = (np.arange(96 * 130) * 7919 % 1009).reshape(96, 130).astype(np.float32) / 1009
    digest = hashlib.sha256()
    for rows, inner, columns in ((96, 130, 70), (32, 13, 10), (32, 64, 3)):
        digest.update(x[:rows, :inner].copy() @ x[-columns:, -inner:].T.copy())
    try:
        libraries = importlib.import_module("threadpoolctl").threadpool_info()
    except ImportError:
        libraries = []
    names = {str(lib["architecture"]) for lib in libraries if "architecture" in lib}
    return {"sha256": digest.hexdigest(), "name": ", ".join(sorted(names)) or None}


def _check_kernel(folder: str, then: dict | None) -> None:
    """Warn if products round in another way than where the run began."""
    now = _kernel()
    if then and then["sha256"] != now["sha256"]:
        wrong = "float32 products round in another way here than where the run began"
        names = [k["name"] or f"SHA-256 {k['sha256'][:12]}…" for k in (then, now)]
        remedy = "the bytes may differ from those of a run that stayed there"
        warn_once(folder, wrong, "kernel {} then, {} now".format(*names), remedy)


def _check_versions(folder: str, then: dict) -> None:
    """Refuse another minigrad or NumPy: the bytes would differ."""
    now = _versions()
    for name in ("minigrad", "numpy"):
        if then[name] != now[name]:
            wrong = f"the run began with another version of {name}"
            remedy = f"install {name}=={then[name]}, or start again with init_from=RUN"
            raise DataError(folder, wrong, f"{then[name]} at the start, {now[name]} now", remedy)


def _check_options(folder: str, options: dict) -> None:
    """Refuse options that were changed in run.json: those in last.npz are used."""
    try:
        changed = run_folder.read_run(folder).options
    except DataError:
        return  # run.json will be written again
    # An earlier resume may have written its epochs here, and no checkpoint after it.
    names = [n for n in options if n != "epochs" and changed.get(n) != options[n]]
    if names:
        wrong = "the options are not those that the run began with"
        facts = ", ".join(f"{n} {options[n]!r} at the start, {changed.get(n)!r} now" for n in names)
        remedy = "put them back, or start again with init_from=RUN"
        raise DataError(os.path.join(folder, run_folder.RUN), wrong, facts, remedy)
