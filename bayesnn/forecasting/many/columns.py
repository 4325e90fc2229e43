"""Exogenous columns of many series: read by date for each series, and standardised by its own past."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesnn._internal.numbers import as_array, constant, real_numbers
from bayesnn.data.series.exogenous import Columns, column_lags, input_rows, read_tables
from bayesnn.data.series.reading import by_plain_name
from bayesnn.forecasting.many.reading import Task


def with_columns(tasks: list[Task], series: Any, exogenous: Any, horizon: int | None) -> list[Task]:
    """The series with the values (n + h, e) of exogenous columns at their dates and the h dates after these.

    `horizon` is h; None: as far as the values are known. `series` is what the user gave.

    Raises
    ------
    ValueError
        That names the series, if it has no columns, other ones, or no finite value at a date that is needed.
    """
    if exogenous is None:
        return tasks
    series, exogenous = (by_plain_name(one) if isinstance(one, Mapping) else one for one in (series, exogenous))
    given = {task.name: _by_date(task, _of(exogenous, task.name), series, horizon) for task in tasks}
    tables = read_tables(given, {task.name: _series(task) for task in tasks})
    columns = column_lags(given, None)
    return [_with_rows(task, columns, tables[task.name], horizon) for task in tasks]


def standardised(columns: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Columns (n + h, e) with mean zero and sd one where the values (n,) are observed.

    A column that is constant there says nothing of its effect, and is zero everywhere.
    """
    past = columns[: len(values)][np.isfinite(values)]
    varies = ~constant(past)
    scale = np.where(varies, past.std(axis=0), 1.0)
    return np.asarray(np.where(varies, (columns - past.mean(axis=0)) / scale, 0.0))


def _of(exogenous: Any, name: Any) -> Any:
    """The user's values for one series: of a dictionary or a long table its own, else those that all have."""
    import pandas as pd

    if isinstance(exogenous, Mapping):
        if name not in exogenous:
            raise ValueError(f"exogenous must be given for every series, got none for {name!r}")
        return exogenous[name]
    if not isinstance(exogenous, pd.DataFrame):
        return exogenous
    table = exogenous.set_index(["unique_id", "ds"]) if "unique_id" in exogenous.columns else exogenous
    if table.index.nlevels == 1:
        return table
    own = table[table.index.get_level_values(0) == name]
    if not len(own):
        raise ValueError(f"exogenous must be given for every series, got none for {name!r}")
    return own.droplevel(0)


def _by_date(task: Task, values: Any, series: Any, horizon: int | None) -> Any:
    """A table by date, also of an array (T + h, e) beside a series that is an array."""
    import pandas as pd

    if isinstance(values, (pd.DataFrame, pd.Series)):
        return values
    own = series[task.name] if isinstance(series, Mapping) else series
    if isinstance(own, (pd.DataFrame, pd.Series)) or hasattr(own, "to_pandas"):
        raise ValueError(
            f"exogenous of series {task.name!r}, which has dates, must be a pandas.DataFrame by date, got "
            f"{type(values).__name__}"
        )
    numbers, mask = as_array(f"exogenous of series {task.name!r}", values)
    numbers = numbers if mask is None else real_numbers(f"exogenous of series {task.name!r}", values)
    rows = len(own) + (horizon or 0)
    if numbers.ndim not in (1, 2) or (len(numbers) != rows if horizon is not None else len(numbers) < rows):
        ahead = "" if horizon == 0 else f" and the {horizon or 'next'} values ahead"
        raise ValueError(
            f"exogenous of series {task.name!r} must have {rows} rows, for its {len(own)} values{ahead}, got shape "
            f"{numbers.shape}"
        )
    table = pd.DataFrame(numbers.reshape(len(numbers), -1))
    return table.set_axis([f"x{i}" for i in range(table.shape[1])], axis=1)


def _series(task: Task) -> Any:
    import pandas as pd

    return pd.Series(task.values, index=task.index)


def _with_rows(task: Task, columns: Columns, table: Any, horizon: int | None) -> Task:
    names = [column for column, _ in columns]
    steps = _known(task, table) if horizon is None else horizon
    index = task.index.append(task.after(steps)) if steps else task.index
    rows = input_rows(task.name, columns, table, index, np.arange(len(index)))
    return task._replace(exogenous=rows, columns=tuple(names))


def _known(task: Task, table: Any) -> int:
    """For how many dates after the end of a series all columns are known."""
    later = int((table.index > task.index[-1]).sum())
    if not later:
        return 0
    known = np.isfinite(table.reindex(task.after(later)).to_numpy(dtype=float)).all(axis=1)
    return later if known.all() else int(np.argmin(known))
