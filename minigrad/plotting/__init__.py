"""Pictures of training runs: in the terminal and, in the extra `plot`, by matplotlib (`figure`)."""

from .plane import Plane, read_plane
from .terminal import ASCII, BRAILLE, draw, style_for

__all__ = ["ASCII", "BRAILLE", "Plane", "draw", "read_plane", "style_for"]
