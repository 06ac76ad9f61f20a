"""`minigrad predict`: the class of each row, whatever else the file holds and in any order."""

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.cli.models import CLASSES, classifier, features, make_rows, write_csv
from tests.cli.program import ENVIRONMENT, MODULE, ROOT

ROWS = make_rows(300)
QUOTED = ('"small, round"', '"a ""long"" one"', "größer")


@pytest.fixture
def rows(tmp_path):
    return write_csv(tmp_path / "rows.csv", ROWS)


def expected(rows=ROWS, **options):
    """Return what `predict` prints for rows."""
    names = classifier(**options).predict(features(rows))
    return "".join(f"{QUOTED[CLASSES.index(name)]}\n" for name in names)


# ---- what is printed


def test_the_class_of_each_row_one_a_line(cli, model, rows):
    assert len(set(expected().splitlines())) == 3
    assert cli("predict", model, rows) == (0, expected(), "")


def test_probabilities_are_csv_with_the_classes_in_order(cli, model, rows):
    code, out, err = cli("predict", model, rows, "--proba")
    assert (code, err) == (0, "")
    header, *lines = csv.reader(out.splitlines())
    assert header == ["class", *CLASSES]
    assert [line[0] for line in lines] == classifier().predict(features(ROWS)).tolist()
    p = classifier().predict_proba(features(ROWS))
    assert [line[1:] for line in lines] == [[f"{value:.6g}" for value in row] for row in p]


def test_json_is_an_object_a_row_and_a_result(cli, model, rows):
    *found, result = cli("predict", model, rows, "--json").events
    names = classifier().predict(features(ROWS)).tolist()
    assert found == [{"event": "prediction", "class": name} for name in names]
    assert result == {"event": "result", "rows": 300, "skipped": 0, "ignored": []}
    *found, _ = cli("predict", model, rows, "--json", "--proba").events
    p = classifier().predict_proba(features(ROWS)).tolist()
    assert [row["class"] for row in found] == names
    assert [[*row["probabilities"].items()] for row in found] == [
        [*zip(CLASSES, row, strict=True)] for row in p
    ]


def test_utf_8_whatever_the_locale(program, model, rows):
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii"}
    run = [*MODULE, "predict", model, rows]
    out = subprocess.run(run, env=environment, check=True, capture_output=True).stdout
    assert out == expected().encode()


def test_a_row_alone_is_the_row_among_a_thousand(cli, model, tmp_path):
    many = make_rows(1000)
    path = write_csv(tmp_path / "many.csv", many)
    together = cli("predict", model, path, "--proba", "--json").out.splitlines()
    for row in (0, 1, 500, 999):
        path = write_csv(tmp_path / "one.csv", [many[row]])
        assert cli("predict", model, path, "--proba", "--json").out.splitlines()[0] == together[row]


def test_another_process_prints_the_same_bytes(program, cli, model, rows):
    run = ("predict", model, rows, "--proba", "--json")
    assert program(*run, command=MODULE) == cli(*run)


def test_a_model_in_double_precision_reads_rows_in_double_precision(cli, tmp_path):
    classifier(dtype=np.float64).save(tmp_path / "m.npz")
    path = write_csv(tmp_path / "rows.csv", [(0.1, "red", 1 / 3)])
    (row, _) = cli("predict", tmp_path / "m.npz", path, "--proba", "--json").events
    p = classifier(dtype=np.float64).predict_proba([0.1, 0, 1, 1 / 3])
    assert [*row["probabilities"].values()] == p[0].tolist()


# ---- the columns


def test_columns_in_another_order(cli, model, tmp_path):
    turned = [(h, w, c) for w, c, h in ROWS]
    path = write_csv(tmp_path / "turned.csv", turned, ("height", "width", "colour"))
    assert cli("predict", model, path) == (0, expected(), "")


def test_extra_columns_are_named_and_ignored(cli, model, tmp_path):
    more = [("x1", *row, "größer") for row in ROWS]
    path = write_csv(tmp_path / "more.csv", more, ("id", "width", "colour", "height", "kind"))
    assert cli("predict", model, path) == (0, expected(), 'ignored columns: "id", "kind"\n')
    assert cli("predict", model, path, "-q") == (0, expected(), "")
    assert cli("predict", model, path, "--json").events[-1]["ignored"] == ["id", "kind"]


def test_missing_columns_are_listed(cli, model, tmp_path):
    path = write_csv(tmp_path / "less.csv", [row[:1] for row in ROWS], ("width",))
    code, out, err = cli("predict", model, path)
    assert (code, out) == (3, "")
    assert err.startswith(f"Error: {path}: lacks 2 of 3 columns; ")
    assert '"colour", "height"' in err and err.count("\n") == 1


def test_unseen_values_are_listed(cli, model, tmp_path):
    strange = [(1, "green", 2), (1, "blue", 2), (1, "pink", 2), (1, "green", 2)]
    code, _, err = cli("predict", model, write_csv(tmp_path / "strange.csv", strange))
    assert code == 3 and err.count("\n") == 1
    assert '"green"' in err and '"pink"' in err and '"blue"' not in err.split(";")[0]


def test_columns_by_place_if_the_training_file_has_no_header(cli, tmp_path):
    classifier(by_name=False).save(tmp_path / "m.npz")
    path = write_csv(tmp_path / "rows.csv", ROWS, header=None)
    assert cli("predict", tmp_path / "m.npz", path) == (0, expected(), "")


# ---- missing values


def test_a_missing_value_is_an_error_if_it_was_one_in_training(cli, model, tmp_path):
    path = write_csv(tmp_path / "holes.csv", [(1, "red", "NA"), *ROWS])
    code, _, err = cli("predict", model, path)
    assert code == 3 and err.count("\n") == 1
    assert err.startswith(f'Error: {path}: row 2, column "height": "NA" ')


def test_a_missing_value_is_filled_with_the_mean_of_training(cli, tmp_path):
    classifier("mean").save(tmp_path / "m.npz")
    path = write_csv(tmp_path / "holes.csv", [("", "red", 2), *ROWS])
    full = [(classifier().scaling.fill[0], "red", 2), *ROWS]
    assert cli("predict", tmp_path / "m.npz", path) == (0, expected(full), "")


def test_a_row_with_a_missing_value_is_skipped_and_counted(cli, tmp_path):
    classifier("drop").save(tmp_path / "m.npz")
    holes = [("", "red", 2), *ROWS[:100], (1, "red", "?"), *ROWS[100:]]
    path = write_csv(tmp_path / "holes.csv", holes)
    remark = "skipped rows: 2, with a missing value, as in training\n"
    assert cli("predict", tmp_path / "m.npz", path) == (0, expected(), remark)
    assert cli("predict", tmp_path / "m.npz", path, "-q") == (0, expected(), "")
    result = cli("predict", tmp_path / "m.npz", path, "--json").events[-1]
    assert (result["rows"], result["skipped"]) == (300, 2)


# ---- where rows come from


def test_rows_from_stdin(start, model, rows):
    process = start("predict", model, "-", command=MODULE, stdin=subprocess.PIPE)
    out, err = process.communicate(rows.read_bytes(), timeout=60)
    assert (process.returncode, out.decode(), err) == (0, expected(), b"")


def test_rows_from_a_gzipped_file_of_tabs(cli, model, rows, tmp_path):
    text = rows.read_text().replace(",", "\t")
    (tmp_path / "rows.tsv.gz").write_bytes(gzip.compress(text.encode()))
    assert cli("predict", model, tmp_path / "rows.tsv.gz") == (0, expected(), "")


def test_the_delimiter_can_be_given(cli, model, rows, tmp_path):
    path = tmp_path / "rows.txt"
    path.write_text(rows.read_text().replace(",", ";"))
    assert cli("predict", model, path, "--delimiter", ";", "--header", "yes").out == expected()
    assert cli("predict", model, path, "--delimiter", ",").code == 3


def test_the_model_of_a_run_folder(cli, rows, tmp_path):
    (tmp_path / "run").mkdir()
    classifier().save(tmp_path / "run" / "best.npz")
    assert cli("predict", tmp_path / "run", rows) == (0, expected(), "")
    (tmp_path / "run" / "best.npz").unlink()
    code, _, err = cli("predict", tmp_path / "run", rows)
    assert (code, err) == (
        3,
        f"Error: {tmp_path}/run/best.npz: cannot be read; No such file or directory; "
        "check the path and its rights\n",
    )


def test_a_damaged_model(cli, model, rows):
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 4
    model.write_bytes(content)
    code, out, err = cli("predict", model, rows)
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert err.startswith(f"Error: {model}: it is damaged; Bad CRC-32 ")


# ---- --output


def test_output_holds_what_stdout_would(cli, model, rows, tmp_path):
    out = tmp_path / "out.csv"
    assert cli("predict", model, rows, "--proba", "--output", out) == (0, "", "")
    assert out.read_text("utf-8") == cli("predict", model, rows, "--proba").out


def test_output_is_not_overwritten_unless_asked_for(cli, model, rows, tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("old")
    assert cli("predict", "no-model", "no-rows", "--output", out) == (
        3,
        "",
        f"Error: {out}: it exists; 3 bytes; choose another name, or pass --overwrite\n",
    )
    assert out.read_text() == "old"
    assert cli("predict", model, rows, "--output", out, "--overwrite").code == 0
    assert out.read_text("utf-8") == expected()


def test_a_file_that_appears_meanwhile_is_not_overwritten(start, model, rows, folder):
    process = start("predict", model, "-", "--output", "late.csv", command=MODULE, stdin=-1)
    write_csv(rows, ROWS * 20)  # enough for the first block
    process.stdin.write(rows.read_bytes())
    process.stdin.flush()
    while not [name for name in os.listdir(folder) if name.startswith(".late.csv.")]:
        assert process.poll() is None
    (folder / "late.csv").write_text("mine")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (3, b"") and err.decode() == (
        "Error: late.csv: it exists; 4 bytes; choose another name, or pass --overwrite\n"
    )
    assert (folder / "late.csv").read_text() == "mine"
    assert not [name for name in os.listdir(folder) if name.startswith(".late.csv.")]


def test_output_is_no_link(cli, model, rows, folder):
    (folder / "victim").write_text("mine")
    (folder / "link.csv").symlink_to("victim")
    assert cli("predict", model, rows, "--output", "link.csv", "--overwrite") == (
        3,
        "",
        "Error: link.csv: cannot be written; it is a link; choose another name\n",
    )
    assert (folder / "victim").read_text() == "mine"


def test_output_is_written_whole_or_not_at_all(cli, model, tmp_path):
    path = write_csv(tmp_path / "rows.csv", [*make_rows(20_000), (1, "red", "oops")])
    (tmp_path / "out.csv").write_text("old")
    before = sorted(os.listdir(tmp_path))
    code, _, err = cli("predict", model, path, "--output", tmp_path / "out.csv", "--overwrite")
    assert code == 3 and 'row 20002, column "height": "oops"' in err
    assert (tmp_path / "out.csv").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == before


def test_overwrite_needs_an_output(cli, model, rows):
    code, out, err = cli("predict", model, rows, "--overwrite")
    assert (code, out) == (2, "")
    assert "Error: --overwrite needs --output\n" in err


# ---- pipes and signals


def test_a_reader_that_leaves_early_is_not_an_error(start, model, tmp_path):
    path = write_csv(tmp_path / "many.csv", make_rows(50_000))
    process = start("predict", model, path, "--proba", command=MODULE)
    assert process.stdout.readline().startswith(b"class,")
    process.stdout.close()
    assert process.wait(timeout=60) == 130
    assert process.stderr.read() == b""


def test_ctrl_c_leaves_no_half_file(start, model, tmp_path):
    run = ("predict", model, "-", "--output", tmp_path / "out.csv")
    process = start(*run, command=MODULE, stdin=subprocess.PIPE)
    process.stdin.write(b"width,colour,height\n" + b"1.0,red,2.0\n" * 20_000)
    process.stdin.flush()
    deadline = time.monotonic() + 30
    while not any(name.endswith(".tmp") for name in os.listdir(tmp_path)):
        assert process.poll() is None and time.monotonic() < deadline
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert process.stderr.read() == b"Interrupted.\n"
    assert os.listdir(tmp_path) == ["m.npz"]


# ---- memory

# Not getrusage: its ru_maxrss starts from that of the process that started this one.
PEAK = (
    "import json, pathlib, sys; from minigrad.cli import main\n"
    "try: main(['predict', *sys.argv[1:]], prog_name='minigrad')\n"
    "except SystemExit as end: code = end.code\n"
    "status = pathlib.Path('/proc/self/status').read_text()\n"
    "peak = int(status.split('VmHWM:')[1].split()[0])\n"
    "print(json.dumps([code, peak]), file=sys.stderr)"
)


def peak(model, rows):
    """Return the peak memory in KiB of predicting so many rows from a pipe, and their number."""
    run = [sys.executable, "-c", PEAK, model, "-", "--proba"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    block = "".join(f"{w},{c},{h}\n" for w, c, h in make_rows(10_000)).encode()
    with subprocess.Popen(["wc", "-l"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as counter:
        pipes["stdout"] = counter.stdin
        with subprocess.Popen(run, env=ENVIRONMENT, **pipes) as process:
            process.stdin.write(b"width,colour,height\n")
            for _ in range(rows // 10_000):
                process.stdin.write(block)
            process.stdin.close()
            code, kilobytes = json.loads(process.stderr.read())
        counter.stdin.close()
        assert code == 0
        return kilobytes, int(counter.stdout.read()) - 1


def test_memory_does_not_grow_with_the_rows(model):
    (few, _), (many, count) = peak(model, 20_000), peak(model, 200_000)
    assert count == 200_000
    assert many < few + 2000  # KiB; the rows alone are 3 MB as float32, and 4 MB as text


@pytest.mark.slow
def test_a_million_rows_take_the_memory_of_a_few(model, capsys):
    (few, _), (many, count) = peak(model, 20_000), peak(model, 1_000_000)
    with capsys.disabled():
        print(f"\npeak memory: {few} KiB for 20,000 rows, {many} KiB for {count:,}")
    assert count == 1_000_000
    assert many < few + 2000


def test_the_number_of_a_row_with_too_large_values_is_that_in_the_file(cli, folder):
    cli("train", "iris", "--out", "run", "-q")
    text = (ROOT / "datasets" / "iris.csv").read_text().splitlines()
    rows = text[:1] + text[1:101] * 50
    rows[4321 - 1] = "1,3e38,3e38,1,setosa"
    (folder / "big.csv").write_text("\n".join(rows) + "\n")
    for command in ("predict", "evaluate"):
        ended = cli(command, "run", "big.csv", "-q")
        assert ended.code == 3
        assert ended.err.startswith(
            "Error: Classifier.predict: the logits of row 4321 are not finite; "
        )
