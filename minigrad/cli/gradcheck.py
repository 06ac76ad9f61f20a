"""`minigrad gradcheck`: is a backward pass the derivative of its forward pass?"""

import click
from click.core import ParameterSource

from . import options as shared
from .command import HELP, Command

NETWORK = ("hidden", "activation", "dropout", "batch_size", "label_smoothing", "seed", "dtype")
OWN, FILE, DATA = "minigrad's own functions", "FILE.py:NAME", "--data"
NEEDS = {
    "shapes": [FILE],
    **{name: [DATA] for name in NETWORK},
    "seed": [FILE, DATA],
    "bisect": [FILE, DATA],
    "mutants": [OWN],
}


def _shapes(ctx, option, texts: tuple[str, ...]) -> list[tuple[int, ...]]:
    """Turn "4,3" into (4, 3), and "" into ()."""
    shapes = []
    for text in texts:
        try:
            shape = tuple(int(part) for part in text.split(",")) if text.strip() else ()
        except ValueError:
            shape = (-1,)
        if min(shape, default=0) < 0:
            raise click.BadParameter(
                f"{text!r} is no shape; write whole numbers from 0 with commas between them, such "
                "as 4,3, or '' for a single number"
            )
        shapes.append(shape)
    return shapes


@click.command(cls=Command, context_settings=HELP)
@click.argument("names", nargs=-1, metavar="[NAME…|FILE.py:NAME]")
@click.option(
    "--shape",
    "shapes",
    multiple=True,
    callback=_shapes,
    metavar="N,N…",
    help="Of a normal random input of FILE.py:NAME, once for each; '' for a single number.",
)
@click.option("--data", metavar="DATA", help="Check a network on a batch of this data set.")
@shared.hidden
@shared.activation
@shared.dropout
@shared.batch_size
@shared.label_smoothing
@shared.seed
@shared.dtype
@click.option("--bisect", is_flag=True, help="Name the first wrong operation.")
@click.option("--mutants", is_flag=True, help="Check that typical mistakes are found.")
@shared.as_json
@click.pass_context
def gradcheck(ctx, names, shapes, data, bisect, mutants, as_json, **options):
    """Compare backward passes with finite differences, in float64.

    \b
    minigrad gradcheck                         all functions and modules of minigrad
    minigrad gradcheck softmax cross_entropy   these
    minigrad gradcheck ops.py:Swish            a Function, Module or function of your own
    minigrad gradcheck --data digits           the network that `train` would train

    For FILE.py:NAME the file is run. It gives the inputs as NAME.cases or cases, a list (or a
    function that returns one) with the inputs of one case in each place; or --shape does.

    With --data, the network and its loss are checked on the first batch that `train` would take,
    parameter by parameter. --bisect checks each operation of that step alone instead, on the
    arrays that flow through it, and names the first wrong one, its layer and its line.

    --mutants plants typical wrong backward passes into minigrad's own functions. The check has to
    reject each of them but those that give the same gradients; the score is the share it rejects.

    An element passes where |analytic - numeric| <= 1e-8 + 1e-6 |numeric| + error, and the error
    of the numeric side is estimated. Where PyTorch is installed, values and gradients of minigrad's
    own functions are compared with it as well.

    Exit codes: 0 all pass, 1 a check failed, 2 usage, 3 data or a file that cannot be run, 130
    interrupted.
    """
    files = [name for name in names if ":" in name or name.endswith(".py")]
    _refuse_nonsense(ctx, names, files)
    if data is not None:
        from .network import check_network  # these three load the table and NumPy's random numbers

        chosen, _ = shared.choose(data, options)
        chosen = {key: chosen[key] for key in (*NETWORK, "scale")}
        ok = check_network(data, chosen, bisect, as_json)
    elif files:
        from .user_code import check_user_code

        ok = check_user_code(*_split(files[0]), shapes, options["seed"], bisect, as_json)
    else:
        from .table import check_mutants, check_table

        ok = (check_mutants if mutants else check_table)(names, as_json)
    if not ok:
        ctx.exit(1)


def _split(target: str) -> tuple[str, str]:
    r"""Return ("ops.py", "Swish") for "ops.py:Swish"; in "C:\ops.py" nothing is named."""
    path, _, name = target.rpartition(":")
    named = path and all(part.isidentifier() for part in name.split("."))
    if not named or target.endswith(".py"):
        raise click.UsageError(
            f"{target!r} names nothing to check; write the file and a name in it, such as "
            "ops.py:Swish"
        )
    return path, name


def _refuse_nonsense(ctx, names: tuple[str, ...], files: list[str]) -> None:
    """Refuse what does not go together, by the two that exclude each other."""
    data = ctx.params["data"]
    if files and len(names) > 1:
        other = next(name for name in names if name is not files[0])
        raise click.UsageError(f"{files[0]} and {other} exclude each other; check one at a time")
    if data is not None and names:
        raise click.UsageError(f"--data and {names[0]} exclude each other; give one of them")
    kind = DATA if data is not None else FILE if files else OWN
    for option in ctx.command.params:
        needs = NEEDS.get(option.name)
        typed = ctx.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
        if needs and typed and kind not in needs:
            flag, other = option.opts[0], DATA if kind == DATA else " ".join(names[:1])
            why = f"{flag} and {other} exclude each other; " if other else ""
            raise click.UsageError(f"{why}{flag} needs {' or '.join(needs)}")
