"""The benchmarks run: they use the library from outside, and no other test would notice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_contenders_of_a_step_arrive_at_the_same_loss():
    command = [sys.executable, ROOT / "benchmarks" / "step.py", "spirals", "--json"]
    command += ["--rounds", "1"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr  # the benchmark compares the losses
    times = json.loads(done.stdout)["microseconds"]
    assert {"matrix products", "by hand", "scikit-learn", "minigrad"} <= set(times)
