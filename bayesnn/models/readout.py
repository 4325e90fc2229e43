"""The readout integrated out in closed form: marginal density, exact draw, Rao-Blackwellised mean and variance.

With y = D b + e, e ~ N(0, s2 I) and b ~ N(b0, V), everything follows from K = D'D/s2 + V^-1, h = D'y/s2 + V^-1 b0,
K = L L', w = L^-1 h. Only k x k matrices are factorised, never n x n ones.

With K outputs y_1, ..., y_K that share a design, each has its own b, s2 and prior, and given the design they are
independent: an axis of outputs comes first in everything but D'D and the number of rows, and log densities are sums.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from bayesnn._internal import random
from bayesnn._internal.random import RandomSource
from bayesnn.priors import GaussianPrior


class Readout(NamedTuple):
    """Posterior of the readout given body and variances: b ~ N(L^-T w, (L L')^-1).

    cholesky L (k, k) lower, whitened w (k,).
    """

    cholesky: jax.Array
    whitened: jax.Array


class Precision(NamedTuple):
    """The normal prior of the readout by its precision: V^-1 (k, k), V^-1 b0 (k,), and the diagonal of V (k,)."""

    matrix: jax.Array
    shift: jax.Array
    variance: jax.Array


class Products(NamedTuple):
    """The sufficient statistics of the data: D'D (k, k), D'y (k,), y'y and n."""

    gram: jax.Array
    cross: jax.Array
    square: jax.Array
    rows: Any


BY_OUTPUT = Products(None, 0, 0, None)  # type: ignore[arg-type]  # for `vmap`: which fields have an axis of outputs


def products(design: jax.Array, y: jax.Array, weights: jax.Array | None = None) -> Products:
    """Cross products of the design (n, k) and the target (n,), each row times its case weight (n,)."""
    if weights is None:
        return Products(design.T @ design, design.T @ y, y @ y, y.shape[0])
    weighted = design * weights[:, None]
    return Products(weighted.T @ design, weighted.T @ y, weights @ y**2, weights.sum())


def products_of(gram: jax.Array, rows: Any, outputs: tuple[int, ...] = ()) -> Products:
    """The statistics from all products of [design, y_1, ..., y_K], K = 1 where there are no `outputs`."""
    if not outputs:
        return Products(gram[:-1, :-1], gram[:-1, -1], gram[-1, -1], rows)
    k = gram.shape[0] - outputs[0]
    return Products(gram[:k, :k], gram[k:, :k], jnp.diag(gram[k:, k:]), rows)


def precision_of(prior: GaussianPrior) -> Precision:
    """The normal prior of the readout by its precision."""
    if prior.mean.ndim > 1:
        return jax.vmap(precision_of)(prior)
    return Precision(prior.precision, prior.precision @ prior.mean, jnp.diag(prior.covariance))


def solve(data: Products, prior: Precision, noise_precision: jax.Array) -> Readout:
    """Posterior of the readout coefficients given the error precision 1/s2."""
    if jnp.ndim(noise_precision):
        return jax.vmap(solve, (BY_OUTPUT, 0, 0))(data, prior, noise_precision)
    cholesky = jnp.linalg.cholesky(data.gram * noise_precision + prior.matrix)
    return Readout(cholesky, solve_triangular(cholesky, data.cross * noise_precision + prior.shift, lower=True))


def log_normaliser(rows: Any, noise_precision: jax.Array) -> jax.Array:
    """rows/2 log(1/(2 pi s2)), which all designs share; 0 where 1/s2 is, as for a likelihood to the power of zero."""
    return jnp.where(noise_precision > 0, 0.5 * rows * (jnp.log(noise_precision) - jnp.log(2 * jnp.pi)), 0.0)


def log_marginal(data: Products, prior: GaussianPrior, noise_precision: jax.Array) -> jax.Array:
    """log p(y | body, variances), the readout integrated out, with all constants, since k may vary."""
    if jnp.ndim(noise_precision):
        return jax.vmap(log_marginal, (BY_OUTPUT, 0, 0))(data, prior, noise_precision).sum()
    readout = solve(data, precision_of(prior), noise_precision)
    root = jnp.linalg.cholesky(prior.covariance)
    whitened_mean = solve_triangular(root, prior.mean, lower=True)
    normal = log_normaliser(data.rows, noise_precision)
    log_determinants = jnp.log(jnp.diag(root)).sum() + jnp.log(jnp.diag(readout.cholesky)).sum()
    squares = noise_precision * data.square + whitened_mean @ whitened_mean - readout.whitened @ readout.whitened
    return normal - log_determinants - 0.5 * squares


def draw(source: RandomSource, readout: Readout) -> jax.Array:
    """An exact draw of the coefficients (k,)."""
    shifted = readout.whitened + random.normal(source, readout.whitened.shape)
    if shifted.ndim > 1:
        return jax.vmap(lambda factor, right: solve_triangular(factor, right, lower=True, trans=1))(
            readout.cholesky, shifted
        )
    return solve_triangular(readout.cholesky, shifted, lower=True, trans=1)


def moments(readout: Readout, design: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Rao-Blackwellised mean (n,) and variance (n,) of f at the rows of a design (n, k)."""
    rows = solve_triangular(readout.cholesky, design.T, lower=True)
    return rows.T @ readout.whitened, jnp.sum(rows**2, axis=0)


def shifted(f: jax.Array, offset: jax.Array | None) -> jax.Array:
    """f (n,) or (n, K) plus an offset (n,); of (n, 2), offsets and numbers of series, the latter come beside f (n,)."""
    if offset is not None and offset.ndim > 1:
        return jnp.stack([f + offset[:, 0], offset[:, 1]], axis=-1)
    return f if offset is None else f + offset.reshape(-1, *(1,) * (f.ndim - 1))


def coefficients(sites: dict[str, jax.Array], outputs: tuple[int, ...]) -> jax.Array:
    """All coefficients of the readout (k,) or (k, K), from one draw of their sites."""
    return jnp.concatenate([sites[n].reshape(-1, *outputs) for n in ("beta", "intercept", "linear") if n in sites])
