"""What `minigrad.debug()` turns on: checks that cost time, and so are off by default.

While `active.on` is true the engine calls `after_forward` and `backward` for every node.
"""

import contextlib
import os
import threading
import zlib
from collections.abc import Iterator

import numpy as np

from .errors import GraphError, NonFiniteError, message, user_frame


class _Active(threading.local):
    """Whether this thread runs in debug mode; MINIGRAD_DEBUG=1 starts every thread in it."""

    on = os.environ.get("MINIGRAD_DEBUG", "") not in ("", "0")


active = _Active()


@contextlib.contextmanager
def debug() -> Iterator[None]:
    """Check every operation inside the `with` block, forward and backward.

    `MINIGRAD_DEBUG=1` in the environment does so for the whole process.

    Raises:
        GraphError: an array that an operation saved for its backward pass was written to.
        NonFiniteError: an operation made the first NaN or infinity from finite numbers.
        Both name the operation and the line of the caller's code that ran it.
    """
    before = active.on
    active.on = True
    try:
        yield
    finally:
        active.on = before


def after_forward(node, arrays: list, options: dict, y: np.ndarray) -> None:
    """Note where `node` was made and what it saved; look for the first NaN or infinity."""
    frame, _ = user_frame()
    node._made_at = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    node._checksums = _checksums(node)
    if _finite([*arrays, *options.values()]) and not _finite([y]):
        raise NonFiniteError(_non_finite(node, "forward", y))


def backward(node, gy: np.ndarray):
    """Run `node.backward(gy)` between the same checks."""
    if "_checksums" not in vars(node):  # made before debug mode was turned on
        return node.backward(gy)
    after = _checksums(node)
    changed = [name for name, checksum in node._checksums.items() if after[name] != checksum]
    if changed:
        raise GraphError(
            f"{type(node).__name__}.backward",
            "an array that forward saved was written to before backward read it",
            f"self.{', self.'.join(changed)}, made at {node._made_at}",
            "make a new array instead of writing: x = x + 1, not x += 1",
        )
    from_finite = _finite([gy, *dict(_saved(node)).values()])
    gradients = node.backward(gy)
    for g in gradients if isinstance(gradients, tuple) else (gradients,):
        if g is not None and from_finite and not _finite([g]):
            raise NonFiniteError(_non_finite(node, "backward", np.asarray(g)))
    return gradients


def _saved(node) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the value of each array that `forward` saved on the node."""
    for name, value in vars(node).items():
        if isinstance(value, np.ndarray):
            yield name, value
        elif isinstance(value, (tuple, list)):
            yield from (
                (f"{name}[{i}]", v) for i, v in enumerate(value) if isinstance(v, np.ndarray)
            )


def _checksums(node) -> dict[str, int]:
    return {name: zlib.crc32(a.tobytes()) for name, a in _saved(node)}


def _finite(values) -> bool:
    arrays = (np.asarray(v) for v in values if isinstance(v, (np.ndarray, np.generic, float)))
    return all(a.dtype.kind != "f" or np.isfinite(a).all() for a in arrays)


def _non_finite(node, direction: str, a: np.ndarray) -> str:
    bad = np.argwhere(~np.isfinite(a))
    index = tuple(int(i) for i in bad[0])
    return message(
        f"{type(node).__name__}.{direction}",
        f"made {a[index]} from finite numbers",
        f"element {index} of {a.shape}, {len(bad)} in all; the node was made at {node._made_at}",
        "look at what that line computes",
    )
