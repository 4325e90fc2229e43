"""The evidence from a run of parallel tempering, by stepping stones from one temperature to the next."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp


class Stones(NamedTuple):
    """log p(y | model) on the scale the model sees, by chain and draw, and the smallest effective sample size.

    The mean of `values` (chain, draw) is the estimate; each value is what its draw adds to it, to first order, so that
    the standard error of a mean is that of the estimate.
    """

    values: np.ndarray
    ess: float


def stepping_stones(levels: np.ndarray, temperatures: np.ndarray) -> Stones:
    """The evidence from log likelihoods (chain, draw, K) at temperatures (chain, K) that fall from 1 to 0.

    log Z = sum_k log E_{k+1} exp((t_k - t_{k+1}) l), l the log likelihood of a draw at the hotter temperature t_{k+1}:
    W. Xie, P. Lewis, Y. Fan, L. Kuo and M.-H. Chen (2011), Improving marginal likelihood estimation for Bayesian
    phylogenetic model selection, Systematic Biology 60, 150-160, equation (11).
    """
    steps = temperatures[:, None, :-1] - temperatures[:, None, 1:]
    log_weights = steps * levels[:, :, 1:]
    log_means = logsumexp(log_weights, axis=1, keepdims=True) - np.log(levels.shape[1])
    relative = np.exp(log_weights - log_means)
    values = log_means.sum(axis=2) + (relative - 1.0).sum(axis=2)
    return Stones(values, _smallest(relative))


def _smallest(weights: np.ndarray) -> float:
    """The smallest effective number of weights (chain, draw, step), over the steps, summed over chains."""
    per_chain = weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)
    return float(per_chain.sum(axis=0).min())


def temperature_table(levels: np.ndarray, temperatures: np.ndarray, swap_rates: np.ndarray) -> Any:
    """By temperature: its mean over chains, swaps accepted with the next hotter one, mean and sd of log likelihoods."""
    import pandas as pd

    return pd.DataFrame(
        {
            "temperature": temperatures.mean(axis=0),
            "acceptance": np.append(swap_rates.mean(axis=(0, 1)), np.nan),
            "log_likelihood": levels.mean(axis=(0, 1)),
            "sd": levels.std(axis=(0, 1)),
        }
    )
