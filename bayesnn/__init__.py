"""Bayesian neural networks for statisticians: hierarchical priors, exact Gibbs sampling and NUTS, ArviZ throughout."""

from bayesnn import datasets, plots
from bayesnn.diagnose import Diagnosis, diagnose
from bayesnn.fit import Fit, fit
from bayesnn.layers import Dense, Residual
from bayesnn.likelihoods import Bernoulli, Categorical, Gaussian, Heteroskedastic, NegativeBinomial, Poisson, StudentT
from bayesnn.model import Model
from bayesnn.predict import predict, to_frame
from bayesnn.prior_predictive import prior_predictive
from bayesnn.priors import HeavyTailed, Hierarchical, Horseshoe, MuellerRiosInsua, Normal
from bayesnn.relabel import as_sampled
from bayesnn.samplers import HMC, MAP, MCLMC, NUTS, Ensemble, Gibbs, Laplace, Variational
from bayesnn.scores import evaluate
from bayesnn.select import drop_chains, select_chains
from bayesnn.shallow import ShallowHyperparameters, shallow

__all__ = [
    "HMC",
    "MAP",
    "MCLMC",
    "NUTS",
    "Bernoulli",
    "Categorical",
    "Dense",
    "Diagnosis",
    "Ensemble",
    "Fit",
    "Gaussian",
    "Gibbs",
    "HeavyTailed",
    "Heteroskedastic",
    "Hierarchical",
    "Horseshoe",
    "Laplace",
    "Model",
    "MuellerRiosInsua",
    "NegativeBinomial",
    "Normal",
    "Poisson",
    "Residual",
    "ShallowHyperparameters",
    "StudentT",
    "Variational",
    "as_sampled",
    "datasets",
    "diagnose",
    "drop_chains",
    "evaluate",
    "fit",
    "plots",
    "predict",
    "prior_predictive",
    "select_chains",
    "shallow",
    "to_frame",
]
