"""Pictures of training runs: in the terminal, or with matplotlib (`figure`, the extra `plot`)."""

from .gallery import Gallery, read_gallery
from .plane import Plane, read_plane
from .terminal import ASCII, BRAILLE, draw, style_for

__all__ = [
    "ASCII",
    "BRAILLE",
    "Gallery",
    "Plane",
    "draw",
    "read_gallery",
    "read_plane",
    "style_for",
]
