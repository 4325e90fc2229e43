"""Standard noise for minibatch steps."""

from __future__ import annotations

import jax


def standard_noise(key: jax.Array, like: jax.Array) -> jax.Array:
    """Independent numbers of mean zero and variance one, of the shape and type of `like`."""
    return jax.random.normal(key, like.shape, like.dtype)
