"""A user's Python file: it is run, and what it raises becomes one line that names its line."""

import contextlib
import linecache
import os
import sys
import traceback
import types
from collections.abc import Callable, Iterator

from ..data.files import read_whole
from ..errors import DataError, MinigradError

MODULE = "_minigrad_user_code"  # in sys.modules; no import statement can name it by accident


@contextlib.contextmanager
def in_file(path: str, doing: str, remedy: str = "correct it") -> Iterator[None]:
    """Turn what a user's code raises into a DataError with the line that raised it.

    What the code prints goes to stderr: stdout holds results.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        ours = ("gradcheck", "bisect", "explain", path)
        if isinstance(error, MinigradError) and error.args[0] in ours:
            raise  # about the inputs, the output or the file; its own message says more
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
        line = lines[-1] if lines else None
        what = described(error)
        if isinstance(error, SyntaxError) and error.filename == path:
            line, what = error.lineno, f"{type(error).__name__}: {error.msg}"
        linecache.checkcache(path)
        code = linecache.getline(path, line).strip() if line else ""
        raise DataError(
            path,
            f"line {line} raised {what}" if line else what,
            f"{doing}, at {code!r}" if code else doing,
            remedy,
        ) from error


def described(error: BaseException) -> str:
    """Return the class and the text of what a user's code raised, in one line."""
    try:
        text = str(error)
    except BaseException:  # the code's own exception
        text = "an exception whose text raises another one"
    return " ".join(f"{type(error).__name__}: {text}".split()).removesuffix(":")


def run_file(path: str, remedy: str, on_run: Callable[[], None] = lambda: None) -> types.ModuleType:
    """Run the file as a module, and leave no byte code beside it.

    Args:
        path: the file.
        remedy: what to do if there is none.
        on_run: is called when the file has been read, before it is run.

    Raises:
        DataError: if there is no such file, or if it raises.
    """
    if not os.path.exists(path):
        raise DataError(
            path, "there is no such file", f"the current folder is {os.getcwd()}", remedy
        )
    source = read_whole(path)
    on_run()
    module = types.ModuleType(MODULE)
    module.__file__ = path
    sys.modules[MODULE] = module
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))  # as `python ops.py` does
    with in_file(path, "running the file"):
        exec(compile(source, path, "exec"), vars(module))
    return module
