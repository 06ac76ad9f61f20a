"""What the headers of a run's files hold, field by field, and the checks before one is believed.

best.npz and last.npz have a header in JSON beside their arrays (see `archive`), run.json is all
header, and a line of history.csv is an `Epoch`. Every reader of these files comes through here.
"""

import os
from typing import Any

import numpy as np

from ..data.prepare import KINDS
from ..errors import ArgumentError, DataError
from ..fields import PATH, TABLE, TEXT, Kind, Maybe, check, number, one_of, read_json, whole
from ..settings import SETTINGS, checked
from ..text import reason
from ..typing import Path
from . import archive
from .architecture import ARCHITECTURE, array_specs, check_arrays, flat
from .metrics import DENSE

FORMAT, VERSION = "minigrad run", 1  # of run.json
STATUSES = ("running", "interrupted", "diverged", "finished")
SAVING = ("out", "overwrite", "no_save")  # not recorded in the run
COPY = "use an undamaged copy of it, or train again"
AGAIN = "resume the run, which writes it again"

LOSS, SHARE = number(0), number(0, 1)
# epoch, train_loss, train_accuracy, val_loss, val_accuracy, lr, grad_norm: see Epoch
EPOCH = (whole(1), LOSS, SHARE, Maybe(LOSS), Maybe(SHARE), number(0), number(0))


def _option(name: str) -> Kind:
    """Return what the value of an option can be: what `settings.checked` takes, as JSON."""

    def fits(value: Any) -> bool:
        setting = SETTINGS[name]
        if value is None or isinstance(value, list) != setting.many:
            return value is None and setting.default is None
        try:
            checked(name, value)
        except ArgumentError:
            return False
        return True

    return Kind(f"a value that {name} can have", fits)


OPTIONS = [name for name in SETTINGS if name not in SAVING]
SHA256 = Kind("a SHA-256", lambda value: isinstance(value, str) and len(value) == 64)
ABOUT = {
    "data": {
        "source": PATH,
        "name": PATH,
        "sha256": SHA256,
        "rows": whole(1),
        "features": [TEXT],
        "classes": [TEXT],
        "image?": (whole(1), whole(1), whole(1)),
        "split": {"training": whole(1), "validation": whole(), "test": whole()},
        "test_path?": PATH,
        "rows_sha256?": SHA256,
    },
    "options": {name: _option(name) for name in OPTIONS},
    "origins": dict.fromkeys(OPTIONS, PATH),
    "path": Maybe(PATH),
    "versions": {"minigrad": TEXT, "numpy": TEXT, "python": TEXT},
    "kernel?": {"sha256": SHA256, "name": Maybe(TEXT)},
    "folds?": [{"accuracy": SHARE, "log_loss": LOSS}],
}
CONFUSION = Kind("a matrix", lambda value: isinstance(value, (list, dict)))
RESULTS = {"test_loss": LOSS, "test_accuracy": SHARE, "confusion": CONFUSION}
RUN = {
    **ABOUT,
    "status": one_of(*STATUSES),
    "written": TEXT,
    "seconds": number(0),
    "epochs?": whole(),
    "best_epoch?": Maybe(whole(1)),
    "steps?": whole(),
    "results?": Maybe(RESULTS),
}
GENERATOR = {
    "bit_generator": one_of("PCG64"),
    "state": {"state": whole(0, 2**128 - 1), "inc": whole(0, 2**128 - 1)},
    "has_uint32": whole(0, 1),
    "uinteger": whole(0, 2**32 - 1),
}
SUMS = {
    "rows": whole(), "hits": whole(), "loss": LOSS, "mass": number(0), "steps": whole(),
    "grad_norm": number(0),
}  # fmt: skip
STATE = {
    "steps": whole(),
    "lrs": (number(0),),
    "sums": SUMS,
    "most": Maybe(number(0)),
    "order_from": Maybe(GENERATOR),
    "generators": (GENERATOR,),
    "history": [EPOCH],
    "best": Maybe({"epoch": whole(1), "val_loss": LOSS}),
}
CHECKPOINT = {**ABOUT, "architecture": TABLE, "state": STATE}
# The arrays that the optimizers keep for a parameter, of its own shape and dtype but for "t".
KEPT = {"sgd": ("velocity",), "rmsprop": ("v", "b"), "adam": ("m", "v", "t")}
KEPT["adamw"] = KEPT["adam"]
CLASSIFIER = {
    "architecture": TABLE,  # `architecture.build` knows its fields
    "schema": TABLE,  # Schema.from_dict knows its fields
    "scaling": one_of(*KINDS),
    "training": TABLE,  # the writer's own
}
CONTENTS = {"classifier": CLASSIFIER, "run": CHECKPOINT}


def read(path: Path, content: str | None = None) -> tuple[dict, dict[str, np.ndarray]]:
    """Return the header and the arrays of a file that minigrad wrote.

    Args:
        path: the file.
        content: "classifier" or "run"; None takes both.

    Raises:
        DataError: as `archive.read` does, if the content is another, a field of the header is not
            as described above, or the arrays of a run are not those of its network. Whether those
            of a classifier are, `training.load` knows.
    """
    header, arrays = archive.read(path)
    check_content(os.fspath(path), header, arrays, content)
    return header, arrays


def check_content(
    where: str, header: dict, arrays: dict[str, np.ndarray], content: str | None = None
) -> None:
    """Raise DataError if a file's header and arrays are not such content; see `read`."""
    found = header.get("content")
    if not isinstance(found, str) or found not in ([content] if content else CONTENTS):
        wrong, facts = f"it does not hold a {content or 'model or a run'}", f"content {found!r:.40}"
        remedy = "give a run folder" if content == "run" else "give a model file, such as best.npz"
        raise DataError(where, wrong, facts, remedy)
    try:
        check(header, CONTENTS[found])
        if found == "run":
            _check_checkpoint(header, arrays)
    except ValueError as error:
        raise DataError(where, "its header is damaged", str(error), COPY) from error


def _check_checkpoint(header: dict, arrays: dict[str, np.ndarray]) -> None:
    """Raise ValueError if the numbers of a checkpoint do not fit each other and its arrays."""
    state, data, options = header["state"], header["data"], header["options"]
    architecture = header["architecture"]
    widths = [*(options["conv"] or ()), *(options["hidden"] or ()), len(data["classes"])]
    if _widths(architecture) != widths or architecture["dtype"] != options["dtype"]:
        network = f"of the widths {widths!s:.60} in {options['dtype']}"
        raise ValueError(f"its architecture is not that of a network {network}")
    specs = array_specs(architecture)
    kept = KEPT[options["optimizer"]]
    parts: dict[str, dict[str, np.ndarray]] = {name: {} for name in ("model", "best", *kept)}
    for name, array in arrays.items():
        part, _, inner = name.partition("/")
        if part not in parts:
            raise ValueError(f"array {name!r:.40} is not one of a run")
        parts[part][inner] = array
    check_arrays(specs, parts.pop("model"))
    best = parts.pop("best")
    if bool(best) != bool(state["best"]):
        raise ValueError("its best/ arrays are not those of the network at state.best")
    if best:
        check_arrays(specs, best)
    for part, found in parts.items():
        of_part = {name: ((), "int64") for name in specs} if part == "t" else specs
        if unknown := [name for name in found if name not in specs]:
            raise ValueError(f"array {f'{part}/{unknown[0]}'!r:.40} belongs to no layer")
        check_arrays({name: of_part[name] for name in found}, found)
    epochs = [epoch[0] for epoch in state["history"]]
    if epochs != [*range(1, len(epochs) + 1)]:
        raise ValueError("state.history does not count its epochs from 1")
    if state["best"] and state["best"]["epoch"] > len(epochs):
        raise ValueError(f"state.best.epoch is {state['best']['epoch']} of {len(epochs)}")
    rows = state["sums"]["rows"]
    if rows > data["split"]["training"] or (state["order_from"] is None) != (rows == 0):
        raise ValueError(f"state.sums.rows is {rows}, which does not fit state.order_from")


def _widths(architecture: dict) -> list[int]:
    """Return how many channels or features each layer with a weight matrix gives."""
    check(architecture, ARCHITECTURE, "architecture")
    layers = [arguments for _, _, arguments in flat(architecture["layers"])]
    gives = [one.get("out_channels", one.get("out_features")) for one in layers]
    return [width for width in gives if width is not None]


def run_facts(path: str, content: bytes) -> dict:
    """Return what the text of run.json holds.

    Raises:
        DataError: if it is not JSON, or a field is not as described above.
    """
    try:
        facts = read_json(content)
    except ValueError as error:
        raise DataError(path, "it is not JSON", reason(error), AGAIN) from error
    head = facts if isinstance(facts, dict) else {}
    if (head.get("format"), head.get("version")) != (FORMAT, VERSION):
        wrong = f"it does not describe a run in version {VERSION}"
        found = f"format {head.get('format')!r:.40}, version {head.get('version')!r:.40}"
        raise DataError(path, wrong, found, "use the minigrad that wrote it")
    try:
        check(facts, RUN)
        if results := facts.get("results"):
            _check_confusion(results["confusion"], len(facts["data"]["classes"]))
    except ValueError as error:
        raise DataError(path, "it does not describe a run", str(error), AGAIN) from error
    return facts


def _check_confusion(confusion: list | dict, classes: int) -> None:
    """Raise ValueError if a confusion matrix is not one that `metrics.packed` stored."""
    place = "results.confusion"
    if classes < DENSE:
        check(confusion, ((whole(),) * classes,) * classes, place)
        return
    index = whole(0, classes - 1)
    check(confusion, {"true": [index], "predicted": [index], "count": [whole()]}, place)
    if len({len(confusion[name]) for name in ("true", "predicted", "count")}) > 1:
        raise ValueError(f"{place} has lists of different lengths")
