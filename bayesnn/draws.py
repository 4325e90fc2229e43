"""Functions of posterior draws, many draws at a time but never so many that memory grows with draws times rows.

This is the only place that loops over draws: a quantity is written for one draw.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from bayesnn._runtime import computing
from bayesnn.model import Model
from bayesnn.priors import Sites

BLOCK_NUMBERS = 2_000_000  # doubles of workspace a block may take

Quantity = Callable[[Model, Sites, jax.Array, jax.Array], jax.Array]


def function_value(model: Model, sites: Sites, x: jax.Array, y: jax.Array) -> jax.Array:
    """f (n,) of one draw; y is not used."""
    return model.function(sites, x)


def log_density(model: Model, sites: Sites, x: jax.Array, y: jax.Array) -> jax.Array:
    """log p(y_i | one draw) (n,), on the scale the model sees."""
    nuisance = {name: sites[name] for name in model.likelihood.dims}
    return model.likelihood.distribution(model.function(sites, x), **nuisance).log_prob(y)


@computing
def over_draws(
    quantity: Quantity, model: Model, sites: dict[str, np.ndarray], x: np.ndarray, y: Any = None
) -> np.ndarray:
    """A quantity of each draw, sites (s, ...) and inputs x (n, p), all on the scale the model sees -> (s, n)."""
    count = len(next(iter(sites.values())))
    width = model.terms(x.shape[1]).size + x.shape[1]
    block = int(np.clip(BLOCK_NUMBERS // (len(x) * width), 1, count))
    target = np.zeros(len(x)) if y is None else y
    parts = []
    for start in range(0, count, block):
        piece = {name: values[start : start + block] for name, values in sites.items()}
        parts.append(np.asarray(_block(quantity, model, _padded(piece, block), x, target))[: count - start])
    return np.concatenate(parts)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _block(quantity: Quantity, model: Model, sites: Sites, x: jax.Array, y: jax.Array) -> jax.Array:
    return jax.vmap(lambda one: quantity(model, one, x, y))(sites)


def _padded(piece: dict[str, np.ndarray], block: int) -> dict[str, np.ndarray]:
    """The last block filled up with its last draw, so that every block has one shape and compiles once."""
    short = block - len(next(iter(piece.values())))
    return {n: np.concatenate([v, np.repeat(v[-1:], short, axis=0)]) for n, v in piece.items()} if short else piece
