"""How well chains have mixed: R-hat and effective draws of many values, by ArviZ; and nested R-hat."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

RISE = 0.25  # of the sd of levels within halves of chains: less is no matter
DOUBT = 0.05  # probability with which levels that do not rise are taken to do so
TAIL = (0.05, 0.95)  # the quantiles whose effective draws are those of the tails; ArviZ 0.x and 1.x differ here
FEWEST = 4  # draws of a chain that can be judged


class Mixing(NamedTuple):
    """R-hat, and effective draws of the bulk and of the tails, of each value: (...,) each."""

    r_hat: np.ndarray
    ess_bulk: np.ndarray
    ess_tail: np.ndarray

    @property
    def ess(self) -> np.ndarray:
        """The smaller effective number of draws of bulk and tails."""
        return np.minimum(self.ess_bulk, self.ess_tail)


def mixing(values: np.ndarray) -> Mixing:
    """ArviZ's rank-normalised split R-hat and effective draws of draws (chain, draw, ...), of each value: (...,).

    R-hat is NaN for one chain and for a value that never moves; all are NaN for fewer than four draws.

    References
    ----------
    A. Vehtari, A. Gelman, D. Simpson, B. Carpenter and P. Bürkner (2021), Rank-normalization, folding, and
    localization: an improved R-hat, Bayesian Analysis 16, 667-718.

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=(4, 500, 2))
    >>> bool((mixing(draws).r_hat < 1.01).all()), bool((mixing(draws).ess > 1500).all())
    (True, True)
    """
    import arviz as az
    import xarray as xr

    if values.shape[1] < FEWEST:
        nothing = np.full(values.shape[2:], np.nan)
        return Mixing(nothing, nothing, nothing)
    names = ("chain", "draw", *(f"dim_{i}" for i in range(values.ndim - 2)))
    data = xr.Dataset({"value": (names, values)})
    with np.errstate(divide="ignore", invalid="ignore"):
        found = az.rhat(data), az.ess(data, method="bulk"), az.ess(data, method="tail", prob=TAIL)
    return Mixing(*(each["value"].to_numpy() for each in found))


def nested_r_hat(values: np.ndarray, superchains: int) -> np.ndarray:
    """Nested R-hat of draws (chain, draw, ...) whose chains form `superchains` consecutive groups, each with one start.

    sqrt(1 + B/W): B is the variance between the means of superchains; W is the variance within them, that between the
    means of their chains plus that within the chains. For stationary chains of N > 1 independent draws, M per
    superchain, it is about sqrt(1 + 1/(M (N + 1))): many chains make it small, whereas R-hat needs long chains.

    References
    ----------
    C. Margossian, M. Hoffman, P. Sountsov, L. Riou-Durand, A. Vehtari and A. Gelman (2024), Nested R-hat: assessing the
    convergence of Markov chain Monte Carlo when running many short chains, Bayesian Analysis, definition 2.

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=(128, 5))
    >>> round(float(nested_r_hat(draws, 8)), 1)
    1.0
    """
    grouped = values.reshape(superchains, -1, *values.shape[1:])
    means = grouped.mean(axis=2)
    between_chains = means.var(axis=1, ddof=1) if means.shape[1] > 1 else 0.0
    in_chains = grouped.var(axis=2, ddof=1).mean(axis=1) if grouped.shape[2] > 1 else 0.0
    within = np.mean(between_chains + in_chains, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # a value that never moved: NaN, not converged
        return np.sqrt(1.0 + means.mean(axis=1).var(axis=0, ddof=1) / within)


def rises(levels: np.ndarray) -> bool:
    """Whether levels (chain, draw), log likelihoods say, are on the whole higher in the later half of all chains.

    The rises of independent chains in equilibrium have mean 0 whatever the correlation of their draws, so they are
    compared with each other by a one-sided t test; a rise also counts only from `RISE` on. One chain cannot be judged.

    Examples
    --------
    >>> levels = np.random.default_rng(0).normal(size=(4, 500))
    >>> rises(levels), rises(levels + np.linspace(0, 3, 500))
    (False, True)
    """
    from scipy import stats

    half = levels.shape[1] // 2
    if len(levels) < 2 or half < FEWEST:
        return False
    first, last = levels[:, :half], levels[:, -half:]
    each = last.mean(axis=1) - first.mean(axis=1)
    within = np.sqrt(0.5 * (first.var(axis=1, ddof=1) + last.var(axis=1, ddof=1)).mean())
    error = each.std(ddof=1) / np.sqrt(len(each))
    limit = max(error * stats.t.ppf(1.0 - DOUBT, len(each) - 1), RISE * within)
    return bool(each.mean() > limit)
