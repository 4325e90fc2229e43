"""Flips of the signs of two units at once, readout, mu_beta and S_gamma integrated out, for any likelihood.

psi(-e) = 1 - psi(e), so a unit and its flipped version span the same functions together with a constant. But priors
favour one: where both ends of the readout are far from zero, as with classes that are easily told apart, the four
combinations of signs of two units are four modes, between which nothing else moves. The arms of a draw are these four
combinations, each with candidates for the readout (`readout_candidates`) and, by the same rule, for mu_gamma.

A flip changes the weights of units and intercept, not the linear term. So where the readout is long, the linear term is
held: candidates for hundreds of coefficients are dear, and hardly one of them is as likely as the current readout.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import cho_solve, solve_triangular

from bayesnn._internal import random
from bayesnn._internal.conditionals import solve_lower
from bayesnn._internal.random import RandomSource
from bayesnn.priors import MuellerRiosInsua, Terms
from bayesnn.priors.arguments import masked
from bayesnn.samplers.gibbs.joint_density import Point, Target, units_prior
from bayesnn.samplers.gibbs.readout_candidates import (
    CANDIDATES,
    Arm,
    arm_of,
    candidates_of,
    choose,
    log_mean,
    log_t,
    log_weights,
    t_numbers,
)

SIGNS = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])  # the sign changes of two units, no change first
MOST_COEFFICIENTS = 40  # of all functions together, above which the linear term is held
CENTRES = 8  # candidates for mu_gamma per arm
FEW_STEPS = 2  # Newton steps from the mode of the same function


def two_units(source: RandomSource, count: jax.Array | int) -> tuple[jax.Array, jax.Array]:
    """Two different units among the first `count`, the same one twice if there is only one."""
    uniform = random.uniform(source, (2,))
    first, further = jnp.floor(uniform[0] * count), jnp.floor(uniform[1] * (count - 1))
    second = (first + 1 + further) % jnp.maximum(count, 1)
    return first.astype(int), second.astype(int)


def centre_of(gamma: jax.Array, prior: MuellerRiosInsua, active: jax.Array | None) -> tuple[jax.Array, jax.Array]:
    """Mean (q,), and factor of the precision (q, q), of a normal distribution near that of mu_gamma given units (m, q).

    S_gamma is put at the spread of the units around the prior mean, (size guess + C'C) / (size + m) with units C about
    that mean, whose inverse follows from that of the guess and an (m, m) system: no large matrix is inverted.
    """
    m, q = gamma.shape
    guess, mean, variance = prior.unit_matrices(q)
    size, count = prior.unit_size_for(q), m if active is None else active.sum()
    centred = masked(gamma - mean, active)
    inverse = np.linalg.inv(size * guess)
    scaled = centred @ inverse
    shares = solve_lower(jnp.linalg.cholesky(jnp.eye(m) + scaled @ centred.T), scaled)
    of_units = (size + count) * (inverse - shares.T @ shares)
    root = jnp.linalg.cholesky(np.linalg.inv(variance) + count * of_units)
    return jnp.asarray(mean) + cho_solve((root, True), of_units @ centred.sum(axis=0)), root


def without_linear(point: Point, target: Target, terms: Terms) -> tuple[Point, Target, Terms]:
    """The point and the density of the other coefficients given those of the linear term, which join the offset."""
    kept, held = terms.units + int(terms.intercept), point.coefficients[terms.units + int(terms.intercept) :]
    used = None if target.used is None else target.used._replace(coefficients=target.used.coefficients[:kept])
    own = slice(int(terms.intercept))
    rest = target._replace(
        extra=target.extra[own],
        means=target.means[own],
        variances=target.variances[own],
        offset=target.offset + held.T @ target.extra[int(terms.intercept) :],
        used=used,
    )
    return point._replace(coefficients=point.coefficients[:kept]), rest, terms._replace(predictors=0)


def flip_signs(
    source: RandomSource, point: Point, beta_precision: jax.Array, target: Target, terms: Terms
) -> tuple[Point, jax.Array]:
    """`flip`, given the linear term where the readout is long."""
    few = beta_precision.shape[0] * terms.size <= MOST_COEFFICIENTS
    if few or not terms.predictors or target.marginal is not None:
        return flip(source, point, beta_precision, target, terms)
    shorter, given, fewer = without_linear(point, target, terms)
    rest, moved = flip(source, shorter, beta_precision, given, fewer)
    held = point.coefficients[rest.coefficients.shape[0] :]
    return rest._replace(coefficients=jnp.concatenate([rest.coefficients, held])), moved


def arms_of(
    gamma: jax.Array, pair: tuple[jax.Array, jax.Array], beta_precision: jax.Array, target: Target, terms: Terms
) -> tuple[jax.Array, Arm]:
    """Units (4, m, q) of the four arms, those of gamma (m, q) first, and their readouts.

    With an intercept, the arms span the same functions. So the mode is looked for once, for the arm whose two units
    have constants that are not negative, which is the same seen from any of the four; a flip then takes beta to -beta
    and adds beta to the intercept, and the priors move the mode a little.
    """
    m, used = gamma.shape[0], None if target.used is None else target.used.coefficients
    signs = jnp.ones((len(SIGNS), m)).at[:, pair[0]].multiply(SIGNS[:, 0]).at[:, pair[1]].multiply(SIGNS[:, 1])
    units = signs[:, :, None] * gamma
    if not terms.intercept:
        return units, jax.vmap(lambda g: arm_of(target.design(g), beta_precision, target, terms, used))(units)
    upright = jnp.ones(m).at[jnp.array(pair)].set(jnp.where(gamma[jnp.array(pair), 0] < 0, -1.0, 1.0))
    mode = arm_of(target.design(upright[:, None] * gamma), beta_precision, target, terms, used).mode

    def of_one(g: jax.Array, sign: jax.Array) -> Arm:
        beta = mode[:, :m]
        start = mode.at[:, :m].set(sign * beta).at[:, m].add(jnp.where(sign < 0, beta, 0.0).sum(axis=1))
        return arm_of(target.design(g), beta_precision, target, terms, used, start, FEW_STEPS)

    return units, jax.vmap(of_one)(units, signs * upright)


def flip(
    source: RandomSource, point: Point, beta_precision: jax.Array, target: Target, terms: Terms
) -> tuple[Point, jax.Array]:
    """Units, mu_gamma and readout after the draw, and whether it moved (); S_gamma and mu_beta are out of date."""
    of_pair, of_readout, of_centre, *of_choice = random.split(source, 6)
    (m, q), functions = point.gamma.shape, beta_precision.shape[0]
    pair = two_units(of_pair, m if target.active is None else target.active.sum())
    gamma, arms = arms_of(point.gamma, pair, beta_precision, target, terms)

    numbers = t_numbers(of_readout, (len(SIGNS), CANDIDATES, functions * terms.size))
    readouts = jax.vmap(candidates_of)(numbers, arms).at[0, 0].set(point.coefficients.T)
    of_readouts = jax.vmap(lambda c, arm: log_weights(c, arm, target))(readouts, arms)

    means, roots = jax.vmap(lambda g: centre_of(g, target.prior, target.active))(gamma)
    steps = jax.vmap(lambda root, n: solve_triangular(root, n.T, lower=True, trans=1).T)(
        roots, t_numbers(of_centre, (len(SIGNS), CENTRES, q))
    )
    centres = (means[:, None] + steps).at[0, 0].set(point.mu_gamma)

    def of_one(centre: jax.Array, g: jax.Array, mean: jax.Array, root: jax.Array) -> jax.Array:
        log_root = jnp.log(jnp.diag(root)).sum()
        return units_prior(g, centre, target)[0] - log_t((centre - mean) @ root, log_root, q)

    of_centres = jax.vmap(jax.vmap(of_one, (0, None, None, None)))(centres, gamma, means, roots)
    arm = choose(of_choice[0], (log_mean(of_readouts) + log_mean(of_centres))[:, None]).arm
    readout = choose(of_choice[1], of_readouts[arm][None]).candidate
    centre = choose(of_choice[2], of_centres[arm][None]).candidate
    moved = Point(gamma[arm], centres[arm, centre], readouts[arm, readout].T, point.mu_beta)
    return moved, (arm > 0) | (readout > 0)
