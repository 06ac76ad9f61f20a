"""What `minigrad gradcheck` does: the table of cases, a user's code, a network."""

import contextlib
import time
from collections.abc import Sequence

import click
import numpy as np
from tqdm import tqdm

from .. import data as sets
from .. import nn
from ..checking import gradcheck
from ..checking.report import GOOD, Report
from ..checking.table import Row, check_row, find, relative_error
from ..errors import ArgumentError
from . import user_code
from .output import event, on_terminal, remark
from .run import network


def check_table(names: Sequence[str], as_json: bool) -> bool:
    """Check functions and modules of minigrad, all of them by default; return whether all pass."""
    names = find(names)
    torch = _torch()
    started = time.perf_counter()
    width = max(len("function"), *map(len, names))
    columns = "  cases  elements  error/tolerance" + ("  PyTorch" if torch else "") + "  verdict"
    if not as_json:
        click.echo(f"{'function':<{width}}{columns}")
    rows = []
    with _bar(len(names)) as bar:
        for name in names:
            row = check_row(name, torch)
            rows.append(row)
            with tqdm.external_write_mode() if bar else contextlib.nullcontext():
                if as_json:
                    event("row", **row.to_dict())
                else:
                    click.echo(f"{name:<{width}}{_cells(row, torch)}")
            if bar:
                bar.update()
    cases, elements = sum(row.cases for row in rows), sum(row.elements for row in rows)
    bad = [row.name for row in rows if not row.ok]
    if as_json:
        event("result", ok=not bad, rows=len(rows), cases=cases, elements=elements, failed=bad)
    else:
        for row in rows:
            _failures(row)
        found = f"{len(bad)} FAIL: {', '.join(bad)}" if bad else "all pass"
        count = f"{len(rows)} functions and modules"
        click.echo(f"\n{count}, {cases:,} cases, {elements:,} elements: {found}")
    remark(f"checked in {time.perf_counter() - started:.1f} s")
    return not bad


def _torch():
    """Return the module of PyTorch; None where it is not installed or does not work."""
    try:
        import torch

        torch.tensor(np.zeros(1)).numpy()  # a PyTorch built for another NumPy fails only here
    except Exception as error:  # a broken installation raises all sorts
        reason = " ".join(str(error).split())
        missing = isinstance(error, ModuleNotFoundError)
        why = "is not installed" if missing else f"does not work ({reason})"
        remark(f"PyTorch {why}: nothing is compared with it")
        return None
    return torch


@contextlib.contextmanager
def _bar(total: int):
    """Yield a bar where a terminal can show it, else None."""
    if not on_terminal() or total == 1:
        yield None
        return
    with tqdm(total=total, dynamic_ncols=True, leave=False) as bar:
        yield bar


def _cells(row: Row, torch) -> str:
    text = f"  {row.cases:5}  {row.elements:8}  {row.error:15.1e}"
    if torch:
        text += f"  {'-' if row.deviation is None else f'{row.deviation:.1e}':>7}"
    return f"{text}  {row.verdict}"


def _failures(row: Row) -> None:
    """Print the first failure in full, and how many more there are."""
    if row.failures:
        click.echo(f"\n{row.failures[0]}")
        if more := len(row.failures) - 1:
            click.echo(f"… and {more} more of the {row.cases} cases of {row.name}")


def check_user_code(path: str, name: str, shapes: list[tuple], seed: int, as_json: bool) -> bool:
    """Check a name of a user's file on its own cases, or on normal inputs of the shapes."""
    f, cases = user_code.load(path, name)
    if shapes:
        cases = [user_code.normal_inputs(shapes, seed)]
    if cases is None:
        raise ArgumentError(
            "gradcheck",
            f"there are no inputs to check {name} with",
            f"{path} defines no cases, and no --shape was given",
            f"write cases = [(x, …), …] or {name}.cases = …, or pass --shape 4,3 for each input",
        )
    good = []
    for i, inputs in enumerate(cases):
        given = user_code.describe(inputs)
        remedy = "correct it, or give inputs that it takes"
        with user_code.in_file(path, f"case {i}, {given}", remedy):
            report = gradcheck(f, inputs, seed=seed, raises=False)
        good.append(report.ok)
        if as_json:
            event("report", name=name, case=i, **report.to_dict())
        else:
            click.echo(f"{name}, case {i}: {given}\n{report}\n")
    if as_json:
        event("result", ok=all(good), cases=len(good), failed=good.count(False))
    else:
        click.echo(f"{name}: {good.count(True)} of {len(good)} cases pass")
    return all(good)


def check_network(data: str, options: dict, as_json: bool) -> bool:
    """Check a network and its loss on the first batch that `minigrad train` would take."""
    dataset = sets.load(data, dtype=np.dtype(options["dtype"]))
    rng = np.random.default_rng(options["seed"])
    train, _, _ = sets.split(dataset, test=0.2, val=0.1, rng=rng)
    train = sets.Scaling.fit(train.x).apply(train)
    model, loss = network(train, options, rng)
    x, t = next(sets.batches(train.x, train.y, options["batch_size"], rng=rng))
    check = {"module": model, "seed": options["seed"], "raises": False}
    report = gradcheck(lambda: loss(model(x), t), **check)
    passed = [result.verdict in GOOD for result in report.results]
    if as_json:
        event("network", data=dataset.name, options=options, batch=list(x.shape))
        event("report", **report.to_dict())
        event("result", ok=report.ok, parameters=len(passed), failed=passed.count(False))
        return report.ok
    told = {**options, "hidden": ",".join(map(str, options["hidden"])) or "none"}
    chosen = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in told.items())
    click.echo(f"{dataset.name}: a batch of {len(x)} of {len(train)} training rows\n{chosen}\n")
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
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    return "\n".join(
        f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}  "
        f"{e:>{widths[4]}}  {f}"
        for a, b, c, d, e, f in rows
    )
