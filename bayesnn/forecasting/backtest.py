"""backtest(model, series): forecasts from rolling origins, scored by horizon and compared with simple methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from tqdm.auto import tqdm

from bayesnn._internal import checks
from bayesnn._internal.runtime import as_key, computing
from bayesnn.data.series.lagged import Lagged, lagged
from bayesnn.data.series.reading import read_series
from bayesnn.data.series.suggest import is_auto, suggest
from bayesnn.evaluation.scores import Difference, mase_scale, paired_difference, score_rows, score_table
from bayesnn.fitting.fit import Fit
from bayesnn.fitting.fit import fit as fit_model
from bayesnn.fitting.store import can_start
from bayesnn.forecasting.baselines import LinearAR, Task, make_baselines
from bayesnn.forecasting.rolling import Windows, exogenous_rows, make_windows, network_forecasts, observed
from bayesnn.forecasting.stationary import stationary
from bayesnn.models.model import Model
from bayesnn.samplers.engine.compiled_programs import drop_compiled_programs

NETWORK = "network"
WARM = 4  # a warm-up that starts at the chains of the previous fit is shorter by this factor
SCORES = {"crps": False, "log_score": True}  # whether larger is better


@dataclass(frozen=True, eq=False)
class Backtest:
    """Scored forecasts from rolling origins.

    Attributes
    ----------
    table : pandas.DataFrame
        Averages over series and windows by method and horizon: rmse (of the mean), mae and mase (of the median), crps,
        log_score (natural log of the density of y, larger is better), coverage and width of central intervals.
    forecasts : pandas.DataFrame
        One row per method, series, window and horizon: unique_id, window, origin (date of the last value seen), ds,
        horizon, method, y, mean, median, lo-50, hi-50, ..., crps, log_score, pit, scale (the denominator of MASE).
    fits : dict of Fit
        The last fit of each model.
    overlap : int
        Number of consecutive windows whose forecasts contain the same date.
    """

    table: Any
    forecasts: Any
    fits: Mapping[str, Fit]
    overlap: int

    @property
    def pit(self) -> Any:
        """Probability integral transforms, uniform if calibrated: one column per method, by series, window, horizon."""
        rows = ["unique_id", "window", "ds", "horizon"]
        wide = self.forecasts.pivot(index=rows, columns="method", values="pit")
        return wide[list(self.methods)]

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods, models first."""
        return tuple(self.forecasts["method"].unique())

    def difference(self, one: str, other: str, score: str = "crps", horizon: int | None = None) -> Difference:
        """Mean over windows of the score of `one` minus that of `other`, with its standard error.

        Scores are averaged over series, and over horizons unless `horizon` is given. The standard error is that of
        Diebold and Mariano, corrected as in `bayesnn.evaluation.scores.paired_difference`.
        """
        for method in (one, other):
            checks.known("method", method, self.methods)
        checks.known("score", score, tuple(SCORES))
        rows = self.forecasts if horizon is None else self.forecasts[self.forecasts["horizon"] == horizon]
        means = rows.groupby(["method", "window"])[score].mean()
        return paired_difference((means[one] - means[other]).to_numpy(), self.overlap)

    def best(self, score: str = "crps") -> str:
        """One line: which method has the best mean score over all horizons, and how far the next one is behind."""
        checks.known("score", score, tuple(SCORES))
        larger = SCORES[score]
        means = self.forecasts.groupby("method")[score].mean().sort_values(ascending=not larger)
        first = means.index[0]
        if len(means) == 1:
            return f"{score}: {first}, {means.iloc[0]:.4g}"
        second = means.index[1]
        apart = self.difference(first, second, score)
        return (
            f"best by {score}: {first}, {means.iloc[0]:.4g}, ahead of {second}, {means.iloc[1]:.4g}, by "
            f"{abs(apart.z):.1f} standard errors of the paired difference"
        )

    def __str__(self) -> str:
        """The table, and the best method by each score."""
        count = self.forecasts["window"].nunique()
        several = self.forecasts["unique_id"].nunique()
        title = f"{count} window(s)" + (f" of {several} series" if several > 1 else "")
        shown = self.table.to_string(float_format=lambda value: f"{value:.3g}")
        return "\n".join([title, shown, *(self.best(score) for score in SCORES)])


@computing
def backtest(
    model: Model | Mapping[str, Model],
    series: Any,
    *,
    lags: Any,
    horizon: int = 1,
    windows: int,
    stride: int = 1,
    refit: bool | int = False,
    exogenous: Any = None,
    exogenous_lags: Mapping[str, Sequence[int]] | None = None,
    seasonal: int | None = None,
    transform: Any = None,
    sampler: Any = None,
    draws: int = 1000,
    warmup: int = 1000,
    chains: int = 4,
    key: Any = 0,
    baselines: Sequence[Any] = ("naive", "seasonal_naive", "drift", "linear_ar"),
    only_stationary: bool = False,
    progress: bool = True,
    **settings: Any,
) -> Backtest:
    """Forecast a series from several of its own dates without using later values, and score the forecasts.

    The last origin is `horizon` steps before the end of the series, the others precede it at distances of `stride`
    steps. Each forecast uses all values up to its origin. Parameters of the model and of the baselines, including
    centres and scales, are learnt from the values before the first origin; with `refit` they are learnt again.

    Parameters
    ----------
    model : Model, or dict of Model by name
    series, lags, exogenous, exogenous_lags, seasonal, transform
        As for `bnn.lagged`: one series or a panel. Exogenous inputs are treated as known over the horizon. Arguments
        that are "auto" are chosen from the values before the first origin.
    horizon : int
        Steps ahead.
    windows, stride : int
        Number of origins per series, and number of steps from one to the next.
    refit : bool or int
        False: one fit for all windows. True: one fit per window. A number k: one fit per k windows. Chains of the
        collapsed Gibbs sampler start where those of the previous fit ended, with a quarter of the warm-up.
    sampler, draws, warmup, chains, key
        As for `bnn.fit`, which also takes `settings`.
    baselines : sequence of str
        Any of "naive", "seasonal_naive", "drift", "linear_ar" (same lags, transform and inputs, conjugate prior),
        "naive2", and "auto_arima" and "auto_ets" of the package statsforecast.
    only_stationary : bool
        Whether forecasts use only the draws that `bnn.stationary` keeps.
    progress : bool
        Whether to show a bar: over the fits if there are several.

    Returns
    -------
    Backtest
        `print` it for the table and the best method.

    Raises
    ------
    ValueError
        If a series is too short for the windows, or a setting is not allowed; raised before anything is compiled.

    References
    ----------
    L. Tashman (2000), Out-of-sample tests of forecasting accuracy, International Journal of Forecasting 16, 437-450.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.models.shallow import shallow
    >>> y = np.sin(np.arange(26.0)) + 0.1 * np.cos(17 * np.arange(26.0))
    >>> few = {"draws": 50, "warmup": 50, "chains": 2, "progress": False}
    >>> result = backtest(shallow(1, linear=True), y, lags=2, horizon=2, windows=3, baselines=["naive"], **few)
    >>> result.table.index.tolist()
    [('network', 1), ('network', 2), ('naive', 1), ('naive', 2)]
    """
    models = dict(model) if isinstance(model, Mapping) else {NETWORK: model}
    for name, value in (("horizon", horizon), ("windows", windows), ("stride", stride)):
        checks.positive_integer(name, value)
    plan = {n: make_windows(n, len(v), horizon, windows, stride, refit) for n, v in read_series(series)[0].items()}
    if is_auto(lags) or is_auto(transform):
        lags, transform = _suggested(series, plan, lags, transform, seasonal)
    rows = {"exogenous": exogenous, "exogenous_lags": exogenous_lags, "seasonal": seasonal, "transform": transform}
    full = lagged(series, lags, **rows)
    learn_from(full, plan, 0, rows)  # refuses series that are too short before anything is fitted
    if full.period == 1 and "naive" in baselines:
        baselines = [name for name in baselines if name != "seasonal_naive"]  # it would equal naive
    make_baselines(baselines, LinearAR(full.lags))
    first = next(iter(plan.values()))
    groups = np.split(np.arange(windows), np.flatnonzero(np.diff(first.learn_to)) + 1)
    settings |= {"sampler": sampler, "draws": draws, "warmup": warmup, "chains": chains}
    frames: list[Any] = []
    fits: dict[str, Fit] = {}
    with tqdm(total=len(groups) * len(models), disable=not progress or len(groups) == 1, unit="fit") as bar:
        for number, group in enumerate(groups):
            random_key = jax.random.fold_in(as_key(key), number)
            part = learn_from(full, plan, int(group[0]), rows)
            now = {name: one.part(group) for name, one in plan.items()}
            for name, one in models.items():
                shown = progress and len(groups) == 1
                again = settings | _warm(fits.get(name), settings["warmup"])
                fits[name] = fit_model(one, part, key=random_key, progress=shown, **again)
                draws_of = stationary(fits[name]) if only_stationary else fits[name]
                predictive = network_forecasts(
                    draws_of, full, {n: w.origins for n, w in now.items()}, horizon, jax.random.fold_in(random_key, 1)
                )
                frames += _scored(full, now, group, name, predictive, horizon)
                bar.update()
                drop_compiled_programs()
            frames += _baseline_frames(full, part, now, group, horizon, baselines, random_key)
    forecasts = _in_order(frames)
    return Backtest(score_table(forecasts), forecasts, fits, -(-horizon // stride))


def _warm(before: Fit | None, warmup: int) -> dict[str, Any]:
    """Settings of a refit whose chains can start where those of the previous fit ended."""
    if before is None or not can_start(before):
        return {}
    return {"start": before, "warmup": warmup // WARM}


def learn_from(full: Lagged, plan: Mapping[str, Windows], window: int, rows: Mapping[str, Any]) -> Lagged:
    """Rows of the values that the fit of a window may use."""
    seen = {name: values.iloc[: plan[name].learn_to[window]] for name, values in full.series.items()}
    return lagged(seen if full.panel else next(iter(seen.values())), full.lags, **rows)


def _suggested(
    series: Any, plan: Mapping[str, Windows], lags: Any, transform: Any, seasonal: int | None
) -> tuple[Any, Any]:
    """Lags and transform, chosen from the values before the first origin and used in all fits."""
    seen = {name: values.iloc[: plan[name].learn_to[0]] for name, values in read_series(series)[0].items()}
    chosen = suggest(seen, lags=lags, transform=transform, seasonal=seasonal)
    return chosen.lags, chosen.transform


def _baseline_frames(
    full: Lagged,
    part: Lagged,
    plan: Mapping[str, Windows],
    group: np.ndarray,
    horizon: int,
    names: Sequence[Any],
    key: jax.Array,
) -> list[Any]:
    """Scored forecasts of every baseline for every series."""
    frames = []
    seed = int(jax.random.randint(key, (), 0, 2**31 - 1))
    for name, windows in plan.items():
        linear = LinearAR(part.lags, part.transforms[name], exogenous_rows(full, name))
        values = full.series[name].to_numpy()
        task = Task(values, int(windows.learn_to[0]), windows.origins, horizon, full.period, seed)
        for method, baseline in make_baselines(names, linear).items():
            frames += _scored(full, {name: windows}, group, method, baseline.forecast(task), horizon)
    return frames


def _scored(
    full: Lagged, plan: Mapping[str, Windows], group: np.ndarray, method: str, predictive: Any, horizon: int
) -> list[Any]:
    """One long frame per series, of forecasts (o, h) that are stacked in the order of the plan."""
    import pandas as pd

    later = {n: observed(full.series[n].to_numpy(), w.origins, horizon) for n, w in plan.items()}
    scores = score_rows(predictive, np.concatenate(list(later.values())))
    frames, start, steps = [], 0, np.arange(horizon)
    for name, windows in plan.items():
        index, values, count = full.series[name].index, full.series[name].to_numpy(), len(windows.origins)
        scale = mase_scale(values[: windows.learn_to[0]], full.period)
        columns = {
            "unique_id": name,
            "window": np.repeat(group, horizon),
            "origin": index[np.repeat(windows.origins - 1, horizon)],
            "ds": index[(windows.origins[:, None] + steps).ravel()],
            "horizon": np.tile(steps + 1, count),
            "method": method,
            "y": later[name].ravel(),
        }
        columns |= {label: array[start : start + count].ravel() for label, array in scores.items()}
        frames.append(pd.DataFrame(columns | {"scale": scale}))
        start += count
    return frames


def _in_order(frames: Sequence[Any]) -> Any:
    """All rows, by method in the order of appearance, then series, window and horizon."""
    import pandas as pd

    rows = pd.concat(frames, ignore_index=True)
    position = {name: i for i, name in enumerate(rows["method"].unique())}
    series = {name: i for i, name in enumerate(rows["unique_id"].unique())}
    order = np.lexsort((rows["horizon"], rows["window"], rows["unique_id"].map(series), rows["method"].map(position)))
    return rows.iloc[order].reset_index(drop=True)
