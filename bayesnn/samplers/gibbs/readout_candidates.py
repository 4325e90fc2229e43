"""Candidates for a whole readout given its units, near the mode of its posterior, and their weights.

Given units, hyperparameters and a likelihood that is not Gaussian, the readout C (K, k) has a posterior with one mode
in general, which a few Newton steps find. Candidates from a t distribution there have weights

    w(C) = p(y | C) p(C) / q(C),

whose mean estimates p(y | units) without bias. Among several arms, each with units of its own and N candidates, a draw
of one candidate with probability proportional to p(arm) w(C) leaves the posterior invariant if the current readout is
one of the N of the current arm, and the other arms would have been the same seen from any of them (C. Andrieu,
A. Doucet and R. Holenstein, 2010, Particle Markov chain Monte Carlo methods, JRSS B 72, 269-342, section 4.3, with one
step). So units can move with the readout integrated out, whatever the likelihood.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.linalg import cho_solve
from jax.scipy.special import gammaln, logsumexp

from bayesnn._internal import random
from bayesnn._internal.random import RandomSource
from bayesnn.models.readout import Precision, precision_of
from bayesnn.priors import Terms
from bayesnn.samplers.gibbs.joint_density import Target

CANDIDATES = 16  # candidates per arm
NEWTON_STEPS = 8
LARGEST_CHANGE = 4.0  # a Newton step changes f by at most this, since it can overshoot far from the mode
DEGREES = 8  # degrees of freedom of the candidates' t distribution, whose tails must be heavier than the posterior's


class Arm(NamedTuple):
    """The readout given one set of units: design (k, n), its prior, coefficients in use (k,), mode and curvature.

    The prior has precisions (K, k, k) and shifts (K, k) of K functions; mode (K, k), and the curvature of the posterior
    near it has the factor `cholesky` (K k, K k).
    """

    design: jax.Array
    prior: Precision
    used: jax.Array
    mode: jax.Array
    cholesky: jax.Array


def arm_of(
    design: jax.Array,
    beta_precision: jax.Array,
    target: Target,
    terms: Terms,
    used: jax.Array | None,
    start: jax.Array | None = None,
    steps: int = NEWTON_STEPS,
) -> Arm:
    """The arm of a design (k, n) given 1/sigma_beta^2 (K,), mu_beta integrated out.

    It depends on the design, on what the target conditions on, and on `start` (K, k), from which Newton's steps begin,
    by default zero; never on the current readout. The curvature is that before the last step.
    """
    prior = precision_of(target.prior.collapsed_given(terms, 1.0 / beta_precision, used))
    functions, k = prior.shift.shape

    def slope_and_curvature(c: jax.Array) -> tuple[jax.Array, jax.Array]:
        f = c @ design + target.offset
        slope = target.slope(f, design) @ design.T + prior.shift - jnp.einsum("aij,aj->ai", prior.matrix, c)
        weighted = (target.information(f)[:, :, None] * design).reshape(functions * functions * k, -1)
        blocks = (weighted @ design.T).reshape(functions, functions, k, k)
        blocks = blocks + jnp.eye(functions)[:, :, None, None] * prior.matrix[:, None]
        return slope, blocks.transpose(0, 2, 1, 3).reshape(functions * k, functions * k)

    def newton(_: int, reached: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        c = reached[0]
        slope, curvature = slope_and_curvature(c)
        cholesky = jnp.linalg.cholesky(curvature)
        step = cho_solve((cholesky, True), slope.ravel()).reshape(c.shape)
        largest = jnp.abs(step @ design).max()
        return c + step * jnp.minimum(1.0, LARGEST_CHANGE / jnp.maximum(largest, 1e-30)), cholesky

    c = jnp.zeros((functions, k)) if start is None else start
    mode, cholesky = lax.fori_loop(0, steps, newton, (c, jnp.eye(functions * k)))
    return Arm(design, prior, jnp.ones(k) if used is None else used, mode, cholesky)


def t_numbers(source: RandomSource, shape: tuple[int, ...]) -> jax.Array:
    """Standard multivariate t numbers along the last axis: normal numbers over the root of a mean of squares."""
    of_numbers, of_squares = random.split(source)
    squares = jnp.mean(random.normal(of_squares, (*shape[:-1], DEGREES)) ** 2, axis=-1, keepdims=True)
    return random.normal(of_numbers, shape) / jnp.sqrt(squares)


def log_t(whitened: jax.Array, log_root: jax.Array, dimension: jax.Array | int) -> jax.Array:
    """Log density of a multivariate t, with all constants that depend on its dimension.

    From values whitened by a factor of the precision (..., d), and the logarithm of that factor's determinant.
    """
    tail = jnp.log1p(jnp.sum(whitened**2, axis=-1) / DEGREES)
    constant = gammaln(0.5 * (DEGREES + dimension)) - 0.5 * dimension * math.log(math.pi * DEGREES)
    return log_root + constant - 0.5 * (DEGREES + dimension) * tail


def candidates_of(numbers: jax.Array, arm: Arm) -> jax.Array:
    """Candidates (N, K, k) from t numbers (N, K k); coefficients that are not in use are zero."""
    shape = (-1, *arm.mode.shape)
    numbers = numbers * jnp.tile(arm.used, arm.mode.shape[0])
    solved = jax.scipy.linalg.solve_triangular(arm.cholesky, numbers.T, lower=True, trans=1).T
    return (arm.mode + solved.reshape(shape)) * arm.used


def log_weights(candidates: jax.Array, arm: Arm, target: Target) -> jax.Array:
    """log of p(y | C) p(C) / q(C) (N,) for candidates (N, K, k), up to one constant for all arms."""
    dimension = candidates.shape[1] * arm.used.sum()
    likelihood = jax.vmap(lambda f: target.score(f, arm.design))(candidates @ arm.design + target.offset)
    roots = jnp.linalg.cholesky(arm.prior.matrix)
    means = jax.vmap(lambda root, shift: cho_solve((root, True), shift))(roots, arm.prior.shift)
    centred = candidates - means
    quadratic = jnp.einsum("nai,aij,naj->n", centred, arm.prior.matrix, centred)
    constant = jnp.log(jnp.diagonal(roots, axis1=1, axis2=2)).sum() - 0.5 * dimension * math.log(2 * math.pi)
    whitened = (candidates - arm.mode).reshape(len(candidates), -1) @ arm.cholesky
    log_root = jnp.log(jnp.diag(arm.cholesky)).sum()
    found = likelihood + constant - 0.5 * quadratic - log_t(whitened, log_root, dimension)
    return jnp.where(jnp.isnan(found), -jnp.inf, found)


class Chosen(NamedTuple):
    """Index () of the arm and of the candidate that were drawn."""

    arm: jax.Array
    candidate: jax.Array


def choose(source: RandomSource, log_weight: jax.Array) -> Chosen:
    """A draw with probabilities proportional to exp(log weights) (arms, N)."""
    place = jnp.argmax(log_weight.ravel() + random.gumbel(source, (log_weight.size,)))
    return Chosen(place // log_weight.shape[1], place % log_weight.shape[1])


def log_mean(log_weight: jax.Array) -> jax.Array:
    """log of the mean of exp(log weights) over the last axis."""
    return logsumexp(log_weight, axis=-1) - math.log(log_weight.shape[-1])
