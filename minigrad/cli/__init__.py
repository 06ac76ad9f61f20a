"""The command line: a group of commands. No arithmetic here."""

import click

from .. import __version__
from .commands import datasets, evaluate, gradcheck, inspect, plot, predict, resume, train
from .shell import HELP


@click.group(context_settings=HELP)
@click.version_option(__version__, message="minigrad %(version)s")
def main():
    """Train small classifiers with a framework that you can read in an afternoon."""


main.add_command(train)
main.add_command(resume)
main.add_command(datasets)
main.add_command(gradcheck)
main.add_command(predict)
main.add_command(evaluate)
main.add_command(inspect)
main.add_command(plot)
