"""The chain state of the joint sweep as points of its density, the density itself, and the draws beside it.

Inside, coefficients are (k, K) and hyperparameters of the readout (K,), also where the likelihood has one function and
the state keeps them as (k,) and ().
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from bayesnn._internal import conditionals, random
from bayesnn._internal.random import RandomSource
from bayesnn.likelihoods import Categorical, Latents, softmax, weighted
from bayesnn.models.model import Model
from bayesnn.priors.arguments import masked
from bayesnn.priors.shallow_hyper import Hyper
from bayesnn.samplers.gibbs.collapsed import GibbsState, active_units, prior_of
from bayesnn.samplers.gibbs.joint_density import Point, Target
from bayesnn.samplers.gibbs.structure import readout_rows
from bayesnn.samplers.gibbs.working_rows import tempered


def flat(values: jax.Array) -> jax.Array:
    """One value per function (K,)."""
    return values.reshape(-1)


def of_point(point: Point, state: GibbsState) -> Hyper:
    """The hyperparameters, those of the readout (K,) of the functions of a point, which are the last ones."""
    hyper, count = state.hyper, point.mu_beta.shape[0]
    return hyper._replace(mu_beta=flat(hyper.mu_beta)[-count:], beta_precision=flat(hyper.beta_precision)[-count:])


def point_of(state: GibbsState) -> Point:
    """The point of a state."""
    coefficients = state.coefficients.reshape(state.coefficients.shape[0], -1)
    return Point(state.gamma, state.hyper.mu_gamma, coefficients, flat(state.hyper.mu_beta))


def with_point(state: GibbsState, point: Point) -> GibbsState:
    """The state moved to a point."""
    mu_beta = point.mu_beta.reshape(state.hyper.mu_beta.shape)
    return state._replace(
        gamma=point.gamma,
        coefficients=point.coefficients.reshape(state.coefficients.shape),
        hyper=state.hyper._replace(mu_gamma=point.mu_gamma, mu_beta=mu_beta),
    )


def as_rows(f: jax.Array, model: Model) -> jax.Array:
    """f (K, n) as the likelihood takes it, (n, K), or (n,) where it has one function."""
    return f.T if model.likelihood.outputs else f[0]


def single(f: jax.Array, model: Model) -> jax.Array:
    """f in single precision for classes, whose exponentials then take a fifth of the time; sums are double.

    The rounding is part of the function that is sampled. Others lose their digits so, where large numbers cancel.
    """
    return f.astype(jnp.float32) if model.likelihood.kind == "class" else f


def log_likelihood(f: jax.Array, model: Model, latents: Latents, y: jax.Array, weights: jax.Array | None) -> jax.Array:
    """log p(y | f) () for f (K, n), offset included."""
    if isinstance(model.likelihood, Categorical):
        return weighted(softmax.log_probability(single(f, model), y).astype(f.dtype), weights).sum()
    distribution = model.likelihood.distribution(as_rows(single(f, model), model), **model.likelihood.report(latents))
    return weighted(distribution.log_prob(y).astype(f.dtype), weights).sum()


def information_of(f: jax.Array, model: Model, latents: Latents) -> jax.Array:
    """Fisher information (K, K, n) about f (K, n)."""
    if isinstance(model.likelihood, Categorical):
        return softmax.information(single(f, model)).astype(f.dtype)
    found = model.likelihood.information(as_rows(single(f, model), model), **model.likelihood.report(latents))
    return found.astype(f.dtype).reshape(f.shape[1], f.shape[0], f.shape[0]).transpose(1, 2, 0)


def target_of(
    state: GibbsState,
    model: Model,
    x: jax.Array,
    y: jax.Array,
    offset: jax.Array | None,
    weights: jax.Array | None,
) -> Target:
    """The density given the architecture, the nuisance parameters and the temperature of a state."""
    terms, latents = model.terms(x.shape[1:]), state.latents or {}
    used = model.masks(state.structure, x.shape[1:])
    inputs, extra = readout_rows(terms, x, used)
    shares = tempered(weights, state, y)

    def information(f: jax.Array) -> jax.Array:
        found = information_of(f, model, latents)
        return found if shares is None else found * shares

    mean, variance = (jnp.asarray(values[terms.units :]) for values in prior_of(model).readout_moments(terms))
    return Target(
        inputs,
        extra,
        mean,
        variance,
        0.0 if offset is None else offset,
        lambda f: log_likelihood(f, model, latents, y, shares),
        information,
        prior_of(model),
        used,
    )


def redraw_mean(source: RandomSource, state: GibbsState, model: Model) -> GibbsState:
    """mu_beta given readout weights and sigma_beta."""
    active, beta = active_units(state), state.coefficients[: state.gamma.shape[0]]
    count = None if active is None else active.sum()
    mu_beta = prior_of(model).draw_mu_beta(source, beta, state.hyper.beta_precision, count)
    return state._replace(hyper=state.hyper._replace(mu_beta=mu_beta))


def redraw_spread(source: RandomSource, state: GibbsState, model: Model) -> GibbsState:
    """sigma_beta given readout weights and mu_beta, and S_gamma given units and mu_gamma."""
    of_readout, of_units = random.split(source)
    prior, hyper, active, m = prior_of(model), state.hyper, active_units(state), state.gamma.shape[0]
    squares = jnp.sum(masked(state.coefficients[:m] - hyper.mu_beta, active) ** 2, axis=0)
    count = m if active is None else active.sum()
    precision = conditionals.draw_precision(of_readout, squares, count, prior.readout_guess, prior.readout_size)
    covariance = prior.draw_unit_covariance(of_units, hyper.mu_gamma, state.gamma, active)
    return state._replace(hyper=hyper._replace(beta_precision=precision, s_gamma=covariance))


def redraw_latents(
    source: RandomSource,
    state: GibbsState,
    target: Target,
    model: Model,
    y: jax.Array,
    weights: jax.Array | None,
) -> tuple[GibbsState, jax.Array | None]:
    """Nuisance parameters given the function; and the log likelihood (), not raised to a power, of tempered states."""
    f = target.function(point_of(state))
    if state.latents:
        shares = tempered(weights, state, y)
        latents = model.likelihood.update(random.as_key(source), state.latents, as_rows(f, model), y, shares)
        state = state._replace(latents=latents)
    if state.temperature is None:
        return state, None
    return state, log_likelihood(f, model, state.latents or {}, y, weights)
