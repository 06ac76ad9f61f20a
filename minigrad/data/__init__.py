"""Data: built-in sets, generators, files, and how a set is split, scaled, batched and augmented."""

from .augment import shifted
from .builtin import BUILTIN, Info
from .cells import Format
from .dataset import Column, Dataset, Schema
from .frames import from_frame
from .generators import blobs, circles, moons, spirals, xor
from .prepare import Scaling, batches, drop_rare, split
from .rows import Block, Rows, read_rows
from .source import load

__all__ = [
    "BUILTIN",
    "Block",
    "Column",
    "Dataset",
    "Format",
    "Info",
    "Rows",
    "Scaling",
    "Schema",
    "batches",
    "blobs",
    "circles",
    "drop_rare",
    "from_frame",
    "load",
    "moons",
    "read_rows",
    "shifted",
    "spirals",
    "split",
    "xor",
]
