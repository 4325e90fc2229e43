"""A shift of the readout that all classes share: the softmax does not change, the prior says where it goes.

exp(f_k) / sum_l exp(f_l) is the same for f_k + g, so the rows say nothing about a change D (k,) added to the readouts
C_k of all classes. The prior does: with sigma_beta integrated out, the density of the units' part d (m,) is

    p(d) = prod_k p_k(d),   p_k(d) = (c_b C_b + |beta_k + d - mu_k|^2)^(-(c_b + m)/2),

with a peak where the units' weights of one class are small. Which class that is changes rarely when readout and
sigma_beta move in turn, and with it the size of the function. Here d is drawn among candidates from the mixture of the
p_k and the current value, with weights p / q, which is exact (C. Andrieu, A. Doucet and R. Holenstein, 2010, Particle
Markov chain Monte Carlo methods, JRSS B 72, 269-342, section 4.3, with one step): the mixture is the same seen from any
point of the line of shifts. The other coefficients have normal priors, and so has their shift.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp

from bayesnn._internal import random
from bayesnn._internal.random import RandomSource
from bayesnn.priors.arguments import masked
from bayesnn.samplers.gibbs.joint_density import Point, Target

CANDIDATES = 16


def shift_classes(source: RandomSource, point: Point, target: Target) -> Point:
    """The point with another common part of the readouts; sigma_beta is out of date afterwards."""
    of_units, of_rest = random.split(source)
    m, coefficients = len(point.gamma), point.coefficients
    of_beta = shift_of_units(of_units, coefficients[:m] - point.mu_beta, target)
    shift = jnp.concatenate([of_beta, shift_of_rest(of_rest, coefficients[m:], target)])
    if target.used is not None:
        shift = shift * target.used.coefficients
    return point._replace(coefficients=coefficients + shift[:, None])


def shift_of_rest(source: RandomSource, rest: jax.Array, target: Target) -> jax.Array:
    """The draw of the shift (k - m,) of the other coefficients (k - m, K), whose priors are independent normals."""
    noise = jnp.sqrt(target.variances / rest.shape[1]) * random.normal(source, target.means.shape)
    return target.means - rest.mean(axis=1) + noise


def shift_of_units(source: RandomSource, centred: jax.Array, target: Target) -> jax.Array:
    """The draw of d (m,) from beta_k - mu_k (m, K)."""
    of_class, of_numbers, of_squares, of_choice = random.split(source, 4)
    (m, classes), prior = centred.shape, target.prior
    centred = masked(centred, target.active)
    which = jnp.floor(classes * random.uniform(of_class, (CANDIDATES,))).astype(int)
    squares = random.gamma(of_squares, 0.5 * prior.readout_size, (CANDIDATES,)) / (0.5 * prior.readout_size)
    values = random.normal(of_numbers, (CANDIDATES, m)) * jnp.sqrt(prior.readout_guess / squares)[:, None]
    shifts = jnp.concatenate([jnp.zeros((1, m)), masked(values.T, target.active).T - centred.T[which]])
    spread = prior.readout_size * prior.readout_guess + jnp.sum((centred.T + shifts[:, None]) ** 2, axis=-1)
    degrees = prior.readout_size + (m if target.active is None else target.active.sum())
    log_each = -0.5 * degrees * jnp.log(spread)  # (candidates, classes)
    log_weight = log_each.sum(axis=1) - logsumexp(log_each, axis=1)
    return shifts[jnp.argmax(log_weight + random.gumbel(of_choice, log_weight.shape))]
