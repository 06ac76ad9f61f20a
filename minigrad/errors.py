"""The exceptions and warnings, and the one format of their messages.

Every message reads `<where>: <what is wrong>; <the facts>; <what to do>`:

    linear: x has 5 features but W takes 3; x (32, 5), W (64, 3); give nn.Linear in_features=5
"""

import os
import sys
import warnings

PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
COMMANDS = os.path.join(PACKAGE, "cli") + os.sep  # they use the package like any program


class MinigradError(Exception):
    """The base of every exception that minigrad raises on purpose.

    Its arguments are the four parts of the message: where, what is wrong, the facts, what to do.
    """

    def __str__(self) -> str:
        return message(*self.args) if len(self.args) == 4 else super().__str__()


class ShapeError(MinigradError, ValueError):
    """Shapes that do not match."""


class DataError(MinigradError, ValueError):
    """Data, a target or a file that cannot be used as it is."""


class ArgumentError(MinigradError, ValueError):
    """An option outside the values that it can take."""


class DTypeError(MinigradError, TypeError):
    """A dtype that the operation cannot take."""


class UnsupportedError(MinigradError, TypeError):
    """A use that Tensors and Functions do not support."""


class GraphError(MinigradError, RuntimeError):
    """A backward pass without a graph, or a Function that breaks its contract."""


class GraphFreedError(GraphError):
    """A second backward pass through a graph that the first one used up."""


class NonFiniteError(MinigradError, ArithmeticError):
    """A NaN or an infinity made from finite numbers, found by `minigrad.debug()`."""


class DivergedError(MinigradError, ArithmeticError):
    """Training reached a loss that is not finite."""


class GradcheckError(MinigradError, AssertionError):
    """A backward pass that disagrees with finite differences."""


class MinigradWarning(UserWarning):
    """Something that runs but is almost certainly a mistake."""


def message(where: str, wrong: str, facts: str, remedy: str) -> str:
    """Return `<where>: <what is wrong>; <the facts>; <what to do>`."""
    return f"{where}: {wrong}; {facts}; {remedy}"


def user_frame():
    """Return the innermost frame outside this package, and how many frames lie above it."""
    frame, depth = sys._getframe(1), 1
    while frame.f_back is not None and _is_ours(frame.f_code.co_filename):
        frame, depth = frame.f_back, depth + 1
    return frame, depth


def _is_ours(path: str) -> bool:
    return path.startswith(PACKAGE) and not path.startswith(COMMANDS)


_warned = set()
_filters = None


def warn_once(
    where: str,
    wrong: str,
    facts: str,
    remedy: str,
    category: type[MinigradWarning] = MinigradWarning,
) -> None:
    """Give one warning for each message, at the user's line.

    A new `warnings.catch_warnings` block starts again, as it does for Python's own warnings.
    """
    global _filters
    if warnings.filters is not _filters:
        _warned.clear()
        _filters = warnings.filters
    text = message(where, wrong, facts, remedy)
    if text not in _warned:
        _warned.add(text)
        warnings.warn(text, category, stacklevel=user_frame()[1])
