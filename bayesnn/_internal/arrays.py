"""Arrays of labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def object_array(labels: Sequence[Any]) -> np.ndarray:
    """Labels as a one-dimensional array of objects, whatever they are: `np.array` would unpack tuples.

    Examples
    --------
    >>> object_array([("a", 1), ("b", 2)]).shape
    (2,)
    """
    result = np.empty(len(labels), dtype=object)
    result[:] = list(labels)
    return result
