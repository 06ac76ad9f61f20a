"""The command line: a group of commands. No arithmetic here."""

import click

from .. import __version__
from .commands import datasets, evaluate, gradcheck, inspect, plot, predict, resume, train
from .shell import HELP, Group


@click.group(cls=Group, context_settings=HELP)
@click.version_option(__version__, message="minigrad %(version)s")
def main():
    """Train small classifiers with a framework that you can read in an afternoon."""


for command in (train, resume, datasets, gradcheck, predict, evaluate, inspect, plot):
    main.add_command(command)
