"""A bridge without the package that it needs."""

import importlib.util
import subprocess
import sys

import pytest

ABSENT = """
import sys

class Absent:
    def find_spec(name, *rest):
        if name == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent)
import minigrad.bridges.{bridge}
"""


@pytest.mark.parametrize(
    ("bridge", "package"),
    [
        ("torch", "torch"),
        ("onnx", "onnx"),
        ("safetensors", "safetensors"),
        ("sklearn", "sklearn"),
        ("sklearn", "joblib"),
    ],
)
def test_one_line_says_what_to_install(bridge, package):
    if importlib.util.find_spec(package) is None:  # nor may be what is imported before it
        pytest.skip(f"{package} is not installed")
    command = [sys.executable, "-c", ABSENT.format(bridge=bridge, package=package)]
    printed = subprocess.run(command, capture_output=True, text=True).stderr
    assert printed.splitlines()[-1] == (
        f"ModuleNotFoundError: minigrad.bridges.{bridge}: No module named '{package}'; "
        f"pip install 'minigrad[{bridge}]'"
    )
