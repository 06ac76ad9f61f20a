"""Tables as they are, with the real command: each stands for a kind of file from a bug report."""

import pytest

QUICK = ("--epochs", "2", "--hidden", "4", "--no-save")
ROWS = 60


def number(i, j=0):
    """Return one of many different numbers."""
    return f"{((i + 7 * j) * 37 % 101 - 50) / 8:.2f}"


def write(path, header, row, rows=ROWS, above="", delimiter=","):
    """Write a table; row: the fields of row i, whose last one is the class, "ja" or "nein"."""
    lines = [delimiter.join(row(i)) for i in range(rows)]
    path.write_text(above + "\n".join([delimiter.join(header), *lines]) + "\n", "utf-8")
    return path.name


def kind(i):
    return ("ja", "nein")[i % 2]


def plain(i):
    return number(i), number(i, 1), kind(i)


def trains(ended, *parts):
    """Assert that a command ended well and printed these parts of lines."""
    assert ended.code == 0, ended.err
    for part in parts:
        assert part in ended.out.split("\nfeatures: ")[0] + "\n", ended.out
    return ended


def fails(ended, text):
    assert (ended.code, ended.out, ended.err) == (3, "", f"Error: {text}\n")


# ---- numbers written elsewhere -------------------------------------------------------------------


def test_thousands(cli, folder):
    write(folder / "t.csv", ("income", "age", "kind"), lambda i: (f'"1{i},779"', f"{i}", kind(i)))
    cells = ", ".join(f'row {i + 2} "income" "1{i},779"' for i in range(5))
    ways = "--decimal , if it is 10.779 or --thousands , if it is 10779"
    fails(
        cli("train", "t.csv"),
        f't.csv: row 2, column "income": "10,779" is not a number; 60 such cells: {cells} and 55 '
        f"more; pass {ways}",
    )
    trains(cli("train", "t.csv", "--thousands", ",", *QUICK), "rows: 60\n")


def test_decimal_commas(cli, folder):
    header = ("Länge", "Breite", "Klasse")
    row = lambda i: (f"{(i + 1) % 9},037", f"{i % 7 + 1},25", kind(i))  # noqa: E731
    write(folder / "t.csv", header, row, delimiter=";")
    ended = cli("train", "t.csv")
    assert ended.code == 3 and ended.err.endswith(" and 115 more; pass --decimal ,\n")
    write(folder / "u.csv", header, lambda i: (row(i)[0], "1", kind(i)), delimiter=";")
    assert cli("train", "u.csv").err.endswith(
        "; pass --decimal , if it is 1.037 or --thousands , if it is 1037\n"
    )
    for option in ("--decimal", "--thousands"):
        trains(cli("train", "u.csv", option, ",", *QUICK), "delimiter: ; (found)")
    trains(cli("train", "t.csv", "--decimal", ",", "--out", "run", *QUICK[:-1]))
    (folder / "new.csv").write_text("Länge;Breite\n1,5;2\n")
    assert cli("predict", "run", "new.csv", "-q").code == 0
    (folder / "new.csv").write_text("Länge;Breite\n1.5;2\n")
    ended = cli("predict", "run", "new.csv", "-q")
    assert ended.code == 3 and ended.err.endswith("; pass --decimal .\n")
    assert cli("predict", "run", "new.csv", "-q", "--decimal", ".").code == 0


def test_points_that_may_separate_thousands(cli, folder):
    price = lambda i: f"{i % 9 + 1}.{i * 37 % 1000:03d}" if i % 3 else f"{7 * i + 100}"  # noqa: E731
    write(folder / "t.csv", ("price", "x", "class"), lambda i: (price(i), *plain(i)[1:]))
    fails(
        cli("train", "t.csv"),
        't.csv: row 3, column "price": "2.037" may have a decimal point, or one that separates '
        'thousands; each number with a point has 3 digits behind it, and row 2 holds "100"; pass '
        "--decimal . if it is 2.037 or --decimal , and --thousands . if it is 2037",
    )
    trains(cli("train", "t.csv", "--decimal", ".", *QUICK), "rows: 60\n")
    row = lambda i: (price(i), f"{i % 7},5", kind(i))  # noqa: E731
    write(folder / "u.csv", ("price", "x", "class"), row, delimiter=";")
    ended = cli("train", "u.csv")
    assert ended.code == 3 and ended.err.endswith("; pass --decimal , and --thousands .\n")
    trains(cli("train", "u.csv", "--decimal", ",", "--thousands", ".", *QUICK), "rows: 60\n")


def test_two_options_that_a_column_needs(cli, folder):
    row = lambda i: ("1 011" if i < 30 else "1,5", f"{i % 7}", kind(i))  # noqa: E731
    write(folder / "t.csv", ("a", "b", "class"), row, delimiter=";")
    first, second = ("--thousands", "space"), ("--decimal", ",")
    assert cli("train", "t.csv").err.endswith("; pass --thousands space\n")
    assert cli("train", "t.csv", *first).err.endswith("; pass --decimal ,\n")
    assert cli("train", "t.csv", *second).err.endswith("; pass --thousands space\n")
    trains(cli("train", "t.csv", *first, *second, *QUICK), "rows: 60\n")


# ---- around the table ----------------------------------------------------------------------------


def test_the_line_that_excel_writes(cli, folder):
    above = "\ufeffsep=;\n"
    write(folder / "t.csv", ("größe", "gewicht", "stadt"), plain, above=above, delimiter=";")
    trains(
        cli("train", "t.csv", *QUICK),
        "delimiter: ; (found); header: row 2 (found)\nrow 1 says sep=;\n",
    )


def test_comments_above_the_table(cli, folder):
    write(folder / "t.csv", ("x", "y", "class"), plain, above="# exported by LabTool 3\n# 2024\n")
    trains(
        cli("train", "t.csv", *QUICK),
        "header: row 3 (found)\nskipped: 2 lines above the table, which start with #\n",
    )


def test_lines_to_skip(cli, folder):
    write(folder / "t.csv", ("x", "y", "class"), plain, above="Leaves\nin mm\n")
    fails(
        cli("train", "t.csv"),
        't.csv: row 1 has 1 field, and most rows have 3, separated by ","; it holds "Leaves"; '
        "pass --skip 2 if the table begins in row 3, "
        "or correct the rows: a field that contains the delimiter needs quotes",
    )
    trains(cli("train", "t.csv", "--skip", 2, *QUICK), "skipped: 2 lines, as told\n")
    fails(
        cli("train", "t.csv", "--skip", 1000),
        "t.csv: has no rows below the lines to skip; 63 lines; "
        "pass a smaller number than --skip 1000",
    )


@pytest.mark.parametrize("mark", ["-", "n.a.", "."])
def test_a_first_row_with_a_mark_for_a_missing_value(cli, folder, mark):
    row = lambda i: (mark if i % 9 == 0 else number(i), *plain(i)[1:])  # noqa: E731
    write(folder / "t.csv", row(0), lambda i: row(i + 1))
    ended = cli("train", "t.csv")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith(f'Error: t.csv: row 1, column "column_0": "{mark}" is not a number')
    assert ended.err.endswith(f"; correct it, or pass --na {mark} if it means a missing value\n")
    trains(
        cli("train", "t.csv", "--na", mark, *QUICK),
        "header: none (found)\nrows: 61\n",
        'missing values: 7 ("column_0" 7)',
    )


def test_blanks_divide(cli, folder):
    lines = [f"   {a}     {b}  {c}" for a, b, c in map(plain, range(ROWS))]
    (folder / "t.txt").write_text("\n".join(["x  y   class", *lines]))
    trains(cli("train", "t.txt", *QUICK), "delimiter: space (found); header: row 1 (found)\n")


def test_a_header_twice(cli, folder):
    row = lambda i: ("x", "y", "class") if i == 29 else plain(i)  # noqa: E731
    write(folder / "t.csv", ("x", "y", "class"), row)
    fails(
        cli("train", "t.csv"),
        't.csv: row 31 is the header again; it holds "x", "y", "class"; '
        "leave this row out; it may be two files in one",
    )


def test_columns_of_the_same_name(cli, folder):
    write(folder / "t.csv", ("x", "x", "class"), plain)
    fails(
        cli("train", "t.csv"),
        't.csv: 2 columns are called "x"; columns 0, 1, counted from 0, of row 1; '
        "give each its own name, or pass --drop 1 to leave that one out",
    )
    trains(cli("train", "t.csv", "--drop", 1, "--out", "run", *QUICK[:-1]), "t: 60 rows, 1 feature")
    assert cli("predict", "run", "t.csv", "-q").out.count("\n") == ROWS


def test_other_encodings(cli, folder):
    write(folder / "t.csv", ("größe", "b", "kind"), plain)
    (folder / "t.csv").write_bytes((folder / "t.csv").read_text("utf-8").encode("cp1252"))
    fails(
        cli("train", "t.csv"),
        "t.csv: is not UTF-8; row 1 contains the byte 0xf6; "
        "pass --encoding cp1252 if it is from Windows, or save it as UTF-8",
    )
    trains(cli("train", "t.csv", "--encoding", "cp1252", *QUICK))


# ---- labels --------------------------------------------------------------------------------------


def test_rare_classes(cli, folder):
    row = lambda i: (*plain(i)[:2], f"r{i // 2}" if i < 8 else kind(i))  # noqa: E731
    write(folder / "t.csv", ("x", "y", "class"), row)
    fails(
        cli("train", "t.csv"),
        't: 4 classes have too few rows to be in every part; "r0" 2, "r1" 2, "r2" 2, "r3" 2 of 60 '
        "rows, val 0.1, test 0.2; add rows, pass --rare drop to leave them out, "
        "or change the fractions",
    )
    trains(
        cli("train", "t.csv", "--rare", "drop", *QUICK),
        "t: 52 rows, 2 features, 2 classes\nclasses: ja 26, nein 26;",
        'rare classes left out: "r0", "r1", "r2", "r3", 8 rows together\n',
    )


@pytest.mark.parametrize(
    ("codes", "classes"),
    [(("01234", "90210"), "01234 30, 90210 30"), (("007", "7", "12"), "007 20, 12 20, 7 20")],
)
def test_labels_with_leading_zeros(cli, folder, codes, classes):
    row = lambda i: (*plain(i)[:2], codes[i % len(codes)])  # noqa: E731
    write(folder / "t.csv", ("x", "y", "zip"), row)
    trains(cli("train", "t.csv", "--out", "run", *QUICK[:-1]), f"\nclasses: {classes};")
    assert {*cli("predict", "run", "t.csv", "-q").out.split()} <= {*codes}


def test_na_as_a_class(cli, folder):
    row = lambda i: (*plain(i)[:2], ("NE", "NG", "NA")[i % 3])  # noqa: E731
    write(folder / "t.csv", ("x", "y", "country"), row)
    trains(cli("train", "t.csv", *QUICK), "rows: 60, 20 of them left out for a missing label\n")
    trains(cli("train", "t.csv", "--na", "", *QUICK), "\nclasses: NA 20, NE 20, NG 20;")


def test_none_and_infinity_among_numeric_labels(cli, folder):
    row = lambda i: (*plain(i)[:2], "None" if i % 10 == 7 else f"{i % 3}")  # noqa: E731
    write(folder / "t.csv", ("x", "y", "grade"), row)
    trains(
        cli("train", "t.csv", *QUICK),
        "rows: 60, 6 of them left out for a missing label\n",
        "\nclasses: 0 18, 1 18, 2 18;",
    )
    ended = cli("train", "t.csv", "--missing", "error")
    assert ended.err.startswith('Error: t.csv: row 9, column "grade": "None" is a missing label; 6')
    write(
        folder / "u.csv",
        ("x", "y", "grade"),
        lambda i: (*plain(i)[:2], (f"{i % 3}", "-inf")[i == 7]),
    )
    fails(
        cli("train", "u.csv"),
        'u.csv: row 9, column "grade": "-inf" is not a finite number; 1 such cell: row 9 "grade" '
        '"-inf"; correct it, or leave the field empty if the label is missing',
    )
    words = ("inf", "None", "x")
    write(folder / "w.csv", ("x", "y", "word"), lambda i: (*plain(i)[:2], words[i % 3]))
    trains(cli("train", "w.csv", *QUICK), "\nclasses: None 20, inf 20, x 20;")


def test_a_last_column_of_names(cli, folder):
    header, row = ("x", "origin", "car"), lambda i: (number(i), kind(i), f"car {max(i, 4)}")
    write(folder / "t.csv", header, row)
    ended = cli("train", "t.csv")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("Error: t: 55 classes have too few rows to be in every part; ")
    assert ended.err.endswith("; choose the column of the class, such as --label origin\n")
    trains(cli("train", "t.csv", "--label", "origin", *QUICK), "left out: car (56 different")


def test_the_label_in_the_first_column(cli, folder):
    write(folder / "t.csv", ("class", "x", "y"), lambda i: plain(i)[::-1])
    fails(
        cli("train", "t.csv"),
        't.csv: the label "y" is a quantity, not a class; 60 different numbers in 60 rows; '
        "choose the column of the class, such as --label class, or pass --classes",
    )
    trains(cli("train", "t.csv", "--label", "class", *QUICK))


def test_labels_that_differ_in_case(cli, folder):
    labels = ["Yes", "no", "Yes ", " YES", "No", "yes", "NO"]
    write(folder / "t.csv", ("x", "y", "churn"), lambda i: (*plain(i)[:2], labels[i % 7]), 70)
    ended = trains(
        cli("train", "t.csv", *QUICK), "\nclasses: NO 10, No 10, YES 10, Yes 20, no 10, yes 10;"
    )
    assert ended.err.startswith(
        "Warning: t.csv: 6 classes differ only in upper and lower case or in spaces; "
        '"NO", "No", "no", "YES", "Yes", "yes"; if they mean the same, write them the same\n'
    )
    assert cli("train", "t.csv", "-q", *QUICK).err.startswith(ended.err.partition("\n")[0])


@pytest.mark.parametrize("missing", [(), ("--missing", "mean"), ("--missing", "drop")])
def test_rows_without_a_label(cli, folder, missing):
    row = lambda i: (*plain(i)[:2], kind(i) if i % 10 else "")  # noqa: E731
    write(folder / "t.csv", ("x", "y", "class"), row)
    note = "rows: 60, 6 of them left out for a missing label\n"
    trains(cli("train", "t.csv", *missing, *QUICK), "t: 54 rows", note)


# ---- columns -------------------------------------------------------------------------------------


def test_texts_that_mean_missing(cli, folder):
    marks = ("-", ".", "n.a.", "missing")
    row = lambda i: (marks[i % 8] if i % 8 < 4 and i < 50 else number(i), number(i, 1), kind(i))  # noqa: E731
    write(folder / "t.csv", ("x", "y", "class"), row)
    ended = cli("train", "t.csv")
    assert ended.code == 3 and ended.err.endswith(
        "; correct it, or pass --na -,.,n.a.,missing if it means a missing value\n"
    )
    trains(cli("train", "t.csv", "--na", "-,.,n.a.,missing", *QUICK), 'missing values: 26 ("x" 26)')


def test_texts_that_mean_missing_beside_the_usual_ones(cli, folder):
    """--na takes the place of the usual ones, so the advice has to name those that occur, too."""
    marks = {0: "--", 3: "n/a", 6: "NA"}
    row = lambda i: (marks.get(i % 10, number(i)), *plain(i)[1:])  # noqa: E731
    write(folder / "t.csv", ("x", "y", "class"), row)
    ended = cli("train", "t.csv")
    assert ended.code == 3 and ended.err.endswith(
        "; correct it, or pass --na --,n/a,NA if it means a missing value\n"
    )
    trains(cli("train", "t.csv", "--na", "--,n/a,NA", *QUICK), 'missing values: 18 ("x" 18)')
    ended = cli("train", "t.csv", "--na", "NA,n/a")
    assert ended.err.endswith("pass --na --,NA,n/a if it means a missing value\n")


def test_amounts_with_units_and_dates(cli, folder):
    row = lambda i: (f"2024-01-{i}", f"${number(i)}", number(i, 1), kind(i))  # noqa: E731
    write(folder / "t.csv", ("day", "price", "x", "class"), row)
    trains(
        cli("train", "t.csv", *QUICK),
        "left out: day (60 different texts in 60 rows), price (60 different texts in 60 rows)\n",
    )
    fails(
        cli("train", "t.csv", "--drop", "x"),
        't.csv: no column can be a feature; left out: "day" (60 different texts in 60 rows), '
        '"price" (60 different texts in 60 rows); '
        "give a file with columns of numbers or of categories",
    )


def test_a_column_that_numbers_the_rows(cli, folder):
    write(folder / "t.csv", ("nr", "x", "class"), lambda i: (f"{i + 1}", *plain(i)[1:]))
    warning = (
        'Warning: t.csv: "nr" has another whole number in every row, as ids and counters do; it is '
        "used as a feature, and says nothing about new rows; pass --drop nr if it is one\n"
    )
    assert cli("train", "t.csv", "-q", *QUICK).err.startswith(warning)
    assert "Warning: t.csv" not in cli("train", "t.csv", "--drop", "nr", *QUICK).err


def test_a_passenger_list(cli, folder):
    """A text label, texts with few values, names, gaps, a column that gives the label away."""
    header = ("survived", "name", "sex", "age", "deck", "alive")

    def row(i):
        age = "" if i % 7 == 0 else number(i)
        sex = ("male", "female")[i % 3 == 0]
        return f"{i % 2}", f"Name {i}", sex, age, ("", "B", "C")[i % 3], ("no", "yes")[i % 2]

    write(folder / "t.csv", header, row, 120)
    ended = trains(
        cli("train", "t.csv", "--label", "survived", "--out", "run", *QUICK[:-1]),
        'missing values: 58 ("age" 18, "deck" 40); a number becomes the mean of the training rows, '
        "a text has zeros in its features\n"
        "one-hot: sex (2 values), deck (2), alive (2); "
        "left out: name (120 different texts in 120 rows)\n"
        'label: column "survived"; 2 classes\n',
    )
    assert ended.err.startswith(
        'Warning: t.csv: the value of "alive" alone settles the class in every row; it may be '
        "another form of the label, which new rows will not have; pass --drop alive if so\n"
    )
    with_quiet = cli("train", "t.csv", "--label", "survived", "-q", *QUICK).err
    assert with_quiet.startswith(ended.err.partition("\n")[0])
    assert "\nleft out: name\n" in cli("inspect", "run").out
    (folder / "new.csv").write_text("sex,age,deck,alive\nmale,,,no\nfemale,3,B,yes\n")
    assert cli("predict", "run", "new.csv", "-q").out.count("\n") == 2


def test_decisions_can_be_overruled(cli, folder):
    row = lambda i: (f"Name {i}", "ab"[i % 3 == 0], f"{i % 4}", number(i), kind(i))  # noqa: E731
    write(folder / "t.csv", ("name", "flag", "code", "x", "class"), row)
    fails(
        cli("train", "t.csv", "--one-hot", "none"),
        "t.csv: 2 columns hold texts, not numbers; "
        '"name" (60 values in 60 rows), "flag" (2 values in 60 rows); '
        "pass --one-hot flag, --drop name",
    )
    ended = cli("train", "t.csv", "--one-hot", "flag,code", "--drop", "name,x", *QUICK)
    trains(ended, "t: 60 rows, 6 features", "one-hot: flag (2 values), code (4)\nlabel")
