"""--config and --show-config: where the value of each option comes from.

Flags go before the environment, the environment before the file, the file before the defaults.
That order is Click's own, and so is the bookkeeping.
"""

import click
from click.core import ParameterSource

from ..text import did_you_mean

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
    except (ValueError, RecursionError) as error:  # too long a number is a ValueError
        raise click.BadParameter(
            f"{path}: it is no TOML; {error}; write lines such as lr = 0.05"
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
            raise click.BadParameter(f"{path}: {name} stands in it twice, with - and with _")
        values[option.name] = _value(f"{path}: {key}", option, value)
    ctx.default_map = {**(ctx.default_map or {}), **values}
    return path


def _value(where: str, option: click.Parameter, value):
    """Return a TOML value as Click takes it from the command line: as text, but for flags."""
    parts = value if isinstance(value, list) else [value]
    if getattr(option, "is_flag", False):
        if not isinstance(value, bool):
            raise click.BadParameter(f"{where} is a flag; write true or false")
        return value
    if not all(isinstance(part, (str, int, float)) for part in parts):
        raise click.BadParameter(f"{where} is neither a number, a text, nor a list of them")
    try:
        texts = [*map(str, parts)]
    except ValueError as error:
        raise click.BadParameter(f"{where} is too long a number") from error
    return texts if getattr(option, "multiple", False) else ",".join(texts)


config = click.option(
    "--config",
    type=click.Path(dir_okay=False),
    is_eager=True,
    callback=_read,
    metavar="FILE.toml",
    show_default="none",
    help="Values for options that are not given.",
)
show_config = click.option(
    "--show-config", is_flag=True, help="Print the value and the origin of each option, and end."
)


def origins(ctx: click.Context, chosen_by_data: dict) -> dict[str, str]:
    """Return for each option of the command where its value comes from."""
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
        lines.append((text, origins[name]))
    width = max(len(text) for text, _ in lines)
    for text, origin in lines:
        click.echo(f"{text:<{width}}  # {origin}")
