"""lagged(series, lags): a table whose rows hold a series' own past and its exogenous inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.numbers import constant
from bayesnn.data.series import dates
from bayesnn.data.series.exogenous import Columns, check_apart, column_lags, input_rows, read_tables
from bayesnn.data.series.reading import common_step, read_lags, read_series
from bayesnn.data.series.suggest import is_auto, suggestion_for
from bayesnn.data.series.transforms import Transform, make_transform

MISSING = ("error", "latent")
FEWEST_ROWS = 2


@dataclass(frozen=True, eq=False)
class Lagged:
    """A series as the rows of a table, for `fit(model, lagged)`; made by `lagged`.

    Attributes
    ----------
    x : pandas.DataFrame, (n, p)
        Columns "lag 1", "lag 2", ... in increasing order, then exogenous ones ("name", or "name, lag k"); indexed by
        the dates of the targets, a panel by (unique_id, ds).
    y : pandas.Series, (n,)
        Targets on the transformed scale, the one the network is trained on.
    lags : tuple of int
        In increasing order.
    period : int
        Steps per season, 1 if there is none.
    series : dict of pandas.Series
        Whole series by name, in units of the data.
    transforms : dict of Transform
        The transform of each series, with its own centre and scale if it is standardised.
    exogenous : dict of pandas.DataFrame
        Exogenous inputs of each series, by date; empty if there are none.
    columns : tuple of (str, int)
        Exogenous inputs of a row: each column with each of its lags.
    step : pandas frequency or int
        The step from one date to the next.
    panel : bool
        Whether several series were given, as a dictionary or a table.

    See Also
    --------
    lagged, suggest
    """

    x: Any
    y: Any
    lags: tuple[int, ...]
    period: int
    series: Mapping[Any, Any]
    transforms: Mapping[Any, Transform]
    exogenous: Mapping[Any, Any]
    columns: Columns
    step: Any
    panel: bool

    @property
    def transform(self) -> Transform:
        """The transform of the first series; those of a panel differ only in centre and scale."""
        return next(iter(self.transforms.values()))

    @property
    def window(self) -> int:
        """Number of last values that a forecast needs: the longest lag, plus the values that differences take."""
        return self.lags[-1] + self.transform.lost_values

    @property
    def reach(self) -> int:
        """Number of past dates that a forecast needs: the window, or the longest exogenous lag if it is greater."""
        return max([self.window, *(lag for _, lag in self.columns)])

    @property
    def obs(self) -> np.ndarray:
        """Labels of the rows: dates, in a panel after the name of the series."""
        if not self.panel:
            return dates.labels(self.x.index)
        return np.array([f"{name} {date}" for name, date in self.x.index])

    def with_series(self, series: Mapping[Any, Any]) -> Lagged:
        """The same data set with other series: known series keep their transforms, new ones learn their own."""
        for name, values in series.items():
            _check_values(self.transforms.get(name, self.transform), f"series {name!r}", values)
        own = {name: self.transforms.get(name) or self.transform.learn(v.to_numpy()) for name, v in series.items()}
        return replace(self, series=series, transforms=own)

    def __repr__(self) -> str:
        """Size, lags and transform on one line."""
        names = ", ".join(self.transform.names)
        several = f" of {len(self.series)} series" if self.panel else ""
        lags = ", ".join(map(str, self.lags))
        return f"<Lagged: {len(self.y)} rows{several}, lags {lags}{'; ' if names else ''}{names}>"


def lagged(
    series: Any,
    lags: int | Sequence[int] | str,
    *,
    exogenous: Any = None,
    exogenous_lags: Mapping[str, Sequence[int]] | None = None,
    seasonal: int | None = None,
    transform: str | Sequence[str] | None = None,
    missing: str = "error",
) -> Lagged:
    """A data set for autoregression: each value of a series with the values before it as inputs.

    Parameters
    ----------
    series : array, pandas.Series, dict of them, or pandas.DataFrame
        One series (T,) with any regular index: dates, periods, or whole numbers such as years. Or a panel of
        series that share one network: a dictionary, a table with one column per series (missing values before the first
        and after the last observation are cut off), or a long table with the columns unique_id, ds and y.
    lags : int, sequence of int, or "auto"
        3 means lags 1, 2, 3; [1, 2, 12] means these lags; "auto" leaves the choice to `bnn.suggest`.
    exogenous : pandas.DataFrame, optional
        Other inputs: a table of numbers by date. For a panel it may also be indexed by (unique_id, ds), have columns
        unique_id and ds, or be a dictionary with a table per series. See the table below.
    exogenous_lags : dict of sequence of int, optional
        Lags of each exogenous column, 0 being the date of the target itself. Default: [0].
    seasonal : int, optional
        Steps per season, for seasonal differences, scores and the prior. Default: from the index, 12 for months, 4 for
        quarters, 52 for weeks, 7 for days, 24 for hours, 48 for half-hours, 60 for minutes; 1 for years and numbers.
    transform : str or sequence of str, optional
        At most one of "log", "log10", "sqrt", then perhaps "standardize" (each series by its own mean and sd) or
        "scale" (each series divided by the sd of what its differences leave, so that one error variance suits a panel),
        then any of "difference" and "seasonal_difference"; or "auto", which leaves the choice to `bnn.suggest`.
        Forecasts undo the transform exactly. The inverse of a square root is the square, so both signs of a root give
        the same value.
    missing : {"error", "latent"}
        What to do about missing observations (NaN). "error" refuses them and names their dates. "latent" makes them
        unknowns of the fit (site `missing`, in units of the series), which forecasts and log likelihoods use draw by
        draw; this is for a single series without differences or square roots. Rows that need missing values are NaN in
        `x` and `y`. Missing values before the first target, which no row predicts, have the prior N(0, 1) on the scale
        the model sees.

    Returns
    -------
    Lagged

    Raises
    ------
    ValueError
        If dates are irregular, lags are impossible or longer than a series, values are outside the domain of the
        transform, or exogenous inputs are missing.

    Notes
    -----
    Which exogenous values are needed, where T is the last date of the series and `future` is given to `forecast`:

    ===================  ==============================  =====================================================
    `exogenous_lags`     needed at the date t of a row   needed from `future` for T+1, ..., T+h
    ===================  ==============================  =====================================================
    [0] (default)        t: known in advance             T+1, ..., T+h
    [1], [2, 3], ...     t less each lag                 T+1, ..., T+h-(least lag): nothing up to that horizon
    [0, 1], ...          t and t less each lag           T+1, ..., T+h
    ===================  ==============================  =====================================================

    See Also
    --------
    Lagged, suggest, forecast

    Examples
    --------
    >>> data = lagged([1.0, 2.0, 4.0, 7.0], lags=2)
    >>> data.x.to_numpy().tolist(), data.y.tolist()
    ([[2.0, 1.0], [4.0, 2.0]], [4.0, 7.0])
    """
    checks.known("missing", missing, MISSING)
    if is_auto(lags) or is_auto(transform):
        suggestion = suggestion_for(series, lags, transform, seasonal, gaps=missing == "latent")
        lags, transform = suggestion.lags, suggestion.transform
    chosen = read_lags(lags)
    values, panel = read_series(series)
    step = common_step(values)
    period = dates.usual_period(step) if seasonal is None else checks.positive_integer("seasonal", seasonal)
    spec = make_transform(transform, period)
    if missing == "latent" and (panel or spec.differences or spec.two_valued):
        raise ValueError(
            'missing="latent" is for one series without differences or square roots, got '
            f"{'a panel' if panel else spec.names}: interpolate the missing values, or use another transform"
        )
    transforms = {name: _learn(spec, name, one, missing == "latent") for name, one in values.items()}
    columns = column_lags(exogenous, exogenous_lags)
    tables = read_tables(exogenous, values) if columns else {}
    parts = [_rows(name, one, transforms[name], chosen, columns, tables.get(name)) for name, one in values.items()]
    x, y = _together(parts, list(values), panel)
    return Lagged(x, y, chosen, period, values, transforms, tables, columns, step, panel)


def as_rows(x: Any, y: Any) -> tuple[Any, Any, Lagged | None]:
    """Table, target and the `Lagged` from which they come, or None."""
    if isinstance(x, Lagged):
        if y is not None:
            raise ValueError("y must not be given with lagged data, which brings its own: use fit(model, lagged)")
        return x.x, x.y, x
    if y is None:
        raise ValueError("y must be given with a table x: only fit(model, bnn.lagged(series, lags)) needs none")
    return x, y, None


def lag_matrix(w: np.ndarray, lags: Sequence[int]) -> np.ndarray:
    """Lags (T - longest, lags) of a series w (T,): one row for each w_t that has all lags."""
    longest = max(lags)
    return np.stack([w[longest - lag : len(w) - lag] for lag in lags], axis=1)


def _learn(spec: Transform, name: Any, series: Any, gaps: bool) -> Transform:
    """The transform of one series, whose values are checked first."""
    _check_values(spec, f"series {name!r}", series.dropna() if gaps else series)
    values = series.to_numpy()
    if not np.isfinite(values).any():
        raise ValueError(f"series {name!r} must have some observations, got only missing values")
    if constant(values[np.isfinite(values), None]).all():
        raise ValueError(f"series {name!r} must vary, got {values[0]} in every one of {len(values)} place(s)")
    return spec.learn(values)


def _check_values(spec: Transform, called: str, series: Any) -> None:
    """Refuse missing values, and values outside the domain of the transform."""
    values = series.to_numpy()
    absent = np.flatnonzero(np.isnan(values))
    if len(absent):
        raise ValueError(
            f"{called} must have no missing values, got {len(absent)}, at "
            f"{checks.some([series.index[i] for i in absent])}: interpolate them, use a part without any, or make them "
            'unknowns of the fit with missing="latent"'
        )
    spec.check(called, values, series.index)


def _rows(
    name: Any, series: Any, transform: Transform, lags: tuple[int, ...], columns: Columns, table: Any
) -> tuple[Any, Any]:
    """Inputs and targets of one series, by date."""
    import pandas as pd

    window = lags[-1] + transform.lost_values
    used = max([window, *(lag for _, lag in columns)])
    count = len(series) - used
    if count < FEWEST_ROWS:
        differences = f" and differences of {checks.some(transform.differences)}" if transform.differences else ""
        raise ValueError(
            f"series {name!r} is too short: lags up to {max(used - transform.lost_values, lags[-1])}{differences} "
            f"leave {max(count, 0)} of its {len(series)} value(s) as targets, and {FEWEST_ROWS} are needed; "
            "use fewer lags"
        )
    w = transform.forward(series.to_numpy())
    _check_differences(name, transform, series.to_numpy(), w)
    if np.isfinite(w[-count:]).sum() < FEWEST_ROWS:
        raise ValueError(
            f"series {name!r} must have at least {FEWEST_ROWS} observed targets, got fewer: use fewer lags"
        )
    index = series.index[used:]
    names = [f"lag {lag}" for lag in lags]
    x = pd.DataFrame(lag_matrix(w, lags)[used - window :], index=index, columns=names)
    if columns:
        inputs = [*names, *(_label(column, lag) for column, lag in columns)]
        checks.column_names(inputs, "input, which is a lag of the series or of an exogenous column")
        known = input_rows(name, columns, table, series.index, np.arange(used, len(series)))
        check_apart(name, columns, known, series.to_numpy()[used:])
        x = x.join(pd.DataFrame(known, index=index, columns=inputs[len(names) :]))
    return x, pd.Series(w[-count:], index=index, name=series.name)


def _check_differences(name: Any, transform: Transform, values: np.ndarray, w: np.ndarray) -> None:
    """Refuse a series whose differences are all the same but for rounding, which is relative to the series itself."""
    if transform.leaves_nothing(values):
        raise ValueError(
            f"series {name!r} must vary once it is differenced, got {w[0]:.6g} everywhere but for rounding: nothing is "
            "left to learn; use fewer differences"
        )


def _label(column: str, lag: int) -> str:
    return f"{column}, lag {lag}" if lag else column


def _together(parts: list[tuple[Any, Any]], names: list[Any], panel: bool) -> tuple[Any, Any]:
    """Rows of all series below each other, by (unique_id, ds) for a panel."""
    import pandas as pd

    if not panel:
        return parts[0]
    x, y = zip(*parts, strict=True)
    level = ["unique_id", "ds"]
    return pd.concat(x, keys=names, names=level), pd.concat(y, keys=names, names=level).rename("y")
