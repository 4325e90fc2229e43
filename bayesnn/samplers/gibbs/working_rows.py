"""The head of a collapsed sweep: nuisance parameters, then auxiliary variables, given the function; and the products.

Given its auxiliary variables the likelihood is Gaussian in f, so all moves of the sweep work with weighted products of
the design. Auxiliary variables are drawn anew in every sweep and are no part of the state.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from bayesnn._internal import random
from bayesnn._internal.random import RandomSource
from bayesnn.likelihoods import Gaussian, weighted
from bayesnn.likelihoods.working_rows import WorkingRows, gaussian_rows, less_offset
from bayesnn.models.model import Model
from bayesnn.models.readout import shifted
from bayesnn.samplers.base import Info
from bayesnn.samplers.gibbs.collapsed import GibbsState
from bayesnn.samplers.gibbs.structure import readout_rows
from bayesnn.samplers.gibbs.unit_moves import activations


def refresh(
    source: RandomSource,
    state: GibbsState,
    model: Model,
    x: jax.Array,
    y: jax.Array,
    offset: jax.Array | None = None,
    weights: jax.Array | None = None,
) -> tuple[GibbsState, WorkingRows]:
    """The state with new nuisance parameters, and the working rows of this sweep, given units and readout.

    Gaussian errors need no auxiliary variables, and their precision is drawn at the end of the sweep. Nuisance
    parameters of other likelihoods are drawn first, on the likelihood itself, and then the auxiliary variables given
    these: together an exact draw of the latter with the former.
    """
    if isinstance(model.likelihood, Gaussian):
        return state, gaussian_rows(y, offset, weights)
    key_latents, key_rows = jax.random.split(random.as_key(source))
    weights = tempered(weights, state, y)
    f = shifted(function_values(state, model, x), offset)
    latents = state.latents or {}
    if latents:
        latents = model.likelihood.update(key_latents, latents, f, y, weights)
    rows = model.likelihood.augment(key_rows, latents, f, y, weights)
    return state._replace(latents=latents), less_offset(rows, offset)


def tempered(weights: jax.Array | None, state: GibbsState, y: jax.Array) -> jax.Array | None:
    """Case weights (n,) times the temperature: a power of the likelihood is a case weight of every row."""
    if state.temperature is None:
        return weights
    return state.temperature * (jnp.ones(y.shape[0]) if weights is None else weights)


def log_likelihood(
    state: GibbsState,
    model: Model,
    x: jax.Array,
    y: jax.Array,
    offset: jax.Array | None = None,
    weights: jax.Array | None = None,
) -> jax.Array:
    """log p(y | state) (), not raised to any power, for likelihoods whose auxiliary variables are integrated out."""
    f = shifted(function_values(state, model, x), offset)
    nuisance = model.likelihood.report(state.latents or {})
    return weighted(model.likelihood.distribution(f, **nuisance).log_prob(y), weights).sum()


def with_level(
    info: Info, state: GibbsState, level: jax.Array | None, model: Model, x: jax.Array, y: jax.Array, *rows: Any
) -> Info:
    """The report of a sweep, with the log likelihood () of the new state, perhaps known, where states are tempered."""
    if state.temperature is None:
        return info
    level = log_likelihood(state, model, x, y, *rows) if level is None else level
    return info._replace(log_likelihood=level)


def function_values(state: GibbsState, model: Model, x: jax.Array) -> jax.Array:
    """f (n,) without an offset, with the activations that the unit moves use."""
    used = model.masks(state.structure, x.shape[1:])
    inputs, extra = readout_rows(model.terms(x.shape[1:]), x, used)
    columns = activations(state.gamma, inputs)
    columns = columns if used is None else columns * used.units[:, None]
    return state.coefficients @ jnp.concatenate([columns, extra])
