"""Files of named arrays and one JSON document: written completely or not at all, and read without running code.

The container is NumPy's own npz (a zip of npy members), so `numpy.load(path)` opens it anywhere; the document is its
member `document.json`. Every member carries a checksum, which is verified on reading; nothing is ever unpickled.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

ARRAY_KINDS = "biufSUmM"  # NumPy's kinds of arrays that npy files hold without pickles
DOCUMENT = "document.json"
TEMPORARY = ".tmp"
END_RECORD = struct.Struct("<4s2H2H2LH")  # of a zip: signature, disks, members on this disk and in all, place, comment
LEVELS = 300  # of a document, one inside of the other; a layer in a layer takes four of them


def folder_path(path: Any, name: str = "path") -> Path:
    """A path as the user gave it; numbers, which Python takes for open files, and empty paths are refused."""
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        raise ValueError(f"{name} must be text or a pathlib.Path, got {path!r}")
    text = os.fspath(path)
    if not text.strip() or "\0" in text:
        raise ValueError(f"{name} must name a file or folder, got {text!r}: write '.' for the working directory")
    return Path(text)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when it is complete and on the disk; an error leaves `path` as it was."""
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_json(path: Path, document: Any) -> None:
    """Write a JSON document."""
    with replacing(path) as file:
        file.write(json.dumps(document, indent=1, allow_nan=False).encode())


def read_json(path: Path) -> Any:
    """Read a JSON document; a file that is not one raises a ValueError."""
    try:
        return _parsed(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is damaged or no JSON document: {error}") from None


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], document: Any = None) -> None:
    """Write arrays by name (no arrays of objects) and a JSON document; equal contents give equal bytes."""
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(DOCUMENT), json.dumps(document, allow_nan=False))
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], Any]:
    """Read what `write_arrays` wrote; a file that is damaged or of another kind raises a ValueError."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, path)
            document = _parsed(_member(archive, DOCUMENT), parse_constant=_no_constant)
            names = [name for name in archive.namelist() if name != DOCUMENT]
            if not all(name.endswith(".npy") for name in names):
                raise ValueError("a member is not an array")
            return {name.removesuffix(".npy"): _array(_member(archive, name)) for name in names}, document
    except FileNotFoundError:
        raise
    except Exception as error:  # a damaged zip may raise any error
        raise ValueError(f"{path} is damaged, or not a file of this package: {error}") from None


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError("a member is compressed")
    return archive.read(info)  # to its end, which verifies the checksum


def _check_members(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse, before anything is read, members that come twice, and more of them than the file could hold.

    Python takes a directory that ends early, as one does whose entry claims a long comment, for the whole of it: so
    members are counted, and there are no comments.
    """
    members = archive.infolist()
    if archive.comment or any(member.comment for member in members) or len(members) != _stated_members(path):
        raise ValueError("its directory does not list all members")
    if len({member.filename for member in members}) < len(members):
        raise ValueError("a member comes twice")
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise ValueError("its members are larger than the file")


def _stated_members(path: Path) -> int:
    """The number of members by the last record of an archive without a comment, the 22 bytes at its end."""
    with open(path, "rb") as file:
        file.seek(-END_RECORD.size, os.SEEK_END)
        signature, *_, on_disk, total, _, _, _ = END_RECORD.unpack(file.read())
    if signature != b"PK\x05\x06" or on_disk != total:
        raise ValueError("its last record is damaged")
    return int(total)


def _parsed(content: bytes, **settings: Any) -> Any:
    """A JSON document that is nested no deeper than any that this package writes."""
    try:
        document = json.loads(content, **settings)
    except RecursionError:
        raise ValueError(f"it is nested more than {LEVELS} levels deep") from None
    level = [document]
    for _ in range(LEVELS):
        level = [inner for one in level if isinstance(one, (dict, list)) for inner in _items(one)]
    if level:
        raise ValueError(f"it is nested more than {LEVELS} levels deep")
    return document


def _items(one: Any) -> Any:
    return one.values() if isinstance(one, dict) else one


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _array(content: bytes) -> np.ndarray:
    """An array whose header tells the truth about its size: nothing is allocated before that is known."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("an array holds objects, which are not read (allow_pickle=False)")
    if dtype.names is not None or dtype.kind not in ARRAY_KINDS:
        raise ValueError(f"an array is of the type {dtype}")
    if math.prod(shape) * dtype.itemsize != len(content) - file.tell():
        raise ValueError("an array is not as large as its header says")
    return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)


def _sync_folder(folder: Path) -> None:
    """Write the new name to the disk too, on systems where a folder can be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
