"""load: built-in names and paths, standard input, pipes, and what cannot be read."""

import gzip
import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from minigrad import data
from minigrad.data import files
from minigrad.errors import DataError, DTypeError
from tests.data.files import ENVIRONMENT, GOOD, refusal, write


def test_a_built_in_name_comes_before_a_path_and_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert data.load("iris").notes == ()
    write(tmp_path / "iris", GOOD)
    built_in = data.load("iris")
    assert len(built_in) == 150
    assert built_in.notes == ("data: the built-in set iris; for what this folder has give ./iris",)
    for path in ("./iris", Path("iris"), str(tmp_path / "iris")):
        assert len(data.load(path)) == 4


@pytest.mark.parametrize("name", ["iris", "moons"])
@pytest.mark.parametrize("missing", ["error", "drop", "mean"])
def test_missing_of_a_built_in_set_is_for_the_files_it_predicts(name, missing):
    assert data.load(name, missing=missing).schema.missing == missing


def test_no_columns_at_all_may_be_named_in_a_list():
    assert len(data.load("iris", one_hot=[], drop=[])) == 150


def test_standard_input_stays_open(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(GOOD.encode()))
    monkeypatch.setattr(sys, "stdin", stream)
    dataset = data.load("-")
    assert len(dataset) == 4 and dataset.name == "stdin" and not stream.buffer.closed
    with pytest.raises(DataError) as error:
        data.load("-")
    assert str(error.value).startswith("standard input: is empty; ")


def test_standard_input_of_a_process():
    code = "from minigrad import data; print(data.load('-').x.tolist())"
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, input=GOOD, capture_output=True, text=True, env=ENVIRONMENT)
    assert (run.stdout, run.stderr) == ("[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]\n", "")


def test_standard_input_that_is_closed(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError) as error:
        data.load("-")
    assert str(error.value) == (
        "standard input: cannot be read; it is closed; check the path and its rights"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_read_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=[GOOD])
    writer.start()
    assert len(data.load(tmp_path / "pipe")) == 4
    writer.join()


def test_what_the_system_does_not_give(tmp_path, monkeypatch):
    os.symlink(tmp_path / "nowhere", tmp_path / "link.csv")
    text = "cannot be read; No such file or directory; check the path and its rights"
    assert refusal(tmp_path / "link.csv", DataError) == text
    schema = data.load("iris").schema
    assert refusal(tmp_path / "new.csv", DataError, data.read_rows, schema=schema) == text

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    text = "cannot be read; Permission denied; check the path and its rights"
    monkeypatch.setattr("os.listdir", denied)
    assert refusal(tmp_path, DataError) == text
    write(tmp_path / "my.csv", GOOD)
    monkeypatch.setattr("builtins.open", denied)
    assert refusal(tmp_path / "my.csv", DataError) == text


@pytest.mark.parametrize("dtype", [int, "int32", bool, complex])
def test_features_are_floating(tmp_path, dtype):
    path = write(tmp_path / "my.csv", GOOD)
    text = f"features are floating; dtype {np.dtype(dtype)}; give dtype=np.float32 or np.float64"
    assert refusal(path, DTypeError, dtype=dtype) == f"load: {text}"
    schema = data.load(path).schema
    assert refusal(path, DTypeError, data.read_rows, schema=schema, dtype=dtype) == (
        f"read_rows: {text}"
    )


@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
def test_how_far_reading_has_come(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(files, "CHARACTERS_AT_ONCE", 40)
    content = ("a,kind\n" + "1,x\n1,y\n" * 5000).encode()
    path = write(tmp_path / f"my.{ending}", gzip.compress(content) if "gz" in ending else content)
    seen = []
    data.load(path, on_read=lambda done, size: seen.append((done, size)))
    done, sizes = zip(*seen, strict=True)
    assert len(done) == 1001 and list(done) == sorted(done) and 0 < done[0] <= done[-1]
    assert {*sizes} == {path.stat().st_size} and done[-1] <= sizes[0]


def test_long_listings_end(tmp_path):
    names = [f"c{i}" for i in range(50)]
    rows = "".join(",".join([name] * 50) + "\n" for name in "abab")
    path = write(tmp_path / "my.csv", ",".join(names) + "\n" + rows)
    listing = ", ".join(f'"c{i}" (2 values in 4 rows)' for i in range(20))
    assert refusal(path, DataError, header="yes", one_hot=["none"]) == (
        f"49 columns hold texts, not numbers; {listing} and 29 more; pass one_hot=[COL] for each"
    )
    missing = ", ".join(f'"pixel_{i // 8}_{i % 8}"' for i in range(20))
    present = ", ".join(f'"c{i}"' for i in range(20))
    schema = data.load("digits").schema
    assert refusal(path, DataError, data.read_rows, schema=schema).startswith(
        f"lacks 64 of 64 columns; {missing} and 44 more; row 1 has {present} and 30 more; "
    )
