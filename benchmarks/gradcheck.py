"""gradcheck of minigrad and of PyTorch, side by side.

    python benchmarks/gradcheck.py

Both check the same function of the same float64 arrays, with their default tolerances, every input
and parameter an argument: element by element (`mode="full"`, PyTorch's default) and along random
directions (`mode="project"`, PyTorch's `fast_mode=True`). Each runs in a process of its own with
one thread, and they take turns; the ratio is the median over the rounds. Needs PyTorch (extra
`bench`).
"""

import functools
import importlib.util
import json
import statistics
import sys
import time

import click
import numpy as np
from turns import limit, take_turns

import minigrad as mg
from minigrad import functions as F

BOTH, PROJECT = ("full", "project"), ("project",)
FUNCTIONS = {  # name: sizes of the layers, batch, modes
    "softmax (8, 10)": ((10,), 8, BOTH),
    "linear 64-10 and cross_entropy, batch 32": ((64, 10), 32, BOTH),
    "MLP 64-32-10 and cross_entropy, batch 16": ((64, 32, 10), 16, BOTH),
    # an element costs PyTorch's slow mode two forward passes, and there are 228,618
    "MLP 784-256-10 and cross_entropy, batch 32": ((784, 256, 10), 32, PROJECT),
}
ONE_WRONG = "one wrong weight of the last"


class OneWrong(mg.Function):
    """y = W, with one element of the gradient off by half."""

    def forward(self, W):
        """Return a copy."""
        return W.copy()

    def backward(self, gy):
        """Return a gradient with one wrong element."""
        gW = gy.copy()
        gW[100, 300] *= 1.5
        return gW


def network(functions, cross_entropy, x, *parameters):
    """Return the loss of a ReLU network, in minigrad's functions or in PyTorch's."""
    for i in range(0, len(parameters), 2):
        x = functions.linear(functions.relu(x) if i else x, *parameters[i : i + 2])
    return cross_entropy(x)


def problem(sizes, batch):
    """Return the arrays of a network, the batch first, and the classes."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((batch, sizes[0]))]
    for fan_in, fan_out in zip(sizes, sizes[1:], strict=False):
        bound = fan_in**-0.5
        arrays += [rng.uniform(-bound, bound, shape) for shape in ((fan_out, fan_in), fan_out)]
    return arrays, rng.integers(0, sizes[-1], batch)


def minigrad(name, mode):
    """Return a function that returns the seconds of a check by minigrad."""
    sizes, batch, _ = FUNCTIONS[name]
    arrays, t = problem(sizes, batch)
    f = F.softmax
    if len(sizes) > 1:
        f = functools.partial(network, F, lambda z: F.cross_entropy(z, t))
    return lambda: timed(lambda: mg.gradcheck(f, arrays, mode=mode))


def pytorch(name, mode):
    """Return a function that returns the seconds of a check by PyTorch."""
    import torch

    torch.set_num_threads(1)
    sizes, batch, _ = FUNCTIONS[name]
    arrays, t = problem(sizes, batch)
    theirs, t = torch.nn.functional, torch.from_numpy(t)
    f = functools.partial(theirs.softmax, dim=-1)
    if len(sizes) > 1:
        f = functools.partial(network, theirs, lambda z: theirs.cross_entropy(z, t))
    tensors = tuple(torch.tensor(a, requires_grad=True) for a in arrays)
    fast = mode == "project"
    return lambda: timed(lambda: torch.autograd.gradcheck(f, tensors, fast_mode=fast))


def locate():
    """Return a function that returns the seconds to find one wrong weight of 784-256-10."""
    arrays, t = problem((784, 256, 10), 32)

    def f(x, W, *rest):
        return network(F, lambda z: F.cross_entropy(z, t), x, OneWrong.apply(W), *rest)

    def found():
        return mg.gradcheck(f, arrays, raises=False).results[1].index == (100, 300)

    return lambda: timed(found)


def timed(check):
    """Return the seconds that a check takes."""
    start = time.perf_counter()
    if not check():
        sys.exit("the gradients are right, and the check says that they are not")
    return time.perf_counter() - start


@click.command()
@click.option("--rounds", default=15, show_default=True, help="Turns of each contender.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each check.")
def main(rounds, as_json):
    """Print the time of a check of each function as a Markdown table."""
    _, cores = limit(1)
    contenders = {"minigrad": minigrad, "PyTorch": pytorch}
    if not importlib.util.find_spec("torch"):
        print("PyTorch: torch is not installed", file=sys.stderr)
        del contenders["PyTorch"]
    if not as_json:
        print("|", " | ".join(["function", "mode", *contenders, "minigrad / PyTorch"]), "|")
        print("|---" * (len(contenders) + 3) + "|")
    checks = [(name, mode) for name, (_, _, modes) in FUNCTIONS.items() for mode in modes]
    for name, mode in checks:
        who = {title: (function, name, mode) for title, function in contenders.items()}
        show(name, mode, take_turns(who, rounds, cores), as_json)
    show(ONE_WRONG, "auto", take_turns({"minigrad": (locate,)}, rounds, cores), as_json)


def show(name, mode, times, as_json):
    """Print the medians, and the median of the rounds' ratios."""
    medians = {title: statistics.median(seconds) for title, seconds in times.items()}
    ratio = None
    if len(times) == 2:
        ratio = statistics.median(a / b for a, b in zip(*times.values(), strict=True))
    if as_json:
        record = {"function": name, "mode": mode, "seconds": medians, "ratio": ratio}
        print(json.dumps({"event": "gradcheck", **record}), flush=True)
        return
    cells = [f"{seconds * 1e3:.3g} ms" for seconds in medians.values()]
    cells += ["–"] * (2 - len(cells))
    print("|", " | ".join([name, mode, *cells, "–" if ratio is None else f"{ratio:.2f}"]), "|")


if __name__ == "__main__":
    main()
