"""What `minigrad gradcheck` checks: minigrad's own functions, a user's file, a network."""

import contextlib
import copy
import numbers
import sys
import time
import types
from collections.abc import Callable, Sequence

import click
import numpy as np

from .. import Function, Tensor, nn
from .. import data as sets
from ..checking import bisect, from_numpy, gradcheck
from ..checking.report import GOOD, Report
from ..checking.table import Row, check_row, find, relative_error
from ..checking.user_code import in_file, run_file
from ..errors import ArgumentError, DataError
from ..text import did_you_mean, table
from ..training import Experiment
from .shell import event, on_terminal, progress_bar, remark
from .training import as_option, is_told

# ---- gradcheck [NAME…]: minigrad's own functions and modules -------------------------------------


def check_table(names: Sequence[str], as_json: bool) -> bool:
    """Check functions and modules of minigrad, by default all of them; return whether all pass."""
    names = find(names)
    torch = _torch()
    started = time.perf_counter()
    title = "function".ljust(max(map(len, names)))
    header = [title, "cases", "elements", "error/tolerance"]
    header += ["PyTorch", "verdict"] if torch else ["verdict"]
    align = "<" + ">" * (len(header) - 2) + "<"
    if not as_json:
        click.echo(table([header], align))
    rows = []
    with _bar(len(names)) as bar:
        for name in names:
            row = check_row(name, torch)
            rows.append(row)
            with bar.external_write_mode():
                if as_json:
                    event("row", **row.to_dict())
                else:
                    click.echo(_below(header, _cells(row, torch), align))
            bar.update()
    cases, elements = sum(row.cases for row in rows), sum(row.elements for row in rows)
    bad = [row.name for row in rows if not row.ok]
    if as_json:
        event("result", ok=not bad, rows=len(rows), cases=cases, elements=elements, failed=bad)
    else:
        for row in rows:
            _failures(row)
        found = f"{len(bad)} FAIL: {', '.join(bad)}" if bad else "all pass"
        counts = (_count(len(rows), "row"), _count(cases, "case"), _count(elements, "element"))
        click.echo(f"\n{', '.join(counts)}: {found}")
    remark(f"checked in {time.perf_counter() - started:.1f} s")
    return not bad


def _cells(row: Row, torch) -> list[str]:
    cells = [row.name, str(row.cases), str(row.elements), f"{row.error:.1e}"]
    if torch:
        cells.append("-" if row.deviation is None else f"{row.deviation:.1e}")
    return [*cells, row.verdict]


def _failures(row: Row) -> None:
    """Print the first failure in full, and how many more there are."""
    if row.failures:
        click.echo(f"\n{row.failures[0]}")
        if more := len(row.failures) - 1:
            click.echo(f"… and {more} more of the {row.cases} cases of {row.name}")


def _torch():
    """Return the module of PyTorch; None if it is not installed or does not work."""
    try:
        import torch

        torch.set_num_threads(1)  # for inputs this small, more threads only wait for each other
        torch.tensor(np.zeros(1)).numpy()  # a PyTorch built for another NumPy fails only here
    except Exception as error:  # a broken installation raises all sorts
        reason = " ".join(str(error).split())
        missing = isinstance(error, ModuleNotFoundError)
        why = "is not installed" if missing else f"does not work ({reason})"
        remark(f"PyTorch {why}: nothing is compared with it")
        return None
    return torch


def _bar(total: int):
    """Return a progress bar; nothing shows for a single item, or outside a terminal."""
    invisible = total == 1 or not on_terminal()
    return progress_bar(total, leave=False, disable=invisible)


def _below(header: Sequence[str], row: Sequence[str], align: str = "<>") -> str:
    """Return a line of a table whose header is printed already and wide enough for every row."""
    return table([header, row], align).splitlines()[1]


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


# ---- gradcheck FILE.py:NAME: run a user's file, and check what it defines ------------------------


def check_user_code(
    path: str, name: str, shapes: list[tuple], seed: int, by_node: bool, as_json: bool
) -> bool:
    """Check what `name` is in a user's file on its own cases, or on random inputs of the shapes.

    With `by_node`, check each operation in it alone. Return whether all cases pass.
    """
    with in_file(path, "looking up what it defines"):  # a property may raise anything
        f, cases = load_user_code(path, name)
    if shapes:
        cases = [_normal(shapes, seed)]
        if not any(x.size for x in cases[0]):
            raise ArgumentError(
                "gradcheck",
                "there is nothing to check",
                _describe(cases[0]),
                "pass --shape with an axis longer than 0",
            )
    if cases is None:
        pair = hasattr(getattr(f, "__self__", None), "passes")  # no object has the name itself
        holder = f"{name}_forward" if pair else name
        raise ArgumentError(
            "gradcheck",
            f"there are no inputs to check {name} with",
            f"{path} defines no cases, and no --shape was given",
            f"write cases = [(x, …), …] or {holder}.cases = …, or pass --shape 4,3 for each input",
        )
    if _is_loss(f, cases[0]):
        remark(f"{name} returns a loss and its gradients: these are checked")
        f = from_numpy(f)
    good = []
    for i, inputs in enumerate(cases):
        with in_file(path, f"looking at case {i}"):
            given = _describe(inputs)
        remedy = "correct it, or give inputs that it takes"
        with in_file(path, f"case {i}, {given}", remedy):
            try:
                report = (
                    bisect(f, inputs) if by_node else gradcheck(f, inputs, seed=seed, raises=False)
                )
            except ArgumentError as error:
                raise _half_of_a_pair(path, name, f, error) from error
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


def load_user_code(path: str, name: str) -> tuple[Callable, list[list] | None]:
    """Run the file; return the function that the dotted name means, and the inputs of each case.

    The inputs are None if the file has none.

    Raises:
        DataError: if there is no such file or name, if the file raises, or if the name does not
            mean something that can be checked.
    """
    remedy = "give the path of a Python file and a name in it, such as ops.py:Swish"
    module = run_file(path, remedy, on_run=lambda: remark(f"running {path}"))
    found, known = module, "it"
    for part in name.split("."):
        found, known = _member(path, known, part, found), part
    f = _callable(path, name, found)
    cases = getattr(found, "cases", getattr(module, "cases", None))
    if callable(cases):
        with in_file(path, "calling cases"):
            cases = cases()
            if isinstance(cases, types.GeneratorType):
                cases = list(cases)
    return f, None if cases is None else _inputs(path, cases)


def _member(path: str, owner: str, name: str, found):
    """Return what has this name in the file or in something that the file defines.

    If nothing has, but `name_forward` and `name_backward` exist, it is the Function of these two.
    """
    if hasattr(found, name):
        return getattr(found, name)
    known = [way for way in ("forward", "backward") if hasattr(found, f"{name}_{way}")]
    if not known:
        raise _no_such_name(path, owner, name, found)
    if len(known) == 1:
        missing = "backward(dout, cache)" if known == ["forward"] else "forward(*inputs)"
        raise DataError(
            path,
            f"{owner} defines {name}_{known[0]}, but not {name}_{missing.partition('(')[0]}",
            f"{name} is checked as a pair of the two",
            f"write {name}_{missing}",
        )
    forward = getattr(found, f"{name}_forward")
    pair = from_numpy(forward, getattr(found, f"{name}_backward"))
    if hasattr(forward, "cases"):
        pair.cases = forward.cases
    return pair


def _is_loss(f: Callable, inputs: list) -> bool:
    """Return whether f takes plain arrays, and returns a number and its gradients."""
    if not isinstance(f, types.FunctionType):
        return False
    try:
        plain = [np.array(x.data) if isinstance(x, Tensor) else copy.deepcopy(x) for x in inputs]
        with contextlib.redirect_stdout(sys.stderr), np.errstate(all="ignore"):
            y = f(*plain)
    except KeyboardInterrupt:
        raise
    except BaseException:  # a function of Tensors, or a mistake that the check reports
        return False
    number = isinstance(y, tuple) and len(y) == 2 and isinstance(y[0], (np.ndarray, numbers.Real))
    return number and np.size(y[0]) == 1


def _half_of_a_pair(path: str, name: str, f: Callable, error: ArgumentError) -> ArgumentError:
    """Return the error of a check, which names the pair that f is a pass of, if it is one."""
    for way, other in (("_forward", "_backward"), ("_backward", "_forward")):
        pair = name.removesuffix(way)
        if pair != name and f"{pair.split('.')[-1]}{other}" in getattr(f, "__globals__", ()):
            return ArgumentError(*error.args[:3], f"check the pair of the two, {path}:{pair}")
    return error


def _no_such_name(path: str, owner: str, name: str, found) -> DataError:
    held = getattr(found, "__dict__", {})
    names = [n for n, value in held.items() if callable(value) and not n.startswith("_")]
    return DataError(
        path,
        f"{owner} does not define {name!r}",
        f"it defines {', '.join(names) or 'nothing to call'}",
        did_you_mean(name, names, "give a name of the file"),
    )


def _callable(path: str, name: str, found) -> Callable:
    """Return a Function class, a module or a function as a function of Tensors."""
    if isinstance(found, type) and issubclass(found, Function):
        return found.apply
    if isinstance(found, type) and issubclass(found, nn.Module):
        with in_file(path, f"calling {name}()", f"name an instance, such as model = {name}(…)"):
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
    """Return the inputs of each case as a list; a case that is an array has no other input."""
    if not isinstance(cases, (list, tuple)):
        raise DataError(
            path,
            f"cases is of type {type(cases).__name__}",
            "it has to be a list with the inputs of one case in each element",
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


# ---- gradcheck --data DATA: a network and its loss on a real batch -------------------------------


def check_network(
    data: str, given: dict, shown: tuple[str, ...], by_node: bool, as_json: bool
) -> bool:
    """Check a network and its loss on the first batch that `minigrad train` would use.

    It checks one parameter at a time or, with `by_node`, each operation of that step alone. The
    options named in `shown` are printed. Return whether all pass.
    """
    experiment = Experiment(data, **given)
    trainer, train = experiment.trainer, experiment.train
    model, loss = trainer.model, trainer.loss
    options = {name: experiment.options[name] for name in shown}
    x, t = next(sets.batches(train.x, train.y, options["batch_size"], rng=trainer.rng))

    def step():
        return loss(model(x), t)

    if as_json:
        event("network", data=train.name, options=options, batch=list(x.shape))
    else:
        chosen = ", ".join(as_option(*item) for item in options.items() if is_told(*item))
        click.echo(f"{train.name}: a batch of {len(x)} of {len(train)} training rows\n{chosen}\n")
    if by_node:
        found = bisect(step, module=model)
        if as_json:
            event("bisection", **found.to_dict())
            event("result", ok=found.ok)
        else:
            click.echo(found)
        return found.ok
    report = gradcheck(step, module=model, raises=False)
    passed = [result.verdict in GOOD for result in report.results]
    if as_json:
        event("report", **report.to_dict())
        event("result", ok=report.ok, parameters=len(passed), failed=passed.count(False))
        return report.ok
    click.echo(_parameters(report, model))
    for result in report.results:
        if result.verdict not in GOOD:
            click.echo(f"\n{result}")
    click.echo(f"\n{passed.count(True)} of {len(passed)} parameters pass")
    return report.ok


def _parameters(report: Report, model: nn.Module) -> str:
    """Return a table with a line for each parameter."""
    shapes = {name: p.shape for name, p in model.named_parameters()}
    rows = [("parameter", "shape", "elements", "checked", "error/tolerance", "verdict")]
    for r in report.results:
        how = "each" if r.checked == r.size else f"{r.checked:,}" if r.checked else "projected"
        error = f"{relative_error(r):.1e}"
        rows.append((r.name, str(shapes[r.name]), f"{r.size:,}", how, error, r.verdict))
    return table(rows, "<<>>><")
