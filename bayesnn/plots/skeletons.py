"""Pictures of the deterministic map inside an autoregression."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn._internal.colours import colour
from bayesnn._internal.fitted import of_a_fit
from bayesnn.fitting.fit import Fit
from bayesnn.forecasting.paths import lagged_data
from bayesnn.forecasting.skeleton import Skeleton, next_values
from bayesnn.forecasting.skeleton import skeleton as follow
from bayesnn.plots.axes import interval, legend, new_axes

GRID = 200
SHOWN = 40  # number of cycles drawn


@of_a_fit
def skeleton(fit: Fit, *, draws: int = 400, ax: Any = None) -> Any:
    """The map from the past to the expected next value, and where it leads without noise.

    One lag: the map with its 50% and 95% bands, the 45 degree line, and the fixed points of the draws, where map and
    line cross. More lags: each value of the series against the one before, the long-run paths of some draws (a closed
    curve or a point), and the fixed points on the diagonal. Values are on the transformed scale. The title has the
    shares of the long-run behaviours and the length of the cycle over `draws` draws, see `bnn.skeleton`.
    """
    result = follow(fit, draws=draws)
    axes = new_axes(ax)
    data = lagged_data(fit)
    w = data.transform.forward(next(iter(data.series.values())).to_numpy())
    if fit.data.x.shape[1] == 1:
        _curve(fit, result, w, data.lags[0], axes)
    else:
        _portrait(result, w, axes)
    names = ", ".join(data.transform.names)
    label = f"{fit.data.series.y.name or 'y'}" + (f"\n({names})" if names else "")
    axes.set_ylabel(label)
    axes.set_title(_title(result), fontsize="medium")
    legend(axes)
    return axes


def _curve(fit: Fit, result: Skeleton, w: np.ndarray, lag: int, axes: Any) -> None:
    grid = np.linspace(*_limits(w), GRID)
    sites = {name: values[result.draws] for name, values in fit.draws().items()}
    f = next_values(fit, sites, grid[:, None])
    axes.plot(w[:-lag], w[lag:], ".", color="0.6", ms=3, label="data")
    axes.plot(grid, grid, color="0.3", lw=0.8, ls="--", label="45 degrees")
    for level, shade in ((95, 0.2), (50, 0.35)):
        axes.fill_between(grid, *interval(f, level), color=colour(0), alpha=shade, lw=0, label=f"{level}% of f")
    axes.plot(grid, f.mean(axis=0), color=colour(0), label="mean of f")
    _fixed_points(result, grid, axes)
    axes.set_xlabel(f"lag {lag}")


def _portrait(result: Skeleton, w: np.ndarray, axes: Any) -> None:
    axes.plot(w[:-1], w[1:], ".-", color="0.75", ms=3, lw=0.4, label="data")
    cycling = np.flatnonzero(result.fate == "cycle")
    for i, number in enumerate(cycling[:: max(1, len(cycling) // SHOWN)]):
        path = result.paths[number]
        axes.plot(
            path[:-1], path[1:], ".", color=colour(0), ms=1.5, alpha=0.25, label="long-run cycles" if i == 0 else None
        )
    ends = result.paths[result.fate == "fixed_point", -1]
    axes.plot(ends, ends, "+", color=colour(2), ms=5, alpha=0.5, label="stable points" if len(ends) else None)
    limits = _limits(w)
    axes.plot(limits, limits, color="0.3", lw=0.8, ls="--")
    _fixed_points(result, np.array(limits), axes)
    axes.set(xlim=limits, ylim=limits, xlabel="lag 1", aspect="equal")


def _limits(w: np.ndarray) -> tuple[float, float]:
    """The range of the values, missing ones left out, and a margin at both ends."""
    low, high = float(np.nanmin(w)), float(np.nanmax(w))
    return low - 0.15 * (high - low), high + 0.15 * (high - low)


def _fixed_points(result: Skeleton, grid: np.ndarray, axes: Any) -> None:
    """80% intervals and medians of the fixed points, over the draws with the most frequent number of fixed points."""
    counts = np.array([len(points) for points in result.fixed_points])
    usual = int(np.bincount(counts).argmax()) if len(counts) else 0
    same = np.array([points for points in result.fixed_points if len(points) == usual])
    if not usual:
        return
    for i, points in enumerate(same.T):
        low, middle, high = np.quantile(points, [0.1, 0.5, 0.9])
        axes.plot([low, high], [low, high], color=colour(3), lw=3, alpha=0.6, solid_capstyle="butt")
        label = f"fixed point, 80% ({np.mean(counts == usual):.0%} of draws)" if i == 0 else None
        axes.plot(middle, middle, "o", color=colour(3), ms=5, label=label)


def _title(result: Skeleton) -> str:
    words = {"fixed_point": "reach a fixed point", "cycle": "cycle", "divergent": "diverge"}
    parts = [f"{result.share(fate):.0%} {word}" for fate, word in words.items() if result.share(fate) > 0]
    if result.share("cycle") > 0:
        low, middle, high = np.nanquantile(result.period, [0.1, 0.5, 0.9])
        place = list(words).index("cycle") if result.share("fixed_point") > 0 else 0
        parts[place] += f" of {middle:.1f} steps ({low:.1f} to {high:.1f})"
    return ",\n".join(parts)  # one line per part: on a single line they are wider than the axes
