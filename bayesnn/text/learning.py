"""Learning vocabularies from texts: the most frequent tokens, or byte-pair encodings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bayesnn._internal import checks
from bayesnn.text import bpe
from bayesnn.text.cutting import UNITS, checked_texts, one_form, tokenize
from bayesnn.text.vocabulary import SPECIAL, Vocabulary


def learn_vocabulary(
    texts: Iterable[str],
    *,
    unit: str = "words",
    most: int = 1,
    lower: bool = True,
    minimum: int = 1,
    maximum: int | None = None,
    length: int | None = None,
    keep: str = "first",
) -> Vocabulary:
    """A vocabulary of the tokens of texts, most frequent first, ties in alphabetical order.

    Parameters
    ----------
    texts : iterable of str
    unit : {"words", "characters"}
    most : int
        Length of the longest n-grams that are tokens too: 2 for pairs of words.
    lower : bool
        Whether to remove differences of case, by Unicode's case folding.
    minimum : int
        Number of times that a token must occur.
    maximum : int, optional
        Size of the vocabulary, padding and unknown included.
    length, keep
        Longest text in tokens, and which tokens of longer ones are kept, "first" or "last"; see `Vocabulary`.

    Raises
    ------
    ValueError
        If no token occurs often enough.

    Examples
    --------
    >>> learn_vocabulary(["good film", "bad film"]).tokens
    ('<pad>', '<unk>', 'film', 'bad', 'good')
    >>> learn_vocabulary(["good film"], length=3, keep="last").ids(["film, film: good film"]).tolist()
    [[2, 3, 2]]
    """
    checks.known("unit", unit, UNITS)
    for name, value in (("most", most), ("minimum", minimum)):
        checks.positive_integer(name, value)
    counts: Counter[str] = Counter()
    for text in checked_texts(texts):
        counts.update(tokenize(text, unit, most, lower))
    for token in SPECIAL:
        del counts[token]
    kept = sorted((token for token, count in counts.items() if count >= minimum), key=lambda t: (-counts[t], t))
    if maximum is not None:
        kept = kept[: checks.positive_integer("maximum", maximum, minimum=len(SPECIAL) + 1) - len(SPECIAL)]
    if not kept:
        raise ValueError(f"texts must hold tokens that occur at least minimum={minimum} times, got none")
    return Vocabulary((*SPECIAL, *kept), unit, most, lower, length=length, keep=keep)


def learn_bpe(
    texts: Iterable[str],
    *,
    maximum: int = 8000,
    minimum: int = 2,
    lower: bool = True,
    length: int | None = None,
    keep: str = "first",
) -> Vocabulary:
    """A vocabulary of parts of words, made from characters by merging the most frequent neighbours repeatedly.

    Parameters
    ----------
    texts : iterable of str
    maximum : int
        Size of the vocabulary, padding and unknown included.
    minimum : int
        Number of times that neighbours must occur to be merged.
    lower : bool
        Whether to convert texts to lower case.
    length, keep
        Longest text in tokens, and which tokens of longer ones are kept, "first" or "last"; see `Vocabulary`.

    Raises
    ------
    ModuleNotFoundError
        Without the library: `pip install "bayesnn[text]"`.

    References
    ----------
    R. Sennrich, B. Haddow and A. Birch (2016), Neural machine translation of rare words with subword units, ACL.
    """
    library = bpe.library()
    checks.positive_integer("maximum", maximum, minimum=3)
    checks.positive_integer("minimum", minimum)
    rows = [one_form(text, lower) for text in checked_texts(texts)]  # as the vocabulary does with every text
    made = library.Tokenizer(library.models.BPE(unk_token=SPECIAL[1]))
    made.pre_tokenizer, made.decoder = library.pre_tokenizers.Metaspace(), library.decoders.Metaspace()
    made.train_from_iterator(
        rows,
        library.trainers.BpeTrainer(
            vocab_size=maximum, min_frequency=minimum, special_tokens=list(SPECIAL), show_progress=False
        ),
    )
    places = made.get_vocab()
    tokens = tuple(sorted(places, key=places.__getitem__))
    return Vocabulary(tokens, bpe.UNIT, 1, lower, made.to_str(), length=length, keep=keep)
