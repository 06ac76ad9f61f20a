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


@pytest.mark.slow
def test_the_recipe_is_judged_beside_scikit_learn():
    pytest.importorskip("sklearn")
    command = [sys.executable, ROOT / "benchmarks" / "recipe.py", "--only", "moons", "--seeds", "0"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr  # it reaches the goal on moons, by 3 points
    assert "more than 1.5 points or 2 rows below: none" in done.stdout
    assert done.stdout.endswith("diverged: 0\n")
    worse = subprocess.run(
        [*command, "--option", "epochs=1"], capture_output=True, encoding="utf-8", timeout=120
    )
    assert worse.returncode == 1 and "more than 1.5 points or 2 rows below: moons" in worse.stdout
