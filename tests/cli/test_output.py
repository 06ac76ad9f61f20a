"""What `train` prints: results on stdout, progress on stderr, the same bytes each time."""

import json
import re

import numpy as np
import pytest

from minigrad import training
from minigrad.cli.results import result_tables
from minigrad.cli.shell import as_typed, event
from minigrad.cli.training import Report
from minigrad.data import BUILTIN
from minigrad.training.metrics import Confusion

IRIS = """\
iris: 150 rows, 4 features, 3 classes
classes: setosa 50, versicolor 50, virginica 50; always saying "setosa" gets 33.33%
split: 105 training, 15 validation, 30 test rows; stratified, seed 0
features: standardised by the mean and deviation of the training rows, then asinh
options: hidden 8, activation relu, dropout 0.0, epochs 3, batch size 32, lr 0.03, momentum 0.9, \
nesterov, weight decay 0.005, label smoothing 0.05, schedule cosine, clip grad 1.0, dtype float32, \
test fraction 0.2, val fraction 0.1

layer             output  parameters
0 Linear(4 -> 8)  (N, 8)          40
1 ReLU()          (N, 8)           0
2 Linear(8 -> 3)  (N, 3)          27
total                             67

"""
TABLE = r"""
class          precision  recall     f1  support
setosa             \d\.\d{3}   \d\.\d{3}  \d\.\d{3}       10
versicolor         \d\.\d{3}   \d\.\d{3}  \d\.\d{3}       10
virginica          \d\.\d{3}   \d\.\d{3}  \d\.\d{3}       10
macro average      \d\.\d{3}   \d\.\d{3}  \d\.\d{3}       30
micro average      \d\.\d{3}   \d\.\d{3}  \d\.\d{3}       30

confusion matrix \(row: true class, column: predicted class\)
            setosa  versicolor  virginica
setosa          [ \d]\d          [ \d]\d         [ \d]\d
versicolor      [ \d]\d          [ \d]\d         [ \d]\d
virginica       [ \d]\d          [ \d]\d         [ \d]\d

the weights are those of epoch [123] of 3: its validation loss, \d\.\d{4}, is the lowest
"""
RESULT = (
    r"test accuracy (\d+\.\d\d)% \((\d+) of (\d+) rows; always saying \"setosa\" gets 33\.33%\), "
    r"loss \d+\.\d{4}, epoch [123] of 3\n"
)
SMALL = ("iris", "--hidden", "8", "--epochs", "3", "--nesterov", "--no-save")
EPOCH = (
    r"epoch \d+/3  loss \d+\.\d{4}  accuracy \d+\.\d\d%  val loss \d+\.\d{4}  "
    r"val accuracy \d+\.\d\d%"
)


def test_results_go_to_stdout_and_a_line_per_epoch_to_stderr(program):
    code, out, err = program(*SMALL)
    assert code == 0
    assert out.startswith(IRIS)
    assert re.fullmatch(RESULT + TABLE, out.removeprefix(IRIS))
    lines = err.splitlines()
    assert len(lines) == 3
    for number, line in enumerate(lines, 1):
        assert line.startswith(f"epoch {number}/3  ")
        assert re.fullmatch(EPOCH, line)


def test_a_huge_loss_has_an_exponent(capsys):
    report = Report(as_json=False, quiet=False, verbose=False)
    report.epochs = 3
    report.epoch(training.Epoch(1, 6.5e20, 0.5, 12345.6, 0.5, 0.1, 1.0))
    report.epoch(training.Epoch(2, 9999.5, 0.5, 0.123456, 0.5, 0.1, 1.0))
    assert capsys.readouterr().err == (
        "epoch 1/3  loss 6.5e+20  accuracy 50.00%  val loss 1.2e+04  val accuracy 50.00%\n"
        "epoch 2/3  loss 9999.5000  accuracy 50.00%  val loss 0.1235  val accuracy 50.00%\n"
    )


# ---- classes that do not fit


REPORT = ("precision", "recall", "f1", "support")
LONG = [f"a rather long class name, number {i:02}" for i in range(40)]


def tables(count, mistakes=3):
    """Return the tables of so many classes, in each of which some rows are taken for the next."""
    matrix = np.diag(np.full(count, 20)) + mistakes * np.eye(count, k=1, dtype=int)
    return result_tables(tuple(LONG[:count]), Confusion.of(matrix))


@pytest.mark.parametrize("columns", [60, 80, 160, 250])
@pytest.mark.parametrize("count", [2, 5, 15, 40])
def test_the_tables_of_many_classes_fit(monkeypatch, columns, count):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert max(map(len, tables(count).splitlines())) <= columns


@pytest.mark.parametrize(
    ("columns", "titles"),
    [(30, ["f1", "support"]), (40, ["recall", "f1", "support"]), (48, [*REPORT])],
)
def test_the_table_of_the_classes_fits_a_narrow_terminal(monkeypatch, columns, titles):
    monkeypatch.setenv("COLUMNS", str(columns))
    by_class, _, _ = tables(5).partition("\n\n")
    assert by_class.splitlines()[0].split() == ["class", *titles]
    assert max(map(len, by_class.splitlines())) <= columns


def test_a_matrix_that_does_not_fit_gets_shorter_names_numbers_or_lists_the_worst_pairs(
    monkeypatch,
):
    monkeypatch.setenv("COLUMNS", "80")
    short = "a rather l…number 00"
    assert f"\n{LONG[0]}  " in tables(1).partition("confusion")[2]
    _, _, matrix = tables(2).partition("confusion")
    assert f"\n{short}                    20                     3\n" in matrix
    _, _, matrix = tables(12).partition("confusion")
    assert matrix.splitlines()[1].split() == [*map(str, range(1, 13))]
    assert f"\n1 {short}   " in matrix and "\n12 a rather l…number 11 " in matrix
    _, _, pairs = tables(40).partition("the most frequent mistakes, of ")
    assert pairs.startswith("39 kinds in 117 rows\ntrue class ")
    first = pairs.splitlines()[2]
    assert re.fullmatch(r"a rather long .*number 00  a rather long .*number 01 +3", first)
    assert len(pairs.splitlines()) == 22
    assert tables(40, mistakes=0).endswith("\n\nno mistakes")


def test_names_that_look_the_same_when_shortened_keep_their_number(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    names = tuple(f"a rather long class name {i:02} of the many" for i in range(40))
    matrix = np.eye(40, k=1, dtype=int)
    pairs = result_tables(names, Confusion.of(matrix)).partition("the most frequent mistakes")[2]
    assert "\n1 a ra… many  2 a ra… many " in pairs and "\n20 a r… many  21 a r… many " in pairs
    assert len({line[:29] for line in pairs.splitlines()[2:]}) == 20


@pytest.mark.parametrize("extra", [("-v",), ("--json",)], ids=" ".join)
def test_no_control_characters_in_a_pipe(program, extra):
    _, out, err = program(*SMALL, *extra)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\x80-\x9f]", out + err)


def test_quiet_is_one_line(cli):
    code, out, err = cli("train", *SMALL, "-q")
    assert (code, err) == (0, "")
    assert re.fullmatch(RESULT, out)


def test_quiet_keeps_the_warning_that_the_result_is_not_to_be_trusted(cli, folder):
    x = np.random.default_rng(0).standard_normal((200, 5))
    np.savez(folder / "rare.npz", x=x, y=(np.arange(200) % 10 == 0) * 1)
    done = cli("train", "rare.npz", "--lr", 0.003, "--epochs", 6, "-q")
    assert done.code == 0 and len(done.out.splitlines()) == 1
    assert done.err == (
        'Warning: train: the network predicts one class for every row, "0"; 36 of 40 rows are of '
        "it; try --class-weight balanced, more epochs, or another learning rate\n"
    )


def test_verbose_prints_more_on_stderr(cli):
    plain, verbose = cli("train", *SMALL), cli("train", *SMALL, "-v")
    assert verbose.out == plain.out
    assert set(plain.err.splitlines()) < set(verbose.err.splitlines())
    first, *_, last = verbose.err.splitlines()
    assert re.fullmatch(r"minigrad \d+\.\d+\.\d+, NumPy \d+\.\d+\S*, Python \d+\.\d+\S*", first)
    assert re.fullmatch(r"trained in \d+\.\d\d s", last)


def test_without_validation_rows_no_validation_numbers_are_printed(cli):
    result = cli("train", *SMALL, "--val-fraction", 0)
    assert ", 0 validation, " in result.out
    assert "val " not in result.err and "None" not in result.out + result.err
    *_, last, end = cli("train", *SMALL, "--val-fraction", 0, "--json").events
    assert last["val_loss"] is None and last["val_accuracy"] is None
    assert end["event"] == "result"


def test_the_accuracy_is_that_of_the_confusion_matrix(cli):
    *_, result = cli("train", *SMALL, "--json").events
    hits = sum(row[i] for i, row in enumerate(result["confusion"]))
    rows = sum(map(sum, result["confusion"]))
    assert result["test_accuracy"] == hits / rows
    printed = re.search(RESULT, cli("train", *SMALL).out)
    assert printed.groups() == (f"{100 * hits / rows:.2f}", str(hits), str(rows))


@pytest.mark.parametrize("name", BUILTIN)
def test_a_report_has_a_line_for_each_class_name(cli, name):
    out = cli("train", name, "--epochs", 1).out
    table, matrix = out.partition("\nclass ")[2].split("confusion matrix")
    for label in BUILTIN[name].classes:
        assert re.search(rf"^{label} .* \d+$", table, re.M)
        assert re.search(rf"^{label} [ \d]+$", matrix, re.M)


# ---- --json


def test_json_events(cli):
    ended = cli("train", *SMALL, "--json")
    assert ended.code == 0
    run, *epochs, result = ended.events
    assert run == {
        "event": "run",
        "data": "iris",
        "rows": 150,
        "features": ["sepal_length", "sepal_width", "petal_length", "petal_width"],
        "classes": ["setosa", "versicolor", "virginica"],
        "split": {"training": 105, "validation": 15, "test": 30},
        "counts": [50, 50, 50],
        "majority": {"class": "setosa", "share": 1 / 3},
        "options": run["options"],
        "parameters": 67,
    }
    assert [epoch["event"] for epoch in epochs] == ["epoch"] * 3
    assert [epoch["epoch"] for epoch in epochs] == [1, 2, 3]
    keys = ["event", *training.Epoch._fields]
    assert all([*epoch] == keys for epoch in epochs)
    keys = [
        "event",
        "test_accuracy",
        "test_loss",
        "epoch",
        "epochs",
        "classes",
        "macro",
        "micro",
        "confusion",
        "majority",
    ]
    assert [*result] == keys
    assert result["majority"] == {"class": "setosa", "share": 1 / 3}
    assert result["event"] == "result"
    assert 0 <= result["test_accuracy"] <= 1
    names = ["setosa", "versicolor", "virginica"]
    assert [entry.pop("name") for entry in result["classes"]] == names
    assert all([*e] == ["precision", "recall", "f1", "support"] for e in result["classes"])
    assert len(ended.err.splitlines()) == 3


def test_json_numbers_are_those_of_the_report(cli):
    *_, result = cli("train", *SMALL, "--json").events
    out = cli("train", *SMALL).out
    assert f"test accuracy {result['test_accuracy']:.2%} " in out
    assert f"33.33%), loss {result['test_loss']:.4f}, epoch {result['epoch']} of 3\n" in out
    for entry in result["classes"]:
        numbers = [f"{entry[key]:.3f}" for key in ("precision", "recall", "f1")]
        assert re.search(rf"^{entry['name']} +{' +'.join(numbers)} +{entry['support']}$", out, re.M)
    for name, counts in zip(
        ("setosa", "versicolor", "virginica"), result["confusion"], strict=True
    ):
        assert re.search(rf"^{name} +{' +'.join(map(str, counts))}$", out, re.M)


def test_quiet_json_is_the_result_only(cli):
    ended = cli("train", *SMALL, "-q", "--json")
    (result,) = ended.events
    assert (result["event"], ended.code, ended.err) == ("result", 0, "")
    assert result == cli("train", *SMALL, "--json").events[-1]


def test_a_number_that_is_not_finite_is_null(capsys):
    event("result", loss=float("nan"), parts=[1.0, float("-inf")], more={"a": float("inf")})
    assert json.loads(capsys.readouterr().out) == {
        "event": "result",
        "loss": None,
        "parts": [1.0, None],
        "more": {"a": None},
    }


def test_a_last_step_that_diverges_is_noticed_without_validation_rows(cli):
    one_step = ("--epochs", 1, "--batch-size", 5000, "--lr", "1e38", "--val-fraction", 0)
    ended = cli("train", "iris", *one_step, "-q", "--no-save")
    assert (ended.code, ended.out) == (4, "")
    assert ended.err == (
        "Error: train: the loss is nan after the last step, number 1; learning rate 1e+38, first "
        "non-finite output: layer '2', Linear(256 -> 3); try a learning rate of 1e+37\n"
    )


def test_a_diverged_run_has_no_result(cli):
    ended = cli("train", "--lr", "1e6", "--json")
    assert ended.code == 4
    assert [event["event"] for event in ended.events] == ["run"]


# ---- the same command, the same bytes


def test_another_seed_gives_other_numbers(cli):
    one, other = (cli("train", *SMALL, "--seed", seed, "--json").events for seed in (0, 1))
    assert (one[0]["options"].pop("seed"), other[0]["options"].pop("seed")) == (0, 1)
    assert one[0] == other[0]
    assert all(a != b for a, b in zip(one[1:], other[1:], strict=True))


@pytest.mark.parametrize(
    "args", [("--epochs", "2", "--dropout", "0.2", "--json"), ("faces",)], ids=" ".join
)
def test_train_py_in_another_process_prints_the_same_bytes(program, cli, args):
    args = (*args, "--no-save")
    assert program(*args) == cli("train", *args)


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("pass missing='drop' or missing='mean'", "pass --missing drop or --missing mean"),
        ("pass one_hot=[COL], drop=['a b']: x", "pass --one-hot COL, --drop 'a b': x"),
        ("no_save=True and out='x y' differ", "--no-save and --out 'x y' differ"),
        ("(label=COL of a file); lr=-1;", "(--label COL of a file); --lr -1;"),
        ("delimiter=';' or init_from=RUN, as", "--delimiter ';' or --init-from RUN, as"),
        ("'label=2', \"drop=3\", my_lr=4, in_features=5, lr == 6", None),
    ],
)
def test_the_keywords_of_the_library_are_printed_as_options(text, typed):
    assert as_typed(text) == (typed or text)
