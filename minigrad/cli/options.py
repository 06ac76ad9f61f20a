"""The options that several commands share: their ranges, defaults and help."""

import math
import os

import click

from .defaults import DEFAULTS, IMAGES, OWN_DEFAULTS

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


def own(name: str, **kind):
    """Return an option whose default may differ from data set to data set."""
    default = DEFAULTS[name.removeprefix("--").replace("-", "_")]
    return click.option(
        name, default=None, show_default=f"{default}, or the data set's own", **kind
    )


# ---- the network and its loss ------------------------------------------------------------------

hidden = own("--hidden", callback=_widths, metavar="N,N…", help="Hidden widths; '' for none.")
activation = click.option(
    "--activation", type=click.Choice(ACTIVATIONS), default="relu", show_default=True
)
dropout = click.option(
    "--dropout",
    type=Number(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Probability of dropping a hidden unit.",
)
batch_size = own("--batch-size", type=click.IntRange(1), help="Rows in one step.")
label_smoothing = own(
    "--label-smoothing",
    type=Number(0, 1, max_open=True),
    help="Share of the target that is spread over all classes.",
)
seed = click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of everything random."
)
dtype = click.option(
    "--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True
)


def _own_defaults(data: str) -> dict:
    """Return what the data set changes in the defaults."""
    from ..data.idx import is_idx_folder  # not for --help

    if data in OWN_DEFAULTS:
        return OWN_DEFAULTS[data]
    return IMAGES if os.path.isdir(data) and is_idx_folder(os.listdir(data)) else {}


def choose(data: str, options: dict) -> tuple[dict, dict]:
    """Return the value of every option, and those of them that the data set chose itself.

    Args:
        data: the data set.
        options: what Click hands over: None where an option of `own` was not given.
    """
    given = {key: value for key, value in options.items() if value is not None}
    chosen_by_data = {k: v for k, v in _own_defaults(data).items() if k not in given}
    chosen = {**DEFAULTS, **chosen_by_data, **given}
    if isinstance(chosen["hidden"], str):
        chosen["hidden"] = _widths(None, None, chosen["hidden"])
    return chosen, chosen_by_data


# ---- how a file is read ------------------------------------------------------------------------

label = click.option(
    "--label", metavar="NAME|INDEX", show_default="the last", help="Column of the class."
)
delimiter = click.option(
    "--delimiter",
    type=click.Choice([",", ";", "tab", "|"]),
    show_default="detected",
    help="What stands between the columns.",
)
header = click.option(
    "--header",
    type=click.Choice(["yes", "no", "auto"]),
    default="auto",
    show_default=True,
    help="Whether the first line names the columns.",
)
one_hot = click.option(
    "--one-hot",
    multiple=True,
    metavar="COL",
    show_default="none",
    help="Text column; a feature for each value.",
)
drop = click.option(
    "--drop", multiple=True, metavar="COL", show_default="none", help="Column to leave out."
)
missing = click.option(
    "--missing",
    type=click.Choice(["error", "drop", "mean"]),
    default="error",
    show_default=True,
    help="Refuse missing values, leave their rows out, or fill in the mean of the training rows.",
)
scale = own(
    "--scale",
    type=click.Choice(["standard", "minmax", "none"]),
    help="Features with mean 0 and deviation 1, from 0 to 1, or as they are.",
)

# ---- what is printed ---------------------------------------------------------------------------

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout.")
quiet = click.option("-q", "--quiet", is_flag=True, help="Print errors and the result only.")
verbose = click.option("-v", "--verbose", is_flag=True, help="Print more.")


def check_verbosity(quiet: bool, verbose: bool) -> None:
    """Refuse -q together with -v."""
    if quiet and verbose:
        raise click.UsageError("-q and -v exclude each other; give one of them")
