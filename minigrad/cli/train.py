"""`minigrad train`: from a data set to a classifier and its test results."""

import click

from .command import Command
from .defaults import DEFAULTS, OWN_DEFAULTS

ACTIVATIONS = ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "sigmoid", "tanh")


def _widths(ctx, option, text: str | None) -> tuple[int, ...] | None:
    """Turn "64,32" into (64, 32), and "" into ()."""
    if text is None:
        return None
    try:
        widths = tuple(int(part) for part in text.split(",")) if text.strip() else ()
    except ValueError:
        widths = (0,)
    if any(width < 1 for width in widths):
        raise click.BadParameter(
            f"{text!r} is no list of widths; write whole numbers from 1 with commas between them, "
            "such as 64,32, or '' for no hidden layer"
        )
    return widths


def _own(name: str, **kind):
    """Return an option whose default may differ from data set to data set."""
    default = DEFAULTS[name.removeprefix("--").replace("-", "_")]
    return click.option(
        name, default=None, show_default=f"{default}, or the data set's own", **kind
    )


@click.command(cls=Command)
@click.argument("data", default="digits")
@_own("--hidden", callback=_widths, metavar="N,N…", help="Hidden widths; '' for none.")
@click.option("--activation", type=click.Choice(ACTIVATIONS), default="relu", show_default=True)
@click.option(
    "--dropout",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Probability of dropping a hidden unit.",
)
@_own("--epochs", type=click.IntRange(1), help="Times to go through the training rows.")
@_own("--batch-size", type=click.IntRange(1), help="Rows in one step.")
@_own("--lr", type=click.FloatRange(0, min_open=True), help="Learning rate.")
@click.option(
    "--momentum",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.9,
    show_default=True,
    help="Share of the last step that is kept.",
)
@click.option("--nesterov", is_flag=True, help="Nesterov's momentum.")
@_own("--weight-decay", type=click.FloatRange(0), help="Factor of the L2 penalty.")
@_own(
    "--label-smoothing",
    type=click.FloatRange(0, 1, max_open=True),
    help="Share of the target that is spread over all classes.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of everything random."
)
@click.option(
    "--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True
)
@click.option(
    "--test-fraction",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="Share of the rows that are kept for the final test.",
)
@click.option(
    "--val-fraction",
    type=click.FloatRange(0, 1, max_open=True),
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

    given = {key: value for key, value in options.items() if value is not None}
    own = {key: v for key, v in OWN_DEFAULTS.get(data, {}).items() if key not in given}
    chosen = {**DEFAULTS, **own, **given}
    if isinstance(chosen["hidden"], str):
        chosen["hidden"] = _widths(None, None, chosen["hidden"])
    run(data, chosen, own, as_json=as_json, quiet=quiet, verbose=verbose)
