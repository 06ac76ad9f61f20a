"""The options of the commands, as Click declares them, and --config.

A flag overrides the environment, the environment overrides the file of --config, and the file
overrides the defaults. Click itself keeps this order.
"""

import math
import os

import click
from click.core import ParameterSource

from ..errors import DataError
from ..settings import SETTINGS, WIDEST
from ..text import did_you_mean, table
from .shell import origin_of


class Number(click.FloatRange):
    """A finite number in a range: Click lets nan pass, and inf where the range has no end."""

    name = "number"

    def convert(self, value, param, ctx):
        """Return the float, or fail with one line."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class Whole(click.IntRange):
    """A whole number in a range."""

    name = "whole number"


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
            "by commas, such as 64,32, or '' for none"
        )
    return widths


def as_text(value) -> str:
    """Return the value of an option as it is typed: "64,32" for (64, 32), "none" for ()."""
    return ",".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)


WRITTEN = ("decimal", "thousands", "encoding", "skip", "na")
METAVARS = {
    "hidden": "N,N…",
    "conv": "N,N…",
    "warmup": "EPOCHS",
    "clip_grad": "NORM",
    "accumulate": "K",
    "class_weight": "balanced|NAME=W,…",
    "patience": "EPOCHS",
    "init_from": "MODEL",
    "label": "NAME|INDEX",
    "encoding": "NAME",
    "skip": "LINES",
    "na": "TEXT,…",
    "one_hot": "COL,…",
    "drop": "COL,…",
    "test": "FILE",
    "folds": "K",
    "out": "DIR",
    "checkpoint_every": "STEPS",
}


def settings(*names: str, unset: str | None = None):
    """Return a decorator that gives a command the options for these settings of the library.

    unset: what help says of an option that is not given; None for what the setting says.
    """

    def decorate(command):
        for name in reversed(names):  # as decorators above each other are applied
            command = _option(name, unset)(command)
        return command

    return decorate


def _option(name: str, unset: str | None):
    """Return Click's option for a setting, with its range, default and help."""
    setting = SETTINGS[name]
    flag = f"--{name.replace('_', '-')}"
    if setting.kind == "flag":
        return click.option(flag, is_flag=True, help=setting.help)
    more: dict = {"default": setting.default, "show_default": True}
    if setting.many or setting.default is None:
        default = as_text(setting.default) if setting.default else setting.none
        more = {"show_default": unset or default}
    low = setting.least if setting.above is None else setting.above
    high = setting.most if setting.below is None else setting.below
    if name in ("hidden", "conv"):
        more["callback"] = _widths
    elif setting.many:
        more["multiple"] = True
        if setting.default is None:
            more["callback"] = lambda ctx, option, texts: texts or None
    elif setting.choices:
        more["type"] = click.Choice(setting.choices)
    elif setting.kind == "whole":
        more["type"] = Whole(low, high)
    elif setting.kind == "number":
        ends = {"min_open": setting.above is not None, "max_open": setting.below is not None}
        more["type"] = Number(low, high, **ends)
    elif setting.kind == "path":
        more["type"] = click.Path(file_okay=name != "out")
    return click.option(flag, help=setting.help, metavar=METAVARS.get(name), **more)


def reading(command):
    """Give a command that uses a model the options that say how a file is written."""
    command = settings(*WRITTEN, unset="as in training")(command)
    return settings("delimiter", "header")(command)


def given(ctx: click.Context) -> dict:
    """Return the settings from the command line, the environment or a file, without defaults."""
    return {
        name: value
        for name, value in ctx.params.items()
        if name in SETTINGS and ctx.get_parameter_source(name) is not ParameterSource.DEFAULT
    }


# ---- what is printed ---------------------------------------------------------------------------

as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line on stdout."
)
quiet = click.option(
    "-q", "--quiet", is_flag=True, help="Print errors, warnings and the result only."
)
verbose = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Print the versions, the time taken, and each epoch above the progress bar.",
)


unseen = click.option(
    "--unseen",
    type=click.Choice(["skip", "zero", "error"]),
    default="skip",
    show_default=True,
    help="What becomes of a row with a text that its one-hot column did not have in training: skip "
    "leaves it without a class; zero sets the column's features to 0; error refuses DATA.",
)


# ---- what does not go together -----------------------------------------------------------------


def check_exclusive(given: dict) -> None:
    """Refuse two arguments that exclude each other.

    Args:
        given: the arguments as they are typed, each with whether it was given.
    """
    typed = [argument for argument, value in given.items() if value]
    if len(typed) > 1:
        raise click.UsageError(f"{typed[0]} and {typed[1]} exclude each other; give one of them")


def check_overwrite(overwrite: bool, output: str | None, flag: str = "--output") -> None:
    """Refuse --overwrite without the option whose file it lets a command replace."""
    if overwrite and not output:
        raise click.UsageError(f"--overwrite needs {flag}")


def check_environment(ctx: click.Context) -> None:
    """Refuse environment variables that look like options of the command, and are none."""
    prefix = f"{ctx.auto_envvar_prefix}_"
    known = [f"{prefix}{parameter.name.upper()}" for parameter in ctx.command.params]
    if strange := [name for name in os.environ if name.startswith(prefix) and name not in known]:
        remedy = did_you_mean(strange[0], known, "unset it; see --help for the options")
        raise click.UsageError(f"environment: there is no option {strange[0]}; {remedy}")


# ---- --config and --show-config ------------------------------------------------------------------

HIDDEN = ("config", "show_config")
# Characters. Of a key in 20,000 parts, a.a.a… = 1, tomllib would take the memory of their square.
MOST_CONFIG, LONGEST_CONFIG = 1 << 16, 4000


def _read(ctx: click.Context, option: click.Parameter, path: str | None) -> str | None:
    """Make the values of a TOML file the defaults of this command's options."""
    if path is None:
        return None
    import tomllib  # not for --help

    from ..data.files import read_whole

    try:
        text = read_whole(path).decode()
        if len(text) > MOST_CONFIG or max(map(len, text.split("\n"))) > LONGEST_CONFIG:
            raise click.BadParameter(
                f"{path}: too large for options; it can have {MOST_CONFIG:,} characters, "
                f"{LONGEST_CONFIG:,} in a line; write lines such as lr = 0.05"
            )
        content = tomllib.loads(text)
    except DataError as error:
        raise click.BadParameter(f"{path}: {error.args[2]}; give a TOML file") from error
    except (ValueError, RecursionError) as error:  # a number that is too long is a ValueError
        raise click.BadParameter(
            f"{path}: not valid TOML; {error}; write lines such as lr = 0.05"
        ) from error
    known = {max(p.opts, key=len).lstrip("-").replace("-", "_"): p for p in ctx.command.params}
    known = {name: p for name, p in known.items() if p.name not in HIDDEN}
    values = {}
    for key, value in content.items():
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
    if "\0" in "".join(strings):
        raise click.BadParameter(f"{where} contains a NUL")
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


def origins(ctx: click.Context) -> dict[str, str]:
    """Return where the value of each option that the user gave comes from."""
    found = {p.name: origin_of(ctx, p) for p in ctx.command.params}
    return {name: origin for name, origin in found.items() if origin is not None}


def show(values: dict, origins: dict[str, str]) -> None:
    """Print the options as a TOML file, each with its origin in a comment."""
    import json  # not for --help

    lines = []
    for name, value in values.items():
        if isinstance(value, tuple):
            value = list(value)
        unset = value is None
        text = f"# {name} =" if unset else f"{name} = {json.dumps(value, ensure_ascii=False)}"
        rule = SETTINGS[name].none if unset and name in SETTINGS else "none"
        meaning = "" if rule == "none" else f": {rule}"
        lines.append((text, f"# {origins[name]}{meaning}"))
    click.echo(table(lines, "<"))
