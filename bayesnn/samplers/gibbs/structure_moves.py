"""One update of a random architecture: jumps of the number of units, if it moves by these, and an exact draw."""

from __future__ import annotations

import jax

from bayesnn.likelihoods.working_rows import WorkingRows
from bayesnn.models import readout
from bayesnn.models.model import Model
from bayesnn.samplers.gibbs.birth_death import birth_death
from bayesnn.samplers.gibbs.collapsed import GibbsState, collapsed_prior, draw_readout
from bayesnn.samplers.gibbs.confined import all_products, if_inside
from bayesnn.samplers.gibbs.structure import Conditioning, UnitsAndStructure, draw_structure, refreshed, shuffled


def move_structure(
    jumps: bool, key: jax.Array, state: GibbsState, model: Model, x: jax.Array, working: WorkingRows
) -> tuple[GibbsState, readout.Products]:
    """Update the architecture, readout and mu_beta integrated out; the readout must be drawn again afterwards."""
    body, given = parts_of(state, model, x, working)
    jumps = jumps and given.random.hidden is not None
    key_jump, key_draw = jax.random.split(key)
    body = birth_death(key_jump, body, given) if jumps else body
    body, data = draw_structure(key_draw, body, given, units=not jumps)
    return state._replace(gamma=body.gamma, structure=body.structure), data


def move_structure_inside(
    jumps: bool, key: jax.Array, state: GibbsState, model: Model, x: jax.Array, working: WorkingRows
) -> GibbsState:
    """`move_structure` for a prior confined to a region: each of its two moves is accepted if the readout is inside.

    What has no influence on y, the order of the units in use included, is drawn anew before and after each move, which
    makes it reversible.
    """
    body, given = parts_of(state, model, x, working)
    jumps = jumps and given.random.hidden is not None
    key_jump, key_draw, *keys = jax.random.split(key, 4)

    def accepted(key: jax.Array, body: UnitsAndStructure, old: GibbsState) -> GibbsState:
        key_order, key_fresh, key_readout = jax.random.split(key, 3)
        gamma = shuffled(key_order, body.gamma, body.structure.units)
        gamma = refreshed(key_fresh, gamma, given, body.structure)
        new = old._replace(gamma=gamma, structure=body.structure)
        data = all_products(new, model, x, working)
        solved = readout.solve(data, collapsed_prior(model, new, x), new.tempered_precision)
        new = new._replace(coefficients=draw_readout(key_readout, new, model, x, solved))
        return if_inside(new, old, model, x)

    if jumps:
        state = accepted(keys[0], birth_death(key_jump, body, given), state)
    body, _ = draw_structure(key_draw, parts_of(state, model, x, working)[0], given, units=not jumps)
    return accepted(keys[1], body, state)


def parts_of(
    state: GibbsState, model: Model, x: jax.Array, working: WorkingRows
) -> tuple[UnitsAndStructure, Conditioning]:
    """Units and architecture of a state, and what their moves condition on."""
    assert state.structure is not None
    given = Conditioning(model, x, working, state.hyper, state.tempered_precision)
    return UnitsAndStructure(state.gamma, state.structure), given
