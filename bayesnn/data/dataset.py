"""From the user's tables and sequences to the arrays that a model sees, and back.

A `Dataset` keeps everything that was learnt from the training rows (column names, categories, centres and scales), so
that new rows are coded in the same way and predictions are converted back to units of y.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.numbers import as_array, column_array, constant, real_numbers, resolution_of
from bayesnn.data import sequences
from bayesnn.data.columns import Columns, code, is_frame, learn_columns, resolutions, row_labels
from bayesnn.data.scales import ROUNDING, center_and_scale, check_beyond_rounding, check_scales
from bayesnn.data.sequences import DIMS, TABLE, TOKENS

DOUBLE = resolution_of(np.dtype(float))


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

    def shift(self, offset: np.ndarray | None) -> np.ndarray | None:
        """An offset (n,) in units of y -> on the scale the model sees; `y_center` is that of y less offset."""
        return None if offset is None else offset / np.asarray(self.y_scale)

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
    `Lagged` from which the rows were made, or None; `groups` (n,), the number of the series that each row belongs to,
    where each has an error variance of its own, else None. Where every step has a target, y is (n, time) and `steps`
    (n, time) says which steps are real. `target` is the name of y in pictures.
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
    groups: np.ndarray | None = None
    target: str = "y"

    @property
    def shift(self) -> np.ndarray | None:
        """The offset (n,) on the scale the model sees; (n, 2) with the numbers of the series, if there are any."""
        return with_codes(self.scaling.shift(self.offset), self.groups)

    @property
    def targets(self) -> Any:
        """Number of targets of each row: 1, or the number of its real steps if each step has a target."""
        return 1 if self.steps is None else self.steps.sum(axis=1)

    @property
    def padded(self) -> bool:
        """Whether a row ends in padding; True for tables, where it makes no difference."""
        return self.columns.kind == TABLE or sequences.any_padding(self.x)

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes of x."""
        return DIMS[self.columns.kind]

    def scaled(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and target on the scale the model sees.

        A class without a code, which has weight zero, becomes the first one: any log likelihood times zero is zero, but
        that of no class is not a number.
        """
        y = self.scaling.target(self.y)
        if self.weights is not None and y.ndim == 1 and np.issubdtype(y.dtype, np.integer):
            y = np.where(self.weights > 0, y, np.maximum(y, 0))
        return self.scaling.inputs(self.x), y


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
    resolution: float = DOUBLE,
) -> Dataset:
    """Check and code inputs x and a numeric target y, (n,) or (n, K), and learn their scaling if `standardize`.

    x is a table (n, p), sequences (n, time, d) or, as `columns` say, token ids (n, time). `columns` and the array
    `coded` by them are those of x, made here if they are not given. `offset` (n,) is as `new_offset` returns it.
    `steps` (n, time) says which steps are real, where each has a target, y (n, time). `resolution` is that of the
    numbers in which the user gave y. Everything is learnt as if each row stood there as often as its case weight says.
    """
    cases = None if weights is None else case_weights(weights, len(y))
    columns = learn_columns(x, used=used_rows(cases)) if columns is None else columns
    coded = code(columns, x, used_rows(cases)) if coded is None else coded
    checks.rows(len(coded), len(y))
    check_finite("x", columns, coded)
    values = y if steps is None else y[steps]
    each = cases if cases is None or steps is None else np.repeat(cases, steps.sum(axis=1))
    checks.finite("y", values)
    if scale_target:
        checks.varying("y", values if each is None else values[each > 0], resolution)
    scaling = input_scaling(columns, coded, standardize, cases, resolutions(columns, x))
    if standardize and scale_target:
        less = _less_offset(values, offset, steps)
        center, scale = center_and_scale(less, each)
        name = "y" if offset is None else "y less its offset"
        check_scales(name, [name] * np.size(scale), np.atleast_1d(scale))
        check_beyond_rounding(name, values, less, each, scale)
        scaling = replace(scaling, y_center=_numbers(center), y_scale=_numbers(scale))
    return Dataset(coded, y, columns, scaling, row_labels(x, len(coded)), cases, offset, steps=steps)


def _less_offset(values: np.ndarray, offset: np.ndarray | None, steps: np.ndarray | None) -> np.ndarray:
    """Targets less the offset of their rows."""
    if offset is None:
        return values
    each = offset if steps is None else np.repeat(offset, steps.sum(axis=1))
    return values - each.reshape(-1, *(1,) * (values.ndim - 1))


def with_codes(shift: np.ndarray | None, codes: np.ndarray | None) -> np.ndarray | None:
    """Offsets (n,), which may be none, beside numbers of series (n,), as models take them: (n, 2)."""
    if codes is None:
        return shift
    return np.stack([np.zeros(len(codes)) if shift is None else shift, codes.astype(float)], axis=-1)


def used_rows(weights: np.ndarray | None) -> np.ndarray | None:
    """Which rows (n,) have a case weight above zero; None if all of them."""
    return None if weights is None or weights.all() else weights > 0


def case_weights(weights: Any, count: int) -> np.ndarray:
    """Case weights (n,), checked: none negative, not all zero."""
    values = real_numbers("weights", weights)
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
    values = real_numbers("offset", offset)
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


def numeric_target(y: Any) -> np.ndarray:
    """A target as float64, (n,) or (n, K); a single column becomes (n,)."""
    try:
        values = real_numbers("y", column_array("y", y) if hasattr(y, "to_numpy") else y)
    except ValueError as error:
        raise ValueError(f"{error}; for labels use Categorical() or Bernoulli()") from None
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim not in (1, 2):
        raise ValueError(f"y must have shape (n,), or (n, outputs) for several outputs, got {values.shape}")
    return values


def target_name(y: Any) -> str:
    """The name of a target: that of a Series, or of the only column of a table; "y" where it has none.

    Examples
    --------
    >>> import pandas as pd
    >>> target_name(pd.Series([1.0, 2.0], name="price")), target_name(np.zeros(2))
    ('price', 'y')
    """
    if is_frame(y) and len(y.columns) == 1:
        return str(y.columns[0])
    name = getattr(y, "name", None)
    return "y" if name is None or not isinstance(name, str | int | tuple) else str(name)


def target_names(y: Any) -> tuple[str, ...]:
    """Names of the outputs of a target (n, K): a DataFrame's columns, or y0, y1, ...; none for a single output."""
    shape = y.shape if hasattr(y, "shape") else as_array("y", y)[0].shape
    count = shape[1] if len(shape) == 2 else 1
    if count == 1:
        return ()
    return tuple(map(str, y.columns)) if is_frame(y) else tuple(f"y{i}" for i in range(count))


def input_scaling(
    columns: Columns,
    coded: np.ndarray,
    standardize: bool,
    weights: np.ndarray | None = None,
    resolution: Any = DOUBLE,
) -> Scaling:
    """Centre and scale of each input, for sequences over real steps; 0 and 1 where nothing is standardised.

    `weights` (n,) are those of the rows, `resolution` is as `resolutions` returns it.
    """
    if columns.kind == TOKENS or not standardize:
        width = len(columns.inputs)
        return Scaling((0.0,) * width, (1.0,) * width)
    x = coded
    if columns.kind != TABLE:
        real = sequences.real_steps(coded)
        x, weights = coded[real], None if weights is None else np.repeat(weights, real.sum(axis=1))
    center, scale = center_and_scale(x, weights)
    # the computed sd of a constant is a rounding error, not zero; so is one that rows of hardly any weight make
    used = x if weights is None else x[weights > 0]
    scale = np.where(constant(used, resolution), 1.0, scale)
    if weights is not None:
        scale = np.where(scale <= ROUNDING * np.abs(used).max(axis=0), 1.0, scale)
    check_scales("x", columns.inputs, scale)
    return Scaling(_numbers(center), _numbers(scale))


def _numbers(values: np.ndarray) -> Any:
    """A float, or a tuple of them."""
    return tuple(map(float, values)) if np.ndim(values) else float(values)
