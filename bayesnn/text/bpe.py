"""Byte-pair encoding by the Hugging Face library `tokenizers`, an optional extra that is imported only when needed."""

from __future__ import annotations

import functools
from typing import Any

from bayesnn._internal.extras import extra_module

UNIT = "bpe"


def tokenize(rules: str, text: str) -> list[str]:
    """The tokens of a text: parts of words."""
    return _read(rules).encode(text).tokens


def join(rules: str, ids: list[int]) -> str:
    """The text of token ids."""
    return _read(rules).decode(ids, skip_special_tokens=False)


@functools.lru_cache(maxsize=4)
def _read(rules: str) -> Any:
    return library().Tokenizer.from_str(rules)


def library() -> Any:
    """The library `tokenizers`; if it is missing, the error says how to install it."""
    return extra_module("tokenizers", "text", "byte-pair encoding needs", ", or use learn_vocabulary")
