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
    weights = weights_of(fit.data)
    linear = linear_log_density(fit.data, fit.model.likelihood) * weights
    return Bar(log_predictive_by_chain(fit).sum(axis=1) / weights.sum(), float(linear.sum() / weights.sum()))


def weights_of(data: Dataset) -> np.ndarray:
    """Case weights (n,), one where there are none."""
    return np.ones(len(data.y)) if data.weights is None else data.weights


def linear_log_density(data: Dataset, likelihood: Likelihood) -> np.ndarray:
    """Log density (n,) of the training rows under the linear model, in units of y; summed over steps with targets.

    The model is fitted to each row as often as its case weight says, and 0 is given for rows of weight zero.
    """
    from scipy import stats

    if data.steps is not None:
        rows, _ = np.nonzero(data.steps)
        offset, cases = (None if one is None else one[rows] for one in (data.offset, data.weights))
        each = replace(data, x=data.x[rows], y=data.y[data.steps], offset=offset, weights=cases, steps=None)
        return np.bincount(rows, linear_log_density(each, likelihood), minlength=len(data.y))
    weights = weights_of(data)
    if likelihood.kind == "class":
        codes = np.maximum(data.y.astype(int), 0)  # a class without a code, -1, has weight zero
        share = np.bincount(codes, weights) / weights.sum()
        return np.log(np.where(weights > 0, share[codes], 1.0))
    if likelihood.kind == "count":
        exposure = np.exp(np.zeros(len(data.y)) if data.offset is None else data.offset)
        rate = (weights @ data.y) / (weights @ exposure)
        return np.where(weights > 0, stats.poisson.logpmf(data.y, exposure * rate), 0.0)
    x, y = data.scaled()
    x = x if data.columns.kind == TABLE else np.empty((len(x), 0))  # no columns but the constant if x is not a table
    y = y.reshape(len(y), -1)
    offset = data.scaling.shift(data.offset)
    y = y if offset is None else y - offset[:, None]
    columns = np.column_stack([x - np.average(x, axis=0, weights=weights), np.ones(len(x))])
    penalty, counted = RIDGE * np.diag(np.append(np.ones(x.shape[1]), 0.0)), columns * weights[:, None]
    residual = y - columns @ np.linalg.solve(counted.T @ columns + penalty, counted.T @ y)
    scale = np.sqrt(np.average(residual**2, axis=0, weights=weights))
    density = stats.norm.logpdf(residual, scale=scale).sum(axis=1) - data.scaling.log_jacobian
    return np.where(weights > 0, density, 0.0)
