"""`$…$` and `$$…$$` become MathML when the site is built: browsers need no script for it."""

from docutils import nodes
from latex2mathml.converter import convert


def inline(self, node):
    """Write a formula within a line."""
    self.body.append(convert(node.astext()))
    raise nodes.SkipNode


def block(self, node):
    """Write a formula in a line of its own, which scrolls where the page is narrower."""
    self.body.append(f'<div class="math">{convert(node.astext(), display="block")}</div>\n')
    raise nodes.SkipNode


def setup(app):
    """Add the renderer; Sphinx takes it in the place of its own."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True}
