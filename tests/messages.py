"""How the tests compare the text of an error."""

import re


def exactly(text):
    """Return the pattern for `match=` that this text matches, and nothing longer."""
    return rf"\A{re.escape(text)}\Z"
