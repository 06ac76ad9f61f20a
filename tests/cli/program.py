"""How the tests start the program, and what a run leaves behind."""

import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TRAIN_PY = (sys.executable, str(ROOT / "train.py"))
SCRIPT = (sys.executable, str(ROOT / "minigrad_main.py"))  # as the console script does
MODULE = (sys.executable, "-m", "minigrad")
# A warning in the program is an error, as it is in the tests; options come from the tests alone.
OURS = [name for name in os.environ if name.startswith("MINIGRAD_") or name == "COLUMNS"]
OTHERS = {name: value for name, value in os.environ.items() if name not in OURS}
ENVIRONMENT = {**OTHERS, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict]:
        """What --json wrote, one object a line, without the NaN and Infinity that JSON lacks."""
        return [json.loads(line, parse_constant=_refuse) for line in self.out.splitlines()]


def _refuse(constant):
    raise AssertionError(f"{constant} is not JSON")
