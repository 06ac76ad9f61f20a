"""A page for each source file of minigrad, and the links to its lines from the reference."""

import importlib
import inspect
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def sources():
    """Return the paths of minigrad's files."""
    return sorted((ROOT / "minigrad").rglob("*.py"))


def address(docname, file, line=None):
    """Return the link from a page to a file of minigrad, or to a line of it."""
    up = "../" * docname.count("/")
    return f"{up}source/{file.removesuffix('.py')}.html" + (f"#line-{line}" if line else "")


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
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True}
