"""The default recipe beside scikit-learn's MLPClassifier, on real tables and the built-in sets.

    OMP_NUM_THREADS=1 python benchmarks/recipe.py FOLDER --seeds 10-14

FOLDER holds CSV files. scikit-learn's network is `MLPClassifier((64,))`, with its defaults and with
early stopping. It gets the training and the validation rows of the same split, standardised, ones
and zeros as they are, missing numbers as the mean; all three are judged on the same test rows.

With `--sklearn FILE`, scikit-learn's scores are kept in a JSON file and not computed again.

It prints the means over the seeds, and exits with 1 if the goal is missed: over the tables, 0.3
points of accuracy above scikit-learn's better one of each table; no table more than 1.5 points
below, or two test rows, where that is more; a mean log loss no higher than that of its better one;
no run diverged. After ± stands the standard error of the mean gain, from its spread over the seeds.
Needs scikit-learn (extra `test`).
"""

import ast
import json
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


def compare(name, source, options, seeds, alone, known):
    """Return each contender's scores on a table, (seeds, 3), and how many test rows it has.

    known: scikit-learn's scores so far, by table, seed and contender; new ones are added.
    """
    scores = {OURS: []} if alone else {OURS: [], PLAIN: [], EARLY: []}
    for seed in seeds:
        experiment, score = by_minigrad(source, LOADING.get(name, {}) | options, seed)
        scores[OURS].append(score)
        for contender in [*scores][1:]:
            key = f"{name} {seed} {contender}"
            if key not in known:
                early = contender == EARLY
                known[key] = by_sklearn(experiment, seed, early_stopping=early)
            scores[contender].append(known[key])
    return {contender: np.array(each) for contender, each in scores.items()}, len(experiment.test)


def mean(scores):
    """Return the mean Score over the seeds whose run did not diverge."""
    return Score(*np.nanmean(scores, axis=0))


def better(scores):
    """Return the scores of scikit-learn's better one, by mean accuracy."""
    return max((scores[name] for name in (PLAIN, EARLY)), key=lambda each: mean(each).accuracy)


def rows_of(name, scores, rows):
    """Return the cells of one table: accuracy, log loss and seconds of each contender."""
    cells = [name, str(rows)]
    for field, digits in (("accuracy", 2), ("log_loss", 4), ("seconds", 1)):
        cells += [f"{getattr(mean(each), field):.{digits}f}" for each in scores.values()]
    if len(scores) > 1:
        gain = mean(scores[OURS]).accuracy - mean(better(scores)).accuracy
        cells.append(f"{gain:+.2f}")
    return cells


def figures(results):
    """Return the mean gain in accuracy and its standard error, losers, and both mean log losses."""
    gains, losers, losses = [], [], []
    for name, (scores, rows) in results.items():
        gains.append((scores[OURS] - better(scores))[:, 0])
        others = (mean(scores[PLAIN]), mean(scores[EARLY]))
        losses.append((mean(scores[OURS]).log_loss, min(other.log_loss for other in others)))
        if np.nanmean(gains[-1]) < -max(LOSS, 100 * ROWS / rows):
            losers.append(name)
    of_seeds = np.nanmean(gains, axis=0)
    error = of_seeds.std(ddof=1) / len(of_seeds) ** 0.5 if len(of_seeds) > 1 else np.nan
    return of_seeds.mean(), error, losers, np.mean(losses, axis=0)


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
@click.option("--sklearn", type=click.Path(dir_okay=False), help="JSON of scores to reuse.")
@click.option(
    "--option",
    "options",
    multiple=True,
    callback=options_of,
    help="Of minigrad: lr=0.1, and so on.",
)
def main(folder, seeds, only, alone, sklearn, options):
    """Compare minigrad's defaults with scikit-learn's, table by table."""
    warnings.simplefilter("ignore")  # scikit-learn's: 200 epochs may not be enough
    groups = {"tables": {}, "built-in sets": {name: name for name in data.BUILTIN}}
    if folder:
        groups["tables"] = {path.stem: path for path in sorted(Path(folder).glob("*.csv"))}
    known = json.loads(Path(sklearn).read_text()) if sklearn and Path(sklearn).exists() else {}
    contenders = [OURS] if alone else [OURS, PLAIN, EARLY]
    header = ["table", "test rows", *(f"{n}, {c}" for n in ("%", "loss", "s") for c in contenders)]
    header += [] if alone else ["gain"]
    good, diverged = True, 0
    for group, sources in groups.items():
        results, lines = {}, [header]
        for name, source in sources.items():
            if only and name not in only.split(","):
                continue
            results[name] = compare(name, source, options, seeds, alone, known)
            lines.append(rows_of(name, *results[name]))
            diverged += int(np.isnan(results[name][0][OURS][:, 0]).sum())
            print(f"{name}: done", file=sys.stderr)
            if sklearn:
                Path(sklearn).write_text(json.dumps(known, indent=0))
        if not results:
            continue
        print(f"{table(lines, '<' + '>' * (len(header) - 1))}\n")
        if alone:
            ours = np.mean([mean(scores[OURS]) for scores, _ in results.values()], axis=0)
            print(f"{group}: accuracy {ours[0]:.2f}, log loss {ours[1]:.4f}\n")
            continue
        gain, error, losers, (ours, theirs) = figures(results)
        print(f"{group}: {gain:+.2f} ± {error:.2f} points of accuracy")
        print(f"log loss {ours:.4f} against {theirs:.4f}")
        print(f"more than {LOSS} points or {ROWS} rows below: {', '.join(losers) or 'none'}\n")
        good &= gain >= GAIN and not losers and ours <= theirs
    print(f"diverged: {diverged}")
    raise SystemExit(not good or diverged > 0)


if __name__ == "__main__":
    main()
