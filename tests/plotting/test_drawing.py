"""Pictures made of characters."""

import re

import numpy as np
import pytest

from minigrad.plotting import ASCII, BRAILLE, Plane, draw, style_for
from minigrad.plotting.terminal import Axis
from minigrad.training import read_run
from tests.training.folders import history, write_run


@pytest.fixture
def run(tmp_path):
    """Read a run that is written with other arguments each time."""

    def make(*args, **facts):
        return read_run(str(write_run(tmp_path / str(len([*tmp_path.iterdir()])), *args, **facts)))

    return make


class Diagonal:
    """Class 1 if the second feature is larger than the first, else class 0."""

    def predict_proba(self, x):
        return np.stack([x[:, 0], x[:, 1]], axis=1)


def plane(points=((0.1, 0.9), (0.9, 0.1)), labels=(1, 1)):
    points, labels = np.array(points).reshape(-1, 2), np.array(labels, dtype=int)
    return Plane(Diagonal(), ("width", "height"), np.zeros(2), np.ones(2), points, labels)


def block(text, start, lines):
    """The lines of a drawing from the one that begins with `start`."""
    rows = text.splitlines()
    at = next(i for i, row in enumerate(rows) if row.startswith(start))
    return rows[at : at + lines]


# ---- curves ------------------------------------------------------------------------------------

SNAPSHOT = """\
loss (nats)
⠤⠤ training  o validation  ▲ best epoch
0.8 ┤o
    │⢄
0.6 ┤ ⠱⡀  o
    │  ⠈⠢⡀
    │    ⠑⢄     o
0.4 ┤      ⠑⠢⡀
    │        ⠈⠢⢄     o
    │           ⠑⠢⢄⡀       o
0.2 ┤              ⠈⠑⠢⢄⣀        o
    │                   ⠉⠒⠢⠤⣀⣀        o    o
    │                         ⠉⠉⠒⠒⠤⠤⠤⣀⣀⡀
0.0 ┤                                  ⠈⠉⠉⠑⠒
    └─────┬──────────┬─────▲────┬──────────┬
          2          4          6          8
                      epoch
"""
SNAPSHOT_ASCII = """\
loss (nats)
.. training  o validation  ^ best epoch
0.8 -o
    |.
0.6 - ..  o
    |   ..
    |     ..    o
0.4 -       .
    |        ...     o
    |           ...        o
0.2 -              ......       o
    |                    .....        o    o
    |                         ...........
0.0 -                                    ...
    +-----+----------+-----^----+----------+
          2          4          6          8
                      epoch
"""


@pytest.mark.parametrize("style, expected", [(BRAILLE, SNAPSHOT), (ASCII, SNAPSHOT_ASCII)])
def test_the_drawing_of_a_loss(run, style, expected):
    text = draw([run(history(8), best_epoch=5)], [None], 44, style)
    assert "\n".join(block(text, "loss", 17)) + "\n" == expected


def test_the_heading(run):
    one = run()
    assert draw([one], [None], 60, ASCII).splitlines()[:4] == [
        one.folder[-60:],
        "finished, 30 epochs, best 12",
        "test accuracy 90.00%",
        "",
    ]


@pytest.mark.parametrize("width", [24, 30, 39])
def test_the_heading_is_not_cut(run, width):
    one = run(history(200), status="interrupted", best_epoch=148)
    heading = " ".join(draw([one], [None], width, ASCII).partition("\n\n")[0].splitlines()[1:])
    assert heading.startswith("interrupted, 200 epochs, best 148 test accuracy 90.00%")


@pytest.mark.parametrize("width", [24, 60, 80, 140])
@pytest.mark.parametrize("epochs", [1, 30, 1000])
@pytest.mark.parametrize("style", [BRAILLE, ASCII], ids=["braille", "ascii"])
def test_no_line_is_wider_than_the_terminal(run, width, epochs, style):
    names = ["x" * 70, "y" * 10]
    runs = [run(history(epochs), features=names), run(features=names)]
    for count in (1, 2):
        text = draw(runs[:count], [plane()] * count, width, style)
        assert max(map(len, text.splitlines())) <= width
        for title in ("loss (nats)", "accuracy (%)", "learning rate"):
            assert text.count(title) == count


def test_pictures_are_side_by_side_if_there_is_room(run):
    one, other = run(), run(history(5))
    wide, narrow = (draw([one, other], [None, None], width, ASCII) for width in (80, 79))
    assert sum("loss" in line for line in wide.splitlines()) == 1
    assert sum("loss" in line for line in narrow.splitlines()) == 2
    alone = draw([one], [None], 80, ASCII)
    assert [line for line in alone.splitlines() if "loss" in line and "accuracy (%)" in line]


def test_several_runs_have_the_same_axes(run):
    """The second run is shorter and its loss is 0.1."""
    small = history(5, val=False, changes=[(i, "train_loss", "0.1") for i in range(1, 6)])
    text = draw([run(), run(small)], [None, None], 100, ASCII)
    loss = block(text, "loss", 17)
    left, right = ([line[i : i + 49] for line in loss] for i in (0, 51))
    assert [line[:5] for line in left[2:14]] == [line[:5] for line in right[2:14]]
    assert left[15].split() == right[15].split() == ["5", "10", "15", "20", "25", "30"]
    assert [i for i, line in enumerate(right[2:14]) if "." in line[5:]] == [10]


def test_runs_of_very_different_length_have_epochs_of_their_own(run):
    text = draw([run(history(200)), run(history(5))], [None, None], 100, ASCII)
    line = block(text, "loss", 17)[15]
    assert line[:49].split() == ["50", "100", "150", "200"]
    assert line[51:].split() == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("width", [24, 30, 39])
def test_legends_are_not_cut(run, width):
    text = draw([run()], [None], width, ASCII)
    for entry in (".. training", "o validation", "^ best epoch"):
        assert text.count(entry) == 2 + (entry[0] == "^")


def test_a_constant_learning_rate_is_a_line(run):
    steady = history(30, changes=[(i, "lr", "0.05") for i in range(1, 31)])
    one, other = run(steady), run()
    assert draw([one], [None], 60, ASCII).splitlines()[3:6] == [
        "learning rate 0.05",
        "",
        "loss (nats)",
    ]
    assert draw([one], [None], 60, ASCII).count("learning rate") == 1
    assert draw([one, one], [None, None], 100, ASCII).count("learning rate 0.05") == 2
    both = draw([one, other], [None, None], 100, ASCII)  # side by side on the same axes
    assert "learning rate 0.05" not in both and both.count("learning rate") == 2


def test_training_is_a_line_and_validation_points(run):
    text = draw([run()], [None], 60, ASCII)
    _, legend, *loss = block(text, "loss", 14)
    assert legend == ".. training  o validation  ^ best epoch"
    assert "." in loss[-1][5:] and "o" not in loss[-1]  # the training loss ends lower
    text = draw([run(history(30, val=False), best_epoch=None)], [None], 60, ASCII)
    _, legend, *loss = block(text, "loss", 14)
    assert legend == ".. training"
    assert not any("o" in line for line in loss)


def test_the_points_of_many_epochs_leave_the_line_visible(run):
    text = draw([run(history(1000))], [None], 60, ASCII)
    columns = {i for line in block(text, "loss", 14)[2:] for i, c in enumerate(line) if c == "o"}
    assert len({column % 2 for column in columns}) == 1 and len(columns) > 20


def test_an_empty_field_leaves_a_gap(run):
    changes = [(i, "val_loss", "") for i in (15, 16)]
    text = draw([run(history(30, changes=changes))], [None], 60, ASCII)
    rows = block(text, "loss", 14)[2:]
    drawn = sorted(i for line in rows for i, c in enumerate(line) if c == "o")
    assert len(drawn) == 28


def test_a_spike_of_one_epoch_in_many_is_seen(run):
    spikes = [(501, "train_loss", "0.98"), (730, "val_loss", "0.98")]
    text = draw([run(history(1000, changes=spikes))], [None], 60, ASCII)
    top = block(text, "loss", 3)[2]
    assert "." in top[25:] and "o" in top[25:]


def test_a_loss_over_several_powers_of_ten_gets_a_logarithmic_axis(run):
    falling = [(i, "train_loss", f"{10.0**-i}") for i in range(1, 6)]
    text = draw([run(history(5, val=False, changes=falling))], [None], 60, ASCII)
    labels = re.findall(r"(\S+) -", "\n".join(block(text, "loss", 14)[1:]))
    assert labels == ["1e-01", "1e-02", "1e-03", "1e-04", "1e-05"]
    falling = [(i, "train_loss", f"{10.0**-i}") for i in range(1, 5)]
    text = draw([run(history(4, val=False, changes=falling))], [None], 60, ASCII)
    labels = re.findall(r"(\S+) -", "\n".join(block(text, "loss", 14)[1:]))
    assert labels == ["0.1", "0.01", "0.001", "0.0001"]


def test_a_loss_of_zero_keeps_the_axis_linear(run):
    text = draw([run(history(5, changes=[(5, "train_loss", "0")]))], [None], 60, ASCII)
    assert re.findall(r"(\S+) -", "\n".join(block(text, "loss", 14)))[-1] == "0.0"


# ---- axes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "numbers, labels",
    [
        ([0.03, 0.74], "0.0 0.2 0.4 0.6 0.8"),
        ([88.1, 99.9], "85 90 95 100"),
        ([3, 3], "2 3 4"),
        ([0, 0], "-1 0 1"),
        ([], "0.0 0.2 0.4 0.6 0.8 1.0"),
        ([0.001, 0.0049], "0.001 0.002 0.003 0.004 0.005"),
        ([1e-9, 9e-9], "0 2.0e-09 4.0e-09 6.0e-09 8.0e-09 1.0e-08"),
        ([1e30, 2e30], "1.0e+30 1.2e+30 1.4e+30 1.6e+30 1.8e+30 2.0e+30"),
        ([500_000, 1_900_000], "5.0e+05 1.0e+06 1.5e+06 2.0e+06"),
        ([3e9, 9e9], "2.0e+09 4.0e+09 6.0e+09 8.0e+09 1.0e+10"),
    ],
)
def test_an_axis_ends_on_round_numbers(numbers, labels):
    axis = Axis.around(np.array(numbers, dtype=float), 5)
    assert " ".join(axis.ticks()[1]) == labels
    for number in numbers:
        assert axis.low <= number * (1 + 1e-12) and number * (1 - 1e-12) <= axis.high


def test_the_axis_of_epochs_has_whole_numbers():
    for last in range(1, 300):
        values, labels = Axis.between(1, last, 6, whole=True).ticks()
        assert 1 <= len(values) <= 8 and values.min() >= 1 and values.max() <= last
        assert [int(label) for label in labels] == values.tolist()


def test_cells_of_an_axis():
    axis = Axis(0, 10, 5)
    values = np.array([-1, 0, 2.4, 2.5, 9.9, 10, 11])
    assert axis.cells(values, 4).tolist() == [0, 0, 0, 1, 3, 3, 3]
    log = Axis(-3, 1, 1, log=True)
    assert log.cells(np.array([0.001, 0.0101, 9.9]), 4).tolist() == [0, 1, 3]


# ---- decision regions --------------------------------------------------------------------------

REGIONS = """\
. A no   + B yes
height
1.0 -+++++++++++++++++++++++++++++++++.
    |+++B++++++++++++++++++++++++++....
0.8 -+++++++++++++++++++++++++++.......
    |+++++++++++++++++++++++++.........
    |++++++++++++++++++++++............
0.6 -++++++++++++++++++++..............
    |+++++++++++++++++.................
0.4 -++++++++++++++....................
    |++++++++++++......................
    |+++++++++.........................
0.2 -+++++++...........................
    |++++..........................B...
0.0 -+.................................
    ++-----+------+------+------+-----+
     0.0  0.2    0.4    0.6    0.8  1.0
                   width
"""


def test_regions_are_marks_and_rows_are_letters(run):
    text = draw([run(features=("width", "height"))], [plane()], 39, ASCII)
    assert "\n".join(block(text, ". A no", 18)) + "\n" == REGIONS


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_terminal_too_narrow_for_anything(run, width):
    assert "+" in draw([run()], [plane()], width, ASCII)


def test_of_rows_in_one_place_the_most_frequent_class_is_shown(run):
    points, labels = [(0.2, 0.8)] * 5 + [(0.8, 0.2)], [1, 0, 1, 1, 0, 0]
    lines = block(draw([run()], [plane(points, labels)], 39, ASCII), "height", 17)
    letters = [character for line in lines[1:14] for character in line if character in "AB"]
    assert letters == ["B", "A"]


def test_regions_without_rows(run):
    lines = block(draw([run()], [plane((), ())], 60, ASCII), "height", 20)
    assert not {"A", "B"} & set("".join(lines[1:])) and "+" in lines[3] and "." in lines[3]


def test_forty_classes(run):
    one = run(classes=[f"class {i}" for i in range(40)])
    text = draw([one], [plane((), ())], 60, ASCII)
    entries = re.findall(r"(\S [A-Z]) class (\d+)\b", text)
    assert [number for _, number in entries] == [*map(str, range(40))]
    assert len({look for look, _ in entries}) == 40


# ---- without Unicode ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encoding, style",
    [
        ("utf-8", BRAILLE),
        ("utf-16", BRAILLE),
        ("ascii", ASCII),
        ("cp437", ASCII),
        ("cp1252", ASCII),
    ],
)
def test_the_style_for_an_encoding(encoding, style):
    assert style_for(encoding) is style


def test_ascii_is_ascii(run):
    assert draw([run()], [plane()], 80, ASCII).isascii()
