"""Vocabularies: tokens and their ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.numbers import as_array
from bayesnn.data.sequences import KEEP, pad
from bayesnn.text import bpe
from bayesnn.text.cutting import EDITION, UNITS, checked_texts, one_form, tokenize

PADDING, UNKNOWN = "<pad>", "<unk>"  # ids 0 and 1
SPECIAL = (PADDING, UNKNOWN)


@dataclass(frozen=True, repr=False)
class Vocabulary:
    """Tokens with their ids, and the rules by which texts are split into tokens.

    `Embedding(vocabulary, width)` keeps it in the model, so that it is saved with a fit.

    Parameters
    ----------
    tokens : tuple of str
        The id of a token is its position: 0 is padding, 1 stands for all unknown tokens.
    unit : {"words", "characters", "bpe"}
    most : int
        Length of the longest n-grams of words or characters that are tokens too.
    lower : bool
        Whether differences of case are removed, by Unicode's case folding.
    rules : str, optional
        The rules of a byte-pair encoding, for unit="bpe".
    edition : int
        Of the rules by which texts are cut: 2, Unicode's, with texts in the form NFC. Vocabularies in files of earlier
        versions keep edition 1, in which marks split words, and case is that of `str.lower`.
    length : int, optional
        Largest number of tokens of a text; of longer ones `keep` says which are kept. Default: no limit.
    keep : {"first", "last"}

    Examples
    --------
    >>> vocabulary = Vocabulary(("<pad>", "<unk>", "film", "bad", "good"))
    >>> vocabulary.ids(["Good film!", "a"]).tolist()
    [[4, 2, 1], [1, 0, 0]]
    """

    tokens: tuple[str, ...]
    unit: str = "words"
    most: int = 1
    lower: bool = True
    rules: str | None = None
    edition: int = EDITION
    length: int | None = field(default=None, metadata={"later": True})
    keep: str = field(default="first", metadata={"later": True})

    def __post_init__(self) -> None:
        """Refuse tokens that do not start with the special ones, and repeated tokens."""
        object.__setattr__(self, "tokens", tuple(self.tokens))
        checks.known("unit", self.unit, (*UNITS, bpe.UNIT))
        checks.positive_integer("most", self.most)
        checks.known("edition", self.edition, range(1, EDITION + 1))
        checks.known("keep", self.keep, KEEP)
        if self.length is not None:
            checks.positive_integer("length", self.length)
        if self.tokens[:2] != SPECIAL or len(set(self.tokens)) != len(self.tokens):
            raise ValueError(f"tokens must start with {SPECIAL} and be different, got {self.tokens[:4]}, ...")
        if (self.unit == bpe.UNIT) != (self.rules is not None):
            raise ValueError('rules go with unit="bpe": make such a vocabulary with bnn.text.learn_bpe')

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} tokens, unit={self.unit!r}, most={self.most}, lower={self.lower})"

    def ids(self, texts: Iterable[str], length: int | None = None, *, keep: str | None = None) -> np.ndarray:
        """Token ids (n, time), padded with zeros, to `length` if it is given; longer texts are cut as `keep` says.

        The defaults are those of the vocabulary, which cuts texts and pads them to the longest.

        An unknown word or character becomes token 1; unknown n-grams of several are left out. A text without tokens
        becomes one unknown token.
        """
        known = {token: place for place, token in enumerate(self.tokens)}
        rows = []
        for text in checked_texts(texts):
            found = [known.get(token, 0 if " " in token and self.most > 1 else 1) for token in self.cut(text)]
            rows.append([place for place in found if place] or [1])
        keep = self.keep if keep is None else keep
        checks.known("keep", keep, KEEP)
        if self.length is not None and length is None:
            rows = [row[: self.length] if keep == "first" else row[-self.length :] for row in rows]
        return pad(rows, length, keep=None if length is None else keep)

    def cut(self, text: str) -> list[str]:
        """The tokens of a text, whether known or unknown."""
        if self.rules is not None:
            return bpe.tokenize(self.rules, text if self.edition == 1 else one_form(text, self.lower))
        return tokenize(text, self.unit, self.most, self.lower, self.edition)

    def text(self, ids: Sequence[int] | np.ndarray) -> str:
        """The text of token ids (time,), without padding."""
        array, masked = as_array("token ids", ids)
        if array.size and (array.ndim != 1 or array.dtype.kind not in "iu" or masked is not None and masked.any()):
            raise ValueError(f"token ids must be whole numbers (time,), got {array.dtype} of shape {array.shape}")
        values = array.astype(int).tolist()
        bad = [i for i in values if not 0 <= i < len(self)]
        if bad:
            raise ValueError(f"token ids must be from 0 to {len(self) - 1}, got {bad[0]}")
        if self.rules is not None:
            return bpe.join(self.rules, [i for i in values if i])
        return ("" if self.unit == "characters" else " ").join(self.tokens[i] for i in values if i)
