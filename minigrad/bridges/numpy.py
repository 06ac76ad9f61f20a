"""A classifier as one Python file that needs NumPy only, and its numbers in an .npz beside it.

Of the functions at the end of this file, the program holds those that its network calls, as they
are written here. All names are in the .npz, with the numbers: no text of a model becomes code.
"""

import csv
import inspect
import json
import keyword
import math
import os
import re
import sys
from collections.abc import Iterator

import numpy as np

from .. import nn
from ..data.cells import MISSING_NUMBER
from ..data.files import atomic_write, check_path, check_target
from ..errors import ArgumentError, MinigradError
from ..tensor import Tensor
from ..text import printable, shortened
from ..training import Classifier, archive
from ..typing import Path

FRAME = '''"""x (N, {F}) -> p (N, {C}): a network that minigrad trained, in NumPy alone.

    python {name}.py data.csv              prints a class for each row
    import {name}; {name}.predict_proba(x)

Its numbers are in {name}.npz, beside this file.
"""

@imports
from pathlib import Path

import numpy as np

# Classes: {classes}
with np.load(Path(__file__).with_suffix(".npz"), allow_pickle=False) as file:
    A = dict(file)  # the arrays, by name
NAMES = json.loads(bytes(A["names"]))


def predict_proba(x):
    """x (N, {F}), as in the data -> p (N, {C}), the probability of each class"""
    x = np.atleast_2d(np.asarray(x, np.{wide})){reshape}
    parts = [x[i : i + 256] for i in range(0, max(len(x), 1), 256)]
    return np.concatenate([softmax(logits(scaled(x)).astype(float)) for x in parts])


def predict(x):
    """x (N, {F}), as in the data -> the class of each row; "" if its p is NaN"""
    p = predict_proba(x)
    return np.where(np.isnan(p[:, 0]), "", np.array(NAMES["classes"])[p.argmax(axis=1)])


def scaled(x):
    """x (N, {F}), as in the data -> x (N, {F}), as the network takes it"""
    {scaled}
    return {asinh}


def logits(x):
    """x (N, {F}), scaled -> z (N, {C})"""
    {layers}
    return x


@functions


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {{sys.argv[0]}} data.csv")
    x = read_csv(sys.argv[1], NAMES["columns"], NAMES["missing"])
    csv.writer(sys.stdout, lineterminator="\\n").writerows([name] for name in predict(x))
'''


def write(classifier: Classifier, path: Path, *, overwrite: bool = False) -> list[str]:
    """Write a program that predicts to `path`, and its numbers beside it; return both paths.

    Raises:
        ArgumentError: if the path is not that of a module, or is that of one of Python's own.
        DataError: if a file exists and `overwrite` is False, or cannot be written.
    """
    check_path("export", path)
    path = os.fspath(path)
    stem, suffix = os.path.splitext(path)
    name, facts = os.path.basename(stem), f"PATH {printable(path)}"
    if suffix != ".py" or not name.isidentifier() or keyword.iskeyword(name):
        wrong = "a program's name ends in .py and has only letters, digits and _ before it"
        raise ArgumentError("export", wrong, facts, "give a path such as model.py")
    if name in sys.stdlib_module_names or name == "numpy":
        wrong = f"import {name} would find the program in place of another module"
        raise ArgumentError("export", wrong, facts, "give a path such as model.py")
    numbers = f"{stem}.npz"
    for target in (path, numbers):
        check_target(target, overwrite)
    text, arrays = program(classifier, name)
    members = {f"{key}.npy": archive.npy(key, array) for key, array in arrays.items()}
    atomic_write(numbers, lambda file: archive.write_zip(file, members), overwrite=overwrite)
    try:
        atomic_write(path, text.encode(), overwrite=overwrite)
    except MinigradError:
        if not overwrite:
            os.remove(numbers)
        raise
    return [path, numbers]


def program(classifier: Classifier, name: str) -> tuple[str, dict[str, np.ndarray]]:
    """Return the text of the program, whose module is called `name`, and its arrays by name."""
    schema, scaling, model = classifier.schema, classifier.scaling, classifier.model
    dtype, F = classifier.architecture["dtype"], len(schema.feature_names)
    form, offset = schema.form, bool(schema.offsets.any())
    columns = [(column.name, column.values) for column in schema.columns]
    missing = sorted(MISSING_NUMBER) if form.na is None else ["", *form.na]
    names = {"columns": columns, "classes": schema.class_names, "missing": missing}
    filled = schema.missing == "mean" and scaling.fill is not None
    fill = scaling.fill - scaling.shift if filled else np.full(F, np.nan)
    A = {"names": np.frombuffer(json.dumps(names).encode(), np.uint8)}
    A |= {"shift": scaling.shift.astype(dtype), "scale": scaling.scale, "fill": fill.astype(dtype)}
    scaled = ['x = x - A["shift"]', 'x = np.where(np.isfinite(x), x, A["fill"])  # if missing']
    scaled += [f'x = (x / A["scale"]).astype(np.{dtype})']
    if offset:
        A["offset"] = schema.offsets
        scaled.insert(0, f'x = (x - A["offset"]).astype(np.{dtype})')
    with nn.evaluating(model), np.errstate(all="ignore"):
        layers = [*_lines(model, Tensor(np.zeros((1, F), dtype)), A)]
    classes = shortened(printable(", ".join(schema.class_names)), 70)
    text = FRAME.format(
        name=name,
        F=F,
        C=len(schema.class_names),
        classes=classes,
        wide="float64" if offset else dtype,
        reshape=f"\n    x = x.reshape(len(x), {F})  # images" * bool(schema.image),
        scaled="\n    ".join(scaled),
        asinh="np.arcsinh(x)" if scaling.kind == "asinh" else "x",
        layers="\n    ".join(layers),
    )
    return _with_functions(text), A


def _with_functions(text: str) -> str:
    """Put the functions that a program calls into it, and those that they call, and the imports."""
    known = {function.__name__: function for function in FUNCTIONS}
    sources: dict[str, str] = {}
    todo = [text]
    while todo:
        for name in re.findall(r"\b(\w+)\(", todo.pop()):
            if name in known and name not in sources:
                sources[name] = inspect.getsource(known[name])
                todo.append(sources[name])
    text = text.replace("@functions", "\n\n".join(sources.values()))
    modules = ["csv", "json", *["math"] * ("math." in text), "sys"]
    return text.replace("@imports", "\n".join(f"import {module}" for module in modules))


def _lines(model: nn.Sequential, x: Tensor, A: dict, prefix: str = "") -> Iterator[str]:
    """Yield the lines that compute x, the output of the layers, from x, their input."""
    for i, layer in enumerate(model.layers):
        name, kind, y = f"{prefix}{i}", type(layer).__name__, layer(x)
        sizes = ", ".join(map(str, y.shape[1:]))
        if isinstance(layer, nn.Sequential):
            kept = f"kept{prefix.count('.')}"
            residual = isinstance(layer, nn.Residual)
            yield from [f"{kept} = x  # {name} Residual: x + f(x)"] * residual
            yield from _lines(layer, x, A, f"{name}.")
            yield from [f"x = {kept} + x"] * residual
        else:
            yield f"# {name} {kind}({layer.extra_repr()}) -> x (N, {sizes})"
            if kind in ("Flatten", "Unflatten"):
                yield f"x = x.reshape(len(x), {sizes})"
            elif kind != "Dropout":  # which does nothing now
                yield f"x = {_call(name, layer, A)}"
        x = y


def _call(name: str, layer: nn.Module, A: dict) -> str:
    """Return the call of a layer's function; put the layer's arrays into A."""
    options, given = layer.arguments(), ["x"]
    function = LAYERS[type(layer).__name__]
    if options.get("approximate") == "tanh":
        function = gelu_tanh
    if "normalized_shape" in options:
        options["axes"] = tuple(range(-len(options["normalized_shape"]), 0))
    arrays = layer.named_arrays()
    for letter, key in LETTERS.items():
        if key in arrays:
            A[f"{letter}{name}"] = arrays[key]
            given.append(f'A["{letter}{name}"]')
    for key, parameter in inspect.signature(function).parameters.items():
        value = options.get(key)
        value = tuple(value) if isinstance(value, list) else value
        if value is not None and value != parameter.default:
            given.append(f"{key}={value!r}")
    return f"{function.__name__}({', '.join(given)})"


# ---- the functions of the program ----------------------------------------------------------------


def read_csv(path, columns, missing):
    """The rows of a CSV file as x (N, F); for a text, 1 where it is the word, else 0"""
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    names = [name for name, _ in columns]
    if set(names) <= set(rows[0]):
        header = rows.pop(0)
    elif len(names) == len(rows[0]):
        header = names  # there is none: the columns are the features, in order
    else:
        sys.exit(f"{path}: there is no column {[n for n in names if n not in rows[0]]}")
    parts = [np.zeros((len(rows), 0))]
    for name, words in columns:
        cells = [row[header.index(name)] for row in rows]
        if words is None:
            parts.append([[number(cell, missing)] for cell in cells])
        else:
            parts.append([[cell == word for word in words] for cell in cells])
    return np.concatenate(parts, axis=1)


def number(cell, missing):
    """The number in a cell, NaN if it is missing"""
    return np.nan if cell.lower() in missing else float(cell)


def linear(x, W, b=0.0):
    """x (N, I), W (O, I), b (O,) -> y (N, O):  y = x Wᵀ + b"""
    return x @ W.T + b


def relu(x):
    """y = max(x, 0)"""
    return np.maximum(x, 0)


def leaky_relu(x, negative_slope):
    """y = x where x > 0, a x elsewhere      a: the negative slope"""
    return np.where(x > 0, x, x * negative_slope)


def elu(x, alpha):
    """y = x where x > 0, alpha (eˣ − 1) elsewhere"""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def gelu(x):
    """y = x Φ(x)      Φ: the distribution of the standard normal, erfc(−x / √2) / 2"""
    erfc = np.frompyfunc(math.erfc, 1, 1)
    return x * np.asarray(erfc(x * -math.sqrt(0.5)), x.dtype) / 2


def gelu_tanh(x):
    """y = x (1 + tanh u) / 2,   u = √(2/π) (x + 0.044715 x³)"""
    return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))) / 2


def silu(x):
    """y = x / (1 + e⁻ˣ)"""
    return x * sigmoid(x)


def softplus(x):
    """y = ln(1 + eˣ)"""
    return np.logaddexp(x, 0)


def sigmoid(x):
    """y = 1 / (1 + e⁻ˣ); with e^−|x|, which cannot overflow"""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def tanh(x):
    """y = tanh x"""
    return np.tanh(x)


def softmax(x, axis=-1):
    """yᵢ = exp(xᵢ) / Σⱼ exp(xⱼ); minus the largest x, so that no exp overflows"""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def log_softmax(x, axis=-1):
    """yᵢ = xᵢ − ln Σⱼ exp(xⱼ); minus the largest x, so that no exp overflows"""
    x = x - x.max(axis=axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=axis, keepdims=True))


def batch_norm(x, m, v, W=1.0, b=0.0, eps=1e-5):
    """y = W (x − m) / √(v + eps) + b      m, v: mean and variance of each channel, in training"""
    m, scale, b = [np.reshape(a, (-1, *[1] * (x.ndim - 2))) for a in (m, W / np.sqrt(v + eps), b)]
    return (x - m) * scale + b


def layer_norm(x, W=1.0, b=0.0, axes=(-1,), eps=1e-5):
    """y = W (x − m) / √(v + eps) + b      m, v: mean and variance of each row"""
    m = x.mean(axis=axes, keepdims=True)
    v = np.square(x - m).mean(axis=axes, keepdims=True)
    return W * ((x - m) / np.sqrt(v + eps)) + b


def conv2d(x, W, b=0.0, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    """x (N, C, H, W) -> y (N, O, Ho, Wo):  y_nohw = Σ W_ocij x_nc,h+i,w+j + b_o   over c, i, j"""
    x = windows(x, W.shape[2:], stride, padding, dilation)
    parts = zip(np.split(x, groups, axis=1), np.split(W, groups), strict=True)
    y = [np.einsum("nchwij,ocij->nohw", *part, optimize=True) for part in parts]
    return np.concatenate(y, axis=1) + np.reshape(b, (-1, 1, 1))


def windows(x, kernel, stride, padding, dilation=(1, 1), border=0.0):
    """x (N, C, H, W) -> what the kernel sees at each place, (N, C, Ho, Wo, kh, kw)"""
    x = np.pad(x, [(0, 0), (0, 0), *[(p, p) for p in padding]], constant_values=border)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    x = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(2, 3))
    return x[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def max_pool2d(x, kernel_size, stride=None, padding=(0, 0)):
    """y = the largest x of each window"""
    return windows(x, kernel_size, stride or kernel_size, padding, border=-np.inf).max(axis=(4, 5))


def avg_pool2d(x, kernel_size, stride=None, padding=(0, 0)):
    """y = the mean of each window, with the zeros of the border"""
    return windows(x, kernel_size, stride or kernel_size, padding).mean(axis=(4, 5))


def global_avg_pool2d(x):
    """x (N, C, H, W) -> y (N, C), the mean of each channel"""
    return x.mean(axis=(2, 3))


LAYERS = {
    "Linear": linear, "ReLU": relu, "LeakyReLU": leaky_relu, "ELU": elu, "GELU": gelu, "SiLU": silu,
    "Softplus": softplus, "Sigmoid": sigmoid, "Tanh": tanh, "Softmax": softmax,
    "LogSoftmax": log_softmax, "Conv2d": conv2d, "MaxPool2d": max_pool2d, "AvgPool2d": avg_pool2d,
    "GlobalAvgPool2d": global_avg_pool2d, "BatchNorm1d": batch_norm, "BatchNorm2d": batch_norm,
    "LayerNorm": layer_norm,
}  # fmt: skip
FUNCTIONS = [*LAYERS.values(), gelu_tanh, windows, read_csv, number]
LETTERS = {"m": "running_mean", "v": "running_var", "W": "weight", "b": "bias"}
