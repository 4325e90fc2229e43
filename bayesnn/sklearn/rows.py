"""The rows of an estimator: checked as scikit-learn does, equal rows counted instead of repeated."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    column_or_1d,
    validate_data,
)

from bayesnn._internal.numbers import as_array, column_array, is_date, is_missing, real_numbers
from bayesnn.data.columns import as_frame, check_target_apart, is_frame
from bayesnn.data.dataset import case_weights


def training_rows(estimator: Any, X: Any, y: Any, weights: Any, numeric: bool) -> tuple[Any, np.ndarray, Any]:
    """Inputs (n, p), target (n,) and case weights (n,) or None, checked; sets `n_features_in_`, `feature_names_in_`."""
    check_target_apart(X, y)
    X, y = understood("X", X), understood("y", y, numeric)
    if has_categories(X):
        validate_data(estimator, X, y, skip_check_array=True)
        y = check_array(y, ensure_2d=False, dtype="numeric" if numeric else None)
        check_consistent_length(X, y)
        rows, y = X, column_or_1d(y, warn=True)
    else:
        rows, y = validate_data(estimator, X, y, dtype=np.float64, y_numeric=numeric, ensure_min_samples=2)
        rows = X if is_frame(X) and hasattr(X, "iloc") else rows
    cases = None
    if weights is not None:
        values = np.full(len(rows), weights) if isinstance(weights, Number) else weights
        cases = case_weights(values, len(rows))
    return counted(rows, np.asarray(y), cases)


def new_rows(estimator: Any, X: Any) -> Any:
    """Rows to predict at, checked against the columns of the fit."""
    X = understood("X", X)
    if has_categories(X):
        validate_data(estimator, X, reset=False, skip_check_array=True)
        return X
    rows = validate_data(estimator, X, dtype=np.float64, reset=False)
    return X if is_frame(X) and hasattr(X, "iloc") else rows


def understood(name: str, values: Any, numeric: bool = True) -> Any:
    """Values for scikit-learn's checks, which take text, dates, records and masked values for numbers.

    Tables of pandas stay as they are, those of other libraries become one; arrays of plain numbers, and what
    scikit-learn refuses in its own words, stay as they are.

    Raises
    ------
    ValueError
        If something would be misread.
    """
    if values is None and name == "X":
        raise ValueError("X must be an array, a list or a table, got None")
    if values is None or isinstance(values, Number):
        return values
    if is_frame(values):
        return _dense(as_frame(values)) if numeric else values
    if hasattr(values, "nnz"):
        as_array(name, values)  # refuses a sparse matrix
    array = column_array(name, values)
    if array.ndim == 0 and array.dtype == object:
        raise ValueError(f"{name} must be an array, a list or a table, got {type(values).__name__}")
    if not numeric and array.dtype.kind == "T":  # the texts of NumPy 2, which scikit-learn does not know
        values = array = array.astype(object)
    if not numeric:
        place = next((row for row, label in enumerate(array.ravel()) if isinstance(label, bytes)), None)
        if place is not None:
            raise ValueError(
                f"{name} must hold labels that scikit-learn takes, got bytes at row {place}: decode them, as "
                "np.char.decode(y) does, or use bnn.fit, which takes them"
            )
        missing = [row for row, label in enumerate(array.ravel()) if is_missing(label)]
        if missing:
            raise ValueError(f"{name} must have no missing labels, got {len(missing)}, the first at row {missing[0]}")
        return array if hasattr(values, "to_numpy") else values
    odd = array.dtype.kind in "USTmMV" or isinstance(array, np.ma.MaskedArray)
    return real_numbers(name, array) if odd or any(map(_misread, _objects(array))) else values


def _dense(table: Any) -> Any:
    """A table of pandas whose sparse columns are dense, since scikit-learn takes such a table for a sparse matrix."""
    from pandas import SparseDtype

    dense = {name: dtype.subtype for name, dtype in table.dtypes.items() if isinstance(dtype, SparseDtype)}
    return table.astype(dense) if dense and table.columns.is_unique else table


def _objects(array: np.ndarray) -> Any:
    return array.ravel() if array.dtype.kind == "O" else ()


def _misread(value: Any) -> bool:
    return isinstance(value, (str, bytes)) or is_date(value) or is_missing(value)


def has_categories(X: Any) -> bool:
    """Whether X is a pandas table with a column of categories, which this package codes and scikit-learn does not."""
    return hasattr(X, "iloc") and is_frame(X) and any(dtype.kind not in "iufb" for dtype in X.dtypes)


def counted(X: Any, y: np.ndarray, weights: np.ndarray | None) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """The different rows, in a fixed order, each with the weight of all rows that are equal to it in X and y.

    A row of weight w is as w equal rows, so the posterior is the same; here the draws are too, in whatever order and
    form the rows come, which is what scikit-learn asks of weights. Rows that all differ and have weight 1 stay as they
    are, without weights.
    """
    cases = np.ones(len(y)) if weights is None else weights
    codes = np.column_stack([*_columns_as_codes(X), _codes(y)])
    used = np.flatnonzero(cases)
    _, first, group = np.unique(codes[used], axis=0, return_index=True, return_inverse=True)
    if len(first) == len(y) and (cases == 1.0).all():
        return X, y, None
    total = np.bincount(group.ravel(), weights=cases[used])
    rows = used[first]
    taken = X.iloc[rows] if hasattr(X, "iloc") else X[rows]
    return taken, y[rows], None if (total == 1.0).all() else total


def _columns_as_codes(X: Any) -> list[np.ndarray]:
    """Each column as the ranks of its values, whatever these are."""
    if not hasattr(X, "iloc"):
        return [_codes(X[:, j]) for j in range(X.shape[1])]
    return [_codes(X.iloc[:, j]) for j in range(X.shape[1])]


def _codes(column: Any) -> np.ndarray:
    """The rank (n,) of each value; what is no number is ranked by a text that no other value shares."""
    numbers = column.dtype.kind in "iufb"
    values = np.asarray(column) if numbers else [f"{type(cell).__name__} {cell!r}" for cell in column]
    return np.unique(values, return_inverse=True)[1]
