"""Bayesian neural networks for statisticians: hierarchical priors, exact Gibbs sampling and NUTS, ArviZ throughout."""

from bayesnn import datasets
from bayesnn.fit import Fit, fit
from bayesnn.layers import Dense
from bayesnn.likelihoods import Gaussian
from bayesnn.model import Model
from bayesnn.priors import MuellerRiosInsua, Normal
from bayesnn.samplers import HMC, NUTS, Gibbs
from bayesnn.shallow import ShallowHyperparameters, shallow

__all__ = [
    "HMC",
    "NUTS",
    "Dense",
    "Fit",
    "Gaussian",
    "Gibbs",
    "Model",
    "MuellerRiosInsua",
    "Normal",
    "ShallowHyperparameters",
    "datasets",
    "fit",
    "shallow",
]
