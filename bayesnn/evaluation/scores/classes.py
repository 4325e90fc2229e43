"""Rules for predicted class probabilities (n, classes) against codes (n,) of what was observed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BINS = 10


class Bins(NamedTuple):
    """Rows sorted into bins of equal width by a predicted probability; empty bins are left out.

    Attributes
    ----------
    predicted, observed : array (bins,)
        Average probability, and share of rows in which the event happened.
    rows : array (bins,)
        Number of rows in the bin.
    weight : array (bins,)
        Total case weight of these rows.
    left : array (bins,)
        Lower edge of the bin.
    """

    predicted: np.ndarray
    observed: np.ndarray
    rows: np.ndarray
    weight: np.ndarray
    left: np.ndarray


def brier(probabilities: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Brier score (n,): squared distance of the probabilities from the indicator of the class, from 0 to 2.

    This is the sum over all classes, as in G. Brier (1950), Monthly Weather Review 78, 1-3; for two classes it is twice
    the square of one probability's error.

    Examples
    --------
    >>> import numpy as np
    >>> brier(np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([0, 1]))
    array([0.5, 0. ])
    """
    return ((probabilities - np.eye(probabilities.shape[1])[codes]) ** 2).sum(axis=1)


def reliability_bins(
    predicted: np.ndarray, happened: np.ndarray, weights: np.ndarray | None = None, bins: int = BINS
) -> Bins:
    """Rows by predicted probability (n,) of an event that happened (n,) or not, in bins of equal width on [0, 1]."""
    number = np.minimum((predicted * bins).astype(int), bins - 1)
    cases = np.ones(len(predicted)) if weights is None else weights
    total = np.bincount(number, cases, bins)
    kept = total > 0
    average, share = (np.bincount(number, cases * v, bins)[kept] / total[kept] for v in (predicted, happened))
    return Bins(average, share, np.bincount(number, minlength=bins)[kept], total[kept], np.flatnonzero(kept) / bins)


def expected_calibration_error(
    probabilities: np.ndarray, codes: np.ndarray, weights: np.ndarray | None = None, bins: int = BINS
) -> float:
    """Expected calibration error: sum_b (n_b / n) |accuracy_b - confidence_b| over bins of the largest probability.

    Ten bins of equal width on [0, 1] by default. It is above zero by chance alone, and more so with fewer rows;
    `bnn.plots.reliability` shows how far.

    References
    ----------
    M. Naeini, G. Cooper and M. Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning, AAAI;
    of the top label: C. Guo, G. Pleiss, Y. Sun and K. Weinberger (2017), On calibration of modern neural networks,
    ICML, equation (3).

    Examples
    --------
    >>> import numpy as np
    >>> expected_calibration_error(np.array([[0.75, 0.25], [0.25, 0.75]]), np.array([0, 0]))
    0.25
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == codes
    binned = reliability_bins(confidence, right, weights, bins)
    gap = np.abs(binned.observed - binned.predicted)
    return float(np.average(gap, weights=binned.weight))
