"""Which tokens there are, and their ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bayesnn import _checks
from bayesnn.sequences import pad
from bayesnn.text import bpe
from bayesnn.text.cutting import UNITS, ngrams

PADDING, UNKNOWN = "<pad>", "<unk>"  # ids 0 and 1
SPECIAL = (PADDING, UNKNOWN)


@dataclass(frozen=True, repr=False)
class Vocabulary:
    """Tokens by their ids, and how texts are cut into them: everything that new texts need.

    `Embedding(vocabulary, width)` keeps it in the model, so that it is saved with a fit.

    Parameters
    ----------
    tokens : tuple of str
        Their places are their ids: 0 is padding, 1 stands for whatever is not known.
    unit : {"words", "characters", "bpe"}
    most : int
        Runs of up to so many words or characters are tokens too.
    lower : bool
        Whether texts are turned to lower case.
    rules : str, optional
        The rules of a byte-pair encoding, for unit="bpe".

    Examples
    --------
    >>> vocabulary = learn_vocabulary(["good film", "bad film"])
    >>> vocabulary.tokens
    ('<pad>', '<unk>', 'film', 'bad', 'good')
    >>> vocabulary.ids(["Good film!", "a"]).tolist()
    [[4, 2, 1], [1, 0, 0]]
    """

    tokens: tuple[str, ...]
    unit: str = "words"
    most: int = 1
    lower: bool = True
    rules: str | None = None

    def __post_init__(self) -> None:
        """Refuse tokens that do not start with the special ones, or that come twice."""
        object.__setattr__(self, "tokens", tuple(self.tokens))
        _checks.known("unit", self.unit, (*UNITS, bpe.UNIT))
        _checks.positive_integer("most", self.most)
        if self.tokens[:2] != SPECIAL or len(set(self.tokens)) != len(self.tokens):
            raise ValueError(f"tokens must start with {SPECIAL} and be different, got {self.tokens[:4]}, ...")
        if (self.unit == bpe.UNIT) != (self.rules is not None):
            raise ValueError('rules go with unit="bpe": make such a vocabulary with bnn.text.learn_bpe')

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} tokens, unit={self.unit!r}, most={self.most}, lower={self.lower})"

    def ids(self, texts: Iterable[str], length: int | None = None, *, keep: str = "first") -> np.ndarray:
        """Token ids (n, time), padded with zeros; of texts longer than `length` the first or last tokens.

        An unknown word or character is token 1; unknown runs of several are left out. A text without any token is one
        unknown token.
        """
        known = {token: place for place, token in enumerate(self.tokens)}
        rows = []
        for text in checked(texts):
            found = [known.get(token, 0 if " " in token and self.most > 1 else 1) for token in self.cut(text)]
            rows.append([place for place in found if place] or [1])
        return pad(rows, length, keep=None if length is None else keep)

    def cut(self, text: str) -> list[str]:
        """A text as tokens, known or not."""
        if self.rules is not None:
            return bpe.cut(self.rules, text)
        return pieces(text, self.unit, self.most, self.lower)

    def text(self, ids: Sequence[int] | np.ndarray) -> str:
        """Tokens (time,) as text again; padding is left out."""
        values = [int(i) for i in np.asarray(ids)]
        bad = [i for i in values if not 0 <= i < len(self)]
        if bad:
            raise ValueError(f"token ids must be from 0 to {len(self) - 1}, got {bad[0]}")
        if self.rules is not None:
            return bpe.text(self.rules, [i for i in values if i])
        return ("" if self.unit == "characters" else " ").join(self.tokens[i] for i in values if i)


def learn_vocabulary(
    texts: Iterable[str],
    *,
    unit: str = "words",
    most: int = 1,
    lower: bool = True,
    minimum: int = 1,
    maximum: int | None = None,
) -> Vocabulary:
    """The tokens of some texts, most frequent first, ties in alphabetical order.

    Parameters
    ----------
    texts : iterable of str
    unit : {"words", "characters"}
    most : int
        Whether runs of up to so many of them are tokens too, such as word pairs for 2.
    lower : bool
        Whether to turn texts to lower case.
    minimum : int
        How often a token must occur.
    maximum : int, optional
        Size of the vocabulary, padding and unknown included.

    Raises
    ------
    ValueError
        If nothing is left.
    """
    _checks.known("unit", unit, UNITS)
    for name, value in (("most", most), ("minimum", minimum)):
        _checks.positive_integer(name, value)
    counts: Counter[str] = Counter()
    for text in checked(texts):
        counts.update(pieces(text, unit, most, lower))
    for token in SPECIAL:
        del counts[token]
    kept = sorted((token for token, count in counts.items() if count >= minimum), key=lambda t: (-counts[t], t))
    if maximum is not None:
        kept = kept[: _checks.positive_integer("maximum", maximum, minimum=len(SPECIAL) + 1) - len(SPECIAL)]
    if not kept:
        raise ValueError(f"texts must hold tokens that occur at least minimum={minimum} times, got none")
    return Vocabulary((*SPECIAL, *kept), unit, most, lower)


def pieces(text: str, unit: str, most: int, lower: bool) -> list[str]:
    """A text cut into words or characters, and runs of them."""
    return ngrams(UNITS[unit](text.lower() if lower else text), most)


def checked(texts: Iterable[str]) -> list[str]:
    """A list of texts, refusing a single text and what is none."""
    if isinstance(texts, (str, bytes)):
        raise ValueError("texts must be a list of texts, got a single one: put it into a list")
    found = list(texts)
    wrong = next((t for t in found if not isinstance(t, str)), None)
    if wrong is not None or not found:
        raise ValueError(f"texts must be text, at least one, got {type(wrong).__name__ if found else 'none'}")
    return found
