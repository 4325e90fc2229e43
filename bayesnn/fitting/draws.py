"""Functions of posterior draws, many draws at a time but never so many that memory grows with draws times rows.

This is the only place that loops over draws: a quantity is written for one draw.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from bayesnn._internal.runtime import as_precision, computing
from bayesnn.likelihoods import class_probabilities, weighted
from bayesnn.models.model import Model
from bayesnn.models.network import SEQUENCE_NUMBERS
from bayesnn.models.readout import shifted
from bayesnn.priors import Sites

BLOCK_NUMBERS = 2_000_000  # doubles of workspace a block may take

Quantity = Callable[..., jax.Array]  # (model, sites of one draw, *arrays) -> one value per row, or several


def function_value(model: Model, sites: Sites, x: jax.Array, offset: jax.Array | None = None) -> jax.Array:
    """f (n,) or (n, K) of one draw, the offset added."""
    return shifted(model.function(sites, x), offset)


def log_density(
    model: Model,
    sites: Sites,
    x: jax.Array,
    y: jax.Array,
    offset: jax.Array | None = None,
    weights: jax.Array | None = None,
) -> jax.Array:
    """log p(y_i | one draw) (n,) times the case weights, on the scale the model sees."""
    nuisance = model.likelihood.nuisance_of(sites)
    f = function_value(model, sites, x, offset)
    return weighted(model.distribution(f, x, nuisance).log_prob(y), weights)


def target_log_density(
    model: Model, sites: Sites, x: jax.Array, y: jax.Array, offset: jax.Array | None = None
) -> jax.Array:
    """log p(each target | one draw), (n,), or (n, time) where every step has one; nonsense at padded steps."""
    nuisance = model.likelihood.nuisance_of(sites)
    return model.likelihood.distribution(function_value(model, sites, x, offset), **nuisance).log_prob(y)


def expectation(model: Model, sites: Sites, x: jax.Array, offset: jax.Array | None = None) -> jax.Array:
    """E[y_i | one draw], on the scale the model sees."""
    nuisance = model.likelihood.nuisance_of(sites)
    return model.likelihood.distribution(function_value(model, sites, x, offset), **nuisance).mean


def probabilities(model: Model, sites: Sites, x: jax.Array, offset: jax.Array | None = None) -> jax.Array:
    """P(y_i = each class | one draw) (n, classes)."""
    return class_probabilities(function_value(model, sites, x, offset), model.likelihood.outputs)


@computing
def over_draws(
    quantity: Quantity,
    model: Model,
    sites: dict[str, np.ndarray],
    x: np.ndarray,
    *arrays: Any,
    at_once: int | None = None,
) -> np.ndarray:
    """A quantity of each draw, sites (s, ...), inputs x (n, p) and what else it takes, on the scale the model sees.

    -> (s, n) or (s, n, K). At most `at_once` draws are evaluated together, if it is given.
    """
    count = len(next(iter(sites.values())))
    terms = model.terms(x.shape[1:])
    width = terms.size + x.shape[1] + math.prod(terms.outputs)
    room = BLOCK_NUMBERS
    if x.ndim > 2 or model.network.tokens is not None:  # examples that are too many at once for one draw go in parts
        room, width = SEQUENCE_NUMBERS, width + model.network.workspace_size(x.shape[1:])
    block = int(np.clip(room // (len(x) * width), 1, at_once or count))
    parts = []
    x = as_precision(x)
    for start in range(0, count, block):
        piece = {name: values[start : start + block] for name, values in sites.items()}
        parts.append(np.asarray(_block(quantity, model, _padded(piece, block), x, *arrays))[: count - start])
    return np.concatenate(parts)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _block(quantity: Quantity, model: Model, sites: Sites, *arrays: Any) -> jax.Array:
    return jax.vmap(lambda one: quantity(model, one, *arrays))(sites)


def _padded(piece: dict[str, np.ndarray], block: int) -> dict[str, np.ndarray]:
    """The last block filled up with its last draw, so that every block has one shape and compiles once."""
    short = block - len(next(iter(piece.values())))
    return {n: np.concatenate([v, np.repeat(v[-1:], short, axis=0)]) for n, v in piece.items()} if short else piece
