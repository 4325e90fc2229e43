"""Categorical columns of tables: their categories, and indicator columns."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np


def categories_of(series: Any) -> tuple[Any, ...] | None:
    """The categories of a column, in the order of a pandas categorical or sorted; None if it holds numbers."""
    kind = series.dtype.kind
    if kind in "iufbc" or (series.dtype == object and all(isinstance(v, Real) for v in series)):
        return None
    if kind in "mM":
        raise ValueError(
            f"column {series.name!r} must hold numbers or categories, got {series.dtype}: convert times to numbers"
        )
    if series.isna().any():
        raise ValueError(f"column {series.name!r} must have no missing categories, got {int(series.isna().sum())}")
    ordered = series.cat.categories if str(series.dtype) == "category" else sorted(series.unique(), key=_by_kind)
    return tuple(c for c in ordered if (series == c).any())


def _by_kind(category: Any) -> tuple[str, Any]:
    return type(category).__name__, category  # text and numbers cannot be compared


def indicated(categories: tuple[Any, ...]) -> tuple[Any, ...]:
    """The categories that have an indicator: all of them, or only the second of two."""
    return categories[1:] if len(categories) == 2 else categories


def indicators(name: str, categories: tuple[Any, ...], series: Any) -> np.ndarray:
    """A column as indicators (n, k); categories that did not occur at fit time are refused."""
    unseen = sorted({str(v) for v in series.unique() if v not in categories})
    if unseen:
        raise ValueError(f"column {name!r} must hold the categories of the fit, {list(categories)}, got also {unseen}")
    return np.stack([(series == c).to_numpy(dtype=np.float64) for c in indicated(categories)], axis=1)
