"""Run folders as `minigrad train` writes them, without training."""

import json
import math
from pathlib import Path

import numpy as np

from minigrad.settings import SETTINGS, by_size
from minigrad.training import headers
from minigrad.training.metrics import Confusion, packed

OPTIONS = {name: SETTINGS[name].default for name in headers.OPTIONS} | by_size(20, 3)
HEADER = "epoch,train_loss,train_accuracy,val_loss,val_accuracy,lr,grad_norm\n"


def history(epochs, *, val=True, changes=()):
    """The text of a history.csv: smooth curves; `changes` are (epoch, column, text)."""
    names, lines = HEADER.strip().split(","), [HEADER]
    for epoch in range(1, epochs + 1):
        share = epoch / epochs
        fields = [str(epoch), repr(math.exp(-3 * share)), repr(1 - math.exp(-4 * share) / 2)]
        fields += (
            [repr(math.exp(-2 * share)), repr(1 - math.exp(-3 * share) / 2)] if val else [""] * 2
        )
        fields += [repr(0.1 * (1 - share / 2)), "1.5"]
        for at, name, text in changes:
            if at == epoch:
                fields[names.index(name)] = text
        lines.append(",".join(fields) + "\n")
    return "".join(lines)


def write_run(folder, text=None, *, classes=("no", "yes"), features=("a", "b", "c"), **facts):
    """Write a finished run of 30 epochs, or what is asked for; return the folder."""
    count = len(classes)
    confusion = [[9 if i == j else j + 1 for j in range(count)] for i in range(count)]
    folder = Path(folder)
    folder.mkdir(parents=True)
    (folder / "history.csv").write_text(history(30) if text is None else text)
    about = {
        "format": "minigrad run",
        "version": headers.VERSION,
        "status": "finished",
        "data": {
            "source": "somewhere.csv",
            "name": "somewhere",
            "sha256": "0" * 64,
            "rows": 30,
            "features": list(features),
            "classes": list(classes),
            "split": {"training": 20, "validation": 5, "test": 5},
        },
        "options": {**OPTIONS},
        "origins": dict.fromkeys(OPTIONS, "default"),
        "path": None,
        "versions": {"minigrad": "0.1.0", "numpy": "2.0.0", "python": "3.11.0"},
        "written": "2026-01-01T00:00:00Z",
        "seconds": 1.5,
        "best_epoch": 12,
        "results": {
            "test_loss": 0.25,
            "test_accuracy": 0.9,
            "confusion": packed(Confusion.of(np.array(confusion))),
        },
    }
    (folder / "run.json").write_text(json.dumps({**about, **facts}))
    return folder
