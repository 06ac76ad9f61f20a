"""Which delimiter and header are found, and when that is undecided."""

import pytest

from minigrad import data
from minigrad.data.csv_start import find_delimiter
from minigrad.errors import ArgumentError, DataError
from tests.data.files import refusal, write

ROWS = [["width", "height", "kind"], ["1", "2.5", "a"], ["-3", "4e1", "b"], ["5", "6", "a"]]
ROWS.append(["7", "8", "b"])


def table(rows, delimiter=","):
    return "".join(delimiter.join(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("delimiter", "name"), [(",", ","), (";", ";"), ("\t", "tab"), ("|", "|")], ids="csTp"
)
def test_each_delimiter_is_found_and_can_be_given(tmp_path, delimiter, name):
    path = write(tmp_path / "a.csv", table(ROWS, delimiter))
    dataset = data.load(path)
    assert dataset.x.tolist() == [[1, 2.5], [-3, 40], [5, 6], [7, 8]]
    assert dataset.notes[0] == f"delimiter: {name} (found); header: row 1 (found)"
    given = data.load(path, delimiter=name, header="yes")
    assert given.notes[0] == f"delimiter: {name} (given); header: row 1 (given)"
    assert given.x.tobytes() == dataset.x.tobytes()
    assert dataset.schema.form.delimiter == given.schema.form.delimiter == delimiter


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        (
            "a;b;kind\n1;x,y;p\n2;x,y;q\n3;x,y;p\n4;x,y;q\n",
            ";",
        ),  # a comma in each row but the first
        ("t;a;kind\n1,5;2,5;p\n1,5;2,5;q\n1,5;2;p\n1,5;2,5;q\n", ";"),  # decimal commas
        ('t,a,kind\n"1;2",3,p\n"1;2",3,q\n"1;2",3,p\n"1;2",3,q\n', ","),
        ("a b,c d,kind\n1,2,p q\n3,4,r s\n1,2,p q\n3,4,r s\n", ","),  # never a space
        ("1.5;2,5;x\n2.5;3,5;y\n", ";"),  # separated by commas as evenly, but not into numbers
        ("a|b,c|d\n1|2,3|4\n5|6|7\n8|9|0\n", "|"),  # a comma in the first two
        ("a|b|kind\n1|2|p\n3|4\n5|6|p\n", "|"),  # a row is too short
    ],
)
def test_the_delimiter_that_fits_wins(text, delimiter):
    assert find_delimiter(text.splitlines(keepends=True), "a.csv", data.Format()) == delimiter


def test_an_undecided_delimiter(tmp_path):
    path = write(tmp_path / "a.csv", "a,b;c\n" + "p,q;r\n" * 4)
    assert refusal(path, DataError) == (
        'cannot tell which delimiter separates its columns; "," and ";" separate '
        "the first 5 lines equally well; pass delimiter=',' or another"
    )
    write(path, "a,b;c\n" + "p,q;r\n" * 2 + "p,s;t\n" * 2)
    dataset = data.load(path, delimiter=";", header="yes", one_hot=["a,b"])
    assert dataset.feature_names == ("a,b=p,q", "a,b=p,s")


HEADERS = {
    "names over numbers": ("a,b,kind\n1,2,p\n3,4,q\n1,2,p\n3,4,q\n", True),
    "names over numbers and gaps": ("a,b,kind\n,2,p\n3,?,q\n1,NA,p\n3,4,q\n", True),
    "numbers and one name": ("kind,0,1,2\n1,5,6,7\n0,5,6,7\n1,4,3,2\n0,1,2,3\n", True),
    "a word that comes again": ("1,2,p\n3,4,q\n1,2,p\n3,4,q\n", False),
    "numbers only": ("1.5,2,1\n3,4,0\n1,2,1\n3,4,0\n", False),
    "words that come again": ("red,p\nblue,q\nred,q\nblue,p\n", False),
    "two numbers in order": ("0,1\n1,0\n1,1\n0,0\n", False),
    "numbers in order at the top": ("3,4,5\n1,1,4\n3,1,5\n3,3,4\n", None),
    "names that count": ("0,1,2,kind\n5,6,7,p\n5,6,7,q\n4,3,2,p\n1,2,3,q\n", None),
    "years": ("2019,2020,2021\n5,6,7\n5,6,8\n4,3,7\n1,2,8\n", None),
    "words only": ("colour,kind\nred,p\nblue,q\nred,q\nblue,p\n", None),
    "a sentence": ("Wow... Loved this place.,1\nCrust is not good.,0\nAwful,0\nGood,1\n", None),
    "amounts and dates": ("price,day\n$1.5,1. May\n$2,2. May\n$3,3. May\n$4,4. May\n", True),
    "a mark for a missing number": ("?,3,1,p\n3,1,2,q\n4,2,2,p\n1,5,2,q\n", False),
    "a mark and no other numbers": ("?,p\n3,q\n4,p\n1,q\n", False),
    "a name and a fraction": ("kind,1.5,2\n1,5,6\n0,5,6\n1,4,3\n0,1,2\n", None),
}
FACTS = {
    "numbers in order at the top": '"3", "4", "5" … may be names or values',
    "names that count": '"kind" may be a name or a value',
    "years": '"2019", "2020", "2021" … may be names or values',
    "words only": '"colour" may be a name or a value',
    "a sentence": '"Wow... Loved this place." may be a name or a value',
    "a name and a fraction": '"kind" would name a column, but so would "1.5"',
}


@pytest.mark.parametrize("cells", [1, 3, 6, 7, 100])
def test_rows_come_in_blocks_with_their_numbers(tmp_path, monkeypatch, cells):
    monkeypatch.setattr("minigrad.data.csv_file.CELLS_IN_BLOCK", cells)
    text = '\n\n\na,b,kind\n1,2,x\n\n3,"\n4\r\n",y\n\n\n\n5,6,"x"\r\n7,8,y\n'
    path = write(tmp_path / "a.csv", text)
    dataset = data.load(path)
    assert dataset.x.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]
    blocks = [*data.read_rows(path, dataset.schema)]
    assert [n for block in blocks for n in block.numbers] == [5, 7, 13, 14]
    write(path, text + '9,"10,x\n')
    with pytest.raises(DataError, match="row 15 cannot be split into fields; .* goes on to line 1"):
        data.load(path)
    write(path, text + "9,x\n")
    with pytest.raises(DataError, match="row 15 has 2 fields; the first row has 3"):
        data.load(path)


@pytest.mark.parametrize("case", HEADERS)
def test_header(tmp_path, case):
    text, header = HEADERS[case]
    path = write(tmp_path / "a.csv", text)
    texts = [name for name in ("red", "Wow... Loved this place.", "$1.5") if name in text]
    options = {"one_hot": [0] if texts else [], "missing": "mean"}
    if header is None:
        assert refusal(path, DataError, **options) == (
            f"cannot tell whether row 1 is a header; {FACTS[case]}; "
            "pass header='yes' or header='no'"
        )
        return
    dataset = data.load(path, label=0 if "one name" in case else None, **options)
    assert dataset.schema.by_name is header
    assert len(dataset) == text.count("\n") - header
    assert dataset.notes[0].endswith("header: row 1 (found)" if header else "header: none (found)")


@pytest.mark.parametrize("case", [case for case, (_, header) in HEADERS.items() if header is None])
def test_a_given_header_is_not_questioned(tmp_path, case):
    rows = HEADERS[case][0].splitlines()
    top = rows[0].split(",")
    path = write(tmp_path / "a.csv", "\n".join([*rows, *rows[1:], *rows]))  # no class of one row
    hot = [0] if case in ("words only", "a sentence") else []
    if case not in ("a name and a fraction",):
        path = write(tmp_path / "a.csv", "\n".join([rows[0], *rows[1:], *rows[1:]]))
        named = data.load(path, header="yes", one_hot=hot)
        assert [c.name for c in named.schema.columns] + [named.schema.label] == top
        assert named.schema.by_name and len(named) == 2 * len(rows) - 2
    path = write(tmp_path / "a.csv", "\n".join([*rows, *rows]))
    nameless = data.load(path, header="no", one_hot=range(len(top) - 1))
    assert [c.name for c in nameless.schema.columns] == [f"column_{i}" for i in range(len(top) - 1)]
    assert not nameless.schema.by_name and len(nameless) == 2 * len(rows)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"delimiter": ":"},
            'delimiter ":" is unknown; it can be , ; tab | space; leave it out to have it found',
        ),
        (
            {"header": "maybe"},
            "header 'maybe' is unknown; it can be yes, no, auto; leave it out to have it found",
        ),
    ],
)
def test_other_delimiters_and_headers(tmp_path, options, text):
    path = write(tmp_path / "a.csv", table(ROWS))
    assert refusal(path, ArgumentError, **options) == f"load: {text}"
    schema = data.load(path).schema
    assert refusal(path, ArgumentError, data.read_rows, schema=schema, **options) == (
        f"read_rows: {text}"
    )
