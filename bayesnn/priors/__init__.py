"""Priors of the weights: they know weights by name, role and fan-in, and issue the sample statements."""

from bayesnn.priors.around import Around
from bayesnn.priors.base import GaussianPrior, Prior, Sites, Terms
from bayesnn.priors.hierarchical import Hierarchical
from bayesnn.priors.mueller_rios_insua import MuellerRiosInsua
from bayesnn.priors.normal import Normal
from bayesnn.priors.sparse import HeavyTailed, Horseshoe

__all__ = [
    "Around",
    "GaussianPrior",
    "HeavyTailed",
    "Hierarchical",
    "Horseshoe",
    "MuellerRiosInsua",
    "Normal",
    "Prior",
    "Sites",
    "Terms",
]
