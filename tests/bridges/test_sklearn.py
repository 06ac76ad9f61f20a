"""MinigradClassifier: scikit-learn's own checks, its tools, weights, messages, there and back."""

import pickle

import numpy as np
import pytest

from minigrad import data, training
from minigrad.errors import ArgumentError, DataError, DivergedError, MinigradWarning
from tests.helpers import exactly

pytest.importorskip("sklearn")

from scipy import sparse  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.calibration import CalibratedClassifierCV  # noqa: E402
from sklearn.compose import make_column_transformer  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

from minigrad.bridges import sklearn as bridge  # noqa: E402
from minigrad.bridges.sklearn import MinigradClassifier  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::minigrad.errors.MinigradWarning"),
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
]

IRIS = data.load("iris", dtype=np.float64)
X, Y = IRIS.x, IRIS.y
NAMES = np.array(IRIS.class_names)[Y]


def made(**parameters):
    """Return an estimator that trains within a moment."""
    usual = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}
    return MinigradClassifier(**usual | parameters)


def same(one, other, x=X):
    return np.array_equal(one.predict_proba(x), other.predict_proba(x))


def state(estimator):
    """Return the bytes of the network."""
    arrays = estimator.classifier_.model.state_dict().values()
    return b"".join(array.tobytes() for array in arrays)


# ---- scikit-learn's own checks ------------------------------------------------------------------


@parametrize_with_checks([MinigradClassifier(hidden_layer_sizes=16, max_iter=60)])
@pytest.mark.filterwarnings("default")
def test_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([MinigradClassifier(), MinigradClassifier(solver="adam")])
@pytest.mark.filterwarnings("default")
def test_the_checks_of_scikit_learn_with_the_default_sizes(estimator, check):
    check(estimator)


# ---- its tools ----------------------------------------------------------------------------------


def test_a_search_in_two_processes():
    grid = {"hidden_layer_sizes": [8, (8, 4)], "solver": ["sgd", "adam"], "momentum": [0.5]}
    search = GridSearchCV(made(), grid, cv=3, n_jobs=2, error_score="raise").fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    alone = clone(made()).set_params(**search.best_params_).fit(X, Y)
    assert same(search.best_estimator_, alone)


def test_cross_validation_and_calibration():
    assert cross_val_score(made(max_iter=40), X, NAMES, cv=3).mean() > 0.9
    calibrated = CalibratedClassifierCV(made(max_iter=40), cv=3).fit(X, NAMES)
    assert calibrated.score(X, NAMES) > 0.9


def test_a_pipeline_of_columns_of_a_data_frame():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X[:, :2], columns=["long", "wide"]).assign(
        petal=np.where(X[:, 2] > 3, "large", "small"), width=X[:, 3]
    )
    frame.loc[::10, "width"] = np.nan
    columns = make_column_transformer((OneHotEncoder(), ["petal"]), remainder="passthrough")
    columns.set_output(transform="default")
    pipeline = make_pipeline(columns, made(max_iter=40))
    names = pandas.Series(NAMES, index=range(1000, 1150), name="species")
    assert pipeline.fit(frame, names).score(frame, names) > 0.85
    assert pipeline.classes_.tolist() == sorted(IRIS.class_names)


def test_the_columns_of_a_data_frame_are_named():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    estimator = made().fit(frame, pandas.Series(NAMES, name="species"))
    assert [*estimator.feature_names_in_] == list("abcd") and estimator.n_features_in_ == 4
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict(frame[list("dcba")])
    schema = estimator.to_classifier().schema
    assert (schema.feature_names, schema.label, schema.by_name) == (tuple("abcd"), "species", True)
    assert same(estimator, made().fit(frame, NAMES), frame)


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw", "rmsprop"])
def test_a_pickle_goes_on_where_it_was(solver):
    estimator = made(solver=solver, dropout=0.3).fit(X, Y)
    again = pickle.loads(pickle.dumps(estimator))
    assert same(estimator, again)
    for each in (estimator, again):
        each.partial_fit(X, Y)
    assert state(estimator) == state(again)


def test_joblib(tmp_path):
    joblib = pytest.importorskip("joblib")
    estimator = made().fit(X, Y)
    joblib.dump(estimator, tmp_path / "iris.joblib")
    assert same(estimator, joblib.load(tmp_path / "iris.joblib"))


def test_a_clone_trains_alike():
    estimator = made().fit(X, Y)
    other = clone(estimator)
    with pytest.raises(NotFittedError):
        other.predict(X)
    assert same(estimator, other.fit(X, Y))


def test_every_parameter_reaches_the_training():
    changes = {
        "hidden_layer_sizes": 9, "activation": "tanh", "solver": "adam", "alpha": 5.0,
        "batch_size": 50, "learning_rate": "constant", "learning_rate_init": 0.1, "momentum": 0.5,
        "nesterovs_momentum": True, "max_iter": 6, "early_stopping": True, "random_state": 1,
        "class_weight": {0: 3}, "dropout": 0.2, "batch_norm": True, "label_smoothing": 0.2,
        "warmup": 2.0, "clip_grad": 0.01, "scale": "minmax", "dtype": "float32",
    }  # fmt: skip
    early = {"validation_fraction": 0.3, "n_iter_no_change": 1}  # and learning_rate_init below
    without = {"warm_start", "verbose"}
    assert changes.keys() | early.keys() | without == made().get_params().keys()
    usual = state(made().fit(X, Y))
    for name, value in changes.items():
        assert state(made(**{name: value}).fit(X, Y)) != usual, name
    stops = {"early_stopping": True, "max_iter": 30, "learning_rate_init": 0.5}
    usual = state(made(**stops).fit(X, Y))
    for name, value in early.items():
        assert state(made(**stops, **{name: value}).fit(X, Y)) != usual, name


def test_the_same_random_state_gives_the_same_bytes():
    options = {"dropout": 0.2, "early_stopping": True}
    one, other = (state(made(**options).fit(X, Y)) for _ in range(2))
    assert one == other != state(made(**options, random_state=1).fit(X, Y))
    generators = [np.random.RandomState(3) for _ in range(2)]
    one, other = (made(random_state=generator) for generator in generators)
    assert state(one.fit(X, Y)) == state(other.fit(X, Y))
    assert state(one.fit(X, Y)) != state(made(random_state=np.random.RandomState(3)).fit(X, Y))


def test_none_is_the_default():
    nothing = dict.fromkeys(bridge.OPTIONS)
    given = {"random_state": 0, "max_iter": 3}
    one = MinigradClassifier(**nothing | given).fit(X, Y)
    assert same(one, MinigradClassifier(**given).fit(X, Y))


def test_the_defaults_are_the_recipe_of_minigrad_train():
    estimator = MinigradClassifier(random_state=0).fit(X, Y)
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 200
    assert [layer["layer"] for layer in estimator.classifier_.architecture["layers"]] == [
        "Linear", "ReLU", "Linear",
    ]  # fmt: skip
    assert estimator.classifier_.model[0].weight.shape == (256, 4)
    group = estimator._optimizer.param_groups[0]
    assert (group["initial_lr"], group["momentum"], group["weight_decay"]) == (0.03, 0.9, 0.005)


def test_alpha_counts_for_all_rows_together():
    decays = [
        made(alpha=3.0, solver=solver).fit(X, Y)._optimizer.param_groups[0]["weight_decay"]
        for solver in ("sgd", "adamw")
    ]
    assert decays == [3.0 / 150, 3.0]
    weighted = made(alpha=3.0).fit(X, Y, sample_weight=np.full(150, 2))
    assert weighted._optimizer.param_groups[0]["weight_decay"] == 3.0 / 300


def test_a_penalty_fades_with_the_sum_of_the_weights_and_epochs_with_the_rows():
    decays, counts = [], []
    for weights in (None, np.full(150, 10)):
        estimator = MinigradClassifier((4,), batch_size=150).fit(X, Y, sample_weight=weights)
        decays.append(estimator._optimizer.param_groups[0]["weight_decay"])
        counts.append(estimator.n_iter_)
    assert decays == [0.005, 0.0017] and counts == [200, 200]


def test_parameters_from_an_array():
    given = {"batch_norm": np.True_, "hidden_layer_sizes": np.int64(8), "clip_grad": np.float64(1)}
    activation = np.array(["tanh"])[0]
    one = made(activation=activation, **given).fit(X, Y)
    assert same(one, made(activation="tanh", batch_norm=True).fit(X, Y))


def test_logistic_is_what_scikit_learn_calls_a_sigmoid():
    assert same(made(activation="logistic").fit(X, Y), made(activation="sigmoid").fit(X, Y))


def test_auto_is_what_scikit_learn_calls_the_default_batch():
    assert same(made(batch_size="auto").fit(X, Y), made().fit(X, Y))


@pytest.mark.parametrize("dtype", [np.float32, np.dtype("float32"), np.float64])
def test_the_dtypes_of_numpy(dtype):
    one, name = made(dtype=dtype).fit(X, Y), np.dtype(dtype).name
    assert one.classifier_.architecture["dtype"] == name
    assert same(clone(one).fit(X, Y), made(dtype=name).fit(X, Y))
    assert MinigradClassifier.from_classifier(one.to_classifier()).dtype == name


# ---- weights ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sparsely", [False, True])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3, 1: 0.5}])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_weighted_row_is_a_repeated_one(solver, class_weight, sparsely):
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 4, 40)
    x, y = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)
    options = {"class_weight": class_weight, "solver": solver, "batch_size": 200, "max_iter": 50}
    dense = sparse.csr_array if sparsely else np.array
    weighted = made(**options).fit(dense(x), y, sample_weight=counts)
    repeated = made(**options).fit(dense(x.repeat(counts, axis=0)), y.repeat(counts))
    assert np.abs(weighted.predict_proba(x) - repeated.predict_proba(x)).max() < 1e-9
    unweighted = made(**options).fit(dense(x), y)
    assert np.abs(weighted.predict_proba(x) - unweighted.predict_proba(x)).max() > 1e-3


def test_balanced_classes_count_alike():
    """At the optimum, the mean of p - y is 0; not if each batch counted the same."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4000, 2)), np.arange(4000) % 40 == 0
    x[y] += 0.3
    weights = np.where(y, 20, 20 / 39)
    options = {"hidden_layer_sizes": (), "alpha": 0, "label_smoothing": 0, "max_iter": 60}
    estimator = made(class_weight="balanced", **options).fit(x, y)
    assert np.average(estimator.predict_proba(x)[:, 1], weights=weights) == pytest.approx(
        0.5, abs=0.02
    )
    for same_thing in ({"class_weight": {True: 20, False: 20 / 39}}, {}):
        of_rows = None if same_thing else weights
        other = made(**options, **same_thing).fit(x, y, sample_weight=of_rows)
        if same_thing:  # of which the scaling knows nothing
            assert np.abs(other.predict_proba(x) - estimator.predict_proba(x)).max() < 1e-9
        else:
            assert np.abs(other.predict_proba(x) - estimator.predict_proba(x)).max() > 1e-9


def test_a_class_whose_rows_weigh_nothing_keeps_its_place():
    estimator = made(max_iter=40).fit(X, NAMES, sample_weight=(Y != 1).astype(int))
    assert estimator.classes_.tolist() == sorted(IRIS.class_names)
    assert set(estimator.predict(X)) == {IRIS.class_names[0], IRIS.class_names[2]}


# ---- missing numbers and sparse rows ------------------------------------------------------------


def test_a_missing_number_is_the_mean_of_its_column():
    gaps = np.random.default_rng(0).random(X.shape) < 0.2
    x = np.where(gaps, np.nan, X)
    filled = np.where(gaps, np.nanmean(x, axis=0), X)
    estimator = made(max_iter=40).fit(x, Y)
    assert estimator.score(x, Y) > 0.85
    assert np.allclose(estimator.predict_proba(x), estimator.predict_proba(filled), rtol=1e-9)


@pytest.mark.parametrize("form", [np.array, sparse.csr_array])
def test_a_column_of_nothing_but_missing_numbers_is_refused(form):
    x = X.copy()
    x[:, 1] = np.nan
    message = 'Scaling.fit: "column_1" has no value in the training rows to take a mean of; '
    message += "x (150, 4), all 150 of this column missing; leave the column out"
    refuse(message, made().fit, form(x), Y)


def some_sparse(rows=2500, columns=40):
    x = sparse.random_array((rows, columns), density=0.1, format="csr", rng=0)
    return x, (np.asarray(x.sum(axis=1)).ravel() > 2).astype(int)


@pytest.mark.parametrize("kind", ["asinh", "standard", "minmax", "none"])
@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_sparse_rows_give_the_same_network(form, kind, monkeypatch):
    monkeypatch.setattr(bridge, "MOST", 20_000)  # 8 columns at a time are scaled
    x, y = some_sparse()
    options = {"scale": kind, "max_iter": 2, "early_stopping": True}
    one, other = made(**options).fit(form(x), y), made(**options).fit(x.toarray(), y)
    assert np.abs(one.predict_proba(form(x)) - other.predict_proba(x.toarray())).max() < 1e-12
    assert one.history_[-1].val_loss == pytest.approx(other.history_[-1].val_loss, abs=1e-12)


def test_sparse_rows_are_dense_by_the_batch(monkeypatch):
    x, y = some_sparse()
    made_dense = []
    toarray = sparse.csr_array.toarray

    def watched(rows, *arguments, **options):
        made_dense.append(rows.shape)
        return toarray(rows, *arguments, **options)

    monkeypatch.setattr(sparse.csr_array, "toarray", watched)
    estimator = made(max_iter=2, batch_size=32).fit(x, y)
    estimator.predict(x)
    assert max(rows for rows, _ in made_dense) == 1024  # where no gradient is wanted
    assert sum(rows == 32 for rows, _ in made_dense) >= 2 * (2500 // 32)


# ---- going on -----------------------------------------------------------------------------------


def test_early_stopping_keeps_the_best_weights():
    options = {"max_iter": 60, "learning_rate_init": 0.3, "n_iter_no_change": 3}
    estimator = made(early_stopping=True, **options).fit(X, Y)
    losses = estimator.history_.column("val_loss")
    assert estimator.n_iter_ == len(losses) < 60
    assert losses.argmin() == len(losses) - 4
    assert np.isnan(made(**options).fit(X, Y).history_.column("val_loss")).all()
    options |= {"learning_rate": "constant", "early_stopping": True}
    estimator = made(**options).fit(X, Y)
    best = estimator.history_.best.epoch
    assert best < estimator.n_iter_
    assert same(estimator, made(**options | {"max_iter": best, "n_iter_no_change": 99}).fit(X, Y))


def test_a_warm_start_goes_on():
    estimator = made(warm_start=True).fit(X, Y)
    first, loss = state(estimator), estimator.loss_curve_[-1]
    estimator.fit(X, Y)
    assert estimator.n_iter_ == 10 and [e.epoch for e in estimator.history_] == [*range(1, 11)]
    assert estimator.loss_curve_[-1] < loss and state(estimator) != first
    assert made().fit(X, Y).fit(X, Y).n_iter_ == 5
    scaling = estimator.classifier_.scaling
    assert estimator.fit(X + 1, Y).classifier_.scaling is scaling


def test_partial_fits_are_epochs():
    estimator = made(max_iter=50)
    for _ in range(30):
        estimator.partial_fit(X, NAMES, classes=IRIS.class_names)
    assert estimator.n_iter_ == 30 and estimator.score(X, NAMES) > 0.9
    assert {epoch.lr for epoch in estimator.history_} == {0.03}
    assert estimator._optimizer.steps == 30 * 5


def test_partial_fit_after_fit_has_the_whole_learning_rate():
    estimator = made().fit(X, Y)
    assert estimator.history_[-1].lr < 0.01
    assert estimator.partial_fit(X, Y).history_[-1].lr == 0.03
    estimator.set_params(learning_rate_init=0.01)
    assert estimator.partial_fit(X, Y).history_[-1].lr == 0.01


def test_partial_fit_learns_classes_that_come_later():
    estimator = made()
    for rows in (Y == 0, Y == 2):
        estimator.partial_fit(X[rows], Y[rows], classes=[2, 1, 0])
    assert estimator.classes_.tolist() == [0, 1, 2]
    assert estimator.predict_proba(X).shape == (150, 3)


def test_verbose_prints_the_epochs(capsys):
    made(verbose=True, max_iter=2).fit(X, Y).partial_fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:14] for line in lines] == [f"epoch {i}: loss " for i in (1, 2, 3)]
    made(verbose=True, max_iter=1, early_stopping=True).fit(X, Y)
    assert ", validation loss " in capsys.readouterr().out
    made().fit(X, Y)
    assert not capsys.readouterr().out


# ---- there and back -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [Y, Y.astype(float), Y == 1, NAMES, NAMES.astype(object), np.array(["a;\n'", "é", ""])[Y]],
    ids=["whole", "float", "bool", "text", "object", "odd"],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_there_and_back_through_a_file(tmp_path, labels, dtype):
    estimator = made(dtype=dtype, hidden_layer_sizes=(6, 5), alpha=2.0).fit(X, labels)
    classifier = estimator.to_classifier()
    assert classifier.predict(X[:9]).tolist() == [str(c) for c in estimator.predict(X[:9])]
    classifier.save(tmp_path / "iris.npz")
    back = MinigradClassifier.from_classifier(training.load(tmp_path / "iris.npz"))
    assert same(estimator, back) and np.array_equal(estimator.predict(X), back.predict(X))
    assert back.classes_.tolist() == estimator.classes_.tolist()
    assert type(back.classes_.tolist()[0]) is type(estimator.classes_.tolist()[0])
    assert clone(back).set_params(random_state=0).get_params() == {
        **estimator.get_params(), "hidden_layer_sizes": [6, 5],
        "label_smoothing": None, "learning_rate_init": None,
    }  # fmt: skip
    back.partial_fit(X, labels)
    assert back.n_iter_ == 1


def test_the_classifier_is_a_copy():
    estimator = made().fit(X, Y)
    classifier = estimator.to_classifier()
    before = classifier.predict_proba(X)
    back = MinigradClassifier.from_classifier(classifier)
    for each in (estimator, back):
        each.partial_fit(X, Y)
    assert np.array_equal(classifier.predict_proba(X), before)
    assert not same(estimator, back) or state(estimator) == state(back)


def test_a_model_of_minigrad_train_becomes_an_estimator(tmp_path):
    options = {"hidden": [7], "optimizer": "adam", "dropout": 0.1, "epochs": 3, "no_save": True}
    classifier = training.Experiment("iris", **options).run().classifier
    estimator = MinigradClassifier.from_classifier(classifier)
    assert np.array_equal(estimator.predict_proba(X), classifier.predict_proba(X))
    assert np.array_equal(estimator.predict(X), classifier.predict(X))
    found = estimator.get_params()
    assert (found["hidden_layer_sizes"], found["solver"], found["max_iter"]) == ((7,), "adam", 3)
    assert found["alpha"] is None and found["dtype"] == "float32" and found["dropout"] == 0.1
    assert [*estimator.feature_names_in_] == [*IRIS.feature_names]
    again = clone(estimator).fit(X, NAMES)
    assert again.classifier_.model[0].weight.shape == (7, 4)


def test_a_column_with_an_offset(tmp_path):
    """Numbers that float32 cannot tell apart; see `data.Column`."""
    rows = "".join(f"{1e9 + i},{'ab'[i % 20 > 9]}\n" for i in range(200))
    (tmp_path / "far.csv").write_text(f"when,what\n{rows}")
    options = {"hidden": [7], "epochs": 3, "no_save": True}
    experiment = training.Experiment(str(tmp_path / "far.csv"), **options)
    classifier = experiment.run().classifier
    assert classifier.schema.offsets.any()
    estimator = MinigradClassifier.from_classifier(classifier)
    x, labels = np.arange(1e9, 1e9 + 200)[:, None], np.array([*"ab"])[np.arange(200) % 20 // 10]
    assert np.array_equal(estimator.predict_proba(x), classifier.predict_proba(x))
    estimator.set_params(learning_rate_init=1e-30)
    before, shown = state(estimator), []
    step = bridge.Trainer._part

    def watched(trainer, batch):
        shown.append(np.abs(step(trainer, batch)[0]).max())
        return step(trainer, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bridge.Trainer, "_part", watched)
        for rows in (x, sparse.csr_array(x)):
            estimator.partial_fit(rows, labels)
    assert state(estimator) == before and len(shown) == 14 and max(shown) < 3


# ---- numbers that float32 cannot tell apart -----------------------------------------------------


FAR = X + 1e8


def test_far_columns_are_kept_minus_an_offset(tmp_path):
    """The network is that of the rows minus the offset, however it goes on."""
    low = FAR.min(axis=0)

    def near(x):
        return (x - low).astype(np.float32)

    one, other = (made(dtype="float32", warm_start=True, max_iter=40) for _ in range(2))
    for fit in ("fit", "partial_fit", "fit"):
        x = FAR if one.__dict__.get("classifier_") is None else FAR + 1
        getattr(one, fit)(x, Y)
        getattr(other, fit)(near(x), Y)
        assert np.array_equal(one.classifier_.schema.offsets, low)
        assert state(one) == state(other)
        assert np.array_equal(one.predict_proba(x), other.predict_proba(near(x)))
    assert one.score(FAR + 1, Y) > 0.95
    assert same(pickle.loads(pickle.dumps(one)), one, FAR)
    backs = []
    for name, estimator in (("one", one), ("other", other)):
        estimator.to_classifier().save(tmp_path / f"{name}.npz")
        classifier = training.load(tmp_path / f"{name}.npz")
        backs.append(MinigradClassifier.from_classifier(classifier).set_params(random_state=0))
    back, near_back = backs
    assert same(back, one, FAR)
    for rows in (FAR, sparse.csr_array(FAR)):
        back.partial_fit(rows, Y)
        assert state(back) == state(near_back.partial_fit(near(FAR), Y))
        assert np.array_equal(back.predict_proba(rows), near_back.predict_proba(near(FAR)))


def test_only_far_columns_of_the_rows_that_count_have_an_offset():
    x = np.vstack([X, np.zeros(4)])
    x[:150, 2] += 1e8
    options = {"y": [*Y, 0], "sample_weight": [1] * 150 + [0]}
    estimator = made(dtype="float32").fit(x, **options)
    assert estimator.classifier_.schema.offsets.tolist() == [0, 0, 1e8 + X[:, 2].min(), 0]
    for dtype in (np.float32, np.float64):  # which have nothing to lose any more
        estimator = made(dtype=dtype).fit(FAR.astype(dtype), Y)
        assert not estimator.classifier_.schema.offsets.any()


def lost(column, left, given):
    return (
        f"MinigradClassifier: column {column} has values too close to each other for their size; "
        f"{left} of {given} different ones are left in the first 150 rows; subtract a constant "
        "from it, change its unit, or leave it out; dtype='float64' keeps them apart"
    )


@pytest.mark.parametrize("fit", ["fit", "partial_fit"])
def test_columns_that_float32_erases_all_the_same_are_warned_of(fit, monkeypatch, recwarn):
    monkeypatch.setattr(bridge, "MOST", 300)  # two columns at a time are looked at
    x = X.copy()
    x[:, 2] += 1e8
    classes = {"classes": [0, 1, 2]} if fit == "partial_fit" else {}
    getattr(made(), fit)(sparse.csr_array(x), Y, **classes)
    getattr(made(dtype="float32"), fit)(sparse.csr_array(X), Y, **classes)
    assert not [one for one in recwarn if "too close" in str(one.message)]
    with pytest.warns(MinigradWarning, match=exactly(lost('"column_2"', 2, 43))):
        getattr(made(dtype="float32"), fit)(sparse.csr_array(x), Y, **classes)
    x[0, 2] = 0  # from which the others are far, with any offset
    with pytest.warns(MinigradWarning, match=exactly(lost('"column_2"', 3, 44))):
        getattr(made(dtype="float32"), fit)(x, Y, **classes)


def test_files_with_odd_notes_become_estimators():
    classifier = made().fit(X, Y).to_classifier()
    for notes in (
        {"classes": ["a", "b", "c"]},
        {"options": {"hidden": "x", "new": 1}, "parameters": {"new": 1}},
        {"options": [1], "parameters": "x", "classes": 3},
        {},
    ):
        odd = training.Classifier(classifier.model, classifier.schema, classifier.scaling, notes)
        estimator = MinigradClassifier.from_classifier(odd)
        assert np.array_equal(estimator.predict(X), classifier.predict(X))


# ---- what cannot be used ------------------------------------------------------------------------


LEAVE = "leave it out for the default, "
REFUSED = [
    ({"learning_rate_init": 0}, "learning_rate_init=0 is out of range; 0 < learning_rate_init; "
     f"{LEAVE}0.03 for sgd, 0.001 for adam, adamw and rmsprop"),
    ({"hidden_layer_sizes": (8, 0)}, "hidden_layer_sizes=0 is out of range; "
     "1 <= hidden_layer_sizes <= 1000000; "
     f"{LEAVE}256 for mlp, over 32 features 128; none for cnn"),
    ({"hidden_layer_sizes": "8"}, "hidden_layer_sizes='8' is not a list; "
     "each part is a whole number; give a list, such as hidden_layer_sizes=[8]"),
    ({"activation": "identity"}, "activation='identity' is unknown; it can be 'relu', "
     "'leaky_relu', 'elu', 'gelu', 'silu', 'softplus', 'sigmoid', 'tanh'; "
     f"{LEAVE}'relu'"),
    ({"solver": "lbfgs"}, "solver='lbfgs' is unknown; it can be 'sgd', 'adam', 'adamw', "
     f"'rmsprop'; {LEAVE}'sgd'"),
    ({"alpha": -1}, "alpha=-1 is out of range; 0 <= alpha; "
     f"{LEAVE}0.005; over 500 training rows 2.5 / rows; 0.01 for adamw"),
    ({"batch_size": "all"}, "batch_size='all' is not a whole number; type str; "
     f"{LEAVE}32"),
    ({"n_iter_no_change": 0.5}, "n_iter_no_change=0.5 is not a whole number; type float; "
     f"{LEAVE}10"),
    ({"dtype": "float16"}, "dtype='float16' is unknown; it can be 'float32', 'float64'; "
     f"{LEAVE}'float64'"),
]  # fmt: skip


@pytest.mark.parametrize(("parameter", "message"), REFUSED, ids=lambda value: str(value)[:30])
def test_parameters_are_refused_under_their_own_names(parameter, message):
    for train in (made(**parameter).fit, made(**parameter).partial_fit):
        with pytest.raises(ArgumentError, match=exactly(f"MinigradClassifier: {message}")):
            train(X, Y)


def refuse(message, call, *arguments, **options):
    with pytest.raises(ValueError, match=exactly(message)) as error:
        call(*arguments, **options)
    assert isinstance(error.value, (ArgumentError, DataError))


def test_weights_that_cannot_be_used():
    wrong = "sample_weight is not one number of 0 or more for each row"
    rest = "150 rows; give it as (150,)"
    for weights, facts in (
        (np.ones(3), "sample_weight (3,), the lowest 1"),
        (-np.ones(150), "sample_weight (150,), the lowest -1"),
        (np.ones((150, 1)), "sample_weight (150, 1), the lowest 1"),
    ):
        message = f"MinigradClassifier.fit: {wrong}; {facts}; {rest}"
        refuse(message, made().fit, X, Y, sample_weight=weights)
    message = "MinigradClassifier.{}: all weights are zero; 150 rows, class_weight {}; "
    message += "give one of them more"
    refuse(message.format("fit", None), made().fit, X, Y, sample_weight=np.zeros(150))
    nothing = dict.fromkeys(range(3), 0)
    part = made(class_weight=nothing).partial_fit
    refuse(message.format("partial_fit", nothing), part, X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="Input sample_weight contains NaN"):
        made().fit(X, Y, sample_weight=np.full(150, np.nan))
    with pytest.raises(ValueError, match="class_weight"):
        made(class_weight="equal").fit(X, Y)
    message = 'balanced_weights: class "setosa" has no rows; 150 rows; '
    message += "give it rows, or give the weights yourself"
    balanced = made(class_weight="balanced")
    refuse(message, balanced.fit, X, NAMES, sample_weight=Y > 0)
    for weight in (-1, np.nan, np.inf):
        message = "MinigradClassifier.fit: class_weight holds what is not a number of 0 or more; "
        message += f"class_weight {{0: {weight}}}; give finite numbers of 0 or more"
        for sample_weight in (None, np.ones(150)):
            refuse(message, made(class_weight={0: weight}).fit, X, Y, sample_weight)


def test_classes_that_cannot_be_used():
    message = "MinigradClassifier.partial_fit: the first call needs all classes; classes None; "
    refuse(message + "give classes=np.unique(y) of all rows", made().partial_fit, X, Y)
    estimator = made().partial_fit(X, Y, classes=[0, 1, 2])
    message = 'MinigradClassifier.partial_fit: the classes differ; "0", "1", "2" at first, '
    message += '"0", "1" now; leave classes out, or fit a new estimator'
    refuse(message, estimator.partial_fit, X, Y, classes=[1, 0])
    rest = 'y holds classes that are not known; "5"; the classes are "0", "1", "2"; '
    rest += "leave such rows out, or fit a new estimator"
    refuse(f"MinigradClassifier.partial_fit: {rest}", estimator.partial_fit, X[:2], [1, 5])
    warm = made(warm_start=True).fit(X, Y)
    refuse(f"MinigradClassifier.fit: {rest}", warm.fit, X[:2], [1, 5])


def test_too_few_rows_to_stop_early():
    message = "MinigradClassifier.fit: a class has too few rows to be in every part; "
    message += '"1" 1 of 51 rows, val 0.1, test 0; add rows, or give early_stopping=False'
    refuse(message, made(early_stopping=True).fit, X[:51], Y[:51])


def test_values_that_cannot_be_used(monkeypatch):
    x = X.copy()
    x[3, 2] = np.inf
    with pytest.raises(ValueError, match="Input X contains infinity"):
        made().fit(x, Y)
    estimator = made(dtype="float32").fit(X, Y)
    x[3, 2] = 1e300
    message = 'Classifier.predict: row 3, column "column_2": 1e+300 is too large for float32; '
    message += "values too large: 1 of 600; give values in the units of the training data"
    refuse(message, estimator.predict, x)
    message = 'MinigradClassifier.{}: column "column_2" holds 1e+300, which is too large for '
    message += "float32; 1 such value; change the unit, or fit with dtype='float64'"
    for rows in (x, sparse.csr_array(x)):
        refuse(message.format("fit"), made(dtype="float32").fit, rows, Y)
        refuse(message.format("partial_fit"), estimator.partial_fit, rows, Y)
    x[3, 2] = 3e38
    message = 'Scaling.fit: the values of "column_2" are too large to calculate with in float32; '
    message += "they lie from 1 to 3e+38; change the unit, or leave the column out"
    refuse(message, made(dtype="float32").fit, x, Y)
    monkeypatch.setattr(bridge, "MOST", 150)  # a column at a time is scaled
    refuse(message, made(dtype="float32").fit, sparse.csr_array(x), Y)


def test_a_run_that_diverges_leaves_the_estimator_as_it_was():
    estimator = made(clip_grad=1e9, learning_rate_init=1e9, learning_rate="constant")
    for rows in (X, sparse.csr_array(X)):
        with pytest.raises(DivergedError, match="try a learning rate of 1e"):
            estimator.fit(rows, Y)
        with pytest.raises(NotFittedError):
            estimator.predict(X)
