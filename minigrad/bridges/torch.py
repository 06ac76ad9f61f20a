"""A network in plain PyTorch: as a script with its weights; and operations beside their twins.

`write` makes a folder that needs torch and safetensors, and nothing of minigrad:

    model.py             the network as one would write it by hand, and what comes before it
    model.safetensors    its state dict
    preprocessing.json   classes, columns, offsets, scaling: names are data, never code
    check.py             compares logits and gradients with those in check.safetensors

torch_model.txt is model.py; a line that ends in `#? word` is left out where that does not hold.
torch_check.txt is check.py.
"""

import inspect
import json
import os
from collections.abc import Callable, Sequence
from importlib.resources import files
from string import Template

import numpy as np

from .. import functions as F
from ..checking.twins import Verdict, compare
from ..data.files import atomic_folder, check_folder, check_path
from ..tensor import Tensor
from ..training import Classifier
from ..training.architecture import BLOCKS, LAYERS, build
from ..typing import ArrayLike, Path
from . import fills, needing, without_unused

with needing("torch"):
    import torch
    from safetensors.numpy import save

MODEL, CHECK = (
    files(__package__).joinpath(name).read_text("utf-8")
    for name in ("torch_model.txt", "torch_check.txt")
)
ROWS = 8  # of a check
PREPARED = {"float16": 2e-3, "float32": 1e-6, "float64": 1e-12}  # how far x may be from ours


# ---- the network as PyTorch writes it ------------------------------------------------------------


PAIRS = ("kernel_size", "stride", "padding", "dilation")
# Softplus: PyTorch's own threshold, 20, is 2e-9 off, and 40 is exact in float64.
LINES = {
    "GlobalAvgPool2d": "nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())",
    "Softplus": "nn.Softplus(threshold=40)",
}


def source(layers: list[dict], block: str = "nn.Sequential", indent: str = "") -> str:
    """Return the layers of an architecture as Python source: an nn.Sequential of torch.nn."""
    lines = []
    for entry in layers:
        kind, arguments = entry["layer"], {k: v for k, v in entry.items() if k != "layer"}
        if kind in BLOCKS:
            name = kind if kind == "Residual" else f"nn.{kind}"
            line = source(arguments["layers"], name, f"{indent}    ")
        else:
            line = LINES.get(kind) or f"nn.{kind}({_arguments(kind, arguments)})"
        lines.append(f"{indent}    {line},\n")
    return f"{block}(\n{''.join(lines)}{indent})"


def _arguments(kind: str, arguments: dict) -> str:
    """Return the arguments of a layer: those without a default by place, others if they differ."""
    written = []
    for name, parameter in inspect.signature(LAYERS[kind]).parameters.items():
        if name not in arguments:  # rng, dtype
            continue
        value = _value(name, arguments[name])
        if parameter.default is inspect.Parameter.empty:
            written.append(value)
        elif name == "axis":  # of Softmax, whose default in PyTorch depends on x
            written.append(f"dim={value}")
        elif value != _value(name, parameter.default):
            written.append(f"{name}={value}")
    if arguments.get("elementwise_affine") is False:
        written.remove("bias=False")  # of LayerNorm, which has none then
    return ", ".join(written)


def _value(name: str, value) -> str:
    values = tuple(value) if isinstance(value, list) else (value,)
    alike = len(values) == 1 or (name in PAIRS and values[0] == values[1])
    return repr(values[0] if alike else values)


# ---- the folder ----------------------------------------------------------------------------------


def write(classifier: Classifier, path: Path, *, overwrite: bool = False) -> list[str]:
    """Write a folder with the network in plain PyTorch; return the paths of its files.

    Raises:
        ArgumentError, ShapeError: as `Classifier.save` does.
        DataError: if the folder exists and `overwrite` is False, it holds other files, or it cannot
            be written.
    """
    check_path("export", path)
    names = "model.py", "check.py", "model.safetensors", "preprocessing.json", "check.safetensors"
    check_folder(path, names, overwrite)
    classifier.content()  # the network may have changed
    state = {name: np.asarray(a, order="C") for name, a in classifier.model.state_dict().items()}
    model, facts = _scripts(classifier)
    check = Template(CHECK).substitute(prepared=PREPARED[classifier.architecture["dtype"]])
    contents = model.encode(), check.encode(), save(state), facts.encode()
    contents += (save(_recorded(classifier, state)),)
    atomic_folder(path, dict(zip(names, contents, strict=True)), overwrite=overwrite)
    return [os.path.join(path, name) for name in names]


def _scripts(classifier: Classifier) -> tuple[str, str]:
    """Return model.py and preprocessing.json."""
    architecture, schema, scaling = classifier.architecture, classifier.schema, classifier.scaling
    arrays = {"shift": scaling.shift, "scale": scaling.scale}
    if schema.offsets.any():
        arrays["offset"] = schema.offsets
    if fills(classifier):
        arrays["fill"] = scaling.fill
    layers = source(architecture["layers"])
    holds = {
        "offset": "offset" in arrays,
        "fill": "fill" in arrays,
        "asinh": scaling.kind == "asinh",
        "residual": "Residual(" in layers,
    }
    text = Template(without_unused(MODEL, holds)).substitute(
        F=len(schema.feature_names),
        C=len(schema.class_names),
        dtype=architecture["dtype"],
        network=layers,
        cell="cell.lower()" if schema.form.na is None else "cell",
    )
    columns = {column.name: column.values for column in schema.columns}
    facts = {"classes": schema.class_names, "columns": columns, "missing": schema.form.missing}
    facts |= {name: array.tolist() for name, array in arrays.items()}
    fields = ",\n".join(f"{json.dumps(name)}: {json.dumps(fact)}" for name, fact in facts.items())
    return text, f"{{\n{fields}\n}}\n"


def _recorded(classifier: Classifier, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays of check.py: random rows, and minigrad's logits and gradients for them.

    They are in float64, with the weights as they are: in float32 PyTorch's own rounding comes to
    2e-6 of the largest element in a deep network, and would hide a mistake.
    """
    scaling, schema, rng = classifier.scaling, classifier.schema, np.random.default_rng(0)
    architecture = classifier.architecture
    exact = {name: a.astype(np.float64) if a.dtype.kind == "f" else a for name, a in state.items()}
    x = scaling.shift + scaling.scale * rng.standard_normal((ROWS, len(scaling.shift)))
    if fills(classifier):
        x[rng.random(x.shape) < 0.1] = np.nan
    t = rng.integers(len(schema.class_names), size=ROWS)
    prepared = scaling.apply(x.astype(architecture["dtype"]))
    inputs = Tensor(prepared.astype(np.float64), requires_grad=True)
    ours = build({**architecture, "dtype": "float64"}, exact).eval()
    logits = ours(inputs)
    F.cross_entropy(logits, t).backward()
    arrays = {"x": x + schema.offsets, "prepared": prepared, "t": t, "logits": logits.data}
    arrays["gradient of x"] = inputs.grad
    arrays |= {f"gradient of {name}": p.grad for name, p in ours.named_parameters()}
    return {name: np.asarray(array, order="C") for name, array in arrays.items()}


# ---- one operation -------------------------------------------------------------------------------


def check(
    function: str | Callable,
    inputs: Sequence[ArrayLike] | None = None,
    twin: Callable | None = None,
) -> Verdict:
    """Compare an operation with PyTorch's: its value, and its gradients for a random upstream one.

    Args:
        function: takes the inputs as Tensors and returns one Tensor. A Function of yours stands for
            its `apply`, and a name such as "softmax" or "nn.Linear" for what it names.
        inputs: arrays, tensors or lists, one for each input; those without floats get no gradient.
            Without inputs, an operation of minigrad is compared in all cases that its tests have.
        twin: takes the inputs as torch tensors and returns one. An operation of minigrad needs
            none: the table of cases has it.

    Raises:
        ArgumentError: if no twin is known, nothing says what to compare, or one of the two does not
            return a tensor.
    """
    return compare(function, inputs, twin, torch)
