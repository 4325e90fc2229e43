"""Closed-form conditional draws that hierarchical priors and normal likelihoods share."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular


class Covariance(NamedTuple):
    """A covariance matrix S (q, q) as it is used: a factor F with F F' = S, and the inverse S^-1."""

    factor: jax.Array
    precision: jax.Array


def draw_precision(key: jax.Array, squares: jax.Array, count: float, guess: float, size: float) -> jax.Array:
    """1/s2 ~ Gamma((size + count)/2, rate (size guess + squares)/2), for `count` residuals with that sum of squares."""
    return jax.random.gamma(key, 0.5 * (size + count)) / (0.5 * (size * guess + squares))


def draw_mean(
    key: jax.Array, total: jax.Array, count: float, precision: jax.Array, prior_mean: jax.Array, prior: jax.Array
) -> jax.Array:
    """mu ~ N(V (A^-1 a + S^-1 total), V), V = (A^-1 + count S^-1)^-1, from the total (q,) of `count` vectors.

    precision S^-1 (q, q), prior_mean a (q,), prior precision A^-1 (q, q).
    """
    cholesky = jnp.linalg.cholesky(prior + count * precision)
    whitened = solve_triangular(cholesky, prior @ prior_mean + precision @ total, lower=True)
    return solve_triangular(cholesky.T, whitened + jax.random.normal(key, total.shape), lower=False)


def draw_covariance(key: jax.Array, scatter: jax.Array, degrees: float) -> Covariance:
    """S^-1 ~ Wishart(degrees, scatter^-1), scatter (q, q), by Bartlett's decomposition.

    With scatter = U U' and Bartlett's B, lower, B_ii^2 ~ chi2(degrees - i): S^-1 = U^-T B B' U^-1, so
    S = F F' with F = U B^-T.
    """
    key_diagonal, key_below = jax.random.split(key)
    q = scatter.shape[0]
    chi2 = 2.0 * jax.random.gamma(key_diagonal, 0.5 * (degrees - jnp.arange(q)))
    bartlett = jnp.tril(jax.random.normal(key_below, (q, q)), -1) + jnp.diag(jnp.sqrt(chi2))
    u = jnp.linalg.cholesky(scatter)
    root = solve_triangular(u.T, bartlett, lower=False)
    factor = solve_triangular(bartlett, u.T, lower=True).T
    return Covariance(factor, root @ root.T)
