"""Scores of the M competitions of forecasts, value by value.

S. Makridakis, E. Spiliotis and V. Assimakopoulos (2020), The M4 competition: 100,000 time series and 61 forecasting
methods, International Journal of Forecasting 36, 54-74, section 3.2.
"""

from __future__ import annotations

import numpy as np


def smape(y: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    """Symmetric absolute percentage error of forecasts of y (...), from 0 to 200; 0 where both are zero.

    Examples
    --------
    >>> smape(np.array([3.0, 0.0]), np.array([1.0, 0.0]))
    array([100.,   0.])
    """
    size = np.abs(y) + np.abs(forecast)
    return 200 * np.abs(y - forecast) / np.where(size > 0, size, 1.0)


def interval_score(y: np.ndarray, low: np.ndarray, high: np.ndarray, level: float = 95.0) -> np.ndarray:
    """Interval score of y (...): the width, plus 200 / (100 - level) times the distance of values outside it.

    Divided by the scale of MASE and averaged it is the MSIS, equation (1) there. `level` is in per cent.

    Examples
    --------
    >>> interval_score(np.array([1.0, 4.0]), np.array([0.0, 0.0]), np.array([3.0, 3.0])).round(6)
    array([ 3., 43.])
    """
    missed = np.maximum(low - y, 0) + np.maximum(y - high, 0)
    return high - low + 200 / (100 - level) * missed
