"""Tables of predictions, forecasts and effects, and of every other result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from bayesnn._internal import checks
from bayesnn.fitting.inference_data import DRAW_DIMS

SAMPLE_DIMS = (*DRAW_DIMS, "permutation")  # axes over which draws are summarised


@runtime_checkable
class WithTable(Protocol):
    """A result whose content is a pandas.DataFrame, its `table`."""

    table: Any


def to_frame(result: Any, *, levels: Sequence[float] = (80, 95)) -> Any:
    """A result as a DataFrame: a summary of draws, one row per observation, input or other axis; or its table.

    Parameters
    ----------
    result : xarray.DataArray, (chain, draw, obs) or (chain, draw, ...), or any other result
        From `predict`, `forecast`, `average_marginal_effects` and the like. Or what `diagnose`, `decide`, `compare`,
        `loo`, `cross_validate`, `stack_chains`, `log_marginal_likelihood`, `backtest`, `skeleton`, `suggest` or
        `evaluate` found.
    levels : sequence of float
        Central intervals in per cent.

    Returns
    -------
    pandas.DataFrame
        Columns mean, sd, median, then lo-80, hi-80, ... for each level; indexed by `obs`, or by all
        axes that are not draws. Of a single draw sd and intervals are NaN. Forecasts: a long table with the columns
        unique_id and ds before these, as in the Nixtla libraries; one row per series and date.

    See Also
    --------
    predict : draws at new rows
    forecast : sample paths of the future
    compare : several fits in one table

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> draws = xr.DataArray(np.arange(8.0).reshape(2, 4, 1), dims=("chain", "draw", "obs"))
    >>> to_frame(draws, levels=(50,)).round(2).iloc[0].to_dict()
    {'mean': 3.5, 'sd': 2.45, 'median': 3.5, 'lo-50': 1.75, 'hi-50': 5.25}
    """
    import pandas as pd
    import xarray as xr

    wanted = checks.levels(levels)
    if isinstance(result, pd.Series):
        return result.to_frame("value")
    if isinstance(result, WithTable):
        return result.table.copy()
    if not isinstance(result, xr.DataArray):
        raise ValueError(
            f"result must be draws, as bnn.predict returns them, or a result with a table, got {type(result).__name__}"
        )
    prediction = result
    if {"unique_id", "time"} <= set(result.dims):  # of a long table in this order, whatever that of the axes
        prediction = result.transpose(..., "unique_id", "time")
    index = _row_index(prediction)
    samples = [dim for dim in SAMPLE_DIMS if dim in prediction.dims]
    values = prediction.transpose(*samples, ...).to_numpy().reshape(-1, len(index))
    probabilities = [0.5] + [p for level in wanted for p in (0.5 - level / 200, 0.5 + level / 200)]
    names = ["median"] + [f"{side}-{level:g}" for level in wanted for side in ("lo", "hi")]
    quantiles = dict(zip(names, np.quantile(values, probabilities, axis=0), strict=True))
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.full(len(index), np.nan)
    if len(values) == 1:  # one draw, as of MAP, has neither a spread nor intervals
        quantiles |= {name: spread for name in names[1:]}
    frame = pd.DataFrame({"mean": values.mean(axis=0), "sd": spread} | quantiles, index=index)
    return _long(frame, prediction) if "time" in prediction.dims and "unique_id" in prediction.coords else frame


def _long(frame: Any, draws: Any) -> Any:
    """Rows of a forecast with series and dates as columns."""
    frame = frame.reset_index(drop=True)
    names = np.atleast_1d(draws["unique_id"].to_numpy())
    times = list(draws["time"].to_index())
    ends_differ = "ds" in draws.coords
    frame.insert(0, "unique_id", np.repeat(names, len(times)))
    frame.insert(1, "ds", list(draws["ds"].to_numpy().ravel()) if ends_differ else times * len(names))
    return frame


def _row_index(draws: Any) -> Any:
    """Labels of all axes that are not draws; an index with several levels if there are several axes."""
    import pandas as pd

    names = [dim for dim in draws.dims if dim not in SAMPLE_DIMS]
    labels = [draws[name].to_numpy() for name in names]
    if not names:
        return pd.Index([draws.name or "value"], name=None)
    if len(names) > 1:
        return pd.MultiIndex.from_product(labels, names=names)
    return pd.Index(labels[0], name=names[0], tupleize_cols=False)
