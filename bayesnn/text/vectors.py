"""Pretrained word vectors, read from files of word2vec and GloVe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bayesnn.text.binary_vectors import OPEN, binary_vectors
from bayesnn.text.cutting import one_form


def read_vectors(path: Any, vocabulary: Any, *, width: int | None = None) -> np.ndarray:
    r"""Vectors (tokens, width) of a vocabulary from a file of word2vec or GloVe, for `Embedding(initial=...)`.

    Parameters
    ----------
    path : str or Path
        One line per word: the word and its numbers, separated by spaces. As in files of word2vec, the first line may
        hold the number of words and the width instead. A name that ends in .bin is that of word2vec's binary files:
        after such a first line, each word, a space, and its numbers in single precision. The file may be compressed,
        .gz or .xz.
    vocabulary : Vocabulary
        Its tokens are looked up unchanged; tokens missing from the file get vectors of zeros.
    width : int, optional
        Expected length of the vectors. Default: that in the file.

    Raises
    ------
    ValueError
        If a line has another number of values (the error names the line), a binary file ends early or holds text, or no
        token of the vocabulary is in the file.

    References
    ----------
    T. Mikolov, K. Chen, G. Corrado and J. Dean (2013), Efficient estimation of word representations in vector space,
    arXiv:1301.3781; J. Pennington, R. Socher and C. Manning (2014), GloVe: global vectors for word representation,
    EMNLP.

    Examples
    --------
    >>> import tempfile
    >>> from bayesnn.text import Vocabulary
    >>> file = Path(tempfile.mkdtemp()) / "vectors.txt"
    >>> _ = file.write_text("good 1 0.5\nbad -1 0\n")
    >>> read_vectors(file, Vocabulary(("<pad>", "<unk>", "bad"))).tolist()
    [[0.0, 0.0], [0.0, 0.0], [-1.0, 0.0]]
    """
    places = {token: place for place, token in enumerate(vocabulary.tokens)}
    file = Path(path)
    if file.suffix == ".bin" or file.with_suffix("").suffix == ".bin":
        width, read = binary_vectors(file, places, width)
    else:
        width, read = _text_vectors(file, places, width)
    if not read or width is None:
        raise ValueError(
            f"{path} has none of the {len(places)} tokens of the vocabulary: check whether upper and lower case agree"
        )
    vectors = np.zeros((len(places), width))
    vectors[list(read)] = list(read.values())
    return vectors


def _text_vectors(path: Path, places: dict[str, int], width: int | None) -> tuple[int | None, dict[int, Any]]:
    """Width and vectors by the place of their token, from lines of text."""
    found: dict[int, Any] = {}
    for number, line in _lines(path):
        parts = line.split(" ")
        if number == 1 and len(parts) == 2 and all(part.isdigit() for part in parts):
            width = _agreed(path, number, int(parts[1]), width)
            continue
        width = _agreed(path, number, len(parts) - 1, width, parts)
        word = " ".join(parts[: len(parts) - width])
        word = word if word in places else one_form(word)  # tokens are in the form NFC, files in any
        if word in places:
            found[places[word]] = _numbers(path, number, parts[len(parts) - width :])
    return width, found


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with OPEN.get(path.suffix, open)(path, "rt", encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if stripped := line.strip():
                yield number, stripped


def _agreed(path: Any, number: int, here: int, width: int | None, parts: list[str] | None = None) -> int:
    """The width of the vectors; a line with another width is refused, unless its word contains spaces, as in GloVe."""
    if width is None or here == width:
        if here < 1:
            raise ValueError(f"{path} must have a word and its numbers on every line, got one value on line {number}")
        return here
    inside = parts is not None and here > width and not any(map(_is_number, parts[1 : len(parts) - width]))
    if inside:
        return width
    raise ValueError(f"{path} must have vectors of width {width}, got {here} value(s) on line {number}")


def _numbers(path: Any, number: int, values: list[str]) -> list[float]:
    try:
        return [float(value) for value in values]
    except ValueError as error:
        raise ValueError(f"{path} must have numbers after each word, got others on line {number}: {error}") from None


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
