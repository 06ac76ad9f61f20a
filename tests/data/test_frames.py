"""pandas and masked arrays: by position, or by name, or not at all."""

from dataclasses import replace

import numpy as np
import pytest

from minigrad import data, nn, optim, training
from minigrad.errors import DataError, ShapeError
from tests.cli.models import classifier, features, make_rows

pd = pytest.importorskip("pandas")
ROWS = make_rows(50)
COLOURS = [colour for _, colour, _ in ROWS]
FRAME = pd.DataFrame(ROWS, columns=["width", "colour", "height"])


def shuffled():
    """Return a DataFrame whose index is out of order, and its labels likewise."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.standard_normal(300), "b": rng.standard_normal(300)})
    frame["y"] = (frame.a > 0).astype("int64")
    return frame.sample(frac=1, random_state=1)


def right(x, y):
    return bool(((np.asarray(x)[:, 0] > 0) == (np.asarray(y) == 1)).all())


@pytest.mark.parametrize("x", ["frame", "array"])
def test_a_series_goes_by_position(x):
    frame = shuffled()
    x = frame[["a", "b"]] if x == "frame" else frame[["a", "b"]].to_numpy(np.float32)
    dataset = data.Dataset(x, frame["y"], ("a", "b"), ("neg", "pos"))
    assert type(dataset.x) is type(dataset.y) is np.ndarray
    for part in (dataset, *data.split(dataset, rng=0)):
        assert right(part.x, part.y)
    for xs, ys in data.batches(x, frame["y"], 32, rng=0):
        assert right(xs, ys)
    train, val, _ = data.split(dataset, rng=0)
    model = nn.mlp(2, [8], 2, rng=0)
    sgd = optim.SGD(model.parameters(), lr=0.5)
    options = {"loss": nn.CrossEntropy(), "optimizer": sgd, "epochs": 20, "batch_size": 32}
    assert training.fit(model, train, val, **options, rng=0)[-1].val_accuracy > 0.9


@pytest.mark.parametrize(
    "columns",
    [["width", "colour", "height"], ["height", "extra", "colour", "width"]],
    ids=["in order", "in another order"],
)
def test_the_columns_of_a_frame_are_found_by_name(columns):
    model = classifier()
    frame = FRAME.assign(extra="x")[columns].sample(frac=1, random_state=2)
    expected = model.predict_proba(features(ROWS))[frame.index]
    np.testing.assert_allclose(model.predict_proba(frame), expected, rtol=1e-6)
    hot = pd.DataFrame(features(ROWS), columns=model.schema.feature_names).iloc[:, ::-1]
    np.testing.assert_array_equal(model.predict_proba(hot), model.predict_proba(features(ROWS)))


def test_columns_without_names_go_by_position():
    model = classifier(by_name=False)
    frame = pd.DataFrame(features(ROWS))
    np.testing.assert_array_equal(model.predict(frame), model.predict(features(ROWS)))
    frame.columns = ["d", "c", "b", "a"]  # the model has no names to find
    assert list(frame.index) == list(model.predict(frame).index)
    np.testing.assert_array_equal(model.predict(frame), model.predict(features(ROWS)))
    np.testing.assert_array_equal(
        classifier().predict(pd.DataFrame(features(ROWS))), model.predict(features(ROWS))
    )


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            FRAME[["width", "colour"]],
            'the table does not have each of 3 columns once; "height"; it has "width", "colour"; '
            "give the columns of the training data",
        ),
        (
            FRAME[["width", "width", "colour", "height"]],
            'the table does not have each of 3 columns once; "width"; it has "width", "width", '
            '"colour", "height"; give the columns of the training data',
        ),
        (
            FRAME.replace("red", "green"),
            f'row {COLOURS.index("red")}, column "colour": "green" does not occur in the training '
            f"data; {COLOURS.count('red')} such values; leave its rows out, or train again",
        ),
        (
            FRAME.set_axis([2019, 2020, 2021], axis=1),
            'the table does not have each of 3 columns once; "width", "colour", "height"; it has '
            '"2019", "2020", "2021"; give the columns of the training data',
        ),
        (
            FRAME.set_axis(pd.MultiIndex.from_product([["a"], FRAME.columns]), axis=1),
            'the table does not have each of 3 columns once; "width", "colour", "height"; it has '
            "\"('a', 'width')\", \"('a', 'colour')\", \"('a', 'height')\"; give the columns of "
            "the training data",
        ),
        (
            FRAME.assign(width=FRAME["width"].astype(str).where(FRAME.index != 7, "wide")),
            'row 7, column "width": "wide" is not a number; 1 such cell: row 7 "width" "wide"; '
            "correct it, or leave its row out",
        ),
    ],
    ids=["missing", "twice", "unknown", "numbers", "levels", "word"],
)
def test_a_frame_that_does_not_fit(frame, message):
    with pytest.raises(DataError) as error:
        classifier().predict(frame)
    assert str(error.value) == f"Classifier.predict: {message}"


def test_a_frame_of_another_width_without_names():
    with pytest.raises(ShapeError, match="the rows do not fit a model of 4 features; rows "):
        classifier().predict(pd.DataFrame(np.zeros((2, 3))))


def test_what_a_mask_hides_is_a_missing_value():
    x = np.array(features(ROWS), np.float64)
    masked = np.ma.masked_array(x, mask=np.zeros(x.shape, bool))
    masked[3, 0] = np.ma.masked
    x[3, 0] = np.nan
    model = classifier("mean")
    np.testing.assert_array_equal(model.predict_proba(masked), model.predict_proba(x))
    with pytest.raises(DataError, match='row 3, column "width": nan is a missing value'):
        classifier().predict(masked)
    whole = np.ma.masked_array([[1, 2], [3, 4]], [[False, True], [False, False]])
    dataset = data.Dataset(whole.astype(np.float32), np.array([0, 1]), ("a", "b"), ("x", "y"))
    np.testing.assert_array_equal(dataset.x, [[1, np.nan], [3, 4]])
    np.testing.assert_array_equal(data.Scaling.fit(dataset).fill, [2, 4])


@pytest.mark.parametrize("dtype", ["Float32", "Int64"])
def test_missing_values_of_pandas_own_types(dtype):
    frame = FRAME.assign(width=pd.array([None, *range(49)], dtype=dtype))
    x = features([(np.nan if i == 0 else i - 1, c, h) for i, (_, c, h) in enumerate(ROWS)])
    model = classifier("mean")
    np.testing.assert_allclose(model.predict_proba(frame), model.predict_proba(x), rtol=1e-6)
    colours = FRAME.assign(colour=[None, *FRAME["colour"][1:]])
    x = features(ROWS)
    x[0, 1:3] = 0
    np.testing.assert_allclose(model.predict_proba(colours), model.predict_proba(x), rtol=1e-6)
    with pytest.raises(DataError, match='row 0, column "colour=blue": nan is a missing value'):
        classifier().predict(colours)


def test_a_missing_text_is_what_it_is_in_a_file(tmp_path):
    frame = FRAME.assign(colour=[None, *FRAME["colour"][1:]])
    frame.to_csv(tmp_path / "rows.csv", index=False)
    model = classifier("mean")
    (block,) = data.read_rows(tmp_path / "rows.csv", model.schema)
    np.testing.assert_allclose(model.predict_proba(frame), model.predict_proba(block.x), rtol=1e-6)


DATES = pd.date_range("2020", periods=len(FRAME))


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (DATES, '"2020-01-01 00:00:00" is not a number'),
        (DATES.tz_localize("UTC"), '"2020-01-01 00:00:00+00:00" is not a number'),
        (DATES - DATES[0], '"0 days 00:00:00" is not a number'),
        (1j, '"1j" is not a number'),
        (10**400, f'"1{"0" * 39}…" is too large for float64'),
    ],
    ids=["dates", "zone", "durations", "complex", "huge"],
)
@pytest.mark.parametrize("columns", ["file", "features"])
def test_a_column_that_is_not_numbers_is_refused(column, why, columns):
    model = classifier()
    frame = FRAME
    if columns == "features":
        frame = pd.DataFrame(features(ROWS), columns=model.schema.feature_names)
    with pytest.raises(DataError) as error:
        model.predict(frame.assign(width=column))
    start = f'Classifier.predict: row 0, column "width": {why}; 50 such cells: row 0 "width" "'
    assert str(error.value).startswith(start)
    assert str(error.value).endswith("; correct it, or leave its row out")


@pytest.mark.parametrize("dtype", ["M8[s]", "m8[s]", "complex64", "f4,f4,f4,f4", "V4"])
@pytest.mark.parametrize("wrap", [np.asarray, list], ids=["array", "list"])
def test_an_array_that_is_not_numbers_is_refused(dtype, wrap):
    model = classifier()
    rows = np.zeros((2, len(model.schema.feature_names)), dtype)
    with pytest.raises(DataError, match="the rows are not numbers; they are "):
        model.predict(wrap(rows))
    all_dates = pd.DataFrame([[pd.Timestamp(0)] * 5] * 2)
    with pytest.raises(DataError, match="the rows are not numbers; they are datetime64"):
        model.predict(all_dates)


def test_a_list_of_masked_rows_keeps_its_masks():
    model = classifier(missing="mean")
    rows = np.ma.array(features(ROWS)[:3])
    rows[0, 0] = rows[2, 1] = np.ma.masked
    np.testing.assert_array_equal(model.predict_proba(list(rows)), model.predict_proba(rows))
    assert not np.allclose(model.predict_proba(rows), model.predict_proba(rows.data))
    with pytest.raises(DataError, match="the rows are not numbers; setting an array element"):
        model.predict([rows[0], rows[1][:2]])


# ---- what a DataFrame gets back ------------------------------------------------------------------

INDICES = {
    "shuffled": FRAME.sample(frac=1, random_state=3).index,
    "repeated": [*"abcde"] * 10,
    "dates": DATES,
    "levels": pd.MultiIndex.from_product([range(5), [*"abcdefghij"]], names=["plot", "plant"]),
}


@pytest.mark.parametrize("index", INDICES)
def test_a_frame_gets_its_index_back(index):
    model, frame = classifier(), FRAME.set_axis(INDICES[index])
    classes, x = list(model.schema.class_names), features(ROWS)
    found = model.predict(frame)
    assert type(found) is pd.Series and found.name == "class"
    assert found.tolist() == model.predict(x).tolist()
    for numbers, name in ((np.exp, "predict_proba"), (np.asarray, "predict_log_proba")):
        p = getattr(model, name)(frame)
        assert type(p) is pd.DataFrame and list(p.columns) == classes
        np.testing.assert_allclose(p, numbers(model.predict_log_proba(x)), rtol=1e-6)
        pd.testing.assert_index_equal(p.index, frame.index)
    pd.testing.assert_index_equal(found.index, frame.index)
    joined = frame.assign(kind=found, p=model.predict_proba(frame).max(axis=1))
    assert joined["kind"].tolist() == found.tolist() and joined["p"].notna().all()


@pytest.mark.filterwarnings("ignore:Passing a BlockManager")  # what pandas 2.2 says of itself
def test_a_frame_of_a_class_of_its_own_gets_one_back():
    class Ours(pd.DataFrame):
        @property
        def _constructor(self):
            return Ours

    assert type(classifier().predict_proba(Ours(FRAME))) is Ours


@pytest.mark.parametrize(
    "rows", [features(ROWS), features(ROWS).tolist(), pd.Series([1, 0, 1, 2.0])]
)
def test_other_rows_get_arrays(rows):
    assert type(classifier().predict(rows)) is type(classifier().predict_proba(rows)) is np.ndarray


def test_an_empty_frame_gets_an_empty_series():
    found = classifier().predict(FRAME[:0])
    assert type(found) is pd.Series and len(found) == 0


def test_numbers_as_texts_are_read_as_in_the_training_file():
    model = classifier("mean")
    comma = replace(model, schema=replace(model.schema, form=data.Format(decimal=",", na=("-",))))
    texts = FRAME["width"].map(lambda width: str(width).replace(".", ","))
    expected = model.predict_proba(FRAME)
    np.testing.assert_allclose(comma.predict_proba(FRAME.assign(width=texts)), expected, rtol=1e-6)
    texts[0] = "-"
    gap = model.predict_proba(FRAME.assign(width=[np.nan, *FRAME["width"][1:]]))
    np.testing.assert_allclose(comma.predict_proba(FRAME.assign(width=texts)), gap, rtol=1e-6)
    with pytest.raises(DataError, match='row 0, column "width": "-" is not a number; 1 such cell'):
        model.predict(FRAME.assign(width=["-", *FRAME["width"][1:]]))


def test_spaces_around_the_names_of_columns_do_not_count():
    model = classifier()
    pd.testing.assert_series_equal(
        model.predict(FRAME.rename(columns=lambda name: f" {name} ")), model.predict(FRAME)
    )


def test_polars_goes_by_names_too():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(ROWS, schema=["width", "colour", "height"], orient="row")
    model = classifier()
    found = model.predict_proba(frame.select(["height", "colour", "width"]))
    np.testing.assert_allclose(found, model.predict_proba(features(ROWS)), rtol=1e-6)
