"""Rows to average effects over, as the table a user would write: one column per input, categories by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.arrays import object_array
from bayesnn._internal.numbers import real_numbers
from bayesnn.data.columns import Columns, code
from bayesnn.data.dataset import used_rows
from bayesnn.fitting.fit import Fit
from bayesnn.prediction.predict import offset_for


class Rows(NamedTuple):
    """Rows to average over, as a table with one column per input; their offset (n,) and case weights (n,), if any."""

    table: Any
    offset: np.ndarray | None
    weights: np.ndarray | None = None

    def mean(self, values: Any) -> Any:
        """Average of a DataArray over its axis `obs`, each row counted as often as its case weight says."""
        if self.weights is None:
            return values.mean("obs")
        share = values["obs"].copy(data=self.weights)
        return values.weighted(share).mean("obs", keep_attrs=True)

    def with_values(self, **values: Any) -> Rows:
        """The same rows with inputs set to these values."""
        return self._replace(table=self.table.assign(**values))

    def take(self, places: np.ndarray) -> Rows:
        """Some of the rows."""
        rest = (None if values is None else values[places] for values in (self.offset, self.weights))
        return Rows(self.table.iloc[places], *rest)


def rows_to_average(fit: Fit, rows: Any = None, offset: Any = None) -> Rows:
    """Given rows (n, p) with their offset, or the training rows with theirs and their weights, if above zero."""
    fit.data.columns.check_table("effects of inputs are")
    if rows is None:
        if offset is not None:
            raise ValueError("offset goes with rows: the training rows keep their own")
        everything = Rows(decode(fit.data.columns, fit.data.x), fit.data.offset, fit.data.weights)
        used = used_rows(fit.data.weights)
        return everything if used is None else everything.take(np.flatnonzero(used))
    coded = code(fit.data.columns, rows)
    if not len(coded):
        raise ValueError("rows is empty: at least one row to average over is needed")
    checks.finite("rows", coded, fit.data.columns.inputs)
    return Rows(decode(fit.data.columns, coded), offset_for(fit, offset, rows, len(coded)))


def decode(columns: Columns, coded: np.ndarray) -> Any:
    """Inverse of `data.dataset.code`: coded inputs (n, p) -> a DataFrame with one column per input."""
    import pandas as pd

    blocks = {}
    for name, categories in zip(columns.names, columns.categories, strict=True):
        block = coded[:, coded_places(columns, name)]
        if categories is None:
            blocks[name] = block[:, 0]
        else:
            codes = block[:, 0].astype(int) if len(categories) == 2 else block.argmax(axis=1)
            blocks[name] = object_array(categories)[codes]
    return pd.DataFrame(blocks)


def coded_places(columns: Columns, name: str) -> list[int]:
    """Positions of an input among the coded inputs: one, or one per indicator."""
    widths = [1 if cats is None or len(cats) == 2 else len(cats) for cats in columns.categories]
    place = columns.names.index(name)
    start = sum(widths[:place])
    return list(range(start, start + widths[place]))


def categories_of(fit: Fit, name: str) -> tuple[Any, ...] | None:
    """Categories of an input in the training data; None for a numeric input."""
    columns = fit.data.columns
    return columns.categories[columns.names.index(name)]


def is_indicator(fit: Fit, name: str) -> bool:
    """Whether a numeric input took the values 0 and 1 only."""
    values = np.unique(fit.data.x[:, fit.data.columns.inputs.index(name)])
    return np.array_equal(values, [0.0, 1.0])


def chosen(fit: Fit, inputs: Any) -> tuple[str, ...]:
    """Names of chosen inputs, all of them for None."""
    fit.data.columns.check_table("effects of inputs are")
    if inputs is None:
        return fit.data.columns.names
    if not isinstance(inputs, Iterable):
        raise ValueError(f"inputs must be the name of a column, or names, got {inputs!r}")
    names = (inputs,) if isinstance(inputs, str) else tuple(inputs)
    for name in names:
        checks.known("input", name, fit.data.columns.names)
    if len(set(names)) != len(names) or not names:
        raise ValueError(f"inputs must be different names, at least one, got {names}")
    return names


def grid_of(fit: Fit, name: str, values: Any, points: int) -> np.ndarray:
    """Values at which an input is set: the given ones, every category, or equal steps over its training range."""
    categories = categories_of(fit, name)
    if values is None:
        if categories is not None:
            return object_array(categories)
        column = fit.data.x[:, fit.data.columns.inputs.index(name)]
        return np.array([0.0, 1.0]) if is_indicator(fit, name) else np.linspace(column.min(), column.max(), points)
    if isinstance(values, str) or np.ndim(values) != 1 or not np.size(values):
        raise ValueError(f"grid of {name!r} must be a non-empty list of values, got {values!r}")
    if categories is not None:
        check_value(fit, name, values)
        return object_array(values)
    grid = real_numbers(f"grid of {name!r}", values)
    checks.finite(f"grid of {name!r}", grid)
    return grid


def check_value(fit: Fit, name: str, values: Sequence[Any]) -> None:
    """Refuse values that an input cannot take: categories the fit has not met, numbers that are not finite."""
    categories = categories_of(fit, name)
    for value in values:
        if categories is None:
            checks.number(f"value of {name!r}", value)
        else:
            checks.known(f"category of {name!r}", value, categories)
