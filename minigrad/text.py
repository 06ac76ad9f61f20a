"""Text for messages and terminals: names made printable, lists, suggestions, aligned columns."""

import difflib
import json
from collections.abc import Collection, Iterable, Sequence
from itertools import islice


def shown(text: str, longest: int = 40) -> str:
    """Return a text from a file in double quotes, short and without a control character."""
    quoted = printable(json.dumps(text[:longest], ensure_ascii=False))
    return quoted if len(text) <= longest else quoted[:-1] + '…"'


def printable(name: str) -> str:
    r"""Return a name from a file with \n for a line break, and so for all that is not printable."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in name)


def shortened(text: str, longest: int = 20) -> str:
    """Return a text of at most so many characters: its beginning and its end, if it is longer."""
    if len(text) <= longest:
        return text
    last = (longest - 1) // 2
    return f"{text[: longest - 1 - last]}…{text[len(text) - last :]}"


def listed(texts: Collection[str], most: int = 20) -> str:
    """Return the texts in double quotes, separated by commas; of more than `most`, the first."""
    listing = ", ".join(shown(text) for text in islice(texts, most))
    return listing if len(texts) <= most else f"{listing} and {len(texts) - most} more"


def counted(count: int, noun: str) -> str:
    """Return a number and its noun: "1 row", "2 rows", "3 classes"."""
    plural = noun + ("es" if noun.endswith("s") else "s")
    return f"{count} {noun if count == 1 else plural}"


def reason(error: Exception) -> str:
    """Return what an exception says, in one line; its class's name if it says nothing."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def kind_of(value: object) -> str:
    """Return the type of a value in a sentence: "a Tensor", "an ndarray", and "None" for None."""
    name = type(value).__name__
    return (
        "None"
        if value is None
        else f"{'an' if name.startswith(('nd', *'aeiouAEIO')) else 'a'} {name}"
    )


def did_you_mean(name: str, known: Iterable[str], otherwise: str, most: int = 1) -> str:
    """Return "did you mean 'iris'?" for the known names closest to `name`, or `otherwise`."""
    closest = difflib.get_close_matches(name, known, n=most)
    return f"did you mean {' or '.join(map(repr, closest))}?" if closest else otherwise


def table(rows: Sequence[Sequence[str]], align: str = "<>") -> str:
    """Return rows of texts as lines of aligned columns.

    Args:
        rows: one text for each column; a header is a row like the others.
        align: "<" (left) or ">" (right) for each column; the last one holds for all that follow.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    align += align[-1] * (len(widths) - len(align))
    cells = [f"{{:{side}{width}}}" for side, width in zip(align, widths, strict=False)]
    return "\n".join("  ".join(cells).format(*row).rstrip() for row in rows)
