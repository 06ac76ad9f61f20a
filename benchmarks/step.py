"""One training step of minigrad, of hand-written NumPy and of PyTorch, side by side.

    python benchmarks/step.py

Each contender trains the same network on the same batch, float32, SGD with momentum. They take
turns in short rounds of one process, and each ratio is the median over the rounds: absolute times
change from machine to machine and minute to minute, ratios less so. Needs PyTorch (extra `bench`).
"""

import statistics
import time

import click
import numpy as np
import torch

from minigrad import Tensor, nn, optim

NETWORKS = {  # name: sizes, batch, limit of minigrad / PyTorch
    "spirals 2-64-64-3, batch 32": ((2, 64, 64, 3), 32, 0.33),
    "digits 64-128-10, batch 64": ((64, 128, 10), 64, 0.38),
    "MNIST-sized 784-256-128-10, batch 128": ((784, 256, 128, 10), 128, 0.85),
    "wide 784-1024-1024-10, batch 512": ((784, 1024, 1024, 10), 512, 1.05),
}
LR, MOMENTUM = 0.01, 0.9


def minigrad_step(weights, x, t):
    """Return a function that takes one step with minigrad."""
    layers = []
    for W, b in weights:
        linear = nn.Linear(W.shape[1], W.shape[0])
        linear.weight.data[...], linear.bias.data[...] = W, b
        layers += [linear, nn.ReLU()]
    model, loss = nn.Sequential(*layers[:-1]), nn.CrossEntropy()
    optimizer = optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
    x = Tensor(x)

    def step():
        optimizer.zero_grad()
        value = loss(model(x), t)
        value.backward()
        optimizer.step()
        return value.item()

    return step


def torch_step(weights, x, t):
    """Return a function that takes one step with PyTorch, eager."""
    layers = []
    for W, b in weights:
        linear = torch.nn.Linear(W.shape[1], W.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(W))
            linear.bias.copy_(torch.tensor(b))
        layers += [linear, torch.nn.ReLU()]
    model, loss = torch.nn.Sequential(*layers[:-1]), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
    x, t = torch.tensor(x), torch.tensor(t)

    def step():
        optimizer.zero_grad()
        value = loss(model(x), t)
        value.backward()
        optimizer.step()
        return value.item()

    return step


def numpy_step(weights, x, t):
    """Return a function that takes one step written by hand: flat parameters, reused arrays."""
    sizes = [a.size for pair in weights for a in pair]
    flat = np.concatenate([a.ravel() for pair in weights for a in pair])
    gradient, velocity, scratch = np.zeros_like(flat), np.zeros_like(flat), np.empty_like(flat)
    cuts = np.cumsum([0, *sizes])
    shapes = [a.shape for pair in weights for a in pair]

    def views(array):
        parts = [array[a:b].reshape(s) for a, b, s in zip(cuts, cuts[1:], shapes, strict=False)]
        return list(zip(parts[::2], parts[1::2], strict=True))

    parameters, gradients = views(flat), views(gradient)
    n, rows = len(x), np.arange(len(x))
    outs = [np.empty((n, len(W)), np.float32) for W, _ in parameters]
    backs = [np.empty((n, len(W)), np.float32) for W, _ in parameters]
    last = len(parameters) - 1

    def step():
        h = x
        for i, (W, b) in enumerate(parameters):
            y = np.matmul(h, W.T, out=outs[i])
            y += b
            if i < last:
                np.maximum(y, 0, out=y)
            h = y
        z = h
        z -= z.max(axis=1, keepdims=True)
        p = np.exp(z, out=backs[last])
        total = p.sum(axis=1, keepdims=True)
        value = float((np.log(total[:, 0]) - z[rows, t]).sum()) / n
        p /= total
        p[rows, t] -= 1
        p /= n
        g = p
        for i in range(last, -1, -1):
            gW, gb = gradients[i]
            np.matmul(g.T, outs[i - 1] if i else x, out=gW)
            np.add.reduce(g, axis=0, out=gb)
            if i:
                g = np.matmul(g, parameters[i][0], out=backs[i - 1])
                g *= outs[i - 1] > 0
        velocity[...] *= MOMENTUM
        velocity[...] += gradient
        np.multiply(velocity, LR, out=scratch)
        np.subtract(flat, scratch, out=flat)
        return value

    return step


def contest(sizes, batch, rounds, seconds):
    """Return the median time per step of each contender, and the median ratios to PyTorch."""
    rng = np.random.default_rng(0)
    weights = []
    for fan_in, fan_out in zip(sizes, sizes[1:], strict=False):
        bound = fan_in**-0.5
        W, b = rng.uniform(-bound, bound, (fan_out, fan_in)), rng.uniform(-bound, bound, fan_out)
        weights.append((W.astype(np.float32), b.astype(np.float32)))
    x = rng.standard_normal((batch, sizes[0])).astype(np.float32)
    t = rng.integers(0, sizes[-1], batch)
    makers = {"minigrad": minigrad_step, "NumPy": numpy_step, "PyTorch": torch_step}
    steps = {
        name: make([(W.copy(), b.copy()) for W, b in weights], x, t)
        for name, make in makers.items()
    }
    losses = {name: [step() for _ in range(5)] for name, step in steps.items()}
    for name, values in losses.items():  # the contenders compute the same thing
        np.testing.assert_allclose(values, losses["PyTorch"], rtol=1e-4, err_msg=name)
    start = time.perf_counter()
    steps["PyTorch"]()
    count = max(1, int(seconds / (time.perf_counter() - start)))
    times = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            time.sleep(0.01)  # the threads of the one before spin for a while, and take a core
            step()
            start = time.perf_counter()
            for _ in range(count):
                step()
            times[name].append((time.perf_counter() - start) / count)
    ratios = {
        name: statistics.median(a / b for a, b in zip(values, times["PyTorch"], strict=True))
        for name, values in times.items()
    }
    return {name: statistics.median(values) for name, values in times.items()}, ratios


@click.command()
@click.option("--rounds", default=30, show_default=True, help="Rounds in which each takes a turn.")
@click.option("--seconds", default=0.02, show_default=True, help="Length of PyTorch's turn.")
def main(rounds, seconds):
    """Print the time of a step for each network, and exit with 1 where a limit is exceeded."""
    print(f"NumPy {np.__version__}, PyTorch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"{'network':<40}{'minigrad':>11}{'NumPy':>11}{'PyTorch':>11}{'ratio':>8}{'limit':>7}")
    failed = False
    for name, (sizes, batch, limit) in NETWORKS.items():
        times, ratios = contest(sizes, batch, rounds, seconds)
        cells = "".join(f"{times[c] * 1e6:>8.0f} µs" for c in ("minigrad", "NumPy", "PyTorch"))
        print(f"{name:<40}{cells}{ratios['minigrad']:>8.2f}{limit:>7.2f}")
        failed |= ratios["minigrad"] > limit
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
