"""What the tests of files share."""

import pytest

from minigrad import data
from tests.cli.program import ENVIRONMENT as ENVIRONMENT


def write(path, content):
    """Write a text as UTF-8, or bytes, and return the path."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path, kind, function=data.load, **options):
    """Return the message with which a file is refused, behind its name."""
    with pytest.raises(kind) as error:
        list(function(path, **options) or ())
    text = str(error.value)
    assert type(error.value) is kind and "\n" not in text
    return text.removeprefix(f"{path}: ")
