"""Whole processes, from the shell to the last byte: minigrad beside scikit-learn and PyTorch.

    python benchmarks/start.py

    import      `python -c "import …"`
    help        `minigrad --help`; the others have no command
    digits      read the digits, train a network of 128 hidden units until it classifies 97.5 % of
                the test rows, print the accuracy; each with the epochs that its recipe needs
    predict     read a saved network and a CSV file of a million rows, write the class of each row

Wall time and the largest memory that the process held (its resident set, not on Windows). The
contenders take turns; the numbers are medians. (Linux counts what the parent held when it started a
process, so this file does not import NumPy.) scikit-learn, PyTorch and pandas, by which these two
read and write the million rows, are optional (extra `bench`).
"""

import importlib.util
import json
import random
import statistics
import sys
import tempfile
from pathlib import Path

import click
from turns import header, limit, line, run

ROOT = Path(__file__).parents[1]
MINIGRAD = [sys.executable, str(ROOT / "minigrad_main.py")]
TASKS = ("import", "help", "digits", "predict")
ACCURACY = 0.975

# ---- what the peers run --------------------------------------------------------------------------

DIGITS = f"""
import sys
import numpy as np
table = np.loadtxt({str(ROOT / "datasets" / "digits.csv")!r}, np.float32, delimiter=",", skiprows=1)
order = np.random.default_rng(0).permutation(len(table))
x, t = table[order, :-1] / 16, table[order, -1].astype(int)
x, t, x_test, t_test = x[:1437], t[:1437], x[1437:], t[1437:]
"""
TORCH_FIT = """
import torch
def network(inputs, hidden, outputs):
    return torch.nn.Sequential(
        torch.nn.Linear(inputs, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, outputs))
def fit(model, x, t, epochs):
    loss = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    x, t = torch.from_numpy(x), torch.from_numpy(t)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            loss(model(x[rows]), t[rows]).backward()
            optimizer.step()
"""
FLOWERS = f"""
import sys
import numpy as np
table = np.loadtxt({str(ROOT / "datasets" / "iris.csv")!r}, str, delimiter=",", skiprows=1)
x, names = table[:, :-1].astype(np.float32), table[:, -1]
"""
PEERS = {  # title: import, train on the digits, save a network of flowers, predict with it
    "scikit-learn": (
        "import sklearn.neural_network",
        f"""{DIGITS}
from sklearn.neural_network import MLPClassifier
options = dict(solver="sgd", learning_rate_init=0.1, batch_size=32, random_state=0)
network = MLPClassifier((128,), max_iter=10, **options)
network.fit(x, t)
print((network.predict(x_test) == t_test).mean())
""",
        f"""{FLOWERS}
import joblib
from sklearn.neural_network import MLPClassifier
joblib.dump(MLPClassifier((16,), max_iter=100).fit(x, names), "network.joblib")
""",
        """
import sys
import joblib, pandas as pd
network = joblib.load("network.joblib")
x = pd.read_csv(sys.argv[1]).to_numpy("float32")
pd.DataFrame({"class": network.predict(x)}).to_csv("scikit-learn.csv", index=False)
""",
    ),
    "PyTorch": (
        "import torch",
        f"""{DIGITS}{TORCH_FIT}
torch.manual_seed(0)
model = network(64, 128, 10)
fit(model, x, t, 10)
print((model(torch.from_numpy(x_test)).argmax(1).numpy() == t_test).mean())
""",
        f"""{FLOWERS}{TORCH_FIT}
classes, t = np.unique(names, return_inverse=True)
model = network(4, 16, 3)
fit(model, x, t, 20)
torch.save({{"state": model.state_dict(), "classes": list(map(str, classes))}}, "network.pt")
""",
        f"""{TORCH_FIT}
import sys
import numpy as np, pandas as pd
saved = torch.load("network.pt")
model = network(4, 16, 3)
model.load_state_dict(saved["state"])
x = torch.from_numpy(pd.read_csv(sys.argv[1]).to_numpy("float32"))
with torch.no_grad():
    classes = np.array(saved["classes"])[model(x).argmax(1).numpy()]
pd.DataFrame({{"class": classes}}).to_csv("PyTorch.csv", index=False)
""",
    ),
}
COLUMNS = ["task", "NumPy", "minigrad", *PEERS]
PACKAGES = {"scikit-learn": "sklearn", "PyTorch": "torch"}


# ---- the tasks -----------------------------------------------------------------------------------


def tasks(table: Path, epochs: int) -> dict[str, dict[str, list[str]]]:
    """Return the command of each contender, by task; what is not installed is left out."""
    python = [sys.executable, "-W", "ignore", "-c"]
    train = [*MINIGRAD, "train", "digits", "--epochs", str(epochs), "--no-save", "-q", "--json"]
    found = {
        "import": {"NumPy": [*python, "import numpy"], "minigrad": [*python, "import minigrad"]},
        "help": {"minigrad": [*MINIGRAD, "--help"]},
        "digits": {"minigrad": train},
        "predict": {"minigrad": [*MINIGRAD, "predict", "flowers", str(table), "-q"]},
    }
    for title, (imports, digits, _, predict) in PEERS.items():
        if not importlib.util.find_spec(PACKAGES[title]):
            print(f"{title}: {PACKAGES[title]} is not installed", file=sys.stderr)
            continue
        found["import"][title] = [*python, imports]
        found["digits"][title] = [*python, digits]
        if importlib.util.find_spec("pandas"):
            found["predict"][title] = [*python, predict, str(table)]
        else:
            print(f"{title}: predict needs pandas, which is not installed", file=sys.stderr)
    return found


def prepare(folder: str, table: Path, rows: int, titles: list[str]) -> None:
    """Write the table, and let each contender save a network of flowers."""
    text = (ROOT / "datasets" / "iris.csv").read_text("utf-8")
    header, *flowers = [numbers.rpartition(",")[0] for numbers in text.splitlines()]
    rng = random.Random(0)
    with open(table, "w") as file:
        print(header, file=file)
        for _ in range(rows):
            print(rng.choice(flowers), file=file)
    run([*MINIGRAD, "train", "iris", "--hidden", "16", "--out", "flowers", "-q"], folder)
    for title in titles:
        run([sys.executable, "-W", "ignore", "-c", PEERS[title][2]], folder)


def accuracy(output: str) -> float:
    """Return the accuracy that a contender printed at last."""
    last = json.loads(output.splitlines()[-1])
    return last["test_accuracy"] if isinstance(last, dict) else last


def measure(commands: dict[str, list[str]], task: str, rounds: int, folder: str) -> dict:
    """Return the medians of seconds and megabytes of each contender."""
    results = {title: [] for title in commands}
    for number in range(rounds + 1):
        for title, command in commands.items():
            seconds, megabytes, output = run(command, folder)
            if task == "digits" and accuracy(output) < ACCURACY:
                sys.exit(f"{title} reached {accuracy(output):.4f} only: give it more epochs")
            if number:  # the first one fills the file cache
                results[title].append((seconds, megabytes))
    return {
        title: tuple(map(statistics.median, zip(*r, strict=True))) for title, r in results.items()
    }


@click.command()
@click.argument("chosen", nargs=-1, metavar="[TASKS]...", type=click.Choice(TASKS))
@click.option("--rounds", default=5, show_default=True, help="Turns of each contender.")
@click.option("--rows", default=1_000_000, show_default=True, help="Rows of predict.")
@click.option("--epochs", default=10, show_default=True, help="Epochs of minigrad on the digits.")
@click.option("--threads", type=int, show_default="all cores", help="Threads of each contender.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each task.")
def main(chosen, rounds, rows, epochs, threads, as_json):
    """Print seconds and peak memory of each task as a Markdown table.

    TASKS are import, help, digits and predict; all of them if none is given.
    """
    threads, _ = limit(threads)
    if not as_json:
        print(header(COLUMNS))
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.csv"
        commands = tasks(table, epochs)
        if not chosen or "predict" in chosen:
            prepare(folder, table, rows, [title for title in PEERS if title in commands["predict"]])
        for task in chosen or TASKS:
            results = measure(commands[task], task, rounds, folder)
            record = {"task": task, "threads": threads, "rows": rows, "epochs": epochs}
            record["seconds"] = {title: seconds for title, (seconds, _) in results.items()}
            record["megabytes"] = {title: memory for title, (_, memory) in results.items()}
            as_text = json.dumps({"event": "start", **record}) if as_json else line(cells(record))
            print(as_text, flush=True)


def cells(record):
    """Return a row of the table."""
    seconds, memory = record["seconds"], record["megabytes"]
    found = {title: f"{seconds[title]:.3g} s, {memory[title]:.0f} MB" for title in seconds}
    return [record["task"], *(found.get(title, "–") for title in COLUMNS[1:])]


if __name__ == "__main__":
    main()
