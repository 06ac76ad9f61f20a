"""Run folders: what is in them, what is never overwritten, and how a run is resumed."""

import csv
import io
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from minigrad import training
from minigrad.errors import DataError
from minigrad.training import archive, run_folder
from tests.cli.program import ENVIRONMENT, MODULE, ROOT

IRIS = ("train", "iris", "--hidden", "6", "--epochs", "4")
# A run of several seconds, so that a signal finds it at work.
LONG = ("train", "digits", "--epochs", "250", "--dropout", "0.2", "--checkpoint-every", "7")
WHAT = ("best.npz", "history.csv", "last.npz")


def same(one, other, names=WHAT):
    return all((one / n).read_bytes() == (other / n).read_bytes() for n in names)


def run_json(path):
    return json.loads((path / "run.json").read_text())


def pipe(monkeypatch, text, terminal=False):
    """Let standard input be a text."""
    stream = io.TextIOWrapper(io.BytesIO(text.encode()))
    stream.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stdin", stream)


# ---- what is written


def test_a_run_leaves_four_files(cli, folder):
    ended = cli(*IRIS)
    run = folder / "runs" / "iris-1"
    assert ended.err.endswith(f"wrote {os.path.join('runs', 'iris-1')}\n")
    assert sorted(os.listdir(run)) == ["best.npz", "history.csv", "last.npz", "run.json"]
    facts = run_json(run)
    assert (facts["format"], facts["version"], facts["status"]) == ("minigrad run", 1, "finished")
    assert facts["data"]["name"] == facts["data"]["source"] == "iris"
    assert facts["data"]["split"] == {"training": 105, "validation": 15, "test": 30}
    assert re.fullmatch("[0-9a-f]{64}", facts["data"]["sha256"])
    assert facts["options"]["hidden"] == [6] and facts["options"]["seed"] == 0
    assert facts["origins"]["hidden"] == "command line" and facts["origins"]["seed"] == "default"
    assert facts["versions"]["numpy"] == np.__version__
    assert (facts["epochs"], facts["steps"]) == (4, 16)
    assert f"test accuracy {facts['results']['test_accuracy']:.2%}" in ended.out
    assert np.sum(facts["results"]["confusion"]) == 30


def test_history_holds_the_numbers_of_json(cli, folder):
    _, *epochs, result = cli(*IRIS, "--json").events
    lines = list(csv.DictReader((folder / "runs/iris-1/history.csv").read_text().splitlines()))
    assert [{"event": "epoch", **{k: float(v) for k, v in line.items()}} for line in lines] == [
        {**epoch, "epoch": float(epoch["epoch"])} for epoch in epochs
    ]
    assert [*lines[0]] == [*training.Epoch._fields]
    best = min(epochs, key=lambda epoch: epoch["val_loss"])
    assert result["epoch"] == best["epoch"] == run_json(folder / "runs/iris-1")["best_epoch"]


def test_without_validation_rows_history_has_empty_fields(cli, folder):
    ended = cli(*IRIS, "--val-fraction", "0")
    assert "\nthe weights are those of epoch 4 of 4: the last\n" in ended.out
    lines = (folder / "runs/iris-1/history.csv").read_text().splitlines()
    assert all(line.split(",")[3:5] == ["", ""] for line in lines[1:])


def test_the_last_line_names_the_epoch(cli):
    ended = cli(*IRIS)
    match = re.search(
        r"^the weights are those of epoch (\d) of 4: its validation loss, \d\.\d{4}, is the "
        r"lowest\n\Z",
        ended.out,
        re.M,
    )
    assert f", epoch {match[1]} of 4\n" in ended.out
    assert re.fullmatch(r"test accuracy .*, epoch \d of 4\n", cli(*IRIS, "-q").out)


def test_the_last_line_names_the_lowest_loss_if_another_epoch_is_best(cli):
    out = cli("train", "wine", "--schedule", "constant", "--lr", "0.1", "--epochs", 60).out
    history = training.read_run("runs/wine-1").history
    losses = history.column("val_loss")
    near = np.flatnonzero(losses <= 1.05 * losses.min())[-1]
    assert history.best is history[near] and losses[near] > losses.min()
    assert out.endswith(
        f"\nthe weights are those of epoch {near + 1} of 60: the last whose validation loss, "
        f"{losses[near]:.4f}, is within 5 % of the lowest, {losses.min():.4f}\n"
    )


def test_patience_is_printed(cli):
    out = cli("train", "iris", "--lr", "0.5", "--epochs", "60", "--patience", "3").out
    match = re.search(r"epoch \d+ of (\d+): .*; stopped by patience 3\n\Z", out)
    losses = training.read_run("runs/iris-1").history.column("val_loss")
    assert len(losses) == int(match[1]) == losses.argmin() + 1 + 3 < 60


def test_runs_are_numbered(cli, folder):
    for _ in range(3):
        cli(*IRIS, "-q")
    assert sorted(os.listdir("runs")) == ["iris-1", "iris-2", "iris-3"]
    assert same(folder / "runs/iris-1", folder / "runs/iris-3")


def test_no_save_writes_nothing(cli, folder):
    assert cli(*IRIS, "--no-save").code == 0
    assert os.listdir(folder) == []


def test_best_is_the_model_of_the_result(cli, folder):
    *_, result = cli(*IRIS, "--json").events
    model = training.load(folder / "runs/iris-1/best.npz")
    assert model.training["epoch"] == result["epoch"]
    assert model.training["results"]["test_accuracy"] == result["test_accuracy"]
    assert model.training["data"]["name"] == "iris"


# ---- nothing is overwritten


def test_out_is_the_folder_of_the_run(cli, folder):
    cli(*IRIS, "--out", "a/b")
    assert sorted(os.listdir("a/b")) == ["best.npz", "history.csv", "last.npz", "run.json"]
    (folder / "empty").mkdir()
    assert cli(*IRIS, "--out", "empty").code == 0


def test_a_folder_with_files_is_refused_before_training(cli, folder):
    (folder / "run").mkdir()
    (folder / "run" / "best.npz").write_text("mine")
    ended = cli(*IRIS, "--out", "run")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == (
        'Error: run: the run folder is not empty; it holds "best.npz"; '
        "choose another folder as --out DIR, or pass --overwrite\n"
    )
    assert (folder / "run" / "best.npz").read_text() == "mine"


def test_overwrite_replaces_the_files_of_a_run_only(cli, folder):
    cli(*IRIS, "--seed", "1", "--out", "run")
    (folder / "run" / "notes.txt").write_text("mine")
    cli(*IRIS, "--out", "run", "--overwrite")
    cli(*IRIS, "--out", "fresh")
    assert same(folder / "run", folder / "fresh")
    assert (folder / "run" / "notes.txt").read_text() == "mine"


def test_a_file_instead_of_the_folder(cli, folder):
    (folder / "file").write_text("mine")
    for out in ("file", "file/run"):
        ended = cli(*IRIS, "--out", out)
        assert (ended.code, ended.out) == (3, "") if out == "file/run" else (2, "")
    assert ended.err == (
        "Error: file/run: the run folder cannot be created; Not a directory; "
        "choose a folder that you can write to as --out DIR, or pass --no-save\n"
    )


# ---- a full disk, a folder that goes


def limited(size):
    """Return a function that makes writes beyond `size` bytes fail in a child process."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk(program, folder):
    """best.npz still fits, last.npz does not; the checkpoint before is whole."""
    program("train", "digits", "--epochs", "2", "--out", "run", "-q", command=MODULE)
    before = contents(folder / "run")
    ended = program(
        "resume", "run", "--epochs", "4", "-q", command=MODULE, preexec_fn=limited(60_000)
    )
    assert ended.code == 3
    assert ended.err == (
        f"Error: {os.path.join('run', 'last.npz')}: cannot be written; File too large; "
        "free some space, or choose another disk\n"
    )
    assert (folder / "run" / "last.npz").read_bytes() == before["last.npz"]
    assert not [name for name in os.listdir("run") if name.endswith(".tmp")]
    assert program("resume", "run", "--epochs", "4", "-q", command=MODULE).code == 0


def test_a_folder_that_vanishes_during_the_run(start, folder):
    process = start(*LONG, "--out", "run", "-q", command=MODULE)
    wait_for(folder / "run" / "last.npz", process)
    shutil.rmtree(folder / "run", ignore_errors=True)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert re.fullmatch(
        r"Error: run/\w+\.\w+: cannot be written; No such file or directory; "
        r"choose a folder that exists and that you can write to\n",
        err.decode(),
    )


# ---- stopping


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.01)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of LONG, trained without a break."""
    path = tmp_path_factory.mktemp("whole") / "run"
    subprocess.run([*MODULE, *LONG, "-q", "--out", path], env=ENVIRONMENT, check=True)
    return path


def test_a_signal_stops_after_the_step(start, program, folder, whole):
    process = start(*LONG, "--out", "run", "-q", command=MODULE)
    wait_for(folder / "run" / "last.npz", process)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    match = re.fullmatch(
        r"Interrupted after step (\d+)\. Continue with: minigrad resume run\n", err.decode()
    )
    assert (process.returncode, out) == (130, b"") and match
    assert run_json(folder / "run")["status"] == "interrupted"
    header, _ = archive.read(folder / "run" / "last.npz")
    assert header["state"]["steps"] == int(match[1])
    ended = program("resume", "run", "-q", command=MODULE)
    assert ended.code == 0 and same(folder / "run", whole)


def test_an_interrupt_without_a_folder(start):
    process = start(*LONG[:-2], "--no-save", command=MODULE)
    assert process.stderr.readline().startswith(b"epoch 1/250")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert re.search(rb"^Interrupted after step \d+; nothing was saved\.\n\Z", err, re.M)


def test_a_second_signal_stops_at_once(start, folder):
    """The first one waits for the end of a step, and this step takes its time."""
    script = (
        "import time, minigrad.training.trainer as t\n"
        "step = t.train_step\n"
        "def slow(*args):\n"
        "    print('begun', flush=True); time.sleep(30); step(*args)\n"
        "t.train_step = slow\n"
        "from minigrad.cli import main; main(prog_name='minigrad')\n"
    )
    process = start(*IRIS, "-q", command=(sys.executable, "-c", script))
    assert process.stdout.readline() == b"begun\n"
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (130, b"Interrupted.\n")


def test_a_signal_while_the_data_is_read(start, folder):
    os.mkfifo(folder / "slow.csv")
    process = start("train", "slow.csv", command=MODULE)
    with open(folder / "slow.csv", "w") as pipe:  # it opens when the program does
        pipe.write("a,b\n")
        pipe.flush()
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, b"", b"Interrupted.\n")


def test_a_signal_while_the_result_is_made(start, folder):
    """The run is already trained, so it is written to the end."""
    script = (
        "import time, minigrad.training.experiment as t\n"
        "evaluate = t.evaluate\n"
        "def slow(*args, **options):\n"
        "    print('begun', flush=True); time.sleep(1); return evaluate(*args, **options)\n"
        "t.evaluate = slow\n"
        "from minigrad.cli import main; main(prog_name='minigrad')\n"
    )
    process = start(*IRIS, "-q", "--out", "run", command=(sys.executable, "-c", script))
    assert process.stdout.readline() == b"begun\n"
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, b"") and out.startswith(b"test accuracy")
    assert run_json(folder / "run")["status"] == "finished"


def test_a_reader_that_leaves_loses_nothing(start, folder):
    process = start(*LONG, "--out", "run", "--json", command=MODULE)
    assert process.stdout.readline().startswith(b'{"event": "run"')
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130 and b"Traceback" not in err
    assert run_json(folder / "run")["status"] == "interrupted"


def kill_and_resume(start, program, run, seconds, command=LONG):
    """Kill a run with SIGKILL after some seconds, and let `resume` end it."""
    process = start(*command, "--out", str(run), "-q", command=MODULE)
    wait_for(run / "last.npz", process)
    time.sleep(seconds)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL  # else there is nothing left to resume
    (run / f".last.npz.{'0' * 16}.tmp").write_bytes(
        b"PK"
    )  # what a kill in the middle of a write leaves
    ended = program("resume", str(run), "-q", command=MODULE)
    assert ended.code == 0, ended.err


def test_a_killed_run_resumes_to_the_same_bytes(start, program, folder, whole):
    kill_and_resume(start, program, folder / "run", 0.3)
    assert same(folder / "run", whole)
    assert sorted(os.listdir("run")) == ["best.npz", "history.csv", "last.npz", "run.json"]


@pytest.mark.slow
def test_a_hundred_killed_runs(start, program, folder, capsys):
    longer = (*LONG, "--epochs", "500")  # three seconds: a kill finds it at work
    whole = folder / "whole"
    program(*longer, "--out", "whole", "-q", command=MODULE)
    rng, identical = np.random.default_rng(0), 0
    for i in range(100):
        run = folder / str(i)
        kill_and_resume(start, program, run, rng.uniform(0, 1.5), longer)
        identical += same(run, whole)
        shutil.rmtree(run)
    with capsys.disabled():
        print(f"\n100 runs killed by SIGKILL and resumed: {identical} identical final files")
    assert identical == 100


# ---- resume


def test_a_finished_run_is_reported_again(cli, folder):
    first = cli(*IRIS, "--out", "run")
    before = (folder / "run/last.npz").read_bytes()
    again = cli("resume", "run")
    assert (again.code, again.out) == (0, first.out)
    assert (folder / "run/last.npz").read_bytes() == before
    assert again.err == "wrote run\n"


def test_resume_of_a_run_from_standard_input_needs_the_same_there(cli, folder, monkeypatch):
    text = (ROOT / "datasets" / "iris.csv").read_text()
    short = ("--hidden", "3", "--epochs", "2", "--schedule", "constant", "-q")
    pipe(monkeypatch, text)
    assert cli("train", "-", *short, "--out", "run").code == 0
    wrong = "Error: run: data of the run came from standard input, where it is not now; "
    remedy = "; pipe it there again: minigrad resume run < FILE\n"
    for here, terminal, why in (("", False, "is empty"), (text, True, "is a terminal")):
        pipe(monkeypatch, here, terminal)
        ended = cli("resume", "run", "--epochs", 3)
        assert ended == (3, "", f"{wrong}standard input {why}{remedy}")
    pipe(monkeypatch, text.replace("5.1", "5.2"))
    assert "standard input: the data has changed since" in cli("resume", "run", "-q").err
    pipe(monkeypatch, text)
    assert cli("resume", "run", "--epochs", 3, "-q").code == 0
    assert cli("train", "iris", *short, "--epochs", 3, "--out", "file").code == 0
    assert same(folder / "run", folder / "file", ["history.csv"])


def test_resume_prints_the_epochs_that_are_left(cli):
    cli(*IRIS, "--out", "run")
    events = cli("resume", "run", "--epochs", "6", "--json").events
    assert [event["event"] for event in events] == ["run", "epoch", "epoch", "result"]
    assert [event["epoch"] for event in events[1:3]] == [5, 6]


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (
            ("resume", "run", "--epochs", "2"),
            2,
            "run: --epochs 2 is less than the run has already trained; 4 epochs; give more",
        ),
        (
            ("resume", "nothing"),
            3,
            "nothing: it is not a run folder; there is no such folder; give a folder that minigrad "
            "train wrote, such as runs/digits-1",
        ),
        (
            (*IRIS, "--no-save", "--checkpoint-every", "5"),
            2,
            "train: --no-save and --checkpoint-every 5 exclude each other; both are given; "
            "give one of them",
        ),
        (
            (*IRIS, "--class-weight", "virginica=1,rose=2"),
            2,
            "class_weight: 'rose=2' is not NAME=W, where NAME is a class not named "
            "before and W is a number from 0 to 1,000,000; the classes are "
            '"setosa", "versicolor", "virginica"; write it as in yes=2,no=0.5, or balanced',
        ),
    ],
)
def test_what_the_library_refuses_is_one_line(cli, folder, args, code, message):
    cli(*IRIS, "--out", "run", "-q")
    before = contents(folder / "run")
    assert cli(*args) == (code, "", f"Error: {message}\n")
    assert contents(folder / "run") == before


def contents(run):
    return {path.name: path.read_bytes() for path in run.iterdir()}


# ---- a model to start from


def test_init_from(cli, folder):
    cli(*IRIS, "--out", "run", "-q")
    cli(*IRIS, "--init-from", "run/best.npz", "--lr", "1e-30", "--epochs", "1", "--out", "two")
    cli(*IRIS, "--init-from", "run", "--lr", "1e-30", "--epochs", "1", "--out", "three")
    models = [training.load(folder / n).model for n in ("run", "two")]
    assert same(folder / "two", folder / "three", ("history.csv",))
    for p, q in zip(*(model.parameters() for model in models), strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_init_from_a_model_of_other_columns_is_a_warning(cli, folder):
    cli(*IRIS, "--out", "run", "-q")
    rows = (ROOT / "datasets" / "iris.csv").read_text().replace("virginica", "zzz")
    (folder / "other.csv").write_text(rows)
    ended = cli("train", "other.csv", *IRIS[2:], "--init-from", "run", "--no-save")
    assert ended.code == 0
    assert ended.err.splitlines()[0] == (
        "Warning: init_from: the weights of run were trained on other columns or classes; "
        "'virginica' there is 'zzz' here; continue if that is intended"
    )


# ---- two at once


def test_a_run_that_is_being_written_is_left_alone(start, program, folder):
    process = start(*LONG, "--out", "run", "-q", command=MODULE)
    wait_for(folder / "run" / "last.npz", process)
    for command in (("resume", "run"), (*IRIS, "--out", "run", "--overwrite")):
        ended = program(*command, command=MODULE)
        assert (ended.code, ended.out) == (3, "")
        assert ended.err == (
            "Error: run: another process is writing to this run; it is locked; wait, or stop the "
            "process\n"
        )
    assert process.poll() is None


def test_a_resume_that_another_one_overtakes_undoes_nothing(cli, folder):
    cli(*IRIS, "--out", "run", "-q")
    slow = training.Experiment.resume("run", epochs=5)
    cli("resume", "run", "--epochs", "8", "-q")
    before = contents(folder / "run")
    with pytest.raises(DataError) as error:
        slow.run()
    assert str(error.value) == (
        "run: another process has continued this run; last.npz has changed; resume it again"
    )
    assert contents(folder / "run") == before


def test_resume_locks_before_it_reads(cli, folder, monkeypatch):
    cli(*IRIS, "--out", "run", "-q")
    (folder / "run" / "last.npz").write_bytes(b"half")
    with run_folder.locked("run"):
        ended = cli("resume", "run")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("Error: run: another process is writing to this run; ")


def test_a_finished_run_that_appears_is_not_written_over(cli, folder, monkeypatch):
    """Two `train --out run` at once: the second finds the folder empty, then the first's run."""
    create = run_folder.create

    def slow(*args):
        path = create(*args)
        monkeypatch.undo()
        monkeypatch.chdir(folder)
        cli(*IRIS, "--out", "run", "--seed", "1", "-q")
        return path

    monkeypatch.setattr(run_folder, "create", slow)
    with pytest.raises(DataError, match="the run folder is not empty"):
        training.Experiment("iris", epochs=1, out="run").run()
    assert run_json(folder / "run")["options"]["seed"] == 1


# ---- links


@pytest.mark.parametrize("name", ["best.npz", "history.csv", "last.npz", "run.json"])
def test_a_link_in_a_run_folder_is_refused(cli, folder, name):
    cli(*IRIS, "--out", "run", "-q")
    (folder / "victim").write_bytes((folder / "run" / name).read_bytes())
    before = (folder / "victim").read_bytes()
    (folder / "run" / name).unlink()
    (folder / "run" / name).symlink_to("../victim")
    for command in (("resume", "run", "--epochs", "6"), (*IRIS, "--out", "run", "--overwrite")):
        ended = cli(*command)
        assert (ended.code, ended.out) == (3, "")
        assert ended.err == (
            f"Error: run/{name}: cannot be written; it is a link; remove it, or use another "
            "folder\n"
        )
    assert (folder / "victim").read_bytes() == before


def test_a_run_folder_that_is_a_link_is_followed(cli, folder):
    (folder / "real").mkdir()
    (folder / "link").symlink_to("real")
    cli(*IRIS, "--out", "link", "-q")
    assert cli("resume", "link", "--epochs", "6", "-q").code == 0
    assert sorted(os.listdir("real")) == ["best.npz", "history.csv", "last.npz", "run.json"]


def test_a_run_that_was_killed_before_its_first_checkpoint(cli, folder):
    cli(*IRIS, "--out", "run", "-q")
    (folder / "run" / "best.npz").unlink()
    (folder / "run" / "last.npz").rename(folder / "run" / ".last.npz.0123456789abcdef.tmp")
    assert cli("resume", "run").err == (
        "Error: run: the run ended before its first checkpoint; there is no last.npz in it; train "
        "again with --out run, --overwrite\n"
    )
    assert cli(*IRIS, "--out", "run", "--overwrite", "-q").code == 0


@pytest.mark.parametrize("name", ["history.csv", "run.json"])
def test_a_file_that_resume_writes_again(cli, folder, name):
    cli(*IRIS, "--out", "run", "-q")
    path = folder / "run" / name
    path.write_text(path.read_text()[:150])
    damaged = cli("plot", "run")
    assert (damaged.code, damaged.out, damaged.err.count("\n")) == (3, "", 1)
    assert damaged.err.endswith("; resume the run, which writes it again\n")
    path.unlink()
    missing = cli("plot", "run")
    facts = "there is nothing to plot; the file is missing or empty"
    if name == "run.json":
        facts = "it is missing; the last.npz of the run is there"
        assert cli("inspect", "run") == cli("evaluate", "run") == missing
    remedy = "resume the run, which writes it again"
    assert missing == (3, "", f"Error: run/{name}: {facts}; {remedy}\n")
    assert cli("resume", "run", "-q").code == cli("plot", "run").code == 0


def test_without_its_last_npz_a_run_is_not_resumed(cli, folder):
    cli(*IRIS, "--out", "run", "-q")
    (folder / "run" / "last.npz").unlink()
    assert cli("resume", "run") == (
        3,
        "",
        "Error: run/last.npz: it is missing; a run cannot be resumed without it; "
        "put it back, or start again with --init-from run\n",
    )
    assert cli("plot", "run").code == cli("evaluate", "run").code == 0


OWN = ".last.npz.0123456789abcdef.tmp"
OTHERS = (
    "_last.npz-notes.tmp", "xlast.npz.tmp", "1best.npz backup.tmp", ".last.npz.1.tmp",
    f"x{OWN}", f"{OWN}x", ".last.npz.0123456789ABCDEF.tmp", ".mine.npz.0123456789abcdef.tmp",
)  # fmt: skip


def test_files_of_others_are_not_taken_for_temporary_ones(cli, folder):
    run = folder / "run"
    run.mkdir()
    for name in (OWN, *OTHERS):
        (run / name).write_text("precious")
    ended = cli(*IRIS, "--out", "run", "-q")
    assert ended.code == 3 and "the run folder is not empty" in ended.err
    assert sorted(os.listdir("run")) == sorted((OWN, *OTHERS))  # nothing before the refusal
    assert cli(*IRIS, "--out", "run", "-q", "--overwrite").code == 0
    assert cli("resume", "run", "--epochs", "6", "-q").code == 0
    assert {name for name in os.listdir("run") if ".tmp" in name} == {*OTHERS}
    assert all((run / name).read_text() == "precious" for name in OTHERS)


@pytest.mark.parametrize("make", [os.mkdir, lambda path: os.symlink("..", path)])
def test_a_folder_or_a_link_is_no_temporary_file(cli, folder, make):
    cli(*IRIS, "--out", "run", "-q")
    make(folder / "run" / OWN)
    assert cli("resume", "run", "--epochs", "6", "-q").code == 0
    assert os.path.lexists(folder / "run" / OWN)


@pytest.mark.parametrize("option", [(), ("--test", "test.csv")], ids=["data", "test"])
def test_a_recorded_path_that_is_a_pipe_by_now(cli, program, folder, option):
    for name in ("rows.csv", "test.csv"):
        lines = [f"{i % 7},{i % 5},{'ab'[i % 2]}" for i in range(60)]
        (folder / name).write_text("\n".join(["a,b,k", *lines]) + "\n")
    assert cli("train", "rows.csv", *option, "--epochs", "2", "--out", "run", "-q").code == 0
    what, name = ("test file", "test.csv") if option else ("data", "rows.csv")
    (folder / name).unlink()
    os.mkfifo(folder / name)
    line = f"Error: {folder}/{name}: the {what} of the run is not a file; it is a pipe; put the "
    line += "file back there\n"
    for command in (("resume", "run", "--epochs", "9"), ("evaluate", "run")):
        ended = program(*command, command=MODULE)  # which a hang would end after a minute
        assert (ended.code, ended.out, ended.err) == (3, "", line)
    assert program("plot", "run", command=MODULE).code == 0


# ---- weights of classes


def test_class_weights(cli, folder):
    *_, result = cli(*IRIS, "--class-weight", "setosa=0,virginica=2", "--json").events
    assert result["classes"][0]["recall"] == 0  # a class without weight is not learned
    balanced = cli(*IRIS, "--class-weight", "balanced", "--json").events[-1]
    plain = cli(*IRIS, "--json").events[-1]
    assert balanced["confusion"] == plain["confusion"]  # iris has as many rows of each class
