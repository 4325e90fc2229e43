"""Posterior probabilities of architectures, with their Monte Carlo standard errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.fitted import of_a_fit
from bayesnn.fitting.fit import Fit
from bayesnn.models.random_architecture import Architecture


@of_a_fit
def architectures(fit: Fit, *, by: str | None = None) -> Any:
    """Posterior probability of each architecture that was visited, beside its prior probability.

    Parameters
    ----------
    fit : Fit
        Of a network whose number of units, linear term or lag order is random.
    by : {"M", "linear_in", "lag_order"}, optional
        One of the random sites alone: all its values, in their order.

    Returns
    -------
    pandas.DataFrame
        Columns probability, prior, se (Monte Carlo standard error of the probability) and ess (effective sample size of
        the indicator of that architecture); one row per combination of the random sites, most probable first. If all or
        none of the draws have an architecture, its se is NaN.

    Raises
    ------
    ValueError
        If no part of the architecture is random, or the part that `by` names is not.

    See Also
    --------
    Geometric : a random number of units
    shallow : the hierarchical shallow network

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.models.random_architecture import Geometric
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> y = np.sin(6 * x[:, 0]) + 0.1 * np.cos(30 * x[:, 0])
    >>> result = fit(shallow(Geometric(0.5, 3)), x, y, draws=50, warmup=50, chains=2, progress=False)
    >>> architectures(result, by="M").index.tolist()
    [0, 1, 2, 3]
    """
    import pandas as pd

    random = random_parts(fit)
    names = list(random.sites())
    if by is not None:
        checks.known("by", by, names)
        names = [by]
    prior = random.probabilities()
    draws = np.stack([fit.idata["posterior"][name].to_numpy() for name in names], axis=-1).astype(int)
    rows = np.unique(draws.reshape(-1, len(names)), axis=0) if by is None else np.array([[v] for v in prior[by]])
    inside = (draws[:, :, None] == rows).all(axis=-1)
    probability, ess = inside.mean(axis=(0, 1)), effective(inside)
    index = pd.MultiIndex.from_arrays(rows.T, names=names) if len(names) > 1 else pd.Index(rows[:, 0], name=names[0])
    columns = {
        "probability": probability,
        "prior": [np.prod([prior[n][v] for n, v in zip(names, row, strict=True)]) for row in rows.tolist()],
        "se": np.sqrt(probability * (1 - probability) / ess),
        "ess": ess,
    }
    table = pd.DataFrame(columns, index=index)
    return table if by is not None else table.sort_values("probability", ascending=False, kind="stable")


def random_parts(fit: Fit) -> Architecture:
    """The random parts of a fit's architecture; a fit with a fixed architecture is refused."""
    if fit.model.architecture is None:
        raise ValueError("the fit must have a random architecture, as of bnn.shallow(bnn.Geometric()), got a fixed one")
    return fit.model.architecture


def effective(inside: np.ndarray) -> np.ndarray:
    """Effective sample sizes of indicators (chain, draw, k); NaN for an indicator that never changes."""
    import arviz as az
    import xarray as xr

    changes = np.ptp(inside.astype(int), axis=(0, 1)) > 0
    sizes = np.full(inside.shape[-1], np.nan)
    if changes.any():
        data = xr.Dataset({"inside": (("chain", "draw", "k"), inside[..., changes].astype(float))})
        sizes[changes] = az.ess(data, method="mean")["inside"].to_numpy()
    return sizes
