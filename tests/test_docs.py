"""Every snippet in README.md and docs/ is executed, and its output compared."""

import doctest
import importlib.util
import inspect
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from minigrad import functions as F
from minigrad import nn, optim

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.S | re.M)
LINK = re.compile(r"\]\(([^)#\s]*)#?([^)\s]*)\)")
SET_UP = {"pip install -e . && python train.py", "pip install -e '.[test]' && pytest"}


def blocks(page, kind):
    return [body for language, body in FENCE.findall(page.read_text("utf-8")) if language == kind]


def text_of(page):
    """Return a page without its snippets."""
    return FENCE.sub("", page.read_text("utf-8"))


def anchors(page):
    """Return the anchors of a page's headings, as a code host and Sphinx make them."""
    titles = re.findall(r"^#+ (.+)$", text_of(page), re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def commands(block):
    """Yield each `$ command` of a console block with the output shown below it."""
    for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def run(command, tmp_path):
    """Run a command line as a reader would, with `minigrad` on the path."""
    shims = tmp_path.parent / f"{tmp_path.name}-bin"
    shims.mkdir(exist_ok=True)
    for name, options in (("minigrad", f'"{ROOT}/minigrad_main.py"'), ("python", "")):
        (shims / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {options} "$@"\n')
        (shims / name).chmod(0o755)
    path = f"{shims}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
    ).stdout


def write_files(page, folder):
    """Write the files that a page relies on: the snippets that begin with `# name.py`."""
    for block in blocks(page, "python"):
        if name := re.match(r"# (\w+\.py)\n", block):
            (folder / name[1]).write_text(block, encoding="utf-8")


OPTIONAL = {"sklearn", "torch", "onnx", "onnxruntime", "safetensors", "pandas", "matplotlib"}
BY = {  # the packages that a command or a bridge needs
    "minigrad.bridges import torch": ["torch", "safetensors"],
    "minigrad.bridges.torch": ["torch", "safetensors"],
    "minigrad.bridges import onnx": ["onnx"],
    "minigrad.bridges import safetensors": ["safetensors"],
    "--to torch": ["torch", "safetensors"],
    "--to safetensors": ["safetensors"],
    "--to onnx": ["onnx"],
    "$ minigrad import": ["safetensors"],
}


def without(block):
    """Return the optional packages that a snippet imports or needs, and that are not installed."""
    found = re.findall(r"(?:^\s*|\")(?:from|import) (?:minigrad\.bridges\.)?(\w+)", block, re.M)
    found += [name for part, names in BY.items() if part in block for name in names]
    return {name for name in OPTIONAL.intersection(found) if importlib.util.find_spec(name) is None}


NUMBER = r"\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?"
VARYING = [
    r"(?<=step )\d+",  # at which Ctrl-C came, or at which a run diverged
    r"(?<=version \d, )[\d,]+",  # a model file holds the names of the versions of NumPy and Python
    r"(?<=± )\S+",  # an estimate of rounding errors,
    r"\d\.\de[-+]\d\d",  # as error/tolerance is
]


def matches(shown, printed):
    """Compare two outputs: text and whole numbers exactly, other numbers to 2 %.

    Other machines add up in another order, which changes the last digits. `…` matches anything.
    """
    for varying in VARYING:
        shown, printed = (re.sub(varying, "N", text) for text in (shown, printed))
    pattern, fractions = "", []
    for i, part in enumerate(re.split(f"({NUMBER})", shown.strip())):
        if i % 2 and not part.replace(",", "").isdigit():
            fractions.append(part)
            pattern += f"({NUMBER})"
        else:
            pattern += re.escape(part).replace("…", ".*")
    found = re.fullmatch(pattern, printed.strip(), re.S)
    return found and all(map(close, fractions, found.groups()))


def close(shown, printed):
    """Return whether two numbers differ by at most 2 %, or by 1 in the last digit shown."""
    a, b = (float(text.replace(",", "")) for text in (shown, printed))
    digits = len(shown.partition("e")[0].partition(".")[2])
    last = 0 if "e" in shown else 1.01 * 10**-digits
    return abs(a - b) <= max(0.02 * abs(a), last)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("loss 0.0265, epoch 22 of 40", "loss 0.0266, epoch 22 of 40", True),
        ("loss 0.0265, epoch 22 of 40", "loss 0.0275, epoch 22 of 40", False),
        ("loss 0.0265, epoch 22 of 40", "loss 0.0265, epoch 23 of 40", False),
        ("p 7.54e-12", "p 7.61e-12", True),
        ("p 7.54e-12", "p 7.81e-12", False),
        ("1.000 0.98", "1.001 0.97", True),
        ("1,797 rows …", "1,797 rows and more", True),
        ("1,797 rows …", "1,796 rows and more", False),
        ("Interrupted after step 9.", "Interrupted after step 12.", True),
        ("ratio 1.9e-02", "ratio 4.4e-03", True),
        ("version 2, 4,532 bytes", "version 2, 4,533 bytes", True),
    ],
)
def test_a_wrong_number_is_seen(shown, printed, same):
    assert bool(matches(shown, printed)) is same


def test_the_page_of_functions_has_every_public_name_and_no_other():
    text = (ROOT / "docs" / "functions.md").read_text("utf-8")
    named = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\|.*\|$", text, re.M))))
    layers = {name for name in nn.__all__ if inspect.isclass(getattr(nn, name))}
    others = {"Module", "Parameter", "Optimizer"}
    assert named == {*F.__all__, *layers, *nn.init.__all__, *optim.__all__} - others


def test_readme_states_the_two_set_up_commands():
    lines = {line for block in blocks(PAGES[0], "sh") for line in block.splitlines()}
    assert lines == SET_UP  # .ci/run executes them, each in an empty environment


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_is_of_a_kind_that_is_executed(page):
    kinds = {language for language, _ in FENCE.findall(page.read_text("utf-8"))}
    directives = {"{toctree}", "{reference}", "{commands}"}  # of the site; see docs/extensions
    assert kinds - directives <= {"sh", "console", "python", "pycon", "text"}
    assert not kinds & directives or page.name == "index.md" or page.parent.name == "reference"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_a_file_and_a_heading(page):
    for name, anchor in LINK.findall(text_of(page)):
        if "://" not in name:
            target = page.parent / name if name else page
            assert target.exists(), name
            assert not anchor or anchor in anchors(target), f"{name}#{anchor}"


def test_each_question_of_students_has_its_place_in_the_book():
    _, *parts = re.split(r"^### (\d+)\. ", text_of(ROOT / "docs" / "questions.md"), flags=re.M)
    assert [int(number) for number in parts[::2]] == [*range(1, 18)]
    for answer in parts[1::2]:
        assert any(name.endswith(".md") and anchor for name, anchor in LINK.findall(answer)), answer


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.name)
def test_each_page_ends_with_something_to_try(page):
    last = re.split(r"^## ", page.read_text("utf-8"), flags=re.M)[-1]
    title, *tried = last.split("\n", 1)
    assert title == "Try it" and FENCE.search(tried[0]) and FENCE.sub("", tried[0]).strip()


def test_each_chapter_for_the_student_leads_to_the_next_one():
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    student, checker, *_ = re.findall(r":maxdepth: 1\n\n(.*?)\n```", index, re.S)
    chapters = [*student.split("\n"), checker.split("\n")[0]]
    for here, following in itertools.pairwise(chapters):
        text = text_of(ROOT / "docs" / f"{here}.md")
        (leads_to,) = re.findall(r"^Next: .*?\]\((\w+)\.md\)", text, re.M | re.S)
        assert leads_to == following, here


@pytest.mark.parametrize(
    ("page", "block"),
    [(page, block) for page in PAGES for block in blocks(page, "console")],
    ids=lambda value: getattr(value, "name", value).partition("\n")[0][:60],
)
def test_console_snippets(page, block, tmp_path):
    """The commands of a block run one after the other, in one folder."""
    if absent := without(block):
        pytest.skip(f"it needs {', '.join(sorted(absent))}")
    write_files(page, tmp_path)
    for command, output in commands(block):
        printed = run(command, tmp_path)
        assert matches(output, printed), f"$ {command}\n{printed}"


def test_the_output_of_train_is_the_one_shown(tmp_path):
    (shown,) = blocks(PAGES[0], "text")
    printed = run("minigrad train 2> progress.txt", tmp_path)
    assert matches(shown + "…", printed), printed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_snippets(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_files(page, tmp_path)
    absent = set()
    for block in blocks(page, "python"):
        absent |= (lacks := without(block))
        if not lacks:
            exec(compile(block, str(page), "exec"), {})
    if absent:
        pytest.skip(f"snippets that need {', '.join(sorted(absent))} were left out")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_interactive_snippets(page):
    session = "\n".join(blocks(page, "pycon"))
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    test = doctest.DocTestParser().get_doctest(
        session.replace("…", "..."), {}, page.name, str(page), 0
    )
    failures = []
    doctest.DocTestRunner(optionflags=flags).run(test, out=failures.append)
    assert not failures, "\n".join(failures)
