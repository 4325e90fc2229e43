"""Each unit in turn with its own readout weights, by an elliptical slice through draws of their prior.

A step of the joint trajectories is too short for a unit that has left the data, where gradients vanish. Here a unit and
its readout weights of all functions move together on the likelihood itself, given the other units.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from bayesnn.priors.shallow_hyper import Hyper
from bayesnn.samplers.gibbs.joint_density import Point, Target
from bayesnn.samplers.gibbs.proposals import first_acceptable, shrinking_angles
from bayesnn.samplers.gibbs.unit_moves import activations, set_row_unchecked


def move_units(key: jax.Array, point: Point, hyper: Hyper, target: Target, count: int) -> tuple[Point, jax.Array]:
    """Units and readout weights after the moves, `count` candidates for each; and which moved (m,)."""
    (m, q), functions = point.gamma.shape, point.mu_beta.shape[0]
    active = target.active
    design = target.design(point.gamma)
    mean = jnp.append(hyper.mu_gamma, hyper.mu_beta)
    key_noise, key_uniform = jax.random.split(key)
    noise = jax.random.normal(key_noise, (m, q + functions))
    noise = jnp.concatenate([noise[:, :q] @ hyper.s_gamma.factor.T, noise[:, q:] * hyper.beta_precision**-0.5], axis=1)
    uniform = jax.random.uniform(key_uniform, (m, count + 1))
    angles, levels = shrinking_angles(uniform[:, :count])[..., None], jnp.log(uniform[:, count:])

    def move(j: jax.Array, carry: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        both, moved, f, level, design = carry
        points = mean + jnp.cos(angles[j]) * (both[j] - mean) + jnp.sin(angles[j]) * noise[j]
        without = f - both[j, q:, None] * design[j]
        columns = activations(points[:, :q], target.inputs)
        trials = without + points[:, q:, None] * columns[:, None]
        of_trials = jax.vmap(lambda f, column: target.score(f, set_row_unchecked(design, j, column)))(trials, columns)
        scores = jnp.append(level, of_trials)
        index = first_acceptable(scores, levels[j])
        taken = jnp.where(index > 0, points[index - 1], both[j])
        f = jnp.where(index > 0, trials[index - 1], f)
        design = set_row_unchecked(design, j, jnp.where(index > 0, columns[index - 1], design[j]))
        return set_row_unchecked(both, j, taken), set_row_unchecked(moved, j, index > 0), f, scores[index], design

    f = target.function(point)
    both = jnp.concatenate([point.gamma, point.coefficients[:m]], axis=1)
    start = both, jnp.zeros(m, bool), f, target.score(f, design), design
    both, moved, *_ = lax.fori_loop(0, m if active is None else active.sum().astype(int), move, start)
    coefficients = jnp.concatenate([both[:, q:], point.coefficients[m:]])
    return point._replace(gamma=both[:, :q], coefficients=coefficients), moved
