"""Categorical columns of tables: their categories, and indicator columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from bayesnn._internal.arrays import equal_of_other_types, in_order, is_label, reading_alike
from bayesnn._internal.numbers import is_date, is_missing, is_number, spells_number

ONE_FORM = "make them one, as astype(str).str.normalize('NFC') does, or rename one of them"
COMPLEX = (complex, np.complexfloating)


def categories_of(series: Any, used: np.ndarray | None = None) -> tuple[Any, ...] | None:
    """The categories of a column, in the order of a pandas categorical or sorted; None if it holds numbers.

    `used` (n,) says which rows are learnt from, all of them by default: those with a case weight above zero.
    """
    if series.dtype.kind in "iufbc":
        return None
    if series.dtype.kind == "V":
        raise ValueError(
            f"column {series.name!r} must hold one number or category in each row, got records of type {series.dtype}"
        )
    declared = str(series.dtype) == "category"
    missing = np.flatnonzero(series.isna() if declared else [is_missing(value) for value in series])
    values = [] if declared else [value for value in series if not is_missing(value)]
    if series.dtype.kind in "mM" or any(map(is_date, values)):
        raise ValueError(
            f"column {series.name!r} must hold numbers or categories, got {series.dtype}: convert times to numbers"
        )
    if not declared and all(map(is_number, values)):
        return None  # missing ones are found, and named, with those of other columns of numbers
    if len(missing):
        raise ValueError(
            f"column {series.name!r} must have no missing categories, got {len(missing)}, the first at row "
            f"{missing[0]}: drop these rows, or make them a category of their own, as fillna('unknown') does"
        )
    if not declared:
        _check_labels(series.name, values)
        clash = equal_of_other_types(values)
        if clash is not None:
            raise ValueError(
                f"column {series.name!r} must hold categories that differ, got {clash[0]!r} and {clash[1]!r}, which "
                "are equal: make them of one type"
            )
    known = series if used is None else series[used]
    found = [c for c in series.cat.categories if _equal(known, c).any()] if declared else in_order(set(known))
    alike = reading_alike(found)
    if alike is not None:
        raise ValueError(
            "x must have a different name for every input, which is a column or a category of one, got the categories "
            f"{alike[0]!r} and {alike[1]!r} of column {series.name!r}: {ONE_FORM}"
        )
    return tuple(found)


def _check_labels(name: Any, values: Sequence[Any]) -> None:
    """Refuse cells that cannot be categories, and numbers as text or beside text, which would get an indicator each."""
    _check_cells(name, values)
    different = set(values)
    spelled = [value for value in different if spells_number(value)]
    if 2 * len(spelled) > len(different) or (spelled and all(is_number(v) or spells_number(v) for v in different)):
        other = next((value for value in values if not spells_number(value)), None)
        beside = "" if other is None else f" beside {other!r} at row {values.index(other)}"
        shown = next(value for value in values if spells_number(value))
        raise ValueError(
            f"column {name!r} must hold numbers or categories, got numbers as text, such as {shown!r}{beside}: "
            "use astype(float), or astype('category') if they are codes"
        )
    measured = [value for value in values if is_number(value) and not isinstance(value, (int, np.integer, np.bool_))]
    if measured:
        row = next(row for row, value in enumerate(values) if not is_number(value))
        raise ValueError(
            f"column {name!r} must hold numbers or categories, got both, such as {measured[0]!r}, and {values[row]!r} "
            f"at row {row}: replace what is no number, or use astype('category') if they are codes"
        )


def _check_cells(name: Any, values: Iterable[Any]) -> None:
    odd = [value for value in values if not is_label(value) or isinstance(value, COMPLEX) or _without_order(value)]
    if odd:
        raise ValueError(f"column {name!r} must hold one number or category in each row, got a {type(odd[0]).__name__}")


def _without_order(value: Any) -> bool:
    """Whether a cell has neither an order nor a text of its own, as a plain `object()`."""
    bare: Any = object
    return type(value).__lt__ is bare.__lt__ and type(value).__repr__ is bare.__repr__


def _equal(series: Any, category: Any) -> np.ndarray:
    """Which cells (n,) are of a category; pandas would compare a tuple item by item."""
    if isinstance(category, (tuple, frozenset)):
        return np.array([value == category for value in series], dtype=bool)
    try:
        return (series == category).to_numpy(dtype=bool)
    except NotImplementedError:  # of PyArrow, which cannot compare every type of text
        return np.array([value == category for value in series], dtype=bool)


def indicated(categories: tuple[Any, ...]) -> tuple[Any, ...]:
    """The categories that have an indicator: all of them, or only the second of two."""
    return categories[1:] if len(categories) == 2 else categories


def indicators(name: str, categories: tuple[Any, ...], series: Any, used: np.ndarray | None = None) -> np.ndarray:
    """A column as indicators (n, k); categories that did not occur at fit time are refused in the rows that are used.

    Elsewhere, which are rows of case weight zero, they have no indicator.
    """
    if series.dtype == object:
        _check_cells(name, series)
    known = series if used is None else series[used]
    missing = np.flatnonzero([is_missing(value) for value in series])
    unseen = sorted({str(v) for v in set(known) if is_missing(v) or v not in categories})
    if unseen:
        where = f", missing at row {missing[0]}" if len(missing) else ""
        raise ValueError(
            f"column {name!r} must hold the categories of the fit, {list(categories)}, got also {unseen}{where}"
        )
    return np.stack([_equal(series, c).astype(np.float64) for c in indicated(categories)], axis=1)
