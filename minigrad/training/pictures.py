"""The one place where a room calls a room above it: `plot` of a History and of a Classifier.

plotting/ imports training/, which therefore cannot import plotting/; and matplotlib is an extra. So
what draws is imported when a picture is asked for.
"""

import importlib
from types import ModuleType

from ..errors import ArgumentError
from ..text import reason


def drawing(where: str, remedy: str = "pip install 'minigrad[plot]'") -> ModuleType:
    """Return the module `minigrad.plotting.figure`.

    Raises:
        ArgumentError: about `where`, if matplotlib is not installed or does not start.
    """
    try:
        return importlib.import_module("minigrad.plotting.figure")
    except ImportError as error:
        raise ArgumentError(where, "a picture needs matplotlib", str(error), remedy) from error
    except Exception as error:  # it reads its settings, which may hold anything
        remedy = "correct or unset MPLBACKEND and matplotlibrc"
        raise ArgumentError("matplotlib", "it does not start", reason(error), remedy) from error
