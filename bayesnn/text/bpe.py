"""Byte-pair encoding by the Hugging Face library `tokenizers`, an optional extra: imported when it is asked for."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bayesnn import _checks

if TYPE_CHECKING:
    from bayesnn.text.vocabulary import Vocabulary

UNIT = "bpe"


def learn_bpe(texts: Iterable[str], *, maximum: int = 8000, minimum: int = 2, lower: bool = True) -> Vocabulary:
    """A vocabulary of parts of words, from characters by merging the most frequent neighbours.

    Parameters
    ----------
    texts : iterable of str
    maximum : int
        Size of the vocabulary, padding and unknown included.
    minimum : int
        How often neighbours must occur to be merged.
    lower : bool
        Whether to turn texts to lower case.

    Raises
    ------
    ModuleNotFoundError
        Without the library: `pip install "bayesnn[text]"`.

    References
    ----------
    R. Sennrich, B. Haddow and A. Birch (2016), Neural machine translation of rare words with subword units, ACL.
    """
    from bayesnn.text.vocabulary import SPECIAL, Vocabulary, checked

    library = _library()
    _checks.positive_integer("maximum", maximum, minimum=3)
    _checks.positive_integer("minimum", minimum)
    rows = checked(texts)
    made = library.Tokenizer(library.models.BPE(unk_token=SPECIAL[1]))
    made.normalizer = library.normalizers.Lowercase() if lower else None
    made.pre_tokenizer, made.decoder = library.pre_tokenizers.Metaspace(), library.decoders.Metaspace()
    made.train_from_iterator(
        rows,
        library.trainers.BpeTrainer(
            vocab_size=maximum, min_frequency=minimum, special_tokens=list(SPECIAL), show_progress=False
        ),
    )
    places = made.get_vocab()
    return Vocabulary(tuple(sorted(places, key=places.__getitem__)), UNIT, 1, lower, made.to_str())


def cut(rules: str, text: str) -> list[str]:
    """A text as parts of words."""
    return _read(rules).encode(text).tokens


def text(rules: str, ids: list[int]) -> str:
    """Parts of words as text again."""
    return _read(rules).decode(ids, skip_special_tokens=False)


@functools.lru_cache(maxsize=4)
def _read(rules: str) -> Any:
    return _library().Tokenizer.from_str(rules)


def _library() -> Any:
    try:
        import tokenizers
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            'byte-pair encoding needs the library tokenizers: pip install "bayesnn[text]", or use learn_vocabulary'
        ) from None
    return tokenizers
