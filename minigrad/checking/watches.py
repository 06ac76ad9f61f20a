"""What the check sees inside f: broken promises, what differs between two runs, rounding."""

import copy
import itertools
from collections import Counter
from collections.abc import Iterator

import numpy as np

from ..debugging import Watch, all_finite, saved_arrays
from ..tensor import Tensor
from .differences import ROUNDED, ROUNDED_32

EPS = float(np.finfo(np.float64).eps)
SCALE = -(2.0**20)  # of gy, exact in floats: a backward is linear in it
SMALL = 1000  # elements of gy, up to which a backward is also called in ways that cost more
SUBSETS = 5  # inputs that need a gradient, of which every choice is tried: 31 at most
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
        otherwise: set it to call every backward in other ways as well, which must not matter: with
            gy in another memory layout, scaled, or in parts, and for some of the inputs alone.
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
        self._on_class = _arrays_of(type(node))
        return arrays

    def after_forward(self, node, y):
        """Compare what flowed in with what is there now, and note what the node saved."""
        for i, (now, before) in enumerate(self._inputs):
            if not _equal(now, before):
                self._found(node, "forward", f"wrote to its input {i}: make a new array instead")
        for name, a in _arrays_of(type(node)).items():
            if self._on_class.get(name) is not a:
                where = "on its class, where the next call overwrites it: save it on self"
                self._found(node, "forward", f"saved {name} {where}")
        if not self.otherwise:
            copies = {id(now): before for now, before in self._inputs}
            kept = [(f"wrote to self.{n}, which forward saved", a) for n, a in saved_arrays(node)]
            kept += [(f"wrote to its input {i}", a) for i, (a, _) in enumerate(self._inputs)]
            self._saved[node] = [
                (what, a, copies[id(a)] if id(a) in copies else a.copy()) for what, a in kept
            ]

    def backward(self, node, gy):
        """Run the node's backward; compare what it was given with what is there afterwards."""
        upstream, inputs, name = gy.copy(), node.inputs, type(node).__name__
        gradients = node.backward(gy)
        if not _equal(gy, upstream):
            self._found(node, "backward", "wrote to gy: gy * 3 makes a new array, gy *= 3 does not")
        for what, now, before in self._saved.pop(node, ()):
            if not _equal(now, before):
                self._found(node, "backward", f"{what}: make a new array instead")
        parts = gradients if isinstance(gradients, tuple) else (gradients,)
        from_finite = self._see(upstream)
        kept = [gy, *(x.data for x in inputs), *(a for _, a in saved_arrays(node))]
        numbers = [_numbers(g) if n else None for g, n in zip(parts, node.needs, strict=False)]
        for i, (g, x) in enumerate(zip(numbers, inputs, strict=False)):
            if g is None:
                continue
            finite = self._see(g)
            others = (gy.shape, *(x.shape for x in inputs))
            if g.shape != x.shape and not _may_be_summed(g.shape, x.shape, others):
                what = f"returned a gradient of shape {g.shape} for input {i}, which has shape "
                self._found(node, "backward", f"{what}{x.shape} and was not broadcast to that")
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
        if not self.otherwise:
            return gradients
        copies = [None if g is None else np.copy(g) for g in numbers]
        self._call_in_other_ways(node, upstream, copies)
        for now, before in zip(numbers, copies, strict=True):
            if now is not None and not _equal(now, before):
                what = "returned an array that its next call writes to: make a new one"
                self._found(node, "backward", what)
        return tuple(part if g is None else g for g, part in zip(copies, parts, strict=False))

    def _call_in_other_ways(self, node, gy: np.ndarray, parts: list) -> None:
        """Call backward in ways that must not matter, and note which one does."""
        every, count = node.needs, len(node.needs)
        alone = [tuple(n and i == k for i, n in enumerate(every)) for k in range(count)]
        others = (every, every) if count == 1 else [needs for needs in alone if any(needs)]
        ways = [
            (needs, *(("strided", SCALE), ("Fortran", -1 / SCALE))[k % 2])
            for k, needs in enumerate(others)
        ]
        if gy.size <= SMALL:
            subsets = itertools.product(*((False, True)[: 1 + n] for n in every))
            some = [needs for needs in subsets if any(needs) and needs != every]
            ways += [(needs, "C", 1) for needs in some] if sum(every) <= SUBSETS else []
            ways += [(every, "parts", 1), (every, "single", 1)]
        for needs, layout, scale in ways:
            if not self._agree(parts, _called(node, gy, needs, layout, scale), needs):
                self._blame(node, gy, parts, needs)

    def _blame(self, node, gy: np.ndarray, parts: list, needs: tuple) -> None:
        """Note in which of the other ways backward returns another gradient."""
        name, every = f"{type(node).__name__}.backward", node.needs
        ordinary = _called(node, gy, every, "C", 1)
        if isinstance(ordinary, Exception):  # it may have freed what forward saved
            return
        if not self._agree(parts, ordinary, every):
            self.unstable = self.unstable or name
            return
        linear = "is not linear in gy: compare it for"
        ways = (
            ("returns another gradient if gy is not contiguous", every, "strided", 1),
            ("returns another gradient if gy is in Fortran order", every, "Fortran", 1),
            (f"{linear} gy and {SCALE:.0f} gy", every, "C", SCALE),
            (f"{linear} gy and gy / {-SCALE:.0f}", every, "C", -1 / SCALE),
            (f"{linear} gy, for equal numbers and for the rest of gy", every, "parts", 1),
            (f"{linear} gy, for a single element and for the rest of gy", every, "single", 1),
            (
                f"returns another gradient for input {needs.index(True)} if another needs none",
                needs,
                "C",
                1,
            ),
        )
        for what, *way in ways:
            found = _called(node, gy, *way)
            if not self._agree(parts, found, way[0]):
                if isinstance(found, Exception):
                    raised = f"raises {type(found).__name__}"
                    what = what.replace("returns another gradient", raised)
                self.inconsistent = self.inconsistent or f"{name} {what}"
                return
        self.unstable = self.unstable or name  # it does not happen again

    def _agree(self, parts: list, others, needs: tuple) -> bool:
        """Return whether other calls of backward returned the same gradients, in sum.

        What cancels to 0 is rounding, and may come out otherwise: each call rounds by a share of
        what it returned.
        """
        if isinstance(others, Exception):
            return False
        for a, several, needed in zip(parts, zip(*others, strict=True), needs, strict=False):
            if not needed or a is None:
                continue
            if any(b is None for b in several):
                return False
            size = max(abs(b).max(initial=0) for b in several)
            share = same_share(a.dtype)
            least = max(rounded_share(a.dtype) * self.flow, share * size)
            same = a.shape != several[0].shape or close(a, sum(several), share, least)
            if not same and all_finite([a]):
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


def _called(node, gy: np.ndarray, needs: tuple, layout: str, scale: float):
    """Return the gradients of one or more calls of backward in another way, or what it raises.

    Those of all calls are the gradients for gy in sum.
    """
    ways = [gy * scale]
    if layout == "parts":  # equal ones, and two halves of the rest with 0 elsewhere
        size = abs(gy).max(initial=0)
        equal = np.broadcast_to(gy.dtype.type(1 if 1e-3 < size < 1e3 else size), gy.shape)
        half = (np.arange(gy.size) % 2).reshape(gy.shape).astype(gy.dtype)
        ways = [equal, (gy - equal) * half, (gy - equal) * (1 - half)]
    if layout == "single":  # as f(x)[0] sends it
        at = abs(gy).argmax() if gy.size else 0
        single = (np.arange(gy.size) == at).reshape(gy.shape)
        ways = [gy * single, gy * ~single]
    before, found = node.needs, []
    try:
        node.needs = needs
        for way in ways:
            gradients = node.backward(_laid_out(way, layout))
            parts = gradients if isinstance(gradients, tuple) else (gradients,)
            found.append([None if g is None else np.asarray(g) / scale for g in parts])
        if abs(scale) > 1 and not all_finite([g for g in found[0] if g is not None]):
            return _called(node, gy, needs, layout, -1)  # the larger numbers may overflow
        return found
    except Exception as error:
        return error
    finally:
        node.needs = before


def _laid_out(gy: np.ndarray, layout: str) -> np.ndarray:
    """Return a copy of gy in another memory layout."""
    if layout == "Fortran":
        return gy.copy("F")
    if layout == "strided":  # with gaps, from the end to the start
        backwards = (slice(None, None, -1),) * gy.ndim
        y = np.empty((*gy.shape[::-1], 2), gy.dtype)[..., 0].T[(*backwards, ...)]
        y[...] = gy
        return y
    return gy


def copied(a: np.ndarray, dtype=None) -> np.ndarray:
    """Return a copy that lies in memory as a does: in the same order, with gaps, or backwards."""
    y = np.array(a, dtype=dtype)
    if not a.flags.forc:
        backwards = tuple(slice(None, None, -1 if s < 0 else 1) for s in a.strides)
        y = np.empty((*a.shape, 2), y.dtype)[..., 0][backwards]
        y[...] = a
    return y


def _numbers(g) -> np.ndarray | None:
    """Return a gradient as an array of numbers; None if it is none."""
    if isinstance(g, (np.ndarray, np.generic, int, float, list)):
        g = np.asarray(g)
        return g.astype(np.float64) if g.dtype.kind in "iub" else g if g.dtype.kind == "f" else None
    return None


def _may_be_summed(g: tuple, x: tuple, others: tuple[tuple, ...]) -> bool:
    """Return whether the axes that g has more than x may be those that x was broadcast over.

    Such an axis comes from another input, or is in y.
    """
    own = (1,) * (len(g) - len(x)) + x
    summed = Counter(n for n, m in zip(g, own, strict=False) if n not in (1, m))
    return all(count <= max(o.count(n) for o in others) for n, count in summed.items())


def _arrays_of(cls: type) -> dict[str, np.ndarray]:
    return {name: a for name, a in vars(cls).items() if isinstance(a, np.ndarray)}


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
        self.arrays = [copied(a) for a in arrays]

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
        """Return the arrays, moved where they take part in differentiation: an exponent stays 3.

        An array that is passed twice moves once, and stays one array.
        """
        needed = {id(a): a for a, n in zip(arrays, node.needs, strict=True) if n}
        moved = {key: self._moved(a) for key, a in needed.items()}
        return [moved.get(id(a), a) for a in arrays]

    def after_forward(self, node, y):
        """Keep y."""
        self.outputs.append((type(node).__name__, y))

    def _moved(self, a: np.ndarray) -> np.ndarray:
        share = self.rng.random(a.shape, dtype=np.float32) - np.float32(0.5)
        y = copied(a)
        y += a * (share * (self.roundings * np.finfo(a.dtype).eps))
        return y


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


def rounded_share(dtype) -> float:
    """Return the share of the largest gradient that the roundings of a backward pass add up to."""
    return ROUNDED if dtype == np.float64 else ROUNDED_32


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
