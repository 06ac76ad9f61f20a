"""Data: the built-in sets, the generators, and what stands between a set and the training loop."""

from .batching import batches
from .builtin import BUILTIN, Info
from .dataset import Dataset
from .generators import blobs, circles, moons, spirals, xor
from .loading import load
from .rows import Block, Rows, read_rows
from .scaling import Scaling
from .schema import Column, Schema
from .splitting import split

__all__ = [
    "BUILTIN",
    "Block",
    "Column",
    "Dataset",
    "Info",
    "Rows",
    "Scaling",
    "Schema",
    "batches",
    "blobs",
    "circles",
    "load",
    "moons",
    "read_rows",
    "spirals",
    "split",
    "xor",
]
