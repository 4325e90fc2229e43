"""Whether one method forecasts better than another: the mean difference of their scores and its standard error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Difference(NamedTuple):
    """Mean of paired differences and its standard error."""

    mean: float
    se: float

    @property
    def z(self) -> float:
        """The mean divided by its standard error; 0 if all differences are zero."""
        return self.mean / self.se if self.se > 0 else 0.0


def paired_difference(differences: np.ndarray, overlap: int = 1) -> Difference:
    """Mean difference (n,) of two methods' scores by origin, in the order of time, with a robust standard error.

    Forecasts of several steps share errors with the next `overlap` - 1 origins. The variance of the mean therefore
    contains that number of autocovariances. It is corrected for small samples, and the autocovariances get decreasing
    weights if the variance would otherwise be negative.

    References
    ----------
    F. Diebold and R. Mariano (1995), Comparing predictive accuracy, Journal of Business & Economic Statistics 13,
    253-263; D. Harvey, S. Leybourne and P. Newbold (1997), Testing the equality of prediction mean squared errors,
    International Journal of Forecasting 13, 281-291, equation (9), for the correction; W. Newey and K. West (1987),
    Econometrica 55, 703-708, for the decreasing weights.

    Examples
    --------
    >>> import numpy as np
    >>> paired_difference(np.array([1.0, 3.0]))
    Difference(mean=2.0, se=1.0)
    """
    count = len(differences)
    mean = float(np.mean(differences))
    if count < 2:
        return Difference(mean, float("nan"))
    lags = min(overlap, max(count // 2, 1)) - 1
    centred = differences - mean
    gamma = np.array([centred[k:] @ centred[: count - k] for k in range(lags + 1)]) / count
    long_run = gamma[0] + 2 * gamma[1:].sum()
    if long_run <= 0:
        long_run = gamma[0] + 2 * np.sum(gamma[1:] * (1 - np.arange(1, lags + 1) / (lags + 1)))
    h = lags + 1
    correction = (count + 1 - 2 * h + h * (h - 1) / count) / count
    return Difference(mean, float(np.sqrt(long_run / count / correction)))
