"""What is checked: f with its inputs and parameters, as a function of float64 arrays."""

from collections.abc import Callable

import numpy as np

from .. import functions as F
from ..debugging import debug
from ..engine import Function, as_array
from ..errors import ArgumentError, MinigradError, NonFiniteError
from ..nn import Module
from ..tensor import Tensor
from .user_code import described
from .watches import copied, leaves_of


class Subject:
    """f, its inputs and the parameters of a module, evaluated in float64 as often as needed.

    Inside `with subject:` the parameters hold copies, and NumPy does not warn; afterwards their
    arrays, gradients and the module's generators and buffers are what they were. The inputs are
    copied and never written to. Before every evaluation the generators and buffers are set back.

    Args:
        f, inputs, module: as `gradcheck` takes them.
        dtype: to evaluate in; None leaves each array its own.
        where: the name of the caller, for messages.

    Attributes:
        leaves: the names and Tensors whose gradients are checked.
        given: the dtypes that they came in.
        modules: the modules that f is known to use, each with its dotted name.
        shape, upstream: of the output of f, and its gradient, once gradients were taken.
        may_refuse: whether f, which returned at x, may raise at other points: it is NaN there.
        refusal: what f raised there last.
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
            (f"input {i}", x)
            for i, x in enumerate(self.arguments)
            if isinstance(x, Tensor) and x.requires_grad
        ] + parameters
        if not self.leaves:
            raise ArgumentError(
                where,
                "there is nothing to check",
                f"{len(inputs)} inputs, of which none is floating and requires a gradient, and no "
                "parameters",
                "pass arrays of floats, Tensors with requires_grad=True, or module=",
            )
        given = [dtype_of(x) for x in inputs] + [p.dtype for _, p in parameters]
        self.given = sorted({str(dtype) for dtype in given if dtype.kind == "f"})
        self.modules: dict[Module, str] = {}
        for root in [module, f, *inputs]:
            for name, m in root.named_modules() if isinstance(root, Module) else ():
                self.modules.setdefault(m, name)
        owners = [*self.modules, *inputs]
        held = [*owners, *(v for o in owners for v in getattr(o, "__dict__", {}).values())]
        self.may_refuse, self.refusal = False, ""
        self.generators = {
            g: g.bit_generator.state for g in held if isinstance(g, np.random.Generator)
        }

    def __enter__(self):
        self.quiet = np.errstate(all="ignore")  # once: f is evaluated thousands of times
        self.quiet.__enter__()
        self.attributes = [(vars(m), dict(vars(m))) for m in self.modules]
        self.contents = [
            (array, array.copy())
            for _, held in self.attributes
            for array in (as_array(v) for v in held.values() if _is_buffer(v))
        ]
        self.before = [(p, p.data, p.grad) for _, p in self.leaves]
        for _, p in self.leaves:
            p.data = copied(p.data, self.dtype)
        return self

    def __exit__(self, *error):
        for p, data, grad in self.before:
            p.data, p.grad = data, grad
        self._set_back()
        for attributes, before in self.attributes:
            for name in attributes.keys() - before.keys():
                del attributes[name]
        self.quiet.__exit__(*error)

    def _set_back(self) -> None:
        """Put the generators and the buffers of the modules back to where they started."""
        for generator, state in self.generators.items():
            generator.bit_generator.state = state
        for attributes, before in self.attributes:
            attributes.update(before)
        for array, content in self.contents:
            array[...] = content

    def run(self) -> Tensor:
        """Return f of the arguments; several outputs are joined to one vector."""
        self._set_back()
        y = self.f(*self.arguments)
        if isinstance(y, Tensor):
            return y
        several = isinstance(y, (tuple, list)) and len(y) > 0
        if not several or not all(isinstance(part, Tensor) for part in y):
            it = "a sequence that holds something else" if several else type(y).__name__
            wrong, remedy = "f did not return a Tensor", "return a Tensor or a tuple of Tensors"
            raise ArgumentError(self.where, wrong, f"it returned {it}", remedy)
        return F.concatenate([F.reshape(part, -1) for part in y])

    def evaluate(self) -> np.ndarray:
        """Return the values of f as a vector; a copy, for f may return a view of its input."""
        try:
            y = self.run().data
        except Exception as error:
            y = self._refused(error)
        return np.array(y, dtype=np.float64).reshape(-1)

    def _refused(self, error: Exception) -> np.ndarray:
        """Return the values of f where it raises this error; raise it again if it may not."""
        if not self.may_refuse or isinstance(error, MemoryError):
            raise
        self.refusal = described(error)
        return np.full(self.shape, np.nan)

    def gradients(self, upstream: Callable[[int], np.ndarray], dtype=np.float64):
        """Return y and what backward computes in `dtype` for each leaf, None if no graph is.

        Args:
            upstream: takes the size of y and returns the upstream gradient, a vector.
            dtype: of the backward pass.
        """
        arrays = [x.data for _, x in self.leaves]
        try:
            for _, x in self.leaves:
                x.data, x.grad = x.data.astype(dtype, copy=False), None
            y = self.run()
            self.shape, values = y.shape, np.array(y.data, dtype=np.float64).reshape(-1)
            self.upstream = u = upstream(y.size)
            if y.requires_grad:
                self.backward(y, u.reshape(y.shape).astype(y.dtype))
            grads = [x.grad for _, x in self.leaves]
            return values, [None if g is None else g.astype(np.float64, copy=False) for g in grads]
        except Exception as error:
            return self._refused(error).reshape(-1), [None] * len(arrays)
        finally:
            for (_, x), array in zip(self.leaves, arrays, strict=True):
                x.data, x.grad = array, None

    def backward(self, y: Tensor, u: np.ndarray) -> None:
        """Run y.backward(u); leaves of its graph that are not checked keep their gradients."""
        checked = {id(x) for _, x in self.leaves}
        before = [(x, x.grad) for x in leaves_of(y) if id(x) not in checked]
        try:
            for x, _ in before:
                x.grad = None
            y.backward(u)
        finally:
            for x, grad in before:
                x.grad = grad

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


def dtype_of(x) -> np.dtype:
    """Return the dtype of a Tensor, or of what NumPy makes of anything else."""
    return x.dtype if isinstance(x, (Tensor, np.ndarray)) else np.asarray(x).dtype


def _checked(f: Callable, inputs, module, where: str) -> list:
    """Return the inputs as a list; refuse what cannot be checked.

    Raises:
        ArgumentError: f is a class or not callable, module is not a Module, or inputs is not a
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
            "inputs is not a sequence of arrays",
            type(inputs).__name__,
            "pass an array, or a list of them",
        ) from None


def _copied(x, dtype):
    """Return a leaf with the values of a floating x in this dtype, a copy of any other array.

    A Tensor that requires no gradient stays one, as in PyTorch; arrays and numbers are checked.
    """
    data = x.data if isinstance(x, Tensor) else x
    if dtype_of(x).kind == "f":
        checked = not isinstance(x, Tensor) or x.requires_grad
        return Tensor(copied(np.asarray(data), dtype), requires_grad=checked)
    if isinstance(x, Tensor):
        return Tensor(data.copy())
    return x.copy() if isinstance(x, np.ndarray) else x


def _is_buffer(value) -> bool:
    """Return whether a module's attribute is an array that it may write to, not a parameter."""
    frozen = isinstance(value, Tensor) and not value.requires_grad
    return frozen or isinstance(value, np.ndarray)
