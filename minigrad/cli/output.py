"""Where the commands write: results to stdout, remarks to stderr, JSON a line at a time."""

import json
import math
import sys

import click


def remark(text: str) -> None:
    """Print a line on stderr."""
    click.echo(text, err=True)


def on_terminal() -> bool:
    """Return whether a person watches stderr, where a bar can move."""
    return sys.stderr is not None and sys.stderr.isatty()


def event(event: str, **fields) -> None:
    """Print one JSON object on a line of stdout."""
    click.echo(json_line(event, **fields), nl=False)


def json_line(event: str, **fields) -> str:
    """Return one JSON object with the end of its line."""
    return json.dumps({"event": event, **_finite(fields)}) + "\n"


def _finite(value):
    """Return `value` with None, JSON's null, for every NaN and infinity: JSON has none."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
