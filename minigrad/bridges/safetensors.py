"""A model as a .safetensors file, under PyTorch's names; and weights that come from such a file.

Every program that reads safetensors finds the state dict in it, `0.weight`, `0.bias` …, and the
scaling's arrays beside, in float64: `scaling.shift`, `scaling.scale`, `scaling.fill`. The metadata
has one entry, "minigrad": a model file's header as JSON, with the layers and the schema. (The
library writes several entries in any order, and equal models would not give equal bytes.)
"""

import os

import numpy as np

from ..data.files import atomic_write, check_path, check_target, opened
from ..errors import ArgumentError, DataError
from ..fields import TEXT, check, read_json
from ..text import counted, listed, printable, reason, shortened
from ..training import Classifier, archive, headers
from ..training.architecture import build
from ..training.classifier import restored
from ..typing import Path
from . import needing

with needing("safetensors"):
    from safetensors import SafetensorError
    from safetensors.numpy import load as load_arrays
    from safetensors.numpy import save as save_arrays

ENTRY = "minigrad"  # of the metadata
IN_FOLDER = "model.safetensors"  # the weights in a folder that `export --to torch` wrote
MOST_HEADER = 1 << 22  # bytes; a list of 70,000 arrays, which takes a second to read
LONGEST = 1000  # characters about the arrays of a file
PICKLES = b"PK\3\4", b"\x80"  # how they start, in a zip or not
SAVE = "save it with safetensors.torch.save_file(network.state_dict(), 'm.safetensors')"


def write(classifier: Classifier, path: Path, *, overwrite: bool = False) -> list[str]:
    """Write a classifier to one .safetensors file, which `load` reads; return its path in a list.

    Raises:
        ArgumentError, ShapeError: as `Classifier.save` does.
        DataError: if the file exists and `overwrite` is False, or it cannot be written.
    """
    check_path("export", path)
    check_target(path, overwrite)
    header, arrays = classifier.content()
    text = archive.header_text(header).decode()
    plain = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    content = save_arrays(plain, {ENTRY: text})
    _parsed(os.fspath(path), content)  # it can be read again
    atomic_write(path, content, overwrite=overwrite)
    return [os.fspath(path)]


def load(path: Path) -> Classifier:
    """Return the classifier that `write` wrote to `path`, in eval mode.

    Raises:
        DataError: if the file cannot be read, is damaged, or does not hold a classifier.
    """
    where, metadata, arrays = _read(path)
    if ENTRY not in metadata:
        wrong, facts = "it does not say what its arrays mean", f"it holds {listed(arrays, 3)}"
        remedy = "name a model with the same layers: --like MODEL, or load_weights(path, like)"
        raise DataError(where, wrong, facts, remedy)
    try:
        check(metadata, {ENTRY: TEXT}, "the metadata")
        header = read_json(metadata[ENTRY])
        check(header, {}, f"the metadata's {ENTRY}")
    except ValueError as error:
        raise _damaged(where, error) from error
    archive.check_version(where, header)
    headers.check_content(where, header, arrays, "classifier")
    return restored(where, header, arrays)


def load_weights(path: Path, like: Classifier) -> Classifier:
    """Return a classifier with the layers, schema and scaling of `like`, and weights from a file.

    Args:
        path: a state dict in a .safetensors file, or a folder that `minigrad export --to torch`
            wrote. If the arrays of a scaling are in it too, they have to be those of `like`.
        like: a classifier with the same layers; it is not changed.

    Raises:
        DataError: if the file cannot be read or is damaged, or an array is missing, belongs to no
            layer, or has another shape or dtype, it lists all; or a number is not finite.
    """
    where, _, arrays = _read(path)
    _, own = like.content()
    state, scales = _parts(arrays)
    model = build(like.architecture, _parts(own)[0]).eval()
    try:
        model.load_state_dict(state)
    except ArgumentError as error:
        facts = shortened(printable(error.args[2]), LONGEST)
        remedy = "give a state dict of the same layers and sizes"
        raise DataError(where, "its arrays are not those of the model", facts, remedy) from error
    if wrong := [name for name in state if state[name].dtype != own[name].dtype]:
        facts = f"{wrong[0]} is {state[wrong[0]].dtype}, and the model {own[wrong[0]].dtype}"
        remedy = "convert the network to the model's dtype before you save it"
        raise DataError(where, "its arrays have another dtype", facts, remedy)
    for name, array in state.items():
        if not np.isfinite(array).all():
            facts, remedy = (
                f"{name} holds {array[~np.isfinite(array)][0]}",
                "train the network again",
            )
            raise DataError(where, "its weights are not finite", facts, remedy)
    if other := [name for name in scales if not np.array_equal(scales[name], own.get(name))]:
        wrong = "its weights are for features that were scaled in another way"
        remedy = "name the model that it was made from"
        raise DataError(where, wrong, f"{listed(other)} differ from the model's", remedy)
    return Classifier(model, like.schema, like.scaling, {"imported from": where})


def _parts(arrays: dict[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Return the arrays of the network, and those of the scaling."""
    return [
        {name: a for name, a in arrays.items() if name.startswith("scaling.") == of_scaling}
        for of_scaling in (False, True)
    ]


def _read(path: Path) -> tuple[str, dict, dict[str, np.ndarray]]:
    """Return the path of a .safetensors file, its metadata and its arrays.

    Raises:
        DataError: if it cannot be read, is damaged, or is a pickle.
    """
    check_path("import", path)
    path = os.path.join(path, IN_FOLDER) if os.path.isdir(path) else path
    with opened(path) as file:
        content = file.read()
    return os.fspath(path), *_parsed(os.fspath(path), content)


def _parsed(where: str, content: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    """Return the metadata and the arrays in the bytes of a .safetensors file."""
    if content.startswith(PICKLES) and content[8:9] != b"{":
        wrong = "it is a pickle, as .pt and .pth files are, or a zip"
        raise DataError(where, wrong, "reading a pickle can run any code", SAVE)
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(len(content) - 8, MOST_HEADER):
        says = f"its first bytes say that the header has {counted(length, 'byte')}"
        facts = f"{says}, and it has {counted(len(content), 'byte')} in all"
        raise DataError(where, "not a .safetensors file", facts, SAVE)
    try:
        header = read_json(content[8 : 8 + length])
        arrays = {name: np.array(array) for name, array in sorted(load_arrays(content).items())}
    except KeyError as error:  # a dtype that NumPy has not
        wrong, remedy = "NumPy has no such dtype", "convert the network with network.float()"
        raise DataError(where, wrong, reason(error), remedy) from error
    except (SafetensorError, ValueError) as error:
        raise _damaged(where, error) from error
    return header.get("__metadata__") or {}, arrays


def _damaged(where: str, error: Exception) -> DataError:
    return DataError(where, "it is damaged", reason(error), "use an undamaged copy of it")
