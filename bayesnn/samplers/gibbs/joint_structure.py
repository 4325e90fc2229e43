"""Draws of the architecture for likelihoods whose readout cannot be integrated out, by weighted candidates for it.

As in `structure`, unused slots get units from the prior. Then the arms of one draw are all numbers of units, of another
the network with and without the linear term, of a third all lag orders, each with candidates for its readout
(`readout_candidates`), mu_beta integrated out.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from bayesnn.models.model import Model
from bayesnn.models.random_architecture import Structure
from bayesnn.samplers.gibbs.collapsed import GibbsState
from bayesnn.samplers.gibbs.joint_state import flat, point_of, target_of, with_point
from bayesnn.samplers.gibbs.readout_candidates import (
    CANDIDATES,
    arm_of,
    candidates_of,
    choose,
    log_mean,
    log_weights,
    t_numbers,
)
from bayesnn.samplers.gibbs.structure import Conditioning, refreshed, shuffled


def draw_architecture(
    key: jax.Array,
    state: GibbsState,
    model: Model,
    x: jax.Array,
    y: jax.Array,
    offset: jax.Array | None,
    weights: jax.Array | None,
) -> GibbsState:
    """One draw for each part that is random; units and readout fit the new architecture, mu_beta is out of date."""
    assert state.structure is not None and model.architecture is not None
    key_order, key_fresh, key_units, key_linear, key_lags = jax.random.split(key, 5)
    random, m, structure = model.architecture, state.gamma.shape[0], state.structure
    order, gamma = shuffled_with(key_order, state)
    given = Conditioning(model, x, None, state.hyper, state.noise_precision)  # type: ignore[arg-type]
    state = state._replace(gamma=refreshed(key_fresh, gamma, given, structure), coefficients=order)
    rows = x, y, offset, weights
    if random.hidden is not None:
        arms = with_current_first(jnp.arange(m + 1), structure.units)
        prior = jnp.asarray(random.hidden.log_probabilities())[arms]
        state = draw_among(key_units, state, model, *rows, structures(structure, units=arms), prior)
    if random.linear:
        assert state.structure is not None
        arms = with_current_first(jnp.arange(2), state.structure.linear)
        state = draw_among(key_linear, state, model, *rows, structures(state.structure, linear=arms), jnp.zeros(2))
    if random.lags is not None:
        assert state.structure is not None
        arms = with_current_first(jnp.arange(1, random.lags + 1), state.structure.lags)
        prior = jnp.zeros(random.lags)
        state = draw_among(key_lags, state, model, *rows, structures(state.structure, lags=arms), prior)
    return state


def shuffled_with(key: jax.Array, state: GibbsState) -> tuple[jax.Array, jax.Array]:
    """Coefficients and units with the units in use in random order, so that any of them can be the last."""
    assert state.structure is not None
    m = state.gamma.shape[0]
    place = shuffled(key, jnp.arange(m), state.structure.units)
    return state.coefficients.at[:m].set(state.coefficients[place]), state.gamma[place]


def with_current_first(values: jax.Array, current: jax.Array) -> jax.Array:
    """The values with the current one in the first place, and the first in its place."""
    place = jnp.argmax(values == current)
    return values.at[place].set(values[0]).at[0].set(current)


def structures(structure: Structure, **arms: jax.Array) -> Structure:
    """The structure with one part replaced by each of many values (arms,)."""
    count = next(iter(arms.values())).shape
    return Structure(*(arms.get(name, jnp.broadcast_to(v, count)) for name, v in structure._asdict().items()))


def draw_among(
    key: jax.Array,
    state: GibbsState,
    model: Model,
    x: jax.Array,
    y: jax.Array,
    offset: jax.Array | None,
    weights: jax.Array | None,
    arms: Structure,
    log_prior: jax.Array,
) -> GibbsState:
    """A draw among architectures (arms,), the current one first, and of its readout; units (m, q) fill all slots."""
    key_numbers, key_arm, key_readout = jax.random.split(key, 3)
    terms, point = model.terms(x.shape[1:]), point_of(state)
    precision = flat(state.hyper.beta_precision)
    numbers = t_numbers(key_numbers, (len(log_prior), CANDIDATES, len(precision) * terms.size))
    first = jnp.arange(CANDIDATES) == 0

    def of_one(structure: Structure, numbers: jax.Array, current: jax.Array) -> tuple[jax.Array, jax.Array]:
        target = target_of(state._replace(structure=structure), model, x, y, offset, weights)
        assert target.used is not None
        arm = arm_of(target.design(state.gamma), precision, target, terms, target.used.coefficients)
        readouts = candidates_of(numbers, arm)
        readouts = jnp.where((first & current)[:, None, None], point.coefficients.T, readouts)
        return readouts, log_weights(readouts, arm, target)

    readouts, log_weight = jax.lax.map(lambda a: of_one(*a), (arms, numbers, jnp.arange(len(log_prior)) == 0))
    arm = choose(key_arm, (log_mean(log_weight) + log_prior)[:, None]).arm
    readout = choose(key_readout, log_weight[arm][None]).candidate
    state = with_point(state, point._replace(coefficients=readouts[arm, readout].T))
    return state._replace(structure=Structure(*(part[arm] for part in arms)))
