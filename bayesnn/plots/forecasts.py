"""Pictures of forecasts, and of how well forecasts were calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.colours import colour
from bayesnn.fitting.fit import Fit
from bayesnn.forecasting.backtest_result import Backtest
from bayesnn.forecasting.paths import lagged_data
from bayesnn.plots.axes import interval, legend, new_axes, pit_histogram

LEVELS_APART = 0.22  # on the axis of horizons, so that the points of a level stand on its bars


def forecast(
    data: Any,
    forecast: Any,
    *,
    series: str | None = None,
    levels: Sequence[float] = (50, 80, 95),
    paths: int = 3,
    history: int | None = None,
    observed: Any = None,
    ax: Any = None,
) -> Any:
    """History of a series, the fan of its forecast, and a few of its sample paths.

    Parameters
    ----------
    data : Fit or pandas.Series
        The fit that was forecast from, or the history as a series in units of y.
    forecast : xarray.DataArray
        From `bnn.forecast`.
    series : str, optional
        Name of the series to draw, of a panel; the first by default.
    levels : sequence of float
        Central intervals in per cent.
    paths : int
        Sample paths to draw, spread over the posterior.
    history : int, optional
        How many of the last values to show; all by default.
    observed : pandas.Series, optional
        Later values, drawn as points.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    wanted = sorted(checks.levels(levels), reverse=True)
    past, ahead = _one_series(data, forecast, series)
    past = past if history is None else past.iloc[-checks.positive_integer("history", history) :]
    draws = ahead.transpose("chain", "draw", "time").to_numpy().reshape(-1, ahead.sizes["time"])
    times, now = _times(past.index), _times(ahead.indexes["time"])
    joined = np.concatenate([times[-1:], now])  # bands start at the last observed value
    from_last = np.column_stack([np.full(len(draws), past.iloc[-1]), draws])
    axes = new_axes(ax)
    for shade, level in zip(np.linspace(0.15, 0.45, len(wanted)), wanted, strict=True):
        axes.fill_between(joined, *interval(from_last, level), color=colour(0), alpha=shade, lw=0, label=f"{level:g}%")
    axes.plot(joined, np.median(from_last, axis=0), color=colour(0), lw=1.5, label="median")
    for i, number in enumerate(np.linspace(0, len(draws) - 1, paths + 2).astype(int)[1:-1]):
        label = "sample paths" if i == 0 else None
        axes.plot(joined, from_last[number], color=colour(1), lw=0.7, alpha=0.8, label=label)
    axes.plot(times, past.to_numpy(), color="k", lw=1, label="history")
    if observed is not None:
        axes.plot(_times(observed.index), observed.to_numpy(), "ko", ms=3, label="observed later")
    low, high = interval(draws, wanted[0])  # a divergent path must not determine the scale
    seen = [past.to_numpy()] + ([] if observed is None else [observed.to_numpy()])
    bottom, top = min(low.min(), *map(np.nanmin, seen)), max(high.max(), *map(np.nanmax, seen))
    axes.set_ylim(bottom - 0.05 * (top - bottom), top + 0.05 * (top - bottom))
    axes.set_xlabel(past.index.name or "time")
    axes.set_ylabel(str(past.name) if past.name is not None else "y")
    legend(axes)
    return axes


def pit(backtest: Backtest, *, method: str | None = None, horizon: int = 1, bins: int = 10, ax: Any = None) -> Any:
    """Histogram of the probability integral transforms of a backtest at one horizon, flat if calibrated.

    If forecasts are calibrated and windows independent, a bin is inside the grey band with probability 95%. A hump
    means that the predictive distribution is too wide, a U that it is too narrow, a slope that it is biased.
    """
    checks.positive_integer("bins", bins, minimum=2)
    name = backtest.methods[0] if method is None else method
    checks.known("method", name, backtest.methods)
    rows = backtest.forecasts
    checks.known("horizon", horizon, [int(h) for h in np.sort(rows["horizon"].unique())])  # type: ignore[misc]
    values = rows.loc[(rows["method"] == name) & (rows["horizon"] == horizon), "pit"].dropna().to_numpy()
    return pit_histogram(new_axes(ax), values, bins, label=f"{name}, horizon {horizon}", counted="windows")


def coverage(
    backtest: Backtest, *, methods: Sequence[str] | None = None, levels: Sequence[float] = (50, 80, 95), ax: Any = None
) -> Any:
    """Share of observations inside central intervals, by horizon.

    Each point stands on a bar: the 95% limits of a calibrated method.

    Parameters
    ----------
    backtest : Backtest
    methods : sequence of str, optional
        Default: the first, and the best of the others by CRPS.
    levels : sequence of float
        Any of 50, 80 and 95, in per cent.
    ax : matplotlib.axes.Axes, optional
    """
    from scipy.stats import binom

    names = list(methods) if methods is not None else _first_and_best(backtest)
    for name in names:
        checks.known("method", name, backtest.methods)
    for level in levels:
        checks.known("level", level, (50, 80, 95))  # type: ignore[arg-type]
    rows = backtest.forecasts
    horizons = np.sort(rows["horizon"].unique())
    scored = rows[rows["method"].eq(names[0]) & rows["y"].notna()]
    count = scored["horizon"].value_counts().reindex(horizons, fill_value=0).clip(lower=1).to_numpy()
    axes = new_axes(ax)
    edges = np.array([horizons[0] - 0.6, horizons[-1] + 0.6])
    for i, level in enumerate(levels):
        places = horizons + LEVELS_APART * (i - (len(levels) - 1) / 2)
        low, high = (binom.ppf(end, count, level / 100) / count for end in (0.025, 0.975))
        axes.vlines(places, low, high, color="0.85", lw=6, label="95% of chance" if i == 0 else None)
        axes.axhline(level / 100, color="0.5", lw=0.8, ls="--", zorder=0)
        for number, name in enumerate(names):
            shares = backtest.table.loc[name].loc[horizons, f"coverage_{level:g}"]
            shift = 0.06 * (number - (len(names) - 1) / 2)
            label = name if i == 0 else None
            axes.plot(places + shift, shares, "o-", ms=4, lw=1, color=colour(number), label=label)
    axes.set_xlim(*edges)
    axes.set_xticks(horizons if len(horizons) <= 12 else horizons[:: len(horizons) // 10])
    axes.set_yticks([level / 100 for level in levels], [f"{level:g}%" for level in levels])
    axes.set_ylim(-0.02, 1.03)
    axes.set_xlabel("horizon")
    axes.set_ylabel("inside the interval")
    legend(axes)
    return axes


def _first_and_best(backtest: Backtest) -> list[str]:
    first, *others = backtest.methods
    means = backtest.forecasts.groupby("method")["crps"].mean()
    return [first] + ([str(means[others].idxmin())] if others else [])


def _one_series(data: Any, forecast: Any, series: str | None) -> tuple[Any, Any]:
    """History and forecast of one series."""
    panel = "unique_id" in forecast.dims
    if panel:
        names = forecast["unique_id"].to_numpy().tolist()
        name = names[0] if series is None else series
        checks.known("series", name, names)
        forecast = forecast.isel(unique_id=names.index(name))
        if "ds" in forecast.coords:  # series of the panel end at different dates
            forecast = forecast.assign_coords(time=np.asarray(forecast["ds"].to_numpy()))
    if isinstance(data, Fit):
        known = lagged_data(data).series
        return known[name] if panel else next(iter(known.values())), forecast
    return data, forecast


def _times(index: Any) -> np.ndarray:
    """Dates in a form that matplotlib draws; a period is drawn at its start."""
    import pandas as pd

    found = pd.Index(index)
    if not isinstance(found, pd.PeriodIndex) and len(found) and isinstance(found[0], pd.Period):
        found = pd.PeriodIndex(found)
    return (found.to_timestamp() if isinstance(found, pd.PeriodIndex) else found).to_numpy()
