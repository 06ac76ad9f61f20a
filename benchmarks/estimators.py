"""MinigradClassifier beside scikit-learn's MLPClassifier, each with its defaults, on real tables.

    OMP_NUM_THREADS=1 python benchmarks/estimators.py FOLDER

FOLDER holds CSV files. All contenders learn from the same four fifths of the rows and are judged on
the others: accuracy, log loss, and the seconds of fit and predict_proba. MLPClassifier is in a
pipeline with SimpleImputer and StandardScaler, since MinigradClassifier fills and scales by itself;
`float32` is MinigradClassifier(dtype="float32"). One run of each, in a process of its own, one
after the other.
Needs scikit-learn (extra `bench`).
"""

import json
import sys
import time
import warnings
from pathlib import Path

import click
from turns import header, line, run

CONTENDERS = ("minigrad", "float32", "sklearn")


def measure(contender, path, seed):
    """Return accuracy in per cent, log loss, seconds, and how many rows there were to test on."""
    import numpy as np
    from recipe import LOADING
    from sklearn.impute import SimpleImputer
    from sklearn.metrics import log_loss
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from minigrad import data
    from minigrad.bridges.sklearn import MinigradClassifier

    rows = data.load(path, dtype=np.float64, **LOADING.get(Path(path).stem, {}))
    train, _, test = data.split(rows, test=0.2, val=0, rng=seed)
    model = {
        "minigrad": MinigradClassifier(random_state=seed),
        "float32": MinigradClassifier(random_state=seed, dtype="float32"),
        "sklearn": make_pipeline(
            SimpleImputer(), StandardScaler(), MLPClassifier(random_state=seed)
        ),
    }[contender]
    start = time.perf_counter()
    p = model.fit(train.x, train.y).predict_proba(test.x)
    seconds = time.perf_counter() - start
    accuracy = 100 * float((p.argmax(axis=1) == test.y).mean())
    return accuracy, log_loss(test.y, p, labels=range(p.shape[1])), seconds, len(test)


@click.command()
@click.argument("folder", type=click.Path(exists=True))
@click.option("--seed", default=0, show_default=True, help="Of the split and of the training.")
@click.option("--only", help="Names of tables, with commas; all by default.")
@click.option("--contender", type=click.Choice([*CONTENDERS]), hidden=True)
def main(folder, seed, only, contender):
    """Compare the estimators on the CSV files of a folder, and print a table in Markdown."""
    if contender:  # the process of one contender, and of one table
        warnings.simplefilter("ignore")  # scikit-learn's: 200 epochs may not be enough
        print(json.dumps(measure(contender, folder, seed)))
        return
    names = [f"{what}, {c}" for what in ("%", "loss", "s") for c in CONTENDERS]
    print(header(["", "test rows", *names]), flush=True)
    means = []
    for path in sorted(Path(folder).glob("*.csv")):
        if only and path.stem not in only.split(","):
            continue
        command = [sys.executable, __file__, str(path), "--seed", str(seed), "--contender"]
        found = [json.loads(run([*command, name])[2]) for name in CONTENDERS]
        print(line([path.stem, str(found[0][3]), *cells(found)]), flush=True)
        means.append(found)
    if means:
        mean = [
            [sum(each) / len(each) for each in zip(*one, strict=True)]
            for one in zip(*means, strict=True)
        ]
        print(line(["mean", "", *cells(mean)]))


def cells(found):
    """Return accuracy, log loss and seconds of each contender, as texts."""
    digits = (2, 4, 1)
    return [f"{one[i]:.{digits[i]}f}" for i in range(3) for one in found]


if __name__ == "__main__":
    main()
