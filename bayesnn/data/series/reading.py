"""Reading series in all accepted forms: an array, a pandas Series, a dictionary, a wide or a long table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bayesnn._internal import checks, memory
from bayesnn._internal.arrays import is_label, reading
from bayesnn._internal.numbers import as_array, is_missing, measured_numbers
from bayesnn.data.series import dates

LONG = ("unique_id", "ds", "y")
SINGLE = "y"
PANEL = (
    "give a panel as a dictionary of series, as a table with one column per series, as series.unstack(0) makes it, or "
    "as a long table with the columns unique_id, ds and y, as series.rename('y').rename_axis(['unique_id', "
    "'ds']).reset_index() does"
)


def read_series(series: Any, refused: dict[Any, str] | None = None) -> tuple[dict[Any, Any], bool]:
    """Series of floats by name, which keeps its type, and whether they are a panel.

    -> {name: pandas.Series}, False for a single series and True for a dictionary or a table of several. With `refused`,
    a series of a panel that is no series of finite numbers is left out, and the reason noted there.
    """
    import pandas as pd

    series = _as_pandas(series)
    if isinstance(series, pd.DataFrame):
        found = _checked(_from_frame(series), refused)
    elif isinstance(series, Mapping):
        found = _checked({_checked_ids([name])[0]: values for name, values in series.items()}, refused)
    else:
        name = SINGLE if getattr(series, "name", None) is None else series.name
        return {name: _checked_series(name, series)}, False
    names = [*found, *(refused or ())]
    if not names:
        raise ValueError("series must hold at least one series, got none")
    _checked_ids(names)
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
        checks.positive_integer("lags", lags)
        memory.check_memory(f"{lags} lags take", 36 * int(lags), "use fewer lags")
        return tuple(range(1, int(lags) + 1))
    if (
        not isinstance(lags, (Sequence, np.ndarray, range))
        or isinstance(lags, str)
        or not np.size(lags)
        or not np.ndim(lags)
    ):
        raise ValueError(f"lags must be a whole number, or whole numbers such as [1, 2, 12], got {lags!r}")
    chosen = [checks.positive_integer("each of the lags", lag) for lag in lags]
    if len(set(chosen)) != len(chosen):
        raise ValueError(f"lags must differ, got {list(lags)}")
    return tuple(sorted(chosen))


def _as_pandas(series: Any) -> Any:
    """Tables and series of Polars, PyArrow or xarray as those of pandas; ids in the index, as Nixtla had them, too."""
    convert = getattr(series, "to_pandas", None)
    series = series if convert is None else convert()
    index = getattr(series, "index", None)
    return series.reset_index() if getattr(index, "name", None) == LONG[0] and np.ndim(series) == 2 else series


def _from_frame(frame: Any) -> dict[str, Any]:
    """Values of a long table, with columns unique_id, ds and y, or of a wide one, with one column per series."""
    if not _is_wide(frame):
        absent = [column for column in LONG if column not in frame.columns]
        if absent:
            cure = ": use table.reset_index()" if set(absent) & set(frame.index.names) else ""
            raise ValueError(f"a long table must have the columns {', '.join(LONG)}, got none called {absent}{cure}")
        ids = frame["unique_id"]
        _checked_ids(_different(ids))
        places: dict[Any, list[int]] = {}
        for row, name in enumerate(ids):
            places.setdefault(_plain(name), []).append(row)
        by_date = frame.set_index("ds")["y"]
        return {name: by_date.iloc[rows] for name, rows in places.items()}
    if frame.index.nlevels > 1 or frame.columns.nlevels > 1:
        raise ValueError(f"a table of series must have an index and columns of one level each, got several: {PANEL}")
    names = _checked_ids(list(frame.columns))
    columns = [frame.iloc[:, i] for i in range(len(names))]
    dated = next((name for name, values in zip(names, columns, strict=True) if values.dtype.kind == "M"), None)
    if dated is not None:
        raise ValueError(
            f"a table of series must have its dates in its index, got them in the column {dated!r}: use "
            f"table.set_index({dated!r}); a long table has the columns {', '.join(LONG)}"
        )
    return {name: _observed_span(values) for name, values in zip(names, columns, strict=True)}


def _checked(series: Mapping[Any, Any], refused: dict[Any, str] | None) -> dict[Any, Any]:
    """All series, checked; those that fail are noted in `refused` if it is given."""
    found = {}
    for name, values in series.items():
        try:
            found[name] = _checked_series(name, values)
        except ValueError as error:
            if refused is None:
                raise
            refused[name] = str(error)
    return found


def _different(ids: Any) -> list[Any]:
    """Ids of a long table, each once for each of its types, in the order in which they occur; or a missing one."""
    for name in ids:
        if is_missing(name):
            return [name]
        if not is_label(name):
            raise ValueError(f"names of series must be text, numbers or the like, got {name!r}")
    return [value for _, value in dict.fromkeys((type(v), v) for v in ids)]


def _checked_ids(ids: Any) -> list[Any]:
    """Names of series as plain values; missing ones are refused, and those that are equal or read the same."""
    names = list(map(_plain, ids))
    first: dict[str, Any] = {}
    for name in names:
        if is_missing(name):
            raise ValueError(f"every series must have a name, got the missing one {name!r}: give it an id, or drop it")
        if not is_label(name):
            raise ValueError(f"names of series must be text, numbers or the like, got {name!r}")
        for other in (first.get(reading(name)), next((n for n in first.values() if n == name), None)):
            if other is not None:
                raise ValueError(
                    f"series must have different names, got {other!r} and {name!r}: rename one of them, or convert all "
                    "to one type (text: to one form of Unicode)"
                )
        first[reading(name)] = name
    return names


def by_plain_name(values: Mapping[Any, Any]) -> dict[Any, Any]:
    """A dictionary by the names that `read_series` gives to series."""
    return {_plain(name): one for name, one in values.items()}


def _plain(name: Any) -> Any:
    """A name as a value of Python; tuples become text, since pandas would take them for several levels."""
    if isinstance(name, tuple):
        return str(name)
    return name.item() if isinstance(name, np.generic) and name.dtype.kind in "biufU" else name


def _is_wide(series: Any) -> bool:
    return not isinstance(series, Mapping) and not ({"unique_id", "ds"} & set(series.columns))


def _observed_span(values: Any) -> Any:
    """A series without the missing values before its first and after its last observation."""
    seen = np.flatnonzero(values.notna())
    return values.iloc[seen[0] : seen[-1] + 1] if len(seen) else values


def _checked_series(name: Any, values: Any) -> Any:
    """One series as floats on an index, checked."""
    import pandas as pd

    shape = tuple(values.shape if hasattr(values, "shape") else as_array(f"series {name!r}", values)[0].shape)
    if len(shape) != 1:
        raise ValueError(f"a series must have shape (T,), got {shape}: give several as a dictionary or a DataFrame")
    numbers = measured_numbers(f"series {name!r}", values)
    index = values.index if isinstance(values, pd.Series) else pd.RangeIndex(len(numbers))
    if index.nlevels > 1:
        raise ValueError(f"series {name!r} must have an index of one level, its dates, got {index.nlevels}: {PANEL}")
    if not len(numbers):
        raise ValueError(f"series {name!r} is empty: give its observations")
    infinite = np.flatnonzero(np.isinf(numbers))
    if len(infinite):
        where = checks.some([index[i] for i in infinite])
        raise ValueError(f"series {name!r} must be finite, got infinite value(s) at {where}")
    return pd.Series(numbers, index=dates.plain_index(index), name=name)
