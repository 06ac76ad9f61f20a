"""A page for each source file of minigrad, and links to it wherever the file is named."""

import importlib
import inspect
import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

ROOT = Path(__file__).parents[2]


def sources():
    """Return the paths of minigrad's files."""
    return sorted((ROOT / "minigrad").rglob("*.py"))


def address(docname, file, line=None):
    """Return the link from a page to a file of minigrad, or to a line of it."""
    up = "../" * docname.count("/")
    return f"{up}source/{file.removesuffix('.py')}.html" + (f"#line-{line}" if line else "")


class NamedSources(SphinxTransform):
    """Makes links to these pages: of links to the files, and of their names in backticks."""

    default_priority = 400  # before Sphinx copies files that are linked to

    def apply(self):
        """Change the page."""
        folder = Path(self.env.doc2path(self.env.docname)).parent
        for node in [*self.document.findall(addnodes.download_reference)]:
            self.link(node, node.children, (folder / node["reftarget"]).resolve())
        for node in [*self.document.findall(nodes.literal)]:
            if re.fullmatch(r"minigrad/[\w/]+\.py", node.astext()):
                self.link(node, [node.deepcopy()], ROOT / node.astext())

    def link(self, node, children, path):
        """Put a link in the place of a node that names a source file and is not in a link yet."""
        file = path.relative_to(ROOT).as_posix()
        if path in sources() and not isinstance(node.parent, nodes.reference):
            target = address(self.env.docname, file)
            node.replace_self(nodes.reference("", "", *children, refuri=target))


def line_of(domain, info):
    """Return the link from a name in the reference to its line, for Sphinx's linkcode."""
    value = importlib.import_module(info["module"])
    for name in info["fullname"].split("."):
        value = getattr(value, name)
    value = inspect.unwrap(getattr(value, "fget", value))
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        return None
    file = Path(inspect.getsourcefile(value)).relative_to(ROOT).as_posix()
    return address("reference/", file, inspect.getsourcelines(value)[1])


def pages(app):
    """Yield the page of each file."""
    for path in sources():
        file = path.relative_to(ROOT).as_posix()
        options = {"linenos": "inline", "lineanchors": "line"}
        code = app.builder.highlighter.highlight_block(path.read_text("utf-8"), "python", **options)
        context = {"title": file, "body": f"<h1>{file}</h1>\n{code}"}
        yield f"source/{file.removesuffix('.py')}", context, "page.html"


def setup(app):
    """Add the pages and the links."""
    app.setup_extension("sphinx.ext.linkcode")
    app.config.linkcode_resolve = line_of
    app.add_transform(NamedSources)
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True}
