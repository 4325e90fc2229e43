"""A start near the posterior where rows leave hardly any room: sweeps on a likelihood whose power grows to one.

Errors of unknown size begin large and shrink as the fit improves. Counts have no such parameter: with a million per row
a unit drawn from the prior is off by thousands of standard deviations, in a narrow bent valley, and the steps in which
a chain could follow it are far shorter than those of the posterior. So the likelihood begins with the power at which a
row tells about as much as one count, and the power grows by a quarter from sweep to sweep.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from bayesnn.models.model import Model
from bayesnn.samplers.base import Steps
from bayesnn.samplers.gibbs.collapsed import GibbsState
from bayesnn.samplers.gibbs.joint_state import target_of

MUCH = 100.0  # a chain starts as it is if the average information per row is below this
MOST = 1e15  # more information than this changes nothing, so that the number of sweeps is finite for any numbers
GROWTH = 1.25  # factor of the power from one sweep to the next


def annealed(
    sampler: Steps,
    key: jax.Array,
    state: GibbsState,
    model: Model,
    x: jax.Array,
    y: jax.Array,
    offset: jax.Array | None = None,
    weights: jax.Array | None = None,
) -> GibbsState:
    """The state (without a temperature) after as many sweeps as the power takes to reach one; none for few counts."""
    target, n = target_of(state, model, x, y, offset, weights), x.shape[0]
    functions = state.coefficients.reshape(state.coefficients.shape[0], -1).shape[1]
    total = jnp.trace(target.information(jnp.zeros((functions, n)) + target.offset)).sum()
    information = jnp.minimum(total / (n if weights is None else weights.sum()), MOST)
    count = jnp.where(information > MUCH, jnp.ceil(jnp.log(information) / jnp.log(GROWTH)), 0.0).astype(int)

    def sweep(i: jax.Array, state: GibbsState) -> GibbsState:
        state = state._replace(temperature=GROWTH ** (i - count).astype(x.dtype))
        state, info = sampler.step(jax.random.fold_in(key, i), state, model, x, y, offset, weights)
        return sampler.adapt(state, info, i)

    one: Any = jnp.ones((), x.dtype)
    return lax.fori_loop(0, count, sweep, state._replace(temperature=one))._replace(temperature=None)
