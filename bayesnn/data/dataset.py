"""From the user's tables and sequences to the arrays that a model sees, and back.

A `Dataset` keeps everything that was learnt from the training rows (column names, categories, centres and scales), so
that new rows are coded in the same way and predictions are converted back to units of y.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn.data import sequences
from bayesnn.data.categories import categories_of, indicated, indicators
from bayesnn.data.sequences import DIMS, NUMBERS, TABLE, TOKENS, Reads


@dataclass(frozen=True)
class Columns:
    """The columns of a table: their names and, for categorical ones, the categories that occurred at fit time.

    For sequences, with `kind` "sequence" or "tokens", the columns are the features at each step. `steps` is the length
    of the sequences at fit time, `vocabulary` the number of token ids, and `source` the number of leading steps that
    form a sequence of their own.
    """

    names: tuple[str, ...]
    categories: tuple[tuple[Any, ...] | None, ...]
    named: bool
    kind: str = TABLE
    steps: int = 0
    vocabulary: int = 0
    source: int = 0

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the columns after coding: numbers keep theirs; one per category, or one in all if there are two."""
        return tuple(
            label
            for name, cats in zip(self.names, self.categories, strict=True)
            for label in ([name] if cats is None else [f"{name}[{c}]" for c in indicated(cats)])
        )

    def check_table(self, what: str) -> None:
        """Refuse sequences, for a function that needs a table."""
        if self.kind != TABLE:
            raise ValueError(f"{what} for tables (n, p), and this fit has sequences")


@dataclass(frozen=True)
class Scaling:
    """Centres and scales of the inputs, (p,), and of the target, one number or one per output."""

    x_center: tuple[float, ...]
    x_scale: tuple[float, ...]
    y_center: float | tuple[float, ...] = 0.0
    y_scale: float | tuple[float, ...] = 1.0

    def inputs(self, x: np.ndarray) -> np.ndarray:
        """Inputs (n, p) or (n, time, d) in units of the data -> on the scale the model sees; token ids unchanged."""
        if np.issubdtype(x.dtype, np.integer):
            return x
        return (x - np.asarray(self.x_center)) / np.asarray(self.x_scale)

    def target(self, y: np.ndarray) -> np.ndarray:
        """Target in units of y -> on the scale the model sees; codes of classes are unchanged."""
        if np.issubdtype(np.asarray(y).dtype, np.integer):
            return y
        return (y - np.asarray(self.y_center)) / np.asarray(self.y_scale)

    def inverse(self, y: np.ndarray) -> np.ndarray:
        """Target or function values on the scale the model sees -> in units of y."""
        return y * np.asarray(self.y_scale) + np.asarray(self.y_center)

    @property
    def log_jacobian(self) -> float:
        """log |dy/dz| of y = `inverse(z)`, the sum of log scales: log density of y = log density of z less this."""
        return float(np.log(self.y_scale).sum())


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training rows in units of the data, with what was learnt from them.

    x (n, p) coded inputs, or sequences (n, time, d) or token ids (n, time), with their padding; y (n,) or (n, outputs),
    labels as codes; `obs` (n,) row labels; `weights` (n,) case weights and `offset` (n,), or None; `series`, the
    `Lagged` from which the rows were made, or None. Where every step has a target, y is (n, time) and `steps`
    (n, time) says which steps are real.
    """

    x: np.ndarray
    y: np.ndarray
    columns: Columns
    scaling: Scaling
    obs: np.ndarray
    weights: np.ndarray | None = None
    offset: np.ndarray | None = None
    series: Any = None
    steps: np.ndarray | None = None

    @property
    def targets(self) -> Any:
        """Number of targets of each row: 1, or the number of its real steps if each step has a target."""
        return 1 if self.steps is None else self.steps.sum(axis=1)

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes of x."""
        return DIMS[self.columns.kind]

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
    offset: np.ndarray | None = None,
    columns: Columns | None = None,
    coded: np.ndarray | None = None,
    steps: np.ndarray | None = None,
) -> Dataset:
    """Check and code inputs x and a numeric target y, (n,) or (n, K), and learn their scaling if `standardize`.

    x is a table (n, p), sequences (n, time, d) or, as `columns` say, token ids (n, time). `columns` and the array
    `coded` by them are those of x, made here if they are not given. `offset` (n,) is as `new_offset` returns it.
    `steps` (n, time) says which steps are real, where each has a target, y (n, time).
    """
    columns = learn_columns(x) if columns is None else columns
    coded = code(columns, x) if coded is None else coded
    checks.rows(len(coded), len(y))
    check_finite("x", columns, coded)
    values = y if steps is None else y[steps]
    checks.finite("y", values)
    if scale_target:
        checks.varying("y", values)
    scaling = input_scaling(columns, coded, standardize)
    if standardize and scale_target:
        scaling = replace(scaling, y_center=_numbers(values.mean(axis=0)), y_scale=_numbers(values.std(axis=0)))
    cases = None if weights is None else case_weights(weights, len(y))
    return Dataset(coded, y, columns, scaling, row_labels(x, len(coded)), cases, offset, steps=steps)


def case_weights(weights: Any, count: int) -> np.ndarray:
    """Case weights (n,), checked: none negative, not all zero."""
    values = _numeric("weights", weights)
    if values.shape != (count,):
        raise ValueError(f"weights must have shape ({count},), one per row, got {values.shape}")
    checks.finite("weights", values)
    if (values < 0).any() or not values.any():
        found = f"{int((values < 0).sum())} negative one(s)" if values.any() else "zeros only"
        raise ValueError(f"weights must be at least zero and not all zero, got {found}")
    return values


def new_offset(offset: Any, count: int) -> np.ndarray | None:
    """A checked offset (n,); a single number applies to all rows."""
    if offset is None:
        return None
    values = _numeric("offset", offset)
    if values.shape not in ((), (count,)):
        raise ValueError(f"offset must be a number or have shape ({count},), one per row, got {values.shape}")
    checks.finite("offset", np.atleast_1d(values))
    return np.broadcast_to(values, (count,)).copy()


def new_inputs(columns: Columns, scaling: Scaling, x: Any) -> np.ndarray:
    """Rows to predict at, coded and scaled as at fit time; sequences are padded to at least the steps of the fit."""
    coded = code(columns, x)
    if not len(coded):
        raise ValueError("x is empty: at least one row is needed")
    check_finite("x", columns, coded)
    return scaling.inputs(coded)


def check_finite(name: str, columns: Columns, coded: np.ndarray) -> None:
    """Refuse NaN and infinities in a table; sequences have been checked when they were coded."""
    if columns.kind == TABLE:
        checks.finite(name, coded, columns.inputs)


def learn_columns(x: Any, reads: Reads = Reads()) -> Columns:
    """Names and categories of a table, from a DataFrame or x0, x1, ... for an array; kind and size of sequences."""
    kind, (vocabulary, source) = sequences.kind_of(x, reads.vocabulary), reads
    if vocabulary is not None:
        steps = sequences.token_ids(x, vocabulary, source).shape[1]
        return Columns((), (), False, kind, steps, vocabulary, source)
    if kind == NUMBERS:
        _, steps, features = np.shape(x)
        return Columns(tuple(f"x{i}" for i in range(features)), (None,) * features, False, kind, steps, source=source)
    if _is_frame(x):
        names = tuple(str(c) for c in x.columns)
        checks.column_names(names)
        return Columns(names, tuple(categories_of(x[c]) for c in x.columns), named=True)
    checks.two_dimensional("x", np.shape(x))
    names = tuple(f"x{i}" for i in range(np.shape(x)[1]))
    checks.column_names(names)
    return Columns(names, (None,) * len(names), named=False)


def code(columns: Columns, x: Any) -> np.ndarray:
    """A table as float64 (n, p), categories as indicators; sequences are padded to at least the steps of the fit."""
    if columns.kind == TOKENS:
        return sequences.to_steps(sequences.token_ids(x, columns.vocabulary, columns.source), columns.steps)
    if columns.kind == NUMBERS:
        return sequences.to_steps(sequences.numbers(x, len(columns.names), columns.source), columns.steps)
    if not _is_frame(x):
        checks.two_dimensional("x", np.shape(x))
        checks.columns(columns.names, [""] * np.shape(x)[1], named=False)
        if any(cats is not None for cats in columns.categories):
            raise ValueError("x must be a DataFrame: the fit has categorical columns, which an array cannot name")
        # contiguous, so that sums do not depend on the memory layout, not even in the last bit
        return np.ascontiguousarray(_numeric("x", x))
    checks.columns(columns.names, [str(c) for c in x.columns], columns.named)
    blocks = []
    for i, cats in enumerate(columns.categories):
        series = x.iloc[:, i]
        if cats is None:
            blocks.append(_numeric(f"column {columns.names[i]!r}", series.to_numpy())[:, None])
        else:
            blocks.append(indicators(columns.names[i], cats, series))
    return np.concatenate(blocks, axis=1) if blocks else np.empty((len(x), 0))


def row_labels(x: Any, count: int) -> np.ndarray:
    """Labels of the rows: the index of a pandas table, else 0, 1, ..."""
    return np.asarray(x.index) if _is_frame(x) and x.index.nlevels == 1 else np.arange(count)


def numeric_target(y: Any) -> np.ndarray:
    """A target as float64, (n,) or (n, K); a single column becomes (n,)."""
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
            values = np.ma.filled(values.astype(np.float64), np.nan)  # masked values are missing
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers, got {np.asarray(values).dtype}: {error}") from None


def same_index(x: Any, y: Any) -> None:
    """Refuse a pandas table and target whose indexes differ."""
    if _is_frame(x) and hasattr(y, "index") and hasattr(y, "to_numpy") and not x.index.equals(y.index):
        raise ValueError("x and y must have the same index, got different ones: align them, or pass y.to_numpy()")


def input_scaling(columns: Columns, coded: np.ndarray, standardize: bool) -> Scaling:
    """Centre and scale of each input, for sequences over real steps; 0 and 1 where nothing is standardised."""
    if columns.kind == TOKENS or not standardize:
        width = len(columns.inputs)
        return Scaling((0.0,) * width, (1.0,) * width)
    x = coded if columns.kind == TABLE else coded[sequences.real_steps(coded)]
    # the computed sd of a constant is a rounding error, not zero
    scale = np.where(np.ptp(x, axis=0) > 0, x.std(axis=0), 1.0)
    return Scaling(_numbers(x.mean(axis=0)), _numbers(scale))


def _numbers(values: np.ndarray) -> Any:
    """A float, or a tuple of them."""
    return tuple(map(float, values)) if np.ndim(values) else float(values)


def _is_frame(x: Any) -> bool:
    return hasattr(x, "columns") and hasattr(x, "iloc")
