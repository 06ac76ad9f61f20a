"""The confusion matrix and the report, against counts and shares worked out by hand."""

import numpy as np
import pytest

from minigrad.training import averages, classification_report, confusion_matrix
from minigrad.training.metrics import Confusion, confusion_of, packed, unpacked

# Class 2 is never predicted, class 3 has no rows, class 4 neither.
TRUE = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2])
PREDICTED = np.array([0, 0, 1, 3, 1, 1, 0, 0, 1])
MATRIX = [[2, 1, 0, 1, 0], [1, 2, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]


def test_confusion_matrix_by_hand():
    matrix = confusion_matrix(PREDICTED, TRUE, 5)
    assert matrix.tolist() == MATRIX
    assert matrix.dtype == np.int64


def test_confusion_matrix_of_no_rows():
    none = np.array([], dtype=np.int64)
    assert confusion_matrix(none, none, 2).tolist() == [[0, 0], [0, 0]]


def test_report_by_hand():
    report = classification_report(np.array(MATRIX))
    assert [*report] == ["precision", "recall", "f1", "support"]
    assert report["precision"] == pytest.approx([2 / 4, 2 / 4, 0, 0, 0], rel=1e-15)
    assert report["recall"] == pytest.approx([2 / 4, 2 / 3, 0, 0, 0], rel=1e-15)
    # 2 · 1/2 · 1/2 / 1 = 1/2 and 2 · 1/2 · 2/3 / (7/6) = 4/7
    assert report["f1"] == pytest.approx([1 / 2, 4 / 7, 0, 0, 0], rel=1e-15)
    assert report["support"].tolist() == [4, 3, 2, 0, 0]


def test_report_of_a_perfect_classifier():
    report = classification_report(np.diag([3, 1, 7]))
    for name in ("precision", "recall", "f1"):
        assert report[name].tolist() == [1, 1, 1]


def test_f1_is_the_harmonic_mean():
    matrix = np.random.default_rng(0).integers(1, 50, (6, 6))
    report = classification_report(matrix)
    precision, recall = report["precision"], report["recall"]
    np.testing.assert_allclose(
        report["f1"], 2 * precision * recall / (precision + recall), rtol=1e-14
    )


def test_averages_by_hand():
    found = averages(np.array(MATRIX))
    assert [*found] == ["macro", "micro"]
    assert found["macro"] == pytest.approx({"precision": 0.2, "recall": 7 / 30, "f1": 15 / 70})
    assert found["micro"] == pytest.approx({"precision": 4 / 9, "recall": 4 / 9, "f1": 4 / 9})


def test_averages_of_no_rows():
    none = {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert averages(np.zeros((2, 2), np.int64)) == {"macro": none, "micro": none}


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_all_numbers_are_those_of_scikit_learn(classes):
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(classes)
    true, predicted = rng.integers(classes, size=(2, 60))
    true[true == 1] = 0  # a class without rows
    matrix = confusion_matrix(predicted, true, classes)
    labels = np.arange(classes)
    assert matrix.tolist() == sklearn.confusion_matrix(true, predicted, labels=labels).tolist()

    def theirs(average):
        return sklearn.precision_recall_fscore_support(
            true, predicted, labels=labels, average=average, zero_division=0
        )

    for ours, other in zip(classification_report(matrix).values(), theirs(None), strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-12)
    for kind, shares in averages(matrix).items():
        np.testing.assert_allclose([*shares.values()], theirs(kind)[:3], rtol=1e-12)


def test_a_confusion_without_its_zeros_is_the_matrix():
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(60, size=(2, 500))
    found, matrix = confusion_of(predicted, true, 60), confusion_matrix(predicted, true, 60)
    for one in (found, Confusion.of(matrix), unpacked(packed(found), 60)):
        np.testing.assert_array_equal(one.matrix, matrix)
        np.testing.assert_array_equal(one.hits, np.diag(matrix))
        np.testing.assert_array_equal(one.support, matrix.sum(axis=1))
        np.testing.assert_array_equal(one.answers, matrix.sum(axis=0))
    assert averages(found) == averages(matrix)
