"""A model whose Gaussian readout is integrated out during sampling, and drawn exactly afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpyro
from numpyro import handlers

from bayesnn.likelihoods import Gaussian
from bayesnn.models import readout
from bayesnn.models.model import Model
from bayesnn.priors import Sites


@dataclass(frozen=True)
class MarginalModel:
    """The posterior of `model` with the readout (and mu_beta, if the prior has it) integrated out.

    Works for any body. Every gradient-based sampler gains, since the strongest correlations of the posterior are those
    between the readout and the body it multiplies.

    Examples
    --------
    >>> from bayesnn.models.shallow import shallow
    >>> MarginalModel(shallow(2)).model.intercept
    False
    """

    model: Model

    def __post_init__(self) -> None:
        """Raise a ValueError unless the likelihood is Gaussian with one output, so that the readout is Gaussian."""
        likelihood = self.model.likelihood
        if not isinstance(likelihood, Gaussian) or likelihood.outputs:
            several = f" with {len(likelihood.output_labels)}" if likelihood.outputs else ""
            raise ValueError(
                "marginalize=True needs a Gaussian likelihood with one output, got "
                f'{type(likelihood).__name__}{several}: fit with marginalize=False, or use sampler="gibbs", which '
                "integrates the readout of bnn.shallow(...) out where that is possible"
            )

    def __call__(self, x: Any, y: Any, offset: Any = None, weights: Any = None) -> readout.Readout:
        """Issue the sample statements of all but the readout, and the marginal density of y as a factor."""
        shape = x.shape[1:]
        design = self.model.design(self.model.prior.body(self.model.weight_specs(shape)), x)
        prior = self.model.prior.collapsed_readout(self.model.terms(shape))
        precision = self.model.likelihood.nuisance()["sigma"] ** -2
        y = y if offset is None else y - offset.reshape(-1, *(1,) * (y.ndim - 1))
        data = readout.products(*self.model.flatten_steps(x, design, y, weights))
        numpyro.factor("log_marginal", readout.log_marginal(data, prior, precision))
        return readout.solve(data, readout.precision_of(prior), precision)

    def complete(self, key: jax.Array, sites: Sites, x: jax.Array, y: jax.Array, *rows: Any) -> Sites:
        """All sites, given one draw of those that were sampled: adds an exact draw of what was integrated out."""
        key_readout, key_prior = jax.random.split(key)
        # handlers.seed needs a key, which is never used: all sites are given
        latent = handlers.seed(handlers.substitute(self, data=sites), key_prior)
        coefficients = readout.draw(key_readout, latent(x, y, *rows))
        terms = self.model.terms(x.shape[1:])
        missing = self.model.prior.complete(key_prior, terms, coefficients, sites)
        return sites | self.model.readout_sites(terms, coefficients) | missing
