"""The engine, point by point of the op contract, and the rules for dtypes and for recording."""

import gc
import itertools
import re
import sys
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import minigrad as mg
from minigrad import Function, Tensor, engine, no_grad
from minigrad import functions as F
from minigrad.errors import (
    DTypeError,
    GraphError,
    GraphFreedError,
    MinigradError,
    MinigradWarning,
    ShapeError,
    UnsupportedError,
)
from tests.helpers import exactly, leaf


class Cube(Function):
    """y = x³"""

    def forward(self, x):
        self.x = x
        return x**3

    def backward(self, gy):
        return gy * 3 * self.x**2


class Returns(Function):
    """y = x, with whatever gradient the options ask for: `make(node, gy)`"""

    def forward(self, *xs, make):
        self.make, self.saved = make, np.full(xs[0].shape, 7.0)
        return xs[0] + 0

    def backward(self, gy):
        return self.make(self, gy)


# ---- 1. one instance is one node ---------------------------------------------------------------


def test_a_node_holds_its_inputs_what_needs_a_gradient_and_what_forward_saved():
    x, w = leaf([1.0, 2.0]), Tensor(np.array([3.0, 4.0]))
    y = x * w
    assert [id(i) for i in y.node.inputs] == [id(x), id(w)]
    assert y.node.needs == (True, False)
    assert y.node.a is x.data and y.node.b is w.data
    assert type(y.node).__name__ == "Mul"
    assert (x * w).node is not y.node


def test_arrays_and_numbers_become_inputs_without_a_gradient():
    x = leaf([1.0, 2.0])
    for other in (np.ones(2), 3, [1, 2], np.float32(2), True):
        assert (x * other).node.needs == (True, False)
        assert (other * x).node.needs == (False, True)


def test_nothing_is_recorded_where_nothing_needs_a_gradient():
    y = Tensor([1.0]) * Tensor([2.0])
    assert y.node is None and not y.requires_grad


def test_a_function_without_forward_or_backward_says_so():
    class Half(Function):
        """Nothing."""

    class Forward(Function):
        """y = x, without a backward."""

        def forward(self, x):
            return x + 0

    with pytest.raises(NotImplementedError, match=exactly("Half defines no forward")):
        Half.apply(leaf(1.0))
    with pytest.raises(NotImplementedError, match=exactly("Forward defines no backward")):
        Forward.apply(leaf(1.0)).backward()


# ---- 2. plain arrays, written to by nobody else; no work for nothing ---------------------------


def test_forward_and_backward_see_plain_arrays():
    seen = []

    class Spy(Function):
        """y = a + b"""

        def forward(self, a, b):
            seen.extend([a, b])
            return a + b

        def backward(self, gy):
            seen.append(gy)
            return gy, gy

    Spy.apply(leaf([1.0, 2.0]), 3).sum().backward()
    assert [type(a) for a in seen] == [np.ndarray] * 3
    assert seen[2].shape == (2,) and seen[2].dtype == np.float64


OPS = {
    "add": lambda x, w: x + w,
    "sub": lambda x, w: x - w,
    "mul": lambda x, w: x * w,
    "div": lambda x, w: x / w,
    "pow": lambda x, w: x**w,
    "matmul": lambda x, w: x @ w.T,
    "linear": F.linear,
    "maximum": F.maximum,
    "where": lambda x, w: F.where(x > w, x, w),
    "mse_loss": F.mse_loss,
    "concatenate": lambda x, w: F.concatenate([x, w]),
    "stack": lambda x, w: F.stack([x, w]),
    "two uses": lambda x, w: (x * x + x) @ w.T + F.exp(w) @ x.T,
    "unary": lambda x, w: F.softmax(x.exp().log().sqrt().tanh()) * w.sigmoid().relu().abs(),
    "shapes": lambda x, w: x.reshape(3, 2).T[:, ::-1].squeeze() + w.pad(0).transpose(0, 1),
    "reductions": lambda x, w: x.max(0) * w.mean(0) + x.var(1).sum() * w.prod(1).sum(),
}


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_no_op_writes_to_an_input_a_saved_array_or_the_upstream_gradient(op):
    x = leaf(np.linspace(0.3, 1.3, 6).reshape(2, 3))
    w = leaf(np.linspace(0.9, 1.7, 6).reshape(2, 3))
    x.data.flags.writeable = w.data.flags.writeable = False
    y = op(x, w)
    gy = np.linspace(-1, 1, y.size).reshape(y.shape)
    gy.flags.writeable = False
    with mg.debug():  # compares a checksum of every saved array
        op(x, w).backward(gy)
    y.backward(gy)
    assert x.grad.flags.writeable and w.grad.flags.writeable


@pytest.mark.parametrize("name", ["sub", "mul", "pow", "matmul", "linear", "mse_loss"])
@pytest.mark.parametrize("needed", [0, 1])
def test_backward_does_no_work_for_an_input_that_needs_no_gradient(name, needed):
    inputs = [Tensor(np.full((2, 3), 2.0)), Tensor(np.full((2, 3), 1.5))]
    inputs[needed].requires_grad = True
    y = OPS[name](*inputs)
    gradients = y.node.backward(np.ones(y.shape))
    spared = gradients[1 - needed]
    # A gradient that is made on the way to the other one costs nothing.
    assert spared is None or (name, needed) in {("sub", 1), ("mse_loss", 1)}
    assert gradients[needed].shape == y.node.inputs[needed].shape


def test_the_first_layer_computes_no_gradient_for_the_data():
    x, W, b = Tensor(np.ones((5, 3))), leaf(np.ones((2, 3))), leaf(np.ones(2))
    gx, gW, gb = F.linear(x, W, b).node.backward(np.ones((5, 2)))
    assert gx is None and gW.shape == (2, 3) and gb.shape == (2,)


# ---- 3. the engine sums over broadcast axes ----------------------------------------------------


def explicit_sum(g, shape):
    """Add up, one element at a time, what `unbroadcast` adds with NumPy."""
    total = np.zeros(shape)
    for index in np.ndindex(g.shape):
        place = index[len(index) - len(shape) :]
        total[tuple(0 if n == 1 else i for i, n in zip(place, shape, strict=True))] += g[index]
    return total


@settings(deadline=None, max_examples=400)
@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3), st.integers(0, 99))
def test_a_broadcast_operand_gets_the_sum_over_its_copies(shapes, seed):
    rng = np.random.default_rng(seed)
    a, b = (leaf(rng.standard_normal(shape)) for shape in shapes.input_shapes)
    u = rng.standard_normal(shapes.result_shape)
    for op, ga, gb in (
        (F.add, u, u),
        (F.mul, u * b.data, u * a.data),
        (F.sub, u, -u),
        (F.maximum, u * (a.data > b.data), u * (b.data > a.data)),
    ):
        a.grad = b.grad = None
        op(a, b).backward(u)
        for x, g in ((a, ga), (b, gb)):
            assert x.grad.shape == x.shape and x.grad.dtype == x.dtype
            np.testing.assert_allclose(x.grad, explicit_sum(g, x.shape), rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=200)
@given(mutually_broadcastable_shapes(num_shapes=1, min_dims=0, max_dims=4, max_side=3), st.data())
def test_unbroadcast_of_any_broadcast_shape(shapes, data):
    (full,) = shapes.input_shapes
    lead = data.draw(st.integers(0, len(full)))
    shape = tuple(data.draw(st.sampled_from([1, n])) for n in full[lead:])
    g = np.random.default_rng(0).standard_normal(full)
    np.testing.assert_allclose(engine.unbroadcast(g, shape), explicit_sum(g, shape), atol=1e-13)


def test_size_zero_axes():
    a, b = leaf(np.ones((1, 3))), leaf(np.ones((0, 3)))
    (a * b).sum().backward()
    assert a.grad.tolist() == [[0, 0, 0]] and b.grad.shape == (0, 3)


REFUSED = [((2,), (3,)), ((1, 3), (3,)), ((3,), ()), ((2, 1), (3, 2)), ((0,), (1,))]


@pytest.mark.parametrize(("shape", "onto"), REFUSED)
def test_unbroadcast_refuses_shapes_that_do_not_broadcast(shape, onto):
    with pytest.raises(ValueError, match=re.escape(f"{shape} does not broadcast to {onto}")):
        engine.unbroadcast(np.ones(onto), shape)


def test_nothing_is_summed_where_the_shapes_match(monkeypatch):
    monkeypatch.setattr(engine, "unbroadcast", lambda g, shape: pytest.fail("summed"))
    x, w = leaf(np.ones((2, 3))), leaf(np.ones((2, 3)))
    (x * w + x / w - F.exp(w)).backward(np.ones((2, 3)))


# ---- 4. gradients add up on leaves, and live nowhere else --------------------------------------


def test_gradients_add_up_exactly_until_they_are_cleared():
    x = leaf([1.0])
    for g in (0.1, 0.2, 0.3):
        (x * g).sum().backward()
    assert x.grad[0] == (0.1 + 0.2) + 0.3
    x.grad = None
    (x * 0.3).sum().backward()
    assert x.grad[0] == 0.3


def test_module_and_optimizer_clear_gradients():
    model = mg.nn.Linear(2, 2, rng=0)
    for clear in (model.zero_grad, mg.optim.SGD(model.parameters(), lr=0.1).zero_grad):
        model(np.ones((1, 2))).sum().backward()
        assert model.weight.grad is not None
        clear()
        assert model.weight.grad is None and model.bias.grad is None


def no_leaf(op, shape):
    return exactly(
        f"Tensor.grad: {op} made this tensor, so it is not a leaf and keeps no gradient; "
        f"shape {shape}; to update a leaf w, write w.data -= lr * w.grad, not w = w - lr * w.grad"
    )


def test_the_gradient_of_an_intermediate_result_is_not_kept():
    x = leaf([1.0, 2.0])
    h = x * x
    h.sum().backward()
    with pytest.warns(MinigradWarning, match=no_leaf("Mul", (2,))) as caught:
        assert [h.grad, h.grad] == [None, None]
    assert len(caught) == 1 and caught[0].filename == __file__
    assert x.grad.tolist() == [2, 4]


def test_an_update_that_makes_a_new_tensor_is_explained():
    w = leaf([3.0])
    (w * w).sum().backward()
    w = w - 0.1 * w.grad
    (w * w).sum().backward()
    with pytest.warns(MinigradWarning, match=no_leaf("Sub", (1,))):
        assert w.grad is None


def test_the_gradient_of_a_leaf_can_be_read_before_there_is_one():
    x = leaf([1.0])
    with no_grad():
        y = x * 2
    assert [x.grad, Tensor([1.0]).grad, y.grad, x.detach().grad] == [None] * 4  # and no warning
    h = x * 2
    h.grad = None
    h.grad = np.ones(1)  # set by the user
    assert h.grad.tolist() == [1]


def test_an_intermediate_gradient_is_gone_while_the_sweep_goes_on():
    upstream = []

    class Watch(Function):
        """y = x; notes which gradients of later nodes are still alive."""

        alive: list = []

        def forward(self, x):
            return x + 0

        def backward(self, gy):
            self.alive.append(sum(ref() is not None for ref in upstream))
            g = gy * 1
            upstream.append(weakref.ref(g))
            return g

    y = leaf(np.ones(3))
    for _ in range(20):
        y = Watch.apply(y)
    y.sum().backward()
    assert len(Watch.alive) == 20 and max(Watch.alive) <= 2


BACKWARDS = {
    "gy": lambda node, gy: (gy,) * len(node.inputs),
    "view of gy": lambda node, gy: (gy[::-1],) * len(node.inputs),
    "broadcast view": lambda node, gy: (np.broadcast_to(gy[:1], gy.shape),) * len(node.inputs),
    "saved array": lambda node, gy: (node.saved,) * len(node.inputs),
    "an input": lambda node, gy: tuple(x.data for x in node.inputs),
    "read-only": lambda node, gy: (np.frombuffer(bytes(gy), gy.dtype),) * len(node.inputs),
    "one array for all": lambda node, gy: (gy + 1,) * len(node.inputs),
    "not contiguous": lambda node, gy: (np.repeat(gy, 2)[::2],) * len(node.inputs),
}


@pytest.mark.parametrize("make", BACKWARDS.values(), ids=BACKWARDS)
@pytest.mark.parametrize("behind", [False, True], ids=["leaf", "behind another node"])
def test_a_leaf_gradient_is_writable_and_shared_with_nothing(make, behind):
    leaves = [leaf([1.0, 2.0, 3.0]), leaf([4.0, 5.0, 6.0])]
    inputs = [F.add(x, np.zeros(3)) for x in leaves] if behind else leaves
    y = Returns.apply(*inputs, make=make)
    node, gy = y.node, np.array([0.5, 0.25, 0.125])
    saved, others = node.saved, [gy, node.saved, *(x.data for x in (*inputs, *leaves))]
    before = [a.copy() for a in others]
    y.backward(gy, retain_graph=True)
    first = [x.grad.copy() for x in leaves]
    for x, other in itertools.permutations(leaves):
        assert type(x.grad) is np.ndarray and x.grad.flags.writeable
        assert not any(np.shares_memory(x.grad, a) for a in (*others, other.grad))
        x.grad[...] = -9  # what the user does with it reaches nobody else
    y.backward(gy)
    for x, g in zip(leaves, first, strict=True):
        np.testing.assert_array_equal(x.grad, g - 9)
    for a, b in zip(others, before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert saved.tolist() == [7, 7, 7]


def test_a_leaf_gradient_is_its_own_for_fused_and_view_functions():
    for f in (
        lambda x: F.linear(x, x, x[0]),
        lambda x: F.linear(np.ones((2, 3)), x),
        lambda x: x.T,
        lambda x: x.reshape(9),
        lambda x: x[::-1],
        lambda x: x.broadcast_to((2, 3, 3)),
        lambda x: F.concatenate([x, x]),
        lambda x: x.sum(),
        lambda x: x,
    ):
        x = leaf(np.ones((3, 3)))
        y = f(x)
        gy = np.ones(y.shape)
        y.backward(gy)
        assert x.grad.flags.writeable and not np.shares_memory(x.grad, gy)
        assert not np.shares_memory(x.grad, x.data)


def test_two_leaves_that_share_their_data_do_not_share_their_gradient():
    data = np.ones(3)
    a, b = Tensor(data, requires_grad=True), Tensor(data, requires_grad=True)
    (a + b).sum().backward()
    a.grad += 1
    assert b.grad.tolist() == [1, 1, 1]


@pytest.mark.parametrize("first", [0, 1])
def test_a_borrowed_gradient_is_not_added_into(first):
    x, w = leaf([1.0, 1.0]), leaf([1.0, 1.0])
    a, b = x * 1, w * 1
    both = [lambda: a + b, lambda: a * 3]  # the gradient of a + b is one array, lent to a and b
    if first:
        both.reverse()
    y, z = both[0](), both[1]()
    (y.sum() + z.sum()).backward()
    assert x.grad.tolist() == [4, 4] and w.grad.tolist() == [1, 1]


def test_a_saved_array_that_backward_returns_is_not_added_into():
    def saved(node, gy):
        return node.saved

    x = leaf([1.0, 2.0])
    h = x * 1
    y = Returns.apply(h, make=saved)
    node_saved = y.node.saved
    (y + h * 2 + h * 3).sum().backward()
    assert node_saved.tolist() == [7, 7] and x.grad.tolist() == [12, 12]


def test_the_gradient_argument_is_left_alone():
    x, g = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    x.backward(g)
    x.backward(g)
    assert g.tolist() == [3, 4] and x.grad.tolist() == [6, 8]
    y = x + 0
    x.grad = None
    y.backward(g, retain_graph=True)
    y.backward(g)
    assert g.tolist() == [3, 4] and x.grad.tolist() == [6, 8]


def test_a_gradient_that_somebody_kept_never_changes():
    x = leaf([1.0, 2.0])
    (x * 2).sum().backward()
    kept = x.grad
    (x * 3).sum().backward()
    assert x.grad.tolist() == [5, 5] and kept.tolist() == [2, 2]


def test_a_replaced_gradient_array_is_added_to():
    x = leaf([1.0, 2.0])
    x.grad = np.array([10.0, 20.0])
    (x * 2).sum().backward()
    assert x.grad.tolist() == [12, 22]


# ---- 5. the sweep is iterative, and each node waits for all of its gradients -------------------


@pytest.fixture
def default_recursion_limit():
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield
    sys.setrecursionlimit(before)


def chain(x, length):
    y = x
    for _ in range(length):
        y = y + 1
    return y


@pytest.mark.usefixtures("default_recursion_limit")
def test_a_chain_of_100_000_nodes_runs_backwards_and_is_freed():
    x = leaf([0.0, 0.0])
    first = x + 1
    seen = weakref.ref(first.node)
    y = chain(first, 100_000)
    del first
    assert y.data.tolist() == [100_001, 100_001]
    y.sum().backward()
    assert x.grad.tolist() == [1, 1]
    assert seen() is None


@pytest.mark.usefixtures("default_recursion_limit")
@pytest.mark.parametrize("retained", [False, True])
def test_a_long_chain_of_nodes_can_be_thrown_away(retained):
    x = leaf(0.0)
    first = x * 1
    seen = weakref.ref(first.node)
    y = chain(first, 10_000 if retained else 100_000)
    if retained:
        y.backward(retain_graph=True)
    del first, y
    assert seen() is None


def naive_recursive_backward(y, g, grads):
    """Pass gradients on from each use at once: what the docstring of engine.py warns of."""
    grads[y] = grads.get(y, 0) + g
    if y.node is not None:
        for x, gx in zip(y.node.inputs, y.node.backward(grads[y]), strict=True):
            naive_recursive_backward(x, gx, grads)


def test_the_example_of_the_docstring_gives_4_where_naive_recursion_gives_6():
    a = Tensor(1.0, requires_grad=True)
    b = a + a
    c = b + b
    c.backward()
    assert a.grad == 4
    assert "a.grad = 4" in engine.__doc__ and "2 + 4 = 6" in engine.__doc__

    a = Tensor(1.0, requires_grad=True)
    b = a + a
    c = b + b
    grads = {}
    naive_recursive_backward(c, np.float32(1), grads)
    assert grads[a] == 6


def test_a_tower_of_diamonds_counts_every_path_and_takes_no_exponential_time():
    a = leaf(1.0)
    y = a
    for _ in range(60):
        y = y + y
    y.backward()
    assert a.grad == 2.0**60


def test_each_node_runs_once_and_after_all_of_its_uses():
    ran = []

    class Named(Function):
        """y = a + b, and a note of who ran with which gradient."""

        def forward(self, a, b, name):
            self.name = name
            return a + b

        def backward(self, gy):
            ran.append((self.name, float(gy)))
            return gy, gy

    x = leaf(1.0)
    a = Named.apply(x, x, name="a")
    b = Named.apply(a, x, name="b")
    c = Named.apply(b, a, name="c")
    d = Named.apply(a, c, name="d")  # a is used by b, c and d
    d.backward()
    assert ran == [("d", 1), ("c", 1), ("b", 1), ("a", 3)]
    assert x.grad == 7


def test_a_node_that_does_not_lead_to_the_loss_is_not_run():
    x = leaf([1.0])
    h = x * 2
    Returns.apply(h, make=lambda node, gy: pytest.fail("ran"))
    (h * 3).sum().backward()
    assert x.grad.tolist() == [6]


def test_one_tensor_as_every_input():
    x = leaf([2.0])
    F.where([True], x, x).backward()
    (x * x).backward()
    assert x.grad.tolist() == [1 + 4]


# ---- 6. a graph is used once -------------------------------------------------------------------

FREED = (
    "backward: this graph was used before, and an earlier backward freed it; at the node of {}; "
    "run the forward pass again, or pass retain_graph=True to the earlier one"
)


def test_a_second_backward_raises_and_says_what_to_do():
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    y.backward()
    with pytest.raises(GraphFreedError, match=exactly(FREED.format("Sum"))):
        y.backward()
    assert x.grad.tolist() == [2, 4]


def test_retain_graph_allows_another_backward_which_doubles_the_gradient():
    x = leaf([1.0, 2.0])
    y = (x * x * x).sum()
    y.backward(retain_graph=True)
    once = x.grad.copy()
    y.backward(retain_graph=True)
    np.testing.assert_array_equal(x.grad, 2 * once)
    y.backward()
    np.testing.assert_array_equal(x.grad, 3 * once)
    with pytest.raises(GraphFreedError):
        y.backward()


def test_a_freed_intermediate_in_a_new_graph_raises_before_any_gradient_is_changed():
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    h = x * x
    h.sum().backward()
    grad = x.grad.copy()
    loss = (w * w + h + w.exp()).sum()
    with pytest.raises(GraphFreedError, match=exactly(FREED.format("Mul"))):
        loss.backward()
    assert w.grad is None
    np.testing.assert_array_equal(x.grad, grad)


def test_two_losses_over_one_part_need_retain_graph():
    x = leaf([1.0, 2.0])
    h = x.exp()
    a, b = h.sum(), (h * h).sum()
    a.backward()
    with pytest.raises(GraphFreedError, match=exactly(FREED.format("Exp"))):
        b.backward()
    x.grad = None
    h = x.exp()
    a, b = h.sum(), (h * h).sum()
    a.backward(retain_graph=True)
    b.backward()
    np.testing.assert_allclose(x.grad, h.data + 2 * h.data**2)


def test_a_detached_part_of_a_freed_graph_can_be_used_again():
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    h = x * x
    h.sum().backward()
    (w * h.detach()).sum().backward()
    assert w.grad.tolist() == [1, 4]


def test_what_a_node_saved_is_freed_node_by_node():
    alive = []
    x = leaf(np.ones(4))
    early = Returns.apply(x, make=lambda node, gy: alive.append(later() is not None) or gy)
    late = early.exp()
    later = weakref.ref(late.node.y)
    loss = late.sum()
    del late
    loss.backward()
    assert alive == [False]


# ---- 7. no reference cycles --------------------------------------------------------------------


@pytest.fixture
def without_gc():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def graph(x):
    """Return a loss, and weak references to its intermediates, nodes and saved arrays."""
    h = F.linear(x, x).softmax()
    p = F.log(h * h + 1)
    loss = p.max(axis=1).sum()
    parts = (h, h.node, h.node.y, p, p.node, p.node.x, loss.node)
    return loss, [weakref.ref(part) for part in parts]


@pytest.mark.usefixtures("without_gc")
@pytest.mark.parametrize("debug", [False, True])
def test_intermediates_die_with_the_loss(debug):
    x = leaf(np.eye(3))
    if debug:
        with mg.debug():
            loss, parts = graph(x)
    else:
        loss, parts = graph(x)
    assert all(part() is not None for part in parts)
    del loss
    assert not any(part() is not None for part in parts)


@pytest.mark.usefixtures("without_gc")
def test_intermediates_die_in_backward_while_the_loss_lives_on():
    loss, parts = graph(leaf(np.eye(3)))
    loss.backward()
    *inner, last = parts
    assert not any(part() is not None for part in inner)
    assert last() is loss.node and vars(loss.node) == {}


@pytest.mark.usefixtures("without_gc")
def test_a_training_step_leaves_nothing_behind():
    model = mg.nn.Sequential(mg.nn.Linear(3, 4, rng=0), mg.nn.ReLU(), mg.nn.Linear(4, 2, rng=1))
    optimizer = mg.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step():
        loss = F.cross_entropy(model(np.ones((5, 3), np.float32)), np.zeros(5, int))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    step()
    before = len(gc.get_objects())
    for _ in range(20):
        step()
    assert len(gc.get_objects()) - before < 20


# ---- 8. what backward returns is checked -------------------------------------------------------

WRONG = {
    "one for two": (
        lambda node, gy: gy,
        GraphError,
        "returned an ndarray for 2 inputs; inputs (3,), (2, 3); "
        "return a tuple of one for each input, None where self.needs is False",
    ),
    "a list": (
        lambda node, gy: [gy, gy],
        GraphError,
        "returned a list for 2 inputs; inputs (3,), (2, 3); "
        "return a tuple of one for each input, None where self.needs is False",
    ),
    "forgotten return": (
        lambda node, gy: None,
        GraphError,
        "returned None for 2 inputs; inputs (3,), (2, 3); "
        "return a tuple of one for each input, None where self.needs is False",
    ),
    "three for two": (
        lambda node, gy: (gy, gy, gy),
        GraphError,
        "returned 3 gradients for 2 inputs; inputs (3,), (2, 3); "
        "return a tuple of one for each input, None where self.needs is False",
    ),
    "none at all": (
        lambda node, gy: (),
        GraphError,
        "returned 0 gradients for 2 inputs; inputs (3,), (2, 3); "
        "return a tuple of one for each input, None where self.needs is False",
    ),
    "None": (
        lambda node, gy: (gy, None),
        ShapeError,
        "returned None for input 1, which needs a gradient; inputs (3,), (2, 3); "
        "return an array of shape (2, 3)",
    ),
    "too small": (
        lambda node, gy: (gy, gy),
        ShapeError,
        "returned a gradient of shape (3,) for input 1; inputs (3,), (2, 3); "
        "return an array of shape (2, 3)",
    ),
    "transposed": (
        lambda node, gy: (gy, np.ones((3, 2))),
        ShapeError,
        "returned a gradient of shape (3, 2) for input 1; inputs (3,), (2, 3); "
        "return an array of shape (2, 3)",
    ),
    "complex numbers": (
        lambda node, gy: (gy + 1j, np.ones((2, 3))),
        ShapeError,
        "returned a gradient of shape (3,) and dtype complex128 for input 0; "
        "inputs (3,), (2, 3); return an array of shape (3,)",
    ),
    "a scalar": (
        lambda node, gy: (1.0, np.ones((2, 3))),
        ShapeError,
        "returned a float for input 0; inputs (3,), (2, 3); return an array of shape (3,)",
    ),
    "text": (
        lambda node, gy: ("abc", np.ones((2, 3))),
        ShapeError,
        "returned a str for input 0; inputs (3,), (2, 3); return an array of shape (3,)",
    ),
    "a dict": (
        lambda node, gy: ({"x": gy}, np.ones((2, 3))),
        ShapeError,
        "returned a dict for input 0; inputs (3,), (2, 3); return an array of shape (3,)",
    ),
    "a Tensor in a graph": (
        lambda node, gy: (node.inputs[0] * 2, np.ones((2, 3))),
        ShapeError,
        "returned a Tensor for input 0; inputs (3,), (2, 3); return an array of shape (3,)",
    ),
}


@pytest.mark.parametrize(("make", "error", "text"), WRONG.values(), ids=WRONG)
def test_a_wrong_gradient_raises_an_error_that_names_op_and_input(make, error, text):
    y = Returns.apply(leaf(np.ones(3)), leaf(np.ones((2, 3))), make=make)
    with pytest.raises(error, match=exactly(f"Returns.backward: {text}")):
        y.sum().backward()


@pytest.mark.parametrize(
    ("gradients", "i"),
    [((3, 2), 1), ((2, 3), 0), ((2, 2), 0), ((None, 3), 0), ((3, None), 1)],
    ids=str,
)
@pytest.mark.parametrize("same", [True, False], ids=["made once", "made twice"])
def test_a_wrong_gradient_of_a_tensor_that_is_used_twice(gradients, i, same):
    made = {n: n if n is None else np.ones(n) for n in gradients}
    fresh = tuple(made[n] if same or n is None else np.ones(n) for n in gradients)
    x = leaf(np.ones(3))
    missing = f"None for input {i}, which needs a gradient"
    what = missing if None in gradients else f"a gradient of shape (2,) for input {i}"
    text = f"returned {what}; inputs (3,), (3,); return an array of shape (3,)"
    with pytest.raises(ShapeError, match=exactly(f"Returns.backward: {text}")):
        Returns.apply(x, x, make=lambda node, gy: fresh).sum().backward()


def test_lists_numbers_and_plain_tensors_of_the_right_shape_are_taken():
    x, w = leaf([1.0, 2.0]), leaf(3.0)
    y = Returns.apply(x, w, make=lambda node, gy: ([5, 6], 7))
    y.sum().backward()
    assert x.grad.tolist() == [5, 6] and w.grad.tolist() == 7
    assert x.grad.dtype == w.grad.dtype == np.float64 and type(w.grad) is np.ndarray
    x.grad = None
    Returns.apply(x, make=lambda node, gy: Tensor(gy)).sum().backward()
    assert x.grad.tolist() == [1, 1]


@pytest.mark.parametrize("gradient", [7, 7.0, np.float64(7), np.float32(7), np.array([[3, 4]])])
def test_the_gradient_of_a_0d_leaf_is_an_array_too(gradient):
    w = leaf(3.0)
    for total in (7, 14):
        Returns.apply(w, make=lambda node, gy: gradient).backward()
        assert type(w.grad) is np.ndarray and w.grad.shape == () and w.grad == total
        w.grad[...] = total
    y = w * np.ones(3)  # broadcast
    y.sum().backward()
    assert type(w.grad) is np.ndarray and w.grad == 17


def test_what_is_not_needed_is_not_looked_at():
    x = leaf([1.0, 2.0])
    Returns.apply(x, [1.0], make=lambda node, gy: (gy, "nonsense")).sum().backward()
    assert x.grad.tolist() == [1, 1]


# ---- what forward returns ----------------------------------------------------------------------


class Forward(Function):
    """y = whatever the options say"""

    def forward(self, x, y):
        return y

    def backward(self, gy):
        return gy


@pytest.mark.parametrize(
    ("y", "what"),
    [
        (None, "None, not numbers"),
        ("text", "a str, not numbers"),
        ({}, "a dict, not numbers"),
        (np.ones(3) + 1j, "an ndarray of complex128, not real numbers"),
        ((np.ones(3), np.ones(3)), "a tuple, not numbers"),
    ],
    ids=["None", "text", "a dict", "complex", "two outputs"],
)
def test_a_forward_that_returns_something_else_than_numbers(y, what):
    text = f"Forward.forward: returned {what}; inputs (3,); return the array of y"
    with pytest.raises(DTypeError, match=exactly(text)):
        Forward.apply(leaf(np.ones(3)), y=y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "y",
    [[1, 2, 3], np.array([1, 2, 3]), np.array([1.0, 2, 3]), np.ones(3, bool), np.ones(3, "f4")],
    ids=["list", "int", "float64", "bool", "float32"],
)
def test_the_output_has_the_floating_dtype_of_the_inputs_and_so_has_its_gradient(y, dtype):
    x = leaf([1.0, 2.0, 3.0], dtype)
    out = Forward.apply(x, y=y)
    assert out.dtype == dtype and type(out.data) is np.ndarray
    (out * Tensor(np.array([0.5, 0.25, 2.0]), dtype=dtype)).sum().backward()
    assert x.grad.tolist() == [0.5, 0.25, 2.0]  # not rounded to 0 and 1


# ---- dtypes: our own rule, the same under every NumPy ------------------------------------------


@pytest.mark.parametrize(
    "data", [np.ones(2, np.float32), np.ones((), np.float32)], ids=["1d", "0d"]
)
@pytest.mark.parametrize(
    "other",
    [
        2,
        0.1,
        True,
        np.float64(0.1),
        np.float32(0.1),
        np.int64(3),
        np.bool_(True),
        [0.1, 2],
        (0.1, 2),
        np.array([1, 2]),
        np.array(3),
        np.array([True, False]),
        np.array([1, 2], np.int8),
        Tensor(np.array([1, 2])),
        Tensor(np.array(2)),
    ],
    ids=lambda other: f"{type(other).__name__} {np.ndim(other)}d",
)
def test_numbers_lists_and_integers_take_the_dtype_of_the_float_tensor(data, other):
    x = Tensor(data, requires_grad=True)
    for op in (F.add, F.sub, F.mul, F.div, F.pow, F.maximum, F.minimum):
        for y in (op(x, other), op(other, x)):
            assert y.dtype == np.float32, op
            y.sum().backward()
    assert (other + x).dtype == (x + other).dtype == np.float32
    assert F.where(x > 0, x, other).dtype == np.float32
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize("shape", [(), (2,)], ids=["0d", "1d"])
@pytest.mark.parametrize("other_shape", [(), (2,)], ids=["0d", "1d"])
def test_float32_with_float64_gives_float64_and_gradients_of_the_own_dtype(shape, other_shape):
    narrow = Tensor(np.full(shape, 0.1, np.float32), requires_grad=True)
    wide = Tensor(np.full(other_shape, 0.3), requires_grad=True)
    for op in (F.add, F.sub, F.mul, F.div, F.pow):
        for y in (op(narrow, wide), op(wide, narrow)):
            narrow.grad = wide.grad = None
            assert y.dtype == np.float64
            y.sum().backward()
            assert narrow.grad.dtype == np.float32 and wide.grad.dtype == np.float64
    assert (narrow * np.full(other_shape, 0.3)).dtype == np.float64  # an array keeps its dtype


UNARY = [F.exp, F.log, F.log1p, F.sqrt, F.abs, F.sin, F.cos, F.relu, F.leaky_relu, F.elu, F.gelu]
UNARY += [F.silu, F.softplus, F.sigmoid, F.tanh, F.neg, F.sum, F.mean, F.max, F.min, F.prod, F.var]
UNARY += [F.std, F.logsumexp, F.transpose, F.squeeze]
OF_0D = {f.__name__: f for f in UNARY} | {
    "gelu tanh": lambda x: F.gelu(x, "tanh"),
    "clip": lambda x: F.clip(x, 0, 1),
    "getitem": lambda x: x[None],
    "reshape": lambda x: x.reshape(1, 1),
    "expand_dims": lambda x: x.expand_dims(0),
    "broadcast_to": lambda x: x.broadcast_to((2,)),
    "stack": lambda x: F.stack([x, x]),
    "where": lambda x: F.where(True, x, 0),
    "dropout": lambda x: F.dropout(x, 0.3, rng=0),
    "mse_loss": lambda x: F.mse_loss(x, 1.0),
    "binary_cross_entropy_with_logits": lambda x: F.binary_cross_entropy_with_logits(x, 1.0),
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("f", OF_0D.values(), ids=OF_0D)
def test_every_function_of_a_0d_tensor_keeps_its_dtype(f, dtype):
    x = Tensor(np.array(0.5, dtype), requires_grad=True)
    y = f(x)
    assert y.dtype == dtype and type(y.data) is np.ndarray
    y.sum().backward()
    assert x.grad.dtype == dtype and x.grad.shape == () and type(x.grad) is np.ndarray


def test_integers_alone_follow_numpy_and_a_whole_number_keeps_them_whole():
    small = Tensor(np.array([1, 2], np.int8))
    assert (small + small).dtype == np.int8
    assert (Tensor(np.array([1, 2])) + 1).dtype == np.int64
    assert (Tensor(np.array([1, 2])) * True).dtype == np.int64
    assert (small + 0.5).dtype == np.float32
    assert (Tensor(np.array([1, 2])) / 2).dtype == np.float64
    assert F.add(1, 2).dtype == np.float32


def test_a_float64_gradient_argument_becomes_float32():
    x = leaf([1.0, 2.0], np.float32)
    (x * 2).backward(np.array([0.1, 0.2]))
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, np.array([0.1, 0.2], np.float32) * 2)


def test_big_endian_data_works():
    x = Tensor(np.array([1.0, 2.0], ">f8"), requires_grad=True)
    (x * x).sum().backward()
    assert x.grad.tolist() == [2, 4]


# ---- recording ---------------------------------------------------------------------------------


def test_no_grad_records_nothing_and_nests():
    x = leaf([1.0])
    with no_grad():
        assert not (x * 2).requires_grad
        with no_grad():
            assert (x * 2).node is None
        assert not (x * 2).requires_grad
        assert not engine.is_recording()
    assert (x * 2).requires_grad and engine.is_recording()


def test_no_grad_ends_with_an_exception():
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert engine.is_recording()


def test_no_grad_is_a_decorator():
    @no_grad()
    def predict(x, depth=1):
        return predict(x, depth - 1) if depth else x * 2

    x = leaf([1.0])
    assert not predict(x).requires_grad
    assert not predict(x, depth=3).requires_grad
    assert (x * 2).requires_grad


def test_no_grad_holds_for_its_own_thread_only():
    x = leaf([1.0])
    inside, done = threading.Event(), threading.Event()
    recorded = []

    def other():
        inside.wait(10)
        recorded.append((x * 2).requires_grad)
        with no_grad():
            recorded.append((x * 2).requires_grad)
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with no_grad():
        inside.set()
        done.wait(10)
        recorded.append((x * 2).requires_grad)
    thread.join()
    assert recorded == [True, False, False]
    assert (x * 2).requires_grad


def test_backward_works_inside_no_grad_for_a_graph_made_outside():
    x = leaf([1.0])
    y = x * 2
    with no_grad():
        y.backward()
    assert x.grad.tolist() == [2]


def test_a_leaf_frozen_after_the_forward_pass_still_gets_its_gradient():
    x, w = leaf([1.0]), leaf([2.0])
    w.requires_grad = False
    (x * w).backward()
    assert x.grad.tolist() == [2] and w.grad is None


# ---- a user's own Function ---------------------------------------------------------------------


class Scale(Function):
    """y = k x

    gx = k gy
    """

    def forward(self, x, k=1.0, inverse=False):
        self.k = 1 / k if inverse else k
        return x * self.k

    def backward(self, gy):
        return gy * self.k


def test_a_users_function_with_options():
    x = leaf([1.0, 2.0])
    y = Scale.apply(x, k=4.0, inverse=True)
    assert y.data.tolist() == [0.25, 0.5]
    y.backward(np.array([1.0, 2.0]))
    assert x.grad.tolist() == [0.25, 0.5]
    assert Scale.apply([1, 2], k=3.0).data.tolist() == [3, 6]
    assert mg.gradcheck(Cube.apply, np.array([-1.5, 0.0, 2.0]))


def test_a_users_function_may_save_attributes_of_any_name():
    class Norm(Function):
        """y = x ** order; `order`, `made_at` and the like are the user's to use."""

        def forward(self, x, order):
            self.order, self.made_at, self.checksums, self.x = order, "here", {}, x
            return x**order

        def backward(self, gy):
            assert (self.made_at, self.checksums) == ("here", {})
            return gy * self.order * self.x ** (self.order - 1)

    assert mg.gradcheck(lambda x: Norm.apply(x, order=3), np.array([1.0, 2.0]))
    with mg.debug():
        assert mg.gradcheck(lambda x: Norm.apply(x, order=3), np.array([1.0, 2.0]))


class Power(Function):
    """y = x ** k"""

    def forward(self, x, *, k=1):
        return x**k


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (lambda: Cube(leaf(1.0)), "Cube(x)"),
        (lambda: Scale(leaf(1.0), k=2.0), "Scale(x, k=1.0, inverse=False)"),
        (lambda: Scale(k=2.0), "Scale(x, k=1.0, inverse=False)"),
        (lambda: Returns(1, 2), "Returns(*xs, make)"),
        (lambda: Power(leaf(1.0), k=2.0), "Power(x, k=1)"),
    ],
    ids=["one", "with options", "options alone", "several", "keywords alone"],
)
def test_an_operation_that_is_called_says_how_it_is_applied(call, arguments):
    name, _, taken = arguments.partition("(")
    text = (
        f"{name}: an operation is applied, not called; forward takes ({taken}; "
        f"write {name}.apply({taken}"
    )
    with pytest.raises(UnsupportedError, match=exactly(text)) as caught:
        call()
    assert isinstance(caught.value, TypeError)


def test_a_users_function_may_have_an_init_without_arguments():
    class Counting(Scale):
        """y = k x, with a counter."""

        def __init__(self):
            self.calls = 0

    assert Counting.apply(leaf([1.0]), k=3.0).node.calls == 0


def test_a_users_forward_computes_nan_and_infinity_without_warnings():
    class Ratio(Function):
        """y = x / (x − 1)"""

        def forward(self, x):
            return np.log(x) / (x - 1)

    assert np.isnan(Ratio.apply([1.0, 0.0, -1.0]).data).tolist() == [True, False, True]


@pytest.mark.parametrize("module", ["__main__", "minigrad_extras.ops"])
def test_a_value_error_in_a_users_forward_stays_as_it_is(module):
    class Strict(Function):
        """Refuses everything."""

        def forward(self, x):
            raise ValueError("only on Tuesdays")

    Strict.__module__ = module
    with pytest.raises(ValueError, match=exactly("only on Tuesdays")) as caught:
        Strict.apply(leaf([1.0]))
    assert type(caught.value) is ValueError and caught.value.__cause__ is None


def test_an_index_that_became_a_float_is_explained():
    class Pick(Function):
        """y = x[t]"""

        def forward(self, x, t):
            return x[t]

    text = (
        "Pick.forward: an index is not an integer (arrays used as indices must be of integer (or "
        "boolean) type); all inputs of an operation are float64; pass indices as an option, "
        "Pick.apply(x, index=index)"
    )
    with pytest.raises(DTypeError, match=exactly(text)) as caught:
        Pick.apply(leaf([1.0, 2.0]), np.array([1, 0]))
    assert isinstance(caught.value.__cause__, IndexError)


@pytest.mark.parametrize("fails", [lambda x: x[3], lambda x: x[0, 0], lambda x: 1 + "1"])
def test_other_errors_in_a_users_forward_stay_as_they_are(fails):
    class Fails(Function):
        """Raises what NumPy or Python raises."""

        def forward(self, x):
            return fails(x)

    with pytest.raises((IndexError, TypeError)) as caught:
        Fails.apply(leaf([1.0]))
    assert not isinstance(caught.value, MinigradError)


def test_shapes_that_do_not_fit_name_the_function_and_its_arguments():
    a, b = np.ones((2, 3)), np.ones((4, 3))
    fit = "make the shapes fit; axes broadcast if they are equal or one of them is 1"
    wrong = "operands could not be broadcast together with shapes (2,3) (4,3)"
    text = exactly(f"add: {wrong}; a (2, 3), b (4, 3); {fit}")
    with pytest.raises(ShapeError, match=text) as caught:
        F.add(a, b)
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(
        ShapeError, match=r"\Alog_softmax: axis 2 is out of bounds .*; x \(2, 3\); "
    ):
        F.log_softmax(a, axis=2)
    with pytest.raises(ShapeError, match=r"; xs\[0\] \(2, 3\), xs\[1\] \(4, 3\), xs\[2\] \(2,\); "):
        F.concatenate([a, b, np.ones(2)])
    with pytest.raises(ShapeError, match=exactly(f"broadcast_to: {BROADCAST}; x (2, 3); {fit}")):
        F.broadcast_to(a, (2, 4))


BROADCAST = (
    "operands could not be broadcast together with remapped shapes [original->remapped]: "
    "(2,3)  and requested shape (2,4)"
)


def test_an_error_of_ours_is_not_wrapped_again():
    class Inner(Function):
        """Calls a function of ours that raises."""

        def forward(self, x):
            return F.add(x, np.ones(4)).data

    with pytest.raises(ShapeError, match=r"\Aadd: "):
        Inner.apply(np.ones(3))


def test_constant_refuses_what_would_lose_its_gradient():
    assert engine.constant("f", "low", 3) == 3
    assert engine.constant("f", "low", Tensor([3.0])).tolist() == [3]
    text = "f: low gets no gradient here, but it requires one; low (2,); pass low.detach()"
    with pytest.raises(UnsupportedError, match=exactly(text)) as caught:
        engine.constant("f", "low", leaf([1.0, 2.0]))
    assert isinstance(caught.value, MinigradError)


def test_as_tensor_and_as_array():
    x = leaf([1.0])
    assert engine.as_tensor(x) is x and engine.as_array(x) is x.data
    assert engine.as_tensor([1, 2]).dtype == np.float32
    assert engine.as_array([1, 2]).tolist() == [1, 2]


def test_a_backward_that_fails_leaves_nothing_switched_off():
    x = leaf([0.0])
    with pytest.raises(ZeroDivisionError):
        Returns.apply(x, make=lambda node, gy: 1 / 0).backward()
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        np.float64(1) / np.float64(0)


def test_an_operation_inside_another_leaves_nothing_switched_off():
    class Twice(Function):
        """y = 2ⁿ / x, by applying itself"""

        def forward(self, x, n):
            return Twice.apply(x, n=n - 1).data * 2 if n else F.div(1.0, x).data

    before = np.geterr()
    assert np.isinf(Twice.apply([0.0], n=3).data)
    assert np.geterr() == before
    with pytest.raises(ShapeError):
        F.add(np.ones(2), np.ones(3))
    assert np.geterr() == before


def test_quiet_turns_warnings_off_once_for_all_operations_and_on_again():
    class Seen(Function):
        """y = 1 / x; notes how NumPy treats errors."""

        states: list = []

        def forward(self, x):
            self.states.append(np.geterr())
            return 1 / x

    def by_itself():
        return np.geterr() == before and engine._here.run is engine._Here.run

    before, elsewhere = np.geterr(), []
    with engine.quiet():
        with engine.quiet():
            Seen.apply([0.0])
        assert engine._here.run is engine._forward  # nothing between apply and forward
        Seen.apply([0.0])
        other = threading.Thread(target=lambda: elsewhere.append(by_itself()))
        other.start()
        other.join()
    assert by_itself() and elsewhere == [True]
    with pytest.raises(ZeroDivisionError), engine.quiet():
        raise ZeroDivisionError
    assert by_itself()
    Seen.apply([0.0])
    assert len(Seen.states) == 3
    assert all(set(state.values()) == {"ignore"} for state in Seen.states)


def test_infinite_gradients_come_without_warnings():
    x = leaf([0.0, 1.0])
    x.log().sum().backward()
    x.sqrt().sum().backward()
    assert np.isinf(x.grad[0]) and x.grad[1] == 1.5
