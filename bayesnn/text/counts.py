"""What the counts of tokens say before any network: how rare they are, and on which side."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn.data import sequences
from bayesnn.text.bags import size_of


def rarity(ids: Any, size: Any) -> np.ndarray:
    """Log of rows over rows with the token (size,): prior scales of tokens, the wider the rarer they are.

    All are above zero: a token of every row counts as missing in one. Brought to a mean square of 1 over the tokens of
    the rows, so that a prior scale keeps its meaning.

    Parameters
    ----------
    ids : array of int, shape (n, time)
        Padded with zeros, which do not count.
    size : int or Vocabulary
        Number of token ids.

    References
    ----------
    K. Spärck Jones (1972), A statistical interpretation of term specificity and its application in retrieval, Journal
    of Documentation 28, 11-21.

    Examples
    --------
    >>> rarity([[1, 2], [1, 0], [1, 3]], 4).round(2).tolist()
    [0.58, 0.58, 1.41, 1.41]
    """
    count = size_of(size)
    values = sequences.token_ids(ids, count)
    places = np.unique(np.arange(len(values))[:, None] * count + values)  # a token counts once a row
    seen = np.bincount(places % count, minlength=count)
    seen[sequences.PADDING] = len(values)
    return _unit(np.log((1 + len(values)) / (1 + np.minimum(seen, len(values) - 1))), values)


def log_ratios(ids: Any, labels: Any, size: Any, *, smoothing: float = 1.0) -> np.ndarray:
    """Log of a token's share of the tokens of the second class over its share of those of the first (size,).

    The weights of naive Bayes: prior means of tokens that say on which side they are, for `Embedding(initial=...)`.
    They are made of the rows that are then learnt from, so that the prior knows them already: empirical Bayes. Brought
    to a mean square of 1 over the tokens of the rows; padding has 0.

    Parameters
    ----------
    ids : array of int, shape (n, time)
        Padded with zeros, which do not count.
    labels : array, shape (n,)
        Of two classes, the second being the greater.
    size : int or Vocabulary
        Number of token ids.
    smoothing : float
        Added to every count.

    References
    ----------
    S. Wang and C. Manning (2012), Baselines and bigrams: simple, good sentiment and topic classification, ACL, section
    2.1.

    Examples
    --------
    >>> log_ratios([[1, 2], [1, 3]], [0, 1], 4).round(2).tolist()
    [0.0, 0.0, -1.41, 1.41]
    """
    count = size_of(size)
    values = sequences.token_ids(ids, count)
    checks.positive("smoothing", smoothing)
    classes, codes = np.unique(np.asarray(labels), return_inverse=True)
    if len(codes) != len(values):
        raise ValueError(f"labels must be one a row, {len(values)}, got {len(codes)}")
    if len(classes) != 2:
        raise ValueError(f"labels must be of two classes, got {len(classes)}: {checks.some(classes.tolist())}")
    shares = []
    for code in range(2):
        seen = smoothing + np.bincount(values[codes == code].ravel(), minlength=count).astype(float)
        seen[sequences.PADDING] = 0.0
        shares.append(seen / seen.sum())
    found = np.zeros(count)
    found[1:] = np.log(shares[1][1:] / shares[0][1:])
    return _unit(found, values)


def _unit(numbers: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Numbers of tokens with a mean square of 1 over the tokens of the rows; all zero as they are."""
    square = np.mean(numbers[values[values != sequences.PADDING]] ** 2)
    return numbers / np.sqrt(square) if square else numbers
