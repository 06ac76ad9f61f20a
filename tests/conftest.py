"""What every test process needs."""

import os
import signal

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the matrices are small

# A shell starts a job in the background (`pytest &`) with SIGINT ignored, and the processes that
# the tests start and interrupt would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
