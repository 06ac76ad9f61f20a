"""Module: parameters and functions together, and how to find, save and switch them."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..engine import no_grad
from ..errors import ArgumentError
from ..tensor import Tensor
from ..text import table
from ..typing import ArrayLike, DTypeLike

Spec = tuple[tuple, str]  # the shape and the dtype of an array


class Parameter(Tensor):
    """A Tensor that a Module trains: a leaf that requires a gradient.

    Attributes:
        name: its dotted name in the model, such as `0.weight`; written by `Module.parameters()`.
    """

    __slots__ = ("name",)

    def __init__(
        self,
        data: ArrayLike,
        requires_grad: bool = True,
        dtype: DTypeLike | None = None,
        name: str = "",
    ):
        super().__init__(data, requires_grad=requires_grad, dtype=dtype)
        self.name = name


class _Here(threading.local):
    """What holds in this thread alone: who watches modules, and the ids of those in eval mode."""

    watchers: tuple[Callable, ...] = ()
    evaluating: frozenset[int] = frozenset()


_here = _Here()


class Module:
    """The base of every layer, model and loss.

    A subclass assigns its Parameters and Modules to attributes, alone or in lists, tuples and
    dicts, and writes `forward`. `module(x)` calls `forward(x)`.

    Attributes:
        buffers: the names of its attributes that are arrays, not trained, but part of its state.
    """

    buffers: tuple[str, ...] = ()
    _training = True

    @property
    def training(self) -> bool:
        """Whether dropout drops: what `train` and `eval` set, and False inside `evaluating`."""
        return self._training and id(self) not in _here.evaluating

    @training.setter
    def training(self, mode: bool) -> None:
        self._training = mode

    def forward(self, *inputs: Any, **options: Any) -> Tensor:
        """Compute the output from the inputs."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    def __call__(self, *inputs: Any, **options: Any) -> Tensor:
        y = self.forward(*inputs, **options)
        for watch in _here.watchers:
            watch(self, y)
        return y

    def children(self) -> list[tuple[str, "Module | Parameter"]]:
        """Return the attributes' Modules and Parameters by name, in the order of definition."""
        found: list[tuple[str, Module | Parameter]] = []
        for name, value in vars(self).items():
            _collect(name, value, found)
        return found

    def named_modules(self) -> list[tuple[str, "Module"]]:
        """Return this module, named "", and all modules inside it with dotted names, each once."""
        return [(name, m) for name, m in _unique(walk(self)) if isinstance(m, Module)]

    def named_parameters(self) -> list[tuple[str, Parameter]]:
        """Return the parameters with their dotted names; a shared one once, by its first name."""
        return [(name, p) for name, p in _unique(walk(self)) if isinstance(p, Parameter)]

    def named_arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays of the parameters, then the buffers, themselves, by dotted name."""
        arrays = {name: p.data for name, p in self.named_parameters()}
        for prefix, module in self.named_modules():
            for name in module.buffers:
                arrays[f"{prefix}.{name}".lstrip(".")] = getattr(module, name)
        return arrays

    def parameters(self) -> list[Parameter]:
        """Return the parameters, each once, and write each one's dotted name into its `name`."""
        named = self.named_parameters()
        for name, p in named:
            p.name = name
        return [p for _, p in named]

    def zero_grad(self) -> None:
        """Set every gradient to None; until then, each backward pass adds to it."""
        for _, p in self.named_parameters():
            p.grad = None

    def train(self, mode: bool = True) -> "Module":
        """Switch this module and all inside it to training, where dropout drops."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> "Module":
        """Switch this module and all inside it to evaluation."""
        return self.train(False)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return copies of all parameters' arrays and all buffers, under PyTorch's dotted names."""
        return {name: array.copy() for name, array in self.named_arrays().items()}

    def load_state_dict(self, state: dict[str, np.ndarray], strict: bool = True) -> None:
        """Write the arrays of `state` into the model's, in place; nothing is written on error.

        Args:
            state: arrays by dotted name, as `state_dict` returns them.
            strict: False allows missing and unexpected names, but not a wrong shape.

        Raises:
            ArgumentError: if names are missing or unexpected, or shapes differ; it lists all.
        """
        arrays = self.named_arrays()
        state = {name: np.asarray(value) for name, value in state.items()}
        aliases = {name for name, p in walk(self) if isinstance(p, Parameter)}
        aliases |= {
            f"{name}.{buffer}".lstrip(".")
            for name, m in walk(self)
            if isinstance(m, Module)
            for buffer in m.buffers
        }
        faults = []
        if strict and (missing := [name for name in arrays if name not in state]):
            faults.append(f"missing {', '.join(missing)}")
        if strict and (unexpected := [name for name in state if name not in aliases]):
            faults.append(f"unexpected {', '.join(unexpected)}")
        for name, array in arrays.items():
            if name in state and state[name].shape != array.shape:
                faults.append(f"{name} is {state[name].shape} for {array.shape}")
            elif name in state and state[name].dtype.kind not in "fiub":
                faults.append(f"{name} holds {state[name].dtype}, not numbers")
        if faults:
            wrong = "the state does not fit the model"
            remedy = "load it into a model of the same layers and sizes"
            raise ArgumentError("load_state_dict", wrong, "; ".join(faults), remedy)
        for name, array in arrays.items():
            if name in state:
                array[...] = state[name]

    def arguments(self) -> dict:
        """Return the arguments that this module was made with, by name, as JSON can hold them.

        Without generators and dtypes. A model file keeps a layer as its class's name and these.
        """
        return {}

    @classmethod
    def specs(cls, arguments: dict, dtype: str) -> dict[str, Spec]:
        """Return the shape and the dtype of each array of a module made with these arguments.

        They come from a file: nothing is allocated, and a ValueError refuses them.
        """
        return {}

    def extra_repr(self) -> str:
        """Return what is between the parentheses of this module's repr."""
        return ", ".join(f"{name}={value!r}" for name, value in self.arguments().items())

    def __repr__(self) -> str:
        lines = [
            f"({name}): {child!r}" for name, child in self.children() if isinstance(child, Module)
        ]
        inner = "\n".join(lines).replace("\n", "\n  ")
        return self._describe(f"\n  {inner}\n" if lines else "")

    def _describe(self, inner: str = "") -> str:
        mode = "" if self.training else "eval"
        own = ", ".join(part for part in (self.extra_repr(), mode) if part)
        return f"{type(self).__name__}({own}{inner})"


def _collect(name: str, value, found: list) -> None:
    """Add a Module or Parameter, or those in a list, tuple or dict, under their dotted names."""
    if isinstance(value, (Module, Parameter)):
        found.append((name, value))
    elif isinstance(value, (list, tuple)):
        for i, part in enumerate(value):
            _collect(f"{name}.{i}", part, found)
    elif isinstance(value, dict):
        for key, part in value.items():
            _collect(f"{name}.{key}", part, found)


def walk(module: Module, prefix: str = "", above: tuple = ()) -> Iterator[tuple[str, object]]:
    """Yield the module and all below it, depth first, a shared one once for each of its names."""
    yield prefix.rstrip("."), module
    above = (*above, module)
    for name, child in module.children():
        if isinstance(child, Parameter):
            yield prefix + name, child
        elif child not in above:
            yield from walk(child, f"{prefix}{name}.", above)


def _unique(pairs: Iterator) -> Iterator:
    seen = set()
    for name, value in pairs:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value


@contextlib.contextmanager
def watching(watch: Callable[[Module, Tensor], object]) -> Iterator[None]:
    """Call `watch(module, y)` after every module's forward in this thread, inside the block."""
    before = _here.watchers
    _here.watchers = (*before, watch)
    try:
        yield
    finally:
        _here.watchers = before


@contextlib.contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """Use eval mode and no graph inside the `with` block, in this thread alone."""
    before = _here.evaluating
    _here.evaluating = before.union(id(module) for _, module in model.named_modules())
    try:
        with no_grad():
            yield
    finally:
        _here.evaluating = before


def summary(model: Module, input_shape: tuple[int, ...]) -> str:
    """Return a table of the layers: name, output shape, number of parameters.

    Args:
        model: it runs once on one example of zeros, in eval mode.
        input_shape: the shape of one example, without the batch axis N.
    """
    parameters = model.parameters()
    dtype = parameters[0].dtype if parameters else np.float32
    shapes: dict[Module, tuple] = {}
    watch = watching(lambda module, y: shapes.setdefault(module, y.shape))
    with evaluating(model), watch, np.errstate(all="ignore"):
        model(Tensor(np.zeros((1, *input_shape), dtype=dtype)))
    rows = [("layer", "output", "parameters")]
    for name, module in model.named_modules():
        inside = [child for _, child in module.children()]
        own = sum(p.size for p in inside if isinstance(p, Parameter))
        if own or not inside:
            label = f"{name} {module._describe()}".strip()
            shape = shapes.get(module)
            output = "-" if shape is None else str(("N", *shape[1:])).replace("'", "")
            rows.append((label, output, f"{own:,}"))
    rows.append(("total", "", f"{sum(p.size for p in parameters):,}"))
    return table(rows, "<<>")
