"""How the copies of a tempered fit walk over the temperatures."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.colours import colour
from bayesnn._internal.fitted import of_a_fit
from bayesnn.fitting.fit import Fit
from bayesnn.plots.axes import legend, new_axes

SHOWN = 4  # copies drawn in colour


@of_a_fit
def temperature_walk(fit: Fit, *, chain: int = 0, ax: Any = None) -> Any:
    """The temperature of each copy of one system by draw, four of the copies in colour; round trips as the title.

    A chain mixes well where every copy crosses the picture often from the bottom (temperature 1, whose draws are kept)
    to the top.

    Raises
    ------
    ValueError
        If the fit is not by `bnn.Tempered`, or has no such chain.
    """
    stats = fit.idata["sample_stats"]
    if "copy" not in stats:
        raise ValueError(f"temperature_walk needs a fit by bnn.Tempered(...), got {fit!r}")
    checks.known("chain", chain, range(stats.sizes["chain"]))
    axes = new_axes(ax)
    place = np.argsort(stats["copy"].to_numpy()[chain], axis=1)  # (draw, copy) -> index of its temperature
    count = place.shape[1]
    axes.plot(place, color="0.85", lw=0.5, zorder=1)
    coloured = np.unique(np.linspace(0, count - 1, min(SHOWN, count)).astype(int))
    for number, copy in enumerate(coloured):
        axes.plot(place[:, copy], color=colour(number), lw=1.0, label=f"copy {copy}")
    ticks = np.unique(np.linspace(0, count - 1, min(8, count)).astype(int))
    values = stats["temperatures"].to_numpy()[chain, -1]
    axes.set_yticks(ticks, [f"{values[k]:.3g}" for k in ticks])
    axes.set_xlabel("draw")
    axes.set_ylabel("temperature (power of the likelihood)")
    trips = stats["round_trips"].to_numpy()[chain]
    count = int(trips[-1] - trips[0])
    made = f"{count} round trip{'s' * (count != 1)} in {len(place)} draws"
    axes.set_title(f"chain {chain}: {made}", fontsize="medium")
    legend(axes)
    return axes
