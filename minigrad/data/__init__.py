"""Data: the built-in sets, the generators, and what stands between a set and the training loop."""

from .batching import batches
from .builtin import BUILTIN, Info, load
from .dataset import Dataset
from .generators import blobs, circles, moons, spirals, xor
from .scaling import Scaling
from .schema import Column, Schema
from .splitting import split

__all__ = [
    "BUILTIN",
    "Column",
    "Dataset",
    "Info",
    "Scaling",
    "Schema",
    "batches",
    "blobs",
    "circles",
    "load",
    "moons",
    "spirals",
    "split",
    "xor",
]
