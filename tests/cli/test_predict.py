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
        alone = cli("predict", model, path, "--proba", "--json").events[0]
        among = json.loads(together[row])
        assert alone["class"] == among["class"]
        assert alone["probabilities"] == pytest.approx(among["probabilities"], rel=0, abs=1e-6)


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


STRANGE = [(1, "green", 2), (1, "blue", 2), (1, "pink", 2), (1, "green", 2)]


def test_a_row_with_an_unseen_value_has_no_class(cli, model, tmp_path):
    path = write_csv(tmp_path / "strange.csv", STRANGE)
    (known,) = expected(STRANGE[1:2]).splitlines()
    assert cli("predict", model, path) == (
        0,
        f'""\n{known}\n""\n""\n',
        f"Warning: {path}: 3 of 4 rows without a class; new values: "
        'row 2 "colour" "green", row 4 "colour" "pink", row 5 "colour" "green"; '
        "pass --unseen zero to use the rows with new values\n",
    )


def test_unseen_values_can_be_zero_or_an_error(cli, model, tmp_path):
    path = write_csv(tmp_path / "strange.csv", STRANGE)
    assert cli("predict", model, path, "--unseen", "zero") == (0, expected(STRANGE), "")
    code, out, err = cli("predict", model, path, "--unseen", "error")
    assert (code, out, err) == (
        3,
        "",
        f'Error: {path}: row 2, column "colour": "green" does not occur in the training data; '
        '2 such values: row 2 "colour" "green", row 4 "colour" "pink"; '
        "leave its rows out, or train again\n",
    )


def test_an_unseen_value_of_a_table_like_titanic(cli, folder):
    """The case predict_unseen: the row with the new value alone has no class."""
    header = ("sex", "pclass", "age", "sibsp", "parch", "fare", "embarked", "survived")
    rng = np.random.default_rng(0)
    rows = [
        (*(("male", "female")[i % 2], i % 3 + 1), *rng.integers(1, 60, 3), 7.25, "SC"[i % 2], i % 2)
        for i in range(60)
    ]
    write_csv(folder / "train.csv", rows, header)
    one_hot = ("--one-hot", "sex", "--one-hot", "embarked")
    assert cli("train", "train.csv", *one_hot, "--out", "run", "-q").code == 0
    new = [("male", 3, 22, 1, 0, 7.25, "X"), ("female", 1, 38, 1, 0, 7.1, "C")]
    write_csv(folder / "new.csv", new, header[:-1])
    assert cli("predict", "run", "new.csv", "-q") == (
        0,
        '""\n1\n',
        "Warning: new.csv: 1 of 2 rows without a class; new values: "
        'row 2 "embarked" "X"; pass --unseen zero to use the rows with new values\n',
    )
    assert cli("predict", "run", "new.csv", "--unseen", "zero", "-q").out.split()[1] == "1"


def test_columns_by_place_if_the_training_file_has_no_header(cli, tmp_path):
    classifier(by_name=False).save(tmp_path / "m.npz")
    path = write_csv(tmp_path / "rows.csv", ROWS, header=None)
    assert cli("predict", tmp_path / "m.npz", path) == (0, expected(), "")


# ---- missing values


def test_a_word_for_a_number_refuses_the_file(cli, model, tmp_path):
    path = write_csv(tmp_path / "holes.csv", [(1, "red", "NA"), (1, "red", "tall"), *ROWS])
    assert cli("predict", model, path) == (
        3,
        "",
        f'Error: {path}: row 3, column "height": "tall" is not a number; '
        '1 such cell: row 3 "height" "tall"; '
        "correct it, or pass --na tall,NA if it means a missing value\n",
    )


def test_a_missing_value_is_filled_with_the_mean_of_training(cli, tmp_path):
    classifier("mean").save(tmp_path / "m.npz")
    path = write_csv(tmp_path / "holes.csv", [("", "red", 2), *ROWS])
    full = [(classifier().scaling.fill[0], "red", 2), *ROWS]
    assert cli("predict", tmp_path / "m.npz", path) == (0, expected(full), "")


@pytest.mark.parametrize("missing", ["error", "drop"])
def test_a_row_with_a_missing_value_has_a_line_without_a_class(cli, tmp_path, missing):
    model = tmp_path / "m.npz"
    classifier(missing).save(model)
    holes = [("", "red", 2), *ROWS[:100], (1, "red", "?"), *ROWS[100:]]
    path = write_csv(tmp_path / "holes.csv", holes)
    lines = expected().splitlines(keepends=True)
    out = "".join(['""\n', *lines[:100], '""\n', *lines[100:]])
    warning = (
        f"Warning: {path}: 2 of 302 rows without a class; missing values: "
        'row 2 "width" "", row 103 "height" "?"; fill the missing values in\n'
    )
    for option in (("-q",), ("--unseen", "zero")):
        assert cli("predict", model, path, *option) == (0, out, warning)
    with_p = cli("predict", model, path, "--proba").out.splitlines()
    assert len(with_p) == 303 and with_p[1] == with_p[102] == '"",,,'
    *found, result = cli("predict", model, path, "--json", "--proba").events
    assert (len(found), result["rows"], result["skipped"]) == (302, 300, 2)
    assert found[0] == {"event": "prediction", "class": None, "probabilities": None}


def test_a_line_for_every_row_where_training_left_rows_out(cli, folder):
    """The case missing_drop."""
    text = "survived,pclass,age\n" + "1,1,20\n0,3,40\n1,1,\n0,3,41\n1,1,22\n" * 8
    (folder / "train.csv").write_text(text)
    trained = cli("train", "train.csv", *("--label", "survived", "--missing", "drop", "-q"))
    assert trained.code == 0
    (folder / "new.csv").write_text("pclass,age\n1,20\n2,\n3,40\n")
    assert cli("predict", "runs/train-1", "new.csv", "-q") == (
        0,
        '1\n""\n0\n',
        "Warning: new.csv: 1 of 3 rows without a class; missing values: "
        'row 3 "age" ""; fill the missing values in\n',
    )


# ---- columns that are carried through


def test_columns_to_keep_come_before_the_class(cli, model, tmp_path):
    path = tmp_path / "named.csv"
    path.write_text('id,width,class,colour,height\n"a, b",1,x,red,2\nc,,y,red,2\n')
    (known,) = expected([(1, "red", 2)]).splitlines()
    code, out, err = cli("predict", model, path, "--keep", "id,width")
    assert (code, out) == (0, f'id,width,class\n"a, b",1,{known}\nc,,""\n')
    assert err.startswith('ignored columns: "class"\nWarning: ')
    kept = cli("predict", model, path, "--keep", "class", "--proba", "-q").out.splitlines()
    assert kept[0] == 'class,predicted,"small, round","a ""long"" one",größer'
    assert kept[1].startswith(f"x,{known},0.") and kept[2] == 'y,"",,,'
    first, second, _ = cli("predict", model, path, "--keep", 0, "--json", "-q").events
    assert first["kept"] == {"id": "a, b"} and second == {
        "event": "prediction", "kept": {"id": "c"}, "class": None,
    }  # fmt: skip


def test_a_line_break_in_a_column_to_keep_is_quoted(cli, model, tmp_path):
    path = tmp_path / "breaks.csv"
    path.write_text('id,width,colour,height\n"a\nb",1,red,2\nc,1,red,2\n')
    code, out, _ = cli("predict", model, path, "--keep", "id")
    assert code == 0
    assert [row[0] for row in csv.reader(out.splitlines(keepends=True))] == ["id", "a\nb", "c"]


@pytest.mark.parametrize("columns", [("width,width",), ("width", "0")])
def test_a_column_to_keep_twice(cli, model, rows, columns):
    options = [part for column in columns for part in ("--keep", column)]
    shown = ", ".join(f'"{column}"' for column in columns)
    assert cli("predict", model, rows, *options) == (
        2,
        "",
        f'Error: {rows}: keep names column "width" twice; keep {shown}; name it once\n',
    )


def test_a_column_to_keep_that_is_not_there(cli, model, rows, tmp_path):
    assert cli("predict", model, rows, "--keep", "widht") == (
        2,
        "",
        "Error: load: keep 'widht' is not a column; "
        'columns "width", "colour", "height", or 0 to 2; did you mean \'width\'?\n',
    )


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


def test_output_does_not_replace_what_it_is_made_from(cli, model, rows, folder):
    for path in (rows, model):
        before = path.read_bytes()
        ended = cli("predict", model, rows, "--output", f"./{path.name}", "--overwrite")
        assert (ended.code, ended.out) == (2, "") and path.read_bytes() == before
        assert ended.err == (
            f"Error: --output: it would replace what it is made from; FILE ./{path.name}, and "
            f"{path}; choose another name\n"
        )


def test_output_is_no_file_called_minus(cli, model, rows, folder):
    assert cli("predict", model, rows, "--output", "-") == (
        2,
        "",
        "Error: --output: - does not name a file; FILE -; leave --output out for stdout, or write "
        "./- for a file of that name\n",
    )
    assert not (folder / "-").exists()


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
