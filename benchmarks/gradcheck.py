"""gradcheck of minigrad and of PyTorch, side by side.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/gradcheck.py

Both check the same function of the same float64 arrays, with their default tolerances, every input
and parameter an argument: element by element (`mode="full"`, PyTorch's default) and along random
directions (`mode="project"`, PyTorch's `fast_mode=True`). They take turns in one process, and the
ratio is the median over the rounds. One thread each, because the thread pools of two libraries in
one process fight over the cores. Needs PyTorch (extra `bench`).
"""

import functools
import statistics
import time

import click
import numpy as np
import torch

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


def contenders(sizes, batch):
    """Return for each library a function of the mode that runs its gradcheck."""
    arrays, t = problem(sizes, batch)
    theirs = torch.nn.functional
    if len(sizes) == 1:
        f, g = F.softmax, functools.partial(theirs.softmax, dim=-1)
    else:
        f = functools.partial(network, F, lambda z: F.cross_entropy(z, t))
        g = functools.partial(
            network, theirs, lambda z: theirs.cross_entropy(z, torch.from_numpy(t))
        )
    tensors = tuple(torch.tensor(a, requires_grad=True) for a in arrays)
    return {
        "minigrad": lambda mode: mg.gradcheck(f, arrays, mode=mode),
        "PyTorch": lambda mode: torch.autograd.gradcheck(g, tensors, fast_mode=mode == "project"),
    }


def contest(checks, mode, rounds):
    """Return the median time of each contender, and the median of ours / theirs."""
    times = {name: [] for name in checks}
    for number in range(rounds + 1):
        for name, check in checks.items():
            time.sleep(0.01)  # the threads of the one before spin for a while, and take a core
            start = time.perf_counter()
            if not check(mode):
                raise SystemExit(f"{name} says that the gradients are wrong")
            if number:  # the first round is to warm up
                times[name].append(time.perf_counter() - start)
    ratio = statistics.median(a / b for a, b in zip(*times.values(), strict=True))
    return {name: statistics.median(values) for name, values in times.items()}, ratio


def seconds_to_locate():
    """Return how long it takes to find one wrong weight of a 784-256-10 network."""
    arrays, t = problem((784, 256, 10), 32)

    def f(x, W, *rest):
        return network(F, lambda z: F.cross_entropy(z, t), x, OneWrong.apply(W), *rest)

    start = time.perf_counter()
    report = mg.gradcheck(f, arrays, raises=False)
    if report.results[1].index != (100, 300):
        raise SystemExit(f"the wrong weight was not found:\n{report}")
    return time.perf_counter() - start


@click.command()
@click.option("--rounds", default=7, show_default=True, help="Rounds in which each takes a turn.")
def main(rounds):
    """Print the time of a check of each function, and exit with 1 if minigrad is slower."""
    print(f"NumPy {np.__version__}, PyTorch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"{'function':<44}{'mode':<8}{'minigrad':>11}{'PyTorch':>12}{'ratio':>7}")
    failed = False
    for name, (sizes, batch, modes) in FUNCTIONS.items():
        checks = contenders(sizes, batch)
        for mode in modes:
            times, ratio = contest(checks, mode, rounds)
            cells = f"{times['minigrad'] * 1e3:>8.1f} ms{times['PyTorch'] * 1e3:>9.1f} ms"
            print(f"{name:<44}{mode:<8}{cells}{ratio:>7.2f}")
            failed |= ratio > 1
    seconds = statistics.median(seconds_to_locate() for _ in range(rounds))
    print(f"one wrong weight of the last is located in {seconds:.2f} s")
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
