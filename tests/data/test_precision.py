"""Values that are close to each other beside their size: timestamps, ids, 1e8 and some noise."""

import json
import warnings

import numpy as np
import pytest

from minigrad import data, training
from minigrad.errors import DataError, MinigradWarning, ShapeError
from tests.data.files import write

STAMPS = "t,k\n" + "1700000000,a\n1700000005,b\n" * 50
pytestmark = [
    pytest.mark.filterwarnings("ignore:.* as ids and counters do"),
    pytest.mark.filterwarnings("ignore:.* alone settles the class"),
    pytest.mark.filterwarnings("ignore:fit. layer"),
]


@pytest.fixture
def stamps(tmp_path):
    return write(tmp_path / "stamps.csv", STAMPS)


def test_a_spread_that_float32_would_lose_is_kept(stamps):
    dataset = data.load(stamps)
    assert dataset.x.dtype == np.float32 and set(dataset.x[:, 0]) == {0, 5}
    assert dataset.schema.columns == (data.Column("t", None, 1.7e9),)
    note = 'kept as differences, which float32 would round away otherwise: "t" - 1700000000'
    assert note in dataset.notes
    assert data.Schema.from_dict(json.loads(json.dumps(dataset.schema.to_dict()))) == dataset.schema
    assert set(data.load(stamps, dtype=np.float64).x[:, 0]) == {1.7e9, 1.7e9 + 5}


@pytest.mark.parametrize(
    "options", [{}, {"scale": "none", "lr": 0.01}, {"scale": "minmax"}, {"dtype": "float64"}]
)
def test_what_reads_timestamps_predicts_timestamps(stamps, tmp_path, options):
    result = training.Experiment(str(stamps), epochs=30, no_save=True, **options).run()
    assert result.test.accuracy == 1
    model = result.classifier
    model.save(tmp_path / "m.npz")
    for one in (model, training.load(tmp_path / "m.npz")):
        assert [*one.predict([[1.7e9], [1.7e9 + 5]])] == ["a", "b"]
        (block,) = data.read_rows(stamps, one.schema)
        assert [*one.predict(block.x[:2])] == ["a", "b"]
        dataset = data.load(stamps, dtype=one.architecture["dtype"])
        np.testing.assert_array_equal(one.predict(dataset), one.predict(block.x))
        assert one.evaluate(data.read_rows(stamps, one.schema, labels=True)).accuracy == 1


def test_a_set_with_another_offset_is_moved(stamps, tmp_path):
    model = training.Experiment(str(stamps), epochs=30, no_save=True).run().classifier
    later = data.load(write(tmp_path / "later.csv", STAMPS.split("\n", 2)[0] + "\n" + "\n".join(
        ["1700000005,b", "1700000000,a"] * 20 + [""]
    ).replace("1700000000", "1700000001")))  # fmt: skip
    assert later.schema.offsets.tolist() == [1700000001]
    assert model.evaluate(later).accuracy == 1


@pytest.mark.parametrize(
    ("values", "offset"),
    [
        (1e8 + np.random.default_rng(0).normal(size=100), True),  # noise
        (10**12 + np.arange(100), True),  # ids
        (0.1 + np.arange(100) * 1e-9, True),
        (np.full(100, 1.7e9), True),  # the rows to come may differ
        (np.full(100, 5.0), False),
        (np.full(100, 0.1), False),
        (2000 + np.arange(100) % 3, False),  # years: float32 has them all
        (np.arange(100) * 1e7, False),
        (np.random.default_rng(0).normal(5, 2, 100), False),
    ],
    ids=["noise", "ids", "tenths", "one", "five", "tenth", "years", "steps", "usual"],
)
@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_which_columns_get_an_offset(tmp_path, values, offset, kind):
    y = np.arange(100) % 2
    if kind == "csv":
        path = tmp_path / "a.csv"
        path.write_text(
            "v,w,k\n" + "".join(f"{v!r},1,{k}\n" for v, k in zip(values.tolist(), y, strict=True))
        )
    else:
        path = tmp_path / "a.npz"
        np.savez(path, x=np.stack([values.astype(np.float64), np.ones(100)], axis=1), y=y)
    dataset = data.load(path, drop=["w"]) if kind == "csv" else data.load(path)
    assert bool(dataset.schema.offsets[0]) is offset
    whole = dataset.x[:, 0].astype(np.float64) + dataset.schema.offsets[0]
    spread = max(np.ptp(values), 1e-300)
    if np.ptp(values):
        assert np.abs(whole - values).max() / spread < 1e-3


@pytest.mark.parametrize("kind", ["csv", "npz"])
@pytest.mark.parametrize(
    ("values", "left"),
    [
        (1_700_000_000 * 10**9 + np.arange(300), 2),
        (2**53 + np.arange(300), 151),
        (10**16 + np.arange(300), 151),
        (np.where(np.arange(300) == 7, 0, 1_700_000_000 + np.arange(300)), 4),
    ],
    ids=["nanoseconds", "2**53", "1e16", "a zero"],
)
def test_values_that_cannot_be_kept_apart_are_named(tmp_path, values, left, kind):
    path, name = tmp_path / f"a.{kind}", "x0" if kind == "npz" else "id"
    if kind == "npz":
        np.savez(path, x=np.stack([values, np.arange(300) % 7], axis=1), y=np.arange(300) > 150)
    else:
        lines = [f"{v},{i % 7},{'ab'[i % 2]}" for i, v in enumerate(values.tolist())]
        path.write_text("\n".join(["id,w,k", *lines]) + "\n")
    with pytest.warns(MinigradWarning) as warned:
        dataset = data.load(path, **({"label": "k"} if kind == "csv" else {}))
    text = str(warned[0].message)
    assert text.startswith(
        f'{path}: column "{name}" has values too close to each other for their size; {left} of 300 '
        "different ones are left in the first 300 rows; subtract a constant from it"
    )
    assert text.endswith("keeps them apart") == (left == 4)
    assert len(warned) == 1 and len(np.unique(dataset.x[:, 0])) == left
    assert not [note for note in dataset.notes if "kept as differences" in note]


def test_measurements_that_are_rounded_are_not_named(tmp_path):
    rng = np.random.default_rng(0)
    x = np.stack([rng.normal(5, 2, 3000), 10 ** rng.uniform(18, 25, 3000)], axis=1)
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(3000) % 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data.load(tmp_path / "a.npz")


def test_missing_values_beside_an_offset(tmp_path):
    path = write(tmp_path / "a.csv", STAMPS + ",a\n,b\n")
    dataset = data.load(path, missing="mean")
    assert np.isnan(dataset.x[-2:, 0]).all() and set(dataset.x[:-2, 0]) == {0, 5}
    assert data.Scaling.fit(dataset).fill.tolist() == [2.5]


@pytest.mark.parametrize("kind", ["standard", "minmax"])
def test_scaling_does_not_divide_by_a_denormal(kind):
    for dtype, small in ((np.float32, 1e-42), (np.float64, 1e-312)):
        x = np.array([[0], [small], [0]], dtype)
        scaling = data.Scaling.fit(x, kind)
        assert scaling.scale == 1 and np.isfinite(scaling.apply(x)).all()


def test_rows_of_another_width_beside_an_offset(stamps):
    model = training.Experiment(str(stamps), epochs=1, no_save=True).run().classifier
    with pytest.raises(ShapeError, match="the rows do not fit a model of 1 feature"):
        model.predict(np.ones((4, 3)))
    with pytest.raises(DataError, match="is too large for float32"):
        model.predict([[1e300]])
