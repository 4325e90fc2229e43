"""Stacking: weights of several predictive distributions, of models or of chains stuck in different modes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from scipy.special import log_softmax, logsumexp, softmax

from bayesnn._internal import checks
from bayesnn._internal.numbers import real_numbers
from bayesnn._internal.runtime import as_key, computing
from bayesnn.evaluation.diagnose import diagnose
from bayesnn.evaluation.loo import K_LIMIT, psis
from bayesnn.evaluation.tempering import systematic
from bayesnn.fitting.assemble import assemble_inference_data
from bayesnn.fitting.fit import Fit
from bayesnn.fitting.pointwise import stored_log_likelihood

CONCENTRATION = (
    1.001  # of the Dirichlet prior, so that models with equal densities get equal weights; Yao et al. (2022)
)
UNITS = ("chain", "mode")


@dataclass(frozen=True, eq=False)
class ChainWeights:
    """Stacking weights of chains, or of groups of chains.

    Attributes
    ----------
    weights : xarray.DataArray, (chain,)
        They sum to one; the chains of a group share theirs equally.
    table : pandas.DataFrame
        One row per group: its chains, weight, elpd (PSIS-LOO of that group alone), mean log likelihood, and the number
        of rows with k-hat above 0.7.
    elpd : float
        Leave-one-out log predictive density of the weighted mixture.
    elpd_equal : float
        The same for equal weights of all chains, which all other functions use.

    See Also
    --------
    stack_chains : chains weighted by how well they predict
    stacked : draws taken by these weights
    """

    weights: Any
    table: Any
    elpd: float
    elpd_equal: float

    @property
    def verdict(self) -> str:
        """What the weights gain, and whether they can be trusted."""
        high = int((self.table["high_k"] > 0).sum())
        doubt = f" {high} group(s) have rows with k-hat above {K_LIMIT}: take the weights as rough." if high else ""
        gain = f"elpd {self.elpd:.2f}, with equal weights {self.elpd_equal:.2f}."
        return f"Stacked: {gain} Use them with stacked(fit, weights).{doubt}"

    def __str__(self) -> str:
        """Verdict and table."""
        return f"{self.verdict}\n\n{self.table.round(3).to_string()}"


@computing
def stack_chains(fit: Fit, *, by: str = "chain") -> ChainWeights:
    """Stacking weights for chains that are stuck in different modes.

    Chains that do not mix visit the modes in proportions that depend on their starting points, not on the posterior.
    Stacking chooses weights with which the mixture of chains predicts left-out rows best. The weighted draws are not
    draws from the posterior, but their predictive distribution is better.

    Parameters
    ----------
    fit : Fit
        With two chains or more.
    by : {"chain", "mode"}
        One weight per chain, or one per group of chains that agree on the function (`diagnose(fit).modes`). Weights of
        groups vary less, because each leave-one-out density is estimated from more draws.

    Returns
    -------
    ChainWeights
        `.weights` has the chain coordinate; `stacked(fit, weights)` makes a fit of them.

    Raises
    ------
    ValueError
        If there is a single chain, or `by` is unknown.

    References
    ----------
    Y. Yao, A. Vehtari and A. Gelman (2022), Stacking for non-mixing Bayesian computations: the curse and blessing of
    multimodal posteriors, JMLR 23(79).

    See Also
    --------
    ChainWeights : what `stack_chains` returns
    stacked : draws taken by these weights
    diagnose : whether the chains agree

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> result = fit(shallow(1), x, x[:, 0], draws=50, warmup=50, chains=2, progress=False)
    >>> stack_chains(result).weights.dims
    ('chain',)
    """
    import pandas as pd
    import xarray as xr

    checks.known("by", by, UNITS)
    log_likelihood = stored_log_likelihood(fit.idata).to_numpy()
    chains = len(log_likelihood)
    if chains < 2:
        raise ValueError("stacking needs at least two chains, got one: fit with chains=8 or so")
    groups = tuple((c,) for c in range(chains)) if by == "chain" else diagnose(fit).modes
    left_out = [psis(log_likelihood[list(group)]) for group in groups]
    densities = np.stack([values for values, _ in left_out], axis=1)
    shares = mixture_weights(densities)
    sizes = np.array([len(group) for group in groups])
    rows = [
        {
            "chains": ", ".join(map(str, group)),
            "weight": share,
            "elpd": values.sum(),
            "log_likelihood": log_likelihood[list(group)].sum(axis=-1).mean(),
            "high_k": int((~(k <= K_LIMIT)).sum()),
        }
        for group, share, (values, k) in zip(groups, shares, left_out, strict=True)
    ]
    weights = np.empty(chains)
    for group, share in zip(groups, shares, strict=True):
        weights[list(group)] = share / len(group)
    coords = {"chain": fit.idata["posterior"]["chain"].to_numpy()}
    return ChainWeights(
        xr.DataArray(weights, coords, ("chain",), "weight"),
        pd.DataFrame(rows).rename_axis("group"),
        mixture_score(densities, shares),
        mixture_score(densities, sizes / chains),
    )


@computing
def stacked(fit: Fit, weights: Any, *, key: Any = 0) -> Fit:
    """A fit whose draws are resampled from the chains by weight, for functions that average over draws.

    Systematic resampling of all draws, shuffled, so that the chains of the result are alike by construction: judge
    convergence on the fit that was given, not on this one.

    Parameters
    ----------
    fit : Fit
    weights : ChainWeights or array of shape (chain,)
        Not negative, with a positive sum.
    key : int or jax.Array

    Returns
    -------
    Fit
        With the weights in the posterior's attribute `stacking_weights`.

    Raises
    ------
    ValueError
        If the number of weights is not the number of chains.

    See Also
    --------
    stack_chains : chains weighted by how well they predict

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> result = fit(shallow(1), x, x[:, 0], draws=50, warmup=50, chains=2, progress=False)
    >>> stacked(result, [0.0, 1.0]).idata["posterior"].attrs["stacking_weights"]
    [0.0, 1.0]
    """
    posterior = fit.idata["posterior"]
    chains, draws = posterior.sizes["chain"], posterior.sizes["draw"]
    share = _shares(weights, chains)
    chosen = _resample(as_key(key), np.repeat(share / draws, draws)).reshape(chains, draws)
    stats = {f"stat {name}": values.to_numpy() for name, values in fit.idata["sample_stats"].data_vars.items()}
    recorded = {n: v.reshape(-1, *v.shape[2:])[chosen] for n, v in (fit.sites() | stats).items()}
    recorded.pop("stat unit_order", None)  # the units are in order already, and stay so
    attrs = dict(posterior.attrs) | {"stacking_weights": share.tolist()}
    return replace(fit, idata=assemble_inference_data(fit.model, fit.data, recorded, attrs))


def mixture_weights(log_densities: np.ndarray) -> np.ndarray:
    """Weights (k,) that maximise sum_i log sum_k w_k p_ik over the simplex, from log p (n, k).

    A Dirichlet(1.001) prior keeps the maximum inside the simplex, so that w = softmax(z) can reach it. The objective is
    concave in w, so there is no other maximum.

    Examples
    --------
    >>> import numpy as np
    >>> mixture_weights(np.log([[0.9, 0.1], [0.1, 0.9]])).round(3).tolist()
    [0.5, 0.5]
    """
    from scipy.optimize import minimize

    rows, columns = log_densities.shape

    def loss(z: np.ndarray) -> tuple[float, np.ndarray]:
        log_weights = log_softmax(z)
        joint = log_densities + log_weights
        total = logsumexp(joint, axis=1)
        gain = np.exp(joint - total[:, None]).sum(axis=0) + CONCENTRATION - 1
        value = total.sum() + (CONCENTRATION - 1) * log_weights.sum()
        return -value / rows, (np.exp(log_weights) * gain.sum() - gain) / rows

    tight = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 10_000}
    return softmax(minimize(loss, np.zeros(columns), jac=True, method="L-BFGS-B", options=tight).x)


def mixture_score(log_densities: np.ndarray, weights: Sequence[float] | np.ndarray) -> float:
    """sum_i log sum_k w_k p_ik from log p (n, k)."""
    return float(logsumexp(log_densities, b=np.asarray(weights), axis=1).sum())


def _shares(weights: Any, chains: int) -> np.ndarray:
    values = real_numbers("weights", weights.weights if isinstance(weights, ChainWeights) else weights)
    if values.shape != (chains,) or not np.isfinite(values).all() or (values < 0).any() or values.sum() <= 0:
        raise ValueError(f"weights must be one number per chain, not negative, {chains} in all, got {values.tolist()}")
    return values / values.sum()


def _resample(key: jax.Array, probabilities: np.ndarray) -> np.ndarray:
    """As many indices as there are probabilities, each drawn within one of its expected count, in random order."""
    key_start, key_order = jax.random.split(key)
    chosen = systematic(key_start, probabilities)
    return chosen[np.asarray(jax.random.permutation(key_order, len(chosen)))]
