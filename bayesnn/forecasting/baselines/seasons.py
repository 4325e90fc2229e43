"""Seasonal indices by classical decomposition, as the M competitions adjust their series."""

from __future__ import annotations

import numpy as np

TAIL = 1.645  # two-sided 10% of a normal distribution


def is_seasonal(values: np.ndarray, period: int) -> bool:
    """Whether the autocorrelation at lag `period` is outside its 90% limits, by Bartlett's formula.

    At least three whole periods are needed; with fewer the result is False.
    """
    if period == 1 or len(values) < 3 * period:
        return False
    centred = values - values.mean()
    total = centred @ centred
    if total == 0:
        return False
    r = np.array([centred[k:] @ centred[: len(centred) - k] for k in range(1, period + 1)]) / total
    return bool(abs(r[-1]) > TAIL * np.sqrt((1 + 2 * np.sum(r[:-1] ** 2)) / len(values)))


def seasonal_indices(values: np.ndarray, period: int) -> tuple[np.ndarray, bool]:
    """Indices (period,) of the phases t mod period, and whether they are additive rather than multiplicative.

    They are multiplicative if all values are above zero. Without significant seasonality they are all one, or all zero
    if additive.

    References
    ----------
    R. Hyndman and G. Athanasopoulos (2021), Forecasting: Principles and Practice, 3rd edition, OTexts, section 3.4.

    Examples
    --------
    >>> season, additive = seasonal_indices(np.tile([1.0, 3.0], 10), 2)
    >>> season, additive
    (array([0.5, 1.5]), False)
    """
    additive = bool((values <= 0).any())
    if not is_seasonal(values, period):
        return (np.zeros if additive else np.ones)(period), additive
    trend, at = moving_average(values, period)
    middle = values[at]
    detrended = middle - trend if additive else middle / trend
    season = np.array([detrended[at % period == phase].mean() for phase in range(period)])
    return (season - season.mean() if additive else season / season.mean()), additive


def moving_average(values: np.ndarray, period: int) -> tuple[np.ndarray, np.ndarray]:
    """Centred moving average over a period (if it is even, with half weights at both ends), and its times."""
    weights = np.ones(period) if period % 2 else np.r_[0.5, np.ones(period - 1), 0.5]
    trend = np.convolve(values, weights / period, mode="valid")
    return trend, np.arange(len(trend)) + len(weights) // 2
