"""Reading series in all accepted forms: an array, a pandas Series, a dictionary, a wide or a long table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn.data.series import dates

LONG = ("unique_id", "ds", "y")
SINGLE = "y"


def read_series(series: Any) -> tuple[dict[str, Any], bool]:
    """Series of floats by name, and whether they are a panel.

    -> {name: pandas.Series}, False for a single series and True for a dictionary or a table of several.
    """
    import pandas as pd

    if isinstance(series, pd.DataFrame):
        found = _from_frame(series)
    elif isinstance(series, Mapping):
        found = {str(name): _checked_series(str(name), values) for name, values in series.items()}
    else:
        name = SINGLE if getattr(series, "name", None) is None else str(series.name)
        return {name: _checked_series(name, series)}, False
    if not found:
        raise ValueError("series must hold at least one series, got none")
    if len(found) != (len(series.columns) if _is_wide(series) else len(found)):
        raise ValueError("series must have different names, got the same one twice")
    return found, True


def common_step(series: Mapping[str, Any]) -> Any:
    """The step that all series have in common; different steps are refused."""
    steps = {name: dates.step_of(f"series {name!r}", values.index) for name, values in series.items()}
    first = next(iter(series))
    for name, step in steps.items():
        if step != steps[first] or type(series[name].index) is not type(series[first].index):
            raise ValueError(
                f"series of a panel must have one frequency, got {dates.step_name(steps[first])!r} for {first!r} and "
                f"{dates.step_name(step)!r} for {name!r}: resample them, or fit them separately"
            )
    return steps[first]


def read_lags(lags: Any) -> tuple[int, ...]:
    """Lags in increasing order, from a whole number (3 means 1, 2, 3) or from different whole numbers."""
    if isinstance(lags, (int, np.integer)) and not isinstance(lags, bool):
        return tuple(range(1, checks.positive_integer("lags", lags) + 1))
    if not isinstance(lags, (Sequence, np.ndarray, range)) or isinstance(lags, str) or not len(lags):
        raise ValueError(f"lags must be a whole number, or whole numbers such as [1, 2, 12], got {lags!r}")
    chosen = [checks.positive_integer("each of the lags", lag) for lag in lags]
    if len(set(chosen)) != len(chosen):
        raise ValueError(f"lags must differ, got {list(lags)}")
    return tuple(sorted(chosen))


def _from_frame(frame: Any) -> dict[str, Any]:
    """Series of a long table, with columns unique_id, ds and y, or of a wide one, with one column per series."""
    if not _is_wide(frame):
        absent = [column for column in LONG if column not in frame.columns]
        if absent:
            raise ValueError(f"a long table must have the columns {', '.join(LONG)}, got none called {absent}")
        groups = frame.groupby("unique_id", sort=False)
        return {str(name): _checked_series(str(name), rows.set_index("ds")["y"]) for name, rows in groups}
    return {str(name): _observed_span(_checked_series(str(name), frame[name])) for name in frame.columns}


def _is_wide(series: Any) -> bool:
    return not isinstance(series, Mapping) and not ({"unique_id", "ds"} & set(series.columns))


def _observed_span(values: Any) -> Any:
    """A series without the missing values before its first and after its last observation."""
    seen = np.flatnonzero(values.notna())
    return values.iloc[seen[0] : seen[-1] + 1] if len(seen) else values


def _checked_series(name: str, values: Any) -> Any:
    """One series as floats on an index, checked."""
    import pandas as pd

    if np.ndim(values) != 1:
        raise ValueError(
            f"a series must have shape (T,), got {np.shape(values)}: give several as a dictionary or a DataFrame"
        )
    index = values.index if isinstance(values, pd.Series) else pd.RangeIndex(len(values))
    try:
        plain = values.to_numpy(dtype=np.float64, na_value=np.nan) if isinstance(values, pd.Series) else values
        numbers = np.asarray(plain, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"series {name!r} must hold numbers: {error}") from None
    if not len(numbers):
        raise ValueError(f"series {name!r} is empty: give its observations")
    infinite = np.flatnonzero(np.isinf(numbers))
    if len(infinite):
        where = checks.some([index[i] for i in infinite])
        raise ValueError(f"series {name!r} must be finite, got infinite value(s) at {where}")
    return pd.Series(numbers, index=index, name=name)
