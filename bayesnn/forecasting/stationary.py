"""stationary(fit): the draws of a series' fit whose linear part is stationary."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bayesnn._internal.fitted import of_a_fit
from bayesnn.fitting.fit import Fit
from bayesnn.fitting.inference_data import take_draws
from bayesnn.forecasting.paths import lagged_data

LEAST = 10  # draws per chain: fewer are too few for a forecast, and suggest that the series is not stationary


@of_a_fit
def stationary(fit: Fit) -> Fit:
    """The fit with only those draws whose linear term has all its characteristic roots inside the unit circle.

    These are draws of the posterior under the prior truncated to the stationary region. A network of bounded units
    (logistic, tanh) adds a bounded amount to its linear term, so its paths explode exactly if the linear term does, and
    over long horizons a few such draws dominate a mean or an outer quantile. If most draws are not stationary, use
    another transform: with "difference" it is the transformed series that is stationary. Each chain keeps the same
    number of draws, spaced evenly over those that qualify; the attribute `stationary_share` of the posterior is the
    share that do.

    Parameters
    ----------
    fit : Fit
        Of `bnn.lagged(series, lags)`, with a linear term: `shallow(..., linear=True)` or `"random"`.

    Raises
    ------
    ValueError
        If the fit is not of a series, has no linear term, or a chain has fewer than ten such draws.

    References
    ----------
    A. Gelfand, A. Smith and T.-M. Lee (1992), Bayesian analysis of constrained parameter and truncated data problems
    using Gibbs sampling, Journal of the American Statistical Association 87, 523-532.

    See Also
    --------
    forecast : sample paths of the future
    skeleton : where the map leads without noise

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.data.series.lagged import lagged
    >>> from bayesnn.models.shallow import shallow
    >>> y = np.sin(np.arange(22.0)) + 0.1 * np.cos(17 * np.arange(22.0))
    >>> result = fit(shallow(1, linear=True), lagged(y, lags=2), draws=50, warmup=50, chains=2, progress=False)
    >>> bool(largest_root(stationary(result)).max() < 1)
    True
    """
    inside = largest_root(fit) < 1.0
    few = int(inside.sum(axis=1).min())
    if few < LEAST:
        raise ValueError(
            f"each chain must have at least {LEAST} draws with a stationary linear term, got "
            f"{inside.sum(axis=1).tolist()} of {inside.shape[1]}: fit differences, bnn.lagged(..., "
            'transform="difference"), or take more draws'
        )
    kept = np.stack([np.flatnonzero(row)[np.linspace(0, row.sum() - 1, few).round().astype(int)] for row in inside])
    idata = take_draws(fit.idata, kept)
    idata["posterior"].attrs["stationary_share"] = float(inside.mean())
    return replace(fit, idata=idata, state=None)


def largest_root(fit: Fit) -> np.ndarray:
    """Modulus of the largest characteristic root of each draw's linear term (chain, draw)."""
    data = lagged_data(fit)
    if "linear" not in fit.idata["posterior"]:
        raise ValueError("a fit must have a linear term for its roots to exist, got none: give linear=True")
    slopes = fit.idata["posterior"]["linear"].to_numpy()[:, :, : len(data.lags)]
    slopes = slopes.reshape(*slopes.shape[:3], -1)[..., 0]  # of the mean, the first output
    scaling = fit.data.scaling
    scale = np.ravel(scaling.y_scale)[0] / np.asarray(scaling.x_scale)[: len(data.lags)]
    order = data.lags[-1]
    companion = np.zeros((*slopes.shape[:2], order, order))
    companion[..., 0, np.array(data.lags) - 1] = slopes * scale
    companion[..., 1:, :-1] = np.eye(order - 1)
    return np.abs(np.linalg.eigvals(companion)).max(axis=-1)
