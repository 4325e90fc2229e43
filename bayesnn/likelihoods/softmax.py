"""The softmax with classes first and rows last, for samplers that evaluate it many times.

Sums over a few classes then run over whole vectors of rows, and without an index into the classes there is no scatter
in the gradient: both are slow on a CPU. The numbers are those of `Categorical.distribution` and of its `information`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


def log_probability(f: jax.Array, y: jax.Array) -> jax.Array:
    """log P(y_i | f_i) (n,) of codes y (n,), for f (K, n)."""
    of_class = jnp.where(jnp.arange(f.shape[0])[:, None] == y, f, 0.0).sum(axis=0)
    return of_class - jax.nn.logsumexp(f, axis=0)


def information(f: jax.Array) -> jax.Array:
    """diag(p) - p p' (K, K, n) of each row, for f (K, n)."""
    p = jax.nn.softmax(f, axis=0)
    return p[:, None] * (jnp.eye(f.shape[0], dtype=f.dtype)[..., None] - p)
