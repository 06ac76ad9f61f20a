"""What is checked: f with its inputs and parameters, as a function of float64 arrays."""

import functools
from collections.abc import Callable, Iterator

import numpy as np

from ..debugging import debug, watched_by
from ..errors import ArgumentError, MinigradError, NonFiniteError
from ..nn import Module, watching
from ..tensor import Tensor
from .differences import EPS, Rounding

RUNS = 4  # that measure rounding


class Narrowing:
    """A watch that finds gradients of a narrower dtype than their inputs.

    Args:
        found: is filled with the text for each leaf that such a gradient flows into, by its id.
    """

    def __init__(self, found: dict[int, str]):
        self.found = found

    def before_forward(self, node, arrays: list[np.ndarray], options: dict) -> list[np.ndarray]:
        """Return the arrays."""
        return arrays

    def after_forward(self, node, y: np.ndarray) -> None:
        """Leave the output as it is."""

    def backward(self, node, gy: np.ndarray):
        """Run the node's backward, and compare the dtypes."""
        gradients = node.backward(gy)
        parts = gradients if isinstance(gradients, tuple) else (gradients,)
        for g, x in zip(parts, node.inputs, strict=False):
            dtype = to_dtype(g)
            if x.requires_grad and dtype.kind == "f" and dtype.itemsize < x.dtype.itemsize:
                where = f"{type(node).__name__}.backward"
                why = f"correct but {dtype}: {where} returned {dtype} for an input of {x.dtype}"
                self.found.update({id(leaf): why for leaf in _leaves_of(x)})
        return gradients


class Subject:
    """f, its inputs and the parameters of a module, evaluated in float64 as often as it takes.

    Inside `with subject:` the parameters hold copies, and NumPy does not warn; afterwards their
    arrays, gradients and the module's generators are what they were. The inputs are copied and
    never written to.

    Args:
        f, inputs, module: as `gradcheck` takes them.
        dtype: to evaluate in; None leaves each array its own.
        where: who asks, for the messages.

    Attributes:
        leaves: the names and Tensors whose gradients are checked.
        given: the dtypes that they came in.
        modules: the modules that f is known to reach, each with its dotted name.
    """

    def __init__(
        self, f: Callable, inputs, module: Module | None, dtype=np.float64, where="gradcheck"
    ):
        inputs = [inputs] if isinstance(inputs, (Tensor, np.ndarray, float)) else list(inputs)
        self.f, self.dtype, self.where = f, dtype, where
        if module is None and isinstance(f, Module):
            module = f
        self.arguments = [_leaf(x, dtype) for x in inputs]
        names = [f"input {i}" for i in range(len(inputs))]
        parameters = [] if module is None else module.named_parameters()
        parameters = [(name, p) for name, p in parameters if p.requires_grad]
        self.leaves = [
            (name, x)
            for name, x, old in zip(names, self.arguments, inputs, strict=True)
            if x is not old
        ] + parameters
        if not self.leaves:
            raise ArgumentError(
                where,
                "there is nothing to check",
                f"{len(inputs)} inputs, none of them floating, and no parameters",
                "pass float inputs, or module=",
            )
        given = [to_dtype(x) for x in inputs] + [p.dtype for _, p in parameters]
        self.given = sorted({str(dtype) for dtype in given if dtype.kind == "f"})
        held = [module, *_held_by(f)]
        self.modules: dict[Module, str] = {}
        for root in [m for m in held if isinstance(m, Module)]:
            for name, m in root.named_modules():
                self.modules.setdefault(m, name)
        held += [value for m in self.modules for value in vars(m).values()]
        self.generators = [g for g in held if isinstance(g, np.random.Generator)]

    def __enter__(self):
        self.quiet = np.errstate(all="ignore")  # once: f is evaluated thousands of times
        self.quiet.__enter__()
        self.states = [generator.bit_generator.state for generator in self.generators]
        self.before = [(p, p.data, p.grad) for _, p in self.leaves]
        for _, p in self.leaves:
            p.data = np.array(p.data, dtype=self.dtype)
        return self

    def __exit__(self, *error):
        for p, data, grad in self.before:
            p.data, p.grad = data, grad
        self._rewind()
        self.quiet.__exit__(*error)

    def _rewind(self) -> None:
        for generator, state in zip(self.generators, self.states, strict=True):
            generator.bit_generator.state = state

    def run(self) -> Tensor:
        """Return f of the arguments, with every generator where it was at the start."""
        self._rewind()
        y = self.f(*self.arguments)
        if not isinstance(y, Tensor):
            raise ArgumentError(
                self.where, "f returned no Tensor", type(y).__name__, "return one Tensor"
            )
        return y

    def evaluate(self) -> np.ndarray:
        """Return the values of f; a copy, for f may return a view of what is perturbed next."""
        return np.array(self.run().data, dtype=np.float64)

    def gradients(self, u: np.ndarray, dtype=np.float64) -> list[np.ndarray | None]:
        """Return what backward(u) computes for each leaf in `dtype`; None where no graph is."""
        arrays = [x.data for _, x in self.leaves]
        try:
            for _, x in self.leaves:
                x.data, x.grad = x.data.astype(dtype, copy=False), None
            y = self.run()
            if y.requires_grad:
                self.backward(y, u)
            grads = [x.grad for _, x in self.leaves]
            return [None if g is None else g.astype(np.float64, copy=False) for g in grads]
        finally:
            for (_, x), array in zip(self.leaves, arrays, strict=True):
                x.data, x.grad = array, None

    def rounding(self, y: np.ndarray) -> np.ndarray:
        """Return a bound on the rounding error of each element of y, the value of f."""
        return np.fmax(EPS * abs(y), self._spread(self.evaluate, y))

    def gradient_rounding(self, i: int, g: np.ndarray, u: np.ndarray, dtype) -> np.ndarray:
        """Return a bound on the rounding error of each element of g, the gradient of leaf i."""
        return 3 * self._spread(lambda: self.gradients(u, dtype)[i], g)

    def _spread(self, run: Callable[[], np.ndarray], values: np.ndarray) -> np.ndarray:
        """Return how far each value moves when what goes into the operations is rounded anew."""
        runs = []
        for seed in range(RUNS):
            with watched_by(Rounding(seed)):
                runs.append(abs(run() - values))
        return np.fmax.reduce(runs)

    def backward(self, y: Tensor, u: np.ndarray) -> None:
        """Run y.backward(u); leaves of its graph that are not checked keep their gradients."""
        checked = {id(x) for _, x in self.leaves}
        before = [(x, x.grad) for x in _leaves_of(y) if id(x) not in checked]
        try:
            for x, _ in before:
                x.grad = None
            y.backward(u)
        finally:
            for x, grad in before:
                x.grad = grad

    def batch_sizes(self) -> list[int]:
        """Return the numbers that a mean over the batch may divide by: lengths and sizes."""
        shapes = [x.shape for x in self.arguments if isinstance(x, (Tensor, np.ndarray))]
        shapes += [x.shape for _, x in self.leaves]
        lengths = {n for shape in shapes for n in shape} | {int(np.prod(s)) for s in shapes}
        return sorted(n for n in lengths if n > 2)

    def first_difference(self) -> str | None:
        """Return which layer gives other values in a second run, or "f"; None if equal."""
        runs: list[list] = []
        for _ in range(2):
            seen: list = []
            with watching(lambda m, y, seen=seen: seen.append((m, np.array(y.data)))):
                y = self.evaluate()
            runs.append([*seen, (None, y)])
        for (layer, a), (_, b) in zip(*runs, strict=False):
            if not np.array_equal(a, b, equal_nan=True):
                name = self.modules.get(layer, "?")
                return "f" if layer is None else f"layer {name!r}, {layer!r}"
        return None

    def source_of_non_finite(self) -> str:
        """Return the operation that makes the first non-finite number, and the line that ran it."""
        try:
            with debug():
                self.run()
        except NonFiniteError as error:
            return str(error)
        except MinigradError:
            pass
        return "an input is not finite"


def to_dtype(x) -> np.dtype:
    """Return the dtype of a Tensor, or of what NumPy makes of anything else."""
    return x.dtype if isinstance(x, (Tensor, np.ndarray)) else np.asarray(x).dtype


def _leaf(x, dtype):
    """Return a leaf with the values of x in this dtype; x itself where it is not floating."""
    if to_dtype(x).kind != "f":
        return x
    data = x.data if isinstance(x, Tensor) else np.asarray(x)
    return Tensor(np.array(data, dtype=dtype), requires_grad=True)


def _leaves_of(y: Tensor) -> list[Tensor]:
    """Return the leaves of the graph that made y."""
    found, todo = {id(y): y}, [y]
    while todo:
        x = todo.pop()
        for other in x.node.inputs if x.node is not None else ():
            if id(other) not in found:
                found[id(other)] = other
                todo.append(other)
    return [x for x in found.values() if x.node is None]


def _held_by(f) -> Iterator:
    """Yield what f can reach: a closure, defaults, globals, the arguments of a partial …"""
    yield f
    yield getattr(f, "__self__", None)
    if isinstance(f, functools.partial):
        yield from (*f.args, *f.keywords.values(), *_held_by(f.func))
    for cell in getattr(f, "__closure__", None) or ():
        yield cell.cell_contents
    yield from getattr(f, "__defaults__", None) or ()
    yield from (getattr(f, "__kwdefaults__", None) or {}).values()
    code = getattr(f, "__code__", None)
    if code is not None:
        yield from (f.__globals__[name] for name in code.co_names if name in f.__globals__)
