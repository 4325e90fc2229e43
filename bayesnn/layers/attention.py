"""Self-attention: every step of a sequence attends to the steps of the same sequence."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import lax

from bayesnn._internal import checks
from bayesnn._internal.weights import Shape, Weight, Weights
from bayesnn.layers.base import Layer, sequence_shape


@dataclass(frozen=True)
class SelfAttention(Layer):
    """Every step attends to all steps: softmax(Q K'/sqrt(size)) V in each head, heads concatenated, then a linear map.

    x (time, d) -> (time, d); query, key, value (head, size, d), output (d, head, size), output bias (d,).

    Parameters
    ----------
    heads : int
    size : int, optional
        Width of a head. Default: d / heads, which must then be a whole number.
    causal : bool
        Whether steps are kept from attending to later ones.

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
        checks.positive_integer("heads", self.heads)
        if self.size is not None:
            checks.positive_integer("size", self.size)

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """One array per role, so that a prior can tell them apart."""
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
        return sequence_shape(self, shape)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        return attend(weights, x, x, self._seen(len(x), mask))

    @property
    def has_attention(self) -> bool:
        return True

    def attention(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Attention weights (head, query step, key step); rows sum to one."""
        return attention_weights(weights, x, x, self._seen(len(x), mask))

    def _seen(self, time: int, mask: jax.Array | None) -> jax.Array | None:
        """Which steps (..., time) a step may attend to; None if to all."""
        if not self.causal:
            return None if mask is None else mask[None, :]
        past = jnp.tril(jnp.ones((time, time), bool))
        return past if mask is None else past & mask[None, :]

    def _size(self, width: int) -> int:
        if self.size is None and width % self.heads:
            raise ValueError(
                f"SelfAttention needs a width that is a multiple of its {self.heads} heads, got {width}: give size= or "
                "another number of heads"
            )
        return width // self.heads if self.size is None else self.size


def attention_weights(weights: Weights, x: jax.Array, source: jax.Array, seen: jax.Array | None) -> jax.Array:
    """Attention weights (head, time, source time) of the steps of x to those of `source`; zero where not `seen`."""
    return jax.nn.softmax(scores(weights, x, source, seen), axis=-1)


def attend(weights: Weights, x: jax.Array, source: jax.Array, seen: jax.Array | None) -> jax.Array:
    """Values of the source averaged with the attention weights of the steps of x, mapped to the width of x.

    The sums of exponentials divide the averages (head, time, feature) rather than the weights, which are more numbers;
    with heads first this is .78 of the time of equinox's layer. JAX's own `dot_product_attention` computes its softmax
    in single precision even for doubles, an error of 1e-7 that a sampler's densities should not have.
    """
    score = scores(weights, x, source, seen)
    share = jnp.exp(score - lax.stop_gradient(score.max(axis=-1, keepdims=True)))  # a shift of all changes nothing
    mixed = jnp.einsum("hts,hsf->htf", share, jnp.einsum("hfw,sw->hsf", weights["value"], source))
    return jnp.einsum("uhf,htf->tu", weights["output"], mixed / share.sum(axis=-1)[..., None]) + weights["bias"]


def scores(weights: Weights, x: jax.Array, source: jax.Array, seen: jax.Array | None) -> jax.Array:
    """Scores (head, time, source time) of the steps of x with those of `source`; minus infinity where not `seen`."""
    scaled = weights["query"] / weights["query"].shape[1] ** 0.5
    query, key = jnp.einsum("hfw,tw->htf", scaled, x), jnp.einsum("hfw,sw->hsf", weights["key"], source)
    score = jnp.einsum("htf,hsf->hts", query, key)
    return score if seen is None else jnp.where(seen, score, -jnp.inf)
