"""How far finite differences are from a right gradient, over the whole table of cases.

    python benchmarks/gradcheck_errors.py

Each error is |difference − gradient| of one element, relative to the largest element of that
input's gradient; infinite if f is not defined a step further. A step "· |x|" is that share of
min(|x|, 1), one "· 100 |x|" of min(100 |x|, 1), and both are that share of 1 if x is 0.
"""

import warnings

import numpy as np

from minigrad import Tensor
from minigrad.checking.cases import CASES
from minigrad.errors import DataError


def gradients(f, xs, u):
    """Return what backward computes for each input."""
    xs = [Tensor(x, requires_grad=True) for x in xs]
    f(*xs).backward(u.astype(xs[0].dtype))
    return [x.grad for x in xs]


def central(f, xs, i, k, u, h):
    """Return (L(x + h) − L(x − h)) / 2h of one element, L = Σ u y in float64."""
    x, before, ends = xs[i], xs[i][k], []
    try:
        for x[k] in (before + h, before - h):
            ends.append((f(*map(Tensor, xs)).data.astype(np.float64), float(x[k])))
    except DataError:
        return np.nan
    finally:
        x[k] = before
    (above, a), (below, b) = ends
    return (u * (above - below)).sum() / (a - b) if a > b else np.nan


def differences(f, xs, narrow, i, k, u):
    """Return the derivative by each way to measure it; `narrow` is xs in float32."""
    size = min(abs(float(xs[i][k])), 1.0) or 1.0
    d1, d2, d3 = (central(f, xs, i, k, u, 1e-4 * size / n) for n in (1, 2, 4))
    steps = {"1e-3": 1e-3, "1e-4": 1e-4, "1e-6": 1e-6, "1e-8": 1e-8}
    steps["6e-6 · 100 |x|"] = 6e-6 * min(100 * size, 1.0)
    found = {f"central, h = {name}": central(f, xs, i, k, u, h) for name, h in steps.items()}
    found["Richardson, h = 1e-4 · |x|"] = (64 * d3 - 20 * d2 + d1) / 45
    for name, h in {"1e-6": 1e-6, "5e-3 · |x|": 5e-3 * size}.items():
        found[f"float32 central, h = {name}"] = central(f, narrow, i, k, u, np.float32(h))
    return found


warnings.simplefilter("ignore")  # the table provokes some on purpose
errors = {}
for case in CASES:
    for shapes in case.shapes:
        narrow = case.inputs(shapes, np.float32)
        xs = [x.astype(np.float64) for x in narrow]  # the same numbers in both
        u = np.random.default_rng(2).standard_normal(case.f(*map(Tensor, xs)).shape)
        single = gradients(case.f, narrow, u)
        for i, g in enumerate(gradients(case.f, xs, u)):
            largest = np.abs(g).max(initial=0)
            for k in np.ndindex(g.shape) if largest else ():
                found = differences(case.f, xs, narrow, i, k, u)
                for way, value in {**found, "float32 backward": single[i][k]}.items():
                    errors.setdefault(way, []).append(abs(value - g[k]) / largest)
print(f"{'':<34}{'median':>9}{'worst':>9}{'above 1e-6':>13}")
for way, values in errors.items():
    values = np.nan_to_num(values, nan=np.inf)
    above = np.sum(values > 1e-6)
    print(f"{way:<34}{np.median(values):>9.0e}{values.max():>9.0e}{above:>13,}")
print(f"{len(values):,} elements of {len(CASES)} rows")
