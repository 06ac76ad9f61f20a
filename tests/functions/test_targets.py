"""Classification targets: the forms that are taken, and the whole text for those that are not."""

import numpy as np
import pytest

from minigrad import Tensor
from minigrad import functions as F
from minigrad.errors import ArgumentError, DataError, DTypeError, ShapeError, UnsupportedError

N, C = 4, 3
Z = np.random.default_rng(0).standard_normal((N, C))
T = np.array([0, 2, 1, 2])
LOSS = -np.log(np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True))[np.arange(N), T].mean()
ONE_HOT = np.eye(C)[T]
THIRDS = np.full((N, C), 1 / C)
IMAGE = np.zeros((2, C, 5))


@pytest.mark.parametrize(
    "target",
    [
        T,
        T.tolist(),
        tuple(T.tolist()),
        Tensor(T),
        T[::-1][::-1],
        *[T.astype(f"{kind}int{bits}") for kind in ("", "u") for bits in (8, 16, 32, 64)],
        T.astype(">i4"),
        ONE_HOT,
        ONE_HOT.astype(int),
        ONE_HOT.astype(bool),
        ONE_HOT.astype(np.float32),
        ONE_HOT.tolist(),
        Tensor(ONE_HOT),
    ],
    ids=lambda t: f"{type(t).__name__} {getattr(t, 'dtype', '')} {np.shape(t)}",
)
@pytest.mark.parametrize("options", [{}, {"ignore_index": -1}, {"label_smoothing": 1e-12}])
def test_every_form_of_a_target_gives_the_same_loss(target, options):
    rows = np.ndim(target) == 2
    if rows:  # where ignore_index is an error
        options = {k: v for k, v in options.items() if k != "ignore_index"}
    np.testing.assert_allclose(F.cross_entropy(Z, target, **options).item(), LOSS, rtol=1e-11)
    if not rows and "label_smoothing" not in options:
        loss = F.nll_loss(F.log_softmax(Z), target, **options)
        np.testing.assert_allclose(loss.item(), LOSS, rtol=1e-11)


def test_booleans_are_the_classes_0_and_1():
    z = Z[:, :2]
    losses = [F.cross_entropy(z, t).item() for t in (T > 1, (T > 1).astype(int))]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("target", [np.zeros(0, int), []])
def test_an_empty_batch_sums_to_0(target):
    assert F.cross_entropy(np.zeros((0, C)), target, reduction="sum").item() == 0


def test_rows_may_miss_a_sum_of_1_by_rounding():
    third = (THIRDS.astype(np.float16) + np.float16(1e-4)).astype(np.float16)
    assert abs(F.cross_entropy(Z, third).item() - F.cross_entropy(Z, THIRDS).item()) < 1e-2


def test_integer_logits_are_taken_as_floats():
    z = np.array([[1, 2, 3]])
    for options in ({}, {"label_smoothing": 0.5}, {"weight": [0.5, 1, 1]}):
        expected = F.cross_entropy(z.astype(float), [0], **options)
        assert F.cross_entropy(z, [0], **options).item() == expected.item()
    assert F.nll_loss(z, [1], weight=[1, 0.5, 1], reduction="sum").item() == -1.0
    bce = F.binary_cross_entropy_with_logits
    assert bce(z, [[0.5] * 3]).item() == bce(z.astype(float), [[0.5] * 3]).item()


NEGATIVE = "pass ignore_index={} to leave such rows out"
WIDER = "the model needs one logit for each class"
FROM_1 = "are the labels counted from 1?"
ROWS = "give class indices (N,), or rows (N, C) that sum to 1"
INTEGERS = "convert them with target.astype(int), or give rows of C probabilities"
NAMES = "map class names to indices first: names.index(label)"
EITHER = "give class indices (4,), or probabilities (4, 3)"
UNFIT = "the target's axes do not fit those of logits"


@pytest.mark.parametrize(
    ("logits", "target", "error", "wrong", "remedy"),
    [
        # numbers outside the classes
        (Z, [0, -1, 2, 1], DataError, "target -1 at row 1 is outside 0 … 2", NEGATIVE.format(-1)),
        (
            Z,
            [0, 1, -100, 9],
            DataError,
            "target -100 at row 2 is outside 0 … 2",
            NEGATIVE.format(-100),
        ),
        (Z, [0, 1, 2, 3], DataError, "target 3 at row 3 is outside 0 … 2", WIDER),
        (
            Z,
            np.array([255, 1, 2, 3], np.uint8),
            DataError,
            "target 255 at row 0 is outside 0 … 2",
            WIDER,
        ),
        (Z, [1, 2, 3, 3], DataError, "target 3 at row 2 is outside 0 … 2", FROM_1),
        (np.zeros((1, 1)), [1], DataError, "target 1 at row 0 is outside 0 … 0", FROM_1),
        (
            IMAGE,
            np.full((2, 5), 7),
            DataError,
            "target 7 at position (0, 0) is outside 0 … 2",
            WIDER,
        ),
        # not integers
        (Z, T.astype(float), DTypeError, "class indices have to be integers", INTEGERS),
        (Z, T + 0.5, DTypeError, "class indices have to be integers", INTEGERS),
        (Z, np.array(list("abca")), DTypeError, "the target does not hold numbers", NAMES),
        (Z, np.array([0, 1, 2, None]), DTypeError, "the target does not hold numbers", NAMES),
        (Z, T * 1j, DTypeError, "the target does not hold numbers", NAMES),
        # another length, or other axes
        (
            Z,
            [0, 1, 2, 1, 0],
            ShapeError,
            "logits have 4 rows but the target has 5",
            "give one target for each row",
        ),
        (
            Z.T,
            T,
            ShapeError,
            "logits have 3 rows but the target has 4",
            "did you transpose logits? They are (N, C)",
        ),
        (
            Z,
            T[:, None],
            ShapeError,
            "the target has an axis of length 1 too many",
            "pass target.reshape(-1)",
        ),
        (
            IMAGE,
            np.zeros((2, 1, 5), int),
            ShapeError,
            "the target has an axis of length 1 too many",
            "pass target.reshape((2, 5))",
        ),
        (Z, T[None], ShapeError, UNFIT, EITHER),
        (Z, 1, ShapeError, UNFIT, EITHER),
        (Z, THIRDS[:, :, None], ShapeError, UNFIT, EITHER),
        (
            IMAGE,
            np.zeros(2, int),
            ShapeError,
            UNFIT,
            "give class indices (2, 5), or probabilities (2, 3, 5)",
        ),
        (
            IMAGE,
            np.zeros((2, 4), int),
            ShapeError,
            UNFIT,
            "give class indices (2, 5), or probabilities (2, 3, 5)",
        ),
        (
            IMAGE.swapaxes(1, 2),
            np.zeros((2, 5), int),
            ShapeError,
            "the classes seem to be the last axis of logits, and belong on axis 1",
            "transpose logits to (N, C, d1 … dk)",
        ),
        (Z[0], [1], ShapeError, "logits need the axes (N, C)", "add one: logits.reshape(1, -1)"),
        (
            np.zeros(()),
            1,
            ShapeError,
            "logits need the axes (N, C)",
            "add one: logits.reshape(1, -1)",
        ),
        # rows that are no probabilities, or of other classes
        (
            Z,
            2 * THIRDS,
            DataError,
            "target row 0 is not a row of probabilities: it sums to 2",
            ROWS,
        ),
        (
            Z,
            np.eye(C, dtype=int)[T] * [1, 1, 2],
            DataError,
            "target row 1 is not a row of probabilities: it sums to 2",
            ROWS,
        ),
        (
            Z,
            np.array([[2, -1, 0]] * N),
            DataError,
            "target row 0 is not a row of probabilities: it has negative numbers",
            ROWS,
        ),
        (
            Z,
            np.full((N, C), np.nan),
            DataError,
            "target row 0 is not a row of probabilities: it sums to nan",
            ROWS,
        ),
        (
            Z,
            np.eye(N, 2),
            ShapeError,
            "the target's rows have 2 classes, logits have 3",
            "make the last layer as wide as there are classes",
        ),
    ],
)
def test_a_bad_target_is_named_before_any_indexing(logits, target, error, wrong, remedy):
    t = np.asarray(target)
    facts = f"logits {logits.shape}, target {t.shape} {t.dtype}"
    with pytest.raises(error) as caught:
        F.cross_entropy(logits, t)
    assert str(caught.value) == f"cross_entropy: {wrong}; {facts}; {remedy}"


@pytest.mark.parametrize(
    ("target", "error", "text"),
    [
        (
            [0, 1, 2, 3],
            DataError,
            "nll_loss: target 3 at row 3 is outside 0 … 2; log_probs (4, 3), target (4,) int64; "
            "the model needs one logit for each class",
        ),
        (
            T[:2],
            ShapeError,
            "nll_loss: log_probs have 4 rows but the target has 2; log_probs (4, 3), "
            "target (2,) int64; give one target for each row",
        ),
        (
            ONE_HOT,
            ShapeError,
            "nll_loss: the target has to be class indices; log_probs (4, 3), target (4, 3); "
            "use target.argmax(axis=1)",
        ),
    ],
)
def test_nll_loss_takes_class_indices_only(target, error, text):
    with pytest.raises(error) as caught:
        F.nll_loss(Z, target)
    assert str(caught.value) == text


def test_ignored_targets_may_be_any_number():
    expected = F.cross_entropy(Z[1:], T[1:]).item()
    for ignored in (-100, -1, 3, 255, 2**40):
        t = np.array([ignored, *T[1:]])
        assert F.cross_entropy(Z, t, ignore_index=ignored).item() == pytest.approx(expected, 1e-14)
    with pytest.raises(DataError) as caught:
        F.cross_entropy(Z, [255, 1, -1, 0], ignore_index=255)
    assert "target -1 at row 2 is outside 0 … 2" in str(caught.value)


@pytest.mark.parametrize("ignore_index", [0, -100])
def test_ignore_index_with_rows_is_an_error(ignore_index):
    with pytest.raises(ArgumentError) as caught:
        F.cross_entropy(Z, THIRDS, ignore_index=ignore_index)
    assert str(caught.value) == (
        "cross_entropy: ignore_index is for class indices, not for rows of probabilities; "
        "logits (4, 3), target (4, 3) float64; leave it out, or give class indices"
    )


def test_a_target_that_requires_a_gradient_is_an_error():
    with pytest.raises(UnsupportedError) as caught:
        F.cross_entropy(Z, Tensor(THIRDS, requires_grad=True))
    assert str(caught.value) == (
        "cross_entropy: target gets no gradient here, but it requires one; target (4, 3); "
        "pass target.detach()"
    )


@pytest.mark.parametrize(
    ("p", "why"),
    [
        (Z, "it has negative numbers"),
        (np.log(THIRDS), "it has negative numbers"),
        (np.ones((N, C)), "it sums to 3"),
    ],
)
def test_from_probabilities_refuses_logits(p, why):
    with pytest.raises(DataError) as caught:
        F.cross_entropy(p, T, from_probabilities=True)
    assert str(caught.value) == (
        f"cross_entropy: row 0 is not a row of probabilities: {why}; probabilities (4, 3); "
        "leave from_probabilities out for logits"
    )
