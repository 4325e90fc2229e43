"""The collapsed sweep where the prior is confined to a region: whole moves, then the sweep given the linear term."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax

from bayesnn._internal import random
from bayesnn._internal.random import RandomSource
from bayesnn.likelihoods.working_rows import WorkingRows
from bayesnn.models.model import Model
from bayesnn.samplers.base import Info
from bayesnn.samplers.gibbs.collapsed import (
    GibbsState,
    active_units,
    draw_hyper,
    draw_readout,
    moved_units,
)
from bayesnn.samplers.gibbs.confined import all_products, draw_inside, if_inside, inside, less_linear
from bayesnn.samplers.gibbs.likelihood_moves import move_on_likelihood
from bayesnn.samplers.gibbs.structure_moves import move_structure_inside
from bayesnn.samplers.gibbs.working_rows import refresh, with_level

PASSES = 2  # passes over the units per sweep, which then costs as much as two other sweeps


def confined_sweep(
    gibbs: Any, source: RandomSource, state: GibbsState, model: Model, x: jax.Array, y: jax.Array, *rows: Any
) -> tuple[GibbsState, Info]:
    """`gibbs.sweep` for a prior that is confined to a region; see `confined` for why it leaves it invariant."""
    of_whole, of_units, of_readout, of_hyper, of_rows, of_structure, of_likelihood = random.split(source, 7)
    active = active_units(state)
    state, working = refresh(of_rows, state, model, x, y, *rows)
    state, moved = move_whole(gibbs, of_whole, state, model, x, working)
    if state.structure is not None:
        state = move_structure_inside(
            gibbs.structure == "birth_death", random.as_key(of_structure), state, model, x, working
        )
    given_linear = less_linear(state, model, x, working)
    state = gibbs.move_units(of_units, state, replace(model, linear=False), x, given_linear).state
    data = all_products(state, model, x, working)
    new, level = draw_hyper(of_hyper, state, model, draw_inside(of_readout, state, model, x, data), data)
    if model.likelihood.augments and model.likelihood.latent_rows:
        new = move_on_likelihood(random.as_key(of_likelihood), new, model, x, y, gibbs.candidates, *rows)
    return new, with_level(moved_units(moved, active), new, level, model, x, y, *rows)


def move_whole(
    gibbs: Any, source: RandomSource, state: GibbsState, model: Model, x: jax.Array, working: WorkingRows
) -> tuple[GibbsState, jax.Array]:
    """All units, with the whole readout integrated out, accepted if it is inside; and which units moved (m,)."""
    of_units, of_coin, of_readout = random.split(source, 3)
    backwards = random.uniform(of_coin) < 0.5
    new, _, solved, moved = gibbs.move_units(of_units, state, model, x, working, backwards)
    new = new._replace(coefficients=draw_readout(of_readout, new, model, x, solved))
    return if_inside(new, state, model, x), moved * inside(new, model, x)
