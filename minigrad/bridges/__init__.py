"""Bridges: a trained model in the hands of other tools, one file for each; see docs/bridges.md.

`import minigrad` imports none of them. Each needs the extra of its own name, as in
`pip install 'minigrad[onnx]'`, except `numpy`, which needs nothing more.
"""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def needing(extra: str) -> Iterator[None]:
    """Say what to install where the import of another package fails because it is not there."""
    try:
        yield
    except ModuleNotFoundError as error:
        text = f"minigrad.bridges.{extra}: {error}; pip install 'minigrad[{extra}]'"
        raise ModuleNotFoundError(text, name=error.name) from error
