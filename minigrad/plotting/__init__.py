"""Pictures of training runs: in the terminal and, in the extra `plot`, by matplotlib (`figure`)."""

from ..training.run_folder import Run, read_run
from .plane import Plane, read_plane
from .terminal import ASCII, BRAILLE, draw, style_for

__all__ = ["ASCII", "BRAILLE", "Plane", "Run", "draw", "read_plane", "read_run", "style_for"]
