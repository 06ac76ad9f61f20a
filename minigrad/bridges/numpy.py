"""A classifier as one Python file that needs NumPy only, and its numbers in an .npz beside it.

numpy_program.txt is the program with every function that a network may call. A line that ends in
`#? word` is left out where that does not hold, and so is what is not called. All names are in the
.npz, with the numbers: no text of a model becomes code.
"""

import json
import keyword
import os
import re
import sys
from collections.abc import Iterator
from importlib.resources import files
from string import Template
from typing import BinaryIO

import numpy as np

from .. import nn
from ..data.cells import THOUSANDS
from ..data.files import atomic_write, check_path, check_target
from ..data.rows import place_of
from ..errors import ArgumentError
from ..tensor import Tensor
from ..text import listed, printable, shortened
from ..training import Classifier, archive
from ..typing import Path
from . import fills, without_unused

PROGRAM = files(__package__).joinpath("numpy_program.txt").read_text("utf-8")
# The name and the parameters of each function, by the layer's name in small letters.
FUNCTIONS = {f[0].replace("_", ""): f for f in re.findall(r"def (\w+)\((.*)\):", PROGRAM)}
LETTERS = {"m": "running_mean", "v": "running_var", "W": "weight", "b": "bias"}
Arrays = dict[str, np.ndarray]


def write(classifier: Classifier, path: Path, *, overwrite: bool = False) -> list[str]:
    """Write a program that predicts to `path`, and its numbers beside it; return both paths.

    Raises:
        ArgumentError: if the path is not that of a module, or has the name of one of Python's.
        DataError: if a file exists and `overwrite` is False, or cannot be written.
    """
    check_path("export", path)
    path = os.fspath(path)
    stem, suffix = os.path.splitext(path)
    name, taken = os.path.basename(stem), {"numpy", *sys.stdlib_module_names}
    if suffix != ".py" or not name.isidentifier() or keyword.iskeyword(name) or name in taken:
        wrong = "the file cannot be imported under its name"
        remedy = "end it in .py, and give it a name of letters, digits and _ that is not a module's"
        raise ArgumentError("export", wrong, f"PATH {printable(path)}", remedy)
    numbers = f"{stem}.npz"
    for target in (path, numbers):
        check_target(target, overwrite)
    text, arrays = program(classifier, name)
    members = {f"{key}.npy": archive.npy(key, array) for key, array in arrays.items()}

    def write_both(file: BinaryIO) -> None:
        archive.write_zip(file, members)
        file.flush()  # now the disk is full, if it is
        atomic_write(path, text.encode(), overwrite=overwrite)

    atomic_write(numbers, write_both, overwrite=overwrite)
    return [path, numbers]


def program(classifier: Classifier, name: str) -> tuple[str, Arrays]:
    """Return the text of the program, whose module is called `name`, and its arrays by name."""
    schema, scaling, dtype = classifier.schema, classifier.scaling, classifier.architecture["dtype"]
    columns, form, F = schema.columns, schema.form, len(schema.feature_names)
    names = {
        "columns": [(column.name, column.values) for column in columns],
        "places": [place_of(column.name) for column in columns],
        "classes": schema.class_names,
        "missing": form.missing,
    }
    arrays = {"names": np.frombuffer(json.dumps(names).encode(), np.uint8)}
    arrays |= {"shift": scaling.shift.astype(dtype), "scale": scaling.scale}
    if fills(classifier):
        arrays["fill"] = (scaling.fill - scaling.shift).astype(dtype)
    if schema.offsets.any():
        arrays["offset"] = schema.offsets
    with nn.evaluating(model := classifier.model), np.errstate(all="ignore"):
        *layers, last = ["x = x", *_layers(model, Tensor(np.zeros((1, F), dtype)), arrays)]
    delimiter = form.delimiter or ","
    holds = {
        "images": schema.image,
        "offset": "offset" in arrays,
        "filled": "fill" in arrays,
        "asinh": scaling.kind == "asinh",
        "words": any(column.values is not None for column in columns),
        "numbered": not (schema.by_name or None in (*names["places"], place_of(schema.label))),
        "thousands": form.thousands,
        "spaces": delimiter == " ",
        "comma": form.decimal == ",",
    }
    values = {
        "name": name,
        "F": F,
        "C": len(schema.class_names),
        "K": len(columns),
        "columns": shortened(listed([column.name for column in columns]), 76),
        "classes": shortened(listed(schema.class_names), 76),
        "wide": "float64" if holds["offset"] else dtype,
        "dtype": dtype,
        "layers": "\n    ".join([*layers[1:], f"z{last[1:]}"]),
        "encoding": json.dumps({"utf-8": "utf-8-sig"}.get(form.encoding, form.encoding)),
        "skip": f"[{form.skip}:]" if form.skip else "",
        "delimiter": "" if delimiter == "," else f", delimiter={json.dumps(delimiter)}",
        "width": 1 + len(columns) + len(schema.dropped) + len(schema.left_out),
        "cell": "cell.lower()" if form.na is None else "cell",
        "thousands": json.dumps(THOUSANDS.get(form.thousands or "")),
    }
    return _called(Template(without_unused(PROGRAM, holds)).substitute(values)), arrays


def _called(text: str) -> str:
    """Return a program without the functions that it does not call, and without unused imports."""
    head, *functions, main = text.split("\n\n\n")
    named = {function[4 : function.index("(")]: function for function in functions}
    todo, called = [main], set()
    while todo:
        new = {*re.findall(r"\w+(?=\()", todo.pop())} & {*named} - called
        todo += [named[name] for name in new]
        called |= new
    kept = [function for name, function in named.items() if name in called]
    if not any("math." in function for function in kept):
        head = head.replace("import math\n", "")
    return "\n\n\n".join([head, *kept, main])


def _layers(model: nn.Sequential, x: Tensor, arrays: Arrays, prefix: str = "") -> Iterator[str]:
    """Yield the lines that compute the output of the layers, x again, from x; fill `arrays`."""
    for i, layer in enumerate(model.layers):
        name, kind, y = f"{prefix}{i}", type(layer).__name__, layer(x)
        sizes = ", ".join(map(str, y.shape[1:]))
        if isinstance(layer, nn.Sequential):
            kept, residual = f"kept{name.count('.')}", isinstance(layer, nn.Residual)
            yield from [f"{kept} = x  # to be added to what the next lines make of it"] * residual
            yield from _layers(layer, x, arrays, f"{name}.")
            yield from [f"x = {kept} + x"] * residual
        elif kind in ("Flatten", "Unflatten"):
            yield f"x = x.reshape(len(x), {sizes})"
        elif kind != "Dropout":  # which does nothing by now
            function, given = _call(name, layer, arrays)
            shape = f"  # (N, {sizes})" if y.shape != x.shape else ""
            line = f"x = {function}({given}){shape}"
            yield line if len(line) < 85 else f"x = {function}(\n        {given}\n    ){shape}"
        x = y


def _call(name: str, layer: nn.Module, arrays: Arrays) -> tuple[str, str]:
    """Return a layer's function and what it is called with; put its arrays into `arrays`."""
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in layer.arguments().items()}
    own, given = layer.named_arrays(), ["x"]
    called = type(layer).__name__.lower() + "tanh" * (options.get("approximate") == "tanh")
    # BatchNorm1d and BatchNorm2d have one function.
    function, parameters = FUNCTIONS.get(called) or FUNCTIONS[called[:-2]]
    for letter, key in LETTERS.items():
        if key in own:
            arrays[f"{letter}{name}"] = own[key]
            given.append(f'A["{letter}{name}"]')
    if "normalized_shape" in options:
        options["axes"] = tuple(range(-len(options["normalized_shape"]), 0))
    for key, default in re.findall(r"(\w+)(?:=(\(.*?\)|[^,]*))?", parameters):
        if options.get(key) is not None and repr(options[key]) != default:
            given.append(f"{key}={options[key]!r}")
    return function, ", ".join(given)
