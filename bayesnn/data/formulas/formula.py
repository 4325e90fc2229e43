"""A formula that has seen its table: it codes new rows as it coded those of the fit.

formulaic reads the formula and makes its columns. What it learnt from the rows, such as means and categories, is kept
here as plain data, from which the same columns are made later, after loading too.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.numbers import is_missing, measured_numbers, real_numbers
from bayesnn.data.formulas import design
from bayesnn.data.formulas.syntax import columns_in, outer_function


@dataclass(frozen=True)
class Formula:
    """A formula and what it learnt from the rows of a fit.

    Attributes
    ----------
    text : str
        As the user wrote it.
    target, inputs : str
        What is left and right of "~"; offsets are among the inputs.
    columns : tuple of str
        Columns of the table that the inputs name.
    categories : tuple
        For each of these its categories, or None if it holds numbers.
    names : tuple of str
        Names of the inputs that the network sees.
    offsets : tuple of str
        Names of the offsets.
    state : str
        What the functions of the formula learnt, as a Python literal.
    dropped : int
        Rows of the table that were left out because a value was missing.
    """

    text: str
    target: str
    inputs: str
    columns: tuple[str, ...]
    categories: tuple[tuple[Any, ...] | None, ...]
    names: tuple[str, ...]
    offsets: tuple[str, ...]
    state: str
    dropped: int = 0

    def __post_init__(self) -> None:
        """Refuse what does not belong together, as in a file that is damaged."""
        if len(self.columns) != len(self.categories) or not isinstance(ast.literal_eval(self.state), tuple):
            raise ValueError("columns, categories and state of a formula must belong together")

    @cached_property
    def spec(self) -> Any:
        """formulaic's description of the columns, whose parts are checked each time that it is made."""
        return design.thawed(self.inputs, self.state)

    def table(self, x: Any) -> Any:
        """The inputs of new rows, a DataFrame of numbers; rows that have been coded before stay as they are."""
        found = list(map(str, x.columns))
        as_given = set(self.names) <= set(self.columns) <= set(found)
        if set(self.names) <= set(found) and not as_given:  # effects vary the inputs one by one
            return x.iloc[:, [found.index(name) for name in self.names]]
        return self._design(x)[list(self.names)]

    def offset(self, x: Any) -> np.ndarray | None:
        """The sum (n,) of the offsets of new rows; None where the formula has none."""
        if not self.offsets:
            return None
        return self._design(x)[list(self.offsets)].sum(axis=1, skipna=False).to_numpy()

    def _design(self, x: Any) -> Any:
        """All columns of new rows, offsets too.

        Raises
        ------
        ValueError
            If the table lacks a column, or one of them holds another type, a missing value or a new category.
        """
        found = list(map(str, x.columns))
        checks.column_names(found)
        missing = [name for name in self.columns if name not in found]
        if missing:
            raise ValueError(
                f"x must have the columns of the formula {self.text!r}, {list(self.columns)}, got {found}: "
                f"missing {missing}"
            )
        both = zip(self.columns, self.categories, strict=True)
        table = {name: typed_column(name, x.iloc[:, found.index(name)], categories) for name, categories in both}
        self._check_levels(table)
        return design.evaluated(self.spec, type(x)(table, index=x.index))[0]

    def _check_levels(self, table: dict[str, Any]) -> None:
        """Refuse new values of numbers that the formula takes as categories, as in C(year)."""
        for part, levels in design.levels_of(self.state).items():
            names = [name for name in columns_in(part) if name in table]
            if outer_function(part) == "C" and len(names) == 1 and table[names[0]].dtype.kind in "iufb":
                check_categories(names[0], table[names[0]].tolist(), levels)


def typed_column(name: str, series: Any, categories: tuple[Any, ...] | None) -> Any:
    """One column with the type of the fit: numbers, or the categories of the fit.

    Raises
    ------
    ValueError
        If it holds another type, a missing value or a new category.
    """
    import pandas as pd

    missing = series.isna().to_numpy()
    if missing.any():
        raise ValueError(
            f"column {name!r} must have no missing values, got {int(missing.sum())}, the first at row "
            f"{int(missing.argmax())}: drop or impute these rows"
        )
    if categories is not None:
        values = [v.item() if isinstance(v, np.generic) else v for v in series]
        check_categories(name, values, categories)
        return pd.Series(pd.Categorical(values, categories=list(categories)), index=series.index)
    if series.dtype.kind in "iub" and real_numbers(f"column {name!r}", series).max(initial=0.0) < 2.0**63:
        return pd.Series(series.to_numpy(dtype=bool if series.dtype.kind == "b" else np.int64), index=series.index)
    try:
        numbers = measured_numbers(f"column {name!r}", series)
    except ValueError as error:
        raise ValueError(f"{error}; it held numbers in the fit") from None
    return pd.Series(numbers, index=series.index)


def check_categories(name: str, values: list[Any], known: Any) -> None:
    """Refuse values of a column that are not among those of the fit."""
    unseen = sorted({str(v) for v in values if is_missing(v) or v not in known})
    if unseen:
        raise ValueError(f"column {name!r} must hold the categories of the fit, {list(known)}, got also {unseen}")
