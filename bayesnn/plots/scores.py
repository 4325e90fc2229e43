"""Pictures of how well predictions are calibrated."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.colours import colour
from bayesnn._internal.fitted import of_a_fit
from bayesnn.evaluation.loo import K_LIMIT, NAMED_ROWS, loo
from bayesnn.evaluation.scores import probability_transform
from bayesnn.fitting.fit import Fit
from bayesnn.plots.axes import legend, new_axes
from bayesnn.plots.axes import pit_histogram as draw_pit


@of_a_fit
def calibration(fit: Fit, x: Any, y: Any, *, offset: Any = None, ax: Any = None) -> Any:
    """Coverage of central predictive intervals against their level, with the 95% band of a calibrated predictive."""
    axes = new_axes(ax)
    pit = probability_transform(fit, x, y, offset=offset).ravel()
    level = np.linspace(0.01, 0.99, 99)
    covered = (np.abs(pit - 0.5)[:, None] <= level / 2).mean(axis=0)
    chance = 1.96 * np.sqrt(level * (1 - level) / len(pit))
    axes.fill_between(level, level - chance, level + chance, color="0.85", lw=0, label="95% of chance")
    axes.plot([0, 1], [0, 1], color="0.5", lw=1)
    axes.plot(level, covered, color=colour(0), label=f"{len(pit)} values")
    axes.set_xlabel("level of the interval")
    axes.set_ylabel("share of y inside")
    legend(axes)
    return axes


@of_a_fit
def pit_histogram(fit: Fit, x: Any, y: Any, *, bins: int = 10, offset: Any = None, ax: Any = None) -> Any:
    """Histogram of the probability integral transform, flat if calibrated, with the 95% band for one bin.

    A hump means that the predictive distribution is too wide, a U that it is too narrow, a slope that it is biased.
    """
    checks.positive_integer("bins", bins, minimum=2)
    axes = new_axes(ax)
    pit = probability_transform(fit, x, y, offset=offset).ravel()
    return draw_pit(axes, pit, bins, label=f"{len(pit)} values", counted="rows")


@of_a_fit
def pareto_k(fit: Fit, *, ax: Any = None) -> Any:
    """k-hat of PSIS-LOO by row, with the limit of 0.7; the rows above it are named."""
    axes = new_axes(ax)
    result = loo(fit)
    k = result.pareto_k.to_numpy()
    axes.axhline(K_LIMIT, color="0.5", lw=1, ls="--", label=f"limit {K_LIMIT}")
    axes.plot(k, "o", ms=4, color=colour(0), alpha=0.7, label=f"{int((k <= K_LIMIT).sum())} of {k.size} rows below")
    labels = result.pareto_k["obs"].to_numpy()
    for place in np.flatnonzero(~(k <= K_LIMIT))[:NAMED_ROWS]:
        axes.annotate(
            str(labels[place]), (place, k[place]), xytext=(3, 3), textcoords="offset points", fontsize="small"
        )
    axes.set_xlabel("row")
    axes.set_ylabel("k-hat")
    legend(axes)
    return axes
