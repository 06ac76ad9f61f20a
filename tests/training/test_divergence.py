"""A loss that is not finite ends the training, says where it began, and leaves the model usable."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import data, nn, optim, training
from minigrad import functions as F
from minigrad.errors import DivergedError
from minigrad.nn.module import _here
from tests.helpers import assert_same_arrays, exactly


def diverges(text, model, train, val=None, *, lr=0.1, loss=None, epochs=5, batch_size=10):
    """Fit until it diverges with exactly this text, and return the optimizer."""
    optimizer = optim.SGD(model.parameters(), lr=lr)
    loss = loss or nn.CrossEntropy()
    options = {"loss": loss, "optimizer": optimizer, "epochs": epochs, "batch_size": batch_size}
    with pytest.raises(DivergedError, match=exactly(text)):
        training.fit(model, train, val, rng=0, **options)
    return optimizer


def rows(x):
    """Return a set of two classes with these rows."""
    x = np.asarray(x, dtype=np.float32)
    names = tuple(f"f{i}" for i in range(x.shape[1]))
    return data.Dataset(x, np.arange(len(x), dtype=np.int64) % 2, names, ("a", "b"))


def with_value(value, n=10, row=3, feature=1):
    """Return a set of n zero rows of two features, and `value` in one place."""
    x = np.zeros((n, 2))
    x[row, feature] = value
    return rows(x)


class Log(nn.Module):
    """ln x, which is NaN for the negative outputs of the layer before."""

    def forward(self, x):
        return F.log(x)


def test_a_learning_rate_far_too_high():
    model = nn.mlp(2, (8,), 2, rng=0)
    optimizer = diverges(
        "train: the loss is nan at step 5; learning rate 1e+06, first non-finite output: "
        "layer '2', Linear(8 -> 2); try a learning rate of 100000",
        model,
        data.xor(100),
        lr=1e6,
    )
    assert optimizer.steps == 4  # the fifth was not taken


def test_the_first_bad_layer_is_named():
    model = nn.Sequential(nn.Linear(2, 4, rng=0), Log(), nn.Linear(4, 2, rng=0))
    diverges(
        "train: the loss is nan at step 1; learning rate 0.1, first non-finite output: "
        "layer '1', Log(); try a learning rate of 0.01",
        model,
        data.xor(100),
    )


def test_the_first_bad_layer_has_its_dotted_name():
    inner = nn.Sequential(nn.Linear(2, 4, rng=0), Log())
    diverges(
        "train: the loss is nan at step 1; learning rate 0.1, first non-finite output: "
        "layer '0.1', Log(); try a learning rate of 0.01",
        nn.Sequential(inner, nn.Linear(4, 2, rng=0)),
        data.xor(100),
    )


def test_the_loss_alone():
    # Softmax of ±1e4 is exactly 0 or 1: finite, but -ln 0 is not.
    model = nn.Sequential(nn.Linear(1, 2, rng=0), nn.Softmax())
    diverges(
        "train: the loss is inf at step 1; learning rate 0.1, first non-finite output: "
        "none, the loss alone; try a learning rate of 0.01",
        model,
        rows([[1e4], [1e4], [-1e4], [-1e4]]),
        loss=nn.CrossEntropy(from_probabilities=True),
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["training", "validation"])
def test_bad_values_in_the_data(name, value):
    model = nn.mlp(2, (), 2, rng=0)
    before = model.state_dict()
    sets = [with_value(1.0), with_value(1.0)]
    sets[name == "validation"] = with_value(value)
    diverges(
        f'train: the {name} rows hold {value}; row 3, feature "f1", 1 in all; '
        "remove or replace such values before training",
        model,
        *sets,
    )
    assert_same_arrays(model.state_dict(), before)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_bad_values_in_a_batch(value):
    model, bad = nn.mlp(2, (), 2, rng=0), with_value(value)
    optimizer, before = optim.SGD(model.parameters(), lr=0.1), model.state_dict()
    with pytest.raises(DivergedError) as error:
        training.train_epoch(model, nn.CrossEntropy(), optimizer, [(bad.x, bad.y)])
    assert str(error.value) == (
        f"train: the loss is nan at step 1, because the data holds {value}; "
        "row 3 of the batch, feature 1; remove or replace such values before training"
    )
    assert_same_arrays(model.state_dict(), before)


def test_the_last_step_of_a_fit_is_judged_by_the_validation_loss():
    train = data.xor(100)
    diverges(
        "train: the validation loss is nan after step 1; learning rate 1e+38, first non-finite "
        "output: layer '2', Linear(8 -> 2); try a learning rate of 1e+37",
        nn.mlp(2, (8,), 2, rng=0),
        train,
        train,
        lr=1e38,
        epochs=1,
        batch_size=100,
    )


@pytest.mark.parametrize("source", ["training", "validation"])
def test_an_overflow_is_one_error_without_warnings_of_numpy(source):
    """A Function of the user's, too, which does not silence NumPy as ours do."""

    class Square(mg.Function):
        def forward(self, x):
            self.x = x
            return x * x

        def backward(self, gy):
            return 2 * self.x * gy

    class Squares(nn.Module):
        def forward(self, x):
            return Square.apply(x)

    sets = {"training": rows(np.zeros((4, 2))), "validation": rows(np.zeros((4, 2)))}
    sets[source] = rows(np.full((4, 2), 1e38))
    wrong = {
        "training": "loss is nan at step 1",
        "validation": "validation loss is nan after step 1",
    }
    diverges(
        f"train: the {wrong[source]}, and the data holds 1e+38; row 0 of the batch, feature 0; "
        "scale the features, or change their unit; then look at the learning rate",
        nn.Sequential(Squares(), nn.Linear(2, 2, rng=0)),
        *sets.values(),
    )


def test_an_overflow_in_the_optimizer_gives_no_warning_of_numpy():
    diverges(
        "train: the loss is nan at step 2, and the data holds 3e+38; row 0 of the batch, "
        "feature 0; scale the features, or change their unit; then look at the learning rate",
        nn.mlp(2, (4,), 2, rng=0),
        rows(np.full((20, 2), 3e38)),
    )


def test_what_is_left_of_the_model():
    train = data.xor(100)
    model = nn.mlp(2, (8,), 2, dropout=0.5, rng=0)
    optimizer = optim.SGD(model.parameters(), lr=1e30)
    parts, loss = list(data.batches(train.x, train.y, 10, rng=0)), nn.CrossEntropy()
    states = []

    def watched():
        for part in parts:
            states.append(model.state_dict())
            yield part

    with pytest.raises(DivergedError):
        training.train_epoch(model, loss, optimizer, watched())
    assert optimizer.steps == len(states) - 1 > 0
    assert_same_arrays(model.state_dict(), states[-1])  # the bad step is not taken
    assert all(module.training for _, module in model.named_modules())
    assert not _here.watchers


def test_a_model_trains_again_after_a_divergence():
    train = data.xor(100)
    model = nn.mlp(2, (16,), 2, rng=0)
    start = model.state_dict()
    with pytest.raises(DivergedError):
        train_with(model, train, lr=1e30)
    model.load_state_dict(start)
    assert train_with(model, train, lr=0.1)[-1].train_accuracy > 0.95


def train_with(model, train, lr):
    optimizer = optim.SGD(model.parameters(), lr=lr)
    options = {"loss": nn.CrossEntropy(), "optimizer": optimizer}
    return training.fit(model, train, epochs=20, batch_size=10, rng=0, **options)


# ---- a loss that is finite and far too high ------------------------------------------------------


def untrained(features, classes):
    """Return a linear model whose weights are all 0."""
    model = nn.Sequential(nn.Linear(features, classes, rng=0))
    for p in model.parameters():
        p.data[...] = 0
    return model


def test_an_epoch_far_above_the_loss_of_a_model_that_has_learned_nothing():
    """Three rows in one place cannot be told apart: after a step of 2 their logits are ±25."""
    train = rows([[10], [10], [10], [-10]])
    text = (
        "train: the training loss of epoch 2 is 25, and was 0.693 before it had learned anything; "
        "learning rate 2; try a learning rate of 0.2"
    )
    diverges(text, untrained(1, 2), train, train, lr=2)


def test_such_an_epoch_of_data_with_large_values():
    text = (
        "train: the training loss of epoch 2 is 2.5e+11, and was 0.693 before it had learned "
        "anything, and the data holds 1e+06; row 0 of the training rows, feature 0; scale the "
        "features, or change their unit; then look at the learning rate"
    )
    diverges(text, untrained(1, 2), rows([[1e6], [1e6], [1e6], [-1e6]]), lr=2)


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.3}, {"weight": [9.0, 1.0]}], ids=str)
@pytest.mark.parametrize("start", ["worse", "better"])
def test_what_an_epoch_is_compared_with(options, start):
    """The model's first loss or that of the classes' shares, whichever is larger, in one loss."""
    x = np.array([[1.0]] * 4 + [[-1.0]], dtype=np.float32)
    train = data.Dataset(x, np.array([0, 0, 0, 0, 1]), ("f",), ("a", "b"))
    model, loss = untrained(1, 2), nn.CrossEntropy(**options)
    model[0].weight.data[:, 0] = (-9, 9) if start == "worse" else (1, -1)
    first = training.evaluate(model, train, loss=loss).loss
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    fit = {"loss": loss, "optimizer": optimizer, "epochs": 1, "batch_size": 5, "rng": 0}
    trainer = training.Trainer(model, train, **fit)
    trainer.run()
    shares = np.log(np.array([5, 2]) / 7)  # one row more of each class: none has a share of 0
    constant = loss(mg.Tensor(np.tile(shares, (5, 1))), train.y).item()
    assert first > constant if start == "worse" else first < constant
    assert trainer.most == pytest.approx(10 * max(first, constant))


def test_a_loss_of_probabilities_is_compared_with_the_shares_themselves():
    model = nn.Sequential(nn.Linear(1, 2, rng=0), nn.Softmax())
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    fit = {"optimizer": optimizer, "epochs": 1, "batch_size": 5, "rng": 0}
    loss = nn.CrossEntropy(from_probabilities=True)
    trainer = training.Trainer(model, rows(np.zeros((4, 1))), loss=loss, **fit)
    trainer.run()
    assert trainer.most >= 10 * np.log(2) * (1 - 1e-6)


def test_a_resumed_run_compares_with_its_first_loss():
    train = data.xor(40)
    fit = {"loss": nn.CrossEntropy(), "batch_size": 10, "rng": 0}

    def trainer(model, epochs):
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        return training.Trainer(model, train, optimizer=optimizer, epochs=epochs, **fit)

    begun = trainer(nn.mlp(2, (8,), 2, rng=0), 2)
    begun.run()
    resumed = trainer(nn.mlp(2, (8,), 2, rng=1), 4)
    resumed.load_state(*begun.state())
    resumed.run()
    assert resumed.most == begun.most
