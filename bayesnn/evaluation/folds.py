"""Division of the rows into folds."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.arrays import in_order, is_label, object_array, reading_alike
from bayesnn._internal.numbers import column_array, is_missing


def make_folds(
    count: int, folds: Any, key: jax.Array, *, strata: np.ndarray | None = None, groups: Any = None
) -> np.ndarray:
    """Fold number (n,) of each row: folds of about equal size, strata spread evenly, groups kept together.

    Groups (single rows if there are no groups) are assigned in order of size, the largest first, then by stratum, then
    in random order. Each goes to the fold with the fewest rows of its strata; of several such folds, to the smallest.

    Parameters
    ----------
    count : int
        Number of rows n.
    folds : int or array of shape (n,)
        Number of folds; or the fold of each row, which is returned as numbers 0, 1, ...
    key : jax.Array
    strata : array of int (n,), optional
        What to spread evenly, such as class codes.
    groups : array of shape (n,), optional
        Rows with the same label stay together.

    Examples
    --------
    >>> import jax
    >>> sorted(make_folds(6, 3, jax.random.key(0)).tolist())
    [0, 0, 1, 1, 2, 2]
    """
    if not isinstance(folds, (int, np.integer)):
        return _given(folds, count)
    labels = np.arange(count) if groups is None else _codes("groups", groups, count)
    number = checks.positive_integer("folds", folds, minimum=2)
    if number > labels.max() + 1:
        kind = "rows" if groups is None else "groups"
        raise ValueError(f"folds must be at most the number of {kind}, {labels.max() + 1}, got {number}")
    stratum = np.zeros(count, int) if strata is None else strata
    content = np.zeros((labels.max() + 1, stratum.max() + 1))
    np.add.at(content, (labels, stratum), 1)
    shuffled = np.asarray(jax.random.permutation(key, len(content)))
    order = np.lexsort((shuffled, content.argmax(axis=1), -content.sum(axis=1)))
    filled = np.zeros((number, content.shape[1]))
    fold = np.empty(len(content), int)
    for group in order:
        fold[group] = np.lexsort((filled.sum(axis=1), filled @ content[group]))[0]
        filled[fold[group]] += content[group]
    return fold[labels]


def stratum_codes(stratify: Any, count: int) -> np.ndarray:
    """Codes (n,) of an array to stratify by."""
    return _codes("stratify", stratify, count)


def check_classes(folds: np.ndarray, codes: np.ndarray, classes: Any) -> None:
    """Raise a ValueError if the training rows of a fold would lack a class."""
    for code, label in enumerate(classes):
        held = np.unique(folds[codes == code])
        if len(held) == 1:
            raise ValueError(
                f"class {label!r} would be missing from the training rows of fold {held[0]}, which holds all "
                f"{int((codes == code).sum())} of its rows: merge or drop the class, or use other folds or groups"
            )


def _given(folds: Any, count: int) -> np.ndarray:
    codes = _codes("folds", folds, count)
    if codes.max() == 0:
        raise ValueError("folds must name at least two different folds, got one")
    return codes


def _codes(name: str, values: Any, count: int) -> np.ndarray:
    labels = object_array(values) if isinstance(values, (list, tuple)) else column_array(name, values)
    if labels.shape != (count,):
        raise ValueError(f"{name} must hold one value per row, shape ({count},), got shape {labels.shape}")
    given = list(labels)
    bad = next((row for row, label in enumerate(given) if is_missing(label) or not is_label(label)), None)
    if bad is not None:
        raise ValueError(
            f"{name} must have a value in every row, got {given[bad]!r} in row {bad}: give it one of its own"
        )
    different = in_order(set(given))
    if (alike := reading_alike(different)) is not None:
        raise ValueError(f"{name} must read differently, got {alike[0]!r} and {alike[1]!r}: make them one type")
    places = {label: code for code, label in enumerate(different)}
    return np.array([places[label] for label in given])
