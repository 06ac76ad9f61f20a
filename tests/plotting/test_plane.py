"""The decision regions of a run: its model, and the rows read again."""

import json
import os

import numpy as np
import pytest

from minigrad import data, nn
from minigrad.errors import DataError
from minigrad.plotting import ASCII, draw, read_plane
from minigrad.training import Classifier, read_run, run_data
from tests.training.folders import write_run

POINTS = "across,up,class\n0,0,low\n1,1,low\n4,0,high\n5,1,high\n5,3,high\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text(POINTS)
    return path


def two_feature_run(folder, source, scale="standard", **reading):
    """Write a run on `source` whose model splits the plane at the mean of the first feature."""
    dataset = data.load(source, **reading)
    scaling = data.Scaling.fit(dataset, scale)
    model = nn.mlp(2, [], len(dataset.class_names), rng=0)
    middle = (np.nanmean(dataset.x[:, 0]) - scaling.shift[0]) / scaling.scale[0]
    model[0].weight.data[:] = [[1, 0], [-1, 0]]
    model[0].bias.data[:] = [-middle, middle]
    names = {"classes": dataset.class_names, "features": dataset.feature_names}
    write_run(folder, **names)
    facts = json.loads((folder / "run.json").read_text())
    facts["data"] |= {"source": source, "sha256": run_data.fingerprint(dataset)}
    facts["options"] |= reading
    facts["path"] = os.path.abspath(source) if os.path.exists(source) else None
    (folder / "run.json").write_text(json.dumps(facts))
    Classifier(model, dataset.schema, scaling).save(folder / "best.npz")
    return str(folder)


def test_regions_and_rows(tmp_path, file):
    run = read_run(two_feature_run(tmp_path / "run", str(file)))
    plane, remarks = read_plane(run)
    assert remarks == ()
    assert (plane.names, run.classes) == (("across", "up"), ("high", "low"))
    np.testing.assert_array_equal(plane.points, [[0, 0], [1, 1], [4, 0], [5, 1], [5, 3]])
    np.testing.assert_array_equal(plane.labels, [1, 1, 0, 0, 0])
    np.testing.assert_allclose(plane.low, [-0.25, -0.15])
    np.testing.assert_allclose(plane.high, [5.25, 3.15])
    regions = plane.regions(rows=3, columns=11)  # the middles are 0, 0.5 … 5, the mean is 3
    np.testing.assert_array_equal(regions, [[1] * 6 + [regions[0, 6]] + [0] * 4] * 3)


def test_the_first_line_of_regions_is_the_upper_one(tmp_path):
    run = read_run(two_feature_run(tmp_path / "run", "moons"))
    plane, _ = read_plane(run)
    plane.classifier.model[0].weight.data[:] = [[0, 1], [0, -1]]
    plane.classifier.model[0].bias.data[:] = 0
    assert plane.regions(2, 3).tolist() == [[0, 0, 0], [1, 1, 1]]


def test_a_built_in_set(tmp_path):
    plane, remarks = read_plane(read_run(two_feature_run(tmp_path / "run", "moons")))
    assert remarks == () and len(plane.points) == 1000


def test_the_rows_are_read_as_they_were(tmp_path):
    path = tmp_path / "points.tsv"
    path.write_text("no;1;2;x\nyes;3;?;x\nno;5;6;x\nyes;7;8;x\n")
    reading = {"label": 0, "delimiter": ";", "header": "no", "drop": [3], "missing": "mean"}
    plane, remarks = read_plane(read_run(two_feature_run(tmp_path / "run", str(path), **reading)))
    assert remarks == ()
    np.testing.assert_allclose(plane.points, [[1, 2], [3, 16 / 3], [5, 6], [7, 8]], rtol=1e-6)


def test_a_feature_without_range(tmp_path, file):
    file.write_text("across,up,class\n0,2,low\n1,2,low\n4,2,high\n5,2,high\n")
    plane, _ = read_plane(read_run(two_feature_run(tmp_path / "run", str(file))))
    assert plane.low[1] == 1 and plane.high[1] == 3


def test_a_large_feature_without_range(tmp_path, file):
    file.write_text("across,up,class\n0,1e20,low\n1,1e20,low\n4,1e20,high\n5,1e20,high\n")
    run = read_run(two_feature_run(tmp_path / "run", str(file)))
    plane, _ = read_plane(run)
    np.testing.assert_allclose([plane.low[1], plane.high[1]], [0.95e20, 1.05e20])
    assert "1.00e+20 -" in draw([run], [plane], 60, ASCII)


def test_the_folders_own_test_rows_are_drawn_too(tmp_path, monkeypatch):
    whole = data.load("moons")
    halves = whole.take(slice(600)), whole.take(slice(600, None))
    both = data.Dataset(**{**vars(halves[0]), "test": halves[1]})
    for module in (data, run_data):
        monkeypatch.setattr(module, "load", lambda source, **reading: both)
    plane, _ = read_plane(read_run(two_feature_run(tmp_path / "run", "moons")))
    np.testing.assert_array_equal(plane.points, whole.x)
    np.testing.assert_array_equal(plane.labels, whole.y)


# ---- when the rows are gone --------------------------------------------------------------------


def test_data_that_is_gone(tmp_path, file):
    run = read_run(two_feature_run(tmp_path / "run", str(file)))
    file.unlink()
    plane, (remark,) = read_plane(run)
    assert plane.points.shape == (0, 2) and plane.labels.shape == (0,)
    assert remark.startswith(
        f"{run.folder}: decision regions without the rows: {run.folder}: the data "
    )
    shift, scale = plane.classifier.scaling.shift, plane.classifier.scaling.scale
    np.testing.assert_allclose(shift, [3, 1])
    np.testing.assert_allclose([plane.low, plane.high], [shift - 2.5 * scale, shift + 2.5 * scale])


def test_data_that_has_changed(tmp_path, file):
    run = read_run(two_feature_run(tmp_path / "run", str(file), scale="minmax"))
    file.write_text(POINTS.replace("5,3", "5,4"))
    now, then = run_data.fingerprint(data.load(str(file))), run.facts["data"]["sha256"]
    plane, remarks = read_plane(run)
    assert len(plane.points) == 0
    assert remarks == (
        f"{run.folder}: decision regions without the rows: {file}: the data has changed "
        f"since the run began; SHA-256 {then[:12]}… at the start, {now[:12]}… now; "
        "restore it, or start again with init_from=RUN",
    )
    np.testing.assert_allclose([plane.low, plane.high], [[0, 0], [5, 3]])


def test_without_rows_or_scaling_there_are_no_regions(tmp_path, file):
    run = read_run(two_feature_run(tmp_path / "run", str(file), scale="none"))
    assert len(read_plane(run)[0].points) == 5
    file.unlink()
    plane, (remark,) = read_plane(run)
    assert plane is None
    assert remark.startswith(f"{run.folder}: no decision regions without rows or scaling: ")


def test_data_from_standard_input(tmp_path, file):
    run = read_run(two_feature_run(tmp_path / "run", str(file)))
    run.facts["data"]["source"], run.facts["path"] = "-", None
    _, remarks = read_plane(run)
    assert remarks == (
        f"{run.folder}: decision regions without the rows: standard input: the data cannot be "
        "read again; it came from a pipe; train on a file",
    )


def test_no_model_yet(tmp_path, file):
    run = read_run(two_feature_run(tmp_path / "run", str(file)))
    (tmp_path / "run" / "best.npz").unlink()
    for status, yet in ("running", " yet"), ("diverged", ""), ("finished", ""):
        assert read_plane(run._replace(status=status)) == (
            None,
            (f"{run.folder}: no decision regions: there is no best.npz{yet}",),
        )


def test_a_damaged_model_is_an_error(tmp_path, file):
    run = read_run(two_feature_run(tmp_path / "run", str(file)))
    (tmp_path / "run" / "best.npz").write_bytes(b"no zip")
    with pytest.raises(DataError, match="best.npz"):
        read_plane(run)


# ---- what has no plane -------------------------------------------------------------------------


def test_other_than_two_features(tmp_path):
    for number in (1, 3):
        run = read_run(str(write_run(tmp_path / str(number), features=["x"] * number)))
        assert read_plane(run) == (None, ())


def test_two_values_of_one_column_are_not_a_plane(tmp_path, file):
    file.write_text("colour,class\nred,low\nred,low\nblue,high\nblue,high\n")
    run = read_run(two_feature_run(tmp_path / "run", str(file), header="yes", one_hot=["colour"]))
    assert run.features == ("colour=blue", "colour=red")
    assert read_plane(run) == (None, ())
