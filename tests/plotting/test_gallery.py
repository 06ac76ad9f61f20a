"""The mistakes and the filters of a run on images, and how they are drawn."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from minigrad.plotting import ASCII, BRAILLE, Gallery, draw, read_gallery
from minigrad.plotting.gallery import MOST, Mistake, grey
from minigrad.training import Experiment, load, read_run, run_data
from tests.training.folders import write_run

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 255, (400, 4, 6)).astype(np.uint8)  # noise: nothing can be learned
LABELS = np.array(["left", "right"] * 200)


def key(image):
    return image.astype(np.uint8).tobytes()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run on images whose classes cannot be told apart."""
    monkeypatch.chdir(tmp_path)
    np.savez("images.npz", x=IMAGES, y=LABELS)
    Experiment("images.npz", arch="cnn", conv=[3], epochs=1, out="run").run()
    return read_run("run")


def test_the_mistakes_are_those_of_the_test_rows_the_most_confident_first(run):
    gallery, remarks = read_gallery(run)
    held_out, classifier = run_data.held_out(run), load("run")
    p = classifier.predict_proba(held_out)
    wrong = {
        key(held_out.x[i]): (held_out.y[i], 1 - held_out.y[i], p[i].max())
        for i in range(len(held_out))
        if p[i].argmax() != held_out.y[i]
    }
    assert remarks == () and (gallery.wrong, gallery.rows) == (len(wrong), 80)
    assert MOST == len(gallery.mistakes) < len(wrong)
    for mistake in gallery.mistakes:
        assert mistake.image.shape == (1, 4, 6) and wrong[key(mistake.image)] == mistake[1:]
    shares = [mistake.probability for mistake in gallery.mistakes]
    assert shares == sorted((share for *_, share in wrong.values()), reverse=True)[:MOST]
    np.testing.assert_array_equal(gallery.filters, classifier.model[1].weight.data)


def test_a_hidden_unit_is_a_filter_of_the_whole_image(run):
    Experiment("images.npz", hidden=[5], epochs=1, out="mlp").run()
    gallery, _ = read_gallery(read_run("mlp"))
    weight = load("mlp").model[0].weight.data
    np.testing.assert_array_equal(gallery.filters, weight.reshape(5, 1, 4, 6))


def test_a_table_has_no_gallery(tmp_path):
    assert read_gallery(read_run(write_run(tmp_path / "run"))) == (None, ())


def test_a_run_before_its_first_epoch_has_no_gallery(run):
    Path("run/best.npz").unlink()
    assert read_gallery(run) == (None, ())


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "changed"])
def test_without_its_data_there_are_filters_only(run, gone):
    if gone:
        Path("images.npz").unlink()
    else:
        np.savez("images.npz", x=IMAGES + 1, y=LABELS)
    gallery, remarks = read_gallery(run)
    assert (gallery.mistakes, gallery.rows) == ([], 0) and gallery.filters.shape == (3, 1, 3, 3)
    (remark,) = remarks
    assert remark.startswith("run: no mistakes to show: ")
    assert "filters of the first layer" in draw([run], [None], 80, ASCII, [gallery])


def test_run_json_says_the_shape_of_the_images(run):
    assert json.loads(Path("run/run.json").read_text())["data"]["image"] == [1, 4, 6]


# ---- in the terminal ----------------------------------------------------------------------------

IMAGE = np.array([[[9, 0, 5], [9, 9, 0], [0, 1, 9]]]) + 3.0  # the middle of its range is 7.5
FILTERS = np.array([[[[1.0, -2], [3, -4]]], [[[-1, 2], [-3, 4]]]])
GALLERY = Gallery([Mistake(IMAGE, 1, 0, 0.987), Mistake(IMAGE[:, ::-1], 0, 1, 0.5)], 7, 30, FILTERS)


def drawn(tmp_path, style, width=60, gallery=GALLERY, classes=("no", "yes")):
    run = read_run(write_run(tmp_path / "run", classes=classes))
    text = draw([run], [None], width, style, [gallery])
    assert max(map(len, text.splitlines())) <= width
    return text[re.search(r"(\d+ of )?\d+ mistake", text).start() :]


def test_images_in_half_blocks(tmp_path):
    assert drawn(tmp_path, BRAILLE) == (
        "2 of 7 mistakes in 30 held-out rows\n"
        "true > predicted class, probability\n"
        "yes > no 99%  no > yes 50%\n"
        f"█▄▀{' ' * 11}▄▄▀\n"
        f"  ▀{' ' * 11}▀ ▀\n\n"
        "2 filters of the first layer  filled where positive\n"
        "██      ██\n"
        "██      ██"
    )


def test_images_in_ascii(tmp_path):
    text = drawn(tmp_path, ASCII)
    assert text.isascii() and "\n#.'           " in text and "\n##      ##\n" in text


def test_a_large_image_is_drawn_smaller_and_a_long_name_shorter(tmp_path):
    image = np.kron(np.eye(2), np.ones((100, 100)))[None]
    gallery = Gallery([Mistake(image, 0, 1, 0.75)] * 9, 9, 9, FILTERS)
    names = "the first of the two", "the other one of the two"
    lines = drawn(tmp_path, BRAILLE, gallery=gallery, classes=names).splitlines()
    picture = [line for line in lines if set(line) <= set("█▀▄ ") and line][:17]
    assert "the first… > the other…" not in lines[2] and "…" in lines[2]
    assert all(len(line) <= 60 for line in picture) and "█" * 10 in picture[0]
    assert len(lines) < 70


def test_no_mistakes(tmp_path):
    text = drawn(tmp_path, BRAILLE, gallery=Gallery([], 0, 30, FILTERS))
    assert text.startswith("0 mistakes in 30 held-out rows\n\n2 filters")


def test_the_titles_say_how_many_are_shown_and_of_how_many_channels(tmp_path):
    filters = np.ones((256, 3, 4, 4))
    gallery = Gallery([Mistake(IMAGE, 1, 0, 0.9)] * 24, 26, 30, filters)
    run = read_run(write_run(tmp_path / "run", classes=("no", "yes")))
    lines = draw([run], [None], 60, BRAILLE, [gallery]).splitlines()
    assert "24 of 26 mistakes in 30 held-out rows" in lines
    below = lines[lines.index("the mean of 3 channels") + 1 :]
    drawn = "".join(below).count("█") // (8 * 4)  # 4 × 4 pixels, each twice as large
    title = f"{drawn} of 256 filters of the first layer  filled where positive"
    assert title in lines and 9 < drawn < 256
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    from minigrad.plotting import figure

    titles = [axes.get_title() for axes in figure._figure([run], [None], [gallery]).axes]
    assert (
        "64 of 256 filters of the first layer:\nblue negative, red positive, the mean of 3 "
        in (titles[-1])
    )
    assert "24 of 26 mistakes in 30 test rows, the most confident first:" in titles[-2]


@pytest.mark.parametrize("size", [(9, 90), (90, 9), (40, 90), (5, 5)])
def test_the_pixels_of_a_picture_are_squares(tmp_path, size):
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    from minigrad.plotting import figure

    image = RNG.random((1, *size))
    gallery = Gallery([Mistake(image, 0, 1, 0.5)] * 7, 7, 30, RNG.random((10, 1, *size)))
    run = read_run(write_run(tmp_path / "run", classes=("no", "yes")))
    shown = [axes for axes in figure._figure([run], [None], [gallery]).axes if axes.images][-2:]
    for axes, count in zip(shown, (7, 10), strict=True):
        assert axes.get_aspect() == 1 and len(axes.images) == count
        boxes = [image.get_extent() for image in axes.images]
        for left, right, bottom, top in boxes:
            assert (bottom - top) / (right - left) == pytest.approx(size[0] / size[1])
        places = {(left, top) for left, _, _, top in boxes}
        assert len(places) == count
        for left, right, bottom, top in boxes:
            for x, y in places - {(left, top)}:
                assert not (left <= x < right and top <= y < bottom)


def test_grey_is_the_mean_of_the_channels():
    np.testing.assert_array_equal(grey(np.array([[[1.0]], [[3]], [[8]]])), [[4]])


# ---- with matplotlib ----------------------------------------------------------------------------


def test_images_in_a_picture(tmp_path):
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    from minigrad.plotting import figure

    run = read_run(write_run(tmp_path / "run", classes=("no", "yes")))
    colours = np.moveaxis(np.array([[[10.0, 20, 30], [30, 10, 20]]]), 2, 0)
    gallery = GALLERY._replace(mistakes=[*GALLERY.mistakes, Mistake(colours, 0, 1, 0.25)])
    for runs, galleries in (([run], [gallery]), ([run, run], [gallery, None])):
        picture = figure._figure(runs, [None] * len(runs), galleries)
        mistakes, filters = [axes for axes in picture.axes if axes.get_title()][1:3]
        assert mistakes.get_title().startswith("3 of 7 mistakes in 30 test rows, ")
        texts = [text.get_text() for text in mistakes.texts]
        assert texts == ["yes → no, 99%", "no → yes, 50%", "no → yes, 25%"]
        shown = [np.asarray(image.get_array()) for image in mistakes.images]
        np.testing.assert_array_equal(shown[0], IMAGE[0])
        np.testing.assert_allclose(shown[2], [[[0, 0.5, 1], [1, 0, 0.5]]])
        np.testing.assert_array_equal(filters.images[1].get_array(), FILTERS[1, 0])
        assert filters.images[0].get_clim() == (-4, 4)
        assert filters.get_title() == "2 filters of the first layer:\nblue negative, red positive"
    none = Gallery([], 0, 30, FILTERS)
    picture = figure._figure([run], [None], [none])
    assert "no mistakes" in [text.get_text() for axes in picture.axes for text in axes.texts]
