"""The command line: a group of commands. No arithmetic here."""

import click

from .. import __version__
from .commands import (
    datasets,
    evaluate,
    exercise,
    explain,
    export,
    gradcheck,
    import_weights,
    importance,
    inspect,
    plot,
    predict,
    resume,
    train,
)
from .shell import HELP, Group


@click.group(cls=Group, context_settings=HELP)
@click.version_option(__version__, message="minigrad %(version)s")
def main():
    """Train small classifiers with a framework that you can read in an afternoon."""


COMMANDS = (train, resume, datasets, gradcheck, explain, exercise, predict, evaluate, importance)
COMMANDS += (inspect, plot, export, import_weights)
for command in COMMANDS:
    main.add_command(command)
