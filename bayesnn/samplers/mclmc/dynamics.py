"""Microcanonical Langevin dynamics: motion at unit speed whose direction, not its length, is the momentum.

With potential S(x) = -log p(x) in d dimensions and |u| = 1:

    dx = u dt,   du = -(1 - u u') grad S / (d - 1) dt + isotropic noise on the sphere,

which leaves p(x) times the uniform distribution of u invariant. The integrator alternates exact solutions of two parts,
x moving along u and u turning downhill. There is no Metropolis correction, so its splitting error is a small bias.

J. Robnik, G. B. De Luca, E. Silverstein and U. Seljak (2023), Microcanonical Hamiltonian Monte Carlo, Journal of
Machine Learning Research 24(311); J. Robnik and U. Seljak (2024), Fluctuation without dissipation: microcanonical
Langevin Monte Carlo, AABI; G. Ver Steeg and A. Galstyan (2021), Hamiltonian dynamics with non-Newtonian momentum for
rapid sampling, NeurIPS (the exact turn).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

LAMBDA = 0.1931833275037836  # R. McLachlan (1995): the splitting into five parts with the least error norm

Gradient = Callable[[jax.Array], tuple[jax.Array, jax.Array]]


class Point(NamedTuple):
    """Position (d,), direction (d,) of length one, potential () and its gradient (d,) there."""

    position: jax.Array
    direction: jax.Array
    potential: jax.Array
    gradient: jax.Array


def turn(direction: jax.Array, gradient: jax.Array, time: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The direction after turning downhill for `time` at a fixed gradient, and the kinetic energy gained.

    With e = -gradient/|gradient| and delta = time |gradient|/(d - 1):

        u' = [u + e (sinh delta + e'u (cosh delta - 1))] / (cosh delta + e'u sinh delta),

    and the energy is (d - 1) log(cosh delta + e'u sinh delta). Numerator and denominator are divided by e^delta / 2, so
    that a large gradient does not overflow.
    """
    freedom = direction.shape[0] - 1
    norm = jnp.linalg.norm(gradient) + jnp.finfo(gradient.dtype).tiny
    downhill = -gradient / norm
    cosine = jnp.dot(downhill, direction)
    delta = time * norm / freedom
    decay = jnp.exp(-delta)
    along = (1.0 - decay) * (1.0 + decay + cosine * (1.0 - decay))  # 2 e^-delta [sinh + cosine (cosh - 1)]
    turned = 2.0 * decay * direction + along * downhill
    stretch = 0.5 * (1.0 + cosine + (1.0 - cosine) * decay**2)  # e^-delta [cosh + cosine sinh]
    floor = jnp.finfo(gradient.dtype).tiny  # for a direction straight uphill it may round to zero
    return turned / jnp.linalg.norm(turned), freedom * (delta + jnp.log(jnp.maximum(stretch, floor)))


def integrate(value_and_gradient: Gradient, point: Point, step: jax.Array) -> tuple[Point, jax.Array]:
    """One step of the minimal-norm splitting, which takes two gradients, and its energy error.

    The parts, as fractions of the step: turn LAMBDA, move 1/2, turn 1 - 2 LAMBDA, move 1/2, turn LAMBDA.
    """
    direction, first = turn(point.direction, point.gradient, LAMBDA * step)
    position = point.position + 0.5 * step * direction
    _, gradient = value_and_gradient(position)
    direction, second = turn(direction, gradient, (1.0 - 2.0 * LAMBDA) * step)
    position = position + 0.5 * step * direction
    potential, gradient = value_and_gradient(position)
    direction, third = turn(direction, gradient, LAMBDA * step)
    error = first + second + third + potential - point.potential
    return Point(position, direction, potential, gradient), error


def refresh(key: jax.Array, direction: jax.Array, step: jax.Array, length: jax.Array) -> jax.Array:
    """Partial refreshment of the direction: (u + nu z)/|u + nu z|, nu^2 = (e^(2 step/length) - 1)/d, z ~ N(0, I).

    After a path of `length` the direction keeps a correlation of about 1/e with what it was.
    """
    nu = jnp.sqrt(jnp.expm1(2.0 * step / length) / direction.shape[0])
    noisy = direction + nu * jax.random.normal(key, direction.shape, direction.dtype)
    return noisy / jnp.linalg.norm(noisy)


def random_direction(key: jax.Array, like: jax.Array) -> jax.Array:
    """A uniform direction of the shape and type of `like` (d,)."""
    noise = jax.random.normal(key, like.shape, like.dtype)
    return noise / jnp.linalg.norm(noise)
