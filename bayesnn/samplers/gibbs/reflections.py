"""Reflection of all units at once: gamma -> -gamma with mu_gamma -> -mu_gamma.

psi(-e) = 1 - psi(e), so products of the reflected design follow from those of the old one, and psi is not evaluated
again. The prior density of gamma given mu_gamma and S_gamma does not change; the acceptance depends on the marginal
likelihood with columns 1 - z in place of z, and on the prior of mu_gamma. Single units flip inside the unit moves; the
reflection also changes the sign of mu_gamma, which those cannot.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from bayesnn._internal import random
from bayesnn._internal.random import RandomSource
from bayesnn.models import readout
from bayesnn.models.readout import Precision
from bayesnn.priors import MuellerRiosInsua
from bayesnn.priors.shallow_hyper import Hyper


class Reflected(NamedTuple):
    """Units (m, q), products (k + 1 + outputs, ...) and hyperparameters after the step, and the readout given these."""

    gamma: jax.Array
    gram: jax.Array
    hyper: Hyper
    readout: readout.Readout


def reflect(
    source: RandomSource,
    gamma: jax.Array,
    gram: jax.Array,
    hyper: Hyper,
    weights: MuellerRiosInsua,
    prior: Precision,
    noise_precision: jax.Array,
    active: jax.Array | None = None,
) -> Reflected:
    """Accept or reject the reflection, from products (k + 2, k + 2) of [design, y, 1], with more y for more outputs.

    `active` (m,) says which units are in use, and these come first; the columns of the others stay zero.
    """
    both = jnp.stack([gram, reflected_products(gram, gamma.shape[0] if active is None else active.sum())])
    outputs = jnp.shape(noise_precision)
    solved = jax.vmap(lambda one: readout.solve(as_products(one, outputs), prior, noise_precision))(both)
    means = jnp.stack([hyper.mu_gamma, -hyper.mu_gamma])
    density = jax.vmap(log_density)(solved) + jax.vmap(weights.log_mean_prior)(means)
    accept = jnp.log(random.uniform(source)) < density[1] - density[0]
    sign = jnp.where(accept, -1.0, 1.0)
    chosen = jax.tree.map(lambda a: jnp.where(accept, a[1], a[0]), (both, solved))
    return Reflected(sign * gamma, chosen[0], hyper._replace(mu_gamma=sign * hyper.mu_gamma), chosen[1])


def reflected_products(gram: jax.Array, m: int | jax.Array) -> jax.Array:
    """Products of [1 - z for the m units, other columns, y, 1] from those of [z, ...]."""
    of_unit = jnp.arange(gram.shape[0]) < m
    turn = jnp.diag(jnp.where(of_unit, -1.0, 1.0)).at[:, -1].add(jnp.where(of_unit, 1.0, 0.0))
    return turn @ gram @ turn.T


def as_products(gram: jax.Array, outputs: tuple[int, ...] = ()) -> readout.Products:
    """Products of [design, y of all outputs, 1] as a `readout.Products`."""
    return readout.products_of(gram[:-1, :-1], gram[-1, -1], outputs)


def log_density(solved: readout.Readout) -> jax.Array:
    """log p(y | units), the readout integrated out, up to terms that the reflection does not change."""
    if solved.whitened.ndim > 1:
        return jax.vmap(log_density)(solved).sum()
    return 0.5 * solved.whitened @ solved.whitened - jnp.log(jnp.diag(solved.cholesky)).sum()
