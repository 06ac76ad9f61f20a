"""What tests of files share."""

import pytest

from minigrad import data
from tests.cli.program import ENVIRONMENT as ENVIRONMENT

GOOD = "a,b,kind\n1,2,x\n3,4,y\n5,6,x\n7,8,y\n"
COLOURS = "size,colour,shape,kind\n1,red,round,x\n2,blue,flat,y\n3,red,flat,x\n4,green,round,y\n"


def write(path, content):
    """Write a string as UTF-8, or bytes, and return the path."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path, kind, function=data.load, **options):
    """Return the message with which a file is refused, without the file's name."""
    with pytest.raises(kind) as error:
        list(function(path, **options) or ())
    text = str(error.value)
    assert type(error.value) is kind and "\n" not in text
    return text.removeprefix(f"{path}: ")
