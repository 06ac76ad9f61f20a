"""One test for all rows of a name in the table of cases; a failure names the row and its shapes."""

import pytest

from minigrad.checking.cases import CASES
from minigrad.checking.table import EXAMPLES

KINKS = {}
for case in CASES:
    KINKS.setdefault(case.name, []).extend((case, inputs) for inputs in case.kinks)


def _for_each_name(table, check):
    """Return a test for each name, which runs `check(case, what)` on each of its examples.

    The check of a single example is `test.check`.
    """

    @pytest.mark.parametrize("name", [name for name in table if table[name]])
    def test(name):
        for case, what in table[name]:
            try:
                check(case, what)
            except BaseException as error:
                error.add_note(f"in the row {case} of the table, with {what}")
                raise

    test.__doc__, test.check = check.__doc__, check
    return test


def for_every_row(check):
    """Make a test of check(case, shapes): every row of the table, with every one of its shapes."""
    return _for_each_name(EXAMPLES, check)


def for_every_kink(check):
    """Make a test of check(case, inputs): every point of the table without a derivative."""
    return _for_each_name(KINKS, check)
