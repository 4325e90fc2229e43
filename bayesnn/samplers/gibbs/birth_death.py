"""Birth and death of units: reversible jumps between networks of M and M + 1 units (P. Green, 1995).

The units in use are shuffled first, so a birth appends one and a death takes the last: with gamma* from q, a birth is
accepted with probability min{1, BF P(M + 1)/P(M) N(gamma*; mu, S)/q(gamma*) d_{M + 1}/b_M}, where b and d are the
probabilities of proposing birth and death. A uniform choice of the slot would need another factor.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp

from bayesnn.models import readout
from bayesnn.priors.shallow_hyper import Hyper
from bayesnn.samplers.gibbs.structure import Conditioning, UnitsAndStructure, gram_matrix, products_of, shuffled

# Chosen here, not tuned: any positive values leave the posterior invariant and change the acceptance rate alone.
WEIGHTS = (0.5, 0.25, 0.25)  # mixture of proposals: the prior, units close to linear, near copies of units in use
SPREAD = 0.3  # sd of the units close to linear; near copies differ from a unit in use by N(0, SPREAD^2 S_gamma)


def birth_death(key: jax.Array, body: UnitsAndStructure, given: Conditioning) -> UnitsAndStructure:
    """Propose a birth or a death, and accept or reject it."""
    key_order, key_kind, key_unit, key_accept = jax.random.split(key, 4)
    assert given.random.hidden is not None
    maximum, count = given.random.hidden.maximum, body.structure.units
    gamma = shuffled(key_order, body.gamma, count)
    birth = jax.random.uniform(key_kind) < birth_probability(count, maximum)
    smaller = jnp.where(birth, count, count - 1)
    born = propose(key_unit, gamma, smaller, given.hyper)
    gamma = gamma.at[smaller].set(jnp.where(birth, born, gamma[smaller]))
    ratio = log_ratio(gamma, body._replace(gamma=gamma), given, smaller)
    accept = jnp.log(jax.random.uniform(key_accept)) < jnp.where(birth, ratio, -ratio)
    new = jnp.where(birth, smaller + 1, smaller)
    return UnitsAndStructure(gamma, body.structure._replace(units=jnp.where(accept, new, count)))


def birth_probability(count: jax.Array, maximum: int) -> jax.Array:
    """Probability of proposing a birth: 1 if there are no units, 0 if there are `maximum`, else 1/2."""
    return jnp.where(count == 0, 1.0, jnp.where(count == maximum, 0.0, 0.5))


def log_ratio(gamma: jax.Array, body: UnitsAndStructure, given: Conditioning, smaller: jax.Array) -> jax.Array:
    """log acceptance ratio of the birth of unit number `smaller`, given the units before it."""
    hidden = given.random.hidden
    assert hidden is not None
    prior = jnp.asarray(hidden.log_probabilities())
    unit = gamma[smaller]
    sizes = log_density(gamma, body, given, smaller + 1) - log_density(gamma, body, given, smaller)
    jump = jnp.log1p(-birth_probability(smaller + 1, hidden.maximum))
    jump -= jnp.log(birth_probability(smaller, hidden.maximum))
    proposal = log_normal(unit - given.hyper.mu_gamma, given.hyper, 1.0)
    proposal -= log_proposal(unit, gamma, smaller, given.hyper)
    return sizes + prior[smaller + 1] - prior[smaller] + proposal + jump


def log_density(gamma: jax.Array, body: UnitsAndStructure, given: Conditioning, units: jax.Array) -> jax.Array:
    """log p(y | the first `units` units), with the readout and mu_beta integrated out."""
    structure = body.structure._replace(units=units)
    used = given.model.masks(structure, given.x.shape[1:])
    assert used is not None
    gram = gram_matrix(given, gamma, structure)
    terms = given.model.terms(given.x.shape[1:])
    prior = given.prior.collapsed_given(terms, 1.0 / given.hyper.beta_precision, used.coefficients)
    return readout.log_marginal(products_of(gram, given.working), prior, given.noise_precision)


def mixture(count: jax.Array) -> jax.Array:
    """Log weights of the parts of the proposal; without units to copy, the prior takes the weight of copies."""
    none = jnp.array([WEIGHTS[0] + WEIGHTS[2], WEIGHTS[1], 0.0])
    return jnp.log(jnp.where(count == 0, none, jnp.asarray(WEIGHTS)))


def propose(key: jax.Array, gamma: jax.Array, count: jax.Array, hyper: Hyper) -> jax.Array:
    """A unit (q,) drawn from the mixture, given the first `count` units."""
    key_part, key_unit, key_noise = jax.random.split(key, 3)
    part = jax.random.categorical(key_part, mixture(count))
    noise = jax.random.normal(key_noise, gamma.shape[1:])
    copied = gamma[jax.random.randint(key_unit, (), 0, jnp.maximum(count, 1))]
    shaped = hyper.s_gamma.factor @ noise
    return jnp.stack([hyper.mu_gamma + shaped, SPREAD * noise, copied + SPREAD * shaped])[part]


def log_proposal(unit: jax.Array, gamma: jax.Array, count: jax.Array, hyper: Hyper) -> jax.Array:
    """log q(unit | the first `count` units), without the powers of 2 pi, which cancel in the ratio."""
    copies = jnp.where(jnp.arange(gamma.shape[0]) < count, log_normal(unit - gamma, hyper, SPREAD), -jnp.inf)
    small = -0.5 * unit @ unit / SPREAD**2 - unit.shape[0] * jnp.log(SPREAD)
    near = logsumexp(copies) - jnp.log(jnp.maximum(count, 1))
    return logsumexp(mixture(count) + jnp.stack([log_normal(unit - hyper.mu_gamma, hyper, 1.0), small, near]))


def log_normal(centred: jax.Array, hyper: Hyper, scale: float) -> jax.Array:
    """log N(centred (..., q); 0, scale^2 S_gamma) without the powers of 2 pi."""
    squares = jnp.sum((centred @ hyper.s_gamma.precision) * centred, axis=-1) / scale**2
    determinant = jnp.log(jnp.diag(jnp.linalg.cholesky(hyper.s_gamma.precision))).sum()
    return determinant - centred.shape[-1] * jnp.log(scale) - 0.5 * squares
