"""A run that is crashed at any of its file-system calls resumes to the same bytes."""

import json
import subprocess
import sys
from collections import Counter

import pytest

from tests.cli.program import ENVIRONMENT, ROOT

NOTHING_YET = (
    "run: the run ended before its first checkpoint; there is no last.npz in it; train again with "
    "--out run, --overwrite",
    "run: it is not a run folder; there is no last.npz in it; give a folder that minigrad train "
    "wrote, such as runs/digits-1",
    "run: it is not a run folder; there is no such folder; give a folder that minigrad train "
    "wrote, such as runs/digits-1",
)


def crashes(folder, every):
    """Crash at every so-many-th step and check what came out: (crashes, resumed ones, steps)."""
    command = [sys.executable, "-m", "tests.training.crash", folder, str(every)]
    out = subprocess.run(
        command, env=ENVIRONMENT, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    first, *found = map(json.loads, out.splitlines())
    assert first["code"] == 0
    for one in found:
        # A call that fails is one line; some, such as clearing up, may fail without harm.
        killed = one["kind"] not in ("ENOSPC", "EIO")
        assert one["code"] in ((-9,) if killed else (0, 3)), one
        assert one["text"].count("\n") == (one["code"] == 3) or one["code"] == 0, one
        assert "Traceback" not in one["text"], one
        # It is resumed, or says in one line that there is nothing to resume yet.
        if one["checkpoint"]:
            assert one["resumed"] == 0, one
        else:
            assert (one["resumed"], one["again"]) == (3, 0), one
            assert one["line"].removeprefix("Error: ").strip() in NOTHING_YET, one
        assert one["same"] and not one["left"], one
    return Counter(one["kind"] for one in found), len(first["steps"])


def test_crashes_at_some_steps(tmp_path):
    kinds, _ = crashes(tmp_path, 67)
    assert min(kinds[kind] for kind in ("before", "after", "ENOSPC", "EIO")) > 2


@pytest.mark.slow
def test_a_crash_at_every_step(tmp_path, capsys):
    kinds, steps = crashes(tmp_path, 1)
    assert kinds["before"] == kinds["after"] == kinds["EIO"] == steps
    with capsys.disabled():
        print(f"\n{steps} file-system calls, {sum(kinds.values())} crashes: {dict(kinds)}")
