"""Probability integral transform, coverage and CRPS of a posterior predictive."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from bayesnn._internal.runtime import as_key, computing
from bayesnn.evaluation.scores.rows import scored_rows
from bayesnn.fitting.draws import function_value, over_draws
from bayesnn.fitting.fit import Fit
from bayesnn.models.model import Model
from bayesnn.priors import Sites


@computing
def probability_transform(fit: Fit, x: Any, y: Any, *, offset: Any = None, key: Any = 0) -> np.ndarray:
    """Probability integral transform (n,) or (n, outputs) under the posterior predictive, uniform if calibrated.

    If every step of a sequence has a target, there is one value per real step, row after row.

    P(Y <= y | data) for a continuous y. For counts it is randomised: uniform between P(Y < y | data) and
    P(Y <= y | data), with the seed `key`.

    References
    ----------
    J. Smith (1985), Diagnostic checks of non-standard time series models, Journal of Forecasting 4, 283-291, for the
    randomised transform.
    """
    rows = scored_rows(fit, x, y, offset=offset)
    if fit.model.likelihood.kind == "class":
        raise ValueError("the transform is for numbers, and this fit has classes: see bnn.plots.reliability")
    limits = over_draws(cumulative, fit.model, fit.draws(), rows.inputs, rows.target, rows.offset).mean(axis=0)
    limits = rows.each(limits)
    uniform = np.asarray(jax.random.uniform(as_key(key), limits.shape[:-1]))
    return limits[..., 0] + uniform * (limits[..., 1] - limits[..., 0])


def cumulative(model: Model, sites: Sites, x: jax.Array, y: jax.Array, offset: jax.Array | None = None) -> jax.Array:
    """P(Y_i < y_i) and P(Y_i <= y_i) given one draw, (n, 2) or (n, K, 2); they are equal for a continuous y."""
    nuisance = model.likelihood.nuisance_of(sites)
    distribution = model.likelihood.distribution(function_value(model, sites, x, offset), **nuisance)
    if isinstance(distribution, dist.Independent):
        distribution = distribution.base_dist  # each output by itself
    upper = distribution.cdf(y)
    lower = upper
    if model.likelihood.kind == "count":
        lower = jnp.where(y > 0, distribution.cdf(jnp.maximum(y - 1, 0)), 0.0)
    return jnp.stack([lower, upper], axis=-1)


def coverage(limits: np.ndarray, level: float) -> np.ndarray:
    """Share (n,) of [P(Y < y), P(Y <= y)], limits (n, 2), inside the central interval, `level` in per cent.

    It is 0 or 1 for a continuous y. For counts it is the probability that the randomised transform falls inside, so
    that the expected coverage of a calibrated predictive is exactly its level; intervals of whole numbers lack this.

    References
    ----------
    C. Czado, T. Gneiting and L. Held (2009), Predictive model assessment for count data, Biometrics 65, 1254-1261,
    equation (2), which averages the randomisation out in the same way.

    Examples
    --------
    >>> import numpy as np
    >>> coverage(np.array([[0.5, 0.5], [0.0, 0.5]]), 50)
    array([1. , 0.5])
    """
    low, high = 0.5 - level / 200, 0.5 + level / 200
    lower, upper = limits[..., 0], limits[..., 1]
    width = upper - lower
    inside = np.clip(np.minimum(upper, high) - np.maximum(lower, low), 0.0, None)
    point = ((low <= upper) & (upper <= high)).astype(np.float64)
    return np.where(width > 0, inside / np.where(width > 0, width, 1.0), point)


def crps(draws: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Continuous ranked probability score (n,) of draws (s, n): E|Y - y| - E|Y - Y'|/2, smaller is better.

    The second mean is over the s (s - 1) pairs of different draws, and is computed from the order statistics.

    References
    ----------
    T. Gneiting and A. Raftery (2007), Strictly proper scoring rules, prediction, and estimation, JASA 102, 359-378,
    equation (21).

    Examples
    --------
    >>> import numpy as np
    >>> crps(np.array([[0.0], [1.0]]), np.array([0.0]))
    array([0.])
    """
    count = len(draws)
    weights = (2 * np.arange(1, count + 1) - count - 1) / (count * (count - 1))
    return np.abs(draws - y).mean(axis=0) - np.tensordot(weights, np.sort(draws, axis=0), axes=1)
