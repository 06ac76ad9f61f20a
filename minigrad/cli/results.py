"""How test results are printed: as tables for a person, as JSON fields for a program."""

import numpy as np

from ..text import printable, table
from ..training import averages, classification_report


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
    """Return the numbers of `result_tables` as fields of a JSON object."""
    columns = {key: values.tolist() for key, values in classification_report(confusion).items()}
    return {
        "classes": [
            {"name": name, **{key: values[i] for key, values in columns.items()}}
            for i, name in enumerate(names)
        ],
        **averages(confusion),
        "confusion": confusion.tolist(),
    }
