"""Pictures that matplotlib draws."""

import io

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib", reason="the extra plot is not installed")

from minigrad.plotting import figure  # noqa: E402
from minigrad.training import read_run  # noqa: E402
from tests.plotting.test_drawing import plane  # noqa: E402
from tests.training.folders import history, write_run  # noqa: E402


@pytest.fixture
def run(tmp_path):
    def make(*args, **facts):
        return read_run(str(write_run(tmp_path / str(len([*tmp_path.iterdir()])), *args, **facts)))

    return make


def saved(picture_format, *args):
    file = io.BytesIO()
    figure.save(file, picture_format, *args)
    return file.getvalue()


def axes_of(picture):
    """The axes by the label of their y; the colour bar is among them."""
    return [(axes.get_ylabel(), axes) for axes in picture.axes]


def curves(axes):
    return {line.get_label(): line.get_ydata() for line in axes.get_lines()}


@pytest.mark.parametrize("picture_format", ["png", "svg"])
def test_the_same_runs_give_the_same_bytes_whatever_the_settings(run, picture_format):
    one = run(history(3))
    first = saved(picture_format, [one], [None])
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 20, "axes.facecolor": "black"}):
        assert saved(picture_format, [one], [None]) == first
        assert matplotlib.rcParams["font.size"] == 20


def test_the_curves_are_those_of_the_history(run):
    one = run(history(30))
    panels = dict(axes_of(figure._figure([one], [None])))
    loss, accuracy = curves(panels["loss (nats)"]), curves(panels["accuracy (%)"])
    assert [*loss] == ["training", "validation", "best epoch, 12"]
    np.testing.assert_array_equal(loss["training"], one.history.column("train_loss"))
    np.testing.assert_array_equal(loss["validation"], one.history.column("val_loss"))
    np.testing.assert_array_equal(accuracy["training"], 100 * one.history.column("train_accuracy"))
    np.testing.assert_array_equal(accuracy["validation"], 100 * one.history.column("val_accuracy"))
    rate = curves(panels["learning rate"])["learning rate"]
    np.testing.assert_array_equal(rate, one.history.column("lr"))
    assert {panel.get_xlabel() for panel in panels.values()} > {"epoch"}


def test_without_validation_there_is_no_such_curve(run):
    one = run(history(30, val=False), best_epoch=None)
    loss = dict(axes_of(figure._figure([one], [None])))["loss (nats)"]
    assert [*curves(loss)] == ["training"]


def test_the_confusion_matrix(run):
    one = run(classes=["setosa", "a class with a very long name: 1", "$x$"])
    matrix = dict(axes_of(figure._figure([one], [None])))["true class"]
    assert matrix.get_xlabel() == "predicted class"
    counts = [int(text.get_text()) for text in matrix.texts]
    assert counts == [9, 2, 3, 1, 9, 3, 1, 2, 9]
    names = [label.get_text() for label in matrix.get_yticklabels()]
    assert names == ["setosa", "a class wi…g name: 1", "$x$"]
    shares = one.confusion / [[14], [13], [12]]  # by the rows of the true class
    np.testing.assert_allclose(matrix.images[0].get_array(), shares)


def test_the_regions_and_the_rows(run):
    one = run(classes=("no", "_yes"), features=("width", "height"))
    panels = dict(axes_of(figure._figure([one], [plane()])))
    regions = panels["height"]
    assert regions.get_xlabel() == "width"
    predicted = regions.images[0].get_array()
    assert predicted[10, 10] == 1 and predicted[-10, -10] == 0  # upper left, lower right
    assert [len(rows.get_offsets()) for rows in regions.collections] == [0, 2]
    legend = [text.get_text().strip() for text in regions.get_legend().get_texts()]
    assert legend == ["no", "_yes"]


def test_several_runs_are_side_by_side_on_the_same_axes(run):
    running = run(history(10), status="running", results=None, best_epoch=2)
    picture = figure._figure([run(), running], [plane(), None])
    assert [part.get_suptitle().split("\n")[1] for part in picture.subfigs] == [
        "finished, 30 epochs, best 12",
        "running, 10 epochs, best 2",
    ]
    for title in ("loss (nats)", "accuracy (%)", "learning rate"):
        one, other = (axes for label, axes in axes_of(picture) if label == title)
        assert one.get_xlim() == other.get_xlim() == (0.5, 30.5)
        assert one.get_ylim() == other.get_ylim()
        low, high = one.get_ylim()
        for axes in (one, other):
            drawn = [line for line in axes.lines if "best" not in line.get_label()]
            assert all(low <= value <= high for line in drawn for value in line.get_ydata())
    texts = [text.get_text() for axes in picture.axes if not axes.axison for text in axes.texts]
    assert texts == ["no test results", "no decision regions"]


def test_a_constant_learning_rate_takes_no_panel(run):
    one = run(history(30, changes=[(i, "lr", "0.05") for i in range(1, 31)]))
    picture = figure._figure([one], [None])
    assert "learning rate" not in dict(axes_of(picture))
    (part,) = picture.subfigs
    assert part.get_suptitle().split("\n")[2] == "test accuracy 90.00%, learning rate 0.05"


def test_two_runs_of_very_different_size_stay_readable(run):
    few, many = run(history(5)), run(history(200), classes=[f"class {i}" for i in range(60)])
    picture = figure._figure([few, many], [None, None])
    picture.savefig(io.BytesIO(), format="png")
    small, large = ([*part.subfigs][-1].axes[0] for part in picture.subfigs)
    for axes, count in ((small, 2), (large, 60)):
        cell = axes.get_window_extent().width / count / picture.dpi
        assert cell > 0.8 * figure.CELL  # inches
    losses = [axes for label, axes in axes_of(picture) if label == "loss (nats)"]
    assert [axes.get_xlim() for axes in losses] == [(0.5, 5.5), (0.5, 200.5)]
    headings = [part._suptitle.get_window_extent() for part in picture.subfigs]
    for heading, part in zip(headings, picture.subfigs, strict=True):
        assert part.bbox.x0 <= heading.x0 and heading.x1 <= part.bbox.x1


@pytest.mark.parametrize("epochs", [1, 30])
def test_ticks_of_epochs_are_whole(run, epochs):
    picture = figure._figure([run(history(epochs))], [None])
    ticks = dict(axes_of(picture))["loss (nats)"].get_xticks()
    assert all(tick == round(tick) for tick in ticks)


def test_labels_do_not_overlap(run):
    """With long names and many classes, for each row of labels, and for the axes themselves."""
    names = [f"a rather long class name, number {i}" for i in range(15)]
    picture = figure._figure([run(classes=names, features=("a", "b"))], [plane()])
    picture.savefig(io.BytesIO(), format="png")
    axes = dict(axes_of(picture))["true class"]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        boxes = [label.get_window_extent() for label in labels]
        assert not any(a.overlaps(b) for a, b in zip(boxes, boxes[1:], strict=False))
        assert len({label.get_text() for label in labels}) == 15
    boxes = [
        a.get_tightbbox() for label, a in axes_of(picture) if label != "share of the true class"
    ]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    whole = picture.bbox
    assert all(b.x0 >= 0 and b.y0 >= 0 and b.x1 <= whole.x1 and b.y1 <= whole.y1 for b in boxes)


def test_names_that_the_font_cannot_write_or_that_look_like_maths(run):
    one = run(classes=("山", "$\\foo$"), features=("$a", "b_c"))
    assert saved("png", [one], [plane()]).startswith(b"\x89PNG")


def test_more_classes_than_can_be_labelled(run):
    one = run(classes=[str(i) for i in range(150)])
    assert not dict(axes_of(figure._figure([one], [None])))["true class"].texts
