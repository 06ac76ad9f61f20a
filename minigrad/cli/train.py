"""`minigrad train`: from a data set to a classifier and its test results."""

import math

import click

from .command import HELP, Command
from .defaults import DEFAULTS, OWN_DEFAULTS

ACTIVATIONS = ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "sigmoid", "tanh")
WIDEST = 1_000_000


class Number(click.FloatRange):
    """A finite number in a range: Click lets nan pass, and inf where the range has no end."""

    def convert(self, value, param, ctx):
        """Return the float, or fail with one line."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


def _widths(ctx, option, text: str | None) -> tuple[int, ...] | None:
    """Turn "64,32" into (64, 32), and "" into ()."""
    if text is None:
        return None
    try:
        widths = tuple(int(part) for part in text.split(",")) if text.strip() else ()
    except ValueError:
        widths = (0,)
    if any(not 1 <= width <= WIDEST for width in widths):
        raise click.BadParameter(
            f"{text!r} is no list of widths; write whole numbers from 1 to {WIDEST} with commas "
            "between them, such as 64,32, or '' for no hidden layer"
        )
    return widths


def _own(name: str, **kind):
    """Return an option whose default may differ from data set to data set."""
    default = DEFAULTS[name.removeprefix("--").replace("-", "_")]
    return click.option(
        name, default=None, show_default=f"{default}, or the data set's own", **kind
    )


@click.command(cls=Command, context_settings=HELP)
@click.argument("data", default="digits")
@_own("--hidden", callback=_widths, metavar="N,N…", help="Hidden widths; '' for none.")
@click.option("--activation", type=click.Choice(ACTIVATIONS), default="relu", show_default=True)
@click.option(
    "--dropout",
    type=Number(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Probability of dropping a hidden unit.",
)
@_own("--epochs", type=click.IntRange(1), help="Times to go through the training rows.")
@_own("--batch-size", type=click.IntRange(1), help="Rows in one step.")
@_own("--lr", type=Number(0, min_open=True), help="Learning rate.")
@click.option(
    "--momentum",
    type=Number(0, 1, max_open=True),
    default=0.9,
    show_default=True,
    help="Share of the last step that is kept.",
)
@click.option("--nesterov", is_flag=True, help="Nesterov's momentum.")
@_own("--weight-decay", type=Number(0), help="Factor of the L2 penalty.")
@_own(
    "--label-smoothing",
    type=Number(0, 1, max_open=True),
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
    # Click hands the options over as they were typed; what is printed keeps to one order.
    declared = [option.name for option in click.get_current_context().command.params]
    given = {key: options[key] for key in declared if options.get(key) is not None}
    own = {key: v for key, v in OWN_DEFAULTS.get(data, {}).items() if key not in given}
    chosen = {**DEFAULTS, **own, **given}
    if isinstance(chosen["hidden"], str):
        chosen["hidden"] = _widths(None, None, chosen["hidden"])
    run(data, chosen, own, as_json=as_json, quiet=quiet, verbose=verbose)
