"""A linear model of the data, which each chain of an ensemble should predict better than."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bayesnn.data.dataset import Dataset
from bayesnn.data.sequences import TABLE
from bayesnn.fitting.fit import Fit
from bayesnn.fitting.pointwise import log_predictive_by_chain
from bayesnn.likelihoods import Likelihood

RIDGE = 1.0  # penalty on coefficients of standardised columns


class Bar(NamedTuple):
    """Mean log predictive density of a training row: of each chain (chain,), and of the linear model."""

    chains: np.ndarray
    linear: float

    @property
    def failed(self) -> tuple[int, ...]:
        """Chains below the linear model."""
        return tuple(int(i) for i in np.flatnonzero(~(self.chains >= self.linear)))


def against_linear(fit: Fit) -> Bar:
    """Each chain's log predictive density of the training rows beside that of a linear model.

    For a continuous target the model is a ridge regression with normal errors (for sequences, a constant), for classes
    it is their frequencies, for counts a constant rate.
    """
    weights = np.ones(len(fit.data.x)) if fit.data.weights is None else fit.data.weights
    linear = linear_log_density(fit.data, fit.model.likelihood) * weights
    return Bar(log_predictive_by_chain(fit).sum(axis=1) / weights.sum(), float(linear.sum() / weights.sum()))


def linear_log_density(data: Dataset, likelihood: Likelihood) -> np.ndarray:
    """Log density (n,) of the training rows under the linear model, in units of y; summed over steps with targets."""
    from scipy import stats

    if data.steps is not None:
        rows, _ = np.nonzero(data.steps)
        offset = None if data.offset is None else data.offset[rows]
        each = replace(data, x=data.x[rows], y=data.y[data.steps], offset=offset, steps=None)
        return np.bincount(rows, linear_log_density(each, likelihood), minlength=len(data.y))
    if likelihood.kind == "class":
        counts = np.bincount(data.y.astype(int), minlength=int(data.y.max()) + 1)
        return np.log(counts / counts.sum())[data.y.astype(int)]
    if likelihood.kind == "count":
        exposure = np.exp(np.zeros(len(data.y)) if data.offset is None else data.offset)
        return stats.poisson.logpmf(data.y, exposure * data.y.sum() / exposure.sum())
    x, y = data.scaled()
    x = x if data.columns.kind == TABLE else np.empty((len(x), 0))  # no columns but the constant if x is not a table
    y = y.reshape(len(y), -1)
    y = y if data.shift is None else y - data.shift[:, None]
    columns = np.column_stack([x - x.mean(axis=0), np.ones(len(x))])
    penalty = RIDGE * np.diag(np.append(np.ones(x.shape[1]), 0.0))
    residual = y - columns @ np.linalg.solve(columns.T @ columns + penalty, columns.T @ y)
    return stats.norm.logpdf(residual, scale=residual.std(axis=0)).sum(axis=1) - data.scaling.log_jacobian
