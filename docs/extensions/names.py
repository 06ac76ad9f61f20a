"""What is in backticks becomes a link: to the source file, or to the name in the reference."""

import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

from minigrad import functions, nn, optim

from .sources import ROOT, address, sources

SHORT = {"F": "minigrad.functions", "mg": "minigrad"}
ROOM = r"(F|mg|functions|nn|optim|data|training|checking|study|plotting|errors)"


class Names(SphinxTransform):
    """Changes `minigrad/engine.py`, `F.exp` and, in the tables of functions.md, `exp`."""

    default_priority = 400  # before Sphinx copies files that are linked to

    def apply(self):
        """Change the page."""
        folder = Path(self.env.doc2path(self.env.docname)).parent
        for node in [*self.document.findall(addnodes.download_reference)]:
            self.link(node, node.children, (folder / node["reftarget"]).resolve())
        for node in [*self.document.findall(nodes.literal)]:
            if not isinstance(node.parent, (nodes.reference, addnodes.download_reference)):
                self.link(node, [node.deepcopy()], ROOT / node.astext())
                self.refer(node)

    def link(self, node, children, path):
        """Put a link to a source file into the place of a node."""
        if path in sources():
            target = address(self.env.docname, path.relative_to(ROOT).as_posix())
            node.replace_self(nodes.reference("", "", *children, refuri=target))

    def refer(self, node):
        """Put a link to the reference around a name; Sphinx takes it away where there is none."""
        text, target = node.astext(), ""
        if re.fullmatch(rf"{ROOM}(\.\w+)+", text):
            room, _, name = text.partition(".")
            target = f"{SHORT.get(room, f'minigrad.{room}')}.{name}"
        elif self.env.docname == "functions" and isinstance(node.parent.parent, nodes.entry):
            room = next((r for r in (functions, nn, nn.init, optim) if text in vars(r)), None)
            target = f"{room.__name__}.{text}" if room else ""
        if target:
            options = {"refdomain": "py", "reftype": "obj", "refdoc": self.env.docname}
            link = addnodes.pending_xref("", node.deepcopy(), reftarget=target, **options)
            node.replace_self(link)


def setup(app):
    """Add the links."""
    app.add_transform(Names)
    return {"parallel_read_safe": True}
