"""What all pictures share: axes to draw into, and intervals of draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn._internal.colours import colour

BELOW = 36.0  # points from the axes to the legend: room for the numbers and the label of the axis


def new_axes(ax: Any) -> Any:
    """The given Axes, or those of a new figure."""
    if ax is not None:
        return ax
    from matplotlib import pyplot as plt

    return plt.subplots(layout="constrained")[1]


def legend(axes: Any, title: str | None = None) -> Any:
    """The legend below the axes, where it covers no data, in as many columns as its labels leave room for."""
    from matplotlib.transforms import ScaledTranslation

    labels = axes.get_legend_handles_labels()[1]
    columns = max(1, min(len(labels), 56 // (max(map(len, labels), default=0) + 6)))
    below = axes.transAxes + ScaledTranslation(0.0, -BELOW / 72.0, axes.figure.dpi_scale_trans)
    place = {"loc": "upper left", "bbox_to_anchor": (0.0, 0.0), "bbox_transform": below, "borderaxespad": 0.0}
    return axes.legend(frameon=False, fontsize="small", ncols=columns, title=title, **place)


def pit_histogram(axes: Any, values: np.ndarray, bins: int, *, label: str, counted: str) -> Any:
    """Histogram of probability integral transforms (n,) with the 95% band for one bin if they are uniform.

    `counted` names what the bins count, on the vertical axis.
    """
    from scipy.stats import binom

    low, high = binom.ppf([0.025, 0.975], len(values), 1.0 / bins)
    axes.axhspan(low, high, color="0.85", lw=0, label="95% of chance")
    axes.axhline(len(values) / bins, color="0.5", lw=1)
    axes.hist(values, bins=np.linspace(0.0, 1.0, bins + 1), color=colour(0), alpha=0.7, label=label)
    axes.set_xlabel("P(Y ≤ y)")
    axes.set_ylabel(counted)
    legend(axes)
    return axes


def interval(draws: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the central interval of draws (s, ...), `level` in per cent."""
    low, high = np.quantile(draws, [0.5 - level / 200, 0.5 + level / 200], axis=0)
    return low, high
