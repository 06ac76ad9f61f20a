"""`minigrad predict`: the class of each row of a file."""

import click

from . import options as shared
from .command import HELP, Command


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
    from . import predictions  # NumPy's random numbers: not for --help

    predictions.check_output(output, overwrite)
    classifier = load(model)
    rows = predictions.Rows(classifier, data, delimiter, header, quiet)
    kind = predictions.json_lines if as_json else predictions.csv_lines
    predictions.write(kind(classifier, rows, proba), output)
