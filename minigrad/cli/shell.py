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
from typing import NoReturn

import click
from click.core import ParameterSource

from .. import errors
from ..settings import SETTINGS

# 0 done, 1 a check failed, 2 usage, 3 data or model file, 4 diverged, 130 interrupted
EXIT_CODES = {
    errors.GradcheckError: 1,
    errors.ArgumentError: 2,
    errors.DataError: 3,
    errors.DivergedError: 4,
}
INTERRUPTED = 130
HELP = {"help_option_names": ["-h", "--help"]}


class Command(click.Command):
    """A command whose failures are one line after `Error:`, without a traceback."""

    def make_context(self, *args, **kwargs):
        """Parse the command line."""
        with _usage_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx):
        """Run the command; turn an error that a user can do something about into one line."""
        if isinstance(sys.stdout, io.TextIOWrapper):  # as on stderr: \u2212 if there is no "−"
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            # SIGTERM ends a command as Ctrl-C does, so that it clears away its temporary files.
            as_interrupt = handling(signal.default_int_handler, signal.SIGTERM)
            with warnings.catch_warnings(), as_interrupt:
                quiet = ctx.params.get("quiet")
                warnings.simplefilter("ignore" if quiet else "always", errors.MinigradWarning)
                warnings.simplefilter("always", errors.ResultWarning)
                warnings.showwarning = _show
                with _usage_errors():
                    return super().invoke(ctx)
        except errors.MinigradError as error:
            _fail(ctx, as_typed(str(error)), EXIT_CODES.get(type(error), 1))
        except MemoryError as error:
            text = f"out of memory: {error}; make the network, the batches or the inputs smaller"
            _fail(ctx, text, EXIT_CODES[errors.ArgumentError])
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of our output has left
                for stream in (sys.stdout, sys.stderr):  # or Python complains when it ends
                    if stream is not None:
                        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
                ctx.exit(INTERRUPTED)
            where = "the output" if error.filename is None else error.filename
            text = f"{where}: {error.strerror}; check the path, its rights, and the space there"
            _fail(ctx, text, EXIT_CODES[errors.DataError])
        except KeyboardInterrupt:
            remark("Interrupted.")
            ctx.exit(INTERRUPTED)


class Group(click.Group):
    """The group of the commands, whose own usage errors are one line, too."""

    def make_context(self, *args, **kwargs):
        """Parse what comes before the command's name."""
        with _usage_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx):
        """Find the command and run it."""
        with _usage_errors():
            return super().invoke(ctx)


@contextlib.contextmanager
def _usage_errors() -> Iterator[None]:
    """Turn Click's error, which is four lines, into one line that names the value's origin."""
    try:
        yield
    except getattr(click.exceptions, "NoArgsIsHelpError", ()):  # from Click 8.2
        raise
    except click.UsageError as error:
        ctx = error.ctx
        if isinstance(error, click.BadParameter) and ctx and error.param and not error.param_hint:
            hint, origin = error.param.get_error_hint(ctx), origin_of(ctx, error.param)
            if origin not in (None, "command line"):
                error.param_hint = f"{hint} from {origin}"
        remark("Error: " + " ".join(error.format_message().split()))
        raise click.exceptions.Exit(error.exit_code) from error


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
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show(text, category, filename, lineno, file=None, line=None) -> None:
    """Print a warning as one line instead of Python's three."""
    remark(f"Warning: {as_typed(str(text))}")


def _fail(ctx: click.Context, text: str, exit_code: int) -> NoReturn:
    """End the command with one line on stderr."""
    remark(f"Error: {text}")
    ctx.exit(exit_code)


KEYWORD = re.compile(rf"""(?<!["'\w])({"|".join(SETTINGS)})=(\[[^\]]*\]|'[^']*'|[^\s,;:)]+)""")


def as_typed(text: str) -> str:
    """Return a message of the library with its keywords as options: no_save=True as --no-save."""

    def flag(keyword: re.Match) -> str:
        name, value = f"--{keyword[1].replace('_', '-')}", keyword[2].strip("[]'")
        return name if value == "True" else f"{name} {shlex.quote(value)}"

    return KEYWORD.sub(flag, text)


# ---- streams -------------------------------------------------------------------------------------


def remark(text: str) -> None:
    """Print a line on stderr."""
    click.echo(text, err=True)


def on_terminal() -> bool:
    """Return whether stderr is a terminal, which can show a progress bar."""
    return sys.stderr is not None and sys.stderr.isatty()


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
