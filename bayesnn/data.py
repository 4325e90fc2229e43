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
    """Centres and scales of inputs (p,) and target, one number each or one an output."""

    x_center: tuple[float, ...]
    x_scale: tuple[float, ...]
    y_center: float | tuple[float, ...] = 0.0
    y_scale: float | tuple[float, ...] = 1.0

    def inputs(self, x: np.ndarray) -> np.ndarray:
        """Inputs (n, p) in units of the data -> on the scale the model sees."""
        return (x - np.asarray(self.x_center)) / np.asarray(self.x_scale)

    def target(self, y: np.ndarray) -> np.ndarray:
        """Target in units of y -> on the scale the model sees; codes of classes stay as they are."""
        if np.issubdtype(np.asarray(y).dtype, np.integer):
            return y
        return (y - np.asarray(self.y_center)) / np.asarray(self.y_scale)

    def undo(self, y: np.ndarray) -> np.ndarray:
        """Target or function values on the scale the model sees -> in units of y."""
        return y * np.asarray(self.y_scale) + np.asarray(self.y_center)

    @property
    def log_volume(self) -> float:
        """What a log density loses on its way to units of y: the log of the scale, summed over outputs."""
        return float(np.log(self.y_scale).sum())


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training rows in units of the data, with what was learnt from them.

    x (n, p) coded inputs, y (n,) or (n, outputs), labels as codes; `obs` (n,) row labels; case weights (n,) and
    offset (n,) where there are any; `series`, the `Lagged` that the rows were made from, if they were.
    """

    x: np.ndarray
    y: np.ndarray
    columns: Columns
    scaling: Scaling
    obs: np.ndarray
    weights: np.ndarray | None = None
    offset: np.ndarray | None = None
    series: Any = None

    def scaled(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and target on the scale the model sees."""
        return self.scaling.inputs(self.x), self.scaling.target(self.y)


def make_dataset(
    x: Any,
    y: np.ndarray,
    *,
    standardize: bool = True,
    scale_target: bool = True,
    weights: Any = None,
    offset: Any = None,
) -> Dataset:
    """Check, code and (optionally) learn the scaling of a table x (n, p) and a target as numbers, (n,) or (n, K)."""
    columns = learn_columns(x)
    coded = code(columns, x)
    _checks.rows(len(coded), len(y))
    _checks.finite("x", coded, columns.inputs)
    _checks.finite("y", y)
    if scale_target:
        _checks.varying("y", y)
    scaling = _learn_scaling(coded, y, scale_target) if standardize else _no_scaling(coded.shape[1])
    cases = None if weights is None else case_weights(weights, len(y))
    return Dataset(coded, y, columns, scaling, row_labels(x, len(coded)), cases, new_offset(offset, len(y)))


def case_weights(weights: Any, count: int) -> np.ndarray:
    """Case weights (n,), checked: at least zero, some above."""
    values = _numeric("weights", weights)
    if values.shape != (count,):
        raise ValueError(f"weights must have shape ({count},), one a row, got {values.shape}")
    _checks.finite("weights", values)
    if (values < 0).any() or not values.any():
        found = f"{int((values < 0).sum())} negative one(s)" if values.any() else "zeros only"
        raise ValueError(f"weights must be at least zero and not all zero, got {found}")
    return values


def new_offset(offset: Any, count: int) -> np.ndarray | None:
    """An offset as numbers (n,), checked; one number serves all rows."""
    if offset is None:
        return None
    values = _numeric("offset", offset)
    if values.shape not in ((), (count,)):
        raise ValueError(f"offset must be a number or have shape ({count},), one a row, got {values.shape}")
    _checks.finite("offset", np.atleast_1d(values))
    return np.broadcast_to(values, (count,)).copy()


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


def numeric_target(y: Any) -> np.ndarray:
    """A target as float64 (n,) or (n, K); a single column is (n,)."""
    try:
        values = _numeric("y", y.to_numpy() if hasattr(y, "to_numpy") else y)
    except ValueError as error:
        raise ValueError(f"{error}; for labels use Categorical() or Bernoulli()") from None
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim not in (1, 2):
        raise ValueError(f"y must have shape (n,), or (n, outputs) for several outputs, got {values.shape}")
    return values


def target_names(y: Any) -> tuple[str, ...]:
    """Names of the outputs of a target (n, K): a DataFrame's columns, or y0, y1, ...; none for a single output."""
    count = np.shape(y)[1] if np.ndim(y) == 2 else 1
    if count == 1:
        return ()
    return tuple(map(str, y.columns)) if _is_frame(y) else tuple(f"y{i}" for i in range(count))


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


def same_index(x: Any, y: Any) -> None:
    """Refuse a table and a target of pandas whose rows are labelled differently."""
    if _is_frame(x) and hasattr(y, "index") and hasattr(y, "to_numpy") and not x.index.equals(y.index):
        raise ValueError("x and y must have the same index, got different ones: align them, or pass y.to_numpy()")


def _learn_scaling(x: np.ndarray, y: np.ndarray, scale_target: bool) -> Scaling:
    scale = np.where(np.ptp(x, axis=0) > 0, x.std(axis=0), 1.0)  # the sd of a constant is rounding, not zero
    inputs = _numbers(x.mean(axis=0)), _numbers(scale)
    return Scaling(*inputs, _numbers(y.mean(axis=0)), _numbers(y.std(axis=0))) if scale_target else Scaling(*inputs)


def _numbers(values: np.ndarray) -> Any:
    """A float, or a tuple of them."""
    return tuple(map(float, values)) if np.ndim(values) else float(values)


def _no_scaling(width: int) -> Scaling:
    return Scaling((0.0,) * width, (1.0,) * width)


def _is_frame(x: Any) -> bool:
    return hasattr(x, "columns") and hasattr(x, "iloc")
