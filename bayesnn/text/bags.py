"""Token ids as tables of counts and as indicators."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn.data import sequences


def bag_of_words(ids: Any, size: Any, *, binary: bool = False) -> np.ndarray:
    """Counts of every token in each row of token ids (n, time): a table (n, size), for any model of tables.

    Parameters
    ----------
    ids : array of int, shape (n, time)
        Padded with zeros, which are not counted.
    size : int or Vocabulary
        Number of token ids.
    binary : bool
        Whether to give 1 for every token that occurs, instead of its count.

    Examples
    --------
    >>> bag_of_words([[3, 1, 3], [2, 0, 0]], 4).tolist()
    [[0.0, 1.0, 0.0, 2.0], [0.0, 0.0, 1.0, 0.0]]
    """
    count = size_of(size)
    values = sequences.token_ids(ids, count)
    table = np.zeros((len(values), count))
    np.add.at(table, (np.arange(len(values))[:, None], values), values != sequences.PADDING)
    return np.minimum(table, 1.0) if binary else table


def one_hot(ids: Any, size: Any) -> np.ndarray:
    """Token ids (n, time) as indicators (n, time, size), NaN at padded steps: sequences for any sequence layer.

    `Embedding(size)` does the same inside the network and needs less memory.

    Examples
    --------
    >>> one_hot([[2, 1]], 3)[0].tolist()
    [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    count = size_of(size)
    values = sequences.token_ids(ids, count)
    indicators = np.eye(count)
    indicators[sequences.PADDING] = np.nan
    return indicators[values]


def size_of(size: Any) -> int:
    """The number of token ids, given itself or a vocabulary."""
    return len(size) if isinstance(size, Sized) else checks.positive_integer("size", size, minimum=2)
