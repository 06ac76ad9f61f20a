"""Time and memory to read a CSV file: minigrad against pandas, each in its own process.

    python benchmarks/read_csv.py

From the start of the process to float32 features and integer labels: 300,000 × 20 numbers and a
label of words. The contenders take turns. minigrad may take 4 times as long and 0.4 of the memory.
Needs pandas (extra `bench`).
"""

import os
import statistics
import sys
import tempfile

import click
import numpy as np
from turns import run

MINIGRAD = """
import sys
from minigrad import data
dataset = data.load(sys.argv[1])
x, y = dataset.x, dataset.y
"""
PANDAS = """
import sys
import pandas as pd
table = pd.read_csv(sys.argv[1])
x = table.iloc[:, :-1].to_numpy("float32")
y, names = pd.factorize(table.iloc[:, -1])
"""
SUMMARY = """
print(f"{x.sum(dtype='f8'):.6f}", *sorted((y == c).sum() for c in range(3)))
"""
TIME_LIMIT, MEMORY_LIMIT = 4, 0.4


def write_table(path, rows):
    """Write a CSV file of 20 normal numbers with 6 digits and one of three names."""
    rng = np.random.default_rng(0)
    names = rng.choice(["alpha", "beta", "gamma"], rows)
    with open(path, "w") as file:
        file.write(",".join([*(f"x{i}" for i in range(20)), "label"]) + "\n")
        for name in names:
            numbers = rng.standard_normal(20)
            file.write(",".join([*(f"{number:.6g}" for number in numbers), name]) + "\n")


@click.command()
@click.option("--rows", default=300_000, show_default=True)
@click.option(
    "--rounds", default=7, show_default=True, help="Rounds; each contender runs once in each."
)
def main(rows, rounds):
    """Print seconds and peak memory of both, and exit with 1 if a limit is exceeded."""
    results = {"minigrad": [], "pandas": []}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "table.csv")
        write_table(path, rows)
        print(f"{rows} rows, {os.path.getsize(path) / 1e6:.0f} MB")
        for _ in range(rounds):
            for name, program in (("minigrad", MINIGRAD), ("pandas", PANDAS)):
                results[name].append(run([sys.executable, "-c", program + SUMMARY, path]))
    outputs = {output for turns in results.values() for _, _, output in turns}
    if len(outputs) > 1:
        raise SystemExit(f"different results: {outputs}")
    for name, turns in results.items():
        seconds, memory = (statistics.median(turn[i] for turn in turns) for i in (0, 1))
        print(f"{name:<10}{seconds:>8.2f} s{memory:>8.0f} MB")
    pairs = list(zip(results["minigrad"], results["pandas"], strict=True))
    slower = statistics.median(ours[0] / theirs[0] for ours, theirs in pairs)
    larger = statistics.median(ours[1] / theirs[1] for ours, theirs in pairs)
    print(f"ratio{slower:>13.2f}  {larger:>8.2f}")
    print(f"limit{TIME_LIMIT:>13.2f}  {MEMORY_LIMIT:>8.2f}")
    raise SystemExit(slower > TIME_LIMIT or larger > MEMORY_LIMIT)


if __name__ == "__main__":
    main()
