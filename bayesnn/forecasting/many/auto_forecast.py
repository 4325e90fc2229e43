"""auto_forecast(series, horizon): sample paths of one series or of thousands, without anything to be tuned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bayesnn._internal import checks
from bayesnn._internal.runtime import computing_in_threads
from bayesnn.forecasting.many.bucket import forecast_bucket
from bayesnn.forecasting.many.columns import with_columns
from bayesnn.forecasting.many.prepare import (
    check_memory,
    check_pool,
    entropy_of,
    labelled_paths,
    make_buckets,
    results_by_name,
)
from bayesnn.forecasting.many.reading import read_tasks
from bayesnn.forecasting.many.seasons import read_seasons


@computing_in_threads
def auto_forecast(
    series: Any,
    horizon: int,
    *,
    seasonal: int | Sequence[int] | None = None,
    key: Any = 0,
    draws: int = 1000,
    pool: str | None = None,
    exogenous: Any = None,
    path: Any = None,
    progress: bool = True,
    executor: Any = None,
) -> Any:
    """Joint sample paths of the next values of one series or of many, each with a fit of its own.

    Every series has the posterior of a structural autoregression (see Notes), which is computed exactly on a grid of
    its dynamics: there are no chains that could fail to converge. Series of similar lengths share a compiled program.

    Parameters
    ----------
    series : array, pandas.Series, dict, or pandas.DataFrame
        One series (T,), a dictionary of series, a wide table (one column per series) or a long one (unique_id, ds, y).
        NaN marks missing values, and so do dates that are absent. Rows may come in any order of dates. Tables and
        series of Polars, PyArrow or xarray are converted by their `to_pandas`.
    horizon : int
        Steps ahead.
    seasonal : int or sequence of int, optional
        Steps per season; 1 for none; up to three of them, such as [24, 168]. Default: from the dates of each series
        (hours 24 and 168, half-hours 48 and 336, minutes 60, days 7, weeks 52, months 12, quarters 4, else 1). A season
        is ignored where there are fewer than two of it.
    key : int or jax.Array
        Seed. The draws of a series depend on it and on the series' name, not on other series.
    draws : int
        Sample paths per series; they are independent draws.
    pool : "hierarchical", optional
        Whether the prior probabilities of curves, scales and dynamics are learnt over the series of equal season. (One
        network for all series is another model: `bnn.fit(model, bnn.lagged(series, "auto", transform="auto"))`.)
    exogenous : pandas.DataFrame, dict or array, optional
        Columns whose values are known at every date of each series and at the `horizon` dates after it, such as
        holidays, prices or weather of scenarios: a table by date for all series, one with unique_id and ds, or a
        dictionary of tables. A series that is an array may have an array (T + horizon, e). Categories as indicators.
    path : str or Path, optional
        Folder in which finished series are kept. A call that was ended continues there; other data, settings or keys
        are computed anew.
    progress : bool
        Whether to show a bar over the series.
    executor : optional
        Anything with the interface of `concurrent.futures.Executor`, which receives series in buckets of up to 16. The
        draws are those of one process. What a lost worker had is computed in this process.

    Returns
    -------
    xarray.DataArray
        (chain, draw, time) of one series, (chain, draw, unique_id, time) of several, as from `bnn.forecast`, with one
        chain of independent draws. `bnn.to_frame` gives a long table, in the order of the input. The attribute
        `failures` is a table (unique_id, reason, fallback) of the series that were not fitted: those whose observed
        values are all equal stay there ("constant"), of two values a random walk goes on ("random walk"), and others
        have no paths ("none").

    Raises
    ------
    ValueError
        If names clash, a setting is not allowed, no series can be forecast, or an exogenous column has no value at a
        date that is needed; the message names the series.

    Notes
    -----
    A curve u of the series (the values, their square roots or logarithms, by evidence with the Jacobian), divided by
    the sd of its differences, follows u_t = level + drift + phi trend + season + r_t, where r_t = rho r_{t-1} + e_t;
    level, trend and season are corrected by alpha r_t, beta r_t and gamma r_t, the last divided among several seasons.
    Random walks with drift, exponential smoothing with trends that are damped, and autoregressions around a level are
    among its members. A series without a season also has members in which r_t has a further term, a readout of
    eight tanh units on one to three of the last eight values, whose hidden weights are drawn from their prior, so
    that maps and cycles can be found. Level, drift, trend and seasonal effects at the start have normal priors in
    units of the error sd, with several scales (season: also zero); they and the error variance are integrated out
    in closed form, the rest is averaged over a grid by evidence, to a power that falls with the length. The future
    has an error sd of its own (lognormal, .5), and a trend that turns at the origin. The roots of a member without
    a network are at most one; in addition, paths stay within two ranges of the past curve around its last value,
    and within eight in units of the series, growing with the horizon as a share of the length; and those of a
    series above zero stay there, unless roots and logarithms have less than .05 of the probability. An observation
    far from the rest may be an outlier that passed or a shift, which are members of their own. Exogenous columns,
    divided by their sd in the past, have linear effects on the curve with a scale in units of the error sd, also
    zero, which the columns share. A missing value moves the states by their expectation. Of a series longer than
    4096 values, the last 4096 are used.

    References
    ----------
    R. Hyndman, A. Koehler, J. Ord and R. Snyder (2008), Forecasting with Exponential Smoothing, Springer.
    J. Miller and D. Dunson (2019), Robust Bayesian inference via coarsening, Journal of the American Statistical
    Association 114, 1113-1125.

    See Also
    --------
    auto_fit : the fits behind them
    auto_backtest : their scores from rolling origins
    forecast : sample paths of the future

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.prediction.to_frame import to_frame
    >>> t = np.arange(40.0)
    >>> series = {"b": 5 + np.sin(t) + 0.1 * t, "a": np.full(9, 2.0)}
    >>> paths = auto_forecast(series, 2, draws=100, progress=False)
    >>> to_frame(paths)[["unique_id", "ds"]].to_numpy().tolist()
    [['b', 40], ['b', 41], ['a', 9], ['a', 10]]
    >>> paths.failures.to_dict("records")
    [{'unique_id': 'a', 'reason': 'all 9 observed values are equal', 'fallback': 'constant'}]
    """
    steps, count = checks.positive_integer("horizon", horizon), checks.positive_integer("draws", draws)
    seasons = read_seasons(seasonal)
    check_pool(pool)
    check_memory(1, count, steps)
    tasks, failures, panel = read_tasks(series, steps, seasons)
    check_memory(len(tasks), count, steps)
    tasks, entropy = with_columns(tasks, series, exogenous, steps), entropy_of(key)
    parts, buckets = make_buckets(tasks, steps, count, entropy, pool)
    results, failed = results_by_name(forecast_bucket, "paths", parts, buckets, path, executor, progress)
    found = {name: one["paths"] for name, one in results.items()}
    return labelled_paths(tasks, found, [*failures, *failed], panel, (count, steps), entropy)
