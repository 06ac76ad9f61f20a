"""`minigrad gradcheck --data DATA`: the gradients of a network and its loss on a real batch."""

import click
import numpy as np

from .. import data as sets
from .. import nn
from ..checking import bisect, gradcheck
from ..checking.report import GOOD, Report
from ..checking.table import relative_error
from .output import event
from .setup import network


def check_network(data: str, options: dict, by_node: bool, as_json: bool) -> bool:
    """Check a network and its loss on the first batch that `minigrad train` would take.

    Either parameter by parameter or, with `by_node`, each operation of that step alone. Return
    whether all pass.
    """
    dataset = sets.load(data, dtype=np.dtype(options["dtype"]))
    rng = np.random.default_rng(options["seed"])
    train, _, _ = sets.split(dataset, test=0.2, val=0.1, rng=rng)
    train = sets.Scaling.fit(train, options["scale"]).apply(train)
    model, loss = network(train, options, rng)
    x, t = next(sets.batches(train.x, train.y, options["batch_size"], rng=rng))

    def step():
        return loss(model(x), t)

    if as_json:
        event("network", data=dataset.name, options=options, batch=list(x.shape))
    else:
        told = {**options, "hidden": ",".join(map(str, options["hidden"])) or "none"}
        chosen = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in told.items())
        click.echo(f"{dataset.name}: a batch of {len(x)} of {len(train)} training rows\n{chosen}\n")
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
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    return "\n".join(
        f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}  "
        f"{e:>{widths[4]}}  {f}"
        for a, b, c, d, e, f in rows
    )
