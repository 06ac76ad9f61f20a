"""Tables: how results are laid out for a person, and the same for a program."""

import numpy as np

from ..text import printable
from ..training import averages, classification_report


def result_tables(names: tuple[str, ...], confusion: np.ndarray) -> str:
    """Return two tables: precision, recall, f1 and support by class, and the confusion matrix."""
    names = tuple(map(printable, names))
    columns = classification_report(confusion)
    rows = list(zip(names, *columns.values(), strict=True))
    for kind, shares in averages(confusion).items():
        rows.append((f"{kind} average", *shares.values(), confusion.sum()))
    width = max(len(row[0]) for row in rows)
    lines = [f"{'class':<{width}}  precision  recall     f1  support"]
    for name, precision, recall, f1, support in rows:
        lines.append(f"{name:<{width}}  {precision:9.3f}  {recall:6.3f}  {f1:5.3f}  {support:7d}")
    lines += ["", "confusion matrix (row: true class, column: predicted class)"]
    width = max(len("class"), *map(len, names))
    cell = max(len(str(confusion.max())), *map(len, names))
    lines.append(" ".join([" " * width, *(f"{name:>{cell}}" for name in names)]))
    for name, counts in zip(names, confusion, strict=True):
        lines.append(" ".join([f"{name:<{width}}", *(f"{n:>{cell}}" for n in counts)]))
    return "\n".join(lines)


def result_fields(names: tuple[str, ...], confusion: np.ndarray) -> dict:
    """Return the same as fields of a JSON object."""
    columns = {key: values.tolist() for key, values in classification_report(confusion).items()}
    return {
        "classes": [
            {"name": name, **{key: values[i] for key, values in columns.items()}}
            for i, name in enumerate(names)
        ],
        **averages(confusion),
        "confusion": confusion.tolist(),
    }


def table(rows: list[tuple[str, ...]]) -> str:
    """Return rows of texts in columns, the first one to the left and the others to the right."""
    first, *rest = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *cells in rows:
        right = (f"{cell:>{width}}" for cell, width in zip(cells, rest, strict=True))
        lines.append("  ".join([f"{name:<{first}}", *right]))
    return "\n".join(lines)
