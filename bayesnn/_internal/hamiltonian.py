"""What moves by Hamiltonian dynamics share: the leapfrog integrator and the acceptance probability.

NumPyro's `velocity_verlet` is not used, as it cannot return more than a number with the density: annealed particles
keep prior and likelihood apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Tree = Any  # an array, or a dictionary of arrays
Density = Callable[[Tree], tuple[Any, Tree]]  # position -> (log density, perhaps with more; its gradient)


def leapfrog(
    density: Density,
    position: Tree,
    momentum: Tree,
    start: tuple[Any, Tree],
    step: Any,
    count: int,
    scales: Tree | None = None,
) -> tuple[Tree, Tree, tuple[Any, Tree]]:
    """Position, momentum, and what `density` returns there, after `count` leapfrog steps; kinetic energy p'p / 2.

    `start` is what `density` returns at the first position. `scales`, of the shape of the position, multiply the step
    size of each coordinate: they are the square roots of a diagonal inverse mass matrix.

    R. Neal (2011), MCMC using Hamiltonian dynamics, section 2.3, equations (2.28) to (2.30).
    """
    steps = jax.tree.map(lambda q: step, position) if scales is None else jax.tree.map(lambda s: step * s, scales)

    def half(momentum: Tree, gradient: Tree) -> Tree:
        return jax.tree.map(lambda p, g, s: p + 0.5 * s * g, momentum, gradient, steps)

    def one(_: Any, state: Any) -> Any:
        position, momentum, (_, gradient) = state
        momentum = half(momentum, gradient)
        position = jax.tree.map(lambda q, p, s: q + s * p, position, momentum, steps)
        value = density(position)
        return position, half(momentum, value[1]), value

    return lax.fori_loop(0, count, one, (position, momentum, start))


def acceptance_probability(log_ratio: jax.Array) -> jax.Array:
    """min(1, exp(log ratio)) of a Metropolis move; 0 where the ratio is not a number."""
    return jnp.nan_to_num(jnp.exp(jnp.minimum(log_ratio, 0.0)), nan=0.0)
