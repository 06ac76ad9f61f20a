"""What kind of source a path leads to."""

import os

from ..errors import DataError
from ..text import listed
from .arrays import Arrays, read_npy_folder, read_npz
from .idx import is_idx_folder, read_idx_folder
from .text import opened, unreadable

SINGLE_FILES = {
    b"\x93NUM": ("is a single NumPy array", "put x.npy and y.npy into one folder and give that"),
    b"\x00\x00\x08\x01": ("is a single IDX file", "give its folder"),
    b"\x00\x00\x08\x03": ("is a single IDX file", "give its folder"),
}


def read_arrays(source: str | os.PathLike, where: str, need_y: bool) -> list[Arrays] | None:
    """Return the arrays that a path leads to, two where it has a test set, None for a text.

    Raises DataError for a folder of something else, and for a file that cannot be used.
    """
    if source == "-":  # standard input is a text, whatever file is called so
        return None
    if os.path.isdir(source):
        names = list_folder(source, where)
        if "x.npy" in names or "y.npy" in names:
            return [read_npy_folder(source, names, where, need_y)]
        if is_idx_folder(names):
            return read_idx_folder(source, names, where, need_y)
        raise DataError(
            where,
            "is a folder without data that minigrad knows",
            f"it holds {listed(names, 5) or 'nothing'}",
            "give a file, or a folder with x.npy and y.npy or with MNIST's IDX files",
        )
    if not os.path.isfile(source):  # a pipe: read once, and so a text
        return None
    with opened(source) as file:
        start = file.peek(4)[:4]
    if start == b"PK\x03\x04":
        return [read_npz(source, where, need_y)]
    if start in SINGLE_FILES:
        what, remedy = SINGLE_FILES[start]
        raise DataError(where, what, "features and labels are two arrays", remedy)
    return None


def list_folder(folder: str | os.PathLike, where: str) -> list[str]:
    """Return the names of the files in a folder.

    Raises DataError where it cannot be read.
    """
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise unreadable(where, error) from error
