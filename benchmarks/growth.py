"""How time and memory grow with the size of the problem, and the engine alone: beside PyTorch.

    python benchmarks/growth.py

    width     a step of 64-n-n-10, batch 64                      n weights on each side: n² in all
    depth     a step of 64-64-…-10 with n hidden layers, batch 64
    batch     a step of 784-1024-1024-10 on n rows
    rows      an epoch of n rows of 64 features, 64-128-10, batch 64

Each axis has five sizes, every one twice the last. The exponent is the slope of log(time) over
log(n): 1 means that twice the size takes twice as long. Memory is what the largest resident set of
the process grows by, after a first step on one row; its exponent counts the sizes of more than
1 MB. For `batch` the parameters, their gradients and their momenta are there before, and it is what
a step needs besides them. Page faults are those of one step or epoch of the largest size.

    chain     y = y + 1, 100,000 times; with the 1 as a number, and as a Tensor
    fan       100,000 products of one x and a Tensor, stacked and summed

Forward and backward, microseconds for each node. Each contender runs in a process of its own; they
take turns, and the numbers are the 20 % quantile. PyTorch (extra `bench`) is optional.
"""

import importlib.util
import json
import resource
import sys
import time

import click
import numpy as np
from step import CONTENDERS
from turns import header, limit, line, quiet, take_turns

AXES = {  # name: the smallest size, the layers and the batch of size n, steps in a turn
    "width": (64, lambda n: ((64, n, n, 10), 64), 20),
    "depth": (4, lambda n: ((64,) * (n + 1) + (10,), 64), 20),
    "batch": (128, lambda n: ((784, 1024, 1024, 10), n), 1),
    "rows": (2048, lambda n: ((64, 128, 10), 64), 1),
}
PEERS = ("minigrad", "PyTorch")


def network(title, sizes, batch):
    """Return a step on the batches of an epoch or, without rows, on one batch again and again."""
    rng, weights = np.random.default_rng(0), {}
    for i, (fan_in, fan_out) in enumerate(zip(sizes, sizes[1:], strict=False)):
        weights[f"{2 * i}.weight"] = rng.normal(0, fan_in**-0.5, (fan_out, fan_in)).astype("f")
        weights[f"{2 * i}.bias"] = np.zeros(fan_out, np.float32)
    convert, start = CONTENDERS[title][0](sizes, batch)
    return convert, start(weights)


def data(sizes, rows):
    rng = np.random.default_rng(1)
    return rng.standard_normal((rows, sizes[0]), np.float32), rng.integers(0, sizes[-1], rows)


def peak():
    """Return the largest resident set up to now, in MB."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (1e6 if sys.platform == "darwin" else 1e3)


def growth(title, axis, small):
    """Return a function that returns the seconds, the memory and the page faults of each size."""
    first, shape, steps = AXES[axis]
    points = [max(first // 32, 1) * 2**i if small else first * 2**i for i in range(5)]
    convert, step = network(title, *shape(points[0]))
    step(*convert(*data(shape(points[0])[0], 1)))
    before, memory, made = peak(), [], {}

    def one(n):
        sizes, batch = shape(n)
        if n not in made:  # `batch` has one network for all sizes
            made[n] = (convert, step) if axis == "batch" else network(title, sizes, batch)
        x, t = data(sizes, n if axis == "rows" else batch)

        def all_steps():
            convert, step = made[n]
            for _ in range(steps):
                for i in range(0, len(x), batch):
                    step(*convert(x[i : i + batch], t[i : i + batch]))

        all_steps()
        if len(memory) < len(points):
            memory.append(peak() - before)
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        begin = time.perf_counter()
        all_steps()
        seconds = (time.perf_counter() - begin) / steps
        return seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults) / steps

    def turn():
        seconds, faults = zip(*map(one, points), strict=True)
        return {"n": points, "seconds": seconds, "megabytes": memory, "page_faults": faults[-1]}

    return turn


# ---- the engine alone ----------------------------------------------------------------------------


def pieces(title):
    """Return a function that makes a tensor, and `stack`, of a contender."""
    if title == "PyTorch":
        import torch

        return lambda value, **options: torch.tensor([value], **options), torch.stack
    from minigrad import Tensor, functions

    return lambda value, **options: Tensor([value], **options), functions.stack


def engine(title, nodes):
    """Return a function that returns the µs a node, forward and backward, of each graph."""
    tensor, stack = pieces(title)

    def chain(x, one):
        y = x
        for _ in range(nodes):
            y = y + one
        return y

    def fan(x, one):
        return stack([x * one for _ in range(nodes)]).sum()

    def timed(graph, one):
        x = tensor(1.0, requires_grad=True)
        begin = time.perf_counter()
        y = graph(x, one)
        middle = time.perf_counter()
        y.backward()
        end = time.perf_counter()
        if x.grad.item() != (nodes if graph is fan else 1):
            sys.exit(f"{title}: the gradient is {x.grad}")
        return [(middle - begin) / nodes * 1e6, (end - middle) / nodes * 1e6]

    graphs = {"chain, number": (chain, 1.0), "chain, Tensor": (chain, tensor(1.0))}
    graphs["fan"] = (fan, tensor(1.0))
    return lambda: {name: timed(*graph) for name, graph in graphs.items()}


# ---- the command ---------------------------------------------------------------------------------


def exponent(n, values, least=0.0):
    """Return the slope of log(values) over log(n), of those above the least; None if few are."""
    n, values = np.transpose(
        [(n, v) for n, v in zip(n, values, strict=True) if v > least] or [(1, 1)]
    )
    return float(np.polyfit(np.log(n), np.log(values), 1)[0]) if len(n) > 2 else None


def summary(turns):
    """Return what the turns of a contender on an axis come to."""
    n, memory = turns[0]["n"], turns[0]["megabytes"]
    seconds = [quiet(values) for values in zip(*(t["seconds"] for t in turns), strict=True)]
    faults = quiet([t["page_faults"] for t in turns])
    found = {"n": n, "seconds": seconds, "exponent": exponent(n, seconds)}
    found |= {"megabytes": memory, "memory_exponent": exponent(n, memory, least=1.0)}
    return found | {"page_faults": faults}


@click.command()
@click.argument("what", nargs=-1, type=click.Choice([*AXES, "engine"]))
@click.option("--rounds", default=10, show_default=True, help="Turns of each contender.")
@click.option("--nodes", default=100_000, show_default=True, help="Nodes of the engine's graphs.")
@click.option("--threads", type=int, show_default="all cores", help="Threads of each contender.")
@click.option("--small", is_flag=True, help="Sizes 32 times as small, to try it out.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each row.")
def main(what, rounds, nodes, threads, small, as_json):
    """Print how time and memory grow as a Markdown table; WHAT are its rows, all if none is given.

    WHAT are width, depth, batch, rows and engine.
    """
    threads, cores = limit(threads)
    titles = [title for title in PEERS if importlib.util.find_spec(CONTENDERS[title][1])]
    if "PyTorch" not in titles:
        print("PyTorch: torch is not installed", file=sys.stderr)
    chosen = what or [*AXES, "engine"]
    if not as_json and set(chosen) & set(AXES):
        print(header(COLUMNS))
    for axis in [axis for axis in AXES if axis in chosen]:
        who = {title: (growth, title, axis, small) for title in titles}
        for title, turns in take_turns(who, rounds, cores).items():
            record = {"axis": axis, "contender": title, "threads": threads, **summary(turns)}
            as_text = json.dumps({"event": "growth", **record}) if as_json else line(cells(record))
            print(as_text, flush=True)
    if "engine" in chosen:
        answers = take_turns({title: (engine, title, nodes) for title in titles}, rounds, cores)
        if not as_json:
            print("\n" + header(engine_columns(titles)))
        for graph in answers["minigrad"][0]:
            record = {"graph": graph, "nodes": nodes, "threads": threads}
            record["microseconds"] = times = {
                title: [quiet(values) for values in zip(*(t[graph] for t in turns), strict=True)]
                for title, turns in answers.items()
            }
            ours, *theirs = map(sum, times.values())
            record["ratio"] = ours / theirs[0] if theirs else None
            as_text = {"event": "engine", **record}
            print(json.dumps(as_text) if as_json else line(engine_cells(record)), flush=True)


COLUMNS = ["axis", "n", "contender", "time", "exponent", "memory", "exponent", "page faults"]


def cells(record):
    """Return a row of the table of an axis."""
    first, *_, last = (f"{seconds * 1e3:.3g}" for seconds in record["seconds"])
    least, *_, most = (f"{megabytes:.3g}" for megabytes in record["megabytes"])
    exponents = [record[name] for name in ("exponent", "memory_exponent")]
    exponents = ["–" if value is None else f"{value:.2f}" for value in exponents]
    n, faults = f"{record['n'][0]} – {record['n'][-1]}", f"{record['page_faults']:.0f}"
    who = [record["axis"], n, record["contender"]]
    times, memory = f"{first} – {last} ms", f"{least} – {most} MB"
    return [*who, times, exponents[0], memory, exponents[1], faults]


def engine_columns(titles):
    """Return the names of the columns of the engine's table."""
    ways = [f"{title}, {way}" for title in titles for way in ("forward", "backward")]
    return ["graph", *ways, "minigrad / PyTorch"]


def engine_cells(record):
    """Return a row of the engine's table."""
    times = [f"{value:.2f} µs" for both in record["microseconds"].values() for value in both]
    ratio = "–" if record["ratio"] is None else f"{record['ratio']:.2f}"
    return [f"{record['graph']}, {record['nodes']:,} nodes", *times, ratio]


if __name__ == "__main__":
    main()
