"""The file format: what is written comes back, damage is found."""

import io
import itertools
import json
import os
import re
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from minigrad.errors import ArgumentError, DataError
from minigrad.training import archive
from tests.cli.program import ENVIRONMENT

HEADER = {"epoch": 3, "name": "é", "state": 2**127, "none": None, "deep": {"a": [1.5, True]}}
OURS = "give a file that minigrad wrote, such as best.npz"
NOT_OURS = "not a file of minigrad: no header.json at byte 0"
COPY = "use an undamaged copy of it, or train again"


def arrays():
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(8, 4))
    return {
        "0.weight": weight.astype(np.float32),
        "0.bias": rng.normal(size=8),
        "strided": weight[::2, ::-1],
        "by columns": np.asfortranarray(weight),
        "big-endian": weight.astype(">f8"),
        "special": np.array([np.nan, -0.0, np.inf], np.float16),
        "scalar": np.array(3.5),
        "empty": np.zeros((0, 3)),
        "order": np.arange(5),
        "mask": np.array([True, False]),
    }


def bits(arrays):
    """Return all that there is to an array, except its place in memory."""
    return {
        name: (a.shape, a.dtype.kind, a.astype(a.dtype.newbyteorder("<")).tobytes())
        for name, a in arrays.items()
    }


@pytest.fixture
def path(tmp_path):
    archive.write(tmp_path / "a.npz", HEADER, arrays())
    return tmp_path / "a.npz"


def refusal(path):
    """Return the one line that reading a file ends in, without the file's name."""
    with pytest.raises(DataError) as error:
        archive.read(path)
    text = str(error.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text.removeprefix(f"{path}: ")


# ---- what is written comes back


def test_what_is_written_comes_back_to_the_bit(path):
    header, read = archive.read(path)
    listed = header.pop("arrays")
    assert header == {**HEADER, "format": "minigrad", "version": 3}
    assert [*read] == [*listed] == [*arrays()]
    assert bits(read) == bits(arrays())
    members = members_of(path)
    assert listed == {name: zlib.crc32(members[f"{name}.npy"]) for name in read}
    for array in read.values():
        assert array.flags.writeable and array.flags.owndata and array.dtype.isnative


def test_no_arrays_are_a_file_too(tmp_path):
    archive.write(tmp_path / "a.npz", {}, {})
    assert archive.read(tmp_path / "a.npz")[1] == {}


def test_equal_content_gives_equal_bytes(path, tmp_path):
    archive.write(tmp_path / "b.npz", HEADER, arrays(), sync=False)
    assert path.read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_numpy_reads_the_file(path):
    with np.load(path) as file:
        assert json.loads(file["header.json"])["name"] == "é"
        assert bits({name: file[name] for name in arrays()}) == bits(arrays())


def test_equal_numbers_are_stored_as_equal_bytes(path):
    members = members_of(path)
    assert members["by columns.npy"] == members["big-endian.npy"]
    assert b"'descr': '<f8', 'fortran_order': False, 'shape': (8, 4)" in members["by columns.npy"]


def test_any_zip_program_reads_the_file(path):
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        first, *rest = file.infolist()
        assert first.filename == "header.json"
        assert [member.filename for member in rest] == [f"{name}.npy" for name in arrays()]
        about = {(m.date_time, m.create_system, m.external_attr) for m in file.infolist()}
        assert about == {((1980, 1, 1, 0, 0, 0), 3, 0o644 << 16)}


@pytest.mark.parametrize(
    "array", [np.array(["a"]), np.array([None]), np.array([1j]), np.zeros(1, "i4,f4")], ids=repr
)
def test_only_numbers_can_be_written(tmp_path, array):
    with pytest.raises(ArgumentError) as error:
        archive.write(tmp_path / "a.npz", {}, {"x": array})
    assert str(error.value) == (
        "archive.write: array 'x' has a dtype that cannot be stored; "
        f"dtype {array.dtype}; convert it to numbers with array.astype(np.float64)"
    )
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("value", "facts"),
    [
        (np.float32(1), "Object of type float32 is not JSON serializable"),
        (float("nan"), "Out of range float values are not JSON compliant"),
    ],
)
def test_only_json_can_be_a_header(tmp_path, value, facts):
    with pytest.raises(ArgumentError) as error:
        archive.write(tmp_path / "a.npz", {"x": value}, {})
    assert str(error.value).startswith(
        f"archive.write: the header cannot be written as JSON; {facts}"
    )
    assert str(error.value).endswith(
        "; give strings, integers, finite floats, booleans, None, lists and dicts"
    )


# ---- what is not a file of ours


def test_no_such_file(tmp_path):
    remedy = "check the path and its rights"
    text = f"cannot be read; No such file or directory; {remedy}"
    assert refusal(tmp_path / "a.npz") == text
    assert refusal(tmp_path) == text.replace("No such file or directory", "it is a folder")


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PK", bytes(100)], ids=repr)
def test_not_an_npz_file(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    facts = f"{len(content)} bytes, the first {content[:4]!r}"
    assert refusal(tmp_path / "a") == f"not an .npz file; {facts}; {OURS}"


def test_a_device_is_not_read():
    facts = "it is a device; check the path and its rights"
    assert refusal(Path("/dev/zero")) == f"cannot be read; {facts}"


def test_an_npz_of_somebody_else(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    facts = "it starts with 'x.npy' at byte 0"
    assert refusal(tmp_path / "a.npz") == f"{NOT_OURS}; {facts}; {OURS}"
    with zipfile.ZipFile(tmp_path / "b.npz", "w"):
        pass
    assert refusal(tmp_path / "b.npz") == (
        f"not an .npz file; 22 bytes, the first b'PK\\x05\\x06'; {OURS}"
    )


# ---- damage


def members_of(path):
    with zipfile.ZipFile(path) as file:
        return {member.filename: file.read(member) for member in file.infolist()}


def rebuild(path, members, method=zipfile.ZIP_STORED):
    """Write a zip whose own bookkeeping is in order, whatever its members say."""
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)


def with_header(path, **changes):
    members = members_of(path)
    header = json.loads(members["header.json"])
    members["header.json"] = json.dumps({**header, **changes})
    rebuild(path, members)


def with_array(path, name, content):
    """Replace an array's member, with a header that says so: no damage, but a hostile writer."""
    members = members_of(path)
    header = json.loads(members["header.json"])
    header["arrays"][name] = zlib.crc32(content)
    members |= {"header.json": json.dumps(header), f"{name}.npy": content}
    rebuild(path, members)


def npy(content, **changes):
    """Return the bytes of an .npy file whose header says what is given."""
    head = io.BytesIO()
    said = {"descr": "<f8", "fortran_order": False, "shape": (8,), **changes}
    np.lib.format.write_array_header_1_0(head, said)
    return head.getvalue() + content


def test_a_file_cut_off(path):
    content = path.read_bytes()
    for size in [*range(0, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:size])
        text = refusal(path)
        if size > 3:
            wrong = "it is cut off, or something follows its end"
            assert text == f"{wrong}; {size} bytes; {COPY}"


def test_rubbish_around_the_file(path):
    content = path.read_bytes()
    path.write_bytes(content + b"rubbish")
    wrong = "it is cut off, or something follows its end"
    assert refusal(path) == f"{wrong}; {len(content) + 7} bytes; {COPY}"
    path.write_bytes(b"PK\3\4" + content)
    facts = "it starts with 'header.json' at byte 4"
    assert refusal(path) == f"{NOT_OURS}; {facts}; {OURS}"
    path.write_bytes(b"rubbish" + content)
    facts = f"{len(content) + 7} bytes, the first b'rubb'"
    assert refusal(path) == f"not an .npz file; {facts}; {OURS}"


def test_a_number_changed(path):
    content = bytearray(path.read_bytes())
    content[content.index(arrays()["order"].tobytes())] += 1
    path.write_bytes(content)
    facts = "Bad CRC-32 for file 'order.npy'"
    assert refusal(path) == f"it is damaged; {facts}; {COPY}"


LISTED = "its arrays are not those that header.json lists"


def test_swapped_arrays(path):
    """Two of the same shape and dtype, under each other's name."""
    archive.write(path, {}, {"a": np.zeros(3), "b": np.ones(3)})
    members = members_of(path)
    one, two = members["a.npy"], members["b.npy"]
    rebuild(path, {**members, "a.npy": two, "b.npy": one})
    facts = f"('a.npy', {zlib.crc32(one)}) is listed, ('a.npy', {zlib.crc32(two)}) is there"
    assert refusal(path) == f"{LISTED}; {facts}; {COPY}"


def test_a_compressed_file(path):
    rebuild(path, members_of(path), zipfile.ZIP_DEFLATED)
    size = path.stat().st_size
    total = sum(map(len, members_of(path).values()))
    facts = f"members of {total} bytes in a file of {size}"
    assert refusal(path) == f"its members are compressed, or larger than the file; {facts}; {COPY}"


def test_a_member_that_only_claims_to_be_compressed(path):
    content = bytearray(path.read_bytes())
    total = sum(map(len, members_of(path).values()))
    content[content.rindex(b"PK\1\2") + 10] = zipfile.ZIP_DEFLATED
    path.write_bytes(content)
    facts = f"members of {total} bytes in a file of {len(content)}"
    assert refusal(path) == f"its members are compressed, or larger than the file; {facts}; {COPY}"


def test_members_missing_unknown_moved_or_of_the_same_name(path):
    members = members_of(path)
    mask, order = (str((name, zlib.crc32(members[name]))) for name in ("mask.npy", "order.npy"))
    first = str(("0.weight.npy", zlib.crc32(members["0.weight.npy"])))
    content = members.pop("mask.npy")
    rebuild(path, members)
    assert refusal(path) == f"{LISTED}; {mask} is listed, None is there; {COPY}"
    rebuild(path, {**members, "mask.npy": content, "extra.npy": content})
    extra = mask.replace("mask", "extra")
    assert refusal(path) == f"{LISTED}; None is listed, {extra} is there; {COPY}"
    rebuild(path, {"header.json": members["header.json"], "mask.npy": content, **members})
    assert refusal(path) == f"{LISTED}; {first} is listed, {mask} is there; {COPY}"
    rebuild(path, {**members, "mask.npy": content})
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as file:
        file.writestr("order.npy", members["order.npy"])
    assert refusal(path) == f"{LISTED}; None is listed, {order} is there; {COPY}"


def test_members_that_claim_more_than_the_file_holds(path):
    """Both of a member's sizes in the directory say a gigabyte."""
    content = bytearray(path.read_bytes())
    total = sum(map(len, members_of(path).values())) - len(members_of(path)["mask.npy"]) + 2**30
    at = content.rindex(b"PK\1\2")
    content[at + 20 : at + 28] = (2**30).to_bytes(4, "little") * 2
    path.write_bytes(content)
    facts = f"members of {total} bytes in a file of {len(content)}"
    assert refusal(path) == f"its members are compressed, or larger than the file; {facts}; {COPY}"


@pytest.mark.parametrize("version", [1, 2, 0, None, "3", 3.0, True, [3]], ids=repr)
def test_another_version(path, version):
    with_header(path, version=version)
    assert refusal(path) == (
        f"its format is 'minigrad', version {version!r}; this minigrad reads 'minigrad', "
        "version 3; use the minigrad that wrote it, or train again"
    )


def test_another_format(path):
    with_header(path, format="other")
    assert refusal(path) == (
        "its format is 'other', version 3; this minigrad reads 'minigrad', "
        "version 3; use the minigrad that wrote it, or train again"
    )


@pytest.mark.parametrize(
    "text", ["", "{", "nonsense", "[1]", "[" * 100_000, "\xff\xfe"], ids=lambda text: text[:9]
)
def test_a_header_that_is_not_a_json_object(path, text):
    rebuild(path, {**members_of(path), "header.json": text.encode("latin-1")})
    assert re.fullmatch(rf"it is damaged; .+; {COPY}", refusal(path))


@pytest.mark.parametrize("listed", [None, [], [1], "0.bias", {"0.bias": "1"}], ids=repr)
def test_a_header_that_does_not_list_the_arrays(path, listed):
    with_header(path, arrays=listed)
    assert refusal(path).startswith((f"{LISTED}; ", "it is damaged; arrays is "))


HOSTILE = {
    "nothing": b"",
    "nonsense": b"nonsense",
    "a shorter header": npy(bytes(64)).replace(b"\x76", b"\x66", 1),
    "objects": npy(bytes(64), descr="|O"),
    "long strings": npy(bytes(64), descr="<U100000000"),
    "a negative length": npy(bytes(64), shape=(-8,)),
    "half a length": npy(bytes(64), shape=(7.5,)),
    "too few numbers": npy(bytes(64), shape=(9,)),
    "too many numbers": npy(bytes(64), shape=(7,)),
    "a terabyte": npy(bytes(64), shape=(2**37,)),
    "more than a computer can have": npy(bytes(64), shape=(2**62, 2**62)),
    "an empty array that cannot be": npy(b"", shape=(0, 2**62, 2**62)),
    "99 axes": npy(bytes(8), shape=(1,) * 99),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_an_array_by_a_hostile_writer(path, content):
    """Its CRC-32 is right, in the zip and in the header."""
    with_array(path, "0.bias", content)
    assert refusal(path).startswith(("'0.bias': ", "it is damaged; "))
    assert refusal(path).endswith(f"; {COPY}")


def damages(content, rng):
    """Yield (what was done, a damaged copy) without end, each kind in turn."""
    size = len(content)
    while True:
        at, to = (int(i) for i in rng.integers(size, size=2))
        yield f"cut off at {at}", content[:at]
        flipped = bytearray(content)
        flipped[at] ^= 1 << int(rng.integers(8))
        yield f"a bit of byte {at} flipped", bytes(flipped)
        length = int(rng.integers(1, 65))
        block = rng.bytes(length)
        yield f"{length} bytes from {at} on replaced", content[:at] + block + content[at + length :]
        moved = bytearray(content)
        moved[at : at + 64], moved[to : to + 64] = content[to : to + 64], content[at : at + 64]
        yield f"64 bytes at {at} and {to} swapped", bytes(moved)
        yield f"{length} bytes at {at} lost", content[:at] + content[at + length :]
        yield f"{length} bytes put in at {at}", content[:at] + block + content[at:]
        # The zip's own numbers: sizes, offsets, CRCs, counts, flags, methods.
        signatures = [m.start() for m in re.finditer(rb"PK[\x01\x03\x05][\x02\x04\x06]", content)]
        field = int(rng.choice(signatures)) + int(rng.integers(4, 46))
        hostile = bytearray(content)
        hostile[field : field + 4] = rng.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1]).tobytes()[:4]
        yield f"a field at {field} set", bytes(hostile)


def check_damages(path, count, seed):
    good = path.read_bytes()
    header, read = archive.read(path)
    refused = same = 0
    for what, content in itertools.islice(damages(good, np.random.default_rng(seed)), count):
        path.write_bytes(content)
        try:
            again, damaged = archive.read(path)
        except DataError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error), what
            refused += 1
        else:
            assert again == header and bits(damaged) == bits(read), what
            same += 1
    assert refused > count / 2
    return f"{count} damaged files: {refused} refused, {same} with the same content to the bit"


def test_damage_is_refused_or_without_meaning(path):
    check_damages(path, 140, seed=0)


@pytest.mark.slow
def test_much_damage_is_refused_or_without_meaning(path, capsys):
    with capsys.disabled():
        print("\n" + check_damages(path, 5000, seed=1))


@pytest.mark.slow
def test_every_bit_flipped_is_refused_or_without_meaning(tmp_path, capsys):
    path = tmp_path / "a.npz"
    archive.write(path, {"a": 1}, {"x": np.arange(3.0), "y": np.arange(3.0) + 1})
    good = path.read_bytes()
    header, read = archive.read(path)
    refused = 0
    for bit in range(8 * len(good)):
        content = bytearray(good)
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        try:
            again, damaged = archive.read(path)
        except DataError:
            refused += 1
        else:
            assert again == header and bits(damaged) == bits(read), bit
    with capsys.disabled():
        print(f"\n{8 * len(good)} single bits flipped: {refused} refused, the rest the same")


def test_no_large_allocation(path):
    """Hostile sizes of every kind, read by a process that may take 100 MB more than it has."""
    folder = path.parent
    good = path.read_bytes()
    for number, start in enumerate(
        [m.start() for m in re.finditer(rb"PK\x01\x02|PK\x03\x04", good)]
    ):
        at = start + (20 if good[start + 2] == 1 else 18)
        for kind, size in enumerate([2**30, 2**31 - 1, 2**32 - 1]):
            content = bytearray(good)
            content[at : at + 8] = size.to_bytes(4, "little") * 2
            (folder / f"size-{number}-{kind}.npz").write_bytes(content)
    for number, shape in enumerate([(2**27,), (2**31, 2**31), (0, 2**40)]):
        hostile = folder / f"shape-{number}.npz"
        hostile.write_bytes(good)
        with_array(hostile, "0.bias", npy(bytes(64), shape=shape))
    code = (
        "import pathlib, resource, sys; from minigrad.training import archive\n"
        "pages = int(pathlib.Path('/proc/self/statm').read_text().split()[0])\n"
        "now = pages * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (now + 10**8,) * 2)\n"
        "refused = 0\n"
        "for path in sys.argv[1:]:\n"
        "    try: archive.read(path)\n"
        "    except archive.DataError: refused += 1\n"
        "print(refused)"
    )
    hostile = [p for p in folder.iterdir() if p != path]
    run = [sys.executable, "-c", code, *hostile]
    done = subprocess.run(run, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.stderr == ""
    assert (
        len(hostile) > 60 and int(done.stdout) >= len(hostile) - 3 * 11
    )  # local sizes mean nothing
