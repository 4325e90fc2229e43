"""Statistics of token counts for prior scales and prior means: how rare a token is, and which class it indicates."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.numbers import column_array, is_missing
from bayesnn.data import sequences
from bayesnn.text.bags import size_of


def rarity(ids: Any, size: Any) -> np.ndarray:
    """Inverse document frequency (size,): log of the number of rows over that of rows with the token, as prior scales.

    All scales are above zero: a token that occurs in every row counts as missing in one. They are divided by a constant
    so that their mean square over the tokens of all rows is 1; so the scale of the prior keeps its meaning.

    Parameters
    ----------
    ids : array of int, shape (n, time)
        Padded with zeros, which are not counted.
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
    places = np.unique(np.arange(len(values))[:, None] * count + values)  # a token counts once per row
    seen = np.bincount(places % count, minlength=count)
    seen[sequences.PADDING] = len(values)
    return _unit(np.log((1 + len(values)) / (1 + np.minimum(seen, len(values) - 1))), values)


def log_ratios(ids: Any, labels: Any, size: Any, *, smoothing: float = 1.0) -> np.ndarray:
    """Log ratio of relative frequencies of each token (size,): in rows of the second class over those of the first.

    These are the weights of naive Bayes, used as prior means that tell which class a token indicates, for
    `Embedding(initial=...)`. This is empirical Bayes: the prior uses the same rows as the fit. The numbers are divided
    by a constant so that their mean square over the tokens of all rows is 1; padding has 0.

    Parameters
    ----------
    ids : array of int, shape (n, time)
        Padded with zeros, which do not count.
    labels : array, shape (n,)
        Labels of two classes; the second class is the greater label.
    size : int or Vocabulary
        Number of token ids.
    smoothing : float
        Number that is added to every count.

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
    given = list(column_array("labels", labels))
    missing = [row for row, label in enumerate(given) if is_missing(label)]
    if missing:
        raise ValueError(
            f"labels must not be missing, got {len(missing)}, the first at row {missing[0]}: drop these rows"
        )
    classes, codes = np.unique(np.array(given), return_inverse=True)
    if len(codes) != len(values):
        raise ValueError(f"labels must be one label per row, {len(values)}, got {len(codes)}")
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
    """Numbers per token, divided so that their mean square over the tokens of all rows is 1; zeros stay zero."""
    square = np.mean(numbers[values[values != sequences.PADDING]] ** 2)
    return numbers / np.sqrt(square) if square else numbers
