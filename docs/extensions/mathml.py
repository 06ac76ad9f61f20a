"""`$…$` and `$$…$$` become MathML when the site is built: browsers need no script for it."""

from docutils import nodes
from latex2mathml.converter import convert


def mathml(node, display):
    """Return a formula, with the space that TeX puts around ln."""
    spaced = '<mo lspace="0.17em" rspace="0.17em">ln</mo>'
    return convert(node.astext(), display=display).replace("<mi>ln</mi>", spaced)


def inline(self, node):
    """Write a formula within a line."""
    self.body.append(mathml(node, "inline"))
    raise nodes.SkipNode


def block(self, node):
    """Write a formula in a line of its own, which scrolls where the page is narrower."""
    self.body.append(f'<div class="math">{mathml(node, "block")}</div>\n')
    raise nodes.SkipNode


def setup(app):
    """Add the renderer; Sphinx takes it in the place of its own."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True}
