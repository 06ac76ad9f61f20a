"""`minigrad gradcheck [NAME…]`: minigrad's own functions and modules, and mutants of them."""

import contextlib
import itertools
import time
import warnings
from collections import Counter
from collections.abc import Sequence

import click
import numpy as np
from tqdm import tqdm

from ..checking.table import Row, check_row, find
from .output import event, on_terminal, remark


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
            with _beside(bar):
                if as_json:
                    event("row", **row.to_dict())
                else:
                    click.echo(f"{name:<{width}}{_cells(row, torch)}")
            if bar is not None:
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


def _torch():
    """Return the module of PyTorch; None where it is not installed or does not work."""
    try:
        import torch

        torch.set_num_threads(1)  # for inputs this small, more only wait for each other
        torch.tensor(np.zeros(1)).numpy()  # a PyTorch built for another NumPy fails only here
    except Exception as error:  # a broken installation raises all sorts
        reason = " ".join(str(error).split())
        missing = isinstance(error, ModuleNotFoundError)
        why = "is not installed" if missing else f"does not work ({reason})"
        remark(f"PyTorch {why}: nothing is compared with it")
        return None
    return torch


def check_mutants(names: Sequence[str], as_json: bool) -> bool:
    """Check that the table rejects wrong backward passes; return whether no mutant survives."""
    names, outcomes = find(names), []
    if not as_json:
        click.echo(f"{'class':<22}  mutants  killed  equivalent  survived")
    with warnings.catch_warnings(), _bar(None) as bar:
        warnings.simplefilter("ignore")  # a mutant may divide by zero
        for function, group in itertools.groupby(run_mutants(names), lambda o: o.function):
            of_class = []
            for outcome in group:
                of_class.append(outcome)
                if bar is not None:
                    bar.update()
            outcomes += of_class
            with _beside(bar):
                if as_json:
                    for outcome in of_class:
                        event("mutant", **outcome._asdict())
                else:
                    killed, equivalent, survived = _fates(of_class)
                    click.echo(
                        f"{function:<22}  {len(of_class):7}  {killed:6}  {equivalent:10}  "
                        f"{survived:8}"
                    )
    killed, equivalent, survived = _fates(outcomes)
    if as_json:
        counts = {"killed": killed, "equivalent": equivalent, "survived": survived}
        event("result", ok=not survived, mutants=len(outcomes), **counts)
        return not survived
    share = f"score {killed / (killed + survived):.1%}" if killed + survived else "no score"
    click.echo(
        f"\n{_count(len(outcomes), 'mutant')}: {killed:,} killed, {equivalent:,} equivalent, "
        f"{survived:,} survived; {share}"
    )
    for outcome in outcomes:
        if outcome.status == "survived":
            click.echo(f"survived: {outcome.function}, {outcome.kind}")
    return not survived


def _fates(outcomes: list[Outcome]) -> list[int]:
    counts = Counter(outcome.status for outcome in outcomes)
    return [counts[status] for status in ("killed", "equivalent", "survived")]


@contextlib.contextmanager
def _bar(total: int | None):
    """Yield a bar where a terminal can show it, else None; without a total it only counts."""
    if not on_terminal() or total == 1:
        yield None
        return
    with tqdm(total=total, dynamic_ncols=True, leave=False) as bar:
        yield bar


def _beside(bar):
    """Return a context to print in, so that lines do not end up on the bar's own."""
    return tqdm.external_write_mode() if bar is not None else contextlib.nullcontext()


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
