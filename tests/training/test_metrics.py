"""The confusion matrix and the report, against counts and shares worked out by hand."""

import numpy as np
import pytest

from minigrad.training import classification_report, confusion_matrix

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
