"""Texts cut into words, characters and n-grams."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[!?]")


def words(text: str) -> list[str]:
    """Runs of letters and digits, with apostrophes inside them, and marks of exclamation and question.

    Examples
    --------
    >>> words("Don't stop -- the 2nd half is great!")
    ["Don't", 'stop', 'the', '2nd', 'half', 'is', 'great', '!']
    """
    return WORD.findall(text)


def characters(text: str) -> list[str]:
    """Every character, blanks included.

    Examples
    --------
    >>> characters("a b")
    ['a', ' ', 'b']
    """
    return list(text)


def ngrams(tokens: Sequence[str], most: int) -> list[str]:
    """Tokens and runs of up to `most` of them, joined by blanks, in the order of where they end.

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
    """A text cut into words or characters, and runs of them."""
    return ngrams(UNITS[unit](text.lower() if lower else text), most)


def checked_texts(texts: Iterable[str]) -> list[str]:
    """A list of texts, refusing a single text and what is none."""
    if isinstance(texts, (str, bytes)):
        raise ValueError("texts must be a list of texts, got a single one: put it into a list")
    found = list(texts)
    wrong = next((t for t in found if not isinstance(t, str)), None)
    if wrong is not None or not found:
        raise ValueError(f"texts must be text, at least one, got {type(wrong).__name__ if found else 'none'}")
    return found
