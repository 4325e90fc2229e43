"""Centres and scales of columns, each row counted by its weight, and scales that are none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayesnn._internal.numbers import LARGEST, ROUNDINGS, resolution_of

ROUNDING = ROUNDINGS * resolution_of(np.dtype(float))  # the relative size of differences that may be errors of rounding


def check_scales(name: str, columns: Sequence[str], scale: np.ndarray) -> None:
    """Refuse numbers that vary by so little that their squares are zero."""
    small = np.flatnonzero(scale < 1.0 / LARGEST)
    if len(small):
        where = f"column {columns[small[0]]!r} of {name}" if len(columns) > 1 or name == "x" else name
        raise ValueError(
            f"{where} must have a standard deviation of at least {1.0 / LARGEST:g}, got {scale[small[0]]:.6g}, whose "
            "square is no number: use other units"
        )


def check_beyond_rounding(
    name: str, values: np.ndarray, less: np.ndarray, weights: np.ndarray | None, scale: np.ndarray
) -> None:
    """Refuse a target that varies by no more than rounding errors once its offset is subtracted or rows are weighted.

    Values of y alone have been checked: as few of them may differ as the user likes, which weights and offsets hide.
    """
    used = slice(None) if weights is None else weights > 0
    size = np.abs(values[used]).max(axis=0) + np.abs(values[used] - less[used]).max(axis=0)
    hidden = np.ptp(less[used], axis=0) <= ROUNDING * size if less is not values else np.zeros(np.shape(scale), bool)
    if weights is not None:
        hidden = hidden | (scale <= ROUNDING * size)
    if np.any(hidden):
        counted = "" if weights is None else ", each row counted by its weight,"
        raise ValueError(
            f"{name} must vary{counted} by more than rounding errors, which it does not: nothing can be learnt"
        )


def center_and_scale(values: np.ndarray, weights: np.ndarray | None) -> tuple[Any, Any]:
    """Mean and sd over the rows of values (n, ...), each row counted as often as its case weight says."""
    if weights is None:
        return values.mean(axis=0), values.std(axis=0)
    used = weights > 0
    share = weights[used] / weights[used].max()  # of any size, the sum stays a double
    share, rows = share / share.sum(), values[used]
    center = np.tensordot(share, rows, axes=1)
    return center, np.sqrt(np.tensordot(share, (rows - center) ** 2, axes=1))
