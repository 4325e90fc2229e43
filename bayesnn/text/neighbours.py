"""The words whose vectors point in nearly the same direction."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.numbers import real_numbers
from bayesnn.text.cutting import one_form
from bayesnn.text.vocabulary import SPECIAL, Vocabulary


def nearest(vocabulary: Vocabulary, vectors: Any, word: str, *, count: int = 10) -> Any:
    """The tokens nearest to a word by the cosine of the angle between their vectors, nearest first.

    Parameters
    ----------
    vocabulary : Vocabulary
    vectors : array (tokens, width) or (..., tokens, width)
        From `read_vectors`, or posterior draws: `fit.idata["posterior"]["embedding0_vectors"]`. Of draws, the cosine is
        averaged, since only angles within one draw mean anything.
    word : str
    count : int
        Number of tokens to name.

    Returns
    -------
    pandas.Series
        Cosines by token. Tokens without a vector (zeros) are left out.

    Raises
    ------
    ValueError
        If the vectors are not one per token, or the word is unknown or has no vector.

    References
    ----------
    T. Mikolov, K. Chen, G. Corrado and J. Dean (2013), Efficient estimation of word representations in vector space,
    arXiv:1301.3781, section 4.

    Examples
    --------
    >>> vocabulary = Vocabulary(("<pad>", "<unk>", "good", "bad", "fine"))
    >>> nearest(vocabulary, [[0, 0], [0, 0], [1, 0.2], [-1, 0], [1, 0]], "good", count=1).round(2).to_dict()
    {'fine': 0.98}
    """
    import pandas as pd

    checks.positive_integer("count", count)
    values = real_numbers("vectors", vectors)
    if values.ndim < 2 or values.shape[-2] != len(vocabulary):
        raise ValueError(
            f"vectors must have shape (..., {len(vocabulary)}, width), one vector per token of the vocabulary, got "
            f"{values.shape}"
        )
    checks.finite("vectors", values)
    tokens = list(vocabulary.tokens)
    word = word if word in tokens else one_form(word, vocabulary.lower)
    if word not in tokens[len(SPECIAL) :]:
        raise ValueError(f"word must be a token of the vocabulary, got {word!r}, which it does not know")
    lengths = np.linalg.norm(values, axis=-1, keepdims=True)
    units = values / np.where(lengths > 0, lengths, 1.0)
    place = tokens.index(word)
    cosines = np.einsum("...tw,...w->...t", units, units[..., place, :]).reshape(-1, len(tokens)).mean(axis=0)
    present = (lengths > 0).reshape(-1, len(tokens)).all(axis=0)
    if not present[place]:
        raise ValueError(f"word must have a vector, got {word!r}, whose vector is zero: it was not in the file")
    present[[*range(len(SPECIAL)), place]] = False
    found = pd.Series(cosines[present], index=[t for t, here in zip(tokens, present, strict=True) if here])
    return found.sort_values(ascending=False, kind="stable").head(count)
