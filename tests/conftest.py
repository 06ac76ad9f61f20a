"""What every test process needs, and the table of cases as fixtures."""

import os
import signal

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the matrices are small

# A shell starts a job in the background (`pytest &`) with SIGINT ignored, and the processes that
# the tests start and interrupt would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest  # noqa: E402

from minigrad.checking.cases import CASES  # noqa: E402

EXAMPLES = [(case, shapes) for case in CASES for shapes in case.shapes]
KINKS = [(case, arrays) for case in CASES for arrays in case.kinks]


@pytest.fixture(params=EXAMPLES, ids=[f"{c}: {' '.join(map(str, s))}" for c, s in EXAMPLES])
def example(request):
    """Every row of the table with every one of its shapes: (case, shapes)."""
    return request.param


@pytest.fixture(params=KINKS, ids=[f"{c}: {len(a)}" for c, a in KINKS])
def kink(request):
    """Every point of the table without a derivative: (case, arrays)."""
    return request.param
