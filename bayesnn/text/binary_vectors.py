"""Word2vec's binary files: a line with the number of words and the width, then each word, a space and its numbers."""

from __future__ import annotations

import gzip
import lzma
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bayesnn.text.cutting import one_form

OPEN: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open}
NUMBER = np.dtype("<f4")
LONGEST_LINE, LONGEST_WORD = 100, 10_000  # bytes; more are no header and no word


def binary_vectors(path: Path, places: dict[str, int], width: int | None) -> tuple[int, dict[int, np.ndarray]]:
    """Width, and vectors by the place of their token; words that are not looked for are skipped.

    Raises
    ------
    ValueError
        If the file is of another kind or ends early, a number is not finite, or the width is not the one expected.
    """
    with _content(path) as content:
        count, here, place = _header(path, content)
        if width is not None and here != width:
            raise ValueError(f"{path} must have vectors of width {width}, got {here}")
        found, size = {}, here * NUMBER.itemsize
        for number in range(count):
            space = content.find(b" ", place, place + LONGEST_WORD)
            if space < 0 or space + 1 + size > len(content):
                raise ValueError(f"{path} must hold {count} words with {here} numbers each, got {number} and no more")
            word = content[place:space].decode("utf-8", errors="replace").strip("\n")
            word = word if word in places else one_form(word)  # tokens are in the form NFC, files in any
            if word in places:
                values = np.frombuffer(content[space + 1 : space + 1 + size], NUMBER).astype(float)
                if not np.isfinite(values).all():
                    raise ValueError(f"{path} must hold finite numbers, got others at word {number}, {word!r}")
                found[places[word]] = values
            place = space + 1 + size
        return here, found


@contextmanager
def _content(path: Path) -> Iterator[Any]:
    """The bytes of a file: mapped, or read where it is compressed."""
    if path.suffix in OPEN:
        with OPEN[path.suffix](path, "rb") as file:
            yield file.read()
        return
    with path.open("rb") as file:
        if not path.stat().st_size:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content


def _header(path: Path, content: Any) -> tuple[int, int, int]:
    """Number of words, width of the vectors, and where the first word begins."""
    end = content.find(b"\n", 0, LONGEST_LINE)
    parts = content[:end].split() if end > 0 else []
    if len(parts) != 2 or not all(part.isdigit() for part in parts) or int(parts[1]) < 1:
        raise ValueError(
            f"{path} must be a binary file of word2vec, which begins with the number of words and the width: a file of "
            "text needs another name than .bin"
        )
    return int(parts[0]), int(parts[1]), end + 1
