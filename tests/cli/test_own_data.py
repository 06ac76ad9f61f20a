"""Training on one's own files: what is decided is printed, what is wrong is one line, exit 3."""

import gzip
import os
import re

import numpy as np
import pytest

from minigrad import training

QUICK = ("--epochs", "2", "--hidden", "4")


@pytest.fixture
def flowers(folder):
    """Write flowers.csv, and return its lines: 60 rows of numbers, a word and the class."""
    rng, lines = np.random.default_rng(0), ["length,width,colour,species"]
    for i in range(60):
        colour = ("red", "blue")[i % 2]
        lines.append(f"{rng.normal(i % 3):.2f},{rng.normal():.2f},{colour},{'abc'[i % 3]}")
    write(folder / "flowers.csv", lines)
    return lines


def write(path, lines):
    path.write_text("\n".join(lines) + "\n")


def head(ended):
    """Return the lines above the options."""
    assert ended.code == 0, ended.err
    return ended.out.partition("features: ")[0].splitlines()


def fails(ended, text, code=3):
    assert (ended.code, ended.out, ended.err) == (code, "", f"Error: {text}\n")


# ---- what is decided is printed


def test_a_csv_file(cli, flowers):
    assert head(cli("train", "flowers.csv", "--one-hot", "colour", *QUICK)) == [
        "flowers: 60 rows, 4 features, 3 classes",
        'classes: a 20, b 20, c 20; always saying "a" gets 33.33%',
        "split: 42 training, 6 validation, 12 test rows; stratified, seed 0",
        "delimiter: , (found); header: row 1 (found)",
        "rows: 60",
        "one-hot: colour (2 values)",
        'label: column "species", the last one; 3 classes',
    ]
    assert os.listdir("runs") == ["flowers-1"]


def test_options_for_reading(cli, flowers, folder):
    lines = [line.replace(",", "\t") for line in flowers[1:]]
    lines[4] = "?" + lines[4][lines[4].index("\t") :]
    write(folder / "flowers.tsv", lines)
    ended = cli(
        "train", "flowers.tsv", "--delimiter", "tab", "--header", "no", "--label", "3",
        "--drop", "1", "--one-hot", "2", "--missing", "drop", *QUICK,
    )  # fmt: skip
    assert head(ended)[0] == "flowers: 59 rows, 3 features, 3 classes"
    assert "drop 1" in ended.out and "missing drop" in ended.out


@pytest.mark.parametrize("kind", ["gzip", "stdin", "npz", "npy"])
def test_the_same_rows_give_the_same_result(cli, program, flowers, folder, kind):
    """Whatever their format: the split depends on their number and order alone."""
    options = ("--drop", "colour", *QUICK, "-q")
    want = cli("train", "flowers.csv", *options).out
    text = (folder / "flowers.csv").read_bytes()
    rows = [line.split(",") for line in flowers[1:]]
    x = np.array([[float(v) for v in row[:2]] for row in rows], dtype=np.float32)
    y = np.array([row[3] for row in rows])
    if kind == "gzip":
        (folder / "f.csv.gz").write_bytes(gzip.compress(text))
        ended = cli("train", "f.csv.gz", *options)
    elif kind == "stdin":
        with open("flowers.csv", "rb") as file:
            ended = program("-", *options, stdin=file)
    elif kind == "npz":
        np.savez(folder / "f.npz", x=x, y=y)
        ended = cli("train", "f.npz", *options[2:])
    else:
        (folder / "f").mkdir()
        np.save(folder / "f" / "x.npy", x)
        np.save(folder / "f" / "y.npy", y)
        ended = cli("train", "f", *options[2:])
    assert (ended.code, ended.out) == (0, want), ended.err


def images(path, n=300):
    """Write a pair of IDX files: a square that is bright in the corner of its class."""
    rng = np.random.default_rng(0)
    y = (np.arange(n) % 4).astype(np.uint8)
    x = rng.integers(0, 40, (n, 6, 6), dtype=np.uint8)
    for i, k in enumerate(y):
        x[i, 3 * (k // 2) :, 3 * (k % 2) :][:3, :3] += 200
    path.mkdir()
    for part, numbers, magic in (("images-idx3", x, 2051), ("labels-idx1", y, 2049)):
        sizes = np.array([magic, *numbers.shape], dtype=">u4")
        (path / f"t10k-{part}-ubyte").write_bytes(sizes.tobytes() + numbers.tobytes())


def test_images(cli, folder):
    images(folder / "squares")
    ended = cli("train", "squares", "--epochs", "5")
    assert ended.code == 0
    assert "\nfeatures: scaled from 0 to 1 by the range of the training rows\n" in ended.out
    assert "test accuracy 100.00%" in ended.out


def test_missing_values_are_filled_by_the_mean_of_the_training_rows(cli, flowers, folder):
    lines = [*flowers, *[f",{i}.0,red,a" for i in range(6)]]
    write(folder / "flowers.csv", lines)
    ended = cli("train", "flowers.csv", "--missing", "error", *QUICK)
    assert ended.code == 3 and 'row 62, column "length"' in ended.err
    ended = cli("train", "flowers.csv", *QUICK)
    note = 'missing values: 6 ("length" 6); a number becomes the mean of the training rows'
    assert note in head(ended)


# ---- a bar while a large file is read


@pytest.fixture
def quick_bar(monkeypatch):
    """Show the bar at once, as if stderr were a terminal."""
    monkeypatch.setattr("minigrad.cli.training.on_terminal", lambda: True)
    monkeypatch.setattr("minigrad.cli.training.DELAY", 0)


def test_a_bar_while_a_file_is_read(cli, flowers, quick_bar):
    ended = cli("train", "flowers.csv", *QUICK)
    assert ended.code == 0 and ended.err.startswith("\rreading: 0.00B [00:00, ?B/s]")
    last = ended.err.partition("\r  0%|")[0].split("\r")[-1]
    assert not last.strip()  # it is wiped out
    assert cli("resume", "runs/flowers-1", "--epochs", "3").err.startswith("\rreading: ")
    ended = cli("train", "flowers.csv", "--label", "length")
    assert ended.err.partition("Error: ")[0].endswith(" \r")


def test_no_bar_where_it_is_not_wanted(cli, flowers, quick_bar, monkeypatch):
    assert cli("train", "flowers.csv", *QUICK, "-q").err == ""
    monkeypatch.setattr("minigrad.cli.training.on_terminal", lambda: False)
    assert "reading" not in cli("train", "flowers.csv", *QUICK).err


# ---- what is wrong is one line


def test_a_column_of_words_without_an_option(cli, flowers):
    fails(
        cli("train", "flowers.csv", "--one-hot", "none"),
        'flowers.csv: 1 column holds texts, not numbers; "colour" (2 values in 60 rows); '
        "pass --one-hot colour",
    )
    assert not os.path.exists("runs")


def test_a_class_too_small_to_be_split(cli, flowers, folder):
    write(folder / "flowers.csv", [*flowers, "1,2,red,rare"])
    ended = cli("train", "flowers.csv", "--one-hot", "colour")
    assert (ended.code, ended.out) == (3, "")
    assert '"rare"' in ended.err and ended.err.count("\n") == 1


# ---- whatever the options


OPTIONS = {
    "--hidden": ["", "1", "3,2", "0", "x"],
    "--activation": ["tanh", "elu", "none"],
    "--dropout": ["0.5", "1", "nan"],
    "--epochs": ["1", "2", "0"],
    "--batch-size": ["1", "7", "1000", "-1"],
    "--lr": ["0.1", "1e30", "1e-30", "inf", "0"],
    "--momentum": ["0", "0.99", "2"],
    "--weight-decay": ["0", "1e6", "-1"],
    "--label-smoothing": ["0.5", "1"],
    "--schedule": ["step", "cosine", "linear"],
    "--warmup": ["0.3", "5", "-1"],
    "--clip-grad": ["1e-30", "1", "0"],
    "--accumulate": ["3", "1000"],
    "--class-weight": ["balanced", "a=0,b=0,c=0", "a=2", "=", "a=1e300"],
    "--patience": ["1", "0"],
    "--init-from": ["flowers.csv", "nothing"],
    "--test-fraction": ["0.01", "0.9", "1"],
    "--val-fraction": ["0", "0.5", "0.99"],
    "--label": ["0", "colour", "-1", "species", "none"],
    "--delimiter": [",", ";", "tab", "|"],
    "--header": ["yes", "no", "auto"],
    "--one-hot": ["colour", "2", "length", "species", "9"],
    "--drop": ["width", "0", "colour", "species"],
    "--missing": ["drop", "mean"],
    "--scale": ["minmax", "none"],
    "--out": ["run", "flowers.csv"],
    "--checkpoint-every": ["1", "0"],
    "--dtype": ["float64"],
    "--seed": ["7", "-1"],
    "--config": ["flowers.csv"],
}
FLAGS = ["--nesterov", "--overwrite", "--no-save", "--json", "-q", "-v"]


def combinations(count, seed):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        args = ["train", str(rng.choice(["flowers.csv", "iris", "moons"])), "--epochs", "2"]
        for name in rng.permutation([*OPTIONS])[: rng.integers(1, 4)]:
            args += [name, str(rng.choice(OPTIONS[name]))]
        yield args + [flag for flag in FLAGS if rng.random() < 0.15]


def check_combinations(cli, folder, count, seed):
    """Every exit code is one of minigrad's, and every failure is one line after `Error:`."""
    codes = {}
    for args in combinations(count, seed):
        ended = cli(*args)
        codes[ended.code] = codes.get(ended.code, 0) + 1
        assert ended.code in (0, 2, 3, 4), args
        assert "Traceback" not in ended.err, args
        errors = [line for line in ended.err.splitlines() if line.startswith("Error: ")]
        assert len(errors) == (ended.code != 0), (args, ended.err)
    return codes


def test_combinations_of_options(cli, flowers, folder):
    codes = check_combinations(cli, folder, 40, seed=0)
    assert {0, 2, 3} <= {*codes} and codes[0] >= 5


@pytest.mark.slow
def test_many_combinations_of_options(cli, flowers, folder, capsys):
    codes = check_combinations(cli, folder, 500, seed=1)
    with capsys.disabled():
        print(f"\n500 combinations of options, by exit code: {dict(sorted(codes.items()))}")


# ---- rare categories ----------------------------------------------------------------------------


def write_rare_categories(folder, one):
    """600 rows of 3 numbers and 150 columns of zeros in which `one` stands 2 to 6 times."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((600, 3))
    hot = np.zeros((600, 150), int)
    for column in hot.T:
        column[rng.choice(600, rng.integers(2, 7), replace=False)] = one
    y = np.where(x[:, 0] + x[:, 1] * x[:, 2] + rng.standard_normal(600) > 0, "up", "down")
    lines = [",".join([*"abc", *(f"hot{i}" for i in range(150)), "class"])]
    lines += [",".join(map(str, [*x[i].round(4), *hot[i], y[i]])) for i in range(600)]
    write(folder / "rare.csv", lines)


def test_rare_categories_do_not_diverge(cli, folder):
    write_rare_categories(folder, 1)
    ended = cli("train", "rare.csv", "--json", "-q")
    assert ended.code == 0 and ended.err == ""
    assert training.read_run("runs/rare-1").history.column("val_loss").max() < 2


def test_a_finite_loss_far_too_high_is_exit_4_and_keeps_the_best_epoch(cli, folder):
    """Divided by its deviation, a 2 that is rare becomes 10 to 17. Every loss is finite."""
    write_rare_categories(folder, 2)
    old = ("--scale", "standard", "--schedule", "constant", "--clip-grad", 1e9)
    ended = cli("train", "rare.csv", *old, "--lr", 0.3, "--warmup", 10, "-q")
    assert (ended.code, ended.out) == (4, "")
    assert re.fullmatch(
        r"Error: train: the training loss of epoch \d+ is [\d.e+]+, and was 0\.[67]\d* before it "
        r"had learned anything; learning rate 0\.3; try a learning rate of 0\.03; the run up to "
        r"there is in runs/rare-1\n",
        ended.err,
    )
    run = training.read_run("runs/rare-1")
    assert run.status == "diverged" and run.history
    assert training.load("runs/rare-1").training["epoch"] == run.best_epoch
