"""The command line: a group of commands, one file each. No arithmetic here."""

import click

from .. import __version__
from .command import HELP
from .datasets import datasets
from .evaluate import evaluate
from .gradcheck import gradcheck
from .inspect import inspect
from .plot import plot
from .predict import predict
from .resume import resume
from .train import train


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
