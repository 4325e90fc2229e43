"""The density of units and readout together, the spread of both populations integrated out, and its gradient.

Some likelihoods do not become Gaussian in all their functions at once, so their readout cannot be integrated out. Here
units gamma (m, q) with their centre mu_gamma (q,), and readout C (k, K) of K functions with the centres mu_beta (K,) of
its weights, stay, and the likelihood is evaluated as it is. What makes such a density hard to move in, S_gamma and
sigma_beta, can be integrated out in closed form. With G = gamma - mu_gamma and P = (c_g C_g)^-1,

    log p(gamma | mu_gamma) = const - (c_g + m)/2 log|I + G P G'|,
    log p(beta_k | mu_beta_k) = const - (c_b + m)/2 log(c_b C_b + |beta_k - mu_beta_k|^2).

A. Gupta and D. Nagar (2000), Matrix Variate Distributions, chapter 4, for both t distributions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn._internal.conditionals import solve_lower
from bayesnn.models.random_architecture import Masks
from bayesnn.priors import MuellerRiosInsua
from bayesnn.priors.arguments import masked
from bayesnn.samplers.gibbs.unit_moves import activations


class Point(NamedTuple):
    """gamma (m, q), mu_gamma (q,), readout coefficients C (k, K), mu_beta (K,)."""

    gamma: jax.Array
    mu_gamma: jax.Array
    coefficients: jax.Array
    mu_beta: jax.Array


class Target(NamedTuple):
    """What the density is conditional on.

    inputs (q, n) with the constant; other columns of the readout `extra` (k - m, n), and the prior means and variances
    of their coefficients (k - m,); offset (n,), (K, n) or zero; log p(y | f) () and Fisher information (K, K, n) as
    functions of f (K, n); what of the architecture is in use, None if all is. Where a further function is integrated
    out, `marginal` takes the place of log p(y | f): of f (K, n) and the design (k, n), its value and gradients in both.
    `beta_precision` (K,) are 1/sigma_beta^2 where they are held; None if sigma_beta is integrated out.
    """

    inputs: jax.Array
    extra: jax.Array
    means: jax.Array
    variances: jax.Array
    offset: jax.Array | float
    log_likelihood: Callable[[jax.Array], jax.Array]
    information: Callable[[jax.Array], jax.Array]
    prior: MuellerRiosInsua
    used: Masks | None = None
    marginal: Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array, jax.Array]] | None = None
    beta_precision: jax.Array | None = None

    @property
    def active(self) -> jax.Array | None:
        """Which units are in use (m,); None if all are."""
        return None if self.used is None else self.used.units

    def design(self, gamma: jax.Array) -> jax.Array:
        """Columns of the readout (k, n)."""
        return jnp.concatenate([masked(activations(gamma, self.inputs), self.active), self.extra])

    def score(self, f: jax.Array, design: jax.Array) -> jax.Array:
        """log p(y | f) () of f (K, n); it depends on the design (k, n) where a further function is integrated out."""
        return self.log_likelihood(f) if self.marginal is None else self.marginal(f, design)[0]

    def slope(self, f: jax.Array, design: jax.Array) -> jax.Array:
        """The gradient of `score` in f (K, n)."""
        return jax.grad(self.log_likelihood)(f) if self.marginal is None else self.marginal(f, design)[1]

    def function(self, point: Point) -> jax.Array:
        """f (K, n), offset included."""
        return point.coefficients.T @ self.design(point.gamma) + self.offset


def log_density(point: Point, target: Target) -> tuple[jax.Array, Point]:
    """The log density () up to a constant, and its gradient."""
    m = point.gamma.shape[0]
    design = target.design(point.gamma)
    f, slope = point.coefficients.T @ design + target.offset, design[:m] * (1.0 - design[:m])
    if target.marginal is None:
        value, of_f = jax.value_and_grad(target.log_likelihood)(f)
        of_columns = point.coefficients[:m] @ of_f
    else:
        value, of_f, of_design = target.marginal(f, design)
        of_columns = point.coefficients[:m] @ of_f + of_design[:m]
    of_gamma = (of_columns * slope) @ target.inputs.T
    units, of_units, of_centre = units_prior(point.gamma, point.mu_gamma, target)
    readout, of_readout, of_mean = readout_prior(point.coefficients, point.mu_beta, m, target)
    return value + units + readout, Point(of_units + of_gamma, of_centre, of_readout + design @ of_f.T, of_mean)


def units_prior(gamma: jax.Array, mu: jax.Array, target: Target) -> tuple[jax.Array, jax.Array, jax.Array]:
    """log p(gamma, mu_gamma) up to a constant, S_gamma integrated out, and its gradients."""
    prior, active, (m, q) = target.prior, target.active, gamma.shape
    guess, mean, variance = prior.unit_matrices(q)
    size = prior.unit_size_for(q)
    centred = masked(gamma - mu, active)
    scaled = centred @ np.linalg.inv(size * guess)
    cholesky = jnp.linalg.cholesky(jnp.eye(m) + scaled @ centred.T)
    degrees = size + (m if active is None else active.sum())
    of_gamma = -degrees * solve_lower(cholesky, solve_lower(cholesky, scaled), trans=1)
    of_mean = -jnp.asarray(np.linalg.inv(variance)) @ (mu - mean)
    value = -degrees * jnp.log(jnp.diag(cholesky)).sum() + 0.5 * (mu - mean) @ of_mean
    return value, of_gamma, of_mean - of_gamma.sum(axis=0)


def readout_prior(
    coefficients: jax.Array, mu: jax.Array, m: int, target: Target
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """log p(C, mu_beta) up to a constant, sigma_beta integrated out unless it is held, and its gradients."""
    prior, active, rest = target.prior, target.active, coefficients[m:]
    centred = masked(coefficients[:m] - mu, active)
    if target.beta_precision is None:
        spread = prior.readout_size * prior.readout_guess + jnp.sum(centred**2, axis=0)
        degrees = prior.readout_size + (m if active is None else active.sum())
        of_beta, value = -degrees * centred / spread, -0.5 * degrees * jnp.log(spread).sum()
    else:
        of_beta = -centred * target.beta_precision
        value = 0.5 * jnp.sum(centred * of_beta)
    of_mean = (prior.readout_mean - mu) / prior.readout_mean_variance
    off = rest - target.means[:, None]
    off = off if target.used is None else off * target.used.coefficients[m:, None]
    of_rest = -off / target.variances[:, None]
    value += 0.5 * jnp.sum(off * of_rest)
    value += 0.5 * jnp.sum((mu - prior.readout_mean) * of_mean)
    return value, jnp.concatenate([of_beta, of_rest]), of_mean - of_beta.sum(axis=0)
