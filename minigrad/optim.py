"""Optimizers, which move parameters against their gradients, and the clipping of gradients.

In order of difficulty: SGD, RMSprop, Adam, AdamW.
"""

import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

from .errors import ArgumentError, warn_once
from .tensor import Tensor
from .text import counted, kind_of

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "clip_grad_norm", "clip_grad_value"]


class Optimizer:
    """What the optimizers share: groups of parameters, the round of a step, and its arrays.

    Args:
        params: the parameters, or a list of groups {"params": [...], "lr": ...}; an option that a
            group leaves out has the value of the argument.
        options: the options of the subclass.

    Attributes:
        param_groups: a list of dicts; a change of an option takes effect in the next step.
        steps: how many steps were taken.
        state: for each parameter the arrays that are kept from step to step, by name.

    Raises:
        ArgumentError: if there are no parameters, none of them requires a gradient, one is given
            twice, or an option is outside its values.
    """

    def __init__(self, params: Iterable[Tensor] | Iterable[dict[str, Any]], **options: Any):
        one = isinstance(params, Tensor) or not isinstance(params, Iterable)
        params = [params] if one else list(params)
        given = params if params and isinstance(params[0], dict) else [{"params": params}]
        where = type(self).__name__
        self.param_groups = [_checked(where, group, options) for group in given]
        _check_parameters(where, self.parameters)
        self.steps = 0
        self.state: dict[Tensor, dict[str, np.ndarray]] = {}
        self._asked = False

    @property
    def parameters(self) -> list[Tensor]:
        """The parameters of all groups."""
        return [p for group in self.param_groups for p in group["params"]]

    def zero_grad(self) -> None:
        """Forget the gradients: backward passes add to them until then."""
        for p in self.parameters:
            p.grad = None

    def step(self) -> None:
        """Move every parameter that has a gradient; name those that have none, once."""
        if not self._asked:
            self._warn_of_missing_gradients()
        self.steps += 1
        for group in self.param_groups:
            self.move([(p, p.grad) for p in group["params"] if p.grad is not None], group)

    def move(self, pairs: list[tuple[Tensor, np.ndarray]], group: dict[str, Any]) -> None:
        """Move each parameter p of the pairs (p, gradient), by the options of their group."""
        raise NotImplementedError(f"{type(self).__name__} defines no move")

    def kept(self, p: Tensor, name: str) -> np.ndarray:
        """Return the array of this name that is kept for p; it starts at 0."""
        arrays = self.state.setdefault(p, {})
        if name not in arrays:
            arrays[name] = np.zeros_like(p.data)
        return arrays[name]

    def _warn_of_missing_gradients(self) -> None:
        self._asked = True
        every = self.parameters
        missing = [
            getattr(p, "name", "") or f"number {i} {p.shape}"
            for i, p in enumerate(every)
            if p.grad is None and p.requires_grad
        ]
        if missing:
            wrong = "parameters never received a gradient and will not be trained"
            facts = f"{len(missing)} of {len(every)}: {', '.join(missing)}"
            remedy = "call loss.backward() first, and use them in the model's forward"
            warn_once(f"{type(self).__name__}.step", wrong, facts, remedy)


def with_decay(g: np.ndarray, p: Tensor, weight_decay: float) -> np.ndarray:
    """Return the gradient g of the loss plus that of an L2 penalty, ½ weight_decay · Σ p²."""
    return np.asarray(g + weight_decay * p.data, g.dtype) if weight_decay else g


class SGD(Optimizer):
    """Stochastic gradient descent, with PyTorch's formulas:

        g = gradient + weight_decay · p
        v = momentum · v + (1 − dampening) · g      v = g in the first step
        p = p − lr · v                              nesterov: p = p − lr · (g + momentum · v)

    Without momentum, p = p − lr · g.

    Args:
        params: the parameters, or groups of them; see `Optimizer`.
        lr: the learning rate, 0 or more.
        momentum: the fraction of the last step that is kept, 0 or more.
        dampening: the fraction of the new gradient that momentum leaves out.
        weight_decay: the factor of an L2 penalty, 0 or more.
        nesterov: look ahead by one step of momentum (Nesterov, 1983; Sutskever et al., 2013).
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
    ):
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
        )

    def move(self, pairs: list[tuple[Tensor, np.ndarray]], group: dict[str, Any]) -> None:
        """Move the parameters; see the class."""
        decay, keep, nesterov = group["weight_decay"], 1 - group["dampening"], group["nesterov"]
        dtype = None
        for p, g in pairs:
            g = with_decay(g, p, decay)
            if g.dtype is not dtype:  # arrays: NumPy takes 0.25 µs a call to convert a number
                dtype = g.dtype
                lr, momentum = np.array(group["lr"], dtype), np.array(group["momentum"], dtype)
            if momentum:
                if p in self.state:
                    v = self.state[p]["velocity"]
                    v *= momentum
                    v += g if keep == 1 else keep * g
                else:
                    v = g.copy()
                    self.state[p] = {"velocity": v}
                g = g + momentum * v if nesterov else v
            p.data -= lr * g


class RMSprop(Optimizer):
    """A step of about lr for each element, whatever the scale of its gradient (Hinton, 2012).

        g = gradient + weight_decay · p
        v = alpha · v + (1 − alpha) · g²            the mean of g², which forgets
        u = g / (√v + eps)
        p = p − lr · u                              momentum: b = momentum · b + u,  p = p − lr · b

    `centered` divides by the standard deviation instead, √(v − m²) for √v, with the mean
    m = alpha · m + (1 − alpha) · g (Graves, 2013). v, m and b start at 0.

    Args:
        params: the parameters, or groups of them; see `Optimizer`.
        lr: the learning rate, 0 or more.
        alpha: the fraction of the old means that is kept, 0 or more.
        eps: keeps the step finite where the gradients are 0.
        weight_decay: the factor of an L2 penalty, 0 or more.
        momentum: the fraction of the last step that is kept, 0 or more.
        centered: whether the mean of the gradients is taken out.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
    ):
        super().__init__(
            params,
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
        )

    def move(self, pairs: list[tuple[Tensor, np.ndarray]], group: dict[str, Any]) -> None:
        """Move the parameters; see the class."""
        alpha, momentum, centered = group["alpha"], group["momentum"], group["centered"]
        for p, g in pairs:
            g = with_decay(g, p, group["weight_decay"])
            v = self.kept(p, "v")
            v += (1 - alpha) * (g * g - v)
            if centered:
                m = self.kept(p, "m")
                m += (1 - alpha) * (g - m)
                v = v - m * m
            u = g / (np.sqrt(v) + group["eps"])
            if momentum:
                b = self.kept(p, "b")
                b *= momentum
                b += u
                u = b
            p.data -= group["lr"] * u


class Adam(Optimizer):
    """RMSprop with momentum, and without the bias of means that start at 0 (Kingma and Ba, 2015).

        g = gradient + weight_decay · p
        m = β₁ · m + (1 − β₁) · g                   the mean of g, which forgets
        v = β₂ · v + (1 − β₂) · g²                  the mean of g²
        p = p − lr · m̂ / (√v̂ + eps)                 m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)

    m and v start at 0. In step t the weights of the t gradients in m sum to 1 − β₁ᵗ, and those in v
    to 1 − β₂ᵗ: dividing by that makes means of them. t counts the parameter's own steps.

    Args:
        params: the parameters, or groups of them; see `Optimizer`.
        lr: the learning rate, 0 or more.
        betas: β₁ and β₂, each 0 or more and less than 1.
        eps: keeps the step finite where the gradients are 0.
        weight_decay: the factor of an L2 penalty, 0 or more.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
    ):
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def decayed(self, g: np.ndarray, p: Tensor, group: dict[str, Any]) -> np.ndarray:
        """Return the gradient g with what weight decay adds to it."""
        return with_decay(g, p, group["weight_decay"])

    def move(self, pairs: list[tuple[Tensor, np.ndarray]], group: dict[str, Any]) -> None:
        """Move the parameters; see the class."""
        lr, (beta1, beta2) = float(group["lr"]), group["betas"]
        for p, g in pairs:
            g, m, v = self.decayed(g, p, group), self.kept(p, "m"), self.kept(p, "v")
            t = self.state[p].setdefault("t", np.array(0))
            t += 1
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * (g * g)
            root = np.sqrt(v)
            root *= 1 / math.sqrt(1 - beta2 ** int(t))  # √v̂
            root += group["eps"]
            u = m / root
            u *= lr / (1 - beta1 ** int(t))
            p.data -= u


class AdamW(Adam):
    """Adam whose weight decay is not part of the gradient (Loshchilov and Hutter, 2019).

        p = p − lr · weight_decay · p               then a step of Adam with g = gradient

    In Adam the penalty's gradient is divided by √v̂ like the rest, so that weights with large
    gradients hardly decay. Here all decay at the same rate.

    Args:
        params, lr, betas, eps: as for Adam.
        weight_decay: the rate at which the weights decay, 0 or more.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ):
        super().__init__(params, lr, betas, eps, weight_decay)

    def decayed(self, g: np.ndarray, p: Tensor, group: dict[str, Any]) -> np.ndarray:
        """Let p decay, and return the gradient g alone."""
        p.data *= 1 - float(group["lr"]) * group["weight_decay"]
        return g


def _check_parameters(where: str, params: list[Tensor]) -> None:
    facts = counted(len(params), "parameter")
    if not params or len(set(params)) != len(params):
        wrong = "a parameter is given twice" if params else "there are no parameters"
        raise ArgumentError(where, wrong, facts, "give each parameter once")
    if not any(p.requires_grad for p in params):
        wrong = "no parameter requires a gradient"
        raise ArgumentError(where, wrong, facts, "create them with requires_grad=True")


def _checked(where: str, group: dict, defaults: dict) -> dict:
    unknown = sorted(set(group) - set(defaults) - {"params"})
    group = {**defaults, **group, "params": list(group.get("params", []))}
    for i, p in enumerate(group["params"]):
        if not isinstance(p, Tensor) or p.node is not None:
            made = f" made by {type(p.node).__name__}" if isinstance(p, Tensor) else ""
            facts, remedy = f"params[{i}] is {kind_of(p)}{made}", "give model.parameters()"
            raise ArgumentError(where, "params takes leaf Tensors only", facts, remedy)
    faults = [f"{name} is unknown" for name in unknown]
    for name in ("lr", "momentum", "dampening", "alpha", "eps", "weight_decay"):
        value = group.get(name, 0)
        if not isinstance(value, numbers.Real):
            faults.append(f"{name} must be a number, not {kind_of(value)}")
        elif name != "dampening" and not value >= 0:
            faults.append(f"{name} must be 0 or more, not {value}")
    betas = group.get("betas", (0, 0))
    try:
        pair = len(betas) == 2 and all(0 <= beta < 1 for beta in betas)
    except TypeError:
        pair = False
    if not pair:
        faults.append(f"betas must be two numbers, each 0 or more and less than 1, not {betas}")
    if group.get("nesterov") and (not group["momentum"] or group["dampening"]):
        faults.append("nesterov needs momentum above 0 and dampening 0")
    if faults:
        facts = ", ".join(f"{name} {group[name]}" for name in defaults)
        raise ArgumentError(where, "; ".join(faults), facts, f"see help(optim.{where})")
    return group


def clip_grad_norm(params: Iterable[Tensor], max_norm: float = math.inf) -> float:
    """Scale the gradients by one factor so that the norm of all together is at most max_norm.

    Returns the norm before scaling, √(Σ g²) over every element (Pascanu et al., 2013). If it is
    not finite, nothing is scaled.

    Raises:
        ArgumentError: if a gradient that has to be scaled is read-only.
    """
    gradients = [p.grad for p in params if p.grad is not None]
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in gradients))
    if not math.isfinite(norm):  # float32 overflows in the squares long before it does in g
        norm = math.sqrt(sum(float(np.square(g, dtype=np.float64).sum()) for g in gradients))
    if max_norm < norm < math.inf:
        for g in _writable("clip_grad_norm", gradients):
            g *= max_norm / norm
    return norm


def clip_grad_value(params: Iterable[Tensor], clip_value: float) -> None:
    """Limit every element of the gradients to [−clip_value, clip_value]; NaN stays NaN.

    This changes the direction of the step, which `clip_grad_norm` keeps.

    Raises:
        ArgumentError: if clip_value is negative or NaN, or a gradient is read-only.
    """
    if not clip_value >= 0:
        wrong, facts = "clip_value is not a limit", f"clip_value {clip_value}"
        raise ArgumentError("clip_grad_value", wrong, facts, "give 0 or more")
    gradients = [p.grad for p in params if p.grad is not None]
    for g in _writable("clip_grad_value", gradients):
        np.clip(g, -clip_value, clip_value, out=g)


def _writable(where: str, gradients: list[np.ndarray]) -> list[np.ndarray]:
    """Return the gradients; raise ArgumentError if one cannot be written to."""
    for g in gradients:
        if not g.flags.writeable:
            remedy = "set p.grad to a copy, p.grad.copy()"
            raise ArgumentError(where, "a gradient is read-only", f"p.grad {g.shape}", remedy)
    return gradients
