"""A model as a .safetensors file: what others find in it, what comes back, and hostile ones."""

import json

import numpy as np
import pytest

from minigrad.errors import DataError
from minigrad.training import Classifier, load
from tests.bridges import networks
from tests.helpers import assert_same_arrays, exactly
from tests.training.hostile import VALUES, edited, places

safetensors = pytest.importorskip("safetensors", reason="safetensors is not installed")

from safetensors.numpy import load_file, save, save_file  # noqa: E402

from minigrad.bridges import safetensors as bridge  # noqa: E402

REMEDY = "save it with safetensors.torch.save_file(network.state_dict(), 'm.safetensors')"


@pytest.fixture
def classifier():
    return networks.classifier(networks.network("BatchNorm2d"))


@pytest.fixture
def path(tmp_path, classifier):
    bridge.write(classifier, tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


def header_of(path):
    """Return the JSON in the metadata."""
    with safetensors.safe_open(path, "np") as file:
        (name,) = file.metadata()
        return json.loads(file.metadata()[name])


def refused(call, *given):
    """Return the text of the DataError that a call raises, which is one line."""
    with pytest.raises(DataError) as raised:
        call(*given)
    assert "\n" not in str(raised.value)
    return str(raised.value)


# ---- there and back ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("name", networks.NAMES)
def test_a_layer_there_and_back(tmp_path, name, dtype):
    classifier = networks.classifier(networks.network(name, dtype))
    paths = bridge.write(classifier, tmp_path / "m.safetensors")
    assert paths == [str(tmp_path / "m.safetensors")]
    back = bridge.load(paths[0])
    classifier.save(tmp_path / "one.npz")
    back.save(tmp_path / "other.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()
    assert not back.model.training


def test_others_find_the_state_dict_and_the_scaling(path, classifier):
    arrays, scaling = load_file(path), classifier.scaling
    for name in ("shift", "scale", "fill"):
        found = arrays.pop(f"scaling.{name}")
        assert found.dtype == np.float64 and (found == getattr(scaling, name)).all()
    assert_same_arrays(arrays, classifier.model.state_dict())
    header = header_of(path)
    assert header["schema"] == json.loads(json.dumps(classifier.schema.to_dict()))
    assert header["architecture"] == json.loads(json.dumps(classifier.architecture))
    assert (header["scaling"], header["training"]) == ("asinh", {"epoch": 3})


def test_pytorch_takes_the_state_dict(path, classifier):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from safetensors.torch import load_file

    state = {k: v for k, v in load_file(path).items() if not k.startswith("scaling.")}
    torch.nn.Sequential(
        torch.nn.Linear(16, 16),
        torch.nn.Unflatten(1, (1, 4, 4)),
        torch.nn.Conv2d(1, 4, 2),
        torch.nn.BatchNorm2d(4),
        torch.nn.Flatten(),
        torch.nn.Linear(36, 3),
    ).load_state_dict(state)


def test_equal_models_give_equal_bytes(tmp_path, classifier, path):
    for name in "abcdefgh":
        bridge.write(classifier, tmp_path / name)
        assert (tmp_path / name).read_bytes() == path.read_bytes()


def test_arrays_that_are_not_contiguous(tmp_path, classifier):
    scaling = classifier.scaling
    every_second = type(scaling)(*(np.repeat(a, 2)[::2] for a in (scaling.shift, scaling.scale)))
    other = Classifier(classifier.model, classifier.schema, every_second)
    bridge.write(other, tmp_path / "m.safetensors")
    assert (bridge.load(tmp_path / "m.safetensors").scaling.shift == scaling.shift).all()


def test_an_existing_file_stays(path, classifier):
    size = path.stat().st_size
    assert refused(bridge.write, classifier, path) == (
        f"{path}: it exists; {size} bytes; choose another name, or pass overwrite=True"
    )
    bridge.write(classifier, path, overwrite=True)


# ---- weights for a model -------------------------------------------------------------------------


def test_a_state_dict_gets_columns_and_scaling(tmp_path, classifier):
    other = networks.network("BatchNorm2d", seed=1)
    save_file(other.state_dict(), tmp_path / "w.safetensors")
    before = classifier.model.state_dict()
    found = bridge.load_weights(tmp_path / "w.safetensors", classifier)
    assert_same_arrays(found.model.state_dict(), other.state_dict())
    assert_same_arrays(classifier.model.state_dict(), before)
    assert found.schema == classifier.schema and found.scaling is classifier.scaling
    assert found.training == {"imported from": str(tmp_path / "w.safetensors")}
    found.save(tmp_path / "m.npz")
    assert load(tmp_path / "m.npz").training == found.training


def test_what_is_missing_what_is_extra_and_what_differs(tmp_path, classifier):
    state = classifier.model.state_dict()
    del state["0.bias"]
    state["fc.weight"], state["line\nbreak"] = np.zeros(2), np.zeros(2)
    state["2.weight"] = state["2.weight"][:3]
    save_file(state, tmp_path / "w.safetensors")
    assert refused(bridge.load_weights, tmp_path / "w.safetensors", classifier) == (
        f"{tmp_path}/w.safetensors: its arrays are not those of the model; missing 0.bias; "
        "unexpected fc.weight, line\\nbreak; 2.weight is (3, 1, 2, 2) for (4, 1, 2, 2); "
        "give a state dict of the same layers and sizes"
    )


def test_thousands_of_names_are_shortened(tmp_path, classifier):
    save_file({f"a{i}": np.zeros(1) for i in range(5000)}, tmp_path / "w.safetensors")
    assert len(refused(bridge.load_weights, tmp_path / "w.safetensors", classifier)) < 1300


@pytest.mark.parametrize("dtype", ["float64", "float16", "int32"])
def test_another_dtype(tmp_path, classifier, dtype):
    state = classifier.model.state_dict()
    state["0.bias"] = state["0.bias"].astype(dtype)
    save_file(state, tmp_path / "w.safetensors")
    assert refused(bridge.load_weights, tmp_path / "w.safetensors", classifier) == (
        f"{tmp_path}/w.safetensors: its arrays have another dtype; 0.bias is {dtype}, and the "
        "model float32; convert the network to the model's dtype before you save it"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(tmp_path, classifier, value):
    state = classifier.model.state_dict()
    state["0.weight"] = state["0.weight"].copy()
    state["0.weight"].flat[-1] = value
    save_file(state, tmp_path / "w.safetensors")
    assert refused(bridge.load_weights, tmp_path / "w.safetensors", classifier) == (
        f"{tmp_path}/w.safetensors: its weights are not finite; 0.weight holds {value}; "
        "train the network again"
    )


def test_a_dtype_that_numpy_has_not(tmp_path, classifier):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from safetensors.torch import save_file

    save_file({"0.bias": torch.zeros(2, dtype=torch.bfloat16)}, tmp_path / "w.safetensors")
    assert refused(bridge.load_weights, tmp_path / "w.safetensors", classifier) == (
        f"{tmp_path}/w.safetensors: NumPy has no such dtype; 'BF16'; "
        "convert the network with network.float()"
    )


def test_another_scaling(path, classifier):
    scaling = type(classifier.scaling)(
        classifier.scaling.shift + 1, classifier.scaling.scale, classifier.scaling.fill, "asinh"
    )
    other = Classifier(classifier.model, classifier.schema, scaling)
    bridge.load_weights(path, classifier)
    assert refused(bridge.load_weights, path, other) == (
        f"{path}: its weights are for features that were scaled in another way; "
        '"scaling.shift" differ from the model\'s; name the model that it was made from'
    )


# ---- files that are not ours ---------------------------------------------------------------------


def test_a_state_dict_alone_is_not_a_model(tmp_path, classifier):
    save_file(classifier.model.state_dict(), tmp_path / "w.safetensors")
    assert refused(bridge.load, tmp_path / "w.safetensors") == (
        f"{tmp_path}/w.safetensors: it does not say what its arrays mean; it holds "
        '"0.bias", "0.weight", "2.bias" and 8 more; name a model with the same '
        "layers: --like MODEL, or load_weights(path, like)"
    )


@pytest.mark.parametrize("content", [b"PK\3\4 and more", b"\x80\2}q\0."], ids=["zip", "pickle"])
def test_a_pickle_is_not_read(tmp_path, classifier, content):
    (tmp_path / "m.pt").write_bytes(content)
    for call in (bridge.load, lambda path: bridge.load_weights(path, classifier)):
        assert refused(call, tmp_path / "m.pt") == (
            f"{tmp_path}/m.pt: it is a pickle, as .pt and .pth files are, or a zip; reading a "
            f"pickle can run any code; {REMEDY}"
        )


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            b"",
            "not a .safetensors file; its first bytes say that the header has 0 bytes, and it has "
            f"0 bytes in all; {REMEDY}",
        ),
        (
            b"width,height\n1,2\n",
            "not a .safetensors file; its first bytes say that the header has "
            f"7307139222549588343 bytes, and it has 17 bytes in all; {REMEDY}",
        ),
        (
            (1 << 23).to_bytes(8, "little") + b" " * (1 << 23),
            "not a .safetensors file; its first bytes say that the header has 8388608 bytes, and "
            f"it has 8388616 bytes in all; {REMEDY}",
        ),
        (
            (2).to_bytes(8, "little") + b"{]",
            "it is damaged; Expecting property name enclosed in double quotes: line 1 column 2 "
            "(char 1); use an undamaged copy of it",
        ),
        (
            (2).to_bytes(8, "little") + b"[]",
            "it is damaged; Error while deserializing: invalid JSON in header: invalid type: "
            "sequence, expected struct HashMetadata at line 1 column 0; "
            "use an undamaged copy of it",
        ),
        (
            (200).to_bytes(8, "little") + b"[" * 200,
            "it is damaged; Expecting value: line 1 column 201 (char 200); "
            "use an undamaged copy of it",
        ),
    ],
    ids=["empty", "text", "huge header", "no JSON", "no table", "brackets"],
)
def test_a_damaged_file(tmp_path, content, line):
    (tmp_path / "m").write_bytes(content)
    assert refused(bridge.load, tmp_path / "m") == f"{tmp_path}/m: {line}"


def rewritten(path, header):
    """Write the arrays of a file with another header."""
    text = header if isinstance(header, str) else json.dumps(header)
    path.write_bytes(save(load_file(path), {"minigrad": text}))


@pytest.mark.parametrize(
    ("place", "value", "line"),
    [
        (
            ("version",), 1,
            "its format is 'minigrad', version 1; this minigrad reads 'minigrad', version 3; use "
            "the minigrad that wrote it, or train again",
        ),
        (
            ("content",), "run",
            "it does not hold a classifier; content 'run'; give a model file, such as best.npz",
        ),
        (
            ("scaling",), "log",
            "its header is damaged; scaling is 'log', not one of 'asinh', 'standard', 'minmax', "
            "'none'; use an undamaged copy of it, or train again",
        ),
        (
            ("architecture", "layers", 0, "out_features"), 10**9,
            "its header and its arrays do not make a classifier; array '0.weight' is (16, 16) "
            "float32, not (1000000000, 16) float32; use an undamaged copy of it, or train again",
        ),
        (
            ("architecture", "dtype"), "float64",
            "its header and its arrays do not make a classifier; array '0.weight' is (16, 16) "
            "float32, not (16, 16) float64; use an undamaged copy of it, or train again",
        ),
    ],
    ids=["version", "content", "scaling", "size", "dtype"],
)  # fmt: skip
def test_a_header_that_does_not_fit(path, place, value, line):
    rewritten(path, edited(header_of(path), place, value))
    assert refused(bridge.load, path) == f"{path}: {line}"


def test_a_layer_that_takes_other_inputs(tmp_path, path):
    """An Embedding takes integers: what the network raises is about the file, too."""
    header, arrays = header_of(path), load_file(path)
    header["architecture"]["layers"] = [
        {"layer": "Embedding", "num_embeddings": 4, "embedding_dim": 3}
    ]
    arrays = {name: a for name, a in arrays.items() if name.startswith("scaling.")}
    arrays["0.weight"] = np.zeros((4, 3), np.float32)
    path.write_bytes(save(arrays, {"minigrad": json.dumps(header)}))
    assert refused(bridge.load, path) == (
        f"{path}: its header and its arrays do not make a classifier; t does not hold integers, "
        "t (1, 16) float32, W (4, 3); use an undamaged copy of it, or train again"
    )


@pytest.mark.parametrize("text", ["", "x", "[]", "null", '{"format": NaN}', "[" * 5000], ids=repr)
def test_metadata_that_is_not_a_header(path, text):
    rewritten(path, text)
    refused(bridge.load, path)


def test_hostile_headers_and_flipped_bytes(path, classifier):
    """Each is refused in one line, or makes a classifier of the same layers."""
    before, header, tried, refusals = path.read_bytes(), header_of(path), 0, 0

    def attempt():
        nonlocal tried, refusals
        tried += 1
        try:
            found = bridge.load(path)
        except DataError as error:
            refusals += 1
            assert "\n" not in str(error)
        else:
            assert found.model.state_dict().keys() == classifier.model.state_dict().keys()

    for i, place in enumerate(places(header)):
        for value in VALUES[i % 4 :: 4]:
            try:
                text = json.dumps(edited(header, place, value))
                rewritten(path, text)
            except (ValueError, RecursionError):  # what no JSON or no UTF-8 holds
                continue
            attempt()
            path.write_bytes(before)
    rng = np.random.default_rng(0)
    for _ in range(400):
        content = bytearray(before)
        content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(content[: None if rng.random() < 0.7 else int(rng.integers(len(content)))])
        attempt()
    assert tried > 600 and refusals > tried / 2


def test_a_path_that_is_none(classifier):
    for call in (bridge.load, lambda path: bridge.load_weights(path, classifier)):
        with pytest.raises(
            ValueError,
            match=exactly(
                "import: the path is not a path; it is None; give a string or a pathlib.Path"
            ),
        ):
            call(None)
