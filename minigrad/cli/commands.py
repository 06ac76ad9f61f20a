"""The commands: what each takes and says in --help. Their bodies are imported when they run."""

import click
from click.core import ParameterSource

from . import options as shared
from .options import OWN_DEFAULTS, Number, config, origins, own, show, show_config
from .shell import HELP, Command


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
    from .training import run  # NumPy's random numbers: not for --help

    run(data, values, where, own_defaults, as_json=as_json, quiet=quiet, verbose=verbose)


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
    from .training import resume as go_on  # NumPy's random numbers: not for --help

    shared.check_verbosity(quiet, verbose)
    go_on(run, epochs, as_json=as_json, quiet=quiet, verbose=verbose)


@click.command(cls=Command, context_settings=HELP)
def datasets():
    """List the built-in data sets with their sizes and sources.

    Where `minigrad train` starts from other defaults than its --help says, they are listed too.
    """
    from ..data import BUILTIN  # not for --help

    rows = [("name", "rows", "features", "classes", "source")]
    for name, info in BUILTIN.items():
        rows.append((name, info.rows, info.features, len(info.classes), info.source))
    widths = [max(len(str(row[i])) for row in rows) for i in range(4)]
    for name, *numbers, source in rows:
        cells = [f"{n:>{width}}" for n, width in zip(numbers, widths[1:], strict=True)]
        click.echo("  ".join([f"{name:<{widths[0]}}", *cells, source]))
        if own := OWN_DEFAULTS.get(name):
            flags = " ".join(f"--{key.replace('_', '-')} {value}" for key, value in own.items())
            click.echo(f"{'':<{widths[0]}}  own defaults: {flags}")


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
        from .checking import check_network  # these three load the table and NumPy's random numbers

        chosen, _ = shared.choose(data, options)
        chosen = {key: chosen[key] for key in (*NETWORK, "scale")}
        ok = check_network(data, chosen, bisect, as_json)
    elif files:
        from .checking import check_user_code

        ok = check_user_code(*_split(files[0]), shapes, options["seed"], bisect, as_json)
    else:
        from .checking import check_mutants, check_table

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


@click.command(cls=Command, context_settings=HELP)
@click.argument("model", type=click.Path())
@click.argument("data")
@click.option("--proba", is_flag=True, help="Print the probability of every class, too.")
@click.option("--output", type=click.Path(), metavar="FILE", help="Write to FILE, not to stdout.")
@click.option("--overwrite", is_flag=True, help="Let --output replace a file.")
@shared.delimiter
@shared.header
@shared.as_json
@shared.quiet
def predict(model, data, proba, output, overwrite, delimiter, header, as_json, quiet):
    """Print the class of each row of DATA, one a line.

    MODEL is a model file, or a run folder, of which best.npz is taken. DATA is what `train` takes;
    - is stdin. Columns are found by their names; those that the model has no use for are named on
    stderr and ignored. A missing value is treated as in training.

    With --proba the output is CSV with the header class,<name>,<name>… and the classes in the
    order of the model. With --json it is an object a row, and a last one that counts them.
    """
    if overwrite and not output:
        raise click.UsageError("--overwrite needs the file; give it with --output")
    from ..training import load
    from . import using  # NumPy's random numbers: not for --help

    using.check_output(output, overwrite)
    classifier = load(model)
    rows = using.Rows(classifier, data, delimiter, header, quiet)
    kind = using.json_lines if as_json else using.csv_lines
    using.write(kind(classifier, rows, proba), output)


@click.command(cls=Command, context_settings=HELP)
@click.argument("model", type=click.Path())
@click.argument("data")
@shared.delimiter
@shared.header
@shared.as_json
@shared.quiet
def evaluate(model, data, delimiter, header, as_json, quiet):
    """Test MODEL on the labelled rows of DATA.

    MODEL is a model file, or a run folder, of which best.npz is taken. DATA is what `train` takes;
    - is stdin. Columns are found by their names, the label among them; those that the model has no
    use for are named on stderr and ignored. A missing value is treated as in training.

    The log loss is the mean of -log(probability of the true class). Precision, recall and f1 of no
    rows are 0. The macro average is the mean over the classes; the micro average is taken over all
    rows together.
    """
    from ..training import load
    from . import using  # NumPy's random numbers: not for --help

    classifier = load(model)
    rows = using.Rows(classifier, data, delimiter, header, quiet, labels=True)
    using.report(classifier, rows, as_json, quiet)


@click.command(cls=Command, context_settings=HELP)
@click.argument("path", type=click.Path(), metavar="MODEL|RUN")
@shared.as_json
def inspect(path, as_json):
    """Print everything that MODEL, a file that minigrad wrote, or the folder RUN holds.

    Of a model: its format, classes, columns, scaling, layers, arrays, and how it was trained. Of a
    run: the same of its best.npz, then run.json and the last line of history.csv. Files are
    checked as they are read: a damaged one is an error.
    """
    from .using import inspect_path  # NumPy's random numbers: not for --help

    inspect_path(path, as_json)


@click.command(cls=Command, context_settings=HELP)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Draw with matplotlib into this .png or .svg, instead of the terminal.",
)
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@click.option("--ascii", "only_ascii", is_flag=True, help="Draw in the terminal without Unicode.")
def plot(runs, output, overwrite, only_ascii):
    """Show the training and validation curves of each RUN, a folder that `minigrad train` wrote.

    Several runs stand side by side, on the same axes. Where the data has two features, so do the
    decision regions, with the rows as points. The picture in FILE shows the confusion matrix of
    the test rows too; it needs matplotlib: pip install 'minigrad[plot]'.

    In the terminal a picture takes its width from COLUMNS or from the terminal, and is plain ASCII
    where stdout is not UTF-8. Exit codes: 0 done, 2 usage, 3 the run's files.
    """
    from .using import draw  # NumPy's random numbers: not for --help

    draw(runs, output, overwrite, only_ascii)
