"""Bayesian neural networks for statisticians: hierarchical priors, exact Gibbs sampling and NUTS, ArviZ throughout."""

from bayesnn import datasets, plots
from bayesnn.diagnose import Diagnosis, diagnose
from bayesnn.fit import Fit, fit
from bayesnn.layers import Dense
from bayesnn.likelihoods import Gaussian
from bayesnn.model import Model
from bayesnn.predict import predict, to_frame
from bayesnn.prior_predictive import prior_predictive
from bayesnn.priors import MuellerRiosInsua, Normal
from bayesnn.relabel import as_sampled
from bayesnn.samplers import HMC, NUTS, Gibbs
from bayesnn.scores import evaluate
from bayesnn.shallow import ShallowHyperparameters, shallow

__all__ = [
    "HMC",
    "NUTS",
    "Dense",
    "Diagnosis",
    "Fit",
    "Gaussian",
    "Gibbs",
    "Model",
    "MuellerRiosInsua",
    "Normal",
    "ShallowHyperparameters",
    "as_sampled",
    "datasets",
    "diagnose",
    "evaluate",
    "fit",
    "plots",
    "predict",
    "prior_predictive",
    "shallow",
    "to_frame",
]
