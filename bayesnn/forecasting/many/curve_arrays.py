"""The curves of a bucket's series as arrays: every candidate of every series, in its own scale, padded at its start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bayesnn.forecasting.many.curves import CURVES

LEAST_SCALE = 1e-9
MISSING, OBSERVED = 1, 2


class CurveArrays(NamedTuple):
    """u and kind (s, c, rows), columns x (s, rows, e), and by series and curve (s, c) origin, scale and log |du/dy|.

    kind: 0 before a series starts, 1 where it is missing, 2 where it is observed. The logarithm is summed over the
    observations, and minus infinity if a series has no such curve.
    """

    u: np.ndarray
    kind: np.ndarray
    origin: np.ndarray
    scale: np.ndarray
    log_slope: np.ndarray
    x: np.ndarray


def curve_arrays(
    series: Sequence[np.ndarray], rows: int, periods: tuple[int, ...], columns: Sequence[np.ndarray] | None = None
) -> CurveArrays:
    """Curves of series (n,) with NaN where they are missing, and their exogenous columns (n, e), if there are any."""
    columns = [np.zeros((len(values), 0)) for values in series] if columns is None else columns
    shape = len(series), len(CURVES)
    u, kind = np.zeros((*shape, rows)), np.zeros((*shape, rows), int)
    origin, scale, log_slope = np.zeros(shape), np.ones(shape), np.full(shape, -np.inf)
    x = np.zeros((len(series), rows, columns[0].shape[1]))
    for i, values in enumerate(series):
        seen, start = np.isfinite(values), rows - len(values)
        x[i, start:] = columns[i]
        for j, curve in enumerate(CURVES.values()):
            if curve.allowed(values[seen]):
                now = np.where(seen, curve.forward(np.where(seen, values, 1.0)), np.nan)
                origin[i, j], scale[i, j] = now[seen][0], scale_of(_less_columns(now, columns[i]), periods)
                u[i, j, start:] = np.where(seen, (now - origin[i, j]) / scale[i, j], 0.0)
                kind[i, j, start:] = np.where(seen, OBSERVED, MISSING)
                log_slope[i, j] = curve.log_slope(values[seen]).sum() - seen.sum() * np.log(scale[i, j])
    return CurveArrays(u, kind, origin, scale, log_slope, x)


def _less_columns(u: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A curve (n,) less what a regression of its differences on those of columns (n, e) explains, if there are rows.

    What columns explain would make the errors seem small beside the differences, by which their variance is judged.
    """
    difference, changes = np.diff(u), np.diff(x, axis=0)
    keep = np.isfinite(difference)
    if not x.shape[1] or keep.sum() < 4 * (x.shape[1] + 1):
        return u
    design = np.column_stack([changes[keep], np.ones(keep.sum())])
    return u - x @ np.linalg.lstsq(design, difference[keep], rcond=1e-8)[0][:-1]


def scale_of(u: np.ndarray, periods: tuple[int, ...]) -> float:
    """Sd of the differences of a curve (n,) around the means of their season, from those that are observed.

    The season is the longest one of which there are more than two.
    """
    difference = np.diff(u)
    keep = np.isfinite(difference)
    period = next((one for one in reversed(periods) if keep.sum() > 2 * one), 1)
    difference, phase = difference[keep], np.flatnonzero(keep) % period
    smallest = max(LEAST_SCALE * float(np.nanmax(np.abs(u))), float(np.finfo(float).tiny ** 0.25))
    if len(difference) < 2:
        return max(float(np.nanstd(u)), smallest)
    counts = np.maximum(np.bincount(phase, minlength=period), 1)
    means = np.bincount(phase, difference, period) / counts
    squares = float(np.sum((difference - means[phase]) ** 2))
    least = 1e-3 * float(np.sqrt(np.mean(difference**2)))  # a straight line has none
    return max(float(np.sqrt(squares / max(len(difference) - period, 1))), least, smallest)
