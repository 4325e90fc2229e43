"""Tuning of microcanonical Langevin dynamics in warm-up: the step by its energy error, the length by the spread.

E. Sommer, J. Robnik, G. Nozadze, U. Seljak and D. Rügamer (2025), Microcanonical Langevin ensembles, ICLR: the wanted
variance of the energy error per dimension falls along the warm-up, so that a chain first travels and then is accurate.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

MEMORY = 100.0  # steps that an estimate of the energy error averages over
TRUST = 1.5  # sd of log10-like scatter of one energy error that is trusted; far outliers count little
COLLECT, USE = 0.5, 2 / 3  # fractions of the warm-up from which the spread is collected, and used
RETREAT = 0.8  # factor of the largest step allowed, after one that failed


class Tuning(NamedTuple):
    """What is tuned: step and length; and what it is tuned from, running sums (the last three of positions)."""

    step: jax.Array
    length: jax.Array
    ceiling: jax.Array
    total: jax.Array
    weight: jax.Array
    seen: jax.Array
    mean: jax.Array
    square: jax.Array


def begin(position: jax.Array, step: float, length: float | None) -> Tuning:
    """Before the first step; the length starts at sqrt(d), the width of a standard normal."""
    number = jnp.zeros((), position.dtype)
    start = position.shape[0] ** 0.5 if length is None else length
    zeros = jnp.zeros_like(position)
    return Tuning(number + step, number + start, number + jnp.inf, number, number, number, zeros, zeros)


def tune_step(tuning: Tuning, error: jax.Array, valid: jax.Array, wanted: jax.Array, size: int) -> Tuning:
    """The step at which the energy error squared is `wanted` a dimension on average.

    The error squared grows as step^6, so x = error^2/(size wanted)/step^6 estimates a constant c; its running mean,
    weighted against outliers, gives step = c^(-1/6).
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
    """The length of a path that forgets its direction: the root of the summed variances of the positions so far."""
    inside = progress >= COLLECT
    seen = tuning.seen + inside
    change = position - tuning.mean  # West's update
    mean = jnp.where(inside, tuning.mean + change / jnp.maximum(seen, 1.0), tuning.mean)
    square = jnp.where(inside, tuning.square + change * (position - mean), tuning.square)
    spread = jnp.sqrt(jnp.sum(square) / jnp.maximum(seen, 1.0))
    usable = (progress >= USE) & (spread > tuning.step)
    return tuning._replace(length=jnp.where(usable, spread, tuning.length), seen=seen, mean=mean, square=square)
