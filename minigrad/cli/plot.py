"""`minigrad plot`: what happened in a run, as a picture."""

import itertools
import os
import sys

import click

from .. import errors
from .command import HELP, Command


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
    import shutil  # as the others, not for --help

    from .. import plotting
    from .output import remark

    if overwrite and output is None:
        raise click.UsageError("--overwrite needs the file; give it with --output")
    if only_ascii and output is not None:
        raise click.UsageError("--ascii and --output exclude each other; give one of them")
    save = None if output is None else _writer(output, overwrite)
    found = [plotting.read_run(folder) for folder in runs]
    planes, remarks = zip(*map(plotting.read_plane, found), strict=True)
    for text in itertools.chain.from_iterable(remarks):
        remark(text)
    if save is not None:
        save(found, planes)
        click.echo(f"wrote {click.format_filename(output)}")
        return
    style = (
        plotting.ASCII
        if only_ascii
        else plotting.style_for(getattr(sys.stdout, "encoding", "ascii"))
    )
    click.echo(plotting.draw(found, planes, shutil.get_terminal_size().columns, style))


def _writer(path, overwrite):
    """Return what writes the picture; what is wrong with the file is found before any reading."""
    from ..training.archive import atomic_write
    from .predictions import check_output

    suffix = os.path.splitext(path)[1].lower()
    if suffix not in (".png", ".svg"):
        raise errors.ArgumentError(
            "--output",
            "only .png and .svg pictures can be drawn",
            f"FILE {path}",
            "end its name in one of them",
        )
    check_output(path, overwrite)
    try:
        from ..plotting import figure
    except ImportError as error:
        raise errors.ArgumentError(
            "--output",
            "a picture needs matplotlib",
            str(error),
            "pip install 'minigrad[plot]', or leave --output out to draw in the terminal",
        ) from error
    return lambda runs, planes: atomic_write(
        path, lambda file: figure.save(file, suffix[1:], runs, planes)
    )
