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

from bayesnn.data.columns import is_frame
from bayesnn.data.dataset import case_weights


def training_rows(estimator: Any, X: Any, y: Any, weights: Any, numeric: bool) -> tuple[Any, np.ndarray, Any]:
    """Inputs (n, p), target (n,) and case weights (n,) or None, checked; sets `n_features_in_`, `feature_names_in_`."""
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
        cases = case_weights(check_array(values, ensure_2d=False, input_name="sample_weight"), len(rows))
    return counted(rows, np.asarray(y), cases)


def new_rows(estimator: Any, X: Any) -> Any:
    """Rows to predict at, checked against the columns of the fit."""
    if has_categories(X):
        validate_data(estimator, X, reset=False, skip_check_array=True)
        return X
    rows = validate_data(estimator, X, dtype=np.float64, reset=False)
    return X if is_frame(X) and hasattr(X, "iloc") else rows


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
    codes = np.column_stack([*_columns_as_codes(X), np.unique(y, return_inverse=True)[1]])
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
        return [np.unique(X[:, j], return_inverse=True)[1] for j in range(X.shape[1])]
    columns = (X.iloc[:, j] for j in range(X.shape[1]))
    return [
        np.unique(column.to_numpy() if column.dtype.kind in "iufb" else column.astype(str), return_inverse=True)[1]
        for column in columns
    ]
