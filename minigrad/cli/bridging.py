"""What `minigrad export` does."""

import importlib
import importlib.util
import os
from types import ModuleType

import click

from .. import training
from ..errors import ArgumentError
from ..text import printable, reason
from ..training import run_folder

BESIDE = {"numpy": ".npz"}  # what a target writes beside PATH, with this for its ending


def export(model: str, to: str, path: str, overwrite: bool) -> None:
    """Write a model for another tool; print the path of each file."""
    bridge = bridge_to(to)
    stem = os.path.splitext(path)[0]
    for written in [path, *([stem + BESIDE[to]] if to in BESIDE else [])]:
        for read in (model, os.path.join(model, run_folder.BEST)):
            if os.path.exists(written) and os.path.exists(read) and os.path.samefile(written, read):
                wrong, facts = "it would replace the model", f"{written}, and MODEL {model}"
                raise ArgumentError("export", wrong, facts, "choose another name")
    for written in bridge.write(training.load(model), path, overwrite=overwrite):
        click.echo(f"wrote {printable(written)}")


def bridge_to(name: str) -> ModuleType:
    """Return the bridge of this name.

    Raises:
        ArgumentError: if a package that it needs is not installed, or cannot be imported.
    """
    try:
        return importlib.import_module(f"minigrad.bridges.{name}")
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if importlib.util.find_spec(package) is None:
            wrong, remedy = f"it needs {package}", f"pip install 'minigrad[{name}]'"
            raise ArgumentError(f"--to {name}", wrong, reason(error), remedy) from error
        raise _broken(name, error) from error
    except Exception as error:  # of a package that is installed
        raise _broken(name, error) from error


def _broken(name: str, error: Exception) -> ArgumentError:
    wrong, remedy = "a package that it needs does not start", "install that package again"
    return ArgumentError(f"--to {name}", wrong, reason(error), remedy)
