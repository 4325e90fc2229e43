"""Categorical columns of tables: their categories, and indicator columns."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from bayesnn._internal.numbers import is_date, is_missing, is_number, spells_number


def categories_of(series: Any, used: np.ndarray | None = None) -> tuple[Any, ...] | None:
    """The categories of a column, in the order of a pandas categorical or sorted; None if it holds numbers.

    `used` (n,) says which rows are learnt from, all of them by default: those with a case weight above zero.
    """
    if series.dtype.kind in "iufbc":
        return None
    declared = str(series.dtype) == "category"
    if series.dtype.kind in "mM" or (not declared and any(map(is_date, series.dropna()))):
        raise ValueError(
            f"column {series.name!r} must hold numbers or categories, got {series.dtype}: convert times to numbers"
        )
    if not declared and all(map(is_number, series.dropna())):
        return None  # missing ones are found, and named, with those of other columns of numbers
    missing = np.flatnonzero(series.isna())
    if len(missing):
        raise ValueError(
            f"column {series.name!r} must have no missing categories, got {len(missing)}, the first at row "
            f"{missing[0]}: drop these rows, or make them a category of their own, as fillna('unknown') does"
        )
    if not declared:
        _check_labels(series)
    known = series if used is None else series[used]
    ordered = series.cat.categories if declared else sorted(known.unique(), key=_by_kind)
    return tuple(c for c in ordered if (known == c).any())


def _check_labels(series: Any) -> None:
    """Refuse columns of numbers as text, which would get an indicator each, and cells that cannot be categories."""
    _check_hashable(series)
    if all(map(spells_number, series)):
        raise ValueError(
            f"column {series.name!r} must hold numbers or categories, got numbers as text, such as {series.iloc[0]!r}: "
            "use astype(float), or astype('category') if they are codes"
        )


def _check_hashable(series: Any) -> None:
    odd = [value for value in series if not isinstance(value, Hashable)]
    if odd:
        raise ValueError(
            f"column {series.name!r} must hold one number or category in each row, got a {type(odd[0]).__name__}"
        )


def _by_kind(category: Any) -> tuple[str, Any]:
    return type(category).__name__, category  # text and numbers cannot be compared


def indicated(categories: tuple[Any, ...]) -> tuple[Any, ...]:
    """The categories that have an indicator: all of them, or only the second of two."""
    return categories[1:] if len(categories) == 2 else categories


def indicators(name: str, categories: tuple[Any, ...], series: Any, used: np.ndarray | None = None) -> np.ndarray:
    """A column as indicators (n, k); categories that did not occur at fit time are refused in the rows that are used.

    Elsewhere, which are rows of case weight zero, they have no indicator.
    """
    if series.dtype == object:
        _check_hashable(series)
    known = series if used is None else series[used]
    missing = np.flatnonzero(series.isna())
    unseen = sorted({str(v) for v in known.unique() if is_missing(v) or v not in categories})
    if unseen:
        where = f", missing at row {missing[0]}" if len(missing) else ""
        raise ValueError(
            f"column {name!r} must hold the categories of the fit, {list(categories)}, got also {unseen}{where}"
        )
    return np.stack([(series == c).to_numpy(dtype=np.float64) for c in indicated(categories)], axis=1)
