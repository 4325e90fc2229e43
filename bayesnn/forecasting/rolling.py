"""Rolling origins: the observations before each of them, and forecasts of a fitted network from all of them at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bayesnn._internal import checks
from bayesnn.data.series.exogenous import input_rows
from bayesnn.data.series.lagged import Lagged
from bayesnn.evaluation.scores import SampledPredictive
from bayesnn.fitting.fit import Fit
from bayesnn.forecasting.paths import log_density, make_origins, repeats_of, simulate


class Windows(NamedTuple):
    """Rolling origins of one series, in the order of time, counted in observations.

    origins (windows,): number of observations before the origin; learn_to (windows,): number used for fitting.
    """

    origins: np.ndarray
    learn_to: np.ndarray

    def part(self, group: np.ndarray) -> Windows:
        """The windows with these numbers."""
        return Windows(self.origins[group], self.learn_to[group])


def windows_and_stride(windows: Any, n_windows: Any, stride: Any, step_size: Any) -> tuple[int, int]:
    """Number of windows and their distance, by whichever names they were given."""
    count = _one_of("windows", windows, "n_windows", n_windows)
    return count, _one_of("stride", stride, "step_size", step_size, 1)


def _one_of(name: str, value: int | None, other: str, given: int | None, default: int | None = None) -> int:
    """A whole number that goes by either of two names."""
    if value is not None and given is not None:
        raise ValueError(f"{name} and {other} are two names of one number, got both: leave one of them out")
    if value is None and given is None:
        if default is None:
            raise ValueError(f"{name} (or {other}) must be given: the number of origins of each series")
        return default
    return checks.positive_integer(name if given is None else other, value if given is None else given)


def make_windows(name: str, count: int, horizon: int, windows: int, stride: int, refit: Any) -> Windows:
    """Origins of a series of `count` observations, the last one `horizon` before its end."""
    origins = count - horizon - stride * np.arange(windows - 1, -1, -1)
    if origins[0] < 1:
        raise ValueError(
            f"series {name!r} is too short: {windows} window(s) at a stride of {stride} with horizon {horizon} take "
            f"{count - origins[0]} observations, and it has {count}: ask for fewer windows"
        )
    every = refit_every(refit, windows)
    return Windows(origins, origins[np.arange(windows) // every * every])


def refit_every(refit: Any, windows: int) -> int:
    """Windows between two fits: all of them for False, one for True."""
    if isinstance(refit, (bool, np.bool_)):
        return 1 if refit else windows
    return min(checks.positive_integer("refit", refit), windows)


def observed(values: np.ndarray, origins: np.ndarray, horizon: int) -> np.ndarray:
    """The observations after each origin (o, h)."""
    return values[origins[:, None] + np.arange(horizon)]


def exogenous_rows(data: Lagged, name: str) -> np.ndarray | None:
    """Exogenous inputs (T, e) at every time of a series, NaN before the first row of lags; None if there are none."""
    if not data.columns:
        return None
    values = data.series[name]
    times = np.arange(data.reach, len(values))
    rows = input_rows(name, data.columns, data.exogenous[name], values.index, times)
    return np.concatenate([np.full((data.reach, rows.shape[1]), np.nan), rows])


def network_forecasts(
    fit: Fit, full: Lagged, origins: dict[str, np.ndarray], horizon: int, key: Any
) -> SampledPredictive:
    """Forecasts (o, h) from all origins of all series, stacked in the order of `origins`.

    `full` holds the whole series; after an origin only its exogenous inputs are used.
    """
    pasts, future = [], []
    for name, ends in origins.items():
        values, inputs = full.series[name].to_numpy(), exogenous_rows(full, name)
        pasts += [(name, values[:end]) for end in ends]
        if inputs is not None:
            future.append(inputs[ends[:, None] + np.arange(horizon)])
    data = fit.data.series
    known = np.concatenate(future) if future else None
    paths = simulate(fit, make_origins(data, pasts), horizon, key, known, repeats_of(fit))
    return SampledPredictive(paths.values, lambda y: log_density(fit, paths, y))
