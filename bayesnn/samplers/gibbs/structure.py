"""Moves between architectures: number of units, linear term and lag order in one exact draw.

Unused slots are filled with units drawn from the prior; then p(architecture | all slots, y) is proportional to its
prior probability times p(y | the units it uses), the readout and mu_beta integrated out. Units in use come first, so
one Cholesky factor serves all numbers of units: the factor of each is a leading block of it.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.linalg import solve_triangular

from bayesnn._internal.weights import Shape
from bayesnn.likelihoods.working_rows import WorkingRows
from bayesnn.models import readout
from bayesnn.models.model import Model
from bayesnn.models.random_architecture import UNBOUND, Architecture, Masks, Structure, used_inputs, used_units
from bayesnn.priors import MuellerRiosInsua, Terms
from bayesnn.priors.readout_normal import others_of
from bayesnn.priors.shallow_hyper import Hyper
from bayesnn.samplers.gibbs.unit_moves import activations, weighted_products


class Conditioning(NamedTuple):
    """What draws of the architecture condition on: model, x (n, p), rows, hyperparameters and error precision."""

    model: Model
    x: jax.Array
    working: WorkingRows
    hyper: Hyper
    noise_precision: jax.Array

    @property
    def random(self) -> Architecture:
        """Which parts of the architecture are random."""
        assert self.model.architecture is not None
        return self.model.architecture

    @property
    def prior(self) -> MuellerRiosInsua:
        """The prior of the weights."""
        assert isinstance(self.model.prior, MuellerRiosInsua)
        return self.model.prior


class UnitsAndStructure(NamedTuple):
    """Units (m, q), those in use first, and the architecture, which says how many these are."""

    gamma: jax.Array
    structure: Structure


def start_structure(key: jax.Array, model: Model, shape: Shape) -> Structure | None:
    """A random architecture to start a chain, with at least one unit; None if the architecture is fixed."""
    if model.architecture is None:
        return None
    keys, units = jax.random.split(key, 3), model.terms(shape).units
    hidden, lags = model.architecture.hidden, model.architecture.lags
    return Structure(
        jax.random.randint(keys[0], (), 1, units + 1) if hidden is not None else jnp.asarray(units),
        jax.random.randint(keys[1], (), 0, 2) if model.architecture.linear else jnp.asarray(int(model.linear)),
        jax.random.randint(keys[2], (), 1, lags + 1) if lags is not None else jnp.asarray(UNBOUND),
    )


def structure_sites(model: Model, structure: Structure | None) -> dict[str, jax.Array]:
    """The random parts of the architecture, by the names of their sites."""
    if model.architecture is None or structure is None:
        return {}
    values = {"M": structure.units, "linear_in": structure.linear, "lag_order": structure.lags}
    return {name: values[name] for name in model.architecture.sites()}


def readout_rows(terms: Terms, x: jax.Array, used: Masks | None) -> tuple[jax.Array, jax.Array]:
    """Inputs of the units (q, n), the constant first, and other readout columns (k - m, n); unused ones are zero."""
    ones = jnp.ones((1, x.shape[0]))
    seen = x.T if used is None else x.T * used.inputs[:, None]
    extra = jnp.concatenate([ones[: int(terms.intercept)], seen[: terms.predictors]])
    extra = extra if used is None else extra * used.coefficients[terms.units :, None]
    return jnp.concatenate([ones, seen]), extra


def gram_matrix(given: Conditioning, gamma: jax.Array, structure: Structure) -> jax.Array:
    """Products (k + 1, k + 1) of [design, z], where unused columns are zero; with more z for more outputs."""
    terms = given.model.terms(given.x.shape[1:])
    used = given.model.masks(structure, given.x.shape[1:])
    assert used is not None
    inputs, extra = readout_rows(terms, given.x, used)
    design = jnp.concatenate([activations(gamma, inputs) * used.units[:, None], extra])
    return weighted_products(design, given.working)[1][:-1, :-1]


def products_of(gram: jax.Array, working: WorkingRows, used: jax.Array | None = None) -> readout.Products:
    """Products of [design, z] as a `readout.Products`; columns that are not used are zeroed."""
    if used is not None:
        kept = jnp.append(used, jnp.ones(working.outputs or (1,)))
        gram = gram * kept[:, None] * kept
    return readout.products_of(gram, working.count, working.outputs)


def shuffled(key: jax.Array, gamma: jax.Array, count: jax.Array) -> jax.Array:
    """The units with the first `count`, which are in use, in random order, so that any of them can be the last."""
    m = gamma.shape[0]
    place = jnp.where(jnp.arange(m) < count, jax.random.uniform(key, (m,)), 1.0 + jnp.arange(m))
    return gamma[jnp.argsort(place)]


def refreshed(key: jax.Array, gamma: jax.Array, given: Conditioning, structure: Structure) -> jax.Array:
    """Units (m, q) with all that has no influence on y redrawn: unused units, and the weights of unused lags.

    The latter are drawn given the weights in use, by Matheron's rule: g*_u + S_uA S_AA^-1 (g_A - g*_A), where g* is a
    draw from the prior.
    """
    covariance = given.hyper.s_gamma
    fresh = given.hyper.mu_gamma + jax.random.normal(key, gamma.shape) @ covariance.factor.T
    active = used_units(structure.units, gamma.shape[0])[:, None] > 0
    if given.random.lags is None:
        return jnp.where(active, gamma, fresh)
    used = jnp.concatenate([jnp.ones(1), used_inputs(given.random, structure.lags, gamma.shape[1] - 1)])
    matrix = covariance.factor @ covariance.factor.T
    block = matrix * used[:, None] * used + jnp.diag(1.0 - used)
    moved = fresh + jnp.linalg.solve(block, ((gamma - fresh) * used).T).T @ matrix
    return jnp.where(active, jnp.where(used > 0, gamma, moved), fresh)


def nested_log_marginals(
    data: readout.Products,
    terms: Terms,
    prior: MuellerRiosInsua,
    hyper: Hyper,
    noise_precision: jax.Array,
    used: jax.Array | None = None,
) -> jax.Array:
    """log p(y | first M units) for M = 0, ..., m, (m + 1,), readout and mu_beta integrated out, with all constants.

    With several outputs, the sum over these.

    The prior precision of beta given M is (I - c_M 11')/sb2, c_M = A_b/(sb2 + M A_b). Without its second part the
    matrices K of all M are leading blocks of one matrix, with one factor L; the second part has rank one and enters by
    the matrix determinant lemma and the Sherman-Morrison formula with a = L^-1 1, where 1 is zero for coefficients
    that are not those of units. `used` (k,) says which coefficients are in use, where others than units are left out.
    """
    if jnp.ndim(noise_precision):
        one = jax.vmap(
            lambda d, b, s: nested_log_marginals(d, terms, prior, hyper._replace(beta_precision=b), s, used),
            (readout.BY_OUTPUT, 0, 0),
        )
        return one(data, hyper.beta_precision, noise_precision).sum(axis=0)
    m, k = terms.units, terms.size
    order = jnp.concatenate([jnp.arange(m, k), jnp.arange(m)])
    variance, a_b, a_var = 1.0 / hyper.beta_precision, prior.readout_mean, prior.readout_mean_variance
    others = others_of(prior.collapsed_given(terms, variance, used), m)
    of_unit = (jnp.arange(k) >= k - m).astype(float)
    pad = (0, m)
    matrix = jnp.diag(jnp.where(of_unit > 0, hyper.beta_precision, 0.0)) + jnp.pad(others.precision, (pad, pad))
    gram = data.gram[order][:, order]
    cholesky = jnp.linalg.cholesky(gram * noise_precision + matrix)
    shift_of_others = others.precision @ others.mean
    right = jnp.stack([data.cross[order] * noise_precision + jnp.pad(shift_of_others, pad), of_unit], axis=1)
    w, a = solve_triangular(cholesky, right, lower=True).T

    def leading(values: jax.Array) -> jax.Array:
        """Sums over the leading coefficients, those of M = 0, ..., m units included."""
        return jnp.concatenate([jnp.zeros(1), jnp.cumsum(values)])[k - m :]

    count = jnp.arange(m + 1)
    c = a_var / (variance + count * a_var)
    shift = a_b * (1.0 - c * count) / variance  # of every unit in V^-1 b0
    aa, wa, ww = leading(a * a), leading(w * a), leading(w * w)
    wa, ww = wa + shift * aa, ww + 2.0 * shift * wa + shift**2 * aa
    rest = jnp.maximum(1.0 - c / variance * aa, 1.0 - c * count)  # its exact lower bound, as K0 >= I/sb2 on the units
    log_prior = (
        jnp.linalg.slogdet(others.covariance)[1] + count * jnp.log(variance) + jnp.log1p(count * a_var / variance)
    )
    log_k = 2.0 * leading(jnp.log(jnp.diag(cholesky))) + jnp.log(rest)
    squares = (
        noise_precision * data.square
        + others.mean @ shift_of_others
        + a_b * shift * count
        - (ww + c / variance * wa**2 / rest)
    )
    return readout.log_normaliser(data.rows, noise_precision) - 0.5 * (log_prior + log_k + squares)


class ArchitectureScores(NamedTuple):
    """log p(y | architecture) + log prior (orders, linear, m + 1) up to a constant, and the values along its axes."""

    values: jax.Array
    orders: jax.Array
    linear: jax.Array


def architecture_scores(
    given: Conditioning, grams: jax.Array, orders: jax.Array, current: Structure, *, units: bool
) -> ArchitectureScores:
    """Scores of all architectures from products (orders, k + 1, k + 1) of all columns; M is fixed unless `units`."""
    terms, random = given.model.terms(given.x.shape[1:]), given.random
    linear = jnp.arange(2) if random.linear else current.linear[None]

    def densities(gram: jax.Array, order: jax.Array, included: jax.Array) -> jax.Array:
        used = given.model.masks(Structure(jnp.asarray(terms.units), included, order), given.x.shape[1:])
        assert used is not None
        data = products_of(gram, given.working, used.coefficients)
        return nested_log_marginals(data, terms, given.prior, given.hyper, given.noise_precision, used.coefficients)

    values = jax.vmap(jax.vmap(densities, (None, None, 0)), (0, 0, None))(grams, orders, linear)
    if units and random.hidden is not None:
        prior = jnp.asarray(random.hidden.log_probabilities())
    else:
        prior = jnp.where(jnp.arange(terms.units + 1) == current.units, 0.0, -jnp.inf)
    return ArchitectureScores(values + prior, orders, linear)


def draw_structure(
    key: jax.Array, body: UnitsAndStructure, given: Conditioning, *, units: bool = True
) -> tuple[UnitsAndStructure, readout.Products]:
    """An exact draw of the random parts of the architecture, and the products of the new design.

    With units=False the number of units is unchanged, and the rest is drawn given it.
    """
    key_order, key_fresh, key_choice = jax.random.split(key, 3)
    current, shape = body.structure, given.x.shape[1:]
    gamma = refreshed(key_fresh, shuffled(key_order, body.gamma, current.units), given, current)
    lags = given.random.lags
    orders = jnp.arange(1, lags + 1) if lags is not None else current.lags[None]
    everything = Structure(jnp.asarray(gamma.shape[0]), jnp.asarray(1), current.lags)
    grams = lax.map(lambda order: gram_matrix(given, gamma, everything._replace(lags=order)), orders)
    scores = architecture_scores(given, grams, orders, current, units=units)
    chosen, place = choose(key_choice, scores, current)
    used = given.model.masks(chosen, shape)
    assert used is not None
    return UnitsAndStructure(gamma, chosen), products_of(grams[place], given.working, used.coefficients)


def choose(key: jax.Array, scores: ArchitectureScores, current: Structure) -> tuple[Structure, jax.Array]:
    """A draw of an architecture and the index of its lag order; the current one if rounding spoils all scores."""
    logits = jnp.where(jnp.isnan(scores.values), -jnp.inf, scores.values)
    place = jnp.unravel_index(jnp.argmax(logits + jax.random.gumbel(key, logits.shape)), logits.shape)
    same = jnp.argmax(scores.orders == current.lags), jnp.argmax(scores.linear == current.linear), current.units
    usable = jnp.isfinite(logits).any()
    order, linear, units = (jnp.where(usable, new, old) for new, old in zip(place, same, strict=True))
    return Structure(units, scores.linear[linear], scores.orders[order]), order
