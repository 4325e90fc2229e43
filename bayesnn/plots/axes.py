"""What all pictures share: axes to draw into, and intervals of draws."""

from __future__ import annotations

from typing import Any

import numpy as np


def new_axes(ax: Any) -> Any:
    """The given Axes, or those of a new figure."""
    if ax is not None:
        return ax
    from matplotlib import pyplot as plt

    return plt.subplots(layout="constrained")[1]


def interval(draws: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the central interval of draws (s, ...), `level` in per cent."""
    low, high = np.quantile(draws, [0.5 - level / 200, 0.5 + level / 200], axis=0)
    return low, high
