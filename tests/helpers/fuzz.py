"""Damage to files of fits and runs: bytes of the file, and what its document, headers, shapes, types and names say.

`changed_content` works on what a file says, not on its bytes: the archive that results is whole, its checksums are
right, and one to three things in it are not those that `save` or `fit` wrote.
"""

import contextlib
import copy
import random
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bayesnn.fitting.store import codec, files

Content = tuple[dict[str, np.ndarray], Any]
PLACE = Path(__file__).resolve().parent / "never_made_by_a_file"  # what code in a file would make
CODE = f"__import__('pathlib').Path({str(PLACE)!r}).touch()"
NUMBERS = (0, -1, 1, 2, 3, 7, 10**6, 10**12, 2**63, -(2**63), 10**400, 0.0, -1.0, 0.5, 1e-300, 1e300, True, False, None)
TEXTS = (
    "",
    "a",
    "nan",
    "\ud800",
    "\0",
    "../../etc/passwd",
    "subprocess.Popen",
    "os.system",
    CODE,
    "Normal",
    "x" * 10**5,
)
ODD = ({}, [], {"float": "nan"}, {"float": "inf"}, {"array": "data.x"}, {"array": "none"}, {"tuple": []}, {"list": []})
TYPES = ("<f8", ">f8", "<f4", "<f2", "<i8", "<i4", "|u1", "|b1", "<c16", "<U3", "|S2", "<M8[ns]", "<m8[D]")


# Bytes


def changed_bytes(whole: bytes, chance: random.Random) -> bytes:
    """One to eight bytes set to others."""
    data = bytearray(whole)
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def cut(whole: bytes, chance: random.Random) -> bytes:
    """The file up to somewhere, or without a piece."""
    a, b = sorted(chance.sample(range(len(whole)), 2))
    return whole[:a] if chance.random() < 0.5 else whole[:a] + whole[b:]


def repeated(whole: bytes, chance: random.Random) -> bytes:
    """A piece twice, or moved elsewhere."""
    a, b, c = sorted(chance.sample(range(len(whole)), 3))
    return (
        whole[:b] + whole[a:b] + whole[b:] if chance.random() < 0.5 else whole[:a] + whole[b:c] + whole[a:b] + whole[c:]
    )


def other_number(whole: bytes, chance: random.Random) -> bytes:
    """A digit of the file replaced by another."""
    digits = [i for i, byte in enumerate(whole) if chr(byte).isdigit()]
    i = chance.choice(digits)
    return whole[:i] + str(chance.randrange(10)).encode() + whole[i + 1 :]


DAMAGES = (changed_bytes, cut, repeated, other_number)


# What a file says


def changed_content(content: Content, chance: random.Random) -> tuple[Content, str]:
    """A copy of a file's arrays and document with one to three changes, and their kinds."""
    arrays, document = dict(content[0]), copy.deepcopy(content[1])
    kinds = []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        change = chance.choice(CHANGES)
        with contextlib.suppress(RecursionError):  # copies of what `deep` made
            if document and arrays and change(arrays, document, chance):  # earlier changes may have left nothing
                kinds.append(change.__name__)
    return (arrays, document), " and ".join(kinds)


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a document with every key or index in it."""
    waiting = [document]
    while waiting:
        one = waiting.pop()
        for key, value in list(one.items() if isinstance(one, dict) else enumerate(one)):
            yield one, key
            if isinstance(value, (dict, list)):
                waiting.append(value)


def other_value(arrays: Any, document: Any, chance: random.Random) -> bool:
    """Any value of the document: another number, text, tag or container."""
    container, key = chance.choice(list(places(document)))
    container[key] = copy.deepcopy(chance.choice(NUMBERS + TEXTS + ODD))
    return True


def moved_value(arrays: Any, document: Any, chance: random.Random) -> bool:
    """Any value of the document: one of another place in it."""
    every = list(places(document))
    (container, key), (other, there) = chance.choice(every), chance.choice(every)
    container[key] = copy.deepcopy(other[there])
    return True


def lost_value(arrays: Any, document: Any, chance: random.Random) -> bool:
    """A key or an item less."""
    container, key = chance.choice(list(places(document)))
    del container[key]
    return True


def other_name(arrays: Any, document: Any, chance: random.Random) -> bool:
    """A key of the document under another name."""
    named = [(container, key) for container, key in places(document) if isinstance(container, dict)]
    container, key = chance.choice(named)
    container[chance.choice((*TEXTS[:8], str(key) + "2", "spec", "array", "units"))] = container.pop(key)
    return True


def other_spec(arrays: Any, document: Any, chance: random.Random) -> bool:
    """A spec of another class, with its own fields or with none."""
    specs = [container for container, key in places(document) if key == "spec"]
    if not specs:
        return False
    one = chance.choice(specs)
    one["spec"] = chance.choice(sorted(codec.SPECS))
    if chance.random() < 0.5:
        one["fields"] = {}
    return True


def deep(arrays: Any, document: Any, chance: random.Random) -> bool:
    """A value inside of so many lists."""
    container, key = chance.choice(list(places(document)))
    for _ in range(chance.choice((3, 100, 450))):
        container[key] = {"list": [container[key]]}
    return True


def other_numbers(arrays: Any, document: Any, chance: random.Random) -> bool:
    """A few numbers of an array."""
    name = chance.choice(sorted(arrays))
    values = np.array(arrays[name])
    if not values.size or values.dtype.kind not in "biuf":
        return False
    for i in np.array([chance.randrange(values.size) for _ in range(3)]):
        new = (0, 1, -1, 2, 100, np.nan, np.inf, 1e300, -1e-300)
        with np.errstate(all="ignore"):
            values.ravel()[i] = np.asarray(chance.choice(new[:5] if values.dtype.kind in "iu" else new)).astype(
                values.dtype
            )
    arrays[name] = values
    return True


def other_type(arrays: Any, document: Any, chance: random.Random) -> bool:
    """The bytes of an array read as another type, or its numbers brought to it."""
    name, kind = chance.choice(sorted(arrays)), np.dtype(chance.choice(TYPES))
    values = np.asarray(arrays[name])
    try:
        with np.errstate(all="ignore"):
            arrays[name] = values.view(kind) if chance.random() < 0.5 else values.astype(kind)
    except (TypeError, ValueError):
        return False
    return True


def other_shape(arrays: Any, document: Any, chance: random.Random) -> bool:
    """Fewer rows, an axis more, less, turned or empty."""
    name = chance.choice(sorted(arrays))
    values = np.asarray(arrays[name])
    ways = (
        lambda v: v[:1],
        lambda v: v[:0],
        lambda v: v[None],
        lambda v: v.ravel(),
        lambda v: v.T,
        lambda v: v[..., :1],
        lambda v: np.concatenate([v, v]),
        lambda v: v.ravel()[:1].reshape(()),
    )
    try:
        arrays[name] = chance.choice(ways)(values)
    except (IndexError, ValueError):
        return False
    return True


def exchanged(arrays: Any, document: Any, chance: random.Random) -> bool:
    """Two arrays under each other's names, one missing, or one of another name."""
    one, two = chance.choice(sorted(arrays)), chance.choice(sorted(arrays))
    way = chance.randrange(3)
    if way == 0:
        arrays[one], arrays[two] = arrays[two], arrays[one]
    elif way == 1:
        del arrays[one]
    else:
        arrays[chance.choice(("../evil", "/etc/passwd", "a", one + "'"))] = arrays[one]
    return True


CHANGES = (
    other_value,
    moved_value,
    lost_value,
    other_name,
    other_spec,
    deep,
    other_numbers,
    other_type,
    other_shape,
    exchanged,
)


def write(path: Path, content: Content) -> None:
    """Write the content as an archive, whatever it says."""
    files.write_arrays(path, *content)


def false_header(path: Path, chance: random.Random) -> None:
    """Let the header of one array in an archive say another shape or type, with checksums that are right."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice([name for name in members if name.endswith(".npy")])
    whole = members[name]
    (length,) = struct.unpack("<H", whole[8:10])
    header, rest = whole[10 : 10 + length].decode("latin-1"), whole[10 + length :]
    shape = header[header.index("(") : header.index(")") + 1]
    new = chance.choice(("()", "(0,)", "(10**12,)", "(1000000000000,)", "(-1,)", "(3, 4, 5)", "(1.5,)", CODE, "None"))
    kind = header.split("'descr': ")[1].split(",")[0]
    other = chance.choice(("'|O'", "'<U100000000'", "'<f8'", "[('a', '<f8')]", f"'{CODE[:9]}'", "'V8'", "None", "{}"))
    header = header.replace(shape, new) if chance.random() < 0.5 else header.replace(kind, other)
    version = chance.choice((b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x00"))
    size = struct.pack("<H" if version == b"\x01\x00" else "<I", len(header) % 2**16)
    members[name] = whole[:6] + version + size + header.encode("latin-1") + rest
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)
