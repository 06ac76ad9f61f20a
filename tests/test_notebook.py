"""The notebook in examples/ prints what is stored in it, and its links and commands work.

After a change to it, `python -m tests.test_notebook` runs it and stores the outputs.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib.font_manager")  # fills its cache: the notebook would report that

ROOT = Path(__file__).parents[1]
PATH = ROOT / "examples" / "softmax_and_cross_entropy.ipynb"
STORED = nbformat.read(PATH, as_version=4)
CODE = [cell for cell in STORED.cells if cell.cell_type == "code"]
TEXT = "\n".join(cell.source for cell in STORED.cells if cell.cell_type == "markdown")
READER = {  # the environment of the commands: `minigrad` is one of them, and is this clone's
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONPATH": str(ROOT),
}


def run():
    """Return the notebook after a run in an empty folder; an error in a cell raises."""
    notebook = nbformat.read(PATH, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        place = {"metadata": {"path": folder}}
        client = nbclient.NotebookClient(notebook, resources=place, timeout=120)
        client.record_timing, client.coalesce_streams = False, True
        client.execute(env={**READER, "PATH": os.defpath})  # as if no environment was activated
    del notebook.metadata["language_info"]
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":  # `!` runs a command in a terminal
                output.text = output.text.replace("\r\n", "\n")
    return notebook


def shown(notebook):
    """Return what a reader sees below each cell: text, and for a picture that there is one."""
    return {
        cell.id: [
            (output.name, output.text)
            if output.output_type == "stream"
            else (sorted(output.data), output.data["text/plain"])
            for output in cell.outputs
        ]
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


def test_a_run_prints_what_is_stored():
    assert shown(run()) == shown(STORED)


def test_all_outputs_are_of_one_run_from_top_to_bottom_and_none_is_a_warning():
    assert [cell.execution_count for cell in CODE] == [*range(1, len(CODE) + 1)]
    outputs = [output for outputs in shown(STORED).values() for output in outputs]
    assert {name for name, _ in outputs if isinstance(name, str)} == {"stdout"}
    assert sum("image/png" in name for name, _ in outputs) == 1


def test_nothing_of_somebodys_machine_is_stored():
    assert dict(STORED.metadata) == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
    }
    assert {key for cell in STORED.cells for key in cell.metadata} == {"alt"}  # of the picture


def test_its_links_lead_to_files():
    links = re.findall(r"\]\((\S+?)\)", TEXT)
    assert links
    for link in links:
        assert (PATH.parent / link.partition("#")[0]).is_file(), link


def test_its_commands_run(tmp_path):
    commands = re.findall(r"^- `(.*?)`", TEXT, re.M)
    assert commands
    for command in commands:
        subprocess.run(command.split(), cwd=tmp_path, env=READER, check=True, capture_output=True)


if __name__ == "__main__":
    nbformat.write(run(), PATH)
