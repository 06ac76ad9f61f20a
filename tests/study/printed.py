"""Reading back what `minigrad explain` prints: its arrays, and the sums that it writes out."""

import math
import re
from typing import NamedTuple

import numpy as np

NUMBER = r"-?(?:\d+\.?\d*(?:e[-+]\d+)?|nan|inf)"
HEAD = re.compile(rf"   ([^\W\d]\w*?)(, part)?  +(?:(\([\d, ]+\))  +)?({NUMBER}(?:  +{NUMBER})*)$")
MORE = re.compile(rf" {{4,}}({NUMBER}(?:  +{NUMBER})*)$")


class Interval(NamedTuple):
    """All numbers that round to what is printed."""

    low: float
    high: float

    @classmethod
    def of(cls, text: str, digits: int = 4):
        value = float(text)
        half = (
            0.0 if value == 0 else 0.51 * 10.0 ** (math.floor(math.log10(abs(value))) + 1 - digits)
        )
        return cls(value - half, value + half)

    def __add__(self, other):
        return Interval(self.low + other.low, self.high + other.high)

    def __sub__(self, other):
        return Interval(self.low - other.high, self.high - other.low)

    def __mul__(self, other):
        products = [a * b for a in self for b in other]
        return Interval(min(products), max(products))

    def meets(self, other):
        return self.low <= other.high and other.low <= self.high


def evaluate(text: str) -> Interval | None:
    """Return the value of a sum of products of printed numbers, None if it is something else."""
    text = re.sub(r" \(step \d+\)", "", text)
    if not re.fullmatch(r"(?:\d|[.+\-·() ]|(?<=\d)e(?=[+-]))+", text):
        return None
    names = {}

    def named(found):
        names[f"v{len(names)}"] = Interval.of(found[0])
        return f"v{len(names) - 1}"

    # A minus between spaces subtracts; one before a number belongs to it.
    code = re.sub(r"-?\d+\.?\d*(?:e[-+]\d+)?", named, text).replace("·", "*")
    return eval(code, {}, names)


def chains(text: str):
    """Yield the parts of every line that says a = b = c, as far as they are numbers."""
    for line in text.split("\n"):
        if " = " in line and "…" not in line:
            found = [evaluate(part) for part in re.split(r" = |: ", line.strip())]
            found = [part for part in found if part is not None]
            if len(found) > 1:
                yield line, found


def arrays(text: str) -> dict[str, list[np.ndarray]]:
    """Return the arrays of a text by name, each time that one is printed in full."""
    found: dict[str, list] = {}
    name, shape, rows = "", (), []
    for line in [*text.split("\n"), ""]:
        head, more = HEAD.match(line), MORE.match(line)
        if more and not head and rows:
            rows.append([float(v) for v in more[1].split()])
            continue
        if rows:
            a = np.array(rows).reshape(shape)
            found.setdefault(name, []).append(a)
            rows = []
        if head and "…" not in line:
            name = head[1] + (head[2] or "")
            shape = tuple(int(n) for n in re.findall(r"\d+", head[3] or ""))
            rows = [[float(v) for v in head[4].split()]]
    return found


def close(printed: np.ndarray, exact) -> bool:
    """Return whether numbers are those printed, to four digits."""
    exact = np.asarray(exact, float)
    return printed.shape == exact.shape and bool(
        np.all(abs(printed - exact) <= 5.1e-4 * abs(exact) + 1e-15)
    )


def cross_entropy_network(x, t, W1, b1, W2, b2):
    """Return every value and gradient of the 2-4-3 network, by NumPy alone."""
    N = len(x)
    z1 = x @ W1.T + b1
    h1 = np.maximum(z1, 0)
    z2 = h1 @ W2.T + b2
    p = np.exp(z2) / np.exp(z2).sum(axis=1, keepdims=True)
    losses = -np.log(p[range(N), t])
    gz2 = (p - np.eye(3)[t]) / N
    gh1 = gz2 @ W2
    gz1 = gh1 * (z1 > 0)
    return {
        **{"x": x, "W1": W1, "b1": b1, "W2": W2, "b2": b2, "z1": z1, "h1": h1, "z2": z2},
        **({"ℓ": losses} if N > 1 else {}),
        **{"p": p, "L": losses.mean()},
        **{"gL": 1.0, "gz2": gz2, "gW2": gz2.T @ h1, "gb2": gz2.sum(axis=0), "gh1": gh1},
        **{"gz1": gz1, "gW1": gz1.T @ x, "gb1": gz1.sum(axis=0)},
    }
