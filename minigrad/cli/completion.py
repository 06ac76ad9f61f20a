"""What the shell offers at TAB for an argument: built-in sets, run folders, models, files.

Click writes the shell's part (`_MINIGRAD_COMPLETE=bash_source minigrad`, zsh_source, fish_source),
and offers commands, options and their choices by itself.
"""

import contextlib
import os
import shlex
from collections.abc import Iterator

import click
from click.shell_completion import CompletionItem

RUNS, RUN = "runs", "run.json"  # where `train` puts a run, and the file that makes a folder one


def data_sets(ctx: click.Context, param: click.Parameter, start: str) -> list[CompletionItem]:
    """Return the built-in sets and the files whose names begin like this."""
    from ..data import BUILTIN  # not for --help

    return _with_files([name for name in BUILTIN if name.startswith(start)], start)


def models(ctx: click.Context, param: click.Parameter, start: str) -> list[CompletionItem]:
    """Return the run folders and the files whose paths begin like this."""
    return _with_files([*_runs(start)], start)


def run_folders(ctx: click.Context, param: click.Parameter, start: str) -> list[CompletionItem]:
    """Return the run folders whose paths begin like this; without any, the shell's own folders."""
    return [*map(CompletionItem, _runs(start))] or [CompletionItem(start, type="dir")]


def _runs(start: str) -> Iterator[str]:
    for folder in dict.fromkeys([RUNS, os.path.dirname(start)]):
        for path in _entries(folder):
            if path.startswith(start) and os.path.isfile(os.path.join(path, RUN)):
                yield path


def _with_files(known: list[str], start: str) -> list[CompletionItem]:
    """Return what is known, and the files beside it: bash's own list would take its place."""
    if not known:
        return [CompletionItem(start, type="file")]
    files = [path for path in _entries(os.path.dirname(start)) if path.startswith(start)]
    files = [path + "/" * os.path.isdir(path) for path in files if path not in known]
    return [*map(CompletionItem, [*known, *files])]


def _entries(folder: str) -> Iterator[str]:
    """Yield the paths in a folder that the shell takes as they are, without hidden ones."""
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(folder or os.curdir)):
            path = os.path.join(folder, name)
            if not name.startswith(".") and shlex.quote(path) == path:
                yield path
