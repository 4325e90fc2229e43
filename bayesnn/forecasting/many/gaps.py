"""Dates that are absent from a series: found by its step, and counted as missing values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from bayesnn.data.series import dates

MOST_GAPS = 10  # at most this many dates per value; where there are more, the step is wrong
LEAST_RUN = 3  # pandas infers a frequency from at least three dates
BUSINESS = "B"  # business days, between which weekends look like gaps


def most_common_step(series: dict[Any, Any]) -> Any:
    """The step that most of the series with regular dates have, or None."""
    steps: dict[str, Any] = {}
    counts: Counter[str] = Counter()
    for name, values in series.items():
        try:
            step = dates.step_of(f"series {name!r}", values.index)
        except ValueError:
            continue
        steps[dates.step_name(step)] = step
        counts[dates.step_name(step)] += 1
    return steps[counts.most_common(1)[0][0]] if counts else None


def complete(name: Any, values: Any, common: Any) -> tuple[Any, Any]:
    """A series with a value, or NaN, at every date, and its step.

    Where dates are absent, `common` is tried, the step of the other series, then the steps of runs of its own dates: of
    those by which no date is out of place, the one that leaves the fewest gaps is taken.

    Raises
    ------
    ValueError
        If a date is unknown or comes twice, or no step fits.
    """
    try:
        return values, dates.step_of(f"series {name!r}", values.index)
    except ValueError:
        if not values.index.is_unique or values.index.hasnans:
            raise
        found = [(len(grid), grid, step) for step, grid in _fitting(values.index, common)]
        if not found:
            raise
        _, grid, step = min(found, key=lambda one: one[0])
        return values.reindex(grid), step


def _fitting(index: Any, common: Any) -> Iterator[tuple[Any, Any]]:
    """Steps by which no date of a sorted index is out of place, each with all its dates; `common` alone if it fits."""
    for step in _steps(index, common):
        grid = _grid(index, step)
        if grid is not None:
            yield step, grid
            if step is common:
                return


def _steps(index: Any, common: Any) -> list[Any]:
    import pandas as pd

    if isinstance(index, pd.PeriodIndex):
        return [index.freq]
    if index.dtype.kind in "iu":
        return [int(np.min(np.diff(index)))]
    if not isinstance(index, pd.DatetimeIndex):
        return []
    found = {} if common is None or isinstance(common, int) else {dates.step_name(common): common}
    distance = np.diff(index.asi8)
    breaks = np.flatnonzero(distance > dates.GAP * np.median(distance)) + 1
    for run in np.split(np.arange(len(index)), breaks):
        if len(run) >= LEAST_RUN:
            try:
                step = dates.step_of("a run", index[run])
            except ValueError:
                continue
            found.setdefault(dates.step_name(step), step)
    return [*found.values(), pd.tseries.frequencies.to_offset(BUSINESS)]


def _grid(index: Any, step: Any) -> Any:
    """All dates from the first to the last, or None where some of the index are not among them."""
    grid = dates.date_range(index[0], step, len(index), index)
    while grid[-1] < index[-1]:
        if len(grid) > MOST_GAPS * len(index):
            return None
        grid = dates.date_range(index[0], step, 2 * len(grid), index)
    grid = grid[grid <= index[-1]]
    return grid if index.isin(grid).all() else None
