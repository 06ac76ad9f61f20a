"""Bridges: a trained model in the hands of other tools, one file for each; see docs/bridges.md.

`import minigrad` imports none of them. Each needs the extra of its own name, as in
`pip install 'minigrad[onnx]'`, except `numpy`, which needs nothing more.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..training import Classifier


@contextlib.contextmanager
def needing(extra: str) -> Iterator[None]:
    """Say what to install where the import of another package fails because it is not there."""
    try:
        yield
    except ModuleNotFoundError as error:
        text = f"minigrad.bridges.{extra}: {error}; pip install 'minigrad[{extra}]'"
        raise ModuleNotFoundError(text, name=error.name) from error


def fills(classifier: Classifier) -> bool:
    """Return whether a classifier fills missing numbers in."""
    return classifier.schema.missing == "mean" and classifier.scaling.fill is not None


def without_unused(template: str, holds: Mapping[str, Any]) -> str:
    """Return a template without its lines that end in `#? word` where `word` does not hold.

    `#? not word` is the opposite.
    """

    def line(found: re.Match) -> str:
        return f"{found[1]}\n" if bool(holds[found[3]]) != bool(found[2]) else ""

    return re.sub(r"(.*)  #\? (not )?(\w+)\n", line, template)
