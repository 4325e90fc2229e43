"""backtest(model, series): forecasts from rolling origins, scored by horizon and compared with simple methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from tqdm.auto import tqdm

from bayesnn._internal import checks
from bayesnn._internal.runtime import as_key, computing
from bayesnn.data.series.lagged import Lagged, lagged
from bayesnn.data.series.reading import read_series
from bayesnn.data.series.suggest import is_auto, suggest
from bayesnn.evaluation.scores import score_table
from bayesnn.fitting.fit import Fit
from bayesnn.forecasting.backtest_result import Backtest, in_order
from bayesnn.forecasting.baselines import LinearAR, Task, make_baselines
from bayesnn.forecasting.many.series_fits import SeriesFits
from bayesnn.forecasting.refits import Refit, run_jobs, scored
from bayesnn.forecasting.rolling import Windows, exogenous_rows, make_windows, windows_and_stride
from bayesnn.models.model import Model

NETWORK = "network"
USUAL = (None, 1000, 4)  # draws, warmup, chains
DEFAULT_BASELINES = ("naive", "seasonal_naive", "drift", "linear_ar")


@computing
def backtest(
    model: Model | Mapping[str, Model] | SeriesFits,
    series: Any = None,
    *,
    lags: Any = None,
    horizon: int = 1,
    windows: int | None = None,
    stride: int | None = None,
    refit: bool | int = False,
    exogenous: Any = None,
    exogenous_lags: Mapping[str, Sequence[int]] | None = None,
    seasonal: int | None = None,
    transform: Any = None,
    sampler: Any = None,
    draws: int | str | None = None,
    warmup: int = 1000,
    chains: int = 4,
    key: Any = 0,
    baselines: Sequence[Any] | None = None,
    only_stationary: bool = False,
    n_windows: int | None = None,
    step_size: int | None = None,
    executor: Any = None,
    progress: bool = True,
    **settings: Any,
) -> Backtest:
    """Forecast a series from several of its own dates without using later values, and score the forecasts.

    The last origin is `horizon` steps before the end of the series, the others precede it at distances of `stride`
    steps. Each forecast uses all values up to its origin. Parameters of the model and of the baselines, including
    centres and scales, are learnt from the values before the first origin; with `refit` they are learnt again.

    Parameters
    ----------
    model : Model, dict of Model by name, or SeriesFits
        For the fits of `bnn.auto_fit`: `backtest(fits, horizon=..., windows=...)`, which takes none of the arguments of
        networks, and gives what `bnn.auto_backtest` does.
    series, lags, exogenous, exogenous_lags, seasonal, transform
        As for `bnn.lagged`: one series or a panel. The origins of a panel are counted back from the end of each series:
        where series end at different dates, their common network learns from dates that for some lie in the future, so
        end all series at one date if they move together. Exogenous inputs are treated as known over the horizon.
        Arguments that are "auto" are chosen from the values before the first origin.
    horizon : int
        Steps ahead.
    windows, stride : int
        Number of origins per series, and number of steps from one to the next (default 1). `n_windows` and `step_size`
        are other names of the two.
    refit : bool or int
        False: one fit for all windows. True: one fit per window. A number k: one fit per k windows. Chains of the
        collapsed Gibbs sampler start where those of the previous fit ended, with a quarter of the warm-up.
    sampler, draws, warmup, chains, key
        As for `bnn.fit`, which also takes `settings`. If neither `sampler` nor `draws` is given, every fit runs until
        it has converged, or for `max_seconds` (600) at most.
    baselines : sequence of str
        Any of "naive", "seasonal_naive", "drift", "linear_ar" (same lags, transform and inputs, conjugate prior),
        "naive2", and "auto_arima", "auto_ets", "auto_theta" and "auto_ces" of the package statsforecast. Default: the
        first four.
    only_stationary : bool
        Whether forecasts use only the draws that `bnn.stationary` keeps.
    executor : optional
        Anything with the interface of `concurrent.futures.Executor`, to which each fit goes. All fits then have the
        whole warm-up, none starts where another ended; one whose worker is lost is made in this process.
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

    See Also
    --------
    Backtest : what `backtest` returns
    forecast : sample paths of the future
    auto_backtest : their scores from rolling origins

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
    windows, stride = windows_and_stride(windows, n_windows, stride, step_size)
    if isinstance(model, SeriesFits):
        network = [series, lags, exogenous, exogenous_lags, seasonal, transform, sampler, settings or None]
        network += [refit or None, only_stationary or None, None if (draws, warmup, chains) == USUAL else draws]
        places = {"windows": windows, "stride": stride, "key": key, "progress": progress, "executor": executor}
        return _of_fits(model, network, places | {"horizon": horizon, "baselines": baselines})
    if series is None or lags is None:
        raise ValueError("series and lags must be given: what to forecast, and how far back the network sees")
    baselines = DEFAULT_BASELINES if baselines is None else baselines
    models: dict[str, Model] = dict(model) if isinstance(model, Mapping) else {NETWORK: model}
    checks.positive_integer("horizon", horizon)
    plan = {n: make_windows(n, len(v), horizon, windows, stride, refit) for n, v in read_series(series)[0].items()}
    if is_auto(lags) or is_auto(transform):
        lags, transform = _suggested(series, plan, lags, transform, seasonal)
    rows = {"exogenous": exogenous, "exogenous_lags": exogenous_lags, "seasonal": seasonal, "transform": transform}
    full = lagged(series, lags, **rows)
    learn_from(full, plan, 0, rows)  # refuses series that are too short before anything is fitted
    if full.period == 1 and "naive" in baselines:
        baselines = [name for name in baselines if name != "seasonal_naive"]  # it would equal naive
    make_baselines(baselines, LinearAR(full.lags))
    groups = np.split(np.arange(windows), np.flatnonzero(np.diff(next(iter(plan.values())).learn_to)) + 1)
    settings |= {"sampler": sampler, "draws": draws, "warmup": warmup, "chains": chains}
    parts = [learn_from(full, plan, int(group[0]), rows) for group in groups]
    keys = [jax.random.fold_in(as_key(key), number) for number in range(len(groups))]
    jobs = [
        Refit(name, one, part, full, {n: w.part(group) for n, w in plan.items()}, group, key, horizon, only_stationary)
        for group, part, key in zip(groups, parts, keys, strict=True)
        for name, one in models.items()
    ]
    frames, fits = _networks(jobs, settings, executor, progress, bar=len(groups) > 1)
    for group, part, own in zip(groups, parts, keys, strict=True):
        frames += _baseline_frames(full, part, plan, group, horizon, baselines, own)
    forecasts = in_order(frames)
    return Backtest(score_table(forecasts), forecasts, fits, -(-horizon // stride))


def _of_fits(fits: SeriesFits, network: Sequence[Any], settings: dict[str, Any]) -> Backtest:
    """A backtest of fits of `auto_fit`; arguments of networks must not be given."""
    if any(one is not None for one in network):
        raise ValueError(
            "backtest of fits of auto_fit takes horizon, windows, stride, key, baselines, executor and progress: leave "
            "out the others, since each series has its own model, refitted at each origin"
        )
    return fits.backtest(**{name: value for name, value in settings.items() if value is not None})


def _networks(
    jobs: Sequence[Refit], settings: Mapping[str, Any], executor: Any, progress: bool, bar: bool
) -> tuple[list[Any], dict[str, Fit]]:
    """Scored forecasts of all jobs, and the last fit of each model; a bar over the jobs, or that of each fit."""
    frames: list[Any] = []
    fits: dict[str, Fit] = {}
    inside = progress and not bar and executor is None
    with tqdm(total=len(jobs), disable=not (progress and bar), unit="fit") as shown:
        for job, done in run_jobs(jobs, {**settings, "progress": inside}, executor):
            fits[job.name] = done[0]
            frames += done[1]
            shown.update()
    return frames, fits


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
    for name, every in plan.items():
        windows = every.part(group)
        linear = LinearAR(part.lags, part.transforms[name], exogenous_rows(full, name))
        values = full.series[name].to_numpy()
        task = Task(values, int(windows.learn_to[0]), windows.origins, horizon, full.period, seed)
        for method, baseline in make_baselines(names, linear).items():
            frames += scored(full, {name: windows}, group, method, baseline.forecast(task), horizon)
    return frames
