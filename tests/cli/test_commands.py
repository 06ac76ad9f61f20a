"""Help, version and the list of data sets; how errors become exit codes."""

import errno
import re
import subprocess
import sys

import click
import pytest

import minigrad
from minigrad import errors
from minigrad.cli import main, shell
from minigrad.cli.commands import train
from minigrad.data import BUILTIN
from minigrad.settings import SETTINGS
from tests.cli.program import ENVIRONMENT, MODULE


def flat(text):
    return " ".join(text.split())


OPTIONS = [param for param in train.params if isinstance(param, click.Option)]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.opts[-1])
def test_help_shows_every_option_with_its_default(cli, option):
    code, out, err = cli("train", "--help")
    assert (code, err) == (0, "")
    names = "|".join(other.opts[0] for other in OPTIONS if other is not option)
    start = re.escape(", ".join(option.opts))
    found = re.search(rf"^  {start}[ \n].*?(?=^  ({names})[ \n]|\Z)", out, re.M | re.S)
    assert found
    if not option.is_flag:
        default = option.show_default if isinstance(option.show_default, str) else option.default
        assert re.search(rf"\[default: \(?{re.escape(str(default))}\)?[\];]", flat(found[0]))


def test_help_lists_the_settings_of_the_library_in_their_order():
    assert [option.name for option in OPTIONS if option.name in SETTINGS] == [*SETTINGS]


def test_help_shows_the_update_rule(cli):
    assert (
        "      g = gradient + weight_decay * p\n"
        "      v = momentum * v + g              (v = g in the first step)\n"
        "      p = p - lr * v                    (nesterov: p - lr * (g + momentum * v))\n"
    ) in cli("train", "--help").out


@pytest.mark.parametrize("args", [["-h"], ["train", "-h"], ["datasets", "-h"]])
def test_the_short_help_is_the_long_one(cli, args):
    short = cli(*args)
    assert short.code == 0 and short.out.startswith("Usage: ")
    assert short == cli(*args[:-1], "--help")


def test_help_of_the_program_lists_the_commands(cli):
    out = cli("--help").out
    assert re.search(r"^  datasets +List the built-in data sets", out, re.M)
    assert re.search(r"^  gradcheck +Compare backward passes", out, re.M)
    assert re.search(r"^  train +Train a classifier", out, re.M)


@pytest.mark.parametrize("name", main.commands)
def test_help_has_no_control_characters(cli, name):
    assert cli(name, "--help").out.replace("\n", "").isprintable()


def test_version(cli):
    assert cli("--version") == (0, f"minigrad {minigrad.__version__}\n", "")


def test_an_unknown_command_is_quoted(cli):
    code, out, err = cli("trian")
    assert (code, out) == (2, "")
    assert "'trian'" in err


def test_datasets_lists_names_sizes_and_sources(cli):
    code, out, err = cli("datasets")
    assert (code, err) == (0, "")
    header, *lines = out.splitlines()
    assert header.split() == ["name", "rows", "features", "classes", "source"]
    rows = [line.split(None, 4) for line in lines]
    assert rows == [
        [name, str(info.rows), str(info.features), str(len(info.classes)), info.source]
        for name, info in BUILTIN.items()
    ]


@pytest.mark.parametrize(
    "args", [["--help"], ["--version"], ["train", "--help"], ["exercise", "--help"]], ids=" ".join
)
def test_help_imports_nothing_heavy(args):
    """Against NumPy alone: NumPy 1.26 imports its own random numbers at once."""
    last = "import sys; print(*sys.modules)"
    run = f"try: main({args!r}, prog_name='minigrad')\nexcept SystemExit: pass\n"
    ours = modules(f"from minigrad.cli import main\n{run}{last}")
    extra = ours - modules(f"import numpy, click; {last}")
    assert not extra & {"torch", "matplotlib", "scipy", "tqdm", "numpy.random", "pytest"}
    tops = {name.partition(".")[0] for name in extra}
    assert tops - sys.stdlib_module_names <= {"minigrad", "numpy", "click"}


def modules(code):
    run = [sys.executable, "-c", code]
    out = subprocess.run(run, env=ENVIRONMENT, check=True, capture_output=True, text=True).stdout
    return set(out.splitlines()[-1].split())


def test_train_py_is_the_train_command(program):
    code, out, err = program("--help")
    assert (code, err) == (0, "")
    help_of_module = program("train", "--help", command=MODULE).out
    assert out == help_of_module.replace("Usage: minigrad train ", "Usage: train.py ")


# ---- errors and exit codes


@pytest.mark.parametrize(
    "error, code, line",
    [
        (errors.GradcheckError("a; b; c"), 1, "Error: a; b; c\n"),
        (errors.ShapeError("a; b; c"), 1, "Error: a; b; c\n"),
        (errors.ArgumentError("a; b; c"), 2, "Error: a; b; c\n"),
        (errors.DataError("a; b; c"), 3, "Error: a; b; c\n"),
        (errors.DivergedError("a; b; c"), 4, "Error: a; b; c\n"),
        (
            MemoryError("no 3 TiB"),
            2,
            "Error: out of memory: no 3 TiB; make the network, the batches or the inputs smaller\n",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "iris.csv"),
            3,
            "Error: iris.csv: Permission denied; check the path, its rights, and the space there\n",
        ),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, BaseException) else "",
)
def test_errors_and_their_codes(capsys, error, code, line):
    @click.command(cls=shell.Command)
    def fail():
        raise error

    with pytest.raises(SystemExit) as ended:
        fail([])
    assert (ended.value.code, *capsys.readouterr()) == (code, "", line)


def test_a_bug_in_minigrad_keeps_its_traceback():
    @click.command(cls=shell.Command)
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail([])


def test_every_command_turns_errors_into_lines():
    assert all(isinstance(part, shell.Command) for part in main.commands.values())


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["trian"], "No such command 'trian'."),
        (["--no-such"], "No such option"),
        (["resume"], "Missing argument 'RUN'."),
        (["evaluate", "a", "b", "c"], "Got unexpected extra argument (c)"),
    ],
)
def test_a_usage_error_is_one_line_and_exit_2(cli, args, line):
    code, out, err = cli(*args)
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {line}") and err.count("\n") == 1
