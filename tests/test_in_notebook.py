"""What minigrad shows in a notebook: bars, pictures, and what things are."""

import importlib.util
import os
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib.font_manager")  # fills its cache: the notebook would report that

CELLS = {
    "set up": "from minigrad import data, nn, training, Tensor\n"
    "experiment = training.Experiment('moons', epochs=2, no_save=True)",
    "progress": "result = experiment.run(progress=True)",
    "history": "result.history.plot()",
    "classifier": "result.classifier.plot(experiment.dataset)",
    "what a classifier is": "result.classifier",
    "what a tensor is": "Tensor([1.0, 2.0], requires_grad=True) * 2",
    "what a set is": "experiment.dataset",
    "an error": "training.History().plot()",
    "pyplot": "import matplotlib.pyplot as plt\nresult.history.plot()",
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Return the outputs of each cell of a notebook with these cells, after a run."""
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS.values()]
    notebook = nbformat.v4.new_notebook(cells=cells)
    place = {"metadata": {"path": tmp_path_factory.mktemp("notebook")}}
    client = nbclient.NotebookClient(notebook, resources=place, timeout=120, allow_errors=True)
    root = str(Path(__file__).parents[1])
    client.execute(env={**os.environ, "PYTHONPATH": root})
    return {name: cell.outputs for name, cell in zip(CELLS, notebook.cells, strict=True)}


def data_of(outputs):
    (output,) = outputs
    return output.data


def test_progress_is_a_widget_if_there_are_widgets(shown):
    if importlib.util.find_spec("ipywidgets"):
        data = data_of(shown["progress"])
        assert "application/vnd.jupyter.widget-view+json" in data
        assert "22/44" in data["text/plain"] or "0/44" in data["text/plain"], data
    else:
        text = "".join(output.text for output in shown["progress"])
        assert "2/2: 100%" in text and "IProgress not found" in text


@pytest.mark.parametrize("cell", ["history", "classifier", "pyplot"])
def test_a_picture_is_shown_once(shown, cell):
    data = data_of(shown[cell])
    assert len(data["image/png"]) > 10_000


def test_what_things_are(shown):
    text = data_of(shown["what a classifier is"])["text/plain"]
    assert text.startswith('<Classifier: 2 features, 2 classes ("upper", "lower"), ')
    assert data_of(shown["what a tensor is"])["text/plain"] == "Tensor([2., 4.], made by Mul)"
    text = data_of(shown["what a set is"])["text/plain"]
    assert text == "<Dataset moons: 1000 rows, 2 features, 2 classes>"


def test_an_error_ends_with_its_one_line(shown):
    (error,) = shown["an error"]
    assert error.ename == "ArgumentError"
    assert error.evalue == "History.plot: there is nothing to plot; 0 epochs; train first"


def test_nothing_else_is_shown(shown):
    assert shown["set up"] == []
