"""Byte-pair encoding by the Hugging Face library `tokenizers`, an optional extra: imported when it is asked for."""

from __future__ import annotations

import functools
from typing import Any

UNIT = "bpe"


def tokenize(rules: str, text: str) -> list[str]:
    """A text as parts of words."""
    return _read(rules).encode(text).tokens


def join(rules: str, ids: list[int]) -> str:
    """Parts of words as text again."""
    return _read(rules).decode(ids, skip_special_tokens=False)


@functools.lru_cache(maxsize=4)
def _read(rules: str) -> Any:
    return library().Tokenizer.from_str(rules)


def library() -> Any:
    """The library, or an error that says how to install it."""
    try:
        import tokenizers
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            'byte-pair encoding needs the library tokenizers: pip install "bayesnn[text]", or use learn_vocabulary'
        ) from None
    return tokenizers
