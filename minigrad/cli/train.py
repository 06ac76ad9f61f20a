"""`minigrad train`: from a data set to a classifier and its test results."""

import click

from . import options as shared
from .command import HELP, Command
from .config import config, origins, show, show_config
from .options import Number, own


@click.command(cls=Command, context_settings={**HELP, "auto_envvar_prefix": "MINIGRAD_TRAIN"})
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
@click.option(
    "--schedule",
    type=click.Choice(["constant", "step", "cosine"]),
    default="constant",
    show_default=True,
    help="The learning rate stays; falls to a tenth after a third and again after two thirds of "
    "the steps; or falls to 0 along half a cosine.",
)
@click.option(
    "--warmup",
    type=Number(0),
    default=0.0,
    show_default=True,
    metavar="EPOCHS",
    help="Epochs, or a part of one, in which the learning rate rises to --lr.",
)
@click.option(
    "--clip-grad",
    type=Number(0, min_open=True),
    metavar="NORM",
    show_default="none",
    help="Largest norm of all gradients together; larger ones are scaled down.",
)
@click.option(
    "--accumulate",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="K",
    help="Batches that make one step.",
)
@click.option(
    "--class-weight",
    metavar="balanced|NAME=W,…",
    show_default="none",
    help="Weights of the classes in the loss; balanced: rows / (classes * rows of the class). "
    "A class that is not named weighs 1.",
)
@click.option(
    "--patience",
    type=click.IntRange(1),
    metavar="EPOCHS",
    show_default="none",
    help="Stop after so many epochs without a lower validation loss.",
)
@click.option(
    "--init-from",
    type=click.Path(),
    metavar="MODEL",
    show_default="fresh weights",
    help="Start from the weights of a model of the same network.",
)
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
@shared.label
@shared.delimiter
@shared.header
@shared.one_hot
@shared.drop
@shared.missing
@shared.scale
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    metavar="DIR",
    show_default="runs/<data>-<n>",
    help="Folder of the run.",
)
@click.option("--overwrite", is_flag=True, help="Let the run replace the files in --out.")
@click.option("--no-save", is_flag=True, help="Write nothing.")
@click.option(
    "--checkpoint-every",
    type=click.IntRange(1),
    metavar="STEPS",
    show_default="each epoch",
    help="Steps between two checkpoints; at most one a second is written.",
)
@config
@show_config
@shared.as_json
@shared.quiet
@shared.verbose
@click.pass_context
def train(ctx, data, as_json, quiet, verbose, show_config, config, **options):
    """Train a classifier on DATA and test it on rows that it has not seen.

    DATA is a built-in set, by default digits (`minigrad datasets` lists them, with the defaults of
    their own); a CSV or TSV file, gzipped or not, or - for stdin; a folder of IDX files, the
    format of MNIST; an .npz file with x and y; or a folder with x.npy and y.npy.

    The model is Linear, activation and dropout for each hidden width, and a last Linear that
    gives one logit for each class. It learns by minimising the cross-entropy with stochastic
    gradient descent:

    \b
        g = gradient + weight_decay * p
        v = momentum * v + g              (v = g in the first step)
        p = p - lr * v                    (nesterov: p - lr * (g + momentum * v))

    It ends with the weights of the epoch whose validation loss was lowest, and writes a folder:
    best.npz, the model; last.npz, from which `minigrad resume` goes on; history.csv; run.json.

    An option that is not given is taken from the environment, MINIGRAD_TRAIN_LR for --lr, then
    from the --config file.

    Results go to stdout, progress to stderr. Exit codes: 0 done, 2 usage, 3 data or model file,
    4 the loss diverged, 130 interrupted.
    """
    shared.check_verbosity(quiet, verbose)
    if options["no_save"] and (options["out"] or options["checkpoint_every"]):
        other = "--out" if options["out"] else "--checkpoint-every"
        raise click.UsageError(f"--no-save and {other} exclude each other; give one of them")
    if options["overwrite"] and not options["out"]:
        raise click.UsageError("--overwrite needs the folder; give it with --out")
    chosen, own_defaults = shared.choose(data, options)
    values = {p.name: chosen.get(p.name) for p in ctx.command.params if p.name in options}
    told = {"data": data, **values}
    where = origins(ctx, own_defaults)
    if show_config:
        show(told, where)
        return
    from .run import run  # NumPy's random numbers: not for --help

    run(data, values, where, own_defaults, as_json=as_json, quiet=quiet, verbose=verbose)
