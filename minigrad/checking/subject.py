"""The subject of a check: f with its inputs and parameters, as a function of float64 arrays."""

import functools
import types
from collections.abc import Callable, Iterator

import numpy as np

from ..debugging import Watch, debug, watched_by
from ..engine import Function, as_array
from ..errors import ArgumentError, GraphError, MinigradError, NonFiniteError
from ..nn import Module, watching
from ..tensor import Tensor
from .differences import EPS, Reach, Rounding

RUNS = 4  # evaluations that measure rounding
MANY_RUNS = 5 * RUNS  # before a gradient is called wrong
DEEPEST = 5  # how many references away from f a generator is looked for
MOST = 10_000  # objects that are searched for one


class Narrowing(Watch):
    """A watch that finds gradients of a narrower dtype than their inputs.

    Args:
        found: filled with a diagnosis, by id, for each leaf that such a gradient flows into.
    """

    def __init__(self, found: dict[int, str]):
        self.found = found

    def backward(self, node, gy):
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
    """f, its inputs and the parameters of a module, evaluated in float64 as often as needed.

    Inside `with subject:` the parameters hold copies, and NumPy does not warn. Afterwards the
    parameters' arrays and gradients and the module's generators are as before. The inputs are
    copied and never written to.

    Args:
        f, inputs, module: as in `gradcheck`.
        dtype: the dtype to evaluate in; None keeps each array's own.
        where: the caller's name, for the messages.

    Attributes:
        leaves: the names and Tensors whose gradients are checked.
        given: their dtypes before the conversion to `dtype`.
        modules: the modules that f is known to reach, each with its dotted name.
    """

    def __init__(
        self, f: Callable, inputs, module: Module | None, dtype=np.float64, where="gradcheck"
    ):
        if isinstance(f, type) and issubclass(f, Function):
            f = f.apply
        if module is None and isinstance(f, Module):
            module = f
        inputs = _checked(f, inputs, module, where)
        self.f, self.dtype, self.where = f, dtype, where
        self.arguments = [_copied(x, dtype) for x in inputs]
        parameters = [] if module is None else module.named_parameters()
        parameters = [(name, p) for name, p in parameters if p.requires_grad]
        self.leaves = [
            (f"input {i}", x) for i, x in enumerate(self.arguments) if to_dtype(x).kind == "f"
        ] + parameters
        if not self.leaves:
            raise ArgumentError(
                where,
                "there is nothing to check",
                f"{len(inputs)} inputs, none of them floating-point, and no parameters",
                "pass float inputs, or module=",
            )
        given = [to_dtype(x) for x in inputs] + [p.dtype for _, p in parameters]
        self.given = sorted({str(dtype) for dtype in given if dtype.kind == "f"})
        held = _reached([module, f, *inputs])
        self.modules: dict[Module, str] = {}
        for root in [m for m in held if isinstance(m, Module)]:
            for name, m in root.named_modules():
                self.modules.setdefault(m, name)
        self.generators = [g for g in held if isinstance(g, np.random.Generator)]

    def __enter__(self):
        self.quiet = np.errstate(all="ignore")  # once: f is evaluated thousands of times
        self.quiet.__enter__()
        self.states = [generator.bit_generator.state for generator in self.generators]
        self.attributes = [(vars(m), dict(vars(m))) for m in self.modules]
        self.contents = [
            (array, array.copy())
            for _, held in self.attributes
            for array in (as_array(v) for v in held.values() if _is_buffer(v))
        ]
        self.before = [(p, p.data, p.grad) for _, p in self.leaves]
        for _, p in self.leaves:
            p.data = np.array(p.data, dtype=self.dtype)
        return self

    def __exit__(self, *error):
        for p, data, grad in self.before:
            p.data, p.grad = data, grad
        self._rewind()
        for attributes, before in self.attributes:
            for name in attributes.keys() - before.keys():
                del attributes[name]
        self.quiet.__exit__(*error)

    def _rewind(self) -> None:
        """Reset the generators, and all that the modules hold except parameters, to the start."""
        for generator, state in zip(self.generators, self.states, strict=True):
            generator.bit_generator.state = state
        for attributes, before in self.attributes:
            attributes.update(before)
        for array, content in self.contents:
            array[...] = content

    def run(self) -> Tensor:
        """Return f of the arguments, with every generator reset to the start."""
        self._rewind()
        y = self.f(*self.arguments)
        if not isinstance(y, Tensor):
            raise ArgumentError(
                self.where,
                "f did not return a Tensor",
                f"it returned {type(y).__name__}",
                "return one Tensor",
            )
        return y

    def evaluate(self) -> np.ndarray:
        """Return the values of f; a copy, because f may return a view of the perturbed array."""
        return np.array(self.run().data, dtype=np.float64)

    def gradients(self, u: np.ndarray, dtype=np.float64) -> list[np.ndarray | None]:
        """Return each leaf's gradient from backward(u) in `dtype`; None if no graph reaches it."""
        arrays = [x.data for _, x in self.leaves]
        try:
            for _, x in self.leaves:
                x.data, x.grad = x.data.astype(dtype, copy=False), None
            y = self.run()
            if y.requires_grad:
                given = u.copy()
                self.backward(y, given)
                if not np.array_equal(given, u):
                    raise GraphError(
                        self.where,
                        "a backward pass wrote to the gradient that it was given",
                        f"gy {u.shape}",
                        "make a new array: gy * 3, not gy *= 3",
                    )
            grads = [x.grad for _, x in self.leaves]
            return [None if g is None else g.astype(np.float64, copy=False) for g in grads]
        finally:
            for (_, x), array in zip(self.leaves, arrays, strict=True):
                x.data, x.grad = array, None

    def rounding(self, y: np.ndarray, runs: int = RUNS, reached=()) -> np.ndarray:
        """Return a bound on the rounding error of each element of y, the value of f."""
        return np.fmax(EPS * abs(y), self._spread(self.evaluate, y, runs, reached=reached))

    def reached_by(self, x: np.ndarray, index) -> list[list[np.ndarray]]:
        """Return which elements of the inputs of each operation x[index] reaches."""
        reach, before = Reach(), x[index]
        x[index] = np.nan
        try:
            with watched_by(reach):
                self.run()
        except (ValueError, ArithmeticError):  # f may refuse NaN; then assume it reaches all
            return []
        finally:
            x[index] = before
        return reach.seen

    def gradient_rounding(self, i: int, g: np.ndarray, u: np.ndarray, dtype) -> np.ndarray:
        """Return a bound on the rounding error of each element of g, the gradient of leaf i."""
        return self._spread(lambda: self.gradients(u, dtype)[i], g, MANY_RUNS, units=6)

    def _spread(self, run: Callable, values, runs=RUNS, units=1.5, reached=()) -> np.ndarray:
        """Return how far each value moves when the inputs of the operations are rounded again."""
        moves = []
        for seed in range(runs):
            with watched_by(Rounding(seed, units, reached)):
                moves.append(abs(run() - values))
        return np.fmax.reduce(moves)

    def backward(self, y: Tensor, u: np.ndarray) -> None:
        """Run y.backward(u); leaves that are not checked keep their gradients."""
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
        """Return the numbers by which a mean over the batch may divide: lengths and sizes."""
        shapes = [x.shape for x in self.arguments if isinstance(x, (Tensor, np.ndarray))]
        shapes += [x.shape for _, x in self.leaves]
        lengths = {n for shape in shapes for n in shape} | {int(np.prod(s)) for s in shapes}
        return sorted(n for n in lengths if n > 2)

    def evaluate_twice(self) -> tuple[np.ndarray, str]:
        """Return y, and the layer whose values differ in a second run, or "f"; "" if none do."""
        runs: list[list] = []
        for _ in range(2):
            seen: list = []
            with watching(lambda m, y, seen=seen: seen.append((m, np.array(y.data)))):
                y = self.evaluate()
            runs.append([*seen, (None, y)])
        for (layer, a), (_, b) in zip(*runs, strict=False):
            if not np.array_equal(a, b, equal_nan=True):
                name = self.modules.get(layer, "?")
                return y, "f" if layer is None else f"layer {name!r}, {layer!r}"
        return y, ""

    def source_of_non_finite(self) -> str:
        """Return a message with the first operation to make a non-finite number, and its line."""
        try:
            with debug():
                self.run()
        except NonFiniteError as error:
            return str(error)
        except MinigradError:
            pass
        return "an input is not finite"


def to_dtype(x) -> np.dtype:
    """Return the dtype of a Tensor, or of anything else as a NumPy array."""
    return x.dtype if isinstance(x, (Tensor, np.ndarray)) else np.asarray(x).dtype


def _checked(f: Callable, inputs, module, where: str) -> list:
    """Return the inputs as a list.

    Raises:
        ArgumentError: if f is a class or not callable, module is not a Module, or inputs is not a
            sequence.
    """
    if isinstance(f, type) or not callable(f):
        raise ArgumentError(
            where,
            f"f is {'a class' if isinstance(f, type) else 'not callable'}",
            repr(f),
            "pass a function of Tensors, a Function, or an instance of a Module",
        )
    if module is not None and not isinstance(module, Module):
        raise ArgumentError(where, "module is not a Module", repr(module), "pass the model")
    if isinstance(inputs, (Tensor, np.ndarray, np.generic, int, float)):
        return [inputs]
    try:
        return list(inputs)
    except TypeError:
        raise ArgumentError(
            where,
            "inputs is not an array",
            type(inputs).__name__,
            "pass an array, or a list of arrays",
        ) from None


def _copied(x, dtype):
    """Return a leaf with the values of a floating-point x in `dtype`, or a copy of any other x."""
    data = x.data if isinstance(x, Tensor) else x
    if to_dtype(x).kind == "f":
        return Tensor(np.array(data, dtype=dtype), requires_grad=True)
    if isinstance(x, Tensor):
        return Tensor(data.copy())
    return x.copy() if isinstance(x, np.ndarray) else x


def _is_buffer(value) -> bool:
    """Return whether a module's attribute is an array that it may write to, not a parameter."""
    frozen = isinstance(value, Tensor) and not value.requires_grad
    return frozen or isinstance(value, np.ndarray)


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


def _reached(roots: list) -> list:
    """Return all that these objects hold in closures, defaults, globals, attributes, lists …"""
    found: dict[int, object] = {}
    todo = [(root, 0) for root in roots]
    while todo and len(found) < MOST:
        held, depth = todo.pop()
        if id(held) in found or isinstance(held, (types.ModuleType, type, str, np.ndarray)):
            continue
        found[id(held)] = held
        if depth < DEEPEST and not isinstance(held, (np.random.Generator, Tensor)):
            todo += [(inner, depth + 1) for inner in _held_by(held)]
    return list(found.values())


def _held_by(held) -> Iterator:
    """Yield what an object holds directly."""
    if isinstance(held, (list, tuple, set)):
        yield from held
    elif isinstance(held, dict):
        yield from held.values()
    elif isinstance(held, functools.partial):
        yield from (held.func, *held.args, *held.keywords.values())
    elif isinstance(held, types.FunctionType):
        yield from (cell.cell_contents for cell in held.__closure__ or () if _is_full(cell))
        yield from held.__defaults__ or ()
        yield from (held.__kwdefaults__ or {}).values()
        yield from (held.__globals__[n] for n in _names(held.__code__) if n in held.__globals__)
    elif isinstance(held, types.MethodType):
        yield from (held.__self__, held.__func__)
    else:
        yield from getattr(held, "__dict__", {}).values()
        yield vars(type(held)).get("__call__")


def _is_full(cell) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # its variable is not assigned yet
        return False


def _names(code: types.CodeType) -> Iterator[str]:
    """Yield the names that a function and the functions written inside it look up."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _names(inner)
