"""debug(): arrays that were written to, the first NaN or infinity, and the line that made it."""

import inspect
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import minigrad as mg
from minigrad import Function, Tensor, debug, debugging, nn
from minigrad import functions as F
from minigrad.errors import GraphError, NonFiniteError
from tests.helpers import exactly, leaf


def here(offset=0):
    """Return file:line of the caller, `offset` lines further down."""
    return f"{__file__}:{inspect.currentframe().f_back.f_lineno + offset}"


# ---- saved arrays ------------------------------------------------------------------------------


def written(names, op, place):
    return exactly(
        f"{op}.backward: an array that forward saved was written to before backward read it; "
        f"{names}, made at {place}; make a new array instead of writing: x = x + 1, not x += 1"
    )


def test_a_write_into_a_saved_array_is_found_and_named_with_its_line():
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    with debug():
        place = here(+1)
        y = (x * w).sum()
        w.data[0] = 7.0
        with pytest.raises(GraphError, match=written("self.b", "Mul", place)):
            y.backward()
    assert x.grad is None and w.grad is None


def test_every_array_that_changed_is_named():
    x = leaf([1.0, 2.0])
    with debug():
        y, place = x * x, here()
        x.data += 1
        with pytest.raises(GraphError, match=written("self.a, self.b", "Mul", place)):
            y.sum().backward()


class Overwrites(Function):
    """y = a + b, computed in the arrays of the inputs named in `which`."""

    def forward(self, a, b, which):
        for i in which:
            (a, b)[i][...] += 1
        return a + b

    def backward(self, gy):
        return gy, gy


@pytest.mark.parametrize(
    ("which", "names"), [([0], "input 0"), ([1], "input 1"), ([0, 1], "input 0, input 1")]
)
def test_a_forward_that_writes_to_its_input_is_named(which, names):
    a, b = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    with debug():
        text = (
            f"Overwrites.forward: wrote to the array of an input; {names}, at {here(+4)}; "
            "make a new array instead of writing: y = x + 1, not x += 1"
        )
        with pytest.raises(GraphError, match=exactly(text)):
            Overwrites.apply(a, b, which=which)


def test_a_forward_that_writes_to_what_it_made_is_allowed():
    x = leaf([1.0, 2.0])
    with debug():
        y = Overwrites.apply(x[::-1], x[::-1], which=[])
        assert "_given" not in vars(y.node)
        F.softmax(x.reshape(1, 2).T)  # divides in place what it made


def test_arrays_in_tuples_lists_and_dicts_are_looked_at():
    class Pair(Function):
        """y = x, saving arrays in a tuple, in a list and in a dict of tuples."""

        def forward(self, x):
            self.pair, self.many = (x, "text", x.copy()), [None, x]
            self.cache = {"x": (1, x), 3: x.copy()}
            return x + 0

        def backward(self, gy):
            return gy

    x = leaf([1.0, 2.0])
    with debug():
        y, place = Pair.apply(x), here()
        x.data[:] = 0
        names = "self.pair[0], self.many[1], self.cache['x'][1]"
        with pytest.raises(GraphError, match=written(names, "Pair", place)):
            y.sum().backward()


def test_an_optimizer_step_between_forward_and_backward_is_found():
    model = nn.Linear(2, 2, rng=0)
    optimizer = mg.optim.SGD(model.parameters(), lr=0.1)
    x = Tensor(np.ones((1, 2), np.float32), requires_grad=True)
    with debug():
        loss, place = model(x).sum(), here()
        loss.backward(retain_graph=True)
        optimizer.step()
        with pytest.raises(GraphError, match=written("self.W", "Linear", place)):
            loss.backward()


def test_a_write_to_what_was_not_saved_is_allowed():
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    with debug():
        y = (x + w).sum()
        x.data[:] = 9
        y.backward()
    assert x.grad.tolist() == [1, 1]


# ---- the first NaN or infinity -----------------------------------------------------------------


def non_finite(where, value, index, shape, count, place):
    return exactly(
        f"{where}: made {value} from finite numbers; element {index} of {shape}, {count} in all; "
        f"the node was made at {place}; look at what that line computes"
    )


def test_the_first_nan_of_a_forward_pass():
    x = leaf([2.0, 1.0, -1.0, -2.0])
    with debug():
        text = non_finite("Log.forward", "nan", (2,), (4,), 2, here(+2))
        with pytest.raises(NonFiniteError, match=text):
            x.log()


def test_the_first_infinity_of_a_forward_pass():
    x = leaf([1.0, 1000.0])
    with debug():
        text = non_finite("Exp.forward", "inf", (1,), (2,), 1, here(+2))
        with pytest.raises(NonFiniteError, match=text):
            np.exp(x)


def test_a_0d_result():
    with debug():
        text = non_finite("Div.forward", "inf", (), (), 1, here(+2))
        with pytest.raises(NonFiniteError, match=text):
            Tensor(1.0) / 0


def test_the_first_infinity_of_a_backward_pass_names_the_line_of_the_forward_pass():
    x = leaf([1.0, 0.0])
    with debug():
        place = here(+1)
        h = x.sqrt()
        loss = (h * 3).sum()
        text = non_finite("Sqrt.backward", "inf", (1,), (2,), 1, place)
        with pytest.raises(NonFiniteError, match=text):
            loss.backward()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_backward_pass_through_a_0d_tensor(dtype):
    x = Tensor(np.array(0.0, dtype), requires_grad=True)
    with debug(), pytest.raises(NonFiniteError, match=r"\ASqrt.backward: made inf from finite "):
        x.sqrt().backward()


def test_nan_and_infinity_that_came_in_from_outside_are_passed_on():
    with debug():
        for bad in (np.nan, np.inf, -np.inf):
            x = leaf([1.0, bad])
            (x * 2 + x.exp()).backward(np.ones(2))
            assert not np.isfinite(x.grad[1]) or bad == -np.inf
            (leaf([1.0, 2.0]) * 2).backward(np.array([1.0, bad]))
            assert F.pad(leaf([1.0]), 1, value=bad).shape == (3,)  # as an option
            assert F.where([True, False], leaf([1.0, 2.0]), bad).requires_grad


def test_only_the_first_one_is_blamed():
    x = leaf([0.0])
    with debug(), pytest.raises(NonFiniteError, match=r"\ALog.forward: made -inf"):
        (x.log() * 2).exp()


def test_options_that_are_not_arrays_do_no_harm():
    with debug():
        x = leaf([1.0, 2.0, 3.0])
        loss = F.cross_entropy(x.reshape(1, 3)[:, [0, 2]], [1]) + x.sum(axis=0, keepdims=True)
        loss.sum().backward()
    assert np.isfinite(x.grad).all()


class Number(Function):
    """y = infinity, as a Python number"""

    def forward(self, x):
        return float("inf")


def test_a_forward_that_returns_a_python_number():
    with debug(), pytest.raises(NonFiniteError, match=r"\ANumber.forward: made inf from finite "):
        Number.apply(Tensor(1.0))


# ---- whose line --------------------------------------------------------------------------------


def test_the_line_is_the_users_however_deep_the_library_is_in_between():
    criterion = nn.CrossEntropy(from_probabilities=True)
    with debug():
        text = non_finite("ProbabilityCrossEntropy.forward", "inf", (), (), 1, here(+2))
        with pytest.raises(NonFiniteError, match=text):
            criterion(leaf([[1.0, 0.0]]), [1])


def test_operators_and_numpy_functions_give_the_users_line():
    x = leaf([1.0, 2.0])
    with debug():
        y, place = x + 1, here()
        assert y.node._made_at == place
        y, place = np.sum(x), here()
        assert y.node._made_at == place
        y, place = np.ones(2) * x, here()
        assert y.node._made_at == place
        y, place = F.stack([x, x]), here()
        assert y.node._made_at == place


# ---- on and off --------------------------------------------------------------------------------


def test_nothing_is_noted_or_looked_at_when_it_is_off():
    x = leaf([0.0, 1.0])
    y = x.sqrt().log()
    assert set(vars(y.node)) == {"inputs", "needs", "_order", "x"}
    y.sum().backward()
    assert np.isinf(x.grad[0]) or np.isnan(x.grad[0])


def test_it_nests_and_ends_with_an_exception():
    assert not debugging.active.watch
    with debug():
        with debug():
            pass
        assert debugging.active.watch
    assert not debugging.active.watch
    with pytest.raises(ZeroDivisionError), debug():
        raise ZeroDivisionError
    assert not debugging.active.watch


def test_it_is_a_decorator():
    @debug()
    def compute():
        return leaf([-1.0]).log()

    with pytest.raises(NonFiniteError):
        compute()
    assert not debugging.active.watch


def test_it_holds_for_its_own_thread_only():
    seen = []
    with debug():
        thread = threading.Thread(target=lambda: seen.append(debugging.active.watch))
        thread.start()
        thread.join()
    assert seen == [None]


def test_a_graph_made_before_is_run_without_checks():
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    x.data[:] = 5
    with debug():
        y.backward()
    assert x.grad.tolist() == [10, 10]


def test_a_wrong_gradient_still_names_op_and_input():
    class Short(Function):
        """y = a + b, with one gradient."""

        def forward(self, a, b):
            return a + b

        def backward(self, gy):
            return [gy]

    with debug(), pytest.raises(GraphError, match=r"\AShort.backward: returned a list for 2 "):
        Short.apply(leaf([1.0]), leaf([2.0])).backward()


def test_training_gives_the_same_numbers_with_debug():
    def train():
        rng = np.random.default_rng(0)
        model = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.ReLU(), nn.Linear(4, 2, rng=rng))
        optimizer = mg.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for _ in range(5):
            loss = F.cross_entropy(model(np.eye(3, dtype=np.float32)), np.array([0, 1, 1]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return model.state_dict()

    plain = train()
    with debug():
        checked = train()
    for name, array in plain.items():
        np.testing.assert_array_equal(array, checked[name])


SCRIPT = """
import threading
from minigrad import Tensor, debugging
x = Tensor([-1.0], requires_grad=True)
def compute():
    try:
        print(type(x.log().node).__name__)
    except ArithmeticError as error:
        print(error)
compute()
thread = threading.Thread(target=compute)
thread.start()
thread.join()
"""


@pytest.mark.parametrize(("value", "on"), [("1", True), ("0", False), ("", False), (None, False)])
def test_the_environment_variable_turns_it_on_for_the_whole_process(value, on, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {k: v for k, v in os.environ.items() if k != "MINIGRAD_DEBUG"}
    environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    if value is not None:
        environment["MINIGRAD_DEBUG"] = value
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True
    )
    found = (
        "Log.forward: made nan from finite numbers; element (0,) of (1,), 1 in all; "
        f"the node was made at {script}:7; look at what that line computes"
    )
    assert done.stdout.splitlines() == [found if on else "Log"] * 2
