"""The directive `reference`: the public names of a room of minigrad, from their source.

It takes the room and, if not all of its modules are meant, their names:

    ```{reference} minigrad.functions activations
    ```

Signatures and docstrings are read from the source, so none is missing and none is old. A function
is followed by its operations, whole: the docstring of each is the derivation of the code below it.
"""

import ast
import importlib
import inspect
import re
import sys

from sphinx.util.docutils import SphinxDirective

from minigrad import Function

# A docstring is Markdown, but for its sections and its lists of names.
SECTION = re.compile(r"^(Args|Attributes|Raises|Returns):\n((?:    .*\n|\n)+)", re.M)
NAMED = re.compile(r"^(\*{0,2}\w[\w, *]*): (.*\n(?: +\S.*\n)*)", re.M)
LIST = re.compile(rf"(?:{NAMED.pattern}){{2,}}", re.M)


class Reference(SphinxDirective):
    """Shows the public names of a room, in the order of the source."""

    required_arguments = 1
    optional_arguments = 99

    def run(self):
        """Return what is shown."""
        room = importlib.import_module(self.arguments[0])
        wanted = [f"{room.__name__}.{name}" for name in self.arguments[1:]]
        within = [
            name for name in sorted(sys.modules) if f"{name}.".startswith(f"{room.__name__}.")
        ]
        text = f"```{{py:currentmodule}} {room.__name__}\n```\n\n"
        shown = set()
        for module in map(importlib.import_module, wanted or within):
            self.env.note_dependency(module.__file__)
            text += markdown(module.__doc__) if wanted else ""
            for name, node in definitions(room, module):
                text += entry(module, name, node, shown)
        return self.parse_text_to_nodes(text)


def public(room):
    """Return the public names of a room: those it lists or, in errors.py, its classes."""
    classes = [name for name, value in vars(room).items() if inspect.isclass(value)]
    return getattr(room, "__all__", classes)


def definitions(room, module):
    """Yield what a module defines of the public names of its room: the name, and the statement."""
    for node in ast.parse(inspect.getsource(module)).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", node)
        name = getattr(target, "id", getattr(target, "name", ""))
        home = getattr(getattr(room, name, None), "__module__", module.__name__)
        if name in public(room) and name != "__all__" and home == module.__name__:
            yield name, node


def entry(module, name, node, shown):
    """Return the Markdown of a public name; `shown` holds the operations shown before it."""
    if isinstance(node, ast.ClassDef):
        bases = vars(module)[name].__mro__[1:]
        own = [item for item in node.body if not overrides(item, bases)]
        text = markdown(ast.get_docstring(node)) + "".join(map(member, own))
        return described("class", name + parameters(node), text, ticks=5)
    if isinstance(node, ast.FunctionDef):
        text = markdown(ast.get_docstring(node))
        for operation in operations(module, vars(module)[name]):
            if operation not in shown:
                text += f"```python\n{inspect.getsource(operation)}```\n\n"
                shown.add(operation)
        return described("function", name + signature(node), text)
    source = ast.get_source_segment(inspect.getsource(module), node)
    return described("data", name, f"```python\n{source}\n```")


def overrides(node, bases):
    """Return whether a statement of a class defines what one of its bases describes."""
    name = getattr(node, "name", "")
    return name != "forward" and any(name in vars(base) for base in bases)


def member(node):
    """Return the Markdown of a public method or property that has a docstring, or nothing."""
    text = isinstance(node, ast.FunctionDef) and ast.get_docstring(node)
    if not text or node.name.startswith("_"):
        return ""
    decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
    flags = [f":{name}:" for name in ("classmethod", "staticmethod") if name in decorators]
    flags.append(":no-contents-entry:")
    if "property" in decorators:
        flags.append(f":type: {unquoted(ast.unparse(node.returns))}")
        return described("property", node.name, markdown(text), flags)
    return described("method", node.name + signature(node), markdown(text), flags)


def described(kind, head, text, flags=(), ticks=4):
    """Return a directive of Sphinx's domain for Python."""
    fence = "`" * ticks
    return "\n".join([f"{fence}{{py:{kind}}} {head}", *flags, "", text, fence, "", ""])


def signature(node):
    """Return the parameters of a function as they are written, and what it returns."""
    args = re.sub(r"^(self|cls)(, |$)", "", ast.unparse(node.args))
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return unquoted(f"({args}){returns}".replace(" -> None", ""))


def parameters(node):
    """Return how a class is called: by its __init__, or by its fields if it has only these."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return signature(item)
    made = {ast.unparse(part).partition("(")[0] for part in (*node.decorator_list, *node.bases)}
    if not made & {"dataclass", "NamedTuple"}:
        return ""
    fields = [ast.unparse(item) for item in node.body if isinstance(item, ast.AnnAssign)]
    return unquoted(f"({', '.join(fields)})")


def unquoted(text):
    """Return a signature whose annotations are not texts."""
    return re.sub(r"(: |-> |^)'([^']*)'", r"\1\2", text)


def operations(module, function):
    """Return the operations that a function applies in its module, and what they are based on."""
    found, reached = set(), [function]
    for function in reached:
        for node in ast.walk(ast.parse(inspect.getsource(function))):
            value = vars(module).get(node.id) if isinstance(node, ast.Name) else None
            if getattr(value, "__module__", "") != module.__name__:
                continue
            if inspect.isfunction(value) and value not in reached:
                reached.append(value)
            elif inspect.isclass(value) and issubclass(value, Function) and node.id[0] != "_":
                found.update(base for base in value.__mro__ if base.__module__ == module.__name__)
    return sorted(found, key=lambda operation: inspect.getsourcelines(operation)[1])


def markdown(docstring):
    """Return a docstring as Markdown: its sections and lists of names become lists."""

    def items(text):
        return NAMED.sub(
            lambda m: f"- `{m[1].replace(', ', '`, `')}`: {' '.join(m[2].split())}\n", text
        )

    def section(match):
        return f"**{match[1]}**\n\n{items(inspect.cleandoc(match[2]) + chr(10))}\n"

    text = SECTION.sub(section, f"{docstring}\n")
    return LIST.sub(lambda m: items(m[0]), text) + "\n"


def setup(app):
    """Add the directive."""
    app.add_directive("reference", Reference)
    return {"parallel_read_safe": True}
