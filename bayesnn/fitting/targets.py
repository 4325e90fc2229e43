"""Targets with a value at every step of a sequence: checked against the steps of x, and kept beside its padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayesnn._internal.numbers import as_array
from bayesnn.data import sequences
from bayesnn.data.columns import Columns, code
from bayesnn.data.sequences import TABLE
from bayesnn.likelihoods import Likelihood
from bayesnn.models.model import Model

NO_CLASS = -1  # the code of a padded step


def output_steps(model: Model, columns: Columns, x: Any, coded: np.ndarray | None = None) -> np.ndarray | None:
    """Mask (n, time) of the steps of x that have a target each, as x is given; None where a row has one target.

    `coded` is x as `code` returns it, made here if it is not given.
    """
    if columns.kind == TABLE:
        return None
    x = columns.read(x)
    coded = code(columns, x) if coded is None else coded
    if not model.per_step(coded.shape[1:]):
        return None
    steps = np.asarray(model.network.steps(coded))
    return sequences.to_width(steps, steps.shape[1] + np.shape(x)[1] - coded.shape[1], fill=False)


def real_values(y: Any, steps: np.ndarray | None) -> Any:
    """Targets of the real steps (m, ...), row after row; y (n, time, ...), or n sequences as long as those of x.

    Without steps, y as it is. Whatever stands at padded steps is ignored, but NaN is taken for padding, which must then
    be that of x.
    """
    if steps is None:
        return y
    values = y.to_numpy() if hasattr(y, "to_numpy") else y
    if isinstance(values, Sequence) and len(values) == len(steps) and len({np.size(row) for row in values}) > 1:
        return _joined(values, steps.sum(axis=1))
    array, masked = as_array("y", values)
    if array.shape[:2] != steps.shape:
        raise ValueError(
            f"y must have a target for every step of x, shape {steps.shape}, since the model gives one output per "
            f"step, got {array.shape}: for one target per row end the layers with Last() or MeanPool()"
        )
    if masked is not None and masked[steps].any():
        row, step = (int(i) for i in np.argwhere(masked.reshape(*steps.shape, -1).any(axis=2) & steps)[0])
        raise ValueError(f"y must have a value at every step of x, got a masked one at row {row}, step {step}")
    if array.dtype.kind == "f":
        missing = np.isnan(array).reshape(*steps.shape, -1).any(axis=2)
        if missing.any() and (missing == steps).any():
            row, step = (int(i) for i in np.argwhere(missing == steps)[0])
            raise ValueError(
                f"y must have a number at every step of x, and NaN, if any, only where x is padded, got "
                f"{array[row, step]} at row {row}, step {step}"
            )
    return array[steps]


def at_steps(values: np.ndarray, steps: np.ndarray | None) -> np.ndarray:
    """Values (m, ...) of the real steps at their places (n, time, ...); padded ones are NaN, or -1 for codes."""
    if steps is None:
        return values
    whole = np.issubdtype(values.dtype, np.integer)
    filled = np.full((*steps.shape, *values.shape[1:]), NO_CLASS if whole else np.nan, values.dtype)
    filled[steps] = values
    return filled


def without_padding(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Values (s, n, time, ...) for the steps (n, time) of x as it was given; padded ones are NaN, or -1 for codes."""
    values = sequences.to_width(values.swapaxes(0, 1).swapaxes(1, 2), steps.shape[1], 0)  # (n, time, s, ...)
    whole = np.issubdtype(values.dtype, np.integer)
    real = steps.reshape(*steps.shape, *(1,) * (values.ndim - 2))
    return np.where(real, values, NO_CLASS if whole else np.nan).swapaxes(1, 2).swapaxes(0, 1)


def encode(likelihood: Likelihood, y: Any, steps: np.ndarray | None) -> np.ndarray:
    """A target as numbers, checked: (n, ...), or (n, time, ...) where every step has one."""
    return at_steps(likelihood.encode(real_values(y, steps)), steps)


def _joined(rows: Sequence[Any], lengths: np.ndarray) -> Any:
    """Sequences of different lengths, one after the other."""
    found = np.array([len(row) for row in rows])
    if (found != lengths).any():
        row = int(np.flatnonzero(found != lengths)[0])
        raise ValueError(
            f"y must have a target for every step of x, got {found[row]} for the {lengths[row]} step(s) of row {row}"
        )
    return np.concatenate([np.asarray(row) for row in rows])
