"""What `minigrad export` and `minigrad import` do."""

import importlib
import importlib.util
import os
from types import ModuleType

import click

from .. import training
from ..data.files import check_target
from ..errors import ArgumentError
from ..text import printable, reason
from ..training import run_folder
from .using import check_output, refuse_inputs

BESIDE = {"numpy": ".npz"}  # what a target writes beside PATH, with this for its ending


def export(model: str, to: str, path: str, overwrite: bool) -> None:
    """Write a model for another tool; print the path of each file."""
    bridge = bridge_to(to, f"--to {to}")
    beside = [os.path.splitext(path)[0] + BESIDE[to]] if to in BESIDE else []
    for written in [path, *beside]:
        refuse_inputs("export", written, (model, os.path.join(model, run_folder.BEST)))
    for written in bridge.write(training.load(model), path, overwrite=overwrite):
        click.echo(f"wrote {printable(written)}")


def import_weights(weights: str, like: str | None, output: str, overwrite: bool) -> None:
    """Write a model file with weights of another tool; print its path."""
    bridge = bridge_to("safetensors", "import")
    models = () if like is None else (like, os.path.join(like, run_folder.BEST))
    check_output(output, (weights, *models), stdout=False)
    check_target(output, overwrite)
    found = bridge.load_weights(weights, training.load(like)) if like else bridge.load(weights)
    found.save(output)
    click.echo(f"wrote {printable(output)}")


def bridge_to(name: str, where: str) -> ModuleType:
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
            raise ArgumentError(where, wrong, reason(error.__cause__ or error), remedy) from error
        raise _broken(where, error) from error
    except Exception as error:  # of a package that is installed
        raise _broken(where, error) from error


def _broken(where: str, error: Exception) -> ArgumentError:
    wrong, remedy = "a package that it needs does not start", "install that package again"
    return ArgumentError(where, wrong, reason(error), remedy)
