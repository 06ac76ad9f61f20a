"""What all commands share: errors become exit codes, results go to stdout.

An error is one line on stderr; remarks go to stderr too; JSON is one object per line.
"""

import contextlib
import errno
import io
import json
import math
import os
import re
import shlex
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.core import ParameterSource

from .. import errors
from ..settings import SETTINGS
from ..text import printable

if TYPE_CHECKING:
    from tqdm import tqdm

# 0 done, 1 a check failed, 2 usage, 3 data or model file, 4 diverged, 130 interrupted
EXIT_CODES = {
    errors.GradcheckError: 1,
    errors.ArgumentError: 2,
    errors.DataError: 3,
    errors.DivergedError: 4,
}
INTERRUPTED = 130
bar = None  # the progress bar, once there is one
COLUMNS, ROWS = 80, 24
HELP = {"help_option_names": ["-h", "--help"]}


class _Ending:
    """A command that ends with one line or none and an exit code of the list, never a traceback."""

    def main(self, *args, **kwargs):
        """Run the command and end the process."""
        for descriptor in range(3):  # or a file of ours becomes what is written to as stderr
            try:
                os.fstat(descriptor)
            except OSError:
                os.open(os.devnull, os.O_RDWR)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # \u2212 if there is no "−"
                stream.reconfigure(errors="backslashreplace")
        if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.isatty():
            sys.stdout = _Terminal(sys.stdout.buffer, sys.stdout.encoding, "backslashreplace")
        return super().main(*args, **kwargs)

    def _main_shell_completion(self, *args, **kwargs):
        """Answer the shell, which asks by environment variables."""
        try:
            with _one_line(left=0):
                super()._main_shell_completion(*args, **kwargs)
        except (LookupError, ValueError):  # not a question of the shell's
            remark("Error: COMP_WORDS and COMP_CWORD are not those of a shell; unset them")
            sys.exit(EXIT_CODES[errors.ArgumentError])
        except click.exceptions.Exit as ended:
            sys.exit(ended.exit_code)

    def make_context(self, *args, **kwargs):
        """Parse the command line; --help and --version end here, also where nobody reads them."""
        with _one_line(left=0):
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx):
        """Run the command."""
        with _one_line(left=INTERRUPTED):
            return super().invoke(ctx)


class Command(_Ending, click.Command):
    """A command of minigrad."""

    def invoke(self, ctx):
        """Run the command; a signal ends it, and a warning is one line."""
        stopping = handling(end_now, signal.SIGINT, signal.SIGTERM)
        with stopping, warnings.catch_warnings():
            warnings.simplefilter("always", errors.MinigradWarning)
            warnings.showwarning = _show
            return super().invoke(ctx)


class Group(_Ending, click.Group):
    """The group of the commands."""


class _Terminal(io.TextIOWrapper):
    """Standard output on a terminal, which a text from a file could command: shows it printable."""

    def write(self, text):
        return super().write(_plain(text))


def _plain(text: str) -> str:
    return text if text.isprintable() else "\n".join(map(printable, text.split("\n")))


@contextlib.contextmanager
def _one_line(left: int) -> Iterator[None]:
    """Turn errors that a user can do something about into one line and an exit code.

    left: the exit code if the reader of our output has left.
    """
    try:
        yield
    except getattr(click.exceptions, "NoArgsIsHelpError", ()) as error:  # from Click 8.2
        _end(error.show, error.exit_code)
    except click.UsageError as error:
        ctx = error.ctx
        if isinstance(error, click.BadParameter) and ctx and error.param and not error.param_hint:
            hint, origin = error.param.get_error_hint(ctx), origin_of(ctx, error.param)
            if origin not in (None, "command line"):
                error.param_hint = f"{hint} from {origin}"
        _fail(" ".join(error.format_message().split()), error.exit_code)
    except errors.MinigradError as error:
        _fail(as_typed(str(error)), EXIT_CODES.get(type(error), 1))
    except MemoryError as error:
        text = f"out of memory: {error}; make the network, the batches or the inputs smaller"
        _fail(text, EXIT_CODES[errors.ArgumentError])
    except OSError as error:
        if error.errno == errno.EPIPE:
            _give_up_output()
            raise click.exceptions.Exit(left) from error
        where = "the output" if error.filename is None else error.filename
        text = f"{where}: {error.strerror}; check the path, its rights, and the space there"
        _fail(text, EXIT_CODES[errors.DataError])
    except KeyboardInterrupt as error:
        remark("Interrupted.")
        raise click.exceptions.Exit(INTERRUPTED) from error


def _fail(text: str, exit_code: int) -> NoReturn:
    """End the command with one line on stderr, if that can be written."""
    _end(lambda: remark(f"Error: {text}"), exit_code)


def _end(show: Callable[[], None], exit_code: int) -> NoReturn:
    """End the command with what `show` prints on stderr, if that can be written."""
    with contextlib.suppress(OSError):
        show()
    _give_up_output()
    raise click.exceptions.Exit(exit_code)


def _give_up_output() -> None:
    """Lead what cannot be written to nowhere, or Python would complain at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def end_now(number, frame) -> NoReturn:
    """End the process, whatever it is doing: an exception would get lost in some places.

    Nothing needs to be put away but a temporary file.
    """
    if files := sys.modules.get("minigrad.data.files"):
        files.remove_unfinished()
    with contextlib.suppress(Exception):  # such as from a bar that is half made
        if bar is not None:
            bar.close()
    with contextlib.suppress(OSError):
        os.write(2, b"Interrupted.\n")
    os._exit(INTERRUPTED)


def origin_of(ctx: click.Context, parameter: click.Parameter) -> str | None:
    """Return where the value of a parameter comes from, None for its default."""
    source = ctx.get_parameter_source(parameter.name)
    if source is ParameterSource.COMMANDLINE:
        return "command line"
    if source is ParameterSource.ENVIRONMENT:
        return f"environment, {ctx.auto_envvar_prefix}_{parameter.name.upper()}"
    if source is ParameterSource.DEFAULT_MAP:
        return ctx.params["config"]
    return None


@contextlib.contextmanager
def handling(handler: Callable, *numbers: int) -> Iterator[None]:
    """Let `handler` take these signals inside the `with` block."""
    before = {
        number: signal.signal(number, handler)
        for number in numbers
        if signal.getsignal(number) is not signal.SIG_IGN  # nohup, or a job in the background
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show(text, category, filename, lineno, file=None, line=None) -> None:
    """Print a warning as one line instead of Python's three."""
    remark(f"Warning: {as_typed(str(text))}")


KEYWORD = re.compile(rf"""(?<!["'\w])({"|".join(SETTINGS)})=(\[[^\]]*\]|'[^']*'|[^\s,;:)]+)""")


def as_typed(text: str) -> str:
    """Return a message of the library with its keywords as options: no_save=True as --no-save."""

    def flag(keyword: re.Match) -> str:
        name, value = f"--{keyword[1].replace('_', '-')}", keyword[2].strip("[]'")
        return name if value == "True" else f"{name} {shlex.quote(value)}"

    return KEYWORD.sub(flag, text)


# ---- streams -------------------------------------------------------------------------------------


def remark(text: str) -> None:
    """Print a line on stderr; a line break in it, as in the name of a file, is not one."""
    click.echo(printable(text), err=True)


def on_terminal() -> bool:
    """Return whether stderr is a terminal, which can show a progress bar."""
    return sys.stderr is not None and sys.stderr.isatty()


def progress_bar(total: int | None, **options: Any) -> "tqdm":
    """Return a bar as wide as stderr, which is taken to have 80 columns if it says it has none.

    Of tqdm's environment variables only TQDM_DISABLE holds: others can end a run in the middle.
    """
    global bar
    for name in [n for n in os.environ if n.startswith("TQDM_") and n != "TQDM_DISABLE"]:
        del os.environ[name]  # tqdm reads them when it is imported
    from tqdm import tqdm  # no bar, no tqdm

    def size(file=sys.stderr) -> tuple[int, int]:
        with contextlib.suppress(OSError):
            if file and (columns := os.get_terminal_size(file.fileno()).columns):
                return columns, ROWS
        return COLUMNS, ROWS

    columns, rows = size()
    bar = tqdm(total=total, ncols=columns, nrows=rows, **options)
    bar.dynamic_ncols = size  # asked again before each drawing
    return bar


def event(event: str, **fields) -> None:
    """Print one JSON object on a line of stdout."""
    click.echo(json_line(event, **fields), nl=False)


def json_line(event: str, **fields) -> str:
    """Return one JSON object with a newline at its end."""
    return json.dumps({"event": event, **_finite(fields)}) + "\n"


def _finite(value):
    """Return `value` with None, JSON's null, for every NaN and infinity: JSON has neither."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
