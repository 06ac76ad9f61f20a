"""The time of one training step of a CNN, and of a network with batch norm and Adam.

    python benchmarks/layers.py

minigrad beside PyTorch, measured as benchmarks/step.py does: each in a process of its own, in
turns, from the same weights and on the same batches, so that both must arrive at the same loss. The
table shows the 20 % quantile over the rounds.
"""

import importlib
import json
import math
import statistics
from importlib.metadata import version

import click
from step import WARM_UP, contest, shown, timed, training_step
from turns import header, limit, line, quiet

SEED = 0


def lenet(nn):
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(256, 10)),
    )


def batch_norm(nn):
    return nn.Sequential(nn.Linear(784, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Linear(256, 10))


NETWORKS = {  # name: (title, layers, optimizer and its options, shape of a batch, steps in a turn)
    "lenet": (
        "LeNet, 1 × 28 × 28, SGD with momentum",
        lenet,
        ("SGD", {"lr": 0.01, "momentum": 0.9}),
        (64, 1, 28, 28),
        60,
    ),
    "norm": ("784-256-10, batch norm, Adam", batch_norm, ("Adam", {"lr": 1e-3}), (128, 784), 300),
}
PACKAGES = {"minigrad": "minigrad", "PyTorch": "torch"}  # both have nn, optim and a Tensor


def turns(package, network):
    """Return a function that returns the time of a step, in µs, and the last loss of a turn."""
    import numpy as np

    library = importlib.import_module(package)
    nn, optim = (importlib.import_module(f"{package}.{room}") for room in ("nn", "optim"))
    _, layers, (optimizer, options), shape, steps = NETWORKS[network]
    tensor = library.Tensor if package == "minigrad" else library.tensor
    targets = (lambda t: t) if package == "minigrad" else tensor
    loss = nn.CrossEntropy() if package == "minigrad" else nn.CrossEntropyLoss()
    rng, warm_up = np.random.default_rng(SEED), int(WARM_UP * steps)
    weights = {
        name: rng.uniform(-1, 1, tuple(p.shape)) / math.sqrt(math.prod(p.shape[1:]))
        for name, p in layers(nn).named_parameters()
        if len(p.shape) > 1  # the others start at 1 or at 0
    }
    batches = [
        (
            tensor(rng.standard_normal(shape, dtype=np.float32)),
            targets(rng.integers(0, 10, shape[0])),
        )
        for _ in range(warm_up + steps)
    ]

    def start():
        model = layers(nn)
        state = {name: np.array(array) for name, array in model.state_dict().items()}
        for name, array in state.items():
            if name in weights:
                state[name] = weights[name].astype(np.float32)
            elif name.endswith("bias"):
                state[name] = np.zeros_like(array)
        if package == "torch":
            state = {name: tensor(array) for name, array in state.items()}
        model.load_state_dict(state)
        return training_step(model, loss, getattr(optim, optimizer)(model.parameters(), **options))

    return timed(start, batches, warm_up)


@click.command()
@click.argument("networks", nargs=-1, type=click.Choice([*NETWORKS]))
@click.option("--rounds", default=20, show_default=True, help="Turns of each contender.")
@click.option("--threads", type=int, show_default="all cores", help="Threads of each contender.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each network.")
def main(networks, rounds, threads, as_json):
    """Print the time of one training step of minigrad and of PyTorch as a Markdown table.

    NETWORKS are lenet and norm; both if none is given.
    """
    threads, cores = limit(threads)
    if not as_json:
        versions = ", ".join(f"{p} {version(p)}" for p in ("numpy", *PACKAGES.values()))
        print(f"{versions}; {threads} threads")
        print(header(["network", *PACKAGES, "minigrad / PyTorch"]))
    for network in networks or NETWORKS:
        contenders = {title: (turns, package, network) for title, package in PACKAGES.items()}
        times = contest(contenders, network, rounds, cores)
        quantiles = {title: quiet(values) for title, values in times.items()}
        ratio = quantiles["minigrad"] / quantiles["PyTorch"]
        title, _, _, shape, _ = NETWORKS[network]
        if as_json:
            medians = {title: statistics.median(values) for title, values in times.items()}
            record = {"network": network, "threads": threads, "minigrad_to_pytorch": ratio}
            print(json.dumps({**record, "microseconds": quantiles, "medians": medians}), flush=True)
        else:
            cells = [f"{title}, batch {shape[0]}", *map(shown, quantiles.values()), f"{ratio:.2f}"]
            print(line(cells), flush=True)


if __name__ == "__main__":
    main()
