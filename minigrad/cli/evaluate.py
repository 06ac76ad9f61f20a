"""`minigrad evaluate`: how a model does on labelled rows."""

import click

from . import options as shared
from .command import HELP, Command


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
    from . import predictions  # NumPy's random numbers: not for --help

    classifier = load(model)
    rows = predictions.Rows(classifier, data, delimiter, header, quiet, labels=True)
    predictions.report(classifier, rows, as_json, quiet)
