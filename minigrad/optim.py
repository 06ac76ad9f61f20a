"""Stochastic gradient descent, and the clipping of gradients."""

import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

from .errors import ArgumentError, warn_once
from .tensor import Tensor
from .text import counted, kind_of

__all__ = ["SGD", "clip_grad_norm"]


class SGD:
    """Stochastic gradient descent, with PyTorch's formulas:

        g = gradient + weight_decay · p
        v = momentum · v + (1 − dampening) · g      v = g in the first step
        p = p − lr · v                              nesterov: p = p − lr · (g + momentum · v)

    Without momentum, p = p − lr · g.

    Args:
        params: the parameters, or a list of groups {"params": [...], "lr": ...}; an option that a
            group leaves out has the value of the argument.
        lr: the learning rate, 0 or more.
        momentum: the fraction of the last step that is kept, 0 or more.
        dampening: the fraction of the new gradient that momentum leaves out.
        weight_decay: the factor of an L2 penalty, 0 or more.
        nesterov: look ahead by one step of momentum (Nesterov, 1983; Sutskever et al., 2013).

    Attributes:
        param_groups: a list of dicts; a change of an option takes effect in the next step.
        steps: how many steps were taken.

    Raises:
        ArgumentError: if there are no parameters, none of them requires a gradient, one is given
            twice, or an option is outside its values.
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
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
        }
        one = isinstance(params, Tensor) or not isinstance(params, Iterable)
        params = [params] if one else list(params)
        given = params if params and isinstance(params[0], dict) else [{"params": params}]
        self.param_groups = [_checked(group, defaults) for group in given]
        _check_parameters(self.parameters)
        self.steps = 0
        self.velocity: dict[Tensor, np.ndarray] = {}
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
            decay, keep, nesterov = group["weight_decay"], 1 - group["dampening"], group["nesterov"]
            dtype = None
            for p in group["params"]:
                g = p.grad
                if g is None:
                    continue
                if g.dtype is not dtype:  # arrays: NumPy takes 0.25 µs a call to convert a number
                    dtype = g.dtype
                    lr, momentum = np.array(group["lr"], dtype), np.array(group["momentum"], dtype)
                if decay:
                    g = g + decay * p.data
                if momentum:
                    if p in self.velocity:
                        v = self.velocity[p]
                        v *= momentum
                        v += g if keep == 1 else keep * g
                    else:
                        v = self.velocity[p] = g.copy()
                    g = g + momentum * v if nesterov else v
                p.data -= lr * g

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
            warn_once("SGD.step", wrong, facts, remedy)


def _check_parameters(params: list[Tensor]) -> None:
    facts = counted(len(params), "parameter")
    if not params or len(set(params)) != len(params):
        wrong = "a parameter is given twice" if params else "there are no parameters"
        raise ArgumentError("SGD", wrong, facts, "give each parameter once")
    if not any(p.requires_grad for p in params):
        wrong = "no parameter requires a gradient"
        raise ArgumentError("SGD", wrong, facts, "create them with requires_grad=True")


def _checked(group: dict, defaults: dict) -> dict:
    unknown = sorted(set(group) - set(defaults) - {"params"})
    group = {**defaults, **group, "params": list(group.get("params", []))}
    for i, p in enumerate(group["params"]):
        if not isinstance(p, Tensor) or p.node is not None:
            made = f" made by {type(p.node).__name__}" if isinstance(p, Tensor) else ""
            facts, remedy = f"params[{i}] is {kind_of(p)}{made}", "give model.parameters()"
            raise ArgumentError("SGD", "params takes leaf Tensors only", facts, remedy)
    faults = [f"{name} is unknown" for name in unknown]
    for name in ("lr", "momentum", "dampening", "weight_decay"):
        if not isinstance(group[name], numbers.Real):
            faults.append(f"{name} must be a number, not {kind_of(group[name])}")
        elif name != "dampening" and not group[name] >= 0:
            faults.append(f"{name} must be 0 or more, not {group[name]}")
    if group["nesterov"] and (not group["momentum"] or group["dampening"]):
        faults.append("nesterov needs momentum above 0 and dampening 0")
    if faults:
        facts = ", ".join(f"{name} {group[name]}" for name in defaults)
        raise ArgumentError("SGD", "; ".join(faults), facts, "see help(optim.SGD)")
    return group


def clip_grad_norm(params: Iterable[Tensor], max_norm: float = math.inf) -> float:
    """Scale the gradients by one factor so that the norm of all together is at most max_norm.

    Returns the norm before scaling, √(Σ g²) over every element (Pascanu et al., 2013). If it is
    not finite, nothing is scaled.
    """
    gradients = [p.grad for p in params if p.grad is not None]
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in gradients))
    if not math.isfinite(norm):  # float32 overflows in the squares long before it does in g
        norm = math.sqrt(sum(float(np.square(g, dtype=np.float64).sum()) for g in gradients))
    if max_norm < norm < math.inf:
        for g in gradients:
            g *= max_norm / norm
    return norm
