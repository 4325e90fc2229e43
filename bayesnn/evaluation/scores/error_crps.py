"""CRPS of a distribution itself, in place of draws from it: for predictions that have a single draw, such as a mode."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import numpyro.distributions as dist
from scipy import special

from bayesnn.evaluation.scores.calibration import crps
from bayesnn.evaluation.scores.predictive import NormalPredictive

RESPONSES = 4000  # draws to simulate where no closed form is known


def error_crps(distribution: Any, y: np.ndarray, key: jax.Array) -> np.ndarray:
    """CRPS (n, ...) of distributions (n, ...) at y: in closed form for the package's likelihoods, else by simulation.

    References
    ----------
    See `NormalPredictive` for the normal distribution; A. Jordan, F. Krüger and S. Lerch (2019), Evaluating
    probabilistic forecasts with scoringRules, Journal of Statistical Software 90(12), appendix A, for the t, Poisson
    and negative binomial distributions.

    Examples
    --------
    >>> error_crps(dist.Normal(0.0, 1.0), np.zeros(1), jax.random.key(0)).round(4).item()  # (sqrt 2 - 1) / sqrt pi
    0.2337
    """
    each = distribution.base_dist if isinstance(distribution, dist.Independent) else distribution
    match each:
        case dist.Normal():
            return NormalPredictive(np.asarray(each.loc), np.asarray(each.scale)).crps(y)
        case dist.StudentT():
            return _t(np.asarray(each.df), np.asarray(each.loc), np.asarray(each.scale), y)
        case dist.Poisson():
            return _poisson(np.asarray(each.rate), y)
        case dist.GammaPoisson():
            return _negative_binomial(np.asarray(each.concentration), np.asarray(each.rate), y)
    return crps(np.asarray(distribution.sample(key, (RESPONSES,))), y)


def _t(df: Any, location: Any, scale: Any, y: np.ndarray) -> np.ndarray:
    """CRPS of a t distribution with more than one degree of freedom."""
    from scipy import stats  # imported here and below, since it takes longer to import than the package

    z = (y - location) / scale
    pairs = 2 * np.sqrt(df) / (df - 1) * np.exp(special.betaln(0.5, df - 0.5) - 2 * special.betaln(0.5, df / 2))
    density = stats.t.pdf(z, df) * (df + z**2) / (df - 1)
    return scale * (z * (2 * stats.t.cdf(z, df) - 1) + 2 * density - pairs)


def _poisson(rate: Any, y: np.ndarray) -> np.ndarray:
    from scipy import stats

    below, at = stats.poisson.cdf(y, rate), stats.poisson.pmf(y, rate)
    pairs = rate * (special.i0e(2 * rate) + special.i1e(2 * rate))
    return (y - rate) * (2 * below - 1) + 2 * rate * at - pairs


def _negative_binomial(size: Any, rate: Any, y: np.ndarray) -> np.ndarray:
    """CRPS of counts whose rates are gamma distributed, with `size` as shape."""
    from scipy import stats

    p = rate / (1.0 + rate)
    odds = (1.0 - p) / p**2
    pairs = special.hyp2f1(size + 1, 0.5, 2.0, -4.0 * odds)
    below = 2 * stats.nbinom.cdf(y, size, p) - 1
    return y * below - size * odds * (p * (2 * stats.nbinom.cdf(y - 1, size + 1, p) - 1) + pairs)
