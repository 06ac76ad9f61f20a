"""The program of `--to numpy`: its predictions are those of the classifier."""

import importlib.util

import numpy as np
import pytest

from minigrad import data, nn
from minigrad.bridges import numpy as bridge
from minigrad.training import Classifier


def imported(path):
    """Return the program at `path` as a module."""
    spec = importlib.util.spec_from_file_location("program", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-12)])
def test_the_probabilities_are_those_of_the_classifier(tmp_path, dtype, tolerance):
    wine = data.load("wine", dtype=dtype)
    model = nn.mlp(13, [16, 8], 3, rng=0, dtype=dtype)
    classifier = Classifier(model, wine.schema, data.Scaling.fit(wine, "asinh"))
    bridge.write(classifier, tmp_path / "wine.py")
    p = imported(tmp_path / "wine.py").predict_proba(wine.x)
    assert np.abs(p - classifier.predict_proba(wine)).max() < tolerance
