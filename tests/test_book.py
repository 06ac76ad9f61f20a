"""The book as a site: no warning, no dead link, no network, and every public name in it."""

import importlib
import inspect
import posixpath
import re
import subprocess
import sys
import textwrap
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

import minigrad
from minigrad.cli import COMMANDS
from tests.helpers import functions_below

for package in ("sphinx", "myst_parser", "furo", "latex2mathml"):
    pytest.importorskip(package, reason="needs minigrad[docs]")
from sphinx.util.inventory import InventoryFile  # noqa: E402

ROOT = Path(__file__).parents[1]
ROOMS = [
    "", "functions", "nn", "nn.init", "optim", "data", "training", "checking", "study", "plotting",
    "errors",
]  # fmt: skip


class Page(HTMLParser):
    """What a page holds: its text, its anchors, where it links to, and what it loads."""

    def __init__(self, path):
        super().__init__()
        self.text, self.anchors, self.links, self.loaded, self.tags = "", {""}, [], [], []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append(tag)
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        for name in ("href", "src", "srcset", "data", "poster"):
            if values.get(name):
                (self.links if tag == "a" else self.loaded).append(values[name])

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site as CONTRIBUTING.md says."""
    folder = tmp_path_factory.mktemp("site")
    command = re.search(r"`python (-m sphinx .*) build/docs`", CONTRIBUTING)[1].split()
    built = subprocess.run(
        [sys.executable, *command, "--quiet", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    assert built.returncode == 0 and "-W" in command, built.stdout
    return folder


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


@pytest.fixture(scope="module")
def pages(site):
    return {path.relative_to(site).as_posix(): Page(path) for path in site.rglob("*.html")}


def local(here, link):
    """Return the file and the anchor that a link leads to; None for a link out of the site."""
    if re.match(r"[a-z]+:|//", link):
        return None
    path, anchor = urldefrag(unquote(link))
    path = path.partition("?")[0]  # Sphinx adds a checksum to a style sheet
    return posixpath.normpath(
        posixpath.join(posixpath.dirname(here), path or here.split("/")[-1])
    ), anchor


def test_no_link_leads_nowhere(site, pages):
    checked = 0
    for here, page in pages.items():
        for link in page.links + page.loaded:
            if (target := local(here, link)) is None:
                continue
            path, anchor = target
            assert (site / path).is_file(), f"{here}: {link}"
            if path in pages:
                assert anchor in pages[path].anchors, f"{here}: {link}"
                checked += 1
    assert checked > 1000


def test_nothing_is_loaded_from_elsewhere(site, pages):
    for here, page in pages.items():
        for link in page.loaded:
            assert not re.match(r"(?!data:)[a-z]+:|//", link), f"{here}: {link}"
    for path in site.rglob("*.css"):
        for link in re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')]+)", path.read_text("utf-8")):
            assert not re.match(r"(?!data:)[a-z]+:|//", link), f"{path.name}: {link}"


def public(room):
    module = importlib.import_module(f"minigrad.{room}".rstrip("."))
    classes = [name for name, value in vars(module).items() if inspect.isclass(value)]
    return {name: getattr(module, name) for name in getattr(module, "__all__", classes)}


def test_every_public_name_is_in_the_reference(site):
    with (site / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", posixpath.join)
    described = {name for kind in inventory if kind.startswith("py:") for name in inventory[kind]}
    homes = {"minigrad.gradcheck": "minigrad.checking.gradcheck"}
    for room in ROOMS:
        for name, value in public(room).items():
            full = f"minigrad.{room}.{name}".replace("..", ".")
            assert inspect.ismodule(value) or homes.get(full, full) in described, full


def test_every_room_with_public_names_is_looked_at():
    package = Path(minigrad.__file__).parent
    files = [path for path in package.rglob("*.py") if "__all__" in path.read_text("utf-8")]
    rooms = {
        path.relative_to(package).with_suffix("").as_posix().replace("/", ".") for path in files
    }
    assert {room.removesuffix("__init__").rstrip(".") for room in rooms} | {"errors"} == {*ROOMS}


def test_what_there_is_leads_to_the_reference(pages):
    listed = {link.rpartition("#")[2] for link in pages["functions.html"].links}
    for room in ("functions", "optim"):
        assert {f"minigrad.{room}.{name}" for name in public(room)} - listed <= {
            "minigrad.optim.Optimizer"
        }


def test_each_command_has_its_help(pages):
    text = pages["reference/commands.html"].text
    for command in COMMANDS:
        for option in (option for p in command.params for option in p.opts if option[0] == "-"):
            assert option in text, f"{command.name} {option}"


def reference(pages):
    return "\n".join(page.text for here, page in pages.items() if here.startswith("reference/"))


def test_every_operation_is_shown_as_it_is_written(pages):
    text, operations = reference(pages), functions_below()
    assert len(operations) > 40
    for operation in operations:
        assert inspect.getsource(operation) in text, operation.__name__


def test_the_formulas_of_docstrings_keep_their_lines(pages):
    text, found = reference(pages), 0
    for room in ROOMS:
        for name, value in public(room).items():
            if not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            for block in re.findall(r"\n\n((?: {4}.*\n|\n)+)", f"{inspect.getdoc(value)}\n"):
                assert textwrap.dedent(block).strip("\n") in text, name
                found += 1
    assert found > 5


def test_a_source_file_that_is_named_can_be_read(pages):
    assert "source/minigrad/engine.html" in pages["reading.html"].links
    for here, page in pages.items():
        if here.startswith("source/"):
            file = ROOT / here.removeprefix("source/").replace(".html", ".py")
            code = file.read_text("utf-8").splitlines()
            width = len(str(len(code)))  # of the numbers
            assert {*code} <= {line[width:] for line in page.text.splitlines()}, here


def test_mathematics_is_mathml(pages):
    assert pages["cross_entropy.html"].tags.count("math") > 3
    for here, page in pages.items():
        assert not re.search(r"\\(frac|sum|ln|exp|partial)\b", page.text), here
        assert not any("mathjax" in link.lower() for link in page.loaded)


def test_what_explain_writes_is_below_its_command(site, pages):
    shown = set()
    for here, page in pages.items():
        for link in page.loaded:
            if link.startswith("steps/"):
                assert "a step against the gradient" in pages[link].text.lower(), f"{here}: {link}"
                shown.add(here)
    assert shown == {"cross_entropy.html", "explain.html"}
