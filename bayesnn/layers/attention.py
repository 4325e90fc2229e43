"""Attention of a sequence to itself."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from bayesnn._internal import checks
from bayesnn._internal.weights import Shape, Weight, Weights
from bayesnn.layers.base import Layer, sequence_shape


@dataclass(frozen=True)
class SelfAttention(Layer):
    """Every step asks all steps: softmax(Q K'/sqrt(size)) V in each head, heads side by side, then a linear map.

    x (time, d) -> (time, d); query, key, value (head, size, d), output (d, head, size), output bias (d,).

    Parameters
    ----------
    heads : int
    size : int, optional
        Width of a head. Default: d / heads, which must then be whole.
    causal : bool
        Whether a step sees no later ones.

    References
    ----------
    A. Vaswani et al. (2017), Attention is all you need, NeurIPS, equation (1) and section 3.2.2.

    Examples
    --------
    >>> SelfAttention(heads=2).weights((10, 6))["query"].shape
    (2, 3, 6)
    """

    heads: int = 1
    size: int | None = None
    causal: bool = False

    def __post_init__(self) -> None:
        """Refuse impossible sizes."""
        checks.positive_integer("heads", self.heads)
        if self.size is not None:
            checks.positive_integer("size", self.size)

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """One array a role, so that a prior can tell them apart."""
        _, width = sequence_shape(self, shape)
        size = self._size(width)
        table = {
            role: Weight((self.heads, size, width), ("head", "feature", "input"), role, width)
            for role in ("query", "key", "value")
        }
        inner = self.heads * size
        return table | {
            "output": Weight((width, self.heads, size), ("unit", "head", "feature"), "output", inner),
            "bias": Weight((width,), ("unit",), "bias", inner),
        }

    def output_shape(self, shape: Shape) -> Shape:
        """That of the input."""
        return sequence_shape(self, shape)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Values of all heads, mapped back to the width of the input."""
        return attend(weights, self.attention(weights, x, mask), x)

    @property
    def has_attention(self) -> bool:
        """It does."""
        return True

    def attention(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Attention weights (head, asking step, asked step), rows summing to one: what a picture of them shows."""
        time = len(x)
        seen = jnp.tril(jnp.ones((time, time), bool)) if self.causal else jnp.ones((time, time), bool)
        return attention_weights(weights, x, x, seen if mask is None else seen & mask[None, :])

    def _size(self, width: int) -> int:
        if self.size is None and width % self.heads:
            raise ValueError(
                f"SelfAttention needs a width that {self.heads} heads divide, got {width}: give size= or other heads"
            )
        return width // self.heads if self.size is None else self.size


def attention_weights(weights: Weights, x: jax.Array, asked: jax.Array, seen: jax.Array) -> jax.Array:
    """Attention weights (head, time, asked time) of steps x to steps `asked`, as far as these are `seen`.

    JAX's own `dot_product_attention` takes its softmax in single precision even of doubles, an error of 1e-7 that a
    sampler's densities should not have.
    """
    query, key = jnp.einsum("hfw,tw->thf", weights["query"], x), jnp.einsum("hfw,sw->shf", weights["key"], asked)
    score = jnp.einsum("thf,shf->hts", query, key) / query.shape[-1] ** 0.5
    return jax.nn.softmax(jnp.where(seen, score, -jnp.inf), axis=-1)


def attend(weights: Weights, share: jax.Array, asked: jax.Array) -> jax.Array:
    """Values (asked time, ...) mixed by attention weights (head, time, asked time) and mapped to the width of x."""
    value = jnp.einsum("hfw,sw->shf", weights["value"], asked)
    return jnp.einsum("uhf,thf->tu", weights["output"], jnp.einsum("hts,shf->thf", share, value)) + weights["bias"]
