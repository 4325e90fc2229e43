"""auto_fit(series): the posteriors of one series or of thousands, from which forecasts, scores and draws come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bayesnn._internal import checks
from bayesnn._internal.runtime import computing_in_threads
from bayesnn.forecasting.many.bucket import draw_bucket
from bayesnn.forecasting.many.columns import with_columns
from bayesnn.forecasting.many.prepare import check_pool, entropy_of, make_buckets, results_by_name
from bayesnn.forecasting.many.prior import StructuralPrior
from bayesnn.forecasting.many.reading import read_tasks
from bayesnn.forecasting.many.seasons import read_seasons
from bayesnn.forecasting.many.series_fits import SeriesFits


@computing_in_threads
def auto_fit(
    series: Any,
    *,
    seasonal: int | Sequence[int] | None = None,
    key: Any = 0,
    draws: int = 1000,
    pool: str | None = None,
    exogenous: Any = None,
    path: Any = None,
    progress: bool = True,
    executor: Any = None,
) -> SeriesFits:
    """Draws from the posterior of each of one or many series, under the model of `bnn.auto_forecast`.

    `bnn.auto_forecast` gives the paths at once and keeps nothing else; here the draws are kept, for forecasts of
    several horizons, for the unknowns of a series as inference data, and for diagnoses and scores of all. A monthly
    series takes .3 MB with 1000 draws.

    Parameters
    ----------
    series, seasonal, draws, pool, path, progress, executor
        As for `bnn.auto_forecast`.
    exogenous : pandas.DataFrame, dict or array, optional
        As for `bnn.auto_forecast`, at the dates of each series and as far ahead as it is to be forecast.
    key : int or jax.Array
        Seed. The draws of a series depend on it and on the series' name, not on other series.

    Returns
    -------
    SeriesFits
        `fits["H123"]` is the fit of a series, with `.idata`. `bnn.forecast(fits, horizon)`, `bnn.diagnose(fits)`,
        `bnn.evaluate(fits, future)` and `bnn.backtest(fits, horizon=..., windows=...)` are of all, and so are the
        methods of these names; `fits.failures` lists the series that were not fitted.

    Raises
    ------
    ValueError
        If names clash, a setting is not allowed, or no series can be forecast.

    See Also
    --------
    SeriesFits : what `auto_fit` returns
    auto_forecast : forecasts without tuning, of one series or thousands

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(40.0)
    >>> fits = auto_fit({"b": 5 + np.sin(t) + 0.1 * t, "a": np.full(9, 2.0)}, draws=100, progress=False)
    >>> fits
    <SeriesFits: 1 series, 100 independent draws each, 1 with a fall-back>
    >>> fits.forecast(2)["unique_id"].values.tolist()
    ['b', 'a']
    """
    count, entropy = checks.positive_integer("draws", draws), entropy_of(key)
    seasons = read_seasons(seasonal)
    check_pool(pool)
    tasks, failures, panel = read_tasks(series, 1, seasons)
    tasks = with_columns(tasks, series, exogenous, None)
    parts, buckets = make_buckets(tasks, 1, count, entropy, pool)
    results, failed = results_by_name(draw_bucket, "draws", parts, buckets, path, executor, progress)
    refused = (*failures, *failed)
    if not results and not any(task.fallback for task in tasks):
        raise ValueError(f"no series could be fitted; the first, {refused[0].unique_id!r}: {refused[0].reason}")
    return SeriesFits({task.name: task for task in tasks}, results, refused, count, panel, StructuralPrior(), pool)
