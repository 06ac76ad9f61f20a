"""The options that commands share, every default of `minigrad train`, and --config.

A flag overrides the environment, the environment overrides the file of --config, and the file
overrides the defaults. Click itself keeps this order.
"""

import math
import os

import click
from click.core import ParameterSource

from ..text import did_you_mean, table

# ---- the defaults of `minigrad train`, and what single data sets change in them -----------------

DEFAULTS = {
    "hidden": "64",
    "epochs": 30,
    "batch_size": 32,
    "lr": 0.1,
    "weight_decay": 0.001,
    "label_smoothing": 0.0,
    "scale": "standard",
}

# Chosen by validation accuracy over seeds 0 to 9.
OWN_DEFAULTS = {"digits": {"hidden": "128", "label_smoothing": 0.1}, "spirals": {"hidden": "64,64"}}

# Of a folder of IDX images. Divided by its deviation, a pixel that is dark in almost every image
# is in the others so large that the first steps diverge.
IMAGES = {"hidden": "128", "scale": "minmax"}

ACTIVATIONS = ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "sigmoid", "tanh")
WIDEST = 1_000_000


class Number(click.FloatRange):
    """A finite number in a range: Click lets nan pass, and inf where the range has no end."""

    def convert(self, value, param, ctx):
        """Return the float, or fail with one line."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


def whole_numbers(text: str, least: int, most: float = math.inf) -> tuple[int, ...] | None:
    """Return (64, 32) for "64,32", () for "", and None if the text is not such a list."""
    try:
        numbers = tuple(int(part) for part in text.split(",")) if text.strip() else ()
    except ValueError:
        return None
    return numbers if all(least <= number <= most for number in numbers) else None


def _widths(ctx, option, text: str | None) -> tuple[int, ...] | None:
    """Turn "64,32" into (64, 32), and "" into ()."""
    widths = None if text is None else whole_numbers(text, 1, WIDEST)
    if text is not None and widths is None:
        raise click.BadParameter(
            f"{text!r} is not a list of widths; write whole numbers from 1 to {WIDEST} separated "
            "by commas, such as 64,32, or '' for no hidden layer"
        )
    return widths


def own(name: str, **kind):
    """Return an option whose default a data set may change."""
    default = DEFAULTS[name.removeprefix("--").replace("-", "_")]
    return click.option(
        name, default=None, show_default=f"{default}, or the data set's own", **kind
    )


# ---- the network and its loss ------------------------------------------------------------------

hidden = own("--hidden", callback=_widths, metavar="N,N…", help="Hidden widths; '' for none.")
activation = click.option(
    "--activation", type=click.Choice(ACTIVATIONS), default="relu", show_default=True
)
dropout = click.option(
    "--dropout",
    type=Number(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Probability of dropping a hidden unit.",
)
batch_size = own("--batch-size", type=click.IntRange(1), help="Rows in one step.")
label_smoothing = own(
    "--label-smoothing",
    type=Number(0, 1, max_open=True),
    help="Share of the target that is spread evenly over all classes.",
)
seed = click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed for everything random.",
)
dtype = click.option(
    "--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True
)


def _own_defaults(data: str) -> dict:
    """Return what the data set changes in the defaults."""
    from ..data.arrays import is_idx_folder  # not for --help

    if data in OWN_DEFAULTS:
        return OWN_DEFAULTS[data]
    return IMAGES if os.path.isdir(data) and is_idx_folder(os.listdir(data)) else {}


def choose(data: str, options: dict) -> tuple[dict, dict]:
    """Return the value of every option, and those of them that the data set chose itself.

    Args:
        data: the data set.
        options: what Click hands over: None where an option of `own` was not given.
    """
    given = {key: value for key, value in options.items() if value is not None}
    chosen_by_data = {k: v for k, v in _own_defaults(data).items() if k not in given}
    chosen = {**DEFAULTS, **chosen_by_data, **given}
    if isinstance(chosen["hidden"], str):
        chosen["hidden"] = _widths(None, None, chosen["hidden"])
    return chosen, chosen_by_data


# ---- how a file is read ------------------------------------------------------------------------

label = click.option(
    "--label", metavar="NAME|INDEX", show_default="the last", help="Column of the class."
)
delimiter = click.option(
    "--delimiter",
    type=click.Choice([",", ";", "tab", "|"]),
    show_default="detected",
    help="Character that separates the columns.",
)
header = click.option(
    "--header",
    type=click.Choice(["yes", "no", "auto"]),
    default="auto",
    show_default=True,
    help="Whether the first line holds the names of the columns.",
)
one_hot = click.option(
    "--one-hot",
    multiple=True,
    metavar="COL",
    show_default="none",
    help="Text column to turn into one feature for each value.",
)
drop = click.option(
    "--drop", multiple=True, metavar="COL", show_default="none", help="Column to leave out."
)
missing = click.option(
    "--missing",
    type=click.Choice(["error", "drop", "mean"]),
    default="error",
    show_default=True,
    help="Refuse missing values, leave their rows out, or fill in the mean of the training rows.",
)
scale = own(
    "--scale",
    type=click.Choice(["standard", "minmax", "none"]),
    help="Scale features to mean 0 and deviation 1, or to 0 … 1, or leave them as they are.",
)

# ---- what is printed ---------------------------------------------------------------------------

as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line on stdout."
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Print errors and the result only.")
verbose = click.option("-v", "--verbose", is_flag=True, help="Print more.")


# ---- what does not go together -----------------------------------------------------------------


def check_exclusive(given: dict) -> None:
    """Refuse two arguments that exclude each other.

    Args:
        given: the arguments as they are typed, each with whether it was given.
    """
    typed = [argument for argument, value in given.items() if value]
    if len(typed) > 1:
        raise click.UsageError(f"{typed[0]} and {typed[1]} exclude each other; give one of them")


def check_overwrite(overwrite: bool, flag: str, path: str | None) -> None:
    """Refuse --overwrite without the option `flag`, whose path it lets a command replace."""
    if overwrite and not path:
        raise click.UsageError(f"--overwrite needs {flag}")


# ---- --config and --show-config ------------------------------------------------------------------

HIDDEN = ("config", "show_config")


def _read(ctx: click.Context, option: click.Parameter, path: str | None) -> str | None:
    """Make the values of a TOML file the defaults of this command's options."""
    if path is None:
        return None
    import tomllib  # not for --help

    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}; give a TOML file") from error
    except (ValueError, RecursionError) as error:  # a number that is too long is a ValueError
        raise click.BadParameter(
            f"{path}: not valid TOML; {error}; write lines such as lr = 0.05"
        ) from error
    known = {max(p.opts, key=len).lstrip("-").replace("-", "_"): p for p in ctx.command.params}
    known = {name: p for name, p in known.items() if p.name not in HIDDEN}
    values = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in known:
            remedy = did_you_mean(name, known, "see --help")
            raise click.BadParameter(f"{path}: there is no option {key!r}; {remedy}")
        option = known[name]
        if option.name in values:
            raise click.BadParameter(f"{path}: {name} is set twice, with - and with _")
        values[option.name] = _value(f"{path}: {key}", option, value)
    ctx.default_map = {**(ctx.default_map or {}), **values}
    return path


def _value(where: str, option: click.Parameter, value):
    """Return a TOML value as Click gets it from the command line: a string, except for flags."""
    parts = value if isinstance(value, list) else [value]
    if getattr(option, "is_flag", False):
        if not isinstance(value, bool):
            raise click.BadParameter(f"{where} is a flag; write true or false")
        return value
    if not all(isinstance(part, (str, int, float)) for part in parts):
        raise click.BadParameter(f"{where} is not a number, a string, or a list of them")
    try:
        strings = [*map(str, parts)]
    except ValueError as error:
        raise click.BadParameter(f"{where} is a number with too many digits") from error
    return strings if getattr(option, "multiple", False) else ",".join(strings)


config = click.option(
    "--config",
    type=click.Path(dir_okay=False),
    is_eager=True,
    callback=_read,
    metavar="FILE.toml",
    show_default="none",
    help="Read options that are not given from FILE.toml.",
)
show_config = click.option(
    "--show-config",
    is_flag=True,
    help="Print each option with its value and where that comes from, then exit.",
)


def origins(ctx: click.Context, chosen_by_data: dict) -> dict[str, str]:
    """Return where the value of each option of the command comes from."""
    found = {}
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name)
        if source is ParameterSource.COMMANDLINE:
            origin = "command line"
        elif source is ParameterSource.ENVIRONMENT:
            origin = f"environment, {ctx.auto_envvar_prefix}_{parameter.name.upper()}"
        elif source is ParameterSource.DEFAULT_MAP:
            origin = ctx.params["config"]
        else:
            origin = "the data set's default" if parameter.name in chosen_by_data else "default"
        found[parameter.name] = origin
    return found


def show(values: dict, origins: dict[str, str]) -> None:
    """Print the options as a TOML file, each with its origin in a comment."""
    import json  # not for --help

    lines = []
    for name, value in values.items():
        if isinstance(value, tuple):
            value = list(value)
        unset = value is None
        text = f"# {name} =" if unset else f"{name} = {json.dumps(value, ensure_ascii=False)}"
        lines.append((text, f"# {origins[name]}"))
    click.echo(table(lines, "<"))
