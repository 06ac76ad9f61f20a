"""The types that public signatures share.

Some are text: help() then shows the name, and nothing is imported for it.
"""

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from numpy.typing import ArrayLike as ArrayLike  # a Tensor is one too
from numpy.typing import DTypeLike as DTypeLike

if TYPE_CHECKING:
    import numpy as np

    from .tensor import Tensor as Tensor
else:
    Tensor = "Tensor"  # tensor.py imports the functions, whose signatures name it

Axis: TypeAlias = int | Sequence[int] | None
Path: TypeAlias = str | PathLike[str]
Rng: TypeAlias = "np.random.Generator | int | None"  # None: fresh entropy


class Frame(Protocol):
    """A DataFrame of pandas."""

    @property
    def columns(self) -> Any:
        """The names of the columns."""

    @property
    def index(self) -> Any:
        """The names of the rows."""

    def to_numpy(self) -> Any:
        """Return the values."""
