"""Pictures of which architectures the data support."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn._internal.colours import colour
from bayesnn._internal.fitted import of_a_fit
from bayesnn.evaluation.architectures import architectures, random_parts
from bayesnn.fitting.fit import Fit
from bayesnn.plots.axes import legend

LABELS = {"M": "hidden units", "linear_in": "linear term", "lag_order": "lags"}


@of_a_fit
def architecture(fit: Fit, *, ax: Any = None) -> Any:
    """Posterior probabilities of the random parts of the network, with two standard errors, and their prior.

    Parameters
    ----------
    fit : Fit
        Of a network whose number of units, linear term or lag order is random.
    ax : matplotlib.axes.Axes or array of them, optional
        One per random part of the architecture.

    Returns
    -------
    matplotlib.axes.Axes, or an array of them where several parts are random
    """
    names = list(random_parts(fit).sites())
    axes = _axes(ax, len(names))
    for one, name in zip(axes, names, strict=True):
        table = architectures(fit, by=name)
        places = np.arange(len(table))
        one.bar(
            places - 0.2,
            table["probability"],
            0.4,
            yerr=2 * table["se"].fillna(0.0),
            color=colour(0),
            label="posterior",
        )
        one.bar(places + 0.2, table["prior"], 0.4, color="0.75", label="prior")
        one.set_xticks(places, ["out", "in"] if name == "linear_in" else table.index)
        one.set_xlabel(LABELS[name])
    axes[0].set_ylabel("probability")
    legend(axes[0])
    return axes if len(names) > 1 else axes[0]


def _axes(ax: Any, count: int) -> np.ndarray:
    if ax is None:
        from matplotlib import pyplot as plt

        return plt.subplots(1, count, figsize=(4.0 * count, 3.2), layout="constrained", squeeze=False)[1][0]
    axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    if len(axes) != count:
        raise ValueError(f"ax must have {count} Axes, one per random part of the architecture, got {len(axes)}")
    return axes
