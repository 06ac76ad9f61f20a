"""The whole text of every error that a function raises; the targets have a file of their own."""

import numpy as np
import pytest

from minigrad import Tensor
from minigrad import functions as F
from minigrad.errors import ArgumentError, DataError, DTypeError, ShapeError, UnsupportedError

X = np.zeros((2, 3))
LEAF = Tensor(np.ones(3), requires_grad=True)
BCE = "binary_cross_entropy_with_logits"
FIT = "make the shapes fit; axes broadcast if they are equal or one of them is 1"


def zeros(*shape):
    return np.zeros(shape)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        # linear
        (lambda: F.linear(zeros(32, 5), zeros(64, 3)), ShapeError,
         "linear: x has 5 features but W takes 3; x (32, 5), W (64, 3); "
         "give nn.Linear in_features=5"),
        (lambda: F.linear(zeros(32, 5), zeros(5)), ShapeError,
         "linear: W is not a matrix; x (32, 5), W (5,); give W as (O, I)"),
        (lambda: F.linear(zeros(), zeros(4, 3)), ShapeError,
         "linear: x has no axis of features; x (), W (4, 3); give x (…, I)"),
        (lambda: F.linear(X, zeros(4, 3), zeros(3)), ShapeError,
         "linear: b needs 4 numbers, one for each output; x (2, 3), W (4, 3), b (3,); "
         "give b as (4,)"),
        # shapes
        (lambda: F.reshape(X, (4, 2)), ShapeError,
         "reshape: x has 6 elements, which do not fill the shape (4, 2); x (2, 3); "
         "choose lengths whose product is 6; one may be −1"),
        (lambda: F.transpose(X, 0), ShapeError,
         "transpose: axes 0 does not name each axis of x once; x (2, 3); "
         "give (0, 1) in the order that you want"),
        (lambda: F.transpose(X, (0, 0)), ShapeError,
         "transpose: axes (0, 0) does not name each axis of x once; x (2, 3); "
         "give (0, 1) in the order that you want"),
        (lambda: F.transpose(X, (0, 2)), ShapeError,
         "transpose: axes (0, 2) does not name each axis of x once; x (2, 3); "
         "give (0, 1) in the order that you want"),
        (lambda: F.concatenate([X, zeros(2, 4)]), ShapeError,
         "concatenate: the shapes differ on other axes than 0; xs[0] (2, 3), xs[1] (2, 4); "
         "make these lengths equal"),
        (lambda: F.concatenate([X, zeros(3, 4)], axis=1), ShapeError,
         "concatenate: the shapes differ on other axes than 1; xs[0] (2, 3), xs[1] (3, 4); "
         "make these lengths equal"),
        (lambda: F.concatenate([X, zeros(2)]), ShapeError,
         "concatenate: the shapes have different numbers of axes; xs[0] (2, 3), xs[1] (2,); "
         "add axes with expand_dims"),
        (lambda: F.concatenate([1.0, 2.0]), ShapeError,
         "concatenate: a number has no axis to join along; xs[0] (), xs[1] (); "
         "use stack for numbers"),
        # matmul
        (lambda: F.matmul(X, zeros(4, 3)), ShapeError,
         "matmul: a has 3 columns but b has 4 rows; a (2, 3), b (4, 3); transpose b"),
        (lambda: F.matmul(zeros(4, 2), zeros(4, 3)), ShapeError,
         "matmul: a has 2 columns but b has 4 rows; a (4, 2), b (4, 3); transpose a"),
        (lambda: F.matmul(X, X), ShapeError,
         "matmul: a has 3 columns but b has 2 rows; a (2, 3), b (2, 3); transpose b or a"),
        (lambda: X @ Tensor(zeros(2, 4)), ShapeError,
         "matmul: a has 3 columns but b has 2 rows; a (2, 3), b (2, 4); transpose a"),
        (lambda: F.matmul(X, zeros(4, 5)), ShapeError,
         "matmul: a has 3 columns but b has 4 rows; a (2, 3), b (4, 5); "
         "make these two sizes equal"),
        (lambda: F.matmul(X, zeros(2)), ShapeError,
         "matmul: a has 3 columns but b has 2 elements; a (2, 3), b (2,); transpose a"),
        (lambda: F.matmul(zeros(3), X), ShapeError,
         "matmul: a has 3 elements but b has 2 rows; a (3,), b (2, 3); transpose b"),
        (lambda: F.matmul(zeros(3), zeros(4)), ShapeError,
         "matmul: a has 3 elements but b has 4 elements; a (3,), b (4,); "
         "make these two sizes equal"),
        (lambda: F.matmul(zeros(7, 2, 3), zeros(7, 4, 3)), ShapeError,
         "matmul: a has 3 columns but b has 4 rows; a (7, 2, 3), b (7, 4, 3); transpose b"),
        (lambda: F.matmul(zeros(7, 2, 3), zeros(6, 3, 2)), ShapeError,
         "matmul: the axes before the last two do not broadcast; a (7, 2, 3), b (6, 3, 2); "
         "make each pair of them equal, or one of them 1"),
        (lambda: F.matmul(X, 2.0), ShapeError,
         "matmul: a number is not a matrix; a (2, 3), b (); write a * b"),
        (lambda: F.matmul(2.0, X), ShapeError,
         "matmul: a number is not a matrix; a (), b (2, 3); write a * b"),
        # losses
        (lambda: F.mse_loss(zeros(4, 1), zeros(4)), ShapeError,
         "mse_loss: x and target differ in shape, and a loss never broadcasts; "
         "x (4, 1), target (4,); use target.reshape(4, 1)"),
        (lambda: F.mse_loss(zeros(4), zeros(4, 1)), ShapeError,
         "mse_loss: x and target differ in shape, and a loss never broadcasts; "
         "x (4,), target (4, 1); use target.reshape(4,)"),
        (lambda: F.mse_loss(X, 0.0), ShapeError,
         "mse_loss: x and target differ in shape, and a loss never broadcasts; "
         "x (2, 3), target (); give one target for each"),
        (lambda: F.mse_loss(X, X, reduction="avg"), ArgumentError,
         "mse_loss: reduction='avg' is unknown; it can be 'mean', 'sum' or 'none'; "
         "choose one of them"),
        (lambda: F.binary_cross_entropy_with_logits(zeros(4, 1), zeros(4)), ShapeError,
         f"{BCE}: logits and target differ in shape, and a loss never broadcasts; "
         "logits (4, 1), target (4,); use target.reshape(4, 1)"),
        (lambda: F.binary_cross_entropy_with_logits(zeros(2), [0, 2]), DataError,
         f"{BCE}: a target is outside 0 … 1; target from 0.0 to 2.0; "
         "give 0 or 1 for each element, or a probability"),
        (lambda: F.binary_cross_entropy_with_logits(zeros(2), [0, np.nan]), DataError,
         f"{BCE}: a target is outside 0 … 1; target from nan to nan; "
         "give 0 or 1 for each element, or a probability"),
        (lambda: F.binary_cross_entropy_with_logits(zeros(2), np.array(["a", "b"])), DTypeError,
         f"{BCE}: target does not hold numbers; logits (2,), target (2,) <U1; give numbers"),
        (lambda: F.binary_cross_entropy_with_logits(X, X, weight=[1.0, 2.0]), ShapeError,
         f"{BCE}: weight does not broadcast to the logits; logits (2, 3), weight (2,) float64; "
         "give one number for each column"),
        (lambda: F.binary_cross_entropy_with_logits(zeros(3), zeros(3), pos_weight=X), ShapeError,
         f"{BCE}: pos_weight does not broadcast to the logits; "
         "logits (3,), pos_weight (2, 3) float64; give one number for each column"),
        (lambda: F.binary_cross_entropy_with_logits(X, X, reduction="x"), ArgumentError,
         f"{BCE}: reduction='x' is unknown; it can be 'mean', 'sum' or 'none'; "
         "choose one of them"),
        (lambda: F.binary_cross_entropy_with_logits(zeros(3), LEAF), UnsupportedError,
         f"{BCE}: target gets no gradient here, but it requires one; target (3,); "
         "pass target.detach()"),
        (lambda: F.cross_entropy(X, [0, 1], weight=[1, 2]), ShapeError,
         "cross_entropy: weight needs one number for each class; weight (2,), 3 classes; "
         "give weight as (3,)"),
        (lambda: F.cross_entropy(X, [0, 1], weight=LEAF), UnsupportedError,
         "cross_entropy: weight gets no gradient here, but it requires one; weight (3,); "
         "pass weight.detach()"),
        (lambda: F.cross_entropy(X, [0, 1], reduction=None), ArgumentError,
         "cross_entropy: reduction=None is unknown; it can be 'mean', 'sum' or 'none'; "
         "choose one of them"),
        (lambda: F.cross_entropy(X, [0, 1], label_smoothing=1.5), ArgumentError,
         "cross_entropy: label_smoothing is outside 0 … 1; label_smoothing 1.5; "
         "give a number from 0 to 1"),
        (lambda: F.nll_loss(X, [0, 1], reduction="x"), ArgumentError,
         "nll_loss: reduction='x' is unknown; it can be 'mean', 'sum' or 'none'; "
         "choose one of them"),
        (lambda: F.nll_loss(X, [0, 1], weight=[[1, 2, 3]]), ShapeError,
         "nll_loss: weight needs one number for each class; weight (1, 3), 3 classes; "
         "give weight as (3,)"),
        # options
        (lambda: F.clip(X), ArgumentError,
         "clip: there is no limit; min None, max None; give min, max or both"),
        (lambda: F.clip(X, max=LEAF), UnsupportedError,
         "clip: max gets no gradient here, but it requires one; max (3,); pass max.detach()"),
        (lambda: F.gelu(X, "erf"), ArgumentError,
         "gelu: approximate='erf' is unknown; it can be 'none' or 'tanh'; choose one of them"),
        (lambda: F.dropout(X, 1.5, rng=0), ArgumentError,
         "dropout: p is not a probability; p 1.5; give a number from 0 to 1"),
        (lambda: F.dropout(X, np.nan, rng=0), ArgumentError,
         "dropout: p is not a probability; p nan; give a number from 0 to 1"),
        # shapes
        (lambda: F.squeeze(X, 0), ShapeError,
         "squeeze: cannot select an axis to squeeze out which has size not equal to one; "
         "x (2, 3), axis 0; name axes of length 1 only"),
        (lambda: F.expand_dims(X, 5), ShapeError,
         "expand_dims: axis 5 is out of bounds for array of dimension 3; x (2, 3), axis 5; "
         "count the axes of the result"),
        (lambda: F.expand_dims(X, (0, 0)), ShapeError,
         "expand_dims: repeated axis; x (2, 3), axis (0, 0); count the axes of the result"),
        (lambda: F.concatenate([]), ArgumentError,
         "concatenate: there is nothing to join; 0 tensors; give one or more"),
        (lambda: F.stack([]), ShapeError,
         "stack: needs tensors of one shape, and at least one; 0 tensors of shapes none; "
         "use concatenate to join along an existing axis"),
        (lambda: F.stack([zeros(2), X]), ShapeError,
         "stack: needs tensors of one shape, and at least one; "
         "2 tensors of shapes (2,), (2, 3); use concatenate to join along an existing axis"),
        (lambda: F.pad(X, 1, LEAF), UnsupportedError,
         "pad: value gets no gradient here, but it requires one; value (3,); pass value.detach()"),
        (lambda: F.getitem(X, LEAF), UnsupportedError,
         "getitem: index gets no gradient here, but it requires one; index (3,); "
         "pass index.detach()"),
    ],
)  # fmt: skip
def test_message(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("call", "wrong", "facts"),
    [
        (lambda: F.add(X, zeros(4)),
         "add: operands could not be broadcast together with shapes (2,3) (4,)",
         "a (2, 3), b (4,)"),
        (lambda: F.sum(X, axis=2),
         "sum: axis 2 is out of bounds for array of dimension 2", "x (2, 3)"),
        (lambda: F.var(X, axis=(0, 0)), "var: duplicate value in 'axis'", "x (2, 3)"),
        (lambda: F.softmax(X, axis=-3),
         "softmax: axis -3 is out of bounds for array of dimension 2", "x (2, 3)"),
        (lambda: F.logsumexp(X, axis=2),
         "logsumexp: axis 2 is out of bounds for array of dimension 2", "x (2, 3)"),
        (lambda: F.max(zeros(0)),
         "max: zero-size array to reduction operation maximum which has no identity", "x (0,)"),
        (lambda: F.broadcast_to(X, (3,)),
         "broadcast_to: input operand has more dimensions than allowed by the axis remapping",
         "x (2, 3)"),
        (lambda: F.pad(X, -1), "pad: index can't contain negative values", "x (2, 3)"),
        (lambda: F.concatenate([X, X], 2),
         "concatenate: axis 2 is out of bounds for array of dimension 2", None),
    ],
)  # fmt: skip
def test_what_numpy_finds_wrong_gets_the_function_s_name_and_the_shapes(call, wrong, facts):
    with pytest.raises(ShapeError) as caught:
        call()
    assert str(caught.value).startswith(f"{wrong}; {facts}; " if facts else f"{wrong}; ")
    remedy = "make the shapes fit; axes broadcast if they are equal or one of them is 1"
    for word, other in (
        ("is out of bounds", "choose an axis that exists; −1 is the last"),
        ("duplicate value", "name each axis once"),
        ("zero-size", "give at least one element"),
        ("negative values", "give 0 or more"),
        ("axis remapping", "see help(minigrad.functions.broadcast_to)"),
    ):
        if word in wrong:
            remedy = other
    assert str(caught.value).endswith(f"; {remedy}")


@pytest.mark.parametrize(
    "index", [9, (0, 0, 0), 1.5, np.array([0.0]), np.ones(3, bool), ([0, 1], [0, 1, 2])]
)
def test_a_bad_index_is_an_index_error_as_in_numpy(index):
    with pytest.raises(IndexError):
        F.getitem(X, index)


def test_max_of_no_elements_is_an_error():
    for f in (F.max, F.min):
        with pytest.raises(ShapeError):
            f(zeros(0, 3), axis=0)


def test_lists_beside_a_float64_tensor_are_not_rounded_to_float32():
    one = Tensor(np.ones(()))
    assert F.stack([one, 0.1]).data.tolist() == [1.0, 0.1]
    W = Tensor(np.ones((1, 1)))
    assert F.linear([[0.1]], W).data.tolist() == [[0.1]]
    assert F.linear([[0.0]], W, [0.1]).data.tolist() == [[0.1]]
