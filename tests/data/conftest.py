"""Fixtures that tests of CSV files share."""

import pytest

from minigrad import data
from minigrad.errors import DataError
from tests.data.files import refusal, write


@pytest.fixture
def load(tmp_path):
    """Return a function that loads text as a file."""
    return lambda content, **options: data.load(write(tmp_path / "my.csv", content), **options)


@pytest.fixture
def refused(tmp_path):
    """Return a function that gives the message with which text is refused as a file."""

    def refused(content, kind=DataError, **options):
        return refusal(write(tmp_path / "my.csv", content), kind, **options)

    return refused
