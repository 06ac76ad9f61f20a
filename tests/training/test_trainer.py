"""Trainer: accumulation, schedules, clipping, patience, and a state that resumes to the bit."""

import json
import math
import warnings

import numpy as np
import pytest

from minigrad import Tensor, data, nn, optim, training
from minigrad.errors import ArgumentError, DivergedError, MinigradWarning
from minigrad.training import archive, checks
from minigrad.training.loop import train_step
from tests.helpers import exactly

TRAIN, VAL = (data.blobs(n, noise=0.8, rng=s, dtype=np.float64) for n, s in ((50, 0), (20, 1)))


class Stop(Exception):
    """Raised by the callbacks of these tests, to stop a run."""


def trainer(
    train=TRAIN,
    val=VAL,
    *,
    lr=0.1,
    momentum=0.9,
    dropout=0.0,
    weight=None,
    kind=None,
    norm=False,
    **options,
):
    rng = np.random.default_rng(3)
    model = nn.mlp(2, (6,), 3, activation="tanh", dropout=dropout, rng=rng, dtype=np.float64)
    if norm:
        model = nn.Sequential(model[0], nn.BatchNorm1d(6, dtype=np.float64), *model.layers[1:])
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    if kind is not None:
        optimizer = kind(model.parameters(), lr=lr)
    options = {"epochs": 4, "batch_size": 8, **options}
    loss = nn.CrossEntropy(weight=weight)
    return training.Trainer(model, train, val, loss=loss, optimizer=optimizer, rng=rng, **options)


def weights(run):
    return {name: a.tobytes() for name, a in run.model.state_dict().items()}


def refuses(text, **options):
    with pytest.raises(ArgumentError, match=exactly(text)):
        trainer(**options)


# ---- accumulation


@pytest.mark.parametrize("weight", [None, [0.2, 3.0, 1.0]], ids=["plain", "weighted"])
@pytest.mark.parametrize("k", [2, 3, 5, 100])
def test_accumulated_batches_are_the_full_batch(k, weight):
    """50 rows: the last step is a short one, and so is its last part."""
    parts = trainer(batch_size=4, accumulate=k, weight=weight)
    whole = trainer(batch_size=4 * k, weight=weight)
    for a, b in zip(parts.run(), whole.run(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    assert parts.optimizer.steps == whole.optimizer.steps == 4 * math.ceil(50 / (4 * k))
    for p, q in zip(parts.model.parameters(), whole.model.parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=0, atol=1e-12)


def test_the_mean_loss_of_weighted_classes_is_that_of_all_rows_at_once(weight=(0.2, 3.0, 1.0)):
    model, loss = trainer().model, nn.CrossEntropy(weight=list(weight))
    big = data.blobs(2500, dtype=np.float64)
    judged = training.evaluate(model, big, loss=loss)
    assert judged.loss == pytest.approx(loss(model(big.x), big.y).item(), rel=1e-12)


@pytest.mark.parametrize("accumulate", [1, 50])
def test_rows_without_weight_take_no_step(accumulate):
    """Batches of one row: those of class 0 have no mean loss, and leave the model as it is."""
    weight = [0.0, 1.0, 1.0]
    run = trainer(batch_size=1, accumulate=accumulate, weight=weight, epochs=1)
    whole = trainer(batch_size=50, weight=weight, epochs=1)
    run.run()
    whole.run()
    if accumulate == 1:
        assert run.optimizer.steps == np.count_nonzero(TRAIN.y)
    else:
        assert run.history[0].train_loss == pytest.approx(whole.history[0].train_loss, rel=1e-12)


def test_a_set_without_weight_has_no_loss():
    nothing = TRAIN.take(np.flatnonzero(TRAIN.y == 0))
    loss = nn.CrossEntropy(weight=[0.0, 1.0, 1.0])
    assert training.evaluate(trainer().model, nothing, loss=loss).loss == 0


def test_ignored_rows_do_not_count_in_the_mean():
    model, loss = trainer().model, nn.CrossEntropy(ignore_index=1)
    big = data.blobs(2500, dtype=np.float64)
    judged = training.evaluate(model, big, loss=loss)
    assert judged.loss == pytest.approx(loss(model(big.x), big.y).item(), rel=1e-12)


# ---- the learning rate


def test_factors_by_their_formulas():
    steps = range(100)
    cosine = [training.lr_factor("cosine", s, 100) for s in steps]
    np.testing.assert_allclose(cosine, [(1 + math.cos(math.pi * s / 100)) / 2 for s in steps])
    step = [training.lr_factor("step", s, 90) for s in (0, 29, 30, 59, 60, 89)]
    np.testing.assert_allclose(step, [1, 1, 0.1, 0.1, 0.01, 0.01])
    assert {training.lr_factor("constant", s, 100) for s in steps} == {1.0}


@pytest.mark.parametrize("kind", training.SCHEDULES)
def test_warmup_rises_to_the_whole_rate(kind):
    rise = [training.lr_factor(kind, s, 30, 10) for s in range(11)]
    np.testing.assert_allclose(rise, [*np.arange(1, 11) / 10, 1.0])


def test_after_warmup_the_schedule_goes_from_its_start_to_its_end():
    s = np.arange(20) / 20
    cosine = [training.lr_factor("cosine", step, 30, 10) for step in range(10, 30)]
    np.testing.assert_allclose(cosine, (1 + np.cos(math.pi * s)) / 2)
    steps = [training.lr_factor("step", step, 40, 10) for step in (10, 19, 20, 29, 30, 39)]
    np.testing.assert_allclose(steps, [1, 1, 0.1, 0.1, 0.01, 0.01])
    assert training.lr_factor("constant", 29, 30, 10) == 1
    last = [training.lr_factor(kind, 3, 4, 3) for kind in training.SCHEDULES]
    assert last == [1, 1, 1]  # one step is left after the warm-up
    assert [training.lr_factor("cosine", step, 4, 4) for step in range(4)] == [0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize(
    ("schedule", "warmup", "rising"),
    [
        ("cosine", 1.5, 6),
        ("cosine", 0.4, 2),  # rounded to whole steps
        ("cosine", 0.0, 0),
        ("step", 0.0, 0),
        ("constant", 1.0, 4),
        ("constant", 0.0, 0),
    ],
)
def test_a_run_follows_its_schedule(schedule, warmup, rising):
    run = trainer(schedule=schedule, warmup=warmup, accumulate=2, epochs=3)  # 4 steps an epoch
    seen = []
    run.run(on_step=lambda: seen.append(run.optimizer.param_groups[0]["lr"]))
    want = [0.1 * training.lr_factor(schedule, s, 12, rising) for s in range(12)]
    np.testing.assert_allclose(seen, want)
    assert [epoch.lr for epoch in run.history] == [seen[3], seen[7], seen[11]]


def test_a_second_run_with_the_same_optimizer_starts_its_schedule_again():
    run = trainer(schedule="cosine")
    options = {"epochs": 4, "batch_size": 8, "schedule": "cosine", "rng": 0}
    first = [epoch.lr for epoch in run.run()]
    run.optimizer.param_groups[0]["lr"] = 0.1
    again = training.Trainer(
        run.model, TRAIN, VAL, loss=run.loss, optimizer=run.optimizer, **options
    )
    assert [epoch.lr for epoch in again.run()] == first


def test_a_constant_rate_is_left_to_whoever_changes_it():
    run = trainer(epochs=2)
    run.run(on_epoch=lambda epoch: run.optimizer.param_groups[0].update(lr=0.05))
    assert [epoch.lr for epoch in run.history] == [0.1, 0.05]


def test_an_epoch_has_the_accuracy_of_its_rows_and_the_rate_of_the_first_group():
    run, seen = trainer(epochs=2), []
    first, *others = run.optimizer.param_groups[0]["params"]
    groups = [{"params": [first], "lr": 0.0}, {"params": others, "lr": 0.0}]
    run.optimizer = optim.SGD(groups, lr=0.3)
    run.run(on_epoch=seen.append)
    assert seen == run.history and len(seen) == 2
    want = training.evaluate(run.model, TRAIN, loss=run.loss)
    assert 0 < want.accuracy < 1
    for epoch in seen:
        assert epoch.train_accuracy == want.accuracy
        assert epoch.train_loss == pytest.approx(want.loss, rel=1e-12)
    run.epochs, run.optimizer.param_groups[1]["lr"] = 3, 0.2
    assert run.run()[-1].lr == 0.0


def test_an_unknown_schedule():
    unknown = "is unknown; it can be 'constant', 'step', 'cosine';"
    refuses(
        f"fit: schedule='cos' {unknown} leave it out for the default, 'constant'", schedule="cos"
    )
    with pytest.raises(ArgumentError) as caught:
        training.lr_factor("cos", 0, 1)
    assert str(caught.value) == f"schedule: 'cos' {unknown} choose one of them"


# ---- clipping


def test_clip_grad_norm_by_hand():
    p, q = Tensor(np.zeros(2), requires_grad=True), Tensor(np.zeros((1, 1)), requires_grad=True)
    unused = Tensor(np.zeros(3), requires_grad=True)
    p.grad, q.grad = np.array([2.0, 3.0]), np.array([[6.0]])
    assert optim.clip_grad_norm([p, q, unused], 10) == 7
    assert p.grad.tolist() == [2, 3] and q.grad.tolist() == [[6]]
    assert optim.clip_grad_norm([p, q], 3.5) == 7
    assert p.grad.tolist() == [1, 1.5] and q.grad.tolist() == [[3]]


def test_a_norm_whose_squares_overflow_in_float32():
    p = Tensor(np.zeros(2, dtype=np.float32), requires_grad=True)
    p.grad = np.array([3e30, 4e30], dtype=np.float32)
    with np.errstate(over="ignore"):
        assert optim.clip_grad_norm([p], 5.0) == pytest.approx(5e30)
    np.testing.assert_allclose(p.grad, [3, 4], rtol=1e-6)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_norm_that_is_not_finite_scales_nothing(bad, dtype):
    p, q = Tensor(np.zeros(2, dtype), requires_grad=True), Tensor(np.zeros(1), requires_grad=True)
    p.grad, q.grad = np.array([bad, 2.0], dtype), np.array([3.0])
    np.testing.assert_equal(optim.clip_grad_norm([p, q], 1.0), abs(bad))
    np.testing.assert_array_equal(p.grad, np.array([bad, 2.0], dtype))
    assert q.grad == 3


def test_a_norm_whose_squares_overflow_in_float64_scales_nothing():
    p = Tensor(np.zeros(2), requires_grad=True)
    p.grad = np.array([3e200, 1.0])
    with np.errstate(over="ignore"):
        assert optim.clip_grad_norm([p], 5.0) == math.inf
    assert p.grad.tolist() == [3e200, 1]


def test_the_squares_of_float32_gradients_are_summed_in_float64():
    params = [Tensor(np.zeros(1, np.float32), requires_grad=True) for _ in range(101)]
    for p in params:
        p.grad = np.array([1.0], np.float32)
    params[0].grad[:] = 1e4  # its square is 1e8, and the next float32 is 1e8 + 8
    assert optim.clip_grad_norm(params) == math.sqrt(1e8 + 100)


def test_gradients_at_the_largest_norm_are_not_touched():
    p = Tensor(np.zeros(2), requires_grad=True)
    p.grad = np.array([3.0, 4.0])
    p.grad.flags.writeable = False
    assert optim.clip_grad_norm([p], 5.0) == 5


def test_the_norm_of_the_history_is_that_before_clipping():
    free, clipped = trainer(epochs=1), trainer(epochs=1, clip_grad=1e-9)
    norms = []
    free.optimizer.step = lambda: norms.append(
        math.sqrt(sum((p.grad**2).sum() for p in free.model.parameters()))
    )
    assert free.run()[0].grad_norm == pytest.approx(np.mean(norms), rel=1e-12)
    before = [p.data.copy() for p in clipped.model.parameters()]
    assert clipped.run()[0].grad_norm == pytest.approx(np.mean(norms), rel=1e-8)
    for p, old in zip(clipped.model.parameters(), before, strict=True):
        np.testing.assert_allclose(p.data, old, atol=1e-7)


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_a_gradient_that_is_not_finite(bad):
    run = trainer()
    before = weights(run)
    backward = Tensor.backward

    def spoilt(self, *args):
        backward(self, *args)
        run.model[0].bias.grad[0] = bad

    with pytest.MonkeyPatch.context() as patch, pytest.raises(DivergedError) as error:
        patch.setattr(Tensor, "backward", spoilt)
        run.run()
    assert str(error.value) == (
        f"train: the gradient is {bad} at step 1; learning rate 0.1, first non-finite output: "
        "none, the loss alone; try a learning rate of 0.01"
    )
    assert weights(run) == before and run.optimizer.steps == 0


# ---- patience and the best epoch


def test_the_best_weights_are_used_at_the_end():
    run, states = trainer(lr=2.0, epochs=12), []
    history = run.run(on_epoch=lambda epoch: states.append(weights(run)))
    assert weights(run) == states[-1]
    run.use_best()
    losses = [epoch.val_loss for epoch in history]
    assert run.best.epoch == 1 + int(np.argmin(losses)) < 12
    assert weights(run) == states[run.best.epoch - 1]
    assert training.evaluate(run.model, VAL, loss=run.loss).loss == min(losses)


def test_patience_stops_after_that_many_epochs_without_a_lower_loss():
    run = trainer(lr=2.0, epochs=50, patience=3)
    history = run.run()
    assert run.done and len(history) == run.best.epoch + 3 < 50
    assert [e.val_loss for e in history] == [
        e.val_loss for e in trainer(lr=2.0, epochs=50).run()[: len(history)]
    ]


def losses_follow(monkeypatch, *losses):
    """Let the epochs of the next run have these validation losses."""
    given = iter(losses)
    judged = lambda *args, **options: training.Evaluation(next(given), 0.5, np.eye(3))  # noqa: E731
    monkeypatch.setattr("minigrad.training.trainer.evaluate", judged)


@pytest.mark.parametrize(
    ("losses", "patience", "best", "trained"),
    [
        ([3, 2, 2, 2, 1], 2, 4, 4),  # a plateau is no improvement
        ([3, 2, 2.5, 1.9, 2, 1.9, 1], 2, 6, 6),  # nor is a return to the best
        ([3, 4, 2, 2.2, 2.2, 1], 2, 3, 5),  # but a lower loss starts the count again
        ([1, 2, 3], 1, 1, 2),
        ([1, 2, 3, 4, 5, 6], 5, 1, 6),  # patience runs out in the last epoch
        ([3, 3, 3, 3, 3, 3], None, 6, 6),
        ([4, 2, 2.1, 2.11, 2.2, 3], None, 3, 6),  # the last one within 5 % of the lowest
        ([-4, -2, -3.9, -3, -3, -3], None, 3, 6),  # of a loss below 0, too
    ],
)
def test_patience_counts_the_epochs_since_the_lowest_loss(
    losses, patience, best, trained, monkeypatch
):
    run = trainer(epochs=6, patience=patience)
    losses_follow(monkeypatch, *losses)
    run.run()
    assert (run.best.epoch, len(run.history)) == (best, trained)


def test_a_validation_loss_that_is_not_finite_names_the_step_of_the_whole_run(monkeypatch):
    run = trainer(epochs=3, batch_size=10)  # 5 steps an epoch
    losses_follow(monkeypatch, 1.0, math.nan)
    with pytest.raises(DivergedError, match=r"\Atrain: the validation loss is nan after step 10; "):
        run.run()
    assert len(run.history) == 1


def test_a_run_is_done_beyond_its_epochs_and_beyond_its_patience(monkeypatch):
    run = trainer(epochs=4)
    assert run.done is False
    losses_follow(monkeypatch, 1, 2, 3, 4)
    run.run()
    assert run.done is True
    run.epochs = 3
    assert run.done is True
    run.epochs = 9
    assert run.done is False
    run.patience = 2  # three epochs have passed since the best one
    assert run.done is True


def test_without_validation_rows_the_last_weights_are_used():
    run, states = trainer(val=None), []
    run.run(on_epoch=lambda epoch: states.append(weights(run)))
    run.use_best()
    assert run.best is None and weights(run) == states[-1]


@pytest.mark.parametrize(
    ("options", "bounds", "default"),
    [
        ({"patience": 0}, "1 <= patience <= 1000000000", "none"),
        ({"clip_grad": 0.0}, "0 < clip_grad", "none"),
        ({"clip_grad": -1.0}, "0 < clip_grad", "none"),
        ({"warmup": -1}, "0 <= warmup <= 1000000000", "0.0"),
    ],
)
def test_options_that_are_refused(options, bounds, default):
    ((name, value),) = options.items()
    refuses(
        f"fit: {name}={value!r} is out of range; {bounds}; leave it out for the default, {default}",
        **options,
    )


def test_patience_without_validation_rows():
    refuses(
        "fit: patience needs a validation loss, and there are no validation rows; "
        "patience 3; give some rows as val, or leave patience out",
        val=None,
        patience=3,
    )


# ---- a last row alone


@pytest.mark.filterwarnings("ignore:fit. 100.0% of the training rows")
@pytest.mark.parametrize(
    ("rows", "batch_size", "accumulate", "sizes", "steps"),
    [
        (33, 8, 1, [8, 8, 8, 9], 4),
        (34, 8, 1, [8, 8, 8, 8, 2], 5),
        (9, 8, 1, [9], 1),
        (8, 8, 1, [8], 1),
        (1, 8, 1, [1], 1),
        (3, 1, 1, [1, 1, 1], 3),
        (33, 8, 2, [8, 8, 8, 9], 2),
        (25, 8, 2, [8, 8, 9], 2),
        (17, 4, 2, [4, 4, 4, 5], 2),
        (3, 2, 3, [3], 1),
    ],
)
def test_a_last_row_alone_joins_the_batch_before_it(
    monkeypatch, rows, batch_size, accumulate, sizes, steps
):
    train, seen = TRAIN.take(slice(rows)), []
    run = trainer(train, None, epochs=1, batch_size=batch_size, accumulate=accumulate)

    def see(model, loss, optimizer, parts, sums, clip_grad):
        seen.append([len(x) for x, _ in parts])
        train_step(model, loss, optimizer, parts, sums, clip_grad)

    monkeypatch.setattr("minigrad.training.trainer.train_step", see)
    run.run()
    assert sum(seen, []) == sizes and len(seen) == run.optimizer.steps == steps
    assert all(len(step) <= accumulate for step in seen)


@pytest.mark.parametrize(("rows", "steps"), [(33, 4), (34, 5), (9, 1), (8, 1)])
def test_a_schedule_counts_the_steps_that_there_are(rows, steps):
    run, seen = trainer(TRAIN.take(slice(rows)), epochs=3, schedule="step", lr=1.0), []
    run.run(on_step=lambda: seen.append(run.optimizer.param_groups[0]["lr"]))
    assert len(seen) == 3 * steps
    np.testing.assert_allclose(seen, np.repeat([1, 0.1, 0.01], steps))


# ---- state


RUNS = {
    "plain": {},
    "dropout": {"dropout": 0.4},
    "no momentum": {"momentum": 0.0},
    "no val": {"val": None},
    "RMSprop": {
        "kind": lambda *p, lr: optim.RMSprop(*p, lr, momentum=0.5, centered=True), "lr": 0.01,
    },
    "Adam": {"kind": optim.Adam},
    "AdamW": {"kind": optim.AdamW, "schedule": "cosine"},
    "batch norm": {"norm": True, "batch_size": 7},
    "all": {
        "dropout": 0.3, "schedule": "cosine", "warmup": 0.5, "accumulate": 2, "clip_grad": 0.5,
        "patience": 2, "lr": 1.0,
    },
}  # fmt: skip


@pytest.mark.parametrize("options", RUNS.values(), ids=RUNS)
def test_a_run_stopped_at_any_step_resumes_to_the_bit(tmp_path, options):
    whole = trainer(**options)
    whole.run()
    for stop in range(0, whole.optimizer.steps, 3):
        first = trainer(**options)

        def leave(first=first, stop=stop):
            if first.optimizer.steps == stop + 1:
                raise Stop

        with pytest.raises(Stop):
            first.run(on_step=leave)
        numbers, arrays = first.state()
        numbers = json.loads(json.dumps(numbers))
        archive.write(tmp_path / "state.npz", {}, arrays, sync=False)
        _, arrays = archive.read(tmp_path / "state.npz")
        second = trainer(**options)
        second.load_state(numbers, arrays)
        assert second.run() == whole.history
        assert weights(second) == weights(whole)
        assert second.optimizer.steps == whole.optimizer.steps
        np.testing.assert_equal(second.state(), whole.state())


def test_a_stopped_trainer_continues():
    whole, left = trainer(dropout=0.5), trainer(dropout=0.5)
    whole.run()

    def leave(*epoch):
        raise Stop

    for _ in range(5):
        with pytest.raises(Stop):
            left.run(on_step=leave)
    with pytest.raises(Stop):
        left.run(on_epoch=leave)
    assert left.run() == whole.history and weights(left) == weights(whole)


def test_a_generator_that_others_use_too():
    """The order of the rows is drawn when the epoch begins, whoever drew before."""

    def start():
        rng = np.random.default_rng(0)
        model = nn.mlp(2, (6,), 3, rng=rng, dtype=np.float64)
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        options = {"epochs": 4, "batch_size": 8, "loss": nn.CrossEntropy(), "optimizer": optimizer}
        run = training.Trainer(model, TRAIN, VAL, rng=rng, **options)
        rng.random()
        return run

    def leave():
        raise Stop

    left, second = start(), start()
    with pytest.raises(Stop):
        left.run(on_epoch=lambda epoch: left.rng.random(), on_step=leave)
    second.load_state(*left.state())
    np.testing.assert_array_equal(second.order, left.order)


@pytest.mark.parametrize("epochs", [1, 2, 8, 11])
def test_more_epochs_than_at_first(epochs):
    whole, second = (trainer(lr=2.0, epochs=12) for _ in range(2))
    first = trainer(lr=2.0, epochs=epochs)
    whole.run()
    first.run()
    assert epochs != 11 or first.best.epoch < epochs
    second.load_state(*first.state())
    assert second.run() == whole.history and weights(second) == weights(whole)


def test_state_of_another_network_is_refused():
    other = trainer()
    numbers, arrays = other.state()
    arrays["model/0.weight"] = np.zeros((3, 3))
    with pytest.raises(ArgumentError, match="0.weight is"):
        trainer().load_state(numbers, arrays)


# ---- warnings


def test_a_majority_class():
    y = np.zeros(40, dtype=np.int64)
    y[:3] = 1
    names = ("a", "b"), ("good", "bad")
    rows = data.Dataset(np.random.default_rng(0).normal(size=(40, 2)), y, *names)
    model = nn.mlp(2, (), 2, rng=0, dtype=np.float64)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    options = {"optimizer": optimizer, "epochs": 2, "batch_size": 8, "rng": 0}
    with pytest.warns(MinigradWarning) as caught:
        training.fit(model, rows, loss=nn.CrossEntropy(), **options)
    (warning,) = caught
    assert str(warning.message) == (
        'fit: 92.5% of the training rows are of one class, "good"; 37 of 40 rows; always guessing '
        "it is as accurate; look at the recall of the other classes, or weight the classes"
    )
    assert warning.filename == __file__


@pytest.mark.parametrize(("dead", "message"), [(0, None), (2, "layer '2' has 2 dead filters of 4")])
def test_a_filter_is_dead_if_it_gives_0_at_every_place(dead, message):
    """Every filter is 0 on the border, which is black, and only a dead one elsewhere."""
    model = nn.Sequential(nn.Unflatten(1, (1, 6, 6)), nn.Conv2d(1, 4, 1, rng=0), nn.ReLU())
    model[1].weight.data[:] = 1
    model[1].bias.data[:] = 0
    model[1].bias.data[:dead] = -10
    x = np.zeros((5, 1, 6, 6), np.float32)
    x[:, :, 2:4, 2:4] = 1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        checks.warn_of_dead_relus(model, x.reshape(5, 36))
    assert [str(w.message) for w in caught] == (
        [
            f"fit: {message}: ReLU gives 0 everywhere for each of 5 training rows; no gradient "
            "reaches them; try a smaller learning rate, or LeakyReLU"
        ]
        if message
        else []
    )


def test_dead_relus():
    run = trainer()
    run.model = nn.Sequential(nn.Linear(2, 4, rng=0, dtype=np.float64), nn.ReLU(), run.model[2])
    run.model[2].weight.data = run.model[2].weight.data[:, :4]
    run.model[0].bias.data[:] = [-1e3, 0, 0, 0]
    with pytest.warns(MinigradWarning) as caught:
        run.run()
    messages = [str(w.message) for w in caught if "dead" in str(w.message)]
    assert messages == [
        "fit: layer '1' has 1 dead unit of 4: ReLU gives 0 for each of 50 training rows; "
        "no gradient reaches them; try a smaller learning rate, or LeakyReLU"
    ]
