"""Exogenous inputs of series: which lags of which columns are used, and their values by date."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.numbers import measured_numbers
from bayesnn.data.series.dates import plain_index
from bayesnn.data.series.reading import by_plain_name

Columns = tuple[tuple[str, int], ...]  # (column, lag), in the order of the inputs


def column_lags(exogenous: Any, lags: Mapping[str, Any] | None) -> Columns:
    """Each exogenous column with each of its lags; empty if there are no exogenous inputs."""
    if exogenous is None:
        if lags:
            raise ValueError(f"exogenous_lags needs exogenous, got lags of {list(lags)} without it")
        return ()
    first = next(iter(exogenous.values()), None) if isinstance(exogenous, Mapping) else exogenous
    names = [str(c) for c in _frame(first).columns if c not in ("unique_id", "ds")]
    checks.column_names(names)
    wanted = {str(column): chosen for column, chosen in (lags or {}).items()}
    for column in wanted:
        checks.known("exogenous column", column, names)
    return tuple((name, lag) for name in names for lag in _lags_of(name, wanted.get(name, [0])))


def read_tables(exogenous: Any, series: Mapping[Any, Any]) -> dict[Any, Any]:
    """Exogenous values as floats, one table by date for each series."""
    tables = {name: _table_of(exogenous, name) for name in series}
    found = {name: _numbers(name, table, series[name].index) for name, table in tables.items()}
    columns = list(next(iter(found.values())).columns)
    for name, table in found.items():
        if sorted(table.columns) != sorted(columns):
            raise ValueError(
                f"exogenous must have the same columns for every series, got {list(table.columns)} for {name!r} and "
                f"{columns} for others"
            )
    return found


def input_rows(name: Any, columns: Columns, table: Any, index: Any, positions: np.ndarray) -> np.ndarray:
    """Exogenous inputs (n, e) of the rows at these positions of an index that may reach beyond the series.

    All values needed must be in the table (dates, columns) and finite; the error names those that are not.
    """
    lacking = [column for column, _ in columns if table is None or column not in table.columns]
    if lacking:
        raise ValueError(
            f"exogenous inputs must be given for series {name!r}, got no column {lacking[0]!r}: give its values at "
            "every date used, in future= where the fit does not know the series"
        )
    blocks = []
    for column, lag in columns:
        wanted = index[positions - lag]
        values = table[column].reindex(wanted).to_numpy()
        absent = np.flatnonzero(~np.isfinite(values))
        if len(absent):
            raise ValueError(
                f"exogenous column {column!r} must have a finite value at every date used for series {name!r}, got "
                f"none at {checks.some([wanted[i] for i in absent])}: align exogenous with the series, and give values "
                "at the dates to forecast in future="
            )
        blocks.append(values)
    return np.stack(blocks, axis=1) if blocks else np.empty((len(positions), 0))


def check_apart(name: Any, columns: Columns, known: np.ndarray, values: np.ndarray) -> None:
    """Refuse the series itself, at the same dates, as an exogenous input."""
    there = np.isfinite(values)
    for (column, lag), inputs in zip(columns, known.T, strict=True):
        if not lag and np.array_equal(inputs[there], values[there]):
            raise ValueError(
                f"exogenous column {column!r} must not hold the values of series {name!r} itself: leave it out, lags "
                "gives the values before"
            )


def with_future(name: Any, columns: Columns, table: Any, future: Any, index: Any) -> Any:
    """The table of a series extended by the user's future values, which replace existing ones at the same dates."""
    if future is None:
        return table
    known = sorted({column for column, _ in columns})
    own = _numbers(name, _table_of(future, name), index, what="future")
    unknown = [column for column in own.columns if column not in known]
    if unknown:
        raise ValueError(f"future has the unknown column(s) {unknown}: the fit has {known or 'no'} exogenous column(s)")
    return own if table is None else own.combine_first(table)


def _lags_of(column: str, lags: Any) -> tuple[int, ...]:
    given = [lags] if isinstance(lags, (int, np.integer)) else list(lags)
    chosen = [checks.positive_integer(f"each lag of exogenous column {column!r}", lag, 0) for lag in given]
    if not chosen or len(set(chosen)) != len(chosen):
        raise ValueError(f"lags of exogenous column {column!r} must be different whole numbers, got {given}")
    return tuple(sorted(chosen))


def _frame(values: Any) -> Any:
    """A DataFrame, from a DataFrame or a single column."""
    import pandas as pd

    if isinstance(values, pd.Series):
        return values.to_frame(values.name if values.name is not None else "exogenous")
    if not isinstance(values, pd.DataFrame):
        raise ValueError(f"exogenous inputs must be a pandas.DataFrame by date, got {type(values).__name__}")
    return values


def _table_of(exogenous: Any, name: Any) -> Any:
    """The user's inputs for one series; a table without names of series applies to all of them."""
    if isinstance(exogenous, Mapping):
        exogenous = by_plain_name(exogenous)
        if name not in exogenous:
            alike = [key for key in exogenous if str(key) == str(name)]
            other = f", but for {alike[0]!r}, of another type" if alike else ""
            raise ValueError(f"exogenous inputs must be given for every series, got none for {name!r}{other}")
        return _frame(exogenous[name])
    table = _frame(exogenous)
    if "unique_id" in table.columns:
        table = table.set_index(["unique_id", "ds"])
    if table.index.nlevels == 1:
        return table
    ids = table.index.get_level_values(0)
    own = table[ids == name]
    alike = [one for one in ids.unique() if str(one) == str(name)] if not len(own) else []
    if alike:
        raise ValueError(
            f"exogenous inputs must be given for every series, got none for {name!r}, but for {alike[0]!r}, of another "
            "type"
        )
    return own.droplevel(0)


def _numbers(name: Any, table: Any, index: Any, what: str = "exogenous") -> Any:
    """A table as floats; its dates must be unique and of the same type as those of the series."""
    table = table.set_axis(plain_index(table.index))
    if not table.index.is_unique:
        twice = checks.some(list(table.index[table.index.duplicated()].unique()))
        raise ValueError(f"{what} must have one row per date for series {name!r}, got several for {twice}")
    if len(table) and _kind(table.index) != _kind(index):
        raise ValueError(
            f"{what} must be indexed by dates like those of series {name!r}, {_kind(index)}, got {_kind(table.index)}"
        )
    names = [str(c) for c in table.columns]
    checks.column_names(names)
    columns = {}
    for place, column in enumerate(names):
        try:
            columns[column] = measured_numbers(f"column {column!r}", table.iloc[:, place])
        except ValueError as error:
            raise ValueError(f"{what} must hold numbers: {error}; code categories as indicators") from None
    return table.__class__(columns, index=table.index)


def _kind(index: Any) -> str:
    """The type of the dates of an index in words: whole numbers, periods of a frequency, times in a zone."""
    if index.dtype.kind in "iu":
        return "whole numbers"
    if index.dtype.kind == "M" or getattr(index, "tz", None) is not None:
        return f"times with time zone {index.tz}"
    return str(index.dtype)
