"""How test results are printed: as tables for a person, as JSON fields for a program."""

import numpy as np

from ..text import counted, printable, shown, table
from ..training import averages, classification_report

HUGE = 1e4  # losses from here on are printed with an exponent


def as_loss(value: float) -> str:
    """Return a loss with four decimals, or as 6.5e+20 if it is huge."""
    return f"{value:.4f}" if abs(value) < HUGE else f"{value:.1e}"


def share_of_hits(names: tuple[str, ...], confusion: np.ndarray) -> str:
    """Return the accuracy, its counts, and what always giving the most frequent class would get.

    '96.67% (29 of 30 rows; always saying "setosa" gets 33.33%)'
    """
    hits, rows, support = int(np.trace(confusion)), int(confusion.sum()), confusion.sum(axis=1)
    constant = constant_answer(names, support)
    return f"{hits / rows:.2%} ({hits} of {counted(rows, 'row')}; {constant})"


def constant_answer(names: tuple[str, ...], counts: np.ndarray) -> str:
    """Return what always giving the most frequent class would get on so many rows of each."""
    most = counts.argmax()
    return f"always saying {shown(names[most])} gets {counts[most] / counts.sum():.2%}"


def constant_fields(names: tuple[str, ...], counts: np.ndarray) -> dict:
    """Return the class and the share of `constant_answer` as a field of a JSON object."""
    most = int(counts.argmax())
    return {"majority": {"class": names[most], "share": float(counts[most] / counts.sum())}}


def result_tables(names: tuple[str, ...], confusion: np.ndarray) -> str:
    """Return two tables: precision, recall, f1 and support by class, and the confusion matrix."""
    names = tuple(map(printable, names))
    columns = classification_report(confusion)
    shares = [*zip(names, *columns.values(), strict=True)]
    for kind, average in averages(confusion).items():
        shares.append((f"{kind} average", *average.values(), confusion.sum()))
    by_class = [
        (name, *(f"{number:.3f}" for number in numbers), str(support))
        for name, *numbers, support in shares
    ]
    counts = [(name, *map(str, row)) for name, row in zip(names, confusion, strict=True)]
    return (
        f"{table([('class', *columns), *by_class])}\n\n"
        "confusion matrix (row: true class, column: predicted class)\n"
        f"{table([('', *names), *counts])}"
    )


def result_fields(names: tuple[str, ...], confusion: np.ndarray) -> dict:
    """Return the numbers of `result_tables` and the majority as fields of a JSON object."""
    columns = {key: values.tolist() for key, values in classification_report(confusion).items()}
    return {
        "classes": [
            {"name": name, **{key: values[i] for key, values in columns.items()}}
            for i, name in enumerate(names)
        ],
        **averages(confusion),
        "confusion": confusion.tolist(),
        **constant_fields(names, confusion.sum(axis=1)),
    }
