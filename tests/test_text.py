"""What messages and terminals share."""

import numpy as np
import pytest

from minigrad.text import counted, did_you_mean, kind_of, listed, printable, shown, table


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("age", '"age"'),
        ('a "b"', '"a \\"b\\""'),
        ("größe", '"größe"'),
        ("a\x1b[31m\n", '"a\\u001b[31m\\n"'),
        ("x" * 41, '"' + "x" * 40 + '…"'),
        ("", '""'),
    ],
)
def test_a_text_is_shown_short_and_quoted(text, expected):
    assert shown(text) == expected


def test_a_printable_name_is_written_as_in_quotes():
    assert printable("größe\x1b[31m\n") == r"größe\u001b[31m\n"
    assert shown("größe\x1b[31m\n\u2028") == r'"größe\u001b[31m\n\u2028"'


def test_a_long_list_is_cut():
    assert listed(["a", "b"]) == '"a", "b"'
    assert listed(["a", "b", "c", "d"], 2) == '"a", "b" and 2 more'


def test_the_closest_name_is_suggested():
    assert did_you_mean("irsi", ["wine", "iris"], "choose one") == "did you mean 'iris'?"
    assert did_you_mean("quux", ["wine", "iris"], "choose one") == "choose one"
    several = did_you_mean("sofmax", ["softmax", "log_softmax", "exp"], "", most=3)
    assert several == "did you mean 'softmax' or 'log_softmax'?"


def test_a_table_aligns_its_columns():
    rows = [("name", "rows", "source"), ("iris", "150", "Fisher"), ("digits", "1797", "UCI")]
    assert table(rows, "<><") == (
        "name    rows  source\n"
        "iris     150  Fisher\n"
        "digits  1797  UCI"
    )  # fmt: skip
    assert table([("a", "b", "c"), ("10", "20", "300")]) == "a    b    c\n10  20  300"


def test_a_number_and_its_noun_agree():
    assert [counted(n, "row") for n in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]
    assert [counted(n, "class") for n in (1, 2)] == ["1 class", "2 classes"]


def test_the_type_of_a_value_has_its_article():
    assert kind_of("x") == "a str" and kind_of(1) == "an int" and kind_of(None) == "None"
    assert kind_of(np.zeros(1)) == "an ndarray"
