"""Tables in, arrays out: how the rows a user has become the numbers a model sees, and back.

A `Dataset` remembers everything that was learnt from the training rows (column names, categories, centres and scales),
so that new rows are coded the same way and predictions return in units of y.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from bayesnn import _checks


@dataclass(frozen=True)
class Columns:
    """The columns of a table: their names and, for categorical ones, the categories met at fit time."""

    names: tuple[str, ...]
    categories: tuple[tuple[Any, ...] | None, ...]
    named: bool

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the numeric columns after coding: one a number, one indicator a category (one for two)."""
        return tuple(
            label
            for name, cats in zip(self.names, self.categories, strict=True)
            for label in ([name] if cats is None else [f"{name}[{c}]" for c in _indicated(cats)])
        )


@dataclass(frozen=True)
class Scaling:
    """Centres and scales of inputs (p,) and target; `identity` when nothing is standardised."""

    x_center: tuple[float, ...]
    x_scale: tuple[float, ...]
    y_center: float = 0.0
    y_scale: float = 1.0

    def inputs(self, x: np.ndarray) -> np.ndarray:
        """Inputs (n, p) in units of the data -> on the scale the model sees."""
        return (x - np.asarray(self.x_center)) / np.asarray(self.x_scale)

    def target(self, y: np.ndarray) -> np.ndarray:
        """Target in units of y -> on the scale the model sees."""
        return (y - self.y_center) / self.y_scale

    def undo(self, y: np.ndarray) -> np.ndarray:
        """Target or function values on the scale the model sees -> in units of y."""
        return y * self.y_scale + self.y_center


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training rows in units of the data, with what was learnt from them.

    x (n, p) coded inputs, y (n,), `obs` (n,) row labels.
    """

    x: np.ndarray
    y: np.ndarray
    columns: Columns
    scaling: Scaling
    obs: np.ndarray

    def scaled(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and target on the scale the model sees."""
        return self.scaling.inputs(self.x), self.scaling.target(self.y)


def make_dataset(x: Any, y: Any, *, standardize: bool = True) -> Dataset:
    """Check, code and (optionally) learn the scaling of a table x (n, p) and a target y (n,)."""
    columns = learn_columns(x)
    coded = code(columns, x)
    target = _target(y)
    _checks.rows(len(coded), len(target))
    _same_index(x, y)
    _checks.finite("x", coded, columns.inputs)
    _checks.finite("y", target)
    _checks.varying("y", target)
    scaling = _learn_scaling(coded, target) if standardize else _no_scaling(coded.shape[1])
    return Dataset(coded, target, columns, scaling, row_labels(x, len(coded)))


def new_inputs(columns: Columns, scaling: Scaling, x: Any) -> np.ndarray:
    """Rows to predict at (n, p), coded and scaled as at fit time."""
    coded = code(columns, x)
    if not len(coded):
        raise ValueError("x is empty: at least one row is needed")
    _checks.finite("x", coded, columns.inputs)
    return scaling.inputs(coded)


def learn_columns(x: Any) -> Columns:
    """Names and categories of a table: a DataFrame's own, or x0, x1, ... for an array."""
    if _is_frame(x):
        names = tuple(str(c) for c in x.columns)
        _checks.column_names(names)
        return Columns(names, tuple(_categories(x[c]) for c in x.columns), named=True)
    _checks.two_dimensional("x", np.shape(x))
    names = tuple(f"x{i}" for i in range(np.shape(x)[1]))
    _checks.column_names(names)
    return Columns(names, (None,) * len(names), named=False)


def code(columns: Columns, x: Any) -> np.ndarray:
    """A table as float64 (n, p): numbers as they are, categories as indicators."""
    if not _is_frame(x):
        _checks.two_dimensional("x", np.shape(x))
        _checks.columns(columns.names, [""] * np.shape(x)[1], named=False)
        if any(cats is not None for cats in columns.categories):
            raise ValueError("x must be a DataFrame: the fit has categorical columns, which an array cannot name")
        return _numeric("x", x)
    _checks.columns(columns.names, [str(c) for c in x.columns], columns.named)
    blocks = []
    for i, cats in enumerate(columns.categories):
        series = x.iloc[:, i]
        if cats is None:
            blocks.append(_numeric(f"column {columns.names[i]!r}", series.to_numpy())[:, None])
        else:
            blocks.append(_indicators(columns.names[i], cats, series))
    return np.concatenate(blocks, axis=1) if blocks else np.empty((len(x), 0))


def row_labels(x: Any, count: int) -> np.ndarray:
    """Labels of the rows: a pandas index where there is one, else 0, 1, ..."""
    return np.asarray(x.index) if _is_frame(x) and x.index.nlevels == 1 else np.arange(count)


def _target(y: Any) -> np.ndarray:
    values = _numeric("y", y.to_numpy() if hasattr(y, "to_numpy") else y)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(f"y must have shape (n,) for a single target, got {values.shape}")
    return values


def _numeric(name: str, values: Any) -> np.ndarray:
    if np.iscomplexobj(values):
        raise ValueError(f"{name} must hold real numbers, got {np.asarray(values).dtype}")
    try:
        if isinstance(values, np.ma.MaskedArray):
            values = np.ma.filled(values.astype(np.float64), np.nan)  # what is masked is missing
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers, got {np.asarray(values).dtype}: {error}") from None


def _categories(series: Any) -> tuple[Any, ...] | None:
    kind = series.dtype.kind
    if kind in "iufbc" or (series.dtype == object and all(isinstance(v, Real) for v in series)):
        return None
    if kind in "mM":
        raise ValueError(
            f"column {series.name!r} must hold numbers or categories, got {series.dtype}: turn times into numbers"
        )
    if series.isna().any():
        raise ValueError(f"column {series.name!r} must have no missing categories, got {int(series.isna().sum())}")
    ordered = series.cat.categories if str(series.dtype) == "category" else sorted(series.unique(), key=_by_kind)
    return tuple(c for c in ordered if (series == c).any())


def _by_kind(category: Any) -> tuple[str, Any]:
    return type(category).__name__, category  # text and numbers do not compare


def _indicated(categories: tuple[Any, ...]) -> tuple[Any, ...]:
    return categories[1:] if len(categories) == 2 else categories


def _indicators(name: str, categories: tuple[Any, ...], series: Any) -> np.ndarray:
    unseen = sorted({str(v) for v in series.unique() if v not in categories})
    if unseen:
        raise ValueError(f"column {name!r} must hold the categories of the fit, {list(categories)}, got also {unseen}")
    return np.stack([(series == c).to_numpy(dtype=np.float64) for c in _indicated(categories)], axis=1)


def _same_index(x: Any, y: Any) -> None:
    if _is_frame(x) and hasattr(y, "index") and hasattr(y, "to_numpy") and not x.index.equals(y.index):
        raise ValueError("x and y must have the same index, got different ones: align them, or pass y.to_numpy()")


def _learn_scaling(x: np.ndarray, y: np.ndarray) -> Scaling:
    scale = np.where(np.ptp(x, axis=0) > 0, x.std(axis=0), 1.0)  # the sd of a constant is rounding, not zero
    center = x.mean(axis=0)
    return Scaling(tuple(map(float, center)), tuple(map(float, scale)), float(y.mean()), float(y.std()))


def _no_scaling(width: int) -> Scaling:
    return Scaling((0.0,) * width, (1.0,) * width)


def _is_frame(x: Any) -> bool:
    return hasattr(x, "columns") and hasattr(x, "iloc")
