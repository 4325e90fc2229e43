"""forecast(fit, horizon): joint sample paths of the next values of a series."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.runtime import computing
from bayesnn.data.series import dates
from bayesnn.data.series.exogenous import input_rows, with_future
from bayesnn.data.series.lagged import Lagged
from bayesnn.data.series.reading import read_series
from bayesnn.fitting.fit import Fit
from bayesnn.forecasting.many.prepare import check_memory
from bayesnn.forecasting.many.series_fit import SeriesFit
from bayesnn.forecasting.many.series_fits import SeriesFits
from bayesnn.forecasting.path_array import path_array
from bayesnn.forecasting.paths import lagged_data, make_origins, repeats_of, simulate, with_draws


@computing
def forecast(
    fit: Fit | SeriesFit | SeriesFits, horizon: int, *, future: Any = None, history: Any = None, key: Any = 0
) -> Any:
    """Sample paths of the next `horizon` values, in units of the series.

    Each posterior draw simulates its own path: it draws a value with its own noise, uses it as the latest lag of the
    next step, and so on. Paths are joint over time, so the distribution of any function of them (a sum, a maximum) is
    that of its values on the paths. Where chains have a single draw (MAP, ensembles), about 1000 paths in all start
    from these draws and are the `draw` axis of the result: the error distribution around a mode.

    Parameters
    ----------
    fit : Fit, SeriesFit or SeriesFits
        Of `bnn.lagged(series, lags)`; or of `bnn.auto_fit`, which needs neither `future` nor `history`.
    horizon : int
        Steps ahead, at least 1.
    future : pandas.DataFrame, optional
        Exogenous inputs by date, in the forms that `lagged` takes; a table there shows which dates are needed. More may
        be given. For dates of the past, these values replace those of the fit.
    history : optional
        Another past to continue from, in the forms that `lagged` takes: the same series at another time, or other
        series of the same kind, at least as long as the lags and differences reach. A standardised series keeps the
        mean and sd of the fit; a series that was not in the panel of the fit is standardised by its history. Exogenous
        inputs are taken from the fit for the dates it has, and from `future`.
    key : int or jax.Array
        Seed of the simulated errors.

    Returns
    -------
    xarray.DataArray
        (chain, draw, time), for a panel (chain, draw, unique_id, time). `time` continues the dates of the series; if
        the series of a panel end at different dates, it counts steps 1, 2, ..., and `ds` (unique_id, time) has dates.
        `bnn.to_frame` gives a long table.

    Raises
    ------
    ValueError
        If the fit is not of a series, the horizon is below 1, or exogenous values or history are missing.

    References
    ----------
    R. Menchero, R. Montes Diez, D. Ríos Insua and P. Müller (2005), Bayesian analysis of nonlinear autoregression
    models based on neural networks, Neural Computation 17(2).

    See Also
    --------
    lagged : a series as a table of its past
    backtest : scores from rolling origins
    auto_forecast : forecasts without tuning, of one series or thousands

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.data.series.lagged import lagged
    >>> from bayesnn.models.shallow import shallow
    >>> series = np.sin(np.arange(22.0)) + 0.1 * np.cos(17 * np.arange(22.0))
    >>> result = fit(shallow(1, linear=True), lagged(series, lags=2), draws=50, warmup=50, chains=2, progress=False)
    >>> forecast(result, 3)["time"].values.tolist()
    [22, 23, 24]
    """
    if isinstance(fit, (SeriesFit, SeriesFits)):
        if future is not None or history is not None:
            raise ValueError("fits of auto_fit take neither future nor history: fit the longer series again")
        return fit.forecast(horizon, key=key)
    data = lagged_data(fit)
    steps = checks.positive_integer("horizon", horizon)
    sizes, repeats = fit.idata["posterior"].sizes, repeats_of(fit)
    check_memory(len(data.series), sizes["chain"] * sizes["draw"] * repeats, steps)
    series = data.series if history is None else _histories(data, history)
    data = data if history is None else data.with_series(series)
    known = np.stack([_future_rows(data, name, future, steps) for name in series])
    origins = make_origins(data, [(name, values.to_numpy()) for name, values in series.items()])
    origins = with_draws(fit, origins) if history is None else origins
    paths = simulate(fit, origins, steps, key, known, repeats)
    return _as_array(fit, data, paths.values)


def _future_rows(data: Lagged, name: str, future: Any, steps: int) -> np.ndarray:
    """Exogenous inputs (h, e) of the steps ahead of one series."""
    index = data.series[name].index
    table = with_future(name, data.columns, data.exogenous.get(name), future, index)
    whole = index.append(dates.next_dates(index, data.step, steps))
    return input_rows(name, data.columns, table, whole, np.arange(len(index), len(whole)))


def _histories(data: Lagged, history: Any) -> dict[str, Any]:
    """Another past, checked: of the same kind, with the same step, long enough."""
    series, panel = read_series(history)
    if panel != data.panel:
        raise ValueError(
            f"history must be {'a panel' if data.panel else 'one series'} like the data of the fit, got "
            f"{'a panel' if panel else 'one series'}"
        )
    if not panel:
        series = dict(zip(data.series, series.values(), strict=True))
    for name, values in series.items():
        like = next(iter(data.series.values())).index
        if type(values.index) is not type(like) and (
            values.index.dtype.kind not in "iu" or like.dtype.kind not in "iu"
        ):
            raise ValueError(
                f"history of series {name!r} must be indexed like the fit's, by {like.dtype}, got {values.index.dtype}"
            )
        zones = [str(getattr(index, "tz", None)) for index in (like, values.index)]
        if zones[0] != zones[1]:
            raise ValueError(
                f"history of series {name!r} must have dates of the fit's time zone, {zones[0]}, got {zones[1]}: "
                "convert its index"
            )
        dates.check_step(f"history of series {name!r}", values.index, data.step)
        if len(values) < data.reach:
            raise ValueError(
                f"history of series {name!r} must have at least {data.reach} values, as far as lags and differences "
                f"reach, got {len(values)}"
            )
    return series


def _as_array(fit: Fit, data: Lagged, values: np.ndarray) -> Any:
    """Paths (s, o, h) as draws with dates."""
    values = values.reshape(fit.idata["posterior"].sizes["chain"], -1, *values.shape[1:])
    after = {name: dates.next_dates(one.index, data.step, values.shape[-1]) for name, one in data.series.items()}
    return path_array(values, after, data.panel)
