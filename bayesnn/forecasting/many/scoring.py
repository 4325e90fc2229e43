"""Scores of the forecasts of many series against later values, matched by name and date."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesnn._internal.arrays import reading
from bayesnn.data.series.reading import read_series
from bayesnn.evaluation.scores import crps, interval_score, mase_scale, smape
from bayesnn.forecasting.many.reading import Task

NO_FORECAST = "future has series {name!r}, which has no forecast: leave it out"


@dataclass(frozen=True, eq=False)
class SeriesScores:
    """Scores of the forecasts of many series.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per series: steps (scored), mase and smape (of the median; smape in per cent), msis (of the 95%
        interval), crps (over the scale of MASE), coverage_80 and coverage_95 (shares). NaN where the scale is zero.
    mean : pandas.Series
        Averages over the series.
    """

    table: Any
    mean: Any

    def __str__(self) -> str:
        """The averages, and the five series with the largest errors."""
        worst = self.table.sort_values("mase", ascending=False, kind="stable").head(5)
        mean = self.mean.round(3).to_frame("mean").T.to_string()
        return f"{len(self.table)} series\n{mean}\n\nlargest errors\n{worst.round(3).to_string()}"


def score_series(
    forecast: Callable[..., Any], tasks: Sequence[Task], panel: bool, future: Any, key: Any
) -> SeriesScores:
    """Scores of the paths that `forecast(horizon, key=key)` makes for the tasks."""
    import pandas as pd

    by_name = {task.name: task for task in tasks}
    later = {name: _steps_ahead(by_name.get(name), name, *one) for name, one in _named(future, tasks, panel).items()}
    later = {name: y for name, y in later.items() if np.isfinite(y).any()}
    if not later:
        raise ValueError("future must hold at least one observed value, got none")
    horizon = max(map(len, later.values()))
    paths = forecast(horizon, key=key)
    names = list(np.atleast_1d(paths["unique_id"].to_numpy()))
    draws = paths.to_numpy()[0].reshape(paths.sizes["draw"], len(names), horizon)
    place = {reading(name): i for i, name in enumerate(names)}  # some names are text there, and none read the same
    rows = {}
    for name, y in later.items():
        if reading(name) not in place:
            raise ValueError(NO_FORECAST.format(name=name))
        one = draws[:, place[reading(name)], : len(y)]
        rows[name] = score_one(one, y, by_name[name].values, by_name[name].season)
    table = pd.DataFrame(list(rows.values()), index=pd.Index(list(rows), name="unique_id", tupleize_cols=False))
    return SeriesScores(table, table.drop(columns="steps").mean())


def score_one(draws: np.ndarray, y: np.ndarray, training: np.ndarray, season: int) -> dict[str, float]:
    """Scores of paths (d, h) of one series against y (h,), NaN where it is unknown."""
    seen = np.isfinite(y)
    draws, y = draws[:, seen], y[seen]
    low95, low80, median, high80, high95 = np.quantile(draws, [0.025, 0.1, 0.5, 0.9, 0.975], axis=0)
    scale = mase_scale(training, season) or np.nan
    return {
        "steps": len(y),
        "mase": float(np.mean(np.abs(y - median)) / scale),
        "smape": float(np.mean(smape(y, median))),
        "msis": float(np.mean(interval_score(y, low95, high95)) / scale),
        "crps": float(np.mean(crps(draws, y)) / scale),
        "coverage_80": float(np.mean((low80 <= y) & (y <= high80))),
        "coverage_95": float(np.mean((low95 <= y) & (y <= high95))),
    }


def _named(future: Any, tasks: Sequence[Task], panel: bool) -> dict[Any, tuple[Any, Any]]:
    """Later values by name, and what the user gave for them; those of a single series take its name."""
    found, several = read_series(future)
    if several != panel:
        kinds = ("one series", "a panel, by name")
        raise ValueError(f"future must be {kinds[panel]}, like what was fitted, got {kinds[several]}")
    given = future.values() if isinstance(future, Mapping) else [future] * len(found)
    names = found if panel else [tasks[0].name]
    return dict(zip(names, zip(found.values(), given, strict=True), strict=True))


def _steps_ahead(task: Task | None, name: Any, values: Any, given: Any) -> np.ndarray:
    """Values (h,) of the steps after the end of a series, NaN where nothing is known."""
    import pandas as pd

    if task is None:
        raise ValueError(NO_FORECAST.format(name=name))
    if isinstance(values.index, pd.RangeIndex) and not isinstance(given, (pd.Series, pd.DataFrame)):
        # arrays, and tables of other libraries without dates, follow the series; of a wide one the beginning may be cut
        return values.reindex(pd.RangeIndex(values.index.stop)).to_numpy()
    values = values[values.notna()].sort_index()
    if not len(values):
        return values.to_numpy()
    label = f"future of series {name!r} must have dates that follow {task.index[-1]}, one every step"
    if _kind(values.index) != _kind(task.index):
        raise ValueError(f"{label}, got an index of {values.index.dtype} where the series has {task.index.dtype}")
    ahead = task.after(1)
    while ahead[-1] < values.index[-1]:
        ahead = task.after(2 * len(ahead))
    odd = values.index[~values.index.isin(ahead)]
    if len(odd):
        raise ValueError(f"{label}, got {odd[0]}")
    whole = values.reindex(ahead).to_numpy()
    return whole[: int(np.flatnonzero(np.isfinite(whole))[-1]) + 1]


def _kind(index: Any) -> Any:
    """What must be equal of two indices for their dates to be compared: whole numbers, or the type and time zone."""
    return "whole numbers" if index.dtype.kind in "iu" else (type(index), str(getattr(index, "tz", "")))
