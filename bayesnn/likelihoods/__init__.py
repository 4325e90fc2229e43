"""Likelihoods: the distribution of y given the function value."""

from bayesnn.likelihoods.base import Latents, Likelihood, Nuisance, weighted
from bayesnn.likelihoods.categorical import Bernoulli, Categorical, class_probabilities
from bayesnn.likelihoods.counts import NegativeBinomial, Poisson
from bayesnn.likelihoods.gaussian import Gaussian
from bayesnn.likelihoods.heteroskedastic import Heteroskedastic
from bayesnn.likelihoods.labels import as_coordinate
from bayesnn.likelihoods.panel_gaussian import PanelGaussian
from bayesnn.likelihoods.student_t import StudentT

__all__ = [
    "Bernoulli",
    "Categorical",
    "Gaussian",
    "Heteroskedastic",
    "Latents",
    "Likelihood",
    "NegativeBinomial",
    "Nuisance",
    "PanelGaussian",
    "Poisson",
    "StudentT",
    "as_coordinate",
    "class_probabilities",
    "weighted",
]
