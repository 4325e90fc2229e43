"""Candidates for the unit moves of the Gibbs sampler: how they are drawn, and how one is chosen.

All candidates of a sweep are drawn in advance and those of a unit are scored together. Two rules of choice are exact.

First acceptable (elliptical slice, I. Murray, R. Adams and D. MacKay, 2010): angles on an ellipse through the current
point, in brackets that shrink towards it; the brackets depend on the angles alone, so all K can be drawn in advance.
The first candidate above the slice's level is taken; if there is none the unit stays. Each of the K sub-moves is
reversible by itself.

Pool (H. Tjelmeland, 2004, Using all Metropolis-Hastings proposals to estimate mean values): draw a centre c from
q(. | current) and the candidates from q(. | c), q symmetric; given c, current and candidates are exchangeable, so a
draw among the K + 1 with probability proportional to posterior density is exact. The weight needs the prior ratio:
without it the rule is right only for candidates from the prior.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from bayesnn._internal import random
from bayesnn._internal.conditionals import narrowed
from bayesnn._internal.random import RandomSource
from bayesnn.priors.shallow_hyper import Hyper


class Candidates(NamedTuple):
    """K candidates per unit: values (m, K, q), log prior weights (m, K + 1), current first, choice noise (m, ...)."""

    values: jax.Array
    log_weight: jax.Array
    noise: jax.Array


class Proposal(NamedTuple):
    """propose(source, gamma, hyper, count, log_scale) -> Candidates; choose(score (K+1,), noise) -> index, 0: stay."""

    propose: Callable[[RandomSource, jax.Array, Hyper, int, jax.Array], Candidates]
    choose: Callable[[jax.Array, jax.Array], jax.Array]
    adapts: bool = False


def log_prior(values: jax.Array, hyper: Hyper) -> jax.Array:
    """log N(gamma; mu_gamma, S_gamma) up to a constant, (..., q) -> (...)."""
    centred = values - hyper.mu_gamma
    return -0.5 * jnp.sum((centred @ hyper.s_gamma.precision) * centred, axis=-1)


def shrinking_angles(uniform: jax.Array) -> jax.Array:
    """Angles (..., K) of the slice from uniforms (..., K): each lies in the bracket that the angles before it left."""
    angle = 2 * jnp.pi * uniform[..., 0]
    low, high, angles = angle - 2 * jnp.pi, angle, [angle]
    for k in range(1, uniform.shape[-1]):
        low, high = narrowed(low, high, angle, 0.0)
        angle = low + (high - low) * uniform[..., k]
        angles.append(angle)
    return jnp.stack(angles, axis=-1)


def elliptical(source: RandomSource, gamma: jax.Array, hyper: Hyper, count: int, log_scale: jax.Array) -> Candidates:
    """Points on an ellipse through gamma (m, q) and a draw of the prior."""
    of_ellipse, of_uniform = random.split(source)
    m = gamma.shape[0]
    uniform = random.uniform(of_uniform, (m, count + 1))
    angles = shrinking_angles(uniform[:, :count])[..., None]
    ellipse = random.normal(of_ellipse, gamma.shape) @ hyper.s_gamma.factor.T
    centred = (gamma - hyper.mu_gamma)[:, None]
    values = hyper.mu_gamma + jnp.cos(angles) * centred + jnp.sin(angles) * ellipse[:, None]
    return Candidates(values, jnp.zeros((m, count + 1)), jnp.log(uniform[:, count:]))


def random_walk(source: RandomSource, gamma: jax.Array, hyper: Hyper, count: int, log_scale: jax.Array) -> Candidates:
    """Steps of the prior's shape, with a scale drawn log-uniformly from 0.01 to 1 times the prior's."""
    of_scale, of_pool = random.split(source)
    exponent = -2.0 * random.uniform(of_scale, gamma.shape[:1])
    return _pool(of_pool, gamma, hyper, count, 10.0**exponent)


def adaptive(source: RandomSource, gamma: jax.Array, hyper: Hyper, count: int, log_scale: jax.Array) -> Candidates:
    """Steps of the prior's shape, with a scale per unit that is tuned in warm-up."""
    return _pool(source, gamma, hyper, count, jnp.exp(log_scale))


def from_prior(source: RandomSource, gamma: jax.Array, hyper: Hyper, count: int, log_scale: jax.Array) -> Candidates:
    """Independent draws of the prior, which therefore drops out of the weights."""
    of_values, of_choice = random.split(source)
    m, q = gamma.shape
    values = hyper.mu_gamma + random.normal(of_values, (m, count, q)) @ hyper.s_gamma.factor.T
    return Candidates(values, jnp.zeros((m, count + 1)), random.gumbel(of_choice, (m, count + 1)))


def first_acceptable(score: jax.Array, noise: jax.Array) -> jax.Array:
    """Index of the first candidate above the level of the slice, 0 (stay) if there is none."""
    above = score > score[0] + noise[0]
    return jnp.argmax(above.at[0].set(False))


def weighted(score: jax.Array, noise: jax.Array) -> jax.Array:
    """An index drawn with probability proportional to exp(score), by the Gumbel trick."""
    return jnp.argmax(score + noise)


def _pool(source: RandomSource, gamma: jax.Array, hyper: Hyper, count: int, scale: jax.Array) -> Candidates:
    of_steps, of_choice = random.split(source)
    m, q = gamma.shape
    steps = random.normal(of_steps, (m, count + 1, q)) @ hyper.s_gamma.factor.T * scale[:, None, None]
    values = gamma[:, None] + steps[:, :1] + steps[:, 1:]
    both = jnp.concatenate([gamma[:, None], values], axis=1)
    return Candidates(values, log_prior(both, hyper), random.gumbel(of_choice, (m, count + 1)))


PROPOSALS: dict[str, Proposal] = {
    "slice": Proposal(elliptical, first_acceptable),
    "random_walk": Proposal(random_walk, weighted),
    "adaptive": Proposal(adaptive, weighted, adapts=True),
    "prior": Proposal(from_prior, weighted),
}
