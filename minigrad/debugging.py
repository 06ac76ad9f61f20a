"""What `minigrad.debug()` turns on: checks that cost time, and so are off by default.

While `active.watch` is set, the engine hands it every node, forward and backward.
"""

import contextlib
import os
import threading
import zlib
from collections.abc import Iterator

import numpy as np

from .errors import GraphError, NonFiniteError, message, user_frame


class Watch:
    """What the engine hands every node to; this base class changes nothing."""

    def before_forward(self, node, arrays: list[np.ndarray], options: dict) -> list[np.ndarray]:
        """Return the arrays that `forward` gets."""
        return arrays

    def after_forward(self, node, y: np.ndarray) -> None:
        """Look at what `forward` returned."""

    def backward(self, node, gy: np.ndarray):
        """Return the gradients that `node.backward(gy)` computes."""
        return node.backward(gy)


class Checks(Watch):
    """The watch of debug mode: finite numbers stay finite, inputs and saved arrays unchanged."""

    def before_forward(self, node, arrays, options):
        """Note the line that makes `node` and whether its inputs are finite; return the inputs."""
        node._made_at = user_line()
        node._from_finite = all_finite([*arrays, *options.values()])
        node._given = [(a, _checksum(a)) for a in arrays]
        return arrays

    def after_forward(self, node, y):
        """Compare the inputs, note what `node` saved, and look for the first NaN or infinity."""
        given = vars(node).pop("_given")
        changed = [f"input {i}" for i, (a, before) in enumerate(given) if _checksum(a) != before]
        if changed:
            wrong = "wrote to the array of an input"
            facts = f"{', '.join(changed)}, at {node._made_at}"
            remedy = "make a new array instead of writing: y = x + 1, not x += 1"
            raise GraphError(f"{type(node).__name__}.forward", wrong, facts, remedy)
        node._checksums = {name: _checksum(a) for name, a in saved_arrays(node)}
        if node._from_finite and not all_finite([y]):
            where = f"{type(node).__name__}.forward"
            raise NonFiniteError(non_finite(where, y, node._made_at))

    def backward(self, node, gy):
        """Run `node.backward(gy)` between the same checks."""
        if "_checksums" not in vars(node):  # made before debug mode was turned on
            return node.backward(gy)
        after = {name: _checksum(a) for name, a in saved_arrays(node)}
        changed = [name for name, before in node._checksums.items() if after[name] != before]
        if changed:
            wrong = "an array that forward saved was written to before backward read it"
            facts = f"self.{', self.'.join(changed)}, made at {node._made_at}"
            remedy = "make a new array instead of writing: x = x + 1, not x += 1"
            raise GraphError(f"{type(node).__name__}.backward", wrong, facts, remedy)
        from_finite = all_finite([gy, *dict(saved_arrays(node)).values()])
        gradients = node.backward(gy)
        for g in gradients if isinstance(gradients, tuple) else (gradients,):
            if g is not None and from_finite and not all_finite([g]):
                where = f"{type(node).__name__}.backward"
                raise NonFiniteError(non_finite(where, np.asarray(g), node._made_at))
        return gradients


class _Active(threading.local):
    """What watches this thread's operations, or None; MINIGRAD_DEBUG=1 sets it in every thread."""

    watch = None if os.environ.get("MINIGRAD_DEBUG", "") in ("", "0") else Checks()


active = _Active()


@contextlib.contextmanager
def watched_by(watch) -> Iterator[None]:
    """Hand every operation inside the `with` block to `watch`, and to nothing else."""
    before = active.watch
    active.watch = watch
    try:
        yield
    finally:
        active.watch = before


def debug() -> contextlib.AbstractContextManager[None]:
    """Check every operation inside the `with` block, forward and backward.

    `MINIGRAD_DEBUG=1` in the environment turns the checks on for the whole process.

    Raises:
        GraphError: if a forward wrote to its input, or something wrote to an array that an
            operation saved for its backward pass.
        NonFiniteError: if an operation made a NaN or an infinity from finite numbers.
        Both name the operation and the line of the caller's code that ran it.
    """
    return watched_by(Checks())


def user_line() -> str:
    """Return file:line of the innermost frame outside this package."""
    frame, _ = user_frame()
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def all_finite(values) -> bool:
    """Return whether no array or float among the values holds a NaN or an infinity."""
    arrays = (np.asarray(v) for v in values if isinstance(v, (np.ndarray, np.generic, float)))
    return all(a.dtype.kind != "f" or np.isfinite(a).all() for a in arrays)


def saved_arrays(node) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the value of each array that `forward` saved on the node."""
    for name, value in vars(node).items():
        yield from _arrays_in(name, value)


def _arrays_in(name: str, value) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays in a value, which may be a tuple of dicts of them."""
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, (tuple, list, dict)):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _arrays_in(f"{name}[{key!r}]", part)


def _checksum(a: np.ndarray) -> int:
    return zlib.crc32(a.tobytes())


def non_finite(where: str, a: np.ndarray, made_at: str) -> str:
    """Return the message about the NaN or infinity that `where` made from finite numbers."""
    bad = np.argwhere(~np.isfinite(a))
    index = tuple(int(i) for i in bad[0])
    return message(
        where,
        f"made {a[index]} from finite numbers",
        f"element {index} of {a.shape}, {len(bad)} in all; the node was made at {made_at}",
        "look at what that line computes",
    )
