"""Independent normal weights, scaled by fan-in."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist

from bayesnn import _checks
from bayesnn.layers import Weight, Weights
from bayesnn.priors.base import GaussianPrior, Prior, Sites, Terms


@dataclass(frozen=True)
class Normal(Prior):
    """Every kernel weight ~ N(0, scale^2/fan_in), every bias ~ N(0, scale^2), readout ~ N(0, readout_scale^2/units).

    The scaling keeps the prior variance of the function from growing with the width (R. Neal, 1996, Bayesian Learning
    for Neural Networks, section 2.1). Intercept and linear coefficients, where the model has them, are N(0, extra^2).

    Parameters
    ----------
    scale, readout_scale, extra : float
        The three standard deviations above.

    Examples
    --------
    >>> Normal(scale=2.0)
    Normal(scale=2.0, readout_scale=1.0, extra=1.0)
    """

    scale: float = 1.0
    readout_scale: float = 1.0
    extra: float = 1.0

    def __post_init__(self) -> None:
        """Refuse scales that are not positive."""
        for name in ("scale", "readout_scale", "extra"):
            _checks.positive(name, getattr(self, name))

    def check(self, table: dict[str, Weight]) -> None:
        """Any network will do."""

    def body(self, table: dict[str, Weight]) -> Weights:
        """One normal site a weight array."""
        return {
            name: numpyro.sample(name, dist.Normal(0.0, self._sd(w)).expand(w.shape).to_event(len(w.shape)))
            for name, w in table.items()
        }

    def readout(self, terms: Terms) -> tuple[jax.Array, jax.Array]:
        """Zero means and fixed standard deviations."""
        of_unit = jnp.arange(terms.size) < terms.units
        return jnp.zeros(terms.size), jnp.where(of_unit, self.readout_scale / terms.units**0.5, self.extra)

    def collapsed_readout(self, terms: Terms) -> GaussianPrior:
        """The same as a joint normal: there is nothing more to integrate."""
        mean, sd = self.readout(terms)
        return GaussianPrior(mean, jnp.diag(sd**2))

    def complete(self, key: jax.Array, terms: Terms, coefficients: jax.Array, sites: Sites) -> Sites:
        """Nothing was left out."""
        return {}

    def unpack(self, sites: Sites, table: dict[str, Weight]) -> Weights:
        """The sites are the weights."""
        return {name: sites[name] for name in table}

    def dims(self, table: dict[str, Weight]) -> dict[str, tuple[str, ...]]:
        """One site a weight array."""
        return {name: w.dims for name, w in table.items()}

    def _sd(self, weight: Weight) -> float:
        return self.scale / weight.fan_in**0.5 if weight.role == "kernel" else self.scale
