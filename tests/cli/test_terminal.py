"""`train` and its surroundings: a terminal, a closed pipe, Ctrl-C, a read-only folder."""

import contextlib
import json
import os
import re
import shlex
import signal
import struct
import subprocess
import threading
import time

import pytest

from tests.cli.program import MODULE, TRAIN_PY

pty = pytest.importorskip("pty", reason="a system without pseudo-terminals")
fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")

IRIS = ("iris", "--epochs", "3", "--no-save")
FOREVER = ("--epochs", "100000", "--no-save")
INTERRUPTED = r"Interrupted( after step \d+; nothing was saved)?\."


@pytest.fixture
def on_terminal(start):
    """Run `python train.py …` with stderr on a terminal: (code, stdout, all of the screen)."""

    def run(*args, columns=80, rows=24, both=False, then=lambda process, parts: None, **options):
        screen, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        stdout = end if both else subprocess.PIPE
        process = start(*args, stderr=end, stdout=stdout, **options)
        os.close(end)
        parts = []
        reader = threading.Thread(target=_read_all, args=(screen, parts))
        reader.start()
        then(process, parts)
        out, _ = process.communicate(timeout=60)
        reader.join()
        os.close(screen)
        return process.returncode, out and out.decode(), b"".join(parts).decode()

    return run


def _read_all(screen, parts):
    with contextlib.suppress(OSError):  # the other end was closed
        while part := os.read(screen, 65536):
            parts.append(part)


def shown(screen):
    """Return what is left on each line of the screen, after everything was written over it."""
    lines = []
    for line in screen.replace("\r\n", "\n").split("\n"):
        cells = ""
        for text in line.split("\r"):
            cells = text + cells[len(text) :]
        lines.append(cells.rstrip())
    return lines


# ---- the bar


NUMBERS = {
    40: r"loss \d\.\d{4}",
    60: r"loss \d\.\d{4}, val \d+\.\d\d%",
    80: r"loss \d\.\d{4}, train \d+\.\d\d%, val \d+\.\d\d%",
}


@pytest.mark.parametrize("columns", NUMBERS)
def test_a_bar_on_a_terminal(on_terminal, cli, columns):
    code, out, screen = on_terminal(*IRIS, columns=columns)
    assert code == 0
    states = re.split(r"[\r\n]+", screen)
    assert max(map(len, states)) <= columns  # or it would run on to a second line
    last = states[-2]
    assert last.startswith("100%|") and " 3/3 [" in last
    assert re.search(rf", {NUMBERS[columns]}\]$", last)
    assert screen.count("\n") == 1 and "epoch 1/3" not in screen
    assert out == cli("train", *IRIS).out  # results do not depend on the terminal


@pytest.mark.parametrize("size", [(0, 24), (80, 0), (0, 0)])
def test_a_terminal_that_says_it_has_no_size(on_terminal, size):
    columns, rows = size
    code, _, screen = on_terminal(*IRIS, columns=columns, rows=rows)
    last = re.split(r"[\r\n]+", screen)[-2]
    assert code == 0 and last.startswith("100%|") and re.search(rf", {NUMBERS[80]}\]$", last)


def test_the_bar_moves_inside_an_epoch(on_terminal):
    slow = ("--epochs", "1", "--batch-size", "1", "--hidden", "512,512", "--lr", "0.001")
    _, _, screen = on_terminal(*slow, "--no-save")
    first = [state for state in re.split(r"[\r\n]+", screen) if " 0/1 [" in state]
    shares = [int(state[:3]) for state in first]
    assert shares[0] == 0 and shares == sorted(shares) and len({*shares}) > 2
    assert any(0 < share < 100 for share in shares)


def test_the_folds_have_a_bar(on_terminal):
    _, out, screen = on_terminal(*IRIS, "--folds", "3")
    states = re.split(r"[\r\n]+", screen)
    assert any(re.match(r"folds: 100%\|.*\| 3/3 \[", state) for state in states)
    assert "3 folds: accuracy " in out and "fold 1/3" not in screen


def test_without_validation_rows_the_bar_shows_what_there_is(on_terminal):
    _, _, screen = on_terminal(*IRIS, "--val-fraction", "0")
    assert re.search(r"loss \d\.\d{4}, train \d+\.\d\d%\]", screen)


def test_quiet_on_a_terminal(on_terminal):
    code, out, screen = on_terminal(*IRIS, "-q")
    assert (code, screen, out.count("\n")) == (0, "", 1)


def test_verbose_on_a_terminal_adds_the_lines_above_the_bar(on_terminal):
    _, _, screen = on_terminal(*IRIS, "-v")
    assert [line[:10] for line in shown(screen) if line.startswith("epoch")] == [
        f"epoch {i}/3 " for i in (1, 2, 3)
    ]
    assert "100%|" in screen


def test_json_events_do_not_end_up_on_the_bars_line(on_terminal):
    """With stdout on the same terminal, the line is cleared before each event."""
    _, _, screen = on_terminal(*IRIS, "--json", both=True)
    assert [json.loads(line)["event"] for line in shown(screen) if line.startswith("{")] == [
        "run",
        *["epoch"] * 3,
        "result",
    ]


def test_an_error_has_its_own_line_below_the_bar(on_terminal):
    code, _, screen = on_terminal("--lr", "1e6", "--clip-grad", "1e9")
    assert code == 4
    assert screen.splitlines()[-1].startswith("Error: train: the loss is nan at step 6; ")


GRADCHECK = (*MODULE, "gradcheck")
NO_PYTORCH = "PyTorch does not work (libtorch.so: cannot open): nothing is compared with it"


def test_gradcheck_moves_a_bar_and_takes_it_away(on_terminal, no_torch):
    options = {"command": GRADCHECK, "env": no_torch, "columns": 60}
    code, out, screen = on_terminal("exp", "cross_entropy", "relu", **options)
    assert code == 0
    bars = [state for state in re.split(r"[\r\n]+", screen) if "%|" in state]
    assert bars and max(map(len, bars)) <= 60
    assert bars[0].startswith("  0%|") and " 0/3 [" in bars[0]
    remark, timing, end = [line.strip() for line in shown(screen)]
    assert (remark, end) == (NO_PYTORCH, "")
    assert re.fullmatch(r"checked in \d+\.\d s", timing)
    assert len(out.splitlines()) == 6


def test_the_rows_of_gradcheck_do_not_end_up_on_the_bars_line(on_terminal, no_torch):
    _, _, screen = on_terminal("exp", "relu", both=True, command=GRADCHECK, env=no_torch)
    lines = shown(screen)
    assert [line.split()[0] for line in lines if line.endswith("PASS")] == ["exp", "relu"]
    assert "%|" in screen and "%|" not in "".join(lines)


# ---- Ctrl-C


def test_interrupt(start):
    process = start(*FOREVER)
    assert process.stderr.readline().startswith(b"epoch 1/100000 ")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    *epochs, last = err.decode().splitlines()
    assert re.fullmatch(INTERRUPTED, last) and all(line.startswith("epoch ") for line in epochs)
    assert b"test accuracy" not in out


def interrupt_the_bar(process, parts):
    while b"%|" not in b"".join(parts) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)


def test_interrupt_on_a_terminal(on_terminal):
    code, _, screen = on_terminal(*FOREVER, then=interrupt_the_bar)
    assert code == 130
    assert re.fullmatch(INTERRUPTED, screen.splitlines()[-1])
    assert "Traceback" not in screen


def test_interrupt_of_gradcheck_on_a_terminal(on_terminal, no_torch):
    code, _, screen = on_terminal(command=GRADCHECK, env=no_torch, then=interrupt_the_bar)
    assert code == 130
    assert [line.strip() for line in shown(screen)] == [NO_PYTORCH, "Interrupted.", ""]


def test_interrupt_before_the_first_epoch(start):
    process = start(*FOREVER, "-v")
    process.stderr.readline()  # the versions
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    *epochs, last = err.splitlines()
    assert re.fullmatch(INTERRUPTED, last.decode()) and all(
        line.startswith(b"epoch ") for line in epochs
    )


# ---- streams that end


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_leaves_gives_no_traceback(start, stream):
    """As in `python train.py | head -1`."""
    process = start("--no-save")
    pipe = getattr(process, stream)
    assert pipe.readline()
    pipe.close()
    setattr(process, stream, None)
    out, err = process.communicate(timeout=60)
    if stream == "stdout":  # the epochs and nothing else
        assert all(line.startswith(b"epoch ") for line in err.splitlines())
    else:
        assert b"test accuracy" not in out


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a system without /dev/full")
def test_a_full_disk_is_one_line(program):
    with open("/dev/full", "w") as full:
        ended = program("iris", "-q", stdout=full)
    assert (ended.code, ended.err) == (
        3,
        "Error: the output: No space left on device; "
        "check the path, its rights, and the space there\n",
    )


def test_without_a_stderr(program, cli):
    command = ("sh", "-c", f"{shlex.join([*TRAIN_PY, *IRIS])} 2>&-")
    ended = program(command=command)
    assert (ended.code, ended.out) == (0, cli("train", *IRIS).out)


# ---- where it runs


@pytest.mark.parametrize("command", [TRAIN_PY, (*MODULE, "train")], ids=["train.py", "-m minigrad"])
def test_another_folder_that_may_not_be_written_to(program, cli, tmp_path, command):
    folder = tmp_path / "read only"
    folder.mkdir()
    folder.chmod(0o555)
    ended = program(*IRIS, command=command, cwd=folder)
    assert (ended.code, ended.out) == (0, cli("train", *IRIS).out)
    assert not [*folder.iterdir()]  # root may write anyway, so look
