"""The options of a training run: their defaults, what they can be, and what they do.

`training.Experiment` takes them as keywords, and `minigrad train` as options of the same names.
Nothing heavy is imported here, so that `--help` answers at once.
"""

import math
import os
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any, NamedTuple

from .errors import ArgumentError
from .nn import ACTIVATIONS
from .text import did_you_mean


class Setting(NamedTuple):
    """What one option of a run can be.

    Attributes:
        default: its value where neither the user nor the data set chooses one.
        kind: a key of KINDS; of each part where it is a list.
        help: what it does, in a sentence.
        least, above, below, most: the range of a number or of each part; None has no bound.
        choices: the strings that it can be; empty if any will do.
        many: whether it is a list.
        none: what None means, where that is the default: for those of CHOICES and `by_size`, the
            rule in words.
    """

    default: Any
    kind: str
    help: str
    least: float | None = None
    above: float | None = None
    below: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    many: bool = False
    none: str = "none"


# What a value of a kind is in Python, and how a message calls it.
KINDS: dict[str, tuple[Any, str]] = {
    "flag": (bool, "True or False"),
    "whole": (Integral, "a whole number"),
    "number": (Real, "a finite number"),
    "text": (str, "text"),
    "column": ((str, Integral), "the name or the index of a column"),
    "path": ((str, os.PathLike), "a path"),
}
CONVERT: dict[str, Callable] = {"whole": int, "number": float, "path": os.fspath}

MANY = 10**9  # of steps, rows or epochs: a larger number is a mistake, and some overflow

WIDEST = 1_000_000  # layer

SETTINGS = {
    "arch": Setting(
        "mlp",
        "text",
        "Network: mlp has hidden layers; cnn, for images, has convolutions before them; softmax "
        "has neither.",
        choices=("mlp", "cnn", "softmax"),
    ),
    "conv": Setting(
        None,
        "whole",
        "Filters of each convolution of a cnn; they are 3 x 3, and a pooling that halves the image "
        "follows each.",
        least=1,
        most=WIDEST,
        many=True,
        none="16,32 for cnn",
    ),
    "hidden": Setting(
        None,
        "whole",
        "Hidden widths; '' for none.",
        least=1,
        most=WIDEST,
        many=True,
        none="256 for mlp, over 32 features 128; none for cnn",
    ),
    "batch_norm": Setting(
        False, "flag", "Normalise the batch before each activation, as batch norm does."
    ),
    "activation": Setting(
        "relu", "text", "Activation of the hidden layers.", choices=tuple(ACTIVATIONS)
    ),
    "dropout": Setting(0.0, "number", "Probability of dropping a hidden unit.", least=0, below=1),
    "epochs": Setting(
        None,
        "whole",
        "Passes over the training rows.",
        least=1,
        most=MANY,
        none="60,000 / training rows, but 60 to 200; over 20,000 rows 1,200,000 / rows, 10 or more",
    ),
    "batch_size": Setting(32, "whole", "Rows in one batch.", least=1, most=MANY),
    "optimizer": Setting(
        "sgd", "text", "Update rule.", choices=("sgd", "adam", "adamw", "rmsprop")
    ),
    "lr": Setting(
        None,
        "number",
        "Learning rate.",
        above=0,
        none="0.03 for sgd, 0.001 for adam, adamw and rmsprop",
    ),
    "momentum": Setting(
        None,
        "number",
        "Share of the previous step to keep, for sgd and rmsprop.",
        least=0,
        below=1,
        none="0.9 for sgd, 0 for rmsprop",
    ),
    "nesterov": Setting(False, "flag", "Use Nesterov's momentum, for sgd."),
    "weight_decay": Setting(
        None,
        "number",
        "Factor of the L2 penalty; for adamw the rate at which the weights decay.",
        least=0,
        none="0.005; over 500 training rows 2.5 / rows; 0.01 for adamw",
    ),
    "label_smoothing": Setting(
        None,
        "number",
        "Share of the target that is spread evenly over all classes.",
        least=0,
        below=1,
        none="0.05; over 500 training rows 25 / rows",
    ),
    "schedule": Setting(
        "cosine",
        "text",
        "constant keeps the learning rate; step divides it by 10 after one third and again after "
        "two thirds of the steps; cosine lowers it to 0 along half a cosine.",
        choices=("constant", "step", "cosine"),
    ),
    "warmup": Setting(
        0.0,
        "number",
        "Epochs, such as 2 or 0.5, in which the learning rate rises to its full value.",
        least=0,
        most=MANY,
    ),
    "clip_grad": Setting(
        1.0,
        "number",
        "Largest norm of all gradients together; larger gradients are scaled down.",
        above=0,
    ),
    "accumulate": Setting(1, "whole", "Batches whose gradients make one step.", least=1, most=MANY),
    "class_weight": Setting(
        None,
        "text",
        "Weights of the classes in the loss; balanced: rows / (classes * rows of the class). "
        "A class without a weight gets 1.",
    ),
    "patience": Setting(
        None,
        "whole",
        "Stop after this many epochs without a lower validation loss.",
        least=1,
        most=MANY,
    ),
    "init_from": Setting(
        None,
        "path",
        "Start from the weights of a model with the same network.",
        none="fresh weights",
    ),
    "augment": Setting(
        "none",
        "text",
        "shift moves each training image by a random number of pixels, up to 1, or up to 2 if it "
        "has 16 or more, along both axes; its border is repeated.",
        choices=("none", "shift"),
    ),
    "seed": Setting(0, "whole", "Seed for everything random.", least=0, most=2**63 - 1),
    "dtype": Setting(
        "float32", "text", "Type of all numbers in the network.", choices=("float32", "float64")
    ),
    "test": Setting(
        None, "path", "File of the rows for the final test.", none="a share of the rows of DATA"
    ),
    "test_fraction": Setting(
        0.2, "number", "Share of the rows to keep for the final test; 0 for none.", least=0, below=1
    ),
    "val_fraction": Setting(
        0.1, "number", "Share of the rows to validate each epoch on.", least=0, below=1
    ),
    "folds": Setting(
        None,
        "whole",
        "Cross-validate in this many folds first, over all rows but those of --test.",
        least=2,
    ),
    "label": Setting(None, "column", "Column of the class.", none="the last"),
    "delimiter": Setting(
        None,
        "text",
        "Character that separates the columns.",
        choices=(",", ";", "tab", "|", "space"),
        none="detected",
    ),
    "header": Setting(
        "auto",
        "text",
        "Whether the first line holds the names of the columns.",
        choices=("yes", "no", "auto"),
    ),
    "decimal": Setting(
        None, "text", "What separates the fraction of a number.", choices=(".", ","), none="."
    ),
    "thousands": Setting(
        None,
        "text",
        "What separates groups of three digits in a number.",
        choices=(",", ".", "space", "apostrophe", "none"),
    ),
    "encoding": Setting(None, "text", "Encoding of the text, such as cp1252.", none="utf-8"),
    "skip": Setting(
        None, "whole", "Lines to skip above the header or the first row.", least=0, none="0"
    ),
    "na": Setting(
        None,
        "text",
        "Texts that are missing values, beside the empty cell, in place of the usual ones.",
        many=True,
        none="?, NA, NaN, null, … see docs/data.md",
    ),
    "one_hot": Setting(
        (),
        "column",
        "Columns to turn into one feature for each value. Texts with few values become so by "
        "themselves, unless this is none.",
        many=True,
    ),
    "drop": Setting(
        (),
        "column",
        "Columns to leave out. Texts that are nearly all different are left out by themselves.",
        many=True,
    ),
    "missing": Setting(
        "mean",
        "text",
        "mean makes a missing number the mean of the training rows, and a missing text zeros in "
        "its one-hot features; drop leaves the rows out; error refuses them.",
        choices=("mean", "drop", "error"),
    ),
    "classes": Setting(False, "flag", "Numbers in the label are classes, however many there are."),
    "rare": Setting(
        "error",
        "text",
        "A class with too few rows to be split is an error, or drop leaves its rows out.",
        choices=("error", "drop"),
    ),
    "scale": Setting(
        None,
        "text",
        "standard scales features to mean 0 and deviation 1, except those of zeros and ones, which "
        "stay as they are; asinh takes asinh of that, which brings outliers near; minmax scales to "
        "0 … 1; none leaves all as they are.",
        choices=("asinh", "standard", "minmax", "none"),
        none="asinh; standard for cnn, minmax for the images of a file",
    ),
    "out": Setting(None, "path", "Folder to write the run to.", none="runs/<data>-<n>"),
    "overwrite": Setting(False, "flag", "Let the run replace the files in that folder."),
    "no_save": Setting(False, "flag", "Write nothing."),
    "checkpoint_every": Setting(
        None,
        "whole",
        "Steps between two checkpoints; at most one per second is written.",
        least=1,
        most=MANY,
        none="each epoch",
    ),
}

# The defaults that go by the network and by the optimizer.
CHOICES: dict[str, dict[str, dict[str, Any]]] = {
    "arch": {
        "mlp": {},
        "cnn": {"hidden": (), "conv": (16, 32), "scale": "standard"},
        "softmax": {"hidden": ()},
    },
    "optimizer": {
        "sgd": {"lr": 0.03, "momentum": 0.9},
        "adam": {"lr": 0.001},
        "adamw": {"lr": 0.001, "weight_decay": 0.01},
        "rmsprop": {"lr": 0.001, "momentum": 0.0},
    },
}
# What is without an effect for them.
WITHOUT_EFFECT = {
    "arch": {
        "mlp": ("conv",),
        "cnn": (),
        "softmax": ("conv", "hidden", "batch_norm", "activation", "dropout"),
    },
    "optimizer": {
        "sgd": (),
        "adam": ("momentum", "nesterov"),
        "adamw": ("momentum", "nesterov"),
        "rmsprop": ("nesterov",),
    },
}


def with_defaults(given: dict[str, Any]) -> dict[str, Any]:
    """Return the value of every option; None for a default that goes by the data.

    Args:
        given: the options that are not None, by name.

    Raises:
        ArgumentError: if one of them has no effect with the network or the optimizer.
    """
    values = {name: setting.default for name, setting in SETTINGS.items()}
    for choice, defaults in CHOICES.items():
        chosen = given.get(choice, values[choice])
        values |= defaults[chosen]
        for name in WITHOUT_EFFECT[choice][chosen]:
            if given.get(name, values[name]) != values[name]:
                wrong = f"{name}={_listed(given[name])} has no effect with {choice}={chosen!r}"
                others = [c for c in CHOICES[choice] if name not in WITHOUT_EFFECT[choice][c]]
                facts = f"it is for {choice} {' and '.join(others)}"
                remedy = f"leave it out, or give {choice}={others[0]!r}"
                raise ArgumentError("train", wrong, facts, remedy)
    return values | given


def _listed(value: Any) -> str:
    """Return a value as it is given in a call, a tuple as a list."""
    return repr(list(value) if isinstance(value, tuple) else value)


def by_size(rows: int, features: int) -> dict[str, Any]:
    """Return the defaults that go by the training rows and the features; docs/recipe.md says why.

    60 epochs; more for a table so small that these would be few steps, and fewer for a large one.
    What keeps the network from learning few rows by heart fades as they become more. Numbers have
    two digits: those that are printed. The units are so many that OpenBLAS does not divide the
    product of 32 rows and the first weights among threads, which makes a short step slow.
    """
    epochs = 60_000 / rows if rows < 1000 else 1_200_000 / rows if rows > 20_000 else 60
    fade = min(1.0, 500 / rows)
    return {
        "hidden": (256,) if features <= 32 else (128,),
        "epochs": min(200, max(10, round(epochs))),
        "weight_decay": float(f"{0.005 * fade:.2g}"),
        "label_smoothing": float(f"{0.05 * fade:.2g}"),
    }


def checked(
    name: str,
    value: Any,
    where: str = "Experiment",
    default: str | None = None,
    called: str | None = None,
) -> Any:
    """Return the value of an option as a plain Python value that JSON can hold, lists as tuples.

    None gives the default; `where` is what an error names, `default` what it calls the default, and
    `called` what it calls the option, if not by its name.

    Raises:
        ArgumentError: if there is no such option, or the value is of another kind or out of range.
    """
    if name not in SETTINGS:
        wrong = f"there is no option {name!r}"
        remedy = did_you_mean(name, SETTINGS, "minigrad train --help lists them")
        raise ArgumentError(where, wrong, f"its value is {value!r:.40}", remedy)
    setting, name = SETTINGS[name], called or name
    if value is None:
        return setting.default
    if not setting.many:
        return _one(where, name, setting, value, default)
    if isinstance(value, str) or not isinstance(value, Iterable):
        wrong = f"{name}={value!r:.40} is not a list"
        example = f"{value!r:.40}"
        if setting.kind == "whole":
            example = str(value) if str(value).replace(",", "").isdecimal() else "64, 32"
        remedy = f"give a list, such as {name}=[{example}]"
        raise ArgumentError(where, wrong, f"each part is {KINDS[setting.kind][1]}", remedy)
    return tuple(_one(where, name, setting, part, default) for part in value)


def _one(where: str, name: str, setting: Setting, value: Any, default: str | None) -> Any:
    kinds, called = KINDS[setting.kind]
    right = isinstance(value, kinds) and isinstance(value, bool) == (setting.kind == "flag")
    if not right or (setting.kind == "number" and not _is_finite(value)):
        wrong, facts = f"is not {called}", f"type {type(value).__name__}"
    elif setting.kind == "path" and not os.fspath(value):
        wrong, facts = "is empty", "a path has a name"
    elif setting.kind == "path" and "\0" in os.fspath(value):
        wrong, facts = "contains a NUL", "a path has none"
    elif setting.choices and value not in setting.choices:
        wrong, facts = "is unknown", f"it can be {', '.join(map(repr, setting.choices))}"
    elif not _in_range(setting, value):
        least, above, below, most = setting.least, setting.above, setting.below, setting.most
        low = "" if least is above is None else f"{above} < " if least is None else f"{least} <= "
        high = "" if below is most is None else f" < {below}" if most is None else f" <= {most}"
        wrong, facts = "is out of range", f"{low}{name}{high}"
    else:
        return CONVERT.get(setting.kind, lambda same: same)(value)
    default = default or (setting.none if setting.default is None else repr(setting.default))
    remedy = f"leave it out for the default, {default}"
    raise ArgumentError(where, f"{name}={value!r:.40} {wrong}", facts, remedy)


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # 10**400
        return False


def _in_range(setting: Setting, value: Any) -> bool:
    return (
        (setting.least is None or value >= setting.least)
        and (setting.above is None or value > setting.above)
        and (setting.below is None or value < setting.below)
        and (setting.most is None or value <= setting.most)
    )
