"""What a user's type checker sees: mypy reads this file with `strict`, and pytest runs it.

Strict mode refuses a call of a function without annotations, so every call here is a promise.
"""

from pathlib import Path
from typing import assert_type

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, checking, data, nn, optim, training
from minigrad import functions as F


def test_a_tensor() -> None:
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert_type(x.data, np.ndarray)
    assert_type(x.grad, np.ndarray | None)
    assert_type(x.shape, tuple[int, ...])
    for y in (x + 1, 2 * x, x - x, x / 2, x**2, -x, x @ x, x[0], x.T, x.exp(), x.sum(axis=0)):
        assert_type(y, Tensor)
    assert_type(x > 0, np.ndarray)
    assert_type(x.reshape(4).detach(), Tensor)
    loss = x.sum()
    loss.backward()
    assert_type(loss.item(), float)
    with mg.no_grad(), mg.debug():
        assert_type(x.softmax(axis=-1), Tensor)


def test_functions() -> None:
    x, W = np.ones((2, 3)), Tensor(np.ones((4, 3)), requires_grad=True)
    z = F.linear(x, W)
    assert_type(z, Tensor)
    for y in (F.relu(z), F.softmax(z, axis=1), F.maximum(z, 0), F.where(x > 0, x, 0.0)):
        assert_type(y, Tensor)
    for y in (F.concatenate([z, z], axis=1), F.pad(z, 1), F.transpose(z), F.var(z, ddof=1)):
        assert_type(y, Tensor)
    assert_type(F.cross_entropy(z, np.array([0, 1]), label_smoothing=0.1), Tensor)
    assert_type(F.dropout(z, 0.5, rng=0), Tensor)


def test_a_mistake_is_an_error_for_both() -> None:
    with pytest.raises(mg.errors.ArgumentError):
        nn.Linear("3", 4)  # type: ignore[arg-type]


class Cube(mg.Function):
    """y = x³,   gx = gy 3x²"""

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return x³."""
        self.x = x
        return x**3

    def backward(self, gy: np.ndarray) -> np.ndarray:
        """Return gx."""
        gx: np.ndarray = gy * 3 * self.x**2
        return gx


def test_an_operation_of_ones_own() -> None:
    assert_type(Cube.apply(Tensor([1.0, 2.0])), Tensor)
    report = mg.gradcheck(Cube.apply, [np.array([0.5, 1.0])])
    assert_type(report, checking.Report)
    assert_type(report.results[0].verdict, str)


class Twice(nn.Module):
    """The same layer twice."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.layer = nn.Linear(size, size, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        """Return what the layer makes of its own output."""
        return self.layer(F.relu(self.layer(x)))


def test_a_module() -> None:
    model = nn.Sequential(Twice(3, np.random.default_rng(0)), nn.Tanh())
    assert_type(model(Tensor(np.ones((2, 3)))), Tensor)
    for name, p in model.named_parameters():
        assert_type(name, str)
        assert_type(p, nn.Parameter)
    assert_type(model.state_dict(), dict[str, np.ndarray])
    assert_type(nn.mlp(4, [8], 3, activation="tanh", rng=0), nn.Sequential)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    optimizer.zero_grad()
    model(Tensor(np.ones((2, 3), np.float32))).sum().backward()
    assert_type(optim.clip_grad_norm(model.parameters(), 1.0), float)
    optimizer.step()


@pytest.mark.filterwarnings("ignore")
def test_training(tmp_path: Path) -> None:
    flowers = data.load("iris")
    assert_type(flowers, data.Dataset)
    train, val, test = data.split(flowers, rng=0)
    scaling = data.Scaling.fit(train)
    train, val = scaling.apply(train), scaling.apply(val)
    assert_type(train.x, np.ndarray)
    model, loss = nn.mlp(4, [8], 3, rng=0), nn.CrossEntropy()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    history = training.fit(
        model, train, val, loss=loss, optimizer=optimizer, epochs=2, batch_size=32, rng=0
    )
    assert_type(history, training.History)
    assert_type(training.evaluate(model, val, loss=loss).accuracy, float)
    assert flowers.schema is not None
    training.Classifier(model, flowers.schema, scaling).save(tmp_path / "flowers.npz")
    classifier = training.load(tmp_path / "flowers.npz")
    assert_type(classifier, training.Classifier)
    assert_type(classifier.predict(test.x), np.ndarray)
    assert_type(classifier.predict([[5.1, 3.5, 1.4, 0.2]]), np.ndarray)
    result = training.Experiment("iris", hidden=[8], epochs=2, out=tmp_path / "run").run()
    assert_type(result, training.Result)
    assert result.test is not None  # it is None with test_fraction=0
    assert_type(result.test.accuracy, float)
    assert_type(training.Experiment.resume(tmp_path / "run"), training.Experiment)
    assert_type(training.read_run(tmp_path / "run").history, training.History)
