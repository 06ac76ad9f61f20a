"""What a history and a classifier show of themselves: `plot` and `repr`."""

import builtins
import subprocess
import sys

import numpy as np
import pytest

from minigrad import data, nn, training
from minigrad.errors import ArgumentError
from minigrad.training import History
from tests.cli.models import classifier

OPTIONS = {"hidden": [8], "activation": "tanh", "lr": 0.1, "epochs": 5, "no_save": True}
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def matplotlib():
    return pytest.importorskip("matplotlib")


def run(name, **options):
    experiment = training.Experiment(name, **OPTIONS, **options)
    return experiment, experiment.run()


def labels_of(figure):
    return [axes.get_ylabel() for axes in figure.axes if axes.axison]


def titles_of(figure):
    return [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]


def heading(figure):
    return figure.subfigs[0].get_suptitle()


def test_a_history_draws_the_panels_of_a_run(matplotlib):
    _, result = run("iris")
    figure = result.history.plot()
    assert isinstance(figure, matplotlib.figure.Figure)
    assert labels_of(figure) == ["loss (nats)", "accuracy (%)", "learning rate"]
    drawn = figure.axes[0].lines[0].get_ydata()
    np.testing.assert_array_equal(drawn, result.history.column("train_loss"))
    assert heading(figure) == f"5 epochs, best {result.epoch}"
    assert labels_of(History(result.history[:1]).plot()) == ["loss (nats)", "accuracy (%)"]


def test_a_history_without_epochs_is_refused():
    with pytest.raises(ArgumentError) as error:
        History().plot()
    message = "History.plot: there is nothing to plot; 0 epochs; train first"
    assert str(error.value) == message


def test_a_classifier_draws_its_test_results(matplotlib):
    _, result = run("iris")
    figure = result.classifier.plot()
    assert titles_of(figure) == ["confusion matrix, test rows"]
    counts = [int(text.get_text()) for text in figure.axes[0].texts]
    assert counts == result.test.confusion.ravel().tolist()
    assert heading(figure) == f"test accuracy {result.test.accuracy:.2%}"


def test_a_classifier_draws_rows_that_it_is_tested_on(matplotlib):
    experiment, result = run("iris")
    figure = result.classifier.plot(experiment.dataset)
    assert sum(int(text.get_text()) for text in figure.axes[0].texts) == 150
    found = result.classifier.evaluate(experiment.dataset)
    assert heading(figure) == f"test accuracy {found.accuracy:.2%}"


@pytest.mark.parametrize("with_rows", [False, True])
def test_two_features_have_decision_regions(matplotlib, with_rows):
    experiment, result = run("moons")
    figure = result.classifier.plot(experiment.dataset if with_rows else None)
    assert titles_of(figure) == ["confusion matrix, test rows", "decision regions"]
    points = sum(len(drawn.get_offsets()) for drawn in figure.axes[1].collections)
    assert points == (1000 if with_rows else 0)


def test_images_have_mistakes_and_filters(matplotlib):
    experiment, result = run("digits")
    figure = result.classifier.plot(experiment.dataset)
    wrong = 1797 - result.classifier.evaluate(experiment.dataset).counts.hits.sum()
    _, mistakes, filters = titles_of(figure)
    assert mistakes.startswith(f"24 of {wrong} mistakes in 1797 test rows, the most confident")
    assert filters.startswith("8 filters of the first layer")
    without = [text.get_text() for axes in result.classifier.plot().axes for text in axes.texts]
    assert "no images" in without


def test_a_classifier_with_nothing_to_plot_is_refused(matplotlib):
    with pytest.raises(ArgumentError) as error:
        classifier().plot()
    assert str(error.value) == (
        "Classifier.plot: there is nothing to plot; it was saved without test results; give rows "
        "to test it on"
    )


def test_a_notebook_gets_a_png_without_warnings(matplotlib):
    for epoch in (1, 2):
        picture = run("iris", seed=epoch)[1].history.plot()
        assert picture._repr_png_().startswith(PNG)
    assert "matplotlib.pyplot" not in sys.modules or picture.number is None


def test_names_are_not_mathematics(matplotlib):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2)).astype(np.float32)
    names = ("$a^2", "\u2603 \U0001f600")  # with letters that the font lacks
    rows = data.Dataset(x, (x[:, 0] > 0).astype(np.int64), ("a", "b"), names)
    schema = data.Schema((data.Column("a"), data.Column("b")), "", names)
    model = training.Classifier(_mlp(), schema, data.Scaling.fit(rows))
    picture = model.plot(rows)
    assert picture._repr_png_().startswith(PNG)
    assert [label.get_text() for label in picture.axes[0].get_xticklabels()] == list(names)


def _mlp():
    return nn.mlp(2, [4], 2, rng=0)


@pytest.mark.parametrize("what", ["history", "classifier"])
def test_without_matplotlib(what, monkeypatch):
    _, result = run("iris")
    for name in [n for n in sys.modules if n.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "minigrad.plotting.figure", raising=False)
    real = builtins.__import__

    def absent(name, *args, **kwargs):
        if name.split(".")[0] == "matplotlib":
            raise ImportError("No module named 'matplotlib'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ArgumentError) as error:
        getattr(result, what).plot()
    where = {"history": "History.plot", "classifier": "Classifier.plot"}[what]
    assert str(error.value) == (
        f"{where}: a picture needs matplotlib; No module named 'matplotlib'; pip install "
        "'minigrad[plot]'"
    )


def test_training_does_not_import_what_draws():
    code = "import minigrad.training, sys; print([n for n in sys.modules if 'plot' in n])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


# ---- repr


def test_a_classifier_says_what_it_is():
    assert repr(classifier()) == (
        '<Classifier: 4 features, 3 classes ("small, round", "a \\"long\\" one", "größer"), '
        "67 parameters>"
    )
    _, result = run("digits")
    names = ", ".join(f'"{digit}"' for digit in range(5))
    assert repr(result.classifier) == (
        f"<Classifier: 64 features, 10 classes ({names} and 5 more), 610 parameters, test accuracy "
        f"{result.test.accuracy:.2%}>"
    )
