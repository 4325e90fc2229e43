"""Likelihoods: y given the function value."""

from bayesnn.likelihoods.base import Likelihood, Nuisance
from bayesnn.likelihoods.gaussian import Gaussian

__all__ = ["Gaussian", "Likelihood", "Nuisance"]
