"""The folds of a cross-validation, and what is run on them."""

import warnings

import numpy as np
import pytest

from minigrad import data, training
from minigrad.errors import ArgumentError, DivergedError, MinigradWarning
from minigrad.training.folds import fold_parts

IRIS = data.load("iris")


def skewed(*counts):
    """Return a data set of so many rows of each class; the feature of a row is its number."""
    y = np.repeat(np.arange(len(counts)), counts)
    x = np.arange(len(y), dtype=np.float32)[:, np.newaxis]
    return data.Dataset(x, y, ("number",), tuple("abcdefg"[: len(counts)]))


@pytest.mark.parametrize("folds", [2, 3, 7, 150])
def test_every_row_is_tested_once_and_never_trained_on_before(folds):
    numbered = skewed(50, 70, 30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MinigradWarning)
        parts = list(fold_parts(numbered, folds, 0.1, np.random.default_rng(0)))
    assert len(parts) == folds
    for part in parts:
        rows = np.concatenate([piece.x[:, 0] for piece in part])
        assert sorted(rows) == list(range(150))
        assert set(part[0].y) == {0, 1, 2}
    tests = np.concatenate([test.x[:, 0] for _, _, test in parts])
    assert sorted(tests) == list(range(150))


def test_folds_are_stratified_and_so_are_the_validation_rows():
    for train, val, test in fold_parts(skewed(50, 70, 30), 5, 0.1, np.random.default_rng(1)):
        assert np.bincount(test.y).tolist() == [10, 14, 6]
        assert abs(np.bincount(val.y) - [5, 7, 3]).max() <= 1
        assert 13 <= len(val) <= 15 and len(train) == 120 - len(val)


def test_a_class_with_fewer_rows_than_folds_is_spread_with_one_warning():
    with pytest.warns(MinigradWarning) as found:
        parts = list(fold_parts(skewed(40, 2, 3), 5, 0.2, np.random.default_rng(0)))
    assert [str(warning.message) for warning in found] == [
        'cross_validate: 2 classes with fewer rows than folds: "b", "c"; '
        "some folds have no row of them; give fewer folds, or add rows"
    ]
    counts = np.array([np.bincount(test.y, minlength=3) for _, _, test in parts])
    assert counts.max(axis=0).tolist() == [8, 1, 1] and counts.sum(axis=0).tolist() == [40, 2, 3]
    assert all(set(train.y) == {0, 1, 2} for train, _, _ in parts)


def test_the_seed_decides():
    def rows(seed):
        return [
            [part.x.tolist() for part in parts]
            for parts in fold_parts(skewed(20, 20), 4, 0.1, np.random.default_rng(seed))
        ]

    assert rows(0) == rows(0) != rows(1)


def test_folds_that_cannot_be():
    for folds, val, text in (
        (
            41,
            0.1,
            "cross_validate: there are more folds than rows; folds=41, val_fraction=0.1, 40 rows; "
            "give fewer folds",
        ),
        (
            2,
            0.5,
            "cross_validate: nothing is left to train on; folds=2, val_fraction=0.5, 40 rows; "
            "give more folds, or a smaller val_fraction",
        ),
    ):
        with pytest.raises(ArgumentError) as error:
            list(fold_parts(skewed(20, 20), folds, val, np.random.default_rng(0)))
        assert str(error.value) == text


OPTIONS = {"epochs": 3, "hidden": [8]}


def test_a_fold_is_a_run_of_its_own(tmp_path):
    """The numbers are those of the library's parts put together by hand."""
    found = training.Experiment("iris", **OPTIONS, folds=4, out=tmp_path / "run").run().folds
    experiment = training.Experiment("iris", **OPTIONS)
    rng = np.random.default_rng([0, 4])
    expected = []
    for parts in fold_parts(IRIS, 4, 0.1, rng):
        run = experiment.on_parts(parts, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MinigradWarning)  # of dead units
            run.trainer.run()
        test = run.best().evaluate(parts[2])
        expected.append({"accuracy": test.accuracy, "log_loss": test.loss})
    assert found == expected
    assert len({fold["log_loss"] for fold in found}) == 4


def test_the_run_is_as_it_is_without_folds(tmp_path):
    plain = training.Experiment("iris", **OPTIONS, out=tmp_path / "a").run()
    folded = training.Experiment("iris", **OPTIONS, folds=3, out=tmp_path / "b").run()
    assert plain.folds is None
    assert folded.history == plain.history and folded.test.loss == plain.test.loss
    saved = training.load(tmp_path / "b").training
    assert saved["folds"] == training.read_run(tmp_path / "b").facts["folds"] == folded.folds
    resumed = training.Experiment.resume(tmp_path / "b", epochs=4).run()
    assert resumed.folds == folded.folds


def test_a_fold_that_diverges_is_named(tmp_path):
    with pytest.raises(DivergedError) as error:
        training.Experiment("iris", lr=1e20, folds=3, out=tmp_path / "run").run()
    assert str(error.value).startswith("fold 1 of 3: the ")
    assert not (tmp_path / "run").exists()


def test_the_rows_of_a_test_file_are_in_no_fold(tmp_path):
    (tmp_path / "test.csv").write_text(
        "sepal_length,sepal_width,petal_length,petal_width,species\n5.2,3.6,1.5,0.3,setosa\n"
    )
    seen = []
    options = {**OPTIONS, "folds": 3, "test": tmp_path / "test.csv", "no_save": True}
    result = training.Experiment("iris", **options).run(on_fold=seen.append)
    assert result.folds == seen and len(seen) == 3
    assert result.test.confusion.tolist()[0] == [1, 0, 0] and result.test.confusion.sum() == 1
