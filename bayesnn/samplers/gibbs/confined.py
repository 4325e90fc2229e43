"""The collapsed sweep where the prior is confined to linear terms inside a region, so that no map runs away.

The density is that of the prior without the region, times the indicator of the region, for all unknowns together.
With the linear term integrated out its probability of being inside would be needed, which has no closed form. Two kinds
of moves do without it.

Whole moves: a move of units or architecture, with the readout integrated out, that is reversible under the density
without the region, then an exact draw of the readout. Both together are reversible, so accepting them exactly when
the readout is inside leaves the confined density invariant. A fixed order of reversible moves is not reversible, a fair
coin between an order and its reverse is; so units move in an order that a coin decides, and do not flip here.

Moves given the linear term, which is then an offset: the sweep as it is. Then the linear term given the units, the
other coefficients integrated out: elliptical slice sampling of a normal distribution (I. Murray, R. Adams and D.
MacKay, 2010) whose bracket shrinks until the point is inside, which ends because the present one is; then the rest of
the readout.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from bayesnn._internal import random
from bayesnn._internal.conditionals import Bracket, shrink_to_slice
from bayesnn._internal.random import RandomSource
from bayesnn.likelihoods.working_rows import WorkingRows
from bayesnn.models import readout
from bayesnn.models.model import Model
from bayesnn.priors.autoregression import LagRegion
from bayesnn.samplers.gibbs.collapsed import GibbsState, collapsed_prior, prior_of
from bayesnn.samplers.gibbs.structure import readout_rows
from bayesnn.samplers.gibbs.unit_moves import activations

SMALLEST_ANGLE = 1e-9  # width of a bracket that has closed on the present point


def is_confined(model: Model) -> bool:
    """Whether the prior of the model's linear term is confined to a region."""
    return model.linear and prior_of(model).region is not None


def region_of(model: Model) -> LagRegion:
    """The region of a model for which `is_confined` is true."""
    region = prior_of(model).region
    assert region is not None
    return region


def inside(state: GibbsState, model: Model, x: jax.Array) -> jax.Array:
    """Whether the linear term of a state is inside the region ()."""
    return region_of(model).inside(model.readout_sites(model.terms(x.shape[1:]), state.coefficients)["linear"])


def if_inside(new: GibbsState, old: GibbsState, model: Model, x: jax.Array) -> GibbsState:
    """The new state, whose readout was drawn given its units, if it is inside; else the old one."""
    accept = inside(new, model, x)
    return jax.tree.map(lambda a, b: jnp.where(accept, a, b), new, old)


def all_products(state: GibbsState, model: Model, x: jax.Array, working: WorkingRows) -> readout.Products:
    """Products of the whole design of a state, and of its working rows."""
    used = model.masks(state.structure, x.shape[1:])
    inputs, extra = readout_rows(model.terms(x.shape[1:]), x, used)
    columns = activations(state.gamma, inputs)
    design = jnp.concatenate([columns if used is None else columns * used.units[:, None], extra])
    weighted = design if working.weights is None else design * working.weights
    return readout.Products(weighted @ design.T, (design @ working.target.T).T, working.square, working.count)


def less_linear(state: GibbsState, model: Model, x: jax.Array, working: WorkingRows) -> WorkingRows:
    """The working rows for the function without its linear term, from those for the whole function.

    The sum of squares, which no move of units reads, is left as it is.
    """
    linear = model.readout_sites(model.terms(x.shape[1:]), state.coefficients)["linear"]
    used = model.masks(state.structure, x.shape[1:])
    shift = x @ (linear if used is None else linear * used.inputs)
    return working._replace(target=working.target - (shift if working.weights is None else working.weights * shift))


def draw_inside(
    source: RandomSource, state: GibbsState, model: Model, x: jax.Array, data: readout.Products
) -> jax.Array:
    """Readout (k,) given the units: the linear term inside the region, the other coefficients given it.

    With K = L L' and the linear term last, L_22' times it is N(w_2, I), and the others follow given it.
    """
    terms = model.terms(x.shape[1:])
    first = terms.size - terms.predictors
    used = model.masks(state.structure, x.shape[1:])
    solved = readout.solve(data, collapsed_prior(model, state, x), state.tempered_precision)
    of_noise, of_key = random.split(source)
    noise = random.normal(of_noise, (terms.size,))
    corner = solved.cholesky[first:, first:]
    now = corner.T @ state.coefficients[first:] - solved.whitened[first:]
    mask: Any = 1.0 if used is None else used.coefficients[first:]

    def whitened(angle: jax.Array) -> jax.Array:
        return solved.whitened[first:] + jnp.cos(angle) * now + jnp.sin(angle) * noise[first:]

    def is_in(angle: jax.Array) -> jax.Array:
        return region_of(model).inside(solve_triangular(corner, whitened(angle), lower=True, trans=1) * mask)

    key_first, key_rest = jax.random.split(random.as_key(of_key))
    angle = 2 * jnp.pi * jax.random.uniform(key_first)
    angle = shrink_to_slice(Bracket(key_rest, angle - 2 * jnp.pi, angle, angle), jnp.zeros(()), is_in, SMALLEST_ANGLE)
    both = jnp.concatenate([solved.whitened[:first] + noise[:first], whitened(angle)])
    coefficients = solve_triangular(solved.cholesky, both, lower=True, trans=1)
    return coefficients if used is None else coefficients * used.coefficients
