"""What the check sees inside f: broken promises, what differs between two runs, rounding."""

import copy
from collections.abc import Iterator

import numpy as np

from ..debugging import Watch, all_finite, saved_arrays
from ..tensor import Tensor
from .differences import ROUNDED, ROUNDED_32

EPS = float(np.finfo(np.float64).eps)
SCALE = -1024.0  # of gy, exact in floats: a backward is linear in it
ROUNDINGS = 4  # in one operation, each by ε / 2 at most: softmax takes −, exp, Σ and ÷


class Contract(Watch):
    """A watch that holds every operation to the contract of `Function`.

    Args:
        generators: gets the state of every generator among the options of an operation, as it was
            before the operation drew from it.

    Attributes:
        fault: what the first operation that breaks the contract did; empty if none does.
        flow: the largest gradient that flows anywhere, the upstream one included.
        narrowed: for each leaf by its id, which backward pass gave it too narrow a gradient.
        non_finite: the operation whose backward made the first NaN or infinity; empty if none did.
        otherwise: set it to call every backward in other ways as well: with a gy that is not
            contiguous and SCALE times as large, and with one half of the inputs needing a gradient.
        unstable: the first operation whose backward returns something else each time.
        inconsistent: what the first operation does that returns something else if it is called in
            another way.
    """

    def __init__(self, generators: dict):
        self.generators = generators
        self.fault, self.flow, self.non_finite = "", 0.0, ""
        self.otherwise, self.unstable, self.inconsistent = False, "", ""
        self.narrowed: dict[int, str] = {}
        self._inputs, self._saved = [], {}
        self._returned: dict[int, np.ndarray] = {}  # gradients, by the array that owns the memory

    def before_forward(self, node, arrays, options):
        """Note what flows into the node."""
        note_generators(options, self.generators)
        self._inputs = [] if self.otherwise else [(a, a.copy()) for a in arrays]
        return arrays

    def after_forward(self, node, y):
        """Compare what flowed in with what is there now, and note what the node saved."""
        for i, (now, before) in enumerate(self._inputs):
            if not _equal(now, before):
                self._found(node, "forward", f"wrote to its input {i}: make a new array instead")
        if not self.otherwise:
            copies = {id(now): before for now, before in self._inputs}
            self._saved[node] = [
                (name, a, copies[id(a)] if id(a) in copies else a.copy())
                for name, a in saved_arrays(node)
            ]

    def backward(self, node, gy):
        """Run the node's backward; compare what it was given with what is there afterwards."""
        upstream, inputs, name = gy.copy(), node.inputs, type(node).__name__
        gradients = node.backward(gy)
        if not _equal(gy, upstream):
            self._found(node, "backward", "wrote to gy: gy * 3 makes a new array, gy *= 3 does not")
        for attribute, now, before in self._saved.pop(node, ()):
            if not _equal(now, before):
                what = f"self.{attribute}, which forward saved, was written to"
                self._found(node, "backward", f"{what}: make a new array instead")
        parts = gradients if isinstance(gradients, tuple) else (gradients,)
        from_finite = self._see(upstream)
        kept = [gy, *(x.data for x in inputs), *(a for _, a in saved_arrays(node))]
        for i, (g, x, needed) in enumerate(zip(parts, inputs, node.needs, strict=False)):
            if g is None or not needed:
                continue
            g = np.asarray(g)
            finite = self._see(g)
            if g.dtype.kind == "f" and g.dtype.itemsize < x.dtype.itemsize:
                why = f"{name}.backward returned {g.dtype} for an input of {x.dtype}"
                self.narrowed.update({id(leaf): why for leaf in leaves_of(x)})
            if not self.non_finite and from_finite and not finite:
                self.non_finite = f"{name}.backward"
            old = id(_owner(g)) in self._returned or any(_shared(g, other) for other in kept)
            if node.fresh and old:
                what = f"the gradient of input {i} is an array that something else holds"
                self._found(node, "backward", f"{what}, and `fresh = True` promises a new one")
            kept.append(g)
        self._returned.update((id(_owner(g)), g) for g in parts if isinstance(g, np.ndarray))
        return self._in_other_ways(node, upstream, parts) if self.otherwise else gradients

    def _in_other_ways(self, node, gy: np.ndarray, parts: tuple) -> tuple:
        """Call backward in other ways and compare; return copies, for it may reuse its arrays."""
        parts = tuple(None if g is None else np.copy(g) for g in parts)
        for k in (0, 1):
            needs = tuple(n and i % 2 == k for i, n in enumerate(node.needs))
            if any(needs) and not self._agree(parts, _called(node, gy, needs, True, SCALE), needs):
                self._blame(node, gy, parts, needs)
        return parts

    def _blame(self, node, gy: np.ndarray, parts: tuple, needs: tuple) -> None:
        """Note in which of the other ways backward returns another gradient."""
        ways = (
            ("", node.needs, False, 1),
            ("returns another gradient if gy is not contiguous", node.needs, True, 1),
            (f"is not linear in gy: compare it for gy and {SCALE:g} gy", node.needs, False, SCALE),
            (
                f"returns another gradient for input {needs.index(True)} if another needs none",
                needs,
                False,
                1,
            ),
        )
        differ = [
            what for what, *way in ways if not self._agree(parts, _called(node, gy, *way), way[0])
        ]
        name = f"{type(node).__name__}.backward"
        if differ and differ[0]:
            self.inconsistent = self.inconsistent or f"{name} {differ[0]}"
        else:  # with the same arguments, or it does not happen again
            self.unstable = self.unstable or name

    def _agree(self, parts: tuple, others: tuple, needs: tuple) -> bool:
        """Return whether two calls of backward return the same gradients, if they can be compared.

        What cancels to 0 is rounding, and may come out otherwise.
        """
        for a, b, needed in zip(parts, others, needs, strict=False):
            if not needed or a is None or b is None or np.array_equal(a, b):
                continue
            a = np.asarray(a)
            rounded = ROUNDED if a.dtype == np.float64 else ROUNDED_32
            least = rounded * self.flow
            same = a.shape != b.shape or close(a, b, same_share(a.dtype), least)
            if not same and all_finite([a, b]):
                return False
        return True

    def _see(self, g: np.ndarray) -> bool:
        """Note how large g is, and return whether it is finite."""
        size = float(max(g.max(initial=0), -g.min(initial=0)))
        finite = bool(np.isfinite(size))
        if not finite:
            size = float(abs(g[np.isfinite(g)]).max(initial=0))
        self.flow = max(self.flow, size)
        return finite

    def _found(self, node, method: str, what: str) -> None:
        self.fault = self.fault or f"{type(node).__name__}.{method} {what}"


def _called(node, gy: np.ndarray, needs: tuple, strided: bool, scale: float) -> tuple:
    """Return the gradients that backward returns in another way; () if it raises."""
    gy = gy * scale
    if strided:
        buffer = np.empty((*gy.shape[::-1], 2), gy.dtype)
        buffer[..., 0] = gy.T
        gy = buffer[..., 0].T
    before = node.needs
    try:
        node.needs = needs
        gradients = node.backward(gy)
        parts = gradients if isinstance(gradients, tuple) else (gradients,)
        return tuple(None if g is None else np.asarray(g) / scale for g in parts)
    except Exception:  # it may have freed what forward saved
        return ()
    finally:
        node.needs = before


class Record(Watch):
    """A watch that keeps what every operation returns: to find the first that differs.

    Attributes:
        seen: the operation's name, the method, and a copy of the arrays, in order.
    """

    def __init__(self):
        self.seen: list[tuple[str, str, list[np.ndarray]]] = []

    def after_forward(self, node, y):
        """Keep y."""
        self.seen.append((type(node).__name__, "forward", [y.copy()]))

    def backward(self, node, gy):
        """Keep the gradients."""
        gradients = node.backward(gy)
        parts = gradients if isinstance(gradients, tuple) else (gradients,)
        arrays = [np.array(g) for g in parts if g is not None]
        self.seen.append((type(node).__name__, "backward", arrays))
        return gradients


class Operation:
    """A node with copies of what reached it: enough to run it again, alone."""

    def __init__(self, node, arrays: list[np.ndarray], options: dict):
        self.node, self.options = node, _copied(options)
        self.arrays = [a.copy("K") for a in arrays]  # in the layout that they have

    @property
    def inputs(self) -> list[np.ndarray | None]:
        """The arrays that reached it; None for one that needs no gradient."""
        return [a if n else None for a, n in zip(self.arrays, self.node.needs, strict=True)]

    def run(self, *inputs) -> Tensor:
        """Run the operation on other inputs; None is the input that needs no gradient."""
        pairs = zip(inputs, self.arrays, strict=True)
        inputs = [a if x is None else x for x, a in pairs]
        return type(self.node).apply(*inputs, **_copied(self.options))


def _copied(options: dict) -> dict:
    """Return the options with copies of the generators, so that each run draws the same numbers."""
    return {
        name: copy.deepcopy(value) if isinstance(value, np.random.Generator) else value
        for name, value in options.items()
    }


class Operations(Watch):
    """A watch that keeps every operation.

    Attributes:
        seen: the operations, in order.
    """

    def __init__(self):
        self.seen: list[Operation] = []

    def before_forward(self, node, arrays, options):
        """Keep the node and what reaches it."""
        self.seen.append(Operation(node, arrays, options))
        return arrays


class Rounding(Watch):
    """A watch that moves every number that flows into an operation by a few roundings, at random.

    By how much y moves then is how far its own rounding may put it off: Monte Carlo arithmetic
    (Parker, 1997).

    Args:
        rng: draws the moves.
        times: by how much to enlarge the roundings; below 0 they go the other way, and 0 leaves
            the numbers as they are.

    Attributes:
        outputs: what each operation returned, by its name and in order.
    """

    def __init__(self, rng: np.random.Generator, times: float):
        self.rng, self.roundings = rng, ROUNDINGS * times
        self.outputs: list[tuple[str, np.ndarray]] = []

    def before_forward(self, node, arrays, options):
        """Return the arrays, moved where they take part in differentiation: an exponent stays 3."""
        return [self._moved(a) if n else a for a, n in zip(arrays, node.needs, strict=True)]

    def after_forward(self, node, y):
        """Keep y."""
        self.outputs.append((type(node).__name__, y))

    def _moved(self, a: np.ndarray) -> np.ndarray:
        share = self.rng.random(a.shape, dtype=np.float32) - np.float32(0.5)
        return np.asarray(a + a * (share * (self.roundings * np.finfo(a.dtype).eps)), dtype=a.dtype)


def note_generators(options: dict, generators: dict) -> None:
    """Add the generators among the options, with their states, unless they are known."""
    for value in options.values():
        if isinstance(value, np.random.Generator):
            generators.setdefault(value, value.bit_generator.state)


def leaves_of(y: Tensor) -> Iterator[Tensor]:
    """Yield the leaves of the graph that made y."""
    found, todo = {id(y)}, [y]
    while todo:
        x = todo.pop()
        if x.node is None:
            yield x
            continue
        for other in x.node.inputs:
            if id(other) not in found:
                found.add(id(other))
                todo.append(other)


def same_share(dtype) -> float:
    """Return the share of the largest element by which two runs in a dtype may differ.

    Their arrays may lie elsewhere in memory, and sums are then taken in another order.
    """
    return 1e-10 if dtype == np.float64 else 1e-5


def close(a: np.ndarray, b: np.ndarray, share: float, least: float = 0.0) -> bool:
    """Return whether a and b differ by at most a share of the largest element, or by `least`.

    NaN equals NaN.
    """
    if np.array_equal(a, b):
        return True
    finite = np.isfinite(a)
    if (
        a.shape != b.shape
        or not _equal(finite, np.isfinite(b))
        or not _equal(a[~finite], b[~finite])
    ):
        return False
    a, b = a[finite], b[finite]
    return bool(abs(a - b).max(initial=0) <= max(share * abs(a).max(initial=0), least))


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    same = np.array_equal(a, b)
    return same or (a.dtype.kind == "f" and np.array_equal(a, b, equal_nan=True))


def _owner(a: np.ndarray) -> np.ndarray:
    """Return the array that a is a view of, or a."""
    while isinstance(a.base, np.ndarray):
        a = a.base
    return a


def _shared(a: np.ndarray, b: np.ndarray) -> bool:
    """Return whether two arrays overlap in memory; a hard case counts as an overlap."""
    try:
        return a is b or np.shares_memory(a, b, max_work=10_000)
    except np.exceptions.TooHardError:
        return True
