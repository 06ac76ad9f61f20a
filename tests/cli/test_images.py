"""Images on the command line: train, and everything that is done with the model afterwards."""

from pathlib import Path

import numpy as np
import pytest

LABELS = np.repeat(["left", "right"], 30)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 50, (60, 2, 4, 6)).astype(np.uint8)
IMAGES[:30, :, :, :3] += 150
IMAGES[30:, :, :, 3:] += 150
OPTIONS = ["--arch", "cnn", "--conv", "3", "--epochs", "20"]


@pytest.fixture
def run(folder, cli):
    """A run on images of two channels."""
    np.savez("images.npz", x=IMAGES, y=LABELS)
    np.savez("new.npz", x=IMAGES[28:32])
    ended = cli("train", "images.npz", *OPTIONS, "--out", "run")
    assert ended.code == 0, ended.err
    return ended


def test_what_train_prints(run):
    options = "options: arch cnn, conv 3, hidden none, activation relu, dropout 0.0, epochs 20, "
    assert f"\n{options}batch size 32, lr 0.03, momentum 0.9, " in run.out
    features = (
        "\nfeatures: standardised by the mean and deviation of the training rows, all pixels "
    )
    assert f"{features}alike\n" in run.out
    assert "\n0 Unflatten(1, 2 × 4 × 6)           (N, 2, 4, 6)           0\n" in run.out
    assert "\ntest accuracy 100.00% (12 of 12 rows; " in run.out


def test_predict_evaluate_and_importance(run, cli):
    assert cli("predict", "run", "new.npz") == (0, "left\nleft\nright\nright\n", "")
    np.savez("rows.npz", x=IMAGES[28:32].reshape(4, 48))
    assert cli("predict", "run", "rows.npz").out == "left\nleft\nright\nright\n"
    assert cli("evaluate", "run", "images.npz").out.startswith("accuracy 100.00% (60 of 60 rows; ")
    assert cli("evaluate", "run").out.startswith("accuracy 100.00% (12 of 12 rows; ")
    names = [
        line.split()[0] for line in cli("importance", "run", "images.npz", "-q").out.splitlines()
    ]
    pixels = {f"pixel_{c}_{i}_{j}" for c, i, j in np.ndindex(2, 4, 6)}
    assert set(names[1:]) == pixels and len(names) == 49


def test_predict_refuses_images_of_another_shape(run, cli):
    np.savez("wrong.npz", x=IMAGES[:, 0])
    assert cli("predict", "run", "wrong.npz") == (
        3,
        "",
        "Error: wrong.npz: the images do not have the shape of the training data's; 1 × 4 × 6, not "
        "2 × 4 × 6; give images of the same channels, height and width\n",
    )


@pytest.mark.parametrize("arch", ["cnn", "mlp"])
def test_pixels_of_another_range(folder, cli, arch):
    """That of 0 … 1 and of truth values is told, a dark image and one that is all black are not."""
    np.savez("images.npz", x=IMAGES, y=LABELS)
    np.savez("unit.npz", x=IMAGES / 255, y=LABELS)
    cli("train", "images.npz", "--arch", arch, "--epochs", "1", "--out", "run")
    cli("train", "unit.npz", "--arch", arch, "--epochs", "1", "--out", "run-1")
    kinds = {"unit": IMAGES / 255, "truth": IMAGES > 100}
    told = "the pixels have another range than those of the training data; the largest is "
    for name, images in kinds.items():
        np.savez(f"{name}.npz", x=images, y=LABELS)
        for command in ("predict", "evaluate"):
            err = cli(command, "run", f"{name}.npz", "-q").err
            assert err.startswith(f"Warning: {name}.npz: {told}")
            assert err.endswith("; multiply them, or divide them\n") and err.count("\n") == 1
        assert told not in cli("predict", "run-1", f"{name}.npz", "-q").err
    assert told in cli("predict", "run-1", "images.npz", "-q").err
    for name, images in {"dark": IMAGES // 16, "black": 0 * IMAGES, "same": IMAGES}.items():
        np.savez(f"{name}.npz", x=images, y=LABELS)
        assert told not in cli("predict", "run", f"{name}.npz", "-q").err
    options = "--arch", arch, "--epochs", "1", "--no-save", "-q"
    assert cli("train", "images.npz", "--test", "unit.npz", *options).err.splitlines()[0] == (
        f"Warning: unit.npz: {told}{IMAGES.max() / 255:.3g}, and there {IMAGES.max()}; multiply "
        "them, or divide them"
    )


def test_labels_that_are_all_new_and_a_single_image(run, cli):
    np.savez("other.npz", x=IMAGES[:2], y=["up", "down"])
    ended = cli("evaluate", "run", "other.npz")
    assert ended.code == 3 and ended.err.splitlines()[-1] == (
        'Error: other.npz: has no rows to judge by; new labels: row 0 "y" "up", row 1 "y" "down"; '
        "give rows with the columns and labels of the training data"
    )
    np.savez("grey.npz", x=IMAGES[:, 0], y=LABELS)
    cli("train", "grey.npz", *OPTIONS, "--out", "grey")
    np.savez("one.npz", x=IMAGES[0, 0])
    assert cli("predict", "grey", "one.npz").err == (
        "Error: one.npz: x does not fit a schema of 24 features; x (4, 6); save a single image as "
        "x[None]\n"
    )


def test_a_file_without_labels(run, cli):
    assert cli("train", "new.npz", "--no-save").err == (
        'Error: new.npz: has no array y; it holds "x.npy"; save the features as x and the labels '
        "as y\n"
    )


def test_a_test_file_of_images(run, cli):
    np.savez("more.npz", x=IMAGES[::-1], y=LABELS[::-1])
    ended = cli("train", "images.npz", *OPTIONS, "--test", "more.npz", "--no-save", "-q")
    assert ended.out.startswith("test accuracy 100.00% (60 of 60 rows; ")


def test_inspect_says_the_shape_and_one_scale_for_all_pixels(run, cli):
    out = cli("inspect", "run/best.npz").out
    assert "\nimages: 2 × 4 × 6\n" in out
    rows = [line for line in out.splitlines() if "each pixel" in line]
    assert [row[:25] for row in rows] == ["each pixel of channel 0  ", "each pixel of channel 1  "]
    assert rows[0] != rows[1]


def test_inspect_lists_pixels_that_are_scaled_differently(run, cli):
    cli("train", "images.npz", "--epochs", "1", "--out", "mlp")
    out = cli("inspect", "mlp/best.npz").out
    assert "\npixel_0_0_0 " in out and "\npixel_1_3_5 " in out and "each pixel" not in out


def test_plot_draws_images(run, cli):
    out = cli("plot", "run").out
    assert "0 mistakes in 12 held-out rows" in out and "3 filters of the first layer" in out
    assert "filled where positive" in out and "the mean of 2 channels" in out


def test_options_from_a_file_and_the_environment(folder, cli, monkeypatch):
    Path("my.toml").write_text(
        'arch = "cnn"\nconv = [3, 4]\nbatch-norm = true\naugment = "shift"\n'
    )
    monkeypatch.setenv("MINIGRAD_TRAIN_OPTIMIZER", "rmsprop")
    out = cli("train", "digits", "--config", "my.toml", "--conv", "5", "--show-config").out
    shown = {
        line.split(" = ")[0]: " ".join(line.split(" = ")[1].split())
        for line in out.splitlines()[:12]
        if " = " in line
    }
    assert shown["conv"] == "[5] # command line" and shown["hidden"] == "[] # default"
    assert shown["arch"] == '"cnn" # my.toml' and shown["batch_norm"] == "true # my.toml"
    assert shown["optimizer"] == '"rmsprop" # environment, MINIGRAD_TRAIN_OPTIMIZER'
    assert shown["lr"] == "0.001 # default"


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (
            ["iris", "--arch", "cnn"],
            "train: --arch cnn needs images, and the data is a table; iris has 4 features; give "
            "IDX files, or an .npz file whose x is (N, H, W) or (N, C, H, W)",
        ),
        (
            ["digits", "--conv", "8,16"],
            "train: --conv '8, 16' has no effect with --arch mlp; it is for arch cnn; leave it "
            "out, or give --arch cnn",
        ),
        (
            ["digits", "--arch", "cnn", "--conv", "8,8,8,8"],
            "cnn: an image of 8 × 8 is too small for 4 convolutions; each is followed by a pooling "
            "that halves it; give at most 3 of them",
        ),
        (
            ["dot.npz", "--arch", "cnn"],
            "cnn: an image of 1 × 1 is too small for 2 convolutions; each is followed by a pooling "
            "that halves it; give --arch mlp, which has none",
        ),
        (
            ["digits", "--batch-norm", "--batch-size", "1"],
            "train: --batch-norm has nothing to compare a row with; --batch-size 1; give "
            "--batch-size 32",
        ),
    ],
)
def test_what_makes_no_sense_is_one_line(folder, cli, args, line):
    np.savez("dot.npz", x=IMAGES[:, 0, :1, :1], y=LABELS)
    assert cli("train", *args) == (2, "", f"Error: {line}\n")


def test_a_list_of_filters(cli):
    ended = cli("train", "digits", "--arch", "cnn", "--conv", "8;16")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(
        "Error: Invalid value for '--conv': '8;16' is not a list of widths; "
    )
