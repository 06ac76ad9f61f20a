"""The time of one training step: minigrad beside PyTorch, JAX, scikit-learn and NumPy by hand.

    python benchmarks/step.py

Forward, backward and SGD with momentum, float32. Each contender runs in a process of its own, and
the processes take turns: in a turn a contender starts from the same weights and takes the same
number of steps, each on a new batch, so that all of them must arrive at the same loss. (Long
training on one batch would fill the momentum of dead units with denormal numbers, which are slow.)
Batches are converted to the contender's own type before the clock starts, and every step returns
its loss as a Python float.

The table shows the 20 % quantile over the rounds, and ratios of these; --json gives the medians as
well. PyTorch, JAX and scikit-learn (extra `bench`) are optional.
"""

import importlib.util
import json
import statistics
import sys
import time
from importlib.metadata import version

import click
from turns import header, limit, line, quiet, take_turns

NETWORKS = {  # name: sizes of the layers, batch, steps in a turn
    "spirals": ((2, 64, 64, 3), 32, 2000),
    "digits": ((64, 128, 10), 64, 2000),
    "mnist": ((784, 256, 128, 10), 128, 400),
    "wide": ((784, 1024, 1024, 10), 512, 15),
}
LR, MOMENTUM = 0.01, 0.9
WARM_UP = 0.1  # of the steps, before those that are timed: the threads have to wake up

# ---- the contenders ----------------------------------------------------------------------------
#
# Each returns two functions: convert(x, t) returns a batch as the contender wants it, and
# start(weights) returns a new network's step(x, t). The weights have the names and the shapes of
# PyTorch: "0.weight" (O, I), "0.bias" (O,), "2.weight" …


def training_step(model, loss, optimizer):
    """Return the step of minigrad and of PyTorch, which is the same Python."""

    def step(x, t):
        optimizer.zero_grad()
        value = loss(model(x), t)
        value.backward()
        optimizer.step()
        return value.item()

    return step


def minigrad(sizes, batch):
    from minigrad import Tensor, nn, optim

    def start(weights):
        model, loss = nn.mlp(sizes[0], sizes[1:-1], sizes[-1]), nn.CrossEntropy()
        model.load_state_dict(weights)
        optimizer = optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
        return training_step(model, loss, optimizer)

    return lambda x, t: (Tensor(x), t), start


def pytorch(sizes, batch):
    import torch

    def start(weights):
        layers = []
        for i, o in zip(sizes, sizes[1:], strict=False):
            layers += [torch.nn.Linear(i, o), torch.nn.ReLU()]
        model, loss = torch.nn.Sequential(*layers[:-1]), torch.nn.CrossEntropyLoss()
        model.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
        optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
        return training_step(model, loss, optimizer)

    return lambda x, t: (torch.tensor(x), torch.tensor(t)), start


def jax(sizes, batch):
    import jax
    import jax.numpy as jnp

    def loss(parameters, x, t):
        *hidden, (W, b) = parameters
        for V, c in hidden:
            x = jax.nn.relu(x @ V + c)
        logp = jax.nn.log_softmax(x @ W + b)
        return -jnp.take_along_axis(logp, t[:, None], axis=1).mean()

    def update(parameters, velocity, x, t):
        value, gradient = jax.value_and_grad(loss)(parameters, x, t)
        velocity = jax.tree.map(lambda v, g: MOMENTUM * v + g, velocity, gradient)
        parameters = jax.tree.map(lambda p, v: p - LR * v, parameters, velocity)
        return parameters, velocity, value

    compiled = jax.jit(update, donate_argnums=(0, 1))

    def start(weights):
        arrays = [jnp.asarray(a.T) for a in weights.values()]
        parameters = list(zip(arrays[::2], arrays[1::2], strict=True))
        velocity = jax.tree.map(jnp.zeros_like, parameters)

        def step(x, t):
            nonlocal parameters, velocity
            parameters, velocity, value = compiled(parameters, velocity, x, t)
            return float(value)

        return step

    return lambda x, t: (jnp.asarray(x), jnp.asarray(t)), start


def scikit_learn(sizes, batch):
    """MLPClassifier, by partial_fit with one batch at a time."""
    import numpy as np
    from sklearn.neural_network import MLPClassifier

    classes = np.arange(sizes[-1])
    options = {"solver": "sgd", "learning_rate_init": LR, "momentum": MOMENTUM, "alpha": 0.0}
    options |= {"nesterovs_momentum": False, "batch_size": batch, "shuffle": False}

    def start(weights):
        network = MLPClassifier(sizes[1:-1], **options)
        x = np.zeros((batch, sizes[0]), np.float32)
        network.partial_fit(x, np.arange(batch) % sizes[-1], classes=classes)  # makes the arrays
        arrays = list(weights.values())
        for mine, theirs in zip(
            network.coefs_ + network.intercepts_, arrays[::2] + arrays[1::2], strict=True
        ):
            mine[...] = theirs.T
        for velocity in network._optimizer.velocities:
            velocity[...] = 0

        def step(x, t):
            network.partial_fit(x, t)
            return network.loss_

        return step

    return lambda x, t: (x, t), start


def plain(sizes, batch):
    """NumPy without a framework, as one writes it first: a new array for every result."""
    import numpy as np

    def start(weights):
        arrays = [a.T.copy() for a in weights.values()]  # W is (I, O)
        velocities = [np.zeros_like(a) for a in arrays]
        rows = np.arange(batch)

        def step(x, t):
            inputs = []
            for i in range(0, len(arrays), 2):
                inputs.append(np.maximum(x, 0) if i else x)
                x = inputs[-1] @ arrays[i] + arrays[i + 1]
            z = x - x.max(axis=1, keepdims=True)
            e = np.exp(z)
            total = e.sum(axis=1, keepdims=True)
            value = float((np.log(total[:, 0]) - z[rows, t]).mean())
            gy = e / total
            gy[rows, t] -= 1
            gy /= batch
            gradients = []
            for h, W in zip(reversed(inputs), reversed(arrays[::2]), strict=True):
                gradients += [gy.sum(axis=0), h.T @ gy]
                if h is not inputs[0]:
                    gy = (gy @ W.T) * (h > 0)
            for p, v, g in zip(arrays, velocities, reversed(gradients), strict=True):
                v *= MOMENTUM
                v += g
                p -= LR * v
            return value

        return step

    return lambda x, t: (x, t), start


def by_hand(sizes, batch):
    """NumPy without a framework: parameters in one array, and every large array is reused."""
    import numpy as np

    def start(weights):
        arrays = [np.ascontiguousarray(a.T) for a in weights.values()]  # W is (I, O)
        flat = np.concatenate([a.ravel() for a in arrays])
        gradient, velocity, scratch = np.empty_like(flat), np.zeros_like(flat), np.empty_like(flat)

        def views(of):
            parts = np.split(of, np.cumsum([a.size for a in arrays])[:-1])
            parts = [part.reshape(a.shape) for part, a in zip(parts, arrays, strict=True)]
            return list(zip(parts[::2], parts[1::2], strict=True))

        parameters, gradients = views(flat), views(gradient)
        outputs, backs = (
            [np.empty((batch, size), np.float32) for size in sizes[1:]] for _ in range(2)
        )
        rows, ones = np.arange(batch), np.ones(batch, np.float32)

        def step(x, t):
            inputs = [x, *outputs]
            for (W, b), h, y in zip(parameters, inputs, outputs, strict=False):
                np.matmul(h, W, out=y)
                y += b
                if y is not outputs[-1]:
                    np.maximum(y, 0, out=y)
            z = outputs[-1].T.copy()  # (C, N): sums over C are fast in this order
            z -= z.max(axis=0)
            p = np.exp(z)
            total = p.sum(axis=0)
            value = float((np.log(total) - z[t, rows]).mean())
            p /= total
            p[t, rows] -= 1
            p /= batch
            backs[-1][...] = p.T
            for i in reversed(range(len(parameters))):
                (gW, gb), gy = gradients[i], backs[i]
                np.matmul(inputs[i].T, gy, out=gW)
                np.matmul(ones, gy, out=gb)  # the sum over the batch
                if i:
                    np.matmul(gy, parameters[i][0].T, out=backs[i - 1])
                    backs[i - 1] *= inputs[i] > 0
            np.multiply(velocity, MOMENTUM, out=velocity)
            np.add(velocity, gradient, out=velocity)
            np.multiply(velocity, LR, out=scratch)
            np.subtract(flat, scratch, out=flat)
            return value

        return step

    return lambda x, t: (x, t), start


def matrix_products(sizes, batch):
    """The limit: the matrix products of a step, on arrays of the right shapes, and nothing else."""
    import numpy as np

    def start(weights):
        matrices = [np.ascontiguousarray(a.T) for a in weights.values() if a.ndim == 2]
        gradients = [np.empty_like(W) for W in matrices]
        arrays = [np.ones((batch, size), np.float32) for size in sizes]

        def step(x, t):
            inputs = [x, *arrays[1:]]
            for W, h, y in zip(matrices, inputs, arrays[1:], strict=False):
                np.matmul(h, W, out=y)
            for i in reversed(range(len(matrices))):
                np.matmul(inputs[i].T, arrays[i + 1], out=gradients[i])
                if i:
                    np.matmul(arrays[i + 1], matrices[i].T, out=arrays[i])

        return step

    return lambda x, t: (x, t), start


CONTENDERS = {  # title: (function, the package that it needs)
    "matrix products": (matrix_products, "numpy"),
    "by hand, arrays reused": (by_hand, "numpy"),
    "by hand": (plain, "numpy"),
    "JAX jit": (jax, "jax"),
    "scikit-learn": (scikit_learn, "sklearn"),
    "minigrad": (minigrad, "minigrad"),
    "PyTorch": (pytorch, "torch"),
}

RATIOS = ("PyTorch", "by hand")  # that the table shows

# ---- the turns ---------------------------------------------------------------------------------


def turns(title, network):
    """Return a function that returns the time of a step, in µs, and the last loss of a turn."""
    import numpy as np

    sizes, batch, steps = NETWORKS[network]
    warm_up = int(WARM_UP * steps)
    rng, weights = np.random.default_rng(0), {}
    for i, (fan_in, fan_out) in enumerate(zip(sizes, sizes[1:], strict=False)):
        bound = fan_in**-0.5
        for name, shape in (("weight", (fan_out, fan_in)), ("bias", (fan_out,))):
            weights[f"{2 * i}.{name}"] = rng.uniform(-bound, bound, shape).astype(np.float32)
    convert, start = CONTENDERS[title][0](sizes, batch)
    batches = [
        convert(
            rng.standard_normal((batch, sizes[0]), dtype=np.float32),
            rng.integers(0, sizes[-1], batch),
        )
        for _ in range(warm_up + steps)
    ]

    return timed(lambda: start(weights), batches, warm_up)


def timed(start, batches, warm_up):
    """Return a function that starts anew, and returns the time of a step in µs, and the loss."""

    def turn():
        step = start()
        for x, t in batches[:warm_up]:
            step(x, t)
        begin = time.perf_counter()
        for x, t in batches[warm_up:]:
            loss = step(x, t)
        return (time.perf_counter() - begin) / (len(batches) - warm_up) * 1e6, loss

    return turn


def contest(contenders, network, rounds, cores):
    """Return the times of a step in each round, for each contender."""

    def see(results):  # all of them compute the same
        losses = {title: loss for title, (_, loss) in results.items() if loss is not None}
        if any(abs(loss - losses["minigrad"]) > 1e-3 for loss in losses.values()):
            sys.exit(f"{network}: the losses differ: {losses}")

    answers = take_turns(contenders, rounds, cores, see)
    return {title: [time for time, _ in results] for title, results in answers.items()}


# ---- the command -------------------------------------------------------------------------------


def shown(microseconds):
    return f"{microseconds / 1e3:.3g} ms" if microseconds >= 1e3 else f"{microseconds:.0f} µs"


def name_of(record):
    return f"{record['network']} {'-'.join(map(str, record['sizes']))}, batch {record['batch']}"


def columns(titles):
    """Return the names of the table's columns."""
    return ["network", *titles, *(f"minigrad / {title}" for title in RATIOS)]


def cells(record):
    """Return a row of the table."""
    ratios = record["minigrad_to"]
    shares = [f"{ratios[title]:.2f}" if title in ratios else "–" for title in RATIOS]
    return [name_of(record), *map(shown, record["microseconds"].values()), *shares]


@click.command()
@click.argument("networks", nargs=-1, type=click.Choice([*NETWORKS]))
@click.option("--rounds", default=20, show_default=True, help="Turns of each contender.")
@click.option("--threads", type=int, show_default="all cores", help="Threads of each contender.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each network.")
def main(networks, rounds, threads, as_json):
    """Print the time of one training step of each contender as a Markdown table.

    NETWORKS are spirals, digits, mnist and wide; all of them if none is given.
    """
    threads, cores = limit(threads)
    titles, versions = [], {}
    for title, (_, package) in CONTENDERS.items():
        if importlib.util.find_spec(package):
            titles.append(title)
            versions[package] = version({"sklearn": "scikit-learn"}.get(package, package))
        else:
            print(f"{title}: {package} is not installed", file=sys.stderr)
    if not as_json:
        print(", ".join(f"{p} {v}" for p, v in versions.items()), f"{threads} threads", sep="; ")
        print(header(columns(titles)))
    for network in networks or NETWORKS:
        contenders = {title: (turns, title, network) for title in titles}
        times = contest(contenders, network, rounds, cores)
        quantiles = {title: quiet(values) for title, values in times.items()}
        medians = {title: statistics.median(values) for title, values in times.items()}
        ratios = {title: quantiles["minigrad"] / value for title, value in quantiles.items()}
        sizes, batch, _ = NETWORKS[network]
        record = {"network": network, "sizes": sizes, "batch": batch, "threads": threads}
        record |= {"versions": versions, "microseconds": quantiles, "medians": medians}
        record |= {"minigrad_to": ratios}
        as_text = json.dumps({"event": "step", **record}) if as_json else line(cells(record))
        print(as_text, flush=True)


if __name__ == "__main__":
    main()
