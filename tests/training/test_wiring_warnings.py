"""Wiring that trains silently and is a mistake: one warning for a whole fit, and none without."""

import warnings

import pytest

from minigrad import data, nn, optim, training
from minigrad import functions as F
from minigrad.errors import MinigradWarning

PROBABILITIES = (
    "fit: the model's outputs look like probabilities, and CrossEntropy takes logits; "
    "output (32, 3), each row from 0 to 1 with sum 1; "
    "remove the model's softmax, or use CrossEntropy(from_probabilities=True)"
)


class Shares(nn.Module):
    """A softmax written by hand, from exp and sum."""

    def forward(self, x):
        y = F.exp(x)
        return y / F.sum(y, axis=1, keepdims=True)


class Multiplied(nn.Module):
    """A softmax that is not the last operation."""

    def forward(self, x):
        return F.softmax(x) * 1.0


def warned(*end, loss=None, epochs=3, batch_size=32):
    """Fit a model with this end, validation included, and return the warnings."""
    train, val, _ = data.split(data.load("iris"), rng=0)  # 90, 30 and 30 rows
    model = nn.Sequential(nn.Linear(4, 3, rng=0), *end)
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    options = {"loss": loss or nn.CrossEntropy(), "optimizer": optimizer, "epochs": epochs}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        training.fit(model, train, val, batch_size=batch_size, rng=0, **options)
    return caught


@pytest.mark.parametrize("end", [Shares(), Multiplied()], ids=repr)
def test_probabilities_passed_as_logits(end):
    (warning,) = warned(end)
    assert warning.category is MinigradWarning
    assert str(warning.message) == PROBABILITIES
    assert warning.filename == __file__  # the user's line, not one of ours


@pytest.mark.parametrize("batch_size", [30, 32])  # without and with a short last batch
def test_softmax_at_the_end_of_the_model(batch_size):
    (warning,) = warned(nn.Softmax(), batch_size=batch_size)
    assert warning.category is MinigradWarning
    assert str(warning.message) == (
        "cross_entropy: the logits are the output of Softmax, and cross_entropy applies softmax "
        "itself; 3 classes; remove the Softmax layer, or pass from_probabilities=True"
    )
    assert warning.filename == __file__


@pytest.mark.parametrize("end", [nn.Softmax(), Shares()], ids=repr)
def test_the_remedy_silences(end):
    assert not warned(end, loss=nn.CrossEntropy(from_probabilities=True))


@pytest.mark.parametrize(
    "end", [nn.Sigmoid(), nn.Softplus(), nn.LogSoftmax(), nn.Dropout(0.9, rng=0)]
)
def test_outputs_that_are_not_probabilities(end):
    assert not warned(end)


@pytest.mark.parametrize("hidden", [(), (8,)], ids=["regression", "mlp"])
@pytest.mark.parametrize("name", data.BUILTIN)
def test_no_built_in_set_gives_a_warning(name, hidden):
    dataset = data.load(name)
    train = data.Scaling.fit(dataset.x).apply(dataset)
    model = nn.mlp(dataset.x.shape[1], hidden, len(dataset.class_names), rng=0)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    options = {"loss": nn.CrossEntropy(), "optimizer": optimizer, "epochs": 1}
    training.fit(model, train, train, batch_size=100, rng=0, **options)


def test_looking_at_the_first_batch_changes_nothing():
    """It neither draws from the dropout's generator nor leaves gradients."""
    model = nn.mlp(4, (8,), 3, dropout=0.5, rng=0)
    state = model[2].rng.bit_generator.state
    x = data.load("iris").x[:10]
    training.checks.warn_of_probabilities(model, nn.CrossEntropy(), x)
    assert model[2].rng.bit_generator.state == state
    assert all(p.grad is None for p in model.parameters())
