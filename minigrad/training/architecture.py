"""A network as data: the layers that a model file lists, and the network made from such a list.

    {"dtype": "float32", "layers": [
        {"layer": "Linear", "in_features": 4, "out_features": 8, "bias": true},
        {"layer": "Sequential", "layers": [{"layer": "ReLU"}, {"layer": "Dropout", "p": 0.5}]},
        {"layer": "Linear", "in_features": 8, "out_features": 3, "bias": true}]}

A file can name nothing but the layers in LAYERS, so that reading one runs no code of its writer.
"""

import inspect
import math
from collections.abc import Iterator
from itertools import zip_longest

import numpy as np

from .. import nn
from ..errors import ArgumentError, ShapeError
from ..fields import FLAG, TABLE, Maybe, check, number, one_of, whole
from ..functions.convolution import places
from ..nn.layers import Plain
from ..nn.module import Spec, walk
from ..text import counted, kind_of

LAYERS: dict[str, type[nn.Module]] = {
    layer.__name__: layer
    for layer in (
        nn.Linear, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Softplus, nn.Sigmoid,
        nn.Tanh, nn.Softmax, nn.LogSoftmax, nn.Dropout, nn.Flatten, nn.Conv2d, nn.MaxPool2d,
        nn.AvgPool2d, nn.GlobalAvgPool2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm,
        nn.Embedding, nn.Unflatten,
    )
}  # fmt: skip
BLOCKS: dict[str, type[nn.Sequential]] = {"Sequential": nn.Sequential, "Residual": nn.Residual}
# What the file can say of a layer, by the name of its class; of the others, nothing.
AXIS = {"axis": whole(-(2**31), 2**31)}
PAIR, PADDING = [(whole(least, 2**31), whole(least, 2**31)) for least in (1, 0)]
POOL = {"kernel_size": PAIR, "stride": Maybe(PAIR), "padding": PADDING}
NORM = {
    "num_features": whole(1), "eps": number(0), "momentum": Maybe(number(0, 1)), "affine": FLAG,
}  # fmt: skip
ARGUMENTS = {
    "Linear": {"in_features": whole(), "out_features": whole(), "bias": FLAG},
    "LeakyReLU": {"negative_slope": number()},
    "ELU": {"alpha": number()},
    "GELU": {"approximate": one_of("none", "tanh")},
    "Softmax": AXIS,
    "LogSoftmax": AXIS,
    "Dropout": {"p": number(0, 1)},
    "Conv2d": {
        "in_channels": whole(1), "out_channels": whole(1), "kernel_size": PAIR, "stride": PAIR,
        "padding": PADDING, "dilation": PAIR, "groups": whole(1), "bias": FLAG,
    },
    "MaxPool2d": POOL,
    "AvgPool2d": POOL,
    "BatchNorm1d": NORM,
    "BatchNorm2d": NORM,
    "LayerNorm": {
        "normalized_shape": [whole(1)], "eps": number(0), "elementwise_affine": FLAG, "bias": FLAG,
    },
    "Embedding": {"num_embeddings": whole(1), "embedding_dim": whole(1)},
    "Unflatten": {**AXIS, "unflattened_size": [whole(1)]},
}  # fmt: skip
DTYPES = ("float16", "float32", "float64")
ARCHITECTURE = {"dtype": one_of(*DTYPES), "layers": [TABLE]}
DEEPEST = 20  # Sequentials inside each other
MOST_BYTES = 200_000_000  # of a row in a layer: reading a model then takes less than 300 MB
MOST_STEPS = 1 << 17  # in Python, of all poolings of a row: half a second


def describe(model: nn.Module) -> dict:
    """Return the layers of a network with their arguments, and its dtype; see `build`.

    Raises:
        ArgumentError: if the model is not an `nn.Sequential`, a layer is not one of LAYERS, or the
            parameters are not those that the layers are made with: shared by two layers, of several
            dtypes or of one that is not in DTYPES, added or exchanged.
    """
    if type(model) is not nn.Sequential:
        raise _unfit("the network is not an nn.Sequential", f"it is {kind_of(model)}")
    layers = _entries(model)  # first: nothing else ends in a model that holds itself
    dtypes = [str(p.dtype) for _, p in model.named_parameters()]
    architecture = {"dtype": dtypes[0] if dtypes else "float32", "layers": layers}
    if architecture["dtype"] not in DTYPES:
        wrong = "a file cannot hold parameters of this dtype"
        facts = f"dtype {architecture['dtype']}, not one of {', '.join(DTYPES)}"
        raise ArgumentError("Classifier", wrong, facts, "make the layers with dtype=np.float32")
    names: dict[object, str] = {}
    for name, p in walk(model):
        if isinstance(p, nn.Parameter) and names.setdefault(p, name) != name:
            facts = f"{name!r} is the same as {names[p]!r}"
            raise _unfit("two layers share a parameter", facts)
    try:
        check_arrays(array_specs(architecture), model.named_arrays())
    except ValueError as error:
        wrong = "the parameters are not those that the layers were made with"
        raise _unfit(wrong, str(error)) from error
    return architecture


def build(architecture: dict, arrays: dict[str, np.ndarray]) -> nn.Sequential:
    """Return the network that `describe` gave, with the arrays as its parameters.

    The sizes are checked against the arrays before anything is allocated. The Dropout layers get
    generators of fresh entropy.

    Raises:
        ValueError: if the layers are not described so, or do not fit the arrays.
    """
    check(architecture, ARCHITECTURE, "architecture")
    check_arrays(array_specs(architecture), arrays)
    model = _sequential(architecture["layers"], architecture["dtype"])
    model.load_state_dict(arrays)
    return model


TOO_DEEP = f"more than {DEEPEST} Sequentials are inside each other"


def flat(layers: list, prefix: str = "") -> Iterator[tuple[str, str, dict]]:
    """Yield the dotted name, the class's name and the arguments of each layer, those inside too.

    Raises:
        ValueError: if an entry is not one that `describe` writes.
    """
    if prefix.count(".") > DEEPEST:
        raise ValueError(TOO_DEEP)
    check(layers, [TABLE], f"layers of layer {prefix.rstrip('.')}" if prefix else "layers")
    for i, entry in enumerate(layers):
        name, arguments = f"{prefix}{i}", dict(entry)
        kind = arguments.pop("layer", None)
        if isinstance(kind, str) and kind in BLOCKS and [*arguments] == ["layers"]:
            yield from flat(arguments["layers"], f"{name}.")
        elif isinstance(kind, str) and kind in LAYERS:
            described = ARGUMENTS.get(kind, {})
            check(arguments, described, f"layer {name}")
            if [*arguments] != [*described]:
                raise ValueError(f"layer {name}, {kind}, has the arguments {', '.join(arguments)}")
            yield name, kind, arguments
        else:
            raise ValueError(f"layer {name} is {entry!r:.80}, not one of {', '.join(LAYERS)}")


def array_specs(architecture: dict) -> dict[str, Spec]:
    """Return the shape and the dtype of each parameter and buffer, as the layers declare them."""
    specs: dict[str, Spec] = {}
    for name, kind, arguments in flat(architecture["layers"]):
        of_layer = LAYERS[kind].specs(arguments, architecture["dtype"])
        specs.update({f"{name}.{array}": spec for array, spec in of_layer.items()})
    return specs


UNFIT = "the layers of the network do not fit each other"


def check_sizes(architecture: dict) -> None:
    """Raise ShapeError for the first Linear that does not take what the one before it gives."""
    before, width = "", None
    for name, kind, arguments in flat(architecture["layers"]):
        if kind in ("Unflatten", "Flatten", "Conv2d", "GlobalAvgPool2d", "Embedding"):
            width = None  # what is behind it depends on x
        elif kind == "Linear":
            takes = arguments["in_features"]
            if width not in (None, takes):
                gives = counted(width, "feature")
                facts = f"layer {before} gives {gives}, layer {name} takes {takes}"
                remedy = f"give layer {name} in_features={width}"
                raise ShapeError("Classifier", UNFIT, facts, remedy)
            before, width = name, arguments["out_features"]


def check_memory(architecture: dict, features: int) -> None:
    """Refuse a network that takes much more memory for a row than its parameters do.

    A few numbers in a file can ask for any padding or window. The shapes behind the layers are
    computed from these numbers alone, up to the first layer that does not take what it gets: if it
    is not a Linear or LayerNorm, the forward pass refuses it.

    Args:
        architecture: as `describe` returns it.
        features: of a row.

    Raises:
        ShapeError: if a layer's arrays for one row take more than MOST_BYTES, and more than all
            parameters; if a convolution has windows of zeros alone, the poolings' windows have more
            than MOST_STEPS elements together, or a Linear or LayerNorm does not take what it gets.
    """
    itemsize = np.dtype(architecture["dtype"]).itemsize
    specs = array_specs(architecture).values()
    most = max(MOST_BYTES, itemsize * sum(math.prod(shape) for shape, _ in specs))
    shape, steps = (features,), 0
    for name, kind, arguments in flat(architecture["layers"]):
        before, windows = shape, 0
        if kind in ("Conv2d", "MaxPool2d", "AvgPool2d"):
            images = _windows(name, kind, arguments, shape)
            if images is None:
                return
            shape, windows = images
            steps += 0 if kind == "Conv2d" else math.prod(arguments["kernel_size"])
        elif kind == "Linear":
            takes = arguments["in_features"]
            if shape == (features,) != (takes,):
                return
            if shape[-1] != takes:
                gets = f"layer {name} takes {takes}, and gets {shape[-1]}"
                raise ShapeError("Classifier", UNFIT, gets, f"give it in_features={shape[-1]}")
            shape = (*shape[:-1], arguments["out_features"])
        elif kind == "LayerNorm":
            row = tuple(arguments["normalized_shape"])
            if shape[-len(row) :] != row:
                gets = f"layer {name} takes rows {row}, and gets {shape}"
                raise ShapeError("Classifier", UNFIT, gets, "give it the shape that it gets")
        elif kind == "Embedding":
            return  # it takes integers
        elif kind == "GlobalAvgPool2d":
            shape = shape[:1]
        elif kind == "Flatten":
            shape = (math.prod(shape),)
        elif kind == "Unflatten":
            shape = (*shape[:-1], *arguments["unflattened_size"])
            if math.prod(shape) != math.prod(before):
                return
        # x, y, and between them the windows; or two more of the size of y, as in GELU
        size = itemsize * (
            math.prod(before) + math.prod(shape) + max(windows, 2 * math.prod(shape))
        )
        remedy = "use smaller images, or fewer and smaller filters"
        if size > most:
            wrong = f"layer {name}, {kind}, takes too much memory"
            facts = f"{size / 1e6:,.0f} MB for a row, x (N, {', '.join(map(str, before))})"
            facts += f", and the most is {most / 1e6:,.0f} MB"
            raise ShapeError("Classifier", wrong, facts, remedy)
        if steps > MOST_STEPS:
            wrong = f"the windows of layer {name}, {kind}, and the poolings before it are too large"
            facts = f"{steps:,} elements together, and the most is {MOST_STEPS:,}"
            raise ShapeError("Classifier", wrong, facts, "give smaller windows")


def _windows(name: str, kind: str, arguments: dict, shape: tuple) -> tuple[tuple, int] | None:
    """Return the shape (C, H, W) behind a convolution or a pooling, and how many numbers it copies.

    None if it does not take images of this shape.
    """
    if len(shape) != 3:
        return None
    channels, *size = shape
    kernel, conv = arguments["kernel_size"], kind == "Conv2d"
    stride, dilation = arguments["stride"] or kernel, arguments.get("dilation", (1, 1))
    reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    padding = arguments["padding"]
    if any(p > n for p, n in zip(padding, reach, strict=True)):
        wrong = f"layer {name}, {kind}, has so much padding that some windows hold zeros alone"
        facts = f"padding {padding}, and a window reaches over {reach} more pixels"
        raise ShapeError("Classifier", wrong, facts, "give less padding")
    padded = [n + 2 * p for n, p in zip(size, padding, strict=True)]
    behind = places(padded, kernel, stride, dilation)
    if min(behind) < 1:
        return None
    copied = channels * math.prod(padded)
    copied += math.prod(kernel) * channels * math.prod(behind) if conv else 0
    return (arguments["out_channels"] if conv else channels, *behind), copied


def check_arrays(specs: dict[str, Spec], arrays: dict[str, np.ndarray]) -> None:
    """Raise ValueError for the first array that is missing, unknown, or of another spec."""
    found = {name: (array.shape, str(array.dtype)) for name, array in arrays.items()}
    for name in {**specs, **found}:
        if name not in found:
            raise ValueError(f"array {name!r:.80} is missing")
        if name not in specs:
            raise ValueError(f"array {name!r:.80} belongs to no layer")
        if found[name] != specs[name]:
            is_, needed = ("{} {}".format(*spec[name]) for spec in (found, specs))
            raise ValueError(f"array {name!r:.80} is {is_}, not {needed}")


def difference(one: dict, other: dict) -> tuple[str, str] | None:
    """Return the text of the first layer that differs, as (in one, in other); None if none does.

    The Dropout layers may differ, and so the numbers of the others: the weights fit all the same.
    """
    nothing = "", "no such layer"
    for a, b in zip_longest(_layers(one), _layers(other), fillvalue=nothing):
        if a[1] != b[1]:
            return "".join(a), "".join(b)
    return None


def _layers(architecture: dict) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each layer that is not a Dropout."""
    for name, kind, arguments in flat(architecture["layers"]):
        if kind != "Dropout":
            listing = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
            yield f"layer {name} ", f"{kind}({listing})"


def _entries(model: nn.Sequential, prefix: str = "") -> list[dict]:
    if prefix.count(".") > DEEPEST:
        raise _unfit(TOO_DEEP, f"layer {prefix[:40]}…")
    entries = []
    for i, layer in enumerate(model.layers):
        name, kind = f"{prefix}{i}", type(layer).__name__
        if BLOCKS.get(kind) is type(layer):
            entries.append({"layer": kind, "layers": _entries(layer, f"{name}.")})
        elif LAYERS.get(kind) is type(layer):
            entries.append({"layer": kind, **layer.arguments()})
        else:
            wrong = f"layer {name} is not one that a model file can hold"
            what = f"the function {layer!r}" if isinstance(layer, Plain) else kind_of(layer)
            raise _unfit(wrong, f"it is {what}")
    return entries


def _sequential(layers: list[dict], dtype: str, prefix: str = "") -> nn.Sequential:
    made: list[nn.Module] = []
    for i, entry in enumerate(layers):
        kind = entry["layer"]
        if kind in BLOCKS:
            inner = _sequential(entry["layers"], dtype, f"{prefix}{i}.").layers
            made.append(BLOCKS[kind](*inner))
            continue
        arguments = {key: value for key, value in entry.items() if key != "layer"}
        taken = inspect.signature(LAYERS[kind]).parameters
        filled = {"rng": 0, "dtype": dtype} if "dtype" in taken else {}  # then it has arrays
        options = {option: value for option, value in filled.items() if option in taken}
        try:
            layer = LAYERS[kind](**arguments, **options)
            if repr(layer.arguments()) != repr(arguments):  # as text, since True == 1 == 1.0
                raise ValueError(f"its arguments are {arguments}, not {layer.arguments()}")
        except (TypeError, ValueError) as error:
            raise ValueError(f"layer {prefix}{i}, {kind}: {error}") from error
        made.append(layer)
    return nn.Sequential(*made)


def _unfit(wrong: str, facts: str) -> ArgumentError:
    remedy = "use the layers of minigrad.nn in an nn.Sequential, or keep the parameters alone with "
    remedy += "np.savez(path, **model.state_dict())"
    return ArgumentError("Classifier", wrong, facts, remedy)
