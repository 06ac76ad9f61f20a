"""What tests of several rooms share."""

import re

import numpy as np

from minigrad import Function, Tensor


def exactly(text):
    """Return the pattern for `match=` that matches this text and nothing longer."""
    return rf"\A{re.escape(text)}\Z"


def leaf(data, dtype=np.float64):
    """Return a Tensor that requires a gradient."""
    return Tensor(np.array(data, dtype=dtype), requires_grad=True)


def nodes_below(y):
    """Return the nodes of the graph that made y."""
    found, todo = [], [y.node]
    while todo:
        node = todo.pop()
        if node is not None and node not in found:
            found.append(node)
            todo += [x.node for x in node.inputs]
    return found


class Spoiled(Function):
    """y = x, whose backward passes on wrong(gy) instead of gy."""

    def forward(self, x, wrong):
        self.wrong = wrong
        return x.copy()

    def backward(self, gy):
        return self.wrong(gy)


def functions_below(base=Function):
    """Return the Functions of minigrad.functions that compute something."""
    below = [c for sub in base.__subclasses__() for c in (sub, *functions_below(sub))]
    return {
        c
        for c in below
        if c.__module__.startswith("minigrad.functions.") and c.forward is not Function.forward
    }


def assert_same_arrays(state, other):
    """Assert that two dicts hold arrays of the same bytes under the same names."""
    assert {name: a.tobytes() for name, a in state.items()} == {
        name: a.tobytes() for name, a in other.items()
    }
