"""`minigrad resume`: go on with a run that was interrupted, killed, or is to train longer."""

import click

from . import options as shared
from .command import HELP, Command


@click.command(cls=Command, context_settings=HELP)
@click.argument("run", type=click.Path())
@click.option(
    "--epochs",
    type=click.IntRange(1),
    metavar="N",
    show_default="as many as at first",
    help="Train to N epochs in all.",
)
@shared.as_json
@shared.quiet
@shared.verbose
def resume(run, epochs, as_json, quiet, verbose):
    """Go on with the run in the folder RUN from its last checkpoint.

    It ends in the same bytes as a run that was never stopped: weights, momentum, schedule,
    position in the epoch, generator, best weights and history are all restored. It needs the same
    data, and the same versions of minigrad and NumPy.
    """
    from .run import resume as go_on  # NumPy's random numbers: not for --help

    shared.check_verbosity(quiet, verbose)
    go_on(run, epochs, as_json=as_json, quiet=quiet, verbose=verbose)
