"""Reflection of all units at once: gamma -> -gamma with mu_gamma -> -mu_gamma.

psi(-e) = 1 - psi(e), so the reflected design follows from sums of the old one, without another evaluation of psi. The
prior of gamma given mu_gamma and S_gamma does not change; what decides is how well the columns 1 - z do in place of z.
Single units flip inside the unit moves; this one also moves the population mean, which they cannot.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from bayesnn import chance, readout
from bayesnn.chance import Source
from bayesnn.priors import GaussianPrior, MuellerRiosInsua
from bayesnn.priors.mueller_rios_insua import Hyper


def reflect(
    source: Source,
    gamma: jax.Array,
    gram: jax.Array,
    hyper: Hyper,
    weights: MuellerRiosInsua,
    prior: GaussianPrior,
    noise_precision: jax.Array,
    active: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array, Hyper]:
    """gamma (m, q), products (k + 2, k + 2) of [design, y, 1] and hyperparameters after a Metropolis step.

    `active` (m,) says which units are in use, those first; the columns of the others stay zero.
    """
    turned = reflected_products(gram, gamma.shape[0] if active is None else active.sum())
    density = log_density(turned, prior, noise_precision) - log_density(gram, prior, noise_precision)
    ratio = density + weights.log_mean_prior(-hyper.mu_gamma) - weights.log_mean_prior(hyper.mu_gamma)
    accept = jnp.log(chance.uniform(source)) < ratio
    sign = jnp.where(accept, -1.0, 1.0)
    return sign * gamma, jnp.where(accept, turned, gram), hyper._replace(mu_gamma=sign * hyper.mu_gamma)


def reflected_products(gram: jax.Array, m: int | jax.Array) -> jax.Array:
    """Products of [1 - z for the m units, other columns, y, 1] from those of [z, ...]."""
    of_unit = jnp.arange(gram.shape[0]) < m
    turn = jnp.diag(jnp.where(of_unit, -1.0, 1.0)).at[:, -1].add(jnp.where(of_unit, 1.0, 0.0))
    return turn @ gram @ turn.T


def as_products(gram: jax.Array) -> readout.Products:
    """Products of [design, y, 1] as the readout wants them."""
    return readout.Products(gram[:-2, :-2], gram[:-2, -2], gram[-2, -2], gram[-1, -1])


def log_density(gram: jax.Array, prior: GaussianPrior, noise_precision: jax.Array) -> jax.Array:
    """log p(y | units), the readout integrated out."""
    return readout.log_marginal(as_products(gram), prior, noise_precision)
