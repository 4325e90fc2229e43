"""The evidence of a linear term and a network of infinitely many units, in closed form, to compare lags of a series.

With sigmoid units whose weights are normal, the function of a network converges to a Gaussian process as the number of
units grows (R. Neal, 1996); for the error function as activation its covariance is an arcsine (C. Williams, 1998,
Computation with infinite neural networks, Neural Computation 10, 1203-1216, equation 11). With the linear term and an
error variance that is integrated out, y = s (f + e), 1/s^2 ~ Gamma(1/2, NOISE_GUESS/2).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from bayesnn._internal.block_cholesky import half_log_det_and_whitened, inner_products

NOISE_WORTH = 1.0  # prior degrees of freedom of the error variance
NOISE_GUESS = 0.01  # prior guess of the error variance, as in `shallow`
FACTOR = 8.0  # neighbouring values of a scale in the search differ by this factor
ROUNDS = 2  # passes of the coordinate search over all scales


class Scales(NamedTuple):
    """Variances relative to the errors': of the linear coefficients and of the network; and of the units' weights."""

    linear: float = 10.0
    network: float = 10.0
    weight: float = 1.0


def log_evidence(x: np.ndarray, y: np.ndarray, scales: Scales) -> float:
    """log p(y | x) up to a constant that depends on the number of rows alone; x (n, p) and y (n,) standardised.

    Examples
    --------
    >>> x = np.linspace(-1.5, 1.5, 40)[:, None]
    >>> y = x[:, 0] ** 2 - (x[:, 0] ** 2).mean()
    >>> log_evidence(x, y, Scales()) > log_evidence(x, y, Scales(network=1e-9))
    True
    """
    return _of_products(inner_products(x) / x.shape[1], y, scales)


def _of_products(products: np.ndarray, y: np.ndarray, scales: Scales) -> float:
    """`log_evidence` from the products (n, n) of all pairs of rows, divided by the number of columns."""
    bias_and_weights = 1.0 + scales.weight * products
    size = np.sqrt(1.0 + 2.0 * np.diag(bias_and_weights))
    network = 2.0 / np.pi * np.arcsin(np.clip(2.0 * bias_and_weights / (size[:, None] * size), -1.0, 1.0))
    covariance = scales.linear * products + scales.network * network
    covariance[np.diag_indices(len(y))] += 1.0
    found = half_log_det_and_whitened(covariance, y)
    if found is None:
        return -np.inf
    half_log_det, whitened = found
    shape = 0.5 * (NOISE_WORTH + len(y))
    squares = np.sum(whitened**2)
    return float(gammaln(shape) - half_log_det - shape * np.log(0.5 * (NOISE_WORTH * NOISE_GUESS + squares)))


def best_scales(x: np.ndarray, y: np.ndarray, start: Scales) -> tuple[float, Scales]:
    """The highest evidence that a search by coordinates finds, and its scales."""
    products = inner_products(x) / x.shape[1]
    best, found = _of_products(products, y, start), start
    for _ in range(ROUNDS):
        before = found
        for name in Scales._fields:
            for factor in (FACTOR, 1.0 / FACTOR):
                while True:
                    tried = found._replace(**{name: getattr(found, name) * factor})
                    value = _of_products(products, y, tried)
                    if not value > best + 1e-3 or not 1e-6 < getattr(tried, name) < 1e8:
                        break
                    best, found = value, tried
        if found == before:
            break
    return best, found
