"""Texts as rows of data: recognised, turned into token ids by a vocabulary, and named in errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from bayesnn._internal.checks import TooLongError

UNKNOWN = 1  # the token id of unknown words
SHOWN = 30  # letters of a text that an error shows


def texts_of(x: Any) -> list[Any] | None:
    """A list, tuple, array or Series of which some item is a text, as a list; None for anything else."""
    if isinstance(x, np.ndarray):
        values = x.tolist() if x.ndim == 1 and x.dtype.kind in "UO" else None
    elif isinstance(x, Sequence) and not isinstance(x, memoryview):
        values = list(x)
    else:
        values = x.tolist() if hasattr(x, "tolist") and getattr(x, "ndim", 0) == 1 else None
    if isinstance(x, str) or values is None or not any(isinstance(item, str) for item in values):
        return [x] if isinstance(x, str) else None
    return values


def ids_of_texts(x: Any, vocabulary: Any, source: int = 0) -> Any:
    """Token ids (n, time) of texts by the vocabulary of the model; x itself if it holds no texts.

    Raises
    ------
    ValueError
        If the model has no vocabulary, or x is a single text, mixes texts with other items, or has a text without a
        word that the vocabulary knows; the error tells which text, by its number and beginning.
    """
    texts = texts_of(x)
    if texts is None:
        return x
    if isinstance(x, str):
        raise ValueError(f"x must be a list of texts, got a single text, {_begin(x)}: put it into a list")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"x must hold texts only, or ids only, got {type(text).__name__} as item {number}")
    if vocabulary is None or source:
        why = "whose Seq2Seq reads ids" if source else "whose Embedding was made with a number of ids"
        raise ValueError(
            f"x holds texts, such as {_begin(texts[0])}, for a model {why}: give ids, vocabulary.ids(texts), or make "
            "the model with Embedding(vocabulary, ...), a bnn.text.Vocabulary"
        )
    ids = vocabulary.ids(texts)
    empty = [number for number, text in enumerate(texts) if not vocabulary.cut(text)]
    if empty:
        raise ValueError(
            f"every text must have a word, got none in text {empty[0]}, {_begin(texts[empty[0]])}"
            f"{_others(empty)}: drop such texts"
        )
    unknown = np.flatnonzero((ids <= UNKNOWN).all(axis=1)).tolist()
    if unknown:
        raise ValueError(
            f"every text must have a word that the vocabulary knows, got none in text {unknown[0]}, "
            f"{_begin(texts[unknown[0]])}{_others(unknown)}: drop such texts, or learn a vocabulary that knows them"
        )
    return ids


def refuse_texts(x: Any) -> None:
    """Raise a ValueError if x holds texts, for a model that reads numbers."""
    texts = texts_of(x)
    if texts is not None:
        first = next(text for text in texts if isinstance(text, str))
        raise ValueError(
            f"x holds texts, such as {_begin(first)}, for a model that reads numbers: start its layers with "
            "Embedding(vocabulary, ...), or make a table by bnn.text.bag_of_words"
        )


@contextmanager
def naming_the_longest(x: Any, vocabulary: Any) -> Iterator[None]:
    """Context in which an error about too many steps also tells which text has most of them."""
    try:
        yield
    except TooLongError as error:
        texts = None if vocabulary is None else texts_of(x)
        if texts is None:
            raise
        longest = max(range(len(texts)), key=lambda number: len(vocabulary.cut(texts[number])))
        raise TooLongError(
            f"{error}; the longest is text {longest}, {_begin(texts[longest])}; Vocabulary(length=) cuts texts"
        ) from None


def _begin(text: str) -> str:
    """The beginning of a text, in quotation marks."""
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


def _others(numbers: list[int]) -> str:
    return "" if len(numbers) == 1 else f" and in {len(numbers) - 1} other(s)"
