"""Tuning of microcanonical Langevin dynamics in warm-up: step size by energy error, decoherence length by variances.

E. Sommer, J. Robnik, G. Nozadze, U. Seljak and D. Rügamer (2025), Microcanonical Langevin ensembles, ICLR: the target
variance of the energy error per dimension falls during warm-up, so that a chain first moves fast and then accurately.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

# The running mean and its weights follow `mclmc_find_L_and_step_size` of blackjax.
MEMORY = 100.0  # n: energy errors in the running mean, whose decay is (n - 1)/(n + 1); blackjax has 150
TRUST = 1.5  # sd of the log step size (natural logarithm) that one energy error implies; outliers get little weight
COLLECT, USE = 0.5, 2 / 3  # fractions of the warm-up from which on variances are collected, and used; chosen here
RETREAT = 0.8  # factor by which the largest allowed step size shrinks after a step that was not finite, as in blackjax


class Tuning(NamedTuple):
    """Step size and decoherence length, and what they are tuned from.

    `ceiling` is the largest step size allowed; `total` and `weight` are running sums for the step size; `seen` is the
    number of positions, `mean` (d,) and `square` (d,) their mean and summed squared deviations, for the length.
    """

    step: jax.Array
    length: jax.Array
    ceiling: jax.Array
    total: jax.Array
    weight: jax.Array
    seen: jax.Array
    mean: jax.Array
    square: jax.Array


def begin(position: jax.Array, step: float, length: float | None) -> Tuning:
    """The start of warm-up; the length starts at sqrt(d), its tuned value for a standard normal posterior."""
    number = jnp.zeros((), position.dtype)
    start = position.shape[0] ** 0.5 if length is None else length
    zeros = jnp.zeros_like(position)
    return Tuning(number + step, number + start, number + jnp.inf, number, number, number, zeros, zeros)


def tune_step(tuning: Tuning, error: jax.Array, valid: jax.Array, wanted: jax.Array, size: int) -> Tuning:
    """Tune the step size so that the squared energy error per dimension is `wanted` on average.

    The error squared grows as step^6, so x = error^2/(size wanted)/step^6 estimates a constant c; its running mean,
    with little weight for outliers, gives step = c^(-1/6).
    """
    ratio = jnp.where(valid, error**2 / (size * wanted), 1e3) + 1e-8
    weight = jnp.exp(-0.5 * (jnp.log(ratio) / (6.0 * TRUST)) ** 2)
    fade = (MEMORY - 1.0) / (MEMORY + 1.0)
    total = fade * tuning.total + weight * ratio / tuning.step**6
    weights = fade * tuning.weight + weight
    ceiling = jnp.where(valid, tuning.ceiling, RETREAT * tuning.step)
    step = jnp.minimum((total / weights) ** (-1.0 / 6.0), ceiling)
    return tuning._replace(step=step, ceiling=ceiling, total=total, weight=weights)


def tune_length(tuning: Tuning, position: jax.Array, progress: jax.Array) -> Tuning:
    """Tune the decoherence length: the square root of the summed variances of the positions so far."""
    inside = progress >= COLLECT
    seen = tuning.seen + inside
    change = position - tuning.mean  # West's update
    mean = jnp.where(inside, tuning.mean + change / jnp.maximum(seen, 1.0), tuning.mean)
    square = jnp.where(inside, tuning.square + change * (position - mean), tuning.square)
    spread = jnp.sqrt(jnp.sum(square) / jnp.maximum(seen, 1.0))
    usable = (progress >= USE) & (spread > tuning.step)
    return tuning._replace(length=jnp.where(usable, spread, tuning.length), seen=seen, mean=mean, square=square)
