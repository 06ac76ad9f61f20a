"""Tensor: construction, operators, comparisons, methods and Python's protocols."""

import copy
import inspect
import operator
import pickle
import re

import numpy as np
import pytest

from minigrad import Tensor, nn, no_grad
from minigrad import functions as F
from minigrad.errors import DTypeError, GraphError, GraphFreedError, ShapeError, UnsupportedError
from tests.helpers import exactly, leaf

# ---- construction ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, np.float32),
        (1.5, np.float32),
        (True, np.float32),
        ([1, 2], np.float32),
        ([], np.float32),
        ([[1.5], [2]], np.float32),
        ((1, 2), np.float32),
        (range(3), np.float32),
        ([np.float64(1), np.float64(2)], np.float32),
        (np.float64(1), np.float64),
        (np.float16(1), np.float16),
        (np.int8(1), np.int8),
        (np.bool_(True), np.bool_),
        (np.array(1.5), np.float64),
        (np.array([1, 2]), np.int64),
        (np.array([1, 2], np.uint8), np.uint8),
        (np.array([1.5, 2]), np.float64),
        (np.array([1.5, 2], np.float32), np.float32),
        (np.array([True]), np.bool_),
        (Tensor([1.0]), np.float32),
        (Tensor(np.array([1.0])), np.float64),
    ],
    ids=repr,
)
def test_lists_and_numbers_become_float32_and_arrays_keep_their_dtype(data, dtype):
    x = Tensor(data)
    assert x.dtype == dtype and type(x.data) is np.ndarray
    plain = data.data if isinstance(data, Tensor) else np.asarray(data)
    assert x.shape == plain.shape and x.ndim == plain.ndim and x.size == plain.size
    np.testing.assert_array_equal(x.data, plain)
    assert Tensor(data, dtype=np.float16).dtype == np.float16
    assert (x.grad, x.node, x.requires_grad) == (None, None, False)


def test_an_array_is_shared_and_a_list_is_not():
    array = np.zeros(2)
    assert Tensor(array).data is array
    assert Tensor(array, dtype=np.float64).data is array
    assert Tensor(Tensor(array)).data is array
    assert Tensor(array, dtype=np.float32).data is not array


def test_subclasses_of_ndarray_become_plain_arrays():
    class Special(np.ndarray):
        pass

    assert type(Tensor(np.ones(2).view(Special)).data) is np.ndarray


NOT_NUMBERS = "Tensor: dtype {} is not supported; shape {}; give boolean, integer or floating data"


@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        (None, "object", ()),
        ([1.0, None], "object", (2,)),
        ("text", "<U4", ()),
        (["1", "2"], "<U1", (2,)),
        ([1 + 2j], "complex128", (1,)),
        (np.array([1j]), "complex128", (1,)),
        (np.array(["a"]), "<U1", (1,)),
        ({"a": 1}, "object", ()),
        (np.array(["2020-01-01"], "M8[D]"), "datetime64[D]", (1,)),
    ],
    ids=repr,
)
def test_what_is_not_numbers_is_refused(data, dtype, shape):
    text = exactly(NOT_NUMBERS.format(dtype, shape))
    for options in ({}, {"dtype": np.float32}, {"requires_grad": True}):
        with pytest.raises(DTypeError, match=text):
            Tensor(data, **options)


def test_ragged_lists_are_refused():
    with pytest.raises(ShapeError, match="inhomogeneous") as caught:
        Tensor([[1, 2], [3]])
    where, wrong, *_, remedy = re.split(": |; ", str(caught.value))
    assert where == "Tensor"
    assert wrong == "the nested lists do not make a rectangular array of numbers"
    assert remedy == "give every row the same length"


def test_a_list_of_tensors_does_not_lose_their_gradient():
    x = leaf(1.0)
    text = (
        "np.asarray: a plain array would lose the gradient of this tensor; shape (), "
        "requires_grad=True; use t.data for the values alone, or F.stack to join tensors"
    )
    for make in (lambda: Tensor([x, x * 2]), lambda: np.array([x, x]), lambda: F.exp([x])):
        with pytest.raises(UnsupportedError, match=exactly(text)):
            make()
    assert Tensor([Tensor(1.0), Tensor(2.0)]).data.tolist() == [1, 2]


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_])
def test_integers_cannot_require_a_gradient(dtype):
    data = np.ones((2, 3), dtype)
    text = exactly(
        f"requires_grad: integers have no gradient; dtype {data.dtype}, shape (2, 3); "
        "write 1.0 for 1, or pass dtype=np.float32"
    )
    with pytest.raises(DTypeError, match=text):
        Tensor(data, requires_grad=True)
    x = Tensor(data)
    with pytest.raises(DTypeError, match=text):
        x.requires_grad = True
    x.requires_grad = False
    assert Tensor(data, requires_grad=True, dtype=np.float32).requires_grad


def test_requires_grad_can_be_changed_on_a_leaf_only():
    x = Tensor([1.0])
    x.requires_grad = True
    y = x * 2
    assert x.requires_grad is True and y.requires_grad
    text = exactly(
        "requires_grad: only a leaf can change it; this tensor was made by Mul; "
        "use .detach() for a leaf with the same data"
    )
    for value in (True, False):
        with pytest.raises(GraphError, match=text):
            y.requires_grad = value
    x.requires_grad = False
    assert not (x * 2).requires_grad


def test_a_tensor_has_no_other_attributes():
    with pytest.raises(AttributeError):
        Tensor(1.0).gard = 1


# ---- operators ---------------------------------------------------------------------------------

OPERATORS = [
    (operator.add, F.add),
    (operator.sub, F.sub),
    (operator.mul, F.mul),
    (operator.truediv, F.div),
    (operator.pow, F.pow),
]
OTHERS = {
    "Tensor": Tensor(np.array([2.0, 0.5, 3.0])),
    "array": np.array([2.0, 0.5, 3.0]),
    "0-d array": np.array(2.0),
    "integers": np.array([2, 1, 3]),
    "row": np.array([[2.0, 0.5, 3.0]] * 2),
    "np.float64": np.float64(2.5),
    "np.float32": np.float32(2.5),
    "np.int64": np.int64(2),
    "float": 2.5,
    "int": 2,
    "list": [2.0, 0.5, 3.0],
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize(("op", "f"), OPERATORS, ids=[f.__name__ for _, f in OPERATORS])
def test_an_operator_gives_a_tensor_with_a_graph_on_both_sides(op, f, other):
    x = leaf([1.5, 2.0, 0.25])
    plain = other.data if isinstance(other, Tensor) else np.asarray(other)
    for y, expected, same in (
        (op(x, other), op(x.data, plain), f(x, other)),
        (op(other, x), op(plain, x.data), f(other, x)),
    ):
        assert type(y) is Tensor and y.requires_grad
        np.testing.assert_allclose(y.data, expected, rtol=1e-15)
        np.testing.assert_array_equal(y.data, same.data)
        x.grad = None
        y.sum().backward()
        one = x.grad
        x.grad = None
        same.sum().backward()
        np.testing.assert_array_equal(one, x.grad)


@pytest.mark.parametrize(
    "kind", [Tensor, np.array, np.ndarray.tolist], ids=["Tensor", "array", "list"]
)
def test_matmul_on_both_sides(kind):
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    plain = np.array([[2.0, 0.0], [1.0, 1.0]])
    other = kind(plain)
    for y, expected in ((x @ other, x.data @ plain), (other @ x, plain @ x.data)):
        assert type(y) is Tensor and y.requires_grad
        assert y.data.tolist() == expected.tolist()


def test_unary_operators():
    x = leaf([-1.0, 2.0])
    assert (-x).data.tolist() == [1, -2] and (-x).requires_grad
    assert abs(x).data.tolist() == [1, 2] and abs(x).requires_grad
    assert +x is x


@pytest.mark.parametrize(
    "op", [operator.floordiv, operator.mod, divmod, operator.lshift, operator.and_]
)
def test_operators_without_a_derivative_raise(op):
    x = leaf([1.0, 2.0])
    for other in (2, np.ones(2), np.float64(2)):
        with pytest.raises(TypeError):
            op(x, other)
        with pytest.raises(TypeError):
            op(other, x)


def test_an_operator_with_something_that_is_not_numbers_raises():
    x = leaf([1.0, 2.0])
    for other in (None, "text", {}, object()):
        with pytest.raises(TypeError):
            x + other
        with pytest.raises(TypeError):
            other * x


def test_augmented_assignment_makes_a_new_tensor():
    x = leaf([1.0, 2.0])
    before = x
    x += 1
    assert x is not before and before.data.tolist() == [1, 2] and x.data.tolist() == [2, 3]
    x -= 1
    x *= 3
    x /= 2
    x **= 2
    x.sum().backward()
    np.testing.assert_allclose(before.grad, 2 * before.data * 1.5**2)
    y = leaf([[1.0]])
    y @= np.ones((1, 2))
    assert y.shape == (1, 2) and y.requires_grad


def test_adding_a_tensor_onto_an_array_in_place_raises():
    array = np.zeros(2)
    with pytest.raises(UnsupportedError, match=r"\Anp.add\(…, out=\): "):
        array += leaf([1.0, 2.0])
    assert array.tolist() == [0, 0]


def test_assigning_an_element_raises_and_shows_what_to_write():
    x = leaf([1.0, 2.0])
    text = exactly(
        "Tensor: an element of a tensor cannot be assigned: the graph may need the old value; "
        "shape (2,); write y = F.where(mask, value, x) for a new tensor, or x.data[i] = v on a leaf"
    )
    with pytest.raises(UnsupportedError, match=text):
        x[0] = 1
    with pytest.raises(UnsupportedError, match=text):
        x[0] += 1
    with pytest.raises(UnsupportedError, match=text):
        x[:] = Tensor([1.0, 2.0])
    assert x.data.tolist() == [1, 2]


# ---- comparisons -------------------------------------------------------------------------------

COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("compare", COMPARISONS)
@pytest.mark.parametrize(
    "other",
    [2.0, 2, [1.0, 2.0, 3.0], np.float64(2), np.array([1.0, 2.0, 2.0]), Tensor([1.0, 3.0, 2.0])],
    ids=lambda other: type(other).__name__,
)
def test_comparisons_give_plain_boolean_arrays(compare, other):
    x = leaf([1.0, 2.0, 3.0])
    plain = other.data if isinstance(other, Tensor) else np.asarray(other)
    for result, expected in (
        (compare(x, other), compare(x.data, plain)),
        (compare(other, x), compare(plain, x.data)),
    ):
        assert type(result) is np.ndarray and result.dtype == bool
        assert result.tolist() == expected.tolist()


@pytest.mark.parametrize("data", [np.array([0.1], "f4"), np.array(0.1, "f4")], ids=["1d", "0d"])
def test_a_number_is_compared_in_the_dtype_of_the_tensor(data):
    x = Tensor(data)
    for number in (0.1, np.float64(0.1), np.float32(0.1)):
        for result in (x == number, number == x, x <= number, number >= x, np.equal(x, number)):
            assert result.all()
        for result in (x != number, number != x, x > number, number < x, np.less(x, number)):
            assert not result.any()


def test_integers_are_compared_exactly():
    x = Tensor(np.array([2**24 + 1, 2**53 + 1]))
    assert (x == 2**24 + 1).tolist() == [True, False]
    assert (x == 2**53 + 1).tolist() == [False, True]
    assert (x == 2**53).tolist() == [False, False]


@pytest.mark.parametrize(
    "other", [None, "text", {}, object()], ids=lambda other: type(other).__name__
)
def test_what_is_not_numbers_is_not_equal_and_has_no_order(other):
    x = leaf([1.0, 2.0])
    assert (x == other) is False and (other == x) is False
    assert (x != other) is True and (other != x) is True
    for compare in (operator.lt, operator.le, operator.gt, operator.ge):
        with pytest.raises(TypeError, match="not supported between"):
            compare(x, other)


def test_hash_is_by_identity():
    x, y = Tensor([1.0, 2.0]), Tensor([1.0, 2.0])
    assert len({x, y, x}) == 2 and {x: "a", y: "b"}[y] == "b"
    assert hash(x) == hash(x)


# ---- methods: each one is the function of the same name ----------------------------------------

OWN = {"T", "backward", "data", "detach", "dtype", "grad", "item", "ndim", "node", "requires_grad"}
OWN |= {"shape", "size"}
METHODS = sorted(name for name in dir(Tensor) if not name.startswith("_") and name not in OWN)
NO_METHOD = {
    "linear": "takes weights",
    **dict.fromkeys(("conv2d", "batch_norm", "layer_norm"), "takes weights"),
    **dict.fromkeys(("max_pool2d", "avg_pool2d", "global_avg_pool2d"), "takes images"),
    "dropout": "takes rng",
    "mse_loss": "takes a target",
    "neg": "-x",
    "getitem": "x[i]",
}
EXAMPLES = {
    "reshape": [((3, 2),), ((-1,),), (6,)],
    "transpose": [(), ((1, 0),), ((0, -1),)],
    "expand_dims": [(0,), ((0, -1),)],
    "broadcast_to": [((4, 2, 3),)],
    "pad": [(1,), (((1, 0), (0, 2)), 5.0)],
    "clip": [(1.0,), (None, 1.0), (0.5, 1.2)],
    "leaky_relu": [(), (0.3,)],
    "elu": [(), (0.3,)],
    "gelu": [(), ("tanh",)],
    "softmax": [(), (0,)],
    "log_softmax": [(), (0,)],
    "var": [(), (1,), (0, 1), (None, 1, True)],
    "std": [(), (1,), (0, 1), (None, 1, True)],
}
REDUCTIONS = ["sum", "mean", "max", "min", "prod", "logsumexp"]
EXAMPLES |= {name: [(), (0,), ((0, 1),), (1, True)] for name in REDUCTIONS}


def test_every_function_of_one_tensor_is_a_method():
    of_x = {n for n in F.__all__ if next(iter(inspect.signature(getattr(F, n)).parameters)) == "x"}
    assert of_x - set(NO_METHOD) == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_the_function_of_its_name(name):
    method, function = getattr(Tensor, name), getattr(F, name)
    assert method.__doc__.startswith(f"See `functions.{name}`")
    ours = list(inspect.signature(method).parameters.values())[1:]
    if name not in ("reshape", "transpose"):  # which also take the numbers one by one
        theirs = list(inspect.signature(function).parameters.values())[1:]
        assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]
    for args in EXAMPLES.get(name, [()]):
        x = leaf([[0.5, 1.0, 1.5], [0.75, 0.25, 2.0]])
        y, z = method(x, *args), function(x, *args)
        assert type(y.node) is type(z.node)
        np.testing.assert_array_equal(y.data, z.data)
        if args and name not in ("reshape", "transpose"):
            options = dict(zip((p.name for p in ours), args, strict=False))
            np.testing.assert_array_equal(method(x, **options).data, z.data)


def test_reshape_and_transpose_take_numbers_one_by_one():
    x = leaf(np.arange(6.0).reshape(1, 2, 3))
    assert x.reshape(3, 2).shape == x.reshape((3, 2)).shape == x.reshape([3, 2]).shape == (3, 2)
    assert x.reshape(-1).shape == x.reshape(6).shape == (6,)
    assert leaf([1.0]).reshape(()).shape == leaf([1.0]).reshape().shape == ()
    assert x.transpose().shape == x.T.shape == (3, 2, 1)
    assert x.transpose(1, 2, 0).shape == x.transpose((1, 2, 0)).shape == (2, 3, 1)
    assert x.transpose(0, -1, 1).shape == (1, 3, 2)


def test_T_is_differentiable():
    x = leaf([[1.0, 2.0, 3.0]])
    assert x.T.shape == (3, 1)
    (x.T * np.array([[1.0], [2.0], [3.0]])).sum().backward()
    assert x.grad.tolist() == [[1, 2, 3]]


# ---- item, detach, backward --------------------------------------------------------------------

ONE = (
    "only a tensor of one element has a single value; shape {}; "
    "use .sum(), .mean() or t[i] first, or t.data for the array"
)


def test_item():
    assert Tensor([[2.5]]).item() == 2.5 and type(Tensor(2.5).item()) is float
    assert type(Tensor(np.array([3])).item()) is int
    for shape in ((2,), (0,)):
        with pytest.raises(ShapeError, match=exactly(f"item: {ONE.format(shape)}")):
            Tensor(np.zeros(shape)).item()


def test_detach_shares_the_data_and_drops_the_graph():
    x = leaf([1.0, 2.0])
    y = x * 2
    z = y.detach()
    assert z.data is y.data and z.node is None and not z.requires_grad
    assert not x.detach().requires_grad and x.requires_grad
    (y * z).sum().backward()
    assert x.grad.tolist() == [4, 8]  # z is a constant


def test_backward_of_one_element_needs_no_gradient():
    for shape in ((), (1,), (1, 1)):
        x = leaf(np.full(shape, 3.0))
        (x * x).backward()
        assert x.grad.shape == shape and x.grad.item() == 6


def test_backward_of_a_leaf():
    x = leaf([3.0])
    x.backward()
    x.backward([4.0])
    assert x.grad.tolist() == [5]


def test_backward_takes_a_gradient():
    x = leaf([1.0, 2.0])
    for gradient in ([1, 2], np.array([1.0, 2.0]), Tensor([1.0, 2.0]), np.array([1, 2])):
        x.grad = None
        (x * x).backward(gradient)
        assert x.grad.tolist() == [2, 8]
    x.grad = None
    (x * x).backward(gradient=np.array([1.0, 2.0]), retain_graph=False)
    assert x.grad.tolist() == [2, 8]


def test_backward_of_several_elements_needs_a_gradient_of_the_same_shape():
    x = leaf([1.0, 2.0])
    y = x * x
    text = (
        "backward: a tensor of several elements needs the gradient of the loss; shape (2,); "
        "reduce it to a loss with .sum() or .mean(), or pass gradient="
    )
    with pytest.raises(ShapeError, match=exactly(text)):
        y.backward()
    text = (
        "backward: the gradient does not have the shape of the tensor; gradient {}, tensor (2,); "
        "pass one number for each element"
    )
    for gradient in (1.0, [1.0], [[1.0, 2.0]], [1.0, 2.0, 3.0]):
        with pytest.raises(ShapeError, match=exactly(text.format(np.shape(gradient)))):
            y.backward(gradient)
    y.backward([1.0, 1.0])  # the graph is still there
    assert x.grad.tolist() == [2, 4]


def test_backward_where_nothing_requires_a_gradient():
    text = exactly(
        "backward: nothing that this tensor was made from requires a gradient; shape (); "
        "create a leaf with requires_grad=True, and run outside no_grad()"
    )
    with no_grad():
        without = leaf(2.0) * 2
    for y in (Tensor(1.0), Tensor(1.0) * 2, leaf(1.0).detach(), without):
        with pytest.raises(GraphError, match=text) as caught:
            y.backward()
        assert not isinstance(caught.value, GraphFreedError)


# ---- Python's protocols ------------------------------------------------------------------------


def test_float_int_and_bool_of_one_element():
    assert float(Tensor([2.5])) == 2.5 and int(Tensor(2.5)) == 2
    assert bool(Tensor(1.0)) is True and bool(Tensor([[0.0]])) is False
    assert type(float(leaf(1.5))) is float
    for convert, where in ((float, "item"), (int, "item"), (bool, "bool")):
        with pytest.raises(ShapeError, match=exactly(f"{where}: {ONE.format((2,))}")):
            convert(Tensor([1.0, 2.0]))


def test_len_and_iteration():
    x = leaf([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert len(x) == 3 and len(Tensor(np.zeros((0, 2)))) == 0
    rows = list(x)
    assert [row.data.tolist() for row in rows] == [[1, 2], [3, 4], [5, 6]]
    a, b, c = x
    (a * b + c).sum().backward()
    assert x.grad.tolist() == [[3, 4], [1, 2], [1, 1]]
    assert list(Tensor(np.zeros((0, 2)))) == []
    for f in (len, iter, list):
        with pytest.raises(TypeError, match=r"len\(\) of unsized object"):
            f(Tensor(1.0))
    assert [float(v) for v in reversed(leaf([1.0, 2.0]))] == [2, 1]


def test_in_looks_at_the_elements():
    assert 2.0 in Tensor([1.0, 2.0]) and 3.0 not in Tensor([1.0, 2.0])


def test_python_sum_and_max():
    x = leaf([1.0, 3.0, 2.0])
    assert float(sum(x)) == 6 and sum(x).requires_grad
    assert float(max(x)) == 3 and max(x).requires_grad


def test_indexing_is_differentiable():
    x = leaf(np.arange(6.0).reshape(2, 3))
    for index in (0, -1, (1, 2), slice(None), ..., None, [1, 0], ([0, 1], [2, 2]), x > 2):
        y = x[index]
        np.testing.assert_array_equal(y.data, x.data[index])
        assert y.requires_grad
    with pytest.raises(IndexError):
        x[2]


def test_format():
    x = Tensor([0.123456])
    assert f"{x:.3f}" == "0.123" and f"{Tensor(12345.0):,.0f}" == "12,345"
    assert f"{x}" == str(x) == repr(x)
    with pytest.raises(ShapeError, match=exactly(f"item: {ONE.format((2,))}")):
        f"{Tensor([1.0, 2.0]):.3f}"


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (Tensor(1.5), "Tensor(1.5)"),
        (Tensor([1, 2.5]), "Tensor([1. , 2.5])"),
        (Tensor([1.0], requires_grad=True), "Tensor([1.], requires_grad=True)"),
        (Tensor(np.array([1.0])), "Tensor([1.], dtype=float64)"),
        (Tensor(np.array([1, 2])), "Tensor([1, 2], dtype=int64)"),
        (Tensor(np.array(True)), "Tensor(True, dtype=bool)"),
        (leaf([1.0]) * 2, "Tensor([2.], dtype=float64, made by Mul)"),
        (Tensor(np.zeros((0, 3), "f4")), "Tensor([], shape=(0, 3))"),
        (Tensor([[1, 2], [3, 4]]), "Tensor([[1., 2.],\n        [3., 4.]])"),
    ],
    ids=str,
)
def test_repr(x, text):
    assert repr(x) == text


def test_repr_of_a_large_tensor_is_short():
    assert len(repr(Tensor(np.zeros((1000, 1000))))) < 500


# ---- NumPy's protocols: see test_numpy_protocol.py ---------------------------------------------


def test_asarray_of_a_tensor_that_requires_a_gradient_raises_and_names_data():
    x = leaf([1.0, 2.0])
    text = exactly(
        "np.asarray: a plain array would lose the gradient of this tensor; shape (2,), "
        "requires_grad=True; use t.data for the values alone, or F.stack to join tensors"
    )
    for convert in (np.asarray, np.array, np.asanyarray, np.ascontiguousarray):
        for t in (x, x * 2):
            with pytest.raises(UnsupportedError, match=text):
                convert(t)
    with pytest.raises(UnsupportedError, match=text):
        np.array(x, dtype=object)


def test_asarray_of_a_plain_tensor():
    x = Tensor(np.array([1.0, 2.0]))
    assert np.asarray(x) is x.data
    copied = np.array(x)
    assert type(copied) is np.ndarray and not np.shares_memory(copied, x.data)
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    assert np.asarray(x, dtype=np.float32).tolist() == [1, 2]


# ---- copies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_leaf_can_be_copied_and_pickled(duplicate):
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    y = duplicate(x)
    assert type(y) is Tensor and y.requires_grad and y.node is None
    assert y.data.tolist() == [1, 2] and y.grad.tolist() == [2, 4]
    assert not np.shares_memory(x.data, y.data) and not np.shares_memory(x.grad, y.grad)
    (y * 3).sum().backward()
    assert y.grad.tolist() == [5, 7] and x.grad.tolist() == [2, 4]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_model_can_be_copied_and_pickled(duplicate):
    rng = np.random.default_rng(0)
    shared = nn.Linear(3, 3, rng=rng)
    model = nn.Sequential(
        shared, nn.Tanh(), shared, nn.Dropout(0.5, rng=rng), nn.Linear(3, 2, rng=1)
    )
    model.parameters()
    other = duplicate(model)
    assert repr(other) == repr(model)
    assert other[0] is other[2] and len(other.parameters()) == 4
    assert [p.name for p in other.parameters()] == ["0.weight", "0.bias", "4.weight", "4.bias"]
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(other(x).data, model(x).data)  # the same mask is drawn
    other(x).sum().backward()
    assert all(p.grad is None for p in model.parameters())
    other[0].weight.data[:] = 0
    assert model[0].weight.data.any()


def test_a_shallow_copy_shares_the_data():
    x = leaf([1.0, 2.0])
    assert copy.copy(x).data is x.data and copy.copy(x).requires_grad
