"""`minigrad gradcheck FILE.py:NAME`: run a user's file, and check what it defines."""

import contextlib
import linecache
import os
import sys
import traceback
import types
from collections.abc import Callable, Iterator

import click
import numpy as np

from .. import Function, Tensor, nn
from ..checking import bisect, gradcheck
from ..errors import ArgumentError, DataError
from ..text import did_you_mean
from .output import event, remark

MODULE = "_minigrad_user_code"  # in sys.modules, where no import can mean it


def check_user_code(
    path: str, name: str, shapes: list[tuple], seed: int, by_node: bool, as_json: bool
) -> bool:
    """Check a name of a user's file on its own cases, or on normal inputs of the shapes.

    Either as a whole or, with `by_node`, each operation in it alone. Return whether all pass.
    """
    f, cases = _load(path, name)
    if shapes:
        cases = [_normal(shapes, seed)]
    if cases is None:
        raise ArgumentError(
            "gradcheck",
            f"there are no inputs to check {name} with",
            f"{path} defines no cases, and no --shape was given",
            f"write cases = [(x, …), …] or {name}.cases = …, or pass --shape 4,3 for each input",
        )
    good = []
    for i, inputs in enumerate(cases):
        given = _describe(inputs)
        remedy = "correct it, or give inputs that it takes"
        with _in_file(path, f"case {i}, {given}", remedy):
            report = bisect(f, inputs) if by_node else gradcheck(f, inputs, seed=seed, raises=False)
        good.append(report.ok)
        if as_json:
            event("bisection" if by_node else "report", name=name, case=i, **report.to_dict())
        else:
            click.echo(f"{name}, case {i}: {given}\n{report}\n")
    if as_json:
        event("result", ok=all(good), cases=len(good), failed=good.count(False))
    else:
        click.echo(f"{name}: {good.count(True)} of {len(good)} cases pass")
    return all(good)


def _load(path: str, name: str) -> tuple[Callable, list[list] | None]:
    """Run the file and return the function of Tensors that stands there under the dotted name.

    With it comes a list of the inputs of each case; None where the file has none.

    Raises DataError where there is no such file or name, the file raises, or it is nothing to
    check.
    """
    module = _run(path)
    found, known = module, "it"
    for part in name.split("."):
        if not hasattr(found, part):
            raise _no_such_name(path, known, part, found)
        found, known = getattr(found, part), part
    f = _callable(path, name, found)
    cases = getattr(found, "cases", getattr(module, "cases", None))
    if callable(cases):
        with _in_file(path, "calling cases"):
            cases = cases()
            if isinstance(cases, types.GeneratorType):
                cases = list(cases)
    return f, None if cases is None else _inputs(path, cases)


@contextlib.contextmanager
def _in_file(path: str, doing: str, remedy: str = "correct it") -> Iterator[None]:
    """Turn what a user's code raises into a DataError that names its line.

    What it prints goes to stderr: stdout holds results.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (Exception, SystemExit) as error:
        if isinstance(error, ArgumentError) and error.args[0] in ("gradcheck", "bisect"):
            raise  # about the inputs or the output, in words of its own
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
        line = lines[-1] if lines else None
        text = str(error)
        if isinstance(error, SyntaxError) and error.filename == path:
            line, text = error.lineno, error.msg
        what = " ".join(f"{type(error).__name__}: {text}".split()).removesuffix(":")
        linecache.checkcache(path)
        code = linecache.getline(path, line).strip() if line else ""
        raise DataError(
            path,
            f"line {line} raised {what}" if line else what,
            f"{doing}, at {code!r}" if code else doing,
            remedy,
        ) from error


def _run(path: str) -> types.ModuleType:
    """Run the file as a module, without leaving byte code beside it."""
    if not os.path.exists(path):
        raise DataError(
            path,
            "there is no such file",
            f"the current folder is {os.getcwd()}",
            "give the path of a Python file and a name in it, such as ops.py:Swish",
        )
    with open(path, "rb") as file:
        source = file.read()
    remark(f"running {path}")
    module = types.ModuleType(MODULE)
    module.__file__ = path
    sys.modules[MODULE] = module
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))  # as `python ops.py` does
    with _in_file(path, "running the file"):
        exec(compile(source, path, "exec"), vars(module))
    return module


def _no_such_name(path: str, owner: str, name: str, found) -> DataError:
    held = getattr(found, "__dict__", {})
    names = [n for n, value in held.items() if callable(value) and not n.startswith("_")]
    return DataError(
        path,
        f"{owner} defines no {name!r}",
        f"there are {', '.join(names)}" if names else "there is nothing to call",
        did_you_mean(name, names, "give a name of the file"),
    )


def _callable(path: str, name: str, found) -> Callable:
    """Return the function of Tensors that a Function class, a module or a function is."""
    if isinstance(found, type) and issubclass(found, Function):
        return found.apply
    if isinstance(found, type) and issubclass(found, nn.Module):
        with _in_file(path, f"calling {name}()", f"name an instance, such as model = {name}(…)"):
            return found()
    if callable(found) and not isinstance(found, type):
        return found
    raise DataError(
        path,
        f"{name} cannot be checked",
        "it is a class" if isinstance(found, type) else f"it is of type {type(found).__name__}",
        "name a Function, a Module, or a function that returns one Tensor",
    )


def _inputs(path: str, cases) -> list[list]:
    """Return the inputs of each case as a list; an array alone is the only input of its case."""
    if not isinstance(cases, (list, tuple)):
        raise DataError(
            path,
            f"cases is of type {type(cases).__name__}",
            "it has to be a list with the inputs of one case in each place",
            "write cases = [(x, W), …]",
        )
    if not cases:
        raise DataError(path, "cases is empty", "there is nothing to check", "add inputs to it")
    return [list(case) if isinstance(case, (list, tuple)) else [case] for case in cases]


def _normal(shapes, seed: int) -> list[np.ndarray]:
    """Return standard normal float64 arrays of these shapes."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def _describe(inputs: list) -> str:
    """Return "inputs (4, 3), (3,)"."""
    shapes = [x.shape if isinstance(x, Tensor) else np.shape(x) for x in inputs]
    return f"inputs {', '.join(map(str, shapes))}" if shapes else "no inputs"
