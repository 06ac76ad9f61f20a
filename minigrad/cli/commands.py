"""The commands: what each takes and what --help says.

`minigrad --help` imports this file, so the bodies, which need NumPy's random numbers, are imported
when a command runs.
"""

import contextlib
import re

import click
from click.core import ParameterSource

from ..settings import SETTINGS
from ..text import table
from . import options as shared
from .completion import data_sets, models, run_folders
from .options import config, origins, settings, show, show_config
from .shell import HELP, Command, remark


@click.command(cls=Command, context_settings={**HELP, "auto_envvar_prefix": "MINIGRAD_TRAIN"})
@click.argument("data", default="digits", shell_complete=data_sets)
@settings(*SETTINGS)
@config
@show_config
@shared.as_json
@shared.quiet
@shared.verbose
@click.option(
    "--exercise",
    type=click.Path(),
    metavar="FILE.py",
    show_default="none",
    help="Use your own operation from this file of `minigrad exercise` in place of minigrad's.",
)
@click.pass_context
def train(ctx, data, as_json, quiet, verbose, show_config, exercise, **options):
    """Train a classifier on DATA and test it on rows that it has not seen.

    DATA is a built-in data set (digits by default; `minigrad datasets` lists them); a CSV or TSV
    file, gzipped or not, or - for stdin; a folder of IDX files, the format of MNIST; an .npz file
    with x and y; or a folder with x.npy and y.npy. Images are x (N, H, W) or (N, C, H, W).

    The model has a Linear, an activation and dropout for each hidden width, and a last Linear that
    gives one logit per class. With --arch cnn, for images, a 3 x 3 convolution, an activation and a
    pooling come first for each number of --conv. It minimises the cross-entropy by stochastic
    gradient descent, or by another --optimizer:

    \b
        g = gradient + weight_decay * p
        v = momentum * v + g              (v = g in the first step)
        p = p - lr * v                    (nesterov: p - lr * (g + momentum * v))

    \b
    adam, in step t; adamw has p = p - lr * weight_decay * p instead of a part of g:
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g^2
        p = p - lr * m / (1 - 0.9^t) / (sqrt(v / (1 - 0.999^t)) + 1e-8)

    \b
    rmsprop:
        v = 0.99 * v + 0.01 * g^2
        b = momentum * b + g / (sqrt(v) + 1e-8)
        p = p - lr * b

    It ends with the weights of the last epoch whose validation loss is within 5 % of the lowest,
    and writes a folder: best.npz, the model; last.npz, from which `minigrad resume` continues;
    history.csv; run.json.

    An option that is not given is read from the environment (MINIGRAD_TRAIN_LR for --lr), then
    from the --config file.

    Results go to stdout, progress to stderr. Exit codes: 0 done, 1 a check failed (gradcheck),
    2 usage, 3 data or model file, 4 the loss diverged, 130 interrupted, also by a reader of stdout
    that leaves, such as head.
    """
    shared.check_exclusive({"-q": quiet, "-v": verbose})
    shared.check_environment(ctx)
    given, where = shared.given(ctx), origins(ctx)
    if show_config:
        from ..training import choose_options

        values, all_origins = choose_options(given, where)
        show({"data": data, **values}, {"data": where.get("data", "default"), **all_origins})
        return
    from .training import run

    using = contextlib.nullcontext()
    if exercise is not None:
        from ..study.practice import practising

        using = practising(exercise, remark)
    with using:
        run(data, given, where, as_json=as_json, quiet=quiet, verbose=verbose)


@click.command(cls=Command, context_settings=HELP)
@click.argument("run", type=click.Path(), shell_complete=run_folders)
@click.option(
    "--epochs",
    type=shared.Whole(1),
    metavar="N",
    show_default="as many as at first",
    help="Number of epochs in all, including those already done.",
)
@shared.as_json
@shared.quiet
@shared.verbose
def resume(run, epochs, as_json, quiet, verbose):
    """Continue the run in the folder RUN from its last checkpoint.

    It ends with the same bytes as a run that was never stopped: weights, momentum, schedule,
    position in the epoch, generator, best weights and history are all restored. It needs the same
    data, and the same versions of minigrad and NumPy.
    """
    shared.check_exclusive({"-q": quiet, "-v": verbose})
    from .training import resume as go_on

    go_on(run, epochs, as_json=as_json, quiet=quiet, verbose=verbose)


@click.command(cls=Command, context_settings=HELP)
def datasets():
    """List the built-in data sets with their sizes and sources."""
    from ..data import BUILTIN

    rows = [("name", "rows", "features", "classes", "source")]
    for name, info in BUILTIN.items():
        sizes = (info.rows, info.features, len(info.classes))
        rows.append((name, *map(str, sizes), info.source))
    click.echo(table(rows, "<>>><"))


NETWORK = (
    *("arch", "conv", "hidden", "batch_norm", "activation", "dropout"),
    *("batch_size", "label_smoothing", "seed", "dtype"),
)
OWN, FILE, DATA = "minigrad's own functions", "FILE.py:NAME", "--data"
NEEDS = {
    "shapes": [FILE],
    **{name: [DATA] for name in NETWORK},
    "seed": [FILE, DATA],
    "bisect": [FILE, DATA],
}


def _shapes(ctx, option, texts: tuple[str, ...]) -> list[tuple[int, ...]]:
    """Turn "4,3" into (4, 3), and "" into ()."""
    shapes = []
    for text in texts:
        shape = shared.whole_numbers(text, 0)
        if shape is None:
            raise click.BadParameter(
                f"{text!r} is not a shape; write whole numbers from 0 separated by commas, such "
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
    help="Shape of a random input of FILE.py:NAME, once per input; '' for a single number.",
)
@click.option(
    "--data",
    metavar="DATA",
    shell_complete=data_sets,
    help="Check a network on a batch of this data set.",
)
@settings(*NETWORK)
@click.option("--bisect", is_flag=True, help="Name the first wrong operation.")
@shared.as_json
@click.pass_context
def gradcheck(ctx, names, shapes, data, bisect, as_json, **options):
    """Compare backward passes with finite differences, in float64.

    \b
    minigrad gradcheck                         all functions and modules of minigrad
    minigrad gradcheck softmax cross_entropy   these
    minigrad gradcheck ops.py:Swish            a Function, Module or function of your own
    minigrad gradcheck layers.py:affine        affine_forward and affine_backward, in NumPy
    minigrad gradcheck --data digits           the network that `train` would train

    For FILE.py:NAME, gradcheck runs the file and takes the inputs from NAME.cases or cases: a list,
    or a function that returns one, with the inputs of one case in each element. --shape gives
    random inputs instead. A function of plain arrays that returns a loss and its gradients is
    checked, too.

    With --data, gradcheck checks the network and its loss on the first batch that `train` would
    use, one parameter at a time. --bisect checks each operation of that step alone, on the arrays
    that flow through it, and names the first wrong one with its layer and its line.

    An element passes if |analytic - numeric| <= 1e-6 |numeric| + error, where error is a bound on
    the error of the numeric side. If this could hide a wrong gradient, the verdict is UNDECIDED,
    and the check has not passed. If PyTorch is installed, values and gradients of minigrad's own
    functions are compared with PyTorch's, too.

    Exit codes: 0 all pass, 1 a check failed, 2 usage, 3 data or a file that cannot be run, 130
    interrupted.
    """
    files = [name for name in names if ":" in name or name.endswith(".py")]
    _refuse_nonsense(ctx, names, files)
    if data is not None:
        from .checking import check_network

        ok = check_network(data, shared.given(ctx), (*NETWORK, "scale"), bisect, as_json)
    elif files:
        from .checking import check_user_code

        ok = check_user_code(*_split(files[0]), shapes, options["seed"], bisect, as_json)
    else:
        from .checking import check_table

        ok = check_table(names, as_json)
    if not ok:
        ctx.exit(1)


def _split(target: str) -> tuple[str, str]:
    r"""Return ("ops.py", "Swish") for "ops.py:Swish"; "C:\ops.py" has no name in it."""
    path, _, name = target.rpartition(":")
    named = path and all(part.isidentifier() for part in name.split("."))
    if not named or target.endswith(".py"):
        raise click.UsageError(
            f"{target!r} does not say what in the file; write the file and a name in it, such as "
            "ops.py:Swish"
        )
    return path, name


def _refuse_nonsense(ctx, names: tuple[str, ...], files: list[str]) -> None:
    """Refuse arguments that do not go together, and name two that exclude each other."""
    data = ctx.params["data"]
    if files:
        shared.check_exclusive(dict.fromkeys([files[0], *names], True))
    shared.check_exclusive({"--data": data is not None, **dict.fromkeys(names[:1], True)})
    kind = DATA if data is not None else FILE if files else OWN
    for parameter in ctx.command.params:
        needs = NEEDS.get(parameter.name)
        typed = ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
        if needs and typed and kind not in needs:
            flag, other = parameter.opts[0], DATA if kind == DATA else " ".join(names[:1])
            why = f"{flag} and {other} exclude each other; " if other else ""
            raise click.UsageError(f"{why}{flag} needs {' or '.join(needs)}")


SIZES = re.compile(r"[1-9]\d{0,5}(-[1-9]\d{0,5})+")
A_NETWORK, A_MODEL, AN_OPERATION = "a network", "a MODEL", "an OPERATION"
DRAWN = {"graph", "html", "overwrite"}
EXPLAINED = {  # by what is explained: the options that go with it
    A_NETWORK: {*DRAWN, "xs", "classes", "rows", "activation", "seed"},
    DATA: {*DRAWN, "data", "row", "rows", "hidden", "activation", "seed"},
    A_MODEL: {*DRAWN, "data", "row", "rows", "xs", "classes"},
    FILE: DRAWN,
    AN_OPERATION: set(),
}


@click.command(cls=Command, context_settings=HELP)
@click.argument(
    "what", required=False, metavar="[NETWORK|MODEL|FILE.py:NAME|OPERATION]", shell_complete=models
)
@click.option("--x", "xs", multiple=True, metavar="N,N…", help="A row of features.")
@click.option("--class", "classes", multiple=True, metavar="NAME", help="The class of each --x.")
@click.option(
    "--data",
    metavar="DATA",
    shell_complete=data_sets,
    help="Take rows of this data set, as `train` reads it.",
)
@click.option(
    "--row", type=shared.Whole(0), default=0, show_default=True, help="The first row, from 0 on."
)
@click.option(
    "--rows", type=shared.Whole(1), default=1, show_default=True, help="How many rows to take."
)
@settings("hidden", "activation", "seed")
@click.option("--graph", is_flag=True, help="Print the graph only.")
@click.option(
    "--html", type=click.Path(), metavar="FILE", help="Write a page to step through to FILE."
)
@click.option("--overwrite", is_flag=True, help="Let --html replace a file.")
@click.pass_context
def explain(ctx, what, xs, classes, data, row, rows, graph, html, overwrite, **options):
    """Show every number of one forward and one backward pass, and how it comes about.

    \b
    minigrad explain                              a 2-4-3 network with fixed weights
    minigrad explain --rows 2                     two rows: where the sum over rows and 1/N come in
    minigrad explain 4-8-3 --x 5,3,1.5,0 --class 0
    minigrad explain --data iris --hidden 4 --row 3    the network that `train` would begin with
    minigrad explain runs/iris-1 --data iris --row 3   a trained one
    minigrad explain ops.py:loss                  a function of your own, on the first of its cases
    minigrad explain softmax                      an operation: derivation, source, usual mistakes

    The forward pass is shown in the order of execution: the formula of each operation, as its
    docstring has it, and the values. The backward pass is shown in reverse: the gradient that
    comes in, the rule, and its numbers for the element with the largest gradient. Then one weight
    is moved a little, and the slope of the loss compared with the weight's gradient; and all
    weights take a step against their gradients.

    With --html the same is a page that needs no network: it goes from step to step, and asks for an
    element of each gradient before it shows it.

    Everything is computed in float64 and printed with four digits. The loss is the mean
    cross-entropy, or what FILE.py:NAME returns, summed up.

    Exit codes: 0 done, 1 the slope is not the gradient, 2 usage, 3 data, model or file.
    """
    kind = _explained(ctx, what, data)
    shared.check_exclusive({"--x": xs, "--data": data is not None})
    if xs and ctx.get_parameter_source("rows") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--x and --rows exclude each other; give --x once for each row")
    if classes and not xs:
        raise click.UsageError("--class needs --x")
    shared.check_exclusive({"--graph": graph, "--html": html})
    shared.check_overwrite(overwrite, html, "--html")
    from . import studying

    def trace():
        if kind == A_NETWORK:
            return studying.of_network(what, xs, classes, rows, **options)
        if kind == DATA:
            given = shared.given(ctx)
            given = {name: given[name] for name in options if name in given}
            return studying.of_data(data, row, rows, given)
        if kind == FILE:
            return studying.of_file(*_split(what))
        if data is None and not xs:
            raise click.UsageError(
                f"{what!r} needs rows; give --data and --row, or --x and --class"
            )
        return studying.of_model(what, data, row, rows, xs, classes)

    if kind == AN_OPERATION:
        studying.show_record(what)
    elif not studying.show(trace, what if kind == FILE else None, graph, html, overwrite):
        ctx.exit(1)


def _explained(ctx, what: str | None, data: str | None) -> str:
    """Return what kind of thing is to be explained; refuse options that do not go with it."""
    if what is None:
        kind = A_NETWORK if data is None else DATA
    elif ".py:" in what or what.endswith(".py"):
        kind = FILE
    elif SIZES.fullmatch(what):
        kind = A_NETWORK
    else:
        from .studying import is_operation

        kind = AN_OPERATION if is_operation(what) else A_MODEL
    for parameter in ctx.command.params:
        fitting = [other for other, names in EXPLAINED.items() if parameter.name in names]
        typed = ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
        if typed and fitting and kind not in fitting:
            flag = parameter.opts[0]
            if flag == DATA:
                fitting = [A_MODEL + ",", "no NETWORK"]
            needs = " or ".join(filter(None, [", ".join(fitting[:-1]), fitting[-1]]))
            raise click.UsageError(f"{flag} does not go with {kind}; it needs {needs}")
    return kind


@click.command(cls=Command, context_settings=HELP)
@click.argument("name", required=False)
@click.option("--check", is_flag=True, help="Grade the file; exit code 1 if something is wrong.")
@click.option(
    "--hint",
    type=click.IntRange(1, 3),
    is_flag=False,
    flag_value=1,
    metavar="[1|2|3]",
    help="Print a hint; each says more than the one before.",
)
@click.option("--solution", is_flag=True, help="Print the file with the solution.")
@click.pass_context
def exercise(ctx, name, check, hint, solution):
    """Write a backward pass yourself, and have it graded.

    \b
    minigrad exercise                    the exercises in their order, and which are done
    minigrad exercise softmax            write softmax.py, with the derivation up to the last step
    minigrad exercise softmax --check    grade it
    minigrad train iris --exercise softmax.py   train with it

    --check looks at the shapes, then at the numbers, and names the element that is wrong. It
    recognises the usual mistakes by their numbers. Until you have written a gradient, `train`
    measures it by differences.
    """
    typed = {"--check": check, "--hint": hint is not None, "--solution": solution}
    shared.check_exclusive(typed)
    if name is None and any(typed.values()):
        raise click.UsageError(
            f"{next(t for t, v in typed.items() if v)} needs the exercise's NAME"
        )
    from . import exercising

    if name is None:
        exercising.list_all()
    elif check:
        if not exercising.check(name):
            ctx.exit(1)
    elif hint is not None:
        exercising.hint(name, hint)
    elif solution:
        exercising.solution(name)
    else:
        exercising.begin(name)


@click.command(cls=Command, context_settings=HELP)
@click.argument("model", type=click.Path(), shell_complete=models)
@click.argument("data", shell_complete=data_sets)
@click.option("--proba", is_flag=True, help="Print the probability of every class, too.")
@click.option(
    "--output", type=click.Path(), metavar="FILE", help="Write to FILE instead of stdout."
)
@click.option("--overwrite", is_flag=True, help="Let --output replace a file.")
@click.option(
    "--keep",
    multiple=True,
    metavar="COL,…",
    help="Carry these columns of DATA through; the output is CSV with a header.",
)
@shared.unseen
@shared.reading
@shared.as_json
@shared.quiet
def predict(model, data, proba, output, overwrite, as_json, quiet, **reading):
    """Print the class of each row of DATA, one per line.

    MODEL is a model file, or a run folder whose best.npz is read. DATA is what `train` takes; - is
    stdin. Columns are found by their names; the names of columns that the model does not use are
    printed on stderr.

    The output has a line for each row. A row that cannot be used has an empty class, written as "":
    a value is missing that training did not fill in, or training did not have it (--unseen). The
    first of them are named on stderr. A number that is not one is an error.

    With --proba the output is CSV with the header class,<name>,<name>… and the classes in the
    order of the model. With --json it is one object per row, and a last one that counts them.
    """
    shared.check_overwrite(overwrite, output)
    from . import using

    using.predict(model, data, proba, output, overwrite, as_json, quiet, **reading)


@click.command(cls=Command, context_settings=HELP)
@click.argument("model", type=click.Path(), shell_complete=models)
@click.argument("data", required=False, shell_complete=data_sets)
@shared.unseen
@shared.reading
@shared.as_json
@shared.quiet
@click.pass_context
def evaluate(ctx, model, data, as_json, quiet, **reading):
    """Test MODEL on the labelled rows of DATA, or a run on the rows that it held out.

    Without DATA, MODEL is a run folder, and its test rows are read again from the file that it was
    trained on, which has to be unchanged.

    MODEL and DATA are as for `predict`; DATA also needs the column of the label. Rows that cannot
    be used are left out and counted, those without a label or with one that the model does not
    know among them.

    The log loss is the mean of -log(probability of the true class). Precision, recall and f1 of no
    rows are 0. The macro average is the mean over the classes; the micro average counts all rows
    together.
    """
    from . import using

    if data is None:
        for parameter in ctx.command.params:
            typed = ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
            if parameter.name in reading and typed:
                raise click.UsageError(f"{parameter.opts[0]} needs DATA")
        using.evaluate_held_out(model, as_json, quiet)
    else:
        using.evaluate(model, data, as_json, quiet, **reading)


@click.command(cls=Command, context_settings=HELP)
@click.argument("model", type=click.Path(), shell_complete=models)
@click.argument("data", shell_complete=data_sets)
@click.option(
    "--seed", type=shared.Whole(0), default=0, show_default=True, help="Seed of the shuffles."
)
@shared.unseen
@shared.reading
@shared.as_json
@shared.quiet
def importance(model, data, seed, as_json, quiet, **reading):
    """Print how much MODEL needs each column: its permutation importance on DATA.

    MODEL and DATA are as for `evaluate`. The values of a column are shuffled among the rows, five
    times; the drop is how much lower the accuracy is then, in percentage points, the spread its
    standard deviation over the five. Rows that the model was not trained on tell what it needs to
    be right about new ones. Of two columns that say the same, each may seem unimportant, as may
    each pixel of an image beside its neighbours.
    """
    from . import using

    using.importance(model, data, seed, as_json, quiet, **reading)


@click.command(cls=Command, context_settings=HELP)
@click.argument("path", type=click.Path(), metavar="MODEL|RUN", shell_complete=models)
@shared.as_json
def inspect(path, as_json):
    """Print everything that MODEL, a file that minigrad wrote, or the folder RUN holds.

    For a model: its format, classes, columns, scaling, layers, arrays, and how it was trained. For
    a run: the same for its best.npz, then run.json and the last line of history.csv. Files are
    checked as they are read: a damaged file is an error.
    """
    from .using import inspect_path

    inspect_path(path, as_json)


@click.command(cls=Command, context_settings=HELP)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=run_folders)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Draw with matplotlib into this .png or .svg, instead of the terminal.",
)
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@click.option("--ascii", "only_ascii", is_flag=True, help="Draw in the terminal without Unicode.")
def plot(runs, output, overwrite, only_ascii):
    """Draw the training and validation curves of each RUN, a folder that `minigrad train` wrote.

    Several runs are drawn side by side on the same axes. If the data has two features, the decision
    regions are drawn too, with the rows as points. If it is images, the mistakes in the test rows
    are drawn of which the model was most confident, and the filters of its first layer. The picture
    in FILE also shows the confusion matrix of the test rows; it needs matplotlib: pip install
    'minigrad[plot]'.

    In the terminal, a picture is as wide as COLUMNS says or as the terminal is, and plain ASCII if
    stdout is not UTF-8. Exit codes: 0 done, 2 usage, 3 the run's files.
    """
    shared.check_overwrite(overwrite, output)
    shared.check_exclusive({"--ascii": only_ascii, "--output": output})
    from .using import draw

    draw(runs, output, overwrite, only_ascii)


# Each is the name of a bridge, minigrad/bridges/<name>.py, and of its extra.
TARGETS = ("numpy", "torch", "onnx", "safetensors")


@click.command(cls=Command, context_settings=HELP)
@click.argument("model", type=click.Path(), shell_complete=models)
@click.option("--to", type=click.Choice(TARGETS), required=True, help="For which tool.")
@click.argument("path", type=click.Path())
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def export(model, to, path, overwrite):
    """Write MODEL, a model file or a run folder, to PATH as something that another tool reads.

    \b
    minigrad export runs/iris-1 --to numpy iris.py    a program that needs NumPy, and iris.npz
    minigrad export runs/iris-1 --to torch iris       a folder with a script in plain PyTorch
    minigrad export runs/iris-1 --to onnx iris.onnx   a file for onnxruntime
    minigrad export runs/iris-1 --to safetensors iris.safetensors
                                                      the weights under PyTorch's names

    The names of the files are printed. docs/bridges.md shows what can be done with them.
    """
    from .bridging import export as write

    write(model, to, path, overwrite)


@click.command("import", cls=Command, context_settings=HELP)
@click.argument("weights", type=click.Path())
@click.option(
    "--like",
    type=click.Path(),
    metavar="MODEL",
    shell_complete=models,
    help="The model whose layers, columns and scaling the new one gets.",
)
@click.option(
    "--output", type=click.Path(), metavar="FILE", required=True, help="The new model file."
)
@click.option("--overwrite", is_flag=True, help="Let --output replace a file.")
def import_weights(weights, like, output, overwrite):
    """Make a model file of WEIGHTS that another tool trained, a PyTorch state dict.

    WEIGHTS is a .safetensors file, or the folder that `export --to torch` wrote, whose
    model.safetensors is read. Its arrays need the names, shapes and dtype of those of --like. A
    file that `export --to safetensors` wrote holds all of a model, and needs no --like.
    """
    from .bridging import import_weights as read

    read(weights, like, output, overwrite)
