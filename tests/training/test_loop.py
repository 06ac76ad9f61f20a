"""train_epoch, fit and evaluate: the numbers, the modes, the seed, and what they refuse."""

from dataclasses import replace

import numpy as np
import pytest

from minigrad import data, nn, optim, training
from minigrad import functions as F
from minigrad.engine import is_recording
from minigrad.errors import ArgumentError, MinigradWarning, ShapeError
from minigrad.training import loop
from tests.helpers import assert_same_arrays, exactly


def make(n, features=3, classes=3, seed=0, dtype=np.float64):
    """Return a set of n rows whose classes overlap, so that no accuracy is 0 or 1."""
    rng = np.random.default_rng(seed)
    y = np.arange(n, dtype=np.int64) % classes
    x = rng.normal(size=(n, features)) + y[:, None]
    names = tuple(f"f{i}" for i in range(features)), tuple(f"c{i}" for i in range(classes))
    return data.Dataset(x.astype(dtype), y, *names, "made")


def linear(seed=0):
    """Return softmax regression for the rows of `make`, in float64."""
    return nn.mlp(3, (), 3, rng=seed, dtype=np.float64)


def fit(model, train, val=None, *, lr=0.1, momentum=0.0, epochs=2, batch_size=4, rng=0, **more):
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    options = {"loss": nn.CrossEntropy(), "optimizer": optimizer, "epochs": epochs}
    return training.fit(model, train, val, batch_size=batch_size, rng=rng, **options, **more)


def judge(W, b, x, t):
    """Return, in plain NumPy, the probabilities, the sum of the losses and the hits."""
    z = x @ W.T + b
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return p, -np.log(p[np.arange(len(t)), t]).sum(), (z.argmax(axis=1) == t).sum()


def by_hand(W, b, parts, lr):
    """Train softmax regression in plain NumPy; return the mean loss, the accuracy, W and b."""
    rows = total = hits = 0
    for x, t in parts:
        p, loss, right = judge(W, b, x, t)
        rows, total, hits = rows + len(t), total + loss, hits + right
        g = (p - np.eye(len(b))[t]) / len(t)
        W, b = W - lr * g.T @ x, b - lr * g.sum(axis=0)
    return total / rows, hits / rows, W, b


# ---- train_epoch


@pytest.mark.parametrize("stale", [False, True], ids=["fresh", "stale gradients"])
def test_train_epoch_by_hand_with_a_short_last_batch(stale):
    dataset, model = make(10), linear()
    W, b = (p.data.copy() for p in model.parameters())
    if stale:  # a gradient from before must not count
        for p in model.parameters():
            p.grad = np.full(p.shape, 100.0)
    parts = list(data.batches(dataset.x, dataset.y, 4, rng=1))
    assert [len(t) for _, t in parts] == [4, 4, 2]
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    loss, accuracy = training.train_epoch(model, nn.CrossEntropy(), optimizer, parts)
    want_loss, want_accuracy, W, b = by_hand(W, b, parts, 0.5)
    assert loss == pytest.approx(want_loss, rel=1e-13)
    assert accuracy == want_accuracy
    np.testing.assert_allclose(model[0].weight.data, W, rtol=1e-13)
    np.testing.assert_allclose(model[0].bias.data, b, rtol=1e-13)
    assert optimizer.steps == 3


def test_the_means_are_plain_floats():
    model, dataset = linear(), make(10)
    epoch = fit(model, dataset, dataset, epochs=1)[0]
    assert [type(value) for value in epoch] == [int, *[float] * 6]
    judged = training.evaluate(model, dataset, loss=nn.CrossEntropy())
    assert (type(judged.loss), type(judged.accuracy)) == (float, float)


def test_train_epoch_refuses_a_used_up_iterator():
    model, dataset = linear(), make(10)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    once = data.batches(dataset.x, dataset.y, 4, rng=0)
    training.train_epoch(model, nn.CrossEntropy(), optimizer, once)
    with pytest.raises(ArgumentError) as error:
        training.train_epoch(model, nn.CrossEntropy(), optimizer, once)
    assert str(error.value) == (
        "train_epoch: there are no batches; 0 rows; make new ones with data.batches for every epoch"
    )


def test_the_mass_of_a_loss_is_what_its_mean_divides_by():
    t, weight = np.array([0, 2, 1, 2, 2]), np.array([0.5, 2.0, 0.25])
    z = np.random.default_rng(0).standard_normal((5, 3))
    for loss, mass in (
        ({}, 5),
        ({"ignore_index": 2}, 2),
        ({"weight": weight}, 0.5 + 2 + 3 * 0.25),
        ({"weight": weight.tolist(), "ignore_index": 0}, 2 + 3 * 0.25),
        ({"weight": weight, "ignore_index": 7}, 0.5 + 2 + 3 * 0.25),
    ):
        for module in (nn.CrossEntropy, nn.NLLLoss):
            assert module(**loss).mass(t) == mass
            total = module(reduction="sum", **loss)(z, t).item()
            assert module(**loss)(z, t).item() == pytest.approx(total / mass, rel=1e-14)
    assert nn.CrossEntropy(ignore_index=2).mass(np.array([2, 2])) == 0


def test_a_users_own_loss_counts_the_rows():
    class Loss(nn.Module):
        """Cross-entropy that does not say what its mean divides by."""

        def forward(self, z, t):
            return F.cross_entropy(z, t)

    dataset, judged = make(10), []
    for loss in (nn.CrossEntropy(), Loss(), F.cross_entropy):
        model = linear()
        optimizer = optim.SGD(model.parameters(), lr=0.5)
        batches = data.batches(dataset.x, dataset.y, 4, rng=1)
        learned = training.train_epoch(model, loss, optimizer, batches)
        judged.append((learned, training.evaluate(model, dataset, loss=loss).loss))
    assert judged[0] == judged[1] == judged[2]


# ---- fit


def test_fit_is_train_epoch_and_evaluate_again_and_again():
    train, val, loss = make(30), make(12, seed=1), nn.CrossEntropy()
    model, same = (nn.mlp(3, (5,), 3, rng=0) for _ in range(2))
    history = fit(model, train, val, epochs=3, batch_size=8, momentum=0.9, rng=7)

    rng, want, states = np.random.default_rng(7), [], []
    optimizer = optim.SGD(same.parameters(), lr=0.1, momentum=0.9)
    for number in (1, 2, 3):
        shuffled = data.batches(train.x, train.y, 8, rng=rng)
        learned = training.train_epoch(same, loss, optimizer, shuffled)
        judged = training.evaluate(same, val, loss=loss)
        want.append((number, *learned, judged.loss, judged.accuracy, 0.1))
        states.append(same.state_dict())
    assert [epoch[:6] for epoch in history] == want
    best = min(history, key=lambda epoch: epoch.val_loss)
    assert_same_arrays(model.state_dict(), states[best.epoch - 1])


@pytest.mark.parametrize("val", [None, make(0)], ids=["none", "no rows"])
def test_without_validation_rows_the_history_holds_none(val):
    history = fit(linear(), make(8), val)
    assert isinstance(history, training.History)
    assert [epoch.epoch for epoch in history] == [1, 2]
    assert (history[-1].val_loss, history[-1].val_accuracy) == (None, None)


def test_on_epoch_gets_every_epoch_when_it_ends():
    model, seen = linear(), []
    history = fit(
        model,
        make(20),
        epochs=3,
        on_epoch=lambda epoch: seen.append((epoch, model[0].weight.data.copy())),
    )
    assert [epoch for epoch, _ in seen] == history
    weights = [w.tobytes() for _, w in seen]
    assert len(set(weights)) == 3 and weights[-1] == model[0].weight.data.tobytes()


def test_on_epoch_can_stop_a_fit():
    def stop(epoch):
        raise StopIteration(epoch.epoch)

    with pytest.raises(StopIteration, match="^1$"):
        fit(linear(), make(20), epochs=3, on_epoch=stop)


def test_fit_learns():
    history = fit(linear(), make(300), epochs=10, batch_size=16)
    assert history[-1].train_loss < 0.8 * history[0].train_loss
    assert history[-1].train_accuracy > history[0].train_accuracy


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_the_seed_decides_the_weights_to_the_last_bit(dropout):
    def weights(seed, as_generator=False):
        model = nn.mlp(3, (8,), 3, dropout=dropout, rng=seed)
        rng = np.random.default_rng(seed) if as_generator else seed
        fit(model, make(30, dtype=np.float32), batch_size=7, rng=rng)
        return b"".join(p.data.tobytes() for p in model.parameters())

    assert weights(0) == weights(0) == weights(0, as_generator=True)
    assert weights(0) != weights(1)


def test_the_seed_of_fit_shuffles():
    losses = {fit(linear(), make(30), rng=seed)[-1].train_loss for seed in (0, 1, 2)}
    assert len(losses) == 3


@pytest.mark.parametrize(
    "epochs, batch_size, rows", [(0, 4, 8), (-1, 4, 8), (2, 0, 8), (2, -4, 8), (2, 4, 0)]
)
def test_fit_refuses_to_do_nothing(epochs, batch_size, rows):
    with pytest.raises(ArgumentError) as error:
        fit(linear(), make(rows), epochs=epochs, batch_size=batch_size)
    assert str(error.value) == (
        f"fit: there is nothing to do; epochs {epochs}, batch size {batch_size}, accumulate 1, "
        f"training rows {rows}; give at least one of each"
    )


# ---- modes


class Spy(nn.Module):
    """A linear model with dropout that notes in which mode it is called."""

    def __init__(self):
        self.body, self.drop, self.modes = nn.Linear(3, 3, rng=0), nn.Dropout(0.5, rng=0), []

    def forward(self, x):
        self.modes.append(("train" if self.training else "eval", is_recording()))
        return self.drop(self.body(x))


def flags(model):
    return [module.training for _, module in model.named_modules()]


def test_fit_trains_in_training_mode_and_judges_in_eval_mode():
    model = Spy()
    model.eval()
    fit(model, make(8), make(4), epochs=2, batch_size=4)
    look = ("eval", True)  # at the first batch, for the warning
    first = ("eval", False)  # for the loss before the first step
    assert model.modes == [look, first, *([("train", True)] * 2 + [("eval", False)]) * 2]
    assert flags(model) == [True] * 3
    assert is_recording()


def test_any_loss_is_trained_in_training_mode():
    model = nn.Sequential(nn.Linear(3, 3, rng=0), nn.LogSoftmax())
    model.eval()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    options = {"optimizer": optimizer, "epochs": 1, "batch_size": 4, "rng": 0}
    training.fit(model, make(8, dtype=np.float32), loss=nn.NLLLoss(), **options)
    assert flags(model) == [True] * 3


def test_evaluate_puts_each_mode_back():
    model = Spy()
    model.drop.eval()
    before = flags(model)
    assert before == [True, True, False]
    training.evaluate(model, make(4), loss=nn.CrossEntropy())
    assert model.modes == [("eval", False)]
    assert flags(model) == before


def test_modes_are_put_back_when_evaluation_raises():
    model = Spy()
    model.drop.eval()
    before = flags(model)
    with pytest.raises(ShapeError):
        training.evaluate(model, make(4, features=2), loss=nn.CrossEntropy())
    assert flags(model) == before and is_recording()


def test_training_mode_is_left_when_fit_raises():
    model = Spy()
    with pytest.raises(ShapeError):
        fit(model, make(4, features=2))
    assert flags(model) == [True] * 3 and is_recording()


def test_dropout_drops_while_training_only():
    train, val = make(40), make(20, seed=1)
    model, plain = (nn.mlp(3, (16,), 3, dropout=p, rng=0) for p in (0.5, 0.0))
    history = fit(model, train, val, epochs=1, batch_size=40)
    without = fit(plain, train, val, epochs=1, batch_size=40)
    assert history[0].train_loss != without[0].train_loss
    again = [training.evaluate(model, val, loss=nn.CrossEntropy()) for _ in range(2)]
    assert again[0].loss == again[1].loss == history[-1].val_loss
    assert history[-1].val_accuracy == again[0].accuracy


# ---- evaluate


def test_evaluate_by_hand():
    model, dataset = linear(), make(50)
    judged = training.evaluate(model, dataset, loss=nn.CrossEntropy())
    W, b = (p.data for p in model.parameters())
    _, loss, hits = judge(W, b, dataset.x, dataset.y)
    assert judged.loss == pytest.approx(loss / 50, rel=1e-13)
    assert judged.accuracy == hits / 50
    assert judged.confusion.sum() == 50 and np.trace(judged.confusion) == hits
    assert judged.confusion.sum(axis=1).tolist() == [17, 17, 16]
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("rows", [1, 1023, 1024, 1025, 2048, 2500])
def test_blocks_give_the_same_as_one_block(rows, monkeypatch):
    model, dataset = linear(), make(rows)
    sizes, forward = [], model.forward
    model.forward = lambda x: (sizes.append(len(x)), forward(x))[1]
    blocks = training.evaluate(model, dataset, loss=nn.CrossEntropy())
    assert max(sizes) <= 1024 and sum(sizes) == rows
    monkeypatch.setattr(loop, "BLOCK", 10**6)
    whole = training.evaluate(model, dataset, loss=nn.CrossEntropy())
    assert sizes[-1] == rows
    assert blocks.loss == pytest.approx(whole.loss, rel=1e-13)
    assert blocks.accuracy == whole.accuracy
    np.testing.assert_array_equal(blocks.confusion, whole.confusion)


def test_a_block_has_fewer_rows_where_an_array_would_be_large():
    small = nn.cnn((1, 8, 8), [16, 32], [], 10, rng=0)
    assert loop.rows_at_once(small, np.zeros((2, 64), np.float32)) == 1024
    large = nn.cnn((1, 64, 64), [16, 32], [], 10, rng=0)
    windows = 16 * 9 * 32 * 32 * 4  # bytes, of the second convolution
    assert loop.rows_at_once(large, np.zeros((2, 4096), np.float32)) == 2**26 // windows == 113
    assert loop.rows_at_once(large, np.zeros((1, 4096), np.float32)) == 1024  # one row is one block
    many = nn.cnn((1, 8, 8), [10**5], [], 10, rng=0)
    assert loop.rows_at_once(many, np.zeros((2, 64), np.float32)) == 2**26 // (64 * 10**5 * 4) == 2


def test_evaluate_takes_so_many_rows_at_once(monkeypatch):
    model, dataset = nn.Sequential(nn.Unflatten(1, (1, 1, 3)), nn.Conv2d(1, 4, 1)), make(25)
    model = nn.Sequential(*model, nn.Flatten(), nn.Linear(12, 3))
    monkeypatch.setattr(loop, "MOST_BYTES", 10 * 12 * 8)  # float64
    sizes, forward = [], model.forward
    model.forward = lambda x: (sizes.append(len(x)), forward(x))[1]
    training.evaluate(model, dataset, loss=nn.CrossEntropy())
    assert sizes == [1, 10, 10, 5]


def test_evaluate_refuses_an_empty_set():
    text = (
        "evaluate: the set has no rows; <Dataset made: 0 rows, 3 features, 3 classes>; "
        "give at least one row"
    )
    with pytest.raises(ArgumentError, match=exactly(text)):
        training.evaluate(linear(), make(0), loss=nn.CrossEntropy())


# ---- rows that have weights ---------------------------------------------------------------------


def weighted(n=12):
    """Return rows with whole weights whose mean is 1, and the same with the rows repeated."""
    rows = make(n)
    counts = np.array([2, 0, 1] * (n // 3))
    return replace(rows, weights=counts), rows.take(np.repeat(np.arange(n), counts))


def test_a_weighted_row_counts_as_a_repeated_one():
    rows, repeated = weighted()
    one, other = linear(), linear()
    options = {"epochs": 5, "batch_size": 12, "clip_grad": 0.5}
    each = nn.CrossEntropy(label_smoothing=0.1, reduction="none")
    optimizers = [optim.SGD(model.parameters(), lr=0.1) for model in (one, other)]
    history = training.fit(one, rows, rows, loss=each, optimizer=optimizers[0], rng=0, **options)
    mean = nn.CrossEntropy(label_smoothing=0.1)
    same = training.fit(
        other, repeated, repeated, loss=mean, optimizer=optimizers[1], rng=0, **options
    )
    for name, array in one.state_dict().items():
        assert np.abs(array - other.state_dict()[name]).max() < 1e-12, name
    for name in ("train_loss", "val_loss", "grad_norm"):
        assert np.allclose(history.column(name), same.column(name), rtol=1e-12), name


def test_the_weights_go_with_their_rows_from_batch_to_batch():
    rows, _ = weighted()
    model = linear()
    seen = []

    class Watched(nn.CrossEntropy):
        def forward(self, logits, target):
            each = super().forward(logits, target)
            seen.append((logits.data.copy(), each.data))
            return each

    optimizer = optim.SGD(model.parameters(), lr=1e-9)
    options = {"loss": Watched(reduction="none"), "optimizer": optimizer, "epochs": 1}
    trainer = training.Trainer(model, rows, batch_size=5, rng=0, **options)
    losses = []
    trainer.run(on_epoch=lambda epoch: losses.append(epoch.train_loss))
    z = F.log_softmax(rows.x @ model[0].weight.data.T + model[0].bias.data, axis=1).data
    expected = -(rows.weights * z[np.arange(12), rows.y]).mean()
    assert losses[0] == pytest.approx(expected, rel=1e-6)
    assert len(seen) > 3


def test_rows_with_weights_need_the_loss_of_each_row():
    rows, _ = weighted()
    message = (
        "train: the rows have weights, and the loss does not return one number for each row; "
        "loss (), weights (12,); give nn.CrossEntropy(reduction='none')"
    )
    with pytest.raises(ArgumentError, match=exactly(message)):
        training.evaluate(linear(), rows, loss=nn.CrossEntropy())


def test_a_class_of_most_rows_needs_no_warning_once_rows_have_weights():
    rows = make(100)
    rows = replace(rows, y=np.where(np.arange(100) < 95, 0, rows.y), weights=np.ones(100))
    model, each = linear(), nn.CrossEntropy(reduction="none")
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    training.fit(model, rows, loss=each, optimizer=optimizer, epochs=1, batch_size=32, rng=0)
    with pytest.warns(MinigradWarning, match="rows are of one class"):
        fit(linear(), replace(rows, weights=None))
