"""Moves of one hidden unit at a time on the density with the readout integrated out.

With column j of the design left out, K_-j = L_-j L_-j' and a candidate column z contributes only
s(z) = z'z/s2 + V^-1_jj - a'a and t(z) = z'y/s2 + (V^-1 b0)_j - a'b, where L_-j a = k, k = D_-j'z/s2 + V^-1_-j,j and
L_-j b = h_-j: log p(y | z, rest) = const - log(s)/2 + t^2/(2 s). So K candidates cost one matrix product and one
triangular solve, never a factorisation each.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.linalg import solve_triangular

from bayesnn import readout
from bayesnn.priors import GaussianPrior
from bayesnn.samplers.proposals import Candidates, Proposal


class Moved(NamedTuple):
    """After the moves: gamma (m, q), cross products of the design, and which units moved (m,)."""

    gamma: jax.Array
    data: readout.Products
    moved: jax.Array


class Precision(NamedTuple):
    """The readout's prior as the moves use it: V^-1 (k, k), V^-1 b0 (k,), diagonal of V (k,)."""

    matrix: jax.Array
    shift: jax.Array
    variance: jax.Array


def activations(gamma: jax.Array, inputs: jax.Array) -> jax.Array:
    """psi(gamma x), (c, q) and inputs (q, n) -> (c, n).

    psi in single precision, a third of the time; its rounding is part of the function that is sampled, for current and
    candidate columns alike, so densities stay consistent. Sums and factors are double. 1/(1 + exp(-e)) is several times
    faster than the library's sigmoid and, without a gradient, as safe.
    """
    e = (gamma @ inputs).astype(jnp.float32)
    return (1.0 / (1.0 + jnp.exp(-e))).astype(gamma.dtype)


def update_units(
    gamma: jax.Array,
    candidates: Candidates,
    proposal: Proposal,
    inputs: jax.Array,
    extra: jax.Array,
    y: jax.Array,
    prior: GaussianPrior,
    noise_precision: jax.Array,
) -> Moved:
    """Each unit in turn moves to one of its candidates.

    gamma (m, q), inputs (q, n) with the constant, extra readout columns (k - m, n), y (n,).
    """
    m = gamma.shape[0]
    rows = jnp.concatenate([activations(gamma, inputs), extra, y[None]])  # the design's columns, then y: (k + 1, n)
    gram = rows @ rows.T
    inverse = readout.symmetric_inverse(prior.covariance)
    precision = Precision(inverse, inverse @ prior.mean, jnp.diag(prior.covariance))

    def move(j: jax.Array, carry: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        rows, gram, chosen = carry
        columns = activations(candidates.values[j], inputs)
        cross = jnp.concatenate([gram[:, j][:, None], rows @ columns.T], axis=1)  # current first: (k + 1, K + 1)
        squares = jnp.concatenate([gram[j, j][None], jnp.sum(columns**2, axis=1)])
        score = score_columns(j, gram, cross, squares, precision, noise_precision)
        index = proposal.choose(score + candidates.log_weight[j], candidates.noise[j])
        new = cross[:, index].at[j].set(jnp.where(index > 0, squares[index], gram[j, j]))
        rows = rows.at[j].set(jnp.where(index > 0, columns[index - 1], rows[j]))
        return rows, gram.at[j].set(new).at[:, j].set(new), chosen.at[j].set(index)

    _, gram, chosen = lax.fori_loop(0, m, move, (rows, gram, jnp.zeros(m, int)))
    everyone = jnp.concatenate([gamma[:, None], candidates.values], axis=1)
    taken = jnp.take_along_axis(everyone, chosen[:, None, None], axis=1)[:, 0]
    return Moved(taken, readout.Products(gram[:-1, :-1], gram[:-1, -1], gram[-1, -1], y.shape[0]), chosen > 0)


def score_columns(
    j: jax.Array, gram: jax.Array, cross: jax.Array, squares: jax.Array, prior: Precision, noise_precision: jax.Array
) -> jax.Array:
    """log p(y | column j is z) up to a constant, for the candidates (c,) with these products.

    gram (k + 1, k + 1) of design and y, cross (k + 1, c) of the same with the candidates, squares (c,) of the
    candidates. Leaving a column out keeps the shapes: its row and column become those of the identity. s is kept at or
    above 1/V_jj, its exact lower bound, which cancellation could cross.
    """
    k = gram.shape[0] - 1
    others = jnp.arange(k) != j
    left = gram[:k, :k] * noise_precision + prior.matrix
    cholesky = jnp.linalg.cholesky(jnp.where(others[:, None] & others, left, jnp.eye(k)))
    against = jnp.where(others[:, None], cross[:k] * noise_precision + prior.matrix[:, j][:, None], 0.0)
    h = jnp.where(others, gram[:k, k] * noise_precision + prior.shift, 0.0)
    solved = solve_triangular(cholesky, jnp.concatenate([against, h[:, None]], axis=1), lower=True)
    a, b = solved[:, :-1], solved[:, -1]
    s = squares * noise_precision + prior.matrix[j, j] - jnp.sum(a**2, axis=0)
    s = jnp.maximum(s, 1.0 / prior.variance[j])
    t = cross[k] * noise_precision + prior.shift[j] - b @ a
    return -0.5 * jnp.log(s) + t**2 / (2.0 * s)
