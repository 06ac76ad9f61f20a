"""A Classifier as an ONNX file, from the columns of a table, or an image, to the probabilities.

What the file computes for a row is what `Classifier.predict_proba` does, with its roundings: the
numbers arrive as doubles, an offset is subtracted from them in double, and then they become the
network's dtype, in which they are scaled.
"""

import itertools
import json
import math
import os

import numpy as np

from .. import __version__, nn
from ..data import Schema
from ..data.files import atomic_write, check_path, check_target
from ..errors import ArgumentError
from ..tensor import Tensor
from ..training import Classifier
from ..training.architecture import flat
from ..typing import Path
from . import fills, needing

with needing("onnx"):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

OPSETS = {"": 17, "ai.onnx.ml": 3}
IR_VERSION = 8  # the one that came with opset 17: older runtimes refuse a later one
MOST_BYTES = 2_000_000_000  # of arrays: protobuf cannot write a file of 2 GiB
DTYPES = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}
LABEL, PROBABILITIES = "label", "probabilities"


def write(classifier: Classifier, path: Path, *, overwrite: bool = False) -> list[str]:
    """Write a classifier as an ONNX file, and return its path in a list. See `to_model`.

    Raises:
        ArgumentError: as `to_model` does; nothing is written.
        DataError: if the file exists and `overwrite` is False, or cannot be written.
    """
    check_path("export", path)
    check_target(path, overwrite)
    content = to_model(classifier).SerializeToString()
    atomic_write(path, content, overwrite=overwrite)
    return [os.fspath(path)]


def to_model(classifier: Classifier) -> onnx.ModelProto:
    """Return a classifier as an ONNX model, which the checker of the onnx package has passed.

    Its inputs are the columns of the schema, under their names: (N, 1) doubles, or strings for a
    one-hot column, where an unknown string gives zeros; or `x`, images (N, C, H, W) of the
    network's dtype. Its outputs are `label`, the names of the classes (N,), and `probabilities`,
    doubles (N, C). Of a row that cannot be used they are "" and NaN: a number is missing that the
    schema does not fill, or is too large.

    Raises:
        ArgumentError: if the network is float16, or has a float64 layer that onnxruntime cannot
            compute, or its arrays are too large for a file.
    """
    dtype, schema = classifier.architecture["dtype"], classifier.schema
    _check(classifier)
    graph = _Graph(dtype)
    x, columns = _features(graph, schema)
    x = _scaled(graph, x, classifier)
    row = Tensor(np.zeros((1, len(schema.feature_names)), dtype))
    with nn.evaluating(classifier.model), np.errstate(all="ignore"):
        z = _network(graph, classifier.model, x, row)
    outputs = _outputs(graph, x, z, schema.class_names)
    model = helper.make_model(
        helper.make_graph(graph.nodes, "minigrad", graph.inputs, outputs, graph.arrays),
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid(*opset) for opset in OPSETS.items()],
        producer_name="minigrad",
        producer_version=__version__,
    )
    for key, value in ("classes", schema.class_names), ("columns", columns):
        model.metadata_props.add(key=key, value=json.dumps(value, ensure_ascii=False))
    onnx.checker.check_model(model, full_check=True)
    return model


def _check(classifier: Classifier) -> None:
    """Raise ArgumentError for what `to_model` cannot export, though the checker would pass it."""
    dtype = classifier.architecture["dtype"]
    if dtype not in DTYPES:
        facts = "onnxruntime would compute it in float32, with other results"
        raise _refused(f"a network of {dtype} cannot be exported", facts)
    for name, kind, arguments in flat(classifier.architecture["layers"]):
        alone = kind in ("AvgPool2d", "Conv2d") or arguments.get("approximate") == "none"
        if alone and dtype == "float64":
            wrong = f"onnxruntime cannot compute layer {name}, {kind}, in float64"
            raise _refused(wrong, "the network is float64")
    if (size := sum(a.nbytes for a in classifier.model.named_arrays().values())) > MOST_BYTES:
        facts = f"{size:,} bytes, and the most is {MOST_BYTES:,}"
        raise _refused("the network is too large for an ONNX file", facts, "make it smaller")


def _refused(wrong: str, facts: str, remedy: str = "train with dtype='float32'") -> ArgumentError:
    return ArgumentError("export", wrong, facts, remedy)


class _Graph:
    """The inputs, arrays and nodes of an ONNX graph; calling it adds a node.

    Attributes:
        dtype: of the network.
        place: a layer, or a step before or after it: nodes and arrays are named after it.
    """

    def __init__(self, dtype: str):
        self.dtype, self.place = dtype, ""
        self.inputs: list[onnx.ValueInfoProto] = []
        self.arrays: list[onnx.TensorProto] = []
        self.nodes: list[onnx.NodeProto] = []
        self._taken = {LABEL, PROBABILITIES}

    def __call__(self, op: str, *inputs: str | float | np.ndarray, domain="", **options) -> str:
        """Add a node, and return the name of its output.

        An input that is not a name is a constant: an array, or a number in the network's dtype.
        """
        if self.dtype == "float64" and op in _IN_DOUBLE:
            return _IN_DOUBLE[op](self, *inputs, **options)
        names = [x if isinstance(x, str) else self.array(f"{op}.constant", x) for x in inputs]
        output = self.unique(f"{self.place}.{op}")
        self.nodes.append(helper.make_node(op, names, [output], output, domain=domain, **options))
        return output

    def unique(self, name: str) -> str:
        """Return a name that the graph does not have yet: this one, or followed by a number."""
        names = itertools.chain([name], (f"{name}_{i}" for i in itertools.count(2)))
        free = next(name for name in names if name not in self._taken)
        self._taken.add(free)
        return free

    def input(self, name: str, kind: int, *axes: int) -> str:
        """Add an input (N, *axes), and return its name."""
        name = self.unique(name)
        self.inputs.append(helper.make_tensor_value_info(name, kind, ["N", *axes]))
        return name

    def array(self, name: str, values: float | np.ndarray) -> str:
        """Add a constant array of this place, and return its name."""
        name = self.unique(f"{self.place}.{name}")
        values = np.asarray(values, self.dtype if isinstance(values, float) else None, order="C")
        self.arrays.append(numpy_helper.from_array(values, name))
        return name

    def cast(self, x: str, dtype: str) -> str:
        """Return x in another dtype."""
        return self("Cast", x, to=DTYPES[dtype])


# ---- before and behind the network ---------------------------------------------------------------


def _features(graph: _Graph, schema: Schema) -> tuple[str, dict[str, str]]:
    """Return the features (N, F) in double, and the column that each input is."""
    graph.place = "features"
    if schema.image is not None:
        x = graph.input("x", DTYPES[graph.dtype], *schema.image)
        flat = graph("Reshape", x, np.array([-1, math.prod(schema.image)]))
        return graph.cast(flat, "float64"), {}
    parts, columns, form = [], {}, schema.form
    for column in schema.columns:
        kind = TensorProto.DOUBLE if column.values is None else TensorProto.STRING
        x = graph.input(column.name or "column", kind, 1)
        columns[x] = column.name
        if column.values is None:
            for number in map(form.number, filter(form.is_number, form.na or ())):  # such as -999
                x = graph("Where", graph("Equal", x, np.array(number)), np.array(math.nan), x)
            parts.append(x)
        elif column.values:
            options = {"cats_strings": column.values, "zeros": 1, "domain": "ai.onnx.ml"}
            part = graph("Flatten", graph("OneHotEncoder", x, **options))
            if schema.missing != "mean":  # with zeros a missing text would be used
                options = {"keys_strings": ["", *(form.na or ())], "default_float": 0.0}
                options["values_floats"] = [math.nan] * len(options["keys_strings"])
                part = graph("Add", part, graph("LabelEncoder", x, domain="ai.onnx.ml", **options))
            parts.append(graph.cast(part, "float64"))
    return graph("Concat", *parts, axis=1), columns


def _scaled(graph: _Graph, x: str, classifier: Classifier) -> str:
    """Return the features (N, F) as `Scaling.apply` returns them, with its roundings."""
    scaling, offsets = classifier.scaling, classifier.schema.offsets
    graph.place = "scaling"
    gaps = graph("IsNaN", graph("Sub", x, x))  # infinity − infinity is NaN, too
    if offsets.any():
        x = graph("Sub", x, offsets)
    x = graph.cast(x, graph.dtype)
    if scaling.shift.any():
        x = graph("Sub", x, scaling.shift.astype(graph.dtype))
    if fills(classifier):
        x = graph("Where", gaps, (scaling.fill - scaling.shift).astype(graph.dtype), x)
    if (scaling.scale != 1).any():
        x = graph.cast(graph("Div", graph.cast(x, "float64"), scaling.scale), graph.dtype)
    return graph("Asinh", x) if scaling.kind == "asinh" else x


def _outputs(graph: _Graph, x: str, z: str, classes: tuple[str, ...]) -> list[onnx.ValueInfoProto]:
    """Add the label and the probabilities of logits z (N, C), and return what they are.

    A row with a feature or a logit that is not finite gets NaN and "": a ReLU may have hidden it.
    """
    graph.place = "outputs"
    axis = np.array([1])
    zeros = [graph("ReduceSum", graph("Sub", y, y), axis, keepdims=1) for y in (x, z)]
    zero = graph.cast(graph("Add", *zeros), "float64")  # or NaN
    z = graph.cast(z, "float64")
    p = graph("Add", graph("Softmax", z, axis=1), zero)
    unusable, best = graph("IsNaN", zero), graph("ArgMax", z, axis=1)
    index = graph("Squeeze", graph("Where", unusable, np.array(len(classes)), best), axis)
    label = graph("Gather", np.array([*classes, ""], object), index)
    for name, y in (PROBABILITIES, p), (LABEL, label):
        graph.nodes.append(helper.make_node("Identity", [y], [name], name))
    return [
        helper.make_tensor_value_info(LABEL, TensorProto.STRING, ["N"]),
        helper.make_tensor_value_info(PROBABILITIES, TensorProto.DOUBLE, ["N", len(classes)]),
    ]


# ---- the network ---------------------------------------------------------------------------------


def _network(graph: _Graph, model: nn.Sequential, x: str, row: Tensor, prefix: str = "") -> str:
    """Add the layers one after the other. `row`, which goes through them, has the shapes."""
    for i, layer in enumerate(model.layers):
        before, after = row, layer(row)
        graph.place = f"{prefix}{i}"
        if isinstance(layer, nn.Sequential):
            y = _network(graph, layer, x, before, f"{prefix}{i}.")
            graph.place = f"{prefix}{i}"
            x = graph("Add", x, y) if isinstance(layer, nn.Residual) else y
        else:
            x = _layer(graph, layer, x, after.shape)
        row = after
    return x


def _layer(graph: _Graph, layer: nn.Module, x: str, shape: tuple[int, ...]) -> str:
    """Add a layer, whose output has this shape for one row."""
    given = {name: a for name, a in layer.named_arrays().items() if a.ndim}  # not batches tracked
    arrays = {name: graph.array(name, a) for name, a in given.items()}
    match layer:
        case nn.Linear() if len(shape) == 2:
            return graph("Gemm", x, *arrays.values(), transB=1)
        case nn.Linear():
            y = graph("MatMul", x, graph("Transpose", arrays["weight"]))
            return graph("Add", y, arrays["bias"]) if "bias" in arrays else y
        case nn.Conv2d():
            options = {"strides": layer.stride, "dilations": layer.dilation, "group": layer.groups}
            return graph("Conv", x, *arrays.values(), pads=layer.padding * 2, **options)
        case nn.MaxPool2d() | nn.AvgPool2d():
            options = {"kernel_shape": layer.kernel_size, "pads": layer.padding * 2}
            options["strides"] = layer.stride or layer.kernel_size
            if isinstance(layer, nn.MaxPool2d):
                return graph("MaxPool", x, **options)
            return graph("AveragePool", x, count_include_pad=1, **options)
        case nn.GlobalAvgPool2d():
            return graph("ReduceMean", x, axes=[2, 3], keepdims=0)
        case nn.BatchNorm1d() | nn.LayerNorm():
            batch = isinstance(layer, nn.BatchNorm1d)
            ones = np.ones(layer.num_features if batch else layer.normalized_shape, graph.dtype)
            # LayerNormalization may go without a bias, but onnxruntime up to 1.17 then crashes.
            W, b = arrays.get("weight", ones), arrays.get("bias", 0 * ones)
            if batch:
                statistics = arrays["running_mean"], arrays["running_var"]
                return graph("BatchNormalization", x, W, b, *statistics, epsilon=layer.eps)
            return graph("LayerNormalization", x, W, b, axis=-ones.ndim, epsilon=layer.eps)
        case nn.Flatten() | nn.Unflatten():
            return graph("Reshape", x, np.array([-1, *shape[1:]]))
        case nn.Softmax() | nn.LogSoftmax():
            return graph(type(layer).__name__, x, axis=layer.axis)
        case nn.LeakyReLU():
            return graph("LeakyRelu", x, alpha=layer.negative_slope)
        case nn.ELU():
            return graph("Elu", x, alpha=layer.alpha)
        case nn.ReLU() | nn.Sigmoid() | nn.Softplus() | nn.Tanh():
            return graph(type(layer).__name__.replace("ReLU", "Relu"), x)
        case nn.SiLU():
            return graph("Mul", x, graph("Sigmoid", x))
        case nn.GELU():
            return _gelu(graph, x, layer.approximate)
        case nn.Dropout():
            return x
    wrong = f"layer {graph.place}, {type(layer).__name__}, has no counterpart in ONNX"
    raise _refused(wrong, f"opset {OPSETS['']}", "leave it out, or export to another format")


def _gelu(graph: _Graph, x: str, approximate: str) -> str:
    """Add x s(x), see `functions.gelu`."""
    if approximate == "none":
        u = graph("Erf", graph("Mul", x, math.sqrt(0.5)))
    else:
        cube = graph("Mul", graph("Mul", x, x), x)
        u = graph("Add", x, graph("Mul", cube, 0.044715))
        u = graph("Tanh", graph("Mul", u, math.sqrt(2 / math.pi)))
    return graph("Mul", x, graph("Mul", 0.5, graph("Add", 1.0, u)))


# ---- float64 -------------------------------------------------------------------------------------


def _asinh(graph: _Graph, x: str) -> str:
    """±ln(|x| + √(x² + 1))"""
    root = graph("Sqrt", graph("Add", graph("Mul", x, x), 1.0))
    return graph("Mul", graph("Sign", x), graph("Log", graph("Add", graph("Abs", x), root)))


def _elu(graph: _Graph, x: str, alpha: float) -> str:
    """max(x, 0) + alpha (exp(min(x, 0)) − 1)"""
    below = graph("Sub", graph("Exp", graph("Min", x, 0.0)), 1.0)
    return graph("Add", graph("Max", x, 0.0), graph("Mul", alpha, below))


def _sigmoid(graph: _Graph, x: str) -> str:
    """1 / (1 + exp(−x))"""
    return graph("Div", 1.0, graph("Add", graph("Exp", graph("Neg", x)), 1.0))


def _softplus(graph: _Graph, x: str) -> str:
    """max(x, 0) + ln(1 + exp(−|x|))"""
    e = graph("Exp", graph("Neg", graph("Abs", x)))
    return graph("Add", graph("Max", x, 0.0), graph("Log", graph("Add", e, 1.0)))


# What onnxruntime computes in float32 alone, by formulas of what it computes in float64. Sigmoid
# is here because some releases fuse x · Sigmoid(x) into a node for float32.
_IN_DOUBLE = {"Asinh": _asinh, "Elu": _elu, "Sigmoid": _sigmoid, "Softplus": _softplus}
