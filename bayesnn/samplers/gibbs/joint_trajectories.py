"""Hamiltonian trajectories of units and readout together given sigma_beta, with S_gamma integrated out.

They move in coordinates in which the posterior is roughly round: those of the prior, narrowed by the information that
the rows have about the function where it is zero. The step is tuned in warm-up. Where the readout is large, units are
told precisely and steps have to be small. sigma_beta says how large the readout is, so it is held, and the coordinates
are those that suit it: were it integrated out, they could not depend on it, and states with a large readout, which are
rare but not negligible since its prior has the tails of a t, would hardly be left. A target without a given sigma_beta
has it integrated out, and the coordinates take its guess.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn._internal import random
from bayesnn._internal.conditionals import solve_lower
from bayesnn._internal.hamiltonian import acceptance_probability, leapfrog
from bayesnn._internal.random import RandomSource
from bayesnn.samplers.gibbs.joint_density import Point, Target, log_density

JITTER = 0.2  # sd of the log step from one trajectory to the next: a fixed one may be the period of an orbit
SURE = 0.1  # chosen by measurement: information of the rows near the posterior, relative to that where f is zero
SLOPE = 0.02  # mean square slope of a unit, below its largest value of 1/16


class Scales(NamedTuple):
    """The factor of gamma (q, q), and of mu_gamma (q, q), C (K,) and mu_beta (): values = coordinates times factor."""

    gamma: jax.Array
    mu_gamma: jax.Array
    coefficients: jax.Array
    mu_beta: float

    def point(self, u: Point) -> Point:
        """The point with these coordinates."""
        return Point(
            u.gamma @ self.gamma.T,
            self.mu_gamma @ u.mu_gamma,
            u.coefficients * self.coefficients,
            u.mu_beta * self.mu_beta,
        )

    def gradient(self, g: Point) -> Point:
        """The gradient in coordinates from that of the point."""
        return Point(
            g.gamma @ self.gamma,
            self.mu_gamma.T @ g.mu_gamma,
            g.coefficients * self.coefficients,
            g.mu_beta * self.mu_beta,
        )


def scales_of(target: Target, units: int, functions: int) -> Scales:
    """The coordinates; they may depend on anything but what the trajectory moves, and what it integrates out."""
    prior, (q, n) = target.prior, target.inputs.shape
    guess, _, centre = prior.unit_matrices(q)
    size = prior.unit_size_for(q)
    information = SURE * jnp.diagonal(target.information(jnp.zeros((functions, n)) + target.offset), axis1=0, axis2=1)
    precision = 1.0 / prior.readout_guess if target.beta_precision is None else target.beta_precision
    squares = jnp.broadcast_to(1.0 / precision + prior.readout_mean_variance + prior.readout_mean**2, functions)
    of_inputs = target.inputs * (information @ squares * SLOPE)
    matrix = (size + units) * np.linalg.inv(size * guess) + of_inputs @ target.inputs.T
    of_readout = 1.0 / prior.readout_guess + information.sum(axis=0)
    return Scales(
        solve_lower(jnp.linalg.cholesky(matrix), jnp.eye(q)).T,  # A with A A' the inverse of the matrix
        jnp.asarray(0.5 * np.linalg.cholesky(centre)),
        of_readout**-0.5,
        0.7 * prior.readout_mean_variance**0.5,
    )


def move_jointly(
    source: RandomSource, point: Point, target: Target, log_step: jax.Array, steps: int
) -> tuple[Point, jax.Array]:
    """One trajectory of `steps` leapfrog steps, accepted or not, and the probability () of accepting its end.

    S_gamma is out of date afterwards. What is not in use stays.
    """
    of_momentum, of_step, of_acceptance = random.split(source, 3)
    scales = scales_of(target, point.gamma.shape[0], point.mu_beta.shape[0])
    momentum = Point(*(random.normal(s, a.shape) for s, a in zip(random.split(of_momentum, 4), point, strict=True)))
    if target.used is not None:
        momentum = momentum._replace(
            gamma=momentum.gamma * target.used.units[:, None],
            coefficients=momentum.coefficients * target.used.coefficients[:, None],
        )

    def density(shift: Point) -> tuple[jax.Array, Point]:
        moved = Point(*(a + b for a, b in zip(point, scales.point(shift), strict=True)))
        value, gradient = log_density(moved, target)
        return value, scales.gradient(gradient)

    origin = jax.tree.map(jnp.zeros_like, point)
    start = density(origin)
    step = jnp.exp(log_step + JITTER * random.normal(of_step))
    shift, last, end = leapfrog(density, origin, momentum, start, step, steps)
    gain = end[0] - start[0] + 0.5 * sum(jnp.sum(a**2) - jnp.sum(b**2) for a, b in zip(momentum, last, strict=True))
    acceptance = acceptance_probability(gain)
    accept = random.uniform(of_acceptance) < acceptance
    moved = Point(*(a + b for a, b in zip(point, scales.point(shift), strict=True)))
    return Point(*(jnp.where(accept, new, old) for new, old in zip(moved, point, strict=True))), acceptance
