"""auto_backtest(series): forecasts of many series from rolling origins, scored beside simple and automatic methods."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.runtime import computing_in_threads
from bayesnn.evaluation.scores import mase_scale, score_rows, score_table
from bayesnn.forecasting.backtest_result import Backtest, in_order
from bayesnn.forecasting.baselines import PLAIN, Baseline, Naive
from bayesnn.forecasting.baselines import Task as BaselineTask
from bayesnn.forecasting.many.bucket import score_bucket
from bayesnn.forecasting.many.columns import with_columns
from bayesnn.forecasting.many.paths import predictive
from bayesnn.forecasting.many.prepare import (
    check_pool,
    entropy_of,
    failure_table,
    make_buckets,
    results_by_name,
    seed_of,
)
from bayesnn.forecasting.many.reading import NOTHING, Failure, Task, before, fallback_paths, read_tasks
from bayesnn.forecasting.many.seasons import read_seasons
from bayesnn.forecasting.rolling import make_windows, observed, windows_and_stride

OURS = "auto_forecast"
NAIVE = "naive"
SIMPLE = ("naive", "seasonal_naive", "drift", "naive2")
SCORED = ("crps", "log_score", "pit")  # scores that need an observed value


@computing_in_threads
def auto_backtest(
    series: Any,
    *,
    horizon: int = 1,
    windows: int | None = None,
    stride: int | None = None,
    seasonal: int | Sequence[int] | None = None,
    key: Any = 0,
    draws: int = 1000,
    pool: str | None = None,
    exogenous: Any = None,
    baselines: Sequence[Any] = SIMPLE,
    path: Any = None,
    progress: bool = True,
    executor: Any = None,
    n_windows: int | None = None,
    step_size: int | None = None,
) -> Backtest:
    """Forecast one series or many from several of their own dates, as `bnn.auto_forecast` does, and score that.

    The last origin is `horizon` steps before the end of each series, the others precede it at distances of `stride`
    steps. Each forecast knows the values up to its origin and nothing else, every method is fitted again at each
    origin, and series go through compiled programs in buckets as in `auto_forecast`.

    Parameters
    ----------
    series, seasonal, key, draws, pool, exogenous, path, progress, executor
        As for `bnn.auto_forecast`. With a pool, what is learnt over the series is learnt anew at each window. Exogenous
        columns are taken as known ahead of each origin; no baseline sees them.
    horizon : int
        Steps ahead.
    windows, stride : int
        Number of origins per series, and number of steps from one to the next (default 1). `n_windows` and `step_size`
        are other names of the two.
    baselines : sequence of str
        Any of "naive", "seasonal_naive", "drift" and "naive2", and "auto_arima", "auto_ets", "auto_theta" and
        "auto_ces" of the package statsforecast (`pip install "bayesnn[forecast]"`). They see missing values filled in
        on straight lines. One that fails on a series is replaced there by "naive", which `failures` says.

    Returns
    -------
    Backtest
        As of `bnn.backtest`, with the method "auto_forecast", without fits. `failures` (unique_id, reason, fallback)
        lists series that are too short for the windows or cannot be fitted. `comparison()` is a table of the methods.

    Raises
    ------
    ValueError
        If no series is long enough, or a setting is not allowed.

    See Also
    --------
    auto_forecast : forecasts without tuning, of one series or thousands
    Backtest : what `backtest` returns

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(30.0)
    >>> series = {"a": 5 + np.sin(t) + 0.1 * t, "b": 3 + np.cos(t)}
    >>> result = auto_backtest(series, horizon=2, windows=3, draws=100, baselines=["naive"], progress=False)
    >>> result.forecasts.groupby(["method", "unique_id"], sort=False).size().to_dict()
    {('auto_forecast', 'a'): 6, ('auto_forecast', 'b'): 6, ('naive', 'a'): 6, ('naive', 'b'): 6}
    """
    check_pool(pool)
    checks.positive_integer("horizon", horizon)
    tasks, failures, _ = read_tasks(series, 1, read_seasons(seasonal))
    tasks = with_columns(tasks, series, exogenous, 0)
    failures = [one for one in failures if one.fallback == NOTHING]
    settings: dict[str, Any] = {
        "key": key,
        "draws": draws,
        "pool": pool,
        "path": path,
        "progress": progress,
        "executor": executor,
    }
    places: dict[str, Any] = {"stride": stride, "n_windows": n_windows, "step_size": step_size}
    return backtest_of(tasks, failures, horizon=horizon, windows=windows, baselines=baselines, **places, **settings)


@computing_in_threads
def backtest_of(
    tasks: list[Task],
    failures: list[Failure],
    *,
    horizon: int,
    windows: int | None,
    draws: int,
    pool: str | None,
    stride: int | None = None,
    n_windows: int | None = None,
    step_size: int | None = None,
    key: Any = 0,
    baselines: Sequence[Any] = SIMPLE,
    path: Any = None,
    progress: bool = True,
    executor: Any = None,
) -> Backtest:
    """`auto_backtest` of series that were read before, and failures of those that could not be."""
    count, distance = windows_and_stride(windows, n_windows, stride, step_size)
    steps, number = checks.positive_integer("horizon", horizon), checks.positive_integer("draws", draws)
    methods = _baselines(baselines)
    tasks, short = _long_enough(tasks, steps, count, distance)
    failures = [*failures, *short]
    if not tasks:
        raise ValueError(f"no series can be backtested; the first, {failures[0].unique_id!r}: {failures[0].reason}")
    if all(task.season == 1 for task in tasks) and NAIVE in methods:
        methods.pop("seasonal_naive", None)  # it would equal naive
    settings = Settings(steps, number, pool, path, executor, progress)
    entropy, frames = entropy_of(key), []
    seconds = dict.fromkeys((OURS, *methods), 0.0)
    for window in range(count):
        ends = [len(task.values) - steps - distance * (count - 1 - window) for task in tasks]
        more, failed = _one_window(window, tasks, ends, methods, settings, (*entropy, window), seconds)
        frames += more
        failures += failed
    if not frames:
        raise ValueError(f"no series could be forecast; the first, {failures[0].unique_id!r}: {failures[0].reason}")
    forecasts, failures = in_order(frames), list(dict.fromkeys(failures))
    overlap = -(-steps // distance)
    return Backtest(score_table(forecasts), forecasts, {}, overlap, seconds=seconds, failures=failure_table(failures))


class Settings(NamedTuple):
    """Settings that all windows share."""

    horizon: int
    draws: int
    pool: str | None
    path: Any
    executor: Any
    progress: bool


def _one_window(
    window: int,
    tasks: Sequence[Task],
    ends: Sequence[int],
    methods: Mapping[str, Baseline],
    settings: Settings,
    seeds: tuple[int, ...],
    seconds: dict[str, float],
) -> tuple[list[Any], list[Failure]]:
    """Frames of all methods and series from one origin of each series, after `ends` values; adds to `seconds`."""
    known = [before(task, end) for task, end in zip(tasks, ends, strict=True)]
    later = {
        task.name: observed(task.values, np.array([end]), settings.horizon)[0]
        for task, end in zip(tasks, ends, strict=True)
    }
    started = time.perf_counter()
    mine, failures = _ours(known, later, settings, seeds)
    seconds[OURS] += time.perf_counter() - started
    fitted = [(task, ahead) for task, ahead in zip(tasks, known, strict=True) if task.name in mine]
    frames = [_frame(task, ahead, window, OURS, later[task.name], mine[task.name]) for task, ahead in fitted]
    for method, baseline in methods.items():
        started = time.perf_counter()
        for task, ahead in fitted:
            scores, failure = _by_baseline(method, baseline, ahead, later[task.name], seed_of(seeds, task.name))
            failures += failure
            frames.append(_frame(task, ahead, window, method, later[task.name], scores))
        seconds[method] += time.perf_counter() - started
    return frames, failures


def _baselines(names: Sequence[Any]) -> dict[str, Baseline]:
    """Baselines by name; one of the caller's is named by its class."""
    found: dict[str, Baseline] = {}
    for name in (names,) if isinstance(names, str) else names:
        if isinstance(name, Baseline):
            found[type(name).__name__] = name
        else:
            checks.known("baseline", name, tuple(PLAIN))
            found[name] = PLAIN[name]
    return found


def _long_enough(tasks: Sequence[Task], horizon: int, windows: int, stride: int) -> tuple[list[Task], list[Failure]]:
    """Series that have a value before every origin, and the others."""
    kept, failures = [], []
    for task in tasks:
        try:
            make_windows(task.name, len(task.values), horizon, windows, stride, True)
        except ValueError as error:
            failures.append(Failure(task.name, str(error), NOTHING))
        else:
            kept.append(task)
    return kept, failures


def _ours(
    known: Sequence[Task], later: Mapping[Any, np.ndarray], settings: Settings, seeds: tuple[int, ...]
) -> tuple[dict[Any, dict[str, np.ndarray]], list[Failure]]:
    """Scores (horizon,) by name of our forecasts from one origin of each series."""
    horizon, draws, pool, path, executor, progress = settings
    parts, buckets = make_buckets(known, horizon, draws, seeds, pool)
    buckets = [
        bucket._replace(later=tuple(later[task.name] for task in part))
        for part, bucket in zip(parts, buckets, strict=True)
    ]
    found, failures = results_by_name(score_bucket, "scores", parts, buckets, path, executor, progress)
    for task in known:
        if task.fallback is not None:
            paths = fallback_paths(task, horizon, draws, seed_of(seeds, task.name))
            scores = score_rows(predictive(paths, np.full(horizon, np.nan)), later[task.name][None])
            found[task.name] = {name: values[0] for name, values in scores.items()}
    return found, failures


def _by_baseline(
    method: str, baseline: Baseline, task: Task, later: np.ndarray, seed: tuple[int, ...]
) -> tuple[dict[str, np.ndarray], list[Failure]]:
    """Scores (horizon,) of a baseline, or of the last value where it fails."""
    times = np.arange(len(task.values))
    seen = np.isfinite(task.values)
    values = np.interp(times, times[seen], task.values[seen])
    end, failures = np.array([len(values)]), []
    job = BaselineTask(values, len(values), end, len(later), task.season, sum(seed) % 2**31)
    try:
        forecasts = baseline.forecast(job)
    except ModuleNotFoundError:
        raise
    except Exception as error:
        failures = [Failure(task.name, f"{method}: {type(error).__name__}: {error}", NAIVE)]
        twice = np.r_[values[-1], values]  # of a single value, one difference: none
        forecasts = Naive().forecast(BaselineTask(twice, len(twice), end + 1, len(later)))
    return {name: one[0] for name, one in score_rows(forecasts, later[None]).items()}, failures


def _frame(
    task: Task, known: Task, window: int, method: str, later: np.ndarray, scores: Mapping[str, np.ndarray]
) -> Any:
    """Rows of one series, window and method, with the columns that `bnn.backtest` has."""
    import pandas as pd

    horizon, end = len(later), len(known.values)
    columns = {
        "unique_id": task.name,
        "window": window,
        "origin": task.index[np.repeat(end - 1, horizon)],
        "cutoff": task.index[np.repeat(end - 1, horizon)],
        "ds": task.index[end : end + horizon],
        "horizon": np.arange(1, horizon + 1),
        "method": method,
        "y": later,
    }
    seen = np.isfinite(later)
    scored = {name: np.where(seen, v, np.nan) if name in SCORED else v for name, v in scores.items()}
    scale = mase_scale(known.values, task.season)
    return pd.DataFrame(columns | scored | {"scale": scale if scale > 0 else np.nan})
