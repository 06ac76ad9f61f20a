"""Grading the three exercises on the engine, on small graphs of minigrad's own nodes."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..engine import Function
from ..tensor import Tensor

LONG = 3000  # nodes of a chain that is too long for recursion

Named = dict[str, Tensor]  # the Tensors of a graph, by the names in its text


def _leaf(*values: float) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


def _graphs() -> Iterator[tuple[str, Named]]:
    """Yield small graphs: a text, and the Tensors that operations made; the last is the root."""
    x = _leaf(1.0, 2.0)
    a = x * 3.0
    b = a * a
    yield "a = 3 x, b = a a", {"a": a, "b": b}
    a = x * 2.0
    b = a * 3.0
    c = a + b
    yield "a = 2 x, b = 3 a, c = a + b", {"a": a, "b": b, "c": c}
    a = x * 2.0
    b = a * 3.0
    c = b + a
    yield "a = 2 x, b = 3 a, c = b + a", {"a": a, "b": b, "c": c}
    a = x * 2.0
    b = a * 3.0
    c = b * 4.0
    d = a * 5.0
    e = c + d
    f = e * b
    yield (
        "a = 2 x, b = 3 a, c = 4 b, d = 5 a, e = c + d, f = e b",
        {"a": a, "b": b, "c": c, "d": d, "e": e, "f": f},
    )


# ---- the order of the sweep --------------------------------------------------------------------


def grade_order(order: Callable) -> list[str]:
    """Return what is wrong with a student's order of the nodes, [] if nothing is."""
    for text, tensors in _graphs():
        nodes = {t.node: name for name, t in tensors.items()}
        found = order([*nodes][-1])
        if wrong := _wrong_order(found, nodes):
            return [f"the graph {text}; {wrong[0]}", *wrong[1:]]
    y = _leaf(1.0)
    for _ in range(LONG):
        y = y * 1.0
    try:
        found = order(y.node)
    except RecursionError:
        return [
            f"a chain of {LONG} nodes: RecursionError",
            "Python ends a recursion at about 1,000 calls, and a graph may be deeper. Keep the "
            "nodes that are still to do in a list, and take them from there.",
        ]
    if len(found) != LONG:
        return [f"a chain of {LONG} nodes: {len(found)} are in your order"]
    return []


def _wrong_order(found: Any, nodes: dict[Function, str]) -> list[str]:
    if found is Ellipsis:
        return ["order is not written yet"]
    if found is None:
        return ["order returns None", "Does it end with return?"]
    try:
        found = list(found)
    except TypeError:
        return [f"order returns a {type(found).__name__}", "Return a list of nodes."]
    if any(n is None for n in found):
        return ["there is None among the nodes", "x.node is None for a leaf: leave it out."]
    if any(isinstance(n, Tensor) for n in found):
        return ["there are Tensors among the nodes", "x is a Tensor. Its node is x.node."]
    if strange := [n for n in found if not isinstance(n, Function)]:
        kind = type(strange[0]).__name__
        return [f"there is something of type {kind} among the nodes", "Return nodes only."]
    names = [nodes.get(n, "?") for n in found]
    yours = f"your order is {' '.join(names) or 'empty'}"
    for name in names:
        if names.count(name) > 1:
            return [
                f"{yours}: {name} comes {names.count(name)} times",
                "A node runs once, when all its gradients have arrived. A set of those seen helps.",
            ]
    if missing := [name for name in nodes.values() if name not in names]:
        is_root = missing == [*nodes.values()][-1:]
        hint = "The root runs too, and first." if is_root else "Follow all inputs of every node."
        return [f"{yours}: {missing[0]} is missing", hint]
    if names == [*nodes.values()] and len(names) > 1:
        return [
            f"{yours}, that of the forward pass",
            "A node comes before those that it was made from: turn it round.",
        ]
    for node, name in nodes.items():
        for x in node.inputs:
            below = nodes.get(x.node)
            if below is not None and names.index(below) < names.index(name):
                return [
                    f"{yours}: {below} runs before {name}, which uses it",
                    f"{below} has not received the gradient that {name} sends. Plain recursion and "
                    "a search level by level go wrong where a node is used twice.",
                ]
    return []


# ---- accumulation ------------------------------------------------------------------------------


def grade_accumulate(accumulate: Callable) -> list[str]:
    """Return what is wrong with how a student adds up gradients, [] if nothing is."""
    leaf, other, before = _leaf(1.0, 1.0), _leaf(1.0, 1.0), np.array([1.0, 1.0])
    gs = [np.array([1.0, -4.0]), np.array([3.0, 0.5]), np.array([2.0, 2.0])]
    total, kept = np.zeros(2), [g.copy() for g in gs]
    for n, g in enumerate(gs, 1):
        accumulate(leaf, g)
        total = total + kept[n - 1]
        if not np.array_equal(leaf.data, before):
            return ["leaf.data has changed", "The gradient belongs in leaf.grad. A step is later."]
        if leaf.grad is None:
            return [
                "leaf.grad is still None",
                "Is it written? Set leaf.grad; what you return is not used.",
            ]
        if isinstance(leaf.grad, Tensor) or not isinstance(leaf.grad, (np.ndarray, np.generic)):
            return [f"leaf.grad is a {type(leaf.grad).__name__}", "It has to be an array like g."]
        if leaf.grad.shape != (2,):
            return [
                f"leaf.grad has the shape {leaf.grad.shape}, and g has (2,)",
                "Nothing is summed here.",
            ]
        if written := [
            m for m, (a, b) in enumerate(zip(gs, kept, strict=True), 1) if (a != b).any()
        ]:
            return [
                f"the {_nth(written[0])} g was written to",
                "After leaf.grad = g both are one array, and += writes to it. Copy the first.",
            ]
        if not np.allclose(leaf.grad, total):
            return _wrong_sum(leaf.grad, kept[:n])
        if any(np.shares_memory(leaf.grad, a) for a in gs):
            return [
                f"after the {_nth(n)} g, leaf.grad shares its memory with it",
                "Who gave g may go on to use it, and change your gradient. Copy it.",
            ]
    accumulate(other, gs[0])
    if not np.allclose(other.grad, kept[0]):
        return ["another leaf did not begin with None", "Keep nothing but leaf.grad itself."]
    leaf.grad = None
    accumulate(leaf, gs[1])
    if leaf.grad is None or not np.allclose(leaf.grad, kept[1]):
        return [
            "after leaf.grad = None it did not begin anew",
            "Keep nothing but leaf.grad itself.",
        ]
    narrow = Tensor(np.ones(2, np.float32), requires_grad=True)
    for _ in range(2):
        accumulate(narrow, np.ones(2, np.float32))
    if narrow.grad.dtype != np.float32:
        return [
            f"of float32 gradients, leaf.grad became {narrow.grad.dtype}",
            "np.zeros is float64: g.copy() and g keep their dtype.",
        ]
    return []


def _wrong_sum(grad: np.ndarray, gs: list[np.ndarray]) -> list[str]:
    """Return what leaf.grad is instead of the sum of the gradients so far."""
    sums = {
        "the last g alone": (gs[-1], "It was overwritten. Add to what is there."),
        "the first g alone": (gs[0], "Later gradients have to be added to it."),
        "the mean of them": (
            np.mean(gs, axis=0),
            "Each use adds its own part. Nothing is divided.",
        ),
        "the largest of them": (np.max(gs, axis=0), "What comes back along several ways is added."),
        "their product": (np.prod(gs, axis=0), "What comes back along several ways is added."),
        "minus their sum": (-np.sum(gs, axis=0), "A gradient is added. The step goes against it."),
        "their sum with the first one twice": (
            np.sum(gs, axis=0) + gs[0],
            "The first is stored, and then added again: there are two cases, if and else.",
        ),
        "their sum with the first one lost": (
            np.sum(gs, axis=0) - gs[0],
            "The first g counts as well: leaf.grad begins with it, not with zeros.",
        ),
        "the first one minus the others": (
            2 * gs[0] - np.sum(gs, axis=0),
            "A gradient is added. The step goes against it, later.",
        ),
        "twice their sum": (2 * np.sum(gs, axis=0), "Each g is added once."),
    }
    for what, (value, hint) in sums.items():
        if np.allclose(grad, value):
            return [f"after {len(gs)} gradients, leaf.grad is {what}", hint]
    text = f"after {', '.join(str(g) for g in gs)} leaf.grad is {grad}, not {np.sum(gs, axis=0)}"
    return [text, "It has to be their sum."]


def _nth(n: int) -> str:
    return ("first", "second", "third")[n - 1]


# ---- freeing -----------------------------------------------------------------------------------


def grade_free(sweep: Callable) -> list[str]:
    """Return what is wrong with a student's sweep, [] if nothing is."""
    _, nodes, leaves = _two_uses()
    gradient = np.array([1.0, -2.0])
    _, fresh, twins = _two_uses()
    while_running: list[bool] = []
    last = nodes[-1]
    run = last.backward
    last.backward = lambda gy: (while_running.append(nodes[0].inputs is None), run(gy))[1]
    right = [4 * gradient * leaf.data for leaf in leaves]
    sweep(nodes, gradient, retain_graph=False)
    if any(leaf.data is None or leaf.data.shape != (2,) for leaf in leaves):
        return ["leaf.data is gone", "Free the nodes. The leaves are the user's."]
    if any(
        leaf.grad is None or not np.allclose(leaf.grad, g)
        for leaf, g in zip(leaves, right, strict=True)
    ):
        return ["the gradients of the leaves are wrong", "The loop in the middle was right."]
    held = [node for node in nodes if node.inputs is not None]
    if len(held) == len(nodes):
        return [
            "no node was freed",
            "vars(node).clear() at the end of each turn, unless retain_graph.",
        ]
    if held:
        return [
            f"{len(held)} of {len(nodes)} nodes were not freed",
            "Each node, at the end of its turn.",
        ]
    if saved := [node for node in nodes if vars(node)]:
        return [
            f"a node still holds {', '.join(vars(saved[0]))}",
            "vars(node).clear() forgets all.",
        ]
    if while_running != [True]:
        return [
            "the first node was still held when the last one ran",
            "Free each node at the end of its own turn: memory is wanted while it goes on.",
        ]
    grads = [leaf.grad.copy() for leaf in leaves]
    if said := _not_refused(sweep, nodes, gradient, "a second sweep"):
        return said
    if any((leaf.grad != g).any() for leaf, g in zip(leaves, grads, strict=True)):
        return ["a refused sweep has changed leaf.grad", "Look before the first node runs."]
    return _retained(sweep, fresh, twins, gradient) or _shared(sweep, gradient)


def _two_uses() -> tuple[Tensor, list[Function], list[Tensor]]:
    """Return a Tensor that is used twice, the nodes in the order of a sweep, and the leaves."""
    x = _leaf(1.0, 3.0)
    a = x * x
    y = a + a
    return a, [t.node for t in (y, a) if t.node is not None], [x]


def _not_refused(sweep: Callable, nodes: list, gradient: np.ndarray, what: str) -> list[str]:
    """Return what is wrong if a sweep over freed nodes does not raise RuntimeError."""
    try:
        sweep(nodes, gradient, retain_graph=False)
    except RuntimeError:
        return []
    except Exception as error:
        return [
            f"{what} over freed nodes ends in {type(error).__name__}",
            "Look before the first node runs whether one was freed, and raise RuntimeError.",
        ]
    return [
        f"{what} over freed nodes is not refused",
        "Raise RuntimeError if a node.inputs is None.",
    ]


def _retained(
    sweep: Callable, nodes: list, leaves: list[Tensor], gradient: np.ndarray
) -> list[str]:
    for n in (1, 2):
        try:
            sweep(nodes, gradient, retain_graph=True)
        except RuntimeError:
            text = "with retain_graph=True the graph was refused"
            return [
                text,
                "It was not freed: look at node.inputs, not at whether a sweep came before.",
            ]
        if any(node.inputs is None for node in nodes):
            return [
                "with retain_graph=True nodes were freed",
                "Then nothing is freed: if not retain_graph.",
            ]
        if any(not np.allclose(x.grad, 4 * n * gradient * x.data) for x in leaves):
            return [
                f"with retain_graph=True the {_nth(n)} sweep went wrong",
                "It adds the same again.",
            ]
    return []


def _shared(sweep: Callable, gradient: np.ndarray) -> list[str]:
    """Return what is wrong if a part of the graph was freed by the sweep of another root."""
    a, nodes, (x,) = _two_uses()
    z = a * x  # uses x itself, before the part that is freed
    sweep(nodes, gradient, retain_graph=False)
    before = x.grad.copy()
    if said := _not_refused(sweep, [z.node, *nodes[1:]], gradient, "a sweep"):
        return [said[0], "Look at all nodes, not at the first alone.", *said[1:]]
    if not np.array_equal(x.grad, before):
        text = "a sweep of which one part was freed was refused too late: leaf.grad has changed"
        return [text, "Look at all nodes before the first one runs."]
    return []


GRADERS = {"order": grade_order, "accumulate": grade_accumulate, "free": grade_free}
