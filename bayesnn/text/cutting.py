"""Tokenisation of texts into words, characters and n-grams."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence, Set

EDITION = 2  # edition of the rules; edition 1 ignored combining marks and Unicode forms, and only lowered case
FIRST_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[!?]")  # the pattern of a word in edition 1
JOINERS = "\u200c\u200d"  # characters that shape letters of Indian and Arabic scripts inside words
MARKS = (range(0x300, 0x1F000), range(0xE0100, 0xE01F0))  # the ranges in which Unicode has combining marks


def words(text: str) -> list[str]:
    """Words of letters, digits and their combining marks, perhaps with apostrophes inside; and marks ! and ?.

    Marks that combine with a letter belong to it, as the vowels of Hindi, Tamil and Thai do, so they never split a
    word. Words of scripts without spaces, such as Thai and Chinese, are not separated: cut such texts into characters,
    or learn parts of words by `learn_bpe`. Texts are brought to one form, NFC.

    References
    ----------
    Unicode Standard Annex 29, Unicode text segmentation, rule WB4: marks and joiners belong to the letter before them;
    Annex 15, Unicode normalization forms.

    Examples
    --------
    >>> words("Don't stop -- the 2nd half is great!")
    ["Don't", 'stop', 'the', '2nd', 'half', 'is', 'great', '!']
    """
    return _word().findall(one_form(text))


@functools.cache
def _word() -> re.Pattern[str]:
    """The pattern of a word; Python's own patterns know letters and digits, but not combining marks."""
    marks = [chr(i) for part in MARKS for i in part if unicodedata.category(chr(i)).startswith("M")]
    letter = rf"[^\W_][{''.join(marks)}{JOINERS}]*"
    return re.compile(rf"(?:{letter})+(?:['’](?:{letter})+)*|[!?]")


def one_form(text: str, lower: bool = False) -> str:
    r"""A text in the form NFC, however it was typed, and without differences of case if `lower`.

    Examples
    --------
    >>> one_form("Cafe\u0301", lower=True) == "café", one_form("Straße", lower=True)
    (True, 'strasse')
    """
    composed = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", composed.casefold()) if lower else composed


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


def tokenize(text: str, unit: str, most: int, lower: bool, edition: int = EDITION) -> list[str]:
    """The words or characters of a text, and their n-grams up to length `most`, by the rules of an edition."""
    if edition == 1:
        text = text.lower() if lower else text
        return ngrams(FIRST_WORD.findall(text) if unit == "words" else UNITS[unit](text), most)
    return ngrams(UNITS[unit](one_form(text, lower)), most)


def checked_texts(texts: Iterable[str]) -> list[str]:
    """A list of texts; a single text, an empty list and anything but text are refused."""
    if isinstance(texts, (str, bytes)):
        raise ValueError("texts must be a list of texts, got a single text: put it into a list")
    if isinstance(texts, Set):
        raise ValueError(
            f"texts must be a list of texts, got a {type(texts).__name__}, which has no order: use sorted(texts)"
        )
    if not isinstance(texts, Iterable):
        raise ValueError(f"texts must be a list of texts, got {texts!r}")
    if isinstance(texts, Mapping) or hasattr(texts, "columns"):
        raise ValueError(f"texts must be a list of texts, got a {type(texts).__name__}: take one column, table['text']")
    found = list(texts)
    wrong = next((number for number, text in enumerate(found) if not isinstance(text, str)), None)
    if wrong is not None or not found:
        came = "none" if wrong is None else f"{type(found[wrong]).__name__} as item {wrong}"
        raise ValueError(f"texts must be a list of at least one string, got {came}")
    return found
