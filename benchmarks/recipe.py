"""The default recipe beside scikit-learn's MLPClassifier, on real tables and the built-in sets.

    OMP_NUM_THREADS=1 python benchmarks/recipe.py FOLDER --seeds 5-9

FOLDER holds CSV files. scikit-learn's network is `MLPClassifier((64,))`, with its defaults and with
early stopping. It gets the training and the validation rows of the same split, standardised, ones
and zeros as they are, missing numbers as the mean; all three are judged on the same test rows.

It prints the means over the seeds, and exits with 1 if the goal is missed: over the tables, 0.3
points of accuracy above scikit-learn's better one of each table; no table more than 1.5 points
below, or two test rows, where that is more; a mean log loss no higher than that of its better one;
no run diverged. Needs scikit-learn (extra `test`).
"""

import ast
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from minigrad import data, nn, training
from minigrad.errors import DivergedError
from minigrad.text import table

# Which column is the label, and which one says the label again.
LOADING: dict[str, dict] = {
    "diamonds": {"label": "cut"},
    "mpg": {"label": "origin"},
    "titanic": {"label": "survived", "drop": ["alive"]},
}
GAIN, LOSS, ROWS = 0.3, 1.5, 2  # points, points, test rows: the goal
OURS, PLAIN, EARLY = "minigrad", "sklearn", "early"


class Score(NamedTuple):
    """Accuracy in per cent, log loss and seconds of one run; NaN if it diverged."""

    accuracy: float
    log_loss: float
    seconds: float


def by_minigrad(source, options, seed):
    """Return the experiment of one run, and its Score."""
    start = time.perf_counter()
    experiment = training.Experiment(source, **options, seed=seed, no_save=True)
    try:
        model = experiment.run().classifier.model
    except DivergedError as error:
        print(f"{source}, seed {seed}: {error}", file=sys.stderr)
        return experiment, Score(np.nan, np.nan, time.perf_counter() - start)
    seconds = time.perf_counter() - start
    # The plain loss: the run's own has smoothed labels.
    test = training.evaluate(model, experiment.test, loss=nn.CrossEntropy())
    return experiment, Score(100 * test.accuracy, test.loss, seconds)


def by_sklearn(experiment, seed, **options):
    """Return the Score of scikit-learn on the rows of this experiment."""
    from sklearn.neural_network import MLPClassifier

    fractions = {name: experiment.options[f"{name}_fraction"] for name in ("test", "val")}
    train, val, test = data.split(experiment.dataset, **fractions, rng=seed)
    x, y = np.concatenate([train.x, val.x]), np.concatenate([train.y, val.y])
    scaling = data.Scaling.fit(x, "standard")
    start = time.perf_counter()
    model = MLPClassifier((64,), random_state=seed, **options).fit(scaling.apply(x), y)
    seconds = time.perf_counter() - start
    p = model.predict_proba(scaling.apply(test.x)).astype(float)
    p = np.clip(p, np.finfo(np.float32).tiny, 1)
    losses = -np.log(p[np.arange(len(test)), test.y])
    return Score(100 * float((p.argmax(axis=1) == test.y).mean()), losses.mean(), seconds)


def compare(source, options, seeds, alone):
    """Return each contender's mean Score on a table, its test rows, and how many runs diverged."""
    scores = {OURS: []} if alone else {OURS: [], PLAIN: [], EARLY: []}
    for seed in seeds:
        experiment, score = by_minigrad(source, options, seed)
        scores[OURS].append(score)
        if not alone:
            scores[PLAIN].append(by_sklearn(experiment, seed))
            scores[EARLY].append(by_sklearn(experiment, seed, early_stopping=True))
    diverged = int(np.isnan([score.accuracy for score in scores[OURS]]).sum())
    means = {name: Score(*np.nanmean(each, axis=0)) for name, each in scores.items()}
    return means, len(experiment.test), diverged


def rows_of(name, means, rows):
    """Return the cells of one table: accuracy, log loss and seconds of each contender."""
    cells = [name, str(rows)]
    for field, digits in (("accuracy", 2), ("log_loss", 4), ("seconds", 1)):
        cells += [f"{getattr(score, field):.{digits}f}" for score in means.values()]
    others = [score.accuracy for title, score in means.items() if title != OURS]
    gain = means[OURS].accuracy - max(others, default=np.nan)
    return [*cells, f"{gain:+.2f}"]


def figures(results):
    """Return the mean gain in accuracy, the tables that lose too much, and both mean log losses."""
    gains, losers, losses = [], [], []
    for name, (means, rows, _) in results.items():
        ours, *others = means.values()
        gains.append(ours.accuracy - max(score.accuracy for score in others))
        losses.append((ours.log_loss, min(score.log_loss for score in others)))
        if gains[-1] < -max(LOSS, 100 * ROWS / rows):
            losers.append(name)
    return np.mean(gains), losers, np.mean(losses, axis=0)


def numbers(ctx, option, text):
    """Turn "5-9" into 5 … 9."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def options_of(ctx, option, texts):
    """Turn "lr=0.1" into {"lr": 0.1}."""
    pairs = (text.partition("=")[::2] for text in texts)
    return {name: ast.literal_eval(value) for name, value in pairs}


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False), required=False)
@click.option("--seeds", default="0-4", callback=numbers, show_default=True)
@click.option("--only", help="Names of tables, with commas; all by default.")
@click.option("--alone", is_flag=True, help="Leave scikit-learn out.")
@click.option(
    "--option",
    "options",
    multiple=True,
    callback=options_of,
    help="Of minigrad: lr=0.1, and so on.",
)
def main(folder, seeds, only, alone, options):
    """Compare minigrad's defaults with scikit-learn's, table by table."""
    warnings.simplefilter("ignore")  # scikit-learn's: 200 epochs may not be enough
    groups = {"tables": {}, "built-in sets": {name: name for name in data.BUILTIN}}
    if folder:
        groups["tables"] = {path.stem: path for path in sorted(Path(folder).glob("*.csv"))}
    contenders = [OURS] if alone else [OURS, PLAIN, EARLY]
    header = ["table", "test rows", *(f"{n}, {c}" for n in ("%", "loss", "s") for c in contenders)]
    good, diverged = True, 0
    for group, sources in groups.items():
        results, lines = {}, [[*header, "gain"]]
        for name, source in sources.items():
            if only and name not in only.split(","):
                continue
            results[name] = compare(source, LOADING.get(name, {}) | options, seeds, alone)
            lines.append(rows_of(name, *results[name][:2]))
            print(f"{name}: done", file=sys.stderr)
        if not results:
            continue
        print(f"{table(lines, '<' + '>' * (len(header)))}\n")
        diverged += sum(count for _, _, count in results.values())
        if alone:
            mean = np.mean([means[OURS] for means, _, _ in results.values()], axis=0)
            print(f"{group}: accuracy {mean[0]:.2f}, log loss {mean[1]:.4f}\n")
            continue
        gain, losers, (ours, theirs) = figures(results)
        print(f"{group}: {gain:+.2f} points of accuracy, log loss {ours:.4f} against {theirs:.4f}")
        print(f"more than {LOSS} points or {ROWS} rows below: {', '.join(losers) or 'none'}\n")
        good &= gain >= GAIN and not losers and ours <= theirs
    print(f"diverged: {diverged}")
    raise SystemExit(not good or diverged > 0)


if __name__ == "__main__":
    main()
