"""`minigrad inspect`: what a model file or a run folder holds."""

import click

from . import options as shared
from .command import HELP, Command


@click.command(cls=Command, context_settings=HELP)
@click.argument("path", type=click.Path(), metavar="MODEL|RUN")
@shared.as_json
def inspect(path, as_json):
    """Print everything that MODEL, a file that minigrad wrote, or the folder RUN holds.

    Of a model: its format, classes, columns, scaling, layers, arrays, and how it was trained. Of a
    run: the same of its best.npz, then run.json and the last line of history.csv. Files are
    checked as they are read: a damaged one is an error.
    """
    from .inspection import inspect_path  # NumPy's random numbers: not for --help

    inspect_path(path, as_json)
