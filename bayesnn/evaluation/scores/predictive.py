"""Predictive distributions of a series, one per origin and horizon, in closed form or as draws."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from bayesnn.evaluation.scores.calibration import crps


class Predictive(abc.ABC):
    """Distributions of y at origins (o,) by horizons (h,); every method returns (o, h), in units of y."""

    @property
    @abc.abstractmethod
    def mean(self) -> np.ndarray:
        """Expectation."""

    @abc.abstractmethod
    def quantile(self, probability: float) -> np.ndarray:
        """Quantile: y is below it with this probability."""

    @abc.abstractmethod
    def cdf(self, y: np.ndarray) -> np.ndarray:
        """P(Y <= y)."""

    @abc.abstractmethod
    def crps(self, y: np.ndarray) -> np.ndarray:
        """Continuous ranked probability score, smaller is better."""

    @abc.abstractmethod
    def log_density(self, y: np.ndarray) -> np.ndarray:
        """Natural log of the density at y, larger is better."""


@dataclass(frozen=True, eq=False)
class NormalPredictive(Predictive):
    """Normal distributions with means (o, h) and standard deviations (o, h).

    References
    ----------
    T. Gneiting and A. Raftery (2007), Strictly proper scoring rules, prediction, and estimation, JASA 102, 359-378,
    the expression after equation (21), for the CRPS.

    Examples
    --------
    >>> import numpy as np
    >>> one = NormalPredictive(np.zeros((1, 1)), np.ones((1, 1)))
    >>> one.crps(np.zeros((1, 1))).round(4).item()  # (sqrt 2 - 1) / sqrt pi
    0.2337
    """

    location: np.ndarray
    sd: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        return self.location

    def quantile(self, probability: float) -> np.ndarray:
        return self.location + self.sd * ndtri(probability)

    def cdf(self, y: np.ndarray) -> np.ndarray:
        return ndtr((y - self.location) / self.sd)

    def crps(self, y: np.ndarray) -> np.ndarray:
        z = (y - self.location) / self.sd
        density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
        return self.sd * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / np.sqrt(np.pi))

    def log_density(self, y: np.ndarray) -> np.ndarray:
        return -0.5 * ((y - self.location) / self.sd) ** 2 - np.log(self.sd) - 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True, eq=False)
class SampledPredictive(Predictive):
    """Distributions represented by draws (s, o, h), with a density that is not estimated from these draws.

    `density` maps observed values (o, h) to log densities (o, h).
    """

    draws: np.ndarray
    density: Callable[[np.ndarray], np.ndarray]

    @property
    def mean(self) -> np.ndarray:
        return self.draws.mean(axis=0)

    def quantile(self, probability: float) -> np.ndarray:
        return np.quantile(self.draws, probability, axis=0)

    def cdf(self, y: np.ndarray) -> np.ndarray:
        """Rank of y among the draws, (r + 1/2) / (s + 1), ties counted half: never 0 or 1."""
        below = (self.draws < y).sum(axis=0) + 0.5 * (self.draws == y).sum(axis=0)
        return (below + 0.5) / (len(self.draws) + 1)

    def crps(self, y: np.ndarray) -> np.ndarray:
        return crps(self.draws, y)

    def log_density(self, y: np.ndarray) -> np.ndarray:
        return self.density(y)
