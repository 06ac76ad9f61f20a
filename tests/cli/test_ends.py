"""How the program ends: one line or none and an exit code of the list, never a traceback."""

import ast
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import click
import numpy as np
import pytest

from minigrad import data, nn, training
from minigrad.cli import shell
from tests.cli.models import classifier, make_rows, write_csv
from tests.cli.program import ENVIRONMENT, ROOT, SCRIPT
from tests.training.folders import write_run

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's /dev/full")
FULL = "Error: the output: No space left on device; check the path, its rights, and the space there"
IRIS = "train iris --epochs 2 --no-save"
NO_ARGS = hasattr(click.exceptions, "NoArgsIsHelpError")  # from Click 8.2 on, it is an error


def in_shell(command, **environment):
    """Run `minigrad …` with the redirections of a shell: (its exit code, what it printed)."""
    program = f"set -o pipefail; {sys.executable} {ROOT}/minigrad_main.py {command}"
    run = subprocess.run(
        ["bash", "-c", program], env={**ENVIRONMENT, **environment}, capture_output=True, timeout=60
    )
    return run.returncode, run.stdout.decode("latin-1"), run.stderr.decode()


@pytest.mark.parametrize(
    ("command", "code", "err"),
    [
        ("--help >/dev/full", 3, FULL),
        ("--version >/dev/full", 3, FULL),
        ("train --help >/dev/full", 3, FULL),
        ("datasets >/dev/full", 3, FULL),
        (f"{IRIS} >/dev/full", 3, FULL),
        (f"{IRIS} --json >/dev/full", 3, FULL),
        (f"{IRIS} -q >/dev/full 2>/dev/full", 3, ""),
        (f"{IRIS} 2>/dev/full", 3, ""),
        ("gradcheck relu 2>/dev/full", 3, ""),
        ("gradcheck relu 2>&-", 0, ""),
        (" 2>/dev/full", 2 if NO_ARGS else 0, ""),
        ("train nothing 2>/dev/full", 3, ""),
        ("train --nothing 2>/dev/full", 2, ""),
        ("--help | true", 0, ""),
        ("train --help | true", 0, ""),
        ("--version | true", 0, ""),
        (f"{IRIS} -q <&-", 0, ""),
        (f"{IRIS} -q 2>&-", 0, ""),
        (f"{IRIS} -q >&-", 0, ""),
        (f"{IRIS} -q <&- >&- 2>&-", 0, ""),
        ("train nothing 2>&-", 3, ""),
        (
            "train - <&-",
            3,
            "Error: standard input: cannot be read; it is closed; check the path and its rights",
        ),
    ],
)
def test_streams_that_are_full_closed_or_left(command, code, err):
    found, _, errors = in_shell(command)
    assert (found, errors) == (code, f"{err}\n" if err else "")


def test_nothing_is_written_as_stderr_into_a_file_of_ours(tmp_path):
    """With stderr closed, the next file that is opened would be number 2."""
    assert in_shell(f"train iris --epochs 2 --out {tmp_path}/run <&- >&- 2>&-")[0] == 0
    assert (tmp_path / "run" / "history.csv").read_text().count("\n") == 3
    assert in_shell(f"inspect {tmp_path}/run")[0] == 0


@pytest.mark.parametrize(
    ("command", "environment"),
    [
        ("train --help", {"PYTHONIOENCODING": "latin-1"}),
        ("train --help", {"PYTHONIOENCODING": "ascii"}),
        ("train --help", {"COLUMNS": "9" * 30}),
        ("datasets", {"COLUMNS": "9" * 5000}),
        ("gradcheck relu", {"COLUMNS": "-1", "LINES": "x"}),
    ],
)
def test_an_odd_terminal(command, environment):
    code, out, err = in_shell(command, **environment)
    assert code == 0 and out and "Traceback" not in err


def on_a_terminal(args, stream="stderr", **environment):
    """Run `minigrad …` with a stream on a terminal: (its exit code, what it shows there)."""
    pty = pytest.importorskip("pty")
    screen, end = pty.openpty()
    streams = {"stdout": subprocess.DEVNULL, stream: end}
    process = subprocess.Popen([*SCRIPT, *args], env={**ENVIRONMENT, **environment}, **streams)
    os.close(end)
    shown = b""
    with contextlib.suppress(OSError):  # the other end was closed
        while part := os.read(screen, 65536):
            shown += part
    os.close(screen)
    return process.wait(timeout=60), shown.decode()


@pytest.mark.parametrize(
    "variable",
    [
        "MININTERVAL=x", "ASCII=x", "SMOOTHING=2", "FILE=x", "GUI=1", "KWARGS=1",
        "BAR_FORMAT={foo}", "LOCK_ARGS=5", "UNIT_DIVISOR=0",
    ],
)  # fmt: skip
def test_a_variable_of_tqdm_does_not_end_a_run(variable):
    name, value = variable.split("=")
    code, shown = on_a_terminal([*IRIS.split(), "--epochs", "20"], **{f"TQDM_{name}": value})
    assert code == 0 and "20/20" in shown and "Traceback" not in shown


def test_tqdm_can_be_silenced():
    for environment, bar in (({}, True), ({"TQDM_DISABLE": "1"}, False)):
        code, shown = on_a_terminal(IRIS.split(), **environment)
        assert code == 0 and ("%|" in shown) == bar


@pytest.mark.parametrize(
    ("command", "environment", "code"),
    [
        ("", {"_MINIGRAD_COMPLETE": "bash_complete"}, 2),
        ("", {"_MINIGRAD_COMPLETE": "bash_complete", "COMP_WORDS": "minigrad tr"}, 2),
        (
            "",
            {"_MINIGRAD_COMPLETE": "zsh_complete", "COMP_WORDS": "minigrad", "COMP_CWORD": "x"},
            2,
        ),
        (">/dev/full", {"_MINIGRAD_COMPLETE": "zsh_source"}, 3),
        ("| true", {"_MINIGRAD_COMPLETE": "zsh_source"}, 0),
    ],
)
def test_shell_completion_that_cannot_be(command, environment, code):
    found, _, err = in_shell(command, **environment)
    line = {2: "Error: COMP_WORDS and COMP_CWORD are not those of a shell; unset them", 3: FULL}
    assert (found, err) == (code, f"{line[code]}\n" if code else "")


def test_shell_completion():
    words = {"COMP_WORDS": "minigrad tr", "COMP_CWORD": "1"}
    assert in_shell("", _MINIGRAD_COMPLETE="bash_complete", **words)[:2] == (0, "plain,train\n")


def test_a_line_break_in_a_path_is_not_one_in_the_error(tmp_path, cli):
    for command in ("inspect", "train", "predict", "plot", "resume", "gradcheck", "evaluate"):
        rows = ["iris"] * (command == "predict")
        ended = cli(command, "a\nb.npz:f" if command == "gradcheck" else "a\nb.npz", *rows)
        assert ended.code in (2, 3) and ended.out == "" and ended.err.count("\n") == 1, command
        assert r"a\nb.npz" in ended.err
    assert cli("train", "iris", "--epochs", "2", "--out", "a\nb").err.endswith("wrote a\\nb\n")
    assert cli("inspect", "a\nb").out.startswith("a\\nb/best.npz: ")


@pytest.mark.parametrize(
    ("command", "code", "err"),
    [
        (
            f"train iris --out {'a/' * 3000}",
            3,
            f"Error: {'a/' * 3000}: the run folder cannot be created; 3000 folders inside each "
            "other; choose a folder that you can write to as --out DIR, or pass --no-save",
        ),
        (
            f"train iris --out {'a/' * 1500}",
            3,
            f"Error: {'a/' * 1500}: the run folder cannot be created; 1500 folders inside each "
            "other; choose a folder that you can write to as --out DIR, or pass --no-save",
        ),
    ],
)
def test_a_path_of_thousands_of_levels(command, code, err, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert in_shell(command) == (code, "", f"{err}\n") and not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "err"),
    [
        ("warmup = 1e308", "warmup"),
        ("out = 'a\\u0000b'", "out"),
        ('out = "a\\u0000b"', "out"),
        ('init_from = "a\\u0000b"', "init_from"),
        ("epochs = " + "9" * 400, "epochs"),
        ("seed = " + "9" * 4000, "seed"),
        ("patience = " + "9" * 4400, "c.toml"),
    ],
)
def test_absurd_options(text, err, tmp_path):
    (tmp_path / "c.toml").write_text(text)
    code, out, errors = in_shell(f"train iris --no-save --config {tmp_path}/c.toml")
    assert (code, out, errors.count("\n")) == (2, "", 1) and err in errors


def test_a_key_in_thousands_of_parts(tmp_path):
    """A file of 40 kB that would take a gigabyte; see also a line that is merely too long."""
    (tmp_path / "c.toml").write_text("a." * 20_000 + "b = 1\n")
    code, out, err = in_shell(f"train iris --no-save --config {tmp_path}/c.toml")
    assert (code, out, err.count("\n")) == (2, "", 1) and (
        "c.toml: too large for options; it can have 65,536 characters, 4,000 in a line; write "
        "lines such as lr = 0.05" in err
    )
    (tmp_path / "c.toml").write_text("# a comment\n" * 10_000)
    assert in_shell(f"train iris --no-save --config {tmp_path}/c.toml")[0] == 2
    (tmp_path / "c.toml").write_text("epochs = 2\n" + "# a comment\n" * 5000)
    assert in_shell(f"train iris --no-save -q --config {tmp_path}/c.toml")[0] == 0


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path), os.mkdir])
@pytest.mark.parametrize("command", ["gradcheck {}:f", "train iris --config {}", "inspect {}"])
def test_a_pipe_a_device_or_a_folder_instead_of_a_file(command, make, tmp_path):
    path = tmp_path / "file.py"
    make(path)
    code, out, err = in_shell(command.format(path))
    assert (code in (2, 3), out, err.count("\n")) == (True, "", 1)


# ---- Ctrl-C


def test_the_console_script_takes_ctrl_c_in_its_first_lines():
    """Before anything is imported that takes time, and only there: a library has no handlers."""
    tree = ast.parse((ROOT / "minigrad_main.py").read_text())
    _, imported, handler, *rest = tree.body
    assert ast.unparse(imported) == "import _signal" and "SIG_DFL" in ast.unparse(handler)
    assert not [node for node in rest if isinstance(node, (ast.Import, ast.ImportFrom))]
    code = (
        "import signal; before = [signal.getsignal(n) for n in range(1, 32)]\n"
        "import minigrad, minigrad.data, minigrad.training, minigrad.cli, minigrad.plotting\n"
        "assert before == [signal.getsignal(n) for n in range(1, 32)]"
    )
    subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, check=True)


STARTED = (
    "import minigrad_main, os; os.write(3, b'.'); os.close(3); minigrad_main.main()",
    (f"{IRIS} -v --epochs 60", "gradcheck relu gelu softmax", "train --help", "datasets"),
)


def interrupted(args, seconds, number=signal.SIGINT):
    """Send a signal so long after the console script's first line: (exit code, stderr)."""
    reader, writer = os.pipe()
    code = f"import os; os.dup2({writer}, 3, inheritable=False); {STARTED[0]}"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *args.split()],
        env=ENVIRONMENT, pass_fds=(writer,), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(writer)
    assert os.read(reader, 1) == b"."
    os.close(reader)
    time.sleep(seconds)
    process.send_signal(number)
    _, err = process.communicate(timeout=10)
    return process.returncode, err.decode()


def check_interrupt(args, seconds):
    code, err = interrupted(args, seconds)
    assert code in (0, 130, -signal.SIGINT), (args, seconds, code, err)
    assert "Traceback" not in err and "ignored" not in err, (args, seconds, err)
    last = err.splitlines()[-1:] or [""]
    assert code != 130 or last[0].startswith("Interrupted"), (args, seconds, err)


@pytest.mark.parametrize("seconds", [0, 0.05, 0.1, 0.2, 0.4])
def test_ctrl_c(seconds):
    check_interrupt(STARTED[1][0], seconds)


@pytest.mark.slow
def test_ctrl_c_at_many_moments(capsys):
    rng = np.random.default_rng(0)
    for i in range(120):
        check_interrupt(STARTED[1][i % 4], rng.uniform(0, 0.8))
    with capsys.disabled():
        print(
            "\n120 runs interrupted within 0.8 s of the console script's first line: no traceback"
        )


def test_an_ignored_signal_stays_ignored(tmp_path):
    """As for `nohup` and for a job in the background of a script."""
    run = f"trap '' INT; exec {' '.join(SCRIPT)} {IRIS} --epochs 200"
    process = subprocess.Popen(["bash", "-c", run], env=ENVIRONMENT, stderr=subprocess.PIPE)
    assert process.stderr.readline().startswith(b"epoch 1/200")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and b"epoch 200/200" in err


# ---- a terminal shows text


def test_predict_shows_names_as_text_on_a_terminal_and_as_bytes_in_a_pipe(tmp_path):
    model = classifier()
    names = ("\x1b[31mred", "plain", "\x07bell")
    replace(model, schema=replace(model.schema, class_names=names)).save(tmp_path / "m.npz")
    rows = write_csv(tmp_path / "rows.csv", make_rows(100))
    args = ["predict", str(tmp_path / "m.npz"), str(rows), "-q"]
    piped = subprocess.run(
        [*SCRIPT, *args], env=ENVIRONMENT, capture_output=True, check=True
    ).stdout
    assert b"\x1b[31mred" in piped or b"\x07bell" in piped
    code, shown = on_a_terminal(args, "stdout")
    piped = piped.decode().replace("\x1b", r"\u001b").replace("\x07", r"\u0007")
    assert (code, shown.replace("\r\n", "\n")) == (0, piped)


def test_a_plot_for_a_terminal_of_any_width(tmp_path):
    write_run(tmp_path / "run")
    code, out, err = in_shell(f"plot {tmp_path}/run", COLUMNS="9" * 30)
    assert (code, err) == (0, "") and max(map(len, out.splitlines())) <= 3000


def test_what_a_terminal_shows_is_text():
    assert shell._plain("a\nb \x1b[31mred\x07 \udc80 \u202e\n") == (
        "a\nb \\u001b[31mred\\u0007 \\udc80 \\u202e\n"
    )


# ---- thousands of classes


def megabytes(*args):
    """Run `minigrad …`, and return its exit code, its output and the most memory that it took."""
    if not os.path.exists("/proc/self/status"):  # getrusage counts the parent's memory as well
        pytest.skip("how much memory a process took is read from /proc")
    code = f"import minigrad_main, sys; sys.argv[1:] = {[*map(str, args)]!r}\n"
    code += "import pathlib, re\ntry: minigrad_main.main()\nfinally: print(re.search(r'VmHWM:\\s+"
    code += "(\\d+)', pathlib.Path('/proc/self/status').read_text())[1])"
    run = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True)
    *out, last = run.stdout.decode().splitlines()
    return run.returncode, "\n".join(out), run.stderr.decode(), int(last) // 1024


def test_a_model_of_ten_thousand_classes_is_judged_in_little_memory(tmp_path):
    """Its file has 200 kB; the confusion matrix would take 800 MB."""
    names = tuple(f"{i:05d}" for i in range(10_000))
    schema = data.Schema((data.Column("a"), data.Column("b")), "c", names)
    model = nn.Sequential(nn.Linear(2, 1, rng=0), nn.Linear(1, 10_000, rng=0))
    scaling = data.Scaling(np.zeros(2), np.ones(2))
    training.Classifier(model, schema, scaling).save(tmp_path / "m.npz")
    rows = write_csv(tmp_path / "m.csv", [(i, 2, f"{i:05d}") for i in range(300)], ("a", "b", "c"))
    for options in ((), ("--json",)):
        code, out, err, peak = megabytes("evaluate", tmp_path / "m.npz", rows, *options)
        assert (code, err) == (0, "") and peak < 300, peak
    assert sum(json.loads(out)["confusion"]["count"]) == 300


def test_a_run_that_claims_thousands_of_classes_is_plotted_in_little_memory(tmp_path):
    pytest.importorskip("matplotlib")
    write_run(tmp_path / "run", classes=[*map(str, range(3))])
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    facts["data"]["classes"] = [*map(str, range(20_000))]
    facts["results"]["confusion"] = {"true": [0], "predicted": [1], "count": [2**62]}
    (tmp_path / "run" / "run.json").write_text(json.dumps(facts))
    args = "plot", tmp_path / "run"
    for more in ((), ("-o", tmp_path / "a.png")):
        code, _, err, peak = megabytes(*args, *more)
        assert (code, err) == (0, "") and peak < 300, peak
