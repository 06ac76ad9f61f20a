"""`minigrad train`: from a data set to a classifier and its test results."""

import click

from . import options as shared
from .command import HELP, Command
from .options import Number, own


@click.command(cls=Command, context_settings=HELP)
@click.argument("data", default="digits")
@shared.hidden
@shared.activation
@shared.dropout
@own("--epochs", type=click.IntRange(1), help="Times to go through the training rows.")
@shared.batch_size
@own("--lr", type=Number(0, min_open=True), help="Learning rate.")
@click.option(
    "--momentum",
    type=Number(0, 1, max_open=True),
    default=0.9,
    show_default=True,
    help="Share of the last step that is kept.",
)
@click.option("--nesterov", is_flag=True, help="Nesterov's momentum.")
@own("--weight-decay", type=Number(0), help="Factor of the L2 penalty.")
@shared.label_smoothing
@shared.seed
@shared.dtype
@click.option(
    "--test-fraction",
    type=Number(0, 1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="Share of the rows that are kept for the final test.",
)
@click.option(
    "--val-fraction",
    type=Number(0, 1, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of the rows that judge each epoch.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors and the result only.")
@click.option("-v", "--verbose", is_flag=True, help="Print more.")
def train(data, as_json, quiet, verbose, **options):
    """Train a classifier on DATA and test it on rows that it has not seen.

    DATA is a built-in set, by default digits; `minigrad datasets` lists them, with the defaults
    of their own. The model is Linear, activation and dropout for each hidden width, and a last
    Linear that gives one logit for each class. It learns by minimising the cross-entropy with
    stochastic gradient descent:

    \b
        g = gradient + weight_decay * p
        v = momentum * v + g              (v = g in the first step)
        p = p - lr * v                    (nesterov: p - lr * (g + momentum * v))

    Results go to stdout, progress to stderr. Exit codes: 0 done, 2 usage, 3 data, 4 the loss
    diverged, 130 interrupted.
    """
    from .run import run  # NumPy's random numbers and tqdm: not for --help

    if quiet and verbose:
        raise click.UsageError("-q and -v exclude each other; give one of them")
    chosen, own_defaults = shared.choose(data, options)
    run(data, chosen, own_defaults, as_json=as_json, quiet=quiet, verbose=verbose)
