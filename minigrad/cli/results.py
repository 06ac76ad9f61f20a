"""How test results are printed: as tables for a person, as JSON fields for a program."""

import shutil

import numpy as np

from ..text import counted, printable, shortened, shown, table
from ..training import averages, classification_report
from ..training.metrics import Confusion, packed

SHORTEST = 12  # of a name
MOST_MISTAKES = 20
NARROWEST = len("  0")  # columns of a number in a matrix
WIDEST = 3000  # columns of a matrix, whatever COLUMNS says
HUGE = 1e4  # losses from here on are printed with an exponent


def as_loss(value: float) -> str:
    """Return a loss with four decimals, or as 6.5e+20 if it is huge."""
    return f"{value:.4f}" if abs(value) < HUGE else f"{value:.1e}"


def share_of_hits(names: tuple[str, ...], confusion: Confusion) -> str:
    """Return the accuracy, its counts, and what always giving the most frequent class would get.

    '96.67% (29 of 30 rows; always saying "setosa" gets 33.33%)'
    """
    hits, rows = confusion.hits.sum(), int(confusion.count.sum())
    constant = constant_answer(names, confusion.support)
    return f"{hits / rows:.2%} ({hits} of {counted(rows, 'row')}; {constant})"


def constant_answer(names: tuple[str, ...], counts: np.ndarray) -> str:
    """Return what always giving the most frequent class would get on so many rows of each."""
    most = counts.argmax()
    return f"always saying {shown(names[most])} gets {counts[most] / counts.sum():.2%}"


def constant_fields(names: tuple[str, ...], counts: np.ndarray) -> dict:
    """Return the class and the share of `constant_answer` as a field of a JSON object."""
    most = int(counts.argmax())
    return {"majority": {"class": names[most], "share": float(counts[most] / counts.sum())}}


def result_tables(names: tuple[str, ...], confusion: Confusion) -> str:
    """Return two tables: precision, recall, f1 and support by class, and the confusion matrix.

    Long names are shortened, and the matrix is replaced by the most frequent mistakes, where they
    do not fit into the columns of the terminal; without one it has 80.
    """
    columns = min(shutil.get_terminal_size().columns, WIDEST)
    names = tuple(map(printable, names))
    return f"{_by_class(names, confusion, columns)}\n\n{_confusion(names, confusion, columns)}"


def _by_class(names, confusion, columns):
    """Return the table, where there is no room without precision, and without recall."""
    report = classification_report(confusion)
    shares = [[*numbers] for numbers in zip(*report.values(), strict=True)]
    over_all = averages(confusion)
    shares += [[*average.values(), confusion.count.sum()] for average in over_all.values()]
    cells = [[f"{number:.3f}" for number in numbers] + [str(n)] for *numbers, n in shares]
    cells.insert(0, [*report])
    averaged = [f"{kind} average" for kind in over_all]
    longest = max(map(len, averaged))
    for first in range(len(report) - 1):
        some = [row[first:] for row in cells]
        room = columns - len(table([("", *row) for row in some]).splitlines()[0])
        if room >= longest:
            break
    names = [shortened(name, max(room, longest)) for name in names]
    rows = zip(["class", *names, *averaged], some, strict=True)
    return table([(name, *row) for name, row in rows])


def _confusion(names, confusion, columns):
    """Return the matrix with its names, with shorter ones or with numbers, or its worst pairs."""
    short = [shortened(name) for name in names]
    numbers = [*map(str, range(1, len(names) + 1))]
    numbered = [f"{number} {name}" for number, name in zip(numbers, short, strict=True)]
    fits = NARROWEST * len(names) <= columns
    for down, across in ((names, names), (short, short), (numbered, numbers)) if fits else ():
        counts = [(name, *map(str, row)) for name, row in zip(down, confusion.matrix, strict=True)]
        matrix = table([("", *across), *counts])
        if max(map(len, matrix.splitlines())) <= columns:
            return f"confusion matrix (row: true class, column: predicted class)\n{matrix}"
    wrong = np.flatnonzero(confusion.true != confusion.predicted)
    order = wrong[np.argsort(-confusion.count[wrong], kind="stable")][:MOST_MISTAKES]
    room = max((columns - len("  ") * 2 - len("rows")) // 2, SHORTEST)
    short = [shortened(name, room) for name in names]
    if len({*short}) < len(short):  # only the number tells two of them apart
        short = [
            shortened(f"{number} {name}", room) for number, name in zip(numbers, names, strict=True)
        ]
    columns_of_pairs = (confusion.true, confusion.predicted, confusion.count)
    pairs = [
        (short[i], short[j], str(count))
        for i, j, count in zip(*(c[order].tolist() for c in columns_of_pairs), strict=True)
    ]
    if not pairs:
        return "no mistakes"
    kinds, rows = counted(len(wrong), "kind"), confusion.count[wrong].sum()
    title = f"the most frequent mistakes, of {kinds} in {rows} rows"
    return f"{title}\n{table([('true class', 'predicted class', 'rows'), *pairs], '<<>')}"


def result_fields(names: tuple[str, ...], confusion: Confusion) -> dict:
    """Return the numbers of `result_tables` and the majority as fields of a JSON object."""
    columns = {key: values.tolist() for key, values in classification_report(confusion).items()}
    return {
        "classes": [
            {"name": name, **{key: values[i] for key, values in columns.items()}}
            for i, name in enumerate(names)
        ],
        **averages(confusion),
        "confusion": packed(confusion),
        **constant_fields(names, confusion.support),
    }
