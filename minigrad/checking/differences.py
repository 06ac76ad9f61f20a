"""gradcheck: compare backward passes with central differences, element by element."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..engine import no_grad
from ..errors import ArgumentError, GradcheckError
from ..nn import Module
from ..tensor import Tensor


@dataclass(frozen=True)
class Result:
    """What was found for one input or parameter, at its worst element.

    `error` = |analytic − numeric| and `tolerance` = atol + rtol · |numeric| + noise at `index`,
    where noise is the rounding error of the difference. An element passes if error ≤ tolerance.
    """

    name: str
    verdict: str
    failing: int
    size: int
    index: tuple[int, ...]
    analytic: float
    numeric: float
    error: float
    tolerance: float

    def __str__(self) -> str:
        if not self.size:
            return f"{self.verdict} {self.name}: no elements"
        return (
            f"{self.verdict} {self.name}: {self.failing} of {self.size} elements fail; "
            f"worst {self.name}{list(self.index)}: analytic {self.analytic:.10g}, "
            f"numeric {self.numeric:.10g}, |difference| {self.error:.3g} "
            f"{'>' if self.failing else '<='} tolerance {self.tolerance:.3g}"
        )


@dataclass(frozen=True)
class Report:
    """The results for all inputs and parameters; true if every one passed."""

    results: tuple[Result, ...]

    @property
    def ok(self) -> bool:
        """Whether every result is PASS."""
        return all(result.verdict == "PASS" for result in self.results)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        return "\n".join(map(str, self.results))


def gradcheck(
    f: Callable,
    inputs=(),
    *,
    module: Module | None = None,
    eps: float | None = None,
    atol: float = 1e-8,
    rtol: float = 1e-6,
    seed: int = 0,
    raises: bool = True,
) -> Report:
    """Compare the gradients of f with central differences, at every element, in float64.

    The output y of f is weighted by a random upstream gradient u, and for each element x of each
    input Σ u (y(x + h) − y(x − h)) / 2h is compared with what `backward(u)` computes. The step h
    is 6e-6 · min(|x|, 1), and 6e-6 at 0: the error of a central difference is then about 4e-11 of
    the function's value, where truncation (h²) and rounding (ε / h) balance. An element that fails
    gets a second chance with 6e-6, since a smaller step may vanish in the rounding of y.

    Args:
        f: takes the inputs as Tensors, and returns one Tensor; a Module's parameters are checked.
        inputs: a Tensor, an array or a sequence of them; floats are checked, the rest is passed
            through. They, and the parameters, are the same afterwards.
        module: whose parameters to check as well, where f is a function that uses it.
        eps: the factor of the step, in place of 6e-6.
        atol, rtol: an element passes if |analytic − numeric| ≤ atol + rtol · |numeric| + noise.
        seed: of the upstream gradient.
        raises: False returns a failed report instead of raising it.

    Raises:
        GradcheckError: a backward pass is wrong; its text is the report.
        ArgumentError: there is nothing to check, or f returns no Tensor.
    """
    inputs = [inputs] if isinstance(inputs, (Tensor, np.ndarray, float)) else list(inputs)
    module = f if module is None and isinstance(f, Module) else module
    parameters = module.named_parameters() if module is not None else []
    arguments = [_in_float64(x) for x in inputs]
    checked = [(f"input {i}", x) for i, x in enumerate(arguments) if isinstance(x, Tensor)]
    checked += [(name, p) for name, p in parameters if p.requires_grad]
    if not checked:
        raise ArgumentError(
            "gradcheck", "there is nothing to check", "0 inputs", "pass float inputs"
        )
    with _parameters_in_float64([p for _, p in parameters]):
        y = _evaluate(f, arguments)
        # A stream of its own: inputs drawn with the same seed must not come out equal to u.
        u = np.random.default_rng([seed, 0x6772616463686B]).standard_normal(y.shape)
        if y.requires_grad:
            y.backward(u)
        results = []
        for name, x in checked:
            analytic = np.zeros(x.shape) if x.grad is None else x.grad
            numeric, tolerance = np.zeros(x.shape), np.zeros(x.shape)
            with no_grad(), np.errstate(all="ignore"):
                for at in np.ndindex(x.shape):
                    tries = _differences(lambda: _evaluate(f, arguments).data, x.data, at, u, eps)
                    numeric[at], tolerance[at] = _first_passing(tries, analytic[at], atol, rtol)
            results.append(_compare(name, analytic, numeric, tolerance))
    report = Report(tuple(results))
    if raises and not report:
        raise GradcheckError(f"gradcheck: the backward pass is wrong\n{report}")
    return report


def _in_float64(x):
    """Return a float64 leaf with x's values and memory order; what is not floating stays as is."""
    data = x.data if isinstance(x, Tensor) else np.asarray(x)
    if data.dtype.kind != "f":
        return x
    return Tensor(np.array(data, dtype=np.float64), requires_grad=True)


@contextlib.contextmanager
def _parameters_in_float64(parameters: list) -> Iterator[None]:
    before = [(p, p.data, p.grad) for p in parameters]
    for p in parameters:
        p.data, p.grad = p.data.astype(np.float64), None
    try:
        yield
    finally:
        for p, data, grad in before:
            p.data, p.grad = data, grad


def _evaluate(f: Callable, arguments: list) -> Tensor:
    y = f(*arguments)
    if not isinstance(y, Tensor):
        raise ArgumentError(
            "gradcheck", "f returned no Tensor", type(y).__name__, "return one Tensor"
        )
    return y


def _differences(evaluate: Callable, x: np.ndarray, at: tuple, u: np.ndarray, eps: float | None):
    """Yield the numeric gradient of Σ u y at one element of x, and its rounding error.

    First for the step that shrinks with |x|, then for the full one, where it is another.
    """
    value, full = x[at], 6e-6 if eps is None else eps
    for h in dict.fromkeys((full * (min(abs(value), 1.0) or 1.0), full)):
        x[at] = value + h
        above, y_above = x[at], evaluate().copy()  # a copy: y may be a view of x
        x[at] = value - h
        below, y_below = x[at], evaluate().copy()
        x[at] = value
        step = above - below  # what was really stepped, after rounding
        size = np.where(y_above == y_below, 0, abs(y_above) + abs(y_below))
        noise = np.finfo(np.float64).eps * (abs(u) * size).sum() / step
        yield (u * (y_above - y_below)).sum() / step, noise


def _first_passing(tries: Iterator, analytic: float, atol: float, rtol: float):
    """Return the numeric value and the tolerance of the first try that passes, or of the first."""
    first = None
    for numeric, noise in tries:
        tolerance = atol + rtol * abs(numeric) + noise
        if abs(analytic - numeric) <= tolerance:
            return numeric, tolerance
        first = first or (numeric, tolerance)
    return first


def _compare(name: str, analytic, numeric, tolerance) -> Result:
    if not numeric.size:
        return Result(name, "PASS", 0, 0, (), 0.0, 0.0, 0.0, 0.0)
    error = np.abs(analytic - numeric)
    failing = ~(error <= tolerance)  # written so that NaN fails
    with np.errstate(divide="ignore", invalid="ignore"):
        worst = np.argmax(error / tolerance)  # argmax takes a NaN for the largest
    index = tuple(int(i) for i in np.unravel_index(worst, error.shape))
    return Result(
        name=name,
        verdict="FAIL" if failing.any() else "PASS",
        failing=int(failing.sum()),
        size=numeric.size,
        index=index,
        analytic=float(analytic[index]),
        numeric=float(numeric[index]),
        error=float(error[index]),
        tolerance=float(tolerance[index]),
    )
