"""Contenders in processes of their own that take turns: what the benchmarks share.

The thread pools of two libraries in one process fight over the cores, and the slower one looks up
to twice as slow as it is. So each contender gets a process that stays alive, the same threads and
the same cores, and waits until it is its turn.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def limit(threads: int | None) -> tuple[int, list[int] | None]:
    """Set the threads of the processes to come; return their number and the cores to use."""
    cores = None  # macOS and Windows cannot pin a process: there, only the variables count
    if hasattr(os, "sched_getaffinity"):
        cores = sorted(os.sched_getaffinity(0))[:threads]
    threads = threads or len(cores or range(os.cpu_count() or 1))
    for variable in THREADS:  # the contenders read them when they are imported
        os.environ[variable] = str(threads)
    return threads, cores


def run(command: list[str], folder: str | None = None) -> tuple[float, float, str]:
    """Run a process of this clone; return its seconds, peak memory in MB, and last lines."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a start usually finds compiled modules
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, env=environment, cwd=folder)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(max(output.tell() - 10_000, 0))
        text = output.read().decode()
    if process.returncode:
        sys.exit(f"exit code {process.returncode}: {' '.join(command)}")
    return seconds, usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3), text


def line(cells: list[str]) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def header(names: list[str]) -> str:
    """Return the first two lines of a Markdown table."""
    return f"{line(names)}\n{line(['---'] * len(names))}"


def quiet(values: list[float]) -> float:
    """Return the 20 % quantile: what a turn takes while the machine has nothing else to do."""
    return sorted(values)[len(values) // 5]


def take_turns(contenders: dict[str, tuple], rounds: int, cores, see=lambda results: None) -> dict:
    """Return what each contender answered in each round, the first one left out.

    Args:
        contenders: for each title, a function and its arguments; what the function returns is
            called in each turn. It is made in the contender's process.
        rounds: how many turns each has that count; one before them is to warm up.
        cores: to pin the processes to, or None.
        see: called with the answers of each round, by title.
    """
    context = multiprocessing.get_context("spawn")
    connections = {}
    for title, (function, *arguments) in contenders.items():
        connections[title], theirs = context.Pipe()
        arguments = (function, arguments, cores, theirs)
        context.Process(target=_work, args=arguments, daemon=True).start()
        theirs.close()
    answers = {title: [] for title in contenders}
    for number in range(rounds + 1):
        results = {}
        for title, connection in connections.items():
            time.sleep(0.05)  # the idle threads of the one before spin for a while
            connection.send(True)
            try:
                results[title] = connection.recv()
            except EOFError:
                sys.exit(f"{title}: the process ended; its error is above")
        see(results)
        for title, result in results.items() if number else ():
            answers[title].append(result)
    for connection in connections.values():
        connection.send(False)
    return answers


def _work(function: Callable, arguments: list, cores, connection) -> None:
    """Answer each message with what a turn returns."""
    if cores:
        os.sched_setaffinity(0, cores)
    turn = function(*arguments)
    while connection.recv():
        connection.send(turn())
