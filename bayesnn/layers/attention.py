"""Self-attention: every step of a sequence attends to the steps of the same sequence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bayesnn._internal import checks
from bayesnn._internal.weights import Shape, Weight, Weights
from bayesnn.layers.base import Layer, sequence_shape
from bayesnn.layers.positions import LONGEST


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
    bias : bool
        Whether queries, keys and values have biases (head, size), as in PyTorch; unless `rotary`, that of the keys adds
        the same to all scores of a step, which changes nothing.
    rotary : bool
        Whether queries and keys are turned by angles proportional to their positions, so that scores depend on the
        distance of two steps; `size` must then be even.

    References
    ----------
    A. Vaswani et al. (2017), Attention is all you need, NeurIPS, equation (1) and section 3.2.2; J. Su et al. (2021),
    RoFormer: enhanced transformer with rotary position embedding, arXiv:2104.09864, equation (34).

    See Also
    --------
    TransformerBlock : attention and a network per step
    attention_maps : weights of attention
    AttentionPool : a weighted mean of steps

    Examples
    --------
    >>> SelfAttention(heads=2).weights((10, 6))["query"].shape
    (2, 3, 6)
    """

    heads: int = 1
    size: int | None = None
    causal: bool = False
    bias: bool = field(default=False, metadata={"later": True})
    rotary: bool = field(default=False, metadata={"later": True})

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
        if self.bias:
            biases = (f"{role}_bias" for role in ("query", "key", "value"))
            table |= {name: Weight((self.heads, size), ("head", "feature"), "bias", width) for name in biases}
        return table | {
            "output": Weight((width, self.heads, size), ("unit", "head", "feature"), "output", inner),
            "bias": Weight((width,), ("unit",), "bias", inner),
        }

    def output_shape(self, shape: Shape) -> Shape:
        return sequence_shape(self, shape)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        return attend(weights, x, x, self._seen(len(x), mask), rotary=self.rotary)

    @property
    def has_attention(self) -> bool:
        return True

    def attention(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Attention weights (head, query step, key step); rows sum to one."""
        return attention_weights(weights, x, x, self._seen(len(x), mask), rotary=self.rotary)

    @property
    def stepwise(self) -> bool:
        return self.causal

    def before(self, weights: Weights, shape: Shape) -> Any:
        """Keys and values (head, time, size) of all steps, to be filled in."""
        heads, size, _ = weights["key"].shape
        return (jnp.zeros((heads, shape[0], size), weights["key"].dtype),) * 2

    def step(self, weights: Weights, kept: Any, x: jax.Array, place: jax.Array) -> tuple[Any, jax.Array]:
        """The step's own key and value are stored, and it attends to all stored ones."""
        query, key, value = (projected(weights, role, x[None]) for role in ("query", "key", "value"))
        if self.rotary:
            query, key = turned(query, place), turned(key, place)
        keys, values = (all_.at[:, place].set(own[:, 0]) for all_, own in zip(kept, (key, value), strict=True))
        score = scaled(weights, query, keys)[:, 0]
        share = jax.nn.softmax(jnp.where(jnp.arange(keys.shape[1]) <= place, score, -jnp.inf), axis=-1)
        mixed = jnp.einsum("hs,hsf->hf", share, values)
        return (keys, values), jnp.einsum("uhf,hf->u", weights["output"], mixed) + weights["bias"]

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
        size = width // self.heads if self.size is None else self.size
        if self.rotary and size % 2:
            raise ValueError(f"rotary=True turns pairs of features, so a head must have an even size, got {size}")
        return size


def attention_weights(
    weights: Weights, x: jax.Array, source: jax.Array, seen: jax.Array | None, *, rotary: bool = False
) -> jax.Array:
    """Attention weights (head, time, source time) of the steps of x to those of `source`; zero where not `seen`."""
    return jax.nn.softmax(scores(weights, x, source, seen, rotary), axis=-1)


def attend(
    weights: Weights, x: jax.Array, source: jax.Array, seen: jax.Array | None, *, rotary: bool = False
) -> jax.Array:
    """Values of the source averaged with the attention weights of the steps of x, mapped to the width of x.

    The sums of exponentials divide the averages (head, time, feature) rather than the weights, which are more numbers;
    with heads first this is .78 of the time of equinox's layer. JAX's own `dot_product_attention` computes its softmax
    in single precision even for doubles, an error of 1e-7 that a sampler's densities should not have.
    """
    score = scores(weights, x, source, seen, rotary)
    share = jnp.exp(score - lax.stop_gradient(score.max(axis=-1, keepdims=True)))  # a shift of all changes nothing
    mixed = jnp.einsum("hts,hsf->htf", share, projected(weights, "value", source))
    return jnp.einsum("uhf,htf->tu", weights["output"], mixed / share.sum(axis=-1)[..., None]) + weights["bias"]


def scores(weights: Weights, x: jax.Array, source: jax.Array, seen: jax.Array | None, rotary: bool) -> jax.Array:
    """Scores (head, time, source time) of the steps of x with those of `source`; minus infinity where not `seen`."""
    query, key = projected(weights, "query", x), projected(weights, "key", source)
    if rotary:
        query, key = turned(query), turned(key)
    score = scaled(weights, query, key)
    return score if seen is None else jnp.where(seen, score, -jnp.inf)


def scaled(weights: Weights, query: jax.Array, key: jax.Array) -> jax.Array:
    """Products (head, time, source time) of queries and keys over the root of their size."""
    return jnp.einsum("htf,hsf->hts", query / weights["query"].shape[1] ** 0.5, key)


def projected(weights: Weights, role: str, x: jax.Array) -> jax.Array:
    """Queries, keys or values (head, time, size) of x (time, width)."""
    values = jnp.einsum("hfw,tw->htf", weights[role], x)
    bias = weights.get(f"{role}_bias")
    return values if bias is None else values + bias[:, None, :]


def turned(values: jax.Array, first: jax.Array | int = 0) -> jax.Array:
    """Queries or keys (head, time, size): pair i of features at step t turned by the angle t / 10000^(2i/size).

    `first` is the step of the first of them.
    """
    _, time, size = values.shape
    rate = LONGEST ** -(np.arange(0, size, 2) / size)
    if isinstance(first, int):  # known when the program is made, so in double precision
        angle = (first + np.arange(time))[:, None] * rate
        cosine, sine = (jnp.asarray(part, values.dtype) for part in (np.cos(angle), np.sin(angle)))
    else:
        angles = (first + jnp.arange(time))[:, None] * rate
        cosine, sine = (part.astype(values.dtype) for part in (jnp.cos(angles), jnp.sin(angles)))
    even, odd = values[..., 0::2], values[..., 1::2]
    return jnp.stack([even * cosine - odd * sine, even * sine + odd * cosine], axis=-1).reshape(values.shape)
