"""Scores of predictions against what was observed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from scipy.special import logsumexp

from bayesnn import _checks
from bayesnn._runtime import as_key, computing
from bayesnn.data import Dataset, code
from bayesnn.draws import function_value, log_density, over_draws
from bayesnn.fit import Fit
from bayesnn.model import Model
from bayesnn.priors import Sites


@computing
def evaluate(fit: Fit, x: Any, y: Any, *, levels: Sequence[float] = (50, 80, 95), key: Any = 0) -> Any:
    """Predictive scores at rows x (n, p) with targets y (n,), averaged over rows, in units of y.

    Parameters
    ----------
    fit : Fit
    x : array or pandas.DataFrame, shape (n, p)
    y : array or pandas.Series, shape (n,)
    levels : sequence of float
        Central predictive intervals, in per cent, whose coverage is counted.
    key : int or jax.Array
        Seed of the simulated responses behind the CRPS.

    Returns
    -------
    pandas.Series
        rmse (of the posterior mean), log_density (of the posterior predictive, natural log), crps, coverage_50, ...

    References
    ----------
    T. Gneiting and A. Raftery (2007), Strictly proper scoring rules, prediction, and estimation, JASA 102, 359-378;
    the CRPS is their equation (21), estimated without bias from the draws.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fit import fit
    >>> from bayesnn.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> result = fit(shallow(2), x, np.sin(2 * x[:, 0]), draws=50, warmup=50, chains=2, progress=False)
    >>> list(evaluate(result, x, np.sin(2 * x[:, 0])).index)
    ['rmse', 'log_density', 'crps', 'coverage_50', 'coverage_80', 'coverage_95']
    """
    import pandas as pd

    wanted = _checks.levels(levels)
    inputs, target = _rows(fit.data, x, y)
    flat = {name: v.reshape(-1, *v.shape[2:]) for name, v in fit.sites().items()}
    scale = float(fit.data.scaling.y_scale)  # type: ignore[arg-type]
    f = over_draws(function_value, fit.model, flat, inputs)
    density = over_draws(log_density, fit.model, flat, inputs, target)
    pit = over_draws(cumulative, fit.model, flat, inputs, target).mean(axis=0)
    nuisance = {name: flat[name][:, None] for name in fit.model.likelihood.dims}
    seed = as_key(key)
    responses = np.asarray(fit.model.likelihood.distribution(f, **nuisance).sample(seed))
    scores = {
        "rmse": scale * float(np.sqrt(np.mean((f.mean(axis=0) - target) ** 2))),
        "log_density": float(np.mean(logsumexp(density, axis=0) - np.log(len(density)))) - float(np.log(scale)),
        "crps": scale * float(np.mean(crps(responses, target))),
    }
    covered = {f"coverage_{level:g}": float(np.mean(np.abs(pit - 0.5) <= level / 200)) for level in wanted}
    return pd.Series(scores | covered, name="score")


@computing
def probability_transform(fit: Fit, x: Any, y: Any) -> np.ndarray:
    """Probability integral transform (n,): P(Y <= y | data) under the posterior predictive, uniform if calibrated."""
    inputs, target = _rows(fit.data, x, y)
    flat = {name: v.reshape(-1, *v.shape[2:]) for name, v in fit.sites().items()}
    return over_draws(cumulative, fit.model, flat, inputs, target).mean(axis=0)


def cumulative(model: Model, sites: Sites, x: jax.Array, y: jax.Array) -> jax.Array:
    """P(Y_i <= y_i | one draw) (n,)."""
    nuisance = {name: sites[name] for name in model.likelihood.dims}
    return model.likelihood.distribution(model.function(sites, x), **nuisance).cdf(y)


def crps(draws: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Continuous ranked probability score (n,) of draws (s, n): E|Y - y| - E|Y - Y'|/2, smaller is better.

    The second mean runs over the s (s - 1) pairs of different draws, by way of the order statistics.

    Examples
    --------
    >>> import numpy as np
    >>> crps(np.array([[0.0], [1.0]]), np.array([0.0]))
    array([0.])
    """
    count = len(draws)
    weights = (2 * np.arange(1, count + 1) - count - 1) / (count * (count - 1))
    return np.abs(draws - y).mean(axis=0) - weights @ np.sort(draws, axis=0)


def _rows(data: Dataset, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Rows to score, coded, checked and scaled as at fit time."""
    coded = code(data.columns, x)
    target = np.asarray(y, dtype=np.float64).reshape(-1)
    _checks.rows(len(coded), len(target))
    _checks.finite("x", coded, data.columns.inputs)
    _checks.finite("y", target)
    return data.scaling.inputs(coded), data.scaling.target(target)
