"""The rules of the house that a machine can check: imports, names, docstrings, sizes, leftovers."""

import ast
import graphlib
import importlib
import inspect
import io
import re
import sys
import tokenize
from collections import Counter
from pathlib import Path

import pytest

import minigrad

PACKAGE = Path(minigrad.__file__).parent
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def dotted(path):
    """Return the name of a module inside the package; the package itself is ""."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {dotted(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in SOURCES.items()}
every_module = pytest.mark.parametrize("name", SOURCES, ids=lambda name: name or "minigrad")

# CONTRIBUTING.md states the order: a room may import itself and what is to the right of it.
RULES = (PACKAGE.parent / "CONTRIBUTING.md").read_text("utf-8")
ORDER = [re.findall(r"\w+", rooms) for rooms in re.search(r"`(cli →[^`]*)`", RULES)[1].split("→")]
LEVEL = {room: -i for i, rooms in enumerate([["", "__main__"], *ORDER]) for room in rooms}


def room_of(name):
    return name.split(".")[0]


def for_type_checkers(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def nodes_in(tree):
    """Yield the nodes of a tree, except what only type checkers see."""
    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        todo.extend(c for c in ast.iter_child_nodes(node) if not for_type_checkers(c))


def imports_of(name):
    """Return the modules of the package that a module imports, and the outside packages."""
    inside, outside = set(), set()
    package = name.split(".") if SOURCES[name].name == "__init__.py" else name.split(".")[:-1]
    for node in nodes_in(TREES[name]):
        if isinstance(node, ast.Import):
            outside |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            outside.add(node.module.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            parts = [p for p in package[: len(package) + 1 - node.level] if p]
            target = ".".join(parts + ([node.module] if node.module else []))
            names = [alias.name for alias in node.names if alias.name != "__version__"]
            children = [f"{target}.{name}".lstrip(".") for name in names]
            inside |= {child if child in SOURCES else target for child in children}
    return inside - {name}, outside


# ---- imports -----------------------------------------------------------------------------------


@every_module
def test_imports_point_downwards(name):
    inside, _ = imports_of(name)
    if room_of(name) == "cli":
        inside.discard("")  # it uses the public names, as other programs do
    for other in inside:
        here, there = LEVEL[room_of(name)], LEVEL[room_of(other)]
        assert there < here or room_of(other) == room_of(name), f"{name} imports {other}"


def test_there_is_no_import_cycle():
    graph = {name: imports_of(name)[0] - {""} for name in SOURCES}
    list(graphlib.TopologicalSorter(graph).static_order())


BRIDGES = {
    "bridges.sklearn": {"sklearn", "scipy"},
    "bridges.torch": {"torch", "safetensors"},
    "bridges.onnx": {"onnx"},
    "bridges.safetensors": {"safetensors"},
}


@every_module
def test_minigrad_itself_imports_no_bridge(name):
    inside, _ = imports_of(name)
    assert room_of(name) in ("bridges", "cli") or "bridges" not in map(room_of, inside)


def test_the_bridges_are_thin():
    sizes = {name: code_lines(name) for name in SOURCES if room_of(name) == "bridges"}
    assert sum(sizes.values()) <= 900, sizes


@every_module
def test_only_the_command_line_the_figure_and_bridges_need_more_than_numpy(name):
    _, outside = imports_of(name)
    allowed = {"numpy", *sys.stdlib_module_names}
    if room_of(name) == "cli":
        allowed |= {"click", "tqdm", "torch"}  # torch: the witness of `minigrad gradcheck`
    if name == "plotting.figure":
        allowed |= {"matplotlib"}
    allowed |= BRIDGES.get(name, set())
    assert outside <= allowed


@every_module
def test_only_the_command_line_imports_inside_functions(name):
    hidden = [
        node.lineno
        for function in ast.walk(TREES[name])
        if isinstance(function, FUNCTION)
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert not hidden or room_of(name) == "cli"


def test_imports_by_name_are_few():
    """What no rule above sees: each has a comment that says why."""
    found = {
        name: re.findall(r"import_module\((.*?)\)", path.read_text("utf-8"))
        for name, path in SOURCES.items()
        if room_of(name) != "cli"
    }
    assert {name: modules for name, modules in found.items() if modules} == {
        "": ['f".{_LATER[name]}", __name__'],  # the rooms that a graph does not need
        "training.experiment": ['"threadpoolctl"'],  # if it is there
        "training.pictures": ['"minigrad.plotting.figure"'],  # the one import upwards
        "training.progress": ['"tqdm.auto"'],  # takes long
    }


def test_the_order_holds_every_room_and_nothing_else():
    assert {room_of(name) for name in SOURCES} == set(LEVEL)


# ---- names -------------------------------------------------------------------------------------


def test_each_file_has_a_name_of_its_own():
    names = Counter(path.stem for path in SOURCES.values() if not path.stem.startswith("__"))
    repeated = {name for name, count in names.items() if count > 1}
    assert repeated == {"losses"}  # nn/losses.py holds the modules of functions/losses.py


def exported():
    """Yield the names that the rooms export, with what they name."""
    for room in [name for name, path in SOURCES.items() if "." not in name and name != "__main__"]:
        module = importlib.import_module(f"minigrad.{room}".rstrip("."))
        yield from ((name, getattr(module, name)) for name in getattr(module, "__all__", ()))


def test_no_module_has_the_name_of_a_public_function():
    public = {name for name, value in exported() if inspect.isfunction(value)}
    modules = {name.rpartition(".")[2] for name in SOURCES}
    # Two families of functions have one member, and their files its name.
    assert public & modules == {"dropout", "linear"}


def test_the_tests_mirror_the_package():
    folders = {path.parent.name for path in Path(__file__).parent.glob("*/test_*.py")}
    assert folders <= {name for name, path in SOURCES.items() if path.name == "__init__.py"}


def functions_of(value):
    """Yield the public functions that a public name stands for: itself, or a class's methods."""
    if inspect.isfunction(value):
        yield value
    elif inspect.isclass(value):
        methods = [m for name, m in vars(value).items() if name == "__init__" or name[0] != "_"]
        methods = [m.__func__ if isinstance(m, (classmethod, staticmethod)) else m for m in methods]
        yield from (m for m in methods if inspect.isfunction(m))


def test_public_signatures_are_annotated():
    for _, value in exported():
        for function in functions_of(value):
            if function.__qualname__ in ("Function.forward", "Function.backward"):
                continue  # each subclass has its own
            signature = inspect.signature(function)
            bare = [
                p.name
                for p in signature.parameters.values()
                if p.annotation is p.empty and p.name not in ("self", "cls")
            ]
            if signature.return_annotation is signature.empty and function.__name__ != "__init__":
                bare.append("return")
            assert not bare, f"{function.__module__}.{function.__qualname__}: {bare}"


# ---- docstrings --------------------------------------------------------------------------------


def public_definitions(name):
    """Yield every public class, function and method, with its dotted name."""
    todo = [("", TREES[name])]
    while todo:
        prefix, parent = todo.pop()
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, (*FUNCTION, ast.ClassDef)) and not node.name.startswith("_"):
                yield f"{prefix}{node.name}", node
                if isinstance(node, ast.ClassDef):
                    todo.append((f"{prefix}{node.name}.", node))


@every_module
def test_everything_public_has_a_docstring(name):
    assert ast.get_docstring(TREES[name])
    for full_name, node in public_definitions(name):
        if node.name in ("forward", "backward") and room_of(name) == "functions":
            continue  # the docstring of the class holds the maths of both
        if any(ast.unparse(d).endswith((".setter", "overload")) for d in node.decorator_list):
            continue
        assert ast.get_docstring(node), full_name


def test_every_function_class_states_its_gradients():
    checked = 0
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if room_of(name) == "functions" and isinstance(node, ast.ClassDef):
                methods = {m.name for m in node.body if isinstance(m, FUNCTION)}
                if "backward" in methods:
                    text = ast.get_docstring(node)
                    assert re.search(r"^g\w+.* = ", text, re.MULTILINE), node.name
                    checked += 1
    assert checked > 40


# ---- sizes -------------------------------------------------------------------------------------


def code_lines(name):
    """Count the lines of code, without blank lines, comments and docstrings.

    A signature is one line, however many its annotations take.
    """
    text = SOURCES[name].read_text(encoding="utf-8")
    without = {tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT}
    without.add(tokenize.ENDMARKER)
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in without:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(TREES[name]):
        if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTION)) and ast.get_docstring(node):
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
        if isinstance(node, FUNCTION):
            lines -= set(range(node.lineno + 1, node.body[0].lineno))
    return len(lines)


def test_code_lines_counts_code(tmp_path, monkeypatch):
    text = '"""Text.\n\nMore."""\n\n# why\nx = [\n 1,\n]\n\ndef f(\n):\n """Text."""\n return x\n'
    path = tmp_path / "file.py"
    path.write_text(text)
    monkeypatch.setitem(SOURCES, "file.py", path)
    monkeypatch.setitem(TREES, "file.py", ast.parse(text))
    assert code_lines("file.py") == 5


def test_the_engine_is_at_most_200_lines_of_code():
    assert code_lines("engine") <= 200


def test_engine_tensor_functions_nn_and_optim_are_about_2500_lines_of_code():
    rooms = {"engine", "engine_errors", "tensor", "functions", "nn", "optim"}
    assert sum(code_lines(name) for name in SOURCES if room_of(name) in rooms) <= 2640


# ---- what is left out --------------------------------------------------------------------------


@every_module
def test_no_assert_checks_what_a_user_does(name):
    assert not [node.lineno for node in ast.walk(TREES[name]) if isinstance(node, ast.Assert)]


@every_module
def test_no_path_of_somebodys_machine(name):
    text = SOURCES[name].read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(work|tmp|home|root|Users|mnt|opt)\b|\b[A-Z]:\\\\", text)


def test_no_line_is_left_for_later():
    for name, path in SOURCES.items():
        assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", path.read_text(encoding="utf-8")), name


def test_the_reading_order_needs_nothing_that_comes_later():
    page = (PACKAGE.parent / "docs" / "reading.md").read_text("utf-8")
    known, read = {"", "functions", "nn", "data"}, []  # packages, whose modules are listed
    for stop in re.split(r"^## ", page, flags=re.M):
        names = [dotted(PACKAGE / file) for file in re.findall(r"`minigrad/(\S+?\.py)`", stop)]
        known.update(names)
        read += names
        for name in names:
            assert imports_of(name)[0] <= known, f"{name} comes before what it imports"
    assert len(read) == len(set(read)) > 20
