"""Draws from conditional distributions that hierarchical priors and likelihoods share."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.linalg import solve_triangular

from bayesnn._internal import random
from bayesnn._internal.random import RandomSource

Count = float | jax.Array  # number of observations, known or itself random
STEPS_OUT = 50
FEW_NUMBERS = 1000  # on the right of a triangular solve; from 1024 numbers on, OpenBLAS uses several threads
SMALLEST = 1e-14  # relative width below which a bracket cannot shrink further in double precision


class Bracket(NamedTuple):
    """State of slice sampling while it shrinks: the interval from low to high, and the last point drawn from it."""

    key: jax.Array
    low: jax.Array
    high: jax.Array
    value: jax.Array


class Covariance(NamedTuple):
    """A covariance matrix S (q, q), stored as a factor F with F F' = S and the inverse S^-1."""

    factor: jax.Array
    precision: jax.Array


def solve_lower(factor: jax.Array, right: jax.Array, trans: int = 0) -> jax.Array:
    """L^-1 B, or L^-T B with trans=1, for L (k, k) lower triangular and B (k, c), a few columns of B at a time.

    OpenBLAS divides larger solves among its own threads. These keep spinning while they wait for more work and take the
    cores from chains that run in parallel: with 40 inputs a sweep took four times as long.
    """
    k, count = right.shape
    size = max(1, FEW_NUMBERS // k)
    if count <= size:
        return solve_triangular(factor, right, lower=True, trans=trans)
    blocks = -(-count // size)
    padded = jnp.pad(right, ((0, 0), (0, blocks * size - count))).reshape(k, blocks, size).swapaxes(0, 1)
    solved = solve_triangular(jnp.broadcast_to(factor, (blocks, k, k)), padded, lower=True, trans=trans)
    return solved.swapaxes(0, 1).reshape(k, -1)[:, :count]


def draw_precision(source: RandomSource, squares: jax.Array, count: Count, guess: float, size: float) -> jax.Array:
    """1/s2 ~ Gamma((size + count)/2, rate (size guess + squares)/2), given the sum of squares of `count` residuals."""
    return random.gamma(source, 0.5 * (size + count), jnp.shape(squares)) / (0.5 * (size * guess + squares))


def draw_mean(
    source: RandomSource, total: jax.Array, count: Count, precision: jax.Array, prior_mean: jax.Array, prior: jax.Array
) -> jax.Array:
    """mu ~ N(V (A^-1 a + S^-1 total), V), V = (A^-1 + count S^-1)^-1, given the sum `total` (q,) of `count` vectors.

    precision S^-1 (q, q), prior_mean a (q,), prior precision A^-1 (q, q).
    """
    matrix, h = prior + count * precision, prior @ prior_mean + precision @ total
    noise = random.normal(source, total.shape)
    if total.size == 1:  # the call for a 1 x 1 matrix would cost as much as for a small matrix
        root = jnp.sqrt(matrix[0])
        return (h / root + noise) / root
    cholesky = jnp.linalg.cholesky(matrix)
    whitened = solve_triangular(cholesky, h, lower=True)
    return solve_triangular(cholesky, whitened + noise, lower=True, trans=1)


def draw_covariance(source: RandomSource, scatter: jax.Array, degrees: Count) -> Covariance:
    """S^-1 ~ Wishart(degrees, scatter^-1), scatter (q, q), by Bartlett's decomposition.

    With scatter = U U' and Bartlett's B, lower, B_ii^2 ~ chi2(degrees - i): S^-1 = U^-T B B' U^-1, so
    S = F F' with F = U B^-T.
    """
    of_diagonal, of_below = random.split(source)
    q = scatter.shape[0]
    chi2 = 2.0 * random.gamma(of_diagonal, 0.5 * (degrees - np.arange(q)))
    bartlett = jnp.tril(random.normal(of_below, (q, q)), -1) + jnp.diag(jnp.sqrt(chi2))
    u = jnp.linalg.cholesky(scatter)
    root = solve_lower(u, bartlett, trans=1)
    factor = solve_lower(bartlett, u.T).T
    return Covariance(factor, root @ root.T)


def slice_move(key: jax.Array, value: jax.Array, log_density: Callable[[jax.Array], jax.Array]) -> jax.Array:
    """One update of a number by slice sampling; a bracket of width 1 steps out, then shrinks.

    R. Neal (2003), Slice sampling, Annals of Statistics 31, figures 3 and 5 (at most 50 steps outwards, divided at
    random between the sides as in figure 3).
    """
    key_level, key_bracket, key_split, key_shrink = jax.random.split(key, 4)
    level = log_density(value) - jax.random.exponential(key_level)
    lower = value - jax.random.uniform(key_bracket)
    left_steps = jax.random.randint(key_split, (), 0, STEPS_OUT)

    def out(end: jax.Array, step: float, most: jax.Array) -> jax.Array:
        inside = lambda s: (s[1] > 0) & (log_density(s[0]) > level)  # noqa: E731
        return lax.while_loop(inside, lambda s: (s[0] + step, s[1] - 1), (end, most))[0]

    left, right = out(lower, -1.0, left_steps), out(lower + 1.0, 1.0, STEPS_OUT - 1 - left_steps)

    key_first, key_rest = jax.random.split(key_shrink)
    first = left + (right - left) * jax.random.uniform(key_first)
    smallest = SMALLEST * (1 + jnp.abs(value))
    return shrink_to_slice(Bracket(key_rest, left, right, first), value, lambda v: log_density(v) >= level, smallest)


def slice_moves(key: jax.Array, values: jax.Array, log_density: Callable[[jax.Array], jax.Array]) -> jax.Array:
    """`slice_move` of every number of an array in turn, given the others."""
    if values.ndim == 0:
        return slice_move(key, values, log_density)
    keys = jax.random.split(key, values.size)

    def move(i: jax.Array, flat: jax.Array) -> jax.Array:
        of_one = lambda value: log_density(flat.at[i].set(value).reshape(values.shape))  # noqa: E731
        return flat.at[i].set(slice_move(keys[i], flat[i], of_one))

    return lax.fori_loop(0, values.size, move, values.ravel()).reshape(values.shape)


def shrink_to_slice(
    start: Bracket, current: jax.Array, inside: Callable[[jax.Array], jax.Array], smallest: jax.Array | float
) -> jax.Array:
    """The first point inside the slice; each point outside it becomes an end of the bracket, towards `current`.

    NaN counts as outside. A bracket narrower than `smallest` has closed on the current point, which is inside.
    """

    def shrink(bracket: Bracket) -> Bracket:
        low, high = narrowed(bracket.low, bracket.high, bracket.value, current)
        key, own = jax.random.split(bracket.key)
        return Bracket(key, low, high, low + (high - low) * jax.random.uniform(own))

    outside = lambda b: ~inside(b.value) & (b.high - b.low > smallest)  # noqa: E731
    end = lax.while_loop(outside, shrink, start)
    return jnp.where(inside(end.value), end.value, current)


def narrowed(
    low: jax.Array, high: jax.Array, rejected: jax.Array, current: jax.Array | float
) -> tuple[jax.Array, jax.Array]:
    """The part of the bracket between the rejected point and the end on the other side of the current point."""
    below = rejected < current
    return jnp.where(below, rejected, low), jnp.where(below, high, rejected)


def inverse_gaussian(key: jax.Array, mean: jax.Array, shape: float) -> jax.Array:
    """Inverse Gaussian numbers with these means and this shape.

    J. Michael, W. Schucany and R. Haas (1976), Generating random variates using transformations with multiple roots,
    American Statistician 30, 88-90. Not `jax.random.wald`, which finds the smaller root by subtraction and so loses its
    digits where the mean is large; here it is written without cancellation.
    """
    key_root, key_choice = jax.random.split(key)
    ratio = mean * jax.random.normal(key_root, mean.shape) ** 2 / (2.0 * shape)
    root = mean / (1.0 + ratio + jnp.sqrt(ratio * (ratio + 2.0)))
    smaller = jax.random.uniform(key_choice, mean.shape) <= mean / (mean + root)
    return jnp.where(smaller, root, mean**2 / root)
