"""`minigrad datasets`: the built-in data sets, and how `train` starts on each of them."""

import click

from .command import HELP, Command
from .defaults import OWN_DEFAULTS


@click.command(cls=Command, context_settings=HELP)
def datasets():
    """List the built-in data sets with their sizes and sources.

    Where `minigrad train` starts from other defaults than its --help says, they are listed too.
    """
    from ..data import BUILTIN  # not for --help

    rows = [("name", "rows", "features", "classes", "source")]
    for name, info in BUILTIN.items():
        rows.append((name, info.rows, info.features, len(info.classes), info.source))
    widths = [max(len(str(row[i])) for row in rows) for i in range(4)]
    for name, *numbers, source in rows:
        cells = [f"{n:>{width}}" for n, width in zip(numbers, widths[1:], strict=True)]
        click.echo("  ".join([f"{name:<{widths[0]}}", *cells, source]))
        if own := OWN_DEFAULTS.get(name):
            flags = " ".join(f"--{key.replace('_', '-')} {value}" for key, value in own.items())
            click.echo(f"{'':<{widths[0]}}  own defaults: {flags}")
