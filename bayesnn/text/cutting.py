"""Tokenisation of texts into words, characters and n-grams."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[!?]")


def words(text: str) -> list[str]:
    """Words of letters and digits, perhaps with apostrophes inside, and exclamation and question marks.

    Examples
    --------
    >>> words("Don't stop -- the 2nd half is great!")
    ["Don't", 'stop', 'the', '2nd', 'half', 'is', 'great', '!']
    """
    return WORD.findall(text)


def characters(text: str) -> list[str]:
    """Every character, including spaces.

    Examples
    --------
    >>> characters("a b")
    ['a', ' ', 'b']
    """
    return list(text)


def ngrams(tokens: Sequence[str], most: int) -> list[str]:
    """Tokens and all n-grams of up to `most` of them, joined by spaces, in the order of their last tokens.

    Examples
    --------
    >>> ngrams(["not", "a", "film"], 2)
    ['not', 'a', 'not a', 'film', 'a film']
    """
    if most == 1:
        return list(tokens)
    return [
        " ".join(tokens[end - length + 1 : end + 1])
        for end in range(len(tokens))
        for length in range(1, min(most, end + 1) + 1)
    ]


UNITS: dict[str, Callable[[str], list[str]]] = {"words": words, "characters": characters}


def tokenize(text: str, unit: str, most: int, lower: bool) -> list[str]:
    """The words or characters of a text, and their n-grams up to length `most`."""
    return ngrams(UNITS[unit](text.lower() if lower else text), most)


def checked_texts(texts: Iterable[str]) -> list[str]:
    """A list of texts; a single text, an empty list and anything but text are refused."""
    if isinstance(texts, (str, bytes)):
        raise ValueError("texts must be a list of texts, got a single text: put it into a list")
    found = list(texts)
    wrong = next((t for t in found if not isinstance(t, str)), None)
    if wrong is not None or not found:
        came = f"one with an item of type {type(wrong).__name__}" if found else "none"
        raise ValueError(f"texts must be a list of at least one string, got {came}")
    return found
