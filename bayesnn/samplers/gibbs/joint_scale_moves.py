"""Slices along which a unit, its readout weights, or a whole function change their scale, by any likelihood.

Where classes are told apart easily the rows hardly say how steep a unit is, or how large the function: both range over
an order of magnitude, and trajectories, whose step is that of the narrowest direction, take long to cross it. Here a
group of transformations does,

    gamma_j -> exp(a s_j) gamma_j,   C~_ik -> exp(a t_ik) C~_ik,

with C~ the readout C (k, K) of the columns psi - 1/2, so that a unit grows about the value in its middle; `a` is drawn
by a slice along a direction (s, t) that does not depend on the point. The density of `a` is that of the new point, with
the spread of both populations integrated out, times the Jacobian exp(a (q sum s + sum t)) with respect to da (J. Liu
and C. Sabatti, 2000, Generalised Gibbs sampler and multigrid Monte Carlo, Biometrika 87, 353-369). The slice is that of
R. Neal (2003), Slice sampling, Annals of Statistics 31, with a bracket of fixed width that shrinks, so that all
candidates are drawn ahead.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from bayesnn._internal import random
from bayesnn._internal.conditionals import narrowed
from bayesnn._internal.random import RandomSource
from bayesnn.samplers.gibbs.joint_density import Point, Target, readout_prior, units_prior
from bayesnn.samplers.gibbs.proposals import first_acceptable

WIDTH = 3.0  # of the bracket, in units of log scale
CANDIDATES = 6  # per slice


class Direction(NamedTuple):
    """Changes of the log scale of units s (m,) and of readout coefficients t (k, K)."""

    units: jax.Array
    readout: jax.Array


def directions_of(angles: jax.Array, point: Point, target: Target) -> Direction:
    """One direction per unit, at an angle (m,) between its weights and its readout; one per function; all functions.

    What is not in use stays, and does not count in the Jacobian.
    """
    (m, _), (k, functions) = point.gamma.shape, point.coefficients.shape
    further = functions + (functions > 1)
    of_units = jnp.concatenate([jnp.diag(jnp.cos(angles)), jnp.zeros((further, m))])
    own = jnp.concatenate([jnp.diag(jnp.sin(angles)), jnp.zeros((m, k - m))], axis=1)[:, :, None] * jnp.ones(functions)
    whole = jnp.eye(functions)[:, None] * jnp.ones((k, 1))
    of_readout = jnp.concatenate([own, whole, jnp.ones((further - functions, k, functions))])
    if target.used is not None:
        of_units, of_readout = of_units * target.used.units, of_readout * target.used.coefficients[:, None]
    return Direction(of_units, of_readout)


def growth(direction: Direction, weights: int) -> jax.Array:
    """Derivative () of the log Jacobian along a direction, for units with so many weights."""
    return weights * direction.units.sum() + direction.readout.sum()


def shrinking_line(uniform: jax.Array, width: float) -> jax.Array:
    """Points (..., K) about zero from uniforms (..., K + 1): each in the bracket that the points before it left."""
    low = -width * uniform[..., 0]
    high, points = low + width, []
    for k in range(1, uniform.shape[-1]):
        points.append(low + (high - low) * uniform[..., k])
        low, high = narrowed(low, high, points[-1], 0.0)
    return jnp.stack(points, axis=-1)


def scaled(point: Point, direction: Direction, by: jax.Array, intercept: bool) -> Point:
    """The point moved by `by` () along a direction."""
    m = point.gamma.shape[0]
    readout = point.coefficients
    if intercept:
        readout = readout.at[m].add(0.5 * readout[:m].sum(axis=0))
    readout = readout * jnp.exp(by * direction.readout)
    if intercept:
        readout = readout.at[m].add(-0.5 * readout[:m].sum(axis=0))
    return point._replace(gamma=point.gamma * jnp.exp(by * direction.units)[:, None], coefficients=readout)


def log_density(point: Point, target: Target) -> jax.Array:
    """The density () of a point, spread of units and readout integrated out."""
    design = target.design(point.gamma)
    value = target.score(point.coefficients.T @ design + target.offset, design)
    value += units_prior(point.gamma, point.mu_gamma, target)[0]
    return value + readout_prior(point.coefficients, point.mu_beta, point.gamma.shape[0], target)[0]


def move_scales(source: RandomSource, point: Point, target: Target, intercept: bool) -> Point:
    """One slice along every direction in turn; S_gamma and sigma_beta are out of date afterwards."""
    of_angles, of_slices = random.split(source)
    m, q = point.gamma.shape
    directions = directions_of(2 * jnp.pi * random.uniform(of_angles, (m,)), point, target)
    count = directions.units.shape[0]
    uniform = random.uniform(of_slices, (count, CANDIDATES + 2))
    steps, levels = shrinking_line(uniform[:, 1:], WIDTH), jnp.log(uniform[:, :1])

    def move(carry: tuple[Point, jax.Array], given: tuple) -> tuple[tuple[Point, jax.Array], None]:
        (point, current), (direction, by, level) = carry, given
        trials = jax.vmap(lambda a: scaled(point, direction, a, intercept))(by)
        values = jax.vmap(lambda p: log_density(p, target))(trials)
        index = first_acceptable(jnp.append(current, values + by * growth(direction, q)), level)
        taken = Point(*(jnp.where(index > 0, new[index - 1], old) for new, old in zip(trials, point, strict=True)))
        return (taken, jnp.where(index > 0, values[index - 1], current)), None

    (point, _), _ = lax.scan(move, (point, log_density(point, target)), (directions, steps, levels))
    return point
